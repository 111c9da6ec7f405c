/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COMPARE AND WRITE, ORWRITE, WRITE ATOMIC: commands that nobody else's command on the
 * same blocks may come in between of.
 *
 * The first two read, look or change, and write under a lock of the backstore (ORWRITE:
 * for each piece).  WRITE ATOMIC collects its data until all of it is here and writes it
 * in one transfer, which the fence keeps apart from all others.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lu_impl.h"

#define CHUNK (64u << 10) /* what ORWRITE changes at a time */

/* A piece that is read, judged and written back under a lock. */
struct rmw {
	struct task *task;
	struct bs_lock lock;
	bool locked;
	struct byte_range range; /* locked */
	uint64_t pos;		 /* bytes of it done */
	/* What to write in the place of @n bytes just read into buf; or sense. */
	struct sense (*change)(struct rmw *r, size_t n, const uint8_t **ret);
	struct iovec vec;
	uint8_t buf[CHUNK];
};

static struct rmw *rmw_of(struct io *io)
{
	struct task *task = (struct task *)((char *)io - offsetof(struct task, io));

	return task->work;
}

static void rmw_end(struct rmw *r, struct sense s)
{
	struct task *task = r->task;

	if (r->locked)
		bs_unlock(&r->lock);
	lu_work_free(task);
	task_finish(task, s);
}

