/* SPDX-License-Identifier: Apache-2.0 */
/* What one part of the target does while another is at work on the same logical unit. */
#include "core.h"

#include <stdlib.h>

#include "pr.h"
#include "xcopy.h"

static struct core c;
static struct core_async a;

/* EXTENDED COPY, sent to LUN_A, of the first @blocks blocks of @src to those of @dst. */
static void copy_starts(unsigned src, unsigned dst, uint32_t blocks, bool immed)
{
	static uint8_t pl[512];
	const struct xcopy_list head = { .lid4 = true, .list_id = 7, .immed = immed };
	const struct xcopy_segment seg = {
		.type = XCOPY_BLOCKS, .src = 1, .dst = 2, .count = blocks
	};
	struct scsi_cdb cdb = cdb_of(CMD_EXTENDED_COPY_LID4);
	struct xcopy_cscd cscds[2];

	for (unsigned i = 0; i < 2; i++) {
		const struct lu_info *info =
			lu_info(target_lu(c.target, (uint16_t)(i ? dst : src)));

		cscds[i] = (struct xcopy_cscd) { .code_set = 1,
						 .designator_type = 3,
						 .designator_len = info->naa_len,
						 .designator = info->naa };
	}
	cdb.len = (uint32_t)xcopy_encode(pl, sizeof(pl), &head, cscds, 2, &seg, 1);
	CU_ASSERT_TRUE(core_start(&c, &a, 0, LUN_A, &cdb, pl, cdb.len));
	if (immed)
		core_finish(&a);
	core_sleep(&c, 10);
}

static void fill(unsigned lun, uint8_t with)
{
	for (unsigned lba = 0; lba < 2048; lba += 128)
		core_write(&c, lun, lba, 128, with);
}

/* What the copy writes must not come after the zeros; the slow LU is still being read. */
static void a_format_of_what_a_copy_writes(void)
{
	struct scsi_cdb fu = cdb_of(CMD_FORMAT_UNIT);

	core_init(&c, NULL, 0);
	fill(LUN_B, 0x22);
	core_write(&c, LUN_SLOW, 0, 128, 0x33);
	copy_starts(LUN_SLOW, LUN_B, 2048, false);
	CHECK_GOOD(core_cmd(&c, 1, LUN_B, &fu, NULL, 0));
	CU_ASSERT_TRUE(a.done);
	core_finish(&a);
	CU_ASSERT_EQUAL(a.task.status, SAM_GOOD);
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 0, 128, 0));
	/* In the background it is ended. */
	copy_starts(LUN_SLOW, LUN_B, 2048, true);
	CHECK_GOOD(core_cmd(&c, 1, LUN_B, &fu, NULL, 0));
	core_sleep(&c, 100);
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 0, 128, 0));
	core_done(&c);
}

/* A fence is none if copies write on behind it (wire-format 7.3). */
static void a_preempt_and_abort_where_a_copy_writes(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_PR_OUT_REGISTER);
	struct pr_out p = { .sa_key = 1 };
	uint8_t list[PR_OUT_LEN];

	core_init(&c, NULL, 0);
	fill(LUN_A, 0x55);
	cdb.len = PR_OUT_LEN;
	for (unsigned n = 0; n < 2; n++) {
		p.sa_key = n + 1;
		pr_out_encode(&p, list);
		CHECK_GOOD(core_cmd(&c, n, LUN_SLOW, &cdb, list, sizeof(list)));
	}
	copy_starts(LUN_A, LUN_SLOW, 2048, false);
	core_sleep(&c, 50);
	p = (struct pr_out) { .key = 2, .sa_key = 1 };
	pr_out_encode(&p, list);
	cdb.op = &scsi_ops[CMD_PR_OUT_PREEMPT_AND_ABORT];
	cdb.pr_type = 1;
	CHECK_GOOD(core_cmd(&c, 1, LUN_SLOW, &cdb, list, sizeof(list)));
	CU_ASSERT_TRUE(a.done);
	core_finish(&a);
	CU_ASSERT_EQUAL(a.task.status, SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(sense_asc_ascq(a.task.sense), ASC_COMMANDS_CLEARED_BY_SERVER);
	core_done(&c);
}

/* A front end that forgets a command at once when it is told to. */
static void dropped(struct task *task)
{
	task_end(task);
	free(task);
}

static void register_all(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_PR_OUT_REGISTER);
	uint8_t list[PR_OUT_LEN];

	cdb.len = PR_OUT_LEN;
	for (unsigned n = 0; n < 3; n++) {
		const struct pr_out p = { .sa_key = n + 1 };

		pr_out_encode(&p, list);
		CHECK_GOOD(core_cmd(&c, n, LUN_SLOW, &cdb, list, sizeof(list)));
	}
}

static void preempt_and_abort(struct core_async *ret, unsigned nexus, unsigned victim)
{
	const struct pr_out p = { .key = nexus + 1, .sa_key = victim + 1 };
	struct scsi_cdb cdb = cdb_of(CMD_PR_OUT_PREEMPT_AND_ABORT);
	uint8_t list[PR_OUT_LEN];

	pr_out_encode(&p, list);
	cdb.len = PR_OUT_LEN;
	cdb.pr_type = 1;
	CU_ASSERT_TRUE(core_start(&c, ret, nexus, LUN_SLOW, &cdb, list, sizeof(list)));
}

static void nothing(struct target_reset *r)
{
	(void)r;
}

/*
 * Nexus 0's PREEMPT AND ABORT waits for a command of 2's, and that of 1 against 0 stands
 * in line.  When 0's commands are aborted one after the other, the line must not move on
 * in the middle of that.
 */
static void an_abort_while_another_stands_in_line(void)
{
	static struct core_async slow, first, second;
	struct core_async *open = malloc(sizeof(*open));
	struct scsi_cdb rd = cdb_of(CMD_READ_10), wr = cdb_of(CMD_WRITE_10);
	static struct target_reset r;

	CU_ASSERT_PTR_NOT_NULL_FATAL(open);
	core_init(&c, NULL, 0);
	register_all();
	rd.blocks = wr.blocks = 1;
	CU_ASSERT_TRUE(core_start(&c, &slow, 2, LUN_SLOW, &rd, NULL, 0));
	preempt_and_abort(&first, 0, 2);
	core_open(&c, open, 0, LUN_SLOW, &wr);
	open->task.on_abort = dropped;
	preempt_and_abort(&second, 1, 0);
	r = (struct target_reset) { .nexus = &c.nexus[0],
				    .what = TARGET_ABORT_TASK_SET,
				    .lun = scsi_lun_encode(LUN_SLOW),
				    .done = nothing };
	CU_ASSERT_TRUE(target_reset(c.target, &r));
	core_finish(&first);
	CU_ASSERT_EQUAL(first.task.status, SAM_TASK_ABORTED);
	core_finish(&slow);
	core_finish(&second);
	CU_ASSERT_EQUAL(second.task.status, SAM_GOOD);
	core_sleep(&c, 1);
	core_done(&c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "FORMAT UNIT waits for a copy that writes there, or ends it",
		  a_format_of_what_a_copy_writes },
		{ "PREEMPT AND ABORT ends a copy that writes there",
		  a_preempt_and_abort_where_a_copy_writes },
		{ "an aborted PERSISTENT RESERVE OUT, and another behind it",
		  an_abort_while_another_stands_in_line },
		TEST_END,
	};

	return test_main(argc, argv, "seams", tests);
}
