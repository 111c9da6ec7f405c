/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a token: what it stands for, who may use it, when it dies. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_result.h"
#include "check_tests.h"
#include "report.h"

#define EXPIRY_S     1	  /* INACTIVITY TIMEOUT of a token that is to die            */
#define GRACE_S	     2.0  /* so long after it the token must be dead                 */
#define KEPT_S	     2	  /* INACTIVITY TIMEOUT of one that is kept by use           */
#define KEPT_STEP_MS 1200 /* between its uses: three are beyond timeout and a tick   */
#define SETTLE_MS    300  /* after a reset nothing is written any more               */
#define FLIP_ALL     16	  /* in each of these bytes of a token one bit is changed,   */
#define FLIP_STEP    8	  /* then in one of so many                                  */

static void pass_or_dead(struct check *c, enum finding what, const struct initiator_cmd *cmd,
			 const char *of)
{
	char text[160];

	finding_judge(c->f, SIDE_SOURCE, what, probe_bad_token(cmd), VERDICT_FAIL, "%s: %s", of,
		      probe_text(cmd, text, sizeof(text)));
}

/* WUT of @token to a fresh window, which must be refused with 5/23/xx. */
static bool must_be_dead(struct check *c, enum finding what, const uint8_t *token, const char *of)
{
	size_t to = check_to(c, 5);
	struct initiator_cmd cmd = check_put(c, c->dst, token, 0, to, c->window);

	pass_or_dead(c, what, &cmd, of);
	return check_untouched(c, what, to, c->window) && probe_bad_token(&cmd);
}

/* WUT of @token, which stands for window 5 of the source; must work. */
static void must_live(struct check *c, enum finding what, struct probe *p, const uint8_t *token,
		      const char *of)
{
	size_t to = check_to(c, 5);
	struct initiator_cmd cmd;
	char text[160];

	if (!area_fill(c->da, to, c->window))
		return;
	cmd = check_put(c, p, token, 0, to, c->window);
	finding_judge(c->f, SIDE_SOURCE, what, check_wut_done(&cmd, 1u << 31) > 0, VERDICT_FAIL,
		      "%s: %s", of, probe_text(&cmd, text, sizeof(text)));
	check_written(c, what, &cmd, c->sa->model + check_from(c, 5), to, c->window);
}

static bool take(struct check *c, enum finding what, uint32_t timeout, uint8_t *token)
{
	return area_fill(c->da, check_to(c, 5), c->window) &&
	       check_take(c, what, check_from(c, 5), c->window, timeout, token);
}

/* ---- a point in time ---- */

struct change {
	const char *name;
	long at; /* where the change begins, bytes from the window's start */
	size_t len;
	bool by_wut;
};

/* Changes some of the source after PT: the copy is of what was there, or there is none. */
static void after_change(struct check *c, const struct change *h)
{
	size_t from = check_from(c, 5), to = check_to(c, 6);
	size_t at = (size_t)((long)from + h->at); /* a window has others before it */
	uint8_t token[ROD_TOKEN_LEN], other[ROD_TOKEN_LEN], *old = malloc(c->window);
	struct initiator_cmd cmd;
	char text[160];

	if (!old || !area_fill(c->sa, from, c->window) || !area_fill(c->da, to, c->window) ||
	    !check_take(c, F_TOKEN_POINT_IN_TIME, from, c->window, 0, token))
		goto out;
	memcpy(old, c->sa->model + from, c->window);
	if (!h->by_wut && !area_fill(c->sa, at, h->len))
		goto out;
	if (h->by_wut) {
		struct tpc_range r = area_range(c->sa, at, h->len);

		if (!check_take(c, F_TOKEN_POINT_IN_TIME, check_from(c, 2), h->len, 0, other))
			goto out;
		cmd = probe_wut(c->src, disk_next_list_id(c->src->host), 0, other, 0, &r, 1);
		if (!probe_good(&cmd))
			goto out;
		memcpy(c->sa->model + at, c->sa->model + check_from(c, 2), h->len);
	}
	cmd = check_put(c, c->dst, token, 0, to, c->window);
	finding_judge(c->f, SIDE_SOURCE, F_TOKEN_POINT_IN_TIME,
		      probe_bad_token(&cmd) || check_wut_done(&cmd, 1u << 31) > 0, VERDICT_WARN,
		      "%s: %s", h->name, probe_text(&cmd, text, sizeof(text)));
	check_written(c, F_TOKEN_POINT_IN_TIME, &cmd, old, to, c->window);
	area_learn(c->sa, at, h->len);
out:
	free(old);
}

