/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit, at it and one above; time limits; the end of the server.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct rig rig;

static unsigned login_as(struct peer *p, unsigned who)
{
	char name[64];

	snprintf(name, sizeof(name), "iqn.2001-04.com.example:peer%u", who);
	return peer_login(p, &rig, name, RIG_TARGET, "");
}

static void test_connections(void)
{
	struct peer p[4];

	rig_init(&rig);
	rig.limits.max_connections = 3;
	rig_start(&rig);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(login_as(&p[i], i), 0);
	peer_connect(&p[3], &rig);
	CU_ASSERT(peer_is_closed(&p[3]));
	peer_close(&p[3]);
	CU_ASSERT_EQUAL(rig_stats(&rig).connections_now, 3);
	/* One goes, one may come. */
	peer_close(&p[0]);
	for (unsigned i = 0; i < 100 && rig_stats(&rig).connections_now == 3; i++)
		usleep(10000);
	CU_ASSERT_EQUAL(login_as(&p[0], 7), 0);
	for (unsigned i = 0; i < 3; i++)
		peer_close(&p[i]);
	rig_end(&rig);
}

static void test_sessions(void)
{
	struct peer p[3];

	rig_init(&rig);
	rig.limits.max_sessions = 2;
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p[0], 0), 0);
	CU_ASSERT_EQUAL(login_as(&p[1], 1), 0);
	CU_ASSERT_EQUAL(login_as(&p[2], 2), 0x0302);
	peer_close(&p[2]);
	/* Replacing one's own session is no third one. */
	CU_ASSERT_EQUAL(login_as(&p[2], 1), 0);
	for (unsigned i = 0; i < 3; i++)
		peer_close(&p[i]);
	rig_end(&rig);
}

/* Text of @len bytes in PDUs of at most 8000; the last answer. */
static const struct answer *long_text(struct peer *p, size_t len, bool login)
{
	static char text[70000];
	const struct answer *a = NULL;
	size_t at = 0;

	memset(text, 0, sizeof(text));
	memset(text, 'x', len - 1);
	memcpy(text, "X-long=", 7);
	while (at < len) {
		size_t n = len - at < 8000 ? len - at : 8000;
		struct iscsi_pdu pdu;

		if (login)
			pdu = (struct iscsi_pdu) { .opcode = ISCSI_LOGIN_REQ,
						   .immediate = true,
						   .itt = 77,
						   .login = { .csg = 1, .cmd_sn = 100 } };
		else
			pdu = peer_request(p, ISCSI_TEXT_REQ, false);
		pdu.flags = at + n < len ? ISCSI_F_CONTINUE : login ? 0 : ISCSI_F_FINAL;
		if (!login && at > 0)
			pdu.text.ttt = a->pdu.text.ttt;
		peer_send(p, &pdu, text + at, n);
		a = peer_recv(p);
		if (a->eof || a->pdu.opcode == ISCSI_REJECT || (login && answer_login_status(a)))
			return a;
		at += n;
	}
	return a;
}

static void test_text(void)
{
	const struct answer *a;
	struct peer p;

	rig_init(&rig);
	rig.limits.max_text = 20000;
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	a = long_text(&p, 20000, false);
	CU_ASSERT_STRING_EQUAL(answer_value(a, "X-long"), "NotUnderstood");
	a = long_text(&p, 20001, false);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_OUT_OF_RESOURCES);
	a = long_text(&p, 100, false);
	CU_ASSERT_STRING_EQUAL(answer_value(a, "X-long"), "NotUnderstood");
	peer_close(&p);
	/* In a login: at the limit it is read (and lacks a name), above it is not. */
	peer_connect(&p, &rig);
	CU_ASSERT_EQUAL(answer_login_status(long_text(&p, 20000, true)), 0x0207);
	peer_close(&p);
	peer_connect(&p, &rig);
	CU_ASSERT_EQUAL(answer_login_status(long_text(&p, 20001, true)), 0x0200);
	peer_close(&p);
	rig_end(&rig);
}

