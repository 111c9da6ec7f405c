/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A logical unit: a backstore with a SCSI face.  Home reactor only.
 */
#ifndef TARGET_LU_H
#define TARGET_LU_H

#include "backstore.h"
#include "copy.h"
#include "inquiry.h"
#include "sense.h"
#include "task.h"
#include "token.h"

/* Third-party copy settings of one LU, in bytes and seconds; see lu_tpc_defaults. */
struct lu_tpc_config {
	bool enabled;
	unsigned max_ranges;	    /* 1..TPC_MAX_RANGES                        */
	uint64_t max_token_bytes;   /* MAXIMUM TOKEN TRANSFER SIZE; 0: none     */
	uint64_t optimal_bytes;	    /* OPTIMAL TRANSFER COUNT; 0: none          */
	uint64_t covers_bytes;	    /* PT cuts a token to it; 0: as asked for   */
	uint32_t max_timeout_s;	    /* MAXIMUM INACTIVITY TIMEOUT               */
	uint32_t default_timeout_s; /* DEFAULT INACTIVITY TIMEOUT               */
	uint32_t deadline_ms;	    /* foreground PT/WUT end within             */
	unsigned results_per_nexus; /* finished copy results kept per I_T nexus */
	unsigned max_background;    /* copies at once in the background (IMMED=1) */
};
/*
 * Blocks that one PT or WUT does at most, whatever it asks for: with no MAXIMUM TOKEN
 * TRANSFER SIZE its ranges may have more, and it ends in part.  The count fits the 32 bits
 * of INFORMATION, and what comes after it is as well aligned as what came before.
 */
#define LU_TPC_MAX_BLOCKS (1ull << 31)
/* decisions.md 7 and 14: 64 ranges, 4 GiB, 256 MiB, 600 s, 60 s, 3000 ms. */
extern const struct lu_tpc_config lu_tpc_defaults;
/*
 * Refuses settings that contradict each other (optimal above maximum, default
 * timeout above maximum or 0, sizes not a multiple of the block size, ...): false
 * and the reason in @err.
 */
bool lu_tpc_check(const struct lu_tpc_config *cfg, uint32_t block_size, char *err, size_t err_cap);
/* What no other setting contradicts, but Windows cannot live with; NULL: nothing. */
const char *lu_tpc_unsound(const struct lu_tpc_config *cfg);

struct lu_config {
	uint16_t lun;
	uint32_t block_size;
	const char *serial; /* VPD 80h; at most 36 characters                    */
	uint8_t naa[16];    /* NAA designator of VPD 83h and of tokens           */
	uint8_t naa_len;    /* 8 or 16; 0 (and serial NULL): see target_add_lu   */
	/* What READ CAPACITY(16) says, a power of two; 0: what the storage has. */
	uint32_t physical_block_size;
	bool no_unmap; /* thin, but space is given back by WRITE SAME only */
	bool read_only;
	bool removable;	    /* RMB=1: the medium can be ejected                      */
	bool write_through; /* WCE is 0 until a host sets it                      */
	/* Where reservations are kept that outlive the process; NULL: nowhere. */
	const char *state_dir;
	/* MAXIMUM TRANSFER LENGTH in blocks, where the front end has a limit; 0: none. */
	uint32_t max_transfer_blocks;
	struct lu_tpc_config tpc;
	const char *answer; /* for tests: lu_answer.h; NULL: none; not kept */
};

/* What the LUs of one target share. */
struct lu_env {
	struct ring *ring;
	struct aux *aux;
	struct copy_engine *copies;
	struct token_registry *tokens;
	const char *target_name;
	unsigned tokens_per_lun; /* live at once; 0: no limit of its own */
	bool foreign_ports;	 /* struct target_config */
};

/*
 * Makes a logical unit over @bs (not taken over: the owner closes it after
 * lu_free).  -EINVAL/-ENOMEM.
 */
int lu_new(struct lu **ret, struct backstore *bs, const struct lu_config *cfg,
	   const struct lu_env *env);
/* No task accepted any more; running ones must have ended.  Cancels its tokens. */
void lu_free(struct lu *lu);

uint16_t lu_number(const struct lu *lu);
const struct lu_info *lu_info(const struct lu *lu);
struct backstore *lu_backstore(const struct lu *lu);
/* True when the backing file was found shorter than it was: the LU answers 2/04/03. */
bool lu_failed(const struct lu *lu);

/* The only place where an errno becomes sense. */
enum data_dir { DATA_READ, DATA_WRITE };
struct sense sense_from_errno(int err, enum data_dir dir);

struct lu_stats {
	uint64_t commands, check_conditions;
	uint64_t bytes_read, bytes_written; /* by READ and WRITE            */
	uint64_t populate_tokens, writes_using_token, partial;
	uint64_t bytes_offloaded; /* written by WRITE USING TOKEN */
	/* of those: read and written; zeroed or given back, unread; come as shared blocks */
	uint64_t bytes_copied, bytes_zeroed, bytes_grafted;
	uint64_t extended_copies; /* EXTENDED COPY commands       */
	uint64_t bytes_xcopied;	  /* written by them, to any LU   */
};
const struct lu_stats *lu_stats(const struct lu *lu);

#endif
