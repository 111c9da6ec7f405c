/* SPDX-License-Identifier: Apache-2.0 */
#include "inquiry.h"

#include <assert.h>

#include "lu_supports.h"

#define VERSION_SPC_4 0x06
#define INQUIRY_LEN   96
#define NO_LUN_LEN    36

/* Version descriptors, SPC-4 table 150: any revision of each standard. */
static const uint16_t standards[] = {
	0x00a0, /* SAM-5 */
	0x0460, /* SPC-4 */
	0x04c0, /* SBC-3 */
	0x0960, /* iSCSI */
};

void scsi_put_padded(struct writer *w, const char *s, size_t width)
{
	size_t n = strnlen(s, width);

	wr_bytes(w, s, n);
	for (; n < width; n++)
		wr_u8(w, ' ');
}

void inquiry_encode(struct writer *w, const struct lu_info *lu)
{
	const uint8_t head[8] = {
		0x00,			     /* connected, direct access block device  */
		lu->removable ? 0x80 : 0x00, /* RMB */
		VERSION_SPC_4, 0x12,	     /* HISUP, RESPONSE DATA FORMAT 2          */
		INQUIRY_LEN - 5,	     /* ADDITIONAL LENGTH                      */
		/* TPGS, 3PC */
		(uint8_t)((lu->tpgs & 3) << 4 | (lu->tpc ? 0x08 : 0x00)), 0x00, 0x02, /* CMDQUE */
	};
	size_t start = w->len;

	wr_bytes(w, head, sizeof(head));
	scsi_put_padded(w, lu->vendor, 8);
	scsi_put_padded(w, lu->product, 16);
	scsi_put_padded(w, lu->revision, 4);
	wr_zero(w, 58 - 36);
	for (size_t i = 0; i < sizeof(standards) / sizeof(standards[0]); i++)
		wr_be16(w, standards[i]);
	wr_zero(w, start + INQUIRY_LEN - w->len);
}

void inquiry_encode_no_lun(struct writer *w)
{
	const uint8_t head[8] = { 0x7f, 0x00, VERSION_SPC_4, 0x12, NO_LUN_LEN - 5 };

	wr_bytes(w, head, sizeof(head));
	scsi_put_padded(w, "", NO_LUN_LEN - sizeof(head));
}

static uint64_t last_lba(const struct lu_info *lu)
{
	return lu->blocks ? lu->blocks - 1 : 0;
}

void read_capacity_10_encode(struct writer *w, const struct lu_info *lu)
{
	uint64_t last = last_lba(lu);

	/* FFFFFFFFh: "ask with READ CAPACITY(16)", SBC-3 5.15.2 */
	wr_be32(w, last < UINT32_MAX ? (uint32_t)last : UINT32_MAX);
	wr_be32(w, lu->block_size);
}

void read_capacity_16_encode(struct writer *w, const struct lu_info *lu)
{
	wr_be64(w, last_lba(lu));
	wr_be32(w, lu->block_size);
	wr_u8(w, 0); /* no protection information */
	wr_u8(w, lu->lbppbe & 0x0f);
	wr_u8(w, (lu->lbpme ? 0x80 : 0) | (lu->lbprz ? 0x40 : 0));
	wr_zero(w, 32 - 15);
}

/* Addressing methods, SAM-5 4.7.7: the two highest bits of byte 0. */
#define LUN_FLAT	  0x40
#define LUN_EXTENDED_FLAT 0xd2 /* extended, length 01b, method 2: 24 bits follow */

uint64_t scsi_lun_encode(uint16_t lun)
{
	if (lun < 256)
		return (uint64_t)lun << 48;
	if (lun < 16384)
		return (uint64_t)(LUN_FLAT << 8 | lun) << 48;
	return (uint64_t)LUN_EXTENDED_FLAT << 56 | (uint64_t)lun << 32;
}

