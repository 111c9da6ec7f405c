/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rods that share blocks, and copies from rods: on file systems made for the test.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fixture.h"
#include "quota.h"

#define SIZE (4 * MIB + 512) /* ends within a block of the file system */

static struct fixture fx;
static struct mounted fs;
static bool mounted;
static struct backstore *bs;
static struct copy_engine *engine;
static unsigned char *image, *mem;
static const char *const kinds[] = { "xfs", "btrfs" };

static const struct copy_engine_config small = { .chunk = 16 * KIB, .window = 4, .copies = 2 };

static struct backstore *open_at(struct bs_config cfg, const char *dir, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!cfg.path)
		cfg.path = path;
	if (!cfg.size)
		cfg.size = SIZE;
	cfg.block_size = 512;
	return must_open(&fx, &cfg);
}

static void fill(void)
{
	image = malloc(SIZE);
	mem = aligned_alloc(4096, (SIZE + 4095) / 4096 * 4096);
	fill_pattern(image, SIZE, 0, 1);
	memcpy(mem, image, SIZE);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, mem, SIZE, 0), 0);
}

/* On a file system of its own, or with @kind NULL in the scratch directory or memory. */
static bool start_with(const char *kind, struct bs_config cfg, unsigned aux_threads)
{
	fixture_init_with(&fx, aux_threads);
	mounted = kind && mount_init(&fs, &fx, kind);
	if (kind && !mounted) {
		fixture_done(&fx);
		return false;
	}
	bs = open_at(cfg, kind ? fs.dir : fx.dir, "disk");
	CU_ASSERT_EQUAL_FATAL(copy_engine_new(&engine, &fx.env, &small), 0);
	fill();
	return true;
}

static bool start(const char *kind, struct bs_config cfg)
{
	return start_with(kind, cfg, 2);
}

static void finish(void)
{
	copy_engine_free(engine);
	if (bs)
		CU_ASSERT_EQUAL(bs_close(bs), 0);
	run_for(&fx, 20); /* what is closed elsewhere */
	if (mounted)
		mount_done(&fs);
	fixture_done(&fx);
	free(image);
	free(mem);
}

static struct rod *capture(uint64_t off, uint64_t len)
{
	const struct byte_range r = { off, len };

	return do_capture(&fx, bs, &r, 1);
}

static void settle(struct rod *rod)
{
	for (unsigned i = 0; i < 5000 && rod_settling(rod); i++)
		run_for(&fx, 1);
	CU_ASSERT(!rod_settling(rod));
}

static bool shows(struct rod *rod, const struct byte_range *r, unsigned n)
{
	return rod_shows(&fx, rod, image, r, n);
}

static bool shows_one(struct rod *rod, uint64_t off, uint64_t len)
{
	const struct byte_range r = { off, len };

	return shows(rod, &r, 1);
}

static void overwrite(enum io_op op)
{
	fill_pattern(mem, SIZE, 0, 77);
	CU_ASSERT_EQUAL(do_io(&fx, bs, op, 0, mem, SIZE, 0), 0);
}

static void a_cloned_rod_costs_writes_nothing(void)
{
	/* unaligned, out of order, two in one block, the end of the file */
	static const struct byte_range r[] = { { MIB + 512, MIB },
					       { 512, 512 },
					       { 0, 0 },
					       { 1536, 512 },
					       { SIZE - 2048, 2048 },
					       { SIZE - 512, 512 },
					       { 8192, 4096 },
					       { 3 * MIB, 256 * KIB + 512 } };
	static const bool direct[] = { false, true };

	for (unsigned i = 0; i < 2 * COUNT(kinds); i++) {
		struct rod *rod;

		if (!start(kinds[i / 2], (struct bs_config) { .direct = direct[i % 2] }))
			return;
		rod = do_capture(&fx, bs, r, COUNT(r));
		settle(rod);
		CU_ASSERT_EQUAL(bs_stats(bs)->rods_cloned, 1);
		CU_ASSERT(shows(rod, r, COUNT(r)));
		overwrite(IO_WRITE);
		CU_ASSERT(shows(rod, r, COUNT(r)));
		overwrite(IO_DISCARD);
		CU_ASSERT(shows(rod, r, COUNT(r)));
		CU_ASSERT_EQUAL(bs_stats(bs)->saves, 0);
		CU_ASSERT(!rod_cancelled(rod));
		rod_unref(rod);
		finish();
	}
}

