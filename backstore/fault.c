/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each transfer gets a second io, sent to the wrapped backstore after the delay
 * that the SPEC asks for, or not at all when it is to fail.
 */
#include "fault.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bs_impl.h"

#define NS_PER_MS 1000000u

struct fault_io {
	struct io io; /* for the inner backstore */
	struct io *outer;
	struct fault_io *next_free;
};

/* The numbers of one SPEC; 0 (or a length of 0) is "not asked for". */
struct fault_params {
	uint64_t read_delay, write_delay, flush_delay; /* ms */
	uint64_t rate;				       /* bytes per second */
	uint64_t read_error[2], write_error[2];	       /* off, len */
	uint64_t flush_error;
	uint64_t enospc[2]; /* bytes; [1]: was given at all */
	uint64_t short_every, again_every, clone_every;
};

struct fault_bs {
	struct backstore bs;
	struct backstore *inner;
	struct fault_params p;
	uint64_t line_free; /* rate: when the line has passed all that came so far */
	uint64_t written;   /* enospc: accepted so far */
	struct fault_io *free;
};

static struct fault_bs *to_fault(struct backstore *bs)
{
	return container_of(bs, struct fault_bs, bs);
}

static void inner_done(struct io *io, int res)
{
	struct fault_io *fio = container_of(io, struct fault_io, io);
	struct io *outer = fio->outer;
	struct fault_bs *f = to_fault(outer->bs);

	fio->next_free = f->free;
	f->free = fio;
	bs_io_done(outer, res);
}

static void pass_on(struct fault_bs *f, struct fault_io *fio)
{
	const struct io *outer = fio->outer;

	fio->io = (struct io) {
		.op = outer->op,
		.flags = outer->flags,
		.off = outer->off,
		.len = outer->len,
		.iov = outer->iov,
		.niov = outer->niov,
		.clone_fd = outer->clone_fd,
		.clone_off = outer->clone_off,
		.done = inner_done,
	};
	bs_submit(f->inner, &fio->io);
}

static void delay_over(struct ring_timer *timer)
{
	struct io *io = container_of(timer, struct io, timer);
	struct fault_bs *f = to_fault(io->bs);
	struct fault_io *fio = io->kind;

	if (io->res == 0) {
		pass_on(f, fio);
		return;
	}
	fio->next_free = f->free;
	f->free = fio;
	bs_io_done(io, io->res);
}

static bool touches(const struct io *io, const uint64_t range[2])
{
	struct byte_range mine = { .off = io->off, .len = io->len };
	struct byte_range bad = { .off = range[0], .len = range[1] };

	return range_overlap(mine, bad);
}

static bool is_hint(const struct io *io)
{
	return io->op == IO_WILLNEED || io->op == IO_DONTNEED;
}

/* The error that @io is to end with, or 0. */
static int injected(struct fault_bs *f, const struct io *io)
{
	const struct fault_params *p = &f->p;

	if (io->op == IO_FLUSH)
		return p->flush_error ? -EIO : 0;
	if (is_hint(io))
		return 0;
	if (touches(io, io->op == IO_READ ? p->read_error : p->write_error))
		return -EIO;
	if (io->op == IO_READ || io->op == IO_DISCARD || !p->enospc[1])
		return 0;
	if (io->len > p->enospc[0] || f->written > p->enospc[0] - io->len)
		return -ENOSPC;
	f->written += io->len;
	return 0;
}

/* How long @io is held up, in ns. */
static uint64_t held_up(struct fault_bs *f, const struct io *io)
{
	const struct fault_params *p = &f->p;
	const uint64_t delays[] = {
		[IO_READ] = p->read_delay,   [IO_WRITE] = p->write_delay,
		[IO_ZERO] = p->write_delay,  [IO_DISCARD] = p->write_delay,
		[IO_FLUSH] = p->flush_delay, [IO_WILLNEED] = 0,
		[IO_DONTNEED] = 0,	     [IO_CLONE] = p->write_delay,
	};
	uint64_t delay = delays[io->op] * NS_PER_MS;
	uint64_t now = ring_now(f->bs.env.ring);

	if (!p->rate || io->op == IO_FLUSH || is_hint(io))
		return delay;
	if (f->line_free < now)
		f->line_free = now;
	f->line_free += (uint64_t)((double)io->len * 1e9 / (double)p->rate);
	return f->line_free - now + delay;
}

static void fail_now(struct ring_post *post)
{
	struct io *io = container_of(post, struct io, post);

	bs_io_done(io, io->res);
}

static void fault_submit(struct backstore *bs, struct io *io)
{
	struct fault_bs *f = to_fault(bs);
	struct fault_io *fio = f->free;
	uint64_t delay;

	if (fio)
		f->free = fio->next_free;
	else
		fio = malloc(sizeof(*fio));
	if (!fio) {
		bs_io_later(io, -ENOMEM, fail_now);
		return;
	}
	fio->outer = io;
	io->kind = fio;
	io->res = injected(f, io);
	delay = held_up(f, io);
	if (io->res == 0 && delay == 0) {
		pass_on(f, fio);
		return;
	}
	io->timer.fn = delay_over;
	ring_timer_set(bs->env.ring, &io->timer, delay);
}

