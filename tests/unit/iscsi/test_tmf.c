/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task management (RFC 7143 11.5, 11.6): what ends, whose, and what is said of it.
 */
#include "rig.h"

#include <string.h>

static struct rig rig;

static struct iscsi_pdu tmf(struct peer *p, uint8_t function, uint64_t lun, uint32_t ref)
{
	struct iscsi_pdu pdu = peer_request(p, ISCSI_TMF_REQ, true);

	pdu.flags = ISCSI_F_FINAL | function;
	pdu.lun = lun << 48;
	pdu.tmf.function = function;
	pdu.tmf.ref_tag = ref;
	peer_send(p, &pdu, NULL, 0);
	return pdu;
}

/* ABORT TASK of @ref, which had the number @ref_sn. */
static struct iscsi_pdu tmf_for(struct peer *p, uint64_t lun, uint32_t ref, uint32_t ref_sn)
{
	struct iscsi_pdu pdu = peer_request(p, ISCSI_TMF_REQ, true);

	pdu.flags = ISCSI_F_FINAL | ISCSI_TMF_ABORT_TASK;
	pdu.lun = lun << 48;
	pdu.tmf.function = ISCSI_TMF_ABORT_TASK;
	pdu.tmf.ref_tag = ref;
	pdu.tmf.ref_cmd_sn = ref_sn;
	peer_send(p, &pdu, NULL, 0);
	return pdu;
}

static unsigned tmf_answer(struct peer *p, uint32_t itt)
{
	const struct answer *a = peer_recv(p);

	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_TMF_RSP);
	CU_ASSERT_EQUAL(a->pdu.itt, itt);
	return a->pdu.tmf_rsp.response;
}

static void test_abort_task(void)
{
	struct iscsi_pdu cmd, t;
	struct peer p;

	rig_session(&rig, &p, "");
	peer_ready(&p, LUN_SLOW);
	cmd = peer_read10(&p, LUN_SLOW, 0, 1, 512);
	peer_send(&p, &cmd, NULL, 0);
	t = tmf(&p, ISCSI_TMF_ABORT_TASK, LUN_SLOW, cmd.itt);
	CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), ISCSI_TMF_COMPLETE);
	/* The command is never answered. */
	CU_ASSERT(peer_is_quiet(&p, 400));
	t = tmf(&p, ISCSI_TMF_ABORT_TASK, LUN_SLOW, cmd.itt);
	CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), ISCSI_TMF_NO_TASK);
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	rig_session_done(&rig, &p);
}

/* A write that waits for its data is aborted; data that still comes is dropped. */
static void test_abort_waiting_write(void)
{
	static char data[4096];
	struct iscsi_pdu cmd, t;
	const struct answer *a;
	uint32_t ttt;
	struct peer p;

	rig_session(&rig, &p, "ImmediateData=No");
	cmd = peer_write10(&p, LUN_DISK, 0, 8, 512);
	peer_send(&p, &cmd, NULL, 0);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_R2T);
	ttt = a->pdu.r2t.ttt;
	t = tmf(&p, ISCSI_TMF_ABORT_TASK_SET, LUN_DISK, ISCSI_NO_TAG);
	CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), ISCSI_TMF_COMPLETE);
	peer_data_out(&p, &cmd, ttt, 0, 0, data, sizeof(data), true);
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	rig_session_done(&rig, &p);
}

/* Another session of the same initiator. */
static void second_session(struct peer *q)
{
	peer_connect(q, &rig);
	q->isid_tail = 9;
	CU_ASSERT_EQUAL(answer_login_status(peer_login_step(q, 1, 3,
							    "InitiatorName=" RIG_INITIATOR
							    "|TargetName=" RIG_TARGET)),
			0);
	peer_ready(q, LUN_SLOW);
}