/* Unknown keys make our answer longer than their text: A=NotUnderstood is 16 bytes. */
static void test_reply(void)
{
	static const char start[] = "InitiatorName=a|SessionType=Discovery";
	static char text[8000];
	const struct answer *a;
	struct peer p;

	rig_init(&rig);
	rig.limits.max_text = 16384;
	rig_start(&rig);
	for (unsigned n = 1024; n <= 1025; n++) {
		size_t len = (size_t)snprintf(text, sizeof(text), "%s", start);

		/* No stage in which we have keys of our own to say. */
		for (unsigned i = 0; i < n; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "|A=");
		peer_connect(&p, &rig);
		a = peer_login_step(&p, 0, 1, text);
		if (n == 1024) {
			CU_ASSERT_EQUAL(a->pdu.flags, ISCSI_F_CONTINUE);
			CU_ASSERT_EQUAL(a->len, 8192);
			a = peer_login_step(&p, 0, 1, "");
			CU_ASSERT_EQUAL(a->pdu.flags & ISCSI_F_CONTINUE, 0);
			CU_ASSERT_EQUAL(a->len, 8192);
			CU_ASSERT_EQUAL(answer_login_status(a), 0);
		} else {
			CU_ASSERT_EQUAL(answer_login_status(a), 0x0200);
		}
		peer_close(&p);
	}
	rig_end(&rig);
}

static void test_segments(void)
{
	static uint8_t big[262145];
	const struct answer *a;
	struct iscsi_pdu pdu;
	struct peer p;

	rig_init(&rig);
	rig_start(&rig);
	/* 8192 before anything was declared. */
	peer_connect(&p, &rig);
	pdu = (struct iscsi_pdu) { .opcode = ISCSI_LOGIN_REQ, .itt = 1, .login = { .csg = 1 } };
	peer_send(&p, &pdu, big, 8193);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT(peer_is_closed(&p));
	peer_close(&p);
	/* What we declared afterwards. */
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET,
				   "MaxRecvDataSegmentLength=262144"),
			0);
	pdu = peer_request(&p, ISCSI_NOP_OUT, true);
	peer_send(&p, &pdu, big, 262144);
	CU_ASSERT_EQUAL(peer_recv(&p)->len, 262144);
	peer_send(&p, &pdu, big, 262145);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_PROTOCOL_ERROR);
	CU_ASSERT(peer_is_closed(&p));
	peer_close(&p);
	rig_end(&rig);
}

static void test_window(void)
{
	enum { DEPTH = 4 };
	struct iscsi_pdu cmd[DEPTH + 1], nop;
	const struct answer *a;
	struct peer p;

	rig_init(&rig);
	rig.limits.queue_depth = DEPTH;
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	peer_ready(&p, LUN_SLOW);
	for (unsigned i = 0; i <= DEPTH; i++)
		cmd[i] = peer_read10(&p, LUN_SLOW, i, 1, 512);
	/* One more than the window: the last one is ignored. */
	for (unsigned i = 0; i <= DEPTH; i++)
		peer_send(&p, &cmd[i], NULL, 0);
	nop = peer_request(&p, ISCSI_NOP_OUT, true);
	peer_send(&p, &nop, NULL, 0);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_NOP_IN);
	/* Closed: MaxCmdSN is just below ExpCmdSN. */
	CU_ASSERT_EQUAL(a->pdu.text.exp_cmd_sn, cmd[DEPTH].cmd.cmd_sn);
	CU_ASSERT_EQUAL(a->pdu.text.max_cmd_sn, cmd[DEPTH].cmd.cmd_sn - 1);
	for (unsigned i = 0; i < DEPTH; i++) {
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_DATA_IN);
		CU_ASSERT_EQUAL(a->pdu.data_in.max_cmd_sn, cmd[DEPTH].cmd.cmd_sn + i);
	}
	CU_ASSERT(peer_is_quiet(&p, 50));
	/* Now it is inside. */
	peer_send(&p, &cmd[DEPTH], NULL, 0);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.itt, cmd[DEPTH].itt);
	peer_close(&p);
	rig_end(&rig);
}

