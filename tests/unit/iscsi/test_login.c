/* SPDX-License-Identifier: Apache-2.0 */
/* Login against a real portal: stages, statuses, authentication, reinstatement. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nettle/md5.h>

#define FRIEND "iqn.2001-04.com.example:friend"

static struct rig rig;

static void start(void)
{
	rig_init(&rig);
	rig_start(&rig);
}

static bool one_session(const struct iscsi_stats *st)
{
	return st->sessions_now == 1;
}

static void test_good(void)
{
	const struct answer *a;
	struct peer p;

	start();
	peer_connect(&p, &rig);
	a = peer_login_step(&p, 0, 1,
			    "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET
			    "|SessionType=Normal|AuthMethod=CHAP,None");
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	CU_ASSERT_EQUAL(a->pdu.flags & ISCSI_LOGIN_TRANSIT, ISCSI_LOGIN_TRANSIT);
	CU_ASSERT_EQUAL(a->pdu.login.csg, 0);
	CU_ASSERT_EQUAL(a->pdu.login.nsg, 1);
	CU_ASSERT_EQUAL(a->pdu.login.tsih, 0);
	CU_ASSERT_STRING_EQUAL(answer_value(a, "AuthMethod"), "None");
	CU_ASSERT_STRING_EQUAL(answer_value(a, "TargetPortalGroupTag"), "1");
	CU_ASSERT_STRING_EQUAL(answer_value(a, "TargetAlias"), "the rig");
	a = peer_login_step(&p, 1, 3, "MaxRecvDataSegmentLength=65536|InitialR2T=No");
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	CU_ASSERT_EQUAL(a->pdu.login.nsg, 3);
	CU_ASSERT_NOT_EQUAL(a->pdu.login.tsih, 0);
	CU_ASSERT_EQUAL(a->pdu.login.exp_cmd_sn, p.cmd_sn);
	CU_ASSERT_STRING_EQUAL(answer_value(a, "InitialR2T"), "No");
	CU_ASSERT_STRING_EQUAL(answer_value(a, "MaxRecvDataSegmentLength"), "262144");
	CU_ASSERT_EQUAL(rig_stats(&rig).logins, 1);
	CU_ASSERT_EQUAL(rig_stats(&rig).sessions_now, 1);
	peer_ready(&p, LUN_DISK);
	peer_close(&p);
	rig_end(&rig);
}

/* Stage by stage, without T first. */
static void test_slow_stages(void)
{
	const struct answer *a;
	struct peer p;

	start();
	peer_connect(&p, &rig);
	a = peer_login_step(&p, 0, -1, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET);
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	CU_ASSERT_EQUAL(a->pdu.flags & ISCSI_LOGIN_TRANSIT, 0);
	CU_ASSERT_EQUAL(answer_login_status(peer_login_step(&p, 0, 1, "AuthMethod=None")), 0);
	CU_ASSERT_EQUAL(answer_login_status(peer_login_step(&p, 1, -1, "ImmediateData=No")), 0);
	a = peer_login_step(&p, 1, 3, "");
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	CU_ASSERT_NOT_EQUAL(a->pdu.login.tsih, 0);
	peer_ready(&p, LUN_DISK);
	peer_close(&p);
	rig_end(&rig);
}

static void test_split_text(void)
{
	struct iscsi_pdu pdu = {
		.opcode = ISCSI_LOGIN_REQ,
		.immediate = true,
		.flags = ISCSI_F_CONTINUE,
		.itt = 77,
		.login = { .csg = 1, .isid = { 0x80, 1, 2, 3, 4, 0 }, .cid = 9, .cmd_sn = 100 }
	};
	const struct answer *a;
	struct peer p;

	start();
	peer_connect(&p, &rig);
	peer_send(&p, &pdu, "InitiatorName=" RIG_INITIATOR "\0Target", 37 + 14);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	CU_ASSERT_EQUAL(a->len, 0);
	CU_ASSERT_EQUAL(a->pdu.flags & (ISCSI_LOGIN_TRANSIT | ISCSI_F_CONTINUE), 0);
	a = peer_login_step(&p, 1, 3, "Name=" RIG_TARGET);
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	CU_ASSERT_NOT_EQUAL(a->pdu.login.tsih, 0);
	peer_close(&p);
	rig_end(&rig);
}