static void test_resets(void)
{
	static const uint8_t functions[] = { ISCSI_TMF_LUN_RESET, ISCSI_TMF_TARGET_WARM_RESET };
	struct iscsi_pdu cmd, t;
	struct peer p, q;

	rig_session(&rig, &p, "");
	second_session(&q);
	for (unsigned i = 0; i < 2; i++) {
		peer_ready(&p, LUN_SLOW);
		peer_ready(&q, LUN_SLOW);
		/* One in the logical unit, one of the other session waiting for data. */
		cmd = peer_read10(&p, LUN_SLOW, 0, 1, 512);
		peer_send(&p, &cmd, NULL, 0);
		cmd = peer_write10(&q, LUN_SLOW, 0, 8, 512);
		peer_send(&q, &cmd, NULL, 0);
		CU_ASSERT_EQUAL(peer_recv(&q)->pdu.opcode, ISCSI_R2T);
		t = tmf(&p, functions[i], LUN_SLOW, ISCSI_NO_TAG);
		CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), ISCSI_TMF_COMPLETE);
		/* Both sessions are told by a unit attention, too (SAM-5 6.3.3). */
		CU_ASSERT_EQUAL(peer_tur(&q, LUN_SLOW), 2);
		CU_ASSERT_EQUAL(peer_tur(&p, LUN_SLOW), 2);
		CU_ASSERT(peer_is_quiet(&q, 50));
	}
	peer_close(&q);
	rig_session_done(&rig, &p);
}

static void test_clear_task_set(void)
{
	struct iscsi_pdu read, held, other, t;
	struct peer p, q;

	rig_session(&rig, &p, "InitialR2T=No");
	peer_ready(&p, LUN_SLOW);
	second_session(&q);
	/* One in the logical unit, one that waits for its unsolicited data. */
	read = peer_read10(&p, LUN_SLOW, 0, 1, 512);
	peer_send(&p, &read, NULL, 0);
	held = peer_write10(&p, LUN_SLOW, 0, 8, 512);
	held.flags &= (uint8_t)~ISCSI_F_FINAL;
	peer_send(&p, &held, NULL, 0);
	other = peer_read10(&q, LUN_SLOW, 0, 1, 512);
	peer_send(&q, &other, NULL, 0);
	CU_ASSERT(peer_is_quiet(&q, 50)); /* it has begun */
	t = tmf(&p, ISCSI_TMF_CLEAR_TASK_SET, LUN_SLOW, ISCSI_NO_TAG);
	CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), ISCSI_TMF_COMPLETE);
	/* Nobody hears of his commands again; the other has a unit attention instead. */
	CU_ASSERT(peer_is_quiet(&q, 400));
	CU_ASSERT(peer_is_quiet(&p, 0));
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_SLOW), 0);
	other = peer_request(&q, ISCSI_SCSI_CMD, false);
	other.lun = (uint64_t)LUN_SLOW << 48;
	peer_send(&q, &other, NULL, 0);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&q)), 0x62f00);
	CU_ASSERT_EQUAL(peer_tur(&q, LUN_SLOW), 0);
	peer_close(&q);
	rig_session_done(&rig, &p);
}

/* RFC 7143 11.6.1: an answer, and then every session of that target ends. */
static void test_cold_reset(void)
{
	struct iscsi_pdu cmd, t;
	struct peer p, q, d;

	rig_session(&rig, &p, "");
	second_session(&q);
	CU_ASSERT_EQUAL(peer_login(&d, &rig, RIG_INITIATOR, NULL, ""), 0);
	cmd = peer_read10(&q, LUN_SLOW, 0, 1, 512);
	peer_send(&q, &cmd, NULL, 0);
	CU_ASSERT(peer_is_quiet(&q, 50));
	t = tmf(&p, ISCSI_TMF_TARGET_COLD_RESET, 0, ISCSI_NO_TAG);
	CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), ISCSI_TMF_COMPLETE);
	CU_ASSERT(peer_recv(&p)->eof);
	CU_ASSERT(peer_recv(&q)->eof);
	peer_close(&p);
	peer_close(&q);
	/* Discovery is no session of the target; and it may be logged in to again. */
	cmd = peer_request(&d, ISCSI_NOP_OUT, true);
	peer_send(&d, &cmd, NULL, 0);
	CU_ASSERT_EQUAL(peer_recv(&d)->pdu.opcode, ISCSI_NOP_IN);
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET, ""), 0);
	peer_ready(&p, LUN_DISK);
	peer_close(&d);
	rig_session_done(&rig, &p);
}