static void writes_while_it_is_cloned_are_saved_for(void)
{
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		struct tio t[16];
		struct rod *rod;

		if (!start(kinds[i], (struct bs_config) { .path = NULL }))
			return;
		for (unsigned round = 0; round < 10; round++) {
			uint64_t saves = bs_stats(bs)->saves;

			memcpy(mem, image, SIZE);
			CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, mem, SIZE, 0), 0);
			rod = capture(0, SIZE);
			fill_pattern(mem, SIZE, 0, 2 + round);
			for (unsigned k = 0; k < COUNT(t); k++) {
				tio_set(&t[k], &fx, IO_WRITE, k * 256 * KIB, mem + k * 256 * KIB,
					round % 2 ? 256 * KIB : 4096);
				tio_submit(&t[k], bs);
			}
			for (unsigned k = 0; k < COUNT(t); k++)
				run_until(&fx, &t[k].done);
			CU_ASSERT(bs_stats(bs)->saves >= saves);
			CU_ASSERT(shows_one(rod, 0, SIZE));
			settle(rod);
			CU_ASSERT(shows_one(rod, 0, SIZE));
			overwrite(IO_ZERO);
			CU_ASSERT(shows_one(rod, 0, SIZE));
			rod_unref(rod);
		}
		CU_ASSERT_EQUAL(bs_stats(bs)->rods_cloned, 10);
		finish();
	}
}

static void where_blocks_are_not_shared_it_stays_copy_before_write(void)
{
	static const struct {
		const char *kind;
		struct bs_config cfg;
	} cases[] = {
		{ "ext4", { .path = NULL } },
		{ NULL, { .path = "mem:" } },
		{ "xfs", { .no_clones = true } },
		{ "xfs", { .provisioning = BS_FULL } },
		{ "xfs", { .fault = "clone-error:1" } },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct rod *rod[2];

		if (!start(cases[i].kind, cases[i].cfg))
			continue;
		for (unsigned k = 0; k < 2; k++) {
			rod[k] = capture(512, MIB);
			settle(rod[k]);
		}
		overwrite(IO_WRITE);
		CU_ASSERT_EQUAL(bs_stats(bs)->rods_cloned, 0);
		CU_ASSERT(bs_stats(bs)->saves > 0);
		for (unsigned k = 0; k < 2; k++) {
			CU_ASSERT(shows_one(rod[k], 512, MIB));
			rod_unref(rod[k]);
		}
		finish();
	}
}

static void some_clones_fail_and_nothing_is_lost(void)
{
	const struct byte_range r[] = { { 0, MIB }, { 2 * MIB, MIB } };
	struct rod *rods[8];

	if (!start("xfs", (struct bs_config) { .fault = "clone-error:2" }))
		return;
	for (unsigned i = 0; i < COUNT(rods); i++)
		rods[i] = do_capture(&fx, bs, r, 2);
	for (unsigned i = 0; i < COUNT(rods); i++)
		settle(rods[i]);
	CU_ASSERT_EQUAL(bs_stats(bs)->rods_cloned, COUNT(rods) / 2);
	overwrite(IO_WRITE);
	for (unsigned i = 0; i < COUNT(rods); i++) {
		CU_ASSERT(shows(rods[i], r, 2));
		rod_unref(rods[i]);
	}
	finish();
}

static void bytes_cloned_at_the_limit_and_one_above(void)
{
	struct rod *rod[3];

	if (!start("xfs", (struct bs_config) { .clone_bytes = MIB + 4096 }))
		return;
	rod[0] = capture(512, MIB); /* rounded out to the limit */
	rod[1] = capture(2 * MIB, 512);
	settle(rod[0]);
	CU_ASSERT(!rod_settling(rod[1]));
	CU_ASSERT_EQUAL(bs_stats(bs)->rods_cloned, 1);
	rod_unref(rod[0]);
	while (!bs_idle(bs) && bs_stats(bs)->rods_cloned == 1) {
		/* what was given back may be used again */
		rod[2] = capture(512, MIB);
		settle(rod[2]);
		rod_unref(rod[2]);
	}
	CU_ASSERT_EQUAL(bs_stats(bs)->rods_cloned, 2);
	overwrite(IO_WRITE);
	CU_ASSERT(shows_one(rod[1], 2 * MIB, 512));
	rod_unref(rod[1]);
	finish();
}

