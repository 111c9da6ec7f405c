/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub: one reactor thread and one struct target for all devices of a runner, so
 * that a token of one works on the others.  It is started for the first device and
 * ends with the last.
 */
#ifndef TCMU_HUB_H
#define TCMU_HUB_H

#include <pthread.h>

#include "target.h"

#define HUB_NAME "iqn.2001-04.com.example:odx" /* in tokens only; the ports are LIO's */

/* For the home thread, but for what hub_call does. */
struct hub {
	struct bs_env env;
	struct bs_load load;
	struct arena *arena; /* for data that cannot stay where LIO put it */
	struct target *target;
	struct nexus nexus; /* the one that stands for every initiator */
	pthread_t thread;
};

/*
 * Any thread but the home one.  Starts the hub if it does not run; each hub_get has
 * its hub_put.  -errno and a reason in @err.
 */
int hub_get(struct hub **ret, char *err, size_t err_cap);
void hub_put(struct hub *hub); /* of the last one: returns when the thread has ended */

/* Work for the home thread that somebody waits for; embedded or on the stack. */
struct hub_call {
	void (*fn)(struct hub_call *call); /* on the home thread; leads to hub_over */
	struct hub *hub;
	/* the hub's */
	struct ring_post post;
	pthread_mutex_t lock;
	pthread_cond_t over_cond;
	bool over;
};
/* Runs @fn on the home thread and waits until hub_over.  Any thread but the home one. */
void hub_call(struct hub *hub, struct hub_call *call);
/* Home thread: the caller goes on; @call is gone then. */
void hub_over(struct hub_call *call);

#endif
