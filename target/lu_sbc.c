/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of SBC-4: reading and writing the medium.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lu_impl.h"

/* VERIFY compares or reads this much at a time. */
#define VERIFY_CHUNK (256u << 10)

struct sense lu_sbc_judge(const struct lu *lu, const struct scsi_cdb *req)
{
	uint64_t capacity = lu->info.blocks;

	if (req->protect != 0) /* no protection information here (SBC-4 table 43) */
		return sense_cdb_bit(1, 7);
	if (req->bytchk == 2) /* SBC-4 table 143 */
		return sense_cdb_bit(1, 2);
	if (req->op->flags & OP_RANGE &&
	    (req->lba > capacity || req->blocks > capacity - req->lba)) {
		uint64_t first_bad = req->lba > capacity ? req->lba : capacity;

		return sense_info(KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, first_bad);
	}
	if (req->op->flags & OP_WRITES && (lu->cfg.read_only || lu->mode.swp))
		return sense_make(KEY_DATA_PROTECT, ASC_WRITE_PROTECTED);
	return sense_good();
}

/* The piece's place in bytes; a multiple of the block size by the seam's rules. */
static uint64_t piece_off(const struct lu *lu, const struct task *task)
{
	return task->req.lba * lu->info.block_size + task->data_off;
}

static void medium_done(struct io *io, int res)
{
	struct task *task = (struct task *)((char *)io - offsetof(struct task, io));
	struct lu *lu = task->lu;
	enum data_dir dir = io->op == IO_READ ? DATA_READ : DATA_WRITE;

	if (res == 0 && io->op == IO_READ) {
		task->in_len = io->len;
		lu->stats.bytes_read += io->len;
	} else if (res == 0 && io->op == IO_WRITE) {
		lu->stats.bytes_written += io->len;
	}
	task_finish(task, lu_io_sense(lu, res, dir));
}

static void start_io(struct lu *lu, struct task *task, enum io_op op, unsigned flags)
{
	task->io = (struct io) {
		.op = op,
		.flags = flags,
		.off = op == IO_FLUSH ? 0 : piece_off(lu, task),
		.len = op == IO_FLUSH ? 0 : task->len,
		.iov = task->data,
		.niov = task->niov,
		.done = medium_done,
	};
	bs_submit(lu->bs, &task->io);
}

static void read_blocks(struct lu *lu, struct task *task)
{
	if (task->len == 0)
		task_finish_later(task, sense_good());
	else
		start_io(lu, task, IO_READ, 0);
}

/* Without a write cache every write is on the medium before GOOD (SBC-4 6.5.6). */
static void write_blocks(struct lu *lu, struct task *task)
{
	if (task->len == 0)
		task_finish_later(task, sense_good());
	else
		start_io(lu, task, IO_WRITE, task->req.fua || !lu->mode.wce ? IO_FUA : 0);
}

/* ---- SYNCHRONIZE CACHE ---- */

/* The whole cache is flushed, whatever the range; IMMED answers when it is, too. */
static void synchronize_cache(struct lu *lu, struct task *task)
{
	start_io(lu, task, IO_FLUSH, 0);
}

/* ---- VERIFY ---- */

/*
 * A verification under way: the medium is read piece by piece into @buf.
 * BYTCHK 00b only reads, 01b compares with the piece's data-out, 11b compares
 * every block with the one block of data-out (SBC-4 5.36).
 */
struct verify {
	struct task *task;
	uint64_t off, left; /* bytes on the medium still to do */
	uint64_t data_pos;  /* in the piece's data-out */
	struct iovec vec;
	uint8_t buf[VERIFY_CHUNK];
};

static void verify_next(struct verify *v);

static void verify_end(struct verify *v, struct sense s)
{
	struct task *task = v->task;

	free(v);
	task->verify = NULL;
	task_finish(task, s);
}

/* Byte @pos of the piece's data-out and how many follow it in one piece of memory. */
static const uint8_t *data_at(const struct task *task, uint64_t pos, size_t *ret_len)
{
	for (unsigned i = 0; i < task->niov; i++) {
		const struct iovec *v = &task->data[i];

		if (pos < v->iov_len) {
			*ret_len = v->iov_len - (size_t)pos;
			return (const uint8_t *)v->iov_base + pos;
		}
		pos -= v->iov_len;
	}
	*ret_len = 0;
	return NULL;
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
		size_t len;
		const uint8_t *want = data_at(task, pos, &len);

		if (!want) /* the initiator sent less than it announced */
			return done;
		if (len > n - done)
			len = n - done;
		for (size_t i = 0; i < len; i++)
			if (want[i] != v->buf[done + i])
				return done + i;
		done += len;
	}
	return n;
}

static void verify_read_done(struct io *io, int res)
{
	struct task *task = (struct task *)((char *)io - offsetof(struct task, io));
	struct verify *v = task->verify;
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
		.done = verify_read_done,
	};
	bs_submit(task->lu->bs, &task->io);
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
	v = malloc(sizeof(*v));
	if (!v) {
		task_finish_later(task, sense_from_errno(-ENOMEM, DATA_READ));
		return;
	}
	*v = (struct verify) { .task = task };
	v->off = piece_off(lu, task);
	v->left = len;
	task->verify = v;
	verify_next(v);
}

/* ---- READ CAPACITY ---- */

static void read_capacity_10(struct lu *lu, struct task *task)
{
	struct writer w = task_writer(task);

	read_capacity_10_encode(&w, &lu->info);
	task->in_len = wr_stored(&w); /* no allocation length in this CDB */
	task_finish_later(task, sense_good());
}

static void read_capacity_16(struct lu *lu, struct task *task)
{
	struct writer w = task_writer(task);

	read_capacity_16_encode(&w, &lu->info);
	task_finish_data(task, &w);
}

const lu_handler lu_sbc_handlers[CMD_COUNT] = {
	[CMD_READ_6] = read_blocks,
	[CMD_READ_10] = read_blocks,
	[CMD_READ_12] = read_blocks,
	[CMD_READ_16] = read_blocks,
	[CMD_WRITE_6] = write_blocks,
	[CMD_WRITE_10] = write_blocks,
	[CMD_WRITE_12] = write_blocks,
	[CMD_WRITE_16] = write_blocks,
	[CMD_VERIFY_10] = verify,
	[CMD_VERIFY_16] = verify,
	[CMD_SYNCHRONIZE_CACHE_10] = synchronize_cache,
	[CMD_SYNCHRONIZE_CACHE_16] = synchronize_cache,
	[CMD_READ_CAPACITY_10] = read_capacity_10,
	[CMD_READ_CAPACITY_16] = read_capacity_16,
};
