/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be kept for rods: by an owner, by a backstore, by all.  Who is at a limit loses
 * what is his; a write never does.
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
static struct bs_owner *ann, *bob;
static unsigned gone;
static unsigned char *image, *mem;

static void owner_gone(struct bs_owner *owner)
{
	CU_ASSERT(owner->saved.used == 0 && owner->cloned.used == 0);
	free(owner);
	gone++;
}

static struct bs_owner *owner_new(void)
{
	struct bs_owner *owner = calloc(1, sizeof(*owner));

	owner->refs = 1;
	owner->gone = owner_gone;
	owner->saved.limit = owner->cloned.limit = UINT64_MAX;
	return owner;
}

static void start_at(struct bs_config cfg, const char *path)
{
	totals = (struct bs_totals) { .saved.limit = UINT64_MAX,
				      .cloned.limit = UINT64_MAX,
				      .saves.limit = UINT64_MAX };
	fx.env.totals = &totals;
	ann = owner_new();
	bob = owner_new();
	gone = 0;
	cfg.path = path;
	cfg.size = SIZE;
	cfg.block_size = 512;
	bs = must_open(&fx, &cfg);
	image = malloc(SIZE);
	mem = aligned_alloc(4096, SIZE);
	fill_pattern(image, SIZE, 0, 1);
	memcpy(mem, image, SIZE);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, mem, SIZE, 0), 0);
}

static void start(struct bs_config cfg)
{
	fixture_init(&fx);
	start_at(cfg, "mem:");
}

/* All rods are given back: nothing is kept for anybody. */
static void finish(void)
{
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	bs_owner_unref(ann);
	bs_owner_unref(bob);
	CU_ASSERT_EQUAL(gone, 2);
	CU_ASSERT(totals.saved.used == 0 && totals.cloned.used == 0 && totals.saves.used == 0);
	fixture_done(&fx);
	free(image);
	free(mem);
}

/* NULL: refused for want of room. */
static struct rod *capture(struct bs_owner *owner, uint64_t off, uint64_t len)
{
	const struct byte_range r = { off, len };

	return do_capture_for(&fx, bs, owner, &r, 1);
}

static bool shows(struct rod *rod, uint64_t off, uint64_t len)
{
	const struct byte_range r = { off, len };

	return rod_shows(&fx, rod, image, &r, 1);
}

/* Also what was begun to be saved for a rod that is cancelled by now has ended then. */
static int change(uint64_t off, uint64_t len)
{
	int res;

	fill_pattern(mem, len, off, 77);
	res = do_io(&fx, bs, IO_WRITE, off, mem, len, 0);
	for (unsigned ms = 0; ms < 3000 && totals.saves.used > 0; ms++)
		run_for(&fx, 1);
	return res;
}

static void saved_for_an_owner_at_the_limit_and_one_above(void)
{
	struct rod *a, *b;

	start((struct bs_config) { .path = NULL });
	ann->saved.limit = 2 * CHUNK;
	a = capture(ann, 0, 4 * CHUNK);
	b = capture(bob, CHUNK, 3 * CHUNK);
	CU_ASSERT_EQUAL(change(0, 2 * CHUNK), 0);
	CU_ASSERT(ann->saved.used == 2 * CHUNK && bob->saved.used == CHUNK);
	CU_ASSERT_EQUAL(totals.saved.used, 2 * CHUNK);
	CU_ASSERT(shows(a, 0, 4 * CHUNK) && shows(b, CHUNK, 3 * CHUNK));
	CU_ASSERT_EQUAL(change(2 * CHUNK, 512), 0);
	CU_ASSERT(rod_cancelled(a) && !rod_cancelled(b));
	CU_ASSERT(ann->saved.used == 0 && bob->saved.used == 2 * CHUNK);
	CU_ASSERT_EQUAL(totals.saved.used, 2 * CHUNK);
	CU_ASSERT(shows(b, CHUNK, 3 * CHUNK));
	/* where nobody else needs it nothing is saved, and the write goes on */
	rod_unref(a);
	a = capture(ann, 0, SIZE);
	rod_unref(b);
	CU_ASSERT_EQUAL(change(0, 3 * CHUNK), 0);
	CU_ASSERT(rod_cancelled(a));
	CU_ASSERT(ann->saved.used == 0 && totals.saved.used == 0);
	rod_unref(a);
	finish();
}

