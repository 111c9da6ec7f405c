/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers of files and block devices.  An io goes in steps, each one request
 * in the kernel; short ones are resumed where they ended, EAGAIN and EINTR are
 * tried again: a few times at once, then with growing pauses.
 */
#include "file_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRIES_AT_ONCE 4u
#define RETRIES_MAX	68u /* with the pauses about 6 s: then the error stands */
#define PAUSE_MIN	1000000ull
#define PAUSE_MAX	100000000ull

#define SHORT		(64u << 10) /* a transfer that is over soon */
#define RW_MAX		(1u << 30)  /* of one request; the rest is resumed */

static struct io *op_io(struct ring_op *op)
{
	return container_of(op, struct io, rop);
}

static struct io *timer_io(struct ring_timer *timer)
{
	return container_of(timer, struct io, timer);
}

/* A host's write is not refused for what is kept for rods. */
static bool space_comes_back(struct io *io, int res)
{
	return (res == -ENOSPC || res == -EDQUOT) && !io->inside && !(io->flags & IO_BULK) &&
	       !to_file(io->bs)->scratch && rods_give_up(io->bs);
}

bool file_retry(struct io *io, int res, void (*again)(struct ring_timer *timer))
{
	uint64_t pause;

	if ((res != -EAGAIN && res != -EINTR && !space_comes_back(io, res)) ||
	    io->retries >= RETRIES_MAX)
		return false;
	io->timer.fn = again;
	if (++io->retries <= RETRIES_AT_ONCE) {
		again(&io->timer);
		return true;
	}
	pause = PAUSE_MIN;
	for (unsigned i = io->retries - RETRIES_AT_ONCE; i > 1 && pause < PAUSE_MAX; i--)
		pause *= 2;
	ring_timer_set(io->bs->env.ring, &io->timer, pause < PAUSE_MAX ? pause : PAUSE_MAX);
	return true;
}

/* Reduces @niov to the entries that fit wholly into @len bytes; their length. */
static uint64_t fit(const struct iovec *iov, unsigned *niov, uint64_t len)
{
	uint64_t sum = 0;
	unsigned n = 0;

	while (n < *niov && sum + iov[n].iov_len <= len)
		sum += iov[n++].iov_len;
	*niov = n;
	return sum;
}

void file_rw(struct io *io, const struct iovec *iov, unsigned niov,
	     void (*done)(struct ring_op *op, int res, unsigned cqe_flags))
{
	struct file_bs *f = to_file(io->bs);
	struct io_uring_sqe *sqe = ring_sqe(io->bs->env.ring);
	uint64_t off = io->off + io->progress, len, want;
	bool read = io->op == IO_READ;
	unsigned n = niov;
	int buf;

	len = fit(iov, &n, UINT64_MAX);
	want = bs_tamper_len(io->bs, len, f->len_align ? f->len_align : 1);
	if (want < len)
		len = fit(iov, &n, want);
	if (n <= 1) {
		/* n == 0: the first entry alone is more than the shortened length */
		len = n ? iov->iov_len : want;
		if (len > RW_MAX)
			len = RW_MAX;
		buf = arena_buf_index(io->bs->env.ring, iov->iov_base, len);
		if (buf >= 0 && read)
			io_uring_prep_read_fixed(sqe, f->fd, iov->iov_base, (unsigned)len, off,
						 buf);
		else if (buf >= 0)
			io_uring_prep_write_fixed(sqe, f->fd, iov->iov_base, (unsigned)len, off,
						  buf);
		else if (read)
			io_uring_prep_read(sqe, f->fd, iov->iov_base, (unsigned)len, off);
		else
			io_uring_prep_write(sqe, f->fd, iov->iov_base, (unsigned)len, off);
	} else if (read) {
		io_uring_prep_readv(sqe, f->fd, iov, n, off);
	} else {
		io_uring_prep_writev(sqe, f->fd, iov, n, off);
	}
	if (!read && (io->flags & IO_FUA))
		sqe->rw_flags = RWF_DSYNC;
	/* Else this thread would copy from and to the page cache. */
	if ((io->flags & IO_BULK) && f->bs.cached)
		sqe->flags |= IOSQE_ASYNC;
	io->rop.done = done;
	if ((io->flags & (IO_BULK | IO_FUA)) || len > SHORT)
		ring_submit_op(sqe, &io->rop);
	else
		ring_submit_soon(io->bs->env.ring, sqe, &io->rop);
}

