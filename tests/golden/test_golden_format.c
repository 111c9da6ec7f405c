/* SPDX-License-Identifier: Apache-2.0 */
#include "format.h"
#include "golden.h"
#include "test.h"

static uint8_t out[GOLDEN_MAX];

static void format_lists(void)
{
	struct golden g = golden_load("format-lists");
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_FORMAT_UNIT], .fmtdata = true };
	bool immed = false;

	CU_ASSERT_EQUAL_FATAL(g.len, FORMAT_SHORT_LEN + FORMAT_LONG_LEN);
	CU_ASSERT_TRUE(sense_is_good(format_decode(&cdb, g.p, FORMAT_SHORT_LEN, &immed)));
	CU_ASSERT_TRUE(immed);
	CHECK_BYTES(out, format_encode(false, true, out), g.p, FORMAT_SHORT_LEN);
	cdb.longlist = true;
	CU_ASSERT_TRUE(sense_is_good(
		format_decode(&cdb, g.p + FORMAT_SHORT_LEN, FORMAT_LONG_LEN, &immed)));
	CU_ASSERT_FALSE(immed);
}

static void overwrite_list(void)
{
	struct golden g = golden_load("sanitize-overwrite");
	struct writer w = writer(out, sizeof(out));
	struct sanitize_overwrite o;

	CU_ASSERT_TRUE_FATAL(sense_is_good(sanitize_overwrite_decode(g.p, g.len, 512, &o)));
	CU_ASSERT(o.invert && o.passes == 3 && o.pattern_len == 4 && o.pattern == g.p + 4);
	sanitize_overwrite_encode(&w, &o);
	CHECK_BYTES(out, w.len, g.p, g.len);
}

static void defect_lists(void)
{
	struct golden g = golden_load("defect-lists");
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_READ_DEFECT_DATA_10],
				.plist = true,
				.glist = true,
				.defect_format = 5 };
	struct writer w = writer(out, sizeof(out));

	CU_ASSERT_TRUE(sense_is_good(defect_list_encode(&w, &cdb)));
	cdb.op = &scsi_ops[CMD_READ_DEFECT_DATA_12];
	CU_ASSERT_TRUE(sense_is_good(defect_list_encode(&w, &cdb)));
	CHECK_BYTES(out, w.len, g.p, g.len);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "FORMAT UNIT lists, short and long", format_lists },
		{ "SANITIZE overwrite list, both ways", overwrite_list },
		{ "READ DEFECT DATA, (10) and (12), empty", defect_lists },
		TEST_END,
	};

	return test_main(argc, argv, "golden/format", tests);
}
