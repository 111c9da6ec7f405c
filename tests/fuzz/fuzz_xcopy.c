/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "xcopy.h"

#define ROOM (XCOPY_LID4_HEADER + XCOPY_MAX_LIST)

/* A good list, encoded from what was read of it, is read the same again. */
static void check_round_trip(const struct xcopy_list *l, const uint8_t *data, size_t size)
{
	static struct xcopy_cscd cscds[XCOPY_MAX_CSCDS];
	static struct xcopy_segment segs[XCOPY_MAX_SEGMENTS];
	static uint8_t again[ROOM];
	struct xcopy_list got;
	unsigned n = 0;
	size_t pos = 0, len;

	for (unsigned i = 0; i < l->ncscds; i++) {
		cscds[i] = xcopy_cscd_at(l, i);
		FUZZ_CHECK(cscds[i].designator_len <= XCOPY_MAX_DESIGNATOR);
		FUZZ_CHECK(cscds[i].designator + cscds[i].designator_len <= data + size);
	}
	while (n < XCOPY_MAX_SEGMENTS && xcopy_segment_next(l, &pos, &segs[n]))
		n++;
	FUZZ_CHECK(n == l->nsegments && pos == l->segments_len);
	len = xcopy_encode(again, sizeof(again), l, cscds, l->ncscds, segs, n);
	FUZZ_CHECK(len <= sizeof(again) && len <= size);
	FUZZ_CHECK(sense_is_good(xcopy_decode(again, len, l->lid4, &got)));
	FUZZ_CHECK(got.list_id == l->list_id && got.usage == l->usage && got.immed == l->immed);
	FUZZ_CHECK(got.ncscds == l->ncscds && got.nsegments == l->nsegments);
	pos = 0;
	for (unsigned i = 0; i < n; i++) {
		struct xcopy_segment s;

		FUZZ_CHECK(xcopy_segment_next(&got, &pos, &s));
		FUZZ_CHECK(s.type == segs[i].type && s.count == segs[i].count);
		FUZZ_CHECK(s.src == segs[i].src && s.dst == segs[i].dst);
		FUZZ_CHECK(s.src_lba == segs[i].src_lba && s.dst_lba == segs[i].dst_lba);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xcopy_lid1_status status;

	xcopy_status_decode(data, size, &status);
	if (size == 0)
		return 0; /* PARAMETER LIST LENGTH 0 never comes this far */
	for (int lid4 = 0; lid4 < 2; lid4++) {
		struct xcopy_list l = { .list_id = 77 };
		struct sense s = xcopy_decode(data, size, lid4, &l);

		if (sense_is_good(s)) {
			check_round_trip(&l, data, size);
			continue;
		}
		FUZZ_CHECK(s.key == KEY_ILLEGAL_REQUEST && l.list_id == 77);
		FUZZ_CHECK(!(s.flags & SENSE_FIELD_PL) || s.field < size);
	}
	return 0;
}
