/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of a rod: shared by what keeps it (rod.c) and what reads it (rod_read.c).
 */
#ifndef BACKSTORE_ROD_IMPL_H
#define BACKSTORE_ROD_IMPL_H

#include "bs_impl.h"
#include "rod.h"

struct rod_part {
	struct itree_node node; /* the range, in the backstore's guard while live */
	struct rod *rod;
	uint64_t at; /* its first byte, in the rod */
};

struct rod {
	unsigned refs;
	bool cancelled;
	struct backstore *bs; /* NULL: the zero rod */
	/*
	 * It is the @seq-th capture of its backstore.  Versions of chunks (cbw.h) that were
	 * complete before @gone count for it; 0: none do.
	 */
	uint64_t seq, gone;
	struct clone *clone; /* begun or held; NULL: none */
	struct bs_owner *owner;
	uint64_t len;
	void (*on_cancel)(struct rod *rod, void *ctx);
	void *ctx;
	unsigned n;
	struct rod_part parts[]; /* in ROD order, none of length zero */
};

/* Where up to @max bytes from @off of the rod on are kept now; all in one place. */
struct rod_place {
	enum { PLACE_DISK, PLACE_SAVED, PLACE_ZERO, PLACE_CLONE } kind;
	uint64_t off, len; /* on the disk, in the slot, in the pool */
	uint32_t slot;
};
struct rod_place rod_place(const struct rod *rod, uint64_t off, uint64_t max);

/* Its clone is complete: writes need not mind the rod any more. */
void rod_settled(struct rod *rod);

/* The part that holds byte @off of the rod. */
const struct rod_part *rod_part_at(const struct rod *rod, uint64_t off);

#endif
