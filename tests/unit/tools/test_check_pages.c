/* SPDX-License-Identifier: Apache-2.0 */
/* What odxcheck makes of the bytes that Windows reads: each mistake gets its finding. */
#include <stdio.h>
#include <string.h>

#include "check_pages.h"
#include "fake_session.h"
#include "test.h"

/* A LUN that pleases Windows; a test takes away from it. */
static const char *inquiry, *cap10, *p00, *pb0, *p8f, *mode;
static struct sense mode_error;

#define NAME_36 \
	"4f 44 58 20 20 20 20 20  56 20 20 20 20 20 20 20 20 20 20 20 20 20 20 20 31 20 20 20"
/* PAGE LENGTH, first descriptor, its length, MRD, MIAT, DIAT, MTTS, OTC */
#define PAGE_8F(length, type, dlen, mrd, miat, diat, mtts, otc)                                \
	"00 8f " length " " type " " dlen " 00 00 00 00 00 00 " mrd " " miat " " diat " " mtts \
	" " otc
#define MTTS	"00 00 00 00 00 80 00 00"
#define OTC	"00 00 00 00 00 08 00 00"
#define GOOD_8F PAGE_8F("00 24", "00 00", "00 20", "00 40", "00 00 02 58", "00 00 00 3c", MTTS, OTC)
/* Behind the limits: 0106h with MAXIMUM BYTES IN BLOCK ROD 4 GiB. */
#define FEATURES                                                                    \
	" 01 06 00 3c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 " \
	"00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 10 "  \
	"00 00 00 0c 00 00 00 00 00 00 00 01 00 00 00 00"
#define CONTROL(wp, qerr) "0f 00 " wp " 00 8a 0a 02 " qerr " 00 00 00 00 ff ff 00 00"

static const char *page_hex(uint8_t page)
{
	switch (page) {
	case 0x00:
		return p00;
	case 0xb0:
		return pb0;
	default:
		return p8f;
	}
}

static void answer(unsigned lun, struct initiator_cmd *cmd)
{
	const char *hex = NULL;

	(void)lun;
	switch (cmd->cdb[0]) {
	case 0x12:
		hex = cmd->cdb[1] & 1 ? page_hex(cmd->cdb[2]) : inquiry;
		break;
	case 0x25:
		hex = cap10;
		break;
	case 0x1a:
		hex = mode;
		break;
	case 0x15:
		hex = sense_is_good(mode_error) ? "" : NULL;
		break;
	}
	if (hex)
		fake_hex(cmd, hex);
	else
		fake_sense(cmd, sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB));
}

static void good_lun(void)
{
	inquiry = "00 00 06 12 1f 08 00 02 " NAME_36;
	cap10 = "00 0f ff ff 00 00 02 00";
	p00 = "00 00 00 05 00 80 83 8f b0";
	pb0 = "00 b0 00 3c 00 00 00 08 00 00 00 00 00 00 04 00";
	p8f = GOOD_8F;
	mode = CONTROL("10", "00");
	mode_error = sense_good();
	fake_reset(answer);
}

static struct findings f;

static void look(enum side side, bool pair)
{
	static struct disk_host host;
	struct disk d;
	char err[INITIATOR_ERR];

	memset(&f, 0, sizeof(f));
	disk_open(&d, NULL, 0, &host, err);
	check_pages(&d, side, pair, &f);
}

/* @what has @verdict, and it says @saw. */
static bool says(enum finding what, enum verdict verdict, const char *saw)
{
	const struct result *r = &f.v[what][SIDE_SOURCE];

	if (r->set && r->verdict == verdict && strstr(r->saw, saw))
		return true;
	printf("%s: %s \"%s\", expected %s \"%s\"\n", finding_rows[what].id,
	       r->set ? verdict_names[r->verdict] : "not set", r->saw, verdict_names[verdict], saw);
	return false;
}

static bool none_worse_than(enum verdict verdict)
{
	bool ok = true;

	for (unsigned i = 0; i < FINDING_COUNT; i++)
		for (unsigned s = 0; s < SIDE_COUNT; s++)
			if (f.v[i][s].set && f.v[i][s].verdict > verdict) {
				printf("%s: %s\n", finding_rows[i].id, f.v[i][s].saw);
				ok = false;
			}
	return ok;
}

