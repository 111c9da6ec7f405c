/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rod: a representation of data (SPC-4 ROD), frozen when it was captured.
 *
 * Where the backstore preserves rods, what a write is about to change is saved first
 * (cbw.h); only when that cannot be, the rod is cancelled.  Else the first write that
 * touches one of its ranges cancels it, under that write's fence and before the write
 * starts.  Home reactor of its backstore only.
 */
#ifndef BACKSTORE_ROD_H
#define BACKSTORE_ROD_H

#include "backstore.h"

/* The rod of the zero token: endless zeros, never cancelled, refs do nothing. */
struct rod *rod_zero(void);

/*
 * A rod that is not frozen: reading it gives what the ranges hold at that moment, and
 * no write cancels it (SPC-4's access upon reference).  One reference for the
 * caller; NULL without memory.
 */
struct rod *rod_view(struct backstore *bs, const struct byte_range *ranges, unsigned n);

struct rod *rod_ref(struct rod *rod);
void rod_unref(struct rod *rod); /* the last one frees; NULL is fine */

uint64_t rod_len(const struct rod *rod); /* bytes; UINT64_MAX for rod_zero */
bool rod_cancelled(const struct rod *rod);
struct backstore *rod_backstore(const struct rod *rod); /* NULL for rod_zero */
struct bs_owner *rod_owner(const struct rod *rod);	/* whom it was captured for, or NULL */
/* Does the rod hold any byte of these ranges of @bs? */
bool rod_touches(const struct rod *rod, const struct backstore *bs, const struct byte_range *r,
		 unsigned n);

/*
 * Called once if the rod is cancelled, before the write that is the cause of it
 * starts; must not submit I/O.  One listener; NULL @fn takes it away.
 */
void rod_on_cancel(struct rod *rod, void (*fn)(struct rod *rod, void *ctx), void *ctx);
/* Cancels now (LUN removed, operator, token table). */
void rod_cancel(struct rod *rod);

/* Where byte @off of the rod lay when it was captured: its place in the backstore and
 * how many bytes follow contiguously.  @off < rod_len; not for rod_zero.  What is there
 * now may be something else: read it by rod_read. */
struct byte_range rod_map(const struct rod *rod, uint64_t off);

/*
 * Reads the frozen data [off, off+len) of the rod into @mem.  Not for rod_zero.
 * done: once, from the loop, never from inside rod_read: 0; -ESTALE when the rod is
 * cancelled; else the I/O error, and nothing is promised of @mem.
 */
struct rod_io {
	struct rod *rod; /* the caller's reference, held until done */
	uint64_t off, len;
	void *mem;
	unsigned flags; /* IO_BULK */
	void (*done)(struct rod_io *rio, int res);
	/* the rod's */
	uint64_t pos; /* bytes done */
	struct io io;
	struct iovec iov;
	struct ring_post post;
	int res;
};
void rod_read(struct rod_io *rio);

/* Is it being cloned?  That ends by itself; reading it does not depend on it. */
bool rod_settling(const struct rod *rod);
/*
 * @fn is called once, when a rod that is being cloned is not any more: cloned, or not, or
 * cancelled, perhaps inside a write's submission; must not submit I/O.
 */
struct rod_waiter {
	void (*fn)(struct rod_waiter *w);
	LIST_ENTRY(rod_waiter) link; /* the rod's */
	bool waits;		     /* the rod's; false to begin with */
};
void rod_wait(struct rod *rod, struct rod_waiter *w); /* only while it is settling */
void rod_unwait(struct rod_waiter *w);		      /* fine when it does not wait */

/*
 * As bs_extents, of the frozen data: [off, off+ret_len) of the rod is all data or all
 * hole.  What is said stays true as long as the rod is not cancelled.
 */
struct rod_extents {
	struct rod *rod;   /* the caller's reference, held until done */
	uint64_t off, len; /* len > 0, within the rod */
	void (*done)(struct rod_extents *x, int res);
	uint64_t ret_len; /* 1..len */
	bool ret_hole;
	/* the rod's */
	unsigned asked; /* the kind of place that the query is about */
	struct extent_query query;
	struct ring_post post;
};
void rod_extents(struct rod_extents *x);

#endif
