/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Well-formed PDUs in no order that makes sense: commands, Data-Out, task management
 * and text around the edges of the command window, several sessions at once.  Nobody
 * else may notice, and everything must be back at the end (rig_end looks).
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#define PDUS 10000

static struct rig rig;
static uint8_t data[8192];

static unsigned pick(unsigned n)
{
	return (unsigned)(rand() >> 4) % n;
}

/* Mostly @at, now and then near it, seldom far off. */
static uint32_t near(uint32_t at)
{
	if (pick(8))
		return at;
	return pick(20) ? at + pick(8) - 3 : (uint32_t)rand();
}

static void random_command(struct peer *p, struct iscsi_pdu *pdu)
{
	static const uint8_t opcodes[] = { 0x00, 0x12, 0x28, 0x2a, 0x2a, 0x8a, 0x15, 0x7f, 0x83 };
	static const uint16_t luns[] = { LUN_DISK, LUN_SLOW, LUN_4K, 99 };

	(void)p;
	pdu->lun = (uint64_t)luns[pick(4)] << 48;
	pdu->flags = (uint8_t)(pick(4) << 5 | (pick(5) ? ISCSI_F_FINAL : 0) | pick(6));
	pdu->cmd.edtl = pick(3) ? 512 * pick(32) : (uint32_t)rand() >> pick(31);
	pdu->cmd.cdb[0] = opcodes[pick(sizeof(opcodes))];
	pdu->cmd.cdb[5] = (uint8_t)pick(64);
	pdu->cmd.cdb[8] = (uint8_t)pick(32);
	pdu->cmd.cdb[13] = (uint8_t)pick(32);
}

static struct iscsi_pdu random_pdu(struct peer *p)
{
	static const uint8_t opcodes[] = { ISCSI_SCSI_CMD, ISCSI_SCSI_CMD, ISCSI_SCSI_CMD,
					   ISCSI_DATA_OUT, ISCSI_TMF_REQ,  ISCSI_NOP_OUT,
					   ISCSI_TEXT_REQ, ISCSI_SNACK_REQ };
	struct iscsi_pdu pdu = peer_request(p, opcodes[pick(sizeof(opcodes))], pick(4) == 0);

	pdu.itt = near(pdu.itt);
	switch (pdu.opcode) {
	case ISCSI_SCSI_CMD:
		pdu.cmd.cmd_sn = near(pdu.cmd.cmd_sn);
		random_command(p, &pdu);
		break;
	case ISCSI_DATA_OUT:
		/* A tag as of an R2T would mostly end the connection. */
		pdu.data_out.ttt = pick(20) ? ISCSI_NO_TAG : pick(3);
		pdu.data_out.data_sn = pick(3);
		pdu.data_out.offset = 512 * pick(8);
		pdu.flags = pick(2) ? ISCSI_F_FINAL : 0;
		break;
	case ISCSI_TMF_REQ:
		/* Cold reset ends the round. */
		pdu.tmf.function = (uint8_t)(pick(200) ? 1 + pick(6) : ISCSI_TMF_TARGET_COLD_RESET);
		pdu.flags = ISCSI_F_FINAL | pdu.tmf.function;
		pdu.lun = (uint64_t)pick(3) << 48;
		pdu.tmf.cmd_sn = near(pdu.tmf.cmd_sn);
		pdu.tmf.ref_tag = near(p->itt - pick(4));
		pdu.tmf.ref_cmd_sn = near(p->cmd_sn);
		break;
	default:
		pdu.text.ttt = pick(2) ? ISCSI_NO_TAG : pick(4);
		pdu.text.cmd_sn = near(pdu.text.cmd_sn);
		pdu.flags = (uint8_t)(pick(4) << 6);
	}
	return pdu;
}

static void enter(struct peer *p, unsigned i)
{
	CU_ASSERT_EQUAL(peer_login(p, &rig,
				   i ? "iqn.2001-04.com.example:a" : "iqn.2001-04.com.example:b",
				   RIG_TARGET, "InitialR2T=No"),
			0);
}

/* What comes back is of no interest, but room must be made for it.  False: the end. */
static bool drop_answers(struct peer *p, int wait_ms)
{
	while (!peer_is_quiet(p, wait_ms)) {
		const struct answer *a = peer_recv(p);

		if (a->eof)
			return false;
		/* Behind a gap nothing moves: back to where the target is. */
		if (a->pdu.opcode == ISCSI_SCSI_RSP && pick(4) == 0)
			p->cmd_sn = a->pdu.rsp.exp_cmd_sn;
	}
	return true;
}

static void test_random(void)
{
	struct peer p, q[2];

	srand(1);
	rig_session(&rig, &p, "");
	enter(&q[0], 0);
	enter(&q[1], 1);
	for (unsigned n = 0; n < PDUS; n++) {
		unsigned i = pick(2);
		struct iscsi_pdu pdu = random_pdu(&q[i]);

		peer_send(&q[i], &pdu, data, pick(3) ? 0 : pick(sizeof(data)));
		/* A new session before nothing moves any more. */
		if (!drop_answers(&q[i], n % 8 == 0) || pick(50) == 0) {
			peer_close(&q[i]);
			enter(&q[i], i);
		}
	}
	peer_close(&q[0]);
	peer_close(&q[1]);
	/* A cold reset took this session, too. */
	peer_close(&p);
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET, ""), 0);
	peer_ready(&p, LUN_DISK);
	CU_ASSERT(rig_stats(&rig).commands > PDUS / 10);
	rig_session_done(&rig, &p);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "requests without rhyme or reason harm nobody", test_random }, TEST_END
	};

	return test_main(argc, argv, "iscsi_random", tests);
}
