/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What initiators ask about copy operations, and how they end one: RECEIVE ROD TOKEN
 * INFORMATION, RECEIVE COPY STATUS, REPORT ALL ROD TOKENS, COPY OPERATION ABORT.
 */
#include "lu_impl.h"

struct cm_results *lu_results(const struct lu *lu, const struct task *task)
{
	return &lu_nexus_of(lu, task->nexus)->results;
}

/* The operation that the command names, or NULL: then the task is finished, 5/24/00. */
static struct cm_op *named(const struct lu *lu, struct task *task)
{
	struct cm_op *op = cm_find(lu_results(lu, task), task->req.list_id);

	if (op && !op->ambiguous)
		return op;
	task_finish_later(task, sense_cdb(2));
	return NULL;
}

/* Finishes with @w; a whole result is known to its initiator then. */
static void finish_result(struct task *task, struct cm_op *op, const struct writer *w)
{
	op->fetched |= !op->running && w->len <= w->cap && w->len <= task->req.len;
	task_finish_data(task, w);
}

/* SPC-4 6.36: may be asked as often as wanted; ALLOCATION LENGTH 0 drops the token. */
static void receive_rod_token_information(struct lu *lu, struct task *task)
{
	struct cm_op *op = named(lu, task);
	struct writer w = task_writer(task);

	if (!op)
		return;
	if (task->req.len == 0) {
		op->result.token = NULL;
		task_finish_later(task, sense_good());
		return;
	}
	tpc_result_encode(&w, cm_result(op));
	finish_result(task, op, &w);
}

/* Says nothing of a token: who made one is going to ask again. */
static void receive_copy_status_lid4(struct lu *lu, struct task *task)
{
	struct cm_op *op = named(lu, task);
	struct writer w = task_writer(task);

	if (!op)
		return;
	tpc_status_encode(&w, cm_result(op));
	if (op->result.token)
		task_finish_data(task, &w);
	else
		finish_result(task, op, &w);
}

static void report_all_rod_tokens(struct lu *lu, struct task *task)
{
	struct writer w = task_writer(task);

	token_report(lu->env.tokens, &w);
	task_finish_data(task, &w);
}

/* wire-format 7.4: GOOD when nothing of the operation goes on any more. */
static void copy_operation_abort(struct lu *lu, struct task *task)
{
	struct cm_op *op = named(lu, task);

	if (!op)
		return;
	if (op->running)
		cm_terminate_for(op, task);
	else
		task_finish_later(task, sense_cdb(2));
}

const lu_handler lu_receive_handlers[CMD_COUNT] = {
	[CMD_COPY_OPERATION_ABORT] = copy_operation_abort,
	[CMD_RECEIVE_COPY_STATUS_LID4] = receive_copy_status_lid4,
	[CMD_RECEIVE_ROD_TOKEN_INFORMATION] = receive_rod_token_information,
	[CMD_REPORT_ALL_ROD_TOKENS] = report_all_rod_tokens,
};