static uint64_t used_blocks(void)
{
	struct statvfs v;
	int fd = open(fs.dir, O_RDONLY | O_CLOEXEC);

	syncfs(fd);
	close(fd);
	CU_ASSERT_EQUAL(statvfs(fs.dir, &v), 0);
	return (v.f_blocks - v.f_bfree) * v.f_frsize;
}

static void space_comes_back_with_the_rods(void)
{
	struct rod *rods[10];
	uint64_t before;

	if (!start("xfs", (struct bs_config) { .path = NULL }))
		return;
	before = used_blocks();
	for (unsigned i = 0; i < COUNT(rods); i++) {
		rods[i] = capture(0, SIZE);
		settle(rods[i]);
		fill_pattern(mem, SIZE, 0, i);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, mem, SIZE, 0), 0);
	}
	CU_ASSERT(used_blocks() > before + 30 * MIB);
	/* each gives its own back, and all of them all */
	for (unsigned i = 0; i < 5; i++)
		rod_unref(rods[i]);
	run_for(&fx, 100);
	CU_ASSERT(used_blocks() < before + 25 * MIB);
	for (unsigned i = 5; i < COUNT(rods); i++)
		rod_unref(rods[i]);
	run_for(&fx, 100);
	CU_ASSERT(used_blocks() < before + 2 * MIB);
	CU_ASSERT(bs_idle(bs));
	finish();
}

static void a_rod_given_back_or_cancelled_while_it_is_cloned(void)
{
	if (!start("xfs", (struct bs_config) { .path = NULL }))
		return;
	for (unsigned i = 0; i < 40; i++) {
		struct rod *rod = capture(0, SIZE);
		struct rod *other = capture(0, SIZE); /* waits for its turn */

		if (i % 2)
			rod_cancel(rod);
		rod_unref(i % 3 ? rod : other);
		if (i % 5 == 0)
			run_for(&fx, 1);
		rod_unref(i % 3 ? other : rod);
		if (i % 7 == 0)
			run_for(&fx, 5);
		/* closed at once, whatever the aux threads are at */
		CU_ASSERT_EQUAL(bs_close(bs), 0);
		bs = open_at((struct bs_config) { .path = NULL }, fs.dir, "disk");
	}
	finish();
}

static int do_copy(struct rod *rod, uint64_t src_off, struct backstore *dst, uint64_t to,
		   uint64_t len, struct copy_stats *ret)
{
	const struct byte_range r = { to, len };
	struct tcopy t = { .c = { .src = rod,
				  .src_off = src_off,
				  .dst = dst,
				  .to = &r,
				  .n = 1,
				  .dst_block = 512,
				  .done = tcopy_done } };

	copy_start(engine, &t.c);
	run_until(&fx, &t.done);
	CU_ASSERT(t.err || t.c.written == len);
	if (ret)
		*ret = t.c.stats;
	return t.err;
}

static void blocks_are_grafted_where_they_lie_alike(void)
{
	static const struct {
		uint64_t off, from, to, len, grafted;
	} cases[] = {
		{ 0, 0, 2 * MIB, MIB, MIB },
		{ 0, 4096, 2 * MIB, MIB - 4096, MIB - 4096 },
		{ 512, 0, 2 * MIB, MIB, 0 },		    /* not alike */
		{ 512, 0, 2 * MIB + 512, MIB, MIB - 4096 }, /* both edges are copied */
		{ 512, 1024, 2 * MIB + 1536, MIB, MIB - 4096 },
		{ 0, 0, 2 * MIB, 64 * KIB - 512, 0 },	       /* not worth it */
		{ MIB, 0, MIB + 512 * KIB, MIB, MIB },	       /* over its own source */
		{ SIZE - MIB - 512, 0, 4096, MIB + 512, MIB }, /* the end of the file */
	};
	unsigned char *want = malloc(SIZE);

	for (unsigned k = 0; k < COUNT(kinds); k++) {
		if (!start(kinds[k], (struct bs_config) { .path = NULL }))
			break;
		for (unsigned i = 0; i < COUNT(cases); i++) {
			struct copy_stats stats;
			struct rod *rod;

			rod = capture(cases[i].off, cases[i].from + cases[i].len);
			memcpy(want, image, SIZE);
			memcpy(want + cases[i].to, image + cases[i].off + cases[i].from,
			       cases[i].len);
			CU_ASSERT_EQUAL(do_copy(rod, cases[i].from, bs, cases[i].to, cases[i].len,
						&stats),
					0);
			CU_ASSERT_EQUAL(stats.grafted, cases[i].grafted);
			CU_ASSERT_EQUAL(stats.copied, cases[i].len - cases[i].grafted);
			CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, mem, SIZE, 0), 0);
			CHECK_BYTES(mem, SIZE, want, SIZE);
			CU_ASSERT(shows_one(rod, cases[i].off, cases[i].len));
			memcpy(image, want, SIZE);
			rod_unref(rod);
		}
		finish();
	}
	free(want);
}

