/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests in full feature phase: the table of their kinds, the pool, the order
 * of CmdSN (RFC 7143 4.2.2), and Reject.
 */
#include "iscsi_priv.h"

#include <assert.h>
#include <string.h>

#include "log.h"

struct request_kind {
	uint8_t opcode;
	bool discovery; /* allowed in discovery sessions */
	bool no_sn;	/* carries no CmdSN: handled as it comes */
	/* All optional: where the data goes; all is here; its turn; memory came; end it. */
	enum rx_verdict (*begin)(struct iscsi_conn *c, struct icmd *cmd);
	void (*received)(struct icmd *cmd, bool digest_ok);
	void (*start)(struct icmd *cmd);
	void (*memory)(struct icmd *cmd);
	void (*abort)(struct icmd *cmd);
};

static bool reject_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret);

static void reject_start(struct icmd *cmd)
{
	icmd_answer(cmd, reject_next);
}

static void snack_start(struct icmd *cmd)
{
	icmd_reject(cmd, ISCSI_REJECT_SNACK);
}

static void unsupported_start(struct icmd *cmd)
{
	icmd_reject(cmd, ISCSI_REJECT_NOT_SUPPORTED);
}

static void resume_reading(struct icmd *cmd)
{
	rx_resume(cmd->sess->conn);
}

static const struct request_kind kinds[] = {
	{ .opcode = ISCSI_SCSI_CMD,
	  .begin = command_begin,
	  .received = command_received,
	  .start = command_start,
	  .memory = command_memory,
	  .abort = command_abort },
	{ .opcode = ISCSI_NOP_OUT,
	  .discovery = true,
	  .begin = nop_begin,
	  .start = nop_start,
	  .memory = resume_reading },
	{ .opcode = ISCSI_TMF_REQ, .start = tmf_start, .abort = tmf_abort },
	{ .opcode = ISCSI_TEXT_REQ, .discovery = true, .begin = text_begin, .start = text_start },
	{ .opcode = ISCSI_LOGOUT_REQ, .discovery = true, .start = logout_start },
	{ .opcode = ISCSI_SNACK_REQ, .discovery = true, .no_sn = true, .start = snack_start },
};

static const struct request_kind kind_unsupported = { .no_sn = true, .start = unsupported_start };
static const struct request_kind kind_reject = { .start = reject_start };
static const struct request_kind kind_skipped = { .start = icmd_end };

static const struct request_kind *find_kind(const struct iscsi_conn *c)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (c->rx.known && kinds[i].opcode == c->rx.pdu.opcode &&
		    (c->sess->tgt || kinds[i].discovery))
			return &kinds[i];
	return &kind_unsupported;
}

/* ---- the pool ---- */

static struct icmd_bucket *bucket(struct iscsi_session *sess, uint32_t itt)
{
	/* Initiators count tags up, some in their upper half. */
	return &sess->by_itt[(itt ^ itt >> 16) % ITT_BUCKETS];
}

struct icmd *icmd_find(struct iscsi_session *sess, uint32_t itt)
{
	struct icmd *cmd;

	LIST_FOREACH (cmd, bucket(sess, itt), hash)
		if (cmd->pdu.itt == itt)
			return cmd;
	return NULL;
}

static struct icmd *take(struct iscsi_conn *c)
{
	struct iscsi_session *sess = c->sess;
	struct icmd *cmd = TAILQ_FIRST(&sess->free);

	if (!cmd)
		return NULL;
	TAILQ_REMOVE(&sess->free, cmd, link);
	memset(cmd, 0, sizeof(*cmd));
	cmd->sess = sess;
	cmd->pdu = c->rx.pdu;
	cmd->ahs = c->rx.ahs;
	cmd->ahs_good = c->rx.ahs_good;
	memcpy(cmd->bhs, c->rx.bhs, sizeof(cmd->bhs));
	TAILQ_INSERT_TAIL(&sess->active, cmd, link);
	return cmd;
}

/* Its place in the window and its tag are free for the initiator's next request. */
void icmd_answered(struct icmd *cmd)
{
	struct iscsi_session *sess = cmd->sess;

	if (cmd->counted && cmd->pdu.immediate)
		sess->immediates--;
	else if (cmd->counted)
		sess->counted--;
	cmd->counted = false;
	if (cmd->hashed)
		LIST_REMOVE(cmd, hash);
	cmd->hashed = false;
}

static void count(struct icmd *cmd)
{
	cmd->counted = true;
	if (cmd->pdu.immediate)
		cmd->sess->immediates++;
	else
		cmd->sess->counted++;
}

static void release(struct icmd *cmd)
{
	struct iscsi_session *sess = cmd->sess;
	struct iscsi_conn *c = sess->conn;

	for (unsigned i = 0; i < 2; i++)
		memory_put(cmd, i);
	TAILQ_REMOVE(&sess->active, cmd, link);
	TAILQ_INSERT_HEAD(&sess->free, cmd, link);
	if (c->state == CONN_FULL) {
		logout_poll(sess);
		if (c->srv->stopping && TAILQ_EMPTY(&sess->active))
			conn_finish(c);
		rx_resume(c);
	}
	conn_settle(c);
}

