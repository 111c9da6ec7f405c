/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copy before write: whatever is done to the source, a rod shows what was captured, or
 * is cancelled.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cbw.h"
#include "fixture.h"

#define SIZE  (4 * MIB)
#define CHUNK CBW_CHUNK

static struct fixture fx;
static struct bs_totals totals;
static struct backstore *bs;
static unsigned char *image, *mem; /* what the disk held at the start; for transfers */

static void begin(void)
{
	fixture_init(&fx);
	totals = (struct bs_totals) { .saved.limit = UINT64_MAX,
				      .cloned.limit = UINT64_MAX,
				      .saves.limit = UINT64_MAX };
	fx.env.totals = &totals;
}

static void fill(void)
{
	uint64_t size = bs_size(bs);

	image = malloc(size);
	mem = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
	fill_pattern(image, size, 0, 1);
	memcpy(mem, image, size);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, mem, size, 0), 0);
}

static void start_cfg(struct bs_config cfg)
{
	begin();
	if (!cfg.path)
		cfg.path = "mem:";
	else
		cfg.path = fixture_path(&fx, cfg.path);
	if (!cfg.size)
		cfg.size = SIZE;
	cfg.block_size = 512;
	bs = must_open(&fx, &cfg);
	fill();
}

static void start(const char *fault)
{
	start_cfg((struct bs_config) { .fault = fault });
}

/* All rods are given back: nothing may be left in the sidecar. */
static void finish(void)
{
	CU_ASSERT_EQUAL(totals.saved.used, 0);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	fixture_done(&fx);
	free(image);
	free(mem);
}

static struct rod *capture(uint64_t off, uint64_t len)
{
	const struct byte_range r = { off, len };

	return do_capture(&fx, bs, &r, 1);
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

static int change(enum io_op op, uint64_t off, uint64_t len)
{
	fill_pattern(mem, len, off, 77);
	return do_io(&fx, bs, op, off, mem, len, 0);
}

static void change_later(struct tio *t, enum io_op op, uint64_t off, uint64_t len)
{
	fill_pattern(mem + off, len, off, 78);
	tio_set(t, &fx, op, off, mem + off, len);
	tio_submit(t, bs);
}

static void each_kind_of_write_leaves_the_rod_as_it_was(void)
{
	static const enum io_op ops[] = { IO_WRITE, IO_ZERO, IO_DISCARD };
	struct rod *rod;

	for (unsigned i = 0; i < COUNT(ops); i++) {
		start(NULL);
		rod = capture(CHUNK + 512, CHUNK);
		CU_ASSERT_EQUAL(change(ops[i], CHUNK + 1024, 512), 0);
		CU_ASSERT_EQUAL(bs_stats(bs)->saves, 1);
		CU_ASSERT(shows_one(rod, CHUNK + 512, CHUNK));
		/* what is written is on the disk */
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, CHUNK + 1024, mem, 512, 0), 0);
		CU_ASSERT_NOT_EQUAL(memcmp(mem, image + CHUNK + 1024, 512), 0);
		/* and the chunk is not saved again */
		CU_ASSERT_EQUAL(change(ops[i], CHUNK + 512, CHUNK - 512), 0);
		CU_ASSERT_EQUAL(bs_stats(bs)->saves, 1);
		CU_ASSERT(shows_one(rod, CHUNK + 512, CHUNK));
		CU_ASSERT_EQUAL(change(ops[i], 0, SIZE), 0);
		CU_ASSERT_EQUAL(bs_stats(bs)->saves, 2);
		CU_ASSERT(shows_one(rod, CHUNK + 512, CHUNK));
		CU_ASSERT_EQUAL(totals.saved.used, 2 * CHUNK);
		CU_ASSERT(!rod_cancelled(rod));
		rod_unref(rod);
		finish();
	}
}

