/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second layer, what the class driver does for IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES:
 * an offload read is one POPULATE TOKEN, an offload write a chain of WRITE USING TOKENs
 * for at most four seconds (windows-initiator.md 2, 4).  Everything is in bytes.  The
 * structs are those of Windows, field by field; docs/odx-map.md follows each to the wire.
 * Same thread as the session below.
 */
#ifndef TOOLS_DSM_H
#define TOOLS_DSM_H

#include "disk.h"

/* DEVICE_DATA_SET_RANGE: StartingOffset, LengthInBytes. */
struct dsm_range {
	uint64_t off, len;
};

/* DEVICE_DSM_OFFLOAD_READ_PARAMETERS */
struct dsm_read_in {
	uint32_t flags;	       /* not used */
	uint32_t time_to_live; /* as INACTIVITY TIMEOUT: seconds; 0: the target's own */
};

/* STORAGE_OFFLOAD_READ_OUTPUT */
#define DSM_READ_TRUNCATED 0x1u /* STORAGE_OFFLOAD_READ_RANGE_TRUNCATED */
struct dsm_read_out {
	uint32_t flags;
	uint64_t length_protected; /* leading bytes of the ranges that the token holds */
	uint8_t token[ROD_TOKEN_LEN];
};

/* DEVICE_DSM_OFFLOAD_WRITE_PARAMETERS */
struct dsm_write_in {
	uint32_t flags, reserved; /* not used */
	uint64_t token_offset;	  /* a multiple of the destination's block size */
	uint8_t token[ROD_TOKEN_LEN];
};

/* STORAGE_OFFLOAD_WRITE_OUTPUT */
#define DSM_WRITE_TRUNCATED 0x1u /* STORAGE_OFFLOAD_WRITE_RANGE_TRUNCATED */
#define DSM_TOKEN_INVALID   0x2u /* STORAGE_OFFLOAD_TOKEN_INVALID         */
struct dsm_write_out {
	uint32_t flags;
	uint64_t length_copied; /* leading bytes of the ranges that were written */
};

/*
 * Both: @n ranges in the order of the data, none empty, offsets and lengths multiples of
 * the block size.  Refused before anything is sent: NT_DEVICE_FEATURE_NOT_SUPPORTED (no
 * ODX), NT_INVALID_PARAMETER (alignment, an empty range, none), NT_NONEXISTENT_SECTOR (past
 * the end).  @err gets one line whenever less than all was done, also with NT_SUCCESS; ""
 * otherwise.  @out is set in any case.
 */

/* Also NT_INVALID_PARAMETER: @in->time_to_live above the target's maximum. */
enum ntstatus dsm_offload_read(struct disk *d, const struct dsm_read_in *in,
			       const struct dsm_range *v, unsigned n, struct dsm_read_out *out,
			       char *err);

/*
 * NT_SUCCESS as soon as anything was written, whatever came after it.  An offset that is
 * no multiple of the block size is refused here; Windows rounds it down in silence.
 */
enum ntstatus dsm_offload_write(struct disk *d, const struct dsm_write_in *in,
				const struct dsm_range *v, unsigned n, struct dsm_write_out *out,
				char *err);

#endif
