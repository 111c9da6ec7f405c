/* SPDX-License-Identifier: Apache-2.0 */
/* odxcheck, the program, against LUNs of all kinds. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define DESTRUCTIVE "--destructive", "--area=8"

/* Runs odxcheck --json with these arguments; what it said, or NULL. */
static json_t *check_argv(int status, const char *const args[])
{
	const char *argv[MAX_ARGS] = { program("ODXCHECK"), "--json" };
	struct run r;
	json_t *o;

	for (unsigned i = 0; args[i] && i + 3 < MAX_ARGS; i++)
		argv[i + 2] = args[i];
	r = run_argv(sanitized() ? 240 : 110, argv);
	o = json_loads(r.out, 0, NULL);
	if (r.status != status || !o)
		printf("odxcheck: status %d\n%s%s", r.status, o ? "" : r.out, r.err);
	CU_ASSERT_EQUAL(r.status, status);
	CU_ASSERT_PTR_NOT_NULL(o);
	run_done(&r);
	return o;
}
#define CHECK(status, ...) check_argv(status, (const char *const[]) { __VA_ARGS__, NULL })

static json_t *finding(const json_t *o, const char *id)
{
	json_t *list = json_object_get(o, "findings"), *f;
	size_t i;

	json_array_foreach(list, i, f) if (strcmp(json_string_value(json_object_get(f, "id")),
						  id) == 0) return f;
	return NULL;
}

/* The finding has this verdict, and what was seen has these words. */
static bool finds(const json_t *o, const char *id, const char *verdict, const char *words)
{
	json_t *f = finding(o, id);
	const char *v = json_string_value(json_object_get(f, "verdict"));
	const char *saw = json_string_value(json_object_get(f, "saw"));

	if (v && saw && strcmp(v, verdict) == 0 && strstr(saw, words))
		return true;
	printf("%s: %s, \"%s\"; expected %s, \"%s\"\n", id, v ? v : "not there", saw ? saw : "",
	       verdict, words);
	return false;
}

static unsigned count(const json_t *o, const char *verdict)
{
	return (unsigned)json_integer_value(json_object_get(json_object_get(o, "counts"), verdict));
}

/* Nothing failed and nothing was warned of; @skipped findings could not be tried. */
static void green(json_t *o, unsigned skipped)
{
	json_t *list = json_object_get(o, "findings"), *f;
	size_t i;

	CU_ASSERT_EQUAL(count(o, "fail"), 0);
	CU_ASSERT_EQUAL(count(o, "warn"), 0);
	CU_ASSERT_EQUAL(count(o, "skip"), skipped);
	CU_ASSERT(json_is_true(json_object_get(o, "would_offload")));
	json_array_foreach(list, i, f)
	{
		const char *v = json_string_value(json_object_get(f, "verdict"));

		if (strcmp(v, "fail") == 0 || strcmp(v, "warn") == 0 || strcmp(v, "skip") == 0)
			printf("%s %s: %s\n", v, json_string_value(json_object_get(f, "id")),
			       json_string_value(json_object_get(f, "saw")));
	}
	json_decref(o);
}

/* All of a LUN of @spec; @skipped as above. */
static void all_green(const char *spec, unsigned skipped)
{
	struct odxd *d = ODXD("--lun", spec);

	green(CHECK(0, DESTRUCTIVE, odxd_uri(d, 0)), skipped);
	odxd_stop(d);
}

/* ---- ours ---- */

static void reads_only(void)
{
	const char *path = make_filled("lun", 16 * MIB, 1);
	uint64_t sum = file_sum(path);
	struct odxd *d = ODXD("--lun", path);

	/* MAXIMUM TOKEN TRANSFER SIZE is above the LUN's. */
	green(CHECK(0, odxd_uri(d, 0)), 1);
	CU_ASSERT_EQUAL(odxd_counter(d, 0, "bytes_written"), 0);
	odxd_stop(d);
	CU_ASSERT_EQUAL(file_sum(path), sum);
}

static void file_lun(void)
{
	const char *path = make_filled("lun", 16 * MIB, 1);
	uint64_t sum = file_sum(path);

	all_green(path, 2);
	CU_ASSERT_EQUAL(file_sum(path), sum); /* put back */
}

static void memory_lun(void)
{
	/* With limits that can be gone beyond: nothing is skipped. */
	all_green("mem:a,size=32M,odx.max-token=8M,odx.optimal=4M,odx.max-ranges=8", 0);
}

static void blocks_of_4096(void)
{
	all_green("mem:a,size=32M,block-size=4096,odx.max-token=8M,odx.optimal=4M", 0);
}

static void full_lun(void)
{
	char spec[512];

	snprintf(spec, sizeof(spec), "%s,size=16M,provisioning=full", tmp_path("full"));
	all_green(spec, 2);
}

static void cancel_mode(void)
{
	all_green("mem:a,size=16M,point-in-time=cancel", 2);
}

