/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the portal receives by multishot and when not, and that what comes is the same however
 * the stream is cut.  The other tests of the portal run with multishot receives, too.
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 512u
#define AFTER 4u

static struct rig rig;
static struct peer p;

static void start(unsigned after, unsigned reactors, const char *more)
{
	rig_init(&rig);
	rig.limits.multishot_after = after;
	rig.limits.reactors = reactors;
	rig.limits.all_away = reactors > 1;
	rig_start(&rig);
	CU_ASSERT_EQUAL_FATAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET, more), 0);
	p.header_digest = p.data_digest = strstr(more, "Digest") != NULL;
	peer_ready(&p, LUN_DISK);
}

static void end(void)
{
	peer_close(&p);
	rig_end(&rig);
}

static void say_ready(unsigned n)
{
	while (n-- > 0)
		CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), SAM_GOOD);
}

static void fill(uint8_t *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(i * 13 + i / 509 + seed);
}

/* WRITE(10) of @len bytes, @immediate of them with the command. */
static void write_at(uint32_t lba, const uint8_t *data, size_t len, size_t immediate)
{
	struct iscsi_pdu cmd = peer_write10(&p, LUN_DISK, lba, (uint16_t)(len / BLOCK), BLOCK);
	const struct answer *a;

	peer_send(&p, &cmd, data, immediate);
	for (a = peer_recv(&p); a->pdu.opcode == ISCSI_R2T; a = peer_recv(&p)) {
		uint32_t ttt = a->pdu.r2t.ttt, off = a->pdu.r2t.offset, n = a->pdu.r2t.length;

		peer_data_out(&p, &cmd, ttt, 0, off, data + off, n, true);
	}
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_SCSI_RSP);
	CU_ASSERT_EQUAL(a->pdu.rsp.status, SAM_GOOD);
}

static void check_at(uint32_t lba, const uint8_t *data, size_t len)
{
	static uint8_t got[256 << 10];
	struct iscsi_pdu cmd = peer_read10(&p, LUN_DISK, lba, (uint16_t)(len / BLOCK), BLOCK);
	struct read_result r;

	peer_send(&p, &cmd, NULL, 0);
	r = peer_read_all(&p, &cmd, got, sizeof(got));
	CU_ASSERT_EQUAL(r.status, SAM_GOOD);
	CU_ASSERT_EQUAL(r.len, len);
	CU_ASSERT(memcmp(got, data, len) == 0);
}

/* Commands alone: one multishot receive for all of them.  Data that is asked for ends it. */
static void ways(unsigned reactors)
{
	static uint8_t data[256 << 10];
	struct iscsi_stats before, st;

	fill(data, sizeof(data), 1);
	start(AFTER, reactors, "");
	say_ready(4 * AFTER);
	before = rig_stats(&rig);
	CU_ASSERT_EQUAL(before.multishots, 1);
	say_ready(100);
	st = rig_stats(&rig);
	CU_ASSERT_EQUAL(st.multishots, 1);
	CU_ASSERT_EQUAL(st.receives, before.receives);
	CU_ASSERT(st.multishot_buffers >= before.multishot_buffers + 100);

	/* Its data does not come through the buffers. */
	before = st;
	write_at(0, data, sizeof(data), 0);
	st = rig_stats(&rig);
	CU_ASSERT_EQUAL(st.multishots, 1);
	CU_ASSERT(st.receives > before.receives);
	CU_ASSERT(st.multishot_buffers <= before.multishot_buffers + 2);
	check_at(0, data, sizeof(data));

	/* And as there is no more of it: multishot again. */
	say_ready(2 * AFTER);
	CU_ASSERT_EQUAL(rig_stats(&rig).multishots, 2);
	end();
}

static void test_ways(void)
{
	ways(1);
	ways(3);
}

static void test_never(void)
{
	start(0, 1, "");
	say_ready(100);
	CU_ASSERT_EQUAL(rig_stats(&rig).multishots, 0);
	CU_ASSERT(rig_stats(&rig).receives > 100);
	end();
}

