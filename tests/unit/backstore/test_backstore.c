/* SPDX-License-Identifier: Apache-2.0 */
/* The door: what holds for every kind of backstore, tried with memory. */
#include <errno.h>
#include <string.h>

#include "fixture.h"

static struct fixture fx;
static struct backstore *bs;
static unsigned char a[8 * KIB], b[8 * KIB];

static void start(const char *fault)
{
	fixture_init(&fx);
	bs = open_mem(&fx, MIB, fault);
}

static void finish(void)
{
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

static void done_comes_once_and_never_from_inside_the_call(void)
{
	static const struct {
		enum io_op op;
		uint64_t len;
	} kinds[] = { { IO_READ, 512 },	   { IO_WRITE, 512 }, { IO_ZERO, 512 },
		      { IO_DISCARD, 512 }, { IO_FLUSH, 0 },   { IO_READ, 0 },
		      { IO_WRITE, 0 },	   { IO_ZERO, 0 },    { IO_DISCARD, 0 } };
	struct tio t[COUNT(kinds)];

	start(NULL);
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		tio_set(&t[i], &fx, kinds[i].op, 4096 * i, a, kinds[i].len);
		tio_submit(&t[i], bs);
	}
	run_for(&fx, 2);
	for (unsigned i = 0; i < COUNT(kinds); i++)
		CU_ASSERT(t[i].calls == 1 && t[i].res == 0);
	finish();
}

static void overlapping_writes_keep_their_order(void)
{
	enum { WRITES = 50 };
	static struct tio t[WRITES];
	static unsigned char data[WRITES][4096];
	unsigned order = 0;

	start("write-delay:1");
	for (unsigned i = 0; i < WRITES; i++) {
		memset(data[i], (int)i + 1, sizeof(data[i]));
		tio_set(&t[i], &fx, IO_WRITE, i % 2 * 512, data[i], 4096);
		t[i].order = &order;
		tio_submit(&t[i], bs);
	}
	run_until(&fx, &t[WRITES - 1].done);
	for (unsigned i = 0; i < WRITES; i++)
		if (t[i].rank != i + 1)
			CU_FAIL("out of order");
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, b, 8192, 0), 0);
	CU_ASSERT_EQUAL(b[0], WRITES - 1); /* the last but one wrote from 0   */
	CU_ASSERT_EQUAL(b[512], WRITES);   /* the last from 512 ...           */
	CU_ASSERT_EQUAL(b[4607], WRITES);  /* ... to here                     */
	CU_ASSERT_EQUAL(b[4608], 0);
	finish();
}

static void writes_beside_each_other_run_together(void)
{
	struct tio t[8];
	uint64_t from;

	start("write-delay:100");
	from = ring_now(fx.ring);
	for (unsigned i = 0; i < COUNT(t); i++) {
		tio_set(&t[i], &fx, IO_WRITE, i * 512, a, 512);
		tio_submit(&t[i], bs);
	}
	for (unsigned i = 0; i < COUNT(t); i++)
		run_until(&fx, &t[i].done);
	CU_ASSERT(ring_now(fx.ring) - from < NOW_MS(600)); /* in a row: 800 ms */
	finish();
}

static void a_read_behind_a_write_sees_it(void)
{
	struct tio w, r;

	start("write-delay:20");
	memset(a, 0x5a, sizeof(a));
	tio_set(&w, &fx, IO_WRITE, 0, a, 4096);
	tio_set(&r, &fx, IO_READ, 512, b, 512);
	tio_submit(&w, bs);
	tio_submit(&r, bs);
	run_until(&fx, &r.done);
	CU_ASSERT(w.done);
	CHECK_BYTES(b, 512, a, 512);
	finish();
}

static void a_read_only_one_refuses_writes(void)
{
	struct bs_config cfg = {
		.path = "mem:ro", .size = MIB, .block_size = 512, .read_only = true
	};

	fixture_init(&fx);
	bs = must_open(&fx, &cfg);
	CU_ASSERT(bs_read_only(bs));
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, a, 512, 0), -EROFS);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, 0, NULL, 512, 0), -EROFS);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 0, NULL, 512, 0), -EROFS);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, a, 512, 0), 0);
	finish();
}

static void statistics_count_bytes_and_errors(void)
{
	const struct bs_stats *s;

	start("read-error:64K:512");
	s = bs_stats(bs);
	do_io(&fx, bs, IO_WRITE, 0, a, 4096, 0);
	do_io(&fx, bs, IO_READ, 0, a, 512, 0);
	do_io(&fx, bs, IO_READ, 64 * KIB, a, 512, 0);
	do_io(&fx, bs, IO_ZERO, 0, NULL, 1024, 0);
	do_io(&fx, bs, IO_FLUSH, 0, NULL, 0, 0);
	CU_ASSERT(s->reads == 2 && s->writes == 1 && s->zeroes == 1 && s->flushes == 1);
	CU_ASSERT(s->errors == 1 && s->bytes_read == 512 && s->bytes_written == 4096);
	CU_ASSERT_EQUAL(s->bytes_zeroed, 1024);
	finish();
}

static void the_simple_questions_are_answered(void)
{
	start(NULL);
	CU_ASSERT_EQUAL(bs_size(bs), MIB);
	CU_ASSERT_STRING_EQUAL(bs_path(bs), "mem:");
	CU_ASSERT(!bs_read_only(bs));
	CU_ASSERT_EQUAL(bs_physical_block(bs), 512);
	CU_ASSERT_EQUAL(bs_check(bs), 0);
	CU_ASSERT_PTR_EQUAL(bs_ring(bs), fx.ring);
	CU_ASSERT_EQUAL(bs_close(NULL), 0);
	finish();
}

static void a_block_size_nobody_has_is_refused(void)
{
	struct bs_config cfg = { .path = "mem:", .size = MIB, .block_size = 1024 };

	fixture_init(&fx);
	bs = NULL;
	CU_ASSERT_EQUAL(bs_open(&bs, &cfg, &fx.env, fx.err, sizeof(fx.err)), -EINVAL);
	CU_ASSERT_PTR_NULL(bs);
	CU_ASSERT_PTR_NOT_NULL(strstr(fx.err, "512 or 4096"));
	fixture_done(&fx);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "done comes once and never from inside the call",
		  done_comes_once_and_never_from_inside_the_call },
		{ "overlapping writes keep their order", overlapping_writes_keep_their_order },
		{ "writes beside each other run together", writes_beside_each_other_run_together },
		{ "a read behind a write sees it", a_read_behind_a_write_sees_it },
		{ "a read-only one refuses writes", a_read_only_one_refuses_writes },
		{ "statistics count bytes and errors", statistics_count_bytes_and_errors },
		{ "the simple questions are answered", the_simple_questions_are_answered },
		{ "a block size nobody has is refused", a_block_size_nobody_has_is_refused },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/backstore", tests);
}
