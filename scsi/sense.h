/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sense data (SPC-4 4.5) as a small value: key 0 means "good".
 *
 * Functions return a struct sense by value; encoding happens once, where the
 * status leaves the target.  Pure, callable from any thread.
 */
#ifndef SCSI_SENSE_H
#define SCSI_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scsi_status {
	SAM_GOOD = 0x00,
	SAM_CHECK_CONDITION = 0x02,
	SAM_CONDITION_MET = 0x04,
	SAM_BUSY = 0x08,
	SAM_RESERVATION_CONFLICT = 0x18,
	SAM_TASK_SET_FULL = 0x28,
	SAM_TASK_ABORTED = 0x40,
};

enum sense_key {
	KEY_NO_SENSE = 0x0,
	KEY_RECOVERED_ERROR = 0x1,
	KEY_NOT_READY = 0x2,
	KEY_MEDIUM_ERROR = 0x3,
	KEY_HARDWARE_ERROR = 0x4,
	KEY_ILLEGAL_REQUEST = 0x5,
	KEY_UNIT_ATTENTION = 0x6,
	KEY_DATA_PROTECT = 0x7,
	KEY_COPY_ABORTED = 0xa,
	KEY_ABORTED_COMMAND = 0xb,
	KEY_MISCOMPARE = 0xe,
	KEY_COMPLETED = 0xf,
};

/* ASC << 8 | ASCQ, named as in SPC-4 annex F. */
enum {
	ASC_NONE = 0x0000,
	ASC_OPERATION_IN_PROGRESS = 0x0016,
	ASC_COPY_INFORMATION_AVAILABLE = 0x0020,
	ASC_NOT_READY_INITIALIZING_REQUIRED = 0x0402,
	ASC_NOT_READY_MANUAL_INTERVENTION = 0x0403,
	ASC_FORMAT_IN_PROGRESS = 0x0404,
	ASC_SANITIZE_IN_PROGRESS = 0x041b,
	ASC_UNREACHABLE_COPY_TARGET = 0x0804,
	ASC_WRITE_ERROR = 0x0c00,
	ASC_THIRD_PARTY_DEVICE_FAILURE = 0x0d01,
	ASC_COPY_TARGET_NOT_REACHABLE = 0x0d02,
	ASC_COPY_TARGET_INCORRECT_TYPE = 0x0d03,
	ASC_COPY_TARGET_DATA_UNDERRUN = 0x0d04,
	ASC_INVALID_FIELD_IN_COMMAND_IU = 0x0e03,
	ASC_UNRECOVERED_READ_ERROR = 0x1100,
	ASC_PARAMETER_LIST_LENGTH_ERROR = 0x1a00,
	ASC_MISCOMPARE_DURING_VERIFY = 0x1d00,
	ASC_INVALID_OPCODE = 0x2000,
	ASC_LBA_OUT_OF_RANGE = 0x2100,
	ASC_INVALID_TOKEN_OPERATION = 0x2300,
	ASC_TOKEN_TYPE_UNSUPPORTED = 0x2301,
	ASC_TOKEN_REMOTE_UNSUPPORTED = 0x2302,
	ASC_TOKEN_UNKNOWN = 0x2304,
	ASC_TOKEN_CORRUPT = 0x2305,
	ASC_TOKEN_REVOKED = 0x2306,
	ASC_TOKEN_EXPIRED = 0x2307,
	ASC_TOKEN_CANCELLED = 0x2308,
	ASC_TOKEN_DELETED = 0x2309,
	ASC_TOKEN_LENGTH = 0x230a,
	ASC_INVALID_FIELD_IN_CDB = 0x2400,
	ASC_LUN_NOT_SUPPORTED = 0x2500,
	ASC_INVALID_FIELD_IN_PARAMETER_LIST = 0x2600,
	ASC_INVALID_RELEASE = 0x2604, /* of a persistent reservation */
	ASC_TOO_MANY_TARGET_DESCRIPTORS = 0x2606,
	ASC_UNSUPPORTED_TARGET_DESCRIPTOR = 0x2607,
	ASC_TOO_MANY_SEGMENT_DESCRIPTORS = 0x2608,
	ASC_UNSUPPORTED_SEGMENT_DESCRIPTOR = 0x2609,
	ASC_UNEXPECTED_INEXACT_SEGMENT = 0x260a,
	ASC_INLINE_DATA_LENGTH_EXCEEDED = 0x260b,
	ASC_SEGMENT_GRANULARITY_VIOLATION = 0x260d,
	ASC_FAST_COPY_NOT_POSSIBLE = 0x2616,
	ASC_WRITE_PROTECTED = 0x2700,
	ASC_SPACE_ALLOCATION_FAILED = 0x2707,
	ASC_MEDIUM_MAY_HAVE_CHANGED = 0x2800,
	ASC_POWER_ON_OR_RESET = 0x2900,
	ASC_POWER_ON = 0x2901,
	ASC_DEVICE_RESET = 0x2903,
	ASC_NEXUS_LOSS = 0x2907,
	ASC_MODE_PARAMETERS_CHANGED = 0x2a01,
	ASC_RESERVATIONS_PREEMPTED = 0x2a03,
	ASC_RESERVATIONS_RELEASED = 0x2a04,
	ASC_REGISTRATIONS_PREEMPTED = 0x2a05,
	ASC_CAPACITY_CHANGED = 0x2a09,
	ASC_COMMANDS_CLEARED_BY_ANOTHER = 0x2f00,
	ASC_COMMANDS_CLEARED_BY_SERVER = 0x2f02,
	ASC_SANITIZE_FAILED = 0x3103,
	ASC_SAVING_PARAMETERS_UNSUPPORTED = 0x3900,
	ASC_MEDIUM_NOT_PRESENT = 0x3a00,
	ASC_MEDIUM_NOT_PRESENT_TRAY_OPEN = 0x3a02,
	ASC_REPORTED_LUNS_CHANGED = 0x3f0e,
	ASC_INTERNAL_TARGET_FAILURE = 0x4400,
	ASC_TOO_MUCH_WRITE_DATA = 0x4b02, /* "too much write data" */
	ASC_MEDIUM_REMOVAL_PREVENTED = 0x5302,
	ASC_INSUFFICIENT_RESOURCES = 0x5503,
	ASC_INSUFFICIENT_REGISTRATIONS = 0x5504,
	ASC_INSUFFICIENT_RESOURCES_ROD = 0x550c,
	ASC_INSUFFICIENT_RESOURCES_TOKEN = 0x550d,
};