/* One page is another; just @what fails with @saw, nothing else of discovery does. */
static void spoil(const char **page, const char *bytes, enum finding what, const char *saw)
{
	good_lun();
	*page = bytes;
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(what, VERDICT_FAIL, saw));
	CU_ASSERT_EQUAL(finding_count(&f, VERDICT_FAIL), 1);
}

static void good(void)
{
	good_lun();
	mode = CONTROL("00", "00");
	look(SIDE_SOURCE, false);
	CU_ASSERT(none_worse_than(VERDICT_PASS));
	CU_ASSERT_EQUAL(finding_count(&f, VERDICT_PASS), 18);
}

static void page_00(void)
{
	spoil(&p00, "00 00 00 04 00 80 83 b0", F_VPD_LIST_8F, "00 80 83 B0");
	spoil(&p00, "00 00 00 05 00 83 80 8f b0", F_VPD_LIST_ORDER, "80h after 83h");
	/* Also behind 8Fh, and a duplicate. */
	spoil(&p00, "00 00 00 06 00 80 83 8f b0 b0", F_VPD_LIST_ORDER, "B0h after B0h");
	spoil(&p00, "00 00 00 04 80 83 8f b0", F_VPD_LIST_ORDER, "the first page is 80h");
	spoil(&p00, "00 00 00 00", F_VPD_LIST, "none");
	spoil(&p00, NULL, F_VPD_LIST, "5/24/00");
}

static void page_8f(void)
{
	spoil(&p8f, NULL, F_VPD_8F_READABLE, "5/24/00");
	spoil(&p8f,
	      PAGE_8F("00 24", "00 01", "00 20", "00 40", "00 00 02 58", "00 00 00 3c", MTTS, OTC),
	      F_VPD_8F_FIRST_DESCRIPTOR, "0001h");
	spoil(&p8f,
	      PAGE_8F("00 24", "00 00", "00 1c", "00 40", "00 00 02 58", "00 00 00 3c", MTTS, OTC),
	      F_VPD_8F_DESCRIPTOR_LENGTH, "001Ch");
	spoil(&p8f,
	      PAGE_8F("00 20", "00 00", "00 20", "00 40", "00 00 02 58", "00 00 00 3c", MTTS, OTC),
	      F_VPD_8F_LENGTH, "PAGE LENGTH 32");
	/* Four stray bytes before the descriptor. */
	spoil(&p8f,
	      "00 8f 00 28 00 00 00 00 00 00 00 20 00 00 00 00 00 00 00 40 00 00 02 58 00 00 00 "
	      "3c " MTTS " " OTC,
	      F_VPD_8F_DESCRIPTOR_LENGTH, "0000h");
}

static void limits(void)
{
	spoil(&p8f,
	      PAGE_8F("00 24", "00 00", "00 20", "00 40", "00 00 00 1e", "00 00 00 3c", MTTS, OTC),
	      F_LIMITS_TIMEOUT, "above the maximum");
	spoil(&p8f,
	      PAGE_8F("00 24", "00 00", "00 20", "00 40", "00 00 02 58", "00 00 00 3c",
		      "00 00 00 00 00 04 00 00", OTC),
	      F_LIMITS_SIZES, "524288");
	/* 4 GiB given in bytes: the page contradicts itself. */
	spoil(&p8f,
	      PAGE_8F("00 64", "00 00", "00 20", "00 40", "00 00 02 58", "00 00 00 3c",
		      "00 00 00 01 00 00 00 00", OTC) FEATURES,
	      F_LIMITS_UNITS, "4294967296 bytes");
	/* Without the second opinion it is a suspicion. */
	good_lun();
	p8f = PAGE_8F("00 24", "00 00", "00 20", "00 40", "00 00 02 58", "00 00 00 3c",
		      "00 00 00 01 00 00 00 00", "00 00 00 00 10 00 00 00");
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_LIMITS_UNITS, VERDICT_WARN, "268435456"));
	good_lun();
	p8f = PAGE_8F("00 24", "00 00", "00 20", "00 01", "00 00 02 58", "00 00 00 05", MTTS, OTC);
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_LIMITS_RANGES, VERDICT_WARN, "1"));
	CU_ASSERT(says(F_LIMITS_TIMEOUT, VERDICT_WARN, "5 s"));
	/* None at all. */
	good_lun();
	p8f = PAGE_8F("00 24", "00 00", "00 20", "00 00", "00 00 00 00", "00 00 00 3c",
		      "00 00 00 00 00 00 00 00", "00 00 00 00 00 00 00 00");
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_LIMITS_RANGES, VERDICT_PASS, "no limit"));
	CU_ASSERT(says(F_LIMITS_SIZES, VERDICT_PASS, "0"));
	CU_ASSERT(says(F_LIMITS_UNITS, VERDICT_PASS, "0"));
}

