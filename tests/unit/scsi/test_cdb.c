/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "cdb.h"

static struct sense decode(const char *hex, struct scsi_cdb *ret)
{
	uint8_t b[32];
	size_t n = test_hex(hex, b, sizeof(b));

	return scsi_cdb_decode(b, n, ret);
}

static struct scsi_cdb good(const char *hex)
{
	struct scsi_cdb c = { 0 };

	CU_ASSERT_TRUE_FATAL(sense_is_good(decode(hex, &c)));
	return c;
}

/* 5/24/00 with a pointer at @byte; @bit -1: no bit */
static void refused(const char *hex, unsigned byte, int bit)
{
	struct scsi_cdb c;
	struct sense s = decode(hex, &c);

	CU_ASSERT_EQUAL(s.key, KEY_ILLEGAL_REQUEST);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT_TRUE(s.flags & SENSE_FIELD_CDB);
	CU_ASSERT_EQUAL(s.field, byte);
	CU_ASSERT_EQUAL(s.flags & SENSE_FIELD_BIT ? s.bit : -1, bit);
}

static void read_write(void)
{
	struct scsi_cdb c = good("28 78 01 02 03 04 1f 05 06 00");

	CU_ASSERT_EQUAL(c.op->cmd, CMD_READ_10);
	CU_ASSERT_EQUAL(c.lba, 0x01020304);
	CU_ASSERT_EQUAL(c.blocks, 0x0506);
	CU_ASSERT_EQUAL(c.protect, 3);
	CU_ASSERT_TRUE(c.dpo && c.fua);
	c = good("8a 08 01 02 03 04 05 06 07 08 0a 0b 0c 0d 00 00");
	CU_ASSERT_EQUAL(c.lba, 0x0102030405060708);
	CU_ASSERT_EQUAL(c.blocks, 0x0a0b0c0d);
	CU_ASSERT_TRUE(c.fua && !c.dpo);
	c = good("a8 10 ff ff ff fe 01 00 00 00 00 00");
	CU_ASSERT_EQUAL(c.op->cmd, CMD_READ_12);
	CU_ASSERT_EQUAL(c.lba, 0xfffffffe);
	CU_ASSERT_EQUAL(c.blocks, 0x01000000);
	CU_ASSERT_EQUAL(scsi_cdb_data_len(&c, 4096), 0x1000000ull * 4096);
}

static void read_6_length_0_is_256(void)
{
	struct scsi_cdb c = good("08 1f ff ff 00 00");
	uint8_t b[16];

	CU_ASSERT_EQUAL(c.lba, 0x1fffff);
	CU_ASSERT_EQUAL(c.blocks, 256);
	CU_ASSERT_EQUAL(scsi_cdb_encode(&c, b), 6);
	CU_ASSERT_EQUAL(b[4], 0);
	CU_ASSERT_EQUAL(good("0a 00 00 00 01 00").blocks, 1);
	CU_ASSERT_EQUAL(good("28 00 00 00 00 00 00 00 00 00").blocks, 0);
}

static void obsolete_bits_are_tolerated(void)
{
	CU_ASSERT_EQUAL(good("08 ff ff ff 01 00").lba, 0x1fffff);
	good("00 e0 00 00 00 00");
	good("12 e1 80 00 ff 00");
	good("28 02 00 00 00 00 00 00 01 00"); /* FUA_NV */
	good("35 04 00 00 00 00 00 00 00 00"); /* SYNC_NV */
	good("00 00 00 00 00 c3");	       /* vendor specific, FLAG, LINK */
}

static void reserved_bits_are_pointed_at(void)
{
	refused("00 00 00 00 01 00", 4, 0);
	refused("00 1f 00 00 00 00", 1, 4);
	refused("25 00 00 00 00 01 00 00 00 00", 5, 0);
	refused("28 01 00 00 00 00 00 00 01 00", 1, 0); /* RELADR */
	refused("28 04 00 00 00 00 00 00 01 00", 1, 2);
	refused("28 00 00 00 00 00 e0 00 01 00", 6, 7);
	refused("12 02 00 00 ff 00", 1, 1); /* CMDDT */
	refused("9e 30 00 00 00 00 00 00 00 00 00 00 00 20 00 00", 1, 5);
	refused("a0 00 00 01 00 00 00 00 00 10 00 00", 3, 0);
	refused("00 00 00 00 00 38", 5, 5);
}

