/* SPDX-License-Identifier: Apache-2.0 */
/* odxcp, the program, between LUNs of a real odxd. */
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

#define SIZE (64 * MIB)

static const char *spec_of(const char *path, const char *options)
{
	static char text[8][512];
	static unsigned n;
	char *buf = text[n++ % 8];

	snprintf(buf, sizeof(text[0]), "%s%s", path, options);
	return buf;
}

/* LUN 0: @size bytes of pattern 1; LUN 1: as many of pattern 2. */
struct pair {
	struct odxd *o;
	const char *src, *dst;
};

static struct pair pair(uint64_t size, const char *src_options, const char *dst_options)
{
	struct pair b = { .src = make_filled("src", size, 1), .dst = make_filled("dst", size, 2) };

	b.o = ODXD("--lun", spec_of(b.src, src_options), "--lun", spec_of(b.dst, dst_options));
	return b;
}

/* Runs odxcp --json with @option (may be NULL); the parsed result, or NULL. */
static json_t *copy_json(int status, const char *option, const char *src, const char *dst)
{
	struct run r = option ? RUN(program("ODXCP"), "--json", option, src, dst)
			      : RUN(program("ODXCP"), "--json", src, dst);
	json_error_t err;
	json_t *o = json_loads(r.out, 0, &err);

	if (r.status != status || !o)
		printf("odxcp: status %d\n%s%s", r.status, r.out, r.err);
	CU_ASSERT_EQUAL(r.status, status);
	CU_ASSERT_PTR_NOT_NULL(o);
	run_done(&r);
	return o;
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static uint64_t wire(const json_t *o)
{
	json_t *w = json_object_get(o, "bytes_on_wire");

	return number(w, "sent") + number(w, "received");
}

static uint64_t sent(const json_t *o, const char *command)
{
	return number(json_object_get(o, "commands"), command);
}

/* All was offloaded, and the numbers are what they must be. */
static void check_offloaded(const json_t *o, uint64_t size, uint64_t pts, uint64_t wuts)
{
	CU_ASSERT(json_is_true(json_object_get(o, "ok")));
	CU_ASSERT_EQUAL(number(o, "bytes"), size);
	CU_ASSERT_EQUAL(number(o, "bytes_offloaded"), size);
	CU_ASSERT_EQUAL(number(o, "bytes_copied"), 0);
	CU_ASSERT(json_is_null(json_object_get(o, "fallback")));
	CU_ASSERT_EQUAL(sent(o, "POPULATE TOKEN"), pts);
	CU_ASSERT_EQUAL(sent(o, "RECEIVE ROD TOKEN INFORMATION"), pts);
	CU_ASSERT_EQUAL(sent(o, "WRITE USING TOKEN"), wuts);
	CU_ASSERT_EQUAL(sent(o, "READ(16)"), 0);
	CU_ASSERT_EQUAL(sent(o, "WRITE(16)"), 0);
	CU_ASSERT(wire(o) > 1000 && wire(o) < 256 * KIB);
	CU_ASSERT(json_real_value(json_object_get(o, "seconds")) > 0);
}

static void offloaded(void)
{
	struct pair b = pair(SIZE, "", "");
	json_t *o = copy_json(0, NULL, odxd_uri(b.o, 0), odxd_uri(b.o, 1));

	check_offloaded(o, SIZE, 1, 1);
	CU_ASSERT(json_is_null(json_object_get(o, "verified")));
	CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 1));
	CU_ASSERT(file_is(b.src, 0, SIZE, 0, 1));
	json_decref(o);
	odxd_stop(b.o);
}

static void chained(void)
{
	/* OTC 4 MiB: 16 tokens of 4 MiB, one WUT each. */
	struct pair b = pair(SIZE, ",odx.optimal=4M", ",odx.optimal=4M");
	json_t *o = copy_json(0, "--verify", odxd_uri(b.o, 0), odxd_uri(b.o, 1));

	check_offloaded(o, SIZE, 16, 16);
	CU_ASSERT(json_is_true(json_object_get(o, "verified")));
	json_decref(o);
	odxd_stop(b.o);
	CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 1));
}

