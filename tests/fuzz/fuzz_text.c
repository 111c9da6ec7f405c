/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "text.h"

static void check_binary(const char *value)
{
	size_t cap = strlen(value);
	uint8_t *got = malloc(cap + 1), *again = malloc(cap + 1);
	char *hex = malloc(2 * cap + 3);
	int n;

	FUZZ_CHECK(got && again && hex);
	n = text_binary(value, got, cap);
	FUZZ_CHECK(n >= -1 && n <= (int)cap);
	if (n > 0) {
		FUZZ_CHECK(text_binary(value, again, (size_t)n) == n);
		FUZZ_CHECK(text_binary(value, again, (size_t)n - 1) == -1);
		text_put_hex(hex, 2 * (size_t)n + 3, got, (size_t)n);
		FUZZ_CHECK(text_binary(hex, again, cap) == n && !memcmp(got, again, (size_t)n));
	}
	free(got);
	free(again);
	free(hex);
}

static void check_value(const char *value)
{
	static const char *const offer[] = { "None", "CRC32C", NULL };
	const char *chosen = NULL;
	uint64_t v = 77;
	bool b;

	if (text_number(value, 0xffffff, &v))
		FUZZ_CHECK(v <= 0xffffff);
	else
		FUZZ_CHECK(v == 77);
	if (text_boolean(value, &b))
		FUZZ_CHECK(!strcmp(value, b ? "Yes" : "No"));
	FUZZ_CHECK(text_list_choose(value, offer, &chosen) ==
		   (text_list_has(value, "None") || text_list_has(value, "CRC32C")));
	FUZZ_CHECK(!chosen || text_list_has(value, chosen));
	if (iscsi_name_valid(value))
		FUZZ_CHECK(strlen(value) <= 223);
	check_binary(value);
}

/* Goes through @buf; writes what it finds to @w, in other words, if @w. */
static int go_through(char *buf, size_t size, struct writer *w, unsigned *ret_pairs)
{
	struct text_pair p;
	size_t pos = 0, last = 0;
	int ret;

	*ret_pairs = 0;
	while ((ret = text_next(buf, size, &pos, &p)) > 0) {
		FUZZ_CHECK(pos > last && pos <= size);
		FUZZ_CHECK(p.key >= buf + last && p.value + strlen(p.value) < buf + pos);
		FUZZ_CHECK((p.key[0] | 0x20) >= 'a' && (p.key[0] | 0x20) <= 'z');
		FUZZ_CHECK(strlen(p.key) <= TEXT_KEY_MAX);
		last = pos;
		++*ret_pairs;
		check_value(p.value);
		if (*ret_pairs & 1)
			text_put(w, p.key, p.value);
		else
			text_putf(w, p.key, "%s", p.value);
	}
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *a = malloc(size + 1), *b = malloc(size + 1), *c = malloc(size + 1);
	struct writer w = writer(b, size), v = writer(c, size);
	unsigned pairs, again;

	FUZZ_CHECK(a && b && c);
	memcpy(a, data, size);
	go_through(a, size, &w, &pairs);
	FUZZ_CHECK(w.len <= size); /* only stray NULs are dropped */
	FUZZ_CHECK(go_through(b, w.len, &v, &again) == 0 && again == pairs);
	FUZZ_CHECK(v.len == w.len);
	free(a);
	free(b);
	free(c);
	return 0;
}
