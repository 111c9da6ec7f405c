/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The class driver and DSM over a target that answers anything.  Each command takes from the
 * input: a byte (bits 0-2) that says how it ends, then GOOD: two bytes of length and so
 * much data; CHECK CONDITION: a byte of length and the sense; a status; or no answer.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dsm.h"
#include "fake_session.h"
#include "fuzz.h"

static struct reader in;

/* Retries do not wait here. */
int usleep(useconds_t us)
{
	(void)us;
	return 0;
}

static uint64_t no_time(void)
{
	return 0;
}

static void found(void *ctx, const struct strict_violation *v)
{
	(void)ctx;
	FUZZ_CHECK(v->name && v->text && v->detail[0]);
	FUZZ_CHECK(memchr(v->detail, '\0', sizeof(v->detail)));
}

static void answer_sense(struct initiator_cmd *cmd)
{
	size_t n = rd_u8(&in);
	const uint8_t *raw = rd_bytes(&in, n);

	cmd->status = SAM_CHECK_CONDITION;
	if (!raw || n > sizeof(cmd->sense_raw))
		return;
	memcpy(cmd->sense_raw, raw, n);
	cmd->sense_len = n;
	sense_decode(raw, n, &cmd->sense);
}

static void answer_data(struct initiator_cmd *cmd)
{
	size_t n = rd_be16(&in);
	const uint8_t *data = rd_bytes(&in, n);

	if (cmd->dir == DIR_IN && data)
		fake_data(cmd, data, n);
}

static void answer(unsigned lun, struct initiator_cmd *cmd)
{
	uint8_t how = rd_u8(&in) & 7;

	(void)lun;
	if (how == 7)
		cmd->error = -ECONNRESET;
	else if (how == 6)
		cmd->error = -ETIMEDOUT;
	else if (how == 5)
		cmd->status = rd_u8(&in);
	else if (how == 4)
		answer_sense(cmd);
	else
		answer_data(cmd);
}

static void check_seen(const struct disk *d)
{
	for (unsigned i = 0; i < DISK_STEPS; i++) {
		const struct disk_seen *s = &d->seen[i];

		FUZZ_CHECK(s->len <= sizeof(s->data));
		FUZZ_CHECK(s->sent == (s->attempts > 0) && s->verdict != DISK_RETRY);
	}
	FUZZ_CHECK(!d->has_odx || d->why_no_odx[0] == '\0');
}

static void copy(struct disk *d)
{
	uint32_t bs = d->capacity.block_size;
	const struct dsm_range v[3] = { { 8ull * bs, 3ull * bs },
					{ 4ull * bs, 4ull * bs },
					{ 0, 2ull * bs } };
	const struct dsm_read_in rin = { 0 };
	const struct dsm_write_in win = { .token_offset = bs };
	struct dsm_read_out rout;
	struct dsm_write_out wout;
	char err[INITIATOR_ERR];
	enum ntstatus nt = dsm_offload_read(d, &rin, v, 3, &rout, err);

	FUZZ_CHECK(rout.length_protected <= 9ull * bs && rout.length_protected % bs == 0);
	FUZZ_CHECK((nt == NT_SUCCESS) == (rout.length_protected > 0));
	FUZZ_CHECK(nt == NT_SUCCESS || err[0]);
	nt = dsm_offload_write(d, &win, v, 3, &wout, err);
	FUZZ_CHECK(wout.length_copied <= 9ull * bs && wout.length_copied % bs == 0);
	FUZZ_CHECK((nt == NT_SUCCESS) == (wout.length_copied > 0));
	FUZZ_CHECK(wout.length_copied == 9ull * bs || err[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct disk_host host = { .now_ms = no_time, .strict = { .found = found } };
	char err[INITIATOR_ERR] = "";
	struct disk d;
	int r;

	in = reader(data, size);
	fake_reset(answer);
	r = disk_open(&d, NULL, 1, &host, err);
	FUZZ_CHECK(r == 0 || err[0]);
	check_seen(&d);
	if (r == 0 && d.capacity.blocks >= 16)
		copy(&d);
	return 0;
}
