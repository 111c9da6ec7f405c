/* SPDX-License-Identifier: Apache-2.0 */
/* lu_tpc.c and copymgr.c: POPULATE TOKEN, WRITE USING TOKEN, RRTI as commands. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS_OF_LU (CORE_LU_SIZE / 512)

static void token_copies_between_luns(void)
{
	const struct tpc_range from[] = { { 100, 6 }, { 40, 10 } }, to[] = { { 200, 16 } };
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	struct core c;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 100, 6, 0x11);
	core_write(&c, LUN_A, 40, 10, 0x22);
	core_write(&c, LUN_B, 199, 18, 0xee);
	core_token(&c, LUN_A, from, 2, token);
	CU_ASSERT_EQUAL(get_be32(token), ROD_TYPE_PIT_CHANGE_VULNERABLE);
	CHECK_GOOD(core_wut(&c, 1, LUN_B, 5, token, 0, false, to, 1));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 199, 1, 0xee));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 200, 6, 0x11));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 206, 10, 0x22));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 216, 1, 0xee));
	CHECK_GOOD(core_rrti(&c, 1, LUN_B, 5, 1024, &res));
	CU_ASSERT_EQUAL(res.sa, 0x11);
	CU_ASSERT_EQUAL(res.status, TPC_DONE);
	CU_ASSERT_EQUAL(res.count, 16);
	CU_ASSERT_EQUAL(res.units, TPC_UNITS_BLOCKS);
	CU_ASSERT_PTR_NULL(res.token);
	core_done(&c);
}

static void longer_than_the_rod(void)
{
	const struct tpc_range from[] = { { 0, 192 } }, to[] = { { 1000, 192 } };
	uint8_t token[ROD_TOKEN_LEN];
	const struct reply *r;
	struct tpc_result res;
	struct core c;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 0, 120, 0x33);
	core_write(&c, LUN_A, 120, 72, 0x33);
	core_write(&c, LUN_B, 1000, 120, 0xee);
	core_token(&c, LUN_A, from, 1, token);
	r = core_wut(&c, 0, LUN_B, 6, token, 128, false, to, 1);
	CHECK_KCQ(r, 0xa0d04);
	CU_ASSERT_TRUE(r->sense.flags & SENSE_INFO);
	CU_ASSERT_EQUAL(r->sense.info, 64);
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 1000, 64, 0x33));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 1064, 56, 0xee));
	CHECK_GOOD(core_rrti(&c, 0, LUN_B, 6, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_PARTIAL);
	CU_ASSERT_EQUAL(res.count, 64);
	CU_ASSERT_EQUAL(res.completion, SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(res.sense.key, KEY_COPY_ABORTED);
	/* At the end, past it, and where the multiplication wraps. */
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 6, token, 192, false, to, 1), 0x52600);
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 6, token, 193, false, to, 1), 0x52600);
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 6, token, 1ull << 63, false, to, 1), 0x52600);
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 6, token, 1ull << 55, false, to, 1), 0x52600);
	core_done(&c);
}