static void naca_is_refused(void)
{
	refused("00 00 00 00 00 04", 5, 2);
	refused("83 10 00 00 00 00 00 00 00 01 00 00 00 20 00 04", 15, 2);
	refused("84 07 00 00 00 01 00 00 00 00 00 00 00 20 00 ff", 15, 2);
}

static void third_party_copy_is_lax(void)
{
	struct scsi_cdb c = good("83 f0 ff ff ff ff 00 00 01 01 00 00 00 30 ff fb");

	CU_ASSERT_EQUAL(c.op->cmd, CMD_POPULATE_TOKEN);
	CU_ASSERT_EQUAL(c.list_id, 257);
	CU_ASSERT_EQUAL(c.len, 48);
	c = good("84 07 00 00 00 2A ff ff ff ff 00 00 03 25 ff 00");
	CU_ASSERT_EQUAL(c.list_id, 0x2a);
	CU_ASSERT_EQUAL(c.len, 805);
	CU_ASSERT_EQUAL(scsi_cdb_data_len(&c, 512), 805);
}

static void unknown_commands(void)
{
	struct scsi_cdb c = { .lba = 77 };
	struct sense s = decode("43 00 00 00 00 00 00 00 00 00", &c);

	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_INVALID_OPCODE);
	CU_ASSERT_EQUAL(c.lba, 77);
	refused("83 12 00 00 00 00 00 00 00 00 00 00 00 00 00 00", 1, 4);
	refused("9e 13 00 00 00 00 00 00 00 00 00 00 00 00 00 00", 1, 4);
}

static void short_cdbs(void)
{
	refused("", 0, -1);
	refused("28", 1, -1);
	refused("28 00 00 00 00 00 00 00 00", 9, -1);
	refused("83 10 00 00 00 00", 6, -1);
	CU_ASSERT_EQUAL(sense_asc_ascq(decode("ff", &(struct scsi_cdb) { 0 })), ASC_INVALID_OPCODE);
	/* longer than the row: iSCSI always carries 16 bytes */
	good("00 00 00 00 00 00 ff ff");
}

static void mode_and_inquiry(void)
{
	struct scsi_cdb c = good("1a 08 8a 03 c0 00");

	CU_ASSERT_TRUE(c.dbd);
	CU_ASSERT_EQUAL(c.pc, 2);
	CU_ASSERT_EQUAL(c.page, 0x0a);
	CU_ASSERT_EQUAL(c.subpage, 3);
	CU_ASSERT_EQUAL(c.len, 192);
	c = good("5a 10 3f ff 00 00 00 01 02 00");
	CU_ASSERT_TRUE(c.llbaa && !c.dbd);
	CU_ASSERT_EQUAL(c.page, 0x3f);
	CU_ASSERT_EQUAL(c.subpage, 0xff);
	CU_ASSERT_EQUAL(c.len, 0x102);
	c = good("15 11 00 00 18 00");
	CU_ASSERT_TRUE(c.pf && c.sp);
	CU_ASSERT_EQUAL(scsi_cdb_data_len(&c, 512), 0x18);
	c = good("55 10 00 00 00 00 00 12 34 00");
	CU_ASSERT_TRUE(c.pf && !c.sp);
	CU_ASSERT_EQUAL(c.len, 0x1234);
	c = good("12 01 8f 00 ff 00");
	CU_ASSERT_TRUE(c.evpd);
	CU_ASSERT_EQUAL(c.page, 0x8f);
	CU_ASSERT_EQUAL(c.len, 255);
	CU_ASSERT_EQUAL(good("12 00 00 12 34 00").len, 0x1234);
	c = good("03 01 00 00 fc 00");
	CU_ASSERT_TRUE(c.desc);
	CU_ASSERT_EQUAL(c.len, 252);
}

