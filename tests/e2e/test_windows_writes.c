/* SPDX-License-Identifier: Apache-2.0 */
/*
 * windows-initiator.md 10, "the target must", items 24 to 39: WRITE USING TOKEN,
 * resources and errors.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pr.h"
#include "windows.h"

#define SIZE		   (16 * MIB)
#define BLOCKS		   (SIZE / 512)

#define CHECK_TRUNCATED(a) CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN)

/* Any 5/23/xx, and nothing else. */
static bool is_token_error(const char *what, struct answer a)
{
	return answer_is(what, a, KEY_ILLEGAL_REQUEST, 0x2300u | a.sense.ascq);
}

/* A token for the first @blocks of LUN 0. */
static struct tpc_range token_of(struct bench *b, uint32_t blocks, uint8_t token[ROD_TOKEN_LEN])
{
	struct tpc_range r = RANGE(0, blocks);

	CU_ASSERT(take_token(b->in, 0, 1, &r, 1, token));
	return r;
}

/* ---- WRITE USING TOKEN ---- */

static void i24(void)
{
	static const char *const troubles[] = { ",fault=write-error:9M:4K", ",fault=enospc:9M",
						",fault=rate:4M,odx.deadline=400ms" };
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r = token_of(&b, BLOCKS, token);

	CHECK_GOOD(wut(b.in, 1, 2, token, 0, &r, 1));
	CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 1));
	bench_done(&b);
	for (unsigned i = 0; i < 3; i++) {
		struct answer a;

		b = bench_start(SIZE, "", troubles[i]);
		token_of(&b, BLOCKS, token);
		a = wut(b.in, 1, 2, token, 0, &r, 1);
		CU_ASSERT_EQUAL(a.error, 0);
		CU_ASSERT_EQUAL(a.status, SAM_CHECK_CONDITION);
		bench_done(&b);
	}
}

static void i25(void)
{
	struct bench b = bench_start(SIZE, "", ",fault=rate:4M,odx.deadline=500ms");
	uint8_t token[ROD_TOKEN_LEN], list[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct tpc_range r = token_of(&b, BLOCKS, token);
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
			      .list_id = 2,
			      .len = sizeof(list) };
	struct initiator_cmd cmd;
	uint32_t done;

	tpc_wut_encode(list, sizeof(list), false, false, 0, token, &r, 1);
	cmd = initiator_cmd(&c, list, sizeof(list));
	initiator_run(b.in, 1, &cmd);
	CHECK_TRUNCATED(answer_of(&cmd));
	/* The bytes, as Windows takes them: fixed format, no look at VALID. */
	CU_ASSERT_EQUAL(cmd.sense_raw[0] & 0x7f, 0x70);
	done = get_be32(cmd.sense_raw + 3);
	CU_ASSERT(done > 0 && done < BLOCKS);
	CU_ASSERT(result_is(b.in, 1, 2, TPC_PARTIAL, done));
	bench_done(&b);
}

static void i26(void)
{
	/* Backwards over the destination: 16 ranges of 1 MiB, from the last to the first. */
	struct bench b = bench_start(SIZE, "", ",fault=rate:8M,odx.deadline=600ms");
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range to[16];
	uint64_t left;
	struct answer a;

	token_of(&b, BLOCKS, token);
	for (unsigned i = 0; i < 16; i++)
		to[i] = RANGE((15 - i) * 2048, 2048);
	a = wut(b.in, 1, 2, token, 0, to, 16);
	CHECK_TRUNCATED(a);
	left = a.sense.info * 512;
	CU_ASSERT(left > 0 && left < SIZE);
	for (unsigned i = 0; i < 16 && left > 0; i++) {
		uint64_t part = left < MIB ? left : MIB;

		CU_ASSERT(file_is(b.dst, (15 - i) * MIB, part, i * MIB, 1));
		left -= part;
	}
	bench_done(&b);
}

