/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every copy here is checked byte by byte over the whole destination: what was
 * to be written is, and nothing else has changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define SIZE (4 * MIB)
#define SRC  1 /* seeds of the patterns */
#define DST  2

static struct fixture fx;
static enum rod_keep keep; /* of the next start */
static struct copy_engine *engine;
static struct backstore *src, *dst;
static unsigned char *want, *src_image, *back;

static const struct copy_engine_config small = { .chunk = 16 * KIB, .window = 4, .copies = 2 };
static const struct copy_engine_config single = { .chunk = 16 * KIB, .window = 1, .copies = 1 };

/* Fills a backstore with its pattern and keeps the same in @image. */
static void fill(struct backstore *bs, unsigned char *image, unsigned seed)
{
	fill_pattern(image, SIZE, 0, seed);
	memcpy(back, image, SIZE);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, back, SIZE, 0), 0);
}

static void start_with(struct backstore *s, struct backstore *d,
		       const struct copy_engine_config *cfg)
{
	want = malloc(SIZE);
	src_image = malloc(SIZE);
	back = malloc(SIZE);
	src = s;
	dst = d;
	CU_ASSERT_EQUAL_FATAL(copy_engine_new(&engine, &fx.env, cfg), 0);
}

static void start(const char *src_fault, const char *dst_fault,
		  const struct copy_engine_config *cfg)
{
	fixture_init(&fx);
	fx.keep = keep;
	start_with(open_mem(&fx, SIZE, src_fault), open_mem(&fx, SIZE, dst_fault), cfg);
	fill(src, src_image, SRC);
	fill(dst, want, DST);
}

static void finish(void)
{
	copy_engine_free(engine);
	CU_ASSERT_EQUAL(bs_close(src), 0);
	if (dst != src)
		CU_ASSERT_EQUAL(bs_close(dst), 0);
	fixture_done(&fx);
	keep = ROD_KEEP_PRESERVE;
	free(want);
	free(src_image);
	free(back);
}

struct counted_copy {
	struct copy c;
	int err;
	unsigned calls;
	bool done, inside;
};

static void copied(struct copy *c, int err)
{
	struct counted_copy *t = (struct counted_copy *)c;

	CU_ASSERT(!t->inside);
	t->err = err;
	t->calls++;
	t->done = true;
}

static void tcopy_start(struct counted_copy *t, struct rod *rod, uint64_t src_off,
			const struct byte_range *to, unsigned n, uint32_t block, unsigned limit_ms)
{
	memset(t, 0, sizeof(*t));
	t->err = IO_PENDING_RES;
	t->c.src = rod;
	t->c.src_off = src_off;
	t->c.dst = dst;
	t->c.to = to;
	t->c.n = n;
	t->c.dst_block = block;
	t->c.deadline = limit_ms ? ring_now(fx.ring) + NOW_MS(limit_ms) : 0;
	t->c.done = copied;
	t->inside = true;
	copy_start(engine, &t->c);
	t->inside = false;
}

static int do_copy(struct counted_copy *t, struct rod *rod, uint64_t src_off,
		   const struct byte_range *to, unsigned n, uint32_t block)
{
	tcopy_start(t, rod, src_off, to, n, block, 0);
	run_until(&fx, &t->done);
	CU_ASSERT_EQUAL(t->calls, 1);
	return t->err;
}

/* Does to @want what a copy of @len bytes does: byte by byte, the slow way. */
static void expect(const struct byte_range *from, unsigned nfrom, uint64_t src_off,
		   const struct byte_range *to, unsigned nto, uint64_t len)
{
	unsigned f = 0, t = 0;
	uint64_t fo = src_off, at = 0;

	for (uint64_t i = 0; i < len; i++, fo++, at++) {
		while (f < nfrom && fo >= from[f].len)
			fo -= from[f++].len;
		while (at >= to[t].len) {
			at = 0;
			t++;
		}
		want[to[t].off + at] = f < nfrom ? src_image[from[f].off + fo] : 0;
	}
}

