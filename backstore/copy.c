/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy is a row of chunks, each one span of one destination range: read from the
 * rod and written; or zeroed, where the source has a hole; or grafted, where the rod is
 * a clone on the destination's file system and the blocks lie alike.  A window of them
 * is in flight; they end in any order, but are counted from the front.  The window opens as
 * chunks come
 * back, and a chunk that by the pace so far would end after the deadline is not
 * started: on slow storage a copy ends in time, too.  No operation holds a fence
 * while it waits for another, and the memory of a window is a run's own, so
 * copies cannot wait for each other in a circle.
 */
#include "copy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clone.h"
#include "copy_impl.h"
#include "rod_impl.h"

/*
 * Measured, 1 GiB on two cores (docs/DESIGN.md, "Speed of a copy"): what goes through
 * the page cache is fastest when what is in flight still lies in the processor's
 * caches, a disk when it has much to do.
 */
#define CACHED_WINDOW 4u
/* How long a copy without a deadline goes on while others wait. */
#define SLICE_NS 100000000ull
/* Shorter zeros are written to a destination that is not thin: asking it to zero costs more. */
#define ZERO_MIN (64u << 10)

const struct copy_engine_config copy_engine_defaults = {
	.chunk = 512u << 10,
	.window = 16,
	.copies = 4,
};

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t now(const struct copy_engine *e)
{
	return ring_now(e->env.ring);
}

bool copy_disturbed(const struct copy_engine *e)
{
	return pace_disturbed(e->env.load, now(e));
}

static bool past_deadline(const struct copy_engine *e, const struct copy *c)
{
	return c->deadline && now(e) >= c->deadline;
}

/* The first in the row decides what the copy ends with: the count stops there. */
static void run_fail(struct copy_run *run, uint64_t pos, int err, bool write_failed)
{
	if (run->err && run->err_pos <= pos)
		return;
	run->err = err;
	run->err_pos = pos;
	run->write_failed = write_failed;
}

static void chunk_done(struct copy_chunk *ch)
{
	struct copy_run *run = ch->run;

	ch->done = true;
	run->active--;
	pace_land(&run->paces[ch->kind], now(run->engine), ch->len);
	if (ch->err)
		run_fail(run, ch->pos, ch->err, ch->write_failed);
	else
		run->c->stats.chunks++;
	while (run->head < run->tail) {
		struct copy_chunk *first = &run->chunks[run->head % run->engine->cfg.window];

		if (!first->done || first->err)
			break;
		run->c->written += first->len;
		run->head++;
	}
	copy_pump(run);
}

static void chunk_in(struct copy_chunk *ch);

/*
 * It has ended.  True: blocks cannot be shared between these two, and the chunk, one of
 * the first and small ones, is to be read and written.
 */
static bool graft_refused(struct copy_chunk *ch, int res)
{
	struct copy_run *run = ch->run;

	clone_unpin(ch->graft);
	if (res == 0)
		run->graft_most = pace_graft(run->graft_most, now(run->engine) - ch->began);
	if (res != -EOPNOTSUPP && res != -EXDEV && res != -EINVAL && res != -ENOTTY)
		return false;
	run->no_graft = true;
	return ch->len <= run->engine->cfg.chunk;
}

static void out_done(struct io *io, int res)
{
	struct copy_chunk *ch = container_of(io, struct copy_chunk, out);
	struct copy_stats *stats = &ch->run->c->stats;

	if (io->op == IO_CLONE && graft_refused(ch, res)) {
		chunk_in(ch);
		return;
	}
	if (res < 0) {
		ch->err = res;
		ch->write_failed = true;
	} else if (io->op == IO_CLONE) {
		stats->grafted += ch->len;
	} else if (io->op != IO_WRITE) {
		stats->zeroed += ch->len;
	} else {
		stats->copied += ch->len;
	}
	chunk_done(ch);
}

static void chunk_out(struct copy_chunk *ch, enum io_op op)
{
	ch->out_iov = (struct iovec) { .iov_base = ch->mem, .iov_len = (size_t)ch->len };
	ch->out.op = op;
	ch->out.flags = ch->run->c->flags | IO_BULK;
	ch->out.off = ch->to;
	ch->out.len = ch->len;
	ch->out.iov = &ch->out_iov;
	ch->out.niov = op == IO_WRITE;
	ch->out.done = out_done;
	if (op == IO_CLONE) {
		ch->graft = clone_pin(ch->run->c->src, &ch->out.clone_fd);
		ch->out.clone_off =
			rod_place(ch->run->c->src, ch->run->c->src_off + ch->pos, 1).off;
	}
	bs_submit(ch->run->c->dst, &ch->out);
}

