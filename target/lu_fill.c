/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long work on ranges of the medium: a pattern over them, zeros, or nothing any
 * more.  It goes in pieces, a few in flight, so that other commands get their turn
 * and an aborted task ends with the pieces it has in flight.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lu_impl.h"

#define FILL_DEPTH 4u /* pieces in flight */
/* Bytes of one piece: where storage cannot zero or discard it writes zeros instead. */
#define PIECE_WRITE   (256u << 10)
#define PIECE_ZERO    (16ull << 20)
#define PIECE_DISCARD (64ull << 20)

struct fill_piece {
	struct io io;
	struct iovec iov;
	struct fill *fill;
};

struct fill {
	struct task *task;
	enum io_op op;
	unsigned flags;
	uint64_t max;	  /* bytes of a piece */
	uint8_t *pattern; /* IO_WRITE: PIECE_WRITE bytes of it */
	unsigned at, n;	  /* the next piece begins at ranges[at].off + pos */
	uint64_t pos;
	unsigned active;
	int err;
	struct fill_piece pieces[FILL_DEPTH];
	struct byte_range ranges[];
};

static void fill_end(struct fill *f)
{
	struct task *task = f->task;
	int err = f->err;

	free(f->pattern);
	lu_work_free(task);
	task_finish(task, lu_io_sense(task->lu, err, DATA_WRITE));
}

static bool piece_start(struct fill_piece *p);

static void piece_done(struct io *io, int res)
{
	struct fill_piece *p = (struct fill_piece *)((char *)io - offsetof(struct fill_piece, io));
	struct fill *f = p->fill;

	f->active--;
	if (res < 0 && !f->err)
		f->err = res;
	if (!piece_start(p) && f->active == 0)
		fill_end(f);
}

/* False: nothing is left to be started. */
static bool piece_start(struct fill_piece *p)
{
	struct fill *f = p->fill;
	const struct byte_range *r;
	uint64_t len;

	while (f->at < f->n && f->pos == f->ranges[f->at].len) {
		f->at++;
		f->pos = 0;
	}
	if (f->at == f->n || f->err || f->task->aborted)
		return false;
	r = &f->ranges[f->at];
	len = r->len - f->pos < f->max ? r->len - f->pos : f->max;
	p->iov = (struct iovec) { .iov_base = f->pattern, .iov_len = (size_t)len };
	p->io = (struct io) {
		.op = f->op,
		.flags = f->flags,
		.off = r->off + f->pos,
		.len = len,
		.iov = &p->iov,
		.niov = f->op == IO_WRITE,
		.done = piece_done,
	};
	f->pos += len;
	f->active++;
	bs_submit(f->task->lu->bs, &p->io);
	return true;
}

/* Aligned as O_DIRECT likes it. */
static uint8_t *make_pattern(const uint8_t *block, size_t block_size)
{
	uint8_t *mem = aligned_alloc(4096, PIECE_WRITE);

	for (size_t at = 0; mem && at < PIECE_WRITE; at += block_size)
		memcpy(mem + at, block, block_size);
	return mem;
}

static uint64_t piece_max(enum io_op op)
{
	if (op == IO_WRITE)
		return PIECE_WRITE;
	return op == IO_ZERO ? PIECE_ZERO : PIECE_DISCARD;
}

void lu_fill(struct task *task, enum io_op op, const uint8_t *block,
	     const struct byte_range *ranges, unsigned n)
{
	struct fill *f;
	bool any = false;

	for (unsigned i = 0; i < n; i++)
		any |= ranges[i].len > 0;
	if (!any) {
		task_finish_later(task, sense_good());
		return;
	}
	f = lu_work_new(task, sizeof(*f) + n * sizeof(*ranges));
	if (!f)
		return;
	*f = (struct fill) { .task = task, .op = op, .max = piece_max(op), .n = n };
	f->flags = lu_write_flags(task);
	memcpy(f->ranges, ranges, n * sizeof(*ranges));
	if (op == IO_WRITE) {
		f->pattern = make_pattern(block, task->lu->info.block_size);
		if (!f->pattern) {
			lu_work_free(task);
			task_finish_later(task, sense_from_errno(-ENOMEM, DATA_WRITE));
			return;
		}
	}
	for (unsigned i = 0; i < FILL_DEPTH; i++) {
		f->pieces[i].fill = f;
		if (!piece_start(&f->pieces[i]))
			break;
	}
	assert(f->active > 0);
}
