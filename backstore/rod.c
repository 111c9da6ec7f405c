/* SPDX-License-Identifier: Apache-2.0 */
#include "rod.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "cbw.h"
#include "clone.h"
#include "rod_impl.h"

static struct rod zero_rod = { .refs = 1, .len = UINT64_MAX };

struct rod *rod_zero(void)
{
	return &zero_rod;
}

static struct rod *make(struct backstore *bs, const struct byte_range *ranges, unsigned n,
			bool frozen)
{
	struct rod *rod = calloc(1, sizeof(*rod) + n * sizeof(rod->parts[0]));

	if (!rod)
		return NULL;
	rod->refs = 1;
	rod->bs = bs;
	if (frozen && bs->cbw) {
		rod->seq = cbw_number(bs->cbw);
		rod->gone = UINT64_MAX;
	}
	for (unsigned i = 0; i < n; i++) {
		struct rod_part *part = &rod->parts[rod->n];

		if (!ranges[i].len)
			continue;
		part->node.range = ranges[i];
		part->node.key = rod->seq;
		part->rod = rod;
		part->at = rod->len;
		/* The caller judged the sum: it is a transfer length of his. */
		if (__builtin_add_overflow(rod->len, ranges[i].len, &rod->len))
			abort();
		if (frozen)
			guard_insert(&bs->guard, &part->node);
		rod->n++;
	}
	if (bs->live_rods++ == 0 && bs->env.totals)
		LIST_INSERT_HEAD(&bs->env.totals->keepers, bs, keeper);
	bs->rods++;
	return rod;
}

/* Could anything be saved for it, if a write came now? */
static bool may_be_kept(const struct rod *rod)
{
	return !rod->bs->cbw || rod->n == 0 || rod->clone || cbw_room(rod->bs->cbw, rod->owner);
}

int rod_new(struct rod **ret, const struct capture *c)
{
	struct rod *rod = make(c->bs, c->ranges, c->n, true);

	if (!rod)
		return -ENOMEM;
	rod->owner = bs_owner_ref(c->owner);
	clone_start(rod);
	if (!may_be_kept(rod)) {
		rod_unref(rod);
		return -ENOSPC;
	}
	*ret = rod;
	return 0;
}

struct rod *rod_view(struct backstore *bs, const struct byte_range *ranges, unsigned n)
{
	return make(bs, ranges, n, false);
}

struct bs_owner *rod_owner(const struct rod *rod)
{
	return rod->owner;
}

/* Takes the rod out of the guard, and what was saved for it goes. */
static void drop_live(struct rod *rod)
{
	for (unsigned i = 0; i < rod->n; i++)
		guard_remove(&rod->bs->guard, &rod->parts[i].node);
	cbw_release(rod);
	clone_drop(rod);
	if (--rod->bs->live_rods == 0 && rod->bs->env.totals)
		LIST_REMOVE(rod->bs, keeper);
}

/*
 * What was saved for it stays: the clone may have met the writes that it was saved for.
 * What is saved from here on is not for it.
 */
void rod_settled(struct rod *rod)
{
	for (unsigned i = 0; i < rod->n; i++)
		guard_remove(&rod->bs->guard, &rod->parts[i].node);
	cbw_settle(rod);
	rod->bs->stats.rods_cloned++;
}

bool rod_settling(const struct rod *rod)
{
	return clone_pending(rod->clone);
}

void rod_wait(struct rod *rod, struct rod_waiter *w)
{
	assert(rod_settling(rod) && !w->waits);
	w->waits = true;
	clone_wait(rod->clone, w);
}

void rod_unwait(struct rod_waiter *w)
{
	if (w->waits)
		LIST_REMOVE(w, link);
	w->waits = false;
}

struct rod *rod_ref(struct rod *rod)
{
	if (rod->bs)
		rod->refs++;
	return rod;
}

void rod_unref(struct rod *rod)
{
	if (!rod || !rod->bs || --rod->refs > 0)
		return;
	if (!rod->cancelled)
		drop_live(rod);
	rod->bs->rods--;
	bs_owner_unref(rod->owner);
	free(rod);
}

void rod_cancel(struct rod *rod)
{
	void (*fn)(struct rod * rod, void *ctx) = rod->on_cancel;

	if (rod->cancelled || !rod->bs)
		return;
	rod->cancelled = true;
	drop_live(rod);
	rod->bs->stats.rods_cancelled++;
	if (fn)
		fn(rod, rod->ctx);
}

/* Each turn takes a whole rod out, so this ends; on_cancel may free the rod. */
void rods_guard(struct backstore *bs, uint64_t off, uint64_t len)
{
	struct itree_node *n;

	while ((n = itree_find(&bs->guard.tree, off, len)))
		rod_cancel(container_of(n, struct rod_part, node)->rod);
}

uint64_t rod_len(const struct rod *rod)
{
	return rod->len;
}

bool rod_cancelled(const struct rod *rod)
{
	return rod->cancelled;
}

struct backstore *rod_backstore(const struct rod *rod)
{
	return rod->bs;
}

bool rod_touches(const struct rod *rod, const struct backstore *bs, const struct byte_range *r,
		 unsigned n)
{
	if (!rod->bs || rod->bs != bs)
		return false;
	for (unsigned i = 0; i < rod->n; i++)
		if (ranges_overlap(&rod->parts[i].node.range, 1, r, n))
			return true;
	return false;
}

void rod_on_cancel(struct rod *rod, void (*fn)(struct rod *rod, void *ctx), void *ctx)
{
	if (!rod->bs)
		return;
	rod->on_cancel = fn;
	rod->ctx = ctx;
}

const struct rod_part *rod_part_at(const struct rod *rod, uint64_t off)
{
	unsigned lo = 0, hi = rod->n;

	assert(rod->bs && off < rod->len);
	while (hi - lo > 1) { /* parts[lo].at <= off < parts[hi].at */
		unsigned mid = lo + (hi - lo) / 2;

		if (rod->parts[mid].at <= off)
			lo = mid;
		else
			hi = mid;
	}
	return &rod->parts[lo];
}

struct byte_range rod_map(const struct rod *rod, uint64_t off)
{
	const struct rod_part *part = rod_part_at(rod, off);

	off -= part->at;
	return (struct byte_range) { .off = part->node.range.off + off,
				     .len = part->node.range.len - off };
}
