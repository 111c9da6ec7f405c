/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What initiators ask about copy operations, and how they end one: RECEIVE ROD TOKEN
 * INFORMATION, RECEIVE COPY STATUS and its kin, REPORT ALL ROD TOKENS, COPY OPERATION ABORT.
 */
#include "lu_impl.h"
#include "xcopy.h"

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

/* By EXTENDED COPY(LID1): 12 bytes have no place for what other operations have to say. */
static struct cm_op *named_lid1(const struct lu *lu, struct task *task)
{
	struct cm_op *op = cm_find(lu_results(lu, task), task->req.list_id);

	if (op && op->lid1 && !op->ambiguous)
		return op;
	task_finish_later(task, sense_cdb(2));
	return NULL;
}

/* The status of a finished copy is told once (wire-format 7.3). */
static void receive_copy_status_lid1(struct lu *lu, struct task *task)
{
	struct cm_op *op = named_lid1(lu, task);
	struct writer w = task_writer(task);
	enum xcopy_status status = XCOPY_RUNNING;
	const struct tpc_result *r;

	if (!op)
		return;
	if (op->status_told) {
		task_finish_later(task, sense_cdb(2));
		return;
	}
	r = cm_result(op);
	if (!op->running)
		status = r->status == TPC_DONE ? XCOPY_OK : XCOPY_FAILED;
	xcopy_status_encode(&w, status, r->segments, r->count);
	op->status_told = !op->running && w.len <= w.cap && w.len <= task->req.len;
	finish_result(task, op, &w);
}

static void receive_copy_failure_details(struct lu *lu, struct task *task)
{
	struct cm_op *op = named_lid1(lu, task);
	struct writer w = task_writer(task);

	if (!op)
		return;
	if (op->running || op->failure_told) {
		task_finish_later(task, sense_cdb(2));
		return;
	}
	xcopy_failure_encode(&w, op->result.completion, op->result.sense);
	op->failure_told = w.len <= w.cap && w.len <= task->req.len;
	task_finish_data(task, &w);
}

/* What VPD 8Fh says, in the words of SPC-2. */
static void receive_copy_operating_parameters(struct lu *lu, struct task *task)
{
	unsigned copies = lu->cfg.tpc.results_per_nexus;
	struct xcopy_params p = { .total_copies = (uint16_t)(copies < 65535 ? copies : 65535),
				  .max_copies = (uint8_t)(copies < 255 ? copies : 255) };
	struct writer w = task_writer(task);

	while (2u << p.granularity <= lu->info.block_size)
		p.granularity++;
	xcopy_params_encode(&w, &p);
	task_finish_data(task, &w);
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
	[CMD_RECEIVE_COPY_STATUS_LID1] = receive_copy_status_lid1,
	[CMD_RECEIVE_COPY_OPERATING_PARAMETERS] = receive_copy_operating_parameters,
	[CMD_RECEIVE_COPY_FAILURE_DETAILS] = receive_copy_failure_details,
	[CMD_RECEIVE_COPY_STATUS_LID4] = receive_copy_status_lid4,
	[CMD_RECEIVE_ROD_TOKEN_INFORMATION] = receive_rod_token_information,
	[CMD_REPORT_ALL_ROD_TOKENS] = report_all_rod_tokens,
};
