/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A nexus that stands for all initiators (tcmu): results that may be another
 * initiator's are never handed out, and no unit attention is made for it.
 */
#include "core.h"
#include "copymgr.h"

#include <string.h>

#define OWN    0 /* the harness' nexuses: an ordinary one */
#define SHARED 1 /* and the shared one                    */

static const struct tpc_range list_a[] = { { 0, 8 } }, list_b[] = { { 100, 8 } };

static void init(struct core *c)
{
	core_init(c, NULL, 0);
	target_nexus_remove(c->target, &c->nexus[SHARED]);
	c->nexus[SHARED].shared = true;
	CU_ASSERT_EQUAL(target_nexus_add(c->target, &c->nexus[SHARED]), 0);
}

static void pt(struct core *c, unsigned nexus, uint32_t id, const struct tpc_range *list)
{
	CHECK_GOOD(core_pt(c, nexus, LUN_A, id, 0, list, 1));
}

static unsigned rrti(struct core *c, unsigned nexus, uint32_t id)
{
	return kcq(core_rrti(c, nexus, LUN_A, id, 1024, NULL));
}

static void another_list(void)
{
	struct core c;

	init(&c);
	pt(&c, SHARED, 1, list_a);
	pt(&c, SHARED, 1, list_b);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 1), 0x52400);
	/* Both will ask; one of them may have sent something new meanwhile. */
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 1), 0x52400);
	pt(&c, SHARED, 1, list_a);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 1), 0x52400);
	pt(&c, SHARED, 1, list_a);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 1), 0x52400);
	/* Other identifiers, other LUNs, other nexuses have nothing to do with it. */
	pt(&c, SHARED, 2, list_b);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 2), 0);
	CHECK_GOOD(core_pt(&c, SHARED, LUN_B, 1, 0, list_b, 1));
	CHECK_GOOD(core_rrti(&c, SHARED, LUN_B, 1, 1024, NULL));
	pt(&c, OWN, 1, list_b);
	CU_ASSERT_EQUAL(rrti(&c, OWN, 1), 0);
	core_done(&c);
}

static void the_same_list(void)
{
	struct core c;

	init(&c);
	pt(&c, SHARED, 1, list_a);
	pt(&c, SHARED, 1, list_a);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 1), 0);
	core_done(&c);
}

static void fetched_before(void)
{
	struct core c;

	init(&c);
	pt(&c, SHARED, 1, list_a);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 1), 0);
	pt(&c, SHARED, 1, list_b);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 1), 0);
	/* A look at the beginning of it is not all of it. */
	pt(&c, SHARED, 2, list_a);
	CHECK_GOOD(core_rrti(&c, SHARED, LUN_A, 2, 4, NULL));
	CHECK_GOOD(core_rrti(&c, SHARED, LUN_A, 2, 549, NULL));
	pt(&c, SHARED, 2, list_b);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 2), 0x52400);
	pt(&c, SHARED, 3, list_a);
	CHECK_GOOD(core_rrti(&c, SHARED, LUN_A, 3, 550, NULL));
	pt(&c, SHARED, 3, list_b);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 3), 0);
	core_done(&c);
}

static void another_command(void)
{
	uint8_t token[ROD_TOKEN_LEN];
	struct core c;

	init(&c);
	core_token(&c, LUN_A, list_a, 1, token);
	CHECK_GOOD(core_wut(&c, SHARED, LUN_A, 1, token, 0, false, list_b, 1));
	pt(&c, SHARED, 1, list_a);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 1), 0x52400);
	/* One that is refused has a result as well. */
	CHECK_KCQ(core_pt(&c, SHARED, LUN_A, 2, 100000, list_a, 1), 0x52600);
	pt(&c, SHARED, 2, list_a);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 2), 0x52400);
	core_done(&c);
}

/* A host whose command never became an operation asks for its result all the same. */
static void refused_before_it_began(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_POPULATE_TOKEN);
	struct core c;

	init(&c);
	pt(&c, SHARED, 1, list_a);
	cdb.list_id = 1;
	cdb.len = 32;
	CHECK_KCQ(core_cmd(&c, SHARED, LUN_A, &cdb, NULL, 0), 0x51a00); /* no data came */
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 1), 0x52400);
	pt(&c, SHARED, 2, list_a);
	cdb.list_id = 2;
	cdb.len = TASK_MAX_PARAM;
	CHECK_KCQ(core_cmd(&c, SHARED, LUN_A, &cdb, NULL, 0), 0x52400); /* too long a list */
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 2), 0x52400);
	/* Length 0 is no command at all. */
	pt(&c, SHARED, 3, list_a);
	cdb.list_id = 3;
	cdb.len = 0;
	CHECK_GOOD(core_cmd(&c, SHARED, LUN_A, &cdb, NULL, 0));
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 3), 0);
	core_done(&c);
}

