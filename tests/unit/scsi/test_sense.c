/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "sense.h"

static void check_encoded(struct sense s, bool descriptor, const char *hex)
{
	uint8_t want[64], got[64];
	size_t n = test_hex(hex, want, sizeof(want));

	CHECK_BYTES(got, sense_encode(s, descriptor, got, sizeof(got)), want, n);
}

static bool same(struct sense a, struct sense b)
{
	return a.key == b.key && a.asc == b.asc && a.ascq == b.ascq && a.flags == b.flags &&
	       a.bit == b.bit && a.field == b.field && a.info == b.info;
}

static void good_is_zero(void)
{
	CU_ASSERT_TRUE(sense_is_good(sense_good()));
	CU_ASSERT_FALSE(sense_is_good(sense_make(KEY_NO_SENSE, ASC_OPERATION_IN_PROGRESS)));
	CU_ASSERT_FALSE(sense_is_good(sense_cdb(0)));
	CU_ASSERT_EQUAL(sense_asc_ascq(sense_cdb(0)), ASC_INVALID_FIELD_IN_CDB);
}

static void fixed_with_information(void)
{
	check_encoded(sense_info(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN, 64), false,
		      "F0 00 0A 00 00 00 40 0A 00 00 00 00 0D 04 00 00 00 00");
}

static void fixed_information_above_32_bits_is_not_valid(void)
{
	check_encoded(sense_info(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN, 0x100000000),
		      false, "70 00 0A 00 00 00 00 0A 00 00 00 00 0D 04 00 00 00 00");
	check_encoded(sense_info(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN, 0xffffffff),
		      false, "F0 00 0A FF FF FF FF 0A 00 00 00 00 0D 04 00 00 00 00");
}

static void field_pointers(void)
{
	check_encoded(sense_cdb_bit(15, 2), false,
		      "70 00 05 00 00 00 00 0A 00 00 00 00 24 00 00 CA 00 0F");
	check_encoded(sense_pl_bit(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 0x218, 7), true,
		      "72 05 26 00 00 00 00 08 02 06 00 00 8F 02 18 00");
}

static void progress_indication(void)
{
	struct sense s = sense_progress(ASC_FORMAT_IN_PROGRESS, 0x8001), got;
	uint8_t b[32];

	check_encoded(s, false, "70 00 02 00 00 00 00 0A 00 00 00 00 04 04 00 80 80 01");
	check_encoded(s, true, "72 02 04 04 00 00 00 08 02 06 00 00 80 80 01 00");
	for (unsigned desc = 0; desc < 2; desc++) {
		size_t n = sense_encode(s, desc, b, sizeof(b));

		CU_ASSERT_TRUE(sense_decode(b, n, &got));
		CU_ASSERT_TRUE(same(s, got));
	}
}

static void descriptor_with_both(void)
{
	struct sense s = sense_cdb(2);

	s.flags |= SENSE_INFO;
	s.info = 0x123456789a;
	check_encoded(s, true,
		      "72 05 24 00 00 00 00 14 00 0A 80 00 00 00 00 12 34 56 78 9A"
		      "02 06 00 00 C0 00 02 00");
}

static void pointer_only_with_illegal_request(void)
{
	struct sense s = sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 4);

	s.key = KEY_ABORTED_COMMAND;
	check_encoded(s, true, "72 0B 26 00 00 00 00 00");
}

static void truncated_encoding(void)
{
	uint8_t b[4] = { 1, 1, 1, 1 };

	CU_ASSERT_EQUAL(sense_encode(sense_cdb(2), false, b, 3), SENSE_FIXED_LEN);
	CU_ASSERT_EQUAL(b[2], 5);
	CU_ASSERT_EQUAL(b[3], 1);
	CU_ASSERT_EQUAL(sense_encode(sense_cdb(2), true, NULL, 0), 16);
}

