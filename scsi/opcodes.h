/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command table: one row per opcode and service action.
 *
 * The row drives CDB decoding (length, usage mask), dispatch (the target keeps a
 * handler per enum scsi_cmd), REPORT SUPPORTED OPERATION CODES and names in logs.
 * Constant data, any thread.
 */
#ifndef SCSI_OPCODES_H
#define SCSI_OPCODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scsi_cmd {
	CMD_TEST_UNIT_READY,
	CMD_REQUEST_SENSE,
	CMD_READ_6,
	CMD_WRITE_6,
	CMD_INQUIRY,
	CMD_MODE_SELECT_6,
	CMD_MODE_SENSE_6,
	CMD_START_STOP_UNIT,
	CMD_READ_CAPACITY_10,
	CMD_READ_10,
	CMD_WRITE_10,
	CMD_VERIFY_10,
	CMD_SYNCHRONIZE_CACHE_10,
	CMD_MODE_SELECT_10,
	CMD_MODE_SENSE_10,
	CMD_POPULATE_TOKEN,
	CMD_WRITE_USING_TOKEN,
	CMD_RECEIVE_ROD_TOKEN_INFORMATION,
	CMD_READ_16,
	CMD_WRITE_16,
	CMD_VERIFY_16,
	CMD_SYNCHRONIZE_CACHE_16,
	CMD_READ_CAPACITY_16,
	CMD_REPORT_LUNS,
	CMD_REPORT_SUPPORTED_OPCODES,
	CMD_READ_12,
	CMD_WRITE_12,
	CMD_COUNT /* not a command */
};

enum scsi_dir { DIR_NONE, DIR_IN, DIR_OUT };

/* How scsi_cdb.len / .blocks say how much data the command moves. */
enum scsi_len {
	LEN_NONE,   /* no data                                                */
	LEN_BYTES,  /* ALLOCATION LENGTH or PARAMETER LIST LENGTH in bytes    */
	LEN_BLOCKS, /* TRANSFER LENGTH in logical blocks: media data          */
	LEN_VERIFY, /* blocks if BYTCHK=01b, one block if 11b, none if 00b    */
};

#define OP_LAX	 0x01 /* reserved bits are ignored (third-party copy family) */
#define OP_NO_UA 0x02 /* runs with a unit attention pending (SPC-4 5.14)     */

struct scsi_op {
	enum scsi_cmd cmd;
	uint8_t opcode;
	bool has_sa; /* service action in CDB byte 1, bits 4:0 */
	uint8_t sa;
	uint8_t cdb_len; /* 6, 10, 12 or 16 */
	enum scsi_dir dir;
	enum scsi_len len;
	unsigned flags;
	uint8_t usage[16]; /* CDB USAGE DATA; byte 0 the opcode, as RSOC prints it */
	const char *name;  /* "WRITE USING TOKEN" */
};

extern const struct scsi_op scsi_ops[CMD_COUNT]; /* indexed by enum scsi_cmd */

/*
 * The row for a CDB's first two bytes, or NULL.  @ret_opcode_known (may be NULL)
 * tells 5/24/00 (service action unknown) from 5/20/00 (opcode unknown).
 */
const struct scsi_op *scsi_op_find(uint8_t opcode, uint8_t byte1, bool *ret_opcode_known);

/* CDB length by the opcode's group code (SPC-4 4.2.5.1); 0 when variable or reserved. */
size_t scsi_cdb_len(uint8_t opcode);

#endif