/* wire-format 7.8: 6 + 61 blocks of 512 bytes onto blocks of 4096. */
static void unlike_block_sizes(void)
{
	const struct tpc_range from[] = { { 15, 6 }, { 40, 61 } };
	const struct tpc_range one[] = { { 0, 1 } }, nine[] = { { 10, 9 } }, ten[] = { { 30, 10 } };
	uint8_t token[ROD_TOKEN_LEN], back[ROD_TOKEN_LEN];
	struct scsi_cdb rd = cdb_of(CMD_READ_16);
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < 61; i++) {
		core_write(&c, LUN_A, 40 + i, 1, (uint8_t)(0x40 + i));
		if (i < 6)
			core_write(&c, LUN_A, 15 + i, 1, (uint8_t)(0x10 + i));
	}
	core_write(&c, LUN_4K, 0, 15, 0xee);
	core_write(&c, LUN_4K, 15, 15, 0xee);
	core_write(&c, LUN_4K, 30, 15, 0xee);
	core_token(&c, LUN_A, from, 2, token);
	CHECK_GOOD(core_wut(&c, 0, LUN_4K, 1, token, 1, false, one, 1));
	rd.blocks = 1;
	r = core_cmd(&c, 0, LUN_4K, &rd, NULL, 0);
	CU_ASSERT_EQUAL(r->in[0], 0x40 + 2); /* ROD block 8 is LBA 42 */
	CU_ASSERT_EQUAL(r->in[4095], 0x40 + 9);
	CHECK_GOOD(core_wut(&c, 0, LUN_4K, 1, token, 0, false, nine, 1));
	rd.lba = 10 + 8;
	r = core_cmd(&c, 0, LUN_4K, &rd, NULL, 0);
	CU_ASSERT_EQUAL(r->in[0], 0x40 + 58);
	CU_ASSERT_EQUAL(r->in[1535], 0x40 + 60);
	for (unsigned i = 1536; i < 4096; i++)
		CU_ASSERT_EQUAL_FATAL(r->in[i], 0);
	CU_ASSERT_TRUE(core_holds(&c, LUN_4K, 19, 1, 0xee));
	r = core_wut(&c, 0, LUN_4K, 1, token, 0, false, ten, 1);
	CHECK_KCQ(r, 0xa0d04);
	CU_ASSERT_EQUAL(r->sense.info, 9);
	CU_ASSERT_TRUE(core_holds(&c, LUN_4K, 39, 1, 0xee));
	/* And 4096 -> 512: each source block is eight. */
	core_token(&c, LUN_4K, one, 1, back);
	{
		const struct tpc_range to[] = { { 3000, 8 } };

		CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, back, 0, false, to, 1));
		rd.lba = 3000;
		r = core_cmd(&c, 0, LUN_B, &rd, NULL, 0);
		CU_ASSERT_EQUAL(r->in[0], 0x42);
		CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, back, 8, false, to, 1), 0x52600);
	}
	core_done(&c);
}

static void write_cancels(void)
{
	const struct tpc_range from[] = { { 100, 50 } }, to[] = { { 2000, 50 } };
	uint8_t token[3][ROD_TOKEN_LEN], other[ROD_TOKEN_LEN];
	const struct tpc_range over[] = { { 149, 1 } }, elsewhere[] = { { 500, 1 } };
	struct tpc_result res;
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 100, 50, 0x44);
	core_write(&c, LUN_B, 2000, 50, 0xee);
	core_token(&c, LUN_A, from, 1, token[0]);
	core_token(&c, LUN_A, from, 1, token[1]);
	core_write(&c, LUN_A, 99, 1, 1); /* touch it on neither side */
	core_write(&c, LUN_A, 150, 1, 1);
	core_write(&c, LUN_B, 100, 50, 1); /* another LUN's blocks of the same number */
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, token[0], 0, false, to, 1));
	core_write(&c, LUN_B, 2000, 50, 0xee);
	core_write(&c, LUN_A, 149, 1, 0x55);
	for (unsigned i = 0; i < 2; i++) {
		r = core_wut(&c, 1, LUN_B, 1, token[i], 0, false, to, 1);
		CHECK_KCQ(r, 0x52308);
		CU_ASSERT_TRUE(core_holds(&c, LUN_B, 2000, 50, 0xee));
		CHECK_GOOD(core_rrti(&c, 1, LUN_B, 1, 1024, &res));
		CU_ASSERT_EQUAL(res.status, TPC_FAILED);
		CU_ASSERT_EQUAL(res.count, 0);
		CU_ASSERT_EQUAL(sense_asc_ascq(res.sense), ASC_TOKEN_CANCELLED);
	}
	/* A WRITE USING TOKEN destination cancels as a WRITE does. */
	core_token(&c, LUN_A, elsewhere, 1, other);
	core_token(&c, LUN_A, from, 1, token[2]);
	CHECK_GOOD(core_wut(&c, 0, LUN_A, 2, other, 0, false, over, 1));
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 2, token[2], 0, false, to, 1), 0x52308);
	/* Over its own source: cancelled with nothing written. */
	core_token(&c, LUN_A, from, 1, token[2]);
	{
		const struct tpc_range self[] = { { 90, 20 } };

		core_write(&c, LUN_A, 80, 20, 0x66);
		CHECK_KCQ(core_wut(&c, 0, LUN_A, 2, token[2], 0, false, self, 1), 0x52308);
		CU_ASSERT_TRUE(core_holds(&c, LUN_A, 90, 10, 0x66));
	}
	core_done(&c);
}