#define SENSE_INFO	0x01 /* @info is valid (the VALID bit)           */
#define SENSE_FIELD_CDB 0x02 /* @field points into the CDB               */
#define SENSE_FIELD_PL	0x04 /* @field points into the parameter list    */
#define SENSE_FIELD_BIT 0x08 /* @bit says which bit of that byte (BPV)   */
#define SENSE_PROGRESS	0x10 /* @field is PROGRESS INDICATION, of 65536  */
/* EXTENDED COPY, COPY ABORTED (SPC-4 5.17.7.4): */
#define SENSE_SEGMENT	    0x20 /* @segment: number of the segment, in CSI      */
#define SENSE_FIELD_SEGMENT 0x40 /* @field points into its descriptor (SD = 1) */

struct sense {
	uint8_t key, asc, ascq, flags, bit;
	uint16_t field, segment;
	uint64_t info;
};

#define SENSE_FIXED_LEN 18  /* what sense_encode(..., false) makes */
#define SENSE_MAX_LEN	252 /* SPC-4 4.5.1                         */

static inline struct sense sense_good(void)
{
	return (struct sense) { 0 };
}

static inline bool sense_is_good(struct sense s)
{
	return s.key == 0 && s.asc == 0 && s.ascq == 0;
}

static inline struct sense sense_make(enum sense_key key, unsigned asc_ascq)
{
	return (struct sense) { .key = (uint8_t)key,
				.asc = (uint8_t)(asc_ascq >> 8),
				.ascq = (uint8_t)asc_ascq };
}

static inline struct sense sense_info(enum sense_key key, unsigned asc_ascq, uint64_t info)
{
	struct sense s = sense_make(key, asc_ascq);

	s.flags = SENSE_INFO;
	s.info = info;
	return s;
}

/* 5/24/00 with a pointer to CDB byte @byte. */
static inline struct sense sense_cdb(uint16_t byte)
{
	struct sense s = sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);

	s.flags = SENSE_FIELD_CDB;
	s.field = byte;
	return s;
}

static inline struct sense sense_cdb_bit(uint16_t byte, uint8_t bit)
{
	struct sense s = sense_cdb(byte);

	s.flags |= SENSE_FIELD_BIT;
	s.bit = bit;
	return s;
}

/* ILLEGAL REQUEST @asc_ascq with a pointer to parameter list byte @byte. */
static inline struct sense sense_pl(unsigned asc_ascq, uint16_t byte)
{
	struct sense s = sense_make(KEY_ILLEGAL_REQUEST, asc_ascq);

	s.flags = SENSE_FIELD_PL;
	s.field = byte;
	return s;
}

static inline struct sense sense_pl_bit(unsigned asc_ascq, uint16_t byte, uint8_t bit)
{
	struct sense s = sense_pl(asc_ascq, byte);

	s.flags |= SENSE_FIELD_BIT;
	s.bit = bit;
	return s;
}

/* NOT READY @asc_ascq, and how far it is: of 65536 parts (SPC-4 4.5.2.4.4). */
static inline struct sense sense_progress(unsigned asc_ascq, uint16_t progress)
{
	struct sense s = sense_make(KEY_NOT_READY, asc_ascq);

	s.flags = SENSE_PROGRESS;
	s.field = progress;
	return s;
}

static inline unsigned sense_asc_ascq(struct sense s)
{
	return (unsigned)s.asc << 8 | s.ascq;
}

/*
 * Encodes @s: fixed format (70h, 18 bytes; VALID only when info fits 32 bits) or
 * descriptor format (72h; information and sense-key-specific descriptors).
 * Stores at most @cap bytes, returns the full length.
 */
size_t sense_encode(struct sense s, bool descriptor, uint8_t *buf, size_t cap);

/*
 * Decodes 70h-73h sense, any length; what is missing reads as zero.  Returns
 * false, @ret untouched, when the bytes are not sense data at all.
 */
bool sense_decode(const uint8_t *buf, size_t len, struct sense *ret);

/* "token cancelled"; a generic text for a code that we do not list.  Static. */
const char *sense_text(struct sense s);

#endif
