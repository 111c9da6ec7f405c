/* SPDX-License-Identifier: Apache-2.0 */
#include "format.h"

/* ---- FORMAT UNIT ---- */

#define FOV   0x80 /* the bits below mean something */
#define DPRY  0x40
#define DCRT  0x20
#define STPF  0x10
#define IP    0x08
#define IMMED 0x02

static uint8_t highest(uint8_t v)
{
	uint8_t bit = 7;

	while (!(v >> bit & 1))
		bit--;
	return bit;
}

static struct sense judge_format_cdb(const struct scsi_cdb *cdb)
{
	if (cdb->fmtpinfo) /* no protection information */
		return sense_cdb_bit(1, 7);
	/* Without a list there is no defect list either, and its format must be 0. */
	if (!cdb->fmtdata && (cdb->longlist || cdb->cmplst || cdb->defect_format))
		return sense_cdb_bit(1, cdb->longlist ? 5 : cdb->cmplst ? 3 : 2);
	if (cdb->defect_format > 5)
		return sense_cdb_bit(1, 2);
	if (cdb->ffmt) /* no fast format: everything reads as zeros afterwards */
		return sense_cdb_bit(4, 1);
	return sense_good();
}

/*
 * Primary defects, certification and stopping are about physical defects, of which there
 * are none: FOV=1 with any of DPRY, DCRT, STPF asks for what is the case anyway.
 */
static struct sense judge_format_list(const uint8_t *p, bool longlist)
{
	size_t at = longlist ? 4 : 2;
	uint32_t defects = longlist ? get_be32(p + 4) : get_be16(p + 2);
	uint8_t bad = p[1] & (p[1] & FOV ? IP : DPRY | DCRT | STPF | IP);

	if (p[0] & 0x07) /* PROTECTION FIELD USAGE */
		return sense_pl_bit(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 0, 2);
	if (bad)
		return sense_pl_bit(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 1, highest(bad));
	if (longlist && p[3]) /* P_I_INFORMATION, PROTECTION INTERVAL EXPONENT */
		return sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 3);
	if (defects)
		return sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, (uint16_t)at);
	return sense_good();
}

struct sense format_decode(const struct scsi_cdb *cdb, const uint8_t *p, size_t len,
			   bool *ret_immed)
{
	struct sense s = judge_format_cdb(cdb);

	if (!sense_is_good(s))
		return s;
	if (!cdb->fmtdata) {
		*ret_immed = false;
		return s;
	}
	if (len < (cdb->longlist ? FORMAT_LONG_LEN : FORMAT_SHORT_LEN))
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
	s = judge_format_list(p, cdb->longlist);
	if (sense_is_good(s))
		*ret_immed = p[1] & IMMED;
	return s;
}

size_t format_encode(bool longlist, bool immed, uint8_t buf[FORMAT_LONG_LEN])
{
	memset(buf, 0, FORMAT_LONG_LEN);
	buf[1] = immed ? IMMED : 0;
	return longlist ? FORMAT_LONG_LEN : FORMAT_SHORT_LEN;
}

/* ---- SANITIZE ---- */

#define INVERT	   0x80
#define TEST	   0x60
#define COUNT_MASK 0x1f

struct sense sanitize_overwrite_decode(const uint8_t *p, size_t len, uint32_t block_size,
				       struct sanitize_overwrite *ret)
{
	const unsigned asc = ASC_INVALID_FIELD_IN_PARAMETER_LIST;
	uint16_t n;

	/* PARAMETER LIST LENGTH: a header and a pattern of one byte to one block */
	if (len <= SANITIZE_HEADER_LEN || len > SANITIZE_HEADER_LEN + block_size)
		return sense_cdb(7);
	if (p[0] & TEST) /* vendor specific; there are none of ours */
		return sense_pl_bit(asc, 0, 6);
	if ((p[0] & COUNT_MASK) == 0)
		return sense_pl_bit(asc, 0, 4);
	if (p[1])
		return sense_pl(asc, 1);
	n = get_be16(p + 2);
	if (n == 0 || n > block_size)
		return sense_pl(asc, 2);
	if (n > len - SANITIZE_HEADER_LEN)
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
	*ret = (struct sanitize_overwrite) {
		.invert = p[0] & INVERT,
		.passes = p[0] & COUNT_MASK,
		.pattern = p + SANITIZE_HEADER_LEN,
		.pattern_len = n,
	};
	return sense_good();
}

void sanitize_overwrite_encode(struct writer *w, const struct sanitize_overwrite *o)
{
	wr_u8(w, (uint8_t)((o->invert ? INVERT : 0) | (o->passes & COUNT_MASK)));
	wr_u8(w, 0);
	wr_be16(w, o->pattern_len);
	wr_bytes(w, o->pattern, o->pattern_len);
}

/* ---- READ DEFECT DATA ---- */

#define LISTS_SHIFT 3
#define LAST_FORMAT 5 /* 110b is vendor specific, 111b reserved (SBC-4 table 66) */

struct sense defect_list_encode(struct writer *w, const struct scsi_cdb *cdb)
{
	bool ten = cdb->op->cmd == CMD_READ_DEFECT_DATA_10;

	if (cdb->defect_format > LAST_FORMAT)
		return sense_cdb_bit(ten ? 2 : 1, 2);
	wr_u8(w, 0);
	/* PLISTV and GLISTV: the lists asked for are here, and have no entry */
	wr_u8(w, (uint8_t)((cdb->plist << 1 | cdb->glist) << LISTS_SHIFT | cdb->defect_format));
	if (ten) {
		wr_be16(w, 0); /* DEFECT LIST LENGTH */
	} else {
		wr_be16(w, 0); /* GENERATION CODE: the list never changes */
		wr_be32(w, 0);
	}
	return sense_good();
}
