/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Portals, limits, targets, and the end of it all.
 */
#include "iscsi_priv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define RETRY_NS (100 * NS_PER_MS)

const struct iscsi_limits iscsi_limits_defaults = {
	.max_connections = 256,
	.max_sessions = 128,
	.queue_depth = 128,
	.login_timeout_s = 15,
	.nop_interval_s = 30,
	.nop_timeout_s = 30,
	.max_text = 64u << 10,
	.arena_bytes = 64u << 20,
};

static void accept_one(struct portal *p);

/* ---- names ---- */

bool name_fold(char *dst, size_t cap, const char *src)
{
	size_t i;

	for (i = 0; src[i]; i++) {
		if (i + 1 >= cap)
			return false;
		dst[i] = src[i] >= 'A' && src[i] <= 'Z' ? (char)(src[i] | 0x20) : src[i];
	}
	dst[i] = '\0';
	return true;
}

struct iscsi_tgt *server_find_target(struct iscsi_server *s, const char *name)
{
	struct iscsi_tgt *tgt;
	char own[256];

	LIST_FOREACH (tgt, &s->targets, link)
		if (name_fold(own, sizeof(own), target_name(tgt->target)) && strcmp(own, name) == 0)
			return tgt;
	return NULL;
}

bool server_allows(const struct iscsi_tgt *tgt, const char *initiator)
{
	if (tgt->nallowed == 0)
		return true;
	for (unsigned i = 0; i < tgt->nallowed; i++)
		if (strcmp(tgt->allowed[i], initiator) == 0)
			return true;
	return false;
}

/* ---- setting up ---- */

int iscsi_server_new(struct iscsi_server **ret, const struct bs_env *env,
		     const struct iscsi_limits *limits)
{
	struct iscsi_server *s;
	int err;

	/* R2T tags count requests in 16 bits, TSIHs sessions. */
	if (limits->queue_depth == 0 || limits->queue_depth > 4096 || limits->max_text < 1024 ||
	    limits->max_sessions >= UINT16_MAX)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->env = *env;
	s->limits = *limits;
	LIST_INIT(&s->targets);
	LIST_INIT(&s->conns);
	LIST_INIT(&s->sessions);
	err = arena_new(&s->arena, env->ring, limits->arena_bytes);
	if (err) {
		free(s);
		return err;
	}
	*ret = s;
	return 0;
}

static void free_target(struct iscsi_tgt *tgt)
{
	for (unsigned i = 0; tgt->allowed && i < tgt->nallowed; i++)
		free(tgt->allowed[i]);
	free(tgt->allowed);
	free(tgt);
}

void iscsi_server_free(struct iscsi_server *s)
{
	struct iscsi_tgt *tgt;

	if (!s)
		return;
	assert(LIST_EMPTY(&s->conns) && LIST_EMPTY(&s->sessions));
	for (unsigned i = 0; i < s->nportals; i++)
		if (s->portals[i].fd >= 0)
			close(s->portals[i].fd);
	while ((tgt = LIST_FIRST(&s->targets))) {
		LIST_REMOVE(tgt, link);
		free_target(tgt);
	}
	arena_free(s->arena);
	free(s);
}

/* A secret that serves both ways could be had by asking us for a proof with it. */
static bool chap_is_sane(const struct iscsi_chap *chap)
{
	if (!chap->user[0])
		return !chap->mutual_user[0];
	return !chap->mutual_user[0] || strcmp(chap->secret, chap->mutual_secret) != 0;
}

