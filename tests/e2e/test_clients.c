/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that others wrote, against odxd: libiscsi's tools, qemu-img with a
 * real disk image, sg3_utils through the LD_PRELOAD shim of tests/clients/.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client.h"

static bool have(const char *name)
{
	struct run r = RUN("sh", "-c", "command -v \"$0\"", name);
	bool found = r.status == 0;

	run_done(&r);
	if (!found)
		test_skip(name);
	return found;
}

/* Runs @argv, prints what it said unless it ended with @status. */
static struct run expect(int status, const char *const argv[])
{
	struct run r = run_argv(60, argv);

	if (r.status != status)
		printf("%s: status %d\n%s%s", argv[0], r.status, r.out, r.err);
	CU_ASSERT_EQUAL(r.status, status);
	return r;
}
#define EXPECT(status, ...) expect(status, (const char *const[]) { __VA_ARGS__, NULL })

static void check_says(const struct run *r, const char *text)
{
	if (!strstr(r->out, text))
		printf("\"%s\" is not in:\n%s\n", text, r->out);
	CU_ASSERT(strstr(r->out, text) != NULL);
}

/* ---- libiscsi's ---- */

static void iscsi_ls(void)
{
	struct odxd *o;
	char portal[80];
	struct run r;

	if (!have("iscsi-ls"))
		return;
	o = ODXD("--lun", "mem:a,size=16M", "--lun", "mem:b,size=32M,block-size=4096");
	snprintf(portal, sizeof(portal), "iscsi://%s", o->portal);
	r = EXPECT(0, "iscsi-ls", "-s", portal);
	check_says(&r, "Target:" ODXD_IQN);
	check_says(&r, o->portal);
	check_says(&r, "Lun:0");
	check_says(&r, "Lun:1");
	check_says(&r, "DIRECT_ACCESS");
	run_done(&r);
	odxd_stop(o);
}

static void iscsi_inq(void)
{
	static const char *const pages[] = { "0", "128", "131", "176", "177", "178" };
	struct odxd *o;
	struct run r;

	if (!have("iscsi-inq"))
		return;
	o = ODXD("--lun", "mem:a,size=16M,serial=CLIENT7");
	r = EXPECT(0, "iscsi-inq", odxd_uri(o, 0));
	check_says(&r, "Peripheral Device Type:DIRECT_ACCESS");
	check_says(&r, "Version:6");
	check_says(&r, "3PC:1");
	run_done(&r);
	for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		r = EXPECT(0, "iscsi-inq", "-e", "1", "-c", pages[i], odxd_uri(o, 0));
		if (strcmp(pages[i], "128") == 0)
			check_says(&r, "CLIENT7");
		run_done(&r);
	}
	odxd_stop(o);
}

static void iscsi_readcapacity(void)
{
	struct odxd *o;
	struct run r;

	if (!have("iscsi-readcapacity16"))
		return;
	o = ODXD("--lun", "mem:a,size=32M,block-size=4096");
	r = EXPECT(0, "iscsi-readcapacity16", odxd_uri(o, 0));
	check_says(&r, "LENGTH IN BYTES:4096");
	check_says(&r, "33554432");
	run_done(&r);
	odxd_stop(o);
}

/* ---- qemu-img with a file system in it ---- */

#define IMAGE_SIZE "48M"

/* An ext4 image with a tree of files; false when the tools are not there. */
static bool make_image(const char *path)
{
	char script[1024];
	struct run r;

	if (!have("qemu-img"))
		return false;
	snprintf(script, sizeof(script),
		 "set -e; d=%s.tree; mkdir $d; i=0; while [ $i -lt 40 ]; do "
		 "head -c $((i * 4321)) /dev/urandom > $d/file$i; i=$((i + 1)); done; "
		 "PATH=$PATH:/sbin:/usr/sbin; mkfs.ext4 -q -d $d %s " IMAGE_SIZE,
		 path, path);
	r = run_argv(60, (const char *const[]) { "sh", "-c", script, NULL });
	if (r.status != 0) {
		printf("%s", r.err);
		test_skip("mkfs.ext4 does not work");
	}
	run_done(&r);
	return r.status == 0;
}

