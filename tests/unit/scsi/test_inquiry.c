/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "sample_lu.h"

static void standard_data(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[256], want[96] = { 0 };
	struct writer w = writer(b, sizeof(b));

	inquiry_encode(&w, &lu);
	test_hex("00 00 06 12 5B 08 00 02", want, 8);
	memcpy(want + 8, "ODX     Disk            0001", 28);
	test_hex("00A0 0460 04C0 0960", want + 58, 8);
	CHECK_BYTES(b, w.len, want, sizeof(want));
}

static void no_third_party_copy_no_bit(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[256];
	struct writer w = writer(b, sizeof(b));

	lu.tpc = false;
	inquiry_encode(&w, &lu);
	CU_ASSERT_EQUAL(b[5], 0);
}

static void long_names_are_cut(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[256];
	struct writer w = writer(b, sizeof(b));

	memcpy(lu.vendor, "12345678", 9);
	memcpy(lu.product, "abcdefghijklmnop", 17);
	memcpy(lu.revision, "wxyz", 5);
	inquiry_encode(&w, &lu);
	CHECK_BYTES(b + 8, 28, "12345678abcdefghijklmnopwxyz", 28);
	CU_ASSERT_EQUAL(w.len, 96);
}

static void missing_lun(void)
{
	uint8_t b[64];
	struct writer w = writer(b, sizeof(b));

	inquiry_encode_no_lun(&w);
	CU_ASSERT_EQUAL(w.len, 36);
	CU_ASSERT_EQUAL(b[0], 0x7f);
	CU_ASSERT_EQUAL(b[4], 31);
	CU_ASSERT_EQUAL(b[35], ' ');
}

static void capacity(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[64], want[32] = { 0 };
	struct writer w = writer(b, sizeof(b));

	read_capacity_10_encode(&w, &lu);
	test_hex("00 0F FF FF 00 00 02 00", want, 8);
	CHECK_BYTES(b, w.len, want, 8);
	w = writer(b, sizeof(b));
	read_capacity_16_encode(&w, &lu);
	test_hex("00 00 00 00 00 0F FF FF 00 00 02 00 00 03 C0", want, 32);
	CHECK_BYTES(b, w.len, want, 32);
}

static uint32_t capacity_10(uint64_t blocks)
{
	struct lu_info lu = sample_lu();
	uint8_t b[8];
	struct writer w = writer(b, sizeof(b));

	lu.blocks = blocks;
	read_capacity_10_encode(&w, &lu);
	return get_be32(b);
}

static void big_disks_need_the_long_form(void)
{
	CU_ASSERT_EQUAL(capacity_10(1), 0);
	CU_ASSERT_EQUAL(capacity_10(0xffffffff), 0xfffffffe);
	CU_ASSERT_EQUAL(capacity_10(0x100000000), 0xffffffff);
	CU_ASSERT_EQUAL(capacity_10(0x100000001), 0xffffffff);
	CU_ASSERT_EQUAL(capacity_10(UINT64_MAX), 0xffffffff);
	CU_ASSERT_EQUAL(capacity_10(0), 0);
}

static void lun_list(void)
{
	const uint16_t luns[] = { 0, 255, 256, 16383 };
	uint8_t b[64], want[40];
	struct writer w = writer(b, sizeof(b));

	report_luns_encode(&w, luns, 4);
	test_hex("00000020 00000000 0000000000000000 00FF000000000000"
		 "4100000000000000 7FFF000000000000",
		 want, 40);
	CHECK_BYTES(b, w.len, want, 40);
	w = writer(b, sizeof(b));
	report_luns_encode(&w, luns, 0);
	CU_ASSERT_EQUAL(w.len, 8);
}

static void luns_round_trip(void)
{
	for (unsigned i = 0; i < 65536; i++) {
		uint16_t got = (uint16_t)~i;

		if (!scsi_lun_decode(scsi_lun_encode((uint16_t)i), &got) || got != i)
			CU_FAIL_FATAL("a LUN does not round-trip");
	}
}

static void foreign_luns_are_refused(void)
{
	static const uint64_t bad[] = {
		0x0100000000000000,			/* bus 1                         */
		0x0001000000000001,			/* a second level                */
		0x0000000100000000, 0xc101000000000000, /* REPORT LUNS well-known LUN */
		0x8001000000000000,			/* logical unit addressing    */
		0xd200010000000001, 0xd201000000000000, /* 24 bits                    */
		0xe200000100000000,
	};
	uint16_t lun = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(scsi_lun_decode(bad[i], &lun));
	CU_ASSERT_EQUAL(lun, 7);
	/* flat space addressing of a small LUN names the same LUN */
	CU_ASSERT_TRUE(scsi_lun_decode(0x4005000000000000, &lun));
	CU_ASSERT_EQUAL(lun, 5);
}

static size_t rsoc(const struct lu_info *lu, uint8_t *b, uint8_t reporting, uint8_t opcode,
		   uint16_t sa, bool rctd)
{
	struct writer w = writer(b, 2048);
	struct sense s = rsoc_encode(&w, lu, reporting, opcode, sa, rctd);

	CU_ASSERT_TRUE(sense_is_good(s));
	return w.len;
}

