/* SPDX-License-Identifier: Apache-2.0 */
#include "unmap.h"

#include <string.h>

#include "test.h"

static uint8_t buf[8192];

static void a_list_is_the_same_after_a_round_trip(void)
{
	const struct unmap_range r[3] = { { 0, 1 }, { 0x123456789abcdef0, 0xfedcba98 }, { 7, 0 } };
	size_t len = unmap_encode(buf, sizeof(buf), r, 3);
	uint8_t want[56];
	struct unmap_list list;

	test_hex("00 36 00 30 00000000"
		 "0000000000000000 00000001 00000000"
		 "123456789ABCDEF0 FEDCBA98 00000000"
		 "0000000000000007 00000000 00000000",
		 want, sizeof(want));
	CHECK_BYTES(buf, len, want, sizeof(want));
	CU_ASSERT_TRUE_FATAL(sense_is_good(unmap_decode(buf, len, &list)));
	CU_ASSERT_EQUAL_FATAL(list.n, 3);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(unmap_range_at(&list, i).lba, r[i].lba);
		CU_ASSERT_EQUAL(unmap_range_at(&list, i).blocks, r[i].blocks);
	}
}

/* SBC-4 5.34.2: the lengths need not agree, a descriptor in part is none. */
static void the_shortest_length_counts(void)
{
	static const struct {
		unsigned data, descriptors;
		size_t sent;
		unsigned n;
	} cases[] = {
		{ 6 + 48, 48, 56, 3 }, { 6 + 48, 48, 55, 2 },	{ 6 + 48, 48, 8, 0 },
		{ 6 + 48, 47, 56, 2 }, { 6 + 48, 15, 56, 0 },	{ 6 + 48, 0, 56, 0 },
		{ 6 + 32, 48, 56, 2 }, { 6 + 47, 48, 56, 2 },	{ 6, 48, 56, 0 },
		{ 0, 48, 56, 0 },      { 65535, 65535, 56, 3 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct unmap_list list;

		put_be16(buf, (uint16_t)cases[i].data);
		put_be16(buf + 2, (uint16_t)cases[i].descriptors);
		CU_ASSERT_TRUE(sense_is_good(unmap_decode(buf, cases[i].sent, &list)));
		CU_ASSERT_EQUAL(list.n, cases[i].n);
	}
}

static void a_list_without_its_header_is_refused(void)
{
	struct unmap_list list;

	for (size_t len = 1; len < UNMAP_HEADER_LEN; len++) {
		struct sense s = unmap_decode(buf, len, &list);

		CU_ASSERT(s.key == KEY_ILLEGAL_REQUEST && sense_asc_ascq(s) == 0x1a00);
	}
}

static struct sense judge(const struct unmap_range *r, unsigned n)
{
	const struct unmap_limits limits = { .max_descriptors = 4,
					     .max_blocks = 100,
					     .capacity = 1000 };
	struct unmap_list list;

	CU_ASSERT_TRUE(
		sense_is_good(unmap_decode(buf, unmap_encode(buf, sizeof(buf), r, n), &list)));
	return unmap_judge(&list, &limits);
}

static void limits_hold_at_them_and_one_above(void)
{
	struct unmap_range r[5] = { { 0, 50 }, { 0, 49 }, { 999, 1 }, { 1000, 0 }, { 0, 0 } };
	struct sense s;

	CU_ASSERT_TRUE(sense_is_good(judge(r, 4)));
	s = judge(r, 5); /* too many, though it asks for nothing */
	CU_ASSERT(sense_asc_ascq(s) == 0x2600 && s.flags == SENSE_FIELD_PL && s.field == 2);
	r[1].blocks = 50;
	s = judge(r, 4);
	CU_ASSERT(sense_asc_ascq(s) == 0x2600 && s.field == 8 + 2 * 16 + 8);
	r[1].blocks = 0xffffffff; /* no sum is too large for us */
	r[0].blocks = 0xffffffff;
	CU_ASSERT_EQUAL(sense_asc_ascq(judge(r, 4)), 0x2600);
}

static void what_lies_beyond_the_capacity_is_refused(void)
{
	static const struct unmap_range bad[] = {
		{ 1000, 1 }, { 999, 2 }, { 1001, 0 }, { UINT64_MAX, 1 }, { UINT64_MAX, 0 },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct unmap_range r[2] = { { 5, 5 }, bad[i] };
		struct sense s = judge(r, 2);

		CU_ASSERT(s.key == KEY_ILLEGAL_REQUEST && sense_asc_ascq(s) == 0x2100);
		CU_ASSERT(s.flags == SENSE_FIELD_PL && s.field == 8 + 16);
	}
}

static void lba_status_is_the_same_after_a_round_trip(void)
{
	const struct lba_status s[2] = { { 8, 0xffffffff, LBA_MAPPED },
					 { 0x100000007, 9, LBA_DEALLOCATED } };
	struct lba_status back[2];
	struct writer w = writer(buf, sizeof(buf));
	uint8_t want[40];
	unsigned n = 0;

	lba_status_encode(&w, s, 2);
	test_hex("00000024 00000000"
		 "0000000000000008 FFFFFFFF 00 000000"
		 "0000000100000007 00000009 01 000000",
		 want, sizeof(want));
	CHECK_BYTES(buf, w.len, want, sizeof(want));
	CU_ASSERT_TRUE(lba_status_decode(buf, w.len, back, 2, &n));
	CU_ASSERT_EQUAL(n, 2);
	for (unsigned i = 0; i < 2; i++)
		CU_ASSERT(back[i].lba == s[i].lba && back[i].blocks == s[i].blocks &&
			  back[i].provisioning == s[i].provisioning);
	/* what is cut off does not count, and no more is stored than asked for */
	CU_ASSERT_TRUE(lba_status_decode(buf, w.len - 1, back, 2, &n));
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_TRUE(lba_status_decode(buf, w.len, back, 0, &n));
	CU_ASSERT_EQUAL(n, 2);
	CU_ASSERT_FALSE(lba_status_decode(buf, 7, back, 2, &n));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "an UNMAP list is the same after a round trip",
		  a_list_is_the_same_after_a_round_trip },
		{ "the shortest length counts", the_shortest_length_counts },
		{ "a list without its header is refused", a_list_without_its_header_is_refused },
		{ "limits hold, at them and one above", limits_hold_at_them_and_one_above },
		{ "what lies beyond the capacity is refused",
		  what_lies_beyond_the_capacity_is_refused },
		{ "LBA status is the same after a round trip",
		  lba_status_is_the_same_after_a_round_trip },
		TEST_END,
	};

	return test_main(argc, argv, "scsi/unmap", tests);
}
