/* SPDX-License-Identifier: Apache-2.0 */
/* copymgr.c, lu_receive.c: operations without a task, and what ends operations. */
#include "core.h"

#include <string.h>

#define ALL 4096 /* blocks: 32 chunks, 50 ms each on the slow LUN, four at a time */

static const struct tpc_range all[] = { { 0, ALL } };

static void fill(struct core *c, uint8_t token[ROD_TOKEN_LEN])
{
	for (unsigned lba = 0; lba < ALL; lba += 128)
		core_write(c, LUN_A, lba, 128, 0x77);
	core_token(c, LUN_A, all, 1, token);
}

static const struct reply *wut_immed(struct core *c, unsigned nexus, uint32_t id,
				     const uint8_t *token)
{
	uint8_t pl[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct scsi_cdb cdb = cdb_of(CMD_WRITE_USING_TOKEN);

	cdb.list_id = id;
	cdb.len = (uint32_t)tpc_wut_encode(pl, sizeof(pl), true, false, 0, token, all, 1);
	return core_cmd(c, nexus, LUN_SLOW, &cdb, pl, sizeof(pl));
}

static bool start_foreground(struct core *c, struct core_async *a, uint32_t id,
			     const uint8_t *token)
{
	uint8_t pl[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct scsi_cdb cdb = cdb_of(CMD_WRITE_USING_TOKEN);

	cdb.list_id = id;
	cdb.len = (uint32_t)tpc_wut_encode(pl, sizeof(pl), false, false, 0, token, all, 1);
	return core_start(c, a, 0, LUN_SLOW, &cdb, pl, sizeof(pl));
}

static const struct reply *abort_copy(struct core *c, unsigned nexus, unsigned lun, uint32_t id)
{
	struct scsi_cdb cdb = cdb_of(CMD_COPY_OPERATION_ABORT);

	cdb.list_id = id;
	return core_cmd(c, nexus, lun, &cdb, NULL, 0);
}

static struct tpc_result status(struct core *c, enum scsi_cmd cmd, uint32_t id)
{
	struct scsi_cdb cdb = cdb_of(cmd);
	struct tpc_result res = { 0 };
	const struct reply *r;

	cdb.list_id = id;
	cdb.len = 1024;
	r = core_cmd(c, 0, LUN_SLOW, &cdb, NULL, 0);
	CHECK_GOOD(r);
	CU_ASSERT_TRUE(tpc_result_decode(r->in, r->in_len, &res));
	CU_ASSERT_EQUAL(res.available + 4, r->in_len);
	CU_ASSERT_EQUAL(r->in_len,
			32 + res.sense_field_len + (cmd == CMD_RECEIVE_COPY_STATUS_LID4 ? 0 : 4));
	return res;
}

static struct tpc_result rrti(struct core *c, uint32_t id)
{
	return status(c, CMD_RECEIVE_ROD_TOKEN_INFORMATION, id);
}

static struct tpc_result until_finished(struct core *c, uint32_t id)
{
	struct tpc_result res;

	do {
		core_sleep(c, 20);
		res = rrti(c, id);
	} while (res.delay_ms != TPC_DELAY_FINISHED);
	return res;
}

/* wire-format 9.2 number 24 */
static void counts_grow(void)
{
	struct lu_tpc_config cfg = lu_tpc_defaults;
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	uint64_t last = 0, last_ops = 0, grew = 0;
	struct core c;

	cfg.deadline_ms = 100; /* is the foreground's alone */
	core_init(&c, &cfg, 0);
	fill(&c, token);
	CHECK_GOOD(wut_immed(&c, 0, 7, token));
	res = rrti(&c, 7);
	CU_ASSERT_EQUAL(res.status, TPC_BACKGROUND);
	CU_ASSERT_EQUAL(res.count, 0);
	CU_ASSERT_EQUAL(res.completion, 0);
	CU_ASSERT_EQUAL(res.sense_len, 0);
	CU_ASSERT_EQUAL(res.delay_ms, 500);
	for (;;) {
		core_sleep(&c, 20);
		res = status(&c, CMD_RECEIVE_COPY_STATUS_LID4, 7);
		if (res.status != TPC_BACKGROUND)
			break;
		CU_ASSERT_TRUE(res.count >= last && res.op_counter >= last_ops);
		grew += res.count > last && res.op_counter > last_ops;
		last = res.count;
		last_ops = res.op_counter;
	}
	CU_ASSERT_TRUE(grew >= 3);
	CU_ASSERT_EQUAL(res.status, TPC_DONE);
	CU_ASSERT_EQUAL(res.count, ALL);
	CU_ASSERT_EQUAL(res.op_counter, 32);
	CU_ASSERT_EQUAL(res.completion, SAM_GOOD);
	CU_ASSERT_TRUE(core_holds(&c, LUN_SLOW, 0, 64, 0x77));
	CU_ASSERT_TRUE(core_holds(&c, LUN_SLOW, ALL - 64, 64, 0x77));
	core_done(&c);
}

static void pr_out(struct core *c, struct core_async *a, enum scsi_cmd cmd, uint8_t key,
		   uint8_t sa_key)
{
	uint8_t list[24] = { [7] = key, [15] = sa_key };
	struct scsi_cdb cdb = cdb_of(cmd);

	cdb.len = sizeof(list);
	cdb.pr_type = 1;
	CU_ASSERT_TRUE(core_start(c, a, key == 2 || sa_key == 2 ? 2 : 1, LUN_SLOW, &cdb, list,
				  sizeof(list)));
}

/* Nexus 2 preempts 1, and nexus 0, who is not registered, loses its copies all the same. */
static void preempt_and_abort(void)
{
	static struct core_async copy, pr;
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, token);
	pr_out(&c, &pr, CMD_PR_OUT_REGISTER, 0, 1);
	core_finish(&pr);
	pr_out(&c, &pr, CMD_PR_OUT_REGISTER, 0, 2);
	core_finish(&pr);
	CHECK_GOOD(wut_immed(&c, 0, 7, token));
	CU_ASSERT_TRUE(start_foreground(&c, &copy, 8, token));
	core_sleep(&c, 60);
	pr_out(&c, &pr, CMD_PR_OUT_PREEMPT_AND_ABORT, 2, 1);
	core_sleep(&c, 5);
	CU_ASSERT_FALSE(pr.done); /* what is written is still on its way */
	core_finish(&pr);
	CU_ASSERT_EQUAL(pr.task.status, SAM_GOOD);
	res = rrti(&c, 7);
	CU_ASSERT_EQUAL(res.status, TPC_TERMINATED);
	core_finish(&copy);
	CU_ASSERT_EQUAL(copy.task.status, SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(copy.task.sense.key, KEY_COPY_ABORTED);
	CU_ASSERT_EQUAL(sense_asc_ascq(copy.task.sense), 0x2f02);
	core_done(&c);
}

static void populate(void)
{
	uint8_t pl[TPC_PT_HEADER + TPC_RANGE_LEN];
	struct scsi_cdb cdb = cdb_of(CMD_POPULATE_TOKEN);
	static struct core_async wr;
	struct scsi_cdb write = cdb_of(CMD_WRITE_16);
	static const uint8_t data[512];
	struct tpc_result res;
	struct core c;

	core_init(&c, NULL, 0);
	/* A write under way, for which it has to wait. */
	write.blocks = 1;
	CU_ASSERT_TRUE(core_start(&c, &wr, 1, LUN_SLOW, &write, data, sizeof(data)));
	cdb.list_id = 3;
	cdb.len = (uint32_t)tpc_pt_encode(pl, sizeof(pl), true, false, 0, 0, all, 1);
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &cdb, pl, sizeof(pl)));
	CHECK_GOOD(core_rrti(&c, 0, LUN_SLOW, 3, 1024, &res));
	CU_ASSERT_EQUAL(res.sa, 0x10);
	CU_ASSERT_EQUAL(res.status, TPC_BACKGROUND);
	CU_ASSERT_PTR_NULL(res.token);
	core_finish(&wr);
	core_sleep(&c, 5);
	CHECK_GOOD(core_rrti(&c, 0, LUN_SLOW, 3, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_DONE);
	CU_ASSERT_EQUAL(res.count, ALL);
	CU_ASSERT_PTR_NOT_NULL(res.token);
	/* A list that is refused is refused in the command itself. */
	pl[4] = 0xff;
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &cdb, pl, sizeof(pl)), 0x52600);
	core_done(&c);
}

