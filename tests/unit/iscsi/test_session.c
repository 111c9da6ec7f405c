/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full feature phase without data: NOP, CmdSN, task management, logout, text,
 * Reject, digests.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rig rig;

static void test_nop(void)
{
	const struct answer *a;
	static char ping[5000];
	struct iscsi_pdu pdu;
	struct peer p;
	uint32_t sn;

	for (unsigned i = 0; i < sizeof(ping); i++)
		ping[i] = (char)(i * 7);
	rig_session(&rig, &p, "");
	pdu = peer_request(&p, ISCSI_NOP_OUT, true);
	peer_send(&p, &pdu, ping, 4999);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_NOP_IN);
	CU_ASSERT_EQUAL(a->pdu.itt, pdu.itt);
	CU_ASSERT_EQUAL(a->pdu.text.ttt, ISCSI_NO_TAG);
	CU_ASSERT_EQUAL(a->pdu.text.exp_cmd_sn, p.cmd_sn);
	CHECK_BYTES(a->data, a->len, ping, 4999);
	sn = a->pdu.text.stat_sn;
	pdu = peer_request(&p, ISCSI_NOP_OUT, false);
	peer_send(&p, &pdu, NULL, 0);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.text.stat_sn, sn + 1);
	CU_ASSERT_EQUAL(a->pdu.text.exp_cmd_sn, p.cmd_sn);
	CU_ASSERT_EQUAL(a->len, 0);
	/* No tag, no answer. */
	pdu = peer_request(&p, ISCSI_NOP_OUT, true);
	pdu.itt = ISCSI_NO_TAG;
	peer_send(&p, &pdu, NULL, 0);
	CU_ASSERT(peer_is_quiet(&p, 50));
	rig_session_done(&rig, &p);
}

static void test_command_order(void)
{
	struct iscsi_pdu pdu[3];
	struct peer p;

	rig_session(&rig, &p, "");
	for (unsigned i = 0; i < 3; i++)
		pdu[i] = peer_request(&p, ISCSI_SCSI_CMD, false);
	/* The last first: held until the others are there. */
	peer_send(&p, &pdu[2], NULL, 0);
	peer_send(&p, &pdu[1], NULL, 0);
	CU_ASSERT(peer_is_quiet(&p, 50));
	peer_send(&p, &pdu[0], NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		const struct answer *a = peer_recv(&p);

		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_SCSI_RSP);
		CU_ASSERT_EQUAL(a->pdu.itt, pdu[i].itt);
		CU_ASSERT_EQUAL(a->pdu.rsp.exp_cmd_sn, p.cmd_sn);
	}
	rig_session_done(&rig, &p);
}

static void test_held_twice(void)
{
	struct iscsi_pdu first, second, again;
	const struct answer *a;
	struct peer p;

	rig_session(&rig, &p, "");
	first = peer_request(&p, ISCSI_SCSI_CMD, false);
	second = peer_request(&p, ISCSI_SCSI_CMD, false);
	again = second;
	again.itt = ++p.itt;
	peer_send(&p, &second, NULL, 0);
	peer_send(&p, &again, NULL, 0);
	peer_send(&p, &first, NULL, 0);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.itt, first.itt);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.itt, second.itt);
	/* An old number again, and one that is held when the peer leaves. */
	peer_send(&p, &again, NULL, 0);
	CU_ASSERT(peer_is_quiet(&p, 50));
	p.cmd_sn++;
	first = peer_request(&p, ISCSI_SCSI_CMD, false);
	peer_send(&p, &first, NULL, 0);
	first = peer_request(&p, ISCSI_NOP_OUT, true);
	peer_send(&p, &first, NULL, 0);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_NOP_IN);
	rig_session_done(&rig, &p);
}

