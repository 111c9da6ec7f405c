/* SPDX-License-Identifier: Apache-2.0 */
#include "cdb.h"

#include "field.h"

#define F(m, at, n)	   FIELD(struct scsi_cdb, m, at, n)
#define B(m, at, shift, n) FIELD_BITS(struct scsi_cdb, m, at, shift, n)

#define CONTROL_NACA	   0x04
/* CONTROL: bits 7:6 are vendor specific, 1:0 obsolete (FLAG, LINK); we let them be. */
#define CONTROL_IGNORED 0xc3
#define RW_BITS		B(protect, 1, 5, 3), B(dpo, 1, 4, 1), B(fua, 1, 3, 1)
#define VERIFY_BITS	B(protect, 1, 5, 3), B(dpo, 1, 4, 1), B(bytchk, 1, 1, 2)

#define NAMED(name)	static const struct wire_field name[]

NAMED(no_fields) = { FIELD_END };
NAMED(request_sense) = { B(desc, 1, 0, 1), F(len, 4, 1), FIELD_END };
/* LOGICAL BLOCK ADDRESS of the 6-byte commands has 21 bits. */
NAMED(rw_6) = { { offsetof(struct scsi_cdb, lba), 8, 1, 3, 0, 21 }, F(blocks, 4, 1), FIELD_END };
NAMED(rw_10) = { RW_BITS, F(lba, 2, 4), F(blocks, 7, 2), FIELD_END };
NAMED(rw_12) = { RW_BITS, F(lba, 2, 4), F(blocks, 6, 4), FIELD_END };
NAMED(write_atomic) = { RW_BITS, F(lba, 2, 8), F(boundary, 10, 2), F(blocks, 12, 2), FIELD_END };
NAMED(compare_and_write) = { RW_BITS, F(lba, 2, 8), F(blocks, 13, 1), FIELD_END };
NAMED(rw_16) = { RW_BITS, F(lba, 2, 8), F(blocks, 10, 4), FIELD_END };
NAMED(verify_10) = { VERIFY_BITS, F(lba, 2, 4), F(blocks, 7, 2), FIELD_END };
NAMED(verify_16) = { VERIFY_BITS, F(lba, 2, 8), F(blocks, 10, 4), FIELD_END };
NAMED(verify_12) = { VERIFY_BITS, F(lba, 2, 4), F(blocks, 6, 4), FIELD_END };
NAMED(write_same_10) = { B(protect, 1, 5, 3), B(anchor, 1, 4, 1), B(unmap, 1, 3, 1),
			 F(lba, 2, 4),	      F(blocks, 7, 2),	  FIELD_END };
NAMED(write_same_16) = {
	B(protect, 1, 5, 3), B(anchor, 1, 4, 1), B(unmap, 1, 3, 1), B(ndob, 1, 0, 1),
	F(lba, 2, 8),	     F(blocks, 10, 4),	 FIELD_END
};
NAMED(unmap) = { B(anchor, 1, 0, 1), F(len, 7, 2), FIELD_END };
NAMED(format_unit) = { B(fmtpinfo, 1, 6, 2),
		       B(longlist, 1, 5, 1),
		       B(fmtdata, 1, 4, 1),
		       B(cmplst, 1, 3, 1),
		       B(defect_format, 1, 0, 3),
		       B(ffmt, 4, 0, 2),
		       FIELD_END };
NAMED(sanitize) = { B(immed, 1, 7, 1), B(znr, 1, 6, 1), B(ause, 1, 5, 1), F(len, 7, 2), FIELD_END };
NAMED(read_defects_10) = { B(plist, 2, 4, 1), B(glist, 2, 3, 1), B(defect_format, 2, 0, 3),
			   F(len, 7, 2), FIELD_END };
NAMED(read_defects_12) = { B(plist, 1, 4, 1),	  B(glist, 1, 3, 1), B(defect_format, 1, 0, 3),
			   F(defect_index, 2, 4), F(len, 6, 4),	     FIELD_END };
