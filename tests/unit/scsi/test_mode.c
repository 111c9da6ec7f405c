/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "mode.h"

static struct mode_ctx ctx(void)
{
	return (struct mode_ctx) { .block_size = 512,
				   .blocks = 0x100000,
				   .can_wce = true,
				   .current = { .wce = true },
				   .defaults = { .wce = true } };
}

static struct scsi_cdb sense_cmd(bool ten, uint8_t pc, uint8_t page, uint8_t subpage)
{
	return (struct scsi_cdb) { .op = &scsi_ops[ten ? CMD_MODE_SENSE_10 : CMD_MODE_SENSE_6],
				   .pc = pc,
				   .page = page,
				   .subpage = subpage };
}

static struct scsi_cdb select_cmd(bool ten)
{
	return (struct scsi_cdb) { .op = &scsi_ops[ten ? CMD_MODE_SELECT_10 : CMD_MODE_SELECT_6],
				   .pf = true };
}

static void check(const struct scsi_cdb *cdb, const struct mode_ctx *c, const char *hex)
{
	uint8_t got[256], want[256];
	size_t n = test_hex(hex, want, sizeof(want));
	struct writer w = writer(got, sizeof(got));

	CU_ASSERT_TRUE(sense_is_good(mode_sense_encode(&w, cdb, c)));
	CHECK_BYTES(got, w.len, want, n);
}

#define BD_8	     "00 10 00 00 00 00 02 00"
#define CONTROL_PAGE "0A 0A 02 10 00 00 00 00 FF FF 00 00"

static void control_page_as_windows_asks(void)
{
	struct mode_ctx c = ctx();
	struct scsi_cdb cdb = sense_cmd(false, 0, 0x0a, 0);

	check(&cdb, &c, "17 00 10 08" BD_8 CONTROL_PAGE);
	cdb.dbd = true;
	check(&cdb, &c, "0F 00 10 00" CONTROL_PAGE);
	c.read_only = true;
	check(&cdb, &c, "0F 00 90 00" CONTROL_PAGE);
}

static void ten_byte_headers(void)
{
	struct mode_ctx c = ctx();
	struct scsi_cdb cdb = sense_cmd(true, 0, 0x0a, 0xff);

	check(&cdb, &c, "00 1A 00 10 00 00 00 08" BD_8 CONTROL_PAGE);
	cdb.llbaa = true;
	check(&cdb, &c, "00 22 00 10 01 00 00 10 0000000000100000 00000000 00000200" CONTROL_PAGE);
	cdb.dbd = true;
	check(&cdb, &c, "00 12 00 10 00 00 00 00" CONTROL_PAGE);
	c.blocks = 0x123456789;
	cdb = sense_cmd(true, 0, 0x0a, 0);
	check(&cdb, &c, "00 1A 00 10 00 00 00 08 FF FF FF FF 00 00 02 00" CONTROL_PAGE);
}

static void page_control(void)
{
	struct mode_ctx c = ctx();
	struct scsi_cdb cdb = sense_cmd(false, 1, 0x08, 0);

	cdb.dbd = true;
	check(&cdb, &c, "17 00 10 00 08 12 04 0000000000 0000000000 0000000000 00 00");
	c.can_wce = false;
	check(&cdb, &c, "17 00 10 00 08 12 00 0000000000 0000000000 0000000000 00 00");
	cdb.page = 0x0a;
	check(&cdb, &c, "0F 00 10 00 0A 0A 04 00 08 00 00 00 00 00 00 00");
	c.current = (struct mode_state) { .d_sense = true, .swp = true };
	cdb.pc = 0;
	check(&cdb, &c, "0F 00 90 00 0A 0A 06 10 08 00 00 00 FF FF 00 00");
	cdb.pc = 2;
	check(&cdb, &c, "0F 00 90 00" CONTROL_PAGE);
	cdb.page = 0x08;
	check(&cdb, &c, "17 00 90 00 08 12 04 0000000000 0000000000 0000000000 00 00");
}

static void all_pages(void)
{
	static const uint8_t codes[] = { 0x01, 0x02, 0x08, 0x0a, 0x1c };
	struct mode_ctx c = ctx();

	for (int ten = 0; ten < 2; ten++)
		for (int sub = 0; sub < 256; sub += 255) {
			struct scsi_cdb cdb = sense_cmd(ten, 0, 0x3f, (uint8_t)sub);
			uint8_t b[256];
			struct writer w = writer(b, sizeof(b));
			size_t at = ten ? 8 : 4;

			cdb.dbd = true;
			CU_ASSERT_TRUE(sense_is_good(mode_sense_encode(&w, &cdb, &c)));
			for (size_t i = 0; i < sizeof(codes); i++) {
				CU_ASSERT_EQUAL(b[at], codes[i]);
				at += b[at + 1] + 2u;
			}
			CU_ASSERT_EQUAL(at, w.len);
			CU_ASSERT_EQUAL(ten ? get_be16(b) + 2u : b[0] + 1u, w.len);
		}
}

