/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define SIZE (2 * MIB)

static struct fixture fx;

static void against_a_model(const char *fault)
{
	struct backstore *bs;

	fixture_init(&fx);
	bs = open_mem(&fx, SIZE, fault);
	check_against_model(&fx, bs, 300, MEMORY_ODD);
	bs_close(bs);
	fixture_done(&fx);
}

static void memory_agrees_with_a_model(void)
{
	against_a_model(NULL);
}

static void memory_agrees_with_a_model_though_transfers_are_cut(void)
{
	against_a_model("short:2+again:3");
}

static void a_vector_is_scattered_and_gathered(void)
{
	unsigned char data[4096], back[4096];
	struct iovec out[3] = { { data, 100 }, { data + 100, 0 }, { data + 100, 3996 } };
	struct iovec in[2] = { { back, 4095 }, { back + 4095, 1 } };
	struct backstore *bs;
	struct tio t;

	fixture_init(&fx);
	bs = open_mem(&fx, SIZE, "short:1");
	fill_pattern(data, sizeof(data), 0, 4);
	tio_set(&t, &fx, IO_WRITE, 512, NULL, 4096);
	t.io.iov = out;
	t.io.niov = 3;
	tio_submit(&t, bs);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.res, 0);
	tio_set(&t, &fx, IO_READ, 512, NULL, 4096);
	t.io.iov = in;
	t.io.niov = 2;
	tio_submit(&t, bs);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.res, 0);
	fill_pattern(data, sizeof(data), 0, 4);
	CHECK_BYTES(back, 4096, data, 4096);
	bs_close(bs);
	fixture_done(&fx);
}

static void memory_knows_its_holes(void)
{
	struct backstore *bs;
	unsigned char data[512] = { 1 };
	uint64_t len;
	bool hole;

	fixture_init(&fx);
	bs = open_mem(&fx, SIZE, NULL);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 512, SIZE - 512, &len, &hole), 0);
	CU_ASSERT(hole && len == SIZE - 512);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 128 * KIB, data, 512, 0), 0);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 512, SIZE - 512, &len, &hole), 0);
	CU_ASSERT(hole && len == 128 * KIB - 512);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 130 * KIB, MIB, &len, &hole), 0);
	CU_ASSERT(!hole && len == 62 * KIB);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 130 * KIB, 1 * KIB, &len, &hole), 0);
	CU_ASSERT(!hole && len == 1 * KIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 0, NULL, SIZE, 0), 0);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 0, SIZE, &len, &hole), 0);
	CU_ASSERT(hole && len == SIZE);
	bs_close(bs);
	fixture_done(&fx);
}

static void zeroed_memory_stays_allocated_and_discarded_memory_does_not(void)
{
	unsigned char data[512] = { 1 }, zero[512] = { 0 };
	struct backstore *bs;
	uint64_t len;
	bool hole;

	fixture_init(&fx);
	bs = open_mem(&fx, SIZE, NULL);
	CU_ASSERT(bs_thin(bs) && bs_discard_granularity(bs) == 64 * KIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 64 * KIB, data, 512, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, 0, NULL, 128 * KIB, 0), 0);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 0, SIZE, &len, &hole), 0);
	CU_ASSERT(!hole && len == 128 * KIB);
	/* of a chunk's part nothing is given back, but it is zeros */
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 64 * KIB, data, 512, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 0, NULL, 128 * KIB - 512, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 64 * KIB, data, 512, 0), 0);
	CHECK_BYTES(data, 512, zero, 512);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 0, SIZE, &len, &hole), 0);
	CU_ASSERT(hole && len == 64 * KIB);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 64 * KIB, SIZE / 2, &len, &hole), 0);
	CU_ASSERT(!hole && len == 64 * KIB);
	bs_close(bs);
	fixture_done(&fx);
}

