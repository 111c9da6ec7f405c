/* SPDX-License-Identifier: Apache-2.0 */
/* Byte 0 even: a PERSISTENT RESERVE OUT list; odd: PERSISTENT RESERVE IN data. */
#include <string.h>

#include "fuzz.h"
#include "pr.h"

static void fuzz_out(const uint8_t *data, size_t size)
{
	uint8_t list[PR_OUT_LEN];
	struct pr_out p, q;
	struct sense s = pr_out_decode(data, size, &p);

	if (!sense_is_good(s)) {
		FUZZ_CHECK(sense_asc_ascq(s) == ASC_PARAMETER_LIST_LENGTH_ERROR);
		FUZZ_CHECK(size != PR_OUT_LEN);
		return;
	}
	FUZZ_CHECK(size == PR_OUT_LEN || (size > PR_OUT_LEN && p.spec_i_pt));
	pr_out_encode(&p, list);
	FUZZ_CHECK(sense_is_good(pr_out_decode(list, PR_OUT_LEN, &q)));
	FUZZ_CHECK(p.key == q.key && p.sa_key == q.sa_key && p.aptpl == q.aptpl);
	FUZZ_CHECK(p.spec_i_pt == q.spec_i_pt && p.all_tg_pt == q.all_tg_pt);
}

static void fuzz_full_status(const uint8_t *data, size_t size)
{
	struct pr_status s;
	size_t pos = 8, last = 8;

	while (pr_full_status_next(data, size, &pos, &s)) {
		FUZZ_CHECK(pos > last && pos <= size);
		FUZZ_CHECK(s.type <= 15);
		if (s.initiator) {
			const uint8_t *name = (const uint8_t *)s.initiator;

			FUZZ_CHECK(name > data && name + strlen(s.initiator) < data + size);
		}
		last = pos;
	}
	FUZZ_CHECK(pos == last);
}

static void fuzz_in(const uint8_t *data, size_t size)
{
	struct pr_capabilities c;
	uint32_t generation, len;
	uint8_t type;
	uint64_t key;
	unsigned n = 0;

	if (pr_head_decode(data, size, &generation, &len))
		FUZZ_CHECK(size >= 8);
	while (pr_key_decode(data, size, n, &key))
		n++;
	FUZZ_CHECK(n == 0 || (n <= (size - 8) / 8 && n <= len / 8));
	if (pr_reservation_decode(data, size, &type, &key))
		FUZZ_CHECK(type <= 15);
	if (pr_capabilities_decode(data, size, &c)) {
		uint8_t buf[8];
		struct writer w = writer(buf, sizeof(buf));

		pr_capabilities_encode(&w, &c);
		FUZZ_CHECK(w.len == 8 && buf[2] == (data[2] & 0x1d));
		FUZZ_CHECK(buf[3] == (data[3] & 0xf1));
		FUZZ_CHECK(get_be16(buf + 4) == (get_be16(data + 4) & 0xea01));
	}
	fuzz_full_status(data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		fuzz_in(data + 1, size - 1);
	else
		fuzz_out(data + 1, size - 1);
	return 0;
}
