/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring.h"
#include "test.h"

#define POSTERS 4
#define EACH	5000

static struct ring *new_ring(void)
{
	struct ring *ring = NULL;
	char err[256] = "";

	if (ring_new(&ring, 32, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
	return ring;
}

struct numbered {
	struct ring_post post;
	unsigned poster, number;
};

/* Plain variables on purpose: only the ring's thread may touch them (TSan watches). */
static unsigned seen[POSTERS], total;
static bool in_order;
static struct ring *the_ring;

static void count_post(struct ring_post *post)
{
	struct numbered *n = (struct numbered *)post;

	if (n->number != seen[n->poster]++)
		in_order = false;
	if (++total == POSTERS * EACH)
		ring_stop(the_ring);
}

static void *post_many(void *arg)
{
	struct numbered *all = arg;

	for (unsigned i = 0; i < EACH; i++)
		ring_post(the_ring, &all[i].post);
	return NULL;
}

static void posts_from_four_threads_arrive_each_once_in_order(void)
{
	pthread_t threads[POSTERS];
	struct numbered *all = calloc(POSTERS * EACH, sizeof(*all));

	the_ring = new_ring();
	memset(seen, 0, sizeof(seen));
	total = 0;
	in_order = true;
	for (unsigned t = 0; t < POSTERS; t++) {
		for (unsigned i = 0; i < EACH; i++)
			all[t * EACH + i] = (struct numbered) { { .fn = count_post }, t, i };
		pthread_create(&threads[t], NULL, post_many, &all[t * EACH]);
	}
	ring_run(the_ring);
	for (unsigned t = 0; t < POSTERS; t++)
		pthread_join(threads[t], NULL);
	CU_ASSERT_EQUAL(total, POSTERS * EACH);
	CU_ASSERT(in_order);
	ring_free(the_ring);
	free(all);
}

static unsigned chain_left;

static void chain(struct ring_post *post)
{
	if (chain_left-- == 0)
		ring_stop(the_ring);
	else
		ring_post(the_ring, post);
}

static void a_post_from_the_home_thread_needs_no_waking(void)
{
	struct ring_post post = { .fn = chain };

	the_ring = new_ring();
	chain_left = 1000;
	ring_post(the_ring, &post);
	ring_run(the_ring);
	CU_ASSERT_EQUAL(chain_left, UINT32_MAX);
	ring_free(the_ring);
}

static void *stop_later(void *arg)
{
	usleep(20000);
	ring_stop(arg);
	return NULL;
}

static void another_thread_stops_a_sleeping_ring(void)
{
	struct ring *ring = new_ring();
	pthread_t thread;

	for (int i = 0; i < 3; i++) {
		pthread_create(&thread, NULL, stop_later, ring);
		ring_run(ring);
		pthread_join(thread, NULL);
	}
	CU_PASS("came back each time");
	ring_free(ring);
}

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

static void on_alarm(int sig)
{
	ring_stop(the_ring);
}

static void a_signal_handler_stops_the_ring(void)
{
	struct sigaction sa = { .sa_handler = on_alarm }, old;

	if (UNDER_TSAN) {
		test_skip("ThreadSanitizer holds signals back while the ring sleeps");
		return;
	}
	the_ring = new_ring();
	sigaction(SIGALRM, &sa, &old);
	ualarm(20000, 0);
	ring_run(the_ring);
	sigaction(SIGALRM, &old, NULL);
	CU_PASS("came back");
	ring_free(the_ring);
}

static void set_flag(struct ring_post *post)
{
	total++;
}

static void what_was_posted_before_the_stop_is_still_handled(void)
{
	struct ring_post a = { .fn = set_flag }, b = { .fn = set_flag };
	struct ring *ring = new_ring();

	total = 0;
	ring_post(ring, &a);
	ring_post(ring, &b);
	ring_stop(ring);
	ring_run(ring);
	CU_ASSERT_EQUAL(total, 2);
	ring_free(ring);
}

static void *run_ring(void *arg)
{
	CU_ASSERT(ring_is_home(arg));
	ring_run(arg);
	CU_ASSERT(ring_is_home(arg));
	return NULL;
}

static void a_ring_may_be_run_by_another_thread_than_its_maker(void)
{
	struct ring *ring = new_ring();
	struct ring_post post = { .fn = set_flag };
	pthread_t thread;

	total = 0;
	CU_ASSERT(ring_is_home(ring)); /* nobody's yet */
	pthread_create(&thread, NULL, run_ring, ring);
	ring_post(ring, &post);
	ring_stop(ring);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(total, 1);
	CU_ASSERT(!ring_is_home(ring));
	ring_free(ring);
}

struct nop {
	struct ring_op op;
	unsigned calls;
	int res;
};

static unsigned nops_done, nops_wanted;

static void nop_done(struct ring_op *op, int res, unsigned flags)
{
	struct nop *n = (struct nop *)op;

	n->calls++;
	n->res = res;
	if (++nops_done == nops_wanted)
		ring_stop(the_ring);
}

static void submit_nops(struct ring_post *post)
{
	struct nop *all = *(struct nop **)(post + 1);

	for (unsigned i = 0; i < nops_wanted; i++) {
		struct io_uring_sqe *sqe = ring_sqe(the_ring);

		io_uring_prep_nop(sqe);
		ring_submit_op(sqe, &all[i].op);
	}
	CU_ASSERT_EQUAL(nops_done, 0); /* none from inside */
}

static void more_requests_than_slots_all_complete_once(void)
{
	struct {
		struct ring_post post;
		struct nop *all;
	} start = { { .fn = submit_nops }, NULL };

	the_ring = new_ring();
	nops_wanted = 3000; /* slots: 32, completions kept: 256 */
	nops_done = 0;
	start.all = calloc(nops_wanted, sizeof(*start.all));
	for (unsigned i = 0; i < nops_wanted; i++)
		start.all[i].op.done = nop_done;
	ring_post(the_ring, &start.post);
	ring_run(the_ring);
	for (unsigned i = 0; i < nops_wanted; i++)
		if (start.all[i].calls != 1 || start.all[i].res != 0)
			CU_FAIL("a request was not completed once");
	CU_ASSERT_EQUAL(nops_done, nops_wanted);
	ring_free(the_ring);
	free(start.all);
}

static void a_cancelled_request_completes_with_canceled(void)
{
	struct nop n = { .op = { .done = nop_done } };
	struct io_uring_sqe *sqe;
	int fds[2];
	char c;

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	the_ring = new_ring();
	nops_done = 0;
	nops_wanted = 1;
	sqe = ring_sqe(the_ring);
	io_uring_prep_read(sqe, fds[0], &c, 1, 0);
	ring_submit_op(sqe, &n.op);
	ring_cancel_op(the_ring, &n.op);
	ring_run(the_ring);
	CU_ASSERT_EQUAL(n.calls, 1);
	CU_ASSERT(n.res == -ECANCELED || n.res == -EINTR);
	ring_free(the_ring);
	close(fds[0]);
	close(fds[1]);
}

/* Two nops that complete in one turn, each of which asks once for the turn's end. */
static struct ring_post at_end;
static unsigned nops_at_end, ends;
static bool end_due;

static void count_end(struct ring_post *post)
{
	end_due = false;
	nops_at_end = nops_done;
	ends++;
}

static void nop_asks_for_the_end(struct ring_op *op, int res, unsigned flags)
{
	if (!end_due)
		ring_post_last(the_ring, &at_end);
	end_due = true;
	nop_done(op, res, flags);
}

static void the_end_of_a_turn_comes_after_all_that_happened_in_it(void)
{
	struct nop nops[2] = { { .op = { .done = nop_asks_for_the_end } },
			       { .op = { .done = nop_asks_for_the_end } } };

	the_ring = new_ring();
	at_end.fn = count_end;
	nops_done = nops_at_end = ends = 0;
	nops_wanted = 2;
	for (unsigned i = 0; i < 2; i++) {
		struct io_uring_sqe *sqe = ring_sqe(the_ring);

		io_uring_prep_nop(sqe);
		ring_submit_op(sqe, &nops[i].op);
	}
	ring_run(the_ring);
	CU_ASSERT_EQUAL(ends, 1);
	CU_ASSERT_EQUAL(nops_at_end, 2);
	ring_free(the_ring);
}

/* What is queued at the end of a turn goes to the kernel with that turn: nothing else wakes it. */
static void submit_at_end(struct ring_post *post)
{
	static struct nop n = { .op = { .done = nop_done } };
	struct io_uring_sqe *sqe = ring_sqe(the_ring);

	io_uring_prep_nop(sqe);
	ring_submit_op(sqe, &n.op);
}

static void what_is_submitted_at_the_end_of_a_turn_needs_no_other(void)
{
	struct ring_post post = { .fn = submit_at_end };

	the_ring = new_ring();
	nops_done = 0;
	nops_wanted = 1;
	ring_post_last(the_ring, &post);
	alarm(60); /* else it would be waited for without end */
	ring_run(the_ring);
	alarm(0);
	CU_ASSERT_EQUAL(nops_done, 1);
	ring_free(the_ring);
}

/* Reads of a pipe that nobody has written to, as many as make the ring wait for several. */
#define WAITING 32

struct waiting {
	struct nop all[WAITING];
	int fds[2];
	char c[WAITING];
};

static void read_soon(struct waiting *w)
{
	CU_ASSERT_EQUAL_FATAL(pipe(w->fds), 0);
	for (unsigned i = 0; i < WAITING; i++) {
		struct io_uring_sqe *sqe = ring_sqe(the_ring);

		w->all[i] = (struct nop) { .op = { .done = nop_done } };
		io_uring_prep_read(sqe, w->fds[0], &w->c[i], 1, 0);
		ring_submit_soon(the_ring, sqe, &w->all[i].op);
	}
}

static void write_one(struct ring_timer *timer)
{
	struct waiting *w = *(struct waiting **)(timer + 1);

	CU_ASSERT_EQUAL(write(w->fds[1], "x", 1), 1);
}

static void one_of_many_on_their_way_is_not_kept_back(void)
{
	struct {
		struct ring_timer timer;
		struct waiting *w;
	} first = { { .fn = write_one }, NULL };
	struct waiting w;

	the_ring = new_ring();
	first.w = &w;
	nops_done = 0;
	read_soon(&w);
	alarm(60); /* the others, which it would be waited for with, do not come */
	for (nops_wanted = 1; nops_wanted <= 3; nops_wanted++) {
		ring_timer_set(the_ring, &first.timer, 2000000);
		ring_run(the_ring);
		CU_ASSERT_EQUAL(nops_done, nops_wanted);
	}
	nops_wanted = WAITING;
	for (unsigned i = 3; i < WAITING; i++)
		CU_ASSERT_EQUAL(write(w.fds[1], "x", 1), 1);
	ring_run(the_ring);
	alarm(0);
	for (unsigned i = 0; i < WAITING; i++)
		CU_ASSERT(w.all[i].calls == 1 && w.all[i].res == 1 && !w.all[i].op.soon);
	ring_free(the_ring);
	close(w.fds[0]);
	close(w.fds[1]);
}

static uint64_t first_now;

static void check_now(struct ring_post *post)
{
	first_now = ring_now(the_ring);
	usleep(3000);
	CU_ASSERT_EQUAL(ring_now(the_ring), first_now); /* the same all through a turn */
	ring_stop(the_ring);
}

static void now_is_cached_for_a_turn_and_moves_between(void)
{
	struct ring_post post = { .fn = check_now };

	the_ring = new_ring();
	ring_post(the_ring, &post);
	ring_run(the_ring);
	CU_ASSERT(ring_now(the_ring) >= first_now + 3000000);
	ring_free(the_ring);
}

static void setup_errors_are_told_in_words(void)
{
	struct rlimit none = { 3, 3 }; /* stdin, stdout, stderr and no more */
	struct ring *ring = (struct ring *)8;
	char err[256] = "";
	int status = 0;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		int r;

		setrlimit(RLIMIT_NOFILE, &none);
		r = ring_new(&ring, 32, err, sizeof(err));
		_exit(r == -EMFILE && strstr(err, "ulimit -n") && ring == (struct ring *)8 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	CU_ASSERT_EQUAL(status, 0);
}

#define PINGS 20000

/* A post that goes to and fro; each side sleeps in between, as often as not. */
struct ball {
	struct ring_post post;
	struct ring *side[2];
	unsigned times;
};

static void hit(struct ring_post *post)
{
	struct ball *b = (struct ball *)post;

	if (++b->times == PINGS) {
		ring_stop(b->side[0]);
		ring_stop(b->side[1]);
		return;
	}
	ring_post(b->side[b->times % 2], &b->post);
}

static void two_rings_wake_each_other_every_time(void)
{
	struct ball b = { { .fn = hit }, { new_ring(), new_ring() }, 0 };
	pthread_t thread;

	alarm(60); /* a lost wake-up would be waited for without end */
	pthread_create(&thread, NULL, run_ring, b.side[1]);
	ring_post(b.side[0], &b.post);
	ring_run(b.side[0]);
	pthread_join(thread, NULL);
	alarm(0);
	CU_ASSERT_EQUAL(b.times, PINGS);
	ring_free(b.side[0]);
	ring_free(b.side[1]);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "posts from four threads arrive each once, in order",
		  posts_from_four_threads_arrive_each_once_in_order },
		{ "two rings wake each other every time", two_rings_wake_each_other_every_time },
		{ "a post from the home thread needs no waking",
		  a_post_from_the_home_thread_needs_no_waking },
		{ "another thread stops a sleeping ring", another_thread_stops_a_sleeping_ring },
		{ "a signal handler stops the ring", a_signal_handler_stops_the_ring },
		{ "what was posted before the stop is still handled",
		  what_was_posted_before_the_stop_is_still_handled },
		{ "a ring may be run by another thread than its maker",
		  a_ring_may_be_run_by_another_thread_than_its_maker },
		{ "more requests than slots all complete once",
		  more_requests_than_slots_all_complete_once },
		{ "a cancelled request completes with ECANCELED",
		  a_cancelled_request_completes_with_canceled },
		{ "the end of a turn comes after all that happened in it",
		  the_end_of_a_turn_comes_after_all_that_happened_in_it },
		{ "what is submitted at the end of a turn needs no other",
		  what_is_submitted_at_the_end_of_a_turn_needs_no_other },
		{ "one of many on their way is not kept back",
		  one_of_many_on_their_way_is_not_kept_back },
		{ "now is cached for a turn and moves between",
		  now_is_cached_for_a_turn_and_moves_between },
		{ "set-up errors are told in words", setup_errors_are_told_in_words },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/ring", tests);
}
