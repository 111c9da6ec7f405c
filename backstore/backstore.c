/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door: every transfer passes here, in this order: fence, guard, kind.
 */
#include "bs_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cbw.h"
#include "clone.h"
#include "fault.h"
#include "rod.h"

int bs_fail(char *err, size_t cap, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, cap, fmt, ap);
	va_end(ap);
	return code;
}

int bs_init(struct backstore *bs, const struct bs_ops *ops, const struct bs_config *cfg,
	    const struct bs_env *env)
{
	bs->path = strdup(cfg->path);
	if (!bs->path)
		return -ENOMEM;
	bs->ops = ops;
	bs->env = *env;
	bs->read_only = cfg->read_only;
	bs->physical_block = cfg->block_size;
	bs->granularity = cfg->block_size;
	return 0;
}

void bs_done(struct backstore *bs)
{
	free(bs->path);
}

/*
 * The directory of the sidecar, to be freed; *ret NULL: memory.  What is in /dev lies in
 * memory, so a device's is elsewhere, as is that of a file whose directory is not ours.
 */
static int sidecar_place(const struct bs_config *cfg, char **ret, char *err, size_t err_cap)
{
	const char *name = strrchr(cfg->path, '/');
	struct stat st;
	char *dir;

	*ret = NULL;
	if (!cfg->sidecar_dir && strncmp(cfg->path, "mem:", 4) == 0)
		return 0;
	if (cfg->sidecar_dir)
		dir = strdup(cfg->sidecar_dir);
	else
		dir = name ? strndup(cfg->path, (size_t)(name - cfg->path) + 1) : strdup(".");
	if (dir && !cfg->sidecar_dir && !cfg->read_only &&
	    ((stat(cfg->path, &st) == 0 && S_ISBLK(st.st_mode)) || access(dir, W_OK | X_OK) < 0)) {
		free(dir);
		dir = strdup("/var/tmp");
	}
	if (!dir)
		return bs_fail(err, err_cap, -ENOMEM, "%s: out of memory", cfg->path);
	if (!cfg->read_only && access(dir, W_OK | X_OK) < 0) {
		int r = bs_fail(err, err_cap, -errno,
				"%s: %s: %s: give a directory for saved data that can be written "
				"to",
				cfg->path, dir, strerror(errno));

		free(dir);
		return r;
	}
	*ret = dir;
	return 0;
}

/* Gives the backstore what preserved rods need. */
static int keep_rods(struct backstore *bs, const struct bs_config *cfg, char *err, size_t err_cap)
{
	char *dir;
	int r = sidecar_place(cfg, &dir, err, err_cap);

	if (r < 0)
		return r;
	r = cbw_new(&bs->cbw, bs, dir, cfg);
	if (r == 0 && !cfg->no_clones)
		r = clones_new(&bs->clones, bs, cfg->clone_bytes);
	if (r < 0)
		bs_fail(err, err_cap, r, "%s: out of memory", cfg->path);
	free(dir);
	return r;
}

int bs_open(struct backstore **ret, const struct bs_config *cfg, const struct bs_env *env,
	    char *err, size_t err_cap)
{
	bool mem = strncmp(cfg->path, "mem:", 4) == 0;
	struct backstore *bs = NULL;
	int r;

	if (cfg->block_size != 512 && cfg->block_size != 4096)
		return bs_fail(err, err_cap, -EINVAL, "%s: block size %u: give 512 or 4096",
			       cfg->path, cfg->block_size);
	if (cfg->encrypt && !mem)
		return bs_fail(err, err_cap, -EINVAL,
			       "%s: only memory can be encrypted (mem:NAME): leave out encrypt",
			       cfg->path);
	r = (mem ? mem_open : file_open)(&bs, cfg, env, err, err_cap);
	if (r < 0)
		return r;
	if (cfg->fault) {
		struct backstore *inner = bs;

		r = fault_wrap(&bs, inner, cfg->fault, err, err_cap);
		if (r < 0) {
			bs_uncreate(inner);
			bs_close(inner);
			return r;
		}
		bs->created = inner->created;
	}
	/* What is stored encrypted must not lie in a sidecar as it is. */
	if (cfg->keep == ROD_KEEP_PRESERVE && !bs->encrypted) {
		r = keep_rods(bs, cfg, err, err_cap);
		if (r < 0) {
			bs_uncreate(bs);
			bs_close(bs);
			return r;
		}
	}
	*ret = bs;
	return 0;
}

void bs_uncreate(struct backstore *bs)
{
	if (bs->created)
		unlink(bs->path);
	bs->created = false;
}

int bs_close(struct backstore *bs)
{
	if (!bs)
		return 0;
	assert(bs->in_flight == 0 && !bs->fence.first);
	assert(bs->live_rods == 0);
	clones_free(bs->clones);
	cbw_free(bs->cbw);
	return bs->ops->close(bs);
}

