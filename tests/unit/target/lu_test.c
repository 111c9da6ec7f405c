/* SPDX-License-Identifier: Apache-2.0 */
/* lu.c, lu_spc.c, lu_sbc.c and target.c through their one door, the task. */
#include "core.h"

#include <errno.h>
#include <string.h>

#include "mode.h"

static void unit_attention_once_each(void)
{
	struct core c;
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY), inq = cdb_of(CMD_INQUIRY);
	struct scsi_cdb rs = cdb_of(CMD_REQUEST_SENSE);
	struct sense s;
	struct nexus n = { .initiator = "late" };

	core_init(&c, NULL, 0);
	target_nexus_remove(c.target, &c.nexus[1]);
	c.nexus[1] = n;
	CU_ASSERT_EQUAL(target_nexus_add(c.target, &c.nexus[1]), 0);
	inq.len = 36;
	CHECK_GOOD(core_cmd(&c, 1, LUN_A, &inq, NULL, 0)); /* does not take it */
	CHECK_KCQ(core_cmd(&c, 1, LUN_A, &tur, NULL, 0), 0x62900);
	CHECK_GOOD(core_cmd(&c, 1, LUN_A, &tur, NULL, 0));
	/* REQUEST SENSE gives it as data and takes it. */
	rs.len = 252;
	CHECK_GOOD(core_cmd(&c, 1, LUN_B, &rs, NULL, 0));
	CU_ASSERT_TRUE(sense_decode(core_cmd(&c, 1, LUN_B, &rs, NULL, 0)->in, 18, &s));
	CU_ASSERT_EQUAL(s.key, 0);
	CHECK_GOOD(core_cmd(&c, 1, LUN_B, &tur, NULL, 0));
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &tur, NULL, 0)); /* nobody else's */
	core_done(&c);
}

static void missing_lun(void)
{
	struct core c;
	struct scsi_cdb cdb = cdb_of(CMD_TEST_UNIT_READY);
	const struct reply *r;

	core_init(&c, NULL, 0);
	CHECK_KCQ(core_cmd(&c, 0, 9, &cdb, NULL, 0), 0x52500);
	cdb = cdb_of(CMD_INQUIRY);
	cdb.len = 96;
	r = core_cmd(&c, 0, 9, &cdb, NULL, 0);
	CHECK_GOOD(r);
	CU_ASSERT_EQUAL(r->in[0], 0x7f);
	cdb.evpd = true;
	CHECK_KCQ(core_cmd(&c, 0, 9, &cdb, NULL, 0), 0x52400);
	cdb = cdb_of(CMD_REPORT_LUNS);
	cdb.len = 64;
	r = core_cmd(&c, 0, 9, &cdb, NULL, 0);
	CHECK_GOOD(r);
	CU_ASSERT_EQUAL(get_be32(r->in), CORE_LUNS * 8);
	cdb = cdb_of(CMD_REQUEST_SENSE);
	cdb.len = 18;
	r = core_cmd(&c, 0, 9, &cdb, NULL, 0);
	CHECK_GOOD(r);
	CU_ASSERT_EQUAL(r->in[2], 5);
	CU_ASSERT_EQUAL(r->in[12], 0x25);
	core_done(&c);
}

static void unknown_commands(void)
{
	static const uint8_t vendor[6] = { 0xc1 }, odd_sa[16] = { 0x83, 0x1f };
	struct lu_tpc_config off = lu_tpc_defaults;
	struct core c;

	core_init(&c, NULL, 0);
	CHECK_KCQ(core_raw(&c, 0, LUN_A, vendor, 6, NULL, 0), 0x52000);
	CHECK_KCQ(core_raw(&c, 0, LUN_A, odd_sa, 16, NULL, 0), 0x52400);
	core_done(&c);
	/* decisions.md 16: switched off, the opcodes are not there and 8Fh neither */
	off.enabled = false;
	core_init(&c, &off, 0);
	CHECK_KCQ(core_raw(&c, 0, LUN_A, odd_sa, 16, NULL, 0), 0x52000);
	{
		static const uint8_t inq[6] = { 0x12, 1, 0x8f, 0, 255, 0 };
		static const uint8_t std[6] = { 0x12, 0, 0, 0, 96, 0 };

		CHECK_KCQ(core_raw(&c, 0, LUN_A, inq, 6, NULL, 0), 0x52400);
		CU_ASSERT_EQUAL(core_raw(&c, 0, LUN_A, std, 6, NULL, 0)->in[5] & 0x08, 0);
	}
	core_done(&c);
}

