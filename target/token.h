/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens: unguessable handles to rods (SPC-4 ROD tokens, PIT types).
 *
 * One registry per SCSI target device; a token works through every logical unit
 * and nexus of it.  Tokens are found by their identifier's hash and compared, all
 * 512 bytes, in constant time.  When one dies its reason is remembered
 * (tombstone) so that it gets its own ASCQ.  Home reactor only.
 */
#ifndef TARGET_TOKEN_H
#define TARGET_TOKEN_H

#include "initiator.h"
#include "ring.h"
#include "rod.h"
#include "sense.h"
#include "tpc.h"

struct token_registry;

/* Of the limits behind max_tombstones 0 means that there is none. */
struct token_config {
	unsigned max_tokens;			 /* live at once; one more: 5/55/0D           */
	unsigned max_tombstones;		 /* remembered dead ones, oldest dropped first */
	unsigned max_per_lun, max_per_initiator; /* tokens, live at once: 5/55/0D   */
	/*
	 * Bytes saved for tokens (struct bs_owner, struct bs_totals): by all LUNs of the
	 * target, and for the tokens of one initiator, who loses those that find no room.
	 */
	uint64_t saved, saved_per_initiator;
	/* Bytes that clones keep, likewise; beyond them RODs are kept by saving. */
	uint64_t cloned, cloned_per_initiator;
	unsigned max_saves;	 /* chunks being saved at once, for all LUNs  */
	const char *target_name; /* for the target device descriptor          */
};
extern const struct token_config token_defaults;

/* A token in use by a command: the rod and how much of it the token stands for. */
struct token_use {
	struct rod *rod;     /* one reference, given back by token_release */
	uint64_t bytes;	     /* NUMBER OF BYTES REPRESENTED                */
	uint32_t block_size; /* of the LU that created it                  */
	bool zero;	     /* the zero token: endless                    */
	uint64_t id;	     /* the registry's                             */
};

int token_registry_new(struct token_registry **ret, struct ring *ring,
		       const struct token_config *cfg);
void token_registry_free(struct token_registry *reg); /* drops all tokens */

/* Whom the tokens that @port makes are charged to: see initiator_get. */
struct bs_owner *token_owner(struct token_registry *reg, const char *port);
/* Good, or 5/55/0D: @owner could have no token over a LUN with @lun now. */
struct sense token_room(struct token_registry *reg, struct bs_owner *owner,
			const struct quota *lun);

/*
 * Makes a token for @rod (takes an own reference) that lives until @timeout_s
 * seconds without use.  @proto gives type, bytes, naa, block size and the like;
 * id, random and target name are the registry's.  5/55/0D when a limit is met: the
 * table's, that of the rod's owner, or @lun, the tokens of its LUN (which outlives
 * them; NULL: none).
 */
struct sense token_issue(struct token_registry *reg, struct rod *rod, struct quota *lun,
			 const struct rod_token *proto, uint32_t timeout_s,
			 uint8_t ret_token[ROD_TOKEN_LEN]);

/*
 * Judges the 512 bytes (wire-format 7.6): 23/0A length, 23/01 type, 23/02 made by
 * another target, 23/05 corrupt, 23/07, 08, 06, 09 dead, 23/04 unknown.  Good: the
 * clock stops and *ret is valid until token_release.
 */
struct sense token_acquire(struct token_registry *reg, const uint8_t token[ROD_TOKEN_LEN],
			   struct token_use *ret);
/* Ends the use: the inactivity clock starts anew; @del: DEL_TKN was asked. */
void token_release(struct token_registry *reg, struct token_use *use, bool del);

/* Kills every token whose rod lies on @bs, as cancelled (LUN goes away). */
void token_cancel_all(struct token_registry *reg, const struct backstore *bs);

/* REPORT ALL ROD TOKENS data of all that live: nothing that lets one be forged. */
void token_report(const struct token_registry *reg, struct writer *w);

struct token_stats {
	unsigned live, tombstones;
	uint64_t issued, expired, cancelled, deleted, refused;
};
void token_get_stats(struct token_registry *reg, struct token_stats *ret);

#endif