static void i27(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range one = RANGE(5000, 1), two = RANGE(5000, 2), rest = RANGE(0, 93);
	struct answer a;

	token_of(&b, 100, token);
	CHECK_GOOD(wut(b.in, 1, 2, token, 99, &one, 1));
	CU_ASSERT(file_is(b.dst, 5000 * 512, 512, 99 * 512, 1));
	/* On from any block. */
	CHECK_GOOD(wut(b.in, 1, 3, token, 7, &rest, 1));
	CU_ASSERT(file_is(b.dst, 0, 93 * 512, 7 * 512, 1));
	CHECK_ILLEGAL(wut(b.in, 1, 4, token, 100, &one, 1), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	/* More than the ROD still holds: what there is, and its count (decisions.md 5). */
	a = wut(b.in, 1, 5, token, 99, &two, 1);
	CHECK_TRUNCATED(a);
	CU_ASSERT(answer_info("WUT", a, 1));
	CU_ASSERT(file_is(b.dst, 5001 * 512, 512, 5001 * 512, 2));
	bench_done(&b);
}

static void i28(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range two = RANGE(5000, 2);

	token_of(&b, 100, token);
	CHECK_TRUNCATED(wut(b.in, 1, 2, token, 99, &two, 1));
	CU_ASSERT(result_is(b.in, 1, 2, TPC_PARTIAL, 1));
	CHECK_ILLEGAL(wut(b.in, 1, 3, token, 100, &two, 1), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CU_ASSERT(result_is(b.in, 1, 3, TPC_FAILED, 0));
	CU_ASSERT(result_sense_is(b.in, 1, 3, KEY_ILLEGAL_REQUEST,
				  ASC_INVALID_FIELD_IN_PARAMETER_LIST));
	token[300] ^= 1;
	CU_ASSERT(is_token_error("WUT", wut(b.in, 1, 4, token, 0, &two, 1)));
	CU_ASSERT(result_is(b.in, 1, 4, TPC_FAILED, 0));
	CU_ASSERT(result_is(b.in, 1, 2, TPC_PARTIAL, 1));
	bench_done(&b);
}

static void i29(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN], noise[ROD_TOKEN_LEN];
	struct tpc_range r = RANGE(0, 8);
	uint32_t id = 10;

	CU_ASSERT(take_one(b.in, 0, 1, 0, 8, 1, token));
	for (unsigned byte = 0; byte < ROD_TOKEN_LEN; byte += 73) {
		token[byte] ^= 0x10;
		CU_ASSERT(is_token_error("bad", wut(b.in, 1, id++, token, 0, &r, 1)));
		token[byte] ^= 0x10;
	}
	pattern_fill(noise, 0, sizeof(noise), 5);
	CU_ASSERT(is_token_error("noise", wut(b.in, 1, id++, noise, 0, &r, 1)));
	memset(noise, 0, sizeof(noise));
	CU_ASSERT(is_token_error("zeros", wut(b.in, 1, id++, noise, 0, &r, 1)));
	usleep(3200 * 1000);
	CU_ASSERT(is_token_error("expired", wut(b.in, 1, id++, token, 0, &r, 1)));
	CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 2));
	bench_done(&b);
}

static void i29_foreign(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct odxd *o = ODXD("--lun", "mem:x,size=16M", "--lun", "mem:y,size=16M");
	struct initiator *other = login_clear(o, 2);
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r = token_of(&b, 8, token);

	CU_ASSERT(is_token_error("foreign", wut(other, 1, 2, token, 0, &r, 1)));
	initiator_close(other);
	odxd_stop(o);
	bench_done(&b);
}

static void i30(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct initiator *other = login_clear(b.o, 2);
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range to = RANGE(9000, 8);

	/* 3 s of inactivity, 4.5 s of use every 1.5 s, each by another nexus and LUN. */
	CU_ASSERT(take_one(b.in, 0, 1, 0, 8, 3, token));
	for (uint32_t i = 0; i < 4; i++) {
		CHECK_GOOD(wut(i & 1 ? other : b.in, i / 2 & 1, 50 + i, token, 0, &to, 1));
		CU_ASSERT(file_is(i / 2 & 1 ? b.dst : b.src, 9000 * 512, 8 * 512, 0, 1));
		if (i < 3)
			usleep(1500 * 1000);
	}
	usleep(5500 * 1000);
	CU_ASSERT(is_token_error("expired", wut(b.in, 1, 60, token, 0, &to, 1)));
	initiator_close(other);
	bench_done(&b);
}

static void i31(void)
{
	struct bench b = bench_start(SIZE, "", ",fault=enospc:4M");
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r = token_of(&b, BLOCKS, token);

	CHECK_TRUNCATED(wut(b.in, 1, 2, token, 0, &r, 1));
	/* Not a block fits any more. */
	CHECK_SENSE(wut(b.in, 1, 3, token, 0, &r, 1), KEY_ABORTED_COMMAND,
		    ASC_INSUFFICIENT_RESOURCES);
	bench_done(&b);
}

