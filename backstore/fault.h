/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on demand: a backstore that wraps another one and makes it slow, fail
 * or transfer short, to provoke what storage does on bad days.
 *
 * SPEC is a list of words separated by '+':
 *   read-delay:MS write-delay:MS flush-delay:MS  each such transfer takes MS longer
 *                       (writes are what zeroing and discarding count as)
 *   rate:BYTES[K|M|G]   all transfers together pass at so many bytes a second
 *   read-error:OFF:LEN  reads that touch [OFF, OFF+LEN) fail with EIO (suffixes too)
 *   write-error:OFF:LEN likewise for writes, zeroing and discarding
 *   flush-error         flushes fail with EIO
 *   enospc:BYTES        writes fail with ENOSPC once so many bytes were written or zeroed
 *   clone-error:N       every Nth clone of a rod fails with ENOSPC
 *   short:N             every Nth transfer to the storage is cut in half (and resumed)
 *   again:N             every Nth transfer first answers EAGAIN (and is resumed)
 */
#ifndef BACKSTORE_FAULT_H
#define BACKSTORE_FAULT_H

#include "backstore.h"

/* Wraps @inner (taken over on success).  -EINVAL with the offending word in @err. */
int fault_wrap(struct backstore **ret, struct backstore *inner, const char *spec, char *err,
	       size_t err_cap);

#endif
