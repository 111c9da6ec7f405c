/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's life: accepted, used, closed, freed; and its time limits.
 */
#include "iscsi_priv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static void tick(struct ring_timer *timer);
static void memory_overdue(struct ring_timer *timer);
static void settle_posted(struct ring_post *post);
static void nothing_sent(struct iscsi_conn *c, struct tx_item *it);

void conn_print_address(char *dst, size_t cap, const struct sockaddr_storage *ss)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(dst, cap, "[%s]:%u", host, ntohs(in6->sin6_port));
	} else {
		const struct sockaddr_in *in = (const struct sockaddr_in *)ss;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(dst, cap, "%s:%u", host, ntohs(in->sin_port));
	}
}

static void find_addresses(struct iscsi_conn *c)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getpeername(c->fd, (struct sockaddr *)&ss, &len) == 0)
		conn_print_address(c->peer, sizeof(c->peer), &ss);
	len = sizeof(c->local_addr);
	getsockname(c->fd, (struct sockaddr *)&c->local_addr, &len);
}

static void conn_free(struct iscsi_conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->reactor)
		reactor_put(c->reactor);
	login_free(c);
	rx_free(c);
	free(c->text);
	free(c->reply);
	free(c);
}

int conn_new(struct iscsi_server *s, int fd, uint16_t tpgt)
{
	struct iscsi_conn *c = calloc(1, sizeof(*c));
	int one = 1;

	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	c->srv = s;
	c->fd = fd;
	c->tpgt = tpgt;
	c->settle.fn = settle_posted;
	c->tick.fn = tick;
	c->memory.fn = memory_overdue;
	c->control.sent = nothing_sent;
	c->ping.sent = nothing_sent;
	/* Our text may be as long as theirs; at least what goes into one Login Response. */
	c->reply_cap = s->limits.max_text;
	if (c->reply_cap < PARAM_DEFAULT_RECV)
		c->reply_cap = PARAM_DEFAULT_RECV;
	c->text = malloc(s->limits.max_text);
	c->reply = malloc(c->reply_cap);
	tx_init(c);
	if (!c->text || !c->reply || rx_init(c) || login_new(c)) {
		conn_free(c);
		return -ENOMEM;
	}
	/* Small answers must not wait for the peer's acknowledgements. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	find_addresses(c);
	c->reactor = reactor_take(s->reactors);
	c->since = c->rx.progress = ring_now(s->env.ring);
	TAILQ_INSERT_TAIL(&s->conns, c, link);
	s->stats.connections++;
	s->stats.connections_now++;
	ring_timer_set(s->env.ring, &c->tick, NS_PER_S);
	rx_run(c);
	return 0;
}

const char *conn_who(const struct iscsi_conn *c)
{
	static char text[512]; /* the ring's thread only */

	snprintf(text, sizeof(text), "%s%s%s", c->sess ? c->sess->initiator : "",
		 c->sess ? " at " : "", c->peer);
	return text;
}

/* Ending one request ends no other while the connection is not in use any more. */
static void drop_requests(struct iscsi_session *sess)
{
	struct icmd *cmd, *next;

	for (cmd = TAILQ_FIRST(&sess->active); cmd; cmd = next) {
		next = TAILQ_NEXT(cmd, link);
		icmd_abort(cmd);
	}
}

void conn_close(struct iscsi_conn *c, const char *why)
{
	bool was_login = c->state == CONN_LOGIN;

	if (c->state == CONN_CLOSED)
		return;
	if (why && c->state == CONN_FULL)
		log_info("%s: connection ended: %s", conn_who(c), why);
	else if (why && was_login)
		log_debug("%s: connection ended before login: %s", conn_who(c), why);
	c->state = CONN_CLOSED;
	ring_timer_cancel(c->srv->env.ring, &c->tick);
	ring_timer_cancel(c->srv->env.ring, &c->memory);
	/* Ends what the kernel has of ours; the descriptor goes when that came back. */
	shutdown(c->fd, SHUT_RDWR);
	rx_closed(c);
	tx_drop(c);
	if (c->sess)
		drop_requests(c->sess);
	conn_settle(c);
}

void conn_finish(struct iscsi_conn *c)
{
	if (c->state == CONN_CLOSED || c->state == CONN_DRAIN)
		return;
	c->last_word = true;
	if (!tx_idle(c))
		return;
	/* The peer reads our last word before it sees a reset for bytes of its own. */
	shutdown(c->fd, SHUT_WR);
	c->state = CONN_DRAIN;
	c->since = ring_now(c->srv->env.ring);
	if (c->sess)
		drop_requests(c->sess);
	rx_run(c);
}

static void settle_posted(struct ring_post *post)
{
	struct iscsi_conn *c = container_of(post, struct iscsi_conn, settle);
	struct iscsi_server *s = c->srv;

	TAILQ_REMOVE(&s->conns, c, link);
	s->stats.connections_now--;
	session_free(c->sess);
	conn_free(c);
	server_conn_gone(s);
}

void conn_settle(struct iscsi_conn *c)
{
	if (c->state != CONN_CLOSED || c->settling || !rx_idle(c) || c->tx.busy || c->tx.due)
		return;
	if (c->sess && !TAILQ_EMPTY(&c->sess->active))
		return;
	/* Freed from the loop: a caller further up may still look at it. */
	c->settling = true;
	ring_post(c->srv->env.ring, &c->settle);
}

