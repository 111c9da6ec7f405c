/* SPDX-License-Identifier: Apache-2.0 */
#include "check_plan.h"

/* CopyFile's pieces (windows-initiator.md 7); DISK_WUT_CAP is the class driver's. */
#define COPY_PIECE (256ull << 20)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Blocks to bytes, all there are if that does not fit. */
static uint64_t to_bytes(uint64_t blocks, uint32_t block_size)
{
	uint64_t bytes;

	return __builtin_mul_overflow(blocks, block_size, &bytes) ? UINT64_MAX : bytes;
}

struct plan plan_copy(const struct disk *src, const struct disk *dst, uint64_t bytes)
{
	struct plan p = { .bytes = bytes };
	/* One descriptor has 32 bits of blocks; Windows makes as many as that takes. */
	uint64_t pt_cap = to_bytes(disk_pt_cap(src), src->capacity.block_size);
	uint64_t wut_cap = to_bytes(disk_wut_cap(dst), dst->capacity.block_size);
	uint64_t left = bytes;

	while (left > 0) {
		uint64_t token = least(left, pt_cap);

		p.pt++;
		p.pt_max = token > p.pt_max ? token : p.pt_max;
		left -= token;
		while (token > 0) {
			uint64_t piece = least(token, COPY_PIECE), one = least(piece, wut_cap);

			p.wut += (piece + wut_cap - 1) / wut_cap;
			p.wut_max = one > p.wut_max ? one : p.wut_max;
			token -= piece;
		}
	}
	p.rrti = p.pt;
	return p;
}
