/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 100,000 live tokens over one LUN: what one takes of memory, and what they cost those
 * who do not use them.  Prints the figures; CPU time of the process, in-process, no disk.
 */
#include "core.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MANY	 100000u
#define FEW	 100u /* measured at the start and at the end of the many */
#define LUN_MANY 40
#define APART	 128u /* blocks: each token in a chunk of its own */

static struct core c;
static uint8_t (*tokens)[ROD_TOKEN_LEN];

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void begin(void)
{
	const struct bs_config bc = { .path = "mem:many",
				      .size = (MANY + 1) * APART * 512ull,
				      .block_size = 512 };
	const struct lu_config lc = { .lun = LUN_MANY, .block_size = 512, .tpc = lu_tpc_defaults };
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	struct backstore *bs;
	char err[256] = "";

	core_tokens = &token_defaults;
	core_init(&c, NULL, 0);
	core_tokens = NULL;
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, target_bs_env(c.target), err, sizeof(err)), 0);
	CU_ASSERT_EQUAL_FATAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	core_luns_known(&c);
	CHECK_KCQ(core_cmd(&c, 0, LUN_MANY, &tur, NULL, 0), 0x62900);
	tokens = malloc(MANY * sizeof(*tokens));
}

/* POPULATE TOKEN and RRTI, @n times from the @first on; us each. */
static double take(unsigned first, unsigned n)
{
	double t = cpu_us();

	for (unsigned i = first; i < first + n; i++) {
		const struct tpc_range r = { (uint64_t)i * APART, 8 };
		struct tpc_result res;

		CHECK_GOOD(core_pt(&c, 0, LUN_MANY, i, 600, &r, 1));
		CHECK_GOOD(core_rrti(&c, 0, LUN_MANY, i, 1024, &res));
		CU_ASSERT_PTR_NOT_NULL_FATAL(res.token);
		memcpy(tokens[i], res.token, ROD_TOKEN_LEN);
	}
	return (cpu_us() - t) / n;
}

/* WRITE USING TOKEN, to another LUN. */
static double use(unsigned first, unsigned n)
{
	const struct tpc_range to = { 100, 8 };
	double t = cpu_us();

	for (unsigned i = first; i < first + n; i++)
		CHECK_GOOD(core_wut(&c, 0, LUN_B, i, tokens[i], 0, false, &to, 1));
	return (cpu_us() - t) / n;
}

/* Writes of 4 KiB that touch no token, beside them or in chunks of theirs; us each. */
static double writes(unsigned n)
{
	static uint8_t data[4096];
	struct scsi_cdb cdb = cdb_of(CMD_WRITE_16);
	double t = cpu_us();

	cdb.blocks = 8;
	for (unsigned i = 0; i < n; i++) {
		cdb.lba = (uint64_t)(i * 7919u % 5000) * 20 * APART + 64;
		CHECK_GOOD(core_cmd(&c, 0, LUN_MANY, &cdb, data, sizeof(data)));
	}
	return (cpu_us() - t) / n;
}

static void drop(unsigned first, unsigned n)
{
	const struct tpc_range to = { 100, 8 };

	for (unsigned i = first; i < first + n; i++)
		CHECK_GOOD(core_wut(&c, 0, LUN_B, i, tokens[i], 0, true, &to, 1));
}

/* The cheapest of a few: what else the machine does only adds. */
static double least(double a, double b)
{
	return a > 0 && a < b ? a : b;
}

static double writes_of(unsigned rounds)
{
	double us = 0;

	for (unsigned i = 0; i < rounds; i++)
		us = least(us, writes(20000));
	return us;
}

static void many(void)
{
	static const unsigned steps[] = { 0, 1, 1000, MANY };
	double pt[2] = { 0 }, wut[2] = { 0 }, write[4];
	struct mallinfo2 before, after;
	unsigned live = 0;

	begin();
	writes(20000);
	for (unsigned round = 0; round < 5; round++) { /* the first few */
		pt[0] = least(pt[0], take(0, 4 * FEW));
		wut[0] = least(wut[0], use(0, 4 * FEW));
		drop(0, 4 * FEW);
	}
	before = mallinfo2();
	for (unsigned i = 0; i < 4; i++) {
		for (; live < steps[i]; live++) {
			if (live >= MANY - 20 * FEW && live % FEW == 0) {
				pt[1] = least(pt[1], take(live, FEW));
				live += FEW - 1;
			} else {
				take(live, 1);
			}
		}
		write[i] = writes_of(10);
	}
	after = mallinfo2();
	for (unsigned round = 0; round < 5; round++)
		wut[1] = least(wut[1], use(round * 19997, 4 * FEW));
	for (unsigned i = 0; i < 4; i++)
		printf("    %6u live: a write beside them %.2f us, %.3f of none\n", steps[i],
		       write[i], write[i] / write[0]);
	printf("    a token: %.0f bytes\n", (double)(after.uordblks - before.uordblks) / MANY);
	printf("    PT and RRTI %.2f us, of the first %.2f us: %.2f\n", pt[1], pt[0],
	       pt[1] / pt[0]);
	printf("    WUT of 4 KiB %.2f us, of the first %.2f us: %.2f\n", wut[1], wut[0],
	       wut[1] / wut[0]);
	/* Nothing that grows with their number: that would be times a thousand. */
	CU_ASSERT(write[3] < 3 * write[0] && pt[1] < 4 * pt[0] && wut[1] < 4 * wut[0]);
	CU_ASSERT((after.uordblks - before.uordblks) / MANY < 1024);
	core_done(&c);
	free(tokens);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "100,000 live tokens cost little memory, and others little time", many }, TEST_END
	};

	return test_main(argc, argv, "many", tests);
}
