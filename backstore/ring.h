/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reactor: one thread, one io_uring, timers and posts.
 *
 * A ring is run by exactly one thread (its home).  All functions here are called
 * on that thread, except where "any thread" is said.  No callback is ever called
 * from inside the function that started the work: completions, timers and posts
 * all run from ring_run()'s loop.  Nothing that runs on a ring may block.
 */
#ifndef BACKSTORE_RING_H
#define BACKSTORE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <liburing.h>

struct ring;

/* A request in the kernel; embedded in its owner, who keeps it until done. */
struct ring_op {
	/*
	 * @res and @cqe_flags as the kernel gave them; with IORING_CQE_F_MORE set it
	 * will be called again.
	 */
	void (*done)(struct ring_op *op, int res, unsigned cqe_flags);
	bool soon; /* the ring's */
};

/* Work for the ring's thread; embedded, one use at a time. */
struct ring_post {
	void (*fn)(struct ring_post *post);
	struct ring_post *next; /* the ring's */
};

/* A one-shot timer; zero-initialise, set fn, then ring_timer_set. */
struct ring_timer {
	void (*fn)(struct ring_timer *timer);
	uint64_t when;				/* ns, CLOCK_MONOTONIC; the ring's */
	struct ring_timer *child, *next, *prev; /* the ring's (pairing heap)       */
	bool armed;				/* read-only for others            */
};

/*
 * Makes a ring with @entries submission slots (rounded up to a power of two).
 * -errno; a reason fit for a user is stored in @err (why io_uring is forbidden
 * here and what to do: kernel.io_uring_disabled, container seccomp, memlock).
 */
int ring_new(struct ring **ret, unsigned entries, char *err, size_t err_cap);
/* After ring_run has returned; nothing may be in flight.  NULL is fine. */
void ring_free(struct ring *ring);

/* Runs until ring_stop, then handles what is already posted and returns. */
void ring_run(struct ring *ring);
void ring_stop(struct ring *ring); /* any thread; async-signal-safe */

/* Queues @post for the ring's thread, in order.  Any thread, also the home one. */
void ring_post(struct ring *ring, struct ring_post *post);
/* Takes a post back that has not run yet; false when it has, or never was posted. */
bool ring_unpost(struct ring *ring, struct ring_post *post);
/*
 * Queues @post for the end of this turn of the loop, when all that happened in it has been
 * handled; what it submits still goes to the kernel in this turn.  Home thread; cannot be
 * taken back.
 */
void ring_post_last(struct ring *ring, struct ring_post *post);

/*
 * A submission entry; never NULL (submits what is pending when the queue is
 * full).  Fill it with io_uring_prep_*, then ring_submit_op.
 */
struct io_uring_sqe *ring_sqe(struct ring *ring);
/* Ties @op to @sqe after the prep call; goes to the kernel at the loop's next turn. */
void ring_submit_op(struct io_uring_sqe *sqe, struct ring_op *op);
/*
 * The same for a short transfer that comes back by itself, not when a peer does something.
 * While many such are on their way the ring does not wake up for each of them: it waits for
 * a few, or for some tens of microseconds.
 */
void ring_submit_soon(struct ring *ring, struct io_uring_sqe *sqe, struct ring_op *op);
/* Asks the kernel to cancel @op; its done still comes (often with -ECANCELED). */
void ring_cancel_op(struct ring *ring, struct ring_op *op);

/* (Re)arms @timer to run @ns from now; timer_cancel of an idle timer is fine. */
void ring_timer_set(struct ring *ring, struct ring_timer *timer, uint64_t ns);
void ring_timer_cancel(struct ring *ring, struct ring_timer *timer);

/* CLOCK_MONOTONIC in ns; cached once per loop turn. */
uint64_t ring_now(const struct ring *ring);
/* True on the thread that runs @ring (or before it first ran). */
bool ring_is_home(const struct ring *ring);

/*
 * The kernel has deferred task work (Linux 6.1), and so all that is older: POLL_FIRST, rings of
 * buffers, multishot receives.
 */
bool ring_has_deferred(const struct ring *ring);

/* The io_uring itself, for registering buffers and files at set-up. */
struct io_uring *ring_uring(struct ring *ring);

#endif
