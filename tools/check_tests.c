/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of odxcheck have in common. */
#include "check_tests.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check_result.h"

bool check_going(const struct check *c)
{
	return !*c->stop && initiator_alive(c->src->in) && initiator_alive(c->dst->in);
}

void check_run(struct check *c, const struct check_test *tests, unsigned n)
{
	for (unsigned i = 0; i < n && check_going(c); i++) {
		if (c->progress)
			c->progress(tests[i].name);
		tests[i].fn(c);
	}
}

bool check_area_works(struct check *c, struct area *a, enum finding what)
{
	if (!a->err[0])
		return true;
	finding_add(c->f, SIDE_SOURCE, what, VERDICT_FAIL, "%.200s", a->err);
	return false;
}

size_t check_large(const struct check *c, size_t max)
{
	uint64_t pt = disk_pt_cap(c->src->disk), wut = disk_wut_cap(c->dst->disk);

	if (pt < max / probe_bs(c->src))
		max = (size_t)pt * probe_bs(c->src);
	if (wut < max / probe_bs(c->dst))
		max = (size_t)wut * probe_bs(c->dst);
	return max / DISK_MAX_BLOCK * DISK_MAX_BLOCK;
}

bool check_take(struct check *c, enum finding what, size_t off, size_t len, uint32_t timeout,
		uint8_t token[ROD_TOKEN_LEN])
{
	struct tpc_range r = area_range(c->sa, off, len);
	uint64_t blocks;
	char why[SAW_MAX];

	if (!probe_token(c->src, timeout, &r, 1, token, &blocks, why)) {
		finding_add(c->f, SIDE_SOURCE, what, VERDICT_FAIL, "%s", why);
		return false;
	}
	if (blocks == r.blocks)
		return true;
	finding_add(c->f, SIDE_SOURCE, what, VERDICT_SKIP,
		    "no token of %u blocks to try it with: one of %" PRIu64, r.blocks, blocks);
	return false;
}

struct initiator_cmd check_put(struct check *c, struct probe *p, const uint8_t *token,
			       uint64_t rod_off, size_t off, size_t len)
{
	struct tpc_range r = area_range(c->da, off, len);

	return probe_wut(p, disk_next_list_id(p->host), 0, token, rod_off / probe_bs(p), &r, 1);
}

/* The window before and behind, as far as there is area. */
static bool surroundings(struct check *c, size_t off, size_t len, size_t *ret_bad)
{
	size_t before = off < c->window ? off : c->window;
	size_t behind = c->da->len - off - len;

	if (behind > c->window)
		behind = c->window;
	return area_holds(c->da, off - before, before, ret_bad) &&
	       area_holds(c->da, off + len, behind, ret_bad);
}

bool check_written(struct check *c, enum finding what, const struct initiator_cmd *cmd,
		   const uint8_t *data, size_t off, size_t len)
{
	uint32_t bs = probe_bs(c->dst);
	uint64_t blocks = len / bs, done = check_wut_done(cmd, blocks);
	size_t n = (size_t)done * bs, bad = 0;
	char text[160];

	memcpy(c->da->model + off, data, n);
	if (!area_holds(c->da, off, n, &bad)) {
		finding_add(c->f, SIDE_SOURCE, what, VERDICT_FAIL,
			    "%s, %" PRIu64
			    " blocks are said to be written; byte %zu of them is wrong",
			    probe_text(cmd, text, sizeof(text)), done, bad - off);
		area_learn(c->da, off, len);
	} else if (n < len) {
		area_learn(c->da, off + n, len - n); /* may be written, and is not counted */
	}
	if (!surroundings(c, off, len, &bad)) {
		finding_add(c->f, SIDE_SOURCE, F_WUT_OUTSIDE, VERDICT_FAIL,
			    "\"%s\": byte %zu of the area has changed, the command names bytes %zu "
			    "to %zu",
			    finding_rows[what].title, bad, off, off + len - 1);
		area_learn(c->da, 0, c->da->len);
	}
	return check_area_works(c, c->da, what) && done == blocks;
}

bool check_untouched(struct check *c, enum finding what, size_t off, size_t len)
{
	size_t bad;

	if (area_holds(c->da, off, len, &bad) && surroundings(c, off, len, &bad))
		return true;
	if (!check_area_works(c, c->da, what))
		return false;
	/* Beside what the command's end said, even if that is a failure already. */
	c->f->v[what][SIDE_SOURCE].set = false;
	finding_add(c->f, SIDE_SOURCE, what, VERDICT_FAIL,
		    "the command was to write nothing; byte %zu of the area has changed", bad);
	area_learn(c->da, 0, c->da->len);
	return false;
}

void check_alive(struct check *c)
{
	struct probe *const sides[] = { c->src, c->dst };

	for (unsigned i = 0; i < 2; i++) {
		struct initiator_cmd cmd = probe_ready(sides[i]);
		char text[160];

		finding_judge(c->f, SIDE_SOURCE, F_ALIVE, probe_good(&cmd), VERDICT_FAIL,
			      "TEST UNIT READY: %s", probe_text(&cmd, text, sizeof(text)));
	}
}
