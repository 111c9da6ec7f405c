/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task management (RFC 7143 11.5, 11.6).  The response goes out when the last
 * task that it concerns has ended.
 */
#include "iscsi_priv.h"

#include <assert.h>

#include "log.h"

static bool response_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	struct icmd *cmd = container_of(it, struct icmd, tx);

	icmd_answered(cmd);
	ret->pdu = (struct iscsi_pdu) { .opcode = ISCSI_TMF_RSP,
					.flags = ISCSI_F_FINAL,
					.itt = cmd->pdu.itt,
					.tmf_rsp = { .response = cmd->response,
						     .stat_sn = conn_next_stat_sn(c),
						     .exp_cmd_sn = conn_exp_cmd_sn(c),
						     .max_cmd_sn = conn_max_cmd_sn(c) } };
	return false;
}

static bool is_running_command(const struct icmd *cmd)
{
	return cmd->pdu.opcode == ISCSI_SCSI_CMD && cmd->started && !cmd->over && !cmd->answering &&
	       !cmd->aborted;
}

/*
 * Came before its turn, and before @tmf by its number.  It is not started: its turn is
 * only for ExpCmdSN to go on.
 */
static bool is_held_command(const struct icmd *cmd, const struct icmd *tmf)
{
	return cmd->pdu.opcode == ISCSI_SCSI_CMD && cmd->held && !cmd->aborted &&
	       iscsi_sn_lt(cmd->pdu.cmd.cmd_sn, tmf->pdu.tmf.cmd_sn);
}

/*
 * One that is not here, but by its number was sent before this request: nobody sends it
 * again, so it counts as received and as aborted (RFC 7143 11.5.5).
 */
static enum iscsi_tmf_response abort_missing(struct icmd *cmd)
{
	uint32_t sn = cmd->pdu.tmf.ref_cmd_sn;

	return iscsi_sn_lt(sn, cmd->pdu.tmf.cmd_sn) && request_skip(cmd->sess, sn)
		       ? ISCSI_TMF_COMPLETE
		       : ISCSI_TMF_NO_TASK;
}

static enum iscsi_tmf_response abort_task(struct icmd *cmd)
{
	struct icmd *victim = icmd_find(cmd->sess, cmd->pdu.tmf.ref_tag);

	if (!victim)
		return abort_missing(cmd);
	if (victim->pdu.lun != cmd->pdu.lun)
		return ISCSI_TMF_NO_TASK;
	if (is_held_command(victim, cmd))
		victim->aborted = true;
	else if (is_running_command(victim))
		icmd_abort(victim);
	else
		return ISCSI_TMF_NO_TASK;
	return ISCSI_TMF_COMPLETE;
}

static void reset_done(struct target_reset *r)
{
	struct icmd *cmd = container_of(r, struct icmd, reset);

	cmd->resetting = false;
	if (cmd->aborted)
		icmd_end(cmd);
	else
		tmf_poll(cmd->sess);
	icmd_unpin(cmd);
}

static enum iscsi_tmf_response start_reset(struct icmd *cmd, bool all, enum target_tmf what)
{
	cmd->reset = (struct target_reset) { .nexus = &cmd->sess->nexus,
					     .all = all,
					     .what = what,
					     .lun = cmd->pdu.lun,
					     .done = reset_done };
	cmd->resetting = true;
	icmd_pin(cmd);
	if (target_reset(cmd->sess->tgt->target, &cmd->reset))
		return ISCSI_TMF_COMPLETE;
	cmd->resetting = false;
	icmd_unpin(cmd);
	return ISCSI_TMF_NO_LUN;
}

/* Our own, also those that the logical unit has not seen yet. */
static void abort_own(struct icmd *cmd)
{
	struct icmd *victim, *next;

	for (victim = TAILQ_FIRST(&cmd->sess->active); victim; victim = next) {
		next = TAILQ_NEXT(victim, link);
		if (victim->pdu.lun != cmd->pdu.lun)
			continue;
		if (is_held_command(victim, cmd))
			victim->aborted = true;
		else if (is_running_command(victim))
			icmd_abort(victim);
	}
}

