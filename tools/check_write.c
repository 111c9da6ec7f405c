/* SPDX-License-Identifier: Apache-2.0 */
/* Writing with tokens: what comes out, and what WRITE USING TOKEN says of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_result.h"
#include "check_tests.h"
#include "report.h"

#define SECONDS	   4.0 /* CopyOffloadMaxTargetDuration */
#define BG_SECONDS 0.1 /* a copy shorter than this says nothing of IMMED */

static uint32_t next_id(struct check *c)
{
	return disk_next_list_id(c->dst->host);
}

/* One WUT as Windows sends it, its result, and its time. */
static void as_windows(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN];
	size_t from = check_from(c, 0), to = check_to(c, 0);
	uint64_t blocks = c->window / probe_bs(c->dst);
	struct tpc_range r = area_range(c->da, to, c->window);
	struct rrti *q = &c->dst->scratch;
	struct initiator_cmd cmd;
	uint32_t id = next_id(c);
	char text[160];

	if (!check_take(c, F_WUT_WINDOWS, from, c->window, 0, token))
		return;
	cmd = probe_wut(c->dst, id, 0, token, 0, &r, 1);
	finding_judge(c->f, SIDE_SOURCE, F_WUT_WINDOWS, check_wut_done(&cmd, blocks) > 0,
		      VERDICT_FAIL, "%u blocks: %s", r.blocks,
		      probe_text(&cmd, text, sizeof(text)));
	if (c->src != c->dst)
		finding_judge(c->f, SIDE_SOURCE, F_TOKEN_PAIR, !probe_bad_token(&cmd), VERDICT_FAIL,
			      "%s", probe_text(&cmd, text, sizeof(text)));
	if (check_written(c, F_WUT_DATA, &cmd, c->sa->model + from, to, c->window))
		finding_add(c->f, SIDE_SOURCE, F_WUT_DATA, VERDICT_PASS, "%u blocks are right",
			    r.blocks);
	probe_rrti(c->dst, id, DISK_RRTI_PT_LEN, q);
	if (q->decoded)
		check_wut_result(q, blocks, check_wut_done(&cmd, blocks), c->f);
	else
		finding_add(c->f, SIDE_SOURCE, F_WUT_RESULT, VERDICT_FAIL,
			    "RECEIVE ROD TOKEN INFORMATION: %s",
			    probe_text(&q->cmd, text, sizeof(text)));
}

static void lengths(struct check *c)
{
	static const uint32_t rows[] = { 287, 552, 664, 1560, 65535 };
	struct rrti *q = &c->dst->scratch;
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r = area_range(c->da, check_to(c, 0), c->window);

	if (!check_take(c, F_WUT_RRTI_LENGTHS, check_from(c, 0), c->window, 0, token))
		return;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t id = next_id(c);

		probe_wut(c->dst, id, 0, token, 0, &r, 1);
		probe_rrti(c->dst, id, rows[i], q);
		check_rrti_length(q, F_WUT_RRTI_LENGTHS, c->f);
	}
	area_learn(c->da, check_to(c, 0), c->window);
}

/* Half an area in one WUT, or as much as Windows would send: its time and its data. */
static void largest(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN];
	size_t len = check_large(c, c->da->len / 2), to = c->da->len / 2;
	struct initiator_cmd cmd;
	char text[160];

	if (!area_fill(c->sa, 0, len) || !area_fill(c->da, to, len)) {
		check_area_works(c, c->sa, F_WUT_DATA);
		check_area_works(c, c->da, F_WUT_DATA);
		return;
	}
	if (!check_take(c, F_WUT_TIME, 0, len, 0, token))
		return;
	cmd = check_put(c, c->dst, token, 0, to, len);
	finding_judge(c->f, SIDE_SOURCE, F_WUT_TIME, c->dst->seconds < SECONDS, VERDICT_FAIL,
		      "%zu bytes in %.2f s: %s", len, c->dst->seconds,
		      probe_text(&cmd, text, sizeof(text)));
	if (check_wut_done(&cmd, len / probe_bs(c->dst)) == 0)
		finding_add(c->f, SIDE_SOURCE, F_WUT_TIME, VERDICT_FAIL, "%zu bytes: %s", len,
			    probe_text(&cmd, text, sizeof(text)));
	check_written(c, F_WUT_DATA, &cmd, c->sa->model, to, len);
}

