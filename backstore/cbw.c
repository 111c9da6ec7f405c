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
 *   this very save (a chunk is saved once at a time), or ended before the capture.
 * - A reader takes the disk only for what has no version, and looks again after it
 *   has read: a write that changed it in between has completed a version before.
 *
 * A save needs its own memory and a slot and waits for no fence, so nothing waits in
 * a circle.
 */
#include "cbw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rod_impl.h"

#define SLOT_NONE UINT32_MAX	   /* being saved */
#define SLOT_ZERO (UINT32_MAX - 1) /* nothing but zeros */

struct version {
	struct chunk *chunk;
	TAILQ_ENTRY(version) link;
	uint64_t seq;
	uint32_t users; /* parts of rods that need it */
	uint32_t slot;
};

/* A chunk that has versions, or the first of which is being saved. */
struct chunk {
	struct itree_node node;
	TAILQ_HEAD(version_list, version) versions; /* by seq, ascending */
	struct version *saving;			    /* the last one, or NULL */
	struct io *first, *last;		    /* writes that wait for it */
};

struct save {
	struct cbw *cbw;
	struct version *version;
	uint32_t slot;
	char *mem;
	struct io io;
	struct iovec iov;
	struct save *next; /* free */
};

struct cbw {
	struct backstore *bs;
	uint64_t seq; /* of the last capture */
	struct itree chunks;
	uint64_t zeros; /* versions without a slot */
	char *mem;
	struct save saves[CBW_SAVES], *free;
	struct io *first, *last; /* writes that wait for a free save */
	struct sidecar sidecar;
};

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
	assert(!cbw->chunks.root && !cbw->first);
	sidecar_done(&cbw->sidecar);
	if (cbw->mem)
		munmap(cbw->mem, CBW_SAVES * CBW_CHUNK);
	free(cbw);
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

static struct chunk *to_chunk(struct itree_node *n)
{
	return n ? container_of(n, struct chunk, node) : NULL;
}

static struct chunk *chunk_at(const struct cbw *cbw, uint64_t off)
{
	return to_chunk(itree_find(&cbw->chunks, off, 1));
}

static struct rod *node_rod(struct itree_node *n)
{
	return container_of(n, struct rod_part, node)->rod;
}

static bool is_complete(const struct version *v)
{
	return v->slot != SLOT_NONE;
}

/* Of the last complete version; 0: there is none. */
static uint64_t last_seq(const struct chunk *ch)
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
			return v->seq < rod->gone ? v : NULL;
	return NULL;
}

/* ---- versions and chunks ---- */

static struct version *version_new(struct cbw *cbw, uint64_t at)
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
	*v = (struct version) { .chunk = ch, .seq = cbw->seq, .slot = SLOT_NONE };
	return v;
}

static void chunk_tidy(struct cbw *cbw, struct chunk *ch)
{
	if (!TAILQ_EMPTY(&ch->versions))
		return;
	assert(!ch->first);
	itree_remove(&cbw->chunks, &ch->node);
	free(ch);
}

/* Leaves a chunk that has no version any more: chunk_tidy comes next. */
static void version_free(struct cbw *cbw, struct version *v)
{
	if (v->slot == SLOT_ZERO)
		cbw->zeros--;
	else if (v->slot != SLOT_NONE)
		sidecar_put(&cbw->sidecar, v->slot);
	TAILQ_REMOVE(&v->chunk->versions, v, link);
	free(v);
}

/* Parts of live rods in this chunk that were captured after @after: @v is for them. */
static unsigned count_users(const struct cbw *cbw, const struct version *v, uint64_t after)
{
	const struct byte_range *r = &v->chunk->node.range;
	const struct itree *guard = &cbw->bs->guard;
	struct itree_node *n = itree_find(guard, r->off, r->len);
	unsigned users = 0;

	for (; n; n = itree_next(guard, n, r->off, r->len))
		users += n->key > after;
	return users;
}

