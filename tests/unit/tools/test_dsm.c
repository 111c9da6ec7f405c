/* SPDX-License-Identifier: Apache-2.0 */
/* Offload read and write over ranges: windows-initiator.md 2.1, 2.4, 4.1, 4.6, 4.7. */
#include "dsm.h"

#include <string.h>

#include "fake_target.h"
#include "test.h"

static struct disk_host host;
static struct disk d;
static char err[INITIATOR_ERR];

static void start(uint64_t mtts, uint64_t otc, uint16_t ranges)
{
	fake_target_start();
	host = (struct disk_host) { .now_ms = fake_target_ms };
	d = (struct disk) { .lun = 1, .host = &host, .has_odx = true };
	d.capacity = (struct capacity) { .blocks = 1ull << 34, .block_size = 512 };
	d.odx = (struct vpd_8f) { .max_ranges = ranges,
				  .max_timeout = 600,
				  .max_token_blocks = mtts,
				  .optimal_blocks = otc };
}

static const struct dsm_read_in no_ttl;
static struct dsm_read_out out;
static struct dsm_write_out wout;

static void read_gates(void)
{
	static const struct {
		struct dsm_range v;
		enum ntstatus nt;
	} rows[] = {
		{ { 0, 0 }, NT_INVALID_PARAMETER },
		{ { 1, 512 }, NT_INVALID_PARAMETER },
		{ { 512, 513 }, NT_INVALID_PARAMETER },
		{ { (1ull << 43) - 512, 512 }, NT_SUCCESS },
		{ { (1ull << 43) - 512, 1024 }, NT_NONEXISTENT_SECTOR },
		{ { UINT64_MAX - 511, 1024 }, NT_NONEXISTENT_SECTOR },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(0, 0, 64);
		CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, &rows[i].v, 1, &out, err),
				rows[i].nt);
		CU_ASSERT_EQUAL(fake_sent, rows[i].nt == NT_SUCCESS ? 2 : 0);
		CU_ASSERT_EQUAL(err[0] != '\0', rows[i].nt != NT_SUCCESS);
	}
	start(0, 0, 64);
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, NULL, 0, &out, err), NT_INVALID_PARAMETER);
	d.has_odx = false;
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, &rows[3].v, 1, &out, err),
			NT_DEVICE_FEATURE_NOT_SUPPORTED);
	CU_ASSERT_EQUAL(fake_sent, 0);
}

static void time_to_live(void)
{
	const struct dsm_range v = { 0, 1 << 20 };
	struct dsm_read_in in = { .time_to_live = 600 };

	/* With one, OTC does not count. */
	start(1500, 1000, 64);
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &in, &v, 1, &out, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(fake_target.copies[0].timeout, 600);
	CU_ASSERT_EQUAL(fake_target.copies[0].blocks, 1500);
	in.time_to_live = 601;
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &in, &v, 1, &out, err), NT_INVALID_PARAMETER);
	CU_ASSERT_EQUAL(fake_target.pts, 1);
	d.odx.max_timeout = 0; /* no check */
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &in, &v, 1, &out, err), NT_SUCCESS);
}

static void descriptors(void)
{
	/* In the given order, nothing merged, though 2 and 3 lie together. */
	const struct dsm_range v[4] = {
		{ 1 << 20, 4096 }, { 8192, 512 }, { 0, 1024 }, { 1024, 512 }
	};
	const struct dsm_range huge = { 512, (UINT32_MAX + 3ull) * 512 };

	start(0, 0, 64);
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, v, 4, &out, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(fake_target.copies[0].n, 4);
	CU_ASSERT_EQUAL(fake_target.copies[0].ranges[0].lba, 2048);
	CU_ASSERT_EQUAL(fake_target.copies[0].ranges[1].lba, 16);
	CU_ASSERT_EQUAL(fake_target.copies[0].ranges[3].lba, 2);
	CU_ASSERT_EQUAL(out.length_protected, 4096 + 512 + 1024 + 512);
	CU_ASSERT_EQUAL(out.flags, 0);
	/* A range too long for a descriptor is two. */
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, &huge, 1, &out, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(fake_target.copies[1].n, 2);
	CU_ASSERT_EQUAL(fake_target.copies[1].ranges[0].blocks, UINT32_MAX);
	CU_ASSERT_EQUAL(fake_target.copies[1].ranges[1].lba, 1ull + UINT32_MAX);
	CU_ASSERT_EQUAL(fake_target.copies[1].ranges[1].blocks, 3);
	CU_ASSERT_EQUAL(out.length_protected, huge.len);
}

