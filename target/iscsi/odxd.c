/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odxd: the iSCSI portal as a process.
 *
 * Starts everything in order (reactor, helpers, portals, LUNs), says what it
 * serves, runs the reactor until a signal or the end of --run's command, and takes
 * everything down in the opposite order.  Start-up that fails goes the same way
 * down, so there is one way out.
 */
#include "odxd.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "aux.h"

#define RING_ENTRIES  512
#define AUX_THREADS   4
#define STOP_GRACE_MS 5000

struct ending {
	struct target_quiet quiet;
	struct odxd *odxd;
};

struct odxd {
	struct odxd_options opts;
	FILE *say; /* where to say what is served; NULL: nowhere */
	sigset_t old_mask;
	int signal_fd;
	struct ring_op signal_op;
	struct aux *aux;
	struct bs_env env;
	struct bs_load load;
	struct iscsi_server *server;
	struct target **targets; /* as many as opts.cfg has; NULL: not made */
	struct ending *endings;	 /* as many */
	unsigned not_ended;	 /* targets that still copy, in stop() */
	char (*bound)[64];	 /* of each portal, as the kernel has it */
	struct odxd_run run;
	unsigned signals; /* asked to stop so often */
	bool stopping, stopped;
};

__attribute__((format(printf, 1, 2))) static int complain(const char *fmt, ...)
{
	va_list ap;

	fputs("odxd: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

static void all_ended(struct odxd *d)
{
	/* Nothing may be in flight when the ring goes: on_signal ends the loop. */
	d->stopped = true;
	ring_cancel_op(d->env.ring, &d->signal_op);
}

static void target_ended(struct target_quiet *q)
{
	struct odxd *d = ((struct ending *)q)->odxd;

	if (--d->not_ended == 0)
		all_ended(d);
}

/* No session is left: nobody can ask for what still runs in the background. */
static void stopped(void *ctx)
{
	struct odxd *d = ctx;

	d->not_ended = 1;
	for (unsigned i = 0; d->targets && i < d->opts.cfg.ntargets; i++) {
		if (!d->targets[i])
			continue;
		d->not_ended++;
		d->endings[i] = (struct ending) { { .done = target_ended }, d };
		target_end_copies(d->targets[i], &d->endings[i].quiet);
	}
	if (--d->not_ended == 0)
		all_ended(d);
}

static void stop(struct odxd *d)
{
	if (d->stopping)
		return;
	d->stopping = true;
	if (d->server)
		iscsi_server_stop(d->server, STOP_GRACE_MS, stopped, d);
	else
		stopped(d);
}

/* Asked to end: the first time cleanly, the second time at once. */
static void on_stop_signal(struct odxd *d, int sig)
{
	if (++d->signals > 1) {
		odxd_run_signal(&d->run, SIGKILL);
		complain("%s again: gone without waiting for running commands", strsignal(sig));
		_exit(128 + sig);
	}
	/* With a command running, its end is what stops us. */
	if (d->run.pid)
		odxd_run_signal(&d->run, sig);
	else
		stop(d);
}

/* With --run, standard output is the command's. */
static void say_stats(const struct odxd *d)
{
	FILE *f = d->opts.run ? stderr : stdout;

	for (unsigned i = 0; d->targets && i < d->opts.cfg.ntargets; i++)
		if (d->targets[i])
			odxd_say_stats(f, d->targets[i]);
	if (d->server)
		odxd_say_portal_stats(f, d->server);
}

static void watch_signals(struct odxd *d);

static void on_signal(struct ring_op *op, int res, unsigned cqe_flags)
{
	struct odxd *d = (struct odxd *)((char *)op - offsetof(struct odxd, signal_op));
	struct signalfd_siginfo info;

	(void)res;
	(void)cqe_flags;
	if (d->stopped) {
		ring_stop(d->env.ring);
		return;
	}
	while (read(d->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			say_stats(d);
		else if (info.ssi_signo != SIGCHLD)
			on_stop_signal(d, (int)info.ssi_signo);
		else if (odxd_run_ended(&d->run))
			stop(d);
	}
	watch_signals(d);
}

static void watch_signals(struct odxd *d)
{
	struct io_uring_sqe *sqe = ring_sqe(d->env.ring);

	io_uring_prep_poll_add(sqe, d->signal_fd, POLLIN);
	d->signal_op.done = on_signal;
	ring_submit_op(sqe, &d->signal_op);
}

/* Before any thread is started: they must not take the signals. */
static int block_signals(struct odxd *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, &d->old_mask) < 0)
		return complain("cannot block signals: %s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signal_fd < 0)
		return complain("cannot watch signals: %s", strerror(errno));
	return 0;
}

static unsigned reactors_wanted(const struct config *cfg)
{
	return cfg->limits.reactors ? cfg->limits.reactors : iscsi_default_reactors();
}

/* A descriptor for each connection, two for each reactor, those of the LUNs, some to spare. */
static void raise_descriptor_limit(const struct config *cfg)
{
	rlim_t want = cfg->limits.max_connections + 2 * reactors_wanted(cfg) + 128;
	struct rlimit lim;

	for (unsigned i = 0; i < cfg->ntargets; i++)
		want += 4 * cfg->targets[i].nluns; /* the file, saved data, shared blocks */
	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur >= want)
		return;
	lim.rlim_cur = want < lim.rlim_max ? want : lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_cur < want)
		log_warn("only %llu descriptors allowed, %llu are needed for max-connections: "
			 "raise the limit (ulimit -n) or lower limits.max-connections",
			 (unsigned long long)lim.rlim_cur, (unsigned long long)want);
}

