/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads tests/golden/NAME.hex: hex bytes, '#' begins a comment line, '|' and
 * blanks separate, "HH*N" repeats a byte.  Aborts when a file is missing or
 * malformed: a vector that is not there must not pass.
 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <stddef.h>
#include <stdint.h>

#define GOLDEN_MAX 2048

struct golden {
	uint8_t p[GOLDEN_MAX];
	size_t len;
};

/* All lines of the file as one vector. */
struct golden golden_load(const char *name);

/* Line @i alone (from 0), for files with a vector per line; len 0: no such line. */
struct golden golden_line(const char *name, unsigned i);

#endif
