/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An I_T nexus: who talks to a target, as a front end tells it (SAM-5 4.6).
 */
#ifndef TARGET_NEXUS_H
#define TARGET_NEXUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct lu_nexus;

struct nexus {
	uint64_t id;	     /* set by target_nexus_add; never used again         */
	char initiator[256]; /* initiator port name: "iqn...,i,0x0123456789ab"    */
	/* The target port of it: RELATIVE TARGET PORT IDENTIFIER, target portal group tag. */
	uint16_t rtpi, tpgt;
	struct lu_nexus **by_lun; /* the target's: what each LU keeps for this nexus */
	LIST_ENTRY(nexus) link;	  /* the target's */
	/*
	 * Stands for all initiators at once, because the transport does not tell them
	 * apart (tcmu).  Whoever made it gives power-on and reset unit attentions
	 * itself; a copy result that may be another initiator's is never handed out.
	 */
	bool shared;
};

#endif
