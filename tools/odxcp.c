/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odxcp: copies a LUN to a LUN, offloaded to the target when it can, through
 * this process when it cannot.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "report.h"
#include "stream.h"

#ifndef ODX_VERSION
#define ODX_VERSION "0"
#endif

enum exit_status {
	EXIT_OK = 0,
	EXIT_COPY = 1,	    /* copying or verifying failed          */
	EXIT_USAGE = 2,	    /* bad arguments                        */
	EXIT_ACCESS = 3,    /* no connection, target or LUN         */
	EXIT_UNFIT = 4,	    /* these two LUNs cannot be copied      */
	EXIT_DIFFERENT = 5, /* verified, and they differ            */
	EXIT_STRICT = 6,    /* --strict, and the target broke a rule */
};

static const char help[] =
	"Usage: odxcp [OPTION]... SRC_URI DST_URI\n"
	"Copy one iSCSI LUN to another one by Offloaded Data Transfer: the target moves\n"
	"the data.  What it does not offload is copied with READ and WRITE.\n"
	"\n"
	"A URI is iscsi://[USER[%SECRET]@]HOST[:PORT]/TARGET/LUN, with\n"
	"?target_user=USER&target_password=SECRET after it for mutual CHAP.\n"
	"\n"
	"      --no-offload  copy with READ and WRITE only\n"
	"      --verify      then read both LUNs and compare them\n"
	"      --strict      report answers of the target that a checked build of Windows\n"
	"                    would stop at\n"
	"      --json        the result as JSON on standard output\n"
	"      --help        show this help\n"
	"      --version     show the version\n"
	"\n"
	"Exit status:\n"
	"  0  copied (and, with --verify, the same)\n"
	"  1  the copy or the verification failed midway\n"
	"  2  bad arguments\n"
	"  3  a portal, target or LUN cannot be reached\n"
	"  4  the LUNs do not fit: destination smaller, read-only, or the source itself\n"
	"  5  verification found a difference\n"
	"  6  all was copied, but --strict found an answer that breaks a rule\n";

struct options {
	bool json, no_offload, verify, strict;
};

/* All that is open during a copy. */
struct odxcp {
	struct options opt;
	struct initiator_uri src_uri, dst_uri;
	struct initiator *src_in, *dst_in; /* the same one if on the same target */
	struct disk src, dst;
	struct disk_host host;
	unsigned broken[STRICT_RULES]; /* how often, by rule */
	struct engine engine;
	struct initiator_counts counts;
	struct report report;
	char err[2 * INITIATOR_ERR];
};

static bool same_address(const struct initiator *a, const struct initiator *b)
{
	struct sockaddr_storage x, y;

	return initiator_peer(a, &x) && initiator_peer(b, &y) && memcmp(&x, &y, sizeof(x)) == 0;
}

/* One line for each rule: a target tends to break the same one every time. */
static void violation(void *ctx, const struct strict_violation *v)
{
	struct odxcp *c = ctx;

	c->report.violations++;
	if (c->broken[v->rule]++ == 0)
		fprintf(stderr, "odxcp: LUN %u: %s: %s (%s)\n", v->lun, v->name, v->text,
			v->detail);
}

/* Prefixes this->err with the side it is about. */
static void blame(struct odxcp *c, const char *side, const char *what)
{
	snprintf(c->err, sizeof(c->err), "%s: %s", side, what);
}

static enum exit_status open_side(struct odxcp *c, const char *side,
				  const struct initiator_uri *uri, struct initiator **ret)
{
	char why[INITIATOR_ERR];

	if (initiator_open(ret, uri, NULL, why) == 0)
		return EXIT_OK;
	blame(c, side, why);
	return EXIT_ACCESS;
}

static enum exit_status open_disk(struct odxcp *c, const char *side,
				  const struct initiator_uri *uri, struct initiator *in,
				  struct disk *ret)
{
	char why[INITIATOR_ERR];

	if (disk_open(ret, in, uri->lun, &c->host, why) == 0)
		return EXIT_OK;
	blame(c, side, why);
	return EXIT_ACCESS;
}

/*
 * One session when both LUNs are of one target.  Host names may hide that two
 * portals are one: the addresses really connected to decide.
 */
static enum exit_status open_both(struct odxcp *c)
{
	enum exit_status s = open_side(c, "source", &c->src_uri, &c->src_in);

	if (s == EXIT_OK)
		s = open_side(c, "destination", &c->dst_uri, &c->dst_in);
	if (s != EXIT_OK)
		return s;
	if (strcmp(c->src_uri.target, c->dst_uri.target) == 0 &&
	    same_address(c->src_in, c->dst_in)) {
		if (c->src_uri.lun == c->dst_uri.lun) {
			blame(c, "destination", "is the source itself; name another LUN");
			return EXIT_UNFIT;
		}
		initiator_close(c->dst_in);
		c->dst_in = c->src_in;
	}
	s = open_disk(c, "source", &c->src_uri, c->src_in, &c->src);
	return s != EXIT_OK ? s : open_disk(c, "destination", &c->dst_uri, c->dst_in, &c->dst);
}

static enum exit_status check_fit(struct odxcp *c)
{
	uint64_t need = disk_bytes(&c->src), have = disk_bytes(&c->dst);