static void errors_come_by_rrti(void)
{
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, token);
	CHECK_GOOD(wut_immed(&c, 0, 7, token));
	core_sleep(&c, 120);
	core_write(&c, LUN_A, ALL - 1, 1, 0x78); /* cancels the token */
	res = until_finished(&c, 7);
	CU_ASSERT_EQUAL(res.status, TPC_PARTIAL);
	CU_ASSERT_TRUE(res.count > 0 && res.count < ALL);
	CU_ASSERT_EQUAL(res.completion, SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(sense_asc_ascq(res.sense), ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT_EQUAL(res.sense.info, res.count);
	core_done(&c);
}

static void abort_background(void)
{
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	uint64_t writes;
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, token);
	CHECK_GOOD(wut_immed(&c, 0, 7, token));
	core_sleep(&c, 120);
	CHECK_KCQ(abort_copy(&c, 0, LUN_SLOW, 8), 0x52400);
	CHECK_KCQ(abort_copy(&c, 1, LUN_SLOW, 7), 0x52400);
	CHECK_KCQ(abort_copy(&c, 0, LUN_A, 7), 0x52400);
	CU_ASSERT_EQUAL(rrti(&c, 7).status, TPC_BACKGROUND);
	CHECK_GOOD(abort_copy(&c, 0, LUN_SLOW, 7));
	writes = bs_stats(lu_backstore(target_lu(c.target, LUN_SLOW)))->writes;
	res = rrti(&c, 7);
	CU_ASSERT_EQUAL(res.status, TPC_TERMINATED);
	CU_ASSERT_EQUAL(res.completion, SAM_TASK_ABORTED);
	CU_ASSERT_EQUAL(res.sense_len, 0);
	CU_ASSERT_TRUE(res.count > 0 && res.count < ALL);
	core_sleep(&c, 120);
	CU_ASSERT_EQUAL(bs_stats(lu_backstore(target_lu(c.target, LUN_SLOW)))->writes, writes);
	/* It is over: there is nothing to abort. */
	CHECK_KCQ(abort_copy(&c, 0, LUN_SLOW, 7), 0x52400);
	core_done(&c);
}