static void sense_refusals(void)
{
	struct mode_ctx c = ctx();
	uint8_t b[64];
	struct writer w = writer(b, sizeof(b));
	struct scsi_cdb cdb = sense_cmd(false, 3, 0x0a, 0);
	struct sense s = mode_sense_encode(&w, &cdb, &c);

	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_SAVING_PARAMETERS_UNSUPPORTED);
	cdb = sense_cmd(false, 0, 0x19, 0);
	s = mode_sense_encode(&w, &cdb, &c);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT_EQUAL(s.field, 2);
	cdb = sense_cmd(false, 0, 0x0a, 1);
	s = mode_sense_encode(&w, &cdb, &c);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT_EQUAL(s.field, 3);
	CU_ASSERT_EQUAL(w.len, 0);
}

static struct sense mode_select(const char *hex, bool ten, const struct mode_ctx *c,
				struct mode_state *ret)
{
	uint8_t pl[256];
	size_t n = test_hex(hex, pl, sizeof(pl));
	struct scsi_cdb cdb = select_cmd(ten);

	return mode_select_decode(pl, n, &cdb, c, ret);
}

static void selects(const char *hex, bool ten, struct mode_state want)
{
	struct mode_ctx c = ctx();
	struct mode_state got = { 0 };

	CU_ASSERT_TRUE(sense_is_good(mode_select(hex, ten, &c, &got)));
	CU_ASSERT_EQUAL(got.wce, want.wce);
	CU_ASSERT_EQUAL(got.d_sense, want.d_sense);
	CU_ASSERT_EQUAL(got.swp, want.swp);
}

static void accepted_lists(void)
{
	selects("", false, (struct mode_state) { .wce = true });
	selects("00 00 00 00", false, (struct mode_state) { .wce = true });
	/* Windows: the page that it read, QERR=0 */
	selects("00 00 00 00" CONTROL_PAGE, false, (struct mode_state) { .wce = true });
	selects("17 00 10 08" BD_8 CONTROL_PAGE, false, (struct mode_state) { .wce = true });
	selects("00 00 00 08 00 00 00 00 00 00 00 00 8A 0A 06 10 08 00 00 00 FF FF 00 00", false,
		(struct mode_state) { .wce = true, .d_sense = true, .swp = true });
	selects("00 00 00 00 00 00 00 00 08 12 00 0000000000 0000000000 0000000000 00 00", true,
		(struct mode_state) { 0 });
	selects("00 00 00 00 01 00 00 10 FFFFFFFFFFFFFFFF 00000000 00000200" CONTROL_PAGE, true,
		(struct mode_state) { .wce = true });
	selects("00 00 00 00 00 00 00 00 08 12 00 0000000000 0000000000 0000000000 00 00"
		"0A 0A 06 10 00 00 00 00 FF FF 00 00",
		true, (struct mode_state) { .d_sense = true });
}

static void refused(const char *hex, bool ten, unsigned asc, int byte)
{
	struct mode_ctx c = ctx();
	struct mode_state got = { .swp = true };
	struct sense s;

	c.can_wce = false;
	s = mode_select(hex, ten, &c, &got);
	CU_ASSERT_EQUAL(s.key, KEY_ILLEGAL_REQUEST);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), asc);
	if (byte >= 0) {
		CU_ASSERT_TRUE(s.flags & SENSE_FIELD_PL);
		CU_ASSERT_EQUAL(s.field, byte);
	}
	CU_ASSERT_TRUE(got.swp && !got.wce);
}

static void refused_lists(void)
{
	const unsigned cut = ASC_PARAMETER_LIST_LENGTH_ERROR;
	const unsigned bad = ASC_INVALID_FIELD_IN_PARAMETER_LIST;

	refused("00 00 00", false, cut, -1);
	refused("00 00 00 00", true, cut, -1);
	refused("00 00 00 08 00 00", false, cut, -1);
	refused("00 00 00 00 0A", false, cut, -1);
	refused("00 00 00 00 0A 0A 02 10", false, cut, -1);
	refused("00 01 00 00", false, bad, 1);
	refused("00 00 01 00 00 00 00 00", true, bad, 2);
	refused("00 00 00 09", false, bad, 3);
	refused("00 00 00 00 01 00 00 08", true, bad, 6);
	refused("00 00 00 08 00 00 00 01 00 00 00 00", false, bad, 4);
	refused("00 00 00 08 00 00 00 00 00 00 10 00", false, bad, 9);
	refused("00 00 00 00 01 00 00 10 0000000000000000 00000000 00001000", true, bad, 20);
	refused("00 00 00 00 19 0A 00 00 00 00 00 00 00 00 00 00", false, bad, 4);
	refused("00 00 00 00 4A 0A 02 10", false, bad, 4);
	refused("00 00 00 00 0A 09 02 10 00 00 00 00 FF FF 00", false, bad, 5);
	/* QERR=1, TAS=1, WCE when it is not changeable */
	refused("00 00 00 00 0A 0A 02 12 00 00 00 00 FF FF 00 00", false, bad, 7);
	refused("00 00 00 00 0A 0A 02 10 00 40 00 00 FF FF 00 00", false, bad, 9);
	refused("00 00 00 00 08 12 00 0000000000 0000000000 0000000000 00 00", false, bad, 6);
	refused("00 00 00 00" CONTROL_PAGE "1C 0A 00 00 00 00 00 00 00 00 00 00", false, bad, 18);
}

