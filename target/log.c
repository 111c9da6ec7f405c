/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static enum log_level max_level = LEVEL_WARNING;
static void (*sink)(enum log_level level, const char *line); /* NULL: stderr */

void log_set_level(enum log_level level)
{
	max_level = level;
}

enum log_level log_get_level(void)
{
	return max_level;
}

void log_set_sink(void (*fn)(enum log_level level, const char *line))
{
	sink = fn;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	static const struct {
		int journal; /* syslog priority, sd-daemon(3) */
		const char *word;
	} levels[] = { { 3, "error: " }, { 4, "warning: " }, { 6, "" }, { 7, "debug: " } };
	char line[1024];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (sink) {
		sink(level, line);
		return;
	}
	/* One call, so that lines of several threads do not mix. */
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", levels[level].journal, line);
	else
		fprintf(stderr, "odx: %s%s\n", levels[level].word, line);
}
