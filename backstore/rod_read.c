/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the frozen data of a rod, one piece after the other, each from where it is
 * kept at that moment: saved, else cloned, else still on the disk.  What was read from
 * the disk counts only as far as it is still kept nowhere else when the read has ended:
 * no write to it can have started then (cbw.c).  That the rod is not cancelled proves
 * the same where rods are cancelled.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cbw.h"
#include "clone.h"
#include "rod_impl.h"

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct rod_place rod_place(const struct rod *rod, uint64_t off, uint64_t max)
{
	struct byte_range r = rod_map(rod, off);
	struct rod_place p = { .off = r.off, .len = min64(r.len, max) };
	uint32_t slot;

	switch (cbw_find(rod, p.off, &p.len, &slot)) {
	case CBW_ZERO:
		p.kind = PLACE_ZERO;
		break;
	case CBW_SAVED:
		p.kind = PLACE_SAVED;
		p.slot = slot;
		p.off %= CBW_CHUNK;
		break;
	case CBW_NOT:
		p.kind = clone_find(rod, off, &p.off) ? PLACE_CLONE : PLACE_DISK;
		break;
	}
	return p;
}

static void ended(struct ring_post *post)
{
	struct rod_io *rio = container_of(post, struct rod_io, post);

	rio->done(rio, rio->res);
}

static void end_later(struct rod_io *rio, int res)
{
	rio->res = res;
	rio->post.fn = ended;
	ring_post(rio->rod->bs->env.ring, &rio->post);
}

static void step(struct rod_io *rio);

static void kept_read(struct io *io, int res)
{
	struct rod_io *rio = container_of(io, struct rod_io, io);

	if (res < 0) {
		rio->done(rio, res);
		return;
	}
	rio->pos += io->len;
	step(rio);
}

static void disk_read(struct io *io, int res)
{
	struct rod_io *rio = container_of(io, struct rod_io, io);
	struct rod_place now;

	if (rio->rod->cancelled) {
		rio->done(rio, -ESTALE);
		return;
	}
	now = rod_place(rio->rod, rio->off + rio->pos, io->len);
	if (res < 0 && now.kind == PLACE_DISK) {
		rio->done(rio, res);
		return;
	}
	if (now.kind == PLACE_DISK)
		rio->pos += now.len;
	step(rio);
}

/*
 * Of a rod that was cancelled meanwhile what was read may have been somebody else's: each
 * turn looks.  Never calls done: that would be inside of rod_read.
 */
static void step(struct rod_io *rio)
{
	const struct rod *rod = rio->rod;
	struct rod_place p = { .kind = PLACE_ZERO };

	if (rod->cancelled) {
		end_later(rio, -ESTALE);
		return;
	}
	while (rio->pos < rio->len) {
		p = rod_place(rod, rio->off + rio->pos, rio->len - rio->pos);
		if (p.kind != PLACE_ZERO)
			break;
		memset((char *)rio->mem + rio->pos, 0, (size_t)p.len);
		rio->pos += p.len;
	}
	if (rio->pos == rio->len) {
		end_later(rio, 0);
		return;
	}
	rio->iov = (struct iovec) { .iov_base = (char *)rio->mem + rio->pos,
				    .iov_len = (size_t)p.len };
	rio->io = (struct io) {
		.op = IO_READ, .off = p.off, .len = p.len, .iov = &rio->iov, .niov = 1
	};
	rio->io.flags = rio->flags;
	rio->io.done = p.kind == PLACE_DISK ? disk_read : kept_read;
	if (p.kind == PLACE_SAVED)
		cbw_read(rod->bs->cbw, p.slot, &rio->io);
	else
		bs_submit(p.kind == PLACE_CLONE ? clone_pool(rod) : rod->bs, &rio->io);
}

void rod_read(struct rod_io *rio)
{
	assert(range_within(rio->off, rio->len, rio->rod->len) && rio->rod->bs);
	rio->pos = 0;
	step(rio);
}

static void known(struct ring_post *post)
{
	struct rod_extents *x = container_of(post, struct rod_extents, post);

	x->done(x, 0);
}

static void told(struct extent_query *q, int res)
{
	struct rod_extents *x = container_of(q, struct rod_extents, query);
	struct rod_place now;

	if (res < 0 || x->rod->cancelled) {
		x->ret_len = x->len;
		x->ret_hole = false;
		x->done(x, res);
		return;
	}
	/* A hole of the disk was one of the rod only as far as it is kept nowhere else now. */
	now = rod_place(x->rod, x->off, q->ret_len);
	x->ret_len = now.len;
	x->ret_hole = now.kind == PLACE_ZERO || (now.kind == x->asked && q->ret_hole);
	x->done(x, 0);
}

void rod_extents(struct rod_extents *x)
{
	struct rod_place p = rod_place(x->rod, x->off, x->len);

	assert(x->len > 0 && range_within(x->off, x->len, x->rod->len));
	x->asked = p.kind;
	if (p.kind == PLACE_DISK || p.kind == PLACE_CLONE) {
		x->query.off = p.off;
		x->query.len = p.len;
		x->query.done = told;
		x->query.rough = true; /* zeros that are read are as good as a hole */
		bs_extents(p.kind == PLACE_CLONE ? clone_pool(x->rod) : x->rod->bs, &x->query);
		return;
	}
	x->ret_len = p.len;
	x->ret_hole = p.kind == PLACE_ZERO;
	x->post.fn = known;
	ring_post(x->rod->bs->env.ring, &x->post);
}
