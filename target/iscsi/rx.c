/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving: the byte stream cut into PDUs.  Headers and small data come through
 * the connection's buffer; the rest of a long data segment is received straight
 * to where it belongs, and what follows it in the same call into the buffer.
 *
 * While few commands are open and no long data comes or is asked for, a multishot receive
 * runs instead (stream.h) and PDUs are read in its buffers.  Only what one buffer has of a
 * header or tail and the next has not is copied together, in the connection's.
 */
#include "iscsi_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that are copied to complete what is cut: more than a header without AHS. */
#define JOIN_MAX 256u

/*
 * With more commands open, a receive that is asked for once in a turn brings more of them at
 * once than a multishot one.
 */
#define FEW_OPEN 8u

/* A segment is long from here on: it would come in several buffers, and be copied. */
#define LONG_DATA (2 * STREAM_BUF)

static void receive_done(struct sock_op *op, int res);
static void stream_got(struct stream *s, struct stream_buf *b);
static void stream_ended(struct stream *s, int res);

int rx_init(struct iscsi_conn *c)
{
	struct rx *rx = &c->rx;

	rx->op.done = receive_done;
	rx->stream.got = stream_got;
	rx->stream.ended = stream_ended;
	STAILQ_INIT(&rx->unread);
	rx->buf = rx->own = malloc(RX_BUFFER);
	return rx->own ? 0 : -ENOMEM;
}

void rx_free(struct iscsi_conn *c)
{
	free(c->rx.own);
}

bool rx_idle(const struct iscsi_conn *c)
{
	return !c->rx.busy && !c->rx.stream.armed && !c->rx.running;
}

static bool reading(const struct iscsi_conn *c)
{
	return (c->state == CONN_LOGIN || c->state == CONN_FULL) && !c->last_word && !c->deaf &&
	       !c->rx.waiting;
}

static bool has_header_digest(const struct iscsi_conn *c)
{
	return c->state == CONN_FULL && c->params.header_digest;
}

static bool has_data_digest(const struct iscsi_conn *c)
{
	return c->state == CONN_FULL && c->params.data_digest;
}

static bool digest_matches(uint32_t crc, const uint8_t *got)
{
	uint8_t want[4];

	digest_put(crc, want);
	return memcmp(got, want, sizeof(want)) == 0;
}

/* A whole header with all that belongs to it; false: not yet, or the connection is over. */
static bool step_header(struct iscsi_conn *c)
{
	struct rx *rx = &c->rx;
	const uint8_t *p = rx->buf + rx->head;
	size_t have = rx->tail - rx->head, need = ISCSI_BHS_LEN;

	if (have < need)
		return false;
	rx->known = iscsi_pdu_decode(p, &rx->pdu);
	need += rx->pdu.ahs_len * 4u;
	if (has_header_digest(c))
		need += 4;
	if (have < need)
		return false;
	if (has_header_digest(c) &&
	    !digest_matches(digest_add(DIGEST_INIT, p, need - 4), p + need - 4)) {
		c->srv->stats.digest_errors++;
		/* Nothing in it can be trusted, its length neither (RFC 7143 7.8). */
		conn_close(c, "header digest error");
		return false;
	}
	memcpy(rx->bhs, p, ISCSI_BHS_LEN);
	rx->ahs_good = iscsi_ahs_decode(p + ISCSI_BHS_LEN, rx->pdu.ahs_len * 4u, &rx->ahs);
	rx->head += need;
	if (rx->pdu.data_len > (c->state == CONN_FULL ? PARAM_MAX_RECV : PARAM_DEFAULT_RECV)) {
		conn_reject_last(c, ISCSI_REJECT_PROTOCOL_ERROR,
				 "data segment longer than MaxRecvDataSegmentLength");
		return false;
	}
	rx->dst = NULL;
	rx->cmd = NULL;
	rx->left = rx->pdu.data_len;
	rx->crc = DIGEST_INIT;
	rx->state = RX_BEGIN;
	return true;
}

static bool step_begin(struct iscsi_conn *c)
{
	enum rx_verdict v = c->state == CONN_FULL ? request_begin(c) : login_begin(c);
	struct rx *rx = &c->rx;

	if (v == RX_WAIT)
		rx->waiting = true;
	if (v != RX_GO)
		return false;
	rx->state = RX_DATA;
	if (rx->cmd)
		icmd_pin(rx->cmd);
	if (rx->dst && rx->pdu.data_len > LONG_DATA)
		rx_no_multishot(c);
	return true;
}