static void source_and_destination_limits(void)
{
	/* Tokens of 16 MiB by the source, WUTs of 3 MiB by the destination. */
	struct pair b = pair(SIZE, ",odx.optimal=16M", ",odx.optimal=3M");
	json_t *o = copy_json(0, NULL, odxd_uri(b.o, 0), odxd_uri(b.o, 1));

	check_offloaded(o, SIZE, 4, 4 * 6);
	json_decref(o);
	odxd_stop(b.o);
	CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 1));
}

static void strict(void)
{
	/* Whole and partial WUTs, and one that ends with an error. */
	static const char *const options[] = { ",odx.optimal=4M",
					       ",fault=rate:64M,odx.deadline=50ms",
					       ",fault=write-error:20M:512" };

	for (unsigned i = 0; i < 3; i++) {
		struct pair b = pair(SIZE, "", options[i]);
		struct run r = RUN(program("ODXCP"), "--json", "--strict", odxd_uri(b.o, 0),
				   odxd_uri(b.o, 1));
		json_t *o = json_loads(r.out, 0, NULL);

		CU_ASSERT_EQUAL(r.status, i == 2 ? 1 : 0);
		CU_ASSERT(json_is_integer(json_object_get(o, "violations")));
		CU_ASSERT_EQUAL(number(o, "violations"), 0);
		json_decref(o);
		run_done(&r);
		odxd_stop(b.o);
	}
}

static void no_offload(void)
{
	struct pair b = pair(SIZE, "", "");
	json_t *o = copy_json(0, "--no-offload", odxd_uri(b.o, 0), odxd_uri(b.o, 1));

	CU_ASSERT_EQUAL(number(o, "bytes_offloaded"), 0);
	CU_ASSERT_EQUAL(number(o, "bytes_copied"), SIZE);
	CU_ASSERT_EQUAL(sent(o, "POPULATE TOKEN"), 0);
	CU_ASSERT(sent(o, "READ(16)") > 0);
	CU_ASSERT_EQUAL(sent(o, "READ(16)"), sent(o, "WRITE(16)"));
	CU_ASSERT(wire(o) > 2 * SIZE);
	CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 1));
	json_decref(o);
	odxd_stop(b.o);
}

static void text_summary(void)
{
	struct pair b = pair(SIZE, "", "");
	struct run r = RUN(program("ODXCP"), "--verify", odxd_uri(b.o, 0), odxd_uri(b.o, 1));
	static const char *const lines[] = { "offloaded    64 MiB (67108864 bytes)\n",
					     "by client    0 bytes",
					     "on the wire",
					     "commands",
					     "POPULATE TOKEN 1",
					     "verified     the destination" };

	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_STRING_EQUAL(r.err, ""); /* no progress bar into a file */
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!strstr(r.out, lines[i]))
			printf("\"%s\" is not in:\n%s", lines[i], r.out);
		CU_ASSERT(strstr(r.out, lines[i]) != NULL);
	}
	run_done(&r);
	odxd_stop(b.o);
}

static void block_sizes(void)
{
	static const char *const options[2] = { "", ",block-size=4096" };

	for (unsigned way = 0; way < 2; way++) {
		struct pair b = pair(SIZE, options[way], options[!way]);
		json_t *o = copy_json(0, "--verify", odxd_uri(b.o, 0), odxd_uri(b.o, 1));

		check_offloaded(o, SIZE, 1, 1);
		CU_ASSERT(json_is_true(json_object_get(o, "verified")));
		json_decref(o);
		odxd_stop(b.o);
		CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 1));
	}
}

