/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a copy may go: what its deadline, the hosts' own I/O and the configured rate
 * leave it.  Arithmetic on times that the caller gives (ns, ring_now()); no state but
 * the structs, no clock, no I/O.
 */
#ifndef BACKSTORE_COPY_PACE_H
#define BACKSTORE_COPY_PACE_H

#include "backstore.h"

/* How fast chunks of one kind come back, and how many may be in flight. */
struct pace {
	unsigned window, most, active;
	uint64_t flying, landed; /* bytes in flight, bytes that came back */
	uint64_t since, busy;	 /* ns: in flight since, and before that  */
};

/* Starts with a small window, which each chunk that lands opens by one up to @most. */
void pace_init(struct pace *p, unsigned most);
void pace_start(struct pace *p, uint64_t now, uint64_t len);
void pace_land(struct pace *p, uint64_t now, uint64_t len);
/* By the pace so far, would @len more bytes end after @deadline (0: none)? */
bool pace_too_late(const struct pace *p, uint64_t now, uint64_t len, uint64_t deadline);

/*
 * How many bytes to share in one call, after one of at most @most (0: of the first, which
 * finds out whether it can be done) took @took ns.  What a call takes depends on how many
 * extents there are, and it cannot be ended; many calls for one extent take longer than one.
 */
#define PACE_GRAFT_MIN	 (64ull << 20)
#define PACE_GRAFT_MAX	 (1ull << 30)
#define PACE_GRAFT_QUICK 2000000ull
uint64_t pace_graft(uint64_t most, uint64_t took);

/*
 * While hosts read and write, a copy has one chunk in flight, of at most so many bytes,
 * and goes on like that until they have been silent for a while.
 */
#define PACE_DISTURBED_CHUNK (128u << 10)
#define PACE_QUIET_NS	     10000000ull
/* @load may be NULL: nobody is there. */
bool pace_disturbed(const struct bs_load *load, uint64_t now);

/* A rate in bytes a second, shared by all copies of an engine. */
struct copy_rate {
	uint64_t limit; /* 0: none */
	uint64_t next;	/* when the next byte may go */
};
/* What was not used in the last 10 ms may be caught up on. */
#define RATE_BURST_NS 10000000ull

/* How long the next chunk has to wait, in ns; 0: it may go now. */
uint64_t rate_wait(const struct copy_rate *r, uint64_t now);
/* @len bytes are going now. */
void rate_take(struct copy_rate *r, uint64_t now, uint64_t len);

#endif