static void i32(void)
{
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN] = { 0xff, 0xff, 0x00, 0x01, 0x00, 0x00, 0x01, 0xf8 };
	struct tpc_range r = RANGE(1000, 64);

	CHECK_GOOD(wut(b.in, 1, 1, token, 12345678, &r, 1));
	CU_ASSERT(file_is(b.dst, 0, 1000 * 512, 0, 2));
	CU_ASSERT(file_is_zero(b.dst, 1000 * 512, 64 * 512));
	CU_ASSERT(file_is(b.dst, 1064 * 512, 512, 1064 * 512, 2));
	/* FFFF0002h to FFFFFFFFh are reserved. */
	token[3] = 2;
	CU_ASSERT(is_token_error("reserved", wut(b.in, 1, 2, token, 0, &r, 1)));
	memset(token, 0xff, 4);
	CU_ASSERT(is_token_error("reserved", wut(b.in, 1, 3, token, 0, &r, 1)));
	bench_done(&b);
}

static void i33(void)
{
	static const char *const kinds[] = { "", ",point-in-time=cancel" };

	for (unsigned k = 0; k < 2; k++) {
		struct bench b = bench_start(SIZE, kinds[k], "");
		uint8_t token[ROD_TOKEN_LEN];

		for (unsigned i = 0; i < 16; i++) {
			token_of(&b, i, token); /* of no blocks, too */
			CU_ASSERT(token[0] != 0xff || token[1] != 0xff);
		}
		bench_done(&b);
	}
}

/* ---- resources and errors ---- */

/* A WUT of all the token that takes 8 s; IMMED=1, or in the foreground as @cmd. */
struct slow {
	struct bench b;
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r;
	uint8_t list[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct initiator_cmd cmd;
};

static struct answer slow_start(struct slow *s, uint32_t id)
{
	s->b = bench_start(SIZE, "", ",fault=rate:2M,odx.deadline=20s");
	s->r = token_of(&s->b, BLOCKS, s->token);
	tpc_wut_encode(s->list, sizeof(s->list), true, false, 0, s->token, &s->r, 1);
	return send_list(s->b.in, 1, CMD_WRITE_USING_TOKEN, id, s->list, sizeof(s->list));
}

static void i34(void)
{
	struct slow s;
	struct initiator *other;
	struct tpc_range one = RANGE(0, 1);

	CHECK_GOOD(slow_start(&s, 7));
	/* Runs: refused here, free on another LUN and another nexus. */
	CHECK_ILLEGAL(pt(s.b.in, 1, 7, &one, 1), ASC_OPERATION_IN_PROGRESS);
	CHECK_GOOD(pt(s.b.in, 0, 7, &one, 1));
	CU_ASSERT(result_is(s.b.in, 0, 7, TPC_DONE, 1));
	other = login_clear(s.b.o, 2);
	CHECK_GOOD(pt(other, 1, 7, &one, 1));
	CU_ASSERT(result_is(other, 1, 7, TPC_DONE, 1));
	CU_ASSERT(result_is(other, 1, 7, TPC_DONE, 1));
	initiator_close(other);
	/* Ended: used again, and the old result is gone. */
	CU_ASSERT_EQUAL(initiator_lun_reset(s.b.in, 1), 0);
	clear_ua(s.b.in, 1);
	CHECK_GOOD(pt(s.b.in, 1, 7, &one, 1));
	CHECK_GOOD(pt(s.b.in, 1, 7, &s.r, 1));
	CU_ASSERT(result_is(s.b.in, 1, 7, TPC_DONE, BLOCKS));
	bench_done(&s.b);
}

static void slow_foreground(struct slow *s)
{
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
			      .list_id = 9,
			      .len = sizeof(s->list) };

	s->b = bench_start(SIZE, "", ",fault=rate:2M,odx.deadline=20s");
	s->r = token_of(&s->b, BLOCKS, s->token);
	tpc_wut_encode(s->list, sizeof(s->list), false, false, 0, s->token, &s->r, 1);
	s->cmd = initiator_cmd(&c, s->list, sizeof(s->list));
	initiator_submit(s->b.in, 1, &s->cmd);
	serve_for(s->b.in, 200);
	CU_ASSERT(s->cmd.busy);
}

/* Nothing of the WUT is written any more. */
static bool is_still(const char *path)
{
	uint64_t sum = file_sum(path);

	usleep(700 * 1000);
	return file_sum(path) == sum;
}

static void i35_abort(void)
{
	struct tpc_range one = RANGE(0, 1);
	struct slow s;
	double begun;

	slow_foreground(&s);
	begun = seconds_now();
	CU_ASSERT_EQUAL(initiator_abort(s.b.in, &s.cmd), 0);
	CU_ASSERT(seconds_now() - begun < 4.0); /* it does not wait for the copy's end */
	CU_ASSERT(is_still(s.b.dst));
	CU_ASSERT(result_is(s.b.in, 1, 9, TPC_TERMINATED, 0));
	CHECK_GOOD(pt(s.b.in, 1, 9, &one, 1));
	bench_done(&s.b);
}