static void odd_end(void)
{
	/* The source ends inside a block of the destination, which is larger. */
	const char *src = make_filled("src", MIB + 3 * 512, 1),
		   *dst = make_filled("dst", 2 * MIB, 2);
	struct odxd *d = ODXD("--lun", src, "--lun", spec_of(dst, ",block-size=4096"));
	json_t *o = copy_json(0, "--verify", odxd_uri(d, 0), odxd_uri(d, 1));

	CU_ASSERT_EQUAL(number(o, "bytes_offloaded"), MIB);
	CU_ASSERT_EQUAL(number(o, "bytes_copied"), 3 * 512);
	CU_ASSERT(json_is_true(json_object_get(o, "verified")));
	CU_ASSERT(file_is(dst, 0, MIB + 3 * 512, 0, 1));
	CU_ASSERT(file_is(dst, MIB + 3 * 512, MIB - 3 * 512, MIB + 3 * 512, 2));
	json_decref(o);
	odxd_stop(d);
}

static void larger_destination(void)
{
	const char *src = make_filled("src", 4 * MIB, 1), *dst = make_filled("dst", 8 * MIB, 2);
	struct odxd *d = ODXD("--lun", src, "--lun", dst);
	json_t *o = copy_json(0, "--verify", odxd_uri(d, 0), odxd_uri(d, 1));

	check_offloaded(o, 4 * MIB, 1, 1);
	CU_ASSERT(file_is(dst, 0, 4 * MIB, 0, 1));
	CU_ASSERT(file_is(dst, 4 * MIB, 4 * MIB, 4 * MIB, 2));
	json_decref(o);
	odxd_stop(d);
}

static void partial_counts(void)
{
	/* Every WUT runs into its deadline and is followed up; none is without progress. */
	struct pair b = pair(16 * MIB, "", ",fault=rate:8M,odx.deadline=500ms");
	json_t *o = copy_json(0, NULL, odxd_uri(b.o, 0), odxd_uri(b.o, 1));

	CU_ASSERT_EQUAL(number(o, "bytes_offloaded"), 16 * MIB);
	CU_ASSERT(sent(o, "WRITE USING TOKEN") >= 3);
	CU_ASSERT(json_is_null(json_object_get(o, "fallback")));
	json_decref(o);
	odxd_stop(b.o);
	CU_ASSERT(file_is(b.dst, 0, 16 * MIB, 0, 1));
}

static bool fallback_says(const json_t *o, const char *words)
{
	const char *text = json_string_value(json_object_get(o, "fallback"));

	if (text && strstr(text, words))
		return true;
	printf("fallback: %s\n", text ? text : "none");
	return false;
}

static void another_process(void)
{
	const char *src = make_filled("src", SIZE, 1), *dst = make_filled("dst", SIZE, 2);
	struct odxd *a = ODXD("--lun", src), *z = ODXD("--lun", dst);
	json_t *o = copy_json(0, "--verify", odxd_uri(a, 0), odxd_uri(z, 0));

	/* Same names, other portal: not the same LUN, and not its token. */
	CU_ASSERT(fallback_says(o, "5/23/"));
	CU_ASSERT_EQUAL(number(o, "bytes_copied"), SIZE);
	CU_ASSERT(json_is_true(json_object_get(o, "verified")));
	CU_ASSERT(file_is(dst, 0, SIZE, 0, 1));
	json_decref(o);
	odxd_stop(a);
	odxd_stop(z);
}

static void no_third_party_copy(void)
{
	struct pair b = pair(SIZE, "", ",odx.enabled=no");
	json_t *o = copy_json(0, NULL, odxd_uri(b.o, 0), odxd_uri(b.o, 1));
	struct run r;

	CU_ASSERT(fallback_says(o, "the destination cannot offload"));
	CU_ASSERT(fallback_says(o, "8Fh"));
	CU_ASSERT_EQUAL(sent(o, "POPULATE TOKEN"), 0);
	CU_ASSERT_EQUAL(number(o, "bytes_copied"), SIZE);
	CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 1));
	json_decref(o);
	r = RUN(program("ODXCP"), odxd_uri(b.o, 0), odxd_uri(b.o, 1));
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT_EQUAL(r.err_lines, 1);
	CU_ASSERT(strstr(r.err, "copying by READ and WRITE: the destination") != NULL);
	run_done(&r);
	odxd_stop(b.o);
}

