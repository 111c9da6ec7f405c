/* SPDX-License-Identifier: Apache-2.0 */
/* Making tokens and fetching them: POPULATE TOKEN and RECEIVE ROD TOKEN INFORMATION. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_result.h"
#include "check_tests.h"

#define SECONDS	     4.0	/* CopyOffloadMaxTargetDuration             */
#define ODD_ID	     0x01a2b3c4 /* the same at no two places of a CDB       */
#define UNUSED_ID    0xfedcba98
#define SHARED_ID    0x00b1d000 /* used by two sessions                     */
#define SMALL_BLOCKS 64
#define RANDOM_BYTES 16 /* two good tokens differ in more bytes than this */
#define NO_TIMEOUT   0xffffffffu

static uint32_t next_id(struct check *c)
{
	return disk_next_list_id(c->src->host);
}

/* Blocks of a small token: all tests together need eight times as many. */
static uint32_t small(const struct check *c)
{
	uint64_t n = c->src->disk->capacity.blocks / 8;

	return n < SMALL_BLOCKS ? (uint32_t)n : SMALL_BLOCKS;
}

static struct initiator_cmd make(struct check *c, struct probe *p, uint32_t id, uint32_t blocks)
{
	struct tpc_range r = { 0, blocks };

	return probe_pt(p, id, 0, 0, &r, 1);
}

/* 5/24/00 for ODD_ID, or the result of identifier 0: it is looked for in the wrong place. */
static void judge_list_id(struct check *c, uint32_t blocks)
{
	struct rrti *r = &c->src->scratch;
	struct initiator_cmd again = r->cmd;
	bool other = r->decoded && r->r.count == small(c) && r->r.count != blocks;
	char text[160];

	if (probe_sense(&r->cmd, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB)) {
		put_be32(again.cdb + 6, ODD_ID); /* where PT has it */
		probe_run(c->src, &again);
		finding_add(c->f, SIDE_SOURCE, F_RRTI_LIST_ID, VERDICT_FAIL,
			    "5/24/00 for the identifier of a PT%s",
			    probe_good(&again) ? "; with the identifier at bytes 6 to 9, too: GOOD"
					       : "");
		return;
	}
	finding_judge(c->f, SIDE_SOURCE, F_RRTI_LIST_ID, r->decoded && !other, VERDICT_FAIL,
		      "list identifier %08Xh: %s%s", ODD_ID,
		      probe_text(&r->cmd, text, sizeof(text)),
		      other ? ", with the result of identifier 0" : "");
}

/* A PT that Windows sends, of @id; its answers judged.  False: no use to go on. */
static bool windows_pt(struct check *c, uint32_t id, uint32_t n)
{
	struct rrti *r = &c->src->scratch;
	struct initiator_cmd cmd = make(c, c->src, id, n);
	char text[160];

	finding_judge(c->f, SIDE_SOURCE, F_PT_WINDOWS, probe_good(&cmd), VERDICT_FAIL,
		      "list identifier %u, ROD TYPE 0, INACTIVITY TIMEOUT 0: %s", id,
		      probe_text(&cmd, text, sizeof(text)));
	if (!probe_good(&cmd))
		return false;
	finding_judge(c->f, SIDE_SOURCE, F_PT_TIME, c->src->seconds < SECONDS, VERDICT_FAIL,
		      "%.2f s", c->src->seconds);
	probe_rrti(c->src, id, DISK_RRTI_PT_LEN, r);
	if (r->decoded)
		check_pt_result(r, n, c->f);
	if (id == ODD_ID)
		judge_list_id(c, n);
	else
		finding_judge(c->f, SIDE_SOURCE, F_RRTI_ANSWERS, r->decoded, VERDICT_FAIL,
			      "%s, %zu bytes", probe_text(&r->cmd, text, sizeof(text)),
			      r->cmd.in_len);
	return true;
}

/* After a boot Windows begins with 0. */
static void as_windows(struct check *c)
{
	if (windows_pt(c, 0, small(c)))
		windows_pt(c, ODD_ID, small(c) / 2);
}