static void a_write_beside_the_rod_saves_nothing(void)
{
	struct rod *rod;

	start(NULL);
	rod = capture(CHUNK + 4096, 4096);
	CU_ASSERT_EQUAL(change(IO_WRITE, CHUNK, 4096), 0);
	CU_ASSERT_EQUAL(change(IO_ZERO, CHUNK + 8192, CHUNK), 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, 0);
	CU_ASSERT(shows_one(rod, CHUNK + 4096, 4096));
	rod_unref(rod);
	/* nor does one after the rod is gone */
	CU_ASSERT_EQUAL(change(IO_WRITE, CHUNK + 4096, 4096), 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, 0);
	finish();
}

static void the_chunks_at_the_edges_are_saved_and_no_others(void)
{
	static const struct {
		uint64_t off, len;
		unsigned saves;
	} writes[] = { { CHUNK, CHUNK, 1 },
		       { CHUNK - 512, 512, 1 },
		       { CHUNK - 512, 1024, 2 },
		       { 2 * CHUNK - 512, CHUNK + 1024, 3 },
		       { CHUNK, 2 * CHUNK, 2 } };
	struct rod *rod;

	for (unsigned i = 0; i < COUNT(writes); i++) {
		start(NULL);
		rod = capture(0, SIZE);
		CU_ASSERT_EQUAL(change(IO_WRITE, writes[i].off, writes[i].len), 0);
		CU_ASSERT_EQUAL(bs_stats(bs)->saves, writes[i].saves);
		CU_ASSERT(shows_one(rod, 0, SIZE));
		rod_unref(rod);
		finish();
	}
}

/*
 * A write beside the first rod is in flight while its chunk is saved; what it wrote is
 * captured later and must not be taken from that version.
 */
static void torn_neighbours_are_nobodys(void)
{
	struct rod *first, *second;
	struct tio beside;

	start("write-delay:40");
	first = capture(0, 4096);
	change_later(&beside, IO_WRITE, 32 * KIB, 4096);
	CU_ASSERT_EQUAL(change(IO_WRITE, 0, 4096), 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, 1);
	run_until(&fx, &beside.done);
	fill_pattern(image + 32 * KIB, 4096, 32 * KIB, 78);
	second = capture(32 * KIB, 4096);
	CU_ASSERT_EQUAL(change(IO_WRITE, 32 * KIB, 4096), 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, 2);
	CU_ASSERT(shows_one(first, 0, 4096));
	CU_ASSERT(shows_one(second, 32 * KIB, 4096));
	rod_unref(first);
	CU_ASSERT_EQUAL(totals.saved.used, CHUNK);
	CU_ASSERT(shows_one(second, 32 * KIB, 4096));
	rod_unref(second);
	finish();
}

static void a_write_joins_a_save_that_runs(void)
{
	struct tio t[3];
	struct rod *rod;

	start("read-delay:20");
	rod = capture(0, CHUNK);
	for (unsigned i = 0; i < COUNT(t); i++)
		change_later(&t[i], IO_WRITE, i * 4096, 4096);
	for (unsigned i = 0; i < COUNT(t); i++) {
		run_until(&fx, &t[i].done);
		CU_ASSERT(t[i].res == 0 && t[i].calls == 1);
	}
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, 1);
	CU_ASSERT(shows_one(rod, 0, CHUNK));
	rod_unref(rod);
	finish();
}

static void a_write_does_not_wait_for_a_save_for_others(void)
{
	struct rod *first, *second;
	struct tio a, b;

	start("read-delay:30");
	first = capture(0, 4096);
	CU_ASSERT_EQUAL(change(IO_WRITE, 0, 512), 0);
	second = capture(8192, 4096);
	change_later(&a, IO_WRITE, 8192, 512);
	change_later(&b, IO_WRITE, 1024, 512); /* saved already */
	run_until(&fx, &b.done);
	CU_ASSERT(!a.done);
	run_until(&fx, &a.done);
	CU_ASSERT(shows_one(first, 0, 4096));
	CU_ASSERT(shows_one(second, 8192, 4096));
	rod_unref(first);
	rod_unref(second);
	finish();
}

