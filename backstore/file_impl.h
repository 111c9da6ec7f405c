/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the file kind: regular files and block devices (file.c transfers,
 * file_space.c zeroes and gives space back, file_open.c opens, direct.c bounces what
 * O_DIRECT cannot take).
 */
#ifndef BACKSTORE_FILE_IMPL_H
#define BACKSTORE_FILE_IMPL_H

#include <sys/types.h>

#include "bs_impl.h"

#define BOUNCES	   8u /* pieces of aligned memory per O_DIRECT backstore */
#define BOUNCE_LEN (128u << 10)

/* How a range is made zeros without writing them, the better way first. */
enum { WAY_PUNCH, WAY_ZERO, WAYS };

struct bounce {
	struct bounce *next; /* free list */
	char *mem;
	struct iovec iov;
};

struct file_bs {
	struct backstore bs;
	int fd;
	bool block_device;
	bool scratch;	   /* has no name and is not kept (scratch.c) */
	bool no_way[WAYS]; /* the storage said so once: take the next, or write zeros */
	uint64_t checked;  /* ring time when its size was last seen to be right       */

	/* Who it is, for the table of what this process serves. */
	dev_t dev;
	ino_t ino;
	uint32_t fs_block; /* of a regular file's file system */
	struct file_bs *next_open;

	/* Data that was found last, and nothing has been given back since: see "rough". */
	struct byte_range data;

	/* O_DIRECT only: what memory and lengths must be multiples of, else 0. */
	uint32_t mem_align, len_align;
	char *bounce_mem;
	struct bounce bounces[BOUNCES];
	struct bounce *bounce_free;
	struct io *wait_first, *wait_last; /* for a bounce */
};

static inline struct file_bs *to_file(struct backstore *bs)
{
	return container_of(bs, struct file_bs, bs);
}

extern const struct bs_ops file_ops;

/* file_open.c: forgets an open file, so that it may be opened again. */
void file_forget(struct file_bs *f);

/* file.c: the next step of a READ or WRITE through @iov; @done gets the result. */
void file_rw(struct io *io, const struct iovec *iov, unsigned niov,
	     void (*done)(struct ring_op *op, int res, unsigned cqe_flags));
/*
 * Judges the outcome of one step: counts progress, retries what may be retried
 * by calling @again (now or from a timer).  True: the io goes on or has been
 * ended here; false: @res is for the caller to end the io with.
 */
bool file_retry(struct io *io, int res, void (*again)(struct ring_timer *timer));

void file_flush(struct io *io); /* ends the io */

/* file_space.c */
void file_zero(struct io *io);
void file_discard(struct io *io);
/*
 * Decides whether the backstore is thin, before a new file gets its size.
 * -EOPNOTSUPP with the reason when it cannot be and must.
 */
int file_space_init(struct file_bs *f, const struct bs_config *cfg, char *err, size_t err_cap);

/* file_clone.c */
void file_clone(struct io *io);
bool file_file(struct backstore *bs, struct bs_file *ret);

/* direct.c */
int direct_init(struct file_bs *f); /* -ENOMEM */
void direct_done(struct file_bs *f);
/* Can the kernel take the io's vector as it is? */
bool direct_fits(const struct file_bs *f, const struct io *io);
void direct_submit(struct file_bs *f, struct io *io);

#endif
