/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O memory: one mapping of fixed size, registered with the ring when the
 * memlock limit allows, handed out by a buddy allocator (4 KiB to 1 MiB pieces).
 * The budget is never exceeded: who finds it empty waits in line.
 * Home thread of the ring only.
 */
#ifndef BACKSTORE_ARENA_H
#define BACKSTORE_ARENA_H

#include "ring.h"

#define ARENA_MIN_PIECE 4096u
#define ARENA_MAX_PIECE (1u << 20)

struct arena;

struct arena_waiter {
	/* Memory of @len bytes for this waiter; on the ring's thread, from its loop. */
	void (*granted)(struct arena_waiter *w, void *mem);
	size_t len;
	struct arena_waiter *next, *prev; /* the arena's */
	bool waiting;			  /* the arena's */
};

/* @bytes is rounded up to 1 MiB.  Registered or not: see arena_registered. */
int arena_new(struct arena **ret, struct ring *ring, size_t bytes);
void arena_free(struct arena *arena); /* everything must have been put back */

/*
 * Memory of at least @len bytes (1..ARENA_MAX_PIECE), 4 KiB aligned; NULL when
 * there is none or others wait in line.  Give it back with the same @len.
 */
void *arena_get(struct arena *arena, size_t len);
void arena_put(struct arena *arena, void *mem, size_t len);
/* Queues @w (set granted and len); first come, first served. */
void arena_wait(struct arena *arena, struct arena_waiter *w);
void arena_unwait(struct arena *arena, struct arena_waiter *w); /* fine when not waiting */

size_t arena_bytes(const struct arena *arena); /* the budget */
size_t arena_used(const struct arena *arena);
bool arena_registered(const struct arena *arena);
/* The buf_index for READ_FIXED/WRITE_FIXED of [mem, mem+len) on @ring, or -1. */
int arena_buf_index(const struct ring *ring, const void *mem, size_t len);

#endif
