/* SPDX-License-Identifier: Apache-2.0 */
/*
 * windows-initiator.md 10, "the target must", items 1 to 23: discovery, POPULATE TOKEN,
 * RECEIVE ROD TOKEN INFORMATION.  The rest is in test_windows_writes.c.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mode.h"
#include "windows.h"

#define SIZE   (16 * MIB)
#define BLOCKS (SIZE / 512)

/* A VPD page as Windows asks for it, in 255 bytes. */
static struct answer vpd(struct bench *b, uint8_t page, uint8_t buf[DISK_VPD_LEN])
{
	memset(buf, 0, DISK_VPD_LEN);
	return inquiry(b->in, 0, true, page, buf, DISK_VPD_LEN);
}

static struct vpd_8f limits(struct bench *b)
{
	struct vpd_8f v = { 0 };
	uint8_t buf[DISK_VPD_LEN];

	CHECK_GOOD(vpd(b, 0x8f, buf));
	CU_ASSERT(vpd_8f_decode(buf, sizeof(buf), &v));
	return v;
}

/* ---- discovery ---- */

static void i01(void)
{
	static const char *const kinds[] = { "", ",provisioning=full", ",read-only" };

	for (unsigned k = 0; k < 3; k++) {
		struct bench b = bench_start(MIB, kinds[k], NULL);
		uint8_t buf[DISK_VPD_LEN];
		bool found[256] = { false };

		CHECK_GOOD(vpd(&b, 0x00, buf));
		CU_ASSERT_EQUAL(buf[2], 0); /* Windows takes byte 3 for the length */
		CU_ASSERT(buf[3] > 0 && buf[4] == 0x00);
		for (unsigned i = 1; i < buf[3]; i++)
			CU_ASSERT(buf[4 + i] > buf[3 + i]);
		for (unsigned i = 0; i < buf[3]; i++)
			found[buf[4 + i]] = true;
		CU_ASSERT(found[0x8f] && found[0xb0] && found[0xb2]);
		bench_done(&b);
	}
}

static void i02(void)
{
	struct bench b = bench_start(MIB, "", NULL);
	uint8_t buf[DISK_VPD_LEN], all[1024] = { 0 };
	struct answer a = vpd(&b, 0x8f, buf);
	size_t natural;

	CHECK_GOOD(a);
	CHECK_GOOD(inquiry(b.in, 0, true, 0x8f, all, sizeof(all)));
	natural = 4u + get_be16(all + 2);
	CU_ASSERT_EQUAL(get_be16(buf + 2), natural - 4); /* not cut with the rest */
	CU_ASSERT_EQUAL(a.in_len, natural < DISK_VPD_LEN ? natural : DISK_VPD_LEN);
	CHECK_BYTES(buf, a.in_len, all, a.in_len);
	bench_done(&b);
}

static void i03(void)
{
	struct bench b = bench_start(MIB, "", NULL);
	uint8_t buf[DISK_VPD_LEN];

	CHECK_GOOD(vpd(&b, 0x8f, buf));
	CU_ASSERT(get_be16(buf + 2) >= 0x24);
	CU_ASSERT_EQUAL(get_be16(buf + 4), 0x0000);
	CU_ASSERT_EQUAL(get_be16(buf + 6), 0x0020);
	bench_done(&b);
}

