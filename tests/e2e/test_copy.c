/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies by token, checked byte by byte with the blocks around them: ranges in
 * any order, offsets inside a token, mixed block sizes, several sessions at once,
 * and honest counts when a copy ends early.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client.h"

#define SIZE (64 * MIB)

/* The destination holds pattern @seed at @off from @from on; around it what it held. */
static void check_island(const char *path, uint64_t off, uint64_t len, uint64_t from, unsigned seed,
			 unsigned around)
{
	CU_ASSERT(file_is(path, 0, off, 0, around));
	CU_ASSERT(file_is(path, off, len, from, seed));
	CU_ASSERT(file_is(path, off + len, SIZE - off - len, off + len, around));
}

/* ---- whole copies ---- */

static void within_one_lun(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range from = RANGE(2048, 8192), to = RANGE(40000, 8192);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	CHECK_GOOD(wut(b.in, 0, 2, token, 0, &to, 1));
	CU_ASSERT(rrti_is(b.in, 0, 2, 0x11, TPC_DONE, 8192));
	check_island(b.src, 40000 * 512, 4 * MIB, 2048 * 512, 1, 1);
	bench_done(&b);
}

static void between_luns(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range from = RANGE(3, 65536), to = RANGE(7777, 65536);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, &to, 1));
	check_island(b.dst, 7777 * 512, 32 * MIB, 3 * 512, 1, 2);
	CU_ASSERT(file_is(b.src, 0, SIZE, 0, 1));
	bench_done(&b);
}

static void direct_luns(void)
{
	struct bench b = bench_start(SIZE, ",direct", ",direct");
	struct tpc_range from = RANGE(3, 16384), to = RANGE(7777, 16384);
	uint8_t token[ROD_TOKEN_LEN];

	/* Sectors that do not lie as pages do, on either side. */
	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, &to, 1));
	bench_done(&b);
	check_island(b.dst, 7777 * 512, 8 * MIB, 3 * 512, 1, 2);
}

static void overlapping_source_and_destination(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range from = RANGE(1000, 4096), to = RANGE(1100, 4096);
	uint8_t token[ROD_TOKEN_LEN];
	struct answer a;

	/*
	 * A write into the rod's own ranges cancels it: either all of the data of
	 * PT, or nothing and 5/23/08; never a mixture.
	 */
	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	a = wut(b.in, 0, 2, token, 0, &to, 1);
	if (a.status == SAM_GOOD) {
		check_island(b.src, 1100 * 512, 2 * MIB, 1000 * 512, 1, 1);
	} else {
		CHECK_ILLEGAL(a, ASC_TOKEN_CANCELLED);
		CU_ASSERT(file_is(b.src, 0, SIZE, 0, 1));
	}
	bench_done(&b);
}

/* ---- ranges ---- */

#define N	     64
#define RANGE_BLOCKS 48

static void out_of_order_ranges(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range from[N], to[N];
	uint8_t token[ROD_TOKEN_LEN];

	/* 37 and 23 are coprime to 64: each range once, in no order; gaps between. */
	for (unsigned i = 0; i < N; i++) {
		from[i] = RANGE(100 + (i * 37 % N) * 1000, RANGE_BLOCKS);
		to[i] = RANGE(500 + (i * 23 % N) * 1100, RANGE_BLOCKS);
	}
	CU_ASSERT(take_token(b.in, 0, 1, from, N, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, to, N));
	for (unsigned i = 0; i < N; i++) {
		uint64_t at = to[i].lba * 512, end = at + RANGE_BLOCKS * 512;

		CU_ASSERT(file_is(b.dst, at, RANGE_BLOCKS * 512, from[i].lba * 512, 1));
		CU_ASSERT(file_is(b.dst, at - 512, 512, at - 512, 2));
		CU_ASSERT(file_is(b.dst, end, 512, end, 2));
	}
	CU_ASSERT(file_is(b.dst, 0, 500 * 512, 0, 2));
	CU_ASSERT(file_is(b.src, 0, SIZE, 0, 1));
	bench_done(&b);
}

