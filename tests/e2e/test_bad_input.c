/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cannot work ends at once: a status that is not 0, exactly one line on
 * stderr that names the matter and what to do, and nothing changed or left behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "client.h"

/* One line on stderr with all of @words (separated by '|'), status not 0. */
static bool refused(const char *what, struct run *r, const char *words)
{
	char copy[256];
	bool ok = r->status > 0 && r->status < 126 && r->status != 124 && r->err_lines == 1;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok(copy, "|"); w; w = strtok(NULL, "|"))
		ok = ok && strstr(r->err, w);
	if (strstr(r->out, "ready\n"))
		ok = false;
	if (!ok)
		printf("%s: status %d, %u lines, wanted \"%s\":\n%s%s", what, r->status,
		       r->err_lines, words, r->out, r->err);
	return ok;
}

/* odxd with @args must refuse with @words. */
static void bad_odxd(const char *words, const char *const args[])
{
	const char *argv[16] = { program("ODXD") };
	struct run r;

	for (unsigned i = 0; args[i]; i++)
		argv[i + 1] = args[i];
	r = run_argv(20, argv);
	CU_ASSERT(refused(args[0] ? args[0] : "odxd", &r, words));
	run_done(&r);
}
#define BAD(words, ...) \
	bad_odxd(words, (const char *const[]) { "--portal", "127.0.0.1:0", __VA_ARGS__, NULL })

static const char *lun_spec(const char *path, const char *options)
{
	static char text[8][512];
	static unsigned n;
	char *buf = text[n++ % 8];

	snprintf(buf, sizeof(text[0]), "%s%s", path, options);
	return buf;
}

/* ---- files ---- */

static void missing_file(void)
{
	const char *path = tmp_path("missing");

	BAD("missing|no such file|size=", "--lun", path);
	CU_ASSERT(access(path, F_OK) != 0);
	BAD("missing|no such file", "--lun", lun_spec(path, ",read-only"));
	BAD("nowhere", "--lun", lun_spec(tmp_path("nowhere/x"), ",size=1M"));
	CU_ASSERT(access(path, F_OK) != 0);
}

/* As root every file can be read: be nobody for this. */
static void bad_as_nobody(const char *words, const char *lun)
{
	struct run r;

	chmod(tmp_path("."), 0755);
	if (geteuid() == 0)
		r = RUN("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
			program("ODXD"), "--portal", "127.0.0.1:0", "--lun", lun);
	else
		r = RUN(program("ODXD"), "--portal", "127.0.0.1:0", "--lun", lun);
	if (r.status == 126 || r.status == 127)
		test_skip("nobody may not run odxd");
	else
		CU_ASSERT(refused(lun, &r, words));
	run_done(&r);
}

static void unreadable_file(void)
{
	const char *path = make_file("secret", MIB);

	BAD("directory", "--lun", tmp_path("."));
	chmod(path, 0);
	bad_as_nobody("secret|permission", path);
	chmod(path, 0444);
	bad_as_nobody("secret|permission|read-only", path);
}

static void empty_file(void)
{
	const char *path = make_file("empty", 0);
	struct stat st;

	BAD("empty", "--lun", path);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 0);
}

static void odd_size(void)
{
	const char *path = make_file("odd", 100000), *even = make_file("even", 512 * 9);
	struct stat st;

	BAD("odd|100000|512", "--lun", path);
	BAD("even|4096", "--lun", lun_spec(even, ",block-size=4096"));
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 100000);
	BAD("new|multiple", "--lun", lun_spec(tmp_path("new"), ",size=1000"));
	CU_ASSERT(access(tmp_path("new"), F_OK) != 0);
}

static void other_size_than_told(void)
{
	const char *path = make_filled("sized", MIB, 1);
	uint64_t sum = file_sum(path);

	BAD("sized", "--lun", lun_spec(path, ",size=2M"));
	CU_ASSERT_EQUAL(file_sum(path), sum);
}

