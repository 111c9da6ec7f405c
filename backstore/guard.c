/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BLOCK_SHIFT 12 /* of the smallest blocks */
#define STEP	    3  /* each level's are so many bits larger */
/* Counters: as many as this at first, 16 times as many when a quarter is in use. */
#define BITS_FIRST 12u
#define BITS_STEP  4u
#define BITS_MOST  20u
/* Longer writes ask the tree: that is little beside what they cost. */
#define QUICK_BLOCKS 256u

/* Neighbours lie in one cache line. */
static uint16_t *counter(const struct guard *g, unsigned level, uint64_t block)
{
	uint64_t key = (block >> 5) * 0x9e3779b97f4a7c15u + (level + 1) * 0xc2b2ae3d27d4eb4fu;

	key ^= key >> 32;
	key *= 0x9e3779b97f4a7c15u;
	return &g->counts[(key >> (64 - g->bits + 5)) << 5 | (block & 31)];
}

static void count_block(struct guard *g, unsigned level, uint64_t block, bool add)
{
	uint16_t *c = counter(g, level, block);

	if (*c == UINT16_MAX)
		; /* it has lost count: stays until the guard is empty */
	else if (add)
		++*c;
	else
		--*c;
	if (add && g->at[level]++ == 0)
		g->levels |= 1u << level;
	if (!add && --g->at[level] == 0)
		g->levels &= ~(1u << level);
	g->blocks += add ? 1 : UINT64_MAX;
}

/* The least number of blocks that are the range, rounded out to the smallest ones. */
static void count_range(struct guard *g, struct byte_range r, bool add)
{
	uint64_t from = r.off >> BLOCK_SHIFT, to = ((r.off + r.len - 1) >> BLOCK_SHIFT) + 1;
	const uint64_t inner = (1u << STEP) - 1;

	for (unsigned level = 0; from < to; level++) {
		bool last = level == GUARD_LEVELS - 1;

		while (from < to && (last || (from & inner)))
			count_block(g, level, from++, add);
		while (from < to && (to & inner))
			count_block(g, level, --to, add);
		from >>= STEP;
		to >>= STEP;
	}
}

/* The large ones come from the kernel and go back there; malloc might keep them. */
static uint16_t *new_counts(unsigned bits)
{
	void *p;

	if (bits == BITS_FIRST)
		return calloc((size_t)1 << bits, sizeof(uint16_t));
	p = mmap(NULL, sizeof(uint16_t) << bits, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void forget(struct guard *g)
{
	struct itree tree = g->tree;

	if (g->bits > BITS_FIRST)
		munmap(g->counts, sizeof(uint16_t) << g->bits);
	else
		free(g->counts);
	*g = (struct guard) { .tree = tree };
}

/* A larger table for what the tree has; without memory the old one, or none, will do. */
static void grow(struct guard *g)
{
	unsigned bits = g->counts ? g->bits + BITS_STEP : BITS_FIRST;
	uint16_t *counts = new_counts(bits);

	if (!counts)
		return;
	forget(g);
	g->counts = counts;
	g->bits = bits;
	for (struct itree_node *n = itree_find(&g->tree, 0, UINT64_MAX); n;
	     n = itree_next(&g->tree, n, 0, UINT64_MAX))
		count_range(g, n->range, true);
}

void guard_insert(struct guard *g, struct itree_node *n)
{
	bool first = !g->tree.root;

	itree_insert(&g->tree, n);
	if (g->counts)
		count_range(g, n->range, true);
	if (first || (g->counts && g->bits < BITS_MOST && g->blocks >> (g->bits - 2)))
		grow(g);
}

void guard_remove(struct guard *g, struct itree_node *n)
{
	if (!n->inside)
		return;
	itree_remove(&g->tree, n);
	if (!g->tree.root)
		forget(g);
	else if (g->counts)
		count_range(g, n->range, false);
}

bool guard_may_hold(const struct guard *g, uint64_t off, uint64_t len)
{
	uint64_t from, to;

	if (!g->tree.root || len == 0)
		return false;
	from = off >> BLOCK_SHIFT;
	to = (off + len - 1) >> BLOCK_SHIFT;
	if (!g->counts || to - from >= QUICK_BLOCKS)
		return true;
	for (unsigned left = g->levels; left; left &= left - 1) {
		unsigned level = (unsigned)__builtin_ctz(left);

		for (uint64_t b = from >> (STEP * level); b <= to >> (STEP * level); b++)
			if (*counter(g, level, b))
				return true;
	}
	return false;
}
