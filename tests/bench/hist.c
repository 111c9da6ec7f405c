/* SPDX-License-Identifier: Apache-2.0 */
#include "hist.h"

/* Below HIST_SUB each value has its own bucket; above, the leading bits choose. */
static unsigned bucket_of(uint64_t ns)
{
	unsigned shift, bucket;

	if (ns < HIST_SUB)
		return (unsigned)ns;
	shift = 63u - (unsigned)__builtin_clzll(ns) - HIST_SUB_BITS;
	bucket = (shift + 1) * HIST_SUB + (unsigned)((ns >> shift) & (HIST_SUB - 1));
	return bucket < HIST_BUCKETS ? bucket : HIST_BUCKETS - 1;
}

/* The largest value of a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
	unsigned shift;

	if (bucket < HIST_SUB)
		return bucket;
	shift = bucket / HIST_SUB - 1;
	return ((uint64_t)(HIST_SUB + bucket % HIST_SUB + 1) << shift) - 1;
}

void hist_add(struct hist *h, uint64_t ns)
{
	h->count[bucket_of(ns)]++;
	h->n++;
	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
}

uint64_t hist_at(const struct hist *h, double part)
{
	uint64_t want = (uint64_t)(part * (double)h->n + 0.5), seen = 0;

	if (h->n == 0)
		return 0;
	if (want == 0)
		want = 1;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += h->count[i];
		if (seen >= want)
			return bucket_end(i) < h->max ? bucket_end(i) : h->max;
	}
	return h->max;
}
