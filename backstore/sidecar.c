/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bs_impl.h"
#include "fault.h"
#include "scratch.h"

#define WORD_BITS 64u
#define PUNCH_MAX 1024u /* slots at once */

static void linger_over(struct ring_timer *timer);
static void punch(struct sidecar *sc);

static uint32_t map_words(const struct sidecar *sc)
{
	return sc->nslots / WORD_BITS + (sc->nslots % WORD_BITS != 0);
}

int sidecar_init(struct sidecar *sc, const struct bs_env *env, const char *dir, uint64_t bytes,
		 const char *fault)
{
	uint64_t n = bytes / SIDECAR_SLOT;

	*sc = (struct sidecar) { .env = *env, .fd = -1 };
	sc->env.load = NULL; /* what is saved may be for a copy's write, not a host's */
	sc->nslots = n < UINT32_MAX - WORD_BITS ? (uint32_t)n : UINT32_MAX - WORD_BITS;
	sc->linger.fn = linger_over;
	sc->dir = dir ? strdup(dir) : NULL;
	sc->fault = fault ? strdup(fault) : NULL;
	if ((dir && !sc->dir) || (fault && !sc->fault)) {
		sidecar_done(sc);
		return -ENOMEM;
	}
	return 0;
}

void sidecar_done(struct sidecar *sc)
{
	assert(sc->used == 0 && !sc->opening && !sc->first);
	ring_timer_cancel(sc->env.ring, &sc->linger);
	if (sc->punching)
		aux_take_back(sc->env.aux, &sc->job);
	bs_close(sc->file);
	free(sc->stale);
	free(sc->map);
	free(sc->dir);
	free(sc->fault);
}

static struct quota *total_of(const struct sidecar *sc)
{
	return sc->env.totals ? &sc->env.totals->saved : NULL;
}

bool sidecar_room(const struct sidecar *sc)
{
	return sc->used < sc->nslots && quota_room(total_of(sc), SIDECAR_SLOT);
}

int sidecar_take(struct sidecar *sc, uint32_t *ret_slot)
{
	uint32_t words = map_words(sc), w = sc->hint / WORD_BITS;

	if (!sidecar_room(sc))
		return -ENOSPC;
	if (!sc->map)
		sc->map = calloc(words, sizeof(*sc->map));
	if (!sc->stale)
		sc->stale = calloc(words, sizeof(*sc->stale));
	if (!sc->map || !sc->stale)
		return -ENOMEM;
	(void)quota_take(total_of(sc), SIDECAR_SLOT);
	/* All below the hint are in use. */
	while (sc->map[w] == UINT64_MAX)
		w++;
	*ret_slot = w * WORD_BITS + (uint32_t)__builtin_ctzll(~sc->map[w]);
	assert(*ret_slot < sc->nslots);
	sc->map[w] |= 1ull << (*ret_slot % WORD_BITS);
	sc->stale[w] &= ~(1ull << (*ret_slot % WORD_BITS));
	sc->hint = *ret_slot;
	sc->used++;
	return 0;
}

void sidecar_put(struct sidecar *sc, uint32_t slot)
{
	uint64_t bit = 1ull << (slot % WORD_BITS);

	assert(slot < sc->nslots && (sc->map[slot / WORD_BITS] & bit));
	sc->map[slot / WORD_BITS] &= ~bit;
	sc->stale[slot / WORD_BITS] |= bit;
	if (slot < sc->hint)
		sc->hint = slot;
	quota_put(total_of(sc), SIDECAR_SLOT);
	sc->used--;
	if (!sc->linger.armed)
		ring_timer_set(sc->env.ring, &sc->linger, SIDECAR_LINGER_NS);
}

/* On an aux thread.  If it fails the space comes back with the end of the file. */
static void punch_work(struct aux_job *job)
{
	const struct sidecar *sc = container_of(job, struct sidecar, job);

	(void)fallocate(sc->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)sc->punch_from * SIDECAR_SLOT, (off_t)sc->punch_n * SIDECAR_SLOT);
}

/* Slots @from on, at most PUNCH_MAX, that are stale: how many. */
static uint32_t take_stale(struct sidecar *sc, uint32_t *ret_from)
{
	uint32_t words = map_words(sc), w = 0, n = 0, from;

	while (w < words && sc->stale[w] == 0)
		w++;
	if (w == words)
		return 0;
	from = w * WORD_BITS + (uint32_t)__builtin_ctzll(sc->stale[w]);
	for (uint32_t i = from; i < sc->nslots && n < PUNCH_MAX; i++, n++) {
		uint64_t bit = 1ull << (i % WORD_BITS);

		if (!(sc->stale[i / WORD_BITS] & bit))
			break;
		sc->stale[i / WORD_BITS] &= ~bit;
	}
	*ret_from = from;
	return n;
}