static void start_copy(struct tcopy *t, struct rod *rod, const struct byte_range *to)
{
	*t = (struct tcopy) { .c = { .src = rod,
				     .dst = bs,
				     .to = to,
				     .n = 1,
				     .dst_block = 512,
				     .done = tcopy_done } };
	copy_start(engine, &t->c);
}

static void a_copy_goes_on_as_soon_as_the_clone_is_there(void)
{
	const struct byte_range to = { 2 * MIB, MIB };
	struct holdup h;
	struct rod *rod;
	struct tcopy t;

	if (!start("xfs", (struct bs_config) { .path = NULL }))
		return;
	hold_up(&fx, &h);
	rod = capture(0, MIB);
	start_copy(&t, rod, &to);
	run_for(&fx, 20);
	CU_ASSERT(rod_settling(rod) && !t.done && t.c.written == 0);
	let_go(&fx, &h);
	run_until(&fx, &t.done);
	CU_ASSERT(t.err == 0 && t.c.stats.grafted == MIB);
	rod_unref(rod);
	finish();
}

/* By reading: who waits for a clone that does not come is not kept waiting for long. */
static void a_copy_does_not_wait_long_for_a_clone(void)
{
	const struct byte_range to = { 2 * MIB, MIB };
	struct holdup h;
	struct rod *rod;
	struct tcopy t;
	uint64_t len;
	bool hole;

	if (!start("xfs", (struct bs_config) { .path = NULL }))
		return;
	hold_up(&fx, &h);
	rod = capture(0, MIB);
	/* cancelled while it waits */
	start_copy(&t, rod, &to);
	run_for(&fx, 5);
	copy_cancel(&t.c);
	run_for(&fx, 20);
	CU_ASSERT(t.done && t.err == -ECANCELED && t.c.written == 0);
	/* its deadline comes first */
	t.done = false;
	t.c = (struct copy) { .src = rod,
			      .dst = bs,
			      .to = &to,
			      .n = 1,
			      .dst_block = 512,
			      .deadline = ring_now(fx.ring) + NOW_MS(20),
			      .done = tcopy_done };
	copy_start(engine, &t.c);
	run_for(&fx, 100);
	CU_ASSERT(t.done && t.err == -ETIME);
	/* others look for holes meanwhile, and it reads in the end */
	start_copy(&t, rod, &to);
	CU_ASSERT_EQUAL(do_extents(&fx, bs, 0, SIZE, &len, &hole), 0);
	CU_ASSERT(rod_settling(rod));
	run_until(&fx, &t.done);
	CU_ASSERT(t.err == 0 && t.c.stats.grafted == 0 && t.c.stats.copied == MIB);
	/* the rod is cancelled while a copy waits */
	start_copy(&t, rod, &to);
	run_for(&fx, 5);
	rod_cancel(rod);
	run_for(&fx, 20);
	CU_ASSERT(t.done && t.err == -ESTALE && t.c.written == 0);
	let_go(&fx, &h);
	rod_unref(rod);
	finish();
}