/* Zeros that were read are written as a hole is, without data. */
static bool is_as_good_as_a_hole(const struct copy_chunk *ch)
{
	const struct backstore *dst = ch->run->c->dst;
	uint64_t least = bs_thin(dst) ? bs_discard_granularity(dst) : ZERO_MIN;

	return ch->len >= least && mem_is_zero(ch->mem, (size_t)ch->len);
}

static void chunk_read(struct rod_io *rio, int res)
{
	struct copy_chunk *ch = container_of(rio, struct copy_chunk, in);
	struct copy *c = ch->run->c;

	if (res == 0)
		c->stats.read += rio->len;
	ch->err = res == 0 && c->cancelled ? -ECANCELED : res;
	if (ch->err)
		chunk_done(ch);
	else
		chunk_out(ch, is_as_good_as_a_hole(ch) ? IO_DISCARD : IO_WRITE);
}

/* Past the end of the rod come zeros: they fill up the last block. */
static void chunk_in(struct copy_chunk *ch)
{
	const struct copy *c = ch->run->c;
	uint64_t from = c->src_off + ch->pos, have = min64(ch->len, rod_len(c->src) - from);

	memset(ch->mem + have, 0, (size_t)(ch->len - have));
	ch->in.rod = c->src;
	ch->in.off = from;
	ch->in.len = have;
	ch->in.mem = ch->mem;
	ch->in.flags = IO_BULK;
	ch->in.done = chunk_read;
	rod_read(&ch->in);
}

static void chunk_start(struct copy_run *run, enum plan what, uint64_t len)
{
	struct copy *c = run->c;
	struct copy_chunk *ch = &run->chunks[run->tail % run->engine->cfg.window];

	ch->pos = run->pos;
	ch->to = c->to[run->range].off + run->at;
	ch->err = 0;
	ch->done = ch->write_failed = false;
	ch->kind = what;
	ch->len = len;
	ch->began = now(run->engine);
	run->tail++;
	run->active++;
	pace_start(&run->paces[what], ch->began, ch->len);
	if (what == PLAN_READ)
		rate_take(&run->engine->rate, ch->began, len);
	run->pos += ch->len;
	run->at += ch->len;
	if (what == PLAN_READ)
		chunk_in(ch);
	else /* a hole stays one; zeros where dst is not thin */
		chunk_out(ch, what == PLAN_ZERO ? IO_DISCARD : IO_CLONE);
}

/* Why no new chunk may start, or 0. */
static int reason_to_stop(const struct copy_engine *e, const struct copy *c)
{
	if (c->cancelled)
		return -ECANCELED;
	if (rod_cancelled(c->src))
		return -ESTALE;
	return past_deadline(e, c) ? -ETIME : 0;
}

static void look_soon(struct copy_engine *e)
{
	ring_timer_set(e->env.ring, &e->look, 0);
}

static void join_line(struct copy_engine *e, struct copy *c)
{
	TAILQ_INSERT_TAIL(&e->line, c, link);
	e->urgent += c->deadline != 0;
	look_soon(e);
}

static void leave_line(struct copy_engine *e, struct copy *c)
{
	TAILQ_REMOVE(&e->line, c, link);
	e->urgent -= c->deadline != 0;
}

static void run_free(struct copy_run *run)
{
	struct copy_engine *e = run->engine;

	rod_unwait(&run->settled);
	ring_timer_cancel(e->env.ring, &run->settle);
	run->c->run = NULL;
	run->c = NULL;
	run->next_free = e->free;
	e->free = run;
	e->busy--;
}

/* Does somebody wait whom this copy should let in?  After a chunk at least, so it gets on. */
static bool gives_way(const struct copy_run *run)
{
	const struct copy_engine *e = run->engine;

	if (run->c->deadline || run->tail == 0 || e->free || TAILQ_EMPTY(&e->line))
		return false;
	return e->urgent > 0 || now(e) - run->began >= SLICE_NS;
}

static void run_give_way(struct copy_run *run)
{
	struct copy *c = run->c;

	assert(c->written == run->pos);
	run_free(run);
	join_line(run->engine, c);
}

