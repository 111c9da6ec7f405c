/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte ranges [off, off+len), checked arithmetic, and an interval tree of them.
 * No locks; whoever owns a tree serialises its use.
 */
#ifndef BACKSTORE_RANGES_H
#define BACKSTORE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct byte_range {
	uint64_t off, len;
};

/* True when off + len neither wraps nor passes @end. */
static inline bool range_within(uint64_t off, uint64_t len, uint64_t end)
{
	return off <= end && len <= end - off;
}

static inline bool range_overlap(struct byte_range a, struct byte_range b)
{
	return a.len && b.len && a.off < b.off + b.len && b.off < a.off + a.len;
}

/* Does any range of @a share a byte with any of @b?  O(na * nb). */
bool ranges_overlap(const struct byte_range *a, unsigned na, const struct byte_range *b,
		    unsigned nb);
/* Sum of the lengths; false when it wraps. */
bool ranges_sum(const struct byte_range *r, unsigned n, uint64_t *ret);

/* An interval in a tree; embedded in its owner.  Overlaps and duplicates are fine. */
struct itree_node {
	struct byte_range range; /* set before insert, len > 0, unchanged while inside */
	uint64_t key;		 /* likewise; what itree_find_above compares */
	uint64_t max_end;	 /* the tree's */
	uint64_t max_key;	 /* the tree's */
	struct itree_node *left, *right, *parent; /* the tree's */
	uint32_t prio;				  /* the tree's */
	bool inside;				  /* the tree's */
};

struct itree {
	struct itree_node *root;
	uint32_t seed;
};

void itree_insert(struct itree *t, struct itree_node *n);
void itree_remove(struct itree *t, struct itree_node *n); /* fine when not inside */
/* Some node that shares a byte with [off, off+len), or NULL.  O(log n). */
struct itree_node *itree_find(const struct itree *t, uint64_t off, uint64_t len);
/* The first of those with a key above @key, or NULL. */
struct itree_node *itree_find_above(const struct itree *t, uint64_t off, uint64_t len,
				    uint64_t key);
/*
 * Calls @fn for all of those, in order of (off), until it says false; it must not change the
 * tree.  Passes by whole branches without any.
 */
void itree_each_above(const struct itree *t, uint64_t off, uint64_t len, uint64_t key,
		      bool (*fn)(struct itree_node *n, void *ctx), void *ctx);
/* The next one after @n in order of (off); for full scans of what overlaps. */
struct itree_node *itree_next(const struct itree *t, struct itree_node *n, uint64_t off,
			      uint64_t len);

#endif
