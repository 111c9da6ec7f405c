/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges answers: RECEIVE ROD TOKEN INFORMATION data as Windows reads them
 * (windows-initiator.md 3, 8.1), and the end of WRITE USING TOKEN.  Pure.
 */
#ifndef TOOLS_CHECK_RESULT_H
#define TOOLS_CHECK_RESULT_H

#include "check_probe.h"

/*
 * @r is the answer about a PT that ended with GOOD, of @blocks; allocation length at
 * least DISK_RRTI_PT_LEN.  All findings RRTI_HEADER to RRTI_TOKEN_PLACE.
 */
void check_pt_result(const struct rrti *r, uint64_t blocks, struct findings *f);

/*
 * The same about a WUT of @blocks of which @done were written as its end said; all
 * flaws are F_WUT_RESULT.
 */
void check_wut_result(const struct rrti *r, uint64_t blocks, uint64_t done, struct findings *f);

/* @r has min(allocation, whole) bytes, the right residual and an untouched AVAILABLE DATA. */
void check_rrti_length(const struct rrti *r, enum finding what, struct findings *f);

/* A or B/0D/04: a success with a count. */
bool check_truncated(const struct initiator_cmd *cmd);
/*
 * How many leading blocks the end of a WUT of @blocks says to be written
 * (windows-initiator.md 4.4): all with GOOD, INFORMATION with A or B/0D/04, else 0.
 */
uint64_t check_wut_done(const struct initiator_cmd *cmd, uint64_t blocks);

#endif
