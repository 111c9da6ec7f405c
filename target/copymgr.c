/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of results, and what all operations have in common: running in the
 * foreground or the background, being stopped, ending.
 */
#include "copymgr.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cm_xcopy.h"
#include "lu_impl.h"

#define POLL_MS 500 /* ESTIMATED STATUS UPDATE DELAY while running */

/* ---- results ---- */

void cm_results_init(struct cm_results *r)
{
	TAILQ_INIT(&r->ops);
	r->n = 0;
}

static void op_free(struct cm_op *op)
{
	free(op->ranges);
	free(op->xcopy);
	free(op);
}

/* Takes it out of the table: one that runs goes on without an identifier. */
static void forget(struct cm_results *r, struct cm_op *op)
{
	TAILQ_REMOVE(&r->ops, op, link);
	r->n--;
	op->results = NULL;
	if (!op->running)
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

static struct cm_op *op_new(const struct cm_request *req)
{
	struct cm_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->list_id = req->list_id;
	op->lid1 = req->lid1;
	op->may_yield = req->may_yield;
	op->digest = req->digest;
	op->begun = req->now;
	op->running = true;
	op->unit = 1;
	op->result = (struct tpc_result) {
		.sa = req->sa,
		.status = TPC_FOREGROUND,
		.delay_ms = POLL_MS,
		.units = TPC_UNITS_BLOCKS,
	};
	return op;
}

/* The identifier is another operation's that still runs (wire-format 7.1). */
static struct sense in_use(const struct cm_op *op, const struct cm_request *req)
{
	if (op->lid1 != req->lid1)
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	return sense_make(KEY_ILLEGAL_REQUEST, ASC_OPERATION_IN_PROGRESS);
}

struct sense cm_begin(struct cm_results *r, unsigned max, const struct cm_request *req,
		      struct cm_op **ret)
{
	struct cm_op *op = req->anonymous ? NULL : cm_find(r, req->list_id);
	bool ambiguous = op && mixed_up(op, req);

	if (op && op->running && !(op->may_yield && req->may_yield)) {
		op->ambiguous = ambiguous;
		return in_use(op, req);
	}
	if (op)
		forget(r, op);
	while (!req->anonymous && r->n >= max)
		if (!forget_oldest_finished(r))
			return sense_make(KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);
	op = op_new(req);
	if (!op)
		return sense_make(KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);
	op->ambiguous = ambiguous;
	if (!req->anonymous) {
		op->results = r;
		TAILQ_INSERT_TAIL(&r->ops, op, link);
		r->n++;
	}
	*ret = op;
	return sense_good();
}

const struct tpc_result *cm_result(struct cm_op *op)
{
	if (op->running) {
		op->result.count = (op->done_bytes + op->copy.written) / op->unit;
		op->result.op_counter = (uint16_t)(op->done_chunks + op->copy.stats.chunks);
	}
	return &op->result;
}

static uint8_t completion_of(enum tpc_status status, struct sense sense)
{
	if (status == TPC_TERMINATED)
		return SAM_TASK_ABORTED;
	return sense_is_good(sense) ? SAM_GOOD : SAM_CHECK_CONDITION;
}

/* From running to its result, or to nothing if nobody can ask for that. */
static void op_end(struct cm_op *op, enum tpc_status status, uint64_t count, struct sense sense)
{
	struct cm_results *r = op->results;

	assert(op->running);
	if (op->holds_token)
		token_release(op->lu->env.tokens, &op->use, op->del_tkn);
	op->holds_token = false;
	bs_owner_unref(op->capture.owner);
	op->capture.owner = NULL;
	cm_result(op);
	op->running = false;
	if (!r) {
		op_free(op);
		return;
	}
	op->result.status = (uint8_t)status;
	op->result.delay_ms = TPC_DELAY_FINISHED;
	op->result.count = count;
	op->result.sense = status == TPC_TERMINATED ? sense_good() : sense;
	op->result.completion = completion_of(status, sense);
	free(op->ranges);
	free(op->xcopy);
	op->ranges = NULL;
	op->xcopy = NULL;
	op->task = NULL;
	/* Oldest finished first out: age counts from the end. */
	TAILQ_REMOVE(&r->ops, op, link);
	TAILQ_INSERT_TAIL(&r->ops, op, link);
}

void cm_refuse(struct cm_op *op, struct sense sense)
{
	op_end(op, TPC_FAILED, 0, sense);
}

/* ---- running ---- */

void cm_run(struct cm_op *op, struct task *task, bool immed, void (*start)(struct cm_op *op))
{
	struct lu *lu = op->lu;

	if (immed && lu->background >= lu->cfg.tpc.max_background) {
		struct sense s = sense_make(KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);

		cm_refuse(op, s);
		task_finish_later(task, s);
		return;
	}
	TAILQ_INSERT_TAIL(&lu->ops, op, lu_link);
	if (immed) {
		lu->background++;
		op->result.status = TPC_BACKGROUND;
		task_finish_later(task, sense_good());
	} else {
		op->task = task;
		task->op = op;
	}
	start(op);
}

/* Its COPY OPERATION ABORTs: nothing of it goes on any more. */
static void answer_waiting(struct task *waiting)
{
	while (waiting) {
		struct task *next = waiting->cm_next;

		task_finish(waiting, sense_good());
		waiting = next;
	}
}

void cm_finish(struct cm_op *op, enum tpc_status status, uint64_t count, struct sense s)
{
	struct task *task = op->task, *waiting = op->waiting;
	struct lu *lu = op->lu;
	struct sense told;

	TAILQ_REMOVE(&lu->ops, op, lu_link);
	if (!task)
		lu->background--;
	if (task && task->aborted) {
		/*
		 * Windows wants no count with 60h (windows-initiator 10, item 19), and
		 * nobody learns of a prefix that a command without a response wrote.
		 */
		status = TPC_TERMINATED;
		count = 0;
	} else if (op->terminated && status != TPC_DONE && !op->good) {
		status = TPC_TERMINATED;
		s = sense_make(KEY_COPY_ABORTED, ASC_COMMANDS_CLEARED_BY_SERVER);
	}
	if (task)
		task->op = NULL;
	told = op->good && status == TPC_PARTIAL ? sense_good() : s;
	op_end(op, status, count, s);
	if (task)
		task_finish(task, told);
	answer_waiting(waiting);
	lu_pr_task_ended(lu);
	lu_clear_poll(lu);
	target_task_ended(lu->target);
}

/* ---- being stopped ---- */

void cm_abort(struct cm_op *op)
{
	op->stop(op);
}

void cm_terminate(struct cm_op *op)
{
	if (op->terminated)
		return;
	op->terminated = true;
	op->stop(op);
}

void cm_terminate_for(struct cm_op *op, struct task *task)
{
	task->cm_next = op->waiting;
	op->waiting = task;
	cm_terminate(op);
}

void cm_terminate_all(struct lu *lu)
{
	struct cm_op *op;

	TAILQ_FOREACH (op, &lu->ops, lu_link)
		cm_terminate(op);
}

void cm_terminate_background(struct lu *lu)
{
	struct cm_op *op;

	TAILQ_FOREACH (op, &lu->ops, lu_link)
		if (!op->task)
			cm_terminate(op);
}

void cm_terminate_background_of(struct lu *lu, const struct cm_results *of)
{
	struct cm_op *op;

	TAILQ_FOREACH (op, &lu->ops, lu_link)
		if (!op->task && op->results == of)
			cm_terminate(op);
}

void cm_terminate_users(struct lu *lu, const struct lu *of, bool all)
{
	struct cm_op *op;

	TAILQ_FOREACH (op, &lu->ops, lu_link)
		if ((all || !op->task) && cm_xcopy_uses(op, of))
			cm_terminate(op);
}

bool cm_has_terminated_users(const struct lu *lu, const struct lu *of)
{
	const struct cm_op *op;

	TAILQ_FOREACH (op, &lu->ops, lu_link)
		if (op->terminated && cm_xcopy_uses(op, of))
			return true;
	return false;
}

bool cm_has_terminated(const struct lu *lu)
{
	const struct cm_op *op;

	TAILQ_FOREACH (op, &lu->ops, lu_link)
		if (op->terminated)
			return true;
	return false;
}
