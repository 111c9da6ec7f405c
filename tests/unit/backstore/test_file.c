/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

#define SIZE (8 * MIB)

static struct fixture fx;
static unsigned char buf[256 * KIB];

static struct backstore *open_file(const char *path, const char *fault)
{
	struct bs_config cfg = { .path = path, .block_size = 512, .fault = fault };

	return must_open(&fx, &cfg);
}

static void model_on_file(const char *fault, enum memory memory)
{
	const char *path;
	struct backstore *bs;

	fixture_init(&fx);
	path = fixture_path(&fx, "file");
	make_file(path, SIZE, 1);
	bs = open_file(path, fault);
	check_against_model(&fx, bs, 200, memory);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

static void a_file_agrees_with_a_model(void)
{
	model_on_file(NULL, MEMORY_ODD);
}

static void a_file_agrees_with_a_model_with_arena_memory(void)
{
	model_on_file(NULL, MEMORY_ARENA);
}

static void a_file_agrees_with_a_model_though_transfers_are_cut(void)
{
	model_on_file("short:2+again:3", MEMORY_ODD);
	model_on_file("short:1+again:1", MEMORY_ARENA);
}

static void where_ranges_cannot_be_zeroed_zeros_are_written(void)
{
	char dir[128], path[160];
	struct backstore *bs;
	struct stat st;

	fixture_init(&fx);
	snprintf(dir, sizeof(dir), "%s", fixture_path(&fx, "mnt"));
	snprintf(path, sizeof(path), "%s/file", dir);
	if (tmpfs_init(dir, 2 * SIZE)) { /* tmpfs knows no FALLOC_FL_ZERO_RANGE */
		make_file(path, SIZE, 1);
		bs = open_file(path, NULL);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, 512, NULL, MIB, IO_FUA), 0);
		CU_ASSERT(stat(path, &st) == 0 && (uint64_t)st.st_blocks * 512 >= SIZE);
		check_against_model(&fx, bs, 200, MEMORY_ODD);
		CU_ASSERT_EQUAL(bs_close(bs), 0);
		tmpfs_done(dir);
	}
	fixture_done(&fx);
}

static void a_block_device_agrees_with_a_model(void)
{
	struct backstore *bs;
	struct loop loop;
	uint64_t len;
	bool hole;

	fixture_init(&fx);
	make_file(fixture_path(&fx, "file"), SIZE, 1);
	if (loop_init(&loop, fixture_path(&fx, "file"), 512)) {
		bs = open_file(loop.path, NULL);
		CU_ASSERT_EQUAL(bs_size(bs), SIZE);
		CU_ASSERT_EQUAL(bs_check(bs), 0);
		check_against_model(&fx, bs, 200, MEMORY_ODD);
		CU_ASSERT_EQUAL(do_extents(&fx, bs, 0, SIZE, &len, &hole), 0);
		CU_ASSERT(!hole && len == SIZE);
		CU_ASSERT_EQUAL(bs_close(bs), 0);
		loop_done(&loop);
	}
	fixture_done(&fx);
}

static void what_was_written_is_in_the_file(void)
{
	unsigned char back[4096];
	struct backstore *bs;
	const char *path;
	int fd;

	fixture_init(&fx);
	path = fixture_path(&fx, "file");
	make_file(path, SIZE, 1);
	bs = open_file(path, NULL);
	fill_pattern(buf, 4096, 0, 99);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 512, buf, 4096, IO_FUA), 0);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(pread(fd, back, 4096, 512), 4096);
	CHECK_BYTES(back, 4096, buf, 4096);
	fill_pattern(buf, 512, 0, 1);
	CU_ASSERT_EQUAL(pread(fd, back, 512, 0), 512);
	CHECK_BYTES(back, 512, buf, 512);
	close(fd);
	fixture_done(&fx);
}

static void a_file_cut_off_while_open_reads_enodata(void)
{
	struct backstore *bs;
	const char *path;
	uint64_t len;
	bool hole;

	fixture_init(&fx);
	path = fixture_path(&fx, "file");
	make_file(path, SIZE, 1);
	bs = open_file(path, NULL);
	CU_ASSERT_EQUAL(bs_check(bs), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, SIZE - 512, buf, 512, 0), 0);
	CU_ASSERT_EQUAL(truncate(path, SIZE / 2 + 100), 0);
	CU_ASSERT_EQUAL(bs_check(bs), -ENODATA);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, SIZE / 2 - 512, buf, 512, 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, SIZE / 2 + 512, buf, 512, 0), -ENODATA);
	/* across the end: the part that is there does not make it a success */
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, SIZE / 2 - 4096, buf, 8192, 0), -ENODATA);
	/* and what is gone is not taken for a hole, which would read as zeros */
	CU_ASSERT_EQUAL(do_extents(&fx, bs, SIZE / 2 + 4096, MIB, &len, &hole), 0);
	CU_ASSERT(!hole);
	CU_ASSERT_EQUAL(bs_stats(bs)->errors, 2);
	/* a write must not make it as long as it was, with a hole that nobody notices */
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, SIZE - 512, buf, 512, 0), -ENODATA);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, SIZE - 4096, NULL, 4096, 0), -ENODATA);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, SIZE - 4096, NULL, 4096, 0), -ENODATA);
	CU_ASSERT_EQUAL(bs_check(bs), -ENODATA);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

