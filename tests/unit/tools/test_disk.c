/* SPDX-License-Identifier: Apache-2.0 */
/* The class driver's judgement and limits: windows-initiator.md 1.4, 2.4 and 5. */
#include <errno.h>
#include <string.h>

#include "disk.h"
#include "stream.h"
#include "test.h"

static enum disk_verdict verdict(uint8_t status, unsigned key, unsigned asc, unsigned *ret_ms)
{
	struct initiator_cmd cmd = { .status = status, .sense = sense_make(key, asc) };

	return disk_judge(&cmd, ret_ms);
}

static void senses(void)
{
	static const struct {
		unsigned key, asc;
		enum disk_verdict want;
		unsigned ms;
	} rows[] = {
		{ KEY_RECOVERED_ERROR, 0x1700, DISK_GOOD, 0 },
		{ KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN, DISK_TRUNCATED, 0 },
		{ KEY_ABORTED_COMMAND, ASC_COPY_TARGET_DATA_UNDERRUN, DISK_TRUNCATED, 0 },
		{ KEY_ILLEGAL_REQUEST, ASC_COPY_TARGET_DATA_UNDERRUN, DISK_FAILED, 0 },
		{ KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES, DISK_FAILED, 0 },
		{ KEY_ABORTED_COMMAND, 0x4700, DISK_RETRY, 0 },
		{ KEY_COPY_ABORTED, 0x0d02, DISK_RETRY, 0 },
		{ KEY_ILLEGAL_REQUEST, ASC_OPERATION_IN_PROGRESS, DISK_FAILED, 0 },
		{ KEY_ILLEGAL_REQUEST, ASC_TOKEN_UNKNOWN, DISK_TOKEN, 0 },
		{ KEY_ILLEGAL_REQUEST, ASC_TOKEN_CANCELLED, DISK_TOKEN, 0 },
		{ KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB, DISK_FAILED, 0 },
		{ KEY_UNIT_ATTENTION, ASC_POWER_ON_OR_RESET, DISK_RETRY, 0 },
		{ KEY_UNIT_ATTENTION, ASC_CAPACITY_CHANGED, DISK_RETRY, 1000 },
		{ KEY_UNIT_ATTENTION, 0x3f03, DISK_RETRY, 5000 },
		{ KEY_NOT_READY, 0x0401, DISK_RETRY, 10000 },
		{ KEY_NOT_READY, ASC_NOT_READY_MANUAL_INTERVENTION, DISK_FAILED, 0 },
		{ KEY_MEDIUM_ERROR, ASC_UNRECOVERED_READ_ERROR, DISK_FAILED, 0 },
		{ KEY_HARDWARE_ERROR, ASC_INTERNAL_TARGET_FAILURE, DISK_FAILED, 0 },
		{ KEY_DATA_PROTECT, ASC_SPACE_ALLOCATION_FAILED, DISK_FAILED, 0 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned ms = 77;

		CU_ASSERT_EQUAL(verdict(SAM_CHECK_CONDITION, rows[i].key, rows[i].asc, &ms),
				rows[i].want);
		CU_ASSERT_EQUAL(ms, rows[i].ms);
	}
}

static void statuses(void)
{
	struct initiator_cmd dead = { .error = -ECONNRESET };
	unsigned ms;

	CU_ASSERT_EQUAL(verdict(SAM_GOOD, 0, 0, &ms), DISK_GOOD);
	CU_ASSERT_EQUAL(verdict(SAM_RESERVATION_CONFLICT, 0, 0, &ms), DISK_FAILED);
	CU_ASSERT_EQUAL(verdict(SAM_TASK_ABORTED, 0, 0, &ms), DISK_FAILED);
	CU_ASSERT_EQUAL(verdict(SAM_BUSY, 0, 0, &ms), DISK_RETRY);
	CU_ASSERT(ms > 0);
	CU_ASSERT_EQUAL(disk_judge(&dead, &ms), DISK_FAILED);
}

static void error_texts(void)
{
	struct initiator_cmd cmd = { .status = SAM_CHECK_CONDITION,
				     .sense =
					     sense_make(KEY_ILLEGAL_REQUEST, ASC_TOKEN_CANCELLED) };
	char text[160];

	CU_ASSERT(strncmp(disk_error_text(&cmd, text, sizeof(text)), "5/23/08 ", 8) == 0);
	cmd.status = SAM_RESERVATION_CONFLICT;
	CU_ASSERT_STRING_EQUAL(disk_error_text(&cmd, text, sizeof(text)), "status 18h");
	cmd.error = -ECONNRESET;
	CU_ASSERT_STRING_EQUAL(disk_error_text(&cmd, text, sizeof(text)),
			       "the connection was lost");
}

static struct disk disk(uint32_t bs, uint64_t mtts, uint64_t otc)
{
	struct disk d;

	memset(&d, 0, sizeof(d));
	d.capacity.block_size = bs;
	d.odx.max_token_blocks = mtts;
	d.odx.optimal_blocks = otc;
	return d;
}

static void caps(void)
{
	/* The table of windows-initiator.md 8, in blocks of 512. */
	struct disk d = disk(512, 0, 0);

	CU_ASSERT_EQUAL(disk_pt_cap(&d), UINT64_MAX);
	CU_ASSERT_EQUAL(disk_wut_cap(&d), 0x20000);
	d = disk(512, 0x20000, 0x20000);
	CU_ASSERT_EQUAL(disk_pt_cap(&d), 0x20000);
	CU_ASSERT_EQUAL(disk_wut_cap(&d), 0x20000);
	d = disk(512, 0x80000, 0x80000);
	CU_ASSERT_EQUAL(disk_wut_cap(&d), 0x80000);
	d = disk(512, 0, 0x200000);
	CU_ASSERT_EQUAL(disk_pt_cap(&d), 0x200000);
	CU_ASSERT_EQUAL(disk_wut_cap(&d), 0x80000); /* 256 MiB at most */
	d = disk(512, 0x40000, 0);
	CU_ASSERT_EQUAL(disk_pt_cap(&d), 0x40000);
	CU_ASSERT_EQUAL(disk_wut_cap(&d), 0x20000);
	d = disk(512, 100, 0);
	CU_ASSERT_EQUAL(disk_wut_cap(&d), 100);
	d = disk(4096, 0, 0);
	CU_ASSERT_EQUAL(disk_wut_cap(&d), 0x4000);
	d = disk(4096, 0, 0x40000);
	CU_ASSERT_EQUAL(disk_wut_cap(&d), 0x10000);
}

static void chunks(void)
{
	struct disk a = disk(512, 0, 0), b = disk(4096, 0, 0);

	CU_ASSERT_EQUAL(stream_chunk(&a, &a), 1 << 20);
	CU_ASSERT_EQUAL(stream_chunk(&a, &b), 1 << 20);
	/* MAXIMUM TRANSFER LENGTH of either side, rounded to both block sizes. */
	a.block_limits.max_transfer_blocks = 1001;
	CU_ASSERT_EQUAL(stream_chunk(&a, &a), 1001 * 512);
	CU_ASSERT_EQUAL(stream_chunk(&a, &b), 1000 * 512);
	CU_ASSERT_EQUAL(stream_chunk(&b, &a), 1000 * 512);
	b.block_limits.max_transfer_blocks = 8;
	CU_ASSERT_EQUAL(stream_chunk(&a, &b), 8 * 4096);
}

static void commands(void)
{
	uint8_t want[16], buf[512];
	struct initiator_cmd r = disk_read_cmd(0x123456789a, 1, buf, sizeof(buf));
	struct initiator_cmd w = disk_write_cmd(7, 1, buf, sizeof(buf));

	test_hex("88 00 00 00 00 12 34 56 78 9a 00 00 00 01 00 00", want, sizeof(want));
	CHECK_BYTES(r.cdb, r.cdb_len, want, sizeof(want));
	CU_ASSERT_EQUAL(r.dir, DIR_IN);
	test_hex("8a 00 00 00 00 00 00 00 00 07 00 00 00 01 00 00", want, sizeof(want));
	CHECK_BYTES(w.cdb, w.cdb_len, want, sizeof(want));
	CU_ASSERT_EQUAL(w.dir, DIR_OUT);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { { "sense data as Windows judges it", senses },
					     { "statuses, and no answer at all", statuses },
					     { "one line for an error", error_texts },
					     { "limits of POPULATE TOKEN and WRITE USING TOKEN",
					       caps },
					     { "transfer sizes of the fallback", chunks },
					     { "READ(16) and WRITE(16)", commands },
					     TEST_END };

	return test_main(argc, argv, "tools-disk", tests);
}
