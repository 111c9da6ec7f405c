/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands that Windows would send to copy one file, in one piece on both
 * LUNs, by their limits (windows-initiator.md 1.4, 2.4, 4.1, 8).  Pure.
 */
#ifndef TOOLS_CHECK_PLAN_H
#define TOOLS_CHECK_PLAN_H

#include <stdint.h>

#include "disk.h"

struct plan {
	uint64_t bytes;
	uint64_t pt, rrti, wut;	  /* commands                        */
	uint64_t pt_max, wut_max; /* bytes of the largest of each    */
};

/*
 * @bytes is a multiple of both block sizes.  Both disks have has_odx.
 * What one offloaded read covers is written in pieces of 256 MiB, as CopyFile
 * does, each of them by as many WUTs as the destination's limits need.
 */
struct plan plan_copy(const struct disk *src, const struct disk *dst, uint64_t bytes);

#endif
