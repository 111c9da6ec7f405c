/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of an LU as configured: what Windows is told, what it makes of it
 * (windows-initiator.md 8), what is refused at start.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "windows.h"

/* ---- the commands of a copy ---- */

/* Section 8's table: 1 GiB, contiguous. */
static const struct {
	const char *options;
	unsigned pts, wuts;
} rows[] = {
	{ ",odx.optimal=0,odx.max-token=0", 1, 16 },
	{ ",odx.optimal=64M,odx.max-token=64M", 16, 16 },
	{ ",odx.optimal=256M", 4, 4 },
	{ ",odx.optimal=1G,odx.max-token=0", 1, 4 },
	{ ",odx.optimal=0,odx.max-token=128M", 8, 16 },
	/* Not in the table: a target that cuts every token, and Windows' defaults. */
	{ ",odx.optimal=0,odx.max-token=0,odx.token-covers=256M", 4, 16 },
	{ "", 4, 4 },
};

/* A LUN of 1 GiB with a little data here and there. */
static const char *scattered(const char *name)
{
	const char *path = make_file(name, GIB);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	uint8_t buf[64 * KIB];

	for (uint64_t off = 0; off < GIB; off += 37 * MIB) {
		pattern_fill(buf, off, sizeof(buf), 1);
		CU_ASSERT_EQUAL(pwrite(fd, buf, sizeof(buf), (off_t)off), (ssize_t)sizeof(buf));
	}
	close(fd);
	return path;
}

static void check_commands(const char *options, uint32_t bs, unsigned pts, unsigned wuts)
{
	const char *src = scattered("src"), *dst = make_file("dst", GIB);
	char spec[2][512], err[INITIATOR_ERR] = "";
	struct engine e;
	struct odxd *o;
	struct win w;

	for (unsigned i = 0; i < 2; i++)
		snprintf(spec[i], sizeof(spec[i]), "%s,block-size=%u%s", i ? dst : src, bs,
			 options);
	o = ODXD("--lun", spec[0], "--lun", spec[1]);
	win_open(&w, o, 0, NULL);
	e = (struct engine) { .src = fsctl_lun(&w.disk[0]), .dst = fsctl_lun(&w.disk[1]) };
	CU_ASSERT_EQUAL(engine_copy(&e, err), 0);
	CU_ASSERT_EQUAL(e.offloaded, GIB);
	CU_ASSERT_EQUAL(win_sent(&w, CMD_POPULATE_TOKEN), pts);
	CU_ASSERT_EQUAL(win_sent(&w, CMD_RECEIVE_ROD_TOKEN_INFORMATION), pts);
	CU_ASSERT_EQUAL(win_sent(&w, CMD_WRITE_USING_TOKEN), wuts);
	win_close(&w);
	odxd_stop(o);
	for (uint64_t off = 0; off < GIB; off += 37 * MIB) {
		uint64_t end = off + 37 * MIB < GIB ? off + 37 * MIB : GIB;

		CU_ASSERT(file_is(dst, off, 64 * KIB, off, 1));
		CU_ASSERT(file_is_zero(dst, off + 64 * KIB, end - off - 64 * KIB));
	}
}

static void commands_of(uint32_t bs)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		printf("  (\"%s\")\n", rows[i].options);
		check_commands(rows[i].options, bs, rows[i].pts, rows[i].wuts);
	}
}

static void commands_512(void)
{
	commands_of(512);
}

static void commands_4096(void)
{
	commands_of(4096);
}

/* ---- no limit told ---- */

