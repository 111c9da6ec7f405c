/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameter lists that POPULATE TOKEN and WRITE USING TOKEN must refuse alike.
 * Whatever a target makes of them, a WUT of these names a token and ranges by which
 * at most blocks inside the area are written, but for two that say so.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_result.h"
#include "check_tests.h"

#define ANY_OTHER 0 /* in struct want: no second code */

/* One list, and what becomes of it. */
struct attempt {
	struct check *c;
	struct probe *p; /* src for PT, dst for WUT */
	enum scsi_cmd op;
	const uint8_t *token;
	uint64_t base;	 /* the first block that ranges may name */
	uint32_t window; /* blocks from there on             */
	uint8_t list[PROBE_LIST_MAX];
	size_t len;
};

static void encode(struct attempt *a, const struct tpc_range *ranges, unsigned n)
{
	if (a->op == CMD_POPULATE_TOKEN)
		a->len = tpc_pt_encode(a->list, sizeof(a->list), false, false, 0, 0, ranges, n);
	else
		a->len = tpc_wut_encode(a->list, sizeof(a->list), false, false, 0, a->token, ranges,
					n);
}

static struct initiator_cmd send_list(struct attempt *a)
{
	return probe_list(a->p, a->op, disk_next_list_id(a->p->host), a->list, a->len);
}

static struct initiator_cmd send_ranges(struct attempt *a, const struct tpc_range *ranges,
					unsigned n)
{
	encode(a, ranges, n);
	return send_list(a);
}

/* @cmd was to end with 5/@want, or 5/@also; and nothing was to be written. */
static void refused(struct attempt *a, enum finding what, const struct initiator_cmd *cmd,
		    unsigned want, unsigned also, const char *of)
{
	struct check *c = a->c;
	char text[160];
	bool ok = probe_sense(cmd, KEY_ILLEGAL_REQUEST, want) ||
		  (also != ANY_OTHER && probe_sense(cmd, KEY_ILLEGAL_REQUEST, also));

	finding_judge(c->f, SIDE_SOURCE, what, ok, VERDICT_FAIL, "%s: %s", of,
		      probe_text(cmd, text, sizeof(text)));
	if (a->op == CMD_WRITE_USING_TOKEN)
		check_untouched(c, what, check_to(c, 0), c->window);
}

static void too_many(struct attempt *a, enum finding what)
{
	unsigned n = a->p->disk->odx.max_ranges + 1u;
	struct tpc_range *r;
	struct initiator_cmd cmd;
	char of[32];

	if (n == 1 || n > PROBE_MAX_RANGES || 2ull * n > a->p->disk->capacity.blocks / 8) {
		finding_add(a->c->f, SIDE_SOURCE, what, VERDICT_SKIP,
			    "MAXIMUM RANGE DESCRIPTORS %u: no limit, or one not tried", n - 1);
		return;
	}
	r = calloc(n, sizeof(*r));
	for (unsigned i = 0; r && i < n; i++)
		r[i] = (struct tpc_range) { a->base + 2ull * i, 1 };
	cmd = send_ranges(a, r, r ? n : 0);
	free(r);
	snprintf(of, sizeof(of), "%u ranges", n);
	refused(a, what, &cmd, ASC_TOO_MANY_SEGMENT_DESCRIPTORS, ANY_OTHER, of);
}

/*
 * The second range lies outside the area; the token ends with the first one.  Only
 * said to a target that has refused the same to PT.
 */
