/* SPDX-License-Identifier: Apache-2.0 */
#include "hub.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define RING_ENTRIES 512
#define AUX_THREADS  4
#define ARENA_BYTES  (4u << 20)

/* A plugin has no other place for what its devices share. */
static pthread_mutex_t hub_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hub *the_hub; /* under hub_lock */
static unsigned users;	    /* likewise       */

/* ---- the home thread ---- */

struct starting {
	struct hub *hub;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool over;
	int res;
	char *err;
	size_t cap;
};

static int build(struct hub *hub, char *err, size_t cap)
{
	const struct target_config cfg = {
		.name = HUB_NAME,
		.foreign_ports = true,
		.tokens = token_defaults,
		.copy = copy_engine_defaults,
	};
	int res;

	hub->env.load = &hub->load;
	res = ring_new(&hub->env.ring, RING_ENTRIES, err, cap);

	if (res < 0)
		return res;
	res = aux_new(&hub->env.aux, AUX_THREADS);
	if (res == 0)
		res = arena_new(&hub->arena, hub->env.ring, ARENA_BYTES);
	if (res == 0)
		res = target_new(&hub->target, &cfg, &hub->env);
	if (res == 0) {
		hub->nexus.shared = true;
		snprintf(hub->nexus.initiator, sizeof(hub->nexus.initiator), "LIO");
		res = target_nexus_add(hub->target, &hub->nexus);
	}
	if (res < 0)
		snprintf(err, cap, "cannot start: %s", strerror(-res));
	return res;
}

static void take_down(struct hub *hub)
{
	if (hub->nexus.by_lun)
		target_nexus_remove(hub->target, &hub->nexus);
	target_free(hub->target);
	if (hub->arena)
		arena_free(hub->arena);
	if (hub->env.aux)
		aux_free(hub->env.aux);
}

/*
 * The ring goes when its thread has ended and by who stopped it: ring_stop still uses
 * it when the thread may have seen the stop already.
 */
static void join(struct hub *hub)
{
	pthread_join(hub->thread, NULL);
	ring_free(hub->env.ring);
	free(hub);
}

static void *home(void *arg)
{
	struct starting *s = arg;
	struct hub *hub = s->hub;
	int res = build(hub, s->err, s->cap);

	pthread_mutex_lock(&s->lock);
	s->res = res;
	s->over = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock); /* @s is gone from here on */
	if (res == 0)
		ring_run(hub->env.ring);
	take_down(hub);
	return NULL;
}

/* The runner's signals are for its own threads. */
static int create_thread(struct hub *hub, struct starting *s)
{
	sigset_t all, old;
	int res;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	res = pthread_create(&hub->thread, NULL, home, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -res;
}

static int start(struct hub **ret, char *err, size_t cap)
{
	struct hub *hub = calloc(1, sizeof(*hub));
	struct starting s = { .hub = hub,
			      .lock = PTHREAD_MUTEX_INITIALIZER,
			      .cond = PTHREAD_COND_INITIALIZER,
			      .err = err,
			      .cap = cap };
	int res = hub ? create_thread(hub, &s) : -ENOMEM;

	if (res < 0) {
		snprintf(err, cap, "cannot start a thread: %s", strerror(-res));
		free(hub);
		return res;
	}
	pthread_mutex_lock(&s.lock);
	while (!s.over)
		pthread_cond_wait(&s.cond, &s.lock);
	pthread_mutex_unlock(&s.lock);
	if (s.res < 0) {
		join(hub);
		return s.res;
	}
	*ret = hub;
	return 0;
}

/* ---- for the runner's threads ---- */

int hub_get(struct hub **ret, char *err, size_t err_cap)
{
	int res = 0;

	pthread_mutex_lock(&hub_lock);
	if (users == 0)
		res = start(&the_hub, err, err_cap);
	if (res == 0) {
		users++;
		*ret = the_hub;
	}
	pthread_mutex_unlock(&hub_lock);
	return res;
}

void hub_put(struct hub *hub)
{
	pthread_mutex_lock(&hub_lock);
	if (--users == 0) {
		ring_stop(hub->env.ring);
		join(hub);
		the_hub = NULL;
	}
	pthread_mutex_unlock(&hub_lock);
}

static void call_posted(struct ring_post *post)
{
	struct hub_call *call = (struct hub_call *)((char *)post - offsetof(struct hub_call, post));

	call->fn(call);
}

void hub_call(struct hub *hub, struct hub_call *call)
{
	call->hub = hub;
	call->over = false;
	call->post.fn = call_posted;
	pthread_mutex_init(&call->lock, NULL);
	pthread_cond_init(&call->over_cond, NULL);
	ring_post(hub->env.ring, &call->post);
	pthread_mutex_lock(&call->lock);
	while (!call->over)
		pthread_cond_wait(&call->over_cond, &call->lock);
	pthread_mutex_unlock(&call->lock);
	pthread_cond_destroy(&call->over_cond);
	pthread_mutex_destroy(&call->lock);
}

void hub_over(struct hub_call *call)
{
	pthread_mutex_lock(&call->lock);
	call->over = true;
	pthread_cond_signal(&call->over_cond);
	pthread_mutex_unlock(&call->lock);
}
