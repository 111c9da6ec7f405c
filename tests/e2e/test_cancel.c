/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source is written after POPULATE TOKEN, by whoever and by whatever command.  With
 * point-in-time=cancel the rod is cancelled: its WUT is 5/23/08 and writes nothing.  With
 * preserve the token goes on giving the old data.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define SIZE (16 * MIB)

static const char *point_in_time = "cancel";

struct scene {
	struct odxd *o;
	struct initiator *in, *other;
	const char *src, *dst;
	uint8_t token[ROD_TOKEN_LEN];
};

static const struct tpc_range rod[] = { { 1000, 64 }, { 3000, 64 } };
static const struct tpc_range to = { 5000, 128 };

/* Two LUNs, two sessions, a token for two ranges of LUN 0. */
static struct scene scene(void)
{
	struct scene b = { .src = make_filled("src", SIZE, 1), .dst = make_filled("dst", SIZE, 2) };
	char spec[512];

	snprintf(spec, sizeof(spec), "%s,point-in-time=%s", b.src, point_in_time);
	b.o = ODXD("--lun", spec, "--lun", b.dst);
	b.in = login_clear(b.o, 2);
	b.other = login_clear(b.o, 2);
	CU_ASSERT(take_token(b.in, 0, 1, rod, 2, b.token));
	return b;
}

static void scene_done(struct scene *b)
{
	initiator_close(b->other);
	initiator_close(b->in);
	odxd_stop(b->o);
}

static void check_alive(struct scene *b);

static void check_cancelled(struct scene *b)
{
	if (strcmp(point_in_time, "preserve") == 0) {
		check_alive(b);
		return;
	}
	CHECK_ILLEGAL(wut(b->in, 1, 2, b->token, 0, &to, 1), ASC_TOKEN_CANCELLED);
	CU_ASSERT(rrti_is(b->in, 1, 2, 0x11, TPC_FAILED, 0));
	CHECK_ILLEGAL(wut(b->other, 1, 2, b->token, 0, &to, 1), ASC_TOKEN_CANCELLED);
	CU_ASSERT(file_is(b->dst, 0, SIZE, 0, 2));
}

static void check_alive(struct scene *b)
{
	CHECK_GOOD(wut(b->in, 1, 2, b->token, 0, &to, 1));
	CU_ASSERT(file_is(b->dst, 5000 * 512, 64 * 512, 1000 * 512, 1));
	CU_ASSERT(file_is(b->dst, 5064 * 512, 64 * 512, 3000 * 512, 1));
	CU_ASSERT(file_is(b->dst, 0, 5000 * 512, 0, 2));
	CU_ASSERT(file_is(b->dst, 5128 * 512, MIB, 5128 * 512, 2));
}

static void write_same_session(void)
{
	static const enum scsi_cmd ops[] = { CMD_WRITE_6, CMD_WRITE_10, CMD_WRITE_12,
					     CMD_WRITE_16 };
	uint8_t block[512];

	for (unsigned i = 0; i < 4; i++) {
		struct scene b = scene();

		pattern_fill(block, 0, 512, 9);
		CHECK_GOOD(media(b.in, 0, ops[i], 1000 + 63, 1, block, 512));
		check_cancelled(&b);
		/* The host's write is there. */
		CU_ASSERT(file_is(b.src, 1063 * 512, 512, 0, 9));
		scene_done(&b);
	}
}

static void write_other_session(void)
{
	struct scene b = scene();

	CU_ASSERT(write_pattern(b.other, 0, 512, 3000 * 512, 512, 0, 9));
	check_cancelled(&b);
	scene_done(&b);
}

static void write_same_data(void)
{
	struct scene b = scene();

	/* The target does not compare: a write is a write. */
	CU_ASSERT(write_pattern(b.other, 0, 512, 1000 * 512, 512, 1000 * 512, 1));
	check_cancelled(&b);
	scene_done(&b);
}

