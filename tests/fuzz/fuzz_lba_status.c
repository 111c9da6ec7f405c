/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "unmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lba_status s[64], again[64];
	static uint8_t made[LBA_STATUS_HEADER_LEN + 64 * LBA_STATUS_LEN];
	struct writer w = writer(made, sizeof(made));
	unsigned n, m;

	if (!lba_status_decode(data, size, s, 64, &n))
		return 0;
	FUZZ_CHECK(LBA_STATUS_HEADER_LEN + (size_t)n * LBA_STATUS_LEN <= size);
	if (n > 64)
		n = 64;
	lba_status_encode(&w, s, n);
	FUZZ_CHECK(lba_status_decode(made, w.len, again, 64, &m) && m == n);
	for (unsigned i = 0; i < n; i++)
		FUZZ_CHECK(s[i].lba == again[i].lba && s[i].blocks == again[i].blocks &&
			   s[i].provisioning == again[i].provisioning);
	return 0;
}