static void a_version_serves_all_rods_that_share_it(void)
{
	struct rod *rods[4];

	start(NULL);
	for (unsigned i = 0; i < 3; i++)
		rods[i] = capture(i * 4096, 16 * KIB);
	CU_ASSERT_EQUAL(change(IO_WRITE, 8192, 512), 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, 1);
	/* one captured after the write needs one of its own */
	fill_pattern(image + 8192, 512, 8192, 77);
	rods[3] = capture(8192, 512);
	fill_pattern(mem, 512, 0, 5);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 8192, mem, 512, 0), 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, 2);
	CU_ASSERT(shows_one(rods[3], 8192, 512));
	fill_pattern(image + 8192, 512, 8192, 1);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(totals.saved.used, 2 * CHUNK);
		for (unsigned k = i; k < 3; k++)
			CU_ASSERT(shows_one(rods[k], k * 4096, 16 * KIB));
		rod_unref(rods[i]);
	}
	CU_ASSERT_EQUAL(totals.saved.used, CHUNK);
	rod_unref(rods[3]);
	finish();
}

static void parts_of_one_rod_in_one_chunk_and_out_of_order(void)
{
	const struct byte_range r[] = { { 8192, 512 }, { CHUNK - 512, 1024 }, { 0, 0 },
					{ 0, 512 },    { 8192, 512 },	      { 9216, 512 } };
	struct rod *rod;

	start(NULL);
	rod = do_capture(&fx, bs, r, COUNT(r));
	CU_ASSERT_EQUAL(change(IO_WRITE, 8192, 512), 0);
	CU_ASSERT(shows(rod, r, COUNT(r)));
	CU_ASSERT_EQUAL(change(IO_ZERO, 0, 4 * CHUNK), 0);
	CU_ASSERT(shows(rod, r, COUNT(r)));
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, 2);
	rod_unref(rod);
	finish();
}

static void a_rod_given_back_during_the_save(void)
{
	struct rod *rod, *other;
	struct tio t;

	start("read-delay:20");
	rod = capture(0, CHUNK);
	change_later(&t, IO_WRITE, 0, 4096);
	rod_unref(rod);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.res, 0);
	CU_ASSERT_EQUAL(totals.saved.used, 0);
	/* of two that share it, the other one keeps the version */
	memcpy(image, mem, 4096);
	rod = capture(0, CHUNK);
	other = capture(4096, 4096);
	change_later(&t, IO_WRITE, 0, 4096);
	rod_unref(rod);
	run_until(&fx, &t.done);
	CU_ASSERT(shows_one(other, 4096, 4096));
	CU_ASSERT_EQUAL(totals.saved.used, CHUNK);
	rod_unref(other);
	finish();
}

static void a_capture_during_a_save_gets_a_version_of_its_own(void)
{
	struct rod *first, *second, *third;
	unsigned char *then;
	struct tio a, b;

	start("read-delay:30");
	first = capture(0, 4096);
	change_later(&a, IO_WRITE, 0, 4096);
	run_for(&fx, 10);
	CU_ASSERT(!a.done);
	second = capture(8192, 4096); /* waits for nobody */
	CU_ASSERT(!a.done);
	change_later(&b, IO_WRITE, 8192, 4096);
	run_until(&fx, &a.done);
	run_until(&fx, &b.done);
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, 2);
	/* one write over bytes of both, and of one captured meanwhile */
	then = malloc(CHUNK);
	memcpy(then, image, CHUNK);
	memcpy(then, mem, 4096);
	memcpy(then + 8192, mem + 8192, 4096);
	third = capture(0, CHUNK);
	fill_pattern(mem, 4 * CHUNK, 0, 79);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 2048, mem, 8192, 0), 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, 3);
	CU_ASSERT(shows_one(first, 0, 4096));
	CU_ASSERT(shows_one(second, 8192, 4096));
	CU_ASSERT_EQUAL(do_rod_read(&fx, third, 0, mem, CHUNK), 0);
	CHECK_BYTES(mem, CHUNK, then, CHUNK);
	rod_unref(first);
	rod_unref(second);
	rod_unref(third);
	free(then);
	finish();
}

