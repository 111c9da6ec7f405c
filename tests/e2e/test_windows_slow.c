/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage that is too slow for what Windows asks of it: each WRITE USING TOKEN ends in
 * time with what it has done, Windows goes on from there, nothing is sent twice and
 * nobody resets anything.
 */
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "windows.h"

#define IN_TIME (sanitized() ? 8.0 : 4.0) /* seconds of one WUT */

/* A DSM write's chain by hand: each WUT in time, each with some blocks. */
static void check_each(struct win *w, uint64_t size)
{
	uint64_t at = 0, done, blocks = size / 512;
	struct tpc_range r = RANGE(0, (uint32_t)blocks);
	char err[INITIATOR_ERR] = "";
	struct disk_token token;
	double longest = 0;
	unsigned n = 0;

	CU_ASSERT_EQUAL(disk_offload_read(&w->disk[0], &r, 1, 0, &token, err), NT_SUCCESS);
	while (at < blocks) {
		double begun = seconds_now(), took;

		r = RANGE(at, (uint32_t)(blocks - at));
		if (disk_offload_write(&w->disk[1], token.token, at, &r, 1, &done, err) ||
		    done == 0) {
			CU_FAIL("the chain broke");
			printf("  (%s)\n", err);
			break;
		}
		took = seconds_now() - begun;
		longest = took > longest ? took : longest;
		at += done;
		n++;
	}
	printf("  (%u WUTs, the longest %.1f s)\n", n, longest);
	CU_ASSERT(longest < IN_TIME);
	CU_ASSERT(n >= 2);
}

/* One token, and RRTI for that alone: INFORMATION says how much each WUT wrote. */
static void check_sent(const struct win *w, unsigned copies)
{
	CU_ASSERT_EQUAL(win_sent(w, CMD_POPULATE_TOKEN), copies);
	CU_ASSERT_EQUAL(win_sent(w, CMD_RECEIVE_ROD_TOKEN_INFORMATION), copies);
}

static void check_pace(uint64_t size, const char *src_options, const char *dst_options)
{
	struct bench b = bench_start(size, src_options, dst_options);
	char err[INITIATOR_ERR] = "";
	struct engine e;
	struct win w;

	win_open(&w, b.o, 0, NULL);
	check_each(&w, size);
	check_sent(&w, 1);
	CU_ASSERT_EQUAL(odxd_counter(b.o, 1, "bytes_offloaded"), size);
	/* And as CopyFile does it. */
	e = (struct engine) { .src = fsctl_lun(&w.disk[0]), .dst = fsctl_lun(&w.disk[1]) };
	CU_ASSERT_EQUAL(engine_copy(&e, err), 0);
	CU_ASSERT_EQUAL(e.offloaded, size);
	CU_ASSERT_STRING_EQUAL(e.fallback, "");
	check_sent(&w, 2);
	/* Not a block was written twice, and nobody reset a LUN: the others would know. */
	CU_ASSERT_EQUAL(odxd_counter(b.o, 1, "bytes_offloaded"), 2 * size);
	CHECK_GOOD(tur(b.in, 0));
	CHECK_GOOD(tur(b.in, 1));
	win_close(&w);
	CU_ASSERT(file_is(b.dst, 0, size, 0, 1));
	bench_done(&b);
}

static void writes_20(void)
{
	check_pace(96 * MIB, "", ",fault=rate:20M");
}

static void reads_20(void)
{
	check_pace(96 * MIB, ",fault=rate:20M", "");
}

static void both_20(void)
{
	check_pace(96 * MIB, ",fault=rate:20M", ",fault=rate:20M");
}

static void writes_5(void)
{
	check_pace(24 * MIB, "", ",fault=rate:5M");
}

static void both_5(void)
{
	check_pace(24 * MIB, ",fault=rate:5M", ",fault=rate:5M");
}

static void late_writes(void)
{
	check_pace(32 * MIB, "", ",fault=rate:20M+write-delay:400");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "writes of 20 MB/s: each WUT in time, an honest count, nothing twice",
		  writes_20 },
		{ "reads of 20 MB/s", reads_20 },
		{ "reads and writes of 20 MB/s", both_20 },
		{ "writes of 5 MB/s", writes_5 },
		{ "reads and writes of 5 MB/s", both_5 },
		{ "writes of 20 MB/s that come 400 ms late", late_writes },
		TEST_END
	};

	return test_main(argc, argv, "e2e-windows-slow", tests);
}