/* Eight immediate commands may run at once; the ninth is rejected. */
static void test_immediates(void)
{
	struct iscsi_pdu cmd;
	const struct answer *a;
	struct peer p;

	rig_init(&rig);
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	peer_ready(&p, LUN_SLOW);
	for (unsigned i = 0; i < 9; i++) {
		cmd = peer_read10(&p, LUN_SLOW, 0, 1, 512);
		p.cmd_sn--;
		cmd.immediate = true;
		peer_send(&p, &cmd, NULL, 0);
	}
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_IMMEDIATE);
	for (unsigned i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(peer_recv(&p)->pdu.opcode, ISCSI_DATA_IN);
	peer_close(&p);
	rig_end(&rig);
}

/*
 * One MiB of memory and sixteen writes of 256 KiB that wait for their data: those
 * whose memory is there are asked for it; what brings its data along and finds
 * no memory is refused with TASK SET FULL, and all goes on.
 */
static void test_memory(void)
{
	static uint8_t data[262144];
	struct iscsi_pdu cmd[16], small;
	const struct answer *a;
	unsigned asked = 0, full = 0, good = 0;
	uint32_t ttt[16];
	struct peer p, q;

	rig_init(&rig);
	rig.limits.arena_bytes = 1 << 20;
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	CU_ASSERT_EQUAL(login_as(&q, 1), 0);
	peer_ready(&p, LUN_DISK);
	peer_ready(&q, LUN_DISK);
	for (unsigned i = 0; i < 16; i++) {
		struct peer *at = i % 2 ? &q : &p;

		cmd[i] = peer_write10(at, LUN_DISK, 512 * i, 512, 512);
		peer_send(at, &cmd[i], NULL, 0);
	}
	/* Each has half of the memory: two R2Ts each, not more. */
	for (unsigned i = 0; i < 4; i++) {
		a = peer_recv(i % 2 ? &q : &p);
		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_R2T);
		ttt[i] = a->pdu.r2t.ttt;
		asked++;
	}
	CU_ASSERT(peer_is_quiet(&p, 50));
	CU_ASSERT(peer_is_quiet(&q, 50));
	small = peer_write10(&p, LUN_DISK, 0, 1, 512);
	peer_send(&p, &small, data, 512);
	/* Its refusal lets the data behind it through. */
	for (unsigned i = 0; i < 4; i++)
		peer_data_out(i % 2 ? &q : &p, &cmd[i], ttt[i], 0, 0, data, sizeof(data), true);
	for (unsigned left = 17; left > 0;) {
		for (unsigned i = 0; i < 2; i++) {
			struct peer *at = i ? &q : &p;

			if (peer_is_quiet(at, 20))
				continue;
			a = peer_recv(at);
			if (a->eof) {
				left = 0;
				break;
			}
			if (a->pdu.opcode == ISCSI_R2T) {
				struct iscsi_pdu of = { .itt = a->pdu.itt, .lun = a->pdu.lun };

				asked++;
				peer_data_out(at, &of, a->pdu.r2t.ttt, 0, 0, data, sizeof(data),
					      true);
				continue;
			}
			CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_SCSI_RSP);
			full += a->pdu.rsp.status == 0x28;
			good += a->pdu.rsp.status == 0;
			left--;
		}
	}
	CU_ASSERT_EQUAL(asked, 16);
	CU_ASSERT_EQUAL(full, 1);
	CU_ASSERT_EQUAL(good, 16);
	peer_close(&p);
	peer_close(&q);
	rig_end(&rig);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void test_login_timeout(void)
{
	double begin = seconds();
	struct peer p, q;

	rig_init(&rig);
	rig.limits.login_timeout_s = 1;
	rig_start(&rig);
	peer_connect(&p, &rig); /* says nothing */
	peer_connect(&q, &rig); /* begins and stops */
	peer_login_step(&q, 1, -1, "InitiatorName=a|SessionType=Discovery");
	CU_ASSERT(peer_is_closed(&p));
	CU_ASSERT(peer_is_closed(&q));
	CU_ASSERT(seconds() - begin < 15);
	CU_ASSERT_EQUAL(rig_stats(&rig).login_failures, 2);
	peer_close(&p);
	peer_close(&q);
	rig_end(&rig);
}

