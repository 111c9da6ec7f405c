/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of results, and the running of POPULATE TOKEN and WRITE USING TOKEN.
 *
 * A running operation belongs to its task; when it ends it becomes a result
 * under its list identifier, or is freed if the results were dropped meanwhile.
 */
#include "copymgr.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lu_impl.h"

#define NS_PER_MS 1000000ull
#define POLL_MS	  500 /* ESTIMATED STATUS UPDATE DELAY while running */

/* ---- results ---- */

void cm_results_init(struct cm_results *r)
{
	TAILQ_INIT(&r->ops);
	r->n = 0;
}

static void op_free(struct cm_op *op)
{
	free(op->ranges);
	free(op);
}

static void forget(struct cm_results *r, struct cm_op *op)
{
	TAILQ_REMOVE(&r->ops, op, link);
	r->n--;
	if (op->running)
		op->discard = true;
	else
		op_free(op);
}

void cm_results_drop(struct cm_results *r)
{
	while (!TAILQ_EMPTY(&r->ops))
		forget(r, TAILQ_FIRST(&r->ops));
}

struct cm_op *cm_find(const struct cm_results *r, uint32_t list_id)
{
	struct cm_op *op;

	TAILQ_FOREACH (op, &r->ops, link)
		if (op->list_id == list_id)
			return op;
	return NULL;
}

static bool forget_oldest_finished(struct cm_results *r)
{
	struct cm_op *op;

	TAILQ_FOREACH (op, &r->ops, link) {
		if (!op->running) {
			forget(r, op);
			return true;
		}
	}
	return false;
}

/* Would its result and what @req asks for be told apart by nobody? */
static bool mixed_up(const struct cm_op *op, const struct cm_request *req)
{
	if (!req->shared || (!op->running && req->now - op->begun > CM_HOLD_NS))
		return false;
	return op->ambiguous || (!op->fetched && op->digest != req->digest);
}

void cm_refused(struct cm_results *r, const struct cm_request *req)
{
	struct cm_op *op = cm_find(r, req->list_id);

	if (op && mixed_up(op, req))
		op->ambiguous = true;
}

struct sense cm_begin(struct cm_results *r, unsigned max, const struct cm_request *req,
		      struct cm_op **ret)
{
	struct cm_op *op = cm_find(r, req->list_id);
	bool ambiguous = op && mixed_up(op, req);

	if (op && op->running) {
		op->ambiguous = ambiguous;
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_OPERATION_IN_PROGRESS);
	}
	if (op)
		forget(r, op);
	while (r->n >= max)
		if (!forget_oldest_finished(r))
			return sense_make(KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);
	op = calloc(1, sizeof(*op));
	if (!op)
		return sense_make(KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);
	op->list_id = req->list_id;
	op->digest = req->digest;
	op->begun = req->now;
	op->ambiguous = ambiguous;
	op->running = true;
	op->result = (struct tpc_result) {
		.sa = req->sa,
		.status = TPC_FOREGROUND,
		.delay_ms = POLL_MS,
		.units = TPC_UNITS_BLOCKS,
	};
	TAILQ_INSERT_TAIL(&r->ops, op, link);
	r->n++;
	*ret = op;
	return sense_good();
}

static void release_token(struct cm_op *op)
{
	if (op->holds_token)
		token_release(op->lu->env.tokens, &op->use, op->del_tkn);
	op->holds_token = false;
}

void cm_end(struct cm_results *r, struct cm_op *op, enum tpc_status status, uint64_t count,
	    struct sense sense)
{
	bool terminated = status == TPC_TERMINATED;

	assert(op->running);
	release_token(op);
	op->running = false;
	if (op->discard) {
		op_free(op);
		return;
	}
	op->result.status = (uint8_t)status;
	op->result.delay_ms = TPC_DELAY_FINISHED;
	op->result.count = count;
	op->result.sense = terminated ? sense_good() : sense;
	op->result.op_counter = 1;
	if (terminated)
		op->result.completion = SAM_TASK_ABORTED;
	else
		op->result.completion = sense_is_good(sense) ? SAM_GOOD : SAM_CHECK_CONDITION;
	free(op->ranges);
	op->ranges = NULL;
	op->task = NULL;
	/* Oldest finished first out: age counts from the end. */
	TAILQ_REMOVE(&r->ops, op, link);
	TAILQ_INSERT_TAIL(&r->ops, op, link);
}