static void abort_foreground(void)
{
	static struct core_async slow, coa;
	struct scsi_cdb cdb = cdb_of(CMD_COPY_OPERATION_ABORT);
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, token);
	CU_ASSERT_TRUE(start_foreground(&c, &slow, 7, token));
	core_sleep(&c, 120);
	cdb.list_id = 7;
	CU_ASSERT_TRUE(core_start(&c, &coa, 0, LUN_SLOW, &cdb, NULL, 0));
	CHECK_GOOD(abort_copy(&c, 0, LUN_SLOW, 7)); /* two of them */
	CU_ASSERT_TRUE(slow.done && coa.done);
	core_finish(&coa);
	core_finish(&slow);
	CU_ASSERT_EQUAL(coa.task.status, SAM_GOOD);
	CU_ASSERT_EQUAL(slow.task.status, SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(slow.task.sense.key, KEY_COPY_ABORTED);
	CU_ASSERT_EQUAL(sense_asc_ascq(slow.task.sense), ASC_COMMANDS_CLEARED_BY_SERVER);
	res = rrti(&c, 7);
	CU_ASSERT_EQUAL(res.status, TPC_TERMINATED);
	CU_ASSERT_TRUE(res.count > 0 && res.count < ALL);
	core_done(&c);
}

static bool reset_over;

static void was_reset(struct target_reset *r)
{
	(void)r;
	reset_over = true;
}

