/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy: bytes of one LUN to the same places of another by token, one command after the
 * other as Windows sends them.  from, to, bytes, pieces (the data comes as so many
 * ranges, not in order; 1: as it lies), step (bytes of one WRITE USING TOKEN), token (the
 * most in one token), flush, and seconds (again and again so long) or times.  Ranges begin
 * at multiples of 4 KiB, as those of a file do.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copy_step {
	struct disk *from, *to;
	struct tpc_range *pieces; /* the same on both sides */
	unsigned n;
	uint64_t step, token; /* blocks */
	struct hist pt, wut;  /* PT with its RRTI; WUT */
	uint64_t partial;
};

/* [skip, skip + most) of the blocks of some ranges; returns how many ranges that is. */
static unsigned cut(const struct tpc_range *v, unsigned n, uint64_t skip, uint64_t most,
		    struct tpc_range ret[DISK_MAX_RANGES], uint64_t *ret_blocks)
{
	unsigned out = 0;

	*ret_blocks = 0;
	for (unsigned i = 0; i < n && out < DISK_MAX_RANGES && most; i++) {
		uint64_t here;

		if (skip >= v[i].blocks) {
			skip -= v[i].blocks;
			continue;
		}
		here = v[i].blocks - skip < most ? v[i].blocks - skip : most;
		ret[out++] =
			(struct tpc_range) { .lba = v[i].lba + skip, .blocks = (uint32_t)here };
		*ret_blocks += here;
		most -= here;
		skip = 0;
	}
	return out;
}

/* Writes all of one token to @v. */
static int write_token(struct copy_step *c, const struct disk_token *t, const struct tpc_range *v,
		       unsigned n, char *err)
{
	struct tpc_range part[DISK_MAX_RANGES];
	uint64_t at = 0;

	while (at < t->blocks) {
		uint64_t asked, done, most = t->blocks - at < c->step ? t->blocks - at : c->step;
		unsigned k = cut(v, n, at, most, part, &asked);
		uint64_t began = now_ns();
		int r = disk_offload_write(c->to, t->token, at, part, k, &done, err);

		if (r)
			return r;
		hist_add(&c->wut, now_ns() - began);
		c->partial += done < asked;
		at += done;
	}
	return 0;
}

static int copy_once(struct copy_step *c, uint64_t blocks, char *err)
{
	struct tpc_range v[DISK_MAX_RANGES];
	uint64_t at = 0;

	while (at < blocks) {
		struct disk_token token;
		uint64_t asked, began = now_ns();
		unsigned k = cut(c->pieces, c->n, at, c->token, v, &asked);
		int r = disk_offload_read(c->from, v, k, 0, &token, err);

		if (r)
			return r;
		hist_add(&c->pt, now_ns() - began);
		r = write_token(c, &token, v, k, err);
		if (r)
			return r;
		at += token.blocks;
	}
	return 0;
}

static bool cut_in_pieces(struct copy_step *c, uint64_t blocks, uint32_t block, unsigned n)
{
	struct lane dice = { .random = 88172645463325252ull };
	uint64_t cluster = 4096 / block, each = blocks / n / cluster * cluster;

	if (each == 0 || each > UINT32_MAX)
		return false;
	c->pieces = calloc(n, sizeof(*c->pieces));
	c->n = n;
	for (unsigned i = 0; c->pieces && i < n; i++) {
		unsigned j = (unsigned)(lane_random(&dice) % (i + 1));

		c->pieces[i] = c->pieces[j];
		c->pieces[j] = (struct tpc_range) {
			.lba = i * each,
			.blocks = (uint32_t)(i + 1 < n ? each : blocks - i * each),
		};
	}
	return c->pieces != NULL;
}

static json_t *copy_answer(const struct copy_step *c, const json_t *copies, double flush)
{
	return json_pack("{s:O, s:f, s:o, s:o, s:I}", "copies", copies, "flush", flush, "pt",
			 hist_json(&c->pt), "wut", hist_json(&c->wut), "partial",
			 (json_int_t)c->partial);
}

/* What the words say; false and the reason in @err. */
static bool copy_setup(struct copy_step *c, struct load *l, struct args *a, uint64_t *ret_blocks,
		       char *err)
{
	uint64_t block, bytes;

	c->from = load_disk(l, 0, (unsigned)args_size(a, "from", 0), err);
	c->to = c->from ? load_disk(l, 0, (unsigned)args_size(a, "to", 1), err) : NULL;
	if (!c->to)
		return false;
	block = c->from->capacity.block_size;
	bytes = args_size(a, "bytes", disk_bytes(c->from));
	c->step = args_size(a, "step", DISK_WUT_CAP) / block;
	c->token = args_size(a, "token", 4ull << 30) / block;
	if (bytes > disk_bytes(c->from) || bytes > disk_bytes(c->to) || bytes % block ||
	    block != c->to->capacity.block_size || !c->step || !c->token ||
	    !cut_in_pieces(c, bytes / block, block, (unsigned)args_size(a, "pieces", 1))) {
		snprintf(err, INITIATOR_ERR, "bytes, step, token and pieces do not fit the LUNs");
		return false;
	}
	*ret_blocks = bytes / block;
	return true;
}

static void free_array(json_t **v)
{
	json_decref(*v);
}

json_t *load_copy(struct load *l, struct args *a, char *err)
{
	static struct copy_step c;
	uint64_t times = args_size(a, "times", 1), blocks, flush_began;
	double seconds = args_real(a, "seconds", 0);
	bool flush = args_size(a, "flush", 0) != 0;
	__attribute__((cleanup(free_array))) json_t *copies = json_array();
	uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);
	json_t *answer = NULL;
	int r = 0;

	memset(&c, 0, sizeof(c));
	if (!copy_setup(&c, l, a, &blocks, err))
		goto done;
	while (r == 0 && (seconds > 0 ? now_ns() < until : times-- > 0)) {
		uint64_t began = now_ns();

		r = copy_once(&c, blocks, err);
		json_array_append_new(copies, json_real((double)(now_ns() - began) / 1e9));
	}
	flush_began = now_ns();
	if (r == 0 && flush)
		r = disk_flush(c.to, err);
	if (r == 0)
		answer = copy_answer(&c, copies, (double)(now_ns() - flush_began) / 1e9);
done:
	free(c.pieces);
	return answer;
}
