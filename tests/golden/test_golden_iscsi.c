/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "golden.h"
#include "iscsi_pdu.h"

#define LUN_1 0x0001000000000000ull

static struct iscsi_pdu both_ways(const char *name, uint8_t opcode, uint8_t flags)
{
	struct golden g = golden_load(name);
	uint8_t bhs[ISCSI_BHS_LEN];
	struct iscsi_pdu p = { 0 };

	CU_ASSERT_EQUAL_FATAL(g.len, ISCSI_BHS_LEN);
	CU_ASSERT_TRUE_FATAL(iscsi_pdu_decode(g.p, &p));
	CU_ASSERT_EQUAL(p.opcode, opcode);
	CU_ASSERT_EQUAL(p.flags, flags);
	iscsi_pdu_encode(&p, bhs);
	CHECK_BYTES(bhs, sizeof(bhs), g.p, g.len);
	return p;
}

static void login(void)
{
	const uint8_t isid[6] = { 0x00, 0x02, 0x3d, 0x00, 0x00, 0x01 };
	struct iscsi_pdu p = both_ways("iscsi-login-request", ISCSI_LOGIN_REQ, 0x87);

	CU_ASSERT_TRUE(p.immediate);
	CU_ASSERT_TRUE(p.data_len == 301 && p.itt == 5 && p.lun == 0);
	CU_ASSERT_TRUE(p.login.csg == 1 && p.login.nsg == 3);
	CU_ASSERT_TRUE(p.login.cid == 1 && p.login.tsih == 0);
	CU_ASSERT_TRUE(p.login.cmd_sn == 9 && p.login.exp_stat_sn == 10);
	CHECK_BYTES(p.login.isid, 6, isid, 6);
	p = both_ways("iscsi-login-response", ISCSI_LOGIN_RSP, 0x87);
	CU_ASSERT_TRUE(p.login.tsih == 7 && p.login.stat_sn == 10);
	CU_ASSERT_TRUE(p.login.exp_cmd_sn == 9 && p.login.max_cmd_sn == 40);
	CU_ASSERT_TRUE(p.login.status_class == 0 && p.login.status_detail == 0);
	p = both_ways("iscsi-login-reject", ISCSI_LOGIN_RSP, 0x04);
	CU_ASSERT_EQUAL(p.login.status_class << 8 | p.login.status_detail, ISCSI_LOGIN_AUTH_FAILED);
}

static void command(void)
{
	struct iscsi_pdu p = both_ways("iscsi-scsi-command", ISCSI_SCSI_CMD, 0xa1);

	CU_ASSERT_FALSE(p.immediate);
	CU_ASSERT_EQUAL(p.flags & ISCSI_CMD_ATTR, 1);
	CU_ASSERT_TRUE(p.flags & ISCSI_CMD_WRITE && !(p.flags & ISCSI_CMD_READ));
	CU_ASSERT_TRUE(p.lun == LUN_1 && p.itt == 0x10203040 && p.data_len == 48);
	CU_ASSERT_TRUE(p.cmd.edtl == 48 && p.cmd.cmd_sn == 11 && p.cmd.exp_stat_sn == 12);
	CU_ASSERT_TRUE(p.cmd.cdb[0] == 0x83 && p.cmd.cdb[1] == 0x10 && p.cmd.cdb[13] == 0x30);
	p = both_ways("iscsi-scsi-response", ISCSI_SCSI_RSP, 0x82);
	CU_ASSERT_TRUE(p.rsp.response == 0 && p.rsp.status == 2 && p.data_len == 20);
	CU_ASSERT_TRUE(p.rsp.stat_sn == 12 && p.rsp.exp_cmd_sn == 12 && p.rsp.max_cmd_sn == 43);
	CU_ASSERT_TRUE(p.rsp.exp_data_sn == 1 && p.rsp.residual == 16);
}

static void task_management(void)
{
	struct iscsi_pdu p = both_ways("iscsi-tmf-request", ISCSI_TMF_REQ, 0x81);

	CU_ASSERT_TRUE(p.immediate && p.lun == LUN_1);
	CU_ASSERT_EQUAL(p.tmf.function, ISCSI_TMF_ABORT_TASK);
	CU_ASSERT_TRUE(p.tmf.ref_tag == 0x10203040 && p.tmf.ref_cmd_sn == 11);
	p = both_ways("iscsi-tmf-response", ISCSI_TMF_RSP, 0x80);
	CU_ASSERT_EQUAL(p.tmf_rsp.response, ISCSI_TMF_COMPLETE);
	CU_ASSERT_TRUE(p.tmf_rsp.stat_sn == 13 && p.tmf_rsp.max_cmd_sn == 43);
}

