/* SPDX-License-Identifier: Apache-2.0 */
/* lu_xcopy.c, cm_xcopy.c: EXTENDED COPY as a command, and what is asked about it. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "xcopy.h"

#define MAX_LIST (XCOPY_LID4_HEADER + XCOPY_MAX_LIST)

static struct xcopy_cscd cscd_of(const struct core *c, unsigned lun)
{
	const struct lu_info *info = lu_info(target_lu(c->target, (uint16_t)lun));

	return (struct xcopy_cscd) { .code_set = 1,
				     .designator_type = 3,
				     .designator_len = info->naa_len,
				     .designator = info->naa,
				     .block_size = info->block_size };
}

static struct xcopy_segment blocks(uint16_t src, uint64_t src_lba, uint16_t dst, uint64_t dst_lba,
				   uint16_t n)
{
	return (struct xcopy_segment) { .type = XCOPY_BLOCKS,
					.src = src,
					.dst = dst,
					.src_lba = src_lba,
					.dst_lba = dst_lba,
					.count = n };
}

struct list {
	struct xcopy_list head;
	struct xcopy_cscd cscds[4]; /* LUN_A, LUN_B, LUN_4K, LUN_SLOW */
	struct xcopy_segment segs[4];
	unsigned nsegs;
	uint8_t pl[MAX_LIST];
	struct scsi_cdb cdb;
};

/* One segment so far; identifiers 0 to 3 are the CSCDs (LID4: 1 to 4). */
static void init(struct list *l, const struct core *c, bool lid4, uint32_t id,
		 struct xcopy_segment seg)
{
	static const unsigned luns[] = { LUN_A, LUN_B, LUN_4K, LUN_SLOW };

	memset(l, 0, sizeof(*l));
	l->head.lid4 = lid4;
	l->head.list_id = id;
	for (unsigned i = 0; i < 4; i++)
		l->cscds[i] = cscd_of(c, luns[i]);
	l->segs[0] = seg;
	l->nsegs = 1;
}

static void encode(struct list *l)
{
	l->cdb = cdb_of(l->head.lid4 ? CMD_EXTENDED_COPY_LID4 : CMD_EXTENDED_COPY_LID1);
	l->cdb.len = (uint32_t)xcopy_encode(l->pl, sizeof(l->pl), &l->head, l->cscds, 4, l->segs,
					    l->nsegs);
}

static const struct reply *run_on(struct core *c, unsigned nexus, unsigned lun, struct list *l)
{
	encode(l);
	return core_cmd(c, nexus, lun, &l->cdb, l->pl, l->cdb.len);
}

static const struct reply *run(struct core *c, struct list *l)
{
	return run_on(c, 0, LUN_A, l);
}

/* A copy of one segment to the slow LUN: 2048 blocks are 16 chunks of 50 ms. */
static bool start_slow(struct core *c, struct core_async *a, unsigned usage, uint32_t id,
		       uint64_t at, uint16_t n)
{
	static struct list l;

	init(&l, c, false, id, blocks(0, 0, 3, at, n));
	l.head.usage = (uint8_t)usage;
	encode(&l);
	return core_start(c, a, 0, LUN_A, &l.cdb, l.pl, l.cdb.len);
}

static void fill(struct core *c, unsigned n)
{
	for (unsigned lba = 0; lba < n; lba += 128)
		core_write(c, LUN_A, lba, 128, 0x55);
}

static const struct reply *ask(struct core *c, unsigned nexus, enum scsi_cmd cmd, uint32_t id)
{
	struct scsi_cdb cdb = cdb_of(cmd);

	cdb.list_id = id;
	cdb.len = 1024;
	return core_cmd(c, nexus, LUN_A, &cdb, NULL, 0);
}

