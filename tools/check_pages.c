/* SPDX-License-Identifier: Apache-2.0 */
#include "check_pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mode.h"

#define TIMEOUT_SHORT 10		   /* seconds: shorter is suspicious               */
#define RANGES_FEW    8			   /* fewer than this many ranges are few          */
#define LARGE_BYTES   (UINT64_C(64) << 30) /* a sensible optimal size is below this        */

static bool came(const struct disk_seen *s)
{
	return s->sent && s->verdict == DISK_GOOD;
}

static const char *end_text(const struct disk_seen *s, char *buf, size_t cap)
{
	if (!s->sent)
		snprintf(buf, cap, "not asked for");
	else
		disk_error_text(&s->cmd, buf, cap);
	return buf;
}

static void judge_lun(const struct disk *d, enum side side, struct findings *f)
{
	const struct disk_seen *s = &d->seen[STEP_INQUIRY];
	char text[128];

	if (!came(s) || s->len < 36)
		finding_add(f, side, F_LUN_ANSWERS, VERDICT_FAIL, "INQUIRY: %s, %zu bytes",
			    end_text(s, text, sizeof(text)), s->len);
	else
		finding_judge(f, side, F_LUN_ANSWERS,
			      d->inquiry.qualifier == 0 && d->inquiry.type == 0, VERDICT_FAIL,
			      "\"%s\" \"%s\" \"%s\", device type %02Xh, qualifier %u",
			      d->inquiry.vendor, d->inquiry.product, d->inquiry.revision,
			      d->inquiry.type, d->inquiry.qualifier);
}

static void judge_capacity(const struct disk *d, enum side side, struct findings *f)
{
	const struct capacity *c = &d->capacity;
	char text[128];

	if (!came(&d->seen[STEP_CAPACITY_10])) {
		finding_add(f, side, F_CAPACITY, VERDICT_FAIL, "READ CAPACITY(10): %s",
			    end_text(&d->seen[STEP_CAPACITY_10], text, sizeof(text)));
		return;
	}
	finding_judge(f, side, F_CAPACITY,
		      c->blocks && (c->block_size == 512 || c->block_size == 4096), VERDICT_FAIL,
		      "%" PRIu64 " blocks of %u bytes", c->blocks, c->block_size);
}

/* ---- page 00h ---- */

static const uint8_t *list_of(const struct disk *d, size_t *ret_n)
{
	const struct disk_seen *s = &d->seen[STEP_VPD_00];
	size_t n = s->len >= 4 ? s->data[3] : 0; /* Windows reads this one byte only */

	if (!came(s) || s->len < 4)
		return NULL;
	*ret_n = n < s->len - 4 ? n : s->len - 4;
	return s->data + 4;
}

static void list_text(const uint8_t *p, size_t n, char *buf, size_t cap)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n && at + 8 < cap; i++)
		at += (size_t)snprintf(buf + at, cap - at, "%s%02X", i ? " " : "", p[i]);
}

static bool lists(const struct disk *d, uint8_t page)
{
	size_t n;
	const uint8_t *p = list_of(d, &n);

	return p && memchr(p, page, n);
}

static void judge_list(const struct disk *d, enum side side, struct findings *f)
{
	const struct disk_seen *s = &d->seen[STEP_VPD_00];
	char text[160];
	size_t n, bad = 0;
	const uint8_t *p = list_of(d, &n);

	if (!p) {
		finding_add(f, side, F_VPD_LIST, VERDICT_FAIL, "page 00h: %s, %zu bytes",
			    end_text(s, text, sizeof(text)), s->len);
		return;
	}
	list_text(p, n, text, sizeof(text));
	finding_judge(f, side, F_VPD_LIST, n > 0, VERDICT_FAIL, "pages %s", n ? text : "none");
	if (n == 0)
		return;
	for (size_t i = 1; i < n && !bad; i++)
		if (p[i] <= p[i - 1])
			bad = i;
	if (p[0] != 0)
		finding_add(f, side, F_VPD_LIST_ORDER, VERDICT_FAIL, "the first page is %02Xh: %s",
			    p[0], text);
	else if (bad)
		finding_add(f, side, F_VPD_LIST_ORDER, VERDICT_FAIL, "%02Xh after %02Xh: %s",
			    p[bad], p[bad - 1], text);
	else
		finding_add(f, side, F_VPD_LIST_ORDER, VERDICT_PASS, "%s", text);
	finding_judge(f, side, F_VPD_LIST_8F, memchr(p, 0x8f, n), VERDICT_FAIL, "%s", text);
}