static void test_rejects(void)
{
	static const struct {
		uint8_t opcode;
		unsigned reason;
	} rows[] = {
		{ ISCSI_SNACK_REQ, ISCSI_REJECT_SNACK },
		{ ISCSI_NOP_IN, ISCSI_REJECT_NOT_SUPPORTED },
		{ ISCSI_R2T, ISCSI_REJECT_NOT_SUPPORTED },
		{ 0x1c, ISCSI_REJECT_NOT_SUPPORTED },
		{ 0x07, ISCSI_REJECT_NOT_SUPPORTED },
	};
	uint8_t want[ISCSI_BHS_LEN];
	const struct answer *a;
	struct iscsi_pdu pdu;
	struct peer p;

	rig_session(&rig, &p, "");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(want, 0, sizeof(want));
		want[0] = rows[i].opcode;
		want[1] = 0x80;
		want[7] = 5; /* data that must be skipped */
		put_be32(want + 16, 4711);
		peer_raw(&p, want, sizeof(want));
		peer_raw(&p, "abcde\0\0", 8);
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
		CU_ASSERT_EQUAL(a->pdu.reject.reason, rows[i].reason);
		CU_ASSERT_EQUAL(a->pdu.itt, ISCSI_NO_TAG);
		CHECK_BYTES(a->data, a->len, want, sizeof(want));
	}
	CU_ASSERT_EQUAL(rig_stats(&rig).rejects, 5);
	/* A request without a tag. */
	pdu = peer_request(&p, ISCSI_TMF_REQ, true);
	pdu.itt = ISCSI_NO_TAG;
	peer_send(&p, &pdu, NULL, 0);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_INVALID_PDU_FIELD);
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	rig_session_done(&rig, &p);
}

static void test_login_again(void)
{
	const struct answer *a;
	struct peer p;

	rig_session(&rig, &p, "");
	a = peer_login_step(&p, 1, 3, "InitiatorName=x");
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_PROTOCOL_ERROR);
	CU_ASSERT(peer_is_closed(&p));
	rig_session_done(&rig, &p);
}

static void test_same_tag(void)
{
	struct iscsi_pdu one, two;
	const struct answer *a;
	struct peer p;

	rig_session(&rig, &p, "");
	peer_ready(&p, LUN_SLOW);
	one = peer_read10(&p, LUN_SLOW, 0, 1, 512);
	two = peer_read10(&p, LUN_DISK, 0, 1, 512);
	two.itt = one.itt;
	peer_send(&p, &one, NULL, 0);
	peer_send(&p, &two, NULL, 0);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_TASK_IN_PROGRESS);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_DATA_IN);
	CU_ASSERT_EQUAL(a->pdu.itt, one.itt);
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	rig_session_done(&rig, &p);
}

static struct iscsi_pdu logout(struct peer *p, unsigned reason, uint16_t cid)
{
	struct iscsi_pdu pdu = peer_request(p, ISCSI_LOGOUT_REQ, true);

	pdu.flags = (uint8_t)(ISCSI_F_FINAL | reason);
	pdu.logout.reason = (uint8_t)reason;
	pdu.logout.cid = cid;
	peer_send(p, &pdu, NULL, 0);
	return pdu;
}

static void test_logout(void)
{
	struct iscsi_pdu cmd, out;
	const struct answer *a;
	struct peer p;

	rig_session(&rig, &p, "");
	logout(&p, 2, 9);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.logout.response, 2);
	logout(&p, 1, 8);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.logout.response, 1);
	logout(&p, 5, 9);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.opcode, ISCSI_REJECT);
	/* With a command running: it ends without an answer, then the logout is answered. */
	peer_ready(&p, LUN_SLOW);
	cmd = peer_read10(&p, LUN_SLOW, 0, 1, 512);
	peer_send(&p, &cmd, NULL, 0);
	out = logout(&p, 1, 9);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_LOGOUT_RSP);
	CU_ASSERT_EQUAL(a->pdu.itt, out.itt);
	CU_ASSERT_EQUAL(a->pdu.logout.response, 0);
	CU_ASSERT(peer_is_closed(&p));
	rig_session_done(&rig, &p);
}