static void own_bound(void)
{
	const uint64_t most = 1ull << 31; /* blocks; LU_TPC_MAX_BLOCKS */
	const char *path = tmp_path("huge.img");
	struct tpc_range at[] = { { 1, 1u << 30 }, { 1ull + (1u << 30), 1u << 30 } };
	struct tpc_range above[] = { at[0], { at[1].lba, (1u << 30) + 1 } };
	struct initiator *in;
	struct odxd *o;
	char spec[512];
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	bool fits = fd >= 0 && ftruncate(fd, (off_t)(most * 512 + MIB)) == 0;
	uint8_t zero[ROD_TOKEN_LEN];
	struct answer a;
	struct rrti q;

	if (fd >= 0)
		close(fd);
	if (!fits) {
		test_skip("the file system has no files of 1 TiB");
		return;
	}
	snprintf(spec, sizeof(spec), "%s,odx.optimal=0,odx.max-token=0,odx.deadline=50s", path);
	o = ODXD("--lun", spec);
	in = login_clear(o, 1);
	CHECK_GOOD(pt(in, 0, 1, at, 2));
	CU_ASSERT(result_is(in, 0, 1, TPC_DONE, most));
	CHECK_GOOD(pt(in, 0, 2, above, 2));
	rrti(in, 0, 2, RRTI_ALL, &q);
	CHECK_GOOD(q.answer);
	CU_ASSERT_EQUAL(q.r.status, TPC_PARTIAL);
	CU_ASSERT_EQUAL(q.r.count, most);
	CU_ASSERT_PTR_NOT_NULL(q.r.token);
	/* Zeros over holes: nothing is written. */
	rod_token_encode_zero(zero);
	a = wut(in, 0, 3, zero, 0, above, 2);
	CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(answer_info("WUT", a, most));
	CU_ASSERT(result_is(in, 0, 3, TPC_PARTIAL, most));
	CHECK_GOOD(wut(in, 0, 4, zero, 0, at, 2));
	initiator_close(in);
	odxd_stop(o);
	unlink(path);
}

/* ---- refused at start ---- */

static void contradictions(void)
{
	static const struct {
		const char *options, *says;
	} bad[] = {
		{ "odx.optimal=2G,odx.max-token=1G", "optimal is above max-token" },
		{ "odx.token-covers=2G,odx.max-token=1G", "token-covers is above max-token" },
		{ "odx.token-covers=64M", "optimal is above token-covers" },
		{ "odx.max-token=1025", "max-token must be 0 or a multiple of the block size" },
		{ "odx.optimal=513", "optimal must be 0 or a multiple of the block size" },
		{ "odx.token-covers=100", "token-covers must be 0 or a multiple" },
		{ "odx.max-token=1048577M", "max-token is above 1024 GiB" },
		{ "block-size=4096,odx.optimal=512", "multiple of the block size, 4096" },
		{ "odx.default-timeout=601s", "default-timeout is above max-timeout" },
		{ "odx.max-timeout=59s", "default-timeout is above max-timeout" },
		{ "odx.max-ranges=0", "must be 1 to 1024" },
		{ "odx.max-ranges=1025", "must be 1 to 1024" },
		{ "odx.deadline=0s", "deadline" },
		{ "odx.default-timeout=0s", "must be 1s to" },
		{ "odx.results=0", "must be 1 to" },
		{ "odx.background=0", "must be 1 to" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char spec[256];
		struct run r;

		snprintf(spec, sizeof(spec), "mem:x,size=4M,%s", bad[i].options);
		r = RUN(program("ODXD"), "--portal", "127.0.0.1:0", "--lun", spec);
		if (r.status == 0 || r.err_lines != 1 || !strstr(r.err, bad[i].says)) {
			printf("%s: status %d: %s", bad[i].options, r.status, r.err);
			CU_FAIL("not refused with the reason");
		}
		run_done(&r);
	}
}

static void at_their_ends(void)
{
	static const char *const good[] = {
		"odx.optimal=1G,odx.max-token=1G,odx.token-covers=1G",
		"odx.max-token=1048576M",
		"odx.default-timeout=600s,odx.max-timeout=600s",
		"odx.default-timeout=1s,odx.max-timeout=1s",
		"odx.max-ranges=1,odx.results=1,odx.background=1",
		"odx.max-ranges=1024",
		"odx.optimal=512,odx.max-token=512",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char spec[256];
		struct odxd *o;

		snprintf(spec, sizeof(spec), "mem:x,size=4M,%s", good[i]);
		o = ODXD("--lun", spec);
		odxd_stop(o);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "8: with each row's limits 1 GiB takes the table's commands", commands_512 },
		{ "8: and with blocks of 4096 bytes", commands_4096 },
		{ "no MTTS: a command does 2^31 blocks, and not one more", own_bound },
		{ "limits that contradict each other are refused with the reason", contradictions },
		{ "limits at their ends are taken", at_their_ends },
		TEST_END
	};

	return test_main(argc, argv, "e2e-windows-limits", tests);
}
