/* SPDX-License-Identifier: Apache-2.0 */
#include "tpc.h"

#include <assert.h>

/* Wire-format 2.2 and 2.3: the least DATA LENGTH covers the header and one range. */
#define PT_DATA_LENGTH_MIN   0x001e
#define WUT_DATA_LENGTH_MIN  0x0226
#define PT_RANGES_LENGTH_AT  14
#define WUT_RANGES_LENGTH_AT 534
#define WUT_TOKEN_AT	     16
#define FLAG_IMMED	     0x01
#define FLAG_2ND	     0x02 /* RTV of PT, DEL_TKN of WUT */

static struct sense bad_list(uint16_t byte)
{
	return sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, byte);
}

static struct sense short_list(void)
{
	return sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
}

/*
 * The complete descriptors between @header and the end of the list, which is
 * where DATA LENGTH or the transfer says, whichever is first (wire-format 2.1).
 */
static struct tpc_ranges complete_ranges(const uint8_t *pl, size_t len, uint16_t header)
{
	size_t declared = get_be16(pl + header - 2), end = (size_t)get_be16(pl) + 2;

	if (end > len)
		end = len;
	assert(end >= header);
	if (declared > end - header)
		declared = end - header;
	return (struct tpc_ranges) { .raw = pl + header,
				     .n = (unsigned)(declared / TPC_RANGE_LEN),
				     .pl_off = header };
}

struct sense tpc_pt_decode(const uint8_t *pl, size_t len, struct tpc_pt *ret)
{
	struct tpc_ranges ranges;

	if (len < TPC_PT_HEADER)
		return short_list();
	if (get_be16(pl) < PT_DATA_LENGTH_MIN)
		return bad_list(0);
	if (get_be16(pl + PT_RANGES_LENGTH_AT) < TPC_RANGE_LEN)
		return bad_list(PT_RANGES_LENGTH_AT);
	ranges = complete_ranges(pl, len, TPC_PT_HEADER);
	if (ranges.n == 0)
		return short_list();
	*ret = (struct tpc_pt) {
		.immed = pl[2] & FLAG_IMMED,
		.rtv = pl[2] & FLAG_2ND,
		.timeout = get_be32(pl + 4),
		.rod_type = get_be32(pl + 8),
		.ranges = ranges,
	};
	return sense_good();
}

struct sense tpc_wut_decode(const uint8_t *pl, size_t len, struct tpc_wut *ret)
{
	uint16_t data, declared;

	if (len < TPC_WUT_HEADER + TPC_RANGE_LEN)
		return short_list();
	data = get_be16(pl);
	declared = get_be16(pl + WUT_RANGES_LENGTH_AT);
	if (data < WUT_DATA_LENGTH_MIN)
		return bad_list(0);
	if (declared < TPC_RANGE_LEN)
		return bad_list(WUT_RANGES_LENGTH_AT);
	if (declared % TPC_RANGE_LEN == 0 && data != declared + WUT_RANGES_LENGTH_AT)
		return bad_list(0);
	*ret = (struct tpc_wut) {
		.immed = pl[2] & FLAG_IMMED,
		.del_tkn = pl[2] & FLAG_2ND,
		.offset = get_be64(pl + 8),
		.token = pl + WUT_TOKEN_AT,
		.ranges = complete_ranges(pl, len, TPC_WUT_HEADER),
	};
	return sense_good();
}

/* ---- judging ranges ---- */

static void swap(struct tpc_range *a, struct tpc_range *b)
{
	struct tpc_range t = *a;

	*a = *b;
	*b = t;
}

static void sift_down(struct tpc_range *v, unsigned root, unsigned n)
{
	for (;;) {
		unsigned child = 2 * root + 1;

		if (child >= n)
			return;
		if (child + 1 < n && v[child].lba < v[child + 1].lba)
			child++;
		if (v[root].lba >= v[child].lba)
			return;
		swap(&v[root], &v[child]);
		root = child;
	}
}

/* Heapsort by LBA: in place, n log n whatever a peer sends (qsort may allocate). */
static void sort_ranges(struct tpc_range *v, unsigned n)
{
	for (unsigned i = n / 2; i-- > 0;)
		sift_down(v, i, n);
	for (unsigned i = n; i-- > 1;) {
		swap(&v[0], &v[i]);
		sift_down(v, 0, i);
	}
}