static void data(void)
{
	struct iscsi_pdu p = both_ways("iscsi-data-out", ISCSI_DATA_OUT, 0x80);

	CU_ASSERT_TRUE(p.lun == LUN_1 && p.data_len == 0x2000);
	CU_ASSERT_TRUE(p.data_out.ttt == 0x55 && p.data_out.exp_stat_sn == 14);
	CU_ASSERT_TRUE(p.data_out.data_sn == 1 && p.data_out.offset == 0x2000);
	p = both_ways("iscsi-data-in", ISCSI_DATA_IN, 0x83);
	CU_ASSERT_TRUE(p.flags & ISCSI_DATA_STATUS && p.flags & ISCSI_RSP_UNDERFLOW);
	CU_ASSERT_TRUE(p.data_in.ttt == ISCSI_NO_TAG && p.data_in.status == 0);
	CU_ASSERT_TRUE(p.data_in.data_sn == 2 && p.data_in.offset == 0x2000);
	CU_ASSERT_TRUE(p.data_in.residual == 0x200 && p.data_in.stat_sn == 15);
	p = both_ways("iscsi-r2t", ISCSI_R2T, 0x80);
	CU_ASSERT_TRUE(p.r2t.ttt == 0x55 && p.r2t.r2t_sn == 1);
	CU_ASSERT_TRUE(p.r2t.offset == 0x40000 && p.r2t.length == 0x10000);
	p = both_ways("iscsi-snack", ISCSI_SNACK_REQ, 0x80);
	CU_ASSERT_TRUE(p.snack.type == 0 && p.snack.beg_run == 3 && p.snack.run_length == 4);
}

static void text_and_logout(void)
{
	struct iscsi_pdu p = both_ways("iscsi-text-request", ISCSI_TEXT_REQ, 0x80);

	CU_ASSERT_TRUE(p.text.ttt == ISCSI_NO_TAG && p.text.cmd_sn == 14);
	p = both_ways("iscsi-text-response", ISCSI_TEXT_RSP, ISCSI_F_CONTINUE);
	CU_ASSERT_TRUE(p.text.ttt == 0x66 && p.text.stat_sn == 17 && p.text.max_cmd_sn == 45);
	p = both_ways("iscsi-logout-request", ISCSI_LOGOUT_REQ, 0x81);
	CU_ASSERT_TRUE(p.logout.reason == 1 && p.logout.cid == 2 && p.logout.cmd_sn == 15);
	p = both_ways("iscsi-logout-response", ISCSI_LOGOUT_RSP, 0x80);
	CU_ASSERT_TRUE(p.logout.response == 0 && p.logout.time2wait == 2);
	CU_ASSERT_EQUAL(p.logout.time2retain, 20);
}

static void the_rest(void)
{
	struct iscsi_pdu p = both_ways("iscsi-nop-out", ISCSI_NOP_OUT, 0x80);

	CU_ASSERT_TRUE(p.immediate && p.itt == ISCSI_NO_TAG && p.text.ttt == 0x77);
	p = both_ways("iscsi-nop-in", ISCSI_NOP_IN, 0x80);
	CU_ASSERT_TRUE(p.lun == LUN_1 && p.text.ttt == 0x77 && p.text.stat_sn == 20);
	p = both_ways("iscsi-reject", ISCSI_REJECT, 0x80);
	CU_ASSERT_EQUAL(p.reject.reason, ISCSI_REJECT_INVALID_PDU_FIELD);
	CU_ASSERT_TRUE(p.itt == ISCSI_NO_TAG && p.data_len == 48 && p.reject.stat_sn == 19);
	p = both_ways("iscsi-async", ISCSI_ASYNC, 0x80);
	CU_ASSERT_TRUE(p.async.event == 1 && p.async.param3 == 3 && p.async.stat_sn == 16);
}

static const struct test tests[] = {
	{ "Login Request and Response", login },
	{ "SCSI Command and Response", command },
	{ "Task Management Request and Response", task_management },
	{ "Data-Out, Data-In, R2T, SNACK", data },
	{ "Text and Logout", text_and_logout },
	{ "NOP-Out, NOP-In, Reject, Asynchronous Message", the_rest },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "golden_iscsi", tests);
}
