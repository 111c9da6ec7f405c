/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations, many at once, beside a model of what each block must hold.
 *
 * Operations that overlap take effect in the order they were submitted, so the model
 * does each at once.  It knows of every block which operation wrote it last and what
 * was its place then: the bytes follow from that.  When an operation fails, all blocks
 * that go back to it, on disks and in rods, may be anything.  Where a copy is writing,
 * nothing else is done until it has ended.
 *
 * ODX_SEED=N repeats a run, ODX_OPS=N makes it longer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define BLOCK	    512u
#define DISKS	    2u
#define DISK_BLOCKS 4232u /* 33 chunks and a bit */
#define JOBS	    24u
#define RODS	    10u
#define PARTS	    4u
#define IO_BLOCKS   1024u
#define ROD_BLOCKS  (PARTS * IO_BLOCKS)
#define ANYTHING    UINT32_MAX /* an operation that stands for "unknown" */

/* What a block holds: the bytes that operation @op wrote to block @pos. */
struct cell {
	uint32_t op, pos;
};

struct mrod {
	struct rod *rod; /* NULL: free, or being captured */
	bool capturing;
	struct capture capture;
	struct byte_range ranges[PARTS];
	unsigned nblocks, disk;
	struct cell cells[ROD_BLOCKS];
};

enum what { IDLE, TRANSFER, ROD_READ, EXTENTS, COPY };

struct job {
	enum what what;
	unsigned disk, first, n; /* blocks of the disk that it touches */
	uint32_t op;
	struct io io;
	struct iovec iov;
	struct rod_io rio;
	struct rod_extents extents;
	struct copy copy;
	struct byte_range to;
	struct rod *rod; /* a reference */
	struct cell cells[ROD_BLOCKS];
	unsigned char *mem;
};

struct scenario {
	const char *name;
	const char *fs;		      /* a file system made for it; NULL: none */
	struct bs_config disk[DISKS]; /* the path: a name in the scratch directory */
	bool errors;		      /* operations may fail, and rods be cancelled */
	unsigned ops;
};

static struct fixture fx;
static struct mounted mounted;
static const struct scenario *now;
static struct backstore *disks[DISKS];
static struct cell cells[DISKS][DISK_BLOCKS];
static struct mrod rods[RODS];
static struct job jobs[JOBS];
static struct copy_engine *engine;
static uint64_t seed;
static unsigned char *failed, *zeroes; /* by operation */
static uint32_t nops;
static unsigned wrong, rods_read, copies, cancelled;
static uint64_t grafted;
static const struct copy_engine_config small = { .chunk = 16 * KIB, .window = 4, .copies = 3 };

static unsigned upto(unsigned n) /* 0..n-1 */
{
	return (unsigned)(rnd(&seed) % n);
}

static void expected(struct cell c, unsigned char *ret)
{
	if (zeroes[c.op])
		memset(ret, 0, BLOCK);
	else
		fill_pattern(ret, BLOCK, (uint64_t)c.pos * BLOCK, c.op);
}

static void complain(const char *what, unsigned block, struct cell c)
{
	if (wrong++ < 5)
		printf("  WRONG: %s, block %u: should be what operation %u wrote at %u\n", what,
		       block, c.op, c.pos);
}

static void compare(const char *what, const struct cell *want, const unsigned char *got, unsigned n)
{
	unsigned char block[BLOCK];

	for (unsigned i = 0; i < n; i++) {
		if (want[i].op == ANYTHING || failed[want[i].op])
			continue;
		expected(want[i], block);
		if (memcmp(block, got + (size_t)i * BLOCK, BLOCK))
			complain(what, i, want[i]);
	}
}

static void allow(const char *what, int res, bool stale)
{
	if (res == 0 || now->errors || (res == -ESTALE && stale))
		return;
	wrong++;
	printf("  WRONG: %s ended with %d\n", what, res);
}