static int start_base(struct odxd *d)
{
	const struct config *cfg = &d->opts.cfg;
	char err[512];
	int r;

	d->targets = calloc(cfg->ntargets, sizeof(*d->targets));
	d->endings = calloc(cfg->ntargets, sizeof(*d->endings));
	d->bound = calloc(cfg->portals.n, sizeof(*d->bound));
	if (!d->targets || !d->endings || !d->bound)
		return complain("out of memory");
	r = ring_new(&d->env.ring, RING_ENTRIES, err, sizeof(err));
	if (r < 0)
		return complain("%s", err);
	watch_signals(d);
	r = aux_new(&d->aux, AUX_THREADS);
	if (r < 0)
		return complain("cannot start threads: %s", strerror(-r));
	d->env.aux = d->aux;
	d->env.load = &d->load;
	r = iscsi_server_new(&d->server, &d->env, &cfg->limits);
	if (r < 0)
		return complain(
			"cannot start the portal: %s; limits.memory is %zu bytes, reactors is %u",
			strerror(-r), cfg->limits.arena_bytes, reactors_wanted(cfg));
	return 0;
}

/* Before the LUNs: a port in use leaves no newly created file behind. */
static int listen_all(struct odxd *d)
{
	const struct config_list *portals = &d->opts.cfg.portals;
	char err[512];

	for (unsigned i = 0; i < portals->n; i++)
		if (iscsi_server_listen(d->server, portals->v[i], d->bound[i], sizeof(d->bound[i]),
					err, sizeof(err)) < 0)
			return complain("%s", err);
	return 0;
}

static int open_lun(struct odxd *d, struct target *target, const struct config_lun *lun,
		    const char *state_dir)
{
	const struct bs_config store = config_lun_store(lun);
	struct lu_config unit = config_lun_unit(lun);
	struct backstore *bs;
	char err[512];

	unit.state_dir = state_dir;
	if (bs_open(&bs, &store, target_bs_env(target), err, sizeof(err)) < 0)
		return complain("%s", err);
	if (target_add_lu(target, bs, &unit, err, sizeof(err)) < 0) {
		bs_uncreate(bs);
		bs_close(bs);
		return complain("%s: %s", lun->path, err);
	}
	return 0;
}

static int start_target(struct odxd *d, const struct config_target *t, struct target **ret)
{
	const struct target_config core = {
		.name = t->name,
		.tokens = t->tokens,
		.copy = t->copy,
	};
	struct iscsi_target_config offer = {
		.chap = t->chap,
		.allowed = (const char *const *)t->initiators.v,
		.nallowed = t->initiators.n,
	};
	int r = target_new(ret, &core, &d->env);

	if (r < 0)
		return complain("cannot make target %s: %s", t->name, strerror(-r));
	for (unsigned i = 0; i < t->nluns; i++)
		if (open_lun(d, *ret, &t->luns[i], t->state_dir) < 0)
			return -1;
	offer.target = *ret;
	snprintf(offer.alias, sizeof(offer.alias), "%s", t->alias);
	r = iscsi_server_add_target(d->server, &offer);
	if (r < 0)
		return complain("cannot offer target %s: %s", t->name, strerror(-r));
	return 0;
}

static int start(struct odxd *d)
{
	const struct config *cfg = &d->opts.cfg;

	if (block_signals(d) < 0)
		return -1;
	raise_descriptor_limit(cfg);
	if (start_base(d) < 0 || listen_all(d) < 0)
		return -1;
	if (cfg->discovery_chap.user[0])
		iscsi_server_set_discovery_chap(d->server, &cfg->discovery_chap);
	for (unsigned i = 0; i < cfg->ntargets; i++)
		if (start_target(d, &cfg->targets[i], &d->targets[i]) < 0)
			return -1;
	return 0;
}

/* "1 GiB", "1.5 GiB", "1000 bytes". */
static const char *size_words(uint64_t bytes, char *ret, size_t cap)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	unsigned u = 0;
	uint64_t unit = 1;

	while (u < 4 && bytes >= unit * 1024) {
		unit *= 1024;
		u++;
	}
	if (bytes % unit == 0)
		snprintf(ret, cap, "%llu %s", (unsigned long long)(bytes / unit), units[u]);
	else
		snprintf(ret, cap, "%.1f %s", (double)bytes / (double)unit, units[u]);
	return ret;
}

