/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Portals: addresses that the server listens on, each in a portal group (RFC 7143
 * 4.4.1).  A group is one iSCSI target port, so its tag also is the relative target
 * port identifier: the same after a restart whatever the order of the portals.
 */
#include "iscsi_priv.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define RETRY_NS (100 * NS_PER_MS)

static void accept_one(struct portal *p);

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
		if (conn_new(s, res, p->tpgt) == -ENOMEM)
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

/* Cuts "ADDR:PORT" or "[ADDR6]:PORT" in two; @text is changed. */
static bool split_address(char *text, char *host, size_t cap, const char **ret_port)
{
	char *end = strrchr(text, ':');
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

static void explain(int res, const char *portal, const struct addrinfo *ai, char *err, size_t cap)
{
	/* The same place in both families. */
	unsigned port = ntohs(((const struct sockaddr_in *)ai->ai_addr)->sin_port);

	if (res == -EADDRINUSE)
		snprintf(err, cap,
			 "port %u is in use; stop what listens there (ss -ltnp) or choose "
			 "another port",
			 port);
	else if (res == -EADDRNOTAVAIL)
		snprintf(err, cap, "%s: no interface of this machine has that address", portal);
	else if (res == -EACCES)
		snprintf(err, cap, "port %u needs privileges; choose one above 1023", port);
	else
		snprintf(err, cap, "%s: %s", portal, strerror(-res));
}

/* Takes ",TAG" off the end of @text; without one it is 1. */
static bool split_tag(char *text, uint16_t *ret_tag)
{
	char *comma = strchr(text, ',');
	uint64_t tag = 1;

	if (comma && (!text_number(comma + 1, UINT16_MAX, &tag) || tag == 0))
		return false;
	if (comma)
		*comma = '\0';
	*ret_tag = (uint16_t)tag;
	return true;
}

static bool parse(const char *portal, uint16_t *ret_tag, struct addrinfo **ret)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	char text[128], host[64];
	const char *port;

	return snprintf(text, sizeof(text), "%s", portal) < (int)sizeof(text) &&
	       split_tag(text, ret_tag) && split_address(text, host, sizeof(host), &port) &&
	       getaddrinfo(host, port, &hints, ret) == 0;
}

/* Every target is offered in every group. */
static int announce_group(struct iscsi_server *s, uint16_t tag)
{
	struct iscsi_tgt *tgt;
	int err = 0;

	LIST_FOREACH (tgt, &s->targets, link)
		if (!err)
			err = target_add_port_group(tgt->target, tag);
	return err;
}

int iscsi_server_listen(struct iscsi_server *s, const char *portal, char *ret_bound,
			size_t bound_cap, char *err, size_t err_cap)
{
	struct portal *p = &s->portals[s->nportals];
	socklen_t len = sizeof(p->addr);
	struct addrinfo *ai;
	uint16_t tag;
	int fd, res;

	if (s->nportals == MAX_PORTALS) {
		snprintf(err, err_cap, "more than %d portals", MAX_PORTALS);
		return -ENOSPC;
	}
	if (!parse(portal, &tag, &ai)) {
		snprintf(err, err_cap,
			 "%s: not an address and a port; write 127.0.0.1:3260 or [::1]:3260, and "
			 "a portal group tag from 1 to 65535 behind a comma if it is not 1",
			 portal);
		return -EINVAL;
	}
	fd = open_socket(ai);
	if (fd < 0)
		explain(fd, portal, ai, err, err_cap);
	freeaddrinfo(ai);
	if (fd < 0)
		return fd;
	res = announce_group(s, tag);
	if (res < 0) {
		close(fd);
		snprintf(err, err_cap, "%s: %s", portal, strerror(-res));
		return res;
	}
	*p = (struct portal) { .srv = s, .fd = fd, .tpgt = tag };
	getsockname(fd, (struct sockaddr *)&p->addr, &len);
	conn_print_address(ret_bound, bound_cap, &p->addr);
	p->op.done = accepted;
	p->retry.fn = retry_accept;
	s->nportals++;
	accept_one(p);
	return 0;
}

static bool is_wildcard(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)ss)->sin6_addr);
	return ((const struct sockaddr_in *)ss)->sin_addr.s_addr == htonl(INADDR_ANY);
}

bool portal_address(const struct portal *p, const struct iscsi_conn *c, char *ret, size_t cap)
{
	struct sockaddr_storage ss = p->addr;

	if (is_wildcard(&ss)) {
		/* Where this initiator came to us it can come again. */
		if (ss.ss_family != c->local_addr.ss_family)
			return false;
		if (ss.ss_family == AF_INET6)
			((struct sockaddr_in6 *)&ss)->sin6_addr =
				((const struct sockaddr_in6 *)&c->local_addr)->sin6_addr;
		else
			((struct sockaddr_in *)&ss)->sin_addr =
				((const struct sockaddr_in *)&c->local_addr)->sin_addr;
	}
	conn_print_address(ret, cap, &ss);
	return true;
}
