/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies as a histogram: 64 buckets for every power of two of nanoseconds, so a
 * percentile is right within 1.6 %.  Fixed size, one thread.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 6
#define HIST_SUB      (1u << HIST_SUB_BITS)
#define HIST_BUCKETS  ((40 - HIST_SUB_BITS + 1) * HIST_SUB) /* up to 2^40 ns, 18 minutes */

struct hist {
	uint64_t n, sum, max; /* ns */
	uint32_t count[HIST_BUCKETS];
};

void hist_add(struct hist *h, uint64_t ns);
/* The latency that @part (0 to 1) of all are not above, ns; 0 when there are none. */
uint64_t hist_at(const struct hist *h, double part);

#endif
