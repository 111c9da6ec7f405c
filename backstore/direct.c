/* SPDX-License-Identifier: Apache-2.0 */
/*
 * O_DIRECT wants aligned memory.  What comes from the arena is; what does not
 * fit goes in pieces through a few aligned buffers that the backstore owns from
 * the start.  Who finds none free waits in line.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "file_impl.h"

/*
 * Where the page cache has some of the file, a write by O_DIRECT has to drop that first, which
 * io_uring gives to a thread of its own: a multiple of the time of a write.  So it is dropped
 * here, all that is clean.  A hint: where it cannot be followed things are as they were.
 */
static void forget_pages(const struct file_bs *f)
{
	(void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
}

int direct_init(struct file_bs *f)
{
	void *mem = mmap(NULL, BOUNCES * BOUNCE_LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return -ENOMEM;
	f->bounce_mem = mem;
	for (unsigned i = 0; i < BOUNCES; i++) {
		struct bounce *b = &f->bounces[i];

		b->mem = f->bounce_mem + i * BOUNCE_LEN;
		b->next = f->bounce_free;
		f->bounce_free = b;
	}
	forget_pages(f);
	return 0;
}

void direct_done(struct file_bs *f)
{
	if (f->bounce_mem)
		munmap(f->bounce_mem, BOUNCES * BOUNCE_LEN);
}

bool direct_fits(const struct file_bs *f, const struct io *io)
{
	if (!f->len_align)
		return true;
	for (unsigned i = 0; i < io->niov; i++) {
		if (!io->iov[i].iov_len)
			continue;
		if ((uintptr_t)io->iov[i].iov_base % f->mem_align)
			return false;
		if (io->iov[i].iov_len % f->len_align)
			return false;
	}
	return true;
}

/* Copies the next @len bytes of the io's vector to or from @mem. */
static void move(struct io *io, char *mem, uint64_t len)
{
	for (unsigned i = 0; i < io->niov && len > 0; i++) {
		size_t n = io->iov[i].iov_len < len ? io->iov[i].iov_len : (size_t)len;

		if (n && io->op == IO_READ)
			memcpy(io->iov[i].iov_base, mem, n);
		else if (n)
			memcpy(mem, io->iov[i].iov_base, n);
		mem += n;
		len -= n;
	}
}

static void piece_start(struct io *io);

static void piece_again(struct ring_timer *timer)
{
	piece_start(container_of(timer, struct io, timer));
}

static void end(struct io *io, int res)
{
	struct file_bs *f = to_file(io->bs);
	struct bounce *b = io->kind;
	struct io *next = f->wait_first;

	io->kind = NULL;
	if (next) {
		f->wait_first = next->next;
		next->kind = b;
		piece_start(next);
	} else {
		b->next = f->bounce_free;
		f->bounce_free = b;
	}
	bs_io_done(io, res);
}

static void piece_done(struct ring_op *op, int res, unsigned cqe_flags)
{
	struct io *io = container_of(op, struct io, rop);
	struct file_bs *f = to_file(io->bs);
	struct bounce *b = io->kind;

	if (res > 0)
		res -= res % (int)f->len_align; /* as rw_done does */
	if (res > 0) {
		if (io->op == IO_READ)
			move(io, b->mem, (unsigned)res);
		iov_advance(io->iov, io->niov, (unsigned)res);
		io->progress += (unsigned)res;
		io->retries = 0;
		if (io->progress == io->len)
			end(io, 0);
		else
			piece_start(io);
		return;
	}
	if (file_retry(io, res, piece_again))
		return;
	end(io, res ? res : io->op == IO_READ ? -ENODATA : -EIO);
}

static void piece_start(struct io *io)
{
	struct bounce *b = io->kind;
	uint64_t len = io->len - io->progress;

	if (len > BOUNCE_LEN)
		len = BOUNCE_LEN;
	b->iov = (struct iovec) { .iov_base = b->mem, .iov_len = (size_t)len };
	if (io->op == IO_WRITE)
		move(io, b->mem, len);
	file_rw(io, &b->iov, 1, piece_done);
}

void direct_submit(struct file_bs *f, struct io *io)
{
	struct bounce *b = f->bounce_free;

	if (b) {
		f->bounce_free = b->next;
		io->kind = b;
		piece_start(io);
		return;
	}
	io->next = NULL;
	if (f->wait_first)
		f->wait_last->next = io;
	else
		f->wait_first = io;
	f->wait_last = io;
}
