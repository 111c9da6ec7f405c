/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text requests in full feature phase: SendTargets, and the few keys that may
 * change (RFC 7143 11.10, 11.11, appendix C).  One negotiation at a time.
 */
#include "iscsi_priv.h"

#include <stdlib.h>
#include <string.h>

static void reset(struct iscsi_conn *c)
{
	params_init(&c->nego);
	c->nego.full_feature = true;
	c->nego.discovery = !c->sess->tgt;
	c->nego_open = false;
	c->text_len = c->reply_len = c->reply_off = 0;
}

/* Another text request that is not answered yet, or NULL. */
static struct icmd *other_text(struct iscsi_session *sess, const struct icmd *cmd)
{
	struct icmd *other;

	TAILQ_FOREACH (other, &sess->active, link)
		if (other != cmd && other->pdu.opcode == ISCSI_TEXT_REQ && other->judged)
			return other;
	return NULL;
}

static enum iscsi_reject_reason judge(struct iscsi_conn *c, const struct icmd *cmd)
{
	uint32_t ttt = cmd->pdu.text.ttt;

	if (ttt == ISCSI_NO_TAG)
		reset(c); /* a new one; an unfinished old one is forgotten */
	else if (!c->nego_open || ttt != c->text_ttt)
		return ISCSI_REJECT_INVALID_PDU_FIELD;
	if (cmd->pdu.flags & ISCSI_F_FINAL && cmd->pdu.flags & ISCSI_F_CONTINUE)
		return ISCSI_REJECT_PROTOCOL_ERROR;
	if (c->text_len + cmd->pdu.data_len > c->srv->limits.max_text)
		return ISCSI_REJECT_OUT_OF_RESOURCES;
	return 0;
}

enum rx_verdict text_begin(struct iscsi_conn *c, struct icmd *cmd)
{
	struct icmd *other = other_text(c->sess, cmd);

	/* Its answer is on its way and the buffer with it; the next may have come already. */
	if (other && other->answering)
		return RX_WAIT;
	cmd->judged = true;
	cmd->response = other ? ISCSI_REJECT_PROTOCOL_ERROR : (uint8_t)judge(c, cmd);
	if (cmd->response == 0)
		c->rx.dst = (uint8_t *)c->text + c->text_len;
	return RX_GO;
}

static bool wanted(const struct iscsi_conn *c, const char *value, const struct iscsi_tgt *tgt)
{
	char name[256];

	if (c->sess->tgt)
		return c->sess->tgt == tgt &&
		       (!*value || (name_fold(name, sizeof(name), value) &&
				    strcmp(name, target_name(tgt->target)) == 0));
	if (strcmp(value, "All") != 0 &&
	    (!name_fold(name, sizeof(name), value) || strcmp(name, target_name(tgt->target)) != 0))
		return false;
	return server_allows(tgt, c->sess->initiator);
}

static void put_portals(const struct iscsi_conn *c, struct writer *w)
{
	const struct iscsi_server *s = c->srv;
	char address[64];

	for (unsigned i = 0; i < s->nportals; i++)
		if (portal_address(&s->portals[i], c, address, sizeof(address)))
			text_putf(w, "TargetAddress", "%s,%u", address, s->portals[i].tpgt);
}

static void put_targets(const struct iscsi_conn *c, const char *value, struct writer *w)
{
	const struct iscsi_tgt *tgt;

	LIST_FOREACH (tgt, &c->srv->targets, link) {
		if (!wanted(c, value, tgt))
			continue;
		text_put(w, "TargetName", target_name(tgt->target));
		put_portals(c, w);
	}
}

/* The buffer grows with the number of targets only: that is the operator's doing. */
static bool grow_reply(struct iscsi_conn *c, size_t need)
{
	uint8_t *p;

	if (need <= c->reply_cap)
		return true;
	p = realloc(c->reply, need);
	if (!p)
		return false;
	c->reply = p;
	c->reply_cap = need;
	return true;
}

/* Handles a whole text; 0 or the reason to reject it. */
static enum iscsi_reject_reason answer_text(struct iscsi_conn *c)
{
	struct params_nego *n = &c->nego;
	struct writer w = writer(c->reply, c->reply_cap), count = writer(NULL, 0);
	const char *targets;

	n->agreed = c->params;
	if (!params_parse(n, c->text, c->text_len, &w))
		return ISCSI_REJECT_PROTOCOL_ERROR;
	params_negotiate(n, &w);
	if (w.len > w.cap)
		return ISCSI_REJECT_OUT_OF_RESOURCES;
	targets = n->value[PARAM_SEND_TARGETS];
	if (targets && c->sess->tgt && strcmp(targets, "All") == 0) {
		/* Only discovery sessions may ask for all (RFC 7143 appendix C). */
		text_put(&w, "SendTargets", "Reject");
		targets = NULL;
	}
	if (targets)
		put_targets(c, targets, &count);
	if (!grow_reply(c, w.len + count.len))
		return ISCSI_REJECT_OUT_OF_RESOURCES;
	w.p = c->reply;
	w.cap = c->reply_cap;
	if (targets)
		put_targets(c, targets, &w);
	if (w.len > w.cap)
		return ISCSI_REJECT_OUT_OF_RESOURCES;
	c->params.peer_max_recv = n->agreed.peer_max_recv;
	c->reply_len = w.len;
	c->reply_off = 0;
	c->text_len = 0;
	return 0;
}

static bool text_next_pdu(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	struct icmd *cmd = container_of(it, struct icmd, tx);
	size_t len = c->reply_len - c->reply_off;
	bool more = len > c->params.peer_max_recv;
	bool final = !more && cmd->pdu.flags & ISCSI_F_FINAL;

	if (more)
		len = c->params.peer_max_recv;
	icmd_answered(cmd);
	ret->data = c->reply + c->reply_off;
	ret->data_len = (uint32_t)len;
	c->reply_off += len;
	c->nego_open = !final;
	if (!final && ++c->text_ttt == ISCSI_NO_TAG)
		c->text_ttt = 1;
	ret->pdu = (struct iscsi_pdu) {
		.opcode = ISCSI_TEXT_RSP,
		.flags = (final ? ISCSI_F_FINAL : 0) | (more ? ISCSI_F_CONTINUE : 0),
		.lun = cmd->pdu.lun,
		.itt = cmd->pdu.itt,
		.text = { .ttt = final ? ISCSI_NO_TAG : c->text_ttt,
			  .stat_sn = conn_next_stat_sn(c),
			  .exp_cmd_sn = conn_exp_cmd_sn(c),
			  .max_cmd_sn = conn_max_cmd_sn(c) },
	};
	return false;
}

void text_start(struct icmd *cmd)
{
	struct iscsi_conn *c = cmd->sess->conn;
	enum iscsi_reject_reason reason = cmd->response;

	if (!reason && c->reply_off < c->reply_len) {
		/* We are in the middle of an answer: only "go on" fits. */
		if (cmd->pdu.data_len > 0)
			reason = ISCSI_REJECT_PROTOCOL_ERROR;
	} else if (!reason) {
		c->text_len += cmd->pdu.data_len;
		c->reply_len = c->reply_off = 0;
		if (!(cmd->pdu.flags & ISCSI_F_CONTINUE))
			reason = answer_text(c);
	}
	if (reason) {
		reset(c);
		icmd_reject(cmd, reason);
		return;
	}
	icmd_answer(cmd, text_next_pdu);
}