/* What is being grafted stays where it is until that has ended. */
static void a_graft_outlives_the_rod_that_it_is_of(void)
{
	const struct byte_range to = { 2 * MIB, MIB };

	for (unsigned i = 0; i < COUNT(kinds); i++) {
		struct holdup h[2];
		struct rod *rod;
		struct tcopy t;

		/* of four threads two graft; the others may give the rod's space back */
		if (!start_with(kinds[i], (struct bs_config) { .path = NULL }, 4))
			return;
		rod = capture(0, MIB);
		settle(rod);
		hold_up_kind(&fx, &h[0], AUX_GRAFT);
		hold_up_kind(&fx, &h[1], AUX_GRAFT);
		start_copy(&t, rod, &to);
		run_for(&fx, 5);
		rod_cancel(rod);
		run_for(&fx, 50);
		CU_ASSERT(!t.done);
		let_go(&fx, &h[0]);
		let_go(&fx, &h[1]);
		run_until(&fx, &t.done);
		CU_ASSERT(t.err == -ESTALE && t.c.written > 0 && t.c.written < MIB);
		CU_ASSERT_EQUAL(t.c.stats.grafted, t.c.written);
		memcpy(image + to.off, image, t.c.written);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, mem, SIZE, 0), 0);
		CHECK_BYTES(mem, SIZE, image, SIZE);
		rod_unref(rod);
		run_for(&fx, 50);
		CU_ASSERT(bs_idle(bs));
		finish();
	}
}

static void what_was_saved_is_not_grafted(void)
{
	struct copy_stats stats;
	struct rod *rod;
	bool saved = false;

	if (!start("xfs", (struct bs_config) { .path = NULL }))
		return;
	rod = capture(0, MIB);
	/* before the loop had a turn to hear of the clone */
	if (rod_settling(rod)) {
		fill_pattern(mem, 4096, 0, 3);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 256 * KIB, mem, 4096, 0), 0);
		/* else the clone may have been there before the chunk was, and is what counts */
		saved = rod_settling(rod);
	}
	settle(rod);
	CU_ASSERT_EQUAL(do_copy(rod, 0, bs, 2 * MIB, MIB, &stats), 0);
	CU_ASSERT_EQUAL(stats.grafted + stats.copied, MIB);
	CU_ASSERT(!saved || stats.copied >= 64 * KIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 2 * MIB, mem, MIB, 0), 0);
	CHECK_BYTES(mem, MIB, image, MIB);
	rod_unref(rod);
	finish();
}

static void between_file_systems_it_is_copied(void)
{
	struct backstore *other;
	struct copy_stats stats;
	struct rod *rod;

	if (!start("xfs", (struct bs_config) { .path = NULL }))
		return;
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, MIB, NULL, MIB, 0), 0);
	memset(image + MIB, 0, MIB);
	other = open_at((struct bs_config) { .path = NULL }, fx.dir, "other");
	rod = capture(0, SIZE);
	settle(rod);
	overwrite(IO_WRITE);
	CU_ASSERT_EQUAL(do_copy(rod, 0, other, 0, SIZE, &stats), 0);
	CU_ASSERT_EQUAL(stats.grafted, 0);
	CU_ASSERT_EQUAL(stats.zeroed, MIB); /* a hole of the clone */
	CU_ASSERT_EQUAL(do_io(&fx, other, IO_READ, 0, mem, SIZE, 0), 0);
	CHECK_BYTES(mem, SIZE, image, SIZE);
	rod_unref(rod);
	CU_ASSERT_EQUAL(bs_close(other), 0);
	finish();
}

static void a_reserved_destination_is_not_grafted(void)
{
	struct backstore *other;
	struct copy_stats stats;
	struct rod *rod;

	if (!start("xfs", (struct bs_config) { .path = NULL }))
		return;
	other = open_at((struct bs_config) { .provisioning = BS_FULL }, fs.dir, "other");
	rod = capture(0, MIB);
	settle(rod);
	CU_ASSERT_EQUAL(do_copy(rod, 0, other, 0, MIB, &stats), 0);
	CU_ASSERT(stats.grafted == 0 && stats.copied == MIB);
	rod_unref(rod);
	CU_ASSERT_EQUAL(bs_close(other), 0);
	finish();
}

static void memory_has_no_blocks_to_share(void)
{
	struct tio t;

	if (!start(NULL, (struct bs_config) { .path = "mem:" }))
		return;
	tio_set(&t, &fx, IO_CLONE, 0, NULL, 4096);
	t.io.niov = 0;
	t.io.clone_fd = 0;
	tio_submit(&t, bs);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.res, -EOPNOTSUPP);
	finish();
}

