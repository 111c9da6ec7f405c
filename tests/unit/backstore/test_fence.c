/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fence.h"
#include "fixture.h"

#define REQS	   64
#define MAX_RANGES 3
#define SPACE	   100

enum state { IDLE, WAITING, HELD };

struct treq {
	struct fence_req req;
	struct byte_range ranges[MAX_RANGES];
	enum state state;
	unsigned age; /* order of arrival */
};

static struct treq reqs[REQS];
static struct fence fence;
static unsigned ages;

static bool conflicts(const struct treq *a, const struct treq *b)
{
	return (a->req.mode == FENCE_EXCLUSIVE || b->req.mode == FENCE_EXCLUSIVE) &&
	       ranges_overlap(a->ranges, a->req.n, b->ranges, b->req.n);
}

/* What the header promises, said by brute force. */
static bool must_wait(const struct treq *r)
{
	for (unsigned i = 0; i < REQS; i++)
		if (reqs[i].state != IDLE && &reqs[i] != r && reqs[i].age < r->age &&
		    conflicts(&reqs[i], r))
			return true;
	return false;
}

static void granted(struct fence_req *req)
{
	struct treq *r = (struct treq *)req;

	if (r->state != WAITING)
		CU_FAIL("granted without waiting");
	r->state = HELD;
}

static void acquire(struct treq *r, enum fence_mode mode)
{
	r->req.ranges = r->ranges;
	r->req.mode = mode;
	r->req.granted = granted;
	r->age = ++ages;
	r->state = WAITING;
	if (fence_acquire(&fence, &r->req))
		r->state = HELD;
}

static bool model_agrees(void)
{
	for (unsigned i = 0; i < REQS; i++)
		if (reqs[i].state != IDLE && (reqs[i].state == WAITING) != must_wait(&reqs[i]))
			return false;
	return true;
}

static void random_requests_wait_exactly_as_long_as_they_must(void)
{
	uint64_t seed = 5;
	bool agree = true;
	unsigned waited = 0, withdrawn = 0;

	memset(reqs, 0, sizeof(reqs));
	memset(&fence, 0, sizeof(fence));
	for (unsigned round = 0; round < 50000; round++) {
		struct treq *r = &reqs[rnd(&seed) % REQS];

		if (r->state == IDLE) {
			r->req.n = 1 + rnd(&seed) % MAX_RANGES;
			for (unsigned i = 0; i < r->req.n; i++) {
				r->ranges[i].off = rnd(&seed) % SPACE;
				r->ranges[i].len = rnd(&seed) % 12;
			}
			acquire(r, rnd(&seed) % 2 ? FENCE_SHARED : FENCE_EXCLUSIVE);
			waited += r->state == WAITING;
		} else {
			/* a waiting one is withdrawn, a held one released */
			withdrawn += r->state == WAITING;
			r->state = IDLE;
			fence_release(&fence, &r->req);
		}
		agree = agree && model_agrees();
	}
	CU_ASSERT(agree);
	CU_ASSERT(waited > 1000 && withdrawn > 1000); /* the test has tested something */
	for (unsigned i = 0; i < REQS; i++) {
		if (reqs[i].state == IDLE)
			continue;
		reqs[i].state = IDLE;
		fence_release(&fence, &reqs[i].req);
	}
	CU_ASSERT_PTR_NULL(fence.first);
	CU_ASSERT_PTR_NULL(fence.last);
}

static void set(struct treq *r, uint64_t off, uint64_t len)
{
	memset(r, 0, sizeof(*r));
	r->ranges[0] = (struct byte_range) { off, len };
	r->req.n = 1;
}

static void a_shared_one_does_not_pass_a_waiting_exclusive_one(void)
{
	struct treq *a = &reqs[0], *b = &reqs[1], *c = &reqs[2];

	memset(&fence, 0, sizeof(fence));
	set(a, 0, 10);
	set(b, 5, 10);
	set(c, 8, 4);
	acquire(a, FENCE_SHARED);
	acquire(b, FENCE_EXCLUSIVE);
	acquire(c, FENCE_SHARED);
	CU_ASSERT(a->state == HELD && b->state == WAITING && c->state == WAITING);
	fence_release(&fence, &a->req);
	CU_ASSERT(b->state == HELD && c->state == WAITING);
	fence_release(&fence, &b->req);
	CU_ASSERT(c->state == HELD);
	fence_release(&fence, &c->req);
}

static void withdrawing_a_waiting_one_frees_those_behind_it(void)
{
	struct treq *a = &reqs[0], *b = &reqs[1], *c = &reqs[2];

	memset(&fence, 0, sizeof(fence));
	set(a, 0, 10);
	set(b, 5, 10);
	set(c, 12, 4);
	acquire(a, FENCE_EXCLUSIVE);
	acquire(b, FENCE_EXCLUSIVE);
	acquire(c, FENCE_EXCLUSIVE);
	CU_ASSERT_EQUAL(c->state, WAITING);
	fence_release(&fence, &b->req);
	CU_ASSERT_EQUAL(c->state, HELD);
	fence_release(&fence, &a->req);
	fence_release(&fence, &c->req);
	CU_ASSERT_PTR_NULL(fence.first);
}

/* Each granted one releases itself at once and comes back at the end. */
static int rounds_left;

static void bounce(struct fence_req *req)
{
	fence_release(&fence, req);
	if (rounds_left == 0)
		return;
	rounds_left--;
	if (fence_acquire(&fence, req))
		bounce(req);
}

static void granted_may_release_and_acquire_again(void)
{
	struct treq *hold = &reqs[0];

	memset(&fence, 0, sizeof(fence));
	rounds_left = 100;
	set(hold, 0, 100);
	acquire(hold, FENCE_EXCLUSIVE);
	for (unsigned i = 1; i < 10; i++) {
		set(&reqs[i], 0, 100);
		acquire(&reqs[i], FENCE_EXCLUSIVE);
		reqs[i].req.granted = bounce;
	}
	fence_release(&fence, &hold->req);
	CU_ASSERT_PTR_NULL(fence.first);
	CU_ASSERT_EQUAL(rounds_left, 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "random requests wait exactly as long as they must",
		  random_requests_wait_exactly_as_long_as_they_must },
		{ "a shared one does not pass a waiting exclusive one",
		  a_shared_one_does_not_pass_a_waiting_exclusive_one },
		{ "withdrawing a waiting one frees those behind it",
		  withdrawing_a_waiting_one_frees_those_behind_it },
		{ "granted may release and acquire again", granted_may_release_and_acquire_again },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/fence", tests);
}