static void read_write_sizes(void)
{
	static const enum scsi_cmd wr[] = { CMD_WRITE_6, CMD_WRITE_10, CMD_WRITE_12, CMD_WRITE_16 };
	static const enum scsi_cmd rd[] = { CMD_READ_6, CMD_READ_10, CMD_READ_12, CMD_READ_16 };
	uint8_t data[8 * 512];
	struct core c;

	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < 4; i++) {
		struct scsi_cdb w = cdb_of(wr[i]), r = cdb_of(rd[i]);
		const struct reply *got;

		for (unsigned j = 0; j < sizeof(data); j++)
			data[j] = (uint8_t)(j * 7 + i);
		w.lba = r.lba = 100 + 16 * i;
		w.blocks = r.blocks = 8;
		w.fua = i > 0;
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &w, data, sizeof(data)));
		got = core_cmd(&c, 1, LUN_A, &r, NULL, 0);
		CHECK_GOOD(got);
		CHECK_BYTES(got->in, got->in_len, data, sizeof(data));
	}
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 108, 8, 0)); /* nothing between them */
	core_done(&c);
}

static void capacity_edges(void)
{
	const uint64_t cap = CORE_LU_SIZE / 512;
	static const enum scsi_cmd cmds[] = { CMD_READ_16, CMD_WRITE_16, CMD_VERIFY_16 };
	uint8_t data[2 * 512] = { 0 };
	struct core c;

	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct scsi_cdb cdb = cdb_of(cmds[i]);
		const struct reply *r;

		cdb.lba = cap - 1;
		cdb.blocks = 1;
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &cdb, data, 512));
		cdb.blocks = 2;
		r = core_cmd(&c, 0, LUN_A, &cdb, data, 1024);
		CHECK_KCQ(r, 0x52100);
		CU_ASSERT_EQUAL(r->sense.info, cap);
		cdb.lba = UINT64_MAX;
		cdb.blocks = 1;
		CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, data, 512), 0x52100);
		cdb.lba = cap;
		cdb.blocks = 0;
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0));
		cdb.lba = cap + 1;
		CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0), 0x52100);
	}
	core_done(&c);
}

static void protection_and_read_only(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_WRITE_10);
	uint8_t data[512] = { 0 };
	struct core c;

	core_init(&c, NULL, 0);
	cdb.blocks = 1;
	CHECK_KCQ(core_cmd(&c, 0, LUN_RO, &cdb, data, 512), 0x72700);
	cdb.protect = 1;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, data, 512), 0x52400);
	core_done(&c);
}

static void software_write_protect(void)
{
	/* Control page with SWP=1 by MODE SELECT(6), and the others hear of it. */
	uint8_t pl[4 + 12] = { 0, 0, 0, 0, 0x0a, 0x0a };
	struct scsi_cdb sel = cdb_of(CMD_MODE_SELECT_6), sense = cdb_of(CMD_MODE_SENSE_6);
	struct scsi_cdb wr = cdb_of(CMD_WRITE_10), tur = cdb_of(CMD_TEST_UNIT_READY);
	uint8_t block[512] = { 0 };
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	sense.page = 0x0a;
	sense.dbd = true;
	sense.len = 192;
	r = core_cmd(&c, 0, LUN_A, &sense, NULL, 0);
	CHECK_GOOD(r);
	CU_ASSERT_EQUAL_FATAL(r->in_len, sizeof(pl));
	memcpy(pl + 4, r->in + 4, 12);
	pl[4] &= 0x3f;
	pl[4 + 4] |= 0x08; /* SWP */
	sel.pf = true;
	sel.len = sizeof(pl);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &sel, pl, sizeof(pl)));
	CHECK_KCQ(core_cmd(&c, 1, LUN_A, &tur, NULL, 0), 0x62a01);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &tur, NULL, 0));
	wr.blocks = 1;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &wr, block, 512), 0x72700);
	CHECK_GOOD(core_cmd(&c, 0, LUN_B, &wr, block, 512));
	core_done(&c);
}

