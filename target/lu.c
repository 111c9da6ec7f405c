/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The logical unit's core: accepting commands, running pieces, unit attentions,
 * errors into sense.  The commands themselves are in lu_spc.c, lu_sbc.c, lu_tpc.c.
 */
#include "lu.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "lu_impl.h"

static const lu_handler *const handlers[] = {
	lu_spc_handlers,   lu_sbc_handlers,    lu_verify_handlers,  lu_atomic_handlers,
	lu_clear_handlers, lu_tpc_handlers,    lu_receive_handlers, lu_space_handlers,
	lu_pr_handlers,	   lu_medium_handlers, lu_xcopy_handlers,
};

static lu_handler handler_of(enum scsi_cmd cmd)
{
	for (unsigned i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i][cmd])
			return handlers[i][cmd];
	return NULL;
}

/* The commands that answer on a LUN that does not exist (SPC-4 table 31, 6.4.2). */
static bool answers_without_lu(enum scsi_cmd cmd)
{
	return cmd == CMD_INQUIRY || cmd == CMD_REPORT_LUNS || cmd == CMD_REQUEST_SENSE;
}

/* What only the owner of the ports can answer. */
static bool is_of_the_port(enum scsi_cmd cmd)
{
	static const uint8_t reservations[] = { 0x16, 0x17, 0x5e, 0x5f };

	return cmd == CMD_REPORT_TARGET_PORT_GROUPS || cmd == CMD_REPORT_SUPPORTED_TMFS ||
	       memchr(reservations, scsi_ops[cmd].opcode, sizeof(reservations));
}

static uint8_t log2_ratio(uint32_t physical, uint32_t logical)
{
	uint8_t e = 0;

	while (logical < physical) {
		logical <<= 1;
		e++;
	}
	return e;
}

/*
 * WRITE ATOMIC is offered where nothing can tear a write: what memory holds does not
 * outlive a killed target or a lost power.  A file's page cache promises no such thing.
 * Whole pages only, as of storage that could.
 */
static void fill_atomic(const struct lu *lu, struct lu_info *i)
{
	uint32_t page = i->block_size < 4096 ? 4096 / i->block_size : 1;

	i->max_caw_blocks = (uint8_t)(LU_MAX_COMPARE / i->block_size);
	if (!bs_forgets(lu->bs))
		return;
	i->max_atomic_blocks = LU_MAX_ATOMIC / i->block_size;
	i->atomic_alignment = i->atomic_granularity = page;
	/* It must not be above MAXIMUM TRANSFER LENGTH: say what a command can carry. */
	if (!i->max_transfer_blocks)
		i->max_transfer_blocks = UINT32_MAX / i->block_size;
	if (i->max_atomic_blocks > i->max_transfer_blocks)
		i->max_atomic_blocks = i->max_transfer_blocks;
}