void cbw_release(struct rod *rod)
{
	struct cbw *cbw = rod->bs->cbw;

	if (!cbw)
		return;
	for (unsigned i = 0; i < rod->n; i++) {
		struct byte_range r = rod->parts[i].node.range;
		struct itree_node *n = itree_find(&cbw->chunks, r.off, r.len), *next;

		for (; n; n = next) {
			struct chunk *ch = to_chunk(n);
			struct version *v = version_of(ch, rod);

			next = itree_next(&cbw->chunks, n, r.off, r.len);
			if (!v)
				continue;
			assert(v->users > 0);
			if (--v->users == 0 && is_complete(v)) {
				version_free(cbw, v);
				chunk_tidy(cbw, ch);
			}
		}
	}
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

/* Those captured in (after, upto] that have a byte in the chunk at @at are lost. */
static void cancel_users(struct cbw *cbw, uint64_t at, uint64_t after, uint64_t upto)
{
	const struct itree *guard = &cbw->bs->guard;
	struct itree_node *n = itree_find(guard, at, CBW_CHUNK);

	while (n) {
		if (n->key <= after || n->key > upto) {
			n = itree_next(guard, n, at, CBW_CHUNK);
			continue;
		}
		rod_cancel(node_rod(n));
		n = itree_find(guard, at, CBW_CHUNK); /* it took other nodes along */
	}
}

/* Frees the save and lets those go on that waited for it. */
static void save_end(struct save *s, int res)
{
	struct cbw *cbw = s->cbw;
	struct version *v = s->version;
	struct chunk *ch = v->chunk;
	struct io *io = ch->first;
	uint64_t at = ch->node.range.off, upto = v->seq;

	ch->saving = NULL;
	ch->first = ch->last = NULL;
	s->next = cbw->free;
	cbw->free = s;
	cbw->bs->stats.saves += res == 0;
	cbw->bs->stats.save_errors += res < 0;
	if (res < 0) {
		version_free(cbw, v);
		cancel_users(cbw, at, last_seq(ch), upto);
		ch = chunk_at(cbw, at); /* may have gone with the last of the rods */
	} else if (v->users == 0) {
		version_free(cbw, v);
	}
	if (ch)
		chunk_tidy(cbw, ch);
	while (cbw->first && cbw->free) {
		struct io *first = cbw->first;

		cbw->first = first->next;
		resume(first);
	}
	while (io) {
		struct io *next = io->next;

		resume(io);
		io = next;
	}
}

static void written(struct io *io, int res)
{
	struct save *s = container_of(io, struct save, io);

	if (res < 0)
		sidecar_put(&s->cbw->sidecar, s->slot);
	else
		s->version->slot = s->slot;
	save_end(s, res);
}

static bool all_zero(const char *mem, size_t len)
{
	return mem[0] == 0 && memcmp(mem, mem + 1, len - 1) == 0;
}

static void save_io(struct save *s, enum io_op op, uint64_t off, uint64_t len,
		    void (*done)(struct io *io, int res))
{
	s->iov = (struct iovec) { .iov_base = s->mem, .iov_len = (size_t)len };
	s->io = (struct io) {
		.op = op, .off = off, .len = len, .iov = &s->iov, .niov = 1, .done = done
	};
}

static void read_for_save(struct io *io, int res)
{
	struct save *s = container_of(io, struct save, io);
	struct cbw *cbw = s->cbw;

	if (res < 0) {
		save_end(s, res);
		return;
	}
	if (cbw->zeros / CBW_ZEROS < cbw->sidecar.nslots && all_zero(s->mem, (size_t)io->len)) {
		s->version->slot = SLOT_ZERO;
		cbw->zeros++;
		save_end(s, 0);
		return;
	}
	res = sidecar_take(&cbw->sidecar, &s->slot);
	if (res < 0) {
		save_end(s, res);
		return;
	}
	save_io(s, IO_WRITE, 0, io->len, written);
	sidecar_submit(&cbw->sidecar, s->slot, &s->io);
}

/* Begins to save the chunk at @at, or cancels those it is for when there is no memory. */
static void save_start(struct cbw *cbw, uint64_t at)
{
	uint64_t left = cbw->bs->size - at, after = last_seq(chunk_at(cbw, at));
	struct version *v = version_new(cbw, at);
	struct save *s = cbw->free;

	if (!v) {
		cbw->bs->stats.save_errors++;
		cancel_users(cbw, at, after, cbw->seq);
		return;
	}
	v->users = count_users(cbw, v, after);
	TAILQ_INSERT_TAIL(&v->chunk->versions, v, link);
	v->chunk->saving = v;
	cbw->free = s->next;
	s->version = v;
	save_io(s, IO_READ, at, left < CBW_CHUNK ? left : CBW_CHUNK, read_for_save);
	bs_submit_inside(cbw->bs, &s->io);
}

/* ---- the guard ---- */

/* The first piece of [from, end) within one chunk that touches a live rod. */
static bool next_piece(const struct cbw *cbw, uint64_t from, uint64_t end, struct byte_range *ret)
{
	const struct itree_node *n = itree_find(&cbw->bs->guard, from, end - from);
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
	return itree_find_above(&cbw->bs->guard, piece.off, piece.len, last_seq(ch)) != NULL;
}

/* Begins the next saves that the write will need, unless others wait for their first. */
static void save_ahead(struct cbw *cbw, uint64_t from, uint64_t end)
{
	struct byte_range piece;

	for (unsigned i = 0; i < CBW_SAVES && cbw->free && !cbw->first; i++) {
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
			cbw->bs->stats.save_errors++;
			cancel_users(cbw, piece.off / CBW_CHUNK * CBW_CHUNK, last_seq(ch),
				     cbw->seq);
			continue;
		}
		if (!cbw->free) {
			join(&cbw->first, &cbw->last, io);
			return false;
		}
		/* Joins it in the next turn, or sees that the rods are gone. */
		save_start(cbw, piece.off / CBW_CHUNK * CBW_CHUNK);
	}
	return true;
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

void cbw_read(struct cbw *cbw, uint32_t slot, struct io *io)
{
	sidecar_submit(&cbw->sidecar, slot, io);
}
