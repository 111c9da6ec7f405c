/* SPDX-License-Identifier: Apache-2.0 */
/* Byte 0: bits 0-2 as FORMAT UNIT's CDB (FMTDATA, LONGLIST, CMPLST), 7: SANITIZE; then the list. */
#include <string.h>

#include "format.h"
#include "fuzz.h"

static void check_refusal(struct sense s, size_t len)
{
	FUZZ_CHECK(s.key == KEY_ILLEGAL_REQUEST);
	FUZZ_CHECK(!(s.flags & SENSE_FIELD_PL) || s.field < len);
	FUZZ_CHECK(!(s.flags & SENSE_FIELD_CDB) || s.field < 10);
}

static void sanitize(const uint8_t *p, size_t len)
{
	static uint8_t list[SANITIZE_HEADER_LEN + 512];
	struct sanitize_overwrite o, q;
	struct writer w = writer(list, sizeof(list));
	struct sense s = sanitize_overwrite_decode(p, len, 512, &o);

	if (!sense_is_good(s)) {
		check_refusal(s, len);
		return;
	}
	FUZZ_CHECK(o.passes >= 1 && o.passes <= SANITIZE_MAX_PASSES);
	FUZZ_CHECK(o.pattern_len >= 1 && o.pattern >= p && o.pattern + o.pattern_len <= p + len);
	sanitize_overwrite_encode(&w, &o);
	FUZZ_CHECK(w.len <= w.cap);
	FUZZ_CHECK(sense_is_good(sanitize_overwrite_decode(list, w.len, 512, &q)));
	FUZZ_CHECK(q.invert == o.invert && q.passes == o.passes);
	FUZZ_CHECK(q.pattern_len == o.pattern_len && !memcmp(q.pattern, o.pattern, o.pattern_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_FORMAT_UNIT] };
	uint8_t list[FORMAT_LONG_LEN];
	bool immed, again;
	struct sense s;

	if (size == 0)
		return 0;
	if (data[0] & 0x80) {
		sanitize(data + 1, size - 1);
		return 0;
	}
	cdb.fmtdata = data[0] & 0x01;
	cdb.longlist = data[0] & 0x02;
	cdb.cmplst = data[0] & 0x04;
	s = format_decode(&cdb, data + 1, size - 1, &immed);
	if (!sense_is_good(s)) {
		check_refusal(s, size - 1);
		return 0;
	}
	size = format_encode(cdb.longlist, immed, list);
	FUZZ_CHECK(sense_is_good(format_decode(&cdb, list, size, &again)));
	FUZZ_CHECK(!cdb.fmtdata || again == immed);
	return 0;
}