static void write_around(void)
{
	struct scene b = scene();

	/* The blocks next to the ranges, and those between them. */
	CU_ASSERT(write_pattern(b.in, 0, 512, 999 * 512, 512, 0, 9));
	CU_ASSERT(write_pattern(b.in, 0, 512, 1064 * 512, 512, 0, 9));
	CU_ASSERT(write_pattern(b.in, 0, 512, 2000 * 512, 512, 0, 9));
	CU_ASSERT(write_pattern(b.in, 0, 512, 3064 * 512, MIB, 0, 9));
	check_alive(&b);
	scene_done(&b);
}

static void write_across(void)
{
	struct scene b = scene();

	/* One large write, of which one block falls into the rod. */
	CU_ASSERT(write_pattern(b.in, 0, 512, (1000 - 255) * 512, 256 * 512, 0, 9));
	check_cancelled(&b);
	scene_done(&b);
}

static void another_wut(void)
{
	struct scene b = scene();
	struct tpc_range from = RANGE(8000, 16), into = RANGE(3050, 16);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.other, 0, 5, &from, 1, token));
	CHECK_GOOD(wut(b.other, 0, 6, token, 0, &into, 1));
	check_cancelled(&b);
	CU_ASSERT(file_is(b.src, 3050 * 512, 16 * 512, 8000 * 512, 1));
	/* The token that was used is as alive as before. */
	into.lba = 9000;
	CHECK_GOOD(wut(b.other, 0, 7, token, 0, &into, 1));
	scene_done(&b);
}

static void zero_wut(void)
{
	struct scene b = scene();
	struct tpc_range into = RANGE(1063, 2);
	uint8_t zero[ROD_TOKEN_LEN];

	rod_token_encode_zero(zero);
	CHECK_GOOD(wut(b.other, 0, 6, zero, 0, &into, 1));
	check_cancelled(&b);
	scene_done(&b);
}

static void failed_write(void)
{
	struct scene b = scene();
	uint8_t block[512] = { 0 };

	/* Refused before it touched anything: nothing is cancelled. */
	CHECK_ILLEGAL(media(b.in, 0, CMD_WRITE_16, SIZE / 512, 1, block, 512),
		      ASC_LBA_OUT_OF_RANGE);
	CHECK_GOOD(media(b.in, 0, CMD_WRITE_16, 1000, 0, NULL, 0));
	CHECK_GOOD(media(b.in, 0, CMD_VERIFY_16, 1000, 64, NULL, 0));
	CHECK_GOOD(media(b.in, 0, CMD_READ_16, 1000, 1, block, 512));
	check_alive(&b);
	scene_done(&b);
}

static void other_lun_same_lba(void)
{
	struct scene b = scene();

	CU_ASSERT(write_pattern(b.in, 1, 512, 1000 * 512, 64 * 512, 1000 * 512, 2));
	check_alive(&b);
	scene_done(&b);
}

static void other_tokens_live(void)
{
	struct scene b = scene();
	struct tpc_range r = RANGE(1064, 8), into = RANGE(100, 8);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 5, &r, 1, token));
	CU_ASSERT(write_pattern(b.in, 0, 512, 1063 * 512, 512, 0, 9));
	CHECK_ILLEGAL(wut(b.in, 1, 2, b.token, 0, &to, 1), ASC_TOKEN_CANCELLED);
	CHECK_GOOD(wut(b.in, 1, 3, token, 0, &into, 1));
	CU_ASSERT(file_is(b.dst, 100 * 512, 8 * 512, 1064 * 512, 1));
	scene_done(&b);
}

static void all_tokens_of_a_range(void)
{
	struct scene b = scene();
	uint8_t tokens[10][ROD_TOKEN_LEN];

	for (uint32_t i = 0; i < 10; i++)
		CU_ASSERT(take_token(b.other, 0, 10 + i, rod, 2, tokens[i]));
	CU_ASSERT(write_pattern(b.in, 0, 512, 3000 * 512, 512, 0, 9));
	check_cancelled(&b);
	for (unsigned i = 0; i < 10; i++)
		CHECK_ILLEGAL(wut(b.other, 1, 2, tokens[i], 0, &to, 1), ASC_TOKEN_CANCELLED);
	CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 2));
	scene_done(&b);
}

