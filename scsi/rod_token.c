/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "tpc.h"

/* Wire-format 4.1 */
enum {
	LENGTH_AT = 6,
	ID_AT = 8,
	CREATOR_AT = 16,
	BYTES_AT = 48,
	DEVICE_AT = 96,
	TARGET_AT = 128,
	RANDOM_AT = 256,
};
#define RANDOM_LEN	(ROD_TOKEN_LEN - RANDOM_AT)
#define TARGET_NAME_MAX 123 /* 128 bytes less 4 of header, and a NUL */

#define CSCD_ID		0xe4
#define CODE_BINARY	0x01
#define TYPE_EUI64	0x02
#define TYPE_NAA	0x03

static void put_creator(uint8_t *d, const struct rod_token *t)
{
	d[0] = CSCD_ID;
	d[4] = CODE_BINARY;
	d[5] = TYPE_NAA; /* ASSOCIATION 00b */
	d[7] = t->naa_len;
	memcpy(d + 8, t->naa, t->naa_len);
	put_be24(d + 29, t->block_size);
}

/* A designation descriptor of the target device (ASSOCIATION 10b, PIV, iSCSI). */
static void put_target(uint8_t *d, const struct rod_token *t)
{
	size_t n = t->target_name ? strnlen(t->target_name, TARGET_NAME_MAX + 1) : 0;

	if (n == 0 || n > TARGET_NAME_MAX) {
		d[0] = 0x50 | CODE_BINARY;
		d[1] = 0x80 | 0x20 | TYPE_NAA;
		d[3] = t->naa_len;
		memcpy(d + 4, t->naa, t->naa_len);
		return;
	}
	d[0] = 0x50 | 0x03;	   /* UTF-8 */
	d[1] = 0x80 | 0x20 | 0x08; /* SCSI name string */
	d[3] = (uint8_t)((n + 1 + 3) & ~(size_t)3);
	memcpy(d + 4, t->target_name, n);
}

void rod_token_encode(uint8_t token[ROD_TOKEN_LEN], const struct rod_token *t)
{
	assert(t->naa_len == 8 || t->naa_len == 16);
	memset(token, 0, ROD_TOKEN_LEN);
	put_be32(token, t->type);
	put_be16(token + LENGTH_AT, ROD_TOKEN_LENGTH_FIELD);
	put_be64(token + ID_AT, t->id);
	put_creator(token + CREATOR_AT, t);
	put_be64(token + BYTES_AT + 8, t->bytes);
	put_be32(token + DEVICE_AT, t->block_size);
	token[DEVICE_AT + 5] = t->lbppbe & 0x0f;
	token[DEVICE_AT + 6] = (t->lbpme ? 0x80 : 0) | (t->lbprz ? 0x40 : 0);
	put_target(token + TARGET_AT, t);
	memcpy(token + RANDOM_AT, t->random, RANDOM_LEN);
}

static bool creator_valid(const uint8_t *d)
{
	uint8_t type = d[5] & 0x0f;

	if (d[0] != CSCD_ID || (d[4] & 0x0f) != CODE_BINARY || (d[5] & 0x30) != 0)
		return false;
	return (type == TYPE_NAA || type == TYPE_EUI64) && (d[7] == 8 || d[7] == 16);
}

bool rod_token_decode(const uint8_t token[ROD_TOKEN_LEN], struct rod_token *ret)
{
	const uint8_t *creator = token + CREATOR_AT, *device = token + DEVICE_AT;

	if (get_be16(token + LENGTH_AT) != ROD_TOKEN_LENGTH_FIELD || !creator_valid(creator))
		return false;
	*ret = (struct rod_token) {
		.type = get_be32(token),
		.id = get_be64(token + ID_AT),
		/* 128 bits on the wire; all ones is "unknown" */
		.bytes = get_be64(token + BYTES_AT) ? UINT64_MAX : get_be64(token + BYTES_AT + 8),
		.naa = creator + 8,
		.naa_len = creator[7],
		.block_size = get_be32(device),
		.lbppbe = device[5] & 0x0f,
		.lbpme = device[6] & 0x80,
		.lbprz = device[6] & 0x40,
	};
	return true;
}

bool rod_token_is_zero(const uint8_t token[ROD_TOKEN_LEN])
{
	return get_be32(token) == ROD_TYPE_ZERO &&
	       get_be16(token + LENGTH_AT) == ROD_TOKEN_LENGTH_FIELD;
}

void rod_token_encode_zero(uint8_t token[ROD_TOKEN_LEN])
{
	memset(token, 0, ROD_TOKEN_LEN);
	put_be32(token, ROD_TYPE_ZERO);
	put_be16(token + LENGTH_AT, ROD_TOKEN_LENGTH_FIELD);
}
