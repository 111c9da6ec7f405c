/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A login in progress: shared by login.c (PDUs, stages, the session) and
 * login_keys.c (what the text says).
 */
#ifndef TARGET_ISCSI_LOGIN_H
#define TARGET_ISCSI_LOGIN_H

#include "iscsi_priv.h"

/* CSG and NSG (RFC 7143 11.12.3) */
enum { STAGE_SECURITY = 0, STAGE_OPERATIONAL = 1, STAGE_FULL_FEATURE = 3 };

struct login {
	bool begun;	/* the first request is in                           */
	bool waiting;	/* for a session to end: the one that it replaces ... */
	bool replacing; /* ... or (not replacing) any, for there is no room */
	bool named;	/* identity keys were judged                         */
	uint8_t stage;
	uint32_t itt;
	uint8_t isid[6];
	struct params_nego nego;
	char initiator[256];
	struct iscsi_tgt *tgt; /* NULL: discovery */
	bool discovery;
	const struct iscsi_chap *secrets; /* NULL: no authentication wanted */
	struct chap chap;
	bool chap_chosen;
	struct tx_pdu answer; /* the response being made */
	const char *why;      /* for the log */
};

/*
 * Judges one complete text of a login and writes the answer to @reply.  0, or
 * the login status that ends it (l->why says why).
 */
unsigned login_keys(struct iscsi_conn *c, struct writer *reply);
/* May this login leave the security stage? */
bool login_is_authenticated(const struct login *l);

#endif
