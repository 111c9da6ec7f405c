/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The negative checks of our protocol notes (wire-format 9.2), row by row, over
 * iSCSI: parameter lists of POPULATE TOKEN and WRITE USING TOKEN, RECEIVE ROD
 * TOKEN INFORMATION, list identifiers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define SIZE   (16 * MIB)
#define BLOCKS (SIZE / 512)

/* The lists of wire-format 2.2 and 9.3: two ranges, 192 blocks; and their WUT. */
static const struct tpc_range two[] = { { 0x1000, 128 }, { 0x4000, 64 } };
static const struct tpc_range all192[] = { { 0x2000, 192 } };

#define PT_LEN	(TPC_PT_HEADER + 2 * TPC_RANGE_LEN)
#define WUT_LEN (TPC_WUT_HEADER + TPC_RANGE_LEN)

static void pt_list(uint8_t list[PT_LEN])
{
	tpc_pt_encode(list, PT_LEN, false, false, 300, 0, two, 2);
}

/* 192 blocks of LUN 0 as a token, under list identifier 1. */
static void token_192(struct bench *b, uint8_t token[ROD_TOKEN_LEN])
{
	CU_ASSERT(take_token(b->in, 0, 1, two, 2, token));
}

/* LUN 1 has not been touched. */
static void check_untouched(struct bench *b)
{
	CU_ASSERT(file_is(b->dst, 0, SIZE, 0, 2));
}

/* 192 blocks went to LUN 1's block 2000h, from the two ranges; its surroundings stand. */
static void check_192(struct bench *b)
{
	uint64_t at = 0x2000 * 512;

	CU_ASSERT(file_is(b->dst, 0, at, 0, 2));
	CU_ASSERT(file_is(b->dst, at, 128 * 512, 0x1000 * 512, 1));
	CU_ASSERT(file_is(b->dst, at + 128 * 512, 64 * 512, 0x4000 * 512, 1));
	CU_ASSERT(file_is(b->dst, at + 192 * 512, SIZE - at - 192 * 512, at + 192 * 512, 2));
}

#define WUT_192(b, t, off) wut((b)->in, 1, 77, t, off, all192, 1)

/* ---- the lists ---- */

static void row1_data_length(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t list[PT_LEN], wl[WUT_LEN], token[ROD_TOKEN_LEN];
	struct answer a;

	pt_list(list);
	put_be16(list, 0x1d);
	a = send_list(b.in, 0, CMD_POPULATE_TOKEN, 1, list, PT_LEN);
	CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CU_ASSERT(answer_pl_ptr("PT DATA LENGTH", a, 0));
	token_192(&b, token);
	tpc_wut_encode(wl, WUT_LEN, false, false, 0, token, all192, 1);
	put_be16(wl, 0x225);
	a = send_list(b.in, 1, CMD_WRITE_USING_TOKEN, 2, wl, WUT_LEN);
	CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CU_ASSERT(answer_pl_ptr("WUT DATA LENGTH", a, 0));
	/* Not descriptor length + 534. */
	put_be16(wl, 0x236);
	a = send_list(b.in, 1, CMD_WRITE_USING_TOKEN, 2, wl, WUT_LEN);
	CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CU_ASSERT(answer_pl_ptr("WUT DATA LENGTH", a, 0));
	check_untouched(&b);
	bench_done(&b);
}

static void row2_range_length(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t list[PT_LEN], wl[WUT_LEN], token[ROD_TOKEN_LEN];

	token_192(&b, token);
	for (unsigned n = 0; n <= 15; n += 15) {
		struct answer a;

		pt_list(list);
		put_be16(list + 14, (uint16_t)n);
		a = send_list(b.in, 0, CMD_POPULATE_TOKEN, 2, list, PT_LEN);
		CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_PARAMETER_LIST);
		CU_ASSERT(answer_pl_ptr("PT range length", a, 14));
		tpc_wut_encode(wl, WUT_LEN, false, false, 0, token, all192, 1);
		put_be16(wl + 534, (uint16_t)n);
		a = send_list(b.in, 1, CMD_WRITE_USING_TOKEN, 3, wl, WUT_LEN);
		CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	}
	check_untouched(&b);
	bench_done(&b);
}