static void slow_lun(void)
{
	struct odxd *d = ODXD("--lun", "mem:a,size=8M,fault=rate:8M,odx.deadline=500ms");
	json_t *o = CHECK(0, "--destructive", odxd_uri(d, 0));

	/* The large copy ends early, with an honest count; IMMED does not wait for it. */
	CU_ASSERT(finds(o, "wut-time", "pass", "A/0D/04"));
	CU_ASSERT(finds(o, "wut-background", "pass", "the copy ended after"));
	green(o, 2);
	odxd_stop(d);
}

static void two_luns(void)
{
	const char *a = make_filled("a", 16 * MIB, 1), *b = make_filled("b", 16 * MIB, 2);
	uint64_t sum_a = file_sum(a), sum_b = file_sum(b);
	struct odxd *d = ODXD("--lun", a, "--lun", b);
	json_t *o = CHECK(0, DESTRUCTIVE, odxd_uri(d, 0), odxd_uri(d, 1));

	CU_ASSERT(finds(o, "token-pair", "pass", "GOOD"));
	CU_ASSERT(finds(o, "self-overlap", "skip", "two LUNs"));
	green(o, 3);
	odxd_stop(d);
	CU_ASSERT_EQUAL(file_sum(a), sum_a);
	CU_ASSERT_EQUAL(file_sum(b), sum_b);
}

static void two_targets(void)
{
	struct odxd *a = ODXD("--lun", "mem:a,size=8M"), *b = ODXD("--lun", "mem:b,size=8M");
	json_t *o = CHECK(1, DESTRUCTIVE, odxd_uri(a, 0), odxd_uri(b, 0));

	CU_ASSERT(finds(o, "pair-target", "warn", "different"));
	CU_ASSERT(finds(o, "token-pair", "fail", "5/23/"));
	CU_ASSERT(finds(o, "restored", "pass", ""));
	json_decref(o);
	odxd_stop(a);
	odxd_stop(b);
}

static void write_protected(void)
{
	struct odxd *d = ODXD("--lun", "mem:a,size=8M,read-only", "--lun", "mem:b,size=8M");
	json_t *o = CHECK(0, odxd_uri(d, 0));

	CU_ASSERT(finds(o, "write-protected", "warn", ""));
	json_decref(o);
	o = CHECK(1, odxd_uri(d, 1), odxd_uri(d, 0));
	CU_ASSERT(finds(o, "write-protected", "pass", ""));
	json_decref(o);
	o = CHECK(1, "--destructive", odxd_uri(d, 0));
	CU_ASSERT(finds(o, "wut-windows", "fail", "write-protected"));
	json_decref(o);
	odxd_stop(d);
}

static void no_offload(void)
{
	struct odxd *d = ODXD("--lun", "mem:a,size=8M,odx.enabled=no");
	json_t *o = CHECK(1, "--destructive", odxd_uri(d, 0));

	CU_ASSERT(finds(o, "vpd-list-8f", "fail", "00 80 83"));
	CU_ASSERT_EQUAL(count(o, "fail"), 1);
	CU_ASSERT(json_is_false(json_object_get(o, "would_offload")));
	CU_ASSERT(json_is_null(json_object_get(o, "plan")));
	json_decref(o);
	odxd_stop(d);
}

/* ---- the program ---- */

static void predicts(void)
{
	struct odxd *d = ODXD("--lun", "mem:a,size=8M,odx.optimal=64M");
	json_t *o = CHECK(0, odxd_uri(d, 0)), *plan = json_object_get(o, "plan");

	CU_ASSERT_EQUAL(json_integer_value(json_object_get(plan, "populate_token")), 16);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(plan, "write_using_token")), 16);
	json_decref(o);
	odxd_stop(d);
}

static void unreachable(void)
{
	struct odxd *d = ODXD("--lun", "mem:a,size=8M");
	struct run r = RUN(program("ODXCHECK"), odxd_uri(d, 7));

	CU_ASSERT_EQUAL(r.status, 3);
	CU_ASSERT(strstr(r.err, "no LUN 7") != NULL);
	run_done(&r);
	r = RUN(program("ODXCHECK"), odxd_target_uri(d, "iqn.2001-04.com.example:none", 0));
	CU_ASSERT_EQUAL(r.status, 3);
	run_done(&r);
	r = RUN(program("ODXCHECK"), "iscsi://127.0.0.1:1/" ODXD_IQN "/0");
	CU_ASSERT_EQUAL(r.status, 3);
	run_done(&r);
	odxd_stop(d);
}

