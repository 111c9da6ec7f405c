/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram behind the percentiles of scripts/bench. */
#include "hist.h"

#include <string.h>

#include "test.h"

static struct hist h;

static void small_values_are_exact(void)
{
	memset(&h, 0, sizeof(h));
	for (uint64_t ns = 1; ns <= 50; ns++)
		hist_add(&h, ns);
	CU_ASSERT_EQUAL(hist_at(&h, 0.5), 25);
	CU_ASSERT_EQUAL(hist_at(&h, 0.99), 50);
	CU_ASSERT_EQUAL(h.n, 50);
	CU_ASSERT_EQUAL(h.sum, 1275);
}

static void a_percentile_is_right_within_a_bucket(void)
{
	memset(&h, 0, sizeof(h));
	for (uint64_t us = 1; us <= 10000; us++)
		hist_add(&h, us * 1000);
	for (unsigned percent = 1; percent <= 99; percent++) {
		uint64_t want = percent * 100000ull, got = hist_at(&h, percent / 100.0);

		CU_ASSERT(got >= want && got <= want + want / 32);
	}
	CU_ASSERT_EQUAL(hist_at(&h, 1), 10000000);
}

static void one_slow_command_is_the_largest_and_not_the_median(void)
{
	memset(&h, 0, sizeof(h));
	for (unsigned i = 0; i < 999; i++)
		hist_add(&h, 20);
	hist_add(&h, 1ull << 50); /* beyond the last bucket */
	CU_ASSERT_EQUAL(hist_at(&h, 0.5), 20);
	CU_ASSERT_EQUAL(hist_at(&h, 0.999), 20);
	CU_ASSERT(hist_at(&h, 1) >= 1ull << 39);
	CU_ASSERT_EQUAL(h.max, 1ull << 50);
}

static void nothing_has_no_percentile(void)
{
	memset(&h, 0, sizeof(h));
	CU_ASSERT_EQUAL(hist_at(&h, 0.5), 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "values below 64 ns are exact", small_values_are_exact },
		{ "a percentile is right within a bucket", a_percentile_is_right_within_a_bucket },
		{ "one slow command is the largest and not the median",
		  one_slow_command_is_the_largest_and_not_the_median },
		{ "nothing has no percentile", nothing_has_no_percentile },
		TEST_END
	};

	return test_main(argc, argv, "bench_hist", tests);
}