static void served_twice(void)
{
	const char *path = make_filled("served", MIB, 1), *alias = tmp_path("alias");
	const char *hard = tmp_path("hard");
	struct odxd *o;

	CU_ASSERT_EQUAL(symlink(path, alias), 0);
	CU_ASSERT_EQUAL(link(path, hard), 0);
	/* In one odxd, under the same name and others. */
	BAD("served", "--lun", path, "--lun", path);
	BAD("alias|served", "--lun", path, "--lun", alias);
	BAD("hard|served", "--lun", path, "--lun", hard);
	/* By another odxd. */
	o = ODXD("--lun", path);
	BAD("served|in use", "--lun", path);
	BAD("alias|in use", "--lun", alias);
	BAD("hard|in use", "--lun", hard);
	odxd_stop(o);
	/* And free again. */
	o = ODXD("--lun", hard);
	odxd_stop(o);
	unlink(alias);
	unlink(hard);
}

static void no_space(void)
{
	const char *path = tmp_path("huge");
	struct statvfs vfs;
	char spec[512];

	CU_ASSERT_EQUAL(statvfs(tmp_path("."), &vfs), 0);
	snprintf(spec, sizeof(spec), "%s,provisioning=full,size=%lluM", path,
		 ((unsigned long long)vfs.f_bavail * vfs.f_frsize + 4 * GIB) / MIB);
	BAD("huge|space", "--lun", spec);
	CU_ASSERT(access(path, F_OK) != 0);
}

static void half_created(void)
{
	const char *first = tmp_path("first");

	/* The second LUN is bad: the first one's new file does not stay. */
	BAD("missing", "--lun", lun_spec(first, ",size=1M"), "--lun", tmp_path("missing"));
	CU_ASSERT(access(first, F_OK) != 0);
}

static void truncated_while_served_by(enum scsi_cmd finder)
{
	const struct tpc_range rod = { 0, 8 }, to = { 100, 8 };
	uint8_t token[ROD_TOKEN_LEN];
	const char *path = make_filled("cut", 4 * MIB, 1);
	struct odxd *o = ODXD("--lun", path, "--lun", "mem:b,size=1M");
	struct initiator *in = login_clear(o, 2);
	uint8_t buf[512];
	unsigned lines = 0;
	char line[512];
	FILE *f;

	CU_ASSERT(take_token(in, 0, 1, &rod, 1, token));
	CU_ASSERT_EQUAL(truncate(path, MIB), 0);
	/*
	 * What is gone is not read as zeros, and a write does not make the file long again;
	 * whoever finds out gets an error.
	 */
	CU_ASSERT_EQUAL(media(in, 0, finder, 8191, 1, buf, 512).status, SAM_CHECK_CONDITION);
	CHECK_SENSE(media(in, 0, CMD_READ_16, 0, 1, buf, 512), KEY_NOT_READY,
		    ASC_NOT_READY_MANUAL_INTERVENTION);
	CHECK_SENSE(media(in, 0, CMD_WRITE_16, 4096, 1, buf, 512), KEY_NOT_READY,
		    ASC_NOT_READY_MANUAL_INTERVENTION);
	/* Nor does a token outlive what it stood for, when the file grows again. */
	CU_ASSERT_EQUAL(truncate(path, 4 * MIB), 0);
	CHECK_ILLEGAL(wut(in, 1, 2, token, 0, &to, 1), ASC_TOKEN_CANCELLED);
	CU_ASSERT_EQUAL(truncate(path, MIB), 0);
	/* The other LUN does not mind. */
	CHECK_GOOD(media(in, 1, CMD_READ_16, 0, 1, buf, 512));
	initiator_close(in);
	odxd_stop_status(o, 3);
	f = fopen(o->err_path, "re");
	while (f && fgets(line, sizeof(line), f))
		lines += strstr(line, "cut") && strstr(line, "truncated");
	if (f)
		fclose(f);
	CU_ASSERT(lines >= 1);
	CU_ASSERT(file_is(path, 0, MIB, 0, 1));
}

static void truncated_while_served(void)
{
	truncated_while_served_by(CMD_READ_16);
	truncated_while_served_by(CMD_WRITE_16);
}

/* ---- portals and arguments ---- */

static void port_in_use(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=1M");
	const char *portal = o->portal;

	bad_odxd("in use",
		 (const char *const[]) { "--portal", portal, "--lun", "mem:b,size=1M", NULL });
	odxd_stop(o);
	bad_odxd("203.0.113.77", (const char *const[]) { "--portal", "203.0.113.77:0", "--lun",
							 "mem:b,size=1M", NULL });
	bad_odxd("portal",
		 (const char *const[]) { "--portal", "nonsense", "--lun", "mem:b,size=1M", NULL });
}

