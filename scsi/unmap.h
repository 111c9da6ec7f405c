/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logical block provisioning on the wire: the UNMAP parameter list (SBC-4 5.34),
 * GET LBA STATUS parameter data (SBC-4 5.6).  Pure, any thread.
 */
#ifndef SCSI_UNMAP_H
#define SCSI_UNMAP_H

#include "bytes.h"
#include "sense.h"

#define UNMAP_HEADER_LEN     8
#define UNMAP_DESCRIPTOR_LEN 16

struct unmap_range {
	uint64_t lba;
	uint32_t blocks;
};

/* A decoded list: points into the parameter list. */
struct unmap_list {
	const uint8_t *descriptors;
	unsigned n;
};

/* What a logical unit takes; VPD B0h says the first two. */
struct unmap_limits {
	uint32_t max_descriptors; /* MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT */
	uint32_t max_blocks;	  /* MAXIMUM UNMAP LBA COUNT: of all descriptors together */
	uint64_t capacity;	  /* blocks */
};

/*
 * Decodes @len > 0 bytes: 5/1A/00 when not even the header is there.  The shortest of
 * the two length fields and of what came says how many descriptors there are; one
 * that is there in part is ignored.
 */
struct sense unmap_decode(const uint8_t *pl, size_t len, struct unmap_list *ret);
struct unmap_range unmap_range_at(const struct unmap_list *list, unsigned i);
/* 5/26/00 beyond a limit, 5/21/00 beyond the capacity; with a pointer to the field. */
struct sense unmap_judge(const struct unmap_list *list, const struct unmap_limits *limits);

/* Writes the list for @n ranges; its length. */
size_t unmap_encode(uint8_t *buf, size_t cap, const struct unmap_range *ranges, unsigned n);

/* PROVISIONING STATUS, SBC-4 table 77 */
enum lba_provisioning { LBA_MAPPED, LBA_DEALLOCATED, LBA_ANCHORED };

struct lba_status {
	uint64_t lba;
	uint32_t blocks;
	uint8_t provisioning;
};

#define LBA_STATUS_HEADER_LEN 8
#define LBA_STATUS_LEN	      16

void lba_status_encode(struct writer *w, const struct lba_status *s, unsigned n);
/* How many descriptors came (at most @cap are stored); false: not even a header. */
bool lba_status_decode(const uint8_t *p, size_t len, struct lba_status *ret, unsigned cap,
		       unsigned *ret_n);

#endif
