/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCSI commands: header, start, the pieces' common part, status and sense.
 */
#include "iscsi_priv.h"

#include <assert.h>

enum { ATTR_ACA = 4 }; /* RFC 7143 11.3.1 */

static void piece_done(struct task *task);
static void core_aborts(struct task *task);

void command_fail(struct icmd *cmd, uint8_t status, struct sense s)
{
	if (cmd->failed)
		return;
	cmd->failed = true;
	cmd->task.status = status;
	cmd->task.sense = s;
}

static void fail_with(struct icmd *cmd, enum sense_key key, unsigned asc_ascq)
{
	command_fail(cmd, SAM_CHECK_CONDITION, sense_make(key, asc_ascq));
}

/* What the header alone shows; RFC 7143 11.3. */
static void judge_header(struct icmd *cmd, const struct iscsi_params *params)
{
	struct iscsi_pdu *pdu = &cmd->pdu;
	bool in = pdu->flags & ISCSI_CMD_READ, out = pdu->flags & ISCSI_CMD_WRITE;
	bool more = out && !(pdu->flags & ISCSI_F_FINAL);
	uint32_t first = params->first_burst;

	cmd->judged = true;
	if (!in && !out)
		pdu->cmd.edtl = 0;
	if (first > pdu->cmd.edtl)
		first = pdu->cmd.edtl;
	/* Nothing here moves data both ways, and no CDB of fixed length is that long. */
	if (cmd->ahs.bidi || (in && out) ||
	    (cmd->ahs.cdb_len > 0 && scsi_cdb_len(pdu->cmd.cdb[0]) > 0))
		fail_with(cmd, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_COMMAND_IU);
	else if ((pdu->flags & ISCSI_CMD_ATTR) == ATTR_ACA)
		/* There is no ACA condition, ever (SAM-5 8.6.5). */
		fail_with(cmd, KEY_ILLEGAL_REQUEST, ASC_INVALID_MESSAGE);
	else if ((pdu->flags & ISCSI_CMD_ATTR) > ATTR_ACA)
		fail_with(cmd, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_COMMAND_IU);
	else if (pdu->data_len > 0 && (!out || !params->immediate_data || pdu->data_len > first))
		fail_with(cmd, KEY_ABORTED_COMMAND, ASC_UNEXPECTED_UNSOLICITED_DATA);
	else if (more && (params->initial_r2t || pdu->data_len >= first))
		fail_with(cmd, KEY_ABORTED_COMMAND, ASC_UNEXPECTED_UNSOLICITED_DATA);
	else
		cmd->unsolicited = more;
}

enum rx_verdict command_begin(struct iscsi_conn *c, struct icmd *cmd)
{
	uint32_t len;
	enum rx_verdict v;

	if (!cmd->judged)
		judge_header(cmd, &c->params);
	if (cmd->failed || (cmd->pdu.data_len == 0 && !cmd->unsolicited))
		return RX_GO;
	len = cmd->pdu.cmd.edtl < PIECE_MAX ? cmd->pdu.cmd.edtl : PIECE_MAX;
	v = memory_for_segment(c, cmd, len);
	if (v != RX_GO)
		return v;
	if (cmd->no_memory)
		command_fail(cmd, SAM_TASK_SET_FULL, sense_good());
	else
		c->rx.dst = cmd->piece[0].mem;
	return RX_GO;
}

void command_received(struct icmd *cmd, bool digest_ok)
{
	if (!digest_ok) {
		reject_current(cmd->sess->conn, ISCSI_REJECT_DATA_DIGEST);
		fail_with(cmd, KEY_ABORTED_COMMAND, ASC_PROTOCOL_SERVICE_CRC);
	}
	cmd->received = cmd->pdu.data_len;
	if (cmd->unsolicited)
		data_out_owes(cmd, true);
}