static void ranges_of_unlike_lengths(void)
{
	struct bench b = bench_start(SIZE, "", "");
	/* 100 blocks in three pieces, written in two that cut them elsewhere. */
	struct tpc_range from[] = { { 900, 33 }, { 100, 1 }, { 5000, 66 } };
	struct tpc_range to[] = { { 70000, 50 }, { 60000, 50 } };
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 1, from, 3, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, to, 2));
	CU_ASSERT(file_is(b.dst, 70000 * 512, 33 * 512, 900 * 512, 1));
	CU_ASSERT(file_is(b.dst, 70033 * 512, 512, 100 * 512, 1));
	CU_ASSERT(file_is(b.dst, 70034 * 512, 16 * 512, 5000 * 512, 1));
	CU_ASSERT(file_is(b.dst, 60000 * 512, 50 * 512, 5016 * 512, 1));
	CU_ASSERT(file_is(b.dst, 70050 * 512, 512, 70050 * 512, 2));
	CU_ASSERT(file_is(b.dst, 60050 * 512, 512, 60050 * 512, 2));
	bench_done(&b);
}

static void offset_inside_the_token(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range from[] = { { 2000, 64 }, { 1000, 64 } }, to = RANGE(9000, 70);
	uint8_t token[ROD_TOKEN_LEN];

	/* 30 blocks of the first range are left, 40 of the second follow. */
	CU_ASSERT(take_token(b.in, 0, 1, from, 2, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 34, &to, 1));
	CU_ASSERT(file_is(b.dst, 9000 * 512, 30 * 512, 2034 * 512, 1));
	CU_ASSERT(file_is(b.dst, 9030 * 512, 40 * 512, 1000 * 512, 1));
	CU_ASSERT(file_is(b.dst, 9070 * 512, 512, 9070 * 512, 2));
	CU_ASSERT(file_is(b.dst, 8999 * 512, 512, 8999 * 512, 2));
	bench_done(&b);
}

static void chain_of_writes(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range from = RANGE(0, 32768);
	uint8_t token[ROD_TOKEN_LEN];

	/* One token, 64 WUTs, as Windows' chain. */
	CU_ASSERT(take_token(b.in, 0, 0, &from, 1, token));
	for (uint32_t i = 0; i < 64; i++) {
		struct tpc_range to = RANGE(50000 + 512 * i, 512);

		CHECK_GOOD(wut(b.in, 1, 1 + i, token, 512 * i, &to, 1));
	}
	check_island(b.dst, 50000 * 512, 16 * MIB, 0, 1, 2);
	bench_done(&b);
}

/* ---- block sizes ---- */

static void from_512_to_4096(void)
{
	struct bench b = bench_start(SIZE, "", ",block-size=4096");
	struct tpc_range from = RANGE(13, 4096), to = RANGE(1000, 512);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, &to, 1));
	CU_ASSERT(rrti_is(b.in, 1, 2, 0x11, TPC_DONE, 512));
	check_island(b.dst, 1000 * 4096, 2 * MIB, 13 * 512, 1, 2);
	bench_done(&b);
}

static void from_4096_to_512(void)
{
	struct bench b = bench_start(SIZE, ",block-size=4096", "");
	struct tpc_range from = RANGE(7, 512), to = RANGE(3001, 4000);
	uint8_t token[ROD_TOKEN_LEN];

	/* OFFSET INTO ROD counts blocks of the destination: 96 of 512 bytes. */
	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 96, &to, 1));
	check_island(b.dst, 3001 * 512, 4000 * 512, 7 * 4096 + 96 * 512, 1, 2);
	to = RANGE(3001, 1);
	CHECK_GOOD(wut(b.in, 1, 2, token, 4095, &to, 1));
	CHECK_ILLEGAL(wut(b.in, 1, 2, token, 4096, &to, 1), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	bench_done(&b);
}

