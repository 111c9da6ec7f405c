/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

static unsigned skipped;
static bool skipping;

void test_skip(const char *why)
{
	printf("[SKIPPED] %s\n", why);
	skipping = true;
}

static bool wanted(int argc, char **argv, const char *name)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;
	return false;
}

static void count_skip(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failures)
{
	(void)test;
	(void)suite;
	if (skipping && !failures)
		skipped++;
	skipping = false;
}

static void print_failures(void)
{
	for (CU_pFailureRecord f = CU_get_failure_list(); f; f = f->pNext)
		printf("FAILED %s: %s:%u: %s\n", f->pTest ? f->pTest->pName : "(suite)",
		       f->strFileName ? f->strFileName : "?", f->uiLineNumber,
		       f->strCondition ? f->strCondition : "?");
}

static void say_start(const CU_pTest test, const CU_pSuite suite)
{
	(void)suite;
	printf("  %s ...\n", test->pName);
}

int test_main(int argc, char **argv, const char *suite, const struct test *tests)
{
	CU_pSuite s;
	unsigned added = 0, failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	s = CU_add_suite(suite, NULL, NULL);
	if (!s)
		return 2;
	for (; tests->name; tests++) {
		if (!wanted(argc, argv, tests->name))
			continue;
		if (!CU_add_test(s, tests->name, tests->fn))
			return 2;
		added++;
	}
	if (added == 0) {
		fprintf(stderr, "%s: no test of that name\n", suite);
		return 2;
	}
	CU_set_test_start_handler(say_start);
	CU_set_test_complete_handler(count_skip);
	if (CU_run_all_tests() != CUE_SUCCESS)
		return 2;
	print_failures();
	failed = CU_get_number_of_tests_failed();
	printf("%s: %u passed, %u failed, %u skipped\n", suite, added - failed - skipped, failed,
	       skipped);
	CU_cleanup_registry();
	return failed ? 1 : 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t test_hex(const char *hex, unsigned char *ret, size_t cap)
{
	size_t n = 0;
	int hi = -1;

	for (; *hex; hex++) {
		int d = hex_digit(*hex);

		if (d < 0) {
			if (!isspace((unsigned char)*hex) && *hex != '|') {
				fprintf(stderr, "test_hex: bad character '%c'\n", *hex);
				abort();
			}
			continue;
		}
		if (hi < 0) {
			hi = d;
			continue;
		}
		if (n == cap) {
			fprintf(stderr, "test_hex: more than %zu bytes\n", cap);
			abort();
		}
		ret[n++] = (unsigned char)(hi << 4 | d);
		hi = -1;
	}
	if (hi >= 0) {
		fprintf(stderr, "test_hex: odd number of digits\n");
		abort();
	}
	return n;
}

static void print_around(const char *side, const unsigned char *p, size_t len, size_t at)
{
	size_t from = at < 8 ? 0 : at - 8;

	printf("  %s %zu bytes, from %zu:", side, len, from);
	for (size_t i = from; i < len && i < from + 24; i++)
		printf(i == at ? " [%02x]" : " %02x", p[i]);
	printf("\n");
}

int test_same_bytes(const char *what, const void *got, size_t got_len, const void *want,
		    size_t want_len)
{
	const unsigned char *g = got, *w = want;
	size_t n = got_len < want_len ? got_len : want_len;
	size_t at = 0;

	while (at < n && g[at] == w[at])
		at++;
	if (at == n && got_len == want_len)
		return 1;
	printf("%s differs at byte %zu:\n", what, at);
	print_around("got ", g, got_len, at);
	print_around("want", w, want_len, at);
	return 0;
}
