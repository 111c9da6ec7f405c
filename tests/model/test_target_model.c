/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Point in time, through the whole device server: random commands of all kinds from several
 * sessions, beside a model of what every block may hold (model.h).
 *
 * ODX_SEED=N repeats the choices of a run; how they fall together with the kernel's answers
 * differs from run to run, though.  ODX_OPS=N says how many operations each scenario has,
 * ODX_KIND=TEXT plays only those with TEXT in their names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "world.h"

#define SEED 20261121u

/* Where every access is watched by a sanitizer a part of it must do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PART 20
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PART 20
#endif
#endif
#ifndef PART
#define PART 1
#endif

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void play_one(const struct scenario *s)
{
	uint32_t ops = (uint32_t)number_from("ODX_OPS", s->ops / PART);
	uint64_t seed = number_from("ODX_SEED", SEED);
	const char *kind = getenv("ODX_KIND");
	double start, took;

	if (kind && !strstr(s->name, kind))
		return;
	printf("  %s: ODX_SEED=%llu, %u operations\n", s->name, (unsigned long long)seed, ops);
	if (!world_open(s, seed, ops))
		return;
	start = seconds();
	play(ops);
	took = seconds() - start;
	world_tell();
	CU_ASSERT_EQUAL(model_stats.wrong, 0);
	printf("  %.1f s, %.0f operations a second\n", took, ops / took);
	if (model_stats.wrong)
		exit(1); /* commands may hang: nothing could be closed */
	world_close();
}

static void play_all(const struct scenario *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		play_one(&s[i]);
}

#define SLOW "write-delay:1+read-delay:1"

static void in_memory(void)
{
	static const struct scenario s[] = {
		{ .name = "memory",
		  .ops = 640000,
		  .lun = { { .path = "mem:a" },
			   { .path = "mem:b" },
			   { .path = "mem:4k", .block = 4096 },
			   { .path = "mem:cancel", .cancel = true },
			   { .path = "mem:full", .full = true },
			   { .path = "mem:goes", .goes = true, .stays = true } } },
		{ .name = "slow memory",
		  .ops = 60000,
		  .lun = { { .path = "mem:a", .fault = SLOW, .deadline_ms = 4 },
			   { .path = "mem:b", .fault = "read-delay:1", .sidecar_fault = SLOW },
			   { .path = "mem:4k", .block = 4096, .fault = "write-delay:1" },
			   { .path = "mem:cancel", .cancel = true, .fault = SLOW },
			   { .path = "mem:cut",
			     .fault = "short:2+again:3",
			     .sidecar_fault = "short:3" },
			   { .path = "mem:goes",
			     .fault = "write-delay:1",
			     .goes = true,
			     .stays = true } } },
	};

	play_all(s, COUNT(s));
}

static void on_files(void)
{
	static const struct scenario s[] = {
		{ .name = "ext4",
		  .fs = "ext4",
		  .ops = 120000,
		  .lun = { { .path = "a" },
			   { .path = "full", .full = true },
			   { .path = "4k", .block = 4096 },
			   { .path = "direct", .direct = true },
			   { .path = "cancel", .cancel = true },
			   { .path = "mem:a" },
			   { .path = "goes", .goes = true, .stays = true } } },
	};

	play_all(s, COUNT(s));
}

static void where_blocks_are_shared(void)
{
	static const struct scenario s[] = {
		{ .name = "XFS",
		  .fs = "xfs",
		  .ops = 80000,
		  .lun = { { .path = "a" },
			   { .path = "b" },
			   { .path = "4k", .block = 4096 },
			   { .path = "direct", .direct = true },
			   { .path = "full", .full = true },
			   { .path = "goes", .goes = true, .stays = true } } },
		{ .name = "btrfs",
		  .fs = "btrfs",
		  .ops = 50000,
		  .lun = { { .path = "a" },
			   { .path = "b" },
			   { .path = "4k", .block = 4096 },
			   { .path = "mem:a" },
			   { .path = "goes", .goes = true, .stays = true } } },
	};

	play_all(s, COUNT(s));
}

static void with_errors(void)
{
	static const struct scenario s[] = {
		{ .name = "disk and sidecar errors",
		  .errors = true,
		  .ops = 60000,
		  .lun = { { .path = "mem:a", .fault = "read-error:300K:512", .stays = true },
			   { .path = "mem:b",
			     .fault = "write-error:700K:4K+short:3",
			     .stays = true },
			   { .path = "mem:c", .sidecar_fault = "write-error:128K:64K+short:2" },
			   { .path = "mem:4k",
			     .block = 4096,
			     .sidecar_fault = "read-error:64K:1K+again:2" },
			   { .path = "mem:small", .sidecar_bytes = 256 << 10 },
			   { .path = "a", .sidecar_fault = "enospc:8M" } } },
		{ .name = "XFS with errors",
		  .fs = "xfs",
		  .errors = true,
		  .ops = 30000,
		  .lun = { { .path = "a", .fault = "clone-error:3", .sidecar_bytes = 512 << 10 },
			   { .path = "b",
			     .fault = "write-error:700K:4K+clone-error:2",
			     .sidecar_fault = "write-error:64K:64K",
			     .stays = true },
			   { .path = "c", .fault = "read-error:64K:512", .stays = true },
			   { .path = "goes", .goes = true, .stays = true } } },
	};

	play_all(s, COUNT(s));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "nothing differs in memory", in_memory },
		{ "nothing differs on files", on_files },
		{ "nothing differs where blocks are shared", where_blocks_are_shared },
		{ "with errors there are failures but no wrong data", with_errors },
		TEST_END,
	};

	log_set_level(LEVEL_ERROR);
	return test_main(argc, argv, "model", tests);
}
