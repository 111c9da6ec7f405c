/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All clones of a backstore share one file, the pool, each at a place of its own that
 * is never used again: one descriptor serves any number of rods.  A clone that is not
 * needed any more is punched out; the pool goes with the last one.  The jobs of one
 * backstore run one after the other: the kernel would have them wait for each other
 * anyway.
 */
#include "clone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cbw.h"
#include "rod_impl.h"
#include "scratch.h"

/* Places in the pool are not used twice: a new pool is begun before they run out. */
#define POOL_SIZE (1ull << 60)

enum state { WAITS, CLONING, HELD, PUNCHING };

struct clone {
	struct clones *all;
	struct rod *rod; /* NULL: it is gone */
	struct bs_owner *owner;
	TAILQ_ENTRY(clone) link;
	enum state state;
	LIST_HEAD(, rod_waiter) waiters;
	struct aux_job job;
	int res;
	unsigned pins;	  /* copies that graft from it */
	uint64_t at, len; /* in the pool */
	/* for the aux thread */
	bool fails;    /* by injection, after the first part */
	int src, pool; /* descriptors; pool -1: to be made */
	uint32_t block;
	uint64_t size; /* of the source */
	unsigned n;
	struct clone_part {
		struct byte_range range;
		uint64_t at; /* of its first byte, in the pool */
	} parts[];
};

TAILQ_HEAD(clone_list, clone);

struct clones {
	struct backstore *bs;
	struct bs_file file;
	struct backstore *pool;
	uint64_t next; /* free from here on, in the pool */
	struct quota bytes;
	struct clone_list waiting; /* in the order of their captures */
	struct clone_list begun;   /* and not over */
	struct clone *cloning;
	unsigned punching;
	bool never; /* the file system has said so */
};

/* What a clone's bytes are taken from. */
enum { QUOTAS = 3 };

static void quotas_of(const struct clone *c, struct quota *ret[QUOTAS])
{
	struct bs_totals *totals = c->all->bs->env.totals;

	ret[0] = &c->all->bytes;
	ret[1] = totals ? &totals->cloned : NULL;
	ret[2] = c->owner ? &c->owner->cloned : NULL;
}

/* It is pending no more. */
static void wake(struct clone *c)
{
	struct rod_waiter *w;

	while ((w = LIST_FIRST(&c->waiters))) {
		rod_unwait(w);
		w->fn(w);
	}
}

void clone_wait(struct clone *c, struct rod_waiter *w)
{
	LIST_INSERT_HEAD(&c->waiters, w, link);
}

/* Out of the list and of the quotas. */
static void forget(struct clone *c)
{
	struct quota *q[QUOTAS];

	quotas_of(c, q);
	quota_put_all(q, QUOTAS, c->len);
	TAILQ_REMOVE(c->state == WAITS ? &c->all->waiting : &c->all->begun, c, link);
	bs_owner_unref(c->owner);
	free(c);
}

int clones_new(struct clones **ret, struct backstore *bs, uint64_t max_bytes)
{
	struct bs_file file;
	struct clones *cl;

	if (!bs->ops->file || !bs->ops->file(bs, &file) || (!bs->thin && !bs->read_only))
		return 0;
	cl = calloc(1, sizeof(*cl));
	if (!cl)
		return -ENOMEM;
	cl->bs = bs;
	cl->file = file;
	cl->bytes.limit = max_bytes ? max_bytes : BS_CLONE_BYTES;
	TAILQ_INIT(&cl->waiting);
	TAILQ_INIT(&cl->begun);
	*ret = cl;
	return 0;
}

void clones_free(struct clones *cl)
{
	if (!cl)
		return;
	assert(TAILQ_EMPTY(&cl->waiting)); /* they go with their rods */
	while (!TAILQ_EMPTY(&cl->begun)) {
		struct clone *c = TAILQ_FIRST(&cl->begun);

		assert(!c->rod);
		if (c->state == CLONING || c->state == PUNCHING)
			aux_take_back(cl->bs->env.aux, &c->job);
		if (!cl->pool && c->pool >= 0)
			close(c->pool); /* made, and nobody was told */
		forget(c);
	}
	bs_close(cl->pool);
	free(cl);
}

static bool none(const struct clones *cl)
{
	return TAILQ_EMPTY(&cl->waiting) && TAILQ_EMPTY(&cl->begun);
}

bool clones_busy(const struct clones *cl)
{
	return cl && (cl->cloning || cl->punching);
}

/* ---- on an aux thread ---- */