/* wire-format 7.8: 67 blocks of 512 bytes into blocks of 4096. */
static void zero_filled_tail(void)
{
	struct bench b = bench_start(SIZE, "", ",block-size=4096");
	struct tpc_range from[] = { { 15, 6 }, { 40, 61 } };
	struct tpc_range one = RANGE(100, 1), nine = RANGE(200, 9), ten = RANGE(300, 10);
	uint8_t token[ROD_TOKEN_LEN];
	struct answer a;

	CU_ASSERT(take_token(b.in, 0, 1, from, 2, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, &one, 1));
	CU_ASSERT(file_is(b.dst, 100 * 4096, 6 * 512, 15 * 512, 1));
	CU_ASSERT(file_is(b.dst, 100 * 4096 + 6 * 512, 2 * 512, 40 * 512, 1));
	/* Offset 1 is byte 4096: source LBA 42. */
	CHECK_GOOD(wut(b.in, 1, 3, token, 1, &one, 1));
	CU_ASSERT(file_is(b.dst, 100 * 4096, 4096, 42 * 512, 1));
	/* All of it: the ninth block has 1536 bytes of data, then zeros, and counts. */
	CHECK_GOOD(wut(b.in, 1, 4, token, 0, &nine, 1));
	CU_ASSERT(rrti_is(b.in, 1, 4, 0x11, TPC_DONE, 9));
	CU_ASSERT(file_is(b.dst, 200 * 4096, 6 * 512, 15 * 512, 1));
	CU_ASSERT(file_is(b.dst, 200 * 4096 + 6 * 512, 61 * 512, 40 * 512, 1));
	CU_ASSERT(file_is_zero(b.dst, 208 * 4096 + 1536, 4096 - 1536));
	CU_ASSERT(file_is(b.dst, 209 * 4096, 4096, 209 * 4096, 2));
	/* One more than there is. */
	a = wut(b.in, 1, 5, token, 0, &ten, 1);
	CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(answer_info("ten blocks", a, 9));
	CU_ASSERT(rrti_is(b.in, 1, 5, 0x11, TPC_PARTIAL, 9));
	CU_ASSERT(file_is_zero(b.dst, 308 * 4096 + 1536, 4096 - 1536));
	CU_ASSERT(file_is(b.dst, 309 * 4096, 4096, 309 * 4096, 2));
	/* The ninth alone; then nothing is left. */
	CHECK_GOOD(wut(b.in, 1, 6, token, 8, &one, 1));
	CHECK_ILLEGAL(wut(b.in, 1, 7, token, 9, &one, 1), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	bench_done(&b);
}

/* ---- special sources ---- */

static void sparse_source(void)
{
	const char *src = make_file("sparse", SIZE), *dst = make_filled("dst", SIZE, 2);
	struct odxd *o = ODXD("--lun", src, "--lun", dst);
	struct initiator *in = login_clear(o, 2);
	struct tpc_range r = RANGE(0, 32768);
	uint8_t token[ROD_TOKEN_LEN];
	struct stat st;

	/* Data at 1 MiB, 5 MiB and the end of 16 MiB; holes elsewhere. */
	CU_ASSERT(write_pattern(in, 0, 512, MIB, 512, MIB, 1));
	CU_ASSERT(write_pattern(in, 0, 512, 5 * MIB, MIB, 5 * MIB, 1));
	CU_ASSERT(write_pattern(in, 0, 512, 16 * MIB - 512, 512, 16 * MIB - 512, 1));
	CU_ASSERT(take_token(in, 0, 1, &r, 1, token));
	CHECK_GOOD(wut(in, 1, 2, token, 0, &r, 1));
	/* Holes are zeros, over what the destination held. */
	CU_ASSERT(file_is_zero(dst, 0, MIB));
	CU_ASSERT(file_is(dst, MIB, 512, MIB, 1));
	CU_ASSERT(file_is_zero(dst, MIB + 512, 4 * MIB - 512));
	CU_ASSERT(file_is(dst, 5 * MIB, MIB, 5 * MIB, 1));
	CU_ASSERT(file_is_zero(dst, 6 * MIB, 10 * MIB - 512));
	CU_ASSERT(file_is(dst, 16 * MIB - 512, 512, 16 * MIB - 512, 1));
	CU_ASSERT(file_is(dst, 16 * MIB, SIZE - 16 * MIB, 16 * MIB, 2));
	initiator_close(in);
	odxd_stop(o);
	/* And holes again: space was given back. */
	CU_ASSERT_EQUAL(stat(dst, &st), 0);
	CU_ASSERT((uint64_t)st.st_blocks * 512 < SIZE - 12 * MIB);
}

static void memory_to_file(void)
{
	const char *dst = make_filled("dst", SIZE, 2);
	struct odxd *o = ODXD("--lun", "mem:m,size=64M", "--lun", dst);
	struct initiator *in = login_clear(o, 2);
	struct tpc_range r = RANGE(11, 8192);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(write_pattern(in, 0, 512, 0, 8 * MIB, 0, 1));
	CU_ASSERT(take_token(in, 0, 1, &r, 1, token));
	CHECK_GOOD(wut(in, 1, 2, token, 0, &r, 1));
	check_island(dst, 11 * 512, 4 * MIB, 11 * 512, 1, 2);
	initiator_close(in);
	odxd_stop(o);
}

static void survives_restart(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range r = RANGE(0, 8192);
	uint8_t token[ROD_TOKEN_LEN];
	struct odxd *o;
	struct initiator *in;

	CU_ASSERT(take_token(b.in, 0, 1, &r, 1, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, &r, 1));
	bench_done(&b);
	o = ODXD("--lun", b.src, "--lun", b.dst);
	in = login_clear(o, 2);
	CU_ASSERT(lun_is(in, 1, 512, 0, 4 * MIB, 0, 1));
	/* Tokens die at power loss. */
	CHECK_ILLEGAL(wut(in, 1, 2, token, 0, &r, 1), ASC_TOKEN_UNKNOWN);
	initiator_close(in);
	odxd_stop(o);
}

/* ---- copies at once ---- */

struct copier {
	pthread_t thread;
	struct initiator *in;
	unsigned n;
	bool ok;
};

/* Each its own 4 MiB to its own place, in 16 WUTs, four rounds. */
static void *copier_main(void *arg)
{
	struct copier *c = arg;
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range from = RANGE(c->n * 8192, 8192);

	c->ok = true;
	for (uint32_t round = 0; round < 4; round++) {
		struct rrti q;

		c->ok = c->ok && answer_good("PT", pt(c->in, 0, round, &from, 1));
		rrti(c->in, 0, round, RRTI_ALL, &q);
		c->ok = c->ok && answer_good("RRTI", q.answer) && q.r.token;
		if (!c->ok)
			return NULL;
		memcpy(token, q.r.token, ROD_TOKEN_LEN);
		for (uint32_t i = 0; i < 16; i++) {
			struct tpc_range to = RANGE(65536 + c->n * 10000 + i * 512, 512);

			c->ok = c->ok &&
				answer_good("WUT", wut(c->in, 1, i, token, 512 * i, &to, 1));
		}
	}
	return NULL;
}

static void four_sessions(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct copier c[4] = { { .n = 0 } };

	for (unsigned i = 0; i < 4; i++) {
		c[i].n = i;
		c[i].in = login_clear(b.o, 2);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&c[i].thread, NULL, copier_main, &c[i]);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(c[i].thread, NULL);
		CU_ASSERT(c[i].ok);
		initiator_close(c[i].in);
	}
	CU_ASSERT(file_is(b.dst, 0, 65536 * 512, 0, 2));
	for (unsigned i = 0; i < 4; i++) {
		uint64_t at = (65536 + i * 10000ull) * 512, end = at + 4 * MIB;

		CU_ASSERT(file_is(b.dst, at, 4 * MIB, i * 4 * MIB, 1));
		CU_ASSERT(file_is(b.dst, end, 512 * (10000 - 8192), end, 2));
	}
	CU_ASSERT(file_is(b.src, 0, SIZE, 0, 1));
	bench_done(&b);
}