static void all_opcodes(void)
{
	struct lu_info lu = sample_lu();
	bool some[CMD_COUNT] = {
		[CMD_TEST_UNIT_READY] = true, [CMD_WRITE_USING_TOKEN] = true, [CMD_READ_16] = true
	};
	uint8_t b[2048], want[64];
	size_t n = rsoc(&lu, b, 0, 0, 0, false);

	CU_ASSERT_EQUAL(n, 4 + 8 * CMD_COUNT);
	CU_ASSERT_EQUAL(get_be32(b), 8 * CMD_COUNT);
	lu.supported = some;
	n = test_hex("00000018 0000000000000006 8300001100010010 8800000000000010", want, 64);
	CHECK_BYTES(b, rsoc(&lu, b, 0, 0, 0, false), want, n);
	lu.tpc = false;
	CU_ASSERT_EQUAL(rsoc(&lu, b, 0, 0, 0, false), 4 + 8 * 2);
}

static void all_opcodes_with_timeouts(void)
{
	struct lu_info lu = sample_lu();
	bool some[CMD_COUNT] = { [CMD_POPULATE_TOKEN] = true };
	uint8_t b[2048], want[64];
	size_t n = test_hex("00000014 8300001000030010 000A00000000000000000000", want, 64);

	lu.supported = some;
	CHECK_BYTES(b, rsoc(&lu, b, 0, 0, 0, true), want, n);
}

static void one_opcode(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[2048], want[64];
	size_t n = test_hex("00 03 00 0A 28 F8 FF FF FF FF 1F FF FF 00", want, 64);

	CHECK_BYTES(b, rsoc(&lu, b, 1, 0x28, 0x1234, false), want, n);
	CHECK_BYTES(b, rsoc(&lu, b, 3, 0x28, 0, false), want, n);
	n = test_hex("00 83 00 06 00 00 00 00 00 00 00 0A 00 00 00 00 00 00 00 00 00 00", want, 64);
	CHECK_BYTES(b, rsoc(&lu, b, 1, 0x00, 0, true), want, n);
	n = test_hex("00 03 00 10 83 11 00 00 00 00 FF FF FF FF FF FF FF FF 1F 00", want, 64);
	CHECK_BYTES(b, rsoc(&lu, b, 2, 0x83, 0x11, false), want, n);
	CHECK_BYTES(b, rsoc(&lu, b, 3, 0x83, 0x11, false), want, n);
}

static void unsupported_opcodes(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[2048];
	const uint8_t want[4] = { 0, 1, 0, 0 };

	CHECK_BYTES(b, rsoc(&lu, b, 1, 0x43, 0, true), want, 4);
	CHECK_BYTES(b, rsoc(&lu, b, 2, 0x43, 0, false), want, 4);
	CHECK_BYTES(b, rsoc(&lu, b, 2, 0x83, 0x12, false), want, 4);
	CHECK_BYTES(b, rsoc(&lu, b, 2, 0x83, 0x110, false), want, 4);
	CHECK_BYTES(b, rsoc(&lu, b, 3, 0x83, 0x12, false), want, 4);
	CHECK_BYTES(b, rsoc(&lu, b, 3, 0x28, 1, false), want, 4);
	lu.tpc = false;
	CHECK_BYTES(b, rsoc(&lu, b, 1, 0x83, 0, false), want, 4);
	CHECK_BYTES(b, rsoc(&lu, b, 2, 0x83, 0x10, false), want, 4);
}

static void rsoc_refusals(void)
{
	static const struct {
		uint8_t reporting, opcode;
		uint16_t sa;
	} bad[] = { { 1, 0x83, 0 }, { 2, 0x28, 0 }, { 4, 0x28, 0 }, { 7, 0, 0 } };
	struct lu_info lu = sample_lu();
	uint8_t b[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct writer w = writer(b, sizeof(b));
		struct sense s =
			rsoc_encode(&w, &lu, bad[i].reporting, bad[i].opcode, bad[i].sa, false);

		CU_ASSERT_EQUAL(s.key, KEY_ILLEGAL_REQUEST);
		CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_INVALID_FIELD_IN_CDB);
		CU_ASSERT_EQUAL(w.len, 0);
	}
}

static const struct test tests[] = {
	{ "standard INQUIRY data", standard_data },
	{ "3PC only with third-party copy", no_third_party_copy_no_bit },
	{ "names fill their fields to the last byte", long_names_are_cut },
	{ "a LUN that does not exist has qualifier 011b and type 1Fh", missing_lun },
	{ "READ CAPACITY 10 and 16", capacity },
	{ "READ CAPACITY(10) says FFFFFFFFh when it cannot say more",
	  big_disks_need_the_long_form },
	{ "REPORT LUNS data", lun_list },
	{ "every LUN number round-trips", luns_round_trip },
	{ "LUNs of other shapes are refused", foreign_luns_are_refused },
	{ "RSOC 000b lists what is supported", all_opcodes },
	{ "RSOC with RCTD adds timeouts descriptors", all_opcodes_with_timeouts },
	{ "RSOC 001b, 010b, 011b give usage data", one_opcode },
	{ "RSOC says 001b for what is not supported", unsupported_opcodes },
	{ "RSOC is 5/24/00 for the wrong reporting option", rsoc_refusals },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_inquiry", tests);
}
