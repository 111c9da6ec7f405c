/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "pr.h"
#include "test.h"

static uint8_t out[GOLDEN_MAX];

static void out_list(void)
{
	struct golden g = golden_load("pr-out");
	struct pr_out p;

	CU_ASSERT_TRUE_FATAL(sense_is_good(pr_out_decode(g.p, g.len, &p)));
	CU_ASSERT_EQUAL(p.key, 0x0011223344556677);
	CU_ASSERT_EQUAL(p.sa_key, 0x8899aabbccddeeff);
	CU_ASSERT_TRUE(p.aptpl && !p.spec_i_pt && !p.all_tg_pt);
	pr_out_encode(&p, out);
	CHECK_BYTES(out, PR_OUT_LEN, g.p, g.len);
}

static void keys(void)
{
	static const uint64_t want[] = { 0xabcd, 0x123456789abcdef0 };
	struct golden g = golden_load("pr-keys");
	struct writer w = writer(out, sizeof(out));
	uint64_t key = 0;

	pr_keys_encode(&w, 7, want, 2);
	CHECK_BYTES(out, w.len, g.p, g.len);
	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_TRUE(pr_key_decode(g.p, g.len, i, &key));
		CU_ASSERT_EQUAL(key, want[i]);
	}
	CU_ASSERT_FALSE(pr_key_decode(g.p, g.len, 2, &key));
}

static void reservation(void)
{
	static const uint8_t types[] = { PR_EXCLUSIVE_ACCESS_RO, PR_NONE };

	for (unsigned i = 0; i < 2; i++) {
		struct golden g = golden_line("pr-reservation", i);
		struct writer w = writer(out, sizeof(out));
		uint64_t key = 1;
		uint8_t type = 0xff;

		pr_reservation_encode(&w, 7 + i, types[i], 0xabcd);
		CHECK_BYTES(out, w.len, g.p, g.len);
		CU_ASSERT_TRUE(pr_reservation_decode(g.p, g.len, &type, &key));
		CU_ASSERT_EQUAL(type, types[i]);
		CU_ASSERT_EQUAL(key, i == 0 ? 0xabcd : 0);
	}
}

static void capabilities(void)
{
	struct golden g = golden_load("pr-capabilities");
	struct writer w = writer(out, sizeof(out));
	struct pr_capabilities c;

	CU_ASSERT_TRUE_FATAL(pr_capabilities_decode(g.p, g.len, &c));
	CU_ASSERT_TRUE(c.crh && c.ptpl_c && c.ptpl_a && c.tmv && !c.sip_c && !c.atp_c);
	CU_ASSERT_EQUAL(c.allow_commands, 3);
	CU_ASSERT_EQUAL(c.types, 1 << 1 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8);
	pr_capabilities_encode(&w, &c);
	CHECK_BYTES(out, w.len, g.p, g.len);
}

static void full_status(void)
{
	static const struct pr_status want[] = {
		{ .key = 1,
		  .holder = true,
		  .type = PR_WRITE_EXCLUSIVE,
		  .rtpi = 1,
		  .initiator = "iqn.1993-08.org.debian:abcdef,i,0x00023d000001" },
		{ .key = 2, .rtpi = 2, .initiator = "iqn.2001-04.abc" },
	};
	struct golden g = golden_load("pr-full-status");
	struct writer w = writer(out, sizeof(out));
	struct pr_status got;
	size_t pos = 8;

	pr_full_status_encode(&w, 2, want, 2);
	CHECK_BYTES(out, w.len, g.p, g.len);
	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_TRUE_FATAL(pr_full_status_next(g.p, g.len, &pos, &got));
		CU_ASSERT_EQUAL(got.key, want[i].key);
		CU_ASSERT_EQUAL(got.holder, want[i].holder);
		CU_ASSERT_EQUAL(got.type, want[i].type);
		CU_ASSERT_EQUAL(got.rtpi, want[i].rtpi);
		CU_ASSERT_PTR_NOT_NULL_FATAL(got.initiator);
		CU_ASSERT_STRING_EQUAL(got.initiator, want[i].initiator);
	}
	CU_ASSERT_FALSE(pr_full_status_next(g.p, g.len, &pos, &got));
}

static const struct test tests[] = {
	{ "PERSISTENT RESERVE OUT parameter list, SPC-4 6.16.3", out_list },
	{ "READ KEYS, SPC-4 6.15.2", keys },
	{ "READ RESERVATION, SPC-4 6.15.3", reservation },
	{ "REPORT CAPABILITIES, SPC-4 6.15.4", capabilities },
	{ "READ FULL STATUS, SPC-4 6.15.5", full_status },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "golden_pr", tests);
}