static void while_running(void)
{
	static struct core_async slow;
	const struct tpc_range from[] = { { 0, 4096 } };
	struct scsi_cdb cdb = cdb_of(CMD_WRITE_USING_TOKEN);
	uint8_t token[ROD_TOKEN_LEN], pl[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct tpc_result res;
	struct core c;

	init(&c);
	for (unsigned lba = 0; lba < 4096; lba += 128)
		core_write(&c, LUN_A, lba, 128, 0x77);
	core_token(&c, LUN_A, from, 1, token);
	cdb.list_id = 7;
	cdb.len = (uint32_t)tpc_wut_encode(pl, sizeof(pl), false, false, 0, token, from, 1);
	CU_ASSERT_TRUE(core_start(&c, &slow, SHARED, LUN_SLOW, &cdb, pl, sizeof(pl)));
	/* The same again: refused as ever, and still nobody else's. */
	CHECK_KCQ(core_wut(&c, SHARED, LUN_SLOW, 7, token, 0, false, from, 1), 0x50016);
	CHECK_GOOD(core_rrti(&c, SHARED, LUN_SLOW, 7, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_FOREGROUND);
	/* Another host's: refused, and its question must not get this one's count. */
	CHECK_KCQ(core_wut(&c, SHARED, LUN_SLOW, 7, token, 0, false, list_b, 1), 0x50016);
	CHECK_KCQ(core_rrti(&c, SHARED, LUN_SLOW, 7, 1024, NULL), 0x52400);
	core_finish(&slow);
	CHECK_KCQ(core_rrti(&c, SHARED, LUN_SLOW, 7, 1024, NULL), 0x52400);
	core_done(&c);
}

static void ordinary_nexus(void)
{
	struct tpc_result res;
	struct core c;

	init(&c);
	pt(&c, OWN, 1, list_a);
	CHECK_GOOD(core_pt(&c, OWN, LUN_A, 1, 0, (const struct tpc_range[]) { { 50, 3 } }, 1));
	CHECK_GOOD(core_rrti(&c, OWN, LUN_A, 1, 1024, &res));
	CU_ASSERT_EQUAL(res.count, 3);
	core_done(&c);
}

static unsigned resets_over;

static void reset_over(struct target_reset *r)
{
	(void)r;
	resets_over++;
}

static void no_attentions(void)
{
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	struct target_reset reset = { .all = true, .done = reset_over };
	struct core c;

	init(&c);
	CHECK_GOOD(core_cmd(&c, SHARED, LUN_A, &tur, NULL, 0));
	pt(&c, SHARED, 1, list_a);
	pt(&c, SHARED, 1, list_b);
	reset.nexus = &c.nexus[OWN];
	resets_over = 0;
	CU_ASSERT_TRUE(target_reset(c.target, &reset));
	core_sleep(&c, 10);
	CU_ASSERT_EQUAL(resets_over, 1);
	CHECK_GOOD(core_cmd(&c, SHARED, LUN_A, &tur, NULL, 0));
	/* What was ambiguous has gone with the results. */
	pt(&c, SHARED, 1, list_b);
	CU_ASSERT_EQUAL(rrti(&c, SHARED, 1), 0);
	core_done(&c);
}

/* A host that was started again must not stumble over what it never fetched. */
static void abandoned(void)
{
	const uint64_t s = 1000000000ull;
	struct cm_request req = { .list_id = 1, .sa = 0x11, .shared = true };
	struct cm_results results;
	struct cm_op *op;

	cm_results_init(&results);
	for (unsigned i = 0; i < 3; i++) {
		req.digest = i;
		req.now += i == 2 ? CM_HOLD_NS + s : CM_HOLD_NS - s;
		CU_ASSERT_TRUE(sense_is_good(cm_begin(&results, 8, &req, &op)));
		CU_ASSERT_EQUAL(op->ambiguous, i == 1);
		op->running = false; /* and its result lies there, unfetched */
	}
	cm_results_drop(&results);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "another list before the result was fetched: 5/24/00 and stays it",
		  another_list },
		{ "a result that nobody fetched for a minute is in nobody's way", abandoned },
		{ "the same list again is a retry", the_same_list },
		{ "a result that was fetched whole is out of the way", fetched_before },
		{ "PT and WUT, refused ones too, are lists of their own", another_command },
		{ "a command refused before it took its identifier counts",
		  refused_before_it_began },
		{ "an identifier in use: 5/00/16, and nobody gets the result", while_running },
		{ "an ordinary nexus keeps to SPC: the new result replaces the old",
		  ordinary_nexus },
		{ "no power-on or reset unit attention, a reset drops what was ambiguous",
		  no_attentions },
		TEST_END,
	};

	return test_main(argc, argv, "shared", tests);
}
