/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery: windows-initiator.md 1.1 to 1.3, over answers of our own. */
#include <errno.h>
#include <string.h>

#include "disk.h"
#include "fake_session.h"
#include "test.h"

/* A LUN that pleases Windows; a test takes away from it. */
static const char *inquiry, *cap10, *cap16, *p00, *pb0, *pb2, *p8f, *mode;
static struct sense mode_error;
static unsigned attentions; /* unit attentions before the first good answer */
static uint8_t selected[64];
static size_t selected_len;

#define NAME_36 \
	"4f 44 58 20 20 20 20 20  56 20 20 20 20 20 20 20 20 20 20 20 20 20 20 20 31 20 20 20"
#define GOOD_8F                                                                    \
	"00 8f 00 24 00 00 00 20 00 00 00 00 00 00 00 40 00 00 02 58 00 00 00 3c " \
	"00 00 00 00 00 80 00 00 00 00 00 00 00 08 00 00"
#define CONTROL(qerr) "0f 00 10 00 8a 0a 02 " qerr " 00 00 00 00 ff ff 00 00"

static const char *page_hex(uint8_t page)
{
	switch (page) {
	case 0x00:
		return p00;
	case 0xb0:
		return pb0;
	case 0xb2:
		return pb2;
	default:
		return p8f;
	}
}

static const char *answer_hex(const struct initiator_cmd *cmd)
{
	switch (cmd->cdb[0]) {
	case 0x12:
		return cmd->cdb[1] & 1 ? page_hex(cmd->cdb[2]) : inquiry;
	case 0x25:
		return cap10;
	case 0x9e:
		return cap16;
	case 0x1a:
		return mode;
	default:
		return "";
	}
}

static void answer(unsigned lun, struct initiator_cmd *cmd)
{
	const char *hex = answer_hex(cmd);

	(void)lun;
	if (attentions && cmd->cdb[0] != 0x12) {
		attentions--;
		fake_sense(cmd, sense_make(KEY_UNIT_ATTENTION, ASC_POWER_ON));
	} else if (cmd->cdb[0] == 0x15) {
		selected_len = cmd->len;
		memcpy(selected, cmd->data, cmd->len);
		if (!sense_is_good(mode_error))
			fake_sense(cmd, mode_error);
	} else if (hex) {
		fake_hex(cmd, hex);
	} else {
		fake_sense(cmd, sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB));
	}
}

static void good_lun(void)
{
	inquiry = "00 00 06 12 1f 08 00 02 " NAME_36;
	cap10 = "00 0f ff ff 00 00 02 00";
	cap16 = "00 00 00 01 00 00 00 00 00 00 02 00 00 00 c0 00 "
		"00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
	p00 = "00 00 00 06 00 80 83 8f b0 b2";
	pb0 = "00 b0 00 3c 00 00 00 08 00 00 00 00 00 00 04 00";
	pb2 = "00 b2 00 04 00 e4 02 00";
	p8f = GOOD_8F;
	mode = CONTROL("10");
	mode_error = sense_good();
	attentions = 0;
	selected_len = 0;
	fake_reset(answer);
}

static struct disk_host host;
static char err[INITIATOR_ERR];

static bool sent(unsigned i, const char *hex)
{
	uint8_t want[16] = { 0 };
	size_t n = test_hex(hex, want, sizeof(want));

	return i < fake_sent && i < FAKE_LOG && test_same_bytes("CDB", fake_log[i].cdb, n, want, n);
}

static void order(void)
{
	struct disk d;

	good_lun();
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 3, &host, err), 0);
	CU_ASSERT(sent(0, "12 00 00 00 ff 00"));
	CU_ASSERT(sent(1, "25 00 00 00 00 00 00 00 00 00"));
	CU_ASSERT(sent(2, "12 01 00 00 ff 00"));
	CU_ASSERT(sent(3, "12 01 b2 00 ff 00"));
	CU_ASSERT(sent(4, "12 01 b0 00 ff 00"));
	CU_ASSERT(sent(5, "12 01 8f 00 ff 00"));
	CU_ASSERT(sent(6, "1a 00 0a 00 c0 00"));
	CU_ASSERT_EQUAL(fake_sent, 7);
	CU_ASSERT_EQUAL(fake_log[6].lun, 3);
	CU_ASSERT(d.has_odx && !d.read_only && d.provisioning.lbpu);
	CU_ASSERT_EQUAL(d.odx.max_ranges, 64);
	CU_ASSERT_EQUAL(d.odx.max_token_blocks, 0x800000);
	CU_ASSERT_EQUAL(d.odx.optimal_blocks, 0x80000);
	CU_ASSERT_EQUAL(d.block_limits.opt_transfer_blocks, 0x400);
}

static void evidence(void)
{
	struct disk d;
	uint8_t want[64];
	size_t n = test_hex(GOOD_8F, want, sizeof(want));

	good_lun();
	attentions = 2;
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), 0);
	CHECK_BYTES(d.seen[STEP_VPD_8F].data, d.seen[STEP_VPD_8F].len, want, n);
	CU_ASSERT_EQUAL(d.seen[STEP_VPD_8F].nt, NT_SUCCESS);
	CU_ASSERT_EQUAL(d.seen[STEP_VPD_8F].cmd.residual, 255 - 40);
	CU_ASSERT_EQUAL(d.seen[STEP_CAPACITY_10].attempts, 3);
	CU_ASSERT_EQUAL(d.seen[STEP_VPD_00].attempts, 1);
	CU_ASSERT_EQUAL(d.seen[STEP_MODE_SENSE].len, 16);
	CU_ASSERT_FALSE(d.seen[STEP_CAPACITY_16].sent);
	CU_ASSERT_FALSE(d.seen[STEP_MODE_SELECT].sent);
	p8f = NULL; /* listed, and refused */
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), 0);
	CU_ASSERT_FALSE(d.has_odx);
	CU_ASSERT_PTR_NOT_NULL(strstr(d.why_no_odx, "5/24/00"));
	CU_ASSERT_EQUAL(d.seen[STEP_VPD_8F].verdict, DISK_FAILED);
	CU_ASSERT_EQUAL(d.seen[STEP_VPD_8F].nt, NT_INVALID_INITIATOR_TARGET_PATH);
	CU_ASSERT_EQUAL(d.seen[STEP_VPD_8F].cmd.sense.asc, 0x24);
}

