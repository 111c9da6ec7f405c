/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static struct fixture fx;
static struct backstore *bs;
static char buf[64 * KIB];

static void start(void)
{
	fixture_init(&fx);
	fx.keep = ROD_KEEP_CANCEL;
	bs = open_mem(&fx, MIB, NULL);
}

static void finish(void)
{
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

static void map_tells_place_and_contiguous_length(void)
{
	const struct byte_range r[] = { { 8192, 4096 }, { 0, 0 }, { 0, 512 }, { 65536, 1024 } };
	struct byte_range at;
	struct rod *rod;

	start();
	rod = do_capture(&fx, bs, r, COUNT(r));
	CU_ASSERT_PTR_NOT_NULL_FATAL(rod);
	CU_ASSERT_EQUAL(rod_len(rod), 4096 + 512 + 1024);
	CU_ASSERT_PTR_EQUAL(rod_backstore(rod), bs);
	at = rod_map(rod, 0);
	CU_ASSERT(at.off == 8192 && at.len == 4096);
	at = rod_map(rod, 4095);
	CU_ASSERT(at.off == 8192 + 4095 && at.len == 1);
	at = rod_map(rod, 4096);
	CU_ASSERT(at.off == 0 && at.len == 512);
	at = rod_map(rod, 4096 + 512 + 1000);
	CU_ASSERT(at.off == 65536 + 1000 && at.len == 24);
	rod_unref(rod);
	finish();
}

static void the_zero_rod_is_endless_and_never_cancelled(void)
{
	struct rod *z = rod_zero();
	const struct byte_range r = { 0, 512 };

	start();
	CU_ASSERT_EQUAL(rod_len(z), UINT64_MAX);
	CU_ASSERT_PTR_NULL(rod_backstore(z));
	rod_cancel(z);
	CU_ASSERT(!rod_cancelled(z));
	CU_ASSERT(!rod_touches(z, bs, &r, 1));
	CU_ASSERT_PTR_EQUAL(rod_ref(z), z);
	for (unsigned i = 0; i < 5; i++)
		rod_unref(z);
	CU_ASSERT_PTR_EQUAL(rod_zero(), z);
	rod_unref(NULL);
	finish();
}

static unsigned cancels;

static void on_cancel(struct rod *rod, void *ctx)
{
	CU_ASSERT(rod_cancelled(rod));
	CU_ASSERT_PTR_EQUAL(ctx, &cancels);
	cancels++;
}

static void one_touching_write_cancels_exactly_the_touched_rods(void)
{
	const struct byte_range a[] = { { 65536, 512 }, { 1024, 1024 } };
	const struct byte_range b[] = { { 2048, 1024 } };
	const struct byte_range c[] = { { 1536, 512 } };
	struct rod *ra, *rb, *rc;

	start();
	cancels = 0;
	ra = do_capture(&fx, bs, a, 2);
	rb = do_capture(&fx, bs, b, 1);
	rc = do_capture(&fx, bs, c, 1);
	rod_on_cancel(ra, on_cancel, &cancels);
	rod_on_cancel(rb, on_cancel, &cancels);
	rod_on_cancel(rc, on_cancel, &cancels);
	/* the block before and the ones between touch nothing */
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 512, buf, 512, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, 3072, NULL, 512, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, buf, sizeof(buf), 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_FLUSH, 0, NULL, 0, 0), 0);
	CU_ASSERT_EQUAL(cancels, 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 1536, buf, 512, 0), 0);
	CU_ASSERT_EQUAL(cancels, 2);
	CU_ASSERT(rod_cancelled(ra) && !rod_cancelled(rb) && rod_cancelled(rc));
	CU_ASSERT_EQUAL(bs_stats(bs)->rods_cancelled, 2);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 2560, NULL, 512, 0), 0);
	CU_ASSERT_EQUAL(cancels, 3);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, buf, sizeof(buf), 0), 0);
	CU_ASSERT_EQUAL(cancels, 3); /* once each */
	rod_unref(ra);
	rod_unref(rb);
	rod_unref(rc);
	finish();
}

static void drop_it(struct rod *rod, void *ctx)
{
	cancels++;
	rod_unref(rod);
}

static void the_listener_may_drop_the_last_reference(void)
{
	const struct byte_range a[] = { { 0, 512 }, { 512, 512 }, { 2048, 512 } };
	struct rod *rod;

	start();
	cancels = 0;
	rod = do_capture(&fx, bs, a, 3);
	rod_on_cancel(rod, drop_it, NULL);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, buf, sizeof(buf), 0), 0);
	CU_ASSERT_EQUAL(cancels, 1);
	finish();
}