/* Beside the file, wherever that is now. */
static int make_pool(int src)
{
	char link[32], path[PATH_MAX];
	ssize_t n;
	char *end;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", src);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	end = strrchr(path, '/');
	if (!end)
		return -ENOENT;
	end[1] = '\0';
	return scratch_make(path);
}

/* The last block of a file that ends within it: not all file systems clone that. */
static int copy_tail(const struct clone *c, uint64_t from, uint64_t to, uint64_t at)
{
	size_t len = (size_t)(to - from);
	ssize_t r = -1;
	char *mem;

	if (posix_memalign((void **)&mem, 4096, c->block) != 0)
		return -ENOMEM;
	if (pread(c->src, mem, len, (off_t)from) == (ssize_t)len)
		r = pwrite(c->pool, mem, len, (off_t)at);
	free(mem);
	return r == (ssize_t)len ? 0 : -EIO;
}

static int clone_part(const struct clone *c, const struct clone_part *p)
{
	uint64_t head = p->range.off % c->block, end = p->range.off + p->range.len;
	struct file_clone_range range = { .src_fd = c->src,
					  .src_offset = p->range.off - head,
					  .dest_offset = p->at - head };
	uint64_t stop = (end + c->block - 1) / c->block * c->block;
	int r = 0;

	if (stop > c->size)
		stop -= c->block;
	range.src_length = stop - range.src_offset;
	/* A length of 0 would be all of the file. */
	while (range.src_length > 0 && ioctl(c->pool, FICLONERANGE, &range) < 0)
		if (errno != EINTR)
			return -errno;
	if (stop < end)
		r = copy_tail(c, stop, end, p->at - head + range.src_length);
	return r;
}

static void clone_work(struct aux_job *job)
{
	struct clone *c = container_of(job, struct clone, job);

	if (c->pool < 0)
		c->pool = make_pool(c->src);
	c->res = c->pool < 0 ? c->pool : 0;
	for (unsigned i = 0; i < c->n && c->res == 0; i++) {
		c->res = clone_part(c, &c->parts[i]);
		if (c->res == 0 && c->fails)
			c->res = -ENOSPC;
	}
}

static void punch_work(struct aux_job *job)
{
	const struct clone *c = container_of(job, struct clone, job);

	/* If that fails the space comes back with the end of the pool. */
	(void)fallocate(c->pool, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)c->at,
			(off_t)c->len);
}

/* ---- at home ---- */

static void pump(struct clones *cl);

static void clone_free(struct clone *c)
{
	struct clones *cl = c->all;

	forget(c);
	/* Somebody who still reads there leaves it to the next. */
	if (none(cl) && cl->pool && bs_idle(cl->pool)) {
		scratch_close(cl->pool);
		cl->pool = NULL;
	}
}

static void punched(struct aux_job *job)
{
	struct clone *c = container_of(job, struct clone, job);

	c->all->punching--;
	clone_free(c);
}

/* What the pool has of it is given back. */
static void punch(struct clone *c)
{
	c->rod = NULL;
	if (!c->all->pool) {
		clone_free(c);
		return;
	}
	c->state = PUNCHING;
	c->pool = scratch_fd(c->all->pool);
	c->all->punching++;
	c->job.work = punch_work;
	c->job.done = punched;
	aux_submit(c->all->bs->env.aux, &c->job);
}

/* Errors that will be the same the next time. */
static bool lasting(int res)
{
	return res == -EOPNOTSUPP || res == -EXDEV || res == -EINVAL || res == -ENOTTY ||
	       res == -ENOSYS || res == -EPERM;
}

static void cloned(struct aux_job *job)
{
	struct clone *c = container_of(job, struct clone, job);
	struct clones *cl = c->all;
	struct rod *rod = c->rod;
	int res = c->res;

	cl->cloning = NULL;
	if (!cl->pool && c->pool >= 0)
		(void)scratch_open(&cl->pool, c->pool, POOL_SIZE, &cl->bs->env);
	if (!cl->pool && res == 0)
		res = -ENOMEM;
	cl->never = cl->never || lasting(res);
	if (rod && res == 0) {
		c->state = HELD;
		rod_settled(rod);
		wake(c);
	} else {
		if (rod)
			rod->clone = NULL;
		wake(c);
		punch(c);
	}
	pump(cl);
}

/* Begins the next job, if none runs. */
static void pump(struct clones *cl)
{
	struct clone *c = TAILQ_FIRST(&cl->waiting);

	if (!c || cl->cloning)
		return;
	TAILQ_REMOVE(&cl->waiting, c, link);
	TAILQ_INSERT_TAIL(&cl->begun, c, link);
	c->state = CLONING;
	c->pool = cl->pool ? scratch_fd(cl->pool) : -1;
	cl->cloning = c;
	c->job.work = clone_work;
	c->job.done = cloned;
	aux_submit(cl->bs->env.aux, &c->job);
}