/* Ends the operation and its task, from the loop. */
static void end_task(struct cm_op *op, enum tpc_status status, uint64_t count, struct sense s)
{
	struct task *task = op->task;
	struct lu *lu = op->lu;

	task->op = NULL;
	if (task->aborted) {
		/*
		 * Windows wants no count with 60h (windows-initiator 10, item 19), and
		 * nobody learns of a prefix that a command without a response wrote.
		 */
		status = TPC_TERMINATED;
		count = 0;
	}
	cm_end(&lu_nexus_of(lu, task->nexus)->results, op, status, count, s);
	task_finish(task, s);
}

/* ---- POPULATE TOKEN ---- */

static void populate_done(struct capture *c, int res)
{
	struct cm_op *op = (struct cm_op *)((char *)c - offsetof(struct cm_op, capture));
	const struct lu_info *info = &op->lu->info;
	struct rod_token proto = {
		.type = ROD_TYPE_PIT_CHANGE_VULNERABLE,
		.bytes = op->blocks * info->block_size,
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
	else if (res < 0)
		s = sense_make(KEY_ILLEGAL_REQUEST, ASC_INSUFFICIENT_RESOURCES_ROD);
	else if (op->lu->failed) /* meanwhile */
		s = sense_make(KEY_NOT_READY, ASC_NOT_READY_MANUAL_INTERVENTION);
	else
		s = token_issue(op->lu->env.tokens, c->ret_rod, &proto, op->timeout_s, op->token);
	if (res == 0)
		rod_unref(c->ret_rod);
	if (!sense_is_good(s)) {
		end_task(op, TPC_FAILED, 0, s);
		return;
	}
	op->result.token = op->token;
	end_task(op, TPC_DONE, op->blocks, s);
}

static void populate_too_late(struct ring_timer *timer)
{
	struct cm_op *op = (struct cm_op *)((char *)timer - offsetof(struct cm_op, deadline));

	bs_capture_cancel(&op->capture);
}

void cm_populate(struct cm_op *op)
{
	op->capture.ranges = op->ranges;
	op->capture.n = op->n;
	op->capture.done = populate_done;
	op->deadline.fn = populate_too_late;
	ring_timer_set(op->lu->env.ring, &op->deadline, op->lu->cfg.tpc.deadline_ms * NS_PER_MS);
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
	uint64_t count = c->written / op->lu->info.block_size;
	struct lu_stats *stats = &op->lu->stats;

	stats->bytes_offloaded += c->written;
	stats->bytes_copied += c->stats.copied;
	stats->bytes_zeroed += c->stats.zeroed;
	if (err == 0 && count == op->blocks) {
		end_task(op, TPC_DONE, count, sense_good());
		return;
	}
	if (count > 0 || err == 0) {
		enum sense_key key = count > 0 ? KEY_COPY_ABORTED : KEY_ILLEGAL_REQUEST;

		stats->partial++;
		end_task(op, TPC_PARTIAL, count,
			 sense_info(key, ASC_COPY_TARGET_DATA_UNDERRUN, count));
		return;
	}
	end_task(op, err == -ETIME ? TPC_PARTIAL : TPC_FAILED, 0, copy_error(op, err));
}

void cm_write(struct cm_op *op)
{
	uint64_t budget = op->lu->cfg.tpc.deadline_ms * NS_PER_MS;

	op->copy.src = op->use.rod;
	op->copy.dst = op->lu->bs;
	op->copy.to = op->ranges;
	op->copy.n = op->n;
	op->copy.flags = op->lu->mode.wce ? 0 : IO_FUA; /* as a WRITE (SBC-4 6.5.6) */
	op->copy.dst_block = op->lu->info.block_size;
	op->copy.deadline = ring_now(op->lu->env.ring) + budget;
	op->copy.done = write_done;
	copy_start(op->lu->env.copies, &op->copy);
}

void cm_abort(struct cm_op *op)
{
	if (op->copy.done)
		copy_cancel(&op->copy);
	else
		bs_capture_cancel(&op->capture);
}
