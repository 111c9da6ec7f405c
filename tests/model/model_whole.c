/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of it or nothing.  An observer that finds a content of an atomic act has seen the
 * act; one that finds what was there before the act began has seen that it had not
 * happened yet.  Both of one act, or an act without one that had ended before it began,
 * is a tear.
 */
#include "model.h"

static bool before(uint32_t a, uint32_t b)
{
	uint32_t end = past_of(a)->end;

	return end != 0 && end < past_of(b)->start;
}

/* One that failed or was aborted may never have happened: who sees a later one need not see it. */
static bool surely_before(uint32_t a, uint32_t b)
{
	return before(a, b) && past_of(a)->in > 0;
}

static void note(struct watch *w, uint32_t op, bool in)
{
	unsigned i = 0;

	while (i < w->n && w->seen[i].op != op)
		i++;
	if (i < w->n && w->seen[i].in == in)
		return;
	if (i < w->n) {
		const struct past *x = past_of(op);

		model_wrong("operation %u (%s, LUN %u, cells %u to %u) is there in part: all of it "
			    "or nothing",
			    op, x->name, x->lun, x->lo, x->hi);
		return;
	}
	for (unsigned k = 0; k < w->n; k++) {
		uint32_t other = w->seen[k].op;

		if (w->seen[k].in != in &&
		    (in ? surely_before(other, op) : surely_before(op, other)))
			model_wrong("operations %u and %u came one after the other; only the later "
				    "is there",
				    in ? other : op, in ? op : other);
	}
	if (w->n == WATCH_MAX)
		return;
	w->seen[w->n].op = op;
	w->seen[w->n++].in = in;
	model_stats.whole++;
}

/* Was @of, which holds what @hit says, over when @y began? */
static bool older(const struct elem *hit, uint32_t y)
{
	if (hit->end != IN_FLIGHT)
		return hit->end < past_of(y)->start;
	return hit->op && before(hit->op, y);
}

void watch_note(struct watch *w, const struct set *s, const struct elem *hit)
{
	if (!w || s->any)
		return;
	if (hit->op && hit->end == IN_FLIGHT && past_of(hit->op)->atomic)
		note(w, hit->op, true);
	for (unsigned i = 0; i < s->n; i++) {
		const struct elem *y = &s->e[i];

		if (y->op && y->op != hit->op && y->end == IN_FLIGHT && past_of(y->op)->atomic &&
		    older(hit, y->op))
			note(w, y->op, false);
	}
}