	if (c->dst.read_only) {
		blame(c, "destination", "the LUN is read-only");
		return EXIT_UNFIT;
	}
	if (need > have) {
		snprintf(c->err, sizeof(c->err),
			 "destination: too small: it has %" PRIu64
			 " bytes, the source has %" PRIu64,
			 have, need);
		return EXIT_UNFIT;
	}
	return EXIT_OK;
}

static void take_counts(struct odxcp *c)
{
	memset(&c->counts, 0, sizeof(c->counts));
	initiator_add_counts(c->src_in, &c->counts);
	if (c->dst_in != c->src_in)
		initiator_add_counts(c->dst_in, &c->counts);
}

static enum exit_status copy(struct odxcp *c)
{
	struct progress bar;
	char why[INITIATOR_ERR];
	double start = now_seconds();
	int r;

	c->engine = (struct engine) { .src = fsctl_lun(&c->src),
				      .dst = fsctl_lun(&c->dst),
				      .no_offload = c->opt.no_offload,
				      .progress = progress_update,
				      .ctx = &bar };
	c->report.engine = &c->engine;
	progress_init(&bar, "copying  ");
	r = engine_copy(&c->engine, why);
	progress_done(&bar);
	c->report.seconds = now_seconds() - start;
	take_counts(c);
	if (c->engine.fallback[0] && !c->opt.no_offload)
		fprintf(stderr, "odxcp: copying by READ and WRITE: %s\n", c->engine.fallback);
	if (r == 0)
		return EXIT_OK;
	snprintf(c->err, sizeof(c->err), "%s", why);
	return EXIT_COPY;
}

static enum exit_status verify(struct odxcp *c)
{
	struct progress bar;
	char why[INITIATOR_ERR];
	uint64_t first = STREAM_SAME;
	int r;

	c->engine.ctx = &bar;
	progress_init(&bar, "verifying");
	r = engine_verify(&c->engine, &first, why);
	progress_done(&bar);
	if (r) {
		snprintf(c->err, sizeof(c->err), "verification: %s", why);
		return EXIT_COPY;
	}
	if (first == STREAM_SAME) {
		c->report.verified = VERIFY_SAME;
		return EXIT_OK;
	}
	c->report.verified = VERIFY_DIFFERENT;
	c->report.first_difference = first;
	snprintf(c->err, sizeof(c->err),
		 "verification: source and destination differ at byte %" PRIu64, first);
	return EXIT_DIFFERENT;
}

static enum exit_status run(struct odxcp *c, char *const args[2])
{
	char why[INITIATOR_ERR];
	enum exit_status s;

	if (initiator_uri_parse(args[0], &c->src_uri, why)) {
		blame(c, "source", why);
		return EXIT_USAGE;
	}
	c->report.src = &c->src_uri;
	if (initiator_uri_parse(args[1], &c->dst_uri, why)) {
		blame(c, "destination", why);
		return EXIT_USAGE;
	}
	c->report.dst = &c->dst_uri;
	c->report.counts = &c->counts;
	s = open_both(c);
	if (s == EXIT_OK)
		s = check_fit(c);
	if (s == EXIT_OK)
		s = copy(c);
	if (s == EXIT_OK && c->opt.verify)
		s = verify(c);
	if (s != EXIT_OK || c->report.violations == 0)
		return s;
	snprintf(c->err, sizeof(c->err), "%u answers of the target break rules; see above",
		 c->report.violations);
	return EXIT_STRICT;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *opt)
{
	enum { O_JSON = 256, O_NO_OFFLOAD, O_VERIFY, O_STRICT, O_HELP, O_VERSION };
	static const struct option longs[] = {
		{ "json", no_argument, NULL, O_JSON },
		{ "no-offload", no_argument, NULL, O_NO_OFFLOAD },
		{ "verify", no_argument, NULL, O_VERIFY },
		{ "strict", no_argument, NULL, O_STRICT },
		{ "help", no_argument, NULL, O_HELP },
		{ "version", no_argument, NULL, O_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case O_JSON:
			opt->json = true;
			break;
		case O_NO_OFFLOAD:
			opt->no_offload = true;
			break;
		case O_VERIFY:
			opt->verify = true;
			break;
		case O_STRICT:
			opt->strict = true;
			break;
		case O_HELP:
			fputs(help, stdout);
			return EXIT_OK;
		case O_VERSION:
			puts("odxcp " ODX_VERSION);
			return EXIT_OK;
		default: /* getopt has said what is wrong */
			return EXIT_USAGE;
		}
	}
	if (argc - optind == 2)
		return -1;
	fprintf(stderr, "odxcp: two URIs are needed, %d given; see odxcp --help\n", argc - optind);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct odxcp c = { .host = { 0 } };
	int s = parse(argc, argv, &c.opt);

	if (s >= 0)
		return s;
	if (c.opt.strict)
		c.host.strict = (struct strict) { .found = violation, .ctx = &c };
	c.report.strict = c.opt.strict;
	s = run(&c, argv + optind);
	if (s != EXIT_OK) {
		c.report.error = c.err;
		fprintf(stderr, "odxcp: %s\n", c.err);
	}
	if (c.opt.json ? report_json(stdout, &c.report) : (report_text(stdout, &c.report), 0)) {
		fprintf(stderr, "odxcp: out of memory\n");
		s = EXIT_COPY;
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "odxcp: cannot write the result: %s\n", strerror(errno));
		s = s == EXIT_OK ? EXIT_COPY : s;
	}
	if (c.dst_in != c.src_in)
		initiator_close(c.dst_in);
	initiator_close(c.src_in);
	return s;
}
