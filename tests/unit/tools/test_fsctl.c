/* SPDX-License-Identifier: Apache-2.0 */
/* Offload read and write of a file: windows-initiator.md 7 and docs/odx-map.md. */
#include "fsctl.h"

#include <string.h>

#include "fake_target.h"
#include "test.h"

#define K 1024ull

static struct disk_host host;
static struct disk d;
static char err[INITIATOR_ERR];
static struct fsctl_read_out rout;
static struct fsctl_write_out wout;

/* 12 KiB and a bit in three extents, backwards; the last is longer than the file. */
static const struct dsm_range extents[3] = { { 1024 * K, 4 * K },
					     { 512 * K, 4 * K },
					     { 0, 8 * K } };

static struct fsctl_file file(uint32_t bs)
{
	fake_target_start();
	host = (struct disk_host) { .now_ms = fake_target_ms };
	d = (struct disk) { .lun = 2, .host = &host, .has_odx = true };
	d.capacity = (struct capacity) { .blocks = (1ull << 40) / bs, .block_size = bs };
	d.odx.max_ranges = 64;
	return (struct fsctl_file) { .disk = &d,
				     .extents = extents,
				     .n = 3,
				     .size = 12 * K + 100,
				     .valid = 12 * K + 100,
				     .least = FSCTL_LEAST };
}

static enum ntstatus rd(const struct fsctl_file *f, uint64_t off, uint64_t len)
{
	const struct fsctl_read_in in = { .file_offset = off, .copy_length = len };

	return fsctl_offload_read(f, &in, &rout, err);
}

static enum ntstatus wr(struct fsctl_file *f, uint64_t off, uint64_t len, uint64_t transfer)
{
	struct fsctl_write_in in = { .file_offset = off,
				     .copy_length = len,
				     .transfer_offset = transfer };

	memset(in.token, 0x33, sizeof(in.token));
	return fsctl_offload_write(f, &in, &wout, err);
}

static void mapping(void)
{
	struct fsctl_file f = file(512);
	uint64_t at;

	CU_ASSERT_EQUAL(fsctl_map(&f, 0, &at), 4 * K);
	CU_ASSERT_EQUAL(at, 1024 * K);
	CU_ASSERT_EQUAL(fsctl_map(&f, 4 * K + 1, &at), 4 * K - 1);
	CU_ASSERT_EQUAL(at, 512 * K + 1);
	CU_ASSERT_EQUAL(fsctl_map(&f, 15 * K, &at), K);
	CU_ASSERT_EQUAL(fsctl_map(&f, 16 * K, &at), 0);
	f = fsctl_lun(&d);
	CU_ASSERT_EQUAL(f.size, 1ull << 40);
	CU_ASSERT_EQUAL(fsctl_map(&f, 7 * K, &at), (1ull << 40) - 7 * K);
	CU_ASSERT_EQUAL(at, 7 * K);
	CU_ASSERT_EQUAL(fsctl_map(&f, 1ull << 40, &at), 0);
}

static void reading(void)
{
	struct fsctl_file f = file(512);

	/* All of it: at the end of the file the length may be any, the blocks go whole. */
	CU_ASSERT_EQUAL(rd(&f, 0, 12 * K + 100), NT_SUCCESS);
	CU_ASSERT_EQUAL(rout.transfer_length, 12 * K + 100);
	CU_ASSERT_EQUAL(rout.flags, 0);
	CU_ASSERT_EQUAL(fake_target.copies[0].n, 3);
	CU_ASSERT_EQUAL(fake_target.copies[0].ranges[0].lba, 2048);
	CU_ASSERT_EQUAL(fake_target.copies[0].ranges[1].lba, 1024);
	CU_ASSERT_EQUAL(fake_target.copies[0].ranges[2].blocks, 9);
	CU_ASSERT_EQUAL(rout.token[0], 0x5a);
	/* A part, across two extents. */
	CU_ASSERT_EQUAL(rd(&f, 2 * K, 4 * K), NT_SUCCESS);
	CU_ASSERT_EQUAL(rout.transfer_length, 4 * K);
	CU_ASSERT_EQUAL(fake_target.copies[1].ranges[0].lba, 2048 + 4);
	CU_ASSERT_EQUAL(fake_target.copies[1].ranges[1].blocks, 4);
	/* More than there is ends at the end, less than asked is no failure. */
	CU_ASSERT_EQUAL(rd(&f, 12 * K, K), NT_SUCCESS);
	CU_ASSERT_EQUAL(rout.transfer_length, 100);
	fake_target.token_blocks = 3;
	CU_ASSERT_EQUAL(rd(&f, 0, 8 * K), NT_SUCCESS);
	CU_ASSERT_EQUAL(rout.transfer_length, 1536);
}

