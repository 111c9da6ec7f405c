/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device of the runner (a storage object of LIO), which is a logical unit of the
 * hub's target.
 */
#ifndef TCMU_DEVICE_H
#define TCMU_DEVICE_H

#include "config.h"
#include "hub.h"
#include "runner_abi.h"

struct command;

struct device {
	struct tcmu_device *tcmu; /* the runner's */
	struct hub *hub;
	uint16_t lun; /* in the hub's target; LIO's number is another one */
	char *path;
	/*
	 * LIO's unit serial, which comes after open but before the first command: the
	 * worker asks for it then, the home thread gives the logical unit its name.
	 */
	bool asked, named;
	char *serial; /* NULL: LIO has none */

	/* home thread: a line in the log about copies by token, when there were some */
	struct ring_timer report;
	struct lu_stats reported;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t idle;  /* in_flight has become 0 */
	unsigned in_flight;   /* commands between handle_cmd and the runner's done */
	struct command *pool; /* those that are free; as many as ever ran at once */
};

/*
 * The runner's threads (not the home thread): they wait for what they ask for, no
 * command does.  -errno with a reason in @err.
 */
int device_open(struct device **ret, struct tcmu_device *tcmu, char *err, size_t err_cap);
/* Ends when every command has ended and the data is flushed.  -errno of that. */
int device_close(struct device *d);
/*
 * The first command is there: device_ask on the worker, then device_name on the home
 * thread.
 */
void device_ask(struct device *d);
void device_name(struct device *d);
/* LIO has been told a new size: 0 when the file has it. */
int device_resize(struct device *d, uint64_t size, char *err, size_t err_cap);
/*
 * LIO's attribute emulate_write_cache has been set: WCE is that.  Off: returns when
 * what is in the cache is on the disk.  -errno of that.
 */
int device_set_write_cache(struct device *d, bool on);

/*
 * Reads "odx/PATH[;KEY=VALUE]..." into @lun, fresh from config_lun_init, in the words
 * of odxd's --lun, and refuses what LIO says elsewhere.  As config_parse_lun.
 */
int device_options(struct config_lun *lun, const char *cfgstring, char *err, size_t err_cap);
/* Could a device with these options be opened, as far as can be told now? */
bool device_possible(const struct config_lun *lun, char *err, size_t err_cap);

#endif
