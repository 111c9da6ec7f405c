/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHAP.  The vectors were made with Python's hashlib:
 * md5(id + secret + challenge), sha256 likewise (RFC 1994 4.1).
 */
#include "chap.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

static const struct iscsi_chap one_way = { .user = "user", .secret = "secret of twelve" };
static const struct iscsi_chap mutual = { .user = "user",
					  .secret = "secret of twelve",
					  .mutual_user = "target",
					  .mutual_secret = "another secret" };

/* id 2Ah, challenge 00..0F, "secret of twelve" */
#define GOOD_R "0x769a9a1c9e5d8a1a12a283a65c2a5990"
/* id 7, challenge 80..9F, "secret of twelve", SHA-256 */
#define GOOD_R2 "0x43c30ee813346a4f520f1bd9b94f73154d238f06ae444238175ba41de45c42a6"
/* id 7, challenge 80..97, "another secret" */
#define THEIR_C	   "0x808182838485868788898a8b8c8d8e8f9091929394959697"
#define OUR_PROOF  "0x0c957f6fe85ecc0d8b3900c13317db86"
#define OUR_PROOF2 "0x8eee024d1d8b625ec0303257391e8eab325aed9ae4b1e9d55e1b0fdb4a85b315"

static struct chap chap;
static uint8_t reply[4096];
static struct writer out;
static const char *why;

static bool step(struct chap_keys keys)
{
	out = writer(reply, sizeof(reply));
	memset(reply, 0, sizeof(reply));
	why = NULL;
	return chap_step(&chap, &keys, &out, &why);
}

static const char *value(const char *key)
{
	for (size_t i = 0; i < out.len; i += strlen((char *)reply + i) + 1) {
		const char *pair = (char *)reply + i;
		size_t n = strlen(key);

		if (strncmp(pair, key, n) == 0 && pair[n] == '=')
			return pair + n + 1;
	}
	return "";
}

/* Up to where the response is awaited, with the challenge of the vectors. */
static void challenge(const struct iscsi_chap *secrets)
{
	chap_init(&chap, secrets);
	CU_ASSERT(step((struct chap_keys) { .a = "5" }));
	CU_ASSERT_EQUAL(chap.state, CHAP_WANT_RESPONSE);
	chap.id = 0x2a;
	for (unsigned i = 0; i < 16; i++)
		chap.challenge[i] = (uint8_t)i;
}

static void test_challenge(void)
{
	char first[128];

	chap_init(&chap, &one_way);
	CU_ASSERT(step((struct chap_keys) { .a = "8,7,5" }));
	CU_ASSERT_STRING_EQUAL(value("CHAP_A"), "7");
	CU_ASSERT_EQUAL(strlen(value("CHAP_C")), 2 + 64);
	chap_init(&chap, &one_way);
	CU_ASSERT(step((struct chap_keys) { .a = "5,7" }));
	CU_ASSERT_STRING_EQUAL(value("CHAP_A"), "5");
	CU_ASSERT_EQUAL(strlen(value("CHAP_C")), 2 + 32);
	CU_ASSERT(*value("CHAP_I") != '\0');
	snprintf(first, sizeof(first), "%s", value("CHAP_C"));
	chap_init(&chap, &one_way);
	CU_ASSERT(step((struct chap_keys) { .a = "5" }));
	CU_ASSERT_STRING_NOT_EQUAL(value("CHAP_C"), first);
}

static void test_algorithms(void)
{
	static const char *const bad[] = { "6", "", "55", "5 ", "0x5", "MD5" };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		chap_init(&chap, &one_way);
		CU_ASSERT_FALSE(step((struct chap_keys) { .a = bad[i] }));
		CU_ASSERT_PTR_NOT_NULL(why);
	}
	chap_init(&chap, &one_way);
	CU_ASSERT_FALSE(step((struct chap_keys) { .n = "user", .r = GOOD_R }));
	chap_init(&chap, &one_way);
	CU_ASSERT_FALSE(step((struct chap_keys) { .a = "5", .r = GOOD_R }));
}

static void test_response(void)
{
	challenge(&one_way);
	CU_ASSERT(step((struct chap_keys) { .n = "user", .r = GOOD_R }));
	CU_ASSERT_EQUAL(chap.state, CHAP_DONE);
	CU_ASSERT_EQUAL(out.len, 0);
	challenge(&one_way);
	/* the same as base64 */
	CU_ASSERT(step((struct chap_keys) { .n = "user", .r = "0bdpqaHJ5dihoSooOmXCpZkA==" }));
	CU_ASSERT_EQUAL(chap.state, CHAP_DONE);
}

static void test_wrong_responses(void)
{
	static const struct chap_keys bad[] = {
		{ .n = "user", .r = "0x769a9a1c9e5d8a1a12a283a65c2a5991" },
		{ .n = "User", .r = GOOD_R },
		{ .n = "use", .r = GOOD_R },
		{ .n = "user2", .r = GOOD_R },
		{ .n = "", .r = GOOD_R },
		{ .n = "user" },
		{ .r = GOOD_R },
		{ .n = "user", .r = "" },
		{ .n = "user", .r = "0x" },
		{ .n = "user", .r = "769a9a1c9e5d8a1a12a283a65c2a5990" },
		{ .n = "user", .r = "0x769a9a1c9e5d8a1a12a283a65c2a59" },
		{ .n = "user", .r = GOOD_R "00" },
		{ .n = "user", .r = GOOD_R "zz" },
		{ .n = "user", .r = "0b!!!!" },
		{ .n = "user", .r = GOOD_R, .a = "5" },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		challenge(&one_way);
		CU_ASSERT_FALSE(step(bad[i]));
		CU_ASSERT_NOT_EQUAL(chap.state, CHAP_DONE);
		CU_ASSERT_PTR_NOT_NULL(why);
	}
}

