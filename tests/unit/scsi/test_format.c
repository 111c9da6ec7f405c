/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "format.h"

static void check_sense(struct sense s, unsigned asc_ascq, unsigned flags, unsigned field,
			unsigned bit)
{
	CU_ASSERT_EQUAL(s.key, KEY_ILLEGAL_REQUEST);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), asc_ascq);
	CU_ASSERT_EQUAL(s.flags, flags);
	CU_ASSERT_EQUAL(s.field, field);
	CU_ASSERT_EQUAL(s.bit, bit);
}

#define CDB_BIT (SENSE_FIELD_CDB | SENSE_FIELD_BIT)
#define PL_BIT	(SENSE_FIELD_PL | SENSE_FIELD_BIT)

static void format_without_a_list(void)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_FORMAT_UNIT] };
	bool immed = true;

	CU_ASSERT_TRUE(sense_is_good(format_decode(&cdb, NULL, 0, &immed)));
	CU_ASSERT_FALSE(immed);
	cdb.cmplst = true;
	check_sense(format_decode(&cdb, NULL, 0, &immed), 0x2400, CDB_BIT, 1, 3);
	cdb.longlist = true;
	check_sense(format_decode(&cdb, NULL, 0, &immed), 0x2400, CDB_BIT, 1, 5);
	cdb.cmplst = cdb.longlist = false;
	cdb.defect_format = 4;
	check_sense(format_decode(&cdb, NULL, 0, &immed), 0x2400, CDB_BIT, 1, 2);
	cdb.defect_format = 0;
	cdb.fmtpinfo = 2;
	check_sense(format_decode(&cdb, NULL, 0, &immed), 0x2400, CDB_BIT, 1, 7);
	cdb.fmtpinfo = 0;
	cdb.ffmt = 1;
	check_sense(format_decode(&cdb, NULL, 0, &immed), 0x2400, CDB_BIT, 4, 1);
}

static void format_headers(void)
{
	static const struct {
		const char *hex;
		bool longlist;
		unsigned asc_ascq, field, bit; /* asc 0: good */
		bool immed;
	} rows[] = {
		{ "00 00 00 00", false, 0, 0, 0, false },
		{ "00 02 00 00", false, 0, 0, 0, true },
		{ "00 F2 00 00", false, 0, 0, 0, true }, /* FOV, DPRY, DCRT, STPF */
		{ "01 00 00 00", false, 0x2600, 0, 2, false },
		{ "00 40 00 00", false, 0x2600, 1, 6, false }, /* DPRY without FOV */
		{ "00 10 00 00", false, 0x2600, 1, 4, false },
		{ "00 88 00 00", false, 0x2600, 1, 3, false }, /* IP */
		{ "00 00 00 08", false, 0x2600, 2, 0, false },
		{ "00 00 00", false, 0x1a00, 0, 0, false },
		{ "00 02 00 00 00 00 00 00", true, 0, 0, 0, true },
		{ "00 00 00 01 00 00 00 00", true, 0x2600, 3, 0, false },
		{ "00 00 00 00 00 01 00 00", true, 0x2600, 4, 0, false },
		{ "00 00 00 00 00 00 00", true, 0x1a00, 0, 0, false },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scsi_cdb cdb = { .op = &scsi_ops[CMD_FORMAT_UNIT],
					.fmtdata = true,
					.longlist = rows[i].longlist };
		uint8_t p[16];
		size_t n = test_hex(rows[i].hex, p, sizeof(p));
		bool immed = false;
		struct sense s = format_decode(&cdb, p, n, &immed);

		CU_ASSERT_EQUAL(immed, rows[i].immed);
		CU_ASSERT_EQUAL(sense_asc_ascq(s), rows[i].asc_ascq);
		CU_ASSERT(s.field == rows[i].field && s.bit == rows[i].bit);
	}
}

static void format_lists_read_back(void)
{
	for (unsigned i = 0; i < 4; i++) {
		struct scsi_cdb cdb = { .op = &scsi_ops[CMD_FORMAT_UNIT],
					.fmtdata = true,
					.longlist = i & 1 };
		uint8_t p[FORMAT_LONG_LEN];
		size_t n = format_encode(i & 1, i & 2, p);
		bool immed = !(i & 2);

		CU_ASSERT_TRUE(sense_is_good(format_decode(&cdb, p, n, &immed)));
		CU_ASSERT_EQUAL(immed, (i & 2) != 0);
	}
}