static void many_in_flight_on_one_session(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range from = RANGE(0, 32768);
	uint8_t token[ROD_TOKEN_LEN];
	struct initiator_cmd cmd[16];
	static uint8_t lists[16][TPC_WUT_HEADER + TPC_RANGE_LEN];

	CU_ASSERT(take_token(b.in, 0, 99, &from, 1, token));
	for (uint32_t i = 0; i < 16; i++) {
		struct tpc_range to = RANGE(60000 + i * 2048, 2048);
		struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
				      .list_id = i,
				      .len = sizeof(lists[i]) };

		tpc_wut_encode(lists[i], sizeof(lists[i]), false, false, i * 2048, token, &to, 1);
		cmd[i] = initiator_cmd(&c, lists[i], sizeof(lists[i]));
		initiator_submit(b.in, 1, &cmd[i]);
	}
	for (unsigned i = 0; i < 16; i++) {
		initiator_wait(b.in, &cmd[i]);
		CHECK_GOOD(answer_of(&cmd[i]));
	}
	check_island(b.dst, 60000 * 512, 16 * MIB, 0, 1, 2);
	bench_done(&b);
}

/* ---- honest counts ---- */

static void deadline_partial(void)
{
	/* 64 MiB at 8 MiB/s cannot be done in 700 ms. */
	struct bench b = bench_start(SIZE, "", ",fault=rate:8M,odx.deadline=700ms");
	struct tpc_range from = RANGE(0, 131072);
	uint8_t token[ROD_TOKEN_LEN];
	uint64_t done = 0, first = 0;
	unsigned rounds = 0;
	double start = seconds_now(), took;
	struct answer a;

	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	start = seconds_now();
	a = wut(b.in, 1, 2, token, 0, &from, 1);
	took = seconds_now() - start;
	CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(took < 6.0); /* all of it would be 8 s */
	CU_ASSERT(a.sense.flags & SENSE_INFO);
	first = a.sense.info;
	CU_ASSERT(first > 0 && first < 131072);
	CU_ASSERT(rrti_is(b.in, 1, 2, 0x11, TPC_PARTIAL, first));
	/* The leading blocks are written, exactly so many. */
	CU_ASSERT(file_is(b.dst, 0, first * 512, 0, 1));
	CU_ASSERT(file_is(b.dst, first * 512, SIZE - first * 512, first * 512, 2));
	/* From there on it goes on, to 16 MiB. */
	for (done = first; done < 32768 && rounds < 20; rounds++) {
		struct tpc_range rest = RANGE(done, (uint32_t)(32768 - done));

		a = wut(b.in, 1, 3 + rounds, token, done, &rest, 1);
		if (a.status == SAM_GOOD) {
			done = 32768;
			break;
		}
		CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
		done += a.sense.info;
	}
	CU_ASSERT_EQUAL(done, 32768);
	check_island(b.dst, 0, 16 * MIB, 0, 1, 2);
	bench_done(&b);
}

