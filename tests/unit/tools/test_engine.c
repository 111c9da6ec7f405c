/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.c, fsctl.c, dsm.c and stream.c over two disks in memory, whose target is
 * ours to misbehave: what the class driver and the session would do is done here.
 */
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cdb.h"
#include "stream.h"
#include "test.h"

#define SIZE (4u << 20)

enum { SRC, DST };

static uint8_t image[2][SIZE];
static struct disk disks[2];
static struct disk_host host;
static uint32_t first_wut; /* blocks that a WUT writes at most        */
static unsigned good_wuts; /* so many of them; then the token is dead */
static unsigned wuts;
static uint64_t clock_ms, wut_ms; /* what a WUT takes */

static uint64_t fake_clock(void)
{
	return clock_ms;
}

/* ---- the session and the class driver ---- */

static struct initiator_cmd media(enum scsi_cmd op, uint64_t lba, uint32_t blocks, void *data,
				  size_t len)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[op], .lba = lba, .blocks = blocks };
	struct initiator_cmd cmd = { .data = data, .len = len, .dir = cdb.op->dir };

	cmd.cdb_len = (uint8_t)scsi_cdb_encode(&cdb, cmd.cdb);
	return cmd;
}

struct initiator_cmd disk_read_cmd(uint64_t lba, uint32_t blocks, void *data, size_t len)
{
	return media(CMD_READ_16, lba, blocks, data, len);
}

struct initiator_cmd disk_write_cmd(uint64_t lba, uint32_t blocks, void *data, size_t len)
{
	return media(CMD_WRITE_16, lba, blocks, data, len);
}

void initiator_submit(struct initiator *in, unsigned lun, struct initiator_cmd *cmd)
{
	uint32_t bs = disks[lun].capacity.block_size;
	struct scsi_cdb cdb;
	size_t len;

	(void)in;
	CU_ASSERT_FATAL(sense_is_good(scsi_cdb_decode(cmd->cdb, cmd->cdb_len, &cdb)));
	len = (size_t)cdb.blocks * bs;
	CU_ASSERT_FATAL(cdb.lba * bs + len <= SIZE && len <= cmd->len);
	if (cmd->dir == DIR_OUT)
		memcpy(image[lun] + cdb.lba * bs, cmd->data, len);
	else
		memcpy(cmd->data, image[lun] + cdb.lba * bs, len);
	cmd->in_len = cmd->dir == DIR_OUT ? 0 : len;
	cmd->busy = false;
	cmd->error = 0;
	cmd->status = SAM_GOOD;
}

void initiator_poll(struct initiator *const *in, unsigned n, int timeout_ms)
{
	(void)in;
	(void)n;
	(void)timeout_ms;
}

enum disk_verdict disk_judge(const struct initiator_cmd *cmd, unsigned *ret_delay_ms)
{
	(void)cmd;
	*ret_delay_ms = 0;
	return DISK_GOOD;
}

enum disk_verdict disk_run(struct disk *d, struct initiator_cmd *cmd, unsigned retries)
{
	(void)retries;
	initiator_submit(NULL, d->lun, cmd);
	return DISK_GOOD;
}

const char *disk_error_text(const struct initiator_cmd *cmd, char *buf, size_t cap)
{
	snprintf(buf, cap, "status %02x", cmd->status);
	return buf;
}

uint64_t disk_pt_cap(const struct disk *d)
{
	(void)d;
	return UINT64_MAX;
}

uint64_t disk_wut_cap(const struct disk *d)
{
	(void)d;
	return UINT64_MAX;
}

int disk_flush(struct disk *d, char *err)
{
	(void)d;
	(void)err;
	return 0;
}

unsigned disk_max_ranges(const struct disk *d)
{
	(void)d;
	return DISK_MAX_RANGES;
}

/* The token of the last read: where its bytes are. */
static uint64_t token_at[SIZE / 512];
static unsigned token_blocks;

enum ntstatus disk_offload_read(struct disk *d, const struct tpc_range *ranges, unsigned n,
				uint32_t timeout, struct disk_token *ret, char *err)
{
	uint32_t bs = d->capacity.block_size;

	(void)timeout;
	(void)err;
	token_blocks = 0;
	ret->blocks = 0;
	for (unsigned i = 0; i < n; i++) {
		for (uint64_t b = 0; b < (uint64_t)ranges[i].blocks * bs; b += 512)
			token_at[token_blocks++] = ranges[i].lba * bs + b;
		ret->blocks += ranges[i].blocks;
	}
	return NT_SUCCESS;
}

