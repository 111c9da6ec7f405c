/* SPDX-License-Identifier: Apache-2.0 */
/* The guard's quick look: it may say "perhaps", but never "no" wrongly. */
#include <stdlib.h>

#include "fixture.h"
#include "guard.h"

#define SPACE (1ull << 40)

static struct guard g;

/* Asks about many places near and in @n, and far away; false when one answer is wrong. */
static bool answers_well(const struct itree_node *n, uint64_t *seed, unsigned *sharp)
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t len = 1 + rnd(seed) % (i % 2 ? 4096 : 300000), off = rnd(seed) % SPACE;

		if (i < 6)
			off = n->range.off + rnd(seed) % (n->range.len + len) - len;
		if (off >= SPACE) /* below 0 */
			off = 0;
		if (itree_find(&g.tree, off, len) && !guard_may_hold(&g, off, len))
			return false;
		*sharp += i >= 6 && !guard_may_hold(&g, off, len);
	}
	return true;
}

static void no_is_never_wrong(void)
{
	enum { NODES = 3000 };
	struct itree_node *nodes = calloc(NODES, sizeof(*nodes));
	uint64_t seed = 5;
	unsigned sharp = 0;

	for (unsigned round = 0; round < 30000; round++) {
		struct itree_node *n = &nodes[rnd(&seed) % NODES];

		if (n->inside) {
			guard_remove(&g, n);
		} else {
			/* from a byte to 128 GiB */
			n->range.len = 1 + (rnd(&seed) >> (27 + rnd(&seed) % 37));
			n->range.off = rnd(&seed) % (SPACE - n->range.len);
			if (rnd(&seed) % 2)
				n->range.off &= ~0xffffull;
			guard_insert(&g, n);
		}
		n = &nodes[rnd(&seed) % NODES];
		if (n->inside)
			CU_ASSERT_FATAL(answers_well(n, &seed, &sharp));
	}
	for (unsigned i = 0; i < NODES; i++) {
		guard_remove(&g, &nodes[i]);
		guard_remove(&g, &nodes[i]); /* not inside: fine */
	}
	CU_ASSERT(sharp > 0);
	CU_ASSERT(!g.counts && !g.levels && g.blocks == 0);
	CU_ASSERT_FALSE(guard_may_hold(&g, 0, UINT64_MAX));
	free(nodes);
}

/* What it is there for: small ranges all over, and writes beside them. */
static void most_writes_beside_many_ranges_are_seen_at_once(void)
{
	enum { MANY = 100000 };
	struct itree_node *nodes = calloc(MANY, sizeof(*nodes));
	unsigned perhaps = 0;

	for (unsigned i = 0; i < MANY; i++) {
		nodes[i].range = (struct byte_range) { i * 65536ull, 4096 };
		guard_insert(&g, &nodes[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		CU_ASSERT_TRUE_FATAL(guard_may_hold(&g, i * 65536ull + 4095, 1));
		perhaps += guard_may_hold(&g, i * 65536ull + 8192, 4096);
	}
	CU_ASSERT(perhaps < MANY / 5);
	for (unsigned i = 0; i < MANY; i++)
		guard_remove(&g, &nodes[i]);
	CU_ASSERT_PTR_NULL(g.counts);
	free(nodes);
}

/* A counter has 16 bits; once it is full it cannot tell when the last of its ranges goes. */
static void more_ranges_at_one_place_than_a_counter_counts(void)
{
	enum { MANY = 70000 };
	struct itree_node *nodes = calloc(MANY, sizeof(*nodes));

	for (unsigned i = 0; i < MANY; i++) {
		nodes[i].range = (struct byte_range) { 8192, 4096 };
		guard_insert(&g, &nodes[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		CU_ASSERT_TRUE_FATAL(guard_may_hold(&g, 8192, 4096));
		guard_remove(&g, &nodes[i]);
	}
	CU_ASSERT_FALSE(guard_may_hold(&g, 8192, 4096));
	guard_insert(&g, &nodes[0]);
	CU_ASSERT_TRUE(guard_may_hold(&g, 8192 + 4095, 1));
	CU_ASSERT_FALSE(guard_may_hold(&g, 1 << 20, 4096));
	guard_remove(&g, &nodes[0]);
	free(nodes);
}

static void the_ends_of_numbers(void)
{
	struct itree_node all = { .range = { 0, INT64_MAX } },
			  last = { .range = { INT64_MAX - 1, 1 } };

	guard_insert(&g, &last);
	CU_ASSERT_TRUE(guard_may_hold(&g, INT64_MAX - 1, 1));
	CU_ASSERT_TRUE(guard_may_hold(&g, 0, INT64_MAX));
	CU_ASSERT_FALSE(guard_may_hold(&g, 0, 4096));
	CU_ASSERT_FALSE(guard_may_hold(&g, INT64_MAX - 1, 0));
	guard_insert(&g, &all);
	CU_ASSERT_TRUE(guard_may_hold(&g, 0, 1));
	CU_ASSERT_TRUE(guard_may_hold(&g, 1ull << 62, 1));
	guard_remove(&g, &all);
	CU_ASSERT_FALSE(guard_may_hold(&g, 0, 4096));
	guard_remove(&g, &last);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "no is never wrong", no_is_never_wrong },
		{ "most writes beside many ranges are seen at once",
		  most_writes_beside_many_ranges_are_seen_at_once },
		{ "more ranges at one place than a counter counts",
		  more_ranges_at_one_place_than_a_counter_counts },
		{ "the ends of numbers", the_ends_of_numbers },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/guard", tests);
}