static void fill_info(struct lu *lu, const struct lu_config *cfg, const struct lu_env *env)
{
	struct lu_info *i = &lu->info;
	const struct lu_tpc_config *tpc = &cfg->tpc;

	*i = (struct lu_info) {
		.vendor = "ODX",
		.product = "VIRTUAL DISK",
		.revision = "0001",
		.naa_len = cfg->naa_len,
		.tpgs = env->foreign_ports ? 0 : INQUIRY_TPGS_IMPLICIT,
		.block_size = cfg->block_size,
		.lbppbe = log2_ratio(cfg->physical_block_size ? cfg->physical_block_size
							      : bs_physical_block(lu->bs),
				     cfg->block_size),
		.blocks = bs_size(lu->bs) / cfg->block_size,
		.read_only = cfg->read_only,
		.removable = cfg->removable,
		.write_cache = !cfg->write_through,
		.tpc = tpc->enabled,
		.max_transfer_blocks = cfg->max_transfer_blocks,
		.opt_transfer_blocks = ARENA_MAX_PIECE / cfg->block_size,
		.supported = lu->supported,
		.limits = { .max_ranges = (uint16_t)tpc->max_ranges,
			    .max_timeout = tpc->max_timeout_s,
			    .default_timeout = tpc->default_timeout_s,
			    .max_token_bytes = tpc->max_token_bytes,
			    .optimal_bytes = tpc->optimal_bytes,
			    .optimal_granularity = cfg->block_size > 4096 ? cfg->block_size : 4096,
			    .max_copies = tpc->results_per_nexus,
			    .rod_types = { ROD_TYPE_PIT_CHANGE_VULNERABLE } },
	};
	/* Kept through writes; that it ends when there is no room left is the lifetime's rule. */
	if (lu->bs && bs_rod_keep(lu->bs) == ROD_KEEP_PRESERVE) {
		i->limits.rod_types[0] = ROD_TYPE_PIT_DEFAULT;
		i->limits.rod_types[1] = ROD_TYPE_PIT_PERSISTENT;
	}
	lu_space_info(lu, i);
	fill_atomic(lu, i);
	snprintf(i->serial, sizeof(i->serial), "%s", cfg->serial);
	if (i->max_transfer_blocks && i->opt_transfer_blocks > i->max_transfer_blocks)
		i->opt_transfer_blocks = i->max_transfer_blocks;
	if (!env->foreign_ports)
		snprintf(i->target_name, sizeof(i->target_name), "%s", env->target_name);
	memcpy(i->naa, cfg->naa, sizeof(i->naa));
}

int lu_new(struct lu **ret, struct backstore *bs, const struct lu_config *cfg,
	   const struct lu_env *env)
{
	struct lu *lu = calloc(1, sizeof(*lu));

	if (!lu)
		return -ENOMEM;
	TAILQ_INIT(&lu->tasks);
	TAILQ_INIT(&lu->ops);
	TAILQ_INIT(&lu->pr.ops);
	pr_state_init(&lu->pr.state);
	lu->bs = bs;
	lu->cfg = *cfg;
	lu->env = *env;
	lu->cfg.answer = NULL; /* the caller's */
	if (cfg->answer && !lu_answers_parse(cfg->answer, &lu->answers)) {
		free(lu);
		return -EINVAL;
	}
	lu->tokens.limit = env->tokens_per_lun ? env->tokens_per_lun : UINT64_MAX;
	for (unsigned cmd = 0; cmd < CMD_COUNT; cmd++) {
		bool tpc = scsi_ops[cmd].opcode == 0x83 || scsi_ops[cmd].opcode == 0x84;

		if (bs)
			lu->supported[cmd] = handler_of(cmd) && (!tpc || cfg->tpc.enabled) &&
					     !(env->foreign_ports && is_of_the_port(cmd)) &&
					     (cmd != CMD_PREVENT_ALLOW || cfg->removable);
		else
			lu->supported[cmd] = answers_without_lu(cmd);
	}
	if (bs) {
		fill_info(lu, cfg, env);
		lu->supported[CMD_UNMAP] = lu->info.max_unmap_blocks > 0;
		lu->supported[CMD_WRITE_ATOMIC_16] = lu->info.max_atomic_blocks > 0;
		/* What is erased is given back, and there is nothing to give when fully
		 * provisioned. */
		lu->supported[CMD_SANITIZE_BLOCK_ERASE] = lu->info.lbpme;
		lu->supported[CMD_SANITIZE_CRYPTO_ERASE] = bs_encrypted(bs);
		lu->cfg.serial = lu->info.serial;
		lu->cfg.state_dir = NULL; /* the caller's */
		lu->mode_defaults.wce = !cfg->write_through;
		lu->mode = lu->mode_defaults;
	}
	*ret = lu;
	return 0;
}

void lu_free(struct lu *lu)
{
	if (!lu)
		return;
	assert(TAILQ_EMPTY(&lu->tasks) && TAILQ_EMPTY(&lu->ops) && !lu->clear);
	if (lu->bs)
		token_cancel_all(lu->env.tokens, lu->bs);
	pr_state_done(&lu->pr.state);
	free(lu->pr.path);
	free(lu);
}

uint16_t lu_number(const struct lu *lu)
{
	return lu->cfg.lun;
}