int iscsi_server_add_target(struct iscsi_server *s, const struct iscsi_target_config *cfg)
{
	struct iscsi_tgt *tgt, *last;
	char name[256];

	if (!chap_is_sane(&cfg->chap))
		return -EINVAL;
	if (!name_fold(name, sizeof(name), target_name(cfg->target)))
		return -EINVAL;
	if (server_find_target(s, name))
		return -EEXIST;
	tgt = calloc(1, sizeof(*tgt));
	if (!tgt)
		return -ENOMEM;
	tgt->target = cfg->target;
	memcpy(tgt->alias, cfg->alias, sizeof(tgt->alias));
	tgt->chap = cfg->chap;
	tgt->nallowed = cfg->allowed ? cfg->nallowed : 0;
	tgt->allowed = calloc(tgt->nallowed + 1, sizeof(*tgt->allowed));
	for (unsigned i = 0; tgt->allowed && i < tgt->nallowed; i++) {
		tgt->allowed[i] = strdup(cfg->allowed[i]);
		if (tgt->allowed[i])
			name_fold(tgt->allowed[i], strlen(tgt->allowed[i]) + 1, cfg->allowed[i]);
	}
	for (unsigned i = 0; i < tgt->nallowed + 1; i++) {
		if (!tgt->allowed || (i < tgt->nallowed && !tgt->allowed[i])) {
			free_target(tgt);
			return -ENOMEM;
		}
	}
	/* In the order of configuration: it is the order of SendTargets. */
	last = LIST_FIRST(&s->targets);
	while (last && LIST_NEXT(last, link))
		last = LIST_NEXT(last, link);
	if (last)
		LIST_INSERT_AFTER(last, tgt, link);
	else
		LIST_INSERT_HEAD(&s->targets, tgt, link);
	return 0;
}

void iscsi_server_set_discovery_chap(struct iscsi_server *s, const struct iscsi_chap *chap)
{
	s->discovery_chap = chap ? *chap : (struct iscsi_chap) { .user = "" };
}

/* ---- portals ---- */

static void retry_accept(struct ring_timer *timer)
{
	accept_one(container_of(timer, struct portal, retry));
}

static void accepted(struct ring_op *op, int res, unsigned cqe_flags)
{
	struct portal *p = container_of(op, struct portal, op);
	struct iscsi_server *s = p->srv;

	p->busy = false;
	if (s->stopping) {
		if (res >= 0)
			close(res);
		server_conn_gone(s);
		return;
	}
	if (res >= 0 && s->stats.connections_now >= s->limits.max_connections) {
		log_warn("connection refused: there are %u already", s->stats.connections_now);
		close(res);
	} else if (res >= 0) {
		if (conn_new(s, res) == -ENOMEM)
			log_warn("connection refused: out of memory");
	} else if (res == -EMFILE || res == -ENFILE || res == -ENOBUFS || res == -ENOMEM) {
		log_warn("no connection can be accepted: %s", strerror(-res));
		ring_timer_set(s->env.ring, &p->retry, RETRY_NS);
		return;
	}
	accept_one(p);
}

static void accept_one(struct portal *p)
{
	struct io_uring_sqe *sqe;

	if (p->srv->stopping)
		return;
	sqe = ring_sqe(p->srv->env.ring);
	io_uring_prep_accept(sqe, p->fd, NULL, NULL, SOCK_CLOEXEC);
	ring_submit_op(sqe, &p->op);
	p->busy = true;
}

/* "ADDR:PORT" or "[ADDR6]:PORT" into its halves. */
static bool split_address(const char *text, char *host, size_t cap, const char **ret_port)
{
	const char *end = strrchr(text, ':');
	uint64_t port;
	size_t len;

	/* getaddrinfo(3) would take any number and cut it to 16 bits. */
	if (!end || !text_number(end + 1, 65535, &port))
		return false;
	len = (size_t)(end - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return false;
	}
	if (len == 0 || len >= cap)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	*ret_port = end + 1;
	return true;
}

