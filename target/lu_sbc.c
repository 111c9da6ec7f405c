/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of SBC-4: reading and writing the medium.
 */
#include "format.h"
#include "lu_impl.h"

struct sense lu_sbc_judge(const struct lu *lu, const struct scsi_cdb *req)
{
	uint64_t capacity = lu->info.blocks;

	if (req->protect != 0) /* no protection information here (SBC-4 table 43) */
		return sense_cdb_bit(1, 7);
	/* SBC-4 table 143; WRITE AND VERIFY has no 11b either */
	if (req->bytchk == 2 || (req->bytchk == 3 && req->op->flags & OP_WRITES))
		return sense_cdb_bit(1, 2);
	if (req->op->flags & OP_RANGE &&
	    (req->lba > capacity || req->blocks > capacity - req->lba)) {
		uint64_t first_bad = req->lba > capacity ? req->lba : capacity;

		return sense_info(KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, first_bad);
	}
	if (req->op->flags & OP_WRITES && (lu->cfg.read_only || lu->mode.swp))
		return sense_make(KEY_DATA_PROTECT, ASC_WRITE_PROTECTED);
	return lu_atomic_judge(lu, req);
}

uint64_t lu_piece_off(const struct task *task)
{
	return task->req.lba * task->lu->info.block_size + task->data_off;
}

unsigned lu_write_flags(const struct task *task)
{
	return task->req.fua || !task->lu->mode.wce ? IO_FUA : 0;
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
		.off = op == IO_FLUSH ? 0 : lu_piece_off(task),
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

static void write_blocks(struct lu *lu, struct task *task)
{
	if (task->len == 0)
		task_finish_later(task, sense_good());
	else
		start_io(lu, task, IO_WRITE, lu_write_flags(task));
}

/* ---- SYNCHRONIZE CACHE ---- */

/* The whole cache is flushed, whatever the range; IMMED answers when it is, too. */
static void synchronize_cache(struct lu *lu, struct task *task)
{
	start_io(lu, task, IO_FLUSH, 0);
}

/* What PRE-FETCH asks the storage to read at most. */
#define PREFETCH_MAX (64u << 20)

/*
 * Begins to read ahead and does not wait for it, IMMED or not: GOOD, for CONDITION MET
 * would say that all of it is in the cache (SBC-4 5.15).  LENGTH 0: to the end.
 */
static void prefetch(struct lu *lu, struct task *task)
{
	uint64_t off = lu_piece_off(task), left = bs_size(lu->bs) - off;
	uint64_t len = (uint64_t)task->req.blocks * lu->info.block_size;

	if (len == 0)
		len = left;
	task->io = (struct io) {
		.op = IO_WILLNEED,
		.off = off,
		.len = len < PREFETCH_MAX ? len : PREFETCH_MAX,
		.done = medium_done,
	};
	bs_submit(lu->bs, &task->io);
}

/* There are no defects that anybody could see. */
static void read_defect_data(struct lu *lu, struct task *task)
{
	struct writer w = task_writer(task);
	struct sense s = defect_list_encode(&w, &task->req);

	(void)lu;
	if (sense_is_good(s))
		task_finish_data(task, &w);
	else
		task_finish_later(task, s);
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
	[CMD_SYNCHRONIZE_CACHE_10] = synchronize_cache,
	[CMD_SYNCHRONIZE_CACHE_16] = synchronize_cache,
	[CMD_PRE_FETCH_10] = prefetch,
	[CMD_PRE_FETCH_16] = prefetch,
	[CMD_READ_DEFECT_DATA_10] = read_defect_data,
	[CMD_READ_DEFECT_DATA_12] = read_defect_data,
	[CMD_READ_CAPACITY_10] = read_capacity_10,
	[CMD_READ_CAPACITY_16] = read_capacity_16,
};
