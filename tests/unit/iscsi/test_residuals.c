/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the initiator expects to move against what the command moves (RFC 7143
 * 11.4.5): residuals both ways, directions, parameter data cut short.
 */
#include "rig.h"

#include <string.h>

#define BLOCKS 8

static struct rig rig;
static uint8_t data[64 << 10], got[64 << 10];

/* A session, and the first blocks of LUN_DISK holding data[]. */
static void start(struct peer *p)
{
	struct iscsi_pdu cmd;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i ^ i >> 8);
	rig_session(&rig, p, "");
	cmd = peer_write10(p, LUN_DISK, 0, BLOCKS, 512);
	peer_send(p, &cmd, data, (size_t)BLOCKS * 512);
	CU_ASSERT_EQUAL(peer_recv(p)->pdu.rsp.status, 0);
}

static void check_back(struct peer *p, uint32_t lba, uint16_t blocks, const uint8_t *want)
{
	struct iscsi_pdu cmd = peer_read10(p, LUN_DISK, lba, blocks, 512);
	struct read_result r;

	peer_send(p, &cmd, NULL, 0);
	r = peer_read_all(p, &cmd, got, sizeof(got));
	CU_ASSERT_EQUAL(r.status, 0);
	CHECK_BYTES(got, r.len, want, (size_t)blocks * 512);
}

/* EDTL against what the CDB moves; RFC 7143 11.4.5. */
static void test_residuals(void)
{
	static const struct {
		uint32_t blocks, edtl;
		size_t len;
		uint8_t flag;
		uint32_t residual;
	} rows[] = {
		{ 2, 1024, 1024, 0, 0 },
		{ 2, 1000, 1000, ISCSI_RSP_OVERFLOW, 24 },
		{ 2, 512, 512, ISCSI_RSP_OVERFLOW, 512 },
		{ 2, 2000, 1024, ISCSI_RSP_UNDERFLOW, 976 },
		{ 2, 0, 0, ISCSI_RSP_OVERFLOW, 1024 },
		{ 0, 100, 0, ISCSI_RSP_UNDERFLOW, 100 },
		{ 0, 0, 0, 0, 0 },
	};
	struct read_result r;
	struct peer p;

	start(&p);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct iscsi_pdu cmd = peer_read10(&p, LUN_DISK, 0, (uint16_t)rows[i].blocks, 512);

		cmd.cmd.edtl = rows[i].edtl;
		peer_send(&p, &cmd, NULL, 0);
		r = peer_read_all(&p, &cmd, got, sizeof(got));
		CU_ASSERT_EQUAL(r.status, 0);
		CU_ASSERT_EQUAL(r.flags & (ISCSI_RSP_OVERFLOW | ISCSI_RSP_UNDERFLOW), rows[i].flag);
		CU_ASSERT_EQUAL(r.residual, rows[i].residual);
		CHECK_BYTES(got, r.len, data, rows[i].len);
	}
	rig_session_done(&rig, &p);
}

static void test_write_residuals(void)
{
	static const struct {
		uint32_t blocks, edtl;
		unsigned sense;
		uint8_t flag;
		uint32_t residual;
	} rows[] = {
		{ 2, 512, 0, ISCSI_RSP_OVERFLOW, 512 },	   { 2, 0, 0, ISCSI_RSP_OVERFLOW, 1024 },
		{ 1, 2048, 0, ISCSI_RSP_UNDERFLOW, 1536 }, { 1, 200, 0, ISCSI_RSP_OVERFLOW, 312 },
		{ 2, 700, 0, ISCSI_RSP_OVERFLOW, 324 },
	};
	struct peer p;

	start(&p);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct iscsi_pdu cmd = peer_write10(&p, LUN_DISK, 0, (uint16_t)rows[i].blocks, 512);
		const struct answer *a;

		cmd.cmd.edtl = rows[i].edtl;
		peer_send(&p, &cmd, data, rows[i].edtl);
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_SCSI_RSP);
		CU_ASSERT_EQUAL(a->pdu.rsp.status, rows[i].sense ? 2 : 0);
		if (rows[i].sense)
			CU_ASSERT_EQUAL(answer_sense(a), rows[i].sense);
		CU_ASSERT_EQUAL(a->pdu.flags, ISCSI_F_FINAL | rows[i].flag);
		CU_ASSERT_EQUAL(a->pdu.rsp.residual, rows[i].residual);
	}
	/* A block that was not announced, or only in part, was not written. */
	check_back(&p, 0, 2, data);
	rig_session_done(&rig, &p);
}