static void run_end(struct copy_run *run)
{
	struct copy_engine *e = run->engine;
	struct copy *c = run->c;
	struct rod *src = c->src;
	int err = run->err;

	assert(err || c->written == run->total);
	c->write_failed = run->write_failed;
	run_free(run);
	if (!TAILQ_EMPTY(&e->line))
		look_soon(e);
	c->done(c, err);
	rod_unref(src);
}

/* May @len more bytes start now?  If not: whatever comes back or the rate pumps again. */
static bool may_start(struct copy_run *run, enum plan what, uint64_t len)
{
	struct copy_engine *e = run->engine;
	const struct pace *p = &run->paces[what];
	uint64_t deadline = run->c->deadline, wait = 0;

	if (what == PLAN_READ && p->active > 0 && copy_disturbed(e))
		return false;
	if (p->active >= p->window)
		return false;
	if (what == PLAN_READ)
		wait = rate_wait(&e->rate, now(e));
	if (pace_too_late(p, now(e) + wait, len, deadline) ||
	    (deadline && now(e) + wait >= deadline)) {
		/* What comes back before the deadline may change the pace. */
		if (!run->active)
			run_fail(run, run->pos, -ETIME, false);
		return false;
	}
	if (wait > 0 && !e->refill.armed)
		ring_timer_set(e->env.ring, &e->refill, wait);
	return wait == 0;
}

/* Starts what may be started; ends the copy when nothing is left or in flight. */
void copy_pump(struct copy_run *run)
{
	struct copy *c = run->c;

	while (!run->err && run->pos < run->total && run->tail - run->head < run->window) {
		uint64_t left, len;
		enum plan what;
		int stop = reason_to_stop(run->engine, c);

		if (stop) {
			run_fail(run, run->pos, stop, false);
			break;
		}
		if (gives_way(run)) {
			if (run->active || run->asking)
				break;
			run_give_way(run);
			return;
		}
		left = c->to[run->range].len - run->at;
		if (left == 0) {
			run->range++;
			run->at = 0;
			continue;
		}
		what = copy_plan(run, left, &len);
		if (what == PLAN_WAIT || !may_start(run, what, len))
			break;
		chunk_start(run, what, len);
	}
	if (run->active == 0 && !run->asking && (run->err || run->pos == run->total))
		run_end(run);
}

/* Each time another one goes first. */
static void refill(struct ring_timer *timer)
{
	struct copy_engine *e = container_of(timer, struct copy_engine, refill);
	unsigned first = e->turn++;

	for (unsigned i = 0; i < e->cfg.copies; i++) {
		struct copy_run *run = &e->runs[(first + i) % e->cfg.copies];

		if (run->c)
			copy_pump(run);
	}
}

static unsigned moves_at_once(const struct copy_engine *e, const struct copy *c)
{
	const struct backstore *src = rod_backstore(c->src);

	if (src && src->cached && c->dst->cached && e->cfg.window > CACHED_WINDOW)
		return CACHED_WINDOW;
	return e->cfg.window;
}

static void run_start(struct copy_engine *e, struct copy *c)
{
	struct copy_run *run = e->free;

	e->free = run->next_free;
	e->busy++;
	run->c = c;
	c->run = run;
	if (!ranges_sum(c->to, c->n, &run->total))
		abort();       /* the caller has judged it */
	run->pos = c->written; /* not 0: it gave way before */
	run->head = run->tail = 0;
	run->range = run->active = 0;
	for (run->at = run->pos; run->at > 0 && run->at > c->to[run->range].len; run->range++)
		run->at -= c->to[run->range].len;
	run->began = now(e);
	run->window = c->in_order ? 1 : e->cfg.window;
	for (unsigned i = 0; i < PLAN_WAIT; i++)
		pace_init(&run->paces[i], i == PLAN_READ ? moves_at_once(e, c) : run->window);
	run->err = 0;
	run->write_failed = run->no_graft = false;
	run->graft_most = 0;
	run->known[0].len = run->known[1].len = 0;
	copy_pump(run);
}

/* Ends @c, which never got a run. */
static void end_waiting(struct copy *c, int err)
{
	struct rod *src = c->src;

	c->done(c, err);
	rod_unref(src);
}

/* One step along the line; false when there is nothing to do now. */
static bool look_once(struct copy_engine *e)
{
	struct copy *c;

	TAILQ_FOREACH (c, &e->line, link) {
		int stop = reason_to_stop(e, c);

		if (!stop && !e->free)
			continue;
		leave_line(e, c);
		if (stop)
			end_waiting(c, stop);
		else
			run_start(e, c);
		return true;
	}
	return false;
}