static void i04(void)
{
	static const struct {
		const char *options;
		uint64_t mtts, otc; /* blocks */
	} rows[] = {
		{ "", 4 * GIB / 512, 256 * MIB / 512 },
		{ ",block-size=4096", 4 * GIB / 4096, 256 * MIB / 4096 },
		{ ",odx.max-token=64M,odx.optimal=64M", 64 * MIB / 512, 64 * MIB / 512 },
		{ ",odx.max-token=0,odx.optimal=1G", 0, GIB / 512 },
		{ ",odx.max-token=128M,odx.optimal=0", 128 * MIB / 512, 0 },
		{ ",odx.max-token=0,odx.optimal=0", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b = bench_start(MIB, rows[i].options, NULL);
		struct vpd_8f v = limits(&b);

		CU_ASSERT_EQUAL(v.max_token_blocks, rows[i].mtts);
		CU_ASSERT_EQUAL(v.optimal_blocks, rows[i].otc);
		CU_ASSERT(!v.max_token_blocks || v.optimal_blocks <= v.max_token_blocks);
		bench_done(&b);
	}
}

static void i05(void)
{
	/* All of it would take 32 s. */
	struct bench b = bench_start(64 * MIB, "", ",fault=rate:2M");
	struct tpc_range all = RANGE(0, 64 * MIB / 512);
	uint8_t token[ROD_TOKEN_LEN];
	double begun, took;
	struct answer a;

	CU_ASSERT(take_token(b.in, 0, 1, &all, 1, token));
	begun = seconds_now();
	a = wut(b.in, 1, 2, token, 0, &all, 1);
	took = seconds_now() - begun;
	printf("  (%.1f s)\n", took);
	CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(took < (sanitized() ? 8.0 : 4.0));
	bench_done(&b);
}

static void i06(void)
{
	static const struct {
		const char *options;
		unsigned most;
	} rows[] = { { "", 64 }, { ",odx.max-ranges=8", 8 } };

	for (unsigned i = 0; i < 2; i++) {
		struct bench b = bench_start(SIZE, rows[i].options, NULL);
		struct tpc_range r[65];

		for (unsigned k = 0; k < 65; k++)
			r[k] = RANGE(k * 16, 8);
		CU_ASSERT_EQUAL(limits(&b).max_ranges, rows[i].most);
		CHECK_GOOD(pt(b.in, 0, 1, r, rows[i].most));
		CHECK_ILLEGAL(pt(b.in, 0, 2, r, rows[i].most + 1),
			      ASC_TOO_MANY_SEGMENT_DESCRIPTORS);
		bench_done(&b);
	}
}

static void i07(void)
{
	static const struct {
		const char *options;
		uint32_t most, usual;
	} rows[] = { { "", 600, 60 }, { ",odx.max-timeout=90s,odx.default-timeout=30s", 90, 30 } };

	for (unsigned i = 0; i < 2; i++) {
		struct bench b = bench_start(SIZE, rows[i].options, NULL);
		struct tpc_range r = RANGE(0, 8);
		struct vpd_8f v = limits(&b);

		CU_ASSERT_EQUAL(v.max_timeout, rows[i].most);
		CU_ASSERT_EQUAL(v.default_timeout, rows[i].usual);
		CHECK_GOOD(pt_timeout(b.in, 0, 1, v.max_timeout, &r, 1));
		CHECK_ILLEGAL(pt_timeout(b.in, 0, 2, v.max_timeout + 1, &r, 1),
			      ASC_INVALID_FIELD_IN_PARAMETER_LIST);
		bench_done(&b);
	}
}

static void i08(void)
{
	struct bench b = bench_start(MIB, "", NULL);
	struct scsi_cdb sense = { .op = &scsi_ops[CMD_MODE_SENSE_6], .page = 0x0a, .len = 192 };
	struct scsi_cdb select = { .op = &scsi_ops[CMD_MODE_SELECT_6], .pf = true };
	uint8_t buf[192] = { 0 }, list[4 + 12] = { 0 };
	const uint8_t *page;

	CHECK_GOOD(command(b.in, 0, &sense, buf, sizeof(buf)));
	page = buf + 4 + buf[3];
	CU_ASSERT_EQUAL(page[0] & 0x3f, 0x0a);
	CU_ASSERT_EQUAL(page[1], 0x0a);
	CU_ASSERT_EQUAL(page[3] & 0x06, 0); /* QERR */
	/* And the same page back, as a class driver that found another value would. */
	memcpy(list + 4, page, 12);
	list[4] &= 0x3f;
	select.len = sizeof(list);
	CHECK_GOOD(command(b.in, 0, &select, list, sizeof(list)));
	bench_done(&b);
}

static void i09(void)
{
	static const char *const disks[] = { "file", "mem:x,size=16M" };

	for (unsigned i = 0; i < 2; i++) {
		struct odxd *o = ODXD("--lun", i ? disks[1] : make_file("mtl", SIZE));
		struct bench b = { .o = o, .in = login_clear(o, 1) };
		struct vpd_8f v = limits(&b);
		uint8_t buf[DISK_VPD_LEN];
		struct vpd_b0 b0;

		CHECK_GOOD(vpd(&b, 0xb0, buf));
		CU_ASSERT_FATAL(vpd_b0_decode(buf, sizeof(buf), &b0));
		CU_ASSERT(!b0.max_transfer_blocks ||
			  b0.max_transfer_blocks >=
				  (v.optimal_blocks ? v.optimal_blocks : v.max_token_blocks));
		bench_done(&b);
	}
}

/* ---- POPULATE TOKEN ---- */

static void i10(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t list[32];
	char cdb[] = "83 10 00 00 00 00  00 00 00 00  00 00 00 20  00 00";

	/* windows-initiator.md 8, byte for byte, of 2048 blocks. */
	test_hex("00 1E 00 00 00 00 00 00 00 00 00 00 00 00 00 10"
		 "00 00 00 00 00 00 00 10 00 00 08 00 00 00 00 00",
		 list, sizeof(list));
	CHECK_GOOD(raw_command(b.in, 0, cdb, DIR_OUT, list, sizeof(list)));
	CU_ASSERT(result_is(b.in, 0, 0, TPC_DONE, 2048));
	bench_done(&b);
}

static void i11(void)
{
	static const struct tpc_range r[] = { { 100, 8 }, { 108, 8 }, { 90, 10 }, { 5000, 1 } };
	static const struct tpc_range bad[] = { { 100, 8 }, { 5000, 1 }, { 107, 1 } };
	struct tpc_range to = RANGE(9000, 27);
	struct bench b = bench_start(SIZE, "", "");
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_token(b.in, 0, 1, r, 4, token));
	CHECK_GOOD(wut(b.in, 1, 2, token, 0, &to, 1));
	CU_ASSERT(file_is(b.dst, 9000 * 512, 16 * 512, 100 * 512, 1));
	CU_ASSERT(file_is(b.dst, 9016 * 512, 10 * 512, 90 * 512, 1));
	CU_ASSERT(file_is(b.dst, 9026 * 512, 512, 5000 * 512, 1));
	CU_ASSERT(file_is(b.dst, 9027 * 512, 512, 9027 * 512, 2));
	CHECK_ILLEGAL(pt(b.in, 0, 3, bad, 3), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	bench_done(&b);
}

static void i12(void)
{
	struct bench b =
		bench_start(SIZE, ",odx.token-covers=1M,odx.optimal=1M,odx.max-token=8M", "");
	static const struct tpc_range r[] = { { 3000, 1000 }, { 0, 2000 } };
	struct tpc_range to = RANGE(9000, 2049), most = RANGE(0, 16384), above = RANGE(0, 16385);
	uint8_t token[ROD_TOKEN_LEN];
	struct rrti q;
	struct answer a;

	CHECK_GOOD(pt(b.in, 0, 1, r, 2));
	rrti(b.in, 0, 1, RRTI_ALL, &q);
	CHECK_GOOD(q.answer);
	CU_ASSERT_EQUAL(q.r.status, TPC_PARTIAL);
	CU_ASSERT_EQUAL(q.r.count, 2048);
	CU_ASSERT_PTR_NOT_NULL_FATAL(q.r.token);
	memcpy(token, q.r.token, sizeof(token));
	/* Good for its 2048 blocks, and not for one more. */
	a = wut(b.in, 1, 2, token, 0, &to, 1);
	CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(answer_info("WUT", a, 2048));
	CU_ASSERT(file_is(b.dst, 9000 * 512, 1000 * 512, 3000 * 512, 1));
	CU_ASSERT(file_is(b.dst, 10000 * 512, 1048 * 512, 0, 1));
	CU_ASSERT(file_is(b.dst, 11048 * 512, 512, 11048 * 512, 2));
	/* As long as the sum is not above MAXIMUM TOKEN TRANSFER SIZE. */
	CHECK_GOOD(pt(b.in, 0, 3, &most, 1));
	CU_ASSERT(result_is(b.in, 0, 3, TPC_PARTIAL, 2048));
	CHECK_ILLEGAL(pt(b.in, 0, 4, &above, 1), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	bench_done(&b);
}

static void i13(void)
{
	/* A write that does not end holds PT up: for the time it has, and no longer. */
	struct bench b = bench_start(SIZE, ",fault=write-delay:9000", NULL);
	struct initiator *other = login_clear(b.o, 1);
	struct tpc_range r = RANGE(0, 8);
	uint8_t block[512] = { 0 };
	struct initiator_cmd slow = disk_write_cmd(0, 1, block, sizeof(block));
	double begun, took;

	CHECK_GOOD(pt(b.in, 0, 1, &r, 1));
	initiator_submit(other, 0, &slow);
	serve_for(other, 300);
	CU_ASSERT(slow.busy);
	begun = seconds_now();
	CHECK_SENSE(pt(b.in, 0, 2, &r, 1), KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);
	took = seconds_now() - begun;
	CU_ASSERT(took < (sanitized() ? 8.0 : 4.0));
	initiator_wait(other, &slow);
	initiator_close(other);
	bench_done(&b);
}

/* Changes a mode page, which the others hear of by 6/2A/01. */
static void change_mode(struct initiator *in, bool wce)
{
	struct scsi_cdb select = { .op = &scsi_ops[CMD_MODE_SELECT_6], .pf = true, .len = 24 };
	uint8_t list[24] = { [4] = 0x08, [5] = 18, [6] = wce ? 0x04 : 0 };

	CHECK_GOOD(command(in, 0, &select, list, sizeof(list)));
}

static void i14(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct initiator *other = login_clear(b.o, 1);
	struct tpc_range r = RANGE(0, 8), more = RANGE(8, 9);
	struct rrti first, again;

	CHECK_GOOD(pt(b.in, 0, 1, &r, 1));
	change_mode(other, false);
	CHECK_SENSE(tur(b.in, 0), KEY_UNIT_ATTENTION, ASC_MODE_PARAMETERS_CHANGED);
	change_mode(other, true);
	/* The unit attention instead of the answer: the one retry of Windows gets it. */
	rrti(b.in, 0, 1, RRTI_ALL, &first);
	CHECK_SENSE(first.answer, KEY_UNIT_ATTENTION, ASC_MODE_PARAMETERS_CHANGED);
	rrti(b.in, 0, 1, RRTI_ALL, &first);
	rrti(b.in, 0, 1, RRTI_ALL, &again);
	CHECK_GOOD(first.answer);
	CHECK_GOOD(again.answer);
	CHECK_BYTES(again.data, sizeof(again.data), first.data, sizeof(first.data));
	CU_ASSERT_EQUAL(first.r.count, 8);
	/* Until the identifier is used again. */
	CHECK_GOOD(pt(b.in, 0, 1, &more, 1));
	CU_ASSERT(result_is(b.in, 0, 1, TPC_DONE, 9));
	initiator_close(other);
	bench_done(&b);
}

static void i15(void)
{
	static const char *const options[] = { "", ",point-in-time=cancel" };

	for (unsigned i = 0; i < 2; i++) {
		struct bench b = bench_start(SIZE, options[i], "");
		struct tpc_range r = RANGE(1000, 64);
		uint8_t token[ROD_TOKEN_LEN];

		CU_ASSERT(take_token(b.in, 0, 1, &r, 1, token));
		CU_ASSERT(write_pattern(b.in, 0, 512, 1063 * 512, 512, 0, 9));
		if (i == 0) {
			CHECK_GOOD(wut(b.in, 1, 2, token, 0, &r, 1));
			CU_ASSERT(file_is(b.dst, 1000 * 512, 64 * 512, 1000 * 512, 1));
		} else {
			CHECK_ILLEGAL(wut(b.in, 1, 2, token, 0, &r, 1), ASC_TOKEN_CANCELLED);
			CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 2));
		}
		bench_done(&b);
	}
}