static enum iscsi_tmf_response end_task_set(struct icmd *cmd, enum target_tmf what)
{
	if (!target_has_lun(cmd->sess->tgt->target, cmd->pdu.lun))
		return ISCSI_TMF_NO_LUN;
	abort_own(cmd);
	return start_reset(cmd, false, what);
}

static enum iscsi_tmf_response abort_task_set(struct icmd *cmd)
{
	return end_task_set(cmd, TARGET_ABORT_TASK_SET);
}

static enum iscsi_tmf_response clear_task_set(struct icmd *cmd)
{
	return end_task_set(cmd, TARGET_CLEAR_TASK_SET);
}

static enum iscsi_tmf_response lun_reset(struct icmd *cmd)
{
	return start_reset(cmd, false, TARGET_RESET);
}

static enum iscsi_tmf_response target_reset_all(struct icmd *cmd)
{
	return start_reset(cmd, true, TARGET_RESET);
}

static enum iscsi_tmf_response task_reassign(struct icmd *cmd)
{
	return ISCSI_TMF_REASSIGN_UNSUPPORTED;
}

static const struct {
	enum iscsi_tmf function;
	const char *name;
	enum iscsi_tmf_response (*run)(struct icmd *cmd);
} functions[] = {
	{ ISCSI_TMF_ABORT_TASK, "ABORT TASK", abort_task },
	{ ISCSI_TMF_ABORT_TASK_SET, "ABORT TASK SET", abort_task_set },
	{ ISCSI_TMF_CLEAR_TASK_SET, "CLEAR TASK SET", clear_task_set },
	{ ISCSI_TMF_LUN_RESET, "LUN RESET", lun_reset },
	{ ISCSI_TMF_TARGET_WARM_RESET, "TARGET WARM RESET", target_reset_all },
	{ ISCSI_TMF_TARGET_COLD_RESET, "TARGET COLD RESET", target_reset_all },
	{ ISCSI_TMF_TASK_REASSIGN, "TASK REASSIGN", task_reassign },
};

void tmf_start(struct icmd *cmd)
{
	cmd->response = ISCSI_TMF_NOT_SUPPORTED;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (functions[i].function != cmd->pdu.tmf.function)
			continue;
		log_info("%s: %s, LUN field %016llx", conn_who(cmd->sess->conn), functions[i].name,
			 (unsigned long long)cmd->pdu.lun);
		cmd->response = (uint8_t)functions[i].run(cmd);
		break;
	}
	cmd->waiting = true;
	tmf_poll(cmd->sess);
}

static bool has_to_wait(const struct icmd *cmd)
{
	const struct icmd *other;

	if (cmd->resetting)
		return true;
	TAILQ_FOREACH (other, &cmd->sess->active, link)
		if (other->aborted && !other->over && other->started && other->seq < cmd->seq)
			return true;
	return false;
}

/*
 * All connections to the target end (RFC 7143 11.6.1): ours with the response as its
 * last word, the others at once.
 */
static void end_sessions(struct icmd *cmd)
{
	struct iscsi_session *sess, *next;

	for (sess = LIST_FIRST(&cmd->sess->srv->sessions); sess; sess = next) {
		next = LIST_NEXT(sess, link);
		if (sess != cmd->sess && sess->tgt == cmd->sess->tgt)
			conn_close(sess->conn, "TARGET COLD RESET");
	}
	cmd->sess->conn->last_word = true;
}

void tmf_poll(struct iscsi_session *sess)
{
	struct icmd *cmd, *next;

	for (cmd = TAILQ_FIRST(&sess->active); cmd; cmd = next) {
		next = TAILQ_NEXT(cmd, link);
		if (!cmd->waiting || has_to_wait(cmd))
			continue;
		cmd->waiting = false;
		if (cmd->pdu.tmf.function == ISCSI_TMF_TARGET_COLD_RESET)
			end_sessions(cmd);
		icmd_answer(cmd, response_next);
	}
}

void tmf_abort(struct icmd *cmd)
{
	cmd->waiting = false;
}