static void a_full_file_system_is_enospc(void)
{
	char dir[128], path[160];
	struct backstore *bs;
	int fd, r = 0;

	fixture_init(&fx);
	snprintf(dir, sizeof(dir), "%s", fixture_path(&fx, "mnt"));
	snprintf(path, sizeof(path), "%s/file", dir);
	if (tmpfs_init(dir, MIB)) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		CU_ASSERT_EQUAL(ftruncate(fd, SIZE), 0); /* promises more than there is */
		close(fd);
		bs = open_file(path, NULL);
		memset(buf, 1, sizeof(buf));
		for (unsigned i = 0; i < 8 && r == 0; i++)
			r = do_io(&fx, bs, IO_WRITE, i * sizeof(buf), buf, sizeof(buf), 0);
		CU_ASSERT_EQUAL(r, -ENOSPC);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, buf, 4096, 0), 0); /* goes on */
		CU_ASSERT_EQUAL(bs_close(bs), 0);
		tmpfs_done(dir);
	}
	fixture_done(&fx);
}

static void a_sparse_file_tells_its_holes(void)
{
	struct backstore *bs;
	const char *path;
	uint64_t len;
	bool hole;
	int fd;

	fixture_init(&fx);
	path = fixture_path(&fx, "file");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_EQUAL(ftruncate(fd, SIZE), 0);
	memset(buf, 1, sizeof(buf));
	CU_ASSERT_EQUAL(pwrite(fd, buf, 64 * KIB, MIB), 64 * KIB);
	if (lseek(fd, 0, SEEK_DATA) == 0) {
		test_skip("this file system does not tell holes");
		close(fd);
		fixture_done(&fx);
		return;
	}
	close(fd);
	bs = open_file(path, NULL);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 512, SIZE - 512, &len, &hole), 0);
	CU_ASSERT(hole && len == MIB - 512);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, MIB + 512, MIB, &len, &hole), 0);
	CU_ASSERT(!hole && len == 64 * KIB - 512);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 2 * MIB, SIZE - 2 * MIB, &len, &hole), 0);
	CU_ASSERT(hole && len == SIZE - 2 * MIB);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 0, 4096, &len, &hole), 0);
	CU_ASSERT(hole && len == 4096);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

/*
 * A rod is content with where data was a moment ago, and where it ends is not looked for
 * again; what this process gives back it knows, and others hear what the file has.
 */
static void where_data_ends_is_looked_for_once(void)
{
	const struct byte_range all = { 0, SIZE };
	struct backstore *bs;
	const char *path;
	struct rod *rod;
	uint64_t len;
	bool hole;
	int fd;

	fixture_init(&fx);
	path = fixture_path(&fx, "file");
	make_file(path, SIZE, 1);
	bs = open_file(path, NULL);
	rod = rod_view(bs, &all, 1);
	CU_ASSERT_EQUAL(do_rod_extents(&fx, rod, 2 * MIB, MIB, &len, &hole), 0);
	CU_ASSERT(!hole && len == MIB);
	CU_ASSERT_EQUAL(do_rod_extents(&fx, rod, MIB, SIZE - MIB, &len, &hole), 0);
	CU_ASSERT(!hole && len == SIZE - MIB);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CU_ASSERT_EQUAL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MIB, MIB), 0);
	close(fd);
	CU_ASSERT_EQUAL(do_rod_extents(&fx, rod, MIB + 4096, SIZE / 2, &len, &hole), 0);
	CU_ASSERT(!hole && len == SIZE / 2);
	CU_ASSERT_EQUAL(do_rod_extents(&fx, rod, 0, SIZE, &len, &hole), 0);
	CU_ASSERT(!hole && len == MIB);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, MIB, SIZE - MIB, &len, &hole), 0);
	CU_ASSERT(hole && len == MIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 0, NULL, 4096, 0), 0);
	CU_ASSERT_EQUAL(do_rod_extents(&fx, rod, 0, SIZE, &len, &hole), 0);
	CU_ASSERT(hole && len == 4096);
	CU_ASSERT_EQUAL(do_rod_extents(&fx, rod, MIB + 4096, MIB, &len, &hole), 0);
	CU_ASSERT(hole && len == MIB - 4096);
	rod_unref(rod);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

