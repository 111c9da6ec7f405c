/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a wrong target found out?  odxd-mutant behaves wrong in one way at a time (mutants.h);
 * odxcheck must come back red, with the finding that the table names.  Without a mutant
 * it must be green, and so must odxd-mutant be the odxd it was made from.
 *
 * ODX_MUTANTS=I/N: only every Nth row, from the Ith on.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "mutants.h"

#define CHECK_SECONDS 100

/* odxcheck's verdicts as JSON; NULL: it said nothing. */
static json_t *check(const struct odxd *o, bool pair, int *ret_status)
{
	char uri[2][256];
	struct run r;
	json_t *j;

	for (unsigned i = 0; i < 2; i++)
		snprintf(uri[i], sizeof(uri[i]), "%s", odxd_uri(o, i));
	r = run_argv(CHECK_SECONDS,
		     (const char *const[]) { program("ODXCHECK"), "--destructive", "--json",
					     "--area=16", uri[0], pair ? uri[1] : NULL, NULL });
	*ret_status = r.status;
	j = json_loads(r.out, 0, NULL);
	if (!j)
		printf("  odxcheck: status %d: %s\n", r.status, r.err);
	run_done(&r);
	return j;
}

/* How a finding came out on the worse side; "": it is not there. */
static const char *verdict_of(const json_t *j, const char *id)
{
	const char *worst = "";
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(j, "findings"), i, row)
	{
		const char *v = json_string_value(json_object_get(row, "verdict"));

		if (strcmp(json_string_value(json_object_get(row, "id")), id) != 0)
			continue;
		if (strcmp(v, "fail") == 0 || !*worst || strcmp(worst, "pass") == 0)
			worst = v;
	}
	return worst;
}

static void print_failed(const json_t *j)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(j, "findings"), i,
			   row) if (strcmp(json_string_value(json_object_get(row, "verdict")),
					   "fail") == 0)
		printf("    %s: %s\n", json_string_value(json_object_get(row, "id")),
		       json_string_value(json_object_get(row, "saw")));
}

static struct odxd *start(const char *mutant)
{
	run_env("ODX_MUTANT", mutant);
	return ODXD("--lun", "mem:a,size=64M", "--lun", "mem:b,size=64M");
}

static void without_a_mutant(void)
{
	for (unsigned pair = 0; pair < 2; pair++) {
		struct odxd *o = start("");
		int status;
		json_t *j = check(o, pair, &status);

		CU_ASSERT_PTR_NOT_NULL_FATAL(j);
		CU_ASSERT_EQUAL(status, 0);
		print_failed(j);
		json_decref(j);
		odxd_stop(o);
	}
}

static void one(const struct mutant *m)
{
	struct odxd *o = start(m->name);
	/* What a LUN does to itself is looked at when one is named. */
	bool pair = strcmp(m->caught, "self-overlap") != 0;
	const char *verdict;
	int status;
	json_t *j = check(o, pair, &status);

	CU_ASSERT_PTR_NOT_NULL_FATAL(j);
	verdict = verdict_of(j, m->caught);
	printf("    %s: status %d, %s: %s\n", m->name, status, m->caught, verdict);
	CU_ASSERT_EQUAL(status, m->warns ? 0 : 1);
	CU_ASSERT_STRING_EQUAL(verdict, m->warns ? "warn" : "fail");
	if (strcmp(verdict, m->warns ? "warn" : "fail") != 0)
		print_failed(j);
	json_decref(j);
	odxd_kill(o);
}

static void each_is_caught(void)
{
	const char *part = getenv("ODX_MUTANTS");
	unsigned i = 0, n = 1, k = 0;

	if (sanitized()) {
		test_skip("the mutants need no sanitizer");
		return;
	}
	if (part && sscanf(part, "%u/%u", &i, &n) != 2)
		i = 0, n = 1;
	for (const struct mutant *m = mutants; m->name; m++, k++)
		if (k % n == i)
			one(m);
}

/* docs/mutants.md has a line for each row, and no others. */
static void the_page_has_them(void)
{
	char line[512], want[512];
	unsigned lines = 0, rows = 0;
	FILE *f = fopen(MUTANTS_PAGE, "r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fgets(line, sizeof(line), f)) {
		const struct mutant *m = mutants;

		if (strncmp(line, "| `", 3) != 0)
			continue;
		lines++;
		for (; m->name; m++) {
			snprintf(want, sizeof(want), "| `%s` | %s | %s | `%s`%s |\n", m->name,
				 m->does, m->from, m->caught, m->warns ? " (warns)" : "");
			if (strcmp(line, want) == 0)
				break;
		}
		if (!m->name)
			printf("  not in the table: %s", line);
		CU_ASSERT_PTR_NOT_NULL(m->name);
	}
	fclose(f);
	for (const struct mutant *m = mutants; m->name; m++)
		rows++;
	CU_ASSERT_EQUAL(lines, rows);
	CU_ASSERT(rows >= 20);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "without a mutant nothing fails", without_a_mutant },
		{ "each mutant is caught by the finding that the table names", each_is_caught },
		{ "docs/mutants.md is the table", the_page_has_them },
		TEST_END
	};

	return test_main(argc, argv, "mutants", tests);
}
