/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Portals and portal groups: what discovery says of them, which target port a
 * session has, and what the logical unit says of that (RFC 7143 4.4.1, SPC-4 5.15).
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alua.h"
#include "inquiry.h"

static struct rig rig;

/* Logs in through @portal; the status. */
static unsigned login_through(struct peer *p, const char *portal, const char *type)
{
	char text[512];

	peer_connect_to(p, portal);
	snprintf(text, sizeof(text), "InitiatorName=" RIG_INITIATOR "|%s", type);
	return answer_login_status(peer_login_step(p, 1, 3, text));
}

/* The same to RIG_TARGET, which must say that it is portal group @tag. */
static void session_through(struct peer *p, const char *portal, const char *tag)
{
	const struct answer *a;

	peer_connect_to(p, portal);
	a = peer_login_step(p, 1, 3, "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET);
	CU_ASSERT_EQUAL(answer_login_status(a), 0);
	CU_ASSERT_STRING_EQUAL(answer_value(a, "TargetPortalGroupTag"), tag);
	peer_ready(p, LUN_DISK);
}

/* SendTargets=All through @portal: is the answer @want, '|' for NUL? */
static void check_discovery(const char *portal, const char *want)
{
	const struct answer *a;
	struct iscsi_pdu pdu;
	char text[2048];
	struct peer p;

	CU_ASSERT_EQUAL(login_through(&p, portal, "SessionType=Discovery"), 0);
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	peer_send(&p, &pdu, "SendTargets=All", 16);
	a = peer_recv(&p);
	for (size_t i = 0; i < a->len; i++)
		text[i] = a->data[i] ? a->data[i] : '|';
	text[a->len] = '\0';
	CU_ASSERT_STRING_EQUAL(text, want);
	peer_close(&p);
}

/* Answers to a command that reads; the bytes. */
static const uint8_t *ask(struct peer *p, const void *cdb, size_t cdb_len, size_t *ret_len)
{
	static uint8_t buf[4096];
	struct iscsi_pdu cmd = peer_read10(p, LUN_DISK, 0, 0, 0);
	struct read_result r;

	memset(cmd.cmd.cdb, 0, sizeof(cmd.cmd.cdb));
	memcpy(cmd.cmd.cdb, cdb, cdb_len);
	cmd.cmd.edtl = sizeof(buf);
	peer_send(p, &cmd, NULL, 0);
	r = peer_read_all(p, &cmd, buf, sizeof(buf));
	CU_ASSERT_EQUAL(r.status, 0);
	*ret_len = r.len;
	return buf;
}

/* VPD 83h names port @tag, and the LUN as the other port does. */
static void check_identity(struct peer *p, uint16_t tag, uint8_t naa[16])
{
	static const uint8_t cdb[] = { 0x12, 1, 0x83, 0x10, 0 };
	unsigned ports = 0, groups = 0, names = 0;
	char name[300];
	struct vpd_designator d;
	size_t len, pos = 4;
	const uint8_t *page = ask(p, cdb, sizeof(cdb), &len);

	snprintf(name, sizeof(name), RIG_TARGET ",t,0x%04x", tag);
	while (vpd_83_next(page, len, &pos, &d)) {
		if (d.association == 0 && d.type == 3)
			memcpy(naa, d.id, d.len);
		if (d.association == 1 && d.type == 4)
			ports += get_be32(d.id) == tag;
		if (d.association == 1 && d.type == 5)
			groups += get_be32(d.id) == tag;
		if (d.association == 1 && d.type == 8)
			names += strcmp((const char *)d.id, name) == 0;
	}
	CU_ASSERT_EQUAL(ports, 1);
	CU_ASSERT_EQUAL(groups, 1);
	CU_ASSERT_EQUAL(names, 1);
}

static void check_groups(struct peer *p, bool extended, const uint16_t *tags, unsigned n)
{
	const uint8_t cdb[] = { 0xa3, 0x0a | extended << 5, 0, 0, 0, 0, 0, 0, 4, 0 };
	struct alua_group g;
	size_t len, pos = 0;
	const uint8_t *list = ask(p, cdb, sizeof(cdb), &len);

	CU_ASSERT_EQUAL(get_be32(list) + 4, len);
	CU_ASSERT_EQUAL(len, (extended ? 8 : 4) + 12 * n);
	for (unsigned i = 0; i < n; i++) {
		CU_ASSERT_TRUE(rtpg_next(list, len, &pos, &g));
		CU_ASSERT_EQUAL(g.state, ALUA_OPTIMIZED);
		CU_ASSERT_EQUAL(g.supported, ALUA_SUP_OPTIMIZED);
		CU_ASSERT_EQUAL(g.tag, tags[i]);
		CU_ASSERT_EQUAL(g.nports, 1);
		CU_ASSERT_EQUAL(g.ports[0], tags[i]);
	}
	CU_ASSERT_FALSE(rtpg_next(list, len, &pos, &g));
}

static void test_discovery(void)
{
	char err[256], two[128], three[128], want[512];

	rig_init(&rig);
	rig_start(&rig);
	CU_ASSERT_EQUAL(rig_listen(&rig, "127.0.0.1:0,2", two, err), 0);
	CU_ASSERT_EQUAL(rig_listen(&rig, "127.0.0.1:0,2", three, err), 0);
	snprintf(want, sizeof(want),
		 "TargetName=" RIG_TARGET "|TargetAddress=%s,1|TargetAddress=%s,2|"
		 "TargetAddress=%s,2|",
		 rig.address, two, three);
	check_discovery(rig.address, want);
	check_discovery(three, want);
	rig_end(&rig);
}

/* All addresses of the machine: the one that the initiator came to. */
static void test_wildcard(void)
{
	char err[256], any[128], any6[128], seen[128], want[512];
	bool six;

	rig_init(&rig);
	rig_start(&rig);
	CU_ASSERT_EQUAL(rig_listen(&rig, "0.0.0.0:0,9", any, err), 0);
	six = rig_listen(&rig, "[::]:0,10", any6, err) == 0;
	snprintf(seen, sizeof(seen), "127.0.0.1%s", strrchr(any, ':'));
	snprintf(want, sizeof(want),
		 "TargetName=" RIG_TARGET "|TargetAddress=%s,1|TargetAddress=%s,9|", rig.address,
		 seen);
	check_discovery(rig.address, want);
	check_discovery(seen, want);
	if (six) {
		/* From there the IPv4 wildcard has no address that we know. */
		snprintf(seen, sizeof(seen), "[::1]%s", strrchr(any6, ':'));
		snprintf(want, sizeof(want),
			 "TargetName=" RIG_TARGET "|TargetAddress=%s,1|TargetAddress=%s,10|",
			 rig.address, seen);
		check_discovery(seen, want);
	} else {
		test_skip("no IPv6 here");
	}
	rig_end(&rig);
}

/* More addresses than the initiator takes at once: C bit and target transfer tag. */
static void test_long_discovery(void)
{
	char err[256], bound[16][128], text[4096] = "", want[2048], portal[32];
	size_t len = 0, n = 0;
	const struct answer *a;
	struct iscsi_pdu pdu;
	struct peer p;

	rig_init(&rig);
	rig_start(&rig);
	n = (size_t)snprintf(want, sizeof(want), "TargetName=" RIG_TARGET "|TargetAddress=%s,1|",
			     rig.address);
	for (unsigned i = 0; i < 15; i++) {
		snprintf(portal, sizeof(portal), "127.0.0.1:0,%u", 65535 - i);
		CU_ASSERT_EQUAL(rig_listen(&rig, portal, bound[i], err), 0);
		n += (size_t)snprintf(want + n, sizeof(want) - n, "TargetAddress=%s,%u|", bound[i],
				      65535 - i);
	}
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, NULL, "MaxRecvDataSegmentLength=512"),
			0);
	pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
	peer_send(&p, &pdu, "SendTargets=All", 16);
	for (;;) {
		a = peer_recv(&p);
		CU_ASSERT_FATAL(!a->eof && a->len <= 512 && len + a->len < sizeof(text));
		for (size_t i = 0; i < a->len; i++)
			text[len++] = a->data[i] ? a->data[i] : '|';
		if (a->pdu.flags & ISCSI_F_FINAL)
			break;
		CU_ASSERT_EQUAL(a->len, 512);
		CU_ASSERT_EQUAL(a->pdu.flags, ISCSI_F_CONTINUE);
		CU_ASSERT_NOT_EQUAL(a->pdu.text.ttt, ISCSI_NO_TAG);
		pdu = peer_request(&p, ISCSI_TEXT_REQ, false);
		pdu.text.ttt = a->pdu.text.ttt;
		peer_send(&p, &pdu, NULL, 0);
	}
	CU_ASSERT_EQUAL(a->pdu.text.ttt, ISCSI_NO_TAG);
	CU_ASSERT_STRING_EQUAL(text, want);
	CU_ASSERT(len > 512);
	peer_close(&p);
	rig_end(&rig);
}