static void sp_and_pf(void)
{
	struct mode_ctx c = ctx();
	struct mode_state got;
	struct scsi_cdb cdb = select_cmd(false);
	uint8_t pl[32];
	size_t n = test_hex("00 00 00 00" CONTROL_PAGE, pl, sizeof(pl));
	struct sense s;

	cdb.sp = true;
	s = mode_select_decode(pl, n, &cdb, &c, &got);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT_TRUE(s.field == 1 && s.bit == 0 && s.flags & SENSE_FIELD_BIT);
	cdb.sp = cdb.pf = false;
	s = mode_select_decode(pl, n, &cdb, &c, &got);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT_TRUE(s.field == 1 && s.bit == 4 && s.flags & SENSE_FIELD_BIT);
	CU_ASSERT_TRUE(sense_is_good(mode_select_decode(pl, 4, &cdb, &c, &got)));
	CU_ASSERT_TRUE(got.wce);
}

/* What MODE SENSE says can be sent back as it is. */
static void sense_then_select(void)
{
	for (int bits = 0; bits < 8; bits++)
		for (int ten = 0; ten < 2; ten++) {
			struct mode_ctx c = ctx();
			struct scsi_cdb in = sense_cmd(ten, 0, 0x3f, 0), out = select_cmd(ten);
			struct mode_state got;
			uint8_t b[256];
			struct writer w = writer(b, sizeof(b));

			c.current = (struct mode_state) { .wce = bits & 1,
							  .d_sense = bits & 2,
							  .swp = bits & 4 };
			CU_ASSERT_TRUE(sense_is_good(mode_sense_encode(&w, &in, &c)));
			c.current = (struct mode_state) { 0 };
			CU_ASSERT_TRUE(sense_is_good(mode_select_decode(b, w.len, &out, &c, &got)));
			CU_ASSERT_EQUAL(got.wce, !!(bits & 1));
			CU_ASSERT_EQUAL(got.d_sense, !!(bits & 2));
			CU_ASSERT_EQUAL(got.swp, !!(bits & 4));
		}
}

static void control_as_an_initiator_reads_it(void)
{
	uint8_t b[64], list[64], want[64];
	struct mode_control c = { .qerr = 7 };
	size_t n = test_hex("17 00 90 08" BD_8 "8A 0A 26 16 08 00 00 00 FF FF 00 00", b, sizeof(b));

	CU_ASSERT_FALSE(mode_control_decode(b, 3, &c));
	CU_ASSERT_EQUAL(c.qerr, 7);
	CU_ASSERT_TRUE(mode_control_decode(b, n, &c));
	CU_ASSERT_TRUE(c.wp && c.tst && c.d_sense && c.swp);
	CU_ASSERT_EQUAL(c.qerr, 3);
	CU_ASSERT_EQUAL(c.page_len, 12);
	/* back with QERR 0: no PS, no block descriptor, all else as it was */
	n = mode_control_encode(list, sizeof(list), &c, 0);
	test_hex("00 00 00 00 0A 0A 26 10 08 00 00 00 FF FF 00 00", want, sizeof(want));
	CHECK_BYTES(list, n, want, 16);
	/* a page that did not come whole is none */
	CU_ASSERT_TRUE(mode_control_decode(b, 23, &c));
	CU_ASSERT_TRUE(c.wp && c.page == NULL && c.qerr == 0);
	CU_ASSERT_EQUAL(mode_control_encode(list, sizeof(list), &c, 0), 0);
	b[3] = 0xff; /* nor one that a block descriptor hides */
	CU_ASSERT_TRUE(mode_control_decode(b, 24, &c));
	CU_ASSERT_PTR_NULL(c.page);
}

static const struct test tests[] = {
	{ "MODE SENSE(6) of the control page: QERR=0, TAS=0, DPOFUA, WP",
	  control_page_as_windows_asks },
	{ "MODE SENSE(10) headers and block descriptors", ten_byte_headers },
	{ "current, changeable and default values", page_control },
	{ "page 3Fh gives every page in order", all_pages },
	{ "saved values 5/39/00, unknown pages 5/24/00", sense_refusals },
	{ "parameter lists that are accepted", accepted_lists },
	{ "parameter lists that are refused, and where", refused_lists },
	{ "SP=1 and PF=0 with pages are 5/24/00", sp_and_pf },
	{ "what MODE SENSE says can be selected", sense_then_select },
	{ "an initiator reads the control page and writes it back",
	  control_as_an_initiator_reads_it },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_mode", tests);
}
