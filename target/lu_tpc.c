/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Third-party copy commands: judging POPULATE TOKEN and WRITE USING TOKEN lists.
 * What runs after the judgement is in cm_token.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lu_impl.h"

const struct lu_tpc_config lu_tpc_defaults = {
	.enabled = true,
	.max_ranges = 64,
	.max_token_bytes = 4ull << 30,
	.optimal_bytes = 256ull << 20,
	.max_timeout_s = 600,
	.default_timeout_s = 60,
	.deadline_ms = 3000,
	.results_per_nexus = 256,
	.max_background = 8,
};

/* A size in the configuration: none, or whole blocks. */
static bool check_size(const char *key, uint64_t bytes, uint32_t block_size, char *err, size_t cap)
{
	if (bytes % block_size == 0)
		return true;
	snprintf(err, cap, "%s must be 0 or a multiple of the block size, %u", key, block_size);
	return false;
}

static bool check_sizes(const struct lu_tpc_config *c, uint32_t block_size, char *err, size_t cap)
{
	uint64_t most = LU_TPC_MAX_BLOCKS * block_size;

	if (!check_size("max-token", c->max_token_bytes, block_size, err, cap) ||
	    !check_size("optimal", c->optimal_bytes, block_size, err, cap) ||
	    !check_size("token-covers", c->covers_bytes, block_size, err, cap))
		return false;
	if (c->max_token_bytes > most)
		snprintf(err, cap,
			 "max-token is above %llu GiB, which no command does; say 0 for "
			 "\"no limit\"",
			 (unsigned long long)(most >> 30));
	else if (c->max_token_bytes && c->optimal_bytes > c->max_token_bytes)
		snprintf(err, cap, "optimal is above max-token; lower it or raise max-token");
	else if (c->max_token_bytes && c->covers_bytes > c->max_token_bytes)
		snprintf(err, cap, "token-covers is above max-token; lower it or raise max-token");
	else if (c->covers_bytes && c->optimal_bytes > c->covers_bytes)
		snprintf(err, cap,
			 "optimal is above token-covers, so that every token would be "
			 "cut short; lower optimal or raise token-covers");
	else
		return true;
	return false;
}

static bool check_timeouts(const struct lu_tpc_config *c, char *err, size_t cap)
{
	if (c->max_timeout_s == 0 || c->default_timeout_s == 0)
		snprintf(err, cap, "max-timeout and default-timeout must be at least 1 s");
	else if (c->default_timeout_s > c->max_timeout_s)
		snprintf(err, cap,
			 "default-timeout is above max-timeout; lower it or raise "
			 "max-timeout");
	else if (c->deadline_ms == 0)
		snprintf(err, cap, "deadline must be above 0");
	else
		return true;
	return false;
}

bool lu_tpc_check(const struct lu_tpc_config *c, uint32_t block_size, char *err, size_t cap)
{
	if (!c->enabled)
		return true;
	if (c->max_ranges < 1 || c->max_ranges > TPC_MAX_RANGES) {
		snprintf(err, cap, "max-ranges must be from 1 to %u", TPC_MAX_RANGES);
		return false;
	}
	if (!check_sizes(c, block_size, err, cap) || !check_timeouts(c, err, cap))
		return false;
	if (c->results_per_nexus == 0) {
		snprintf(err, cap, "results must be at least 1");
		return false;
	}
	return true;
}

const char *lu_tpc_unsound(const struct lu_tpc_config *c)
{
	if (c->enabled && c->deadline_ms >= 4000)
		return "deadline is 4 s or more: Windows wants a copy command to end before that";
	if (c->enabled && c->default_timeout_s < 10)
		return "default-timeout is below 10 s: tokens may expire in the middle of a copy";
	return NULL;
}

/* ---- judging ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Ranges of the medium in bytes, the first @max_blocks blocks of the list. */
static bool set_ranges(struct cm_op *op, const struct tpc_ranges *r, uint64_t max_blocks)
{
	uint32_t bs = op->lu->info.block_size;

	op->ranges = calloc(r->n ? r->n : 1, sizeof(*op->ranges));
	if (!op->ranges)
		return false;
	for (unsigned i = 0; i < r->n && max_blocks > 0; i++) {
		struct tpc_range t = tpc_range_at(r, i);
		uint64_t blocks = least(t.blocks, max_blocks);

		if (blocks == 0)
			continue;
		op->ranges[op->n++] = (struct byte_range) { t.lba * bs, blocks * bs };
		max_blocks -= blocks;
	}
	return true;
}

