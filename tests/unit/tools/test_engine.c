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
#include "test.h"

#define SIZE (4u << 20)

enum { SRC, DST };

static uint8_t image[2][SIZE];
static struct disk disks[2];
static struct disk_host host;
static uint32_t first_wut; /* blocks that the first WUT writes; later ones fail */
static unsigned wuts;

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

enum ntstatus disk_offload_read(struct disk *d, const struct tpc_range *ranges, unsigned n,
				uint32_t timeout, struct disk_token *ret, char *err)
{
	(void)d;
	(void)timeout;
	(void)n;
	(void)err;
	ret->blocks = ranges[0].blocks;
	return NT_SUCCESS;
}

enum ntstatus disk_offload_write(struct disk *d, const uint8_t token[ROD_TOKEN_LEN],
				 uint64_t offset, const struct tpc_range *ranges, unsigned n,
				 uint64_t *ret_done, char *err)
{
	uint32_t bs = d->capacity.block_size;

	(void)token;
	(void)n;
	if (wuts++) {
		snprintf(err, INITIATOR_ERR, "token cancelled");
		return NT_INVALID_TOKEN;
	}
	memcpy(image[DST] + ranges[0].lba * bs, image[SRC] + offset * bs, first_wut * bs);
	*ret_done = first_wut;
	return NT_SUCCESS;
}

/* ---- tests ---- */

static void two_disks(uint32_t src_block, uint32_t dst_block)
{
	for (size_t i = 0; i < SIZE; i++)
		image[SRC][i] = (uint8_t)(i * 31 ^ i >> 9);
	memset(image[DST], 0, SIZE);
	wuts = 0;
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

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "after a count inside a source block the copy goes on from that block",
		  count_inside_a_block },
		{ "after a count at a block it goes on from there", count_at_a_block },
		TEST_END,
	};

	return test_main(argc, argv, "tools/engine", tests);
}
