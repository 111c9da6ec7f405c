/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Persistent reservations of one logical unit (SPC-4 5.13) as a plain state: who is
 * registered, who holds it, and what PERSISTENT RESERVE OUT makes of that.  Knows no
 * task and no nexus but by name, so that it outlives sessions.  Home reactor only.
 */
#ifndef TARGET_PR_STATE_H
#define TARGET_PR_STATE_H

#include <sys/queue.h>

#include "access.h"
#include "pr.h"

/* Registrations of one logical unit; one more is 5/55/04. */
#define PR_MAX_REGISTRATIONS 64

/* A registered I_T nexus: the port names at both ends. */
struct pr_reg {
	char initiator[256]; /* as struct nexus */
	uint16_t rtpi;
	uint64_t key;
	/* What the last pr_out did to it; pr_sweep forgets that, and those that are gone. */
	bool gone;
	uint16_t tell; /* a unit attention to be owed to it, ASC << 8 | ASCQ; 0: none */
	TAILQ_ENTRY(pr_reg) link;
};

struct pr_state {
	TAILQ_HEAD(pr_regs, pr_reg) regs; /* oldest first; those that are gone, too */
	unsigned n;			  /* not gone */
	uint32_t generation;
	uint8_t type;	       /* enum pr_type */
	struct pr_reg *holder; /* NULL: nobody, or all registrants */
	bool aptpl;	       /* is to outlive a power loss */
};

void pr_state_init(struct pr_state *s);
void pr_state_done(struct pr_state *s);
/* @ret is initialized; -ENOMEM. */
int pr_state_copy(struct pr_state *ret, const struct pr_state *s);
/* @to is replaced, @from empty afterwards. */
void pr_state_move(struct pr_state *to, struct pr_state *from);

/* NULL: not registered. */
struct pr_reg *pr_find(const struct pr_state *s, const char *initiator, uint16_t rtpi);
/* Also one that is gone, but not swept yet. */
struct pr_reg *pr_find_marked(const struct pr_state *s, const char *initiator, uint16_t rtpi);
/* Registers; NULL without memory.  The limit is the caller's business. */
struct pr_reg *pr_add(struct pr_state *s, const char *initiator, uint16_t rtpi, uint64_t key);
/* @reg (NULL: not registered) holds the reservation, alone or as one of all registrants. */
bool pr_holds(const struct pr_state *s, const struct pr_reg *reg);
/* The reservation stops a command of that kind by @reg (NULL: not registered). */
bool pr_conflict(const struct pr_state *s, const struct pr_reg *reg, enum scsi_access access);

struct pr_request {
	enum scsi_cmd cmd; /* CMD_PR_OUT_... */
	const char *initiator;
	uint16_t rtpi;
	uint8_t scope, type;
	struct pr_out out;
	bool ptpl; /* APTPL=1 can be kept */
};

/* GOOD, RESERVATION CONFLICT, or CHECK CONDITION with the sense. */
struct pr_verdict {
	uint8_t status;
	struct sense sense;
};

/*
 * PERSISTENT RESERVE OUT (SPC-4 6.16).  Unless GOOD, nothing has changed.  Registrants
 * that it removed are marked, and whoever is to be told has that in tell.
 */
struct pr_verdict pr_out(struct pr_state *s, const struct pr_request *req);
void pr_sweep(struct pr_state *s);

#endif