/* wire-format 9.2 number 25 */
static void lu_reset_ends_it(void)
{
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	struct target_reset reset = { .lun = scsi_lun_encode(LUN_SLOW), .done = was_reset };
	uint8_t token[ROD_TOKEN_LEN];
	uint64_t writes;
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, token);
	CHECK_GOOD(wut_immed(&c, 0, 7, token));
	core_sleep(&c, 70);
	reset.nexus = &c.nexus[1];
	reset_over = false;
	CU_ASSERT_TRUE(target_reset(c.target, &reset));
	CU_ASSERT_FALSE(reset_over); /* never from inside */
	while (!reset_over)
		core_sleep(&c, 2);
	writes = bs_stats(lu_backstore(target_lu(c.target, LUN_SLOW)))->writes;
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0), 0x62903);
	CHECK_KCQ(core_rrti(&c, 0, LUN_SLOW, 7, 1024, NULL), 0x52400);
	core_sleep(&c, 120);
	CU_ASSERT_EQUAL(bs_stats(lu_backstore(target_lu(c.target, LUN_SLOW)))->writes, writes);
	CU_ASSERT_TRUE(writes < 32);
	core_done(&c);
}

/*
 * wire-format 7.3: status 60h, the result is kept.  ABORT TASK SET by another nexus is
 * no concern of this one's copy.
 */
static void task_set_functions_end_it(void)
{
	static const struct {
		enum target_tmf what;
		unsigned by;
		bool ends;
	} rows[] = {
		{ TARGET_ABORT_TASK_SET, 1, false },
		{ TARGET_ABORT_TASK_SET, 0, true },
		{ TARGET_CLEAR_TASK_SET, 1, true },
	};
	uint8_t token[ROD_TOKEN_LEN];
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, token);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct target_reset r = { .nexus = &c.nexus[rows[i].by],
					  .what = rows[i].what,
					  .lun = scsi_lun_encode(LUN_SLOW),
					  .done = was_reset };
		struct tpc_result res = { 0 };

		CHECK_GOOD(wut_immed(&c, 0, 7 + i, token));
		core_sleep(&c, 70);
		reset_over = false;
		CU_ASSERT_TRUE(target_reset(c.target, &r));
		while (!reset_over)
			core_sleep(&c, 2);
		CHECK_GOOD(core_rrti(&c, 0, LUN_SLOW, 7 + i, 1024, &res));
		CU_ASSERT_EQUAL(res.status == TPC_TERMINATED, rows[i].ends);
		while (!rows[i].ends && res.status != TPC_DONE) {
			core_sleep(&c, 20);
			CHECK_GOOD(core_rrti(&c, 0, LUN_SLOW, 7 + i, 1024, &res));
		}
	}
	core_done(&c);
}

/* decisions.md 10 */
static void nexus_loss_leaves_it(void)
{
	uint8_t token[ROD_TOKEN_LEN];
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, token);
	CHECK_GOOD(wut_immed(&c, 1, 7, token));
	target_nexus_remove(c.target, &c.nexus[1]);
	CU_ASSERT_EQUAL(target_nexus_add(c.target, &c.nexus[1]), 0);
	for (unsigned i = 0; i < 100; i++) {
		if (lu_stats(target_lu(c.target, LUN_SLOW))->bytes_offloaded)
			break;
		core_sleep(&c, 20);
	}
	CU_ASSERT_EQUAL(lu_stats(target_lu(c.target, LUN_SLOW))->bytes_offloaded, ALL * 512);
	CU_ASSERT_TRUE(core_holds(&c, LUN_SLOW, ALL - 64, 64, 0x77));
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

static void removal_ends_it(void)
{
	struct removal m = { .r = { .lun = LUN_SLOW, .done = was_removed } };
	uint8_t token[ROD_TOKEN_LEN];
	struct core c;

	core_init(&c, NULL, 0);
	fill(&c, token);
	CHECK_GOOD(wut_immed(&c, 0, 7, token));
	core_sleep(&c, 70);
	CU_ASSERT_TRUE(target_remove_lu(c.target, &m.r));
	core_sleep(&c, 150); /* all of it would take 400 */
	CU_ASSERT_TRUE(m.over);
	core_done(&c);
}