/* An answer longer than a Login Response holds: C bit, then the initiator says go on. */
static void test_long_answer(void)
{
	static char text[8000], got[20000];
	const struct answer *a;
	size_t len, n = 0;
	struct peer p;

	start();
	for (unsigned round = 0; round < 2; round++) {
		len = (size_t)snprintf(text, sizeof(text), "InitiatorName=%s|TargetName=%s",
				       RIG_INITIATOR, RIG_TARGET);
		for (unsigned i = 0; i < 900; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "|K%03u=", i);
		peer_connect(&p, &rig);
		peer_login_pdu(&p, 1, 3, text);
		for (n = 0;; peer_login_pdu(&p, 1, 3, round ? "X=1" : "")) {
			a = peer_recv(&p);
			if (a->eof || !(a->pdu.flags & ISCSI_F_CONTINUE))
				break;
			CU_ASSERT_EQUAL(answer_login_status(a), 0);
			CU_ASSERT_EQUAL(a->pdu.flags, ISCSI_F_CONTINUE | 1 << 2);
			CU_ASSERT_EQUAL(a->pdu.login.tsih, 0);
			CU_ASSERT_EQUAL(a->len, 8192);
			memcpy(got + n, a->data, a->len);
			n += a->len;
		}
		if (round == 0) {
			memcpy(got + n, a->data, a->len);
			n += a->len;
			CU_ASSERT(n > 900 * sizeof("K000=NotUnderstood"));
			CU_ASSERT_PTR_NOT_NULL(memmem(got, n, "K899=NotUnderstood", 19));
			CU_ASSERT_EQUAL(answer_login_status(a), 0);
			CU_ASSERT_NOT_EQUAL(a->pdu.login.tsih, 0);
			peer_ready(&p, LUN_DISK);
		} else {
			/* Text of its own does not belong there. */
			CU_ASSERT_EQUAL(answer_login_status(a), 0x0200);
		}
		peer_close(&p);
	}
	rig_end(&rig);
}

static void test_statuses(void)
{
	static const struct {
		unsigned csg;
		int nsg;
		const char *text;
		unsigned status;
	} rows[] = {
		{ 1, 3, "TargetName=" RIG_TARGET, 0x0207 },
		{ 1, 3, "InitiatorName=" RIG_INITIATOR, 0x0207 },
		{ 1, 3, "InitiatorName=|TargetName=" RIG_TARGET, 0x0200 },
		{ 1, 3, "InitiatorName=with blank|TargetName=" RIG_TARGET, 0x0200 },
		{ 1, 3, "InitiatorName=" RIG_INITIATOR "|TargetName=iqn.nobody", 0x0203 },
		{ 1, 3, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_OTHER, 0x0202 },
		{ 1, 3, "InitiatorName=" FRIEND "|TargetName=" RIG_OTHER, 0x0201 },
		{ 0, 1, "InitiatorName=" FRIEND "|TargetName=" RIG_OTHER, 0x0201 },
		{ 0, 1, "InitiatorName=" FRIEND "|TargetName=" RIG_OTHER "|AuthMethod=None",
		  0x0201 },
		{ 0, 1, "InitiatorName=" FRIEND "|TargetName=" RIG_OTHER "|AuthMethod=KRB5",
		  0x0201 },
		{ 0, 1, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET "|AuthMethod=CHAP",
		  0x0201 },
		{ 0, 1, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET "|CHAP_A=5",
		  0x0200 },
		{ 1, 3, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET "|AuthMethod=None",
		  0x0200 },
		{ 1, 3, "InitiatorName=" RIG_INITIATOR "|SessionType=Strange", 0x0209 },
		{ 1, 3, "InitiatorName=a|InitiatorName=a|SessionType=Discovery", 0x0200 },
		{ 1, 3, "no pairs here", 0x0200 },
		{ 1, 2, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET, 0x0200 },
		{ 1, 1, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET, 0x0200 },
		{ 1, 0, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET, 0x0200 },
		{ 2, 3, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET, 0x0200 },
		{ 3, -1, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET, 0x0200 },
	};
	unsigned n = sizeof(rows) / sizeof(rows[0]);

	start();
	for (unsigned i = 0; i < n; i++) {
		unsigned status;
		struct peer p;

		peer_connect(&p, &rig);
		status = answer_login_status(
			peer_login_step(&p, rows[i].csg, rows[i].nsg, rows[i].text));
		if (status != rows[i].status)
			printf("    row %u: %04x, want %04x\n", i, status, rows[i].status);
		CU_ASSERT_EQUAL(status, rows[i].status);
		CU_ASSERT(peer_is_closed(&p));
		peer_close(&p);
	}
	CU_ASSERT_EQUAL(rig_stats(&rig).login_failures, n);
	CU_ASSERT_EQUAL(rig_stats(&rig).logins, 0);
	rig_end(&rig);
}