static struct sense judge_ranges(struct lu *lu, const struct tpc_ranges *r, uint64_t *ret_blocks)
{
	/* One reactor at a time comes here, and nothing in between waits. */
	static _Thread_local struct tpc_range scratch[TPC_MAX_RANGES];

	return tpc_judge_ranges(r, &lu->info.limits, lu->info.block_size, lu->info.blocks, scratch,
				ret_blocks);
}

/*
 * The type of ROD that PT makes: ours, if none is asked for; the one that lives longest
 * if any will do (wire-format 2.2, 4.3).  0: not one that we make.
 */
static uint32_t rod_type_to_make(const struct lu *lu, const struct tpc_pt *pt)
{
	const uint32_t *types = lu->info.limits.rod_types;

	if (!pt->rtv)
		return types[0];
	if (pt->rod_type == ROD_TYPE_PIT_ANY)
		return types[1] ? types[1] : types[0];
	return pt->rod_type == types[0] || pt->rod_type == types[1] ? pt->rod_type : 0;
}

static struct sense judge_pt(struct lu *lu, const struct task *task, struct cm_op *op)
{
	const struct lu_tpc_config *cfg = &lu->cfg.tpc;
	struct tpc_pt pt;
	struct sense s = tpc_pt_decode(task->data[0].iov_base, task->len, &pt);

	if (!sense_is_good(s))
		return s;
	if (pt.timeout > cfg->max_timeout_s)
		return sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 4);
	op->rod_type = rod_type_to_make(lu, &pt);
	if (!op->rod_type)
		return sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 8);
	s = judge_ranges(lu, &pt.ranges, &op->blocks);
	if (!sense_is_good(s))
		return s;
	op->timeout_s = pt.timeout ? pt.timeout : cfg->default_timeout_s;
	op->todo = least(op->blocks, LU_TPC_MAX_BLOCKS);
	if (cfg->covers_bytes)
		op->todo = least(op->todo, cfg->covers_bytes / lu->info.block_size);
	op->capture.owner = token_owner(lu->env.tokens, task->nexus->initiator);
	if (!op->capture.owner || !set_ranges(op, &pt.ranges, op->todo))
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_INSUFFICIENT_RESOURCES_ROD);
	return token_room(lu->env.tokens, op->capture.owner, &lu->tokens);
}

/*
 * Blocks that exist in the ROD from @offset on: whole ones, and a last one that
 * the ROD only begins (unlike block sizes; its tail is zero-filled and it counts,
 * wire-format 7.8).  False: the offset is at or past the end.
 */
static bool blocks_from(const struct token_use *use, uint64_t offset, uint32_t block_size,
			uint64_t *ret_blocks)
{
	uint64_t off, left;

	if (use->zero) {
		*ret_blocks = UINT64_MAX;
		return true;
	}
	if (__builtin_mul_overflow(offset, block_size, &off) || off >= use->bytes)
		return false;
	left = use->bytes - off;
	*ret_blocks = left / block_size + (left % block_size != 0);
	return true;
}

static struct sense judge_wut(struct lu *lu, const struct task *task, struct cm_op *op)
{
	uint32_t bs = lu->info.block_size;
	uint64_t avail;
	struct tpc_wut wut;
	struct sense s = tpc_wut_decode(task->data[0].iov_base, task->len, &wut);