static struct clone *clone_new(struct clones *cl, const struct rod *rod)
{
	struct clone *c = calloc(1, sizeof(*c) + rod->n * sizeof(c->parts[0]));
	uint32_t block = cl->file.block;

	if (!c)
		return NULL;
	c->all = cl;
	c->owner = rod->owner;
	c->pool = -1;
	c->at = cl->next;
	c->src = cl->file.fd;
	c->fails = cl->bs->clone_every && ++cl->bs->clone_count % cl->bs->clone_every == 0;
	c->block = block;
	c->size = cl->bs->size;
	c->n = rod->n;
	c->job.ring = cl->bs->env.ring;
	c->job.kind = AUX_KEEP;
	for (unsigned i = 0; i < rod->n; i++) {
		struct byte_range r = rod->parts[i].node.range;
		uint64_t head = r.off % block;

		c->parts[i].range = r;
		c->parts[i].at = c->at + c->len + head;
		c->len += (head + r.len + block - 1) / block * block;
	}
	return c;
}

void clone_start(struct rod *rod)
{
	struct clones *cl = rod->bs->clones;
	struct quota *q[QUOTAS];
	struct clone *c;

	if (!cl || cl->never || rod->n == 0)
		return;
	if (none(cl) && !cl->pool)
		cl->next = 0;
	c = clone_new(cl, rod);
	if (!c)
		return;
	quotas_of(c, q);
	if (c->len > POOL_SIZE - cl->next || !quota_take_all(q, QUOTAS, c->len)) {
		free(c);
		return;
	}
	cl->next += c->len;
	c->rod = rod;
	bs_owner_ref(c->owner);
	rod->clone = c;
	TAILQ_INSERT_TAIL(&cl->waiting, c, link);
	pump(cl);
}

void clone_drop(struct rod *rod)
{
	struct clone *c = rod->clone;

	if (!c)
		return;
	rod->clone = NULL;
	c->rod = NULL;
	wake(c);
	if (c->state == HELD && c->pins == 0)
		punch(c);
	else if (c->state == WAITS)
		clone_free(c);
	/* else clone_unpin() or cloned() finds that the rod is gone */
}

static unsigned collect(const struct clone_list *list, struct rod **ret)
{
	unsigned n = 0;
	struct clone *c;

	TAILQ_FOREACH (c, list, link) {
		if (!c->rod)
			continue;
		if (ret)
			ret[n] = rod_ref(c->rod);
		n++;
	}
	return n;
}

/* Whoever hears that one is cancelled may give back others: each is held until its turn. */
bool clones_give_up(struct clones *cl, uint64_t dev)
{
	struct rod **rods;
	unsigned n;

	if (!cl || cl->file.dev != dev)
		return false;
	n = collect(&cl->waiting, NULL) + collect(&cl->begun, NULL);
	rods = calloc(n + 1, sizeof(struct rod *));
	if (!rods)
		return false;
	n = collect(&cl->waiting, rods);
	n += collect(&cl->begun, rods + n);
	for (unsigned i = 0; i < n; i++) {
		rod_cancel(rods[i]);
		rod_unref(rods[i]);
	}
	free(rods);
	return n > 0;
}

bool clone_pending(const struct clone *c)
{
	return c && c->state != HELD;
}

bool clone_find(const struct rod *rod, uint64_t off, uint64_t *ret_at)
{
	const struct clone *c = rod->clone;
	const struct rod_part *part;

	if (!c || c->state != HELD)
		return false;
	part = rod_part_at(rod, off);
	*ret_at = c->parts[part - rod->parts].at + (off - part->at);
	return true;
}

struct backstore *clone_pool(const struct rod *rod)
{
	return rod->clone->all->pool;
}

uint32_t clone_unit(const struct rod *rod, struct backstore *dst)
{
	struct bs_file file;

	if (!rod->clone || !dst->thin || !dst->ops->file || !dst->ops->file(dst, &file))
		return 0;
	return file.dev == rod->bs->clones->file.dev ? file.block : 0;
}

struct clone *clone_pin(const struct rod *rod, int *ret_fd)
{
	struct clone *c = rod->clone;

	assert(c && c->state == HELD);
	c->pins++;
	*ret_fd = scratch_fd(c->all->pool);
	return c;
}

void clone_unpin(struct clone *c)
{
	assert(c->state == HELD && c->pins > 0);
	if (--c->pins == 0 && !c->rod)
		punch(c);
}
