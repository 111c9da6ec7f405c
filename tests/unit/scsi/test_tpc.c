/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "sample_lu.h"

#define CAPACITY 0x100000ull

static uint8_t list[TPC_WUT_HEADER + TPC_RANGE_LEN * (TPC_MAX_RANGES + 1)];
static uint8_t token[ROD_TOKEN_LEN];
static const struct tpc_range two[] = { { 0x1000, 0x80 }, { 0x4000, 0x40 } };

static size_t pt(const struct tpc_range *ranges, unsigned n)
{
	return tpc_pt_encode(list, sizeof(list), false, true, 300, ROD_TYPE_PIT_DEFAULT, ranges, n);
}

static size_t wut(const struct tpc_range *ranges, unsigned n)
{
	rod_token_encode_zero(token);
	return tpc_wut_encode(list, sizeof(list), false, true, 7, token, ranges, n);
}

/* The list in a block of exactly its size, so that ASan sees what is read past it. */
static struct sense pt_decode(size_t len, struct tpc_pt *ret)
{
	uint8_t *copy = malloc(len);
	struct sense s;

	memcpy(copy, list, len);
	s = tpc_pt_decode(copy, len, ret);
	free(copy);
	return s;
}

static struct sense wut_decode(size_t len, struct tpc_wut *ret)
{
	uint8_t *copy = malloc(len);
	struct sense s;

	memcpy(copy, list, len);
	s = tpc_wut_decode(copy, len, ret);
	free(copy);
	return s;
}

static void bad_field(struct sense s, unsigned byte)
{
	CU_ASSERT_EQUAL(s.key, KEY_ILLEGAL_REQUEST);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CU_ASSERT_TRUE(s.flags & SENSE_FIELD_PL);
	CU_ASSERT_EQUAL(s.field, byte);
}

static void is_short(struct sense s)
{
	CU_ASSERT_EQUAL(s.key, KEY_ILLEGAL_REQUEST);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_PARAMETER_LIST_LENGTH_ERROR);
}

static void pt_fields(void)
{
	size_t n = tpc_pt_encode(list, sizeof(list), true, false, 0x01020304, 0x05060708, two, 2);
	struct tpc_pt p;

	CU_ASSERT_EQUAL(n, 48);
	CU_ASSERT_TRUE(sense_is_good(tpc_pt_decode(list, n, &p)));
	CU_ASSERT_TRUE(p.immed && !p.rtv);
	CU_ASSERT_EQUAL(p.timeout, 0x01020304);
	CU_ASSERT_EQUAL(p.rod_type, 0x05060708);
	CU_ASSERT_EQUAL(p.ranges.n, 2);
	CU_ASSERT_EQUAL(p.ranges.pl_off, 16);
	CU_ASSERT_EQUAL(tpc_range_at(&p.ranges, 1).lba, 0x4000);
	CU_ASSERT_EQUAL(tpc_range_at(&p.ranges, 1).blocks, 0x40);
}

static void pt_lengths(void)
{
	struct tpc_pt p = { .timeout = 77 };
	size_t n = pt(two, 2);

	for (size_t len = 1; len < 16; len++)
		is_short(pt_decode(len, &p));
	for (size_t len = 16; len < 32; len++)
		is_short(pt_decode(len, &p)); /* 9.2: no complete range */
	CU_ASSERT_EQUAL(p.timeout, 77);
	CU_ASSERT_TRUE(sense_is_good(pt_decode(n - 1, &p)));
	CU_ASSERT_EQUAL(p.ranges.n, 1);
	put_be16(list, 0x1d);
	bad_field(pt_decode(n, &p), 0);
	put_be16(list, 0x1e); /* the list ends after one range */
	CU_ASSERT_TRUE(sense_is_good(pt_decode(n, &p)));
	CU_ASSERT_EQUAL(p.ranges.n, 1);
	put_be16(list, 0xffff); /* longer than what came: what came counts */
	CU_ASSERT_TRUE(sense_is_good(pt_decode(n, &p)));
	CU_ASSERT_EQUAL(p.ranges.n, 2);
}

