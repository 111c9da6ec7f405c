/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Login (RFC 7143 6.3, 11.12, 11.13): one request, one response, in lockstep;
 * nothing is read while a response is on its way, for what comes after the last
 * one is under new rules (digests).
 */
#include "login.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static void finish(struct iscsi_conn *c);

int login_new(struct iscsi_conn *c)
{
	c->login = calloc(1, sizeof(*c->login));
	if (!c->login)
		return -ENOMEM;
	params_init(&c->login->nego);
	return 0;
}

void login_free(struct iscsi_conn *c)
{
	free(c->login);
	c->login = NULL;
}

/* ---- responses ---- */

static bool response_next(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret)
{
	*ret = c->login->answer;
	ret->pdu.login.stat_sn = conn_next_stat_sn(c);
	ret->pdu.login.exp_cmd_sn = conn_exp_cmd_sn(c);
	ret->pdu.login.max_cmd_sn = conn_max_cmd_sn(c);
	return false;
}

static void response_sent(struct iscsi_conn *c, struct tx_item *it)
{
	if (c->state == CONN_CLOSED)
		return;
	if (c->sess) {
		c->state = CONN_FULL;
		login_free(c);
		if (c->srv->stopping)
			conn_finish(c);
	}
	rx_resume(c);
}

static void respond(struct iscsi_conn *c)
{
	c->control.next = response_next;
	c->control.sent = response_sent;
	c->rx.waiting = true;
	tx_queue(c, &c->control);
}

/* Prepares the response to the request in rx.pdu. */
static struct iscsi_pdu *prepare(struct iscsi_conn *c)
{
	const struct iscsi_pdu *req = &c->rx.pdu;
	struct tx_pdu *a = &c->login->answer;

	*a = (struct tx_pdu) { .pdu = { .opcode = ISCSI_LOGIN_RSP, .itt = req->itt } };
	if (req->opcode != ISCSI_LOGIN_REQ)
		return &a->pdu;
	a->pdu.login.csg = req->login.csg;
	memcpy(a->pdu.login.isid, req->login.isid, sizeof(a->pdu.login.isid));
	a->pdu.login.tsih = req->login.tsih;
	return &a->pdu;
}

static void fail(struct iscsi_conn *c, unsigned status, const char *why)
{
	struct login *l = c->login;
	struct iscsi_pdu *pdu = prepare(c);

	log_warn("login of %s%s%s refused: %s (status %04x)", l->initiator,
		 l->initiator[0] ? " at " : "", c->peer, why, status);
	c->srv->stats.login_failures++;
	pdu->login.status_class = (uint8_t)(status >> 8);
	pdu->login.status_detail = (uint8_t)status;
	respond(c);
	conn_finish(c);
}

/* ---- requests ---- */

/* What the header alone shows; 0 or a login status. */
static unsigned judge_header(struct iscsi_conn *c)
{
	const struct iscsi_pdu *pdu = &c->rx.pdu;
	struct login *l = c->login;
	bool transit = pdu->flags & ISCSI_LOGIN_TRANSIT, more = pdu->flags & ISCSI_F_CONTINUE;

	l->why = "malformed Login Request";
	if (pdu->login.version_min > 0)
		return ISCSI_LOGIN_BAD_VERSION;
	if (pdu->ahs_len > 0 || (transit && more))
		return ISCSI_LOGIN_INITIATOR_ERROR;
	if (pdu->login.csg != STAGE_SECURITY && pdu->login.csg != STAGE_OPERATIONAL)
		return ISCSI_LOGIN_INITIATOR_ERROR;
	if (transit && (pdu->login.nsg <= pdu->login.csg || pdu->login.nsg == 2))
		return ISCSI_LOGIN_INITIATOR_ERROR;
	if (!l->begun)
		return 0;
	if (pdu->login.csg != l->stage || pdu->itt != l->itt || pdu->login.cid != c->cid ||
	    memcmp(pdu->login.isid, l->isid, sizeof(l->isid)) != 0)
		return ISCSI_LOGIN_INITIATOR_ERROR;
	return 0;
}

enum rx_verdict login_begin(struct iscsi_conn *c)
{
	const struct iscsi_pdu *pdu = &c->rx.pdu;
	struct login *l = c->login;
	unsigned status;

	if (!c->rx.known || pdu->opcode != ISCSI_LOGIN_REQ) {
		fail(c, ISCSI_LOGIN_INVALID_REQUEST, "not a Login Request");
		return RX_STOP;
	}
	status = judge_header(c);
	if (!status && c->text_len + pdu->data_len > c->srv->limits.max_text) {
		l->why = "login text longer than the limit";
		status = ISCSI_LOGIN_INITIATOR_ERROR;
	}
	if (status) {
		fail(c, status, l->why);
		return RX_STOP;
	}
	if (!l->begun) {
		l->begun = true;
		l->stage = pdu->login.csg;
		l->itt = pdu->itt;
		memcpy(l->isid, pdu->login.isid, sizeof(l->isid));
		c->cid = pdu->login.cid;
		c->stat_sn = pdu->login.exp_stat_sn;
	}
	c->login_cmd_sn = pdu->login.cmd_sn;
	c->rx.dst = (uint8_t *)c->text + c->text_len;
	return RX_GO;
}

