/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VPD_LEN 255 /* Windows' allocation length, in one byte */

/* How often Windows sends a command again (windows-initiator.md 0). */
#define RETRIES_PT	 1
#define RETRIES_RRTI_PT	 1
#define RETRIES_WUT	 2
#define RETRIES_RRTI_WUT 2
#define RETRIES_START	 8 /* commands of discovery; several unit attentions may be due */

/* ---- what a command's end means ---- */

#define ANY 0x100

struct rule {
	uint16_t key, asc, ascq; /* or ANY */
	enum disk_verdict verdict;
	unsigned delay_ms; /* before a retry */
};

/* windows-initiator.md 5, first match wins. */
static const struct rule rules[] = {
	{ KEY_RECOVERED_ERROR, ANY, ANY, DISK_GOOD, 0 },
	{ KEY_COPY_ABORTED, 0x0d, 0x04, DISK_TRUNCATED, 0 },
	{ KEY_ABORTED_COMMAND, 0x0d, 0x04, DISK_TRUNCATED, 0 },
	{ KEY_ABORTED_COMMAND, 0x55, 0x03, DISK_FAILED, 0 },
	{ KEY_ABORTED_COMMAND, ANY, ANY, DISK_RETRY, 0 },
	{ KEY_COPY_ABORTED, ANY, ANY, DISK_RETRY, 0 },
	{ KEY_ILLEGAL_REQUEST, 0x23, ANY, DISK_TOKEN, 0 },
	{ KEY_ILLEGAL_REQUEST, ANY, ANY, DISK_FAILED, 0 },
	{ KEY_UNIT_ATTENTION, 0x2a, 0x09, DISK_RETRY, 1000 },
	{ KEY_UNIT_ATTENTION, 0x3f, 0x01, DISK_RETRY, 1000 },
	{ KEY_UNIT_ATTENTION, 0x3f, ANY, DISK_RETRY, 5000 },
	{ KEY_UNIT_ATTENTION, 0x38, 0x07, DISK_RETRY, 0 },
	{ KEY_UNIT_ATTENTION, 0x38, ANY, DISK_FAILED, 0 },
	{ KEY_UNIT_ATTENTION, ANY, ANY, DISK_RETRY, 0 },
	{ KEY_NOT_READY, 0x04, 0x01, DISK_RETRY, 10000 },
	{ KEY_NOT_READY, 0x04, 0x07, DISK_RETRY, 10000 },
	{ KEY_NOT_READY, 0x04, 0x14, DISK_RETRY, 10000 },
	{ KEY_NO_SENSE, ANY, ANY, DISK_RETRY, 0 },
	{ ANY, ANY, ANY, DISK_FAILED, 0 },
};

static bool rule_fits(const struct rule *r, const struct sense *s)
{
	return (r->key == ANY || r->key == s->key) && (r->asc == ANY || r->asc == s->asc) &&
	       (r->ascq == ANY || r->ascq == s->ascq);
}

enum disk_verdict disk_judge(const struct initiator_cmd *cmd, unsigned *ret_delay_ms)
{
	const struct rule *r = rules;

	*ret_delay_ms = 0;
	if (cmd->error)
		return DISK_FAILED;
	if (cmd->status == SAM_GOOD || cmd->status == SAM_CONDITION_MET)
		return DISK_GOOD;
	if (cmd->status == SAM_BUSY || cmd->status == SAM_TASK_SET_FULL) {
		*ret_delay_ms = 100;
		return DISK_RETRY;
	}
	if (cmd->status != SAM_CHECK_CONDITION)
		return DISK_FAILED;
	while (!rule_fits(r, &cmd->sense))
		r++;
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

/* ---- discovery ---- */

static struct initiator_cmd inquiry_cmd(bool evpd, uint8_t page, void *data)
{
	struct scsi_cdb c = {
		.op = &scsi_ops[CMD_INQUIRY], .evpd = evpd, .page = page, .len = VPD_LEN
	};