static void memory_without_a_size_or_with_half_blocks_is_refused(void)
{
	struct bs_config none = { .path = "mem:x", .block_size = 4096 };
	struct bs_config half = { .path = "mem:x", .block_size = 4096, .size = 512 };
	struct bs_config huge = { .path = "mem:x", .block_size = 512, .size = 1ull << 62 };
	struct backstore *bs;

	fixture_init(&fx);
	CU_ASSERT_EQUAL(bs_open(&bs, &none, &fx.env, fx.err, sizeof(fx.err)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(fx.err, "size="));
	CU_ASSERT_EQUAL(bs_open(&bs, &half, &fx.env, fx.err, sizeof(fx.err)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(fx.err, "multiple"));
	CU_ASSERT_EQUAL(bs_open(&bs, &huge, &fx.env, fx.err, sizeof(fx.err)), -ENOMEM);
	fixture_done(&fx);
}

static struct backstore *open_encrypted(const char *fault)
{
	struct bs_config cfg = {
		.path = "mem:", .size = SIZE, .block_size = 512, .encrypt = true, .fault = fault
	};

	return must_open(&fx, &cfg);
}

static void encrypted_memory_agrees_with_a_model(void)
{
	struct backstore *bs;

	fixture_init(&fx);
	bs = open_encrypted(NULL);
	CU_ASSERT(bs_encrypted(bs));
	check_against_model(&fx, bs, 300, MEMORY_ODD);
	bs_close(bs);
	bs = open_encrypted("short:2+again:3");
	CU_ASSERT(bs_encrypted(bs));
	check_against_model(&fx, bs, 300, MEMORY_ODD);
	bs_close(bs);
	fixture_done(&fx);
}

static void another_key_makes_what_was_written_unreadable(void)
{
	unsigned char data[4096], back[4096];
	struct backstore *bs;

	fixture_init(&fx);
	bs = open_encrypted(NULL);
	fill_pattern(data, sizeof(data), 0, 4);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 8192, data, sizeof(data), 0), 0);
	CU_ASSERT_EQUAL(bs_rekey(bs), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 8192, back, sizeof(back), 0), 0);
	for (unsigned i = 0; i < sizeof(data); i += 512)
		CU_ASSERT_NOT_EQUAL(memcmp(back + i, data + i, 512), 0);
	/* Under the new key all is as ever, and what was never written is still zeros. */
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 8192, data, sizeof(data), 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 8192, back, sizeof(back), 0), 0);
	CHECK_BYTES(back, sizeof(back), data, sizeof(data));
	memset(data, 0, sizeof(data));
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, MIB, back, sizeof(back), 0), 0);
	CHECK_BYTES(back, sizeof(back), data, sizeof(data));
	bs_close(bs);
	fixture_done(&fx);
}

static void only_memory_is_encrypted(void)
{
	struct bs_config cfg = { .path = "/nowhere", .block_size = 512, .encrypt = true };
	struct backstore *bs;

	fixture_init(&fx);
	CU_ASSERT_EQUAL(bs_open(&bs, &cfg, &fx.env, fx.err, sizeof(fx.err)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(fx.err, "only memory"));
	fixture_done(&fx);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "memory agrees with a model", memory_agrees_with_a_model },
		{ "memory agrees with a model though transfers are cut",
		  memory_agrees_with_a_model_though_transfers_are_cut },
		{ "a vector is scattered and gathered", a_vector_is_scattered_and_gathered },
		{ "memory knows its holes", memory_knows_its_holes },
		{ "zeroed memory stays allocated, and discarded memory does not",
		  zeroed_memory_stays_allocated_and_discarded_memory_does_not },
		{ "memory without a size or with half blocks is refused",
		  memory_without_a_size_or_with_half_blocks_is_refused },
		{ "encrypted memory agrees with a model", encrypted_memory_agrees_with_a_model },
		{ "another key makes what was written unreadable",
		  another_key_makes_what_was_written_unreadable },
		{ "only memory is encrypted", only_memory_is_encrypted },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/mem", tests);
}
