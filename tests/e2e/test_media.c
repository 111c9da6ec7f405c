/* SPDX-License-Identifier: Apache-2.0 */
/* READ, WRITE, VERIFY and what keeps data: over iSCSI, against a real odxd. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define SIZE   (16 * MIB)
#define BLOCKS (SIZE / 512)

static void read_write_all_lengths(void)
{
	static const struct {
		enum scsi_cmd rd, wr;
	} ops[] = {
		{ CMD_READ_6, CMD_WRITE_6 },
		{ CMD_READ_10, CMD_WRITE_10 },
		{ CMD_READ_12, CMD_WRITE_12 },
		{ CMD_READ_16, CMD_WRITE_16 },
	};
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[8 * 512];

	for (unsigned i = 0; i < 4; i++) {
		uint64_t lba = 1000 + 100 * i;

		memset(buf, 0, sizeof(buf));
		CHECK_GOOD(media(b.in, 0, ops[i].rd, lba, 8, buf, sizeof(buf)));
		CU_ASSERT(pattern_is("before", buf, lba * 512, sizeof(buf), 1));
		pattern_fill(buf, 0, sizeof(buf), 50 + i);
		CHECK_GOOD(media(b.in, 0, ops[i].wr, lba, 8, buf, sizeof(buf)));
		memset(buf, 0, sizeof(buf));
		CHECK_GOOD(media(b.in, 0, ops[i].rd, lba, 8, buf, sizeof(buf)));
		CU_ASSERT(pattern_is("after", buf, 0, sizeof(buf), 50 + i));
		/* Its neighbours are as they were, in the file too. */
		CU_ASSERT(file_is(b.src, (lba - 8) * 512, 8 * 512, (lba - 8) * 512, 1));
		CU_ASSERT(file_is(b.src, lba * 512, sizeof(buf), 0, 50 + i));
		CU_ASSERT(file_is(b.src, (lba + 8) * 512, 8 * 512, (lba + 8) * 512, 1));
	}
	bench_done(&b);
}

static void transfer_length_zero(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	static uint8_t buf[256 * 512];

	CHECK_GOOD(media(b.in, 0, CMD_READ_10, 0, 0, NULL, 0));
	CHECK_GOOD(media(b.in, 0, CMD_WRITE_16, 0, 0, NULL, 0));
	/* In READ(6) it means 256 (SBC-4). */
	CHECK_GOOD(media(b.in, 0, CMD_READ_6, 0, 256, buf, sizeof(buf)));
	CU_ASSERT(pattern_is("READ(6)", buf, 0, sizeof(buf), 1));
	/* Past the end also without data. */
	CHECK_ILLEGAL(media(b.in, 0, CMD_READ_16, BLOCKS + 1, 0, NULL, 0), ASC_LBA_OUT_OF_RANGE);
	bench_done(&b);
}

static void flags_dpo_fua(void)
{
	static const enum scsi_cmd rd[] = { CMD_READ_10, CMD_READ_12, CMD_READ_16 };
	static const enum scsi_cmd wr[] = { CMD_WRITE_10, CMD_WRITE_12, CMD_WRITE_16 };
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[512];

	for (unsigned i = 0; i < 3; i++) {
		struct scsi_cdb c = { .op = &scsi_ops[wr[i]], .lba = 7, .blocks = 1 };

		c.dpo = c.fua = true;
		pattern_fill(buf, 0, sizeof(buf), 60 + i);
		CHECK_GOOD(command(b.in, 0, &c, buf, sizeof(buf)));
		c.op = &scsi_ops[rd[i]];
		memset(buf, 0, sizeof(buf));
		CHECK_GOOD(command(b.in, 0, &c, buf, sizeof(buf)));
		CU_ASSERT(pattern_is("FUA", buf, 0, sizeof(buf), 60 + i));
	}
	bench_done(&b);
}