/* Discovery succeeds, and says @has and @why. */
static void says(bool has, const char *why)
{
	struct disk d;

	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), 0);
	CU_ASSERT_EQUAL(d.has_odx, has);
	if (!test_same_bytes("why", d.why_no_odx, strlen(why) ? strlen(why) : 1, why,
			     strlen(why) ? strlen(why) : 1))
		CU_FAIL("another reason");
}

static void page_lists(void)
{
	good_lun();
	p00 = "00 00 00 05 00 80 83 b0 b2";
	says(false, "the LUN does not list VPD page 8Fh");
	CU_ASSERT_EQUAL(fake_sent, 6); /* and is not asked for it */
	good_lun();
	p00 = "00 00 00 07 00 80 83 8f b0 b2 b2"; /* disorder after 8Fh counts, too */
	says(false, "the LUN's list of VPD pages is not ascending");
	CU_ASSERT_EQUAL(fake_sent, 4);
	good_lun();
	p00 = "00 00 00 05 80 83 8f b0 b2";
	says(false, "the LUN's list of VPD pages does not begin with 00h");
	good_lun();
	p00 = NULL;
	says(false, "the LUN has no list of VPD pages");
	good_lun();
	p00 = "00 00 01 06 00 80 83 8f b0 b2"; /* only byte 3 is the length */
	says(true, "");
}

static void page_8f(void)
{
	good_lun();
	p8f = "00 8f 00 04 00 01 00 00";
	says(false, "VPD page 8Fh does not begin");
	good_lun();
	p8f = "60 00 00 24 00 00 00 20 00 00 00 00 00 00 00 40 00 00 02 58 00 00 00 3c "
	      "00 00 00 00 00 80 00 00 00 00 00 00 00 08 00 00"; /* page code not looked at */
	says(true, "");
	good_lun();
	p8f = "00 8f 00 25 00 00 00 21 00 00 00 00 00 00 00 40 00 00 02 58 00 00 00 3c "
	      "00 00 00 00 00 80 00 00 00 00 00 00 00 08 00 00 00";
	says(false, "VPD page 8Fh does not begin");
}

static void capacities(void)
{
	struct disk d;

	good_lun();
	cap10 = "ff ff ff ff 00 00 02 00";
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), 0);
	CU_ASSERT(d.seen[STEP_CAPACITY_16].sent);
	CU_ASSERT_EQUAL(d.capacity.blocks, 0x100000001);
	good_lun();
	cap10 = "00 0f ff ff 00 00 02 08";
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "520 bytes"));
	CU_ASSERT(d.has_odx); /* the rest was looked at all the same */
	good_lun();
	cap10 = NULL;
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "5/24/00"));
}

static void no_disk(void)
{
	struct disk d;

	good_lun();
	inquiry = "7f 00 06 12 1f 00 00 02 " NAME_36;
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "no LUN 0"));
	inquiry = "05 00 06 12 1f 00 00 02 " NAME_36;
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "05h"));
	CU_ASSERT_EQUAL(d.seen[STEP_INQUIRY].len, 36);
	inquiry = "00 00";
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), -ENODEV);
	CU_ASSERT_EQUAL(fake_sent, 3);
}

static void queue_errors(void)
{
	struct disk d;
	uint8_t want[16];

	good_lun();
	mode = CONTROL("16");
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), 0);
	CU_ASSERT_EQUAL(d.qerr, 3);
	CU_ASSERT(sent(7, "15 10 00 00 10 00"));
	test_hex("00 00 00 00 0a 0a 02 10 00 00 00 00 ff ff 00 00", want, sizeof(want));
	CHECK_BYTES(selected, selected_len, want, sizeof(want));
	CHECK_BYTES(d.seen[STEP_MODE_SELECT].data, d.seen[STEP_MODE_SELECT].len, want,
		    sizeof(want));
	good_lun();
	mode = CONTROL("16");
	mode_error = sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), 0);
	CU_ASSERT(d.has_odx); /* a refusal is only noted */
	CU_ASSERT_EQUAL(d.seen[STEP_MODE_SELECT].verdict, DISK_FAILED);
	good_lun();
	mode = CONTROL("16");
	p00 = "00 00 00 04 00 80 83 b0"; /* neither ODX nor UNMAP */
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), 0);
	CU_ASSERT_FALSE(d.seen[STEP_MODE_SELECT].sent);
	mode = "0f 00 90 00 0a 0a 02 10 00 00 00 00 ff ff 00 00";
	CU_ASSERT_EQUAL(disk_open(&d, NULL, 0, &host, err), 0);
	CU_ASSERT(d.read_only);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "what is asked, and in which order", order },
		{ "what came is kept, also of what failed", evidence },
		{ "lists of VPD pages that Windows refuses, and one that it takes", page_lists },
		{ "pages 8Fh that Windows refuses, and one that it takes", page_8f },
		{ "capacities", capacities },
		{ "what is not a disk is asked no further", no_disk },
		{ "QERR is set to 0 where there is ODX or UNMAP", queue_errors },
		TEST_END,
	};

	return test_main(argc, argv, "tools-discover", tests);
}