static void fallback_from_the_point_of_failure(void)
{
	/* Tokens of 8 MiB; one block of the destination, at 20 MiB, cannot be written. */
	struct pair b = pair(SIZE, ",odx.optimal=8M", ",odx.optimal=8M,fault=write-error:20M:512");
	struct run r = RUN(program("ODXCP"), odxd_uri(b.o, 0), odxd_uri(b.o, 1));

	/* READ and WRITE meet the same bad block: what, where and why, in one line. */
	CU_ASSERT_EQUAL(r.status, 1);
	CU_ASSERT(strstr(r.err, "WRITE USING TOKEN: 3/0C/00") != NULL);
	CU_ASSERT(strstr(r.err, "writing the destination at byte 20971520 failed: 3/0C/00") !=
		  NULL);
	CU_ASSERT_EQUAL(r.err_lines, 2); /* the fallback, then the error */
	run_done(&r);
	odxd_stop(b.o);
	CU_ASSERT(file_is(b.dst, 0, 20 * MIB, 0, 1));
}

static void token_expires(void)
{
	/* The copy of one token takes longer than the token may be idle: it is in use. */
	struct pair b = pair(16 * MIB, ",odx.default-timeout=1s",
			     ",fault=rate:6M,odx.deadline=500ms,odx.default-timeout=1s");
	json_t *o = copy_json(0, NULL, odxd_uri(b.o, 0), odxd_uri(b.o, 1));

	CU_ASSERT_EQUAL(number(o, "bytes_offloaded"), 16 * MIB);
	json_decref(o);
	odxd_stop(b.o);
	CU_ASSERT(file_is(b.dst, 0, 16 * MIB, 0, 1));
}

#define SPOT 33333333

/* A process that spoils one byte of @path again and again. */
static pid_t start_spoiler(const char *path)
{
	uint8_t word[8], bad;
	pid_t pid;

	pattern_fill(word, SPOT / 8 * 8, sizeof(word), 1);
	bad = word[SPOT % 8] ^ 0xff;
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_WRONLY);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (pwrite(fd, &bad, 1, SPOT) == 1)
			usleep(500);
		_exit(1);
	}
	return pid;
}

static void verification_finds_differences(void)
{
	struct pair b = pair(SIZE, "", "");
	pid_t spoiler = start_spoiler(b.dst);
	struct run r =
		RUN(program("ODXCP"), "--verify", "--json", odxd_uri(b.o, 0), odxd_uri(b.o, 1));
	json_t *o = json_loads(r.out, 0, NULL);

	kill(spoiler, SIGKILL);
	waitpid(spoiler, NULL, 0);
	CU_ASSERT_EQUAL(r.status, 5);
	CU_ASSERT_EQUAL(r.err_lines, 1);
	CU_ASSERT(strstr(r.err, "differ at byte 33333333") != NULL);
	CU_ASSERT(json_is_false(json_object_get(o, "ok")));
	CU_ASSERT(json_is_false(json_object_get(o, "verified")));
	CU_ASSERT_EQUAL(number(o, "first_difference"), SPOT);
	json_decref(o);
	run_done(&r);
	odxd_stop(b.o);
}

static void chap_uri(void)
{
	static const char conf[] = "portals = {\"127.0.0.1:0\"}\n"
				   "target \"" ODXD_IQN "\" {\n"
				   "  chap { user = \"alice\" secret = \"wonderland-42\" }\n"
				   "  lun 0 { path = \"mem:a\" size = \"4M\" }\n"
				   "  lun 1 { path = \"mem:b\" size = \"4M\" }\n"
				   "}\n";
	struct odxd *d = ODXD("-c", make_text("chap.conf", conf));
	char src[256], dst[256];
	struct run r;

	snprintf(src, sizeof(src), "iscsi://alice%%wonderland-42@%s/" ODXD_IQN "/0", d->portal);
	snprintf(dst, sizeof(dst), "iscsi://alice%%wonderland-42@%s/" ODXD_IQN "/1", d->portal);
	r = RUN(program("ODXCP"), src, dst);
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT(strstr(r.out, "wonderland") == NULL);
	CU_ASSERT(strstr(r.out, "offloaded    4 MiB") != NULL);
	run_done(&r);
	r = RUN(program("ODXCP"), src, odxd_uri(d, 1));
	CU_ASSERT_EQUAL(r.status, 3);
	CU_ASSERT_EQUAL(r.err_lines, 1);
	CU_ASSERT(strstr(r.err, "wonderland") == NULL);
	run_done(&r);
	odxd_stop(d);
}

