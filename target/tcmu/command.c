/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle_cmd may not block and cannot just say "later": as soon as it has returned,
 * the worker calls the command's done with what it returned, whatever that is.  So
 * an own done is put there and the command held twice: once for that call of the
 * worker's, once for our completion.  Whoever lets go last calls the runner's done
 * with the real status; the command's memory is the runner's again from there.
 */
#include "command.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "iov.h"

struct command {
	struct task task; /* first: see of_task */
	struct device *device;
	struct tcmur_cmd *rc;
	void (*runner_done)(struct tcmu_device *dev, struct tcmur_cmd *rc, int status);
	atomic_int holds;
	int status; /* TCMU_STS_* */
	struct ring_post post;
	struct command *next; /* in the pool */

	/* The data: @len bytes to move, @off of them moved, @at the place of the next. */
	uint64_t len, off;
	struct iov_cursor at;
	struct iovec vec[BS_MAX_IOV];
	/* This piece's data is here, because in the ring it is too scattered. */
	void *bounce;
	struct arena_waiter waiter;
	bool accepted;
};

static struct command *of_task(struct task *task)
{
	return (struct command *)task;
}

/* ---- the pool ---- */

static struct command *take(struct device *d)
{
	struct command *c;

	pthread_mutex_lock(&d->lock);
	d->in_flight++;
	c = d->pool;
	if (c)
		d->pool = c->next;
	pthread_mutex_unlock(&d->lock);
	/* More at once than ever before: LIO's ring sets the limit. */
	return c ? c : malloc(sizeof(*c));
}

/* @d may be gone when this returns; @c NULL: take() had no memory. */
static void put(struct device *d, struct command *c)
{
	pthread_mutex_lock(&d->lock);
	if (c) {
		c->next = d->pool;
		d->pool = c;
	}
	if (--d->in_flight == 0)
		pthread_cond_signal(&d->idle);
	pthread_mutex_unlock(&d->lock);
}

void command_pool_done(struct device *d)
{
	struct command *c;

	while ((c = d->pool)) {
		d->pool = c->next;
		free(c);
	}
}

/* ---- the end ---- */

/*
 * The runner cancels its workers when a device goes, and writing to the ring's file is
 * a place where that may strike: not in the middle of this.
 */
static void let_go(struct command *c)
{
	struct device *d = c->device;
	int old;

	if (atomic_fetch_sub(&c->holds, 1) > 1)
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	c->runner_done(d->tcmu, c->rc, c->status);
	put(d, c);
	pthread_setcancelstate(old, NULL);
}

static void worker_returned(struct tcmu_device *dev, struct tcmur_cmd *rc, int status)
{
	(void)dev;
	(void)status; /* what handle_cmd returned */
	let_go(rc->cmd_state);
}

/* SAM status to the runner's; anything else cannot be said but by sense. */
static int runner_status(const struct task *t, uint8_t sense_buf[TCMU_SENSE_LEN])
{
	static const struct {
		uint8_t sam;
		int status;
	} plain[] = {
		{ SAM_GOOD, TCMU_STS_OK },
		{ SAM_BUSY, TCMU_STS_BUSY },
		{ SAM_TASK_SET_FULL, TCMU_STS_NO_RESOURCE },
	};
	struct sense s = t->sense;

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (plain[i].sam == t->status)
			return plain[i].status;
	if (t->status != SAM_CHECK_CONDITION)
		s = sense_make(KEY_ABORTED_COMMAND, 0);
	memset(sense_buf, 0, TCMU_SENSE_LEN);
	sense_encode(s, t->d_sense, sense_buf, TCMU_SENSE_LEN);
	return TCMU_STS_PASSTHROUGH_ERR;
}

/*
 * The kernel hands the whole buffer to the initiator, however much of it was filled:
 * what an earlier command left there must not go with it.
 */
static void clear_rest(struct command *c, uint64_t valid)
{
	const struct tcmulib_cmd *lib = c->rc->lib_cmd;
	struct iov_cursor rest = iov_cursor(lib->iovec, lib->iov_cnt);

	iov_skip(&rest, valid);
	iov_zero(&rest);
}

static void finish(struct command *c, uint64_t valid)
{
	struct task *t = &c->task;

	c->status = runner_status(t, c->rc->lib_cmd->sense_buf);
	if (!c->accepted || t->dir != DIR_OUT)
		clear_rest(c, t->status == SAM_GOOD ? valid : 0);
	if (c->accepted)
		task_end(t);
	let_go(c);
}

static void refuse(struct command *c, struct sense s)
{
	c->task.status = SAM_CHECK_CONDITION;
	c->task.sense = s;
	finish(c, 0);
}

/* ---- pieces ---- */

static void next_piece(struct command *c);

static void give_back_bounce(struct command *c)
{
	if (c->bounce)
		arena_put(c->device->hub->arena, c->bounce, c->waiter.len);
	c->bounce = NULL;
}

