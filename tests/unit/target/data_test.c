/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that compare, change or write more than once: lu_verify.c and lu_atomic.c. */
#include "core.h"

#include <string.h>

static struct core c;
static uint8_t data[TASK_MAX_PARAM];

static const struct bs_stats *stats_of(unsigned lun)
{
	return bs_stats(lu_backstore(target_lu(c.target, (uint16_t)lun)));
}

/* ---- VERIFY, WRITE AND VERIFY ---- */

static void verify_in_all_sizes(void)
{
	static const enum scsi_cmd cmds[] = { CMD_VERIFY_10, CMD_VERIFY_12, CMD_VERIFY_16 };

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 10, 4, 0x5a);
	for (unsigned i = 0; i < 3; i++) {
		struct scsi_cdb v = cdb_of(cmds[i]);
		const struct reply *r;

		memset(data, 0x5a, sizeof(data));
		v.lba = 10;
		v.blocks = 4;
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &v, NULL, 0));
		v.bytchk = 1;
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &v, data, 2048));
		data[2047] ^= 1;
		r = core_cmd(&c, 0, LUN_A, &v, data, 2048);
		CHECK_KCQ(r, 0xe1d00);
		CU_ASSERT_EQUAL(r->sense.info, 2047);
		v.bytchk = 3;
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &v, data, 512));
		v.bytchk = 2;
		CHECK_KCQ(core_cmd(&c, 0, LUN_A, &v, data, 2048), 0x52400);
	}
	core_done(&c);
}

static void write_and_verify_in_all_sizes(void)
{
	static const enum scsi_cmd cmds[] = { CMD_WRITE_AND_VERIFY_10, CMD_WRITE_AND_VERIFY_12,
					      CMD_WRITE_AND_VERIFY_16 };

	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < 6; i++) {
		struct scsi_cdb v = cdb_of(cmds[i / 2]);
		const struct reply *r;

		memset(data, (int)i + 1, sizeof(data));
		v.lba = 8 * i;
		v.blocks = 8;
		v.bytchk = i % 2;
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &v, data, 4096));
		CU_ASSERT_TRUE(core_holds(&c, LUN_A, v.lba, 8, (uint8_t)(i + 1)));
		CU_ASSERT_EQUAL(stats_of(LUN_A)->fua, i + 1); /* the storage has it */
		v.bytchk = 3;
		r = core_cmd(&c, 0, LUN_A, &v, data, 4096);
		CHECK_KCQ(r, 0x52400);
		CU_ASSERT(r->sense.field == 1 && r->sense.bit == 2);
		v.bytchk = 0;
		CHECK_KCQ(core_cmd(&c, 0, LUN_RO, &v, data, 4096), 0x72700);
		v.lba = CORE_LU_SIZE / 512 - 7;
		CHECK_KCQ(core_cmd(&c, 0, LUN_A, &v, data, 4096), 0x52100);
		v.blocks = 0;
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &v, NULL, 0));
	}
	core_done(&c);
}

/* On the slow LUN another write comes between the two halves, and waits. */
static void nobody_writes_between_write_and_verify(void)
{
	static struct core_async wv, wr;
	struct scsi_cdb v = cdb_of(CMD_WRITE_AND_VERIFY_10), w = cdb_of(CMD_WRITE_10);

	core_init(&c, NULL, 0);
	memset(data, 1, 512);
	v.blocks = w.blocks = 1;
	v.bytchk = 1;
	CU_ASSERT_TRUE(core_start(&c, &wv, 0, LUN_SLOW, &v, data, 512));
	memset(data, 2, 512);
	CU_ASSERT_TRUE(core_start(&c, &wr, 1, LUN_SLOW, &w, data, 512));
	core_finish(&wv);
	CU_ASSERT_EQUAL(wv.task.status, SAM_GOOD);
	CU_ASSERT_FALSE(wr.done);
	core_finish(&wr);
	CU_ASSERT_TRUE(core_holds(&c, LUN_SLOW, 0, 1, 2));
	core_done(&c);
}

/* ---- COMPARE AND WRITE ---- */