NAMED(prevent_allow) = { B(prevent, 4, 0, 2), FIELD_END };
NAMED(pr_in) = { F(len, 7, 2), FIELD_END };
NAMED(pr_out) = { B(pr_scope, 2, 4, 4), B(pr_type, 2, 0, 4), F(len, 5, 4), FIELD_END };
NAMED(lba_status) = { F(lba, 2, 8), F(len, 10, 4), FIELD_END };
NAMED(report_tpgs) = { B(report_format, 1, 5, 3), F(len, 6, 4), FIELD_END };
NAMED(report_tmfs) = { B(repd, 2, 7, 1), F(len, 6, 4), FIELD_END };
NAMED(list_id_only) = { F(list_id, 2, 4), FIELD_END };
NAMED(retrieving_lid1) = { F(list_id, 2, 1), F(len, 10, 4), FIELD_END };
NAMED(sync_10) = { B(immed, 1, 1, 1), F(lba, 2, 4), F(blocks, 7, 2), FIELD_END };
NAMED(sync_16) = { B(immed, 1, 1, 1), F(lba, 2, 8), F(blocks, 10, 4), FIELD_END };
NAMED(inquiry) = { B(evpd, 1, 0, 1), F(page, 2, 1), F(len, 3, 2), FIELD_END };
NAMED(mode_select_6) = { B(pf, 1, 4, 1), B(sp, 1, 0, 1), F(len, 4, 1), FIELD_END };
NAMED(mode_select_10) = { B(pf, 1, 4, 1), B(sp, 1, 0, 1), F(len, 7, 2), FIELD_END };
NAMED(mode_sense_6) = { B(dbd, 1, 3, 1),  B(pc, 2, 6, 2), B(page, 2, 0, 6),
			F(subpage, 3, 1), F(len, 4, 1),	  FIELD_END };
NAMED(mode_sense_10) = { B(llbaa, 1, 4, 1), B(dbd, 1, 3, 1), B(pc, 2, 6, 2), B(page, 2, 0, 6),
			 F(subpage, 3, 1),  F(len, 7, 2),    FIELD_END };
NAMED(start_stop) = { B(immed, 1, 0, 1), B(pc, 4, 4, 4),    B(no_flush, 4, 2, 1),
		      B(loej, 4, 1, 1),	 B(start, 4, 0, 1), FIELD_END };
NAMED(len_at_10) = { F(len, 10, 4), FIELD_END };
NAMED(originating) = { F(list_id, 6, 4), F(len, 10, 4), FIELD_END };
NAMED(retrieving) = { F(list_id, 2, 4), F(len, 10, 4), FIELD_END };
NAMED(report_luns) = { F(select_report, 2, 1), F(len, 6, 4), FIELD_END };
NAMED(report_opcodes) = { B(rctd, 2, 7, 1), B(reporting, 2, 0, 3), F(req_opcode, 3, 1),
			  F(req_sa, 4, 2),  F(len, 6, 4),	   FIELD_END };

