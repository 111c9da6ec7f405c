/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sg3_utils on every kind of LUN, through the LD_PRELOAD shim of tests/clients/: each
 * VPD page decoded, each command named, and the programs for the commands of a disk.
 */
#include <stdio.h>
#include <string.h>

#include "client.h"

/* One LUN of each kind, numbered by this. */
enum { FULL, THIN, THIN_4096, READ_ONLY, REMOVABLE, KINDS };

static struct odxd *start(void)
{
	struct run r = RUN("sh", "-c", "command -v sg_vpd");
	bool found = r.status == 0;

	run_done(&r);
	if (!found) {
		test_skip("sg3_utils");
		return NULL;
	}
	return ODXD("--lun", "mem:a,size=16M,provisioning=full,physical-block-size=4K", "--lun",
		    "mem:b,size=16M,provisioning=thin", "--lun",
		    "mem:c,size=16M,provisioning=thin,block-size=4096,unmap=false", "--lun",
		    "mem:d,size=16M,provisioning=thin,read-only", "--lun",
		    "mem:e,size=16M,provisioning=thin,removable,encrypt");
}

/* Its own sanitizer would get in the way of the shim, so only this program has it. */
static struct run sg(int status, const char *const argv[])
{
	struct run r;

	run_env("LD_PRELOAD", program("SGISCSI"));
	r = run_argv(60, argv);
	run_env("LD_PRELOAD", NULL);
	if (r.status != status)
		printf("%s: status %d\n%s%s", argv[0], r.status, r.out, r.err);
	CU_ASSERT_EQUAL(r.status, status);
	return r;
}
#define SG(status, ...) sg(status, (const char *const[]) { __VA_ARGS__, NULL })

/* Runs a program of which only the exit status matters. */
#define SG_DONE(status, ...)                             \
	do {                                             \
		struct run r_ = SG(status, __VA_ARGS__); \
		run_done(&r_);                           \
	} while (0)

/* True when @text is in neither output; prints them otherwise. */
static bool silent_about(const struct run *r, const char *text)
{
	bool found = strstr(r->out, text) || strstr(r->err, text);

	if (found)
		printf("\"%s\" is in:\n%s%s\n", text, r->out, r->err);
	return !found;
}

