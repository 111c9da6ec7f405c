/* SPDX-License-Identifier: Apache-2.0 */
#include "iscsi_priv.h"

#include <isa-l/crc.h>

uint32_t digest_add(uint32_t crc, const void *p, size_t len)
{
	/* crc32_iscsi only reads, whatever its prototype says; its length is an int. */
	while (len > 0) {
		size_t n = len < (1u << 30) ? len : 1u << 30;

		crc = crc32_iscsi((unsigned char *)p, (int)n, crc);
		p = (const unsigned char *)p + n;
		len -= n;
	}
	return crc;
}

/* The CRC goes out with its lowest byte first (RFC 7143 13.1, RFC 3385). */
void digest_put(uint32_t crc, uint8_t ret[4])
{
	crc = ~crc;
	for (unsigned i = 0; i < 4; i++)
		ret[i] = (uint8_t)(crc >> (8 * i));
}