static void test_two_ports(void)
{
	static const uint8_t inquiry[] = { 0x12, 0, 0, 0, 96 };
	static const uint16_t tags[] = { 1, 0x1234 };
	uint8_t naa[2][16] = { { 0 }, { 0 } };
	char err[256], other[128];
	struct peer p, q;
	size_t len;

	rig_init(&rig);
	rig_start(&rig);
	CU_ASSERT_EQUAL(rig_listen(&rig, "127.0.0.1:0,4660", other, err), 0);
	session_through(&p, rig.address, "1");
	/* The same initiator port, but another target port: another nexus. */
	session_through(&q, other, "4660");
	CU_ASSERT_EQUAL(rig_stats(&rig).sessions_now, 2);
	check_identity(&p, 1, naa[0]);
	check_identity(&q, 0x1234, naa[1]);
	CHECK_BYTES(naa[0], 8, naa[1], 8);
	CU_ASSERT_EQUAL(ask(&q, inquiry, sizeof(inquiry), &len)[5] & 0x30, 0x10);
	check_groups(&p, false, tags, 2);
	check_groups(&q, true, tags, 2);
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	peer_close(&q);
	peer_close(&p);
	rig_end(&rig);
}

static bool one_session(const struct iscsi_stats *st)
{
	return st->sessions_now == 1;
}