/* What the file has allocated, with what was written only so far. */
static uint64_t allocated(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = { 0 };

	CU_ASSERT(fd >= 0 && fsync(fd) == 0 && fstat(fd, &st) == 0);
	close(fd);
	return (uint64_t)st.st_blocks * 512;
}

static void discarding_gives_space_back_and_zeroing_does_not(void)
{
	struct backstore *bs;
	const char *path;
	uint64_t len, before;
	bool hole;

	fixture_init(&fx);
	path = fixture_path(&fx, "file");
	make_file(path, SIZE, 1);
	before = allocated(path);
	bs = open_file(path, NULL);
	CU_ASSERT(bs_thin(bs) && bs_discard_granularity(bs) >= 512);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, MIB, NULL, MIB, 0), 0);
	CU_ASSERT_EQUAL(allocated(path), before);
	/* the blocks at the edges are zeroed in part, those between given back */
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, MIB - 512, NULL, MIB + 1024, IO_FUA), 0);
	CU_ASSERT(allocated(path) <= before - MIB);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, MIB, MIB, &len, &hole), 0);
	CU_ASSERT(hole && len == MIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, MIB - 1024, buf, 1024, 0), 0);
	fill_pattern(buf + 1024, 512, MIB - 1024, 1);
	memset(buf + 1536, 0, 512);
	CHECK_BYTES(buf, 1024, buf + 1024, 1024);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 2 * MIB, buf, 1024, 0), 0);
	memset(buf + 1024, 0, 512);
	fill_pattern(buf + 1536, 512, 2 * MIB + 512, 1);
	CHECK_BYTES(buf, 1024, buf + 1024, 1024);
	CU_ASSERT(bs_stats(bs)->discards == 1 && bs_stats(bs)->bytes_discarded == MIB + 1024);
	CU_ASSERT_EQUAL(bs_stats(bs)->fua, 1);
	CU_ASSERT_EQUAL(bs_size(bs), SIZE);
	CU_ASSERT_EQUAL(bs_check(bs), 0);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

/* What is a hole, or never was written to, is left; the rest, and any mixture, is punched. */
static void a_copy_of_a_hole_to_a_hole_changes_nothing(void)
{
	struct backstore *bs;
	const char *path;
	uint64_t before;
	off_t data;
	int fd;

	fixture_init(&fx);
	path = fixture_path(&fx, "file");
	make_file(path, SIZE, 1);
	fd = open(path, O_RDWR);
	CU_ASSERT_EQUAL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MIB, 2 * MIB), 0);
	if (fallocate(fd, 0, MIB, 2 * MIB) < 0) {
		close(fd);
		test_skip("no fallocate here");
		fixture_done(&fx);
		return;
	}
	data = lseek(fd, MIB, SEEK_DATA);
	bs = open_file(path, NULL);
	before = allocated(path);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, MIB, NULL, 2 * MIB, IO_BULK | IO_FUA), 0);
	if (data == 3 * MIB) /* there are file systems that do not tell */
		CU_ASSERT_EQUAL(allocated(path), before);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 2 * MIB, NULL, 2 * MIB, IO_BULK), 0);
	CU_ASSERT(allocated(path) <= before - 2 * MIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 5 * MIB, NULL, MIB, IO_BULK), 0);
	CU_ASSERT(allocated(path) <= before - 3 * MIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, MIB, NULL, MIB, 0), 0);
	CU_ASSERT(allocated(path) <= before - 4 * MIB);
	for (uint64_t at = 0; at < SIZE; at += sizeof(buf)) {
		static unsigned char want[sizeof(buf)];

		fill_pattern(want, sizeof(want), at, 1);
		if ((at >= MIB && at < 4 * MIB) || (at >= 5 * MIB && at < 6 * MIB))
			memset(want, 0, sizeof(want));
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, at, buf, sizeof(buf), 0), 0);
		CU_ASSERT_EQUAL(memcmp(buf, want, sizeof(buf)), 0);
	}
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	close(fd);
	fixture_done(&fx);
}

static void a_full_file_never_gives_space_back(void)
{
	struct bs_config cfg = { .block_size = 512, .size = SIZE, .provisioning = BS_FULL };
	struct backstore *bs;

	fixture_init(&fx);
	cfg.path = fixture_path(&fx, "file");
	bs = must_open(&fx, &cfg);
	memset(buf, 1, sizeof(buf));
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, buf, sizeof(buf), 0), 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 0, NULL, SIZE, 0), 0);
	CU_ASSERT(allocated(cfg.path) >= SIZE);
	CU_ASSERT(bs_stats(bs)->zeroes == 1 && bs_stats(bs)->discards == 0);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, buf, 512, 0), 0);
	CU_ASSERT_EQUAL(buf[0], 0);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

