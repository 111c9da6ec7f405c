/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for the operator: one line each, to stderr (the journal's priority
 * prefix "<3>" when stderr is the journal).  Any thread.
 */
#ifndef TARGET_LOG_H
#define TARGET_LOG_H

enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };

void log_set_level(enum log_level level); /* default LEVEL_WARNING; before threads start */
enum log_level log_get_level(void);
/* Where lines go instead of stderr; before threads start, called on any of them. */
void log_set_sink(void (*fn)(enum log_level level, const char *line));
void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)  log_msg(LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_msg(LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_msg(LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                     \
	do {                                               \
		if (log_get_level() >= LEVEL_DEBUG)        \
			log_msg(LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
