/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "fixture.h"

static struct fixture fx;

static struct arena *new_arena(size_t bytes)
{
	struct arena *a = NULL;

	fixture_init(&fx);
	CU_ASSERT_EQUAL_FATAL(arena_new(&a, fx.ring, bytes), 0);
	return a;
}

static void end(struct arena *a)
{
	CU_ASSERT_EQUAL(arena_used(a), 0);
	arena_free(a);
	fixture_done(&fx);
}

static void the_whole_budget_is_given_out_and_not_a_byte_more(void)
{
	struct arena *a = new_arena(3 * MIB - 5);
	void *big[3], *small[256];

	CU_ASSERT_EQUAL(arena_bytes(a), 3 * MIB);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_PTR_NOT_NULL(big[i] = arena_get(a, MIB));
	CU_ASSERT_EQUAL(arena_used(a), 3 * MIB);
	CU_ASSERT_PTR_NULL(arena_get(a, 1));
	CU_ASSERT_PTR_NULL(arena_get(a, MIB));
	arena_put(a, big[1], MIB);
	for (unsigned i = 0; i < 256; i++)
		CU_ASSERT_PTR_NOT_NULL(small[i] = arena_get(a, 1));
	CU_ASSERT_PTR_NULL(arena_get(a, 1));
	for (unsigned i = 0; i < 256; i++)
		arena_put(a, small[(i * 37) % 256], 1);
	CU_ASSERT_PTR_NOT_NULL(big[1] = arena_get(a, MIB)); /* whole again */
	for (unsigned i = 0; i < 3; i++)
		arena_put(a, big[i], MIB);
	end(a);
}

struct piece {
	unsigned char *mem;
	size_t len;
	unsigned char mark;
};

static void random_pieces_never_overlap_and_are_aligned(void)
{
	struct arena *a = new_arena(4 * MIB);
	struct piece live[64] = { { 0 } };
	uint64_t seed = 3;

	for (unsigned round = 0; round < 20000; round++) {
		struct piece *p = &live[rnd(&seed) % COUNT(live)];

		if (p->mem) {
			if (p->mem[0] != p->mark || p->mem[p->len - 1] != p->mark)
				CU_FAIL("somebody wrote into a live piece");
			arena_put(a, p->mem, p->len);
			p->mem = NULL;
			continue;
		}
		p->len = 1 + rnd(&seed) % (MIB >> rnd(&seed) % 10);
		p->mark = (unsigned char)rnd(&seed);
		p->mem = arena_get(a, p->len);
		if (!p->mem)
			continue;
		if ((uintptr_t)p->mem % 4096)
			CU_FAIL("not aligned");
		p->mem[0] = p->mem[p->len / 2] = p->mem[p->len - 1] = p->mark;
	}
	for (unsigned i = 0; i < COUNT(live); i++)
		if (live[i].mem)
			arena_put(a, live[i].mem, live[i].len);
	end(a);
}

struct tw {
	struct arena_waiter w;
	void *mem;
	bool got;
	unsigned rank;
};
static unsigned granted_count;
static bool inside;

static void granted(struct arena_waiter *w, void *mem)
{
	struct tw *t = (struct tw *)w;

	CU_ASSERT(!inside);
	t->mem = mem;
	t->got = true;
	t->rank = ++granted_count;
}

static void waiters_are_served_in_order_and_nobody_passes_them(void)
{
	struct arena *a = new_arena(MIB);
	void *half[2] = { arena_get(a, MIB / 2), arena_get(a, MIB / 2) };
	struct tw big = { .w = { .granted = granted, .len = MIB } };
	struct tw small = { .w = { .granted = granted, .len = 4096 } };

	granted_count = 0;
	arena_wait(a, &big.w);
	arena_wait(a, &small.w);
	inside = true;
	arena_put(a, half[0], MIB / 2);
	inside = false;
	CU_ASSERT_PTR_NULL(arena_get(a, 4096)); /* there is some, but others wait */
	run_for(&fx, 2);
	CU_ASSERT(!big.got && !small.got);
	arena_put(a, half[1], MIB / 2);
	run_until(&fx, &big.got);
	CU_ASSERT(!small.got);
	arena_put(a, big.mem, MIB);
	run_until(&fx, &small.got);
	CU_ASSERT(big.rank == 1 && small.rank == 2);
	arena_put(a, small.mem, 4096);
	end(a);
}

