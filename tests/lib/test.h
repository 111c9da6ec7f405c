/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How every test binary of this project runs: a table of CUnit tests, one suite
 * per binary, a closing line "SUITE: N passed, N failed, N skipped" that
 * scripts/test adds up, exit status 0 only when nothing failed.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <stdbool.h>
#include <stddef.h>

#include <CUnit/CUnit.h>

struct test {
	const char *name;
	void (*fn)(void);
};

/* Ends the table. */
#define TEST_END           \
	{                  \
		NULL, NULL \
	}

/*
 * Runs @tests (or only those whose names contain an argument of the command
 * line).  Call as the last thing of main().  Returns the exit status.
 */
int test_main(int argc, char **argv, const char *suite, const struct test *tests);

/* Counts the running test as skipped, with the reason on stdout; then return. */
void test_skip(const char *why);

/* Hex text ("83 10 00", blanks, newlines and '|' ignored) to bytes; returns the count. */
size_t test_hex(const char *hex, unsigned char *ret, size_t cap);

/* Compares bytes and prints the first difference with both sides as hex. */
int test_same_bytes(const char *what, const void *got, size_t got_len, const void *want,
		    size_t want_len);
#define CHECK_BYTES(got, got_len, want, want_len) \
	CU_ASSERT(test_same_bytes(#got, got, got_len, want, want_len))

#endif