static struct iscsi_pdu login_pdu(void)
{
	return (struct iscsi_pdu) { .opcode = ISCSI_LOGIN_REQ,
				    .immediate = true,
				    .flags = ISCSI_LOGIN_TRANSIT,
				    .itt = 77,
				    .login = { .csg = 1, .nsg = 3, .cid = 9, .cmd_sn = 100 } };
}

#define GOOD_TEXT "InitiatorName=" RIG_INITIATOR "\0TargetName=" RIG_TARGET

static unsigned one_shot(struct iscsi_pdu pdu)
{
	unsigned status;
	struct peer p;

	peer_connect(&p, &rig);
	peer_send(&p, &pdu, GOOD_TEXT, sizeof(GOOD_TEXT));
	status = answer_login_status(peer_recv(&p));
	if (status)
		CU_ASSERT(peer_is_closed(&p));
	peer_close(&p);
	return status;
}

static void test_header_errors(void)
{
	struct iscsi_pdu pdu = login_pdu();

	start();
	CU_ASSERT_EQUAL(one_shot(pdu), 0);
	pdu.login.version_min = 1;
	CU_ASSERT_EQUAL(one_shot(pdu), 0x0205);
	pdu = login_pdu();
	pdu.flags |= ISCSI_F_CONTINUE;
	CU_ASSERT_EQUAL(one_shot(pdu), 0x0200);
	pdu = login_pdu();
	pdu.login.tsih = 4711;
	CU_ASSERT_EQUAL(one_shot(pdu), 0x020a);
	pdu = (struct iscsi_pdu) { .opcode = ISCSI_NOP_OUT, .immediate = true, .itt = 5 };
	CU_ASSERT_EQUAL(one_shot(pdu), 0x020b);
	pdu = (struct iscsi_pdu) { .opcode = ISCSI_SCSI_CMD, .itt = 5 };
	CU_ASSERT_EQUAL(one_shot(pdu), 0x020b);
	rig_end(&rig);
}

static void test_changes_on_the_way(void)
{
	start();
	for (unsigned i = 0; i < 4; i++) {
		struct iscsi_pdu pdu = login_pdu();
		struct peer p;

		pdu.flags = 0;
		peer_connect(&p, &rig);
		peer_send(&p, &pdu, GOOD_TEXT, sizeof(GOOD_TEXT));
		CU_ASSERT_EQUAL(answer_login_status(peer_recv(&p)), 0);
		pdu.flags = ISCSI_LOGIN_TRANSIT;
		pdu.itt += i == 0;
		pdu.login.cid += i == 1;
		pdu.login.isid[3] ^= i == 2;
		pdu.login.csg -= i == 3;
		peer_send(&p, &pdu, NULL, 0);
		CU_ASSERT_EQUAL(answer_login_status(peer_recv(&p)), 0x0200);
		peer_close(&p);
	}
	rig_end(&rig);
}

static void test_second_connection(void)
{
	struct peer p, q;

	start();
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET, ""), 0);
	peer_connect(&q, &rig);
	q.tsih = 1; /* the first that is given */
	CU_ASSERT_EQUAL(answer_login_status(peer_login_step(&q, 1, 3,
							    "InitiatorName=" RIG_INITIATOR
							    "|TargetName=" RIG_TARGET)),
			0x0206);
	peer_close(&q);
	peer_ready(&p, LUN_DISK);
	peer_close(&p);
	rig_end(&rig);
}

/* The response to the challenge in @a, "CHAP_N=..|CHAP_R=.." */
static void respond(const struct answer *a, const char *user, const char *secret, char *ret,
		    size_t cap)
{
	uint8_t id = (uint8_t)strtol(answer_value(a, "CHAP_I"), NULL, 10), challenge[64],
		digest[16];
	int n = text_binary(answer_value(a, "CHAP_C"), challenge, sizeof(challenge));
	struct md5_ctx ctx;
	char hex[40];

	CU_ASSERT(n >= 16);
	md5_init(&ctx);
	md5_update(&ctx, 1, &id);
	md5_update(&ctx, strlen(secret), (const uint8_t *)secret);
	md5_update(&ctx, (size_t)n, challenge);
	md5_digest(&ctx, 16, digest);
	text_put_hex(hex, sizeof(hex), digest, 16);
	snprintf(ret, cap, "CHAP_N=%s|CHAP_R=%s", user, hex);
}

