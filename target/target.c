/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "bytes.h"
#include "log.h"
#include "lu_impl.h"

#define CHECK_INTERVAL_NS 1000000000ull

struct target {
	char name[SCSI_NAME_MAX + 1];
	uint16_t groups[TARGET_MAX_PORT_GROUPS];
	unsigned ngroups;
	struct bs_env bs_env;
	struct bs_totals totals;
	struct lu_env lu_env;
	struct lu *lus[TARGET_MAX_LUNS];
	struct lu *absent; /* answers for LUNs that do not exist */
	LIST_HEAD(, nexus) nexuses;
	uint64_t next_nexus;
	TAILQ_HEAD(, target_reset) resets; /* waiting for aborted tasks */
	struct target_quiet *quiet;	   /* waiting for copies */
	struct ring_timer quiet_timer;	   /* and for saves, which nobody tells the end of */
	struct ring_timer check;
};

/*
 * Somebody has made the file larger (truncate, lvextend): the LUN follows, by whole
 * blocks.  Behind another's ports it is they who say when (target_grow_lu).
 */
static void follow_growth(struct target *t, struct lu *lu)
{
	char err[256];
	uint64_t now;

	if (t->lu_env.foreign_ports || bs_size_now(lu->bs, &now) < 0 || now <= bs_size(lu->bs) ||
	    now % lu->cfg.block_size)
		return;
	if (target_grow_lu(t, lu->cfg.lun, now, err, sizeof(err)) == 0)
		log_info("LUN %u: %s has grown, to %llu blocks", lu->cfg.lun, bs_path(lu->bs),
			 (unsigned long long)lu->info.blocks);
}

/* Once a second: has somebody truncated a file that we serve, or made it larger? */
static void check_backstores(struct ring_timer *timer)
{
	struct target *t = (struct target *)((char *)timer - offsetof(struct target, check));

	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++) {
		struct lu *lu = t->lus[i];

		if (!lu || lu->failed || lu->removing)
			continue;
		if (bs_check(lu->bs) == -ENODATA)
			lu_fail(lu);
		else
			follow_growth(t, lu);
	}
	ring_timer_set(t->bs_env.ring, &t->check, CHECK_INTERVAL_NS);
}

static uint64_t limit(uint64_t n)
{
	return n ? n : UINT64_MAX;
}

int target_new(struct target **ret, const struct target_config *cfg, const struct bs_env *env)
{
	static const struct lu_config absent_cfg = { .block_size = 512 };
	struct target *t = calloc(1, sizeof(*t));
	struct token_config tokens = cfg->tokens;
	int err;

	if (!t)
		return -ENOMEM;
	snprintf(t->name, sizeof(t->name), "%s", cfg->name);
	t->totals.saved.limit = limit(tokens.saved);
	t->totals.cloned.limit = limit(tokens.cloned);
	t->totals.saves.limit = limit(tokens.max_saves);
	t->bs_env = *env;
	t->bs_env.totals = &t->totals;
	LIST_INIT(&t->nexuses);
	TAILQ_INIT(&t->resets);
	t->lu_env = (struct lu_env) { .ring = env->ring,
				      .aux = env->aux,
				      .target_name = t->name,
				      .tokens_per_lun = tokens.max_per_lun,
				      .foreign_ports = cfg->foreign_ports };
	tokens.target_name = t->name;
	err = copy_engine_new(&t->lu_env.copies, env, &cfg->copy);
	if (!err)
		err = token_registry_new(&t->lu_env.tokens, env->ring, &tokens);
	if (!err)
		err = lu_new(&t->absent, NULL, &absent_cfg, &t->lu_env);
	if (err) {
		target_free(t);
		return err;
	}
	t->absent->target = t;
	t->check.fn = check_backstores;
	ring_timer_set(env->ring, &t->check, CHECK_INTERVAL_NS);
	*ret = t;
	return 0;
}

int target_free(struct target *t)
{
	int first = 0;

	if (!t)
		return 0;
	assert(LIST_EMPTY(&t->nexuses));
	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++)
		assert(!t->lus[i] || !t->lus[i]->removing);
	ring_timer_cancel(t->bs_env.ring, &t->check);
	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++) {
		struct lu *lu = t->lus[i];
		struct backstore *bs;
		int err;

		if (!lu)
			continue;
		bs = lu->bs;
		lu_free(lu);
		err = bs_close(bs);
		if (err && !first)
			first = err;
	}
	lu_free(t->absent);
	token_registry_free(t->lu_env.tokens);
	copy_engine_free(t->lu_env.copies);
	free(t);
	return first;
}

