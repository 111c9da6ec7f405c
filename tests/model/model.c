/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CHOICE	  (1ull << CONTENT_BITS) /* a content that is the number of a choice */
#define MAX_DEPTH 6			 /* of choices among choices */
#define MAX_TOLD  5

struct tie {
	uint8_t act;
	uint16_t at;
};

struct cell {
	struct set now; /* what it may hold, but for what is under way */
	uint8_t nwr, nobs;
	struct tie wr[MODEL_ACTS], obs[MODEL_ACTS];
};

/* What a cell of a token holds: one of these, the same in every copy. */
struct choice {
	struct set s;
	struct watch *w; /* the token's */
};

struct model_stats model_stats;
static struct cell cells[MODEL_LUNS][LUN_CELLS];
static struct act acts[MODEL_ACTS];
static struct choice *choices;
static uint32_t nchoices, max_choices;
static struct watch *watches;
static uint32_t clock_now;

static struct cell *cell_at(struct place p)
{
	return &cells[p.lun][p.cell];
}

void model_init(uint32_t max_ops)
{
	past_init(max_ops);
	memset(&model_stats, 0, sizeof(model_stats));
	memset(acts, 0, sizeof(acts));
	nchoices = 0;
	clock_now = 0;
	for (unsigned lun = 0; lun < MODEL_LUNS; lun++)
		model_set_lun(lun, 0);
}

void model_done(void)
{
	past_done();
	free(choices);
	choices = NULL;
	max_choices = 0;
	while (watches) {
		struct watch *w = watches;

		watches = w->next;
		free(w);
	}
}

uint32_t model_tick(void)
{
	return ++clock_now;
}

void model_wrong(const char *fmt, ...)
{
	va_list ap;

	if (model_stats.wrong++ >= MAX_TOLD)
		return;
	va_start(ap, fmt);
	printf("  WRONG: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

/* ---- sets ---- */

static bool set_any(struct set *s, uint32_t end)
{
	bool was = s->any;

	s->any = true;
	if (!was || end > s->any_end)
		s->any_end = end;
	return !was;
}

/* True: it was not there before. */
static bool set_add(struct set *s, struct elem e)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct elem *x = &s->e[i];

		if (x->v != e.v)
			continue;
		if (x->base != e.base) /* made of two: it may be either */
			x->base = 0;
		if (x->op != e.op) {
			x->op = x->base = 0;
			x->sure = false;
		}
		if (e.end > x->end)
			x->end = e.end;
		return false;
	}
	if (s->n == SET_MAX)
		return set_any(s, e.end);
	s->e[s->n++] = e;
	return true;
}

/* What ended before @start is gone. */
static void set_forget(struct set *s, uint32_t start)
{
	unsigned n = 0;

	if (s->any && s->any_end < start)
		s->any = false;
	for (unsigned i = 0; i < s->n; i++)
		if (s->e[i].end >= start)
			s->e[n++] = s->e[i];
	s->n = (uint8_t)n;
}

static bool set_flies(const struct set *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->e[i].end == IN_FLIGHT)
			return true;
	return s->any && s->any_end == IN_FLIGHT;
}

static bool elem_is(uint64_t elem, uint64_t v, unsigned depth)
{
	const struct set *s;

	if (!(elem & CHOICE))
		return elem == v;
	s = &choices[elem & ~CHOICE].s;
	if (s->any || depth == MAX_DEPTH)
		return true;
	for (unsigned i = 0; i < s->n; i++)
		if (elem_is(s->e[i].v, v, depth + 1))
			return true;
	return false;
}

/* How many of the set explain @v; *ret: one of them. */
static unsigned set_explains(const struct set *s, uint64_t v, struct elem *ret)
{
	unsigned hits = 0;

	for (unsigned i = 0; i < s->n; i++)
		if (elem_is(s->e[i].v, v, 0)) {
			*ret = s->e[i];
			hits++;
		}
	return hits;
}

static bool set_could(const struct set *s, uint64_t v)
{
	struct elem e;

	return s->any || set_explains(s, v, &e) > 0;
}

/* ---- choices ---- */

static uint64_t choice_new(const struct set *s, struct watch *w)
{
	if (nchoices == max_choices) {
		max_choices = max_choices ? 2 * max_choices : 1024;
		choices = realloc(choices, max_choices * sizeof(*choices));
		if (!choices)
			abort();
	}
	choices[nchoices] = (struct choice) { *s, w };
	model_stats.choices++;
	return CHOICE | nchoices++;
}