static void i35_reset(void)
{
	struct tpc_range one = RANGE(0, 1);
	struct initiator *other;
	struct slow s;
	double begun;

	slow_foreground(&s);
	other = login_clear(s.b.o, 2);
	begun = seconds_now();
	CU_ASSERT_EQUAL(initiator_lun_reset(other, 1), 0);
	CU_ASSERT(seconds_now() - begun < 4.0);
	CU_ASSERT(is_still(s.b.dst));
	initiator_close(other);
	initiator_drop(s.b.in); /* its command gets no answer any more */
	s.b.in = login_clear(s.b.o, 2);
	CHECK_GOOD(pt(s.b.in, 1, 9, &one, 1));
	bench_done(&s.b);
}

static void i35_nexus_loss(void)
{
	const struct initiator_options host = { .isid = 0x77 };
	struct tpc_range one = RANGE(0, 1);
	struct slow s;

	slow_foreground(&s);
	initiator_drop(s.b.in);
	usleep(300 * 1000);
	/* A busy machine may take longer to see it; all of the copy would take longer still. */
	CU_ASSERT(is_still(s.b.dst) || is_still(s.b.dst));
	s.b.in = login_as(s.b.o, &host);
	clear_ua(s.b.in, 1);
	CHECK_GOOD(pt(s.b.in, 1, 9, &one, 1));
	bench_done(&s.b);
}

static void i36(void)
{
	static const uint8_t types[] = { PR_WRITE_EXCLUSIVE, PR_EXCLUSIVE_ACCESS };
	struct bench b = bench_start(SIZE, "", "");
	struct initiator *other = login_clear(b.o, 2);
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r = token_of(&b, 8, token);

	for (unsigned lun = 0; lun < 2; lun++)
		CHECK_GOOD(pr_out(other, lun, CMD_PR_OUT_REGISTER, 0, 0xa, 0, false));
	for (unsigned i = 0; i < 2; i++) {
		struct answer a;

		for (unsigned lun = 0; lun < 2; lun++)
			CHECK_GOOD(pr_out(other, lun, CMD_PR_OUT_RESERVE, 0xa, 0, types[i], false));
		/* PT reads its LUN, WUT writes its own. */
		a = pt(b.in, 0, 2, &r, 1);
		CU_ASSERT_EQUAL(a.status, i ? SAM_RESERVATION_CONFLICT : SAM_GOOD);
		a = wut(b.in, 1, 3, token, 0, &r, 1);
		CU_ASSERT_EQUAL(a.status, SAM_RESERVATION_CONFLICT);
		CHECK_GOOD(wut(other, 1, 4 + i, token, 0, &r, 1));
		for (unsigned lun = 0; lun < 2; lun++)
			CHECK_GOOD(pr_out(other, lun, CMD_PR_OUT_RELEASE, 0xa, 0, types[i], false));
	}
	CHECK_GOOD(wut(b.in, 1, 8, token, 0, &r, 1));
	initiator_close(other);
	bench_done(&b);
}

/* How often a command to LUN 0 meets a unit attention before it is done. */
static unsigned attentions(struct initiator *in)
{
	struct tpc_range one = RANGE(0, 1);
	unsigned n = 0;

	while (n < 8 && pt(in, 0, 1, &one, 1).sense.key == KEY_UNIT_ATTENTION)
		n++;
	return n;
}

static void i37(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct initiator *fresh = login(b.o), *other = login_clear(b.o, 2);

	CU_ASSERT_EQUAL(attentions(fresh), 1);
	CU_ASSERT_EQUAL(attentions(fresh), 0);
	/* What a reset makes of more. */
	CHECK_GOOD(pr_out(b.in, 0, CMD_PR_OUT_REGISTER, 0, 0xa, 0, false));
	CHECK_GOOD(pr_out(fresh, 0, CMD_PR_OUT_REGISTER, 0, 0xb, 0, false));
	CHECK_GOOD(pr_out(b.in, 0, CMD_PR_OUT_CLEAR, 0xa, 0, 0, false));
	CU_ASSERT_EQUAL(initiator_lun_reset(other, 0), 0);
	CU_ASSERT_EQUAL(attentions(fresh), 1);
	CU_ASSERT_EQUAL(attentions(b.in), 1);
	initiator_close(fresh);
	initiator_close(other);
	bench_done(&b);
}