/*
 * The header's flags and length against what the CDB asks for.  Data in that
 * the initiator did not announce is not sent to it: an overflow like any other.
 * Of data out, too, only what was announced is written, whole blocks of it, and the
 * overflow says so; a parameter list of which nothing comes is refused, and so is one
 * block that goes everywhere, or compares, when there is less or more of it; when the
 * CDB has no use for any it is its count that is wrong (256 blocks to compare are 0).
 */
static void judge_lengths(struct icmd *cmd)
{
	const struct task *t = &cmd->task;
	bool in = cmd->pdu.flags & ISCSI_CMD_READ, out = cmd->pdu.flags & ISCSI_CMD_WRITE;

	if (t->dir == DIR_IN && out)
		cmd->expected = 0;
	cmd->total = cmd->expected < t->data_len ? cmd->expected : t->data_len;
	/* COMPARE AND WRITE of 256 blocks has 0 in its CDB: its data tells. */
	if (t->whole && t->data_len == 0 && out && cmd->expected > 0)
		fail_with(cmd, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	if (t->dir != DIR_OUT)
		return;
	if (t->split)
		cmd->total -= cmd->total % lu_info(t->lu)->block_size;
	if ((in && cmd->expected > 0) || (t->whole && cmd->expected != t->data_len) ||
	    (!t->split && cmd->total == 0))
		fail_with(cmd, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_COMMAND_IU);
}

static void set_cdb(struct icmd *cmd)
{
	struct task *t = &cmd->task;
	size_t base = sizeof(cmd->pdu.cmd.cdb);
	size_t len = cmd->ahs.cdb_len > base ? cmd->ahs.cdb_len : base;

	memcpy(t->cdb, cmd->pdu.cmd.cdb, base);
	memcpy(t->cdb + base, cmd->ahs.cdb, sizeof(cmd->ahs.cdb));
	t->cdb_len = (uint8_t)(len < sizeof(t->cdb) ? len : sizeof(t->cdb));
}

void command_start(struct icmd *cmd)
{
	struct iscsi_session *sess = cmd->sess;
	struct task *t = &cmd->task;

	sess->srv->stats.commands++;
	cmd->expected = cmd->pdu.cmd.edtl;
	for (unsigned i = 0; i < 2; i++)
		cmd->piece[i].cmd = cmd;
	if (sess->srv->stopping)
		command_fail(cmd, SAM_BUSY, sense_good());
	if (!cmd->failed) {
		t->nexus = &sess->nexus;
		t->tag = cmd->pdu.itt;
		t->attr = cmd->pdu.flags & ISCSI_CMD_ATTR;
		set_cdb(cmd);
		t->done = piece_done;
		t->on_abort = core_aborts;
		cmd->accepted = target_accept(sess->tgt->target, cmd->pdu.lun, t);
		if (cmd->accepted)
			judge_lengths(cmd);
		else
			cmd->failed = true;
	}
	command_advance(cmd);
}

void command_advance(struct icmd *cmd)
{
	const struct task *t = &cmd->task;

	if (!cmd->started || cmd->over || cmd->aborted || cmd->answering || cmd->running ||
	    cmd->unsolicited || cmd->r2t_open || cmd->wants_memory)
		return;
	if (cmd->failed)
		command_finish(cmd);
	else if (t->split && cmd->total == 0 && t->data_len > 0)
		command_finish(cmd); /* the initiator expects no data: none moves */
	else if (t->dir == DIR_IN)
		data_in_advance(cmd);
	else if (t->dir == DIR_OUT && cmd->total > 0)
		data_out_advance(cmd);
	else
		command_submit(cmd, NULL, 0, 0);
}

/* Memory came: for the segment that waits to be received, or for the next piece. */
void command_memory(struct icmd *cmd)
{
	struct iscsi_conn *c = cmd->sess->conn;

	if (c->rx.waiting && c->rx.cmd == cmd)
		rx_resume(c);
	else
		command_advance(cmd);
}

void command_submit(struct icmd *cmd, struct piece *p, uint64_t off, uint64_t len)
{
	struct task *t = &cmd->task;

	if (p) {
		p->off = off;
		p->iov = (struct iovec) { .iov_base = p->mem, .iov_len = len };
		t->data = &p->iov;
	}
	t->niov = p ? 1 : 0;
	t->data_off = off;
	t->len = len;
	cmd->running = true;
	icmd_pin(cmd);
	lu_submit(t);
}

static void piece_done(struct task *t)
{
	struct icmd *cmd = container_of(t, struct icmd, task);

	cmd->running = false;
	if (t->aborted || cmd->aborted) {
		icmd_abort(cmd);
		icmd_end(cmd);
	} else if (t->status != SAM_GOOD) {
		cmd->failed = true;
		command_finish(cmd);
	} else if (t->dir == DIR_IN) {
		data_in_done(cmd);
	} else if (t->dir == DIR_OUT) {
		data_out_done(cmd);
	} else {
		command_finish(cmd);
	}
	icmd_unpin(cmd);
}

/* A reset by whomever, and no piece of it runs. */
static void core_aborts(struct task *t)
{
	icmd_abort(container_of(t, struct icmd, task));
}

void command_abort(struct icmd *cmd)
{
	struct iscsi_conn *c = cmd->sess->conn;

	for (unsigned i = 0; i < 2; i++)
		if (tx_cancel(c, &cmd->piece[i].tx))
			icmd_unpin(cmd);
	if (tx_cancel(c, &cmd->r2t))
		icmd_unpin(cmd);
	if (cmd->running)
		lu_abort(&cmd->task);
}

/* RFC 7143 11.4.5: what the CDB asked for against what the header announced. */
uint8_t command_residual(const struct icmd *cmd, uint32_t *ret)
{
	const struct task *t = &cmd->task;
	uint64_t edtl = cmd->expected, moves = cmd->moved, diff;

	if (t->dir == DIR_OUT && (t->status == SAM_GOOD || edtl < t->data_len))
		moves = t->data_len;
	else if (t->dir == DIR_IN && t->status == SAM_GOOD)
		moves = t->split ? t->data_len : t->in_len;
	diff = moves > edtl ? moves - edtl : edtl - moves;
	*ret = diff < UINT32_MAX ? (uint32_t)diff : UINT32_MAX;
	if (diff == 0)
		return 0;
	return moves > edtl ? ISCSI_RSP_OVERFLOW : ISCSI_RSP_UNDERFLOW;
}

static bool response_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	struct icmd *cmd = container_of(it, struct icmd, tx);
	uint32_t residual;
	uint8_t flags = command_residual(cmd, &residual);
	size_t len;

	icmd_answered(cmd);
	ret->pdu = (struct iscsi_pdu) {
		.opcode = ISCSI_SCSI_RSP,
		.flags = ISCSI_F_FINAL | flags,
		.itt = cmd->pdu.itt,
		.rsp = { .status = cmd->task.status,
			 .stat_sn = conn_next_stat_sn(c),
			 .exp_cmd_sn = conn_exp_cmd_sn(c),
			 .max_cmd_sn = conn_max_cmd_sn(c),
			 .exp_data_sn = cmd->data_in_sn + cmd->r2t_sn,
			 .residual = residual },
	};
	if (cmd->task.status != SAM_CHECK_CONDITION)
		return false;
	/* SenseLength, then the sense data (RFC 7143 11.4.7) */
	len = sense_encode(cmd->task.sense, cmd->task.d_sense, cmd->sense + 2, SENSE_MAX_LEN);
	put_be16(cmd->sense, (uint16_t)len);
	ret->data = cmd->sense;
	ret->data_len = (uint32_t)len + 2;
	return false;
}

void command_finish(struct icmd *cmd)
{
	if (cmd->accepted)
		task_end(&cmd->task);
	cmd->accepted = false;
	icmd_answer(cmd, response_next);
}