static void row3_fragment(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t list[PT_LEN];

	pt_list(list);
	put_be16(list + 14, 31); /* one descriptor and 15 bytes */
	CHECK_GOOD(send_list(b.in, 0, CMD_POPULATE_TOKEN, 1, list, PT_LEN));
	CU_ASSERT(rrti_is(b.in, 0, 1, 0x10, TPC_DONE, 128));
	/* Cut off by the PARAMETER LIST LENGTH instead. */
	pt_list(list);
	CHECK_GOOD(send_list(b.in, 0, CMD_POPULATE_TOKEN, 2, list, PT_LEN - 1));
	CU_ASSERT(rrti_is(b.in, 0, 2, 0x10, TPC_DONE, 128));
	bench_done(&b);
}

static void row4_too_many_ranges(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range r[65];
	uint8_t token[ROD_TOKEN_LEN];

	for (unsigned i = 0; i < 65; i++)
		r[i] = RANGE(i * 10, 1);
	CHECK_GOOD(pt(b.in, 0, 1, r, 64));
	CU_ASSERT(rrti_is(b.in, 0, 1, 0x10, TPC_DONE, 64));
	CHECK_ILLEGAL(pt(b.in, 0, 2, r, 65), ASC_TOO_MANY_SEGMENT_DESCRIPTORS);
	CU_ASSERT(take_token(b.in, 0, 3, r, 64, token));
	CHECK_ILLEGAL(wut(b.in, 1, 4, token, 0, r, 65), ASC_TOO_MANY_SEGMENT_DESCRIPTORS);
	check_untouched(&b);
	CHECK_GOOD(wut(b.in, 1, 5, token, 0, r, 64));
	bench_done(&b);
}

static void row5_overlap(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range r[] = { { 500, 10 }, { 100, 8 }, { 509, 1 } };
	uint8_t token[ROD_TOKEN_LEN];

	CHECK_ILLEGAL(pt(b.in, 0, 1, r, 3), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	token_192(&b, token);
	CHECK_ILLEGAL(wut(b.in, 1, 2, token, 0, r, 3), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	check_untouched(&b);
	bench_done(&b);
}

static void row6_adjacent_and_empty(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range r[] = { { 510, 10 }, { 500, 10 }, { 505, 0 }, { 100, 8 } };
	struct tpc_range none[] = { { 7, 0 }, { 9, 0 } };
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 1, r, 4, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, r, 4));
	/* Descriptor order, not LBA order. */
	CU_ASSERT(file_is(b.dst, 510 * 512, 10 * 512, 510 * 512, 1));
	CU_ASSERT(file_is(b.dst, 500 * 512, 10 * 512, 500 * 512, 1));
	CU_ASSERT(file_is(b.dst, 100 * 512, 8 * 512, 100 * 512, 1));
	CU_ASSERT(file_is(b.dst, 108 * 512, 512, 108 * 512, 2));
	/* Nothing at all: no error, no blocks. */
	CHECK_GOOD(wut(b.in, 1, 3, token, 0, none, 2));
	CHECK_GOOD(pt(b.in, 0, 4, none, 2));
	bench_done(&b);
}

