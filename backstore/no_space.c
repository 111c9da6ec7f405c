/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the file system is full: what is kept for rods goes before a host's write is
 * refused.  Which of them keep how much the file system does not tell, so all that keep
 * something on it go at once.  Their space comes back behind their end, from aux threads.
 */
#include "cbw.h"
#include "clone.h"
#include "quota.h"
#include "rod_impl.h"

/* What is cancelled has been given back by then. */
#define COMES_BACK_NS 2000000000ull

static bool give_up(struct backstore *bs, uint64_t dev)
{
	if (clones_give_up(bs->clones, dev))
		return true;
	if (!cbw_keeps_on(bs->cbw, dev) || !itree_find(&bs->guard.tree, 0, bs->size))
		return false;
	rods_guard(bs, 0, bs->size);
	return true;
}

/* Each turn cancels something; what hears of it may change the list. */
static bool give_up_all(struct bs_totals *totals, uint64_t dev)
{
	struct backstore *bs;
	bool some = false;

	for (bs = LIST_FIRST(&totals->keepers); bs;) {
		bool now = give_up(bs, dev);

		some = some || now;
		bs = now ? LIST_FIRST(&totals->keepers) : LIST_NEXT(bs, keeper);
	}
	return some;
}

bool rods_give_up(struct backstore *bs)
{
	struct bs_totals *totals = bs->env.totals;
	uint64_t now = ring_now(bs->env.ring);
	struct bs_file at;

	if (!totals || !bs->ops->file || !bs->ops->file(bs, &at))
		return false;
	if (give_up_all(totals, at.dev))
		totals->gave_up = now;
	return totals->gave_up && now - totals->gave_up < COMES_BACK_NS;
}
