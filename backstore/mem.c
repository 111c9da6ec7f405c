/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anonymous memory as a backstore, for tests and demonstrations.  It knows its
 * holes: one flag per chunk tells whether anything was written there.  Transfers
 * go in bounded steps, one per turn of the loop, through the same resuming of
 * short ones as with files.  With a cipher it holds only what that makes of the data;
 * a chunk that was never written is zeros all the same.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bs_impl.h"
#include "cipher.h"

#define MEM_STEP  (1u << 20)
#define MEM_CHUNK (64u << 10)

struct mem_bs {
	struct backstore bs;
	char *mem;
	unsigned char *written; /* per MEM_CHUNK */
	struct cipher *cipher;	/* NULL: plain */
};

static struct mem_bs *to_mem(struct backstore *bs)
{
	return container_of(bs, struct mem_bs, bs);
}

/* Zeros where something was written before, or will be. */
static void store_zeros(struct mem_bs *m, uint64_t off, uint64_t len)
{
	static const char zeros[CIPHER_SECTOR];

	if (!m->cipher) {
		memset(m->mem + off, 0, len);
		return;
	}
	for (uint64_t end = off + len; off < end; off += CIPHER_SECTOR)
		cipher_seal(m->cipher, off, m->mem + off, zeros);
}

/* From here on something is written in this chunk. */
static void mark_chunk(struct mem_bs *m, uint64_t chunk)
{
	uint64_t off = chunk * MEM_CHUNK;

	if (!m->written[chunk] && m->cipher)
		store_zeros(m, off, m->bs.size - off < MEM_CHUNK ? m->bs.size - off : MEM_CHUNK);
	m->written[chunk] = 1;
}

static void mark(struct mem_bs *m, uint64_t off, uint64_t len)
{
	for (uint64_t i = off / MEM_CHUNK; i <= (off + len - 1) / MEM_CHUNK; i++)
		mark_chunk(m, i);
}

/* The next @n bytes of the io's vector from or to @buf; @at and @in say where it stands. */
static void vector_copy(const struct io *io, unsigned *at, size_t *in, char *buf, size_t n)
{
	while (n > 0) {
		struct iovec *v = &io->iov[*at];
		size_t part = v->iov_len - *in < n ? v->iov_len - *in : n;

		assert(*at < io->niov);
		if (part && io->op == IO_READ)
			memcpy((char *)v->iov_base + *in, buf, part);
		else if (part)
			memcpy(buf, (char *)v->iov_base + *in, part);
		buf += part;
		n -= part;
		*in += part;
		if (*in == v->iov_len) {
			*at += 1;
			*in = 0;
		}
	}
}

/* One sector at a time, which the vector may cut in two. */
static void cipher_step(struct mem_bs *m, struct io *io, uint64_t len)
{
	uint64_t off = io->off + io->progress, end = off + len;
	char sector[CIPHER_SECTOR];
	unsigned at = 0;
	size_t in = 0;

	for (; off < end; off += CIPHER_SECTOR) {
		if (io->op == IO_READ && m->written[off / MEM_CHUNK])
			cipher_open(m->cipher, off, sector, m->mem + off);
		else
			memset(sector, 0, sizeof(sector));
		vector_copy(io, &at, &in, sector, sizeof(sector));
		if (io->op == IO_WRITE)
			cipher_seal(m->cipher, off, m->mem + off, sector);
	}
}

static void plain_step(struct mem_bs *m, struct io *io, uint64_t len)
{
	unsigned at = 0;
	size_t in = 0;

	vector_copy(io, &at, &in, m->mem + io->off + io->progress, len);
}

/* Copies the next @len bytes between the io's vector and the memory. */
static void copy_step(struct mem_bs *m, struct io *io, uint64_t len)
{
	if (io->op == IO_WRITE)
		mark(m, io->off + io->progress, len);
	(m->cipher ? cipher_step : plain_step)(m, io, len);
	iov_advance(io->iov, io->niov, len);
}

/* Discarded, whole chunks become holes and give their memory back. */
static void zero_step(struct mem_bs *m, struct io *io, uint64_t len)
{
	uint64_t off = io->off + io->progress, end = off + len;

	while (off < end) {
		uint64_t chunk = off / MEM_CHUNK;
		uint64_t n = (chunk + 1) * MEM_CHUNK - off;

		if (n > end - off)
			n = end - off;
		if (!m->written[chunk]) {
			/* zeros already */
			if (io->op == IO_ZERO)
				mark_chunk(m, chunk);
		} else if (io->op == IO_DISCARD && n == MEM_CHUNK &&
			   madvise(m->mem + off, n, MADV_DONTNEED) == 0) {
			m->written[chunk] = 0;
		} else {
			store_zeros(m, off, n);
		}
		off += n;
	}
}

