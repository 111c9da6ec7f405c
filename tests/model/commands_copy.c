/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies: POPULATE TOKEN, WRITE USING TOKEN, what is asked about them, EXTENDED COPY.
 */
#include <string.h>

#include "bytes.h"
#include "world.h"

/* ---- tokens and results ---- */

static struct mtoken *token_in(enum token_state state)
{
	unsigned first = upto(TOKENS);

	for (unsigned i = 0; i < TOKENS; i++) {
		struct mtoken *t = &w.tokens[(first + i) % TOKENS];

		if (t->state == state && (state != T_FREE || t->users == 0))
			return t;
	}
	return NULL;
}

void token_lost(struct mtoken *t)
{
	if (!t)
		return;
	if (t->state == T_UNFETCHED || t->state == T_LIVE)
		w.lun[t->lun].leaked++;
	t->state = T_FREE;
}

void tokens_of_lun(unsigned lun, bool doubtful)
{
	for (unsigned i = 0; i < TOKENS; i++) {
		struct mtoken *t = &w.tokens[i];

		if (t->lun != lun || t->state == T_FREE)
			continue;
		t->doubtful = true; /* one that is being made, too */
		if (doubtful)
			continue;
		if (t->state == T_LIVE) {
			t->state = T_DEAD;
			t->why = ASC_TOKEN_CANCELLED;
		} else if (t->state == T_UNFETCHED) {
			t->state = T_FREE;
		}
	}
}

static struct result *result_of(const struct slot *s)
{
	return &w.results[s->lun][s->nexus][s->cdb.list_id];
}

static void result_lost(struct result *r)
{
	if (r->known && !r->running && r->token && r->token->made == r->made &&
	    r->token->state == T_UNFETCHED)
		token_lost(r->token);
	r->known = r->unsure = false;
	r->token = NULL;
	r->changes++;
}

void results_gone(unsigned lun, unsigned nexus)
{
	for (unsigned l = 0; l < w.nluns; l++)
		for (unsigned n = 0; n < NEXUSES; n++)
			for (unsigned i = 0; i < LIST_IDS; i++)
				if ((lun == MODEL_LUNS || lun == l) &&
				    (nexus == NEXUSES || nexus == n))
					result_lost(&w.results[l][n][i]);
}

/* Somebody who has been accepted is going to use that list identifier. */
static bool is_taken(const struct result *r)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (w.slots[i].act && w.slots[i].result == r && w.slots[i].state == S_WAITS)
			return true;
	return r->running;
}

/* Finds a list identifier; false: they are in use. */
static bool take_id(struct slot *s)
{
	for (unsigned tries = 0; tries < 8; tries++) {
		s->cdb.list_id = upto(LIST_IDS);
		s->result = result_of(s);
		if (!is_taken(s->result))
			return true;
	}
	return false;
}

/* From here on it is this command's. */
static void result_begin(struct slot *s)
{
	struct result *r = s->result;

	result_lost(r);
	r->known = r->running = true;
	r->unsure = s->immed;
	r->sa = s->cdb.op->sa;
	r->count = 0;
	r->token = s->cdb.op->cmd == CMD_POPULATE_TOKEN ? s->tok : NULL;
	r->made = r->token ? r->token->made : 0;
	r->ncells = r->token ? r->token->ncells : 0;
}

/* Nobody took it away meanwhile: this is said from now on. */
static void result_end(struct slot *s, uint8_t status, uint64_t count)
{
	struct result *r = s->result;

	if (!r->running)
		return;
	r->running = false;
	/* How far it got; or whether it took the identifier, before it was refused. */
	r->unsure = status == TPC_TERMINATED || s->task.sense.key == KEY_NOT_READY;
	r->changes++;
	r->status = status;
	r->count = count;
	if (status != TPC_DONE)
		r->token = NULL;
}

static bool result_is_mine(const struct slot *s)
{
	return s->result->known && s->result->running;
}

/* ---- POPULATE TOKEN ---- */

