/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the logical unit: what target.c, lu*.c and copymgr.c share.  Front ends
 * do not include this.  Home reactor only.
 */
#ifndef TARGET_LU_IMPL_H
#define TARGET_LU_IMPL_H

#include "copymgr.h"
#include "lu.h"
#include "lu_answer.h"
#include "mode.h"
#include "pr_state.h"
#include "target.h"

/* Unit attentions owed to one nexus; more than a few at once tell it nothing new. */
#define LU_MAX_UA 4
/* What COMPARE AND WRITE compares at most, in bytes: twice that is its data. */
#define LU_MAX_COMPARE (TASK_MAX_PARAM / 2)
/* Commands at once that need memory of their own to run (VERIFY, ORWRITE, ...). */
#define LU_MAX_WORKS 64
/* WRITE ATOMIC: bytes at most, and how many commands at once collect them. */
#define LU_MAX_ATOMIC  (1u << 20)
#define LU_MAX_GATHERS 16

/*
 * One UNMAP, as VPD B0h says: all its descriptors together (more than 1 Mi blocks would
 * look insane to iscsi-test-cu), and how many.
 */
#define LU_MAX_UNMAP_BLOCKS	 (1u << 20)
#define LU_MAX_UNMAP_DESCRIPTORS 256u
/* One WRITE SAME, in bytes: written at 10 MB/s it ends within Linux' 30 s. */
#define LU_MAX_WRITE_SAME (256ull << 20)
/* One GET LBA STATUS: descriptors, and extents looked at. */
#define LU_MAX_LBA_STATUS 256u
#define LU_MAX_EXTENTS	  1024u

/* What a logical unit keeps for one I_T nexus. */
struct lu_nexus {
	uint16_t ua[LU_MAX_UA]; /* ASC << 8 | ASCQ, oldest first */
	unsigned nua;
	struct cm_results results;
	const struct pr_reg *reg; /* its registration; NULL: none */
	bool prevent;		  /* it prevents the removal of the medium */
};

/* Persistent reservations; lu_pr.c. */
struct lu_pr {
	struct pr_state state;
	TAILQ_HEAD(pr_ops, pr_op) ops; /* PERSISTENT RESERVE OUT, one at a time */
	char *path;		       /* of the state file; NULL: they end with the process */
	struct ring_post post;	       /* looks whether the first of ops can go on */
	bool posted;
};

/* What the last SANITIZE left: fine, or failed and to be left by success only, or freely. */
enum sanitize_state { SANITIZE_FINE, SANITIZE_FAILED, SANITIZE_FAILED_FREE };

struct lu_clear;

struct lu {
	struct target *target;
	struct lu_env env;
	struct lu_config cfg; /* serial points to info.serial */
	struct lu_info info;
	struct backstore *bs; /* NULL: stands for the LUNs that do not exist */
	bool supported[CMD_COUNT];
	struct mode_state mode, mode_defaults;
	struct lu_pr pr;
	const struct nexus *reserved_by; /* RESERVE(6); NULL: nobody */
	bool stopped;			 /* START STOP UNIT */
	bool ejected;			 /* there is no medium */
	bool failed;			 /* the backing file shrank under us */
	bool removing;			 /* target_remove_lu: no new commands */
	TAILQ_HEAD(, task) tasks;	 /* accepted, not ended */
	TAILQ_HEAD(, cm_op) ops;	 /* copy operations that run */
	unsigned background;		 /* of those, without a task */
	struct quota tokens;		 /* that live */
	struct lu_clear *clear;		 /* FORMAT UNIT or SANITIZE under way; NULL: none */
	enum sanitize_state sanitize;
	unsigned works;	  /* commands that hold a task.work */
	unsigned gathers; /* WRITE ATOMIC commands that hold memory */
	unsigned users;	  /* segments of EXTENDED COPY that read or write it */
	struct lu_answers answers;
	struct lu_stats stats;
};

/* Runs one piece; ends in task_finish or task_finish_later. */
typedef void (*lu_handler)(struct lu *lu, struct task *task);

