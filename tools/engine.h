/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy engine: a whole LUN to another one as Windows' CopyFile would do it,
 * by offloaded read and writes, and by READ and WRITE from where that fails.
 */
#ifndef TOOLS_ENGINE_H
#define TOOLS_ENGINE_H

#include "disk.h"

struct engine {
	/* set by the caller */
	struct disk *src, *dst; /* may share a session; dst holds at least src's bytes */
	bool no_offload;
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* may be NULL */
	void *ctx;

	/* results, valid also on failure */
	uint64_t total;		      /* bytes to copy                            */
	uint64_t offloaded, copied;   /* bytes by the target, bytes through us   */
	char fallback[INITIATOR_ERR]; /* why READ/WRITE was used; "" if it was not */

	uint64_t reported; /* private: bytes of progress so far */
};

/* 0, or -errno with one line in @err (INITIATOR_ERR bytes). */
int engine_copy(struct engine *e, char *err);
/* Reads both LUNs: *ret_first as stream_compare's. */
int engine_verify(struct engine *e, uint64_t *ret_first, char *err);

#endif
