/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <unistd.h>

#include "fixture.h"

#define JOBS 2000

struct job {
	struct aux_job job;
	unsigned worked, done;
	pthread_t on;
};

static struct fixture fx;
static unsigned finished;
static bool all_done;

static void work(struct aux_job *j)
{
	struct job *job = (struct job *)j;

	job->worked++;
	job->on = pthread_self();
}

static void done(struct aux_job *j)
{
	struct job *job = (struct job *)j;

	job->done++;
	if (!ring_is_home(fx.ring))
		CU_FAIL("done on a foreign thread");
	all_done = ++finished == JOBS;
}

static void jobs_work_elsewhere_and_are_done_at_home_each_once(void)
{
	struct job *jobs = calloc(JOBS, sizeof(*jobs));

	fixture_init(&fx);
	finished = 0;
	all_done = false;
	for (unsigned i = 0; i < JOBS; i++) {
		jobs[i].job = (struct aux_job) { .work = work, .done = done, .ring = fx.ring };
		aux_submit(fx.aux, &jobs[i].job);
	}
	run_until(&fx, &all_done);
	for (unsigned i = 0; i < JOBS; i++) {
		if (jobs[i].worked != 1 || jobs[i].done != 1)
			CU_FAIL("not once");
		if (pthread_equal(jobs[i].on, pthread_self()))
			CU_FAIL("worked on the ring's thread");
	}
	fixture_done(&fx);
	free(jobs);
}

static void slow_work(struct aux_job *j)
{
	usleep(5000);
	((struct job *)j)->worked++;
}

static void freeing_waits_for_what_is_queued(void)
{
	struct job jobs[20] = { 0 };
	struct aux *aux;
	unsigned worked = 0;

	fixture_init(&fx);
	finished = 0;
	CU_ASSERT_EQUAL_FATAL(aux_new(&aux, 3), 0);
	for (unsigned i = 0; i < COUNT(jobs); i++) {
		jobs[i].job = (struct aux_job) { .work = slow_work, .done = done, .ring = fx.ring };
		aux_submit(aux, &jobs[i].job);
	}
	aux_free(aux);
	for (unsigned i = 0; i < COUNT(jobs); i++)
		worked += jobs[i].worked;
	CU_ASSERT_EQUAL(worked, COUNT(jobs));
	run_for(&fx, 2);
	CU_ASSERT_EQUAL(finished, COUNT(jobs));
	fixture_done(&fx);
}

/* Some are queued, one works, some have worked and wait for the loop. */
static void jobs_taken_back_are_not_done(void)
{
	enum { MANY = 400 };
	bool taken[MANY];
	struct job *jobs = calloc(MANY, sizeof(*jobs));

	fixture_init(&fx);
	finished = 0;
	for (unsigned i = 0; i < MANY; i++) {
		jobs[i].job = (struct aux_job) { .work = i % 50 ? work : slow_work,
						 .done = done,
						 .ring = fx.ring };
		aux_submit(fx.aux, &jobs[i].job);
	}
	for (unsigned i = MANY; i > 0; i--) {
		taken[i - 1] = i % 3 == 0 && !jobs[i - 1].done;
		if (taken[i - 1])
			aux_take_back(fx.aux, &jobs[i - 1].job);
		if (i == MANY / 2)
			run_for(&fx, 1);
	}
	run_for(&fx, 200);
	for (unsigned i = 0; i < MANY; i++)
		if (jobs[i].done != !taken[i])
			CU_FAIL("done after it was taken back, or not at all");
	fixture_done(&fx);
	free(jobs);
}

/* Jobs that end when they are let go. */
struct held {
	struct aux_job job;
	atomic_bool *go;
	atomic_uint *working;
	bool done;
};

static void held_work(struct aux_job *j)
{
	struct held *h = (struct held *)j;

	atomic_fetch_add(h->working, 1);
	while (!atomic_load(h->go))
		usleep(200);
	atomic_fetch_sub(h->working, 1);
}

static void held_done(struct aux_job *j)
{
	((struct held *)j)->done = true;
}

/* However many clones and grafts there are, and however long they take. */
static void short_jobs_pass_by_long_ones(void)
{
	static const struct {
		unsigned threads, of_kind, all;
	} cases[] = { { 2, 1, 1 }, { 3, 1, 2 }, { 4, 2, 3 }, { 5, 2, 4 } };

	for (unsigned i = 0; i < COUNT(cases); i++) {
		atomic_uint working[AUX_KINDS] = { 0 };
		struct held jobs[2][10] = { 0 };
		struct job quick[20] = { 0 };
		atomic_bool go = false;
		struct aux *aux;

		fixture_init(&fx);
		finished = 0;
		CU_ASSERT_EQUAL_FATAL(aux_new(&aux, cases[i].threads), 0);
		for (unsigned k = 0; k < 10; k++)
			for (unsigned kind = AUX_GRAFT; kind <= AUX_KEEP; kind++) {
				struct held *h = &jobs[kind - AUX_GRAFT][k];

				*h = (struct held) { .job = { .kind = kind,
							      .work = held_work,
							      .done = held_done,
							      .ring = fx.ring },
						     .go = &go,
						     .working = &working[kind] };
				aux_submit(aux, &h->job);
			}
		for (unsigned k = 0; k < COUNT(quick); k++) {
			quick[k].job =
				(struct aux_job) { .work = work, .done = done, .ring = fx.ring };
			aux_submit(aux, &quick[k].job);
		}
		for (unsigned ms = 0; ms < 5000 && finished < COUNT(quick); ms++)
			run_for(&fx, 1);
		CU_ASSERT_EQUAL(finished, COUNT(quick));
		run_for(&fx, 20);
		CU_ASSERT_EQUAL(working[AUX_GRAFT] + working[AUX_KEEP], cases[i].all);
		CU_ASSERT(working[AUX_GRAFT] <= cases[i].of_kind);
		CU_ASSERT(working[AUX_KEEP] <= cases[i].of_kind);
		aux_take_back(aux, &jobs[1][9].job);
		go = true;
		aux_free(aux); /* all that is left */
		run_for(&fx, 2);
		for (unsigned k = 0; k < 10; k++)
			CU_ASSERT(jobs[0][k].done && jobs[1][k].done == (k < 9));
		fixture_done(&fx);
	}
}

/* A single thread does what there is, oldest first but for the short ones. */
static void one_thread_does_them_all(void)
{
	struct job jobs[9] = { 0 };
	struct aux *aux;

	fixture_init(&fx);
	finished = 0;
	CU_ASSERT_EQUAL_FATAL(aux_new(&aux, 1), 0);
	for (unsigned i = 0; i < COUNT(jobs); i++) {
		jobs[i].job = (struct aux_job) {
			.kind = i % AUX_KINDS, .work = slow_work, .done = done, .ring = fx.ring
		};
		aux_submit(aux, &jobs[i].job);
	}
	for (unsigned ms = 0; ms < 5000 && finished < COUNT(jobs); ms++)
		run_for(&fx, 1);
	CU_ASSERT_EQUAL(finished, COUNT(jobs));
	aux_free(aux);
	fixture_done(&fx);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "jobs work elsewhere and are done at home, each once",
		  jobs_work_elsewhere_and_are_done_at_home_each_once },
		{ "freeing waits for what is queued", freeing_waits_for_what_is_queued },
		{ "jobs taken back are not done", jobs_taken_back_are_not_done },
		{ "short jobs pass by long ones", short_jobs_pass_by_long_ones },
		{ "one thread does them all", one_thread_does_them_all },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/aux", tests);
}