static void pt_range_lengths(void)
{
	struct tpc_pt p;
	size_t n = pt(two, 2);

	put_be16(list + 14, 15);
	bad_field(pt_decode(n, &p), 14);
	put_be16(list + 14, 0);
	bad_field(pt_decode(n, &p), 14);
	put_be16(list + 14, 31);
	CU_ASSERT_TRUE(sense_is_good(pt_decode(n, &p)));
	CU_ASSERT_EQUAL(p.ranges.n, 1);
	put_be16(list + 14, 47); /* one full and a fragment came */
	CU_ASSERT_TRUE(sense_is_good(pt_decode(n - 1, &p)));
	CU_ASSERT_EQUAL(p.ranges.n, 1);
	put_be16(list + 14, 0xffff);
	CU_ASSERT_TRUE(sense_is_good(pt_decode(n, &p)));
	CU_ASSERT_EQUAL(p.ranges.n, 2);
}

static void wut_fields(void)
{
	struct tpc_wut p;
	size_t n = wut(two, 2);

	CU_ASSERT_EQUAL(n, 568);
	CU_ASSERT_TRUE(sense_is_good(tpc_wut_decode(list, n, &p)));
	CU_ASSERT_TRUE(p.del_tkn && !p.immed);
	CU_ASSERT_EQUAL(p.offset, 7);
	CHECK_BYTES(p.token, ROD_TOKEN_LEN, token, ROD_TOKEN_LEN);
	CU_ASSERT_EQUAL(p.ranges.n, 2);
	CU_ASSERT_EQUAL(p.ranges.pl_off, 536);
	CU_ASSERT_EQUAL(tpc_range_at(&p.ranges, 0).lba, 0x1000);
	list[2] = 0x01;
	CU_ASSERT_TRUE(sense_is_good(tpc_wut_decode(list, n, &p)));
	CU_ASSERT_TRUE(p.immed && !p.del_tkn);
}

static void wut_lengths(void)
{
	struct tpc_wut p = { .offset = 77 };
	size_t n = wut(two, 2);

	for (size_t len = 1; len < 552; len += 29)
		is_short(wut_decode(len, &p));
	is_short(wut_decode(551, &p));
	CU_ASSERT_EQUAL(p.offset, 77);
	CU_ASSERT_TRUE(sense_is_good(wut_decode(552, &p)));
	CU_ASSERT_EQUAL(p.ranges.n, 1);
	put_be16(list, 0x225);
	bad_field(wut_decode(n, &p), 0);
	put_be16(list, 0x226); /* does not fit the two ranges */
	bad_field(wut_decode(n, &p), 0);
	put_be16(list, 0x236);
	put_be16(list + 534, 0);
	bad_field(wut_decode(n, &p), 534);
	put_be16(list + 534, 15);
	bad_field(wut_decode(n, &p), 534);
	put_be16(list + 534, 31);
	CU_ASSERT_TRUE(sense_is_good(wut_decode(n, &p)));
	CU_ASSERT_EQUAL(p.ranges.n, 1);
	put_be16(list, 0x226);
	put_be16(list + 534, 47);
	CU_ASSERT_TRUE(sense_is_good(wut_decode(n, &p)));
	CU_ASSERT_EQUAL(p.ranges.n, 1);
	put_be16(list, 0xffff);
	put_be16(list + 534, 0xffff);
	CU_ASSERT_TRUE(sense_is_good(wut_decode(n, &p)));
	CU_ASSERT_EQUAL(p.ranges.n, 2);
}

/* Judges @ranges as those of a PT against the sample LU's limits. */
static struct sense judge(const struct tpc_range *ranges, unsigned n, uint64_t *ret_blocks)
{
	static struct tpc_range scratch[TPC_MAX_RANGES];
	struct lu_info lu = sample_lu();
	struct tpc_pt p;

