/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define ISCSI_NAME_MAX 223 /* RFC 7143 4.2.7.2 */

/* The locale must not decide what a digit is: own tests instead of <ctype.h>. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool has_prefix(const char *s, char letter)
{
	return s[0] == '0' && (s[1] | 0x20) == letter;
}

/*
 * RFC 7143 6.1: a capital letter, then letters, digits and ".-+@_".  Two registered
 * keys are outside that: iSCSIProtocolLevel (RFC 7144) and X#NodeArchitecture (RFC 4850).
 */
static bool key_valid(const char *key, size_t n)
{
	if (n == 0 || n > TEXT_KEY_MAX || (!is_upper(key[0]) && !is_lower(key[0])))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!is_upper(key[i]) && !is_lower(key[i]) && !is_digit(key[i]) &&
		    !strchr(".-+@_#", key[i]))
			return false;
	return true;
}

int text_next(char *buf, size_t len, size_t *pos, struct text_pair *ret)
{
	size_t at = *pos;
	char *end, *eq;

	/* Some initiators count the padding in: stray NULs between pairs are nothing. */
	while (at < len && buf[at] == '\0')
		at++;
	if (at >= len) {
		*pos = len;
		return 0;
	}
	end = memchr(buf + at, '\0', len - at);
	if (!end)
		return -1;
	eq = memchr(buf + at, '=', (size_t)(end - buf) - at);
	if (!eq || !key_valid(buf + at, (size_t)(eq - buf) - at))
		return -1;
	*eq = '\0';
	ret->key = buf + at;
	ret->value = eq + 1;
	*pos = (size_t)(end - buf) + 1;
	return 1;
}

void text_put(struct writer *w, const char *key, const char *value)
{
	wr_bytes(w, key, strlen(key));
	wr_u8(w, '=');
	wr_bytes(w, value, strlen(value) + 1);
}

void text_putf(struct writer *w, const char *key, const char *fmt, ...)
{
	size_t room;
	va_list ap;
	int n;

	wr_bytes(w, key, strlen(key));
	wr_u8(w, '=');
	room = w->len < w->cap ? w->cap - w->len : 0;
	va_start(ap, fmt);
	n = vsnprintf(room ? (char *)w->p + w->len : NULL, room, fmt, ap);
	va_end(ap);
	assert(n >= 0); /* only a broken format of ours can fail */
	w->len += (size_t)n + 1;
}

