/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "sample_lu.h"

static void inquiry_round_trips(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[128];
	struct writer w = writer(b, sizeof(b));
	struct inquiry q = { .type = 9 };

	inquiry_encode(&w, &lu);
	CU_ASSERT_FALSE(inquiry_decode(b, 35, &q));
	CU_ASSERT_EQUAL(q.type, 9);
	CU_ASSERT_TRUE(inquiry_decode(b, 36, &q));
	CU_ASSERT_EQUAL(q.qualifier, 0);
	CU_ASSERT_EQUAL(q.type, 0);
	CU_ASSERT_EQUAL(q.version, 6);
	CU_ASSERT_TRUE(q.tpc && q.cmdque && !q.removable);
	CU_ASSERT_STRING_EQUAL(q.vendor, "ODX");
	CU_ASSERT_STRING_EQUAL(q.product, "Disk");
	CU_ASSERT_STRING_EQUAL(q.revision, "0001");
	b[9] = 0x1b; /* an escape is not for terminals */
	CU_ASSERT_TRUE(inquiry_decode(b, 36, &q));
	CU_ASSERT_STRING_EQUAL(q.vendor, "O?X");
	w = writer(b, sizeof(b));
	inquiry_encode_no_lun(&w);
	CU_ASSERT_TRUE(inquiry_decode(b, w.len, &q));
	CU_ASSERT_EQUAL(q.qualifier, 3);
	CU_ASSERT_EQUAL(q.type, 0x1f);
	CU_ASSERT_STRING_EQUAL(q.vendor, "");
}

static bool ordered(const char *hex)
{
	uint8_t b[64];
	struct vpd_list list;
	size_t n = test_hex(hex, b, sizeof(b));

	CU_ASSERT_TRUE(vpd_00_decode(b, n, &list));
	return list.ordered;
}

static void page_list_as_windows_reads_it(void)
{
	uint8_t b[8] = { 0, 0, 0, 200, 0, 0x80 };
	struct vpd_list list = { .n = 9 };

	CU_ASSERT_TRUE(ordered("00 00 00 03 00 80 8F"));
	CU_ASSERT_FALSE(ordered("00 00 00 02 80 8F"));
	CU_ASSERT_FALSE(ordered("00 00 00 03 00 8F 80"));
	CU_ASSERT_FALSE(ordered("00 00 00 03 00 8F 8F"));
	CU_ASSERT_FALSE(ordered("00 00 00 00"));
	CU_ASSERT_FALSE(vpd_00_decode(b, 3, &list));
	b[1] = 0x80;
	CU_ASSERT_FALSE(vpd_00_decode(b, 8, &list));
	CU_ASSERT_EQUAL(list.n, 9);
	b[1] = 0;
	CU_ASSERT_TRUE(vpd_00_decode(b, 6, &list));
	CU_ASSERT_EQUAL(list.n, 2);
	CU_ASSERT_EQUAL(list.pages[1], 0x80);
}

static void list_longer_than_256(void)
{
	uint8_t b[600] = { 0, 0, 2, 0 };
	struct vpd_list list;

	CU_ASSERT_TRUE(vpd_00_decode(b, sizeof(b), &list));
	CU_ASSERT_EQUAL(list.n, 256);
	CU_ASSERT_FALSE(list.ordered);
}

static void serial(void)
{
	uint8_t b[16] = { 0, 0x80, 0, 8, ' ', 'a', 'b', 'c', 'd', ' ', ' ', 0 };
	char s[5] = "zzzz";

	CU_ASSERT_TRUE(vpd_80_decode(b, 12, s, sizeof(s)));
	CU_ASSERT_STRING_EQUAL(s, "abcd");
	CU_ASSERT_TRUE(vpd_80_decode(b, 12, s, 3));
	CU_ASSERT_STRING_EQUAL(s, "ab");
	CU_ASSERT_TRUE(vpd_80_decode(b, 6, s, sizeof(s)));
	CU_ASSERT_STRING_EQUAL(s, "a");
	CU_ASSERT_TRUE(vpd_80_decode(b, 4, s, sizeof(s)));
	CU_ASSERT_STRING_EQUAL(s, "");
	CU_ASSERT_FALSE(vpd_80_decode(b, 3, s, sizeof(s)));
	CU_ASSERT_FALSE(vpd_80_decode(b, 12, s, 0));
	b[1] = 0x83;
	CU_ASSERT_FALSE(vpd_80_decode(b, 12, s, sizeof(s)));
}