static void image_round_trip(const char *options)
{
	const char *image = tmp_path("image"), *back = tmp_path("back");
	char spec[512];
	struct odxd *o;
	struct run r;

	remove(image);
	if (!make_image(image))
		return;
	snprintf(spec, sizeof(spec), "%s,size=" IMAGE_SIZE "%s", tmp_path("served"), options);
	remove(tmp_path("served"));
	o = ODXD("--lun", spec);
	r = EXPECT(0, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, odxd_uri(o, 0));
	run_done(&r);
	r = EXPECT(0, "qemu-img", "convert", "-f", "raw", "-O", "raw", odxd_uri(o, 0), back);
	run_done(&r);
	r = EXPECT(0, "cmp", image, back);
	run_done(&r);
	r = EXPECT(0, "qemu-img", "compare", "-f", "raw", "-F", "raw", image, odxd_uri(o, 0));
	run_done(&r);
	odxd_stop(o);
	/* What odxd left in its file is the image, too. */
	r = EXPECT(0, "cmp", image, tmp_path("served"));
	run_done(&r);
	r = EXPECT(0, "sh", "-c", "rm -rf \"$0\".tree", image);
	run_done(&r);
}

static void qemu_image(void)
{
	image_round_trip("");
}

static void qemu_image_4096(void)
{
	image_round_trip(",block-size=4096,direct");
}

static void qemu_image_offloaded(void)
{
	const char *image = tmp_path("image"), *back = tmp_path("back");
	struct odxd *o;
	struct run r;

	/* Image in by qemu, LUN to LUN by odxcp, image out by qemu. */
	remove(image);
	if (!make_image(image))
		return;
	o = ODXD("--lun", "mem:a,size=" IMAGE_SIZE, "--lun", "mem:b,size=" IMAGE_SIZE);
	r = EXPECT(0, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, odxd_uri(o, 0));
	run_done(&r);
	r = EXPECT(0, program("ODXCP"), odxd_uri(o, 0), odxd_uri(o, 1));
	check_says(&r, "offloaded    48 MiB");
	run_done(&r);
	r = EXPECT(0, "qemu-img", "convert", "-f", "raw", "-O", "raw", odxd_uri(o, 1), back);
	run_done(&r);
	r = EXPECT(0, "cmp", image, back);
	run_done(&r);
	r = EXPECT(0, "sh", "-c", "rm -rf \"$0\".tree", image);
	run_done(&r);
	odxd_stop(o);
}

/*
 * qemu-img -C copies by EXTENDED COPY, eight in flight, all with list identifier 1; where
 * one fails it goes on by READ and WRITE and says nothing.  So: the target's counters.
 */
static void qemu_copy_range(void)
{
	const char *src = make_filled("src", 64 * MIB, 1), *dst = make_filled("dst", 64 * MIB, 2);
	struct odxd *o;
	struct run r;

	if (!have("qemu-img"))
		return;
	o = ODXD("--lun", src, "--lun", dst);
	r = EXPECT(0, "qemu-img", "convert", "-n", "-C", "-W", "-m", "8", "-f", "raw", "-O", "raw",
		   odxd_uri(o, 0), odxd_uri(o, 1));
	run_done(&r);
	CU_ASSERT(file_is(dst, 0, 64 * MIB, 0, 1));
	CU_ASSERT(odxd_counter(o, 1, "extended_copies") >= 4);
	CU_ASSERT_EQUAL(odxd_counter(o, 1, "bytes_xcopied"), 64 * MIB);
	CU_ASSERT_EQUAL(odxd_counter(o, 1, "bytes_written"), 0);
	/* It looks for an image format, and reads no more than that. */
	CU_ASSERT(odxd_counter(o, 0, "bytes_read") < MIB);
	odxd_stop(o);
}

/* ---- sg3_utils through the shim ---- */

/* Runs an sg3_utils program with the shim; its own sanitizer would get in the way. */
static struct run sg(const char *const argv[])
{
	struct run r;