/* A command that never came counts as received, and the ones after it go on (11.5.5). */
static void test_abort_missing(void)
{
	struct iscsi_pdu late, held, t;
	const struct answer *a;
	struct peer p;

	rig_session(&rig, &p, "");
	late = peer_request(&p, ISCSI_SCSI_CMD, false);
	held = peer_request(&p, ISCSI_SCSI_CMD, false);
	peer_send(&p, &held, NULL, 0);
	CU_ASSERT(peer_is_quiet(&p, 50));
	/* Not one that is still to be sent, nor one that is here. */
	t = tmf_for(&p, LUN_DISK, late.itt, p.cmd_sn);
	CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), ISCSI_TMF_NO_TASK);
	t = tmf_for(&p, LUN_DISK, late.itt, held.cmd.cmd_sn);
	CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), ISCSI_TMF_NO_TASK);
	t = tmf_for(&p, LUN_DISK, late.itt, late.cmd.cmd_sn);
	for (unsigned i = 0; i < 2; i++) {
		a = peer_recv(&p);
		if (a->pdu.opcode == ISCSI_SCSI_RSP) {
			CU_ASSERT_EQUAL(a->pdu.itt, held.itt);
		} else {
			CU_ASSERT_EQUAL(a->pdu.itt, t.itt);
			CU_ASSERT_EQUAL(a->pdu.tmf_rsp.response, ISCSI_TMF_COMPLETE);
			CU_ASSERT_EQUAL(a->pdu.tmf_rsp.exp_cmd_sn, p.cmd_sn);
		}
	}
	/* It comes after all: too late. */
	peer_send(&p, &late, NULL, 0);
	CU_ASSERT(peer_is_quiet(&p, 50));
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	rig_session_done(&rig, &p);
}

/* Commands ahead of their turn are aborted there; ExpCmdSN goes on as if they had run. */
static void test_abort_held(void)
{
	struct iscsi_pdu first, held[3], t;
	struct peer p;

	rig_session(&rig, &p, "");
	peer_ready(&p, LUN_4K);
	first = peer_request(&p, ISCSI_SCSI_CMD, false);
	for (unsigned i = 0; i < 3; i++) {
		held[i] = peer_request(&p, ISCSI_SCSI_CMD, false);
		held[i].lun = (uint64_t)(i == 2 ? LUN_4K : LUN_DISK) << 48;
		peer_send(&p, &held[i], NULL, 0);
	}
	t = tmf_for(&p, LUN_DISK, held[0].itt, held[0].cmd.cmd_sn);
	CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), ISCSI_TMF_COMPLETE);
	t = tmf(&p, ISCSI_TMF_ABORT_TASK_SET, LUN_DISK, ISCSI_NO_TAG);
	CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), ISCSI_TMF_COMPLETE);
	peer_send(&p, &first, NULL, 0);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.itt, first.itt);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.itt, held[2].itt);
	CU_ASSERT(peer_is_quiet(&p, 50));
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	rig_session_done(&rig, &p);
}

static void test_other_functions(void)
{
	static const struct {
		uint8_t function;
		uint64_t lun;
		unsigned response;
	} rows[] = {
		{ ISCSI_TMF_ABORT_TASK, LUN_DISK, ISCSI_TMF_NO_TASK },
		{ ISCSI_TMF_ABORT_TASK_SET, LUN_DISK, ISCSI_TMF_COMPLETE },
		{ ISCSI_TMF_ABORT_TASK_SET, 99, ISCSI_TMF_NO_LUN },
		{ ISCSI_TMF_LUN_RESET, 99, ISCSI_TMF_NO_LUN },
		{ ISCSI_TMF_CLEAR_ACA, LUN_DISK, ISCSI_TMF_NOT_SUPPORTED },
		{ ISCSI_TMF_CLEAR_TASK_SET, LUN_DISK, ISCSI_TMF_COMPLETE },
		{ ISCSI_TMF_CLEAR_TASK_SET, 99, ISCSI_TMF_NO_LUN },
		{ ISCSI_TMF_TASK_REASSIGN, LUN_DISK, ISCSI_TMF_REASSIGN_UNSUPPORTED },
		{ 0x7f, LUN_DISK, ISCSI_TMF_NOT_SUPPORTED },
	};
	struct peer p;

	rig_session(&rig, &p, "");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct iscsi_pdu t = tmf(&p, rows[i].function, rows[i].lun, 12345);

		CU_ASSERT_EQUAL(tmf_answer(&p, t.itt), rows[i].response);
	}
	rig_session_done(&rig, &p);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "ABORT TASK is answered when the task has ended", test_abort_task },
		{ "ABORT TASK SET ends a write that waits for data", test_abort_waiting_write },
		{ "LUN RESET and TARGET WARM RESET end everybody's tasks", test_resets },
		{ "CLEAR TASK SET ends everybody's tasks on the LUN", test_clear_task_set },
		{ "TARGET COLD RESET is answered and ends all sessions", test_cold_reset },
		{ "ABORT TASK of a command that never came", test_abort_missing },
		{ "commands held for their turn are aborted", test_abort_held },
		{ "the other functions say why not", test_other_functions },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_tmf", tests);
}