bool bs_idle(const struct backstore *bs)
{
	return bs->in_flight == 0 && bs->rods == 0 && !cbw_busy(bs->cbw) &&
	       !clones_busy(bs->clones);
}

int bs_grow(struct backstore *bs, uint64_t size, char *err, size_t err_cap)
{
	unsigned long long have, want = size;
	uint64_t now;
	int r;

	if (!bs->ops->size_now)
		return bs_fail(err, err_cap, -EOPNOTSUPP, "%s: cannot change its size", bs->path);
	r = bs->ops->size_now(bs, &now);
	if (r < 0)
		return bs_fail(err, err_cap, r, "%s: its size cannot be told: %s", bs->path,
			       strerror(-r));
	have = now;
	if (size < bs->size)
		return bs_fail(err, err_cap, -EINVAL,
			       "%s: cannot become smaller while it is served (%llu bytes, now "
			       "%llu)",
			       bs->path, want, (unsigned long long)bs->size);
	if (now != size)
		return bs_fail(err, err_cap, -EINVAL,
			       "%s: has %llu bytes, not %llu: first make it that large "
			       "(truncate -s %llu)",
			       bs->path, have, want, want);
	bs->size = size;
	return 0;
}

int bs_size_now(struct backstore *bs, uint64_t *ret)
{
	if (bs->ops->size_now)
		return bs->ops->size_now(bs, ret);
	*ret = bs->size;
	return 0;
}

uint64_t bs_size(const struct backstore *bs)
{
	return bs->size;
}

enum rod_keep bs_rod_keep(const struct backstore *bs)
{
	return bs->cbw ? ROD_KEEP_PRESERVE : ROD_KEEP_CANCEL;
}

const char *bs_path(const struct backstore *bs)
{
	return bs->path;
}

bool bs_read_only(const struct backstore *bs)
{
	return bs->read_only;
}

bool bs_forgets(const struct backstore *bs)
{
	return bs->forgets;
}

uint32_t bs_physical_block(const struct backstore *bs)
{
	return bs->physical_block;
}

bool bs_encrypted(const struct backstore *bs)
{
	return bs->encrypted;
}

int bs_rekey(struct backstore *bs)
{
	assert(bs->encrypted && bs->ops->rekey);
	rods_guard(bs, 0, bs->size);
	return bs->ops->rekey(bs);
}

bool bs_thin(const struct backstore *bs)
{
	return bs->thin;
}

uint32_t bs_discard_granularity(const struct backstore *bs)
{
	return bs->granularity;
}

int bs_check(struct backstore *bs)
{
	return bs->ops->check ? bs->ops->check(bs) : 0;
}

struct ring *bs_ring(const struct backstore *bs)
{
	return bs->env.ring;
}

const struct bs_stats *bs_stats(const struct backstore *bs)
{
	return &bs->stats;
}

/* What an operation is to the fence, the guard and the counters. */
static const struct {
	bool fenced, writes;
	enum fence_mode mode;
	size_t count, bytes; /* offsets into struct bs_stats; bytes 0: not counted */
} io_ops[] = {
	[IO_READ] = { true, false, FENCE_SHARED, offsetof(struct bs_stats, reads),
		      offsetof(struct bs_stats, bytes_read) },
	[IO_WRITE] = { true, true, FENCE_EXCLUSIVE, offsetof(struct bs_stats, writes),
		       offsetof(struct bs_stats, bytes_written) },
	[IO_FLUSH] = { false, false, FENCE_SHARED, offsetof(struct bs_stats, flushes), 0 },
	[IO_ZERO] = { true, true, FENCE_EXCLUSIVE, offsetof(struct bs_stats, zeroes),
		      offsetof(struct bs_stats, bytes_zeroed) },
	[IO_WILLNEED] = { false, false, FENCE_SHARED, offsetof(struct bs_stats, hints), 0 },
	[IO_DONTNEED] = { false, false, FENCE_SHARED, offsetof(struct bs_stats, hints), 0 },
	[IO_DISCARD] = { true, true, FENCE_EXCLUSIVE, offsetof(struct bs_stats, discards),
			 offsetof(struct bs_stats, bytes_discarded) },
	[IO_CLONE] = { true, true, FENCE_EXCLUSIVE, offsetof(struct bs_stats, clones),
		       offsetof(struct bs_stats, bytes_cloned) },
};

static bool passes_fence(const struct io *io)
{
	return io_ops[io->op].fenced && !io->lock && !io->inside;
}

/* Those that a host waits for; the kinds and the guard have their own. */
static struct bs_load *load_of(const struct io *io)
{
	bool counts =
		(io->op == IO_READ || io->op == IO_WRITE) && !io->inside && !(io->flags & IO_BULK);

	return counts ? io->bs->env.load : NULL;
}

