/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The space of files and block devices: ranges made zeros, and given back.
 *
 * Both are one fallocate: PUNCH_HOLE gives back whole file-system blocks and zeroes
 * the parts of others; on a block device it is a write of zeros that unmaps, and
 * refused where the device does not promise to read as zeros afterwards (which
 * BLKDISCARD does not).  ZERO_RANGE keeps the space; on a device it is BLKZEROOUT.
 * Where the better way is not to be had the next one is taken, and the last is to
 * write zeros.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "file_impl.h"

#define ZERO_PIECE (256u << 10)

/* What is written where nothing else makes zeros; never changed. */
static char zeros[ZERO_PIECE] __attribute__((aligned(4096)));

static const int modes[WAYS] = {
	[WAY_PUNCH] = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	[WAY_ZERO] = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
};

static struct io *op_io(struct ring_op *op)
{
	return container_of(op, struct io, rop);
}

static void zeroed(struct io *io)
{
	if (io->flags & IO_FUA)
		file_flush(io);
	else
		bs_io_done(io, 0);
}

static void zero_write(struct io *io);

static void zero_write_again(struct ring_timer *timer)
{
	zero_write(container_of(timer, struct io, timer));
}

static void zero_write_done(struct ring_op *op, int res, unsigned cqe_flags)
{
	struct io *io = op_io(op);

	if (res > 0) {
		io->progress += (unsigned)res;
		io->retries = 0;
		if (io->progress == io->len)
			zeroed(io);
		else
			zero_write(io);
		return;
	}
	if (!file_retry(io, res, zero_write_again))
		bs_io_done(io, res ? res : -EIO);
}

/* The slow way: writes pieces of the page of zeros, one after the other. */
static void zero_write(struct io *io)
{
	struct io_uring_sqe *sqe = ring_sqe(io->bs->env.ring);
	uint64_t len = io->len - io->progress;

	io_uring_prep_write(sqe, to_file(io->bs)->fd, zeros,
			    (unsigned)(len < ZERO_PIECE ? len : ZERO_PIECE),
			    io->off + io->progress);
	io->rop.done = zero_write_done;
	ring_submit_op(sqe, &io->rop);
}

/* Answers of fallocate that mean "not here", and whether they hold for good. */
static const struct {
	int err;
	bool always;
} no_way[] = {
	{ EOPNOTSUPP, true }, { ENOSYS, true },	 { ENODEV, true },
	{ EPERM, true },      { EINVAL, false },
};

/* The way an io has come to stands in io->kind, as a pointer into modes. */
static unsigned way_of(const struct io *io)
{
	return (unsigned)((const int *)io->kind - modes);
}

static void allocate_step(struct io *io);

static void try_way(struct io *io, unsigned way)
{
	const struct file_bs *f = to_file(io->bs);

	while (way < WAYS && f->no_way[way])
		way++;
	io->retries = 0;
	if (way == WAYS) {
		zero_write(io);
		return;
	}
	io->kind = (void *)&modes[way];
	allocate_step(io);
}

static void allocate_again(struct ring_timer *timer)
{
	allocate_step(container_of(timer, struct io, timer));
}

static void allocate_done(struct ring_op *op, int res, unsigned cqe_flags)
{
	struct io *io = op_io(op);

	if (res == 0) {
		zeroed(io);
		return;
	}
	if (file_retry(io, res, allocate_again))
		return;
	for (size_t i = 0; i < sizeof(no_way) / sizeof(no_way[0]); i++) {
		if (res != -no_way[i].err)
			continue;
		if (no_way[i].always)
			to_file(io->bs)->no_way[way_of(io)] = true;
		try_way(io, way_of(io) + 1);
		return;
	}
	bs_io_done(io, res);
}

static void allocate_step(struct io *io)
{
	struct io_uring_sqe *sqe = ring_sqe(io->bs->env.ring);

	io_uring_prep_fallocate(sqe, to_file(io->bs)->fd, modes[way_of(io)], (off_t)io->off,
				(off_t)io->len);
	io->rop.done = allocate_done;
	ring_submit_op(sqe, &io->rop);
}