static void i38(void)
{
	static const char text[] = "target \"" ODXD_IQN "\" {\n"
				   "  tokens { max = 8 tombstones = 8 }\n"
				   "  lun 0 { path = \"mem:a\" size = \"16M\" }\n"
				   "}\n";
	struct odxd *o = ODXD("-c", make_text("few.conf", text));
	struct initiator *in = login_clear(o, 1);
	struct tpc_range r = RANGE(0, 8);

	/* Nobody deletes a token: as many as there may be, and then one more. */
	for (uint32_t i = 0; i < 8; i++)
		CHECK_GOOD(pt_timeout(in, 0, i, 3, &r, 1));
	CHECK_ILLEGAL(pt_timeout(in, 0, 8, 3, &r, 1), ASC_INSUFFICIENT_RESOURCES_TOKEN);
	/* They go by themselves. */
	usleep(5500 * 1000);
	for (uint32_t i = 0; i < 8; i++)
		CHECK_GOOD(pt_timeout(in, 0, 10 + i, 1, &r, 1));
	initiator_close(in);
	odxd_stop(o);
}

struct chain {
	pthread_t thread;
	struct initiator *in;
	unsigned lun;
	const uint8_t *token;
	bool good;
};

static void *chain_main(void *arg)
{
	struct chain *c = arg;

	c->good = true;
	for (uint32_t i = 0; i < 32 && c->good; i++) {
		struct tpc_range to = RANGE(i * 512, 512);

		c->good = answer_good("WUT", wut(c->in, c->lun, 1000 * c->lun + i, c->token,
						 i * 512, &to, 1));
	}
	return NULL;
}

static void i39(void)
{
	const char *src = make_filled("src", SIZE, 1), *dst[2];
	struct tpc_range all = RANGE(0, 16384);
	uint8_t token[ROD_TOKEN_LEN];
	struct chain c[2];
	struct initiator *in;
	struct odxd *o;

	dst[0] = make_filled("dst1", SIZE, 2);
	dst[1] = make_filled("dst2", SIZE, 2);
	o = ODXD("--lun", src, "--lun", dst[0], "--lun", dst[1]);
	in = login_clear(o, 3);
	CU_ASSERT(take_token(in, 0, 1, &all, 1, token));
	for (unsigned i = 0; i < 2; i++)
		c[i] = (struct chain) { .in = login_clear(o, 3), .lun = 1 + i, .token = token };
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&c[i].thread, NULL, chain_main, &c[i]);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(c[i].thread, NULL);
		CU_ASSERT(c[i].good);
		CU_ASSERT(file_is(dst[i], 0, SIZE / 2, 0, 1));
		CU_ASSERT(file_is(dst[i], SIZE / 2, SIZE / 2, SIZE / 2, 2));
		initiator_close(c[i].in);
	}
	initiator_close(in);
	odxd_stop(o);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "10.24 GOOD only when every block is written", i24 },
		{ "10.25 partial: key B or A, 0D/04, INFORMATION, and RRTI says the same", i25 },
		{ "10.26 what counts are the leading blocks, in descriptor order", i26 },
		{ "10.27 any offset below the ROD's size; from there on 5/26/00", i27 },
		{ "10.28 results of failed and cut WUTs are kept", i28 },
		{ "10.29 bad and expired tokens are 5/23/xx", i29 },
		{ "10.29 foreign tokens are 5/23/xx", i29_foreign },
		{ "10.30 a token: often, by any nexus, on any LUN; each use prolongs it", i30 },
		{ "10.31 a full thin destination: cut short, then B/55/03", i31 },
		{ "10.32 the zero token writes zeros, its neighbours are 5/23/xx", i32 },
		{ "10.33 no token of ours begins with FFFFh", i33 },
		{ "10.34 list identifiers: per nexus and LU, free when the operation ended", i34 },
		{ "10.35 ABORT TASK ends the copy and frees its identifier", i35_abort },
		{ "10.35 LUN RESET ends the copy and frees its identifier", i35_reset },
		{ "10.35 nexus loss ends the copy and frees its identifier", i35_nexus_loss },
		{ "10.36 PT needs read access, WUT write access, else a conflict", i36 },
		{ "10.37 one unit attention at most before PT works", i37 },
		{ "10.38 tokens are bounded and end by their timer", i38 },
		{ "10.39 two chains of WUTs at once", i39 },
		TEST_END
	};

	return test_main(argc, argv, "e2e-windows-writes", tests);
}
