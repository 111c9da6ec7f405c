/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "target.h"

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "rig: %s\n", what);
	abort();
}

static void add_lu(struct rig *r, struct target *t, unsigned lun)
{
	struct bs_config bc = { .path = "mem:rig", .size = RIG_LU_SIZE, .keep = ROD_KEEP_CANCEL };
	struct lu_config lc = { .lun = (uint16_t)lun, .tpc = lu_tpc_defaults };
	struct backstore *bs;
	char err[256] = "";

	bc.block_size = lc.block_size = lun == LUN_4K ? 4096 : 512;
	bc.fault = lun == LUN_SLOW ? "write-delay:300+read-delay:300" : NULL;
	must(bs_open(&bs, &bc, &r->env, err, sizeof(err)) == 0, err);
	must(target_add_lu(t, bs, &lc, err, sizeof(err)) == 0, err);
}

void rig_init(struct rig *r)
{
	const char *reactors = getenv("RIG_REACTORS"), *multishot = getenv("RIG_MULTISHOT");

	*r = (struct rig) { .limits = iscsi_limits_defaults };
	r->limits.arena_bytes = 4 << 20;
	r->limits.login_timeout_s = 30;
	r->limits.nop_interval_s = 0;
	r->limits.all_away = reactors;
	r->limits.multishot_after = multishot ? (unsigned)atoi(multishot) : 0;
	r->limits.reactors = reactors ? (unsigned)atoi(reactors) : 1;
}

static void *run(void *arg)
{
	struct rig *r = arg;

	ring_run(r->env.ring);
	return NULL;
}

static void add_targets(struct rig *r)
{
	static const char *const allowed[] = { "iqn.2001-04.com.example:Friend" };
	struct iscsi_target_config open = { .alias = "the rig" };
	struct iscsi_target_config closed = {
		.chap = { .user = "user",
			  .secret = "secret of twelve",
			  .mutual_user = "target",
			  .mutual_secret = "another secret" },
		.allowed = allowed,
		.nallowed = 1,
	};
	struct target_config tc = { .name = RIG_TARGET,
				    .tokens = { .max_tokens = 10, .max_tombstones = 10 },
				    .copy = { .chunk = 64 << 10, .window = 4, .copies = 2 } };

	must(target_new(&r->target, &tc, &r->env) == 0, "target");
	tc.name = RIG_OTHER;
	must(target_new(&r->other, &tc, &r->env) == 0, "target");
	add_lu(r, r->target, LUN_DISK);
	add_lu(r, r->target, LUN_SLOW);
	add_lu(r, r->target, LUN_4K);
	add_lu(r, r->other, LUN_DISK);
	open.target = r->target;
	closed.target = r->other;
	must(iscsi_server_add_target(r->server, &open) == 0, "add");
	must(iscsi_server_add_target(r->server, &closed) == 0, "add");
}

void rig_start(struct rig *r)
{
	char err[256] = "";

	must(ring_new(&r->env.ring, 256, err, sizeof(err)) == 0, err);
	must(aux_new(&r->env.aux, 1) == 0, "aux");
	must(iscsi_server_new(&r->server, &r->env, &r->limits) == 0, "server");
	add_targets(r);
	iscsi_server_set_discovery_chap(r->server, r->discovery_chap);
	must(iscsi_server_listen(r->server, "127.0.0.1:0", r->address, sizeof(r->address), err,
				 sizeof(err)) == 0,
	     err);
	r->port = (unsigned)atoi(strrchr(r->address, ':') + 1);
	must(pthread_create(&r->thread, NULL, run, r) == 0, "thread");
}

/* Something done on the ring's thread, waited for. */
struct call {
	struct ring_post post;
	struct rig *rig;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool over;
	struct iscsi_stats stats;
	unsigned grace_ms;
	const char *addr_port;
	char *bound, *err;
	int res;
};

static void call_over(struct call *c)
{
	pthread_mutex_lock(&c->lock);
	c->over = true;
	pthread_cond_signal(&c->cond);
	pthread_mutex_unlock(&c->lock);
}

static void call(struct call *c, void (*fn)(struct ring_post *post))
{
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->cond, NULL);
	c->post.fn = fn;
	ring_post(c->rig->env.ring, &c->post);
	pthread_mutex_lock(&c->lock);
	while (!c->over)
		pthread_cond_wait(&c->cond, &c->lock);
	pthread_mutex_unlock(&c->lock);
	pthread_cond_destroy(&c->cond);
	pthread_mutex_destroy(&c->lock);
}

static void read_stats(struct ring_post *post)
{
	struct call *c = (struct call *)post;

	iscsi_server_stats(c->rig->server, &c->stats);
	call_over(c);
}

struct iscsi_stats rig_stats(struct rig *r)
{
	struct call c = { .rig = r };

	call(&c, read_stats);
	return c.stats;
}

static void do_listen(struct ring_post *post)
{
	struct call *c = (struct call *)post;

	c->res = iscsi_server_listen(c->rig->server, c->addr_port, c->bound, 128, c->err, 256);
	call_over(c);
}

int rig_listen(struct rig *r, const char *addr_port, char bound[128], char err[256])
{
	struct call c = { .rig = r, .addr_port = addr_port, .bound = bound, .err = err };

	call(&c, do_listen);
	return c.res;
}

bool rig_wait(struct rig *r, bool (*now)(const struct iscsi_stats *))
{
	for (int i = 0; i < 200; i++) {
		struct iscsi_stats st = rig_stats(r);

		if (now(&st))
			return true;
		usleep(10000);
	}
	return false;
}

static void stopped(void *ctx)
{
	call_over(ctx);
}

static void begin_stop(struct ring_post *post)
{
	struct call *c = (struct call *)post;

	iscsi_server_stop(c->rig->server, c->grace_ms, stopped, c);
}

void rig_stop(struct rig *r, unsigned grace_ms)
{
	struct call c = { .rig = r, .grace_ms = grace_ms };

	call(&c, begin_stop);
	ring_stop(r->env.ring);
	pthread_join(r->thread, NULL);
	iscsi_server_free(r->server);
	CU_ASSERT_EQUAL(target_free(r->target), 0);
	CU_ASSERT_EQUAL(target_free(r->other), 0);
	aux_free(r->env.aux);
	ring_free(r->env.ring);
}
