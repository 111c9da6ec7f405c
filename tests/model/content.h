/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell, 512 bytes, holds: a number of 63 bits, written as 64 words, each rotated by
 * one bit more than the one before.  So bytes that come from two places, or are shifted,
 * show; zeros are the number 0; and the OR of two cells is that of their numbers.
 * The numbers of writes tell who made them (content_who).
 */
#ifndef TESTS_CONTENT_H
#define TESTS_CONTENT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CELL	     512u
#define CONTENT_BITS 63
#define CONTENT_MASK ((1ull << CONTENT_BITS) - 1)
#define CONTENT_MUL  0x1e3779b97f4a7c15ull /* odd */

static inline uint64_t content_rot(uint64_t v, unsigned by)
{
	return by ? v << by | v >> (64 - by) : v;
}

static inline void content_fill(void *mem, uint64_t v)
{
	unsigned char *p = mem;

	for (unsigned i = 0; i < 64; i++) {
		uint64_t w = content_rot(v, i);

		memcpy(p + i * 8, &w, 8);
	}
}

/* False: nothing that anybody wrote as a whole. */
static inline bool content_of(const void *mem, uint64_t *ret)
{
	unsigned char want[CELL];

	memcpy(ret, mem, 8);
	content_fill(want, *ret);
	return *ret <= CONTENT_MASK && memcmp(mem, want, CELL) == 0;
}

/* What operation @op writes to the cell that is number @at of those it writes. */
static inline uint64_t content_by(uint32_t op, unsigned at)
{
	uint64_t v = ((uint64_t)op << 12 | at) * CONTENT_MUL & CONTENT_MASK;

	v ^= v >> 32;
	return v * CONTENT_MUL & CONTENT_MASK;
}

static inline void content_who(uint64_t v, uint32_t *ret_op, unsigned *ret_at)
{
	uint64_t inverse = CONTENT_MUL;

	for (unsigned i = 0; i < 6; i++)
		inverse *= 2 - CONTENT_MUL * inverse;
	v = v * inverse & CONTENT_MASK;
	v ^= v >> 32;
	v = v * inverse & CONTENT_MASK;
	*ret_op = (uint32_t)(v >> 12);
	*ret_at = v & 4095;
}

#endif
