/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NOP both ways (RFC 7143 11.18, 11.19) and logout (11.14, 11.15).
 */
#include "iscsi_priv.h"

#include "log.h"

enum rx_verdict nop_begin(struct iscsi_conn *c, struct icmd *cmd)
{
	enum rx_verdict v;

	if (cmd->pdu.data_len == 0 || cmd->pdu.itt == ISCSI_NO_TAG)
		return RX_GO;
	v = memory_for_segment(c, cmd, cmd->pdu.data_len);
	if (v == RX_GO)
		c->rx.dst = cmd->piece[0].mem; /* none: answered without data */
	return v;
}

static bool nop_in_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	struct icmd *cmd = container_of(it, struct icmd, tx);
	uint32_t len = cmd->piece[0].mem ? cmd->pdu.data_len : 0;

	icmd_answered(cmd);
	ret->pdu = (struct iscsi_pdu) { .opcode = ISCSI_NOP_IN,
					.flags = ISCSI_F_FINAL,
					.itt = cmd->pdu.itt,
					.text = { .ttt = ISCSI_NO_TAG,
						  .stat_sn = conn_next_stat_sn(c),
						  .exp_cmd_sn = conn_exp_cmd_sn(c),
						  .max_cmd_sn = conn_max_cmd_sn(c) } };
	ret->data = cmd->piece[0].mem;
	ret->data_len = len < c->params.peer_max_recv ? len : c->params.peer_max_recv;
	return false;
}

void nop_start(struct icmd *cmd)
{
	struct iscsi_conn *c = cmd->sess->conn;

	if (cmd->pdu.itt != ISCSI_NO_TAG) {
		icmd_answer(cmd, nop_in_next);
		return;
	}
	/* The answer to ours; an old or wrong tag means nothing. */
	if (cmd->pdu.text.ttt == c->ping_ttt)
		c->ping_open = false;
	icmd_end(cmd);
}

static bool ping_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	ret->pdu = (struct iscsi_pdu) { .opcode = ISCSI_NOP_IN,
					.flags = ISCSI_F_FINAL,
					.itt = ISCSI_NO_TAG,
					.text = { .ttt = c->ping_ttt,
						  .stat_sn = c->stat_sn,
						  .exp_cmd_sn = conn_exp_cmd_sn(c),
						  .max_cmd_sn = conn_max_cmd_sn(c) } };
	return false;
}

void nop_ping(struct iscsi_conn *c)
{
	if (c->ping.state != TX_IDLE)
		return;
	if (++c->ping_ttt == ISCSI_NO_TAG)
		c->ping_ttt = 1;
	c->ping_open = true;
	c->ping_since = ring_now(c->srv->env.ring);
	c->ping.next = ping_next;
	tx_queue(c, &c->ping);
}

/* ---- logout ---- */

enum { LOGOUT_SESSION = 0, LOGOUT_CONNECTION = 1, LOGOUT_RECOVERY = 2 };
enum { LOGOUT_DONE = 0, LOGOUT_NO_CID = 1, LOGOUT_NO_RECOVERY = 2 };

static bool logout_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	struct icmd *cmd = container_of(it, struct icmd, tx);

	icmd_answered(cmd);
	ret->pdu = (struct iscsi_pdu) { .opcode = ISCSI_LOGOUT_RSP,
					.flags = ISCSI_F_FINAL,
					.itt = cmd->pdu.itt,
					.logout = { .response = cmd->response,
						    .stat_sn = conn_next_stat_sn(c),
						    .exp_cmd_sn = conn_exp_cmd_sn(c),
						    .max_cmd_sn = conn_max_cmd_sn(c),
						    .time2wait = (uint16_t)c->params.time2wait } };
	return false;
}

void logout_start(struct icmd *cmd)
{
	struct iscsi_session *sess = cmd->sess;
	struct icmd *other, *next;
	unsigned reason = cmd->pdu.logout.reason;

	if (reason > LOGOUT_RECOVERY) {
		icmd_reject(cmd, ISCSI_REJECT_INVALID_PDU_FIELD);
		return;
	}
	cmd->response = LOGOUT_DONE;
	if (reason == LOGOUT_RECOVERY)
		cmd->response = LOGOUT_NO_RECOVERY;
	else if (reason == LOGOUT_CONNECTION && cmd->pdu.logout.cid != sess->conn->cid)
		cmd->response = LOGOUT_NO_CID;
	if (cmd->response != LOGOUT_DONE) {
		icmd_answer(cmd, logout_next);
		return;
	}
	/* The session's tasks end with it, before the response (RFC 7143 11.14). */
	sess->conn->deaf = true;
	sess->logout = cmd;
	for (other = TAILQ_FIRST(&sess->active); other; other = next) {
		next = TAILQ_NEXT(other, link);
		if (other != cmd && !other->answering)
			icmd_abort(other);
	}
	logout_poll(sess);
}

void logout_poll(struct iscsi_session *sess)
{
	struct icmd *cmd = sess->logout;
	const struct icmd *other;

	if (!cmd || cmd->answering)
		return;
	TAILQ_FOREACH (other, &sess->active, link)
		if (other != cmd && !other->over)
			return;
	log_info("%s: logged out", conn_who(sess->conn));
	sess->conn->last_word = true;
	icmd_answer(cmd, logout_next);
}
