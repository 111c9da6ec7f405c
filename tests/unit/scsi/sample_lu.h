/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The example device of wire-format.md section 0: 512-byte blocks, 100000h of
 * them, NAA 3000112233445566.  For the codec's tests, golden vectors and fuzzers.
 */
#ifndef TESTS_SAMPLE_LU_H
#define TESTS_SAMPLE_LU_H

#include "inquiry.h"
#include "tpc.h"

#define SAMPLE_NAA                                             \
	{                                                      \
		0x30, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66 \
	}

static inline struct lu_info sample_lu(void)
{
	return (struct lu_info) {
		.vendor = "ODX",
		.product = "Disk",
		.revision = "0001",
		.serial = "3000112233445566",
		.naa = SAMPLE_NAA,
		.naa_len = 8,
		.target_name = "iqn.2001-04.com.example:t1",
		.tpgt = 1,
		.rtpi = 1,
		.block_size = 512,
		.lbppbe = 3,
		.blocks = 0x100000,
		.lbpme = true,
		.lbprz = true,
		.tpc = true,
		.limits = { .max_ranges = 64,
			    .max_timeout = 600,
			    .default_timeout = 60,
			    .max_token_bytes = 1ull << 30,
			    .optimal_bytes = 64ull << 20,
			    .optimal_granularity = 4096,
			    .max_copies = 256,
			    .rod_types = { ROD_TYPE_PIT_DEFAULT } },
	};
}

#endif
