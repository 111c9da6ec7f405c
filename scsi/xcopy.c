/* SPDX-License-Identifier: Apache-2.0 */
#include "xcopy.h"

#include <assert.h>

#define LID4_FORMAT	 0x01
#define LID4_HEADER_TYPE 0xff
#define FLAG_IMMED	 0x01
#define FLAG_G_SENSE	 0x02
#define SEG_CAT		 0x01
#define SEG_DC		 0x02
#define SEG_FCO		 0x04
#define CSCD_PAD	 0x04

const uint8_t xcopy_descriptors[4] = { XCOPY_BLOCKS, XCOPY_VERIFY, XCOPY_OFFSET,
				       XCOPY_CSCD_IDENTIFICATION };

/* DESCRIPTOR LENGTH of each type: the bytes after the first four. */
static const struct {
	uint8_t type;
	uint16_t len;
} segment_types[] = {
	{ XCOPY_BLOCKS, 0x18 },
	{ XCOPY_VERIFY, 0x08 },
	{ XCOPY_OFFSET, 0x1c },
};

static uint16_t segment_len(uint8_t type)
{
	for (unsigned i = 0; i < sizeof(segment_types) / sizeof(segment_types[0]); i++)
		if (segment_types[i].type == type)
			return segment_types[i].len;
	return 0;
}

static struct sense short_list(void)
{
	return sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
}

static struct sense bad_list(uint16_t byte)
{
	return sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, byte);
}

struct lengths {
	uint32_t cscds, segments, inlined;
	uint16_t header, cscds_at; /* where the descriptors begin; where their length stands */
	uint16_t inlined_at;
};

static struct lengths lengths_of(const uint8_t *pl, bool lid4)
{
	if (lid4)
		return (struct lengths) { get_be16(pl + 42),
					  get_be16(pl + 44),
					  get_be16(pl + 46),
					  XCOPY_LID4_HEADER,
					  42,
					  46 };
	return (struct lengths) {
		get_be16(pl + 2), get_be32(pl + 8), get_be32(pl + 12), XCOPY_LID1_HEADER, 2, 12
	};
}

/* What is fixed in the header of a LID4 list. */
static struct sense check_lid4(const uint8_t *pl)
{
	if (pl[0] != LID4_FORMAT)
		return bad_list(0);
	if (get_be16(pl + 2) != XCOPY_CSCD_LEN)
		return bad_list(2);
	if (pl[16] != LID4_HEADER_TYPE)
		return bad_list(16);
	return sense_good();
}

static struct sense check_usage(const struct xcopy_list *l)
{
	if (l->usage == 1)
		return sense_pl_bit(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 1, 4);
	if (l->usage == XCOPY_NO_ID && l->list_id != 0)
		return bad_list(l->lid4 ? 20 : 0);
	if (l->immed && (l->g_sense || l->usage == XCOPY_NO_ID))
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	return sense_good();
}

static struct sense check_cscds(struct xcopy_list *l, const struct lengths *n)
{
	if (n->cscds % XCOPY_CSCD_LEN)
		return bad_list(n->cscds_at);
	l->ncscds = n->cscds / XCOPY_CSCD_LEN;
	if (l->ncscds > XCOPY_MAX_CSCDS)
		return sense_pl(ASC_TOO_MANY_TARGET_DESCRIPTORS, n->cscds_at);
	for (unsigned i = 0; i < l->ncscds; i++) {
		uint16_t at = (uint16_t)(n->header + i * XCOPY_CSCD_LEN);

		if (l->cscds[i * XCOPY_CSCD_LEN] != XCOPY_CSCD_IDENTIFICATION)
			return sense_pl(ASC_UNSUPPORTED_TARGET_DESCRIPTOR, at);
		if (l->cscds[i * XCOPY_CSCD_LEN + 7] > XCOPY_MAX_DESIGNATOR)
			return bad_list((uint16_t)(at + 7));
	}
	return sense_good();
}

