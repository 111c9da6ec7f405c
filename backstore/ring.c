/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reactor.  One turn of the loop: posts, timers that are due, one system
 * call that submits all that was queued and waits, then the completions.
 */
#include "ring_impl.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * Requests that are over soon: from so many on the way on, a part of them is waited for
 * together, but not for long.  By measurement, of 4 KiB: from 8 on would make a queue of 8
 * slower by a twentieth, and half of them, or 50 us, is no better.
 */
#define GROUP_FROM     9u
#define GROUP_PART     4u
#define GROUP_MAX      8u
#define GROUP_NS       30000u
#define GROUP_VAIN_MAX 63u /* waits in a row that are for one, where no group comes in time */

/* Its address tells threads apart without a system call. */
static _Thread_local char thread_mark;

static uint64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void wake_done(struct ring_op *op, int res, unsigned cqe_flags)
{
	struct ring *ring = (struct ring *)((char *)op - offsetof(struct ring, wake));

	ring->wake_armed = false;
}

/*
 * The best set-up flags first; older kernels refuse them with EINVAL.  SINGLE_ISSUER
 * binds the ring to the task that enables it, so those rings start disabled.
 */
static const unsigned setup_flags[] = {
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
		IORING_SETUP_R_DISABLED,
	IORING_SETUP_COOP_TASKRUN,
	0,
};

static int setup_uring(struct ring *ring, unsigned entries)
{
	int r = -EINVAL;

	for (size_t i = 0; i < sizeof(setup_flags) / sizeof(setup_flags[0]) && r == -EINVAL; i++) {
		struct io_uring_params p = {
			.flags = setup_flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
			.cq_entries = entries * 8,
		};

		r = io_uring_queue_init_params(entries, &ring->uring, &p);
		ring->enabled = !(setup_flags[i] & IORING_SETUP_R_DISABLED);
	}
	if (r < 0)
		return r;
	/* Timeouts as an argument of the wait, and no completion ever dropped. */
	if (!(ring->uring.features & IORING_FEAT_EXT_ARG) ||
	    !(ring->uring.features & IORING_FEAT_NODROP)) {
		io_uring_queue_exit(&ring->uring);
		return -ENOSYS;
	}
	return 0;
}

static const struct {
	int err;
	const char *text;
} setup_errors[] = {
	{ ENOSYS, "this kernel or container has no usable io_uring: Linux 5.11 or later is needed, "
		  "and a seccomp profile that allows io_uring" },
	{ EPERM, "io_uring is forbidden here: set sysctl kernel.io_uring_disabled=0, or allow "
		 "io_uring in the container's seccomp profile" },
	{ EACCES, "io_uring is forbidden here by a security policy: allow it for this program" },
	{ ENOMEM, "io_uring gets no locked memory: raise the limit (ulimit -l, or LimitMEMLOCK= "
		  "in the systemd unit)" },
	{ EMFILE, "too many open files for io_uring: raise the limit (ulimit -n)" },
};

static void explain(int err, char *text, size_t cap)
{
	for (size_t i = 0; i < sizeof(setup_errors) / sizeof(setup_errors[0]); i++) {
		if (setup_errors[i].err == err) {
			snprintf(text, cap, "%s", setup_errors[i].text);
			return;
		}
	}
	snprintf(text, cap, "io_uring cannot be set up: %s", strerror(err));
}

int ring_new(struct ring **ret, unsigned entries, char *err, size_t err_cap)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	int r = -ENOMEM;

	assert(entries > 0);
	if (!ring)
		goto fail;
	ring->efd = eventfd(0, EFD_CLOEXEC);
	if (ring->efd < 0) {
		r = -errno;
		goto fail;
	}
	r = setup_uring(ring, entries);
	if (r < 0)
		goto fail_efd;
	pthread_mutex_init(&ring->lock, NULL);
	ring->posts_end = &ring->posts;
	ring->last_end = &ring->last;
	ring->wake.done = wake_done;
	*ret = ring;
	return 0;

fail_efd:
	close(ring->efd);
fail:
	explain(-r, err, err_cap);
	free(ring);
	return r;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	assert(!ring->in_loop);
	io_uring_queue_exit(&ring->uring);
	close(ring->efd);
	pthread_mutex_destroy(&ring->lock);
	free(ring);
}

static void enable(struct ring *ring)
{
	if (ring->enabled)
		return;
	/* liburing 2.3 as Debian 12 builds it does not export io_uring_enable_rings. */
	if (syscall(__NR_io_uring_register, ring->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
		    0) < 0)
		abort(); /* cannot happen to a disabled ring */
	ring->enabled = true;
}

/* What a submission may answer on a bad day and the next try may not. */
static bool transient(int r)
{
	return r == -EINTR || r == -EAGAIN || r == -EBUSY || r == -ETIME || r == -ENOMEM;
}

struct io_uring_sqe *ring_sqe(struct ring *ring)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&ring->uring))) {
		int r;