static void round_trips(void)
{
	struct sense list[] = {
		sense_good(),
		sense_make(KEY_UNIT_ATTENTION, ASC_CAPACITY_CHANGED),
		sense_cdb(2),
		sense_cdb_bit(1, 4),
		sense_pl(ASC_TOO_MANY_SEGMENT_DESCRIPTORS, 14),
		sense_pl_bit(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 2, 0),
		sense_info(KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0x100000),
		sense_info(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN, 0),
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		for (int descriptor = 0; descriptor < 2; descriptor++) {
			uint8_t b[SENSE_MAX_LEN];
			size_t n = sense_encode(list[i], descriptor, b, sizeof(b));
			struct sense got = { .key = 9 };

			CU_ASSERT_TRUE(sense_decode(b, n, &got));
			CU_ASSERT_TRUE(same(got, list[i]));
		}
}

static void decode_refuses_other_bytes(void)
{
	const uint8_t not_sense[] = { 0x00, 0x6f, 0x74, 0x7f, 0xff, 0x80 };
	struct sense s = { .key = 9 };

	CU_ASSERT_FALSE(sense_decode(not_sense, 0, &s));
	for (size_t i = 0; i < sizeof(not_sense); i++)
		CU_ASSERT_FALSE(sense_decode(not_sense + i, 1, &s));
	CU_ASSERT_EQUAL(s.key, 9);
}

static void decode_takes_what_there_is(void)
{
	uint8_t b[18];
	struct sense s;

	test_hex("F0 00 0A 00 00 00 40 0A 00 00 00 00 0D 04 00 00 00 00", b, sizeof(b));
	CU_ASSERT_TRUE(sense_decode(b, 1, &s));
	CU_ASSERT_EQUAL(s.key, 0);
	CU_ASSERT_TRUE(sense_decode(b, 13, &s));
	CU_ASSERT_EQUAL(s.info, 64);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), 0x0d00);
	b[7] = 4; /* ADDITIONAL SENSE LENGTH ends before the ASC */
	CU_ASSERT_TRUE(sense_decode(b, 18, &s));
	CU_ASSERT_EQUAL(s.key, KEY_COPY_ABORTED);
	CU_ASSERT_EQUAL(s.asc, 0);
}

static void decode_skips_foreign_descriptors(void)
{
	uint8_t b[64];
	struct sense s;
	size_t n = test_hex("72 0A 0D 04 00 00 00 18 01 0A 00 00 00 00 00 00 00 02 00 00"
			    "00 0A 80 00 00 00 00 00 00 00 00 40",
			    b, sizeof(b));

	CU_ASSERT_TRUE(sense_decode(b, n, &s));
	CU_ASSERT_EQUAL(s.info, 64);
	/* an INFORMATION descriptor without VALID, or cut, says nothing */
	b[22] = 0;
	CU_ASSERT_TRUE(sense_decode(b, n, &s));
	CU_ASSERT_EQUAL(s.flags, SENSE_SEGMENT);
	b[22] = 0x80;
	CU_ASSERT_TRUE(sense_decode(b, n - 1, &s));
	CU_ASSERT_EQUAL(s.flags, SENSE_SEGMENT);
	b[7] = 0x17;
	CU_ASSERT_TRUE(sense_decode(b, n, &s));
	CU_ASSERT_EQUAL(s.flags, SENSE_SEGMENT);
}

static void deferred_sense_decodes_alike(void)
{
	uint8_t b[18];
	struct sense s;

	test_hex("71 00 03 00 00 00 00 0A 00 00 00 00 11 00 00 00 00 00", b, sizeof(b));
	CU_ASSERT_TRUE(sense_decode(b, 18, &s));
	CU_ASSERT_EQUAL(s.key, KEY_MEDIUM_ERROR);
	test_hex("73 03 11 00 00 00 00 00", b, sizeof(b));
	CU_ASSERT_TRUE(sense_decode(b, 8, &s));
	CU_ASSERT_EQUAL(s.asc, 0x11);
}

static void texts(void)
{
	CU_ASSERT_STRING_EQUAL(sense_text(sense_make(KEY_ILLEGAL_REQUEST, ASC_TOKEN_CANCELLED)),
			       "token cancelled");
	CU_ASSERT_STRING_EQUAL(sense_text(sense_make(KEY_MEDIUM_ERROR, 0x9999)), "medium error");
	CU_ASSERT_STRING_EQUAL(sense_text(sense_make(KEY_COPY_ABORTED, 0)), "copy aborted");
	CU_ASSERT_STRING_EQUAL(sense_text(sense_good()), "no additional sense");
}

static const struct test tests[] = {
	{ "good is key 0 and no code", good_is_zero },
	{ "fixed format carries INFORMATION with VALID", fixed_with_information },
	{ "fixed format leaves VALID off above 32 bits",
	  fixed_information_above_32_bits_is_not_valid },
	{ "field pointers with and without a bit", field_pointers },
	{ "progress indication in both formats", progress_indication },
	{ "descriptor format carries both descriptors", descriptor_with_both },
	{ "only ILLEGAL REQUEST has a field pointer", pointer_only_with_illegal_request },
	{ "encoding stores no more than there is room for", truncated_encoding },
	{ "both formats round-trip", round_trips },
	{ "bytes that are not sense data are refused", decode_refuses_other_bytes },
	{ "short fixed sense reads as zeros past its end", decode_takes_what_there_is },
	{ "descriptors of other types are stepped over", decode_skips_foreign_descriptors },
	{ "deferred sense decodes alike", deferred_sense_decodes_alike },
	{ "texts", texts },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_sense", tests);
}