static void rw_step(struct io *io);

static void rw_again(struct ring_timer *timer)
{
	rw_step(timer_io(timer));
}

static void rw_done(struct ring_op *op, int res, unsigned cqe_flags)
{
	struct io *io = op_io(op);
	const struct file_bs *f = to_file(io->bs);

	/* A ragged end cannot be resumed with O_DIRECT: that block again, or the end. */
	if (res > 0 && f->len_align)
		res -= res % (int)f->len_align;
	if (res > 0) {
		io->progress += (unsigned)res;
		io->retries = 0;
		iov_advance(io->iov, io->niov, (unsigned)res);
		if (io->progress == io->len)
			bs_io_done(io, 0);
		else
			rw_step(io);
		return;
	}
	if (file_retry(io, res, rw_again))
		return;
	if (res == 0)
		res = io->op == IO_READ ? -ENODATA : -EIO;
	bs_io_done(io, res);
}

static void rw_tampered(struct ring_post *post)
{
	struct io *io = container_of(post, struct io, post);

	rw_done(&io->rop, io->res, 0);
}

static void rw_step(struct io *io)
{
	const struct iovec *iov = io->iov;
	unsigned niov = io->niov;

	if (bs_tamper_again(io)) {
		bs_io_later(io, -EAGAIN, rw_tampered);
		return;
	}
	/* After a short transfer the remainder may no longer suit O_DIRECT. */
	if (!direct_fits(to_file(io->bs), io)) {
		direct_submit(to_file(io->bs), io);
		return;
	}
	while (niov > 1 && iov->iov_len == 0) {
		iov++;
		niov--;
	}
	file_rw(io, iov, niov, rw_done);
}

static void flush_again(struct ring_timer *timer)
{
	file_flush(timer_io(timer));
}

static void flush_done(struct ring_op *op, int res, unsigned cqe_flags)
{
	struct io *io = op_io(op);

	if (!file_retry(io, res, flush_again))
		bs_io_done(io, res);
}

void file_flush(struct io *io)
{
	struct io_uring_sqe *sqe = ring_sqe(io->bs->env.ring);

	io_uring_prep_fsync(sqe, to_file(io->bs)->fd, IORING_FSYNC_DATASYNC);
	io->rop.done = flush_done;
	ring_submit_op(sqe, &io->rop);
}

/* A hint that cannot be followed is no error. */
static void hint_done(struct ring_op *op, int res, unsigned cqe_flags)
{
	bs_io_done(op_io(op), 0);
}

/* The kernel takes 32 bits of length here: the first GiB of a larger range will do. */
static void hint_step(struct io *io)
{
	struct io_uring_sqe *sqe = ring_sqe(io->bs->env.ring);
	uint64_t len = io->len < RW_MAX ? io->len : RW_MAX;

	io_uring_prep_fadvise(sqe, to_file(io->bs)->fd, io->off, (off_t)len,
			      io->op == IO_WILLNEED ? POSIX_FADV_WILLNEED : POSIX_FADV_DONTNEED);
	io->rop.done = hint_done;
	ring_submit_op(sqe, &io->rop);
}

static int file_size_now(struct backstore *bs, uint64_t *ret)
{
	struct file_bs *f = to_file(bs);
	struct statx st;

	if (f->block_device)
		return ioctl(f->fd, BLKGETSIZE64, ret) < 0 ? -errno : 0;
	/*
	 * Nothing but the size: who asks for the times of a file makes its next write change
	 * them, since Linux 6.13, and that is a transaction of the file system.
	 */
	if (statx(f->fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) < 0)
		return -errno;
	*ret = st.stx_size;
	return 0;
}

static int file_check(struct backstore *bs)
{
	uint64_t size;

	return file_size_now(bs, &size) == 0 && size < bs->size ? -ENODATA : 0;
}

/*
 * Of a file that somebody has cut off, a write would make a longer one again, with a hole
 * that nobody would notice.  One look is enough for all writes of a turn of the loop: they
 * go to the kernel together, after it.
 */
static bool still_whole(struct file_bs *f)
{
	uint64_t turn = ring_now(f->bs.env.ring);

	if (turn == f->checked)
		return true;
	if (file_check(&f->bs) < 0)
		return false;
	f->checked = turn;
	return true;
}