static void test_text(void)
{
	struct iscsi_pdu pdu;
	const struct answer *a;
	char want[300];
	struct peer p;
	uint32_t ttt;

	rig_session(&rig, &p, "");
	/* In a normal session only its own target. */
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	peer_send(&p, &pdu, "SendTargets=", 13);
	a = peer_recv(&p);
	snprintf(want, sizeof(want), "TargetName=" RIG_TARGET "%cTargetAddress=%s,1", 0,
		 rig.address);
	CHECK_BYTES(a->data, a->len, want, strlen(RIG_TARGET) + strlen(rig.address) + 29);
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	peer_send(&p, &pdu, "SendTargets=All", 16);
	CU_ASSERT_STRING_EQUAL(answer_value(peer_recv(&p), "SendTargets"), "Reject");
	/* In pieces, the last one with F. */
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	pdu.flags = ISCSI_F_CONTINUE;
	peer_send(&p, &pdu, "Unkn", 4);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.flags, 0);
	CU_ASSERT_EQUAL(a->len, 0);
	ttt = a->pdu.text.ttt;
	CU_ASSERT_NOT_EQUAL(ttt, ISCSI_NO_TAG);
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	pdu.text.ttt = ttt;
	peer_send(&p, &pdu, "own=1", 6);
	a = peer_recv(&p);
	CU_ASSERT_STRING_EQUAL(answer_value(a, "Unknown"), "NotUnderstood");
	CU_ASSERT_EQUAL(a->pdu.flags, ISCSI_F_FINAL);
	/* That exchange is over. */
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	pdu.text.ttt = ttt;
	peer_send(&p, &pdu, NULL, 0);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_INVALID_PDU_FIELD);
	/* Malformed. */
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	peer_send(&p, &pdu, "nonsense", 8);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_PROTOCOL_ERROR);
	rig_session_done(&rig, &p);
}

/* An answer longer than the initiator receives at once comes in pieces. */
static void test_long_answer(void)
{
	char text[2048], got[32768];
	const struct answer *a;
	struct iscsi_pdu pdu;
	size_t len = 0, n = 0;
	struct peer p;

	rig_session(&rig, &p, "MaxRecvDataSegmentLength=512");
	for (unsigned i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "K%02u=1", i) + 1;
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	peer_send(&p, &pdu, text, len);
	for (;;) {
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_TEXT_RSP);
		CU_ASSERT(a->len <= 512);
		if (a->eof || n + a->len > sizeof(got))
			break;
		memcpy(got + n, a->data, a->len);
		n += a->len;
		if (a->pdu.flags & ISCSI_F_FINAL)
			break;
		CU_ASSERT_EQUAL(a->pdu.flags, ISCSI_F_CONTINUE);
		pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
		pdu.text.ttt = a->pdu.text.ttt;
		peer_send(&p, &pdu, NULL, 0);
	}
	CU_ASSERT_EQUAL(n, 100 * sizeof("K00=NotUnderstood"));
	CU_ASSERT_STRING_EQUAL(got + 99 * sizeof("K00=NotUnderstood"), "K99=NotUnderstood");
	rig_session_done(&rig, &p);
}

static void test_bad_header_digest(void)
{
	struct iscsi_pdu pdu;
	struct peer p;

	rig_session(&rig, &p, "HeaderDigest=CRC32C|DataDigest=CRC32C");
	CU_ASSERT(p.header_digest && p.data_digest);
	pdu = peer_request(&p, ISCSI_NOP_OUT, true);
	peer_send(&p, &pdu, "ping", 5);
	CU_ASSERT(peer_recv(&p)->digests_good);
	p.header_digest = false; /* what it sends now has none */
	peer_send(&p, &pdu, NULL, 0);
	peer_raw(&p, "1234", 4);
	CU_ASSERT(peer_is_closed(&p));
	CU_ASSERT_EQUAL(rig_stats(&rig).digest_errors, 1);
	rig_session_done(&rig, &p);
}

static void test_bad_data_digest(void)
{
	const struct answer *a;
	struct iscsi_pdu pdu;
	struct peer p;

	rig_session(&rig, &p, "DataDigest=CRC32C");
	pdu = peer_request(&p, ISCSI_NOP_OUT, false);
	p.data_digest = false;
	peer_send(&p, &pdu, "ping", 4);
	peer_raw(&p, "1234", 4);
	p.data_digest = true;
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_DATA_DIGEST);
	CU_ASSERT(a->digests_good);
	/* The stream goes on. */
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	CU_ASSERT_EQUAL(rig_stats(&rig).digest_errors, 1);
	rig_session_done(&rig, &p);
}

