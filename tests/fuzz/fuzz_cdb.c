/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cdb.h"
#include "fuzz.h"

static void check_refusal(struct sense s)
{
	FUZZ_CHECK(s.key == KEY_ILLEGAL_REQUEST);
	if (sense_asc_ascq(s) == ASC_INVALID_OPCODE)
		return;
	FUZZ_CHECK(sense_asc_ascq(s) == ASC_INVALID_FIELD_IN_CDB);
	FUZZ_CHECK((s.flags & SENSE_FIELD_CDB) && s.field < 16 && s.bit < 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scsi_cdb c = { .lba = 77 }, again;
	struct sense s = scsi_cdb_decode(data, size, &c);
	uint8_t a[16], b[16];
	size_t n;

	if (!sense_is_good(s)) {
		check_refusal(s);
		FUZZ_CHECK(c.lba == 77 && !c.op);
		return 0;
	}
	FUZZ_CHECK(c.op && c.op->opcode == data[0] && size >= c.op->cdb_len && !c.naca);
	n = scsi_cdb_encode(&c, a);
	FUZZ_CHECK(n == c.op->cdb_len);
	FUZZ_CHECK(sense_is_good(scsi_cdb_decode(a, n, &again)));
	FUZZ_CHECK(again.op == c.op && scsi_cdb_encode(&again, b) == n && !memcmp(a, b, n));
	/* what encode leaves out is only what the row does not use, or GROUP NUMBER */
	for (size_t i = 1; i < n; i++)
		FUZZ_CHECK(!(a[i] & ~data[i]));
	FUZZ_CHECK(scsi_cdb_data_len(&c, 4096) <= (uint64_t)UINT32_MAX * 4096);
	FUZZ_CHECK(c.op->len != LEN_BLOCKS ||
		   scsi_cdb_data_len(&c, 512) == (uint64_t)c.blocks * 512);
	return 0;
}