	run_env("LD_PRELOAD", program("SGISCSI"));
	r = run_argv(60, argv);
	run_env("LD_PRELOAD", NULL);
	if (r.status != 0)
		printf("%s: status %d\n%s%s", argv[0], r.status, r.out, r.err);
	CU_ASSERT_EQUAL(r.status, 0);
	return r;
}
#define SG(...) sg((const char *const[]) { __VA_ARGS__, NULL })

static struct odxd *sg_start(void)
{
	if (!have("sg_vpd"))
		return NULL;
	return ODXD("--lun", "mem:a,size=16M,serial=SG3", "--lun",
		    "mem:b,size=16M,block-size=4096");
}

static void sg_vpd_pages(void)
{
	static const char *const pages[] = {
		"0x00", "0x80", "0x83", "0x86", "0xb0", "0xb1", "0xb2"
	};
	struct odxd *o = sg_start();
	struct run r;

	if (!o)
		return;
	r = SG("sg_vpd", "-p", "0x8f", odxd_uri(o, 0));
	check_says(&r, "Block Device ROD Token Limits");
	check_says(&r, "Maximum range descriptors: 64");
	check_says(&r, "Maximum inactivity timeout: 600");
	check_says(&r, "Default inactivity timeout: 60");
	check_says(&r, "Maximum token transfer size: 8388608");
	check_says(&r, "Optimal transfer count: 524288");
	check_says(&r, "Populate token");
	check_says(&r, "Write using token");
	check_says(&r, "Receive ROD token information");
	check_says(&r, "Copy operation abort");
	check_says(&r, "Maximum CSCD descriptor count: 64");
	check_says(&r, "CSCD: Identification Descriptor [0xe4]");
	run_done(&r);
	r = SG("sg_vpd", "-p", "0x8f", odxd_uri(o, 1));
	check_says(&r, "Optimal transfer count: 65536");
	run_done(&r);
	for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		r = SG("sg_vpd", "-p", pages[i], odxd_uri(o, 0));
		CU_ASSERT(r.out_lines > 0);
		CU_ASSERT_STRING_EQUAL(r.err, "");
		run_done(&r);
	}
	odxd_stop(o);
}

static void sg_lists(void)
{
	struct odxd *o = sg_start();
	struct run r;

	if (!o)
		return;
	r = SG("sg_inq", odxd_uri(o, 0));
	check_says(&r, "3PC=1");
	check_says(&r, "CmdQue=1");
	check_says(&r, "Peripheral device type: disk");
	check_says(&r, "Unit serial number: SG3");
	run_done(&r);
	r = SG("sg_readcap", "-l", odxd_uri(o, 1));
	check_says(&r, "Logical block length=4096 bytes");
	check_says(&r, "Number of logical blocks=4096");
	run_done(&r);
	r = SG("sg_luns", odxd_uri(o, 0));
	check_says(&r, "Lun list length = 16");
	run_done(&r);
	r = SG("sg_opcodes", odxd_uri(o, 0));
	check_says(&r, "Populate token");
	check_says(&r, "Receive ROD token information");
	check_says(&r, "Write(16)");
	run_done(&r);
	r = SG("sg_modes", "-a", odxd_uri(o, 0));
	check_says(&r, "Caching");
	check_says(&r, "Control");
	run_done(&r);
	r = SG("sg_turs", "-n", "10", odxd_uri(o, 0));
	run_done(&r);
	odxd_stop(o);
}

