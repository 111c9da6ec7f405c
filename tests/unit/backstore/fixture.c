/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static void give_up(const char *what, const char *why)
{
	fprintf(stderr, "fixture: %s: %s\n", what, why);
	abort();
}

void fixture_init(struct fixture *f)
{
	fixture_init_with(f, 2);
}

void fixture_init_with(struct fixture *f, unsigned aux_threads)
{
	const char *tmp = getenv("TMPDIR");

	memset(f, 0, sizeof(*f));
	if (ring_new(&f->ring, 64, f->err, sizeof(f->err)) < 0)
		give_up("ring", f->err);
	if (aux_new(&f->aux, aux_threads) < 0)
		give_up("aux", "no threads");
	f->env.ring = f->ring;
	f->env.aux = f->aux;
	snprintf(f->dir, sizeof(f->dir), "%.32s/odx-bs-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(f->dir))
		give_up("mkdtemp", f->dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fixture_done(struct fixture *f)
{
	aux_free(f->aux);
	ring_free(f->ring);
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

const char *fixture_path(struct fixture *f, const char *name)
{
	static char paths[4][160];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", f->dir, name);
	return path;
}

struct watch {
	struct ring_timer timer;
	struct ring_post post;
	struct fixture *f;
	const bool *flag;
};

/* The flag is looked at after each batch of callbacks, as a post each turn. */
static void look(struct ring_timer *timer)
{
	struct watch *w = OF(timer, struct watch, timer);

	if (*w->flag)
		ring_stop(w->f->ring);
	else
		ring_timer_set(w->f->ring, timer, 50000);
}

static void too_long(struct ring_timer *timer)
{
	give_up("run_until", "30 s have passed and nothing came");
}

void run_until(struct fixture *f, const bool *flag)
{
	struct ring_timer limit = { .fn = too_long };
	struct watch w = { .timer = { .fn = look }, .f = f, .flag = flag };

	ring_timer_set(f->ring, &limit, 30ull * 1000000000u);
	ring_timer_set(f->ring, &w.timer, 0);
	ring_run(f->ring);
	ring_timer_cancel(f->ring, &limit);
	ring_timer_cancel(f->ring, &w.timer);
}

struct pause {
	struct ring_timer timer;
	bool over;
};

static void pause_over(struct ring_timer *timer)
{
	OF(timer, struct pause, timer)->over = true;
}

void run_for(struct fixture *f, unsigned ms)
{
	struct pause p = { .timer = { .fn = pause_over } };

	ring_timer_set(f->ring, &p.timer, NOW_MS(ms));
	run_until(f, &p.over);
}

void tcopy_done(struct copy *c, int err)
{
	struct tcopy *t = (struct tcopy *)c;

	t->err = err;
	t->done = true;
}

static void tio_done(struct io *io, int res)
{
	struct tio *t = OF(io, struct tio, io);

	if (t->inside)
		give_up("bs_submit", "done came from inside");
	t->res = res;
	t->calls++;
	t->done = true;
	if (t->order)
		t->rank = ++*t->order;
}

void tio_set(struct tio *t, struct fixture *f, enum io_op op, uint64_t off, void *mem, uint64_t len)
{
	memset(t, 0, sizeof(*t));
	t->f = f;
	t->res = IO_PENDING_RES;
	t->iov = (struct iovec) { .iov_base = mem, .iov_len = (size_t)len };
	t->io.op = op;
	t->io.off = off;
	t->io.len = len;
	t->io.iov = &t->iov;
	t->io.niov = 1;
	t->io.done = tio_done;
}

void tio_submit(struct tio *t, struct backstore *bs)
{
	t->inside = true;
	bs_submit(bs, &t->io);
	t->inside = false;
}

int do_io(struct fixture *f, struct backstore *bs, enum io_op op, uint64_t off, void *mem,
	  uint64_t len, unsigned flags)
{
	struct tio t;

	tio_set(&t, f, op, off, mem, len);
	t.io.flags = flags;
	tio_submit(&t, bs);
	run_until(f, &t.done);
	return t.res;
}

static void holdup_work(struct aux_job *job)
{
	while (!atomic_load(&OF(job, struct holdup, job)->go))
		usleep(100);
}

static void holdup_over(struct aux_job *job)
{
	OF(job, struct holdup, job)->over = true;
}

void hold_up(struct fixture *f, struct holdup *h)
{
	hold_up_kind(f, h, AUX_KEEP);
}

void hold_up_kind(struct fixture *f, struct holdup *h, enum aux_kind kind)
{
	*h = (struct holdup) {
		.job = { .kind = kind, .work = holdup_work, .done = holdup_over, .ring = f->ring }
	};
	aux_submit(f->aux, &h->job);
}

void let_go(struct fixture *f, struct holdup *h)
{
	atomic_store(&h->go, true);
	run_until(f, &h->over);
}

struct capture_wait {
	struct capture c;
	int res;
	bool done;
};

static void captured(struct capture *c, int res)
{
	struct capture_wait *w = OF(c, struct capture_wait, c);

	w->res = res;
	w->done = true;
}

struct rod *do_capture(struct fixture *f, struct backstore *bs, const struct byte_range *r,
		       unsigned n)
{
	return do_capture_for(f, bs, NULL, r, n);
}

struct rod *do_capture_for(struct fixture *f, struct backstore *bs, struct bs_owner *owner,
			   const struct byte_range *r, unsigned n)
{
	struct capture_wait w = { .c = { .ranges = r, .n = n, .owner = owner, .done = captured } };

	bs_capture(bs, &w.c);
	run_until(f, &w.done);
	return w.res == 0 ? w.c.ret_rod : NULL;
}

struct rod_wait {
	struct rod_io rio;
	struct rod_extents x;
	int res;
	bool done, inside;
};

static void rod_was_read(struct rod_io *rio, int res)
{
	struct rod_wait *w = OF(rio, struct rod_wait, rio);

	if (w->inside)
		give_up("rod_read", "done came from inside");
	w->res = res;
	w->done = true;
}

int do_rod_read(struct fixture *f, struct rod *rod, uint64_t off, void *mem, uint64_t len)
{
	struct rod_wait w = {
		.rio = { .rod = rod, .off = off, .len = len, .mem = mem, .done = rod_was_read }
	};

	w.inside = true;
	rod_read(&w.rio);
	w.inside = false;
	run_until(f, &w.done);
	return w.res;
}

static void rod_told(struct rod_extents *x, int res)
{
	struct rod_wait *w = OF(x, struct rod_wait, x);

	if (w->inside)
		give_up("rod_extents", "done came from inside");
	w->res = res;
	w->done = true;
}

int do_rod_extents(struct fixture *f, struct rod *rod, uint64_t off, uint64_t len,
		   uint64_t *ret_len, bool *ret_hole)
{
	struct rod_wait w = { .x = { .rod = rod, .off = off, .len = len, .done = rod_told } };

	w.inside = true;
	rod_extents(&w.x);
	w.inside = false;
	run_until(f, &w.done);
	*ret_len = w.x.ret_len;
	*ret_hole = w.x.ret_hole;
	return w.res;
}

struct extents_wait {
	struct extent_query q;
	int res;
	bool done;
};

static void told(struct extent_query *q, int res)
{
	struct extents_wait *w = OF(q, struct extents_wait, q);

	w->res = res;
	w->done = true;
}

int do_extents(struct fixture *f, struct backstore *bs, uint64_t off, uint64_t len,
	       uint64_t *ret_len, bool *ret_hole)
{
	struct extents_wait w = { .q = { .off = off, .len = len, .done = told } };

	bs_extents(bs, &w.q);
	run_until(f, &w.done);
	*ret_len = w.q.ret_len;
	*ret_hole = w.q.ret_hole;
	return w.res;
}

bool rod_shows(struct fixture *f, struct rod *rod, const void *image, const struct byte_range *r,
	       unsigned n)
{
	unsigned char *got = malloc(rod_len(rod) + 1);
	uint64_t at = 0;
	bool same = true;

	CU_ASSERT_EQUAL(do_rod_read(f, rod, 0, got, rod_len(rod)), 0);
	for (unsigned i = 0; i < n && same; at += r[i++].len)
		same = test_same_bytes("rod", got + at, r[i].len, (const char *)image + r[i].off,
				       r[i].len);
	free(got);
	return same;
}

struct backstore *must_open(struct fixture *f, const struct bs_config *cfg)
{
	struct backstore *bs;

	if (bs_open(&bs, cfg, &f->env, f->err, sizeof(f->err)) < 0)
		give_up(cfg->path, f->err);
	return bs;
}

struct backstore *open_mem(struct fixture *f, uint64_t size, const char *fault)
{
	struct bs_config cfg = {
		.path = "mem:", .size = size, .block_size = 512, .fault = fault, .keep = f->keep
	};

	return must_open(f, &cfg);
}

#define MODEL_MAX_IO (2 * MIB)

/* What a model run works with. */
struct model {
	struct fixture *f;
	struct backstore *bs;
	enum memory memory;
	struct arena *arena;
	unsigned char *want, *io_mem;
	size_t max;
	uint64_t seed;
};

/* Cuts [mem, mem+len) into pieces as the kind of memory says. */
static unsigned cut(struct model *m, unsigned char *mem, size_t len, struct iovec *iov)
{
	unsigned n = 0;

	while (len > 0 && n < 7 && m->memory != MEMORY_ARENA) {
		size_t unit = m->memory == MEMORY_ODD ? 1 : m->memory == MEMORY_512 ? 512 : 4096;
		size_t take = rnd(&m->seed) % (len / unit + 1) * unit;

		iov[n++] = (struct iovec) { .iov_base = mem, .iov_len = take };
		mem += take;
		len -= take;
	}
	iov[n++] = (struct iovec) { .iov_base = mem, .iov_len = len };
	return n;
}

static int model_io(struct model *m, enum io_op op, uint64_t off, unsigned char *mem, size_t len)
{
	struct iovec iov[8];
	struct tio t;

	tio_set(&t, m->f, op, off, NULL, len);
	t.io.flags = rnd(&m->seed) % 4 == 0 && op != IO_READ ? IO_FUA : 0;
	t.io.iov = iov;
	t.io.niov = op == IO_ZERO || op == IO_DISCARD ? 0 : cut(m, mem, len, iov);
	tio_submit(&t, m->bs);
	run_until(m->f, &t.done);
	return t.res;
}

static void model_round(struct model *m, unsigned round)
{
	uint64_t size = bs_size(m->bs);
	uint64_t off = rnd(&m->seed) % (size / 4096) * 4096;
	uint64_t len = (1 + rnd(&m->seed) % (rnd(&m->seed) % 2 ? 8 : m->max / 4096)) * 4096;
	unsigned char *mem = m->io_mem + (m->memory == MEMORY_ODD   ? 3
					  : m->memory == MEMORY_512 ? 512
								    : 0);

	if (len > size - off)
		len = size - off;
	switch (rnd(&m->seed) % 4) {
	case 0:
		fill_pattern(m->want + off, len, off, round);
		memcpy(mem, m->want + off, len);
		CU_ASSERT_EQUAL(model_io(m, IO_WRITE, off, mem, len), 0);
		break;
	case 1:
		memset(m->want + off, 0, len);
		CU_ASSERT_EQUAL(model_io(m, IO_ZERO, off, NULL, len), 0);
		break;
	case 2:
		memset(m->want + off, 0, len);
		CU_ASSERT_EQUAL(model_io(m, IO_DISCARD, off, NULL, len), 0);
		break;
	default:
		memset(mem, 0xee, len);
		CU_ASSERT_EQUAL(model_io(m, IO_READ, off, mem, len), 0);
		CHECK_BYTES(mem, len, m->want + off, len);
	}
}

void check_against_model(struct fixture *f, struct backstore *bs, unsigned rounds,
			 enum memory memory)
{
	struct model m = { .f = f, .bs = bs, .memory = memory, .seed = 77, .max = MODEL_MAX_IO };
	unsigned char *own = aligned_alloc(4096, MODEL_MAX_IO + 4096);

	m.want = malloc(bs_size(bs));
	m.io_mem = own;
	if (memory == MEMORY_ARENA) {
		m.max = MIB;
		if (arena_new(&m.arena, f->ring, MIB) < 0)
			give_up("arena", "no memory");
		m.io_mem = arena_get(m.arena, MIB);
	}
	CU_ASSERT_EQUAL(do_io(f, bs, IO_READ, 0, m.want, bs_size(bs), 0), 0);
	for (unsigned round = 0; round < rounds; round++)
		model_round(&m, round);
	CU_ASSERT_EQUAL(do_io(f, bs, IO_FLUSH, 0, NULL, 0, 0), 0);
	for (uint64_t off = 0; off < bs_size(bs); off += MODEL_MAX_IO) {
		uint64_t n = bs_size(bs) - off < MODEL_MAX_IO ? bs_size(bs) - off : MODEL_MAX_IO;

		CU_ASSERT_EQUAL(do_io(f, bs, IO_READ, off, own, n, 0), 0);
		CHECK_BYTES(own, n, m.want + off, n);
	}
	if (m.arena)
		arena_put(m.arena, m.io_mem, MIB);
	arena_free(m.arena);
	free(m.want);
	free(own);
}

bool mount_init(struct mounted *m, struct fixture *f, const char *kind)
{
	return mount_in(m, f->dir, kind);
}

void make_file(const char *path, uint64_t size, unsigned seed)
{
	static char block[64 * KIB];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		give_up(path, "cannot be made");
	for (uint64_t at = 0; at < size; at += sizeof(block)) {
		size_t n = size - at < sizeof(block) ? (size_t)(size - at) : sizeof(block);

		fill_pattern(block, n, at, seed);
		if (write(fd, block, n) != (ssize_t)n)
			give_up(path, "cannot be written");
	}
	close(fd);
}

void fill_pattern(void *mem, size_t len, uint64_t at, unsigned seed)
{
	unsigned char *p = mem;

	for (size_t i = 0; i < len; i++) {
		uint64_t x = (at + i) / 8 * 0x9e3779b97f4a7c15ull + seed * 0x2545f491u;

		p[i] = (unsigned char)(x >> 24 >> ((at + i) % 8 * 4)) | 1;
	}
}

unsigned random_ranges(uint64_t *seed, uint64_t space, struct byte_range *r, unsigned max,
		       uint32_t block)
{
	uint64_t at = 0, slot = space / max / block * block;
	unsigned n = 1 + rnd(seed) % max;

	for (unsigned i = 0; i < n; i++, at += slot) {
		uint64_t len = rnd(seed) % 4 ? rnd(seed) % (slot / block + 1) * block : block;

		r[i] = (struct byte_range) { at, rnd(seed) % 16 ? len : 0 };
		if (r[i].len < slot)
			r[i].off += rnd(seed) % ((slot - r[i].len) / block + 1) * block;
	}
	for (unsigned i = n; i > 1; i--) {
		unsigned k = rnd(seed) % i;
		struct byte_range x = r[i - 1];

		r[i - 1] = r[k];
		r[k] = x;
	}
	return n;
}

uint64_t rnd(uint64_t *state)
{
	uint64_t x = *state ? *state : 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x;
}
