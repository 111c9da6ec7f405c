/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The third layer, what a file system does for FSCTL_OFFLOAD_READ and _WRITE: a flat file,
 * mapped to extents of a disk, and the rules of MS-FSCC, MS-FSA and the driver
 * documentation (windows-initiator.md 7).  The structs are those of Windows, field by field
 * less Size; docs/odx-map.md follows each to the wire.  Same thread as the session below.
 */
#ifndef TOOLS_FSCTL_H
#define TOOLS_FSCTL_H

#include "dsm.h"

#define FSCTL_MAX_FILE INT64_MAX /* no file is longer */
#define FSCTL_LEAST    4096	 /* a smaller file, one page, is not offloaded */

/* A file; the caller's, also the extents. */
struct fsctl_file {
	struct disk *disk;
	/*
	 * Where its bytes are, in their order; multiples of the block size, together at
	 * least @size.  NULL: the LUN itself, from its first block on.
	 */
	const struct dsm_range *extents;
	unsigned n;
	uint64_t size;	/* end of file */
	uint64_t valid; /* valid data length, at most @size: what follows reads as zeros */
	uint64_t least; /* a smaller one is not offloaded: FSCTL_LEAST, or less in tests */
};
/* All of @d as one file with one extent. */
struct fsctl_file fsctl_lun(struct disk *d);

/* Where byte @off is; returns how many lie together from there on, 0 past the extents. */
uint64_t fsctl_map(const struct fsctl_file *f, uint64_t off, uint64_t *ret_disk_off);

/* FSCTL_OFFLOAD_READ_INPUT */
struct fsctl_read_in {
	uint32_t flags;		     /* not used */
	uint32_t token_time_to_live; /* 0: the target's own */
	uint64_t file_offset, copy_length;
};

/* FSCTL_OFFLOAD_READ_OUTPUT; the numbers are ntifs.h's. */
#define FSCTL_READ_TOO_SMALL	   0x1u /* OFFLOAD_READ_FLAG_FILE_TOO_SMALL                */
#define FSCTL_READ_ALL_ZERO_BEYOND 0x2u /* OFFLOAD_READ_FLAG_ALL_ZERO_BEYOND_CURRENT_RANGE */
struct fsctl_read_out {
	uint32_t flags;
	uint64_t transfer_length; /* at most copy_length */
	uint8_t token[ROD_TOKEN_LEN];
};

/* FSCTL_OFFLOAD_WRITE_INPUT */
struct fsctl_write_in {
	uint32_t flags; /* not used */
	uint64_t file_offset, copy_length;
	uint64_t transfer_offset; /* into the token's data */
	uint8_t token[ROD_TOKEN_LEN];
};

/* FSCTL_OFFLOAD_WRITE_OUTPUT */
struct fsctl_write_out {
	uint32_t flags;		 /* 0 or FSCTL_READ_TOO_SMALL: the name is the same for both */
	uint64_t length_written; /* at most copy_length */
};

/*
 * Both: NT_NOT_SUPPORTED (no ODX there), NT_INVALID_PARAMETER (offsets or, but at the end of
 * the file, lengths that are no multiples of the block size; offset + length above
 * FSCTL_MAX_FILE), NT_END_OF_FILE (an offset at or past it), or what the layers below
 * say.  copy_length 0 is NT_SUCCESS with nothing done.  A file that is too small is
 * NT_SUCCESS with the flag and nothing done.  @err as in dsm.h.
 */

/*
 * From the valid data length on there is nothing to read: the zero token, and no command.
 * A read up to there has FSCTL_READ_ALL_ZERO_BEYOND, if the file goes on.
 */
enum ntstatus fsctl_offload_read(const struct fsctl_file *f, const struct fsctl_read_in *in,
				 struct fsctl_read_out *out, char *err);

/*
 * NT_BEYOND_VDL: an offset past the valid data length, which is moved on by what was
 * written.  The token goes down as it is: what its type means is the target's to say.
 */
enum ntstatus fsctl_offload_write(struct fsctl_file *f, const struct fsctl_write_in *in,
				  struct fsctl_write_out *out, char *err);

#endif
