/* SPDX-License-Identifier: Apache-2.0 */
#include "opcodes.h"

/*
 * The usage bytes say which bits we look at, CONTROL excepted (SPC-4 6.35.3):
 * the reserved-bit check of cdb.c refuses all others.  F8h in byte 1 of READ and
 * WRITE is RDPROTECT/WRPROTECT, DPO and FUA; 1Fh is GROUP NUMBER.
 */
#define ROW(c, op, l, d, n, f, text, ...)     \
	[c] = { .cmd = c,                     \
		.opcode = op,                 \
		.cdb_len = l,                 \
		.dir = d,                     \
		.len = n,                     \
		.flags = f,                   \
		.usage = { op, __VA_ARGS__ }, \
		.name = text }
/* @more: the bits of byte 1 that stand beside the service action */
#define ROW_SA(c, op, s, more, l, d, n, f, text, ...)       \
	[c] = { .cmd = c,                                   \
		.opcode = op,                               \
		.has_sa = true,                             \
		.sa = s,                                    \
		.cdb_len = l,                               \
		.dir = d,                                   \
		.len = n,                                   \
		.flags = f,                                 \
		.usage = { op, (more) | (s), __VA_ARGS__ }, \
		.name = text }

#define FF2	 0xff, 0xff
#define FF4	 FF2, FF2
#define FF8	 FF4, FF4
#define Z4	 0, 0, 0, 0
#define Z8	 Z4, Z4

#define OP_READ	 (OP_MEDIUM | OP_RANGE)
#define OP_WRITE (OP_MEDIUM | OP_RANGE | OP_WRITES)