const struct bs_env *target_bs_env(const struct target *t)
{
	return &t->bs_env;
}

const char *target_name(const struct target *t)
{
	return t->name;
}

int target_add_port_group(struct target *t, uint16_t tag)
{
	unsigned at = 0;

	assert(tag != 0);
	while (at < t->ngroups && t->groups[at] < tag)
		at++;
	if (at < t->ngroups && t->groups[at] == tag)
		return 0;
	if (t->ngroups == TARGET_MAX_PORT_GROUPS)
		return -ENOSPC;
	memmove(t->groups + at + 1, t->groups + at, (t->ngroups - at) * sizeof(t->groups[0]));
	t->groups[at] = tag;
	t->ngroups++;
	return 0;
}

unsigned target_port_groups(const struct target *t, const uint16_t **ret)
{
	*ret = t->groups;
	return t->ngroups;
}

/* The first bytes of SHA-256 over two strings, NULs between: stable identifiers. */
static void derive(const char *a, const char *b, uint8_t ret[8])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(a) + 1, (const uint8_t *)a);
	sha256_update(&ctx, strlen(b) + 1, (const uint8_t *)b);
	sha256_digest(&ctx, sizeof(digest), digest);
	memcpy(ret, digest, 8);
}

/* Which LUNs there are has changed: whoever has asked may want to know (SPC-4 6.33). */
static void luns_changed(struct target *t, uint16_t but)
{
	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++)
		if (t->lus[i] && i != but)
			target_tell_others(t->lus[i], NULL, ASC_REPORTED_LUNS_CHANGED);
}

int target_add_lu(struct target *t, struct backstore *bs, const struct lu_config *cfg, char *err,
		  size_t err_cap)
{
	struct lu_config c = *cfg;
	char serial[37], lun[8];
	uint8_t id[8];
	struct nexus *n;
	int res;

	if (c.lun >= TARGET_MAX_LUNS) {
		snprintf(err, err_cap, "LUN %u is above %u", c.lun, TARGET_MAX_LUNS - 1);
		return -EINVAL;
	}
	if (t->lus[c.lun]) {
		snprintf(err, err_cap, "LUN %u is there already; give each LUN its own number",
			 c.lun);
		return -EEXIST;
	}
	if (!lu_tpc_check(&c.tpc, c.block_size, err, err_cap))
		return -EINVAL;
	if (lu_tpc_unsound(&c.tpc))
		log_warn("LUN %u: odx: %s", c.lun, lu_tpc_unsound(&c.tpc));
	if (!c.serial) {
		snprintf(lun, sizeof(lun), "%u", c.lun);
		derive(t->name, lun, id);
		snprintf(serial, sizeof(serial), "%016llx", (unsigned long long)get_be64(id));
		c.serial = serial;
	}
	if (c.naa_len == 0) {
		derive(t->name, c.serial, c.naa);
		c.naa[0] = (uint8_t)(0x30 | (c.naa[0] & 0x0f)); /* NAA 3h: locally assigned */
		c.naa_len = 8;
	}
	res = lu_new(&t->lus[c.lun], bs, &c, &t->lu_env);
	if (res) {
		snprintf(err, err_cap, "LUN %u: %s", c.lun, strerror(-res));
		return res;
	}
	t->lus[c.lun]->target = t;
	res = cfg->state_dir ? lu_pr_open(t->lus[c.lun], cfg->state_dir, err, err_cap) : 0;
	if (res < 0) {
		lu_free(t->lus[c.lun]);
		t->lus[c.lun] = NULL;
		return res;
	}
	LIST_FOREACH (n, &t->nexuses, link) {
		n->by_lun[c.lun] = calloc(1, sizeof(struct lu_nexus));
		if (!n->by_lun[c.lun]) {
			lu_free(t->lus[c.lun]);
			t->lus[c.lun] = NULL;
			snprintf(err, err_cap, "LUN %u: out of memory", c.lun);
			return -ENOMEM;
		}
		lu_nexus_init(n->by_lun[c.lun], t->lus[c.lun], n);
	}
	luns_changed(t, c.lun);
	return 0;
}

