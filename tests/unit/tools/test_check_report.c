/* SPDX-License-Identifier: Apache-2.0 */
/* odxcheck's table, verdict, report, and the commands it predicts. */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_report.h"
#include "test.h"

#define GIB (1024ull << 20)
#define MIB (1ull << 20)

static struct findings f;
static struct initiator_uri source, destination;

static void table(void)
{
	for (unsigned i = 0; i < FINDING_COUNT; i++) {
		const struct finding_row *r = &finding_rows[i];

		CU_ASSERT_FATAL(r->id && r->title && r->clause && r->consequence);
		for (const char *p = r->id; *p; p++)
			CU_ASSERT(islower((unsigned char)*p) || isdigit((unsigned char)*p) ||
				  *p == '-');
		CU_ASSERT(strlen(r->title) <= 80);
		for (unsigned j = 0; j < i; j++)
			CU_ASSERT(strcmp(r->id, finding_rows[j].id) != 0);
		/* In the order in which they are printed. */
		CU_ASSERT(i == 0 || finding_rows[i - 1].group <= r->group);
	}
}

static void the_worst_stays(void)
{
	memset(&f, 0, sizeof(f));
	finding_add(&f, SIDE_SOURCE, F_QERR, VERDICT_SKIP, "skip");
	finding_add(&f, SIDE_SOURCE, F_QERR, VERDICT_PASS, "pass");
	finding_add(&f, SIDE_SOURCE, F_QERR, VERDICT_FAIL, "first %d", 1);
	finding_add(&f, SIDE_SOURCE, F_QERR, VERDICT_FAIL, "second");
	finding_add(&f, SIDE_SOURCE, F_QERR, VERDICT_PASS, "pass");
	CU_ASSERT_EQUAL(f.v[F_QERR][SIDE_SOURCE].verdict, VERDICT_FAIL);
	CU_ASSERT_STRING_EQUAL(f.v[F_QERR][SIDE_SOURCE].saw, "first 1");
	CU_ASSERT(!f.v[F_QERR][SIDE_DESTINATION].set);
	CU_ASSERT_EQUAL(finding_count(&f, VERDICT_FAIL), 1);
	CU_ASSERT_EQUAL(finding_failed(&f, EFFECT_FALLBACK), 1);
	CU_ASSERT_EQUAL(finding_failed(&f, EFFECT_OFF), 0);
}

static struct check_report report(void)
{
	memset(&f, 0, sizeof(f));
	finding_add(&f, SIDE_SOURCE, F_VPD_LIST_8F, VERDICT_PASS, "there it is");
	return (struct check_report) { .uri = { &source }, .findings = &f };
}

static void verdicts(void)
{
	struct check_report r = report();

	CU_ASSERT_STRING_EQUAL(check_verdict(&r), "Windows would offload to this LUN.");
	CU_ASSERT_EQUAL(check_exit_status(&r), 0);
	finding_add(&f, SIDE_SOURCE, F_RRTI_NEXUS, VERDICT_WARN, "a warning is no failure");
	CU_ASSERT_EQUAL(check_exit_status(&r), 0);
	finding_add(&f, SIDE_SOURCE, F_PT_OVERLAP, VERDICT_FAIL, "GOOD");
	CU_ASSERT(strstr(check_verdict(&r), "not everything is right") != NULL);
	CU_ASSERT_EQUAL(check_exit_status(&r), 1);
	finding_add(&f, SIDE_SOURCE, F_WUT_DATA, VERDICT_FAIL, "wrong");
	CU_ASSERT(strstr(check_verdict(&r), "damaged") != NULL);
	finding_add(&f, SIDE_SOURCE, F_VPD_8F_LENGTH, VERDICT_FAIL, "short");
	CU_ASSERT_STRING_EQUAL(check_verdict(&r), "Windows would not offload to this LUN.");
	r.uri[1] = &destination;
	CU_ASSERT(strstr(check_verdict(&r), "between these LUNs") != NULL);
	r = report();
	r.error = "the connection was lost during the tests";
	CU_ASSERT_EQUAL(check_exit_status(&r), 4);
	CU_ASSERT(strstr(check_verdict(&r), "did not come to their end") != NULL);
	r.findings = NULL;
	CU_ASSERT_EQUAL(check_exit_status(&r), 3);
}

static char *text_of(const struct check_report *r, bool colour)
{
	char *text = NULL;
	size_t len;
	FILE *m = open_memstream(&text, &len);

	check_report_text(m, r, colour);
	fclose(m);
	return text;
}

