/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data both ways: immediate, unsolicited and solicited; sequences and their
 * errors; digests.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rig rig;
static uint8_t data[1 << 20], got[1 << 20];

static void start(struct peer *p, const char *more)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
	rig_session(&rig, p, more);
}

static struct read_result read_blocks(struct peer *p, unsigned lun, uint32_t lba, uint16_t blocks,
				      uint32_t block)
{
	struct iscsi_pdu cmd = peer_read10(p, lun, lba, blocks, block);

	memset(got, 0xee, sizeof(got));
	peer_send(p, &cmd, NULL, 0);
	return peer_read_all(p, &cmd, got, sizeof(got));
}

/* Serves R2Ts until the response is there; returns it. */
static const struct answer *serve(struct peer *p, const struct iscsi_pdu *cmd, size_t pdu_len,
				  unsigned *ret_r2ts)
{
	for (*ret_r2ts = 0;; ++*ret_r2ts) {
		const struct answer *a = peer_recv(p);
		uint32_t off, end, ttt, sn = 0;

		if (a->eof || a->pdu.opcode != ISCSI_R2T)
			return a;
		CU_ASSERT_EQUAL(a->pdu.r2t.r2t_sn, *ret_r2ts);
		CU_ASSERT_EQUAL(a->pdu.itt, cmd->itt);
		off = a->pdu.r2t.offset;
		end = off + a->pdu.r2t.length;
		ttt = a->pdu.r2t.ttt;
		while (off < end) {
			size_t n = end - off < pdu_len ? end - off : pdu_len;

			peer_data_out(p, cmd, ttt, sn++, off, data + off, n, off + n == end);
			off += (uint32_t)n;
		}
	}
}

static void write_blocks(struct peer *p, unsigned lun, uint32_t lba, uint16_t blocks,
			 uint32_t block, size_t immediate, size_t pdu_len, unsigned want_r2ts)
{
	struct iscsi_pdu cmd = peer_write10(p, lun, lba, blocks, block);
	const struct answer *a;
	unsigned r2ts;

	peer_send(p, &cmd, data, immediate);
	a = serve(p, &cmd, pdu_len, &r2ts);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_SCSI_RSP);
	CU_ASSERT_EQUAL(a->pdu.rsp.status, 0);
	CU_ASSERT_EQUAL(a->pdu.flags, ISCSI_F_FINAL);
	CU_ASSERT_EQUAL(a->pdu.rsp.exp_data_sn, r2ts);
	CU_ASSERT_EQUAL(r2ts, want_r2ts);
}

static void check_back(struct peer *p, unsigned lun, uint32_t lba, uint16_t blocks, uint32_t block)
{
	struct read_result r = read_blocks(p, lun, lba, blocks, block);

	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT(r.in_order);
	CU_ASSERT(r.digests_good);
	CHECK_BYTES(got, r.len, data, (size_t)blocks * block);
}

static void test_immediate(void)
{
	struct peer p;

	start(&p, "");
	write_blocks(&p, LUN_DISK, 0, 1, 512, 512, 0, 0);
	check_back(&p, LUN_DISK, 0, 1, 512);
	/* All of FirstBurstLength, and the rest by R2T. */
	write_blocks(&p, LUN_DISK, 8, 128, 512, 65536, 0, 0);
	check_back(&p, LUN_DISK, 8, 128, 512);
	write_blocks(&p, LUN_DISK, 8, 200, 512, 1000, 8192, 1);
	check_back(&p, LUN_DISK, 8, 200, 512);
	peer_ready(&p, LUN_4K);
	write_blocks(&p, LUN_4K, 8, 3, 4096, 4096, 8192, 1);
	check_back(&p, LUN_4K, 8, 3, 4096);
	rig_session_done(&rig, &p);
}

static void test_solicited(void)
{
	struct peer p;

	start(&p, "ImmediateData=No|MaxBurstLength=16384|MaxRecvDataSegmentLength=4096");
	write_blocks(&p, LUN_DISK, 100, 1, 512, 0, 8192, 1);
	check_back(&p, LUN_DISK, 100, 1, 512);
	write_blocks(&p, LUN_DISK, 100, 32, 512, 0, 8192, 1);
	write_blocks(&p, LUN_DISK, 100, 33, 512, 0, 700, 2);
	check_back(&p, LUN_DISK, 100, 33, 512);
	/* Several pieces of memory: 1 MiB. */
	write_blocks(&p, LUN_DISK, 5, 2048, 512, 0, 16384, 64);
	check_back(&p, LUN_DISK, 5, 2048, 512);
	rig_session_done(&rig, &p);
}

