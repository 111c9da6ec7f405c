/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a rod that is read through its versions shows what was captured:
 *
 * - No byte of a rod is written before a version that the rod uses is complete: the
 *   write holds the fence over its range, so every rod that holds a byte of it was
 *   captured before; the guard sees it in the tree and has each chunk saved of which
 *   some such rod is newer than the last complete version.  A capture over the range waits for
 *   the fence, so what the guard has looked at stays so.
 * - A version is read from the disk without a fence.  Writes that run meanwhile in the
 *   same chunk may tear it, but only where no rod that uses it has a byte: such a rod
 *   was captured when the save began or before, so that a write to its bytes waits for
 *   this very save (a chunk is saved once at a time), or ended before the capture.  A
 *   rod that leaves the guard meanwhile, as it is cloned, does not use it.
 * - A reader takes the disk only for what has no version, and looks again after it
 *   has read: a write that changed it in between has completed a version before.
 *
 * A save needs its own memory and a slot and waits for no fence, so nothing waits in
 * a circle.  An owner who has no room left for it loses the rods it is for, and nobody
 * else does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cbw_impl.h"

int cbw_new(struct cbw **ret, struct backstore *bs, const char *dir, const struct bs_config *cfg)
{
	struct cbw *cbw = calloc(1, sizeof(*cbw));
	int r;

	if (!cbw)
		return -ENOMEM;
	cbw->bs = bs;
	r = sidecar_init(&cbw->sidecar, &bs->env, dir,
			 cfg->sidecar_bytes ? cfg->sidecar_bytes : BS_SIDECAR_BYTES,
			 cfg->sidecar_fault);
	if (r < 0) {
		free(cbw);
		return r;
	}
	*ret = cbw;
	return 0;
}

void cbw_free(struct cbw *cbw)
{
	if (!cbw)
		return;
	assert(!cbw->chunks.root && !cbw->first && !cbw->in_line);
	sidecar_done(&cbw->sidecar);
	if (cbw->mem)
		munmap(cbw->mem, CBW_SAVES * CBW_CHUNK);
	free(cbw);
}

bool cbw_busy(const struct cbw *cbw)
{
	return cbw && cbw->running > 0;
}

bool cbw_keeps_on(const struct cbw *cbw, uint64_t dev)
{
	return cbw && sidecar_is_on(&cbw->sidecar, dev);
}

bool cbw_room(const struct cbw *cbw, const struct bs_owner *owner)
{
	return sidecar_room(&cbw->sidecar) &&
	       quota_room(owner ? &owner->saved : NULL, SIDECAR_SLOT);
}

uint64_t cbw_number(struct cbw *cbw)
{
	return ++cbw->seq;
}

