/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The task: the seam between a front end and the logical unit.
 *
 * The front end embeds the task and owns the data memory.  Life of a command,
 * all of it on the target's home reactor:
 *
 *   set nexus, tag, attr, cdb, done, on_abort
 *   target_accept()      false: status and sense are set, the command is over
 *                        true:  dir, data_len, split say what data it moves
 *   lu_submit()          one piece: data, niov, data_off, len.  done() once per
 *                        piece, never from inside lu_submit; then the next piece
 *                        if status is GOOD.  Commands that are not split have
 *                        exactly one piece (none of data: len = 0).
 *   task_end()           exactly once after target_accept said true, when no piece
 *                        is running
 *
 * A piece of a media command (split) is a multiple of the block size, at data_off
 * from the command's start; pieces come in order.
 */
#ifndef TARGET_TASK_H
#define TARGET_TASK_H

#include <sys/queue.h>
#include <sys/uio.h>

#include "backstore.h"
#include "cdb.h"
#include "nexus.h"
#include "sense.h"

/*
 * The largest parameter list or parameter data of a command that is not split;
 * such a command's data is one iovec.
 */
#define TASK_MAX_PARAM (64u << 10)

struct lu;
struct cm_op;
struct gather;
struct lu_answer;

struct task {
	/* the command, set by the front end */
	struct nexus *nexus;
	uint64_t tag;	 /* for logs */
	uint8_t attr;	 /* iSCSI ATTR values; all are treated as SIMPLE */
	uint8_t cdb[32]; /* a longer one is cut: we have no command that long */
	uint8_t cdb_len;
	/* Called once per piece, when it is over. */
	void (*done)(struct task *task);
	/*
	 * The core wants the command to end (LUN reset) and no piece is running:
	 * the front end drops the command without a response and calls task_end,
	 * at once or later.  Not called while a piece runs: that piece's done comes
	 * with TASK ABORTED.
	 */
	void (*on_abort)(struct task *task);

	/* what target_accept found */
	enum scsi_dir dir;
	uint64_t data_len; /* bytes by the CDB; for data-in not split: room that is enough */
	bool split;	   /* media data: may come in pieces */
	bool whole;	   /* data-out of another length than data_len is to be refused */

	/* this piece, set by the front end */
	/* Data-out here, or room for data-in; at most BS_MAX_IOV; may be changed. */
	struct iovec *data;
	unsigned niov;
	uint64_t data_off; /* of this piece in the command's data */
	uint64_t len;	   /* bytes in @data */

	/* results */
	uint8_t status; /* SAM status */
	struct sense sense;
	bool d_sense;  /* the initiator asked for descriptor format sense (control page) */
	size_t in_len; /* bytes of data-in that are valid in this piece */
	bool aborted;  /* ended by lu_abort or a reset: send no response */

	/* the logical unit's */
	struct lu *lu;
	struct scsi_cdb req;
	struct io io;
	struct ring_post post;
	struct cm_op *op;
	struct task *cm_next; /* waiting for one operation's end */
	/*
	 * What runs the piece may be asked to end early: called once by lu_abort while the
	 * piece runs, and task_finish still comes.  Set by a handler, forgotten when the
	 * piece is over.  NULL: it ends soon by itself.
	 */
	void (*cancel)(struct task *task);
	bool accepted, running;
	const struct lu_answer *answer; /* what is said instead (lu_answer.h); NULL: nothing */
	void *work;			/* what the handler made for this piece */
	struct gather *gather;		/* what it keeps from piece to piece */
	TAILQ_ENTRY(task) link;
};

/* Runs one piece. */
void lu_submit(struct task *task);
/* Asks for the running piece to end early; done still comes, with aborted set. */
void lu_abort(struct task *task);
/* The command is over. */
void task_end(struct task *task);

#endif
