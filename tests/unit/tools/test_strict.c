/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each rule of the strict mode: a target that keeps all of them, then breaks one; and what
 * the class driver makes of a command's end around it (windows-initiator.md 3.4, 4.4).
 */
#include "strict.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "disk.h"
#include "fake_target.h"
#include "test.h"

static unsigned broken[STRICT_RULES], total;
static struct disk_host host;
static struct disk d;
static char err[INITIATOR_ERR];

static void found(void *ctx, const struct strict_violation *v)
{
	(void)ctx;
	broken[v->rule]++;
	total++;
	CU_ASSERT_STRING_EQUAL(v->name, strict_name(v->rule));
	CU_ASSERT_STRING_EQUAL(v->text, strict_text(v->rule));
	CU_ASSERT_EQUAL(v->lun, 5);
}

static void start(void)
{
	fake_target_start();
	memset(broken, 0, sizeof(broken));
	total = 0;
	host = (struct disk_host) { .strict = { .found = found } };
	d = (struct disk) { .lun = 5, .host = &host, .has_odx = true };
	d.capacity = (struct capacity) { .blocks = 1 << 20, .block_size = 512 };
	d.odx.max_ranges = 64;
}

/* Only @rule was broken. */
static bool only(enum strict_rule rule)
{
	if (broken[rule] && total == broken[rule])
		return true;
	printf("%s: %u times, of %u in all\n", strict_name(rule), broken[rule], total);
	return false;
}

static const struct tpc_range hundred = { .lba = 7, .blocks = 100 };

static enum ntstatus read_once(uint64_t *ret_blocks)
{
	struct disk_token t = { .blocks = 0 };
	enum ntstatus nt = disk_offload_read(&d, &hundred, 1, 0, &t, err);

	*ret_blocks = t.blocks;
	return nt;
}

static enum ntstatus write_once(uint64_t *ret_blocks)
{
	static const uint8_t token[ROD_TOKEN_LEN];

	*ret_blocks = 0;
	return disk_offload_write(&d, token, 0, &hundred, 1, ret_blocks, err);
}

static void sound_target(void)
{
	uint64_t blocks;

	start();
	CU_ASSERT_EQUAL(read_once(&blocks), NT_SUCCESS);
	CU_ASSERT_EQUAL(blocks, 100);
	fake_target.token_blocks = 60;
	CU_ASSERT_EQUAL(read_once(&blocks), NT_SUCCESS);
	CU_ASSERT_EQUAL(blocks, 60);
	CU_ASSERT_EQUAL(write_once(&blocks), NT_SUCCESS);
	CU_ASSERT_EQUAL(fake_target.rrtis, 2); /* none after a good WUT */
	fake_target.wut_blocks = 40;
	CU_ASSERT_EQUAL(write_once(&blocks), NT_SUCCESS);
	CU_ASSERT_EQUAL(blocks, 40);
	CU_ASSERT_EQUAL(fake_target.rrtis, 2); /* none after an INFORMATION */
	fake_target.silent = true;
	CU_ASSERT_EQUAL(write_once(&blocks), NT_SUCCESS);
	CU_ASSERT_EQUAL(blocks, 40);
	CU_ASSERT_EQUAL(fake_target.rrtis, 3);
	fake_target.fail_after = 1;
	fake_target.fail = sense_make(KEY_MEDIUM_ERROR, ASC_WRITE_ERROR);
	CU_ASSERT_EQUAL(write_once(&blocks), NT_DEVICE_DATA_ERROR);
	CU_ASSERT_EQUAL(fake_target.rrtis, 4);
	CU_ASSERT_EQUAL(total, 0);
}

/* One byte of the next answers to RRTI. */
static size_t at;
static uint8_t value;

static void set_byte(uint8_t *rrti, size_t len)
{
	if (at < len)
		rrti[at] = value;
}

static void answers(void)
{
	static const struct {
		uint8_t at, value;
		enum strict_rule rule;
		enum ntstatus nt; /* of the read */
	} rows[] = {
		{ 4, 0x11, STRICT_SA, NT_SUCCESS },
		{ 5, 0x04, STRICT_STATUS, NT_UNSUCCESSFUL },
		{ 12, 0x08, STRICT_COMPLETION, NT_SUCCESS },
		{ 15, 0x00, STRICT_UNITS, NT_SUCCESS },
		{ 24, 0x01, STRICT_SEGMENTS, NT_SUCCESS },
		{ 35, 0x04, STRICT_DESCRIPTORS, NT_UNSUCCESSFUL }, /* 516 */
		{ 36, 0x01, STRICT_CSCD_ID, NT_SUCCESS },
		{ 23, 99, STRICT_COUNT_ALL, NT_SUCCESS },
		{ 5, 0x03, STRICT_COUNT_PART, NT_SUCCESS },
		{ 22, 0x01, STRICT_COUNT_MORE, NT_UNSUCCESSFUL },
		{ 3, 0x00, STRICT_AVAILABLE, NT_SUCCESS },
		{ 1, 0x01, STRICT_AVAILABLE, NT_SUCCESS },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t blocks;

		start();
		at = rows[i].at;
		value = rows[i].value;
		fake_target.meddle = set_byte;
		CU_ASSERT_EQUAL(read_once(&blocks), rows[i].nt);
		CU_ASSERT(only(rows[i].rule));
	}
}

static void failed_with_count(uint8_t *rrti, size_t len)
{
	(void)len;
	rrti[5] = TPC_FAILED;
	memset(rrti + 32, 0, 4); /* and rightly no token */
}

static void reserved_token(uint8_t *rrti, size_t len)
{
	(void)len;
	memcpy(rrti + 38, "\xff\xff\x00\x01", 4);
}

