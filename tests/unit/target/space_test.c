/* SPDX-License-Identifier: Apache-2.0 */
/* lu_space.c and lu_fill.c: what comes and goes on thin and fully provisioned LUNs. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "bs_impl.h"
#include "lu_impl.h"
#include "unmap.h"

#define BLOCKS	 (CORE_LU_SIZE / 512)
#define CHUNK	 128u /* blocks of 64 KiB: what memory gives back */
#define LUN_MADE 9

static struct core c;

/* One more LUN, on memory; its unit attentions are taken. */
static void make_lun_cfg(uint64_t size, enum bs_provisioning provisioning, const char *fault,
			 bool no_unmap)
{
	struct bs_config bc = { .path = "mem:made",
				.size = size,
				.block_size = 512,
				.provisioning = provisioning,
				.fault = fault };
	struct lu_config lc = {
		.lun = LUN_MADE, .block_size = 512, .no_unmap = no_unmap, .tpc = lu_tpc_defaults
	};
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	struct backstore *bs;
	char err[256] = "";

	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, &c.env, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL_FATAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	core_luns_known(&c);
	for (unsigned n = 0; n < 2; n++)
		for (unsigned tries = 0; tries < 3; tries++)
			core_cmd(&c, n, LUN_MADE, &tur, NULL, 0);
	CHECK_GOOD(core_cmd(&c, 0, LUN_MADE, &tur, NULL, 0));
}

static void make_lun(uint64_t size, enum bs_provisioning provisioning, const char *fault)
{
	make_lun_cfg(size, provisioning, fault, false);
}

static const struct reply *unmap(unsigned lun, const struct unmap_range *r, unsigned n)
{
	static uint8_t list[16384];
	struct scsi_cdb cdb = cdb_of(CMD_UNMAP);

	cdb.len = (uint32_t)unmap_encode(list, sizeof(list), r, n);
	return core_cmd(&c, 0, lun, &cdb, list, cdb.len);
}

static const struct reply *unmap_1(unsigned lun, uint64_t lba, uint32_t blocks)
{
	struct unmap_range r = { lba, blocks };

	return unmap(lun, &r, 1);
}

/* WRITE SAME of a block of @fill. */
static const struct reply *write_same(unsigned lun, struct scsi_cdb cdb, uint64_t lba,
				      uint32_t blocks, uint8_t fill)
{
	uint8_t block[4096];
	size_t size = lun == LUN_4K ? 4096 : 512;

	memset(block, fill, size);
	cdb.lba = lba;
	cdb.blocks = blocks;
	return core_cmd(&c, 0, lun, &cdb, block, cdb.ndob ? 0 : size);
}

/* GET LBA STATUS with room for @room descriptors; how many came. */
static unsigned status(unsigned lun, uint64_t lba, unsigned room, struct lba_status *ret)
{
	struct scsi_cdb cdb = cdb_of(CMD_GET_LBA_STATUS);
	const struct reply *r;
	unsigned n = 0;

	cdb.lba = lba;
	cdb.len = LBA_STATUS_HEADER_LEN + room * LBA_STATUS_LEN;
	r = core_cmd(&c, 0, lun, &cdb, NULL, 0);
	CHECK_GOOD(r);
	CU_ASSERT_TRUE(lba_status_decode(r->in, r->in_len, ret, room, &n));
	CU_ASSERT(n >= 1 && n <= room && ret[0].lba == lba);
	return n;
}

static bool is(const struct lba_status *s, uint64_t lba, uint32_t blocks,
	       enum lba_provisioning state)
{
	return s->lba == lba && s->blocks == blocks && s->provisioning == state;
}

static const uint8_t *vpd(unsigned lun, uint8_t page)
{
	struct scsi_cdb cdb = cdb_of(CMD_INQUIRY);
	const struct reply *r;

	cdb.evpd = true;
	cdb.page = page;
	cdb.len = 255;
	r = core_cmd(&c, 0, lun, &cdb, NULL, 0);
	CHECK_GOOD(r);
	return r->in;
}

static struct capacity capacity(unsigned lun)
{
	struct scsi_cdb cdb = cdb_of(CMD_READ_CAPACITY_16);
	struct capacity cap = { 0 };
	const struct reply *r;