static void designators(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[512], want[8];
	struct writer w = writer(b, sizeof(b));
	struct vpd_designator d;
	size_t pos = 4, n;

	CU_ASSERT_TRUE(vpd_encode(&w, 0x83, &lu));
	CU_ASSERT_TRUE(vpd_83_next(b, w.len, &pos, &d));
	CU_ASSERT_EQUAL(d.type, 1);
	CU_ASSERT_TRUE(vpd_83_next(b, w.len, &pos, &d));
	CU_ASSERT_EQUAL(d.code_set, 1);
	CU_ASSERT_EQUAL(d.association, 0);
	CU_ASSERT_EQUAL(d.type, 3);
	n = test_hex("30 00 11 22 33 44 55 66", want, 8);
	CHECK_BYTES(d.id, d.len, want, n);
	CU_ASSERT_TRUE(vpd_83_next(b, w.len, &pos, &d));
	CU_ASSERT_EQUAL(d.association, 1);
	pos = SIZE_MAX;
	CU_ASSERT_FALSE(vpd_83_next(b, w.len, &pos, &d));
	pos = 0;
	CU_ASSERT_FALSE(vpd_83_next(b, w.len, &pos, &d));
}

static void cut_designators(void)
{
	uint8_t b[] = { 0, 0x83, 0, 12, 1, 3, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8 };
	struct vpd_designator d;
	size_t pos = 4;

	CU_ASSERT_FALSE(vpd_83_next(b, 15, &pos, &d));
	CU_ASSERT_FALSE(vpd_83_next(b, 7, &pos, &d));
	CU_ASSERT_FALSE(vpd_83_next(b, 4, &pos, &d));
	CU_ASSERT_FALSE(vpd_83_next(b, 0, &pos, &d));
	b[3] = 11;
	CU_ASSERT_FALSE(vpd_83_next(b, 16, &pos, &d));
	CU_ASSERT_EQUAL(pos, 4);
}

static void page_8f_round_trips(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[1024];
	struct writer w = writer(b, sizeof(b));
	struct vpd_8f v;

	CU_ASSERT_TRUE(vpd_encode(&w, 0x8f, &lu));
	CU_ASSERT_TRUE(vpd_8f_decode(b, w.len, &v));
	CU_ASSERT_TRUE(v.windows_ok);
	CU_ASSERT_EQUAL(v.max_ranges, 64);
	CU_ASSERT_EQUAL(v.max_timeout, 600);
	CU_ASSERT_EQUAL(v.default_timeout, 60);
	CU_ASSERT_EQUAL(v.max_token_blocks, 0x200000);
	CU_ASSERT_EQUAL(v.optimal_blocks, 0x20000);
	CU_ASSERT_EQUAL(v.ncommands, 11);
	CU_ASSERT_EQUAL(v.commands[9].opcode, 0x84);
	CU_ASSERT_EQUAL(v.commands[9].sa, 0x07);
	CU_ASSERT_EQUAL(v.nrod_types, 2);
	CU_ASSERT_TRUE(v.rod_types[0].in && v.rod_types[0].out);
	CU_ASSERT_EQUAL(v.rod_types[1].type, ROD_TYPE_ZERO);
	CU_ASSERT_TRUE(v.rod_types[1].in && !v.rod_types[1].out);
	CU_ASSERT_EQUAL(v.remote_tokens, 0);
	CU_ASSERT_EQUAL(v.granularity_blocks, 8);
	CU_ASSERT_EQUAL(v.max_rod_bytes, 1u << 30);
	/* Windows reads 255 bytes: the limits are there */
	CU_ASSERT_TRUE(vpd_8f_decode(b, 255, &v));
	CU_ASSERT_TRUE(v.windows_ok);
	CU_ASSERT_EQUAL(v.max_ranges, 64);
}

static void page_8f_that_windows_refuses(void)
{
	struct lu_info lu = sample_lu();
	static const struct {
		unsigned at;
		uint8_t v;
	} edits[] = { { 5, 1 }, { 7, 0x24 }, { 6, 1 } };
	uint8_t b[1024];
	struct vpd_8f v;

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct writer w = writer(b, sizeof(b));

		vpd_encode(&w, 0x8f, &lu);
		b[edits[i].at] = edits[i].v;
		CU_ASSERT_TRUE(vpd_8f_decode(b, w.len, &v));
		CU_ASSERT_FALSE(v.windows_ok);
	}
	for (size_t n = 0; n < 40; n++) {
		struct writer w = writer(b, n);

		vpd_encode(&w, 0x8f, &lu);
		if (vpd_8f_decode(b, n, &v))
			CU_ASSERT_FALSE(v.windows_ok);
	}
	b[1] = 0x83;
	CU_ASSERT_FALSE(vpd_8f_decode(b, 40, &v));
}