static bool same_range(struct tpc_range a, struct tpc_range b)
{
	return a.lba == b.lba && a.blocks == b.blocks;
}

/* Which descriptor to point at: the later one of the two that overlap. */
static unsigned last_of(const struct tpc_ranges *r, struct tpc_range a, struct tpc_range b)
{
	unsigned i = r->n - 1;

	while (i > 0 && !same_range(tpc_range_at(r, i), a) && !same_range(tpc_range_at(r, i), b))
		i--;
	return i;
}

static struct sense judge_overlap(const struct tpc_ranges *r, struct tpc_range *scratch)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n; i++) {
		scratch[n] = tpc_range_at(r, i);
		if (scratch[n].blocks) /* an empty range overlaps nothing */
			n++;
	}
	sort_ranges(scratch, n);
	for (unsigned i = 1; i < n; i++) {
		/* no sum that could wrap: the difference is never negative */
		if (scratch[i].lba - scratch[i - 1].lba >= scratch[i - 1].blocks)
			continue;
		return bad_list((uint16_t)(r->pl_off +
					   TPC_RANGE_LEN * last_of(r, scratch[i - 1], scratch[i])));
	}
	return sense_good();
}

static struct sense judge_sum(const struct tpc_ranges *r, const struct tpc_limits *limits,
			      uint32_t block_size, uint64_t *ret_blocks)
{
	/* TPC_MAX_RANGES counts of 32 bits: the sum of blocks cannot wrap */
	uint64_t blocks = 0, bytes;

	for (unsigned i = 0; i < r->n; i++) {
		blocks += tpc_range_at(r, i).blocks;
		if (__builtin_mul_overflow(blocks, block_size, &bytes) ||
		    (limits->max_token_bytes && bytes > limits->max_token_bytes))
			return bad_list((uint16_t)(r->pl_off + TPC_RANGE_LEN * i + 8));
	}
	*ret_blocks = blocks;
	return sense_good();
}

static struct sense judge_medium(const struct tpc_ranges *r, uint64_t capacity)
{
	for (unsigned i = 0; i < r->n; i++) {
		struct tpc_range t = tpc_range_at(r, i);

		/* the first LBA that the medium does not have, wire-format 9.2 number 7 */
		if (t.lba > capacity || t.blocks > capacity - t.lba)
			return sense_info(KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, capacity);
	}
	return sense_good();
}

struct sense tpc_judge_ranges(const struct tpc_ranges *r, const struct tpc_limits *limits,
			      uint32_t block_size, uint64_t capacity_blocks,
			      struct tpc_range *scratch, uint64_t *ret_blocks)
{
	unsigned max = TPC_MAX_RANGES;
	uint64_t blocks = 0;
	struct sense s;

	assert(block_size > 0);
	if (limits->max_ranges && limits->max_ranges < max)
		max = limits->max_ranges;
	if (r->n > max)
		return sense_pl(ASC_TOO_MANY_SEGMENT_DESCRIPTORS, r->pl_off - 2);
	s = judge_overlap(r, scratch);
	if (sense_is_good(s))
		s = judge_sum(r, limits, block_size, &blocks);
	if (sense_is_good(s))
		s = judge_medium(r, capacity_blocks);
	if (sense_is_good(s))
		*ret_blocks = blocks;
	return s;
}

/* ---- encoding ---- */

static void put_ranges(struct writer *w, const struct tpc_range *ranges, unsigned n)
{
	wr_be16(w, (uint16_t)(n * TPC_RANGE_LEN));
	for (unsigned i = 0; i < n; i++) {
		wr_be64(w, ranges[i].lba);
		wr_be32(w, ranges[i].blocks);
		wr_be32(w, 0);
	}
	wr_be16_at(w, 0, (uint16_t)(w->len - 2));
}

size_t tpc_pt_encode(uint8_t *pl, size_t cap, bool immed, bool rtv, uint32_t timeout,
		     uint32_t rod_type, const struct tpc_range *ranges, unsigned n)
{
	struct writer w = writer(pl, cap);

	assert(n <= TPC_MAX_RANGES);
	wr_be16(&w, 0);
	wr_u8(&w, (immed ? FLAG_IMMED : 0) | (rtv ? FLAG_2ND : 0));
	wr_u8(&w, 0);
	wr_be32(&w, timeout);
	wr_be32(&w, rod_type);
	wr_be16(&w, 0);
	put_ranges(&w, ranges, n);
	return w.len;
}