	cdb.len = 32;
	r = core_cmd(&c, 0, lun, &cdb, NULL, 0);
	CU_ASSERT_TRUE(read_capacity_16_decode(r->in, r->in_len, &cap));
	return cap;
}

static const struct bs_stats *stats(unsigned lun)
{
	return bs_stats(lu_backstore(target_lu(c.target, (uint16_t)lun)));
}

static void a_thin_lun_says_so_and_a_full_one_does_not(void)
{
	const uint8_t *p;

	core_init(&c, NULL, 0);
	make_lun(CORE_LU_SIZE, BS_FULL, NULL);
	CU_ASSERT(capacity(LUN_A).lbpme && capacity(LUN_A).lbprz);
	CU_ASSERT(!capacity(LUN_MADE).lbpme && !capacity(LUN_MADE).lbprz);
	p = vpd(LUN_A, 0xb0);
	CU_ASSERT_EQUAL(get_be32(p + 20), LU_MAX_UNMAP_BLOCKS);
	CU_ASSERT_EQUAL(get_be32(p + 24), LU_MAX_UNMAP_DESCRIPTORS);
	CU_ASSERT_EQUAL(get_be32(p + 28), CHUNK);
	CU_ASSERT_EQUAL(get_be32(p + 32), 0x80000000);
	CU_ASSERT_EQUAL(get_be64(p + 36), LU_MAX_WRITE_SAME / 512);
	CU_ASSERT_EQUAL(get_be64(vpd(LUN_4K, 0xb0) + 36), LU_MAX_WRITE_SAME / 4096);
	p = vpd(LUN_MADE, 0xb0);
	CU_ASSERT(get_be32(p + 20) == 0 && get_be32(p + 24) == 0 && get_be32(p + 28) == 0);
	CU_ASSERT_EQUAL(get_be64(p + 36), LU_MAX_WRITE_SAME / 512);
	p = vpd(LUN_A, 0xb2);
	CU_ASSERT(p[4] == 0 && p[5] == 0xe4 && p[6] == 2);
	p = vpd(LUN_MADE, 0xb2);
	CU_ASSERT(p[5] == 0 && p[6] == 0);
	core_done(&c);
}

static void without_unmap_write_same_gives_space_back(void)
{
	const struct unmap_range r = { 0, CHUNK };
	const uint8_t *p;
	struct lba_status st[2];
	struct scsi_cdb ws = cdb_of(CMD_WRITE_SAME_16);

	core_init(&c, NULL, 0);
	make_lun_cfg(CORE_LU_SIZE, BS_THIN, NULL, true);
	CU_ASSERT(capacity(LUN_MADE).lbpme && capacity(LUN_MADE).lbprz);
	CHECK_KCQ(unmap(LUN_MADE, &r, 1), 0x52000);
	p = vpd(LUN_MADE, 0xb0);
	CU_ASSERT(get_be32(p + 20) == 0 && get_be32(p + 24) == 0 && get_be32(p + 28) == CHUNK);
	p = vpd(LUN_MADE, 0xb2);
	CU_ASSERT(p[5] == 0x64 && p[6] == 2);
	core_write(&c, LUN_MADE, 0, 100, 7);
	core_write(&c, LUN_MADE, 100, 100, 7);
	ws.unmap = true;
	CHECK_GOOD(write_same(LUN_MADE, ws, 0, CHUNK, 0));
	CU_ASSERT_EQUAL(status(LUN_MADE, 0, 2, st), 2);
	CU_ASSERT_TRUE(is(&st[0], 0, CHUNK, LBA_DEALLOCATED));
	core_done(&c);
}

