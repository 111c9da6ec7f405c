/* SPDX-License-Identifier: Apache-2.0 */
/* What a copy leaves to others: the rules on made-up times, and the engine that keeps them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "copy_pace.h"
#include "fixture.h"

#define SIZE (2 * MIB)

static void window_opens(void)
{
	struct pace p;

	pace_init(&p, 1);
	CU_ASSERT_EQUAL(p.window, 1);
	pace_init(&p, 4);
	CU_ASSERT_EQUAL(p.window, 2);
	for (unsigned i = 0; i < 5; i++) {
		pace_start(&p, 100, 10);
		pace_land(&p, 200, 10);
	}
	CU_ASSERT_EQUAL(p.window, 4);
	CU_ASSERT_EQUAL(p.active, 0);
	CU_ASSERT_EQUAL(p.flying, 0);
	CU_ASSERT_EQUAL(p.landed, 50);
	CU_ASSERT_EQUAL(p.busy, 500);
}

/* 1000 bytes took 1000 ns, with a rest in between that does not count. */
static void pace_tells_what_is_too_late(void)
{
	struct pace p;

	pace_init(&p, 4);
	CU_ASSERT_FALSE(pace_too_late(&p, 50, 1ull << 40, 60));
	pace_start(&p, 0, 500);
	pace_land(&p, 500, 500);
	pace_start(&p, 9500, 500);
	pace_land(&p, 10000, 500);
	CU_ASSERT_FALSE(pace_too_late(&p, 10000, 500, 10500));
	CU_ASSERT_TRUE(pace_too_late(&p, 10000, 501, 10500));
	CU_ASSERT_FALSE(pace_too_late(&p, 10000, 1ull << 40, 0));
	/* What flies must land first. */
	pace_start(&p, 10000, 100);
	CU_ASSERT_FALSE(pace_too_late(&p, 10000, 400, 10500));
	CU_ASSERT_TRUE(pace_too_late(&p, 10000, 401, 10500));
}

/* Few calls where there are few extents, and short ones where there are many. */
static void grafts_grow_while_they_are_quick(void)
{
	uint64_t most = pace_graft(0, 10 * PACE_GRAFT_QUICK), sum = 0;
	unsigned calls;

	CU_ASSERT_EQUAL(most, PACE_GRAFT_MIN);
	CU_ASSERT_EQUAL(pace_graft(0, 0), PACE_GRAFT_MIN);
	for (calls = 0; sum < 4 * PACE_GRAFT_MAX; calls++) {
		sum += most;
		most = pace_graft(most, PACE_GRAFT_QUICK);
	}
	CU_ASSERT_EQUAL(most, PACE_GRAFT_MAX);
	CU_ASSERT(calls <= 6);
	for (unsigned i = 0; i < 5; i++)
		most = pace_graft(most, PACE_GRAFT_QUICK + 1);
	CU_ASSERT_EQUAL(most, PACE_GRAFT_MIN);
}

static void hosts_disturb(void)
{
	struct bs_load load = { 0 };

	CU_ASSERT_FALSE(pace_disturbed(NULL, 1000));
	CU_ASSERT_FALSE(pace_disturbed(&load, 1000));
	load.running = 1;
	CU_ASSERT_TRUE(pace_disturbed(&load, 1000));
	load = (struct bs_load) { .last = 1000 };
	CU_ASSERT_TRUE(pace_disturbed(&load, 1000));
	CU_ASSERT_TRUE(pace_disturbed(&load, 1000 + PACE_QUIET_NS - 1));
	CU_ASSERT_FALSE(pace_disturbed(&load, 1000 + PACE_QUIET_NS));
}

static void no_rate_no_wait(void)
{
	struct copy_rate r = { 0 };

	rate_take(&r, 5, UINT64_MAX);
	CU_ASSERT_EQUAL(rate_wait(&r, 5), 0);
}

/* Whoever asks when: over any second it is the rate, and 10 ms of it at most. */
static void rate_holds(void)
{
	static const uint64_t rates[] = { MIB, 100 * MIB, 4096ull * MIB };
	uint64_t seed = 7;

	for (unsigned i = 0; i < COUNT(rates); i++) {
		struct copy_rate r = { .limit = rates[i] };
		uint64_t begin = 1000000000000ull, t = begin, sum = 0, most;

		while (t < begin + 10000000000ull) {
			uint64_t wait = rate_wait(&r, t), len = 4096 + rnd(&seed) % (512 * KIB);

			t += wait;
			CU_ASSERT_EQUAL(rate_wait(&r, t), 0);
			rate_take(&r, t, len);
			sum += len;
			most = rates[i] / 100 + 516 * KIB +
			       (uint64_t)((double)rates[i] * (double)(t - begin) / 1e9);
			if (sum > most + 1)
				CU_FAIL_FATAL("more than the rate");
			/* Some come late: what they lost may be made up for. */
			t += rnd(&seed) % 3000000 * (rnd(&seed) % 2);
		}
		CU_ASSERT(sum > rates[i] * 9 || rates[i] > 1024ull * MIB);
	}
}