static uint64_t *counter(struct backstore *bs, size_t at)
{
	return (uint64_t *)((char *)&bs->stats + at);
}

static void count(struct io *io, int res)
{
	struct backstore *bs = io->bs;

	*counter(bs, io_ops[io->op].count) += 1;
	bs->stats.fua += (io->flags & IO_FUA) != 0;
	if (res < 0)
		bs->stats.errors++;
	else if (io_ops[io->op].bytes)
		*counter(bs, io_ops[io->op].bytes) += io->len;
}

/* The fence goes first: after done the owner may reuse or free @io. */
void bs_io_done(struct io *io, int res)
{
	struct backstore *bs = io->bs;
	struct bs_load *load = load_of(io);

	if (load) {
		load->running--;
		load->last = ring_now(bs->env.ring);
	}
	if (!io->inside)
		count(io, res);
	if (passes_fence(io))
		fence_release(&bs->fence, &io->fence);
	bs->in_flight--;
	io->done(io, res);
}

void bs_io_later(struct io *io, int res, void (*fn)(struct ring_post *post))
{
	io->res = res;
	io->post.fn = fn;
	ring_post(io->bs->env.ring, &io->post);
}

static void done_later(struct ring_post *post)
{
	struct io *io = container_of(post, struct io, post);

	bs_io_done(io, io->res);
}

static void pass_guard(struct io *io)
{
	struct backstore *bs = io->bs;

	if (io_ops[io->op].writes && bs->read_only) {
		bs_io_later(io, -EROFS, done_later);
		return;
	}
	if (io->len == 0 && io->op != IO_FLUSH) {
		bs_io_later(io, 0, done_later);
		return;
	}
	if (io_ops[io->op].writes && guard_may_hold(&bs->guard, io->off, io->len)) {
		if (bs->cbw && !cbw_pass(bs->cbw, io))
			return;
		if (!bs->cbw)
			rods_guard(bs, io->off, io->len);
	}
	bs_guarded(io);
}

void bs_guarded(struct io *io)
{
	io->bs->ops->submit(io->bs, io);
}

static void io_granted(struct fence_req *req)
{
	pass_guard(container_of(req, struct io, fence));
}

/* One of the ranges holds all of it: a lock over two halves is two places. */
static bool lock_covers(const struct bs_lock *lock, const struct backstore *bs, const struct io *io)
{
	if (lock->bs != bs || lock->state != BS_LOCK_HELD)
		return false;
	for (unsigned i = 0; i < lock->n; i++) {
		const struct byte_range *r = &lock->ranges[i];

		if (io->off >= r->off && io->off - r->off <= r->len &&
		    io->len <= r->len - (io->off - r->off))
			return true;
	}
	return false;
}

static void io_begin(struct backstore *bs, struct io *io, bool inside)
{
	assert(ring_is_home(bs->env.ring));
	assert(range_within(io->off, io->len, bs->size));
	assert((io->op != IO_READ && io->op != IO_WRITE) || io->niov <= BS_MAX_IOV);
	if (io->op == IO_DISCARD && !bs->thin)
		io->op = IO_ZERO;
	io->bs = bs;
	io->inside = inside;
	io->looked = io->off;
	io->progress = 0;
	io->retries = 0;
	io->kind = NULL;
	io->timer.armed = false;
	bs->in_flight++;
}

void bs_submit_inside(struct backstore *bs, struct io *io)
{
	io_begin(bs, io, true);
	bs->ops->submit(bs, io);
}

void bs_submit(struct backstore *bs, struct io *io)
{
	struct bs_load *load;

	io_begin(bs, io, false);
	load = load_of(io);
	if (load)
		load->running++;
	assert(!io->lock || lock_covers(io->lock, bs, io));
	if (passes_fence(io)) {
		io->range = (struct byte_range) { .off = io->off, .len = io->len };
		io->fence.ranges = &io->range;
		io->fence.n = 1;
		io->fence.mode = io_ops[io->op].mode;
		io->fence.granted = io_granted;
		if (!fence_acquire(&bs->fence, &io->fence))
			return;
	}
	pass_guard(io);
}

void bs_extents_done(struct extent_query *q, int res)
{
	q->bs->in_flight--;
	q->done(q, res);
}

static void all_data(struct ring_post *post)
{
	struct extent_query *q = container_of(post, struct extent_query, post);

	q->ret_len = q->len;
	q->ret_hole = false;
	bs_extents_done(q, 0);
}

void bs_extents(struct backstore *bs, struct extent_query *q)
{
	assert(q->len > 0 && range_within(q->off, q->len, bs->size));
	q->bs = bs;
	bs->in_flight++;
	if (bs->ops->extents) {
		bs->ops->extents(bs, q);
		return;
	}
	q->post.fn = all_data;
	ring_post(bs->env.ring, &q->post);
}

