/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copy before write: what rods hold is saved to the sidecar before a write changes it.
 *
 * The disk is cut into chunks, and the captures of a backstore are numbered.  A version
 * of a chunk is its content as all rods see it that were captured up to the number @seq
 * and after that of the version before.  Home thread.
 */
#ifndef BACKSTORE_CBW_H
#define BACKSTORE_CBW_H

#include "bs_impl.h"
#include "sidecar.h"

#define CBW_CHUNK SIDECAR_SLOT
/* Saves under way at once in a backstore: each has memory of a chunk. */
#define CBW_SAVES 16u
/* Saved chunks of zeros take no slot; beyond so many for each slot of the limit they do. */
#define CBW_ZEROS 16u

struct cbw;

/* @dir as sidecar_init.  -ENOMEM. */
int cbw_new(struct cbw **ret, struct backstore *bs, const char *dir, const struct bs_config *cfg);
void cbw_free(struct cbw *cbw); /* no live rods, not busy; NULL is fine */
/* Is anything being saved?  That may outlast the write that began it, and the rods. */
bool cbw_busy(const struct cbw *cbw); /* NULL is fine */

/* Could a chunk be saved for @owner now?  False: there is no room left, his or the sidecar's. */
bool cbw_room(const struct cbw *cbw, const struct bs_owner *owner);

/* Numbers a capture, or the moment from which on a rod needs no new versions. */
uint64_t cbw_number(struct cbw *cbw);
/*
 * This is that moment; the rod is out of the guard.  Versions that are not complete are not
 * for it: no byte of it in their chunks has been written, but may be from now on, under the
 * very read.
 */
void cbw_settle(struct rod *rod);

/*
 * May this write, which holds the fence over its range, start now?  False: what it
 * touches is being saved, and bs_guarded is called when that is done.
 */
bool cbw_pass(struct cbw *cbw, struct io *io);

/* The rod is out of the guard and needs its versions no more. */
void cbw_release(struct rod *rod);

/*
 * Where [off, off + *len) of the disk is kept for the rod; *len is cut to what is kept
 * in one place.  SAVED: in *ret_slot.
 */
enum cbw_place { CBW_NOT, CBW_SAVED, CBW_ZERO };
enum cbw_place cbw_find(const struct rod *rod, uint64_t off, uint64_t *len, uint32_t *ret_slot);
/* Is something saved on the file system @dev?  NULL is fine. */
bool cbw_keeps_on(const struct cbw *cbw, uint64_t dev);
/* Reads a slot that cbw_find has told; as sidecar_submit. */
void cbw_read(struct cbw *cbw, uint32_t slot, struct io *io);

#endif
