/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sidecar of a backstore: a file without a name that holds the chunks saved for
 * rods, in slots.  It is made when the first slot is written, and goes soon after the
 * last one was given back; until then the space of those given back is. Home thread.
 */
#ifndef BACKSTORE_SIDECAR_H
#define BACKSTORE_SIDECAR_H

#include "backstore.h"
#include "quota.h"

#define SIDECAR_SLOT	  (64u << 10)
#define SIDECAR_LINGER_NS 100000000ull /* how long an empty one, or an empty slot, stays */

struct sidecar {
	struct bs_env env;
	char *dir;	 /* NULL: anonymous memory */
	char *fault;	 /* for tests: faults of the file, see fault.h */
	uint32_t nslots; /* the limit */
	uint32_t used, hint;
	uint64_t *map;	 /* a bit for each slot in use */
	uint64_t *stale; /* and for each that is not, but may have space */
	struct backstore *file;
	bool opening;
	int fd; /* the file's; while it is made, what the aux thread says */
	struct aux_job job;
	struct io *first, *last; /* wait until it is open, or until their slots are punched out */
	struct ring_timer linger;
	bool punching; /* on an aux thread: so many slots from there on */
	uint32_t punch_from, punch_n;
};

/* At most @bytes, and what env->totals leaves.  Strings are copied.  -ENOMEM. */
int sidecar_init(struct sidecar *sc, const struct bs_env *env, const char *dir, uint64_t bytes,
		 const char *fault);
/* No slot in use, nothing in flight.  Blocks. */
void sidecar_done(struct sidecar *sc);

/* -ENOSPC at the limit, this one's or the shared one; -ENOMEM. */
int sidecar_take(struct sidecar *sc, uint32_t *ret_slot);
void sidecar_put(struct sidecar *sc, uint32_t slot);
/* Is there a slot to be taken? */
bool sidecar_room(const struct sidecar *sc);
/* Is it a file of the file system @dev, and a slot of it in use? */
bool sidecar_is_on(const struct sidecar *sc, uint64_t dev);
/*
 * Reads or writes within a slot, io->off counted from its start.  io->done comes as with
 * bs_submit, also with what making the file says (-EACCES, -ENOENT...).
 */
void sidecar_submit(struct sidecar *sc, uint32_t slot, struct io *io);

#endif
