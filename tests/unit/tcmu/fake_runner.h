/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tcmu-runner for tests: the functions that a handler finds in the real one and in
 * libtcmu, and workers that treat it as the real ones do: one thread per device takes
 * the commands in order, calls handle_cmd, and then, at once and whatever it was, the
 * command's done with what handle_cmd returned.  A command's memory is freed when its
 * done has run.  The test's thread is the runner's main thread.
 */
#ifndef TESTS_FAKE_RUNNER_H
#define TESTS_FAKE_RUNNER_H

#include <pthread.h>

#include "runner_abi.h"

/* Loads the handler; what it registered.  Ends the test binary when that fails. */
const struct tcmur_handler *fake_load(const char *path);

/* What LIO knows of a device; strings are the test's. */
struct fake_config {
	const char *cfgstring; /* "odx/..." */
	const char *serial;    /* NULL: configfs cannot be read */
	uint64_t size;
	uint32_t block_size, max_sectors;
};

/* A command, its data and its end; the test's. */
struct fake_cmd {
	uint8_t cdb[16];
	struct iovec *iov;
	size_t niov;
	/* the end */
	int status;
	uint8_t sense[TCMU_SENSE_LEN];
	unsigned times; /* done was called */
};

/* 0: open, the worker runs; else what the handler's open returned. */
int fake_open(struct tcmu_device **ret, const struct fake_config *cfg);
/* As dev_removed: ends the worker, waits for all commands, closes. */
void fake_remove(struct tcmu_device *dev);
/* Ends the worker and closes with commands still running. */
void fake_close_now(struct tcmu_device *dev);

void fake_submit(struct tcmu_device *dev, struct fake_cmd *cmd);
void fake_wait(struct tcmu_device *dev, struct fake_cmd *cmd);
/* Waits until the worker has given every command to the handler. */
void fake_drain(struct tcmu_device *dev);
unsigned fake_running(struct tcmu_device *dev); /* commands without an end */

/* The worker dawdles between handle_cmd and done, so that completions overtake it. */
void fake_lazy(struct tcmu_device *dev, bool lazy);
/*
 * The first command that the handler's own thread ends holds up that thread until
 * fake_gate(dev, false).
 */
void fake_gate(struct tcmu_device *dev, bool closed);

void fake_serial(struct tcmu_device *dev, const char *serial); /* from now on */

int fake_resize(struct tcmu_device *dev, uint64_t size); /* reconfig */
int fake_reconfig(struct tcmu_device *dev, struct tcmulib_cfg_info *cfg);

#endif