static void bad_arguments(void)
{
	const char *path = make_filled("fine", MIB, 1);
	static const char *const odd[] = { ",block-size=1000",
					   ",size=",
					   ",size=12X",
					   ",colour=blue",
					   ",fault=unheard-of:1",
					   ",odx.max-ranges=0",
					   ",odx.optimal=1G,odx.max-token=1M",
					   ",odx.default-timeout=700" };
	uint64_t sum = file_sum(path);

	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		BAD("", "--lun", lun_spec(path, odd[i]));
	BAD("", "--lun", "");
	BAD("--lun", path);
	bad_odxd("--lun", (const char *const[]) { "--portal", "127.0.0.1:0", NULL });
	bad_odxd("--help", (const char *const[]) { "--colour", NULL });
	BAD("mem", "--lun", "mem:a");
	CU_ASSERT_EQUAL(file_sum(path), sum);
}

static void no_uring(void)
{
	struct run r = RUN(program("NO_URING"), program("ODXD"), "--portal", "127.0.0.1:0", "--lun",
			   "mem:a,size=1M");
	int status = r.status;

	if (status == 77)
		test_skip("no seccomp");
	else
		CU_ASSERT(refused("odxd without io_uring", &r, "io_uring"));
	run_done(&r);
	/* There are no counters to say. */
	r = RUN(program("NO_URING"), program("ODXD"), "--portal", "127.0.0.1:0", "--lun",
		"mem:a,size=1M", "-v");
	CU_ASSERT_EQUAL(r.status, status);
	run_done(&r);
}

/* ---- configuration ---- */

struct bad_config {
	const char *text;
	const char *words; /* the line is part of them */
};

static const struct bad_config bad_configs[] = {
	{ "portals = {\"127.0.0.1:0\"}\ncolour = \"blue\"\n", ":2:|colour" },
	{ "target \"" ODXD_IQN "\" {\n  lun 0 {\n    path = \"mem:a\"\n    sise = \"4M\"\n  }\n}\n",
	  ":4:|sise" },
	{ "target \"" ODXD_IQN "\" {\n  lun 0 {\n    path = \"mem:a\"\n    size = \"4Q\"\n  }\n}\n",
	  ":4:|size" },
	{ "target \"" ODXD_IQN "\" {\n  lun 0 { path = \"mem:a\" size = \"4M\"\n"
	  "    block-size = 777 }\n}\n",
	  ":3:|block-size|512" },
	{ "target \"" ODXD_IQN "\" {\n  lun 0 { path = \"mem:a\" size = \"4M\" }\n"
	  "  lun 0 { path = \"mem:b\" size = \"4M\" }\n}\n",
	  ":3:|duplicate" },
	{ "target \"Not A Name\" {\n  lun 0 { path = \"mem:a\" size = \"4M\" }\n}\n",
	  ":3:|Not A Name|lower case" },
	{ "target \"" ODXD_IQN "\" {\n  chap { user = \"u\" secret = \"short\" }\n"
	  "  lun 0 { path = \"mem:a\" size = \"4M\" }\n}\n",
	  ":2:|secret" },
	{ "target \"" ODXD_IQN "\" {\n  lun 0 { path = \"mem:a\" size = \"4M\"\n"
	  "    odx { optimal = \"8G\" max-token = \"4G\" }\n  }\n}\n",
	  "optimal" },
	{ "target \"" ODXD_IQN "\" {\n  lun 0 { path = \"mem:a\" size = \"4M\" }\n", "}" },
	{ "limits { queue-depth = many }\ntarget \"" ODXD_IQN
	  "\" { lun 0 { path = \"mem:a\" size = \"4M\" } }\n",
	  ":1:|queue-depth" },
	{ "portals = {\"127.0.0.1:0\"}\n", "" },
};

static void bad_configuration(void)
{
	for (unsigned i = 0; i < sizeof(bad_configs) / sizeof(bad_configs[0]); i++) {
		const char *path = make_text("bad.conf", bad_configs[i].text);
		struct run r = RUN(program("ODXD"), "-c", path);
		bool ok = refused("configuration", &r, bad_configs[i].words) &&
			  strstr(r.err, bad_configs[i].words[0] ? "bad.conf" : "");

		if (!ok)
			printf("of configuration %u\n", i);
		CU_ASSERT(ok);
		run_done(&r);
	}
	BAD("no-such.conf", "-c", tmp_path("no-such.conf"));
}

