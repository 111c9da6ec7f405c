/* SPDX-License-Identifier: Apache-2.0 */
/* The class driver's texts and limits: windows-initiator.md 1.4 and 2.4. */
#include <errno.h>
#include <string.h>

#include "disk.h"
#include "stream.h"
#include "test.h"

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

static void range_cap(void)
{
	struct disk d = disk(512, 0, 0);

	CU_ASSERT_EQUAL(disk_max_ranges(&d), 64); /* 0: no limit of the target's */
	d.odx.max_ranges = 63;
	CU_ASSERT_EQUAL(disk_max_ranges(&d), 63);
	d.odx.max_ranges = 65;
	CU_ASSERT_EQUAL(disk_max_ranges(&d), 64);
}

static void list_ids(void)
{
	struct disk_host h = { 0 };

	CU_ASSERT_EQUAL(disk_next_list_id(&h), 0);
	CU_ASSERT_EQUAL(disk_next_list_id(&h), 1);
	h.next_list_id = UINT32_MAX;
	CU_ASSERT_EQUAL(disk_next_list_id(&h), UINT32_MAX);
	CU_ASSERT_EQUAL(disk_next_list_id(&h), 0);
	h = (struct disk_host) { .next_list_id = 256, .max_list_id = 256 };
	CU_ASSERT_EQUAL(disk_next_list_id(&h), 256);
	CU_ASSERT_EQUAL(disk_next_list_id(&h), 0);
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
	static const struct test tests[] = {
		{ "one line for an error", error_texts },
		{ "limits of POPULATE TOKEN and WRITE USING TOKEN", caps },
		{ "64 ranges, or fewer if the target says so", range_cap },
		{ "list identifiers: 0 first, and after the maximum", list_ids },
		{ "transfer sizes of the fallback", chunks },
		{ "READ(16) and WRITE(16)", commands },
		TEST_END
	};

	return test_main(argc, argv, "tools-disk", tests);
}