static void overwrite_lists(void)
{
	uint8_t p[520] = { 0x83, 0, 0, 4, 1, 2, 3, 4 };
	struct sanitize_overwrite o = { .passes = 99 };

	CU_ASSERT_TRUE(sense_is_good(sanitize_overwrite_decode(p, 8, 512, &o)));
	CU_ASSERT(o.invert && o.passes == 3 && o.pattern == p + 4 && o.pattern_len == 4);
	o.passes = 99;
	check_sense(sanitize_overwrite_decode(p, 4, 512, &o), 0x2400, SENSE_FIELD_CDB, 7, 0);
	check_sense(sanitize_overwrite_decode(NULL, 0, 512, &o), 0x2400, SENSE_FIELD_CDB, 7, 0);
	check_sense(sanitize_overwrite_decode(p, 517, 512, &o), 0x2400, SENSE_FIELD_CDB, 7, 0);
	check_sense(sanitize_overwrite_decode(p, 7, 512, &o), 0x1a00, 0, 0, 0);
	p[0] = 0x80;
	check_sense(sanitize_overwrite_decode(p, 8, 512, &o), 0x2600, PL_BIT, 0, 4);
	p[0] = 0x21;
	check_sense(sanitize_overwrite_decode(p, 8, 512, &o), 0x2600, PL_BIT, 0, 6);
	p[0] = 0x01;
	p[1] = 1;
	check_sense(sanitize_overwrite_decode(p, 8, 512, &o), 0x2600, SENSE_FIELD_PL, 1, 0);
	p[1] = p[3] = 0;
	check_sense(sanitize_overwrite_decode(p, 8, 512, &o), 0x2600, SENSE_FIELD_PL, 2, 0);
	put_be16(p + 2, 513);
	check_sense(sanitize_overwrite_decode(p, 516, 512, &o), 0x2600, SENSE_FIELD_PL, 2, 0);
	CU_ASSERT_EQUAL(o.passes, 99);
	put_be16(p + 2, 512);
	CU_ASSERT_TRUE(sense_is_good(sanitize_overwrite_decode(p, 516, 512, &o)));
	CU_ASSERT(!o.invert && o.passes == 1 && o.pattern_len == 512);
}

static void overwrite_lists_read_back(void)
{
	static const uint8_t pattern[3] = { 7, 8, 9 };
	const struct sanitize_overwrite in = { true, 31, pattern, 3 };
	struct sanitize_overwrite out;
	uint8_t p[16];
	struct writer w = writer(p, sizeof(p));

	sanitize_overwrite_encode(&w, &in);
	CHECK_BYTES(p, w.len, "\x9f\0\0\3\7\10\11", 7);
	CU_ASSERT_TRUE(sense_is_good(sanitize_overwrite_decode(p, w.len, 512, &out)));
	CU_ASSERT(out.invert && out.passes == 31 && out.pattern_len == 3);
	CU_ASSERT_EQUAL(memcmp(out.pattern, pattern, 3), 0);
}

static void empty_defect_lists(void)
{
	for (unsigned format = 0; format < 8; format++) {
		struct scsi_cdb ten = { .op = &scsi_ops[CMD_READ_DEFECT_DATA_10],
					.plist = true,
					.defect_format = (uint8_t)format };
		struct scsi_cdb twelve = { .op = &scsi_ops[CMD_READ_DEFECT_DATA_12],
					   .glist = true,
					   .defect_format = (uint8_t)format };
		uint8_t want[8] = { 0, (uint8_t)(0x10 | format) }, p[16], q[16];
		struct writer w = writer(p, sizeof(p)), x = writer(q, sizeof(q));
		struct sense s = defect_list_encode(&w, &ten), t = defect_list_encode(&x, &twelve);

		if (format > 5) {
			check_sense(s, 0x2400, CDB_BIT, 2, 2);
			check_sense(t, 0x2400, CDB_BIT, 1, 2);
			continue;
		}
		CU_ASSERT(sense_is_good(s) && sense_is_good(t));
		CHECK_BYTES(p, w.len, want, 4);
		want[1] = (uint8_t)(0x08 | format);
		CHECK_BYTES(q, x.len, want, 8);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "FORMAT UNIT without a list has the defaults and nothing else",
		  format_without_a_list },
		{ "FORMAT UNIT headers, short and long", format_headers },
		{ "FORMAT UNIT lists read back", format_lists_read_back },
		{ "SANITIZE overwrite: length, count, pattern", overwrite_lists },
		{ "SANITIZE overwrite lists read back", overwrite_lists_read_back },
		{ "READ DEFECT DATA: empty lists in the format asked for", empty_defect_lists },
		TEST_END,
	};

	return test_main(argc, argv, "scsi/format", tests);
}
