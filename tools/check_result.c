/* SPDX-License-Identifier: Apache-2.0 */
#include "check_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SENSE_BUFFER 18 /* bytes, Windows' */
#define DESCRIPTOR   (2 + ROD_TOKEN_LEN)

/* Bytes of the whole answer, by its own length fields. */
static size_t whole(const struct rrti *r)
{
	return 36 + r->r.sense_field_len + r->r.descriptors_len;
}

static void judge_header(const struct rrti *r, uint8_t sa, struct findings *f)
{
	const struct tpc_result *t = &r->r;

	finding_judge(f, SIDE_SOURCE, F_RRTI_HEADER,
		      t->sa == sa && t->available + 4 == whole(r) && t->segments == 0 &&
			      t->token_cscd_id == 0,
		      VERDICT_FAIL,
		      "AVAILABLE DATA %u, the fields make %zu; service action %02Xh; segments %u; "
		      "CSCD identifier %u",
		      t->available, whole(r) - 4, t->sa, t->segments, t->token_cscd_id);
}

static void judge_status(const struct rrti *r, struct findings *f)
{
	uint8_t s = r->r.status;
	const char *remark = "";

	if (s == 0x04)
		remark = ", which Windows does not know: truncation is 03h";
	else if (s == TPC_IN_PROGRESS || s == TPC_FOREGROUND || s == TPC_BACKGROUND)
		remark = ", in progress, of a command that has ended";
	else if (s == TPC_FAILED || s == TPC_TERMINATED)
		remark = ", failed, of a command that ended with GOOD";
	finding_judge(f, SIDE_SOURCE, F_RRTI_STATUS, s == TPC_DONE || s == TPC_PARTIAL,
		      VERDICT_FAIL, "COPY OPERATION STATUS %02Xh%s", s, remark);
}

static void judge_count(const struct rrti *r, uint64_t blocks, uint64_t done, struct findings *f)
{
	const struct tpc_result *t = &r->r;
	bool ok = t->count <= blocks && t->count == done;

	if (t->status == TPC_DONE)
		ok = ok && t->count == blocks;
	else if (t->status == TPC_PARTIAL)
		ok = ok && t->count < blocks;
	else
		ok = t->count == 0 && !t->token;
	finding_judge(f, SIDE_SOURCE, F_RRTI_UNITS, t->units == TPC_UNITS_BLOCKS, VERDICT_FAIL,
		      "TRANSFER COUNT UNITS %02Xh", t->units);
	finding_judge(f, SIDE_SOURCE, F_RRTI_COUNT, ok, VERDICT_FAIL,
		      "TRANSFER COUNT %" PRIu64 " of %" PRIu64 " blocks, status %02Xh%s", t->count,
		      blocks, t->status, t->token ? ", with a token" : "");
}

static void judge_sense(const struct rrti *r, struct findings *f)
{
	const struct tpc_result *t = &r->r;
	uint8_t code = t->sense_len && r->cmd.in_len > 32 ? r->data[32] & 0x7f : 0x70;
	bool known = t->completion == SAM_GOOD || t->completion == SAM_CHECK_CONDITION ||
		     (t->completion == SAM_TASK_ABORTED && t->status == TPC_TERMINATED);
	bool ok = known && t->sense_len <= t->sense_field_len && t->sense_len <= SENSE_BUFFER &&
		  (code == 0x70 || code == 0x71) &&
		  !(t->sense_len == 0 && t->sense_field_len > 0) &&
		  !(t->sense_len > 0 && t->status == TPC_DONE);

	finding_judge(f, SIDE_SOURCE, F_RRTI_SENSE, ok, VERDICT_FAIL,
		      "%zu bytes of sense in a field of %zu, response code %02Xh, EXTENDED COPY "
		      "COMPLETION STATUS %02Xh",
		      t->sense_len, t->sense_field_len, code, t->completion);
}

/* The token's own header: ROD TOKEN LENGTH at bytes 6 and 7. */
static bool token_at(const struct rrti *r, size_t at)
{
	return at + ROD_TOKEN_LEN <= r->cmd.in_len &&
	       get_be16(r->data + at + 6) == ROD_TOKEN_LENGTH_FIELD;
}