/* One table per standard, indexed by enum scsi_cmd; NULL: not there. */
extern const lu_handler lu_spc_handlers[CMD_COUNT];
extern const lu_handler lu_sbc_handlers[CMD_COUNT];
extern const lu_handler lu_space_handlers[CMD_COUNT];
extern const lu_handler lu_verify_handlers[CMD_COUNT];
extern const lu_handler lu_atomic_handlers[CMD_COUNT];
extern const lu_handler lu_clear_handlers[CMD_COUNT];
extern const lu_handler lu_tpc_handlers[CMD_COUNT];
extern const lu_handler lu_receive_handlers[CMD_COUNT];
extern const lu_handler lu_pr_handlers[CMD_COUNT];
extern const lu_handler lu_medium_handlers[CMD_COUNT];
extern const lu_handler lu_xcopy_handlers[CMD_COUNT];

/* Ends a piece from the loop: status by @s, then done. */
void task_finish(struct task *task, struct sense s);
/* The same from inside lu_submit: done comes from the loop. */
void task_finish_later(struct task *task, struct sense s);

/* Ends a piece with a status that has no sense (BUSY, CONDITION MET); later. */
void task_finish_status(struct task *task, uint8_t status);

/* Cuts @w to the allocation length and the room there is; sets in_len; later. */
void task_finish_data(struct task *task, const struct writer *w);
/* A writer over the piece's room for data-in. */
struct writer task_writer(const struct task *task);

/* Judges range, protection and write access, where the command's row has them (SBC-4 4.x). */
struct sense lu_sbc_judge(const struct lu *lu, const struct scsi_cdb *req);

/* lu_space.c: what @i says of provisioning, when block size and backstore are known. */
void lu_space_info(const struct lu *lu, struct lu_info *i);
/*
 * lu_fill.c: makes ranges of the medium (bytes, whole blocks; copied) zeros or holes or,
 * with IO_WRITE, copies of @block; finishes the task's piece.  Ends soon when aborted.
 */
void lu_fill(struct task *task, enum io_op op, const uint8_t *block,
	     const struct byte_range *ranges, unsigned n);
/* lu_sbc.c: the piece's place in bytes; a multiple of the block size by the seam's rules. */
uint64_t lu_piece_off(const struct task *task);
/* Without a write cache every write is on the medium before GOOD (SBC-4 6.5.6). */
unsigned lu_write_flags(const struct task *task);

/*
 * lu_work.c: memory for what runs @task's piece, in task.work; NULL: there is none
 * left and the piece is finished, with TASK SET FULL at LU_MAX_WORKS.
 */
void *lu_work_new(struct task *task, size_t size);
void lu_work_free(struct task *task);
/* A segment of EXTENDED COPY reads or writes @lu no more (lu->users); who waits for that goes on.
 */
void lu_user_gone(struct lu *lu);
/* Byte @pos of a vector and how many follow it in one piece of memory; or NULL. */
const uint8_t *iov_at(const struct iovec *iov, unsigned niov, uint64_t pos, size_t *ret_len);
/* How many bytes at the start of both agree. */
size_t bytes_alike(const uint8_t *a, const uint8_t *b, size_t n);

/* lu_atomic.c: judges what only its commands have; frees what the task collected. */
struct sense lu_atomic_judge(const struct lu *lu, const struct scsi_cdb *req);
void lu_atomic_end(struct task *task);

/* lu_clear.c: NOT READY with the progress of what is under way (lu->clear). */
struct sense lu_clear_sense(const struct lu *lu);
/* A piece has ended: what waited for that begins. */
void lu_clear_poll(struct lu *lu);
/* A reset of the LU: ends a FORMAT UNIT in the background. */
void lu_clear_reset(struct lu *lu);
/* Asks it to end; lu->clear is NULL when it has, and target_task_ended is told. */
void lu_clear_stop(struct lu *lu);
/* It was told to end and has not yet. */
bool lu_clear_stopping(const struct lu *lu);

