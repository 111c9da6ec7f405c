/* SPDX-License-Identifier: Apache-2.0 */
#include "cipher.h"

#include <errno.h>
#include <nettle/xts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct cipher {
	struct xts_aes256_key seal, open;
};

int cipher_rekey(struct cipher *c)
{
	uint8_t key[2 * AES256_KEY_SIZE];
	ssize_t n = getrandom(key, sizeof(key), 0);

	if (n != sizeof(key))
		return n < 0 ? -errno : -EIO;
	xts_aes256_set_encrypt_key(&c->seal, key);
	xts_aes256_set_decrypt_key(&c->open, key);
	explicit_bzero(key, sizeof(key));
	return 0;
}

int cipher_new(struct cipher **ret)
{
	struct cipher *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = cipher_rekey(c);
	if (r < 0)
		free(c);
	else
		*ret = c;
	return r;
}

void cipher_free(struct cipher *c)
{
	if (c)
		explicit_bzero(c, sizeof(*c));
	free(c);
}

static void tweak_of(uint64_t off, uint8_t tweak[AES_BLOCK_SIZE])
{
	uint64_t sector = off / CIPHER_SECTOR;

	/* IEEE 1619: little endian. */
	memset(tweak, 0, AES_BLOCK_SIZE);
	for (unsigned i = 0; i < 8; i++)
		tweak[i] = (uint8_t)(sector >> (8 * i));
}

void cipher_seal(struct cipher *c, uint64_t off, void *stored, const void *plain)
{
	uint8_t tweak[AES_BLOCK_SIZE];

	tweak_of(off, tweak);
	xts_aes256_encrypt_message(&c->seal, tweak, CIPHER_SECTOR, stored, plain);
}

void cipher_open(struct cipher *c, uint64_t off, void *plain, const void *stored)
{
	uint8_t tweak[AES_BLOCK_SIZE];

	tweak_of(off, tweak);
	xts_aes256_decrypt_message(&c->open, tweak, CIPHER_SECTOR, plain, stored);
}