static void alignment(void)
{
	struct fsctl_file f = file(4096);

	CU_ASSERT_EQUAL(rd(&f, 512, 4 * K), NT_INVALID_PARAMETER);
	CU_ASSERT_EQUAL(rd(&f, 0, 512), NT_INVALID_PARAMETER);
	CU_ASSERT_EQUAL(wr(&f, 512, 4 * K, 0), NT_INVALID_PARAMETER);
	CU_ASSERT_EQUAL(wr(&f, 0, 512, 0), NT_INVALID_PARAMETER);
	CU_ASSERT_EQUAL(wr(&f, 0, 4 * K, 512), NT_INVALID_PARAMETER);
	CU_ASSERT_EQUAL(fake_sent, 0);
	CU_ASSERT_EQUAL(wr(&f, 12 * K, 100, 12 * K), NT_SUCCESS); /* the end of the file */
	CU_ASSERT_EQUAL(wout.length_written, 100);
	CU_ASSERT_EQUAL(fake_target.copies[0].ranges[0].blocks, 1);
	CU_ASSERT_EQUAL(fake_target.copies[0].offset, 3);
}

static void bounds(void)
{
	struct fsctl_file f = file(512);

	CU_ASSERT_EQUAL(rd(&f, 1ull << 63, 1ull << 63), NT_INVALID_PARAMETER); /* 2^64 */
	CU_ASSERT_EQUAL(wr(&f, 1ull << 63, 1ull << 63, 0), NT_INVALID_PARAMETER);
	CU_ASSERT_EQUAL(wr(&f, (1ull << 63) - 512, 512, 0), NT_INVALID_PARAMETER); /* the limit */
	CU_ASSERT_EQUAL(wr(&f, (1ull << 63) - 1024, 512, 0), NT_END_OF_FILE);	   /* below it */
	CU_ASSERT_EQUAL(rd(&f, 13 * K, 512), NT_END_OF_FILE);
	CU_ASSERT_EQUAL(wr(&f, 13 * K, 512, 0), NT_END_OF_FILE);
	d.has_odx = false;
	CU_ASSERT_EQUAL(rd(&f, 0, 512), NT_NOT_SUPPORTED);
	CU_ASSERT_EQUAL(wr(&f, 0, 512, 0), NT_NOT_SUPPORTED);
	CU_ASSERT_EQUAL(fake_sent, 0);
}

static void nothing(void)
{
	struct fsctl_file f = file(512);

	CU_ASSERT_EQUAL(wr(&f, 0, 0, 0), NT_SUCCESS);
	CU_ASSERT_EQUAL(wout.length_written, 0);
	CU_ASSERT_EQUAL(rd(&f, 0, 0), NT_SUCCESS);
	CU_ASSERT_EQUAL(rout.transfer_length, 0);
	CU_ASSERT_EQUAL(wr(&f, 100, 0, 0), NT_INVALID_PARAMETER); /* is judged all the same */
	CU_ASSERT_EQUAL(wr(&f, 1ull << 63, 0, 0), NT_INVALID_PARAMETER);
	CU_ASSERT_EQUAL(fake_sent, 0);
}

static void small_files(void)
{
	struct fsctl_file f = file(512);

	f.size = f.valid = FSCTL_LEAST - 1;
	CU_ASSERT_EQUAL(rd(&f, 0, FSCTL_LEAST - 1), NT_SUCCESS);
	CU_ASSERT_EQUAL(rout.flags, FSCTL_READ_TOO_SMALL);
	CU_ASSERT_EQUAL(rout.transfer_length, 0);
	CU_ASSERT_EQUAL(wr(&f, 0, FSCTL_LEAST - 1, 0), NT_SUCCESS);
	CU_ASSERT_EQUAL(wout.flags, FSCTL_READ_TOO_SMALL);
	CU_ASSERT_EQUAL(wout.length_written, 0);
	CU_ASSERT_EQUAL(fake_sent, 0);
	f.size = f.valid = FSCTL_LEAST;
	CU_ASSERT_EQUAL(rd(&f, 0, FSCTL_LEAST), NT_SUCCESS);
	CU_ASSERT_EQUAL(rout.flags, 0);
	CU_ASSERT_EQUAL(rout.transfer_length, FSCTL_LEAST);
}

