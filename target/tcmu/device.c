/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "lio.h"
#include "log.h"
#include "wwn.h"

#define REPORT_NS 60000000000ull

/* ---- the log ---- */

static void report(struct device *d, const struct lu_stats *s)
{
	if (s->populate_tokens == d->reported.populate_tokens &&
	    s->writes_using_token == d->reported.writes_using_token)
		return;
	log_info("%s: %" PRIu64 " tokens asked for, %" PRIu64 " writes by token (%" PRIu64
		 " in part), %" PRIu64 " MiB written by token; %" PRIu64 " MiB read and %" PRIu64
		 " MiB written by initiators",
		 d->path, s->populate_tokens, s->writes_using_token, s->partial,
		 s->bytes_offloaded >> 20, s->bytes_read >> 20, s->bytes_written >> 20);
	d->reported = *s;
}

static void report_due(struct ring_timer *timer)
{
	struct device *d = (struct device *)((char *)timer - offsetof(struct device, report));

	report(d, lu_stats(target_lu(d->hub->target, d->lun)));
	ring_timer_set(d->hub->env.ring, &d->report, REPORT_NS);
}

/* ---- opening ---- */

/* The logical unit comes into the target; on the home thread. */
struct joining {
	struct hub_call call;
	struct device *device;
	struct backstore *bs;
	struct lu_config cfg;
	int res;
	char *err;
	size_t cap;
};

static void join(struct hub_call *call)
{
	struct joining *j = (struct joining *)call;
	struct device *d = j->device;
	uint16_t lun = 0;

	/* -EEXIST: taken, or about to be free. */
	do {
		j->cfg.lun = lun;
		j->res = target_add_lu(call->hub->target, j->bs, &j->cfg, j->err, j->cap);
	} while (j->res == -EEXIST && ++lun < TARGET_MAX_LUNS);
	if (j->res == 0) {
		d->lun = lun;
		d->report.fn = report_due;
		ring_timer_set(call->hub->env.ring, &d->report, REPORT_NS);
	}
	hub_over(call);
}

/* What LIO says of the device that cfgstring does not. */
struct lio_device {
	uint32_t block_size;
	uint64_t size;
};

static int ask_lio(struct tcmu_device *tcmu, struct lio_device *ret, char *err, size_t cap)
{
	uint32_t block_size = tcmu_dev_get_block_size(tcmu);
	uint64_t size;

	if (__builtin_mul_overflow(tcmu_dev_get_num_lbas(tcmu), (uint64_t)block_size, &size) ||
	    size == 0) {
		snprintf(err, cap, "it has no size: give size= to targetcli");
		return -EINVAL;
	}
	*ret = (struct lio_device) { .block_size = block_size, .size = size };
	return 0;
}

static int judge(const struct config_lun *lun, const struct lio_device *lio, char *err, size_t cap)
{
	if (lun->block_size != lio->block_size) {
		snprintf(err, cap,
			 "block-size=%u, but LIO has blocks of %u bytes: give targetcli "
			 "control=hw_block_size=%u as well, or leave out block-size",
			 lun->block_size, lio->block_size, lun->block_size);
		return -EINVAL;
	}
	if (lun->size && lun->size != lio->size) {
		snprintf(err, cap,
			 "size=%" PRIu64 " in cfgstring, but LIO has %" PRIu64
			 " bytes: leave it out of cfgstring",
			 lun->size, lio->size);
		return -EINVAL;
	}
	return 0;
}

static int open_lun(struct device *d, const struct config_lun *lun, const struct lio_device *lio,
		    char *err, size_t cap)
{
	struct bs_config store = config_lun_store(lun);
	char stand_in[WWN_STAND_IN_LEN + 1];
	struct joining j = {
		.call.fn = join,
		.device = d,
		.cfg = config_lun_unit(lun),
		.err = err,
		.cap = cap,
	};
	int res;

	store.size = lio->size;
	wwn_stand_in(lun->path, stand_in);
	j.cfg.serial = stand_in;
	j.cfg.naa_len = WWN_NAA_LEN;
	j.cfg.write_through = !lio_write_cache(d->tcmu);
	j.cfg.max_transfer_blocks = tcmu_dev_get_max_xfer_len(d->tcmu);
	wwn_naa(stand_in, j.cfg.naa);
	res = bs_open(&j.bs, &store, target_bs_env(d->hub->target), err, cap);
	if (res < 0)
		return res;
	hub_call(d->hub, &j.call);
	if (j.res < 0)
		bs_close(j.bs);
	return j.res;
}

static void free_device(struct device *d)
{
	command_pool_done(d);
	pthread_cond_destroy(&d->idle);
	pthread_mutex_destroy(&d->lock);
	free(d->serial);
	free(d->path);
	free(d);
}

