/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy engine: rod -> ranges of a backstore, several reads and writes in
 * flight, holes not read and on a thin destination holes again, an honest count.
 *
 * Memory comes from the engine's own budget, taken before the first write and
 * kept to the end, so that a copy that waits for a fence never waits for memory
 * held by those it waits for.  Home reactor only.
 */
#ifndef BACKSTORE_COPY_H
#define BACKSTORE_COPY_H

#include "backstore.h"
#include "rod.h"

struct copy_engine;

struct copy_engine_config {
	size_t chunk;	 /* bytes of one read or write, 4 KiB..1 MiB, power of two    */
	unsigned window; /* chunks in flight in one copy, at most                     */
	unsigned copies; /* copies at once; more wait in line.  Budget: the product   */
	uint64_t rate;	 /* bytes a second that all of them read and write, 0: any    */
};
extern const struct copy_engine_config copy_engine_defaults;

int copy_engine_new(struct copy_engine **ret, const struct bs_env *env,
		    const struct copy_engine_config *cfg);
void copy_engine_free(struct copy_engine *e); /* nothing running */
/* The most bytes that are read before any of them is written. */
size_t copy_engine_chunk(const struct copy_engine *e);

struct copy {
	struct rod *src;  /* engine takes its own reference                   */
	uint64_t src_off; /* bytes into the rod                               */
	struct backstore *dst;
	const struct byte_range *to; /* caller's until done; filled in this order        */
	unsigned n;
	unsigned flags;	    /* IO_FUA: only what is on stable storage counts    */
	uint32_t dst_block; /* written is a multiple of it; chunks end on it    */
	uint64_t deadline;  /* ring_now() at which to stop; 0: none             */
	/*
	 * One chunk at a time, each read whole before it is written: for a source that
	 * overlaps the destination and lies behind it, or does in one chunk.
	 */
	bool in_order;
	/*
	 * Once, from the loop, when nothing is in flight any more.  0: every byte of
	 * @to is written.  Else @written tells how much is, from the front without
	 * gaps (blocks after it may have been written too), and err why it ended:
	 * -ETIME deadline, -ECANCELED copy_cancel, -ESTALE the rod was cancelled,
	 * else the I/O error (@write_failed tells the side).
	 */
	void (*done)(struct copy *c, int err);
	uint64_t written; /* may be read at any time: grows while running   */
	bool write_failed;
	struct copy_stats {
		/* bytes: read; written; zeroed, or on a thin destination given back, unread */
		uint64_t read, copied, zeroed;
		uint64_t grafted; /* that came as shared blocks */
		uint64_t chunks;  /* that have ended well */
	} stats;
	/* the engine's */
	struct copy_run *run;
	struct ring_post post;
	TAILQ_ENTRY(copy) link;
	struct copy_engine *engine;
	bool cancelled;
};

/*
 * When more copies are there than run at once, one without a deadline gives way:
 * to those with a deadline after a chunk, to any other after a while.  It goes on
 * later, at the end of the line.
 *
 * Bytes of @to past the end of the rod are written as zeros: the tail of the last
 * destination block with unlike block sizes (the caller never asks for more).
 */
void copy_start(struct copy_engine *e, struct copy *c);
void copy_cancel(struct copy *c); /* a request: done still comes */

#endif
