/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tcmu-runner and a handler have in common, in our own words: Debian has the
 * programs but no header files.  Only what we use is named; the places were checked
 * against Debian 12's binaries (1.5.4) and are asserted below.  With
 * -Dtcmu-headers=DIR the build compares them with the true headers (abi_check.c).
 *
 * Calls: the runner's main thread registers handlers and calls check_config, open,
 * close and reconfig; a device's worker thread (nr_threads = 1) calls handle_cmd and
 * then the command's done with what handle_cmd returned.
 */
#ifndef TCMU_RUNNER_ABI_H
#define TCMU_RUNNER_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <time.h>

struct tcmu_device; /* the runner's: one LIO storage object */
struct tcmur_cmd;

/* What a command ends with, and what handle_cmd returns. */
enum {
	TCMU_STS_ASYNC_HANDLED = -2,
	TCMU_STS_NOT_HANDLED = -1,
	TCMU_STS_OK = 0,
	TCMU_STS_NO_RESOURCE = 1,     /* TASK SET FULL */
	TCMU_STS_PASSTHROUGH_ERR = 2, /* CHECK CONDITION with the sense in sense_buf */
	TCMU_STS_BUSY = 3,
};

#define TCMU_SENSE_LEN 96

/* A command as the kernel's ring has it; libtcmu owns it until done. */
struct tcmulib_cmd {
	uint16_t cmd_id;
	uint8_t *cdb; /* a copy, as long as its opcode says */
	struct iovec *iovec;
	size_t iov_cnt;
	uint8_t sense_buf[TCMU_SENSE_LEN];
	void *hm_private; /* the runner's */
};

/* The runner's view of it; the runner owns it until done has been called. */
struct tcmur_cmd {
	struct tcmulib_cmd *lib_cmd;
	struct iovec *iovec; /* of compound commands; not for passthrough */
	size_t iov_cnt;
	void *iov_base_copy;
	void *cmd_state; /* free for a passthrough handler */
	size_t requested;
	void *list[2]; /* for the runner's timeout */
	struct timespec start_time;
	bool timed_out;
	void (*done)(struct tcmu_device *dev, struct tcmur_cmd *cmd, int status);
};

enum tcmulib_cfg_type {
	TCMULIB_CFG_DEV_CFGSTR,
	TCMULIB_CFG_DEV_SIZE,
	TCMULIB_CFG_WRITE_CACHE,
};

/* A change of configuration that the kernel passes on. */
struct tcmulib_cfg_info {
	enum tcmulib_cfg_type type;
	union {
		uint64_t dev_size; /* bytes */
		char *dev_cfgstring;
		bool write_cache;
	} data;
};

/*
 * Without read, write and flush it is "passthrough only": every command that LIO
 * does not answer itself comes to handle_cmd.
 */
struct tcmur_handler {
	const char *name, *subtype, *cfg_desc;
	void *opaque;
	/* False: *reason is a string for the user, freed by the runner. */
	bool (*check_config)(const char *cfgstring, char **reason);
	int (*reconfig)(struct tcmu_device *dev, struct tcmulib_cfg_info *cfg); /* 0, -errno */
	int (*open)(struct tcmu_device *dev, bool reopen);			/* 0, -errno */
	void (*close)(struct tcmu_device *dev);
	int nr_threads;
	int (*handle_cmd)(struct tcmu_device *dev, struct tcmur_cmd *cmd);
	/* Optional callouts and fields of the runner's own that must be zero. */
	void *zero[15];
	void *later[16]; /* what a later version may look at */
};

#if defined(__x86_64__) && !defined(TCMU_ABI_CHECK)
_Static_assert(offsetof(struct tcmulib_cmd, cdb) == 8, "tcmulib_cmd");
_Static_assert(offsetof(struct tcmulib_cmd, iovec) == 16, "tcmulib_cmd");
_Static_assert(offsetof(struct tcmulib_cmd, iov_cnt) == 24, "tcmulib_cmd");
_Static_assert(offsetof(struct tcmulib_cmd, sense_buf) == 32, "tcmulib_cmd");
_Static_assert(sizeof(struct tcmulib_cmd) == 136, "tcmulib_cmd");
_Static_assert(offsetof(struct tcmur_cmd, cmd_state) == 32, "tcmur_cmd");
_Static_assert(offsetof(struct tcmur_cmd, done) == 88, "tcmur_cmd");
_Static_assert(sizeof(struct tcmur_cmd) == 96, "tcmur_cmd");
_Static_assert(offsetof(struct tcmulib_cfg_info, data) == 8, "tcmulib_cfg_info");
_Static_assert(offsetof(struct tcmur_handler, check_config) == 32, "tcmur_handler");
_Static_assert(offsetof(struct tcmur_handler, reconfig) == 40, "tcmur_handler");
_Static_assert(offsetof(struct tcmur_handler, open) == 48, "tcmur_handler");
_Static_assert(offsetof(struct tcmur_handler, close) == 56, "tcmur_handler");
_Static_assert(offsetof(struct tcmur_handler, nr_threads) == 64, "tcmur_handler");
_Static_assert(offsetof(struct tcmur_handler, handle_cmd) == 72, "tcmur_handler");
_Static_assert(offsetof(struct tcmur_handler, zero) == 80, "tcmur_handler");
_Static_assert(offsetof(struct tcmur_handler, later) == 200, "tcmur_handler");
#endif

/* The runner's; @handler stays ours and in place for ever. */
int tcmur_register_handler(struct tcmur_handler *handler);
void *tcmur_dev_get_private(struct tcmu_device *dev);
void tcmur_dev_set_private(struct tcmu_device *dev, void *priv);

/* libtcmu's. */
char *tcmu_dev_get_cfgstring(struct tcmu_device *dev); /* the device's: "odx/" first */
uint64_t tcmu_dev_get_num_lbas(struct tcmu_device *dev);
uint32_t tcmu_dev_get_block_size(struct tcmu_device *dev);
uint32_t tcmu_dev_get_max_xfer_len(struct tcmu_device *dev); /* hw_max_sectors, blocks */
char *tcmu_dev_get_uio_name(struct tcmu_device *dev);	     /* the device's: "uio0" */
char *tcmu_cfgfs_dev_get_wwn(struct tcmu_device *dev);	     /* unit serial; NULL, or free() it */

/* Lines for the runner's log, each with its newline; @dev NULL: of no device. */
void tcmu_err_message(struct tcmu_device *dev, const char *func, int line, const char *fmt, ...);
void tcmu_warn_message(struct tcmu_device *dev, const char *func, int line, const char *fmt, ...);
void tcmu_info_message(struct tcmu_device *dev, const char *func, int line, const char *fmt, ...);
void tcmu_dbg_message(struct tcmu_device *dev, const char *func, int line, const char *fmt, ...);

#endif