static void row7_past_the_end(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range past[] = { { BLOCKS - 1, 2 } }, far[] = { { UINT64_MAX, 1 } };
	struct tpc_range last[] = { { BLOCKS - 1, 1 } };
	uint8_t token[ROD_TOKEN_LEN];
	struct answer a = pt(b.in, 0, 1, past, 1);

	CHECK_ILLEGAL(a, ASC_LBA_OUT_OF_RANGE);
	CU_ASSERT(answer_info("PT", a, BLOCKS));
	CHECK_ILLEGAL(pt(b.in, 0, 1, far, 1), ASC_LBA_OUT_OF_RANGE);
	CHECK_GOOD(pt(b.in, 0, 1, last, 1));
	token_192(&b, token);
	a = wut(b.in, 1, 2, token, 0, past, 1);
	CHECK_ILLEGAL(a, ASC_LBA_OUT_OF_RANGE);
	CU_ASSERT(answer_info("WUT", a, BLOCKS));
	CHECK_ILLEGAL(wut(b.in, 1, 2, token, 0, far, 1), ASC_LBA_OUT_OF_RANGE);
	check_untouched(&b);
	bench_done(&b);
}

static void row8_timeout(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct answer a = pt_timeout(b.in, 0, 1, 601, two, 2);

	CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CU_ASSERT(answer_pl_ptr("timeout", a, 4));
	CHECK_GOOD(pt_timeout(b.in, 0, 1, 600, two, 2));
	CHECK_GOOD(pt_timeout(b.in, 0, 1, 0, two, 2));
	CU_ASSERT(rrti_is(b.in, 0, 1, 0x10, TPC_DONE, 192));
	bench_done(&b);
}

static struct answer pt_type(struct bench *b, bool rtv, uint32_t type)
{
	uint8_t list[PT_LEN];

	tpc_pt_encode(list, PT_LEN, false, rtv, 0, type, two, 2);
	return send_list(b->in, 0, CMD_POPULATE_TOKEN, 1, list, PT_LEN);
}

static void row9_rod_type(void)
{
	static const struct {
		const char *option;
		uint32_t bad[6], good[2];
	} cases[] = {
		{ "",
		  { ROD_TYPE_AUR, ROD_TYPE_ZERO, 0, 0x12345678, ROD_TYPE_PIT_CHANGE_VULNERABLE },
		  { ROD_TYPE_PIT_DEFAULT, ROD_TYPE_PIT_PERSISTENT } },
		{ ",point-in-time=cancel",
		  { ROD_TYPE_AUR, ROD_TYPE_ZERO, 0, 0x12345678, ROD_TYPE_PIT_PERSISTENT,
		    ROD_TYPE_PIT_DEFAULT },
		  { ROD_TYPE_PIT_CHANGE_VULNERABLE, ROD_TYPE_PIT_ANY } },
	};

	for (unsigned k = 0; k < 2; k++) {
		struct bench b = bench_start(SIZE, cases[k].option, "");

		for (unsigned i = 0; i < 6; i++) {
			struct answer a = pt_type(&b, true, cases[k].bad[i]);

			CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_PARAMETER_LIST);
			CU_ASSERT(answer_pl_ptr("ROD TYPE", a, 8));
		}
		CHECK_GOOD(pt_type(&b, false, 0xdeadbeef));
		CHECK_GOOD(pt_type(&b, true, cases[k].good[0]));
		CHECK_GOOD(pt_type(&b, true, cases[k].good[1]));
		CHECK_GOOD(pt_type(&b, true, ROD_TYPE_PIT_ANY));
		bench_done(&b);
	}
}

