/* SPDX-License-Identifier: Apache-2.0 */
/* Each row of windows-initiator.md 5. */
#include "ntstatus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

struct row {
	unsigned key, asc;
	enum ntstatus nt;
	enum disk_verdict verdict;
	unsigned ms;
};

static const struct row rows[] = {
	{ 0x1, 0x1700, NT_SUCCESS, DISK_GOOD, 0 },
	{ 0xa, 0x0d04, NT_SUCCESS, DISK_TRUNCATED, 0 },
	{ 0xb, 0x0d04, NT_SUCCESS, DISK_TRUNCATED, 0 },
	{ 0xb, 0x5503, NT_INSUFFICIENT_RESOURCES, DISK_FAILED, 0 },
	{ 0xa, 0x5503, NT_IO_DEVICE_ERROR, DISK_RETRY, 0 },
	{ 0xb, 0x4700, NT_IO_DEVICE_ERROR, DISK_RETRY, 0 },
	{ 0xa, 0x0d02, NT_IO_DEVICE_ERROR, DISK_RETRY, 0 },
	{ 0x5, 0x0016, NT_OPERATION_IN_PROGRESS, DISK_FAILED, 0 },
	{ 0x5, 0x0804, NT_DEVICE_UNREACHABLE, DISK_FAILED, 0 },
	{ 0x5, 0x0d04, NT_DATA_OVERRUN, DISK_FAILED, 0 },
	{ 0x5, 0x1a00, NT_DATA_OVERRUN, DISK_FAILED, 0 },
	{ 0x5, 0x2000, NT_INVALID_DEVICE_REQUEST, DISK_FAILED, 0 },
	{ 0x5, 0x2100, NT_NONEXISTENT_SECTOR, DISK_FAILED, 0 },
	{ 0x5, 0x2300, NT_INVALID_TOKEN, DISK_TOKEN, 0 },
	{ 0x5, 0x230a, NT_INVALID_TOKEN, DISK_TOKEN, 0 },
	{ 0x5, 0x2400, NT_INVALID_INITIATOR_TARGET_PATH, DISK_FAILED, 0 },
	{ 0x5, 0x2500, NT_NO_SUCH_DEVICE, DISK_FAILED, 0 },
	{ 0x5, 0x2604, NT_INVALID_OFFSET_ALIGNMENT, DISK_FAILED, 0 },
	{ 0x5, 0x2608, NT_TOO_MANY_SEGMENT_DESCRIPTORS, DISK_FAILED, 0 },
	{ 0x5, 0x2600, NT_INVALID_FIELD_IN_PARAMETER_LIST, DISK_FAILED, 0 },
	{ 0x5, 0x550d, NT_INVALID_DEVICE_REQUEST, DISK_FAILED, 0 },
	{ 0x6, 0x2900, NT_IO_DEVICE_ERROR, DISK_RETRY, 0 },
	{ 0x6, 0x2a09, NT_IO_DEVICE_ERROR, DISK_RETRY, 1000 },
	{ 0x6, 0x2a01, NT_IO_DEVICE_ERROR, DISK_RETRY, 0 },
	{ 0x6, 0x3f01, NT_IO_DEVICE_ERROR, DISK_RETRY, 1000 },
	{ 0x6, 0x3f03, NT_IO_DEVICE_ERROR, DISK_RETRY, 5000 },
	{ 0x6, 0x3807, NT_IO_DEVICE_ERROR, DISK_RETRY, 0 },
	{ 0x6, 0x3802, NT_IO_DEVICE_ERROR, DISK_FAILED, 0 },
	{ 0x2, 0x0401, NT_DEVICE_NOT_READY, DISK_RETRY, 10000 },
	{ 0x2, 0x0407, NT_DEVICE_NOT_READY, DISK_RETRY, 10000 },
	{ 0x2, 0x0414, NT_RETRY, DISK_RETRY, 10000 },
	{ 0x2, 0x0400, NT_DEVICE_NOT_READY, DISK_FAILED, 0 },
	{ 0x2, 0x0404, NT_DEVICE_NOT_READY, DISK_FAILED, 0 },
	{ 0x2, 0x0408, NT_DEVICE_NOT_READY, DISK_FAILED, 0 },
	{ 0x2, 0x0403, NT_NO_MEDIA_IN_DEVICE, DISK_FAILED, 0 },
	{ 0x2, 0x3a02, NT_NO_MEDIA_IN_DEVICE, DISK_FAILED, 0 },
	{ 0x2, 0x040b, NT_DEVICE_NOT_READY, DISK_RETRY, 0 },
	{ 0x3, 0x1100, NT_DEVICE_DATA_ERROR, DISK_FAILED, 0 },
	{ 0x4, 0x0803, NT_DEVICE_HARDWARE_ERROR, DISK_RETRY, 1000 },
	{ 0x4, 0x4400, NT_DEVICE_HARDWARE_ERROR, DISK_FAILED, 0 },
	{ 0x7, 0x2707, NT_DISK_RESOURCES_EXHAUSTED, DISK_FAILED, 0 },
	{ 0x7, 0x2700, NT_IO_DEVICE_ERROR, DISK_FAILED, 0 },
	{ 0x7, 0x2000, NT_ACCESS_DENIED, DISK_FAILED, 0 },
	{ 0x8, 0x0000, NT_NO_DATA_DETECTED, DISK_FAILED, 0 },
	{ 0x0, 0x0000, NT_IO_DEVICE_ERROR, DISK_RETRY, 0 },
	{ 0xe, 0x1d00, NT_IO_DEVICE_ERROR, DISK_FAILED, 0 },
};

