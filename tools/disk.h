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
#include "ntstatus.h"
#include "strict.h"
#include "tpc.h"

#define DISK_MAX_RANGES	 64		/* Windows' own cap on range descriptors         */
#define DISK_MAX_BLOCK	 4096		/* bytes of a logical block                         */
#define DISK_VPD_LEN	 255		/* allocation length of INQUIRY, in one byte   */
#define DISK_RRTI_PT_LEN 805		/* allocation length of RRTI after PT            */
#define DISK_WUT_CAP	 (256ull << 20) /* bytes of one WUT at most            */
#define DISK_WUT_DEFAULT (64ull << 20)	/* when OPTIMAL TRANSFER COUNT is 0    */

/*
 * What one Windows machine has once, for all its disks (windows-initiator.md 0).
 * All zeros is a machine that has just booted, with the defaults.
 */
struct disk_host {
	uint32_t next_list_id;	  /* of the next PT or WUT */
	uint32_t max_list_id;	  /* MaximumListIdentifier: 0 comes after it; 0: FFFFFFFFh */
	unsigned max_seconds;	  /* CopyOffloadMaxTargetDuration; up to 4: 4 */
	struct strict strict;	  /* who hears of a target's violations, if anybody */
	uint64_t (*now_ms)(void); /* for tests; NULL: the clock */
};
/* The list identifier for one more PT or WUT. */
uint32_t disk_next_list_id(struct disk_host *h);

/* What Windows looks at when a disk starts, in its order (windows-initiator.md 1.1). */
enum disk_step {
	STEP_INQUIRY,	  /* standard INQUIRY data                                 */
	STEP_CAPACITY_10, /* READ CAPACITY(10)                                     */
	STEP_CAPACITY_16, /* READ CAPACITY(16), if (10) says FFFFFFFFh             */
	STEP_VPD_00,
	STEP_VPD_B2, /* this and the next two: if page 00h lists them         */
	STEP_VPD_B0,
	STEP_VPD_8F,
	STEP_MODE_SENSE,  /* MODE SENSE(6), control page: QERR.  Windows asks if there
			     is ODX or UNMAP; we always do, for WP                 */
	STEP_MODE_SELECT, /* MODE SELECT(6): QERR = 0, if it was not and there is
			     ODX or UNMAP                                          */
	DISK_STEPS
};
/* "VPD page 8Fh (third-party copy)" */
const char *disk_step_name(enum disk_step step);

/* What was seen there: the last attempt's end and what came. */
struct disk_seen {
	bool sent;		  /* false: Windows would not have asked, either          */
	unsigned attempts;	  /* > 1: it was retried                                  */
	struct initiator_cmd cmd; /* CDB and end; its data pointer is NULL             */
	enum disk_verdict verdict;
	enum ntstatus nt;
	size_t len; /* bytes of @data that came; MODE SELECT: that were sent */
	uint8_t data[DISK_VPD_LEN];
};

struct disk {
	struct initiator *in; /* not owned */
	unsigned lun;
	struct disk_host *host; /* not owned */
	struct inquiry inquiry;
	struct capacity capacity;
	struct vpd_list vpd;	    /* page 00h; nothing if @ordered is false */
	struct vpd_b2 provisioning; /* zeros when page B2h is missing         */
	struct vpd_b0 block_limits; /* zeros when page B0h is missing         */
	struct vpd_8f odx;	    /* valid if has_odx */
	bool has_odx;
	char why_no_odx[128]; /* if not */
	bool read_only;	      /* WP in the mode parameter header     */
	uint8_t qerr;	      /* as found; MODE SELECT may have changed it since */
	struct disk_seen seen[DISK_STEPS];
};

static inline uint64_t disk_bytes(const struct disk *d)
{
	return d->capacity.blocks * d->capacity.block_size;
}

/*
 * Discovers @lun as Windows does at device start, and nothing more; it may write a
 * mode page (QERR).  @host belongs to the caller and outlives the disk.  -ENODEV (no
 * such LUN, not a disk, unfit block size) or -EIO, reason in @err (INITIATOR_ERR
 * bytes).  Also then everything in @d that was asked for is there, seen[] above all;
 * but nothing may be read or written through it.
 */
int disk_open(struct disk *d, struct initiator *in, unsigned lun, struct disk_host *host,
	      char *err);

/* Largest PT and WUT in blocks by windows-initiator.md 1.4 and 2.4, and ranges of either. */
uint64_t disk_pt_cap(const struct disk *d);
uint64_t disk_wut_cap(const struct disk *d);
unsigned disk_max_ranges(const struct disk *d);

/* The row of nt_rules for a command that has ended. */
const struct nt_rule *disk_rule(const struct initiator_cmd *cmd);
/* Its verdict.  DISK_RETRY tells that the same CDB may be sent again after the delay. */
enum disk_verdict disk_judge(const struct initiator_cmd *cmd, unsigned *ret_delay_ms);

/*
 * Sends @cmd, again at most @retries times while the verdict says so; never ends with
 * DISK_RETRY.  After a command that was not answered in time the LUN is reset, as Windows'
 * port driver does, so that it is not still at work.
 */
enum disk_verdict disk_run(struct disk *d, struct initiator_cmd *cmd, unsigned retries);

/* One line: "5/23/08 token cancelled", "no answer: connection lost". */
const char *disk_error_text(const struct initiator_cmd *cmd, char *buf, size_t cap);

/* An offload read: PT and RRTI.  A token for the leading @blocks of the ranges. */
struct disk_token {
	uint8_t token[ROD_TOKEN_LEN];
	uint64_t blocks; /* of the source LUN, that the token represents */
};
/*
 * @n at most disk_max_ranges; @timeout: INACTIVITY TIMEOUT, seconds, 0 the target's own.
 * NT_SUCCESS; else no token, the reason in @err.
 */
enum ntstatus disk_offload_read(struct disk *d, const struct tpc_range *ranges, unsigned n,
				uint32_t timeout, struct disk_token *ret, char *err);

/*
 * One WUT: @offset blocks (of this LUN) into the token.  NT_SUCCESS and the blocks that
 * were written, in *ret_done; these are the leading ones, and at least one.  Else the
 * reason in @err; NT_INVALID_TOKEN: the token is dead.
 */
enum ntstatus disk_offload_write(struct disk *d, const uint8_t token[ROD_TOKEN_LEN],
				 uint64_t offset, const struct tpc_range *ranges, unsigned n,
				 uint64_t *ret_done, char *err);

/* CDBs of media commands, for initiator_submit. */
struct initiator_cmd disk_read_cmd(uint64_t lba, uint32_t blocks, void *data, size_t len);
struct initiator_cmd disk_write_cmd(uint64_t lba, uint32_t blocks, void *data, size_t len);
/* SYNCHRONIZE CACHE of the whole LUN: 0, or -EIO with the reason in @err. */
int disk_flush(struct disk *d, char *err);

#endif
