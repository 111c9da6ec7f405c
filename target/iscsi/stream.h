/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multishot receives: armed once, a socket's bytes come as they arrive, in buffers that the
 * kernel takes from a pool (io_uring_prep_recv_multishot(3), io_uring_register_buf_ring(3)).
 * It saves a submission for each receive.  What is to go straight to where it belongs needs
 * recvmsg instead (sock_recv): whoever expects such data stops the stream before it comes.
 *
 * A pool belongs to one ring; what it brings is handed over on the home ring's thread.  All
 * functions on the home thread.
 */
#ifndef TARGET_ISCSI_STREAM_H
#define TARGET_ISCSI_STREAM_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "ring.h"

#define STREAM_BUFS 64u /* in a pool, a power of two */
#define STREAM_BUF  (16u << 10)

struct stream;
struct stream_pool;

/* Bytes that came; the stream's owner's until stream_put. */
struct stream_buf {
	STAILQ_ENTRY(stream_buf) link; /* the owner's */
	const uint8_t *mem;
	size_t len;
	/* the pool's */
	struct stream *of;
	struct stream_pool *pool;
	struct ring_post post;
	atomic_bool lent;
};
STAILQ_HEAD(stream_bufs, stream_buf);

/* A multishot receive; embedded in its owner, zero at first. */
struct stream {
	/* From the home ring's loop: more bytes, in the order of the socket. */
	void (*got)(struct stream *s, struct stream_buf *b);
	/*
	 * From the home ring's loop, once for each start and after all that came: 0 at the
	 * end of the socket's data, -ENOBUFS when the pool was empty, -ECANCELED
	 * when stopped, -EAGAIN when the kernel wants to be asked again, or another -errno.
	 */
	void (*ended)(struct stream *s, int res);
	bool armed; /* read-only: started and not ended */
	/* the stream's */
	bool stopping, stop_open, over;
	int fd, res;
	struct stream_pool *pool;
	struct ring_op rop;
	struct ring_post post, stop;
};

/*
 * The buffers of @ring, which has not run yet or is @home.  -errno: this kernel cannot
 * (before Linux 6.1), or no memory.
 */
int stream_pool_new(struct stream_pool **ret, struct ring *ring, struct ring *home);
/* After @ring has ended.  No stream may be armed, no buffer lent.  NULL is fine. */
void stream_pool_free(struct stream_pool *pool);

/* @fd: a connected socket that nobody else receives from. */
void stream_start(struct stream *s, struct stream_pool *pool, int fd);
/* Asks for its end: what has been received meanwhile still comes first. */
void stream_stop(struct stream *s);
/* Gives a buffer back to the kernel. */
void stream_put(struct stream_buf *b);

#endif