static void unmapped_blocks_read_zeros_and_are_deallocated(void)
{
	const struct unmap_range r[3] = { { 2 * CHUNK, CHUNK }, { 5, 0 }, { 4 * CHUNK - 1, 2 } };
	struct lba_status s[4];

	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < 6; i++)
		core_write(&c, LUN_A, i * 100, 100, 7);
	CHECK_GOOD(unmap(LUN_A, r, 3));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 2 * CHUNK - 1, 1, 7));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 2 * CHUNK, CHUNK, 0));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 3 * CHUNK, CHUNK - 1, 7));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 4 * CHUNK - 1, 2, 0));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 4 * CHUNK + 1, 80, 7));
	CU_ASSERT_EQUAL(status(LUN_A, 3, 4, s), 4);
	CU_ASSERT_TRUE(is(&s[0], 3, 2 * CHUNK - 3, LBA_MAPPED));
	CU_ASSERT_TRUE(is(&s[1], 2 * CHUNK, CHUNK, LBA_DEALLOCATED));
	CU_ASSERT_TRUE(is(&s[2], 3 * CHUNK, 2 * CHUNK, LBA_MAPPED));
	CU_ASSERT_TRUE(is(&s[3], 5 * CHUNK, BLOCKS - 5 * CHUNK, LBA_DEALLOCATED));
	CU_ASSERT_EQUAL(stats(LUN_A)->discards, 2); /* nothing for the empty one */
	core_done(&c);
}

static void unmap_limits_hold_at_them_and_one_above(void)
{
	static struct unmap_range r[LU_MAX_UNMAP_DESCRIPTORS + 1];

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 0, 100, 7);
	CHECK_KCQ(unmap(LUN_A, r, LU_MAX_UNMAP_DESCRIPTORS + 1), 0x52600);
	CHECK_GOOD(unmap(LUN_A, r, LU_MAX_UNMAP_DESCRIPTORS));
	for (unsigned i = 0; i < LU_MAX_UNMAP_BLOCKS / BLOCKS; i++)
		r[i] = (struct unmap_range) { 0, BLOCKS };
	r[LU_MAX_UNMAP_BLOCKS / BLOCKS].blocks = 1;
	CHECK_KCQ(unmap(LUN_A, r, LU_MAX_UNMAP_BLOCKS / BLOCKS + 1), 0x52600);
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 0, 100, 7)); /* refused means untouched */
	CHECK_GOOD(unmap(LUN_A, r, LU_MAX_UNMAP_BLOCKS / BLOCKS));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 0, 100, 0));
	core_done(&c);
}

static void unmap_refusals(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_UNMAP);
	uint8_t list[8] = { 0, 6 };

	core_init(&c, NULL, 0);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0)); /* PARAMETER LIST LENGTH 0 */
	cdb.anchor = true;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0), 0x52400);
	cdb.len = 8;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, list, 8), 0x52400);
	cdb.anchor = false;
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &cdb, list, 8));
	cdb.len = 7;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, list, 7), 0x51a00);
	cdb.len = 24; /* the initiator sends nothing of it */
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, NULL, 0), 0x51a00);
	CHECK_GOOD(unmap_1(LUN_A, BLOCKS - 1, 1));
	CHECK_GOOD(unmap_1(LUN_A, BLOCKS, 0));
	CHECK_KCQ(unmap_1(LUN_A, BLOCKS, 1), 0x52100);
	CHECK_KCQ(unmap_1(LUN_A, BLOCKS + 1, 0), 0x52100);
	CHECK_KCQ(unmap_1(LUN_A, UINT64_MAX, 1), 0x52100);
	core_done(&c);
}

static void write_same_repeats_its_block_and_stops_there(void)
{
	const struct scsi_cdb ws[2] = { cdb_of(CMD_WRITE_SAME_10), cdb_of(CMD_WRITE_SAME_16) };

	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < 2; i++) {
		core_write(&c, LUN_A, 9, 1, 1);
		core_write(&c, LUN_A, 3010, 1, 2);
		CHECK_GOOD(write_same(LUN_A, ws[i], 10, 3000, 0x50 + i));
		for (unsigned lba = 10; lba < 3010; lba += 100)
			CU_ASSERT_TRUE(core_holds(&c, LUN_A, lba, 100, 0x50 + i));
		CU_ASSERT_TRUE(core_holds(&c, LUN_A, 9, 1, 1));
		CU_ASSERT_TRUE(core_holds(&c, LUN_A, 3010, 1, 2));
		CHECK_GOOD(write_same(LUN_4K, ws[i], 1, 2, 0x60 + i));
		CU_ASSERT_TRUE(core_holds(&c, LUN_4K, 1, 2, 0x60 + i));
		CU_ASSERT_TRUE(core_holds(&c, LUN_4K, 3, 1, 0));
	}
	core_done(&c);
}