/* The choice @elem is @v from now on. */
static void choice_make(uint64_t elem, uint64_t v)
{
	struct elem hit;
	unsigned hits, n = 0;
	struct choice *c;

	if (!(elem & CHOICE))
		return;
	c = &choices[elem & ~CHOICE];
	hits = set_explains(&c->s, v, &hit);
	if (hits == 0 || c->s.any) { /* whoever left it there: nothing is known of others by that */
		c->s = (struct set) { .n = 1, .e = { { .v = v } } };
		return;
	}
	if (hits == 1) {
		watch_note(c->w, &c->s, &hit);
		choice_make(hit.v, v);
		c->s = (struct set) { .n = 1, .e = { hit } };
		return;
	}
	for (unsigned i = 0; i < c->s.n; i++)
		if (elem_is(c->s.e[i].v, v, 0))
			c->s.e[n++] = c->s.e[i];
	c->s.n = (uint8_t)n;
}

void act_freeze(struct act *a, uint64_t *ret_cells)
{
	struct watch *w = NULL;

	for (unsigned i = 0; i < a->nobs; i++) {
		const struct set *s = &a->pre[i];

		if (s->n == 1 && !s->any) {
			ret_cells[i] = s->e[0].v;
			continue;
		}
		if (!w) {
			w = calloc(1, sizeof(*w));
			if (!w)
				abort();
			w->next = watches;
			watches = w;
		}
		ret_cells[i] = choice_new(s, w);
	}
}

/* ---- acts ---- */

struct act *act_new(const char *name, bool atomic)
{
	for (unsigned i = 0; i < MODEL_ACTS; i++) {
		struct act *a = &acts[i];

		if (a->used)
			continue;
		a->used = true;
		a->begun = false;
		a->name = name;
		a->atomic = atomic;
		a->op = past_new(name, atomic);
		a->how = MAKES;
		a->nobs = a->nwr = 0;
		return a;
	}
	return NULL;
}

void act_observe(struct act *a, struct place p)
{
	a->obs[a->nobs++] = p;
}

void act_write(struct act *a, struct place p, uint64_t v)
{
	a->out[a->nwr] =
		(struct set) { .n = 1, .e = { { .v = v, .op = a->op, .end = IN_FLIGHT } } };
	a->wr[a->nwr++] = p;
}

void act_or(struct act *a, struct place p, uint64_t v)
{
	act_copy(a, p, p);
	a->how = ORS;
	a->ors[a->nwr - 1] = v;
}

void act_copy(struct act *a, struct place from, struct place to)
{
	a->how = COPIES;
	a->out[a->nwr].n = 0;
	a->out[a->nwr].any = false;
	a->wr[a->nwr++] = to;
	act_observe(a, from);
}

uint64_t act_content(const struct act *a, unsigned i)
{
	return content_by(a->op, i);
}

static void possible(struct place p, struct elem e, bool any, const struct act *by);

/* What it writes to its cell @i if it finds @v there, or anything. */
static void derive(struct act *a, unsigned i, const struct elem *from, bool any, bool tell)
{
	struct elem e = { .v = from->v, .op = a->op, .end = IN_FLIGHT };
	uint64_t v = from->v;
	bool news;

	if (!any && a->how == ORS && v & CHOICE) {
		const struct set s = choices[v & ~CHOICE].s;

		for (unsigned k = 0; k < s.n; k++)
			derive(a, i, &(struct elem) { .v = s.e[k].v }, false, tell);
		any = s.any;
		if (!any)
			return;
	}
	if (a->how == ORS) {
		e.v |= a->ors[i];
		e.base = from->end;
	}
	news = any ? set_any(&a->out[i], IN_FLIGHT) : set_add(&a->out[i], e);
	if (news && tell)
		possible(a->wr[i], e, a->out[i].any, a);
}