static void piece_done(struct task *t)
{
	struct command *c = of_task(t);

	if (c->bounce && t->status == SAM_GOOD && t->dir == DIR_IN)
		iov_write(&c->at, c->bounce, t->in_len);
	give_back_bounce(c);
	if (t->status == SAM_GOOD && t->split && t->len < c->len - c->off) {
		iov_skip(&c->at, t->len);
		c->off += t->len;
		next_piece(c);
		return;
	}
	finish(c, t->dir == DIR_IN ? c->off + t->in_len : 0);
}

/* A reset, which LIO does not pass on; and the command waits for memory. */
static void aborted(struct task *t)
{
	struct command *c = of_task(t);

	arena_unwait(c->device->hub->arena, &c->waiter);
	t->status = SAM_TASK_ABORTED;
	finish(c, 0);
}

static void submit(struct command *c, uint64_t len, unsigned niov)
{
	struct task *t = &c->task;

	t->data = c->vec;
	t->niov = niov;
	t->data_off = c->off;
	t->len = len;
	lu_submit(t);
}

static void bounce_granted(struct arena_waiter *w, void *mem)
{
	struct command *c = (struct command *)((char *)w - offsetof(struct command, waiter));

	c->bounce = mem;
	if (c->task.dir == DIR_OUT)
		iov_read(&c->at, mem, w->len);
	c->vec[0] = (struct iovec) { .iov_base = mem, .iov_len = w->len };
	submit(c, w->len, 1);
}

static void bounce(struct command *c, uint64_t len)
{
	struct arena *arena = c->device->hub->arena;
	void *mem;

	c->waiter.len = (size_t)len;
	c->waiter.granted = bounce_granted;
	mem = arena_get(arena, c->waiter.len);
	if (mem)
		bounce_granted(&c->waiter, mem);
	else
		arena_wait(arena, &c->waiter);
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * As much as fits one piece: of a split command whole blocks, of others all of it, and
 * in one place.  What is scattered too much for that goes through a bounce.
 */
static void next_piece(struct command *c)
{
	const struct task *t = &c->task;
	uint64_t left = c->len - c->off, len;
	uint32_t block = lu_info(t->lu)->block_size;
	unsigned niov;

	if (!t->split) {
		len = iov_gather(&c->at, left, c->vec, 1, &niov);
		if (len < left)
			bounce(c, left);
		else
			submit(c, len, niov);
		return;
	}
	len = iov_gather(&c->at, min64(left, ARENA_MAX_PIECE), c->vec, BS_MAX_IOV, &niov);
	if (len % block) {
		len -= len % block;
		len = iov_gather(&c->at, len, c->vec, BS_MAX_IOV, &niov);
	}
	if (len == 0 && left > 0)
		bounce(c, min64(left, TASK_MAX_PARAM));
	else
		submit(c, len, niov);
}

/* ---- the beginning, on the home thread ---- */

static void begin(struct command *c)
{
	const struct tcmulib_cmd *lib = c->rc->lib_cmd;
	struct hub *hub = c->device->hub;
	struct task *t = &c->task;
	uint64_t room;

	device_name(c->device);
	t->nexus = &hub->nexus;
	t->tag = lib->cmd_id;
	t->cdb_len = (uint8_t)scsi_cdb_len(lib->cdb[0]);
	if (t->cdb_len == 0) /* libtcmu passes at least as much, and none is known to us */
		t->cdb_len = 1;
	memcpy(t->cdb, lib->cdb, t->cdb_len);
	t->done = piece_done;
	t->on_abort = aborted;
	c->at = iov_cursor(lib->iovec, lib->iov_cnt);
	c->accepted = target_accept(hub->target, scsi_lun_encode(c->device->lun), t);
	if (!c->accepted) {
		finish(c, 0);
		return;
	}
	room = t->dir == DIR_NONE ? 0 : iov_left(&c->at);
	if (((t->split || t->whole) && t->dir == DIR_OUT && room < t->data_len) ||
	    (t->whole && t->data_len == 0 && iov_left(&c->at) > 0)) {
		/* The CDB says something else than was sent: not a byte of it is written. */
		refuse(c, sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB));
		return;
	}
	/* As behind odxd: a parameter list may be shorter, but is there; a block is one. */
	if (t->dir == DIR_OUT && room != t->data_len && (t->whole || (!t->split && room == 0))) {
		refuse(c, sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_COMMAND_IU));
		return;
	}
	if (t->split)
		room -= room % lu_info(t->lu)->block_size;
	c->len = min64(room, t->data_len);
	next_piece(c);
}

static void posted(struct ring_post *post)
{
	begin((struct command *)((char *)post - offsetof(struct command, post)));
}

int command_start(struct device *d, struct tcmur_cmd *rc)
{
	struct command *c;
	int old;

	/* See let_go: a worker that ends here would leave the command for ever. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	device_ask(d);
	c = take(d);
	if (c) {
		memset(c, 0, sizeof(*c));
		c->device = d;
		c->rc = rc;
		c->runner_done = rc->done;
		atomic_init(&c->holds, 2);
		rc->cmd_state = c;
		rc->done = worker_returned;
		c->post.fn = posted;
		ring_post(d->hub->env.ring, &c->post);
	} else {
		put(d, NULL);
	}
	pthread_setcancelstate(old, NULL);
	return c ? TCMU_STS_ASYNC_HANDLED : TCMU_STS_NO_RESOURCE;
}
