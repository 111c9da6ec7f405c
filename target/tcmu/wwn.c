/* SPDX-License-Identifier: Apache-2.0 */
#include "wwn.h"

#include <stdio.h>
#include <string.h>

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef", capitals[] = "ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	if (at)
		return (int)(at - digits);
	at = c ? strchr(capitals, c) : NULL;
	return at ? (int)(at - capitals) + 10 : -1;
}

bool wwn_naa(const char *serial, uint8_t ret[WWN_NAA_LEN])
{
	static const uint8_t company[] = { 6, 0, 0, 1, 4, 0, 5 }; /* NAA and OpenFabrics' OUI */
	uint8_t naa[WWN_NAA_LEN] = { 0 };
	unsigned n = 0;

	for (; n < sizeof(company); n++)
		naa[n / 2] |= (uint8_t)(company[n] << (n % 2 ? 0 : 4));
	for (; *serial && n < 2 * WWN_NAA_LEN; serial++) {
		int d = digit(*serial);

		if (d < 0)
			continue;
		naa[n / 2] |= (uint8_t)(d << (n % 2 ? 0 : 4));
		n++;
	}
	if (n == sizeof(company))
		return false;
	memcpy(ret, naa, WWN_NAA_LEN);
	return true;
}

void wwn_stand_in(const char *path, char ret[WWN_STAND_IN_LEN + 1])
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *path; path++)
		h = (h ^ (uint8_t)*path) * 0x100000001b3u;
	snprintf(ret, WWN_STAND_IN_LEN + 1, "%016llx", (unsigned long long)h);
}