/* WCE=0: WRITE and WRITE USING TOKEN alike are stable before GOOD. */
static void write_cache_off(void)
{
	const struct tpc_range from = { 0, 8 }, to = { 64, 8 };
	struct scsi_cdb sel = cdb_of(CMD_MODE_SELECT_6), sense = cdb_of(CMD_MODE_SENSE_6);
	uint8_t pl[4 + 20] = { 0 }, token[ROD_TOKEN_LEN];
	const struct bs_stats *st;
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	st = bs_stats(lu_backstore(target_lu(c.target, LUN_B)));
	core_token(&c, LUN_A, &from, 1, token);
	core_write(&c, LUN_B, 0, 1, 1);
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, token, 0, false, &to, 1));
	CU_ASSERT_EQUAL(st->fua, 0);
	sense.page = 0x08;
	sense.dbd = true;
	sense.len = 192;
	r = core_cmd(&c, 0, LUN_B, &sense, NULL, 0);
	CHECK_GOOD(r);
	CU_ASSERT_EQUAL_FATAL(r->in_len, sizeof(pl));
	memcpy(pl + 4, r->in + 4, 20);
	pl[4] &= 0x3f;
	CU_ASSERT_TRUE(pl[4 + 2] & 0x04);
	pl[4 + 2] &= (uint8_t)~0x04;
	sel.pf = true;
	sel.len = sizeof(pl);
	CHECK_GOOD(core_cmd(&c, 0, LUN_B, &sel, pl, sizeof(pl)));
	core_write(&c, LUN_B, 0, 1, 1);
	CU_ASSERT_EQUAL(st->fua, 1);
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, token, 0, false, &to, 1));
	CU_ASSERT_EQUAL(st->fua, 2);
	core_done(&c);
}

static void verify_compares(void)
{
	struct scsi_cdb v = cdb_of(CMD_VERIFY_10);
	uint8_t data[4 * 512];
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 10, 4, 0x5a);
	memset(data, 0x5a, sizeof(data));
	v.lba = 10;
	v.blocks = 4;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &v, NULL, 0));
	v.bytchk = 1;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &v, data, sizeof(data)));
	data[1000] ^= 1;
	r = core_cmd(&c, 0, LUN_A, &v, data, sizeof(data));
	CHECK_KCQ(r, 0xe1d00);
	CU_ASSERT_EQUAL(r->sense.info, 1000);
	v.bytchk = 3;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &v, data, 512));
	data[511] ^= 1;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &v, data, 512), 0xe1d00);
	v.bytchk = 2;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &v, data, 512), 0x52400);
	/* A whole LUN, much more than one buffer. */
	v.bytchk = 0;
	v.lba = 0;
	v.blocks = CORE_LU_SIZE / 512;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &v, NULL, 0));
	core_done(&c);
}

static void start_stop(void)
{
	struct scsi_cdb ss = cdb_of(CMD_START_STOP_UNIT), tur = cdb_of(CMD_TEST_UNIT_READY);
	struct scsi_cdb inq = cdb_of(CMD_INQUIRY);
	struct core c;

	core_init(&c, NULL, 0);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &ss, NULL, 0));
	CHECK_KCQ(core_cmd(&c, 1, LUN_A, &tur, NULL, 0), 0x20402);
	inq.len = 36;
	CHECK_GOOD(core_cmd(&c, 1, LUN_A, &inq, NULL, 0));
	ss.start = true;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &ss, NULL, 0));
	CHECK_GOOD(core_cmd(&c, 1, LUN_A, &tur, NULL, 0));
	ss.loej = true;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &ss, NULL, 0), 0x52400);
	core_done(&c);
}

static void sync_cache(void)
{
	struct scsi_cdb sc = cdb_of(CMD_SYNCHRONIZE_CACHE_16);
	struct core c;

	core_init(&c, NULL, 0);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &sc, NULL, 0));
	sc.lba = CORE_LU_SIZE / 512;
	sc.blocks = 1;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &sc, NULL, 0), 0x52100);
	core_done(&c);
}