static void a_listener_taken_away_hears_nothing(void)
{
	const struct byte_range a = { 0, 512 };
	struct rod *rod;

	start();
	cancels = 0;
	rod = do_capture(&fx, bs, &a, 1);
	rod_on_cancel(rod, on_cancel, &cancels);
	rod_on_cancel(rod, NULL, NULL);
	rod_cancel(rod);
	rod_cancel(rod);
	CU_ASSERT(rod_cancelled(rod));
	CU_ASSERT_EQUAL(cancels, 0);
	rod_unref(rod);
	finish();
}

static void a_dropped_rod_costs_later_writes_nothing(void)
{
	const struct byte_range a[] = { { 0, 512 }, { 0, 512 }, { 256, 512 } }; /* overlapping */
	struct rod *rod;

	start();
	rod = do_capture(&fx, bs, a, 3);
	CU_ASSERT_PTR_EQUAL(rod_ref(rod), rod);
	rod_unref(rod);
	CU_ASSERT_EQUAL(rod_len(rod), 1536);
	rod_unref(rod);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, buf, 1024, 0), 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->rods_cancelled, 0);
	finish();
}

static void touches_knows_its_backstore_and_its_bytes(void)
{
	const struct byte_range a[] = { { 0, 512 }, { 4096, 512 } };
	const struct byte_range in[] = { { 9000, 5 }, { 4607, 100 } }, out[] = { { 512, 3584 } };
	struct backstore *other;
	struct rod *rod;

	start();
	other = open_mem(&fx, MIB, NULL);
	rod = do_capture(&fx, bs, a, 2);
	CU_ASSERT(rod_touches(rod, bs, in, 2));
	CU_ASSERT(!rod_touches(rod, other, in, 2));
	CU_ASSERT(!rod_touches(rod, bs, out, 1));
	rod_unref(rod);
	bs_close(other);
	finish();
}

struct tcap {
	struct capture c;
	int res;
	unsigned calls;
	bool done;
};

static void captured(struct capture *c, int res)
{
	struct tcap *t = (struct tcap *)c;

	t->res = res;
	t->calls++;
	t->done = true;
}

/* A running write ends first, its data are in; a later one waits and cancels. */
static void a_capture_sees_each_write_wholly_or_not_at_all(void)
{
	const struct byte_range r = { 0, 4096 };
	struct tcap cap = { .c = { .ranges = &r, .n = 1, .done = captured } };
	struct backstore *slow;
	struct tio before, after;
	unsigned order = 0;

	start();
	slow = open_mem(&fx, MIB, "write-delay:30");
	tio_set(&before, &fx, IO_WRITE, 512, buf, 512);
	tio_set(&after, &fx, IO_WRITE, 1024, buf, 512);
	before.order = after.order = &order;
	tio_submit(&before, slow);
	bs_capture(slow, &cap.c);
	tio_submit(&after, slow);
	CU_ASSERT_EQUAL(cap.calls, 0);
	run_for(&fx, 10);
	CU_ASSERT(!cap.done && !before.done);
	run_until(&fx, &cap.done);
	CU_ASSERT(before.done && !after.done);
	CU_ASSERT_EQUAL(cap.res, 0);
	/* the write behind the capture was let go at once and has hit the guard */
	CU_ASSERT(rod_cancelled(cap.c.ret_rod));
	run_until(&fx, &after.done);
	CU_ASSERT(before.rank == 1 && after.rank == 2);
	CU_ASSERT_EQUAL(cap.calls, 1);
	rod_unref(cap.c.ret_rod);
	bs_close(slow);
	finish();
}

static void a_cancelled_capture_is_done_with_ecanceled(void)
{
	const struct byte_range r = { 0, 4096 };
	struct tcap waiting = { .c = { .ranges = &r, .n = 1, .done = captured } };
	struct tcap granted = { .c = { .ranges = &r, .n = 1, .done = captured } };
	struct backstore *slow;
	struct tio w;

	start();
	slow = open_mem(&fx, MIB, "write-delay:10");
	tio_set(&w, &fx, IO_WRITE, 512, buf, 512);
	tio_submit(&w, slow);
	bs_capture(slow, &waiting.c);
	bs_capture_cancel(&waiting.c);
	bs_capture(bs, &granted.c); /* marked already, done on its way */
	bs_capture_cancel(&granted.c);
	CU_ASSERT_EQUAL(waiting.calls + granted.calls, 0);
	run_until(&fx, &w.done);
	CU_ASSERT(waiting.calls == 1 && waiting.res == -125 && !waiting.c.ret_rod);
	CU_ASSERT(granted.calls == 1 && granted.res == -125 && !granted.c.ret_rod);
	bs_close(slow); /* asserts that no rod is live */
	finish();
}

