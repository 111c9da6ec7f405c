/* SPDX-License-Identifier: Apache-2.0 */
/* lu_answer.c: answers on demand. */
#include "core.h"
#include "lu_answer.h"

static const struct tpc_range one[] = { { 5, 1 } };

static void init(struct core *c, const char *answer)
{
	core_answer = answer;
	core_init(c, NULL, 0);
	core_answer = NULL;
}

static void words(void)
{
	static const char *const bad[] = {
		"",
		"83",
		"83:1:1",
		"83:0:1:08",
		"83/20:1:1:08",
		"183:1:1:08",
		"83:1:1:02",
		"83:1:1:00",
		"83:1:1:5/24",
		"83:1:1:10/0/0",
		"83:1:1:5/100/0",
		"83:1:1:0/0/0",
		"83:1:1:08+",
		"83:1:1:08,",
		"83:x:1:08",
		"83:-1:1:08",
		"83:1:1:5/24/00/1",
		"83:1:1:neverland",
		" 83:1:1:08",
		"+",
	};
	struct lu_answers a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (lu_answers_parse(bad[i], &a)) {
			printf("taken: \"%s\"\n", bad[i]);
			CU_FAIL("a bad word is taken");
		}
	CU_ASSERT_TRUE(lu_answers_parse("83/11:2:3:b/0D/4+84:1:0:18+a8:10:1:never", &a));
	CU_ASSERT_EQUAL(a.n, 3);
	CU_ASSERT_EQUAL(a.v[0].opcode, 0x83);
	CU_ASSERT_EQUAL(a.v[0].sa, 0x11);
	CU_ASSERT_EQUAL(a.v[0].first, 2);
	CU_ASSERT_EQUAL(a.v[0].count, 3);
	CU_ASSERT_EQUAL(a.v[0].sense.key, KEY_ABORTED_COMMAND);
	CU_ASSERT_EQUAL(sense_asc_ascq(a.v[0].sense), ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT_EQUAL(a.v[1].sa, -1);
	CU_ASSERT_EQUAL(a.v[1].status, SAM_RESERVATION_CONFLICT);
	CU_ASSERT_TRUE(a.v[2].never);
}

static void limit(void)
{
	char spec[(LU_MAX_ANSWERS + 1) * 10 + 1] = "";
	struct lu_answers a;

	for (unsigned i = 0; i < LU_MAX_ANSWERS; i++)
		strcat(spec, i ? "+83:1:1:08" : "83:1:1:08");
	CU_ASSERT_TRUE(lu_answers_parse(spec, &a));
	CU_ASSERT_EQUAL(a.n, LU_MAX_ANSWERS);
	strcat(spec, "+83:1:1:08");
	CU_ASSERT_FALSE(lu_answers_parse(spec, &a));
	CU_ASSERT_FALSE(lu_answers_parse(spec, NULL));
}

static void counted(void)
{
	struct scsi_cdb rd = cdb_of(CMD_READ_16);
	struct core c;

	init(&c, "88:2:2:3/11/00+2a:1:0:28");
	rd.blocks = 1;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &rd, NULL, 0));
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &rd, NULL, 0), 0x31100);
	CHECK_GOOD(core_cmd(&c, 0, LUN_B, &rd, NULL, 0)); /* another LUN's */
	CHECK_KCQ(core_cmd(&c, 1, LUN_A, &rd, NULL, 0), 0x31100);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &rd, NULL, 0));
	/* One that is refused anyhow does not count. */
	rd.lba = UINT64_MAX;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &rd, NULL, 0), 0x52100);
	core_done(&c);
}

static void status_only(void)
{
	struct scsi_cdb rd = cdb_of(CMD_READ_16);
	struct core c;

	init(&c, "88:1:1:18+88:2:1:08");
	rd.blocks = 1;
	CU_ASSERT_EQUAL(core_cmd(&c, 0, LUN_A, &rd, NULL, 0)->status, SAM_RESERVATION_CONFLICT);
	CU_ASSERT_EQUAL(core_cmd(&c, 0, LUN_A, &rd, NULL, 0)->status, SAM_BUSY);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &rd, NULL, 0));
	core_done(&c);
}

static void kept_for_rrti(void)
{
	struct tpc_result res;
	struct core c;

	init(&c, "83/10:1:1:4/44/00");
	CHECK_KCQ(core_pt(&c, 0, LUN_A, 7, 0, one, 1), 0x44400);
	CHECK_GOOD(core_rrti(&c, 0, LUN_A, 7, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_FAILED);
	CU_ASSERT_EQUAL(res.count, 0);
	CU_ASSERT_EQUAL(res.sense.key, KEY_HARDWARE_ERROR);
	CU_ASSERT_PTR_NULL(res.token);
	CHECK_GOOD(core_pt(&c, 0, LUN_A, 7, 0, one, 1));
	core_done(&c);
}

static void recovered(void)
{
	struct tpc_result res;
	struct core c;

	init(&c, "83/10:1:1:1/17/01");
	CHECK_KCQ(core_pt(&c, 0, LUN_A, 7, 0, one, 1), 0x11701);
	CHECK_GOOD(core_rrti(&c, 0, LUN_A, 7, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_DONE);
	CU_ASSERT_EQUAL(res.count, 1);
	CU_ASSERT_PTR_NOT_NULL(res.token);
	core_done(&c);
}

static void never(void)
{
	static struct core_async a;
	struct scsi_cdb rd = cdb_of(CMD_READ_16);
	struct core c;

	init(&c, "88:1:1:never");
	rd.blocks = 1;
	CU_ASSERT_TRUE(core_start(&c, &a, 0, LUN_A, &rd, NULL, 0));
	core_sleep(&c, 50);
	CU_ASSERT_FALSE(a.done);
	lu_abort(&a.task);
	core_finish(&a);
	CU_ASSERT_EQUAL(a.task.status, SAM_TASK_ABORTED);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &rd, NULL, 0));
	core_done(&c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "words that are none are refused", words },
		{ "16 words are fine, 17 are refused", limit },
		{ "the second and third of a kind are answered, on this LUN only", counted },
		{ "a status without sense", status_only },
		{ "what is said to PT is said again by RRTI, 02h", kept_for_rrti },
		{ "a recovered error comes after the command was done", recovered },
		{ "no answer until the command is aborted", never },
		TEST_END
	};

	return test_main(argc, argv, "answer", tests);
}
