/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live tokens stand in one hash by identifier, the dead in another.  A token's
 * clock runs only while no command uses it.  A user holds its own reference to
 * the rod, so that a token may die under it: the copy that runs ends in order.
 */
#include "token.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <uthash.h>

#define TOKEN_RANDOM_LEN 256
#define NS_PER_S	 1000000000ull

const struct token_config token_defaults = {
	.max_tokens = 256 << 10,
	.max_tombstones = 128 << 10,
	.max_per_lun = 128 << 10,
	.max_per_initiator = 128 << 10,
	.saved = 64ull << 30,
	.saved_per_initiator = 32ull << 30,
	.cloned = 4ull << 40,
	.cloned_per_initiator = 2ull << 40,
	.max_saves = 64,
};

struct token {
	uint64_t id;
	uint8_t bytes[ROD_TOKEN_LEN];
	struct token_registry *reg;
	struct rod *rod;
	struct quota *lun;
	uint64_t rod_bytes;
	uint32_t block_size;
	uint32_t timeout_s;
	unsigned uses;
	struct ring_timer clock;
	UT_hash_handle hh;
};

struct tombstone {
	uint64_t id;
	uint16_t asc_ascq;
	uint8_t digest[SHA256_DIGEST_SIZE]; /* of the whole token */
	UT_hash_handle hh;
	TAILQ_ENTRY(tombstone) link;
};

struct token_registry {
	struct ring *ring;
	struct token_config cfg;
	char target_name[SCSI_NAME_MAX + 1];
	uint8_t target_desc[ROD_TOKEN_LEN]; /* a token of ours, for bytes 128-255 */
	uint64_t next_id;
	struct quota total;
	struct initiators initiators;
	struct token *live;
	struct tombstone *dead;
	TAILQ_HEAD(, tombstone) by_age;
	struct token_stats stats;
};

static void digest_token(const uint8_t token[ROD_TOKEN_LEN], uint8_t ret[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, ROD_TOKEN_LEN, token);
	sha256_digest(&ctx, SHA256_DIGEST_SIZE, ret);
}