static void mem_step(struct ring_post *post)
{
	struct io *io = container_of(post, struct io, post);
	struct mem_bs *m = to_mem(io->bs);
	uint64_t len = io->len - io->progress;

	if (io->op == IO_FLUSH || io->op == IO_WILLNEED || io->op == IO_DONTNEED) {
		bs_io_done(io, 0);
		return;
	}
	if (bs_tamper_again(io)) {
		io->retries++;
		bs_io_later(io, 0, mem_step);
		return;
	}
	if (len > MEM_STEP)
		len = MEM_STEP;
	len = bs_tamper_len(&m->bs, len, m->cipher ? CIPHER_SECTOR : 1);
	(io->op == IO_READ || io->op == IO_WRITE ? copy_step : zero_step)(m, io, len);
	io->progress += len;
	io->retries = 0;
	if (io->progress == io->len)
		bs_io_done(io, 0);
	else
		bs_io_later(io, 0, mem_step);
}

static void mem_refuse(struct ring_post *post)
{
	bs_io_done(container_of(post, struct io, post), -EOPNOTSUPP);
}

static void mem_submit(struct backstore *bs, struct io *io)
{
	bs_io_later(io, 0, io->op == IO_CLONE ? mem_refuse : mem_step);
}

static void mem_extents_now(struct ring_post *post)
{
	struct extent_query *q = container_of(post, struct extent_query, post);
	struct mem_bs *m = to_mem(q->bs);
	uint64_t chunk = q->off / MEM_CHUNK, end = q->off + q->len, at = q->off;
	unsigned char written = m->written[chunk];

	while (at < end && m->written[chunk] == written)
		at = ++chunk * MEM_CHUNK;
	q->ret_len = (at < end ? at : end) - q->off;
	q->ret_hole = !written;
	bs_extents_done(q, 0);
}

static void mem_extents(struct backstore *bs, struct extent_query *q)
{
	q->post.fn = mem_extents_now;
	ring_post(bs->env.ring, &q->post);
}

static int mem_close(struct backstore *bs)
{
	struct mem_bs *m = to_mem(bs);

	if (m->mem)
		munmap(m->mem, m->bs.size);
	free(m->written);
	cipher_free(m->cipher);
	bs_done(&m->bs);
	free(m);
	return 0;
}

static int mem_rekey(struct backstore *bs)
{
	return cipher_rekey(to_mem(bs)->cipher);
}

static const struct bs_ops mem_ops = {
	.close = mem_close,
	.submit = mem_submit,
	.extents = mem_extents,
	.rekey = mem_rekey,
};

static int judge_size(const struct bs_config *cfg, char *err, size_t err_cap)
{
	if (!cfg->size)
		return bs_fail(err, err_cap, -EINVAL, "%s: memory needs a size: add size=SIZE",
			       cfg->path);
	if (cfg->size % cfg->block_size)
		return bs_fail(err, err_cap, -EINVAL,
			       "%s: size %llu is not a multiple of the block size %u: round it",
			       cfg->path, (unsigned long long)cfg->size, cfg->block_size);
	if (cfg->size > SIZE_MAX / 2)
		return bs_fail(err, err_cap, -ENOMEM, "%s: size %llu is more than any memory",
			       cfg->path, (unsigned long long)cfg->size);
	return 0;
}

int mem_open(struct backstore **ret, const struct bs_config *cfg, const struct bs_env *env,
	     char *err, size_t err_cap)
{
	struct mem_bs *m;
	void *mem;
	int r = judge_size(cfg, err, err_cap);

	if (r < 0)
		return r;
	m = calloc(1, sizeof(*m));
	if (!m || bs_init(&m->bs, &mem_ops, cfg, env) < 0)
		goto fail;
	m->bs.size = cfg->size;
	m->bs.thin =
		cfg->provisioning == BS_THIN || (cfg->provisioning == BS_AUTO && !cfg->read_only);
	m->bs.granularity = MEM_CHUNK;
	m->bs.encrypted = cfg->encrypt;
	if (cfg->encrypt && cipher_new(&m->cipher) < 0)
		goto fail;
	m->bs.forgets = true;
	m->bs.cached = true;
	mem = mmap(NULL, cfg->size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		goto fail;
	m->mem = mem;
	m->written = calloc(1, (size_t)((cfg->size + MEM_CHUNK - 1) / MEM_CHUNK));
	if (!m->written)
		goto fail;
	*ret = &m->bs;
	return 0;

fail:
	if (m)
		mem_close(&m->bs);
	return bs_fail(err, err_cap, -ENOMEM, "%s: no memory for %llu bytes: give a smaller size",
		       cfg->path, (unsigned long long)cfg->size);
}
