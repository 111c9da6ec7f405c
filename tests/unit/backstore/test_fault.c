/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "fault.h"
#include "fixture.h"

static struct fixture fx;
static unsigned char buf[256 * KIB];

static struct backstore *start(const char *fault)
{
	fixture_init(&fx);
	return open_mem(&fx, MIB, fault);
}

static void finish(struct backstore *bs)
{
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

/* Milliseconds that one transfer takes. */
static unsigned took(struct backstore *bs, enum io_op op, uint64_t len)
{
	uint64_t from = ring_now(fx.ring);

	CU_ASSERT_EQUAL(do_io(&fx, bs, op, 0, buf, len, 0), 0);
	return (unsigned)((ring_now(fx.ring) - from) / 1000000u);
}

static void what_is_no_spec_is_refused_with_the_word(void)
{
	static const char *const bad[] = {
		"",
		"bogus",
		"rate",
		"rate:",
		"rate:0",
		"rate:x",
		"rate:5T",
		"rate:K",
		"rate:1:2",
		"read-error:1",
		"short:0",
		"again:",
		"flush-error:1",
		"read-delay:-1",
		"rate:99999999999999999999",
		"rate:9999999999999G",
		"short:1+",
		"short:1++again:1",
		"+",
		"read-delay:1 ",
		"rat:1",
		"rates:1",
	};
	struct backstore *inner = start(NULL), *bs = NULL;

	for (unsigned i = 0; i < COUNT(bad); i++) {
		fx.err[0] = '\0';
		if (fault_wrap(&bs, inner, bad[i], fx.err, sizeof(fx.err)) != -EINVAL ||
		    !strstr(fx.err, "cannot understand")) {
			printf("\"%s\": \"%s\"\n", bad[i], fx.err);
			CU_FAIL("taken");
		}
	}
	fault_wrap(&bs, inner, "short:1+oops:3+again:1", fx.err, sizeof(fx.err));
	CU_ASSERT_PTR_NOT_NULL(strstr(fx.err, "\"oops:3\""));
	CU_ASSERT_PTR_NULL(bs);
	finish(inner);
}

static void each_delay_is_for_its_own_kind(void)
{
	struct backstore *bs = start("read-delay:20+write-delay:250+flush-delay:600");
	unsigned r = took(bs, IO_READ, 512), w = took(bs, IO_WRITE, 512);
	unsigned z = took(bs, IO_ZERO, 512), f = took(bs, IO_FLUSH, 0);
	unsigned d = took(bs, IO_DISCARD, 512);

	CU_ASSERT(r >= 20 && r < 250);
	CU_ASSERT(w >= 250 && w < 600);
	CU_ASSERT(z >= 250 && z < 600);
	CU_ASSERT(d >= 250 && d < 600);
	CU_ASSERT(f >= 600);
	finish(bs);
}

static void the_rate_is_shared_by_all_transfers(void)
{
	struct backstore *bs = start("rate:1M");
	struct tio t[4];
	uint64_t from = ring_now(fx.ring), ns;

	for (unsigned i = 0; i < 4; i++) { /* 128 KiB in all: 125 ms */
		tio_set(&t[i], &fx, i % 2 ? IO_READ : IO_WRITE, i * 64 * KIB, buf, 32 * KIB);
		tio_submit(&t[i], bs);
	}
	for (unsigned i = 0; i < 4; i++)
		run_until(&fx, &t[i].done);
	ns = ring_now(fx.ring) - from;
	CU_ASSERT(ns >= NOW_MS(125) && ns < NOW_MS(2000));
	finish(bs);
}

static void errors_hit_exactly_their_range(void)
{
	struct backstore *bs = start("read-error:4K:1K+write-error:8K:512+flush-error");

	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, buf, 4096, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, buf, 4097, 0), -EIO);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 5119, buf, 512, 0), -EIO);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 5120, buf, 512, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 4096, buf, 4096, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 8192, buf, 512, 0), -EIO);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, 0, NULL, 65536, 0), -EIO);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, 8704, NULL, 512, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 0, NULL, 65536, 0), -EIO);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 8704, NULL, 512, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_FLUSH, 0, NULL, 0, 0), -EIO);
	finish(bs);
}

static void space_ends_after_so_many_bytes(void)
{
	struct backstore *bs = start("enospc:10K");

	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, buf, 8 * KIB, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, buf, 4 * KIB, 0), -ENOSPC);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, 0, NULL, 2 * KIB, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, buf, 512, 0), -ENOSPC);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 0, NULL, 64 * KIB, 0), 0); /* takes none */
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, buf, 8 * KIB, 0), 0);
	finish(bs);
	bs = start("enospc:0");
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, buf, 512, 0), -ENOSPC);
	finish(bs);
}

static void cut_and_refused_transfers_are_resumed_unseen(void)
{
	struct backstore *bs = start("short:1+again:1");
	unsigned char back[5000];

	fill_pattern(buf, sizeof(back), 0, 8);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 100, buf, sizeof(back), 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 100, back, sizeof(back), 0), 0);
	CHECK_BYTES(back, sizeof(back), buf, sizeof(back));
	finish(bs);
}

static void the_wrapped_one_shows_through(void)
{
	struct backstore *bs = start("read-delay:1");
	uint64_t len;
	bool hole;

	CU_ASSERT_EQUAL(bs_size(bs), MIB);
	CU_ASSERT_STRING_EQUAL(bs_path(bs), "mem:");
	CU_ASSERT_EQUAL(bs_physical_block(bs), 512);
	CU_ASSERT_EQUAL(bs_check(bs), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 512 * KIB, buf, 512, 0), 0);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 0, MIB, &len, &hole), 0);
	CU_ASSERT(hole && len == 512 * KIB);
	finish(bs);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "what is no SPEC is refused with the word",
		  what_is_no_spec_is_refused_with_the_word },
		{ "each delay is for its own kind", each_delay_is_for_its_own_kind },
		{ "the rate is shared by all transfers", the_rate_is_shared_by_all_transfers },
		{ "errors hit exactly their range", errors_hit_exactly_their_range },
		{ "space ends after so many bytes", space_ends_after_so_many_bytes },
		{ "cut and refused transfers are resumed unseen",
		  cut_and_refused_transfers_are_resumed_unseen },
		{ "the wrapped one shows through", the_wrapped_one_shows_through },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/fault", tests);
}