	pt(ranges, n);
	CU_ASSERT_TRUE_FATAL(sense_is_good(tpc_pt_decode(list, 16 + 16 * n, &p)));
	return tpc_judge_ranges(&p.ranges, &lu.limits, lu.block_size, CAPACITY, scratch,
				ret_blocks);
}
#define JUDGE(...)                                                                           \
	judge((const struct tpc_range[]) { __VA_ARGS__ },                                    \
	      sizeof((const struct tpc_range[]) { __VA_ARGS__ }) / sizeof(struct tpc_range), \
	      &(uint64_t) { 0 })

static void sums(void)
{
	uint64_t blocks = 0;

	CU_ASSERT_TRUE(sense_is_good(judge(two, 2, &blocks)));
	CU_ASSERT_EQUAL(blocks, 192);
	CU_ASSERT_TRUE(
		sense_is_good(judge((struct tpc_range[]) { { 5, 0 }, { 5, 0 } }, 2, &blocks)));
	CU_ASSERT_EQUAL(blocks, 0);
}

static void count_limit(void)
{
	struct tpc_range r[65];
	uint64_t blocks = 99;
	struct sense s;

	for (unsigned i = 0; i < 65; i++)
		r[i] = (struct tpc_range) { 1000 - i * 2, 1 };
	CU_ASSERT_TRUE(sense_is_good(judge(r, 64, &blocks)));
	CU_ASSERT_EQUAL(blocks, 64);
	s = judge(r, 65, &blocks);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_TOO_MANY_SEGMENT_DESCRIPTORS);
	CU_ASSERT_EQUAL(s.field, 14);
	CU_ASSERT_EQUAL(blocks, 64);
}

static void count_limit_not_reported(void)
{
	static struct tpc_range scratch[TPC_MAX_RANGES];
	static const struct tpc_limits none;
	static uint8_t raw[TPC_RANGE_LEN * (TPC_MAX_RANGES + 1)];
	struct tpc_ranges r = { .raw = raw, .n = TPC_MAX_RANGES, .pl_off = 536 };
	uint64_t blocks;
	struct sense s;

	for (unsigned i = 0; i <= TPC_MAX_RANGES; i++) {
		put_be64(raw + i * TPC_RANGE_LEN, (uint64_t)(i * 7919 % TPC_MAX_RANGES) << 32);
		put_be32(raw + i * TPC_RANGE_LEN + 8, UINT32_MAX);
	}
	s = tpc_judge_ranges(&r, &none, 4096, UINT64_MAX, scratch, &blocks);
	CU_ASSERT_TRUE(sense_is_good(s));
	CU_ASSERT_EQUAL(blocks, (uint64_t)UINT32_MAX * TPC_MAX_RANGES);
	r.n++;
	s = tpc_judge_ranges(&r, &none, 4096, UINT64_MAX, scratch, &blocks);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_TOO_MANY_SEGMENT_DESCRIPTORS);
	CU_ASSERT_EQUAL(s.field, 534);
}

static void overlaps(void)
{
	bad_field(JUDGE({ 100, 10 }, { 109, 1 }), 32);
	bad_field(JUDGE({ 109, 5 }, { 100, 10 }), 32);
	bad_field(JUDGE({ 100, 10 }, { 0, 1 }, { 100, 10 }, { 500, 1 }), 48);
	bad_field(JUDGE({ 0, 1000 }, { 2000, 1 }, { 500, 1 }), 48);
	CU_ASSERT_TRUE(sense_is_good(JUDGE({ 100, 10 }, { 110, 10 }, { 90, 10 })));
	CU_ASSERT_TRUE(sense_is_good(JUDGE({ 100, 10 }, { 105, 0 })));
	CU_ASSERT_TRUE(sense_is_good(JUDGE({ 100, 0 }, { 100, 10 }, { 100, 0 })));
}