/* 12 MiB at 8 MiB/s, in as many WUTs as the deadline makes of it. */
static void rate_is_kept(void)
{
	const char *dst = make_filled("dst", SIZE, 2), *src = make_filled("src", SIZE, 1);
	char text[1024];
	struct odxd *o;
	struct initiator *in;
	struct tpc_range from = RANGE(0, 24576);
	uint8_t token[ROD_TOKEN_LEN];
	uint64_t done = 0;
	unsigned rounds = 0;
	double took;

	snprintf(text, sizeof(text),
		 "target \"" ODXD_IQN "\" {\n"
		 "	copy { rate = 8M }\n"
		 "	lun 0 { path = \"%s\" }\n"
		 "	lun 1 { path = \"%s\" odx { deadline = 700ms } }\n"
		 "}\n",
		 src, dst);
	o = ODXD("--config", make_text("rate.conf", text));
	in = login_clear(o, 2);
	CU_ASSERT(take_token(in, 0, 1, &from, 1, token));
	took = seconds_now();
	while (done < 24576 && rounds < 40) {
		struct tpc_range rest = RANGE(done, (uint32_t)(24576 - done));
		struct answer a = wut(in, 1, 3 + rounds++, token, done, &rest, 1);

		if (a.status == SAM_GOOD) {
			done = 24576;
			break;
		}
		CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
		CU_ASSERT(a.sense.info > 0 && a.sense.info <= 24576 - done);
		done += a.sense.info;
		CU_ASSERT(file_is(dst, 0, done * 512, 0, 1));
	}
	took = seconds_now() - took;
	printf("  (%.2f s, %u commands)\n", took, rounds);
	CU_ASSERT_EQUAL(done, 24576);
	CU_ASSERT(rounds > 1);
	CU_ASSERT(took > 1.3); /* 1.5 s, but for a chunk and what may be caught up on */
	CU_ASSERT(took < 15.0);
	check_island(dst, 0, 12 * MIB, 0, 1, 2);
	initiator_close(in);
	odxd_stop(o);
}

