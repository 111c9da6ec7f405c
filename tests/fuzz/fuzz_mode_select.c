/* SPDX-License-Identifier: Apache-2.0 */
/* Byte 0: bit 0 ten, 1 PF, 2 SP, 3 can_wce, 4-6 the current state; then the list. */
#include <string.h>

#include "fuzz.h"
#include "mode.h"

static void check_refusal(struct sense s, size_t len)
{
	FUZZ_CHECK(s.key == KEY_ILLEGAL_REQUEST);
	FUZZ_CHECK(!(s.flags & SENSE_FIELD_PL) || s.field < len);
	FUZZ_CHECK(!(s.flags & SENSE_FIELD_CDB) || s.field == 1);
}

/* What was selected reads back, and selecting that changes nothing. */
static void check_reads_back(struct mode_ctx ctx, bool ten, struct mode_state now)
{
	struct scsi_cdb in = { .op = &scsi_ops[ten ? CMD_MODE_SENSE_10 : CMD_MODE_SENSE_6],
			       .page = 0x3f };
	struct scsi_cdb out = { .op = &scsi_ops[ten ? CMD_MODE_SELECT_10 : CMD_MODE_SELECT_6],
				.pf = true };
	struct mode_state got;
	uint8_t b[256];
	struct writer w = writer(b, sizeof(b));

	ctx.current = now;
	FUZZ_CHECK(sense_is_good(mode_sense_encode(&w, &in, &ctx)) && w.len <= w.cap);
	FUZZ_CHECK(sense_is_good(mode_select_decode(b, w.len, &out, &ctx, &got)));
	FUZZ_CHECK(got.wce == now.wce && got.d_sense == now.d_sense && got.swp == now.swp);
}

/* The same bytes as an initiator would read them from a MODE SENSE. */
static void check_control(const uint8_t *p, size_t n)
{
	struct mode_control c, again;
	uint8_t list[512];
	size_t len;

	if (!mode_control_decode(p, n, &c))
		return;
	FUZZ_CHECK(!c.page ||
		   (c.page >= p + 4 && c.page_len >= 12 && c.page + c.page_len <= p + n));
	len = mode_control_encode(list, sizeof(list), &c, 0);
	FUZZ_CHECK(len == (c.page ? c.page_len + 4 : 0) && len <= sizeof(list));
	if (!len || len > 256)
		return;
	list[0] = (uint8_t)(len - 1);
	FUZZ_CHECK(mode_control_decode(list, len, &again) && again.page && again.qerr == 0);
	FUZZ_CHECK(again.page_len == c.page_len && again.d_sense == c.d_sense);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mode_ctx ctx = { .block_size = 512, .blocks = 0x100000 };
	struct scsi_cdb cdb = { 0 };
	struct mode_state got = { 0 };
	struct sense s;
	bool ten;

	if (size == 0)
		return 0;
	check_control(data + 1, size - 1);
	ten = data[0] & 0x01;
	cdb.op = &scsi_ops[ten ? CMD_MODE_SELECT_10 : CMD_MODE_SELECT_6];
	cdb.pf = data[0] & 0x02;
	cdb.sp = data[0] & 0x04;
	ctx.can_wce = data[0] & 0x08;
	ctx.current.wce = data[0] & 0x10;
	ctx.current.d_sense = data[0] & 0x20;
	ctx.current.swp = data[0] & 0x40;
	s = mode_select_decode(data + 1, size - 1, &cdb, &ctx, &got);
	if (!sense_is_good(s)) {
		check_refusal(s, size - 1);
		FUZZ_CHECK(!got.wce && !got.d_sense && !got.swp);
		return 0;
	}
	FUZZ_CHECK(!cdb.sp);
	FUZZ_CHECK(ctx.can_wce || got.wce == ctx.current.wce);
	check_reads_back(ctx, ten, got);
	return 0;
}