static void errno_to_sense(void)
{
	static const struct {
		int err;
		enum data_dir dir;
		unsigned want;
	} rows[] = {
		{ 0, DATA_READ, 0x00000 },	  { -EIO, DATA_READ, 0x31100 },
		{ -EIO, DATA_WRITE, 0x30c00 },	  { -ENOSPC, DATA_WRITE, 0x72707 },
		{ -ENODATA, DATA_READ, 0x31100 }, { -ENOMEM, DATA_READ, 0xb5503 },
		{ -EINVAL, DATA_READ, 0x44400 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sense s = sense_from_errno(rows[i].err, rows[i].dir);

		CU_ASSERT_EQUAL((unsigned)s.key << 16 | sense_asc_ascq(s), rows[i].want);
	}
}

struct reset {
	struct target_reset r;
	struct core *c;
	bool done;
};

static void reset_over(struct target_reset *r)
{
	struct reset *x = (struct reset *)r;

	x->done = true;
	ring_stop(x->c->env.ring);
}

static void lun_reset(void)
{
	static struct core_async slow;
	struct scsi_cdb rd = cdb_of(CMD_READ_10), tur = cdb_of(CMD_TEST_UNIT_READY);
	struct core c;
	struct reset x = { .c = &c };

	core_init(&c, NULL, 0);
	rd.blocks = 1;
	CU_ASSERT_TRUE(core_start(&c, &slow, 1, LUN_SLOW, &rd, NULL, 0));
	x.r = (struct target_reset) { .nexus = &c.nexus[0],
				      .lun = scsi_lun_encode(LUN_SLOW),
				      .done = reset_over };
	CU_ASSERT_TRUE(target_reset(c.target, &x.r));
	core_finish(&slow);
	CU_ASSERT_TRUE(slow.task.aborted);
	CU_ASSERT_EQUAL(slow.task.status, SAM_TASK_ABORTED);
	core_run_until(&c, &x.done); /* only after the task had ended */
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0), 0x62903);
	CHECK_KCQ(core_cmd(&c, 1, LUN_SLOW, &tur, NULL, 0), 0x62903);
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0));
	CHECK_GOOD(core_cmd(&c, 1, LUN_A, &tur, NULL, 0));
	x.done = false;
	x.r.lun = scsi_lun_encode(77);
	CU_ASSERT_FALSE(target_reset(c.target, &x.r));
	x.r.all = true;
	CU_ASSERT_TRUE(target_reset(c.target, &x.r));
	core_run_until(&c, &x.done);
	CHECK_KCQ(core_cmd(&c, 1, LUN_A, &tur, NULL, 0), 0x62903);
	core_done(&c);
}

/* SAM-5 7.5: everybody's commands end, who else had some is told, nothing else changes. */
static void clear_task_set(void)
{
	static struct core_async mine, other;
	struct scsi_cdb rd = cdb_of(CMD_READ_10), tur = cdb_of(CMD_TEST_UNIT_READY);
	struct core c;
	struct reset x = { .c = &c };

	core_init(&c, NULL, 0);
	rd.blocks = 1;
	for (unsigned round = 0; round < 2; round++) {
		CU_ASSERT_TRUE(core_start(&c, &mine, 0, LUN_SLOW, &rd, NULL, 0));
		if (round == 0)
			CU_ASSERT_TRUE(core_start(&c, &other, 1, LUN_SLOW, &rd, NULL, 0));
		x.done = false;
		x.r = (struct target_reset) { .nexus = &c.nexus[0],
					      .what = TARGET_CLEAR_TASK_SET,
					      .lun = scsi_lun_encode(LUN_SLOW),
					      .done = reset_over };
		CU_ASSERT_TRUE(target_reset(c.target, &x.r));
		core_finish(&mine);
		CU_ASSERT_EQUAL(mine.task.status, SAM_TASK_ABORTED);
		if (round == 0) {
			core_finish(&other);
			CU_ASSERT_EQUAL(other.task.status, SAM_TASK_ABORTED);
		}
		core_run_until(&c, &x.done);
		CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0));
		if (round == 0)
			CHECK_KCQ(core_cmd(&c, 1, LUN_SLOW, &tur, NULL, 0), 0x62f00);
		/* In the second round it had none. */
		CHECK_GOOD(core_cmd(&c, 1, LUN_SLOW, &tur, NULL, 0));
	}
	x.r.lun = scsi_lun_encode(77);
	CU_ASSERT_FALSE(target_reset(c.target, &x.r));
	core_done(&c);
}

static void supported_functions(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_REPORT_SUPPORTED_TMFS);
	static const uint8_t want[16] = { 0xda, 0, 0, 0 }, full[16] = { 0xda, 0, 0, 12 };
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	cdb.len = 255;
	r = core_cmd(&c, 0, LUN_A, &cdb, NULL, 0);
	CHECK_BYTES(r->in, r->in_len, want, 4);
	cdb.repd = true;
	r = core_cmd(&c, 0, LUN_A, &cdb, NULL, 0);
	CHECK_BYTES(r->in, r->in_len, full, 16);
	cdb.len = 4;
	CU_ASSERT_EQUAL(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0)->in_len, 4);
	cdb.len = 3;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0), 0x52400);
	core_done(&c);
}

