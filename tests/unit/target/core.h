/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target on memory LUNs and a front end that runs one command at a time: what
 * the tests of the core share.  Single thread: the test runs the ring itself.
 */
#ifndef TESTS_CORE_H
#define TESTS_CORE_H

#include "target.h"
#include "test.h"

#define CORE_NAME    "iqn.2001-04.com.example:unit"
#define LUN_A	     0 /* 512-byte blocks  */
#define LUN_B	     1 /* 512-byte blocks  */
#define LUN_4K	     2 /* 4096-byte blocks */
#define LUN_RO	     3 /* read-only        */
#define LUN_SLOW     4 /* every read and write takes 50 ms longer */
#define LUN_RM	     5 /* removable */
#define LUN_BAD	     6 /* one block at 2 MiB cannot be written */
#define LUN_KEY	     7 /* encrypted, fully provisioned */
#define CORE_LUNS    8
#define CORE_NEXUSES 4
#define CORE_LU_SIZE (4ull << 20)

struct core {
	struct bs_env env;
	struct target *target;
	struct nexus nexus[CORE_NEXUSES];
};

struct reply {
	uint8_t status;
	struct sense sense;
	bool aborted;
	size_t in_len;
	uint8_t in[TASK_MAX_PARAM];
};

/* Where the next core_init lets reservations be kept; NULL: nowhere. */
extern const char *core_state_dir;
/* What the next core_init makes LUN_A answer (lu_answer.h); NULL: what it would. */
extern const char *core_answer;

/* What the next core_init lets tokens have, max_tokens apart; NULL: no limits but few tombstones.
 */
extern const struct token_config *core_tokens;

/* Builds everything; @tpc NULL: defaults, @max_tokens 0: default.  Unit attentions are taken. */
void core_init(struct core *c, const struct lu_tpc_config *tpc, unsigned max_tokens);
void core_done(struct core *c);

/* Every nexus asks for the list of LUNs: none is owed 6/3F/0E any more. */
void core_luns_known(struct core *c);

/* Runs the ring until @flag is true. */
void core_run_until(struct core *c, const bool *flag);
void core_sleep(struct core *c, unsigned ms);

/* One whole command; data-out at @out.  Returns a static reply. */
const struct reply *core_cmd(struct core *c, unsigned nexus, unsigned lun,
			     const struct scsi_cdb *cdb, const void *out, size_t out_len);
/* The same from raw CDB bytes. */
const struct reply *core_raw(struct core *c, unsigned nexus, unsigned lun, const uint8_t *cdb,
			     size_t cdb_len, const void *out, size_t out_len);

/* A command that is started and looked at later. */
struct core_async {
	struct task task;
	struct core *core;
	struct iovec vec;
	bool done;
	uint8_t buf[TASK_MAX_PARAM];
};
/* True: started; false: refused at once. */
bool core_start(struct core *c, struct core_async *a, unsigned nexus, unsigned lun,
		const struct scsi_cdb *cdb, const void *out, size_t out_len);
void core_finish(struct core_async *a); /* waits and ends the task */
/* True: accepted, lu_submit is the test's; false: refused. */
bool core_accept(struct core *c, struct core_async *a, unsigned nexus, unsigned lun,
		 const struct scsi_cdb *cdb);

/* One whose data-out comes in pieces: open, each piece (waits), task_end. */
void core_open(struct core *c, struct core_async *a, unsigned nexus, unsigned lun,
	       const struct scsi_cdb *cdb);
void core_piece(struct core_async *a, const void *out, uint64_t off, size_t len);

/* Shorthands. */
struct scsi_cdb cdb_of(enum scsi_cmd cmd);
void core_write(struct core *c, unsigned lun, uint64_t lba, uint32_t blocks, uint8_t fill);
/* True when all @blocks blocks hold @fill. */
bool core_holds(struct core *c, unsigned lun, uint64_t lba, uint32_t blocks, uint8_t fill);

/* PT with @n ranges; then RRTI into *ret (token copied to @token if there is one). */
const struct reply *core_pt(struct core *c, unsigned nexus, unsigned lun, uint32_t list_id,
			    uint32_t timeout, const struct tpc_range *r, unsigned n);
const struct reply *core_wut(struct core *c, unsigned nexus, unsigned lun, uint32_t list_id,
			     const uint8_t *token, uint64_t offset, bool del,
			     const struct tpc_range *r, unsigned n);
const struct reply *core_rrti(struct core *c, unsigned nexus, unsigned lun, uint32_t list_id,
			      uint32_t alloc, struct tpc_result *ret);
/* PT + RRTI that must work: the token. */
void core_token(struct core *c, unsigned lun, const struct tpc_range *r, unsigned n,
		uint8_t token[ROD_TOKEN_LEN]);

/* Sense as 0xKAAQQ: key, ASC, ASCQ; another status than GOOD and CHECK CONDITION: 0xSS000000. */
#define CORE_CONFLICT 0x18000000u
unsigned kcq(const struct reply *r);
#define CHECK_KCQ(reply, want) CU_ASSERT_EQUAL(kcq(reply), (want))
#define CHECK_GOOD(reply)      CU_ASSERT_EQUAL(kcq(reply), 0)

#endif