static void write_same_gives_back_only_what_reads_as_asked(void)
{
	struct scsi_cdb ws = cdb_of(CMD_WRITE_SAME_16), ten = cdb_of(CMD_WRITE_SAME_10);
	struct lba_status s[3];

	core_init(&c, NULL, 0);
	/* zeros without UNMAP: mapped */
	CHECK_GOOD(write_same(LUN_A, ws, 0, CHUNK, 0));
	CU_ASSERT_TRUE(status(LUN_A, 0, 1, s) && is(s, 0, CHUNK, LBA_MAPPED));
	ws.ndob = true;
	core_write(&c, LUN_A, CHUNK, CHUNK, 3);
	CHECK_GOOD(write_same(LUN_A, ws, 0, 2 * CHUNK, 0));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, CHUNK, CHUNK, 0));
	CU_ASSERT_TRUE(status(LUN_A, 0, 1, s) && is(s, 0, 2 * CHUNK, LBA_MAPPED));
	/* with it: given back, whether the zeros came or not */
	ws.unmap = ten.unmap = true;
	CHECK_GOOD(write_same(LUN_A, ws, 0, CHUNK, 0));
	CU_ASSERT_TRUE(status(LUN_A, 0, 1, s) && is(s, 0, CHUNK, LBA_DEALLOCATED));
	CHECK_GOOD(write_same(LUN_A, ten, CHUNK, CHUNK, 0));
	CU_ASSERT_TRUE(status(LUN_A, 0, 1, s) && is(s, 0, BLOCKS, LBA_DEALLOCATED));
	/* other data is written */
	CHECK_GOOD(write_same(LUN_A, ten, 1, 2, 9));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 1, 2, 9));
	ws.ndob = false;
	CHECK_GOOD(write_same(LUN_A, ws, 3, 2, 8));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 3, 2, 8));
	core_done(&c);
}

static void write_same_of_no_blocks_goes_to_the_end(void)
{
	struct scsi_cdb ws = cdb_of(CMD_WRITE_SAME_16);

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 0, 1, 1);
	CHECK_GOOD(write_same(LUN_A, ws, 1, 0, 4));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 0, 1, 1));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 1, 100, 4));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, BLOCKS - 100, 100, 4));
	CHECK_GOOD(write_same(LUN_A, ws, BLOCKS - 1, 0, 5));
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, BLOCKS - 1, 1, 5));
	CHECK_KCQ(write_same(LUN_A, ws, BLOCKS, 0, 5), 0x52100);
	CHECK_KCQ(write_same(LUN_A, ws, BLOCKS + 1, 0, 5), 0x52100);
	CHECK_KCQ(write_same(LUN_A, ws, BLOCKS - 1, 2, 5), 0x52100);
	core_done(&c);
}

static void write_same_length_holds_at_the_limit_and_one_above(void)
{
	struct scsi_cdb ws = cdb_of(CMD_WRITE_SAME_16);
	const uint32_t max = LU_MAX_WRITE_SAME / 512;

	core_init(&c, NULL, 0);
	make_lun(LU_MAX_WRITE_SAME + CORE_LU_SIZE, BS_AUTO, NULL);
	ws.ndob = true;
	CHECK_GOOD(write_same(LUN_MADE, ws, 0, max, 0));
	CHECK_KCQ(write_same(LUN_MADE, ws, 0, max + 1, 0), 0x52400);
	CHECK_KCQ(write_same(LUN_MADE, ws, BLOCKS - 1, 0, 0), 0x52400);
	CHECK_GOOD(write_same(LUN_MADE, ws, BLOCKS, 0, 0));
	core_done(&c);
}

