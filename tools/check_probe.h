/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of odxcheck say to a LUN: copy commands with any field as one
 * wishes, and the area of the LUN that they may write to.  One thread.
 */
#ifndef TOOLS_CHECK_PROBE_H
#define TOOLS_CHECK_PROBE_H

#include "check_findings.h"
#include "disk.h"

#define PROBE_MAX_RANGES 2048 /* in one list                               */
#define PROBE_RRTI_MAX	 65535

#define PROBE_LIST_MAX	 (TPC_WUT_HEADER + PROBE_MAX_RANGES * TPC_RANGE_LEN)

/* RECEIVE ROD TOKEN INFORMATION; @r points into @data. */
struct rrti {
	struct initiator_cmd cmd;
	uint32_t asked; /* ALLOCATION LENGTH */
	bool decoded;
	struct tpc_result r;
	uint8_t data[PROBE_RRTI_MAX];
};

/* One LUN through one session. */
struct probe {
	struct initiator *in;
	const struct disk *disk; /* limits and block size, as discovered    */
	struct disk_host *host;	 /* gives list identifiers                  */
	double seconds;		 /* that the last command took, retries aside */
	uint8_t list[PROBE_LIST_MAX];
	struct rrti scratch;
};

static inline uint32_t probe_bs(const struct probe *p)
{
	return p->disk->capacity.block_size;
}

/* Sends @cmd, again when a unit attention or BUSY was in its way. */
void probe_run(struct probe *p, struct initiator_cmd *cmd);
/* TEST UNIT READY, which takes unit attentions out of the way. */
struct initiator_cmd probe_ready(struct probe *p);
bool probe_good(const struct initiator_cmd *cmd);
/* CHECK CONDITION with this key and code. */
bool probe_sense(const struct initiator_cmd *cmd, enum sense_key key, unsigned asc_ascq);
/* 5/23/xx */
bool probe_bad_token(const struct initiator_cmd *cmd);

#define PROBE_IMMED 1u
#define PROBE_DEL   2u /* DEL_TKN */

/* A PT or WUT with @len bytes of list as they are. */
struct initiator_cmd probe_list(struct probe *p, enum scsi_cmd op, uint32_t id, void *list,
				size_t len);
struct initiator_cmd probe_pt(struct probe *p, uint32_t id, unsigned flags, uint32_t timeout,
			      const struct tpc_range *ranges, unsigned n);
struct initiator_cmd probe_wut(struct probe *p, uint32_t id, unsigned flags,
			       const uint8_t token[ROD_TOKEN_LEN], uint64_t offset,
			       const struct tpc_range *ranges, unsigned n);

void probe_rrti(struct probe *p, uint32_t id, uint32_t allocation, struct rrti *ret);
/*
 * Asks until the command of @id has ended, at most 60 s.  False: it has not, or the
 * answer makes no sense.  *ret_polls (may be NULL): how many answers said "in progress".
 */
bool probe_wait(struct probe *p, uint32_t id, struct rrti *ret, unsigned *ret_polls);

/* The token of these ranges: PT with the next identifier, RRTI.  False, with a line in @why. */
bool probe_token(struct probe *p, uint32_t timeout, const struct tpc_range *ranges, unsigned n,
		 uint8_t token[ROD_TOKEN_LEN], uint64_t *ret_blocks, char why[SAW_MAX]);

/* How it ended in words: "GOOD", "5/26/00 invalid field in parameter list". */
const char *probe_text(const struct initiator_cmd *cmd, char *buf, size_t cap);

#endif
