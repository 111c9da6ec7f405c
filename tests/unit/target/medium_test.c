/* SPDX-License-Identifier: Apache-2.0 */
/* Removable logical units, and sizes that grow. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "inquiry.h"

static unsigned start_stop(struct core *c, unsigned nexus, unsigned lun, bool loej, bool start,
			   uint8_t pc)
{
	struct scsi_cdb cdb = cdb_of(CMD_START_STOP_UNIT);

	cdb.loej = loej;
	cdb.start = start;
	cdb.pc = pc;
	return kcq(core_cmd(c, nexus, lun, &cdb, NULL, 0));
}

static unsigned eject(struct core *c, unsigned nexus)
{
	return start_stop(c, nexus, LUN_RM, true, false, 0);
}

static unsigned load(struct core *c, unsigned nexus)
{
	return start_stop(c, nexus, LUN_RM, true, true, 0);
}

static unsigned prevent(struct core *c, unsigned nexus, unsigned lun, uint8_t how)
{
	struct scsi_cdb cdb = cdb_of(CMD_PREVENT_ALLOW);

	cdb.prevent = how;
	return kcq(core_cmd(c, nexus, lun, &cdb, NULL, 0));
}

static unsigned tur(struct core *c, unsigned nexus)
{
	struct scsi_cdb cdb = cdb_of(CMD_TEST_UNIT_READY);

	return kcq(core_cmd(c, nexus, LUN_RM, &cdb, NULL, 0));
}

static void rmb(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_INQUIRY);
	struct inquiry inq;
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	cdb.len = 255;
	for (unsigned lun = 0; lun < CORE_LUNS; lun++) {
		r = core_cmd(&c, 0, lun, &cdb, NULL, 0);
		CU_ASSERT_TRUE_FATAL(inquiry_decode(r->in, r->in_len, &inq));
		CU_ASSERT_EQUAL(inq.removable, lun == LUN_RM);
	}
	core_done(&c);
}

static void eject_and_load(void)
{
	struct core c;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_RM, 5, 1, 0x55);
	CU_ASSERT_EQUAL(eject(&c, 0), 0);
	CU_ASSERT_EQUAL(eject(&c, 1), 0); /* it is so already */
	/* what needs a medium finds none; what does not, works */
	for (unsigned cmd = 0; cmd < CMD_COUNT; cmd++) {
		struct scsi_cdb cdb = cdb_of((enum scsi_cmd)cmd);

		if (lu_info(target_lu(c.target, LUN_RM))->supported[cmd] &&
		    scsi_ops[cmd].flags & OP_MEDIUM)
			CU_ASSERT_EQUAL(kcq(core_cmd(&c, 0, LUN_RM, &cdb, NULL, 0)), 0x23a02);
	}
	CU_ASSERT_EQUAL(tur(&c, 0), 0x23a02);
	CHECK_GOOD(core_cmd(&c, 0, LUN_RM, &(struct scsi_cdb) { .op = &scsi_ops[CMD_INQUIRY] },
			    NULL, 0));
	CU_ASSERT_EQUAL(load(&c, 0), 0);
	CU_ASSERT_EQUAL(load(&c, 0), 0);
	CU_ASSERT_EQUAL(tur(&c, 0), 0); /* who loaded it knows */
	for (unsigned n = 1; n < CORE_NEXUSES; n++) {
		CU_ASSERT_EQUAL(tur(&c, n), 0x62800);
		CU_ASSERT_EQUAL(tur(&c, n), 0);
	}
	CU_ASSERT_TRUE(core_holds(&c, LUN_RM, 5, 1, 0x55));
	/* a disk that is not removable has nothing to eject, nor to hold fast */
	CU_ASSERT_EQUAL(start_stop(&c, 0, LUN_A, true, false, 0), 0x52400);
	CU_ASSERT_EQUAL(prevent(&c, 0, LUN_A, 1), 0x52000);
	core_done(&c);
}

