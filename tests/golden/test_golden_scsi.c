/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "cdb.h"
#include "golden.h"
#include "sample_lu.h"

static uint8_t out[GOLDEN_MAX];

static struct scsi_cdb cdb_both_ways(const char *name)
{
	struct golden g = golden_load(name);
	struct scsi_cdb c = { 0 };

	CU_ASSERT_TRUE_FATAL(sense_is_good(scsi_cdb_decode(g.p, g.len, &c)));
	CHECK_BYTES(out, scsi_cdb_encode(&c, out), g.p, g.len);
	return c;
}

static void cdbs(void)
{
	struct scsi_cdb c = cdb_both_ways("cdb-pt");

	CU_ASSERT_EQUAL(c.op->cmd, CMD_POPULATE_TOKEN);
	CU_ASSERT_EQUAL(c.list_id, 257);
	CU_ASSERT_EQUAL(c.len, 48);
	c = cdb_both_ways("cdb-wut");
	CU_ASSERT_EQUAL(c.op->cmd, CMD_WRITE_USING_TOKEN);
	CU_ASSERT_EQUAL(c.list_id, 258);
	CU_ASSERT_EQUAL(c.len, 552);
	c = cdb_both_ways("cdb-rrti");
	CU_ASSERT_EQUAL(c.op->cmd, CMD_RECEIVE_ROD_TOKEN_INFORMATION);
	CU_ASSERT_EQUAL(c.list_id, 257);
	CU_ASSERT_EQUAL(c.len, 1024);
	c = cdb_both_ways("cdb-rrti-windows");
	CU_ASSERT_EQUAL(c.list_id, 42);
	CU_ASSERT_EQUAL(c.len, 805);
	c = cdb_both_ways("cdb-inquiry-windows");
	CU_ASSERT_TRUE(c.evpd && c.page == 0x8f && c.len == 255);
}

static void other_cdbs_both_ways(void)
{
	unsigned i;

	for (i = 0; golden_line("cdb-others", i).len; i++) {
		struct golden g = golden_line("cdb-others", i);
		struct scsi_cdb c;
		uint8_t made[16];

		CU_ASSERT_TRUE(sense_is_good(scsi_cdb_decode(g.p, g.len, &c)));
		CHECK_BYTES(made, scsi_cdb_encode(&c, made), g.p, g.len);
	}
	CU_ASSERT_EQUAL(i, 8);
}

static void usage_data(void)
{
	static const uint8_t sa[] = { 0x10, 0x11, 0x07 };
	struct lu_info lu = sample_lu();

	for (unsigned i = 0; i < 3; i++) {
		struct golden g = golden_line("usage", i);
		struct writer w = writer(out, sizeof(out));

		CU_ASSERT_TRUE(
			sense_is_good(rsoc_encode(&w, &lu, 2, i < 2 ? 0x83 : 0x84, sa[i], false)));
		CHECK_BYTES(out + 4, w.len - 4, g.p, g.len);
	}
}

static void pt_list(void)
{
	struct golden g = golden_load("pt-list");
	struct tpc_range r[2];
	struct tpc_pt p;

	CU_ASSERT_TRUE_FATAL(sense_is_good(tpc_pt_decode(g.p, g.len, &p)));
	CU_ASSERT_TRUE(p.rtv && !p.immed);
	CU_ASSERT_EQUAL(p.timeout, 300);
	CU_ASSERT_EQUAL(p.rod_type, ROD_TYPE_PIT_DEFAULT);
	CU_ASSERT_EQUAL_FATAL(p.ranges.n, 2);
	r[0] = tpc_range_at(&p.ranges, 0);
	r[1] = tpc_range_at(&p.ranges, 1);
	CU_ASSERT_TRUE(r[0].lba == 0x1000 && r[0].blocks == 128);
	CU_ASSERT_TRUE(r[1].lba == 0x4000 && r[1].blocks == 64);
	CHECK_BYTES(out,
		    tpc_pt_encode(out, sizeof(out), p.immed, p.rtv, p.timeout, p.rod_type, r, 2),
		    g.p, g.len);
}