/* ---- RECEIVE ROD TOKEN INFORMATION ---- */

static void i16(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	struct tpc_range r = RANGE(0, 8);
	uint8_t buf[805] = { 0 };

	CHECK_GOOD(pt(b.in, 0, 0x01020304, &r, 1));
	CHECK_GOOD(raw_command(b.in, 0, "84 07 01 02 03 04 00 00 00 00 00 00 03 25 00 00", DIR_IN,
			       buf, sizeof(buf)));
	CU_ASSERT_EQUAL(buf[5], TPC_DONE);
	CHECK_ILLEGAL(raw_command(b.in, 0, "84 07 00 00 00 00 01 02 03 04 00 00 03 25 00 00",
				  DIR_IN, buf, sizeof(buf)),
		      ASC_INVALID_FIELD_IN_CDB);
	bench_done(&b);
}

static void i17(void)
{
	static const uint32_t lens[] = { 805, 287, 552, 664, 1560, 65535 };
	static uint8_t buf[65535];
	struct bench b = bench_start(SIZE, "", NULL);
	struct tpc_range r = RANGE(0, 8);

	CHECK_GOOD(pt(b.in, 0, 1, &r, 1));
	for (unsigned i = 0; i < 6; i++) {
		struct scsi_cdb c = { .op = &scsi_ops[CMD_RECEIVE_ROD_TOKEN_INFORMATION],
				      .list_id = 1,
				      .len = lens[i] };
		struct answer a = command(b.in, 0, &c, buf, lens[i]);

		CHECK_GOOD(a);
		CU_ASSERT_EQUAL(a.in_len, lens[i] < 550 ? lens[i] : 550);
		CU_ASSERT_EQUAL(a.residual, lens[i] < 550 ? 0 : lens[i] - 550);
		CU_ASSERT_EQUAL(get_be32(buf), 0x222);
	}
	bench_done(&b);
}