static void large_transfers(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t *buf = malloc(SIZE);

	/* The whole LUN in one command, both ways (decisions.md 11). */
	CHECK_GOOD(media(b.in, 0, CMD_READ_16, 0, BLOCKS, buf, SIZE));
	CU_ASSERT(pattern_is("16 MiB", buf, 0, SIZE, 1));
	pattern_fill(buf, 0, SIZE, 2);
	CHECK_GOOD(media(b.in, 0, CMD_WRITE_16, 0, BLOCKS, buf, SIZE));
	CU_ASSERT(file_is(b.src, 0, SIZE, 0, 2));
	free(buf);
	bench_done(&b);
}

static void out_of_range(void)
{
	static const enum scsi_cmd ops[] = { CMD_READ_10,   CMD_WRITE_10, CMD_READ_12, CMD_WRITE_12,
					     CMD_READ_16,   CMD_WRITE_16, CMD_READ_6,  CMD_WRITE_6,
					     CMD_VERIFY_10, CMD_VERIFY_16 };
	struct bench b = bench_start(SIZE, "", NULL);
	uint64_t sum = file_sum(b.src);
	uint8_t buf[2 * 512] = { 0 };

	for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		bool data = scsi_ops[ops[i]].len == LEN_BLOCKS;
		struct answer a = media(b.in, 0, ops[i], BLOCKS - 1, 2, data ? buf : NULL,
					data ? sizeof(buf) : 0);

		CHECK_ILLEGAL(a, ASC_LBA_OUT_OF_RANGE);
	}
	CHECK_ILLEGAL(media(b.in, 0, CMD_READ_16, UINT64_MAX, 2, buf, sizeof(buf)),
		      ASC_LBA_OUT_OF_RANGE);
	CHECK_ILLEGAL(media(b.in, 0, CMD_WRITE_16, UINT64_MAX - 1, 2, buf, sizeof(buf)),
		      ASC_LBA_OUT_OF_RANGE);
	CU_ASSERT_EQUAL(file_sum(b.src), sum);
	CHECK_GOOD(media(b.in, 0, CMD_READ_16, BLOCKS - 2, 2, buf, sizeof(buf)));
	bench_done(&b);
}

static void residuals(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[4096];
	struct scsi_cdb c = { .op = &scsi_ops[CMD_READ_10], .lba = 0, .blocks = 2 };
	struct answer a;

	/* Room for 8 blocks, 2 asked for: underflow of 6. */
	memset(buf, 0xee, sizeof(buf));
	a = command(b.in, 0, &c, buf, sizeof(buf));
	CHECK_GOOD(a);
	CU_ASSERT_EQUAL(a.residual, 6 * 512);
	CU_ASSERT(pattern_is("2 blocks", buf, 0, 1024, 1));
	/* Room for 1: overflow of 1. */
	a = command(b.in, 0, &c, buf, 512);
	CHECK_GOOD(a);
	CU_ASSERT_EQUAL(a.residual, -512);
	bench_done(&b);
}

static void verify_commands(void)
{
	static const enum scsi_cmd ops[] = { CMD_VERIFY_10, CMD_VERIFY_16 };
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[8 * 512];

	for (unsigned i = 0; i < 2; i++) {
		struct scsi_cdb c = { .op = &scsi_ops[ops[i]], .lba = 16, .blocks = 8 };

		CHECK_GOOD(command(b.in, 0, &c, NULL, 0));
		c.bytchk = 1;
		pattern_fill(buf, 16 * 512, sizeof(buf), 1);
		CHECK_GOOD(command(b.in, 0, &c, buf, sizeof(buf)));
		buf[5 * 512 + 17] ^= 1;
		CHECK_SENSE(command(b.in, 0, &c, buf, sizeof(buf)), KEY_MISCOMPARE,
			    ASC_MISCOMPARE_DURING_VERIFY);
		/* 11b: one block against all. */
		c.bytchk = 3;
		pattern_fill(buf, 16 * 512, 512, 1);
		CHECK_SENSE(command(b.in, 0, &c, buf, 512), KEY_MISCOMPARE,
			    ASC_MISCOMPARE_DURING_VERIFY);
		c.blocks = 1;
		CHECK_GOOD(command(b.in, 0, &c, buf, 512));
		c.bytchk = 2; /* reserved */
		CHECK_ILLEGAL(command(b.in, 0, &c, NULL, 0), ASC_INVALID_FIELD_IN_CDB);
	}
	bench_done(&b);
}

