/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file_impl.h"

/* For file systems that know no O_TMPFILE (NFS, FUSE). */
static int make_named(const char *dir)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s/.odx-XXXXXX", dir) < 0)
		return -ENOMEM;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	else
		unlink(path);
	free(path);
	return fd;
}

int scratch_make(const char *dir)
{
	int fd = dir ? open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600)
		     : memfd_create("odx", MFD_CLOEXEC);

	if (fd >= 0)
		return fd;
	/* Kernels and file systems without it take it for an open of the directory. */
	if (dir && (errno == EOPNOTSUPP || errno == EISDIR))
		return make_named(dir);
	return -errno;
}

int scratch_open(struct backstore **ret, int fd, uint64_t size, const struct bs_env *env)
{
	const struct bs_config cfg = { .path = "scratch", .block_size = 512 };
	struct file_bs *f = calloc(1, sizeof(*f));

	if (!f || bs_init(&f->bs, &file_ops, &cfg, env) < 0) {
		free(f);
		close(fd);
		return -ENOMEM;
	}
	f->fd = fd;
	f->scratch = true;
	f->bs.cached = true;
	f->bs.size = size;
	*ret = &f->bs;
	return 0;
}

int scratch_fd(struct backstore *bs)
{
	return to_file(bs)->fd;
}

struct closing {
	struct aux_job job;
	int fd;
};

static void close_work(struct aux_job *job)
{
	struct closing *c = container_of(job, struct closing, job);

	close(c->fd);
	free(c);
}

void scratch_close(struct backstore *bs)
{
	struct closing *c;

	if (!bs)
		return;
	c = bs->env.aux ? malloc(sizeof(*c)) : NULL;
	if (c) {
		*c = (struct closing) { .job = { .kind = AUX_KEEP, .work = close_work },
					.fd = scratch_fd(bs) };
		to_file(bs)->fd = -1;
		aux_submit(bs->env.aux, &c->job);
	}
	bs_close(bs);
}