static void compare_and_write_writes_if_alike(void)
{
	struct scsi_cdb cw = cdb_of(CMD_COMPARE_AND_WRITE);
	const struct reply *r;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 100, 4, 0x11);
	memset(data, 0x11, 1024);
	memset(data + 1024, 0x22, 1024);
	cw.lba = 101;
	cw.blocks = 2;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &cw, data, 2048));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 100, 1, 0x11));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 101, 2, 0x22));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 103, 1, 0x11));
	memset(data, 0x22, 1024);
	memset(data + 1024, 0x33, 1024);
	data[777] = 0;
	r = core_cmd(&c, 0, LUN_A, &cw, data, 2048);
	CHECK_KCQ(r, 0xe1d00);
	CU_ASSERT_TRUE(r->sense.flags & SENSE_INFO);
	CU_ASSERT_EQUAL(r->sense.info, 777);
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 101, 2, 0x22));
	CU_ASSERT_EQUAL(stats_of(LUN_A)->fua, 0);
	data[777] = 0x22;
	cw.fua = true;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &cw, data, 2048));
	CU_ASSERT_EQUAL(stats_of(LUN_A)->fua, 1);
	core_done(&c);
}

static void compare_and_write_limits(void)
{
	static const struct {
		unsigned lun;
		uint32_t max, size;
	} rows[] = { { LUN_A, 64, 512 }, { LUN_4K, 8, 4096 } };
	static const uint8_t b0[6] = { 0x12, 1, 0xb0, 0, 255, 0 };

	core_init(&c, NULL, 0);
	memset(data, 0, sizeof(data));
	for (unsigned i = 0; i < 2; i++) {
		struct scsi_cdb cw = cdb_of(CMD_COMPARE_AND_WRITE);
		const struct reply *r;

		CU_ASSERT_EQUAL(core_raw(&c, 0, rows[i].lun, b0, 6, NULL, 0)->in[5], rows[i].max);
		cw.blocks = rows[i].max;
		CHECK_GOOD(core_cmd(&c, 0, rows[i].lun, &cw, data, 2 * cw.blocks * rows[i].size));
		cw.blocks++;
		r = core_cmd(&c, 0, rows[i].lun, &cw, data, sizeof(data));
		CHECK_KCQ(r, 0x52400);
		CU_ASSERT_EQUAL(r->sense.field, 13);
		cw.blocks = 0;
		CHECK_GOOD(core_cmd(&c, 0, rows[i].lun, &cw, NULL, 0));
		cw.lba = CORE_LU_SIZE / rows[i].size;
		cw.blocks = 1;
		CHECK_KCQ(core_cmd(&c, 0, rows[i].lun, &cw, data, 2 * rows[i].size), 0x52100);
		cw.lba = 0;
		cw.protect = 1;
		CHECK_KCQ(core_cmd(&c, 0, rows[i].lun, &cw, data, 2 * rows[i].size), 0x52400);
	}
	core_done(&c);
}

/* Eight at once, each from n to n + 1: exactly one of them finds what it compares with. */
static void only_one_of_many_compares_well(void)
{
	static struct core_async a[8];
	struct scsi_cdb cw = cdb_of(CMD_COMPARE_AND_WRITE);
	unsigned good = 0, miscompared = 0;

	core_init(&c, NULL, 0);
	cw.blocks = 1;
	memset(data, 0, 512);
	memset(data + 512, 1, 512);
	for (unsigned i = 0; i < 8; i++)
		CU_ASSERT_TRUE(core_start(&c, &a[i], i % 2, LUN_SLOW, &cw, data, 1024));
	for (unsigned i = 0; i < 8; i++) {
		core_finish(&a[i]);
		good += a[i].task.status == SAM_GOOD;
		miscompared += a[i].task.sense.key == KEY_MISCOMPARE;
	}
	CU_ASSERT(good == 1 && miscompared == 7);
	core_done(&c);
}

/* ---- ORWRITE ---- */