static void test_unsolicited(void)
{
	struct iscsi_pdu cmd;
	const struct answer *a;
	unsigned r2ts;
	struct peer p;

	start(&p, "InitialR2T=No|FirstBurstLength=8192");
	cmd = peer_write10(&p, LUN_DISK, 7, 64, 512);
	cmd.flags &= (uint8_t)~ISCSI_F_FINAL;
	peer_send(&p, &cmd, data, 1000);
	peer_data_out(&p, &cmd, ISCSI_NO_TAG, 0, 1000, data + 1000, 3000, false);
	peer_data_out(&p, &cmd, ISCSI_NO_TAG, 1, 4000, data + 4000, 4192, true);
	a = serve(&p, &cmd, 8192, &r2ts);
	CU_ASSERT_EQUAL(a->pdu.rsp.status, 0);
	CU_ASSERT_EQUAL(r2ts, 1);
	check_back(&p, LUN_DISK, 7, 64, 512);
	/* A command that is refused answers after its unsolicited data. */
	cmd = peer_write10(&p, LUN_DISK, 0xfffffff, 16, 512);
	cmd.flags &= (uint8_t)~ISCSI_F_FINAL;
	peer_send(&p, &cmd, NULL, 0);
	CU_ASSERT(peer_is_quiet(&p, 50));
	peer_data_out(&p, &cmd, ISCSI_NO_TAG, 0, 0, data, 8192, true);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0x52100);
	rig_session_done(&rig, &p);
}

static void test_data_in_split(void)
{
	struct read_result r;
	struct peer p;

	start(&p, "MaxRecvDataSegmentLength=1024|MaxBurstLength=4096");
	write_blocks(&p, LUN_DISK, 0, 256, 512, 0, 4096, 32);
	r = read_blocks(&p, LUN_DISK, 0, 20, 512);
	CHECK_BYTES(got, r.len, data, 20 * 512);
	CU_ASSERT_EQUAL(r.pdus, 10);
	CU_ASSERT_EQUAL(r.sequences, 3);
	CU_ASSERT_EQUAL(r.flags, ISCSI_F_FINAL | ISCSI_DATA_STATUS);
	CU_ASSERT(r.in_order);
	check_back(&p, LUN_DISK, 0, 256, 512);
	rig_session_done(&rig, &p);
}

/* Many pieces of memory in a row, small PDUs: more than one send can hold. */
static void test_long_read(void)
{
	struct peer p;

	start(&p, "MaxRecvDataSegmentLength=512");
	write_blocks(&p, LUN_DISK, 0, 2048, 512, 0, 65536, 4);
	check_back(&p, LUN_DISK, 0, 2048, 512);
	rig_session_done(&rig, &p);
}

static void test_digests(void)
{
	struct peer p;

	start(&p, "HeaderDigest=CRC32C|DataDigest=CRC32C|InitialR2T=Yes");
	write_blocks(&p, LUN_DISK, 0, 1000, 512, 777, 65536, 2);
	check_back(&p, LUN_DISK, 0, 1000, 512);
	rig_session_done(&rig, &p);
}

static void test_bad_digest(void)
{
	struct iscsi_pdu cmd;
	const struct answer *a;
	struct peer p;

	start(&p, "DataDigest=CRC32C");
	write_blocks(&p, LUN_DISK, 0, 8, 512, 4096, 0, 0);
	/* Of immediate data. */
	cmd = peer_write10(&p, LUN_DISK, 0, 1, 512);
	p.data_digest = false;
	peer_send(&p, &cmd, data + 99, 512);
	peer_raw(&p, "oops", 4);
	p.data_digest = true;
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_DATA_DIGEST);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0xb4705);
	/* Of one of two Data-Outs: the sequence ends first. */
	cmd = peer_write10(&p, LUN_DISK, 0, 8, 512);
	peer_send(&p, &cmd, NULL, 0);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_R2T);
	p.data_digest = false;
	cmd.cmd.edtl = a->pdu.r2t.ttt; /* kept over the next receive */
	peer_data_out(&p, &cmd, cmd.cmd.edtl, 0, 0, data + 50, 2048, false);
	peer_raw(&p, "oops", 4);
	p.data_digest = true;
	CU_ASSERT_EQUAL(peer_recv(&p)->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT(peer_is_quiet(&p, 50));
	peer_data_out(&p, &cmd, cmd.cmd.edtl, 1, 2048, data, 2048, true);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0xb4705);
	/* Nothing of either was written. */
	check_back(&p, LUN_DISK, 0, 8, 512);
	rig_session_done(&rig, &p);
}

