/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of backstore/: what the door (backstore.c) and the kinds (file, mem,
 * fault) share.
 */
#ifndef BACKSTORE_BS_IMPL_H
#define BACKSTORE_BS_IMPL_H

#include <stdarg.h>
#include <stddef.h>

#include "backstore.h"
#include "guard.h"

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

struct bs_file {
	int fd;
	uint64_t dev;	/* of its file system */
	uint32_t block; /* which its blocks are multiples of */
};

/* What a kind can do.  All on the home thread. */
struct bs_ops {
	/* Flushes, closes and frees the whole object; -errno of the flush.  Blocks. */
	int (*close)(struct backstore *bs);
	/*
	 * Starts @io (len > 0 unless IO_FLUSH; allowed, fenced and guarded already);
	 * ends with bs_io_done from the loop, never from inside.
	 */
	void (*submit)(struct backstore *bs, struct io *io);
	/* As bs_extents; ends with bs_extents_done from the loop.  NULL: all is data. */
	void (*extents)(struct backstore *bs, struct extent_query *q);
	int (*check)(struct backstore *bs); /* as bs_check; NULL: always well */
	/* How many bytes the storage has now; -errno.  NULL: its size never changes. */
	int (*size_now)(struct backstore *bs, uint64_t *ret);
	/* The regular file that it is, for FICLONERANGE; false or NULL: it is none. */
	bool (*file)(struct backstore *bs, struct bs_file *ret);
	int (*rekey)(struct backstore *bs); /* as bs_rekey; NULL: it encrypts nothing */
};

/* Embedded as the first member of every kind's own struct. */
struct backstore {
	const struct bs_ops *ops;
	struct bs_env env;
	char *path;
	uint64_t size;
	uint32_t physical_block;
	uint32_t granularity; /* see bs_discard_granularity */
	bool read_only;
	bool thin;    /* IO_DISCARD reaches the kind only then */
	bool created; /* this open made the file */
	bool encrypted;
	bool forgets; /* as bs_forgets */
	bool cached;  /* transfers are copies to or from memory: many at once gain nothing */

	struct fence fence;
	struct guard guard;    /* the ranges of all rods that writes must mind */
	struct cbw *cbw;       /* NULL: rods are cancelled */
	struct clones *clones; /* NULL: rods are not cloned */
	unsigned live_rods;
	LIST_ENTRY(backstore) keeper; /* in bs_totals.keepers, while there are */
	unsigned rods;		      /* the cancelled ones that somebody still holds, too */
	unsigned in_flight;	      /* ios, captures and extent queries, waiting ones too */
	struct bs_stats stats;

	/* Fault injection below the resuming of transfers; 0: off (see fault.h). */
	unsigned short_every, short_count;
	unsigned again_every, again_count;
	unsigned clone_every, clone_count;
};

/* Fills in what all kinds have; -ENOMEM. */
int bs_init(struct backstore *bs, const struct bs_ops *ops, const struct bs_config *cfg,
	    const struct bs_env *env);
/* The other end of it; closing kinds call it last but for freeing themselves. */
void bs_done(struct backstore *bs);
/* Writes the reason and returns @code. */
__attribute__((format(printf, 4, 5))) int bs_fail(char *err, size_t cap, int code, const char *fmt,
						  ...);

/* The kinds.  As bs_open, without the fault injection. */
int file_open(struct backstore **ret, const struct bs_config *cfg, const struct bs_env *env,
	      char *err, size_t err_cap);
int mem_open(struct backstore **ret, const struct bs_config *cfg, const struct bs_env *env,
	     char *err, size_t err_cap);

/* As bs_submit, for what the guard itself does: past fence, guard and counters. */
void bs_submit_inside(struct backstore *bs, struct io *io);
/* Starts what has passed the guard. */
void bs_guarded(struct io *io);
void bs_io_done(struct io *io, int res);
/* Calls @fn with @io->post from the loop; @res is kept in @io->res. */
void bs_io_later(struct io *io, int res, void (*fn)(struct ring_post *post));
void bs_extents_done(struct extent_query *q, int res);

/* True when this transfer is to see an injected EAGAIN before it starts. */
bool bs_tamper_again(struct io *io);
/* How much of the next @len bytes to transfer: all, or half by injection. */
uint64_t bs_tamper_len(struct backstore *bs, uint64_t len, uint32_t align);

bool mem_is_zero(const void *mem, size_t len); /* len > 0 */
/* Takes the first @n bytes off the io's vector: used-up entries get length 0. */
void iov_advance(struct iovec *iov, unsigned niov, uint64_t n);

/* rod.c: a live rod as @c asks for it, one reference.  -ENOMEM, -ENOSPC as bs_capture. */
int rod_new(struct rod **ret, const struct capture *c);
/* Cancels all live rods that share a byte with [off, off+len). */
void rods_guard(struct backstore *bs, uint64_t off, uint64_t len);
/*
 * no_space.c: a host's write to @bs found no space.  Cancels the rods for which something is
 * kept on its file system, those of other backstores of its bs_totals too.  True: space comes back,
 * in a moment.
 */
bool rods_give_up(struct backstore *bs);

#endif