static void status_is(struct core *c, uint32_t id, unsigned status, unsigned segments,
		      uint32_t bytes)
{
	const struct reply *r = ask(c, 0, CMD_RECEIVE_COPY_STATUS_LID1, id);
	struct xcopy_lid1_status s = { 0 };

	CHECK_GOOD(r);
	CU_ASSERT_EQUAL(r->in_len, 12);
	CU_ASSERT_TRUE(xcopy_status_decode(r->in, r->in_len, &s));
	CU_ASSERT_EQUAL(s.status, status);
	CU_ASSERT_EQUAL(s.segments, segments);
	CU_ASSERT_EQUAL(s.units, 0);
	CU_ASSERT_EQUAL(s.count, bytes);
}

static void failed_at(const struct reply *r, unsigned want, unsigned segment, unsigned field)
{
	CHECK_KCQ(r, want);
	CU_ASSERT_EQUAL(r->sense.flags & ~SENSE_INFO, SENSE_SEGMENT | SENSE_FIELD_SEGMENT);
	CU_ASSERT_EQUAL(r->sense.segment, segment);
	CU_ASSERT_EQUAL(r->sense.field, field);
}

static void between_luns(void)
{
	static struct list l;
	const struct lu_stats *stats;
	struct core c;

	core_init(&c, NULL, 0);
	stats = lu_stats(target_lu(c.target, LUN_A));
	core_write(&c, LUN_A, 100, 100, 0x11);
	core_write(&c, LUN_B, 0, 120, 0x22);
	init(&l, &c, false, 7, blocks(0, 100, 1, 10, 100));
	l.segs[l.nsegs++] = blocks(1, 0, 0, 5000, 5);
	CHECK_GOOD(run(&c, &l));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 0, 10, 0x22));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 10, 100, 0x11));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 110, 10, 0x22));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 5000, 5, 0x22));
	CU_ASSERT_EQUAL(stats->extended_copies, 1);
	CU_ASSERT_EQUAL(stats->bytes_xcopied, 105 * 512);
	status_is(&c, 7, XCOPY_OK, 2, 105 * 512);
	/* Told once; and there was no failure. */
	CHECK_KCQ(ask(&c, 0, CMD_RECEIVE_COPY_STATUS_LID1, 7), 0x52400);
	CU_ASSERT_EQUAL(ask(&c, 0, CMD_RECEIVE_COPY_FAILURE_DETAILS, 7)->in_len, 4);
	CHECK_KCQ(ask(&c, 0, CMD_RECEIVE_COPY_FAILURE_DETAILS, 7), 0x52400);
	CHECK_KCQ(ask(&c, 1, CMD_RECEIVE_COPY_STATUS_LID1, 7), 0x52400);
	/* Through any LU of the target, and "this LU" is the one that got it. */
	init(&l, &c, false, 7, blocks(0, 100, XCOPY_ID_THIS_LU, 900, 3));
	CHECK_GOOD(run_on(&c, 1, LUN_B, &l));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 900, 3, 0x11));
	core_done(&c);
}

static void by_bytes(void)
{
	static struct list l;
	struct core c;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 0, 16, 0x11);
	core_write(&c, LUN_4K, 0, 4, 0xee);
	for (unsigned i = 0; i < 2; i++) {
		init(&l, &c, i, 7, blocks(0, 4, 2, 1, 0));
		l.segs[0].type = XCOPY_OFFSET;
		l.segs[0].src += (uint16_t)i;
		l.segs[0].dst += (uint16_t)i;
		l.segs[0].count = 4096;
		CHECK_GOOD(run(&c, &l));
		CU_ASSERT_TRUE(core_holds(&c, LUN_4K, 0, 1, 0xee));
		CU_ASSERT_TRUE(core_holds(&c, LUN_4K, 1, 1, 0x11));
		CU_ASSERT_TRUE(core_holds(&c, LUN_4K, 2, 1, 0xee));
	}
	/* From the middle of a block, and not into one. */
	init(&l, &c, false, 7, blocks(2, 1, 1, 50, 0));
	l.segs[0].type = XCOPY_OFFSET;
	l.segs[0].src_off = 3584;
	l.segs[0].count = 1024;
	CHECK_GOOD(run(&c, &l));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 50, 1, 0x11));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 51, 1, 0xee));
	l.segs[0].count = 1023;
	failed_at(run(&c, &l), 0xa260d, 0, 8);
	l.segs[0].count = 1024;
	l.segs[0].dst_off = 8;
	failed_at(run(&c, &l), 0xa260d, 0, 30);
	l.segs[0].dst_off = 512;
	failed_at(run(&c, &l), 0xa2600, 0, 30);
	l.segs[0].dst_off = 0;
	l.segs[0].src_off = 4096;
	failed_at(run(&c, &l), 0xa2600, 0, 28);
	l.segs[0].src_off = 100;
	failed_at(run(&c, &l), 0xa260d, 0, 28);
	core_done(&c);
}