/* What sg3_utils say of what they cannot read. */
static void check_decoded(const struct run *r)
{
	static const char *const complaints[] = {
		"Only hex output",    "Unable to decode",
		"nable to",	      "hex:",
		"too short",	      "nknown",
		"malformed",	      "not recogni",
		"eserved designator", "?",
	};

	CU_ASSERT(r->out_lines > 1);
	CU_ASSERT_STRING_EQUAL(r->err, "");
	for (unsigned i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
		CU_ASSERT(silent_about(r, complaints[i]));
}

static void vpd_pages(void)
{
	struct odxd *o = start();
	struct initiator *in;
	uint8_t pages[255];
	char number[8];

	if (!o)
		return;
	in = login_clear(o, KINDS);
	for (unsigned lun = 0; lun < KINDS; lun++) {
		struct answer a = inquiry(in, lun, true, 0x00, pages, sizeof(pages));
		unsigned n = pages[3];

		CHECK_GOOD(a);
		CU_ASSERT(n >= 8 && a.in_len == n + 4u);
		for (unsigned i = 0; i < n && i + 4 < sizeof(pages); i++) {
			struct run r;

			snprintf(number, sizeof(number), "0x%02x", pages[4 + i]);
			r = SG(0, "sg_vpd", "-p", number, odxd_uri(o, lun));
			check_decoded(&r);
			run_done(&r);
		}
	}
	initiator_close(in);
	odxd_stop(o);
}

static void opcodes(void)
{
	struct odxd *o = start();

	if (!o)
		return;
	for (unsigned lun = 0; lun < KINDS; lun++) {
		struct run r = SG(0, "sg_opcodes", "--rctd", "--mask", odxd_uri(o, lun));

		check_decoded(&r);
		CU_ASSERT(silent_about(&r, "service action="));
		run_done(&r);
		r = SG(0, "sg_opcodes", "--tmf", odxd_uri(o, lun));
		check_decoded(&r);
		run_done(&r);
	}
	odxd_stop(o);
}

static void verify_and_compare(void)
{
	const char *zeros = make_file("zeros", 1024), *data = make_filled("data", 512, 3);
	const char *both = tmp_path("both"), *uri;
	struct odxd *o = start();
	struct run r;

	if (!o)
		return;
	uri = odxd_uri(o, FULL);
	SG_DONE(0, "sg_verify", "--count=1000", uri);
	SG_DONE(0, "sg_verify", "--16", "--count=2", "--ndo=1024", "-i", zeros, uri);
	SG_DONE(0, "sg_verify", "--16", "--count=9", "--ndo=512", "--ebytchk=3", "-0", uri);
	/* Block 7: compared with zeros, the data written; then it is not zeros any more. */
	r = RUN("sh", "-c", "head -c 512 \"$0\" | cat - \"$1\" > \"$2\"", zeros, data, both);
	run_done(&r);
	SG_DONE(0, "sg_compare_and_write", "--lba=7", "--num=1", "--in", both, uri);
	SG_DONE(14, "sg_compare_and_write", "--quiet", "--lba=7", "--num=1", "--in", both, uri);
	SG_DONE(0, "sg_verify", "--lba=7", "--count=1", "--ndo=512", "-i", data, uri);
	SG_DONE(14, "sg_verify", "--quiet", "--lba=7", "--count=1", "--ndo=512", "-0", uri);
	SG_DONE(0, "sg_write_verify", "--16", "--bytchk=1", "--lba=8", "--num=1", "--in", data,
		uri);
	SG_DONE(0, "sg_verify", "--lba=8", "--count=1", "--ndo=512", "-i", data, uri);
	odxd_stop(o);
}

static void sanitize_and_format(void)
{
	struct odxd *o = start();
	struct initiator *in;

	if (!o)
		return;
	in = login_clear(o, KINDS);
	CU_ASSERT(write_pattern(in, THIN, 512, 0, MIB, 0, 1));
	SG_DONE(0, "sg_sanitize", "--block", "--quick", "--wait", odxd_uri(o, THIN));
	clear_ua(in, THIN);
	CU_ASSERT(lun_is_zero(in, THIN, 512, 0, MIB));
	CU_ASSERT(write_pattern(in, FULL, 512, 0, MIB, 0, 1));
	SG_DONE(0, "sg_sanitize", "--overwrite", "--zero", "--quick", "--wait", odxd_uri(o, FULL));
	clear_ua(in, FULL);
	CU_ASSERT(lun_is_zero(in, FULL, 512, 0, MIB));
	SG_DONE(0, "sg_sanitize", "--crypto", "--quick", "--wait", odxd_uri(o, REMOVABLE));
	CU_ASSERT(write_pattern(in, FULL, 512, 0, MIB, 0, 1));
	SG_DONE(0, "sg_format", "--format", "--quick", "--wait", odxd_uri(o, FULL));
	clear_ua(in, FULL);
	CU_ASSERT(lun_is_zero(in, FULL, 512, 0, MIB));
	/* 7/27/00 on the read-only one: sg3_utils' "data protect". */
	SG_DONE(7, "sg_sanitize", "--block", "--quick", odxd_uri(o, READ_ONLY));
	initiator_close(in);
	odxd_stop(o);
}

static void medium(void)
{
	struct odxd *o = start();
	const char *uri;

	if (!o)
		return;
	uri = odxd_uri(o, REMOVABLE);
	SG_DONE(0, "sg_prevent", "--prevent=1", uri);
	SG_DONE(0, "sg_prevent", "--allow", uri);
	SG_DONE(0, "sg_start", "--eject", uri);
	SG_DONE(2, "sg_turs", uri); /* not ready */
	SG_DONE(0, "sg_start", "--load", uri);
	SG_DONE(0, "sg_turs", uri);
	SG_DONE(0, "sg_sync", uri);
	SG_DONE(0, "sg_requests", uri);
	odxd_stop(o);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "sg_vpd decodes every page of every kind of LUN", vpd_pages },
		{ "sg_opcodes names every command, with timeouts and masks", opcodes },
		{ "sg_verify, sg_compare_and_write, sg_write_verify", verify_and_compare },
		{ "sg_sanitize, sg_format", sanitize_and_format },
		{ "sg_prevent, sg_start, sg_turs, sg_sync, sg_requests", medium },
		TEST_END
	};

	return test_main(argc, argv, "e2e-sg3", tests);
}