const struct lu_info *lu_info(const struct lu *lu)
{
	return &lu->info;
}

struct backstore *lu_backstore(const struct lu *lu)
{
	return lu->bs;
}

bool lu_failed(const struct lu *lu)
{
	return lu->failed;
}

const struct lu_stats *lu_stats(const struct lu *lu)
{
	return &lu->stats;
}

int lu_grow(struct lu *lu, uint64_t size, char *err, size_t err_cap)
{
	int res;

	if (size % lu->cfg.block_size) {
		snprintf(err, err_cap, "%s: size %llu is not a multiple of the block size %u",
			 bs_path(lu->bs), (unsigned long long)size, lu->cfg.block_size);
		return -EINVAL;
	}
	if (size == bs_size(lu->bs))
		return 0;
	res = bs_grow(lu->bs, size, err, err_cap);
	if (res == 0)
		lu->info.blocks = size / lu->cfg.block_size;
	return res;
}

void lu_fail(struct lu *lu)
{
	if (lu->failed)
		return;
	lu->failed = true;
	log_err("LUN %u: %s is shorter than it was when it was opened (truncated by someone?): "
		"the LUN answers NOT READY; restore the file and start the target again",
		lu->cfg.lun, bs_path(lu->bs));
	/* What the tokens stood for is gone, even if the file grows again. */
	token_cancel_all(lu->env.tokens, lu->bs);
}

/* ---- errors ---- */

struct sense sense_from_errno(int err, enum data_dir dir)
{
	static const struct {
		int err;
		uint8_t key[2]; /* by enum data_dir */
		uint16_t asc_ascq[2];
	} map[] = {
		{ -EIO,
		  { KEY_MEDIUM_ERROR, KEY_MEDIUM_ERROR },
		  { ASC_UNRECOVERED_READ_ERROR, ASC_WRITE_ERROR } },
		{ -ENODATA,
		  { KEY_MEDIUM_ERROR, KEY_MEDIUM_ERROR },
		  { ASC_UNRECOVERED_READ_ERROR, ASC_WRITE_ERROR } },
		{ -ENOSPC,
		  { KEY_HARDWARE_ERROR, KEY_DATA_PROTECT },
		  { ASC_INTERNAL_TARGET_FAILURE, ASC_SPACE_ALLOCATION_FAILED } },
		{ -EDQUOT,
		  { KEY_HARDWARE_ERROR, KEY_DATA_PROTECT },
		  { ASC_INTERNAL_TARGET_FAILURE, ASC_SPACE_ALLOCATION_FAILED } },
		{ -EROFS,
		  { KEY_HARDWARE_ERROR, KEY_DATA_PROTECT },
		  { ASC_INTERNAL_TARGET_FAILURE, ASC_WRITE_PROTECTED } },
		{ -ENOMEM,
		  { KEY_ABORTED_COMMAND, KEY_ABORTED_COMMAND },
		  { ASC_INSUFFICIENT_RESOURCES, ASC_INSUFFICIENT_RESOURCES } },
	};

	if (err == 0)
		return sense_good();
	for (unsigned i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].err == err)
			return sense_make(map[i].key[dir], map[i].asc_ascq[dir]);
	return sense_make(KEY_HARDWARE_ERROR, ASC_INTERNAL_TARGET_FAILURE);
}

struct sense lu_io_sense(struct lu *lu, int err, enum data_dir dir)
{
	if (err == -ENODATA)
		lu_fail(lu);
	return sense_from_errno(err, dir);
}

/* ---- unit attentions ---- */

void lu_nexus_init(struct lu_nexus *ln, const struct lu *lu, const struct nexus *nexus)
{
	cm_results_init(&ln->results);
	ln->reg = pr_find(&lu->pr.state, nexus->initiator, nexus->rtpi);
	if (!nexus->shared)
		lu_ua_add(ln, ASC_POWER_ON_OR_RESET);
}

void lu_nexus_done(struct lu_nexus *ln, struct lu *lu, const struct nexus *nexus)
{
	if (lu->reserved_by == nexus)
		lu->reserved_by = NULL;
	cm_results_drop(&ln->results);
}