/* WRITE SAME's one block is all there is: less or more of it is refused. */
static void test_exact(void)
{
	static const struct {
		uint32_t edtl;
		unsigned sense;
	} rows[] = { { 512, 0 }, { 256, 0x50e03 }, { 1024, 0x50e03 }, { 0, 0x50e03 } };
	struct iscsi_pdu caw;
	struct peer p;

	start(&p);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct iscsi_pdu cmd = peer_write10(&p, LUN_DISK, 4, 1, 512);
		const struct answer *a;

		cmd.cmd.cdb[0] = 0x41;
		cmd.cmd.edtl = rows[i].edtl;
		peer_send(&p, &cmd, data, rows[i].edtl);
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.rsp.status, rows[i].sense ? 2 : 0);
		if (rows[i].sense)
			CU_ASSERT_EQUAL(answer_sense(a), rows[i].sense);
	}
	check_back(&p, 4, 1, data);
	/* COMPARE AND WRITE of no blocks, with data. */
	caw = peer_request(&p, ISCSI_SCSI_CMD, false);
	caw.flags = ISCSI_F_FINAL | ISCSI_CMD_WRITE;
	caw.cmd.edtl = 512;
	memset(caw.cmd.cdb, 0, sizeof(caw.cmd.cdb));
	caw.cmd.cdb[0] = 0x89;
	peer_send(&p, &caw, data, 512);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0x52400);
	rig_session_done(&rig, &p);
}

static const struct rw_form {
	uint8_t read, write;
	uint8_t lba_at, len_at, len_bytes;
} rw_forms[] = {
	{ 0x08, 0x0a, 2, 4, 1 },
	{ 0x28, 0x2a, 4, 7, 2 },
	{ 0xa8, 0xaa, 4, 6, 4 },
	{ 0x88, 0x8a, 8, 10, 4 },
};

static void rw_cdb(struct iscsi_pdu *pdu, const struct rw_form *f, bool write, unsigned blocks)
{
	uint8_t *cdb = pdu->cmd.cdb;

	memset(cdb, 0, sizeof(pdu->cmd.cdb));
	cdb[0] = write ? f->write : f->read;
	cdb[f->lba_at + 1] = 8;
	cdb[f->len_at + f->len_bytes - 1] = (uint8_t)blocks;
}

/* READ and WRITE of every length of CDB, with too much and too little expected. */
static void test_residuals_of_all_forms(void)
{
	static const uint32_t edtl[] = { 512, 1024, 1536 };
	struct peer p;

	start(&p);
	for (unsigned i = 0; i < sizeof(rw_forms) / sizeof(rw_forms[0]) * 6; i++) {
		bool write = i % 2;
		uint32_t want = edtl[i / 2 % 3];
		struct iscsi_pdu cmd = write ? peer_write10(&p, LUN_DISK, 0, 0, 512)
					     : peer_read10(&p, LUN_DISK, 0, 0, 512);
		uint8_t flag = want == 1024  ? 0
			       : want < 1024 ? ISCSI_RSP_OVERFLOW
					     : ISCSI_RSP_UNDERFLOW;
		uint32_t moves = want < 1024 ? want : 1024;

		rw_cdb(&cmd, &rw_forms[i / 6], write, 2);
		cmd.cmd.edtl = want;
		if (write) {
			const struct answer *a;

			peer_send(&p, &cmd, data, want);
			a = peer_recv(&p);
			CU_ASSERT_EQUAL(a->pdu.rsp.status, 0);
			CU_ASSERT_EQUAL(a->pdu.flags, ISCSI_F_FINAL | flag);
			CU_ASSERT_EQUAL(a->pdu.rsp.residual, flag ? 512 : 0);
		} else {
			struct read_result r;

			peer_send(&p, &cmd, NULL, 0);
			r = peer_read_all(&p, &cmd, got, sizeof(got));
			CU_ASSERT_EQUAL(r.status, 0);
			CU_ASSERT_EQUAL(r.len, moves);
			CU_ASSERT_EQUAL(r.flags & (ISCSI_RSP_OVERFLOW | ISCSI_RSP_UNDERFLOW), flag);
			CU_ASSERT_EQUAL(r.residual, flag ? 512 : 0);
		}
	}
	rig_session_done(&rig, &p);
}

