/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SCSI target device: its logical units, nexuses, tokens.  Front ends talk to
 * this and to task.h, to nothing else of the core.  Home reactor only.
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include "lu.h"
#include "nexus.h"
#include "task.h"

#define TARGET_MAX_LUNS	       256
#define TARGET_MAX_PORT_GROUPS 16

struct target;

struct target_config {
	const char *name; /* iSCSI name; SCSI device name */
	/*
	 * The ports are another target's, which serves these LUs (LIO): VPD 83h names
	 * the logical units and no port.
	 */
	bool foreign_ports;
	struct token_config tokens; /* target_name is filled in by target_new */
	struct copy_engine_config copy;
};

int target_new(struct target **ret, const struct target_config *cfg, const struct bs_env *env);
/* No nexus, no task, no removal left.  Frees LUs and closes their backstores (flushes); -errno of
 * that. */
int target_free(struct target *t);
/*
 * Ends the copies that run without a task, FORMAT UNIT and SANITIZE; done from the loop
 * when there are none, and nothing is being saved for a token.
 * Before target_free, when no commands come any more.
 */
struct target_quiet {
	void (*done)(struct target_quiet *q);
	struct ring_post post; /* the target's */
};
void target_end_copies(struct target *t, struct target_quiet *q);

const char *target_name(const struct target *t);
/* What its backstores are to be opened with, so that its limits hold for them. */
const struct bs_env *target_bs_env(const struct target *t);

/*
 * The target has a port in target port group @tag, not 0; its relative identifier is
 * the tag, too.  Said before initiators log in; twice is once.  -ENOSPC.
 */
int target_add_port_group(struct target *t, uint16_t tag);
/* The tags, ascending. */
unsigned target_port_groups(const struct target *t, const uint16_t **ret);

/*
 * Adds a logical unit; the target takes @bs over on success.  -EEXIST for a LUN in
 * use, -EINVAL with a reason in @err.  @cfg->serial NULL: derived from the target's
 * name and the LUN; naa_len 0: a locally assigned NAA (3h) derived from the name
 * and the serial.  Both are the same after a restart.
 * The nexuses that are there are owed 6/3F/0E by the other LUNs, by target_remove_lu, too.
 */
int target_add_lu(struct target *t, struct backstore *bs, const struct lu_config *cfg, char *err,
		  size_t err_cap);
/*
 * Takes a logical unit away: from now on it answers as if it were not there; when
 * its tasks have ended its tokens are cancelled, and when nobody uses its data any
 * more it is flushed and closed, and its number is free.  Asks no task to end,
 * only the copies in the background.  False: no such LUN (done does not come).
 */
struct target_removal {
	uint16_t lun;
	void (*done)(struct target_removal *r, int err); /* from the loop; -errno of the flush */
	/* the target's */
	struct target *target;
	struct ring_post post;
	struct ring_timer timer;
	struct io flush;
	bool flushed;
	int err;
};
bool target_remove_lu(struct target *t, struct target_removal *r);

/*
 * Gives @lun another serial (cut to 36 characters) and NAA designator than it was
 * added with, before it has answered any command.
 */
void target_name_lu(struct target *t, uint16_t lun, const char *serial, const uint8_t *naa,
		    uint8_t naa_len);

/*
 * The backstore of @lun has been made larger, to @size bytes: so is the LUN, and every
 * nexus (a shared one, too: once) is owed 6/2A/09.  -ENODEV and as bs_grow.
 */
int target_grow_lu(struct target *t, uint16_t lun, uint64_t size, char *err, size_t err_cap);

/*
 * The write cache of @lun, which is there, is on or off from now on, and after a reset
 * (WCE, SBC-4 6.5.6); every nexus (a shared one, too: once) is owed 6/2A/01 when that
 * is news.  What an earlier WRITE left in the cache is the caller's to flush.
 */
void target_set_write_cache(struct target *t, uint16_t lun, bool on);

struct lu *target_lu(const struct target *t, uint16_t lun);		   /* NULL: none */
unsigned target_luns(const struct target *t, uint16_t *ret, unsigned cap); /* ascending */

/* A session begins: every LU owes it 6/29/00.  -ENOMEM.  @nexus is the front end's. */
int target_nexus_add(struct target *t, struct nexus *nexus);
/* I_T nexus loss: all its tasks have ended; its copy results are dropped. */
void target_nexus_remove(struct target *t, struct nexus *nexus);

/*
 * A command has arrived: see task.h.  @lun is the 8 wire bytes as an integer.
 * Judges everything that can be judged without its data.
 */
bool target_accept(struct target *t, uint64_t lun, struct task *task);

/* What task management does beyond a single task. */
enum target_tmf {
	/*
	 * LUN RESET and TARGET RESET: aborts all tasks and copies of the LU(s), drops
	 * results, owes everybody, the sender too, 6/29/03 (SAM-5 6.3.3), mode pages go
	 * back to defaults.
	 */
	TARGET_RESET,
	/*
	 * Aborts all tasks and copies of the LU; the others that had tasks are owed
	 * 6/2F/00 (SAM-5 7.5).  Not with all.
	 */
	TARGET_CLEAR_TASK_SET,
	/* Aborts the sender's tasks and copies.  Not with all. */
	TARGET_ABORT_TASK_SET,
};

/* done when the last aborted task and copy have ended. */
struct target_reset {
	struct nexus *nexus; /* who asked */
	bool all;	     /* every LU, else @lun */
	enum target_tmf what;
	uint64_t lun;			      /* wire form */
	void (*done)(struct target_reset *r); /* from the loop */
	struct ring_post post;		      /* the target's */
	struct target *target;
	TAILQ_ENTRY(target_reset) link;
};
/* False: no such LUN (done does not come). */
bool target_reset(struct target *t, struct target_reset *r);

/* True if the LUN exists. */
bool target_has_lun(const struct target *t, uint64_t lun);

#endif
