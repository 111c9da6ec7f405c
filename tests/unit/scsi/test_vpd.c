/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "sample_lu.h"

static uint8_t page[2048];

static size_t encode(uint8_t code, const struct lu_info *lu)
{
	struct writer w = writer(page, sizeof(page));

	CU_ASSERT_TRUE_FATAL(vpd_encode(&w, code, lu));
	CU_ASSERT_EQUAL(page[1], code);
	CU_ASSERT_EQUAL(get_be16(page + 2), w.len - 4);
	return w.len;
}

static void list_is_ascending(void)
{
	struct lu_info lu = sample_lu();
	const uint8_t want[] = { 0, 0, 0, 8, 0, 0x80, 0x83, 0x86, 0x8f, 0xb0, 0xb1, 0xb2 };

	CHECK_BYTES(page, encode(0x00, &lu), want, sizeof(want));
	lu.tpc = false;
	CU_ASSERT_EQUAL(encode(0x00, &lu), 4 + 7);
	CU_ASSERT_PTR_NULL(memchr(page + 4, 0x8f, 7));
}

static void every_listed_page_is_there_and_no_other(void)
{
	for (int tpc = 0; tpc < 2; tpc++) {
		struct lu_info lu = sample_lu();
		uint8_t listed[256] = { 0 };
		size_t n;

		lu.tpc = tpc;
		n = encode(0x00, &lu);
		for (size_t i = 4; i < n; i++)
			listed[page[i]] = 1;
		for (unsigned code = 0; code < 256; code++) {
			struct writer w = writer(page, sizeof(page));

			CU_ASSERT_EQUAL(vpd_encode(&w, (uint8_t)code, &lu), listed[code]);
			if (!listed[code])
				CU_ASSERT_EQUAL(w.len, 0);
		}
	}
}

static void lengths_survive_truncation(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[16] = { 0 };
	struct writer w = writer(b, 3);

	CU_ASSERT_TRUE(vpd_encode(&w, 0x8f, &lu));
	CU_ASSERT_EQUAL(w.len, encode(0x8f, &lu));
	CU_ASSERT_EQUAL(b[2], page[2]);
	CU_ASSERT_EQUAL(b[3], 0);
}

static void designators(void)
{
	struct lu_info lu = sample_lu();
	uint8_t want[512];
	size_t n = test_hex("00 83 00 D8"
			    "02 01 00 28 4F44582020202020 4469736B202020202020202020202020"
			    "33303030313132323333343435353636"
			    "01 03 00 08 3000112233445566"
			    "51 94 00 04 00000001"
			    "51 95 00 04 00000001"
			    "03 08 00 30",
			    want, sizeof(want));

	encode(0x83, &lu);
	want[2] = page[2];
	want[3] = page[3];
	CHECK_BYTES(page, n, want, n);
	CU_ASSERT_STRING_EQUAL((char *)page + n, "iqn.2001-04.com.example:t1,L,0x3000112233445566");
	n += 0x30;
	n += 4;
	CU_ASSERT_STRING_EQUAL((char *)page + n, "iqn.2001-04.com.example:t1,t,0x0001");
	CU_ASSERT_EQUAL(page[n - 3], 0x98);
	n += page[n - 1] + 4;
	CU_ASSERT_STRING_EQUAL((char *)page + n, "iqn.2001-04.com.example:t1");
	CU_ASSERT_EQUAL(page[n - 4], 0x53);
	CU_ASSERT_EQUAL(page[n - 3], 0xa8);
	CU_ASSERT_EQUAL(n + page[n - 1], get_be16(page + 2) + 4u);
}

static unsigned count_designators(const struct lu_info *lu)
{
	struct vpd_designator d;
	size_t pos = 4, n = encode(0x83, lu);
	unsigned count = 0;

	while (vpd_83_next(page, n, &pos, &d))
		count++;
	CU_ASSERT_EQUAL(pos, n);
	return count;
}

