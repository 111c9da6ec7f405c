/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays: commands of all kinds in many slots at once, from several sessions, with aborts,
 * resets, sessions that end and LUNs that go away in between.
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define CHECK_EVERY 4000u
#define MAX_LEAKED  40u

/* ---- the loop ---- */

static struct ring_post again;
static unsigned turns;

static void turned(struct ring_post *post)
{
	if (turns-- == 0)
		ring_stop(w.env.ring);
	else
		ring_post(w.env.ring, post);
}

void turn(unsigned n)
{
	turns = n;
	again.fn = turned;
	ring_post(w.env.ring, &again);
	ring_run(w.env.ring);
}

static void waited(struct ring_timer *t)
{
	(void)t;
	ring_stop(w.env.ring);
}

/* Until something happens, or @us have passed. */
static void pause_us(unsigned us)
{
	struct ring_timer t = { .fn = waited };

	ring_timer_set(w.env.ring, &t, us * 1000ull);
	ring_run(w.env.ring);
	ring_timer_cancel(w.env.ring, &t);
}

/* ---- a command's life ---- */

/* The next piece, or all of it. */
static void send_piece(struct slot *s)
{
	struct task *t = &s->task;
	uint64_t left = t->data_len - s->sent, len = left;
	unsigned unit = w.lun[s->lun].per_block * CELL;
	uint8_t *at = s->buf + s->sent;

	if (s->pieces && s->sent == 0)
		len = (1 + upto((unsigned)(left / unit) - 1)) * (uint64_t)unit;
	t->len = t->dir == DIR_NONE ? 0 : len;
	t->data_off = s->sent;
	t->data = s->vec;
	t->niov = 0;
	s->sent += len;
	/* Media data is cut in any place; other data is one piece of memory. */
	while (t->split && t->niov < 2 && len > 1) {
		uint64_t some = 1 + upto((unsigned)len - 1);

		s->vec[t->niov++] = (struct iovec) { at, some };
		at += some;
		len -= some;
	}
	if (t->len)
		s->vec[t->niov++] = (struct iovec) { at, len };
	lu_submit(t);
}

static void go(struct slot *s)
{
	s->state = S_RUNS;
	if (!s->polling)
		s->started = model_tick();
	if (s->act && !s->polling)
		act_begin(s->act);
	if (s->cmd->begin && !s->polling)
		s->cmd->begin(s);
	send_piece(s);
}

static void undo(struct slot *s)
{
	if (s->polling)
		return;
	if (s->cmd->undo)
		s->cmd->undo(s);
	act_drop(s->act);
	s->act = NULL;
}

/* Only a unit attention, or a LUN that cannot be used now. */
static void judge_refusal(const struct slot *s)
{
	w.refused++;
	if (s->task.sense.key == KEY_UNIT_ATTENTION || (s->polling && s->cmd->undo))
		return;
	judge_failure(s);
}

static void over(struct task *t)
{
	struct slot *s = (struct slot *)t;

	if (is_good(s) && s->sent < t->data_len && t->dir == DIR_OUT && t->split) {
		send_piece(s);
		return;
	}
	w.good += is_good(s);
	w.aborted += t->aborted;
	if (!s->polling)
		s->cmd->judge(s);
	else if (s->act)
		s->cmd->polled(s);
	if (!s->background)
		s->act = NULL;
	task_end(t);
	s->state = S_FREE;
	s->polling = false;
}

/* It is to be dropped before its data has come. */
static void dropped(struct task *t)
{
	struct slot *s = (struct slot *)t;

	undo(s);
	task_end(t);
	s->state = S_FREE;
	s->polling = false;
}