static void block_limits(void)
{
	static const char small[] = "00 b0 00 3c 00 00 00 08 00 00 20 00 00 00 04 00";

	good_lun();
	pb0 = small;
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_MAX_TRANSFER_LENGTH, VERDICT_WARN, "8192 blocks, Windows sends"));
	p8f = PAGE_8F("00 64", "00 00", "00 20", "00 40", "00 00 02 58", "00 00 00 3c", MTTS, OTC)
		FEATURES;
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_MAX_TRANSFER_LENGTH, VERDICT_PASS, "in its place"));
	good_lun();
	p00 = "00 00 00 04 00 80 83 8f";
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_BLOCK_LIMITS, VERDICT_WARN, "does not name it"));
}

static void mode_page(void)
{
	good_lun();
	mode = CONTROL("00", "02"); /* QERR 01b */
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_QERR, VERDICT_PASS, "done"));
	mode_error = sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_QERR, VERDICT_WARN, "setting it to 0: 5/24/00"));
	good_lun();
	mode = NULL;
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_QERR, VERDICT_WARN, "5/24/00"));
}

static void write_protection(void)
{
	good_lun();
	mode = CONTROL("90", "00");
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_WRITE_PROTECTED, VERDICT_WARN, "write-protected"));
	look(SIDE_SOURCE, true);
	CU_ASSERT(says(F_WRITE_PROTECTED, VERDICT_INFO, "write-protected"));
	look(SIDE_DESTINATION, true);
	CU_ASSERT_EQUAL(f.v[F_WRITE_PROTECTED][SIDE_DESTINATION].verdict, VERDICT_FAIL);
}

static void no_capacity(void)
{
	spoil(&cap10, NULL, F_CAPACITY, "5/24/00");
	spoil(&cap10, "00 0f ff ff 00 00 02 08", F_CAPACITY, "520 bytes");
	spoil(&cap10, "00 0f ff ff 00 00 00 00", F_CAPACITY, "0 bytes");
}

static void not_a_disk(void)
{
	good_lun();
	inquiry = "0c 00 06 12 1f 08 00 02 " NAME_36;
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_LUN_ANSWERS, VERDICT_FAIL, "device type 0Ch"));
	inquiry = NULL;
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_LUN_ANSWERS, VERDICT_FAIL, "5/24/00"));
}

static void third_party(void)
{
	good_lun();
	inquiry = "00 00 06 12 1f 00 00 02 " NAME_36;
	look(SIDE_SOURCE, false);
	CU_ASSERT(says(F_THIRD_PARTY_BIT, VERDICT_WARN, "3PC is 0"));
}

static void pairs(void)
{
	struct disk a = { .capacity = { .blocks = 100, .block_size = 512 } }, b = a;

	memset(&f, 0, sizeof(f));
	check_pair(&a, &b, true, &f);
	CU_ASSERT(none_worse_than(VERDICT_PASS));
	b.capacity.block_size = 4096;
	memset(&f, 0, sizeof(f));
	check_pair(&a, &b, false, &f);
	CU_ASSERT_EQUAL(finding_count(&f, VERDICT_WARN), 2);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a good LUN passes all", good },
		{ "page 00h: missing, unordered, without 8Fh", page_00 },
		{ "page 8Fh: unreadable, short, another descriptor first", page_8f },
		{ "limits that contradict each other", limits },
		{ "page B0h: missing, a small MAXIMUM TRANSFER LENGTH", block_limits },
		{ "QERR is 0, can be set, cannot", mode_page },
		{ "write protection depends on the side", write_protection },
		{ "no capacity, or blocks of no size", no_capacity },
		{ "not a disk, no answer", not_a_disk },
		{ "3PC", third_party },
		{ "two LUNs", pairs },
		TEST_END
	};

	return test_main(argc, argv, "unit-tools-check-pages", tests);
}
