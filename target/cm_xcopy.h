/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXTENDED COPY as it runs: what lu_xcopy.c (who judges the list) and cm_xcopy.c (who
 * carries it out, segment by segment) share.  Home reactor only.
 */
#ifndef TARGET_CM_XCOPY_H
#define TARGET_CM_XCOPY_H

#include "copymgr.h"
#include "xcopy.h"

#define XCOPY_NO_LUN 0xffff

struct cm_xcopy {
	struct xcopy_list list; /* of @bytes below */
	/* LUN of each CSCD descriptor, found when the command came; or XCOPY_NO_LUN. */
	uint16_t luns[XCOPY_MAX_CSCDS];
	size_t pos;	 /* where the segment after the current one stands */
	unsigned number; /* of the current segment: as many are done */
	bool stopping;
	struct ring_post post;
	struct cm_op *op;

	/* The current segment. */
	struct xcopy_segment seg;
	struct lu *src, *dst; /* users of theirs while it is copied */
	struct rod *view;
	struct byte_range from[2]; /* what an earlier segment left over (or nothing), and its own */
	struct byte_range to;
	uint64_t seg_done;
	bool backwards;		 /* piece by piece: from lies before to and overlaps it */
	struct byte_range piece; /* of @to */

	/* Source data that filled no whole block of the destination (CAT), for the next one. */
	struct lu *kept_of; /* a user of it, too; NULL: none */
	struct byte_range kept;

	uint8_t bytes[];
};

/* The LU of CSCD identifier @id, or NULL with the reason in *ret_asc. */
struct lu *cm_xcopy_lu(const struct cm_op *op, uint16_t id, unsigned *ret_asc);
/* To be given to cm_run. */
void cm_xcopy(struct cm_op *op);
/* Does a segment under way read or write @lu? */
bool cm_xcopy_uses(const struct cm_op *op, const struct lu *lu);

#endif