	if (!sense_is_good(s))
		return s;
	if (lu->cfg.read_only || lu->mode.swp)
		return sense_make(KEY_DATA_PROTECT, ASC_WRITE_PROTECTED);
	s = token_acquire(lu->env.tokens, wut.token, &op->use);
	if (!sense_is_good(s)) {
		s.flags |= SENSE_FIELD_PL;
		s.field = 16;
		return s;
	}
	op->holds_token = true;
	op->del_tkn = wut.del_tkn;
	if (!blocks_from(&op->use, wut.offset, bs, &avail))
		return sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 8);
	s = judge_ranges(lu, &wut.ranges, &op->blocks);
	if (!sense_is_good(s))
		return s;
	op->todo = least(least(op->blocks, avail), LU_TPC_MAX_BLOCKS);
	op->copy.src_off = op->use.zero ? 0 : wut.offset * bs;
	if (!set_ranges(op, &wut.ranges, op->todo))
		return sense_from_errno(-ENOMEM, DATA_WRITE);
	/*
	 * Where RODs are cancelled, writing over this one's own source would do it half
	 * way: cancel it now, with nothing written.
	 */
	if (!op->use.zero && bs_rod_keep(lu->bs) == ROD_KEEP_CANCEL &&
	    rod_touches(op->use.rod, lu->bs, op->ranges, op->n)) {
		rod_cancel(op->use.rod);
		return sense_pl(ASC_TOKEN_CANCELLED, 16);
	}
	return sense_good();
}

/* ---- the commands ---- */

/* FNV-1a. */
uint64_t lu_digest_list(uint8_t sa, const uint8_t *list, size_t len)
{
	uint64_t h = (0xcbf29ce484222325u ^ sa) * 0x100000001b3u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ list[i]) * 0x100000001b3u;
	return h;
}

bool lu_tpc_keeps(const struct task *task)
{
	uint8_t sa = task->cdb[1] & 0x1f;

	return task->cdb[0] == 0x83 && (sa == 0x10 || sa == 0x11);
}

void lu_tpc_refused(const struct lu *lu, const struct task *task)
{
	struct cm_request req = { .sa = task->cdb[1] & 0x1f,
				  .list_id = get_be32(task->cdb + 6),
				  .now = ring_now(lu->env.ring),
				  .shared = task->nexus->shared };

	if (lu_tpc_keeps(task))
		cm_refused(lu_results(lu, task), &req);
}

/*
 * PT and WUT alike: the list identifier is taken, the list judged, and then the
 * work started or the refusal kept for RRTI (decisions.md 1).
 */
static void originate(struct lu *lu, struct task *task, uint8_t sa,
		      struct sense (*judge)(struct lu *, const struct task *, struct cm_op *),
		      void (*run)(struct cm_op *))
{
	struct cm_results *results = lu_results(lu, task);
	struct cm_request req = { .list_id = task->req.list_id,
				  .sa = sa,
				  .now = ring_now(lu->env.ring),
				  .shared = task->nexus->shared };
	struct cm_op *op;
	struct sense s;

	if (task->req.len == 0) { /* no operation, the identifier is not used */
		task_finish_later(task, sense_good());
		return;
	}
	if (task->len == 0) { /* the initiator sent nothing of what the CDB announced */
		cm_refused(results, &req);
		task_finish_later(task,
				  sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR));
		return;
	}
	if (req.shared)
		req.digest = lu_digest_list(sa, task->data[0].iov_base, task->len);
	s = cm_begin(results, lu->cfg.tpc.results_per_nexus, &req, &op);
	if (!sense_is_good(s)) {
		task_finish_later(task, s);
		return;
	}
	op->lu = lu;
	op->unit = lu->info.block_size;
	s = judge(lu, task, op);
	if (sense_is_good(s) && task->answer && task->answer->sense.key != KEY_RECOVERED_ERROR)
		s = task->answer->sense;
	if (!sense_is_good(s)) {
		cm_refuse(op, s);
		task_finish_later(task, s);
		return;
	}
	/* IMMED stands in the same place of both lists. */
	cm_run(op, task, ((const uint8_t *)task->data[0].iov_base)[2] & 1, run);
}

static void populate_token(struct lu *lu, struct task *task)
{
	lu->stats.populate_tokens++;
	originate(lu, task, 0x10, judge_pt, cm_populate);
}

static void write_using_token(struct lu *lu, struct task *task)
{
	lu->stats.writes_using_token++;
	originate(lu, task, 0x11, judge_wut, cm_write);
}

const lu_handler lu_tpc_handlers[CMD_COUNT] = {
	[CMD_POPULATE_TOKEN] = populate_token,
	[CMD_WRITE_USING_TOKEN] = write_using_token,
};
