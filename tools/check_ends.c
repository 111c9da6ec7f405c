/* SPDX-License-Identifier: Apache-2.0 */
/* Where a token ends: offsets at and past its end, writes longer than its rest. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check_result.h"
#include "check_tests.h"

static void offset_at_end(struct check *c)
{
	uint64_t n = c->window / probe_bs(c->dst);
	const uint64_t rows[] = { n, n + 1 };
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r = area_range(c->da, check_to(c, 2), c->window);
	char text[160];

	if (!check_take(c, F_WUT_OFFSET_END, check_from(c, 2), c->window, 0, token) ||
	    !area_fill(c->da, check_to(c, 2), c->window))
		return;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct initiator_cmd cmd = probe_wut(c->dst, disk_next_list_id(c->dst->host), 0,
						     token, rows[i], &r, 1);

		finding_judge(c->f, SIDE_SOURCE, F_WUT_OFFSET_END,
			      probe_sense(&cmd, KEY_ILLEGAL_REQUEST,
					  ASC_INVALID_FIELD_IN_PARAMETER_LIST),
			      VERDICT_FAIL,
			      "offset %" PRIu64 " of a token of %" PRIu64 " blocks: %s", rows[i], n,
			      probe_text(&cmd, text, sizeof(text)));
		check_untouched(c, F_WUT_OFFSET_END, check_to(c, 2), c->window);
	}
}

/*
 * Offsets that are small when they are taken for signed, for 32 bits or for bytes in
 * 64 bits; the token begins in the middle of the area, so that blocks before it are ours.
 */
static void offset_escape(struct check *c)
{
	uint64_t n = c->window / probe_bs(c->dst), bs = probe_bs(c->dst);
	const uint64_t rows[] = {
		UINT64_C(1) << 63,
		UINT64_MAX - n + 1,	   /* minus one token          */
		UINT64_MAX,		   /* minus one block          */
		UINT64_C(1) << 32,	   /* 0 in 32 bits             */
		(UINT64_C(1) << 32) / bs,  /* 0 bytes in 32 bits       */
		UINT64_MAX / bs + 1,	   /* 0 bytes in 64 bits       */
		(UINT64_MAX / bs + 1) - n, /* minus one token in bytes */
	};
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r = area_range(c->da, check_to(c, 2), c->window);
	char text[160];

	if (!check_take(c, F_WUT_OFFSET_ESCAPE, check_from(c, 4), c->window, 0, token) ||
	    !area_fill(c->da, check_to(c, 2), c->window))
		return;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct initiator_cmd cmd = probe_wut(c->dst, disk_next_list_id(c->dst->host), 0,
						     token, rows[i], &r, 1);
		bool refused = cmd.error == 0 && cmd.status == SAM_CHECK_CONDITION &&
			       check_wut_done(&cmd, n) == 0;

		finding_judge(c->f, SIDE_SOURCE, F_WUT_OFFSET_ESCAPE, refused, VERDICT_FAIL,
			      "offset %016" PRIX64 "h of a token of %" PRIu64 " blocks: %s",
			      rows[i], n, probe_text(&cmd, text, sizeof(text)));
		check_untouched(c, F_WUT_OFFSET_ESCAPE, check_to(c, 2), c->window);
	}
}

/* The count in INFORMATION (0: Windows asks for the result), and in the result. */
static void judge_partial(struct check *c, const struct initiator_cmd *cmd, uint32_t id,
			  uint64_t asked, uint64_t there)
{
	struct rrti *q = &c->dst->scratch;
	uint8_t code = cmd->sense_raw[0] & 0x7f;
	char text[160];

	/* Fixed format, for Windows sees 18 bytes. */
	finding_judge(c->f, SIDE_SOURCE, F_WUT_PARTIAL,
		      (cmd->sense.flags & SENSE_INFO) && cmd->sense.info == there &&
			      (code == 0x70 || code == 0x71),
		      cmd->sense.info ? VERDICT_FAIL : VERDICT_WARN,
		      "%s, response code %02Xh, INFORMATION %" PRIu64 ", %" PRIu64 " of %" PRIu64
		      " blocks were there to write",
		      probe_text(cmd, text, sizeof(text)), code, cmd->sense.info, there, asked);
	probe_rrti(c->dst, id, DISK_RRTI_PT_LEN, q);
	if (q->decoded)
		check_wut_result(q, asked, there, c->f);
	finding_judge(c->f, SIDE_SOURCE, F_WUT_PARTIAL,
		      q->decoded && q->r.status == TPC_PARTIAL && q->r.count == there, VERDICT_FAIL,
		      "%" PRIu64
		      " blocks were there to write; the result: %s, status %02Xh, %" PRIu64,
		      there, probe_text(&q->cmd, text, sizeof(text)), q->r.status, q->r.count);
}

