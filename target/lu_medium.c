/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether there is a medium, and whether it turns: START STOP UNIT and PREVENT ALLOW
 * MEDIUM REMOVAL (SBC-4 5.15, 5.31).  The medium of a removable logical unit is its
 * backing file; ejected, it stays open, and nobody can reach it.
 */
#include <stddef.h>

#include "lu_impl.h"

struct sense lu_judge_ready(const struct lu *lu)
{
	if (lu->clear)
		return lu_clear_sense(lu);
	if (lu->sanitize != SANITIZE_FINE)
		return sense_make(KEY_MEDIUM_ERROR, ASC_SANITIZE_FAILED);
	if (lu->failed)
		return sense_make(KEY_NOT_READY, ASC_NOT_READY_MANUAL_INTERVENTION);
	if (lu->ejected)
		return sense_make(KEY_NOT_READY, ASC_MEDIUM_NOT_PRESENT_TRAY_OPEN);
	if (lu->stopped)
		return sense_make(KEY_NOT_READY, ASC_NOT_READY_INITIALIZING_REQUIRED);
	return sense_good();
}

static void flush_done(struct io *io, int res)
{
	struct task *task = (struct task *)((char *)io - offsetof(struct task, io));

	task_finish(task, lu_io_sense(task->lu, res, DATA_WRITE));
}

static void flush(struct lu *lu, struct task *task)
{
	task->io = (struct io) { .op = IO_FLUSH, .done = flush_done };
	bs_submit(lu->bs, &task->io);
}

static void count_prevention(struct lu *lu, struct nexus *n, void *arg)
{
	*(unsigned *)arg += lu_nexus_of(lu, n)->prevent;
}

static void forget_prevention(struct lu *lu, struct nexus *n, void *arg)
{
	lu_nexus_of(lu, n)->prevent = false;
}

void lu_allow_removal(struct lu *lu)
{
	target_each_nexus(lu, forget_prevention, NULL);
}

/*
 * What stood for the medium's data does not for another medium's, and nothing goes on
 * writing to one that is out.
 */
static void eject(struct lu *lu, struct task *task)
{
	lu->ejected = true;
	cm_terminate_background(lu);
	token_cancel_all(lu->env.tokens, lu->bs);
	if (task->req.no_flush)
		task_finish_later(task, sense_good());
	else
		flush(lu, task);
}

static void load(struct lu *lu, struct task *task)
{
	lu->ejected = lu->stopped = false;
	target_tell_others(lu, task->nexus, ASC_MEDIUM_MAY_HAVE_CHANGED);
	task_finish_later(task, sense_good());
}

static void load_or_eject(struct lu *lu, struct task *task)
{
	unsigned prevented = 0;

	if (!lu->cfg.removable) {
		task_finish_later(task, sense_cdb_bit(4, 1));
		return;
	}
	target_each_nexus(lu, count_prevention, &prevented);
	if (task->req.start != lu->ejected) { /* it is so already */
		if (task->req.start)
			lu->stopped = false;
		task_finish_later(task, sense_good());
	} else if (prevented) {
		task_finish_later(task,
				  sense_make(KEY_ILLEGAL_REQUEST, ASC_MEDIUM_REMOVAL_PREVENTED));
	} else if (task->req.start) {
		load(lu, task);
	} else {
		eject(lu, task);
	}
}

static void start_stop_unit(struct lu *lu, struct task *task)
{
	const struct scsi_cdb *req = &task->req;

	/*
	 * Whatever the power condition, we are active; START and LOEJ mean nothing then.
	 * Initiators try values that are not there, so none is refused (libiscsi's tests).
	 */
	if (req->pc != 0) {
		task_finish_later(task, sense_good());
		return;
	}
	if (req->loej) {
		load_or_eject(lu, task);
		return;
	}
	/*
	 * A removable unit that stops stays ready: what takes its medium away is LOEJ
	 * (libiscsi's tests ask for that; SBC-4 would have 2/04/02).
	 */
	lu->stopped = !req->start && !lu->cfg.removable;
	if (!req->start && !req->no_flush && !lu->ejected)
		flush(lu, task);
	else
		task_finish_later(task, sense_good());
}

static void prevent_allow(struct lu *lu, struct task *task)
{
	if (task->req.prevent > 1) { /* obsolete: they were for media changers */
		task_finish_later(task, sense_cdb_bit(4, 1));
		return;
	}
	lu_nexus_of(lu, task->nexus)->prevent = task->req.prevent;
	task_finish_later(task, sense_good());
}

const lu_handler lu_medium_handlers[CMD_COUNT] = {
	[CMD_START_STOP_UNIT] = start_stop_unit,
	[CMD_PREVENT_ALLOW] = prevent_allow,
};
