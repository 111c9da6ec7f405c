/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy manager: operations and their results, per (LU, I_T nexus, list
 * identifier) (SPC-4 5.17.4; wire-format 7.1-7.3).  Home reactor only.
 */
#ifndef TARGET_COPYMGR_H
#define TARGET_COPYMGR_H

#include <sys/queue.h>

#include "copy.h"
#include "sense.h"
#include "token.h"
#include "tpc.h"

struct lu;
struct task;

/* One POPULATE TOKEN or WRITE USING TOKEN: running, or its result. */
struct cm_op {
	uint32_t list_id;
	uint64_t digest; /* of the parameter list and the service action */
	uint64_t begun;	 /* ring_now() of its command */
	bool running;
	bool fetched;	/* RRTI has delivered the whole result */
	bool ambiguous; /* shared nexus: may be another initiator's; never handed out */
	bool discard;	/* results were dropped while it ran: free at the end */
	struct tpc_result result;
	uint8_t token[ROD_TOKEN_LEN]; /* if result.token */
	TAILQ_ENTRY(cm_op) link;

	/* while running */
	struct lu *lu;
	struct task *task;
	struct byte_range *ranges; /* allocated, n of them */
	unsigned n;
	uint64_t blocks; /* asked for, in blocks of this LU */
	uint32_t timeout_s;
	struct capture capture;
	struct ring_timer deadline;
	struct copy copy;
	struct token_use use;
	bool holds_token, del_tkn;
	uint64_t copy_bytes; /* what the copy is to write; less than asked: short ROD */
};

/* Results of one (LU, nexus); finished ones are dropped oldest first. */
struct cm_results {
	TAILQ_HEAD(cm_op_list, cm_op) ops; /* oldest first */
	unsigned n;
};

void cm_results_init(struct cm_results *r);
/* Drops all that is finished; what still runs is freed when it ends. */
void cm_results_drop(struct cm_results *r);

/* An originating command as the results see it. */
struct cm_request {
	uint32_t list_id;
	uint8_t sa;
	uint64_t digest; /* see struct cm_op */
	uint64_t now;	 /* ring_now() */
	bool shared;	 /* the nexus is: struct nexus */
};

/*
 * How long a result counts as one that its initiator is still going to ask for
 * (decisions 9).  A host that was started again counts its identifiers from 0 and
 * meets what it left unfetched before; that must not spoil its copies.
 */
#define CM_HOLD_NS (60ull * 1000000000ull)

/*
 * An originating command takes its list identifier: 5/00/16 while an operation
 * with the same one runs; else the old result is gone and *ret is the new, running
 * operation.  At most @max results are kept (5/55/03-like B/55/03 when all of them
 * run or there is no memory).
 *
 * Shared nexus: two initiators may use one identifier.  What is under it is
 * ambiguous from the moment a different list comes before the first one's
 * result was fetched, and stays so for CM_HOLD_NS: how many of them are still
 * going to ask cannot be known.
 */
struct sense cm_begin(struct cm_results *r, unsigned max, const struct cm_request *req,
		      struct cm_op **ret);
/*
 * The command ended before it took its identifier; its sender may ask for a result
 * all the same, and must not get another initiator's.
 */
void cm_refused(struct cm_results *r, const struct cm_request *req);
/* NULL when there is none. */
struct cm_op *cm_find(const struct cm_results *r, uint32_t list_id);

/* The operation has ended: what RRTI will say from now on.  May free @op. */
void cm_end(struct cm_results *r, struct cm_op *op, enum tpc_status status, uint64_t count,
	    struct sense sense);

/* POPULATE TOKEN and WRITE USING TOKEN once their list is decoded and judged. */
void cm_populate(struct cm_op *op);
void cm_write(struct cm_op *op);
/* Asks a running operation to end; its task finishes as aborted. */
void cm_abort(struct cm_op *op);

#endif