static void zero_token(void)
{
	const struct tpc_range to[] = { { 10, 100 } };
	uint8_t zero[ROD_TOKEN_LEN];
	struct core c;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 9, 102, 0xee);
	rod_token_encode_zero(zero);
	zero[300] = 0x77; /* the rest is ignored */
	CHECK_GOOD(core_wut(&c, 0, LUN_A, 1, zero, 1ull << 63, true, to, 1));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 9, 1, 0xee));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 10, 100, 0));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 110, 1, 0xee));
	zero[7] = 0xf0;
	CHECK_KCQ(core_wut(&c, 0, LUN_A, 1, zero, 0, false, to, 1), 0x5230a);
	core_done(&c);
}

static void tokens_die_by_name(void)
{
	const struct tpc_range from[] = { { 0, 8 } }, to[] = { { 64, 8 } };
	uint8_t token[ROD_TOKEN_LEN], bad[ROD_TOKEN_LEN];
	struct tpc_result res;
	struct core c;

	core_init(&c, NULL, 0);
	core_token(&c, LUN_A, from, 1, token);
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, token, 0, true, to, 1)); /* DEL_TKN */
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, token, 0, false, to, 1), 0x52309);
	memcpy(bad, token, sizeof(bad));
	bad[511] ^= 1;
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, bad, 0, false, to, 1), 0x52305);
	bad[8] ^= 1;
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, bad, 0, false, to, 1), 0x52304);
	bad[140] ^= 1; /* somebody else's target name */
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, bad, 0, false, to, 1), 0x52302);
	bad[0] ^= 1;
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, bad, 0, false, to, 1), 0x52301);
	bad[7] ^= 1;
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, bad, 0, false, to, 1), 0x5230a);
	/* One second of life; use restarts the clock. */
	CHECK_GOOD(core_pt(&c, 0, LUN_A, 2, 1, from, 1));
	CHECK_GOOD(core_rrti(&c, 0, LUN_A, 2, 1024, &res));
	CU_ASSERT_PTR_NOT_NULL_FATAL(res.token);
	memcpy(token, res.token, sizeof(token));
	core_sleep(&c, 700);
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, token, 0, false, to, 1));
	core_sleep(&c, 700);
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, token, 0, false, to, 1));
	core_sleep(&c, 1100);
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, token, 0, false, to, 1), 0x52307);
	core_done(&c);
}

