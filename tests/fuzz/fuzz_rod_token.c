/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "tpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t token[ROD_TOKEN_LEN], again[ROD_TOKEN_LEN];
	struct rod_token t, u;

	if (size < ROD_TOKEN_LEN)
		return 0;
	memcpy(token, data, sizeof(token));
	FUZZ_CHECK(!rod_token_is_zero(token) || (token[0] == 0xff && token[7] == 0xf8));
	if (!rod_token_decode(token, &t))
		return 0;
	FUZZ_CHECK(t.naa == token + 24 && (t.naa_len == 8 || t.naa_len == 16));
	FUZZ_CHECK(!t.target_name && !t.random);
	t.random = token + 256;
	rod_token_encode(again, &t);
	FUZZ_CHECK(rod_token_decode(again, &u));
	FUZZ_CHECK(u.type == t.type && u.id == t.id && u.bytes == t.bytes);
	FUZZ_CHECK(u.block_size == t.block_size && u.lbppbe == t.lbppbe);
	FUZZ_CHECK(u.lbpme == t.lbpme && u.lbprz == t.lbprz && u.naa_len == t.naa_len);
	FUZZ_CHECK(!memcmp(u.naa, t.naa, t.naa_len));
	FUZZ_CHECK(!memcmp(again + 256, token + 256, 256));
	return 0;
}