static void judge_token(const struct rrti *r, struct findings *f)
{
	const struct tpc_result *t = &r->r;
	size_t at = 38 + t->sense_field_len, other = 0;

	finding_judge(f, SIDE_SOURCE, F_RRTI_DESCRIPTORS, t->descriptors_len == DESCRIPTOR,
		      VERDICT_FAIL, "ROD TOKEN DESCRIPTORS LENGTH %u (%Xh)", t->descriptors_len,
		      t->descriptors_len);
	if (token_at(r, at)) {
		finding_add(f, SIDE_SOURCE, F_RRTI_TOKEN_PLACE, VERDICT_PASS,
			    "at byte %zu, behind a sense field of %zu bytes", at,
			    t->sense_field_len);
		return;
	}
	for (size_t i = 32; i + ROD_TOKEN_LEN <= r->cmd.in_len && !other; i++)
		if (token_at(r, i) && get_be16(r->data + i + 4) == 0)
			other = i;
	if (other)
		finding_add(f, SIDE_SOURCE, F_RRTI_TOKEN_PLACE, VERDICT_FAIL,
			    "at byte %zu instead of %zu (sense field %zu, sense %zu bytes)", other,
			    at, t->sense_field_len, t->sense_len);
	else
		finding_add(f, SIDE_SOURCE, F_RRTI_TOKEN_PLACE, VERDICT_FAIL,
			    "no token header at byte %zu: its length field is not 01F8h", at);
}

void check_pt_result(const struct rrti *r, uint64_t blocks, struct findings *f)
{
	if (r->cmd.in_len < 36) {
		finding_add(f, SIDE_SOURCE, F_RRTI_HEADER, VERDICT_FAIL, "only %zu bytes came",
			    r->cmd.in_len);
		return;
	}
	judge_header(r, scsi_ops[CMD_POPULATE_TOKEN].sa, f);
	judge_status(r, f);
	judge_count(r, blocks, r->r.count, f);
	judge_sense(r, f);
	judge_token(r, f);
}

static void judge_wut(const struct rrti *r, uint64_t blocks, uint64_t done, struct findings *f)
{
	if (r->cmd.in_len < 36) {
		finding_add(f, SIDE_SOURCE, F_RRTI_HEADER, VERDICT_FAIL, "only %zu bytes came",
			    r->cmd.in_len);
		return;
	}
	judge_header(r, scsi_ops[CMD_WRITE_USING_TOKEN].sa, f);
	if (done)
		judge_status(r, f);
	judge_count(r, blocks, done, f);
	judge_sense(r, f);
	finding_judge(f, SIDE_SOURCE, F_RRTI_DESCRIPTORS, r->r.descriptors_len == 0, VERDICT_FAIL,
		      "ROD TOKEN DESCRIPTORS LENGTH %u, after WRITE USING TOKEN",
		      r->r.descriptors_len);
}

void check_wut_result(const struct rrti *r, uint64_t blocks, uint64_t done, struct findings *f)
{
	struct findings own;

	memset(&own, 0, sizeof(own));
	judge_wut(r, blocks, done, &own);
	for (unsigned i = 0; i < FINDING_COUNT; i++)
		if (own.v[i][SIDE_SOURCE].set)
			finding_add(f, SIDE_SOURCE, F_WUT_RESULT, own.v[i][SIDE_SOURCE].verdict,
				    "%s", own.v[i][SIDE_SOURCE].saw);
}

/* As behind LIO, which cannot tell how long an answer is: harmless, zeros are no field. */
static bool filled_up(const struct rrti *r, size_t all)
{
	if (all == 0 || all >= r->asked || r->cmd.in_len != r->asked || r->cmd.residual)
		return false;
	for (size_t i = all; i < r->asked; i++)
		if (r->data[i])
			return false;
	return true;
}

void check_rrti_length(const struct rrti *r, enum finding what, struct findings *f)
{
	size_t all = r->cmd.in_len >= 4 ? (size_t)get_be32(r->data) + 4 : 0;
	size_t want = all < r->asked ? all : r->asked;

	if (!probe_good(&r->cmd)) {
		char text[160];

		finding_add(f, SIDE_SOURCE, what, VERDICT_FAIL, "allocation length %u: %s",
			    r->asked, probe_text(&r->cmd, text, sizeof(text)));
		return;
	}
	if (filled_up(r, all)) {
		finding_add(
			f, SIDE_SOURCE, what, VERDICT_WARN,
			"allocation length %u: %zu bytes of data and zeros after them, no residual",
			r->asked, all);
		return;
	}
	finding_judge(f, SIDE_SOURCE, what,
		      r->cmd.in_len == want && r->cmd.residual == (int64_t)(r->asked - want),
		      VERDICT_FAIL,
		      "allocation length %u: %zu bytes, AVAILABLE DATA %zu, residual %" PRId64,
		      r->asked, r->cmd.in_len, all ? all - 4 : 0, r->cmd.residual);
}

bool check_truncated(const struct initiator_cmd *cmd)
{
	return probe_sense(cmd, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN) ||
	       probe_sense(cmd, KEY_ABORTED_COMMAND, ASC_COPY_TARGET_DATA_UNDERRUN);
}

uint64_t check_wut_done(const struct initiator_cmd *cmd, uint64_t blocks)
{
	if (probe_good(cmd))
		return blocks;
	if (check_truncated(cmd) && cmd->sense.info <= blocks)
		return cmd->sense.info;
	return 0;
}
