/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "opcodes.h"

static void rows_stand_in_their_place(void)
{
	for (int i = 0; i < CMD_COUNT; i++) {
		const struct scsi_op *op = &scsi_ops[i];
		size_t by_group = scsi_cdb_len(op->opcode);

		CU_ASSERT_EQUAL((int)op->cmd, i);
		CU_ASSERT_PTR_NOT_NULL_FATAL(op->name);
		CU_ASSERT_EQUAL(op->usage[0], op->opcode);
		CU_ASSERT_EQUAL(op->cdb_len, by_group);
		if (op->has_sa)
			CU_ASSERT_EQUAL(op->usage[1] & 0x1f, op->sa);
		/* CONTROL and what lies beyond are not ours */
		for (size_t k = op->cdb_len - 1u; k < 16; k++)
			CU_ASSERT_EQUAL(op->usage[k], 0);
	}
}

static void no_two_rows_answer_the_same_cdb(void)
{
	for (int i = 0; i < CMD_COUNT; i++)
		for (int j = 0; j < i; j++)
			if (scsi_ops[i].opcode == scsi_ops[j].opcode) {
				CU_ASSERT_TRUE(scsi_ops[i].has_sa && scsi_ops[j].has_sa);
				CU_ASSERT_NOT_EQUAL(scsi_ops[i].sa, scsi_ops[j].sa);
			}
}

static void data_has_a_direction(void)
{
	for (int i = 0; i < CMD_COUNT; i++)
		if (scsi_ops[i].len != LEN_NONE)
			CU_ASSERT_NOT_EQUAL(scsi_ops[i].dir, DIR_NONE);
}

static void find_by_service_action(void)
{
	bool known = false;

	CU_ASSERT_PTR_EQUAL(scsi_op_find(0x83, 0x10, &known), &scsi_ops[CMD_POPULATE_TOKEN]);
	CU_ASSERT_TRUE(known);
	CU_ASSERT_PTR_EQUAL(scsi_op_find(0x83, 0xf1, NULL), &scsi_ops[CMD_WRITE_USING_TOKEN]);
	CU_ASSERT_PTR_EQUAL(scsi_op_find(0x84, 0x07, NULL),
			    &scsi_ops[CMD_RECEIVE_ROD_TOKEN_INFORMATION]);
	CU_ASSERT_PTR_EQUAL(scsi_op_find(0x28, 0xff, NULL), &scsi_ops[CMD_READ_10]);
}

static void unknown_opcode_and_unknown_action_differ(void)
{
	bool known = true;

	CU_ASSERT_PTR_NULL(scsi_op_find(0x83, 0x12, &known));
	CU_ASSERT_TRUE(known);
	CU_ASSERT_PTR_NULL(scsi_op_find(0x43, 0, &known));
	CU_ASSERT_FALSE(known);
	CU_ASSERT_PTR_NULL(scsi_op_find(0xff, 0, NULL));
}

static void group_codes(void)
{
	CU_ASSERT_EQUAL(scsi_cdb_len(0x00), 6);
	CU_ASSERT_EQUAL(scsi_cdb_len(0x1f), 6);
	CU_ASSERT_EQUAL(scsi_cdb_len(0x28), 10);
	CU_ASSERT_EQUAL(scsi_cdb_len(0x5a), 10);
	CU_ASSERT_EQUAL(scsi_cdb_len(0x7f), 0);
	CU_ASSERT_EQUAL(scsi_cdb_len(0x83), 16);
	CU_ASSERT_EQUAL(scsi_cdb_len(0xa0), 12);
	CU_ASSERT_EQUAL(scsi_cdb_len(0xc0), 0);
	CU_ASSERT_EQUAL(scsi_cdb_len(0xff), 0);
}

static void flags(void)
{
	for (int i = 0; i < CMD_COUNT; i++) {
		const struct scsi_op *op = &scsi_ops[i];
		bool tpc = op->opcode == 0x83 || op->opcode == 0x84;
		bool no_ua = op->cmd == CMD_REQUEST_SENSE || op->cmd == CMD_INQUIRY ||
			     op->cmd == CMD_REPORT_LUNS;

		CU_ASSERT_EQUAL(!!(op->flags & OP_LAX), tpc);
		CU_ASSERT_EQUAL(!!(op->flags & OP_NO_UA), no_ua);
	}
}

static void usage_of_tpc(void)
{
	uint8_t want[16];

	test_hex("83 10 00 00 00 00 FF FF FF FF FF FF FF FF 1F 00", want, 16);
	CHECK_BYTES(scsi_ops[CMD_POPULATE_TOKEN].usage, 16, want, 16);
	want[1] = 0x11;
	CHECK_BYTES(scsi_ops[CMD_WRITE_USING_TOKEN].usage, 16, want, 16);
	test_hex("84 07 FF FF FF FF 00 00 00 00 FF FF FF FF 00 00", want, 16);
	CHECK_BYTES(scsi_ops[CMD_RECEIVE_ROD_TOKEN_INFORMATION].usage, 16, want, 16);
}

static const struct test tests[] = {
	{ "each row stands in its place with its group's CDB length", rows_stand_in_their_place },
	{ "no two rows answer the same CDB", no_two_rows_answer_the_same_cdb },
	{ "a row that moves data has a direction", data_has_a_direction },
	{ "rows are found by opcode and service action", find_by_service_action },
	{ "an unknown opcode is told from an unknown service action",
	  unknown_opcode_and_unknown_action_differ },
	{ "CDB length by group code", group_codes },
	{ "only 83h and 84h are lax; three commands pass a unit attention", flags },
	{ "usage data of the third-party copy commands", usage_of_tpc },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_opcodes", tests);
}