/*
 * As many as there are, then their types: the count is judged before any type, and a
 * type that we do not know has a length that we believe.
 */
static struct sense check_segments(struct xcopy_list *l, uint16_t at)
{
	for (size_t pos = 0; pos < l->segments_len; l->nsegments++) {
		size_t left = l->segments_len - pos;

		if (left < 4 || get_be16(l->segments + pos + 2) + 4u > left)
			return bad_list((uint16_t)(at + pos + (left < 4 ? 0 : 2)));
		pos += get_be16(l->segments + pos + 2) + 4u;
	}
	if (l->nsegments > XCOPY_MAX_SEGMENTS)
		return sense_pl(ASC_TOO_MANY_SEGMENT_DESCRIPTORS, l->lid4 ? 44 : 8);
	for (size_t pos = 0; pos < l->segments_len;) {
		const uint8_t *p = l->segments + pos;
		uint16_t here = (uint16_t)(at + pos);

		if (!segment_len(p[0]))
			return sense_pl(ASC_UNSUPPORTED_SEGMENT_DESCRIPTOR, here);
		if (get_be16(p + 2) != segment_len(p[0]))
			return bad_list((uint16_t)(here + 2));
		if (p[1] & SEG_FCO) /* SPC-5: fast, or not at all; we read and write */
			return sense_pl(ASC_FAST_COPY_NOT_POSSIBLE, (uint16_t)(here + 1));
		pos += 4u + segment_len(p[0]);
	}
	return sense_good();
}

struct sense xcopy_decode(const uint8_t *pl, size_t len, bool lid4, struct xcopy_list *ret)
{
	struct xcopy_list l = { .lid4 = lid4 };
	struct lengths n;
	struct sense s;

	if (len < (lid4 ? XCOPY_LID4_HEADER : XCOPY_LID1_HEADER))
		return short_list();
	s = lid4 ? check_lid4(pl) : sense_good();
	if (!sense_is_good(s))
		return s;
	n = lengths_of(pl, lid4);
	if ((uint64_t)n.header + n.cscds + n.segments + n.inlined > len ||
	    (uint64_t)n.cscds + n.segments > XCOPY_MAX_LIST)
		return short_list();
	l.list_id = lid4 ? get_be32(pl + 20) : pl[0];
	l.usage = pl[1] >> 3 & 3;
	l.priority = pl[1] & 7;
	l.str = pl[1] & 0x20;
	l.immed = lid4 && (pl[15] & FLAG_IMMED);
	l.g_sense = lid4 && (pl[15] & FLAG_G_SENSE);
	l.cscds = pl + n.header;
	l.segments = l.cscds + n.cscds;
	l.segments_len = n.segments;
	s = check_usage(&l);
	if (sense_is_good(s))
		s = check_cscds(&l, &n);
	if (sense_is_good(s))
		s = check_segments(&l, (uint16_t)(n.header + n.cscds));
	if (sense_is_good(s) && n.inlined)
		s = sense_pl(ASC_INLINE_DATA_LENGTH_EXCEEDED, n.inlined_at);
	if (sense_is_good(s))
		*ret = l;
	return s;
}

bool xcopy_peek_list_id(const uint8_t *pl, size_t len, bool lid4, uint32_t *ret)
{
	if (len < (lid4 ? 24 : 1))
		return false;
	*ret = lid4 ? get_be32(pl + 20) : pl[0];
	return true;
}

struct xcopy_cscd xcopy_cscd_at(const struct xcopy_list *l, unsigned i)
{
	const uint8_t *p = l->cscds + (size_t)i * XCOPY_CSCD_LEN;

	assert(i < l->ncscds);
	return (struct xcopy_cscd) {
		.pdt = p[1] & 0x1f,
		.code_set = p[4] & 0x0f,
		.association = p[5] >> 4 & 3,
		.designator_type = p[5] & 0x0f,
		.designator_len = p[7],
		.designator = p + 8,
		.pad = p[28] & CSCD_PAD,
		.block_size = get_be24(p + 29),
	};
}