static bool two_sessions(const struct iscsi_stats *st)
{
	return st->sessions_now == 2;
}

/* A login replaces the session through its own portal group only (RFC 7143 6.3.5). */
static void test_reinstatement(void)
{
	char err[256], same[128], other[128];
	struct peer p, q, again;

	rig_init(&rig);
	rig_start(&rig);
	CU_ASSERT_EQUAL(rig_listen(&rig, "127.0.0.1:0,1", same, err), 0);
	CU_ASSERT_EQUAL(rig_listen(&rig, "127.0.0.1:0,2", other, err), 0);
	session_through(&p, rig.address, "1");
	session_through(&q, other, "2");
	session_through(&again, same, "1");
	CU_ASSERT_TRUE(peer_recv(&p)->eof);
	CU_ASSERT_TRUE(rig_wait(&rig, two_sessions));
	CU_ASSERT_EQUAL(peer_tur(&q, LUN_DISK), 0);
	peer_close(&q);
	CU_ASSERT_TRUE(rig_wait(&rig, one_session));
	CU_ASSERT_EQUAL(peer_tur(&again, LUN_DISK), 0);
	peer_close(&again);
	peer_close(&p);
	rig_end(&rig);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "discovery names every portal with its group", test_discovery },
		{ "a wildcard portal has the address that the initiator came to", test_wildcard },
		{ "an answer of many addresses comes in pieces", test_long_discovery },
		{ "two portal groups are two ports of the same LUN", test_two_ports },
		{ "a session is replaced within its portal group", test_reinstatement },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_portals", tests);
}
