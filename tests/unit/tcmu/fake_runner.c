/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_runner.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

static struct tcmur_handler *handler;

/* A command while it is the runner's. */
struct ring_cmd {
	struct tcmur_cmd rc; /* first: see ring_done */
	struct tcmulib_cmd lib;
	uint8_t cdb[16];
	struct fake_cmd *owner;
	STAILQ_ENTRY(ring_cmd) link;
	struct iovec iov[];
};

struct tcmu_device {
	struct fake_config cfg;
	char cfgstring[256];
	uint64_t num_lbas;
	void *priv;
	pthread_t worker;

	pthread_mutex_t lock; /* of what follows, and of the ends of the commands */
	pthread_cond_t changed;
	STAILQ_HEAD(, ring_cmd) queue;
	bool handing; /* the worker has one in its hands */
	unsigned running;
	bool lazy, gate, held;
};

/* ---- what a handler finds in the runner and in libtcmu ---- */

int tcmur_register_handler(struct tcmur_handler *h)
{
	handler = h;
	return 0;
}

void *tcmur_dev_get_private(struct tcmu_device *dev)
{
	return dev->priv;
}

void tcmur_dev_set_private(struct tcmu_device *dev, void *priv)
{
	dev->priv = priv;
}

char *tcmu_dev_get_cfgstring(struct tcmu_device *dev)
{
	return dev->cfgstring;
}

uint64_t tcmu_dev_get_num_lbas(struct tcmu_device *dev)
{
	return dev->num_lbas;
}

uint32_t tcmu_dev_get_block_size(struct tcmu_device *dev)
{
	return dev->cfg.block_size;
}

uint32_t tcmu_dev_get_max_xfer_len(struct tcmu_device *dev)
{
	return dev->cfg.max_sectors;
}

/* There is no such directory in /sys/class/uio. */
char *tcmu_dev_get_uio_name(struct tcmu_device *dev)
{
	(void)dev;
	return (char *)"fake";
}

char *tcmu_cfgfs_dev_get_wwn(struct tcmu_device *dev)
{
	return dev->cfg.serial ? strdup(dev->cfg.serial) : NULL;
}

/* The log: kept off the tests' output but for what went wrong. */
#define MESSAGE(level, shown)                                                            \
	void tcmu_##level##_message(struct tcmu_device *dev, const char *func, int line, \
				    const char *fmt, ...)                                \
	{                                                                                \
		va_list ap;                                                              \
                                                                                         \
		(void)dev;                                                               \
		if (!(shown))                                                            \
			return;                                                          \
		fprintf(stderr, "%s:%d: ", func, line);                                  \
		va_start(ap, fmt);                                                       \
		vfprintf(stderr, fmt, ap);                                               \
		va_end(ap);                                                              \
	}
MESSAGE(err, true)
MESSAGE(warn, true)
MESSAGE(info, false)
MESSAGE(dbg, false)

/* ---- commands ---- */

/* The end of a command, on any thread; its memory goes. */
static void ring_done(struct tcmu_device *dev, struct tcmur_cmd *rc, int status)
{
	struct ring_cmd *r = (struct ring_cmd *)rc;
	struct fake_cmd *f = r->owner;

	pthread_mutex_lock(&dev->lock);
	if (dev->gate && !dev->held && !pthread_equal(pthread_self(), dev->worker)) {
		dev->held = true;
		while (dev->gate)
			pthread_cond_wait(&dev->changed, &dev->lock);
	}
	f->status = status;
	memcpy(f->sense, r->lib.sense_buf, TCMU_SENSE_LEN);
	f->times++;
	dev->running--;
	memset(r, 0xdb, sizeof(*r));
	free(r);
	pthread_cond_broadcast(&dev->changed);
	pthread_mutex_unlock(&dev->lock);
}

static void unlock(void *lock)
{
	pthread_mutex_unlock(lock);
}

static struct ring_cmd *next_cmd(struct tcmu_device *dev)
{
	struct ring_cmd *r;

	pthread_mutex_lock(&dev->lock);
	pthread_cleanup_push(unlock, &dev->lock);
	dev->handing = false;
	pthread_cond_broadcast(&dev->changed);
	while (STAILQ_EMPTY(&dev->queue))
		pthread_cond_wait(&dev->changed, &dev->lock);
	r = STAILQ_FIRST(&dev->queue);
	STAILQ_REMOVE_HEAD(&dev->queue, link);
	dev->handing = true;
	pthread_cleanup_pop(1);
	return r;
}

/* It never returns: the runner cancels it, as here. */
static void *worker(void *arg)
{
	struct tcmu_device *dev = arg;

	for (;;) {
		struct ring_cmd *r = next_cmd(dev);
		bool lazy = dev->lazy;
		int old, status = handler->handle_cmd(dev, &r->rc);

		if (lazy) {
			pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
			usleep(200);
			pthread_setcancelstate(old, NULL);
		}
		r->rc.done(dev, &r->rc, status);
	}
	return NULL;
}