/* As if all of the source was read before the first write, whatever the distance. */
static void onto_itself(void)
{
	static const int shifts[] = { 1,  7,  127,  128,  129,	300,  500,
				      -1, -7, -127, -128, -129, -300, 0 };
	const unsigned first = 1000, n = 600;
	static struct list l;
	struct core c;

	core_init(&c, NULL, 0);
	for (unsigned k = 0; k < sizeof(shifts) / sizeof(shifts[0]); k++) {
		struct scsi_cdb rd = cdb_of(CMD_READ_16), wr = cdb_of(CMD_WRITE_16);
		static uint8_t data[120 * 512];
		unsigned to = (unsigned)((int)first + shifts[k]);

		wr.blocks = rd.blocks = 120;
		for (unsigned at = 0; at < n; at += 120) {
			for (unsigned i = 0; i < 120; i++)
				memset(data + i * 512, (int)((at + i) * 7 + k), 512);
			wr.lba = first + at;
			CHECK_GOOD(core_cmd(&c, 0, LUN_A, &wr, data, sizeof(data)));
		}
		init(&l, &c, false, 1, blocks(0, first, 0, to, (uint16_t)n));
		CHECK_GOOD(run(&c, &l));
		for (unsigned at = 0; at < n; at += 120) {
			const struct reply *r;

			rd.lba = to + at;
			r = core_cmd(&c, 0, LUN_A, &rd, NULL, 0);
			for (unsigned i = 0; i < 120; i++)
				CU_ASSERT_EQUAL_FATAL(r->in[i * 512], (uint8_t)((at + i) * 7 + k));
		}
	}
	core_done(&c);
}

static void a_bad_segment(void)
{
	static struct list l;
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 100, 100, 0x11);
	core_write(&c, LUN_B, 0, 120, 0x22);
	init(&l, &c, false, 9, blocks(0, 100, 1, 0, 10));
	l.segs[1] = blocks(0, 100, 4, 20, 10); /* there is no descriptor 4 */
	l.segs[2] = blocks(0, 100, 1, 40, 10);
	l.nsegs = 3;
	failed_at(run(&c, &l), 0xa0804, 1, 6);
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 0, 10, 0x11));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 10, 110, 0x22));
	r = ask(&c, 0, CMD_RECEIVE_COPY_FAILURE_DETAILS, 9);
	CHECK_GOOD(r);
	CU_ASSERT_EQUAL(r->in_len, 78);
	CU_ASSERT_EQUAL(get_be32(r->in), 74);
	CU_ASSERT_EQUAL(r->in[56], SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(get_be16(r->in + 58), 18);
	CU_ASSERT_EQUAL(r->in[62], KEY_COPY_ABORTED);
	CU_ASSERT_EQUAL(get_be16(r->in + 70), 1); /* the segment, in CSI */
	status_is(&c, 9, XCOPY_FAILED, 1, 10 * 512);
	/* Each reason by its name. */
	l.segs[0] = blocks(0xf800, 0, 1, 0, 1);
	failed_at(run(&c, &l), 0xa0804, 0, 4);
	l.segs[0] = blocks(0, CORE_LU_SIZE / 512 - 9, 1, 0, 10);
	failed_at(run(&c, &l), 0xa0000, 0, 12);
	l.segs[0] = blocks(0, UINT64_MAX, 1, 0, 10);
	failed_at(run(&c, &l), 0xa0000, 0, 12);
	l.segs[0] = blocks(0, 0, 1, CORE_LU_SIZE / 512 - 9, 10);
	failed_at(run(&c, &l), 0xa0000, 0, 20);
	l.segs[0] = blocks(0, 0, 1, 0, 10);
	l.cscds[0].block_size = 4096;
	failed_at(run(&c, &l), 0xa0d03, 0, 4);
	l.cscds[0].block_size = 0; /* 0: find out */
	l.cscds[1].pdt = 5;
	failed_at(run(&c, &l), 0xa0d03, 0, 6);
	l.cscds[1].pdt = 0;
	l.cscds[1].designator_len = 7;
	failed_at(run(&c, &l), 0xa0d02, 0, 6);
	l.cscds[1].designator_len = 8;
	l.cscds[1].association = 1;
	failed_at(run(&c, &l), 0xa0d02, 0, 6);
	core_done(&c);
}