static void test_every_bit(void)
{
	char r[] = GOOD_R;

	for (unsigned i = 2; i < sizeof(r) - 1; i++) {
		char was = r[i];

		r[i] = was == '0' ? '1' : '0';
		challenge(&one_way);
		CU_ASSERT_FALSE(step((struct chap_keys) { .n = "user", .r = r }));
		r[i] = was;
	}
}

static void test_mutual(void)
{
	challenge(&mutual);
	CU_ASSERT(step((struct chap_keys) { .n = "user", .r = GOOD_R, .i = "7", .c = THEIR_C }));
	CU_ASSERT_EQUAL(chap.state, CHAP_DONE);
	CU_ASSERT_STRING_EQUAL(value("CHAP_N"), "target");
	CU_ASSERT_STRING_EQUAL(value("CHAP_R"), OUR_PROOF);
	/* An initiator that does not ask is let in as well. */
	challenge(&mutual);
	CU_ASSERT(step((struct chap_keys) { .n = "user", .r = GOOD_R }));
	CU_ASSERT_EQUAL(out.len, 0);
}

static void test_mutual_sha256(void)
{
	for (unsigned good = 0; good < 2; good++) {
		const struct chap_keys keys = {
			.n = "user", .r = good ? GOOD_R2 : OUR_PROOF2, .i = "7", .c = THEIR_C
		};

		chap_init(&chap, &mutual);
		CU_ASSERT(step((struct chap_keys) { .a = "7" }));
		chap.id = 7;
		for (unsigned i = 0; i < 32; i++)
			chap.challenge[i] = (uint8_t)(0x80 + i);
		CU_ASSERT_EQUAL(step(keys), good);
		/* Who has no proof gets none. */
		CU_ASSERT_STRING_EQUAL(value("CHAP_R"), good ? OUR_PROOF2 : "");
	}
}

static void test_mutual_refused(void)
{
	static char long_challenge[2 + 2 * 1025 + 1];
	const struct chap_keys bad[] = {
		{ .n = "user", .r = GOOD_R, .i = "7" },
		{ .n = "user", .r = GOOD_R, .c = THEIR_C },
		{ .n = "user", .r = GOOD_R, .i = "256", .c = THEIR_C },
		{ .n = "user", .r = GOOD_R, .i = "x", .c = THEIR_C },
		{ .n = "user", .r = GOOD_R, .i = "7", .c = "0x" },
		{ .n = "user", .r = GOOD_R, .i = "7", .c = "nonsense" },
		{ .n = "user", .r = GOOD_R, .i = "7", .c = long_challenge },
	};

	memset(long_challenge, 'a', sizeof(long_challenge) - 1);
	long_challenge[0] = '0';
	long_challenge[1] = 'x';
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		challenge(&mutual);
		CU_ASSERT_FALSE(step(bad[i]));
		CU_ASSERT_NOT_EQUAL(chap.state, CHAP_DONE);
	}
	/* 1024 bytes are the most that RFC 7143 allows. */
	long_challenge[2 + 2 * 1024] = '\0';
	challenge(&mutual);
	CU_ASSERT(step(
		(struct chap_keys) { .n = "user", .r = GOOD_R, .i = "7", .c = long_challenge }));
	/* Asked for, but not configured. */
	challenge(&one_way);
	CU_ASSERT_FALSE(
		step((struct chap_keys) { .n = "user", .r = GOOD_R, .i = "7", .c = THEIR_C }));
}

static void test_reflection(void)
{
	challenge(&mutual);
	CU_ASSERT_FALSE(step((struct chap_keys) {
		.n = "user", .r = GOOD_R, .i = "42", .c = "0x000102030405060708090a0b0c0d0e0f" }));
	CU_ASSERT_STRING_EQUAL(value("CHAP_R"), "");
}

static void test_done(void)
{
	challenge(&one_way);
	CU_ASSERT(step((struct chap_keys) { .n = "user", .r = GOOD_R }));
	CU_ASSERT(step((struct chap_keys) { .a = NULL }));
	CU_ASSERT_FALSE(step((struct chap_keys) { .a = "5" }));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "the first algorithm in common is chosen, challenges differ", test_challenge },
		{ "no algorithm in common, or keys out of turn, is refused", test_algorithms },
		{ "the right response authenticates, in hex and base64", test_response },
		{ "wrong users, secrets and encodings are refused", test_wrong_responses },
		{ "no digit of a response may change", test_every_bit },
		{ "mutual: we answer the initiator's challenge", test_mutual },
		{ "mutual with SHA-256; no proof for who has none", test_mutual_sha256 },
		{ "mutual: malformed or unwanted challenges are refused", test_mutual_refused },
		{ "mutual: our own challenge sent back is refused", test_reflection },
		{ "CHAP keys after the end are refused", test_done },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_chap", tests);
}
