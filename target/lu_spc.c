/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of SPC-4 that every logical unit has.
 */
#include <string.h>

#include "alua.h"
#include "lu_impl.h"

/* What the iSCSI portal carries out (target/iscsi/tmf.c). */
#define TMFS_SUPPORTED                                                                 \
	(TMFS_ABORT_TASK | TMFS_ABORT_TASK_SET | TMFS_CLEAR_TASK_SET | TMFS_LU_RESET | \
	 TMFS_TARGET_RESET)

static void test_unit_ready(struct lu *lu, struct task *task)
{
	(void)lu; /* readiness was judged when the command was accepted */
	task_finish_later(task, sense_good());
}

/* SPC-4 6.37: a pending unit attention is given as data and is gone then. */
static void request_sense(struct lu *lu, struct task *task)
{
	struct writer w = task_writer(task);
	struct sense s = sense_good();
	uint8_t buf[SENSE_MAX_LEN];
	size_t n;

	if (!lu->bs) {
		s = sense_make(KEY_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED);
	} else {
		unsigned ua = lu_ua_take(lu_nexus_of(lu, task->nexus));

		if (ua)
			s = sense_make(KEY_UNIT_ATTENTION, ua);
		else if (lu->clear) /* how far it is (SPC-4 6.39) */
			s = lu_clear_sense(lu);
	}
	n = sense_encode(s, task->req.desc, buf, sizeof(buf));
	wr_bytes(&w, buf, n);
	task_finish_data(task, &w);
}

static void inquiry(struct lu *lu, struct task *task)
{
	const struct scsi_cdb *req = &task->req;
	struct writer w = task_writer(task);
	struct lu_info info = lu->info;

	/* The port that the command came through (SPC-4 7.8.6.7 to 7.8.6.9). */
	info.rtpi = task->nexus->rtpi;
	info.tpgt = task->nexus->tpgt;
	if (!req->evpd && req->page != 0) {
		task_finish_later(task, sense_cdb(2));
		return;
	}
	if (!lu->bs) {
		if (req->evpd) {
			task_finish_later(task, sense_cdb_bit(1, 0));
			return;
		}
		inquiry_encode_no_lun(&w);
	} else if (!req->evpd) {
		inquiry_encode(&w, &info);
	} else if (!vpd_encode(&w, req->page, &info)) {
		task_finish_later(task, sense_cdb(2));
		return;
	}
	task_finish_data(task, &w);
}

/* SPC-4 6.33; SELECT REPORT 01h asks for well-known LUNs only: there are none. */
static void report_luns(struct lu *lu, struct task *task)
{
	struct writer w = task_writer(task);
	uint16_t luns[TARGET_MAX_LUNS];
	unsigned n = 0;

	if (task->req.select_report > 2) {
		task_finish_later(task, sense_cdb(2));
		return;
	}
	if (task->req.select_report != 1)
		n = target_luns(lu->target, luns, TARGET_MAX_LUNS);
	report_luns_encode(&w, luns, n);
	/* The news is known now, of whichever LUN it was owed (SPC-4 6.33). */
	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++)
		if (task->nexus->by_lun[i])
			lu_ua_drop(task->nexus->by_lun[i], ASC_REPORTED_LUNS_CHANGED);
	task_finish_data(task, &w);
}

static void report_supported_opcodes(struct lu *lu, struct task *task)
{
	const struct scsi_cdb *req = &task->req;
	struct writer w = task_writer(task);
	struct sense s;

	s = rsoc_encode(&w, &lu->info, req->reporting, req->req_opcode, req->req_sa, req->rctd);
	if (sense_is_good(s))
		task_finish_data(task, &w);
	else
		task_finish_later(task, s);
}

/* SPC-4 6.37: one port in each group, all of them as good as the others, for ever. */
static void report_target_port_groups(struct lu *lu, struct task *task)
{
	struct alua_group groups[TARGET_MAX_PORT_GROUPS];
	struct writer w = task_writer(task);
	const uint16_t *tags;
	unsigned n = target_port_groups(lu->target, &tags);

	if (task->req.report_format > 1) {
		task_finish_later(task, sense_cdb_bit(1, 7));
		return;
	}
	for (unsigned i = 0; i < n; i++)
		groups[i] = (struct alua_group) { .state = ALUA_OPTIMIZED,
						  .supported = ALUA_SUP_OPTIMIZED,
						  .tag = tags[i],
						  .nports = 1,
						  .ports = { tags[i] } };
	rtpg_encode(&w, task->req.report_format == 1, 0, groups, n);
	task_finish_data(task, &w);
}

/* SPC-4 6.36: an answer of which less than its header is wanted is refused. */
static void report_supported_tmfs(struct lu *lu, struct task *task)
{
	struct writer w = task_writer(task);

	(void)lu;
	if (task->req.len < 4) {
		task_finish_later(task, sense_cdb(6));
		return;
	}
	report_tmfs_encode(&w, task->req.repd, TMFS_SUPPORTED);
	task_finish_data(task, &w);
}

static struct mode_ctx mode_ctx(const struct lu *lu)
{
	return (struct mode_ctx) {
		.block_size = lu->info.block_size,
		.blocks = lu->info.blocks,
		.read_only = lu->cfg.read_only,
		.can_wce = true,
		.current = lu->mode,
		.defaults = lu->mode_defaults,
	};
}

static void mode_sense(struct lu *lu, struct task *task)
{
	struct mode_ctx ctx = mode_ctx(lu);
	struct writer w = task_writer(task);
	struct sense s = mode_sense_encode(&w, &task->req, &ctx);

	if (sense_is_good(s))
		task_finish_data(task, &w);
	else
		task_finish_later(task, s);
}

/* Mode pages are shared by all nexuses: the others hear of a change (SPC-4 6.10). */
static void mode_select(struct lu *lu, struct task *task)
{
	struct mode_ctx ctx = mode_ctx(lu);
	struct mode_state state;
	struct sense s;

	s = mode_select_decode(task->len ? task->data[0].iov_base : NULL, task->len, &task->req,
			       &ctx, &state);
	if (sense_is_good(s) && memcmp(&state, &lu->mode, sizeof(state)) != 0) {
		lu->mode = state;
		lu->info.write_cache = state.wce;
		target_tell_others(lu, task->nexus, ASC_MODE_PARAMETERS_CHANGED);
	}
	task_finish_later(task, s);
}

const lu_handler lu_spc_handlers[CMD_COUNT] = {
	[CMD_TEST_UNIT_READY] = test_unit_ready,
	[CMD_REQUEST_SENSE] = request_sense,
	[CMD_INQUIRY] = inquiry,
	[CMD_REPORT_LUNS] = report_luns,
	[CMD_REPORT_SUPPORTED_OPCODES] = report_supported_opcodes,
	[CMD_REPORT_TARGET_PORT_GROUPS] = report_target_port_groups,
	[CMD_REPORT_SUPPORTED_TMFS] = report_supported_tmfs,
	[CMD_MODE_SENSE_6] = mode_sense,
	[CMD_MODE_SENSE_10] = mode_sense,
	[CMD_MODE_SELECT_6] = mode_select,
	[CMD_MODE_SELECT_10] = mode_select,
};
