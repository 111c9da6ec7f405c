/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of copy before write: shared by what saves (cbw.c) and the books of what is saved
 * (cbw_chunks.c).  Home thread.
 */
#ifndef BACKSTORE_CBW_IMPL_H
#define BACKSTORE_CBW_IMPL_H

#include "cbw.h"
#include "rod_impl.h"

#define SLOT_NONE UINT32_MAX	   /* being saved */
#define SLOT_ZERO (UINT32_MAX - 1) /* nothing but zeros */

#define NO_END	  (UINT64_MAX - 1) /* below rod->gone of those that need versions */

/* The rods of one owner that need a version. */
struct claim {
	struct bs_owner *owner; /* valid while there are users */
	uint32_t users;		/* parts of rods */
	bool charged;
	struct claim *next;
};

struct version {
	struct chunk *chunk;
	TAILQ_ENTRY(version) link;
	uint64_t seq;
	uint64_t end;	/* the last capture's number when it was complete; till then NO_END */
	uint32_t users; /* of all claims */
	uint32_t slot;
	struct claim claim; /* of the first owner */
};

/* A chunk that has versions, or the first of which is being saved. */
struct chunk {
	struct itree_node node;
	TAILQ_HEAD(version_list, version) versions; /* by seq, ascending */
	struct version *saving;			    /* the last one, or NULL */
	struct io *first, *last;		    /* writes that wait for it */
};

struct save {
	struct cbw *cbw;
	struct version *version;
	uint32_t slot;
	char *mem;
	struct io io;
	struct iovec iov;
	struct save *next; /* free */
};

struct cbw {
	struct backstore *bs;
	uint64_t seq; /* of the last capture */
	struct itree chunks;
	uint64_t zeros; /* versions without a slot */
	char *mem;
	struct save saves[CBW_SAVES], *free;
	unsigned running;	 /* of the saves */
	struct io *first, *last; /* writes that wait for a free save */
	bool in_line;		 /* among bs_totals.waiting */
	struct cbw *next;	 /* there */
	struct sidecar sidecar;
};

static inline struct rod *node_rod(struct itree_node *n)
{
	return container_of(n, struct rod_part, node)->rod;
}

static inline bool is_complete(const struct version *v)
{
	return v->slot != SLOT_NONE;
}

/* NULL: nothing is or is being saved there. */
struct chunk *chunk_at(const struct cbw *cbw, uint64_t off);
/* Of the last complete version; 0: there is none.  NULL is fine. */
uint64_t last_seq(const struct chunk *ch);
/* Frees a chunk that has no version any more. */
void chunk_tidy(struct cbw *cbw, struct chunk *ch);

/*
 * A version of the chunk at @at for the rods with a byte there that were captured after
 * @after, not complete yet.  NULL: no memory.
 */
struct version *version_new(struct cbw *cbw, uint64_t at, uint64_t after);
/* Leaves a chunk that may have no version any more: chunk_tidy comes next. */
void version_free(struct cbw *cbw, struct version *v);

#endif
