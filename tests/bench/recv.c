/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odxrecv [SECONDS]: what ways of receiving from a socket by io_uring cost, without a target
 * around them.  A client thread keeps requests of the size of a SCSI Command PDU in flight, the
 * main thread answers each with 4 KiB and a header; its CPU is what is counted.  The ways
 * come in turns, five rounds of SECONDS each (0.6), or longer if so few requests were made
 * in them that they show nothing.
 *
 * A multishot receive takes buffers that the kernel chooses.  Here nothing is copied out of
 * them, as would have to be done with the data of writes: it is shown at its best.
 *
 * Each way and depth passes if every request was answered, but for those in flight at the
 * end, and if only the multishot receives were fewer than the requests came one by one.
 */
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST	  48u
#define ANSWER	  (4096u + 48u)
#define BUF	  65536u
#define BUFS	  16u
#define GROUP	  1
#define SEND_MAX  32u
#define ROUNDS	  5u
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define DEPTH_MAX 32u

enum way { SINGLE, POLL_FIRST, MULTISHOT, WAYS };
static const char *const names[WAYS] = { "single", "poll first", "multishot" };
static const unsigned depths[] = { 1, DEPTH_MAX };

struct server {
	enum way way;
	struct io_uring ring;
	struct io_uring_buf_ring *bufs;
	char *mem, *answer;
	int fd;
	bool receiving, drained;
	unsigned sending;
	size_t have, owed; /* bytes of a request; answers */
	unsigned long requests, receives;
	struct iovec in, out[SEND_MAX];
	struct msghdr in_msg, out_msg;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the client ---- */

struct client {
	int fd;
	unsigned depth;
	unsigned long answers;
};

/* Ends when the server closes. */
static void *client_run(void *arg)
{
	static const char requests[REQUEST * DEPTH_MAX];
	static char buf[1 << 20];
	struct client *c = arg;
	size_t n = c->depth, have = 0;

	while (send(c->fd, requests, n * REQUEST, MSG_NOSIGNAL) > 0) {
		do {
			ssize_t r = recv(c->fd, buf, sizeof(buf), 0);

			if (r <= 0)
				return NULL;
			have += (size_t)r;
		} while (have < ANSWER);
		n = have / ANSWER;
		have %= ANSWER;
		c->answers += n;
	}
	return NULL;
}

/* ---- the server ---- */

static void server_open(struct server *s, enum way way, int fd)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SINGLE_ISSUER |
					      IORING_SETUP_DEFER_TASKRUN };
	struct io_uring_buf_reg reg = { .ring_entries = BUFS, .bgid = GROUP };

	*s = (struct server) { .way = way, .fd = fd };
	s->mem = calloc(BUFS, BUF);
	s->answer = calloc(1, ANSWER);
	if (!s->mem || !s->answer || io_uring_queue_init_params(64, &s->ring, &p) < 0)
		die("io_uring");
	s->in = (struct iovec) { s->mem, BUF };
	s->in_msg = (struct msghdr) { .msg_iov = &s->in, .msg_iovlen = 1 };
	s->out_msg.msg_iov = s->out;
	if (way != MULTISHOT)
		return;
	if (posix_memalign((void **)&s->bufs, 4096, BUFS * sizeof(struct io_uring_buf)))
		die("memory");
	reg.ring_addr = (unsigned long)s->bufs;
	if (io_uring_register_buf_ring(&s->ring, &reg, 0))
		die("buffers");
	io_uring_buf_ring_init(s->bufs);
	for (unsigned i = 0; i < BUFS; i++)
		io_uring_buf_ring_add(s->bufs, s->mem + (size_t)i * BUF, BUF, (unsigned short)i,
				      BUFS - 1, (int)i);
	io_uring_buf_ring_advance(s->bufs, BUFS);
}

static void server_close(struct server *s)
{
	io_uring_queue_exit(&s->ring);
	close(s->fd);
	free(s->bufs);
	free(s->answer);
	free(s->mem);
}

static void receive(struct server *s)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	if (s->way == MULTISHOT) {
		io_uring_prep_recv_multishot(sqe, s->fd, NULL, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
	} else {
		io_uring_prep_recvmsg(sqe, s->fd, &s->in_msg, 0);
		if (s->way == POLL_FIRST && s->drained)
			sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	}
	io_uring_sqe_set_data(sqe, NULL);
	s->receiving = true;
	s->receives++;
}

static void answer(struct server *s)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	s->sending = s->owed < SEND_MAX ? (unsigned)s->owed : SEND_MAX;
	for (unsigned i = 0; i < s->sending; i++)
		s->out[i] = (struct iovec) { s->answer, ANSWER };
	s->out_msg.msg_iovlen = s->sending;
	io_uring_prep_sendmsg(sqe, s->fd, &s->out_msg, MSG_NOSIGNAL | MSG_WAITALL);
	io_uring_sqe_set_data(sqe, s);
	s->owed -= s->sending;
}

