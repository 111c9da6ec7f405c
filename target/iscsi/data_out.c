/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data-out: unsolicited data, R2T, Data-Out PDUs (RFC 7143 11.7, 11.8).  A
 * command has one R2T at a time, and its memory before it asks.
 */
#include "iscsi_priv.h"

#include <assert.h>

static bool r2t_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret);
static void r2t_sent(struct iscsi_conn *c, struct tx_item *it);

void data_out_owes(struct icmd *cmd, bool owes)
{
	cmd->owes = owes;
	cmd->owes_since = ring_now(cmd->sess->srv->env.ring);
	if (owes)
		rx_no_multishot(cmd->sess->conn);
}

static uint32_t piece_len(const struct icmd *cmd)
{
	uint64_t rest = cmd->total - cmd->next_off;

	return rest < PIECE_MAX ? (uint32_t)rest : PIECE_MAX;
}

static void ask(struct icmd *cmd, uint32_t len)
{
	const struct iscsi_params *params = &cmd->sess->conn->params;

	if (len > params->max_burst)
		len = params->max_burst;
	cmd->r2t_open = true;
	cmd->r2t_end = (uint32_t)cmd->received + len;
	/* Never the same tag for two R2Ts of a command, never the reserved one. */
	cmd->ttt = (uint32_t)(cmd - cmd->sess->pool) << 16 | (cmd->r2t_sn & 0xffff);
	cmd->data_out_sn = 0;
	data_out_owes(cmd, true);
	cmd->r2t.next = r2t_next;
	cmd->r2t.sent = r2t_sent;
	icmd_pin(cmd);
	tx_queue(cmd->sess->conn, &cmd->r2t);
}

void data_out_advance(struct icmd *cmd)
{
	struct piece *p = &cmd->piece[0];
	uint32_t len = piece_len(cmd);
	uint64_t end = cmd->next_off + len;

	if (cmd->r2t.state != TX_IDLE)
		return; /* when the kernel has taken the last one */
	if (!p->mem && !memory_get(cmd, 0, len, false))
		return;
	p->off = cmd->next_off;
	if (cmd->received < end)
		ask(cmd, (uint32_t)(end - cmd->received));
	else
		command_submit(cmd, p, cmd->next_off, len);
}

void data_out_done(struct icmd *cmd)
{
	cmd->next_off += cmd->task.len;
	cmd->moved = cmd->next_off;
	if (cmd->next_off >= cmd->total) {
		memory_put(cmd, 0);
		command_finish(cmd);
	} else {
		command_advance(cmd);
	}
}

static bool r2t_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	struct icmd *cmd = container_of(it, struct icmd, r2t);

	ret->pdu = (struct iscsi_pdu) {
		.opcode = ISCSI_R2T,
		.flags = ISCSI_F_FINAL,
		.lun = cmd->pdu.lun,
		.itt = cmd->pdu.itt,
		.r2t = { .ttt = cmd->ttt,
			 .stat_sn = c->stat_sn,
			 .exp_cmd_sn = conn_exp_cmd_sn(c),
			 .max_cmd_sn = conn_max_cmd_sn(c),
			 .r2t_sn = cmd->r2t_sn++,
			 .offset = (uint32_t)cmd->received,
			 .length = cmd->r2t_end - (uint32_t)cmd->received },
	};
	return false;
}

static void r2t_sent(struct iscsi_conn *c, struct tx_item *it)
{
	struct icmd *cmd = container_of(it, struct icmd, r2t);

	command_advance(cmd);
	icmd_unpin(cmd);
}

/* Up to where the running sequence may go. */
static uint64_t sequence_end(const struct iscsi_conn *c, const struct icmd *cmd)
{
	if (cmd->r2t_open)
		return cmd->r2t_end;
	return c->params.first_burst < cmd->pdu.cmd.edtl ? c->params.first_burst
							 : cmd->pdu.cmd.edtl;
}

/*
 * Does the Data-Out continue its sequence without a gap (RFC 7143 11.7, 11.8)?  0, or
 * what is wrong: at level 0 nothing is sent again, so the task fails and the session
 * lives (7.9, 11.4.7.2).
 */
static unsigned judge_data(const struct iscsi_conn *c, const struct icmd *cmd)
{
	const struct iscsi_pdu *pdu = &c->rx.pdu;
	uint64_t end = (uint64_t)pdu->data_out.offset + pdu->data_len;
	bool final = pdu->flags & ISCSI_F_FINAL;

	if (pdu->data_out.data_sn != cmd->data_out_sn || pdu->data_out.offset != cmd->received)
		return ASC_PROTOCOL_SERVICE_CRC;
	if (end > sequence_end(c, cmd))
		return ASC_INCORRECT_AMOUNT_OF_DATA;
	/* All that was asked for, and F just there. */
	if (cmd->r2t_open)
		return final == (end == cmd->r2t_end) ? 0 : ASC_INCORRECT_AMOUNT_OF_DATA;
	/* Who sends unsolicited data of a longer command sends FirstBurstLength of it. */
	if (final && end != c->params.first_burst && cmd->pdu.cmd.edtl > c->params.first_burst)
		return ASC_INCORRECT_AMOUNT_OF_DATA;
	return 0;
}

static bool asked_for(const struct icmd *cmd, uint32_t ttt)
{
	if (ttt == ISCSI_NO_TAG)
		return cmd->unsolicited;
	return cmd->r2t_open && ttt == cmd->ttt;
}

enum rx_verdict data_out_begin(struct iscsi_conn *c)
{
	struct icmd *cmd = icmd_find(c->sess, c->rx.pdu.itt);
	unsigned wrong;

	/* What was aborted or refused may still have data on its way: dropped. */
	if (!cmd || cmd->pdu.opcode != ISCSI_SCSI_CMD || cmd->aborted || cmd->answering)
		return RX_GO;
	if (!asked_for(cmd, c->rx.pdu.data_out.ttt)) {
		conn_reject_last(c, ISCSI_REJECT_PROTOCOL_ERROR, "Data-Out that nobody asked for");
		return RX_STOP;
	}
	wrong = cmd->failed ? 0 : judge_data(c, cmd);
	if (wrong)
		command_fail(cmd, SAM_CHECK_CONDITION, sense_make(KEY_ABORTED_COMMAND, wrong));
	c->rx.cmd = cmd;
	if (!cmd->failed)
		c->rx.dst = cmd->piece[0].mem + (cmd->received - cmd->piece[0].off);
	return RX_GO;
}

void data_out_end(struct iscsi_conn *c, bool digest_ok)
{
	struct icmd *cmd = c->rx.cmd;

	if (!digest_ok)
		reject_current(c, ISCSI_REJECT_DATA_DIGEST);
	if (!cmd || cmd->aborted)
		return;
	if (!digest_ok)
		command_fail(cmd, SAM_CHECK_CONDITION,
			     sense_make(KEY_ABORTED_COMMAND, ASC_PROTOCOL_SERVICE_CRC));
	cmd->received += c->rx.pdu.data_len;
	cmd->data_out_sn++;
	if (c->rx.pdu.flags & ISCSI_F_FINAL) {
		cmd->unsolicited = cmd->r2t_open = false;
		cmd->data_out_sn = 0;
	}
	/* What is owed is the whole sequence: a little of it does not buy more time. */
	if (!cmd->unsolicited && !cmd->r2t_open)
		data_out_owes(cmd, false);
	command_advance(cmd);
}
