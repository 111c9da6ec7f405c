/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How often Windows sends a command again (windows-initiator.md 0). */
#define RETRIES_PT	 1
#define RETRIES_RRTI_PT	 1
#define RETRIES_WUT	 2
#define RETRIES_RRTI_WUT 2
#define RETRIES_FLUSH	 8 /* several unit attentions may be due */

/* ---- what a command's end means ---- */

const struct nt_rule *disk_rule(const struct initiator_cmd *cmd)
{
	return nt_judge(cmd->error, cmd->status, &cmd->sense);
}

enum disk_verdict disk_judge(const struct initiator_cmd *cmd, unsigned *ret_delay_ms)
{
	const struct nt_rule *r = disk_rule(cmd);

	*ret_delay_ms = r->delay_ms;
	return r->verdict;
}

enum disk_verdict disk_run(struct disk *d, struct initiator_cmd *cmd, unsigned retries)
{
	for (;;) {
		unsigned delay_ms;
		enum disk_verdict v;

		initiator_run(d->in, d->lun, cmd);
		v = disk_judge(cmd, &delay_ms);
		if (cmd->error == -ETIMEDOUT && initiator_lun_reset(d->in, d->lun) != 0)
			return DISK_FAILED;
		if (v != DISK_RETRY || retries == 0)
			return v == DISK_RETRY ? DISK_FAILED : v;
		retries--;
		usleep(delay_ms * 1000);
	}
}

const char *disk_error_text(const struct initiator_cmd *cmd, char *buf, size_t cap)
{
	const struct sense *s = &cmd->sense;

	if (cmd->error == -ETIMEDOUT)
		snprintf(buf, cap, "no answer in time");
	else if (cmd->error == -ECONNRESET)
		snprintf(buf, cap, "the connection was lost");
	else if (cmd->error)
		snprintf(buf, cap, "no answer: %s", strerror(-cmd->error));
	else if (cmd->status == SAM_CHECK_CONDITION)
		snprintf(buf, cap, "%X/%02X/%02X %s", s->key, s->asc, s->ascq, sense_text(*s));
	else
		snprintf(buf, cap, "status %02Xh", cmd->status);
	return buf;
}

/* ---- offload ---- */

static uint64_t min_nonzero(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a ? a : b;
	return a < b ? a : b;
}

uint64_t disk_pt_cap(const struct disk *d)
{
	uint64_t cap = min_nonzero(d->odx.max_token_blocks, d->odx.optimal_blocks);

	return cap ? cap : UINT64_MAX;
}

uint64_t disk_wut_cap(const struct disk *d)
{
	uint32_t bs = d->capacity.block_size;
	uint64_t optimal = d->odx.optimal_blocks ? d->odx.optimal_blocks : DISK_WUT_DEFAULT / bs;

	return min_nonzero(min_nonzero(d->odx.max_token_blocks, optimal), DISK_WUT_CAP / bs);
}

unsigned disk_max_ranges(const struct disk *d)
{
	return d->odx.max_ranges && d->odx.max_ranges < DISK_MAX_RANGES ? d->odx.max_ranges
									: DISK_MAX_RANGES;
}

uint32_t disk_next_list_id(struct disk_host *h)
{
	uint32_t id = h->next_list_id, max = h->max_list_id ? h->max_list_id : UINT32_MAX;

	h->next_list_id = id >= max ? 0 : id + 1;
	return id;
}

static struct initiator_cmd rrti_cmd(uint32_t list_id, void *data, uint32_t len)
{
	struct scsi_cdb c = { .op = &scsi_ops[CMD_RECEIVE_ROD_TOKEN_INFORMATION],
			      .list_id = list_id,
			      .len = len };

	memset(data, 0, len);
	return initiator_cmd(&c, data, len);
}

static uint64_t sum_blocks(const struct tpc_range *ranges, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += ranges[i].blocks;
	return sum;
}

/* windows-initiator.md 3.4, rules 1 and 2. */
static uint64_t believed_count(const struct tpc_result *r, uint64_t asked)
{
	if (r->count > asked || (r->status != TPC_DONE && r->status != TPC_PARTIAL))
		return 0;
	return r->count;
}