static void synchronize_cache(void)
{
	static const enum scsi_cmd ops[] = { CMD_SYNCHRONIZE_CACHE_10, CMD_SYNCHRONIZE_CACHE_16 };
	struct bench b = bench_start(SIZE, "", NULL);

	for (unsigned i = 0; i < 2; i++) {
		struct scsi_cdb c = { .op = &scsi_ops[ops[i]] };

		CHECK_GOOD(command(b.in, 0, &c, NULL, 0));
		c.lba = 5;
		c.blocks = 10;
		c.immed = true;
		CHECK_GOOD(command(b.in, 0, &c, NULL, 0));
		c.lba = BLOCKS - 1;
		CHECK_ILLEGAL(command(b.in, 0, &c, NULL, 0), ASC_LBA_OUT_OF_RANGE);
	}
	bench_done(&b);
}

static void start_stop(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	struct scsi_cdb c = { .op = &scsi_ops[CMD_START_STOP_UNIT] };
	uint8_t buf[512];

	CHECK_GOOD(command(b.in, 0, &c, NULL, 0));
	CHECK_SENSE(tur(b.in, 0), KEY_NOT_READY, ASC_NOT_READY_INITIALIZING_REQUIRED);
	CHECK_SENSE(media(b.in, 0, CMD_READ_10, 0, 1, buf, 512), KEY_NOT_READY,
		    ASC_NOT_READY_INITIALIZING_REQUIRED);
	c.start = true;
	CHECK_GOOD(command(b.in, 0, &c, NULL, 0));
	CHECK_GOOD(tur(b.in, 0));
	CHECK_GOOD(media(b.in, 0, CMD_READ_10, 0, 1, buf, 512));
	bench_done(&b);
}

static void read_only_lun(void)
{
	struct bench b = bench_start(SIZE, ",read-only", NULL);
	uint64_t sum = file_sum(b.src);
	uint8_t buf[192], block[512] = { 0 };
	struct scsi_cdb modes = { .op = &scsi_ops[CMD_MODE_SENSE_6],
				  .page = 0x0a,
				  .len = sizeof(buf) };
	struct tpc_range r = RANGE(0, 8);
	uint8_t token[ROD_TOKEN_LEN];

	CHECK_GOOD(command(b.in, 0, &modes, buf, sizeof(buf)));
	CU_ASSERT(buf[2] & 0x80);
	CHECK_SENSE(media(b.in, 0, CMD_WRITE_16, 0, 1, block, 512), KEY_DATA_PROTECT,
		    ASC_WRITE_PROTECTED);
	CHECK_GOOD(media(b.in, 0, CMD_READ_16, 0, 1, block, 512));
	CU_ASSERT(pattern_is("read-only", block, 0, 512, 1));
	/* As a source it is as good as any; as a destination not. */
	CU_ASSERT(take_token(b.in, 0, 1, &r, 1, token));
	CHECK_SENSE(wut(b.in, 0, 2, token, 0, &r, 1), KEY_DATA_PROTECT, ASC_WRITE_PROTECTED);
	bench_done(&b);
	CU_ASSERT_EQUAL(file_sum(b.src), sum);
}

static void blocks_of_4096(void)
{
	struct bench b = bench_start(SIZE, ",block-size=4096", NULL);
	uint8_t buf[2 * 4096];

	CHECK_GOOD(media(b.in, 0, CMD_READ_16, 3, 2, buf, sizeof(buf)));
	CU_ASSERT(pattern_is("4096", buf, 3 * 4096, sizeof(buf), 1));
	pattern_fill(buf, 0, sizeof(buf), 9);
	CHECK_GOOD(media(b.in, 0, CMD_WRITE_10, 100, 2, buf, sizeof(buf)));
	CU_ASSERT(file_is(b.src, 100 * 4096, sizeof(buf), 0, 9));
	CU_ASSERT(file_is(b.src, 99 * 4096, 4096, 99 * 4096, 1));
	CU_ASSERT(file_is(b.src, 102 * 4096, 4096, 102 * 4096, 1));
	CHECK_ILLEGAL(media(b.in, 0, CMD_READ_16, SIZE / 4096, 1, buf, 4096), ASC_LBA_OUT_OF_RANGE);
	bench_done(&b);
}

