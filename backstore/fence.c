/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All requests stand in one list in order of arrival; each counts the earlier
 * ones it must wait for.  The hulls make most comparisons two instructions.
 */
#include "fence.h"

#include <assert.h>
#include <stddef.h>

static void set_hull(struct fence_req *req)
{
	req->lo = UINT64_MAX;
	req->hi = 0;
	for (unsigned i = 0; i < req->n; i++) {
		struct byte_range r = req->ranges[i];

		if (!r.len)
			continue;
		if (r.off < req->lo)
			req->lo = r.off;
		if (r.off + r.len > req->hi)
			req->hi = r.off + r.len;
	}
}

static bool conflict(const struct fence_req *a, const struct fence_req *b)
{
	if (a->mode == FENCE_SHARED && b->mode == FENCE_SHARED)
		return false;
	if (a->lo >= b->hi || b->lo >= a->hi)
		return false;
	return ranges_overlap(a->ranges, a->n, b->ranges, b->n);
}

bool fence_acquire(struct fence *f, struct fence_req *req)
{
	set_hull(req);
	req->blockers = 0;
	for (struct fence_req *r = f->first; r; r = r->next)
		if (conflict(r, req))
			req->blockers++;
	req->held = req->blockers == 0;
	req->next = NULL;
	req->prev = f->last;
	if (f->last)
		f->last->next = req;
	else
		f->first = req;
	f->last = req;
	return req->held;
}

static void unlink_req(struct fence *f, struct fence_req *req)
{
	if (req->prev)
		req->prev->next = req->next;
	else
		f->first = req->next;
	if (req->next)
		req->next->prev = req->prev;
	else
		f->last = req->prev;
}

/*
 * granted() may do anything to the list, so the search starts over after each;
 * held is set before the call, so that each request hears it once.
 */
static void grant_ready(struct fence *f)
{
	struct fence_req *r = f->first;

	while (r) {
		if (r->held || r->blockers) {
			r = r->next;
			continue;
		}
		r->held = true;
		r->granted(r);
		r = f->first;
	}
}

void fence_release(struct fence *f, struct fence_req *req)
{
	bool ready = false;

	for (struct fence_req *r = req->next; r; r = r->next) {
		if (r->held || !conflict(req, r))
			continue;
		assert(r->blockers > 0);
		if (--r->blockers == 0)
			ready = true;
	}
	unlink_req(f, req);
	req->next = req->prev = NULL;
	req->held = false;
	if (ready)
		grant_ready(f);
}
