/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS	8	   /* transfers in flight */
#define CHUNK	(1u << 20) /* bytes of each       */
#define RETRIES 8	   /* several unit attentions may be due */

enum slot_state { IDLE, READING, WRITING };

/* One transfer: a READ and the WRITE after it, or two READs to compare. */
struct slot {
	enum slot_state state;
	uint64_t off; /* from src_off, dst_off */
	uint32_t len;
	unsigned retries;
	uint8_t *buf[2]; /* [0] source, [1] destination when comparing */
	struct initiator_cmd cmd[2];
};

struct pipe_state {
	const struct stream *s;
	bool compare;
	uint32_t chunk;
	uint64_t next, done;
	uint64_t first_diff;
	bool stop;
	uint64_t error_off; /* of the first failure in disk order */
	char *err;
	struct slot slots[SLOTS];
};

uint32_t stream_chunk(const struct disk *src, const struct disk *dst)
{
	const struct disk *d[2] = { src, dst };
	uint32_t chunk = CHUNK, unit = 1;

	for (unsigned i = 0; i < 2; i++) {
		uint32_t bs = d[i]->capacity.block_size;
		uint64_t max = (uint64_t)d[i]->block_limits.max_transfer_blocks * bs;

		if (bs > unit)
			unit = bs;
		if (max && max < chunk)
			chunk = (uint32_t)max;
	}
	return chunk < unit ? unit : chunk - chunk % unit;
}

static void submit(const struct pipe_state *p, struct slot *slot, unsigned side, bool write)
{
	struct disk *d = side ? p->s->dst : p->s->src;
	uint32_t bs = d->capacity.block_size;
	uint64_t lba = (slot->off + (side ? p->s->dst_off : p->s->src_off)) / bs;
	uint8_t *buf = slot->buf[write ? 0 : side];

	slot->cmd[side] = write ? disk_write_cmd(lba, slot->len / bs, buf, slot->len)
				: disk_read_cmd(lba, slot->len / bs, buf, slot->len);
	initiator_submit(d->in, d->lun, &slot->cmd[side]);
}

static void start(struct pipe_state *p, struct slot *slot)
{
	uint64_t left = p->s->len - p->next;

	if (p->stop || left == 0)
		return;
	slot->off = p->next;
	slot->len = left < p->chunk ? (uint32_t)left : p->chunk;
	slot->retries = RETRIES;
	slot->state = READING;
	p->next += slot->len;
	slot->cmd[1].busy = false;
	submit(p, slot, 0, false);
	if (p->compare)
		submit(p, slot, 1, false);
}

static void failed(struct pipe_state *p, struct slot *slot, const char *what,
		   const struct initiator_cmd *cmd)
{
	char text[160];

	slot->state = IDLE;
	if (!p->stop || slot->off < p->error_off) {
		snprintf(p->err, INITIATOR_ERR, "%s at byte %" PRIu64 " failed: %s", what,
			 slot->off + (cmd == &slot->cmd[1] ? p->s->dst_off : p->s->src_off),
			 disk_error_text(cmd, text, sizeof(text)));
		p->error_off = slot->off;
	}
	p->stop = true;
}

/* Looks at an answer: true when it is good; else it was sent again, or all is over. */
static bool settle(struct pipe_state *p, struct slot *slot, unsigned side, bool write)
{
	struct initiator_cmd *cmd = &slot->cmd[side];
	unsigned delay_ms;
	enum disk_verdict v = disk_judge(cmd, &delay_ms);

	if (v == DISK_GOOD && (write || cmd->in_len == slot->len))
		return true;
	if (v == DISK_RETRY && !cmd->error && slot->retries > 0) {
		slot->retries--;
		usleep(delay_ms * 1000);
		submit(p, slot, side, write);
		return false;
	}
	failed(p, slot,
	       write  ? "writing the destination"
	       : side ? "reading the destination"
		      : "reading the source",
	       cmd);
	return false;
}

static void finished(struct pipe_state *p, struct slot *slot)
{
	p->done += slot->len;
	slot->state = IDLE;
	if (p->s->progress)
		p->s->progress(p->s->ctx, slot->len);
}

static void compare(struct pipe_state *p, struct slot *slot)
{
	uint32_t i = 0;

	if (memcmp(slot->buf[0], slot->buf[1], slot->len) != 0) {
		while (slot->buf[0][i] == slot->buf[1][i])
			i++;
		if (slot->off + i < p->first_diff)
			p->first_diff = slot->off + i;
		/* Transfers before this one are under way already: the first wins. */
		p->stop = true;
		p->error_off = 0;
	}
	finished(p, slot);
}

/* Takes one slot as far as it goes without waiting. */
static void step(struct pipe_state *p, struct slot *slot)
{
	if (slot->state == IDLE)
		start(p, slot);
	if (slot->state == IDLE || slot->cmd[0].busy || slot->cmd[1].busy)
		return;
	if (slot->state == WRITING) {
		if (settle(p, slot, 1, true))
			finished(p, slot);
		return;
	}
	if (!settle(p, slot, 0, false))
		return;
	if (!p->compare) {
		slot->state = WRITING;
		submit(p, slot, 1, true);
	} else if (settle(p, slot, 1, false)) {
		compare(p, slot);
	}
}

static bool all_idle(const struct pipe_state *p)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (p->slots[i].state != IDLE)
			return false;
	return true;
}

static int run(struct pipe_state *p)
{
	struct initiator *const both[2] = { p->s->src->in, p->s->dst->in };
	int ret = 0;

	p->chunk = stream_chunk(p->s->src, p->s->dst);
	p->first_diff = STREAM_SAME;
	p->err[0] = '\0';
	for (unsigned i = 0; i < SLOTS && ret == 0; i++)
		for (unsigned side = 0; side < 2; side++) {
			p->slots[i].buf[side] = malloc(p->chunk);
			if (!p->slots[i].buf[side])
				ret = -ENOMEM;
		}
	if (ret)
		snprintf(p->err, INITIATOR_ERR, "out of memory");
	while (ret == 0) {
		for (unsigned i = 0; i < SLOTS; i++)
			step(p, &p->slots[i]);
		if (all_idle(p) && (p->stop || p->next == p->s->len))
			break;
		initiator_poll(both, 2, -1);
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		free(p->slots[i].buf[0]);
		free(p->slots[i].buf[1]);
	}
	if (ret == 0 && p->err[0])
		ret = -EIO;
	return ret;
}

int stream_copy(const struct stream *s, uint64_t *ret_done, char *err)
{
	struct pipe_state p = { .s = s, .err = err };
	int ret = run(&p);

	*ret_done = p.done;
	return ret;
}

int stream_compare(const struct stream *s, uint64_t *ret_first, char *err)
{
	struct pipe_state p = { .s = s, .compare = true, .err = err };
	int ret = run(&p);

	if (ret == 0)
		*ret_first = p.first_diff;
	return ret;
}