	return initiator_cmd(&c, data, VPD_LEN);
}

/* Reads a VPD page if page 00h lists it; returns its bytes, 0: not there. */
static size_t vpd_page(struct disk *d, uint8_t page, uint8_t *buf)
{
	struct initiator_cmd cmd = inquiry_cmd(true, page, buf);
	bool listed = page == 0;

	for (unsigned i = 0; d->vpd.ordered && i < d->vpd.n; i++)
		listed = listed || d->vpd.pages[i] == page;
	if (!listed || disk_run(d, &cmd, RETRIES_START) != DISK_GOOD)
		return 0;
	return cmd.in_len;
}

static void discover_odx(struct disk *d, const char *no_list)
{
	uint8_t buf[VPD_LEN];
	size_t n = no_list ? 0 : vpd_page(d, 0x8f, buf);

	if (no_list)
		snprintf(d->why_no_odx, sizeof(d->why_no_odx), "%s", no_list);
	else if (n == 0)
		snprintf(d->why_no_odx, sizeof(d->why_no_odx),
			 "the LUN does not list VPD page 8Fh (third-party copy)");
	else if (!vpd_8f_decode(buf, n, &d->odx) || !d->odx.windows_ok)
		snprintf(d->why_no_odx, sizeof(d->why_no_odx),
			 "VPD page 8Fh does not begin with the block device token limits");
	else
		d->has_odx = true;
}

static int discover_capacity(struct disk *d, char *err)
{
	uint8_t buf[32];
	char text[128];
	struct scsi_cdb c10 = { .op = &scsi_ops[CMD_READ_CAPACITY_10] };
	struct scsi_cdb c16 = { .op = &scsi_ops[CMD_READ_CAPACITY_16], .len = sizeof(buf) };
	struct initiator_cmd cmd = initiator_cmd(&c10, buf, 8);
	bool ok = disk_run(d, &cmd, RETRIES_START) == DISK_GOOD &&
		  read_capacity_10_decode(buf, cmd.in_len, &d->capacity);
	const struct capacity *cap = &d->capacity;

	/* FFFFFFFFh in the short form: more than it can say (SBC-4 5.20). */
	if (ok && d->capacity.blocks > UINT32_MAX) {
		cmd = initiator_cmd(&c16, buf, sizeof(buf));
		ok = disk_run(d, &cmd, RETRIES_START) == DISK_GOOD &&
		     read_capacity_16_decode(buf, cmd.in_len, &d->capacity);
	}
	if (!ok) {
		snprintf(err, INITIATOR_ERR, "LUN %u does not tell its capacity: %s", d->lun,
			 disk_error_text(&cmd, text, sizeof(text)));
		return -EIO;
	}
	if (cap->block_size < 512 || cap->block_size > DISK_MAX_BLOCK ||
	    (cap->block_size & (cap->block_size - 1)) || cap->blocks == 0 ||
	    cap->blocks > INT64_MAX / cap->block_size) {
		snprintf(err, INITIATOR_ERR,
			 "LUN %u has %" PRIu64 " blocks of %u bytes, which is not supported",
			 d->lun, cap->blocks, cap->block_size);
		return -ENODEV;
	}
	return 0;
}

/* The mode parameter header's DEVICE-SPECIFIC PARAMETER, bit 7: WP (SBC-4 6.5.1). */
static void discover_write_protection(struct disk *d)
{
	uint8_t buf[192];
	struct scsi_cdb c = { .op = &scsi_ops[CMD_MODE_SENSE_6], .page = 0x0a, .len = sizeof(buf) };
	struct initiator_cmd cmd = initiator_cmd(&c, buf, sizeof(buf));

	d->read_only =
		disk_run(d, &cmd, RETRIES_START) == DISK_GOOD && cmd.in_len >= 4 && (buf[2] & 0x80);
}

int disk_open(struct disk *d, struct initiator *in, unsigned lun, uint32_t *list_id, char *err)
{
	struct disk n = { .in = in, .lun = lun, .list_id = list_id };
	uint8_t buf[VPD_LEN];
	char text[128];
	const char *no_list = NULL;
	struct initiator_cmd cmd = inquiry_cmd(false, 0, buf);
	size_t len;
	int r;

	if (disk_run(&n, &cmd, RETRIES_START) != DISK_GOOD ||
	    !inquiry_decode(buf, cmd.in_len, &n.inquiry)) {
		snprintf(err, INITIATOR_ERR, "LUN %u does not answer INQUIRY: %s", lun,
			 disk_error_text(&cmd, text, sizeof(text)));
		return -ENODEV;
	}
	if (n.inquiry.qualifier != 0) {
		snprintf(err, INITIATOR_ERR, "the target has no LUN %u", lun);
		return -ENODEV;
	}
	if (n.inquiry.type != 0) {
		snprintf(err, INITIATOR_ERR, "LUN %u is not a disk (device type %02Xh)", lun,
			 n.inquiry.type);
		return -ENODEV;
	}
	len = vpd_page(&n, 0x00, buf);
	if (len == 0 || !vpd_00_decode(buf, len, &n.vpd))
		no_list = "the LUN has no list of VPD pages";
	else if (!n.vpd.ordered)
		no_list = "the LUN's list of VPD pages is not ascending";
	len = vpd_page(&n, 0xb0, buf);
	if (len == 0 || !vpd_b0_decode(buf, len, &n.block_limits))
		memset(&n.block_limits, 0, sizeof(n.block_limits));
	vpd_page(&n, 0xb2, buf); /* asked for as Windows does; nothing here depends on it */
	discover_odx(&n, no_list);
	r = discover_capacity(&n, err);
	if (r)
		return r;
	discover_write_protection(&n);
	*d = n;
	return 0;
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

static int offload_error(const char *what, const struct initiator_cmd *cmd, char *err)
{
	char text[160];

	snprintf(err, INITIATOR_ERR, "%s: %s", what, disk_error_text(cmd, text, sizeof(text)));
	return -EIO;
}

static int result_error(const char *what, const struct tpc_result *r, char *err)
{
	const struct sense *s = &r->sense;

	if (sense_is_good(*s))
		snprintf(err, INITIATOR_ERR, "%s: nothing was done, copy status %02Xh", what,
			 r->status);
	else
		snprintf(err, INITIATOR_ERR, "%s: %X/%02X/%02X %s", what, s->key, s->asc, s->ascq,
			 sense_text(*s));
	return s->key == KEY_ILLEGAL_REQUEST && s->asc == 0x23 ? -ESTALE : -EIO;
}

int disk_offload_read(struct disk *d, const struct tpc_range *ranges, unsigned n,
		      struct disk_token *ret, char *err)
{
	uint8_t list[TPC_PT_HEADER + DISK_MAX_RANGES * TPC_RANGE_LEN];
	uint8_t data[DISK_RRTI_PT_LEN];
	uint32_t id = (*d->list_id)++;
	size_t len = tpc_pt_encode(list, sizeof(list), false, false, 0, 0, ranges, n);
	struct scsi_cdb c = { .op = &scsi_ops[CMD_POPULATE_TOKEN],
			      .list_id = id,
			      .len = (uint32_t)len };
	struct initiator_cmd cmd = initiator_cmd(&c, list, len);
	struct tpc_result r;
	enum disk_verdict v = disk_run(d, &cmd, RETRIES_PT);

	if (v != DISK_GOOD && v != DISK_TRUNCATED)
		return offload_error("POPULATE TOKEN", &cmd, err);
	cmd = rrti_cmd(id, data, sizeof(data));
	if (disk_run(d, &cmd, RETRIES_RRTI_PT) != DISK_GOOD)
		return offload_error("RECEIVE ROD TOKEN INFORMATION", &cmd, err);
	if (!tpc_result_decode(data, cmd.in_len, &r)) {
		snprintf(err, INITIATOR_ERR, "RECEIVE ROD TOKEN INFORMATION: only %zu bytes came",
			 cmd.in_len);
		return -EIO;
	}
	ret->blocks = believed_count(&r, sum_blocks(ranges, n));
	if (!r.token || ret->blocks == 0)
		return result_error("POPULATE TOKEN", &r, err);
	memcpy(ret->token, r.token, ROD_TOKEN_LEN);
	return 0;
}

/* windows-initiator.md 0: room for sense and as many descriptors as the target takes. */
static uint32_t rrti_wut_len(const struct disk *d)
{
	uint32_t len = 536 + 16u * d->odx.max_ranges;

	if (d->odx.max_ranges == 0 || len > 65535)
		return 65535;
	return len;
}

static int ask_written(struct disk *d, uint32_t id, uint64_t asked, uint64_t *ret_done, char *err)
{
	static const char what[] = "WRITE USING TOKEN";
	uint8_t data[65535];
	struct initiator_cmd cmd = rrti_cmd(id, data, rrti_wut_len(d));
	struct tpc_result r;

	if (disk_run(d, &cmd, RETRIES_RRTI_WUT) != DISK_GOOD)
		return offload_error("RECEIVE ROD TOKEN INFORMATION", &cmd, err);
	if (!tpc_result_decode(data, cmd.in_len, &r)) {
		snprintf(err, INITIATOR_ERR, "RECEIVE ROD TOKEN INFORMATION: only %zu bytes came",
			 cmd.in_len);
		return -EIO;
	}
	*ret_done = believed_count(&r, asked);
	return *ret_done ? 0 : result_error(what, &r, err);
}

int disk_offload_write(struct disk *d, const uint8_t token[ROD_TOKEN_LEN], uint64_t offset,
		       const struct tpc_range *ranges, unsigned n, uint64_t *ret_done, char *err)
{
	uint8_t list[TPC_WUT_HEADER + DISK_MAX_RANGES * TPC_RANGE_LEN];
	uint32_t id = (*d->list_id)++;
	uint64_t asked = sum_blocks(ranges, n), done = 0;
	size_t len = tpc_wut_encode(list, sizeof(list), false, false, offset, token, ranges, n);
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
			      .list_id = id,
			      .len = (uint32_t)len };
	struct initiator_cmd cmd = initiator_cmd(&c, list, len);
	enum disk_verdict v = disk_run(d, &cmd, RETRIES_WUT);
	int r = 0;

	/* windows-initiator.md 4.4.  Windows does not compare INFORMATION with the
	 * request; a copy tool that trusted it would skip data, so we ask again. */
	if (v == DISK_TOKEN) {
		offload_error("WRITE USING TOKEN", &cmd, err);
		return -ESTALE;
	}
	if (v == DISK_GOOD && cmd.status == SAM_GOOD)
		done = asked;
	else if (v == DISK_TRUNCATED && cmd.sense.info > 0 && cmd.sense.info <= asked)
		done = cmd.sense.info;
	else if (cmd.error)
		r = offload_error("WRITE USING TOKEN", &cmd, err);
	else
		r = ask_written(d, id, asked, &done, err);
	if (r)
		return r;
	*ret_done = done;
	return 0;
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

	if (disk_run(d, &cmd, RETRIES_START) == DISK_GOOD)
		return 0;
	return offload_error("SYNCHRONIZE CACHE", &cmd, err);
}