static void write_same_refusals(void)
{
	struct scsi_cdb ws = cdb_of(CMD_WRITE_SAME_16);
	uint8_t raw[16];

	core_init(&c, NULL, 0);
	ws.anchor = true;
	CHECK_KCQ(write_same(LUN_A, ws, 0, 1, 0), 0x52400);
	ws.unmap = true;
	CHECK_KCQ(write_same(LUN_A, ws, 0, 1, 0), 0x52400);
	ws.anchor = ws.unmap = false;
	CHECK_KCQ(write_same(LUN_RO, ws, 0, 1, 0), 0x72700);
	ws.protect = 1;
	CHECK_KCQ(write_same(LUN_A, ws, 0, 1, 0), 0x52400);
	ws.protect = 0;
	ws.blocks = 1;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &ws, raw, 0), 0x50e03); /* half a block, or none */
	for (unsigned bit = 1; bit <= 2; bit++) {		 /* LBDATA, PBDATA */
		scsi_cdb_encode(&ws, raw);
		raw[1] |= (uint8_t)(1u << bit);
		CHECK_KCQ(core_raw(&c, 0, LUN_A, raw, 16, raw, 0), 0x52400);
	}
	core_done(&c);
}

static void a_full_lun_keeps_its_blocks(void)
{
	struct scsi_cdb ws = cdb_of(CMD_WRITE_SAME_16);
	struct lba_status s[2];

	core_init(&c, NULL, 0);
	make_lun(CORE_LU_SIZE, BS_FULL, NULL);
	CHECK_KCQ(unmap_1(LUN_MADE, 0, 1), 0x52000);
	core_write(&c, LUN_MADE, 0, 100, 1);
	CHECK_GOOD(write_same(LUN_MADE, ws, 0, 50, 0));
	CU_ASSERT_TRUE(core_holds(&c, LUN_MADE, 0, 50, 0));
	CU_ASSERT_TRUE(core_holds(&c, LUN_MADE, 50, 50, 1));
	ws.unmap = true;
	CHECK_KCQ(write_same(LUN_MADE, ws, 0, 1, 0), 0x52400);
	CU_ASSERT_EQUAL(status(LUN_MADE, 5, 2, s), 1);
	CU_ASSERT_TRUE(is(s, 5, BLOCKS - 5, LBA_MAPPED));
	CU_ASSERT_EQUAL(stats(LUN_MADE)->discards, 0);
	core_done(&c);
}

static void lba_status_has_as_much_as_there_is_room_for(void)
{
	struct scsi_cdb cdb = cdb_of(CMD_GET_LBA_STATUS);
	struct lba_status s[LU_MAX_LBA_STATUS + 1];
	const struct reply *r;
	uint8_t raw[16];

	core_init(&c, NULL, 0);
	make_lun((LU_MAX_LBA_STATUS + 2) * 65536ull, BS_AUTO, NULL);
	for (unsigned i = 0; i < LU_MAX_LBA_STATUS + 2; i += 2)
		core_write(&c, LUN_MADE, i * CHUNK, 1, 1);
	CU_ASSERT_EQUAL(status(LUN_MADE, 0, 1, s), 1);
	CU_ASSERT_EQUAL(status(LUN_MADE, 0, LU_MAX_LBA_STATUS - 1, s), LU_MAX_LBA_STATUS - 1);
	CU_ASSERT_EQUAL(status(LUN_MADE, 0, LU_MAX_LBA_STATUS, s), LU_MAX_LBA_STATUS);
	CU_ASSERT_EQUAL(status(LUN_MADE, 0, LU_MAX_LBA_STATUS + 1, s), LU_MAX_LBA_STATUS);
	for (unsigned i = 0; i < LU_MAX_LBA_STATUS; i++)
		CU_ASSERT_TRUE(is(&s[i], i * CHUNK, CHUNK, i % 2 ? LBA_DEALLOCATED : LBA_MAPPED));
	/* cut off, but one descriptor is meant */
	for (unsigned len = 0; len < 24; len++) {
		cdb.len = len;
		r = core_cmd(&c, 0, LUN_MADE, &cdb, NULL, 0);
		CHECK_GOOD(r);
		CU_ASSERT_EQUAL(r->in_len, len);
		CU_ASSERT(len < 4 || get_be32(r->in) == 20);
	}
	cdb.lba = (LU_MAX_LBA_STATUS + 2) * CHUNK;
	CHECK_KCQ(core_cmd(&c, 0, LUN_MADE, &cdb, NULL, 0), 0x52100);
	cdb.lba--;
	CHECK_GOOD(core_cmd(&c, 0, LUN_MADE, &cdb, NULL, 0));
	scsi_cdb_encode(&cdb, raw);
	raw[14] = 1; /* REPORT TYPE */
	CHECK_KCQ(core_raw(&c, 0, LUN_MADE, raw, 16, NULL, 0), 0x52400);
	CU_ASSERT_EQUAL(status(LUN_4K, 1, 2, s), 1);
	CU_ASSERT_TRUE(is(s, 1, CORE_LU_SIZE / 4096 - 1, LBA_DEALLOCATED));
	core_done(&c);
}

