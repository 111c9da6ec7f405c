/* SPDX-License-Identifier: Apache-2.0 */
/* bs_lock: ranges for one owner alone, over several ios. */
#include <errno.h>
#include <string.h>

#include "fixture.h"

static struct fixture fx;
static struct backstore *bs;
static unsigned char a[8 * KIB], b[8 * KIB];

struct tlock {
	struct bs_lock l;
	struct byte_range range[2];
	int res;
	unsigned calls;
	bool done, inside;
};

static void on_granted(struct bs_lock *lock, int res)
{
	struct tlock *t = (struct tlock *)lock;

	CU_ASSERT_FALSE(t->inside);
	t->res = res;
	t->calls++;
	t->done = true;
	ring_stop(fx.ring);
}

static void lock_start(struct tlock *t, uint64_t off, uint64_t len)
{
	memset(t, 0, sizeof(*t));
	t->range[0] = (struct byte_range) { off, len };
	t->l.ranges = t->range;
	t->l.n = 1;
	t->l.granted = on_granted;
	t->inside = true;
	bs_lock(bs, &t->l);
	t->inside = false;
}

static void start(const char *fault)
{
	fixture_init(&fx);
	fx.keep = ROD_KEEP_CANCEL;
	bs = open_mem(&fx, MIB, fault);
}

static void finish(void)
{
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

static void others_wait_until_it_is_unlocked(void)
{
	struct tio wr, rd, beside, own;
	struct tlock t;

	start(NULL);
	memset(a, 0x11, sizeof(a));
	memset(b, 0x22, sizeof(b));
	lock_start(&t, 4096, 4096);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.res, 0);
	tio_set(&wr, &fx, IO_WRITE, 8191 - 511, a, 512);
	tio_set(&rd, &fx, IO_READ, 0, a + 512, 4608);
	tio_set(&beside, &fx, IO_WRITE, 8192, a, 512);
	tio_submit(&wr, bs);
	tio_submit(&rd, bs);
	tio_submit(&beside, bs);
	run_until(&fx, &beside.done);
	run_for(&fx, 5);
	CU_ASSERT_FALSE(wr.done || rd.done);
	tio_set(&own, &fx, IO_WRITE, 4096, b, 4096);
	own.io.lock = &t.l;
	tio_submit(&own, bs);
	run_until(&fx, &own.done);
	CU_ASSERT_FALSE(wr.done || rd.done);
	bs_unlock(&t.l);
	run_until(&fx, &wr.done);
	run_until(&fx, &rd.done);
	CU_ASSERT_EQUAL(a[512 + 4096], 0x22); /* the read saw what the owner wrote */
	finish();
}

static void it_waits_for_those_before_it(void)
{
	struct tio wr;
	struct tlock t;

	start("write-delay:20");
	tio_set(&wr, &fx, IO_WRITE, 0, a, 4096);
	tio_submit(&wr, bs);
	lock_start(&t, 4095, 1);
	run_until(&fx, &t.done);
	CU_ASSERT(wr.done && t.res == 0);
	bs_unlock(&t.l);
	CU_ASSERT(bs_idle(bs));
	finish();
}

static void two_locks_over_the_same_bytes_take_turns(void)
{
	struct tlock t, u;

	start(NULL);
	lock_start(&t, 0, 1024);
	lock_start(&u, 512, 1024);
	run_until(&fx, &t.done);
	run_for(&fx, 5);
	CU_ASSERT_FALSE(u.done);
	bs_unlock(&t.l);
	run_until(&fx, &u.done);
	bs_unlock(&u.l);
	finish();
}

static void a_capture_comes_before_or_after_it_as_a_whole(void)
{
	const struct byte_range r = { 0, 4096 };
	struct tio own;
	struct tlock t;
	struct rod *rod;

	start(NULL);
	rod = do_capture(&fx, bs, &r, 1);
	lock_start(&t, 0, 4096);
	run_until(&fx, &t.done);
	CU_ASSERT_FALSE(rod_cancelled(rod)); /* a lock alone writes nothing */
	tio_set(&own, &fx, IO_WRITE, 512, a, 512);
	own.io.lock = &t.l;
	tio_submit(&own, bs);
	run_until(&fx, &own.done);
	CU_ASSERT_TRUE(rod_cancelled(rod)); /* the guard sees the owner's write */
	CU_ASSERT_EQUAL(bs_stats(bs)->writes, 1);
	rod_unref(rod);
	bs_unlock(&t.l);
	finish();
}

static void one_that_waits_can_be_cancelled(void)
{
	struct tlock t, u, v;

	start(NULL);
	lock_start(&t, 0, 512);
	run_until(&fx, &t.done);
	lock_start(&u, 0, 512);
	lock_start(&v, 0, 512);
	bs_lock_cancel(&u.l);
	bs_lock_cancel(&u.l);
	CU_ASSERT_FALSE(u.done); /* never from inside */
	run_until(&fx, &u.done);
	CU_ASSERT(u.res == -ECANCELED && u.calls == 1);
	bs_unlock(&t.l);
	run_until(&fx, &v.done);
	CU_ASSERT_EQUAL(v.res, 0);
	bs_unlock(&v.l);
	finish();
}

/* It has the ranges already, its owner has not heard so yet. */
static void one_just_granted_can_be_cancelled(void)
{
	struct tlock t, u;

	start(NULL);
	lock_start(&t, 0, 512);
	bs_lock_cancel(&t.l);
	lock_start(&u, 0, 512);
	run_until(&fx, &u.done);
	CU_ASSERT(t.done && t.res == -ECANCELED && u.res == 0);
	bs_unlock(&u.l);
	CU_ASSERT(bs_idle(bs));
	finish();
}

static void hints_end_well_and_pass_no_fence(void)
{
	static const enum io_op hints[] = { IO_WILLNEED, IO_DONTNEED };
	struct tlock t;

	start(NULL);
	lock_start(&t, 0, 4096);
	run_until(&fx, &t.done);
	for (unsigned i = 0; i < COUNT(hints); i++)
		CU_ASSERT_EQUAL(do_io(&fx, bs, hints[i], 0, NULL, 4096, 0), 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->hints, 2);
	bs_unlock(&t.l);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "others wait until it is unlocked, the owner does not",
		  others_wait_until_it_is_unlocked },
		{ "it waits for those before it", it_waits_for_those_before_it },
		{ "two locks over the same bytes take turns",
		  two_locks_over_the_same_bytes_take_turns },
		{ "a capture comes before or after it, and its writes cancel rods",
		  a_capture_comes_before_or_after_it_as_a_whole },
		{ "one that waits can be cancelled", one_that_waits_can_be_cancelled },
		{ "one just granted can be cancelled", one_just_granted_can_be_cancelled },
		{ "hints end well and pass no fence", hints_end_well_and_pass_no_fence },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/lock", tests);
}
