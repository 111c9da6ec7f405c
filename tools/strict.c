/* SPDX-License-Identifier: Apache-2.0 */
#include "strict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define RRTI_LEAST    36 /* header and ROD TOKEN DESCRIPTORS LENGTH             */
#define AVAILABLE_MAX (32 + 255 + 4 + 512)
#define SENSE_BUFFER  18 /* all that Windows has room for */

static const struct {
	const char *name, *text;
} rules[STRICT_RULES] = {
	[STRICT_SHORT] = { "rrti-short", "the answer ends before the token descriptors' length" },
	[STRICT_SA] = { "rrti-service-action",
			"RESPONSE TO SERVICE ACTION is not that of the command asked about" },
	[STRICT_STATUS] = { "rrti-status",
			    "COPY OPERATION STATUS is none that Windows takes for an end" },
	[STRICT_COMPLETION] = { "rrti-completion",
				"EXTENDED COPY COMPLETION STATUS is BUSY, on which Windows' disk "
				"driver may reset the bus" },
	[STRICT_SENSE_FIELD] = { "rrti-sense-field",
				 "LENGTH OF THE SENSE DATA FIELD is less than SENSE DATA LENGTH" },
	[STRICT_SENSE_LEN] = { "rrti-sense-length",
			       "SENSE DATA LENGTH is more than Windows has room for" },
	[STRICT_UNITS] = { "rrti-units", "TRANSFER COUNT UNITS are not blocks" },
	[STRICT_SEGMENTS] = { "rrti-segments", "SEGMENTS PROCESSED is not 0" },
	[STRICT_DESCRIPTORS] = { "rrti-descriptors-length",
				 "ROD TOKEN DESCRIPTORS LENGTH is wrong" },
	[STRICT_CSCD_ID] = { "rrti-cscd-id", "ID FOR CREATING ROD CSCD DESCRIPTOR is not 0" },
	[STRICT_COUNT_ALL] = { "rrti-count-all",
			       "status 01h, but TRANSFER COUNT is not what was asked for" },
	[STRICT_COUNT_PART] = { "rrti-count-part",
				"status 03h, but TRANSFER COUNT is not less than was asked for" },
	[STRICT_COUNT_NONE] = { "rrti-count-none", "a failure, but TRANSFER COUNT is not 0" },
	[STRICT_COUNT_MORE] = { "rrti-count-more", "TRANSFER COUNT is more than was asked for; "
						   "Windows takes it for 0" },
	[STRICT_AVAILABLE] = { "rrti-available",
			       "AVAILABLE DATA does not fit the bytes that came" },
	[STRICT_RESIDUAL] = { "rrti-residual", "the residual count does not fit AVAILABLE DATA" },
	[STRICT_OWN_TOKEN] = { "token-reserved-type",
			       "a token was made whose type is reserved for well-known tokens" },
	[STRICT_INFORMATION] = { "wut-information", "INFORMATION is more than was asked for; "
						    "Windows would skip data" },
	[STRICT_VALID] = { "wut-information-valid",
			   "INFORMATION is not 0 though VALID is; Windows believes it" },
	[STRICT_OPTIMAL] = { "limits-optimal",
			     "OPTIMAL TRANSFER COUNT is above MAXIMUM TOKEN TRANSFER SIZE" },
};

const char *strict_name(enum strict_rule rule)
{
	return rules[rule].name;
}

const char *strict_text(enum strict_rule rule)
{
	return rules[rule].text;
}

__attribute__((format(printf, 4, 5))) static void found(const struct strict *s, unsigned lun,
							enum strict_rule rule, const char *format,
							...)
{
	struct strict_violation v = {
		.rule = rule, .name = rules[rule].name, .text = rules[rule].text, .lun = lun
	};
	va_list args;

	va_start(args, format);
	vsnprintf(v.detail, sizeof(v.detail), format, args);
	va_end(args);
	s->found(s->ctx, &v);
}

static bool is_end(uint8_t status)
{
	return status == TPC_DONE || status == TPC_FAILED || status == TPC_PARTIAL ||
	       status == TPC_TERMINATED;
}