/* The question itself moves on to the inner backstore and ends there. */
static void fault_extents(struct backstore *bs, struct extent_query *q)
{
	bs->in_flight--;
	bs_extents(to_fault(bs)->inner, q);
}

static int fault_check(struct backstore *bs)
{
	return bs_check(to_fault(bs)->inner);
}

static bool fault_file(struct backstore *bs, struct bs_file *ret)
{
	struct backstore *inner = to_fault(bs)->inner;

	return inner->ops->file && inner->ops->file(inner, ret);
}

static void fault_free(struct fault_bs *f)
{
	while (f->free) {
		struct fault_io *fio = f->free;

		f->free = fio->next_free;
		free(fio);
	}
	free(f);
}

static int fault_close(struct backstore *bs)
{
	struct fault_bs *f = to_fault(bs);
	int r = bs_close(f->inner);

	bs_done(bs);
	fault_free(f);
	return r;
}

static int fault_rekey(struct backstore *bs)
{
	return bs_rekey(to_fault(bs)->inner);
}

static const struct bs_ops fault_ops = {
	.close = fault_close,
	.submit = fault_submit,
	.extents = fault_extents,
	.check = fault_check,
	.file = fault_file,
	.rekey = fault_rekey,
};

/* The words of a SPEC: how many numbers follow, and where they go. */
static const struct {
	const char *name;
	unsigned numbers;
	size_t at;
	bool nonzero;
} words[] = {
	{ "read-delay", 1, offsetof(struct fault_params, read_delay), false },
	{ "write-delay", 1, offsetof(struct fault_params, write_delay), false },
	{ "flush-delay", 1, offsetof(struct fault_params, flush_delay), false },
	{ "rate", 1, offsetof(struct fault_params, rate), true },
	{ "read-error", 2, offsetof(struct fault_params, read_error), false },
	{ "write-error", 2, offsetof(struct fault_params, write_error), false },
	{ "flush-error", 0, offsetof(struct fault_params, flush_error), false },
	{ "enospc", 1, offsetof(struct fault_params, enospc), false },
	{ "short", 1, offsetof(struct fault_params, short_every), true },
	{ "clone-error", 1, offsetof(struct fault_params, clone_every), true },
	{ "again", 1, offsetof(struct fault_params, again_every), true },
};

/* Decimal with an optional K, M or G; false when it is none or too large. */
static bool parse_number(const char *text, size_t len, uint64_t *ret)
{
	static const char suffixes[] = "KMG";
	const char *suffix = len ? strchr(suffixes, text[len - 1]) : NULL;
	uint64_t n = 0;

	if (suffix)
		len--;
	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(text[i] - '0'), &n))
			return false;
	}
	if (suffix && __builtin_mul_overflow(n, 1ull << (10 * (suffix - suffixes + 1)), &n))
		return false;
	if (n > INT64_MAX)
		return false;
	*ret = n;
	return true;
}

static bool parse_word(const char *word, size_t len, struct fault_params *p)
{
	size_t name_len = strcspn(word, ":+");
	uint64_t *to;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *at = word + name_len, *end = word + len;

		if (strlen(words[i].name) != name_len || memcmp(words[i].name, word, name_len))
			continue;
		to = (uint64_t *)((char *)p + words[i].at);
		for (unsigned k = 0; k < words[i].numbers; k++) {
			size_t n;

			if (at == end)
				return false;
			n = strcspn(++at, ":+");
			if (!parse_number(at, n, &to[k]) || (words[i].nonzero && !to[k]))
				return false;
			at += n;
		}
		if (to == p->enospc)
			p->enospc[1] = 1;
		if (words[i].numbers == 0)
			*to = 1;
		return at == end;
	}
	return false;
}

static bool parse(const char *spec, struct fault_params *p, char *err, size_t cap)
{
	for (;;) {
		size_t len = strcspn(spec, "+");

		if (!parse_word(spec, len, p)) {
			bs_fail(err, cap, 0, "fault injection: cannot understand \"%.*s\"",
				(int)len, spec);
			return false;
		}
		if (!spec[len])
			return true;
		spec += len + 1;
	}
}

int fault_wrap(struct backstore **ret, struct backstore *inner, const char *spec, char *err,
	       size_t err_cap)
{
	struct bs_config cfg = {
		.path = bs_path(inner),
		.read_only = bs_read_only(inner),
		.block_size = bs_physical_block(inner),
	};
	struct fault_params p = { 0 };
	struct fault_bs *f;

	if (!parse(spec, &p, err, err_cap))
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f || bs_init(&f->bs, &fault_ops, &cfg, &inner->env) < 0) {
		free(f);
		return bs_fail(err, err_cap, -ENOMEM, "%s: out of memory", cfg.path);
	}
	f->bs.size = bs_size(inner);
	f->bs.thin = bs_thin(inner);
	f->bs.encrypted = bs_encrypted(inner);
	f->bs.granularity = bs_discard_granularity(inner);
	f->bs.forgets = bs_forgets(inner);
	f->bs.cached = inner->cached;
	f->inner = inner;
	f->p = p;
	f->bs.clone_every = (unsigned)p.clone_every;
	inner->short_every = (unsigned)p.short_every;
	inner->again_every = (unsigned)p.again_every;
	*ret = &f->bs;
	return 0;
}
