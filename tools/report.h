/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What odxcp tells: a progress bar while it works, one summary at the end, as
 * text or as JSON.
 */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <stdio.h>

#include "engine.h"

enum verify_state { VERIFY_NONE, VERIFY_SAME, VERIFY_DIFFERENT };

struct report {
	const struct initiator_uri *src, *dst;
	const struct engine *engine;	       /* NULL: failed before the copy */
	const struct initiator_counts *counts; /* at the end of the copy      */
	double seconds;			       /* of the copy                 */
	enum verify_state verified;
	uint64_t first_difference;
	bool strict;	     /* violations were looked for */
	unsigned violations; /* how many there were        */
	const char *error;   /* one line; NULL: all went well */
};

void report_text(FILE *f, const struct report *r);
/* 0, or -ENOMEM. */
int report_json(FILE *f, const struct report *r);

/* "1.5 GiB"; returns @buf. */
const char *report_size(uint64_t bytes, char *buf, size_t cap);

/* A bar on stderr, if that is a terminal; redrawn at most ten times a second. */
struct progress {
	const char *label;
	double started, drawn; /* seconds, monotonic */
	bool tty;
};
void progress_init(struct progress *p, const char *label);
void progress_update(void *p, uint64_t done, uint64_t total);
/* Wipes the bar so that a message can take its line. */
void progress_done(struct progress *p);

double now_seconds(void);

#endif
