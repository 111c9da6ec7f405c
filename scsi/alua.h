/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a logical unit says of its ports and its task manager: REPORT TARGET PORT
 * GROUPS (SPC-4 6.37) and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (6.36), both
 * ways.  Pure, any thread.
 */
#ifndef SCSI_ALUA_H
#define SCSI_ALUA_H

#include "bytes.h"

/* Target ports of one group that a decoder keeps. */
#define ALUA_MAX_PORTS 16

/* ASYMMETRIC ACCESS STATE */
enum alua_state {
	ALUA_OPTIMIZED = 0x0,
	ALUA_NON_OPTIMIZED = 0x1,
	ALUA_STANDBY = 0x2,
	ALUA_UNAVAILABLE = 0x3,
	ALUA_OFFLINE = 0xe,
	ALUA_TRANSITIONING = 0xf,
};

/* The states that a group can be in, as byte 1 of its descriptor. */
#define ALUA_SUP_OPTIMIZED     0x01
#define ALUA_SUP_NON_OPTIMIZED 0x02
#define ALUA_SUP_STANDBY       0x04
#define ALUA_SUP_UNAVAILABLE   0x08
#define ALUA_SUP_LBA_DEPENDENT 0x10
#define ALUA_SUP_OFFLINE       0x40
#define ALUA_SUP_TRANSITIONING 0x80

struct alua_group {
	bool preferred;
	uint8_t state;	   /* enum alua_state */
	uint8_t supported; /* ALUA_SUP_*      */
	uint16_t tag;	   /* TARGET PORT GROUP */
	uint8_t status, vendor;
	unsigned nports;		/* also those that do not fit into @ports */
	uint16_t ports[ALUA_MAX_PORTS]; /* RELATIVE TARGET PORT IDENTIFIER */
};

/* @extended: parameter data format 001b, with @transition_s in its header. */
void rtpg_encode(struct writer *w, bool extended, uint8_t transition_s,
		 const struct alua_group *groups, unsigned n);

/*
 * Steps through the answer: *pos starts at 0.  False at the end of what is there and
 * whole; a list that was cut by its allocation length ends early.
 */
bool rtpg_next(const uint8_t *p, size_t len, size_t *pos, struct alua_group *ret);

/* Task management functions, as byte 0 has them. */
#define TMFS_ABORT_TASK	    0x80
#define TMFS_ABORT_TASK_SET 0x40
#define TMFS_CLEAR_ACA	    0x20
#define TMFS_CLEAR_TASK_SET 0x10
#define TMFS_LU_RESET	    0x08
#define TMFS_QUERY_TASK	    0x04
#define TMFS_TARGET_RESET   0x02 /* SPC-3; obsolete since */

/* @extended (REPD): the 16-byte form, which says that no timeout is known. */
void report_tmfs_encode(struct writer *w, bool extended, uint8_t functions);
/* False: shorter than four bytes. */
bool report_tmfs_decode(const uint8_t *p, size_t len, uint8_t *ret_functions);

#endif