/* wire-format 2.4: identifier 0 of a LID4 list is the header itself. */
int xcopy_cscd_index(const struct xcopy_list *l, uint16_t id)
{
	unsigned first = l->lid4 ? 1 : 0;

	return id >= first && id - first < l->ncscds ? (int)(id - first) : -1;
}

bool xcopy_segment_next(const struct xcopy_list *l, size_t *pos, struct xcopy_segment *ret)
{
	const uint8_t *p = l->segments + *pos;

	if (*pos >= l->segments_len)
		return false;
	*pos += 4u + segment_len(p[0]);
	*ret = (struct xcopy_segment) {
		.type = p[0],
		.dc = p[1] & SEG_DC,
		.cat = p[1] & SEG_CAT,
		.src = get_be16(p + 4),
	};
	if (p[0] == XCOPY_VERIFY) {
		ret->tur = p[8] & 1;
		return true;
	}
	ret->dst = get_be16(p + 6);
	ret->count = p[0] == XCOPY_BLOCKS ? get_be16(p + 10) : get_be32(p + 8);
	ret->src_lba = get_be64(p + 12);
	ret->dst_lba = get_be64(p + 20);
	if (p[0] == XCOPY_OFFSET) {
		ret->src_off = get_be16(p + 28);
		ret->dst_off = get_be16(p + 30);
	}
	return true;
}

/* ---- encoding ---- */

static void put_cscd(struct writer *w, const struct xcopy_cscd *c)
{
	uint8_t p[XCOPY_CSCD_LEN] = { XCOPY_CSCD_IDENTIFICATION, c->pdt };

	assert(c->designator_len <= XCOPY_MAX_DESIGNATOR);
	p[4] = c->code_set;
	p[5] = (uint8_t)(c->association << 4 | c->designator_type);
	p[7] = c->designator_len;
	memcpy(p + 8, c->designator, c->designator_len);
	p[28] = c->pad ? CSCD_PAD : 0;
	p[29] = (uint8_t)(c->block_size >> 16);
	put_be16(p + 30, (uint16_t)c->block_size);
	wr_bytes(w, p, sizeof(p));
}

static void put_segment(struct writer *w, const struct xcopy_segment *s)
{
	uint8_t p[32] = { s->type, (s->dc ? SEG_DC : 0) | (s->cat ? SEG_CAT : 0) };

	put_be16(p + 2, segment_len(s->type));
	put_be16(p + 4, s->src);
	put_be16(p + 6, s->dst);
	if (s->type == XCOPY_BLOCKS)
		put_be16(p + 10, (uint16_t)s->count);
	else
		put_be32(p + 8, s->count);
	put_be64(p + 12, s->src_lba);
	put_be64(p + 20, s->dst_lba);
	if (s->type == XCOPY_OFFSET) {
		put_be16(p + 28, s->src_off);
		put_be16(p + 30, s->dst_off);
	}
	if (s->type == XCOPY_VERIFY) {
		put_be16(p + 6, 0);
		p[8] = s->tur;
	}
	wr_bytes(w, p, 4u + segment_len(s->type));
}

