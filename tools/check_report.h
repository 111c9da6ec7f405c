/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of odxcheck, as text or as JSON, and its exit status.
 */
#ifndef TOOLS_CHECK_REPORT_H
#define TOOLS_CHECK_REPORT_H

#include <stdio.h>

#include "check_findings.h"
#include "check_plan.h"
#include "initiator.h"

enum check_exit {
	CHECK_WOULD = 0,       /* Windows would offload, no finding failed   */
	CHECK_WOULD_NOT = 1,   /* it would not, or something is wrong        */
	CHECK_USAGE = 2,       /* bad arguments                              */
	CHECK_UNREACHABLE = 3, /* no connection, target or LUN               */
	CHECK_LOST = 4,	       /* the connection was lost during the tests   */
};

struct check_report {
	const struct initiator_uri *uri[SIDE_COUNT]; /* the second NULL if there is one only */
	const struct findings *findings;	     /* NULL: failed before the first      */
	const struct plan *plan;		     /* NULL: none, see findings           */
	bool destructive;
	double seconds;
	const char *error; /* one line; NULL: the tests came to their end */
};

/* One sentence: "Windows would offload to this LUN." */
const char *check_verdict(const struct check_report *r);
enum check_exit check_exit_status(const struct check_report *r);

void check_report_text(FILE *f, const struct check_report *r, bool colour);
/* 0, or -ENOMEM. */
int check_report_json(FILE *f, const struct check_report *r);

#endif
