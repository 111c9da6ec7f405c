/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of backstore/ share: a ring with aux threads, calls that wait
 * for their outcome, scratch files, reproducible random numbers.
 */
#ifndef TESTS_BACKSTORE_FIXTURE_H
#define TESTS_BACKSTORE_FIXTURE_H

#include <stdatomic.h>

#include "backstore.h"
#include "copy.h"
#include "mounts.h"
#include "rod.h"
#include "test.h"

#define KIB	       1024u
#define MIB	       (1024u * 1024u)
#define NOW_MS(n)      ((uint64_t)(n)*1000000u)
#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define IO_PENDING_RES 12345 /* in an outcome: nothing came yet */

struct fixture {
	struct ring *ring;
	struct aux *aux;
	struct bs_env env;
	enum rod_keep keep; /* of what open_mem opens */
	char dir[64];	    /* scratch, removed with all in it */
	char err[512];
};

void fixture_init(struct fixture *f); /* with two aux threads */
void fixture_init_with(struct fixture *f, unsigned aux_threads);
void fixture_done(struct fixture *f);
/* A path in the scratch directory; valid until the next but three call. */
const char *fixture_path(struct fixture *f, const char *name);
/* Runs the ring until *@flag is true; aborts the test program after 30 s. */
void run_until(struct fixture *f, const bool *flag);
/* Runs the ring for @ms milliseconds. */
void run_for(struct fixture *f, unsigned ms);

/* A copy and its end: for run_until(&f, &t.done), with tcopy_done as c.done. */
struct tcopy {
	struct copy c;
	int err;
	bool done;
};
void tcopy_done(struct copy *c, int err);

/* Holds up the aux jobs of AUX_KEEP, of which two threads do one at a time. */
struct holdup {
	struct aux_job job;
	atomic_bool go;
	bool over;
};
void hold_up(struct fixture *f, struct holdup *h); /* jobs for which nobody waits */
void hold_up_kind(struct fixture *f, struct holdup *h, enum aux_kind kind);
void let_go(struct fixture *f, struct holdup *h); /* waits for its end */

/* An io with its outcome; bs_submit it as &x.io after tio_set. */
struct tio {
	struct io io;
	struct iovec iov;
	int res;
	unsigned calls;
	bool done;
	struct fixture *f;
	bool inside;	       /* set it around bs_submit: done must never come then */
	unsigned *order, rank; /* order: a shared counter, rank: my place in it */
};

void tio_set(struct tio *t, struct fixture *f, enum io_op op, uint64_t off, void *mem,
	     uint64_t len);
void tio_submit(struct tio *t, struct backstore *bs);

/* These wait. */
int do_io(struct fixture *f, struct backstore *bs, enum io_op op, uint64_t off, void *mem,
	  uint64_t len, unsigned flags);
struct rod *do_capture(struct fixture *f, struct backstore *bs, const struct byte_range *r,
		       unsigned n);
/* NULL when it was refused. */
struct rod *do_capture_for(struct fixture *f, struct backstore *bs, struct bs_owner *owner,
			   const struct byte_range *r, unsigned n);
int do_rod_read(struct fixture *f, struct rod *rod, uint64_t off, void *mem, uint64_t len);
int do_rod_extents(struct fixture *f, struct rod *rod, uint64_t off, uint64_t len,
		   uint64_t *ret_len, bool *ret_hole);
int do_extents(struct fixture *f, struct backstore *bs, uint64_t off, uint64_t len,
	       uint64_t *ret_len, bool *ret_hole);

/* Does the rod hold, range by range, what @image has at these ranges? */
bool rod_shows(struct fixture *f, struct rod *rod, const void *image, const struct byte_range *r,
	       unsigned n);

/* Opens or fails the test (and ends the program: nothing else would make sense). */
struct backstore *must_open(struct fixture *f, const struct bs_config *cfg);
/* Opens "mem:" of @size bytes, blocks of 512; @fault may be NULL. */
struct backstore *open_mem(struct fixture *f, uint64_t size, const char *fault);

/*
 * @rounds random writes, zeroings, discards and reads of @bs against a plain array; the
 * I/O memory is aligned, at odd addresses in odd pieces, or from an arena.
 */
enum memory { MEMORY_ALIGNED, MEMORY_ODD, MEMORY_512, MEMORY_ARENA };
void check_against_model(struct fixture *f, struct backstore *bs, unsigned rounds,
			 enum memory memory);

/* mount_in the scratch directory. */
bool mount_init(struct mounted *m, struct fixture *f, const char *kind);

/* Writes a file of @size bytes: fill_pattern with @seed. */
void make_file(const char *path, uint64_t size, unsigned seed);
/* Bytes that tell their place and the seed: any shift or mix-up shows. */
void fill_pattern(void *mem, size_t len, uint64_t at, unsigned seed);

/* Cuts @space bytes into disjoint random ranges of @block units, in random order; how many. */
unsigned random_ranges(uint64_t *seed, uint64_t space, struct byte_range *r, unsigned max,
		       uint32_t block);

/* xorshift: the same numbers on every run. */
uint64_t rnd(uint64_t *state);

#endif