static void fail_posted(struct ring_post *post)
{
	struct io *io = container_of(post, struct io, post);

	bs_io_done(io, io->res);
}

static void file_submit(struct backstore *bs, struct io *io)
{
	static void (*const steps[])(struct io * io) = {
		[IO_READ] = rw_step,	   [IO_WRITE] = rw_step,	[IO_FLUSH] = file_flush,
		[IO_ZERO] = file_zero,	   [IO_DISCARD] = file_discard, [IO_WILLNEED] = hint_step,
		[IO_DONTNEED] = hint_step, [IO_CLONE] = file_clone,
	};

	bool writes = io->op == IO_WRITE || io->op == IO_ZERO || io->op == IO_DISCARD ||
		      io->op == IO_CLONE;

	if (io->op == IO_ZERO || io->op == IO_DISCARD || io->op == IO_CLONE)
		to_file(bs)->data.len = 0;
	if (writes && !still_whole(to_file(bs)))
		bs_io_later(io, -ENODATA, fail_posted);
	else
		steps[io->op](io);
}

/* On an aux thread.  Whatever goes wrong, "data" is a safe answer. */
static void extents_work(struct aux_job *job)
{
	struct extent_query *q = container_of(job, struct extent_query, job);
	int fd = to_file(q->bs)->fd;
	off_t off = (off_t)q->off, end = (off_t)(q->off + q->len), next;

	q->ret_hole = false;
	q->ret_len = q->len;
	q->ends = q->off + q->len;
	next = lseek(fd, off, SEEK_DATA);
	if (next > off || (next < 0 && errno == ENXIO)) {
		struct stat st;

		/* ENXIO is also what a file cut off by someone says: that is no hole. */
		if (fstat(fd, &st) < 0 || st.st_size < end)
			return;
		q->ret_hole = true;
	} else if (next == off) {
		next = lseek(fd, off, SEEK_HOLE);
	}
	if (next > off && next < end)
		q->ret_len = (uint64_t)(next - off);
	if (next > off)
		q->ends = (uint64_t)next;
}

/* To look for the end of data takes long where only all its pages tell (tmpfs). */
static void keep_data(struct file_bs *f, uint64_t off, uint64_t end)
{
	if (f->data.len > 0 && off <= f->data.off && end >= f->data.off)
		end = end > f->data.off + f->data.len ? end : f->data.off + f->data.len;
	f->data = (struct byte_range) { .off = off, .len = end - off };
}

static void extents_done(struct aux_job *job)
{
	struct extent_query *q = container_of(job, struct extent_query, job);

	if (!q->ret_hole)
		keep_data(to_file(q->bs), q->off, q->ends);
	bs_extents_done(q, 0);
}

static void is_data(struct ring_post *post)
{
	struct extent_query *q = container_of(post, struct extent_query, post);

	q->ret_hole = false;
	bs_extents_done(q, 0);
}

static void file_extents(struct backstore *bs, struct extent_query *q)
{
	const struct byte_range *data = &to_file(bs)->data;
	bool known = q->rough && q->off >= data->off && q->off - data->off < data->len;

	if (known || to_file(bs)->block_device) {
		uint64_t left = known ? data->off + data->len - q->off : q->len;

		q->ret_len = left < q->len ? left : q->len;
		q->post.fn = is_data;
		ring_post(bs->env.ring, &q->post);
		return;
	}
	q->job.kind = AUX_SHORT;
	q->job.work = extents_work;
	q->job.done = extents_done;
	q->job.ring = bs->env.ring;
	aux_submit(bs->env.aux, &q->job);
}

static int file_close(struct backstore *bs)
{
	struct file_bs *f = to_file(bs);
	int r = 0;

	if (f->fd >= 0) {
		if (!bs->read_only && !f->scratch && fdatasync(f->fd) < 0)
			r = -errno;
		file_forget(f);
		/* Closing would do, but for io_uring, which may hold the file a moment longer. */
		flock(f->fd, LOCK_UN);
		close(f->fd);
	}
	direct_done(f);
	bs_done(bs);
	free(f);
	return r;
}

const struct bs_ops file_ops = {
	.close = file_close,
	.submit = file_submit,
	.extents = file_extents,
	.check = file_check,
	.size_now = file_size_now,
	.file = file_file,
};
