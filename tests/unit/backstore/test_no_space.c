/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems of 320 MiB that what is kept for rods would fill up: two files, 60 MiB with
 * rods and 100 MiB without.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"
#include "quota.h"

#define RODS 5

static struct fixture fx;
static struct mounted fs;
static struct bs_totals totals;
static struct backstore *bs, *other;
static struct rod *rods[RODS];
static char *mem;

static struct backstore *open_file(const char *name, uint64_t size)
{
	char path[200];
	struct bs_config cfg = { .path = path, .size = size, .block_size = 512 };

	snprintf(path, sizeof(path), "%s/%s", fs.dir, name);
	return must_open(&fx, &cfg);
}

static bool start(const char *kind)
{
	totals = (struct bs_totals) { .saved.limit = UINT64_MAX,
				      .cloned.limit = UINT64_MAX,
				      .saves.limit = 64 };
	fixture_init(&fx);
	fx.env.totals = &totals;
	if (!mount_init(&fs, &fx, kind)) {
		fixture_done(&fx);
		return false;
	}
	bs = open_file("disk", 60 * MIB);
	other = open_file("other", 100 * MIB);
	mem = malloc(MIB);
	fill_pattern(mem, MIB, 0, 1);
	return true;
}

static void finish(void)
{
	for (unsigned i = 0; i < RODS; i++) {
		rod_unref(rods[i]);
		rods[i] = NULL;
	}
	CU_ASSERT(LIST_EMPTY(&totals.keepers));
	CU_ASSERT_EQUAL(bs_close(other), 0);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	run_for(&fx, 20); /* what is closed elsewhere */
	mount_done(&fs);
	fixture_done(&fx);
	free(mem);
}

/* The first error; 0: all of [from, to) MiB is written. */
static int write_all(struct backstore *to, unsigned from, unsigned end, unsigned flags)
{
	int res = 0;

	for (uint64_t at = from; at < end && res == 0; at++)
		res = do_io(&fx, to, IO_WRITE, at * MIB, mem, MIB, IO_FUA | flags);
	return res;
}

static void capture_all(unsigned i)
{
	const struct byte_range all = { 0, 60 * MIB };

	rods[i] = do_capture(&fx, bs, &all, 1);
	for (unsigned ms = 0; ms < 5000 && rod_settling(rods[i]); ms++)
		run_for(&fx, 1);
}

static unsigned count_cancelled(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < RODS; i++)
		n += rods[i] && rod_cancelled(rods[i]);
	return n;
}

static void the_hosts_writes_come_first(void)
{
	static const char *const kinds[] = { "xfs", "btrfs", "ext4" };

	for (unsigned k = 0; k < COUNT(kinds); k++) {
		if (!start(kinds[k]))
			return;
		CU_ASSERT_EQUAL(write_all(bs, 0, 60, 0), 0);
		for (unsigned i = 0; i < RODS; i++) {
			capture_all(i);
			CU_ASSERT_EQUAL(write_all(bs, 0, 60, 0), 0);
			/* and those to a file that no rod is of */
			CU_ASSERT_EQUAL(write_all(other, i * 20, i * 20 + 20, 0), 0);
		}
		CU_ASSERT(count_cancelled() > 0);
		finish();
	}
}

/* Fills the file system to where the next 20 MiB do not fit. */
static void fill_up(unsigned *ret_rods)
{
	CU_ASSERT_EQUAL(write_all(bs, 0, 60, 0), 0);
	for (*ret_rods = 0; *ret_rods < 2; ++*ret_rods) {
		capture_all(*ret_rods);
		CU_ASSERT_EQUAL(write_all(bs, 0, 60, 0), 0);
	}
	CU_ASSERT_EQUAL(count_cancelled(), 0);
}

static void a_copys_writes_do_not(void)
{
	unsigned n;

	if (!start("xfs"))
		return;
	fill_up(&n);
	CU_ASSERT_EQUAL(write_all(other, 0, 100, IO_BULK), -ENOSPC);
	CU_ASSERT_EQUAL(count_cancelled(), 0);
	finish();
}

static void what_is_full_without_rods_is_full_at_once(void)
{
	struct backstore *third;

	if (!start("xfs"))
		return;
	third = open_file("third", 400 * MIB);
	CU_ASSERT_EQUAL(write_all(third, 0, 400, 0), -ENOSPC);
	CU_ASSERT_EQUAL(do_io(&fx, third, IO_WRITE, 399 * MIB, mem, MIB, 0), -ENOSPC);
	CU_ASSERT_EQUAL(totals.gave_up, 0); /* nothing was waited for */
	CU_ASSERT_EQUAL(bs_close(third), 0);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "the host's writes come first", the_hosts_writes_come_first },
		{ "a copy's writes do not", a_copys_writes_do_not },
		{ "what is full without rods is full at once",
		  what_is_full_without_rods_is_full_at_once },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/no_space", tests);
}