static void a_copy_over_its_own_source(const char *kind, struct bs_config cfg)
{
	static const uint64_t to[] = { 512, 512 * KIB, MIB + 512, 2 * MIB, 64 * KIB + 512 };
	unsigned char *want = malloc(SIZE);

	if (!start(kind, cfg)) {
		free(want);
		return;
	}
	for (unsigned i = 0; i < COUNT(to); i++) {
		struct rod *rod;

		memcpy(mem, image, SIZE);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, mem, SIZE, 0), 0);
		rod = capture(MIB, MIB);
		memcpy(want, image, SIZE);
		memcpy(want + to[i], image + MIB, MIB);
		CU_ASSERT_EQUAL(do_copy(rod, 0, bs, to[i], MIB, NULL), 0);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, mem, SIZE, 0), 0);
		CHECK_BYTES(mem, SIZE, want, SIZE);
		CU_ASSERT(shows_one(rod, MIB, MIB));
		/* and again, from what is now elsewhere */
		CU_ASSERT_EQUAL(do_copy(rod, 0, bs, MIB, MIB, NULL), 0);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, MIB, mem, MIB, 0), 0);
		CHECK_BYTES(mem, MIB, image + MIB, MIB);
		rod_unref(rod);
	}
	finish();
	free(want);
}

static void a_copy_over_its_own_source_is_exact(void)
{
	a_copy_over_its_own_source(NULL, (struct bs_config) { .path = "mem:" });
	a_copy_over_its_own_source(NULL, (struct bs_config) { .fault = "read-delay:1" });
	a_copy_over_its_own_source("xfs", (struct bs_config) { .fault = "write-delay:1" });
	a_copy_over_its_own_source("btrfs", (struct bs_config) { .direct = true });
}

static void where_rods_are_cancelled_it_ends_and_is_stale(void)
{
	struct rod *rod;

	if (!start(NULL, (struct bs_config) { .path = "mem:", .keep = ROD_KEEP_CANCEL }))
		return;
	rod = capture(0, MIB);
	CU_ASSERT_EQUAL(do_copy(rod, 0, bs, 512 * KIB, MIB, NULL), -ESTALE);
	CU_ASSERT(rod_cancelled(rod));
	rod_unref(rod);
	finish();
}

static void holes_stay_holes_when_the_source_is_written(void)
{
	struct copy_stats stats;
	struct rod *rod;

	if (!start(NULL, (struct bs_config) { .path = "mem:" }))
		return;
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 0, NULL, MIB, 0), 0);
	rod = capture(0, MIB);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, mem, MIB / 2, 0), 0);
	CU_ASSERT_EQUAL(do_copy(rod, 0, bs, 2 * MIB, MIB, &stats), 0);
	CU_ASSERT(stats.zeroed == MIB && stats.read == 0);
	rod_unref(rod);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a cloned rod costs writes nothing", a_cloned_rod_costs_writes_nothing },
		{ "writes while it is cloned are saved for",
		  writes_while_it_is_cloned_are_saved_for },
		{ "where blocks are not shared it stays copy before write",
		  where_blocks_are_not_shared_it_stays_copy_before_write },
		{ "some clones fail and nothing is lost", some_clones_fail_and_nothing_is_lost },
		{ "bytes cloned, at the limit and one above",
		  bytes_cloned_at_the_limit_and_one_above },
		{ "space comes back with the rods", space_comes_back_with_the_rods },
		{ "a rod given back or cancelled while it is cloned",
		  a_rod_given_back_or_cancelled_while_it_is_cloned },
		{ "blocks are grafted where they lie alike",
		  blocks_are_grafted_where_they_lie_alike },
		{ "a copy goes on as soon as the clone is there",
		  a_copy_goes_on_as_soon_as_the_clone_is_there },
		{ "a copy does not wait long for a clone", a_copy_does_not_wait_long_for_a_clone },
		{ "a graft outlives the rod that it is of",
		  a_graft_outlives_the_rod_that_it_is_of },
		{ "what was saved is not grafted", what_was_saved_is_not_grafted },
		{ "between file systems it is copied", between_file_systems_it_is_copied },
		{ "a reserved destination is not grafted", a_reserved_destination_is_not_grafted },
		{ "memory has no blocks to share", memory_has_no_blocks_to_share },
		{ "a copy over its own source is exact", a_copy_over_its_own_source_is_exact },
		{ "where rods are cancelled it ends and is stale",
		  where_rods_are_cancelled_it_ends_and_is_stale },
		{ "holes stay holes when the source is written",
		  holes_stay_holes_when_the_source_is_written },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/clone", tests);
}
