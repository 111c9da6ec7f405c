/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target shares.  A target is one function, called with any
 * bytes at all; it must neither touch memory that is not its own (sanitizers
 * watch) nor break a promise it checks with FUZZ_CHECK.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Checked in every build, whatever NDEBUG says. */
#define FUZZ_CHECK(cond)                                                                   \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                           \
		}                                                                          \
	} while (0)

#endif