static void designators(void)
{
	static struct list l;
	char name[128];
	const struct lu_info *info;
	struct core c;

	core_init(&c, NULL, 0);
	info = lu_info(target_lu(c.target, LUN_B));
	core_write(&c, LUN_A, 0, 4, 0x11);
	/* The T10 vendor designator is too long for a descriptor, but for its serial. */
	snprintf(name, sizeof(name), "%-8s%-16s%s", info->vendor, info->product, info->serial);
	init(&l, &c, false, 1, blocks(0, 0, 1, 8, 4));
	l.cscds[1].designator_len = 20;
	l.cscds[1].designator = (const uint8_t *)name;
	l.cscds[1].designator_type = 1;
	l.cscds[1].code_set = 2;
	failed_at(run(&c, &l), 0xa0d02, 0, 6);
	l.cscds[1] = cscd_of(&c, LUN_B);
	l.cscds[1].code_set = 2;
	failed_at(run(&c, &l), 0xa0d02, 0, 6);
	l.cscds[1].code_set = 1;
	CHECK_GOOD(run(&c, &l));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 8, 4, 0x11));
	core_done(&c);
}

static void read_only(void)
{
	static struct list l;
	struct core c;

	core_init(&c, NULL, 0);
	init(&l, &c, false, 3, blocks(0, 0, 1, 0, 4));
	l.cscds[1] = cscd_of(&c, LUN_RO);
	core_write(&c, LUN_A, 900, 4, 0xee);
	l.segs[1] = l.segs[0];
	l.segs[0] = blocks(0, 0, 0, 900, 4);
	l.nsegs = 2;
	CHECK_KCQ(run(&c, &l), 0x72700);
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 900, 4, 0xee)); /* it has not begun */
	l.segs[1] = blocks(1, 0, 0, 0, 4);
	CHECK_GOOD(run(&c, &l)); /* reading is fine */
	core_done(&c);
}

