/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations: PERSISTENT RESERVE IN and OUT, RESERVE(6) and RELEASE(6), and which
 * commands they stop.  The rules of persistent ones are in pr_state.c; here they meet
 * nexuses, tasks and the state file.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "lu_impl.h"
#include "pr_store.h"

/*
 * A PERSISTENT RESERVE OUT under way.  They run one after the other: each works on a
 * copy of the state, which replaces it when it is safe on storage, if it has to be.
 */
struct pr_op {
	struct lu *lu;
	struct task *task;
	struct pr_request req;
	struct pr_state next;
	struct pr_save save;
	bool busy; /* saving, or waiting for aborted tasks to end */
	bool aborting;
	TAILQ_ENTRY(pr_op) link;
};

/* ---- who is stopped ---- */

static bool is_pr_command(const struct scsi_cdb *req)
{
	return scsi_cdb_access(req) == ACCESS_PR && req->op->cmd != CMD_RESERVE_6 &&
	       req->op->cmd != CMD_RELEASE_6;
}

bool lu_pr_conflict(const struct lu *lu, const struct task *task)
{
	const struct nexus *n = task->nexus;

	if (n->shared || !lu->bs)
		return false;
	/* SPC-2 5.5.1: the two kinds of reservation exclude each other. */
	if (lu->reserved_by == n)
		return is_pr_command(&task->req);
	if (lu->reserved_by)
		return !scsi_cdb_passes_reserve(&task->req);
	if (lu->pr.state.type == PR_NONE)
		return false;
	return pr_conflict(&lu->pr.state, lu_nexus_of(lu, n)->reg, scsi_cdb_access(&task->req));
}

bool lu_pr_stops(const struct lu *lu, const struct nexus *n, bool write)
{
	if (n->shared)
		return false;
	if (lu->reserved_by)
		return lu->reserved_by != n;
	return lu->pr.state.type != PR_NONE && pr_conflict(&lu->pr.state, lu_nexus_of(lu, n)->reg,
							   write ? ACCESS_WRITE : ACCESS_READ);
}

/* ---- PERSISTENT RESERVE OUT ---- */

static void advance(struct lu *lu);

static void end(struct pr_op *op, struct pr_verdict v)
{
	struct task *task = op->task;

	TAILQ_REMOVE(&op->lu->pr.ops, op, link);
	pr_state_done(&op->next);
	free(op);
	task->cancel = NULL;
	if (v.status == SAM_CHECK_CONDITION)
		task_finish_later(task, v.sense);
	else
		task_finish_status(task, v.status);
}

/* The nexus hears what became of its registration, and loses its tasks with it. */
static void carry_out(struct lu *lu, struct nexus *n, void *arg)
{
	struct pr_op *op = arg;
	struct lu_nexus *ln = lu_nexus_of(lu, n);
	const struct pr_reg *reg = pr_find_marked(&lu->pr.state, n->initiator, n->rtpi);

	ln->reg = reg && !reg->gone ? reg : NULL;
	if (!reg)
		return;
	if (reg->tell)
		lu_ua_add(ln, reg->tell);
	if (!reg->gone || n == op->task->nexus || op->req.cmd != CMD_PR_OUT_PREEMPT_AND_ABORT)
		return;
	ln->prevent = false; /* SPC-4 5.13.11.2.5 */
	if (lu_has_tasks_of(lu, n))
		lu_ua_add(ln, ASC_COMMANDS_CLEARED_BY_ANOTHER); /* SAM-5 5.6, TAS=0 */
	lu_abort_tasks(lu, n);
}

static const struct pr_verdict good = { .status = SAM_GOOD };

static void wait_cancelled(struct task *task);

/* The command ends when the tasks that it aborted have (SPC-4 5.13.11.2.5). */
static void commit(struct pr_op *op)
{
	struct lu *lu = op->lu;

	pr_state_move(&lu->pr.state, &op->next);
	op->busy = true; /* a task may end in what follows */
	target_each_nexus(lu, carry_out, op);
	if (op->req.cmd == CMD_PR_OUT_PREEMPT_AND_ABORT) {
		cm_terminate_all(lu); /* wire-format 7.3: everybody's */
		target_end_users(lu, true);
	}
	pr_sweep(&lu->pr.state);
	if (op->req.cmd != CMD_PR_OUT_PREEMPT_AND_ABORT || op->task->aborted ||
	    !lu_has_aborted_tasks(lu)) {
		end(op, good);
		return;
	}
	op->aborting = true;
	op->task->cancel = wait_cancelled;
}

static void go_on(struct ring_post *post)
{
	struct lu *lu = (struct lu *)((char *)post - offsetof(struct lu, pr.post));
	struct pr_op *op = TAILQ_FIRST(&lu->pr.ops);

	lu->pr.posted = false;
	if (op && op->aborting && !lu_has_aborted_tasks(lu))
		end(op, good);
	advance(lu);
}

/*
 * From the loop: whoever ends a task may be walking along a list of tasks, and the next
 * PERSISTENT RESERVE OUT may end others of that list.  An op is there, whose task keeps
 * the LU until after the message.
 */