/* A SCSI command with additional headers; whole, or cut and padded to @words. */
static void send_with_ahs(struct peer *p, struct iscsi_pdu *pdu, const struct iscsi_ahs *ahs,
			  unsigned words, const void *data, size_t len)
{
	uint8_t bytes[ISCSI_BHS_LEN + 64] = { 0 };
	struct writer w = writer(bytes + ISCSI_BHS_LEN, 64);

	pdu->ahs_len = iscsi_ahs_encode(ahs, &w);
	if (words)
		pdu->ahs_len = (uint8_t)words;
	pdu->data_len = (uint32_t)len;
	iscsi_pdu_encode(pdu, bytes);
	peer_raw(p, bytes, ISCSI_BHS_LEN + pdu->ahs_len * 4u);
	peer_raw(p, data, len);
}

static void test_extended_cdb(void)
{
	static const uint8_t read_32[] = { 0x7f, 0, 0, 0, 0, 0, 0, 24, 0, 9 };
	struct iscsi_ahs ahs = { .cdb_len = 32, .cdb = { 0, 0, 0, 1 } };
	static const char data[4096];
	struct iscsi_pdu pdu;
	const struct answer *a;
	struct peer p;

	rig_session(&rig, &p, "InitialR2T=No");
	/* READ(32), and WRITE(32) with all of its data there already: no such opcodes. */
	for (unsigned write = 0; write < 2; write++) {
		pdu = peer_request(&p, ISCSI_SCSI_CMD, false);
		pdu.flags |= write ? ISCSI_CMD_WRITE : ISCSI_CMD_READ;
		pdu.cmd.edtl = 4096;
		memcpy(pdu.cmd.cdb, read_32, sizeof(read_32));
		pdu.cmd.cdb[9] = write ? 11 : 9;
		send_with_ahs(&p, &pdu, &ahs, 0, data, write ? sizeof(data) : 0);
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.itt, pdu.itt);
		CU_ASSERT_EQUAL(answer_sense(a), 0x52000);
		CU_ASSERT_EQUAL(a->pdu.rsp.residual, 4096);
	}
	/* And with its data still to come. */
	pdu = peer_request(&p, ISCSI_SCSI_CMD, false);
	pdu.flags = ISCSI_CMD_WRITE;
	pdu.cmd.edtl = 4096;
	memcpy(pdu.cmd.cdb, read_32, sizeof(read_32));
	send_with_ahs(&p, &pdu, &ahs, 0, NULL, 0);
	peer_data_out(&p, &pdu, ISCSI_NO_TAG, 0, 0, data, sizeof(data), true);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0x52000);
	/* READ(10) is not that long. */
	pdu = peer_read10(&p, LUN_DISK, 0, 1, 512);
	send_with_ahs(&p, &pdu, &ahs, 0, NULL, 0);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0x50e03);
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	rig_session_done(&rig, &p);
}

static void test_bad_ahs(void)
{
	static const struct iscsi_ahs bidi = { .bidi = true, .bidi_len = 512 };
	uint8_t bytes[ISCSI_BHS_LEN + 20] = { 0 };
	struct iscsi_pdu pdu;
	const struct answer *a;
	struct peer p;

	rig_session(&rig, &p, "");
	pdu = peer_read10(&p, LUN_DISK, 0, 1, 512);
	send_with_ahs(&p, &pdu, &bidi, 0, NULL, 0);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0x50e03);
	/* Cut short, or with nonsense behind it: rejected, its data skipped. */
	for (unsigned words = 1; words <= 3; words += 2) {
		pdu = peer_request(&p, ISCSI_SCSI_CMD, false);
		pdu.flags |= ISCSI_CMD_WRITE;
		pdu.cmd.edtl = 512;
		send_with_ahs(&p, &pdu, &bidi, words, (const char[512]) { 0 }, 512);
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
		CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_INVALID_PDU_FIELD);
		CU_ASSERT_EQUAL(a->pdu.reject.exp_cmd_sn, p.cmd_sn);
	}
	/* On anything else it is nonsense. */
	pdu = peer_request(&p, ISCSI_NOP_OUT, true);
	pdu.ahs_len = 5;
	iscsi_pdu_encode(&pdu, bytes);
	peer_raw(&p, bytes, sizeof(bytes));
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.reject.reason, ISCSI_REJECT_PROTOCOL_ERROR);
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	rig_session_done(&rig, &p);
}