static void orwrite_sets_bits(void)
{
	struct scsi_cdb ow = cdb_of(CMD_ORWRITE_16), rd = cdb_of(CMD_READ_10);
	const struct reply *r;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 0, 128, 0x0f);
	memset(data, 0xa0, sizeof(data));
	data[3] = 0;
	ow.lba = 1;
	ow.blocks = 126;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &ow, data, 126 * 512));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 0, 1, 0x0f));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 2, 125, 0xaf));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 127, 1, 0x0f));
	rd.lba = 1;
	rd.blocks = 1;
	r = core_cmd(&c, 0, LUN_A, &rd, NULL, 0);
	CU_ASSERT(r->in[2] == 0xaf && r->in[3] == 0x0f && r->in[4] == 0xaf);
	CHECK_KCQ(core_cmd(&c, 0, LUN_RO, &ow, data, 126 * 512), 0x72700);
	core_done(&c);
}

/* ---- WRITE ATOMIC ---- */

static void write_atomic_rules(void)
{
	static const uint8_t b0[6] = { 0x12, 1, 0xb0, 0, 255, 0 };
	struct scsi_cdb wa = cdb_of(CMD_WRITE_ATOMIC_16);
	const struct reply *r;

	core_init(&c, NULL, 0);
	r = core_raw(&c, 0, LUN_A, b0, 6, NULL, 0);
	CU_ASSERT_EQUAL(get_be32(r->in + 44), 2048);
	CU_ASSERT_EQUAL(get_be32(r->in + 48), 8);
	CU_ASSERT_EQUAL(get_be32(r->in + 52), 8);
	CU_ASSERT(get_be32(r->in + 8) >= 2048); /* MAXIMUM TRANSFER LENGTH */
	memset(data, 0x77, sizeof(data));
	wa.lba = 16;
	wa.blocks = 128;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &wa, data, sizeof(data)));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 16, 128, 0x77));
	wa.lba = 15;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &wa, data, sizeof(data)), 0x52400);
	wa.lba = 16;
	wa.blocks = 9;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &wa, data, sizeof(data)), 0x52400);
	wa.blocks = 2048 + 8;
	r = core_cmd(&c, 0, LUN_A, &wa, data, sizeof(data));
	CHECK_KCQ(r, 0x52400);
	CU_ASSERT_EQUAL(r->sense.field, 12);
	wa.blocks = 8;
	wa.boundary = 8;
	r = core_cmd(&c, 0, LUN_A, &wa, data, sizeof(data));
	CHECK_KCQ(r, 0x52400);
	CU_ASSERT_EQUAL(r->sense.field, 10);
	wa.boundary = 0;
	wa.blocks = 0;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &wa, NULL, 0));
	core_done(&c);
}

/* The front end brings the data in pieces; the medium sees one write, at the end. */
static void write_atomic_collects_its_pieces(void)
{
	static struct core_async a;
	struct scsi_cdb wa = cdb_of(CMD_WRITE_ATOMIC_16);
	uint64_t writes;

	core_init(&c, NULL, 0);
	memset(data, 0x99, sizeof(data));
	wa.blocks = 256; /* twice what the harness sends in one piece */
	core_open(&c, &a, 0, LUN_A, &wa);
	CU_ASSERT_TRUE(a.task.split && a.task.whole);
	writes = stats_of(LUN_A)->writes;
	core_piece(&a, data, 0, sizeof(data));
	CU_ASSERT_EQUAL(a.task.status, SAM_GOOD);
	CU_ASSERT_EQUAL(stats_of(LUN_A)->writes, writes);
	core_piece(&a, data, sizeof(data), sizeof(data));
	CU_ASSERT_EQUAL(a.task.status, SAM_GOOD);
	CU_ASSERT_EQUAL(stats_of(LUN_A)->writes, writes + 1);
	task_end(&a.task);
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 128, 128, 0x99));
	/* One that never brings the rest writes nothing and leaves nothing behind. */
	core_open(&c, &a, 0, LUN_A, &wa);
	core_piece(&a, data, 0, sizeof(data));
	task_end(&a.task);
	CU_ASSERT_EQUAL(stats_of(LUN_A)->writes, writes + 1);
	core_done(&c);
}