void icmd_pin(struct icmd *cmd)
{
	cmd->pins++;
}

void icmd_unpin(struct icmd *cmd)
{
	assert(cmd->pins > 0);
	if (--cmd->pins == 0 && cmd->over)
		release(cmd);
}

void icmd_end(struct icmd *cmd)
{
	if (cmd->over)
		return;
	assert(!cmd->running);
	cmd->over = true;
	memory_cancel(cmd);
	icmd_answered(cmd);
	if (cmd->held)
		TAILQ_REMOVE(&cmd->sess->held, cmd, order);
	cmd->held = false;
	if (cmd->accepted)
		task_end(&cmd->task);
	cmd->accepted = false;
	if (cmd->aborted && cmd->sess->conn->state == CONN_FULL)
		tmf_poll(cmd->sess);
	if (cmd->pins == 0)
		release(cmd);
}

void icmd_abort(struct icmd *cmd)
{
	if (cmd->over)
		return;
	cmd->aborted = true;
	icmd_pin(cmd);
	if (cmd->kind && cmd->kind->abort)
		cmd->kind->abort(cmd);
	if (tx_cancel(cmd->sess->conn, &cmd->tx))
		icmd_unpin(cmd);
	if (!cmd->running && !cmd->resetting)
		icmd_end(cmd);
	icmd_unpin(cmd);
}

/* ---- answers ---- */

static void answer_sent(struct iscsi_conn *c, struct tx_item *it)
{
	struct icmd *cmd = container_of(it, struct icmd, tx);

	icmd_end(cmd);
	icmd_unpin(cmd);
}

void icmd_answer(struct icmd *cmd,
		 bool (*next)(struct iscsi_conn *, struct tx_item *, struct tx_pdu *))
{
	struct iscsi_conn *c = cmd->sess->conn;

	if (c->state != CONN_FULL) {
		icmd_end(cmd);
		return;
	}
	cmd->answering = true;
	cmd->tx.next = next;
	cmd->tx.sent = answer_sent;
	icmd_pin(cmd);
	tx_queue(c, &cmd->tx);
}

static bool reject_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	struct icmd *cmd = container_of(it, struct icmd, tx);

	icmd_answered(cmd);
	ret->pdu = (struct iscsi_pdu) { .opcode = ISCSI_REJECT,
					.flags = ISCSI_F_FINAL,
					.itt = ISCSI_NO_TAG,
					.reject = { .reason = cmd->response,
						    .stat_sn = conn_next_stat_sn(c),
						    .exp_cmd_sn = conn_exp_cmd_sn(c),
						    .max_cmd_sn = conn_max_cmd_sn(c) } };
	ret->data = cmd->bhs;
	ret->data_len = sizeof(cmd->bhs);
	return false;
}

void icmd_reject(struct icmd *cmd, enum iscsi_reject_reason reason)
{
	log_debug("%s: %s rejected, reason %02x", conn_who(cmd->sess->conn),
		  iscsi_opcode_name(cmd->pdu.opcode), reason);
	cmd->sess->srv->stats.rejects++;
	cmd->kind = &kind_reject;
	cmd->response = (uint8_t)reason;
	icmd_answer(cmd, reject_next);
}

void reject_current(struct iscsi_conn *c, enum iscsi_reject_reason reason)
{
	struct icmd *cmd = take(c);

	if (cmd)
		icmd_reject(cmd, reason);
}

/* ---- arrival ---- */

#define CMD_SN_AT 24 /* in all requests */

static uint32_t cmd_sn(const struct icmd *cmd)
{
	return get_be32(cmd->bhs + CMD_SN_AT);
}

/* RFC 7143 4.2.2.1: what is outside the window, or here already, is ignored. */
static bool in_window(const struct iscsi_session *sess, uint32_t sn)
{
	const struct icmd *cmd;

	if (iscsi_sn_lt(sn, sess->exp_cmd_sn) || iscsi_sn_lt(conn_max_cmd_sn(sess->conn), sn))
		return false;
	TAILQ_FOREACH (cmd, &sess->held, order)
		if (cmd_sn(cmd) == sn)
			return false;
	return true;
}

/* Something about the header that ends the request before it is one; 0: nothing. */
static unsigned judge(struct iscsi_session *sess, const struct icmd *cmd)
{
	if (cmd->kind->no_sn)
		return 0;
	if (cmd->pdu.immediate && sess->immediates >= IMMEDIATE_MAX)
		return ISCSI_REJECT_IMMEDIATE;
	if (cmd->pdu.ahs_len > 0 && cmd->pdu.opcode != ISCSI_SCSI_CMD)
		return ISCSI_REJECT_PROTOCOL_ERROR;
	if (cmd->pdu.ahs_len > 0 && !cmd->ahs_good)
		return ISCSI_REJECT_INVALID_PDU_FIELD;
	if (cmd->pdu.itt == ISCSI_NO_TAG)
		return cmd->pdu.opcode == ISCSI_NOP_OUT ? 0 : ISCSI_REJECT_INVALID_PDU_FIELD;
	if (icmd_find(sess, cmd->pdu.itt))
		return ISCSI_REJECT_TASK_IN_PROGRESS;
	return 0;
}

