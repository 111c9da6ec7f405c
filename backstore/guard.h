/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard: the ranges of a backstore that writes must mind, and a quick way to see that a
 * write touches none of them.
 *
 * A walk down a tree of 100,000 ranges is a row of cache misses, more than the rest of a
 * small write costs.  So the ranges are counted beside it, too: cut into blocks of 4 KiB,
 * 32 KiB, 256 KiB and so on, each as large as fits, in a table of counters that is looked
 * up by a hash of size and place.  A write whose counters are all 0 touches no range; one
 * that meets another's counter has to ask the tree.  Home thread.
 */
#ifndef BACKSTORE_GUARD_H
#define BACKSTORE_GUARD_H

#include "ranges.h"

#define GUARD_LEVELS 15 /* up to blocks of 2^54 bytes */

struct guard {
	struct itree tree; /* to be looked at; changed by the two below only */
	uint16_t *counts;  /* NULL: no range, or no memory to count */
	unsigned bits;	   /* log2 of how many there are */
	uint64_t blocks;   /* counted */
	uint32_t at[GUARD_LEVELS];
	unsigned levels; /* a bit for each that has any */
};

/* All zeros to begin with; nothing to be freed when the tree is empty. */
void guard_insert(struct guard *g, struct itree_node *n);
void guard_remove(struct guard *g, struct itree_node *n); /* fine when not inside */
/* False: [off, off+len) touches no range.  Else the tree knows. */
bool guard_may_hold(const struct guard *g, uint64_t off, uint64_t len);

#endif
