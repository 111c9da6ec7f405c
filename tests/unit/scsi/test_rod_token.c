/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "sample_lu.h"

static const uint8_t naa8[] = SAMPLE_NAA;
static const uint8_t naa16[16] = { 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static uint8_t entropy[256];

static struct rod_token sample(void)
{
	memset(entropy, 0xa5, sizeof(entropy));
	return (struct rod_token) { .type = ROD_TYPE_PIT_CHANGE_VULNERABLE,
				    .id = 0x0102030405060708,
				    .bytes = 98304,
				    .naa = naa8,
				    .naa_len = 8,
				    .block_size = 512,
				    .lbppbe = 3,
				    .lbpme = true,
				    .target_name = "iqn.2001-04.com.example:t1",
				    .random = entropy };
}

static void round_trip(void)
{
	struct rod_token t = sample(), got = { 0 };
	uint8_t token[ROD_TOKEN_LEN];

	for (int big = 0; big < 2; big++) {
		t.naa = big ? naa16 : naa8;
		t.naa_len = big ? 16 : 8;
		rod_token_encode(token, &t);
		CU_ASSERT_TRUE(rod_token_decode(token, &got));
		CU_ASSERT_EQUAL(got.type, t.type);
		CU_ASSERT_EQUAL(got.id, t.id);
		CU_ASSERT_EQUAL(got.bytes, t.bytes);
		CHECK_BYTES(got.naa, got.naa_len, t.naa, t.naa_len);
		CU_ASSERT_EQUAL(got.block_size, 512);
		CU_ASSERT_EQUAL(got.lbppbe, 3);
		CU_ASSERT_TRUE(got.lbpme && !got.lbprz);
		CU_ASSERT_PTR_NULL(got.target_name);
		CU_ASSERT_PTR_NULL(got.random);
	}
}

static void long_target_names_become_naa(void)
{
	char name[224];
	struct rod_token t = sample();
	uint8_t token[ROD_TOKEN_LEN], want[16];

	memset(name, 'a', sizeof(name));
	name[123] = '\0';
	t.target_name = name;
	rod_token_encode(token, &t);
	CU_ASSERT_EQUAL(token[128 + 1], 0xa8);
	CU_ASSERT_EQUAL(token[128 + 3], 124);
	CHECK_BYTES(token + 132, 124, name, 124);
	name[123] = 'a';
	name[124] = '\0';
	rod_token_encode(token, &t);
	test_hex("51 A3 00 08 3000112233445566 00000000", want, 16);
	CHECK_BYTES(token + 128, 16, want, 16);
	t.target_name = "";
	rod_token_encode(token, &t);
	CHECK_BYTES(token + 128, 16, want, 16);
	t.target_name = NULL;
	rod_token_encode(token, &t);
	CHECK_BYTES(token + 128, 16, want, 16);
}

static void refused_tokens(void)
{
	static const struct {
		unsigned at;
		uint8_t v;
	} edits[] = { { 6, 0 },	    { 7, 0xf9 }, { 16, 0xe5 }, { 20, 2 },  { 21, 1 },
		      { 21, 0x13 }, { 23, 0 },	 { 23, 20 },   { 23, 255 } };
	struct rod_token t = sample(), got = { .id = 1 };
	uint8_t token[ROD_TOKEN_LEN];

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		rod_token_encode(token, &t);
		token[edits[i].at] = edits[i].v;
		CU_ASSERT_FALSE(rod_token_decode(token, &got));
	}
	CU_ASSERT_EQUAL(got.id, 1);
	rod_token_encode(token, &t);
	token[21] = 0x02; /* EUI-64 */
	CU_ASSERT_TRUE(rod_token_decode(token, &got));
}

static void unknown_size(void)
{
	struct rod_token t = sample(), got;
	uint8_t token[ROD_TOKEN_LEN];

	rod_token_encode(token, &t);
	memset(token + 48, 0xff, 16);
	CU_ASSERT_TRUE(rod_token_decode(token, &got));
	CU_ASSERT_EQUAL(got.bytes, UINT64_MAX);
}

static void zero_token(void)
{
	struct rod_token t = sample();
	uint8_t token[ROD_TOKEN_LEN];

	rod_token_encode(token, &t);
	CU_ASSERT_FALSE(rod_token_is_zero(token));
	rod_token_encode_zero(token);
	CU_ASSERT_TRUE(rod_token_is_zero(token));
	CU_ASSERT_FALSE(rod_token_decode(token, &t));
	token[4] = token[8] = token[511] = 0xff; /* CRC VALID or anything else */
	CU_ASSERT_TRUE(rod_token_is_zero(token));
	token[7] = 0xf9;
	CU_ASSERT_FALSE(rod_token_is_zero(token));
	token[7] = 0xf8;
	token[3] = 0x02;
	CU_ASSERT_FALSE(rod_token_is_zero(token));
}

static const struct test tests[] = {
	{ "a token round-trips with NAA of 8 and 16 bytes", round_trip },
	{ "a target name that does not fit gives way to the NAA", long_target_names_become_naa },
	{ "tokens with other lengths or creators are refused", refused_tokens },
	{ "a size above 64 bits is unknown", unknown_size },
	{ "the zero token is known by type and length alone", zero_token },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_rod_token", tests);
}
