/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "xcopy.h"

#define ROOM (XCOPY_LID4_HEADER + 8192)

static uint8_t pl[ROOM];

static const uint8_t naa[8] = { 0x30, 1, 2, 3, 4, 5, 6, 7 };

/* A list of @nc descriptors and @ns segments 02h. */
static size_t make(bool lid4, unsigned nc, unsigned ns)
{
	struct xcopy_list head = { .lid4 = lid4, .list_id = 5 };
	struct xcopy_cscd cscds[XCOPY_MAX_CSCDS + 2];
	struct xcopy_segment segs[XCOPY_MAX_SEGMENTS + 2];

	for (unsigned i = 0; i < nc; i++)
		cscds[i] = (struct xcopy_cscd) { .code_set = 1,
						 .designator_type = 3,
						 .designator_len = 8,
						 .designator = naa,
						 .block_size = 0x10203 };
	for (unsigned i = 0; i < ns; i++)
		segs[i] = (struct xcopy_segment) { .type = XCOPY_BLOCKS, .count = i };
	memset(pl, 0, sizeof(pl));
	return xcopy_encode(pl, sizeof(pl), &head, cscds, nc, segs, ns);
}

static unsigned decode(size_t len, bool lid4)
{
	struct xcopy_list l;
	struct sense s = xcopy_decode(pl, len, lid4, &l);

	return sense_is_good(s) ? 0 : (unsigned)s.key << 16 | sense_asc_ascq(s);
}

static void refused(size_t len, bool lid4, unsigned want, unsigned field)
{
	struct xcopy_list l;
	struct sense s = xcopy_decode(pl, len, lid4, &l);

	CU_ASSERT_EQUAL((unsigned)s.key << 16 | sense_asc_ascq(s), want);
	CU_ASSERT_TRUE(s.flags & SENSE_FIELD_PL);
	CU_ASSERT_EQUAL(s.field, field);
}

static void every_cut(void)
{
	for (int lid4 = 0; lid4 < 2; lid4++) {
		size_t n = make(lid4, 2, 2);

		CU_ASSERT_EQUAL(decode(n, lid4), 0);
		CU_ASSERT_EQUAL(decode(n + 20, lid4), 0);
		for (size_t i = 1; i < n; i++)
			CU_ASSERT_EQUAL(decode(i, lid4), 0x51a00);
	}
}

static void limits(void)
{
	for (int lid4 = 0; lid4 < 2; lid4++) {
		unsigned field = lid4 ? 42 : 2, header = lid4 ? 48 : 16;

		CU_ASSERT_EQUAL(decode(make(lid4, XCOPY_MAX_CSCDS, 1), lid4), 0);
		refused(make(lid4, XCOPY_MAX_CSCDS + 1, 1), lid4, 0x52606, field);
		CU_ASSERT_EQUAL(decode(make(lid4, 1, XCOPY_MAX_SEGMENTS), lid4), 0);
		refused(make(lid4, 1, XCOPY_MAX_SEGMENTS + 1), lid4, 0x52608, lid4 ? 44 : 8);
		/* 64 * 32 + 64 * 28 bytes are the most, and no more. */
		CU_ASSERT_EQUAL(make(lid4, 64, 64), header + XCOPY_MAX_LIST);
		CU_ASSERT_EQUAL(decode(header + XCOPY_MAX_LIST, lid4), 0);
		CU_ASSERT_EQUAL(decode(make(lid4, 65, 64), lid4), 0x51a00);
	}
}

static void header_fields(void)
{
	size_t n = make(true, 1, 1);

	pl[0] = 2;
	refused(n, true, 0x52600, 0);
	make(true, 1, 1);
	pl[3] = 0x1f;
	refused(n, true, 0x52600, 2);
	make(true, 1, 1);
	pl[16] = 0xfe;
	refused(n, true, 0x52600, 16);
	make(true, 1, 1);
	pl[15] = 0x03; /* IMMED with G_SENSE */
	CU_ASSERT_EQUAL(decode(n, true), 0x52400);
	pl[15] = 0x01;
	put_be32(pl + 20, 0);
	pl[1] = 0x18; /* and with LIST ID USAGE 11b */
	CU_ASSERT_EQUAL(decode(n, true), 0x52400);
	pl[15] = 0;
	CU_ASSERT_EQUAL(decode(n, true), 0);
	pl[23] = 1;
	refused(n, true, 0x52600, 20);
	pl[1] = 0x08; /* 01b */
	refused(n, true, 0x52600, 1);
	n = make(false, 1, 1);
	pl[1] = 0x18;
	refused(n, false, 0x52600, 0);
	pl[0] = 0;
	CU_ASSERT_EQUAL(decode(n, false), 0);
	pl[1] = 0x37; /* STR, PRIORITY, 10b: hints */
	CU_ASSERT_EQUAL(decode(n, false), 0);
}