static void say_target(const struct odxd *d, const struct config_target *t, struct target *target)
{
	char size[32];

	fprintf(d->say, "target %s\n", t->name);
	for (unsigned i = 0; i < t->nluns; i++) {
		const struct config_lun *lun = &t->luns[i];
		const struct backstore *bs = lu_backstore(target_lu(target, lun->lun));

		fprintf(d->say, "  lun %u: %s, %s, %u-byte blocks%s%s\n", lun->lun, lun->path,
			size_words(bs_size(bs), size, sizeof(size)), lun->block_size,
			lun->read_only ? ", read-only" : "", lun->direct ? ", direct" : "");
		fprintf(d->say, "  uri iscsi://%s/%s/%u\n", d->bound[0], t->name, lun->lun);
	}
}

static void say_portal(const struct odxd *d, const char *portal, const char *bound)
{
	const char *tag = strchr(portal, ',');

	fprintf(d->say, "listening on %s%s%s\n", bound, tag ? ", portal group " : "",
		tag ? tag + 1 : "");
}

static void say_all(const struct odxd *d)
{
	const struct config *cfg = &d->opts.cfg;

	if (!d->say)
		return;
	for (unsigned i = 0; i < cfg->portals.n; i++)
		say_portal(d, cfg->portals.v[i], d->bound[i]);
	for (unsigned i = 0; i < cfg->ntargets; i++)
		say_target(d, &cfg->targets[i], d->targets[i]);
	fprintf(d->say, "ready\n");
}

static int start_command(struct odxd *d)
{
	char uri[512];
	int r;

	snprintf(uri, sizeof(uri), "iscsi://%s/%s", d->bound[0], d->opts.cfg.targets[0].name);
	r = odxd_run_start(&d->run, d->opts.run, uri, &d->old_mask);
	return r < 0 ? complain("cannot start /bin/sh: %s", strerror(-r)) : 0;
}

/* One line for each LUN whose file somebody truncated. */
static int report_ended_luns(const struct odxd *d)
{
	int status = 0;

	for (unsigned i = 0; i < d->opts.cfg.ntargets; i++) {
		const struct config_target *t = &d->opts.cfg.targets[i];

		for (unsigned n = 0; d->targets[i] && n < t->nluns; n++) {
			const struct lu *lu = target_lu(d->targets[i], t->luns[n].lun);

			if (!lu || !lu_failed(lu))
				continue;
			complain("%s (lun %u) was truncated while it was served: what was beyond "
				 "its end is lost; restore it before serving it again",
				 t->luns[n].path, t->luns[n].lun);
			status = ODXD_LUN_ENDED;
		}
	}
	return status;
}

/* A start that failed leaves no file behind that it made for size=. */
static void remove_created(const struct odxd *d)
{
	for (unsigned i = 0; d->targets && i < d->opts.cfg.ntargets; i++) {
		const struct config_target *t = &d->opts.cfg.targets[i];

		for (unsigned n = 0; d->targets[i] && n < t->nluns; n++) {
			const struct lu *lu = target_lu(d->targets[i], t->luns[n].lun);

			if (lu)
				bs_uncreate(lu_backstore(lu));
		}
	}
}

/* Everything down, in the opposite order; works from any point of start(). */
static int finish(struct odxd *d, int status)
{
	int ended;

	if (d->env.ring && !d->stopping) { /* start-up failed: the loop has not run yet */
		stop(d);
		ring_run(d->env.ring);
	}
	/* What follows may take as long as the storage does: a signal ends it. */
	sigprocmask(SIG_SETMASK, &d->old_mask, NULL);
	if (d->opts.verbose)
		say_stats(d);
	iscsi_server_free(d->server);
	ended = d->targets ? report_ended_luns(d) : 0;
	for (unsigned i = 0; d->targets && i < d->opts.cfg.ntargets; i++) {
		int r = target_free(d->targets[i]);

		if (r < 0 && !ended) {
			complain("%s: not all data could be written: %s",
				 d->opts.cfg.targets[i].name, strerror(-r));
			ended = ODXD_FAILED;
		}
	}
	aux_free(d->aux);
	ring_free(d->env.ring);
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	free(d->targets);
	free(d->endings);
	free(d->bound);
	return status ? status : ended;
}

static int serve(struct odxd *d)
{
	int status = ODXD_FAILED;

	if (start(d) < 0) {
		remove_created(d);
		return finish(d, status);
	}
	say_all(d);
	if (!d->opts.run || start_command(d) == 0) {
		ring_run(d->env.ring);
		status = d->opts.run ? odxd_run_status(&d->run) : 0;
	} else {
		remove_created(d);
	}
	return finish(d, status);
}

int main(int argc, char **argv)
{
	struct odxd d = { .signal_fd = -1 };
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	status = odxd_options(&d.opts, argc, argv);
	if (status < 0 && d.opts.check) {
		puts("configuration is fine");
		status = 0;
	}
	if (status < 0) {
		log_set_level(d.opts.cfg.log_level);
		if (!d.opts.run)
			d.say = stdout;
		else if (d.opts.verbose)
			d.say = stderr;
		status = serve(&d);
	}
	odxd_options_done(&d.opts);
	return status;
}