struct lu_nexus *lu_nexus_of(const struct lu *lu, const struct nexus *nexus)
{
	return nexus->by_lun[lu->cfg.lun];
}

/*
 * A reset says it all: what was owed before is dropped (SPC-4 5.14), which also
 * keeps to the one unit attention that Windows' single retry survives.
 */
void lu_ua_add(struct lu_nexus *ln, unsigned asc_ascq)
{
	if (asc_ascq >> 8 == ASC_POWER_ON_OR_RESET >> 8)
		ln->nua = 0;
	for (unsigned i = 0; i < ln->nua; i++)
		if (ln->ua[i] == asc_ascq)
			return;
	if (ln->nua < LU_MAX_UA)
		ln->ua[ln->nua++] = (uint16_t)asc_ascq;
}

void lu_ua_drop(struct lu_nexus *ln, unsigned asc_ascq)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ln->nua; i++)
		if (ln->ua[i] != asc_ascq)
			ln->ua[n++] = ln->ua[i];
	ln->nua = n;
}

unsigned lu_ua_take(struct lu_nexus *ln)
{
	unsigned ua;

	if (ln->nua == 0)
		return 0;
	ua = ln->ua[0];
	ln->nua--;
	memmove(ln->ua, ln->ua + 1, ln->nua * sizeof(ln->ua[0]));
	return ua;
}

/* ---- a command arrives ---- */

/* The opcode is not there, or only the service action. */
static struct sense unsupported(const struct lu *lu, const struct scsi_op *op)
{
	for (unsigned cmd = 0; cmd < CMD_COUNT; cmd++)
		if (lu->supported[cmd] && scsi_ops[cmd].opcode == op->opcode)
			return sense_cdb_bit(1, 4);
	return sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
}

static bool is_sanitize(const struct scsi_op *op)
{
	return op->opcode == scsi_ops[CMD_SANITIZE_OVERWRITE].opcode;
}

/*
 * SBC-4 4.11.2 and 4.33: while the medium is formatted or sanitized only what looks at
 * the device itself is processed.  After a failed sanitize another one may be tried.
 */
static struct sense judge_ready(const struct lu *lu, const struct scsi_op *op)
{
	bool changes = op->flags & OP_WRITES || op->cmd == CMD_START_STOP_UNIT ||
		       op->cmd == CMD_MODE_SELECT_6 || op->cmd == CMD_MODE_SELECT_10;

	if (lu->clear && (changes || op->flags & OP_MEDIUM))
		return lu_clear_sense(lu);
	if (!(op->flags & OP_MEDIUM) || (lu->sanitize != SANITIZE_FINE && is_sanitize(op)))
		return sense_good();
	return lu_judge_ready(lu);
}

/* Is there such a command, and has nothing else to be said first?  Decodes it. */
static struct sense judge_command(struct lu *lu, struct task *task)
{
	bool third_party = task->cdb_len > 0 && (task->cdb[0] == 0x83 || task->cdb[0] == 0x84);
	const struct scsi_cdb *req = &task->req;
	bool known = false;
	const struct scsi_op *op;
	struct sense s;
	unsigned ua;

	op = task->cdb_len > 1 ? scsi_op_find(task->cdb[0], task->cdb[1], &known) : NULL;
	if (!lu->bs && (!op || !answers_without_lu(op->cmd)))
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED);
	if (lu->bs && !(op && op->flags & OP_NO_UA)) {
		ua = lu_ua_take(lu_nexus_of(lu, task->nexus));
		if (ua)
			return sense_make(KEY_UNIT_ATTENTION, ua);
	}
	/* decisions.md 16: switched off, the opcodes are not there at all */
	if (third_party && !lu->cfg.tpc.enabled)
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
	s = scsi_cdb_decode(task->cdb, task->cdb_len, &task->req);
	if (!sense_is_good(s))
		return s;
	return lu->supported[req->op->cmd] ? sense_good() : unsupported(lu, req->op);
}

