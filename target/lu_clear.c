/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FORMAT UNIT and SANITIZE: work on the whole medium, one at a time for each LU.
 *
 * It begins when no other command's piece and no copy is running, those that were sent
 * to another LU included (those in the background are ended); from the moment it is accepted
 * the LU refuses what needs the medium, new pieces of commands accepted before
 * included, so that nobody's data comes after it.  Every token of the LU is cancelled.
 * The task that asked for it waits for its end, unless IMMED was set.
 *
 * A FORMAT UNIT ends when its task is aborted or the LU is reset; what it has not come
 * to keeps its data.  A SANITIZE goes on, whatever happens to its task, to the session
 * or by a reset (SBC-4 4.11.3); only the end of the target stops it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "log.h"
#include "lu_impl.h"

#define ZERO_STEP  (64u << 20) /* so that one told to stop does, on storage that writes zeros */
#define WRITE_STEP (1u << 20)

enum clear_kind { CLEAR_FORMAT, CLEAR_SANITIZE };

struct lu_clear {
	struct lu *lu;
	enum clear_kind kind;
	struct task *task; /* waits for the end; NULL: works in the background */
	bool posted;	   /* a post of its task is on its way: the task may not end before */
	bool started;	   /* else a piece of another command is still running */
	bool stop;	   /* ends when the running transfer has */
	bool ause;	   /* SANITIZE: EXIT FAILURE MODE will be accepted */
	uint64_t pos;	   /* of this pass, bytes */
	unsigned pass, passes;
	bool invert; /* the pattern, from pass to pass */
	struct io io;
	struct iovec vec;
	bool rekey;	     /* no passes: the storage forgets its key */
	struct bs_lock lock; /* with that */
	struct byte_range all;
	uint8_t *pattern; /* WRITE_STEP bytes of it; NULL: all is given back, or zeroed */
};

static const char *name_of(const struct lu_clear *c)
{
	return c->kind == CLEAR_FORMAT ? "FORMAT UNIT" : "SANITIZE";
}

struct sense lu_clear_sense(const struct lu *lu)
{
	const struct lu_clear *c = lu->clear;
	uint64_t size = bs_size(lu->bs);
	double part = ((double)c->pass * (double)size + (double)c->pos) /
		      ((double)(c->passes ? c->passes : 1) * (double)size);

	return sense_progress(c->kind == CLEAR_FORMAT ? ASC_FORMAT_IN_PROGRESS
						      : ASC_SANITIZE_IN_PROGRESS,
			      (uint16_t)(part < 1 ? part * 65536 : 65535));
}

static struct lu_clear *of_io(struct io *io)
{
	return (struct lu_clear *)((char *)io - offsetof(struct lu_clear, io));
}

static void clear_end(struct lu_clear *c, struct sense s)
{
	struct lu *lu = c->lu;
	struct task *task = c->task;

	if (c->kind == CLEAR_SANITIZE && sense_is_good(s) && !c->stop)
		lu->sanitize = SANITIZE_FINE;
	else if (c->kind == CLEAR_SANITIZE && !c->stop)
		lu->sanitize = c->ause ? SANITIZE_FAILED_FREE : SANITIZE_FAILED;
	if (c->stop)
		log_warn("LUN %u: %s was stopped: what it had not come to is as it was",
			 lu->cfg.lun, name_of(c));
	else if (!sense_is_good(s))
		log_err("LUN %u: %s failed: %s", lu->cfg.lun, name_of(c), sense_text(s));
	else
		log_info("LUN %u: %s is complete", lu->cfg.lun, name_of(c));
	lu->clear = NULL;
	free(c->pattern);
	free(c);
	if (task)
		task_finish(task, s);
	lu_pr_task_ended(lu);
	target_task_ended(lu->target); /* who waits for the end of all work */
}

static void clear_step(struct lu_clear *c);

static void next_pass(struct lu_clear *c)
{
	c->pos = 0;
	c->pass++;
	for (size_t i = 0; c->invert && i < WRITE_STEP; i++)
		c->pattern[i] = (uint8_t)~c->pattern[i];
}

static void clear_moved(struct io *io, int res)
{
	struct lu_clear *c = of_io(io);

	if (res < 0 || c->stop) {
		clear_end(c, lu_io_sense(c->lu, res, DATA_WRITE));
		return;
	}
	c->pos += io->len;
	if (c->pos == bs_size(c->lu->bs))
		next_pass(c);
	clear_step(c);
}