static void above_mtts(struct attempt *a, enum finding what)
{
	uint64_t mtts = a->p->disk->odx.max_token_blocks, room = a->base;
	struct tpc_range r[2] = { { a->base, a->window }, { 0, 0 } };
	struct initiator_cmd cmd;
	char of[64];

	if (a->op == CMD_POPULATE_TOKEN)
		r[0].lba = room = a->p->disk->capacity.blocks - a->window;
	if (mtts == 0 || mtts <= a->window || mtts + 1 - a->window > room ||
	    mtts + 1 - a->window > UINT32_MAX) {
		finding_add(a->c->f, SIDE_SOURCE, what, VERDICT_SKIP,
			    "MAXIMUM TOKEN TRANSFER SIZE %" PRIu64
			    " blocks: no limit, or above what the LUN has",
			    mtts);
		return;
	}
	if (a->op == CMD_WRITE_USING_TOKEN &&
	    a->c->f->v[F_PT_ABOVE_MTTS][SIDE_SOURCE].verdict != VERDICT_PASS) {
		finding_add(a->c->f, SIDE_SOURCE, what, VERDICT_SKIP,
			    "not tried: POPULATE TOKEN did not refuse it");
		return;
	}
	r[1].blocks = (uint32_t)(mtts + 1 - a->window);
	cmd = send_ranges(a, r, 2);
	snprintf(of, sizeof(of), "%" PRIu64 " blocks", mtts + 1);
	refused(a, what, &cmd, ASC_INVALID_FIELD_IN_PARAMETER_LIST, ANY_OTHER, of);
}

static void overlap(struct attempt *a, enum finding what)
{
	uint32_t q = a->window / 4;
	struct tpc_range r[] = { { a->base + 2 * q, q },
				 { a->base, q },
				 { a->base + 3 * q - 1, 1 } };
	struct initiator_cmd cmd = send_ranges(a, r, 3);

	refused(a, what, &cmd, ASC_INVALID_FIELD_IN_PARAMETER_LIST, ANY_OTHER,
		"a range that ends with another one's last block");
}

static void beyond_end(struct attempt *a, enum finding what)
{
	struct tpc_range r = { a->p->disk->capacity.blocks - 1, 2 };
	struct initiator_cmd cmd = send_ranges(a, &r, 1);

	refused(a, what, &cmd, ASC_LBA_OUT_OF_RANGE, ANY_OTHER, "the last block and one more");
	r = (struct tpc_range) { a->p->disk->capacity.blocks, 1 };
	cmd = send_ranges(a, &r, 1);
	refused(a, what, &cmd, ASC_LBA_OUT_OF_RANGE, ANY_OTHER, "the block after the last");
	if (a->op == CMD_WRITE_USING_TOKEN)
		check_untouched(a->c, what, a->c->da->len - a->c->window, a->c->window);
}

/* Block numbers that become small ones when they wrap, as blocks or as bytes. */
static void wrap(struct attempt *a, enum finding what)
{
	uint64_t bytes_wrap = UINT64_MAX / probe_bs(a->p) + 1;
	struct tpc_range r = { UINT64_MAX, 1 };
	struct initiator_cmd cmd = send_ranges(a, &r, 1);

	refused(a, what, &cmd, ASC_LBA_OUT_OF_RANGE, ANY_OTHER, "block FFFFFFFFFFFFFFFFh");
	r.lba = bytes_wrap + a->base;
	cmd = send_ranges(a, &r, 1);
	refused(a, what, &cmd, ASC_LBA_OUT_OF_RANGE, ANY_OTHER, "a block of 2^64 bytes and more");
}

static void no_ranges(struct attempt *a, enum finding what)
{
	struct initiator_cmd cmd = send_ranges(a, NULL, 0);

	refused(a, what, &cmd, ASC_INVALID_FIELD_IN_PARAMETER_LIST, ASC_PARAMETER_LIST_LENGTH_ERROR,
		"a list that ends before the first range");
}

static void list_empty(struct attempt *a, enum finding what)
{
	struct initiator_cmd cmd;
	char text[160];

	a->len = 0;
	cmd = send_list(a);
	finding_judge(a->c->f, SIDE_SOURCE, what,
		      probe_good(&cmd) ||
			      probe_sense(&cmd, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB) ||
			      probe_sense(&cmd, KEY_ILLEGAL_REQUEST,
					  ASC_PARAMETER_LIST_LENGTH_ERROR),
		      VERDICT_FAIL, "PARAMETER LIST LENGTH 0: %s",
		      probe_text(&cmd, text, sizeof(text)));
}

