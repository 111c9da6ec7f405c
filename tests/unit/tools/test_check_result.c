/* SPDX-License-Identifier: Apache-2.0 */
/* What odxcheck makes of RECEIVE ROD TOKEN INFORMATION data, byte for byte. */
#include <stdio.h>
#include <string.h>

#include "check_result.h"
#include "test.h"

#define BLOCKS 0xc0

static struct rrti r;
static struct findings f;

/* The answer about a PT of BLOCKS: a header of 32 bytes, sense, 514 bytes with a token. */
static void good_pt(void)
{
	memset(&r, 0, sizeof(r));
	r.asked = DISK_RRTI_PT_LEN;
	r.cmd.in_len = 550;
	r.cmd.residual = DISK_RRTI_PT_LEN - 550;
	put_be32(r.data, 546);
	r.data[4] = 0x10;
	r.data[5] = 0x01;
	put_be32(r.data + 8, 0xfffffffe);
	r.data[15] = 0xf1;
	put_be64(r.data + 16, BLOCKS);
	put_be32(r.data + 32, 514);
	put_be32(r.data + 38, ROD_TYPE_PIT_DEFAULT);
	put_be16(r.data + 38 + 6, ROD_TOKEN_LENGTH_FIELD);
}

/* The same with @field bytes for sense, and the token @at. */
static void with_sense(uint8_t field, uint8_t sense, size_t at)
{
	uint8_t tail[518];

	good_pt();
	memcpy(tail, r.data + 32, sizeof(tail));
	memset(r.data + 32, 0, sizeof(tail));
	sense_encode(sense_info(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN, 64), false,
		     r.data + 32, sense);
	memcpy(r.data + at - 6, tail, sizeof(tail));
	r.data[5] = TPC_PARTIAL;
	r.data[12] = SAM_CHECK_CONDITION;
	r.data[13] = field;
	r.data[14] = sense;
	put_be64(r.data + 16, 64);
	r.cmd.in_len = 550u + field;
	put_be32(r.data, 546u + field);
}

static void judge(void)
{
	memset(&f, 0, sizeof(f));
	r.decoded = tpc_result_decode(r.data, r.cmd.in_len, &r.r);
	check_pt_result(&r, BLOCKS, &f);
}

static bool fails(enum finding what, const char *saw)
{
	const struct result *v = &f.v[what][SIDE_SOURCE];

	if (v->set && v->verdict == VERDICT_FAIL && strstr(v->saw, saw))
		return true;
	printf("%s: %s \"%s\"\n", finding_rows[what].id,
	       v->set ? verdict_names[v->verdict] : "not set", v->saw);
	return false;
}

static void good(void)
{
	good_pt();
	judge();
	CU_ASSERT_EQUAL(finding_count(&f, VERDICT_FAIL), 0);
	CU_ASSERT_EQUAL(finding_count(&f, VERDICT_PASS), 7);
	with_sense(20, 18, 58);
	judge();
	CU_ASSERT_EQUAL(finding_count(&f, VERDICT_FAIL), 0);
}

/* One byte is another: @what fails, and says so. */
static void spoil(unsigned at, uint8_t value, enum finding what, const char *saw)
{
	good_pt();
	r.data[at] = value;
	judge();
	CU_ASSERT(fails(what, saw));
}

static void header(void)
{
	spoil(3, 0x21, F_RRTI_HEADER, "AVAILABLE DATA 545, the fields make 546");
	spoil(4, 0x11, F_RRTI_HEADER, "service action 11h");
	spoil(25, 1, F_RRTI_HEADER, "segments 1");
	spoil(37, 1, F_RRTI_HEADER, "CSCD identifier 1");
}

static void status(void)
{
	spoil(5, 0x04, F_RRTI_STATUS, "truncation is 03h");
	spoil(5, 0x11, F_RRTI_STATUS, "in progress");
	spoil(5, 0x02, F_RRTI_STATUS, "failed");
	spoil(5, 0x00, F_RRTI_STATUS, "00h");
}

