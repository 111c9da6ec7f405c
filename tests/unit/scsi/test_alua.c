/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "alua.h"

static const struct alua_group groups[] = {
	{ .supported = ALUA_SUP_OPTIMIZED, .tag = 1, .nports = 1, .ports = { 1 } },
	{ .preferred = true,
	  .state = ALUA_STANDBY,
	  .supported = ALUA_SUP_STANDBY | ALUA_SUP_TRANSITIONING,
	  .tag = 0x1234,
	  .status = 2,
	  .vendor = 9,
	  .nports = 2,
	  .ports = { 7, 0x8001 } },
};

static const uint8_t wire[] = {
	0,
	0,
	0,
	28,
	0x00,
	0x01,
	0,
	1,
	0,
	0,
	0,
	1,
	0,
	0,
	0,
	1,
	/* the second one */
	0x82,
	0x84,
	0x12,
	0x34,
	0,
	2,
	9,
	2,
	0,
	0,
	0,
	7,
	0,
	0,
	0x80,
	0x01,
};

static void check_groups(const uint8_t *p, size_t len, unsigned want)
{
	struct alua_group g;
	size_t pos = 0;
	unsigned n = 0;

	while (rtpg_next(p, len, &pos, &g)) {
		CU_ASSERT_FATAL(n < 2);
		CU_ASSERT_EQUAL(g.preferred, groups[n].preferred);
		CU_ASSERT_EQUAL(g.state, groups[n].state);
		CU_ASSERT_EQUAL(g.supported, groups[n].supported);
		CU_ASSERT_EQUAL(g.tag, groups[n].tag);
		CU_ASSERT_EQUAL(g.status, groups[n].status);
		CU_ASSERT_EQUAL(g.vendor, groups[n].vendor);
		CU_ASSERT_EQUAL(g.nports, groups[n].nports);
		for (unsigned i = 0; i < g.nports; i++)
			CU_ASSERT_EQUAL(g.ports[i], groups[n].ports[i]);
		n++;
	}
	CU_ASSERT_EQUAL(n, want);
}

static void length_only(void)
{
	uint8_t b[64];
	struct writer w = writer(b, sizeof(b));

	rtpg_encode(&w, false, 77, groups, 2);
	CHECK_BYTES(b, w.len, wire, sizeof(wire));
	check_groups(b, w.len, 2);
}

static void extended(void)
{
	uint8_t b[64], want[sizeof(wire) + 4] = { 0, 0, 0, 32, 0x10, 60, 0, 0 };
	struct writer w = writer(b, sizeof(b));

	memcpy(want + 8, wire + 4, sizeof(wire) - 4);
	rtpg_encode(&w, true, 60, groups, 2);
	CHECK_BYTES(b, w.len, want, sizeof(want));
	check_groups(b, w.len, 2);
}

static void cut_anywhere(void)
{
	for (size_t len = 0; len <= sizeof(wire); len++)
		check_groups(wire, len, len < 16 ? 0 : len < sizeof(wire) ? 1 : 2);
}

/* The writer counts on, so that RETURN DATA LENGTH is that of the whole list. */
static void cut_by_the_allocation_length(void)
{
	uint8_t b[10];
	struct writer w = writer(b, sizeof(b));

	rtpg_encode(&w, false, 0, groups, 2);
	CU_ASSERT_EQUAL(w.len, sizeof(wire));
	CHECK_BYTES(b, sizeof(b), wire, sizeof(b));
}

static void more_ports_than_kept(void)
{
	uint8_t b[4 + 8 + 4 * 20 + 8] = { 0, 0, 0, sizeof(b) - 4, 0, 1, 0, 5, 0, 0, 0, 20 };
	struct alua_group g;
	size_t pos = 0;

	b[12 + 4 * 15 + 3] = 16;
	put_be16(b + 12 + 4 * 20 + 2, 6); /* the group behind */
	CU_ASSERT_TRUE(rtpg_next(b, sizeof(b), &pos, &g));
	CU_ASSERT_EQUAL(g.nports, 20);
	CU_ASSERT_EQUAL(g.ports[15], 16);
	CU_ASSERT_TRUE(rtpg_next(b, sizeof(b), &pos, &g));
	CU_ASSERT_EQUAL(g.tag, 6);
	CU_ASSERT_FALSE(rtpg_next(b, sizeof(b), &pos, &g));
}

static void functions(void)
{
	static const uint8_t brief[] = { 0xda, 0, 0, 0 };
	static const uint8_t full[16] = { 0xda, 0, 0, 12 };
	uint8_t b[16], got;
	struct writer w = writer(b, sizeof(b));

	report_tmfs_encode(&w, false, 0xda);
	CHECK_BYTES(b, w.len, brief, sizeof(brief));
	w = writer(b, sizeof(b));
	report_tmfs_encode(&w, true, 0xda);
	CHECK_BYTES(b, w.len, full, sizeof(full));
	CU_ASSERT_TRUE(report_tmfs_decode(b, 16, &got));
	CU_ASSERT_EQUAL(got, 0xda);
	CU_ASSERT_FALSE(report_tmfs_decode(b, 3, &got));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "port groups both ways", length_only },
		{ "port groups with the extended header", extended },
		{ "a cut list ends with its last whole group", cut_anywhere },
		{ "RETURN DATA LENGTH does not depend on the room", cut_by_the_allocation_length },
		{ "ports beyond those kept are counted and stepped over", more_ports_than_kept },
		{ "task management functions, short and extended", functions },
		TEST_END
	};

	return test_main(argc, argv, "scsi_alua", tests);
}