static unsigned extents_asked;

static void ragged_later(struct ring_post *post)
{
	bs_extents_done(container_of(post, struct extent_query, post), 0);
}

/* A storage whose holes are all smaller than a block. */
static void ragged_extents(struct backstore *bs, struct extent_query *q)
{
	extents_asked++;
	q->ret_len = 256;
	q->ret_hole = true;
	q->post.fn = ragged_later;
	ring_post(bs->env.ring, &q->post);
}

static void a_walk_over_crumbs_ends_after_so_many(void)
{
	const struct bs_ops *plain;
	struct lba_status s[4];
	struct bs_ops ragged;
	struct backstore *bs;

	core_init(&c, NULL, 0);
	bs = lu_backstore(target_lu(c.target, LUN_A));
	plain = bs->ops;
	ragged = *plain;
	ragged.extents = ragged_extents;
	bs->ops = &ragged;
	extents_asked = 0;
	CU_ASSERT_EQUAL(status(LUN_A, 7, 4, s), 1);
	CU_ASSERT_TRUE(is(s, 7, LU_MAX_EXTENTS, LBA_MAPPED));
	CU_ASSERT_EQUAL(extents_asked, LU_MAX_EXTENTS);
	CU_ASSERT_EQUAL(status(LUN_A, BLOCKS - LU_MAX_EXTENTS, 4, s), 1);
	CU_ASSERT_TRUE(is(s, BLOCKS - LU_MAX_EXTENTS, LU_MAX_EXTENTS, LBA_MAPPED));
	bs->ops = plain;
	core_done(&c);
}

static void tokens_of_what_is_changed_are_cancelled(void)
{
	const struct tpc_range src = { 0, 8 }, to = { 100, 8 };
	struct scsi_cdb ws = cdb_of(CMD_WRITE_SAME_10);
	uint8_t token[ROD_TOKEN_LEN];

	core_init(&c, NULL, 0);
	core_token(&c, LUN_A, &src, 1, token);
	CU_ASSERT_EQUAL(token[102] & 0xc0, 0xc0); /* LBPME, LBPRZ */
	CHECK_GOOD(unmap_1(LUN_A, 8, 8));
	CHECK_GOOD(core_wut(&c, 0, LUN_B, 1, token, 0, false, &to, 1));
	CHECK_GOOD(unmap_1(LUN_A, 7, 1));
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 2, token, 0, false, &to, 1), 0x52308);
	core_token(&c, LUN_A, &src, 1, token);
	CHECK_GOOD(write_same(LUN_A, ws, 7, 5, 1));
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 3, token, 0, false, &to, 1), 0x52308);
	core_done(&c);
}

/* What LUN_SLOW has written: how far a command came, however busy the machine is. */
static uint64_t written(void)
{
	return bs_stats(lu_backstore(target_lu(c.target, LUN_SLOW)))->writes;
}

/* 16 pieces of 256 KiB, four at a time; each takes 50 ms there. */
#define LONG_PIECES 16
static void start_long(struct core_async *a)
{
	struct scsi_cdb ws = cdb_of(CMD_WRITE_SAME_16);
	uint8_t block[512];

	memset(block, 1, sizeof(block));
	CU_ASSERT_TRUE_FATAL(core_start(&c, a, 0, LUN_SLOW, &ws, block, sizeof(block)));
}