static void clear_flushed(struct io *io, int res)
{
	struct lu_clear *c = of_io(io);

	clear_end(c, lu_io_sense(c->lu, res, DATA_WRITE));
}

/* Nothing reads or writes now, not even a copy of another LU's. */
static void rekey(struct bs_lock *lock, int res)
{
	struct lu_clear *c = (struct lu_clear *)((char *)lock - offsetof(struct lu_clear, lock));

	c->rekey = false;
	if (res == 0 && !c->stop)
		res = bs_rekey(c->lu->bs);
	bs_unlock(lock);
	if (res < 0 || c->stop)
		clear_end(c, lu_io_sense(c->lu, res, DATA_WRITE));
	else
		clear_step(c);
}

/* The next part of the medium; when all passes are done, all of it to stable storage. */
static void clear_step(struct lu_clear *c)
{
	struct backstore *bs = c->lu->bs;
	uint64_t left = bs_size(bs) - c->pos, step = c->pattern ? WRITE_STEP : ZERO_STEP;

	if (c->rekey) {
		c->all = (struct byte_range) { 0, bs_size(bs) };
		c->lock = (struct bs_lock) { .ranges = &c->all, .n = 1, .granted = rekey };
		bs_lock(bs, &c->lock);
		return;
	}
	if (c->pass == c->passes) {
		c->io = (struct io) { .op = IO_FLUSH, .done = clear_flushed };
		bs_submit(bs, &c->io);
		return;
	}
	c->vec = (struct iovec) { c->pattern, left < step ? left : step };
	c->io = (struct io) {
		.op = c->pattern ? IO_WRITE : IO_DISCARD,
		.off = c->pos,
		.len = left < step ? left : step,
		.iov = &c->vec,
		.niov = 1,
		.done = clear_moved,
	};
	bs_submit(bs, &c->io);
}

void lu_clear_poll(struct lu *lu)
{
	struct lu_clear *c = lu->clear;
	const struct task *task;

	if (!c || c->started || c->posted)
		return;
	if (c->stop) {
		clear_end(c, sense_good());
		return;
	}
	TAILQ_FOREACH (task, &lu->tasks, link)
		if (task->running && task != c->task)
			return;
	if (!TAILQ_EMPTY(&lu->ops) || lu->users)
		return;
	c->started = true;
	token_cancel_all(lu->env.tokens, lu->bs);
	clear_step(c);
}

static void begin_posted(struct ring_post *post)
{
	struct task *task = (struct task *)((char *)post - offsetof(struct task, post));
	struct lu *lu = task->lu;

	if (lu->clear && lu->clear->task == task) {
		lu->clear->posted = false;
		lu_clear_poll(lu);
	} else {
		task_finish(task, sense_good()); /* IMMED; the end of a task polls */
	}
}

/* Its task is to end: at once, or when a FORMAT UNIT has stopped. */
static void clear_cancel(struct task *task)
{
	struct lu_clear *c = task->lu->clear;
	bool format = c->kind == CLEAR_FORMAT;

	/* Else begin_posted is still to come, or the running transfer's end. */
	if (!c->posted && !(format && c->started))
		ring_post(task->lu->env.ring, &task->post);
	if (format) {
		c->stop = true;
		c->posted |= !c->started;
	} else {
		c->task = NULL; /* begin_posted ends it */
		c->posted = false;
	}
}

void lu_clear_stop(struct lu *lu)
{
	if (lu->clear)
		lu->clear->stop = true;
}

bool lu_clear_stopping(const struct lu *lu)
{
	return lu->clear && lu->clear->stop;
}

void lu_clear_reset(struct lu *lu)
{
	if (lu->clear && lu->clear->kind == CLEAR_FORMAT)
		lu_clear_stop(lu);
}

static void clear_begin(struct task *task, const struct lu_clear *how, bool immed)
{
	struct lu *lu = task->lu;
	struct lu_clear *c = malloc(sizeof(*c));

	if (!c) {
		free(how->pattern);
		task_finish_later(task, sense_from_errno(-ENOMEM, DATA_WRITE));
		return;
	}
	*c = *how;
	c->lu = lu;
	c->task = immed ? NULL : task;
	c->posted = !immed;
	lu->clear = c;
	task->cancel = immed ? NULL : clear_cancel;
	cm_terminate_background(lu);
	target_end_users(lu, false);
	task->post.fn = begin_posted;
	ring_post(lu->env.ring, &task->post);
	log_info("LUN %u: %s begins, asked for by %s", lu->cfg.lun, name_of(c),
		 task->nexus->initiator);
}

