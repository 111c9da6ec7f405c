/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the frozen data of a rod, one piece after the other, each from where it is
 * kept at that moment.  What was read from the disk counts only as far as it is still
 * kept nowhere else when the read has ended: no write to it can have started then
 * (cbw.c).  That the rod is not cancelled proves the same where rods are cancelled.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cbw.h"
#include "rod_impl.h"

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Where up to @max bytes from @off of the rod on are kept; all in one place. */
struct place {
	enum cbw_place kind;
	uint64_t off, len; /* in the backstore */
	uint32_t slot;
};

static struct place find(const struct rod *rod, uint64_t off, uint64_t max)
{
	struct byte_range r = rod_map(rod, off);
	struct place p = { .off = r.off, .len = min64(r.len, max) };

	p.kind = cbw_find(rod, p.off, &p.len, &p.slot);
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

static void saved_read(struct io *io, int res)
{
	struct rod_io *rio = container_of(io, struct rod_io, io);

	if (res == 0 && rio->rod->cancelled)
		res = -ESTALE; /* the slot may have been somebody else's */
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
	struct place now;

	if (rio->rod->cancelled) {
		rio->done(rio, -ESTALE);
		return;
	}
	now = find(rio->rod, rio->off + rio->pos, io->len);
	if (res < 0 && now.kind == CBW_NOT) {
		rio->done(rio, res);
		return;
	}
	if (now.kind == CBW_NOT)
		rio->pos += now.len;
	step(rio);
}

/* Never calls done: that would be inside of rod_read. */
static void step(struct rod_io *rio)
{
	const struct rod *rod = rio->rod;
	struct place p = { .kind = CBW_ZERO };

	if (rod->cancelled) {
		end_later(rio, -ESTALE);
		return;
	}
	while (rio->pos < rio->len) {
		p = find(rod, rio->off + rio->pos, rio->len - rio->pos);
		if (p.kind != CBW_ZERO)
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
	if (p.kind == CBW_SAVED) {
		rio->io.off %= CBW_CHUNK;
		rio->io.done = saved_read;
		cbw_read(rod->bs->cbw, p.slot, &rio->io);
	} else {
		rio->io.done = disk_read;
		bs_submit(rod->bs, &rio->io);
	}
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
	struct place now;

	if (res < 0 || x->rod->cancelled) {
		x->ret_len = x->len;
		x->ret_hole = false;
		x->done(x, res);
		return;
	}
	/* A hole of the disk was one of the rod only where nothing has been saved meanwhile. */
	now = find(x->rod, x->off, q->ret_len);
	x->ret_len = now.len;
	x->ret_hole = now.kind == CBW_ZERO || (now.kind == CBW_NOT && q->ret_hole);
	x->done(x, 0);
}

void rod_extents(struct rod_extents *x)
{
	struct place p = find(x->rod, x->off, x->len);

	assert(x->len > 0 && range_within(x->off, x->len, x->rod->len));
	if (p.kind == CBW_NOT) {
		x->query.off = p.off;
		x->query.len = p.len;
		x->query.done = told;
		bs_extents(x->rod->bs, &x->query);
		return;
	}
	x->ret_len = p.len;
	x->ret_hole = p.kind == CBW_ZERO;
	x->post.fn = known;
	ring_post(x->rod->bs->env.ring, &x->post);
}
