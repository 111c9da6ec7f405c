/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VERIFY and WRITE AND VERIFY: the medium is read piece by piece.  BYTCHK 00b only
 * reads, 01b compares with the piece's data-out, 11b compares every block with the one
 * block of data-out (SBC-4 5.36); WRITE AND VERIFY knows the first two (SBC-4 5.48).
 *
 * What is compared: with direct=yes what the storage says.  Else the page cache stands
 * between.  WRITE AND VERIFY writes through to the storage and then has the kernel
 * forget what it caches of the range, so that its read comes from the storage, as far
 * as the storage has no cache of its own; that is a request, and the kernel may keep
 * pages that are in use elsewhere.  VERIFY alone reads what a READ would.
 */
#include <string.h>

#include "lu_impl.h"

#define VERIFY_CHUNK (64u << 10)

struct verify {
	struct task *task;
	uint64_t off, left; /* bytes on the medium still to do */
	uint64_t data_pos;  /* in the piece's data-out */
	/* The piece's data-out as it came: writing uses up the task's own. */
	struct iovec data[BS_MAX_IOV];
	unsigned niov;
	/*
	 * WRITE AND VERIFY holds its piece's range from the write to the last read, or
	 * it would compare with what somebody else wrote in between.
	 */
	bool locked;
	struct bs_lock lock;
	struct byte_range range;
	struct iovec vec;
	uint8_t buf[VERIFY_CHUNK];
};

static void verify_next(struct verify *v);

static void verify_end(struct verify *v, struct sense s)
{
	struct task *task = v->task;

	if (v->locked)
		bs_unlock(&v->lock);
	lu_work_free(task);
	task_finish(task, s);
}

/* Bytes at the start of @buf that agree with the data-out; @n if all do. */
static size_t verify_compare(struct verify *v, size_t n)
{
	const struct task *task = v->task;
	bool repeat = task->req.bytchk == 3;
	size_t done = 0;

	while (done < n) {
		uint64_t pos = repeat ? (v->data_pos + done) % task->lu->info.block_size
				      : v->data_pos + done;
		size_t len, same;
		const uint8_t *want = iov_at(v->data, v->niov, pos, &len);

		if (!want) /* the initiator sent less than it announced */
			return done;
		if (len > n - done)
			len = n - done;
		same = bytes_alike(want, v->buf + done, len);
		done += same;
		if (same < len)
			return done;
	}
	return n;
}

static void verify_read_done(struct io *io, int res)
{
	struct task *task = (struct task *)((char *)io - offsetof(struct task, io));
	struct verify *v = task->work;
	size_t n = (size_t)io->len; /* the iovec may have been eaten */

	if (res < 0) {
		verify_end(v, lu_io_sense(task->lu, res, DATA_READ));
		return;
	}
	if (task->req.bytchk != 0) {
		size_t same = verify_compare(v, n);

		if (same < n) {
			verify_end(v, sense_info(KEY_MISCOMPARE, ASC_MISCOMPARE_DURING_VERIFY,
						 task->data_off + v->data_pos + same));
			return;
		}
	}
	v->off += n;
	v->left -= n;
	v->data_pos += n;
	if (v->left == 0 || task->aborted)
		verify_end(v, sense_good());
	else
		verify_next(v);
}

static void verify_next(struct verify *v)
{
	struct task *task = v->task;

	v->vec.iov_base = v->buf;
	v->vec.iov_len = v->left < VERIFY_CHUNK ? (size_t)v->left : VERIFY_CHUNK;
	task->io = (struct io) {
		.op = IO_READ,
		.off = v->off,
		.len = v->vec.iov_len,
		.iov = &v->vec,
		.niov = 1,
		.lock = v->locked ? &v->lock : NULL,
		.done = verify_read_done,
	};
	bs_submit(task->lu->bs, &task->io);
}

/* Of @len bytes of the medium from the piece's place on; NULL: finished already. */
static struct verify *verify_new(struct task *task, uint64_t len)
{
	struct verify *v = lu_work_new(task, sizeof(*v));

	if (!v)
		return NULL;
	v->task = task;
	v->off = lu_piece_off(task);
	v->left = len;
	v->data_pos = 0;
	v->niov = task->niov;
	if (task->niov)
		memcpy(v->data, task->data, task->niov * sizeof(v->data[0]));
	v->locked = false;
	return v;
}

static void verify(struct lu *lu, struct task *task)
{
	uint64_t all = (uint64_t)task->req.blocks * lu->info.block_size;
	uint64_t len = task->req.bytchk == 1 ? task->len : all;
	struct verify *v;

	if (len == 0 || (task->req.bytchk == 3 && task->len < lu->info.block_size)) {
		task_finish_later(task, len == 0 ? sense_good() : sense_cdb_bit(1, 2));
		return;
	}
	v = verify_new(task, len);
	if (v)
		verify_next(v);
}

/* ---- WRITE AND VERIFY ---- */

static void forgotten(struct io *io, int res)
{
	struct task *task = (struct task *)((char *)io - offsetof(struct task, io));

	(void)res; /* a hint */
	verify_next(task->work);
}

static void written(struct io *io, int res)
{
	struct task *task = (struct task *)((char *)io - offsetof(struct task, io));
	struct verify *v = task->work;

	if (res < 0 || task->aborted) {
		verify_end(v, lu_io_sense(task->lu, res, DATA_WRITE));
		return;
	}
	task->lu->stats.bytes_written += v->left;
	task->io =
		(struct io) { .op = IO_DONTNEED, .off = v->off, .len = v->left, .done = forgotten };
	bs_submit(task->lu->bs, &task->io);
}

static void write_locked(struct bs_lock *lock, int res)
{
	struct verify *v = (struct verify *)((char *)lock - offsetof(struct verify, lock));
	struct task *task = v->task;

	task->cancel = NULL; /* from here on it ends soon */
	if (res < 0) {
		verify_end(v, sense_good()); /* aborted */
		return;
	}
	v->locked = true;
	task->io = (struct io) {
		.op = IO_WRITE,
		.flags = IO_FUA,
		.off = v->off,
		.len = v->left,
		.iov = task->data,
		.niov = task->niov,
		.lock = &v->lock,
		.done = written,
	};
	bs_submit(task->lu->bs, &task->io);
}

static void cancel_lock(struct task *task)
{
	struct verify *v = task->work;

	bs_lock_cancel(&v->lock);
}

static void write_and_verify(struct lu *lu, struct task *task)
{
	struct verify *v;

	if (task->len == 0) {
		task_finish_later(task, sense_good());
		return;
	}
	v = verify_new(task, task->len);
	if (!v)
		return;
	task->cancel = cancel_lock;
	v->range = (struct byte_range) { v->off, v->left };
	v->lock = (struct bs_lock) { .ranges = &v->range, .n = 1, .granted = write_locked };
	bs_lock(lu->bs, &v->lock);
}

const lu_handler lu_verify_handlers[CMD_COUNT] = {
	[CMD_VERIFY_10] = verify,
	[CMD_VERIFY_12] = verify,
	[CMD_VERIFY_16] = verify,
	[CMD_WRITE_AND_VERIFY_10] = write_and_verify,
	[CMD_WRITE_AND_VERIFY_12] = write_and_verify,
	[CMD_WRITE_AND_VERIFY_16] = write_and_verify,
};