bool scsi_lun_decode(uint64_t wire, uint16_t *ret_lun)
{
	uint16_t first = (uint16_t)(wire >> 48);

	if (first >> 8 == LUN_EXTENDED_FLAT) {
		/* bits 55:32 are the LUN; ours have 16 bits, and nothing follows */
		if (wire & 0x00ff0000ffffffffu)
			return false;
		*ret_lun = (uint16_t)(wire >> 32);
		return true;
	}
	if (wire & 0x0000ffffffffffffu)
		return false;
	if (first < 256)
		*ret_lun = first;
	else if (first >> 14 == LUN_FLAT >> 6)
		*ret_lun = first & 0x3fff;
	else
		return false;
	return true;
}

void report_luns_encode(struct writer *w, const uint16_t *luns, unsigned n)
{
	wr_be32(w, n * 8);
	wr_zero(w, 4);
	for (unsigned i = 0; i < n; i++)
		wr_be64(w, scsi_lun_encode(luns[i]));
}

bool lu_supports(const struct lu_info *lu, const struct scsi_op *op)
{
	if ((op->flags & OP_LAX) && !lu->tpc)
		return false;
	return !lu->supported || lu->supported[op->cmd];
}

/* Nominal and recommended timeouts: none is known (SPC-4 6.35.4). */
static void put_timeouts(struct writer *w)
{
	wr_be16(w, 0x0a);
	wr_zero(w, 10);
}

static void put_all_commands(struct writer *w, const struct lu_info *lu, bool rctd)
{
	size_t start = w->len;

	wr_be32(w, 0);
	for (int i = 0; i < CMD_COUNT; i++) {
		const struct scsi_op *op = &scsi_ops[i];

		if (!lu_supports(lu, op))
			continue;
		wr_u8(w, op->opcode);
		wr_u8(w, 0);
		wr_be16(w, op->sa);
		wr_u8(w, 0);
		wr_u8(w, (rctd ? 0x02 : 0) | (op->has_sa ? 0x01 : 0)); /* CTDP, SERVACTV */
		wr_be16(w, op->cdb_len);
		if (rctd)
			put_timeouts(w);
	}
	wr_be32_at(w, start, (uint32_t)(w->len - start - 4));
}

static void put_one_command(struct writer *w, const struct scsi_op *op, bool rctd)
{
	wr_u8(w, 0);
	if (!op) {
		wr_u8(w, 0x01); /* not supported */
		wr_be16(w, 0);
		return;
	}
	wr_u8(w, (rctd ? 0x80 : 0) | 0x03); /* CTDP; supported as the standard says */
	wr_be16(w, op->cdb_len);
	wr_bytes(w, op->usage, op->cdb_len);
	if (rctd)
		put_timeouts(w);
}

/* @ret_opcode: any supported row of this opcode, for "does it have service actions?" */
static const struct scsi_op *find_supported(const struct lu_info *lu, uint8_t opcode, uint16_t sa,
					    const struct scsi_op **ret_opcode)
{
	const struct scsi_op *found = NULL;

	for (int i = 0; i < CMD_COUNT; i++) {
		const struct scsi_op *op = &scsi_ops[i];

		if (op->opcode != opcode || !lu_supports(lu, op))
			continue;
		*ret_opcode = op;
		if (op->has_sa ? op->sa == sa : sa == 0)
			found = op;
	}
	return found;
}

/* REPORTING OPTIONS, SPC-4 table 272 */
enum { REPORT_ALL, REPORT_OPCODE, REPORT_OPCODE_SA, REPORT_EITHER };

struct sense rsoc_encode(struct writer *w, const struct lu_info *lu, uint8_t reporting,
			 uint8_t opcode, uint16_t sa, bool rctd)
{
	const struct scsi_op *any = NULL, *op;

	if (reporting > REPORT_EITHER)
		return sense_cdb_bit(2, 2);
	if (reporting == REPORT_ALL) {
		put_all_commands(w, lu, rctd);
		return sense_good();
	}
	/* Without a service action the field is to be ignored, whatever it holds. */
	op = find_supported(lu, opcode, reporting == REPORT_OPCODE ? 0 : sa, &any);
	if (any && reporting == REPORT_OPCODE && any->has_sa)
		return sense_cdb(3);
	if (any && reporting == REPORT_OPCODE_SA && !any->has_sa)
		return sense_cdb(3);
	put_one_command(w, op, rctd);
	return sense_good();
}