enum ntstatus disk_offload_write(struct disk *d, const uint8_t token[ROD_TOKEN_LEN],
				 uint64_t offset, const struct tpc_range *ranges, unsigned n,
				 uint64_t *ret_done, char *err)
{
	uint64_t bs = d->capacity.block_size, left = first_wut;

	(void)token;
	if (wuts++ >= good_wuts) {
		snprintf(err, INITIATOR_ERR, "token cancelled");
		return NT_INVALID_TOKEN;
	}
	clock_ms += wut_ms;
	for (unsigned i = 0; i < n; i++)
		for (uint32_t b = 0; b < ranges[i].blocks && left > 0; b++, left--, offset++)
			for (uint64_t at = 0; at < bs; at += 512)
				memcpy(image[DST] + (ranges[i].lba + b) * bs + at,
				       image[SRC] + token_at[(offset * bs + at) / 512], 512);
	*ret_done = first_wut - left;
	return NT_SUCCESS;
}

/* ---- tests ---- */

static void two_disks(uint32_t src_block, uint32_t dst_block)
{
	for (size_t i = 0; i < SIZE; i++)
		image[SRC][i] = (uint8_t)(i * 31 ^ i >> 9);
	memset(image[DST], 0, SIZE);
	wuts = 0;
	good_wuts = 1;
	wut_ms = 0;
	host.now_ms = fake_clock;
	for (unsigned i = 0; i < 2; i++) {
		disks[i] = (struct disk) { .lun = i, .has_odx = true, .host = &host };
		disks[i].capacity.block_size = i == SRC ? src_block : dst_block;
		disks[i].capacity.blocks = SIZE / disks[i].capacity.block_size;
	}
}

/* 13 of 512 are one and five eighths of 4096: READ cannot go on from there. */
static void count_inside_a_block(void)
{
	struct engine e = { 0 };
	char err[INITIATOR_ERR] = "";

	two_disks(4096, 512);
	e.src = fsctl_lun(&disks[SRC]);
	e.dst = fsctl_lun(&disks[DST]);
	first_wut = 13;
	CU_ASSERT_EQUAL(engine_copy(&e, err), 0);
	CHECK_BYTES(image[DST], SIZE, image[SRC], SIZE);
	CU_ASSERT_EQUAL(e.offloaded, 4096);
	CU_ASSERT_EQUAL(e.offloaded + e.copied, SIZE);
	CU_ASSERT_PTR_NOT_NULL(strstr(e.fallback, "token cancelled"));
}

static void count_at_a_block(void)
{
	struct engine e = { 0 };
	char err[INITIATOR_ERR] = "";

	two_disks(512, 512);
	e.src = fsctl_lun(&disks[SRC]);
	e.dst = fsctl_lun(&disks[DST]);
	first_wut = 13;
	CU_ASSERT_EQUAL(engine_copy(&e, err), 0);
	CHECK_BYTES(image[DST], SIZE, image[SRC], SIZE);
	CU_ASSERT_EQUAL(e.offloaded, 13 * 512);
	CU_ASSERT_EQUAL(e.copied, SIZE - 13 * 512);
}

/* A MiB in five pieces on one side and three on the other, backwards. */
static const struct dsm_range src_pieces[5] = { { 3u << 20, 300 << 10 },
						{ 2u << 20, 4096 },
						{ (2u << 20) - 4096, 4096 },
						{ 1u << 20, 500 << 10 },
						{ 0, 220 << 10 } };
static const struct dsm_range dst_pieces[3] = { { 3u << 20, 1 << 16 },
						{ 1u << 20, 900 << 10 },
						{ 4096, 64 << 10 } };

static bool pieces_same(struct engine *e)
{
	for (uint64_t off = 0; off < e->src.size; off += 512) {
		uint64_t a, b, n = e->src.size - off < 512 ? e->src.size - off : 512;

		fsctl_map(&e->src, off, &a);
		fsctl_map(&e->dst, off, &b);
		if (memcmp(image[SRC] + a, image[DST] + b, n) != 0)
			return false;
	}
	return true;
}