static bool dst_is(const unsigned char *image, uint64_t off, uint64_t len)
{
	CU_ASSERT_EQUAL(do_io(&fx, dst, IO_READ, off, back, len, 0), 0);
	return test_same_bytes("destination", back, len, image + off, len);
}

/* Cuts ranges off so that they sum up to at most @len. */
static unsigned clip(struct byte_range *r, unsigned n, uint64_t len)
{
	for (unsigned i = 0; i < n; i++) {
		if (r[i].len > len)
			r[i].len = len;
		len -= r[i].len;
	}
	return n;
}

/* Random copies between random ranges with all four pairs of block sizes. */
static void random_copies(unsigned rounds, uint64_t seed)
{
	struct byte_range from[64], to[64];
	struct counted_copy t;

	for (unsigned round = 0; round < rounds; round++) {
		uint32_t sb = round & 1 ? 512 : 4096, db = round & 2 ? 512 : 4096;
		unsigned nf = random_ranges(&seed, SIZE, from, 64, sb), nt;
		struct rod *rod = do_capture(&fx, src, from, nf);
		uint64_t off = rnd(&seed) % (rod_len(rod) / sb + 1) * sb / 2 / sb * sb, total;

		/* the tail of the last destination block may lie past the rod's end */
		nt = random_ranges(&seed, SIZE, to, 64, db);
		nt = clip(to, nt, (rod_len(rod) - off + db - 1) / db * db);
		CU_ASSERT(ranges_sum(to, nt, &total));
		expect(from, nf, off, to, nt, total);
		CU_ASSERT_EQUAL(do_copy(&t, rod, off, to, nt, db), 0);
		CU_ASSERT_EQUAL(t.c.written, total);
		CU_ASSERT_EQUAL(t.c.stats.copied + t.c.stats.zeroed, total);
		CU_ASSERT(t.c.stats.read <= total);
		CU_ASSERT(!rod_cancelled(rod));
		CU_ASSERT(dst_is(want, 0, SIZE));
		rod_unref(rod);
	}
}

static void random_ranges_copy_byte_for_byte_in_memory(void)
{
	start(NULL, NULL, &small);
	random_copies(60, 31);
	finish();
}

static void random_ranges_copy_though_transfers_are_cut(void)
{
	start("short:2+again:3", "short:3+again:2", &small);
	random_copies(40, 32);
	finish();
}

static struct backstore *open_file(const char *name, bool direct, const char *fault)
{
	struct bs_config cfg = {
		.block_size = 512, .direct = direct, .size = SIZE, .fault = fault
	};
	struct backstore *bs = NULL;

	cfg.path = fixture_path(&fx, name);
	if (bs_open(&bs, &cfg, &fx.env, fx.err, sizeof(fx.err)) < 0) {
		cfg.direct = false; /* no O_DIRECT here: test_direct.c says so */
		bs = must_open(&fx, &cfg);
	}
	return bs;
}

static void random_copies_of_files(bool direct, const char *fault)
{
	fixture_init(&fx);
	start_with(open_file("src", direct, fault), open_file("dst", direct, fault),
		   &copy_engine_defaults);
	fill(src, src_image, SRC);
	fill(dst, want, DST);
	random_copies(24, 33);
	finish();
}

static void random_ranges_copy_byte_for_byte_between_files(void)
{
	random_copies_of_files(false, NULL);
	random_copies_of_files(false, "short:2+again:2");
}

static void random_ranges_copy_byte_for_byte_with_o_direct(void)
{
	random_copies_of_files(true, NULL);
	random_copies_of_files(true, "short:2+again:2");
}

static void a_copy_within_one_backstore_leaves_the_rest_alone(void)
{
	const struct byte_range from[] = { { MIB, 64 * KIB }, { 512, 512 } };
	const struct byte_range to[] = { { 2 * MIB, 512 }, { 3 * MIB, 64 * KIB } };
	struct counted_copy t;
	struct rod *rod;

	fixture_init(&fx);
	src = open_mem(&fx, SIZE, NULL);
	start_with(src, src, &small);
	fill(src, src_image, SRC);
	memcpy(want, src_image, SIZE);
	rod = do_capture(&fx, src, from, 2);
	expect(from, 2, 0, to, 2, 64 * KIB + 512);
	CU_ASSERT_EQUAL(do_copy(&t, rod, 0, to, 2, 512), 0);
	CU_ASSERT(dst_is(want, 0, SIZE));
	rod_unref(rod);
	finish();
}

