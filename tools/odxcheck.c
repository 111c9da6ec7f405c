/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odxcheck: would Windows offload copies to this LUN, and what would it do?
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "check_pages.h"
#include "check_report.h"
#include "check_tests.h"
#include "report.h"

#ifndef ODX_VERSION
#define ODX_VERSION "0"
#endif

#define MIB	     (UINT64_C(1) << 20)
#define AREA_MIB     64
#define AREA_MIB_MAX 1024 /* it is kept in memory, twice */
#define WINDOWS	     16	  /* in an area */
#define WINDOW_MAX   (UINT64_C(64) << 10)
#define LIST_ID_MASK 0x7fffff00u
#define PLAN_BYTES   (UINT64_C(1) << 30)

static const char help[] =
	"Usage: odxcheck [OPTION]... URI [URI2]\n"
	"Tell whether Windows would offload copies on an iSCSI LUN (from URI to URI2, or\n"
	"onto itself), what it would send, and what is wrong.  Without --destructive\n"
	"tokens are made and nothing is written.\n"
	"\n"
	"A URI is iscsi://[USER[%SECRET]@]HOST[:PORT]/TARGET/LUN, with\n"
	"?target_user=USER&target_password=SECRET after it for mutual CHAP.\n"
	"\n"
	"      --destructive  also write: to the last part of the LUNs named, which is\n"
	"                     put back at the end unless the target or this program dies.\n"
	"                     Nothing else may use the LUNs meanwhile\n"
	"      --area=MIB     the size of that part in MiB, 1 to 1024 (64)\n"
	"      --json         the result as JSON on standard output\n"
	"      --help         show this help\n"
	"      --version      show the version\n"
	"\n"
	"Exit status:\n"
	"  0  Windows would offload, and no finding failed\n"
	"  1  it would not, or a finding failed\n"
	"  2  bad arguments\n"
	"  3  a portal, target or LUN cannot be reached\n"
	"  4  the tests were interrupted, or the connection was lost during them\n";

struct options {
	bool json, destructive;
	unsigned area_mib;
};

/* One of the LUNs, through two sessions. */
struct lun {
	struct initiator_uri uri;
	struct initiator *in, *in2; /* in2 may be NULL */
	struct disk disk;
	bool usable; /* it may be read and written through disk */
	struct probe *probe, *probe2;
	struct area area;
};

struct odxcheck {
	struct options opt;
	struct lun lun[SIDE_COUNT];
	unsigned nluns;
	struct disk_host host;
	struct findings findings;
	struct plan plan;
	struct check_report report;
	bool lost; /* a session, during the tests */
	char err[2 * INITIATOR_ERR];
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = 1;
}

static void catch_signals(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
}

static void progress(const char *what)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%.70s ...\033[K", what);
}

static void progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}

static struct probe *new_probe(struct odxcheck *o, struct lun *l, struct initiator *in)
{
	struct probe *p = in ? calloc(1, sizeof(*p)) : NULL;

	if (p) {
		p->in = in;
		p->disk = &l->disk;
		p->host = &o->host;
		probe_ready(p);
	}
	return p;
}

static bool same_address(const struct initiator *a, const struct initiator *b)
{
	struct sockaddr_storage x, y;

	return initiator_peer(a, &x) && initiator_peer(b, &y) && memcmp(&x, &y, sizeof(x)) == 0;
}

static bool same_target(const struct odxcheck *o)
{
	const struct lun *a = &o->lun[0], *b = &o->lun[1];

	return strcmp(a->uri.target, b->uri.target) == 0 && same_address(a->in, b->in);
}

/* ---- the parts of a run; each returns false when it is the last one ---- */

static bool open_lun(struct odxcheck *o, struct lun *l)
{
	char why[INITIATOR_ERR];
	int r = initiator_open(&l->in, &l->uri, NULL, why);

	if (r == 0)
		r = disk_open(&l->disk, l->in, l->uri.lun, &o->host, why);
	l->usable = r == 0;
	if (r == 0 || (l->in && l->disk.seen[STEP_CAPACITY_10].sent &&
		       l->disk.seen[STEP_CAPACITY_10].verdict == DISK_GOOD))
		return true;
	snprintf(o->err, sizeof(o->err), "%s", why);
	return false;
}

