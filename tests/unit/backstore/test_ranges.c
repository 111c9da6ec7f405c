/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "fixture.h"

#define NODES 300
#define SPACE 2000

static void a_range_that_wraps_is_not_within(void)
{
	CU_ASSERT(range_within(0, 0, 0));
	CU_ASSERT(range_within(10, 90, 100));
	CU_ASSERT(!range_within(10, 91, 100));
	CU_ASSERT(!range_within(101, 0, 100));
	CU_ASSERT(!range_within(UINT64_MAX, 2, UINT64_MAX));
	CU_ASSERT(!range_within(2, UINT64_MAX, UINT64_MAX));
}

static void neighbours_and_empty_ranges_do_not_overlap(void)
{
	const struct byte_range a[] = { { 0, 10 }, { 50, 0 } };
	const struct byte_range touching[] = { { 10, 40 } }, empty[] = { { 5, 0 } };
	const struct byte_range last[] = { { 9, 1 } };

	CU_ASSERT(!ranges_overlap(a, 2, touching, 1));
	CU_ASSERT(!ranges_overlap(a, 2, empty, 1));
	CU_ASSERT(ranges_overlap(a, 2, last, 1));
	CU_ASSERT(!ranges_overlap(a, 0, last, 1));
}

static void a_sum_that_wraps_is_refused_and_leaves_the_result_alone(void)
{
	const struct byte_range fine[] = { { 0, 1 }, { 7, UINT64_MAX - 1 } };
	const struct byte_range wraps[] = { { 0, 2 }, { 7, UINT64_MAX - 1 } };
	uint64_t sum = 42;

	CU_ASSERT(!ranges_sum(wraps, 2, &sum));
	CU_ASSERT_EQUAL(sum, 42);
	CU_ASSERT(ranges_sum(fine, 2, &sum));
	CU_ASSERT_EQUAL(sum, UINT64_MAX);
}

static struct itree_node nodes[NODES];

/* The tree's answer against a look at every node: same members, ordered. */
struct seen {
	unsigned n;
	uint64_t last;
	bool sorted;
};

static bool see(struct itree_node *n, void *ctx)
{
	struct seen *s = ctx;

	s->sorted = s->sorted && n->range.off >= s->last;
	s->last = n->range.off;
	s->n++;
	return true;
}

/* itree_each_above and itree_find_above. */
static bool above_agrees(const struct itree *t, uint64_t off, uint64_t len, uint64_t key)
{
	const struct byte_range r = { off, len };
	struct seen s = { .sorted = true };
	unsigned want = 0;

	for (unsigned i = 0; i < NODES; i++)
		want += nodes[i].inside && nodes[i].key > key && range_overlap(nodes[i].range, r);
	itree_each_above(t, off, len, key, see, &s);
	return s.sorted && s.n == want &&
	       (itree_find_above(t, off, len, key) != NULL) == (want > 0);
}

static bool scan_agrees(const struct itree *t, uint64_t off, uint64_t len)
{
	struct byte_range q = { off, len };
	unsigned want = 0, got = 0;
	uint64_t last = 0;

	for (unsigned i = 0; i < NODES; i++)
		want += nodes[i].inside && range_overlap(nodes[i].range, q);
	for (struct itree_node *n = itree_find(t, off, len); n; n = itree_next(t, n, off, len)) {
		if (!n->inside || !range_overlap(n->range, q) || n->range.off < last)
			return false;
		last = n->range.off;
		got++;
	}
	return got == want;
}

static void the_tree_agrees_with_looking_at_every_node(void)
{
	struct itree t = { 0 };
	uint64_t seed = 11;
	bool all = true;

	for (unsigned round = 0; round < 20000; round++) {
		struct itree_node *n = &nodes[rnd(&seed) % NODES];

		if (n->inside) {
			itree_remove(&t, n);
		} else {
			n->range.off = rnd(&seed) % SPACE;
			n->range.len = 1 + rnd(&seed) % (rnd(&seed) % 8 ? 20 : 700);
			n->key = rnd(&seed) % 50;
			itree_insert(&t, n);
		}
		all = all && above_agrees(&t, rnd(&seed) % SPACE, rnd(&seed) % 60, rnd(&seed) % 50);
		all = all && scan_agrees(&t, rnd(&seed) % SPACE, rnd(&seed) % 60);
	}
	CU_ASSERT(all);
	for (unsigned i = 0; i < NODES; i++) {
		itree_remove(&t, &nodes[i]);
		itree_remove(&t, &nodes[i]); /* not inside: fine */
	}
	CU_ASSERT_PTR_NULL(t.root);
	CU_ASSERT_PTR_NULL(itree_find(&t, 0, UINT64_MAX));
}

static unsigned depth(const struct itree_node *n)
{
	unsigned l, r;

	if (!n)
		return 0;
	l = depth(n->left);
	r = depth(n->right);
	return 1 + (l > r ? l : r);
}

static void sorted_insertion_keeps_the_tree_shallow(void)
{
	enum { MANY = 1 << 15 };
	struct itree_node *many = calloc(MANY, sizeof(*many));
	struct itree t = { 0 };

	for (unsigned i = 0; i < MANY; i++) {
		many[i].range = (struct byte_range) { i * 8ull, 8 };
		itree_insert(&t, &many[i]);
	}
	CU_ASSERT(depth(t.root) < 60);
	CU_ASSERT_PTR_EQUAL(itree_find(&t, 8 * 1234 + 7, 1), &many[1234]);
	free(many);
}

static void a_query_to_the_end_of_numbers_finds_the_last_byte(void)
{
	struct itree t = { 0 };
	struct itree_node n = { .range = { UINT64_MAX - 10, 10 } };

	itree_insert(&t, &n);
	CU_ASSERT_PTR_EQUAL(itree_find(&t, UINT64_MAX - 1, UINT64_MAX), &n);
	CU_ASSERT_PTR_NULL(itree_find(&t, 0, UINT64_MAX - 10));
	CU_ASSERT_PTR_NULL(itree_find(&t, UINT64_MAX - 5, 0));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a range that wraps is not within", a_range_that_wraps_is_not_within },
		{ "neighbours and empty ranges do not overlap",
		  neighbours_and_empty_ranges_do_not_overlap },
		{ "a sum that wraps is refused and leaves the result alone",
		  a_sum_that_wraps_is_refused_and_leaves_the_result_alone },
		{ "the tree agrees with looking at every node",
		  the_tree_agrees_with_looking_at_every_node },
		{ "sorted insertion keeps the tree shallow",
		  sorted_insertion_keeps_the_tree_shallow },
		{ "a query to the end of numbers finds the last byte",
		  a_query_to_the_end_of_numbers_finds_the_last_byte },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/ranges", tests);
}
