/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy manager: operations and their results, per (LU, I_T nexus, list
 * identifier) (SPC-4 5.17.4; wire-format 7.1-7.4).  Home reactor only.
 *
 * Life of an operation: cm_begin takes its identifier; it is judged; cm_refuse or
 * cm_run.  In the foreground its task waits for it; in the background (IMMED=1) the
 * task ends with GOOD first and the operation goes on by itself.  It belongs to
 * nobody but its logical unit then: an I_T nexus loss takes its identifier away and
 * lets it run on (decisions.md 10).
 */
#ifndef TARGET_COPYMGR_H
#define TARGET_COPYMGR_H

#include <sys/queue.h>

#include "copy.h"
#include "sense.h"
#include "token.h"
#include "tpc.h"

struct cm_xcopy;
struct lu;
struct task;

/* A copy operation: running, or its result. */
struct cm_op {
	struct cm_results *results; /* NULL: it is under no identifier (any more) */
	uint32_t list_id;
	bool lid1;	 /* by EXTENDED COPY(LID1)                                */
	bool may_yield;	 /* struct cm_request                                     */
	uint64_t digest; /* of the parameter list and the service action          */
	uint64_t begun;	 /* ring_now() of its command                             */
	bool running;
	bool fetched;	/* the whole result has been delivered */
	bool ambiguous; /* shared nexus: may be another initiator's; never handed out */
	bool status_told, failure_told; /* by the RECEIVE COPY commands of LID1 */
	struct tpc_result result;
	uint8_t token[ROD_TOKEN_LEN]; /* if result.token */
	TAILQ_ENTRY(cm_op) link;      /* in results */

	/* while running */
	struct lu *lu;
	struct task *task; /* NULL: in the background */
	TAILQ_ENTRY(cm_op) lu_link;
	void (*stop)(struct cm_op *op); /* asks for its end; may be called again */
	bool terminated;		/* asked to, not by its task's abort */
	bool good;			/* done in part, and its task ends with GOOD */
	struct task *waiting;		/* COPY OPERATION ABORTs, by cm_next */

	/* Progress: what is done, and the copy under way. */
	uint64_t done_bytes;
	uint64_t done_chunks;
	uint32_t unit; /* bytes of one that TRANSFER COUNT counts */
	struct copy copy;

	/* POPULATE TOKEN, WRITE USING TOKEN */
	uint32_t rod_type;	   /* PT: what it makes */
	struct byte_range *ranges; /* allocated, n of them */
	unsigned n;
	uint64_t blocks; /* asked for, in blocks of this LU */
	uint64_t todo;	 /* of those, what a token is to hold, or is there to write */
	uint32_t timeout_s;
	struct capture capture;
	struct ring_timer deadline;
	struct token_use use;
	bool holds_token, del_tkn;

	struct cm_xcopy *xcopy; /* EXTENDED COPY */
};

/* Results of one (LU, nexus); finished ones are dropped oldest first. */
struct cm_results {
	TAILQ_HEAD(cm_op_list, cm_op) ops; /* oldest first */
	unsigned n;
};

void cm_results_init(struct cm_results *r);
/* Drops all; what still runs is freed when it ends. */
void cm_results_drop(struct cm_results *r);

/* An originating command as the results see it. */
struct cm_request {
	uint32_t list_id;
	uint8_t sa;
	bool lid1;
	/* LIST ID USAGE 11b: no identifier, no result. */
	bool anonymous;
	/*
	 * LIST ID USAGE 10b of EXTENDED COPY(LID1): gives its identifier to the next one
	 * like it, also while it runs.  SPC-4 wants the identifier unique; but qemu-img -C
	 * keeps eight copies in flight, all of them with identifier 1, and looks for no
	 * result of any.
	 */
	bool may_yield;
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
 * with the same one runs (5/26/00 with one of the other length of identifier); else
 * the old result is gone and *ret is the new operation.  At most @max are kept
 * (B/55/03 when all of them run or there is no memory).
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

/* After cm_begin: it does not run, and this is its result.  May free @op. */
void cm_refuse(struct cm_op *op, struct sense sense);
/*
 * After cm_begin: runs it, @start from inside.  @immed: the task ends with GOOD, or, when
 * the LU has its fill of them (struct lu_tpc_config), with B/55/03.  @start sets
 * op->stop and ends in cm_finish, from the loop.
 */
void cm_run(struct cm_op *op, struct task *task, bool immed, void (*start)(struct cm_op *op));
/*
 * The operation has ended: what will be said of it from now on, and the end of its
 * task, if it has one.  @count is in its units.  From the loop; may free @op.
 */
void cm_finish(struct cm_op *op, enum tpc_status status, uint64_t count, struct sense s);

/* What is to be said of @op now. */
const struct tpc_result *cm_result(struct cm_op *op);

/* The task of a foreground operation is aborted. */
void cm_abort(struct cm_op *op);
/* As by COPY OPERATION ABORT: status 60h; a task in the foreground ends with A/2F/02. */
void cm_terminate(struct cm_op *op);
/* The same, and @task, a COPY OPERATION ABORT, ends with GOOD when @op has ended. */
void cm_terminate_for(struct cm_op *op, struct task *task);
/* Every operation of @lu (PREEMPT AND ABORT, wire-format 7.3); or only the background ones. */
void cm_terminate_all(struct lu *lu);
void cm_terminate_background(struct lu *lu);
/* The background ones whose results are in @of. */
void cm_terminate_background_of(struct lu *lu, const struct cm_results *of);
/* Those of @lu that read or write @of: @all, or only the background ones. */
void cm_terminate_users(struct lu *lu, const struct lu *of, bool all);
/* One that was asked to end has not ended yet. */
bool cm_has_terminated(const struct lu *lu);
/* Such a one still reads or writes @of. */
bool cm_has_terminated_users(const struct lu *lu, const struct lu *of);

/* cm_token.c: POPULATE TOKEN and WRITE USING TOKEN, to be given to cm_run. */
void cm_populate(struct cm_op *op);
void cm_write(struct cm_op *op);

#endif
