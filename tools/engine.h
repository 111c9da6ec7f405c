/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy engine: a file to another one as Windows' CopyFile would do it, by offloaded
 * reads of all that is left and offloaded writes of 256 MiB, and by READ and WRITE from
 * where that fails (windows-initiator.md 7).  A LUN is a file with one extent.
 */
#ifndef TOOLS_ENGINE_H
#define TOOLS_ENGINE_H

#include "fsctl.h"

#define ENGINE_WRITE (256ull << 20) /* bytes of an offloaded write */

struct engine {
	/*
	 * Set by the caller.  The disks may share a session; @dst holds at least @src's
	 * bytes (just as many, if they end inside a block of both), and where @src's valid
	 * data ends before its size, @dst's ends no later.
	 * Extents of files between disks of unlike block sizes are multiples of both.
	 */
	struct fsctl_file src, dst;
	bool no_offload;
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* may be NULL */
	void *ctx;

	/* results, valid also on failure */
	uint64_t total;		      /* bytes to copy                            */
	uint64_t offloaded, copied;   /* bytes by the target, bytes through us   */
	uint64_t zeros;		      /* past the valid data: nothing was sent   */
	enum ntstatus why;	      /* of the first failure of offload         */
	char fallback[INITIATOR_ERR]; /* why READ/WRITE was used; "" if it was not */

	uint64_t reported; /* private: bytes of progress so far */
};

/* 0, or -errno with one line in @err (INITIATOR_ERR bytes). */
int engine_copy(struct engine *e, char *err);
/* Reads both files: *ret_first as stream_compare's. */
int engine_verify(struct engine *e, uint64_t *ret_first, char *err);

#endif