static void as_text(void)
{
	struct check_report r = report();
	char *text;

	finding_add(&f, SIDE_SOURCE, F_VPD_LIST_ORDER, VERDICT_FAIL, "83h after 80h");
	text = text_of(&r, false);
	CU_ASSERT(strstr(text, "  ok    the list names page 8Fh") != NULL);
	CU_ASSERT(strstr(text, "  FAIL  the list begins with 00h and ascends\n"
			       "        83h after 80h\n"
			       "        Windows stops reading") != NULL);
	CU_ASSERT(strstr(text, "(vpd-list-order; ") != NULL);
	CU_ASSERT(strstr(text, "only tested with --destructive") != NULL);
	CU_ASSERT(strchr(text, '\033') == NULL);
	free(text);
	text = text_of(&r, true);
	CU_ASSERT(strstr(text, "\033[31mFAIL\033[0m") != NULL);
	free(text);
}

static void as_json(void)
{
	struct check_report r = report();
	struct plan plan = { .bytes = GIB, .pt = 4, .rrti = 4, .wut = 16 };
	char *text = NULL;
	size_t len;
	FILE *m = open_memstream(&text, &len);
	json_t *o, *first;

	r.plan = &plan;
	CU_ASSERT_EQUAL(check_report_json(m, &r), 0);
	fclose(m);
	o = json_loads(text, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	CU_ASSERT(json_is_true(json_object_get(o, "would_offload")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(o, "exit_status")), 0);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(o, "findings")), 1);
	first = json_array_get(json_object_get(o, "findings"), 0);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(first, "id")), "vpd-list-8f");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(first, "verdict")), "pass");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(first, "saw")), "there it is");
	CU_ASSERT_EQUAL(json_integer_value(
				json_object_get(json_object_get(o, "plan"), "write_using_token")),
			16);
	json_decref(o);
	free(text);
}

/* ---- what Windows would send ---- */

static struct disk disk(uint32_t block_size, uint64_t otc, uint64_t mtts)
{
	return (struct disk) { .capacity = { .blocks = 1ull << 30, .block_size = block_size },
			       .odx = { .max_ranges = 64,
					.optimal_blocks = otc / block_size,
					.max_token_blocks = mtts / block_size },
			       .has_odx = true };
}

/* windows-initiator.md 8, the table; each with both block sizes. */
static void plans(void)
{
	static const struct {
		uint64_t otc, mtts;
		unsigned pt, wut;
	} rows[] = {
		{ 0, 0, 1, 16 },	 { 64 * MIB, 64 * MIB, 16, 16 },
		{ 64 * MIB, 0, 16, 16 }, { 256 * MIB, 256 * MIB, 4, 4 },
		{ GIB, GIB, 1, 4 },	 { 8 * GIB, 0, 1, 4 },
		{ 0, 128 * MIB, 8, 16 }, { 256 * MIB, 4 * GIB, 4, 4 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (uint32_t bs = 512; bs <= 4096; bs *= 8) {
			struct disk d = disk(bs, rows[i].otc, rows[i].mtts);
			struct plan p = plan_copy(&d, &d, GIB);

			CU_ASSERT_EQUAL(p.pt, rows[i].pt);
			CU_ASSERT_EQUAL(p.rrti, rows[i].pt);
			CU_ASSERT_EQUAL(p.wut, rows[i].wut);
		}
}

static void plans_of_two(void)
{
	struct disk a = disk(512, 0, 0), b = disk(512, 48 * MIB, 0);
	struct plan p = plan_copy(&a, &b, GIB);

	/* One token; each piece of 256 MiB is five full writes and one of 16 MiB. */
	CU_ASSERT_EQUAL(p.pt, 1);
	CU_ASSERT_EQUAL(p.pt_max, GIB);
	CU_ASSERT_EQUAL(p.wut, 4 * 6);
	CU_ASSERT_EQUAL(p.wut_max, 48 * MIB);
	/* Tokens of 48 MiB, written as they are. */
	p = plan_copy(&b, &a, GIB);
	CU_ASSERT_EQUAL(p.pt, 22);
	CU_ASSERT_EQUAL(p.wut, 22);
	CU_ASSERT_EQUAL(p.wut_max, 48 * MIB);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "each finding has a row, an id of its own and words", table },
		{ "of two results of one finding the worse one stays", the_worst_stays },
		{ "the verdict and the exit status", verdicts },
		{ "as text, with consequence and id of what fails", as_text },
		{ "as JSON", as_json },
		{ "the commands of a copy of 1 GiB, by the limits", plans },
		{ "limits of source and destination count each on its side", plans_of_two },
		TEST_END
	};

	return test_main(argc, argv, "unit-tools-check-report", tests);
}