static void the_rest(void)
{
	struct scsi_cdb c = good("1b 01 00 00 37 00");

	CU_ASSERT_TRUE(c.immed && c.no_flush && c.loej && c.start);
	CU_ASSERT_EQUAL(c.pc, 3);
	c = good("a3 0c 83 83 00 11 00 00 02 00 00 00");
	CU_ASSERT_TRUE(c.rctd);
	CU_ASSERT_EQUAL(c.reporting, 3);
	CU_ASSERT_EQUAL(c.req_opcode, 0x83);
	CU_ASSERT_EQUAL(c.req_sa, 0x11);
	CU_ASSERT_EQUAL(c.len, 0x200);
	c = good("a0 00 02 00 00 00 00 01 00 00 00 00");
	CU_ASSERT_EQUAL(c.select_report, 2);
	CU_ASSERT_EQUAL(c.len, 0x10000);
	c = good("91 02 00 00 00 00 00 00 00 05 00 00 00 06 00 00");
	CU_ASSERT_TRUE(c.immed);
	CU_ASSERT_EQUAL(c.lba, 5);
	CU_ASSERT_EQUAL(c.blocks, 6);
	CU_ASSERT_EQUAL(scsi_cdb_data_len(&c, 512), 0);
	c = good("9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00");
	CU_ASSERT_EQUAL(c.len, 32);
	c = good("25 00 00 00 00 00 00 00 00 00");
	CU_ASSERT_EQUAL(scsi_cdb_data_len(&c, 512), 8);
}

static void verify_moves_data_by_bytchk(void)
{
	struct scsi_cdb c = good("2f 00 00 00 00 01 00 00 08 00");

	CU_ASSERT_EQUAL(scsi_cdb_data_len(&c, 512), 0);
	c = good("2f 02 00 00 00 01 00 00 08 00");
	CU_ASSERT_EQUAL(c.bytchk, 1);
	CU_ASSERT_EQUAL(scsi_cdb_data_len(&c, 512), 8 * 512);
	c = good("8f 16 00 00 00 00 00 00 00 01 00 00 00 08 00 00");
	CU_ASSERT_EQUAL(c.bytchk, 3);
	CU_ASSERT_TRUE(c.dpo);
	CU_ASSERT_EQUAL(scsi_cdb_data_len(&c, 512), 512);
	c.blocks = 0;
	CU_ASSERT_EQUAL(scsi_cdb_data_len(&c, 512), 0);
}

/* Every bit of every row's usage mask survives decode and encode. */
static void every_field_round_trips(void)
{
	for (int i = 0; i < CMD_COUNT; i++) {
		const struct scsi_op *op = &scsi_ops[i];

		for (size_t byte = 1; byte < op->cdb_len; byte++)
			for (unsigned bit = 0; bit < 8; bit++) {
				uint8_t in[16] = { op->opcode, op->sa }, out[16];
				struct scsi_cdb c;
				bool group = op->usage[byte] == 0x1f && byte > 1;

				if (!(op->usage[byte] >> bit & 1) || group ||
				    (byte == 1 && op->has_sa))
					continue;
				in[byte] |= (uint8_t)(1u << bit);
				CU_ASSERT_TRUE(sense_is_good(scsi_cdb_decode(in, op->cdb_len, &c)));
				CU_ASSERT_EQUAL(scsi_cdb_encode(&c, out), op->cdb_len);
				CHECK_BYTES(out, op->cdb_len, in, op->cdb_len);
			}
	}
}

static void naca_can_be_encoded(void)
{
	struct scsi_cdb c = { .op = &scsi_ops[CMD_TEST_UNIT_READY], .naca = true };
	uint8_t b[16];

	CU_ASSERT_EQUAL(scsi_cdb_encode(&c, b), 6);
	CU_ASSERT_EQUAL(b[5], 0x04);
}

static const struct test tests[] = {
	{ "READ and WRITE of all sizes", read_write },
	{ "READ(6) of 0 blocks means 256", read_6_length_0_is_256 },
	{ "obsolete bits are tolerated", obsolete_bits_are_tolerated },
	{ "a reserved bit is 5/24/00 and pointed at", reserved_bits_are_pointed_at },
	{ "NACA=1 is 5/24/00 at the CONTROL byte", naca_is_refused },
	{ "reserved bits of third-party copy commands are ignored", third_party_copy_is_lax },
	{ "unknown opcode 5/20/00, unknown service action 5/24/00", unknown_commands },
	{ "a short CDB points at the first missing byte", short_cdbs },
	{ "mode, INQUIRY and REQUEST SENSE fields", mode_and_inquiry },
	{ "fields of the other commands", the_rest },
	{ "VERIFY moves data as BYTCHK says", verify_moves_data_by_bytchk },
	{ "every bit of every usage mask round-trips", every_field_round_trips },
	{ "NACA can be encoded, for tests", naca_can_be_encoded },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_cdb", tests);
}
