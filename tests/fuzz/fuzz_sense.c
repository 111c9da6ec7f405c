/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "sense.h"

static void check_same(struct sense a, struct sense b)
{
	FUZZ_CHECK(a.key == b.key && a.asc == b.asc && a.ascq == b.ascq);
	FUZZ_CHECK(a.flags == b.flags && a.bit == b.bit && a.field == b.field && a.info == b.info);
	FUZZ_CHECK(a.segment == b.segment);
}

static void check_round_trip(struct sense s, bool descriptor)
{
	size_t n = sense_encode(s, descriptor, NULL, 0);
	uint8_t *b = malloc(n), *cut = malloc(n / 2);
	struct sense got;

	FUZZ_CHECK(b && cut && n <= SENSE_MAX_LEN);
	FUZZ_CHECK(sense_encode(s, descriptor, b, n) == n);
	FUZZ_CHECK(sense_encode(s, descriptor, cut, n / 2) == n && !memcmp(b, cut, n / 2));
	FUZZ_CHECK(sense_decode(b, n, &got));
	if (!descriptor && s.info > UINT32_MAX) {
		s.info = 0;
		s.flags &= ~SENSE_INFO;
	}
	/* Fixed format always has room for the number: a pointer says that it is one. */
	if (!descriptor && (s.flags & SENSE_FIELD_SEGMENT))
		s.flags |= SENSE_SEGMENT;
	else if (!descriptor && s.segment == 0)
		s.flags &= ~SENSE_SEGMENT;
	check_same(s, got);
	free(b);
	free(cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sense s = { .field = 77 };

	if (!sense_decode(data, size, &s)) {
		FUZZ_CHECK(s.field == 77);
		return 0;
	}
	FUZZ_CHECK(s.key < 16 && s.bit < 8);
	FUZZ_CHECK(sense_text(s)[0] != '\0');
	check_round_trip(s, false);
	check_round_trip(s, true);
	return 0;
}
