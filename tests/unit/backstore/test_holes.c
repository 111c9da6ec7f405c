/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holes stay holes and zeros write no data: what a copy by token really writes, and what
 * space its destination has then.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

#define SIZE (8 * MIB)
#define HALF (SIZE / 2)

static struct fixture fx;
static struct mounted fs;
static bool mounted;
static struct backstore *src, *dst;
static struct copy_engine *engine;
static unsigned char *image, *mem;
static char dst_path[200];

/* Memory, a file of the scratch directory, and file systems of their own. */
static const char *const kinds[] = { "mem", "file", "ext4", "xfs", "btrfs" };

static struct backstore *open_one(const char *kind, const char *name, char path[200],
				  enum bs_provisioning provisioning)
{
	struct bs_config cfg = { .size = SIZE, .block_size = 512, .provisioning = provisioning };

	if (strcmp(kind, "mem") == 0)
		snprintf(path, 200, "mem:%s", name);
	else
		snprintf(path, 200, "%s/%s", mounted ? fs.dir : fx.dir, name);
	cfg.path = path;
	return must_open(&fx, &cfg);
}

static bool start(const char *kind, enum bs_provisioning provisioning)
{
	char path[200];

	fixture_init(&fx);
	mounted = strcmp(kind, "mem") != 0 && strcmp(kind, "file") != 0;
	if (mounted && !mount_init(&fs, &fx, kind)) {
		fixture_done(&fx);
		return false;
	}
	src = open_one(kind, "src", path, BS_AUTO);
	dst = open_one(kind, "dst", dst_path, provisioning);
	CU_ASSERT_EQUAL_FATAL(copy_engine_new(&engine, &fx.env, &copy_engine_defaults), 0);
	image = calloc(1, SIZE);
	mem = aligned_alloc(4096, SIZE);
	return true;
}

static void finish(void)
{
	copy_engine_free(engine);
	for (unsigned i = 0; i < 1000 && !(bs_idle(src) && bs_idle(dst)); i++)
		run_for(&fx, 1);
	CU_ASSERT_EQUAL(bs_close(src), 0);
	CU_ASSERT_EQUAL(bs_close(dst), 0);
	run_for(&fx, 20); /* what is closed elsewhere */
	if (mounted)
		mount_done(&fs);
	fixture_done(&fx);
	free(image);
	free(mem);
}

/* Data in the source; zeros that are written when @seed is 0. */
static void put(uint64_t off, uint64_t len, unsigned seed)
{
	if (seed)
		fill_pattern(image + off, len, off, seed);
	memcpy(mem, image + off, len);
	CU_ASSERT_EQUAL(do_io(&fx, src, IO_WRITE, off, mem, len, 0), 0);
}

static void flush(struct backstore *bs)
{
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_FLUSH, 0, NULL, 0, 0), 0);
}

/* The destination full of other data. */
static void fill_dst(void)
{
	fill_pattern(mem, SIZE, 0, 99);
	CU_ASSERT_EQUAL(do_io(&fx, dst, IO_WRITE, 0, mem, SIZE, 0), 0);
	flush(dst);
}

/* Bytes that the destination has; for memory those it does not call holes. */
static uint64_t allocated(void)
{
	uint64_t bytes = 0, len;
	struct stat st;
	bool hole;

	flush(dst);
	if (strncmp(dst_path, "mem:", 4) != 0) {
		CU_ASSERT_EQUAL(stat(dst_path, &st), 0);
		return (uint64_t)st.st_blocks * 512;
	}
	for (uint64_t off = 0; off < SIZE; off += len) {
		CU_ASSERT_EQUAL(do_extents(&fx, dst, off, SIZE - off, &len, &hole), 0);
		bytes += hole ? 0 : len;
	}
	return bytes;
}

/* Copies all of @rod; the bytes of data that were written, shared ones too. */
static uint64_t copy_all(struct rod *rod)
{
	const struct byte_range to = { 0, SIZE };
	struct tcopy t = { .c = { .src = rod,
				  .dst = dst,
				  .to = &to,
				  .n = 1,
				  .dst_block = 512,
				  .done = tcopy_done } };
	uint64_t before = bs_stats(dst)->bytes_written;

	copy_start(engine, &t.c);
	run_until(&fx, &t.done);
	CU_ASSERT(t.err == 0 && t.c.written == SIZE);
	CU_ASSERT_EQUAL(do_io(&fx, dst, IO_READ, 0, mem, SIZE, 0), 0);
	CU_ASSERT_EQUAL(memcmp(mem, image, SIZE), 0);
	return bs_stats(dst)->bytes_written - before;
}

static struct rod *capture(void)
{
	const struct byte_range all = { 0, SIZE };

	return do_capture(&fx, src, &all, 1);
}