static unsigned quiet_calls;

static void was_quiet(struct target_quiet *q)
{
	(void)q;
	quiet_calls++;
}

static void the_end_of_the_target(void)
{
	struct target_quiet quiet = { .done = was_quiet };
	uint8_t token[ROD_TOKEN_LEN];
	struct core c;

	core_init(&c, NULL, 0);
	quiet_calls = 0;
	target_end_copies(c.target, &quiet);
	CU_ASSERT_EQUAL(quiet_calls, 0);
	core_sleep(&c, 1);
	CU_ASSERT_EQUAL(quiet_calls, 1);
	fill(&c, token);
	CHECK_GOOD(wut_immed(&c, 0, 7, token));
	CHECK_GOOD(wut_immed(&c, 0, 8, token));
	core_sleep(&c, 70);
	target_end_copies(c.target, &quiet);
	CU_ASSERT_EQUAL(quiet_calls, 1);
	core_sleep(&c, 150);
	CU_ASSERT_EQUAL(quiet_calls, 2);
	core_done(&c);
}

static void limited(void)
{
	struct lu_tpc_config cfg = lu_tpc_defaults;
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	struct core c;

	cfg.max_background = 3;
	core_init(&c, &cfg, 0);
	fill(&c, token);
	for (uint32_t id = 1; id <= 3; id++)
		CHECK_GOOD(wut_immed(&c, id % 2, id, token));
	CHECK_KCQ(wut_immed(&c, 0, 4, token), 0xb5503);
	CHECK_GOOD(core_rrti(&c, 0, LUN_SLOW, 4, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_FAILED);
	/* An identifier is in use in the background as well. */
	CHECK_KCQ(wut_immed(&c, 0, 2, token), 0x50016);
	CHECK_GOOD(abort_copy(&c, 0, LUN_SLOW, 2));
	CHECK_GOOD(wut_immed(&c, 0, 4, token));
	CHECK_GOOD(abort_copy(&c, 0, LUN_SLOW, 4));
	CHECK_GOOD(abort_copy(&c, 1, LUN_SLOW, 1));
	CHECK_GOOD(abort_copy(&c, 1, LUN_SLOW, 3));
	core_done(&c);
}

/* What does not wait for long lets in who does: copies at once are two here. */
static void foreground_comes_first(void)
{
	static struct core_async slow;
	struct lu_tpc_config cfg = lu_tpc_defaults;
	uint8_t token[ROD_TOKEN_LEN];
	struct core c;

	cfg.deadline_ms = 1500;
	core_init(&c, &cfg, 0);
	fill(&c, token);
	for (uint32_t id = 1; id <= 4; id++)
		CHECK_GOOD(wut_immed(&c, 0, id, token));
	core_sleep(&c, 60);
	CU_ASSERT_TRUE(start_foreground(&c, &slow, 7, token));
	core_finish(&slow);
	CU_ASSERT_EQUAL(slow.task.status, SAM_GOOD);
	for (uint32_t id = 1; id <= 4; id++)
		if (rrti(&c, id).status == TPC_BACKGROUND)
			CHECK_GOOD(abort_copy(&c, 0, LUN_SLOW, id));
	core_done(&c);
}

static void tokens_are_listed(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_REPORT_ALL_ROD_TOKENS);
	const struct tpc_range one[] = { { 5, 1 } }, to[] = { { 50, 1 } };
	uint8_t token[2][ROD_TOKEN_LEN];
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	cdb.len = 4096;
	r = core_cmd(&c, 0, LUN_A, &cdb, NULL, 0);
	CHECK_GOOD(r);
	CHECK_BYTES(r->in, r->in_len, ((const uint8_t[]) { 0, 0, 0, 4, 0, 0, 0, 0 }), 8);
	core_token(&c, LUN_A, one, 1, token[0]);
	core_token(&c, LUN_B, one, 1, token[1]);
	r = core_cmd(&c, 1, LUN_A, &cdb, NULL, 0);
	CU_ASSERT_EQUAL(r->in_len, 8 + 2 * 96);
	CU_ASSERT_EQUAL(get_be32(r->in), 4 + 2 * 96);
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *entry = r->in + 8 + (memcmp(r->in + 8, token[i], 96) ? 96 : 0);

		CHECK_BYTES(entry, 96, token[i], 96);
	}
	cdb.len = 104;
	r = core_cmd(&c, 1, LUN_A, &cdb, NULL, 0);
	CU_ASSERT_EQUAL(r->in_len, 104);
	CU_ASSERT_EQUAL(get_be32(r->in), 4 + 2 * 96);
	/* Deleted ones are not there, nor the zero token. */
	CHECK_GOOD(core_wut(&c, 0, LUN_A, 1, token[0], 0, true, to, 1));
	cdb.len = 4096;
	r = core_cmd(&c, 1, LUN_A, &cdb, NULL, 0);
	CU_ASSERT_EQUAL(r->in_len, 104);
	CHECK_BYTES(r->in + 8, 96, token[1], 96);
	core_done(&c);
}

