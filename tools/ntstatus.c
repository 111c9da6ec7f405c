/* SPDX-License-Identifier: Apache-2.0 */
#include "ntstatus.h"

#include <errno.h>

#define BUSY_DELAY_MS 100 /* Windows' port driver waits a while, too */

static const struct {
	const char *name;
	uint32_t value;
} names[NT_COUNT] = {
#define ROW(x, number) [NT_##x] = { "STATUS_" #x, number }
	ROW(SUCCESS, 0x00000000),
	ROW(DEVICE_BUSY, 0x80000011),
	ROW(NO_DATA_DETECTED, 0x80000022),
	ROW(UNSUCCESSFUL, 0xc0000001),
	ROW(INVALID_PARAMETER, 0xc000000d),
	ROW(NO_SUCH_DEVICE, 0xc000000e),
	ROW(INVALID_DEVICE_REQUEST, 0xc0000010),
	ROW(END_OF_FILE, 0xc0000011),
	ROW(NO_MEDIA_IN_DEVICE, 0xc0000013),
	ROW(NONEXISTENT_SECTOR, 0xc0000015),
	ROW(ACCESS_DENIED, 0xc0000022),
	ROW(DATA_OVERRUN, 0xc000003c),
	ROW(INSUFFICIENT_RESOURCES, 0xc000009a),
	ROW(DEVICE_DATA_ERROR, 0xc000009c),
	ROW(DEVICE_NOT_READY, 0xc00000a3),
	ROW(IO_TIMEOUT, 0xc00000b5),
	ROW(NOT_SUPPORTED, 0xc00000bb),
	ROW(IO_DEVICE_ERROR, 0xc0000185),
	ROW(RETRY, 0xc000022d),
	ROW(BEYOND_VDL, 0xc0000432),
	ROW(DISK_RESOURCES_EXHAUSTED, 0xc0000461),
	ROW(DEVICE_FEATURE_NOT_SUPPORTED, 0xc0000463),
	ROW(DEVICE_UNREACHABLE, 0xc0000464),
	ROW(INVALID_TOKEN, 0xc0000465),
	ROW(TOO_MANY_SEGMENT_DESCRIPTORS, 0xc0000473),
	ROW(INVALID_OFFSET_ALIGNMENT, 0xc0000474),
	ROW(INVALID_FIELD_IN_PARAMETER_LIST, 0xc0000475),
	ROW(OPERATION_IN_PROGRESS, 0xc0000476),
	ROW(INVALID_INITIATOR_TARGET_PATH, 0xc0000477),
	ROW(DEVICE_HARDWARE_ERROR, 0xc0000483),
	ROW(OFFLOAD_READ_FILE_NOT_SUPPORTED, 0xc000a2a3),
	ROW(OFFLOAD_WRITE_FILE_NOT_SUPPORTED, 0xc000a2a4),
#undef ROW
};

const char *nt_name(enum ntstatus nt)
{
	return names[nt].name;
}

uint32_t nt_value(enum ntstatus nt)
{
	return names[nt].value;
}

/* CHECK CONDITION with these codes, and any other end. */
#define CHECK(key, asc, ascq) SAM_CHECK_CONDITION, key, asc, ascq
#define END(status, key)      status, key, NT_ANY, NT_ANY