static void a_reader_behind_a_write_does_not_see_it(void)
{
	unsigned char *got = malloc(SIZE);
	struct rod *rod;
	struct tio t;

	start("read-delay:20"); /* the write waits for its save, the reader for the write */
	rod = capture(0, 4 * CHUNK);
	change_later(&t, IO_WRITE, CHUNK + 512, CHUNK);
	CU_ASSERT_EQUAL(do_rod_read(&fx, rod, 512, got, 3 * CHUNK), 0);
	CU_ASSERT(t.done);
	CHECK_BYTES(got, 3 * CHUNK, image + 512, 3 * CHUNK);
	rod_unref(rod);
	finish();
	free(got);
}

struct tread {
	struct rod_io rio;
	int res;
	bool done;
};

static void was_read(struct rod_io *rio, int res)
{
	struct tread *t = (struct tread *)rio;

	t->res = res;
	t->done = true;
}

/* Its slot may be somebody else's by then. */
static void a_reader_of_a_rod_cancelled_meanwhile_hears_of_it(void)
{
	for (unsigned saved = 0; saved < 2; saved++) {
		struct tread t = { .rio = { .len = 4096, .done = was_read } };
		struct rod *rod;

		start_cfg((struct bs_config) { .fault = "read-delay:20",
					       .sidecar_fault = "read-delay:20" });
		rod = capture(0, CHUNK);
		if (saved)
			CU_ASSERT_EQUAL(change(IO_WRITE, 0, 512), 0);
		t.rio.rod = rod;
		t.rio.mem = mem;
		rod_read(&t.rio);
		run_for(&fx, 5);
		CU_ASSERT(!t.done);
		rod_cancel(rod);
		run_until(&fx, &t.done);
		CU_ASSERT_EQUAL(t.res, -ESTALE);
		rod_unref(rod);
		finish();
	}
}

static void the_sidecar_at_its_limit_and_one_above(void)
{
	struct rod *rod, *other;

	start_cfg((struct bs_config) { .sidecar_bytes = 4 * CHUNK });
	rod = capture(0, 6 * CHUNK);
	other = capture(0, CHUNK);
	CU_ASSERT_EQUAL(change(IO_WRITE, 0, 4 * CHUNK), 0);
	CU_ASSERT(!rod_cancelled(rod));
	CU_ASSERT_EQUAL(totals.saved.used, 4 * CHUNK);
	CU_ASSERT(shows_one(rod, 0, 6 * CHUNK));
	CU_ASSERT_EQUAL(change(IO_WRITE, 4 * CHUNK, 512), 0); /* the write is not refused */
	CU_ASSERT_EQUAL(bs_stats(bs)->save_errors, 1);
	CU_ASSERT(rod_cancelled(rod) && !rod_cancelled(other));
	CU_ASSERT_EQUAL(totals.saved.used, CHUNK);
	CU_ASSERT_EQUAL(do_rod_read(&fx, rod, 0, mem, 512), -ESTALE);
	CU_ASSERT(shows_one(other, 0, CHUNK));
	rod_unref(rod);
	rod_unref(other);
	finish();
}

static void chunks_of_zeros_take_no_slot_up_to_a_limit(void)
{
	uint64_t len;
	struct rod *rod;
	bool hole;

	start_cfg((struct bs_config) { .sidecar_bytes = CHUNK });
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 0, NULL, SIZE, 0), 0);
	memset(image, 0, SIZE);
	rod = capture(0, SIZE);
	CU_ASSERT_EQUAL(change(IO_WRITE, 0, CBW_ZEROS * CHUNK), 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, CBW_ZEROS);
	CU_ASSERT_EQUAL(totals.saved.used, 0);
	/* they are still holes of the rod, and those behind go on */
	CU_ASSERT_EQUAL(do_rod_extents(&fx, rod, 512, SIZE - 512, &len, &hole), 0);
	CU_ASSERT(hole && len == CBW_ZEROS * CHUNK - 512);
	CU_ASSERT_EQUAL(do_rod_extents(&fx, rod, CBW_ZEROS * CHUNK, CHUNK, &len, &hole), 0);
	CU_ASSERT(hole && len == CHUNK);
	CU_ASSERT_EQUAL(change(IO_WRITE, CBW_ZEROS * CHUNK, 512), 0);
	CU_ASSERT_EQUAL(totals.saved.used, CHUNK);
	CU_ASSERT(shows_one(rod, 0, SIZE));
	CU_ASSERT_EQUAL(change(IO_WRITE, SIZE - 512, 512), 0);
	CU_ASSERT(rod_cancelled(rod));
	rod_unref(rod);
	finish();
}