/* @by may have left @e there: whoever looks may see it. */
static void possible(struct place p, struct elem e, bool any, const struct act *by)
{
	const struct cell *c = cell_at(p);

	for (unsigned k = 0; k < c->nobs; k++) {
		struct act *o = &acts[c->obs[k].act];
		unsigned at = c->obs[k].at;

		if (o == by)
			continue;
		/* Known contents may come from somebody else now: what an OR made of them, too. */
		if (!(any ? set_any(&o->pre[at], IN_FLIGHT) : set_add(&o->pre[at], e)) &&
		    o->how != ORS)
			continue;
		if (o->how != MAKES)
			derive(o, at, &e, o->pre[at].any, true);
	}
}

static void look(struct act *a, unsigned i)
{
	const struct cell *c = cell_at(a->obs[i]);
	struct set *s = &a->pre[i];

	*s = c->now;
	for (unsigned k = 0; k < c->nwr; k++) {
		const struct set *out = &acts[c->wr[k].act].out[c->wr[k].at];

		for (unsigned n = 0; n < out->n; n++)
			set_add(s, out->e[n]);
		if (out->any)
			set_any(s, IN_FLIGHT);
	}
	if (a->how == MAKES)
		return;
	for (unsigned n = 0; n < s->n; n++)
		derive(a, i, &s->e[n], false, false);
	if (s->any)
		derive(a, i, &(struct elem) { 0 }, true, false);
}

static void log_places(const struct act *a)
{
	struct past *x = past_of(a->op);

	x->start = a->start;
	x->atomic = a->atomic;
	if (a->nwr == 0)
		return;
	x->lun = (uint8_t)a->wr[0].lun;
	x->lo = x->hi = a->wr[0].cell;
	for (unsigned i = 1; i < a->nwr; i++) {
		if (a->wr[i].cell < x->lo)
			x->lo = a->wr[i].cell;
		if (a->wr[i].cell > x->hi)
			x->hi = a->wr[i].cell;
	}
}

void act_begin(struct act *a)
{
	uint8_t me = (uint8_t)(a - acts);

	a->begun = true;
	a->start = ++clock_now;
	log_places(a);
	for (unsigned i = 0; i < a->nobs; i++)
		look(a, i);
	/* What it writes may come back to it by way of others, so it looks on already. */
	for (unsigned i = 0; i < a->nobs; i++) {
		struct cell *c = cell_at(a->obs[i]);

		c->obs[c->nobs++] = (struct tie) { me, (uint16_t)i };
	}
	for (unsigned i = 0; i < a->nwr; i++) {
		struct cell *c = cell_at(a->wr[i]);

		c->wr[c->nwr++] = (struct tie) { me, (uint16_t)i };
		for (unsigned n = 0; n < a->out[i].n; n++)
			possible(a->wr[i], a->out[i].e[n], false, a);
		if (a->out[i].any)
			possible(a->wr[i], (struct elem) { 0 }, true, a);
	}
}

static void untie(struct tie *ties, uint8_t *n, uint8_t act)
{
	for (unsigned i = 0; i < *n; i++)
		if (ties[i].act == act) {
			ties[i] = ties[--*n];
			return;
		}
}

/*
 * What an atomic act made of a content cannot be the last word if another one has
 * happened since that content was there: it came before, and would have been what was
 * found, or after.
 */
static void set_settle(struct set *s)
{
	struct set was = *s;

	s->n = 0;
	for (unsigned i = 0; i < was.n; i++) {
		const struct elem *e = &was.e[i];
		bool over = false;

		for (unsigned k = 0; k < was.n && e->base && e->base != IN_FLIGHT; k++)
			over |= k != i && was.e[k].sure && was.e[k].op != e->op &&
				past_of(was.e[k].op)->start > e->base;
		if (!over)
			s->e[s->n++] = *e;
	}
}

/* Of a cell that it has written: what ended before it began is gone. */
static void leave(const struct act *a, unsigned i, enum fate fate)
{
	struct set *now = &cell_at(a->wr[i])->now;
	const struct set *out = &a->out[i];

	if (fate == IS_OUT)
		return;
	if (fate == IS_IN)
		set_forget(now, a->start);
	for (unsigned n = 0; n < out->n; n++) {
		struct elem e = out->e[n];

		e.end = clock_now;
		e.sure = fate == IS_IN;
		set_add(now, e);
	}
	if (out->any)
		set_any(now, clock_now);
	if (now->n > 1 && !now->any)
		set_settle(now);
}

