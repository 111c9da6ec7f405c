/* SPDX-License-Identifier: Apache-2.0 */
#include "check_report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "report.h"

static const struct {
	const char *label, *colour;
} verdict_looks[VERDICT_COUNT] = {
	[VERDICT_SKIP] = { "skip", "" },	 [VERDICT_INFO] = { "info", "" },
	[VERDICT_PASS] = { "ok", "\033[32m" },	 [VERDICT_WARN] = { "WARN", "\033[33m" },
	[VERDICT_FAIL] = { "FAIL", "\033[31m" },
};

static bool pair(const struct check_report *r)
{
	return r->uri[SIDE_DESTINATION] != NULL;
}

const char *check_verdict(const struct check_report *r)
{
	static const char *const texts[][2] = {
		{ "Windows would not offload to this LUN.",
		  "Windows would not offload between these LUNs." },
		{ "Windows would offload to this LUN, and data could be damaged.",
		  "Windows would offload between these LUNs, and data could be damaged." },
		{ "Windows would offload to this LUN, but not everything is right.",
		  "Windows would offload between these LUNs, but not everything is right." },
		{ "Windows would offload to this LUN.",
		  "Windows would offload between these LUNs." },
		{ "The tests did not come to their end.", "The tests did not come to their end." },
		{ "The LUN cannot be reached.", "The LUNs cannot be reached." },
	};
	unsigned i = 3;

	if (!r->findings)
		i = 5;
	else if (finding_failed(r->findings, EFFECT_OFF))
		i = 0;
	else if (finding_failed(r->findings, EFFECT_DATA))
		i = 1;
	else if (finding_count(r->findings, VERDICT_FAIL))
		i = 2;
	else if (r->error)
		i = 4;
	return texts[i][pair(r)];
}

enum check_exit check_exit_status(const struct check_report *r)
{
	if (!r->findings)
		return CHECK_UNREACHABLE;
	if (r->error)
		return CHECK_LOST;
	return finding_count(r->findings, VERDICT_FAIL) ? CHECK_WOULD_NOT : CHECK_WOULD;
}

/* ---- text ---- */

static void print_result(FILE *f, const struct check_report *r, enum finding what, enum side side,
			 bool colour)
{
	static const char *const sides[SIDE_COUNT] = { "source: ", "destination: " };
	const struct finding_row *row = &finding_rows[what];
	const struct result *v = &r->findings->v[what][side];
	bool bad = v->verdict >= VERDICT_WARN;

	fprintf(f, "  %s%-4s%s  %s%s\n", colour ? verdict_looks[v->verdict].colour : "",
		verdict_looks[v->verdict].label, colour ? "\033[0m" : "",
		pair(r) && row->group == GROUP_DISCOVERY ? sides[side] : "", row->title);
	fprintf(f, "        %s\n", v->saw);
	if (bad)
		fprintf(f, "        %s\n        (%s%s%s)\n", row->consequence, row->id,
			row->clause[0] ? "; " : "", row->clause);
}

static void print_group(FILE *f, const struct check_report *r, enum finding_group group,
			bool colour)
{
	bool heading = false;

	for (unsigned i = 0; i < FINDING_COUNT * SIDE_COUNT; i++) {
		enum finding what = i / SIDE_COUNT;
		enum side side = i % SIDE_COUNT;

		if (finding_rows[what].group != group || !r->findings->v[what][side].set)
			continue;
		if (!heading)
			fprintf(f, "%s\n", finding_groups[group]);
		heading = true;
		print_result(f, r, what, side, colour);
	}
	if (heading)
		fputc('\n', f);
}

static void print_plan(FILE *f, const struct plan *p)
{
	char size[3][32];

	report_size(p->bytes, size[0], sizeof(size[0]));
	report_size(p->pt_max, size[1], sizeof(size[1]));
	report_size(p->wut_max, size[2], sizeof(size[2]));
	fprintf(f,
		"What Windows would send to copy a file of %s in one piece\n"
		"  %6" PRIu64 "  POPULATE TOKEN of up to %s\n"
		"  %6" PRIu64 "  RECEIVE ROD TOKEN INFORMATION\n"
		"  %6" PRIu64 "  WRITE USING TOKEN of up to %s\n\n",
		size[0], p->pt, size[1], p->rrti, p->wut, size[2]);
}