static int open_socket(const struct addrinfo *ai)
{
	int one = 1, err;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void explain(int res, const char *addr_port, const char *port, char *err, size_t cap)
{
	if (res == -EADDRINUSE)
		snprintf(err, cap,
			 "port %s is in use; stop what listens there (ss -ltnp) or choose "
			 "another port",
			 port);
	else if (res == -EADDRNOTAVAIL)
		snprintf(err, cap, "%s: no interface of this machine has that address", addr_port);
	else if (res == -EACCES)
		snprintf(err, cap, "port %s needs privileges; choose one above 1023", port);
	else
		snprintf(err, cap, "%s: %s", addr_port, strerror(-res));
}

int iscsi_server_listen(struct iscsi_server *s, const char *addr_port, char *ret_bound,
			size_t bound_cap, char *err, size_t err_cap)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	struct portal *p = &s->portals[s->nportals];
	struct addrinfo *ai;
	char host[64];
	const char *port;
	int fd;

	if (s->nportals == MAX_PORTALS) {
		snprintf(err, err_cap, "more than %d portals", MAX_PORTALS);
		return -ENOSPC;
	}
	if (!split_address(addr_port, host, sizeof(host), &port) ||
	    getaddrinfo(host, port, &hints, &ai)) {
		snprintf(err, err_cap,
			 "%s: not an address and a port; write 127.0.0.1:3260 or [::1]:3260",
			 addr_port);
		return -EINVAL;
	}
	fd = open_socket(ai);
	freeaddrinfo(ai);
	if (fd < 0) {
		explain(fd, addr_port, port, err, err_cap);
		return fd;
	}
	getsockname(fd, (struct sockaddr *)&ss, &len);
	conn_print_address(ret_bound, bound_cap, &ss);
	*p = (struct portal) { .srv = s, .fd = fd };
	p->op.done = accepted;
	p->retry.fn = retry_accept;
	s->nportals++;
	accept_one(p);
	return 0;
}

void iscsi_server_stats(const struct iscsi_server *s, struct iscsi_stats *ret)
{
	*ret = s->stats;
}

/* ---- the end ---- */

static void stopped(struct ring_post *post)
{
	struct iscsi_server *s = container_of(post, struct iscsi_server, stopped);

	s->stop_done(s->stop_ctx);
}

static bool portals_busy(const struct iscsi_server *s)
{
	for (unsigned i = 0; i < s->nportals; i++)
		if (s->portals[i].busy)
			return true;
	return false;
}

void server_conn_gone(struct iscsi_server *s)
{
	struct iscsi_conn *c, *next;

	for (c = LIST_FIRST(&s->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		if (login_waits(c))
			login_continue(c);
	}
	if (!s->stopping || s->stop_posted || !LIST_EMPTY(&s->conns) || portals_busy(s))
		return;
	s->stop_posted = true;
	ring_timer_cancel(s->env.ring, &s->grace);
	s->stopped.fn = stopped;
	ring_post(s->env.ring, &s->stopped);
}

static void grace_is_over(struct ring_timer *timer)
{
	struct iscsi_server *s = container_of(timer, struct iscsi_server, grace);
	struct iscsi_conn *c, *next;

	for (c = LIST_FIRST(&s->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		conn_close(c, "the target stops");
	}
}

static void stop_conn(struct iscsi_conn *c)
{
	if (c->state == CONN_LOGIN) {
		conn_close(c, "the target stops");
	} else if (c->state == CONN_FULL) {
		async_goodbye(c);
		if (TAILQ_EMPTY(&c->sess->active))
			conn_finish(c);
	}
}

void iscsi_server_stop(struct iscsi_server *s, unsigned grace_ms, void (*done)(void *ctx),
		       void *ctx)
{
	struct iscsi_conn *c, *next;

	assert(!s->stopping);
	s->stopping = true;
	s->stop_done = done;
	s->stop_ctx = ctx;
	s->grace.fn = grace_is_over;
	for (unsigned i = 0; i < s->nportals; i++) {
		ring_timer_cancel(s->env.ring, &s->portals[i].retry);
		/* Wakes the accept that waits in the kernel. */
		shutdown(s->portals[i].fd, SHUT_RDWR);
		if (s->portals[i].busy)
			ring_cancel_op(s->env.ring, &s->portals[i].op);
	}
	ring_timer_set(s->env.ring, &s->grace, grace_ms * NS_PER_MS);
	for (c = LIST_FIRST(&s->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		stop_conn(c);
	}
	server_conn_gone(s);
}
