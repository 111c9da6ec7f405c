/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mode pages: MODE SENSE and MODE SELECT, 6 and 10 (SPC-4 6.10-6.13, 7.5).
 * Pages 01h, 02h, 08h (caching), 0Ah (control), 1Ch.  Pure, any thread.
 */
#ifndef SCSI_MODE_H
#define SCSI_MODE_H

#include "bytes.h"
#include "cdb.h"

/* The values a host can change; the rest of the pages is constant. */
struct mode_state {
	bool wce;     /* caching page: write cache enabled                  */
	bool d_sense; /* control page: descriptor sense                     */
	bool swp;     /* control page: software write protect               */
};

struct mode_ctx {
	uint32_t block_size;
	uint64_t blocks;
	bool read_only; /* WP=1 in the device-specific parameter            */
	bool can_wce;	/* WCE is changeable                                */
	struct mode_state current, defaults;
};

/*
 * The whole MODE SENSE answer for @cdb (6 or 10, DBD, LLBAA, PC, page, subpage,
 * 3Fh and FFh).  Saved values: 5/39/00.  Unknown page: 5/24/00 at CDB 2.
 */
struct sense mode_sense_encode(struct writer *w, const struct scsi_cdb *cdb,
			       const struct mode_ctx *ctx);

/*
 * Judges a MODE SELECT parameter list; on success *ret_new is the whole new
 * state (the caller applies it).  Changes to anything that mode_sense reports
 * as not changeable: 5/26/00 with a pointer; a page cut short: 5/1A/00.  SP=1:
 * 5/24/00 at CDB 1 bit 0.  PF=0 with pages: 5/24/00 at CDB 1 bit 4.  Length 0: good.
 */
struct sense mode_select_decode(const uint8_t *pl, size_t len, const struct scsi_cdb *cdb,
				const struct mode_ctx *ctx, struct mode_state *ret_new);

/* ---- for initiators ---- */

#define MODE_PAGE_CONTROL 0x0a

/* What a MODE SENSE(6) of page 0Ah alone says; @page points into the answer. */
struct mode_control {
	bool wp;	     /* mode parameter header: the medium cannot be written */
	const uint8_t *page; /* the control page, NULL when it did not come whole   */
	size_t page_len;     /* with its two bytes of header                        */
	uint8_t qerr;	     /* 0: an error of one command ends no other            */
	bool tst, d_sense, swp;
};
/* False, @ret untouched, with fewer than 4 bytes.  At most PAGE LENGTH and what came is believed.
 */
bool mode_control_decode(const uint8_t *p, size_t len, struct mode_control *ret);
/*
 * A MODE SELECT(6) parameter list (PF=1) that puts @c's page back with @qerr.  Stores at
 * most @cap bytes, returns the list's length; 0 without a page.
 */
size_t mode_control_encode(uint8_t *pl, size_t cap, const struct mode_control *c, uint8_t qerr);

#endif
