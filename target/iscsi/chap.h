/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHAP for iSCSI (RFC 7143 12.1.3, RFC 1994), the authenticator's side and, when
 * the initiator asks for it, our own proof.  Pure but for getrandom(2).
 */
#ifndef TARGET_ISCSI_CHAP_H
#define TARGET_ISCSI_CHAP_H

#include "server.h"
#include "text.h"

#define CHAP_MAX_CHALLENGE 1024 /* RFC 7143 12.1.3: binary values are at most this long */
#define CHAP_MAX_DIGEST	   32

struct chap_hash;

enum chap_state { CHAP_WANT_ALGORITHM, CHAP_WANT_RESPONSE, CHAP_DONE };

/* One login's authentication. */
struct chap {
	const struct iscsi_chap *secrets; /* the caller's; user not empty */
	enum chap_state state;
	const struct chap_hash *hash;
	uint8_t id;
	uint8_t challenge[CHAP_MAX_DIGEST];
};

/* The CHAP_* values of one login request; NULL: not there. */
struct chap_keys {
	const char *a, *i, *c, *n, *r;
};

void chap_init(struct chap *c, const struct iscsi_chap *secrets);

/*
 * One step: judges @in, answers into @reply.  False: not authenticated, the
 * login ends (0201h); @ret_why says why, for the log.  True: go on, or
 * c->state == CHAP_DONE: the initiator has proved itself.
 */
bool chap_step(struct chap *c, const struct chap_keys *in, struct writer *reply,
	       const char **ret_why);

#endif