static void every_bit_of_a_token_counts(void)
{
	const struct tpc_range from[] = { { 0, 8 } }, to[] = { { 64, 8 } };
	uint8_t token[ROD_TOKEN_LEN];
	unsigned accepted = 0;
	struct core c;

	core_init(&c, NULL, 0);
	core_token(&c, LUN_A, from, 1, token);
	for (unsigned bit = 0; bit < ROD_TOKEN_LEN * 8; bit++) {
		const struct reply *r;

		token[bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = core_wut(&c, 0, LUN_B, 1, token, 0, false, to, 1);
		accepted += r->status == SAM_GOOD || r->sense.asc != 0x23;
		token[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CU_ASSERT_EQUAL(accepted, 0);
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, token, 0, false, to, 1));
	core_done(&c);
}

static void token_table_limit(void)
{
	const struct tpc_range from[] = { { 0, 1 } };
	struct tpc_result res;
	struct core c;

	core_init(&c, NULL, 3);
	for (uint32_t i = 0; i < 3; i++)
		CHECK_GOOD(core_pt(&c, 0, LUN_A, i, 1, from, 1));
	CHECK_KCQ(core_pt(&c, 0, LUN_A, 3, 1, from, 1), 0x5550d);
	CHECK_GOOD(core_rrti(&c, 0, LUN_A, 3, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_FAILED);
	CU_ASSERT_PTR_NULL(res.token);
	core_sleep(&c, 1100);
	CHECK_GOOD(core_pt(&c, 0, LUN_A, 3, 1, from, 1));
	core_done(&c);
}

static void populate_is_judged(void)
{
	struct lu_tpc_config cfg = lu_tpc_defaults;
	const struct tpc_range one[] = { { 5, 1 } };
	struct scsi_cdb cdb = cdb_of(CMD_POPULATE_TOKEN);
	uint8_t pl[TPC_PT_HEADER + TPC_RANGE_LEN];
	struct tpc_range many[5];
	const struct reply *r;
	struct core c;

	cfg.max_ranges = 4;
	cfg.max_token_bytes = 1 << 20;
	cfg.optimal_bytes = 1 << 20;
	core_init(&c, &cfg, 0);
	CHECK_GOOD(core_pt(&c, 0, LUN_A, 1, cfg.max_timeout_s, one, 1));
	r = core_pt(&c, 0, LUN_A, 1, cfg.max_timeout_s + 1, one, 1);
	CHECK_KCQ(r, 0x52600);
	CU_ASSERT_EQUAL(r->sense.field, 4);
	for (unsigned i = 0; i < 5; i++)
		many[i] = (struct tpc_range) { i * 10, 1 };
	CHECK_GOOD(core_pt(&c, 0, LUN_A, 1, 0, many, 4));
	CHECK_KCQ(core_pt(&c, 0, LUN_A, 1, 0, many, 5), 0x52608);
	many[0] = (struct tpc_range) { 0, 2048 };
	CHECK_GOOD(core_pt(&c, 0, LUN_A, 1, 0, many, 1));
	many[0].blocks++;
	CHECK_KCQ(core_pt(&c, 0, LUN_A, 1, 0, many, 1), 0x52600);
	many[0] = (struct tpc_range) { BLOCKS_OF_LU - 1, 2 };
	r = core_pt(&c, 0, LUN_A, 1, 0, many, 1);
	CHECK_KCQ(r, 0x52100);
	CU_ASSERT_EQUAL(r->sense.info, BLOCKS_OF_LU);
	/* RTV */
	cdb.list_id = 9;
	{
		static const struct {
			uint32_t type;
			unsigned want;
		} rtv[] = {
			{ ROD_TYPE_PIT_CHANGE_VULNERABLE, 0 },
			{ ROD_TYPE_PIT_ANY, 0 },
			{ ROD_TYPE_AUR, 0x52600 },
			{ ROD_TYPE_ZERO, 0x52600 },
			{ ROD_TYPE_PIT_PERSISTENT, 0x52600 },
			{ 0, 0x52600 },
		};

		for (unsigned i = 0; i < 6; i++) {
			cdb.len = (uint32_t)tpc_pt_encode(pl, sizeof(pl), false, true, 0,
							  rtv[i].type, one, 1);
			CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, pl, sizeof(pl)), rtv[i].want);
		}
	}
	cdb.len = 0;
	cdb.list_id = 99;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0));
	CHECK_KCQ(core_rrti(&c, 0, LUN_A, 99, 1024, NULL), 0x52400);
	core_done(&c);
}

/* 8Fh/0000h as Windows reads it. */
static struct vpd_8f limits_told(struct core *c, unsigned lun)
{
	struct scsi_cdb inq = cdb_of(CMD_INQUIRY);
	struct vpd_8f v = { 0 };
	const struct reply *r;

	inq.evpd = true;
	inq.page = 0x8f;
	inq.len = 255;
	r = core_cmd(c, 0, lun, &inq, NULL, 0);
	CHECK_GOOD(r);
	CU_ASSERT_TRUE(vpd_8f_decode(r->in, r->in_len, &v));
	return v;
}

