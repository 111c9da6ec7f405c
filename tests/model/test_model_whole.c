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
	model_init(64);
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

/* One cell of LUN 1 is written, by a command that ends as @n and MAY_BE say. */
static void put(uint16_t cell, uint64_t v, unsigned n)
{
	struct act *a = act_new("WRITE USING TOKEN", false);

	act_write(a, (struct place) { 1, cell }, v);
	act_begin(a);
	act_end(a, n, MAY_BE);
}

static void read_one(uint16_t cell, uint64_t v)
{
	struct act *a = act_new("READ", false);
	struct watch w = { .n = 0 };
	uint8_t mem[CELL];

	act_observe(a, (struct place) { 1, cell });
	act_begin(a);
	content_fill(mem, v);
	act_saw(a, 0, mem, &w);
	act_end(a, 0, IS_OUT);
}

/*
 * A token made beside a WRITE holds all of it.  A cell where anything may be holds what was
 * there before the WRITE: that this could have come from the token, too, says nothing of the
 * token.
 */
static void what_may_be_anything(void)
{
	uint64_t token[2], other, new;
	struct act *write, *pt;

	start();
	write = begin("WRITE", true);
	new = act_content(write, 1);
	pt = begin("POPULATE TOKEN", false);
	act_freeze(pt, token);
	act_end(pt, 0, IS_OUT);
	act_end(write, 2, IS_OUT);
	put(0, token[0], 0);
	for (unsigned i = 0; i < SET_MAX; i++) /* failed; the last one is there all the same */
		put(0, i + 1 < SET_MAX ? 1000 + i : OLD, 0);
	pt = act_new("POPULATE TOKEN", false);
	act_observe(pt, (struct place) { 1, 0 });
	act_begin(pt);
	act_freeze(pt, &other);
	act_end(pt, 0, IS_OUT);
	for (uint16_t cell = 1; cell < 3; cell++) {
		put(cell, other, 1);
		read_one(cell, OLD);
	}
	put(3, token[1], 1);
	read_one(3, new);
	CU_ASSERT_EQUAL(finish(), 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "all of a command is seen or nothing", all_or_nothing },
		{ "who sees the later sees the earlier, unless that failed", one_after_the_other },
		{ "what may be anything says nothing of a token", what_may_be_anything },
		TEST_END,
	};

	return test_main(argc, argv, "model_whole", tests);
}