static void unlike_blocks(void)
{
	static struct list l;
	const struct reply *r;
	struct scsi_cdb rd = cdb_of(CMD_READ_16);
	struct core c;

	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < 40; i++)
		core_write(&c, LUN_A, i, 1, (uint8_t)(i + 1));
	core_write(&c, LUN_4K, 0, 8, 0xee);
	init(&l, &c, false, 1, blocks(0, 0, 2, 1, 16));
	CHECK_GOOD(run(&c, &l));
	rd.blocks = 4;
	r = core_cmd(&c, 0, LUN_4K, &rd, NULL, 0);
	CU_ASSERT_TRUE(r->in[0] == 0xee && r->in[4096] == 1 && r->in[3 * 4096 - 1] == 16);
	CU_ASSERT_EQUAL(r->in[3 * 4096], 0xee);
	/* In blocks of the destination. */
	l.segs[0] = blocks(0, 20, 2, 4, 2);
	l.segs[0].dc = true;
	CHECK_GOOD(run(&c, &l));
	rd.lba = 4;
	r = core_cmd(&c, 0, LUN_4K, &rd, NULL, 0);
	CU_ASSERT_TRUE(r->in[0] == 21 && r->in[2 * 4096 - 1] == 36 && r->in[2 * 4096] == 0xee);
	/* What fills no block: refused, padded, dropped, or kept for the next segment. */
	l.segs[0] = blocks(0, 0, 2, 0, 12);
	failed_at(run(&c, &l), 0xa260a, 0, 8);
	l.cscds[2].pad = true;
	CHECK_GOOD(run(&c, &l));
	rd.lba = 0;
	r = core_cmd(&c, 0, LUN_4K, &rd, NULL, 0);
	CU_ASSERT_TRUE(r->in[0] == 1 && r->in[4096] == 9 && r->in[4096 + 2047] == 12);
	CU_ASSERT_TRUE(r->in[4096 + 2048] == 0 && r->in[8191] == 0 && r->in[8192] == 9);
	l.cscds[2].pad = false;
	l.cscds[0].pad = true;
	core_write(&c, LUN_4K, 0, 8, 0xee);
	CHECK_GOOD(run(&c, &l));
	r = core_cmd(&c, 0, LUN_4K, &rd, NULL, 0);
	CU_ASSERT_TRUE(r->in[0] == 1 && r->in[4096] == 0xee);
	l.segs[0].cat = true;
	l.segs[1] = blocks(0, 30, 2, 5, 4);
	l.nsegs = 2;
	CHECK_GOOD(run(&c, &l));
	rd.lba = 5;
	r = core_cmd(&c, 0, LUN_4K, &rd, NULL, 0);
	CU_ASSERT_TRUE(r->in[0] == 9 && r->in[2047] == 12 && r->in[2048] == 31 &&
		       r->in[4095] == 34);
	CU_ASSERT_EQUAL(r->in[4096], 0xee);
	/* 4096 to 512 by the destination's count: the rest of the last block. */
	l.segs[0] = blocks(2, 5, 1, 100, 5);
	l.segs[0].dc = l.segs[0].cat = true;
	l.segs[1] = blocks(2, 5, 1, 200, 4);
	l.segs[1].dc = true;
	failed_at(run(&c, &l), 0xa260a, 1, 8);
	l.cscds[2].pad = true;
	CHECK_GOOD(run(&c, &l));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 100, 1, 9) && core_holds(&c, LUN_B, 104, 1, 31));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 200, 1, 32) && core_holds(&c, LUN_B, 202, 1, 34));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 203, 1, 9));
	/* From two LUs into one block: we do not. */
	l.segs[0] = blocks(0, 0, 2, 0, 12);
	l.segs[0].cat = true;
	l.segs[1] = blocks(1, 0, 2, 4, 4);
	failed_at(run(&c, &l), 0xa260a, 1, 4);
	core_done(&c);
}

/* What qemu-img -C does: all in flight under one identifier, LIST ID USAGE 10b. */
static void many_with_one_identifier(void)
{
	static struct core_async a[8];
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, 512);
	for (unsigned i = 0; i < 8; i++)
		CU_ASSERT_TRUE(start_slow(&c, &a[i], XCOPY_DISCARD, 1, i * 1000, 512));
	for (unsigned i = 0; i < 8; i++) {
		core_finish(&a[i]);
		CU_ASSERT_EQUAL(a[i].task.status, SAM_GOOD);
		CU_ASSERT_TRUE(core_holds(&c, LUN_SLOW, i * 1000, 64, 0x55));
	}
	status_is(&c, 1, XCOPY_OK, 1, 512 * 512);
	/* Without one as well; and there is no result then. */
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_TRUE(start_slow(&c, &a[i], XCOPY_NO_ID, 0, i * 100, 64));
	CHECK_KCQ(ask(&c, 0, CMD_RECEIVE_COPY_STATUS_LID1, 0), 0x52400);
	for (unsigned i = 0; i < 4; i++) {
		core_finish(&a[i]);
		CU_ASSERT_EQUAL(a[i].task.status, SAM_GOOD);
	}
	CHECK_KCQ(ask(&c, 0, CMD_RECEIVE_COPY_STATUS_LID1, 0), 0x52400);
	core_done(&c);
}

