/* SPDX-License-Identifier: Apache-2.0 */
#include "check_findings.h"

#include <stdarg.h>
#include <stdio.h>

const char *const finding_groups[GROUP_COUNT] = {
	[GROUP_DISCOVERY] = "What Windows reads when the disk appears",
	[GROUP_TOKEN] = "Making tokens",
	[GROUP_WRITE] = "Writing with tokens",
	[GROUP_LIFE] = "The life of a token",
	[GROUP_END] = "At the end",
};

const char *const finding_effects[] = {
	[EFFECT_OFF] = "no-offload",
	[EFFECT_FALLBACK] = "fallback",
	[EFFECT_DATA] = "data",
	[EFFECT_LOGO] = "conformance",
};

const char *const verdict_names[VERDICT_COUNT] = {
	[VERDICT_SKIP] = "skip", [VERDICT_INFO] = "info", [VERDICT_PASS] = "pass",
	[VERDICT_WARN] = "warn", [VERDICT_FAIL] = "fail",
};

void finding_add(struct findings *f, enum side side, enum finding what, enum verdict verdict,
		 const char *format, ...)
{
	struct result *r = &f->v[what][side];
	va_list ap;

	if (r->set && verdict <= r->verdict)
		return;
	r->set = true;
	r->verdict = verdict;
	va_start(ap, format);
	vsnprintf(r->saw, sizeof(r->saw), format, ap);
	va_end(ap);
}

static const struct result *result_at(const struct findings *f, unsigned i)
{
	return &f->v[i / SIDE_COUNT][i % SIDE_COUNT];
}

unsigned finding_count(const struct findings *f, enum verdict verdict)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FINDING_COUNT * SIDE_COUNT; i++)
		n += result_at(f, i)->set && result_at(f, i)->verdict == verdict;
	return n;
}

unsigned finding_failed(const struct findings *f, enum finding_effect effect)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FINDING_COUNT * SIDE_COUNT; i++)
		n += result_at(f, i)->set && result_at(f, i)->verdict == VERDICT_FAIL &&
		     finding_rows[i / SIDE_COUNT].effect == effect;
	return n;
}
