/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cipher.h"
#include "fixture.h"

static void what_is_sealed_can_be_opened_at_its_place_only(void)
{
	unsigned char plain[CIPHER_SECTOR], stored[CIPHER_SECTOR], back[CIPHER_SECTOR];
	struct cipher *c = NULL;

	CU_ASSERT_EQUAL_FATAL(cipher_new(&c), 0);
	fill_pattern(plain, sizeof(plain), 0, 1);
	cipher_seal(c, 0, stored, plain);
	CU_ASSERT_NOT_EQUAL(memcmp(stored, plain, sizeof(plain)), 0);
	cipher_open(c, 0, back, stored);
	CHECK_BYTES(back, sizeof(back), plain, sizeof(plain));
	cipher_open(c, CIPHER_SECTOR, back, stored);
	CU_ASSERT_NOT_EQUAL(memcmp(back, plain, sizeof(plain)), 0);
	cipher_free(c);
}

static void every_cipher_has_a_key_of_its_own_and_loses_it_with_another(void)
{
	unsigned char plain[CIPHER_SECTOR], stored[CIPHER_SECTOR], back[CIPHER_SECTOR];
	struct cipher *a = NULL, *b = NULL;

	CU_ASSERT_EQUAL_FATAL(cipher_new(&a), 0);
	CU_ASSERT_EQUAL_FATAL(cipher_new(&b), 0);
	memset(plain, 0, sizeof(plain));
	cipher_seal(a, 512, stored, plain);
	cipher_open(b, 512, back, stored);
	CU_ASSERT_NOT_EQUAL(memcmp(back, plain, sizeof(plain)), 0);
	CU_ASSERT_EQUAL(cipher_rekey(a), 0);
	cipher_open(a, 512, back, stored);
	CU_ASSERT_NOT_EQUAL(memcmp(back, plain, sizeof(plain)), 0);
	cipher_free(a);
	cipher_free(b);
	cipher_free(NULL);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "what is sealed can be opened, at its place only",
		  what_is_sealed_can_be_opened_at_its_place_only },
		{ "every cipher has a key of its own and loses it with another",
		  every_cipher_has_a_key_of_its_own_and_loses_it_with_another },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/cipher", tests);
}