static void no_limits_told(void)
{
	struct lu_tpc_config cfg = lu_tpc_defaults;
	const struct tpc_range all[] = { { 0, BLOCKS_OF_LU } };
	uint8_t token[ROD_TOKEN_LEN];
	struct vpd_8f v;
	struct core c;

	cfg.max_token_bytes = cfg.optimal_bytes = 0;
	core_init(&c, &cfg, 0);
	v = limits_told(&c, LUN_A);
	CU_ASSERT_TRUE(v.windows_ok);
	CU_ASSERT_EQUAL(v.max_token_blocks, 0);
	CU_ASSERT_EQUAL(v.optimal_blocks, 0);
	CU_ASSERT_EQUAL(v.max_rod_bytes, 0);
	core_token(&c, LUN_A, all, 1, token);
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, token, 0, false, all, 1));
	core_done(&c);
}

static void token_for_a_part(void)
{
	struct lu_tpc_config cfg = lu_tpc_defaults;
	const struct tpc_range at[] = { { 100, 1024 }, { 2000, 1024 } };
	const struct tpc_range above[] = { { 100, 1024 }, { 2000, 1025 } };
	const struct tpc_range to[] = { { 0, 1 } };
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	struct core c;

	cfg.covers_bytes = cfg.optimal_bytes = 1 << 20;
	core_init(&c, &cfg, 0);
	CU_ASSERT_EQUAL(limits_told(&c, LUN_A).max_token_blocks, cfg.max_token_bytes / 512);
	core_write(&c, LUN_A, 3023, 1, 0x5a);
	core_token(&c, LUN_A, at, 2, token);
	/* One more than it covers: GOOD, 03h, and a token for what it covers. */
	CHECK_GOOD(core_pt(&c, 0, LUN_A, 1, 0, above, 2));
	CHECK_GOOD(core_rrti(&c, 0, LUN_A, 1, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_PARTIAL);
	CU_ASSERT_EQUAL(res.count, 2048);
	CU_ASSERT_EQUAL(res.completion, SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(res.sense.key, KEY_COPY_ABORTED);
	CU_ASSERT_EQUAL(sense_asc_ascq(res.sense), ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT_EQUAL(res.sense.info, 2048);
	CU_ASSERT_PTR_NOT_NULL_FATAL(res.token);
	memcpy(token, res.token, sizeof(token));
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 2, token, 2047, false, to, 1));
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 0, 1, 0x5a));
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 3, token, 2048, false, to, 1), 0x52600);
	core_done(&c);
}