static void row10_sum_above_limit(void)
{
	struct bench b = bench_start(SIZE, ",odx.max-token=1M,odx.optimal=1M",
				     ",odx.max-token=1M,odx.optimal=1M");
	struct tpc_range at[] = { { 0, 1024 }, { 4096, 1024 } };
	struct tpc_range above[] = { { 0, 1024 }, { 4096, 1025 } };
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 1, at, 2, token));
	CHECK_ILLEGAL(pt(b.in, 0, 2, above, 2), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CHECK_ILLEGAL(wut(b.in, 1, 3, token, 0, above, 2), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	check_untouched(&b);
	CHECK_GOOD(wut(b.in, 1, 4, token, 0, at, 2));
	bench_done(&b);
}

static void row11_list_length(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t list[PT_LEN], wl[WUT_LEN], token[ROD_TOKEN_LEN];
	struct rrti q;
	static const size_t pt_short[] = { 1, 15, 16, 31 };
	static const size_t wut_short[] = { 1, 16, 535, 551 };

	CHECK_GOOD(send_list(b.in, 0, CMD_POPULATE_TOKEN, 9, NULL, 0));
	rrti(b.in, 0, 9, RRTI_ALL, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT(answer_cdb_ptr("unknown list identifier", q.answer, 2));
	CHECK_GOOD(send_list(b.in, 1, CMD_WRITE_USING_TOKEN, 9, NULL, 0));
	rrti(b.in, 1, 9, RRTI_ALL, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	pt_list(list);
	for (unsigned i = 0; i < 4; i++)
		CHECK_ILLEGAL(send_list(b.in, 0, CMD_POPULATE_TOKEN, 9, list, pt_short[i]),
			      ASC_PARAMETER_LIST_LENGTH_ERROR);
	token_192(&b, token);
	tpc_wut_encode(wl, WUT_LEN, false, false, 0, token, all192, 1);
	for (unsigned i = 0; i < 4; i++)
		CHECK_ILLEGAL(send_list(b.in, 1, CMD_WRITE_USING_TOKEN, 9, wl, wut_short[i]),
			      ASC_PARAMETER_LIST_LENGTH_ERROR);
	check_untouched(&b);
	bench_done(&b);
}

/* ---- list identifiers and results ---- */

static void row12_same_list_id(void)
{
	/* 4 MiB at 2 MiB/s: two seconds to get a word in. */
	struct odxd *o = ODXD("--lun", "mem:a,size=16M", "--lun",
			      "mem:b,size=16M,fault=rate:2M,odx.deadline=10s");
	struct initiator *in = login_clear(o, 2);
	struct tpc_range r = RANGE(0, 8192);
	uint8_t token[ROD_TOKEN_LEN], list[WUT_LEN];
	struct initiator_cmd slow;
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
			      .list_id = 5,
			      .len = WUT_LEN };
	struct rrti q;

	CU_ASSERT(write_pattern(in, 0, 512, 0, 4 * MIB, 0, 1));
	CU_ASSERT(take_token(in, 0, 1, &r, 1, token));
	tpc_wut_encode(list, WUT_LEN, false, false, 0, token, &r, 1);
	slow = initiator_cmd(&c, list, WUT_LEN);
	initiator_submit(in, 1, &slow);
	serve_for(in, 200);
	/* Unfinished: refused, and RRTI says that it runs in the foreground. */
	CHECK_ILLEGAL(wut(in, 1, 5, token, 0, &r, 1), ASC_OPERATION_IN_PROGRESS);
	rrti(in, 1, 5, RRTI_ALL, &q);
	CHECK_GOOD(q.answer);
	CU_ASSERT(q.r.status == TPC_FOREGROUND || q.r.status == TPC_IN_PROGRESS);
	CU_ASSERT(slow.busy);
	initiator_wait(in, &slow);
	CHECK_GOOD(answer_of(&slow));
	CU_ASSERT(rrti_is(in, 1, 5, 0x11, TPC_DONE, 8192));
	/* Finished: taken over, as a PT too. */
	r = RANGE(0, 64);
	CHECK_GOOD(pt(in, 1, 5, &r, 1));
	CU_ASSERT(rrti_is(in, 1, 5, 0x10, TPC_DONE, 64));
	initiator_close(in);
	odxd_stop(o);
}

static void row13_other_nexus_other_lun(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct initiator *other = login_clear(b.o, 2);
	uint8_t token[ROD_TOKEN_LEN];
	struct rrti q;

	token_192(&b, token);
	rrti(other, 0, 1, RRTI_ALL, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT(answer_cdb_ptr("other nexus", q.answer, 2));
	rrti(b.in, 1, 1, RRTI_ALL, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT(rrti_is(b.in, 0, 1, 0x10, TPC_DONE, 192));
	initiator_close(other);
	bench_done(&b);
}

static void row14_rrti_allocation(void)
{
	static const uint32_t lens[] = { 4, 36, 549, 550, 1024 };
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN];
	struct rrti q;

	token_192(&b, token);
	for (unsigned i = 0; i < 5; i++) {
		rrti(b.in, 0, 1, lens[i], &q);
		CHECK_GOOD(q.answer);
		CU_ASSERT_EQUAL(q.answer.in_len, lens[i] < 550 ? lens[i] : 550);
		CU_ASSERT_EQUAL(q.answer.residual, lens[i] < 550 ? 0 : lens[i] - 550);
		CU_ASSERT_EQUAL(get_be32(q.data), 0x222);
	}
	rrti(b.in, 0, 1, 0, &q);
	CHECK_GOOD(q.answer);
	rrti(b.in, 0, 1, 1024, &q);
	if (q.answer.status == SAM_GOOD)
		CU_ASSERT_EQUAL(q.r.descriptors_len, 0)
	else
		CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	/* The token itself is not concerned. */
	CHECK_GOOD(WUT_192(&b, token, 0));
	check_192(&b);
	bench_done(&b);
}

/* ---- tokens ---- */

static void row16_bit_flips(void)
{
	static const struct {
		unsigned byte;
		uint16_t asc, or_asc;
	} rows[] = {
		{ 7, ASC_TOKEN_LENGTH, ASC_TOKEN_LENGTH },
		{ 0, ASC_TOKEN_TYPE_UNSUPPORTED, ASC_TOKEN_TYPE_UNSUPPORTED },
		{ 8, ASC_TOKEN_UNKNOWN, ASC_TOKEN_UNKNOWN },
		{ 60, ASC_TOKEN_CORRUPT, ASC_TOKEN_UNKNOWN },
		{ 511, ASC_TOKEN_CORRUPT, ASC_TOKEN_UNKNOWN },
	};
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN];

	token_192(&b, token);
	for (unsigned i = 0; i < 5; i++) {
		struct answer a;

		token[rows[i].byte] ^= 1;
		a = WUT_192(&b, token, 0);
		token[rows[i].byte] ^= 1;
		CU_ASSERT_EQUAL(a.sense.key, KEY_ILLEGAL_REQUEST);
		if (sense_asc_ascq(a.sense) != rows[i].or_asc)
			CHECK_ILLEGAL(a, rows[i].asc);
		CU_ASSERT(answer_pl_ptr("ROD TOKEN", a, 16));
	}
	check_untouched(&b);
	bench_done(&b);
}

static void every_bit_flip(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN];
	unsigned wrong = 0;

	token_192(&b, token);
	for (unsigned bit = 0; bit < 8 * ROD_TOKEN_LEN; bit++) {
		struct answer a;

		token[bit / 8] ^= (uint8_t)(1 << bit % 8);
		a = WUT_192(&b, token, 0);
		token[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (a.status == SAM_CHECK_CONDITION && a.sense.key == KEY_ILLEGAL_REQUEST &&
		    a.sense.asc == 0x23)
			continue;
		printf("  bit %u of byte %u is not refused by 5/23/xx\n", bit % 8, bit / 8);
		wrong++;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	check_untouched(&b);
	CHECK_GOOD(WUT_192(&b, token, 0));
	check_192(&b);
	bench_done(&b);
}

static void row17_offset(void)
{
	static const uint64_t bad[] = { 192, 193, 1ull << 63, UINT64_MAX };
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range one = RANGE(0x2000, 1);
	uint8_t token[ROD_TOKEN_LEN];

	token_192(&b, token);
	for (unsigned i = 0; i < 4; i++) {
		struct answer a = wut(b.in, 1, 2, token, bad[i], &one, 1);

		CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_PARAMETER_LIST);
		CU_ASSERT(answer_pl_ptr("OFFSET INTO ROD", a, 8));
	}
	check_untouched(&b);
	CHECK_GOOD(wut(b.in, 1, 2, token, 191, &one, 1));
	CU_ASSERT(file_is(b.dst, 0x2000 * 512, 512, (0x4000 + 63) * 512, 1));
	bench_done(&b);
}

static void row18_longer_than_the_rod(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN];
	struct answer a;
	uint64_t at = 0x2000 * 512;

	token_192(&b, token);
	a = wut(b.in, 1, 2, token, 128, all192, 1);
	CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(answer_info("WUT", a, 64));
	CU_ASSERT(a.sense_len <= 18);
	CU_ASSERT(rrti_is(b.in, 1, 2, 0x11, TPC_PARTIAL, 64));
	CU_ASSERT(rrti_sense_is(b.in, 1, 2, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN));
	CU_ASSERT(file_is(b.dst, 0, at, 0, 2));
	CU_ASSERT(file_is(b.dst, at, 64 * 512, 0x4000 * 512, 1));
	CU_ASSERT(file_is(b.dst, at + 64 * 512, SIZE - at - 64 * 512, at + 64 * 512, 2));
	bench_done(&b);
}

static void row19_del_tkn(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN];

	token_192(&b, token);
	CHECK_GOOD(wut_del(b.in, 1, 2, token, 0, all192, 1));
	check_192(&b);
	CHECK_ILLEGAL(WUT_192(&b, token, 0), ASC_TOKEN_DELETED);
	bench_done(&b);
}