static void i18(void)
{
	struct ended e[WAYS_TO_END];

	ways_to_end(e);
	for (unsigned i = 0; i < WAYS_TO_END; i++)
		CU_ASSERT_EQUAL(e[i].q.r.status, e[i].status);
}

static void i19(void)
{
	struct ended e[WAYS_TO_END];

	ways_to_end(e);
	for (unsigned i = 0; i < WAYS_TO_END; i++) {
		const struct tpc_result *r = &e[i].q.r;

		CU_ASSERT_EQUAL(r->units, TPC_UNITS_BLOCKS);
		if (r->status == TPC_DONE)
			CU_ASSERT_EQUAL(r->count, e[i].asked)
		else if (r->status == TPC_PARTIAL)
			CU_ASSERT(r->count > 0 && r->count < e[i].asked)
		else if (r->status == TPC_TERMINATED)
			/* By COPY OPERATION ABORT, which Windows does not send: what was done. */
			CU_ASSERT(r->count < e[i].asked)
		else
			CU_ASSERT_EQUAL(r->count, 0);
	}
}

static void i20(void)
{
	struct ended e[WAYS_TO_END];

	ways_to_end(e);
	for (unsigned i = 0; i < WAYS_TO_END; i++) {
		const uint8_t *p = e[i].q.data;
		bool token = e[i].sa == 0x10 && e[i].status != TPC_FAILED;
		size_t at = 32u + p[13];

		CU_ASSERT_EQUAL(get_be32(p + at), token ? 0x202 : 0);
		CU_ASSERT_EQUAL(get_be32(p), at + (token ? 0x202 : 0)); /* AVAILABLE DATA */
		if (token)
			CU_ASSERT_EQUAL(get_be16(p + at + 6 + 6), ROD_TOKEN_LENGTH_FIELD);
	}
}

