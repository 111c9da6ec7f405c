/* SPDX-License-Identifier: Apache-2.0 */
#include "lu_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A number up to @max, in hex or decimal, and the @end it must be followed by. */
static bool number(const char **at, int base, uint64_t max, const char *ends, uint64_t *ret)
{
	char *end;

	if (!strchr(base == 16 ? "0123456789abcdefABCDEF" : "0123456789", **at) || !**at)
		return false;
	errno = 0;
	*ret = strtoull(*at, &end, base);
	if (errno || *ret > max || !strchr(ends, *end))
		return false;
	*at = end;
	return true;
}

/* The same, and over what follows it. */
static bool number_then(const char **at, int base, uint64_t max, char next, uint64_t *ret)
{
	const char ends[] = { next, '\0' };

	if (!number(at, base, max, ends, ret) || **at != next)
		return false;
	*at += 1;
	return true;
}

static bool parse_what(const char **at, struct lu_answer *a)
{
	uint64_t v, asc, ascq;

	if (strncmp(*at, "never", 5) == 0) {
		a->never = true;
		*at += 5;
		return true;
	}
	if (!number(at, 16, 0xff, "/+", &v))
		return false;
	if (**at != '/') {
		a->status = (uint8_t)v;
		return v == SAM_BUSY || v == SAM_RESERVATION_CONFLICT || v == SAM_TASK_SET_FULL;
	}
	*at += 1;
	if (v > 0x0f || !number_then(at, 16, 0xff, '/', &asc) ||
	    !number(at, 16, 0xff, "+", &ascq) || (v == 0 && asc == 0 && ascq == 0))
		return false;
	a->status = SAM_CHECK_CONDITION;
	a->sense = sense_make((enum sense_key)v, (unsigned)(asc << 8 | ascq));
	return true;
}

static bool parse_word(const char **at, struct lu_answer *ret)
{
	struct lu_answer a = { .sa = -1 };
	uint64_t v;

	if (!number(at, 16, 0xff, "/:", &v))
		return false;
	a.opcode = (uint8_t)v;
	if (**at == '/') {
		*at += 1;
		if (!number(at, 16, 0x1f, ":", &v))
			return false;
		a.sa = (int16_t)v;
	}
	if (**at != ':')
		return false;
	*at += 1;
	if (!number_then(at, 10, UINT32_MAX, ':', &a.first) || a.first == 0 ||
	    !number_then(at, 10, UINT32_MAX, ':', &a.count) || !parse_what(at, &a))
		return false;
	*ret = a;
	return true;
}

bool lu_answers_parse(const char *spec, struct lu_answers *ret)
{
	struct lu_answers all = { .n = 0 };

	for (;;) {
		if (all.n == LU_MAX_ANSWERS || !parse_word(&spec, &all.v[all.n]))
			return false;
		all.n++;
		if (*spec == '\0')
			break;
		if (*spec++ != '+')
			return false;
	}
	if (ret)
		*ret = all;
	return true;
}

static bool is_of(const struct lu_answer *a, const struct task *task)
{
	return a->opcode == task->cdb[0] && (a->sa < 0 || a->sa == (task->cdb[1] & 0x1f));
}

const struct lu_answer *lu_answers_for(struct lu_answers *all, const struct task *task)
{
	const struct lu_answer *found = NULL;

	for (unsigned i = 0; i < all->n; i++) {
		struct lu_answer *a = &all->v[i];

		if (!is_of(a, task))
			continue;
		a->seen++;
		if (!found && a->seen >= a->first && (!a->count || a->seen - a->first < a->count))
			found = a;
	}
	return found;
}