static bool discover(struct odxcheck *o)
{
	bool usable = true;

	for (unsigned i = 0; i < o->nluns; i++)
		if (!open_lun(o, &o->lun[i]))
			return false;
	if (o->nluns == 2 && same_target(o) && o->lun[0].uri.lun == o->lun[1].uri.lun)
		o->nluns = 1;
	o->report.findings = &o->findings;
	for (unsigned i = 0; i < o->nluns; i++)
		check_pages(&o->lun[i].disk, i, o->nluns == 2, &o->findings);
	if (o->nluns == 2)
		check_pair(&o->lun[0].disk, &o->lun[1].disk, same_target(o), &o->findings);
	for (unsigned i = 0; i < o->nluns; i++)
		usable = usable && o->lun[i].usable;
	if (usable && o->lun[0].disk.has_odx && o->lun[o->nluns - 1].disk.has_odx) {
		o->plan = plan_copy(&o->lun[0].disk, &o->lun[o->nluns - 1].disk, PLAN_BYTES);
		o->report.plan = &o->plan;
	}
	return usable && o->lun[0].disk.has_odx;
}

/* The second session of each LUN; without it some tests are skipped. */
static bool prepare(struct odxcheck *o)
{
	for (unsigned i = 0; i < o->nluns; i++) {
		struct lun *l = &o->lun[i];
		char why[INITIATOR_ERR];

		initiator_open(&l->in2, &l->uri, NULL, why);
		l->probe = new_probe(o, l, l->in);
		l->probe2 = new_probe(o, l, l->in2);
		if (!l->probe) {
			snprintf(o->err, sizeof(o->err), "out of memory");
			return false;
		}
	}
	return true;
}

/* How large the areas may be: 0 if a LUN is too small for any. */
static size_t area_len(const struct odxcheck *o)
{
	uint64_t len = o->opt.area_mib * MIB;

	for (unsigned i = 0; i < o->nluns; i++)
		if (disk_bytes(&o->lun[i].disk) < len)
			len = disk_bytes(&o->lun[i].disk);
	return (size_t)(len / MIB * MIB);
}

static bool open_areas(struct odxcheck *o, struct check *c, size_t len)
{
	c->window = len / WINDOWS < WINDOW_MAX ? len / WINDOWS : WINDOW_MAX;
	for (unsigned i = 0; i < o->nluns; i++) {
		struct lun *l = &o->lun[i];
		char uri[768];

		if (area_open(&l->area, l->probe, len, 1 + i * 100000)) {
			finding_add(&o->findings, SIDE_SOURCE, F_WUT_WINDOWS, VERDICT_FAIL,
				    "%.200s", l->area.err);
			return false;
		}
		fprintf(stderr,
			"odxcheck: writing to the last %zu MiB (blocks %" PRIu64 " to %" PRIu64
			") of %s\n",
			(size_t)(len / MIB), l->area.lba, l->disk.capacity.blocks - 1,
			initiator_uri_text(&l->uri, uri, sizeof(uri)));
	}
	c->sa = &o->lun[0].area;
	c->da = &o->lun[o->nluns - 1].area;
	return true;
}

/* What was there goes back through a new session if the old one is lost. */
static void log_in_again(struct lun *l)
{
	struct initiator *in;
	char why[INITIATOR_ERR];

	if (initiator_alive(l->in) || initiator_open(&in, &l->uri, NULL, why))
		return;
	initiator_close(l->in);
	l->in = l->probe->in = in;
}

static void close_areas(struct odxcheck *o)
{
	for (unsigned i = 0; i < o->nluns; i++) {
		struct area *a = &o->lun[i].area;
		bool ok;

		log_in_again(&o->lun[i]);
		ok = area_restore(a);
		finding_judge(&o->findings, SIDE_SOURCE, F_RESTORED, ok, VERDICT_FAIL, "%s",
			      ok ? "written back and compared" : a->err);
	}
}

static void destroy(struct odxcheck *o, struct check *c)
{
	size_t len = area_len(o), bad;

	for (unsigned i = 0; i < o->nluns; i++)
		if (o->lun[i].disk.read_only || !o->lun[i].disk.has_odx || len == 0) {
			finding_add(&o->findings, SIDE_SOURCE, F_WUT_WINDOWS,
				    len == 0 ? VERDICT_SKIP : VERDICT_FAIL,
				    "writes are not tested: a LUN %s",
				    len == 0		       ? "is smaller than 1 MiB"
				    : o->lun[i].disk.read_only ? "is write-protected"
							       : "cannot offload");
			return;
		}
	if (open_areas(o, c, len)) {
		check_writes(c);
		check_refusals(c, CMD_WRITE_USING_TOKEN);
		check_ends(c);
		check_life(c);
		o->lost = !stop && !check_going(c);
		finding_judge(&o->findings, SIDE_SOURCE, F_WUT_OUTSIDE,
			      area_holds(c->da, 0, len, &bad), VERDICT_FAIL,
			      "all of the area compared at the end, and around each write");
		close_areas(o);
	}
	for (unsigned i = 0; i < o->nluns; i++)
		area_done(&o->lun[i].area);
}

