/* SPDX-License-Identifier: Apache-2.0 */
#include "login.h"

#include <stdio.h>
#include <string.h>

static unsigned fail(struct login *l, unsigned status, const char *why)
{
	l->why = why;
	return status;
}

bool login_is_authenticated(const struct login *l)
{
	return !l->secrets || (l->chap_chosen && l->chap.state == CHAP_DONE);
}

/* Names as initiators have them in the wild: what can be printed and compared. */
static bool printable(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name <= 0x20 || *name == 0x7f)
			return false;
	return true;
}

static unsigned judge_initiator(struct login *l)
{
	const char *name = l->nego.value[PARAM_INITIATOR_NAME];

	if (!name)
		return fail(l, ISCSI_LOGIN_MISSING_PARAMETER, "InitiatorName is missing");
	if (!*name || strlen(name) > SCSI_NAME_MAX || !printable(name) ||
	    !name_fold(l->initiator, sizeof(l->initiator), name))
		return fail(l, ISCSI_LOGIN_INITIATOR_ERROR, "malformed InitiatorName");
	return 0;
}

static unsigned judge_session_type(struct login *l)
{
	const char *type = l->nego.value[PARAM_SESSION_TYPE];

	if (!type || strcmp(type, "Normal") == 0)
		return 0;
	if (strcmp(type, "Discovery") != 0)
		return fail(l, ISCSI_LOGIN_SESSION_TYPE, "unknown SessionType");
	l->discovery = l->nego.discovery = true;
	return 0;
}

static unsigned judge_target(struct iscsi_conn *c, struct login *l, struct writer *reply)
{
	const char *name = l->nego.value[PARAM_TARGET_NAME];
	char folded[256];

	if (l->discovery) {
		if (c->srv->discovery_chap.user[0])
			l->secrets = &c->srv->discovery_chap;
		return 0;
	}
	if (!name)
		return fail(l, ISCSI_LOGIN_MISSING_PARAMETER, "TargetName is missing");
	if (name_fold(folded, sizeof(folded), name))
		l->tgt = server_find_target(c->srv, folded);
	if (!l->tgt)
		return fail(l, ISCSI_LOGIN_NOT_FOUND, "no such target");
	if (!server_allows(l->tgt, l->initiator))
		return fail(l, ISCSI_LOGIN_FORBIDDEN, "this initiator is not allowed");
	if (l->tgt->chap.user[0])
		l->secrets = &l->tgt->chap;
	text_putf(reply, "TargetPortalGroupTag", "%u", c->tpgt);
	if (l->tgt->alias[0])
		text_put(reply, "TargetAlias", l->tgt->alias);
	return 0;
}

/* The first request says who is there and what he wants (RFC 7143 6.3). */
static unsigned judge_identity(struct iscsi_conn *c, struct writer *reply)
{
	struct login *l = c->login;
	unsigned status = judge_initiator(l);

	if (!status)
		status = judge_session_type(l);
	if (!status)
		status = judge_target(c, l, reply);
	if (l->secrets)
		chap_init(&l->chap, l->secrets);
	l->named = true;
	return status;
}

static unsigned choose_method(struct login *l, const char *list, struct writer *reply)
{
	const char *method = l->secrets ? "CHAP" : "None";

	if (!text_list_has(list, method)) {
		text_put(reply, "AuthMethod", "Reject");
		return fail(l, ISCSI_LOGIN_AUTH_FAILED,
			    l->secrets ? "the initiator does not offer CHAP"
				       : "the initiator insists on CHAP, but none is configured");
	}
	l->chap_chosen = l->secrets;
	text_put(reply, "AuthMethod", method);
	return 0;
}

static unsigned security(struct login *l, struct writer *reply)
{
	const char **v = l->nego.value;
	const struct chap_keys keys = { .a = v[PARAM_CHAP_A],
					.i = v[PARAM_CHAP_I],
					.c = v[PARAM_CHAP_C],
					.n = v[PARAM_CHAP_N],
					.r = v[PARAM_CHAP_R] };
	bool any = keys.a || keys.i || keys.c || keys.n || keys.r;
	unsigned status;

	if (l->stage != STAGE_SECURITY) {
		if (params_has_security(&l->nego))
			return fail(l, ISCSI_LOGIN_INITIATOR_ERROR,
				    "security keys outside their stage");
		if (!login_is_authenticated(l))
			return fail(l, ISCSI_LOGIN_AUTH_FAILED, "CHAP is required");
		return 0;
	}
	if (v[PARAM_AUTH_METHOD]) {
		status = choose_method(l, v[PARAM_AUTH_METHOD], reply);
		if (status || !any)
			return status;
	}
	if (l->secrets && !l->chap_chosen)
		return fail(l, ISCSI_LOGIN_AUTH_FAILED, "CHAP is required");
	if (!l->chap_chosen)
		return any ? fail(l, ISCSI_LOGIN_INITIATOR_ERROR, "CHAP keys without CHAP") : 0;
	if (!chap_step(&l->chap, &keys, reply, &l->why))
		return ISCSI_LOGIN_AUTH_FAILED;
	return 0;
}

unsigned login_keys(struct iscsi_conn *c, struct writer *reply)
{
	struct login *l = c->login;
	unsigned status = 0;

	if (!params_parse(&l->nego, c->text, c->text_len, reply))
		return fail(l, ISCSI_LOGIN_INITIATOR_ERROR, "malformed login text");
	if (!l->named)
		status = judge_identity(c, reply);
	else if (l->nego.value[PARAM_TARGET_NAME] || l->nego.value[PARAM_SESSION_TYPE])
		status = fail(l, ISCSI_LOGIN_INITIATOR_ERROR, "identity keys come too late");
	if (!status)
		status = security(l, reply);
	if (status)
		return status;
	l->nego.operational = l->stage == STAGE_OPERATIONAL;
	params_negotiate(&l->nego, reply);
	if (reply->len > reply->cap)
		return fail(l, ISCSI_LOGIN_INITIATOR_ERROR, "too many keys at once");
	return 0;
}