/* ---- limits and ends ---- */

static void only_so_many_collect_at_once(void)
{
	enum { MAX = 16 };
	static struct core_async a[MAX + 1];
	struct scsi_cdb wa = cdb_of(CMD_WRITE_ATOMIC_16);

	core_init(&c, NULL, 0);
	wa.blocks = 256;
	for (unsigned i = 0; i <= MAX; i++) {
		core_open(&c, &a[i], 0, LUN_A, &wa);
		core_piece(&a[i], data, 0, sizeof(data));
		CU_ASSERT_EQUAL(a[i].task.status, i < MAX ? SAM_GOOD : SAM_TASK_SET_FULL);
	}
	for (unsigned i = 0; i <= MAX; i++)
		task_end(&a[i].task);
	core_done(&c);
}

static void only_so_many_work_at_once(void)
{
	enum { MAX = 64 };
	static struct core_async a[MAX + 1];
	struct scsi_cdb v = cdb_of(CMD_VERIFY_10);

	core_init(&c, NULL, 0);
	v.blocks = 1;
	for (unsigned i = 0; i <= MAX; i++)
		CU_ASSERT_TRUE(core_start(&c, &a[i], 0, LUN_SLOW, &v, NULL, 0));
	for (unsigned i = 0; i <= MAX; i++) {
		core_finish(&a[i]);
		CU_ASSERT_EQUAL(a[i].task.status, i < MAX ? SAM_GOOD : SAM_TASK_SET_FULL);
	}
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &v, NULL, 0));
	core_done(&c);
}

/* One holds the lock, the others wait for it: all end when told to, and nothing is left. */
static void aborted_ones_end_and_leave_no_lock(void)
{
	static const enum scsi_cmd cmds[] = { CMD_COMPARE_AND_WRITE, CMD_ORWRITE_16,
					      CMD_WRITE_AND_VERIFY_16 };
	static struct core_async a[6];

	core_init(&c, NULL, 0);
	memset(data, 0, 2048);
	for (unsigned i = 0; i < 6; i++) {
		struct scsi_cdb cdb = cdb_of(cmds[i % 3]);

		cdb.blocks = 1;
		CU_ASSERT_TRUE(core_start(&c, &a[i], 0, LUN_SLOW, &cdb, data, 1024));
	}
	for (unsigned i = 0; i < 6; i++)
		lu_abort(&a[i].task);
	for (unsigned i = 0; i < 6; i++) {
		core_finish(&a[i]);
		CU_ASSERT_EQUAL(a[i].task.status, SAM_TASK_ABORTED);
	}
	core_write(&c, LUN_SLOW, 0, 1, 3);
	core_done(&c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "VERIFY 10, 12 and 16 read, compare all, compare one block with all",
		  verify_in_all_sizes },
		{ "WRITE AND VERIFY 10, 12 and 16 write to the storage and compare",
		  write_and_verify_in_all_sizes },
		{ "nobody writes between the halves of WRITE AND VERIFY",
		  nobody_writes_between_write_and_verify },
		{ "COMPARE AND WRITE writes if all is alike, else says where it is not",
		  compare_and_write_writes_if_alike },
		{ "COMPARE AND WRITE takes what VPD B0h says and no block more",
		  compare_and_write_limits },
		{ "of many COMPARE AND WRITE at once one compares well",
		  only_one_of_many_compares_well },
		{ "ORWRITE sets bits and clears none", orwrite_sets_bits },
		{ "WRITE ATOMIC keeps to its length, alignment and granularity",
		  write_atomic_rules },
		{ "WRITE ATOMIC in pieces is one write", write_atomic_collects_its_pieces },
		{ "16 WRITE ATOMIC collect data at once, one more is TASK SET FULL",
		  only_so_many_collect_at_once },
		{ "64 commands have memory of their own at once, one more is TASK SET FULL",
		  only_so_many_work_at_once },
		{ "aborted ones end and leave no lock", aborted_ones_end_and_leave_no_lock },
		TEST_END,
	};

	return test_main(argc, argv, "data", tests);
}