static void stop_is_not_eject(void)
{
	struct core c;

	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(start_stop(&c, 0, LUN_RM, false, false, 0), 0);
	CU_ASSERT_EQUAL(tur(&c, 0), 0);
	for (uint8_t pc = 1; pc < 16; pc++)
		CU_ASSERT_EQUAL(start_stop(&c, 0, LUN_RM, true, false, pc), 0);
	CU_ASSERT_EQUAL(tur(&c, 0), 0);
	core_done(&c);
}

static void prevention(void)
{
	struct core c;

	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(prevent(&c, 0, LUN_RM, 2), 0x52400);
	CU_ASSERT_EQUAL(prevent(&c, 0, LUN_RM, 1), 0);
	CU_ASSERT_EQUAL(prevent(&c, 1, LUN_RM, 1), 0);
	CU_ASSERT_EQUAL(eject(&c, 0), 0x55302);
	CU_ASSERT_EQUAL(eject(&c, 2), 0x55302);
	CU_ASSERT_EQUAL(tur(&c, 0), 0);
	CU_ASSERT_EQUAL(prevent(&c, 0, LUN_RM, 0), 0);
	CU_ASSERT_EQUAL(eject(&c, 0), 0x55302); /* one still does */
	CU_ASSERT_EQUAL(prevent(&c, 1, LUN_RM, 0), 0);
	CU_ASSERT_EQUAL(eject(&c, 0), 0);
	CU_ASSERT_EQUAL(prevent(&c, 1, LUN_RM, 1), 0);
	CU_ASSERT_EQUAL(load(&c, 0), 0x55302);
	target_nexus_remove(c.target, &c.nexus[1]); /* I_T nexus loss */
	CU_ASSERT_EQUAL(load(&c, 0), 0);
	CU_ASSERT_EQUAL(target_nexus_add(c.target, &c.nexus[1]), 0);
	core_done(&c);
}

static bool reset_over;

static void reset_is_over(struct target_reset *r)
{
	reset_over = true;
}

static void reset_allows_removal(void)
{
	struct target_reset r = { .lun = LUN_RM, .done = reset_is_over };
	struct core c;

	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(prevent(&c, 0, LUN_RM, 1), 0);
	r.lun = scsi_lun_encode(LUN_RM);
	CU_ASSERT_TRUE(target_reset(c.target, &r));
	core_sleep(&c, 1);
	CU_ASSERT_TRUE(reset_over);
	CU_ASSERT_EQUAL(tur(&c, 0), 0x62903);
	CU_ASSERT_EQUAL(eject(&c, 0), 0);
	CU_ASSERT_TRUE(target_reset(c.target, &r)); /* and does not bring a medium */
	core_sleep(&c, 1);
	CU_ASSERT_EQUAL(tur(&c, 0), 0x62903);
	CU_ASSERT_EQUAL(tur(&c, 0), 0x23a02);
	core_done(&c);
}

static void tokens_go_with_the_medium(void)
{
	static const struct tpc_range from[] = { { 0, 8 } }, to[] = { { 100, 8 } };
	uint8_t token[ROD_TOKEN_LEN];
	struct core c;

	core_init(&c, NULL, 0);
	core_token(&c, LUN_RM, from, 1, token);
	CHECK_GOOD(core_wut(&c, 0, LUN_A, 1, token, 0, false, to, 1));
	CU_ASSERT_EQUAL(eject(&c, 0), 0);
	CHECK_KCQ(core_wut(&c, 0, LUN_A, 2, token, 0, false, to, 1), 0x52308);
	CHECK_KCQ(core_pt(&c, 0, LUN_RM, 3, 0, from, 1), 0x23a02);
	CU_ASSERT_EQUAL(load(&c, 0), 0);
	CHECK_KCQ(core_wut(&c, 0, LUN_A, 4, token, 0, false, to, 1), 0x52308);
	core_done(&c);
}