static int make(struct device **ret, struct tcmu_device *tcmu, const struct config_lun *lun,
		const struct lio_device *lio, char *err, size_t cap)
{
	struct device *d = calloc(1, sizeof(*d));
	int res;

	if (!d) {
		snprintf(err, cap, "out of memory");
		return -ENOMEM;
	}
	d->tcmu = tcmu;
	d->path = strdup(lun->path);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->idle, NULL);
	if (!d->path) {
		snprintf(err, cap, "out of memory");
		res = -ENOMEM;
		goto fail;
	}
	res = hub_get(&d->hub, err, cap);
	if (res < 0)
		goto fail;
	res = open_lun(d, lun, lio, err, cap);
	if (res < 0) {
		hub_put(d->hub);
		goto fail;
	}
	*ret = d;
	return 0;
fail:
	free_device(d);
	return res;
}

int device_open(struct device **ret, struct tcmu_device *tcmu, char *err, size_t err_cap)
{
	struct lio_device lio;
	struct config_lun lun;
	int res = ask_lio(tcmu, &lio, err, err_cap);

	if (res < 0)
		return res;
	config_lun_init(&lun);
	lun.block_size = lio.block_size;
	res = device_options(&lun, tcmu_dev_get_cfgstring(tcmu), err, err_cap);
	if (res == 0)
		res = judge(&lun, &lio, err, err_cap);
	if (res == 0)
		res = make(ret, tcmu, &lun, &lio, err, err_cap);
	config_lun_done(&lun);
	return res;
}

/* ---- the name ---- */

void device_ask(struct device *d)
{
	if (d->asked)
		return;
	d->asked = true;
	d->serial = tcmu_cfgfs_dev_get_wwn(d->tcmu);
}

void device_name(struct device *d)
{
	uint8_t naa[WWN_NAA_LEN];

	if (d->named)
		return;
	d->named = true;
	if (!d->serial || !wwn_naa(d->serial, naa)) {
		log_warn("%s: LIO has no unit serial for it, so its name is made from its path: "
			 "give it a wwn",
			 d->path);
		return;
	}
	target_name_lu(d->hub->target, d->lun, d->serial, naa, sizeof(naa));
}

/* ---- closing ---- */

struct leaving {
	struct hub_call call;
	struct device *device;
	struct target_removal removal;
	int res;
};

static void left(struct target_removal *removal, int err)
{
	struct leaving *l = (struct leaving *)((char *)removal - offsetof(struct leaving, removal));

	l->res = err;
	hub_over(&l->call);
}

static void leave(struct hub_call *call)
{
	struct leaving *l = (struct leaving *)call;
	struct device *d = l->device;

	ring_timer_cancel(call->hub->env.ring, &d->report);
	report(d, lu_stats(target_lu(call->hub->target, d->lun)));
	l->removal.lun = d->lun;
	l->removal.done = left;
	target_remove_lu(call->hub->target, &l->removal);
}

int device_close(struct device *d)
{
	struct leaving l = { .call.fn = leave, .device = d };

	pthread_mutex_lock(&d->lock);
	while (d->in_flight > 0)
		pthread_cond_wait(&d->idle, &d->lock);
	pthread_mutex_unlock(&d->lock);
	hub_call(d->hub, &l.call);
	hub_put(d->hub);
	free_device(d);
	return l.res;
}

/* ---- a new size ---- */

struct resizing {
	struct hub_call call;
	struct device *device;
	uint64_t size;
	int res;
	char *err;
	size_t cap;
};

static void resize(struct hub_call *call)
{
	struct resizing *r = (struct resizing *)call;

	r->res = target_grow_lu(call->hub->target, r->device->lun, r->size, r->err, r->cap);
	hub_over(call);
}

int device_resize(struct device *d, uint64_t size, char *err, size_t err_cap)
{
	struct resizing r = {
		.call.fn = resize, .device = d, .size = size, .err = err, .cap = err_cap
	};

	hub_call(d->hub, &r.call);
	return r.res;
}

/* ---- the write cache ---- */

struct caching {
	struct hub_call call;
	struct device *device;
	bool on;
	struct io flush;
	int res;
};

static void flushed(struct io *io, int res)
{
	struct caching *c = (struct caching *)((char *)io - offsetof(struct caching, flush));

	c->res = res;
	hub_over(&c->call);
}

/* First off, then flushed: a WRITE in between has its own FUA. */
static void set_cache(struct hub_call *call)
{
	struct caching *c = (struct caching *)call;
	struct target *target = call->hub->target;

	target_set_write_cache(target, c->device->lun, c->on);
	if (c->on) {
		hub_over(call);
		return;
	}
	c->flush = (struct io) { .op = IO_FLUSH, .done = flushed };
	bs_submit(lu_backstore(target_lu(target, c->device->lun)), &c->flush);
}

int device_set_write_cache(struct device *d, bool on)
{
	struct caching c = { .call.fn = set_cache, .device = d, .on = on };

	hub_call(d->hub, &c.call);
	return c.res;
}
