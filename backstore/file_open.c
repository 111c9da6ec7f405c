/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a file or block device: everything that can be wrong with it is found
 * here, and said in one line that tells what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "file_impl.h"

/*
 * All files this process has open, by what they are: flock sees only the lock,
 * not that it is ours, and two device nodes of one device have two locks.
 */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct file_bs *table;

/* False, and the path it is served under, when it is in the table already. */
static bool table_add(struct file_bs *f, char *ret_path, size_t cap)
{
	struct file_bs *o;

	pthread_mutex_lock(&table_lock);
	for (o = table; o; o = o->next_open)
		if (o->block_device == f->block_device && o->dev == f->dev && o->ino == f->ino)
			break;
	if (o) {
		strncpy(ret_path, o->bs.path, cap - 1);
		ret_path[cap - 1] = '\0';
	} else {
		f->next_open = table;
		table = f;
	}
	pthread_mutex_unlock(&table_lock);
	return !o;
}

void file_forget(struct file_bs *f)
{
	pthread_mutex_lock(&table_lock);
	for (struct file_bs **at = &table; *at; at = &(*at)->next_open) {
		if (*at == f) {
			*at = f->next_open;
			break;
		}
	}
	pthread_mutex_unlock(&table_lock);
}

/* What an opening shares among its steps. */
struct opening {
	struct file_bs *f;
	const struct bs_config *cfg;
	char *err;
	size_t cap;
	bool created;
};

static const struct {
	int err;
	const char *advice;
} open_errors[] = {
	{ ENOENT, "no such file: check the path, or add size=SIZE to create it" },
	{ EACCES, "permission denied: run as a user who may read and write it, or add read-only" },
	{ EPERM, "permission denied: run as a user who may read and write it, or add read-only" },
	{ EROFS, "the file system is read-only: add read-only" },
	{ EBUSY, "the device is in use (mounted, or held by a program): release it first" },
	{ EINVAL, "cannot be opened with O_DIRECT on this file system: leave out direct" },
	{ ETXTBSY, "the file is in use by the system (a running program or swap)" },
	{ ELOOP, "too many symbolic links: give the real path" },
	{ EMFILE, "too many open files: raise the limit (ulimit -n)" },
};

static int fail_open(struct opening *o, int err)
{
	const char *path = o->cfg->path;

	if (o->cfg->read_only && (err == EACCES || err == EPERM))
		return bs_fail(o->err, o->cap, -err,
			       "%s: permission denied: run as a user who may read it", path);
	for (size_t i = 0; i < sizeof(open_errors) / sizeof(open_errors[0]); i++)
		if (open_errors[i].err == err && (err != EINVAL || o->cfg->direct))
			return bs_fail(o->err, o->cap, -err, "%s: %s", path, open_errors[i].advice);
	return bs_fail(o->err, o->cap, -err, "%s: cannot be opened: %s", path, strerror(err));
}

