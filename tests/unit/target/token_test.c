/* SPDX-License-Identifier: Apache-2.0 */
/* token.c on its own: limits, clocks and tombstones of the registry. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

struct reg {
	struct core c;
	struct token_registry *r;
	struct backstore *bs;
};

struct taken {
	struct capture capture;
	struct core *c;
	bool done;
};

static void captured(struct capture *c, int res)
{
	struct taken *t = (struct taken *)c;

	CU_ASSERT_EQUAL(res, 0);
	t->done = true;
	ring_stop(t->c->env.ring);
}

static struct rod *capture(struct reg *g, uint64_t off, uint64_t len)
{
	const struct byte_range range = { off, len };
	struct taken t = { .capture = { .ranges = &range, .n = 1, .done = captured }, .c = &g->c };

	bs_capture(g->bs, &t.capture);
	core_run_until(&g->c, &t.done);
	return t.capture.ret_rod;
}

static void reg_init(struct reg *g, unsigned max_tokens, unsigned max_tombstones)
{
	const struct token_config cfg = { .max_tokens = max_tokens,
					  .max_tombstones = max_tombstones,
					  .target_name = CORE_NAME };
	const struct bs_config bc = { .path = "mem:reg", .size = 1 << 20, .block_size = 512 };
	char err[256];

	core_init(&g->c, NULL, 0);
	CU_ASSERT_EQUAL_FATAL(token_registry_new(&g->r, g->c.env.ring, &cfg), 0);
	CU_ASSERT_EQUAL_FATAL(bs_open(&g->bs, &bc, &g->c.env, err, sizeof(err)), 0);
}

static void reg_done(struct reg *g)
{
	token_registry_free(g->r);
	CU_ASSERT_EQUAL(bs_close(g->bs), 0);
	core_done(&g->c);
}

/* Issues a token over @off..+512; the rod is the registry's alone. */
static struct sense issue(struct reg *g, uint64_t off, uint32_t timeout_s, uint8_t *token)
{
	static const uint8_t naa[8] = { 0x30, 1, 2, 3 };
	const struct rod_token proto = { .type = ROD_TYPE_PIT_CHANGE_VULNERABLE,
					 .bytes = 512,
					 .naa = naa,
					 .naa_len = 8,
					 .block_size = 512 };
	struct rod *rod = capture(g, off, 512);
	struct sense s = token_issue(g->r, rod, NULL, &proto, timeout_s, token);

	rod_unref(rod);
	return s;
}

static unsigned acquire(struct reg *g, const uint8_t *token)
{
	struct token_use use;
	struct sense s = token_acquire(g->r, token, &use);

	if (sense_is_good(s))
		token_release(g->r, &use, false);
	return sense_asc_ascq(s);
}

static void unlike_and_unguessable(void)
{
	uint8_t a[ROD_TOKEN_LEN], b[ROD_TOKEN_LEN];
	unsigned differ = 0;
	struct reg g;

	reg_init(&g, 10, 10);
	CU_ASSERT_TRUE(sense_is_good(issue(&g, 0, 60, a)));
	CU_ASSERT_TRUE(sense_is_good(issue(&g, 0, 60, b)));
	for (unsigned i = 256; i < ROD_TOKEN_LEN; i++)
		differ += a[i] != b[i];
	CU_ASSERT_TRUE(differ > 200); /* 256 random bytes agree in one by chance */
	CU_ASSERT_NOT_EQUAL(get_be64(a + 8), get_be64(b + 8));
	CU_ASSERT_NOT_EQUAL(get_be16(a), 0xffff);
	CU_ASSERT_EQUAL(get_be64(a + 56), 512);
	CU_ASSERT_EQUAL(acquire(&g, a), 0);
	/* The identifier of one with the rest of the other. */
	memcpy(b + 8, a + 8, 8);
	CU_ASSERT_EQUAL(acquire(&g, b), ASC_TOKEN_CORRUPT);
	reg_done(&g);
}

static void restart_forgets(void)
{
	uint8_t a[ROD_TOKEN_LEN];
	struct reg g;

	reg_init(&g, 10, 10);
	CU_ASSERT_TRUE(sense_is_good(issue(&g, 0, 60, a)));
	reg_done(&g);
	reg_init(&g, 10, 10);
	CU_ASSERT_EQUAL(acquire(&g, a), ASC_TOKEN_UNKNOWN);
	reg_done(&g);
}

