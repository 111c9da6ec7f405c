/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FORMAT UNIT and SANITIZE: of everything that was there nothing is left, and all tokens
 * of the LUN are cancelled.  Nothing else that writes there is over later.
 */
#include "format.h"
#include "world.h"

static bool begin(struct slot *s, const char *name, uint64_t v, bool own)
{
	unsigned per = w.lun[s->lun].per_block;

	if (w.lun[s->lun].k->stays || w.lun[s->lun].clearing)
		return false;
	s->act = act_new(name, false);
	if (!s->act)
		return false;
	if (own)
		v = act_content(s->act, 0);
	for (unsigned i = 0; i < w.lun[s->lun].blocks * per; i++)
		act_write(s->act, place_of(s->lun, i), v);
	w.lun[s->lun].clearing++;
	w.lun[s->lun].trouble++;
	tokens_of_lun(s->lun, true);
	return true;
}

bool make_format(struct slot *s, unsigned lun)
{
	s->lun = lun;
	s->cdb = cdb_of(CMD_FORMAT_UNIT);
	return begin(s, "FORMAT UNIT", 0, false);
}

static bool format(struct slot *s)
{
	return make_format(s, s->lun);
}

static bool block_erase(struct slot *s)
{
	s->cdb = cdb_of(CMD_SANITIZE_BLOCK_ERASE);
	return w.lun[s->lun].thin && begin(s, "SANITIZE (block erase)", 0, false);
}

static bool overwrite(struct slot *s)
{
	uint8_t pattern[CELL];
	struct sanitize_overwrite o = {
		.invert = true, .passes = upto(2) ? 1 : 3, .pattern = pattern, .pattern_len = CELL
	};
	struct writer out = writer(s->buf, SLOT_BYTES);

	s->cdb = cdb_of(CMD_SANITIZE_OVERWRITE);
	if (!begin(s, "SANITIZE (overwrite)", 0, true))
		return false;
	content_fill(pattern, act_content(s->act, 0));
	sanitize_overwrite_encode(&out, &o);
	s->cdb.len = (uint32_t)out.len;
	return true;
}

static void clear_undo(struct slot *s)
{
	w.lun[s->lun].clearing--;
	w.lun[s->lun].trouble++;
}

/* It is over: @done, or it ended somewhere in between. */
static void clear_over(struct slot *s, bool done)
{
	struct mlun *l = &w.lun[s->lun];
	uint64_t v = s->act->out[0].e[0].v;
	/* It may have ended long ago, and an EXTENDED COPY sent elsewhere written here. */
	bool exact = done && !s->background;

	l->clearing--;
	l->trouble++;
	s->background = false;
	act_end(s->act, done ? s->act->nwr : 0, MAY_BE);
	s->act = NULL;
	if (!done) {
		tokens_of_lun(s->lun, true);
		return;
	}
	if (exact)
		model_set_lun(s->lun, v);
	tokens_of_lun(s->lun, !exact);
	l->leaked = 0;
}

static void judge_clear(struct slot *s)
{
	bool sanitize = s->cdb.op->cmd != CMD_FORMAT_UNIT;

	if (is_good(s)) {
		clear_over(s, true);
	} else if (s->task.aborted && sanitize) {
		s->background = true; /* it goes on by itself (SBC-4 4.11.3) */
	} else {
		if (s->task.sense.key != KEY_NOT_READY) /* another one runs */
			judge_failure(s);
		clear_over(s, false);
	}
}

static void poll_clear(struct slot *s)
{
	s->cdb = cdb_of(CMD_TEST_UNIT_READY);
}

void clears_are_over(unsigned lun)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &w.slots[i];

		if (s->background && s->cmd->poll == poll_clear && s->lun == lun)
			clear_over(s, true);
	}
}

/* Had it been over, its being accepted would have said so. */
static void clear_polled(struct slot *s)
{
	(void)s;
}

const struct command clear_commands[] = {
	{ "FORMAT UNIT", 1, format, clear_undo, NULL, judge_clear, NULL, NULL },
	{ "SANITIZE", 1, block_erase, clear_undo, NULL, judge_clear, poll_clear, clear_polled },
	{ "SANITIZE", 1, overwrite, clear_undo, NULL, judge_clear, poll_clear, clear_polled },
	{ NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL },
};
const struct command *const format_command = &clear_commands[0];