size_t xcopy_encode(uint8_t *pl, size_t cap, const struct xcopy_list *head,
		    const struct xcopy_cscd *cscds, unsigned ncscds,
		    const struct xcopy_segment *segments, unsigned nsegments)
{
	uint8_t h[XCOPY_LID4_HEADER] = { 0 };
	struct writer w = writer(pl, cap);
	size_t at, len;

	wr_bytes(&w, h, head->lid4 ? XCOPY_LID4_HEADER : XCOPY_LID1_HEADER);
	for (unsigned i = 0; i < ncscds; i++)
		put_cscd(&w, &cscds[i]);
	at = w.len;
	for (unsigned i = 0; i < nsegments; i++)
		put_segment(&w, &segments[i]);
	len = w.len - at;
	h[1] = (uint8_t)((head->str ? 0x20 : 0) | head->usage << 3 | head->priority);
	if (head->lid4) {
		h[0] = LID4_FORMAT;
		put_be16(h + 2, XCOPY_CSCD_LEN);
		h[15] = (head->immed ? FLAG_IMMED : 0) | (head->g_sense ? FLAG_G_SENSE : 0);
		h[16] = LID4_HEADER_TYPE;
		put_be32(h + 20, head->list_id);
		put_be16(h + 42, (uint16_t)(ncscds * XCOPY_CSCD_LEN));
		put_be16(h + 44, (uint16_t)len);
	} else {
		h[0] = (uint8_t)head->list_id;
		put_be16(h + 2, (uint16_t)(ncscds * XCOPY_CSCD_LEN));
		put_be32(h + 8, (uint32_t)len);
	}
	wr_at(&w, 0, h, head->lid4 ? XCOPY_LID4_HEADER : XCOPY_LID1_HEADER);
	return w.len;
}

/* ---- what is asked about it ---- */

void xcopy_params_encode(struct writer *w, const struct xcopy_params *p)
{
	uint8_t b[44] = { 0 };

	put_be32(b, 40 + sizeof(xcopy_descriptors));
	b[4] = 0x01; /* SNLID */
	put_be16(b + 8, XCOPY_MAX_CSCDS);
	put_be16(b + 10, XCOPY_MAX_SEGMENTS);
	put_be32(b + 12, XCOPY_MAX_LIST);
	put_be16(b + 34, p->total_copies);
	b[36] = p->max_copies;
	b[37] = p->granularity;
	b[43] = sizeof(xcopy_descriptors);
	wr_bytes(w, b, sizeof(b));
	wr_bytes(w, xcopy_descriptors, sizeof(xcopy_descriptors));
}

/* TRANSFER COUNT UNITS: bytes, KiB, MiB, ... whatever 32 bits of them can say. */
void xcopy_status_encode(struct writer *w, enum xcopy_status status, uint16_t segments,
			 uint64_t bytes)
{
	uint8_t units = 0;

	while (bytes > UINT32_MAX) {
		bytes >>= 10;
		units++;
	}
	wr_be32(w, 8);
	wr_u8(w, (uint8_t)status);
	wr_be16(w, segments);
	wr_u8(w, units);
	wr_be32(w, (uint32_t)bytes);
}

bool xcopy_status_decode(const uint8_t *p, size_t len, struct xcopy_lid1_status *ret)
{
	if (len < 12)
		return false;
	*ret = (struct xcopy_lid1_status) {
		.status = p[4] & 0x7f,
		.segments = get_be16(p + 5),
		.units = p[7],
		.count = get_be32(p + 8),
	};
	return true;
}

void xcopy_failure_encode(struct writer *w, uint8_t status, struct sense s)
{
	uint8_t b[SENSE_MAX_LEN];
	size_t start = w->len, n;

	if (status == SAM_GOOD) {
		wr_be32(w, 0);
		return;
	}
	n = sense_is_good(s) ? 0 : sense_encode(s, false, b, sizeof(b));
	wr_zero(w, 56);
	wr_u8(w, status);
	wr_u8(w, 0);
	wr_be16(w, (uint16_t)n);
	wr_bytes(w, b, n);
	wr_be32_at(w, start, (uint32_t)(w->len - start - 4));
}

struct sense xcopy_sense(unsigned asc_ascq, uint16_t segment, uint16_t field)
{
	struct sense s = sense_make(KEY_COPY_ABORTED, asc_ascq);

	s.flags = SENSE_SEGMENT | SENSE_FIELD_SEGMENT;
	s.segment = segment;
	s.field = field;
	return s;
}