/* A file, and what it has allocated. */
static void sg_space(void)
{
	const char *path = make_filled("disk", 4 * MIB, 1);
	struct stat before, after;
	struct odxd *o;
	struct run r;

	if (!have("sg_unmap"))
		return;
	o = ODXD("--lun", path);
	CU_ASSERT_EQUAL(stat(path, &before), 0);
	r = SG("sg_get_lba_status", "--lba=0", "--maxlen=40", odxd_uri(o, 0));
	check_says(&r, "mapped");
	run_done(&r);
	r = SG("sg_unmap", "--force", "--lba=2048", "--num=2048", odxd_uri(o, 0));
	run_done(&r);
	CU_ASSERT_EQUAL(stat(path, &after), 0);
	CU_ASSERT(after.st_blocks <= before.st_blocks - 2048);
	CU_ASSERT(file_is_zero(path, MIB, MIB));
	CU_ASSERT(file_is(path, 2 * MIB, 2 * MIB, 2 * MIB, 1));
	r = SG("sg_get_lba_status", "--lba=2048", "--maxlen=40", odxd_uri(o, 0));
	check_says(&r, "0x0000000000000800");
	check_says(&r, "2048  deallocated");
	run_done(&r);
	r = SG("sg_write_same", "--10", "--lba=0", "--num=8", odxd_uri(o, 0));
	run_done(&r);
	CU_ASSERT(file_is_zero(path, 0, 4096));
	r = SG("sg_write_same", "--unmap", "--lba=4096", "--num=2048", odxd_uri(o, 0));
	run_done(&r);
	r = SG("sg_write_same", "--16", "--ndob", "--lba=8", "--num=8", odxd_uri(o, 0));
	run_done(&r);
	CU_ASSERT(file_is_zero(path, 4096, 4096));
	CU_ASSERT(file_is(path, 8192, MIB - 8192, 8192, 1));
	CU_ASSERT(file_is_zero(path, 2 * MIB, MIB));
	odxd_stop(o);
}

/* Two portal groups are two ports of one LUN, as multipath tools see it. */
static void sg_paths(void)
{
	char second[64] = "", uri[256];
	struct odxd *o;
	struct run r;

	if (!have("sg_rtpg"))
		return;
	o = ODXD("--portal", "127.0.0.1:0,4660", "--lun", "mem:a,size=4M");
	CU_ASSERT_EQUAL(sscanf(strstr(o->said, "listening on 127.0.0.1:") + 1,
			       "%*[^\n]\nlistening on %63[^,], portal group 4660", second),
			1);
	snprintf(uri, sizeof(uri), "iscsi://%s/" ODXD_IQN "/0", second);
	r = SG("sg_rtpg", "-d", odxd_uri(o, 0));
	CU_ASSERT(strstr(r.out, "target port group id : 0x1 ") != NULL);
	CU_ASSERT(strstr(r.out, "target port group id : 0x1234 ") != NULL);
	CU_ASSERT(strstr(r.out, "active/optimized") != NULL);
	run_done(&r);
	r = SG("sg_rtpg", "-e", "-d", uri);
	CU_ASSERT(strstr(r.out, "0x1234") != NULL);
	run_done(&r);
	r = SG("sg_vpd", "-p", "di", uri);
	CU_ASSERT(strstr(r.out, "Relative target port: 0x1234") != NULL);
	CU_ASSERT(strstr(r.out, "Target port group: 0x1234") != NULL);
	CU_ASSERT(strstr(r.out, ODXD_IQN ",t,0x1234") != NULL);
	run_done(&r);
	r = SG("sg_inq", uri);
	CU_ASSERT(strstr(r.out, "TPGS=1") != NULL);
	run_done(&r);
	r = SG("sg_opcodes", "-t", "-R", odxd_uri(o, 0));
	CU_ASSERT(strstr(r.out, "Abort task set") != NULL);
	CU_ASSERT(strstr(r.out, "Clear task set") != NULL);
	CU_ASSERT(strstr(r.out, "Clear ACA") == NULL);
	run_done(&r);
	odxd_stop(o);
}

/*
 * Every run is a session with an ISID of its own, so another initiator port: it
 * registers itself beside ours, and cannot reserve what we hold.
 */