/* Is a copy writing there? */
static bool busy(unsigned disk, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < JOBS; i++)
		if (jobs[i].what == COPY && jobs[i].disk == disk &&
		    first < jobs[i].first + jobs[i].n && jobs[i].first < first + n)
			return true;
	return false;
}

/* A place on a disk; small ones are more frequent, and those that meet chunk edges. */
static bool pick(unsigned *disk, unsigned *first, unsigned *n)
{
	*disk = upto(DISKS);
	*n = 1 + upto(upto(4) ? 24 : upto(4) ? 160 : IO_BLOCKS);
	*first = upto(4) ? upto(DISK_BLOCKS) : upto(DISK_BLOCKS / 128) * 128 + 120 + upto(16);
	if (*first >= DISK_BLOCKS)
		*first = DISK_BLOCKS - 1;
	if (*n > DISK_BLOCKS - *first)
		*n = DISK_BLOCKS - *first;
	return !busy(*disk, *first, *n);
}

static struct job *idle_job(void)
{
	for (unsigned i = 0; i < JOBS; i++)
		if (jobs[i].what == IDLE)
			return &jobs[i];
	return NULL;
}

static struct mrod *some_rod(void)
{
	struct mrod *m = &rods[upto(RODS)];

	return m->rod ? m : NULL;
}

static void transferred(struct io *io, int res)
{
	struct job *j = (struct job *)((char *)io - offsetof(struct job, io));

	allow("a transfer", res, false);
	if (io->op == IO_READ && res == 0)
		compare("disk", j->cells, j->mem, j->n);
	else if (io->op != IO_READ && res < 0)
		failed[j->op] = 1;
	j->what = IDLE;
}

static void do_transfer(struct job *j)
{
	static const enum io_op ops[] = { IO_READ, IO_WRITE, IO_WRITE, IO_ZERO, IO_DISCARD };
	enum io_op op = ops[upto(COUNT(ops))];

	if (!pick(&j->disk, &j->first, &j->n))
		return;
	j->what = TRANSFER;
	j->op = nops++;
	zeroes[j->op] = op != IO_WRITE;
	for (unsigned i = 0; i < j->n; i++) {
		struct cell *c = &cells[j->disk][j->first + i];

		if (op == IO_READ)
			j->cells[i] = *c;
		else
			*c = (struct cell) { j->op, j->first + i };
	}
	if (op == IO_WRITE)
		fill_pattern(j->mem, (size_t)j->n * BLOCK, (uint64_t)j->first * BLOCK, j->op);
	j->iov = (struct iovec) { j->mem, (size_t)j->n * BLOCK };
	j->io = (struct io) { .op = op,
			      .off = (uint64_t)j->first * BLOCK,
			      .len = (uint64_t)j->n * BLOCK,
			      .iov = &j->iov,
			      .niov = op == IO_READ || op == IO_WRITE,
			      .flags = op != IO_READ && !upto(20) ? IO_FUA : 0,
			      .done = transferred };
	bs_submit(disks[j->disk], &j->io);
}

static void captured(struct capture *c, int res)
{
	struct mrod *m = (struct mrod *)((char *)c - offsetof(struct mrod, capture));

	m->capturing = false;
	m->rod = c->ret_rod;
	if (res != 0 && res != -ECANCELED)
		allow("a capture", res, false);
}

static void do_capture_some(struct mrod *m)
{
	unsigned n = 1 + upto(PARTS), first, len, disk;

	m->nblocks = 0;
	m->disk = upto(DISKS);
	for (unsigned i = 0; i < n; i++) {
		do
			if (!pick(&disk, &first, &len))
				return;
		while (disk != m->disk);
		if (!upto(4) && !busy(disk, first, DISK_BLOCKS - first))
			len = DISK_BLOCKS - first < IO_BLOCKS ? DISK_BLOCKS - first : IO_BLOCKS;
		m->ranges[i] =
			(struct byte_range) { (uint64_t)first * BLOCK, (uint64_t)len * BLOCK };
		memcpy(&m->cells[m->nblocks], &cells[disk][first], len * sizeof(m->cells[0]));
		m->nblocks += len;
	}
	m->capturing = true;
	m->capture = (struct capture) { .ranges = m->ranges, .n = n, .done = captured };
	bs_capture(disks[m->disk], &m->capture);
	if (!upto(30))
		bs_capture_cancel(&m->capture);
}