static unsigned chap_login(const char *user, const char *secret, const char *more, bool reflect)
{
	const struct answer *a;
	char text[600], reflected[200] = "";
	unsigned status;
	struct peer p;

	peer_connect(&p, &rig);
	a = peer_login_step(&p, 0, 1,
			    "InitiatorName=" FRIEND "|TargetName=" RIG_OTHER
			    "|AuthMethod=CHAP,None");
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	CU_ASSERT_EQUAL(a->pdu.flags & ISCSI_LOGIN_TRANSIT, 0);
	CU_ASSERT_STRING_EQUAL(answer_value(a, "AuthMethod"), "CHAP");
	CU_ASSERT_STRING_EQUAL(answer_value(a, "TargetPortalGroupTag"), "1");
	a = peer_login_step(&p, 0, -1, "CHAP_A=5");
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	respond(a, user, secret, text, sizeof(text));
	if (reflect)
		snprintf(reflected, sizeof(reflected), "|CHAP_I=%s|CHAP_C=%s",
			 answer_value(a, "CHAP_I"), answer_value(a, "CHAP_C"));
	strcat(text, reflected);
	strcat(text, more);
	a = peer_login_step(&p, 0, 1, text);
	status = answer_login_status(a);
	if (status == 0) {
		if (*more)
			CU_ASSERT_STRING_EQUAL(answer_value(a, "CHAP_R"),
					       "0x0c957f6fe85ecc0d8b3900c13317db86");
		CU_ASSERT_EQUAL(a->pdu.flags & ISCSI_LOGIN_TRANSIT, ISCSI_LOGIN_TRANSIT);
		status = answer_login_status(peer_login_step(&p, 1, 3, ""));
		peer_ready(&p, LUN_DISK);
	}
	peer_close(&p);
	return status;
}

static void test_chap(void)
{
	static const char ask[] =
		"|CHAP_I=7|CHAP_C=0x808182838485868788898a8b8c8d8e8f9091929394959697";

	start();
	CU_ASSERT_EQUAL(chap_login("user", "secret of twelve", "", false), 0);
	CU_ASSERT_EQUAL(chap_login("user", "secret of twelve", ask, false), 0);
	CU_ASSERT_EQUAL(chap_login("user", "secret of eleven", "", false), 0x0201);
	CU_ASSERT_EQUAL(chap_login("user", "another secret", "", false), 0x0201);
	CU_ASSERT_EQUAL(chap_login("target", "another secret", "", false), 0x0201);
	CU_ASSERT_EQUAL(chap_login("user", "secret of twelve", "", true), 0x0201);
	rig_end(&rig);
}

static void test_cannot_skip_chap(void)
{
	const struct answer *a;
	struct peer p;

	start();
	peer_connect(&p, &rig);
	a = peer_login_step(&p, 0, 3,
			    "InitiatorName=" FRIEND "|TargetName=" RIG_OTHER
			    "|AuthMethod=CHAP|CHAP_A=5");
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	CU_ASSERT_EQUAL(a->pdu.flags & ISCSI_LOGIN_TRANSIT, 0);
	/* Saying the next stage has begun does not make it so. */
	CU_ASSERT_EQUAL(answer_login_status(peer_login_step(&p, 1, 3, "")), 0x0200);
	peer_close(&p);
	rig_end(&rig);
}

static void test_reinstatement(void)
{
	struct peer p, q, other;

	start();
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET, ""), 0);
	peer_connect(&other, &rig);
	other.isid_tail = 1;
	CU_ASSERT_EQUAL(answer_login_status(peer_login_step(&other, 1, 3,
							    "InitiatorName=" RIG_INITIATOR
							    "|TargetName=" RIG_TARGET)),
			0);
	peer_ready(&p, LUN_DISK);
	/* In upper case it is the same initiator. */
	CU_ASSERT_EQUAL(peer_login(&q, &rig, "IQN.2001-04.com.example:TESTER", RIG_TARGET, ""), 0);
	CU_ASSERT(peer_is_closed(&p));
	CU_ASSERT_EQUAL(rig_stats(&rig).sessions_now, 2);
	/* The new session is a new nexus: it is told so. */
	CU_ASSERT_EQUAL(peer_tur(&q, LUN_DISK), 2);
	peer_ready(&other, LUN_DISK);
	peer_close(&p);
	peer_close(&q);
	peer_close(&other);
	rig_end(&rig);
}

