/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behind the session of fake_session.h: a target that takes POPULATE TOKEN, WRITE USING
 * TOKEN and RRTI, moves nothing, and does what a test tells it to.
 */
#ifndef TESTS_FAKE_TARGET_H
#define TESTS_FAKE_TARGET_H

#include "fake_session.h"
#include "tpc.h"

#define FAKE_COMMANDS 64

/* A PT or WUT that came. */
struct fake_copy {
	enum scsi_cmd op;
	unsigned lun;
	uint32_t list_id, timeout;
	uint64_t offset, blocks; /* OFFSET INTO ROD; sum of the ranges */
	uint8_t token[ROD_TOKEN_LEN];
	unsigned n;
	struct tpc_range ranges[64];
};

struct fake_target {
	/* what it is to do */
	uint64_t token_blocks; /* of a PT; 0: all that is asked for                     */
	uint64_t wut_blocks;   /* of a WUT; 0: all                                      */
	bool silent;	       /* a short WUT: INFORMATION is 0, RRTI has the count     */
	unsigned fail_after;   /* WUTs that go well before ... (0: all go well)         */
	struct sense fail;     /* ... this ends all others                              */
	struct sense pt_fail;  /* ends each PT                                          */
	uint32_t info;	       /* not 0: INFORMATION of a short WUT, whatever is true   */
	bool info_not_valid;   /* VALID is 0 in it                                      */
	void (*meddle)(uint8_t *rrti, size_t len); /* with an answer before it is sent   */

	/* what came */
	struct fake_copy copies[FAKE_COMMANDS];
	unsigned n, pts, wuts, rrtis;
	uint64_t clock_ms, wut_ms; /* a WUT moves the clock by so much */
	struct tpc_result last;
};
extern struct fake_target fake_target;

/* A fresh one behind a fresh session. */
void fake_target_start(void);
uint64_t fake_target_ms(void);

#endif