static void rod_was_read(struct rod_io *rio, int res)
{
	struct job *j = (struct job *)((char *)rio - offsetof(struct job, rio));

	allow("reading a rod", res, rod_cancelled(j->rod));
	if (res == 0) {
		compare("rod", j->cells, j->mem, j->n);
		rods_read++;
	}
	rod_unref(j->rod);
	j->what = IDLE;
}

static void do_read_rod(struct job *j, struct mrod *m)
{
	unsigned first = upto(m->nblocks);

	j->what = ROD_READ;
	j->rod = rod_ref(m->rod);
	j->n = 1 + upto(m->nblocks - first);
	memcpy(j->cells, &m->cells[first], j->n * sizeof(j->cells[0]));
	j->rio = (struct rod_io) { .rod = m->rod,
				   .off = (uint64_t)first * BLOCK,
				   .len = (uint64_t)j->n * BLOCK,
				   .mem = j->mem,
				   .done = rod_was_read };
	rod_read(&j->rio);
}

static void rod_told(struct rod_extents *x, int res)
{
	struct job *j = (struct job *)((char *)x - offsetof(struct job, extents));

	allow("asking a rod", res, rod_cancelled(j->rod));
	CU_ASSERT(res < 0 || (x->ret_len > 0 && x->ret_len <= x->len));
	if (res == 0 && x->ret_hole && !rod_cancelled(j->rod)) {
		memset(j->mem, 0, x->ret_len);
		compare("hole", j->cells, j->mem, (unsigned)(x->ret_len / BLOCK));
	}
	rod_unref(j->rod);
	j->what = IDLE;
}

static void do_ask_rod(struct job *j, struct mrod *m)
{
	unsigned first = upto(m->nblocks);

	j->what = EXTENTS;
	j->rod = rod_ref(m->rod);
	j->n = m->nblocks - first;
	memcpy(j->cells, &m->cells[first], j->n * sizeof(j->cells[0]));
	j->extents = (struct rod_extents) { .rod = m->rod,
					    .off = (uint64_t)first * BLOCK,
					    .len = (uint64_t)j->n * BLOCK,
					    .done = rod_told };
	rod_extents(&j->extents);
}

static void copied(struct copy *c, int err)
{
	struct job *j = (struct job *)((char *)c - offsetof(struct job, copy));
	unsigned done = (unsigned)(c->written / BLOCK);

	if (err != -ECANCELED)
		allow("a copy", err, rod_cancelled(j->rod));
	CU_ASSERT(err || done == j->n);
	/* What it has written from the front is right; the rest may be, or not. */
	for (unsigned i = done; i < j->n; i++)
		j->cells[i].op = ANYTHING;
	memcpy(&cells[j->disk][j->first], j->cells, j->n * sizeof(j->cells[0]));
	copies += err == 0;
	grafted += c->stats.grafted;
	rod_unref(j->rod);
	j->what = IDLE;
}

static struct ring_post again;
static unsigned turns;

static void turned(struct ring_post *post)
{
	if (turns-- == 0)
		ring_stop(fx.ring);
	else
		ring_post(fx.ring, post);
}

/* The loop goes round a few times. */
static void turn(unsigned n)
{
	turns = n;
	again.fn = turned;
	ring_post(fx.ring, &again);
	ring_run(fx.ring);
}

/*
 * Does anything run where the job is to be?  It ends before, but what the model knows
 * of that place will be gone.
 */