static void test_ping(void)
{
	struct iscsi_pdu pdu;
	const struct answer *a;
	struct peer p;
	uint32_t sn;

	rig_init(&rig);
	rig.limits.nop_interval_s = 1;
	rig.limits.nop_timeout_s = 1;
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	sn = p.exp_stat_sn;
	/* Answered twice, then not any more. */
	for (unsigned i = 0; i < 2; i++) {
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_NOP_IN);
		CU_ASSERT_EQUAL(a->pdu.itt, ISCSI_NO_TAG);
		CU_ASSERT_NOT_EQUAL(a->pdu.text.ttt, ISCSI_NO_TAG);
		/* It takes no StatSN. */
		CU_ASSERT_EQUAL(a->pdu.text.stat_sn, sn);
		pdu = peer_request(&p, ISCSI_NOP_OUT, true);
		pdu.itt = ISCSI_NO_TAG;
		pdu.text.ttt = a->pdu.text.ttt;
		peer_send(&p, &pdu, NULL, 0);
	}
	CU_ASSERT(peer_is_closed(&p));
	peer_close(&p);
	rig_end(&rig);
}

/* It talks all the time, but does not send the data that memory waits for. */
static void test_owes(void)
{
	struct iscsi_pdu cmd, nop;
	double begin = seconds();
	struct peer p;

	rig_init(&rig);
	rig.limits.nop_timeout_s = 1;
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	peer_ready(&p, LUN_DISK);
	cmd = peer_write10(&p, LUN_DISK, 0, 8, 512);
	peer_send(&p, &cmd, NULL, 0);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.opcode, ISCSI_R2T);
	for (;;) {
		const struct answer *a;

		nop = peer_request(&p, ISCSI_NOP_OUT, true);
		peer_send(&p, &nop, NULL, 0);
		a = peer_recv(&p);
		if (a->eof)
			break;
		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_NOP_IN);
		usleep(50000);
	}
	CU_ASSERT(seconds() - begin > 0.9 && seconds() - begin < 15);
	peer_close(&p);
	rig_end(&rig);
}

/* Its memory waits for a command that never comes: CmdSN has a gap. */
static void test_gap(void)
{
	static const char data[512];
	struct iscsi_pdu cmd, nop;
	struct peer p;

	rig_init(&rig);
	rig.limits.nop_timeout_s = 1;
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	peer_ready(&p, LUN_DISK);
	cmd = peer_write10(&p, LUN_DISK, 0, 8, 512);
	cmd.cmd.cmd_sn++;
	peer_send(&p, &cmd, data, sizeof(data));
	for (;;) {
		nop = peer_request(&p, ISCSI_NOP_OUT, true);
		peer_send(&p, &nop, NULL, 0);
		if (peer_recv(&p)->eof)
			break;
		usleep(50000);
	}
	peer_close(&p);
	rig_end(&rig);
}

/* It sends Data-Out PDUs all the time, with nothing in them. */
static void test_trickles(void)
{
	const struct answer *a;
	struct iscsi_pdu cmd;
	struct peer p;
	uint32_t ttt;

	rig_init(&rig);
	rig.limits.nop_timeout_s = 1;
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	peer_ready(&p, LUN_DISK);
	cmd = peer_write10(&p, LUN_DISK, 0, 8, 512);
	peer_send(&p, &cmd, NULL, 0);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_R2T);
	ttt = a->pdu.r2t.ttt;
	for (uint32_t sn = 0; peer_is_quiet(&p, 50); sn++)
		peer_data_out(&p, &cmd, ttt, sn, 0, NULL, 0, false);
	CU_ASSERT(peer_is_closed(&p));
	peer_close(&p);
	rig_end(&rig);
}

static bool no_sessions(const struct iscsi_stats *st)
{
	return st->sessions_now == 0;
}