/* The old session has a command in the logical unit: it ends first. */
static void test_reinstatement_busy(void)
{
	struct iscsi_pdu pdu;
	struct peer p, q;

	start();
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET, ""), 0);
	peer_ready(&p, LUN_SLOW);
	pdu = peer_read10(&p, LUN_SLOW, 0, 8, 512);
	peer_send(&p, &pdu, NULL, 0);
	usleep(50000);
	CU_ASSERT_EQUAL(peer_login(&q, &rig, RIG_INITIATOR, RIG_TARGET, ""), 0);
	CU_ASSERT(rig_wait(&rig, one_session));
	CU_ASSERT(peer_is_closed(&p));
	peer_ready(&q, LUN_SLOW);
	peer_close(&p);
	peer_close(&q);
	rig_end(&rig);
}

/* While the old session ends an initiator gives up and tries again: the last try counts. */
static void test_reinstatement_twice(void)
{
	static const char text[] = "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET;
	struct iscsi_pdu pdu;
	struct peer p, gave_up, q;

	start();
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET, ""), 0);
	peer_ready(&p, LUN_SLOW);
	pdu = peer_read10(&p, LUN_SLOW, 0, 8, 512);
	peer_send(&p, &pdu, NULL, 0);
	usleep(50000);
	peer_connect(&gave_up, &rig);
	peer_login_pdu(&gave_up, 1, 3, text);
	usleep(50000);
	peer_connect(&q, &rig);
	CU_ASSERT_EQUAL(answer_login_status(peer_login_step(&q, 1, 3, text)), 0);
	peer_ready(&q, LUN_DISK);
	CU_ASSERT(peer_is_closed(&gave_up));
	CU_ASSERT(rig_wait(&rig, one_session));
	CU_ASSERT_EQUAL(peer_tur(&q, LUN_DISK), SAM_GOOD);
	peer_close(&p);
	peer_close(&gave_up);
	peer_close(&q);
	rig_end(&rig);
}

static void ask_login(struct peer *p, unsigned who)
{
	char text[256];

	snprintf(text, sizeof(text), "InitiatorName=iqn.2001-04.com.example:peer%u|TargetName=%s",
		 who, RIG_TARGET);
	peer_connect(p, &rig);
	peer_login_pdu(p, 1, 3, text);
	usleep(50000); /* to be there before the next */
}

/* The place of a session that is being replaced is no newcomer's. */
static void test_place_is_kept(void)
{
	struct peer old, again, other;
	struct iscsi_pdu pdu;

	rig_init(&rig);
	rig.limits.max_sessions = 1;
	rig_start(&rig);
	for (unsigned first = 0; first < 2; first++) {
		CU_ASSERT_EQUAL(peer_login(&old, &rig, "iqn.2001-04.com.example:peer0", RIG_TARGET,
					   ""),
				0);
		peer_ready(&old, LUN_SLOW);
		pdu = peer_read10(&old, LUN_SLOW, 0, 8, 512);
		peer_send(&old, &pdu, NULL, 0);
		usleep(50000);
		if (first) /* it goes by itself, and both wait */
			peer_close(&old);
		ask_login(first ? &other : &again, first ? 2 : 0);
		ask_login(first ? &again : &other, first ? 0 : 2);
		CU_ASSERT_EQUAL(answer_login_status(peer_recv(&again)), 0);
		CU_ASSERT_EQUAL(answer_login_status(peer_recv(&other)), 0x0302);
		if (!first)
			peer_close(&old);
		peer_close(&again);
		peer_close(&other);
	}
	rig_end(&rig);
}