static bool populate(struct slot *s)
{
	unsigned per = w.lun[s->lun].per_block, blocks, n;
	struct tpc_range r[MAX_RANGES];

	s->cdb = cdb_of(CMD_POPULATE_TOKEN);
	s->tok = token_in(T_FREE);
	if (!s->tok && (s->tok = token_in(T_DEAD)) && s->tok->users)
		s->tok = NULL;
	if (!s->tok || !take_id(s))
		return false;
	s->act = act_new("POPULATE TOKEN", false);
	if (!s->act)
		return false;
	n = pick_ranges(s->lun, 600 / per, r, &blocks);
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < r[i].blocks * per; k++)
			act_observe(s->act, place_of(s->lun, r[i].lba * per + k));
	s->asked = blocks;
	s->immed = upto(5) == 0;
	s->cdb.len = (uint32_t)tpc_pt_encode(s->buf, SLOT_BYTES, s->immed, false, 0, 0, r, n);
	*s->tok = (struct mtoken) { .state = T_MAKING,
				    .lun = s->lun,
				    .nexus = s->nexus,
				    .list_id = s->cdb.list_id,
				    .made = ++w.tokens_made,
				    .first = (unsigned)r[0].lba,
				    .n = r[0].blocks,
				    .ncells = s->act->nobs };
	return true;
}

static void populate_undo(struct slot *s)
{
	s->tok->state = T_FREE;
}

/* By an abort, or by COPY OPERATION ABORT. */
static bool was_ended(const struct slot *s)
{
	return s->task.aborted || kcq_of(s) == 0xa2f02;
}

/* IMMED: without its task, which was told so, or aborted before it could be.  Not if that
 * was refused, aborted or not. */
static bool goes_on(const struct slot *s)
{
	return s->immed && kcq_of(s) == 0 && (is_good(s) || s->task.aborted);
}

static void populated(struct slot *s, bool good)
{
	if (good) {
		act_freeze(s->act, s->tok->cells);
		s->tok->state = T_UNFETCHED;
		if (!result_is_mine(s)) /* its result went before it was there */
			token_lost(s->tok);
		result_end(s, TPC_DONE, s->asked);
	} else {
		s->tok->state = T_FREE;
		result_end(s, was_ended(s) ? TPC_TERMINATED : TPC_FAILED, 0);
	}
	act_end(s->act, 0, IS_OUT);
	s->act = NULL;
	s->background = false;
}

static void judge_populate(struct slot *s)
{
	if (goes_on(s)) {
		s->background = true;
		return;
	}
	/* Writes that came before may take longer than a PT is to take. */
	if (!is_good(s) && (kcq_of(s) != 0xb5503 || !w.lun[s->lun].k->deadline_ms))
		judge_failure(s);
	populated(s, is_good(s));
	s->follows = s->tok->state == T_UNFETCHED && upto(10);
}

/* ---- WRITE USING TOKEN ---- */

/* The act: what of the token goes where; all that is there of it. */
static void wut_act(struct slot *s, uint64_t offset, const struct tpc_range *r, unsigned n)
{
	unsigned per = w.lun[s->lun].per_block;
	uint64_t at = offset * per;

	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < r[i].blocks * per; k++, at++) {
			struct place p = place_of(s->lun, r[i].lba * per + k);

			if (s->tok && at >= (s->tok->ncells + per - 1) / per * per)
				return;
			act_write(s->act, p, s->tok && at < s->tok->ncells ? s->tok->cells[at] : 0);
		}
}

static bool make_wut(struct slot *s, uint64_t offset, const struct tpc_range *r, unsigned n)
{
	uint8_t zero[ROD_TOKEN_LEN];

	s->act = act_new(s->tok ? "WRITE USING TOKEN" : "WRITE USING TOKEN (zeros)", false);
	if (!s->act)
		return false;
	rod_token_encode_zero(zero);
	s->asked = 0;
	for (unsigned i = 0; i < n; i++)
		s->asked += r[i].blocks;
	s->first = (unsigned)r[0].lba;
	s->n = 500 / w.lun[s->lun].per_block;
	if (s->n > r[0].blocks)
		s->n = r[0].blocks;
	wut_act(s, offset, r, n);
	s->cdb.len = (uint32_t)tpc_wut_encode(s->buf, SLOT_BYTES, s->immed, s->del, offset,
					      s->tok ? s->tok->bytes : zero, r, n);
	if (s->tok) {
		s->tok->users++;
		s->luns |= 1u << s->tok->lun;
	}
	return true;
}

static void wut_undo(struct slot *s)
{
	if (s->tok)
		s->tok->users--;
}

static void wut_begin(struct slot *s)
{
	s->was_dead = s->tok && s->tok->state == T_DEAD;
	if (s->tok && s->del)
		s->tok->doubtful = true;
	if (s->tok) {
		w.chase.lun = s->tok->lun;
		w.chase.first = s->tok->first;
		w.chase.n = s->tok->n;
		w.chase.commands = 1 + upto(3);
	}
	result_begin(s);
}

