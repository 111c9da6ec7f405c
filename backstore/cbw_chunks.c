/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is saved: chunks, their versions, and who needs them.
 *
 * A version is charged in full to each owner of a rod that needs it, for it would be
 * there without the others, too; once to the sidecar.
 */
#include <assert.h>
#include <stdlib.h>

#include "cbw_impl.h"

static struct chunk *to_chunk(struct itree_node *n)
{
	return n ? container_of(n, struct chunk, node) : NULL;
}

struct chunk *chunk_at(const struct cbw *cbw, uint64_t off)
{
	return to_chunk(itree_find(&cbw->chunks, off, 1));
}

uint64_t last_seq(const struct chunk *ch)
{
	const struct version *v = ch ? TAILQ_LAST(&ch->versions, version_list) : NULL;

	if (v && !is_complete(v))
		v = TAILQ_PREV(v, version_list, link);
	return v ? v->seq : 0;
}

/* The version that the rod reads this chunk from, once it is complete; NULL: none. */
static struct version *version_of(const struct chunk *ch, const struct rod *rod)
{
	struct version *v;

	TAILQ_FOREACH (v, &ch->versions, link)
		if (v->seq >= rod->seq)
			return v->end < rod->gone ? v : NULL;
	return NULL;
}

/* ---- versions and chunks ---- */

void chunk_tidy(struct cbw *cbw, struct chunk *ch)
{
	if (!TAILQ_EMPTY(&ch->versions))
		return;
	assert(!ch->first);
	itree_remove(&cbw->chunks, &ch->node);
	free(ch);
}

static void claim_end(struct claim *cl)
{
	if (cl->charged)
		quota_put(&cl->owner->saved, SIDECAR_SLOT);
	cl->charged = false;
}

/* The owner's; a new one if he has none.  NULL: no memory. */
static struct claim *claim_of(struct version *v, struct bs_owner *owner)
{
	struct claim *cl = &v->claim;

	while (cl->owner != owner && cl->next)
		cl = cl->next;
	if (cl->owner == owner)
		return cl;
	cl->next = calloc(1, sizeof(*cl));
	if (cl->next)
		cl->next->owner = owner;
	return cl->next;
}

void version_free(struct cbw *cbw, struct version *v)
{
	struct claim *cl = &v->claim, *next;

	if (v->slot == SLOT_ZERO)
		cbw->zeros--;
	else if (v->slot != SLOT_NONE)
		sidecar_put(&cbw->sidecar, v->slot);
	TAILQ_REMOVE(&v->chunk->versions, v, link);
	for (; cl; cl = next) {
		next = cl->next;
		claim_end(cl);
		if (cl != &v->claim)
			free(cl);
	}
	free(v);
}

/* One part of a live rod that needs the version. */
static bool count_user(struct itree_node *n, void *ctx)
{
	struct version *v = ctx;
	struct bs_owner *owner = node_rod(n)->owner;
	struct claim *cl;

	if (v->users == 0)
		v->claim.owner = owner;
	cl = claim_of(v, owner);
	if (!cl) {
		v->users = 0; /* no memory */
		return false;
	}
	cl->users++;
	v->users++;
	return true;
}

struct version *version_new(struct cbw *cbw, uint64_t at, uint64_t after)
{
	struct chunk *ch = chunk_at(cbw, at);
	struct version *v = malloc(sizeof(*v));

	if (v && !ch) {
		ch = calloc(1, sizeof(*ch));
		if (ch) {
			ch->node.range = (struct byte_range) { at, CBW_CHUNK };
			TAILQ_INIT(&ch->versions);
			itree_insert(&cbw->chunks, &ch->node);
		}
	}
	if (!v || !ch) {
		free(v);
		return NULL;
	}
	*v = (struct version) { .chunk = ch, .seq = cbw->seq, .end = NO_END, .slot = SLOT_NONE };
	TAILQ_INSERT_TAIL(&ch->versions, v, link);
	itree_each_above(&cbw->bs->guard.tree, at, CBW_CHUNK, after, count_user, v);
	if (v->users > 0)
		return v;
	version_free(cbw, v);
	chunk_tidy(cbw, ch);
	return NULL;
}

/* A part of a rod of this owner needs it no more. */
static void version_unuse(struct version *v, struct bs_owner *owner)
{
	struct claim *cl = claim_of(v, owner);

	assert(v->users > 0 && cl->users > 0);
	v->users--;
	if (--cl->users == 0)
		claim_end(cl);
}

/* The rod needs them no more: all its versions, or only those that are being saved. */
static void unuse_versions(struct rod *rod, bool complete_too)
{
	struct cbw *cbw = rod->bs->cbw;

	for (unsigned i = 0; i < rod->n; i++) {
		struct byte_range r = rod->parts[i].node.range;
		struct itree_node *n = itree_find(&cbw->chunks, r.off, r.len), *next;

		for (; n; n = next) {
			struct chunk *ch = to_chunk(n);
			struct version *v = version_of(ch, rod);

			next = itree_next(&cbw->chunks, n, r.off, r.len);
			if (!v || (is_complete(v) && !complete_too))
				continue;
			version_unuse(v, rod->owner);
			if (v->users == 0 && is_complete(v)) {
				version_free(cbw, v);
				chunk_tidy(cbw, ch);
			}
		}
	}
}

void cbw_settle(struct rod *rod)
{
	unuse_versions(rod, false);
	rod->gone = cbw_number(rod->bs->cbw);
}

void cbw_release(struct rod *rod)
{
	if (rod->bs->cbw)
		unuse_versions(rod, true);
}

/* ---- reading ---- */

static enum cbw_place place_of(const struct chunk *ch, const struct rod *rod, uint32_t *ret_slot)
{
	const struct version *v = version_of(ch, rod);

	if (!v || !is_complete(v))
		return CBW_NOT;
	*ret_slot = v->slot;
	return v->slot == SLOT_ZERO ? CBW_ZERO : CBW_SAVED;
}

/* Spans of the disk, and of zeros, go on over chunks; what is saved ends with its own. */
enum cbw_place cbw_find(const struct rod *rod, uint64_t off, uint64_t *len, uint32_t *ret_slot)
{
	const struct cbw *cbw = rod->bs->cbw;
	uint64_t end = off + *len, at = off, stop;
	enum cbw_place first = CBW_NOT;
	struct itree_node *n;

	if (!cbw)
		return CBW_NOT;
	n = itree_find(&cbw->chunks, off, *len);
	for (; at < end; at = stop) {
		enum cbw_place place = CBW_NOT;
		uint32_t slot = SLOT_NONE;

		stop = n && n->range.off > at ? n->range.off : end;
		if (n && n->range.off <= at) {
			place = place_of(to_chunk(n), rod, &slot);
			stop = n->range.off + CBW_CHUNK < end ? n->range.off + CBW_CHUNK : end;
			n = itree_next(&cbw->chunks, n, off, end - off);
		}
		if (at == off) {
			first = place;
			*ret_slot = slot;
		} else if (place != first || first == CBW_SAVED) {
			break;
		}
	}
	*len = at - off;
	return first;
}