static void test_takes_nothing(void)
{
	struct iscsi_pdu cmd;
	struct peer p;

	rig_init(&rig);
	rig.limits.nop_timeout_s = 1;
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	peer_ready(&p, LUN_DISK);
	for (unsigned i = 0; i < 8; i++) {
		cmd = peer_read10(&p, LUN_DISK, 0, 16384, 512);
		peer_send(&p, &cmd, NULL, 0);
	}
	for (unsigned i = 0; i < 3 && !rig_wait(&rig, no_sessions); i++)
		;
	CU_ASSERT_EQUAL(rig_stats(&rig).sessions_now, 0);
	peer_close(&p);
	rig_end(&rig);
}

static void test_stop_idle(void)
{
	const struct answer *a;
	double begin;
	struct peer p;

	rig_init(&rig);
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	peer_ready(&p, LUN_DISK);
	begin = seconds();
	/* The peer never closes: a short linger, then it is over. */
	rig_stop(&rig, 10000);
	CU_ASSERT(seconds() - begin < 15);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_ASYNC);
	CU_ASSERT_EQUAL(a->pdu.async.event, 3);
	CU_ASSERT(peer_is_closed(&p));
	peer_close(&p);
}

static void test_stop_busy(void)
{
	struct iscsi_pdu cmd;
	const struct answer *a;
	struct peer p;

	rig_init(&rig);
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	peer_ready(&p, LUN_SLOW);
	cmd = peer_read10(&p, LUN_SLOW, 0, 1, 512);
	peer_send(&p, &cmd, NULL, 0);
	usleep(50000);
	rig_stop(&rig, 10000);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.opcode, ISCSI_ASYNC);
	/* The running command is answered. */
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_DATA_IN);
	CU_ASSERT_EQUAL(a->pdu.itt, cmd.itt);
	CU_ASSERT(peer_is_closed(&p));
	peer_close(&p);
}

static void test_stop_without_grace(void)
{
	struct iscsi_pdu cmd;
	struct peer p, q;

	rig_init(&rig);
	rig_start(&rig);
	CU_ASSERT_EQUAL(login_as(&p, 0), 0);
	peer_ready(&p, LUN_DISK);
	/* A write that never gets its data, and a connection that says nothing. */
	cmd = peer_write10(&p, LUN_DISK, 0, 8, 512);
	peer_send(&p, &cmd, NULL, 0);
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.opcode, ISCSI_R2T);
	peer_connect(&q, &rig);
	rig_stop(&rig, 100);
	CU_ASSERT(peer_is_closed(&p));
	CU_ASSERT(peer_is_closed(&q));
	peer_close(&p);
	peer_close(&q);
}

static void test_listen_errors(void)
{
	static const char *const bad[] = { "",		 "3260",	   "127.0.0.1",
					   "127.0.0.1:", "127.0.0.1:http", "host.name:3260",
					   "::1:3260",	 "[::1]",	   "127.0.0.1:65536",
					   ":3260",	 "127.0.0.1:0,",   "127.0.0.1:0,0",
					   "[::1]:0,x",	 "127.0.0.1:0,-1", "127.0.0.1:0,65536",
					   "127.0.0.1,1" };
	char err[256], bound[128];

	rig_init(&rig);
	rig_start(&rig);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = '\0';
		CU_ASSERT(rig_listen(&rig, bad[i], bound, err) < 0);
		CU_ASSERT(strlen(err) > 10);
	}
	CU_ASSERT(rig_listen(&rig, rig.address, bound, err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "is in use"));
	rig_end(&rig);
}

/* The rig has one already. */
static void test_portals(void)
{
	char err[256] = "", bound[128], portal[32];

	rig_init(&rig);
	rig_start(&rig);
	for (unsigned i = 2; i <= 16; i++) {
		snprintf(portal, sizeof(portal), "127.0.0.1:0,%u", i);
		CU_ASSERT_EQUAL(rig_listen(&rig, portal, bound, err), 0);
	}
	CU_ASSERT(rig_listen(&rig, "127.0.0.1:0", bound, err) < 0);
	CU_ASSERT_STRING_EQUAL(err, "more than 16 portals");
	rig_end(&rig);
}

