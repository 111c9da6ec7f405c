/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's own parts: command line, the command of --run.  odxd*.c only; one
 * thread.
 */
#ifndef TARGET_ISCSI_ODXD_H
#define TARGET_ISCSI_ODXD_H

#include <signal.h>
#include <stdio.h>
#include <sys/types.h>

#include "config.h"

/* Exit statuses beside 0 and the command's own. */
#define ODXD_FAILED    1 /* could not start, or could not flush at the end */
#define ODXD_USAGE     2
#define ODXD_LUN_ENDED 3 /* a LUN's file was truncated while it was served */

struct odxd_options {
	struct config cfg;
	bool check, verbose;
	const char *run; /* NULL: serve until a signal */
};

/*
 * Reads the command line and the configuration file into @opts.  -1: go on; else
 * the exit status of a process that is done (help was printed, or what is wrong).
 * odxd_options_done in any case.
 */
int odxd_options(struct odxd_options *opts, int argc, char **argv);
void odxd_options_done(struct odxd_options *opts);

/* One line of counters for each LUN of @t. */
void odxd_say_stats(FILE *f, const struct target *t);
/* Likewise one line with those of the portal, all targets together. */
void odxd_say_portal_stats(FILE *f, const struct iscsi_server *s);

/* The command of --run: a process group of its own, so that signals reach all of it. */
struct odxd_run {
	pid_t pid; /* 0: none running */
	int status;
	bool foreground; /* it has the terminal */
};

/*
 * Starts @command by /bin/sh with "uri" in its environment and @mask as its signal
 * mask (that of the process before odxd blocked signals).  -errno.
 */
int odxd_run_start(struct odxd_run *run, const char *command, const char *uri,
		   const sigset_t *mask);
void odxd_run_signal(const struct odxd_run *run, int sig);
/* On SIGCHLD: true when the command has just ended. */
bool odxd_run_ended(struct odxd_run *run);
/* The shell's way: its status, or 128 and the signal that killed it. */
int odxd_run_status(const struct odxd_run *run);

#endif
