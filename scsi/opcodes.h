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

/* In the order of opcodes and service actions, which REPORT SUPPORTED OPERATION CODES keeps. */
enum scsi_cmd {
	CMD_TEST_UNIT_READY,
	CMD_REQUEST_SENSE,
	CMD_FORMAT_UNIT,
	CMD_READ_6,
	CMD_WRITE_6,
	CMD_INQUIRY,
	CMD_MODE_SELECT_6,
	CMD_RESERVE_6,
	CMD_RELEASE_6,
	CMD_MODE_SENSE_6,
	CMD_START_STOP_UNIT,
	CMD_PREVENT_ALLOW,
	CMD_READ_CAPACITY_10,
	CMD_READ_10,
	CMD_WRITE_10,
	CMD_WRITE_AND_VERIFY_10,
	CMD_VERIFY_10,
	CMD_PRE_FETCH_10,
	CMD_SYNCHRONIZE_CACHE_10,
	CMD_READ_DEFECT_DATA_10,
	CMD_WRITE_SAME_10,
	CMD_UNMAP,
	CMD_SANITIZE_OVERWRITE,
	CMD_SANITIZE_BLOCK_ERASE,
	CMD_SANITIZE_CRYPTO_ERASE,
	CMD_SANITIZE_EXIT_FAILURE,
	CMD_MODE_SELECT_10,
	CMD_MODE_SENSE_10,
	CMD_PR_IN_READ_KEYS,
	CMD_PR_IN_READ_RESERVATION,
	CMD_PR_IN_REPORT_CAPABILITIES,
	CMD_PR_IN_READ_FULL_STATUS,
	CMD_PR_OUT_REGISTER,
	CMD_PR_OUT_RESERVE,
	CMD_PR_OUT_RELEASE,
	CMD_PR_OUT_CLEAR,
	CMD_PR_OUT_PREEMPT,
	CMD_PR_OUT_PREEMPT_AND_ABORT,
	CMD_PR_OUT_REGISTER_AND_IGNORE,
	CMD_EXTENDED_COPY_LID1,
	CMD_EXTENDED_COPY_LID4,
	CMD_POPULATE_TOKEN,
	CMD_WRITE_USING_TOKEN,
	CMD_COPY_OPERATION_ABORT,
	CMD_RECEIVE_COPY_STATUS_LID1,
	CMD_RECEIVE_COPY_OPERATING_PARAMETERS,
	CMD_RECEIVE_COPY_FAILURE_DETAILS,
	CMD_RECEIVE_COPY_STATUS_LID4,
	CMD_RECEIVE_ROD_TOKEN_INFORMATION,
	CMD_REPORT_ALL_ROD_TOKENS,
	CMD_READ_16,
	CMD_COMPARE_AND_WRITE,
	CMD_WRITE_16,
	CMD_ORWRITE_16,
	CMD_WRITE_AND_VERIFY_16,
	CMD_VERIFY_16,
	CMD_PRE_FETCH_16,
	CMD_SYNCHRONIZE_CACHE_16,
	CMD_WRITE_SAME_16,
	CMD_WRITE_ATOMIC_16,
	CMD_READ_CAPACITY_16,
	CMD_GET_LBA_STATUS,
	CMD_REPORT_LUNS,
	CMD_REPORT_TARGET_PORT_GROUPS,
	CMD_REPORT_SUPPORTED_OPCODES,
	CMD_REPORT_SUPPORTED_TMFS,
	CMD_READ_12,
	CMD_WRITE_12,
	CMD_WRITE_AND_VERIFY_12,
	CMD_VERIFY_12,
	CMD_READ_DEFECT_DATA_12,
	CMD_COUNT /* not a command */
};

enum scsi_dir { DIR_NONE, DIR_IN, DIR_OUT };

/* How scsi_cdb.len / .blocks say how much data the command moves. */
enum scsi_len {
	LEN_NONE,   /* no data                                                */
	LEN_BYTES,  /* ALLOCATION LENGTH or PARAMETER LIST LENGTH in bytes    */
	LEN_BLOCKS, /* TRANSFER LENGTH in logical blocks: media data          */
	LEN_VERIFY, /* blocks if BYTCHK=01b, one block if 11b, none if 00b    */
	LEN_TWICE,  /* COMPARE AND WRITE: twice the blocks                    */
	LEN_SAME,   /* WRITE SAME: one block, none with NDOB                  */
	LEN_FORMAT, /* FORMAT UNIT: a header when FMTDATA                     */
};

#define OP_LAX	  0x01 /* reserved bits are ignored (third-party copy family) */
#define OP_NO_UA  0x02 /* runs with a unit attention pending (SPC-4 5.14)     */
#define OP_MEDIUM 0x04 /* needs a medium that is there and ready              */
#define OP_RANGE  0x08 /* names logical blocks: lba, blocks                   */
#define OP_WRITES 0x10 /* changes the medium: never on a read-only LU         */
#define OP_WHOLE  0x20 /* its data is just as long as the CDB says, or refused */

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
