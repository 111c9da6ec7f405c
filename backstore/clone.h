/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rods kept by shared blocks: each range is cloned, rounded out to blocks of the file
 * system, into a file without a name beside the backstore's own.
 *
 * A rod is first kept by copy before write; cloning goes on behind its back and takes
 * the time it takes.  When it has ended well, writes need not mind the rod any more.
 * What was saved up to then comes before the clone, which may have met the write that
 * it was saved for.  Home thread.
 */
#ifndef BACKSTORE_CLONE_H
#define BACKSTORE_CLONE_H

#include "bs_impl.h"
#include "rod.h"

struct clones;
struct clone;

/*
 * Nothing (and 0) where it cannot be: no regular file, or one all of whose space is
 * reserved, which it would not be any more if its blocks were shared.  -ENOMEM.
 */
int clones_new(struct clones **ret, struct backstore *bs, uint64_t max_bytes);
/* No rod has one.  Waits for the aux thread, if it must.  NULL is fine, as below. */
void clones_free(struct clones *cl);
bool clones_busy(const struct clones *cl);

/* Begins to clone the rod, if that is possible and within the limits: its own, its owner's and
 * that of all backstores.  Else rod->clone stays NULL. */
void clone_start(struct rod *rod);
/* The rod is given back or cancelled. */
void clone_drop(struct rod *rod);
bool clone_pending(const struct clone *clone);
/* Cancels all rods that have clones on @dev or wait for them; true: there were some. */
bool clones_give_up(struct clones *cl, uint64_t dev);
/* As rod_wait; it is pending. */
void clone_wait(struct clone *clone, struct rod_waiter *w);
/* Where byte @off of the rod lies in the pool; false: nowhere, it is not cloned yet. */
bool clone_find(const struct rod *rod, uint64_t off, uint64_t *ret_at);
struct backstore *clone_pool(const struct rod *rod);

/*
 * May blocks of this rod become blocks of @dst, once it is cloned?  0, or the file
 * system's block size.
 */
uint32_t clone_unit(const struct rod *rod, struct backstore *dst);
/*
 * The rod's clone, to be grafted from: what it holds stays until clone_unpin, even if the rod
 * is cancelled meanwhile.  *ret_fd: the pool's descriptor, open until then.
 */
struct clone *clone_pin(const struct rod *rod, int *ret_fd);
void clone_unpin(struct clone *clone);

#endif