/* All that have a meaning are treated as SIMPLE; without an ACA condition ACA has none. */
static void test_task_attributes(void)
{
	static const unsigned want[8] = { 0, 0, 0, 0, 0x54900, 0x50e03, 0x50e03, 0x50e03 };
	struct peer p;

	rig_session(&rig, &p, "");
	for (unsigned attr = 0; attr < 8; attr++) {
		struct iscsi_pdu pdu = peer_request(&p, ISCSI_SCSI_CMD, false);
		const struct answer *a;

		pdu.flags |= (uint8_t)attr;
		peer_send(&p, &pdu, NULL, 0);
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.rsp.status, want[attr] ? 2 : 0);
		if (want[attr])
			CU_ASSERT_EQUAL(answer_sense(a), want[attr]);
	}
	rig_session_done(&rig, &p);
}

static void test_garbage(void)
{
	static uint8_t junk[100000];

	for (unsigned round = 0; round < 20; round++) {
		struct peer p;

		if (round == 0)
			rig_session(&rig, &p, "");
		else
			CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET, ""), 0);
		srand(round);
		for (size_t i = 0; i < sizeof(junk); i++)
			junk[i] = (uint8_t)(rand() >> 8);
		/* Plausible lengths now and then, so that more than one header is read. */
		for (size_t i = 0; round % 2 && i + 48 < sizeof(junk); i += 64) {
			memset(junk + i + 4, 0, 3);
			junk[i] &= 0x7f;
			junk[i + 7] &= 15;
		}
		peer_raw(&p, junk, sizeof(junk));
		if (round == 19)
			rig_session_done(&rig, &p);
		peer_close(&p);
	}
}

/* Who has logged out has not gone yet, and is not one too many either. */
static void test_session_ends(void)
{
	struct peer p[2];
	struct iscsi_pdu pdu;

	rig_init(&rig);
	rig.limits.max_sessions = 1;
	rig_start(&rig);
	CU_ASSERT_EQUAL(peer_login(&p[0], &rig, RIG_INITIATOR, RIG_TARGET, ""), 0);
	pdu = peer_request(&p[0], ISCSI_LOGOUT_REQ, true);
	peer_send(&p[0], &pdu, NULL, 0);
	CU_ASSERT_EQUAL(peer_recv(&p[0])->pdu.opcode, ISCSI_LOGOUT_RSP);
	CU_ASSERT_EQUAL(peer_login(&p[1], &rig, RIG_INITIATOR "2", RIG_TARGET, ""), 0);
	CU_ASSERT_EQUAL(rig_stats(&rig).sessions_now, 1);
	for (unsigned i = 0; i < 2; i++)
		peer_close(&p[i]);
	rig_end(&rig);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "NOP-Out is answered with its data", test_nop },
		{ "commands run in the order of CmdSN", test_command_order },
		{ "a CmdSN that is there already is ignored", test_held_twice },
		{ "what is no request is rejected, its data skipped", test_rejects },
		{ "a login in full feature phase ends the connection", test_login_again },
		{ "a tag in use is rejected", test_same_tag },
		{ "logout, its reasons, with a command running", test_logout },
		{ "text: SendTargets, pieces, stale tags, nonsense", test_text },
		{ "a long text answer comes in pieces", test_long_answer },
		{ "a bad header digest ends the connection", test_bad_header_digest },
		{ "a bad data digest is rejected, the connection lives", test_bad_data_digest },
		{ "an extended CDB reaches the logical unit and is refused there",
		  test_extended_cdb },
		{ "bidirectional commands are refused, bad additional headers rejected",
		  test_bad_ahs },
		{ "task attributes", test_task_attributes },
		{ "garbage harms nobody", test_garbage },
		{ "a login at the limit waits for a session that ends", test_session_ends },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_session", tests);
}
