/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "sidecar.h"

#define SLOTS 100u

static struct fixture fx;
static struct sidecar sc;
static unsigned char a[SIDECAR_SLOT], b[SIDECAR_SLOT];

static void start(const char *dir, const char *fault)
{
	CU_ASSERT_EQUAL_FATAL(sidecar_init(&sc, &fx.env, dir, (uint64_t)SLOTS * SIDECAR_SLOT + 5,
					   fault),
			      0);
}

static void finish(void)
{
	sidecar_done(&sc);
	fixture_done(&fx);
}

static int slot_io(uint32_t slot, enum io_op op, uint64_t off, void *mem, size_t len)
{
	struct tio t;

	tio_set(&t, &fx, op, off, mem, len);
	t.inside = true;
	sidecar_submit(&sc, slot, &t.io);
	t.inside = false;
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.calls, 1);
	return t.res;
}

static void slots_hold_what_was_written(const char *dir, const char *fault)
{
	uint32_t slots[5];

	fixture_init(&fx);
	start(dir ? fx.dir : NULL, fault);
	for (unsigned i = 0; i < COUNT(slots); i++) {
		CU_ASSERT_EQUAL(sidecar_take(&sc, &slots[i]), 0);
		fill_pattern(a, SIDECAR_SLOT, 0, slots[i]);
		CU_ASSERT_EQUAL(slot_io(slots[i], IO_WRITE, 0, a, SIDECAR_SLOT), 0);
	}
	for (unsigned i = 0; i < COUNT(slots); i++) {
		fill_pattern(a, SIDECAR_SLOT, 0, slots[i]);
		CU_ASSERT_EQUAL(slot_io(slots[i], IO_READ, 512, b, 4096), 0);
		CHECK_BYTES(b, 4096, a + 512, 4096);
		sidecar_put(&sc, slots[i]);
	}
	CU_ASSERT_EQUAL(sc.used, 0);
	finish();
}

static void in_a_directory_and_in_memory(void)
{
	slots_hold_what_was_written("dir", NULL);
	slots_hold_what_was_written(NULL, NULL);
	slots_hold_what_was_written("dir", "short:2+again:2");
}

static void the_file_has_no_name(void)
{
	uint32_t slot;
	DIR *d;

	fixture_init(&fx);
	start(fx.dir, NULL);
	CU_ASSERT_EQUAL(sidecar_take(&sc, &slot), 0);
	CU_ASSERT_EQUAL(slot_io(slot, IO_WRITE, 0, a, 512), 0);
	d = opendir(fx.dir);
	for (struct dirent *e; (e = readdir(d));)
		CU_ASSERT(e->d_name[0] == '.' && (!e->d_name[1] || e->d_name[1] == '.'));
	closedir(d);
	sidecar_put(&sc, slot);
	finish();
}

static void at_the_limit_and_one_above(void)
{
	struct bs_totals total = { .saved.limit = (SLOTS + 2) * SIDECAR_SLOT };
	uint32_t slot[SLOTS], more[3];
	struct sidecar other;
	bool seen[SLOTS] = { false };

	fixture_init(&fx);
	fx.env.totals = &total;
	start(NULL, NULL);
	CU_ASSERT_EQUAL(sidecar_init(&other, &fx.env, NULL, 10 * SIDECAR_SLOT, NULL), 0);
	for (unsigned i = 0; i < SLOTS; i++) {
		CU_ASSERT_EQUAL(sidecar_take(&sc, &slot[i]), 0);
		CU_ASSERT(slot[i] < SLOTS && !seen[slot[i]]);
		seen[slot[i]] = true;
	}
	CU_ASSERT_EQUAL(sidecar_take(&sc, &more[0]), -ENOSPC);
	CU_ASSERT_EQUAL(total.saved.used, SLOTS * SIDECAR_SLOT);
	/* the shared limit holds for the other one, which has room of its own */
	CU_ASSERT_EQUAL(sidecar_take(&other, &more[0]), 0);
	CU_ASSERT_EQUAL(sidecar_take(&other, &more[1]), 0);
	CU_ASSERT_EQUAL(sidecar_take(&other, &more[2]), -ENOSPC);
	/* what one gives back, the other may have */
	sidecar_put(&sc, slot[37]);
	CU_ASSERT_EQUAL(sidecar_take(&other, &more[2]), 0);
	CU_ASSERT_EQUAL(sidecar_take(&sc, &slot[37]), -ENOSPC);
	for (unsigned i = 0; i < 3; i++)
		sidecar_put(&other, more[i]);
	CU_ASSERT_EQUAL(sidecar_take(&sc, &slot[37]), 0);
	CU_ASSERT_EQUAL(slot[37], 37);
	for (unsigned i = 0; i < SLOTS; i++)
		sidecar_put(&sc, slot[i]);
	CU_ASSERT_EQUAL(total.saved.used, 0);
	sidecar_done(&other);
	finish();
}

