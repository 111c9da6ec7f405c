/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "alua.h"
#include "fuzz.h"

#define MAX_GROUPS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct alua_group groups[MAX_GROUPS], again;
	static uint8_t buf[MAX_GROUPS * (8 + 4 * ALUA_MAX_PORTS) + 8];
	struct writer w = writer(buf, sizeof(buf));
	size_t pos = 0, last = 0;
	unsigned n = 0;
	uint8_t functions;

	while (n < MAX_GROUPS && rtpg_next(data, size, &pos, &groups[n])) {
		FUZZ_CHECK(pos > last && pos <= size);
		last = pos;
		if (groups[n].nports > ALUA_MAX_PORTS)
			groups[n].nports = ALUA_MAX_PORTS;
		n++;
	}
	rtpg_encode(&w, size & 1, 9, groups, n);
	FUZZ_CHECK(w.len <= sizeof(buf));
	pos = 0;
	for (unsigned i = 0; i < n; i++) {
		FUZZ_CHECK(rtpg_next(buf, w.len, &pos, &again));
		FUZZ_CHECK(again.tag == groups[i].tag && again.state == groups[i].state);
		FUZZ_CHECK(again.nports == groups[i].nports);
		FUZZ_CHECK(!memcmp(again.ports, groups[i].ports, 2 * again.nports));
	}
	FUZZ_CHECK(!rtpg_next(buf, w.len, &pos, &again));
	FUZZ_CHECK(report_tmfs_decode(data, size, &functions) == (size >= 4));
	return 0;
}