static void in_pieces(void)
{
	/* All offloaded; ended at any place and taken up by READ and WRITE there. */
	static const struct {
		uint32_t src_block, dst_block, each;
		unsigned good;
		uint64_t size, offloaded, copied;
		uint64_t ms; /* 4000: each offloaded write ends short, after one WUT */
	} rows[] = {
		{ 512, 512, 2048, 9, 1 << 20, 1 << 20, 0, 0 },
		{ 512, 512, 700, 9, 1 << 20, 1 << 20, 0, 0 },
		{ 512, 512, 700, 9, 1 << 20, 1 << 20, 0, 4000 },
		{ 512, 512, 700, 1, 1 << 20, 700 * 512, (1 << 20) - 700 * 512, 0 },
		{ 512, 512, 700, 2, (1 << 20) - 100, 1400 * 512, (1 << 20) - 100 - 1400 * 512,
		  4000 },
		{ 512, 512, 1, 0, (1 << 20) - 100, 0, (1 << 20) - 100, 0 },
		{ 4096, 512, 13, 1, 1 << 20, 4096, (1 << 20) - 4096, 0 },
		{ 512, 4096, 100, 1, (1 << 20) - 100, 100 * 4096, (1 << 20) - 100 - 100 * 4096, 0 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct engine e = { 0 };
		char err[INITIATOR_ERR] = "";
		uint64_t first;

		two_disks(rows[i].src_block, rows[i].dst_block);
		first_wut = rows[i].each;
		wut_ms = rows[i].ms;
		good_wuts = rows[i].good;
		e.src = (struct fsctl_file) { .disk = &disks[SRC],
					      .extents = src_pieces,
					      .n = 5,
					      .size = rows[i].size,
					      .valid = rows[i].size };
		e.dst = e.src;
		e.dst.disk = &disks[DST];
		e.dst.extents = dst_pieces;
		e.dst.n = 3;
		e.dst.valid = 0;
		CU_ASSERT_EQUAL(engine_copy(&e, err), 0);
		CU_ASSERT(pieces_same(&e));
		CU_ASSERT_EQUAL(e.offloaded, rows[i].offloaded);
		CU_ASSERT_EQUAL(e.copied, rows[i].copied);
		CU_ASSERT_EQUAL(e.why, rows[i].copied ? NT_INVALID_TOKEN : NT_SUCCESS);
		CU_ASSERT_EQUAL(e.dst.valid >= rows[i].size, true);
		CU_ASSERT_EQUAL(engine_verify(&e, &first, err), 0);
		CU_ASSERT_EQUAL(first, STREAM_SAME);
		/* And a difference is found where it is in the file. */
		fsctl_map(&e.dst, 400000, &first);
		image[DST][first] ^= 1;
		CU_ASSERT_EQUAL(engine_verify(&e, &first, err), 0);
		CU_ASSERT_EQUAL(first, 400000);
	}
}

static void unfit(void)
{
	struct engine e = { 0 };
	char err[INITIATOR_ERR] = "";

	/* The last block of an odd file goes whole: nothing of another's may be in it. */
	two_disks(512, 512);
	e.src = fsctl_lun(&disks[SRC]);
	e.dst = fsctl_lun(&disks[DST]);
	e.src.size = e.src.valid = 1000;
	CU_ASSERT_EQUAL(engine_copy(&e, err), -EINVAL);
	CU_ASSERT(err[0] != '\0');
	e.dst.size = 999;
	CU_ASSERT_EQUAL(engine_copy(&e, err), -EINVAL);
	/* What is behind the source's valid data would have to be zeroed. */
	e.src.size = e.dst.size = 8192;
	e.src.valid = 4096;
	e.dst.valid = 8192;
	CU_ASSERT_EQUAL(engine_copy(&e, err), -EINVAL);
	CU_ASSERT_EQUAL(wuts, 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "after a count inside a source block the copy goes on from that block",
		  count_inside_a_block },
		{ "after a count at a block it goes on from there", count_at_a_block },
		{ "files in pieces, offloaded, ended anywhere, finished by READ and WRITE",
		  in_pieces },
		{ "files that do not fit are refused before anything is sent", unfit },
		TEST_END,
	};

	return test_main(argc, argv, "tools/engine", tests);
}