static void test(struct odxcheck *o)
{
	const struct lun *s = &o->lun[0], *d = &o->lun[o->nluns - 1];
	struct check c = { .f = &o->findings,
			   .src = s->probe,
			   .dst = d->probe,
			   .src2 = s->probe2,
			   .dst2 = d->probe2,
			   .stop = &stop,
			   .progress = progress };

	check_tokens(&c);
	check_refusals(&c, CMD_POPULATE_TOKEN);
	if (o->opt.destructive && check_going(&c))
		destroy(o, &c);
	progress_end();
	if (stop)
		snprintf(o->err, sizeof(o->err), "interrupted");
	else if (o->lost || !check_going(&c))
		snprintf(o->err, sizeof(o->err), "the connection was lost during the tests");
	check_alive(&c);
}

static enum check_exit run(struct odxcheck *o, char *const args[])
{
	double start = now_seconds();
	char why[INITIATOR_ERR];

	for (unsigned i = 0; i < o->nluns; i++) {
		if (initiator_uri_parse(args[i], &o->lun[i].uri, why)) {
			fprintf(stderr, "odxcheck: %s: %s\n", args[i], why);
			return CHECK_USAGE;
		}
		o->report.uri[i] = &o->lun[i].uri;
	}
	catch_signals();
	/* Results of an earlier run may be kept under its identifiers. */
	if (getrandom(&o->host.next_list_id, sizeof(o->host.next_list_id), 0) < 0)
		o->host.next_list_id = (uint32_t)getpid();
	o->host.next_list_id &= LIST_ID_MASK;
	if (discover(o) && prepare(o))
		test(o);
	if (o->nluns == 1)
		o->report.uri[SIDE_DESTINATION] = NULL;
	o->report.destructive = o->opt.destructive;
	o->report.seconds = now_seconds() - start;
	o->report.error = o->err[0] ? o->err : NULL;
	return check_exit_status(&o->report);
}

static void finish(struct odxcheck *o)
{
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		free(o->lun[i].probe);
		free(o->lun[i].probe2);
		initiator_close(o->lun[i].in2);
		initiator_close(o->lun[i].in);
	}
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *opt)
{
	enum { O_JSON = 256, O_DESTRUCTIVE, O_AREA, O_HELP, O_VERSION };
	static const struct option longs[] = {
		{ "json", no_argument, NULL, O_JSON },
		{ "destructive", no_argument, NULL, O_DESTRUCTIVE },
		{ "area", required_argument, NULL, O_AREA },
		{ "help", no_argument, NULL, O_HELP },
		{ "version", no_argument, NULL, O_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	char *end;
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case O_JSON:
			opt->json = true;
			break;
		case O_DESTRUCTIVE:
			opt->destructive = true;
			break;
		case O_AREA:
			opt->area_mib = (unsigned)strtoul(optarg, &end, 10);
			if (*end || opt->area_mib < 1 || opt->area_mib > AREA_MIB_MAX) {
				fprintf(stderr, "odxcheck: --area is a number of MiB, 1 to %u\n",
					AREA_MIB_MAX);
				return CHECK_USAGE;
			}
			break;
		case O_HELP:
			fputs(help, stdout);
			return CHECK_WOULD;
		case O_VERSION:
			puts("odxcheck " ODX_VERSION);
			return CHECK_WOULD;
		default: /* getopt has said what is wrong */
			return CHECK_USAGE;
		}
	}
	if (argc - optind == 1 || argc - optind == 2)
		return -1;
	fprintf(stderr, "odxcheck: one or two URIs are needed, %d given; see odxcheck --help\n",
		argc - optind);
	return CHECK_USAGE;
}

int main(int argc, char **argv)
{
	struct odxcheck *o = calloc(1, sizeof(*o));
	int s;

	if (!o)
		return CHECK_LOST;
	o->opt.area_mib = AREA_MIB;
	s = parse(argc, argv, &o->opt);
	if (s < 0) {
		o->nluns = (unsigned)(argc - optind);
		s = run(o, argv + optind);
		if (o->err[0])
			fprintf(stderr, "odxcheck: %s\n", o->err);
		if (s != CHECK_USAGE && o->opt.json && check_report_json(stdout, &o->report))
			s = CHECK_LOST;
		else if (s != CHECK_USAGE && !o->opt.json)
			check_report_text(stdout, &o->report,
					  isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
		if (fflush(stdout) || ferror(stdout)) {
			fprintf(stderr, "odxcheck: cannot write the result: %s\n", strerror(errno));
			s = CHECK_LOST;
		}
	}
	finish(o);
	free(o);
	return s;
}