static bool is(const struct nt_rule *r, const struct row *want)
{
	if (r->nt == want->nt && r->verdict == want->verdict && r->delay_ms == want->ms)
		return true;
	printf("%X/%04X: %s, verdict %d, %u ms\n", want->key, want->asc, nt_name(r->nt), r->verdict,
	       r->delay_ms);
	return false;
}

static void senses(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sense s = sense_make(rows[i].key, rows[i].asc);

		CU_ASSERT(is(nt_judge(0, SAM_CHECK_CONDITION, &s), &rows[i]));
	}
}

static void statuses(void)
{
	/* What stands in @sense must not matter without CHECK CONDITION. */
	const struct sense s = sense_make(KEY_ILLEGAL_REQUEST, ASC_TOKEN_UNKNOWN);
	const struct row good = { .nt = NT_SUCCESS, .verdict = DISK_GOOD },
			 conflict = { .nt = NT_DEVICE_BUSY, .verdict = DISK_FAILED },
			 busy = { .nt = NT_DEVICE_NOT_READY, .verdict = DISK_RETRY, .ms = 100 },
			 late = { .nt = NT_IO_TIMEOUT, .verdict = DISK_RETRY, .ms = 1000 },
			 dead = { .nt = NT_IO_DEVICE_ERROR, .verdict = DISK_FAILED };

	CU_ASSERT(is(nt_judge(0, SAM_GOOD, &s), &good));
	CU_ASSERT(is(nt_judge(0, SAM_CONDITION_MET, &s), &good));
	CU_ASSERT(is(nt_judge(0, SAM_RESERVATION_CONFLICT, &s), &conflict));
	CU_ASSERT(is(nt_judge(0, SAM_BUSY, &s), &busy));
	CU_ASSERT(is(nt_judge(0, SAM_TASK_SET_FULL, &s), &busy));
	CU_ASSERT(is(nt_judge(0, SAM_TASK_ABORTED, &s), &late));
	CU_ASSERT(is(nt_judge(-ETIMEDOUT, SAM_GOOD, &s), &late));
	CU_ASSERT(is(nt_judge(-ECONNRESET, SAM_GOOD, &s), &dead));
	CU_ASSERT(is(nt_judge(0, 0x30, &s), &dead));
}

static void every_row_can_be_met(void)
{
	/* A row that an earlier one hides would be dead. */
	for (size_t i = 0; i < nt_nrules; i++) {
		const struct nt_rule *r = &nt_rules[i];
		struct sense s = { .key = r->key < 16 ? (uint8_t)r->key : 0xd,
				   .asc = r->asc < 256 ? (uint8_t)r->asc : 0x7e,
				   .ascq = r->ascq < 256 ? (uint8_t)r->ascq : 0x7d };
		int error = r->status != NT_NO_ANSWER ? 0
			    : r->key == NT_TIMED_OUT  ? -ETIMEDOUT
						      : -EIO;
		uint8_t status = r->status < 256 ? (uint8_t)r->status : 0x30;

		CU_ASSERT_PTR_EQUAL(nt_judge(error, status, &s), r);
	}
}

static void names(void)
{
	CU_ASSERT_STRING_EQUAL(nt_name(NT_INVALID_TOKEN), "STATUS_INVALID_TOKEN");
	CU_ASSERT_EQUAL(nt_value(NT_INVALID_TOKEN), 0xc0000465);
	CU_ASSERT_EQUAL(nt_value(NT_SUCCESS), 0);
	CU_ASSERT_EQUAL(NT_SUCCESS, 0); /* callers say "if (nt)" */
	for (unsigned i = 0; i < NT_COUNT; i++) {
		CU_ASSERT(nt_name(i) != NULL && strncmp(nt_name(i), "STATUS_", 7) == 0);
		CU_ASSERT(i == 0 || nt_value(i) > nt_value(i - 1)); /* ascending: none twice */
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { { "sense data as Windows judges it", senses },
					     { "statuses, and no answer at all", statuses },
					     { "no row hides another", every_row_can_be_met },
					     { "names and numbers", names },
					     TEST_END };

	return test_main(argc, argv, "tools-ntstatus", tests);
}