static void sg_persist(void)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_PR_OUT_REGISTER], .len = 24 };
	uint8_t list[24] = { [15] = 0x5a };
	struct odxd *o = sg_start();
	struct initiator *in;
	struct run r;

	if (!o)
		return;
	in = login_clear(o, 1);
	CHECK_GOOD(command(in, 0, &cdb, list, sizeof(list)));
	list[7] = 0x5a;
	cdb.op = &scsi_ops[CMD_PR_OUT_RESERVE];
	cdb.pr_type = 5;
	CHECK_GOOD(command(in, 0, &cdb, list, sizeof(list)));
	r = SG("sg_persist", "-n", "--out", "--register", "--param-sark=1234", odxd_uri(o, 0));
	run_done(&r);
	r = SG("sg_persist", "-n", "-k", odxd_uri(o, 0));
	check_says(&r, "2 registered reservation keys");
	check_says(&r, "0x5a");
	check_says(&r, "0x1234");
	run_done(&r);
	r = SG("sg_persist", "-n", "-r", odxd_uri(o, 0));
	check_says(&r, "Key=0x5a");
	check_says(&r, "Write Exclusive, registrants only");
	run_done(&r);
	r = SG("sg_persist", "-n", "-c", odxd_uri(o, 0));
	check_says(&r, "Compatible Reservation Handling(CRH): 1");
	check_says(&r, "Persist Through Power Loss Capable(PTPL_C): 0");
	check_says(&r, "Exclusive Access, all registrants: 1");
	run_done(&r);
	r = SG("sg_persist", "-n", "-s", odxd_uri(o, 0));
	check_says(&r, "Reservation holder");
	check_says(&r, "not reservation holder");
	check_says(&r, "iSCSI world wide unique port id: iqn.");
	run_done(&r);
	run_env("LD_PRELOAD", program("SGISCSI"));
	r = RUN("sg_persist", "-n", "--out", "--reserve", "--param-rk=5a", "--prout-type=5",
		odxd_uri(o, 0));
	run_env("LD_PRELOAD", NULL);
	CU_ASSERT_EQUAL(r.status, 24); /* reservation conflict */
	run_done(&r);
	initiator_close(in);
	odxd_stop(o);
}

/* A parameter list into a file, for sg_raw. */
static const char *list_file(const char *name, const uint8_t *list, size_t len)
{
	const char *path = make_file(name, 0);
	FILE *f = fopen(path, "we");

	if (!f || fwrite(list, 1, len, f) != len)
		exit(2);
	fclose(f);
	return path;
}

/* "83", "10", ... of an encoded CDB, appended to @argv. */
static unsigned add_cdb(const char **argv, unsigned n, const struct scsi_cdb *cdb, char text[16][3])
{
	uint8_t raw[16];
	size_t len = scsi_cdb_encode(cdb, raw);

	for (size_t i = 0; i < len; i++) {
		snprintf(text[i], 3, "%02x", raw[i]);
		argv[n++] = text[i];
	}
	argv[n] = NULL;
	return n;
}

/*
 * Two processes are two sessions, and a session's end drops its results: PT and
 * RRTI cannot be two sg_raw runs.  So each is one by itself, beside our session.
 */
static void sg_raw_commands(void)
{
	struct odxd *o = sg_start();
	uint8_t list[TPC_WUT_HEADER + TPC_RANGE_LEN], token[ROD_TOKEN_LEN];
	struct tpc_range from = RANGE(0, 64), to = RANGE(100, 8);
	struct scsi_cdb pt_cdb = { .op = &scsi_ops[CMD_POPULATE_TOKEN], .list_id = 257, .len = 32 };
	struct scsi_cdb wut_cdb = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
				    .list_id = 258,
				    .len = sizeof(list) };
	struct scsi_cdb rrti_cdb = { .op = &scsi_ops[CMD_RECEIVE_ROD_TOKEN_INFORMATION],
				     .list_id = 257,
				     .len = RRTI_ALL };
	const char *argv[32] = { "sg_raw", "-s", "32", "-i" };
	char text[16][3];
	struct initiator *in;
	struct run r;

	if (!o)
		return;
	in = login_clear(o, 2);
	CU_ASSERT(write_pattern(in, 0, 512, 0, 64 * 512, 0, 1));
	tpc_pt_encode(list, sizeof(list), false, false, 0, 0, &from, 1);
	argv[4] = list_file("pt", list, 32);
	argv[5] = odxd_uri(o, 0);
	add_cdb(argv, 6, &pt_cdb, text);
	r = sg(argv);
	CU_ASSERT(strstr(r.err, "SCSI Status: Good") != NULL);
	run_done(&r);
	/* Another nexus' list identifier: 5/24/00, sg_raw says so with status 5. */
	argv[1] = "-r";
	argv[2] = "1024";
	argv[3] = odxd_uri(o, 0);
	add_cdb(argv, 4, &rrti_cdb, text);
	run_env("LD_PRELOAD", program("SGISCSI"));
	r = run_argv(60, argv);
	run_env("LD_PRELOAD", NULL);
	CU_ASSERT(r.status != 0);
	CU_ASSERT(strstr(r.err, "Invalid field in cdb") != NULL);
	run_done(&r);
	/* Our token, written by it. */
	CU_ASSERT(take_token(in, 0, 1, &from, 1, token));
	tpc_wut_encode(list, sizeof(list), false, false, 0, token, &to, 1);
	argv[1] = "-s";
	argv[2] = "552";
	argv[3] = "-i";
	argv[4] = list_file("wut", list, sizeof(list));
	argv[5] = odxd_uri(o, 1);
	add_cdb(argv, 6, &wut_cdb, text);
	r = sg(argv);
	run_done(&r);
	CU_ASSERT(lun_is(in, 1, 4096, 100 * 4096, 8 * 4096, 0, 1));
	initiator_close(in);
	odxd_stop(o);
}

