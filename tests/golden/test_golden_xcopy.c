/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "golden.h"
#include "xcopy.h"

static uint8_t out[GOLDEN_MAX];

/* Decodes, looks at what both lists say, and encodes again. */
static struct xcopy_segment both_ways(const char *name, bool lid4, struct xcopy_list *l)
{
	struct golden g = golden_load(name);
	struct xcopy_segment seg = { 0 }, none;
	struct xcopy_cscd cscds[2];
	size_t pos = 0;

	CU_ASSERT_TRUE_FATAL(sense_is_good(xcopy_decode(g.p, g.len, lid4, l)));
	CU_ASSERT_EQUAL_FATAL(l->ncscds, 2);
	CU_ASSERT_EQUAL(l->nsegments, 1);
	for (unsigned i = 0; i < 2; i++) {
		cscds[i] = xcopy_cscd_at(l, i);
		CU_ASSERT_TRUE(cscds[i].code_set == 1 && cscds[i].designator_type == 3);
		CU_ASSERT_TRUE(cscds[i].designator_len == 8 && cscds[i].association == 0);
		CU_ASSERT_EQUAL(cscds[i].designator[7], 0x66 + i);
		CU_ASSERT_EQUAL(cscds[i].block_size, 512);
		CU_ASSERT_EQUAL(xcopy_cscd_index(l, (uint16_t)(lid4 ? i + 1 : i)), (int)i);
	}
	CU_ASSERT_EQUAL(xcopy_cscd_index(l, lid4 ? 0 : 2), -1);
	CU_ASSERT_TRUE_FATAL(xcopy_segment_next(l, &pos, &seg));
	CU_ASSERT_FALSE(xcopy_segment_next(l, &pos, &none));
	CU_ASSERT_TRUE(seg.src_lba == 0x1000 && seg.dst_lba == 0x8000);
	CHECK_BYTES(out, xcopy_encode(out, sizeof(out), l, cscds, 2, &seg, 1), g.p, g.len);
	return seg;
}

static void lid1(void)
{
	struct xcopy_list l;
	struct xcopy_segment seg = both_ways("xcopy-lid1", false, &l);

	CU_ASSERT_TRUE(l.list_id == 7 && l.usage == XCOPY_KEEP && !l.immed);
	CU_ASSERT_TRUE(seg.type == XCOPY_BLOCKS && seg.src == 0 && seg.dst == 1);
	CU_ASSERT_EQUAL(seg.count, 0x800);
}

static void lid4(void)
{
	struct xcopy_list l;
	struct xcopy_segment seg = both_ways("xcopy-lid4", true, &l);

	CU_ASSERT_TRUE(l.list_id == 0x12345678 && l.usage == XCOPY_KEEP);
	CU_ASSERT_TRUE(l.immed && !l.g_sense);
	CU_ASSERT_TRUE(seg.type == XCOPY_OFFSET && seg.src == 1 && seg.dst == 2);
	CU_ASSERT_TRUE(seg.count == 1 << 20 && seg.src_off == 0 && seg.dst_off == 0);
}

static void answers(void)
{
	/* The comment is two lines of the file, which golden_line does not count. */
	struct golden g = golden_line("xcopy-answers", 0);
	struct writer w = writer(out, sizeof(out));
	struct xcopy_lid1_status s = { 0 };

	xcopy_status_encode(&w, XCOPY_OK, 1, 49152);
	CHECK_BYTES(out, w.len, g.p, g.len);
	CU_ASSERT_TRUE(xcopy_status_decode(g.p, g.len, &s));
	CU_ASSERT_TRUE(s.status == XCOPY_OK && s.segments == 1 && s.count == 49152);
	g = golden_line("xcopy-answers", 1);
	w = writer(out, sizeof(out));
	xcopy_failure_encode(&w, SAM_CHECK_CONDITION,
			     xcopy_sense(ASC_COPY_TARGET_NOT_REACHABLE, 0, 6));
	CHECK_BYTES(out, w.len, g.p, g.len);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "EXTENDED COPY(LID1) list of 2.6", lid1 },
		{ "EXTENDED COPY(LID4) list of 2.6", lid4 },
		{ "RECEIVE COPY data of 3.5 and 3.6", answers },
		TEST_END,
	};

	return test_main(argc, argv, "golden_xcopy", tests);
}