static void usage(void)
{
	struct run r = RUN(program("ODXCHECK"));

	CU_ASSERT_EQUAL(r.status, 2);
	run_done(&r);
	r = RUN(program("ODXCHECK"), "--area=0", "iscsi://127.0.0.1/iqn/0");
	CU_ASSERT_EQUAL(r.status, 2);
	run_done(&r);
	r = RUN(program("ODXCHECK"), "--area=1025", "iscsi://127.0.0.1/iqn/0");
	CU_ASSERT_EQUAL(r.status, 2);
	run_done(&r);
	r = RUN(program("ODXCHECK"), "nonsense");
	CU_ASSERT_EQUAL(r.status, 2);
	run_done(&r);
	r = RUN(program("ODXCHECK"), "--help");
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT(strstr(r.out, "Exit status:") != NULL);
	run_done(&r);
	r = RUN(program("ODXCHECK"), "--version");
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT(strncmp(r.out, "odxcheck ", 9) == 0);
	run_done(&r);
}

static void interrupted(void)
{
	const char *path = make_filled("lun", 16 * MIB, 1);
	uint64_t sum = file_sum(path);
	char script[1024];
	struct odxd *d = ODXD("--lun", path);
	struct run r;

	/* In the middle of the writes: what was there is put back, and it says so. */
	snprintf(script, sizeof(script),
		 "\"$ODXCHECK\" --destructive %s & p=$!; sleep 2; kill -INT $p; wait $p",
		 odxd_uri(d, 0));
	r = RUN("bash", "-c", script);
	CU_ASSERT_EQUAL(r.status, 4);
	CU_ASSERT(strstr(r.err, "interrupted") != NULL);
	CU_ASSERT(strstr(r.err, "writing to the last 16 MiB (blocks 0 to 32767)") != NULL);
	run_done(&r);
	odxd_stop(d);
	CU_ASSERT_EQUAL(file_sum(path), sum);
}

/* ---- another target: tgtd, which cannot offload ---- */

static const char tgt_script[] =
	"set -e\n"
	"export PATH=$PATH:/usr/sbin TGT_IPC_SOCKET=$1/tgt.sock; cd \"$1\"\n"
	"port=$(python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); "
	"print(s.getsockname()[1])')\n"
	"truncate -s 16M tgt.img\n"
	"tgtd -f --iscsi portal=127.0.0.1:$port >tgtd.log 2>&1 & pid=$!\n"
	"trap 'kill -KILL $pid' EXIT\n"
	"adm() { tgtadm --lld iscsi \"$@\"; }\n"
	"for i in $(seq 100); do adm --mode sys --op show >/dev/null 2>&1 && break; sleep 0.1; "
	"done\n"
	"adm --mode target --op new --tid 1 -T iqn.2001-04.com.example:tgt\n"
	"adm --mode logicalunit --op new --tid 1 --lun 1 -b \"$1/tgt.img\"\n"
	"adm --mode target --op bind --tid 1 -I ALL\n"
	"\"$ODXCHECK\" --json --destructive "
	"iscsi://127.0.0.1:$port/iqn.2001-04.com.example:tgt/1\n";

static void against_tgtd(void)
{
	struct run r = RUN("bash", "-c", "PATH=$PATH:/usr/sbin command -v tgtd");
	char dir[256], *slash;
	json_t *o;

	if (r.status != 0) {
		run_done(&r);
		test_skip("tgtd is not installed (Debian package tgt)");
		return;
	}
	run_done(&r);
	snprintf(dir, sizeof(dir), "%s", make_text("here", ""));
	slash = strrchr(dir, '/');
	*slash = '\0';
	r = RUN("bash", "-c", tgt_script, "tgt", dir);
	o = json_loads(r.out, JSON_DISABLE_EOF_CHECK, NULL);
	if (r.status != 1 || !o)
		printf("status %d\n%s%s", r.status, r.out, r.err);
	CU_ASSERT_EQUAL(r.status, 1);
	/* The true reason: no page 8Fh.  All else that Windows looks at is there. */
	CU_ASSERT(finds(o, "vpd-list-8f", "fail", "00 80 83"));
	CU_ASSERT(finds(o, "vpd-list", "pass", ""));
	CU_ASSERT(json_is_false(json_object_get(o, "would_offload")));
	json_decref(o);
	run_done(&r);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "without --destructive: green, nothing written", reads_only },
		{ "a file: green, and put back", file_lun },
		{ "memory, with small limits: green, nothing skipped", memory_lun },
		{ "4096-byte blocks: green", blocks_of_4096 },
		{ "fully provisioned: green", full_lun },
		{ "point-in-time = cancel: green", cancel_mode },
		{ "a slow LUN with a deadline: green", slow_lun },
		{ "from one LUN to another: green, both put back", two_luns },
		{ "between two targets: red, 5/23", two_targets },
		{ "a read-only LUN: a source only", write_protected },
		{ "odx.enabled = no: red, page 8Fh is missing", no_offload },
		{ "it predicts the commands of a copy", predicts },
		{ "no LUN, no target, no portal: status 3", unreachable },
		{ "bad arguments: status 2; --help and --version", usage },
		{ "interrupted: the area is put back", interrupted },
		{ "tgtd: red, page 8Fh is missing", against_tgtd },
		TEST_END
	};

	return test_main(argc, argv, "e2e-odxcheck", tests);
}