static void received(struct server *s, int res, unsigned flags)
{
	if (res <= 0 && res != -ENOBUFS) {
		errno = -res;
		die("receive");
	}
	if (res > 0) {
		s->have += (size_t)res;
		s->requests += s->have / REQUEST;
		s->owed += s->have / REQUEST;
		s->have %= REQUEST;
		s->drained = (unsigned)res < BUF;
	}
	if (flags & IORING_CQE_F_BUFFER) {
		unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;

		io_uring_buf_ring_add(s->bufs, s->mem + (size_t)id * BUF, BUF, (unsigned short)id,
				      BUFS - 1, 0);
		io_uring_buf_ring_advance(s->bufs, 1);
	}
	s->receiving = flags & IORING_CQE_F_MORE;
}

static void turn(struct server *s)
{
	struct io_uring_cqe *cqe;

	if (!s->receiving)
		receive(s);
	if (s->owed > 0 && s->sending == 0)
		answer(s);
	io_uring_submit_and_wait(&s->ring, 1);
	while (io_uring_peek_cqe(&s->ring, &cqe) == 0) {
		if (io_uring_cqe_get_data(cqe))
			s->sending = 0;
		else
			received(s, cqe->res, cqe->flags);
		io_uring_cqe_seen(&s->ring, cqe);
	}
}

/* ---- in turns ---- */

static void connect_both(int *ret_client, int *ret_server)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int door = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	*ret_client = socket(AF_INET, SOCK_STREAM, 0);
	if (door < 0 || *ret_client < 0 || bind(door, (struct sockaddr *)&at, len) ||
	    listen(door, 1) || getsockname(door, (struct sockaddr *)&at, &len) ||
	    connect(*ret_client, (struct sockaddr *)&at, len))
		die("socket");
	*ret_server = accept(door, NULL, NULL);
	if (*ret_server < 0)
		die("accept");
	close(door);
	setsockopt(*ret_client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(*ret_server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

struct result {
	double cpu; /* of a request, us */
	bool good;
};

static struct result measure(enum way way, unsigned depth, double length)
{
	struct client c = { .depth = depth };
	struct server s;
	pthread_t thread;
	double cpu, end;
	int fd;

	connect_both(&c.fd, &fd);
	server_open(&s, way, fd);
	if (pthread_create(&thread, NULL, client_run, &c))
		die("thread");
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	end = seconds(CLOCK_MONOTONIC) + length;
	do
		turn(&s);
	while (seconds(CLOCK_MONOTONIC) < end || s.requests < 4ul * depth);
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
	shutdown(fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	server_close(&s);
	close(c.fd);
	return (struct result) {
		.cpu = s.requests ? cpu / (double)s.requests * 1e6 : 0,
		.good = c.answers <= s.requests && c.answers + depth >= s.requests &&
			(way == MULTISHOT ? s.receives * depth < s.requests
					  : s.receives * depth >= s.requests),
	};
}

static int ascending(const void *a, const void *b)
{
	double x = ((const struct result *)a)->cpu, y = ((const struct result *)b)->cpu;

	return (x > y) - (x < y);
}

/* Prints the rounds of one way; true: all of them were good. */
static bool report(struct result *r, unsigned depth, enum way way)
{
	bool good = true;

	qsort(r, ROUNDS, sizeof(*r), ascending);
	for (unsigned i = 0; i < ROUNDS; i++)
		good = good && r[i].good;
	printf("%2u in flight, %-10s  %5.2f (%.2f to %.2f)%s\n", depth, names[way],
	       r[ROUNDS / 2].cpu, r[0].cpu, r[ROUNDS - 1].cpu,
	       good ? "" : ": answers are missing, or it is not this way");
	return good;
}

int main(int argc, char **argv)
{
	double length = argc > 1 ? strtod(argv[1], NULL) : 0.6;
	struct result took[COUNT(depths)][WAYS][ROUNDS];
	unsigned passed = 0, failed = 0;

	if (argc > 2 || !(length > 0)) {
		fprintf(stderr, "usage: odxrecv [SECONDS], of each round of each way; 0.6\n");
		return 2;
	}
	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned d = 0; d < COUNT(depths); d++)
			for (unsigned way = 0; way < WAYS; way++)
				took[d][way][r] = measure((enum way)way, depths[d], length);
	printf("CPU us a request, of %u rounds: the median (least to most)\n", ROUNDS);
	for (unsigned d = 0; d < COUNT(depths); d++)
		for (unsigned way = 0; way < WAYS; way++)
			*(report(took[d][way], depths[d], (enum way)way) ? &passed : &failed) += 1;
	printf("bench_recv: %u passed, %u failed, 0 skipped\n", passed, failed);
	return failed > 0;
}