static void names_that_do_not_fit_are_left_out(void)
{
	struct lu_info lu = sample_lu();

	CU_ASSERT_EQUAL(count_designators(&lu), 7);
	lu.target_name[0] = '\0';
	CU_ASSERT_EQUAL(count_designators(&lu), 4);
	memset(lu.target_name, 'a', 223);
	lu.target_name[223] = '\0';
	lu.naa_len = 8;
	CU_ASSERT_EQUAL(count_designators(&lu), 7);
	lu.naa_len = 16; /* 223 + 5 + 32 + NUL > 252 */
	CU_ASSERT_EQUAL(count_designators(&lu), 6);
}

static void small_pages(void)
{
	struct lu_info lu = sample_lu();
	bool only_unmap[CMD_COUNT] = { false };
	uint8_t want[64] = { 0 };

	CU_ASSERT_EQUAL(encode(0x80, &lu), 20);
	CHECK_BYTES(page + 4, 16, "3000112233445566", 16);

	test_hex("00 86 00 3C 00 01 00 01", want, 64);
	CHECK_BYTES(page, encode(0x86, &lu), want, 64);
	lu.write_cache = true;
	encode(0x86, &lu);
	CU_ASSERT_EQUAL(page[6], 1);

	lu.max_transfer_blocks = 0x1234;
	lu.opt_transfer_blocks = 0x800;
	test_hex("00 B0 00 3C 00 00 00 08 00 00 12 34 00 00 08 00", want, 64);
	CHECK_BYTES(page, encode(0xb0, &lu), want, 64);
	lu.max_unmap_blocks = 1u << 20;
	lu.max_unmap_descriptors = 256;
	lu.unmap_granularity = 8;
	lu.max_write_same_blocks = 0x80000;
	test_hex("00 B0 00 3C 00 00 00 08 00 00 12 34 00 00 08 00 00000000"
		 "00100000 00000100 00000008 80000000 0000000000080000",
		 want, 64);
	CHECK_BYTES(page, encode(0xb0, &lu), want, 64);

	memset(want, 0, sizeof(want));
	test_hex("00 B1 00 3C 00 01 00 50", want, 64);
	CHECK_BYTES(page, encode(0xb1, &lu), want, 64);
	lu.rotational = true;
	encode(0xb1, &lu);
	CU_ASSERT_EQUAL(page[5], 0);

	test_hex("00 B2 00 04 00 E4 02 00", want, 64);
	CHECK_BYTES(page, encode(0xb2, &lu), want, 8);
	lu.supported = only_unmap;
	only_unmap[CMD_UNMAP] = true;
	test_hex("00 B2 00 04 00 84 02 00", want, 64);
	CHECK_BYTES(page, encode(0xb2, &lu), want, 8);
	lu.lbpme = lu.lbprz = false;
	test_hex("00 B2 00 04 00 00 00 00", want, 64);
	CHECK_BYTES(page, encode(0xb2, &lu), want, 8);
}

static void third_party_copy_page(void)
{
	struct lu_info lu = sample_lu();
	uint8_t want[512] = { 0 };

	test_hex("00 8F 01 78", want, 4);
	test_hex("00 00 00 20 00 00 00 00 00 00 00 40 00 00 02 58 00 00 00 3C"
		 "00 00 00 00 00 20 00 00 00 00 00 00 00 02 00 00",
		 want + 4, 36);
	test_hex("00 01 00 10 0F 83 05 00 01 10 11 1C 84 06 00 03 04 05 07 08", want + 40, 20);
	test_hex("00 04 00 1C 00 00 00 00 00 40 00 40 00 00 0F 00", want + 60, 16);
	test_hex("00 08 00 08 04 02 07 0A E4 00 00 00 00 0C 00 04 00 02 FF FF", want + 92, 20);
	test_hex("01 06 00 5C", want + 112, 4);
	test_hex("00 00 00 3C 00 00 02 58 00 00 02 58", want + 112 + 16, 12);
	test_hex("00 30 00 00 00 2C 00 00 00 08 00 00 00 00 40 00 00 00"
		 "00 00 00 00 04 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 04 00 00 00",
		 want + 112 + 46, 42);
	test_hex("01 08 00 84 00 00 00 80 00 80 00 00 03", want + 208, 13);
	test_hex("FF FF 00 01 02", want + 208 + 8 + 64, 5);
	test_hex("80 01 00 20 00 00 01 00 00 00 01 00 00 00 00 00 09", want + 344, 17);
	CHECK_BYTES(page, encode(0x8f, &lu), want, 380);
	CU_ASSERT_EQUAL(get_be16(page + 2), 376);
}

