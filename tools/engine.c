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

static uint32_t block_size(const struct fsctl_file *f)
{
	return f->disk->capacity.block_size;
}

static uint32_t unit(const struct engine *e)
{
	uint32_t a = block_size(&e->src), b = block_size(&e->dst);

	return a > b ? a : b; /* powers of two: the larger is a multiple of the smaller */
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Where offload ends: with blocks alike at the end, whose last block is the file's own;
 * else at the last byte that both can address.
 */
static uint64_t even_bytes(const struct engine *e)
{
	return block_size(&e->src) == block_size(&e->dst) ? e->total
							  : e->total - e->total % unit(e);
}

/* ---- offload ---- */

/* Writes what @t holds to *off, which follows. */
static enum ntstatus write_token(struct engine *e, const struct fsctl_read_out *t, uint64_t len,
				 uint64_t *off, char *err)
{
	struct fsctl_write_in in = { .file_offset = *off };
	struct fsctl_write_out out;
	enum ntstatus nt;

	memcpy(in.token, t->token, sizeof(in.token));
	while (len > 0) {
		in.copy_length = min64(len, ENGINE_WRITE);
		nt = fsctl_offload_write(&e->dst, &in, &out, err);
		if (nt == NT_SUCCESS && out.length_written == 0)
			nt = NT_UNSUCCESSFUL; /* the file is too small: @err says so */
		/* A short one goes on where it ended, both in the file and in the token. */
		in.file_offset += out.length_written;
		in.transfer_offset += out.length_written;
		len -= out.length_written;
		*off = in.file_offset;
		e->offloaded += out.length_written;
		if (nt)
			return nt;
		advance(e, out.length_written);
	}
	return NT_SUCCESS;
}

/* Offloads [*off, end); *off is where it ended. */
static enum ntstatus offload(struct engine *e, uint64_t *off, uint64_t end, char *err)
{
	while (*off < end) {
		struct fsctl_read_in in = { .file_offset = *off, .copy_length = end - *off };
		struct fsctl_read_out out;
		enum ntstatus nt = fsctl_offload_read(&e->src, &in, &out, err);
		uint64_t len = out.transfer_length;

		if (nt == NT_SUCCESS && len == 0)
			return NT_UNSUCCESSFUL; /* the file is too small */
		if (nt)
			return nt;
		/* What is less than a block of the destination is read once more. */
		if (*off + len < end)
			len -= len % block_size(&e->dst);
		if (len == 0) {
			snprintf(err, INITIATOR_ERR,
				 "a token for less than one block of the destination");
			return NT_UNSUCCESSFUL;
		}
		/* Nothing but zeros from here on, and the destination says the same. */
		if ((out.flags & FSCTL_READ_ALL_ZERO_BEYOND) && *off >= e->src.valid &&
		    e->dst.valid <= *off) {
			e->zeros = end - *off;
			advance(e, e->zeros);
			*off = end;
			return NT_SUCCESS;
		}
		nt = write_token(e, &out, len, off, err);
		if (nt)
			return nt;
	}
	return NT_SUCCESS;
}

/* True when offload is worth a try; else the reason stands in e->fallback. */
static bool may_offload(struct engine *e)
{
	const struct disk *src = e->src.disk, *dst = e->dst.disk;
	const struct disk *d = src->has_odx ? dst : src;

	if (e->no_offload) {
		snprintf(e->fallback, sizeof(e->fallback), "offload was switched off");
		return false;
	}
	if (src->has_odx && dst->has_odx)
		return true;
	e->why = NT_NOT_SUPPORTED;
	snprintf(e->fallback, sizeof(e->fallback), "%s cannot offload: %s",
		 d == src ? "the source" : "the destination", d->why_no_odx);
	return false;
}

/* ---- READ and WRITE ---- */

/*
 * One run of [*off, end) that lies together on both sides, as a stream; *off follows.
 * False where a file has no extents.
 */
static bool next_run(const struct engine *e, uint64_t *off, uint64_t end, struct stream *s)
{
	uint64_t a = fsctl_map(&e->src, *off, &s->src_off);
	uint64_t b = fsctl_map(&e->dst, *off, &s->dst_off);

	s->len = min64(min64(a, b), end - *off);
	*off += s->len;
	return s->len > 0;
}

static int no_extents(uint64_t off, char *err)
{
	snprintf(err, INITIATOR_ERR, "no extents from byte %" PRIu64 " on", off);
	return -EINVAL;
}

static int copy_plain(struct engine *e, uint64_t off, uint64_t end, char *err)
{
	struct stream s = { .src = e->src.disk, .dst = e->dst.disk, .progress = advance, .ctx = e };
	int r = 0;

	while (r == 0 && off < end) {
		uint64_t done;

		if (!next_run(e, &off, end, &s))
			return no_extents(off, err);
		r = stream_copy(&s, &done, err);
		e->copied += done;
		if (r == 0 && off > e->dst.valid)
			e->dst.valid = min64(off, e->dst.size);
	}
	return r;
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

/* The last bytes of both sides; @len of them are the source's. */
struct tail {
	uint8_t src[DISK_MAX_BLOCK], dst[DISK_MAX_BLOCK];
	uint64_t src_off, dst_off; /* on the disks */
	uint32_t len;
};

/*
 * Where the source ends inside a block of the destination; the rest of that block keeps
 * what it holds.
 */
static int read_tail(const struct engine *e, uint64_t off, struct tail *t, char *err)
{
	uint32_t sbs = block_size(&e->src), dbs = block_size(&e->dst), blocks;
	struct initiator_cmd cmd;
	int r;

	t->len = (uint32_t)(e->total - off);
	blocks = (t->len + sbs - 1) / sbs;
	if (fsctl_map(&e->src, off, &t->src_off) < (uint64_t)blocks * sbs ||
	    fsctl_map(&e->dst, off, &t->dst_off) < dbs)
		return no_extents(off, err);
	cmd = disk_read_cmd(t->src_off / sbs, blocks, t->src, (size_t)blocks * sbs);
	r = one(e->src.disk, &cmd, "reading the source's last blocks", err);
	if (r)
		return r;
	cmd = disk_read_cmd(t->dst_off / dbs, 1, t->dst, dbs);
	return one(e->dst.disk, &cmd, "reading the destination's last block", err);
}

static int copy_tail(struct engine *e, uint64_t off, char *err)
{
	uint32_t dbs = block_size(&e->dst);
	struct initiator_cmd wr;
	struct tail t;
	int r = read_tail(e, off, &t, err);

	if (r)
		return r;
	memcpy(t.dst, t.src, t.len);
	wr = disk_write_cmd(t.dst_off / dbs, 1, t.dst, dbs);
	r = one(e->dst.disk, &wr, "writing the destination's last block", err);
	if (r == 0) {
		e->copied += t.len;
		if (e->total > e->dst.valid)
			e->dst.valid = e->total;
		advance(e, t.len);
	}
	return r;
}

/* Where data of the source ends, in whole blocks of both, but not past @end. */
static uint64_t data_end(const struct engine *e, uint64_t end)
{
	uint64_t u = unit(e), valid = (e->src.valid + u - 1) / u * u;

	/* Blocks alike: the last one goes whole. */
	if (block_size(&e->src) == block_size(&e->dst))
		end = (end + u - 1) / u * u;
	return min64(valid, end);
}

/* From @off on by READ and WRITE; what the source does not hold stays unwritten. */
static int finish_plain(struct engine *e, uint64_t off, uint64_t end, char *err)
{
	uint64_t data = data_end(e, end);
	int r = 0;

	if (off < data)
		r = copy_plain(e, off, data, err);
	else
		data = off;
	if (r == 0 && data < end) {
		e->zeros = end - data;
		advance(e, e->zeros);
	}
	/* A last block that went whole is the file's only up to its end. */
	if (r == 0 && data > end)
		e->copied -= data - end;
	return r;
}

static int start(struct engine *e, char *err)
{
	bool shared;

	e->total = e->src.size;
	e->offloaded = e->copied = e->zeros = e->reported = 0;
	e->why = NT_SUCCESS;
	e->fallback[0] = '\0';
	/* With blocks alike the last one goes whole: what is behind it must be nobody's. */
	shared = block_size(&e->src) == block_size(&e->dst) && e->total % unit(e) &&
		 e->dst.size != e->total;
	if (e->dst.size >= e->total && !shared &&
	    (e->src.valid == e->total || e->dst.valid <= e->src.valid))
		return 0;
	snprintf(err, INITIATOR_ERR,
		 "the destination is too small, or holds data behind the source's");
	return -EINVAL;
}

int engine_copy(struct engine *e, char *err)
{
	uint64_t off = 0, end;
	int r = start(e, err);

	if (r)
		return r;
	end = even_bytes(e);
	if (may_offload(e)) {
		e->why = offload(e, &off, end, err);
		if (e->why)
			memcpy(e->fallback, err, sizeof(e->fallback));
	}
	if (off < end) {
		/* A count may end inside a block of the other size: those bytes go once more. */
		e->offloaded -= off % unit(e);
		e->reported -= off % unit(e);
		off -= off % unit(e);
		r = finish_plain(e, off, end, err);
	}
	if (r == 0 && end < e->total && e->src.valid > end)
		r = copy_tail(e, end, err);
	if (r == 0)
		r = disk_flush(e->dst.disk, err);
	return r;
}

int engine_verify(struct engine *e, uint64_t *ret_first, char *err)
{
	struct stream s = { .src = e->src.disk, .dst = e->dst.disk, .progress = advance, .ctx = e };
	uint64_t off = 0, end, at;
	struct tail t;
	int r;

	e->total = e->src.size;
	e->reported = 0;
	end = min64(e->total - e->total % unit(e), e->src.valid - e->src.valid % unit(e));
	*ret_first = STREAM_SAME;
	while (off < end) {
		at = off;
		if (!next_run(e, &off, end, &s))
			return no_extents(off, err);
		r = stream_compare(&s, ret_first, err);
		if (r || *ret_first != STREAM_SAME) {
			*ret_first += *ret_first != STREAM_SAME ? at : 0;
			return r;
		}
	}
	if (end == e->total || e->src.valid <= end)
		return 0;
	r = read_tail(e, end, &t, err);
	for (uint32_t i = 0; r == 0 && i < t.len && end + i < e->src.valid; i++)
		if (t.src[i] != t.dst[i]) {
			*ret_first = end + i;
			break;
		}
	return r;
}