		enable(ring);
		r = io_uring_submit(&ring->uring);
		if (r < 0 && !transient(r))
			abort();
		if (r < 0)
			sched_yield();
	}
	sqe->user_data = 0;
	return sqe;
}

void ring_submit_op(struct io_uring_sqe *sqe, struct ring_op *op)
{
	op->soon = false;
	io_uring_sqe_set_data(sqe, op);
}

void ring_submit_soon(struct ring *ring, struct io_uring_sqe *sqe, struct ring_op *op)
{
	ring_submit_op(sqe, op);
	op->soon = true;
	ring->soon++;
}

void ring_cancel_op(struct ring *ring, struct ring_op *op)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

/* A full counter means that a wake-up is pending anyway. */
static void wake(struct ring *ring)
{
	uint64_t one = 1;
	int saved = errno;

	while (write(ring->efd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}

void ring_stop(struct ring *ring)
{
	atomic_store(&ring->stop, true);
	wake(ring);
}

static bool on_home(const struct ring *ring)
{
	return atomic_load_explicit(&ring->home, memory_order_relaxed) == &thread_mark;
}

bool ring_is_home(const struct ring *ring)
{
	return on_home(ring) || !atomic_load_explicit(&ring->home, memory_order_relaxed);
}

/* Who is awake looks at the list before he sleeps and needs no waking; one wake is enough. */
void ring_post(struct ring *ring, struct ring_post *post)
{
	bool asleep;

	post->next = NULL;
	pthread_mutex_lock(&ring->lock);
	asleep = atomic_exchange_explicit(&ring->asleep, false, memory_order_relaxed);
	*ring->posts_end = post;
	ring->posts_end = &post->next;
	pthread_mutex_unlock(&ring->lock);
	if (asleep && !on_home(ring))
		wake(ring);
}

/* True: there are posts.  Else whoever posts from here on wakes us. */
static bool have_posts(struct ring *ring)
{
	bool some;

	pthread_mutex_lock(&ring->lock);
	some = ring->posts != NULL;
	atomic_store_explicit(&ring->asleep, !some, memory_order_relaxed);
	pthread_mutex_unlock(&ring->lock);
	return some;
}

/* Those posted by these run in the next turn, so nobody starves. */
static void run_posts(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring->batch = ring->posts;
	ring->posts = NULL;
	ring->posts_end = &ring->posts;
	pthread_mutex_unlock(&ring->lock);
	while (ring->batch) {
		struct ring_post *post = ring->batch;

		ring->batch = post->next;
		post->fn(post);
	}
}

void ring_post_last(struct ring *ring, struct ring_post *post)
{
	assert(ring_is_home(ring));
	post->next = NULL;
	*ring->last_end = post;
	ring->last_end = &post->next;
}

static void run_last(struct ring *ring)
{
	struct ring_post *post;

	while ((post = ring->last)) {
		ring->last = post->next;
		if (!ring->last)
			ring->last_end = &ring->last;
		post->fn(post);
	}
}

static bool unlink_post(struct ring_post **at, struct ring_post *post)
{
	while (*at && *at != post)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = post->next;
	return true;
}

bool ring_unpost(struct ring *ring, struct ring_post *post)
{
	bool found;

	if (unlink_post(&ring->batch, post))
		return true;
	pthread_mutex_lock(&ring->lock);
	found = unlink_post(&ring->posts, post);
	ring->posts_end = &ring->posts;
	while (*ring->posts_end)
		ring->posts_end = &(*ring->posts_end)->next;
	pthread_mutex_unlock(&ring->lock);
	return found;
}

uint64_t ring_now(const struct ring *ring)
{
	return ring->in_loop ? ring->now : clock_now();
}

void ring_timer_set(struct ring *ring, struct ring_timer *timer, uint64_t ns)
{
	uint64_t now = ring_now(ring);

	ring_timer_cancel(ring, timer);
	/* Always later than this turn: a timer that re-arms itself must not spin. */
	if (ns == 0)
		ns = 1;
	timer->when = ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
	timer->armed = true;
	timers_insert(&ring->timers, timer);
}

void ring_timer_cancel(struct ring *ring, struct ring_timer *timer)
{
	if (!timer->armed)
		return;
	timer->armed = false;
	timers_remove(&ring->timers, timer);
}

static void run_timers(struct ring *ring)
{
	while (ring->timers && ring->timers->when <= ring->now) {
		struct ring_timer *timer = ring->timers;

		ring_timer_cancel(ring, timer);
		timer->fn(timer);
	}
}

static void arm_wake(struct ring *ring)
{
	struct io_uring_sqe *sqe;

	if (ring->wake_armed)
		return;
	sqe = ring_sqe(ring);
	io_uring_prep_read(sqe, ring->efd, &ring->efd_value, sizeof(ring->efd_value), 0);
	ring_submit_op(sqe, &ring->wake);
	ring->wake_armed = true;
}

/*
 * How many completions to wait for.  With many on their way the next ones are near, and to
 * be woken for each would cost more than what is done for it.  Where they are not, less and
 * less is waited for more than one.
 */
static unsigned how_many(struct ring *ring)
{
	unsigned n = ring->soon / GROUP_PART;

	if (ring->soon < GROUP_FROM)
		return 1;
	if (ring->alone > 0) {
		ring->alone--;
		return 1;
	}
	return n < GROUP_MAX ? n : GROUP_MAX;
}

/* After a wait for several: a few of them came in time, or none at all. */
static void learn(struct ring *ring)
{
	if (io_uring_cq_ready(&ring->uring) > 0)
		ring->in_vain = 0;
	else if (ring->in_vain < GROUP_VAIN_MAX)
		ring->in_vain = ring->in_vain * 2 + 1;
	ring->alone = ring->in_vain;
}

/* Submits what is queued and sleeps until something happens or a timer is due. */
static void submit_and_wait(struct ring *ring)
{
	struct __kernel_timespec ts;
	struct io_uring_cqe *cqe;
	uint64_t now = clock_now(), ns = UINT64_MAX;
	unsigned n = 1;
	int r;

	if (ring->timers)
		ns = ring->timers->when > now ? ring->timers->when - now : 0;
	if (have_posts(ring) || ns == 0) {
		r = io_uring_submit_and_get_events(&ring->uring);
	} else {
		n = how_many(ring);
		if (n > 1 && ns > GROUP_NS)
			ns = GROUP_NS;
		ts.tv_sec = (int64_t)(ns / 1000000000u);
		ts.tv_nsec = (int64_t)(ns % 1000000000u);
		r = io_uring_submit_and_wait_timeout(&ring->uring, &cqe, n,
						     ns == UINT64_MAX ? NULL : &ts, NULL);
	}
	if (n > 1)
		learn(ring);
	if (r < 0 && !transient(r))
		abort();
	atomic_store_explicit(&ring->asleep, false, memory_order_relaxed);
}

/* Only those that are there now: what callbacks cause comes in the next turn. */
static void run_completions(struct ring *ring)
{
	for (unsigned n = io_uring_cq_ready(&ring->uring); n > 0; n--) {
		struct io_uring_cqe *cqe;
		struct ring_op *op;
		unsigned flags;
		int res;

		if (io_uring_peek_cqe(&ring->uring, &cqe) < 0)
			return;
		op = io_uring_cqe_get_data(cqe);
		res = cqe->res;
		flags = cqe->flags;
		io_uring_cqe_seen(&ring->uring, cqe);
		if (!op)
			continue;
		if (op->soon)
			ring->soon--;
		op->soon = false;
		op->done(op, res, flags);
	}
}

void ring_run(struct ring *ring)
{
	assert(ring_is_home(ring));
	atomic_store_explicit(&ring->home, &thread_mark, memory_order_relaxed);
	enable(ring);
	ring->now = clock_now();
	ring->in_loop = true;
	while (!atomic_load(&ring->stop)) {
		run_posts(ring);
		run_timers(ring);
		run_last(ring);
		arm_wake(ring);
		if (atomic_load(&ring->stop))
			break;
		submit_and_wait(ring);
		ring->now = clock_now();
		run_completions(ring);
	}
	run_posts(ring);
	run_last(ring);
	ring->in_loop = false;
	atomic_store(&ring->stop, false);
}

bool ring_has_deferred(const struct ring *ring)
{
	return ring->uring.flags & IORING_SETUP_DEFER_TASKRUN;
}

struct io_uring *ring_uring(struct ring *ring)
{
	return &ring->uring;
}

int ring_buf_add(struct ring *ring, char *base, size_t len)
{
	struct iovec iov = { .iov_base = base, .iov_len = len };
	__u64 tag = 0;
	int slot = 0, r;

	assert(len > 0 && len <= RING_BUF_MAX_LEN);
	if (!ring->bufs_ready) {
		r = io_uring_register_buffers_sparse(&ring->uring, RING_BUFS);
		if (r < 0)
			return r;
		ring->bufs_ready = true;
	}
	while (slot < RING_BUFS && ring->bufs[slot].len)
		slot++;
	if (slot == RING_BUFS)
		return -ENOSPC;
	r = io_uring_register_buffers_update_tag(&ring->uring, (unsigned)slot, &iov, &tag, 1);
	if (r < 0)
		return r;
	ring->bufs[slot] = (struct ring_buf) { .base = base, .len = len };
	return slot;
}

void ring_buf_remove(struct ring *ring, int slot)
{
	struct iovec iov = { 0 };
	__u64 tag = 0;

	/* Fails on a thread that is not home: then the pages go with the ring. */
	(void)io_uring_register_buffers_update_tag(&ring->uring, (unsigned)slot, &iov, &tag, 1);
	ring->bufs[slot].len = 0;
}
