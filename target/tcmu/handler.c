/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handler_odx.so: what tcmu-runner sees.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "log.h"

int handler_init(void);

/* The user of targetcli sees the reason. */
static bool check_config(const char *cfgstring, char **reason)
{
	char err[512];
	struct config_lun lun;
	bool ok;

	config_lun_init(&lun);
	ok = device_options(&lun, cfgstring, err, sizeof(err)) == 0 &&
	     device_possible(&lun, err, sizeof(err));
	config_lun_done(&lun);
	if (!ok && asprintf(reason, "%s", err) < 0)
		*reason = NULL;
	return ok;
}

static int open_device(struct tcmu_device *dev, bool reopen)
{
	char err[512];
	struct device *d;
	int res = device_open(&d, dev, err, sizeof(err));

	(void)reopen; /* after close: all the same */
	if (res < 0) {
		log_err("%s: %s", tcmu_dev_get_cfgstring(dev), err);
		return res;
	}
	tcmur_dev_set_private(dev, d);
	log_info("%s: open", d->path);
	return 0;
}

static void close_device(struct tcmu_device *dev)
{
	int res = device_close(tcmur_dev_get_private(dev));

	tcmur_dev_set_private(dev, NULL);
	if (res < 0)
		log_err("%s: not all data could be written: %s", tcmu_dev_get_cfgstring(dev),
			strerror(-res));
}

static int reconfig(struct tcmu_device *dev, struct tcmulib_cfg_info *cfg)
{
	struct device *d = tcmur_dev_get_private(dev);
	char err[512];
	int res;

	if (cfg->type == TCMULIB_CFG_DEV_SIZE) {
		res = device_resize(d, cfg->data.dev_size, err, sizeof(err));
		if (res < 0)
			log_err("%s: new size refused: %s", d->path, err);
		return res;
	}
	/* targetcli writes what is there already when it restores a configuration. */
	if (cfg->type == TCMULIB_CFG_DEV_CFGSTR &&
	    strcmp(cfg->data.dev_cfgstring, tcmu_dev_get_cfgstring(dev)) == 0)
		return 0;
	if (cfg->type == TCMULIB_CFG_WRITE_CACHE) {
		res = device_set_write_cache(d, cfg->data.write_cache);
		if (res < 0)
			log_err("%s: not all data could be written: %s", d->path, strerror(-res));
		return res;
	}
	log_err("%s: cfgstring cannot change while the LUN is there: delete it and make it again",
		d->path);
	return -EOPNOTSUPP;
}

static int handle_cmd(struct tcmu_device *dev, struct tcmur_cmd *cmd)
{
	return command_start(tcmur_dev_get_private(dev), cmd);
}

/* What the core says goes where the runner's own words go. */
static void to_runner_log(enum log_level level, const char *line)
{
	static void (*const say[])(struct tcmu_device *, const char *, int, const char *, ...) = {
		[LEVEL_ERROR] = tcmu_err_message,
		[LEVEL_WARNING] = tcmu_warn_message,
		[LEVEL_INFO] = tcmu_info_message,
		[LEVEL_DEBUG] = tcmu_dbg_message,
	};

	say[level](NULL, "odx", 0, "%s\n", line);
}

/* The runner calls this once, after loading us. */
__attribute__((visibility("default"))) int handler_init(void)
{
	static struct tcmur_handler handler = {
		.name = "ODX disk",
		.subtype = "odx",
		.cfg_desc = "/PATH[;KEY=VALUE]...: a file or block device, and block-size=4096, "
			    "read-only, direct, odx.KEY=; a file that is not there is made",
		.check_config = check_config,
		.reconfig = reconfig,
		.open = open_device,
		.close = close_device,
		.nr_threads = 1, /* 0 would leave done unset: see command.c */
		.handle_cmd = handle_cmd,
	};

	log_set_level(LEVEL_INFO);
	log_set_sink(to_runner_log);
	return tcmur_register_handler(&handler);
}
