/* SPDX-License-Identifier: Apache-2.0 */
#include "odxd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Gives the terminal, if we have it, to @group. */
static bool give_terminal(pid_t group)
{
	if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) < 0)
		return false;
	return tcsetpgrp(STDIN_FILENO, group) == 0;
}

/* In the child.  Comes back only when the shell cannot be started. */
static void become(const char *command, const char *uri, const sigset_t *mask, bool foreground)
{
	setpgid(0, 0);
	/* Both sides do it, so that it is done before either goes on. */
	if (foreground)
		give_terminal(getpid());
	signal(SIGTTOU, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	/* Should odxd be killed outright, the command does not go on without a target. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (setenv("uri", uri, 1) == 0)
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
}

int odxd_run_start(struct odxd_run *run, const char *command, const char *uri, const sigset_t *mask)
{
	bool foreground = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
	pid_t pid;

	/* Else taking the terminal back would stop us. */
	signal(SIGTTOU, SIG_IGN);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		become(command, uri, mask, foreground);
		_exit(127);
	}
	setpgid(pid, pid);
	run->foreground = foreground && give_terminal(pid);
	run->pid = pid;
	return 0;
}

void odxd_run_signal(const struct odxd_run *run, int sig)
{
	if (run->pid > 0)
		kill(-run->pid, sig);
}

bool odxd_run_ended(struct odxd_run *run)
{
	if (run->pid <= 0 || waitpid(run->pid, &run->status, WNOHANG) != run->pid)
		return false;
	run->pid = 0;
	if (run->foreground)
		give_terminal(getpgrp());
	return true;
}

int odxd_run_status(const struct odxd_run *run)
{
	if (WIFSIGNALED(run->status))
		return 128 + WTERMSIG(run->status);
	return WEXITSTATUS(run->status);
}