static void an_aborted_command_ends_soon(void)
{
	static struct core_async a;
	uint64_t from;

	core_init(&c, NULL, 0);
	from = written();
	start_long(&a);
	core_finish(&a);
	CU_ASSERT(written() - from == LONG_PIECES && a.task.status == SAM_GOOD);
	from = written();
	start_long(&a);
	core_sleep(&c, 10);
	lu_abort(&a.task);
	core_finish(&a);
	CU_ASSERT(written() - from < LONG_PIECES);
	CU_ASSERT(a.task.aborted && a.task.status == SAM_TASK_ABORTED);
	core_done(&c);
}

static void reset_over(struct target_reset *r)
{
	ring_stop(c.env.ring);
	r->nexus = NULL;
}

static void a_reset_ends_a_command_soon(void)
{
	static struct core_async a;
	struct target_reset reset = { .nexus = &c.nexus[1], .done = reset_over };
	uint64_t from;

	core_init(&c, NULL, 0);
	reset.lun = scsi_lun_encode(LUN_SLOW);
	from = written();
	start_long(&a);
	core_sleep(&c, 10);
	CU_ASSERT_TRUE(target_reset(c.target, &reset));
	core_finish(&a);
	CU_ASSERT_TRUE(a.task.aborted);
	while (reset.nexus)
		ring_run(c.env.ring);
	CU_ASSERT(written() - from < LONG_PIECES);
	core_done(&c);
}

static void errors_of_the_storage_are_told(void)
{
	struct scsi_cdb ws = cdb_of(CMD_WRITE_SAME_16);

	core_init(&c, NULL, 0);
	make_lun(CORE_LU_SIZE, BS_AUTO, "write-error:1M:512+enospc:3M");
	CHECK_GOOD(unmap_1(LUN_MADE, 0, 2048));
	CHECK_KCQ(unmap_1(LUN_MADE, 0, 2049), 0x30c00);
	CHECK_KCQ(write_same(LUN_MADE, ws, 2000, 100, 1), 0x30c00);
	CHECK_GOOD(write_same(LUN_MADE, ws, 0, 2048, 1));
	CHECK_GOOD(write_same(LUN_MADE, ws, 4096, 2048, 1));
	CHECK_KCQ(write_same(LUN_MADE, ws, 4096, 4096, 0), 0x72707);
	CHECK_KCQ(write_same(LUN_MADE, ws, 4096, 4096, 1), 0x72707);
	CHECK_GOOD(unmap_1(LUN_MADE, 4096, 4096)); /* needs no space */
	core_done(&c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a thin LUN says so, and a full one does not",
		  a_thin_lun_says_so_and_a_full_one_does_not },
		{ "without UNMAP, WRITE SAME gives space back",
		  without_unmap_write_same_gives_space_back },
		{ "unmapped blocks read zeros and are deallocated",
		  unmapped_blocks_read_zeros_and_are_deallocated },
		{ "UNMAP's limits hold, at them and one above",
		  unmap_limits_hold_at_them_and_one_above },
		{ "UNMAP: lengths, ANCHOR, beyond the end", unmap_refusals },
		{ "WRITE SAME repeats its block and stops there",
		  write_same_repeats_its_block_and_stops_there },
		{ "WRITE SAME gives back only what then reads as asked",
		  write_same_gives_back_only_what_reads_as_asked },
		{ "WRITE SAME of no blocks goes to the end",
		  write_same_of_no_blocks_goes_to_the_end },
		{ "WRITE SAME's length holds, at the limit and one above",
		  write_same_length_holds_at_the_limit_and_one_above },
		{ "WRITE SAME: ANCHOR, obsolete bits, no data, read-only", write_same_refusals },
		{ "a full LUN keeps its blocks", a_full_lun_keeps_its_blocks },
		{ "LBA status has as much as there is room for",
		  lba_status_has_as_much_as_there_is_room_for },
		{ "a walk over crumbs ends after so many", a_walk_over_crumbs_ends_after_so_many },
		{ "tokens of what is changed are cancelled",
		  tokens_of_what_is_changed_are_cancelled },
		{ "an aborted command ends soon", an_aborted_command_ends_soon },
		{ "a reset ends a command soon", a_reset_ends_a_command_soon },
		{ "errors of the storage are told", errors_of_the_storage_are_told },
		TEST_END,
	};

	return test_main(argc, argv, "target/space", tests);
}
