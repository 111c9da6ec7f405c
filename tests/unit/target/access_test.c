/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command against every type of persistent reservation, from the holder, from a
 * registrant and from a stranger.  What is expected was written down from SPC-4 table 65
 * and SBC-4 table 13 in their own form, five columns, and not from scsi/access.c.
 */
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "access.h"
#include "pr.h"
#include "pr_state.h"

/*
 * A allowed, C conflict; the reservation being another nexus':
 *   0 write exclusive, 1 exclusive access: from any other nexus
 *   2 of registrants only or all registrants: from a registered nexus
 *   3, 4 the same, write exclusive and exclusive access: from one that is not
 */
static const struct {
	enum scsi_cmd cmd;
	const char *columns;
	bool harmless; /* PREVENT ALLOW with PREVENT=0, START STOP UNIT with START=1 */
} expected[] = {
	{ CMD_TEST_UNIT_READY, "AAAAA", false },
	{ CMD_REQUEST_SENSE, "AAAAA", false },
	{ CMD_FORMAT_UNIT, "CCACC", false },
	{ CMD_READ_6, "ACAAC", false },
	{ CMD_WRITE_6, "CCACC", false },
	{ CMD_INQUIRY, "AAAAA", false },
	{ CMD_MODE_SELECT_6, "CCACC", false },
	{ CMD_MODE_SENSE_6, "ACAAC", false },
	{ CMD_START_STOP_UNIT, "CCACC", false },
	{ CMD_START_STOP_UNIT, "AAAAA", true },
	{ CMD_PREVENT_ALLOW, "CCACC", false },
	{ CMD_PREVENT_ALLOW, "AAAAA", true },
	{ CMD_READ_CAPACITY_10, "AAAAA", false },
	{ CMD_READ_10, "ACAAC", false },
	{ CMD_WRITE_10, "CCACC", false },
	{ CMD_WRITE_AND_VERIFY_10, "CCACC", false },
	{ CMD_VERIFY_10, "ACAAC", false },
	{ CMD_PRE_FETCH_10, "ACAAC", false },
	{ CMD_SYNCHRONIZE_CACHE_10, "CCACC", false },
	{ CMD_READ_DEFECT_DATA_10, "ACAAC", false },
	{ CMD_WRITE_SAME_10, "CCACC", false },
	{ CMD_UNMAP, "CCACC", false },
	{ CMD_SANITIZE_OVERWRITE, "CCACC", false },
	{ CMD_SANITIZE_BLOCK_ERASE, "CCACC", false },
	{ CMD_SANITIZE_CRYPTO_ERASE, "CCACC", false },
	{ CMD_SANITIZE_EXIT_FAILURE, "CCACC", false },
	{ CMD_MODE_SELECT_10, "CCACC", false },
	{ CMD_MODE_SENSE_10, "ACAAC", false },
	/* wire-format 7.10 */
	{ CMD_EXTENDED_COPY_LID1, "CCACC", false },
	{ CMD_EXTENDED_COPY_LID4, "CCACC", false },
	{ CMD_POPULATE_TOKEN, "ACAAC", false },
	{ CMD_WRITE_USING_TOKEN, "CCACC", false },
	{ CMD_COPY_OPERATION_ABORT, "CCACC", false },
	{ CMD_RECEIVE_COPY_STATUS_LID1, "AAAAA", false },
	{ CMD_RECEIVE_COPY_OPERATING_PARAMETERS, "AAAAA", false },
	{ CMD_RECEIVE_COPY_FAILURE_DETAILS, "AAAAA", false },
	{ CMD_RECEIVE_COPY_STATUS_LID4, "AAAAA", false },
	{ CMD_RECEIVE_ROD_TOKEN_INFORMATION, "AAAAA", false },
	{ CMD_REPORT_ALL_ROD_TOKENS, "AAAAA", false },
	{ CMD_READ_16, "ACAAC", false },
	{ CMD_COMPARE_AND_WRITE, "CCACC", false },
	{ CMD_WRITE_16, "CCACC", false },
	{ CMD_ORWRITE_16, "CCACC", false },
	{ CMD_WRITE_AND_VERIFY_16, "CCACC", false },
	{ CMD_VERIFY_16, "ACAAC", false },
	{ CMD_PRE_FETCH_16, "ACAAC", false },
	{ CMD_SYNCHRONIZE_CACHE_16, "CCACC", false },
	{ CMD_WRITE_SAME_16, "CCACC", false },
	{ CMD_WRITE_ATOMIC_16, "CCACC", false },
	{ CMD_READ_CAPACITY_16, "AAAAA", false },
	{ CMD_GET_LBA_STATUS, "ACAAC", false },
	{ CMD_REPORT_LUNS, "AAAAA", false },
	{ CMD_REPORT_TARGET_PORT_GROUPS, "AAAAA", false },
	{ CMD_REPORT_SUPPORTED_OPCODES, "ACAAC", false },
	{ CMD_REPORT_SUPPORTED_TMFS, "ACAAC", false },
	{ CMD_READ_12, "ACAAC", false },
	{ CMD_WRITE_12, "CCACC", false },
	{ CMD_WRITE_AND_VERIFY_12, "CCACC", false },
	{ CMD_VERIFY_12, "ACAAC", false },
	{ CMD_READ_DEFECT_DATA_12, "ACAAC", false },
};
#define NEXPECTED (sizeof(expected) / sizeof(expected[0]))

