/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session without a target: what initiator.c would do with a command, the test's
 * own function does.  Commands end where they are submitted.
 */
#ifndef TESTS_FAKE_SESSION_H
#define TESTS_FAKE_SESSION_H

#include "initiator.h"

/* Answers @cmd: sets status, sense, in_len and data, or error. */
extern void (*fake_answer)(unsigned lun, struct initiator_cmd *cmd);

/* The next commands in their order, first as sent; at most FAKE_LOG of them. */
#define FAKE_LOG 64
struct fake_sent {
	unsigned lun;
	uint8_t cdb[16];
};
extern struct fake_sent fake_log[FAKE_LOG];
extern unsigned fake_sent, fake_resets;
void fake_reset(void (*answer)(unsigned lun, struct initiator_cmd *cmd));

/* Answers for @cmd. */
void fake_data(struct initiator_cmd *cmd, const void *data, size_t len);
void fake_hex(struct initiator_cmd *cmd, const char *hex);
void fake_sense(struct initiator_cmd *cmd, struct sense s);

#endif