static void the_zero_rod_writes_zeros_without_reading(void)
{
	const struct byte_range to[] = { { 4096, MIB }, { 2 * MIB, 4096 } };
	struct counted_copy t;

	start(NULL, NULL, &small);
	memset(want + 4096, 0, MIB);
	memset(want + 2 * MIB, 0, 4096);
	CU_ASSERT_EQUAL(do_copy(&t, rod_zero(), 123456, to, 2, 4096), 0);
	CU_ASSERT_EQUAL(t.c.written, MIB + 4096);
	CU_ASSERT(t.c.stats.zeroed == MIB + 4096 && !t.c.stats.read && !t.c.stats.copied);
	CU_ASSERT(dst_is(want, 0, SIZE));
	finish();
}

/* Source: data only at 1 MiB and 3 MiB; the destination is full of old data. */
static void copy_with_holes(bool files)
{
	const struct byte_range from = { 0, SIZE }, to = { 0, SIZE };
	struct counted_copy t;
	struct rod *rod;

	fixture_init(&fx);
	start_with(files ? open_file("src", false, NULL) : open_mem(&fx, SIZE, NULL),
		   files ? open_file("dst", false, NULL) : open_mem(&fx, SIZE, NULL),
		   &copy_engine_defaults);
	fill(dst, want, DST);
	memset(src_image, 0, SIZE);
	for (unsigned i = 1; i < 4; i += 2) {
		fill_pattern(src_image + i * MIB, 128 * KIB, i * MIB, SRC);
		memcpy(back, src_image + i * MIB, 128 * KIB);
		CU_ASSERT_EQUAL(do_io(&fx, src, IO_WRITE, i * MIB, back, 128 * KIB, 0), 0);
	}
	CU_ASSERT_EQUAL(do_io(&fx, src, IO_FLUSH, 0, NULL, 0, 0), 0);
	rod = do_capture(&fx, src, &from, 1);
	CU_ASSERT_EQUAL(do_copy(&t, rod, 0, &to, 1, 4096), 0);
	CU_ASSERT_EQUAL(t.c.stats.read, 256 * KIB);
	CU_ASSERT_EQUAL(t.c.stats.copied, 256 * KIB);
	CU_ASSERT_EQUAL(t.c.stats.zeroed, SIZE - 256 * KIB);
	CU_ASSERT_EQUAL(bs_stats(dst)->bytes_discarded, SIZE - 256 * KIB);
	CU_ASSERT(dst_is(src_image, 0, SIZE));
	rod_unref(rod);
	finish();
}

static void holes_are_not_read(void)
{
	copy_with_holes(false);
	copy_with_holes(true);
}

static void a_copy_of_no_bytes_is_done_from_the_loop(void)
{
	const struct byte_range to[] = { { 0, 0 }, { SIZE, 0 } };
	struct counted_copy t;

	start(NULL, NULL, &small);
	CU_ASSERT_EQUAL(do_copy(&t, rod_zero(), 0, to, 2, 512), 0);
	CU_ASSERT_EQUAL(do_copy(&t, rod_zero(), 0, NULL, 0, 512), 0);
	CU_ASSERT_EQUAL(t.c.written, 0);
	CU_ASSERT(dst_is(want, 0, SIZE));
	finish();
}

static void a_deadline_gives_the_exact_leading_count(void)
{
	const struct byte_range from = { 0, SIZE }, to[] = { { 2 * MIB, 2 * MIB }, { 0, 2 * MIB } };
	struct counted_copy t;
	struct rod *rod;

	start(NULL, "write-delay:20", &single);
	rod = do_capture(&fx, src, &from, 1);
	tcopy_start(&t, rod, 0, to, 2, 4096, 150);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, -ETIME);
	CU_ASSERT(t.c.written > 0 && t.c.written <= 8 * 16 * KIB && t.c.written % 4096 == 0);
	/* one chunk at a time: exactly what is counted was written, not a block more */
	expect(&from, 1, 0, to, 2, t.c.written);
	CU_ASSERT(dst_is(want, 0, SIZE));
	rod_unref(rod);
	finish();
}

