/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What odxcheck looks at: one row per finding, and the results of one run.
 * docs/odxcheck.md has a paragraph for each id.  No I/O; one thread at a time.
 */
#ifndef TOOLS_CHECK_FINDINGS_H
#define TOOLS_CHECK_FINDINGS_H

#include <stdbool.h>

enum finding {
	/* what Windows reads when the disk appears */
	F_LUN_ANSWERS,
	F_CAPACITY,
	F_VPD_LIST,
	F_VPD_LIST_ORDER,
	F_VPD_LIST_8F,
	F_VPD_8F_READABLE,
	F_VPD_8F_LENGTH,
	F_VPD_8F_FIRST_DESCRIPTOR,
	F_VPD_8F_DESCRIPTOR_LENGTH,
	F_LIMITS_RANGES,
	F_LIMITS_TIMEOUT,
	F_LIMITS_SIZES,
	F_LIMITS_UNITS,
	F_BLOCK_LIMITS,
	F_MAX_TRANSFER_LENGTH,
	F_QERR,
	F_THIRD_PARTY_BIT,
	F_WRITE_PROTECTED,
	F_PAIR_BLOCK_SIZE,
	F_PAIR_TARGET,

	/* POPULATE TOKEN, RECEIVE ROD TOKEN INFORMATION: nothing is written */
	F_PT_WINDOWS,
	F_PT_TIME,
	F_RRTI_ANSWERS,
	F_RRTI_LIST_ID,
	F_RRTI_HEADER,
	F_RRTI_STATUS,
	F_RRTI_UNITS,
	F_RRTI_COUNT,
	F_RRTI_SENSE,
	F_RRTI_DESCRIPTORS,
	F_RRTI_TOKEN_PLACE,
	F_RRTI_LENGTHS,
	F_RRTI_AGAIN,
	F_RRTI_AFTER_SHORT,
	F_RRTI_UNKNOWN,
	F_RRTI_NEXUS,
	F_LIST_ID_NEXUS,
	F_LIST_ID_REUSE,
	F_TOKEN_HEADER,
	F_TOKEN_RANDOM,
	F_PT_ORDER,
	F_PT_RANGES,
	F_PT_TOO_MANY_RANGES,
	F_PT_LARGE,
	F_PT_ABOVE_MTTS,
	F_PT_TIMEOUT_MAX,
	F_PT_TIMEOUT_ABOVE,
	F_PT_OVERLAP,
	F_PT_BEYOND_END,
	F_PT_LBA_WRAP,
	F_PT_NO_RANGES,
	F_PT_LIST_EMPTY,
	F_PT_LIST_SHORT,
	F_PT_LENGTH_LIES,
	F_PT_IMMED,

	/* WRITE USING TOKEN: only with --destructive */
	F_WUT_WINDOWS,
	F_WUT_TIME,
	F_WUT_DATA,
	F_WUT_OUTSIDE,
	F_WUT_RESULT,
	F_WUT_RRTI_LENGTHS,
	F_WUT_ORDER,
	F_WUT_OFFSET,
	F_WUT_OFFSET_END,
	F_WUT_OFFSET_ESCAPE,
	F_WUT_PAST_TOKEN,
	F_WUT_PARTIAL,
	F_WUT_REPEAT,
	F_WUT_PARALLEL,
	F_WUT_TOO_MANY_RANGES,
	F_WUT_ABOVE_MTTS,
	F_WUT_OVERLAP,
	F_WUT_BEYOND_END,
	F_WUT_LBA_WRAP,
	F_WUT_NO_RANGES,
	F_WUT_LIST_EMPTY,
	F_WUT_LIST_SHORT,
	F_WUT_LENGTH_LIES,
	F_WUT_REFUSED_KEPT,
	F_WUT_IMMED,
	F_WUT_BACKGROUND,
	F_SELF_OVERLAP,

	/* the life of a token: only with --destructive */
	F_TOKEN_POINT_IN_TIME,
	F_TOKEN_USED_AGAIN,
	F_TOKEN_NEXUS,
	F_TOKEN_PAIR,
	F_TOKEN_CORRUPT,
	F_TOKEN_UNKNOWN,
	F_TOKEN_EXPIRES,
	F_TOKEN_KEPT_BY_USE,
	F_TOKEN_DELETED,
	F_TOKEN_RESET,
	F_ZERO_TOKEN,
	F_ZERO_TOKEN_LENGTH,
	F_ZERO_TOKEN_RESERVED,

	F_ALIVE,
	F_RESTORED,
	FINDING_COUNT /* not a finding */
};

enum finding_group {
	GROUP_DISCOVERY,
	GROUP_TOKEN,
	GROUP_WRITE,
	GROUP_LIFE,
	GROUP_END,
	GROUP_COUNT
};

/* What a failure means for a Windows host. */
enum finding_effect {
	EFFECT_OFF,	 /* Windows does not offload at all                  */
	EFFECT_FALLBACK, /* copies are offloaded in part, slower, or not     */
	EFFECT_DATA,	 /* wrong data, or data of others                    */
	EFFECT_LOGO,	 /* certification tests, other initiators            */
};

struct finding_row {
	const char *id;	    /* kebab-case, never changes */
	const char *title;  /* how it should be          */
	const char *clause; /* WI: our notes on Windows' initiator; WF: on the wire format */
	enum finding_group group;
	enum finding_effect effect;
	const char *consequence; /* if it is not so */
};

extern const struct finding_row finding_rows[FINDING_COUNT];
extern const char *const finding_groups[GROUP_COUNT]; /* headings */
extern const char *const finding_effects[];	      /* by enum finding_effect, for JSON */

/* Ascending: of two results of one finding the greater one stays. */
enum verdict {
	VERDICT_SKIP,
	VERDICT_INFO,
	VERDICT_PASS,
	VERDICT_WARN,
	VERDICT_FAIL,
	VERDICT_COUNT
};

extern const char *const verdict_names[VERDICT_COUNT]; /* "pass", ... */

enum side { SIDE_SOURCE, SIDE_DESTINATION, SIDE_COUNT };

#define SAW_MAX 240

struct result {
	bool set;
	enum verdict verdict;
	char saw[SAW_MAX]; /* what was seen, one line */
};

struct findings {
	struct result v[FINDING_COUNT][SIDE_COUNT];
};

/*
 * Notes a result.  A second one of the same finding and side replaces the first
 * only when its verdict is greater.
 */
void finding_add(struct findings *f, enum side side, enum finding what, enum verdict verdict,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Pass if @ok, else @bad; the text is the same. */
#define finding_judge(f, side, what, ok, bad, ...) \
	finding_add(f, side, what, (ok) ? VERDICT_PASS : (bad), __VA_ARGS__)

/* How many results have @verdict. */
unsigned finding_count(const struct findings *f, enum verdict verdict);
/* Failed results of @effect. */
unsigned finding_failed(const struct findings *f, enum finding_effect effect);

#endif
