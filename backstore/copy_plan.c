/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do with the next bytes of a copy: read and write them, zero them because the
 * source has a hole, or graft them because the rod is a clone on the same file system.
 */
#include "clone.h"
#include "copy_impl.h"
#include "rod_impl.h"

#define ZERO_MAX (16ull << 20) /* one zeroing, so that deadlines are looked at  */
/* Shorter holes are read: asking and zeroing would cost more than it saves. */
#define HOLE_MIN (64ull << 10)
/* Likewise shorter grafts. */
#define GRAFT_MIN (64ull << 10)
/* A rod that is being cloned is waited for, but not long: it can be read as it is. */
#define SETTLE_NS 200000000ull

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void asked(struct rod_extents *q, int res)
{
	struct copy_run *run = container_of(q, struct copy_run, query);
	struct extent *to = &run->known[run->known_next];

	run->asking = false;
	/* Who does not get an answer reads. */
	*to = (struct extent) { .off = q->off,
				.len = res < 0 ? q->len : q->ret_len,
				.hole = res == 0 && q->ret_hole };
	run->known_next ^= 1;
	copy_pump(run);
}

static void ask(struct copy_run *run, uint64_t off, uint64_t len)
{
	run->asking = true;
	run->query.rod = run->c->src;
	run->query.off = off;
	run->query.len = len;
	run->query.done = asked;
	rod_extents(&run->query);
}

static const struct extent *known(struct copy_run *run, uint64_t off)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct extent *x = &run->known[i];

		if (off >= x->off && off - x->off < x->len) {
			run->known_next = i ^ 1; /* keep the one in use */
			return x;
		}
	}
	return NULL;
}

/* Asks for what follows the extent in use, while that is being copied. */
static void ask_ahead(struct copy_run *run, uint64_t from)
{
	const struct copy *c = run->c;
	uint64_t end = min64(c->src_off + run->total, rod_len(c->src));

	if (run->asking || from >= end || min64(rod_map(c->src, from).len, end - from) < HOLE_MIN)
		return;
	for (unsigned i = 0; i < 2; i++)
		if (from >= run->known[i].off && from - run->known[i].off < run->known[i].len)
			return;
	ask(run, from, end - from);
}

/*
 * Can blocks be grafted from here on, perhaps after a bit that is copied?  PLAN_WAIT:
 * not, go on.
 */
static enum plan plan_graft(const struct copy_run *run, uint64_t left, uint64_t *ret_len)
{
	const struct copy *c = run->c;
	uint64_t to = c->to[run->range].off + run->at, chunk = run->engine->cfg.chunk, head;
	uint32_t unit = run->no_graft || c->in_order ? 0 : clone_unit(c->src, c->dst);
	struct rod_place p;

	if (unit < c->dst_block && unit > 0)
		unit = c->dst_block;
	if (unit == 0 || chunk % unit)
		return PLAN_WAIT;
	p = rod_place(c->src, c->src_off + run->pos, left);
	head = (unit - to % unit) % unit;
	if (p.kind != PLACE_CLONE || p.off % unit != to % unit || p.len < head + GRAFT_MIN ||
	    head % c->dst_block)
		return PLAN_WAIT;
	*ret_len = head;
	if (head > 0)
		return PLAN_READ;
	*ret_len = min64(p.len / unit * unit, run->graft_most ? run->graft_most : chunk);
	return PLAN_GRAFT;
}

static bool settles(const struct copy_run *run)
{
	const struct copy *c = run->c;

	return rod_settling(c->src) && clone_unit(c->src, c->dst) &&
	       ring_now(run->engine->env.ring) - run->began < SETTLE_NS;
}

static void wait_settled(struct copy_run *run)
{
	uint64_t now = ring_now(run->engine->env.ring), until = run->began + SETTLE_NS;

	if (run->settled.waits)
		return;
	if (run->c->deadline)
		until = min64(until, run->c->deadline);
	rod_wait(run->c->src, &run->settled);
	ring_timer_set(run->engine->env.ring, &run->settle, until > now ? until - now : 0);
}

enum plan copy_plan(struct copy_run *run, uint64_t left, uint64_t *ret_len)
{
	const struct copy *c = run->c;
	uint64_t from = c->src_off + run->pos, chunk = run->engine->cfg.chunk;
	const struct extent *x;
	enum plan graft;
	uint64_t len;

	/* How fast zeroing is here is not known before the first. */
	if (c->src == rod_zero() || from >= rod_len(c->src)) {
		*ret_len = min64(left, run->paces[PLAN_ZERO].landed ? ZERO_MAX : chunk);
		return PLAN_ZERO;
	}
	if (settles(run)) {
		wait_settled(run);
		return PLAN_WAIT;
	}
	graft = plan_graft(run, left, ret_len);
	if (graft != PLAN_WAIT)
		return graft;
	len = min64(rod_map(c->src, from).len, left);
	if (copy_disturbed(run->engine))
		chunk = min64(chunk, PACE_DISTURBED_CHUNK);
	*ret_len = min64(left, chunk);
	/* Among chunks that overlap, a hole may be filled before its turn. */
	if (len < HOLE_MIN || c->in_order)
		return PLAN_READ;
	x = known(run, from);
	if (!x) {
		if (!run->asking)
			ask(run, from, rod_len(c->src) - from);
		return PLAN_WAIT;
	}
	len = min64(len, x->len - (from - x->off));
	ask_ahead(run, from + len);
	if (x->hole && len >= HOLE_MIN) {
		*ret_len = min64(len, ZERO_MAX) / c->dst_block * c->dst_block;
		return PLAN_ZERO;
	}
	/* Data ends at the hole, so that the hole can be zeroed whole. */
	if (!x->hole && len >= c->dst_block && len < chunk)
		*ret_len = min64(left, len / c->dst_block * c->dst_block);
	return PLAN_READ;
}