size_t tpc_wut_encode(uint8_t *pl, size_t cap, bool immed, bool del_tkn, uint64_t offset,
		      const uint8_t token[ROD_TOKEN_LEN], const struct tpc_range *ranges,
		      unsigned n)
{
	struct writer w = writer(pl, cap);

	assert(n <= TPC_MAX_RANGES);
	wr_be16(&w, 0);
	wr_u8(&w, (immed ? FLAG_IMMED : 0) | (del_tkn ? FLAG_2ND : 0));
	wr_zero(&w, 5);
	wr_be64(&w, offset);
	wr_bytes(&w, token, ROD_TOKEN_LEN);
	wr_zero(&w, 6);
	put_ranges(&w, ranges, n);
	return w.len;
}

/* ---- RECEIVE ROD TOKEN INFORMATION ---- */

#define RESULT_HEADER	   32
#define RESULT_SENSE_FIELD 20 /* a multiple of four that holds fixed sense */

static void put_status(struct writer *w, const struct tpc_result *r)
{
	bool sense = !sense_is_good(r->sense);

	wr_be32(w, 0);
	wr_u8(w, r->sa & 0x1f);
	wr_u8(w, r->status & 0x7f);
	wr_be16(w, r->op_counter);
	wr_be32(w, r->delay_ms);
	wr_u8(w, r->completion);
	wr_u8(w, sense ? RESULT_SENSE_FIELD : 0);
	wr_u8(w, sense ? SENSE_FIXED_LEN : 0);
	wr_u8(w, r->units);
	wr_be64(w, r->count);
	wr_be16(w, r->segments);
	wr_zero(w, 6);
	if (sense) {
		uint8_t b[RESULT_SENSE_FIELD] = { 0 };

		sense_encode(r->sense, false, b, sizeof(b));
		wr_bytes(w, b, sizeof(b));
	}
}

void tpc_status_encode(struct writer *w, const struct tpc_result *r)
{
	size_t start = w->len;

	put_status(w, r);
	wr_be32_at(w, start, (uint32_t)(w->len - start - 4));
}

void tpc_result_encode(struct writer *w, const struct tpc_result *r)
{
	size_t start = w->len;

	put_status(w, r);
	wr_be32(w, r->token ? 2 + ROD_TOKEN_LEN : 0);
	if (r->token) {
		wr_be16(w, 0); /* ID FOR CREATING ROD CSCD: 0 for PT */
		wr_bytes(w, r->token, ROD_TOKEN_LEN);
	}
	wr_be32_at(w, start, (uint32_t)(w->len - start - 4));
}

static void decode_result_sense(struct reader *r, struct tpc_result *t)
{
	size_t room = rd_left(r);
	const uint8_t *field = rd_bytes(r, t->sense_field_len);
	size_t n = t->sense_len < t->sense_field_len ? t->sense_len : t->sense_field_len;

	/* Cut by the allocation length: the bytes that came still say something. */
	if (!field) {
		field = r->p + r->pos;
		if (n > room)
			n = room;
	}
	sense_decode(field, n, &t->sense);
}

bool tpc_result_decode(const uint8_t *p, size_t len, struct tpc_result *ret)
{
	struct reader r = reader(p, len);
	struct tpc_result t = { 0 };

	if (len < RESULT_HEADER)
		return false;
	t.available = rd_be32(&r);
	t.sa = rd_u8(&r) & 0x1f;
	t.status = rd_u8(&r) & 0x7f;
	t.op_counter = rd_be16(&r);
	t.delay_ms = rd_be32(&r);
	t.completion = rd_u8(&r);
	t.sense_field_len = rd_u8(&r);
	t.sense_len = rd_u8(&r);
	t.units = rd_u8(&r);
	t.count = rd_be64(&r);
	t.segments = rd_be16(&r);
	rd_bytes(&r, 6);
	decode_result_sense(&r, &t);
	t.descriptors_len = rd_be32(&r);
	if (t.descriptors_len >= 2 + ROD_TOKEN_LEN) {
		t.token_cscd_id = rd_be16(&r);
		t.token = rd_bytes(&r, ROD_TOKEN_LEN);
	}
	*ret = t;
	return true;
}
