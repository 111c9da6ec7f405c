/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a LUN that odxcheck --destructive may write to: what it held, to put
 * it back; and a model of what it must hold now.  Offsets and lengths are bytes in
 * the area, multiples of the block size.  One thread.
 */
#ifndef TOOLS_CHECK_AREA_H
#define TOOLS_CHECK_AREA_H

#include "check_probe.h"

struct area {
	struct probe *p;
	uint64_t lba; /* its first block */
	size_t len;
	uint32_t piece;	   /* bytes of one READ or WRITE        */
	unsigned seed;	   /* of the next pattern               */
	uint8_t *saved;	   /* what was there                    */
	uint8_t *model;	   /* what must be there                */
	uint8_t *buf;	   /* of @piece bytes                   */
	char err[SAW_MAX]; /* the first failed READ or WRITE; "": none */
};

/*
 * The last @len bytes of the LUN, read into memory; patterns from @seed on.  0, -EIO or -ENOMEM
 * with the reason in @a->err; area_done also then.
 */
int area_open(struct area *a, struct probe *p, size_t len, unsigned seed);
void area_done(struct area *a);

/* Writes a pattern that was never there before.  False: it failed, see @err. */
bool area_fill(struct area *a, size_t off, size_t len);
/* True if the LUN holds what the model says; else *ret_bad is the first differing byte. */
bool area_holds(struct area *a, size_t off, size_t len, size_t *ret_bad);
/* The model becomes what the LUN holds. */
bool area_learn(struct area *a, size_t off, size_t len);
/* Puts back what was there, reads it again.  False, with a line in @err. */
bool area_restore(struct area *a);

static inline struct tpc_range area_range(const struct area *a, size_t off, size_t len)
{
	uint32_t bs = probe_bs(a->p);

	return (struct tpc_range) { .lba = a->lba + off / bs, .blocks = (uint32_t)(len / bs) };
}

#endif
