/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the frozen data of a rod, one piece after the other.  That the rod is still
 * not cancelled after a piece was read proves that it is the frozen data (rod.h).
 */
#include <assert.h>
#include <errno.h>

#include "rod_impl.h"

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void ended(struct ring_post *post)
{
	struct rod_io *rio = container_of(post, struct rod_io, post);

	rio->done(rio, rio->res);
}

static void step(struct rod_io *rio);

static void step_done(struct io *io, int res)
{
	struct rod_io *rio = container_of(io, struct rod_io, io);

	if (res == 0 && rio->rod->cancelled)
		res = -ESTALE;
	rio->pos += rio->step;
	if (res < 0 || rio->pos == rio->len)
		rio->done(rio, res);
	else
		step(rio);
}

static void step(struct rod_io *rio)
{
	struct byte_range place = rod_map(rio->rod, rio->off + rio->pos);

	rio->step = min64(place.len, rio->len - rio->pos);
	rio->iov = (struct iovec) { .iov_base = (char *)rio->mem + rio->pos,
				    .iov_len = (size_t)rio->step };
	rio->io = (struct io) { .op = IO_READ,
				.off = place.off,
				.len = rio->step,
				.iov = &rio->iov,
				.niov = 1,
				.done = step_done };
	bs_submit(rio->rod->bs, &rio->io);
}

void rod_read(struct rod_io *rio)
{
	assert(range_within(rio->off, rio->len, rio->rod->len) && rio->rod->bs);
	rio->pos = 0;
	if (rio->len > 0 && !rio->rod->cancelled) {
		step(rio);
		return;
	}
	rio->res = rio->rod->cancelled ? -ESTALE : 0;
	rio->post.fn = ended;
	ring_post(rio->rod->bs->env.ring, &rio->post);
}

static void told(struct extent_query *q, int res)
{
	struct rod_extents *x = container_of(q, struct rod_extents, query);

	x->ret_len = q->ret_len;
	x->ret_hole = q->ret_hole;
	x->done(x, res);
}

void rod_extents(struct rod_extents *x)
{
	struct byte_range place = rod_map(x->rod, x->off);

	assert(x->len > 0 && range_within(x->off, x->len, x->rod->len));
	x->query.off = place.off;
	x->query.len = min64(place.len, x->len);
	x->query.done = told;
	bs_extents(x->rod->bs, &x->query);
}