static void port_groups(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_REPORT_TARGET_PORT_GROUPS);
	static const uint8_t want[] = { 0, 0, 0, 24, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0,
					0, 1, 0, 1,  0, 9, 0, 0, 0, 1, 0, 0, 0, 9 };
	const struct reply *r;
	const uint16_t *tags;
	struct core c;

	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(target_add_port_group(c.target, 9), 0);
	CU_ASSERT_EQUAL(target_add_port_group(c.target, 1), 0);
	cdb.len = 1024;
	r = core_cmd(&c, 0, LUN_A, &cdb, NULL, 0);
	CHECK_BYTES(r->in, r->in_len, want, sizeof(want));
	cdb.len = 6;
	CU_ASSERT_EQUAL(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0)->in_len, 6);
	cdb.report_format = 2;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0), 0x52400);
	/* As many as there are portals. */
	for (uint16_t tag = 100; tag < 114; tag++)
		CU_ASSERT_EQUAL(target_add_port_group(c.target, tag), 0);
	CU_ASSERT_EQUAL(target_add_port_group(c.target, 2), -ENOSPC);
	CU_ASSERT_EQUAL(target_add_port_group(c.target, 113), 0);
	CU_ASSERT_EQUAL(target_port_groups(c.target, &tags), TARGET_MAX_PORT_GROUPS);
	CU_ASSERT_EQUAL(tags[15], 113);
	core_done(&c);
}

static void stable_identity(void)
{
	static const uint8_t vpd80[6] = { 0x12, 1, 0x80, 0, 255, 0 };
	static const uint8_t vpd83[6] = { 0x12, 1, 0x83, 0, 255, 0 };
	uint8_t first[2][2][256];

	for (unsigned run = 0; run < 2; run++) {
		struct core c;

		core_init(&c, NULL, 0);
		for (unsigned lun = 0; lun < 2; lun++)
			memcpy(first[run][lun], core_raw(&c, 0, lun, vpd80, 6, NULL, 0)->in, 256);
		core_done(&c);
	}
	CU_ASSERT_EQUAL(memcmp(first[0], first[1], sizeof(first[0])), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(first[0][0], first[0][1], 24), 0);
	{
		struct vpd_designator d;
		const struct reply *r;
		bool naa = false;
		size_t pos = 4;
		struct core c;

		core_init(&c, NULL, 0);
		r = core_raw(&c, 0, LUN_A, vpd83, 6, NULL, 0);
		while (vpd_83_next(r->in, r->in_len, &pos, &d))
			naa |= d.type == 3 && d.association == 0 && d.id[0] >> 4 == 3;
		CU_ASSERT_TRUE(naa);
		core_done(&c);
	}
}

static void contradictions(void)
{
	struct lu_tpc_config c = lu_tpc_defaults;
	char err[256];

	CU_ASSERT_TRUE(lu_tpc_check(&c, 512, err, sizeof(err)));
	c.optimal_bytes = c.max_token_bytes + 512;
	CU_ASSERT_FALSE(lu_tpc_check(&c, 512, err, sizeof(err)));
	c = lu_tpc_defaults;
	c.max_token_bytes = 512 * 7;
	c.optimal_bytes = 512;
	CU_ASSERT_TRUE(lu_tpc_check(&c, 512, err, sizeof(err)));
	CU_ASSERT_FALSE(lu_tpc_check(&c, 4096, err, sizeof(err)));
	c = lu_tpc_defaults;
	c.max_token_bytes = LU_TPC_MAX_BLOCKS * 512;
	CU_ASSERT_TRUE(lu_tpc_check(&c, 512, err, sizeof(err)));
	c.max_token_bytes += 512;
	CU_ASSERT_FALSE(lu_tpc_check(&c, 512, err, sizeof(err)));
	c = lu_tpc_defaults;
	c.default_timeout_s = c.max_timeout_s;
	CU_ASSERT_TRUE(lu_tpc_check(&c, 512, err, sizeof(err)));
	c.default_timeout_s = c.max_timeout_s + 1;
	CU_ASSERT_FALSE(lu_tpc_check(&c, 512, err, sizeof(err)));
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "default-timeout is above max-timeout"));
	c = lu_tpc_defaults;
	c.max_ranges = TPC_MAX_RANGES;
	CU_ASSERT_TRUE(lu_tpc_check(&c, 512, err, sizeof(err)));
	c.max_ranges++;
	CU_ASSERT_FALSE(lu_tpc_check(&c, 512, err, sizeof(err)));
	c.max_ranges = 0;
	CU_ASSERT_FALSE(lu_tpc_check(&c, 512, err, sizeof(err)));
}