/* Walks the page as a careful reader would. */
static void tpc_descriptors_are_in_order(void)
{
	struct lu_info lu = sample_lu();
	bool some[CMD_COUNT];

	for (unsigned mask = 0; mask < 8; mask++) {
		size_t n, at = 4;
		int last = -1;

		memset(some, 1, sizeof(some));
		some[CMD_POPULATE_TOKEN] = mask & 1;
		some[CMD_WRITE_USING_TOKEN] = mask & 2;
		some[CMD_RECEIVE_ROD_TOKEN_INFORMATION] = mask & 4;
		lu.supported = some;
		for (unsigned t = 0; t < 4; t++)
			lu.limits.rod_types[t] = ROD_TYPE_PIT_DEFAULT + t;
		n = encode(0x8f, &lu);
		CU_ASSERT_TRUE(n <= 1020);
		while (at < n) {
			CU_ASSERT_TRUE_FATAL(n - at >= 4);
			CU_ASSERT_TRUE(get_be16(page + at) > last);
			last = get_be16(page + at);
			CU_ASSERT_EQUAL(get_be16(page + at + 2) % 4, 0);
			at += get_be16(page + at + 2) + 4u;
		}
		CU_ASSERT_EQUAL(at, n);
	}
}

/* wire-format 5.2, 0108h: all zero, or FFFFh together. */
static void preferences_sum_up(void)
{
	for (unsigned n = 1; n <= 4; n++) {
		struct lu_info lu = sample_lu();
		unsigned sum = 0, at = 4, last = 0x10000;

		for (unsigned t = 0; t < 4; t++)
			lu.limits.rod_types[t] = t < n ? ROD_TYPE_PIT_DEFAULT + t : 0;
		encode(0x8f, &lu);
		while (get_be16(page + at) != 0x0108)
			at += get_be16(page + at + 2) + 4u;
		CU_ASSERT_EQUAL(get_be16(page + at + 6), 64 * (n + 1));
		for (unsigned t = 0; t <= n; t++) {
			unsigned p = get_be16(page + at + 8 + 64 * t + 6);

			CU_ASSERT_TRUE(p <= last);
			last = p;
			sum += p;
		}
		CU_ASSERT_EQUAL(sum, n > 1 ? 0xffff : 0);
		CU_ASSERT_EQUAL(last, 0); /* the zero token */
	}
}

static void sizes_are_whole_blocks(void)
{
	struct lu_info lu = sample_lu();
	struct vpd_8f v;

	lu.block_size = 4096;
	lu.limits.max_token_bytes = (1u << 30) + 512;
	CU_ASSERT_TRUE(vpd_8f_decode(page, encode(0x8f, &lu), &v));
	CU_ASSERT_EQUAL(v.max_token_blocks, 1u << 18);
	CU_ASSERT_EQUAL(v.max_rod_bytes, 1u << 30);
	CU_ASSERT_EQUAL(v.granularity_blocks, 1);
	CU_ASSERT_EQUAL(page[get_be16(page + 2) + 4 - 36 + 16], 12);
}

static const struct test tests[] = {
	{ "page 00h is strictly ascending and has 8Fh when third-party copy is on",
	  list_is_ascending },
	{ "every listed page exists and no other", every_listed_page_is_there_and_no_other },
	{ "PAGE LENGTH is right however little is stored", lengths_survive_truncation },
	{ "page 83h names LU, port and target", designators },
	{ "names that do not fit are left out", names_that_do_not_fit_are_left_out },
	{ "pages 80h 86h B0h B1h B2h", small_pages },
	{ "page 8Fh byte by byte", third_party_copy_page },
	{ "8Fh descriptors ascend, multiples of four, within 1020 bytes",
	  tpc_descriptors_are_in_order },
	{ "PREFERENCE INDICATORs are FFFFh together, or nothing", preferences_sum_up },
	{ "0000h and 0106h agree when limits are not whole blocks", sizes_are_whole_blocks },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_vpd", tests);
}
