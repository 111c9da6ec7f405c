/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-layout wire structures as tables of fields: one table serves decoding
 * and encoding, so that the two cannot disagree.  Private to scsi/ (cdb.c,
 * iscsi_pdu.c).  Pure, any thread.
 */
#ifndef SCSI_FIELD_H
#define SCSI_FIELD_H

#include <assert.h>

#include "bytes.h"

/* @nbytes big-endian bytes at @byte; the field is their @bits bits above @shift. */
struct wire_field {
	uint16_t member; /* offset in the C structure                   */
	uint8_t size;	 /* of the member: 1, 2, 4, 8, or any if raw    */
	uint8_t byte;	 /* first byte on the wire                      */
	uint8_t nbytes;
	uint8_t shift;
	uint8_t bits; /* 0: raw bytes, copied as they are; ends a table if nbytes is 0 too */
};

#define FIELD_SIZE(type, m) sizeof(((type *)0)->m)
#define FIELD(type, m, at, n)                                             \
	{                                                                 \
		offsetof(type, m), FIELD_SIZE(type, m), at, n, 0, 8 * (n) \
	}
#define FIELD_BITS(type, m, at, sh, n)                               \
	{                                                            \
		offsetof(type, m), FIELD_SIZE(type, m), at, 1, sh, n \
	}
#define FIELD_RAW(type, m, at)                                                        \
	{                                                                             \
		offsetof(type, m), FIELD_SIZE(type, m), at, FIELD_SIZE(type, m), 0, 0 \
	}
#define FIELD_END                \
	{                        \
		0, 0, 0, 0, 0, 0 \
	}

static inline uint64_t field_mask(const struct wire_field *f)
{
	return f->bits == 64 ? UINT64_MAX : ((uint64_t)1 << f->bits) - 1;
}

static inline uint64_t field_get_be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static inline void field_put_be(uint8_t *p, unsigned n, uint64_t v)
{
	for (unsigned i = n; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

/* A member of the C structure, whatever its width; bool counts as one byte. */
static inline uint64_t field_load(const void *p, size_t size)
{
	uint64_t v8;
	uint32_t v4;
	uint16_t v2;

	assert(size == 1 || size == 2 || size == 4 || size == 8);
	if (size == 8) {
		memcpy(&v8, p, 8);
		return v8;
	}
	if (size == 4) {
		memcpy(&v4, p, 4);
		return v4;
	}
	if (size == 2) {
		memcpy(&v2, p, 2);
		return v2;
	}
	return *(const uint8_t *)p;
}

static inline void field_store(void *p, size_t size, uint64_t v)
{
	uint32_t v4 = (uint32_t)v;
	uint16_t v2 = (uint16_t)v;

	assert(size == 1 || size == 2 || size == 4 || size == 8);
	if (size == 8)
		memcpy(p, &v, 8);
	else if (size == 4)
		memcpy(p, &v4, 4);
	else if (size == 2)
		memcpy(p, &v2, 2);
	else
		*(uint8_t *)p = (uint8_t)v;
}

/* Fills @obj's members from @wire, which holds every byte that the table names. */
static inline void fields_decode(const struct wire_field *f, const uint8_t *wire, void *obj)
{
	for (; f->nbytes; f++) {
		uint8_t *m = (uint8_t *)obj + f->member;

		if (f->bits == 0)
			memcpy(m, wire + f->byte, f->nbytes);
		else
			field_store(m, f->size,
				    field_get_be(wire + f->byte, f->nbytes) >> f->shift &
					    field_mask(f));
	}
}

/* Puts @obj's members into @wire; bits that no field names stay as they were. */
static inline void fields_encode(const struct wire_field *f, uint8_t *wire, const void *obj)
{
	for (; f->nbytes; f++) {
		const uint8_t *m = (const uint8_t *)obj + f->member;
		uint64_t old, v, mask = field_mask(f);

		if (f->bits == 0) {
			memcpy(wire + f->byte, m, f->nbytes);
			continue;
		}
		v = field_load(m, f->size) & mask;
		old = field_get_be(wire + f->byte, f->nbytes);
		field_put_be(wire + f->byte, f->nbytes,
			     (old & ~(mask << f->shift)) | v << f->shift);
	}
}

#endif