static void data_that_is_discarded_is_no_hole_of_the_rod(void)
{
	uint64_t len;
	struct rod *rod;
	bool hole;

	start(NULL);
	rod = capture(0, 4 * CHUNK);
	CU_ASSERT_EQUAL(change(IO_DISCARD, CHUNK, 2 * CHUNK), 0);
	for (unsigned i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(do_rod_extents(&fx, rod, i * CHUNK, CHUNK, &len, &hole), 0);
		CU_ASSERT(!hole);
	}
	rod_unref(rod);
	finish();
}

/* What cannot be saved cancels those it was for, and no others; the write goes on. */
static void errors_of_a_save_cancel_whom_it_was_for(void)
{
	static const struct bs_config cases[] = {
		{ .fault = "read-error:60K:512" },
		{ .sidecar_fault = "write-error:0:64K" },
		{ .sidecar_fault = "enospc:0" },
		{ .sidecar_fault = "no such word" },
	};
	struct rod *rod, *beside, *later;
	struct tio t;

	for (unsigned i = 0; i < COUNT(cases); i++) {
		start_cfg(cases[i]);
		rod = capture(0, 4096);
		beside = capture(CHUNK, 4096);
		change_later(&t, IO_WRITE, 0, 512);
		later = capture(8192, 4096); /* while the save runs: it is not for this one */
		run_until(&fx, &t.done);
		CU_ASSERT_EQUAL(t.res, 0);
		CU_ASSERT_EQUAL(bs_stats(bs)->save_errors, 1);
		CU_ASSERT_EQUAL(bs_stats(bs)->rods_cancelled, 1);
		CU_ASSERT(rod_cancelled(rod) && !rod_cancelled(beside) && !rod_cancelled(later));
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 0, mem + 4096, 512, 0), 0);
		CHECK_BYTES(mem + 4096, 512, mem, 512);
		CU_ASSERT(shows_one(beside, CHUNK, 4096));
		CU_ASSERT(shows_one(later, 8192, 4096));
		rod_unref(rod);
		rod_unref(beside);
		rod_unref(later);
		finish();
	}
}

static void a_place_that_cannot_be_written_to_is_said_at_once(void)
{
	struct bs_config cfg = {
		.path = "mem:", .size = SIZE, .block_size = 512, .sidecar_dir = "/nowhere/at/all"
	};

	begin();
	CU_ASSERT_EQUAL(bs_open(&bs, &cfg, &fx.env, fx.err, sizeof(fx.err)), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(fx.err, "/nowhere/at/all"));
	cfg.sidecar_dir = fx.dir;
	cfg.encrypt = true; /* it would lie there in the clear */
	bs = must_open(&fx, &cfg);
	CU_ASSERT_EQUAL(bs_rod_keep(bs), ROD_KEEP_CANCEL);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	cfg.encrypt = false;
	bs = must_open(&fx, &cfg);
	CU_ASSERT_EQUAL(bs_rod_keep(bs), ROD_KEEP_PRESERVE);
	fill();
	finish();
}

