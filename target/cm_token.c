/* SPDX-License-Identifier: Apache-2.0 */
/* The running of POPULATE TOKEN and WRITE USING TOKEN. */
#include "copymgr.h"

#include <errno.h>

#include "lu_impl.h"

#define NS_PER_MS 1000000ull

/* ---- POPULATE TOKEN ---- */

static void populate_done(struct capture *c, int res)
{
	struct cm_op *op = (struct cm_op *)((char *)c - offsetof(struct cm_op, capture));
	const struct lu_info *info = &op->lu->info;
	struct rod_token proto = {
		.type = op->rod_type,
		.bytes = op->todo * info->block_size,
		.naa = info->naa,
		.naa_len = info->naa_len,
		.block_size = info->block_size,
		.lbppbe = info->lbppbe,
		.lbpme = info->lbpme,
		.lbprz = info->lbprz,
	};
	struct sense s;

	ring_timer_cancel(op->lu->env.ring, &op->deadline);
	if (res == -ECANCELED) /* the writes before it did not end in time */
		s = sense_make(KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);
	else if (res < 0) /* no memory, or no way to keep its data */
		s = sense_make(KEY_ILLEGAL_REQUEST, ASC_INSUFFICIENT_RESOURCES_ROD);
	else if (op->lu->failed) /* meanwhile */
		s = sense_make(KEY_NOT_READY, ASC_NOT_READY_MANUAL_INTERVENTION);
	else
		s = token_issue(op->lu->env.tokens, c->ret_rod, &op->lu->tokens, &proto,
				op->timeout_s, op->token);
	if (res == 0)
		rod_unref(c->ret_rod);
	op->done_chunks = 1;
	if (!sense_is_good(s)) {
		cm_finish(op, TPC_FAILED, 0, s);
		return;
	}
	op->result.token = op->token;
	if (op->todo == op->blocks) {
		cm_finish(op, TPC_DONE, op->blocks, s);
		return;
	}
	/* A token for a part of it (wire-format 7.8, decisions.md 6). */
	op->good = true;
	cm_finish(op, TPC_PARTIAL, op->todo,
		  sense_info(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN, op->todo));
}

static void populate_too_late(struct ring_timer *timer)
{
	struct cm_op *op = (struct cm_op *)((char *)timer - offsetof(struct cm_op, deadline));

	bs_capture_cancel(&op->capture);
}

static void populate_stop(struct cm_op *op)
{
	bs_capture_cancel(&op->capture);
}

void cm_populate(struct cm_op *op)
{
	op->stop = populate_stop;
	op->capture.ranges = op->ranges;
	op->capture.n = op->n;
	op->capture.done = populate_done;
	op->deadline.fn = populate_too_late;
	if (op->task)
		ring_timer_set(op->lu->env.ring, &op->deadline,
			       op->lu->cfg.tpc.deadline_ms * NS_PER_MS);
	bs_capture(op->lu->bs, &op->capture);
}

/* ---- WRITE USING TOKEN ---- */

/* The error that a copy ended with when not one block was written. */
static struct sense copy_error(struct cm_op *op, int err)
{
	if (err == -ETIME)
		return sense_info(KEY_ILLEGAL_REQUEST, ASC_COPY_TARGET_DATA_UNDERRUN, 0);
	if (err == -ESTALE)
		return sense_pl(ASC_TOKEN_CANCELLED, 16);
	if (err == -ENOSPC || err == -EDQUOT) /* decisions.md 8 */
		return sense_make(KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);
	return lu_io_sense(op->lu, err, op->copy.write_failed ? DATA_WRITE : DATA_READ);
}

/*
 * Never GOOD for less than was asked.  Whatever stopped the copy, what stands
 * leading and contiguous is reported as a partial success (0D/04 with the count,
 * RRTI 03h); the next command from there meets the cause itself, if it persists.
 */
static void write_done(struct copy *c, int err)
{
	struct cm_op *op = (struct cm_op *)((char *)c - offsetof(struct cm_op, copy));
	uint64_t count = c->written / op->unit;
	struct lu_stats *stats = &op->lu->stats;

	stats->bytes_offloaded += c->written;
	stats->bytes_copied += c->stats.copied;
	stats->bytes_zeroed += c->stats.zeroed;
	stats->bytes_grafted += c->stats.grafted;
	if (err == 0 && count == op->blocks) {
		cm_finish(op, TPC_DONE, count, sense_good());
		return;
	}
	if (count > 0 || err == 0) {
		enum sense_key key = count > 0 ? KEY_COPY_ABORTED : KEY_ILLEGAL_REQUEST;

		stats->partial++;
		cm_finish(op, TPC_PARTIAL, count,
			  sense_info(key, ASC_COPY_TARGET_DATA_UNDERRUN, count));
		return;
	}
	cm_finish(op, err == -ETIME ? TPC_PARTIAL : TPC_FAILED, 0, copy_error(op, err));
}

static void write_stop(struct cm_op *op)
{
	copy_cancel(&op->copy);
}

/* Only who waits for it has a deadline: in the background it takes the time it takes. */
void cm_write(struct cm_op *op)
{
	uint64_t budget = op->lu->cfg.tpc.deadline_ms * NS_PER_MS;

	op->stop = write_stop;
	op->copy.src = op->use.rod;
	op->copy.dst = op->lu->bs;
	op->copy.to = op->ranges;
	op->copy.n = op->n;
	op->copy.flags = op->lu->mode.wce ? 0 : IO_FUA; /* as a WRITE (SBC-4 6.5.6) */
	op->copy.dst_block = op->lu->info.block_size;
	op->copy.deadline = op->task ? ring_now(op->lu->env.ring) + budget : 0;
	op->copy.done = write_done;
	copy_start(op->lu->env.copies, &op->copy);
}