static void identifier_in_use(void)
{
	static struct core_async a;
	static struct list l;
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, 512);
	CU_ASSERT_TRUE(start_slow(&c, &a, XCOPY_KEEP, 1, 0, 512));
	init(&l, &c, false, 1, blocks(0, 0, 0, 900, 4));
	CHECK_KCQ(run(&c, &l), 0x50016);
	l.head.usage = XCOPY_DISCARD;
	CHECK_KCQ(run(&c, &l), 0x50016);
	l.head.list_id = 2;
	CHECK_GOOD(run(&c, &l));
	init(&l, &c, true, 1, blocks(0, 0, 0, 900, 4)); /* 01h and 00000001h are one */
	CHECK_KCQ(run(&c, &l), 0x52600);
	CHECK_KCQ(ask(&c, 0, CMD_RECEIVE_COPY_FAILURE_DETAILS, 1), 0x52400);
	status_is(&c, 1, XCOPY_RUNNING, 0, 0);
	status_is(&c, 1, XCOPY_RUNNING, 0, 0);
	core_finish(&a);
	status_is(&c, 1, XCOPY_OK, 1, 512 * 512);
	core_done(&c);
}

static void in_the_background(void)
{
	static struct list l;
	struct scsi_cdb coa = cdb_of(CMD_COPY_OPERATION_ABORT);
	struct tpc_result res;
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, 512);
	init(&l, &c, true, 0x12345678, blocks(1, 0, 4, 0, 512));
	l.segs[1] = blocks(1, 0, 4, 3000, 512);
	l.nsegs = 2;
	l.head.immed = true;
	CHECK_GOOD(run(&c, &l));
	for (unsigned last = 0;;) {
		r = ask(&c, 0, CMD_RECEIVE_COPY_STATUS_LID4, 0x12345678);
		CHECK_GOOD(r);
		CU_ASSERT_TRUE_FATAL(tpc_result_decode(r->in, r->in_len, &res));
		CU_ASSERT_TRUE(res.sa == 1 && res.units == TPC_UNITS_BYTES);
		CU_ASSERT_TRUE(res.count >= last);
		last = (unsigned)res.count;
		if (res.status != TPC_BACKGROUND)
			break;
		core_sleep(&c, 20);
	}
	CU_ASSERT_EQUAL(res.status, TPC_DONE);
	CU_ASSERT_EQUAL(res.segments, 2);
	CU_ASSERT_EQUAL(res.count, 1024 * 512);
	CHECK_KCQ(ask(&c, 0, CMD_RECEIVE_COPY_STATUS_LID1, 0x78), 0x52400);
	/* And ended before its time. */
	CHECK_GOOD(run(&c, &l));
	core_sleep(&c, 60);
	coa.list_id = 0x12345678;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &coa, NULL, 0));
	r = ask(&c, 0, CMD_RECEIVE_COPY_STATUS_LID4, 0x12345678);
	CU_ASSERT_TRUE(tpc_result_decode(r->in, r->in_len, &res));
	CU_ASSERT_EQUAL(res.status, TPC_TERMINATED);
	CU_ASSERT_TRUE(res.count < 1024 * 512);
	/* Its success told by sense. */
	l.head.immed = false;
	l.head.g_sense = true;
	l.segs[0].count = l.segs[1].count = 1;
	r = run(&c, &l);
	CHECK_KCQ(r, 0xf0020);
	CU_ASSERT_TRUE(r->sense.flags == SENSE_SEGMENT && r->sense.segment == 2);
	l.head.immed = true;
	CHECK_KCQ(run(&c, &l), 0x52400);
	core_done(&c);
}