static void capture_done(struct ring_post *post)
{
	struct capture *c = container_of(post, struct capture, post);

	c->bs->in_flight--;
	c->done(c, c->res);
}

static void capture_end(struct capture *c, int res)
{
	c->res = res;
	c->post.fn = capture_done;
	ring_post(c->bs->env.ring, &c->post);
}

/* No write to the ranges is running now, and later ones will meet the guard. */
static void capture_now(struct capture *c)
{
	int res = rod_new(&c->ret_rod, c);

	fence_release(&c->bs->fence, &c->fence);
	capture_end(c, res);
}

static void capture_granted(struct fence_req *req)
{
	capture_now(container_of(req, struct capture, fence));
}

void bs_capture(struct backstore *bs, struct capture *c)
{
	assert(ring_is_home(bs->env.ring));
	for (unsigned i = 0; i < c->n; i++)
		assert(range_within(c->ranges[i].off, c->ranges[i].len, bs->size));
	c->bs = bs;
	c->ret_rod = NULL;
	c->res = 1; /* no outcome yet */
	c->fence.ranges = c->ranges;
	c->fence.n = c->n;
	c->fence.mode = FENCE_EXCLUSIVE;
	c->fence.granted = capture_granted;
	bs->in_flight++;
	if (fence_acquire(&bs->fence, &c->fence))
		capture_now(c);
}

void bs_capture_cancel(struct capture *c)
{
	if (c->res == 1) {
		fence_release(&c->bs->fence, &c->fence);
		capture_end(c, -ECANCELED);
		return;
	}
	/* Its done is on the way: only the outcome changes. */
	rod_unref(c->ret_rod);
	c->ret_rod = NULL;
	c->res = -ECANCELED;
}

/* ---- locks ---- */

static void lock_told(struct ring_post *post)
{
	struct bs_lock *lock = container_of(post, struct bs_lock, post);
	int res = lock->res;

	lock->state = res == 0 ? BS_LOCK_HELD : BS_LOCK_OVER;
	if (res < 0)
		lock->bs->in_flight--;
	lock->granted(lock, res);
}

static void lock_tell(struct bs_lock *lock, int res)
{
	lock->state = BS_LOCK_TOLD;
	lock->res = res;
	lock->post.fn = lock_told;
	ring_post(lock->bs->env.ring, &lock->post);
}

static void lock_granted(struct fence_req *req)
{
	lock_tell(container_of(req, struct bs_lock, fence), 0);
}

void bs_lock(struct backstore *bs, struct bs_lock *lock)
{
	assert(ring_is_home(bs->env.ring));
	for (unsigned i = 0; i < lock->n; i++)
		assert(range_within(lock->ranges[i].off, lock->ranges[i].len, bs->size));
	lock->bs = bs;
	lock->state = BS_LOCK_WAITS;
	lock->fence.ranges = lock->ranges;
	lock->fence.n = lock->n;
	lock->fence.mode = FENCE_EXCLUSIVE;
	lock->fence.granted = lock_granted;
	bs->in_flight++;
	if (fence_acquire(&bs->fence, &lock->fence))
		lock_tell(lock, 0);
}

void bs_lock_cancel(struct bs_lock *lock)
{
	assert(lock->state == BS_LOCK_WAITS || lock->state == BS_LOCK_TOLD);
	if (lock->state == BS_LOCK_TOLD && lock->res == -ECANCELED)
		return;
	fence_release(&lock->bs->fence, &lock->fence);
	if (lock->state == BS_LOCK_WAITS)
		lock_tell(lock, -ECANCELED);
	else
		lock->res = -ECANCELED; /* the message is on its way */
}

void bs_unlock(struct bs_lock *lock)
{
	assert(lock->state == BS_LOCK_HELD);
	lock->state = BS_LOCK_OVER;
	fence_release(&lock->bs->fence, &lock->fence);
	lock->bs->in_flight--;
}

bool bs_tamper_again(struct io *io)
{
	struct backstore *bs = io->bs;

	return bs->again_every && io->retries == 0 && ++bs->again_count % bs->again_every == 0;
}

uint64_t bs_tamper_len(struct backstore *bs, uint64_t len, uint32_t align)
{
	uint64_t half = len / 2 / align * align;

	if (!bs->short_every || ++bs->short_count % bs->short_every || half == 0)
		return len;
	return half;
}

bool mem_is_zero(const void *mem, size_t len)
{
	const char *p = mem;

	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

void iov_advance(struct iovec *iov, unsigned niov, uint64_t n)
{
	for (unsigned i = 0; i < niov && n > 0; i++) {
		size_t take = iov[i].iov_len < n ? iov[i].iov_len : (size_t)n;

		iov[i].iov_base = (char *)iov[i].iov_base + take;
		iov[i].iov_len -= take;
		n -= take;
	}
	assert(n == 0);
}