void fake_submit(struct tcmu_device *dev, struct fake_cmd *cmd)
{
	struct ring_cmd *r = calloc(1, sizeof(*r) + cmd->niov * sizeof(r->iov[0]));

	if (!r)
		abort();
	memcpy(r->cdb, cmd->cdb, sizeof(r->cdb));
	if (cmd->niov)
		memcpy(r->iov, cmd->iov, cmd->niov * sizeof(r->iov[0]));
	r->lib.cdb = r->cdb;
	r->lib.iovec = r->iov;
	r->lib.iov_cnt = cmd->niov;
	r->lib.hm_private = &r->rc;
	r->rc.lib_cmd = &r->lib;
	r->rc.done = ring_done;
	r->owner = cmd;
	cmd->times = 0;
	pthread_mutex_lock(&dev->lock);
	STAILQ_INSERT_TAIL(&dev->queue, r, link);
	dev->running++;
	pthread_cond_broadcast(&dev->changed);
	pthread_mutex_unlock(&dev->lock);
}

void fake_wait(struct tcmu_device *dev, struct fake_cmd *cmd)
{
	pthread_mutex_lock(&dev->lock);
	while (!cmd->times)
		pthread_cond_wait(&dev->changed, &dev->lock);
	pthread_mutex_unlock(&dev->lock);
}

void fake_drain(struct tcmu_device *dev)
{
	pthread_mutex_lock(&dev->lock);
	while (dev->handing || !STAILQ_EMPTY(&dev->queue))
		pthread_cond_wait(&dev->changed, &dev->lock);
	pthread_mutex_unlock(&dev->lock);
}

unsigned fake_running(struct tcmu_device *dev)
{
	unsigned n;

	pthread_mutex_lock(&dev->lock);
	n = dev->running;
	pthread_mutex_unlock(&dev->lock);
	return n;
}

void fake_lazy(struct tcmu_device *dev, bool lazy)
{
	fake_drain(dev);
	pthread_mutex_lock(&dev->lock);
	dev->lazy = lazy;
	pthread_mutex_unlock(&dev->lock);
}

void fake_gate(struct tcmu_device *dev, bool closed)
{
	pthread_mutex_lock(&dev->lock);
	dev->gate = closed;
	dev->held = false;
	pthread_cond_broadcast(&dev->changed);
	pthread_mutex_unlock(&dev->lock);
}

/* ---- devices ---- */

const struct tcmur_handler *fake_load(const char *path)
{
	/* Never unloaded, so that leak reports can name its functions. */
	void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int (*init)(void) = so ? (int (*)(void))dlsym(so, "handler_init") : NULL;

	if (!init || init() < 0 || !handler) {
		fprintf(stderr, "%s: %s\n", path, dlerror());
		exit(1);
	}
	return handler;
}

static void free_device(struct tcmu_device *dev)
{
	pthread_cond_destroy(&dev->changed);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}

int fake_open(struct tcmu_device **ret, const struct fake_config *cfg)
{
	struct tcmu_device *dev = calloc(1, sizeof(*dev));
	int res;

	if (!dev)
		abort();
	dev->cfg = *cfg;
	snprintf(dev->cfgstring, sizeof(dev->cfgstring), "%s", cfg->cfgstring);
	dev->num_lbas = cfg->size / cfg->block_size;
	STAILQ_INIT(&dev->queue);
	pthread_mutex_init(&dev->lock, NULL);
	pthread_cond_init(&dev->changed, NULL);
	res = handler->open(dev, false);
	if (res) {
		free_device(dev);
		return res;
	}
	if (pthread_create(&dev->worker, NULL, worker, dev))
		abort();
	*ret = dev;
	return 0;
}

/* LIO has waited for what is in the ring, so the worker has nothing left to begin. */
static void end_worker(struct tcmu_device *dev)
{
	fake_drain(dev);
	pthread_cancel(dev->worker);
	pthread_join(dev->worker, NULL);
}

void fake_remove(struct tcmu_device *dev)
{
	end_worker(dev);
	pthread_mutex_lock(&dev->lock);
	while (dev->running > 0)
		pthread_cond_wait(&dev->changed, &dev->lock);
	pthread_mutex_unlock(&dev->lock);
	handler->close(dev);
	free_device(dev);
}

void fake_close_now(struct tcmu_device *dev)
{
	end_worker(dev);
	handler->close(dev);
	free_device(dev);
}

void fake_serial(struct tcmu_device *dev, const char *serial)
{
	fake_drain(dev);
	pthread_mutex_lock(&dev->lock);
	dev->cfg.serial = serial;
	pthread_mutex_unlock(&dev->lock);
}

int fake_reconfig(struct tcmu_device *dev, struct tcmulib_cfg_info *cfg)
{
	return handler->reconfig(dev, cfg);
}

int fake_resize(struct tcmu_device *dev, uint64_t size)
{
	struct tcmulib_cfg_info cfg = { .type = TCMULIB_CFG_DEV_SIZE, .data.dev_size = size };
	int res = fake_reconfig(dev, &cfg);

	if (res == 0)
		dev->num_lbas = size / dev->cfg.block_size;
	return res;
}