bool text_number(const char *s, uint64_t max, uint64_t *ret)
{
	unsigned base = has_prefix(s, 'x') ? 16 : 10;
	uint64_t v = 0;

	if (base == 16)
		s += 2;
	if (!*s)
		return false;
	for (; *s; s++) {
		int d = hex_value(*s);

		if (d < 0 || (unsigned)d >= base || __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

bool text_boolean(const char *s, bool *ret)
{
	bool yes = strcmp(s, "Yes") == 0;

	if (!yes && strcmp(s, "No") != 0)
		return false;
	*ret = yes;
	return true;
}

/* One item of a comma-separated list; the next one starts at the result, NULL: no more. */
static const char *list_item(const char *list, size_t *ret_len)
{
	const char *comma = strchr(list, ',');

	*ret_len = comma ? (size_t)(comma - list) : strlen(list);
	return comma ? comma + 1 : NULL;
}

static bool same(const char *item, size_t n, const char *s)
{
	return strlen(s) == n && memcmp(item, s, n) == 0;
}

bool text_list_has(const char *list, const char *item)
{
	while (list) {
		const char *at = list;
		size_t n;

		list = list_item(list, &n);
		if (same(at, n, item))
			return true;
	}
	return false;
}

bool text_list_choose(const char *list, const char *const *offer, const char **ret)
{
	while (list) {
		const char *at = list;
		size_t n;

		list = list_item(list, &n);
		for (const char *const *o = offer; *o; o++) {
			if (!same(at, n, *o))
				continue;
			*ret = *o;
			return true;
		}
	}
	return false;
}

/* An odd number of digits has a leading zero, as in any number. */
static int binary_hex(const char *s, uint8_t *ret, size_t cap)
{
	size_t digits = strlen(s), n = digits / 2 + digits % 2;
	size_t nibble = digits % 2;

	if (n == 0 || n > cap || n > INT32_MAX)
		return -1;
	for (size_t i = 0; i < digits; i++)
		if (hex_value(s[i]) < 0)
			return -1;
	memset(ret, 0, n);
	for (size_t i = 0; i < digits; i++, nibble++)
		ret[nibble / 2] |= (uint8_t)(hex_value(s[i]) << (nibble % 2 ? 0 : 4));
	return (int)n;
}

static int base64_value(char c)
{
	if (is_upper(c))
		return c - 'A';
	if (is_lower(c))
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Four characters to one to three bytes; 0: malformed (RFC 4648 4, canonical). */
static unsigned base64_quad(const char s[4], bool last, uint8_t out[3])
{
	unsigned n = s[3] != '=' ? 3 : s[2] != '=' ? 2 : 1;
	uint32_t v = 0;

	if (n < 3 && !last)
		return 0;
	for (unsigned i = 0; i < 4; i++) {
		int d = i <= n ? base64_value(s[i]) : 0;

		if (d < 0)
			return 0;
		v = v << 6 | (uint32_t)d;
	}
	put_be24(out, v);
	for (unsigned i = n; i < 3; i++)
		if (out[i])
			return 0;
	return n;
}

static int binary_base64(const char *s, uint8_t *ret, size_t cap)
{
	size_t len = strlen(s), n = 0;

	if (len == 0 || len % 4 != 0 || len / 4 > INT32_MAX / 3)
		return -1;
	/* First pass: judge all before anything is stored. */
	for (size_t i = 0; i < len; i += 4) {
		uint8_t out[3];
		unsigned k = base64_quad(s + i, i + 4 == len, out);

		if (k == 0)
			return -1;
		n += k;
	}
	if (n > cap)
		return -1;
	for (size_t i = 0; i < len; i += 4) {
		uint8_t out[3];
		unsigned k = base64_quad(s + i, i + 4 == len, out);

		memcpy(ret + i / 4 * 3, out, k);
	}
	return (int)n;
}

int text_binary(const char *s, uint8_t *ret, size_t cap)
{
	if (has_prefix(s, 'x'))
		return binary_hex(s + 2, ret, cap);
	if (has_prefix(s, 'b'))
		return binary_base64(s + 2, ret, cap);
	return -1;
}

void text_put_hex(char *dst, size_t cap, const uint8_t *src, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	assert(cap >= 2 * n + 3);
	*dst++ = '0';
	*dst++ = 'x';
	for (size_t i = 0; i < n; i++) {
		*dst++ = digits[src[i] >> 4];
		*dst++ = digits[src[i] & 15];
	}
	*dst = '\0';
}

static bool hex_digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hex_value(s[i]) < 0)
			return false;
	return s[n] == '\0';
}

/* "2001-04." and at least one character of a naming authority. */
static bool iqn_rest(const char *s)
{
	static const char form[] = "dddd-dd.";
	unsigned month;

	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? !is_digit(s[i]) : s[i] != form[i])
			return false;
	month = (unsigned)(s[5] - '0') * 10 + (unsigned)(s[6] - '0');
	if (month < 1 || month > 12 || (!is_lower(s[8]) && !is_digit(s[8])))
		return false;
	for (s += 8; *s; s++)
		if (!is_lower(*s) && !is_digit(*s) && !strchr("-.:", *s))
			return false;
	return true;
}

bool iscsi_name_valid(const char *name)
{
	size_t len = strnlen(name, ISCSI_NAME_MAX + 1);

	if (len > ISCSI_NAME_MAX || len < 4)
		return false;
	if (memcmp(name, "iqn.", 4) == 0)
		return iqn_rest(name + 4);
	if (memcmp(name, "eui.", 4) == 0)
		return len == 4 + 16 && hex_digits(name + 4, 16);
	if (memcmp(name, "naa.", 4) == 0)
		return (len == 4 + 16 || len == 4 + 32) && hex_digits(name + 4, len - 4);
	return false;
}