enum who { HOLDER, REGISTRANT, STRANGER };

static bool expect_conflict(const char *columns, uint8_t type, enum who who)
{
	bool shared = type >= 5, exclusive = type == 3 || type == 6 || type == 8;
	unsigned column;

	if (who == HOLDER)
		return false;
	if (!shared)
		column = exclusive ? 1 : 0;
	else if (who == REGISTRANT)
		column = 2;
	else
		column = exclusive ? 4 : 3;
	return columns[column] == 'C';
}

static bool is_reservation_command(enum scsi_cmd cmd)
{
	uint8_t op = scsi_ops[cmd].opcode;

	return op == 0x5e || op == 0x5f || op == 0x16 || op == 0x17;
}

static void every_row_is_expected_somehow(void)
{
	for (unsigned cmd = 0; cmd < CMD_COUNT; cmd++) {
		unsigned rows = 0;

		for (unsigned i = 0; i < NEXPECTED; i++)
			rows += expected[i].cmd == cmd && !expected[i].harmless;
		CU_ASSERT_EQUAL(rows, is_reservation_command((enum scsi_cmd)cmd) ? 0 : 1);
	}
}

static void command(struct core *c, unsigned nexus, enum scsi_cmd cmd, uint64_t key,
		    uint64_t sa_key, uint8_t type)
{
	struct scsi_cdb cdb = cdb_of(cmd);
	struct pr_out p = { .key = key, .sa_key = sa_key };
	uint8_t list[PR_OUT_LEN];

	cdb.len = PR_OUT_LEN;
	cdb.pr_type = type;
	pr_out_encode(&p, list);
	CHECK_GOOD(core_cmd(c, nexus, LUN_A, &cdb, list, sizeof(list)));
}

static void never_done(struct task *task)
{
	CU_FAIL("nothing was submitted");
}

/* Is the command stopped when it arrives?  It is not run. */
static bool stopped(struct core *c, unsigned nexus, const struct scsi_cdb *cdb)
{
	struct task t = { .nexus = &c->nexus[nexus], .done = never_done, .on_abort = never_done };

	t.cdb_len = (uint8_t)scsi_cdb_encode(cdb, t.cdb);
	if (!target_accept(c->target, scsi_lun_encode(LUN_A), &t))
		return t.status == SAM_RESERVATION_CONFLICT;
	task_end(&t);
	return false;
}

static struct scsi_cdb cdb_for(unsigned i)
{
	struct scsi_cdb cdb = cdb_of(expected[i].cmd);

	cdb.start = cdb.op->cmd == CMD_START_STOP_UNIT && expected[i].harmless;
	cdb.prevent = cdb.op->cmd == CMD_PREVENT_ALLOW && !expected[i].harmless ? 1 : 0;
	return cdb;
}

static void check(struct core *c, uint8_t type, enum who who)
{
	const bool *supported = lu_info(target_lu(c->target, LUN_A))->supported;

	for (unsigned i = 0; i < NEXPECTED; i++) {
		struct scsi_cdb cdb = cdb_for(i);
		bool want = expect_conflict(expected[i].columns, type, who);

		if (!supported[expected[i].cmd])
			continue;
		if (stopped(c, (unsigned)who, &cdb) == want)
			continue;
		printf("type %u, nexus %d: %s\n", type, who, cdb.op->name);
		CU_FAIL("reservation table");
	}
}