/* Bytes of the data segment have come to rest at dst (or are dropped at @p). */
static void took(struct iscsi_conn *c, const uint8_t *p, size_t n)
{
	struct rx *rx = &c->rx;

	if (has_data_digest(c))
		rx->crc = digest_add(rx->crc, p, n);
	if (rx->dst)
		rx->dst += n;
	rx->left -= (uint32_t)n;
}

static bool step_data(struct iscsi_conn *c)
{
	struct rx *rx = &c->rx;
	size_t n = rx->tail - rx->head;

	if (n > rx->left)
		n = rx->left;
	if (n > 0) {
		if (rx->dst)
			memcpy(rx->dst, rx->buf + rx->head, n);
		took(c, rx->buf + rx->head, n);
		rx->head += n;
	}
	if (rx->left > 0)
		return false;
	rx->state = RX_TAIL;
	return true;
}

/* Padding and data digest, then the PDU is complete. */
static bool step_tail(struct iscsi_conn *c)
{
	struct rx *rx = &c->rx;
	const uint8_t *p = rx->buf + rx->head;
	size_t pad = iscsi_pad(rx->pdu.data_len);
	bool digest = has_data_digest(c) && rx->pdu.data_len > 0, good = true;
	size_t need = pad + (digest ? 4 : 0);
	struct icmd *cmd = rx->cmd;

	if (rx->tail - rx->head < need)
		return false;
	if (digest)
		good = digest_matches(digest_add(rx->crc, p, pad), p + pad);
	if (!good)
		c->srv->stats.digest_errors++;
	rx->head += need;
	rx->state = RX_HEADER;
	if (c->state == CONN_FULL)
		request_end(c, good);
	else
		login_end(c, good);
	rx->cmd = NULL;
	if (cmd)
		icmd_unpin(cmd);
	return true;
}

static bool (*const steps[])(struct iscsi_conn *) = {
	[RX_HEADER] = step_header,
	[RX_BEGIN] = step_begin,
	[RX_DATA] = step_data,
	[RX_TAIL] = step_tail,
};

/* ---- the bytes ---- */

/* What is left moves to the beginning of our own buffer. */
static void compact(struct rx *rx)
{
	assert(rx->tail - rx->head <= RX_BUFFER);
	memmove(rx->own, rx->buf + rx->head, rx->tail - rx->head);
	rx->tail -= rx->head;
	rx->head = 0;
	rx->buf = rx->own;
}

/* A buffer of the pool goes back; what is left in it is kept. */
static void give_back(struct rx *rx)
{
	struct stream_buf *b = rx->lent;

	if (!b)
		return;
	compact(rx);
	rx->lent = NULL;
	stream_put(b);
}

/* More bytes behind those that are not enough; false: there are none. */
static bool refill(struct rx *rx)
{
	struct stream_buf *b = STAILQ_FIRST(&rx->unread);
	size_t n;

	give_back(rx);
	if (!b)
		return false;
	if (rx->tail == rx->head) {
		STAILQ_REMOVE_HEAD(&rx->unread, link);
		rx->lent = b;
		rx->buf = b->mem;
		rx->head = rx->unread_at;
		rx->tail = b->len;
		rx->unread_at = 0;
		return true;
	}
	n = b->len - rx->unread_at < JOIN_MAX ? b->len - rx->unread_at : JOIN_MAX;
	compact(rx);
	assert(rx->tail + n <= RX_BUFFER);
	memcpy(rx->own + rx->tail, b->mem + rx->unread_at, n);
	rx->tail += n;
	rx->unread_at += n;
	if (rx->unread_at == b->len) {
		STAILQ_REMOVE_HEAD(&rx->unread, link);
		rx->unread_at = 0;
		stream_put(b);
	}
	return true;
}

/* Nothing that has been received is wanted any more. */
static void forget(struct rx *rx)
{
	struct stream_buf *b;

	rx->head = rx->tail = 0;
	give_back(rx);
	while ((b = STAILQ_FIRST(&rx->unread))) {
		STAILQ_REMOVE_HEAD(&rx->unread, link);
		stream_put(b);
	}
	rx->unread_at = 0;
}

