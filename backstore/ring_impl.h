/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the ring, shared by ring.c, timers.c and arena.c.
 */
#ifndef BACKSTORE_RING_IMPL_H
#define BACKSTORE_RING_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "ring.h"

/* Segments of registered memory a ring may have; the kernel caps one at 1 GiB. */
#define RING_BUFS	 16
#define RING_BUF_MAX_LEN (1ull << 30)

struct ring_buf {
	char *base;
	size_t len; /* 0: free slot */
};

struct ring {
	struct io_uring uring;
	/* Whose ring this is: the address of a thread-local, NULL before it first ran. */
	_Atomic(const void *) home;
	atomic_bool stop;
	bool enabled;	 /* starts disabled: who enables it becomes the single issuer */
	bool in_loop;	 /* home thread: inside ring_run, so @now is fresh            */
	bool wake_armed; /* the read of @efd is in the kernel                         */
	int efd;
	uint64_t efd_value;
	struct ring_op wake;
	uint64_t now;
	struct ring_timer *timers; /* root of the heap: the earliest */

	pthread_mutex_t lock; /* over the two below */
	struct ring_post *posts, **posts_end;
	atomic_bool asleep; /* home saw no posts and may wait in the kernel; set under the lock */
	struct ring_post *batch;	    /* home thread: those of this turn, still to run */
	struct ring_post *last, **last_end; /* home thread: at the end of this turn */

	unsigned soon;		 /* requests of ring_submit_soon that have not come back */
	unsigned in_vain, alone; /* how many waits to be for one after this one; how many still */

	bool bufs_ready; /* the kernel has the (sparse) table */
	struct ring_buf bufs[RING_BUFS];
};

/* Registers [base, base+len), at most RING_BUF_MAX_LEN; the slot or -errno. */
int ring_buf_add(struct ring *ring, char *base, size_t len);
void ring_buf_remove(struct ring *ring, int slot);

/* The timer heap (timers.c): all on ring->timers. */
void timers_insert(struct ring_timer **root, struct ring_timer *t);
void timers_remove(struct ring_timer **root, struct ring_timer *t);

#endif