/*
 * Pieces of different lengths, adjacent and descending: in any other order than the
 * list's, on either side or on both, something else comes out.
 */
static void order(struct check *c)
{
	size_t w = c->window, q = w / 4, at = 0;
	const size_t from[] = { check_from(c, 3) + q, check_from(c, 3), check_from(c, 1) };
	const size_t from_len[] = { q, q, 2 * q };
	const size_t to[] = { check_to(c, 2), check_to(c, 4) + q, check_to(c, 4) };
	const size_t to_len[] = { 2 * q, q, q };
	struct tpc_range src[3], dst[3];
	uint8_t token[ROD_TOKEN_LEN], *rod = malloc(w);
	struct initiator_cmd cmd;
	uint64_t blocks;
	char why[SAW_MAX], text[160];

	for (unsigned i = 0; rod && i < 3; at += from_len[i++]) {
		src[i] = area_range(c->sa, from[i], from_len[i]);
		dst[i] = area_range(c->da, to[i], to_len[i]);
		memcpy(rod + at, c->sa->model + from[i], from_len[i]);
	}
	if (!rod || !area_fill(c->da, check_to(c, 2), 3 * w))
		goto out;
	if (!probe_token(c->src, 0, src, 3, token, &blocks, why)) {
		finding_add(c->f, SIDE_SOURCE, F_WUT_ORDER, VERDICT_FAIL, "%s", why);
		goto out;
	}
	cmd = probe_wut(c->dst, next_id(c), 0, token, 0, dst, 3);
	finding_judge(c->f, SIDE_SOURCE, F_WUT_ORDER, probe_good(&cmd), VERDICT_FAIL,
		      "three ranges to three, adjacent and descending: %s",
		      probe_text(&cmd, text, sizeof(text)));
	if (!probe_good(&cmd)) {
		area_learn(c->da, check_to(c, 2), 3 * w);
		goto out;
	}
	at = 0;
	for (unsigned i = 0; i < 3; at += to_len[i++])
		memcpy(c->da->model + to[i], rod + at, to_len[i]);
	at = 0;
	for (unsigned i = 0; i < 3; at += to_len[i++])
		check_written(c, F_WUT_ORDER, &cmd, rod + at, to[i], to_len[i]);
out:
	free(rod);
}

/* From the middle of the token, block by block aligned to nothing. */
static void offset(struct check *c)
{
	size_t bs = probe_bs(c->dst) > probe_bs(c->src) ? probe_bs(c->dst) : probe_bs(c->src);
	const size_t rows[] = { bs, c->window - bs, c->window / 2 + bs };
	uint8_t token[ROD_TOKEN_LEN];
	char text[160];

	if (!check_take(c, F_WUT_OFFSET, check_from(c, 1), c->window, 0, token))
		return;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = c->window - rows[i], to = check_to(c, 1);
		struct initiator_cmd cmd;

		if (!area_fill(c->da, to, c->window))
			return;
		cmd = check_put(c, c->dst, token, rows[i], to, n);
		finding_judge(c->f, SIDE_SOURCE, F_WUT_OFFSET, probe_good(&cmd), VERDICT_FAIL,
			      "from block %zu: %s", rows[i] / probe_bs(c->dst),
			      probe_text(&cmd, text, sizeof(text)));
		check_written(c, F_WUT_OFFSET, &cmd, c->sa->model + check_from(c, 1) + rows[i], to,
			      n);
	}
}

