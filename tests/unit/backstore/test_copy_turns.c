/* SPDX-License-Identifier: Apache-2.0 */
/* Copies within one backstore, from a source that is not frozen, and taking turns. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define SIZE (1 * MIB)

static struct fixture fx;
static struct copy_engine *engine;
static struct backstore *bs;
static unsigned char *want, *back;

static void start(const char *fault, unsigned copies)
{
	const struct copy_engine_config cfg = { .chunk = 16 * KIB, .window = 4, .copies = copies };

	fixture_init(&fx);
	bs = open_mem(&fx, SIZE, fault);
	want = malloc(SIZE);
	back = malloc(SIZE);
	CU_ASSERT_EQUAL_FATAL(copy_engine_new(&engine, &fx.env, &cfg), 0);
	fill_pattern(want, SIZE, 0, 1);
	memcpy(back, want, SIZE);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, back, SIZE, 0), 0);
}

static void finish(void)
{
	copy_engine_free(engine);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
	free(want);
	free(back);
}

struct turn_copy {
	struct copy c;
	struct byte_range to;
	int err;
	bool done;
	unsigned *order, rank;
};

static void copied(struct copy *c, int err)
{
	struct turn_copy *t = (struct turn_copy *)c;

	t->err = err;
	t->done = true;
	if (t->order)
		t->rank = ++*t->order;
}

static void begin(struct turn_copy *t, struct rod *src, struct byte_range to, unsigned limit_ms)
{
	t->to = to;
	t->c.src = src;
	t->c.dst = bs;
	t->c.to = &t->to;
	t->c.n = 1;
	t->c.dst_block = 512;
	t->c.deadline = limit_ms ? ring_now(fx.ring) + NOW_MS(limit_ms) : 0;
	t->c.done = copied;
	copy_start(engine, &t->c);
}

static bool as_wanted(void)
{
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, back, SIZE, 0), 0);
	return memcmp(back, want, SIZE) == 0;
}

static void view_is_not_cancelled(void)
{
	const struct byte_range from = { 0, 64 * KIB }, to = { 512 * KIB, 64 * KIB };
	struct turn_copy t = { .err = 1 };
	struct rod *view;

	start(NULL, 1);
	view = rod_view(bs, &from, 1);
	memset(want + 512, 0xee, 512);
	memcpy(back, want, 64 * KIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 512, back + 512, 512, 0), 0);
	CU_ASSERT_FALSE(rod_cancelled(view));
	begin(&t, view, to, 0);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, 0);
	memcpy(want + to.off, want, to.len);
	CU_ASSERT_TRUE(as_wanted());
	CU_ASSERT_FALSE(bs_idle(bs));
	rod_unref(view);
	CU_ASSERT_TRUE(bs_idle(bs));
	finish();
}

/* Over itself towards the front: in any distance, with holes in the source. */
static void overlapping_forward(void)
{
	static const unsigned shifts[] = { 512, 4096, 15 * KIB, 16 * KIB, 17 * KIB, 100 * KIB };

	for (unsigned i = 0; i < COUNT(shifts); i++) {
		struct byte_range from = { 200 * KIB, 600 * KIB }, to = from;
		struct turn_copy t = { .err = 1, .c.in_order = true };
		struct rod *view;

		start(NULL, 2);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, 300 * KIB, NULL, 200 * KIB, 0), 0);
		memset(want + 300 * KIB, 0, 200 * KIB);
		to.off -= shifts[i];
		view = rod_view(bs, &from, 1);
		begin(&t, view, to, 0);
		run_until(&fx, &t.done);
		CU_ASSERT_EQUAL(t.err, 0);
		memmove(want + to.off, want + from.off, from.len);
		CU_ASSERT_TRUE(as_wanted());
		rod_unref(view);
		finish();
	}
}