/* ---- the commands ---- */

static const uint8_t *list_of(const struct task *task)
{
	return task->niov ? task->data[0].iov_base : NULL;
}

/* The block size does not change (MODE SELECT refuses it): all blocks become zeros. */
static void format_unit(struct lu *lu, struct task *task)
{
	const struct lu_clear how = { .kind = CLEAR_FORMAT, .passes = 1 };
	bool immed = false;
	struct sense s = format_decode(&task->req, list_of(task), task->len, &immed);

	(void)lu;
	if (sense_is_good(s))
		clear_begin(task, &how, immed);
	else
		task_finish_later(task, s);
}

/* After a failure that may only be left by success, none may ask for another way out. */
static struct sense judge_sanitize(const struct lu *lu, const struct scsi_cdb *req)
{
	if (lu->sanitize == SANITIZE_FAILED && req->ause)
		return sense_cdb_bit(1, 5);
	return sense_good();
}

/* The pattern from the start of each block on, as often as it fits (SBC-4 5.30.3). */
static uint8_t *make_pattern(const struct sanitize_overwrite *o, uint32_t block_size)
{
	uint8_t *mem = aligned_alloc(4096, WRITE_STEP);

	for (size_t i = 0; mem && i < WRITE_STEP; i++)
		mem[i] = o->pattern[i % block_size % o->pattern_len];
	return mem;
}

static void sanitize_overwrite(struct lu *lu, struct task *task)
{
	struct lu_clear how = { .kind = CLEAR_SANITIZE, .ause = task->req.ause };
	struct sanitize_overwrite o;
	struct sense s = judge_sanitize(lu, &task->req);

	if (sense_is_good(s))
		s = sanitize_overwrite_decode(list_of(task), task->len, lu->info.block_size, &o);
	if (sense_is_good(s)) {
		how.passes = o.passes;
		how.invert = o.invert;
		how.pattern = make_pattern(&o, lu->info.block_size);
		if (!how.pattern)
			s = sense_from_errno(-ENOMEM, DATA_WRITE);
	}
	if (sense_is_good(s))
		clear_begin(task, &how, task->req.immed);
	else
		task_finish_later(task, s);
}

/* One that has no parameters. */
static void sanitize_plain(struct lu *lu, struct task *task, const struct lu_clear *how)
{
	struct sense s = judge_sanitize(lu, &task->req);

	if (sense_is_good(s))
		clear_begin(task, how, task->req.immed);
	else
		task_finish_later(task, s);
}

static void sanitize_block_erase(struct lu *lu, struct task *task)
{
	const struct lu_clear how = { .kind = CLEAR_SANITIZE, .passes = 1, .ause = task->req.ause };

	sanitize_plain(lu, task, &how);
}

/* The key goes, and with it all that was written; reads then give something else. */
static void sanitize_crypto_erase(struct lu *lu, struct task *task)
{
	const struct lu_clear how = { .kind = CLEAR_SANITIZE,
				      .rekey = true,
				      .ause = task->req.ause };

	sanitize_plain(lu, task, &how);
}

/* SBC-4 4.11.4: only after a SANITIZE that allowed it (AUSE). */
static void sanitize_exit_failure(struct lu *lu, struct task *task)
{
	if (lu->sanitize == SANITIZE_FAILED) {
		task_finish_later(task, sense_make(KEY_MEDIUM_ERROR, ASC_SANITIZE_FAILED));
		return;
	}
	lu->sanitize = SANITIZE_FINE;
	task_finish_later(task, sense_good());
}

const lu_handler lu_clear_handlers[CMD_COUNT] = {
	[CMD_FORMAT_UNIT] = format_unit,
	[CMD_SANITIZE_OVERWRITE] = sanitize_overwrite,
	[CMD_SANITIZE_BLOCK_ERASE] = sanitize_block_erase,
	[CMD_SANITIZE_CRYPTO_ERASE] = sanitize_crypto_erase,
	[CMD_SANITIZE_EXIT_FAILURE] = sanitize_exit_failure,
};