static void row21_zero_token(void)
{
	static const uint64_t offsets[] = { 0, 12345, 1ull << 62 };
	struct bench b = bench_start(SIZE, ",odx.max-token=1M,odx.optimal=1M",
				     ",odx.max-token=1M,odx.optimal=1M");
	struct tpc_range limit = RANGE(100, 2048), above = RANGE(100, 2049);
	uint8_t token[ROD_TOKEN_LEN];

	rod_token_encode_zero(token);
	for (unsigned i = 0; i < 3; i++) {
		struct tpc_range r = RANGE(10000 + 100 * i, 7);

		CHECK_GOOD(wut(b.in, 1, 2, token, offsets[i], &r, 1));
		CU_ASSERT(file_is_zero(b.dst, r.lba * 512, 7 * 512));
		CU_ASSERT(file_is(b.dst, (r.lba + 7) * 512, 512, (r.lba + 7) * 512, 2));
	}
	CHECK_ILLEGAL(wut(b.in, 1, 2, token, 0, &above, 1), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CU_ASSERT(file_is(b.dst, 0, 9000 * 512, 0, 2));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, &limit, 1));
	CU_ASSERT(rrti_is(b.in, 1, 2, 0x11, TPC_DONE, 2048));
	CU_ASSERT(file_is(b.dst, 0, 100 * 512, 0, 2));
	CU_ASSERT(file_is_zero(b.dst, 100 * 512, MIB));
	CU_ASSERT(file_is(b.dst, 2148 * 512, MIB, 2148 * 512, 2));
	bench_done(&b);
}

