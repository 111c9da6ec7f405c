/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of the fake runner on files of a temporary directory, and single commands
 * on them: what the handler's tests share.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "cdb.h"
#include "fake_runner.h"
#include "test.h"
#include "tpc.h"

#define RIG_SERIAL "1a2b3c4d-5e6f-7081-92a3-b4c5d6e7f809"
#define RIG_SIZE   (16ull << 20)
#define RIG_BLOCKS (RIG_SIZE / 512)

extern const struct tcmur_handler *rig_handler;

/* First thing in main: loads the handler, makes the directory. */
void rig_init(void);
void rig_done(void);

/* The path of file @name in the directory; static memory, a few at a time. */
const char *rig_path(const char *name);
/* "odx/" and that path and @options (with the semicolon); likewise. */
const char *rig_cfgstring(const char *name, const char *options);

/* Opens a device of RIG_SIZE and 512-byte blocks, which must work. */
struct tcmu_device *rig_open(const char *name, const char *options);

/* The end of a command: sense as 0xKAAQQ, 0 for GOOD, or 0x1000000 + another status. */
unsigned rig_kcq(const struct fake_cmd *f);

/* One command with @len bytes of data (either way) in one iovec; its end as rig_kcq. */
unsigned rig_run(struct tcmu_device *dev, const struct scsi_cdb *cdb, void *data, size_t len);
struct scsi_cdb rig_cdb(enum scsi_cmd cmd);
/* A READ(16) or WRITE(16). */
struct scsi_cdb rig_rw(enum scsi_cmd cmd, uint64_t lba, uint32_t blocks);

void rig_fill(struct tcmu_device *dev, uint64_t lba, uint32_t blocks, uint8_t fill);
bool rig_holds(struct tcmu_device *dev, uint64_t lba, uint32_t blocks, uint8_t fill);

/* Parameter lists; @pl has room for one range.  Return the length, and set @cdb. */
#define RIG_PT_LEN  (TPC_PT_HEADER + TPC_RANGE_LEN)
#define RIG_WUT_LEN (TPC_WUT_HEADER + TPC_RANGE_LEN)
void rig_pt(struct scsi_cdb *cdb, uint8_t pl[RIG_PT_LEN], uint32_t list_id, uint64_t lba,
	    uint32_t blocks);
void rig_wut(struct scsi_cdb *cdb, uint8_t pl[RIG_WUT_LEN], uint32_t list_id,
	     const uint8_t token[ROD_TOKEN_LEN], uint64_t lba, uint32_t blocks);
/* RRTI; the data stands in @buf (RIG_RRTI_LEN), @ret points into it. */
#define RIG_RRTI_LEN 1024
unsigned rig_rrti(struct tcmu_device *dev, uint32_t list_id, uint8_t buf[RIG_RRTI_LEN],
		  struct tpc_result *ret);
/* PT and RRTI that must work. */
void rig_token(struct tcmu_device *dev, uint32_t list_id, uint64_t lba, uint32_t blocks,
	       uint8_t token[ROD_TOKEN_LEN]);
unsigned rig_write_token(struct tcmu_device *dev, uint32_t list_id,
			 const uint8_t token[ROD_TOKEN_LEN], uint64_t lba, uint32_t blocks);

#endif
