/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io: READs and WRITEs.  lun, start and span (the part of the LUN), bs, depth (of each
 * session), sessions, reads (percent), pattern, and seconds or ops.  Patterns:
 *
 *   random   any block
 *   seq      each session through its own part, on and on
 *   once     the first block of every stride, each once, in an order without pattern
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct io_step {
	struct step step;
	uint64_t start, slots; /* bytes; of slot bytes each */
	uint32_t bs, slot;
	unsigned reads, sessions;
	bool seq;
	uint32_t *order; /* once */
	uint64_t *cursors;
	struct hist lat[2]; /* read, write */
};

static uint64_t slot_of(struct lane *lane, struct io_step *io)
{
	uint64_t part;

	if (io->order)
		return io->order[(io->step.issued - 1) % io->slots];
	if (!io->seq)
		return lane_random(lane) % io->slots;
	part = io->slots / io->sessions;
	return lane->session * part + io->cursors[lane->session]++ % part;
}

static bool io_next(struct lane *lane)
{
	struct io_step *io = lane->step->ctx;
	uint32_t block = lane->disk->capacity.block_size;
	uint64_t lba;
	bool read;

	if (!step_more(lane->step))
		return false;
	read = io->reads == 100 || (io->reads && lane_random(lane) % 100 < io->reads);
	lba = (io->start + slot_of(lane, io) * io->slot) / block;
	lane->cmd = read ? disk_read_cmd(lba, io->bs / block, lane->buf, io->bs)
			 : disk_write_cmd(lba, io->bs / block, lane->buf, io->bs);
	return true;
}

static void io_ended(struct lane *lane, uint64_t ns)
{
	struct io_step *io = lane->step->ctx;

	hist_add(&io->lat[lane->cmd.dir == DIR_OUT], ns);
}

/* 0 to n-1, shuffled, the same each time. */
static uint32_t *shuffled(uint64_t n)
{
	struct lane dice = { .random = 88172645463325252ull };
	uint32_t *v = calloc(n, sizeof(*v));

	for (uint64_t i = 0; v && i < n; i++) {
		uint64_t j = lane_random(&dice) % (i + 1);

		v[i] = v[j];
		v[j] = (uint32_t)i;
	}
	return v;
}

static bool io_fits(struct io_step *io, uint64_t span)
{
	const struct disk *d = io->step.lanes[0].disk;
	uint32_t block = d->capacity.block_size;

	if (span == 0 && disk_bytes(d) > io->start)
		span = disk_bytes(d) - io->start;
	if (io->bs < block || io->bs % block || io->slot < io->bs || io->slot % block ||
	    io->start + span > disk_bytes(d) || span / io->slot < io->sessions ||
	    span / io->slot > UINT32_MAX) {
		step_fail(&io->step, "bs, stride, start and span do not fit the LUN");
		return false;
	}
	io->slots = span / io->slot;
	return true;
}

static json_t *io_answer(struct io_step *io, uint64_t ns)
{
	uint64_t ops = io->lat[0].n + io->lat[1].n;
	double seconds = (double)ns / 1e9;
	json_t *o = json_pack("{s:I, s:f, s:f, s:I, s:I}", "ops", (json_int_t)ops, "seconds",
			      seconds, "iops", (double)ops / seconds, "bytes",
			      (json_int_t)(ops * io->bs), "retries", (json_int_t)io->step.retries);

	if (io->lat[0].n)
		json_object_set_new(o, "read", hist_json(&io->lat[0]));
	if (io->lat[1].n)
		json_object_set_new(o, "write", hist_json(&io->lat[1]));
	return o;
}

json_t *load_io(struct load *l, struct args *a, char *err)
{
	static struct io_step io;
	struct step *s = &io.step;
	const char *pattern = args_word(a, "pattern", "random");
	uint64_t cursors[LOAD_MAX_SESSIONS] = { 0 }, ns;
	uint64_t span = args_size(a, "span", 0);
	json_t *answer = NULL;

	memset(&io, 0, sizeof(io));
	s->ctx = &io;
	s->next = io_next;
	s->ended = io_ended;
	s->limit = args_size(a, "ops", 0);
	s->until = (uint64_t)(args_real(a, "seconds", s->limit ? 0 : 1) * 1e9);
	io.bs = (uint32_t)args_size(a, "bs", 4096);
	io.slot = (uint32_t)args_size(a, "stride", io.bs);
	io.start = args_size(a, "start", 0);
	io.reads = (unsigned)args_size(a, "reads", 100);
	io.sessions = (unsigned)args_size(a, "sessions", l->sessions);
	io.seq = strcmp(pattern, "seq") == 0;
	io.cursors = cursors;
	if (lanes_init(s, l, io.sessions, (unsigned)args_size(a, "depth", 1),
		       (unsigned)args_size(a, "lun", 0), io.bs) &&
	    io_fits(&io, span)) {
		if (strcmp(pattern, "once") == 0) {
			io.order = shuffled(io.slots);
			s->limit = io.slots;
			s->until = 0;
			if (!io.order)
				step_fail(s, "out of memory");
		}
		if (lanes_run(s, &ns))
			answer = io_answer(&io, ns);
	}
	free(io.order);
	lanes_done(s);
	if (!answer)
		memcpy(err, s->err, sizeof(s->err));
	return answer;
}
