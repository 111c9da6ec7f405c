/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "iscsi_pdu.h"

static const uint8_t opcodes[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x20,
				   0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f };

static bool is_known(uint8_t opcode)
{
	return memchr(opcodes, opcode, sizeof(opcodes));
}

/* Each byte of a BHS holds its own offset, so that a misplaced field shows. */
static void numbered(uint8_t bhs[ISCSI_BHS_LEN], uint8_t opcode)
{
	for (unsigned i = 0; i < ISCSI_BHS_LEN; i++)
		bhs[i] = (uint8_t)i;
	bhs[0] = opcode;
}

static void common_fields(void)
{
	for (size_t i = 0; i < sizeof(opcodes); i++) {
		uint8_t bhs[ISCSI_BHS_LEN];
		struct iscsi_pdu p;

		numbered(bhs, opcodes[i] | 0x40);
		CU_ASSERT_TRUE(iscsi_pdu_decode(bhs, &p));
		CU_ASSERT_EQUAL(p.opcode, opcodes[i]);
		CU_ASSERT_TRUE(p.immediate);
		CU_ASSERT_EQUAL(p.flags, 1);
		CU_ASSERT_EQUAL(p.ahs_len, 4);
		CU_ASSERT_EQUAL(p.data_len, 0x050607);
		CU_ASSERT_EQUAL(p.itt, 0x10111213);
	}
}

static void decode_encode_is_identity(void)
{
	for (size_t i = 0; i < sizeof(opcodes); i++) {
		uint8_t bhs[ISCSI_BHS_LEN], a[ISCSI_BHS_LEN], b[ISCSI_BHS_LEN];
		struct iscsi_pdu p, q;

		numbered(bhs, opcodes[i]);
		CU_ASSERT_TRUE(iscsi_pdu_decode(bhs, &p));
		iscsi_pdu_encode(&p, a);
		CU_ASSERT_TRUE(iscsi_pdu_decode(a, &q));
		CU_ASSERT_EQUAL(memcmp(&p, &q, sizeof(p)), 0);
		iscsi_pdu_encode(&q, b);
		CHECK_BYTES(b, sizeof(b), a, sizeof(a));
	}
}

static void unknown_opcodes(void)
{
	for (unsigned op = 0; op < 64; op++) {
		uint8_t bhs[ISCSI_BHS_LEN];
		struct iscsi_pdu p;

		numbered(bhs, (uint8_t)op | 0x40);
		CU_ASSERT_EQUAL(iscsi_pdu_decode(bhs, &p), is_known((uint8_t)op));
		if (is_known((uint8_t)op))
			continue;
		CU_ASSERT_EQUAL(p.opcode, op);
		CU_ASSERT_EQUAL(p.itt, 0x10111213);
		CU_ASSERT_EQUAL(p.ahs_len, 4);
		CU_ASSERT_EQUAL(p.data_len, 0x050607);
		CU_ASSERT_FALSE(p.immediate);
		CU_ASSERT_EQUAL(p.flags, 0);
		CU_ASSERT_STRING_EQUAL(iscsi_opcode_name((uint8_t)op), "unknown opcode");
	}
	CU_ASSERT_STRING_EQUAL(iscsi_opcode_name(0x31), "Ready To Transfer");
	CU_ASSERT_STRING_EQUAL(iscsi_opcode_name(0xff), "unknown opcode");
}

static struct iscsi_pdu decode_numbered(uint8_t opcode)
{
	uint8_t bhs[ISCSI_BHS_LEN];
	struct iscsi_pdu p;

	numbered(bhs, opcode);
	CU_ASSERT_TRUE(iscsi_pdu_decode(bhs, &p));
	return p;
}

#define LUN_BYTES 0x08090a0b0c0d0e0full
#define AT20	  0x14151617u
#define AT24	  0x18191a1bu
#define AT28	  0x1c1d1e1fu
#define AT32	  0x20212223u
#define AT36	  0x24252627u
#define AT40	  0x28292a2bu
#define AT44	  0x2c2d2e2fu

