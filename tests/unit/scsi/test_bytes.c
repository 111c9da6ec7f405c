/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "bytes.h"

static void big_endian(void)
{
	const uint8_t want[] = { 1, 2, 1, 2, 3, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t b[17];

	put_be16(b, 0x0102);
	put_be24(b + 2, 0x010203);
	put_be32(b + 5, 0x01020304);
	put_be64(b + 9, 0x0102030405060708);
	CHECK_BYTES(b, sizeof(b), want, sizeof(want));
	CU_ASSERT_EQUAL(get_be16(b), 0x0102);
	CU_ASSERT_EQUAL(get_be24(b + 2), 0x010203);
	CU_ASSERT_EQUAL(get_be32(b + 5), 0x01020304);
	CU_ASSERT_EQUAL(get_be64(b + 9), 0x0102030405060708);
}

static void high_bytes_do_not_sign_extend(void)
{
	const uint8_t b[8] = { 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8 };

	CU_ASSERT_EQUAL(get_be16(b), 0xfffe);
	CU_ASSERT_EQUAL(get_be24(b), 0xfffefd);
	CU_ASSERT_EQUAL(get_be32(b), 0xfffefdfc);
	CU_ASSERT_EQUAL(get_be64(b), 0xfffefdfcfbfaf9f8);
}

static void reader_goes_through_in_order(void)
{
	const uint8_t b[] = { 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 9, 8 };
	struct reader r = reader(b, sizeof(b));

	CU_ASSERT_EQUAL(rd_u8(&r), 1);
	CU_ASSERT_EQUAL(rd_be16(&r), 2);
	CU_ASSERT_EQUAL(rd_be32(&r), 3);
	CU_ASSERT_EQUAL(rd_be64(&r), 4);
	CU_ASSERT_EQUAL(rd_left(&r), 2);
	CU_ASSERT_PTR_EQUAL(rd_bytes(&r, 2), b + 15);
	CU_ASSERT_FALSE(r.cut);
}

static void reader_stays_cut(void)
{
	const uint8_t b[] = { 1, 2, 3 };
	struct reader r = reader(b, sizeof(b));

	CU_ASSERT_EQUAL(rd_be32(&r), 0);
	CU_ASSERT_TRUE(r.cut);
	CU_ASSERT_EQUAL(rd_u8(&r), 0);
	CU_ASSERT_EQUAL(rd_be16(&r), 0);
	CU_ASSERT_EQUAL(rd_be64(&r), 0);
	CU_ASSERT_PTR_NULL(rd_bytes(&r, SIZE_MAX));
	CU_ASSERT_TRUE(r.cut);
}

static void writer_runs_on_past_its_end(void)
{
	const uint8_t want[] = { 0xaa, 0x12, 0x34, 0x56, 0x77, 0x77 };
	uint8_t b[6] = { 0x77, 0x77, 0x77, 0x77, 0x77, 0x77 };
	struct writer w = writer(b, 4);

	wr_u8(&w, 0xaa);
	wr_be32(&w, 0x12345678);
	wr_be64(&w, 1);
	wr_be16(&w, 1);
	wr_zero(&w, 5);
	CU_ASSERT_EQUAL(w.len, 20);
	CU_ASSERT_EQUAL(wr_stored(&w), 4);
	CHECK_BYTES(b, sizeof(b), want, sizeof(want));
}

static void length_fields_are_stored_as_far_as_there_is_room(void)
{
	const uint8_t want[] = { 0, 0x12, 0x34, 0xab, 0x77 };
	uint8_t b[5] = { 0x77, 0x77, 0x77, 0x77, 0x77 };
	struct writer w = writer(b, 4);

	wr_zero(&w, 8);
	wr_be16_at(&w, 1, 0x1234);
	wr_be16_at(&w, 3, 0xabcd);
	wr_be32_at(&w, 4, 0x01020304);
	CHECK_BYTES(b, sizeof(b), want, sizeof(want));
	wr_be32_at(&w, 0, 0x0a0b0c0d);
	CU_ASSERT_EQUAL(get_be32(b), 0x0a0b0c0d);
	CU_ASSERT_EQUAL(w.len, 8);
}

static void zeroing_stops_at_the_end(void)
{
	uint8_t b[4] = { 1, 1, 1, 1 };
	struct writer w = writer(b, 3);

	wr_zero(&w, 2);
	wr_zero(&w, 2);
	CU_ASSERT_EQUAL(b[2], 0);
	CU_ASSERT_EQUAL(b[3], 1);
	CU_ASSERT_EQUAL(wr_stored(&w), 3);
}

static const struct test tests[] = {
	{ "integers are big-endian at every width", big_endian },
	{ "high bytes do not sign-extend", high_bytes_do_not_sign_extend },
	{ "a reader goes through the bytes in order", reader_goes_through_in_order },
	{ "a reader asked for too much gives zeros and stays cut", reader_stays_cut },
	{ "a writer counts past its capacity without storing", writer_runs_on_past_its_end },
	{ "a length field is stored as far as there is room",
	  length_fields_are_stored_as_far_as_there_is_room },
	{ "zeroing stops at the capacity", zeroing_stops_at_the_end },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_bytes", tests);
}
