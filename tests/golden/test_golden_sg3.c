/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our encodings through the eyes of sg3_utils: each page goes into a file as
 * hex, a tool decodes it, and its output must say what we meant.  Without
 * sg3-utils these tests fail: nothing else here checks us from outside.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "golden.h"
#include "sample_lu.h"

static uint8_t page[GOLDEN_MAX];
static char output[65536];

/* Runs "@command FILE", FILE holding the bytes as hex; output in output[]. */
static void run(const char *command, const uint8_t *p, size_t len)
{
	char path[] = "/tmp/odx-golden-XXXXXX", line[512];
	int fd = mkstemp(path);
	FILE *f;
	size_t n;

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	f = fdopen(fd, "w");
	for (size_t i = 0; i < len; i++)
		fprintf(f, "%02x%c", p[i], i % 16 == 15 ? '\n' : ' ');
	fprintf(f, "\n");
	fclose(f);
	snprintf(line, sizeof(line), "%s%s 2>&1", command, path);
	f = popen(line, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = '\0';
	if (pclose(f) != 0) {
		printf("%s:\n%s\n", line, output);
		CU_FAIL("the tool failed; is sg3-utils installed?");
	}
	unlink(path);
}

static void says(const char *text)
{
	if (!strstr(output, text)) {
		printf("not said: \"%s\" in:\n%s\n", text, output);
		CU_FAIL("the tool understood something else");
	}
}

static void says_not(const char *text)
{
	if (strstr(output, text)) {
		printf("said: \"%s\" in:\n%s\n", text, output);
		CU_FAIL("the tool complains");
	}
}

static void vpd(uint8_t code, const struct lu_info *lu)
{
	struct writer w = writer(page, sizeof(page));
	char command[64];

	CU_ASSERT_TRUE(vpd_encode(&w, code, lu));
	snprintf(command, sizeof(command), "sg_vpd -p 0x%02x --inhex=", code);
	run(command, page, w.len);
	says_not("truncated");
	says_not("malformed");
}

static void third_party_copy(void)
{
	struct lu_info lu = sample_lu();

	vpd(0x8f, &lu);
	says("Maximum range descriptors: 64");
	says("Maximum inactivity timeout: 600 seconds");
	says("Default inactivity timeout: 60 seconds");
	says("Maximum token transfer size: 2097152");
	says("Optimal transfer count: 131072");
	says("Populate token");
	says("Write using token");
	says("Receive ROD token information");
	says("Remote tokens: 0");
	says("Maximum token lifetime: 600 seconds");
	says("Maximum Bytes in block ROD: 1073741824");
	says("point in time copy - default [0x800000]");
	says("block device zero [0xffff0001]");
	says("Total concurrent copies: 256");
}

static void identification(void)
{
	struct lu_info lu = sample_lu();

	vpd(0x83, &lu);
	says("T10 vendor identification");
	says("vendor id: ODX");
	says("0x3000112233445566");
	says("iqn.2001-04.com.example:t1,L,0x3000112233445566");
	says("iqn.2001-04.com.example:t1,t,0x0001");
	says("Target port group: 0x1");
	says("Relative target port: 0x1");
	says("Target device that contains addressed lu");
}

static void small_pages(void)
{
	struct lu_info lu = sample_lu();

	vpd(0x00, &lu);
	says("Third party copy");
	says("Block limits");
	vpd(0x80, &lu);
	says("3000112233445566");
	vpd(0x86, &lu);
	says("HEADSUP=0 ORDSUP=0 SIMPSUP=1");
	says("LUICLR=1");
	lu.max_transfer_blocks = 8192;
	vpd(0xb0, &lu);
	says("Optimal transfer length granularity: 8 blocks");
	says("Maximum transfer length: 8192 blocks");
	vpd(0xb1, &lu);
	says("Non-rotating medium");
	vpd(0xb2, &lu);
	says("(LBPRZ): 1");
	says("Unmap command supported (LBPU): 1");
	says("(LBPWS): 1");
	says("(LBPWS10): 1");
	says("Provisioning type: 2");
}

static void standard_inquiry(void)
{
	struct lu_info lu = sample_lu();
	struct writer w = writer(page, sizeof(page));

	inquiry_encode(&w, &lu);
	run("sg_inq -d --inhex=", page, w.len);
	says("version=0x06");
	says("HiSUP=1");
	says("3PC=1");
	says("CmdQue=1");
	says("Vendor identification: ODX");
	says("Product identification: Disk");
	says("SPC-4");
	says("SBC-3");
	says("iSCSI");
}

static void sense_of(struct sense s, bool descriptor)
{
	uint8_t b[SENSE_MAX_LEN];

	run("sg_decode_sense --file=", b, sense_encode(s, descriptor, b, sizeof(b)));
}

static void sense(void)
{
	for (int d = 0; d < 2; d++) {
		sense_of(sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 4), d);
		says("Illegal Request");
		says("Invalid field in parameter list");
		says("Error in Data parameters: byte 4");
		sense_of(sense_cdb_bit(15, 2), d);
		says("Invalid field in cdb");
		says("Error in Command: byte 15 bit 2");
		sense_of(sense_info(KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0x100000), d);
		says("Logical block address out of range");
		says("100000");
		sense_of(sense_info(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN, 0x40), d);
		says("Copy Aborted");
		says("Copy target device data underrun");
		sense_of(sense_make(KEY_ILLEGAL_REQUEST, ASC_TOKEN_CANCELLED), d);
		says("Invalid token operation, token cancelled");
	}
}

static void sense_vectors_of_the_notes(void)
{
	static const char *const want[] = {
		"byte 4",	 "byte 2",	  "byte 8",
		"100000",	 "token unknown", "data underrun",
		"data underrun", "not reachable", "Third party device"
	};

	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct golden g = golden_line("sense", i);

		run("sg_decode_sense --file=", g.p, g.len);
		says(want[i]);
	}
}

/* sg_decode_sense names CDBs as well; it knows ours by the same names. */
static void command_names(void)
{
	struct golden g = golden_load("cdb-pt");

	run("sg_decode_sense --cdb --file=", g.p, g.len);
	says("Populate token");
	g = golden_load("cdb-wut");
	run("sg_decode_sense --cdb --file=", g.p, g.len);
	says("Write using token");
	g = golden_load("cdb-rrti");
	run("sg_decode_sense --cdb --file=", g.p, g.len);
	says("Receive ROD token information");
}

static const struct test tests[] = {
	{ "sg_vpd reads page 8Fh as we mean it", third_party_copy },
	{ "sg_vpd reads page 83h", identification },
	{ "sg_vpd reads 00h 80h 86h B0h B1h B2h", small_pages },
	{ "sg_inq reads standard INQUIRY data", standard_inquiry },
	{ "sg_decode_sense reads our sense in both formats", sense },
	{ "sg_decode_sense reads the vectors of 9.1", sense_vectors_of_the_notes },
	{ "sg_decode_sense names our CDBs", command_names },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "golden_sg3", tests);
}