static void scsi_command_and_response(void)
{
	struct iscsi_pdu p = decode_numbered(ISCSI_SCSI_CMD);

	CU_ASSERT_EQUAL(p.lun, LUN_BYTES);
	CU_ASSERT_EQUAL(p.cmd.edtl, AT20);
	CU_ASSERT_EQUAL(p.cmd.cmd_sn, AT24);
	CU_ASSERT_EQUAL(p.cmd.exp_stat_sn, AT28);
	CU_ASSERT_EQUAL(p.cmd.cdb[0], 32);
	CU_ASSERT_EQUAL(p.cmd.cdb[15], 47);
	p = decode_numbered(ISCSI_SCSI_RSP);
	CU_ASSERT_EQUAL(p.lun, 0);
	CU_ASSERT_EQUAL(p.rsp.response, 2);
	CU_ASSERT_EQUAL(p.rsp.status, 3);
	CU_ASSERT_EQUAL(p.rsp.snack_tag, AT20);
	CU_ASSERT_EQUAL(p.rsp.stat_sn, AT24);
	CU_ASSERT_EQUAL(p.rsp.exp_cmd_sn, AT28);
	CU_ASSERT_EQUAL(p.rsp.max_cmd_sn, AT32);
	CU_ASSERT_EQUAL(p.rsp.exp_data_sn, AT36);
	CU_ASSERT_EQUAL(p.rsp.bidi_residual, AT40);
	CU_ASSERT_EQUAL(p.rsp.residual, AT44);
}

static void data_pdus(void)
{
	struct iscsi_pdu p = decode_numbered(ISCSI_DATA_OUT);

	CU_ASSERT_EQUAL(p.lun, LUN_BYTES);
	CU_ASSERT_EQUAL(p.data_out.ttt, AT20);
	CU_ASSERT_EQUAL(p.data_out.exp_stat_sn, AT28);
	CU_ASSERT_EQUAL(p.data_out.data_sn, AT36);
	CU_ASSERT_EQUAL(p.data_out.offset, AT40);
	p = decode_numbered(ISCSI_DATA_IN);
	CU_ASSERT_EQUAL(p.lun, LUN_BYTES);
	CU_ASSERT_EQUAL(p.data_in.status, 3);
	CU_ASSERT_EQUAL(p.data_in.ttt, AT20);
	CU_ASSERT_EQUAL(p.data_in.stat_sn, AT24);
	CU_ASSERT_EQUAL(p.data_in.exp_cmd_sn, AT28);
	CU_ASSERT_EQUAL(p.data_in.max_cmd_sn, AT32);
	CU_ASSERT_EQUAL(p.data_in.data_sn, AT36);
	CU_ASSERT_EQUAL(p.data_in.offset, AT40);
	CU_ASSERT_EQUAL(p.data_in.residual, AT44);
	p = decode_numbered(ISCSI_R2T);
	CU_ASSERT_EQUAL(p.lun, LUN_BYTES);
	CU_ASSERT_EQUAL(p.r2t.ttt, AT20);
	CU_ASSERT_EQUAL(p.r2t.stat_sn, AT24);
	CU_ASSERT_EQUAL(p.r2t.exp_cmd_sn, AT28);
	CU_ASSERT_EQUAL(p.r2t.max_cmd_sn, AT32);
	CU_ASSERT_EQUAL(p.r2t.r2t_sn, AT36);
	CU_ASSERT_EQUAL(p.r2t.offset, AT40);
	CU_ASSERT_EQUAL(p.r2t.length, AT44);
	p = decode_numbered(ISCSI_SNACK_REQ);
	CU_ASSERT_EQUAL(p.lun, LUN_BYTES);
	CU_ASSERT_EQUAL(p.snack.type, 1);
	CU_ASSERT_EQUAL(p.snack.ttt, AT20);
	CU_ASSERT_EQUAL(p.snack.exp_stat_sn, AT28);
	CU_ASSERT_EQUAL(p.snack.beg_run, AT40);
	CU_ASSERT_EQUAL(p.snack.run_length, AT44);
}