/* All of it would fit into the window, and take two seconds. */
static void a_window_does_not_carry_a_copy_past_it(void)
{
	const struct byte_range from = { 0, SIZE }, to = { 0, SIZE };
	struct counted_copy t;
	struct rod *rod;

	CU_ASSERT(SIZE <= copy_engine_defaults.chunk * copy_engine_defaults.window);
	start(NULL, "rate:2M", &copy_engine_defaults);
	rod = do_capture(&fx, src, &from, 1);
	tcopy_start(&t, rod, 0, &to, 1, 4096, 1000);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, -ETIME);
	/* What passes in a second, and one chunk for the error of the estimate. */
	CU_ASSERT(t.c.written > 0 && t.c.written <= 2 * MIB + copy_engine_defaults.chunk);
	CU_ASSERT_EQUAL(t.c.stats.copied, t.c.written);
	CU_ASSERT(dst_is(src_image, 0, t.c.written));
	rod_unref(rod);
	finish();
}

/* Two MiB are zeroed in no time, which says nothing of the two that are slow to read. */
static void a_fast_hole_does_not_hurry_the_data(void)
{
	const struct byte_range from = { 0, SIZE }, to = { 0, SIZE };
	struct counted_copy t;
	struct rod *rod;

	fixture_init(&fx);
	start_with(open_mem(&fx, SIZE, "rate:2M"), open_mem(&fx, SIZE, NULL),
		   &copy_engine_defaults);
	memset(back, 7, 2 * MIB);
	CU_ASSERT_EQUAL(do_io(&fx, src, IO_WRITE, 2 * MIB, back, 2 * MIB, 0), 0);
	rod = do_capture(&fx, src, &from, 1);
	tcopy_start(&t, rod, 0, &to, 1, 4096, 600);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, -ETIME);
	CU_ASSERT(t.c.written > 2 * MIB && t.c.written <= 3 * MIB + 512 * KIB);
	rod_unref(rod);
	finish();
}

static void a_deadline_after_the_last_chunk_has_started_is_no_failure(void)
{
	const struct byte_range from = { 0, 32 * KIB }, to = { 0, 32 * KIB };
	struct counted_copy t;
	struct rod *rod;

	start(NULL, "write-delay:100", &small); /* the first two chunks are all of it */
	rod = do_capture(&fx, src, &from, 1);
	tcopy_start(&t, rod, 0, &to, 1, 4096, 50);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, 0);
	CU_ASSERT_EQUAL(t.c.written, 32 * KIB);
	rod_unref(rod);
	finish();
}

static void errors_tell_their_side_and_the_leading_count(void)
{
	static const struct {
		const char *src, *dst;
		int err;
		bool write;
		uint64_t written;
	} cases[] = {
		/* 16 KiB chunks from 0: the sixth is hit */
		{ "read-error:81K:512", NULL, -EIO, false, 80 * KIB },
		{ NULL, "write-error:81K:512", -EIO, true, 80 * KIB },
		/* both sides: the one nearer to the front decides */
		{ "read-error:97K:512", "write-delay:20+write-error:81K:512", -EIO, true,
		  80 * KIB },
		{ "read-delay:20+read-error:81K:512", "write-error:97K:512", -EIO, false,
		  80 * KIB },
	};
	const struct byte_range from = { 0, MIB }, to = { 0, MIB };
	struct counted_copy t;
	struct rod *rod;

	for (unsigned i = 0; i < COUNT(cases); i++) {
		fixture_init(&fx);
		start_with(open_mem(&fx, SIZE, NULL), open_mem(&fx, SIZE, NULL), &small);
		bs_close(src);
		bs_close(dst);
		src = open_mem(&fx, SIZE, cases[i].src);
		dst = open_mem(&fx, SIZE, cases[i].dst);
		fill_pattern(src_image, SIZE, 0, SRC);
		memcpy(back, src_image, MIB);
		CU_ASSERT_EQUAL(do_io(&fx, src, IO_WRITE, 0, back, MIB, 0), 0);
		rod = do_capture(&fx, src, &from, 1);
		CU_ASSERT_EQUAL(do_copy(&t, rod, 0, &to, 1, 512), cases[i].err);
		CU_ASSERT_EQUAL(t.c.write_failed, cases[i].write);
		CU_ASSERT_EQUAL(t.c.written, cases[i].written);
		CU_ASSERT(dst_is(src_image, 0, t.c.written));
		rod_unref(rod);
		finish();
	}
}