static void go_on_later(struct lu *lu)
{
	if (lu->pr.posted || TAILQ_EMPTY(&lu->pr.ops))
		return;
	lu->pr.posted = true;
	lu->pr.post.fn = go_on;
	ring_post(lu->env.ring, &lu->pr.post);
}

void lu_pr_task_ended(struct lu *lu)
{
	const struct pr_op *op = TAILQ_FIRST(&lu->pr.ops);

	if (op && op->aborting && !lu_has_aborted_tasks(lu))
		go_on_later(lu);
}

static struct pr_op *op_of(const struct task *task)
{
	struct pr_op *op;

	TAILQ_FOREACH (op, &task->lu->pr.ops, link)
		if (op->task == task)
			break;
	return op;
}

/* A reset or an abort reaches the command while it waits: it need not any longer. */
static void wait_cancelled(struct task *task)
{
	struct lu *lu = task->lu;
	struct pr_op *op = op_of(task);

	assert(op);
	end(op, good); /* the task is aborted: nobody sees this */
	go_on_later(lu);
}

static void saved(struct pr_save *save, int err)
{
	struct pr_op *op = (struct pr_op *)((char *)save - offsetof(struct pr_op, save));
	struct lu *lu = op->lu;

	if (err == 0) {
		commit(op);
	} else {
		struct pr_verdict v = { .status = SAM_CHECK_CONDITION,
					.sense = sense_make(KEY_HARDWARE_ERROR,
							    ASC_INTERNAL_TARGET_FAILURE) };

		log_err("LUN %u: %s: %s; a PERSISTENT RESERVE OUT fails", lu->cfg.lun, lu->pr.path,
			strerror(-err));
		end(op, v);
	}
	advance(lu);
}

static struct pr_verdict no_memory(void)
{
	return (struct pr_verdict) { .status = SAM_CHECK_CONDITION,
				     .sense = sense_from_errno(-ENOMEM, DATA_WRITE) };
}

static void run(struct pr_op *op)
{
	struct lu *lu = op->lu;
	struct pr_state *now = &lu->pr.state;
	struct pr_verdict v;
	char name[64];

	op->task->cancel = NULL;
	if (pr_state_copy(&op->next, now) < 0) {
		end(op, no_memory());
		return;
	}
	v = pr_out(&op->next, &op->req);
	if (v.status != SAM_GOOD) {
		end(op, v);
		return;
	}
	if (!lu->pr.path || (!now->aptpl && !op->next.aptpl)) {
		commit(op);
		return;
	}
	snprintf(name, sizeof(name), "%u, serial number %s", lu->cfg.lun, lu->info.serial);
	op->busy = true;
	op->save.done = saved;
	if (pr_save_start(&op->save, lu->env.aux, lu->env.ring, lu->pr.path, name, &op->next) < 0)
		end(op, no_memory());
}

/* Runs what stands in line until one has to wait. */
static void advance(struct lu *lu)
{
	struct pr_op *op;

	while ((op = TAILQ_FIRST(&lu->pr.ops)) && !op->busy)
		run(op);
}

static void persistent_reserve_out(struct lu *lu, struct task *task)
{
	struct pr_op *op;
	struct pr_out out;
	struct sense s = pr_out_decode(task->len ? task->data[0].iov_base : NULL, task->len, &out);

	if (sense_is_good(s) && task->len < task->req.len) /* not all of it came */
		s = sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
	op = sense_is_good(s) ? calloc(1, sizeof(*op)) : NULL;
	if (!op) {
		task_finish_later(task, sense_is_good(s) ? no_memory().sense : s);
		return;
	}
	op->lu = lu;
	op->task = task;
	op->req = (struct pr_request) { .cmd = task->req.op->cmd,
					.initiator = task->nexus->initiator,
					.rtpi = task->nexus->rtpi,
					.scope = task->req.pr_scope,
					.type = task->req.pr_type,
					.out = out,
					.ptpl = lu->pr.path != NULL };
	pr_state_init(&op->next);
	TAILQ_INSERT_TAIL(&lu->pr.ops, op, link);
	task->cancel = wait_cancelled;
	advance(lu);
}

/* ---- the state file ---- */

int lu_pr_open(struct lu *lu, const char *dir, char *err, size_t err_cap)
{
	char id[2 * sizeof(lu->info.naa) + 1];

	if (access(dir, R_OK | W_OK | X_OK) < 0) {
		int r = -errno;

		snprintf(err, err_cap,
			 "state-dir %s: %s; make the directory, and let this process write there",
			 dir, strerror(-r));
		return r;
	}
	for (unsigned i = 0; i < lu->info.naa_len; i++)
		snprintf(id + (size_t)2 * i, 3, "%02x", lu->info.naa[i]);
	if (asprintf(&lu->pr.path, "%s/reservations-%s.json", dir, id) < 0) {
		lu->pr.path = NULL;
		snprintf(err, err_cap, "out of memory");
		return -ENOMEM;
	}
	return pr_load(&lu->pr.state, lu->pr.path, err, err_cap);
}