static void valid_data(void)
{
	struct fsctl_file f = file(512);
	uint8_t zero[ROD_TOKEN_LEN];

	f.valid = 6 * K + 1;
	/* Up to it, in whole blocks, and the flag. */
	CU_ASSERT_EQUAL(rd(&f, 0, 12 * K), NT_SUCCESS);
	CU_ASSERT_EQUAL(rout.transfer_length, 6 * K + 512);
	CU_ASSERT_EQUAL(rout.flags, FSCTL_READ_ALL_ZERO_BEYOND);
	CU_ASSERT_EQUAL(rd(&f, 0, 6 * K), NT_SUCCESS);
	CU_ASSERT_EQUAL(rout.flags, 0);
	/* Behind it: the zero token, without a command. */
	fake_sent = 0;
	CU_ASSERT_EQUAL(rd(&f, 8 * K, 2 * K), NT_SUCCESS);
	rod_token_encode_zero(zero);
	CHECK_BYTES(rout.token, ROD_TOKEN_LEN, zero, ROD_TOKEN_LEN);
	CU_ASSERT_EQUAL(rout.transfer_length, 2 * K);
	CU_ASSERT_EQUAL(rout.flags, FSCTL_READ_ALL_ZERO_BEYOND);
	CU_ASSERT_EQUAL(fake_sent, 0);
	/* A write must not begin past it, and moves it on. */
	f.valid = 4 * K;
	CU_ASSERT_EQUAL(wr(&f, 8 * K, K, 0), NT_BEYOND_VDL);
	CU_ASSERT_EQUAL(fake_sent, 0);
	CU_ASSERT_EQUAL(wr(&f, 4 * K, K, 0), NT_SUCCESS);
	CU_ASSERT_EQUAL(f.valid, 5 * K);
	CU_ASSERT_EQUAL(wr(&f, 0, K, 0), NT_SUCCESS);
	CU_ASSERT_EQUAL(f.valid, 5 * K);
}

static void writing(void)
{
	struct fsctl_file f = file(512);
	uint8_t token[ROD_TOKEN_LEN];

	memset(token, 0x33, sizeof(token));
	f.valid = 0;
	CU_ASSERT_EQUAL(wr(&f, 0, 12 * K + 100, 1024), NT_SUCCESS);
	CU_ASSERT_EQUAL(wout.length_written, 12 * K + 100);
	CU_ASSERT_EQUAL(f.valid, f.size);
	CU_ASSERT_EQUAL(fake_target.copies[0].offset, 2);
	CU_ASSERT_EQUAL(fake_target.copies[0].n, 3);
	CHECK_BYTES(fake_target.copies[0].token, ROD_TOKEN_LEN, token, ROD_TOKEN_LEN);
	/* Less than asked for, as far as a second went. */
	f.valid = 0;
	fake_target.wut_blocks = 4;
	fake_target.wut_ms = 4000;
	CU_ASSERT_EQUAL(wr(&f, 0, 8 * K, 0), NT_SUCCESS);
	CU_ASSERT_EQUAL(wout.length_written, 2 * K);
	CU_ASSERT_EQUAL(f.valid, 2 * K);
	/* Nothing at all. */
	fake_target.fail_after = 1;
	fake_target.fail = sense_make(KEY_ILLEGAL_REQUEST, ASC_TOKEN_UNKNOWN);
	CU_ASSERT_EQUAL(wr(&f, 0, 8 * K, 0), NT_INVALID_TOKEN);
	CU_ASSERT_EQUAL(wout.length_written, 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "bytes of a file are found on the disk", mapping },
		{ "reading maps the file to ranges in its order", reading },
		{ "offsets and lengths lie on sectors, but at the end of the file", alignment },
		{ "offset and length below 2^64, the file limit and the end", bounds },
		{ "CopyLength 0 does nothing", nothing },
		{ "files below a page are too small", small_files },
		{ "behind the valid data there are zeros", valid_data },
		{ "writing: all, less, nothing", writing },
		TEST_END,
	};

	return test_main(argc, argv, "tools-fsctl", tests);
}