static void a_rod_of_no_bytes_is_possible(void)
{
	const struct byte_range r[] = { { 0, 0 }, { MIB, 0 } };
	struct rod *rod;

	start();
	rod = do_capture(&fx, bs, r, 2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rod);
	CU_ASSERT_EQUAL(rod_len(rod), 0);
	rod_unref(rod);
	rod = do_capture(&fx, bs, NULL, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rod);
	rod_unref(rod);
	finish();
}

static void a_backstore_is_idle_when_no_rod_is_held_and_nothing_runs(void)
{
	const struct byte_range r = { 0, 512 };
	struct rod *rod;
	struct tio t;

	start();
	CU_ASSERT(bs_idle(bs));
	rod = do_capture(&fx, bs, &r, 1);
	CU_ASSERT(!bs_idle(bs));
	rod_cancel(rod);
	CU_ASSERT(!bs_idle(bs)); /* cancelled, but somebody may still ask it */
	rod_unref(rod);
	CU_ASSERT(bs_idle(bs));
	tio_set(&t, &fx, IO_READ, 0, buf, 512);
	tio_submit(&t, bs);
	CU_ASSERT(!bs_idle(bs));
	run_until(&fx, &t.done);
	CU_ASSERT(bs_idle(bs));
	finish();
}

/* Random rods and writes against a plain list of who holds which byte. */
static void the_guard_agrees_with_a_model(void)
{
	enum { RODS = 24 };
	struct rod *rods[RODS] = { NULL };
	struct byte_range r[RODS][3];
	uint64_t seed = 21;
	bool agree = true;

	start();
	for (unsigned round = 0; round < 1500; round++) {
		unsigned i = rnd(&seed) % RODS;
		struct byte_range w = { rnd(&seed) % 1000 * 512, (1 + rnd(&seed) % 8) * 512 };

		if (!rods[i]) {
			for (unsigned k = 0; k < 3; k++)
				r[i][k] = (struct byte_range) { rnd(&seed) % 1000 * 512,
								rnd(&seed) % 20 * 512 };
			rods[i] = do_capture(&fx, bs, r[i], 3);
			continue;
		}
		if (rnd(&seed) % 8 == 0) {
			rod_unref(rods[i]);
			rods[i] = NULL;
			continue;
		}
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, w.off, buf, w.len, 0), 0);
		for (unsigned k = 0; k < RODS; k++) {
			if (!rods[k])
				continue;
			if (rod_cancelled(rods[k]) != ranges_overlap(r[k], 3, &w, 1))
				agree = false;
			if (!rod_cancelled(rods[k]))
				continue;
			rod_unref(rods[k]);
			rods[k] = NULL;
		}
	}
	CU_ASSERT(agree);
	for (unsigned k = 0; k < RODS; k++)
		rod_unref(rods[k]);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "map tells place and contiguous length", map_tells_place_and_contiguous_length },
		{ "the zero rod is endless and never cancelled",
		  the_zero_rod_is_endless_and_never_cancelled },
		{ "one touching write cancels exactly the touched rods",
		  one_touching_write_cancels_exactly_the_touched_rods },
		{ "the listener may drop the last reference",
		  the_listener_may_drop_the_last_reference },
		{ "a listener taken away hears nothing", a_listener_taken_away_hears_nothing },
		{ "a dropped rod costs later writes nothing",
		  a_dropped_rod_costs_later_writes_nothing },
		{ "touches knows its backstore and its bytes",
		  touches_knows_its_backstore_and_its_bytes },
		{ "a capture sees each write wholly or not at all",
		  a_capture_sees_each_write_wholly_or_not_at_all },
		{ "a cancelled capture is done with ECANCELED",
		  a_cancelled_capture_is_done_with_ecanceled },
		{ "a rod of no bytes is possible", a_rod_of_no_bytes_is_possible },
		{ "a backstore is idle when no rod is held and nothing runs",
		  a_backstore_is_idle_when_no_rod_is_held_and_nothing_runs },
		{ "the guard agrees with a model", the_guard_agrees_with_a_model },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/rod", tests);
}
