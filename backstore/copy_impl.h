/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the copy engine: what moves chunks (copy.c) and what decides about the next
 * one (copy_plan.c).
 */
#ifndef BACKSTORE_COPY_IMPL_H
#define BACKSTORE_COPY_IMPL_H

#include "bs_impl.h"
#include "copy.h"
#include "copy_pace.h"

enum plan { PLAN_ZERO, PLAN_READ, PLAN_GRAFT, PLAN_WAIT };

struct copy_chunk {
	struct copy_run *run;
	char *mem;
	uint64_t pos, len; /* where in the copy   */
	uint64_t to;	   /* where on the target */
	uint64_t began;	   /* ring_now() of its start */
	int err;
	bool write_failed, done;
	enum plan kind;
	struct rod_io in;
	struct io out;
	struct iovec out_iov;
	struct clone *graft; /* while it is grafted: from there */
};

/* What is known of the source's holes: [off, off+len) of the rod. */
struct extent {
	uint64_t off, len;
	bool hole;
};

struct copy_run {
	struct copy_engine *engine;
	struct copy *c; /* NULL: free */
	uint64_t total, pos;
	uint64_t began;	 /* ring_now() of run_start */
	unsigned window; /* chunks of all kinds that may be in flight */
	unsigned range;	 /* the next byte goes to c->to[range].off + at */
	uint64_t at;
	uint64_t head, tail; /* chunks not yet counted: numbers head..tail-1 */
	unsigned active;     /* of those, with something in flight          */
	/* by enum plan: zeroing and grafting cost next to nothing, moving data does */
	struct pace paces[PLAN_WAIT];
	int err;
	uint64_t err_pos;
	bool write_failed;
	struct extent known[2]; /* the last answer, and one asked ahead */
	unsigned known_next;	/* the one to be replaced               */
	bool asking;
	bool no_graft;		   /* cannot be done */
	uint64_t graft_most;	   /* bytes at once; 0: whether it can be done is not known yet */
	struct rod_waiter settled; /* the source is being cloned, which is waited for */
	struct ring_timer settle;  /* until then at most; then goes on */
	struct rod_extents query;
	struct copy_run *next_free;
	struct copy_chunk *chunks; /* window; number n is chunks[n % window] */
};

TAILQ_HEAD(copy_list, copy);

struct copy_engine {
	struct bs_env env;
	struct copy_engine_config cfg;
	struct arena *arena;
	struct copy_run *runs, *free;
	unsigned busy;
	struct copy_list line;	/* waiting for a run, first come first served */
	unsigned urgent;	/* of those, with a deadline */
	struct ring_timer look; /* looks at the line: work to do, or a deadline */
	struct copy_rate rate;
	struct ring_timer refill; /* chunks may move again */
	unsigned turn;		  /* the run that goes first then */
};

/* Do hosts read or write, so that copies are to stay small? */
bool copy_disturbed(const struct copy_engine *e);

/* Starts what may be started; ends the copy when nothing is left or in flight. */
void copy_pump(struct copy_run *run);

/*
 * What to do with the next @left bytes of one destination range, and with how
 * many of them at once: *ret_len, a multiple of the destination's block.  PLAN_WAIT:
 * copy_pump will be called when that is known.
 */
enum plan copy_plan(struct copy_run *run, uint64_t left, uint64_t *ret_len);

#endif