/* Windows' own lengths and some short ones, each for a command of its own. */
static void lengths(struct check *c)
{
	static const uint32_t rows[] = { 805, 287, 552, 664, 1560, 65535, 36, 32, 4 };
	struct rrti *r = &c->src->scratch;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t id = next_id(c);
		struct initiator_cmd cmd = make(c, c->src, id, small(c));

		if (!probe_good(&cmd))
			return;
		probe_rrti(c->src, id, rows[i], r);
		check_rrti_length(r, F_RRTI_LENGTHS, c->f);
		if (rows[i] >= 36 && r->decoded && r->r.available == rows[i] - 4)
			finding_add(c->f, SIDE_SOURCE, F_RRTI_LENGTHS, VERDICT_FAIL,
				    "allocation length %u changes AVAILABLE DATA to %u", rows[i],
				    r->r.available);
	}
}

/* RRTI of @first bytes, then of all: the token must still be there. */
static void fetch_twice(struct check *c, enum finding what, uint32_t first)
{
	struct rrti *r = &c->src->scratch;
	uint32_t id = next_id(c);
	struct initiator_cmd cmd = make(c, c->src, id, small(c));
	char text[160];

	if (!probe_good(&cmd))
		return;
	probe_rrti(c->src, id, first, r);
	if (!probe_good(&r->cmd))
		return; /* told by RRTI_LENGTHS */
	probe_rrti(c->src, id, DISK_RRTI_PT_LEN, r);
	finding_judge(c->f, SIDE_SOURCE, what, r->decoded && r->r.token, VERDICT_FAIL,
		      "%u bytes, then %u: %s%s", first, DISK_RRTI_PT_LEN,
		      probe_text(&r->cmd, text, sizeof(text)),
		      r->decoded && !r->r.token ? ", without the token" : "");
}

static void again(struct check *c)
{
	fetch_twice(c, F_RRTI_AGAIN, DISK_RRTI_PT_LEN);
	fetch_twice(c, F_RRTI_AFTER_SHORT, 36);
}

static void unknown(struct check *c)
{
	struct rrti *r = &c->src->scratch;
	char text[160];

	probe_rrti(c->src, UNUSED_ID, DISK_RRTI_PT_LEN, r);
	finding_judge(c->f, SIDE_SOURCE, F_RRTI_UNKNOWN,
		      probe_sense(&r->cmd, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB),
		      VERDICT_FAIL, "%s", probe_text(&r->cmd, text, sizeof(text)));
}

static void other_nexus(struct check *c)
{
	uint32_t id = next_id(c), n = small(c);
	struct initiator_cmd cmd = make(c, c->src, id, n), other;
	struct rrti *r = c->src2 ? &c->src2->scratch : NULL;
	char text[160];

	if (!c->src2) {
		finding_add(c->f, SIDE_SOURCE, F_RRTI_NEXUS, VERDICT_SKIP,
			    "a second session could not be opened");
		return;
	}
	probe_rrti(c->src2, id, DISK_RRTI_PT_LEN, r);
	finding_judge(c->f, SIDE_SOURCE, F_RRTI_NEXUS, !r->decoded, VERDICT_WARN,
		      "another session asks for its identifier: %s%s",
		      probe_text(&r->cmd, text, sizeof(text)),
		      r->decoded && r->r.token ? ", with the token" : "");
	id = next_id(c);
	cmd = make(c, c->src, id, n);
	other = make(c, c->src2, id, n / 2);
	if (!probe_good(&cmd) || !probe_good(&other))
		return;
	r = &c->src->scratch;
	probe_rrti(c->src, id, DISK_RRTI_PT_LEN, r);
	if (!r->decoded)
		finding_add(
			c->f, SIDE_SOURCE, F_LIST_ID_NEXUS, VERDICT_WARN,
			"two sessions use one identifier; the first one is refused its token: %s",
			probe_text(&r->cmd, text, sizeof(text)));
	else
		finding_judge(c->f, SIDE_SOURCE, F_LIST_ID_NEXUS, r->r.count == n, VERDICT_FAIL,
			      "two sessions make tokens of %u and %u blocks; the first one gets "
			      "one of %" PRIu64,
			      n, n / 2, r->r.count);
}

