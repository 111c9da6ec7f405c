/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers on demand, for tests: what a LUN says to some commands instead of what it
 * would say (the key "answer").  WORD[+WORD]..., each
 *
 *   OPCODE[/ACTION]:FIRST:COUNT:WHAT     numbers before the first colon in hex
 *
 * for COUNT commands (0: all) from the FIRST of its kind on (1 is the first one):
 *
 *   KEY/ASC/ASCQ  CHECK CONDITION; of PT and WUT also in RRTI, status 02h.  With key 1,
 *                 recovered error, only after the command was done.  All in hex.
 *   08 18 28      BUSY, RESERVATION CONFLICT, TASK SET FULL
 *   never         no answer, until the command is aborted
 *
 * Commands that end by themselves before they are looked at here (unit attentions, CDBs
 * that are refused, reservations) do not count.
 */
#ifndef TARGET_LU_ANSWER_H
#define TARGET_LU_ANSWER_H

#include "task.h"

#define LU_MAX_ANSWERS 16

struct lu_answer {
	uint8_t opcode;
	int16_t sa; /* -1: of all service actions */
	uint64_t first, count;
	uint64_t seen; /* commands of this kind so far */
	bool never;
	uint8_t status;
	struct sense sense; /* with CHECK CONDITION */
};

struct lu_answers {
	struct lu_answer v[LU_MAX_ANSWERS];
	unsigned n;
};

/* False when @spec is not as above; @ret (may be NULL) is untouched then. */
bool lu_answers_parse(const char *spec, struct lu_answers *ret);
/* Counts one command; what it is to be told, or NULL.  Home reactor. */
const struct lu_answer *lu_answers_for(struct lu_answers *a, const struct task *task);

#endif
