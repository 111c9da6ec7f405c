/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on storage, behind one door.
 *
 * Every write to a backstore, whoever asks (host command, copy engine), goes
 * through bs_submit: it passes the fence, then the guard (what live rods hold there
 * is saved for them, or they are cancelled, before the write can start), then the
 * kind's own submit.  Errors are -errno.  Knows no SCSI.  Home reactor only.
 */
#ifndef BACKSTORE_BACKSTORE_H
#define BACKSTORE_BACKSTORE_H

#include <sys/queue.h>
#include <sys/uio.h>

#include "arena.h"
#include "aux.h"
#include "fence.h"
#include "owner.h"
#include "ranges.h"
#include "ring.h"

struct backstore;
struct rod;

/*
 * IO_ZERO: the range reads as zeros and its space stays allocated.  IO_DISCARD: it
 * reads as zeros and its space is given back, where the storage can; blocks of the
 * storage that lie in it only in part are zeroed.  On a backstore that is not thin
 * IO_DISCARD is made an IO_ZERO, which @op then says.
 *
 * IO_WILLNEED and IO_DONTNEED are hints about a range that the storage may ignore: it
 * will be read soon, so begin to; forget what is cached and clean, so that the next
 * read comes from the storage.  They pass no fence and move no data.
 */
enum io_op {
	IO_READ,
	IO_WRITE,
	IO_FLUSH,
	IO_ZERO,
	IO_DISCARD,
	IO_WILLNEED,
	IO_DONTNEED,
	/*
	 * Makes the range share the blocks of @clone_fd from @clone_off on, as FICLONERANGE
	 * does and with its errors; -EOPNOTSUPP where the storage is no regular file.
	 */
	IO_CLONE
};

/* IO_WRITE, IO_ZERO, IO_DISCARD, IO_CLONE: on stable storage before done. */
#define IO_FUA 0x1
/*
 * A READ or WRITE of a copy, which stays out of the hosts' way: bs_load does not count
 * it, and where the page cache serves it another thread moves the bytes.  IO_DISCARD:
 * what reads as zeros because nothing was ever written there may stay as it is.
 */
#define IO_BULK 0x2

/* One transfer; embedded in its owner, who keeps it until done. */
struct io {
	enum io_op op;
	unsigned flags;
	uint64_t off, len; /* bytes; must lie inside bs_size (asserted)  */
	struct iovec *iov; /* READ, WRITE: exactly @len bytes; caller's  */
	unsigned niov;	   /* at most BS_MAX_IOV; the array may be changed meanwhile */
	/*
	 * 0: all @len bytes done; else -errno and nothing is promised of the range.
	 * -ENODATA: the file has become shorter than it was (truncated by someone).
	 * -ENOSPC: the file system is full.  Short transfers and EAGAIN are resumed
	 * inside.  Called once, from the loop, never from inside bs_submit.
	 */
	void (*done)(struct io *io, int res);
	int clone_fd; /* IO_CLONE: open until done */
	uint64_t clone_off;
	/* Runs under this lock, which is held and covers it; NULL: passes the fence. */
	const struct bs_lock *lock;
	/* the backstore's */
	struct backstore *bs;
	bool inside;	 /* the backstore's own: no fence, no guard, not counted */
	uint64_t looked; /* the guard has looked as far as here */
	struct ring_op rop;
	struct ring_post post;
	struct ring_timer timer;
	struct aux_job job;
	struct fence_req fence;
	struct byte_range range;
	struct io *next; /* in a queue of the guard or the kind */
	void *kind;	 /* what a kind remembers of it */
	uint64_t progress;
	unsigned retries;
	int res;
};
#define BS_MAX_IOV 64

void bs_submit(struct backstore *bs, struct io *io);

/*
 * Ranges for one owner alone, over several ios: read, change, write.  Nobody else
 * reads, writes or captures any of them between granted and bs_unlock; it takes its
 * place in the line of all that overlap it.  The owner's ios name the lock; the guard
 * and the counters see them as they see all others.  An owner asks for one lock at a
 * time (two could wait for each other).
 */
