/* SPDX-License-Identifier: Apache-2.0 */
#include "inquiry.h"

#include "tpc.h"

/* Copies an ASCII field and drops the blanks and NULs at both ends. */
static void copy_trimmed(char *dst, size_t cap, const uint8_t *src, size_t n)
{
	while (n > 0 && (src[n - 1] == ' ' || src[n - 1] == '\0'))
		n--;
	while (n > 0 && *src == ' ') {
		src++;
		n--;
	}
	if (n > cap - 1)
		n = cap - 1;
	for (size_t i = 0; i < n; i++)
		dst[i] = src[i] >= 0x20 && src[i] < 0x7f ? (char)src[i] : '?';
	dst[n] = '\0';
}

bool inquiry_decode(const uint8_t *p, size_t len, struct inquiry *ret)
{
	struct inquiry q;

	if (len < 36)
		return false;
	q.qualifier = p[0] >> 5;
	q.type = p[0] & 0x1f;
	q.removable = p[1] & 0x80;
	q.version = p[2];
	q.tpc = p[5] & 0x08;
	q.cmdque = p[7] & 0x02;
	copy_trimmed(q.vendor, sizeof(q.vendor), p + 8, 8);
	copy_trimmed(q.product, sizeof(q.product), p + 16, 16);
	copy_trimmed(q.revision, sizeof(q.revision), p + 32, 4);
	*ret = q;
	return true;
}

/* A page's body: at most PAGE LENGTH and what was really transferred. */
static bool page_body(const uint8_t *p, size_t len, uint8_t code, size_t *ret_end)
{
	size_t end;

	if (len < 4 || p[1] != code)
		return false;
	end = (size_t)get_be16(p + 2) + 4;
	*ret_end = end < len ? end : len;
	return true;
}

bool vpd_00_decode(const uint8_t *p, size_t len, struct vpd_list *ret)
{
	size_t end;

	if (!page_body(p, len, 0x00, &end))
		return false;
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 4; i < end && ret->n < sizeof(ret->pages); i++)
		ret->pages[ret->n++] = p[i];
	ret->ordered = ret->n > 0 && ret->pages[0] == 0x00;
	for (unsigned i = 1; i < ret->n; i++)
		if (ret->pages[i] <= ret->pages[i - 1])
			ret->ordered = false;
	return true;
}

bool vpd_80_decode(const uint8_t *p, size_t len, char *ret_serial, size_t cap)
{
	size_t end;

	if (cap == 0 || !page_body(p, len, 0x80, &end))
		return false;
	copy_trimmed(ret_serial, cap, p + 4, end - 4);
	return true;
}

bool vpd_83_next(const uint8_t *p, size_t len, size_t *pos, struct vpd_designator *ret)
{
	size_t end, at = *pos;
	const uint8_t *d;

	if (!page_body(p, len, 0x83, &end) || at < 4 || at > end || end - at < 4)
		return false;
	d = p + at;
	if (end - at - 4 < d[3])
		return false;
	ret->code_set = d[0] & 0x0f;
	ret->association = d[1] >> 4 & 3;
	ret->type = d[1] & 0x0f;
	ret->len = d[3];
	ret->id = d + 4;
	*pos = at + 4 + d[3];
	return true;
}

/* ---- 8Fh: one function per descriptor, @d has all of it, @len >= 4 ---- */

static void limits_8f(const uint8_t *d, size_t len, struct vpd_8f *v)
{
	if (len < 36)
		return;
	v->max_ranges = get_be16(d + 10);
	v->max_timeout = get_be32(d + 12);
	v->default_timeout = get_be32(d + 16);
	v->max_token_blocks = get_be64(d + 20);
	v->optimal_blocks = get_be64(d + 28);
}

static void commands_8f(const uint8_t *d, size_t len, struct vpd_8f *v)
{
	const unsigned max = sizeof(v->commands) / sizeof(v->commands[0]);
	struct reader r;

	if (len < 5)
		return;
	r = reader(d + 5, d[4] < len - 5 ? d[4] : len - 5);
	while (rd_left(&r) >= 2) {
		uint8_t opcode = rd_u8(&r), n = rd_u8(&r);
		const uint8_t *sa = rd_bytes(&r, n);

		for (unsigned i = 0; sa && i < n && v->ncommands < max; i++) {
			v->commands[v->ncommands].opcode = opcode;
			v->commands[v->ncommands++].sa = sa[i];
		}
		if (!sa)
			return;
	}
}

