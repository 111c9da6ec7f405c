/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a run, for the model's questions and for who looks into a difference. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>

static struct past *pasts;
static uint32_t npasts, max_pasts;

void past_init(uint32_t max)
{
	max_pasts = max + 2;
	pasts = calloc(max_pasts, sizeof(*pasts));
	if (!pasts)
		abort();
	npasts = 1; /* 0 is nobody: what was there before */
}

void past_done(void)
{
	free(pasts);
	pasts = NULL;
}

struct past *past_of(uint32_t op)
{
	return &pasts[op < npasts ? op : 0];
}

uint32_t past_new(const char *name, bool atomic)
{
	if (npasts == max_pasts) {
		max_pasts *= 2;
		pasts = realloc(pasts, max_pasts * sizeof(*pasts));
		if (!pasts)
			abort();
	}
	pasts[npasts] = (struct past) { .name = name, .atomic = atomic, .lun = MODEL_LUNS };
	return npasts++;
}

static void tell_content(uint64_t v)
{
	uint32_t op;
	unsigned at;

	content_who(v, &op, &at);
	if (v >> CONTENT_BITS)
		printf("a choice of a token");
	else if (v == 0)
		printf("zeros");
	else if (op > 0 && op < npasts)
		printf("cell %u of what operation %u (%s) wrote", at, op, pasts[op].name);
	else
		printf("%016llx", (unsigned long long)v);
}

void past_tell(struct place p, const struct set *s, uint64_t found)
{
	uint32_t first = npasts, n = 0;

	printf("    found: ");
	tell_content(found);
	printf("\n");
	for (unsigned i = 0; i < s->n; i++) {
		printf("    possible, by operation %u: ", s->e[i].op);
		tell_content(s->e[i].v);
		printf("\n");
	}
	printf("    what was written to LUN %u, cell %u (begin-end, * atomic; 0: under way):\n",
	       p.lun, p.cell);
	while (first > 1 && n < MAX_HISTORY) {
		const struct past *x = &pasts[--first];

		n += x->start && x->lun == p.lun && x->lo <= p.cell && p.cell <= x->hi;
	}
	for (uint32_t op = first; op < npasts; op++) {
		const struct past *x = &pasts[op];

		if (x->start && x->lun == p.lun && x->lo <= p.cell && p.cell <= x->hi)
			printf("    %8u-%-8u operation %u%s %s, cells %u to %u, %u done\n",
			       x->start, x->end, op, x->atomic ? "*" : "", x->name, x->lo, x->hi,
			       x->in);
	}
}