/* Twice the token, and once more from its middle. */
static void past_token(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN];
	size_t to = check_to(c, 3);
	uint64_t asked = 2 * c->window / probe_bs(c->dst);
	char text[160];

	if (!check_take(c, F_WUT_PAST_TOKEN, check_from(c, 3), c->window, 0, token))
		return;
	for (unsigned i = 0; i < 2; i++) {
		size_t skip = i * c->window / 2;
		uint64_t there = (c->window - skip) / probe_bs(c->dst);
		struct tpc_range r = area_range(c->da, to, 2 * c->window);
		uint32_t id = disk_next_list_id(c->dst->host);
		struct initiator_cmd cmd;

		if (!area_fill(c->da, to, 2 * c->window))
			return;
		cmd = probe_wut(c->dst, id, 0, token, skip / probe_bs(c->dst), &r, 1);
		finding_judge(c->f, SIDE_SOURCE, F_WUT_PAST_TOKEN,
			      cmd.error == 0 && cmd.status == SAM_CHECK_CONDITION &&
				      check_wut_done(&cmd, asked) <= there,
			      VERDICT_FAIL,
			      "%" PRIu64 " blocks of a token with %" PRIu64 " left: %s", asked,
			      there, probe_text(&cmd, text, sizeof(text)));
		if (probe_good(&cmd)) {
			area_learn(c->da, to, 2 * c->window);
			continue;
		}
		if (check_truncated(&cmd))
			judge_partial(c, &cmd, id, asked, there);
		else if (cmd.sense.flags & SENSE_INFO && cmd.sense.info > asked)
			finding_add(c->f, SIDE_SOURCE, F_WUT_PARTIAL, VERDICT_FAIL,
				    "INFORMATION %" PRIu64 " says more than the %" PRIu64
				    " blocks that were asked for",
				    cmd.sense.info, asked);
		else
			finding_add(c->f, SIDE_SOURCE, F_WUT_PARTIAL, VERDICT_WARN,
				    "nothing is written instead of what is there: %s",
				    probe_text(&cmd, text, sizeof(text)));
		if (check_wut_done(&cmd, asked) <= there)
			check_written(c, F_WUT_PAST_TOKEN, &cmd,
				      c->sa->model + check_from(c, 3) + skip, to, 2 * c->window);
		else
			area_learn(c->da, to, 2 * c->window);
	}
}

/* What Windows asks after a write that failed. */
static void refused_kept(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r = area_range(c->da, check_to(c, 3), c->window);
	uint32_t id = disk_next_list_id(c->dst->host);
	struct rrti *q = &c->dst->scratch;
	struct initiator_cmd cmd;
	char text[160];

	if (!check_take(c, F_WUT_REFUSED_KEPT, check_from(c, 3), c->window, 0, token))
		return;
	/* An offset past the end: the same as in offset_at_end. */
	cmd = probe_wut(c->dst, id, 0, token, c->window, &r, 1);
	if (check_wut_done(&cmd, r.blocks)) {
		area_learn(c->da, check_to(c, 3), c->window);
		return;
	}
	probe_rrti(c->dst, id, DISK_RRTI_PT_LEN, q);
	finding_judge(c->f, SIDE_SOURCE, F_WUT_REFUSED_KEPT,
		      q->decoded && q->r.status == TPC_FAILED && q->r.count == 0 &&
			      q->r.sense.key == cmd.sense.key && q->r.sense.asc == cmd.sense.asc &&
			      q->r.sense.ascq == cmd.sense.ascq,
		      VERDICT_FAIL,
		      "after %X/%02X/%02X: %s, status %02Xh, %" PRIu64 " blocks, %X/%02X/%02X",
		      cmd.sense.key, cmd.sense.asc, cmd.sense.ascq,
		      probe_text(&q->cmd, text, sizeof(text)), q->r.status, q->r.count,
		      q->r.sense.key, q->r.sense.asc, q->r.sense.ascq);
	if (q->decoded)
		check_wut_result(q, r.blocks, 0, c->f);
}

void check_ends(struct check *c)
{
	static const struct check_test tests[] = {
		{ "an offset at the end of a token", offset_at_end },
		{ "offsets that overflow", offset_escape },
		{ "more than the rest of a token", past_token },
		{ "the result of a refused command", refused_kept },
	};

	check_run(c, tests, sizeof(tests) / sizeof(tests[0]));
}