static void zero_token_rest_ignored(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct tpc_range r = RANGE(64, 64);
	uint8_t token[ROD_TOKEN_LEN];

	/* decisions.md 12: type and length count, nothing else; DEL_TKN has no effect. */
	rod_token_encode_zero(token);
	for (unsigned i = 8; i < ROD_TOKEN_LEN; i++)
		token[i] = (uint8_t)i;
	CHECK_GOOD(wut_del(b.in, 1, 2, token, 0, &r, 1));
	CHECK_GOOD(wut(b.in, 1, 3, token, 0, &r, 1));
	CU_ASSERT(file_is_zero(b.dst, 64 * 512, 64 * 512));
	token[7] ^= 1;
	CHECK_ILLEGAL(wut(b.in, 1, 4, token, 0, &r, 1), ASC_TOKEN_LENGTH);
	bench_done(&b);
}

static void row22_everywhere(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct initiator *other = login_clear(b.o, 2);
	struct tpc_range r = RANGE(0, 192);
	uint8_t token[ROD_TOKEN_LEN];

	token_192(&b, token);
	CHECK_GOOD(wut(other, 1, 1, token, 0, all192, 1));
	check_192(&b);
	CHECK_GOOD(wut(b.in, 0, 2, token, 0, &r, 1));
	CU_ASSERT(file_is(b.src, 0, 128 * 512, 0x1000 * 512, 1));
	/* After its maker's session is gone, too (decisions.md 10). */
	initiator_close(b.in);
	b.in = NULL;
	CHECK_GOOD(wut(other, 1, 3, token, 0, all192, 1));
	initiator_close(other);
	bench_done(&b);
}

