/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending: a queue of items, each of which makes its PDUs only when they go out,
 * so that sequence numbers are those of the wire.  What is ready at the end of a turn
 * of the loop goes out in one vectored send, as far as it fits, straight from where
 * its data is.
 */
#include "iscsi_priv.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static void send_done(struct sock_op *op, int res);
static void start(struct ring_post *post);

void tx_init(struct iscsi_conn *c)
{
	TAILQ_INIT(&c->tx.queue);
	TAILQ_INIT(&c->tx.batch);
	c->tx.op.done = send_done;
	c->tx.start.fn = start;
}

uint32_t conn_next_stat_sn(struct iscsi_conn *c)
{
	return c->stat_sn++;
}

uint32_t conn_exp_cmd_sn(const struct iscsi_conn *c)
{
	return c->sess ? c->sess->exp_cmd_sn : c->login_cmd_sn;
}

uint32_t conn_max_cmd_sn(const struct iscsi_conn *c)
{
	const struct iscsi_session *s = c->sess;

	return s ? s->exp_cmd_sn + s->depth - s->counted - 1 : c->login_cmd_sn;
}

static void add_iov(struct tx *tx, const void *p, size_t len)
{
	if (len > 0)
		tx->iov[tx->niov++] = (struct iovec) { .iov_base = (void *)p, .iov_len = len };
}

/* Returns the PDU's bytes on the wire. */
static size_t add_pdu(struct iscsi_conn *c, struct tx_slot *slot, struct tx_pdu *p)
{
	bool digests = c->state == CONN_FULL;
	uint32_t pad = iscsi_pad(p->data_len);
	size_t head = ISCSI_BHS_LEN, tail = pad;

	p->pdu.data_len = p->data_len;
	iscsi_pdu_encode(&p->pdu, slot->head);
	if (digests && c->params.header_digest) {
		digest_put(digest_add(DIGEST_INIT, slot->head, head), slot->head + head);
		head += 4;
	}
	memset(slot->tail, 0, sizeof(slot->tail));
	if (digests && c->params.data_digest && p->data_len > 0) {
		uint32_t crc = digest_add(DIGEST_INIT, p->data, p->data_len);

		digest_put(digest_add(crc, slot->tail, pad), slot->tail + pad);
		tail += 4;
	}
	add_iov(&c->tx, slot->head, head);
	add_iov(&c->tx, p->data, p->data_len);
	add_iov(&c->tx, slot->tail, tail);
	return head + p->data_len + tail;
}

static void compose(struct iscsi_conn *c)
{
	struct tx *tx = &c->tx;
	struct tx_item *it;
	size_t bytes = 0;

	tx->niov = tx->first = 0;
	for (unsigned i = 0; i < TX_SLOTS && bytes < TX_BATCH; i++) {
		struct tx_pdu p = { .data_len = 0 };
		bool more;

		it = TAILQ_FIRST(&tx->queue);
		if (!it)
			break;
		it->state = TX_STARTED;
		more = it->next(c, it, &p);
		bytes += add_pdu(c, &tx->slots[i], &p);
		if (more)
			continue;
		TAILQ_REMOVE(&tx->queue, it, link);
		TAILQ_INSERT_TAIL(&tx->batch, it, link);
		it->state = TX_BATCHED;
	}
	tx->bytes = bytes;
	c->srv->stats.bytes_out += bytes;
}

static void submit(struct iscsi_conn *c)
{
	struct tx *tx = &c->tx;
	struct reactor *at = tx->bytes >= TX_BULK ? reactor_for_bulk(c->reactor) : c->reactor;

	tx->msg = (struct msghdr) { .msg_iov = tx->iov + tx->first,
				    .msg_iovlen = tx->niov - tx->first };
	tx->busy = true;
	sock_send(at, &tx->op, c->fd, &tx->msg, MSG_NOSIGNAL | MSG_WAITALL);
}

static bool can_start(const struct iscsi_conn *c)
{
	return !c->tx.busy && c->state != CONN_CLOSED && !TAILQ_EMPTY(&c->tx.queue);
}

