/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_session.h"

#include <string.h>
#include <unistd.h>

#include "test.h"

void (*fake_answer)(unsigned lun, struct initiator_cmd *cmd);
struct fake_sent fake_log[FAKE_LOG];
unsigned fake_sent, fake_resets;

void fake_reset(void (*answer)(unsigned lun, struct initiator_cmd *cmd))
{
	fake_answer = answer;
	fake_sent = fake_resets = 0;
	memset(fake_log, 0, sizeof(fake_log));
}

void fake_data(struct initiator_cmd *cmd, const void *data, size_t len)
{
	if (len > cmd->len)
		len = cmd->len;
	memcpy(cmd->data, data, len);
	cmd->in_len = len;
	cmd->residual = (int64_t)(cmd->len - len);
}

void fake_hex(struct initiator_cmd *cmd, const char *hex)
{
	uint8_t b[1024];

	fake_data(cmd, b, test_hex(hex, b, sizeof(b)));
}

void fake_sense(struct initiator_cmd *cmd, struct sense s)
{
	cmd->status = SAM_CHECK_CONDITION;
	cmd->sense = s;
	cmd->sense_len = sense_encode(s, false, cmd->sense_raw, sizeof(cmd->sense_raw));
}

/* ---- what initiator.c has ---- */

struct initiator_cmd initiator_cmd(const struct scsi_cdb *cdb, void *data, size_t len)
{
	struct initiator_cmd cmd = { .dir = len ? cdb->op->dir : DIR_NONE,
				     .data = data,
				     .len = len };

	cmd.cdb_len = (uint8_t)scsi_cdb_encode(cdb, cmd.cdb);
	return cmd;
}

void initiator_submit(struct initiator *in, unsigned lun, struct initiator_cmd *cmd)
{
	(void)in;
	if (fake_sent < FAKE_LOG) {
		fake_log[fake_sent].lun = lun;
		memcpy(fake_log[fake_sent].cdb, cmd->cdb, 16);
	}
	fake_sent++;
	cmd->error = 0;
	cmd->status = SAM_GOOD;
	cmd->sense = sense_good();
	cmd->sense_len = 0;
	cmd->in_len = 0;
	cmd->residual = 0;
	fake_answer(lun, cmd);
	if (cmd->done)
		cmd->done(cmd);
}

void initiator_run(struct initiator *in, unsigned lun, struct initiator_cmd *cmd)
{
	initiator_submit(in, lun, cmd);
}

void initiator_poll(struct initiator *const *v, unsigned n, int timeout_ms)
{
	(void)v;
	(void)n;
	(void)timeout_ms;
}

int initiator_lun_reset(struct initiator *in, unsigned lun)
{
	(void)in;
	(void)lun;
	fake_resets++;
	return 0;
}