static void deadline_without_progress(void)
{
	/* Not one block in time: 5/0D/04 with 0, and nothing counts as written. */
	struct bench b = bench_start(SIZE, "", ",fault=write-delay:1500,odx.deadline=300ms");
	struct tpc_range r = RANGE(0, 64);
	uint8_t token[ROD_TOKEN_LEN];
	double start, took;
	struct answer a;

	CU_ASSERT(take_token(b.in, 0, 1, &r, 1, token));
	start = seconds_now();
	a = wut(b.in, 1, 2, token, 0, &r, 1);
	took = seconds_now() - start;
	printf("  (%.1f s)\n", took);
	/* What is under way may end first; then it is all there, and GOOD. */
	if (a.status == SAM_GOOD) {
		CU_ASSERT(file_is(b.dst, 0, 64 * 512, 0, 1));
	} else {
		CHECK_SENSE(a, KEY_ILLEGAL_REQUEST, ASC_COPY_TARGET_DATA_UNDERRUN);
		CU_ASSERT(answer_info("WUT", a, 0));
		CU_ASSERT(rrti_is(b.in, 1, 2, 0x11, TPC_PARTIAL, 0));
	}
	CU_ASSERT(took < 6.0);
	bench_done(&b);
}

/*
 * A WUT of 16 MiB meets an error at byte 8 MiB of one side.  What leads is counted
 * and there, nothing past the request is touched; going on from there meets the
 * cause itself, in sense and RRTI.
 */
static void check_failed_copy(struct bench *b, const uint8_t *token, unsigned asc)
{
	struct tpc_range all = RANGE(0, 32768), rest;
	struct answer a = wut(b->in, 1, 2, token, 0, &all, 1);
	uint64_t count = a.sense.info;

	CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(count > 0 && count <= 16384);
	CU_ASSERT(rrti_is(b->in, 1, 2, 0x11, TPC_PARTIAL, count));
	CU_ASSERT(file_is(b->dst, 0, count * 512, 0, 1));
	CU_ASSERT(file_is(b->dst, 16 * MIB, SIZE - 16 * MIB, 16 * MIB, 2));
	/* Up to the bad block it can still get on in small steps. */
	while (count < 16384) {
		rest = RANGE(count, 8);
		if (!answer_good("WUT", wut(b->in, 1, 3, token, count, &rest, 1)))
			break;
		count += 8;
	}
	CU_ASSERT_EQUAL(count, 16384);
	rest = RANGE(16384, 16384);
	CHECK_SENSE(wut(b->in, 1, 4, token, 16384, &rest, 1), KEY_MEDIUM_ERROR, asc);
	CU_ASSERT(rrti_is(b->in, 1, 4, 0x11, TPC_FAILED, 0));
	CU_ASSERT(rrti_sense_is(b->in, 1, 4, KEY_MEDIUM_ERROR, asc));
}