static void long_silence_saves_nothing(void)
{
	struct copy_rate r = { .limit = 1000000000 };

	rate_take(&r, 1000000000, 1000);
	CU_ASSERT_EQUAL(rate_wait(&r, 3600000000000ull), 0);
	rate_take(&r, 3600000000000ull, 20000000);
	CU_ASSERT_EQUAL(rate_wait(&r, 3600000000000ull), 10000000);
}

/* ---- the engine ---- */

static struct fixture fx;
static struct bs_load load;
static struct copy_engine *engine;
static struct backstore *src, *dst;
static struct rod *rod;
static unsigned char *image, *back;
static const struct byte_range whole = { 0, SIZE };

static void start(const struct copy_engine_config *cfg, const char *fault)
{
	fixture_init(&fx);
	load = (struct bs_load) { 0 };
	fx.env.load = &load;
	src = open_mem(&fx, SIZE, NULL);
	dst = open_mem(&fx, SIZE, fault);
	image = malloc(SIZE);
	back = malloc(SIZE);
	fill_pattern(image, SIZE, 0, 1);
	memcpy(back, image, SIZE);
	CU_ASSERT_EQUAL(do_io(&fx, src, IO_WRITE, 0, back, SIZE, 0), 0);
	rod = do_capture(&fx, src, &whole, 1);
	load.last = 0; /* so much for that write */
	CU_ASSERT_EQUAL_FATAL(copy_engine_new(&engine, &fx.env, cfg), 0);
}

static void finish(void)
{
	rod_unref(rod);
	copy_engine_free(engine);
	CU_ASSERT_EQUAL(bs_close(src), 0);
	CU_ASSERT_EQUAL(bs_close(dst), 0);
	fixture_done(&fx);
	free(image);
	free(back);
}

static void begin(struct tcopy *t, unsigned limit_ms)
{
	*t = (struct tcopy) { .c = { .src = rod, .dst = dst, .to = &whole, .n = 1 }, .err = 1 };
	t->c.dst_block = 512;
	t->c.deadline = limit_ms ? ring_now(fx.ring) + NOW_MS(limit_ms) : 0;
	t->c.done = tcopy_done;
	copy_start(engine, &t->c);
}

static bool arrived(uint64_t len)
{
	CU_ASSERT_EQUAL(do_io(&fx, dst, IO_READ, 0, back, SIZE, 0), 0);
	return memcmp(back, image, len) == 0;
}

static void hosts_are_counted(void)
{
	const struct copy_engine_config cfg = { .chunk = 512 * KIB, .window = 4, .copies = 1 };
	struct tio t;

	start(&cfg, "read-delay:20");
	tio_set(&t, &fx, IO_READ, 0, back, 4096);
	tio_submit(&t, dst);
	CU_ASSERT(load.running > 0);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(load.running, 0);
	CU_ASSERT(load.last > 0);
	load.last = 0;
	tio_set(&t, &fx, IO_READ, 0, back, 4096);
	t.io.flags = IO_BULK;
	tio_submit(&t, dst);
	CU_ASSERT_EQUAL(load.running, 0);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(load.last, 0);
	finish();
}

/* A copy does not take its own transfers for a host's: it goes on with large chunks. */
static void undisturbed_copy(void)
{
	const struct copy_engine_config cfg = { .chunk = 512 * KIB, .window = 4, .copies = 1 };
	struct tcopy t;

	start(&cfg, NULL);
	begin(&t, 0);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, 0);
	CU_ASSERT_EQUAL(t.c.stats.chunks, SIZE / (512 * KIB));
	CU_ASSERT_EQUAL(load.last, 0);
	CU_ASSERT_TRUE(arrived(SIZE));
	finish();
}

/* Nor what is saved because of them, where tokens hold what it overwrites. */
static void undisturbed_by_saves(void)
{
	const struct copy_engine_config cfg = { .chunk = 512 * KIB, .window = 4, .copies = 1 };
	struct rod *held;
	struct tcopy t;

	start(&cfg, NULL);
	CU_ASSERT_EQUAL(do_io(&fx, dst, IO_WRITE, 0, back, SIZE, IO_BULK), 0);
	held = do_capture(&fx, dst, &whole, 1);
	begin(&t, 0);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, 0);
	CU_ASSERT_FALSE(rod_cancelled(held));
	CU_ASSERT_EQUAL(t.c.stats.chunks, SIZE / (512 * KIB));
	CU_ASSERT_EQUAL(load.last, 0);
	rod_unref(held);
	finish();
}