const struct scsi_op scsi_ops[CMD_COUNT] = {
	ROW(CMD_TEST_UNIT_READY, 0x00, 6, DIR_NONE, LEN_NONE, OP_MEDIUM, "TEST UNIT READY", 0),
	ROW(CMD_REQUEST_SENSE, 0x03, 6, DIR_IN, LEN_BYTES, OP_NO_UA, "REQUEST SENSE", 0x01, 0, 0,
	    0xff),
	ROW(CMD_FORMAT_UNIT, 0x04, 6, DIR_OUT, LEN_FORMAT, OP_MEDIUM | OP_WRITES, "FORMAT UNIT",
	    0xff, 0, 0, 0x03),
	ROW(CMD_READ_6, 0x08, 6, DIR_IN, LEN_BLOCKS, OP_READ, "READ(6)", 0x1f, FF2, 0xff),
	ROW(CMD_WRITE_6, 0x0a, 6, DIR_OUT, LEN_BLOCKS, OP_WRITE, "WRITE(6)", 0x1f, FF2, 0xff),
	ROW(CMD_INQUIRY, 0x12, 6, DIR_IN, LEN_BYTES, OP_NO_UA, "INQUIRY", 0x01, 0xff, FF2),
	ROW(CMD_MODE_SELECT_6, 0x15, 6, DIR_OUT, LEN_BYTES, 0, "MODE SELECT(6)", 0x11, 0, 0, 0xff),
	ROW(CMD_RESERVE_6, 0x16, 6, DIR_NONE, LEN_NONE, 0, "RESERVE(6)", 0, 0, 0, 0),
	ROW(CMD_RELEASE_6, 0x17, 6, DIR_NONE, LEN_NONE, 0, "RELEASE(6)", 0, 0, 0, 0),
	ROW(CMD_MODE_SENSE_6, 0x1a, 6, DIR_IN, LEN_BYTES, 0, "MODE SENSE(6)", 0x08, FF2, 0xff),
	ROW(CMD_START_STOP_UNIT, 0x1b, 6, DIR_NONE, LEN_NONE, 0, "START STOP UNIT", 0x01, 0, 0,
	    0xf7),
	ROW(CMD_PREVENT_ALLOW, 0x1e, 6, DIR_NONE, LEN_NONE, 0, "PREVENT ALLOW MEDIUM REMOVAL", 0, 0,
	    0, 0x03),
	ROW(CMD_READ_CAPACITY_10, 0x25, 10, DIR_IN, LEN_NONE, OP_MEDIUM, "READ CAPACITY(10)", 0),
	ROW(CMD_READ_10, 0x28, 10, DIR_IN, LEN_BLOCKS, OP_READ, "READ(10)", 0xf8, FF4, 0x1f, FF2),
	ROW(CMD_WRITE_10, 0x2a, 10, DIR_OUT, LEN_BLOCKS, OP_WRITE, "WRITE(10)", 0xf8, FF4, 0x1f,
	    FF2),
	ROW(CMD_WRITE_AND_VERIFY_10, 0x2e, 10, DIR_OUT, LEN_BLOCKS, OP_WRITE,
	    "WRITE AND VERIFY(10)", 0xf6, FF4, 0x1f, FF2),
	ROW(CMD_VERIFY_10, 0x2f, 10, DIR_OUT, LEN_VERIFY, OP_READ, "VERIFY(10)", 0xf6, FF4, 0x1f,
	    FF2),
	ROW(CMD_PRE_FETCH_10, 0x34, 10, DIR_NONE, LEN_NONE, OP_READ, "PRE-FETCH(10)", 0x02, FF4,
	    0x1f, FF2),
	ROW(CMD_SYNCHRONIZE_CACHE_10, 0x35, 10, DIR_NONE, LEN_NONE, OP_READ,
	    "SYNCHRONIZE CACHE(10)", 0x02, FF4, 0x1f, FF2),
	ROW(CMD_READ_DEFECT_DATA_10, 0x37, 10, DIR_IN, LEN_BYTES, OP_MEDIUM, "READ DEFECT DATA(10)",
	    0, 0x1f, Z4, FF2),
	ROW(CMD_WRITE_SAME_10, 0x41, 10, DIR_OUT, LEN_SAME, OP_WRITE | OP_WHOLE, "WRITE SAME(10)",
	    0xf8, FF4, 0x1f, FF2),
	ROW(CMD_UNMAP, 0x42, 10, DIR_OUT, LEN_BYTES, OP_MEDIUM | OP_WRITES, "UNMAP", 0x01, Z4, 0x1f,
	    FF2),
	ROW_SA(CMD_SANITIZE_OVERWRITE, 0x48, 0x01, 0xa0, 10, DIR_OUT, LEN_BYTES,
	       OP_MEDIUM | OP_WRITES, "SANITIZE, overwrite", Z4, 0, FF2),
	ROW_SA(CMD_SANITIZE_BLOCK_ERASE, 0x48, 0x02, 0xa0, 10, DIR_NONE, LEN_NONE,
	       OP_MEDIUM | OP_WRITES, "SANITIZE, block erase", Z4, 0, 0, 0),
	ROW_SA(CMD_SANITIZE_CRYPTO_ERASE, 0x48, 0x03, 0xa0, 10, DIR_NONE, LEN_NONE,
	       OP_MEDIUM | OP_WRITES, "SANITIZE, cryptographic erase", Z4, 0, 0, 0),
	ROW_SA(CMD_SANITIZE_EXIT_FAILURE, 0x48, 0x1f, 0xa0, 10, DIR_NONE, LEN_NONE, OP_WRITES,
	       "SANITIZE, exit failure mode", Z4, 0, 0, 0),
	ROW(CMD_MODE_SELECT_10, 0x55, 10, DIR_OUT, LEN_BYTES, 0, "MODE SELECT(10)", 0x11, 0, Z4,
	    FF2),
	ROW(CMD_MODE_SENSE_10, 0x5a, 10, DIR_IN, LEN_BYTES, 0, "MODE SENSE(10)", 0x18, FF2, 0, 0, 0,
	    FF2),
	ROW_SA(CMD_PR_IN_READ_KEYS, 0x5e, 0x00, 0, 10, DIR_IN, LEN_BYTES, 0,
	       "PERSISTENT RESERVE IN, READ KEYS", Z4, 0, FF2),
	ROW_SA(CMD_PR_IN_READ_RESERVATION, 0x5e, 0x01, 0, 10, DIR_IN, LEN_BYTES, 0,
	       "PERSISTENT RESERVE IN, READ RESERVATION", Z4, 0, FF2),
	ROW_SA(CMD_PR_IN_REPORT_CAPABILITIES, 0x5e, 0x02, 0, 10, DIR_IN, LEN_BYTES, 0,
	       "PERSISTENT RESERVE IN, REPORT CAPABILITIES", Z4, 0, FF2),
	ROW_SA(CMD_PR_IN_READ_FULL_STATUS, 0x5e, 0x03, 0, 10, DIR_IN, LEN_BYTES, 0,
	       "PERSISTENT RESERVE IN, READ FULL STATUS", Z4, 0, FF2),
	ROW_SA(CMD_PR_OUT_REGISTER, 0x5f, 0x00, 0, 10, DIR_OUT, LEN_BYTES, 0,
	       "PERSISTENT RESERVE OUT, REGISTER", 0xff, 0, 0, FF4),
	ROW_SA(CMD_PR_OUT_RESERVE, 0x5f, 0x01, 0, 10, DIR_OUT, LEN_BYTES, 0,
	       "PERSISTENT RESERVE OUT, RESERVE", 0xff, 0, 0, FF4),
	ROW_SA(CMD_PR_OUT_RELEASE, 0x5f, 0x02, 0, 10, DIR_OUT, LEN_BYTES, 0,
	       "PERSISTENT RESERVE OUT, RELEASE", 0xff, 0, 0, FF4),
	ROW_SA(CMD_PR_OUT_CLEAR, 0x5f, 0x03, 0, 10, DIR_OUT, LEN_BYTES, 0,
	       "PERSISTENT RESERVE OUT, CLEAR", 0xff, 0, 0, FF4),
	ROW_SA(CMD_PR_OUT_PREEMPT, 0x5f, 0x04, 0, 10, DIR_OUT, LEN_BYTES, 0,
	       "PERSISTENT RESERVE OUT, PREEMPT", 0xff, 0, 0, FF4),
	ROW_SA(CMD_PR_OUT_PREEMPT_AND_ABORT, 0x5f, 0x05, 0, 10, DIR_OUT, LEN_BYTES, 0,
	       "PERSISTENT RESERVE OUT, PREEMPT AND ABORT", 0xff, 0, 0, FF4),
	ROW_SA(CMD_PR_OUT_REGISTER_AND_IGNORE, 0x5f, 0x06, 0, 10, DIR_OUT, LEN_BYTES, 0,
	       "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY", 0xff, 0, 0, FF4),
	ROW_SA(CMD_EXTENDED_COPY_LID1, 0x83, 0x00, 0, 16, DIR_OUT, LEN_BYTES, OP_LAX,
	       "EXTENDED COPY(LID1)", Z8, FF4),
	ROW_SA(CMD_EXTENDED_COPY_LID4, 0x83, 0x01, 0, 16, DIR_OUT, LEN_BYTES, OP_LAX,
	       "EXTENDED COPY(LID4)", Z8, FF4),
	ROW_SA(CMD_POPULATE_TOKEN, 0x83, 0x10, 0, 16, DIR_OUT, LEN_BYTES, OP_LAX | OP_MEDIUM,
	       "POPULATE TOKEN", Z4, FF8, 0x1f),
	ROW_SA(CMD_WRITE_USING_TOKEN, 0x83, 0x11, 0, 16, DIR_OUT, LEN_BYTES, OP_LAX | OP_MEDIUM,
	       "WRITE USING TOKEN", Z4, FF8, 0x1f),
	ROW_SA(CMD_COPY_OPERATION_ABORT, 0x83, 0x1c, 0, 16, DIR_NONE, LEN_NONE, OP_LAX,
	       "COPY OPERATION ABORT", FF4),
	ROW_SA(CMD_RECEIVE_COPY_STATUS_LID1, 0x84, 0x00, 0, 16, DIR_IN, LEN_BYTES, OP_LAX,
	       "RECEIVE COPY STATUS(LID1)", 0xff, 0, 0, 0, Z4, FF4),
	ROW_SA(CMD_RECEIVE_COPY_OPERATING_PARAMETERS, 0x84, 0x03, 0, 16, DIR_IN, LEN_BYTES, OP_LAX,
	       "RECEIVE COPY OPERATING PARAMETERS", Z8, FF4),
	ROW_SA(CMD_RECEIVE_COPY_FAILURE_DETAILS, 0x84, 0x04, 0, 16, DIR_IN, LEN_BYTES, OP_LAX,
	       "RECEIVE COPY FAILURE DETAILS(LID1)", 0xff, 0, 0, 0, Z4, FF4),
	ROW_SA(CMD_RECEIVE_COPY_STATUS_LID4, 0x84, 0x05, 0, 16, DIR_IN, LEN_BYTES, OP_LAX,
	       "RECEIVE COPY STATUS(LID4)", FF4, Z4, FF4),
	ROW_SA(CMD_RECEIVE_ROD_TOKEN_INFORMATION, 0x84, 0x07, 0, 16, DIR_IN, LEN_BYTES,
	       OP_LAX | OP_MEDIUM, "RECEIVE ROD TOKEN INFORMATION", FF4, Z4, FF4),
	ROW_SA(CMD_REPORT_ALL_ROD_TOKENS, 0x84, 0x08, 0, 16, DIR_IN, LEN_BYTES, OP_LAX,
	       "REPORT ALL ROD TOKENS", Z8, FF4),
	ROW(CMD_READ_16, 0x88, 16, DIR_IN, LEN_BLOCKS, OP_READ, "READ(16)", 0xf8, FF8, FF4, 0x1f),
	ROW(CMD_COMPARE_AND_WRITE, 0x89, 16, DIR_OUT, LEN_TWICE, OP_WRITE | OP_WHOLE,
	    "COMPARE AND WRITE", 0xf8, FF8, 0, 0, 0, 0xff, 0x1f),
	ROW(CMD_WRITE_16, 0x8a, 16, DIR_OUT, LEN_BLOCKS, OP_WRITE, "WRITE(16)", 0xf8, FF8, FF4,
	    0x1f),
	ROW(CMD_ORWRITE_16, 0x8b, 16, DIR_OUT, LEN_BLOCKS, OP_WRITE, "ORWRITE(16)", 0xf8, FF8, FF4,
	    0x1f),
	ROW(CMD_WRITE_AND_VERIFY_16, 0x8e, 16, DIR_OUT, LEN_BLOCKS, OP_WRITE,
	    "WRITE AND VERIFY(16)", 0xf6, FF8, FF4, 0x1f),
	ROW(CMD_VERIFY_16, 0x8f, 16, DIR_OUT, LEN_VERIFY, OP_READ, "VERIFY(16)", 0xf6, FF8, FF4,
	    0x1f),
	ROW(CMD_PRE_FETCH_16, 0x90, 16, DIR_NONE, LEN_NONE, OP_READ, "PRE-FETCH(16)", 0x02, FF8,
	    FF4, 0x1f),
	ROW(CMD_SYNCHRONIZE_CACHE_16, 0x91, 16, DIR_NONE, LEN_NONE, OP_READ,
	    "SYNCHRONIZE CACHE(16)", 0x02, FF8, FF4, 0x1f),
	ROW(CMD_WRITE_SAME_16, 0x93, 16, DIR_OUT, LEN_SAME, OP_WRITE | OP_WHOLE, "WRITE SAME(16)",
	    0xf9, FF8, FF4, 0x1f),
	ROW(CMD_WRITE_ATOMIC_16, 0x9c, 16, DIR_OUT, LEN_BLOCKS, OP_WRITE | OP_WHOLE,
	    "WRITE ATOMIC(16)", 0xf8, FF8, FF4, 0x1f),
	ROW_SA(CMD_READ_CAPACITY_16, 0x9e, 0x10, 0, 16, DIR_IN, LEN_BYTES, OP_MEDIUM,
	       "READ CAPACITY(16)", Z8, FF4),
	ROW_SA(CMD_GET_LBA_STATUS, 0x9e, 0x12, 0, 16, DIR_IN, LEN_BYTES, OP_MEDIUM,
	       "GET LBA STATUS", FF8, FF4),
	ROW(CMD_REPORT_LUNS, 0xa0, 12, DIR_IN, LEN_BYTES, OP_NO_UA, "REPORT LUNS", 0, 0xff, 0, 0, 0,
	    FF4),
	ROW_SA(CMD_REPORT_TARGET_PORT_GROUPS, 0xa3, 0x0a, 0xe0, 12, DIR_IN, LEN_BYTES, 0,
	       "REPORT TARGET PORT GROUPS", Z4, FF4),
	ROW_SA(CMD_REPORT_SUPPORTED_OPCODES, 0xa3, 0x0c, 0, 12, DIR_IN, LEN_BYTES, 0,
	       "REPORT SUPPORTED OPERATION CODES", 0x87, 0xff, FF2, FF4),
	ROW_SA(CMD_REPORT_SUPPORTED_TMFS, 0xa3, 0x0d, 0, 12, DIR_IN, LEN_BYTES, 0,
	       "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", 0x80, 0, 0, 0, FF4),
	ROW(CMD_READ_12, 0xa8, 12, DIR_IN, LEN_BLOCKS, OP_READ, "READ(12)", 0xf8, FF4, FF4, 0x1f),
	ROW(CMD_WRITE_12, 0xaa, 12, DIR_OUT, LEN_BLOCKS, OP_WRITE, "WRITE(12)", 0xf8, FF4, FF4,
	    0x1f),
	ROW(CMD_WRITE_AND_VERIFY_12, 0xae, 12, DIR_OUT, LEN_BLOCKS, OP_WRITE,
	    "WRITE AND VERIFY(12)", 0xf6, FF4, FF4, 0x1f),
	ROW(CMD_VERIFY_12, 0xaf, 12, DIR_OUT, LEN_VERIFY, OP_READ, "VERIFY(12)", 0xf6, FF4, FF4,
	    0x1f),
	ROW(CMD_READ_DEFECT_DATA_12, 0xb7, 12, DIR_IN, LEN_BYTES, OP_MEDIUM, "READ DEFECT DATA(12)",
	    0x1f, FF4, FF4),
};

const struct scsi_op *scsi_op_find(uint8_t opcode, uint8_t byte1, bool *ret_opcode_known)
{
	bool known = false;
	const struct scsi_op *found = NULL;

	for (int i = 0; i < CMD_COUNT && !found; i++) {
		const struct scsi_op *op = &scsi_ops[i];

		if (op->opcode != opcode)
			continue;
		known = true;
		if (!op->has_sa || op->sa == (byte1 & 0x1f))
			found = op;
	}
	if (ret_opcode_known)
		*ret_opcode_known = known;
	return found;
}

size_t scsi_cdb_len(uint8_t opcode)
{
	static const uint8_t by_group[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };

	return by_group[opcode >> 5];
}