static void no_space_is_an_error_of_the_write(void)
{
	const struct byte_range from = { 0, MIB }, to = { 0, MIB };
	struct counted_copy t;
	struct rod *rod;

	start(NULL, NULL, &small);
	bs_close(dst);
	dst = open_mem(&fx, SIZE, "enospc:100K");
	rod = do_capture(&fx, src, &from, 1);
	CU_ASSERT_EQUAL(do_copy(&t, rod, 0, &to, 1, 512), -ENOSPC);
	CU_ASSERT(t.c.write_failed);
	CU_ASSERT_EQUAL(t.c.written, 96 * KIB);
	rod_unref(rod);
	finish();
}

static void a_source_overwritten_before_is_stale_and_nothing_is_written(void)
{
	const struct byte_range from[] = { { 0, MIB }, { 2 * MIB, 512 } }, to = { 0, MIB };
	struct counted_copy t;
	struct rod *rod;

	keep = ROD_KEEP_CANCEL;
	start(NULL, NULL, &small);
	rod = do_capture(&fx, src, from, 2);
	memcpy(back, src_image + 2 * MIB, 512); /* the very same data: still a write */
	CU_ASSERT_EQUAL(do_io(&fx, src, IO_WRITE, 2 * MIB, back, 512, 0), 0);
	CU_ASSERT_EQUAL(do_copy(&t, rod, 0, &to, 1, 512), -ESTALE);
	CU_ASSERT(t.c.written == 0 && !t.c.write_failed);
	CU_ASSERT(dst_is(want, 0, SIZE));
	rod_unref(rod);
	finish();
}

static void a_source_overwritten_during_the_copy_never_shows(void)
{
	const struct byte_range from = { 0, MIB }, to = { 0, MIB };
	struct counted_copy t;
	struct tio w;
	struct rod *rod;

	/*
	 * Reads end one after the other, 1 ms apart: the write waits for those that
	 * run, and later ones wait for it and come to read the new data.
	 */
	keep = ROD_KEEP_CANCEL;
	start("rate:16M", NULL, &small);
	rod = do_capture(&fx, src, &from, 1);
	tcopy_start(&t, rod, 0, &to, 1, 512, 0);
	run_for(&fx, 20);
	CU_ASSERT(!t.done);
	memset(back, 0xdd, MIB);
	tio_set(&w, &fx, IO_WRITE, 0, back, MIB); /* over all of it, also what is being read */
	tio_submit(&w, src);
	run_until(&fx, &t.done);
	run_until(&fx, &w.done);
	CU_ASSERT_EQUAL(t.err, -ESTALE);
	CU_ASSERT(t.c.written > 0 && t.c.written < MIB);
	expect(&from, 1, 0, &to, 1, t.c.written);
	/* the front is the old data; behind it is frozen or untouched, never new */
	CU_ASSERT(dst_is(want, 0, t.c.written));
	CU_ASSERT_EQUAL(do_io(&fx, dst, IO_READ, 0, back, MIB, 0), 0);
	for (uint64_t i = t.c.written; i < MIB; i++)
		if (back[i] != src_image[i] && back[i] != want[i]) {
			CU_FAIL("new data of the source in the destination");
			break;
		}
	rod_unref(rod);
	finish();
}