static const struct wire_field *const layouts[CMD_COUNT] = {
	[CMD_TEST_UNIT_READY] = no_fields,
	[CMD_REQUEST_SENSE] = request_sense,
	[CMD_FORMAT_UNIT] = format_unit,
	[CMD_READ_6] = rw_6,
	[CMD_WRITE_6] = rw_6,
	[CMD_INQUIRY] = inquiry,
	[CMD_MODE_SELECT_6] = mode_select_6,
	[CMD_RESERVE_6] = no_fields,
	[CMD_RELEASE_6] = no_fields,
	[CMD_MODE_SENSE_6] = mode_sense_6,
	[CMD_START_STOP_UNIT] = start_stop,
	[CMD_PREVENT_ALLOW] = prevent_allow,
	[CMD_READ_CAPACITY_10] = no_fields,
	[CMD_READ_10] = rw_10,
	[CMD_WRITE_10] = rw_10,
	[CMD_WRITE_AND_VERIFY_10] = verify_10,
	[CMD_VERIFY_10] = verify_10,
	[CMD_PRE_FETCH_10] = sync_10,
	[CMD_SYNCHRONIZE_CACHE_10] = sync_10,
	[CMD_READ_DEFECT_DATA_10] = read_defects_10,
	[CMD_WRITE_SAME_10] = write_same_10,
	[CMD_UNMAP] = unmap,
	[CMD_SANITIZE_OVERWRITE] = sanitize,
	[CMD_SANITIZE_BLOCK_ERASE] = sanitize,
	[CMD_SANITIZE_CRYPTO_ERASE] = sanitize,
	[CMD_SANITIZE_EXIT_FAILURE] = sanitize,
	[CMD_MODE_SELECT_10] = mode_select_10,
	[CMD_MODE_SENSE_10] = mode_sense_10,
	[CMD_PR_IN_READ_KEYS] = pr_in,
	[CMD_PR_IN_READ_RESERVATION] = pr_in,
	[CMD_PR_IN_REPORT_CAPABILITIES] = pr_in,
	[CMD_PR_IN_READ_FULL_STATUS] = pr_in,
	[CMD_PR_OUT_REGISTER] = pr_out,
	[CMD_PR_OUT_RESERVE] = pr_out,
	[CMD_PR_OUT_RELEASE] = pr_out,
	[CMD_PR_OUT_CLEAR] = pr_out,
	[CMD_PR_OUT_PREEMPT] = pr_out,
	[CMD_PR_OUT_PREEMPT_AND_ABORT] = pr_out,
	[CMD_PR_OUT_REGISTER_AND_IGNORE] = pr_out,
	[CMD_EXTENDED_COPY_LID1] = len_at_10,
	[CMD_EXTENDED_COPY_LID4] = len_at_10,
	[CMD_POPULATE_TOKEN] = originating,
	[CMD_WRITE_USING_TOKEN] = originating,
	[CMD_COPY_OPERATION_ABORT] = list_id_only,
	[CMD_RECEIVE_COPY_STATUS_LID1] = retrieving_lid1,
	[CMD_RECEIVE_COPY_OPERATING_PARAMETERS] = len_at_10,
	[CMD_RECEIVE_COPY_FAILURE_DETAILS] = retrieving_lid1,
	[CMD_RECEIVE_COPY_STATUS_LID4] = retrieving,
	[CMD_RECEIVE_ROD_TOKEN_INFORMATION] = retrieving,
	[CMD_REPORT_ALL_ROD_TOKENS] = len_at_10,
	[CMD_READ_16] = rw_16,
	[CMD_COMPARE_AND_WRITE] = compare_and_write,
	[CMD_WRITE_16] = rw_16,
	[CMD_ORWRITE_16] = rw_16,
	[CMD_WRITE_AND_VERIFY_16] = verify_16,
	[CMD_VERIFY_16] = verify_16,
	[CMD_PRE_FETCH_16] = sync_16,
	[CMD_SYNCHRONIZE_CACHE_16] = sync_16,
	[CMD_WRITE_SAME_16] = write_same_16,
	[CMD_WRITE_ATOMIC_16] = write_atomic,
	[CMD_READ_CAPACITY_16] = len_at_10,
	[CMD_GET_LBA_STATUS] = lba_status,
	[CMD_REPORT_LUNS] = report_luns,
	[CMD_REPORT_TARGET_PORT_GROUPS] = report_tpgs,
	[CMD_REPORT_SUPPORTED_OPCODES] = report_opcodes,
	[CMD_REPORT_SUPPORTED_TMFS] = report_tmfs,
	[CMD_READ_12] = rw_12,
	[CMD_WRITE_12] = rw_12,
	[CMD_WRITE_AND_VERIFY_12] = verify_12,
	[CMD_VERIFY_12] = verify_12,
	[CMD_READ_DEFECT_DATA_12] = read_defects_12,
};

/* READ CAPACITY(10) has no ALLOCATION LENGTH: its answer is always this long. */
#define READ_CAPACITY_10_LEN 8

/* Bits that old standards gave a meaning and that initiators may still set. */
static uint8_t obsolete_bits(const struct scsi_op *op, size_t byte)
{
	if (byte != 1)
		return 0;
	if (op->cdb_len == 6)
		return 0xe0; /* SCSI-2: the LUN */
	if (op->len == LEN_BLOCKS)
		return 0x02; /* SBC-2: FUA_NV */
	if (op->cmd == CMD_SYNCHRONIZE_CACHE_10 || op->cmd == CMD_SYNCHRONIZE_CACHE_16)
		return 0x04; /* SBC-2: SYNC_NV */
	return 0;
}