static int random_bytes(void *p, size_t n)
{
	uint8_t *b = p;

	while (n > 0) {
		ssize_t got = getrandom(b, n, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		b += got;
		n -= (size_t)got;
	}
	return 0;
}

int token_registry_new(struct token_registry **ret, struct ring *ring,
		       const struct token_config *cfg)
{
	static const uint8_t any_naa[8] = { 0x30 }, no_random[TOKEN_RANDOM_LEN];
	struct token_registry *reg = calloc(1, sizeof(*reg));
	struct rod_token t = { .type = ROD_TYPE_PIT_CHANGE_VULNERABLE,
			       .naa = any_naa,
			       .naa_len = sizeof(any_naa),
			       .random = no_random };
	int err;

	if (!reg)
		return -ENOMEM;
	reg->ring = ring;
	reg->cfg = *cfg;
	strncpy(reg->target_name, cfg->target_name, SCSI_NAME_MAX);
	reg->cfg.target_name = reg->target_name;
	reg->total.limit = cfg->max_tokens;
	reg->initiators = (struct initiators) { .tokens = cfg->max_per_initiator,
						.saved = cfg->saved_per_initiator,
						.cloned = cfg->cloned_per_initiator };
	TAILQ_INIT(&reg->by_age);
	err = random_bytes(&reg->next_id, sizeof(reg->next_id));
	if (err < 0) {
		free(reg);
		return err;
	}
	reg->next_id >>= 1; /* far from wrapping: never used again */
	t.target_name = reg->target_name;
	rod_token_encode(reg->target_desc, &t);
	*ret = reg;
	return 0;
}

static void free_oldest_tombstone(struct token_registry *reg)
{
	struct tombstone *s = TAILQ_FIRST(&reg->by_age);

	TAILQ_REMOVE(&reg->by_age, s, link);
	HASH_DEL(reg->dead, s);
	reg->stats.tombstones--;
	free(s);
}

/* Remembers why @t died; without memory it is merely unknown from now on. */
static void bury(struct token_registry *reg, const struct token *t, unsigned asc_ascq)
{
	struct tombstone *s;

	if (reg->cfg.max_tombstones == 0)
		return;
	while (reg->stats.tombstones >= reg->cfg.max_tombstones)
		free_oldest_tombstone(reg);
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->id = t->id;
	s->asc_ascq = (uint16_t)asc_ascq;
	digest_token(t->bytes, s->digest);
	HASH_ADD(hh, reg->dead, id, sizeof(s->id), s);
	TAILQ_INSERT_TAIL(&reg->by_age, s, link);
	reg->stats.tombstones++;
}

/* What one more token is taken from. */
enum { QUOTAS = 3 };

static void quotas_of(struct token_registry *reg, struct bs_owner *owner, struct quota *lun,
		      struct quota *ret[QUOTAS])
{
	ret[0] = &reg->total;
	ret[1] = lun;
	ret[2] = initiator_tokens(owner);
}

static void token_free(struct token *t)
{
	struct token_registry *reg = t->reg;
	struct quota *q[QUOTAS];

	quotas_of(reg, rod_owner(t->rod), t->lun, q);
	quota_put_all(q, QUOTAS, 1);
	HASH_DEL(reg->live, t);
	ring_timer_cancel(reg->ring, &t->clock);
	rod_on_cancel(t->rod, NULL, NULL);
	rod_unref(t->rod);
	free(t);
}

static void token_die(struct token *t, unsigned asc_ascq)
{
	bury(t->reg, t, asc_ascq);
	token_free(t);
}

void token_registry_free(struct token_registry *reg)
{
	struct token *t, *tmp;

	if (!reg)
		return;
	HASH_ITER (hh, reg->live, t, tmp)
		token_free(t);
	while (!TAILQ_EMPTY(&reg->by_age))
		free_oldest_tombstone(reg);
	assert(!reg->initiators.by_name);
	free(reg);
}

static void token_expired(struct ring_timer *clock)
{
	struct token *t = (struct token *)((char *)clock - offsetof(struct token, clock));

	t->reg->stats.expired++;
	token_die(t, ASC_TOKEN_EXPIRED);
}

/* Inside a write's submission: the rod is going, so the token goes. */
static void token_rod_cancelled(struct rod *rod, void *ctx)
{
	struct token *t = ctx;

	(void)rod;
	t->reg->stats.cancelled++;
	token_die(t, ASC_TOKEN_CANCELLED);
}

static void start_clock(struct token *t)
{
	ring_timer_set(t->reg->ring, &t->clock, t->timeout_s * NS_PER_S);
}

struct bs_owner *token_owner(struct token_registry *reg, const char *port)
{
	return initiator_get(&reg->initiators, port);
}

static struct sense no_room(struct token_registry *reg)
{
	reg->stats.refused++;
	return sense_make(KEY_ILLEGAL_REQUEST, ASC_INSUFFICIENT_RESOURCES_TOKEN);
}

struct sense token_room(struct token_registry *reg, struct bs_owner *owner, const struct quota *lun)
{
	if (quota_room(&reg->total, 1) && quota_room(lun, 1) &&
	    quota_room(initiator_tokens(owner), 1))
		return sense_good();
	return no_room(reg);
}

struct sense token_issue(struct token_registry *reg, struct rod *rod, struct quota *lun,
			 const struct rod_token *proto, uint32_t timeout_s,
			 uint8_t ret_token[ROD_TOKEN_LEN])
{
	uint8_t random[TOKEN_RANDOM_LEN];
	struct rod_token enc = *proto;
	struct quota *q[QUOTAS];
	struct token *t;

	quotas_of(reg, rod_owner(rod), lun, q);
	if (!quota_take_all(q, QUOTAS, 1))
		return no_room(reg);
	t = calloc(1, sizeof(*t));
	if (!t || random_bytes(random, sizeof(random)) < 0) {
		free(t);
		quota_put_all(q, QUOTAS, 1);
		return no_room(reg);
	}
	t->reg = reg;
	t->id = reg->next_id++;
	t->rod = rod_ref(rod);
	t->lun = lun;
	t->rod_bytes = proto->bytes;
	t->block_size = proto->block_size;
	t->timeout_s = timeout_s;
	t->clock.fn = token_expired;
	enc.id = t->id;
	enc.random = random;
	enc.target_name = reg->target_name;
	rod_token_encode(t->bytes, &enc);
	HASH_ADD(hh, reg->live, id, sizeof(t->id), t);
	reg->stats.issued++;
	rod_on_cancel(rod, token_rod_cancelled, t);
	start_clock(t);
	memcpy(ret_token, t->bytes, ROD_TOKEN_LEN);
	if (rod_cancelled(rod)) /* a write got in right behind the capture */
		token_rod_cancelled(rod, t);
	return sense_good();
}

static struct sense bad_token(struct token_registry *reg, unsigned asc_ascq)
{
	reg->stats.refused++;
	return sense_make(KEY_ILLEGAL_REQUEST, asc_ascq);
}

/* Bytes 128-255 describe the target device, the same in all tokens of ours. */
static bool made_here(const struct token_registry *reg, const uint8_t token[ROD_TOKEN_LEN])
{
	return memeql_sec(token + 128, reg->target_desc + 128, 128);
}

/* What to say of an identifier that no live token has. */
static unsigned dead_reason(const struct token_registry *reg, uint64_t id,
			    const uint8_t token[ROD_TOKEN_LEN])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct tombstone *s;

	HASH_FIND(hh, reg->dead, &id, sizeof(id), s);
	if (!s)
		return ASC_TOKEN_UNKNOWN;
	digest_token(token, digest);
	return memeql_sec(digest, s->digest, sizeof(digest)) ? s->asc_ascq : ASC_TOKEN_CORRUPT;
}