/* Not at once: the answers that this turn of the loop still brings go with it. */
static void kick(struct iscsi_conn *c)
{
	if (c->tx.due || !can_start(c))
		return;
	c->tx.due = true;
	ring_post_last(c->srv->env.ring, &c->tx.start);
}

/* What waits for the last byte to be gone. */
static void may_be_over(struct iscsi_conn *c)
{
	if (c->last_word && c->state != CONN_CLOSED && tx_idle(c))
		conn_finish(c);
	conn_settle(c);
}

static void start(struct ring_post *post)
{
	struct iscsi_conn *c = container_of(post, struct iscsi_conn, tx.start);

	c->tx.due = false;
	if (!can_start(c)) {
		/* Closed meanwhile, or what there was to send has been taken back. */
		may_be_over(c);
		return;
	}
	compose(c);
	c->tx.progress = ring_now(c->srv->env.ring);
	submit(c);
}

void tx_queue(struct iscsi_conn *c, struct tx_item *it)
{
	assert(it->state == TX_IDLE && c->state != CONN_CLOSED);
	it->state = TX_QUEUED;
	TAILQ_INSERT_TAIL(&c->tx.queue, it, link);
	kick(c);
}

bool tx_cancel(struct iscsi_conn *c, struct tx_item *it)
{
	switch (it->state) {
	case TX_IDLE:
	case TX_BATCHED:
		return false;
	case TX_QUEUED:
		TAILQ_REMOVE(&c->tx.queue, it, link);
		it->state = TX_IDLE;
		return true;
	case TX_STARTED:
		break;
	}
	/* A part of its data may be in the running send: it ends with that. */
	TAILQ_REMOVE(&c->tx.queue, it, link);
	if (!c->tx.busy) {
		it->state = TX_IDLE;
		return true;
	}
	it->state = TX_BATCHED;
	TAILQ_INSERT_TAIL(&c->tx.batch, it, link);
	return false;
}

static void end_items(struct iscsi_conn *c, struct tx_list *list)
{
	struct tx_item *it;

	while ((it = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, it, link);
		it->state = TX_IDLE;
		it->sent(c, it);
	}
}

void tx_drop(struct iscsi_conn *c)
{
	struct tx *tx = &c->tx;
	struct tx_list ready = TAILQ_HEAD_INITIALIZER(ready);
	struct tx_item *it = TAILQ_FIRST(&tx->queue);

	/* Only the first can have bytes in the running send. */
	if (it && it->state == TX_STARTED && tx->busy) {
		TAILQ_REMOVE(&tx->queue, it, link);
		TAILQ_INSERT_TAIL(&tx->batch, it, link);
		it->state = TX_BATCHED;
	}
	TAILQ_CONCAT(&ready, &tx->queue, link);
	end_items(c, &ready);
}

bool tx_idle(const struct iscsi_conn *c)
{
	return !c->tx.busy && TAILQ_EMPTY(&c->tx.queue);
}

/* Takes @n bytes off the front of the vector; true: none is left. */
static bool advance(struct tx *tx, size_t n)
{
	while (tx->first < tx->niov && n >= tx->iov[tx->first].iov_len)
		n -= tx->iov[tx->first++].iov_len;
	if (tx->first == tx->niov)
		return true;
	tx->iov[tx->first].iov_base = (char *)tx->iov[tx->first].iov_base + n;
	tx->iov[tx->first].iov_len -= n;
	return false;
}

static void send_done(struct sock_op *op, int res)
{
	struct iscsi_conn *c = container_of(op, struct iscsi_conn, tx.op);
	struct tx_list ended = TAILQ_HEAD_INITIALIZER(ended);

	c->tx.busy = false;
	c->tx.progress = ring_now(c->srv->env.ring);
	if (res < 0 && res != -EAGAIN && res != -EINTR)
		conn_close(c, res == -EPIPE || res == -ECONNRESET ? "closed by the initiator"
								  : strerror(-res));
	else if (c->state != CONN_CLOSED && !advance(&c->tx, res > 0 ? (size_t)res : 0)) {
		submit(c);
		return;
	}
	TAILQ_CONCAT(&ended, &c->tx.batch, link);
	end_items(c, &ended);
	kick(c);
	may_be_over(c);
}