static uint8_t allowed_bits(const struct scsi_op *op, size_t byte)
{
	if (byte == 0)
		return 0xff;
	if (byte == op->cdb_len - 1u)
		return op->flags & OP_LAX ? (uint8_t)~CONTROL_NACA : CONTROL_IGNORED;
	if (op->flags & OP_LAX)
		return 0xff;
	if (byte == 1 && op->has_sa)
		return op->usage[1] | 0x1f;
	return op->usage[byte] | obsolete_bits(op, byte);
}

static uint8_t highest_bit(uint8_t v)
{
	uint8_t bit = 7;

	while (!(v >> bit & 1))
		bit--;
	return bit;
}

static struct sense find_row(const uint8_t *cdb, size_t len, const struct scsi_op **ret_op)
{
	bool known;
	const struct scsi_op *op;

	if (len == 0)
		return sense_cdb(0);
	op = scsi_op_find(cdb[0], len > 1 ? cdb[1] : 0, &known);
	if (!known)
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
	if (len == 1)
		return sense_cdb(1);
	if (!op)
		return sense_cdb_bit(1, 4);
	*ret_op = op;
	return sense_good();
}

struct sense scsi_cdb_decode(const uint8_t *cdb, size_t len, struct scsi_cdb *ret)
{
	const struct scsi_op *op = NULL;
	struct scsi_cdb c = { 0 };
	struct sense s = find_row(cdb, len, &op);

	if (!sense_is_good(s))
		return s;
	if (len < op->cdb_len)
		return sense_cdb((uint16_t)len);
	for (size_t i = 0; i < op->cdb_len; i++) {
		uint8_t bad = (uint8_t)(cdb[i] & ~allowed_bits(op, i));

		if (bad)
			return sense_cdb_bit((uint16_t)i, highest_bit(bad));
	}
	c.op = op;
	fields_decode(layouts[op->cmd], cdb, &c);
	if (op->cdb_len == 6 && op->len == LEN_BLOCKS && c.blocks == 0)
		c.blocks = 256; /* SBC-3 5.7 */
	*ret = c;
	return sense_good();
}

size_t scsi_cdb_encode(const struct scsi_cdb *cdb, uint8_t buf[16])
{
	const struct scsi_op *op = cdb->op;

	memset(buf, 0, 16);
	buf[0] = op->opcode;
	buf[1] = op->sa;
	fields_encode(layouts[op->cmd], buf, cdb);
	if (cdb->naca)
		buf[op->cdb_len - 1] |= CONTROL_NACA;
	return op->cdb_len;
}

static uint64_t verify_blocks(const struct scsi_cdb *cdb)
{
	if (cdb->bytchk == 1)
		return cdb->blocks;
	/* BYTCHK=11b: one block, compared with each block of the range (SBC-3 5.29) */
	return cdb->bytchk == 3 && cdb->blocks > 0 ? 1 : 0;
}

uint64_t scsi_cdb_data_len(const struct scsi_cdb *cdb, uint32_t block_size)
{
	if (cdb->op->cmd == CMD_READ_CAPACITY_10)
		return READ_CAPACITY_10_LEN;
	if (cdb->op->len == LEN_BYTES)
		return cdb->len;
	if (cdb->op->len == LEN_BLOCKS)
		return (uint64_t)cdb->blocks * block_size;
	if (cdb->op->len == LEN_VERIFY)
		return verify_blocks(cdb) * block_size;
	if (cdb->op->len == LEN_TWICE)
		return (uint64_t)cdb->blocks * block_size * 2;
	if (cdb->op->len == LEN_SAME)
		return cdb->ndob ? 0 : block_size;
	/* SBC-3 5.3.2.2: the header alone; a defect list after it is refused by its length */
	if (cdb->op->len == LEN_FORMAT && cdb->fmtdata)
		return cdb->longlist ? 8 : 4;
	return 0;
}
