/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks shared between files.  FICLONERANGE blocks (it writes dirty pages out and
 * takes the files' locks), so an aux thread makes the call.
 */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "file_impl.h"

static void clone_work(struct aux_job *job)
{
	struct io *io = container_of(job, struct io, job);
	struct file_clone_range range = { .src_fd = io->clone_fd,
					  .src_offset = io->clone_off,
					  .src_length = io->len,
					  .dest_offset = io->off };
	int r;

	do {
		r = ioctl(to_file(io->bs)->fd, FICLONERANGE, &range) < 0 ? -errno : 0;
	} while (r == -EINTR);
	io->res = r;
}

static void clone_done(struct aux_job *job)
{
	struct io *io = container_of(job, struct io, job);

	if (io->res == 0 && (io->flags & IO_FUA))
		file_flush(io);
	else
		bs_io_done(io, io->res);
}

static void refused(struct ring_post *post)
{
	bs_io_done(container_of(post, struct io, post), -EOPNOTSUPP);
}

void file_clone(struct io *io)
{
	if (to_file(io->bs)->block_device) {
		bs_io_later(io, 0, refused);
		return;
	}
	io->job.work = clone_work;
	io->job.done = clone_done;
	io->job.ring = io->bs->env.ring;
	io->job.kind = AUX_GRAFT;
	aux_submit(io->bs->env.aux, &io->job);
}

bool file_file(struct backstore *bs, struct bs_file *ret)
{
	const struct file_bs *f = to_file(bs);

	if (f->block_device || !f->fs_block)
		return false;
	*ret = (struct bs_file) { .fd = f->fd, .dev = f->dev, .block = f->fs_block };
	return true;
}
