/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Windows makes of a command's end: one table of status and sense codes with
 * the NTSTATUS, whether the same CDB is sent again and after how long
 * (windows-initiator.md 5), and one table of the NTSTATUS names and numbers.
 * Pure, any thread.
 */
#ifndef TOOLS_NTSTATUS_H
#define TOOLS_NTSTATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sense.h"

/* Rows of a table, not Windows' numbers: those are nt_value's.  NT_SUCCESS is 0. */
enum ntstatus {
	NT_SUCCESS,
	NT_DEVICE_BUSY,
	NT_NO_DATA_DETECTED,
	NT_UNSUCCESSFUL,
	NT_INVALID_PARAMETER,
	NT_NO_SUCH_DEVICE,
	NT_INVALID_DEVICE_REQUEST,
	NT_END_OF_FILE,
	NT_NO_MEDIA_IN_DEVICE,
	NT_NONEXISTENT_SECTOR,
	NT_ACCESS_DENIED,
	NT_DATA_OVERRUN,
	NT_INSUFFICIENT_RESOURCES,
	NT_DEVICE_DATA_ERROR,
	NT_DEVICE_NOT_READY,
	NT_IO_TIMEOUT,
	NT_NOT_SUPPORTED,
	NT_IO_DEVICE_ERROR,
	NT_RETRY,
	NT_BEYOND_VDL,
	NT_DISK_RESOURCES_EXHAUSTED,
	NT_DEVICE_FEATURE_NOT_SUPPORTED,
	NT_DEVICE_UNREACHABLE,
	NT_INVALID_TOKEN,
	NT_TOO_MANY_SEGMENT_DESCRIPTORS,
	NT_INVALID_OFFSET_ALIGNMENT,
	NT_INVALID_FIELD_IN_PARAMETER_LIST,
	NT_OPERATION_IN_PROGRESS,
	NT_INVALID_INITIATOR_TARGET_PATH,
	NT_DEVICE_HARDWARE_ERROR,
	NT_OFFLOAD_READ_FILE_NOT_SUPPORTED,
	NT_OFFLOAD_WRITE_FILE_NOT_SUPPORTED,
	NT_COUNT /* not a status */
};

/* "STATUS_INVALID_TOKEN" and 0xC0000465. */
const char *nt_name(enum ntstatus nt);
uint32_t nt_value(enum ntstatus nt);

/* What the class driver does next. */
enum disk_verdict {
	DISK_GOOD,
	DISK_TRUNCATED, /* A or B / 0D/04 */
	DISK_TOKEN,	/* 5/23/xx: the token is dead */
	DISK_FAILED,
	DISK_RETRY, /* the same CDB may be sent again */
};

#define NT_ANY	     0x100 /* in a rule: every value                                  */
#define NT_NO_ANSWER 0x101 /* in @status: there was none; @key is then NT_TIMED_OUT or any */
#define NT_TIMED_OUT 0x102

struct nt_rule {
	uint16_t status;	 /* SAM status, or NT_NO_ANSWER                 */
	uint16_t key, asc, ascq; /* of CHECK CONDITION; or NT_ANY               */
	enum ntstatus nt;
	enum disk_verdict verdict;
	uint32_t delay_ms; /* before a retry */
	const char *what;
};

/* The table, for those who go through all rows; the last one fits everything. */
extern const struct nt_rule nt_rules[];
extern const size_t nt_nrules;

/*
 * The row for a command's end: @error 0 or the -errno of a command that was not
 * answered (-ETIMEDOUT: in time); @sense is looked at with CHECK CONDITION only.
 */
const struct nt_rule *nt_judge(int error, uint8_t status, const struct sense *sense);

#endif