/*
 * Writes race with a WUT that reads the same blocks: GOOD means the data of PT,
 * anything else says how many leading blocks are so, and those are.
 */
static void write_during_wut(void)
{
	const char *src = make_filled("src", SIZE, 1), *dst = make_filled("dst", SIZE, 2);
	char spec[512], from[512];
	struct odxd *o;
	struct initiator *in, *other;
	struct tpc_range r = RANGE(0, 24576);
	uint8_t token[ROD_TOKEN_LEN], list[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
			      .list_id = 2,
			      .len = sizeof(list) };
	struct initiator_cmd cmd;
	uint64_t count;

	snprintf(spec, sizeof(spec), "%s,fault=rate:8M", dst);
	snprintf(from, sizeof(from), "%s,point-in-time=%s", src, point_in_time);
	o = ODXD("--lun", from, "--lun", spec);
	in = login_clear(o, 2);
	other = login_clear(o, 2);
	CU_ASSERT(take_token(in, 0, 1, &r, 1, token));
	tpc_wut_encode(list, sizeof(list), false, false, 0, token, &r, 1);
	cmd = initiator_cmd(&c, list, sizeof(list));
	initiator_submit(in, 1, &cmd);
	for (double end = seconds_now() + 0.8; seconds_now() < end;)
		initiator_poll(&in, 1, 50);
	CU_ASSERT(cmd.busy);
	/* The host's write is not refused and not held up for the whole copy. */
	CU_ASSERT(write_pattern(other, 0, 512, 24000 * 512, 64 * 512, 0, 9));
	initiator_wait(in, &cmd);
	if (cmd.status == SAM_GOOD) {
		count = 24576;
	} else {
		/* The leading part as a count; the follow-up below meets the cause. */
		CHECK_SENSE(answer_of(&cmd), KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
		count = cmd.sense.info;
		CU_ASSERT(count > 0 && count < 24576);
		CU_ASSERT(rrti_is(in, 1, 2, 0x11, TPC_PARTIAL, count));
	}
	CU_ASSERT(file_is(dst, 0, count * 512, 0, 1));
	CU_ASSERT(file_is(dst, 12 * MIB, SIZE - 12 * MIB, 12 * MIB, 2));
	CU_ASSERT(file_is(src, 24000 * 512, 64 * 512, 0, 9));
	r = RANGE(0, 64);
	if (strcmp(point_in_time, "preserve") == 0) {
		CHECK_GOOD(wut(in, 1, 3, token, 24000, &r, 1));
		CU_ASSERT(file_is(dst, 0, 64 * 512, 24000 * 512, 1));
	} else {
		CHECK_ILLEGAL(wut(in, 1, 3, token, count % 24576, &r, 1), ASC_TOKEN_CANCELLED);
		CU_ASSERT(rrti_is(in, 1, 3, 0x11, TPC_FAILED, 0));
	}
	initiator_close(other);
	initiator_close(in);
	odxd_stop(o);
}

/* A WRITE that is under way when POPULATE TOKEN comes: before it or after it, not both. */
static void write_under_way(void)
{
	const char *src = make_filled("src", SIZE, 1), *dst = make_filled("dst", SIZE, 2);
	char spec[512];
	struct odxd *o;
	struct initiator *in;
	struct tpc_range r = RANGE(1000, 256);
	uint8_t token[ROD_TOKEN_LEN], *data = malloc(256 * 512);
	struct initiator_cmd write;
	struct answer a;

	snprintf(spec, sizeof(spec), "%s,fault=write-delay:400,point-in-time=%s", src,
		 point_in_time);
	o = ODXD("--lun", spec, "--lun", dst);
	in = login_clear(o, 2);
	pattern_fill(data, 1000 * 512, 256 * 512, 9);
	write = disk_write_cmd(1000, 256, data, 256 * 512);
	initiator_submit(in, 0, &write);
	serve_for(in, 100);
	CU_ASSERT(take_token(in, 0, 1, &r, 1, token));
	initiator_wait(in, &write);
	CHECK_GOOD(answer_of(&write));
	a = wut(in, 1, 2, token, 0, &r, 1);
	if (a.status == SAM_GOOD && strcmp(point_in_time, "preserve") == 0) {
		/* Whether its data was there when PT came is the network's to say. */
		CU_ASSERT(file_is(dst, 1000 * 512, 256 * 512, 1000 * 512, 1) ||
			  file_is(dst, 1000 * 512, 256 * 512, 1000 * 512, 9));
	} else if (a.status == SAM_GOOD) {
		CU_ASSERT(file_is(dst, 1000 * 512, 256 * 512, 1000 * 512, 9));
	} else {
		CHECK_ILLEGAL(a, ASC_TOKEN_CANCELLED);
		CU_ASSERT(file_is(dst, 0, SIZE, 0, 2));
	}
	free(data);
	initiator_close(in);
	odxd_stop(o);
}

static void preserved(void (*scene_of)(void))
{
	point_in_time = "preserve";
	scene_of();
	point_in_time = "cancel";
}

static void preserve_writes(void)
{
	preserved(write_same_session);
	preserved(write_other_session);
	preserved(write_same_data);
	preserved(write_around);
	preserved(write_across);
}

static void preserve_wuts(void)
{
	preserved(another_wut);
	preserved(zero_wut);
}

static void preserve_during_wut(void)
{
	preserved(write_during_wut);
	preserved(write_under_way);
}

/* Source and destination overlap: as if from a snapshot, and as often as one likes. */
static void preserve_over_itself(void)
{
	struct tpc_range from = RANGE(1000, 4096), into = RANGE(2000, 4096);
	uint8_t token[ROD_TOKEN_LEN];
	struct scene b;

	point_in_time = "preserve";
	b = scene();
	CU_ASSERT(take_token(b.in, 0, 5, &from, 1, token));
	CHECK_GOOD(wut(b.in, 0, 6, token, 0, &into, 1));
	CU_ASSERT(file_is(b.src, 2000 * 512, 4096 * 512, 1000 * 512, 1));
	into.lba = 500;
	CHECK_GOOD(wut(b.other, 0, 7, token, 0, &into, 1));
	CU_ASSERT(file_is(b.src, 500 * 512, 4096 * 512, 1000 * 512, 1));
	scene_done(&b);
	point_in_time = "cancel";
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "WRITE 6, 10, 12 and 16 of the same session", write_same_session },
		{ "WRITE of another session", write_other_session },
		{ "WRITE of the very same data", write_same_data },
		{ "WRITE of the blocks around the ranges cancels nothing", write_around },
		{ "a large WRITE that touches one block", write_across },
		{ "a WUT of another token into the source", another_wut },
		{ "a WUT of the zero token into the source", zero_wut },
		{ "writes that write nothing, VERIFY and READ cancel nothing", failed_write },
		{ "the same LBAs of another LUN are others", other_lun_same_lba },
		{ "a neighbour's token lives on", other_tokens_live },
		{ "every token of the range dies", all_tokens_of_a_range },
		{ "a WRITE in the middle of a WUT: never new data", write_during_wut },
		{ "a WRITE under way when PT comes: all of it or none", write_under_way },
		{ "preserved: WRITEs, the old data arrives", preserve_writes },
		{ "preserved: WUTs into the source, the old data arrives", preserve_wuts },
		{ "preserved: a WRITE in the middle of WUT and PT", preserve_during_wut },
		{ "preserved: a WUT over its own source is exact", preserve_over_itself },
		TEST_END
	};

	return test_main(argc, argv, "e2e-cancel", tests);
}
