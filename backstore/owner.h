/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be kept for rods: on behalf of one owner, and by all backstores together.
 * One thread.
 */
#ifndef BACKSTORE_OWNER_H
#define BACKSTORE_OWNER_H

#include <stddef.h>
#include <sys/queue.h>

#include "quota.h"

/* Whom rods are captured for, on whichever backstores. */
struct bs_owner {
	struct quota saved;  /* bytes in sidecars that rods of his need */
	struct quota cloned; /* bytes that clones of his rods keep allocated */
	unsigned refs;
	void (*gone)(struct bs_owner *owner); /* the last reference was given back */
};

/* NULL is fine: nobody in particular, who has no limit of his own. */
static inline struct bs_owner *bs_owner_ref(struct bs_owner *owner)
{
	if (owner)
		owner->refs++;
	return owner;
}

static inline void bs_owner_unref(struct bs_owner *owner)
{
	if (owner && --owner->refs == 0)
		owner->gone(owner);
}

struct backstore;
struct cbw;

/* All zeros but for the limits to begin with. */
struct bs_totals {
	struct quota saved;		/* bytes in all sidecars */
	struct quota cloned;		/* bytes that all clones keep allocated */
	struct quota saves;		/* chunks that are being saved (cbw.h) */
	struct cbw *waiting, *last;	/* cbw.c's: for one of @saves */
	LIST_HEAD(, backstore) keepers; /* that have live rods */
	uint64_t gave_up;		/* ring_now() when rods last ended for want of space */
};

#endif
