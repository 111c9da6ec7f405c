/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of a judged range list, for PT and WUT alike. */
#ifndef TESTS_FUZZ_RANGES_H
#define TESTS_FUZZ_RANGES_H

#include "fuzz.h"
#include "tpc.h"

#define FUZZ_CAPACITY 0x100000u

static inline void check_inside(const struct tpc_ranges *r, const uint8_t *data, size_t size)
{
	FUZZ_CHECK(r->n > 0 && r->raw == data + r->pl_off);
	FUZZ_CHECK(r->pl_off + (size_t)r->n * TPC_RANGE_LEN <= size);
}

/* Plainly, as the standard says it: every pair, every range, in 128 bits. */
static inline void check_accepted(const struct tpc_ranges *r, const struct tpc_limits *limits,
				  uint64_t blocks)
{
	unsigned __int128 sum = 0;

	FUZZ_CHECK(r->n <= (limits->max_ranges ? limits->max_ranges : TPC_MAX_RANGES));
	for (unsigned i = 0; i < r->n; i++) {
		struct tpc_range a = tpc_range_at(r, i);

		FUZZ_CHECK((unsigned __int128)a.lba + a.blocks <= FUZZ_CAPACITY);
		sum += a.blocks;
		for (unsigned j = 0; j < i; j++) {
			struct tpc_range b = tpc_range_at(r, j);

			FUZZ_CHECK(!a.blocks || !b.blocks || a.lba + a.blocks <= b.lba ||
				   b.lba + b.blocks <= a.lba);
		}
	}
	FUZZ_CHECK(sum == blocks);
	FUZZ_CHECK(!limits->max_token_bytes || sum * 512 <= limits->max_token_bytes);
}

static inline void check_judged(const struct tpc_ranges *r, const struct tpc_limits *limits,
				size_t size)
{
	static struct tpc_range scratch[TPC_MAX_RANGES];
	uint64_t blocks = 77;
	struct sense s = tpc_judge_ranges(r, limits, 512, FUZZ_CAPACITY, scratch, &blocks);

	if (sense_is_good(s)) {
		check_accepted(r, limits, blocks);
		return;
	}
	FUZZ_CHECK(blocks == 77 && s.key == KEY_ILLEGAL_REQUEST);
	FUZZ_CHECK(s.flags == SENSE_INFO || (s.flags == SENSE_FIELD_PL && s.field < size));
	FUZZ_CHECK(s.flags != SENSE_INFO || s.info == FUZZ_CAPACITY);
}

/* With limits and without any. */
static inline void check_ranges(const struct tpc_ranges *r, const uint8_t *data, size_t size)
{
	const struct tpc_limits none = { 0 };
	const struct tpc_limits some = { .max_ranges = 8, .max_token_bytes = 512 * 4096 };

	check_inside(r, data, size);
	check_judged(r, &none, size);
	check_judged(r, &some, size);
}

/* Copies the ranges out for re-encoding; returns how many. */
static inline unsigned copy_ranges(const struct tpc_ranges *r, struct tpc_range *ret)
{
	unsigned n = r->n < TPC_MAX_RANGES ? r->n : TPC_MAX_RANGES;

	for (unsigned i = 0; i < n; i++)
		ret[i] = tpc_range_at(r, i);
	return n;
}

static inline void check_same_ranges(const struct tpc_ranges *r, const struct tpc_range *want,
				     unsigned n)
{
	FUZZ_CHECK(r->n == n);
	for (unsigned i = 0; i < n; i++) {
		struct tpc_range t = tpc_range_at(r, i);

		FUZZ_CHECK(t.lba == want[i].lba && t.blocks == want[i].blocks);
	}
}

static inline void check_list_refusal(struct sense s, size_t size)
{
	FUZZ_CHECK(s.key == KEY_ILLEGAL_REQUEST);
	if (sense_asc_ascq(s) == ASC_PARAMETER_LIST_LENGTH_ERROR)
		return;
	FUZZ_CHECK(sense_asc_ascq(s) == ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	FUZZ_CHECK(s.flags == SENSE_FIELD_PL && s.field < size);
}

#endif