static void receive(struct iscsi_conn *c)
{
	struct rx *rx = &c->rx;
	unsigned n = 0;

	/* What is left is less than a header or a tail: cheap to move. */
	compact(rx);
	rx->direct = rx->state == RX_DATA && rx->dst && rx->tail == 0 ? rx->left : 0;
	if (rx->direct > 0)
		rx->iov[n++] = (struct iovec) { rx->dst, rx->direct };
	rx->iov[n++] = (struct iovec) { rx->own + rx->tail, RX_BUFFER - rx->tail };
	rx->msg = (struct msghdr) { .msg_iov = rx->iov, .msg_iovlen = n };
	rx->busy = true;
	c->srv->stats.receives++;
	sock_recv(c->reactor, &rx->op, c->fd, &rx->msg, 0);
}

void rx_no_multishot(struct iscsi_conn *c)
{
	c->rx.small = 0;
	stream_stop(&c->rx.stream);
}

/* Receives in the way that fits, if none runs. */
static void receive_more(struct iscsi_conn *c)
{
	struct stream_pool *pool = reactor_pool(c->reactor);
	unsigned after = c->srv->limits.multishot_after;
	struct rx *rx = &c->rx;

	if (c->state != CONN_FULL || c->sess->counted > FEW_OPEN)
		rx_no_multishot(c);
	if (rx->busy || rx->stream.armed)
		return;
	if (!pool || after == 0 || rx->small < after) {
		receive(c);
		return;
	}
	c->srv->stats.multishots++;
	stream_start(&rx->stream, pool, c->fd);
}

/* ---- the connection ---- */

/* The connection ended, perhaps while a segment was being received for a request. */
static void release(struct iscsi_conn *c)
{
	struct rx *rx = &c->rx;

	if (rx->cmd && rx->state >= RX_DATA)
		icmd_unpin(rx->cmd);
	rx->cmd = NULL;
	rx->state = RX_HEADER;
	forget(rx);
}

void rx_closed(struct iscsi_conn *c)
{
	if (!c->rx.busy && !c->rx.running)
		release(c);
}

void rx_run(struct iscsi_conn *c)
{
	struct rx *rx = &c->rx;

	if (rx->running)
		return;
	rx->running = true;
	while (!rx->busy && reading(c) && (steps[rx->state](c) || (reading(c) && refill(rx))))
		;
	rx->running = false;
	if (c->state == CONN_CLOSED) {
		rx_closed(c);
		conn_settle(c);
	} else if (c->state == CONN_DRAIN) {
		if (!rx->busy)
			release(c);
		receive_more(c);
	} else if (reading(c)) {
		receive_more(c);
	} else {
		stream_stop(&rx->stream);
	}
}

void rx_resume(struct iscsi_conn *c)
{
	if (!c->rx.waiting)
		return;
	c->rx.waiting = false;
	/* Time spent waiting on our side is not the peer's. */
	c->rx.progress = ring_now(c->srv->env.ring);
	rx_run(c);
}

static void came(struct iscsi_conn *c, size_t n)
{
	c->rx.progress = ring_now(c->srv->env.ring);
	c->srv->stats.bytes_in += n;
}

static void receive_done(struct sock_op *op, int res)
{
	struct iscsi_conn *c = container_of(op, struct iscsi_conn, rx.op);
	struct rx *rx = &c->rx;

	rx->busy = false;
	if (res > 0) {
		size_t direct = (size_t)res < rx->direct ? (size_t)res : rx->direct;

		came(c, (size_t)res);
		rx->op.drained = (size_t)res < rx->direct + RX_BUFFER - rx->tail;
		if (direct > 0)
			took(c, rx->dst, direct);
		rx->tail += (size_t)res - direct;
		rx->small = direct > 0 ? 0 : rx->small + 1;
	} else if (res != -EINTR && res != -EAGAIN) {
		conn_close(c, res == 0 || res == -ECONNRESET ? "closed by the initiator"
							     : strerror(-res));
	}
	rx_run(c);
}

static void stream_got(struct stream *s, struct stream_buf *b)
{
	struct iscsi_conn *c = container_of(s, struct iscsi_conn, rx.stream);

	came(c, b->len);
	c->srv->stats.multishot_buffers++;
	STAILQ_INSERT_TAIL(&c->rx.unread, b, link);
	rx_run(c);
}

static void stream_ended(struct stream *s, int res)
{
	struct iscsi_conn *c = container_of(s, struct iscsi_conn, rx.stream);

	/*
	 * No buffers left: the connection has one of its own.  An end, or an error: the next
	 * receive meets it, too, when we read again; until then our last word may be on its way.
	 */
	if (res != -ECANCELED && res != -EINTR && res != -EAGAIN)
		c->rx.small = 0;
	rx_run(c);
}
