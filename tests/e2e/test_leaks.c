/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After 10,000 logins and 10,000 POPULATE TOKENs odxd holds what it held before:
 * resident memory (but for a little slack) and open descriptors.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#define SLACK_KIB 2048 /* heap layout; 10,000 leaks of 210 bytes would show */

static const char conf[] = "portals = {\"127.0.0.1:0\"}\n"
			   "log-level = \"error\"\n"
			   "target \"" ODXD_IQN "\" {\n"
			   "  tokens { max = 20000 tombstones = 100 }\n"
			   "  lun 0 { path = \"mem:a\" size = \"4M\" odx { results = 16 } }\n"
			   "}\n";

/* All of them, unless ODX_SCALE says one in so many. */
static unsigned how_many(unsigned n)
{
	const char *scale = getenv("ODX_SCALE");
	unsigned divisor = scale ? (unsigned)atoi(scale) : 1;

	if (divisor > 1)
		printf("  (%u instead of %u)\n", n / divisor, n);
	return divisor > 1 ? n / divisor : n;
}

static void check_memory(struct odxd *o, long before, const char *what)
{
	long after = odxd_rss_kib(o);

	printf("  RSS %ld KiB before, %ld KiB after %s%s\n", before, after, what,
	       sanitized() ? " (not judged: the sanitizer keeps freed memory; it looks for leaks)"
			   : "");
	if (!sanitized())
		CU_ASSERT(after <= before + SLACK_KIB);
}

/* Descriptors of closed connections go away a moment after the logout. */
static void check_fds(struct odxd *o, int before)
{
	for (unsigned i = 0; i < 100 && odxd_fds(o) != before; i++)
		usleep(20 * 1000);
	CU_ASSERT_EQUAL(odxd_fds(o), before);
}

static bool logins(const struct initiator_uri *uri, unsigned n, bool rude)
{
	char err[INITIATOR_ERR];

	for (unsigned i = 0; i < n; i++) {
		struct initiator *in;

		if (initiator_open(&in, uri, NULL, err)) {
			printf("login %u: %s\n", i, err);
			return false;
		}
		if (rude)
			initiator_drop(in);
		else
			initiator_close(in);
	}
	return true;
}

static void many_logins(void)
{
	struct odxd *o = ODXD("-c", make_text("leaks.conf", conf));
	struct initiator_uri uri;
	char err[INITIATOR_ERR];
	int fds;
	long rss;

	CU_ASSERT_EQUAL(initiator_uri_parse(odxd_uri(o, 0), &uri, err), 0);
	fds = odxd_fds(o);
	CU_ASSERT(logins(&uri, 500, false));
	check_fds(o, fds);
	rss = odxd_rss_kib(o);
	CU_ASSERT(logins(&uri, how_many(10000), false));
	check_fds(o, fds);
	check_memory(o, rss, "10,000 logins and logouts");
	odxd_stop(o);
}

static void rude_clients(void)
{
	struct odxd *o = ODXD("-c", make_text("leaks.conf", conf));
	struct initiator_uri uri;
	char err[INITIATOR_ERR];
	int fds;
	long rss;

	CU_ASSERT_EQUAL(initiator_uri_parse(odxd_uri(o, 0), &uri, err), 0);
	fds = odxd_fds(o);
	CU_ASSERT(logins(&uri, 200, true));
	check_fds(o, fds);
	rss = odxd_rss_kib(o);
	CU_ASSERT(logins(&uri, how_many(2000), true));
	check_fds(o, fds);
	check_memory(o, rss, "2,000 connections cut off");
	odxd_stop(o);
}

static bool populate(struct initiator *in, unsigned n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct tpc_range r = RANGE(i % 8000, 8);

		if (!answer_good("PT", pt_timeout(in, 0, i, 1, &r, 1)))
			return false;
	}
	return true;
}

static void many_tokens(void)
{
	struct odxd *o = ODXD("-c", make_text("leaks.conf", conf));
	struct initiator *in = login_clear(o, 1);
	int fds = odxd_fds(o);
	long rss;

	/* The same once before: the heap's high-water mark is no leak, growth is. */
	CU_ASSERT(populate(in, how_many(10000)));
	sleep(3); /* inactivity timeout 1 s */
	rss = odxd_rss_kib(o);
	CU_ASSERT(populate(in, how_many(10000)));
	sleep(3);
	check_memory(o, rss, "10,000 tokens made and expired");
	CU_ASSERT_EQUAL(odxd_fds(o), fds);
	initiator_close(in);
	check_fds(o, fds - 1);
	odxd_stop(o);
}

static void many_commands(void)
{
	struct odxd *o = ODXD("-c", make_text("leaks.conf", conf));
	struct initiator *in = login_clear(o, 1);
	struct tpc_range from = RANGE(0, 64), to = RANGE(4096, 64);
	uint8_t token[ROD_TOKEN_LEN];
	unsigned n = how_many(10000), bad = 0;
	long rss = 0;

	CU_ASSERT(take_token(in, 0, 1, &from, 1, token));
	for (unsigned i = 0; i < n + 1000; i++) {
		if (i == 1000)
			rss = odxd_rss_kib(o);
		bad += !answer_good("WUT", wut(in, 0, i, token, 0, &to, 1));
		if (bad > 5)
			break;
	}
	CU_ASSERT_EQUAL(bad, 0);
	check_memory(o, rss, "10,000 WUTs");
	initiator_close(in);
	odxd_stop(o);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { { "10,000 logins and logouts", many_logins },
					     { "2,000 connections cut off without logout",
					       rude_clients },
					     { "10,000 tokens made and expired", many_tokens },
					     { "10,000 WUTs with one token", many_commands },
					     TEST_END };

	return test_main(argc, argv, "e2e-leaks", tests);
}