static void what_is_not_allocated_is_not_written(void)
{
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		struct rod *rod;
		uint64_t wrote;

		if (!start(kinds[i], BS_AUTO))
			continue;
		put(MIB, 512 * KIB, 1);
		put(5 * MIB, 64 * KIB, 1);
		put(7 * MIB, 4096, 1);
		flush(src);
		fill_dst();
		CU_ASSERT(allocated() >= SIZE);
		rod = capture();
		wrote = copy_all(rod);
		CU_ASSERT(wrote <= 640 * KIB);
		CU_ASSERT(allocated() <= 640 * KIB);
		/* the same though the source is written, and given back, meanwhile */
		fill_dst();
		put(0, HALF, 2);
		CU_ASSERT_EQUAL(do_io(&fx, src, IO_DISCARD, HALF, NULL, HALF, 0), 0);
		memset(image, 0, SIZE);
		fill_pattern(image + MIB, 512 * KIB, MIB, 1);
		fill_pattern(image + 5 * MIB, 64 * KIB, 5 * MIB, 1);
		fill_pattern(image + 7 * MIB, 4096, 7 * MIB, 1);
		wrote = copy_all(rod);
		CU_ASSERT(wrote <= 768 * KIB); /* saved chunks are whole */
		CU_ASSERT(allocated() <= 768 * KIB);
		rod_unref(rod);
		finish();
	}
}

static void a_token_over_zeros_writes_no_data(void)
{
	for (unsigned i = 0; i < COUNT(kinds); i++)
		for (unsigned k = 0; k < 3; k++) {
			struct rod *rod = rod_zero();

			if (!start(kinds[i], BS_AUTO))
				break;
			if (k == 1) { /* allocated, and nothing but zeros */
				put(0, SIZE, 0);
				flush(src);
			}
			fill_dst();
			if (k < 2)
				rod = capture();
			CU_ASSERT_EQUAL(copy_all(rod), 0);
			/* blocks of zeros that are shared are nobody's to give back */
			CU_ASSERT(allocated() <= 64 * KIB ||
				  (k == 1 && bs_stats(dst)->bytes_cloned > 0));
			rod_unref(rod);
			finish();
		}
}

/* All its space stays where it is, and no data is written either. */
static void a_full_destination_keeps_its_space(void)
{
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		struct rod *rod;

		if (strcmp(kinds[i], "btrfs") == 0 || !start(kinds[i], BS_FULL))
			continue; /* btrfs writes zeros elsewhere, and is asked for less */
		put(0, HALF, 0);  /* zeros; the rest is a hole */
		flush(src);
		fill_dst();
		rod = capture();
		CU_ASSERT_EQUAL(copy_all(rod), 0);
		if (strcmp(kinds[i], "mem") != 0)
			CU_ASSERT(allocated() >= SIZE);
		CU_ASSERT_EQUAL(bs_stats(dst)->bytes_discarded, 0);
		CU_ASSERT_EQUAL(bs_stats(dst)->bytes_zeroed, SIZE);
		rod_unref(rod);
		finish();
	}
}

/* ---- asked while a hole is being made ---- */

static atomic_bool go_on;

static void block(struct aux_job *job)
{
	(void)job;
	while (!atomic_load(&go_on))
		usleep(100);
}

struct asked {
	struct rod_extents x;
	int res;
	bool done;
};

static void told(struct rod_extents *x, int res)
{
	struct asked *a = (struct asked *)x;

	a->res = res;
	a->done = true;
}

/*
 * No aux thread is free to look for holes until the discard is over: what the disk has
 * then is not what the rod has.
 */
static void a_hole_made_while_a_rod_is_asked_is_not_the_rods(void)
{
	static struct aux_job busy[2];
	const struct byte_range all = { 0, 2 * MIB };
	struct asked a = { .done = false };
	struct rod *rod;

	if (!start("file", BS_AUTO))
		return;
	fill_pattern(mem, 2 * MIB, 0, 5);
	CU_ASSERT_EQUAL(do_io(&fx, src, IO_WRITE, 0, mem, 2 * MIB, 0), 0);
	rod = do_capture(&fx, src, &all, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rod);
	/* From now on there is a sidecar: to make one takes an aux thread, too. */
	CU_ASSERT_EQUAL(do_io(&fx, src, IO_WRITE, MIB, mem, 4096, 0), 0);
	atomic_store(&go_on, false);
	for (unsigned i = 0; i < 2; i++) {
		busy[i] = (struct aux_job) { .work = block, .ring = fx.ring };
		aux_submit(fx.aux, &busy[i]);
	}
	a.x = (struct rod_extents) { .rod = rod, .len = MIB, .done = told };
	rod_extents(&a.x);
	CU_ASSERT_EQUAL(do_io(&fx, src, IO_DISCARD, 0, NULL, MIB, 0), 0);
	CU_ASSERT_FALSE(a.done);
	atomic_store(&go_on, true);
	run_until(&fx, &a.done);
	CU_ASSERT_EQUAL(a.res, 0);
	CU_ASSERT_FALSE(a.x.ret_hole);
	rod_unref(rod);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "what is not allocated is not written", what_is_not_allocated_is_not_written },
		{ "a token over zeros writes no data", a_token_over_zeros_writes_no_data },
		{ "a full destination keeps its space", a_full_destination_keeps_its_space },
		{ "a hole made while a rod is asked is not the rod's",
		  a_hole_made_while_a_rod_is_asked_is_not_the_rods },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/holes", tests);
}