static void test_discovery(void)
{
	struct iscsi_pdu pdu;
	const struct answer *a;
	char want[256];
	struct peer p;

	start();
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, NULL, "HeaderDigest=CRC32C,None"), 0);
	CU_ASSERT(p.header_digest);
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	peer_send(&p, &pdu, "SendTargets=All", 16);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_TEXT_RSP);
	CU_ASSERT_EQUAL(a->pdu.flags, ISCSI_F_FINAL);
	CU_ASSERT_EQUAL(a->pdu.text.ttt, ISCSI_NO_TAG);
	CU_ASSERT(a->digests_good);
	snprintf(want, sizeof(want), "TargetName=" RIG_TARGET "%cTargetAddress=%s,1", 0,
		 rig.address);
	CHECK_BYTES(a->data, a->len, want, strlen(RIG_TARGET) + strlen(rig.address) + 29);
	/* Not in a discovery session: commands. */
	pdu = peer_request(&p, ISCSI_SCSI_CMD, false);
	peer_send(&p, &pdu, NULL, 0);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_NOT_SUPPORTED);
	peer_close(&p);
	/* A friend sees both, or the one it asks for. */
	CU_ASSERT_EQUAL(peer_login(&p, &rig, FRIEND, NULL, ""), 0);
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	peer_send(&p, &pdu, "SendTargets=All", 16);
	a = peer_recv(&p);
	CU_ASSERT_PTR_NOT_NULL(memmem(a->data, a->len, RIG_TARGET, strlen(RIG_TARGET)));
	CU_ASSERT_PTR_NOT_NULL(memmem(a->data, a->len, RIG_OTHER, strlen(RIG_OTHER)));
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	peer_send(&p, &pdu, "SendTargets=" RIG_OTHER, 13 + strlen(RIG_OTHER));
	a = peer_recv(&p);
	CU_ASSERT_PTR_NULL(memmem(a->data, a->len, RIG_TARGET, strlen(RIG_TARGET)));
	CU_ASSERT_PTR_NOT_NULL(memmem(a->data, a->len, RIG_OTHER, strlen(RIG_OTHER)));
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	peer_send(&p, &pdu, "SendTargets=iqn.x", 18);
	CU_ASSERT_EQUAL(peer_recv(&p)->len, 0);
	peer_close(&p);
	rig_end(&rig);
}

static void test_discovery_chap(void)
{
	static const struct iscsi_chap secrets = { .user = "finder", .secret = "finder's secret" };
	const struct answer *a;
	char text[300];
	struct peer p;

	rig_init(&rig);
	rig.discovery_chap = &secrets;
	rig_start(&rig);
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, NULL, ""), 0x0201);
	peer_close(&p);
	/* The open target stays open. */
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET, ""), 0);
	peer_close(&p);
	peer_connect(&p, &rig);
	a = peer_login_step(&p, 0, -1,
			    "InitiatorName=" RIG_INITIATOR
			    "|SessionType=Discovery|AuthMethod=CHAP");
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	a = peer_login_step(&p, 0, -1, "CHAP_A=5");
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	respond(a, "finder", "finder's secret", text, sizeof(text));
	a = peer_login_step(&p, 0, 3, text);
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	CU_ASSERT_NOT_EQUAL(a->pdu.login.tsih, 0);
	peer_close(&p);
	rig_end(&rig);
}

static void test_leaves_early(void)
{
	static const char text[] = "InitiatorName=" RIG_INITIATOR "\0TargetName=" RIG_TARGET;
	uint8_t bytes[ISCSI_BHS_LEN + sizeof(text)];
	struct iscsi_pdu pdu = login_pdu();

	start();
	pdu.data_len = sizeof(text);
	iscsi_pdu_encode(&pdu, bytes);
	memcpy(bytes + ISCSI_BHS_LEN, text, sizeof(text));
	/* Gone after any number of bytes of the first request. */
	for (size_t n = 0; n < sizeof(bytes); n += n < 52 ? 1 : 7) {
		struct peer p;

		peer_connect(&p, &rig);
		peer_raw(&p, bytes, n);
		peer_close(&p);
	}
	rig_end(&rig);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a login through both stages", test_good },
		{ "a login that takes its time in each stage", test_slow_stages },
		{ "a text split with the C bit", test_split_text },
		{ "an answer longer than a Login Response comes in pieces", test_long_answer },
		{ "what is wrong with a login is told by its status", test_statuses },
		{ "header errors: version, TSIH, other PDUs", test_header_errors },
		{ "ITT, CID, ISID and stage stay the same in a login", test_changes_on_the_way },
		{ "a second connection for a session is 0206h", test_second_connection },
		{ "CHAP one-way and mutual", test_chap },
		{ "CHAP cannot be skipped", test_cannot_skip_chap },
		{ "the same initiator port replaces its session", test_reinstatement },
		{ "the replaced session's commands end first", test_reinstatement_busy },
		{ "of two logins that replace a session the last one stays",
		  test_reinstatement_twice },
		{ "at the limit, too, it has the place of the one it replaces",
		  test_place_is_kept },
		{ "discovery tells allowed targets at the address used", test_discovery },
		{ "discovery with CHAP", test_discovery_chap },
		{ "a peer that leaves in mid-PDU leaves nothing behind", test_leaves_early },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_login", tests);
}
