/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests of odxcheck: each sends commands and notes findings.  They stop early
 * when a session is lost or *stop is set.
 */
#ifndef TOOLS_CHECK_TESTS_H
#define TOOLS_CHECK_TESTS_H

#include <signal.h>

#include "check_area.h"
#include "check_probe.h"

struct check {
	struct findings *f;
	/* Tokens come from src and are written to dst; dst == src if one LUN was named. */
	struct probe *src, *dst;
	struct probe *src2,
		*dst2;	      /* the same LUNs through other sessions; NULL: could not log in */
	struct area *sa, *da; /* NULL unless destructive; sa == da if one LUN */
	size_t window;	      /* bytes of a small copy; multiple of both block sizes */
	const volatile sig_atomic_t *stop;
	void (*progress)(const char *what); /* what begins now; may be NULL */
};

/* PT and RRTI; nothing is written. */
void check_tokens(struct check *c);
/* What PT (WUT: only with areas) must refuse. */
void check_refusals(struct check *c, enum scsi_cmd op);
/* WUT, and the life of tokens; with areas only. */
void check_writes(struct check *c);
void check_ends(struct check *c);
void check_life(struct check *c);
/* The LUNs still answer. */
void check_alive(struct check *c);

/* ---- for the files of the tests ---- */

struct check_test {
	const char *name;
	void (*fn)(struct check *c);
};
void check_run(struct check *c, const struct check_test *tests, unsigned n);
/* False when it is time to end. */
bool check_going(const struct check *c);

/*
 * The layout of an area: the first half is read through tokens, the second one is
 * written.  Windows number 0, 1, ... of c->window bytes; there are 8 in each half.
 */
static inline size_t check_from(const struct check *c, unsigned window)
{
	return window * c->window;
}
static inline size_t check_to(const struct check *c, unsigned window)
{
	return c->da->len / 2 + window * c->window;
}

/* Bytes of a copy as Windows would make it here, at most @max; multiple of both block sizes. */
size_t check_large(const struct check *c, size_t max);
/* A token of @len bytes of the source at @off; false: noted under @what. */
bool check_take(struct check *c, enum finding what, size_t off, size_t len, uint32_t timeout,
		uint8_t token[ROD_TOKEN_LEN]);
/* WUT by @p (to dst's LUN) of @token from @rod_off (bytes) to @len bytes of the area at @off. */
struct initiator_cmd check_put(struct check *c, struct probe *p, const uint8_t *token,
			       uint64_t rod_off, size_t off, size_t len);
/*
 * A WUT that ended with @cmd was to write @data to [@off, @off + @len): what it says is
 * written must be; nothing else in the window and around it may have changed.  Notes
 * flaws of the data under @what, WUT_OUTSIDE and WUT_PARTIAL; never a pass.  The model is
 * right afterwards.  True if all was written.
 */
bool check_written(struct check *c, enum finding what, const struct initiator_cmd *cmd,
		   const uint8_t *data, size_t off, size_t len);
/* The refused command has written nothing at [@off, @off + @len) and around. */
bool check_untouched(struct check *c, enum finding what, size_t off, size_t len);
/* "in the way" of everything: the area cannot be read or written. */
bool check_area_works(struct check *c, struct area *a, enum finding what);

#endif
