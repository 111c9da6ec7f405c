/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several reactors: connections are spread, and what they move is right wherever they are.
 * The other tests of the portal run with three reactors, too.
 */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 512u
#define PIECE 8192u /* immediate data that needs no R2T */

static struct rig rig;

static void start(unsigned reactors)
{
	rig_init(&rig);
	rig.limits.reactors = reactors;
	rig.limits.all_away = false;
	rig_start(&rig);
}

static void login(struct peer *p, unsigned who)
{
	char name[64];

	snprintf(name, sizeof(name), "iqn.2001-04.com.example:peer%u", who);
	CU_ASSERT_EQUAL_FATAL(peer_login(p, &rig, name, RIG_TARGET, ""), 0);
}

static bool on_reactors(unsigned a, unsigned b, unsigned c)
{
	for (unsigned i = 0; i < 200; i++) {
		struct iscsi_stats st = rig_stats(&rig);

		if (st.on_reactor[0] == a && st.on_reactor[1] == b && st.on_reactor[2] == c)
			return true;
		usleep(10000);
	}
	return false;
}

static void test_spread(void)
{
	struct peer p[6];

	start(3);
	login(&p[0], 0);
	CU_ASSERT(on_reactors(1, 0, 0));
	login(&p[1], 1);
	login(&p[2], 2);
	CU_ASSERT(on_reactors(1, 1, 1));
	login(&p[3], 3);
	login(&p[4], 4);
	login(&p[5], 5);
	CU_ASSERT(on_reactors(2, 2, 2));
	/* The second reactor loses one, and gets the next. */
	peer_close(&p[1]);
	CU_ASSERT(on_reactors(2, 1, 2));
	login(&p[1], 1);
	CU_ASSERT(on_reactors(2, 2, 2));
	for (unsigned i = 0; i < 6; i++)
		peer_close(&p[i]);
	CU_ASSERT(on_reactors(0, 0, 0));
	rig_end(&rig);
}

static uint8_t byte_of(unsigned who, size_t at)
{
	return (uint8_t)(at * 7 + at / 256 + who * 31);
}

static void write_piece(struct peer *p, unsigned who, uint32_t lba)
{
	static uint8_t buf[PIECE];
	struct iscsi_pdu pdu = peer_write10(p, LUN_DISK, lba, PIECE / BLOCK, BLOCK);
	const struct answer *a;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = byte_of(who, i);
	peer_send(p, &pdu, buf, sizeof(buf));
	a = peer_recv(p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_SCSI_RSP);
	CU_ASSERT_EQUAL(a->pdu.rsp.status, SAM_GOOD);
}

/* All sessions write, then all read everything that all have written. */
static void test_data(void)
{
	enum { PEERS = 5 };
	static uint8_t buf[PEERS * PIECE];
	struct peer p[PEERS];

	start(3);
	for (unsigned i = 0; i < PEERS; i++) {
		login(&p[i], i);
		peer_ready(&p[i], LUN_DISK);
	}
	for (unsigned i = 0; i < PEERS; i++)
		write_piece(&p[i], i, i * (PIECE / BLOCK));
	for (unsigned i = 0; i < PEERS; i++) {
		struct iscsi_pdu pdu = peer_read10(&p[i], LUN_DISK, 0, sizeof(buf) / BLOCK, BLOCK);
		struct read_result r;
		bool same = true;

		peer_send(&p[i], &pdu, NULL, 0);
		r = peer_read_all(&p[i], &pdu, buf, sizeof(buf));
		CU_ASSERT_EQUAL(r.status, SAM_GOOD);
		CU_ASSERT_EQUAL(r.len, sizeof(buf));
		for (size_t at = 0; at < sizeof(buf); at++)
			same = same && buf[at] == byte_of((unsigned)(at / PIECE), at % PIECE);
		CU_ASSERT(same);
	}
	for (unsigned i = 0; i < PEERS; i++)
		peer_close(&p[i]);
	rig_end(&rig);
}