static void matrix(void)
{
	static const uint8_t types[] = { 1, 3, 5, 6, 7, 8 };
	struct core c;

	for (unsigned i = 0; i < sizeof(types); i++) {
		core_init(&c, NULL, 0);
		command(&c, HOLDER, CMD_PR_OUT_REGISTER, 0, 10, 0);
		command(&c, REGISTRANT, CMD_PR_OUT_REGISTER, 0, 11, 0);
		command(&c, HOLDER, CMD_PR_OUT_RESERVE, 10, 0, types[i]);
		for (enum who who = HOLDER; who <= STRANGER; who++)
			check(&c, types[i], who);
		core_done(&c);
	}
}

/* The same on the table itself, for commands that have no handler, too. */
static void matrix_of_rules(void)
{
	static const uint8_t types[] = { 1, 3, 5, 6, 7, 8 };
	struct pr_state s;
	struct pr_reg *regs[2];

	pr_state_init(&s);
	regs[HOLDER] = pr_add(&s, "a", 1, 10);
	regs[REGISTRANT] = pr_add(&s, "b", 1, 11);
	for (unsigned t = 0; t < sizeof(types); t++) {
		s.type = types[t];
		s.holder = types[t] < 7 ? regs[HOLDER] : NULL;
		for (unsigned i = 0; i < NEXPECTED; i++) {
			struct scsi_cdb cdb = cdb_for(i);
			enum scsi_access access = scsi_cdb_access(&cdb);

			for (enum who who = HOLDER; who <= STRANGER; who++)
				CU_ASSERT_EQUAL(pr_conflict(&s, who == STRANGER ? NULL : regs[who],
							    access),
						expect_conflict(expected[i].columns, types[t],
								who));
		}
	}
	pr_state_done(&s);
}

/* PERSISTENT RESERVE IN is for everybody (SPC-4 table 65), OUT is judged by its own rules. */
static void reservation_commands_arrive(void)
{
	struct core c;

	core_init(&c, NULL, 0);
	command(&c, HOLDER, CMD_PR_OUT_REGISTER, 0, 10, 0);
	command(&c, HOLDER, CMD_PR_OUT_RESERVE, 10, 0, PR_EXCLUSIVE_ACCESS);
	for (unsigned cmd = 0; cmd < CMD_COUNT; cmd++) {
		struct scsi_cdb cdb = cdb_of((enum scsi_cmd)cmd);

		if (is_reservation_command((enum scsi_cmd)cmd))
			CU_ASSERT_FALSE(stopped(&c, STRANGER, &cdb));
	}
	core_done(&c);
}

/* SPC-2 5.5.1: what another nexus may do while one has it by RESERVE. */
static void matrix_of_reserve(void)
{
	static const enum scsi_cmd pass[] = { CMD_INQUIRY,	    CMD_REQUEST_SENSE,
					      CMD_REPORT_LUNS,	    CMD_RELEASE_6,
					      CMD_READ_CAPACITY_10, CMD_READ_CAPACITY_16 };
	struct scsi_cdb reserve = cdb_of(CMD_RESERVE_6);
	struct core c;

	core_init(&c, NULL, 0);
	CHECK_GOOD(core_cmd(&c, HOLDER, LUN_A, &reserve, NULL, 0));
	for (unsigned cmd = 0; cmd < CMD_COUNT; cmd++) {
		struct scsi_cdb cdb = cdb_of((enum scsi_cmd)cmd);
		bool free = cmd == CMD_PREVENT_ALLOW; /* PREVENT=0 */

		if (!lu_info(target_lu(c.target, LUN_A))->supported[cmd])
			continue;
		for (unsigned i = 0; i < sizeof(pass) / sizeof(pass[0]); i++)
			free |= pass[i] == cmd;
		CU_ASSERT_EQUAL(stopped(&c, STRANGER, &cdb), !free);
		CU_ASSERT_EQUAL(stopped(&c, HOLDER, &cdb),
				scsi_ops[cmd].opcode == 0x5e || scsi_ops[cmd].opcode == 0x5f);
	}
	core_done(&c);
}

static const struct test tests[] = {
	{ "every command has a row here", every_row_is_expected_somehow },
	{ "SPC-4 table 65 and SBC-4 table 13, by commands", matrix },
	{ "the same by the rules alone", matrix_of_rules },
	{ "the reservation commands themselves are not stopped", reservation_commands_arrive },
	{ "SPC-2 5.5.1: RESERVE stops all but a few", matrix_of_reserve },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "access", tests);
}