static void ends_with_its_task(void)
{
	static struct core_async a;
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, 4096);
	CU_ASSERT_TRUE(start_slow(&c, &a, XCOPY_KEEP, 1, 0, 4096));
	core_sleep(&c, 70);
	lu_abort(&a.task);
	core_finish(&a);
	CU_ASSERT_EQUAL(a.task.status, SAM_TASK_ABORTED);
	CU_ASSERT_TRUE(bs_stats(lu_backstore(target_lu(c.target, LUN_SLOW)))->writes < 32);
	status_is(&c, 1, XCOPY_FAILED, 0, 0);
	core_done(&c);
}

struct removal {
	struct target_removal r;
	bool over;
};

static void was_removed(struct target_removal *r, int err)
{
	CU_ASSERT_EQUAL(err, 0);
	((struct removal *)r)->over = true;
}

/* The LU that is written goes away; the command was another's. */
static void its_destination_goes(void)
{
	struct removal m = { .r = { .lun = LUN_SLOW, .done = was_removed } };
	static struct core_async a;
	static struct list l;
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, 2048);
	init(&l, &c, true, 5, blocks(1, 0, 4, 0, 2048));
	l.head.immed = true;
	CHECK_GOOD(run(&c, &l));
	CU_ASSERT_TRUE(start_slow(&c, &a, XCOPY_KEEP, 1, 3000, 128));
	core_sleep(&c, 10);
	CU_ASSERT_TRUE(target_remove_lu(c.target, &m.r));
	core_finish(&a); /* in the foreground it goes on to its end */
	CU_ASSERT_EQUAL(a.task.status, SAM_GOOD);
	core_sleep(&c, 150);
	CU_ASSERT_TRUE(m.over);
	core_done(&c);
}

static void a_failing_disk(void)
{
	static struct list l;
	struct bs_config bc = { .path = "mem:bad",
				.size = CORE_LU_SIZE,
				.block_size = 512,
				.fault = "write-error:512K:4K" };
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	struct lu_config lc = { .lun = 9, .block_size = 512, .tpc = lu_tpc_defaults };
	const struct reply *r;
	struct backstore *bs;
	char err[256] = "";
	struct core c;

	core_init(&c, NULL, 0);
	if (bs_open(&bs, &bc, &c.env, err, sizeof(err)) < 0) {
		CU_FAIL_FATAL(err);
		return;
	}
	CU_ASSERT_EQUAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	core_luns_known(&c);
	CHECK_KCQ(core_cmd(&c, 0, 9, &tur, NULL, 0), 0x62900);
	fill(&c, 2048);
	init(&l, &c, false, 1, blocks(0, 0, 1, 0, 8));
	l.cscds[1] = cscd_of(&c, 9);
	l.segs[1] = blocks(0, 0, 1, 0, 2048);
	l.nsegs = 2;
	r = run(&c, &l);
	failed_at(r, 0xa0d01, 1, 6);
	CU_ASSERT_TRUE(r->sense.flags & SENSE_INFO);
	CU_ASSERT_TRUE(r->sense.info > 0 && r->sense.info < 2048);
	CU_ASSERT_TRUE(core_holds(&c, 9, 0, 8, 0x55));
	core_done(&c);
}

static void is_it_there(void)
{
	static struct list l;
	struct scsi_cdb stop = cdb_of(CMD_START_STOP_UNIT);
	struct core c;

	core_init(&c, NULL, 0);
	init(&l, &c, false, 1, (struct xcopy_segment) { .type = XCOPY_VERIFY, .src = 1 });
	CHECK_GOOD(run(&c, &l));
	l.segs[0].tur = true;
	CHECK_GOOD(run(&c, &l));
	CHECK_GOOD(core_cmd(&c, 0, LUN_B, &stop, NULL, 0));
	failed_at(run(&c, &l), 0xa0d01, 0, 4);
	l.segs[0].tur = false;
	CHECK_GOOD(run(&c, &l));
	l.segs[0].src = 0xc000; /* the null device: we have none */
	failed_at(run(&c, &l), 0xa0804, 0, 4);
	core_done(&c);
}

