/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An amount that several share: taken and given back, never more than the limit.
 * What is bounded in more than one way is taken from several quotas at once.  One
 * thread.
 */
#ifndef BACKSTORE_QUOTA_H
#define BACKSTORE_QUOTA_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct quota {
	uint64_t limit, used;
};

/* Can @n be taken?  NULL: no limit. */
static inline bool quota_room(const struct quota *q, uint64_t n)
{
	return !q || (q->used <= q->limit && n <= q->limit - q->used);
}

/* False, and nothing taken, when it would pass the limit.  NULL: no limit. */
static inline bool quota_take(struct quota *q, uint64_t n)
{
	if (!quota_room(q, n))
		return false;
	if (q)
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

/* The same of each of @nq quotas, or of none. */
static inline bool quota_take_all(struct quota *const *q, unsigned nq, uint64_t n)
{
	for (unsigned i = 0; i < nq; i++) {
		if (quota_take(q[i], n))
			continue;
		while (i-- > 0)
			quota_put(q[i], n);
		return false;
	}
	return true;
}

static inline void quota_put_all(struct quota *const *q, unsigned nq, uint64_t n)
{
	for (unsigned i = 0; i < nq; i++)
		quota_put(q[i], n);
}

#endif
