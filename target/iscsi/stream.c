/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of free buffers has one producer, the home thread, and one consumer, the kernel;
 * so a buffer goes back without a message, whichever ring it serves.
 */
#include "stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define GROUP 0

#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#endif

struct stream_pool {
	struct ring *ring, *home;
	struct io_uring_buf_ring *free;
	uint8_t *mem;
	unsigned lent;
	struct stream_buf bufs[STREAM_BUFS];
};

static void buf_here(struct ring_post *post);

static bool is_local(const struct stream_pool *pool)
{
	return pool->ring == pool->home;
}

static void add_free(struct stream_pool *pool, unsigned i, unsigned at)
{
	io_uring_buf_ring_add(pool->free, pool->mem + (size_t)i * STREAM_BUF, STREAM_BUF,
			      (unsigned short)i, STREAM_BUFS - 1, (int)at);
}

static void init_bufs(struct stream_pool *pool)
{
	io_uring_buf_ring_init(pool->free);
	for (unsigned i = 0; i < STREAM_BUFS; i++) {
		pool->bufs[i].mem = pool->mem + (size_t)i * STREAM_BUF;
		pool->bufs[i].pool = pool;
		pool->bufs[i].post.fn = buf_here;
		add_free(pool, i, i);
	}
	io_uring_buf_ring_advance(pool->free, STREAM_BUFS);
}

int stream_pool_new(struct stream_pool **ret, struct ring *ring, struct ring *home)
{
	struct io_uring_buf_reg reg = { .ring_entries = STREAM_BUFS, .bgid = GROUP };
	struct stream_pool *pool = calloc(1, sizeof(*pool));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *ring_mem = NULL, *mem = NULL;
	int r = -ENOMEM;

	if (!pool || posix_memalign(&ring_mem, page, STREAM_BUFS * sizeof(struct io_uring_buf)) ||
	    posix_memalign(&mem, page, (size_t)STREAM_BUFS * STREAM_BUF))
		goto fail;
	*pool = (struct stream_pool) { .ring = ring, .home = home, .free = ring_mem, .mem = mem };
	init_bufs(pool);
	reg.ring_addr = (uintptr_t)ring_mem;
	/* Multishot receives came with 6.0, what ring_has_deferred asks for with 6.1. */
	r = ring_has_deferred(ring) ? io_uring_register_buf_ring(ring_uring(ring), &reg, 0)
				    : -ENOSYS;
	if (r < 0)
		goto fail;
	*ret = pool;
	return 0;

fail:
	free(mem);
	free(ring_mem);
	free(pool);
	return r;
}

void stream_pool_free(struct stream_pool *pool)
{
	if (!pool)
		return;
	assert(pool->lent == 0);
	/* On another thread than the ring's it fails: then the kernel lets go with the ring. */
	(void)io_uring_unregister_buf_ring(ring_uring(pool->ring), GROUP);
	free(pool->mem);
	free(pool->free);
	free(pool);
}

/* ---- on the home thread ---- */

void stream_put(struct stream_buf *b)
{
	struct stream_pool *pool = b->pool;

	pool->lent--;
	atomic_store_explicit(&b->lent, false, memory_order_release);
	add_free(pool, (unsigned)(b - pool->bufs), 0);
	io_uring_buf_ring_advance(pool->free, 1);
}

static void buf_here(struct ring_post *post)
{
	struct stream_buf *b = container_of(post, struct stream_buf, post);
	struct stream *s = b->of;

	b->pool->lent++;
	/* A cancel may miss a receive that is at work in that moment: once more. */
	if (s->stopping && !s->stop_open) {
		s->stopping = false;
		stream_stop(s);
	}
	/* The kernel may take a buffer and then find nothing for it. */
	if (b->len > 0)
		s->got(s, b);
	else
		stream_put(b);
}

/* It is over when it has ended and no message is out. */
static void may_be_over(struct stream *s)
{
	if (!s->over || s->stop_open)
		return;
	s->armed = false;
	s->ended(s, s->res);
}

static void end_here(struct ring_post *post)
{
	struct stream *s = container_of(post, struct stream, post);

	s->over = true;
	may_be_over(s);
}

static void stop_back(struct ring_post *post)
{
	struct stream *s = container_of(post, struct stream, stop);

	s->stop_open = false;
	may_be_over(s);
}

/* ---- on the pool's ring ---- */

static void tell(struct stream_pool *pool, struct ring_post *post)
{
	if (is_local(pool))
		post->fn(post);
	else
		ring_post(pool->home, post);
}

static void completed(struct ring_op *rop, int res, unsigned cqe_flags)
{
	struct stream *s = container_of(rop, struct stream, rop);
	struct stream_pool *pool = s->pool;

	if (cqe_flags & IORING_CQE_F_BUFFER) {
		struct stream_buf *b = &pool->bufs[cqe_flags >> IORING_CQE_BUFFER_SHIFT];
		bool lent = atomic_exchange_explicit(&b->lent, true, memory_order_acquire);

		assert(!lent);
		(void)lent;
		b->of = s;
		b->len = res > 0 ? (size_t)res : 0;
		tell(pool, &b->post);
	}
	if (cqe_flags & IORING_CQE_F_MORE)
		return;
	/* From this message on the stream is the home thread's: it may begin anew. */
	s->res = res > 0 ? -EAGAIN : res;
	s->post.fn = end_here;
	tell(pool, &s->post);
}

static void arm(struct stream *s)
{
	struct io_uring_sqe *sqe = ring_sqe(s->pool->ring);

	io_uring_prep_recv_multishot(sqe, s->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	s->rop.done = completed;
	ring_submit_op(sqe, &s->rop);
}

static void arm_there(struct ring_post *post)
{
	arm(container_of(post, struct stream, post));
}

static void stop_there(struct ring_post *post)
{
	struct stream *s = container_of(post, struct stream, stop);

	ring_cancel_op(s->pool->ring, &s->rop);
	s->stop.fn = stop_back;
	ring_post(s->pool->home, &s->stop);
}

/* ---- from the home thread to the pool's ring ---- */

void stream_start(struct stream *s, struct stream_pool *pool, int fd)
{
	assert(!s->armed);
	s->armed = true;
	s->stopping = s->stop_open = s->over = false;
	s->pool = pool;
	s->fd = fd;
	if (is_local(pool)) {
		arm(s);
	} else {
		s->post.fn = arm_there;
		ring_post(pool->ring, &s->post);
	}
}

void stream_stop(struct stream *s)
{
	if (!s->armed || s->stopping)
		return;
	s->stopping = true;
	if (is_local(s->pool)) {
		ring_cancel_op(s->pool->ring, &s->rop);
	} else {
		s->stop_open = true;
		s->stop.fn = stop_there;
		ring_post(s->pool->ring, &s->stop);
	}
}