static void login_pdus(void)
{
	uint8_t bhs[ISCSI_BHS_LEN];
	struct iscsi_pdu p;

	numbered(bhs, ISCSI_LOGIN_REQ | 0x40);
	bhs[1] = 0x80 | 1 << 2 | 3;
	CU_ASSERT_TRUE(iscsi_pdu_decode(bhs, &p));
	CU_ASSERT_EQUAL(p.lun, 0);
	CU_ASSERT_EQUAL(p.login.csg, 1);
	CU_ASSERT_EQUAL(p.login.nsg, 3);
	CU_ASSERT_TRUE(p.flags & ISCSI_LOGIN_TRANSIT);
	CU_ASSERT_EQUAL(p.login.version_max, 2);
	CU_ASSERT_EQUAL(p.login.version_min, 3);
	CHECK_BYTES(p.login.isid, 6, bhs + 8, 6);
	CU_ASSERT_EQUAL(p.login.tsih, 0x0e0f);
	CU_ASSERT_EQUAL(p.login.cid, 0x1415);
	CU_ASSERT_EQUAL(p.login.cmd_sn, AT24);
	CU_ASSERT_EQUAL(p.login.exp_stat_sn, AT28);
	p = decode_numbered(ISCSI_LOGIN_RSP);
	CU_ASSERT_EQUAL(p.login.version_max, 2);
	CU_ASSERT_EQUAL(p.login.version_active, 3);
	CU_ASSERT_EQUAL(p.login.tsih, 0x0e0f);
	CU_ASSERT_EQUAL(p.login.stat_sn, AT24);
	CU_ASSERT_EQUAL(p.login.exp_cmd_sn, AT28);
	CU_ASSERT_EQUAL(p.login.max_cmd_sn, AT32);
	CU_ASSERT_EQUAL(p.login.status_class, 36);
	CU_ASSERT_EQUAL(p.login.status_detail, 37);
}

static void stages_go_into_byte_1(void)
{
	struct iscsi_pdu p = { .opcode = ISCSI_LOGIN_RSP,
			       .flags = ISCSI_LOGIN_TRANSIT,
			       .login = { .csg = 1, .nsg = 3 } };
	uint8_t bhs[ISCSI_BHS_LEN];

	iscsi_pdu_encode(&p, bhs);
	CU_ASSERT_EQUAL(bhs[1], 0x87);
	p = (struct iscsi_pdu) { .opcode = ISCSI_TMF_REQ,
				 .flags = ISCSI_F_FINAL,
				 .tmf = { .function = ISCSI_TMF_LUN_RESET } };
	iscsi_pdu_encode(&p, bhs);
	CU_ASSERT_EQUAL(bhs[1], 0x85);
}

static void text_and_nop(void)
{
	static const uint8_t requests[] = { ISCSI_TEXT_REQ, ISCSI_NOP_OUT };
	static const uint8_t responses[] = { ISCSI_TEXT_RSP, ISCSI_NOP_IN };

	for (int i = 0; i < 2; i++) {
		struct iscsi_pdu p = decode_numbered(requests[i]);

		CU_ASSERT_EQUAL(p.lun, LUN_BYTES);
		CU_ASSERT_EQUAL(p.text.ttt, AT20);
		CU_ASSERT_EQUAL(p.text.cmd_sn, AT24);
		CU_ASSERT_EQUAL(p.text.exp_stat_sn, AT28);
		p = decode_numbered(responses[i]);
		CU_ASSERT_EQUAL(p.lun, LUN_BYTES);
		CU_ASSERT_EQUAL(p.text.ttt, AT20);
		CU_ASSERT_EQUAL(p.text.stat_sn, AT24);
		CU_ASSERT_EQUAL(p.text.exp_cmd_sn, AT28);
		CU_ASSERT_EQUAL(p.text.max_cmd_sn, AT32);
	}
}