/* A TSIH asks to join a session; ours have one connection (RFC 7143 6.3.1). */
static unsigned judge_tsih(struct iscsi_conn *c)
{
	struct login *l = c->login;
	uint16_t tsih = c->rx.pdu.login.tsih;

	if (tsih == 0)
		return 0;
	l->why = "TSIH of no session";
	if (!session_has_tsih(c->srv, tsih))
		return ISCSI_LOGIN_NO_SESSION;
	l->why = "a second connection for a session";
	return ISCSI_LOGIN_TOO_MANY_CONNECTIONS;
}

/* Is the last text's answer not all sent yet?  Then only "go on" fits (RFC 7143 6.2). */
static bool is_answering(const struct iscsi_conn *c)
{
	return c->reply_off < c->reply_len;
}

/* The text that has come so far; 0 or a login status. */
static unsigned take_text(struct iscsi_conn *c)
{
	const struct iscsi_pdu *req = &c->rx.pdu;
	struct login *l = c->login;
	struct writer w = writer(c->reply, c->reply_cap);
	unsigned status;

	c->text_len += req->data_len;
	l->why = "a text where the rest of our answer was due";
	if (is_answering(c))
		return req->data_len > 0 || req->flags & ISCSI_F_CONTINUE
			       ? ISCSI_LOGIN_INITIATOR_ERROR
			       : 0;
	c->reply_len = c->reply_off = 0;
	if (req->flags & ISCSI_F_CONTINUE)
		return 0;
	status = login_keys(c, &w);
	c->text_len = 0;
	c->reply_len = w.len;
	return status;
}

void login_end(struct iscsi_conn *c, bool digest_ok)
{
	const struct iscsi_pdu *req = &c->rx.pdu;
	struct login *l = c->login;
	unsigned status = judge_tsih(c);
	struct iscsi_pdu *pdu;
	size_t len;

	if (!status)
		status = take_text(c);
	if (status) {
		fail(c, status, l->why);
		return;
	}
	pdu = prepare(c);
	len = c->reply_len - c->reply_off;
	if (len > PARAM_DEFAULT_RECV)
		len = PARAM_DEFAULT_RECV;
	l->answer.data = c->reply + c->reply_off;
	l->answer.data_len = (uint32_t)len;
	c->reply_off += len;
	if (is_answering(c)) {
		pdu->flags = ISCSI_F_CONTINUE;
	} else if (req->flags & ISCSI_LOGIN_TRANSIT && login_is_authenticated(l)) {
		pdu->flags = ISCSI_LOGIN_TRANSIT;
		pdu->login.nsg = req->login.nsg;
		l->stage = req->login.nsg;
	}
	if (l->stage == STAGE_FULL_FEATURE)
		finish(c);
	else
		respond(c);
}

/* ---- the session ---- */

/* A login of the same initiator port replaces its session (RFC 7143 6.3.5). */
static bool replaces(struct iscsi_conn *c)
{
	struct login *l = c->login;
	struct iscsi_session *old;

	if (l->discovery)
		return false;
	old = session_find(c->srv, l->tgt, c->tpgt, l->initiator, l->isid);
	if (!old)
		return false;
	l->waiting = l->replacing = true;
	c->rx.waiting = true;
	conn_close(old->conn, "replaced by a new login of the same initiator port");
	return true;
}

/* There is no room, but a session has had its last word: its connection ends soon (DRAIN_S). */
static bool room_comes(struct iscsi_conn *c)
{
	const struct iscsi_server *s = c->srv;
	const struct iscsi_session *sess;

	if (s->stats.sessions_now < s->limits.max_sessions)
		return false;
	LIST_FOREACH (sess, &s->sessions, link) {
		if (!sess->conn->last_word && sess->conn->state != CONN_CLOSED)
			continue;
		c->login->waiting = true;
		c->rx.waiting = true;
		return true;
	}
	return false;
}

static void finish(struct iscsi_conn *c)
{
	struct login *l = c->login;
	struct iscsi_server *s = c->srv;

	if (replaces(c))
		return;
	if (s->stopping) {
		fail(c, ISCSI_LOGIN_UNAVAILABLE, "the target is stopping");
		return;
	}
	if (room_comes(c))
		return;
	if (s->stats.sessions_now >= s->limits.max_sessions ||
	    session_new(&c->sess, s, l->tgt, c->tpgt, l->initiator, l->isid)) {
		fail(c, ISCSI_LOGIN_OUT_OF_RESOURCES, "too many sessions");
		return;
	}
	c->sess->conn = c;
	c->sess->exp_cmd_sn = c->login_cmd_sn;
	c->params = l->nego.agreed;
	l->answer.pdu.login.tsih = c->sess->tsih;
	s->stats.logins++;
	log_info("%s: logged in to %s", conn_who(c),
		 l->tgt ? target_name(l->tgt->target) : "discovery");
	respond(c);
}

bool login_waits(const struct iscsi_conn *c, bool replacing)
{
	return c->state == CONN_LOGIN && c->login->waiting && c->login->replacing == replacing;
}

void login_continue(struct iscsi_conn *c)
{
	c->login->waiting = c->login->replacing = false;
	finish(c);
}
