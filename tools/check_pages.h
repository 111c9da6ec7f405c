/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges what Windows reads when a disk appears.  Pure: everything comes from
 * struct disk, from the raw bytes in seen[] above all.
 */
#ifndef TOOLS_CHECK_PAGES_H
#define TOOLS_CHECK_PAGES_H

#include "check_findings.h"
#include "disk.h"

/* All findings of GROUP_DISCOVERY that are about one LUN; @pair: the other side is another LUN. */
void check_pages(const struct disk *d, enum side side, bool pair, struct findings *f);

/* Those about two LUNs; @same_target: as far as names and addresses tell. */
void check_pair(const struct disk *src, const struct disk *dst, bool same_target,
		struct findings *f);

#endif