static void task_management_and_logout(void)
{
	struct iscsi_pdu p = decode_numbered(ISCSI_TMF_REQ);

	CU_ASSERT_EQUAL(p.lun, LUN_BYTES);
	CU_ASSERT_EQUAL(p.tmf.function, 1);
	CU_ASSERT_EQUAL(p.tmf.ref_tag, AT20);
	CU_ASSERT_EQUAL(p.tmf.cmd_sn, AT24);
	CU_ASSERT_EQUAL(p.tmf.exp_stat_sn, AT28);
	CU_ASSERT_EQUAL(p.tmf.ref_cmd_sn, AT32);
	CU_ASSERT_EQUAL(p.tmf.exp_data_sn, AT36);
	p = decode_numbered(ISCSI_TMF_RSP);
	CU_ASSERT_EQUAL(p.tmf_rsp.response, 2);
	CU_ASSERT_EQUAL(p.tmf_rsp.stat_sn, AT24);
	CU_ASSERT_EQUAL(p.tmf_rsp.exp_cmd_sn, AT28);
	CU_ASSERT_EQUAL(p.tmf_rsp.max_cmd_sn, AT32);
	p = decode_numbered(ISCSI_LOGOUT_REQ);
	CU_ASSERT_EQUAL(p.logout.reason, 1);
	CU_ASSERT_EQUAL(p.logout.cid, 0x1415);
	CU_ASSERT_EQUAL(p.logout.cmd_sn, AT24);
	CU_ASSERT_EQUAL(p.logout.exp_stat_sn, AT28);
	p = decode_numbered(ISCSI_LOGOUT_RSP);
	CU_ASSERT_EQUAL(p.logout.response, 2);
	CU_ASSERT_EQUAL(p.logout.stat_sn, AT24);
	CU_ASSERT_EQUAL(p.logout.exp_cmd_sn, AT28);
	CU_ASSERT_EQUAL(p.logout.max_cmd_sn, AT32);
	CU_ASSERT_EQUAL(p.logout.time2wait, 0x2829);
	CU_ASSERT_EQUAL(p.logout.time2retain, 0x2a2b);
}

static void reject_and_async(void)
{
	struct iscsi_pdu p = decode_numbered(ISCSI_REJECT);

	CU_ASSERT_EQUAL(p.lun, 0);
	CU_ASSERT_EQUAL(p.reject.reason, 2);
	CU_ASSERT_EQUAL(p.reject.stat_sn, AT24);
	CU_ASSERT_EQUAL(p.reject.exp_cmd_sn, AT28);
	CU_ASSERT_EQUAL(p.reject.max_cmd_sn, AT32);
	CU_ASSERT_EQUAL(p.reject.data_sn, AT36);
	p = decode_numbered(ISCSI_ASYNC);
	CU_ASSERT_EQUAL(p.lun, LUN_BYTES);
	CU_ASSERT_EQUAL(p.async.stat_sn, AT24);
	CU_ASSERT_EQUAL(p.async.exp_cmd_sn, AT28);
	CU_ASSERT_EQUAL(p.async.max_cmd_sn, AT32);
	CU_ASSERT_EQUAL(p.async.event, 36);
	CU_ASSERT_EQUAL(p.async.vcode, 37);
	CU_ASSERT_EQUAL(p.async.param1, 0x2627);
	CU_ASSERT_EQUAL(p.async.param2, 0x2829);
	CU_ASSERT_EQUAL(p.async.param3, 0x2a2b);
}

static void serial_numbers(void)
{
	CU_ASSERT_TRUE(iscsi_sn_lt(1, 2));
	CU_ASSERT_FALSE(iscsi_sn_lt(2, 2));
	CU_ASSERT_TRUE(iscsi_sn_lt(0xffffffff, 0));
	CU_ASSERT_FALSE(iscsi_sn_lt(0, 0xffffffff));
	CU_ASSERT_TRUE(iscsi_sn_lt(0xfffffff0, 0x10));
}

static void padding(void)
{
	CU_ASSERT_EQUAL(iscsi_pad(0), 0);
	CU_ASSERT_EQUAL(iscsi_pad(1), 3);
	CU_ASSERT_EQUAL(iscsi_pad(2), 2);
	CU_ASSERT_EQUAL(iscsi_pad(3), 1);
	CU_ASSERT_EQUAL(iscsi_pad(0xffffff), 1);
}

