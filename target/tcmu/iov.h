/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place in a command's data, which is scattered over many iovecs.  Pure.
 */
#ifndef TCMU_IOV_H
#define TCMU_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct iov_cursor {
	const struct iovec *iov;
	size_t n;    /* of them, this one and those after it */
	size_t skip; /* bytes of the first one that are behind us */
};

struct iov_cursor iov_cursor(const struct iovec *iov, size_t n);
uint64_t iov_left(const struct iov_cursor *c); /* bytes from here to the end */
/* At most what is left. */
void iov_skip(struct iov_cursor *c, uint64_t len);

/*
 * Describes the next bytes, at most @max, in at most @cap entries of @vec: neighbours
 * in memory become one.  Returns how many bytes; does not move the cursor.
 */
uint64_t iov_gather(const struct iov_cursor *c, uint64_t max, struct iovec *vec, unsigned cap,
		    unsigned *ret_n);

/* Copies @len bytes (there are as many) at the cursor; does not move it. */
void iov_read(const struct iov_cursor *c, void *dst, size_t len);
void iov_write(const struct iov_cursor *c, const void *src, size_t len);
void iov_zero(const struct iov_cursor *c); /* to the end */

#endif
