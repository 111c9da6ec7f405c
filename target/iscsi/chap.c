/* SPDX-License-Identifier: Apache-2.0 */
#include "chap.h"

#include <errno.h>
#include <sys/random.h>

#include <nettle/md5.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>

struct chap_hash {
	const char *number; /* CHAP_A value (IANA "PPP Authentication Algorithms") */
	size_t len;	    /* of digest and challenge */
	void (*digest)(uint8_t id, const char *secret, const uint8_t *challenge, size_t len,
		       uint8_t *ret);
};

/* RFC 1994 4.1: hash(identifier, secret, challenge) */
static void digest_md5(uint8_t id, const char *secret, const uint8_t *challenge, size_t len,
		       uint8_t *ret)
{
	struct md5_ctx ctx;

	md5_init(&ctx);
	md5_update(&ctx, 1, &id);
	md5_update(&ctx, strlen(secret), (const uint8_t *)secret);
	md5_update(&ctx, len, challenge);
	md5_digest(&ctx, MD5_DIGEST_SIZE, ret);
}

static void digest_sha256(uint8_t id, const char *secret, const uint8_t *challenge, size_t len,
			  uint8_t *ret)
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, 1, &id);
	sha256_update(&ctx, strlen(secret), (const uint8_t *)secret);
	sha256_update(&ctx, len, challenge);
	sha256_digest(&ctx, SHA256_DIGEST_SIZE, ret);
}

static const struct chap_hash hashes[] = {
	{ "5", MD5_DIGEST_SIZE, digest_md5 },
	{ "7", SHA256_DIGEST_SIZE, digest_sha256 },
};

void chap_init(struct chap *c, const struct iscsi_chap *secrets)
{
	*c = (struct chap) { .secrets = secrets, .state = CHAP_WANT_ALGORITHM };
}

static bool fill_random(void *p, size_t n)
{
	ssize_t r;

	do
		r = getrandom(p, n, 0);
	while (r < 0 && errno == EINTR);
	return r == (ssize_t)n;
}

static bool choose_hash(struct chap *c, const char *list)
{
	const char *offer[] = { hashes[0].number, hashes[1].number, NULL };
	const char *chosen;

	if (!list || !text_list_choose(list, offer, &chosen))
		return false;
	c->hash = chosen == hashes[0].number ? &hashes[0] : &hashes[1];
	return true;
}

static bool step_algorithm(struct chap *c, const struct chap_keys *in, struct writer *reply,
			   const char **ret_why)
{
	char hex[2 * CHAP_MAX_DIGEST + 3];

	if (in->i || in->c || in->n || in->r) {
		*ret_why = "CHAP keys before the algorithm was chosen";
		return false;
	}
	if (!choose_hash(c, in->a)) {
		*ret_why = "no CHAP algorithm in common";
		return false;
	}
	if (!fill_random(&c->id, 1) || !fill_random(c->challenge, c->hash->len)) {
		*ret_why = "no random numbers for a challenge";
		return false;
	}
	text_put_hex(hex, sizeof(hex), c->challenge, c->hash->len);
	text_put(reply, "CHAP_A", c->hash->number);
	text_putf(reply, "CHAP_I", "%u", c->id);
	text_put(reply, "CHAP_C", hex);
	c->state = CHAP_WANT_RESPONSE;
	return true;
}

/* Equal strings, in time that tells nothing about where they differ. */
static bool same_text(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && memeql_sec(a, b, len);
}

/* The initiator's turn to be asked is over; it asks us (RFC 7143 12.1.3). */
static bool prove_ourselves(struct chap *c, const struct chap_keys *in, struct writer *reply,
			    const char **ret_why)
{
	uint8_t challenge[CHAP_MAX_CHALLENGE], digest[CHAP_MAX_DIGEST];
	char hex[2 * CHAP_MAX_DIGEST + 3];
	uint64_t id;
	int len;

	if (!in->i || !in->c || !text_number(in->i, 255, &id)) {
		*ret_why = "malformed request for mutual CHAP";
		return false;
	}
	if (!c->secrets->mutual_user[0]) {
		*ret_why = "mutual CHAP asked for, but none is configured";
		return false;
	}
	len = text_binary(in->c, challenge, sizeof(challenge));
	if (len <= 0) {
		*ret_why = "malformed CHAP challenge";
		return false;
	}
	/* Our own challenge sent back: we would compute the proof for the asker. */
	if ((size_t)len == c->hash->len && memeql_sec(challenge, c->challenge, (size_t)len)) {
		*ret_why = "CHAP challenge reflected";
		return false;
	}
	c->hash->digest((uint8_t)id, c->secrets->mutual_secret, challenge, (size_t)len, digest);
	text_put_hex(hex, sizeof(hex), digest, c->hash->len);
	text_put(reply, "CHAP_N", c->secrets->mutual_user);
	text_put(reply, "CHAP_R", hex);
	return true;
}

static bool step_response(struct chap *c, const struct chap_keys *in, struct writer *reply,
			  const char **ret_why)
{
	uint8_t want[CHAP_MAX_DIGEST], got[CHAP_MAX_DIGEST] = { 0 };
	bool user, proof;
	int len;

	if (in->a || !in->n || !in->r) {
		*ret_why = "CHAP_N or CHAP_R missing";
		return false;
	}
	len = text_binary(in->r, got, sizeof(got));
	if (len < 0 || (size_t)len != c->hash->len) {
		*ret_why = "malformed CHAP response";
		return false;
	}
	c->hash->digest(c->id, c->secrets->secret, c->challenge, c->hash->len, want);
	user = same_text(in->n, c->secrets->user);
	proof = memeql_sec(got, want, c->hash->len);
	if (!user || !proof) {
		*ret_why = "wrong CHAP user or secret";
		return false;
	}
	if ((in->i || in->c) && !prove_ourselves(c, in, reply, ret_why))
		return false;
	c->state = CHAP_DONE;
	return true;
}

bool chap_step(struct chap *c, const struct chap_keys *in, struct writer *reply,
	       const char **ret_why)
{
	switch (c->state) {
	case CHAP_WANT_ALGORITHM:
		return step_algorithm(c, in, reply, ret_why);
	case CHAP_WANT_RESPONSE:
		return step_response(c, in, reply, ret_why);
	case CHAP_DONE:
		break;
	}
	if (in->a || in->i || in->c || in->n || in->r) {
		*ret_why = "CHAP keys after authentication";
		return false;
	}
	return true;
}
