/* SPDX-License-Identifier: Apache-2.0 */
#include "odxd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef ODX_VERSION
#define ODX_VERSION "unknown"
#endif

static const char help[] =
	"Usage: odxd [OPTION]...\n"
	"Serve files, block devices and memory as iSCSI LUNs that copy between each other\n"
	"by token (Offloaded Data Transfer).\n"
	"\n"
	"  -c, --config FILE         read FILE; see configs/odxd.conf.reference\n"
	"      --portal ADDR:PORT    listen here (" CONFIG_DEFAULT_PORTAL "); port 0: any free\n"
	"                            one. May be repeated; replaces the portals of FILE\n"
	"      --lun PATH[,KEY=VALUE]...\n"
	"                            add a LUN under the lowest free number. May be repeated.\n"
	"                            PATH: file, block device, or mem:NAME\n"
	"                              size=SIZE        create the file (\"20G\"); must match\n"
	"                                               the size of one that exists\n"
	"                              block-size=N     512 (default) or 4096\n"
	"                              physical-block-size=N  what to say of the storage's\n"
	"                              read-only        refuse writes\n"
	"                              direct           O_DIRECT, past the page cache\n"
	"                              serial=TEXT      serial number, else made from the name\n"
	"                              odx.KEY=VALUE    as in the odx section of FILE\n"
	"                              fault=WORDS      make trouble, for tests\n"
	"                            A comma in PATH is written \\,\n"
	"      --target IQN          the target of these LUNs: one of FILE or a new one\n"
	"                            (FILE's first, or " CONFIG_DEFAULT_TARGET ")\n"
	"      --reactors N          threads that serve connections, 1 to 64; 0 (default): one\n"
	"                            for each processor, at most 4\n"
	"      --run COMMAND         serve while COMMAND runs (by /bin/sh, with the target's\n"
	"                            iscsi:// address as $uri), then stop with its status\n"
	"      --check               say whether the configuration is fine, serve nothing\n"
	"  -v, --verbose             say more; twice: debug\n"
	"      --help, --version\n"
	"\n"
	"Exit status: 0 after SIGTERM or SIGINT; 1 could not start, or data could not be\n"
	"flushed at the end; 2 wrong usage; 3 a LUN's file was truncated while served.\n";

enum {
	OPT_PORTAL = 256,
	OPT_LUN,
	OPT_TARGET,
	OPT_REACTORS,
	OPT_RUN,
	OPT_CHECK,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "portal", required_argument, NULL, OPT_PORTAL },
	{ "lun", required_argument, NULL, OPT_LUN },
	{ "target", required_argument, NULL, OPT_TARGET },
	{ "reactors", required_argument, NULL, OPT_REACTORS },
	{ "run", required_argument, NULL, OPT_RUN },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* The command line as it stands; what it means depends on the file, which comes first. */
struct words {
	const char *config, *target, *reactors;
	const char **portals, **luns;
	unsigned nportals, nluns, verbose;
};

static int wrong(const char *what)
{
	fprintf(stderr, "odxd: %s\n", what);
	return ODXD_USAGE;
}

static int read_words(struct words *w, struct odxd_options *opts, int argc, char **argv)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:v", long_options, NULL)) != -1)
		switch (c) {
		case 'c':
			if (w->config)
				return wrong("-c is given twice: one file is read");
			w->config = optarg;
			break;
		case OPT_PORTAL:
			w->portals[w->nportals++] = optarg;
			break;
		case OPT_LUN:
			w->luns[w->nluns++] = optarg;
			break;
		case OPT_TARGET:
			w->target = optarg;
			break;
		case OPT_REACTORS:
			w->reactors = optarg;
			break;
		case OPT_RUN:
			opts->run = optarg;
			break;
		case OPT_CHECK:
			opts->check = true;
			break;
		case 'v':
			w->verbose++;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return 0;
		case OPT_VERSION:
			puts("odxd " ODX_VERSION);
			return 0;
		case ':':
			fprintf(stderr, "odxd: %s needs a value; see odxd --help\n",
				argv[optind - 1]);
			return ODXD_USAGE;
		default:
			fprintf(stderr, "odxd: unknown option %s; see odxd --help\n",
				argv[optind - 1]);
			return ODXD_USAGE;
		}
	if (optind == argc)
		return -1;
	fprintf(stderr, "odxd: what is \"%s\"? A LUN is given as --lun %s\n", argv[optind],
		argv[optind]);
	return ODXD_USAGE;
}

static int apply(const struct words *w, struct odxd_options *opts)
{
	char err[1024];
	int r = 0;

	if (w->config)
		r = config_load(&opts->cfg, w->config, err, sizeof(err));
	if (r == 0 && w->reactors)
		r = config_set_reactors(&opts->cfg, w->reactors, err, sizeof(err));
	for (unsigned i = 0; r == 0 && i < w->nportals; i++)
		r = config_add_portal(&opts->cfg, w->portals[i], i == 0, err, sizeof(err));
	for (unsigned i = 0; r == 0 && i < w->nluns; i++)
		r = config_add_lun(&opts->cfg, w->target, w->luns[i], err, sizeof(err));
	if (r == 0)
		r = config_finish(&opts->cfg, err, sizeof(err));
	if (r < 0) {
		fprintf(stderr, "odxd: %s\n", err);
		/* Without a file all of it was on the command line. */
		return w->config ? ODXD_FAILED : ODXD_USAGE;
	}
	if (w->verbose && opts->cfg.log_level < LEVEL_INFO)
		opts->cfg.log_level = LEVEL_INFO;
	if (w->verbose > 1)
		opts->cfg.log_level = LEVEL_DEBUG;
	opts->verbose = w->verbose;
	return -1;
}

int odxd_options(struct odxd_options *opts, int argc, char **argv)
{
	struct words w = { 0 };
	int status = ODXD_FAILED;

	*opts = (struct odxd_options) { 0 };
	config_init(&opts->cfg);
	w.portals = calloc((size_t)argc, sizeof(*w.portals));
	w.luns = calloc((size_t)argc, sizeof(*w.luns));
	if (w.portals && w.luns) {
		status = read_words(&w, opts, argc, argv);
		if (status < 0)
			status = apply(&w, opts);
	} else {
		fprintf(stderr, "odxd: out of memory\n");
	}
	free(w.portals);
	free(w.luns);
	return status;
}

void odxd_options_done(struct odxd_options *opts)
{
	config_done(&opts->cfg);
}