static enum ntstatus failed(const char *what, const struct initiator_cmd *cmd, char *err)
{
	enum ntstatus nt = disk_rule(cmd)->nt;
	char text[160];

	snprintf(err, INITIATOR_ERR, "%s: %s", what, disk_error_text(cmd, text, sizeof(text)));
	return nt == NT_SUCCESS ? NT_UNSUCCESSFUL : nt;
}

/* RRTI, and what stands in it; @data is where *ret points into. */
static enum ntstatus ask(struct disk *d, struct initiator_cmd *cmd, unsigned retries,
			 enum scsi_cmd op, uint64_t asked, struct tpc_result *ret, char *err)
{
	if (disk_run(d, cmd, retries) != DISK_GOOD)
		return failed("RECEIVE ROD TOKEN INFORMATION", cmd, err);
	if (cmd->status == SAM_GOOD)
		strict_rrti(&d->host->strict, d->lun, cmd, op, asked);
	if (tpc_result_decode(cmd->data, cmd->in_len, ret))
		return NT_SUCCESS;
	snprintf(err, INITIATOR_ERR, "RECEIVE ROD TOKEN INFORMATION: only %zu bytes came",
		 cmd->in_len);
	return NT_UNSUCCESSFUL;
}

/* Nothing was done: the status is that of the sense inside, if it is one of failure. */
static enum ntstatus result_error(const char *what, const struct tpc_result *r, char *err)
{
	const struct sense *s = &r->sense;
	enum ntstatus nt;

	if (sense_is_good(*s))
		snprintf(err, INITIATOR_ERR, "%s: nothing was done, copy status %02Xh", what,
			 r->status);
	else
		snprintf(err, INITIATOR_ERR, "%s: %X/%02X/%02X %s", what, s->key, s->asc, s->ascq,
			 sense_text(*s));
	if (sense_is_good(*s))
		return NT_UNSUCCESSFUL;
	nt = nt_judge(0, SAM_CHECK_CONDITION, s)->nt;
	return nt == NT_SUCCESS ? NT_UNSUCCESSFUL : nt;
}

enum ntstatus disk_offload_read(struct disk *d, const struct tpc_range *ranges, unsigned n,
				uint32_t timeout, struct disk_token *ret, char *err)
{
	uint8_t list[TPC_PT_HEADER + DISK_MAX_RANGES * TPC_RANGE_LEN];
	uint8_t data[DISK_RRTI_PT_LEN];
	uint32_t id = disk_next_list_id(d->host);
	size_t len = tpc_pt_encode(list, sizeof(list), false, false, timeout, 0, ranges, n);
	struct scsi_cdb c = { .op = &scsi_ops[CMD_POPULATE_TOKEN],
			      .list_id = id,
			      .len = (uint32_t)len };
	struct initiator_cmd cmd = initiator_cmd(&c, list, len);
	uint64_t asked = sum_blocks(ranges, n);
	enum disk_verdict v = disk_run(d, &cmd, RETRIES_PT);
	struct tpc_result r;
	enum ntstatus nt;

	if (v != DISK_GOOD && v != DISK_TRUNCATED)
		return failed("POPULATE TOKEN", &cmd, err);
	cmd = rrti_cmd(id, data, sizeof(data));
	nt = ask(d, &cmd, RETRIES_RRTI_PT, CMD_POPULATE_TOKEN, asked, &r, err);
	if (nt)
		return nt;
	ret->blocks = believed_count(&r, asked);
	/* Another length than 514 is "bad firmware" (windows-initiator.md 3.2). */
	if (!r.token || r.descriptors_len != 2 + ROD_TOKEN_LEN || ret->blocks == 0)
		return result_error("POPULATE TOKEN", &r, err);
	memcpy(ret->token, r.token, ROD_TOKEN_LEN);
	return NT_SUCCESS;
}

/* windows-initiator.md 0: room for sense and as many descriptors as the target takes. */
static uint32_t rrti_wut_len(const struct disk *d)
{
	uint32_t len = 536 + 16u * d->odx.max_ranges;

	if (d->odx.max_ranges == 0 || len > 65535)
		return 65535;
	return len;
}

