/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying and comparing through the client, with several READs and WRITEs in
 * flight: what odxcp falls back to, and how it verifies.
 */
#ifndef TOOLS_STREAM_H
#define TOOLS_STREAM_H

#include "disk.h"

struct stream {
	struct disk *src, *dst; /* may share a session */
	/* Bytes; multiples of both block sizes. */
	uint64_t src_off, dst_off, len;
	void (*progress)(void *ctx, uint64_t bytes); /* so many more are done; may be NULL */
	void *ctx;
};

/*
 * Copies.  *ret_done: bytes written, not necessarily without gaps on failure.
 * 0, or -EIO with the reason and the place in @err (INITIATOR_ERR bytes), -ENOMEM.
 */
int stream_copy(const struct stream *s, uint64_t *ret_done, char *err);

#define STREAM_SAME UINT64_MAX
/* Compares.  *ret_first: the first differing byte, from src_off and dst_off, or STREAM_SAME. */
int stream_compare(const struct stream *s, uint64_t *ret_first, char *err);

/* The largest transfer that both sides take, bytes, a multiple of both block sizes. */
uint32_t stream_chunk(const struct disk *src, const struct disk *dst);

#endif