/* Long answers of a connection of the home thread go out by the others, in order. */
static void test_bulk(void)
{
	enum { BYTES = 4 << 20 };
	struct iscsi_pdu pdu;
	struct read_result r;
	struct peer p;
	uint8_t *buf = malloc(BYTES);

	start(3);
	CU_ASSERT_EQUAL_FATAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET,
					 "|MaxRecvDataSegmentLength=262144|DataDigest=CRC32C"),
			      0);
	p.data_digest = true;
	peer_ready(&p, LUN_DISK);
	for (unsigned i = 0; i < 3; i++) {
		pdu = peer_read10(&p, LUN_DISK, 0, BYTES / BLOCK, BLOCK);
		peer_send(&p, &pdu, NULL, 0);
		r = peer_read_all(&p, &pdu, buf, BYTES);
		CU_ASSERT_EQUAL(r.status, SAM_GOOD);
		CU_ASSERT_EQUAL(r.len, BYTES);
		CU_ASSERT(r.in_order && r.digests_good);
		CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), SAM_GOOD);
	}
	peer_close(&p);
	free(buf);
	rig_end(&rig);
}

/* Whoever goes in the middle of something: reads that sleep, answers that nobody takes. */
static void test_gone(void)
{
	enum { PEERS = 6 };
	struct peer p[PEERS];

	start(3);
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < PEERS; i++) {
			struct iscsi_pdu pdu;

			login(&p[i], i);
			peer_ready(&p[i], LUN_SLOW);
			peer_ready(&p[i], LUN_DISK);
			pdu = peer_read10(&p[i], LUN_SLOW, 0, 8, BLOCK);
			peer_send(&p[i], &pdu, NULL, 0);
			for (unsigned k = 0; k < 8; k++) {
				pdu = peer_read10(&p[i], LUN_DISK, 0, 8192, BLOCK);
				peer_send(&p[i], &pdu, NULL, 0);
			}
		}
		for (unsigned i = 0; i < PEERS; i++)
			peer_close(&p[i]);
		CU_ASSERT(on_reactors(0, 0, 0));
	}
	rig_end(&rig);
}

/* A server that stops has receives of all its reactors to bring home. */
static void test_stop(void)
{
	struct peer p[6];

	start(3);
	for (unsigned i = 0; i < 6; i++)
		login(&p[i], i);
	rig_stop(&rig, 0);
	for (unsigned i = 0; i < 6; i++) {
		CU_ASSERT(peer_is_closed(&p[i]));
		peer_close(&p[i]);
	}
}

static void test_limit(void)
{
	struct peer p[ISCSI_MAX_REACTORS];
	struct iscsi_server *s = NULL;
	struct iscsi_stats st;

	start(ISCSI_MAX_REACTORS);
	for (unsigned i = 0; i < ISCSI_MAX_REACTORS; i++)
		login(&p[i], i);
	st = rig_stats(&rig);
	for (unsigned i = 0; i < ISCSI_MAX_REACTORS; i++) {
		CU_ASSERT_EQUAL(st.on_reactor[i], 1);
		CU_ASSERT_EQUAL(peer_tur(&p[i], LUN_DISK), SAM_CHECK_CONDITION);
		CU_ASSERT_EQUAL(peer_tur(&p[i], LUN_DISK), SAM_GOOD);
		peer_close(&p[i]);
	}
	rig_end(&rig);

	rig_init(&rig);
	rig.limits.reactors = ISCSI_MAX_REACTORS + 1;
	CU_ASSERT_EQUAL(iscsi_server_new(&s, &rig.env, &rig.limits), -EINVAL);
}

static void test_default(void)
{
	unsigned n = iscsi_default_reactors();
	struct peer p[ISCSI_AUTO_REACTORS + 1];
	struct iscsi_stats st;

	CU_ASSERT(n >= 1 && n <= ISCSI_AUTO_REACTORS);
	start(0);
	for (unsigned i = 0; i < n + 1; i++)
		login(&p[i], i);
	st = rig_stats(&rig);
	CU_ASSERT_EQUAL(st.on_reactor[0], 2);
	CU_ASSERT_EQUAL(st.on_reactor[n - 1], n == 1 ? 2 : 1);
	CU_ASSERT_EQUAL(st.on_reactor[n], 0);
	for (unsigned i = 0; i < n + 1; i++)
		peer_close(&p[i]);
	rig_end(&rig);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "connections go where there are fewest", test_spread },
		{ "what one session writes all others read", test_data },
		{ "long answers come in order, wherever they are sent", test_bulk },
		{ "peers that go in the middle leave nothing behind", test_gone },
		{ "stop: all connections of all reactors end", test_stop },
		{ "64 reactors, not 65", test_limit },
		{ "by default as many as processors, at most four", test_default },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_reactors", tests);
}