static void units(void)
{
	spoil(15, 0x00, F_RRTI_UNITS, "00h");
	/* A count in bytes. */
	good_pt();
	put_be64(r.data + 16, BLOCKS * 512);
	judge();
	CU_ASSERT(fails(F_RRTI_COUNT, "98304 of 192"));
}

static void count(void)
{
	spoil(23, 0xbf, F_RRTI_COUNT, "191 of 192 blocks, status 01h"); /* done, and short */
	spoil(5, 0x03, F_RRTI_COUNT, "192 of 192 blocks, status 03h");	/* short, and not */
	spoil(5, 0x02, F_RRTI_COUNT, "status 02h, with a token");
}

static void descriptors(void)
{
	spoil(35, 0x00, F_RRTI_DESCRIPTORS, "512");
	spoil(35, 0x04, F_RRTI_DESCRIPTORS, "516");
	good_pt();
	put_be32(r.data + 32, 0);
	judge();
	CU_ASSERT(fails(F_RRTI_DESCRIPTORS, "LENGTH 0"));
}

static void token_place(void)
{
	/* Behind the actual sense instead of its field. */
	with_sense(20, 18, 56);
	judge();
	CU_ASSERT(fails(F_RRTI_TOKEN_PLACE, "at byte 56 instead of 58"));
	/* A gap of four bytes instead of two. */
	good_pt();
	memmove(r.data + 40, r.data + 38, ROD_TOKEN_LEN);
	put_be16(r.data + 38, 0);
	r.cmd.in_len = 552;
	judge();
	CU_ASSERT(fails(F_RRTI_TOKEN_PLACE, "at byte 40 instead of 38"));
	spoil(38 + 7, 0, F_RRTI_TOKEN_PLACE, "no token header at byte 38");
}

static void sense_field(void)
{
	with_sense(20, 18, 58);
	r.data[32] = 0x72;
	judge();
	CU_ASSERT(fails(F_RRTI_SENSE, "response code 72h"));
	with_sense(20, 18, 58);
	r.data[14] = 20;
	judge();
	CU_ASSERT(fails(F_RRTI_SENSE, "20 bytes of sense"));
	with_sense(20, 18, 58);
	r.data[12] = SAM_BUSY;
	judge();
	CU_ASSERT(fails(F_RRTI_SENSE, "STATUS 08h"));
	with_sense(20, 18, 58);
	r.data[14] = 0;
	judge();
	CU_ASSERT(fails(F_RRTI_SENSE, "0 bytes of sense in a field of 20"));
}

static void too_short(void)
{
	good_pt();
	r.cmd.in_len = 32;
	judge();
	CU_ASSERT(fails(F_RRTI_HEADER, "only 32 bytes"));
}

/* ---- after WUT ---- */

static void wut(uint64_t count, uint8_t st, uint64_t done)
{
	good_pt();
	r.data[4] = 0x11;
	r.data[5] = st;
	put_be64(r.data + 16, count);
	put_be32(r.data + 32, 0);
	put_be32(r.data, 32);
	r.cmd.in_len = 36;
	memset(&f, 0, sizeof(f));
	r.decoded = tpc_result_decode(r.data, r.cmd.in_len, &r.r);
	check_wut_result(&r, BLOCKS, done, &f);
}

static void after_wut(void)
{
	wut(BLOCKS, TPC_DONE, BLOCKS);
	CU_ASSERT_EQUAL(f.v[F_WUT_RESULT][SIDE_SOURCE].verdict, VERDICT_PASS);
	wut(64, TPC_PARTIAL, 64);
	CU_ASSERT_EQUAL(f.v[F_WUT_RESULT][SIDE_SOURCE].verdict, VERDICT_PASS);
	wut(0, TPC_FAILED, 0);
	CU_ASSERT_EQUAL(f.v[F_WUT_RESULT][SIDE_SOURCE].verdict, VERDICT_PASS);
	/* All is said to be done, the command said otherwise. */
	wut(BLOCKS, TPC_DONE, 64);
	CU_ASSERT(fails(F_WUT_RESULT, "192 of 192"));
	wut(64, 0x04, 64);
	CU_ASSERT(fails(F_WUT_RESULT, "04h"));
	/* The rest of the judgement lands there, too. */
	wut(BLOCKS, TPC_DONE, BLOCKS);
	put_be32(r.data + 32, 514);
	memset(&f, 0, sizeof(f));
	r.decoded = tpc_result_decode(r.data, r.cmd.in_len, &r.r);
	check_wut_result(&r, BLOCKS, BLOCKS, &f);
	CU_ASSERT(fails(F_WUT_RESULT, ""));
}