static void one_pt(void)
{
	struct dsm_range v[65];

	for (unsigned i = 0; i < 65; i++)
		v[i] = (struct dsm_range) { .off = (65 - i) * 4096, .len = 512 };
	/* 65 ranges: 64 go, the rest is a truncation and no second command. */
	start(0, 0, 1024);
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, v, 65, &out, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(fake_target.copies[0].n, 64);
	CU_ASSERT_EQUAL(out.flags, DSM_READ_TRUNCATED);
	CU_ASSERT_EQUAL(out.length_protected, 64 * 512);
	CU_ASSERT_EQUAL(fake_sent, 2);
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, v, 64, &out, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(out.flags, 0);
	/* Fewer, if the target says so; and OTC, that ends inside a range. */
	start(0, 0, 3);
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, v, 65, &out, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(fake_target.copies[0].n, 3);
	v[1].len = 10 * 512;
	start(0, 5, 64);
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, v, 65, &out, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(fake_target.copies[0].n, 2);
	CU_ASSERT_EQUAL(fake_target.copies[0].ranges[1].blocks, 4);
	/* The target's own truncation. */
	start(0, 0, 64);
	fake_target.token_blocks = 7;
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, v, 64, &out, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(out.length_protected, 7 * 512);
	CU_ASSERT_EQUAL(out.flags, DSM_READ_TRUNCATED);
}

static void read_failures(void)
{
	const struct dsm_range v = { 0, 4096 };

	start(0, 0, 64);
	fake_target.pt_fail = sense_make(KEY_ILLEGAL_REQUEST, ASC_INSUFFICIENT_RESOURCES_TOKEN);
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, &v, 1, &out, err), NT_INVALID_DEVICE_REQUEST);
	CU_ASSERT_EQUAL(fake_target.rrtis, 0); /* none after such an end */
	CU_ASSERT_EQUAL(out.length_protected, 0);
	fake_target.pt_fail = sense_make(KEY_UNIT_ATTENTION, ASC_POWER_ON);
	CU_ASSERT_EQUAL(dsm_offload_read(&d, &no_ttl, &v, 1, &out, err), NT_IO_DEVICE_ERROR);
	CU_ASSERT_EQUAL(fake_target.pts, 3); /* one retry */
	CU_ASSERT_EQUAL(fake_target.copies[1].list_id, fake_target.copies[2].list_id);
	/* A recovered error is a success. */
	fake_target.pt_fail = sense_make(KEY_RECOVERED_ERROR, 0x1700);
	fake_target.last.count = 8;
	dsm_offload_read(&d, &no_ttl, &v, 1, &out, err);
	CU_ASSERT_EQUAL(fake_target.rrtis, 1);
}

static struct dsm_write_in write_in(uint64_t offset)
{
	struct dsm_write_in in = { .token_offset = offset };

	memset(in.token, 0x77, sizeof(in.token));
	return in;
}

