/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of the whole medium: parameter lists of FORMAT UNIT and SANITIZE, the
 * defect lists of READ DEFECT DATA.  Pure, any thread.
 */
#ifndef SCSI_FORMAT_H
#define SCSI_FORMAT_H

#include "bytes.h"
#include "cdb.h"

#define FORMAT_SHORT_LEN    4
#define FORMAT_LONG_LEN	    8
#define SANITIZE_HEADER_LEN 4
#define SANITIZE_MAX_PASSES 31

/*
 * FORMAT UNIT with its CDB @cdb (SBC-4 5.4): the defaults, no defect list, no
 * protection information, no initialization pattern.  @p are the parameter list's
 * @len bytes (none without FMTDATA).  5/24/00 and 5/26/00 with pointers, 5/1A/00 for a
 * list that is cut short.  @ret_immed untouched unless good.
 */
struct sense format_decode(const struct scsi_cdb *cdb, const uint8_t *p, size_t len,
			   bool *ret_immed);
/* The list of a FORMAT UNIT that format_decode accepts; its length. */
size_t format_encode(bool longlist, bool immed, uint8_t buf[FORMAT_LONG_LEN]);

/* SANITIZE, overwrite (SBC-4 5.30.3). */
struct sanitize_overwrite {
	bool invert;		/* the pattern is inverted from pass to pass */
	uint8_t passes;		/* OVERWRITE COUNT, 1..31 */
	const uint8_t *pattern; /* inside the list */
	uint16_t pattern_len;	/* 1..block size */
};
/* @ret untouched unless good. */
struct sense sanitize_overwrite_decode(const uint8_t *p, size_t len, uint32_t block_size,
				       struct sanitize_overwrite *ret);
void sanitize_overwrite_encode(struct writer *w, const struct sanitize_overwrite *o);

/*
 * READ DEFECT DATA(10) and (12): lists that were asked for and are empty, in the format
 * asked for.  5/24/00 for a format that nobody defined.
 */
struct sense defect_list_encode(struct writer *w, const struct scsi_cdb *cdb);

#endif
