/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz_ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t list[TPC_WUT_HEADER + TPC_RANGE_LEN * TPC_MAX_RANGES];
	static struct tpc_range ranges[TPC_MAX_RANGES];
	struct tpc_wut p, q;
	struct sense s;
	unsigned n;
	size_t len;

	if (size == 0)
		return 0; /* PARAMETER LIST LENGTH 0 never comes this far */
	s = tpc_wut_decode(data, size, &p);
	if (!sense_is_good(s)) {
		check_list_refusal(s, size);
		return 0;
	}
	FUZZ_CHECK(p.token == data + 16);
	check_ranges(&p.ranges, data, size);
	n = copy_ranges(&p.ranges, ranges);
	len = tpc_wut_encode(list, sizeof(list), p.immed, p.del_tkn, p.offset, p.token, ranges, n);
	FUZZ_CHECK(len <= sizeof(list));
	FUZZ_CHECK(sense_is_good(tpc_wut_decode(list, len, &q)));
	FUZZ_CHECK(q.immed == p.immed && q.del_tkn == p.del_tkn && q.offset == p.offset);
	FUZZ_CHECK(!memcmp(q.token, p.token, ROD_TOKEN_LEN));
	check_same_ranges(&q.ranges, ranges, n);
	return 0;
}
