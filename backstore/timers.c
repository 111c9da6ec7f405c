/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pairing heap of timers: set is O(1), the earliest is the root, taking one
 * out is O(log n) amortised.  @prev of a first child is its parent, of any other
 * its left sibling; the root has neither prev nor next.
 */
#include "ring_impl.h"

static struct ring_timer *meld(struct ring_timer *a, struct ring_timer *b)
{
	struct ring_timer *first, *second;

	if (!a || !b)
		return a ? a : b;
	first = b->when < a->when ? b : a;
	second = first == a ? b : a;
	second->prev = first;
	second->next = first->child;
	if (second->next)
		second->next->prev = second;
	first->child = second;
	return first;
}

/* Makes one heap of the siblings from @t on: pairs left to right, then back. */
static struct ring_timer *meld_siblings(struct ring_timer *t)
{
	struct ring_timer *pairs = NULL, *root = NULL;

	while (t) {
		struct ring_timer *a = t, *b = t->next;

		t = b ? b->next : NULL;
		a->prev = a->next = NULL;
		if (b)
			b->prev = b->next = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct ring_timer *next = pairs->next;

		pairs->next = NULL;
		root = meld(root, pairs);
		pairs = next;
	}
	return root;
}

void timers_insert(struct ring_timer **root, struct ring_timer *t)
{
	t->child = t->next = t->prev = NULL;
	*root = meld(*root, t);
}

void timers_remove(struct ring_timer **root, struct ring_timer *t)
{
	struct ring_timer *below = meld_siblings(t->child);

	if (t == *root) {
		*root = below;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		*root = meld(*root, below);
	}
	t->child = t->next = t->prev = NULL;
}
