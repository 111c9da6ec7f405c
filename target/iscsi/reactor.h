/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reactors: the threads that move the bytes of connections.
 *
 * What a connection is and what a command means is the home thread's alone.  Of a
 * connection only the calls to the kernel, where most of the time goes, are made by
 * its reactor: a message there, a message back, both in batches.  Reactor 0 is the home
 * ring itself, and with it alone there are no messages.  All functions on the home
 * thread.
 */
#ifndef TARGET_ISCSI_REACTOR_H
#define TARGET_ISCSI_REACTOR_H

#include <sys/socket.h>

#include "stream.h"

struct reactors;
struct reactor;

/* A send or receive in the hands of a reactor; embedded in its owner, zero at first. */
struct sock_op {
	/* From the home ring's loop, once; @res as of sendmsg(2) and recvmsg(2), or -errno. */
	void (*done)(struct sock_op *op, int res);
	/* A receive from a socket that probably has nothing yet: not tried, but waited for. */
	bool drained;
	/* the reactor's */
	struct reactor *at;
	bool send;
	int fd, flags, res;
	struct msghdr *msg;
	struct ring_op rop;
	struct ring_post post;
};

/*
 * @n of them, the first being @home; the others get rings and threads.  @away: no
 * connection for the first if there are others.  @pools: with buffers for multishot receives,
 * where the kernel can.  -errno.
 */
int reactors_new(struct reactors **ret, struct ring *home, unsigned n, bool away, bool pools);
/* No operation may be left.  NULL is fine. */
void reactors_free(struct reactors *r);

/* The one with the fewest connections takes one more; give it back at the connection's end. */
struct reactor *reactor_take(struct reactors *r);
void reactor_put(struct reactor *at);
/* Whose turn it is to move many bytes for a connection of @at's: not the home thread's. */
struct reactor *reactor_for_bulk(struct reactor *at);
/* Its buffers for multishot receives, or NULL. */
struct stream_pool *reactor_pool(struct reactor *at);
/* How many connections reactor @i has, 0 if there is no such. */
unsigned reactor_conns(const struct reactors *r, unsigned i);

/* Start @op; @msg and all it points to stay as they are until done. */
void sock_recv(struct reactor *at, struct sock_op *op, int fd, struct msghdr *msg, int flags);
void sock_send(struct reactor *at, struct sock_op *op, int fd, struct msghdr *msg, int flags);

#endif