static void a_version_is_charged_once_to_each_owner(void)
{
	struct rod *a[2], *b;

	start((struct bs_config) { .path = NULL });
	a[0] = capture(ann, 0, CHUNK);
	a[1] = capture(ann, 512, 2 * CHUNK);
	b = capture(bob, 0, 512);
	CU_ASSERT_EQUAL(change(0, CHUNK), 0);
	CU_ASSERT(ann->saved.used == CHUNK && bob->saved.used == CHUNK);
	CU_ASSERT_EQUAL(totals.saved.used, CHUNK);
	rod_unref(a[0]);
	CU_ASSERT_EQUAL(ann->saved.used, CHUNK);
	rod_unref(a[1]);
	CU_ASSERT(ann->saved.used == 0 && bob->saved.used == CHUNK);
	CU_ASSERT_EQUAL(totals.saved.used, CHUNK);
	CU_ASSERT(shows(b, 0, 512));
	rod_unref(b);
	CU_ASSERT(bob->saved.used == 0 && totals.saved.used == 0);
	finish();
}

static void zeros_are_charged_to_nobody(void)
{
	struct rod *a;

	start((struct bs_config) { .path = NULL });
	ann->saved.limit = CHUNK;
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_ZERO, 0, NULL, SIZE, 0), 0);
	memset(image, 0, SIZE);
	a = capture(ann, 0, SIZE);
	CU_ASSERT_EQUAL(change(0, SIZE), 0);
	CU_ASSERT(!rod_cancelled(a) && ann->saved.used == 0);
	CU_ASSERT(shows(a, 0, SIZE));
	rod_unref(a);
	finish();
}

static void a_failed_save_is_charged_to_nobody(void)
{
	struct rod *a, *b;

	start((struct bs_config) { .sidecar_fault = "write-error:0" });
	a = capture(ann, 0, CHUNK);
	b = capture(bob, 0, CHUNK);
	CU_ASSERT_EQUAL(change(0, 512), 0);
	CU_ASSERT(rod_cancelled(a) && rod_cancelled(b));
	CU_ASSERT(ann->saved.used == 0 && bob->saved.used == 0 && totals.saved.used == 0);
	rod_unref(a);
	rod_unref(b);
	finish();
}

/* No clones here: what could not be saved for at all is no rod. */
static void a_rod_that_cannot_be_kept_is_refused(void)
{
	struct rod *a, *b;

	start((struct bs_config) { .sidecar_bytes = 2 * CHUNK });
	ann->saved.limit = CHUNK;
	a = capture(ann, 0, CHUNK);
	CU_ASSERT_EQUAL(change(0, 512), 0);
	CU_ASSERT_PTR_NULL(capture(ann, 2 * CHUNK, 512)); /* his own */
	b = capture(bob, 0, CHUNK);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_EQUAL(change(0, 512), 0);
	CU_ASSERT_PTR_NULL(capture(bob, 2 * CHUNK, 512)); /* the sidecar's */
	CU_ASSERT_PTR_NULL(capture(NULL, 2 * CHUNK, 512));
	rod_unref(a);
	totals.saved.limit = CHUNK;
	CU_ASSERT_PTR_NULL(capture(bob, 2 * CHUNK, 512)); /* that of all */
	totals.saved.limit = 2 * CHUNK;
	a = capture(ann, 2 * CHUNK, 512);
	CU_ASSERT_PTR_NOT_NULL(a);
	CU_ASSERT_EQUAL(bs_stats(bs)->rods_cancelled, 0);
	rod_unref(a);
	rod_unref(b);
	finish();
}