/* ---- --run ---- */

static void run_option(void)
{
	struct run r = RUN(program("ODXD"), "--portal", "127.0.0.1:0", "--lun", "mem:a,size=1M",
			   "--run", "echo $uri; exit 7");

	CU_ASSERT_EQUAL(r.status, 7);
	CU_ASSERT(strncmp(r.out, "iscsi://127.0.0.1:", 18) == 0);
	CU_ASSERT(strstr(r.out, "/" ODXD_IQN "\n") != NULL);
	CU_ASSERT_EQUAL(r.out_lines, 1);
	CU_ASSERT_STRING_EQUAL(r.err, "");
	run_done(&r);
	r = RUN(program("ODXD"), "--portal", "127.0.0.1:0", "--lun", "mem:a,size=1M", "--lun",
		"mem:b,size=1M", "--run", "\"$ODXCP\" $uri/0 $uri/1");
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT(strstr(r.out, "offloaded    1 MiB") != NULL);
	run_done(&r);
	r = RUN(program("ODXD"), "--portal", "127.0.0.1:0", "--lun", "mem:a,size=1M", "-v", "--run",
		"iscsi-ls -s ${uri%%/iqn*} >/dev/null");
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT(strstr(r.err, "\nstats " ODXD_IQN "/0: commands=") != NULL);
	CU_ASSERT(strstr(r.err, "\nstats portal: connections=") != NULL);
	CU_ASSERT(strstr(r.err, " logins=0 ") == NULL);
	run_done(&r);
	r = RUN(program("ODXD"), "--portal", "127.0.0.1:0", "--lun", "mem:a,size=1M", "--run",
		"kill -9 $$");
	CU_ASSERT(r.status != 0);
	run_done(&r);
}

static void created_file_stays(void)
{
	const char *path = tmp_path("created");
	struct odxd *o = ODXD("--lun", lun_spec(path, ",size=8M"));
	struct initiator *in = login_clear(o, 1);
	struct stat st;

	CU_ASSERT(write_pattern(in, 0, 512, MIB, MIB, 0, 1));
	initiator_close(in);
	odxd_stop(o);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 8 * MIB);
	/* Once more, size= agrees with it: its data is there. */
	o = ODXD("--lun", lun_spec(path, ",size=8M"));
	in = login_clear(o, 1);
	CU_ASSERT(lun_is(in, 0, 512, MIB, MIB, 0, 1));
	CU_ASSERT(lun_is_zero(in, 0, 512, 0, MIB));
	initiator_close(in);
	odxd_stop(o);
}

/* ---- odxcp ---- */

static void bad_odxcp(int status, const char *words, const char *src, const char *dst)
{
	struct run r = RUN(program("ODXCP"), src, dst);

	CU_ASSERT(refused("odxcp", &r, words));
	CU_ASSERT_EQUAL(r.status, status);
	CU_ASSERT_STRING_EQUAL(r.out, "");
	run_done(&r);
}

static void odxcp_uris(void)
{
	static const char *const bad[] = { "",
					   "disk.img",
					   "http://127.0.0.1/" ODXD_IQN "/0",
					   "iscsi://",
					   "iscsi://127.0.0.1",
					   "iscsi://127.0.0.1/" ODXD_IQN,
					   "iscsi://127.0.0.1/" ODXD_IQN "/",
					   "iscsi://127.0.0.1/" ODXD_IQN "/one",
					   "iscsi://127.0.0.1/" ODXD_IQN "/-1",
					   "iscsi://127.0.0.1/" ODXD_IQN "/99999",
					   "iscsi://127.0.0.1:0/" ODXD_IQN "/0",
					   "iscsi://127.0.0.1:x/" ODXD_IQN "/0",
					   "iscsi://127.0.0.1/target/0",
					   "iscsi://:3260/" ODXD_IQN "/0",
					   "iscsi://%@127.0.0.1/" ODXD_IQN "/0",
					   "iscsi://127.0.0.1/" ODXD_IQN "/0?nonsense=1" };
	const char *good = "iscsi://127.0.0.1:1/" ODXD_IQN "/0";
	struct run r;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bad_odxcp(2, "source|bad URI", bad[i], good);
		bad_odxcp(2, "destination|bad URI", good, bad[i]);
	}
	r = RUN(program("ODXCP"));
	CU_ASSERT(refused("odxcp", &r, "two URIs"));
	run_done(&r);
	r = RUN(program("ODXCP"), good, good, good);
	CU_ASSERT(refused("odxcp", &r, "two URIs"));
	run_done(&r);
	r = RUN(program("ODXCP"), "--fast", good, good);
	CU_ASSERT(refused("odxcp", &r, "--fast"));
	CU_ASSERT_EQUAL(r.status, 2);
	run_done(&r);
}