static void direct_io(void)
{
	struct bench b = bench_start(SIZE, ",direct", NULL);
	uint8_t buf[3 * 512];

	/* One sector in the middle of a page, and a run across pages. */
	CHECK_GOOD(media(b.in, 0, CMD_READ_16, 13, 3, buf, sizeof(buf)));
	CU_ASSERT(pattern_is("direct", buf, 13 * 512, sizeof(buf), 1));
	pattern_fill(buf, 0, sizeof(buf), 9);
	CHECK_GOOD(media(b.in, 0, CMD_WRITE_16, 13, 3, buf, sizeof(buf)));
	CU_ASSERT(lun_is(b.in, 0, 512, 12 * 512, 512, 12 * 512, 1));
	CU_ASSERT(lun_is(b.in, 0, 512, 13 * 512, sizeof(buf), 0, 9));
	CU_ASSERT(lun_is(b.in, 0, 512, 16 * 512, MIB, 16 * 512, 1));
	bench_done(&b);
}

static void storage_errors(void)
{
	struct bench b = bench_start(SIZE, ",fault=read-error:1M:4K+write-error:2M:4K", NULL);
	uint8_t buf[8 * 512];
	struct answer a = media(b.in, 0, CMD_READ_16, MIB / 512, 8, buf, sizeof(buf));

	CHECK_SENSE(a, KEY_MEDIUM_ERROR, ASC_UNRECOVERED_READ_ERROR);
	CHECK_SENSE(media(b.in, 0, CMD_WRITE_16, 2 * MIB / 512, 8, buf, sizeof(buf)),
		    KEY_MEDIUM_ERROR, ASC_WRITE_ERROR);
	CHECK_GOOD(media(b.in, 0, CMD_READ_16, 0, 8, buf, sizeof(buf)));
	bench_done(&b);
}

static void short_and_again(void)
{
	struct bench b = bench_start(SIZE, ",fault=short:2+again:3", NULL);
	uint8_t *buf = malloc(SIZE);

	CHECK_GOOD(media(b.in, 0, CMD_READ_16, 0, BLOCKS, buf, SIZE));
	CU_ASSERT(pattern_is("short reads", buf, 0, SIZE, 1));
	pattern_fill(buf, 0, SIZE, 4);
	CHECK_GOOD(media(b.in, 0, CMD_WRITE_16, 0, BLOCKS, buf, SIZE));
	free(buf);
	bench_done(&b);
	CU_ASSERT(file_is(b.src, 0, SIZE, 0, 4));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "READ and WRITE 6, 10, 12, 16 move the right bytes", read_write_all_lengths },
		{ "a transfer length of 0 moves nothing, in READ(6) 256 blocks",
		  transfer_length_zero },
		{ "DPO and FUA are accepted", flags_dpo_fua },
		{ "16 MiB in one command, both ways", large_transfers },
		{ "an LBA past the end is 5/21/00 and nothing is written", out_of_range },
		{ "underflow and overflow are told as residuals", residuals },
		{ "VERIFY 10 and 16 with BYTCHK 00b, 01b, 11b", verify_commands },
		{ "SYNCHRONIZE CACHE 10 and 16", synchronize_cache },
		{ "START STOP UNIT: stopped is 2/04/02 until started", start_stop },
		{ "a read-only LUN refuses every write with 7/27/00", read_only_lun },
		{ "4096-byte blocks", blocks_of_4096 },
		{ "O_DIRECT with sectors in the middle of a page", direct_io },
		{ "storage errors become 3/11/00 and 3/0C/00", storage_errors },
		{ "short transfers and EAGAIN of the storage are resumed", short_and_again },
		TEST_END
	};

	return test_main(argc, argv, "e2e-media", tests);
}