/*
 * The order of wire-format 7.6, but the type before "corrupt": a token whose type
 * we never issue is refused for that, whatever else it says (9.2 row 16).
 */
/* The types that PT makes here, on one LUN or another. */
static bool is_ours(uint32_t type)
{
	return type == ROD_TYPE_PIT_DEFAULT || type == ROD_TYPE_PIT_CHANGE_VULNERABLE ||
	       type == ROD_TYPE_PIT_PERSISTENT;
}

struct sense token_acquire(struct token_registry *reg, const uint8_t token[ROD_TOKEN_LEN],
			   struct token_use *ret)
{
	uint64_t id = get_be64(token + 8);
	struct token *t;

	if (get_be16(token + 6) != ROD_TOKEN_LENGTH_FIELD)
		return bad_token(reg, ASC_TOKEN_LENGTH);
	if (rod_token_is_zero(token)) {
		*ret = (struct token_use) { .rod = rod_zero(), .bytes = UINT64_MAX, .zero = true };
		return sense_good();
	}
	if (!is_ours(get_be32(token)))
		return bad_token(reg, ASC_TOKEN_TYPE_UNSUPPORTED);
	HASH_FIND(hh, reg->live, &id, sizeof(id), t);
	if (!t) {
		unsigned reason = dead_reason(reg, id, token);

		/* A stranger's token is one that we neither have nor remember. */
		if (reason == ASC_TOKEN_UNKNOWN && !made_here(reg, token))
			reason = ASC_TOKEN_REMOTE_UNSUPPORTED;
		return bad_token(reg, reason);
	}
	if (!memeql_sec(token, t->bytes, ROD_TOKEN_LEN))
		return bad_token(reg, made_here(reg, token) ? ASC_TOKEN_CORRUPT
							    : ASC_TOKEN_REMOTE_UNSUPPORTED);
	t->uses++;
	ring_timer_cancel(reg->ring, &t->clock);
	*ret = (struct token_use) { .rod = rod_ref(t->rod),
				    .bytes = t->rod_bytes,
				    .block_size = t->block_size,
				    .id = t->id };
	return sense_good();
}

void token_release(struct token_registry *reg, struct token_use *use, bool del)
{
	struct token *t;

	if (!use->zero) {
		HASH_FIND(hh, reg->live, &use->id, sizeof(use->id), t);
		if (t) {
			assert(t->uses > 0);
			t->uses--;
			if (del) {
				reg->stats.deleted++;
				token_die(t, ASC_TOKEN_DELETED);
			} else if (t->uses == 0) {
				start_clock(t);
			}
		}
	}
	rod_unref(use->rod);
	use->rod = NULL;
}

void token_cancel_all(struct token_registry *reg, const struct backstore *bs)
{
	struct token *t, *tmp;

	HASH_ITER (hh, reg->live, t, tmp) {
		struct rod *rod;

		if (rod_backstore(t->rod) != bs)
			continue;
		rod = rod_ref(t->rod);
		rod_cancel(rod); /* tells token_rod_cancelled, which frees t */
		rod_unref(rod);
	}
}

void token_report(const struct token_registry *reg, struct writer *w)
{
	const struct token *t = reg->live;
	size_t start = w->len, end;

	wr_zero(w, TPC_TOKENS_HEADER);
	end = w->len + reg->total.used * TPC_TOKENS_ENTRY_LEN;
	for (; t && w->len < w->cap; t = t->hh.next)
		wr_bytes(w, t->bytes, TPC_TOKENS_ENTRY_LEN);
	if (w->len < end) /* there is no room for the others, but they count */
		wr_zero(w, end - w->len);
	wr_be32_at(w, start, (uint32_t)(w->len - start - 4));
}

void token_get_stats(struct token_registry *reg, struct token_stats *ret)
{
	*ret = reg->stats;
	ret->live = (unsigned)reg->total.used;
}