static bool write_using_token(struct slot *s)
{
	unsigned per = w.lun[s->lun].per_block, blocks, n;
	struct tpc_range r[MAX_RANGES];
	uint64_t offset = 0, have;

	s->cdb = cdb_of(CMD_WRITE_USING_TOKEN);
	if (!take_id(s))
		return false;
	s->tok = upto(10) == 0 ? NULL : token_in(upto(12) ? T_LIVE : T_DEAD);
	s->immed = upto(5) == 0;
	have = s->tok ? (s->tok->ncells + per - 1) / per : 300 / per;
	if (s->tok && upto(2))
		offset = upto((unsigned)have);
	have -= offset;
	n = pick_ranges(s->lun, upto(20) ? (unsigned)have : (unsigned)have + 3, r, &blocks);
	/* All of it wants to be seen, too, and those no longer needed go. */
	s->del = s->tok && s->tok->state == T_LIVE && upto(token_in(T_FREE) ? 12 : 2) == 0;
	return make_wut(s, offset, r, n);
}

bool make_whole_wut(struct slot *s, struct mtoken *t, unsigned lun)
{
	unsigned per = w.lun[lun].per_block;
	struct tpc_range r = { 0, (t->ncells + per - 1) / per };

	if (r.blocks > w.lun[lun].blocks)
		return false;
	s->lun = lun;
	s->luns = 1u << lun;
	s->cdb = cdb_of(CMD_WRITE_USING_TOKEN);
	s->tok = t;
	return take_id(s) && make_wut(s, 0, &r, 1);
}

/* The token after a WUT that was to delete it. */
static void deleted(struct slot *s)
{
	struct mtoken *t = s->tok;

	if (!t || !s->del || t->state != T_LIVE)
		return;
	if (is_good(s)) {
		t->state = T_DEAD;
		t->why = ASC_TOKEN_DELETED;
	} else {
		token_lost(t); /* deleted, or not */
	}
}

/* It has ended; the first @count blocks are written, of the others nobody knows. */
static void written(struct slot *s, uint8_t status, uint64_t count, enum fate rest)
{
	unsigned n = (unsigned)count * w.lun[s->lun].per_block;

	if (n > s->act->nwr) {
		model_wrong("operation %u (WRITE USING TOKEN) says it wrote %llu blocks; the token "
			    "has fewer",
			    s->act->op, (unsigned long long)count);
		n = s->act->nwr;
	}
	w.copies++;
	result_end(s, status, count);
	act_end(s->act, n, rest);
	s->act = NULL;
	s->background = false;
	if (s->tok)
		s->tok->users--;
	deleted(s);
	if (s->tok && s->tok->state == T_DEAD && !s->tok->users && upto(2))
		s->tok->state = T_FREE;
}

/* 0: not a partial one; else the status that RRTI must say. */
static uint8_t partial(const struct slot *s, unsigned kcq, uint64_t count)
{
	if ((kcq != 0xa0d04 && kcq != 0x50d04) || (kcq == 0x50d04) != (count == 0))
		return 0;
	if (count >= s->asked)
		model_wrong("operation %u (WRITE USING TOKEN) failed with all %llu blocks",
			    s->act->op, (unsigned long long)count);
	return TPC_PARTIAL;
}

/* May that token have failed by itself? */
static bool stale(const struct slot *s, unsigned kcq)
{
	unsigned asc = kcq & 0xffff;

	if (!s->tok || kcq >> 16 != KEY_ILLEGAL_REQUEST || asc >> 8 != ASC_TOKEN_CANCELLED >> 8)
		return false;
	if (s->was_dead)
		return asc == s->tok->why || s->tok->doubtful;
	return s->tok->doubtful || w.lun[s->tok->lun].k->cancel || s->tok->state == T_DEAD ||
	       s->tok->state == T_FREE;
}

static void judge_wut(struct slot *s)
{
	unsigned kcq = kcq_of(s);
	uint64_t count = s->task.sense.info;
	uint8_t as;

	if (s->was_dead && (is_good(s) || (!stale(s, kcq) && !excused(s))))
		model_wrong("operation %u (WRITE USING TOKEN) of a token that is gone (%04x) ended "
			    "with status %02x, sense %05x",
			    s->act->op, s->tok->why, s->task.status, kcq);
	if (goes_on(s)) {
		s->background = true;
		return;
	}
	if (is_good(s)) {
		written(s, TPC_DONE, s->asked, IS_OUT);
		s->follows = upto(2);
		return;
	}
	as = s->task.aborted ? 0 : partial(s, kcq, count);
	if (as) {
		w.partial++;
		written(s, as, count, MAY_BE);
		return;
	}
	w.stale += stale(s, kcq);
	if (!stale(s, kcq))
		judge_failure(s);
	written(s, was_ended(s) ? TPC_TERMINATED : TPC_FAILED, 0, s->was_dead ? IS_OUT : MAY_BE);
}