/* ---- page 8Fh ---- */

/* Whether the limits can be believed. */
static bool judge_8f(const struct disk *d, enum side side, struct findings *f)
{
	const struct disk_seen *s = &d->seen[STEP_VPD_8F];
	unsigned length = s->len >= 4 ? get_be16(s->data + 2) : 0;
	char text[128];

	if (!s->sent)
		return false;
	if (!came(s) || s->len < 4) {
		finding_add(f, side, F_VPD_8F_READABLE, VERDICT_FAIL, "page 8Fh: %s, %zu bytes",
			    end_text(s, text, sizeof(text)), s->len);
		return false;
	}
	finding_judge(f, side, F_VPD_8F_READABLE,
		      s->data[1] == 0x8f && s->len >= (length + 4u < 255 ? length + 4u : 255),
		      VERDICT_WARN, "%zu bytes came, page %02Xh, PAGE LENGTH %u", s->len,
		      s->data[1], length);
	finding_judge(f, side, F_VPD_8F_LENGTH, length >= 36 && s->len >= 40, VERDICT_FAIL,
		      "PAGE LENGTH %u (%Xh), %zu bytes came", length, length, s->len);
	if (s->len < 8)
		return false;
	finding_judge(f, side, F_VPD_8F_FIRST_DESCRIPTOR, get_be16(s->data + 4) == 0, VERDICT_FAIL,
		      "the first descriptor is %04Xh", get_be16(s->data + 4));
	if (get_be16(s->data + 4) != 0)
		return false;
	finding_judge(f, side, F_VPD_8F_DESCRIPTOR_LENGTH, get_be16(s->data + 6) == 0x20,
		      VERDICT_FAIL, "DESCRIPTOR LENGTH %04Xh", get_be16(s->data + 6));
	return get_be16(s->data + 6) == 0x20 && length >= 36 && s->len >= 40;
}

static void judge_timeouts(const struct vpd_8f *o, enum side side, struct findings *f)
{
	enum verdict v = VERDICT_PASS;

	if (o->max_timeout && o->default_timeout > o->max_timeout)
		v = VERDICT_FAIL;
	else if (o->default_timeout < TIMEOUT_SHORT ||
		 (o->max_timeout && o->max_timeout < TIMEOUT_SHORT))
		v = VERDICT_WARN;
	finding_add(f, side, F_LIMITS_TIMEOUT, v,
		    "DEFAULT INACTIVITY TIMEOUT %u s, MAXIMUM INACTIVITY TIMEOUT %u s%s",
		    o->default_timeout, o->max_timeout,
		    v == VERDICT_FAIL ? ": the default is above the maximum" : "");
}

static void judge_sizes(const struct disk *d, enum side side, struct findings *f)
{
	const struct vpd_8f *o = &d->odx;
	uint64_t mtts = o->max_token_blocks, otc = o->optimal_blocks, bytes,
		 largest = otc ? otc : mtts;
	bool large = __builtin_mul_overflow(largest, (uint64_t)d->capacity.block_size, &bytes) ||
		     bytes > LARGE_BYTES;
	/* Page 8Fh says it a second time, in bytes (SPC-4, descriptor 0106h). */
	bool above = o->max_rod_bytes && mtts && mtts > o->max_rod_bytes / d->capacity.block_size;

	finding_judge(f, side, F_LIMITS_SIZES, !otc || !mtts || otc <= mtts, VERDICT_FAIL,
		      "OPTIMAL TRANSFER COUNT %" PRIu64 ", MAXIMUM TOKEN TRANSFER SIZE %" PRIu64
		      " blocks",
		      otc, mtts);
	finding_add(f, side, F_LIMITS_UNITS,
		    above   ? VERDICT_FAIL
		    : large ? VERDICT_WARN
			    : VERDICT_PASS,
		    above ? "MAXIMUM TOKEN TRANSFER SIZE %" PRIu64
			    " blocks, OPTIMAL TRANSFER COUNT %" PRIu64
			    "; MAXIMUM BYTES IN BLOCK ROD says %" PRIu64 " bytes"
			  : "MAXIMUM TOKEN TRANSFER SIZE %" PRIu64
			    " blocks, OPTIMAL TRANSFER COUNT %" PRIu64,
		    mtts, otc, o->max_rod_bytes);
}

static void judge_limits(const struct disk *d, enum side side, struct findings *f)
{
	unsigned n = d->odx.max_ranges;

	finding_judge(f, side, F_LIMITS_RANGES, n == 0 || n >= RANGES_FEW, VERDICT_WARN,
		      "MAXIMUM RANGE DESCRIPTORS %u%s", n,
		      n == 0 ? " (no limit: Windows sends up to 64)" : "");
	judge_timeouts(&d->odx, side, f);
	judge_sizes(d, side, f);
}