static void a_block_device_gives_space_back_to_the_file_below(void)
{
	struct backstore *bs;
	struct loop loop;
	uint64_t before;

	fixture_init(&fx);
	make_file(fixture_path(&fx, "file"), SIZE, 1);
	if (loop_init(&loop, fixture_path(&fx, "file"), 512)) {
		bs = open_file(loop.path, NULL);
		CU_ASSERT_TRUE(bs_thin(bs));
		before = allocated(fixture_path(&fx, "file"));
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, MIB, NULL, MIB, 0), 0);
		CU_ASSERT_EQUAL(allocated(fixture_path(&fx, "file")), before);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, MIB, NULL, MIB, 0), 0);
		CU_ASSERT(allocated(fixture_path(&fx, "file")) <= before - MIB);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, MIB, buf, 512, 0), 0);
		CU_ASSERT_EQUAL(buf[0], 0);
		CU_ASSERT_EQUAL(bs_close(bs), 0);
		loop_done(&loop);
	}
	fixture_done(&fx);
}

static void a_file_made_larger_is_taken_over_when_told(void)
{
	struct backstore *bs;
	const char *path;

	fixture_init(&fx);
	path = fixture_path(&fx, "file");
	make_file(path, SIZE, 1);
	bs = open_file(path, NULL);
	CU_ASSERT_EQUAL(bs_grow(bs, 2 * SIZE, fx.err, sizeof(fx.err)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(fx.err, "truncate -s"));
	CU_ASSERT_EQUAL(bs_grow(bs, SIZE / 2, fx.err, sizeof(fx.err)), -EINVAL);
	CU_ASSERT_EQUAL(truncate(path, 2 * SIZE), 0);
	CU_ASSERT_EQUAL(bs_size(bs), SIZE); /* not before it is told */
	CU_ASSERT_EQUAL(bs_grow(bs, 2 * SIZE, fx.err, sizeof(fx.err)), 0);
	CU_ASSERT_EQUAL(bs_size(bs), 2 * SIZE);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 2 * SIZE - 512, buf, 512, 0), 0);
	CU_ASSERT_EQUAL(truncate(path, SIZE), 0);
	CU_ASSERT_EQUAL(bs_check(bs), -ENODATA);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
}

static void hundreds_of_transfers_at_once_all_complete(void)
{
	enum { MANY = 512 };
	struct tio *t = calloc(MANY, sizeof(*t));
	unsigned char *mem = malloc(MANY * 4096);
	struct backstore *bs;
	bool right = true;

	fixture_init(&fx);
	make_file(fixture_path(&fx, "file"), SIZE, 1);
	bs = open_file(fixture_path(&fx, "file"), NULL);
	for (unsigned i = 0; i < MANY; i++) { /* the ring has 64 slots */
		tio_set(&t[i], &fx, IO_READ, i * 8192, mem + i * 4096, 4096);
		tio_submit(&t[i], bs);
	}
	for (unsigned i = 0; i < MANY; i++) {
		run_until(&fx, &t[i].done);
		fill_pattern(buf, 4096, i * 8192, 1);
		right = right && t[i].res == 0 && memcmp(buf, mem + i * 4096, 4096) == 0;
	}
	CU_ASSERT(right);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
	free(t);
	free(mem);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a file agrees with a model", a_file_agrees_with_a_model },
		{ "a file agrees with a model, with arena memory",
		  a_file_agrees_with_a_model_with_arena_memory },
		{ "a file agrees with a model though transfers are cut",
		  a_file_agrees_with_a_model_though_transfers_are_cut },
		{ "where ranges cannot be zeroed, zeros are written",
		  where_ranges_cannot_be_zeroed_zeros_are_written },
		{ "a block device agrees with a model", a_block_device_agrees_with_a_model },
		{ "what was written is in the file", what_was_written_is_in_the_file },
		{ "a file cut off while open reads ENODATA",
		  a_file_cut_off_while_open_reads_enodata },
		{ "a full file system is ENOSPC", a_full_file_system_is_enospc },
		{ "a sparse file tells its holes", a_sparse_file_tells_its_holes },
		{ "where data ends is looked for once", where_data_ends_is_looked_for_once },
		{ "discarding gives space back, and zeroing does not",
		  discarding_gives_space_back_and_zeroing_does_not },
		{ "a copy of a hole to a hole changes nothing",
		  a_copy_of_a_hole_to_a_hole_changes_nothing },
		{ "a full file never gives space back", a_full_file_never_gives_space_back },
		{ "a block device gives space back to the file below",
		  a_block_device_gives_space_back_to_the_file_below },
		{ "a file made larger is taken over when told",
		  a_file_made_larger_is_taken_over_when_told },
		{ "hundreds of transfers at once all complete",
		  hundreds_of_transfers_at_once_all_complete },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/file", tests);
}