/* Random writes and captures: who has no limit of his own loses nothing. */
static void one_owner_s_limit_is_not_another_s_loss(void)
{
	uint64_t seed = 42;

	start((struct bs_config) { .sidecar_bytes = 64 * MIB, .fault = "read-delay:1" });
	ann->saved.limit = 6 * CHUNK;
	for (unsigned round = 0; round < 40; round++) {
		struct rod *a[3], *b;
		struct tio t[24];

		b = capture(bob, rnd(&seed) % 32 * CHUNK, SIZE / 2);
		for (unsigned i = 0; i < COUNT(a); i++)
			a[i] = capture(ann, rnd(&seed) % 32 * CHUNK + 512, SIZE / 2 - 512);
		for (unsigned i = 0; i < COUNT(t); i++) {
			uint64_t at = rnd(&seed) % (SIZE / 4096) * 4096;

			tio_set(&t[i], &fx, IO_ZERO, at, NULL, 4096);
			tio_submit(&t[i], bs);
			CU_ASSERT(ann->saved.used <= ann->saved.limit);
		}
		for (unsigned i = 0; i < COUNT(t); i++) {
			run_until(&fx, &t[i].done);
			CU_ASSERT_EQUAL(t[i].res, 0);
			CU_ASSERT(ann->saved.used <= ann->saved.limit);
		}
		CU_ASSERT_FALSE_FATAL(rod_cancelled(b));
		CU_ASSERT(shows(b, rod_map(b, 0).off, SIZE / 2));
		for (unsigned i = 0; i < COUNT(a); i++) {
			if (a[i] && !rod_cancelled(a[i]))
				CU_ASSERT(shows(a[i], rod_map(a[i], 0).off, SIZE / 2 - 512));
			rod_unref(a[i]);
		}
		rod_unref(b);
		CU_ASSERT(ann->saved.used == 0 && bob->saved.used == 0);
		memcpy(mem, image, SIZE);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 0, mem, SIZE, 0), 0);
	}
	CU_ASSERT(bs_stats(bs)->rods_cancelled > 0);
	finish();
}

/* Two backstores, and a save at a time, or two, for both together. */
static void saves_of_all_at_the_limit(void)
{
	for (unsigned limit = 1; limit <= 3; limit++) {
		static struct tio t[2][40];
		struct backstore *both[2];
		struct rod *rod[2];
		bool met = false;

		start((struct bs_config) { .fault = "read-delay:1" });
		both[0] = bs;
		both[1] = must_open(&fx, &(struct bs_config) { .path = "mem:two",
							       .size = SIZE,
							       .block_size = 512,
							       .fault = "read-delay:1" });
		memcpy(mem, image, SIZE);
		CU_ASSERT_EQUAL(do_io(&fx, both[1], IO_WRITE, 0, mem, SIZE, 0), 0);
		totals.saves.limit = limit;
		for (unsigned k = 0; k < 2; k++) {
			bs = both[k];
			rod[k] = capture(k ? bob : ann, 0, SIZE);
		}
		for (unsigned i = 0; i < COUNT(t[0]); i++)
			for (unsigned k = 0; k < 2; k++) {
				tio_set(&t[k][i], &fx, IO_ZERO, i * CHUNK, NULL,
					i % 3 ? 4096 : 3 * CHUNK);
				tio_submit(&t[k][i], both[k]);
				CU_ASSERT(totals.saves.used <= limit);
				met = met || totals.saves.used == limit;
			}
		CU_ASSERT(met);
		for (unsigned i = 0; i < COUNT(t[0]); i++)
			for (unsigned k = 0; k < 2; k++) {
				run_until(&fx, &t[k][i].done);
				CU_ASSERT(t[k][i].res == 0 && totals.saves.used <= limit);
			}
		CU_ASSERT_EQUAL(totals.saves.used, 0);
		for (unsigned k = 0; k < 2; k++) {
			bs = both[k];
			CU_ASSERT(!rod_cancelled(rod[k]) && shows(rod[k], 0, SIZE));
			rod_unref(rod[k]);
		}
		CU_ASSERT_EQUAL(bs_close(both[1]), 0);
		bs = both[0];
		finish();
	}
}

static void settle(struct rod *rod)
{
	for (unsigned i = 0; i < 5000 && rod_settling(rod); i++)
		run_for(&fx, 1);
	CU_ASSERT(!rod_settling(rod));
}