/* One Data-Out that breaks its sequence; the task fails, the session lives. */
static void test_sequence_errors(void)
{
	static const struct {
		uint32_t sn, off, len;
		bool final;
		unsigned sense;
	} rows[] = {
		{ 1, 0, 4096, true, 0xb4705 },	 /* DataSN                  */
		{ 0, 512, 3584, true, 0xb4705 }, /* offset                  */
		{ 0, 0, 4608, true, 0xb0c0d },	 /* longer than asked for   */
		{ 0, 0, 2048, true, 0xb0c0d },	 /* F too early             */
		{ 0, 0, 4096, false, 0xb0c0d },	 /* F missing: then it ends */
	};
	struct peer p;

	start(&p, "");
	memset(data, 0, sizeof(data)); /* the LUN's content */
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static const uint8_t junk[8192] = { 1, 2, 3 };
		struct iscsi_pdu cmd = peer_write10(&p, LUN_DISK, 0, 8, 512);
		const struct answer *a;
		uint32_t ttt;

		peer_send(&p, &cmd, NULL, 0);
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_R2T);
		ttt = a->pdu.r2t.ttt;
		peer_data_out(&p, &cmd, ttt, rows[i].sn, rows[i].off, junk, rows[i].len,
			      rows[i].final);
		if (!rows[i].final)
			peer_data_out(&p, &cmd, ttt, 1, 4096, junk, 0, true);
		CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), rows[i].sense);
	}
	check_back(&p, LUN_DISK, 0, 8, 512);
	rig_session_done(&rig, &p);
}

/* Unsolicited data of a command longer than FirstBurstLength: just that much of it. */
static void test_first_burst(void)
{
	static const struct {
		uint32_t immediate, len;
		unsigned sense;
	} rows[] = {
		{ 1024, 3072, 0 },	 /* all of it       */
		{ 0, 4096, 0 },		 /* all of it       */
		{ 1024, 3071, 0xb0c0d }, /* too little      */
		{ 0, 512, 0xb0c0d },	 /* too little      */
		{ 1024, 3073, 0xb0c0d }, /* a byte too much */
		{ 0, 4097, 0xb0c0d },	 /* a byte too much */
	};
	struct peer p;

	start(&p, "InitialR2T=No|FirstBurstLength=4096");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct iscsi_pdu cmd = peer_write10(&p, LUN_DISK, 0, 16, 512);
		const struct answer *a;
		unsigned r2ts;

		cmd.flags &= (uint8_t)~ISCSI_F_FINAL;
		peer_send(&p, &cmd, data, rows[i].immediate);
		peer_data_out(&p, &cmd, ISCSI_NO_TAG, 0, rows[i].immediate,
			      data + rows[i].immediate, rows[i].len, true);
		a = serve(&p, &cmd, 8192, &r2ts);
		CU_ASSERT_EQUAL(r2ts, rows[i].sense ? 0 : 1);
		CU_ASSERT_EQUAL(a->pdu.rsp.status, rows[i].sense ? 2 : 0);
		if (rows[i].sense)
			CU_ASSERT_EQUAL(answer_sense(a), rows[i].sense);
	}
	check_back(&p, LUN_DISK, 0, 16, 512);
	rig_session_done(&rig, &p);
}

static void test_not_asked_for(void)
{
	struct iscsi_pdu cmd;
	const struct answer *a;
	struct peer p;

	start(&p, "");
	/* For no task at all: dropped. */
	cmd = peer_write10(&p, LUN_DISK, 0, 8, 512);
	p.cmd_sn--;
	peer_data_out(&p, &cmd, 5, 0, 0, data, 512, true);
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	/* For a task, with a wrong tag: the connection ends. */
	cmd = peer_write10(&p, LUN_DISK, 0, 8, 512);
	peer_send(&p, &cmd, NULL, 0);
	a = peer_recv(&p);
	peer_data_out(&p, &cmd, a->pdu.r2t.ttt + 1, 0, 0, data, 4096, true);
	a = peer_recv(&p);
	CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_REJECT);
	CU_ASSERT_EQUAL(a->pdu.reject.reason, ISCSI_REJECT_PROTOCOL_ERROR);
	CU_ASSERT(peer_is_closed(&p));
	rig_session_done(&rig, &p);
}