static void a_saved_chunk_that_cannot_be_read_is_an_error(void)
{
	struct rod *rod;

	start_cfg((struct bs_config) { .sidecar_fault = "read-error:0:64K" });
	rod = capture(0, 2 * CHUNK);
	CU_ASSERT_EQUAL(change(IO_WRITE, 0, 512), 0);
	CU_ASSERT_EQUAL(do_rod_read(&fx, rod, 0, mem, 512), -EIO);
	CU_ASSERT_EQUAL(do_rod_read(&fx, rod, CHUNK, mem, 512), 0);
	CHECK_BYTES(mem, 512, image + CHUNK, 512);
	rod_unref(rod);
	finish();
}

static void writes_over_many_chunks(const char *path, bool direct, const char *fault,
				    const char *sidecar_fault)
{
	uint64_t seed = 5;

	start_cfg((struct bs_config) {
		.path = path, .direct = direct, .fault = fault, .sidecar_fault = sidecar_fault });
	for (unsigned round = 0; round < 12; round++) {
		struct byte_range r[16];
		unsigned n = random_ranges(&seed, SIZE, r, 16, 4096);
		struct rod *rod = do_capture(&fx, bs, r, n);
		uint64_t off = rnd(&seed) % 256 * 4096, len = SIZE - off - rnd(&seed) % 8 * 4096;

		CU_ASSERT_EQUAL(change(round % 3 ? IO_WRITE : IO_ZERO, off, len), 0);
		CU_ASSERT(shows(rod, r, n));
		rod_unref(rod);
		memcpy(mem, image, SIZE);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, mem, SIZE, 0), 0);
	}
	CU_ASSERT(bs_stats(bs)->saves > 100);
	finish();
}

static void writes_over_many_chunks_in_memory_files_and_with_o_direct(void)
{
	writes_over_many_chunks(NULL, false, NULL, NULL);
	writes_over_many_chunks(NULL, false, "short:2+again:3", "short:3+again:2");
	writes_over_many_chunks("file", false, NULL, NULL);
	writes_over_many_chunks("file", false, "short:2", "short:3");
	writes_over_many_chunks("file", true, NULL, NULL);
	writes_over_many_chunks("file", true, "short:2", "again:3");
}

static void the_last_chunk_may_be_short(void)
{
	static const bool direct[] = { false, true };
	struct rod *rod;

	for (unsigned i = 0; i < COUNT(direct); i++) {
		start_cfg((struct bs_config) {
			.path = "file", .direct = direct[i], .size = 3 * CHUNK + 4096 + 512 });
		rod = capture(2 * CHUNK, CHUNK + 4096 + 512);
		CU_ASSERT_EQUAL(change(IO_WRITE, 3 * CHUNK + 4096, 512), 0);
		CU_ASSERT(shows_one(rod, 2 * CHUNK, CHUNK + 4096 + 512));
		CU_ASSERT_EQUAL(change(IO_ZERO, 2 * CHUNK + 512, CHUNK + 4096), 0);
		CU_ASSERT(shows_one(rod, 2 * CHUNK, CHUNK + 4096 + 512));
		CU_ASSERT_EQUAL(bs_stats(bs)->saves, 2);
		rod_unref(rod);
		finish();
	}
}

/* 16384 chunks, and a small write elsewhere does not wait for all of them. */
static void zeroing_a_gib_saves_what_the_rod_holds(void)
{
	static const uint64_t at[] = { 0, 300 * MIB + 512, 777 * MIB, 1024ull * MIB - 4096 };
	const struct byte_range whole = { 0, 1024ull * MIB }, end = { 1024ull * MIB, CHUNK };
	struct rod *rod, *other;
	struct tio big, small;

	begin();
	bs = open_mem(&fx, 1024ull * MIB + CHUNK, NULL);
	image = malloc(4096);
	mem = malloc(4096);
	for (unsigned i = 0; i < COUNT(at); i++) {
		fill_pattern(mem, 4096, at[i], 1);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, at[i], mem, 4096, 0), 0);
	}
	rod = do_capture(&fx, bs, &whole, 1);
	other = do_capture(&fx, bs, &end, 1);
	tio_set(&big, &fx, IO_ZERO, 0, NULL, whole.len);
	tio_submit(&big, bs);
	tio_set(&small, &fx, IO_WRITE, end.off, mem, 512);
	tio_submit(&small, bs);
	run_until(&fx, &small.done);
	CU_ASSERT(!big.done);
	run_until(&fx, &big.done);
	CU_ASSERT(big.res == 0 && small.res == 0);
	CU_ASSERT_EQUAL(bs_stats(bs)->saves, whole.len / CHUNK + 1);
	CU_ASSERT_EQUAL(totals.saved.used, COUNT(at) * CHUNK);
	for (unsigned i = 0; i < COUNT(at); i++) {
		fill_pattern(image, 4096, at[i], 1);
		CU_ASSERT_EQUAL(do_rod_read(&fx, rod, at[i], mem, 4096), 0);
		CHECK_BYTES(mem, 4096, image, 4096);
	}
	rod_unref(rod);
	rod_unref(other);
	finish();
}