/* ---- PDUs of the connection itself ---- */

static bool control_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	*ret = c->control_pdu;
	ret->pdu.reject.stat_sn = conn_next_stat_sn(c);
	ret->pdu.reject.exp_cmd_sn = conn_exp_cmd_sn(c);
	ret->pdu.reject.max_cmd_sn = conn_max_cmd_sn(c);
	return false;
}

static void nothing_sent(struct iscsi_conn *c, struct tx_item *it)
{
}

void conn_reject_last(struct iscsi_conn *c, enum iscsi_reject_reason reason, const char *why)
{
	if (c->state == CONN_CLOSED || c->last_word)
		return;
	log_warn("%s: %s: PDU rejected and connection closed", conn_who(c), why);
	c->srv->stats.rejects++;
	c->last_word = true;
	if (c->control.state == TX_IDLE) {
		memcpy(c->control_data, c->rx.bhs, sizeof(c->control_data));
		c->control_pdu = (struct tx_pdu) {
			.pdu = { .opcode = ISCSI_REJECT,
				 .flags = ISCSI_F_FINAL,
				 .itt = ISCSI_NO_TAG,
				 .reject = { .reason = (uint8_t)reason } },
			.data = c->control_data,
			.data_len = sizeof(c->control_data),
		};
		c->control.next = control_next;
		c->control.sent = nothing_sent;
		tx_queue(c, &c->control);
	}
	conn_finish(c);
}

static bool goodbye_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	/* Event 3: all connections of the session will be dropped (RFC 7143 11.9.1). */
	ret->pdu = (struct iscsi_pdu) {
		.opcode = ISCSI_ASYNC,
		.flags = ISCSI_F_FINAL,
		.itt = ISCSI_NO_TAG,
		.async = { .event = 3,
			   .stat_sn = conn_next_stat_sn(c),
			   .exp_cmd_sn = conn_exp_cmd_sn(c),
			   .max_cmd_sn = conn_max_cmd_sn(c),
			   .param2 = (uint16_t)c->params.time2wait },
	};
	return false;
}

void async_goodbye(struct iscsi_conn *c)
{
	if (c->control.state != TX_IDLE || c->last_word)
		return;
	c->control.next = goodbye_next;
	c->control.sent = nothing_sent;
	tx_queue(c, &c->control);
}

/* ---- time ---- */

static bool longer_than(const struct iscsi_conn *c, uint64_t since, unsigned s)
{
	return ring_now(c->srv->env.ring) - since >= s * NS_PER_S;
}

/* Idle connections are pinged; a peer that does not answer is gone (RFC 7143 11.19). */
static void look_alive(struct iscsi_conn *c)
{
	const struct iscsi_limits *l = &c->srv->limits;

	if (c->rx.waiting)
		return; /* we do not read: an answer would not be seen */
	if (c->ping_open && longer_than(c, c->ping_since, l->nop_timeout_s))
		conn_close(c, "no answer to a NOP-In");
	else if (!c->ping_open && l->nop_interval_s && !c->last_word &&
		 longer_than(c, c->rx.progress, l->nop_interval_s))
		nop_ping(c);
}

/* Does a command hold memory for data that does not come? */
static bool owes_too_long(const struct iscsi_conn *c, unsigned s)
{
	const struct icmd *cmd;

	TAILQ_FOREACH (cmd, &c->sess->active, link)
		if (cmd->owes && !cmd->over && longer_than(c, cmd->owes_since, s))
			return true;
	return false;
}

static void tick(struct ring_timer *timer)
{
	struct iscsi_conn *c = container_of(timer, struct iscsi_conn, tick);
	const struct iscsi_limits *l = &c->srv->limits;
	unsigned stall = l->nop_timeout_s ? l->nop_timeout_s : STALL_S;

	ring_timer_set(c->srv->env.ring, &c->tick, NS_PER_S);
	if (c->state == CONN_LOGIN && longer_than(c, c->since, l->login_timeout_s)) {
		log_warn("%s: login not finished within %u s", conn_who(c), l->login_timeout_s);
		c->srv->stats.login_failures++;
		conn_close(c, NULL);
	} else if (c->state == CONN_DRAIN && longer_than(c, c->since, DRAIN_S)) {
		conn_close(c, NULL);
	} else if (!tx_idle(c) && longer_than(c, c->tx.progress, stall)) {
		conn_close(c, "the initiator takes no data");
	} else if (c->state == CONN_FULL && !c->rx.waiting && owes_too_long(c, stall)) {
		conn_close(c, "the initiator does not send its data");
	} else if (c->state == CONN_FULL) {
		look_alive(c);
	}
}

/* Unsolicited data came and there is still no memory for it: it is refused. */
static void memory_overdue(struct ring_timer *timer)
{
	struct iscsi_conn *c = container_of(timer, struct iscsi_conn, memory);

	if (!c->rx.waiting || !c->rx.cmd)
		return;
	c->rx.cmd->no_memory = true;
	memory_cancel(c->rx.cmd);
	rx_resume(c);
}
