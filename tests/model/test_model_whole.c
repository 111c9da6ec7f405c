/* SPDX-License-Identifier: Apache-2.0 */
/* What the model says of commands that are atomic, told step by step what was seen. */
#include "model.h"
#include "test.h"

#define OLD 1u /* content of the cells at first */

static struct act *begin(const char *name, bool writes)
{
	struct act *a = act_new(name, writes);

	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	for (uint16_t cell = 0; cell < 2; cell++) {
		if (writes)
			act_write(a, (struct place) { 0, cell }, act_content(a, cell));
		else
			act_observe(a, (struct place) { 0, cell });
	}
	act_begin(a);
	return a;
}

/* It found one content in cell 0, and one in cell 1. */
static void saw(struct act *reader, uint64_t v0, uint64_t v1)
{
	struct watch w = { .n = 0 };
	uint8_t mem[CELL];

	content_fill(mem, v0);
	act_saw(reader, 0, mem, &w);
	content_fill(mem, v1);
	act_saw(reader, 1, mem, &w);
	act_end(reader, 0, IS_OUT);
}

static void start(void)
{
	model_init(16);
	model_set_lun(0, OLD);
}

static unsigned finish(void)
{
	unsigned wrong = model_stats.wrong;

	model_done();
	return wrong;
}

static void all_or_nothing(void)
{
	for (unsigned seen = 0; seen < 4; seen++) {
		struct act *write, *read;

		start();
		write = begin("WRITE", true);
		read = begin("READ", false);
		saw(read, seen & 1 ? act_content(write, 0) : OLD,
		    seen & 2 ? act_content(write, 1) : OLD);
		act_end(write, 2, IS_OUT);
		CU_ASSERT_EQUAL(finish(), seen == 1 || seen == 2);
	}
}

/*
 * One READ beside two WRITEs of one cell each, the second of which begins when the first has
 * ended: the READ finds the second only.
 */
static unsigned only_the_later(unsigned done, enum fate rest)
{
	struct act *read, *write[2];
	uint64_t later;

	start();
	read = begin("READ", false);
	for (uint16_t cell = 0; cell < 2; cell++) {
		write[cell] = act_new("WRITE", true);
		later = act_content(write[cell], 0);
		act_write(write[cell], (struct place) { 0, cell }, later);
		act_begin(write[cell]);
		if (cell == 0)
			act_end(write[0], done, rest);
	}
	saw(read, OLD, later);
	act_end(write[1], 1, IS_OUT);
	return finish();
}

static void one_after_the_other(void)
{
	CU_ASSERT_EQUAL(only_the_later(1, IS_OUT), 1);
	/* It failed or was aborted: perhaps it never happened. */
	CU_ASSERT_EQUAL(only_the_later(0, MAY_BE), 0);
	CU_ASSERT_EQUAL(only_the_later(0, IS_OUT), 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "all of a command is seen or nothing", all_or_nothing },
		{ "who sees the later sees the earlier, unless that failed", one_after_the_other },
		TEST_END,
	};

	return test_main(argc, argv, "model_whole", tests);
}
