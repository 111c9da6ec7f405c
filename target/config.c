/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_keys.h"
#include "target.h"
#include "text.h"

void config_init(struct config *cfg)
{
	*cfg = (struct config) {
		.log_level = LEVEL_WARNING,
		.limits = iscsi_limits_defaults,
	};
}

static void list_done(struct config_list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct config_list) { 0 };
}

static void target_done(struct config_target *target)
{
	for (unsigned i = 0; i < target->nluns; i++)
		config_lun_done(&target->luns[i]);
	free(target->luns);
	list_done(&target->initiators);
	free(target->name);
	free(target->state_dir);
	explicit_bzero(&target->chap, sizeof(target->chap));
}

void config_done(struct config *cfg)
{
	for (unsigned i = 0; i < cfg->ntargets; i++)
		target_done(&cfg->targets[i]);
	free(cfg->targets);
	list_done(&cfg->portals);
	explicit_bzero(cfg, sizeof(*cfg));
}

struct config_target *config_new_target(struct config *cfg, const char *name)
{
	struct config_target *targets, *t;

	targets = reallocarray(cfg->targets, cfg->ntargets + 1, sizeof(*targets));
	if (!targets)
		return NULL;
	cfg->targets = targets;
	t = &targets[cfg->ntargets];
	*t = (struct config_target) {
		.name = strdup(name),
		.tokens = token_defaults,
		.copy = copy_engine_defaults,
	};
	if (!t->name)
		return NULL;
	cfg->ntargets++;
	return t;
}

int config_place_lun(struct config_target *target, const struct config_lun *lun)
{
	struct config_lun *luns;
	unsigned at = 0;

	while (at < target->nluns && target->luns[at].lun < lun->lun)
		at++;
	if (at < target->nluns && target->luns[at].lun == lun->lun)
		return -EEXIST;
	luns = reallocarray(target->luns, target->nluns + 1, sizeof(*luns));
	if (!luns)
		return -ENOMEM;
	memmove(&luns[at + 1], &luns[at], (target->nluns - at) * sizeof(*luns));
	luns[at] = *lun;
	target->luns = luns;
	target->nluns++;
	return 0;
}

bool config_check_chap(const struct iscsi_chap *chap, char *err, size_t err_cap)
{
	if (!chap->user[0] != !chap->secret[0])
		snprintf(err, err_cap, "user and secret belong together: give both or neither");
	else if (!chap->mutual_user[0] != !chap->mutual_secret[0])
		snprintf(err, err_cap,
			 "mutual-user and mutual-secret belong together: give both or neither");
	else if (chap->mutual_user[0] && !chap->user[0])
		snprintf(err, err_cap,
			 "mutual-user without user: the initiator must prove itself too, give "
			 "user and secret");
	else if (chap->secret[0] && strcmp(chap->secret, chap->mutual_secret) == 0)
		/* RFC 7143 9.2.1: else a reflected challenge would be answered */
		snprintf(err, err_cap, "secret and mutual-secret are the same: they must differ");
	else
		return true;
	return false;
}

static struct config_target *find_target(struct config *cfg, const char *name)
{
	if (!name && cfg->ntargets)
		return &cfg->targets[0];
	if (!name)
		name = CONFIG_DEFAULT_TARGET;
	for (unsigned i = 0; i < cfg->ntargets; i++)
		if (strcmp(cfg->targets[i].name, name) == 0)
			return &cfg->targets[i];
	return config_new_target(cfg, name);
}

static uint16_t lowest_free(const struct config_target *target)
{
	uint16_t n = 0;

	/* The LUNs are in ascending order. */
	for (unsigned i = 0; i < target->nluns && target->luns[i].lun == n; i++)
		n++;
	return n;
}

int config_add_lun(struct config *cfg, const char *target, const char *spec, char *err,
		   size_t err_cap)
{
	struct config_target *t;
	struct config_lun lun;
	char reason[512] = "out of memory";
	int r;

	config_lun_init(&lun);
	if (target && !iscsi_name_valid(target)) {
		snprintf(err, err_cap,
			 "--target %.250s: not an iSCSI name; write it in lower "
			 "case, as " CONFIG_DEFAULT_TARGET,
			 target);
		return -EINVAL;
	}
	r = config_parse_lun(&lun, spec, ',', reason, sizeof(reason));
	if (r < 0)
		goto out;
	r = -ENOMEM;
	t = find_target(cfg, target);
	if (!t)
		goto out;
	lun.lun = lowest_free(t);
	if (lun.lun >= TARGET_MAX_LUNS) {
		snprintf(reason, sizeof(reason), "a target has at most %d LUNs", TARGET_MAX_LUNS);
		r = -EINVAL;
		goto out;
	}
	r = config_place_lun(t, &lun);
out:
	if (r < 0) {
		config_lun_done(&lun);
		snprintf(err, err_cap, "--lun %.250s: %s", spec, reason);
	}
	return r;
}

int config_add_portal(struct config *cfg, const char *addr_port, bool first, char *err,
		      size_t err_cap)
{
	char reason[512];
	struct config fresh = { 0 };
	int r;

	r = config_set(config_find_key(&section_root, "portals"), addr_port, &fresh, reason,
		       sizeof(reason));
	if (r < 0) {
		list_done(&fresh.portals);
		snprintf(err, err_cap, "--portal: %s", reason);
		return r;
	}
	if (first)
		list_done(&cfg->portals);
	r = config_list_add(&cfg->portals, addr_port);
	list_done(&fresh.portals);
	if (r < 0)
		snprintf(err, err_cap, "--portal %.250s: out of memory", addr_port);
	return r;
}

int config_set_reactors(struct config *cfg, const char *number, char *err, size_t err_cap)
{
	char reason[512];
	int r;

	r = config_set(config_find_key(&section_root, "reactors"), number, cfg, reason,
		       sizeof(reason));
	if (r < 0)
		snprintf(err, err_cap, "--reactors: %s", reason);
	return r;
}

int config_finish(struct config *cfg, char *err, size_t err_cap)
{
	if (!cfg->ntargets) {
		snprintf(err, err_cap,
			 "nothing to serve: give --lun PATH, or -c FILE with a target in it");
		return -EINVAL;
	}
	for (unsigned i = 0; i < cfg->ntargets; i++)
		if (!cfg->targets[i].nluns) {
			snprintf(err, err_cap,
				 "target %s has no lun: add a lun section, or --target %s --lun "
				 "PATH",
				 cfg->targets[i].name, cfg->targets[i].name);
			return -EINVAL;
		}
	if (!cfg->portals.n && config_list_add(&cfg->portals, CONFIG_DEFAULT_PORTAL) < 0) {
		snprintf(err, err_cap, "out of memory");
		return -ENOMEM;
	}
	return 0;
}
