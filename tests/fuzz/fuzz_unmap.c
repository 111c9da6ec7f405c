/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "unmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct unmap_limits limits = { .max_descriptors = 256,
					     .max_blocks = 1u << 20,
					     .capacity = 1ull << 32 };
	static struct unmap_range ranges[256];
	static uint8_t made[UNMAP_HEADER_LEN + 256 * UNMAP_DESCRIPTOR_LEN];
	struct unmap_list list, again;
	struct sense s;
	uint64_t sum = 0;
	size_t len;

	if (size == 0)
		return 0; /* PARAMETER LIST LENGTH 0 never comes this far */
	s = unmap_decode(data, size, &list);
	FUZZ_CHECK(sense_is_good(s) == (size >= UNMAP_HEADER_LEN));
	if (!sense_is_good(s))
		return 0;
	FUZZ_CHECK(UNMAP_HEADER_LEN + (size_t)list.n * UNMAP_DESCRIPTOR_LEN <= size);
	s = unmap_judge(&list, &limits);
	if (!sense_is_good(s)) {
		FUZZ_CHECK(s.key == KEY_ILLEGAL_REQUEST && s.flags == SENSE_FIELD_PL);
		FUZZ_CHECK(s.field < size);
		return 0;
	}
	FUZZ_CHECK(list.n <= 256);
	for (unsigned i = 0; i < list.n; i++) {
		ranges[i] = unmap_range_at(&list, i);
		FUZZ_CHECK(ranges[i].lba + ranges[i].blocks <= limits.capacity);
		sum += ranges[i].blocks;
	}
	FUZZ_CHECK(sum <= limits.max_blocks);
	len = unmap_encode(made, sizeof(made), ranges, list.n);
	FUZZ_CHECK(len <= sizeof(made));
	FUZZ_CHECK(sense_is_good(unmap_decode(made, len, &again)) && again.n == list.n);
	for (unsigned i = 0; i < list.n; i++) {
		struct unmap_range r = unmap_range_at(&again, i);

		FUZZ_CHECK(r.lba == ranges[i].lba && r.blocks == ranges[i].blocks);
	}
	return 0;
}
