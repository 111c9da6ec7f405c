/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multishot receives alone: a socket, a thread that writes to it, and a pool, on the home
 * ring or on a ring with a thread of its own.
 */
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

#define WAIT_NS			     (5ull * 1000000000)
#define WHOLE			     (32u << 20)
#define STOP_EACH		     7u /* buffers between two stops */

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

struct bed {
	struct ring *home, *other; /* the same, or with a thread */
	pthread_t thread, writer;
	struct stream_pool *pool;
	struct stream stream;
	int fd, peer;
	struct stream_bufs held;
	unsigned nheld, stops, bufs;
	size_t got, want;	 /* bytes; the run ends when both are the same */
	bool hold, right, again; /* again: start when it has ended */
	unsigned stop_each;	 /* buffers from one stop to the next */
	int res;
	struct ring_timer limit;
	bool overdue;
};

static struct bed b;

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + i / 251);
}

static void put_held(void)
{
	struct stream_buf *buf;

	while ((buf = STAILQ_FIRST(&b.held))) {
		STAILQ_REMOVE_HEAD(&b.held, link);
		stream_put(buf);
	}
	b.nheld = 0;
}

static void got(struct stream *s, struct stream_buf *buf)
{
	CU_ASSERT_PTR_EQUAL(s, &b.stream);
	for (size_t i = 0; i < buf->len; i++)
		b.right = b.right && buf->mem[i] == byte_at(b.got + i);
	b.got += buf->len;
	b.bufs++;
	STAILQ_INSERT_TAIL(&b.held, buf, link);
	b.nheld++;
	if (!b.hold)
		put_held();
	if (b.stop_each && b.bufs % b.stop_each == 0) {
		b.stops++;
		stream_stop(s);
		stream_stop(s); /* once more does no harm */
	}
	if (b.got == b.want)
		ring_stop(b.home);
}

static void ended(struct stream *s, int res)
{
	CU_ASSERT(!s->armed);
	b.res = res;
	if (b.again && (res == -ECANCELED || res == -EAGAIN || res == -ENOBUFS)) {
		stream_start(s, b.pool, b.fd);
		return;
	}
	ring_stop(b.home);
}

static void overdue(struct ring_timer *t)
{
	b.overdue = true;
	ring_stop(b.home);
}

static void *run_other(void *arg)
{
	ring_run(b.other);
	return NULL;
}

/* A loopback connection. */
static void connect_both(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int door = socket(AF_INET, SOCK_STREAM, 0);

	b.peer = socket(AF_INET, SOCK_STREAM, 0);
	CU_ASSERT_FATAL(bind(door, (struct sockaddr *)&at, len) == 0 && listen(door, 1) == 0 &&
			getsockname(door, (struct sockaddr *)&at, &len) == 0 &&
			connect(b.peer, (struct sockaddr *)&at, len) == 0);
	b.fd = accept(door, NULL, NULL);
	CU_ASSERT_FATAL(b.fd >= 0);
	close(door);
}