static void resubmit(struct sidecar *sc, int res);

static void punched(struct aux_job *job)
{
	struct sidecar *sc = container_of(job, struct sidecar, job);

	sc->punching = false;
	resubmit(sc, 0);
	if (sc->used)
		punch(sc);
	else if (!sc->linger.armed)
		ring_timer_set(sc->env.ring, &sc->linger, SIDECAR_LINGER_NS);
}

/* Gives back the space of slots that nobody uses, one row of them after the other. */
static void punch(struct sidecar *sc)
{
	sc->punch_n = take_stale(sc, &sc->punch_from);
	if (!sc->punch_n)
		return;
	sc->punching = true;
	sc->job.kind = AUX_SHORT; /* a write may wait for one of the slots */
	sc->job.work = punch_work;
	sc->job.done = punched;
	sc->job.ring = sc->env.ring;
	aux_submit(sc->env.aux, &sc->job);
}

/* A cancelled rod's reader may still be at it. */
static void linger_over(struct ring_timer *timer)
{
	struct sidecar *sc = container_of(timer, struct sidecar, linger);

	if (!sc->file || sc->punching)
		return;
	if (sc->used) {
		punch(sc);
		return;
	}
	if (!bs_idle(sc->file)) {
		ring_timer_set(sc->env.ring, &sc->linger, SIDECAR_LINGER_NS);
		return;
	}
	if (sc->fault)
		bs_close(sc->file);
	else
		scratch_close(sc->file);
	sc->file = NULL;
	memset(sc->stale, 0, map_words(sc) * sizeof(*sc->stale));
}

/* On an aux thread. */
static void open_work(struct aux_job *job)
{
	struct sidecar *sc = container_of(job, struct sidecar, job);

	sc->fd = scratch_make(sc->dir);
	if (sc->fd >= 0 && ftruncate(sc->fd, (off_t)sc->nslots * SIDECAR_SLOT) < 0) {
		int err = errno;

		close(sc->fd);
		sc->fd = -err;
	}
}

static int open_file(struct sidecar *sc)
{
	struct backstore *file;
	char err[128];
	int r = sc->fd;

	if (r >= 0)
		r = scratch_open(&file, sc->fd, (uint64_t)sc->nslots * SIDECAR_SLOT, &sc->env);
	if (r >= 0 && sc->fault) {
		struct backstore *plain = file;

		r = fault_wrap(&file, plain, sc->fault, err, sizeof(err));
		if (r < 0)
			bs_close(plain);
	}
	if (r < 0)
		return r;
	sc->file = file;
	return 0;
}

/* Those that waited, whose places are told already; @res < 0: there is no file. */
static void resubmit(struct sidecar *sc, int res)
{
	struct io *io = sc->first;

	sc->first = sc->last = NULL;
	while (io) {
		struct io *next = io->next;

		if (res < 0)
			io->done(io, res);
		else
			bs_submit(sc->file, io);
		io = next;
	}
}

static void open_done(struct aux_job *job)
{
	struct sidecar *sc = container_of(job, struct sidecar, job);
	int r = open_file(sc);

	sc->opening = false;
	resubmit(sc, r);
}

bool sidecar_is_on(const struct sidecar *sc, uint64_t dev)
{
	struct stat st;

	/* With a fault the file is inside of something else. */
	return sc->file && sc->used > 0 && !sc->fault && fstat(scratch_fd(sc->file), &st) == 0 &&
	       st.st_dev == dev;
}

/* Its space is being given back: who writes there waits for that. */
static bool is_punched(const struct sidecar *sc, uint32_t slot)
{
	return sc->punching && slot >= sc->punch_from && slot - sc->punch_from < sc->punch_n;
}

void sidecar_submit(struct sidecar *sc, uint32_t slot, struct io *io)
{
	assert(slot < sc->nslots && range_within(io->off, io->len, SIDECAR_SLOT));
	io->off += (uint64_t)slot * SIDECAR_SLOT;
	if (sc->file && !is_punched(sc, slot)) {
		bs_submit(sc->file, io);
		return;
	}
	io->next = NULL;
	if (sc->first)
		sc->last->next = io;
	else
		sc->first = io;
	sc->last = io;
	if (sc->opening || sc->file)
		return;
	sc->opening = true;
	sc->job.kind = AUX_SHORT;
	sc->job.work = open_work;
	sc->job.done = open_done;
	sc->job.ring = sc->env.ring;
	aux_submit(sc->env.aux, &sc->job);
}