/* By another initiator's RESERVE(6), of a LU that is not the one with the command. */
static void reserved(void)
{
	static struct list l;
	struct scsi_cdb reserve = cdb_of(CMD_RESERVE_6), release = cdb_of(CMD_RELEASE_6);
	struct core c;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 0, 4, 0x11);
	CHECK_GOOD(core_cmd(&c, 1, LUN_B, &reserve, NULL, 0));
	init(&l, &c, false, 1, blocks(0, 0, 0, 8, 4));
	l.segs[1] = blocks(0, 0, 1, 0, 4);
	l.nsegs = 2;
	failed_at(run(&c, &l), 0xa0d01, 1, 6);
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 8, 4, 0)); /* nothing has begun */
	l.segs[1] = blocks(1, 0, 0, 0, 4);
	failed_at(run(&c, &l), 0xa0d01, 1, 4);
	CHECK_GOOD(run_on(&c, 1, LUN_A, &l)); /* its holder may */
	CHECK_GOOD(core_cmd(&c, 1, LUN_B, &release, NULL, 0));
	CHECK_GOOD(run(&c, &l));
	core_done(&c);
}

static void nothing_to_do(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_EXTENDED_COPY_LID1);
	static const uint8_t empty[16] = { 7 };
	static struct list l;
	struct core c;

	core_init(&c, NULL, 0);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0));
	cdb.len = 16;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &cdb, empty, 16));
	CHECK_KCQ(ask(&c, 0, CMD_RECEIVE_COPY_STATUS_LID1, 7), 0x52400);
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0), 0x51a00);
	init(&l, &c, false, 7, blocks(0, 0, 1, 0, 0));
	CHECK_GOOD(run(&c, &l));
	status_is(&c, 7, XCOPY_OK, 1, 0);
	core_done(&c);
}

static void parameters(void)
{
	static const uint8_t want[] = { 0, 0, 0, 44, 1, 0, 0, 0, 0, 64, 0, 64, 0, 0, 0x0f, 0 };
	static const uint8_t tail[] = { 1, 0, 255, 9, 0, 0, 0, 0, 0, 4, 0x02, 0x07, 0x0a, 0xe4 };
	struct scsi_cdb cdb = cdb_of(CMD_RECEIVE_COPY_OPERATING_PARAMETERS);
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	cdb.len = 1024;
	r = core_cmd(&c, 0, LUN_A, &cdb, NULL, 0);
	CU_ASSERT_EQUAL(r->in_len, 48);
	CHECK_BYTES(r->in, 16, want, 16);
	CHECK_BYTES(r->in + 34, 14, tail, 14);
	cdb.len = 5;
	CU_ASSERT_EQUAL(core_cmd(&c, 0, LUN_4K, &cdb, NULL, 0)->in_len, 5);
	core_done(&c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "EXTENDED COPY between LUNs, in order, with its status told once", between_luns },
		{ "by bytes and offsets (0Ah), with either length of identifier", by_bytes },
		{ "onto itself, in either direction and any distance", onto_itself },
		{ "a bad segment ends it with its number; those before are copied", a_bad_segment },
		{ "CSCD descriptors are compared with VPD 83h", designators },
		{ "a read-only destination is 7/27/00 before anything is copied", read_only },
		{ "unlike block sizes: DC, CAT and PAD", unlike_blocks },
		{ "eight in flight with one identifier and LIST ID USAGE 10b",
		  many_with_one_identifier },
		{ "an identifier in use: 5/00/16, of the other format 5/26/00", identifier_in_use },
		{ "EXTENDED COPY(LID4) in the background, ended early, with G_SENSE",
		  in_the_background },
		{ "ABORT TASK ends it", ends_with_its_task },
		{ "the LU that it writes goes away", its_destination_goes },
		{ "a failing disk: A/0D/01 with what is missing", a_failing_disk },
		{ "verify CSCD (07h)", is_it_there },
		{ "another initiator's reservation of an LU stops it", reserved },
		{ "lists that say nothing are GOOD", nothing_to_do },
		{ "RECEIVE COPY OPERATING PARAMETERS", parameters },
		TEST_END,
	};

	return test_main(argc, argv, "xcopy", tests);
}