static void test_unexpected(void)
{
	struct iscsi_pdu cmd;
	struct peer p;

	start(&p, "ImmediateData=No|InitialR2T=Yes");
	cmd = peer_write10(&p, LUN_DISK, 0, 1, 512);
	peer_send(&p, &cmd, data, 512);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0xb0c0c);
	cmd = peer_write10(&p, LUN_DISK, 0, 1, 512);
	cmd.flags &= (uint8_t)~ISCSI_F_FINAL;
	peer_send(&p, &cmd, NULL, 0);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0xb0c0c);
	peer_close(&p);
	/* More than FirstBurstLength, more than expected, with a read. */
	CU_ASSERT_EQUAL(peer_login(&p, &rig, RIG_INITIATOR, RIG_TARGET, "FirstBurstLength=1024"),
			0);
	peer_ready(&p, LUN_DISK);
	cmd = peer_write10(&p, LUN_DISK, 0, 8, 512);
	peer_send(&p, &cmd, data, 1025);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0xb0c0c);
	cmd = peer_write10(&p, LUN_DISK, 0, 1, 512);
	peer_send(&p, &cmd, data, 513);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0xb0c0c);
	cmd = peer_read10(&p, LUN_DISK, 0, 1, 512);
	peer_send(&p, &cmd, data, 4);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0xb0c0c);
	rig_session_done(&rig, &p);
}

/* Closed at every point of a write: nothing stays behind. */
static void test_leaves(void)
{
	uint8_t bytes[2 * ISCSI_BHS_LEN + 4096];
	struct iscsi_pdu out = { .opcode = ISCSI_DATA_OUT, .flags = ISCSI_F_FINAL };
	struct iscsi_pdu cmd;
	struct peer p, q;

	start(&p, "");
	for (size_t n = 0; n < sizeof(bytes); n += n < 100 ? 12 : 500) {
		const struct answer *a;

		peer_connect(&q, &rig);
		q.isid_tail = 2;
		a = peer_login_step(&q, 1, 3,
				    "InitiatorName=" RIG_INITIATOR "|TargetName=" RIG_TARGET
				    "|InitialR2T=No");
		CU_ASSERT_EQUAL(answer_login_status(a), 0);
		peer_ready(&q, LUN_SLOW);
		cmd = peer_write10(&q, LUN_SLOW, 0, 8, 512);
		cmd.flags &= (uint8_t)~ISCSI_F_FINAL;
		iscsi_pdu_encode(&cmd, bytes);
		out.itt = cmd.itt;
		out.data_len = 4096;
		out.data_out.ttt = ISCSI_NO_TAG;
		iscsi_pdu_encode(&out, bytes + ISCSI_BHS_LEN);
		memcpy(bytes + 2 * ISCSI_BHS_LEN, data, 4096);
		peer_raw(&q, bytes, n);
		peer_close(&q);
	}
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	rig_session_done(&rig, &p);
}

/* A peer that does not read a long answer, and goes. */
static void test_does_not_read(void)
{
	struct iscsi_pdu cmd;
	struct peer p, q;

	start(&p, "");
	CU_ASSERT_EQUAL(peer_login(&q, &rig, "iqn.2001-04.com.example:slow", RIG_TARGET, ""), 0);
	peer_ready(&q, LUN_DISK);
	for (unsigned i = 0; i < 8; i++) {
		cmd = peer_read10(&q, LUN_DISK, 0, 8192, 512);
		peer_send(&q, &cmd, NULL, 0);
	}
	/* Others are served meanwhile. */
	for (unsigned i = 0; i < 20; i++) {
		struct read_result r = read_blocks(&p, LUN_DISK, i, 512, 512);

		CU_ASSERT_EQUAL(r.status, 0);
	}
	peer_close(&q);
	rig_session_done(&rig, &p);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "immediate data, alone and with R2T for the rest", test_immediate },
		{ "solicited data in bursts of MaxBurstLength", test_solicited },
		{ "unsolicited Data-Out up to FirstBurstLength", test_unsolicited },
		{ "Data-In in PDUs and sequences as negotiated, status in the last",
		  test_data_in_split },
		{ "a long read with small PDUs", test_long_read },
		{ "header and data digests both ways", test_digests },
		{ "a bad data digest is B/47/05, nothing is written", test_bad_digest },
		{ "a broken Data-Out sequence is B/47/05 or B/0C/0D, nothing is written",
		  test_sequence_errors },
		{ "unsolicited data is FirstBurstLength of a longer command", test_first_burst },
		{ "Data-Out that nobody asked for", test_not_asked_for },
		{ "unexpected unsolicited data is B/0C/0C", test_unexpected },
		{ "a peer that leaves in a write leaves nothing behind", test_leaves },
		{ "a peer that does not read holds up nobody", test_does_not_read },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_data", tests);
}