void target_end_users(struct lu *lu, bool all)
{
	const struct target *t = lu->target;

	for (unsigned i = 0; lu->users && i < TARGET_MAX_LUNS; i++)
		if (t->lus[i])
			cm_terminate_users(t->lus[i], lu, all);
}

bool target_users_are_ending(const struct lu *lu)
{
	const struct target *t = lu->target;

	for (unsigned i = 0; lu->users && i < TARGET_MAX_LUNS; i++)
		if (t->lus[i] && cm_has_terminated_users(t->lus[i], lu))
			return true;
	return false;
}

static void drop_lu_nexus(struct target *t, struct nexus *nexus, unsigned lun)
{
	if (nexus->by_lun[lun])
		lu_nexus_done(nexus->by_lun[lun], t->lus[lun], nexus);
	free(nexus->by_lun[lun]);
	nexus->by_lun[lun] = NULL;
}

/* ---- taking a logical unit away ---- */

/* Nobody tells when a save, a clone or a rod is over: how often those who wait look again. */
#define LOOK_AGAIN_NS 2000000ull

static void removal_over(struct target_removal *r)
{
	struct target *t = r->target;
	struct lu *lu = t->lus[r->lun];
	struct backstore *bs = lu->bs;
	struct nexus *n;
	int err;

	LIST_FOREACH (n, &t->nexuses, link)
		drop_lu_nexus(t, n, r->lun);
	t->lus[r->lun] = NULL;
	lu_free(lu);
	err = bs_close(bs);
	r->done(r, r->err ? r->err : err);
}

static void removal_step(struct target_removal *r);

static void removal_flushed(struct io *io, int res)
{
	struct target_removal *r =
		(struct target_removal *)((char *)io - offsetof(struct target_removal, flush));

	r->flushed = true;
	r->err = res;
	removal_step(r);
}

/*
 * Looks whether it can go on, and looks again a little later if not.  The flush comes
 * first and by the ring, so that closing has nothing left to wait for.
 */
static void removal_step(struct target_removal *r)
{
	struct target *t = r->target;
	struct lu *lu = t->lus[r->lun];

	lu_clear_stop(lu);
	if (TAILQ_EMPTY(&lu->tasks) && TAILQ_EMPTY(&lu->ops) && lu->users == 0 && !lu->clear) {
		token_cancel_all(t->lu_env.tokens, lu->bs);
		if (bs_idle(lu->bs) && r->flushed) {
			removal_over(r);
			return;
		}
		if (bs_idle(lu->bs)) {
			r->flush = (struct io) { .op = IO_FLUSH, .done = removal_flushed };
			bs_submit(lu->bs, &r->flush);
			return;
		}
	}
	ring_timer_set(t->bs_env.ring, &r->timer, LOOK_AGAIN_NS);
}

static void removal_timer(struct ring_timer *timer)
{
	removal_step(
		(struct target_removal *)((char *)timer - offsetof(struct target_removal, timer)));
}

static void removal_posted(struct ring_post *post)
{
	removal_step(
		(struct target_removal *)((char *)post - offsetof(struct target_removal, post)));
}

bool target_remove_lu(struct target *t, struct target_removal *r)
{
	struct lu *lu = target_lu(t, r->lun);

	if (!lu)
		return false;
	lu->removing = true;
	luns_changed(t, r->lun);
	cm_terminate_background(lu);
	target_end_users(lu, false);
	r->target = t;
	r->flushed = false;
	r->err = 0;
	r->timer = (struct ring_timer) { .fn = removal_timer };
	r->post.fn = removal_posted;
	ring_post(t->bs_env.ring, &r->post);
	return true;
}

void target_name_lu(struct target *t, uint16_t lun, const char *serial, const uint8_t *naa,
		    uint8_t naa_len)
{
	struct lu_info *info = &t->lus[lun]->info;

	assert(t->lus[lun]->stats.commands == 0 && naa_len <= sizeof(info->naa));
	snprintf(info->serial, sizeof(info->serial), "%s", serial);
	memcpy(info->naa, naa, naa_len);
	info->naa_len = naa_len;
}