/* Many writes at once, more than there are saves, in one chunk and in many. */
static void more_writes_than_saves_all_end(void)
{
	enum { MANY = 200 };
	static struct tio t[MANY];
	struct rod *rod;

	start("read-delay:1");
	rod = capture(0, SIZE);
	for (unsigned i = 0; i < MANY; i++)
		change_later(&t[i], i % 2 ? IO_ZERO : IO_WRITE,
			     (uint64_t)i * 7919 % (SIZE / 4096) * 4096, 4096);
	for (unsigned i = 0; i < MANY; i++) {
		run_until(&fx, &t[i].done);
		CU_ASSERT(t[i].res == 0 && t[i].calls == 1);
	}
	CU_ASSERT(shows_one(rod, 0, SIZE));
	rod_unref(rod);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "each kind of write leaves the rod as it was",
		  each_kind_of_write_leaves_the_rod_as_it_was },
		{ "a write beside the rod saves nothing", a_write_beside_the_rod_saves_nothing },
		{ "the chunks at the edges are saved, and no others",
		  the_chunks_at_the_edges_are_saved_and_no_others },
		{ "torn neighbours are nobody's", torn_neighbours_are_nobodys },
		{ "a write joins a save that runs", a_write_joins_a_save_that_runs },
		{ "a write does not wait for a save for others",
		  a_write_does_not_wait_for_a_save_for_others },
		{ "a version serves all rods that share it",
		  a_version_serves_all_rods_that_share_it },
		{ "parts of one rod in one chunk, and out of order",
		  parts_of_one_rod_in_one_chunk_and_out_of_order },
		{ "a rod given back during the save", a_rod_given_back_during_the_save },
		{ "a capture during a save gets a version of its own",
		  a_capture_during_a_save_gets_a_version_of_its_own },
		{ "a reader behind a write does not see it",
		  a_reader_behind_a_write_does_not_see_it },
		{ "a reader of a rod cancelled meanwhile hears of it",
		  a_reader_of_a_rod_cancelled_meanwhile_hears_of_it },
		{ "the sidecar at its limit and one above",
		  the_sidecar_at_its_limit_and_one_above },
		{ "chunks of zeros take no slot, up to a limit",
		  chunks_of_zeros_take_no_slot_up_to_a_limit },
		{ "data that is discarded is no hole of the rod",
		  data_that_is_discarded_is_no_hole_of_the_rod },
		{ "errors of a save cancel whom it was for",
		  errors_of_a_save_cancel_whom_it_was_for },
		{ "a place that cannot be written to is said at once",
		  a_place_that_cannot_be_written_to_is_said_at_once },
		{ "a saved chunk that cannot be read is an error",
		  a_saved_chunk_that_cannot_be_read_is_an_error },
		{ "writes over many chunks, in memory, files and with O_DIRECT",
		  writes_over_many_chunks_in_memory_files_and_with_o_direct },
		{ "the last chunk may be short", the_last_chunk_may_be_short },
		{ "zeroing a GiB saves what the rod holds",
		  zeroing_a_gib_saves_what_the_rod_holds },
		{ "more writes than saves all end", more_writes_than_saves_all_end },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/cbw", tests);
}
