/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree is a treap ordered by off, each node knowing the greatest end and the
 * greatest key below it; random priorities keep it shallow whatever the order of
 * insertion.
 */
#include "ranges.h"

#include <assert.h>
#include <stddef.h>

bool ranges_overlap(const struct byte_range *a, unsigned na, const struct byte_range *b,
		    unsigned nb)
{
	for (unsigned i = 0; i < na; i++)
		for (unsigned j = 0; j < nb; j++)
			if (range_overlap(a[i], b[j]))
				return true;
	return false;
}

bool ranges_sum(const struct byte_range *r, unsigned n, uint64_t *ret)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		if (__builtin_add_overflow(sum, r[i].len, &sum))
			return false;
	*ret = sum;
	return true;
}

static uint64_t node_end(const struct itree_node *n)
{
	return n->range.off + n->range.len;
}

static void update(struct itree_node *n)
{
	n->max_end = node_end(n);
	if (n->left && n->left->max_end > n->max_end)
		n->max_end = n->left->max_end;
	if (n->right && n->right->max_end > n->max_end)
		n->max_end = n->right->max_end;
	n->max_key = n->key;
	if (n->left && n->left->max_key > n->max_key)
		n->max_key = n->left->max_key;
	if (n->right && n->right->max_key > n->max_key)
		n->max_key = n->right->max_key;
}

static void replace_child(struct itree *t, struct itree_node *parent, struct itree_node *old,
			  struct itree_node *new)
{
	if (!parent)
		t->root = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
	if (new)
		new->parent = parent;
}

/* Lifts @n above its parent; the order of off stays. */
static void rotate_up(struct itree *t, struct itree_node *n)
{
	struct itree_node *p = n->parent, *inner;

	replace_child(t, p->parent, p, n);
	if (p->left == n) {
		inner = n->right;
		n->right = p;
		p->left = inner;
	} else {
		inner = n->left;
		n->left = p;
		p->right = inner;
	}
	if (inner)
		inner->parent = p;
	p->parent = n;
	update(p);
	update(n);
}

static uint32_t next_random(struct itree *t)
{
	uint32_t x = t->seed ? t->seed : 0x9e3779b9u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	t->seed = x;
	return x;
}

void itree_insert(struct itree *t, struct itree_node *n)
{
	struct itree_node **at = &t->root, *parent = NULL;

	assert(!n->inside && n->range.len > 0);
	assert(range_within(n->range.off, n->range.len, UINT64_MAX));
	while (*at) {
		parent = *at;
		if (parent->max_end < node_end(n))
			parent->max_end = node_end(n);
		if (parent->max_key < n->key)
			parent->max_key = n->key;
		at = n->range.off < parent->range.off ? &parent->left : &parent->right;
	}
	*at = n;
	n->left = n->right = NULL;
	n->parent = parent;
	n->max_end = node_end(n);
	n->max_key = n->key;
	n->prio = next_random(t);
	n->inside = true;
	while (n->parent && n->parent->prio < n->prio)
		rotate_up(t, n);
}

void itree_remove(struct itree *t, struct itree_node *n)
{
	if (!n->inside)
		return;
	while (n->left && n->right)
		rotate_up(t, n->left->prio > n->right->prio ? n->left : n->right);
	replace_child(t, n->parent, n, n->left ? n->left : n->right);
	for (struct itree_node *p = n->parent; p; p = p->parent)
		update(p);
	n->left = n->right = n->parent = NULL;
	n->inside = false;
}

static uint64_t end_of(uint64_t off, uint64_t len)
{
	return len > UINT64_MAX - off ? UINT64_MAX : off + len;
}

/*
 * The first overlap below @n, which has max_end > @off.  When the left side has
 * an end beyond @off, the first such node decides: if even that one starts at or
 * after @end, so do all later ones.
 */
static struct itree_node *first_below(struct itree_node *n, uint64_t off, uint64_t end)
{
	for (;;) {
		if (n->left && n->left->max_end > off) {
			n = n->left;
			continue;
		}
		if (n->range.off >= end)
			return NULL;
		if (node_end(n) > off)
			return n;
		if (!n->right || n->right->max_end <= off)
			return NULL;
		n = n->right;
	}
}

struct itree_node *itree_find(const struct itree *t, uint64_t off, uint64_t len)
{
	if (!len || !t->root || t->root->max_end <= off)
		return NULL;
	return first_below(t->root, off, end_of(off, len));
}

/* What itree_each_above looks for. */
struct above {
	uint64_t off, end, key;
	bool (*fn)(struct itree_node *n, void *ctx);
	void *ctx;
};

/* False: @fn has had enough. */
static bool each_below(struct itree_node *n, const struct above *a)
{
	while (n && n->max_end > a->off && n->max_key > a->key) {
		if (!each_below(n->left, a))
			return false;
		if (n->range.off >= a->end)
			return true;
		if (n->key > a->key && node_end(n) > a->off && !a->fn(n, a->ctx))
			return false;
		n = n->right;
	}
	return true;
}

void itree_each_above(const struct itree *t, uint64_t off, uint64_t len, uint64_t key,
		      bool (*fn)(struct itree_node *n, void *ctx), void *ctx)
{
	const struct above a = { off, end_of(off, len), key, fn, ctx };

	if (len)
		each_below(t->root, &a);
}

static bool take_first(struct itree_node *n, void *ctx)
{
	*(struct itree_node **)ctx = n;
	return false;
}

struct itree_node *itree_find_above(const struct itree *t, uint64_t off, uint64_t len, uint64_t key)
{
	struct itree_node *found = NULL;

	itree_each_above(t, off, len, key, take_first, &found);
	return found;
}

struct itree_node *itree_next(const struct itree *t, struct itree_node *n, uint64_t off,
			      uint64_t len)
{
	uint64_t end = end_of(off, len);

	for (;;) {
		struct itree_node *from;

		if (n->right && n->right->max_end > off)
			return first_below(n->right, off, end);
		do {
			from = n;
			n = n->parent;
		} while (n && n->right == from);
		if (!n || n->range.off >= end)
			return NULL;
		if (node_end(n) > off)
			return n;
	}
}