static void an_empty_one_is_given_back_and_made_anew(void)
{
	uint32_t slot;

	fixture_init(&fx);
	start(fx.dir, NULL);
	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(sidecar_take(&sc, &slot), 0);
		CU_ASSERT_EQUAL(slot_io(slot, IO_WRITE, 0, a, 512), 0);
		sidecar_put(&sc, slot);
		CU_ASSERT_PTR_NOT_NULL(sc.file);
		run_for(&fx, 2 * SIDECAR_LINGER_NS / 1000000);
		CU_ASSERT_PTR_NULL(sc.file);
	}
	/* one that is used again in time stays */
	CU_ASSERT_EQUAL(sidecar_take(&sc, &slot), 0);
	CU_ASSERT_EQUAL(slot_io(slot, IO_WRITE, 0, a, 512), 0);
	sidecar_put(&sc, slot);
	CU_ASSERT_EQUAL(sidecar_take(&sc, &slot), 0);
	run_for(&fx, 2 * SIDECAR_LINGER_NS / 1000000);
	CU_ASSERT_PTR_NOT_NULL(sc.file);
	sidecar_put(&sc, slot);
	finish();
}

/* Of the file, as far as it has any. */
static uint64_t space(void)
{
	struct stat st;

	CU_ASSERT_EQUAL(fsync(sc.fd), 0);
	CU_ASSERT_EQUAL(fstat(sc.fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* Both threads are busy. */
struct all_busy {
	struct holdup h[2];
};

/* The job for that is there and does not get on. */
static void wait_for_punching(struct all_busy *busy)
{
	for (unsigned i = 0; i < COUNT(busy->h); i++)
		hold_up_kind(&fx, &busy->h[i], AUX_SHORT);
	for (unsigned ms = 0; ms < 3000 && !sc.punching; ms++)
		run_for(&fx, 1);
	CU_ASSERT(sc.punching);
}

static void punch_on(struct all_busy *busy)
{
	for (unsigned i = 0; i < COUNT(busy->h); i++)
		let_go(&fx, &busy->h[i]);
}

/* While others stay, and are as they were; who takes one meanwhile is not hurt. */
static void space_of_a_slot_comes_back(const char *dir, const char *fault)
{
	uint32_t slots[SLOTS];
	struct all_busy busy;
	struct tio t;
	uint64_t full;

	fixture_init(&fx);
	start(dir ? fx.dir : NULL, fault);
	for (unsigned i = 0; i < SLOTS; i++) {
		CU_ASSERT_EQUAL(sidecar_take(&sc, &slots[i]), 0);
		fill_pattern(a, SIDECAR_SLOT, 0, slots[i]);
		CU_ASSERT_EQUAL(slot_io(slots[i], IO_WRITE, 0, a, SIDECAR_SLOT), 0);
	}
	full = space();
	CU_ASSERT(full >= SLOTS * SIDECAR_SLOT);
	for (unsigned i = 0; i < SLOTS; i++)
		if (i % 10)
			sidecar_put(&sc, slots[i]);
	wait_for_punching(&busy);
	/* taken again at the very moment when their space goes */
	CU_ASSERT_EQUAL(sidecar_take(&sc, &slots[1]), 0);
	fill_pattern(a, SIDECAR_SLOT, 0, 1000 + slots[1]);
	tio_set(&t, &fx, IO_WRITE, 0, a, SIDECAR_SLOT);
	sidecar_submit(&sc, slots[1], &t.io);
	run_for(&fx, 20);
	CU_ASSERT_FALSE(t.done);
	punch_on(&busy);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.res, 0);
	for (unsigned i = 11; i < SLOTS; i += 10) {
		CU_ASSERT_EQUAL(sidecar_take(&sc, &slots[i]), 0);
		fill_pattern(a, SIDECAR_SLOT, 0, 1000 + slots[i]);
		CU_ASSERT_EQUAL(slot_io(slots[i], IO_WRITE, 0, a, SIDECAR_SLOT), 0);
	}
	run_for(&fx, 3 * SIDECAR_LINGER_NS / 1000000);
	CU_ASSERT(space() <= full / 4);
	CU_ASSERT_PTR_NOT_NULL(sc.file);
	for (unsigned i = 0; i < SLOTS; i++) {
		if (i % 10 > 1)
			continue;
		fill_pattern(a, SIDECAR_SLOT, 0, (i % 10 ? 1000 : 0) + slots[i]);
		CU_ASSERT_EQUAL(slot_io(slots[i], IO_READ, 0, b, SIDECAR_SLOT), 0);
		CHECK_BYTES(b, SIDECAR_SLOT, a, SIDECAR_SLOT);
		sidecar_put(&sc, slots[i]);
	}
	finish();
}

static void space_of_a_slot_comes_back_while_others_stay(void)
{
	space_of_a_slot_comes_back("dir", NULL);
	space_of_a_slot_comes_back(NULL, NULL);
	space_of_a_slot_comes_back("dir", "short:2+again:2");
}

/* A host's write may need the slot: it does not wait for somebody's clone to be made. */
static void space_is_given_back_beside_long_jobs(void)
{
	uint32_t slots[20];
	struct holdup clone;
	struct tio t;

	fixture_init(&fx);
	start(fx.dir, NULL);
	for (unsigned i = 0; i < COUNT(slots); i++) {
		CU_ASSERT_EQUAL(sidecar_take(&sc, &slots[i]), 0);
		CU_ASSERT_EQUAL(slot_io(slots[i], IO_WRITE, 0, a, SIDECAR_SLOT), 0);
	}
	hold_up(&fx, &clone);
	for (unsigned i = 1; i < COUNT(slots); i++)
		sidecar_put(&sc, slots[i]);
	run_for(&fx, 2 * SIDECAR_LINGER_NS / 1000000);
	CU_ASSERT_EQUAL(sidecar_take(&sc, &slots[1]), 0);
	tio_set(&t, &fx, IO_WRITE, 0, a, SIDECAR_SLOT);
	sidecar_submit(&sc, slots[1], &t.io);
	for (unsigned ms = 0; ms < 3000 && !t.done; ms++)
		run_for(&fx, 1);
	CU_ASSERT(t.done);
	let_go(&fx, &clone);
	run_until(&fx, &t.done);
	CU_ASSERT_EQUAL(t.res, 0);
	sidecar_put(&sc, slots[0]);
	sidecar_put(&sc, slots[1]);
	finish();
}

/* Given up in the middle of it. */
static void it_may_end_while_space_is_given_back(void)
{
	uint32_t slots[20];
	struct all_busy busy;

	fixture_init(&fx);
	start(fx.dir, NULL);
	for (unsigned i = 0; i < COUNT(slots); i++) {
		CU_ASSERT_EQUAL(sidecar_take(&sc, &slots[i]), 0);
		CU_ASSERT_EQUAL(slot_io(slots[i], IO_WRITE, 0, a, SIDECAR_SLOT), 0);
	}
	for (unsigned i = 1; i < COUNT(slots); i++)
		sidecar_put(&sc, slots[i]);
	wait_for_punching(&busy);
	sidecar_put(&sc, slots[0]);
	sidecar_done(&sc);
	punch_on(&busy);
	fixture_done(&fx);
}

static void a_place_that_cannot_be_used_is_an_error_of_the_transfer(void)
{
	uint32_t slot, other;
	struct tio t[2];

	fixture_init(&fx);
	start(fixture_path(&fx, "missing"), NULL);
	CU_ASSERT_EQUAL(sidecar_take(&sc, &slot), 0);
	CU_ASSERT_EQUAL(sidecar_take(&sc, &other), 0);
	/* both wait for the same attempt; the next transfer tries again */
	tio_set(&t[0], &fx, IO_WRITE, 0, a, 512);
	tio_set(&t[1], &fx, IO_WRITE, 0, a, 512);
	sidecar_submit(&sc, slot, &t[0].io);
	sidecar_submit(&sc, other, &t[1].io);
	run_until(&fx, &t[1].done);
	CU_ASSERT(t[0].res == -ENOENT && t[1].res == -ENOENT);
	CU_ASSERT_EQUAL(mkdir(fixture_path(&fx, "missing"), 0700), 0);
	CU_ASSERT_EQUAL(slot_io(slot, IO_WRITE, 0, a, 512), 0);
	sidecar_put(&sc, slot);
	sidecar_put(&sc, other);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "slots hold what was written, in a directory and in memory",
		  in_a_directory_and_in_memory },
		{ "the file has no name", the_file_has_no_name },
		{ "at the limits and one above", at_the_limit_and_one_above },
		{ "an empty one is given back, and made anew",
		  an_empty_one_is_given_back_and_made_anew },
		{ "space of a slot comes back while others stay",
		  space_of_a_slot_comes_back_while_others_stay },
		{ "space is given back beside long jobs", space_is_given_back_beside_long_jobs },
		{ "it may end while space is given back", it_may_end_while_space_is_given_back },
		{ "a place that cannot be used is an error of the transfer",
		  a_place_that_cannot_be_used_is_an_error_of_the_transfer },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/sidecar", tests);
}
