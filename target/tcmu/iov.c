/* SPDX-License-Identifier: Apache-2.0 */
#include "iov.h"

#include <assert.h>
#include <string.h>

struct iov_cursor iov_cursor(const struct iovec *iov, size_t n)
{
	return (struct iov_cursor) { .iov = iov, .n = n };
}

uint64_t iov_left(const struct iov_cursor *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->n; i++)
		sum += c->iov[i].iov_len;
	return sum - c->skip;
}

/* The contiguous bytes at the cursor, at most @max, and steps over them; 0: the end. */
static size_t step(struct iov_cursor *c, uint64_t max, char **ret)
{
	size_t len;

	while (c->n > 0 && c->skip == c->iov->iov_len) {
		c->iov++;
		c->n--;
		c->skip = 0;
	}
	if (c->n == 0)
		return 0;
	len = c->iov->iov_len - c->skip;
	if (len > max)
		len = (size_t)max;
	*ret = (char *)c->iov->iov_base + c->skip;
	c->skip += len;
	return len;
}

void iov_skip(struct iov_cursor *c, uint64_t len)
{
	char *at;

	while (len > 0) {
		size_t n = step(c, len, &at);

		assert(n > 0);
		len -= n;
	}
}

uint64_t iov_gather(const struct iov_cursor *c, uint64_t max, struct iovec *vec, unsigned cap,
		    unsigned *ret_n)
{
	struct iov_cursor look = *c;
	unsigned n = 0;
	uint64_t sum = 0;
	size_t len;
	char *at;

	while (sum < max && (len = step(&look, max - sum, &at)) > 0) {
		struct iovec *last = n > 0 ? &vec[n - 1] : NULL;

		if (last && (char *)last->iov_base + last->iov_len == at)
			last->iov_len += len;
		else if (n < cap)
			vec[n++] = (struct iovec) { .iov_base = at, .iov_len = len };
		else
			break;
		sum += len;
	}
	*ret_n = n;
	return sum;
}

void iov_read(const struct iov_cursor *c, void *dst, size_t len)
{
	struct iov_cursor look = *c;
	char *at, *to = dst;

	while (len > 0) {
		size_t n = step(&look, len, &at);

		assert(n > 0);
		memcpy(to, at, n);
		to += n;
		len -= n;
	}
}

void iov_write(const struct iov_cursor *c, const void *src, size_t len)
{
	struct iov_cursor look = *c;
	const char *from = src;
	char *at;

	while (len > 0) {
		size_t n = step(&look, len, &at);

		assert(n > 0);
		memcpy(at, from, n);
		from += n;
		len -= n;
	}
}

void iov_zero(const struct iov_cursor *c)
{
	struct iov_cursor look = *c;
	char *at;
	size_t n;

	while ((n = step(&look, UINT64_MAX, &at)) > 0)
		memset(at, 0, n);
}
