/* SPDX-License-Identifier: Apache-2.0 */
#include "check_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

#define RETRIES	    8 /* several unit attentions may be due */
#define WAIT_S	    60
#define POLL_MS	    50
#define POLL_MAX_MS 1000

static bool in_the_way(const struct initiator_cmd *cmd)
{
	if (cmd->error)
		return false;
	return cmd->status == SAM_BUSY || cmd->status == SAM_TASK_SET_FULL ||
	       (cmd->status == SAM_CHECK_CONDITION && cmd->sense.key == KEY_UNIT_ATTENTION);
}

void probe_run(struct probe *p, struct initiator_cmd *cmd)
{
	for (unsigned i = 0; i < RETRIES; i++) {
		double start = now_seconds();

		initiator_run(p->in, p->disk->lun, cmd);
		p->seconds = now_seconds() - start;
		if (!in_the_way(cmd))
			return;
		usleep(10000);
	}
}

struct initiator_cmd probe_ready(struct probe *p)
{
	struct scsi_cdb c = { .op = &scsi_ops[CMD_TEST_UNIT_READY] };
	struct initiator_cmd cmd = initiator_cmd(&c, NULL, 0);

	probe_run(p, &cmd);
	return cmd;
}

bool probe_good(const struct initiator_cmd *cmd)
{
	return cmd->error == 0 && cmd->status == SAM_GOOD;
}

bool probe_sense(const struct initiator_cmd *cmd, enum sense_key key, unsigned asc_ascq)
{
	return cmd->error == 0 && cmd->status == SAM_CHECK_CONDITION && cmd->sense.key == key &&
	       sense_asc_ascq(cmd->sense) == asc_ascq;
}

bool probe_bad_token(const struct initiator_cmd *cmd)
{
	return cmd->error == 0 && cmd->status == SAM_CHECK_CONDITION &&
	       cmd->sense.key == KEY_ILLEGAL_REQUEST && cmd->sense.asc == 0x23;
}

const char *probe_text(const struct initiator_cmd *cmd, char *buf, size_t cap)
{
	if (probe_good(cmd))
		snprintf(buf, cap, "GOOD");
	else
		disk_error_text(cmd, buf, cap);
	return buf;
}

/* ---- PT and WUT ---- */

struct initiator_cmd probe_list(struct probe *p, enum scsi_cmd op, uint32_t id, void *list,
				size_t len)
{
	struct scsi_cdb c = { .op = &scsi_ops[op], .list_id = id, .len = (uint32_t)len };
	struct initiator_cmd cmd = initiator_cmd(&c, list, len);

	probe_run(p, &cmd);
	cmd.data = NULL;
	return cmd;
}

struct initiator_cmd probe_pt(struct probe *p, uint32_t id, unsigned flags, uint32_t timeout,
			      const struct tpc_range *ranges, unsigned n)
{
	size_t len = tpc_pt_encode(p->list, sizeof(p->list), flags & PROBE_IMMED, false, timeout, 0,
				   ranges, n);

	return probe_list(p, CMD_POPULATE_TOKEN, id, p->list, len);
}

struct initiator_cmd probe_wut(struct probe *p, uint32_t id, unsigned flags,
			       const uint8_t token[ROD_TOKEN_LEN], uint64_t offset,
			       const struct tpc_range *ranges, unsigned n)
{
	size_t len = tpc_wut_encode(p->list, sizeof(p->list), flags & PROBE_IMMED,
				    flags & PROBE_DEL, offset, token, ranges, n);

	return probe_list(p, CMD_WRITE_USING_TOKEN, id, p->list, len);
}

/* ---- RRTI ---- */

void probe_rrti(struct probe *p, uint32_t id, uint32_t allocation, struct rrti *ret)
{
	struct scsi_cdb c = { .op = &scsi_ops[CMD_RECEIVE_ROD_TOKEN_INFORMATION],
			      .list_id = id,
			      .len = allocation };

	memset(ret->data, 0, sizeof(ret->data));
	ret->asked = allocation;
	ret->cmd = initiator_cmd(&c, ret->data, allocation);
	probe_run(p, &ret->cmd);
	ret->decoded =
		probe_good(&ret->cmd) && tpc_result_decode(ret->data, ret->cmd.in_len, &ret->r);
	if (!ret->decoded)
		memset(&ret->r, 0, sizeof(ret->r));
}

static bool running(const struct tpc_result *r)
{
	return r->status == TPC_IN_PROGRESS || r->status == TPC_FOREGROUND ||
	       r->status == TPC_BACKGROUND;
}

bool probe_wait(struct probe *p, uint32_t id, struct rrti *ret, unsigned *ret_polls)
{
	double end = now_seconds() + WAIT_S;
	unsigned polls = 0;

	for (;;) {
		uint32_t ms;

		probe_rrti(p, id, DISK_RRTI_PT_LEN, ret);
		if (!ret->decoded || !running(&ret->r))
			break;
		polls++;
		if (now_seconds() > end)
			break;
		ms = ret->r.delay_ms ? ret->r.delay_ms : POLL_MS;
		usleep((ms < POLL_MAX_MS ? ms : POLL_MAX_MS) * 1000);
	}
	if (ret_polls)
		*ret_polls = polls;
	return ret->decoded && !running(&ret->r);
}

bool probe_token(struct probe *p, uint32_t timeout, const struct tpc_range *ranges, unsigned n,
		 uint8_t token[ROD_TOKEN_LEN], uint64_t *ret_blocks, char why[SAW_MAX])
{
	uint32_t id = disk_next_list_id(p->host);
	struct initiator_cmd cmd = probe_pt(p, id, 0, timeout, ranges, n);
	struct rrti *r = &p->scratch;
	char text[160];

	if (!probe_good(&cmd)) {
		snprintf(why, SAW_MAX, "POPULATE TOKEN: %s", probe_text(&cmd, text, sizeof(text)));
		return false;
	}
	probe_rrti(p, id, DISK_RRTI_PT_LEN, r);
	if (!r->decoded || !r->r.token || r->r.count == 0) {
		snprintf(why, SAW_MAX, "RECEIVE ROD TOKEN INFORMATION: %s, no token",
			 probe_text(&r->cmd, text, sizeof(text)));
		return false;
	}
	memcpy(token, r->r.token, ROD_TOKEN_LEN);
	*ret_blocks = r->r.count;
	return true;
}