static void rmw_io(struct rmw *r, enum io_op op, const uint8_t *data, size_t len,
		   void (*done)(struct io *io, int res))
{
	struct task *task = r->task;

	r->vec = (struct iovec) { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	task->io = (struct io) {
		.op = op,
		.flags = op == IO_WRITE ? lu_write_flags(task) : 0,
		.off = r->range.off + r->pos,
		.len = len,
		.iov = &r->vec,
		.niov = 1,
		.lock = &r->lock,
		.done = done,
	};
	bs_submit(task->lu->bs, &task->io);
}

static void rmw_read(struct rmw *r);

static void rmw_written(struct io *io, int res)
{
	struct rmw *r = rmw_of(io);
	struct lu *lu = r->task->lu;

	if (res < 0) {
		rmw_end(r, lu_io_sense(lu, res, DATA_WRITE));
		return;
	}
	lu->stats.bytes_written += io->len;
	r->pos += io->len;
	if (r->pos == r->range.len || r->task->aborted)
		rmw_end(r, sense_good());
	else
		rmw_read(r);
}

static void rmw_was_read(struct io *io, int res)
{
	struct rmw *r = rmw_of(io);
	size_t n = (size_t)io->len;
	const uint8_t *data = NULL;
	struct sense s = lu_io_sense(r->task->lu, res, DATA_READ);

	if (sense_is_good(s))
		s = r->change(r, n, &data);
	if (!sense_is_good(s) || r->task->aborted)
		rmw_end(r, s);
	else
		rmw_io(r, IO_WRITE, data, n, rmw_written);
}

static void rmw_read(struct rmw *r)
{
	uint64_t left = r->range.len - r->pos;

	rmw_io(r, IO_READ, r->buf, left < CHUNK ? (size_t)left : CHUNK, rmw_was_read);
}

static void rmw_locked(struct bs_lock *lock, int res)
{
	struct rmw *r = (struct rmw *)((char *)lock - offsetof(struct rmw, lock));

	r->task->cancel = NULL;
	if (res < 0) {
		rmw_end(r, sense_good()); /* aborted */
		return;
	}
	r->locked = true;
	rmw_read(r);
}

static void rmw_cancel(struct task *task)
{
	struct rmw *r = task->work;

	bs_lock_cancel(&r->lock);
}

static void rmw_start(struct task *task, uint64_t len,
		      struct sense (*change)(struct rmw *r, size_t n, const uint8_t **ret))
{
	struct rmw *r = lu_work_new(task, sizeof(*r));

	if (!r)
		return;
	r->task = task;
	r->locked = false;
	r->range = (struct byte_range) { lu_piece_off(task), len };
	r->pos = 0;
	r->change = change;
	r->lock = (struct bs_lock) { .ranges = &r->range, .n = 1, .granted = rmw_locked };
	task->cancel = rmw_cancel;
	bs_lock(task->lu->bs, &r->lock);
}

/* ---- COMPARE AND WRITE (SBC-4 5.3) ---- */

_Static_assert(LU_MAX_COMPARE <= CHUNK, "compared at once, or a part would be written");

/* The data: first what the blocks must hold, then what they shall hold. */
static struct sense compared(struct rmw *r, size_t n, const uint8_t **ret)
{
	const uint8_t *data = r->task->data[0].iov_base;
	size_t same = bytes_alike(data, r->buf, n);

	*ret = data + n;
	/* INFORMATION: the offset of the first byte that differs */
	return same == n ? sense_good()
			 : sense_info(KEY_MISCOMPARE, ASC_MISCOMPARE_DURING_VERIFY, same);
}

static void compare_and_write(struct lu *lu, struct task *task)
{
	uint64_t len = (uint64_t)task->req.blocks * lu->info.block_size;

	if (len == 0) {
		task_finish_later(task, sense_good());
		return;
	}
	/* The front end sees to it that exactly the CDB's data has come (OP_WHOLE). */
	assert(task->niov == 1 && task->len == 2 * len);
	rmw_start(task, len, compared);
}

/* ---- ORWRITE (SBC-4 5.13) ---- */

static struct sense ored(struct rmw *r, size_t n, const uint8_t **ret)
{
	const struct task *task = r->task;
	size_t done = 0, len;

	while (done < n) {
		const uint8_t *data = iov_at(task->data, task->niov, r->pos + done, &len);

		assert(data);
		if (len > n - done)
			len = n - done;
		for (size_t i = 0; i < len; i++)
			r->buf[done + i] |= data[i];
		done += len;
	}
	*ret = r->buf;
	return sense_good();
}

static void orwrite(struct lu *lu, struct task *task)
{
	(void)lu;
	if (task->len == 0)
		task_finish_later(task, sense_good());
	else
		rmw_start(task, task->len, ored);
}

/* ---- WRITE ATOMIC (SBC-4 5.46) ---- */

/* The data of one command, until all of it is here. */
struct gather {
	struct iovec vec;
	uint8_t data[];
};

static void gather_free(struct task *task)
{
	if (!task->gather)
		return;
	free(task->gather);
	task->gather = NULL;
	task->lu->gathers--;
}

void lu_atomic_end(struct task *task)
{
	gather_free(task);
}

static void atomic_written(struct io *io, int res)
{
	struct task *task = (struct task *)((char *)io - offsetof(struct task, io));
	struct lu *lu = task->lu;

	if (res == 0)
		lu->stats.bytes_written += io->len;
	gather_free(task);
	task_finish(task, lu_io_sense(lu, res, DATA_WRITE));
}

static void gather_piece(struct task *task)
{
	uint8_t *to = task->gather->data + task->data_off;

	for (unsigned i = 0; i < task->niov; i++) {
		memcpy(to, task->data[i].iov_base, task->data[i].iov_len);
		to += task->data[i].iov_len;
	}
}

static void write_atomic(struct lu *lu, struct task *task)
{
	struct gather *g = task->gather;

	if (task->len == 0) {
		task_finish_later(task, sense_good());
		return;
	}
	if (!g && lu->gathers >= LU_MAX_GATHERS) {
		task_finish_status(task, SAM_TASK_SET_FULL);
		return;
	}
	if (!g) {
		g = task->gather = malloc(sizeof(*g) + task->data_len);
		if (!g) {
			task_finish_later(task, sense_from_errno(-ENOMEM, DATA_WRITE));
			return;
		}
		lu->gathers++;
	}
	gather_piece(task);
	if (task->data_off + task->len < task->data_len) {
		task_finish_later(task, sense_good());
		return;
	}
	g->vec = (struct iovec) { g->data, task->data_len };
	task->io = (struct io) {
		.op = IO_WRITE,
		.flags = lu_write_flags(task),
		.off = task->req.lba * lu->info.block_size,
		.len = task->data_len,
		.iov = &g->vec,
		.niov = 1,
		.done = atomic_written,
	};
	bs_submit(lu->bs, &task->io);
}

struct sense lu_atomic_judge(const struct lu *lu, const struct scsi_cdb *req)
{
	const struct lu_info *i = &lu->info;

	if (req->op->cmd == CMD_COMPARE_AND_WRITE && req->blocks > i->max_caw_blocks)
		return sense_cdb(13);
	if (req->op->cmd != CMD_WRITE_ATOMIC_16)
		return sense_good();
	/* ATOMIC BOUNDARY: within which parts it is atomic; ours is atomic in the whole. */
	if (req->boundary != 0)
		return sense_cdb(10);
	if (req->blocks > i->max_atomic_blocks ||
	    (i->atomic_granularity && req->blocks % i->atomic_granularity))
		return sense_cdb(12);
	if (i->atomic_alignment && req->lba % i->atomic_alignment)
		return sense_cdb(2);
	return sense_good();
}

const lu_handler lu_atomic_handlers[CMD_COUNT] = {
	[CMD_COMPARE_AND_WRITE] = compare_and_write,
	[CMD_ORWRITE_16] = orwrite,
	[CMD_WRITE_ATOMIC_16] = write_atomic,
};