void check_report_text(FILE *f, const struct check_report *r, bool colour)
{
	char uri[768];

	for (unsigned i = 0; i < SIDE_COUNT; i++)
		if (r->uri[i])
			fprintf(f, "%s%s\n",
				!pair(r) ? ""
				: i	 ? "to   "
					 : "from ",
				initiator_uri_text(r->uri[i], uri, sizeof(uri)));
	fputc('\n', f);
	if (r->findings) {
		for (unsigned g = 0; g < GROUP_COUNT; g++)
			print_group(f, r, g, colour);
		if (r->plan)
			print_plan(f, r->plan);
		fprintf(f, "%u ok, %u failed, %u warnings, %u skipped%s\n",
			finding_count(r->findings, VERDICT_PASS),
			finding_count(r->findings, VERDICT_FAIL),
			finding_count(r->findings, VERDICT_WARN),
			finding_count(r->findings, VERDICT_SKIP),
			r->destructive ? "" : "; writes are only tested with --destructive");
	}
	fprintf(f, "%s\n", check_verdict(r));
}

/* ---- JSON ---- */

static json_t *result_json(const struct check_report *r, enum finding what, enum side side)
{
	static const char *const sides[SIDE_COUNT] = { "source", "destination" };
	const struct finding_row *row = &finding_rows[what];
	const struct result *v = &r->findings->v[what][side];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", row->id, "verdict",
			 verdict_names[v->verdict], "side", sides[side], "title", row->title, "saw",
			 v->saw, "effect", finding_effects[row->effect], "consequence",
			 row->consequence, "reference", row->clause);
}

static json_t *findings_json(const struct check_report *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < FINDING_COUNT * SIDE_COUNT; i++)
		if (r->findings->v[i / SIDE_COUNT][i % SIDE_COUNT].set)
			json_array_append_new(list, result_json(r, i / SIDE_COUNT, i % SIDE_COUNT));
	return list;
}

static json_t *counts_json(const struct findings *f)
{
	json_t *o = json_object();

	for (unsigned i = 0; o && i < VERDICT_COUNT; i++)
		json_object_set_new(o, verdict_names[i], json_integer(finding_count(f, i)));
	return o;
}

static json_t *plan_json(const struct plan *p)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "bytes", (json_int_t)p->bytes,
			 "populate_token", (json_int_t)p->pt, "receive_rod_token_information",
			 (json_int_t)p->rrti, "write_using_token", (json_int_t)p->wut,
			 "populate_token_bytes", (json_int_t)p->pt_max, "write_using_token_bytes",
			 (json_int_t)p->wut_max);
}

int check_report_json(FILE *f, const struct check_report *r)
{
	static const char *const sides[SIDE_COUNT] = { "source", "destination" };
	json_t *o = json_object();
	char uri[768];
	int ret = -ENOMEM;

	if (!o)
		return -ENOMEM;
	json_object_set_new(o, "verdict", json_string(check_verdict(r)));
	json_object_set_new(o, "would_offload",
			    json_boolean(r->findings && !finding_failed(r->findings, EFFECT_OFF)));
	json_object_set_new(o, "exit_status", json_integer(check_exit_status(r)));
	if (r->error)
		json_object_set_new(o, "error", json_string(r->error));
	for (unsigned i = 0; i < SIDE_COUNT; i++)
		if (r->uri[i])
			json_object_set_new(o, sides[i],
					    json_string(initiator_uri_text(r->uri[i], uri,
									   sizeof(uri))));
	json_object_set_new(o, "destructive", json_boolean(r->destructive));
	json_object_set_new(o, "seconds", json_real(r->seconds));
	if (r->findings) {
		json_object_set_new(o, "counts", counts_json(r->findings));
		json_object_set_new(o, "findings", findings_json(r));
	}
	json_object_set_new(o, "plan", r->plan ? plan_json(r->plan) : json_null());
	if (json_dumpf(o, f, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0) {
		fputc('\n', f);
		ret = 0;
	}
	json_decref(o);
	return ret;
}