/* Lists inside descriptors that claim more than their descriptor holds. */
static void lying_8f_lists_are_bounded(void)
{
	uint8_t b[128] = { 0 };
	struct vpd_8f v;

	test_hex("00 8F 00 0C 00 01 00 08 FF 83 02 10 11 84 09 07", b, sizeof(b));
	CU_ASSERT_TRUE(vpd_8f_decode(b, 16, &v));
	CU_ASSERT_EQUAL(v.ncommands, 2); /* 84h's nine are not all there */
	test_hex("00 8F 00 48 01 08 00 44 00 00 FF FF 00 80 00 00 03", b, sizeof(b));
	CU_ASSERT_TRUE(vpd_8f_decode(b, 4 + 72, &v));
	CU_ASSERT_EQUAL(v.nrod_types, 1);
	/* descriptors too short for what they should hold are stepped over */
	test_hex("00 8F 00 10 00 00 00 00 00 01 00 00 01 06 00 00 01 08 00 00", b, sizeof(b));
	CU_ASSERT_TRUE(vpd_8f_decode(b, 20, &v));
	CU_ASSERT_TRUE(v.ncommands == 0 && v.nrod_types == 0 && !v.windows_ok);
}

static void block_limits(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[64];
	struct writer w = writer(b, sizeof(b));
	struct vpd_b0 v = { 0 };

	lu.max_transfer_blocks = 77;
	lu.opt_transfer_blocks = 66;
	vpd_encode(&w, 0xb0, &lu);
	CU_ASSERT_FALSE(vpd_b0_decode(b, 15, &v));
	CU_ASSERT_TRUE(vpd_b0_decode(b, 16, &v));
	CU_ASSERT_EQUAL(v.granularity_blocks, 8);
	CU_ASSERT_EQUAL(v.max_transfer_blocks, 77);
	CU_ASSERT_EQUAL(v.opt_transfer_blocks, 66);
	b[1] = 0xb1;
	CU_ASSERT_FALSE(vpd_b0_decode(b, 16, &v));
}

static void provisioning(void)
{
	uint8_t b[8];
	struct vpd_b2 v = { .type = 5 };

	test_hex("00 B2 00 04 07 E5 02 00", b, sizeof(b));
	CU_ASSERT_FALSE(vpd_b2_decode(b, 7, &v));
	CU_ASSERT_EQUAL(v.type, 5);
	CU_ASSERT_TRUE(vpd_b2_decode(b, 8, &v));
	CU_ASSERT_TRUE(v.lbpu && v.lbpws && v.lbpws10 && !v.anc_sup && v.dp);
	CU_ASSERT_EQUAL(v.threshold_exponent, 7);
	CU_ASSERT_EQUAL(v.lbprz, 1);
	CU_ASSERT_EQUAL(v.type, 2);
}

static void capacities(void)
{
	struct lu_info lu = sample_lu();
	uint8_t b[32];
	struct writer w = writer(b, sizeof(b));
	struct capacity c = { .block_size = 1 };

	read_capacity_16_encode(&w, &lu);
	CU_ASSERT_FALSE(read_capacity_16_decode(b, 14, &c));
	CU_ASSERT_EQUAL(c.block_size, 1);
	CU_ASSERT_TRUE(read_capacity_16_decode(b, 32, &c));
	CU_ASSERT_EQUAL(c.blocks, 0x100000);
	CU_ASSERT_EQUAL(c.block_size, 512);
	CU_ASSERT_EQUAL(c.lbppbe, 3);
	CU_ASSERT_TRUE(c.lbpme && c.lbprz && !c.prot_en);
	memset(b, 0xff, 8); /* 2^64 blocks do not exist */
	CU_ASSERT_FALSE(read_capacity_16_decode(b, 32, &c));
	w = writer(b, sizeof(b));
	read_capacity_10_encode(&w, &lu);
	CU_ASSERT_FALSE(read_capacity_10_decode(b, 7, &c));
	CU_ASSERT_TRUE(read_capacity_10_decode(b, 8, &c));
	CU_ASSERT_EQUAL(c.blocks, 0x100000);
	memset(b, 0xff, 4);
	CU_ASSERT_TRUE(read_capacity_10_decode(b, 8, &c));
	CU_ASSERT_EQUAL(c.blocks, 0x100000000);
}

static const struct test tests[] = {
	{ "INQUIRY data is trimmed and made printable", inquiry_round_trips },
	{ "page 00h is judged as Windows does", page_list_as_windows_reads_it },
	{ "a page list has at most 256 entries", list_longer_than_256 },
	{ "serial numbers are trimmed and fit", serial },
	{ "designators are stepped through", designators },
	{ "cut designators end the steps", cut_designators },
	{ "page 8Fh round-trips, also in 255 bytes", page_8f_round_trips },
	{ "page 8Fh that Windows refuses is marked", page_8f_that_windows_refuses },
	{ "lists of 8Fh that claim too much are bounded", lying_8f_lists_are_bounded },
	{ "page B0h", block_limits },
	{ "page B2h needs 8 bytes", provisioning },
	{ "READ CAPACITY 10 and 16 decode", capacities },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_inquiry_decode", tests);
}