/* With many commands open it is stopped. */
static void test_many(void)
{
	enum { MANY = 20 };
	struct iscsi_stats before;

	start(AFTER, 1, "");
	peer_ready(&p, LUN_SLOW);
	say_ready(2 * AFTER);
	CU_ASSERT_EQUAL(rig_stats(&rig).multishots, 1);
	before = rig_stats(&rig);
	for (unsigned i = 0; i < MANY; i++) {
		struct iscsi_pdu cmd = peer_read10(&p, LUN_SLOW, i, 1, BLOCK);

		peer_send(&p, &cmd, NULL, 0);
	}
	for (unsigned i = 0; i < MANY; i++)
		CU_ASSERT_EQUAL(peer_recv(&p)->pdu.opcode, ISCSI_DATA_IN);
	CU_ASSERT_EQUAL(rig_stats(&rig).multishots, 1);
	CU_ASSERT(rig_stats(&rig).receives > before.receives);
	say_ready(2 * AFTER);
	CU_ASSERT_EQUAL(rig_stats(&rig).multishots, 2);
	end();
}

/* Commands with immediate data, in pieces that respect nothing. */
static void cut(unsigned reactors, const char *more, size_t most)
{
	static uint8_t data[8192];
	srand(5);
	start(1, reactors, more);
	p.cut = most;
	for (unsigned i = 0; i < 60; i++) {
		size_t len = ((size_t)rand() % 16 + 1) * BLOCK;

		fill(data, len, i);
		write_at(i * 16, data, len, len);
		check_at(i * 16, data, len);
	}
	CU_ASSERT(rig_stats(&rig).multishots >= 1);
	CU_ASSERT(rig_stats(&rig).multishot_buffers > 100);
	end();
}

static void test_cut(void)
{
	static const size_t most[] = { 7, 60, 3000, 1 << 20 };

	for (unsigned i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		cut(1, "", most[i]);
		cut(1, "|HeaderDigest=CRC32C|DataDigest=CRC32C", most[i]);
		cut(3, "|HeaderDigest=CRC32C|DataDigest=CRC32C", most[i]);
	}
}

/* A peer that says its last word and closes its side at once is answered all the same. */
static void last_word(unsigned reactors)
{
	for (unsigned i = 0; i < 20; i++) {
		struct iscsi_pdu pdu;

		start(1, reactors, "");
		say_ready(3);
		CU_ASSERT_EQUAL(rig_stats(&rig).multishots, 1);
		pdu = peer_request(&p, ISCSI_LOGOUT_REQ, true);
		pdu.flags = ISCSI_F_FINAL;
		peer_send(&p, &pdu, NULL, 0);
		shutdown(p.fd, SHUT_WR);
		CU_ASSERT_EQUAL(peer_recv(&p)->pdu.opcode, ISCSI_LOGOUT_RSP);
		end();
	}
}

static void test_last_word(void)
{
	last_word(1);
	last_word(3);
}

/* A peer that goes while its bytes lie in the buffers. */
static void test_gone(void)
{
	for (unsigned i = 0; i < 40; i += 7) {
		struct iscsi_pdu cmd;
		uint8_t data[8192] = { 0 };

		start(1, i % 2 ? 3 : 1, "");
		peer_ready(&p, LUN_SLOW);
		say_ready(3);
		for (unsigned k = 0; k < 1 + i / 2; k++) {
			cmd = peer_write10(&p, LUN_SLOW, k * 16, sizeof(data) / BLOCK, BLOCK);
			peer_send(&p, &cmd, data, sizeof(data));
		}
		cmd = peer_write10(&p, LUN_SLOW, 0, sizeof(data) / BLOCK, BLOCK);
		cmd.data_len = sizeof(data);
		p.cut = 0;
		iscsi_pdu_encode(&cmd, data);
		peer_raw(&p, data, i);
		end();
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "commands alone come by multishot, long data does not", test_ways },
		{ "multishot-after = 0: never", test_never },
		{ "with many commands open it stops", test_many },
		{ "however the stream is cut, the data is right", test_cut },
		{ "a logout and the end in one go: answered", test_last_word },
		{ "peers that go leave no buffer behind", test_gone },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_multishot", tests);
}