static void additional_headers(void)
{
	/* READ(32) from its byte 16 on, then a bidirectional length. */
	static const uint8_t wire[] = { 0,  17, 1,  0,	16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
					26, 27, 28, 29, 30, 31, 0,  5,	2,  0,	1,  2,	3,  4 };
	struct iscsi_ahs a;
	uint8_t b[64];
	struct writer w = writer(b, sizeof(b));

	CU_ASSERT_TRUE(iscsi_ahs_decode(wire, 0, &a));
	CU_ASSERT_TRUE(!a.bidi && a.cdb_len == 0);
	CU_ASSERT_TRUE(iscsi_ahs_decode(wire, sizeof(wire), &a));
	CU_ASSERT_EQUAL(a.cdb_len, 32);
	CHECK_BYTES(a.cdb, sizeof(a.cdb), wire + 4, 16);
	CU_ASSERT_TRUE(a.bidi);
	CU_ASSERT_EQUAL(a.bidi_len, 0x01020304);
	CU_ASSERT_EQUAL(iscsi_ahs_encode(&a, &w), sizeof(wire) / 4);
	CHECK_BYTES(b, w.len, wire, sizeof(wire));
	CU_ASSERT_TRUE(iscsi_ahs_decode(wire, 20, &a));
	CU_ASSERT_FALSE(a.bidi);
	/* One byte more than 16, padded. */
	CU_ASSERT_TRUE(
		iscsi_ahs_decode((const uint8_t[]) { 0, 2, 0xc1, 0, 9, 0xff, 0xff, 0xff }, 8, &a));
	CU_ASSERT_EQUAL(a.cdb_len, 17);
	CU_ASSERT_EQUAL(a.cdb[0], 9);
	CU_ASSERT_EQUAL(a.cdb[1], 0);
}

/* The longest that TotalAHSLength allows: what does not fit is not looked at. */
static void longest_cdb(void)
{
	uint8_t ahs[255 * 4] = { 0x03, 0xf9, 1 };
	struct iscsi_ahs a;

	memset(ahs + 4, 0x5a, sizeof(ahs) - 4);
	CU_ASSERT_TRUE(iscsi_ahs_decode(ahs, sizeof(ahs), &a));
	CU_ASSERT_EQUAL(a.cdb_len, 1017 + 15);
	CU_ASSERT_EQUAL(a.cdb[15], 0x5a);
}

static void malformed_headers(void)
{
	static const struct {
		size_t len;
		uint8_t p[16];
	} rows[] = {
		{ 4, { 0, 0, 1, 0 } },			     /* no CDB byte          */
		{ 4, { 0, 1, 1, 0 } },			     /* likewise             */
		{ 4, { 0, 2, 1, 0 } },			     /* beyond the end       */
		{ 8, { 0xff, 0xff, 1 } },		     /* likewise             */
		{ 8, { 0, 4, 2 } },			     /* too short for a length */
		{ 12, { 0, 6, 2 } },			     /* too long             */
		{ 8, { 0, 5, 3 } },			     /* no such type         */
		{ 8, { 0, 5, 0 } },			     /* likewise             */
		{ 16, { 0, 5, 1, 0, 0, 0, 0, 0, 0, 5, 1 } }, /* twice                */
		{ 16, { 0, 5, 2, 0, 0, 0, 0, 0, 0, 5, 2 } }, /* likewise             */
		{ 12, { 0, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0 } }, /* nonsense behind it   */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct iscsi_ahs a = { .cdb_len = 77 };

		CU_ASSERT_FALSE(iscsi_ahs_decode(rows[i].p, rows[i].len, &a));
		CU_ASSERT_EQUAL(a.cdb_len, 77);
	}
}

static const struct test tests[] = {
	{ "fields that every PDU has", common_fields },
	{ "encode of decode is the identity for every opcode", decode_encode_is_identity },
	{ "unknown opcodes still say what to skip and whom to reject", unknown_opcodes },
	{ "offsets of SCSI Command and Response", scsi_command_and_response },
	{ "offsets of Data-Out, Data-In, R2T and SNACK", data_pdus },
	{ "offsets of Login Request and Response", login_pdus },
	{ "stages and functions go into byte 1", stages_go_into_byte_1 },
	{ "offsets of Text and NOP", text_and_nop },
	{ "offsets of task management and Logout", task_management_and_logout },
	{ "offsets of Reject and Asynchronous Message", reject_and_async },
	{ "additional headers: extended CDB, bidirectional length", additional_headers },
	{ "the longest extended CDB", longest_cdb },
	{ "malformed additional headers", malformed_headers },
	{ "serial numbers wrap", serial_numbers },
	{ "data segments are padded to four bytes", padding },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_iscsi_pdu", tests);
}