static void sg_copies(void)
{
	const char *src = make_filled("src", 16 * MIB, 1), *dst = make_filled("dst", 16 * MIB, 2);
	char from[300], to[300];
	struct odxd *o;
	struct run r;

	if (!have("sg_xcopy"))
		return;
	o = ODXD("--lun", src, "--lun", dst);
	snprintf(from, sizeof(from), "if=%s", odxd_uri(o, 0));
	snprintf(to, sizeof(to), "of=%s", odxd_uri(o, 1));
	r = SG("sg_xcopy", from, to, "bs=512", "count=4096", "skip=100", "seek=8192");
	run_done(&r);
	CU_ASSERT(file_is(dst, 0, 4 * MIB, 0, 2));
	CU_ASSERT(file_is(dst, 4 * MIB, 2 * MIB, 100 * 512, 1));
	CU_ASSERT(file_is(dst, 6 * MIB, 10 * MIB, 6 * MIB, 2));
	CU_ASSERT_EQUAL(odxd_counter(o, 0, "bytes_xcopied") + odxd_counter(o, 1, "bytes_xcopied"),
			2 * MIB);
	r = SG("sg_copy_results", "-p", odxd_uri(o, 0));
	check_says(&r, "Supports no list identifier (SNLID): yes");
	check_says(&r, "Maximum target descriptor count: 64");
	check_says(&r, "Maximum descriptor list length: 3840");
	check_says(&r, "Segment descriptor 0x02");
	check_says(&r, "Segment descriptor 0x0a");
	check_says(&r, "Target descriptor 0xe4");
	run_done(&r);
	odxd_stop(o);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "iscsi-ls -s lists target, portal and LUNs", iscsi_ls },
		{ "iscsi-inq reads INQUIRY data and VPD pages", iscsi_inq },
		{ "iscsi-readcapacity16", iscsi_readcapacity },
		{ "qemu-img convert: an ext4 image to a LUN and back", qemu_image },
		{ "the same with 4096-byte blocks and O_DIRECT", qemu_image_4096 },
		{ "an image in by qemu-img, over by odxcp, out by qemu-img", qemu_image_offloaded },
		{ "qemu-img convert -C copies by EXTENDED COPY, by the target's counters",
		  qemu_copy_range },
		{ "sg_xcopy, sg_copy_results", sg_copies },
		{ "sg_vpd reads all pages, 8Fh above all", sg_vpd_pages },
		{ "sg_inq, sg_readcap, sg_luns, sg_opcodes, sg_modes, sg_turs", sg_lists },
		{ "sg_unmap, sg_write_same, sg_get_lba_status", sg_space },
		{ "sg_rtpg, sg_vpd and sg_opcodes over two portal groups", sg_paths },
		{ "sg_persist reads keys, reservation, capabilities and full status", sg_persist },
		{ "sg_raw: POPULATE TOKEN, RECEIVE ROD TOKEN INFORMATION, WRITE USING TOKEN",
		  sg_raw_commands },
		TEST_END
	};

	return test_main(argc, argv, "e2e-clients", tests);
}
