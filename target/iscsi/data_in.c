/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data-in: while one piece goes to the initiator the next one is read.
 */
#include "iscsi_priv.h"

#include <assert.h>

static bool data_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret);
static void data_sent(struct iscsi_conn *c, struct tx_item *it);

/* Bytes of the next piece, in whole blocks. */
static uint32_t next_len(const struct icmd *cmd)
{
	const struct task *t = &cmd->task;
	uint64_t rest = cmd->total - cmd->next_off;
	uint32_t block;

	if (!t->split)
		return (uint32_t)t->data_len;
	if (rest >= PIECE_MAX)
		return PIECE_MAX;
	block = lu_info(t->lu)->block_size;
	return (uint32_t)((rest + block - 1) / block * block);
}

void data_in_advance(struct icmd *cmd)
{
	unsigned i;

	if (cmd->in_done)
		return;
	if (!cmd->reading) {
		for (i = 0; i < 2 && cmd->piece[i].mem; i++)
			;
		if (i == 2)
			return; /* when one is sent */
		cmd->reading = &cmd->piece[i];
		if (!memory_get(cmd, i, next_len(cmd), false))
			return;
	}
	command_submit(cmd, cmd->reading, cmd->next_off, next_len(cmd));
}

void data_in_done(struct icmd *cmd)
{
	struct task *t = &cmd->task;
	struct piece *p = cmd->reading;
	uint64_t valid = t->split ? t->len : t->in_len;

	cmd->reading = NULL;
	p->len = (uint32_t)(valid < cmd->total - p->off ? valid : cmd->total - p->off);
	p->sent = 0;
	cmd->next_off += t->len;
	cmd->moved += p->len;
	p->last = cmd->in_done = !t->split || cmd->next_off >= cmd->total;
	if (cmd->in_done && p->len == 0) {
		command_finish(cmd);
		return;
	}
	if (cmd->in_done) {
		task_end(t);
		cmd->accepted = false;
		cmd->answering = true;
	}
	p->tx.next = data_next;
	p->tx.sent = data_sent;
	icmd_pin(cmd);
	tx_queue(cmd->sess->conn, &p->tx);
	command_advance(cmd);
}

/* One Data-In PDU; a sequence ends after MaxBurstLength (RFC 7143 11.7). */
static bool data_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	struct piece *p = container_of(it, struct piece, tx);
	struct icmd *cmd = p->cmd;
	uint32_t len = p->len - p->sent, room = c->params.max_burst - cmd->burst, residual = 0;
	uint8_t flags = 0;
	bool more, status;

	if (len > c->params.peer_max_recv)
		len = c->params.peer_max_recv;
	if (len > room)
		len = room;
	ret->data = p->mem + p->sent;
	ret->data_len = len;
	p->sent += len;
	cmd->burst += len;
	more = p->sent < p->len;
	status = p->last && !more;
	if (status || cmd->burst == c->params.max_burst) {
		flags |= ISCSI_F_FINAL;
		cmd->burst = 0;
	}
	if (status) {
		flags |= ISCSI_DATA_STATUS | command_residual(cmd, &residual);
		icmd_answered(cmd);
	}
	ret->pdu = (struct iscsi_pdu) {
		.opcode = ISCSI_DATA_IN,
		.flags = flags,
		.itt = cmd->pdu.itt,
		.data_in = { .ttt = ISCSI_NO_TAG,
			     .stat_sn = status ? conn_next_stat_sn(c) : 0,
			     .exp_cmd_sn = conn_exp_cmd_sn(c),
			     .max_cmd_sn = conn_max_cmd_sn(c),
			     .data_sn = cmd->data_in_sn++,
			     .offset = (uint32_t)(p->off + p->sent - len),
			     .residual = residual },
	};
	return more;
}

static void data_sent(struct iscsi_conn *c, struct tx_item *it)
{
	struct piece *p = container_of(it, struct piece, tx);
	struct icmd *cmd = p->cmd;

	memory_put(cmd, (unsigned)(p - cmd->piece));
	if (p->last)
		icmd_end(cmd);
	else
		command_advance(cmd);
	icmd_unpin(cmd);
}