/* ---- RECEIVE ROD TOKEN INFORMATION ---- */

static void make_rrti(struct slot *s, unsigned list_id)
{
	s->cdb = cdb_of(CMD_RECEIVE_ROD_TOKEN_INFORMATION);
	s->cdb.list_id = list_id;
	s->cdb.len = 1024;
	s->result = result_of(s);
	s->seen_changes = s->result->changes;
}

static bool rrti(struct slot *s)
{
	struct mtoken *t = token_in(T_UNFETCHED);

	if (t && upto(3)) {
		s->lun = t->lun;
		s->nexus = t->nexus;
	}
	make_rrti(s, t && s->lun == t->lun ? t->list_id : upto(LIST_IDS));
	return true;
}

static void got_token(struct result *r, const struct tpc_result *t)
{
	struct rod_token tok;

	if (!rod_token_decode(t->token, &tok) || tok.bytes != (uint64_t)r->ncells * CELL)
		model_wrong("RRTI: the token is not that of the list identifier");
	if (r->token->made != r->made || r->token->state != T_UNFETCHED)
		return;
	memcpy(r->token->bytes, t->token, ROD_TOKEN_LEN);
	r->token->state = T_LIVE;
}

static void judge_rrti(struct slot *s)
{
	struct result *r = s->result;
	struct tpc_result t;

	if (!is_good(s)) {
		if (s->task.aborted ||
		    (kcq_of(s) == 0x52400 &&
		     (!r->known || r->unsure || excused(s) || r->changes != s->seen_changes)))
			return;
		judge_failure(s);
		return;
	}
	if (!tpc_result_decode(s->buf, s->task.in_len, &t)) {
		model_wrong("RRTI is GOOD without an answer");
		return;
	}
	if (r->changes != s->seen_changes || r->unsure)
		return;
	if (!r->known) {
		model_wrong("RRTI of LUN %u knows a result of nothing", s->lun);
		return;
	}
	if (r->running) {
		if (t.status != TPC_FOREGROUND && !s->task.aborted)
			model_wrong("RRTI: status %02x, while it runs", t.status);
		return;
	}
	if (t.sa != r->sa || t.status != r->status || t.count != r->count)
		model_wrong("RRTI says service action %02x, status %02x, count %llu; it was %02x, "
			    "%02x, %llu",
			    t.sa, t.status, (unsigned long long)t.count, r->sa, r->status,
			    (unsigned long long)r->count);
	if (t.token && r->token)
		got_token(r, &t);
}

/* ---- in the background ---- */

static void poll_copy(struct slot *s)
{
	make_rrti(s, (unsigned)(s->result - w.results[s->lun][s->nexus]));
}

static void copy_over(struct slot *s, const struct tpc_result *t)
{
	bool populate = s->tok && s->tok->state == T_MAKING && s->act->nobs;

	s->task.aborted = t->status == TPC_TERMINATED;
	s->task.sense = t->sense;
	if (t->status == TPC_DONE)
		s->task.status = SAM_GOOD;
	else
		s->task.status = SAM_CHECK_CONDITION;
	if (populate) {
		if (t->status != TPC_DONE)
			judge_failure(s);
		populated(s, t->status == TPC_DONE);
		return;
	}
	s->immed = false;
	if (t->status == TPC_DONE && t->count != s->asked)
		model_wrong("in the background: done, and %llu blocks of %llu",
			    (unsigned long long)t->count, (unsigned long long)s->asked);
	if (t->status == TPC_TERMINATED) {
		w.aborted++;
		written(s, TPC_TERMINATED, t->count, MAY_BE);
	} else {
		judge_wut(s);
	}
}

static void copy_polled(struct slot *s)
{
	struct tpc_result t;

	if (!is_good(s) || !tpc_result_decode(s->buf, s->task.in_len, &t) ||
	    t.status == TPC_BACKGROUND || t.status == TPC_FOREGROUND)
		return;
	copy_over(s, &t);
}

void background_lost(struct slot *s)
{
	w.aborted++;
	if (s->act->nobs) {
		s->tok->state = T_FREE;
		w.lun[s->lun].leaked++;
	} else if (s->tok) {
		s->tok->users--;
		if (s->del)
			token_lost(s->tok);
	}
	s->result->running = false;
	s->result->unsure = s->result->known;
	s->result->token = NULL;
	s->result->changes++;
	act_end(s->act, 0, MAY_BE);
	s->act = NULL;
	s->background = false;
}

/* ---- COPY OPERATION ABORT ---- */