/* ---- PERSISTENT RESERVE IN ---- */

static void read_keys(struct lu *lu, struct task *task)
{
	const struct pr_state *s = &lu->pr.state;
	struct writer w = task_writer(task);
	uint64_t keys[PR_MAX_REGISTRATIONS];
	const struct pr_reg *reg;
	unsigned n = 0;

	TAILQ_FOREACH (reg, &s->regs, link)
		keys[n++] = reg->key;
	pr_keys_encode(&w, s->generation, keys, n);
	task_finish_data(task, &w);
}

static void read_reservation(struct lu *lu, struct task *task)
{
	const struct pr_state *s = &lu->pr.state;
	struct writer w = task_writer(task);

	pr_reservation_encode(&w, s->generation, s->type, s->holder ? s->holder->key : 0);
	task_finish_data(task, &w);
}

static void report_capabilities(struct lu *lu, struct task *task)
{
	struct writer w = task_writer(task);
	const struct pr_capabilities c = {
		.crh = true,
		.ptpl_c = lu->pr.path != NULL,
		.ptpl_a = lu->pr.state.aptpl,
		.tmv = true,
		.allow_commands = 3, /* as scsi/access.c has it (SPC-4 table 164) */
		.types = 1 << PR_WRITE_EXCLUSIVE | 1 << PR_EXCLUSIVE_ACCESS |
			 1 << PR_WRITE_EXCLUSIVE_RO | 1 << PR_EXCLUSIVE_ACCESS_RO |
			 1 << PR_WRITE_EXCLUSIVE_AR | 1 << PR_EXCLUSIVE_ACCESS_AR,
	};

	pr_capabilities_encode(&w, &c);
	task_finish_data(task, &w);
}

static void read_full_status(struct lu *lu, struct task *task)
{
	const struct pr_state *s = &lu->pr.state;
	struct pr_status list[PR_MAX_REGISTRATIONS];
	struct writer w = task_writer(task);
	const struct pr_reg *reg;
	unsigned n = 0;

	TAILQ_FOREACH (reg, &s->regs, link)
		list[n++] = (struct pr_status) { .key = reg->key,
						 .holder = pr_holds(s, reg),
						 .type = s->type,
						 .rtpi = reg->rtpi,
						 .initiator = reg->initiator };
	pr_full_status_encode(&w, s->generation, list, n);
	task_finish_data(task, &w);
}

/* ---- RESERVE(6), RELEASE(6) ---- */

/* SPC-4 5.13.3, CRH=1: to whom the persistent reservation gives more, they do nothing. */
static bool has_more(const struct lu *lu, const struct task *task)
{
	const struct pr_state *s = &lu->pr.state;
	const struct pr_reg *reg = lu_nexus_of(lu, task->nexus)->reg;

	return pr_holds(s, reg) || (reg && pr_type_registrants_only(s->type));
}

/* SPC-2 5.5.1: anybody's registration refuses both.  Else true, and GOOD is right. */
static bool judge_reserve(const struct lu *lu, const struct task *task, bool *ret_act)
{
	*ret_act = lu->pr.state.n == 0;
	return *ret_act || has_more(lu, task);
}

static void reserve(struct lu *lu, struct task *task)
{
	bool act, allowed = judge_reserve(lu, task, &act);

	if (act)
		lu->reserved_by = task->nexus;
	task_finish_status(task, allowed ? SAM_GOOD : SAM_RESERVATION_CONFLICT);
}

/* SPC-2 7.20: of a reservation that is another's, or not there, GOOD and nothing. */
static void release(struct lu *lu, struct task *task)
{
	bool act, allowed = judge_reserve(lu, task, &act);

	if (act && lu->reserved_by == task->nexus)
		lu->reserved_by = NULL;
	task_finish_status(task, allowed ? SAM_GOOD : SAM_RESERVATION_CONFLICT);
}

const lu_handler lu_pr_handlers[CMD_COUNT] = {
	[CMD_RESERVE_6] = reserve,
	[CMD_RELEASE_6] = release,
	[CMD_PR_IN_READ_KEYS] = read_keys,
	[CMD_PR_IN_READ_RESERVATION] = read_reservation,
	[CMD_PR_IN_REPORT_CAPABILITIES] = report_capabilities,
	[CMD_PR_IN_READ_FULL_STATUS] = read_full_status,
	[CMD_PR_OUT_REGISTER] = persistent_reserve_out,
	[CMD_PR_OUT_RESERVE] = persistent_reserve_out,
	[CMD_PR_OUT_RELEASE] = persistent_reserve_out,
	[CMD_PR_OUT_CLEAR] = persistent_reserve_out,
	[CMD_PR_OUT_PREEMPT] = persistent_reserve_out,
	[CMD_PR_OUT_PREEMPT_AND_ABORT] = persistent_reserve_out,
	[CMD_PR_OUT_REGISTER_AND_IGNORE] = persistent_reserve_out,
};