static void begin(bool away)
{
	char err[256];

	b = (struct bed) { .right = true, .res = 1, .want = SIZE_MAX };
	STAILQ_INIT(&b.held);
	b.stream.got = got;
	b.stream.ended = ended;
	b.limit.fn = overdue;
	CU_ASSERT_EQUAL_FATAL(ring_new(&b.home, 64, err, sizeof(err)), 0);
	b.other = b.home;
	if (away)
		CU_ASSERT_EQUAL_FATAL(ring_new(&b.other, 64, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL_FATAL(stream_pool_new(&b.pool, b.other, b.home), 0);
	if (away)
		pthread_create(&b.thread, NULL, run_other, NULL);
	connect_both();
	stream_start(&b.stream, b.pool, b.fd);
}

static void run(void)
{
	ring_timer_set(b.home, &b.limit, WAIT_NS);
	ring_run(b.home);
	ring_timer_cancel(b.home, &b.limit);
	CU_ASSERT(!b.overdue);
	CU_ASSERT(b.right);
}

static void end(void)
{
	b.again = false;
	b.stop_each = 0;
	b.want = SIZE_MAX;
	if (b.stream.armed) {
		shutdown(b.fd, SHUT_RDWR);
		run();
	}
	put_held();
	close(b.peer);
	close(b.fd);
	if (b.other != b.home) {
		ring_stop(b.other);
		pthread_join(b.thread, NULL);
	}
	stream_pool_free(b.pool);
	if (b.other != b.home)
		ring_free(b.other);
	ring_free(b.home);
}

/* @n bytes that go on where the last ones ended. */
static void send_bytes(size_t at, size_t n)
{
	uint8_t buf[STREAM_BUF];

	CU_ASSERT_FATAL(n <= sizeof(buf));
	for (size_t i = 0; i < n; i++)
		buf[i] = byte_at(at + i);
	CU_ASSERT(send(b.peer, buf, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static void *write_all(void *arg)
{
	uint8_t *buf = malloc(WHOLE);
	unsigned seed = 7;

	for (size_t i = 0; i < WHOLE; i++)
		buf[i] = byte_at(i);
	for (size_t at = 0, n; at < WHOLE; at += n) {
		ssize_t r;

		n = (size_t)rand_r(&seed) % (100u << 10) + 1;
		r = send(b.peer, buf + at, n < WHOLE - at ? n : WHOLE - at, MSG_NOSIGNAL);
		if (r <= 0)
			break;
		n = (size_t)r;
	}
	free(buf);
	return NULL;
}

static void whole(bool away, unsigned stop_each)
{
	begin(away);
	b.again = true;
	b.stop_each = stop_each;
	b.want = WHOLE;
	pthread_create(&b.writer, NULL, write_all, NULL);
	run();
	CU_ASSERT_EQUAL(b.got, WHOLE);
	if (b.got != WHOLE)
		shutdown(b.peer, SHUT_RDWR);
	pthread_join(b.writer, NULL);
	if (stop_each)
		CU_ASSERT(b.stops > 5);
	end();
}

static void test_order(void)
{
	whole(false, 0);
	whole(true, 0);
}

static void test_stops(void)
{
	whole(false, STOP_EACH);
	whole(true, STOP_EACH);
}

/* A pool has so many buffers and not one more; what did not fit comes later. */
static void limit(bool away)
{
	size_t n = 0;

	begin(away);
	b.hold = true;
	for (unsigned i = 1; i <= STREAM_BUFS; i++) {
		send_bytes(n, i);
		n += i;
		b.want = n;
		run();
		CU_ASSERT_EQUAL_FATAL(b.got, n);
		CU_ASSERT_EQUAL_FATAL(b.nheld, i);
		/* Linux 6.1 looks for a buffer even before there is more to receive. */
		CU_ASSERT(b.stream.armed || i == STREAM_BUFS);
	}
	b.want = SIZE_MAX;
	send_bytes(n, 10);
	if (b.stream.armed)
		run();
	CU_ASSERT_EQUAL(b.res, -ENOBUFS);
	CU_ASSERT_EQUAL(b.got, n);
	put_held();
	b.want = n + 10;
	stream_start(&b.stream, b.pool, b.fd);
	run();
	CU_ASSERT_EQUAL(b.got, n + 10);
	end();
}

static void test_limit(void)
{
	limit(false);
	limit(true);
}

static void finish(bool away, bool reset)
{
	struct linger at_once = { .l_onoff = 1 };

	begin(away);
	send_bytes(0, 100);
	b.want = 100;
	run();
	b.want = SIZE_MAX;
	if (reset)
		setsockopt(b.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(b.peer);
	b.peer = -1;
	run();
	CU_ASSERT_EQUAL(b.res, reset ? -ECONNRESET : 0);
	CU_ASSERT(!b.stream.armed);
	end();
}

static void test_ends(void)
{
	for (unsigned away = 0; away < 2; away++) {
		finish(away, false);
		finish(away, true);
	}
}

/* Stopped with nothing there: it ends, and what comes then is the next one's. */
static void quiet(bool away)
{
	begin(away);
	send_bytes(0, 10);
	b.want = 10;
	run();
	b.want = SIZE_MAX;
	stream_stop(&b.stream);
	run();
	CU_ASSERT_EQUAL(b.res, -ECANCELED);
	send_bytes(10, 10);
	usleep(20000);
	CU_ASSERT_EQUAL(b.got, 10);
	stream_stop(&b.stream); /* of none: nothing */
	stream_start(&b.stream, b.pool, b.fd);
	b.want = 20;
	run();
	CU_ASSERT_EQUAL(b.got, 20);
	end();
}

static void test_quiet(void)
{
	quiet(false);
	quiet(true);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { { "32 MiB come whole and in order", test_order },
					     { "stopped and started all the time, none is lost",
					       test_stops },
					     { "64 buffers, not 65", test_limit },
					     { "end and reset of a connection", test_ends },
					     { "stopped while nothing comes", test_quiet },
					     TEST_END };

	return test_main(argc, argv, "iscsi_stream", tests);
}