static void lengths(void)
{
	good_pt();
	memset(&f, 0, sizeof(f));
	check_rrti_length(&r, F_RRTI_LENGTHS, &f);
	CU_ASSERT_EQUAL(finding_count(&f, VERDICT_PASS), 1);
	/* Cut, and the residual of a cut answer is none. */
	r.asked = 287;
	r.cmd.in_len = 287;
	r.cmd.residual = 0;
	check_rrti_length(&r, F_RRTI_LENGTHS, &f);
	CU_ASSERT_EQUAL(finding_count(&f, VERDICT_FAIL), 0);
	r.cmd.residual = 1;
	check_rrti_length(&r, F_RRTI_LENGTHS, &f);
	CU_ASSERT(fails(F_RRTI_LENGTHS, "residual 1"));
	memset(&f, 0, sizeof(f));
	good_pt();
	r.cmd.residual = 0; /* short data that say they are all */
	check_rrti_length(&r, F_RRTI_LENGTHS, &f);
	CU_ASSERT(fails(F_RRTI_LENGTHS, "residual 0"));
	/* Filled up with zeros: harmless; with anything else: not. */
	memset(&f, 0, sizeof(f));
	r.asked = r.cmd.in_len = DISK_RRTI_PT_LEN;
	check_rrti_length(&r, F_RRTI_LENGTHS, &f);
	CU_ASSERT_EQUAL(f.v[F_RRTI_LENGTHS][SIDE_SOURCE].verdict, VERDICT_WARN);
	r.data[DISK_RRTI_PT_LEN - 1] = 1;
	check_rrti_length(&r, F_RRTI_LENGTHS, &f);
	CU_ASSERT(fails(F_RRTI_LENGTHS, "805 bytes"));
	memset(&f, 0, sizeof(f));
	r.cmd.status = SAM_CHECK_CONDITION;
	r.cmd.sense = sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
	check_rrti_length(&r, F_RRTI_LENGTHS, &f);
	CU_ASSERT(fails(F_RRTI_LENGTHS, "5/1A/00"));
}

static void done_blocks(void)
{
	struct initiator_cmd cmd = { .status = SAM_GOOD };

	CU_ASSERT_EQUAL(check_wut_done(&cmd, 100), 100);
	cmd.status = SAM_CHECK_CONDITION;
	cmd.sense = sense_info(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN, 60);
	CU_ASSERT_EQUAL(check_wut_done(&cmd, 100), 60);
	cmd.sense.key = KEY_ABORTED_COMMAND;
	CU_ASSERT_EQUAL(check_wut_done(&cmd, 100), 60);
	CU_ASSERT_EQUAL(check_wut_done(&cmd, 59), 0); /* more than asked */
	cmd.sense.key = KEY_ILLEGAL_REQUEST;
	CU_ASSERT_EQUAL(check_wut_done(&cmd, 100), 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "good results pass, with and without sense", good },
		{ "AVAILABLE DATA, service action, segments, CSCD identifier", header },
		{ "status 04h, in progress, failed", status },
		{ "units of bytes, a count in bytes", units },
		{ "a count against its status", count },
		{ "descriptors of 512, 516 and 0 bytes", descriptors },
		{ "a token in another place", token_place },
		{ "sense: format, length, completion status", sense_field },
		{ "too few bytes", too_short },
		{ "results of WRITE USING TOKEN", after_wut },
		{ "allocation lengths and residuals", lengths },
		{ "blocks that a WUT's end says to be written", done_blocks },
		TEST_END
	};

	return test_main(argc, argv, "unit-tools-check-result", tests);
}