int target_grow_lu(struct target *t, uint16_t lun, uint64_t size, char *err, size_t err_cap)
{
	struct lu *lu = target_lu(t, lun);
	uint64_t blocks;
	struct nexus *n;
	int res;

	if (!lu) {
		snprintf(err, err_cap, "LUN %u is not there", lun);
		return -ENODEV;
	}
	blocks = lu->info.blocks;
	res = lu_grow(lu, size, err, err_cap);
	if (res < 0 || lu->info.blocks == blocks)
		return res;
	LIST_FOREACH (n, &t->nexuses, link)
		lu_ua_add(lu_nexus_of(lu, n), ASC_CAPACITY_CHANGED);
	return 0;
}

void target_set_write_cache(struct target *t, uint16_t lun, bool on)
{
	struct lu *lu = target_lu(t, lun);
	struct nexus *n;

	assert(lu);
	lu->mode_defaults.wce = on;
	if (lu->mode.wce == on)
		return;
	lu->mode.wce = on;
	lu->info.write_cache = on;
	LIST_FOREACH (n, &t->nexuses, link)
		lu_ua_add(lu_nexus_of(lu, n), ASC_MODE_PARAMETERS_CHANGED);
}

struct lu *target_lu(const struct target *t, uint16_t lun)
{
	return lun < TARGET_MAX_LUNS && t->lus[lun] && !t->lus[lun]->removing ? t->lus[lun] : NULL;
}

unsigned target_luns(const struct target *t, uint16_t *ret, unsigned cap)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++) {
		if (!target_lu(t, (uint16_t)i))
			continue;
		if (n < cap)
			ret[n] = (uint16_t)i;
		n++;
	}
	return n;
}

static void free_lu_nexuses(struct target *t, struct nexus *nexus)
{
	for (unsigned i = 0; nexus->by_lun && i < TARGET_MAX_LUNS; i++)
		drop_lu_nexus(t, nexus, i);
	free(nexus->by_lun);
	nexus->by_lun = NULL;
}

int target_nexus_add(struct target *t, struct nexus *nexus)
{
	nexus->by_lun = calloc(TARGET_MAX_LUNS, sizeof(*nexus->by_lun));
	if (!nexus->by_lun)
		return -ENOMEM;
	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++) {
		if (!t->lus[i])
			continue;
		nexus->by_lun[i] = calloc(1, sizeof(struct lu_nexus));
		if (!nexus->by_lun[i]) {
			free_lu_nexuses(t, nexus);
			return -ENOMEM;
		}
		lu_nexus_init(nexus->by_lun[i], t->lus[i], nexus);
	}
	nexus->id = ++t->next_nexus;
	LIST_INSERT_HEAD(&t->nexuses, nexus, link);
	return 0;
}

void target_nexus_remove(struct target *t, struct nexus *nexus)
{
	LIST_REMOVE(nexus, link);
	free_lu_nexuses(t, nexus);
}

static struct lu *find_lu(const struct target *t, uint64_t wire)
{
	uint16_t lun;

	return scsi_lun_decode(wire, &lun) ? target_lu(t, lun) : NULL;
}

bool target_has_lun(const struct target *t, uint64_t lun)
{
	return find_lu(t, lun) != NULL;
}

bool target_accept(struct target *t, uint64_t lun, struct task *task)
{
	struct lu *lu = find_lu(t, lun);

	return lu_accept(lu ? lu : t->absent, task);
}

void target_each_nexus(struct lu *lu, void (*fn)(struct lu *lu, struct nexus *n, void *arg),
		       void *arg)
{
	struct nexus *n;

	LIST_FOREACH (n, &lu->target->nexuses, link)
		fn(lu, n, arg);
}

void target_tell_others(struct lu *lu, const struct nexus *by, unsigned asc_ascq)
{
	struct nexus *n;

	LIST_FOREACH (n, &lu->target->nexuses, link)
		if (n != by && !n->shared)
			lu_ua_add(lu_nexus_of(lu, n), asc_ascq);
}

/* One that is being taken away, too: its tasks are waited for all the same. */
static bool reset_concerns(const struct target_reset *r, const struct lu *lu)
{
	uint16_t lun;

	return r->all || (scsi_lun_decode(r->lun, &lun) && lun == lu->cfg.lun);
}

