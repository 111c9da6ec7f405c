/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command of the ring on its way through the logical unit.
 */
#ifndef TCMU_COMMAND_H
#define TCMU_COMMAND_H

#include "device.h"

/*
 * handle_cmd: a worker of the runner.  Posts the command to the home thread and
 * returns TCMU_STS_ASYNC_HANDLED, or TCMU_STS_NO_RESOURCE without memory.
 */
int command_start(struct device *d, struct tcmur_cmd *rc);

/* Frees the device's free commands; none is in flight. */
void command_pool_done(struct device *d);

#endif
