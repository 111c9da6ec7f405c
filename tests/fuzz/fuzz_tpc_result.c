/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "tpc.h"

static void check_same_fields(const struct tpc_result *a, const struct tpc_result *b)
{
	FUZZ_CHECK(a->sa == b->sa && a->status == b->status && a->op_counter == b->op_counter);
	FUZZ_CHECK(a->delay_ms == b->delay_ms && a->completion == b->completion);
	FUZZ_CHECK(a->units == b->units && a->count == b->count && a->segments == b->segments);
	FUZZ_CHECK(a->sense.key == b->sense.key);
	FUZZ_CHECK(sense_asc_ascq(a->sense) == sense_asc_ascq(b->sense));
	FUZZ_CHECK(!a->token == !b->token);
	FUZZ_CHECK(!a->token || !memcmp(a->token, b->token, ROD_TOKEN_LEN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *b = malloc(TPC_RRTI_MAX_LEN);
	struct writer w = writer(b, TPC_RRTI_MAX_LEN);
	struct tpc_result r, q;

	FUZZ_CHECK(tpc_result_decode(data, size, &r) == (size >= 32));
	if (size >= 32) {
		FUZZ_CHECK(r.sense_field_len <= 255 && r.sense_len <= 255);
		FUZZ_CHECK(!r.token || r.token == data + 32 + r.sense_field_len + 6);
		FUZZ_CHECK(!r.token || r.token + ROD_TOKEN_LEN <= data + size);
		tpc_result_encode(&w, &r);
		FUZZ_CHECK(w.len <= w.cap);
		FUZZ_CHECK(tpc_result_decode(b, w.len, &q) && q.available == w.len - 4);
		check_same_fields(&r, &q);
	}
	free(b);
	return 0;
}