static void vector_9_3(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r = RANGE(0x5000, 192);
	struct answer a;

	/* Offset 7, 192 asked for: 185 are there. */
	token_192(&b, token);
	a = wut(b.in, 1, 258, token, 7, &r, 1);
	CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(answer_info("WUT", a, 185));
	CU_ASSERT(file_is(b.dst, 0x5000 * 512, 121 * 512, (0x1000 + 7) * 512, 1));
	CU_ASSERT(file_is(b.dst, (0x5000 + 121) * 512, 64 * 512, 0x4000 * 512, 1));
	CU_ASSERT(file_is(b.dst, (0x5000 + 185) * 512, 512, (0x5000 + 185) * 512, 2));
	bench_done(&b);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "1: DATA LENGTH below its minimum or not matching is 5/26/00", row1_data_length },
		{ "2: RANGE DESCRIPTOR LENGTH 15 or 0 is 5/26/00", row2_range_length },
		{ "3: a fragment of a descriptor is ignored", row3_fragment },
		{ "4: 64 ranges are fine, 65 are 5/26/08", row4_too_many_ranges },
		{ "5: two ranges that share an LBA are 5/26/00", row5_overlap },
		{ "6: adjacent ranges and empty ones inside others are fine",
		  row6_adjacent_and_empty },
		{ "7: a range past the end is 5/21/00 with the first bad LBA", row7_past_the_end },
		{ "8: a timeout above the maximum is 5/26/00, 0 is the default", row8_timeout },
		{ "9: RTV=1 with a type that PT cannot make is 5/26/00", row9_rod_type },
		{ "10: a sum above MAXIMUM TOKEN TRANSFER SIZE is 5/26/00", row10_sum_above_limit },
		{ "11: list length 0 is GOOD and consumes nothing, too short is 5/1A/00",
		  row11_list_length },
		{ "12: a list identifier in use is 5/00/16, a finished one is taken over",
		  row12_same_list_id },
		{ "13: RRTI of another nexus or LUN is 5/24/00", row13_other_nexus_other_lun },
		{ "14: RRTI is cut at any allocation length, 0 drops the token data",
		  row14_rrti_allocation },
		{ "16: flipped bits give length, type, unknown, corrupt", row16_bit_flips },
		{ "16: every single-bit flip of a token is refused", every_bit_flip },
		{ "17: an offset at or past the end of the rod is 5/26/00", row17_offset },
		{ "18: a WUT longer than the rod writes what there is: A/0D/04",
		  row18_longer_than_the_rod },
		{ "19: after DEL_TKN the token is 5/23/09", row19_del_tkn },
		{ "21: the zero token at any offset, at the limit and above it", row21_zero_token },
		{ "21: of the zero token only type and length count", zero_token_rest_ignored },
		{ "22: a token works on other LUNs and nexuses", row22_everywhere },
		{ "9.3: the WUT with 7 blocks too many writes 185", vector_9_3 },
		TEST_END
	};

	return test_main(argc, argv, "e2e-token-rules", tests);
}
