/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saves that outlast what they are for: their rods, the write that began them, or the time
 * during which a rod needed saving.
 */
#include <stdlib.h>
#include <string.h>

#include "cbw.h"
#include "fixture.h"
#include "rod_impl.h"

#define CHUNK CBW_CHUNK
#define SIZE  (2 * CHUNK)

static struct fixture fx;
static struct bs_totals totals;
static struct backstore *bs;
static unsigned char *image, *mem; /* what the disk held at the start; for transfers */

static void start(struct bs_config cfg)
{
	fixture_init(&fx);
	totals = (struct bs_totals) { .saved.limit = UINT64_MAX,
				      .cloned.limit = UINT64_MAX,
				      .saves.limit = UINT64_MAX };
	fx.env.totals = &totals;
	cfg.path = "mem:";
	cfg.size = SIZE;
	cfg.block_size = 512;
	bs = must_open(&fx, &cfg);
	image = malloc(SIZE);
	mem = malloc(SIZE);
	fill_pattern(image, SIZE, 0, 1);
	memcpy(mem, image, SIZE);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, mem, SIZE, 0), 0);
	fill_pattern(mem, SIZE, 0, 2);
}

static void finish(void)
{
	CU_ASSERT_EQUAL(totals.saved.used, 0);
	CU_ASSERT_EQUAL(totals.saves.used, 0);
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

static void change(struct tio *t, uint64_t off, uint64_t len)
{
	tio_set(t, &fx, IO_WRITE, off, mem + off, len);
	tio_submit(t, bs);
}

/* The write that began it is over, the rod is gone, and a chunk is still on its way. */
static void it_is_not_idle_while_a_chunk_is_saved(void)
{
	struct rod *rod;
	struct tio t;

	start((struct bs_config) { .sidecar_fault = "rate:640K" });
	rod = capture(0, SIZE);
	change(&t, 0, SIZE);
	for (unsigned ms = 0; ms < 3000 && totals.saved.used < SIZE; ms++)
		run_for(&fx, 1);
	rod_cancel(rod);
	rod_unref(rod);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.res, 0);
	CU_ASSERT(totals.saves.used > 0 && !bs_idle(bs));
	for (unsigned ms = 0; ms < 3000 && !bs_idle(bs); ms++)
		run_for(&fx, 1);
	CU_ASSERT_EQUAL(totals.saves.used, 0);
	run_for(&fx, 300);
	finish();
}

/*
 * From the end of its clone on, writes do not mind a rod.  What is being read for it just
 * then may be changed under the read: it is not the rod's any more, as the clone is.
 */
static void what_is_read_while_a_clone_ends_is_not_for_it(void)
{
	struct rod *rod, *other;
	struct rod_place p;
	struct tio first, second;

	start((struct bs_config) { .fault = "read-delay:50" });
	rod = capture(0, CHUNK);
	other = capture(0, 512); /* keeps what is saved alive */
	change(&first, 0, 512);
	run_for(&fx, 5);
	CU_ASSERT_EQUAL(totals.saves.used, 1);
	rod_settled(rod);
	change(&second, 4096, 4096); /* waits for nobody */
	run_until(&fx, &second.done);
	CU_ASSERT_EQUAL(totals.saves.used, 1);
	run_until(&fx, &first.done);
	p = rod_place(rod, 4096, 4096);
	CU_ASSERT_NOT_EQUAL(p.kind, PLACE_SAVED);
	p = rod_place(other, 0, 512);
	CU_ASSERT_EQUAL(p.kind, PLACE_SAVED);
	rod_unref(other);
	CU_ASSERT_EQUAL(totals.saved.used, 0);
	rod_unref(rod);
	finish();
}

/* Saved before the clone was there: it may have met the write, so what is saved comes first. */
static void what_was_saved_before_a_clone_ends_is_for_it(void)
{
	struct rod *rod;
	struct rod_place p;
	struct tio t;

	start((struct bs_config) { .read_only = false });
	rod = capture(0, CHUNK);
	change(&t, 0, 512);
	run_until(&fx, &t.done);
	rod_settled(rod);
	p = rod_place(rod, 0, 512);
	CU_ASSERT_EQUAL(p.kind, PLACE_SAVED);
	CU_ASSERT_EQUAL(totals.saved.used, CHUNK);
	rod_unref(rod);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "it is not idle while a chunk is saved", it_is_not_idle_while_a_chunk_is_saved },
		{ "what is read while a clone ends is not for it",
		  what_is_read_while_a_clone_ends_is_not_for_it },
		{ "what was saved before a clone ends is for it",
		  what_was_saved_before_a_clone_ends_is_for_it },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/cbw_ends", tests);
}