static bool transfers(const struct job *j)
{
	for (unsigned i = 0; i < JOBS; i++)
		if (jobs[i].what == TRANSFER && jobs[i].disk == j->disk &&
		    jobs[i].first < j->first + j->n && j->first < jobs[i].first + jobs[i].n)
			return true;
	return false;
}

static void do_copy_rod(struct job *j, struct mrod *m)
{
	unsigned from = upto(3) ? upto(m->nblocks) : 0;

	if (!pick(&j->disk, &j->first, &j->n))
		return;
	if (from == 0)
		j->n = DISK_BLOCKS;
	if (j->n > m->nblocks - from)
		j->n = m->nblocks - from;
	/* Often so that the blocks lie alike: then they may be shared. */
	if (from == 0)
		j->first = j->first / 8 * 8 + (unsigned)(m->ranges[0].off / BLOCK) % 8;
	if (j->first + j->n > DISK_BLOCKS || busy(j->disk, j->first, j->n))
		return;
	for (unsigned i = 0; transfers(j); i++) {
		if (i == 20 || rod_cancelled(m->rod))
			return;
		turn(2);
	}
	j->what = COPY;
	j->rod = rod_ref(m->rod);
	memcpy(j->cells, &m->cells[from], j->n * sizeof(j->cells[0]));
	j->to = (struct byte_range) { (uint64_t)j->first * BLOCK, (uint64_t)j->n * BLOCK };
	j->copy = (struct copy) { .src = m->rod,
				  .src_off = (uint64_t)from * BLOCK,
				  .dst = disks[j->disk],
				  .to = &j->to,
				  .n = 1,
				  .flags = upto(16) ? 0 : IO_FUA,
				  .dst_block = BLOCK,
				  .done = copied };
	copy_start(engine, &j->copy);
	if (!upto(20))
		copy_cancel(&j->copy);
}

/* A copy's destination must be nothing that a capture still waits for. */
static bool captures_wait(void)
{
	for (unsigned i = 0; i < RODS; i++)
		if (rods[i].capturing)
			return true;
	return false;
}

static void one_operation(void)
{
	struct mrod *m = &rods[upto(RODS)];
	struct job *j = idle_job();
	unsigned dice = upto(100);

	while (!j) {
		turn(2);
		j = idle_job();
	}
	if (dice < 45) {
		do_transfer(j);
	} else if (dice < 60) {
		if (!m->rod && !m->capturing)
			do_capture_some(m);
	} else if (dice < 66) {
		rod_unref(m->rod);
		m->rod = NULL;
	} else if ((m = some_rod())) {
		if (rod_cancelled(m->rod)) {
			cancelled++;
			rod_unref(m->rod);
			m->rod = NULL;
		} else if (dice < 79) {
			do_read_rod(j, m);
		} else if (dice < 83) {
			do_ask_rod(j, m);
		} else if (!captures_wait()) {
			do_copy_rod(j, m);
		}
	}
}

static void drain(void)
{
	for (bool quiet = false; !quiet;) {
		turn(20);
		quiet = true;
		for (unsigned i = 0; i < JOBS; i++)
			quiet = quiet && jobs[i].what == IDLE;
		quiet = quiet && !captures_wait();
	}
}