/* ---- the rest ---- */

static void judge_block_limits(const struct disk *d, enum side side, bool odx, struct findings *f)
{
	const struct disk_seen *s = &d->seen[STEP_VPD_B0];
	uint64_t mtl = d->block_limits.max_transfer_blocks, largest;
	char text[128];

	finding_judge(f, side, F_BLOCK_LIMITS, came(s) && s->len >= 16, VERDICT_WARN, "%s",
		      !lists(d, 0xb0) ? "page 00h does not name it"
		      : came(s)	      ? "page B0h is there"
				      : end_text(s, text, sizeof(text)));
	if (!odx)
		return;
	largest = disk_pt_cap(d) > disk_wut_cap(d) ? disk_pt_cap(d) : disk_wut_cap(d);
	if (largest > d->capacity.blocks)
		largest = d->capacity.blocks;
	if (mtl == 0)
		finding_add(f, side, F_MAX_TRANSFER_LENGTH, VERDICT_PASS,
			    "MAXIMUM TRANSFER LENGTH 0: no limit");
	else if (d->odx.max_rod_bytes)
		/* SBC-4: then that is the limit for tokens (wire-format 2.1). */
		finding_add(f, side, F_MAX_TRANSFER_LENGTH, VERDICT_PASS,
			    "MAXIMUM TRANSFER LENGTH %" PRIu64
			    " blocks; for tokens MAXIMUM BYTES IN BLOCK ROD stands in its place",
			    mtl);
	else
		finding_judge(f, side, F_MAX_TRANSFER_LENGTH, mtl >= largest, VERDICT_WARN,
			      "MAXIMUM TRANSFER LENGTH %" PRIu64
			      " blocks, Windows sends ranges of up to %" PRIu64,
			      mtl, largest);
}

static void judge_mode(const struct disk *d, enum side side, bool pair, struct findings *f)
{
	const struct disk_seen *s = &d->seen[STEP_MODE_SENSE], *t = &d->seen[STEP_MODE_SELECT];
	struct mode_control c;
	char text[128];

	if (!came(s) || !mode_control_decode(s->data, s->len, &c)) {
		finding_add(f, side, F_QERR, VERDICT_WARN, "MODE SENSE: %s",
			    end_text(s, text, sizeof(text)));
		return;
	}
	if (!c.page)
		finding_add(f, side, F_QERR, VERDICT_WARN, "there is no control mode page");
	else if (c.qerr == 0)
		finding_add(f, side, F_QERR, VERDICT_PASS, "QERR is 0");
	else
		finding_judge(f, side, F_QERR, came(t), VERDICT_WARN,
			      "QERR is %u; setting it to 0: %s", c.qerr,
			      came(t) ? "done" : end_text(t, text, sizeof(text)));
	if (!c.wp)
		finding_add(f, side, F_WRITE_PROTECTED, VERDICT_PASS, "not write-protected");
	else
		finding_add(f, side, F_WRITE_PROTECTED,
			    !pair		       ? VERDICT_WARN
			    : side == SIDE_DESTINATION ? VERDICT_FAIL
						       : VERDICT_INFO,
			    "write-protected");
}

void check_pages(const struct disk *d, enum side side, bool pair, struct findings *f)
{
	bool odx;

	judge_lun(d, side, f);
	judge_capacity(d, side, f);
	judge_list(d, side, f);
	odx = judge_8f(d, side, f) && d->has_odx && d->capacity.block_size;
	if (odx) {
		judge_limits(d, side, f);
		finding_judge(f, side, F_THIRD_PARTY_BIT, d->inquiry.tpc, VERDICT_WARN, "3PC is %d",
			      d->inquiry.tpc);
	}
	judge_block_limits(d, side, odx, f);
	judge_mode(d, side, pair, f);
}

void check_pair(const struct disk *src, const struct disk *dst, bool same_target,
		struct findings *f)
{
	uint32_t a = src->capacity.block_size, b = dst->capacity.block_size;

	finding_judge(f, SIDE_DESTINATION, F_PAIR_BLOCK_SIZE, a == b, VERDICT_WARN,
		      "%u and %u bytes", a, b);
	finding_judge(f, SIDE_DESTINATION, F_PAIR_TARGET, same_target, VERDICT_WARN, "%s",
		      same_target ? "one target" : "different names or addresses");
}