static bool reset_over(const struct target_reset *r, const struct target *t)
{
	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++) {
		const struct lu *lu = t->lus[i];

		if (lu && reset_concerns(r, lu) && lu_has_aborted_tasks(lu))
			return false;
	}
	return true;
}

static void reset_done(struct ring_post *post)
{
	struct target_reset *r =
		(struct target_reset *)((char *)post - offsetof(struct target_reset, post));

	r->done(r);
}

/* ---- the end of what works in the background ---- */

/* Its own, or what is saved for a token: that may outlast the write and the token. */
static bool is_at_work(const struct target *t)
{
	if (t->totals.saves.used > 0)
		return true;
	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++)
		if (t->lus[i] && (!TAILQ_EMPTY(&t->lus[i]->ops) || t->lus[i]->clear))
			return true;
	return false;
}

static void quiet_posted(struct ring_post *post)
{
	struct target_quiet *q =
		(struct target_quiet *)((char *)post - offsetof(struct target_quiet, post));

	q->done(q);
}

static void look_if_quiet(struct target *t)
{
	struct target_quiet *q = t->quiet;

	if (!q)
		return;
	if (is_at_work(t)) {
		ring_timer_set(t->bs_env.ring, &t->quiet_timer, LOOK_AGAIN_NS);
		return;
	}
	ring_timer_cancel(t->bs_env.ring, &t->quiet_timer);
	t->quiet = NULL;
	ring_post(t->bs_env.ring, &q->post);
}

static void quiet_timer(struct ring_timer *timer)
{
	look_if_quiet((struct target *)((char *)timer - offsetof(struct target, quiet_timer)));
}

void target_end_copies(struct target *t, struct target_quiet *q)
{
	assert(!t->quiet);
	t->quiet = q;
	q->post.fn = quiet_posted;
	t->quiet_timer = (struct ring_timer) { .fn = quiet_timer };
	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++) {
		if (!t->lus[i])
			continue;
		cm_terminate_background(t->lus[i]);
		lu_clear_stop(t->lus[i]);
	}
	look_if_quiet(t);
}

void target_task_ended(struct target *t)
{
	struct target_reset *r = TAILQ_FIRST(&t->resets), *next;

	look_if_quiet(t);
	for (; r; r = next) {
		next = TAILQ_NEXT(r, link);
		if (!reset_over(r, t))
			continue;
		TAILQ_REMOVE(&t->resets, r, link);
		ring_post(t->bs_env.ring, &r->post);
	}
}

static void reset_lu(struct lu *lu)
{
	struct nexus *n;

	LIST_FOREACH (n, &lu->target->nexuses, link)
		cm_results_drop(&lu_nexus_of(lu, n)->results);
	target_tell_others(lu, NULL, ASC_DEVICE_RESET);
	lu_reset(lu);
}

/* One task set for all nexuses (TST 000b): the others learn what became of their commands. */
static void clear_task_set(struct lu *lu, const struct nexus *by)
{
	struct nexus *n;

	LIST_FOREACH (n, &lu->target->nexuses, link)
		if (n != by && !n->shared && lu_has_tasks_of(lu, n))
			lu_ua_add(lu_nexus_of(lu, n), ASC_COMMANDS_CLEARED_BY_ANOTHER);
	lu_abort_tasks(lu, NULL);
	cm_terminate_background(lu);
}

static void abort_task_set(struct lu *lu, const struct nexus *by)
{
	lu_abort_tasks(lu, by);
	cm_terminate_background_of(lu, &lu_nexus_of(lu, by)->results);
}

bool target_reset(struct target *t, struct target_reset *r)
{
	if (!r->all && !find_lu(t, r->lun))
		return false;
	r->target = t;
	r->post.fn = reset_done;
	for (unsigned i = 0; i < TARGET_MAX_LUNS; i++) {
		struct lu *lu = t->lus[i];

		if (!lu || !reset_concerns(r, lu))
			continue;
		if (r->what == TARGET_CLEAR_TASK_SET)
			clear_task_set(lu, r->nexus);
		else if (r->what == TARGET_ABORT_TASK_SET)
			abort_task_set(lu, r->nexus);
		else
			reset_lu(lu);
	}
	TAILQ_INSERT_TAIL(&t->resets, r, link);
	target_task_ended(t); /* nothing may have been running */
	return true;
}
