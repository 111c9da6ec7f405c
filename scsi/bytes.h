/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Big-endian integers and bounded cursors over wire bytes.
 *
 * Everything here is inline, allocates nothing and is safe on any input: a
 * reader that is asked for more than there is gives zeros and stays "cut" for
 * good, so a caller decodes the whole structure and asks once at the end; a
 * writer counts past its capacity without storing, so length fields and
 * allocation-length truncation come out right.  Callable from any thread.
 */
#ifndef SCSI_BYTES_H
#define SCSI_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | get_be24(p + 1);
}

static inline uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

static inline void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put_be24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	put_be16(p + 1, (uint16_t)v);
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}

static inline void put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32(p + 4, (uint32_t)v);
}

/* Reads forward through @len bytes at @p; @cut once anything was missing. */
struct reader {
	const uint8_t *p;
	size_t len;
	size_t pos;
	bool cut;
};

static inline struct reader reader(const void *p, size_t len)
{
	return (struct reader) { .p = p, .len = len };
}

static inline size_t rd_left(const struct reader *r)
{
	return r->len - r->pos;
}

/* The next @n bytes in place, or NULL (and @cut) when fewer are left. */
static inline const uint8_t *rd_bytes(struct reader *r, size_t n)
{
	if (r->cut || n > rd_left(r)) {
		r->cut = true;
		return NULL;
	}
	r->pos += n;
	return r->p + (r->pos - n);
}

static inline uint8_t rd_u8(struct reader *r)
{
	const uint8_t *p = rd_bytes(r, 1);

	return p ? p[0] : 0;
}

static inline uint16_t rd_be16(struct reader *r)
{
	const uint8_t *p = rd_bytes(r, 2);

	return p ? get_be16(p) : 0;
}

static inline uint32_t rd_be32(struct reader *r)
{
	const uint8_t *p = rd_bytes(r, 4);

	return p ? get_be32(p) : 0;
}

static inline uint64_t rd_be64(struct reader *r)
{
	const uint8_t *p = rd_bytes(r, 8);

	return p ? get_be64(p) : 0;
}

/* Appends to @p; @len runs on past @cap, bytes past @cap are not stored. */
struct writer {
	uint8_t *p;
	size_t cap;
	size_t len;
};

static inline struct writer writer(void *p, size_t cap)
{
	return (struct writer) { .p = p, .cap = cap };
}

/* How many bytes really stand in the buffer. */
static inline size_t wr_stored(const struct writer *w)
{
	return w->len < w->cap ? w->len : w->cap;
}

static inline void wr_bytes(struct writer *w, const void *src, size_t n)
{
	if (w->len < w->cap && n > 0) {
		size_t room = w->cap - w->len;

		memcpy(w->p + w->len, src, n < room ? n : room);
	}
	w->len += n;
}

static inline void wr_zero(struct writer *w, size_t n)
{
	if (w->len < w->cap) {
		size_t room = w->cap - w->len;

		memset(w->p + w->len, 0, n < room ? n : room);
	}
	w->len += n;
}

static inline void wr_u8(struct writer *w, uint8_t v)
{
	wr_bytes(w, &v, 1);
}

static inline void wr_be16(struct writer *w, uint16_t v)
{
	uint8_t b[2];

	put_be16(b, v);
	wr_bytes(w, b, sizeof(b));
}

static inline void wr_be32(struct writer *w, uint32_t v)
{
	uint8_t b[4];

	put_be32(b, v);
	wr_bytes(w, b, sizeof(b));
}

static inline void wr_be64(struct writer *w, uint64_t v)
{
	uint8_t b[8];

	put_be64(b, v);
	wr_bytes(w, b, sizeof(b));
}

/* Store again at @at, for length fields known only at the end. */
static inline void wr_at(struct writer *w, size_t at, const void *src, size_t n)
{
	if (at < w->cap)
		memcpy(w->p + at, src, n < w->cap - at ? n : w->cap - at);
}

static inline void wr_be16_at(struct writer *w, size_t at, uint16_t v)
{
	uint8_t b[2];

	put_be16(b, v);
	wr_at(w, at, b, sizeof(b));
}

static inline void wr_be32_at(struct writer *w, size_t at, uint32_t v)
{
	uint8_t b[4];

	put_be32(b, v);
	wr_at(w, at, b, sizeof(b));
}

#endif