static void submit(struct slot *s, bool wait)
{
	struct task *t = &s->task;

	memset(t, 0, sizeof(*t));
	t->nexus = &w.nexus[s->nexus];
	t->cdb_len = (uint8_t)scsi_cdb_encode(&s->cdb, t->cdb);
	t->done = over;
	t->on_abort = dropped;
	s->trouble = trouble_of(s->luns);
	s->sent = 0;
	w.begun++;
	if (!target_accept(w.target, scsi_lun_encode((uint16_t)s->lun), t)) {
		judge_refusal(s);
		if (s->polling && s->cmd->polled && s->act)
			s->cmd->polled(s);
		undo(s);
		s->polling = false;
		s->state = S_FREE;
		return;
	}
	if (w.lun[s->lun].clearing && t->req.op->flags & OP_MEDIUM)
		clears_are_over(s->lun);
	s->state = S_WAITS;
	if (!wait || t->dir != DIR_OUT)
		go(s);
}

static void begin(struct slot *s, const struct command *cmd)
{
	uint8_t *buf = s->buf;
	bool follows = s->follows;
	unsigned lun = s->lun, nexus = s->nexus, first = s->first, n = s->n;
	const struct command *before = s->cmd;

	*s = (struct slot) { .buf = buf, .cmd = cmd, .lun = lun, .nexus = nexus };
	if (follows && before == wut_command) {
		s->cmd = read_command;
		s->act = act_new("READ", false);
		if (s->act)
			make_read(s, lun, first, n);
	} else if (follows) {
		s->cmd = rrti_command;
	}
	if (!follows) {
		s->lun = w.chase.commands ? w.chase.lun : upto(w.nluns);
		s->nexus = upto(NEXUSES);
	}
	s->luns = 1u << s->lun;
	if ((s->cmd == read_command && follows) ? s->act == NULL : !s->cmd->make(s))
		return;
	w.chase.commands -= w.chase.commands > 0;
	s->luns |= 1u << s->lun;
	submit(s, upto(20) == 0);
}

static const struct command *some_command(void)
{
	static const struct command *const tables[] = { io_commands, copy_commands,
							clear_commands };
	static unsigned total;
	unsigned dice;

	if (total == 0)
		for (unsigned i = 0; i < COUNT(tables); i++)
			for (const struct command *c = tables[i]; c->name; c++)
				total += c->weight;
	dice = upto(total);
	for (unsigned i = 0; i < COUNT(tables); i++)
		for (const struct command *c = tables[i]; c->name; c++) {
			if (dice < c->weight)
				return c;
			dice -= c->weight;
		}
	return read_command;
}

static void poll(struct slot *s)
{
	s->polling = true;
	s->cmd->poll(s);
	s->luns |= 1u << s->lun;
	submit(s, false);
}

/* ---- what happens to commands ---- */

static void abort_one(struct slot *s)
{
	if (s->state == S_RUNS) {
		lu_abort(&s->task);
	} else if (s->state == S_WAITS) {
		s->task.aborted = true;
		dropped(&s->task);
	}
}

struct reset {
	struct target_reset r;
	bool pending;
	unsigned lun, nexus;
	uint32_t began;
};
static struct reset resets[RESETS];

static bool is_met(const struct reset *r, const struct slot *s)
{
	return (r->r.all || s->lun == r->lun) && s->started < r->began &&
	       (r->r.what != TARGET_ABORT_TASK_SET || s->nexus == r->nexus);
}

/* Nothing that was there when it came is at work any more. */
static void reset_over(struct target_reset *tr)
{
	struct reset *r = (struct reset *)tr;

	r->pending = false;
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &w.slots[i];

		if (!s->act || !is_met(r, s))
			continue;
		if (s->background && s->result)
			background_lost(s);
		else if (s->state == S_RUNS && !s->polling && !s->background)
			model_wrong("a reset of LUN %u is over, and operation %u (%s) goes on",
				    s->lun, s->act->op, s->cmd->name);
	}
}

static bool start_reset(enum target_tmf what, unsigned lun, unsigned nexus)
{
	struct reset *r = NULL;

	for (unsigned i = 0; i < RESETS && !r; i++)
		if (!resets[i].pending)
			r = &resets[i];
	if (!r || !w.lun[lun].there)
		return false;
	*r = (struct reset) { .lun = lun, .nexus = nexus, .began = model_tick() };
	r->r = (struct target_reset) { .nexus = &w.nexus[nexus],
				       .what = what,
				       .lun = scsi_lun_encode((uint16_t)lun),
				       .done = reset_over };
	r->r.all = what == TARGET_RESET && upto(4) == 0;
	w.resets++;
	for (unsigned i = 0; i < w.nluns; i++)
		w.lun[i].trouble += r->r.all || i == lun;
	if (what == TARGET_RESET)
		results_gone(r->r.all ? MODEL_LUNS : lun, NEXUSES);
	r->pending = true;
	return target_reset(w.target, &r->r);
}

