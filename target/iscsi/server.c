/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits, targets, and the end of it all; portals are in portal.c.
 */
#include "iscsi_priv.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

const struct iscsi_limits iscsi_limits_defaults = {
	.max_connections = 256,
	.max_sessions = 128,
	.queue_depth = 128,
	.login_timeout_s = 15,
	.nop_interval_s = 30,
	.nop_timeout_s = 30,
	.max_text = 64u << 10,
	.arena_bytes = 64u << 20,
	.reactors = 0,
	.multishot_after = 16,
};

unsigned iscsi_default_reactors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	/* The home thread can keep a few busy, and no more. */
	return n < ISCSI_AUTO_REACTORS ? (unsigned)n : ISCSI_AUTO_REACTORS;
}

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
	    limits->max_sessions >= UINT16_MAX || limits->reactors > ISCSI_MAX_REACTORS)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->env = *env;
	s->limits = *limits;
	if (s->limits.reactors == 0)
		s->limits.reactors = iscsi_default_reactors();
	LIST_INIT(&s->targets);
	TAILQ_INIT(&s->conns);
	LIST_INIT(&s->sessions);
	err = arena_new(&s->arena, env->ring, limits->arena_bytes);
	if (!err)
		err = reactors_new(&s->reactors, env->ring, s->limits.reactors, limits->all_away,
				   limits->multishot_after > 0);
	if (err) {
		arena_free(s->arena);
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
	assert(TAILQ_EMPTY(&s->conns) && LIST_EMPTY(&s->sessions));
	for (unsigned i = 0; i < s->nportals; i++)
		if (s->portals[i].fd >= 0)
			close(s->portals[i].fd);
	while ((tgt = LIST_FIRST(&s->targets))) {
		LIST_REMOVE(tgt, link);
		free_target(tgt);
	}
	reactors_free(s->reactors);
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
	for (unsigned i = 0; i < s->nportals; i++) {
		int err = target_add_port_group(cfg->target, s->portals[i].tpgt);

		if (err)
			return err;
	}
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

void iscsi_server_stats(const struct iscsi_server *s, struct iscsi_stats *ret)
{
	*ret = s->stats;
	for (unsigned i = 0; i < ISCSI_MAX_REACTORS; i++)
		ret->on_reactor[i] = reactor_conns(s->reactors, i);
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

/* Oldest first: of two that replace the same session the newer one replaces the older. */
static void continue_logins(struct iscsi_server *s, bool replacing)
{
	struct iscsi_conn *c, *next;

	for (c = TAILQ_FIRST(&s->conns); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (login_waits(c, replacing))
			login_continue(c);
	}
}

void server_conn_gone(struct iscsi_server *s)
{
	/* Who replaces a session has its place, before those who wait for any. */
	continue_logins(s, true);
	continue_logins(s, false);
	if (!s->stopping || s->stop_posted || !TAILQ_EMPTY(&s->conns) || portals_busy(s))
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

	for (c = TAILQ_FIRST(&s->conns); c; c = next) {
		next = TAILQ_NEXT(c, link);
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
	for (c = TAILQ_FIRST(&s->conns); c; c = next) {
		next = TAILQ_NEXT(c, link);
		stop_conn(c);
	}
	server_conn_gone(s);
}