static void look(struct ring_timer *timer)
{
	struct copy_engine *e = container_of(timer, struct copy_engine, look);
	uint64_t next = UINT64_MAX, t;
	struct copy *c;

	while (look_once(e))
		;
	TAILQ_FOREACH (c, &e->line, link)
		if (c->deadline)
			next = min64(next, c->deadline);
	t = now(e);
	if (next != UINT64_MAX && !e->look.armed)
		ring_timer_set(e->env.ring, &e->look, next > t ? next - t : 0);
}

void copy_start(struct copy_engine *e, struct copy *c)
{
	assert(ring_is_home(e->env.ring));
	assert(c->dst_block >= 512 && (c->dst_block & (c->dst_block - 1)) == 0);
	assert(e->cfg.chunk % c->dst_block == 0);
	rod_ref(c->src);
	c->engine = e;
	c->run = NULL;
	c->written = 0;
	c->write_failed = c->cancelled = false;
	c->stats = (struct copy_stats) { 0 };
	join_line(e, c);
}

/* A run that waits for nothing but the rate is looked at now, others when that comes back. */
void copy_cancel(struct copy *c)
{
	struct copy_engine *e = c->engine;

	c->cancelled = true;
	if (!c->run)
		look_soon(e);
	else if (c->run->active == 0)
		ring_timer_set(e->env.ring, &e->refill, 0);
}

static void settle_over(struct ring_timer *timer)
{
	copy_pump(container_of(timer, struct copy_run, settle));
}

static void settled(struct rod_waiter *w)
{
	struct copy_run *run = container_of(w, struct copy_run, settled);

	ring_timer_set(run->engine->env.ring, &run->settle, 0);
}

static int run_init(struct copy_engine *e, struct copy_run *run)
{
	run->engine = e;
	run->settle.fn = settle_over;
	run->settled.fn = settled;
	run->chunks = calloc(e->cfg.window, sizeof(*run->chunks));
	if (!run->chunks)
		return -ENOMEM;
	for (unsigned i = 0; i < e->cfg.window; i++) {
		run->chunks[i].run = run;
		run->chunks[i].mem = arena_get(e->arena, e->cfg.chunk);
		assert(run->chunks[i].mem); /* the budget is the product */
	}
	run->next_free = e->free;
	e->free = run;
	return 0;
}

int copy_engine_new(struct copy_engine **ret, const struct bs_env *env,
		    const struct copy_engine_config *cfg)
{
	struct copy_engine *e = calloc(1, sizeof(*e));
	size_t budget;
	int r = -ENOMEM;

	assert(cfg->chunk >= ARENA_MIN_PIECE && cfg->chunk <= ARENA_MAX_PIECE);
	assert((cfg->chunk & (cfg->chunk - 1)) == 0 && cfg->window > 0 && cfg->copies > 0);
	if (!e)
		return -ENOMEM;
	e->env = *env;
	e->cfg = *cfg;
	e->look.fn = look;
	e->refill.fn = refill;
	e->rate.limit = cfg->rate;
	TAILQ_INIT(&e->line);
	if (__builtin_mul_overflow(cfg->chunk, cfg->window, &budget) ||
	    __builtin_mul_overflow(budget, cfg->copies, &budget))
		goto fail;
	r = arena_new(&e->arena, env->ring, budget);
	if (r < 0)
		goto fail;
	e->runs = calloc(cfg->copies, sizeof(*e->runs));
	r = e->runs ? 0 : -ENOMEM;
	for (unsigned i = 0; i < cfg->copies && r == 0; i++)
		r = run_init(e, &e->runs[i]);
	if (r < 0)
		goto fail;
	*ret = e;
	return 0;

fail:
	copy_engine_free(e);
	return r;
}

size_t copy_engine_chunk(const struct copy_engine *e)
{
	return e->cfg.chunk;
}

void copy_engine_free(struct copy_engine *e)
{
	if (!e)
		return;
	assert(e->busy == 0 && TAILQ_EMPTY(&e->line));
	ring_timer_cancel(e->env.ring, &e->look);
	ring_timer_cancel(e->env.ring, &e->refill);
	for (unsigned i = 0; e->runs && i < e->cfg.copies; i++) {
		for (unsigned k = 0; e->runs[i].chunks && k < e->cfg.window; k++)
			arena_put(e->arena, e->runs[i].chunks[k].mem, e->cfg.chunk);
		free(e->runs[i].chunks);
	}
	free(e->runs);
	arena_free(e->arena);
	free(e);
}