static bool uses(unsigned nexus)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (w.slots[i].state != S_FREE && w.slots[i].nexus == nexus)
			return true;
	for (unsigned i = 0; i < RESETS; i++)
		if (resets[i].pending && resets[i].nexus == nexus)
			return true;
	return false;
}

/*
 * As the iSCSI front end: every task is aborted, the nexus goes when they have ended.
 * Its copies in the background go on, and another session ends them.
 */
static void end_session(void)
{
	unsigned n = upto(NEXUSES), orphans = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		if (w.slots[i].nexus == n)
			abort_one(&w.slots[i]);
	while (uses(n))
		pause_us(200);
	target_nexus_remove(w.target, &w.nexus[n]);
	results_gone(MODEL_LUNS, n);
	CU_ASSERT_EQUAL_FATAL(target_nexus_add(w.target, &w.nexus[n]), 0);
	for (unsigned i = 0; i < SLOTS; i++)
		if (w.slots[i].background && w.slots[i].result && w.slots[i].nexus == n)
			orphans |= 1u << w.slots[i].lun;
	for (unsigned lun = 0; lun < w.nluns; lun++)
		while (orphans & 1u << lun && w.lun[lun].there &&
		       !start_reset(TARGET_CLEAR_TASK_SET, lun, (n + 1) % NEXUSES))
			pause_us(200);
}

static struct {
	struct target_removal r;
	bool pending;
} removal;

static void removed(struct target_removal *r, int err)
{
	struct mlun *l = &w.lun[r->lun];

	removal.pending = false;
	l->removing = false;
	l->trouble++;
	l->leaked = 0;
	CU_ASSERT(err == 0 || w.s->errors);
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &w.slots[i];

		if (s->lun != r->lun || !s->act)
			continue;
		if (s->background && s->result)
			background_lost(s);
		else if (s->state != S_FREE && !s->polling)
			model_wrong("LUN %u is gone, and operation %u (%s) is not", r->lun,
				    s->act->op, s->cmd->name);
	}
	results_gone(r->lun, NEXUSES);
	tokens_of_lun(r->lun, false);
}

static void come_or_go(void)
{
	unsigned lun = 0;

	while (lun < w.nluns && !w.lun[lun].k->goes)
		lun++;
	if (lun == w.nluns || removal.pending)
		return;
	if (!w.lun[lun].there) {
		world_add_lun(lun);
		w.lun[lun].trouble++;
		return;
	}
	w.lun[lun].there = false;
	w.lun[lun].removing = true;
	w.lun[lun].trouble++;
	tokens_of_lun(lun, true);
	removal.r = (struct target_removal) { .lun = (uint16_t)lun, .done = removed };
	removal.pending = target_remove_lu(w.target, &removal.r);
	CU_ASSERT_TRUE(removal.pending);
}

/* ---- the game ---- */

static struct slot *free_slot(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (w.slots[i].state == S_FREE && !w.slots[i].background)
			return &w.slots[i];
	return NULL;
}

/* False: nothing could be begun. */
static bool something(void)
{
	struct slot *s = &w.slots[upto(SLOTS)];
	unsigned dice = upto(6000);
	uint64_t before = w.begun;

	if (dice >= 36 && s->state == S_RUNS)
		s = free_slot();
	if (!s)
		return false;

	if (dice < 24)
		abort_one(s);
	else if (dice < 30)
		start_reset((enum target_tmf)upto(3), upto(w.nluns), upto(NEXUSES));
	else if (dice < 33)
		end_session();
	else if (dice < 36)
		come_or_go();
	else if (s->state == S_WAITS)
		go(s);
	else if (s->state == S_FREE && s->background)
		poll(s);
	else if (s->state == S_FREE)
		begin(s, some_command());
	return w.begun > before;
}