struct bs_lock {
	const struct byte_range *ranges; /* caller's until unlocked or not granted */
	unsigned n;
	/* Once, from the loop, never from inside: 0, or -ECANCELED (then it is not held). */
	void (*granted)(struct bs_lock *lock, int res);
	/* the backstore's */
	struct backstore *bs;
	struct fence_req fence;
	struct ring_post post;
	enum bs_lock_state { BS_LOCK_WAITS, BS_LOCK_TOLD, BS_LOCK_HELD, BS_LOCK_OVER } state;
	int res;
};
void bs_lock(struct backstore *bs, struct bs_lock *lock);
/* Before granted came: it will come with -ECANCELED. */
void bs_lock_cancel(struct bs_lock *lock);
/* After granted came with 0, and when no io under it is running. */
void bs_unlock(struct bs_lock *lock);

/*
 * Does the space belong to the backstore from the start, or come and go with the
 * data?  BS_AUTO: thin where the storage can give space back and may be written.
 */
enum bs_provisioning { BS_AUTO, BS_THIN, BS_FULL };

/*
 * What becomes of a rod when its source is written: the old data is saved for it first,
 * or it is cancelled.
 */
enum rod_keep { ROD_KEEP_PRESERVE, ROD_KEEP_CANCEL };

#define BS_SIDECAR_BYTES (1ull << 30)  /* of one backstore, unless configured */
#define BS_CLONE_BYTES	 (64ull << 30) /* likewise */

/* What a backstore is opened with.  Strings are the caller's, read during open. */
struct bs_config {
	/*
	 * "mem:" (anonymous memory, size needed; text after the colon is a name),
	 * else a file or block device.
	 */
	const char *path;
	uint64_t size;	     /* 0: as found; else create the file with it, or it must match */
	uint32_t block_size; /* 512 or 4096 */
	bool read_only;
	bool direct; /* O_DIRECT */
	/* Of a file that is created: thin ones start as a hole, full ones with all their space. */
	enum bs_provisioning provisioning;
	bool encrypt;	    /* memory only: it holds ciphertext, under a key of this run */
	const char *fault;  /* fault injection, see fault.h; NULL: none */
	enum rod_keep keep; /* encrypted ones cancel, whatever this says */
	/*
	 * PRESERVE: where saved data is put, a directory; NULL: beside a file, in memory
	 * for memory, in /var/tmp for a device and where the file's directory cannot be
	 * written to.  And how much of it there may be.
	 */
	const char *sidecar_dir;
	uint64_t sidecar_bytes;	   /* 0: BS_SIDECAR_BYTES */
	const char *sidecar_fault; /* as @fault, of the sidecar */
	/*
	 * Where the file system shares blocks (FICLONERANGE) and the file is thin, rods are
	 * cloned, and keep at most so many bytes allocated.  0: BS_CLONE_BYTES.
	 */
	uint64_t clone_bytes;
	bool no_clones;
};

/* READs and WRITEs other than copies' (IO_BULK) of all backstores of a reactor. */
struct bs_load {
	unsigned running; /* fenced or in flight */
	uint64_t last;	  /* ring_now() when one ended; 0: none did */
};

struct bs_env { /* what backstores share; outlives them */
	struct ring *ring;
	struct aux *aux;
	struct bs_load *load;	  /* NULL: nobody wants to know */
	struct bs_totals *totals; /* NULL: no limits but those of each backstore */
};

/*
 * Opens, locks (flock, against other processes; by device and inode against
 * this one) and checks.  May block, touches no ring: any thread.  -errno with a one-line reason
 * that says what to do in @err: missing, unreadable, empty, not a multiple of the block size,
 * served already (also under another name), no space to create (nothing is left behind), O_DIRECT
 * impossible with this block size, thin where space cannot be given back.
 */
int bs_open(struct backstore **ret, const struct bs_config *cfg, const struct bs_env *env,
	    char *err, size_t err_cap);
/* Removes the file if this bs_open made it: for a start that fails later on. */
void bs_uncreate(struct backstore *bs);
/* Nothing in flight, and nobody holds a rod of it, not even a cancelled one. */
bool bs_idle(const struct backstore *bs);
/* Nothing in flight, no live rod (asserted).  Flushes and closes; blocks. -errno of the flush. */
int bs_close(struct backstore *bs);