static void i21(void)
{
	struct ended e[WAYS_TO_END];

	ways_to_end(e);
	for (unsigned i = 0; i < WAYS_TO_END; i++) {
		const uint8_t *p = e[i].q.data;
		bool bad = e[i].status == TPC_FAILED || e[i].status == TPC_PARTIAL;

		CU_ASSERT(p[14] <= 18 && p[13] >= p[14]);
		CU_ASSERT_EQUAL(p[14] > 0, bad);
		CU_ASSERT(bad || p[13] == 0);
		if (bad)
			CU_ASSERT_EQUAL(p[32] & 0x7f, 0x70);
	}
}

static void i22(void)
{
	struct ended e[WAYS_TO_END];

	ways_to_end(e);
	for (unsigned i = 0; i < WAYS_TO_END; i++) {
		uint8_t completion = e[i].q.data[12];

		/* Of a terminated one SPC-4 wants TASK ABORTED; there is no sense with it. */
		if (e[i].status == TPC_TERMINATED)
			CU_ASSERT_EQUAL(completion, SAM_TASK_ABORTED)
		else
			CU_ASSERT(completion == SAM_GOOD || completion == SAM_CHECK_CONDITION);
	}
}

static void i23(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	struct rrti q;

	rrti(b.in, 0, 77, 805, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	bench_done(&b);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "10.1 8Fh is in VPD 00h: ascending, from 00h, nothing twice", i01 },
		{ "10.2 page 8Fh in 255 bytes: GOOD with the natural length", i02 },
		{ "10.3 the token limits are the first descriptor of page 8Fh", i03 },
		{ "10.4 MTTS and OTC are in blocks, OTC not above MTTS", i04 },
		{ "10.5 a WUT ends well below 4 s", i05 },
		{ "10.6 64 descriptors; fewer are said and kept to by 5/26/08", i06 },
		{ "10.7 MIAT is kept to by 5/26/00, DIAT is tens of seconds", i07 },
		{ "10.8 QERR is 0, and MODE SELECT may say so", i08 },
		{ "10.9 MAXIMUM TRANSFER LENGTH is 0 or above any descriptor", i09 },
		{ "10.10 ROD TYPE, RTV, timeout, IMMED and list identifier may all be 0", i10 },
		{ "10.11 descriptors adjacent and in any order; overlaps are 5/26/00", i11 },
		{ "10.12 more than a token holds: 03h, a smaller count, a valid token", i12 },
		{ "10.13 PT ends in time", i13 },
		{ "10.14 PT's result stays, over a unit attention too, until overwritten", i14 },
		{ "10.15 the token is the data at the time of PT, or invalid", i15 },
		{ "10.16 RRTI's list identifier stands at CDB bytes 2-5", i16 },
		{ "10.17 allocation lengths 287 to 65535, residual and AVAILABLE DATA", i17 },
		{ "10.18 of ended operations only 01h, 02h, 03h, 60h", i18 },
		{ "10.19 units F1h, counts in blocks, none with 02h", i19 },
		{ "10.20 descriptors length 202h or 0, the token at 38 + byte 13", i20 },
		{ "10.21 sense: fixed, 18 bytes at most; both lengths 0 without", i21 },
		{ "10.22 completion status 00h or 02h where there is sense", i22 },
		{ "10.23 an unknown list identifier is 5/24/00", i23 },
		TEST_END
	};

	return test_main(argc, argv, "e2e-windows-target", tests);
}