static void judge_header(const struct strict *s, unsigned lun, const struct tpc_result *r,
			 uint8_t sa)
{
	if (r->sa != sa)
		found(s, lun, STRICT_SA, "%02Xh, must be %02Xh", r->sa, sa);
	if (!is_end(r->status))
		found(s, lun, STRICT_STATUS, "%02Xh, must be 01h, 02h, 03h or 60h", r->status);
	if (r->completion == SAM_BUSY)
		found(s, lun, STRICT_COMPLETION, "08h, must be 00h or 02h");
	if (r->sense_len > r->sense_field_len)
		found(s, lun, STRICT_SENSE_FIELD, "%zu, less than %zu", r->sense_field_len,
		      r->sense_len);
	if (r->sense_len > SENSE_BUFFER)
		found(s, lun, STRICT_SENSE_LEN, "%zu, at most %d", r->sense_len, SENSE_BUFFER);
	if (r->units != TPC_UNITS_BLOCKS)
		found(s, lun, STRICT_UNITS, "%02Xh, must be F1h", r->units);
	if (r->segments != 0)
		found(s, lun, STRICT_SEGMENTS, "%u", r->segments);
}

static void judge_count(const struct strict *s, unsigned lun, const struct tpc_result *r,
			uint64_t asked)
{
	enum strict_rule rule;

	if (r->count > asked)
		rule = STRICT_COUNT_MORE;
	else if (r->status == TPC_DONE && r->count != asked)
		rule = STRICT_COUNT_ALL;
	else if (r->status == TPC_PARTIAL && r->count >= asked)
		rule = STRICT_COUNT_PART;
	else if ((r->status == TPC_FAILED || r->status == TPC_TERMINATED) && r->count != 0)
		rule = STRICT_COUNT_NONE;
	else
		return;
	found(s, lun, rule, "%" PRIu64 " of %" PRIu64 " blocks, status %02Xh", r->count, asked,
	      r->status);
}

static void judge_token(const struct strict *s, unsigned lun, const struct tpc_result *r, bool pt)
{
	bool want = pt && (r->status == TPC_DONE || r->status == TPC_PARTIAL);
	uint32_t len = want ? 2 + ROD_TOKEN_LEN : 0;

	if (is_end(r->status) && r->descriptors_len != len)
		found(s, lun, STRICT_DESCRIPTORS, "%" PRIu32 ", must be %" PRIu32,
		      r->descriptors_len, len);
	if (!r->token)
		return;
	if (r->token_cscd_id != 0)
		found(s, lun, STRICT_CSCD_ID, "%04Xh", r->token_cscd_id);
	if (get_be16(r->token) == ROD_TYPE_ZERO >> 16)
		found(s, lun, STRICT_OWN_TOKEN, "%08" PRIX32 "h", get_be32(r->token));
}

/* What came is all there is, or as much as there was room for. */
static void judge_length(const struct strict *s, unsigned lun, const struct initiator_cmd *cmd,
			 const struct tpc_result *r)
{
	uint64_t natural = (uint64_t)r->available + 4;
	uint64_t come = natural < cmd->len ? natural : cmd->len;

	if (r->available > AVAILABLE_MAX || come != cmd->in_len)
		found(s, lun, STRICT_AVAILABLE, "%" PRIu32 ", %zu bytes came", r->available,
		      cmd->in_len);
	else if (cmd->residual != (int64_t)cmd->len - (int64_t)natural)
		found(s, lun, STRICT_RESIDUAL, "%" PRId64 ", must be %" PRId64, cmd->residual,
		      (int64_t)cmd->len - (int64_t)natural);
}

void strict_rrti(const struct strict *s, unsigned lun, const struct initiator_cmd *cmd,
		 enum scsi_cmd op, uint64_t asked)
{
	struct tpc_result r;

	if (!s->found)
		return;
	if (!tpc_result_decode(cmd->data, cmd->in_len, &r) || cmd->in_len < RRTI_LEAST) {
		found(s, lun, STRICT_SHORT, "%zu bytes, at least %d", cmd->in_len, RRTI_LEAST);
		return;
	}
	judge_header(s, lun, &r, (uint8_t)scsi_ops[op].sa);
	judge_count(s, lun, &r, asked);
	judge_token(s, lun, &r, op == CMD_POPULATE_TOKEN);
	judge_length(s, lun, cmd, &r);
}

void strict_information(const struct strict *s, unsigned lun, uint64_t info, bool valid,
			uint64_t asked)
{
	if (!s->found)
		return;
	if (info > 0 && !valid)
		found(s, lun, STRICT_VALID, "%" PRIu64 " of %" PRIu64 " blocks", info, asked);
	if (info > asked)
		found(s, lun, STRICT_INFORMATION, "%" PRIu64 " of %" PRIu64 " blocks", info, asked);
}

void strict_limits(const struct strict *s, unsigned lun, const struct vpd_8f *odx)
{
	if (s->found && odx->max_token_blocks && odx->optimal_blocks > odx->max_token_blocks)
		found(s, lun, STRICT_OPTIMAL, "%" PRIu64 " above %" PRIu64 " blocks",
		      odx->optimal_blocks, odx->max_token_blocks);
}