static void repeat(struct check *c)
{
	struct tpc_range r = area_range(c->da, check_to(c, 1), c->window);
	uint8_t token[ROD_TOKEN_LEN];
	uint32_t id = next_id(c);
	struct initiator_cmd cmd;
	char text[160];

	if (!check_take(c, F_WUT_REPEAT, check_from(c, 1), c->window, 0, token))
		return;
	for (unsigned i = 0; i < 2; i++) {
		if (!area_fill(c->da, check_to(c, 1), c->window))
			return;
		cmd = probe_wut(c->dst, id, 0, token, 0, &r, 1);
		finding_judge(c->f, SIDE_SOURCE, F_WUT_REPEAT, probe_good(&cmd), VERDICT_FAIL,
			      "the %s time: %s", i ? "second" : "first",
			      probe_text(&cmd, text, sizeof(text)));
		check_written(c, F_WUT_REPEAT, &cmd, c->sa->model + check_from(c, 1),
			      check_to(c, 1), c->window);
	}
}

/* Two sessions, one list identifier, two copies at once. */
static void parallel(struct check *c)
{
	struct probe *p[2] = { c->dst, c->dst2 };
	struct initiator_cmd cmd[2];
	struct initiator *in[2];
	uint8_t token[ROD_TOKEN_LEN];
	uint32_t id = next_id(c);
	char text[160];

	if (!c->dst2) {
		finding_add(c->f, SIDE_SOURCE, F_WUT_PARALLEL, VERDICT_SKIP,
			    "a second session could not be opened");
		return;
	}
	if (!area_fill(c->da, check_to(c, 0), 2 * c->window) ||
	    !check_take(c, F_WUT_PARALLEL, check_from(c, 0), c->window, 0, token))
		return;
	for (unsigned i = 0; i < 2; i++) {
		struct tpc_range r = area_range(c->da, check_to(c, i), c->window);
		size_t len = tpc_wut_encode(p[i]->list, sizeof(p[i]->list), false, false, 0, token,
					    &r, 1);
		struct scsi_cdb cdb = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
					.list_id = id,
					.len = (uint32_t)len };

		cmd[i] = initiator_cmd(&cdb, p[i]->list, len);
		in[i] = p[i]->in;
		initiator_submit(in[i], p[i]->disk->lun, &cmd[i]);
	}
	while (cmd[0].busy || cmd[1].busy)
		initiator_poll(in, 2, 1000);
	for (unsigned i = 0; i < 2; i++) {
		bool busy = probe_sense(&cmd[i], KEY_ILLEGAL_REQUEST, ASC_OPERATION_IN_PROGRESS);

		finding_judge(c->f, SIDE_SOURCE, F_WUT_PARALLEL, probe_good(&cmd[i]),
			      busy ? VERDICT_WARN : VERDICT_FAIL, "session %u: %s", i + 1,
			      probe_text(&cmd[i], text, sizeof(text)));
		if (probe_good(&cmd[i]))
			memcpy(c->da->model + check_to(c, i), c->sa->model + check_from(c, 0),
			       c->window);
	}
	for (unsigned i = 0; i < 2; i++)
		check_written(c, F_WUT_PARALLEL, &cmd[i], c->sa->model + check_from(c, 0),
			      check_to(c, i), c->window);
}

/* ---- IMMED ---- */