/* Beyond a limit on clones a rod is kept by saving; without room for that it is refused. */
static void cloned_for_an_owner_and_in_all_at_the_limit_and_one_above(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct quota *q;
		struct mounted fs;
		struct rod *rod[3];
		char path[200];

		fixture_init(&fx);
		if (!mount_init(&fs, &fx, "xfs")) {
			fixture_done(&fx);
			return;
		}
		snprintf(path, sizeof(path), "%s/disk", fs.dir);
		start_at((struct bs_config) { .sidecar_bytes = CHUNK }, path);
		q = i ? &totals.cloned : &ann->cloned;
		q->limit = 2 * CHUNK + 4096;
		rod[0] = capture(ann, 512, 2 * CHUNK); /* rounded out to the limit */
		rod[1] = capture(ann, 4 * CHUNK, 512);
		CU_ASSERT_EQUAL(q->used, q->limit);
		settle(rod[0]);
		CU_ASSERT(!rod_settling(rod[1]));
		CU_ASSERT_EQUAL(bs_stats(bs)->rods_cloned, 1);
		/* the limit of an owner is nobody else's */
		rod[2] = capture(bob, 4 * CHUNK, 512);
		settle(rod[2]);
		CU_ASSERT_EQUAL(bs_stats(bs)->rods_cloned, i ? 1 : 2);
		CU_ASSERT_EQUAL(change(0, 4 * CHUNK + 512), 0);
		CU_ASSERT_EQUAL(bs_stats(bs)->saves, 1);
		CU_ASSERT(shows(rod[0], 512, 2 * CHUNK) && shows(rod[1], 4 * CHUNK, 512) &&
			  shows(rod[2], 4 * CHUNK, 512));
		CU_ASSERT_PTR_NULL(capture(ann, 0, 512)); /* neither the one nor the other */
		for (unsigned k = 0; k < 3; k++)
			rod_unref(rod[k]);
		for (unsigned k = 0; k < 5000 && q->used > 0; k++)
			run_for(&fx, 1);
		rod[0] = capture(ann, 512, 2 * CHUNK);
		settle(rod[0]);
		CU_ASSERT_EQUAL(bs_stats(bs)->rods_cloned, i ? 2 : 3);
		rod_unref(rod[0]);
		for (unsigned k = 0; k < 5000 && !bs_idle(bs); k++)
			run_for(&fx, 1);
		run_for(&fx, 20); /* what is closed elsewhere */
		CU_ASSERT_EQUAL(bs_close(bs), 0);
		bs = NULL;
		mount_done(&fs);
		finish();
	}
}

static void a_backstore_closed_early_owes_nobody_anything(void)
{
	struct mounted fs;
	char path[200];

	fixture_init(&fx);
	if (!mount_init(&fs, &fx, "xfs")) {
		fixture_done(&fx);
		return;
	}
	snprintf(path, sizeof(path), "%s/disk", fs.dir);
	start_at((struct bs_config) { .path = NULL }, path);
	for (unsigned i = 0; i < 20; i++)
		rod_unref(capture(i % 2 ? ann : bob, 0, SIZE));
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	bs = NULL;
	mount_done(&fs);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "saved for an owner at the limit and one above",
		  saved_for_an_owner_at_the_limit_and_one_above },
		{ "a version is charged once to each owner",
		  a_version_is_charged_once_to_each_owner },
		{ "zeros are charged to nobody", zeros_are_charged_to_nobody },
		{ "a failed save is charged to nobody", a_failed_save_is_charged_to_nobody },
		{ "a rod that cannot be kept is refused", a_rod_that_cannot_be_kept_is_refused },
		{ "one owner's limit is not another's loss",
		  one_owner_s_limit_is_not_another_s_loss },
		{ "saves of all at the limit", saves_of_all_at_the_limit },
		{ "cloned for an owner and in all at the limit and one above",
		  cloned_for_an_owner_and_in_all_at_the_limit_and_one_above },
		{ "a backstore closed early owes nobody anything",
		  a_backstore_closed_early_owes_nobody_anything },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/limits", tests);
}
