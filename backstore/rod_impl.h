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
	 * begun before @gone count for it; 0: none do.
	 */
	uint64_t seq, gone;
	uint64_t len;
	void (*on_cancel)(struct rod *rod, void *ctx);
	void *ctx;
	unsigned n;
	struct rod_part parts[]; /* in ROD order, none of length zero */
};

/* The part that holds byte @off of the rod. */
const struct rod_part *rod_part_at(const struct rod *rod, uint64_t off);

#endif