static void a_waiter_that_leaves_lets_those_behind_pass(void)
{
	struct arena *a = new_arena(MIB);
	void *half = arena_get(a, MIB / 2);
	struct tw big = { .w = { .granted = granted, .len = MIB } };
	struct tw small = { .w = { .granted = granted, .len = 4096 } };

	arena_wait(a, &big.w);
	arena_wait(a, &small.w);
	run_for(&fx, 1);
	CU_ASSERT(!small.got);
	arena_unwait(a, &big.w);
	arena_unwait(a, &big.w); /* not waiting: fine */
	run_until(&fx, &small.got);
	CU_ASSERT(!big.got);
	arena_put(a, small.mem, 4096);
	arena_put(a, half, MIB / 2);
	end(a);
}

static void a_buffer_index_is_found_for_arena_memory_only(void)
{
	struct arena *a = new_arena(2 * MIB), *b = NULL;
	char *pa = arena_get(a, MIB), *pb, other[64];

	CU_ASSERT_EQUAL_FATAL(arena_new(&b, fx.ring, MIB), 0);
	pb = arena_get(b, 4096);
	if (arena_registered(a) && arena_registered(b)) {
		int ia = arena_buf_index(fx.ring, pa, MIB), ib = arena_buf_index(fx.ring, pb, 512);

		CU_ASSERT(ia >= 0 && ib >= 0 && ia != ib);
		CU_ASSERT_EQUAL(arena_buf_index(fx.ring, pa, 2 * MIB + 1), -1);
	} else {
		CU_ASSERT_EQUAL(arena_buf_index(fx.ring, pa, MIB), -1);
	}
	CU_ASSERT_EQUAL(arena_buf_index(fx.ring, other, sizeof(other)), -1);
	arena_put(b, pb, 4096);
	arena_free(b);
	CU_ASSERT_EQUAL(arena_buf_index(fx.ring, pb, 512), -1);
	arena_put(a, pa, MIB);
	end(a);
}

static void many_arenas_come_and_go_without_using_up_the_slots(void)
{
	struct arena *a = new_arena(MIB);
	bool first = arena_registered(a);

	for (unsigned i = 0; i < 100; i++) {
		struct arena *b = NULL;

		CU_ASSERT_EQUAL_FATAL(arena_new(&b, fx.ring, MIB), 0);
		CU_ASSERT_EQUAL(arena_registered(b), first);
		arena_free(b);
	}
	end(a);
}

static void an_impossible_budget_is_enomem(void)
{
	struct arena *a = (struct arena *)8;

	fixture_init(&fx);
	CU_ASSERT_EQUAL(arena_new(&a, fx.ring, SIZE_MAX - 3), -12);
	CU_ASSERT_PTR_EQUAL(a, (struct arena *)8);
	fixture_done(&fx);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "the whole budget is given out and not a byte more",
		  the_whole_budget_is_given_out_and_not_a_byte_more },
		{ "random pieces never overlap and are aligned",
		  random_pieces_never_overlap_and_are_aligned },
		{ "waiters are served in order and nobody passes them",
		  waiters_are_served_in_order_and_nobody_passes_them },
		{ "a waiter that leaves lets those behind pass",
		  a_waiter_that_leaves_lets_those_behind_pass },
		{ "a buffer index is found for arena memory only",
		  a_buffer_index_is_found_for_arena_memory_only },
		{ "many arenas come and go without using up the slots",
		  many_arenas_come_and_go_without_using_up_the_slots },
		{ "an impossible budget is ENOMEM", an_impossible_budget_is_enomem },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/arena", tests);
}