static void pt_list_of_ddpt(void)
{
	struct golden g = golden_load("pt-list-ddpt");
	struct tpc_pt p;

	CU_ASSERT_TRUE_FATAL(sense_is_good(tpc_pt_decode(g.p, g.len, &p)));
	CU_ASSERT_EQUAL_FATAL(p.ranges.n, 2);
	/* the standard is obeyed, not ddpt's meaning */
	CU_ASSERT_EQUAL(tpc_range_at(&p.ranges, 0).lba, 0x1000 * 256);
	CU_ASSERT_EQUAL(tpc_range_at(&p.ranges, 0).blocks, 128 * 256);
	CU_ASSERT_EQUAL(tpc_range_at(&p.ranges, 1).lba, 0x4000 * 256);
	CU_ASSERT_EQUAL(tpc_range_at(&p.ranges, 1).blocks, 64 * 256);
}

static void wut_both_ways(const char *name, uint64_t offset, uint64_t lba, uint32_t blocks)
{
	struct golden g = golden_load(name);
	struct tpc_range r;
	struct tpc_wut p;

	CU_ASSERT_TRUE_FATAL(sense_is_good(tpc_wut_decode(g.p, g.len, &p)));
	CU_ASSERT_TRUE(!p.immed && !p.del_tkn);
	CU_ASSERT_EQUAL(p.offset, offset);
	CU_ASSERT_EQUAL_FATAL(p.ranges.n, 1);
	r = tpc_range_at(&p.ranges, 0);
	CU_ASSERT_TRUE(r.lba == lba && r.blocks == blocks);
	CHECK_BYTES(out,
		    tpc_wut_encode(out, sizeof(out), p.immed, p.del_tkn, p.offset, p.token, &r, 1),
		    g.p, g.len);
}

static void wut_lists(void)
{
	struct golden token = golden_load("token"), list = golden_load("wut-list-token");

	wut_both_ways("wut-list-zero", 0, 0x20000, 2048);
	wut_both_ways("wut-list-token", 7, 0x8000, 192);
	CHECK_BYTES(list.p + 16, 512, token.p, token.len);
}

static void tokens(void)
{
	struct golden g = golden_load("token"), zero = golden_load("token-zero");
	struct rod_token t;

	CU_ASSERT_TRUE_FATAL(rod_token_decode(g.p, &t));
	CU_ASSERT_EQUAL(t.type, ROD_TYPE_PIT_DEFAULT);
	CU_ASSERT_EQUAL(t.id, 1);
	CU_ASSERT_EQUAL(t.bytes, 192 * 512);
	CU_ASSERT_EQUAL(t.block_size, 512);
	CU_ASSERT_EQUAL(t.lbppbe, 3);
	CU_ASSERT_TRUE(t.lbpme && t.lbprz);
	t.target_name = "iqn.2001-04.com.example:t1";
	t.random = g.p + 256;
	rod_token_encode(out, &t);
	CHECK_BYTES(out, ROD_TOKEN_LEN, g.p, g.len);
	CU_ASSERT_TRUE(rod_token_is_zero(zero.p));
	rod_token_encode_zero(out);
	CHECK_BYTES(out, ROD_TOKEN_LEN, zero.p, zero.len);
}

static struct tpc_result result_both_ways(const struct golden *g)
{
	struct tpc_result r = { 0 };
	struct writer w = writer(out, sizeof(out));

	CU_ASSERT_TRUE_FATAL(tpc_result_decode(g->p, g->len, &r));
	CU_ASSERT_EQUAL(r.available, g->len - 4);
	CU_ASSERT_EQUAL(r.units, TPC_UNITS_BLOCKS);
	CU_ASSERT_EQUAL(r.segments, 0);
	tpc_result_encode(&w, &r);
	CHECK_BYTES(out, w.len, g->p, g->len);
	return r;
}