void file_zero(struct io *io)
{
	try_way(io, WAY_ZERO);
}

/* On an aux thread.  Of a file that was cut off, all beyond its end would be a hole, too. */
static void hole_work(struct aux_job *job)
{
	struct io *io = container_of(job, struct io, job);
	int fd = to_file(io->bs)->fd;
	off_t end = (off_t)(io->off + io->len), data = lseek(fd, (off_t)io->off, SEEK_DATA);
	struct stat st;

	io->res = data >= end ||
		  (data < 0 && errno == ENXIO && fstat(fd, &st) == 0 && st.st_size >= end);
}

static void hole_done(struct aux_job *job)
{
	struct io *io = container_of(job, struct io, job);

	if (io->res)
		zeroed(io);
	else
		try_way(io, WAY_PUNCH);
}

/*
 * To punch is a transaction of the file system, and some wait for all O_DIRECT transfers
 * of the file first: a copy of holes to holes does better to look.
 */
void file_discard(struct io *io)
{
	if (!(io->flags & IO_BULK) || to_file(io->bs)->block_device) {
		try_way(io, WAY_PUNCH);
		return;
	}
	io->job.kind = AUX_SHORT;
	io->job.work = hole_work;
	io->job.done = hole_done;
	io->job.ring = io->bs->env.ring;
	aux_submit(io->bs->env.aux, &io->job);
}

/* ---- what there is ---- */

/* A number of the device's request queue; 0 if it does not say.  Partitions have the disk's. */
static uint64_t queue_number(dev_t dev, const char *name)
{
	static const char *const places[] = { "queue", "../queue" };
	unsigned long long n = 0;

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char path[128];
		FILE *file;
		bool got;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(dev), minor(dev),
			 places[i], name);
		file = fopen(path, "re");
		if (!file)
			continue;
		got = fscanf(file, "%llu", &n) == 1;
		fclose(file);
		if (got)
			return n;
	}
	return 0;
}

/* Tried beyond the end of the file, where nothing can be lost. */
static bool file_can_punch(int fd, uint64_t size)
{
	off_t past = (off_t)((size + 4095) / 4096 * 4096);
	int r;

	do {
		r = fallocate(fd, modes[WAY_PUNCH], past, 4096);
	} while (r < 0 && errno == EINTR);
	return r == 0;
}

static bool can_discard(const struct file_bs *f, const struct stat *st)
{
	if (f->block_device)
		return queue_number(f->dev, "discard_max_bytes") > 0 &&
		       queue_number(f->dev, "write_zeroes_max_bytes") > 0;
	return file_can_punch(f->fd, (uint64_t)st->st_size);
}

static uint64_t unit_of_space(const struct file_bs *f, const struct stat *st)
{
	uint64_t n = (uint64_t)st->st_blksize;
	int sector = 0;

	if (f->block_device) {
		n = queue_number(f->dev, "discard_granularity");
		if (!n && ioctl(f->fd, BLKSSZGET, &sector) == 0 && sector > 0)
			n = (unsigned)sector;
	}
	return n;
}

int file_space_init(struct file_bs *f, const struct bs_config *cfg, char *err, size_t err_cap)
{
	struct stat st;
	uint64_t unit;

	if (fstat(f->fd, &st) < 0)
		return bs_fail(err, err_cap, -errno, "%s: cannot be looked at", cfg->path);
	/* Without leave to write it cannot be tried out, nor will it ever be done. */
	if (cfg->provisioning != BS_FULL)
		f->bs.thin = cfg->read_only ? cfg->provisioning == BS_THIN : can_discard(f, &st);
	if (cfg->provisioning == BS_THIN && !f->bs.thin)
		return bs_fail(err, err_cap, -EOPNOTSUPP,
			       "%s: cannot be thin: %s cannot give space back: leave out "
			       "provisioning=thin",
			       cfg->path, f->block_device ? "the device" : "its file system");
	unit = unit_of_space(f, &st);
	if (unit > f->bs.granularity && unit <= 1u << 30)
		f->bs.granularity = (uint32_t)unit;
	return 0;
}