static void a_cancelled_copy_ends_soon_with_its_count(void)
{
	uint64_t writes;
	const struct byte_range from = { 0, SIZE }, to = { 0, SIZE };
	struct counted_copy t;
	struct rod *rod;

	start("read-delay:40", NULL, &small);
	rod = do_capture(&fx, src, &from, 1);
	tcopy_start(&t, rod, 0, &to, 1, 512, 0);
	while (bs_stats(dst)->writes == 1) /* that of fill() */
		run_for(&fx, 1);
	run_for(&fx, 10); /* the next reads are under way, and no write */
	writes = bs_stats(dst)->writes;
	copy_cancel(&t.c);
	CU_ASSERT_EQUAL(t.calls, 0); /* a request only */
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.err, -ECANCELED);
	CU_ASSERT_EQUAL(bs_stats(dst)->writes, writes); /* what was read is dropped */
	CU_ASSERT(t.c.written > 0 && t.c.written < SIZE);
	expect(&from, 1, 0, &to, 1, t.c.written);
	CU_ASSERT(dst_is(want, 0, t.c.written));
	rod_unref(rod);
	finish();
}

static void copies_beyond_the_limit_wait_in_line(void)
{
	const struct byte_range from = { 0, MIB };
	struct byte_range to[4] = { { 0, MIB }, { MIB, MIB }, { 2 * MIB, MIB }, { 3 * MIB, MIB } };
	struct counted_copy first, timed, cancelled, last;
	struct rod *rod;

	start(NULL, "write-delay:10", &single);
	rod = do_capture(&fx, src, &from, 1);
	tcopy_start(&first, rod, 0, &to[0], 1, 512, 20000);
	tcopy_start(&timed, rod, 0, &to[1], 1, 512, 200);
	tcopy_start(&cancelled, rod, 0, &to[2], 1, 512, 0);
	tcopy_start(&last, rod, 0, &to[3], 1, 512, 0);
	copy_cancel(&cancelled.c);
	run_until(&fx, &cancelled.done);
	CU_ASSERT(!timed.done); /* the one before it waits on */
	run_until(&fx, &timed.done);
	CU_ASSERT(timed.err == -ETIME && timed.c.written == 0);
	CU_ASSERT(cancelled.done && cancelled.err == -ECANCELED && cancelled.c.written == 0);
	CU_ASSERT(!first.done && last.c.written == 0);
	run_until(&fx, &last.done);
	CU_ASSERT(first.done && first.err == 0 && last.err == 0);
	expect(&from, 1, 0, &to[0], 1, MIB);
	expect(&from, 1, 0, &to[3], 1, MIB);
	CU_ASSERT(dst_is(want, 0, SIZE));
	rod_unref(rod);
	finish();
}

static void a_copy_waiting_in_line_learns_that_its_rod_is_gone(void)
{
	const struct byte_range from = { 0, 64 * KIB },
				to[2] = { { 0, 64 * KIB }, { MIB, 64 * KIB } };
	struct counted_copy first, second;
	struct rod *rod, *gone;

	start(NULL, "write-delay:10", &single);
	rod = do_capture(&fx, src, &from, 1);
	gone = do_capture(&fx, src, &from, 1);
	tcopy_start(&first, rod, 0, &to[0], 1, 512, 0);
	tcopy_start(&second, gone, 0, &to[1], 1, 512, 0);
	rod_cancel(gone);
	rod_unref(gone); /* the engine has its own reference */
	run_until(&fx, &second.done);
	CU_ASSERT(second.err == -ESTALE && second.c.written == 0);
	run_until(&fx, &first.done);
	CU_ASSERT_EQUAL(first.err, 0);
	rod_unref(rod);
	finish();
}

static void several_copies_of_one_rod_run_together(void)
{
	enum { COPIES = 6 };
	const struct byte_range from = { 0, 512 * KIB };
	struct byte_range to[COPIES];
	struct counted_copy t[COPIES];
	struct rod *rod;

	start("short:3", "again:2", &small);
	rod = do_capture(&fx, src, &from, 1);
	for (unsigned i = 0; i < COPIES; i++) {
		to[i] = (struct byte_range) { i * 600 * KIB, 512 * KIB };
		tcopy_start(&t[i], rod, 0, &to[i], 1, 4096, 0);
		expect(&from, 1, 0, &to[i], 1, 512 * KIB);
	}
	rod_unref(rod);
	for (unsigned i = 0; i < COPIES; i++) {
		run_until(&fx, &t[i].done);
		CU_ASSERT(t[i].err == 0 && t[i].c.written == 512 * KIB);
	}
	CU_ASSERT(dst_is(want, 0, SIZE));
	finish();
}