static void write_error_in_mid_copy(void)
{
	struct bench b = bench_start(SIZE, "", ",fault=write-error:8M:4K");
	struct tpc_range from = RANGE(0, 32768);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	check_failed_copy(&b, token, ASC_WRITE_ERROR);
	bench_done(&b);
}

static void read_error_in_mid_copy(void)
{
	struct bench b = bench_start(SIZE, ",fault=read-error:8M:4K", "");
	struct tpc_range from = RANGE(0, 32768);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	check_failed_copy(&b, token, ASC_UNRECOVERED_READ_ERROR);
	bench_done(&b);
}

static void out_of_space(void)
{
	/* decisions.md 8: a count if anything was written, else B/55/03. */
	struct bench b = bench_start(SIZE, "", ",fault=enospc:4M");
	struct tpc_range from = RANGE(0, 32768), next = RANGE(0, 64);
	uint8_t token[ROD_TOKEN_LEN], block[512] = { 0 };
	struct answer a;

	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	a = wut(b.in, 1, 2, token, 0, &from, 1);
	CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(a.sense.info > 0 && a.sense.info <= 8192);
	CU_ASSERT(rrti_is(b.in, 1, 2, 0x11, TPC_PARTIAL, a.sense.info));
	CU_ASSERT(file_is(b.dst, 0, a.sense.info * 512, 0, 1));
	CHECK_SENSE(wut(b.in, 1, 3, token, 0, &next, 1), KEY_ABORTED_COMMAND,
		    ASC_INSUFFICIENT_RESOURCES);
	CU_ASSERT(rrti_is(b.in, 1, 3, 0x11, TPC_FAILED, 0));
	CHECK_SENSE(media(b.in, 1, CMD_WRITE_16, 0, 1, block, 512), KEY_DATA_PROTECT,
		    ASC_SPACE_ALLOCATION_FAILED);
	bench_done(&b);
}

static void short_and_again(void)
{
	struct bench b = bench_start(SIZE, ",fault=short:3+again:5", ",fault=short:2+again:3");
	struct tpc_range from = RANGE(3, 32768), to = RANGE(50000, 32768);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, &to, 1));
	check_island(b.dst, 50000 * 512, 16 * MIB, 3 * 512, 1, 2);
	bench_done(&b);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "within one LUN", within_one_lun },
		{ "between LUNs, at odd places", between_luns },
		{ "between O_DIRECT LUNs, at odd places", direct_luns },
		{ "a destination inside the source: all of it or 5/23/08",
		  overlapping_source_and_destination },
		{ "64 out-of-order ranges on both sides", out_of_order_ranges },
		{ "source and destination ranges cut differently", ranges_of_unlike_lengths },
		{ "an offset in the middle of a range of the token", offset_inside_the_token },
		{ "one token, a chain of 64 WUTs", chain_of_writes },
		{ "512-byte source, 4096-byte destination", from_512_to_4096 },
		{ "4096-byte source, 512-byte destination", from_4096_to_512 },
		{ "7.8: a rod that ends inside a destination block", zero_filled_tail },
		{ "holes of a sparse source become zeros", sparse_source },
		{ "memory to file", memory_to_file },
		{ "what was copied is there after a restart, tokens are not", survives_restart },
		{ "four sessions at once", four_sessions },
		{ "16 WUTs in flight on one session", many_in_flight_on_one_session },
		{ "at the deadline: A/0D/04, an exact count, and it can go on", deadline_partial },
		{ "copy.rate is kept, with honest counts at the deadline", rate_is_kept },
		{ "at the deadline without progress: 5/0D/04 and 0", deadline_without_progress },
		{ "a write error in mid copy: honest count, then 3/0C/00 and 02h",
		  write_error_in_mid_copy },
		{ "a read error in mid copy: honest count, then 3/11/00 and 02h",
		  read_error_in_mid_copy },
		{ "out of space: a count, then B/55/03; a WRITE gets 7/27/07", out_of_space },
		{ "short transfers and EAGAIN in mid copy are resumed", short_and_again },
		TEST_END
	};

	return test_main(argc, argv, "e2e-copy", tests);
}