static void test_listen_ipv6(void)
{
	char err[256], bound[128] = "";
	int res;

	rig_init(&rig);
	rig_start(&rig);
	res = rig_listen(&rig, "[::1]:0", bound, err);
	if (res < 0) {
		test_skip("no IPv6 here");
	} else {
		CU_ASSERT_EQUAL(strncmp(bound, "[::1]:", 6), 0);
		CU_ASSERT(atoi(bound + 6) > 0);
	}
	rig_end(&rig);
}

static void test_config(void)
{
	struct iscsi_limits limits = iscsi_limits_defaults;
	struct iscsi_target_config cfg = { .chap = { .user = "u",
						     .secret = "same",
						     .mutual_user = "t",
						     .mutual_secret = "same" } };
	struct iscsi_server *s;

	rig_init(&rig);
	rig_start(&rig);
	cfg.target = rig.target;
	/* One secret for both directions is no secret. */
	CU_ASSERT(iscsi_server_add_target(rig.server, &cfg) < 0);
	memset(&cfg.chap, 0, sizeof(cfg.chap));
	CU_ASSERT(iscsi_server_add_target(rig.server, &cfg) < 0); /* there already */
	limits.queue_depth = 0;
	CU_ASSERT(iscsi_server_new(&s, &rig.env, &limits) < 0);
	limits.queue_depth = 4097;
	CU_ASSERT(iscsi_server_new(&s, &rig.env, &limits) < 0);
	rig_end(&rig);
}

/* 2,000 logins and logouts: memory is ASan's business, descriptors are ours. */
static void test_many(void)
{
	int before = dup(0), after;

	close(before);
	rig_init(&rig);
	rig_start(&rig);
	for (unsigned i = 0; i < 2000; i++) {
		struct iscsi_pdu pdu;
		struct peer p;

		if (login_as(&p, i % 3) != 0) {
			CU_FAIL("login");
			break;
		}
		pdu = peer_request(&p, ISCSI_LOGOUT_REQ, true);
		peer_send(&p, &pdu, NULL, 0);
		CU_ASSERT_EQUAL(peer_recv(&p)->pdu.opcode, ISCSI_LOGOUT_RSP);
		peer_close(&p);
	}
	CU_ASSERT_EQUAL(rig_stats(&rig).logins, 2000);
	rig_end(&rig);
	after = dup(0);
	CU_ASSERT_EQUAL(after, before);
	close(after);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "connections: at the limit, and one more", test_connections },
		{ "sessions: at the limit, and one more", test_sessions },
		{ "text: at the limit, and one byte more", test_text },
		{ "login answers: below 8192 bytes, and above", test_reply },
		{ "data segments: at the limit, and one byte more", test_segments },
		{ "command window: full, and one more", test_window },
		{ "immediate commands: eight, and a ninth", test_immediates },
		{ "memory: waited for in turns, never for good", test_memory },
		{ "a login that does not end is dropped", test_login_timeout },
		{ "an idle initiator is pinged, a dead one dropped", test_ping },
		{ "an initiator that owes data is dropped", test_owes },
		{ "a gap in CmdSN does not hold memory for ever", test_gap },
		{ "Data-Out PDUs without data buy no time", test_trickles },
		{ "an initiator that takes no data is dropped", test_takes_nothing },
		{ "stop: idle sessions are told and closed", test_stop_idle },
		{ "stop: running commands are answered", test_stop_busy },
		{ "stop: what does not end in time is cut off", test_stop_without_grace },
		{ "listen: errors say what to do", test_listen_errors },
		{ "16 portals are listened on, not 17", test_portals },
		{ "listen: IPv6 addresses in brackets", test_listen_ipv6 },
		{ "bad limits and secrets are refused", test_config },
		{ "2,000 logins and logouts leave nothing behind", test_many },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_limits", tests);
}