/* Sense of 20 bytes that says it has 24 valid ones: byte 14 above 13, and above 18. */
static void long_sense(uint8_t *rrti, size_t len)
{
	(void)len;
	rrti[14] = 24;
}

static void longer_answers(void)
{
	uint64_t blocks;

	start();
	fake_target.meddle = failed_with_count;
	CU_ASSERT_EQUAL(read_once(&blocks), NT_UNSUCCESSFUL);
	CU_ASSERT_EQUAL(broken[STRICT_COUNT_NONE], 1);
	start();
	fake_target.meddle = reserved_token;
	CU_ASSERT_EQUAL(read_once(&blocks), NT_SUCCESS);
	CU_ASSERT(only(STRICT_OWN_TOKEN));
	start();
	fake_target.fail_after = 1;
	fake_target.fail = sense_make(KEY_MEDIUM_ERROR, ASC_WRITE_ERROR);
	fake_target.wuts = 1;
	fake_target.meddle = long_sense;
	CU_ASSERT_EQUAL(write_once(&blocks), NT_DEVICE_DATA_ERROR);
	CU_ASSERT_EQUAL(broken[STRICT_SENSE_FIELD], 1);
	CU_ASSERT_EQUAL(broken[STRICT_SENSE_LEN], 1);
	CU_ASSERT_EQUAL(total, 2);
}

static void rrti_alone(void)
{
	uint8_t b[64] = { 0 };
	struct initiator_cmd cmd = { .data = b, .len = 64, .in_len = 35 };
	const struct strict s = { .found = found };
	const struct strict nobody = { .found = NULL };

	start();
	strict_rrti(&nobody, 5, &cmd, CMD_WRITE_USING_TOKEN, 1);
	CU_ASSERT_EQUAL(total, 0);
	strict_rrti(&s, 5, &cmd, CMD_WRITE_USING_TOKEN, 1);
	CU_ASSERT(only(STRICT_SHORT));
	start();
	test_hex("00 00 00 20 11 01 00 00 00 00 00 00 00 00 00 f1 00 00 00 00 00 00 00 01", b, 24);
	cmd.in_len = 36;
	cmd.residual = 64 - 36;
	strict_rrti(&s, 5, &cmd, CMD_WRITE_USING_TOKEN, 1);
	CU_ASSERT_EQUAL(total, 0);
	cmd.residual = 0;
	strict_rrti(&s, 5, &cmd, CMD_WRITE_USING_TOKEN, 1);
	CU_ASSERT(only(STRICT_RESIDUAL));
}

static void information(void)
{
	uint64_t blocks;

	start();
	fake_target.wut_blocks = 40;
	fake_target.info = 101; /* of 100: not believed, RRTI says 40 */
	CU_ASSERT_EQUAL(write_once(&blocks), NT_SUCCESS);
	CU_ASSERT_EQUAL(blocks, 40);
	CU_ASSERT(only(STRICT_INFORMATION));
	start();
	fake_target.wut_blocks = 40;
	fake_target.info = 50;
	fake_target.info_not_valid = true;
	CU_ASSERT_EQUAL(write_once(&blocks), NT_SUCCESS);
	CU_ASSERT_EQUAL(blocks, 40);
	CU_ASSERT(only(STRICT_VALID));
}

static void limits(void)
{
	start();
	d.odx.max_token_blocks = 100;
	d.odx.optimal_blocks = 100;
	strict_limits(&host.strict, 5, &d.odx);
	CU_ASSERT_EQUAL(total, 0);
	d.odx.optimal_blocks = 101;
	strict_limits(&host.strict, 5, &d.odx);
	CU_ASSERT(only(STRICT_OPTIMAL));
	d.odx.max_token_blocks = 0; /* no limit */
	strict_limits(&host.strict, 5, &d.odx);
	CU_ASSERT(only(STRICT_OPTIMAL));
}

static unsigned silent_ends;

static void times_out(unsigned lun, struct initiator_cmd *cmd)
{
	(void)lun;
	if (silent_ends) {
		silent_ends--;
		cmd->error = -ETIMEDOUT;
	}
}

static void no_answer_in_time(void)
{
	struct initiator_cmd cmd;
	uint8_t buf[512];

	start();
	fake_reset(times_out);
	cmd = disk_read_cmd(0, 1, buf, sizeof(buf));
	silent_ends = 1;
	CU_ASSERT_EQUAL(disk_run(&d, &cmd, 1), DISK_GOOD);
	CU_ASSERT_EQUAL(fake_resets, 1); /* before it was sent again */
	CU_ASSERT_EQUAL(fake_sent, 2);
	silent_ends = 1;
	CU_ASSERT_EQUAL(disk_run(&d, &cmd, 0), DISK_FAILED);
	CU_ASSERT_EQUAL(fake_resets, 2); /* it must not be at work behind our back */
}

static void names(void)
{
	for (unsigned i = 0; i < STRICT_RULES; i++) {
		CU_ASSERT(strict_name(i) != NULL && strict_text(i) != NULL);
		for (unsigned j = 0; j < i; j++)
			CU_ASSERT_STRING_NOT_EQUAL(strict_name(i), strict_name(j));
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a sound target breaks no rule, whole or in part", sound_target },
		{ "each rule of RRTI data, and what becomes of the read", answers },
		{ "a count of failure, a reserved token, lying sense lengths", longer_answers },
		{ "short answers and residuals", rrti_alone },
		{ "INFORMATION that is too large or not valid is not believed", information },
		{ "OPTIMAL TRANSFER COUNT above the maximum", limits },
		{ "after a time-out the LUN is reset", no_answer_in_time },
		{ "every rule has a name of its own", names },
		TEST_END,
	};

	return test_main(argc, argv, "tools-strict", tests);
}
