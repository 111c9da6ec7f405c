/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "inquiry.h"

static void check_inquiry(const uint8_t *p, size_t n)
{
	struct inquiry q;

	if (!inquiry_decode(p, n, &q))
		return;
	FUZZ_CHECK(q.qualifier < 8 && q.type < 32);
	FUZZ_CHECK(strlen(q.vendor) <= 8 && strlen(q.product) <= 16 && strlen(q.revision) <= 4);
}

static void check_list(const uint8_t *p, size_t n)
{
	struct vpd_list list;
	char *serial = malloc(8);

	if (vpd_00_decode(p, n, &list)) {
		FUZZ_CHECK(list.n <= 256 && list.n + 4 <= n);
		FUZZ_CHECK(!list.ordered || (list.n > 0 && list.pages[0] == 0));
		for (unsigned i = 1; list.ordered && i < list.n; i++)
			FUZZ_CHECK(list.pages[i] > list.pages[i - 1]);
	}
	if (vpd_80_decode(p, n, serial, 8))
		FUZZ_CHECK(strnlen(serial, 8) < 8);
	free(serial);
}

static void check_designators(const uint8_t *p, size_t n)
{
	struct vpd_designator d;
	size_t pos = 4, last = pos;

	while (vpd_83_next(p, n, &pos, &d)) {
		FUZZ_CHECK(pos > last && pos <= n);
		FUZZ_CHECK(d.id >= p && d.id + d.len <= p + n);
		FUZZ_CHECK(d.code_set < 16 && d.association < 4 && d.type < 16);
		last = pos;
	}
	FUZZ_CHECK(pos == last);
}

static void check_8f(const uint8_t *p, size_t n)
{
	struct vpd_8f v;
	struct vpd_b0 b0;
	struct vpd_b2 b2;

	vpd_b0_decode(p, n, &b0);
	if (vpd_b2_decode(p, n, &b2))
		FUZZ_CHECK(n >= 8 && b2.lbprz < 8 && b2.type < 8);
	if (!vpd_8f_decode(p, n, &v))
		return;
	FUZZ_CHECK(v.ncommands <= 32 && v.nrod_types <= 16 && v.remote_tokens < 16);
	FUZZ_CHECK(!v.windows_ok || n >= 40);
}

static void check_capacity(const uint8_t *p, size_t n)
{
	struct capacity c;
	uint16_t lun;

	if (read_capacity_16_decode(p, n, &c))
		FUZZ_CHECK(c.blocks > 0 && c.lbppbe < 16);
	if (read_capacity_10_decode(p, n, &c))
		FUZZ_CHECK(c.blocks > 0 && c.blocks <= 1ull << 32);
	if (n >= 8 && scsi_lun_decode(get_be64(p), &lun)) {
		uint16_t again;

		FUZZ_CHECK(scsi_lun_decode(scsi_lun_encode(lun), &again) && again == lun);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_inquiry(data, size);
	check_list(data, size);
	check_designators(data, size);
	check_8f(data, size);
	check_capacity(data, size);
	return 0;
}