/* Random writes to source and destination while copies run, all must end. */
static void copies_under_a_storm_of_writes_all_end(void)
{
	const struct byte_range from = { 0, MIB };
	struct byte_range to[3] = { { 0, MIB }, { MIB / 2, MIB }, { MIB, MIB } };
	static struct tio w[200];
	struct counted_copy t[3];
	struct rod *rod;
	uint64_t seed = 6;

	start("read-delay:1", "write-delay:1", &small);
	memset(back, 7, MIB);
	for (unsigned round = 0; round < 10; round++) {
		rod = do_capture(&fx, src, &from, 1);
		for (unsigned i = 0; i < 3; i++)
			tcopy_start(&t[i], rod, 0, &to[i], 1, 512, 0);
		for (unsigned i = 0; i < COUNT(w); i++) {
			uint64_t off = rnd(&seed) % (2 * MIB / 512) * 512;

			tio_set(&w[i], &fx, rnd(&seed) % 3 ? IO_WRITE : IO_READ, off, back, 65536);
			tio_submit(&w[i], dst);
		}
		if (round % 2) {
			run_for(&fx, 3);
			CU_ASSERT_EQUAL(do_io(&fx, src, IO_WRITE, MIB - 512, back, 512, 0), 0);
		}
		for (unsigned i = 0; i < 3; i++) {
			run_until(&fx, &t[i].done);
			CU_ASSERT(t[i].err == (round % 2 ? -ESTALE : 0) || t[i].err == 0);
		}
		for (unsigned i = 0; i < COUNT(w); i++)
			run_until(&fx, &w[i].done);
		rod_unref(rod);
	}
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "random ranges copy byte for byte in memory",
		  random_ranges_copy_byte_for_byte_in_memory },
		{ "random ranges copy though transfers are cut",
		  random_ranges_copy_though_transfers_are_cut },
		{ "random ranges copy byte for byte between files",
		  random_ranges_copy_byte_for_byte_between_files },
		{ "random ranges copy byte for byte with O_DIRECT",
		  random_ranges_copy_byte_for_byte_with_o_direct },
		{ "a copy within one backstore leaves the rest alone",
		  a_copy_within_one_backstore_leaves_the_rest_alone },
		{ "the zero rod is not read either", the_zero_rod_writes_zeros_without_reading },
		{ "holes are not read, and stay holes", holes_are_not_read },
		{ "a copy of no bytes is done from the loop",
		  a_copy_of_no_bytes_is_done_from_the_loop },
		{ "a deadline gives an exact count", a_deadline_gives_the_exact_leading_count },
		{ "a fast hole does not hurry slow data", a_fast_hole_does_not_hurry_the_data },
		{ "a deadline holds with a full window", a_window_does_not_carry_a_copy_past_it },
		{ "a deadline after the last chunk has started is no failure",
		  a_deadline_after_the_last_chunk_has_started_is_no_failure },
		{ "errors tell their side and the leading count",
		  errors_tell_their_side_and_the_leading_count },
		{ "no space is an error of the write", no_space_is_an_error_of_the_write },
		{ "a source overwritten before is stale and nothing is written",
		  a_source_overwritten_before_is_stale_and_nothing_is_written },
		{ "a source overwritten during the copy never shows",
		  a_source_overwritten_during_the_copy_never_shows },
		{ "a cancelled copy ends soon with its count",
		  a_cancelled_copy_ends_soon_with_its_count },
		{ "copies beyond the limit wait in line", copies_beyond_the_limit_wait_in_line },
		{ "a copy waiting in line learns that its rod is gone",
		  a_copy_waiting_in_line_learns_that_its_rod_is_gone },
		{ "several copies of one rod run together",
		  several_copies_of_one_rod_run_together },
		{ "copies under a storm of writes all end",
		  copies_under_a_storm_of_writes_all_end },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/copy", tests);
}