/* SPC-4 5.13.11.2.5: the preempted nexus does not hold the medium any more. */
static void preempt_and_abort_allows_removal(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_PR_OUT_REGISTER);
	uint8_t list[24] = { [15] = 1 };
	struct core c;

	core_init(&c, NULL, 0);
	cdb.len = sizeof(list);
	CHECK_GOOD(core_cmd(&c, 0, LUN_RM, &cdb, list, sizeof(list)));
	list[15] = 2;
	CHECK_GOOD(core_cmd(&c, 1, LUN_RM, &cdb, list, sizeof(list)));
	CU_ASSERT_EQUAL(prevent(&c, 1, LUN_RM, 1), 0);
	CU_ASSERT_EQUAL(eject(&c, 0), 0x55302);
	list[7] = 1;
	cdb = cdb_of(CMD_PR_OUT_PREEMPT_AND_ABORT);
	cdb.len = sizeof(list);
	cdb.pr_type = 1;
	CHECK_GOOD(core_cmd(&c, 0, LUN_RM, &cdb, list, sizeof(list)));
	CU_ASSERT_EQUAL(eject(&c, 0), 0);
	core_done(&c);
}

/* ---- growing ---- */

static void grows_by_itself(void)
{
	char path[] = "/tmp/odx-grow-XXXXXX", err[256];
	struct bs_config bc = { .path = path, .block_size = 4096 };
	struct lu_config lc = { .lun = 9, .block_size = 4096, .tpc = lu_tpc_defaults };
	struct scsi_cdb cdb = cdb_of(CMD_TEST_UNIT_READY), rd = cdb_of(CMD_READ_10);
	int fd = mkstemp(path);
	struct backstore *bs;
	struct core c;

	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 1 << 20), 0);
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, &c.env, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL_FATAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	for (unsigned n = 0; n < CORE_NEXUSES; n++)
		CHECK_KCQ(core_cmd(&c, n, 9, &cdb, NULL, 0), 0x62900);
	rd.lba = 300;
	rd.blocks = 1;
	CU_ASSERT_EQUAL(ftruncate(fd, (2 << 20) + 512), 0); /* no whole block */
	core_sleep(&c, 1200);
	CHECK_KCQ(core_cmd(&c, 0, 9, &rd, NULL, 0), 0x52100);
	CU_ASSERT_EQUAL(ftruncate(fd, 2 << 20), 0);
	core_sleep(&c, 1200);
	for (unsigned n = 0; n < CORE_NEXUSES; n++) {
		CHECK_KCQ(core_cmd(&c, n, 9, &cdb, NULL, 0), 0x62a09);
		CHECK_GOOD(core_cmd(&c, n, 9, &cdb, NULL, 0));
	}
	CHECK_GOOD(core_cmd(&c, 0, 9, &rd, NULL, 0));
	CU_ASSERT_EQUAL(lu_info(target_lu(c.target, 9))->blocks, (2 << 20) / 4096);
	CU_ASSERT_EQUAL(ftruncate(fd, 1 << 20), 0); /* smaller is another matter */
	core_sleep(&c, 1200);
	CHECK_KCQ(core_cmd(&c, 0, 9, &cdb, NULL, 0), 0x20403);
	core_done(&c);
	close(fd);
	unlink(path);
}

static const struct test tests[] = {
	{ "RMB says which unit is removable", rmb },
	{ "without a medium 2/3A/02; a new one is 6/28/00 to the others", eject_and_load },
	{ "stopping and power conditions eject nothing", stop_is_not_eject },
	{ "PREVENT of anybody holds the medium, until it ends with its nexus", prevention },
	{ "a reset ends PREVENT, and loads nothing", reset_allows_removal },
	{ "tokens of an ejected medium are cancelled", tokens_go_with_the_medium },
	{ "a unit grows with its file: 6/2A/09 for everybody; it never shrinks", grows_by_itself },
	{ "PREEMPT AND ABORT ends PREVENT of the preempted", preempt_and_abort_allows_removal },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "medium", tests);
}
