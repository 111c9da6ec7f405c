/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files without a name, which nobody else knows and which end with the process:
 * the sidecar of saved chunks, the pool of clones.
 */
#ifndef BACKSTORE_SCRATCH_H
#define BACKSTORE_SCRATCH_H

#include "backstore.h"

/* Makes one in @dir, or of anonymous memory when that is NULL: its descriptor, -errno.  Blocks. */
int scratch_make(const char *dir);
/*
 * A backstore of @size bytes over @fd, which it takes over also when it fails
 * (-ENOMEM).  Reads beyond the end of the file are -ENODATA.
 */
int scratch_open(struct backstore **ret, int fd, uint64_t size, const struct bs_env *env);
int scratch_fd(struct backstore *bs);
/*
 * Closes it on an aux thread (the space is freed there, which takes a while), or here
 * when that cannot be.  Nothing in flight.  NULL is fine.
 */
void scratch_close(struct backstore *bs);

#endif