static void rod_features_8f(const uint8_t *d, size_t len, struct vpd_8f *v)
{
	if (len < 48)
		return;
	v->remote_tokens = d[4] & 0x0f;
	/* The first entry that is a block device's; ours is the only one. */
	if (len < 48 + 16 || d[48] != 0x00)
		return;
	v->granularity_blocks = get_be16(d + 48 + 6);
	v->max_rod_bytes = get_be64(d + 48 + 8);
}

static void rod_types_8f(const uint8_t *d, size_t len, struct vpd_8f *v)
{
	const unsigned max = sizeof(v->rod_types) / sizeof(v->rod_types[0]);
	size_t end;

	if (len < 8)
		return;
	end = (size_t)get_be16(d + 6) + 8;
	if (end > len)
		end = len;
	for (size_t at = 8; end - at >= 64 && v->nrod_types < max; at += 64) {
		v->rod_types[v->nrod_types].type = get_be32(d + at);
		v->rod_types[v->nrod_types].in = d[at + 4] & 0x02;
		v->rod_types[v->nrod_types++].out = d[at + 4] & 0x01;
	}
}

static const struct {
	uint16_t type;
	void (*decode)(const uint8_t *d, size_t len, struct vpd_8f *v);
} decoders_8f[] = {
	{ 0x0000, limits_8f },
	{ 0x0001, commands_8f },
	{ 0x0106, rod_features_8f },
	{ 0x0108, rod_types_8f },
};

bool vpd_8f_decode(const uint8_t *p, size_t len, struct vpd_8f *ret)
{
	size_t end, at = 4;

	if (!page_body(p, len, 0x8f, &end))
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->windows_ok = end >= 4 + 36 && get_be16(p + 2) >= 36 && get_be16(p + 4) == 0x0000 &&
			  get_be16(p + 6) == 0x0020;
	while (end - at >= 4) {
		size_t n = (size_t)get_be16(p + at + 2) + 4;

		if (n > end - at)
			break; /* cut by the allocation length: what came is good */
		for (size_t i = 0; i < sizeof(decoders_8f) / sizeof(decoders_8f[0]); i++)
			if (decoders_8f[i].type == get_be16(p + at))
				decoders_8f[i].decode(p + at, n, ret);
		at += n;
	}
	return true;
}

bool vpd_b0_decode(const uint8_t *p, size_t len, struct vpd_b0 *ret)
{
	size_t end;

	if (!page_body(p, len, 0xb0, &end) || end < 16)
		return false;
	ret->granularity_blocks = get_be16(p + 6);
	ret->max_transfer_blocks = get_be32(p + 8);
	ret->opt_transfer_blocks = get_be32(p + 12);
	return true;
}

bool vpd_b2_decode(const uint8_t *p, size_t len, struct vpd_b2 *ret)
{
	size_t end;

	if (!page_body(p, len, 0xb2, &end) || end < 8)
		return false;
	*ret = (struct vpd_b2) { .threshold_exponent = p[4],
				 .lbpu = p[5] & 0x80,
				 .lbpws = p[5] & 0x40,
				 .lbpws10 = p[5] & 0x20,
				 .lbprz = p[5] >> 2 & 7,
				 .anc_sup = p[5] & 0x02,
				 .dp = p[5] & 0x01,
				 .type = p[6] & 7 };
	return true;
}

bool read_capacity_16_decode(const uint8_t *p, size_t len, struct capacity *ret)
{
	struct reader r = reader(p, len);
	struct capacity c = { 0 };
	uint64_t last = rd_be64(&r);
	uint8_t b;

	c.block_size = rd_be32(&r);
	b = rd_u8(&r);
	c.prot_en = b & 0x01;
	b = rd_u8(&r);
	c.lbppbe = b & 0x0f;
	b = rd_u8(&r);
	c.lbpme = b & 0x80;
	c.lbprz = b & 0x40;
	if (r.cut || __builtin_add_overflow(last, 1, &c.blocks))
		return false;
	*ret = c;
	return true;
}

bool read_capacity_10_decode(const uint8_t *p, size_t len, struct capacity *ret)
{
	struct capacity c = { 0 };

	if (len < 8)
		return false;
	c.blocks = (uint64_t)get_be32(p) + 1;
	c.block_size = get_be32(p + 4);
	*ret = c;
	return true;
}
