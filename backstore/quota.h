/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An amount that several share: taken and given back, never more than the limit.
 * One thread.
 */
#ifndef BACKSTORE_QUOTA_H
#define BACKSTORE_QUOTA_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct quota {
	uint64_t limit, used;
};

/* False, and nothing taken, when it would pass the limit.  NULL: no limit. */
static inline bool quota_take(struct quota *q, uint64_t n)
{
	if (!q)
		return true;
	if (q->used > q->limit || n > q->limit - q->used)
		return false;
	q->used += n;
	return true;
}

static inline void quota_put(struct quota *q, uint64_t n)
{
	if (!q)
		return;
	assert(n <= q->used);
	q->used -= n;
}

#endif