/* Judges what kind of file it is before it is opened: opening a FIFO would hang. */
static int judge_type(struct opening *o, bool *ret_exists)
{
	struct stat st;

	if (stat(o->cfg->path, &st) < 0) {
		if (errno != ENOENT)
			return fail_open(o, errno);
		if (!o->cfg->size || o->cfg->read_only)
			return bs_fail(o->err, o->cap, -ENOENT,
				       "%s: no such file: check the path%s", o->cfg->path,
				       o->cfg->read_only ? "" : ", or add size=SIZE to create it");
		*ret_exists = false;
		return 0;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return bs_fail(o->err, o->cap, -EINVAL,
			       "%s: is %s: give a regular file or a block device", o->cfg->path,
			       S_ISDIR(st.st_mode) ? "a directory" : "neither file nor disk");
	o->f->block_device = S_ISBLK(st.st_mode);
	*ret_exists = true;
	return 0;
}

static int open_fd(struct opening *o)
{
	const struct bs_config *cfg = o->cfg;
	int flags = O_CLOEXEC | O_NOCTTY | (cfg->read_only ? O_RDONLY : O_RDWR);
	bool exists = false;
	int r = judge_type(o, &exists);

	if (r < 0)
		return r;
	if (cfg->direct)
		flags |= O_DIRECT;
	if (!exists)
		flags |= O_CREAT | O_EXCL;
	else if (o->f->block_device && !cfg->read_only)
		flags |= O_EXCL; /* refuses what is mounted */
	o->f->fd = open(cfg->path, flags, 0600);
	if (o->f->fd < 0) {
		r = errno;
		/* Some file systems create the file and refuse O_DIRECT then. */
		if (!exists && r == EINVAL)
			unlink(cfg->path);
		return fail_open(o, r);
	}
	o->created = !exists;
	return 0;
}

/* udev holds a short lock of its own on block devices that have just changed. */
static int lock_patiently(struct file_bs *f, int op)
{
	static const struct timespec pause = { .tv_nsec = 50000000 };
	int tries = f->block_device ? 20 : 1;

	while (flock(f->fd, op | LOCK_NB) < 0) {
		if (errno != EINTR && (errno != EWOULDBLOCK || --tries == 0))
			return -errno;
		if (errno == EWOULDBLOCK)
			nanosleep(&pause, NULL);
	}
	return 0;
}

static int lock(struct opening *o)
{
	struct file_bs *f = o->f;
	char other[256];
	struct stat st;
	int r;

	if (fstat(f->fd, &st) < 0)
		return fail_open(o, errno);
	f->dev = f->block_device ? st.st_rdev : st.st_dev;
	f->ino = f->block_device ? 0 : st.st_ino;
	if (!table_add(f, other, sizeof(other)))
		return bs_fail(o->err, o->cap, -EBUSY,
			       "%s: already served as %s: give each file to one LUN only",
			       o->cfg->path, other);
	r = lock_patiently(f, o->cfg->read_only ? LOCK_SH : LOCK_EX);
	/* File systems without locks (some network ones) are taken as they are. */
	if (r == 0 || r == -EOPNOTSUPP || r == -ENOSYS || r == -ENOLCK)
		return 0;
	if (r == -EWOULDBLOCK)
		return bs_fail(o->err, o->cap, -EBUSY,
			       "%s: in use by another process (locked): stop that one first",
			       o->cfg->path);
	return bs_fail(o->err, o->cap, r, "%s: cannot be locked: %s", o->cfg->path, strerror(-r));
}

static int no_space(struct opening *o)
{
	struct statvfs vfs = { 0 };

	(void)fstatvfs(o->f->fd, &vfs);
	return bs_fail(o->err, o->cap, -ENOSPC,
		       "%s: no space to create %llu bytes (%llu free): free some, or give a "
		       "smaller size or another place",
		       o->cfg->path, (unsigned long long)o->cfg->size,
		       (unsigned long long)vfs.f_bavail * vfs.f_frsize);
}

/*
 * Reserves the space, if it is there: ext4 takes all that is left before it says no,
 * and whoever else writes at that moment would fail.  An errno.
 */
static int reserve(int fd, uint64_t size)
{
	struct statvfs vfs;
	int r;

	if (fstatvfs(fd, &vfs) == 0 && vfs.f_blocks > 0 &&
	    (unsigned long long)vfs.f_bavail * vfs.f_frsize < size)
		return ENOSPC;
	do {
		r = fallocate(fd, 0, 0, (off_t)size) < 0 ? errno : 0;
	} while (r == EINTR);
	return r;
}

/* Gives a new file its length: as one hole if it is thin, else with all its space. */
static int fill(struct opening *o)
{
	uint64_t size = o->cfg->size;
	bool sparse = o->f->bs.thin;
	int r = 0;

	if (size > INT64_MAX)
		return bs_fail(o->err, o->cap, -EFBIG, "%s: size %llu is too large: give less",
			       o->cfg->path, (unsigned long long)size);
	if (!sparse) {
		r = reserve(o->f->fd, size);
		/* Space that cannot be reserved was not asked for by name: without. */
		sparse = (r == EOPNOTSUPP || r == ENOSYS) && o->cfg->provisioning != BS_FULL;
	}
	if (sparse)
		r = ftruncate(o->f->fd, (off_t)size) < 0 ? errno : 0;
	if (r == ENOSPC || r == EDQUOT)
		return no_space(o);
	if (r == EOPNOTSUPP || r == ENOSYS)
		return bs_fail(o->err, o->cap, -r,
			       "%s: its file system cannot reserve space: make the file with dd, "
			       "or leave out provisioning=full",
			       o->cfg->path);
	if (r)
		return bs_fail(o->err, o->cap, -r, "%s: cannot be made %llu bytes long: %s",
			       o->cfg->path, (unsigned long long)size, strerror(r));
	return 0;
}

static int find_size(struct opening *o)
{
	struct file_bs *f = o->f;
	unsigned int physical = 0;
	struct statfs fs;
	struct stat st;

	if (f->block_device) {
		if (ioctl(f->fd, BLKGETSIZE64, &f->bs.size) < 0)
			return fail_open(o, errno);
		if (ioctl(f->fd, BLKPBSZGET, &physical) == 0 && physical > f->bs.physical_block)
			f->bs.physical_block = physical;
		return 0;
	}
	if (fstat(f->fd, &st) < 0)
		return fail_open(o, errno);
	f->bs.size = (uint64_t)st.st_size;
	if (fstatfs(f->fd, &fs) == 0 && fs.f_bsize > 0 && fs.f_bsize <= 1 << 20)
		f->fs_block = (uint32_t)fs.f_bsize;
	f->bs.physical_block = 4096; /* a page, and the block of nearly all file systems */
	return 0;
}

static int judge_size(struct opening *o)
{
	const struct bs_config *cfg = o->cfg;
	unsigned long long size;
	int r;

	if (cfg->size % cfg->block_size)
		return bs_fail(o->err, o->cap, -EINVAL,
			       "%s: size %llu is not a multiple of the block size %u: round it",
			       cfg->path, (unsigned long long)cfg->size, cfg->block_size);
	r = file_space_init(o->f, cfg, o->err, o->cap);
	if (r == 0 && o->created)
		r = fill(o);
	if (r < 0)
		return r;
	r = find_size(o);
	if (r < 0)
		return r;
	size = o->f->bs.size;
	if (size == 0)
		return bs_fail(o->err, o->cap, -EINVAL,
			       "%s: is empty: give one with data, or remove it and add size=SIZE",
			       cfg->path);
	if (cfg->size && cfg->size != size)
		return bs_fail(
			o->err, o->cap, -EINVAL,
			"%s: has %llu bytes, not the %llu of size=: leave out size, or resize "
			"the file",
			cfg->path, size, (unsigned long long)cfg->size);
	if (size % cfg->block_size)
		return bs_fail(o->err, o->cap, -EINVAL,
			       "%s: its size %llu is not a multiple of the block size %u: %s",
			       cfg->path, size, cfg->block_size,
			       size % 512 == 0 ? "add block-size=512"
					       : "extend it with truncate -s %4096");
	return 0;
}

/* What O_DIRECT wants here, asked or tried out.  False: it does not work. */
static bool direct_needs(const struct opening *o, uint32_t *ret_mem, uint32_t *ret_len)
{
	void *mem;
	bool ok;
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(o->f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    (stx.stx_mask & STATX_DIOALIGN)) {
		*ret_mem = stx.stx_dio_mem_align;
		*ret_len = stx.stx_dio_offset_align;
		return *ret_mem && *ret_len && *ret_len <= o->cfg->block_size &&
		       *ret_mem <= BOUNCE_LEN;
	}
#endif
	mem = aligned_alloc(4096, o->cfg->block_size < 4096 ? 4096 : o->cfg->block_size);
	ok = mem && pread(o->f->fd, mem, o->cfg->block_size, 0) == (ssize_t)o->cfg->block_size;
	free(mem);
	*ret_mem = *ret_len = o->cfg->block_size;
	return ok;
}

static int set_up_direct(struct opening *o)
{
	uint32_t mem_align, len_align;

	if (!direct_needs(o, &mem_align, &len_align))
		return bs_fail(o->err, o->cap, -EINVAL,
			       "%s: O_DIRECT cannot do blocks of %u bytes here: %s", o->cfg->path,
			       o->cfg->block_size,
			       o->cfg->block_size < 4096
				       ? "add block-size=4096, or leave out direct"
				       : "leave out direct");
	o->f->mem_align = mem_align;
	o->f->len_align = len_align;
	if (direct_init(o->f) < 0)
		return bs_fail(o->err, o->cap, -ENOMEM, "%s: out of memory", o->cfg->path);
	return 0;
}

int file_open(struct backstore **ret, const struct bs_config *cfg, const struct bs_env *env,
	      char *err, size_t err_cap)
{
	struct file_bs *f = calloc(1, sizeof(*f));
	struct opening o = { .f = f, .cfg = cfg, .err = err, .cap = err_cap };
	int r;

	if (!f)
		return bs_fail(err, err_cap, -ENOMEM, "%s: out of memory", cfg->path);
	f->fd = -1;
	if (bs_init(&f->bs, &file_ops, cfg, env) < 0) {
		r = bs_fail(err, err_cap, -ENOMEM, "%s: out of memory", cfg->path);
		goto fail;
	}
	r = open_fd(&o);
	if (r < 0)
		goto fail;
	r = lock(&o);
	if (r == 0)
		r = judge_size(&o);
	if (r == 0 && cfg->direct)
		r = set_up_direct(&o);
	if (r < 0)
		goto fail;
	f->bs.created = o.created;
	f->bs.cached = !cfg->direct;
	*ret = &f->bs;
	return 0;

fail:
	/* Nothing is left behind, and nothing that others have is removed. */
	if (o.created)
		unlink(cfg->path);
	file_forget(f);
	if (f->fd >= 0)
		close(f->fd);
	direct_done(f);
	bs_done(&f->bs);
	free(f);
	return r;
}