/* Everything else about it that can be judged before its data is there. */
static struct sense judge_request(const struct lu *lu, const struct scsi_cdb *req)
{
	struct sense s;

	s = judge_ready(lu, req->op);
	if (!sense_is_good(s))
		return s;
	s = lu_sbc_judge(lu, req);
	if (sense_is_good(s) && req->op->len == LEN_BYTES && req->op->dir == DIR_OUT &&
	    req->len > TASK_MAX_PARAM - 1)
		return sense_cdb(req->op->cdb_len == 16 ? 10 : 7);
	return s;
}

static void set_status(struct task *task, struct sense s)
{
	task->sense = s;
	task->d_sense = task->lu->mode.d_sense;
	task->status = sense_is_good(s) ? SAM_GOOD : SAM_CHECK_CONDITION;
	if (!sense_is_good(s))
		task->lu->stats.check_conditions++;
}

/* lu_answer.h: what comes instead of the command, or after it, comes from another place. */
static bool answer_is_later(const struct task *task)
{
	const struct lu_answer *a = task->answer;

	return a->never || a->sense.key == KEY_RECOVERED_ERROR ||
	       (a->status == SAM_CHECK_CONDITION && lu_tpc_keeps(task));
}

static void answer_now(struct task *task)
{
	set_status(task, task->answer->sense);
	task->status = task->answer->status;
}

static void answer_never(struct task *task)
{
	task_finish_later(task, sense_good());
}

bool lu_accept(struct lu *lu, struct task *task)
{
	struct sense s;
	bool conflict;

	task->lu = lu;
	task->in_len = 0;
	task->aborted = task->accepted = task->running = false;
	task->op = NULL;
	task->answer = NULL;
	task->cancel = NULL;
	task->work = NULL;
	task->gather = NULL;
	lu->stats.commands++;
	s = judge_command(lu, task);
	conflict = sense_is_good(s) && lu_pr_conflict(lu, task);
	if (sense_is_good(s) && !conflict)
		s = judge_request(lu, &task->req);
	if (sense_is_good(s) && !conflict)
		task->answer = lu_answers_for(&lu->answers, task);
	set_status(task, s);
	if (conflict)
		task->status = SAM_RESERVATION_CONFLICT;
	else if (task->answer && !answer_is_later(task))
		answer_now(task);
	if (task->status != SAM_GOOD) {
		if (lu->bs)
			lu_tpc_refused(lu, task);
		log_debug("LUN %u: CDB %02x from %s: %x/%02x/%02x %s", lu->cfg.lun, task->cdb[0],
			  task->nexus->initiator, s.key, s.asc, s.ascq,
			  conflict ? "reservation conflict" : sense_text(s));
		return false;
	}
	task->dir = task->req.op->dir;
	task->data_len = scsi_cdb_data_len(&task->req, lu->cfg.block_size);
	task->whole = task->req.op->flags & OP_WHOLE;
	task->split = task->req.op->len == LEN_BLOCKS ||
		      (task->req.op->len == LEN_VERIFY && task->req.bytchk == 1);
	if (task->data_len == 0)
		task->dir = DIR_NONE;
	if (!task->split && task->data_len > TASK_MAX_PARAM)
		task->data_len = TASK_MAX_PARAM;
	task->accepted = true;
	TAILQ_INSERT_TAIL(&lu->tasks, task, link);
	return true;
}

void lu_submit(struct task *task)
{
	struct lu *lu = task->lu;

	assert(task->accepted && !task->running);
	task->running = true;
	task->in_len = 0;
	if (task->aborted) {
		task_finish_later(task, sense_good());
		return;
	}
	/* Accepted before a FORMAT UNIT or SANITIZE, and no piece of it comes after. */
	if (lu->clear) {
		struct sense s = judge_ready(lu, task->req.op);

		if (!sense_is_good(s)) {
			task_finish_later(task, s);
			return;
		}
	}
	if (task->answer && task->answer->never)
		task->cancel = answer_never; /* a command without an answer, until it is aborted */
	else
		handler_of(task->req.op->cmd)(lu, task);
}