/* 16 writes of 20 ms, one after the other: those of a window would take a quarter. */
static void disturbed_copy(void)
{
	const struct copy_engine_config cfg = { .chunk = 512 * KIB, .window = 8, .copies = 1 };
	struct tcopy t;
	uint64_t began;

	start(&cfg, "write-delay:20");
	load.running = 1;
	began = ring_now(fx.ring);
	begin(&t, 0);
	run_until(&fx, &t.done);
	load.running = 0;
	CU_ASSERT_EQUAL(t.err, 0);
	CU_ASSERT_EQUAL(t.c.stats.chunks, SIZE / PACE_DISTURBED_CHUNK);
	CU_ASSERT(ring_now(fx.ring) - began >= NOW_MS(20) * (SIZE / PACE_DISTURBED_CHUNK));
	CU_ASSERT_TRUE(arrived(SIZE));
	finish();
}

static void rate_is_kept(void)
{
	const struct copy_engine_config cfg = {
		.chunk = 64 * KIB, .window = 4, .copies = 2, .rate = 8 * MIB
	};
	struct tcopy a, b;
	uint64_t began, took;

	start(&cfg, NULL);
	began = ring_now(fx.ring);
	begin(&a, 0);
	begin(&b, 0);
	run_until(&fx, &a.done);
	run_until(&fx, &b.done);
	took = ring_now(fx.ring) - began;
	CU_ASSERT_EQUAL(a.err, 0);
	CU_ASSERT_EQUAL(b.err, 0);
	/* 4 MiB but for the last chunk and the 10 ms that may be caught up on */
	CU_ASSERT(took >= NOW_MS(480));
	CU_ASSERT_TRUE(arrived(SIZE));
	finish();
}

/* What does not fit into the deadline at this rate is not counted, and what is counted is there. */
static void rate_and_deadline(void)
{
	const struct copy_engine_config cfg = {
		.chunk = 64 * KIB, .window = 4, .copies = 1, .rate = 2 * MIB
	};
	struct tcopy t;
	uint64_t began;

	start(&cfg, NULL);
	began = ring_now(fx.ring);
	begin(&t, 200);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, -ETIME);
	CU_ASSERT(t.c.written >= 64 * KIB);
	CU_ASSERT(t.c.written <= 2 * MIB * (ring_now(fx.ring) - began) / NOW_MS(1000) + 128 * KIB);
	CU_ASSERT_TRUE(arrived(t.c.written));
	finish();
}

static void cancelled_while_it_waits(void)
{
	const struct copy_engine_config cfg = {
		.chunk = 512 * KIB, .window = 4, .copies = 1, .rate = 64 * KIB
	};
	struct tcopy t;
	uint64_t began;

	start(&cfg, NULL);
	began = ring_now(fx.ring);
	begin(&t, 0);
	run_for(&fx, 50); /* the next chunk could go after 8 s */
	CU_ASSERT_FALSE(t.done);
	copy_cancel(&t.c);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, -ECANCELED);
	CU_ASSERT_EQUAL(t.c.written, 512 * KIB);
	CU_ASSERT(ring_now(fx.ring) - began < NOW_MS(4000));
	finish();
}

/* Zeros move nothing. */
static void zeros_are_free(void)
{
	const struct copy_engine_config cfg = {
		.chunk = 64 * KIB, .window = 4, .copies = 1, .rate = 64 * KIB
	};
	struct tcopy t;

	start(&cfg, NULL);
	rod_unref(rod);
	rod = NULL;
	t = (struct tcopy) { .c = { .src = rod_zero(), .dst = dst, .to = &whole, .n = 1 } };
	t.c.dst_block = 512;
	t.c.done = tcopy_done;
	copy_start(engine, &t.c);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, 0);
	CU_ASSERT_EQUAL(t.c.stats.zeroed, SIZE);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "the window opens by one with each chunk, to its limit", window_opens },
		{ "by the pace, a chunk is too late or not", pace_tells_what_is_too_late },
		{ "grafts grow while they are quick, and shrink when they are not",
		  grafts_grow_while_they_are_quick },
		{ "hosts disturb while they read and write, and for 10 ms after", hosts_disturb },
		{ "no rate: no waiting", no_rate_no_wait },
		{ "over any time, no more than the rate goes", rate_holds },
		{ "a long silence is not made up for", long_silence_saves_nothing },
		{ "READs and WRITEs are counted, copies' are not", hosts_are_counted },
		{ "an undisturbed copy moves whole chunks", undisturbed_copy },
		{ "a copy is not disturbed by what it has saved", undisturbed_by_saves },
		{ "a disturbed copy moves one small chunk at a time", disturbed_copy },
		{ "two copies together keep the rate", rate_is_kept },
		{ "a rate and a deadline: an honest count", rate_and_deadline },
		{ "a copy that waits for the rate can be cancelled", cancelled_while_it_waits },
		{ "the rate holds up no zeros", zeros_are_free },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/copy_pace", tests);
}
