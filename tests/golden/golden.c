/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *name, const char *why)
{
	fprintf(stderr, "%s/%s.hex: %s\n", GOLDEN_DIR, name, why);
	abort();
}

static void add_line(struct golden *g, const char *name, const char *s)
{
	while (*(s += strspn(s, " \t\n|"))) {
		unsigned long byte, times = 1;
		char *end;

		byte = strtoul(s, &end, 16);
		if (end != s + 2)
			die(name, "not a byte");
		if (*end == '*')
			times = strtoul(end + 1, &end, 10);
		if (times > GOLDEN_MAX - g->len)
			die(name, "too long");
		memset(g->p + g->len, (int)byte, times);
		g->len += times;
		s = end;
	}
}

/* @which: the line wanted, or -1 for all of them. */
static struct golden load(const char *name, int which)
{
	struct golden g = { .len = 0 };
	char path[1024], line[1024];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.hex", GOLDEN_DIR, name);
	f = fopen(path, "r");
	if (!f)
		die(name, "cannot be opened");
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		if (which < 0 || n == which)
			add_line(&g, name, line);
		n++;
	}
	fclose(f);
	return g;
}

struct golden golden_load(const char *name)
{
	struct golden g = load(name, -1);

	if (g.len == 0)
		die(name, "is empty");
	return g;
}

struct golden golden_line(const char *name, unsigned i)
{
	return load(name, (int)i);
}
