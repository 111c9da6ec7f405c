/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fence: orders operations on byte ranges of one backstore.
 *
 * A request waits for every earlier request, running or waiting, that overlaps
 * it unless both are shared; so overlapping writes keep their order of arrival,
 * and a capture sees each write wholly or not at all.  Home thread only.
 */
#ifndef BACKSTORE_FENCE_H
#define BACKSTORE_FENCE_H

#include "ranges.h"

struct fence {
	struct fence_req *first, *last; /* in order of arrival */
};

enum fence_mode { FENCE_SHARED, FENCE_EXCLUSIVE };

struct fence_req {
	const struct byte_range *ranges; /* caller's, valid until released */
	unsigned n;
	enum fence_mode mode;
	void (*granted)(struct fence_req *req); /* only if acquire said false */
	/* the fence's */
	uint64_t lo, hi; /* hull of the ranges */
	unsigned blockers;
	struct fence_req *next, *prev;
	bool held;
};

/*
 * True: granted at once, granted() is not called.  False: granted() comes from
 * inside some later fence_release.
 */
bool fence_acquire(struct fence *f, struct fence_req *req);
/* Releases a granted request, or withdraws a waiting one. */
void fence_release(struct fence *f, struct fence_req *req);

#endif
