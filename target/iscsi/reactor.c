/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reactor is a ring with a thread that runs it, and has no state of its own: what
 * its thread touches is the sock_op that is in its hands, between the message there and
 * the message back.
 */
#include "reactor.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define RING_ENTRIES 256
#define ERR_CAP	     256

#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#endif

struct reactor {
	struct ring *ring, *home;
	pthread_t thread;
	bool running; /* has a thread */
	struct stream_pool *pool;
	unsigned conns;
	struct reactors *of;
};

struct reactors {
	unsigned n;
	unsigned first; /* of those that take connections */
	unsigned turn;	/* of those with threads, for reactor_for_bulk */
	struct reactor all[];
};

static void *run(void *arg)
{
	struct reactor *at = arg;

	ring_run(at->ring);
	return NULL;
}

static int start_thread(struct reactor *at, unsigned i)
{
	char name[24];
	int err = pthread_create(&at->thread, NULL, run, at);

	if (err)
		return -err;
	at->running = true;
	snprintf(name, sizeof(name), "reactor %u", i);
	pthread_setname_np(at->thread, name);
	return 0;
}

/* Without a pool it works as well, with a receive for each turn. */
static void add_pool(struct reactor *at)
{
	int err = stream_pool_new(&at->pool, at->ring, at->home);

	if (err)
		log_debug("no multishot receives: %s", strerror(-err));
}

int reactors_new(struct reactors **ret, struct ring *home, unsigned n, bool away, bool pools)
{
	struct reactors *r;
	char why[ERR_CAP];
	int err = 0;

	assert(n > 0);
	r = calloc(1, sizeof(*r) + n * sizeof(r->all[0]));
	if (!r)
		return -ENOMEM;
	r->first = n > 1 && away;
	for (r->n = 0; r->n < n && !err; r->n++) {
		struct reactor *at = &r->all[r->n];

		*at = (struct reactor) { .ring = r->n ? NULL : home, .home = home, .of = r };
		if (r->n > 0)
			err = ring_new(&at->ring, RING_ENTRIES, why, sizeof(why));
		if (!err && pools)
			add_pool(at);
		if (!err && r->n > 0)
			err = start_thread(at, r->n);
	}
	if (err) {
		reactors_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

void reactors_free(struct reactors *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->n; i++) {
		struct reactor *at = &r->all[i];

		assert(at->conns == 0);
		if (at->running) {
			ring_stop(at->ring);
			pthread_join(at->thread, NULL);
		}
		stream_pool_free(at->pool);
		if (i > 0)
			ring_free(at->ring);
	}
	free(r);
}

struct reactor *reactor_take(struct reactors *r)
{
	struct reactor *best = &r->all[r->first];

	for (unsigned i = r->first + 1; i < r->n; i++)
		if (r->all[i].conns < best->conns)
			best = &r->all[i];
	best->conns++;
	return best;
}

void reactor_put(struct reactor *at)
{
	assert(at->conns > 0);
	at->conns--;
}

struct reactor *reactor_for_bulk(struct reactor *at)
{
	struct reactors *r = at->of;

	if (at->running || r->n == 1)
		return at;
	r->turn = r->turn % (r->n - 1) + 1;
	return &r->all[r->turn];
}

struct stream_pool *reactor_pool(struct reactor *at)
{
	return at->pool;
}

unsigned reactor_conns(const struct reactors *r, unsigned i)
{
	return i < r->n ? r->all[i].conns : 0;
}

static void back(struct ring_post *post)
{
	struct sock_op *op = container_of(post, struct sock_op, post);

	op->done(op, op->res);
}

static void ended(struct ring_op *rop, int res, unsigned cqe_flags)
{
	struct sock_op *op = container_of(rop, struct sock_op, rop);

	if (!op->at->running) {
		op->done(op, res);
		return;
	}
	op->res = res;
	op->post.fn = back;
	ring_post(op->at->home, &op->post);
}

static void submit(struct sock_op *op)
{
	struct io_uring_sqe *sqe = ring_sqe(op->at->ring);

	if (op->send)
		io_uring_prep_sendmsg(sqe, op->fd, op->msg, (unsigned)op->flags);
	else
		io_uring_prep_recvmsg(sqe, op->fd, op->msg, (unsigned)op->flags);
	if (!op->send && op->drained && ring_has_deferred(op->at->ring))
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	op->rop.done = ended;
	ring_submit_op(sqe, &op->rop);
}

static void arrived(struct ring_post *post)
{
	submit(container_of(post, struct sock_op, post));
}

static void start(struct reactor *at, struct sock_op *op, int fd, struct msghdr *msg, int flags)
{
	op->at = at;
	op->fd = fd;
	op->msg = msg;
	op->flags = flags;
	if (at->running) {
		op->post.fn = arrived;
		ring_post(at->ring, &op->post);
	} else {
		submit(op);
	}
}

void sock_recv(struct reactor *at, struct sock_op *op, int fd, struct msghdr *msg, int flags)
{
	op->send = false;
	start(at, op, fd, msg, flags);
}

void sock_send(struct reactor *at, struct sock_op *op, int fd, struct msghdr *msg, int flags)
{
	op->send = true;
	start(at, op, fd, msg, flags);
}