uint64_t bs_size(const struct backstore *bs); /* bytes */
/*
 * The storage has been made larger by somebody and is @size bytes long now: from here
 * on so is the backstore.  -EINVAL (smaller, not what the storage has),
 * -EOPNOTSUPP (its size never changes), -errno; the reason in @err.
 */
int bs_grow(struct backstore *bs, uint64_t size, char *err, size_t err_cap);
/* How many bytes the storage has by now, served or not; cheap, call each second. -errno. */
int bs_size_now(struct backstore *bs, uint64_t *ret);
enum rod_keep bs_rod_keep(const struct backstore *bs);
const char *bs_path(const struct backstore *bs); /* as given */
bool bs_read_only(const struct backstore *bs);
bool bs_forgets(const struct backstore *bs); /* what it holds is gone when the process is */
uint32_t bs_physical_block(const struct backstore *bs); /* bytes, 512 at least */
/* Thin: IO_DISCARD gives space back.  Never so when opened as BS_FULL. */
bool bs_thin(const struct backstore *bs);
/*
 * What is stored is encrypted.  bs_rekey (only then, with a bs_lock over all of it)
 * drops the key, and with it all that was written; cancels all rods.  -errno: the old
 * key stays.
 */
bool bs_encrypted(const struct backstore *bs);
int bs_rekey(struct backstore *bs);
/* Bytes of one unit of space; smaller or unaligned parts of it are zeroed, not given back. */
uint32_t bs_discard_granularity(const struct backstore *bs);
/* -ENODATA when the file is shorter than it was when opened; cheap, call each second. */
int bs_check(struct backstore *bs);
struct ring *bs_ring(const struct backstore *bs);

/* Counters since open; plain reads on the home thread. */
struct bs_stats {
	uint64_t reads, writes, zeroes, discards, flushes, hints, errors;
	uint64_t fua; /* of the writes, zeroes and discards: those with IO_FUA */
	uint64_t bytes_read, bytes_written, bytes_zeroed, bytes_discarded;
	uint64_t rods_cancelled;
	uint64_t saves, save_errors;   /* chunks saved for rods, or not */
	uint64_t rods_cloned;	       /* that writes need not mind any more */
	uint64_t clones, bytes_cloned; /* IO_CLONE */
};
const struct bs_stats *bs_stats(const struct backstore *bs);

/*
 * Where data is, from @off on: the result says that [off, off+ret_len) is all
 * data or all hole (reads as zeros; nothing allocated, or allocated and never
 * written).  A kind that cannot tell says "data": block devices do.  done on the
 * ring's thread, from the loop.
 */
struct extent_query {
	uint64_t off, len;
	void (*done)(struct extent_query *q, int res); /* 0 or -errno */
	bool rough;	  /* what was data when last looked at may still be called data */
	uint64_t ret_len; /* 1..len */
	bool ret_hole;
	/* the backstore's */
	struct backstore *bs;
	struct aux_job job;
	struct ring_post post;
	uint64_t ends; /* where what is at @off does, which may be beyond @len */
	int res;
};
void bs_extents(struct backstore *bs, struct extent_query *q);

/*
 * Freezes ranges into a rod: waits (exclusive fence over all of them) until
 * running writes have ended, then marks them live.  @ranges are in ROD order and
 * may be in any order on the medium; zero-length ones are allowed.
 * done: 0 and ret_rod with one reference for the caller; -ENOSPC where it cannot be
 * kept: not cloned, and no room to save anything for it; or -ENOMEM.
 */
struct capture {
	const struct byte_range *ranges; /* caller's until done */
	unsigned n;
	struct bs_owner *owner; /* whom it is for; the rod takes its own reference */
	void (*done)(struct capture *c, int res);
	struct rod *ret_rod;
	/* the backstore's */
	struct backstore *bs;
	struct fence_req fence;
	struct ring_post post;
	int res;
};
void bs_capture(struct backstore *bs, struct capture *c);
/* Withdraws a capture that has not been done yet; done comes with -ECANCELED. */
void bs_capture_cancel(struct capture *c);

#endif