/* windows-initiator.md 5, first match wins. */
const struct nt_rule nt_rules[] = {
	{ END(SAM_GOOD, NT_ANY), NT_SUCCESS, DISK_GOOD, 0, "GOOD" },
	{ END(SAM_CONDITION_MET, NT_ANY), NT_SUCCESS, DISK_GOOD, 0, "CONDITION MET" },
	{ CHECK(KEY_RECOVERED_ERROR, NT_ANY, NT_ANY), NT_SUCCESS, DISK_GOOD, 0, "recovered error" },

	{ CHECK(KEY_COPY_ABORTED, 0x0d, 0x04), NT_SUCCESS, DISK_TRUNCATED, 0, "truncated" },
	{ CHECK(KEY_ABORTED_COMMAND, 0x0d, 0x04), NT_SUCCESS, DISK_TRUNCATED, 0, "truncated" },
	{ CHECK(KEY_ABORTED_COMMAND, 0x55, 0x03), NT_INSUFFICIENT_RESOURCES, DISK_FAILED, 0,
	  "insufficient resources" },
	{ CHECK(KEY_ABORTED_COMMAND, NT_ANY, NT_ANY), NT_IO_DEVICE_ERROR, DISK_RETRY, 0,
	  "aborted command" },
	{ CHECK(KEY_COPY_ABORTED, NT_ANY, NT_ANY), NT_IO_DEVICE_ERROR, DISK_RETRY, 0,
	  "copy aborted" },

	{ CHECK(KEY_ILLEGAL_REQUEST, 0x00, 0x16), NT_OPERATION_IN_PROGRESS, DISK_FAILED, 0,
	  "duplicate list identifier" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x08, 0x04), NT_DEVICE_UNREACHABLE, DISK_FAILED, 0,
	  "unreachable copy target" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x0d, 0x04), NT_DATA_OVERRUN, DISK_FAILED, 0,
	  "copy target data underrun as illegal request" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x1a, NT_ANY), NT_DATA_OVERRUN, DISK_FAILED, 0,
	  "parameter list length" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x20, NT_ANY), NT_INVALID_DEVICE_REQUEST, DISK_FAILED, 0,
	  "invalid operation code" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x21, NT_ANY), NT_NONEXISTENT_SECTOR, DISK_FAILED, 0,
	  "LBA out of range" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x23, NT_ANY), NT_INVALID_TOKEN, DISK_TOKEN, 0,
	  "token error" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x24, NT_ANY), NT_INVALID_INITIATOR_TARGET_PATH, DISK_FAILED,
	  0, "invalid field in CDB" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x25, NT_ANY), NT_NO_SUCH_DEVICE, DISK_FAILED, 0, "no LUN" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x26, 0x04), NT_INVALID_OFFSET_ALIGNMENT, DISK_FAILED, 0,
	  "alignment" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x26, 0x08), NT_TOO_MANY_SEGMENT_DESCRIPTORS, DISK_FAILED, 0,
	  "too many range descriptors" },
	{ CHECK(KEY_ILLEGAL_REQUEST, 0x26, NT_ANY), NT_INVALID_FIELD_IN_PARAMETER_LIST, DISK_FAILED,
	  0, "invalid field in parameter list" },
	{ CHECK(KEY_ILLEGAL_REQUEST, NT_ANY, NT_ANY), NT_INVALID_DEVICE_REQUEST, DISK_FAILED, 0,
	  "illegal request" },

	{ CHECK(KEY_UNIT_ATTENTION, 0x2a, 0x09), NT_IO_DEVICE_ERROR, DISK_RETRY, 1000,
	  "capacity changed" },
	{ CHECK(KEY_UNIT_ATTENTION, 0x3f, 0x01), NT_IO_DEVICE_ERROR, DISK_RETRY, 1000,
	  "microcode changed" },
	{ CHECK(KEY_UNIT_ATTENTION, 0x3f, NT_ANY), NT_IO_DEVICE_ERROR, DISK_RETRY, 5000,
	  "target operating conditions changed" },
	{ CHECK(KEY_UNIT_ATTENTION, 0x38, 0x07), NT_IO_DEVICE_ERROR, DISK_RETRY, 0,
	  "thin provisioning soft threshold" },
	{ CHECK(KEY_UNIT_ATTENTION, 0x38, NT_ANY), NT_IO_DEVICE_ERROR, DISK_FAILED, 0,
	  "event status notification" },
	{ CHECK(KEY_UNIT_ATTENTION, NT_ANY, NT_ANY), NT_IO_DEVICE_ERROR, DISK_RETRY, 0,
	  "unit attention" },

	{ CHECK(KEY_NOT_READY, 0x04, 0x01), NT_DEVICE_NOT_READY, DISK_RETRY, 10000,
	  "becoming ready" },
	{ CHECK(KEY_NOT_READY, 0x04, 0x07), NT_DEVICE_NOT_READY, DISK_RETRY, 10000,
	  "operation in progress" },
	{ CHECK(KEY_NOT_READY, 0x04, 0x14), NT_RETRY, DISK_RETRY, 10000,
	  "space allocation in progress" },
	{ CHECK(KEY_NOT_READY, 0x04, 0x00), NT_DEVICE_NOT_READY, DISK_FAILED, 0, "not ready" },
	{ CHECK(KEY_NOT_READY, 0x04, 0x04), NT_DEVICE_NOT_READY, DISK_FAILED, 0,
	  "format in progress" },
	{ CHECK(KEY_NOT_READY, 0x04, 0x08), NT_DEVICE_NOT_READY, DISK_FAILED, 0,
	  "long write in progress" },
	{ CHECK(KEY_NOT_READY, 0x04, 0x03), NT_NO_MEDIA_IN_DEVICE, DISK_FAILED, 0,
	  "manual intervention required" },
	{ CHECK(KEY_NOT_READY, 0x3a, NT_ANY), NT_NO_MEDIA_IN_DEVICE, DISK_FAILED, 0, "no medium" },
	{ CHECK(KEY_NOT_READY, 0x04, NT_ANY), NT_DEVICE_NOT_READY, DISK_RETRY, 0,
	  "not ready, other cause" },
	/* Not in section 5. */
	{ CHECK(KEY_NOT_READY, NT_ANY, NT_ANY), NT_DEVICE_NOT_READY, DISK_FAILED, 0, "not ready" },

	{ CHECK(KEY_MEDIUM_ERROR, NT_ANY, NT_ANY), NT_DEVICE_DATA_ERROR, DISK_FAILED, 0,
	  "medium error" },
	{ CHECK(KEY_HARDWARE_ERROR, 0x08, 0x03), NT_DEVICE_HARDWARE_ERROR, DISK_RETRY, 1000,
	  "communication CRC error" },
	{ CHECK(KEY_HARDWARE_ERROR, NT_ANY, NT_ANY), NT_DEVICE_HARDWARE_ERROR, DISK_FAILED, 0,
	  "hardware error" },
	{ CHECK(KEY_DATA_PROTECT, 0x27, 0x07), NT_DISK_RESOURCES_EXHAUSTED, DISK_FAILED, 0,
	  "space allocation failed" },
	{ CHECK(KEY_DATA_PROTECT, 0x27, NT_ANY), NT_IO_DEVICE_ERROR, DISK_FAILED, 0,
	  "write protected" },
	{ CHECK(KEY_DATA_PROTECT, NT_ANY, NT_ANY), NT_ACCESS_DENIED, DISK_FAILED, 0,
	  "data protect" },
	{ CHECK(0x8, NT_ANY, NT_ANY), NT_NO_DATA_DETECTED, DISK_FAILED, 0, "blank check" },
	{ CHECK(KEY_NO_SENSE, NT_ANY, NT_ANY), NT_IO_DEVICE_ERROR, DISK_RETRY, 0, "no sense" },

	{ END(SAM_RESERVATION_CONFLICT, NT_ANY), NT_DEVICE_BUSY, DISK_FAILED, 0,
	  "reservation conflict" },
	{ END(SAM_BUSY, NT_ANY), NT_DEVICE_NOT_READY, DISK_RETRY, BUSY_DELAY_MS, "BUSY" },
	{ END(SAM_TASK_SET_FULL, NT_ANY), NT_DEVICE_NOT_READY, DISK_RETRY, BUSY_DELAY_MS,
	  "TASK SET FULL" },
	{ END(SAM_TASK_ABORTED, NT_ANY), NT_IO_TIMEOUT, DISK_RETRY, 1000, "TASK ABORTED" },
	{ END(NT_NO_ANSWER, NT_TIMED_OUT), NT_IO_TIMEOUT, DISK_RETRY, 1000, "no answer in time" },
	/* Windows' iSCSI initiator would log in again; we do not. */
	{ END(NT_NO_ANSWER, NT_ANY), NT_IO_DEVICE_ERROR, DISK_FAILED, 0, "no answer" },
	{ END(NT_ANY, NT_ANY), NT_IO_DEVICE_ERROR, DISK_FAILED, 0, "any other end" },
};
const size_t nt_nrules = sizeof(nt_rules) / sizeof(nt_rules[0]);

static bool fits(uint16_t want, uint16_t got)
{
	return want == NT_ANY || want == got;
}

const struct nt_rule *nt_judge(int error, uint8_t status, const struct sense *sense)
{
	uint16_t st = error ? NT_NO_ANSWER : status;
	uint16_t key = error == -ETIMEDOUT ? NT_TIMED_OUT : sense->key;
	const struct nt_rule *r = nt_rules;

	while (!fits(r->status, st) || !fits(r->key, key) || !fits(r->asc, sense->asc) ||
	       !fits(r->ascq, sense->ascq))
		r++;
	return r;
}