static void point_in_time(struct check *c)
{
	size_t w = c->window;
	const long b = DISK_MAX_BLOCK;
	const struct change rows[] = {
		{ "all of the source is written", 0, w, false },
		{ "a write begins before the token's range", -b, 2 * DISK_MAX_BLOCK, false },
		{ "a write of the last blocks", (long)w - b, DISK_MAX_BLOCK, false },
		{ "a write by token over the source", 0, w / 2, true },
		{ "a write by token that begins before the range", -b, 2 * DISK_MAX_BLOCK, true },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]) && check_going(c); i++)
		after_change(c, &rows[i]);
}

/* ---- who may use it ---- */

static void used_again(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN];

	if (!take(c, F_TOKEN_USED_AGAIN, 0, token))
		return;
	for (unsigned i = 0; i < 3; i++) {
		char of[32];

		snprintf(of, sizeof(of), "use %u", i + 1);
		must_live(c, F_TOKEN_USED_AGAIN, c->dst, token, of);
	}
	if (c->dst2)
		must_live(c, F_TOKEN_NEXUS, c->dst2, token, "from another session");
	else
		finding_add(c->f, SIDE_SOURCE, F_TOKEN_NEXUS, VERDICT_SKIP,
			    "a second session could not be opened");
}

static void corrupt(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN];

	if (!take(c, F_TOKEN_CORRUPT, 0, token))
		return;
	for (unsigned i = 0; i < ROD_TOKEN_LEN && check_going(c);
	     i += i < FLIP_ALL ? 1 : FLIP_STEP) {
		/* Behind the header another place in each group of bytes, another bit. */
		unsigned at = i < FLIP_ALL ? i : i + i / FLIP_STEP % FLIP_STEP;
		unsigned bit = 1u << (i * 5 / FLIP_STEP % 8);
		char of[64];

		token[at] ^= (uint8_t)bit;
		snprintf(of, sizeof(of), "bit %02Xh of byte %u changed", bit, at);
		if (!must_be_dead(c, F_TOKEN_CORRUPT, token, of))
			return;
		token[at] ^= (uint8_t)bit;
	}
	must_live(c, F_TOKEN_USED_AGAIN, c->dst, token, "the true one after forged ones");
}

static void unknown(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN];

	if (!take(c, F_TOKEN_UNKNOWN, 0, token))
		return;
	/* A proper header with other bytes; and one with an identifier of its own. */
	for (unsigned i = 8; i < ROD_TOKEN_LEN; i++)
		token[i] = (uint8_t)(token[i] * 31 + i);
	must_be_dead(c, F_TOKEN_UNKNOWN, token, "other bytes behind a true header");
	memset(token + 8, 0, ROD_TOKEN_LEN - 8);
	must_be_dead(c, F_TOKEN_UNKNOWN, token, "zeros behind a true header");
}

/* ---- when it dies ---- */

/* Uses that together take longer than the timeout, each well within it. */
static void kept_by_use(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN];

	if (!take(c, F_TOKEN_KEPT_BY_USE, KEPT_S, token))
		return;
	for (unsigned i = 0; i < 3; i++) {
		double start = now_seconds();
		char of[64];

		usleep(KEPT_STEP_MS * 1000);
		if (now_seconds() - start >= KEPT_S - 0.2) {
			finding_add(c->f, SIDE_SOURCE, F_TOKEN_KEPT_BY_USE, VERDICT_SKIP,
				    "this machine was too slow to try");
			return;
		}
		snprintf(of, sizeof(of), "INACTIVITY TIMEOUT %u s, used %.1f s after it was made",
			 KEPT_S, (i + 1) * KEPT_STEP_MS / 1000.0);
		must_live(c, F_TOKEN_KEPT_BY_USE, c->dst, token, of);
	}
}

/* One token dies while another one is kept alive. */
static void timers(struct check *c)
{
	uint32_t max = c->src->disk->odx.max_timeout;
	uint8_t token[ROD_TOKEN_LEN];
	double made = now_seconds(), idle;
	bool dies = take(c, F_TOKEN_EXPIRES, EXPIRY_S, token);
	char of[64];

	if (!max || max >= KEPT_S)
		kept_by_use(c);
	if (!dies)
		return;
	idle = now_seconds() - made;
	if (idle < EXPIRY_S + GRACE_S)
		usleep((useconds_t)((EXPIRY_S + GRACE_S - idle) * 1e6));
	if (!area_fill(c->da, check_to(c, 5), c->window))
		return;
	snprintf(of, sizeof(of), "%.1f s without use, INACTIVITY TIMEOUT %u s",
		 now_seconds() - made, EXPIRY_S);
	must_be_dead(c, F_TOKEN_EXPIRES, token, of);
}