/* Against a plain quadratic check, many times. */
static void overlaps_found_as_by_comparing_all_pairs(void)
{
	unsigned found = 0;

	srand(1);
	for (unsigned round = 0; round < 5000; round++) {
		struct tpc_range r[12];
		unsigned n = 1 + (unsigned)rand() % 12;
		bool clash = false;

		for (unsigned i = 0; i < n; i++)
			r[i] = (struct tpc_range) { (uint64_t)rand() % 300, (uint32_t)rand() % 12 };
		for (unsigned i = 0; i < n; i++)
			for (unsigned j = 0; j < i; j++)
				if (r[i].blocks && r[j].blocks &&
				    r[i].lba < r[j].lba + r[j].blocks &&
				    r[j].lba < r[i].lba + r[i].blocks)
					clash = true;
		found += clash;
		if (sense_is_good(judge(r, n, &(uint64_t) { 0 })) == clash)
			CU_FAIL_FATAL("judged differently");
	}
	CU_ASSERT_TRUE(found > 500 && found < 4500);
}

static void size_limits(void)
{
	uint64_t blocks;

	/* 1 GiB is 200000h blocks, more than the medium; the sum is judged first */
	bad_field(JUDGE({ 0, 0x200001 }), 24);
	bad_field(JUDGE({ 0, 0x100000 }, { 0x100000, 0x100000 }, { 0x200000, 1 }), 56);
	bad_field(JUDGE({ UINT64_MAX, UINT32_MAX }), 24);
	CU_ASSERT_TRUE(sense_is_good(judge((struct tpc_range[]) { { 0, CAPACITY } }, 1, &blocks)));
}

static void out_of_range(struct sense s)
{
	CU_ASSERT_EQUAL(s.key, KEY_ILLEGAL_REQUEST);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_LBA_OUT_OF_RANGE);
	CU_ASSERT_TRUE(s.flags & SENSE_INFO);
	CU_ASSERT_EQUAL(s.info, CAPACITY);
}

static void medium_limits(void)
{
	out_of_range(JUDGE({ CAPACITY - 1, 2 }));
	out_of_range(JUDGE({ UINT64_MAX, 1 }));
	out_of_range(JUDGE({ UINT64_MAX, 0 }));
	out_of_range(JUDGE({ CAPACITY, 1 }));
	out_of_range(JUDGE({ 0, 1 }, { CAPACITY + 1, 0 }));
	CU_ASSERT_TRUE(sense_is_good(JUDGE({ CAPACITY, 0 })));
	CU_ASSERT_TRUE(sense_is_good(JUDGE({ CAPACITY - 1, 1 })));
}

static void order_of_judging(void)
{
	/* overlap before sum before medium */
	bad_field(JUDGE({ 0, 0x200000 }, { 1, 0x200000 }, { UINT64_MAX, 5 }), 32);
	bad_field(JUDGE({ CAPACITY, 0x200001 }), 24);
}

static void encoders_count_past_their_room(void)
{
	memset(list, 0x77, 64);
	CU_ASSERT_EQUAL(tpc_pt_encode(list, 20, false, false, 0, 0, two, 2), 48);
	CU_ASSERT_EQUAL(list[20], 0x77);
	CU_ASSERT_EQUAL(get_be16(list), 46);
	CU_ASSERT_EQUAL(tpc_wut_encode(list, 0, false, false, 0, token, two, 2), 568);
}

