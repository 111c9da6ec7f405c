/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "fixture.h"

#define TIMERS 500

struct tt {
	struct ring_timer timer;
	uint64_t ns;
	bool fired, cancelled;
};

static struct fixture fx;
static uint64_t last_when;
static unsigned fired;
static bool ordered, early, all_fired;
static unsigned wanted;

static void fire(struct ring_timer *timer)
{
	struct tt *t = (struct tt *)timer;

	if (timer->when < last_when)
		ordered = false;
	if (ring_now(fx.ring) < timer->when)
		early = true;
	last_when = timer->when;
	if (t->fired || t->cancelled)
		CU_FAIL("fired twice or although cancelled");
	t->fired = true;
	all_fired = ++fired == wanted;
}

static void reset(unsigned want)
{
	last_when = 0;
	fired = 0;
	wanted = want;
	ordered = true;
	early = all_fired = false;
}

static void timers_fire_in_order_of_time_not_of_setting(void)
{
	struct tt *all = calloc(TIMERS, sizeof(*all));
	uint64_t seed = 1;

	fixture_init(&fx);
	reset(TIMERS);
	for (unsigned i = 0; i < TIMERS; i++) {
		all[i].timer.fn = fire;
		ring_timer_set(fx.ring, &all[i].timer, rnd(&seed) % 30000000);
	}
	run_until(&fx, &all_fired);
	CU_ASSERT(ordered);
	CU_ASSERT(!early);
	CU_ASSERT_EQUAL(fired, TIMERS);
	fixture_done(&fx);
	free(all);
}

/* Random arming, re-arming and cancelling; the rest must fire, in order. */
static void cancelled_timers_never_fire_and_rearmed_ones_fire_once(void)
{
	struct tt *all = calloc(TIMERS, sizeof(*all));
	uint64_t seed = 7;
	unsigned live = 0;

	fixture_init(&fx);
	for (unsigned round = 0; round < 20 * TIMERS; round++) {
		struct tt *t = &all[rnd(&seed) % TIMERS];

		t->timer.fn = fire;
		if (rnd(&seed) % 3)
			ring_timer_set(fx.ring, &t->timer, 10000000 + rnd(&seed) % 20000000);
		else
			ring_timer_cancel(fx.ring, &t->timer);
		t->cancelled = !t->timer.armed;
	}
	for (unsigned i = 0; i < TIMERS; i++)
		live += all[i].timer.armed;
	CU_ASSERT(live > TIMERS / 4 && live < TIMERS);
	reset(live);
	run_until(&fx, &all_fired);
	CU_ASSERT(ordered);
	CU_ASSERT_EQUAL(fired, live);
	fixture_done(&fx);
	free(all);
}

static struct tt killer, victim;

static void kill_victim(struct ring_timer *timer)
{
	ring_timer_cancel(fx.ring, &victim.timer);
	victim.cancelled = true;
	fired++;
}

static void a_timer_may_cancel_one_that_is_due_in_the_same_turn(void)
{
	fixture_init(&fx);
	reset(99);
	killer = (struct tt) { .timer = { .fn = kill_victim } };
	victim = (struct tt) { .timer = { .fn = fire } };
	ring_timer_set(fx.ring, &killer.timer, 1000);
	ring_timer_set(fx.ring, &victim.timer, 1001);
	run_for(&fx, 5);
	CU_ASSERT_EQUAL(fired, 1);
	CU_ASSERT(!victim.fired);
	fixture_done(&fx);
}

static void again(struct ring_timer *timer)
{
	fired++;
	ring_timer_set(fx.ring, timer, 0);
}

static void a_timer_that_rearms_itself_does_not_starve_the_rest(void)
{
	struct tt t = { .timer = { .fn = again } };

	fixture_init(&fx);
	reset(99);
	ring_timer_set(fx.ring, &t.timer, 0);
	run_for(&fx, 5);
	CU_ASSERT(fired > 10);
	ring_timer_cancel(fx.ring, &t.timer);
	CU_ASSERT(!t.timer.armed);
	ring_timer_cancel(fx.ring, &t.timer); /* idle: fine */
	fixture_done(&fx);
}

static void a_time_beyond_the_end_of_the_clock_is_never(void)
{
	struct tt t = { .timer = { .fn = fire } };

	fixture_init(&fx);
	reset(99);
	ring_timer_set(fx.ring, &t.timer, UINT64_MAX);
	CU_ASSERT_EQUAL(t.timer.when, UINT64_MAX);
	run_for(&fx, 2);
	CU_ASSERT_EQUAL(fired, 0);
	ring_timer_cancel(fx.ring, &t.timer);
	fixture_done(&fx);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "timers fire in order of time, not of setting",
		  timers_fire_in_order_of_time_not_of_setting },
		{ "cancelled timers never fire and re-armed ones fire once",
		  cancelled_timers_never_fire_and_rearmed_ones_fire_once },
		{ "a timer may cancel one that is due in the same turn",
		  a_timer_may_cancel_one_that_is_due_in_the_same_turn },
		{ "a timer that re-arms itself does not starve the rest",
		  a_timer_that_rearms_itself_does_not_starve_the_rest },
		{ "a time beyond the end of the clock is never",
		  a_time_beyond_the_end_of_the_clock_is_never },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/timers", tests);
}