static void deleted(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN];
	struct tpc_range r = area_range(c->da, check_to(c, 5), c->window);
	struct initiator_cmd cmd;
	char text[160];

	if (!take(c, F_TOKEN_DELETED, 0, token))
		return;
	cmd = probe_wut(c->dst, disk_next_list_id(c->dst->host), PROBE_DEL, token, 0, &r, 1);
	check_written(c, F_TOKEN_DELETED, &cmd, c->sa->model + check_from(c, 5), check_to(c, 5),
		      c->window);
	if (!probe_good(&cmd)) {
		finding_add(c->f, SIDE_SOURCE, F_TOKEN_DELETED, VERDICT_FAIL,
			    "WRITE USING TOKEN with DEL_TKN: %s",
			    probe_text(&cmd, text, sizeof(text)));
		return;
	}
	if (area_fill(c->da, check_to(c, 5), c->window))
		must_be_dead(c, F_TOKEN_DELETED, token, "at once after DEL_TKN");
}

/* A copy of half an area in the background, and a reset in the middle of it. */
static void reset(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN], all[ROD_TOKEN_LEN];
	size_t to = c->da->len / 2, len = check_large(c, to), bad;
	struct tpc_range r = area_range(c->da, to, len);
	int response;

	if (!take(c, F_TOKEN_RESET, 0, token) || !check_take(c, F_TOKEN_RESET, 0, len, 0, all) ||
	    !area_fill(c->da, to, len))
		return;
	probe_wut(c->dst, disk_next_list_id(c->dst->host), PROBE_IMMED, all, 0, &r, 1);
	response = initiator_lun_reset(c->dst->in, c->dst->disk->lun);
	if (response)
		finding_add(c->f, SIDE_SOURCE, F_TOKEN_RESET, VERDICT_WARN,
			    "LOGICAL UNIT RESET: response %d", response);
	area_learn(c->da, to, len);
	usleep(SETTLE_MS * 1000);
	if (!response && !area_holds(c->da, to, len, &bad))
		finding_add(c->f, SIDE_SOURCE, F_TOKEN_RESET, VERDICT_FAIL,
			    "byte %zu of the area changes after the reset has been answered", bad);
	area_learn(c->da, to, len);
	must_live(c, F_TOKEN_RESET, c->dst, token, "after LOGICAL UNIT RESET");
}

/* ---- the zero token ---- */

static void zero(struct check *c)
{
	uint8_t token[ROD_TOKEN_LEN], *zeros = calloc(1, c->window);
	size_t to = check_to(c, 5);
	struct initiator_cmd cmd;
	char text[160];

	if (zeros && area_fill(c->da, to, c->window)) {
		rod_token_encode_zero(token);
		cmd = check_put(c, c->dst, token, 1u << 20, to, c->window);
		finding_judge(c->f, SIDE_SOURCE, F_ZERO_TOKEN,
			      probe_bad_token(&cmd) || check_wut_done(&cmd, 1u << 31) > 0,
			      VERDICT_FAIL, "%s", probe_text(&cmd, text, sizeof(text)));
		check_written(c, F_ZERO_TOKEN, &cmd, zeros, to, c->window);
	}
	free(zeros);
}

static void zero_variants(struct check *c)
{
	static const struct {
		enum finding what;
		uint32_t type;
		uint16_t length;
		const char *of;
	} rows[] = {
		{ F_ZERO_TOKEN_LENGTH, ROD_TYPE_ZERO, 0, "ROD TOKEN LENGTH 0" },
		{ F_ZERO_TOKEN_LENGTH, ROD_TYPE_ZERO, 0x1f0, "ROD TOKEN LENGTH 1F0h" },
		{ F_ZERO_TOKEN_RESERVED, 0xffff0002, ROD_TOKEN_LENGTH_FIELD, "type FFFF0002h" },
		{ F_ZERO_TOKEN_RESERVED, 0xffffffff, ROD_TOKEN_LENGTH_FIELD, "type FFFFFFFFh" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t token[ROD_TOKEN_LEN] = { 0 };

		put_be32(token, rows[i].type);
		put_be16(token + 6, rows[i].length);
		must_be_dead(c, rows[i].what, token, rows[i].of);
	}
}

void check_life(struct check *c)
{
	static const struct check_test tests[] = {
		{ "a token is of its time", point_in_time },
		{ "a token used again", used_again },
		{ "forged tokens", corrupt },
		{ "unknown tokens", unknown },
		{ "a token expires, another is kept by its use", timers },
		{ "a token is deleted", deleted },
		{ "the zero token", zero },
		{ "tokens like the zero token", zero_variants },
		{ "LOGICAL UNIT RESET", reset },
	};

	check_run(c, tests, sizeof(tests) / sizeof(tests[0]));
}