static void odxcp_unreachable(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=1M", "--lun", "mem:b,size=1M");
	const char *a = odxd_uri(o, 0), *nobody = "iscsi://127.0.0.1:1/" ODXD_IQN "/0";
	const char *no_target = odxd_target_uri(o, "iqn.2001-04.com.example:no", 0);

	bad_odxcp(3, "source|cannot connect|127.0.0.1:1", nobody, a);
	bad_odxcp(3, "destination|cannot connect", a, nobody);
	bad_odxcp(3, "source|no target iqn.2001-04.com.example:no", no_target, a);
	bad_odxcp(3, "destination|no target iqn.2001-04.com.example:no", a, no_target);
	bad_odxcp(3, "source|no LUN 5", odxd_uri(o, 5), a);
	bad_odxcp(3, "destination|no LUN 5", a, odxd_uri(o, 5));
	odxd_stop(o);
}

static void odxcp_unfit(void)
{
	const char *ro = make_filled("ro", 2 * MIB, 2);
	struct odxd *o = ODXD("--lun", "mem:a,size=2M", "--lun", "mem:b,size=1M", "--lun",
			      lun_spec(ro, ",read-only"));
	char other_name[256];
	uint64_t sum = file_sum(ro);
	struct run r;

	bad_odxcp(4, "destination|too small|1048576|2097152", odxd_uri(o, 0), odxd_uri(o, 1));
	bad_odxcp(4, "destination|read-only", odxd_uri(o, 1), odxd_uri(o, 2));
	bad_odxcp(4, "source itself", odxd_uri(o, 0), odxd_uri(o, 0));
	snprintf(other_name, sizeof(other_name), "iscsi://localhost:%s/" ODXD_IQN "/0",
		 strrchr(o->portal, ':') + 1);
	bad_odxcp(4, "source itself", odxd_uri(o, 0), other_name);
	/* The same as JSON: the reason is in it, and on stderr. */
	r = RUN(program("ODXCP"), "--json", odxd_uri(o, 0), odxd_uri(o, 1));
	CU_ASSERT_EQUAL(r.status, 4);
	CU_ASSERT_EQUAL(r.err_lines, 1);
	CU_ASSERT(strstr(r.out, "\"ok\": false") && strstr(r.out, "too small"));
	run_done(&r);
	odxd_stop(o);
	CU_ASSERT_EQUAL(file_sum(ro), sum);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a missing file, also read-only, also in a missing folder", missing_file },
		{ "a file that may not be read, a directory", unreadable_file },
		{ "an empty file", empty_file },
		{ "a size that is not a multiple of the block size", odd_size },
		{ "size= that disagrees with the file", other_size_than_told },
		{ "a file served already, also under another name", served_twice },
		{ "no space for a created file", no_space },
		{ "a created file does not stay when the start fails", half_created },
		{ "a file truncated while served: 2/04/03, said once, exit status 3",
		  truncated_while_served },
		{ "a port in use, an address that is not ours, nonsense", port_in_use },
		{ "bad --lun options and arguments", bad_arguments },
		{ "io_uring not allowed", no_uring },
		{ "unknown and malformed keys: file, line, reason", bad_configuration },
		{ "--run: uri exported, status passed on, nothing else said", run_option },
		{ "a created file keeps its data and can be served again", created_file_stays },
		{ "odxcp: bad URIs and arguments", odxcp_uris },
		{ "odxcp: no portal, no target, no LUN", odxcp_unreachable },
		{ "odxcp: too small, read-only, the same LUN", odxcp_unfit },
		TEST_END
	};

	return test_main(argc, argv, "e2e-bad-input", tests);
}