static void descriptors(void)
{
	size_t n = make(false, 2, 2);

	pl[3] = 63;
	refused(n, false, 0x52600, 2);
	make(false, 2, 2);
	pl[16 + 32] = 0xe0;
	refused(n, false, 0x52607, 48);
	make(false, 2, 2);
	pl[16 + 7] = 21; /* DESIGNATOR LENGTH */
	refused(n, false, 0x52600, 23);
	make(false, 2, 2);
	pl[17] = 0xa0; /* LU ID TYPE 10b, NUL: ignored */
	CU_ASSERT_EQUAL(decode(n, false), 0);
	pl[80] = 0x03;
	refused(n, false, 0x52609, 80);
	make(false, 2, 1);
	pl[80 + 3] = 0x14;
	pl[11] = 0x18;
	refused(n, false, 0x52600, 82);
	make(false, 2, 2);
	pl[80 + 3] = 0xff;
	refused(n, false, 0x52600, 82);
	make(false, 2, 2);
	pl[80 + 28 + 1] = 4; /* FCO */
	refused(n, false, 0x52616, 109);
	make(false, 2, 2);
	put_be32(pl + 12, 1); /* inline data */
	refused(n + 1, false, 0x5260b, 12);
	CU_ASSERT_EQUAL(decode(n, false), 0x51a00);
	/* Counts before types, CSCDs before segments. */
	n = make(false, 1, 65);
	pl[48] = 0x03;
	refused(n, false, 0x52608, 8);
	pl[16] = 0xe0;
	refused(n, false, 0x52607, 16);
}

static void segments(void)
{
	struct xcopy_segment in[] = {
		{ .type = XCOPY_BLOCKS,
		  .dc = true,
		  .src = 1,
		  .dst = 2,
		  .count = 0xffff,
		  .src_lba = 1ull << 63,
		  .dst_lba = 0x123456789a },
		{ .type = XCOPY_OFFSET,
		  .cat = true,
		  .src = 0xffff,
		  .dst = 3,
		  .count = 0xfffffffe,
		  .src_lba = 4,
		  .dst_lba = 5,
		  .src_off = 0x102,
		  .dst_off = 0x304 },
		{ .type = XCOPY_VERIFY, .src = 9, .tur = true },
	};
	struct xcopy_list head = { .list_id = 0xff,
				   .usage = XCOPY_DISCARD,
				   .priority = 3,
				   .str = true },
			  l;
	struct xcopy_segment s;
	size_t pos = 0, n = xcopy_encode(pl, sizeof(pl), &head, NULL, 0, in, 3);

	CU_ASSERT_EQUAL(n, 16 + 28 + 32 + 12);
	CU_ASSERT_TRUE_FATAL(sense_is_good(xcopy_decode(pl, n, false, &l)));
	CU_ASSERT_TRUE(l.list_id == 0xff && l.usage == XCOPY_DISCARD && l.priority == 3 && l.str);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_TRUE_FATAL(xcopy_segment_next(&l, &pos, &s));
		CU_ASSERT_EQUAL(s.type, in[i].type);
		CU_ASSERT_TRUE(s.dc == in[i].dc && s.cat == in[i].cat && s.tur == in[i].tur);
		CU_ASSERT_TRUE(s.src == in[i].src && s.dst == in[i].dst);
		CU_ASSERT_TRUE(s.count == in[i].count && s.src_off == in[i].src_off);
		CU_ASSERT_TRUE(s.src_lba == in[i].src_lba && s.dst_lba == in[i].dst_lba);
		CU_ASSERT_EQUAL(s.dst_off, in[i].dst_off);
	}
	CU_ASSERT_FALSE(xcopy_segment_next(&l, &pos, &s));
	CU_ASSERT_EQUAL(xcopy_encode(pl, 3, &head, NULL, 0, in, 3), n);
}

static void identifiers_of_refused_lists(void)
{
	uint32_t id = 0;

	make(false, 0, 0);
	CU_ASSERT_TRUE(xcopy_peek_list_id(pl, 1, false, &id) && id == 5);
	make(true, 0, 0);
	CU_ASSERT_FALSE(xcopy_peek_list_id(pl, 23, true, &id));
	CU_ASSERT_TRUE(xcopy_peek_list_id(pl, 24, true, &id) && id == 5);
}

static void status(void)
{
	uint8_t b[100];
	struct writer w = writer(b, sizeof(b));
	struct xcopy_lid1_status s;

	xcopy_status_encode(&w, XCOPY_RUNNING, 3, 5ull << 40);
	CU_ASSERT_TRUE(xcopy_status_decode(b, w.len, &s));
	CU_ASSERT_TRUE(s.status == 0 && s.segments == 3 && s.units == 2);
	CU_ASSERT_EQUAL((uint64_t)s.count << (10 * s.units), 5ull << 40);
	CU_ASSERT_FALSE(xcopy_status_decode(b, 11, &s));
	w = writer(b, sizeof(b));
	xcopy_failure_encode(&w, SAM_GOOD, sense_good());
	CHECK_BYTES(b, w.len, ((const uint8_t[]) { 0, 0, 0, 0 }), 4);
	w = writer(b, sizeof(b));
	xcopy_failure_encode(&w, SAM_TASK_ABORTED, sense_good());
	CU_ASSERT_TRUE(w.len == 60 && get_be32(b) == 56 && b[56] == 0x40 && get_be16(b + 58) == 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a list cut anywhere is 5/1A/00", every_cut },
		{ "each limit, and one above", limits },
		{ "header fields", header_fields },
		{ "descriptors that are refused, and in which order", descriptors },
		{ "segments both ways", segments },
		{ "the identifier of a list that is refused", identifiers_of_refused_lists },
		{ "status and failure data", status },
		TEST_END,
	};

	return test_main(argc, argv, "scsi-xcopy", tests);
}