static void list_short(struct attempt *a, enum finding what)
{
	size_t head = a->op == CMD_POPULATE_TOKEN ? TPC_PT_HEADER : TPC_WUT_HEADER;
	const size_t rows[] = { 1, 8, head - 1 };
	struct tpc_range r = { a->base, 1 };
	char of[48];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct initiator_cmd cmd;

		encode(a, &r, 1);
		a->len = rows[i];
		cmd = send_list(a);
		snprintf(of, sizeof(of), "PARAMETER LIST LENGTH %zu", rows[i]);
		refused(a, what, &cmd, ASC_PARAMETER_LIST_LENGTH_ERROR, ANY_OTHER, of);
	}
}

/* One range was sent; the length fields claim 4095. */
static void length_lies(struct attempt *a, enum finding what)
{
	struct tpc_range r = { a->base, a->window };
	struct initiator_cmd cmd;
	struct rrti *q = &a->p->scratch;
	uint32_t id = disk_next_list_id(a->p->host);
	char text[160];

	encode(a, &r, 1);
	put_be16(a->list, 0xfffe);
	put_be16(a->list + (a->op == CMD_POPULATE_TOKEN ? 14 : 534), 0xfff0);
	cmd = probe_list(a->p, a->op, id, a->list, a->len);
	if (a->op == CMD_WRITE_USING_TOKEN) {
		if (check_wut_done(&cmd, a->window)) /* it may believe what came */
			check_written(a->c, what, &cmd, a->c->sa->model + check_from(a->c, 0),
				      check_to(a->c, 0), a->c->window);
		else
			check_untouched(a->c, what, check_to(a->c, 0), a->c->window);
	}
	probe_rrti(a->p, id, DISK_RRTI_PT_LEN, q);
	finding_judge(a->c->f, SIDE_SOURCE, what,
		      cmd.error == 0 && (!probe_good(&cmd) || q->r.count <= a->window),
		      VERDICT_FAIL, "one range, the lengths say 4095: %s, %" PRIu64 " blocks",
		      probe_text(&cmd, text, sizeof(text)), q->r.count);
}

static const struct {
	enum finding pt, wut;
	void (*fn)(struct attempt *a, enum finding what);
} rows[] = {
	{ F_PT_TOO_MANY_RANGES, F_WUT_TOO_MANY_RANGES, too_many },
	{ F_PT_ABOVE_MTTS, F_WUT_ABOVE_MTTS, above_mtts },
	{ F_PT_OVERLAP, F_WUT_OVERLAP, overlap },
	{ F_PT_BEYOND_END, F_WUT_BEYOND_END, beyond_end },
	{ F_PT_LBA_WRAP, F_WUT_LBA_WRAP, wrap },
	{ F_PT_NO_RANGES, F_WUT_NO_RANGES, no_ranges },
	{ F_PT_LIST_EMPTY, F_WUT_LIST_EMPTY, list_empty },
	{ F_PT_LIST_SHORT, F_WUT_LIST_SHORT, list_short },
	{ F_PT_LENGTH_LIES, F_WUT_LENGTH_LIES, length_lies },
};

void check_refusals(struct check *c, enum scsi_cmd op)
{
	struct attempt *a = calloc(1, sizeof(*a));
	uint8_t token[ROD_TOKEN_LEN];
	bool pt = op == CMD_POPULATE_TOKEN;
	uint64_t small = c->src->disk->capacity.blocks / 8;

	if (!a)
		return;
	*a = (struct attempt) { .c = c, .p = pt ? c->src : c->dst, .op = op, .token = token };
	a->window =
		pt ? (uint32_t)(small < 64 ? small : 64) : (uint32_t)(c->window / probe_bs(c->dst));
	if (!pt) {
		a->base = area_range(c->da, check_to(c, 0), 0).lba;
		if (!check_take(c, F_WUT_WINDOWS, check_from(c, 0), c->window, 0, token) ||
		    !area_fill(c->da, check_to(c, 0), c->window))
			goto out;
	}
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]) && check_going(c); i++) {
		enum finding what = pt ? rows[i].pt : rows[i].wut;

		if (c->progress)
			c->progress(finding_rows[what].title);
		rows[i].fn(a, what);
	}
out:
	free(a);
}
