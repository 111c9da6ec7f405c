/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

static void advance(void *ctx, uint64_t bytes)
{
	struct engine *e = ctx;

	e->reported += bytes;
	if (e->progress)
		e->progress(e->ctx, e->reported, e->total);
}

static uint32_t unit(const struct engine *e)
{
	uint32_t a = e->src->capacity.block_size, b = e->dst->capacity.block_size;

	return a > b ? a : b; /* powers of two: the larger is a multiple of the smaller */
}

/* Bytes that both block sizes can address; the rest is less than one larger block. */
static uint64_t even_bytes(const struct engine *e)
{
	return e->total - e->total % unit(e);
}

/* One descriptor per FFFFFFFFh blocks (windows-initiator.md 2.4); returns how many. */
static unsigned describe(uint64_t lba, uint64_t blocks, unsigned max, struct tpc_range *ret)
{
	unsigned n = 0;

	while (blocks > 0 && n < max) {
		uint32_t part = blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)blocks;

		ret[n++] = (struct tpc_range) { .lba = lba, .blocks = part };
		lba += part;
		blocks -= part;
	}
	return n;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Writes what one token holds to @off; *off follows. */
static int write_token(struct engine *e, const struct disk_token *t, uint64_t *off, char *err)
{
	struct tpc_range ranges[DISK_MAX_RANGES];
	uint32_t bs = e->dst->capacity.block_size;
	uint64_t blocks = t->blocks * e->src->capacity.block_size / bs;
	uint64_t at = 0, cap = disk_wut_cap(e->dst);

	if (blocks == 0) {
		snprintf(err, INITIATOR_ERR, "a token for less than one block of the destination");
		return -EIO;
	}
	while (at < blocks) {
		uint64_t done;
		unsigned n = describe(*off / bs, min64(blocks - at, cap), disk_max_ranges(e->dst),
				      ranges);

		if (disk_offload_write(e->dst, t->token, at, ranges, n, &done, err))
			return -EIO;
		at += done;
		*off += done * bs;
		e->offloaded += done * bs;
		advance(e, done * bs);
	}
	return 0;
}

/* Offloads [*off, end); *off is where it ended. */
static int offload(struct engine *e, uint64_t *off, uint64_t end, char *err)
{
	struct tpc_range ranges[DISK_MAX_RANGES];
	uint32_t bs = e->src->capacity.block_size;
	uint64_t even = unit(e) / bs;
	uint64_t cap = disk_pt_cap(e->src);

	/* A token of whole destination blocks, if it can be. */
	if (cap > even)
		cap -= cap % even;
	while (*off < end) {
		struct disk_token token;
		unsigned n = describe(*off / bs, min64((end - *off) / bs, cap),
				      disk_max_ranges(e->src), ranges);
		int r = disk_offload_read(e->src, ranges, n, 0, &token, err) ? -EIO : 0;

		if (r == 0)
			r = write_token(e, &token, off, err);
		if (r)
			return r;
	}
	return 0;
}

static int one(struct disk *d, struct initiator_cmd *cmd, const char *what, char *err)
{
	char text[160];

	if (disk_run(d, cmd, 2) == DISK_GOOD)
		return 0;
	snprintf(err, INITIATOR_ERR, "%s failed: %s", what,
		 disk_error_text(cmd, text, sizeof(text)));
	return -EIO;
}

/*
 * The last bytes, when the source ends inside a block of the destination: the
 * rest of that block keeps what it holds.  Reads it into @big (both: @unit bytes).
 */
static int read_tail(struct engine *e, uint64_t off, uint8_t *small, uint8_t *big, char *err)
{
	uint32_t sbs = e->src->capacity.block_size, dbs = e->dst->capacity.block_size;
	uint32_t len = (uint32_t)(e->total - off);
	struct initiator_cmd rd = disk_read_cmd(off / sbs, len / sbs, small, len);
	struct initiator_cmd rd2 = disk_read_cmd(off / dbs, 1, big, dbs);
	int r = one(e->src, &rd, "reading the source's last blocks", err);

	return r ? r : one(e->dst, &rd2, "reading the destination's last block", err);
}

static int copy_tail(struct engine *e, uint64_t off, char *err)
{
	uint32_t dbs = e->dst->capacity.block_size;
	uint32_t len = (uint32_t)(e->total - off);
	uint8_t small[DISK_MAX_BLOCK], big[DISK_MAX_BLOCK];
	struct initiator_cmd wr = disk_write_cmd(off / dbs, 1, big, dbs);
	int r = read_tail(e, off, small, big, err);

	if (r)
		return r;
	memcpy(big, small, len);
	r = one(e->dst, &wr, "writing the destination's last block", err);
	if (r == 0) {
		e->copied += len;
		advance(e, len);
	}
	return r;
}

/* True when offload is worth a try; else the reason stands in e->fallback. */
static bool may_offload(struct engine *e)
{
	const struct disk *d = e->src->has_odx ? e->dst : e->src;

	if (e->no_offload) {
		snprintf(e->fallback, sizeof(e->fallback), "offload was switched off");
		return false;
	}
	if (e->src->has_odx && e->dst->has_odx)
		return true;
	snprintf(e->fallback, sizeof(e->fallback), "%s cannot offload: %s",
		 d == e->src ? "the source" : "the destination", d->why_no_odx);
	return false;
}

int engine_copy(struct engine *e, char *err)
{
	uint64_t off = 0, end, done = 0;
	int r = 0;

	e->total = disk_bytes(e->src);
	end = even_bytes(e);
	e->offloaded = e->copied = e->reported = 0;
	e->fallback[0] = '\0';
	if (may_offload(e) && offload(e, &off, end, err))
		memcpy(e->fallback, err, sizeof(e->fallback));
	/* A count may end inside a block of the other size: those bytes go once more. */
	e->offloaded -= off % unit(e);
	e->reported -= off % unit(e);
	off -= off % unit(e);
	if (off < end) {
		struct stream s = { .src = e->src,
				    .dst = e->dst,
				    .off = off,
				    .len = end - off,
				    .progress = advance,
				    .ctx = e };

		r = stream_copy(&s, &done, err);
		e->copied += done;
	}
	if (r == 0 && end < e->total)
		r = copy_tail(e, end, err);
	if (r == 0)
		r = disk_flush(e->dst, err);
	return r;
}

int engine_verify(struct engine *e, uint64_t *ret_first, char *err)
{
	uint8_t small[DISK_MAX_BLOCK], big[DISK_MAX_BLOCK];
	uint64_t end;
	struct stream s = { .src = e->src, .dst = e->dst, .progress = advance, .ctx = e };
	int r;

	e->total = disk_bytes(e->src);
	end = even_bytes(e);
	e->reported = 0;
	s.len = end;
	r = stream_compare(&s, ret_first, err);
	if (r || *ret_first != STREAM_SAME || end == e->total)
		return r;
	r = read_tail(e, end, small, big, err);
	for (uint32_t i = 0; r == 0 && i < e->total - end; i++)
		if (small[i] != big[i]) {
			*ret_first = end + i;
			break;
		}
	return r;
}
