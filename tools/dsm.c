/* SPDX-License-Identifier: Apache-2.0 */
#include "dsm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_SECONDS 4 /* CopyOffloadMaxTargetDuration can only be raised */

/* Where the next descriptor begins: byte @at of range @i. */
struct cursor {
	const struct dsm_range *v;
	unsigned n, i;
	uint64_t at;
};

/*
 * Descriptors for the next bytes: one range, one descriptor, unless it is longer than
 * FFFFFFFFh blocks or @budget ends inside it; nothing is sorted or merged
 * (windows-initiator.md 2.4).  Returns how many, *ret_blocks their sum.
 */
static unsigned describe(struct cursor c, uint32_t bs, uint64_t budget, unsigned max,
			 struct tpc_range *ret, uint64_t *ret_blocks)
{
	unsigned n = 0;
	uint64_t sum = 0;

	while (c.i < c.n && n < max && sum < budget) {
		uint64_t blocks = (c.v[c.i].len - c.at) / bs;

		if (blocks > budget - sum)
			blocks = budget - sum;
		if (blocks > UINT32_MAX)
			blocks = UINT32_MAX;
		ret[n++] = (struct tpc_range) { .lba = (c.v[c.i].off + c.at) / bs,
						.blocks = (uint32_t)blocks };
		sum += blocks;
		c.at += blocks * bs;
		if (c.at == c.v[c.i].len) {
			c.i++;
			c.at = 0;
		}
	}
	*ret_blocks = sum;
	return n;
}

static void advance(struct cursor *c, uint64_t bytes)
{
	while (bytes > 0 && c->i < c->n) {
		uint64_t left = c->v[c->i].len - c->at, part = bytes < left ? bytes : left;

		c->at += part;
		bytes -= part;
		if (c->at == c->v[c->i].len) {
			c->i++;
			c->at = 0;
		}
	}
}

/* The gates of windows-initiator.md 2.1; *ret_total: bytes of all ranges. */
static enum ntstatus gate(const struct disk *d, const struct dsm_range *v, unsigned n,
			  uint64_t *ret_total, char *err)
{
	uint32_t bs = d->capacity.block_size;
	uint64_t end, total = 0;

	if (!d->has_odx) {
		snprintf(err, INITIATOR_ERR, "%s", d->why_no_odx);
		return NT_DEVICE_FEATURE_NOT_SUPPORTED;
	}
	for (unsigned i = 0; i < n; i++) {
		if (v[i].len == 0 || v[i].off % bs || v[i].len % bs ||
		    __builtin_add_overflow(total, v[i].len, &total)) {
			snprintf(err, INITIATOR_ERR,
				 "range %u is empty or does not lie on blocks of %u bytes", i, bs);
			return NT_INVALID_PARAMETER;
		}
		if (__builtin_add_overflow(v[i].off, v[i].len, &end) || end > disk_bytes(d)) {
			snprintf(err, INITIATOR_ERR, "range %u ends past the end of the LUN", i);
			return NT_NONEXISTENT_SECTOR;
		}
	}
	if (n == 0) {
		snprintf(err, INITIATOR_ERR, "no ranges");
		return NT_INVALID_PARAMETER;
	}
	*ret_total = total;
	return NT_SUCCESS;
}

enum ntstatus dsm_offload_read(struct disk *d, const struct dsm_read_in *in,
			       const struct dsm_range *v, unsigned n, struct dsm_read_out *out,
			       char *err)
{
	struct tpc_range ranges[DISK_MAX_RANGES];
	struct cursor c = { .v = v, .n = n };
	uint32_t bs = d->capacity.block_size;
	struct disk_token token;
	uint64_t total, asked;
	/* With a timeout of the caller's own OTC does not count (windows-initiator.md 2.4). */
	uint64_t mtts = d->odx.max_token_blocks ? d->odx.max_token_blocks : UINT64_MAX;
	uint64_t cap = in->time_to_live ? mtts : disk_pt_cap(d);
	enum ntstatus nt = gate(d, v, n, &total, err);

	memset(out, 0, sizeof(*out));
	if (nt)
		return nt;
	if (d->odx.max_timeout && in->time_to_live > d->odx.max_timeout) {
		snprintf(err, INITIATOR_ERR, "a time to live of %" PRIu32 " s, at most %" PRIu32,
			 in->time_to_live, d->odx.max_timeout);
		return NT_INVALID_PARAMETER;
	}
	err[0] = '\0';
	nt = disk_offload_read(d, ranges, describe(c, bs, cap, disk_max_ranges(d), ranges, &asked),
			       in->time_to_live, &token, err);
	if (nt)
		return nt;
	out->length_protected = token.blocks * bs;
	memcpy(out->token, token.token, sizeof(out->token));
	if (out->length_protected < total) {
		out->flags |= DSM_READ_TRUNCATED;
		snprintf(err, INITIATOR_ERR, "the token holds %" PRIu64 " of %" PRIu64 " bytes",
			 out->length_protected, total);
	}
	return NT_SUCCESS;
}

static uint64_t now_ms(const struct disk_host *h)
{
	struct timespec t;

	if (h->now_ms)
		return h->now_ms();
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* windows-initiator.md 4.6: looked at between commands, from the start of the DSM write. */
static bool out_of_time(const struct disk_host *h, uint64_t start)
{
	unsigned max = h->max_seconds > MAX_SECONDS ? h->max_seconds : MAX_SECONDS;

	return now_ms(h) - start >= (uint64_t)max * 1000;
}

enum ntstatus dsm_offload_write(struct disk *d, const struct dsm_write_in *in,
				const struct dsm_range *v, unsigned n, struct dsm_write_out *out,
				char *err)
{
	struct tpc_range ranges[DISK_MAX_RANGES];
	struct cursor c = { .v = v, .n = n };
	uint32_t bs = d->capacity.block_size;
	uint64_t total, start = now_ms(d->host);
	enum ntstatus nt = gate(d, v, n, &total, err);

	memset(out, 0, sizeof(*out));
	if (nt)
		return nt;
	if (in->token_offset % bs) {
		snprintf(err, INITIATOR_ERR, "a token offset inside a block of %u bytes", bs);
		return NT_INVALID_PARAMETER;
	}
	strict_limits(&d->host->strict, d->lun, &d->odx);
	err[0] = '\0';
	while (out->length_copied < total) {
		uint64_t asked, done;

		if (out->length_copied && out_of_time(d->host, start)) {
			snprintf(err, INITIATOR_ERR, "time is up");
			break;
		}
		nt = disk_offload_write(d, in->token, (in->token_offset + out->length_copied) / bs,
					ranges,
					describe(c, bs, disk_wut_cap(d), disk_max_ranges(d), ranges,
						 &asked),
					&done, err);
		if (nt)
			break;
		advance(&c, done * bs);
		out->length_copied += done * bs;
	}
	if (nt == NT_INVALID_TOKEN)
		out->flags |= DSM_TOKEN_INVALID;
	if (out->length_copied && out->length_copied < total)
		out->flags |= DSM_WRITE_TRUNCATED;
	return out->length_copied ? NT_SUCCESS : nt;
}