static void chain(void)
{
	/* WUTs of 100 blocks over ranges of 60, 70 and 120. */
	const struct dsm_range v[3] = { { 0, 60 * 512 },
					{ 1 << 20, 70 * 512 },
					{ 65536, 120 * 512 } };
	struct dsm_write_in in = write_in(10 * 512);

	start(0, 100, 64);
	CU_ASSERT_EQUAL(dsm_offload_write(&d, &in, v, 3, &wout, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(wout.length_copied, 250 * 512);
	CU_ASSERT_EQUAL(wout.flags, 0);
	CU_ASSERT_STRING_EQUAL(err, "");
	CU_ASSERT_EQUAL(fake_target.wuts, 3);
	CU_ASSERT_EQUAL(fake_target.rrtis, 0);
	CU_ASSERT_EQUAL(fake_target.copies[0].offset, 10);
	CU_ASSERT_EQUAL(fake_target.copies[0].n, 2);
	CU_ASSERT_EQUAL(fake_target.copies[0].ranges[1].blocks, 40);
	CU_ASSERT_EQUAL(fake_target.copies[1].offset, 110);
	CU_ASSERT_EQUAL(fake_target.copies[1].ranges[0].lba, 2048 + 40);
	CU_ASSERT_EQUAL(fake_target.copies[1].ranges[0].blocks, 30);
	CU_ASSERT_EQUAL(fake_target.copies[2].offset, 210);
	CU_ASSERT_EQUAL(fake_target.copies[2].ranges[0].lba, 128 + 70);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(fake_target.copies[i].list_id, i);
		CHECK_BYTES(fake_target.copies[i].token, ROD_TOKEN_LEN, in.token, ROD_TOKEN_LEN);
	}
}

static void partial(void)
{
	const struct dsm_range v = { 0, 100 * 512 };
	struct dsm_write_in in = write_in(0);

	/* Counts in INFORMATION, then in RRTI. */
	for (unsigned silent = 0; silent < 2; silent++) {
		start(0, 0, 64);
		fake_target.wut_blocks = 30;
		fake_target.silent = silent;
		CU_ASSERT_EQUAL(dsm_offload_write(&d, &in, &v, 1, &wout, err), NT_SUCCESS);
		CU_ASSERT_EQUAL(wout.length_copied, 100 * 512);
		CU_ASSERT_EQUAL(fake_target.wuts, 4);
		CU_ASSERT_EQUAL(fake_target.rrtis, silent ? 3 : 0);
		CU_ASSERT_EQUAL(fake_target.copies[3].offset, 90);
		CU_ASSERT_EQUAL(fake_target.copies[3].ranges[0].lba, 90);
		CU_ASSERT_EQUAL(fake_target.copies[3].ranges[0].blocks, 10);
	}
}

static void four_seconds(void)
{
	const struct dsm_range v = { 0, 100 * 512 };
	struct dsm_write_in in = write_in(0);

	start(0, 10, 64);
	fake_target.wut_ms = 1000;
	CU_ASSERT_EQUAL(dsm_offload_write(&d, &in, &v, 1, &wout, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(fake_target.wuts, 4);
	CU_ASSERT_EQUAL(wout.length_copied, 40 * 512);
	CU_ASSERT_EQUAL(wout.flags, DSM_WRITE_TRUNCATED);
	start(0, 10, 64);
	fake_target.wut_ms = 999;
	dsm_offload_write(&d, &in, &v, 1, &wout, err);
	CU_ASSERT_EQUAL(fake_target.wuts, 5);
	/* A slow one is not cut short, nor is there a second one. */
	start(0, 10, 64);
	fake_target.wut_ms = 30000;
	dsm_offload_write(&d, &in, &v, 1, &wout, err);
	CU_ASSERT_EQUAL(fake_target.wuts, 1);
	CU_ASSERT_EQUAL(wout.length_copied, 10 * 512);
	/* The machine's own time: it can only be raised. */
	start(0, 10, 64);
	host.max_seconds = 6;
	fake_target.wut_ms = 1000;
	dsm_offload_write(&d, &in, &v, 1, &wout, err);
	CU_ASSERT_EQUAL(fake_target.wuts, 6);
	start(0, 10, 64);
	host.max_seconds = 1;
	fake_target.wut_ms = 1000;
	dsm_offload_write(&d, &in, &v, 1, &wout, err);
	CU_ASSERT_EQUAL(fake_target.wuts, 4);
}

static void write_failures(void)
{
	const struct dsm_range v = { 0, 100 * 512 };
	struct dsm_write_in in = write_in(0);

	/* Nothing written: the reason. */
	start(0, 10, 64);
	fake_target.wuts = fake_target.fail_after = 1;
	fake_target.fail = sense_make(KEY_ILLEGAL_REQUEST, ASC_TOKEN_EXPIRED);
	CU_ASSERT_EQUAL(dsm_offload_write(&d, &in, &v, 1, &wout, err), NT_INVALID_TOKEN);
	CU_ASSERT_EQUAL(wout.flags, DSM_TOKEN_INVALID);
	CU_ASSERT_EQUAL(fake_target.rrtis, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "5/23/07"));
	/* Something written: success, and the flags say the rest. */
	start(0, 10, 64);
	fake_target.fail_after = 3;
	fake_target.fail = sense_make(KEY_ILLEGAL_REQUEST, ASC_TOKEN_CANCELLED);
	CU_ASSERT_EQUAL(dsm_offload_write(&d, &in, &v, 1, &wout, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(wout.flags, DSM_TOKEN_INVALID | DSM_WRITE_TRUNCATED);
	CU_ASSERT_EQUAL(wout.length_copied, 30 * 512);
	/* Retried twice, then asked for with RRTI. */
	start(0, 10, 64);
	fake_target.wuts = fake_target.fail_after = 1;
	fake_target.fail = sense_make(KEY_ABORTED_COMMAND, 0x4700);
	CU_ASSERT_EQUAL(dsm_offload_write(&d, &in, &v, 1, &wout, err), NT_IO_DEVICE_ERROR);
	CU_ASSERT_EQUAL(fake_target.wuts, 4);
	CU_ASSERT_EQUAL(fake_target.rrtis, 1);
	CU_ASSERT_EQUAL(fake_target.copies[2].list_id, 0);
	/* An offset inside a block. */
	start(0, 10, 64);
	in.token_offset = 511;
	CU_ASSERT_EQUAL(dsm_offload_write(&d, &in, &v, 1, &wout, err), NT_INVALID_PARAMETER);
	CU_ASSERT_EQUAL(fake_sent, 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "gates: alignment, empty ranges, the end of the LUN, no ODX", read_gates },
		{ "time to live: passed on, above the maximum refused", time_to_live },
		{ "descriptors in order, unmerged, split at FFFFFFFFh", descriptors },
		{ "one read is one PT, the rest a truncation", one_pt },
		{ "reads that fail, and their retries", read_failures },
		{ "a write is a chain of WUTs", chain },
		{ "partial counts are followed up", partial },
		{ "no new WUT after four seconds", four_seconds },
		{ "writes that fail: nothing, something, token dead", write_failures },
		TEST_END,
	};

	return test_main(argc, argv, "tools-dsm", tests);
}