static void results(void)
{
	struct golden g = golden_load("rrti-pt-done"), token = golden_load("token");
	struct tpc_result r = result_both_ways(&g);

	CU_ASSERT_TRUE(r.sa == 0x10 && r.status == TPC_DONE && r.count == 192);
	CU_ASSERT_EQUAL(r.delay_ms, TPC_DELAY_FINISHED);
	CU_ASSERT_EQUAL(r.descriptors_len, 514);
	CU_ASSERT_PTR_EQUAL_FATAL(r.token, g.p + 38);
	CHECK_BYTES(r.token, 512, token.p, token.len);
	g = golden_load("rrti-wut-done");
	r = result_both_ways(&g);
	CU_ASSERT_TRUE(r.sa == 0x11 && r.status == TPC_DONE && r.count == 192 && !r.token);
	g = golden_load("rrti-wut-busy");
	r = result_both_ways(&g);
	CU_ASSERT_TRUE(r.status == TPC_BACKGROUND && r.delay_ms == 500 && r.count == 64);
}

/* We answer with fixed sense; descriptor sense of others is understood. */
static void short_result(void)
{
	struct golden g = golden_load("rrti-wut-short"),
		      fixed = golden_load("rrti-wut-short-fixed");
	struct tpc_result r, f = result_both_ways(&fixed);
	struct writer w = writer(out, sizeof(out));

	CU_ASSERT_TRUE_FATAL(tpc_result_decode(g.p, g.len, &r));
	CU_ASSERT_TRUE(r.sense.key == f.sense.key && r.sense.flags == f.sense.flags);
	CU_ASSERT_EQUAL(f.sense.info, 64);
	CU_ASSERT_EQUAL(r.sense.key, KEY_COPY_ABORTED);
	CU_ASSERT_EQUAL(sense_asc_ascq(r.sense), ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT_EQUAL(r.sense.info, 64);
	CU_ASSERT_TRUE(r.status == TPC_PARTIAL && r.completion == SAM_CHECK_CONDITION);
	tpc_result_encode(&w, &r);
	CHECK_BYTES(out, w.len, fixed.p, fixed.len);
}

static void page_8f(void)
{
	static const uint8_t sas[] = { 0x00, 0x01, 0x10, 0x11, 0x1c, 0x00,
				       0x03, 0x04, 0x05, 0x07, 0x08 };
	struct golden g = golden_load("vpd-8f");
	struct vpd_8f v;

	CU_ASSERT_EQUAL(g.len, 376);
	CU_ASSERT_TRUE_FATAL(vpd_8f_decode(g.p, g.len, &v));
	CU_ASSERT_TRUE(v.windows_ok);
	CU_ASSERT_TRUE(v.max_ranges == 64 && v.max_timeout == 600 && v.default_timeout == 60);
	CU_ASSERT_TRUE(v.max_token_blocks == 0x200000 && v.optimal_blocks == 0x20000);
	CU_ASSERT_EQUAL_FATAL(v.ncommands, sizeof(sas));
	for (unsigned i = 0; i < v.ncommands; i++) {
		CU_ASSERT_EQUAL(v.commands[i].opcode, i < 5 ? 0x83 : 0x84);
		CU_ASSERT_EQUAL(v.commands[i].sa, sas[i]);
	}
	CU_ASSERT_EQUAL_FATAL(v.nrod_types, 2);
	CU_ASSERT_TRUE(v.rod_types[0].type == ROD_TYPE_PIT_DEFAULT && v.rod_types[0].out);
	CU_ASSERT_TRUE(v.rod_types[1].type == ROD_TYPE_ZERO && !v.rod_types[1].out);
	CU_ASSERT_TRUE(v.remote_tokens == 0 && v.granularity_blocks == 8);
	CU_ASSERT_EQUAL(v.max_rod_bytes, 1u << 30);
}

/* Our page has the example's descriptors of the commands that we have. */
static void page_8f_descriptors_as_in_the_example(void)
{
	static const uint16_t types[] = { 0x0000, 0x000c, 0x0106, 0x0108 };
	struct golden g = golden_load("vpd-8f");
	struct lu_info lu = sample_lu();
	struct writer w = writer(out, sizeof(out));
	size_t a[4] = { 4, 0x64, 0x6c, 0xcc }, b = 4, found = 0;

	CU_ASSERT_TRUE(vpd_encode(&w, 0x8f, &lu));
	while (b < w.len) {
		size_t n = get_be16(out + b + 2) + 4u;

		for (unsigned i = 0; i < 4; i++) {
			if (get_be16(out + b) != types[i])
				continue;
			found++;
			if (types[i] == 0x0106) /* MINIMUM TOKEN LIFETIME is ours */
				memcpy(out + b + 16, g.p + a[i] + 16, 4);
			CHECK_BYTES(out + b, n, g.p + a[i], get_be16(g.p + a[i] + 2) + 4u);
		}
		b += n;
	}
	CU_ASSERT_EQUAL(found, 4);
}

static void sense_vectors(void)
{
	static const struct {
		uint8_t key;
		uint16_t asc;
		unsigned flags;
		uint64_t value;
		bool ours;
	} want[] = {
		{ 0x5, 0x2600, SENSE_FIELD_PL, 4, true },
		{ 0x5, 0x2400, SENSE_FIELD_CDB, 2, true },
		{ 0x5, 0x2600, SENSE_FIELD_PL, 8, true },
		{ 0x5, 0x2100, SENSE_INFO, 0x100000, true },
		{ 0x5, 0x2304, 0, 0, true },
		{ 0xa, 0x0d04, SENSE_INFO, 64, true },
		{ 0xa, 0x0d04, SENSE_INFO, 64, true },
		{ 0xa, 0x0d02, SENSE_SEGMENT | SENSE_FIELD_SEGMENT, 6, true },
		{ 0xa, 0x0d01, SENSE_SEGMENT | SENSE_FIELD_SEGMENT, 6, false },
	};
	const unsigned n = sizeof(want) / sizeof(want[0]);

	for (unsigned i = 0; i < n; i++) {
		struct golden g = golden_line("sense", i);
		struct sense s = { 0 };

		CU_ASSERT_TRUE(sense_decode(g.p, g.len, &s));
		CU_ASSERT_EQUAL(s.key, want[i].key);
		CU_ASSERT_EQUAL(sense_asc_ascq(s), want[i].asc);
		CU_ASSERT_EQUAL(s.flags, want[i].flags);
		CU_ASSERT_EQUAL(s.flags & SENSE_INFO ? s.info : s.field, want[i].value);
		if (want[i].ours)
			CHECK_BYTES(out, sense_encode(s, g.p[0] == 0x72, out, sizeof(out)), g.p,
				    g.len);
	}
	CU_ASSERT_EQUAL(golden_line("sense", n).len, 0);
}

/* ---- the table of 9.2, as far as lists alone show it ---- */

static struct sense judge(const struct golden *g, size_t len, uint64_t *ret_blocks)
{
	static struct tpc_range scratch[TPC_MAX_RANGES];
	struct lu_info lu = sample_lu();
	struct tpc_pt p;
	struct sense s = tpc_pt_decode(g->p, len, &p);

	if (!sense_is_good(s))
		return s;
	return tpc_judge_ranges(&p.ranges, &lu.limits, 512, 0x100000, scratch, ret_blocks);
}

/* The PT list of 2.2 with a big-endian @value of @n bytes at @at. */
static struct sense pt_with(size_t at, unsigned n, uint64_t value, uint64_t *ret_blocks)
{
	struct golden g = golden_load("pt-list");

	for (unsigned i = n; i-- > 0; value >>= 8)
		g.p[at + i] = (uint8_t)value;
	return judge(&g, g.len, ret_blocks);
}

static void negative_pt(void)
{
	uint64_t blocks = 0;
	struct golden g = golden_load("pt-list");
	struct sense s;

	CU_ASSERT_EQUAL(sense_asc_ascq(pt_with(0, 2, 0x1d, &blocks)), 0x2600); /* 1 */
	CU_ASSERT_EQUAL(sense_asc_ascq(pt_with(14, 2, 15, &blocks)), 0x2600);  /* 2 */
	CU_ASSERT_EQUAL(sense_asc_ascq(pt_with(14, 2, 0, &blocks)), 0x2600);
	put_be16(g.p + 14, 47); /* 3 */
	CU_ASSERT_TRUE(sense_is_good(judge(&g, 16 + 31, &blocks)));
	CU_ASSERT_EQUAL(blocks, 128);
	CU_ASSERT_EQUAL(sense_asc_ascq(pt_with(32, 8, 0x107f, &blocks)), 0x2600); /* 5 */
	CU_ASSERT_TRUE(sense_is_good(pt_with(32, 8, 0x1080, &blocks)));		  /* 6 */
	CU_ASSERT_EQUAL(blocks, 192);
	g = golden_load("pt-list");
	put_be64(g.p + 32, 0x1010);
	put_be32(g.p + 40, 0);
	CU_ASSERT_TRUE(sense_is_good(judge(&g, g.len, &blocks)));
	s = pt_with(16, 12, 0, &blocks);
	CU_ASSERT_TRUE(sense_is_good(s));
	put_be64(g.p + 32, 0xfffff);
	put_be32(g.p + 40, 2);
	s = judge(&g, g.len, &blocks); /* 7 */
	CU_ASSERT_TRUE(sense_asc_ascq(s) == 0x2100 && s.info == 0x100000);
	put_be64(g.p + 32, UINT64_MAX);
	put_be32(g.p + 40, 1);
	s = judge(&g, g.len, &blocks);
	CU_ASSERT_TRUE(sense_asc_ascq(s) == 0x2100 && s.info == 0x100000);
	CU_ASSERT_EQUAL(sense_asc_ascq(pt_with(24, 4, 0x200000, &blocks)), 0x2600); /* 10 */
	g = golden_load("pt-list");
	CU_ASSERT_EQUAL(sense_asc_ascq(judge(&g, 15, &blocks)), 0x1a00); /* 11 */
}

static void negative_pt_65_ranges(void)
{
	struct tpc_range r[65];
	struct golden g = { .len = 0 };
	uint64_t blocks;

	for (unsigned i = 0; i < 65; i++)
		r[i] = (struct tpc_range) { i * 8, 8 };
	g.len = tpc_pt_encode(g.p, sizeof(g.p), false, false, 0, 0, r, 65);
	CU_ASSERT_EQUAL(sense_asc_ascq(judge(&g, g.len, &blocks)), 0x2608); /* 4 */
}

static void negative_wut(void)
{
	struct golden g = golden_load("wut-list-token");
	struct rod_token t;
	struct tpc_wut p;

	g.p[16 + 7] ^= 1; /* 16: the token's length; structure is good, the token is not */
	CU_ASSERT_TRUE(sense_is_good(tpc_wut_decode(g.p, g.len, &p)));
	CU_ASSERT_FALSE(rod_token_decode(p.token, &t));
	g = golden_load("wut-list-zero");
	put_be64(g.p + 8, UINT64_MAX); /* 21: any offset */
	CU_ASSERT_TRUE(sense_is_good(tpc_wut_decode(g.p, g.len, &p)));
	CU_ASSERT_TRUE(rod_token_is_zero(p.token));
	CU_ASSERT_EQUAL(p.offset, UINT64_MAX);
	put_be16(g.p, 0x225);
	CU_ASSERT_EQUAL(sense_asc_ascq(tpc_wut_decode(g.p, g.len, &p)), 0x2600);
	CU_ASSERT_EQUAL(sense_asc_ascq(tpc_wut_decode(g.p, 551, &p)), 0x1a00);
}

static const struct test tests[] = {
	{ "CDBs of section 1", cdbs },
	{ "the other CDBs of section 1, both ways", other_cdbs_both_ways },
	{ "usage data of section 1", usage_data },
	{ "PT list of 2.2", pt_list },
	{ "PT list of 2.2 as ddpt sends it", pt_list_of_ddpt },
	{ "WUT lists of 2.3 and 9.3", wut_lists },
	{ "tokens of 4.1 and 4.2", tokens },
	{ "RRTI data of 3.2", results },
	{ "RRTI data of 3.2 with sense, in both formats", short_result },
	{ "VPD 8Fh of 5.2", page_8f },
	{ "our 8Fh has the descriptors of 5.2", page_8f_descriptors_as_in_the_example },
	{ "sense vectors of 9.1", sense_vectors },
	{ "negative checks of 9.2 for PT", negative_pt },
	{ "negative check of 9.2: 65 ranges", negative_pt_65_ranges },
	{ "negative checks of 9.2 for WUT", negative_wut },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "golden_scsi", tests);
}
