/* SPDX-License-Identifier: Apache-2.0 */
#include "unmap.h"

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

struct sense unmap_decode(const uint8_t *pl, size_t len, struct unmap_list *ret)
{
	size_t data, descriptors;

	if (len < UNMAP_HEADER_LEN)
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
	/* UNMAP DATA LENGTH counts from byte 2 on. */
	data = (size_t)get_be16(pl) + 2;
	data = data > UNMAP_HEADER_LEN ? data - UNMAP_HEADER_LEN : 0;
	descriptors = min_size(get_be16(pl + 2), min_size(data, len - UNMAP_HEADER_LEN));
	*ret = (struct unmap_list) { .descriptors = pl + UNMAP_HEADER_LEN,
				     .n = (unsigned)(descriptors / UNMAP_DESCRIPTOR_LEN) };
	return sense_good();
}

struct unmap_range unmap_range_at(const struct unmap_list *list, unsigned i)
{
	const uint8_t *d = list->descriptors + (size_t)i * UNMAP_DESCRIPTOR_LEN;

	return (struct unmap_range) { .lba = get_be64(d), .blocks = get_be32(d + 8) };
}

struct sense unmap_judge(const struct unmap_list *list, const struct unmap_limits *limits)
{
	uint64_t sum = 0;

	if (list->n > limits->max_descriptors)
		return sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 2);
	for (unsigned i = 0; i < list->n; i++) {
		struct unmap_range r = unmap_range_at(list, i);
		uint16_t at = (uint16_t)(UNMAP_HEADER_LEN + i * UNMAP_DESCRIPTOR_LEN);

		sum += r.blocks; /* of a few hundred 32-bit numbers */
		if (sum > limits->max_blocks)
			return sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, at + 8);
		if (r.lba > limits->capacity || r.blocks > limits->capacity - r.lba)
			return sense_pl(ASC_LBA_OUT_OF_RANGE, at);
	}
	return sense_good();
}

size_t unmap_encode(uint8_t *buf, size_t cap, const struct unmap_range *ranges, unsigned n)
{
	struct writer w = writer(buf, cap);

	wr_be16(&w, (uint16_t)(UNMAP_HEADER_LEN - 2 + n * UNMAP_DESCRIPTOR_LEN));
	wr_be16(&w, (uint16_t)(n * UNMAP_DESCRIPTOR_LEN));
	wr_zero(&w, 4);
	for (unsigned i = 0; i < n; i++) {
		wr_be64(&w, ranges[i].lba);
		wr_be32(&w, ranges[i].blocks);
		wr_zero(&w, 4);
	}
	return w.len;
}

void lba_status_encode(struct writer *w, const struct lba_status *s, unsigned n)
{
	wr_be32(w, LBA_STATUS_HEADER_LEN - 4 + n * LBA_STATUS_LEN);
	wr_zero(w, 4);
	for (unsigned i = 0; i < n; i++) {
		wr_be64(w, s[i].lba);
		wr_be32(w, s[i].blocks);
		wr_u8(w, s[i].provisioning & 0x0f);
		wr_zero(w, 3);
	}
}

bool lba_status_decode(const uint8_t *p, size_t len, struct lba_status *ret, unsigned cap,
		       unsigned *ret_n)
{
	size_t said;
	unsigned n;

	if (len < LBA_STATUS_HEADER_LEN)
		return false;
	said = get_be32(p) > 4 ? (size_t)get_be32(p) - 4 : 0;
	n = (unsigned)(min_size(said, len - LBA_STATUS_HEADER_LEN) / LBA_STATUS_LEN);
	for (unsigned i = 0; i < n && i < cap; i++) {
		const uint8_t *d = p + LBA_STATUS_HEADER_LEN + (size_t)i * LBA_STATUS_LEN;

		ret[i] = (struct lba_status) { .lba = get_be64(d),
					       .blocks = get_be32(d + 8),
					       .provisioning = d[12] & 0x0f };
	}
	*ret_n = n;
	return true;
}
