/* SPDX-License-Identifier: Apache-2.0 */
/* The class driver's discovery (disk.h): what was asked, what came, what it means. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "mode.h"

#define RETRIES	       8   /* several unit attentions may be due */
#define MODE_SENSE_LEN 192 /* windows-initiator.md 1.1 */

static const char *const step_names[DISK_STEPS] = {
	[STEP_INQUIRY] = "INQUIRY",
	[STEP_CAPACITY_10] = "READ CAPACITY(10)",
	[STEP_CAPACITY_16] = "READ CAPACITY(16)",
	[STEP_VPD_00] = "VPD page 00h (list of pages)",
	[STEP_VPD_B2] = "VPD page B2h (provisioning)",
	[STEP_VPD_B0] = "VPD page B0h (block limits)",
	[STEP_VPD_8F] = "VPD page 8Fh (third-party copy)",
	[STEP_MODE_SENSE] = "MODE SENSE(6) of the control page",
	[STEP_MODE_SELECT] = "MODE SELECT(6) of the control page",
};

const char *disk_step_name(enum disk_step step)
{
	return step_names[step];
}

/* Sends @cdb and keeps all of it under @step; true when it was good. */
static bool look(struct disk *d, enum disk_step step, const struct scsi_cdb *cdb, size_t len)
{
	struct disk_seen *s = &d->seen[step];
	struct initiator_cmd cmd = initiator_cmd(cdb, s->data, len);
	unsigned left = RETRIES;

	s->sent = true;
	for (;;) {
		s->attempts++;
		/* One attempt at a time: disk_run does not say how often it tried. */
		s->verdict = disk_run(d, &cmd, 0);
		if (disk_rule(&cmd)->verdict != DISK_RETRY || cmd.error || left-- == 0)
			break;
		usleep(disk_rule(&cmd)->delay_ms * 1000);
	}
	s->nt = disk_rule(&cmd)->nt;
	s->len = cmd.dir == DIR_OUT ? len : cmd.in_len;
	s->cmd = cmd;
	s->cmd.data = NULL;
	s->cmd.session = NULL;
	return s->verdict == DISK_GOOD;
}

static bool look_inquiry(struct disk *d, enum disk_step step, bool evpd, uint8_t page)
{
	struct scsi_cdb c = {
		.op = &scsi_ops[CMD_INQUIRY], .evpd = evpd, .page = page, .len = DISK_VPD_LEN
	};

	return look(d, step, &c, DISK_VPD_LEN);
}

static bool listed(const struct disk *d, uint8_t page)
{
	for (unsigned i = 0; d->vpd.ordered && i < d->vpd.n; i++)
		if (d->vpd.pages[i] == page)
			return true;
	return false;
}

/* Windows takes PAGE LENGTH of page 00h for one byte (windows-initiator.md 1.2). */
static const char *discover_list(struct disk *d)
{
	struct disk_seen *s = &d->seen[STEP_VPD_00];
	uint8_t page[DISK_VPD_LEN];

	if (!look_inquiry(d, STEP_VPD_00, true, 0x00))
		return "the LUN has no list of VPD pages";
	memcpy(page, s->data, sizeof(page));
	page[2] = 0;
	if (!vpd_00_decode(page, s->len, &d->vpd) || d->vpd.n == 0)
		return "the LUN has no list of VPD pages";
	if (d->vpd.pages[0] != 0x00)
		return "the LUN's list of VPD pages does not begin with 00h";
	return d->vpd.ordered ? NULL : "the LUN's list of VPD pages is not ascending";
}

static void discover_odx(struct disk *d, const char *no_list)
{
	struct disk_seen *s = &d->seen[STEP_VPD_8F];
	char text[64];

	if (no_list) {
		snprintf(d->why_no_odx, sizeof(d->why_no_odx), "%s", no_list);
	} else if (!listed(d, 0x8f)) {
		snprintf(d->why_no_odx, sizeof(d->why_no_odx),
			 "the LUN does not list VPD page 8Fh (third-party copy)");
	} else if (!look_inquiry(d, STEP_VPD_8F, true, 0x8f)) {
		snprintf(d->why_no_odx, sizeof(d->why_no_odx), "VPD page 8Fh cannot be read: %s",
			 disk_error_text(&s->cmd, text, sizeof(text)));
	} else {
		uint8_t page[DISK_VPD_LEN];

		memcpy(page, s->data, sizeof(page));
		page[1] = 0x8f; /* not looked at (windows-initiator.md 1.3) */
		d->has_odx = vpd_8f_decode(page, s->len, &d->odx) && d->odx.windows_ok;
		if (!d->has_odx)
			snprintf(d->why_no_odx, sizeof(d->why_no_odx),
				 "VPD page 8Fh does not begin with the block device token limits");
	}
}

