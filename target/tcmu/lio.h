/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What LIO keeps of a device in configfs and libtcmu does not ask for.  The runner's
 * threads, never the home one: these are files.
 */
#ifndef TCMU_LIO_H
#define TCMU_LIO_H

#include <stdbool.h>
#include <stddef.h>

#include "runner_abi.h"

/*
 * Should the device that is being opened have a write cache?  A new one has, and
 * emulate_write_cache is made to say so: LIO begins with 0, which targetcli would save
 * and switch the cache off with when it restores the configuration.  One that is there
 * already (the runner was started again) has what that attribute says.
 */
bool lio_write_cache(struct tcmu_device *tcmu);

/* The same, of the device's directory in configfs. */
bool lio_write_cache_of(const char *dir);

/*
 * That directory, from the name of the device's uio, "tcm-user/HBA/NAME/...": false
 * when it is no such name or too long.
 */
bool lio_device_dir(const char *uio_name, char *ret, size_t cap);

#endif