static void status_lid4(void)
{
	const struct tpc_range one[] = { { 5, 1 } };
	struct scsi_cdb cdb = cdb_of(CMD_RECEIVE_COPY_STATUS_LID4);
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	CHECK_GOOD(core_pt(&c, 0, LUN_A, 5, 0, one, 1));
	cdb.list_id = 5;
	cdb.len = 1024;
	for (unsigned i = 0; i < 2; i++) { /* it is kept */
		r = core_cmd(&c, 0, LUN_A, &cdb, NULL, 0);
		CHECK_GOOD(r);
		CU_ASSERT_EQUAL(r->in_len, 32);
		CU_ASSERT_EQUAL(get_be32(r->in), 28);
		CU_ASSERT_EQUAL(r->in[4], 0x10);
		CU_ASSERT_EQUAL(r->in[5], TPC_DONE);
	}
	cdb.len = 6;
	CU_ASSERT_EQUAL(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0)->in_len, 6);
	cdb.len = 0;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0));
	CHECK_GOOD(core_rrti(&c, 0, LUN_A, 5, 550, NULL)); /* and the token is there */
	CHECK_KCQ(core_cmd(&c, 1, LUN_A, &cdb, NULL, 0), 0x52400);
	cdb.list_id = 6;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0), 0x52400);
	core_done(&c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "PREEMPT AND ABORT ends all copies of the unit (wire-format 7.3)",
		  preempt_and_abort },
		{ "IMMED=1: 12h with growing counts, then 01h (wire-format 9.2 no. 24)",
		  counts_grow },
		{ "POPULATE TOKEN with IMMED=1 waits for writes in the background", populate },
		{ "an error in the background is told by RRTI", errors_come_by_rrti },
		{ "COPY OPERATION ABORT ends a background copy: 60h, the count stays",
		  abort_background },
		{ "COPY OPERATION ABORT of a foreground copy: A/2F/02, then GOOD",
		  abort_foreground },
		{ "LOGICAL UNIT RESET during a background copy (wire-format 9.2 no. 25)",
		  lu_reset_ends_it },
		{ "ABORT TASK SET and CLEAR TASK SET end background copies",
		  task_set_functions_end_it },
		{ "an I_T nexus loss takes the result and lets the copy run",
		  nexus_loss_leaves_it },
		{ "taking the LUN away ends its background copies", removal_ends_it },
		{ "so does the end of the target", the_end_of_the_target },
		{ "one background copy above the limit: B/55/03", limited },
		{ "background copies let those in the foreground in", foreground_comes_first },
		{ "REPORT ALL ROD TOKENS: 96 bytes of each that lives", tokens_are_listed },
		{ "RECEIVE COPY STATUS(LID4): the status alone, and it is kept", status_lid4 },
		TEST_END,
	};

	return test_main(argc, argv, "background", tests);
}
