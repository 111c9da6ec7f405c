/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Initiators, as those whom tokens and what is kept for them are charged to.
 *
 * An initiator goes by its name, whichever port and session of it speaks, so that who
 * logs in again is who he was.  It is there as long as something is charged to it: a
 * token, its rod, a clone.  Behind LIO all initiators are one.  Home reactor only.
 */
#ifndef TARGET_INITIATOR_H
#define TARGET_INITIATOR_H

#include "owner.h"

struct initiator;

/* All that have anything, and what each may have; 0: no limit of its own. */
struct initiators {
	struct initiator *by_name;
	uint64_t tokens;	/* live at once */
	uint64_t saved, cloned; /* bytes: struct bs_owner */
};

/*
 * Whom commands of the initiator port @port ("NAME,i,0xISID", or a name alone) are charged
 * to; one reference, given back by bs_owner_unref.  NULL: no memory.
 */
struct bs_owner *initiator_get(struct initiators *all, const char *port);
/* The tokens of an owner that initiator_get gave; NULL for NULL. */
struct quota *initiator_tokens(struct bs_owner *owner);

#endif