static bool copy_operation_abort(struct slot *s)
{
	s->cdb = cdb_of(CMD_COPY_OPERATION_ABORT);
	for (unsigned tries = 0; tries < 8; tries++) {
		struct slot *of = &w.slots[upto(SLOTS)];

		if (!of->result || !of->act || of->state == S_WAITS || !result_is_mine(of))
			continue;
		s->lun = of->lun;
		s->nexus = of->nexus;
		s->cdb.list_id = (uint32_t)(of->result - w.results[s->lun][s->nexus]);
		s->result = of->result;
		for (unsigned i = 0; i < w.nluns; i++)
			w.lun[i].trouble += of->luns >> i & 1;
		return true;
	}
	return false;
}

/* Nothing of it goes on any more. */
static void judge_abort(struct slot *s)
{
	if (!is_good(s)) {
		if (!s->task.aborted && kcq_of(s) != 0x52400)
			judge_failure(s);
		return;
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *of = &w.slots[i];

		if (of == s || of->result != s->result || !of->act || of->started > s->started)
			continue;
		if (of->background)
			background_lost(of);
		else if (of->state == S_RUNS && result_is_mine(of))
			model_wrong("COPY OPERATION ABORT is GOOD, and operation %u goes on",
				    of->act->op);
	}
}

/* ---- EXTENDED COPY ---- */

static struct xcopy_cscd cscd_of(unsigned lun)
{
	const struct mlun *l = &w.lun[lun];

	return (struct xcopy_cscd) { .code_set = 1,
				     .designator_type = 3,
				     .designator_len = l->naa_len,
				     .designator = l->naa,
				     .block_size = l->per_block * CELL };
}

static bool extended_copy(struct slot *s)
{
	const struct xcopy_list head = { .usage = XCOPY_NO_ID };
	unsigned src = upto(w.nluns), dst = upto(3) ? upto(w.nluns) : src, first, n, cells;
	struct xcopy_segment seg = { .type = XCOPY_BLOCKS, .src = 0, .dst = 1 };
	const struct mlun *from = &w.lun[src], *to = &w.lun[dst];
	struct xcopy_cscd cscds[2] = { cscd_of(src), cscd_of(dst) };

	if (!from->there || !to->there)
		return false;
	s->cdb = cdb_of(CMD_EXTENDED_COPY_LID1);
	pick_place(src, 500 / from->per_block, &first, &n);
	cells = n * from->per_block;
	if (cells > to->blocks * to->per_block)
		cells = to->blocks * to->per_block;
	cells -= cells % to->per_block;
	cells -= from->per_block > 1 ? cells % from->per_block : 0;
	if (cells == 0)
		return false;
	seg.src_lba = first;
	seg.dst_lba = upto(to->blocks - cells / to->per_block + 1);
	if (src == dst && upto(2)) { /* near each other */
		seg.dst_lba = first + upto(40);
		if (seg.dst_lba > to->blocks - cells / to->per_block)
			seg.dst_lba = to->blocks - cells / to->per_block;
	}
	seg.count = cells / from->per_block;
	s->act = act_new("EXTENDED COPY", false);
	if (!s->act)
		return false;
	s->luns = 1u << s->lun | 1u << src | 1u << dst;
	for (unsigned i = 0; i < cells; i++)
		act_copy(s->act, place_of(src, seg.src_lba * from->per_block + i),
			 place_of(dst, seg.dst_lba * to->per_block + i));
	s->cdb.len = (uint32_t)xcopy_encode(s->buf, SLOT_BYTES, &head, cscds, 2, &seg, 1);
	return true;
}

static void judge_extended_copy(struct slot *s)
{
	if (!is_good(s))
		judge_failure(s);
	act_end(s->act, is_good(s) ? s->act->nwr : 0, MAY_BE);
}

const struct command copy_commands[] = {
	{ "RECEIVE ROD TOKEN INFORMATION", 30, rrti, NULL, NULL, judge_rrti, NULL, NULL },
	{ "WRITE USING TOKEN", 150, write_using_token, wut_undo, wut_begin, judge_wut, poll_copy,
	  copy_polled },
	{ "POPULATE TOKEN", 110, populate, populate_undo, result_begin, judge_populate, poll_copy,
	  copy_polled },
	{ "EXTENDED COPY", 40, extended_copy, NULL, NULL, judge_extended_copy, NULL, NULL },
	{ "COPY OPERATION ABORT", 4, copy_operation_abort, NULL, NULL, judge_abort, NULL, NULL },
	{ NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL },
};
const struct command *const rrti_command = &copy_commands[0];
const struct command *const wut_command = &copy_commands[1];
