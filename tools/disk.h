/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The class driver: one LUN as Windows' classpnp sees it.  Discovery by VPD,
 * POPULATE TOKEN, RECEIVE ROD TOKEN INFORMATION and WRITE USING TOKEN with
 * Windows' limits, retries and beliefs (windows-initiator.md 1-5).
 * Same thread as the session below it.
 */
#ifndef TOOLS_DISK_H
#define TOOLS_DISK_H

#include "initiator.h"
#include "inquiry.h"
#include "tpc.h"

#define DISK_MAX_RANGES	 64		/* Windows' own cap on range descriptors         */
#define DISK_MAX_BLOCK	 4096		/* bytes of a logical block                         */
#define DISK_RRTI_PT_LEN 805		/* allocation length of RRTI after PT            */
#define DISK_WUT_CAP	 (256ull << 20) /* bytes of one WUT at most            */
#define DISK_WUT_DEFAULT (64ull << 20)	/* when OPTIMAL TRANSFER COUNT is 0    */

struct disk {
	struct initiator *in; /* not owned */
	unsigned lun;
	uint32_t *list_id; /* the next list identifier; one counter per host, from 0 */
	struct inquiry inquiry;
	struct vpd_list vpd;
	struct capacity capacity;
	struct vpd_b0 block_limits; /* zeros when page B0h is missing */
	struct vpd_8f odx;	    /* valid if has_odx */
	bool has_odx;
	char why_no_odx[128]; /* if not */
	bool read_only;	      /* WP in the mode parameter header */
};

static inline uint64_t disk_bytes(const struct disk *d)
{
	return d->capacity.blocks * d->capacity.block_size;
}

/*
 * Discovers @lun as Windows does at device start.  @list_id belongs to the
 * caller.  -ENODEV (no such LUN, not a disk) or -EIO, reason in @err
 * (INITIATOR_ERR bytes).
 */
int disk_open(struct disk *d, struct initiator *in, unsigned lun, uint32_t *list_id, char *err);

/* Largest PT and WUT in blocks by windows-initiator.md 1.4 and 2.4. */
uint64_t disk_pt_cap(const struct disk *d);
uint64_t disk_wut_cap(const struct disk *d);

/*
 * What Windows makes of a command's end (windows-initiator.md 5).  DISK_RETRY
 * tells that the same CDB may be sent again.
 */
enum disk_verdict {
	DISK_GOOD,
	DISK_TRUNCATED, /* A or B / 0D/04 */
	DISK_TOKEN,	/* 5/23/xx: the token is dead */
	DISK_FAILED,
	DISK_RETRY,
};
enum disk_verdict disk_judge(const struct initiator_cmd *cmd, unsigned *ret_delay_ms);

/* Sends @cmd, again at most @retries times while the verdict says so. */
enum disk_verdict disk_run(struct disk *d, struct initiator_cmd *cmd, unsigned retries);

/* One line: "5/23/08 token cancelled", "no answer: connection lost". */
const char *disk_error_text(const struct initiator_cmd *cmd, char *buf, size_t cap);

/* An offload read: PT and RRTI.  A token for the leading @blocks of the ranges. */
struct disk_token {
	uint8_t token[ROD_TOKEN_LEN];
	uint64_t blocks; /* of the source LUN, that the token represents */
};
/* 0; or -EIO with the reason in @err: no token. */
int disk_offload_read(struct disk *d, const struct tpc_range *ranges, unsigned n,
		      struct disk_token *ret, char *err);

/*
 * One WUT: @offset blocks (of this LUN) into the token.  Returns 0 and the blocks
 * that were written, in *ret_done; these are the leading ones, and at least one.
 * Else -ESTALE (the token is dead) or -EIO, reason in @err.
 */
int disk_offload_write(struct disk *d, const uint8_t token[ROD_TOKEN_LEN], uint64_t offset,
		       const struct tpc_range *ranges, unsigned n, uint64_t *ret_done, char *err);

/* CDBs of media commands, for initiator_submit. */
struct initiator_cmd disk_read_cmd(uint64_t lba, uint32_t blocks, void *data, size_t len);
struct initiator_cmd disk_write_cmd(uint64_t lba, uint32_t blocks, void *data, size_t len);
/* SYNCHRONIZE CACHE of the whole LUN: 0, or -EIO with the reason in @err. */
int disk_flush(struct disk *d, char *err);

#endif