void act_end(struct act *a, unsigned n, enum fate rest)
{
	uint8_t me = (uint8_t)(a - acts);
	struct past *x = past_of(a->op);

	x->end = ++clock_now;
	x->in = (uint16_t)n;
	for (unsigned i = 0; i < a->nobs; i++) {
		struct cell *c = cell_at(a->obs[i]);

		untie(c->obs, &c->nobs, me);
	}
	for (unsigned i = 0; i < a->nwr; i++) {
		struct cell *c = cell_at(a->wr[i]);

		untie(c->wr, &c->nwr, me);
		leave(a, i, i < n ? IS_IN : rest);
	}
	a->used = false;
}

void act_drop(struct act *a)
{
	if (a)
		a->used = false;
}

/* ---- what is seen ---- */

bool act_could_see(const struct act *a, unsigned i, uint64_t v)
{
	return set_could(&a->pre[i], v);
}

void act_based_on(struct act *a, unsigned wr, unsigned obs, uint64_t v)
{
	const struct set *s = &a->pre[obs];
	struct elem hit;

	if (!s->any && set_explains(s, v, &hit) == 1)
		a->out[wr].e[0].base = hit.end;
}

bool act_could_differ(const struct act *a, unsigned i, uint64_t v)
{
	const struct set *s = &a->pre[i];

	return s->any || s->n != 1 || s->e[0].v != v;
}

static void seen_wrong(const struct act *a, unsigned i, const struct set *s, uint64_t v)
{
	struct place p = a->obs[i];

	model_wrong("LUN %u, cell %u: operation %u (%s) found what cannot be there", p.lun, p.cell,
		    a->op, a->name);
	if (model_stats.wrong <= MAX_TOLD)
		past_tell(p, s, v);
}

void act_saw(struct act *a, unsigned i, const void *mem, struct watch *w)
{
	struct set *now = &cell_at(a->obs[i])->now, *s = &a->pre[i];
	bool flies = set_flies(s);
	struct elem hit = { .op = 0 };
	unsigned hits;
	uint64_t v;

	model_stats.cells_seen++;
	if (!flies) /* nobody wrote: others may have found out more by now */
		s = now;
	if (!content_of(mem, &v)) {
		model_wrong("LUN %u, cell %u: operation %u (%s) found bytes of several places",
			    a->obs[i].lun, a->obs[i].cell, a->op, a->name);
		if (model_stats.wrong <= MAX_TOLD)
			past_tell(a->obs[i], s, v);
		return;
	}
	hits = set_explains(s, v, &hit);
	model_stats.unknown += hits == 0 && s->any;
	if (hits == 0 && !s->any) {
		seen_wrong(a, i, s, v);
		return;
	}
	if (hits == 1 && !s->any) {
		unsigned wrong = model_stats.wrong;

		watch_note(w, s, &hit);
		choice_make(hit.v, v);
		if (model_stats.wrong > wrong && wrong < MAX_TOLD) {
			printf("    by operation %u (%s)\n", a->op, a->name);
			past_tell(a->obs[i], s, v);
		}
	}
	if (!flies) {
		bool sure = hits == 1 && !s->any;
		uint32_t end = s->any ? s->any_end : 0;

		for (unsigned k = 0; k < s->n; k++)
			if (s->e[k].end > end)
				end = s->e[k].end;
		*now = (struct set) {
			.n = 1,
			.e = { { .v = v, .op = sure ? hit.op : 0, .end = sure ? hit.end : end } }
		};
	}
}

uint64_t model_guess(struct place p)
{
	const struct cell *c = cell_at(p);
	uint64_t v = c->now.n ? c->now.e[0].v : 0;

	if (c->nwr && acts[c->wr[0].act].out[c->wr[0].at].n && (clock_now & 1))
		v = acts[c->wr[0].act].out[c->wr[0].at].e[0].v;
	for (unsigned depth = 0; v & CHOICE; depth++) {
		const struct set *s = &choices[v & ~CHOICE].s;

		v = s->n && depth < MAX_DEPTH ? s->e[0].v : 0;
	}
	return v;
}

bool model_busy(struct place p)
{
	return cell_at(p)->nwr > 0;
}

void model_set_lun(unsigned lun, uint64_t v)
{
	++clock_now;
	for (unsigned i = 0; i < LUN_CELLS; i++)
		cells[lun][i].now = (struct set) { .n = 1, .e = { { .v = v, .end = clock_now } } };
}