/* Not before the first save: a backstore that never needs it has none. */
static bool get_memory(struct cbw *cbw)
{
	char *mem;

	if (cbw->mem)
		return true;
	mem = mmap(NULL, CBW_SAVES * CBW_CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	if (mem == MAP_FAILED)
		return false;
	cbw->mem = mem;
	for (unsigned i = 0; i < CBW_SAVES; i++) {
		struct save *s = &cbw->saves[i];

		s->cbw = cbw;
		s->mem = mem + (size_t)i * CBW_CHUNK;
		s->next = cbw->free;
		cbw->free = s;
	}
	return true;
}

/* ---- saving ---- */

static void resume(struct io *io)
{
	if (cbw_pass(io->bs->cbw, io))
		bs_guarded(io);
}

static void join(struct io **first, struct io **last, struct io *io)
{
	io->next = NULL;
	if (*first)
		(*last)->next = io;
	else
		*first = io;
	*last = io;
}

/* Which rods with a byte in the chunk at @at: captured in (after, upto], of @owner or all. */
struct users {
	uint64_t at, after, upto;
	const struct bs_owner *owner;
	bool all;
};

/* Some of them: cancelling changes the tree that they are found in. */
struct victims {
	const struct users *of;
	struct rod *rods[32];
	unsigned n;
};

static bool pick(struct itree_node *node, void *ctx)
{
	struct victims *v = ctx;
	struct rod *rod = node_rod(node);

	if (node->key <= v->of->upto && (v->of->all || rod->owner == v->of->owner))
		v->rods[v->n++] = rod_ref(rod);
	return v->n < sizeof(v->rods) / sizeof(v->rods[0]);
}

/* They are lost. */
static void cancel_users(struct cbw *cbw, const struct users *u)
{
	struct victims v = { .of = u };

	do {
		v.n = 0;
		itree_each_above(&cbw->bs->guard.tree, u->at, CBW_CHUNK, u->after, pick, &v);
		for (unsigned i = 0; i < v.n; i++) {
			rod_cancel(v.rods[i]);
			rod_unref(v.rods[i]);
		}
	} while (v.n > 0);
}

static struct quota *saves_of(const struct cbw *cbw)
{
	return cbw->bs->env.totals ? &cbw->bs->env.totals->saves : NULL;
}

static bool can_save(const struct cbw *cbw)
{
	return cbw->free && quota_room(saves_of(cbw), 1);
}

/* Its writes wait for a save: one of its own, or one of all. */
static void get_in_line(struct cbw *cbw)
{
	struct bs_totals *t = cbw->bs->env.totals;

	if (!t || cbw->in_line || !cbw->free)
		return;
	cbw->in_line = true;
	cbw->next = NULL;
	if (t->waiting)
		t->last->next = cbw;
	else
		t->waiting = cbw;
	t->last = cbw;
}

static void wait_for_save(struct cbw *cbw, struct io *io)
{
	join(&cbw->first, &cbw->last, io);
	get_in_line(cbw);
}

static void resume_first(struct cbw *cbw)
{
	struct io *io = cbw->first;

	cbw->first = io->next;
	resume(io);
}

/* A save of @cbw has come free: one write of each backstore that waits, in turn. */
static void serve_waiting(struct cbw *cbw)
{
	struct bs_totals *t = cbw->bs->env.totals;

	if (!t) {
		while (cbw->first && cbw->free)
			resume_first(cbw);
		return;
	}
	if (cbw->first)
		get_in_line(cbw);
	while (t->waiting && quota_room(&t->saves, 1)) {
		struct cbw *next = t->waiting;

		t->waiting = next->next;
		next->in_line = false;
		if (next->first && next->free)
			resume_first(next);
		if (next->first)
			get_in_line(next);
	}
}

/* Frees the save and lets those go on that waited for it. */
static void save_end(struct save *s, int res)
{
	struct cbw *cbw = s->cbw;
	struct version *v = s->version;
	struct chunk *ch = v->chunk;
	struct io *io = ch->first;
	const struct users u = {
		.at = ch->node.range.off, .after = last_seq(ch), .upto = v->seq, .all = true
	};

	ch->saving = NULL;
	ch->first = ch->last = NULL;
	s->next = cbw->free;
	cbw->free = s;
	cbw->running--;
	quota_put(saves_of(cbw), 1);
	cbw->bs->stats.saves += res == 0;
	cbw->bs->stats.save_errors += res < 0;
	if (res < 0) {
		version_free(cbw, v);
		cancel_users(cbw, &u);
		ch = chunk_at(cbw, u.at); /* may have gone with the last of the rods */
	} else if (v->users == 0) {
		version_free(cbw, v);
	}
	if (ch)
		chunk_tidy(cbw, ch);
	serve_waiting(cbw);
	while (io) {
		struct io *next = io->next;

		resume(io);
		io = next;
	}
}

static void version_complete(struct save *s, uint32_t slot)
{
	s->version->slot = slot;
	s->version->end = s->cbw->seq;
}

static void written(struct io *io, int res)
{
	struct save *s = container_of(io, struct save, io);

	if (res < 0)
		sidecar_put(&s->cbw->sidecar, s->slot);
	else
		version_complete(s, s->slot);
	save_end(s, res);
}

static void save_io(struct save *s, enum io_op op, uint64_t off, uint64_t len,
		    void (*done)(struct io *io, int res))
{
	s->iov = (struct iovec) { .iov_base = s->mem, .iov_len = (size_t)len };
	s->io = (struct io) {
		.op = op, .off = off, .len = len, .iov = &s->iov, .niov = 1, .done = done
	};
}

/*
 * Of each owner with rods that need it.  False: nobody needs it, or nobody who may still
 * have it; those who may not have lost their rods.
 */
static bool charge(struct cbw *cbw, struct version *v)
{
	struct users u = { .at = v->chunk->node.range.off,
			   .after = last_seq(v->chunk),
			   .upto = v->seq };
	bool any = false;

	for (struct claim *cl = &v->claim; cl; cl = cl->next) {
		if (cl->users == 0)
			continue;
		if (cl->owner && !quota_take(&cl->owner->saved, SIDECAR_SLOT)) {
			u.owner = cl->owner;
			cancel_users(cbw, &u);
			continue;
		}
		cl->charged = cl->owner != NULL;
		any = true;
	}
	return any;
}

static void read_for_save(struct io *io, int res)
{
	struct save *s = container_of(io, struct save, io);
	struct cbw *cbw = s->cbw;

	if (res < 0) {
		save_end(s, res);
		return;
	}
	if (cbw->zeros / CBW_ZEROS < cbw->sidecar.nslots && mem_is_zero(s->mem, (size_t)io->len)) {
		version_complete(s, SLOT_ZERO);
		cbw->zeros++;
		save_end(s, 0);
		return;
	}
	res = charge(cbw, s->version) ? sidecar_take(&cbw->sidecar, &s->slot) : -EDQUOT;
	if (res < 0) {
		save_end(s, res);
		return;
	}
	save_io(s, IO_WRITE, 0, io->len, written);
	sidecar_submit(&cbw->sidecar, s->slot, &s->io);
}

/* There is no memory. */
static void cannot_save(struct cbw *cbw, uint64_t at)
{
	const struct users u = {
		.at = at, .after = last_seq(chunk_at(cbw, at)), .upto = cbw->seq, .all = true
	};

	cbw->bs->stats.save_errors++;
	cancel_users(cbw, &u);
}

/* Begins to save the chunk at @at, or cancels those it is for when there is no memory. */
static void save_start(struct cbw *cbw, uint64_t at)
{
	uint64_t left = cbw->bs->size - at, after = last_seq(chunk_at(cbw, at));
	struct version *v = version_new(cbw, at, after);
	struct save *s = cbw->free;

	if (!v) {
		cannot_save(cbw, at);
		return;
	}
	v->chunk->saving = v;
	cbw->free = s->next;
	cbw->running++;
	(void)quota_take(saves_of(cbw), 1);
	s->version = v;
	save_io(s, IO_READ, at, left < CBW_CHUNK ? left : CBW_CHUNK, read_for_save);
	bs_submit_inside(cbw->bs, &s->io);
}

/* ---- the guard ---- */

/* The first piece of [from, end) within one chunk that touches a live rod. */
static bool next_piece(const struct cbw *cbw, uint64_t from, uint64_t end, struct byte_range *ret)
{
	const struct itree_node *n = itree_find(&cbw->bs->guard.tree, from, end - from);
	uint64_t stop;

	if (!n)
		return false;
	if (n->range.off > from)
		from = n->range.off;
	stop = from / CBW_CHUNK * CBW_CHUNK + CBW_CHUNK;
	*ret = (struct byte_range) { from, (stop < end ? stop : end) - from };
	return true;
}

/* Is there a rod with a byte of the piece that no complete version is for? */
static bool unsaved(const struct cbw *cbw, const struct chunk *ch, struct byte_range piece)
{
	return itree_find_above(&cbw->bs->guard.tree, piece.off, piece.len, last_seq(ch)) != NULL;
}

/* Begins the next saves that the write will need, unless others wait for their first. */
static void save_ahead(struct cbw *cbw, uint64_t from, uint64_t end)
{
	struct byte_range piece;

	for (unsigned i = 0; i < CBW_SAVES && can_save(cbw) && !cbw->first; i++) {
		struct chunk *ch;

		if (!next_piece(cbw, from, end, &piece))
			return;
		ch = chunk_at(cbw, piece.off);
		if ((!ch || !ch->saving) && unsaved(cbw, ch, piece))
			save_start(cbw, piece.off / CBW_CHUNK * CBW_CHUNK);
		from = piece.off + piece.len;
	}
}

bool cbw_pass(struct cbw *cbw, struct io *io)
{
	uint64_t end = io->off + io->len;
	struct byte_range piece;

	while (next_piece(cbw, io->looked, end, &piece)) {
		struct chunk *ch = chunk_at(cbw, piece.off);

		io->looked = piece.off;
		if (!unsaved(cbw, ch, piece)) {
			io->looked += piece.len;
			continue;
		}
		if (ch && ch->saving) {
			join(&ch->first, &ch->last, io);
			save_ahead(cbw, piece.off + piece.len, end);
			return false;
		}
		if (!get_memory(cbw)) {
			cannot_save(cbw, piece.off / CBW_CHUNK * CBW_CHUNK);
			continue;
		}
		if (!can_save(cbw)) {
			wait_for_save(cbw, io);
			return false;
		}
		/* Joins it in the next turn, or sees that the rods are gone. */
		save_start(cbw, piece.off / CBW_CHUNK * CBW_CHUNK);
	}
	return true;
}

/* ---- reading ---- */

void cbw_read(struct cbw *cbw, uint32_t slot, struct io *io)
{
	sidecar_submit(&cbw->sidecar, slot, io);
}