static void check_all(void)
{
	struct job *j = &jobs[0];

	for (unsigned i = 0; i < RODS; i++) {
		if (!rods[i].rod || rod_cancelled(rods[i].rod))
			continue;
		j->what = ROD_READ;
		j->rod = rod_ref(rods[i].rod);
		j->n = rods[i].nblocks;
		memcpy(j->cells, rods[i].cells, sizeof(j->cells));
		j->rio = (struct rod_io) {
			.rod = j->rod, .len = rod_len(j->rod), .mem = j->mem, .done = rod_was_read
		};
		CU_ASSERT_EQUAL(rod_len(j->rod), (uint64_t)j->n * BLOCK);
		rod_read(&j->rio);
		drain();
	}
	for (unsigned d = 0; d < DISKS; d++)
		for (unsigned at = 0; at < DISK_BLOCKS; at += IO_BLOCKS) {
			unsigned n = DISK_BLOCKS - at < IO_BLOCKS ? DISK_BLOCKS - at : IO_BLOCKS;
			int res = do_io(&fx, disks[d], IO_READ, (uint64_t)at * BLOCK, j->mem,
					(uint64_t)n * BLOCK, 0);

			allow("the last read", res, false);
			if (res == 0)
				compare("disk at the end", &cells[d][at], j->mem, n);
		}
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static bool set_up(const struct scenario *s, struct bs_totals *totals, uint32_t ops)
{
	char path[DISKS][200];

	now = s;
	fixture_init(&fx);
	if (s->fs && !mount_init(&mounted, &fx, s->fs)) {
		fixture_done(&fx);
		return false;
	}
	fx.env.totals = totals;
	for (unsigned d = 0; d < DISKS; d++) {
		struct bs_config cfg = s->disk[d];

		cfg.size = (uint64_t)DISK_BLOCKS * BLOCK;
		cfg.block_size = BLOCK;
		if (strcmp(cfg.path, "mem:") != 0) {
			snprintf(path[d], sizeof(path[d]), "%s/%s", s->fs ? mounted.dir : fx.dir,
				 cfg.path);
			cfg.path = path[d];
		}
		disks[d] = must_open(&fx, &cfg);
	}
	CU_ASSERT_EQUAL_FATAL(copy_engine_new(&engine, &fx.env, &small), 0);
	memset(cells, 0, sizeof(cells));
	failed = calloc(ops + 1, 1);
	zeroes = calloc(ops + 1, 1);
	zeroes[0] = 1; /* nobody has written: zeros */
	nops = 1;
	wrong = rods_read = copies = cancelled = 0;
	grafted = 0;
	for (unsigned i = 0; i < JOBS; i++)
		jobs[i].mem = aligned_alloc(4096, (size_t)ROD_BLOCKS * BLOCK);
	return true;
}

static void tear_down(const struct bs_totals *totals)
{
	for (unsigned i = 0; i < RODS; i++) {
		rod_unref(rods[i].rod);
		rods[i].rod = NULL;
	}
	CU_ASSERT_EQUAL(totals->saved.used, 0);
	for (unsigned d = 0; d < DISKS; d++)
		CU_ASSERT_EQUAL(bs_close(disks[d]), 0);
	copy_engine_free(engine);
	for (unsigned i = 0; i < JOBS; i++)
		free(jobs[i].mem);
	if (now->fs) {
		run_for(&fx, 20); /* what is closed elsewhere */
		mount_done(&mounted);
	}
	fixture_done(&fx);
	free(failed);
	free(zeroes);
}

static void play(const struct scenario *s)
{
	struct bs_totals totals = { .saved.limit = UINT64_MAX,
				    .cloned.limit = UINT64_MAX,
				    .saves.limit = UINT64_MAX };
	uint32_t ops = (uint32_t)number_from("ODX_OPS", s->ops);
	uint64_t saves = 0, clones = 0;

	seed = number_from("ODX_SEED", 4711);
	printf("  %s: ODX_SEED=%llu, %u operations\n", s->name, (unsigned long long)seed, ops);
	if (!set_up(s, &totals, ops))
		return;
	for (uint32_t i = 0; i < ops && wrong == 0; i++) {
		one_operation();
		if (upto(3) == 0)
			turn(1 + upto(4));
		if (upto(500) == 0) {
			drain();
			check_all();
		}
	}
	drain();
	check_all();
	for (unsigned d = 0; d < DISKS; d++) {
		saves += bs_stats(disks[d])->saves;
		clones += bs_stats(disks[d])->rods_cloned;
	}
	printf("  %llu chunks saved, %llu rods cloned, %u read, %u copies, %u cancelled, %llu KiB "
	       "grafted\n",
	       (unsigned long long)saves, (unsigned long long)clones, rods_read, copies, cancelled,
	       (unsigned long long)(grafted >> 10));
	CU_ASSERT(!s->fs || clones > 0);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(saves > 0 && rods_read > 0 && copies > 0);
	CU_ASSERT(s->errors || cancelled == 0);
	tear_down(&totals);
}

static void play_all(const struct scenario *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		play(&s[i]);
}

static void nothing_differs_in_memory(void)
{
	static const struct scenario s[] = {
		{ "memory", NULL, { { .path = "mem:" }, { .path = "mem:" } }, false, 20000 },
		{ "memory, cut and slow",
		  NULL,
		  { { .path = "mem:", .fault = "short:2+again:3", .sidecar_fault = "short:3" },
		    { .path = "mem:", .fault = "read-delay:1", .sidecar_fault = "write-delay:1" } },
		  false,
		  2000 },
	};

	play_all(s, COUNT(s));
}

static void nothing_differs_on_files(void)
{
	static const struct scenario s[] = {
		{ "files", NULL, { { .path = "a" }, { .path = "b" } }, false, 6000 },
		{ "O_DIRECT and memory",
		  NULL,
		  { { .path = "a", .direct = true }, { .path = "mem:" } },
		  false,
		  4000 },
	};

	play_all(s, COUNT(s));
}

static void nothing_differs_where_blocks_are_shared(void)
{
	static const struct scenario s[] = {
		{ "XFS", "xfs", { { .path = "a" }, { .path = "b" } }, false, 3000 },
		{ "XFS with O_DIRECT, slow",
		  "xfs",
		  { { .path = "a", .direct = true, .fault = "write-delay:1" },
		    { .path = "b", .fault = "short:2" } },
		  false,
		  2000 },
		{ "btrfs and memory",
		  "btrfs",
		  { { .path = "a" }, { .path = "mem:" } },
		  false,
		  3000 },
		{ "XFS with errors",
		  "xfs",
		  { { .path = "a", .fault = "clone-error:3", .sidecar_bytes = 512 * KIB },
		    { .path = "b",
		      .fault = "write-error:1M:4K+clone-error:2",
		      .sidecar_fault = "write-error:64K:64K" } },
		  true,
		  3000 },
	};

	play_all(s, COUNT(s));
}

static void with_errors_there_are_failures_but_no_wrong_data(void)
{
	static const struct scenario s[] = {
		{ "a small sidecar",
		  NULL,
		  { { .path = "mem:", .sidecar_bytes = 256 * KIB },
		    { .path = "mem:", .sidecar_bytes = 1024 * KIB } },
		  true,
		  10000 },
		{ "disk errors",
		  NULL,
		  { { .path = "mem:", .fault = "read-error:300K:512+write-error:1M:4K" },
		    { .path = "mem:", .fault = "read-error:0:1K+write-error:700K:512+short:3" } },
		  true,
		  10000 },
		{ "sidecar errors",
		  NULL,
		  { { .path = "mem:", .sidecar_fault = "write-error:128K:64K+short:2" },
		    { .path = "mem:", .sidecar_fault = "read-error:64K:1K" } },
		  true,
		  10000 },
		{ "sidecar full on its file system",
		  NULL,
		  { { .path = "mem:", .sidecar_fault = "enospc:20M+again:2" },
		    { .path = "a", .sidecar_fault = "enospc:1M" } },
		  true,
		  5000 },
	};

	play_all(s, COUNT(s));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "nothing differs in memory", nothing_differs_in_memory },
		{ "nothing differs on files", nothing_differs_on_files },
		{ "nothing differs where blocks are shared",
		  nothing_differs_where_blocks_are_shared },
		{ "with errors there are failures but no wrong data",
		  with_errors_there_are_failures_but_no_wrong_data },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/model", tests);
}
