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
#define ROW_SA(c, op, s, l, d, n, f, text, ...)  \
	[c] = { .cmd = c,                        \
		.opcode = op,                    \
		.has_sa = true,                  \
		.sa = s,                         \
		.cdb_len = l,                    \
		.dir = d,                        \
		.len = n,                        \
		.flags = f,                      \
		.usage = { op, s, __VA_ARGS__ }, \
		.name = text }

#define FF2 0xff, 0xff
#define FF4 FF2, FF2
#define FF8 FF4, FF4
#define Z4  0, 0, 0, 0
#define Z8  Z4, Z4

const struct scsi_op scsi_ops[CMD_COUNT] = {
	ROW(CMD_TEST_UNIT_READY, 0x00, 6, DIR_NONE, LEN_NONE, 0, "TEST UNIT READY", 0),
	ROW(CMD_REQUEST_SENSE, 0x03, 6, DIR_IN, LEN_BYTES, OP_NO_UA, "REQUEST SENSE", 0x01, 0, 0,
	    0xff),
	ROW(CMD_READ_6, 0x08, 6, DIR_IN, LEN_BLOCKS, 0, "READ(6)", 0x1f, FF2, 0xff),
	ROW(CMD_WRITE_6, 0x0a, 6, DIR_OUT, LEN_BLOCKS, 0, "WRITE(6)", 0x1f, FF2, 0xff),
	ROW(CMD_INQUIRY, 0x12, 6, DIR_IN, LEN_BYTES, OP_NO_UA, "INQUIRY", 0x01, 0xff, FF2),
	ROW(CMD_MODE_SELECT_6, 0x15, 6, DIR_OUT, LEN_BYTES, 0, "MODE SELECT(6)", 0x11, 0, 0, 0xff),
	ROW(CMD_MODE_SENSE_6, 0x1a, 6, DIR_IN, LEN_BYTES, 0, "MODE SENSE(6)", 0x08, FF2, 0xff),
	ROW(CMD_START_STOP_UNIT, 0x1b, 6, DIR_NONE, LEN_NONE, 0, "START STOP UNIT", 0x01, 0, 0,
	    0xf7),
	ROW(CMD_READ_CAPACITY_10, 0x25, 10, DIR_IN, LEN_NONE, 0, "READ CAPACITY(10)", 0),
	ROW(CMD_READ_10, 0x28, 10, DIR_IN, LEN_BLOCKS, 0, "READ(10)", 0xf8, FF4, 0x1f, FF2),
	ROW(CMD_WRITE_10, 0x2a, 10, DIR_OUT, LEN_BLOCKS, 0, "WRITE(10)", 0xf8, FF4, 0x1f, FF2),
	ROW(CMD_VERIFY_10, 0x2f, 10, DIR_OUT, LEN_VERIFY, 0, "VERIFY(10)", 0xf6, FF4, 0x1f, FF2),
	ROW(CMD_SYNCHRONIZE_CACHE_10, 0x35, 10, DIR_NONE, LEN_NONE, 0, "SYNCHRONIZE CACHE(10)",
	    0x02, FF4, 0x1f, FF2),
	ROW(CMD_MODE_SELECT_10, 0x55, 10, DIR_OUT, LEN_BYTES, 0, "MODE SELECT(10)", 0x11, 0, Z4,
	    FF2),
	ROW(CMD_MODE_SENSE_10, 0x5a, 10, DIR_IN, LEN_BYTES, 0, "MODE SENSE(10)", 0x18, FF2, 0, 0, 0,
	    FF2),
	ROW_SA(CMD_POPULATE_TOKEN, 0x83, 0x10, 16, DIR_OUT, LEN_BYTES, OP_LAX, "POPULATE TOKEN", Z4,
	       FF8, 0x1f),
	ROW_SA(CMD_WRITE_USING_TOKEN, 0x83, 0x11, 16, DIR_OUT, LEN_BYTES, OP_LAX,
	       "WRITE USING TOKEN", Z4, FF8, 0x1f),
	ROW_SA(CMD_RECEIVE_ROD_TOKEN_INFORMATION, 0x84, 0x07, 16, DIR_IN, LEN_BYTES, OP_LAX,
	       "RECEIVE ROD TOKEN INFORMATION", FF4, Z4, FF4),
	ROW(CMD_READ_16, 0x88, 16, DIR_IN, LEN_BLOCKS, 0, "READ(16)", 0xf8, FF8, FF4, 0x1f),
	ROW(CMD_WRITE_16, 0x8a, 16, DIR_OUT, LEN_BLOCKS, 0, "WRITE(16)", 0xf8, FF8, FF4, 0x1f),
	ROW(CMD_VERIFY_16, 0x8f, 16, DIR_OUT, LEN_VERIFY, 0, "VERIFY(16)", 0xf6, FF8, FF4, 0x1f),
	ROW(CMD_SYNCHRONIZE_CACHE_16, 0x91, 16, DIR_NONE, LEN_NONE, 0, "SYNCHRONIZE CACHE(16)",
	    0x02, FF8, FF4, 0x1f),
	ROW_SA(CMD_READ_CAPACITY_16, 0x9e, 0x10, 16, DIR_IN, LEN_BYTES, 0, "READ CAPACITY(16)", Z8,
	       FF4),
	ROW(CMD_REPORT_LUNS, 0xa0, 12, DIR_IN, LEN_BYTES, OP_NO_UA, "REPORT LUNS", 0, 0xff, 0, 0, 0,
	    FF4),
	ROW_SA(CMD_REPORT_SUPPORTED_OPCODES, 0xa3, 0x0c, 12, DIR_IN, LEN_BYTES, 0,
	       "REPORT SUPPORTED OPERATION CODES", 0x87, 0xff, FF2, FF4),
	ROW(CMD_READ_12, 0xa8, 12, DIR_IN, LEN_BLOCKS, 0, "READ(12)", 0xf8, FF4, FF4, 0x1f),
	ROW(CMD_WRITE_12, 0xaa, 12, DIR_OUT, LEN_BLOCKS, 0, "WRITE(12)", 0xf8, FF4, FF4, 0x1f),
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