static void arrive(struct iscsi_conn *c, struct icmd *cmd)
{
	struct iscsi_session *sess = c->sess;
	unsigned reason;

	cmd->kind = find_kind(c);
	if (cmd->kind->no_sn)
		cmd->pdu.immediate = true;
	if (!cmd->pdu.immediate && !in_window(sess, cmd_sn(cmd))) {
		log_debug("%s: CmdSN %u outside %u..%u ignored", conn_who(c), cmd_sn(cmd),
			  sess->exp_cmd_sn, conn_max_cmd_sn(c));
		cmd->ignored = true;
		return;
	}
	reason = judge(sess, cmd);
	if (reason) {
		cmd->kind = &kind_reject;
		cmd->response = (uint8_t)reason;
		sess->srv->stats.rejects++;
		return;
	}
	if (cmd->pdu.itt != ISCSI_NO_TAG && !cmd->kind->no_sn) {
		LIST_INSERT_HEAD(bucket(sess, cmd->pdu.itt), cmd, hash);
		cmd->hashed = true;
	}
	if (cmd->pdu.immediate)
		count(cmd);
}

enum rx_verdict request_begin(struct iscsi_conn *c)
{
	struct icmd *cmd = c->rx.cmd;

	if (c->rx.known && c->rx.pdu.opcode == ISCSI_DATA_OUT && c->sess->tgt)
		return data_out_begin(c);
	if (c->rx.known && c->rx.pdu.opcode == ISCSI_LOGIN_REQ) {
		conn_reject_last(c, ISCSI_REJECT_PROTOCOL_ERROR, "Login Request after login");
		return RX_STOP;
	}
	if (!cmd) {
		cmd = take(c);
		if (!cmd)
			return RX_WAIT;
		c->rx.cmd = cmd;
		arrive(c, cmd);
	}
	if (!cmd->ignored && cmd->kind->begin)
		return cmd->kind->begin(c, cmd);
	return RX_GO;
}

static void start(struct icmd *cmd)
{
	cmd->started = true;
	cmd->seq = ++cmd->sess->seq;
	if (cmd->aborted)
		icmd_end(cmd);
	else
		cmd->kind->start(cmd);
}

static void next_in_order(struct icmd *cmd)
{
	cmd->sess->exp_cmd_sn++;
	count(cmd);
	start(cmd);
}

static void hold(struct icmd *cmd)
{
	struct iscsi_session *sess = cmd->sess;
	struct icmd *after;

	cmd->held = true;
	/* On one connection a gap does not close any more: it must not hold memory for ever. */
	data_out_owes(cmd, true);
	TAILQ_FOREACH (after, &sess->held, order) {
		if (iscsi_sn_lt(cmd_sn(cmd), cmd_sn(after))) {
			TAILQ_INSERT_BEFORE(after, cmd, order);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&sess->held, cmd, order);
}

/* It is its turn, or it waits for those before it; then those that waited for it. */
static void run_in_order(struct icmd *cmd)
{
	struct iscsi_session *sess = cmd->sess;
	struct icmd *held;

	if (cmd_sn(cmd) != sess->exp_cmd_sn) {
		hold(cmd);
		return;
	}
	next_in_order(cmd);
	while ((held = TAILQ_FIRST(&sess->held)) && cmd_sn(held) == sess->exp_cmd_sn) {
		TAILQ_REMOVE(&sess->held, held, order);
		held->held = false;
		data_out_owes(held, held->unsolicited);
		next_in_order(held);
	}
}

bool request_skip(struct iscsi_session *sess, uint32_t sn)
{
	struct icmd *cmd = TAILQ_FIRST(&sess->free);

	if (!in_window(sess, sn) || !cmd)
		return false;
	TAILQ_REMOVE(&sess->free, cmd, link);
	memset(cmd, 0, sizeof(*cmd));
	cmd->sess = sess;
	cmd->kind = &kind_skipped;
	put_be32(cmd->bhs + CMD_SN_AT, sn);
	TAILQ_INSERT_TAIL(&sess->active, cmd, link);
	run_in_order(cmd);
	return true;
}

void request_end(struct iscsi_conn *c, bool digest_ok)
{
	struct iscsi_session *sess = c->sess;
	struct icmd *cmd = c->rx.cmd;

	if (c->rx.pdu.opcode == ISCSI_DATA_OUT && c->rx.known && sess->tgt) {
		data_out_end(c, digest_ok);
		return;
	}
	if (cmd->ignored || cmd->over) {
		icmd_end(cmd);
		return;
	}
	if (cmd->kind->received) {
		cmd->kind->received(cmd, digest_ok);
	} else if (!digest_ok) {
		/* Its CmdSN counts all the same: at level 0 nobody sends it again. */
		cmd->kind = &kind_reject;
		cmd->response = ISCSI_REJECT_DATA_DIGEST;
		sess->srv->stats.rejects++;
	}
	if (cmd->pdu.immediate)
		start(cmd);
	else
		run_in_order(cmd);
}

void request_memory(struct icmd *cmd)
{
	cmd->kind->memory(cmd);
}
