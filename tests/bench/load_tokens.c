/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of token commands; each lane runs through its row, again and again.
 *
 * rows    row (of pt, rrti, zero, with commas), lun, to (the LUN of zero; lun), bytes (of
 *         a command), ranges (they are cut in), stride (from one row's place to the next),
 *         start, span, timeout, depth, and seconds or n.  zero is WRITE USING TOKEN with
 *         the zero token.
 * tokens  n tokens, kept for wut: the row pt,rrti.  They add up over the steps; all must
 *         have the same bytes.
 * wut     n of the kept tokens from first on, in turn, written to lun.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum row_op { ROW_PT, ROW_RRTI, ROW_ZERO, ROW_WUT, ROW_OPS };
static const char *const row_names[] = { "pt", "rrti", "zero", "wut" };

#define ROW_MAX 4

struct row_step {
	struct step step;
	enum row_op row[ROW_MAX];
	unsigned len;
	struct disk *from, *to;
	unsigned ranges, timeout;
	uint64_t bytes, stride, start, span;
	bool keep;
	uint64_t first; /* wut: token */
	struct hist lat[ROW_OPS], whole;
};

static unsigned row_ranges(struct lane *lane, struct row_step *r,
			   struct tpc_range ret[DISK_MAX_RANGES])
{
	uint32_t block = lane->disk->capacity.block_size;
	uint64_t piece = r->bytes / r->ranges / block;
	uint64_t lba = (r->start + lane->index * r->stride % r->span) / block;

	/* As much between two of them as in one, so that they stay several. */
	for (unsigned i = 0; i < r->ranges; i++)
		ret[i] = (struct tpc_range) { .lba = lba + 2 * i * piece,
					      .blocks = (uint32_t)piece };
	return r->ranges;
}

static size_t put_pt(struct lane *lane, struct row_step *r)
{
	struct tpc_range ranges[DISK_MAX_RANGES];
	unsigned n = row_ranges(lane, r, ranges);

	lane->list_id = disk_next_list_id(&lane->step->load->host);
	return tpc_pt_encode(lane->buf, lane->step->buf_len, false, false, r->timeout, 0, ranges,
			     n);
}

static size_t put_wut(struct lane *lane, struct row_step *r, bool zero)
{
	const struct load *l = lane->step->load;
	struct tpc_range ranges[DISK_MAX_RANGES];
	unsigned n = row_ranges(lane, r, ranges);
	uint8_t token[ROD_TOKEN_LEN];

	if (zero)
		rod_token_encode_zero(token);
	else
		memcpy(token, l->tokens + (r->first + lane->index) % l->held * ROD_TOKEN_LEN,
		       ROD_TOKEN_LEN);
	lane->list_id = disk_next_list_id(&lane->step->load->host);
	return tpc_wut_encode(lane->buf, lane->step->buf_len, false, false, 0, token, ranges, n);
}

static bool row_next(struct lane *lane)
{
	struct row_step *r = lane->step->ctx;
	struct scsi_cdb c = { .op = &scsi_ops[CMD_POPULATE_TOKEN] };

	if (lane->at == 0) {
		if (!step_more(lane->step))
			return false;
		lane->index = lane->step->issued - 1;
		lane->row_began = now_ns();
	}
	switch (r->row[lane->at]) {
	case ROW_PT:
		c.len = (uint32_t)put_pt(lane, r);
		break;
	case ROW_RRTI:
		c.op = &scsi_ops[CMD_RECEIVE_ROD_TOKEN_INFORMATION];
		c.len = DISK_RRTI_PT_LEN;
		break;
	default:
		c.op = &scsi_ops[CMD_WRITE_USING_TOKEN];
		c.len = (uint32_t)put_wut(lane, r, r->row[lane->at] == ROW_ZERO);
		break;
	}
	lane->disk = c.op == &scsi_ops[CMD_WRITE_USING_TOKEN] ? r->to : r->from;
	c.list_id = lane->list_id;
	lane->cmd = initiator_cmd(&c, lane->buf, c.len);
	return true;
}

/* RRTI's answer: there must be a token in it, or nothing was measured. */
static void take_token(struct lane *lane, struct row_step *r)
{
	struct load *l = lane->step->load;
	struct tpc_result result;

	if (!tpc_result_decode(lane->buf, lane->cmd.in_len, &result) || !result.token) {
		step_fail(lane->step, "RECEIVE ROD TOKEN INFORMATION brought no token");
		return;
	}
	if (r->keep)
		memcpy(l->tokens + l->held++ * ROD_TOKEN_LEN, result.token, ROD_TOKEN_LEN);
}

static void row_ended(struct lane *lane, uint64_t ns)
{
	struct row_step *r = lane->step->ctx;
	enum row_op op = r->row[lane->at];

	hist_add(&r->lat[op], ns);
	if (op == ROW_RRTI)
		take_token(lane, r);
	lane->at = (lane->at + 1) % r->len;
	if (lane->at == 0)
		hist_add(&r->whole, now_ns() - lane->row_began);
}

/* "pt,rrti,zero" */
static bool parse_row(struct row_step *r, const char *text)
{
	while (*text && r->len < ROW_MAX) {
		size_t n = strcspn(text, ",");
		unsigned op = 0;

		while (op < ROW_OPS &&
		       (strlen(row_names[op]) != n || strncmp(text, row_names[op], n) != 0))
			op++;
		if (op == ROW_OPS || op == ROW_WUT)
			return false;
		r->row[r->len++] = (enum row_op)op;
		text += n + (text[n] == ',');
	}
	/* An RRTI asks for what the PT before it left. */
	return r->len && !*text && (r->row[0] != ROW_RRTI);
}

static bool row_fits(struct row_step *r, struct disk *to)
{
	const struct disk *d = r->step.lanes[0].disk;
	uint64_t block = d->capacity.block_size, reach = 2 * r->bytes;

	r->from = r->step.lanes[0].disk;
	r->to = to;
	if (!to)
		return false;

	if (r->ranges == 1)
		reach = r->bytes;
	if (r->span == 0 && disk_bytes(d) >= r->start + reach)
		r->span = disk_bytes(d) - r->start - reach + block;
	if (r->ranges == 0 || r->ranges > DISK_MAX_RANGES || r->bytes / r->ranges < block ||
	    r->bytes / r->ranges % block || r->stride % block || r->span == 0 ||
	    r->start + r->span - block + reach > disk_bytes(d) || disk_bytes(to) < disk_bytes(d) ||
	    to->capacity.block_size != block) {
		step_fail(&r->step, "bytes, ranges, stride, start and span do not fit the LUN");
		return false;
	}
	return true;
}

static json_t *row_answer(struct row_step *r, uint64_t ns)
{
	double seconds = (double)ns / 1e9;
	json_t *o = json_pack("{s:I, s:f, s:f, s:I, s:o}", "n", (json_int_t)r->whole.n, "seconds",
			      seconds, "rate", (double)r->whole.n / seconds, "retries",
			      (json_int_t)r->step.retries, "row", hist_json(&r->whole));

	for (unsigned op = 0; op < ROW_OPS; op++)
		if (r->lat[op].n)
			json_object_set_new(o, row_names[op], hist_json(&r->lat[op]));
	return o;
}

static json_t *run_rows(struct row_step *r, struct load *l, struct args *a, char *err)
{
	struct step *s = &r->step;
	unsigned lun = (unsigned)args_size(a, "lun", 0);
	json_t *answer = NULL;
	uint64_t ns;

	s->ctx = r;
	s->next = row_next;
	s->ended = row_ended;
	s->limit = args_size(a, "n", 0);
	s->until = (uint64_t)(args_real(a, "seconds", s->limit ? 0 : 1) * 1e9);
	r->bytes = args_size(a, "bytes", r->bytes);
	r->ranges = (unsigned)args_size(a, "ranges", 1);
	r->stride = args_size(a, "stride", r->bytes);
	r->start = args_size(a, "start", 0);
	r->span = args_size(a, "span", 0);
	r->timeout = (unsigned)args_size(a, "timeout", 0);
	if (lanes_init(s, l, 1, (unsigned)args_size(a, "depth", 1), lun,
		       TPC_WUT_HEADER + DISK_MAX_RANGES * TPC_RANGE_LEN) &&
	    row_fits(r, load_disk(l, 0, (unsigned)args_size(a, "to", lun), s->err)) &&
	    lanes_run(s, &ns))
		answer = row_answer(r, ns);
	lanes_done(s);
	if (!answer)
		memcpy(err, s->err, sizeof(s->err));
	return answer;
}

json_t *load_rows(struct load *l, struct args *a, char *err)
{
	static struct row_step r;

	memset(&r, 0, sizeof(r));
	r.bytes = 1 << 20;
	if (!parse_row(&r, args_word(a, "row", "pt,rrti,zero"))) {
		snprintf(err, INITIATOR_ERR, "row: pt, rrti (after a pt) and zero, with commas");
		return NULL;
	}
	return run_rows(&r, l, a, err);
}

json_t *load_tokens(struct load *l, struct args *a, char *err)
{
	static struct row_step r;
	uint64_t n = args_size(a, "n", 1);
	uint8_t *more = realloc(l->tokens, (l->held + n) * ROD_TOKEN_LEN);

	memset(&r, 0, sizeof(r));
	r.bytes = args_size(a, "bytes", 4096);
	if (!more || n == 0 || (l->held && r.bytes != l->token_bytes)) {
		snprintf(err, INITIATOR_ERR, "n is 1 at least, bytes always the same");
		if (more)
			l->tokens = more;
		return NULL;
	}
	l->tokens = more;
	l->token_bytes = r.bytes;
	r.keep = true;
	parse_row(&r, "pt,rrti");
	return run_rows(&r, l, a, err);
}

json_t *load_wut(struct load *l, struct args *a, char *err)
{
	static struct row_step r;

	if (l->held == 0) {
		snprintf(err, INITIATOR_ERR, "no token is kept");
		return NULL;
	}
	memset(&r, 0, sizeof(r));
	r.bytes = l->token_bytes;
	r.first = args_size(a, "first", 0);
	r.row[0] = ROW_WUT;
	r.len = 1;
	return run_rows(&r, l, a, err);
}
