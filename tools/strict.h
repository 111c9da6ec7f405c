/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict mode: what a checked build of Windows' class driver asserts, and a few
 * things that a retail build survives by chance, as findings of a target's answers
 * (windows-initiator.md 3.2, 3.4, 4.4, 8.1).  Pure, any thread.
 */
#ifndef TOOLS_STRICT_H
#define TOOLS_STRICT_H

#include "initiator.h"
#include "inquiry.h"
#include "tpc.h"

enum strict_rule {
	STRICT_SHORT,	    /* RRTI: too few bytes                                  */
	STRICT_SA,	    /* RRTI byte 4: SERVICE ACTION not echoed               */
	STRICT_STATUS,	    /* byte 5: not 01h, 02h, 03h or 60h                     */
	STRICT_COMPLETION,  /* byte 12: BUSY                                        */
	STRICT_SENSE_FIELD, /* byte 13 < byte 14                                    */
	STRICT_SENSE_LEN,   /* byte 14 > 18                                         */
	STRICT_UNITS,	    /* byte 15: not F1h                                     */
	STRICT_SEGMENTS,    /* bytes 24-25: not 0                                   */
	STRICT_DESCRIPTORS, /* not 514 with a token, 0 without                      */
	STRICT_CSCD_ID,	    /* the two bytes before the token: not 0                */
	STRICT_COUNT_ALL,   /* 01h, and the count is not what was asked for         */
	STRICT_COUNT_PART,  /* 03h, and the count is not less than that             */
	STRICT_COUNT_NONE,  /* 02h or 60h, and the count is not 0                   */
	STRICT_COUNT_MORE,  /* a count above what was asked for                     */
	STRICT_AVAILABLE,   /* AVAILABLE DATA does not fit what came                */
	STRICT_RESIDUAL,    /* the residual does not fit AVAILABLE DATA             */
	STRICT_OWN_TOKEN,   /* PT made a token of a reserved type (FFFFxxxxh)       */
	STRICT_INFORMATION, /* WUT: INFORMATION above what was asked for            */
	STRICT_VALID,	    /* WUT: INFORMATION not 0, but VALID is                 */
	STRICT_OPTIMAL,	    /* VPD 8Fh: OTC > MTTS, both not 0                      */
	STRICT_RULES
};

struct strict_violation {
	enum strict_rule rule;
	const char *name; /* "rrti-units"                          */
	const char *text; /* what is wrong, without numbers        */
	char detail[96];  /* the numbers: "00h, must be F1h"       */
	unsigned lun;
};

/* Names and texts of the rules, for lists. */
const char *strict_name(enum strict_rule rule);
const char *strict_text(enum strict_rule rule);

/* Who hears of violations; @found NULL: nobody. */
struct strict {
	void (*found)(void *ctx, const struct strict_violation *v);
	void *ctx;
};

/*
 * RRTI that ended with GOOD: @cmd with its data, the @asked blocks of the PT (@op
 * CMD_POPULATE_TOKEN) or WUT before it.
 */
void strict_rrti(const struct strict *s, unsigned lun, const struct initiator_cmd *cmd,
		 enum scsi_cmd op, uint64_t asked);
/* A WUT that was truncated: INFORMATION of its sense, and VALID. */
void strict_information(const struct strict *s, unsigned lun, uint64_t info, bool valid,
			uint64_t asked);
/* VPD 8Fh of a LUN that an offloaded write goes to. */
void strict_limits(const struct strict *s, unsigned lun, const struct vpd_8f *odx);

#endif