/* Not longer than a chunk: in either direction. */
static void overlapping_chunk(void)
{
	for (int shift = -8192; shift <= 8192; shift += 512) {
		struct byte_range from = { 512 * KIB, 16 * KIB }, to = from;
		struct turn_copy t = { .err = 1, .c.in_order = true };
		struct rod *view;

		start(NULL, 2);
		CU_ASSERT_EQUAL(copy_engine_chunk(engine), from.len);
		to.off = (uint64_t)((int64_t)to.off + shift);
		view = rod_view(bs, &from, 1);
		begin(&t, view, to, 0);
		run_until(&fx, &t.done);
		memmove(want + to.off, want + from.off, from.len);
		CU_ASSERT_TRUE(as_wanted());
		rod_unref(view);
		finish();
	}
}

static void lets_urgent_ones_in(void)
{
	struct byte_range from = { 0, 512 * KIB }, one = { 0, 16 * KIB };
	struct turn_copy slow = { .err = 1 }, urgent = { .err = 1 };
	struct rod *view, *small;
	unsigned order = 0;

	start("write-delay:10", 1);
	slow.order = urgent.order = &order;
	view = rod_view(bs, &from, 1);
	small = rod_view(bs, &one, 1);
	begin(&slow, view, (struct byte_range) { 512 * KIB, 512 * KIB }, 0);
	run_for(&fx, 15);
	CU_ASSERT_FALSE(slow.done);
	begin(&urgent, small, (struct byte_range) { 300 * KIB, 16 * KIB }, 3000);
	run_until(&fx, &slow.done);
	CU_ASSERT_EQUAL(urgent.rank, 1);
	CU_ASSERT_EQUAL(urgent.err, 0);
	CU_ASSERT_EQUAL(slow.err, 0);
	CU_ASSERT_EQUAL(slow.c.written, 512 * KIB);
	CU_ASSERT_EQUAL(slow.c.stats.copied + slow.c.stats.zeroed, 512 * KIB);
	CU_ASSERT_EQUAL(slow.c.stats.chunks, 32);
	memcpy(want + 300 * KIB, want, 16 * KIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 512 * KIB, back, 300 * KIB, 0), 0);
	CU_ASSERT_EQUAL(memcmp(back, want, 300 * KIB), 0);
	rod_unref(view);
	rod_unref(small);
	finish();
}

/* Two long ones and one run: neither has to wait for the other's end. */
static void take_turns(void)
{
	struct byte_range from = { 0, 256 * KIB };
	struct turn_copy a = { .err = 1 }, b = { .err = 1 };
	struct rod *view;

	start("write-delay:60", 1);
	view = rod_view(bs, &from, 1);
	begin(&a, view, (struct byte_range) { 256 * KIB, 256 * KIB }, 0);
	begin(&b, view, (struct byte_range) { 512 * KIB, 256 * KIB }, 0);
	run_for(&fx, 300);
	CU_ASSERT_TRUE(b.c.written > 0);
	CU_ASSERT_FALSE(a.done && b.done);
	/* Cancelled in the line or on the run: what is written is counted. */
	copy_cancel(&b.c);
	run_until(&fx, &b.done);
	CU_ASSERT_EQUAL(b.err, -ECANCELED);
	CU_ASSERT_TRUE(b.c.written > 0);
	run_until(&fx, &a.done);
	CU_ASSERT_EQUAL(a.err, 0);
	memcpy(want + 256 * KIB, want, 256 * KIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, back, SIZE, 0), 0);
	CU_ASSERT_EQUAL(memcmp(back, want, 512 * KIB), 0);
	CU_ASSERT_EQUAL(memcmp(back + 512 * KIB, want, b.c.written), 0);
	rod_unref(view);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a view is read as it is now, and no write cancels it", view_is_not_cancelled },
		{ "in order: onto itself, towards the front", overlapping_forward },
		{ "in order: one chunk onto itself, either way", overlapping_chunk },
		{ "a copy without a deadline lets one with a deadline in", lets_urgent_ones_in },
		{ "copies without deadlines take turns", take_turns },
		TEST_END,
	};

	return test_main(argc, argv, "backstore-copy-turns", tests);
}
