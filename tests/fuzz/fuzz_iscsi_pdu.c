/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "iscsi_pdu.h"

/* What follows the header: additional headers. */
static void check_ahs(const uint8_t *p, size_t len)
{
	uint8_t buf[64];
	struct writer w = writer(buf, sizeof(buf));
	struct iscsi_ahs a, b;
	uint8_t *exact;

	len &= ~(size_t)3;
	exact = malloc(len + 1);
	FUZZ_CHECK(exact);
	memcpy(exact, p, len);
	if (iscsi_ahs_decode(exact, len, &a)) {
		FUZZ_CHECK(a.cdb_len == 0 || a.cdb_len > 16);
		if (a.cdb_len > ISCSI_CDB_MAX)
			a.cdb_len = ISCSI_CDB_MAX;
		FUZZ_CHECK(iscsi_ahs_encode(&a, &w) * 4u == w.len && w.len <= len);
		FUZZ_CHECK(iscsi_ahs_decode(buf, w.len, &b));
		FUZZ_CHECK(!memcmp(&a, &b, sizeof(a)));
	}
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bhs[ISCSI_BHS_LEN], a[ISCSI_BHS_LEN], b[ISCSI_BHS_LEN];
	struct iscsi_pdu p, q;

	if (size < sizeof(bhs))
		return 0;
	memcpy(bhs, data, sizeof(bhs));
	check_ahs(data + sizeof(bhs), size - sizeof(bhs));
	if (!iscsi_pdu_decode(bhs, &p)) {
		FUZZ_CHECK(!strcmp(iscsi_opcode_name(p.opcode), "unknown opcode"));
		FUZZ_CHECK(p.itt == get_be32(bhs + 16) && p.data_len == get_be24(bhs + 5));
		FUZZ_CHECK(p.ahs_len == bhs[4] && p.opcode == (bhs[0] & 0x3f));
		return 0;
	}
	iscsi_pdu_encode(&p, a);
	for (size_t i = 0; i < sizeof(bhs); i++)
		FUZZ_CHECK(!(a[i] & ~bhs[i])); /* nothing invented, reserved bytes dropped */
	FUZZ_CHECK(iscsi_pdu_decode(a, &q));
	FUZZ_CHECK(!memcmp(&p, &q, sizeof(p)));
	iscsi_pdu_encode(&q, b);
	FUZZ_CHECK(!memcmp(a, b, sizeof(a)));
	return 0;
}