static void target_dies(void)
{
	const char *src = make_filled("src", SIZE, 1), *dst = make_filled("dst", SIZE, 2);
	struct odxd *d = ODXD("--lun", src, "--lun", spec_of(dst, ",fault=rate:4M"));
	char script[1024];
	struct run r;

	/* In the middle of the copy the target is killed: an error, not a hang. */
	snprintf(script, sizeof(script), "(sleep 1; kill -9 %d) & exec \"$ODXCP\" %s %s",
		 (int)d->pid, odxd_uri(d, 0), odxd_uri(d, 1));
	r = RUN("sh", "-c", script);
	CU_ASSERT_EQUAL(r.status, 1);
	CU_ASSERT(strstr(r.err, "connection was lost") != NULL);
	/* What went over it before, went over it. */
	CU_ASSERT(strstr(r.out, "on the wire  ") != NULL);
	CU_ASSERT(strstr(r.out, "(0 bytes sent") == NULL);
	CU_ASSERT(strstr(r.out, ", 0 received") == NULL);
	run_done(&r);
	/* The harness reaps it. */
}

static void help_and_version(void)
{
	struct run r = RUN(program("ODXCP"), "--help");

	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT(strstr(r.out, "Exit status:") != NULL);
	CU_ASSERT_STRING_EQUAL(r.err, "");
	run_done(&r);
	r = RUN(program("ODXCP"), "--version");
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT(strncmp(r.out, "odxcp ", 6) == 0);
	CU_ASSERT_EQUAL(r.out_lines, 1);
	run_done(&r);
}

static void progress_bar(void)
{
	struct odxd *d;
	char command[1024];
	struct run r = RUN("sh", "-c", "command -v script");

	if (r.status != 0) {
		run_done(&r);
		test_skip("script(1) is not there to make a terminal");
		return;
	}
	run_done(&r);
	d = ODXD("--lun", "mem:a,size=4M", "--lun", "mem:b,size=4M");
	snprintf(command, sizeof(command), "%s %s %s > %s", program("ODXCP"), odxd_uri(d, 0),
		 odxd_uri(d, 1), tmp_path("progress.out"));
	r = RUN("script", "-q", "-e", "-c", command, "/dev/null");
	CU_ASSERT_EQUAL(r.status, 0);
	CU_ASSERT(strstr(r.out, "copying") && strstr(r.out, "100%"));
	run_done(&r);
	odxd_stop(d);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "64 MiB in one PT and one WUT, nothing on the wire", offloaded },
		{ "a chain of tokens of OPTIMAL TRANSFER COUNT, verified", chained },
		{ "limits of source and destination count each on its side",
		  source_and_destination_limits },
		{ "--strict finds no violation, in whole, partial and failed copies", strict },
		{ "--no-offload copies through the client", no_offload },
		{ "the summary as text", text_summary },
		{ "512 to 4096 and 4096 to 512", block_sizes },
		{ "a source that ends inside a destination block", odd_end },
		{ "a larger destination keeps its rest", larger_destination },
		{ "partial counts are followed up", partial_counts },
		{ "to another process: falls back, says 5/23", another_process },
		{ "no third-party copy at the destination: falls back, says why",
		  no_third_party_copy },
		{ "a write error: falls back, then tells what, where and why",
		  fallback_from_the_point_of_failure },
		{ "a token in use does not expire", token_expires },
		{ "--verify names the first differing byte, exit status 5",
		  verification_finds_differences },
		{ "CHAP by URI, never printed", chap_uri },
		{ "the target dies in mid copy: an error, no hang", target_dies },
		{ "--help and --version", help_and_version },
		{ "a progress bar on a terminal", progress_bar },
		TEST_END
	};

	return test_main(argc, argv, "e2e-odxcp", tests);
}