void lu_abort(struct task *task)
{
	void (*cancel)(struct task *) = task->cancel;

	task->aborted = true;
	if (!task->running)
		return;
	task->cancel = NULL;
	if (cancel)
		cancel(task);
	else if (task->op)
		cm_abort(task->op);
}

void task_end(struct task *task)
{
	struct lu *lu = task->lu;

	assert(task->accepted && !task->running);
	task->accepted = false;
	lu_atomic_end(task);
	TAILQ_REMOVE(&lu->tasks, task, link);
	if (!task->aborted)
		return;
	lu_pr_task_ended(lu);
	target_task_ended(lu->target);
}

/* Its status is set; the task may be gone after done. */
static void piece_over(struct task *task)
{
	struct lu *lu = task->lu;

	assert(task->running);
	task->running = false;
	task->cancel = NULL;
	if (task->aborted)
		task->status = SAM_TASK_ABORTED;
	task->done(task);
	lu_clear_poll(lu);
}

void task_finish(struct task *task, struct sense s)
{
	if (sense_is_good(s) && task->answer && !task->aborted && !task->split)
		s = task->answer->sense; /* recovered error, and done */
	set_status(task, s);
	if (!task->aborted && !sense_is_good(s))
		log_debug("LUN %u: %s from %s: %x/%02x/%02x %s", task->lu->cfg.lun,
			  task->req.op->name, task->nexus->initiator, s.key, s.asc, s.ascq,
			  sense_text(s));
	piece_over(task);
}

static void finish_posted(struct ring_post *post)
{
	struct task *task = (struct task *)((char *)post - offsetof(struct task, post));

	task_finish(task, task->sense);
}

void task_finish_later(struct task *task, struct sense s)
{
	task->sense = s;
	task->post.fn = finish_posted;
	ring_post(task->lu->env.ring, &task->post);
}

static void status_posted(struct ring_post *post)
{
	piece_over((struct task *)((char *)post - offsetof(struct task, post)));
}

void task_finish_status(struct task *task, uint8_t status)
{
	task->status = status;
	task->sense = sense_good();
	task->post.fn = status_posted;
	ring_post(task->lu->env.ring, &task->post);
}

struct writer task_writer(const struct task *task)
{
	if (task->niov == 0)
		return writer(NULL, 0);
	assert(task->niov == 1);
	return writer(task->data[0].iov_base, task->data[0].iov_len);
}

void task_finish_data(struct task *task, const struct writer *w)
{
	size_t n = wr_stored(w);

	task->in_len = n < task->req.len ? n : task->req.len;
	task_finish_later(task, sense_good());
}

/* ---- reset ---- */

void lu_abort_tasks(struct lu *lu, const struct nexus *of)
{
	struct task *task, *next;

	for (task = TAILQ_FIRST(&lu->tasks); task; task = next) {
		next = TAILQ_NEXT(task, link);
		if (task->aborted || (of && task->nexus != of))
			continue;
		if (task->running) {
			lu_abort(task);
		} else {
			task->aborted = true;
			task->on_abort(task); /* may end the task */
		}
	}
}

bool lu_has_tasks_of(const struct lu *lu, const struct nexus *of)
{
	const struct task *task;

	TAILQ_FOREACH (task, &lu->tasks, link)
		if (task->nexus == of && !task->aborted)
			return true;
	return false;
}

void lu_reset(struct lu *lu)
{
	lu_abort_tasks(lu, NULL);
	cm_terminate_background(lu);
	lu_allow_removal(lu);
	lu->reserved_by = NULL; /* persistent reservations stay (SPC-4 5.13.1) */
	lu_clear_reset(lu);
	lu->mode = lu->mode_defaults;
	lu->stopped = false;
}

bool lu_has_aborted_tasks(const struct lu *lu)
{
	const struct task *task;

	TAILQ_FOREACH (task, &lu->tasks, link)
		if (task->aborted)
			return true;
	return cm_has_terminated(lu) || lu_clear_stopping(lu) || target_users_are_ending(lu);
}