/* A second PT with the identifier of one that has ended; its result is fetched or not. */
static void use_twice(struct check *c, bool fetched)
{
	struct rrti *r = &c->src->scratch;
	uint32_t id = next_id(c), n = small(c);
	struct initiator_cmd cmd = make(c, c->src, id, n);
	bool refused;
	char text[160];

	if (!probe_good(&cmd))
		return;
	if (fetched)
		probe_rrti(c->src, id, DISK_RRTI_PT_LEN, r);
	cmd = make(c, c->src, id, n / 2);
	if (!probe_good(&cmd)) {
		finding_add(c->f, SIDE_SOURCE, F_LIST_ID_REUSE, VERDICT_FAIL,
			    "the second POPULATE TOKEN: %s", probe_text(&cmd, text, sizeof(text)));
		return;
	}
	probe_rrti(c->src, id, DISK_RRTI_PT_LEN, r);
	refused = !fetched && probe_sense(&r->cmd, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	finding_judge(c->f, SIDE_SOURCE, F_LIST_ID_REUSE, r->decoded && r->r.count == n / 2,
		      refused ? VERDICT_WARN : VERDICT_FAIL,
		      "tokens of %u, then of %u blocks, the first result %sfetched: %s, %" PRIu64
		      " blocks",
		      n, n / 2, fetched ? "" : "not ", probe_text(&r->cmd, text, sizeof(text)),
		      r->r.count);
}

static void reuse(struct check *c)
{
	use_twice(c, true);
	use_twice(c, false);
}

/* ---- the token itself ---- */

static bool reads_zero(struct check *c, uint32_t blocks)
{
	size_t len = (size_t)blocks * probe_bs(c->src);
	uint8_t *buf = calloc(1, len);
	struct initiator_cmd cmd = disk_read_cmd(0, blocks, buf, len);
	bool zero;

	if (!buf)
		return false;
	probe_run(c->src, &cmd);
	zero = probe_good(&cmd);
	for (size_t i = 0; i < len && zero; i++)
		zero = buf[i] == 0;
	free(buf);
	return zero;
}

static void judge_type(struct check *c, const uint8_t *token)
{
	uint32_t type = get_be32(token);
	enum verdict v = VERDICT_WARN;
	const char *remark = "";

	if (type >> 16 == 0x0080)
		v = VERDICT_PASS;
	else if (type == ROD_TYPE_AUR)
		remark = ", access upon reference: a copy of what is there later";
	else if (rod_token_is_zero(token) && reads_zero(c, small(c)))
		remark = ", the zero token, for blocks of zeros";
	else if (type >> 16 == 0xffff) {
		remark = ", which is none of the target's own";
		v = VERDICT_FAIL;
	}
	finding_add(c->f, SIDE_SOURCE, F_TOKEN_HEADER, v, "ROD TYPE %08Xh%s", type, remark);
}

static void token_bytes(struct check *c)
{
	struct tpc_range r = { 0, small(c) };
	uint8_t a[ROD_TOKEN_LEN], b[ROD_TOKEN_LEN];
	unsigned differ = 0;
	uint64_t blocks;
	char why[SAW_MAX];

	if (!probe_token(c->src, 0, &r, 1, a, &blocks, why) ||
	    !probe_token(c->src, 0, &r, 1, b, &blocks, why))
		return;
	judge_type(c, a);
	for (unsigned i = 0; i < ROD_TOKEN_LEN; i++)
		differ += a[i] != b[i];
	if (rod_token_is_zero(a))
		return;
	finding_judge(c->f, SIDE_SOURCE, F_TOKEN_RANDOM, differ > RANDOM_BYTES, VERDICT_FAIL,
		      "two tokens of the same blocks differ in %u of %u bytes", differ,
		      ROD_TOKEN_LEN);
}

/* ---- ranges and limits ---- */

/* PT of these ranges must succeed with all their blocks in the token. */
static void accepts(struct check *c, enum finding what, uint32_t timeout,
		    const struct tpc_range *ranges, unsigned n, const char *of)
{
	struct rrti *r = &c->src->scratch;
	uint32_t id = next_id(c);
	struct initiator_cmd cmd = probe_pt(c->src, id, 0, timeout, ranges, n);
	uint64_t sum = 0;
	char text[160];

	for (unsigned i = 0; i < n; i++)
		sum += ranges[i].blocks;
	if (c->src->seconds >= SECONDS)
		finding_add(c->f, SIDE_SOURCE, F_PT_TIME, VERDICT_FAIL, "%.2f s for %s",
			    c->src->seconds, of);
	if (!probe_good(&cmd)) {
		finding_add(c->f, SIDE_SOURCE, what, VERDICT_FAIL, "%s: %s", of,
			    probe_text(&cmd, text, sizeof(text)));
		return;
	}
	probe_rrti(c->src, id, DISK_RRTI_PT_LEN, r);
	if (r->decoded)
		check_pt_result(r, sum, c->f);
	finding_judge(c->f, SIDE_SOURCE, what,
		      r->decoded && r->r.token && r->r.count > 0 && r->r.count <= sum, VERDICT_FAIL,
		      "%s: GOOD, a token of %" PRIu64 " of %" PRIu64 " blocks", of, r->r.count,
		      sum);
}

static void order(struct check *c)
{
	uint32_t q = small(c);
	struct tpc_range r[] = { { 2ull * q, q }, { q, q }, { 0, q } };

	accepts(c, F_PT_ORDER, 0, r, 3, "three ranges, the last first");
}

static void many(struct check *c)
{
	struct tpc_range r[DISK_MAX_RANGES];
	unsigned n = disk_max_ranges(c->src->disk);
	char of[32];

	if (c->src->disk->capacity.blocks < 2 * DISK_MAX_RANGES)
		return;
	for (unsigned i = 0; i < n; i++)
		r[i] = (struct tpc_range) { 2ull * i, 1 };
	snprintf(of, sizeof(of), "%u ranges", n);
	accepts(c, F_PT_RANGES, 0, r, n, of);
}

/* One range of @n blocks, or what the LUN has. */
static void one_range(struct check *c, uint64_t n)
{
	uint64_t all = c->src->disk->capacity.blocks;
	struct tpc_range r;
	char of[48];

	n = n && n < all ? n : all;
	r = (struct tpc_range) { 0, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX };
	snprintf(of, sizeof(of), "one range of %u blocks", r.blocks);
	accepts(c, F_PT_LARGE, 0, &r, 1, of);
}

/* Of the optimal size; and of the maximum, of which there may be a token for a part. */
static void large(struct check *c)
{
	one_range(c, disk_pt_cap(c->src->disk));
	one_range(c, c->src->disk->odx.max_token_blocks);
}

static void timeouts(struct check *c)
{
	uint32_t max = c->src->disk->odx.max_timeout;
	struct tpc_range r = { 0, small(c) };
	struct initiator_cmd cmd;
	char text[160];

	if (max == 0 || max == NO_TIMEOUT) {
		finding_add(c->f, SIDE_SOURCE, F_PT_TIMEOUT_ABOVE, VERDICT_SKIP,
			    "MAXIMUM INACTIVITY TIMEOUT %u: there is none", max);
		return;
	}
	snprintf(text, sizeof(text), "INACTIVITY TIMEOUT %u s", max);
	accepts(c, F_PT_TIMEOUT_MAX, max, &r, 1, text);
	cmd = probe_pt(c->src, next_id(c), 0, max + 1, &r, 1);
	finding_judge(c->f, SIDE_SOURCE, F_PT_TIMEOUT_ABOVE,
		      probe_sense(&cmd, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAMETER_LIST),
		      VERDICT_FAIL, "INACTIVITY TIMEOUT %u s: %s", max + 1,
		      probe_text(&cmd, text, sizeof(text)));
}

static void immed(struct check *c)
{
	struct rrti *r = &c->src->scratch;
	struct tpc_range range = { 0, small(c) };
	uint32_t id = next_id(c);
	struct initiator_cmd cmd = probe_pt(c->src, id, PROBE_IMMED, 0, &range, 1);
	unsigned polls;
	char text[160];
	bool ended;

	if (!probe_good(&cmd)) {
		finding_add(c->f, SIDE_SOURCE, F_PT_IMMED, VERDICT_FAIL, "%s",
			    probe_text(&cmd, text, sizeof(text)));
		return;
	}
	ended = probe_wait(c->src, id, r, &polls);
	finding_judge(c->f, SIDE_SOURCE, F_PT_IMMED,
		      ended && r->r.token && r->r.count == range.blocks, VERDICT_FAIL,
		      "GOOD; %u answers \"in progress\", then status %02Xh, %" PRIu64 " blocks, %s",
		      polls, r->r.status, r->r.count, r->r.token ? "a token" : "no token");
}

void check_tokens(struct check *c)
{
	static const struct check_test tests[] = {
		{ "POPULATE TOKEN as Windows sends it", as_windows },
		{ "allocation lengths", lengths },
		{ "results read twice", again },
		{ "an unknown list identifier", unknown },
		{ "another initiator's list identifier", other_nexus },
		{ "a list identifier used again", reuse },
		{ "the token", token_bytes },
		{ "ranges in any order", order },
		{ "many ranges", many },
		{ "a large range", large },
		{ "inactivity timeouts", timeouts },
		{ "IMMED", immed },
	};

	check_run(c, tests, sizeof(tests) / sizeof(tests[0]));
}