/* Sizes in MiB. */
static const char *size_check(uint64_t max_token, uint64_t optimal, uint64_t covers)
{
	struct lu_tpc_config c = lu_tpc_defaults;
	static char err[256];

	c.max_token_bytes = max_token << 20;
	c.optimal_bytes = optimal << 20;
	c.covers_bytes = covers << 20;
	return lu_tpc_check(&c, 512, err, sizeof(err)) ? NULL : err;
}

static void sizes_of_nothing(void)
{
	CU_ASSERT_PTR_NULL(size_check(0, 0, 0));
	CU_ASSERT_PTR_NULL(size_check(0, 1 << 20, 0));
	CU_ASSERT_PTR_NULL(size_check(128, 0, 0));
	CU_ASSERT_PTR_NULL(size_check(128, 128, 128));
	CU_ASSERT_PTR_NOT_NULL(strstr(size_check(128, 129, 0), "optimal is above max-token"));
	CU_ASSERT_PTR_NOT_NULL(strstr(size_check(128, 0, 129), "token-covers is above"));
	CU_ASSERT_PTR_NULL(size_check(0, 128, 128));
	CU_ASSERT_PTR_NOT_NULL(strstr(size_check(0, 129, 128), "optimal is above token-covers"));
}

static void unsound(void)
{
	struct lu_tpc_config c = lu_tpc_defaults;

	CU_ASSERT_PTR_NULL(lu_tpc_unsound(&c));
	c.deadline_ms = 3999;
	c.default_timeout_s = 10;
	CU_ASSERT_PTR_NULL(lu_tpc_unsound(&c));
	c.deadline_ms++;
	CU_ASSERT_PTR_NOT_NULL(strstr(lu_tpc_unsound(&c), "deadline"));
	c.deadline_ms--;
	c.default_timeout_s--;
	CU_ASSERT_PTR_NOT_NULL(strstr(lu_tpc_unsound(&c), "default-timeout"));
	c.enabled = false;
	CU_ASSERT_PTR_NULL(lu_tpc_unsound(&c));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a new nexus is told 6/29/00 once for each LUN", unit_attention_once_each },
		{ "a LUN that does not exist is 5/25/00, but answers INQUIRY and REPORT LUNS",
		  missing_lun },
		{ "an unknown opcode is 5/20/00, an unknown service action 5/24/00",
		  unknown_commands },
		{ "READ and WRITE 6, 10, 12 and 16 move the same blocks", read_write_sizes },
		{ "past the capacity is 5/21/00 with the first invalid LBA", capacity_edges },
		{ "protection bits are 5/24/00, a read-only LUN is 7/27/00",
		  protection_and_read_only },
		{ "SWP set by MODE SELECT protects and tells the others 6/2A/01",
		  software_write_protect },
		{ "without a write cache WRITE and WRITE USING TOKEN go to the medium",
		  write_cache_off },
		{ "VERIFY reads, compares all, compares one block with all", verify_compares },
		{ "a stopped unit is 2/04/02 until it is started", start_stop },
		{ "SYNCHRONIZE CACHE flushes, and judges its range", sync_cache },
		{ "an errno becomes the sense of its direction", errno_to_sense },
		{ "LUN RESET ends tasks first and tells everybody 6/29/03", lun_reset },
		{ "REPORT TARGET PORT GROUPS", port_groups },
		{ "the task management functions reported", supported_functions },
		{ "CLEAR TASK SET ends everybody's tasks, others that had some hear 6/2F/00",
		  clear_task_set },
		{ "serial number and NAA are the same after a restart", stable_identity },
		{ "limits that contradict each other are refused", contradictions },
		{ "sizes of 0 are no limits; what contradicts is refused, with the reason",
		  sizes_of_nothing },
		{ "limits that Windows cannot live with are told", unsound },
		TEST_END,
	};

	return test_main(argc, argv, "lu", tests);
}