/* A command that moves nothing, announced as if it did: all of it is residual. */
static void test_residuals_without_data(void)
{
	static const uint8_t flags[] = { ISCSI_CMD_READ, ISCSI_CMD_WRITE };
	struct peer p;

	start(&p);
	for (unsigned i = 0; i < 2; i++) {
		struct iscsi_pdu cmd = peer_request(&p, ISCSI_SCSI_CMD, false);
		const struct answer *a;

		cmd.flags |= flags[i];
		cmd.cmd.edtl = 4096;
		peer_send(&p, &cmd, data, i ? 4096 : 0);
		a = peer_recv(&p);
		CU_ASSERT_EQUAL(a->pdu.opcode, ISCSI_SCSI_RSP);
		CU_ASSERT_EQUAL(a->pdu.rsp.status, 0);
		CU_ASSERT_EQUAL(a->pdu.flags, ISCSI_F_FINAL | ISCSI_RSP_UNDERFLOW);
		CU_ASSERT_EQUAL(a->pdu.rsp.residual, 4096);
	}
	rig_session_done(&rig, &p);
}

static void test_directions(void)
{
	struct iscsi_pdu cmd;
	struct read_result r;
	struct peer p;

	start(&p);
	/* Both directions at once. */
	cmd = peer_read10(&p, LUN_DISK, 0, 1, 512);
	cmd.flags |= ISCSI_CMD_WRITE;
	peer_send(&p, &cmd, NULL, 0);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0x50e03);
	/* A write announced as a read is not done. */
	cmd = peer_write10(&p, LUN_DISK, 0, 1, 512);
	cmd.flags = ISCSI_F_FINAL | ISCSI_CMD_READ;
	peer_send(&p, &cmd, NULL, 0);
	CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)), 0x50e03);
	/* A read announced as a write sends nothing. */
	cmd = peer_read10(&p, LUN_DISK, 0, 1, 512);
	cmd.flags = ISCSI_F_FINAL | ISCSI_CMD_WRITE;
	peer_send(&p, &cmd, data, 512);
	r = peer_read_all(&p, &cmd, got, sizeof(got));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_EQUAL(r.len, 0);
	CU_ASSERT_EQUAL(r.flags, ISCSI_F_FINAL | ISCSI_RSP_OVERFLOW);
	rig_session_done(&rig, &p);
}

static void test_parameter_data(void)
{
	static const uint8_t inquiry[] = { 0x12, 0, 0, 0, 255, 0 };
	struct iscsi_pdu cmd;
	struct read_result r;
	struct peer p;

	start(&p);
	for (unsigned edtl = 0; edtl <= 255; edtl += 51) {
		cmd = peer_read10(&p, LUN_DISK, 0, 0, 0);
		memset(cmd.cmd.cdb, 0, sizeof(cmd.cmd.cdb));
		memcpy(cmd.cmd.cdb, inquiry, sizeof(inquiry));
		cmd.cmd.edtl = edtl;
		peer_send(&p, &cmd, NULL, 0);
		r = peer_read_all(&p, &cmd, got, sizeof(got));
		CU_ASSERT_EQUAL(r.status, 0);
		CU_ASSERT(r.len <= edtl);
		if (r.len < edtl)
			CU_ASSERT_EQUAL(r.residual, edtl - r.len);
	}
	CU_ASSERT(r.len >= 36);
	CU_ASSERT_EQUAL(got[2], 6);
	rig_session_done(&rig, &p);
}

/* A parameter list cut short by EDTL is short for the logical unit, too. */
static void test_parameter_list(void)
{
	static const uint32_t edtl[] = { 0, 10, 24 };
	struct iscsi_pdu cmd;
	struct peer p;

	start(&p);
	for (unsigned i = 0; i < 3; i++) {
		cmd = peer_write10(&p, LUN_DISK, 0, 0, 0);
		memset(cmd.cmd.cdb, 0, sizeof(cmd.cmd.cdb));
		cmd.cmd.cdb[0] = 0x15; /* MODE SELECT(6), 24 bytes */
		cmd.cmd.cdb[1] = 0x10;
		cmd.cmd.cdb[4] = 24;
		cmd.cmd.edtl = edtl[i];
		memset(data, 0xff, 24); /* nonsense */
		peer_send(&p, &cmd, data, edtl[i]);
		CU_ASSERT_EQUAL(answer_sense(peer_recv(&p)) >> 16, 5);
	}
	CU_ASSERT_EQUAL(peer_tur(&p, LUN_DISK), 0);
	rig_session_done(&rig, &p);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "residuals of reads", test_residuals },
		{ "residuals of writes", test_write_residuals },
		{ "one block for all is refused when there is less or more of it", test_exact },
		{ "residuals of READ and WRITE (6), (10), (12) and (16)",
		  test_residuals_of_all_forms },
		{ "residuals of a command without data", test_residuals_without_data },
		{ "directions that do not fit", test_directions },
		{ "data of INQUIRY is cut to what is expected", test_parameter_data },
		{ "a parameter list cut short is refused", test_parameter_list },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_residuals", tests);
}