static void results_round_trip(void)
{
	struct tpc_result r = { .sa = 0x10,
				.status = TPC_PARTIAL,
				.op_counter = 0x0102,
				.delay_ms = TPC_DELAY_FINISHED,
				.completion = SAM_CHECK_CONDITION,
				.units = TPC_UNITS_BLOCKS,
				.count = 0x0102030405060708,
				.sense = sense_info(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN,
						    64),
				.token = token };
	struct tpc_result got;
	uint8_t b[TPC_RRTI_MAX_LEN];
	struct writer w = writer(b, sizeof(b));

	memset(token, 0x5a, sizeof(token));
	tpc_result_encode(&w, &r);
	CU_ASSERT_EQUAL(w.len, TPC_RRTI_MAX_LEN);
	CU_ASSERT_TRUE(tpc_result_decode(b, w.len, &got));
	CU_ASSERT_EQUAL(got.available, w.len - 4);
	CU_ASSERT_EQUAL(got.sa, 0x10);
	CU_ASSERT_EQUAL(got.status, TPC_PARTIAL);
	CU_ASSERT_EQUAL(got.op_counter, 0x0102);
	CU_ASSERT_EQUAL(got.delay_ms, TPC_DELAY_FINISHED);
	CU_ASSERT_EQUAL(got.completion, 2);
	CU_ASSERT_EQUAL(got.sense_field_len, 20);
	CU_ASSERT_EQUAL(got.sense_len, 18);
	CU_ASSERT_EQUAL(got.units, 0xf1);
	CU_ASSERT_EQUAL(got.count, r.count);
	CU_ASSERT_EQUAL(got.segments, 0);
	CU_ASSERT_EQUAL(sense_asc_ascq(got.sense), ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT_EQUAL(got.sense.info, 64);
	CU_ASSERT_EQUAL(got.descriptors_len, 514);
	CU_ASSERT_EQUAL(got.token_cscd_id, 0);
	CU_ASSERT_PTR_EQUAL(got.token, b + 32 + 20 + 6);
	CHECK_BYTES(got.token, ROD_TOKEN_LEN, token, ROD_TOKEN_LEN);
}

static void truncated_results(void)
{
	struct tpc_result r = {
		.sa = 0x10, .status = TPC_DONE, .sense = sense_cdb(2), .token = token
	};
	struct tpc_result got = { .count = 9 };
	uint8_t b[TPC_RRTI_MAX_LEN];
	struct writer w = writer(b, sizeof(b));

	tpc_result_encode(&w, &r);
	CU_ASSERT_FALSE(tpc_result_decode(b, 31, &got));
	CU_ASSERT_EQUAL(got.count, 9);
	for (size_t n = 32; n < w.len; n++) {
		CU_ASSERT_TRUE(tpc_result_decode(b, n, &got));
		CU_ASSERT_PTR_NULL(got.token);
		CU_ASSERT_EQUAL(got.descriptors_len, n >= 32 + 20 + 4 ? 514 : 0);
		CU_ASSERT_EQUAL(got.sense.key, n > 34 ? KEY_ILLEGAL_REQUEST : 0);
	}
	/* a sense length beyond its field is cut to the field */
	b[14] = 255;
	b[13] = 4;
	CU_ASSERT_TRUE(tpc_result_decode(b, w.len, &got));
	CU_ASSERT_EQUAL(got.sense.key, KEY_ILLEGAL_REQUEST);
	CU_ASSERT_EQUAL(got.sense.asc, 0);
}

static const struct test tests[] = {
	{ "PT fields", pt_fields },
	{ "a PT list shorter than its header or one range is 5/1A/00", pt_lengths },
	{ "PT range lengths: below 16 is 5/26/00, fragments are ignored", pt_range_lengths },
	{ "WUT fields", wut_fields },
	{ "WUT lengths: 5/1A/00, 5/26/00 at 0 and 534", wut_lengths },
	{ "blocks are summed", sums },
	{ "more ranges than the limit is 5/26/08", count_limit },
	{ "without a limit there is still one", count_limit_not_reported },
	{ "an LBA in two ranges is 5/26/00 at the later one", overlaps },
	{ "overlaps are found as by comparing all pairs",
	  overlaps_found_as_by_comparing_all_pairs },
	{ "a sum above the token limit is 5/26/00", size_limits },
	{ "past the medium is 5/21/00 with the first bad LBA", medium_limits },
	{ "overlap is judged before sum before medium", order_of_judging },
	{ "encoders count past their room", encoders_count_past_their_room },
	{ "results round-trip", results_round_trip },
	{ "truncated results give what there is", truncated_results },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_tpc", tests);
}