struct lu_nexus *lu_nexus_of(const struct lu *lu, const struct nexus *nexus);
void lu_nexus_init(struct lu_nexus *ln, const struct lu *lu, const struct nexus *nexus);
void lu_nexus_done(struct lu_nexus *ln, struct lu *lu, const struct nexus *nexus);
void lu_ua_add(struct lu_nexus *ln, unsigned asc_ascq);
/* It is not owed any more. */
void lu_ua_drop(struct lu_nexus *ln, unsigned asc_ascq);
/* Takes the oldest one; 0: none. */
unsigned lu_ua_take(struct lu_nexus *ln);

/* Of the copies that the task's nexus started here. */
struct cm_results *lu_results(const struct lu *lu, const struct task *task);
/* Can the medium be read and written? */
struct sense lu_judge_ready(const struct lu *lu);
/* Nobody prevents the removal of the medium any more. */
void lu_allow_removal(struct lu *lu);
/* A reservation of another nexus stops @task, whose CDB is decoded. */
bool lu_pr_conflict(const struct lu *lu, const struct task *task);
/* It stops what a copy of @n, sent to whichever LU, reads or writes here. */
bool lu_pr_stops(const struct lu *lu, const struct nexus *n, bool write);
/*
 * From here on reservations are kept in @dir if an initiator asks for it, and those that
 * are there hold again.  Blocks; before any nexus knows @lu.  As pr_load.
 */
int lu_pr_open(struct lu *lu, const char *dir, char *err, size_t err_cap);
/* An aborted task or a copy has ended; PREEMPT AND ABORT may be waiting for it. */
void lu_pr_task_ended(struct lu *lu);

/*
 * Over the service action and the list: struct cm_op's digest.  It only has to tell
 * lists of initiators that mean no harm from each other.
 */
uint64_t lu_digest_list(uint8_t sa, const uint8_t *list, size_t len);
/* PT or WUT: what is said to them is said once more by RRTI. */
bool lu_tpc_keeps(const struct task *task);
/* A command ended before lu_submit: if it was PT or WUT, cm_refused. */
void lu_tpc_refused(const struct lu *lu, const struct task *task);

/* The capacity follows the backstore's size to @size bytes; as bs_grow. */
int lu_grow(struct lu *lu, uint64_t size, char *err, size_t err_cap);
/* The backing file is shorter than it was: says so once, the LU fails from here on. */
void lu_fail(struct lu *lu);
/* sense_from_errno, and lu_fail when the file has shrunk. */
struct sense lu_io_sense(struct lu *lu, int err, enum data_dir dir);

/* Looks at one command: false with status and sense when it ends here. */
bool lu_accept(struct lu *lu, struct task *task);
/*
 * Aborts the tasks of @of, or everybody's if it is NULL.  The response to a task
 * management function waits for them: lu_has_aborted_tasks.
 */
void lu_abort_tasks(struct lu *lu, const struct nexus *of);
/* Has @of any task here that is not aborted? */
bool lu_has_tasks_of(const struct lu *lu, const struct nexus *of);
/* Aborts every task of the LU; mode pages go back to their defaults (LU reset). */
void lu_reset(struct lu *lu);
/* A task or a copy that lu_reset aborted has not ended yet. */
bool lu_has_aborted_tasks(const struct lu *lu);
/* target.c: every nexus but @by (may be NULL) is owed this unit attention of @lu. */
void target_tell_others(struct lu *lu, const struct nexus *by, unsigned asc_ascq);
/* target.c: calls @fn for every nexus of the target. */
void target_each_nexus(struct lu *lu, void (*fn)(struct lu *lu, struct nexus *n, void *arg),
		       void *arg);
/*
 * target.c: ends the EXTENDED COPYs, sent to whichever LU, that read or write @lu: @all, or
 * only those in the background.
 */
void target_end_users(struct lu *lu, bool all);
/* target.c: one of them that was asked to end still does. */
bool target_users_are_ending(const struct lu *lu);
/* target.c: a task or a copy ended; a reset or the target's end may be waiting for it. */
void target_task_ended(struct target *t);

#endif