static enum ntstatus ask_written(struct disk *d, uint32_t id, uint64_t asked, uint64_t *ret_done,
				 char *err)
{
	uint8_t data[65535];
	struct initiator_cmd cmd = rrti_cmd(id, data, rrti_wut_len(d));
	struct tpc_result r;
	enum ntstatus nt = ask(d, &cmd, RETRIES_RRTI_WUT, CMD_WRITE_USING_TOKEN, asked, &r, err);

	if (nt)
		return nt;
	*ret_done = believed_count(&r, asked);
	return *ret_done ? NT_SUCCESS : result_error("WRITE USING TOKEN", &r, err);
}

/*
 * INFORMATION of a truncated WUT, 0 if it is not to be used.  Windows reads it in fixed
 * format only, does not look at VALID and does not compare it with the request; a copy
 * tool that did so would skip data, so we ask with RRTI instead (windows-initiator.md 4.4).
 */
static uint64_t information(const struct disk *d, const struct initiator_cmd *cmd, uint64_t asked)
{
	const uint8_t *raw = cmd->sense_raw;
	bool fixed = cmd->sense_len >= 7 && (raw[0] & 0x7e) == 0x70, valid = raw[0] & 0x80;
	uint64_t info = fixed ? get_be32(raw + 3) : 0;

	strict_information(&d->host->strict, d->lun, info, valid, asked);
	return valid && info <= asked ? info : 0;
}

enum ntstatus disk_offload_write(struct disk *d, const uint8_t token[ROD_TOKEN_LEN],
				 uint64_t offset, const struct tpc_range *ranges, unsigned n,
				 uint64_t *ret_done, char *err)
{
	uint8_t list[TPC_WUT_HEADER + DISK_MAX_RANGES * TPC_RANGE_LEN];
	uint32_t id = disk_next_list_id(d->host);
	uint64_t asked = sum_blocks(ranges, n), done = 0;
	size_t len = tpc_wut_encode(list, sizeof(list), false, false, offset, token, ranges, n);
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
			      .list_id = id,
			      .len = (uint32_t)len };
	struct initiator_cmd cmd = initiator_cmd(&c, list, len);
	enum disk_verdict v = disk_run(d, &cmd, RETRIES_WUT);

	/* windows-initiator.md 4.4 */
	if (v == DISK_TOKEN)
		return failed("WRITE USING TOKEN", &cmd, err);
	if (v == DISK_GOOD && cmd.status == SAM_GOOD)
		done = asked;
	else if (v == DISK_TRUNCATED)
		done = information(d, &cmd, asked);
	else if (cmd.error && cmd.error != -ETIMEDOUT)
		return failed("WRITE USING TOKEN", &cmd, err);
	if (done == 0)
		return ask_written(d, id, asked, ret_done, err);
	*ret_done = done;
	return NT_SUCCESS;
}

/* ---- media commands ---- */

static struct initiator_cmd media_cmd(enum scsi_cmd op, uint64_t lba, uint32_t blocks, void *data,
				      size_t len)
{
	struct scsi_cdb c = { .op = &scsi_ops[op], .lba = lba, .blocks = blocks };

	return initiator_cmd(&c, data, len);
}

struct initiator_cmd disk_read_cmd(uint64_t lba, uint32_t blocks, void *data, size_t len)
{
	return media_cmd(CMD_READ_16, lba, blocks, data, len);
}

struct initiator_cmd disk_write_cmd(uint64_t lba, uint32_t blocks, void *data, size_t len)
{
	return media_cmd(CMD_WRITE_16, lba, blocks, data, len);
}

int disk_flush(struct disk *d, char *err)
{
	struct initiator_cmd cmd = media_cmd(CMD_SYNCHRONIZE_CACHE_16, 0, 0, NULL, 0);

	if (disk_run(d, &cmd, RETRIES_FLUSH) == DISK_GOOD)
		return 0;
	failed("SYNCHRONIZE CACHE", &cmd, err);
	return -EIO;
}
