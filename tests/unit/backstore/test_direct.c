/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"

#define SIZE (8 * MIB)

static struct fixture fx;

/* NULL (and the test skipped) where the scratch file system has no O_DIRECT. */
static struct backstore *open_direct(const char *fault)
{
	struct bs_config cfg = { .block_size = 4096, .direct = true, .fault = fault };
	struct backstore *bs = NULL;

	cfg.path = fixture_path(&fx, "file");
	make_file(cfg.path, SIZE, 1);
	if (bs_open(&bs, &cfg, &fx.env, fx.err, sizeof(fx.err)) == 0)
		return bs;
	test_skip(fx.err);
	return NULL;
}

static void model_on_direct(const char *fault, enum memory memory)
{
	struct backstore *bs;

	fixture_init(&fx);
	bs = open_direct(fault);
	if (bs) {
		check_against_model(&fx, bs, 120, memory);
		CU_ASSERT_EQUAL(bs_close(bs), 0);
	}
	fixture_done(&fx);
}

static void aligned_memory_agrees_with_a_model(void)
{
	model_on_direct(NULL, MEMORY_ALIGNED);
	model_on_direct(NULL, MEMORY_ARENA);
	model_on_direct("short:1+again:2", MEMORY_ARENA);
}

static void memory_at_512_agrees_with_a_model(void)
{
	model_on_direct(NULL, MEMORY_512);
}

static void odd_memory_agrees_with_a_model(void)
{
	model_on_direct(NULL, MEMORY_ODD);
	model_on_direct("short:2+again:3", MEMORY_ODD);
}

static void more_odd_transfers_than_bounce_buffers_all_complete(void)
{
	enum { MANY = 40, LEN = 200 * KIB / 4096 * 4096 };
	struct tio *t = calloc(MANY, sizeof(*t));
	unsigned char *mem = malloc((size_t)MANY * LEN + 1), *want = malloc(LEN);
	struct backstore *bs;
	bool right = true;

	fixture_init(&fx);
	bs = open_direct(NULL);
	for (unsigned i = 0; bs && i < MANY; i++) {
		tio_set(&t[i], &fx, IO_READ, i * 8192, mem + 1 + (size_t)i * LEN, LEN);
		tio_submit(&t[i], bs);
	}
	for (unsigned i = 0; bs && i < MANY; i++) {
		run_until(&fx, &t[i].done);
		fill_pattern(want, LEN, i * 8192, 1);
		right = right && t[i].res == 0 && !memcmp(want, mem + 1 + (size_t)i * LEN, LEN);
	}
	CU_ASSERT(right);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
	free(t);
	free(mem);
	free(want);
}

static void a_file_cut_off_in_the_middle_of_a_block_is_enodata(void)
{
	unsigned char *mem = aligned_alloc(4096, 16384);
	struct backstore *bs;

	fixture_init(&fx);
	bs = open_direct(NULL);
	if (bs) {
		CU_ASSERT_EQUAL(truncate(bs_path(bs), SIZE / 2 + 700), 0);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, SIZE / 2, mem, 4096, 0), -ENODATA);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, SIZE / 2 - 4096, mem, 8192, 0), -ENODATA);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, SIZE / 2 - 4096, mem + 1, 8192, 0),
				-ENODATA);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, SIZE / 2 - 4096, mem, 4096, 0), 0);
		CU_ASSERT_EQUAL(bs_close(bs), 0);
	}
	fixture_done(&fx);
	free(mem);
}

/* Pages of the file that are in the page cache; it is opened for that, but not read. */
static unsigned pages_cached(const char *path)
{
	static unsigned char there[SIZE / 4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	unsigned n = 0;

	CU_ASSERT_FATAL(map != MAP_FAILED);
	CU_ASSERT_EQUAL(mincore(map, SIZE, there), 0);
	for (size_t i = 0; i < sizeof(there); i++)
		n += there[i] & 1;
	munmap(map, SIZE);
	close(fd);
	return n;
}

static void what_the_page_cache_has_of_it_is_dropped_at_the_start(void)
{
	struct bs_config cfg = { .block_size = 4096, .direct = true };
	struct backstore *bs = NULL;
	int fd;

	fixture_init(&fx);
	cfg.path = fixture_path(&fx, "file");
	make_file(cfg.path, SIZE, 1);
	fd = open(cfg.path, O_WRONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(fsync(fd), 0); /* clean pages are what can be dropped */
	close(fd);
	CU_ASSERT_EQUAL(pages_cached(cfg.path), SIZE / 4096);
	if (bs_open(&bs, &cfg, &fx.env, fx.err, sizeof(fx.err)) == 0) {
		CU_ASSERT_EQUAL(pages_cached(cfg.path), 0);
		CU_ASSERT_EQUAL(bs_close(bs), 0);
	} else {
		test_skip(fx.err);
	}
	fixture_done(&fx);
}

static void a_block_device_agrees_with_a_model(void)
{
	struct bs_config cfg = { .block_size = 4096, .direct = true };
	struct backstore *bs;
	struct loop loop;

	fixture_init(&fx);
	make_file(fixture_path(&fx, "file"), SIZE, 1);
	if (loop_init(&loop, fixture_path(&fx, "file"), 4096)) {
		cfg.path = loop.path;
		bs = must_open(&fx, &cfg);
		CU_ASSERT(bs_physical_block(bs) >= 4096);
		check_against_model(&fx, bs, 120, MEMORY_512);
		CU_ASSERT_EQUAL(bs_close(bs), 0);
		loop_done(&loop);
	}
	fixture_done(&fx);
}

static void blocks_smaller_than_the_device_can_do_are_refused(void)
{
	struct bs_config cfg = { .block_size = 512, .direct = true };
	struct backstore *bs = NULL;
	struct loop loop;

	fixture_init(&fx);
	make_file(fixture_path(&fx, "file"), SIZE, 1);
	if (loop_init(&loop, fixture_path(&fx, "file"), 4096)) {
		cfg.path = loop.path;
		CU_ASSERT_EQUAL(bs_open(&bs, &cfg, &fx.env, fx.err, sizeof(fx.err)), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(fx.err, "block-size=4096"));
		CU_ASSERT_PTR_NULL(bs);
		loop_done(&loop);
	}
	fixture_done(&fx);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "aligned memory agrees with a model", aligned_memory_agrees_with_a_model },
		{ "memory at 512 agrees with a model", memory_at_512_agrees_with_a_model },
		{ "odd memory agrees with a model", odd_memory_agrees_with_a_model },
		{ "more odd transfers than bounce buffers all complete",
		  more_odd_transfers_than_bounce_buffers_all_complete },
		{ "a file cut off in the middle of a block is ENODATA",
		  a_file_cut_off_in_the_middle_of_a_block_is_enodata },
		{ "what the page cache has of it is dropped at the start",
		  what_the_page_cache_has_of_it_is_dropped_at_the_start },
		{ "a block device agrees with a model", a_block_device_agrees_with_a_model },
		{ "blocks smaller than the device can do are refused",
		  blocks_smaller_than_the_device_can_do_are_refused },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/direct", tests);
}