static void limit_and_one_above(void)
{
	uint8_t t[3][ROD_TOKEN_LEN];
	struct token_stats st;
	struct token_use use;
	struct sense s;
	struct reg g;

	reg_init(&g, 2, 10);
	CU_ASSERT_TRUE(sense_is_good(issue(&g, 0, 60, t[0])));
	CU_ASSERT_TRUE(sense_is_good(issue(&g, 0, 60, t[1])));
	s = issue(&g, 0, 60, t[2]);
	CU_ASSERT_EQUAL(s.key, KEY_ILLEGAL_REQUEST);
	CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_INSUFFICIENT_RESOURCES_TOKEN);
	CU_ASSERT_TRUE(sense_is_good(token_acquire(g.r, t[0], &use)));
	token_release(g.r, &use, true);
	CU_ASSERT_TRUE(sense_is_good(issue(&g, 0, 60, t[2])));
	token_get_stats(g.r, &st);
	CU_ASSERT_EQUAL(st.live, 2);
	CU_ASSERT_EQUAL(st.issued, 3);
	CU_ASSERT_EQUAL(st.deleted, 1);
	reg_done(&g);
}

static void tombstones_are_bounded(void)
{
	uint8_t t[3][ROD_TOKEN_LEN];
	struct token_stats st;
	struct reg g;

	reg_init(&g, 10, 2);
	for (unsigned i = 0; i < 3; i++) {
		struct token_use use;

		CU_ASSERT_TRUE(sense_is_good(issue(&g, 0, 60, t[i])));
		CU_ASSERT_TRUE(sense_is_good(token_acquire(g.r, t[i], &use)));
		token_release(g.r, &use, true);
	}
	token_get_stats(g.r, &st);
	CU_ASSERT_EQUAL(st.tombstones, 2);
	CU_ASSERT_EQUAL(acquire(&g, t[0]), ASC_TOKEN_UNKNOWN);
	CU_ASSERT_EQUAL(acquire(&g, t[1]), ASC_TOKEN_DELETED);
	CU_ASSERT_EQUAL(acquire(&g, t[2]), ASC_TOKEN_DELETED);
	t[2][400] ^= 4;
	CU_ASSERT_EQUAL(acquire(&g, t[2]), ASC_TOKEN_CORRUPT);
	reg_done(&g);
}

static void in_use_does_not_expire(void)
{
	uint8_t t[ROD_TOKEN_LEN];
	struct token_use one, two;
	struct reg g;

	reg_init(&g, 10, 10);
	CU_ASSERT_TRUE(sense_is_good(issue(&g, 0, 1, t)));
	CU_ASSERT_TRUE(sense_is_good(token_acquire(g.r, t, &one)));
	CU_ASSERT_TRUE(sense_is_good(token_acquire(g.r, t, &two)));
	token_release(g.r, &two, false);
	core_sleep(&g.c, 1200);
	CU_ASSERT_EQUAL(acquire(&g, t), 0);
	token_release(g.r, &one, false);
	core_sleep(&g.c, 1200);
	CU_ASSERT_EQUAL(acquire(&g, t), ASC_TOKEN_EXPIRED);
	reg_done(&g);
}

static void deleted_while_in_use(void)
{
	uint8_t t[ROD_TOKEN_LEN];
	struct token_use one, two;
	struct reg g;

	reg_init(&g, 10, 10);
	CU_ASSERT_TRUE(sense_is_good(issue(&g, 0, 60, t)));
	CU_ASSERT_TRUE(sense_is_good(token_acquire(g.r, t, &one)));
	CU_ASSERT_TRUE(sense_is_good(token_acquire(g.r, t, &two)));
	token_release(g.r, &two, true);
	CU_ASSERT_EQUAL(acquire(&g, t), ASC_TOKEN_DELETED);
	CU_ASSERT_FALSE(rod_cancelled(one.rod)); /* the other copy goes on */
	token_release(g.r, &one, false);
	reg_done(&g);
}

static void goes_with_its_backstore(void)
{
	uint8_t t[ROD_TOKEN_LEN];
	struct token_stats st;
	struct reg g;

	reg_init(&g, 10, 10);
	CU_ASSERT_TRUE(sense_is_good(issue(&g, 0, 60, t)));
	token_cancel_all(g.r, lu_backstore(target_lu(g.c.target, LUN_A)));
	CU_ASSERT_EQUAL(acquire(&g, t), 0);
	token_cancel_all(g.r, g.bs);
	CU_ASSERT_EQUAL(acquire(&g, t), ASC_TOKEN_CANCELLED);
	token_get_stats(g.r, &st);
	CU_ASSERT_EQUAL(st.live, 0);
	CU_ASSERT_EQUAL(st.cancelled, 1);
	reg_done(&g);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "two tokens of the same data share no secret and no identifier",
		  unlike_and_unguessable },
		{ "after a restart a token is unknown", restart_forgets },
		{ "one token above the limit is 5/55/0D, a deleted one makes room",
		  limit_and_one_above },
		{ "tombstones are bounded, the oldest is forgotten first", tombstones_are_bounded },
		{ "the clock stands still while a command uses the token", in_use_does_not_expire },
		{ "a token deleted under a running copy lets it finish", deleted_while_in_use },
		{ "a backstore takes its tokens with it, as cancelled", goes_with_its_backstore },
		TEST_END,
	};

	return test_main(argc, argv, "token", tests);
}