static void results_are_kept(void)
{
	const struct tpc_range one[] = { { 5, 1 } };
	struct lu_tpc_config cfg = lu_tpc_defaults;
	static const uint32_t allocs[] = { 4, 36, 549, 550, 1024 };
	struct tpc_result res;
	struct core c;

	cfg.results_per_nexus = 3;
	core_init(&c, &cfg, 0);
	CHECK_GOOD(core_pt(&c, 0, LUN_A, 1, 0, one, 1));
	CHECK_KCQ(core_rrti(&c, 1, LUN_A, 1, 1024, NULL), 0x52400); /* other nexus */
	CHECK_KCQ(core_rrti(&c, 0, LUN_B, 1, 1024, NULL), 0x52400); /* other LUN */
	for (unsigned i = 0; i < 5; i++) {
		const struct reply *r = core_rrti(&c, 0, LUN_A, 1, allocs[i], NULL);

		CHECK_GOOD(r);
		CU_ASSERT_EQUAL(r->in_len, allocs[i] < 550 ? allocs[i] : 550);
		CU_ASSERT_EQUAL(get_be32(r->in), 0x222);
	}
	CHECK_GOOD(core_rrti(&c, 0, LUN_A, 1, 0, NULL)); /* drops the token data */
	CHECK_GOOD(core_rrti(&c, 0, LUN_A, 1, 1024, &res));
	CU_ASSERT_PTR_NULL(res.token);
	CU_ASSERT_EQUAL(res.status, TPC_DONE);
	/* Three are kept; the one that finished first goes. */
	for (uint32_t id = 2; id <= 4; id++)
		CHECK_GOOD(core_pt(&c, 0, LUN_A, id, 0, one, 1));
	CHECK_KCQ(core_rrti(&c, 0, LUN_A, 1, 1024, NULL), 0x52400);
	CHECK_GOOD(core_rrti(&c, 0, LUN_A, 2, 1024, NULL));
	/* A finished identifier may be used again: the new result replaces the old. */
	CHECK_KCQ(core_pt(&c, 0, LUN_A, 2, 601, one, 1), 0x52600);
	CHECK_GOOD(core_rrti(&c, 0, LUN_A, 2, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_FAILED);
	CU_ASSERT_EQUAL(res.completion, SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(res.sense_len, 18);
	CU_ASSERT_EQUAL(res.sense_field_len, 20);
	core_done(&c);
}

/* A copy onto the slow LUN: 50 ms for each chunk of 64 KiB, four at a time. */
static bool start_slow_copy(struct core *c, struct core_async *a, uint32_t list_id,
			    uint8_t token[ROD_TOKEN_LEN])
{
	const struct tpc_range from[] = { { 0, 4096 } }, to[] = { { 0, 4096 } };
	uint8_t pl[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct scsi_cdb cdb = cdb_of(CMD_WRITE_USING_TOKEN);

	for (unsigned lba = 0; lba < 4096; lba += 128)
		core_write(c, LUN_A, lba, 128, 0x77);
	core_token(c, LUN_A, from, 1, token);
	cdb.list_id = list_id;
	cdb.len = (uint32_t)tpc_wut_encode(pl, sizeof(pl), false, false, 0, token, to, 1);
	return core_start(c, a, 0, LUN_SLOW, &cdb, pl, sizeof(pl));
}

static void running_operation(void)
{
	static struct core_async slow;
	const struct tpc_range one[] = { { 9, 1 } };
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	struct core c;

	core_init(&c, NULL, 0);
	CU_ASSERT_TRUE(start_slow_copy(&c, &slow, 7, token));
	CHECK_KCQ(core_pt(&c, 0, LUN_SLOW, 7, 0, one, 1), 0x50016);
	CHECK_GOOD(core_rrti(&c, 0, LUN_SLOW, 7, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_FOREGROUND);
	CU_ASSERT_PTR_NULL(res.token);
	lu_abort(&slow.task);
	core_finish(&slow);
	CU_ASSERT_EQUAL(slow.task.status, SAM_TASK_ABORTED);
	CHECK_GOOD(core_rrti(&c, 0, LUN_SLOW, 7, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_TERMINATED);
	CU_ASSERT_EQUAL(res.completion, SAM_TASK_ABORTED);
	CU_ASSERT_EQUAL(res.sense_len, 0);
	/* The identifier is free again, the token lives. */
	{
		const struct tpc_range to[] = { { 0, 1 } };

		CHECK_GOOD(core_wut(&c, 0, LUN_SLOW, 7, token, 0, false, to, 1));
	}
	core_done(&c);
}

static void deadline(void)
{
	static struct core_async slow;
	struct lu_tpc_config cfg = lu_tpc_defaults;
	struct scsi_cdb rd = cdb_of(CMD_READ_16);
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	uint64_t count;
	struct core c;

	cfg.deadline_ms = 120;
	core_init(&c, &cfg, 0);
	CU_ASSERT_TRUE(start_slow_copy(&c, &slow, 7, token));
	core_finish(&slow);
	CU_ASSERT_EQUAL(slow.task.status, SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(slow.task.sense.key, KEY_COPY_ABORTED);
	CU_ASSERT_EQUAL(sense_asc_ascq(slow.task.sense), ASC_COPY_TARGET_DATA_UNDERRUN);
	count = slow.task.sense.info;
	CU_ASSERT_TRUE(count > 0 && count < 4096);
	CHECK_GOOD(core_rrti(&c, 0, LUN_SLOW, 7, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_PARTIAL);
	CU_ASSERT_EQUAL(res.count, count);
	rd.blocks = 1;
	rd.lba = 0;
	CU_ASSERT_EQUAL(core_cmd(&c, 0, LUN_SLOW, &rd, NULL, 0)->in[0], 0x77);
	core_done(&c);
}

static unsigned resets_over;

static void reset_over(struct target_reset *r)
{
	(void)r;
	resets_over++;
}

static void reset_drops_results(void)
{
	const struct tpc_range one[] = { { 5000, 1 } }, to[] = { { 6, 1 } };
	static struct core_async slow;
	struct target_reset reset = { .all = true };
	uint8_t token[ROD_TOKEN_LEN], spare[ROD_TOKEN_LEN];
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	struct core c;

	core_init(&c, NULL, 0);
	core_token(&c, LUN_A, one, 1, token);
	CU_ASSERT_TRUE(start_slow_copy(&c, &slow, 7, spare));
	reset.nexus = &c.nexus[0];
	reset.done = reset_over;
	resets_over = 0;
	CU_ASSERT_TRUE(target_reset(c.target, &reset));
	core_finish(&slow);
	core_sleep(&c, 20);
	CU_ASSERT_EQUAL(resets_over, 1);
	CU_ASSERT_TRUE(slow.task.aborted);
	for (unsigned lun = 0; lun < CORE_LUNS; lun++)
		CHECK_KCQ(core_cmd(&c, 0, lun, &tur, NULL, 0), 0x62903);
	CHECK_KCQ(core_rrti(&c, 0, LUN_A, 0x70, 1024, NULL), 0x52400);
	CHECK_KCQ(core_rrti(&c, 0, LUN_SLOW, 7, 1024, NULL), 0x52400);
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, token, 0, false, to, 1)); /* decisions.md 10 */
	core_done(&c);
}

static void read_only_destination(void)
{
	const struct tpc_range one[] = { { 5, 1 } };
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_result res;
	struct core c;

	core_init(&c, NULL, 0);
	core_token(&c, LUN_RO, one, 1, token); /* reading is fine */
	CHECK_KCQ(core_wut(&c, 0, LUN_RO, 3, token, 0, false, one, 1), 0x72700);
	CHECK_GOOD(core_rrti(&c, 0, LUN_RO, 3, 1024, &res));
	CU_ASSERT_EQUAL(sense_asc_ascq(res.sense), ASC_WRITE_PROTECTED);
	core_done(&c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a token copies its ranges in order to another LUN and nexus",
		  token_copies_between_luns },
		{ "more than the ROD holds is A/0D/04 with the count, offset at its end 5/26/00",
		  longer_than_the_rod },
		{ "unlike block sizes: zero-filled tail that counts", unlike_block_sizes },
		{ "a write that touches the source cancels, any other does not", write_cancels },
		{ "the zero token writes zeros at any offset", zero_token },
		{ "expired, deleted, corrupt, unknown, foreign tokens each have their ASCQ",
		  tokens_die_by_name },
		{ "every single-bit flip of a token is refused", every_bit_of_a_token_counts },
		{ "one token above the limit is 5/55/0D", token_table_limit },
		{ "POPULATE TOKEN is judged at each limit and one above", populate_is_judged },
		{ "a MAXIMUM TOKEN TRANSFER SIZE and OPTIMAL TRANSFER COUNT of 0 are told as 0",
		  no_limits_told },
		{ "PT of more than a token covers is GOOD, RRTI 03h with the count",
		  token_for_a_part },
		{ "results are kept per LU and nexus, repeatable, bounded", results_are_kept },
		{ "a running operation is 11h, its identifier 5/00/16, aborted 60h",
		  running_operation },
		{ "at the deadline the count so far is reported as partial", deadline },
		{ "a reset drops results and operations, not tokens", reset_drops_results },
		{ "WRITE USING TOKEN on a read-only LUN is 7/27/00 and kept",
		  read_only_destination },
		TEST_END,
	};

	return test_main(argc, argv, "tpc", tests);
}