static bool quiet(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (w.slots[i].state != S_FREE || w.slots[i].background)
			return false;
	for (unsigned i = 0; i < RESETS; i++)
		if (resets[i].pending)
			return false;
	return !removal.pending;
}

static void drain(void)
{
	for (unsigned ms = 0; !quiet(); ms++) {
		for (unsigned i = 0; i < SLOTS; i++) {
			if (w.slots[i].state == S_WAITS)
				go(&w.slots[i]);
			else if (w.slots[i].state == S_FREE && w.slots[i].background)
				poll(&w.slots[i]);
		}
		pause_us(500);
		if (ms > 60000) {
			for (unsigned i = 0; i < SLOTS; i++)
				if (w.slots[i].state != S_FREE || w.slots[i].background)
					printf("  slot %u: %s on LUN %u, %s\n", i,
					       w.slots[i].cmd->name, w.slots[i].lun,
					       w.slots[i].background ? "in the background"
								     : "waits");
			model_wrong("after half a minute commands are still waiting");
			abort();
		}
	}
}

/* Runs one that the caller makes, again while it meets unit attentions. */
static void run_one(bool (*make)(struct slot *s, void *arg), void *arg, const struct command *cmd)
{
	for (unsigned tries = 0; tries < 8; tries++) {
		struct slot *s = free_slot();
		uint8_t *buf = s->buf;
		uint64_t refused = w.refused;

		*s = (struct slot) { .buf = buf, .cmd = cmd };
		if (!make(s, arg))
			return;
		s->luns |= 1u << s->lun;
		submit(s, false);
		drain();
		if (w.refused == refused)
			return;
	}
}

struct part {
	unsigned lun, first, n;
	struct mtoken *t;
};

static bool make_part(struct slot *s, void *arg)
{
	const struct part *p = arg;

	s->act = act_new("READ (check)", false);
	make_read(s, p->lun, p->first, p->n);
	return true;
}

static bool make_all_of_token(struct slot *s, void *arg)
{
	const struct part *p = arg;

	return p->t->state == T_LIVE && make_whole_wut(s, p->t, p->lun);
}

static bool make_one_format(struct slot *s, void *arg)
{
	return make_format(s, ((struct part *)arg)->lun);
}

static void read_all(unsigned lun, unsigned blocks)
{
	unsigned most = SLOT_BYTES / CELL / w.lun[lun].per_block;
	struct part p = { .lun = lun };

	for (; p.first < blocks; p.first += p.n) {
		p.n = blocks - p.first < most ? blocks - p.first : most;
		run_one(make_part, &p, read_command);
	}
}

/* Nothing is under way: every cell of every LUN is looked at, and every token. */
static void check_all(void)
{
	struct part p = { 0 };

	drain();
	for (unsigned lun = 0; lun < w.nluns; lun++) {
		p.lun = lun;
		if (w.lun[lun].there)
			read_all(lun, w.lun[lun].blocks);
		if (w.lun[lun].there && w.lun[lun].leaked > MAX_LEAKED)
			run_one(make_one_format, &p, format_command);
	}
	for (unsigned i = 0; i < TOKENS; i++) {
		p.t = &w.tokens[i];
		p.lun = upto(w.nluns);
		if (!w.lun[p.lun].there || p.t->state != T_LIVE)
			continue;
		run_one(make_all_of_token, &p, wut_command);
		read_all(p.lun, w.lun[p.lun].blocks / 3);
	}
}

void play(uint32_t ops)
{
	memset(resets, 0, sizeof(resets));
	memset(&removal, 0, sizeof(removal));
	for (uint32_t i = 0; i < ops && model_stats.wrong == 0;) {
		if (!something() && !free_slot()) {
			pause_us(20);
			continue;
		}
		i = (uint32_t)w.begun;
		if (upto(3) == 0)
			turn(1 + upto(3));
		if (upto(CHECK_EVERY) == 0)
			check_all();
	}
	check_all();
}