/* A large copy with IMMED: GOOD at once, answers "in progress", then all of it. */
static void immed(struct check *c)
{
	size_t len = check_large(c, c->da->len / 2), to = c->da->len / 2;
	struct tpc_range r = area_range(c->da, to, len);
	struct rrti *q = &c->dst->scratch;
	uint8_t token[ROD_TOKEN_LEN];
	uint32_t id = next_id(c);
	struct initiator_cmd cmd;
	double start, command, all;
	unsigned polls;
	char text[160];
	bool ended;

	if (!area_fill(c->da, to, len) || !check_take(c, F_WUT_IMMED, 0, len, 0, token))
		return;
	start = now_seconds();
	cmd = probe_wut(c->dst, id, PROBE_IMMED, token, 0, &r, 1);
	command = c->dst->seconds;
	if (!probe_good(&cmd)) {
		finding_add(c->f, SIDE_SOURCE, F_WUT_IMMED, VERDICT_FAIL, "%s",
			    probe_text(&cmd, text, sizeof(text)));
		area_learn(c->da, to, len);
		return;
	}
	ended = probe_wait(c->dst, id, q, &polls);
	finding_judge(c->f, SIDE_SOURCE, F_WUT_IMMED,
		      ended && q->r.count == r.blocks && q->r.status == TPC_DONE, VERDICT_FAIL,
		      "GOOD; %u answers \"in progress\", then status %02Xh, %" PRIu64
		      " of %u blocks",
		      polls, q->r.status, q->r.count, r.blocks);
	all = now_seconds() - start;
	if (polls > 0)
		finding_add(c->f, SIDE_SOURCE, F_WUT_BACKGROUND, VERDICT_PASS,
			    "GOOD after %.2f s, the copy ended after %.2f s", command, all);
	else
		finding_add(c->f, SIDE_SOURCE, F_WUT_BACKGROUND,
			    command < BG_SECONDS ? VERDICT_INFO : VERDICT_FAIL,
			    "GOOD after %.2f s, when the copy had ended%s", command,
			    command < BG_SECONDS ? ": too fast to tell" : "");
	check_written(c, F_WUT_IMMED, &cmd, c->sa->model, to,
		      (size_t)q->r.count * probe_bs(c->dst));
	area_learn(c->da, to, len);
}

/* ---- a LUN over itself ---- */

/* @from to @to, half an area of them, overlapping; from a snapshot of the source. */
static void over_itself(struct check *c, size_t from, size_t to, size_t len)
{
	uint8_t token[ROD_TOKEN_LEN], *old = malloc(len);
	struct initiator_cmd cmd;
	char text[160];

	if (old && area_fill(c->da, 0, c->da->len) &&
	    check_take(c, F_SELF_OVERLAP, from, len, 0, token)) {
		memcpy(old, c->sa->model + from, len);
		cmd = check_put(c, c->dst, token, 0, to, len);
		finding_add(c->f, SIDE_SOURCE, F_SELF_OVERLAP, VERDICT_PASS,
			    "%zu bytes, %zu bytes %s: %s", len, from < to ? to - from : from - to,
			    from < to ? "on" : "back", probe_text(&cmd, text, sizeof(text)));
		check_written(c, F_SELF_OVERLAP, &cmd, old, to, len);
	}
	free(old);
}

static void overlap(struct check *c)
{
	size_t len = check_large(c, c->da->len - 4 * c->window);

	if (c->sa != c->da) {
		finding_add(c->f, SIDE_SOURCE, F_SELF_OVERLAP, VERDICT_SKIP,
			    "two LUNs were named; name one");
		return;
	}
	over_itself(c, 0, 2 * c->window, len);
	over_itself(c, 2 * c->window, 0, len);
}

void check_writes(struct check *c)
{
	static const struct check_test tests[] = {
		{ "WRITE USING TOKEN as Windows sends it", as_windows },
		{ "a large copy", largest },
		{ "allocation lengths of a result", lengths },
		{ "ranges in any order", order },
		{ "offsets into a token", offset },
		{ "the same command again", repeat },
		{ "two initiators at once", parallel },
		{ "IMMED", immed },
		{ "a copy over its own source", overlap },
	};
	if (!area_fill(c->sa, 0, c->sa->len / 2) ||
	    !area_fill(c->da, c->da->len / 2, c->da->len / 2)) {
		check_area_works(c, c->sa, F_WUT_DATA);
		check_area_works(c, c->da, F_WUT_DATA);
		return;
	}
	check_run(c, tests, sizeof(tests) / sizeof(tests[0]));
}