static int judge_capacity(const struct disk *d, char *err)
{
	const struct capacity *c = &d->capacity;

	if (c->block_size >= 512 && c->block_size <= DISK_MAX_BLOCK &&
	    (c->block_size & (c->block_size - 1)) == 0 && c->blocks > 0 &&
	    c->blocks <= INT64_MAX / c->block_size)
		return 0;
	snprintf(err, INITIATOR_ERR,
		 "LUN %u has %" PRIu64 " blocks of %u bytes, which is not supported", d->lun,
		 c->blocks, c->block_size);
	return -ENODEV;
}

static int discover_capacity(struct disk *d, char *err)
{
	const struct scsi_cdb c10 = { .op = &scsi_ops[CMD_READ_CAPACITY_10] };
	const struct scsi_cdb c16 = { .op = &scsi_ops[CMD_READ_CAPACITY_16], .len = 32 };
	const struct disk_seen *s = &d->seen[STEP_CAPACITY_10];
	bool ok = look(d, STEP_CAPACITY_10, &c10, 8) &&
		  read_capacity_10_decode(s->data, s->len, &d->capacity);
	char text[128];

	/* FFFFFFFFh in the short form: more than it can say (SBC-4 5.20). */
	if (ok && d->capacity.blocks > UINT32_MAX) {
		s = &d->seen[STEP_CAPACITY_16];
		ok = look(d, STEP_CAPACITY_16, &c16, c16.len) &&
		     read_capacity_16_decode(s->data, s->len, &d->capacity);
	}
	if (ok)
		return judge_capacity(d, err);
	snprintf(err, INITIATOR_ERR, "LUN %u does not tell its capacity: %s", d->lun,
		 disk_error_text(&s->cmd, text, sizeof(text)));
	return -EIO;
}

/* QERR and WP.  That it cannot be changed is only noted, as in Windows. */
static void discover_mode(struct disk *d)
{
	const struct scsi_cdb sense = { .op = &scsi_ops[CMD_MODE_SENSE_6],
					.page = MODE_PAGE_CONTROL,
					.len = MODE_SENSE_LEN };
	struct scsi_cdb select = { .op = &scsi_ops[CMD_MODE_SELECT_6], .pf = true };
	const struct disk_seen *s = &d->seen[STEP_MODE_SENSE];
	struct disk_seen *set = &d->seen[STEP_MODE_SELECT];
	struct mode_control c;

	if (!look(d, STEP_MODE_SENSE, &sense, MODE_SENSE_LEN) ||
	    !mode_control_decode(s->data, s->len, &c))
		return;
	d->read_only = c.wp;
	d->qerr = c.qerr;
	if (c.qerr == 0 || !(d->has_odx || d->provisioning.lbpu))
		return;
	select.len = (uint32_t)mode_control_encode(set->data, sizeof(set->data), &c, 0);
	look(d, STEP_MODE_SELECT, &select, select.len);
}

static int discover_disk(struct disk *d, char *err)
{
	const struct disk_seen *s = &d->seen[STEP_INQUIRY];
	char text[128];

	if (!look_inquiry(d, STEP_INQUIRY, false, 0) ||
	    !inquiry_decode(s->data, s->len, &d->inquiry))
		snprintf(err, INITIATOR_ERR, "LUN %u does not answer INQUIRY: %s", d->lun,
			 disk_error_text(&s->cmd, text, sizeof(text)));
	else if (d->inquiry.qualifier != 0)
		snprintf(err, INITIATOR_ERR, "the target has no LUN %u", d->lun);
	else if (d->inquiry.type != 0)
		snprintf(err, INITIATOR_ERR, "LUN %u is not a disk (device type %02Xh)", d->lun,
			 d->inquiry.type);
	else
		return 0;
	return -ENODEV;
}

int disk_open(struct disk *d, struct initiator *in, unsigned lun, struct disk_host *host, char *err)
{
	const char *no_list;
	int r;

	memset(d, 0, sizeof(*d));
	d->in = in;
	d->lun = lun;
	d->host = host;
	r = discover_disk(d, err);
	if (r)
		return r;
	r = discover_capacity(d, err); /* the rest is worth seeing also without one */
	no_list = discover_list(d);
	if (listed(d, 0xb2) && look_inquiry(d, STEP_VPD_B2, true, 0xb2))
		vpd_b2_decode(d->seen[STEP_VPD_B2].data, d->seen[STEP_VPD_B2].len,
			      &d->provisioning);
	if (listed(d, 0xb0) && look_inquiry(d, STEP_VPD_B0, true, 0xb0))
		vpd_b0_decode(d->seen[STEP_VPD_B0].data, d->seen[STEP_VPD_B0].len,
			      &d->block_limits);
	discover_odx(d, no_list);
	discover_mode(d);
	return r;
}
