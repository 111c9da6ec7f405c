/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH 40
#define REDRAW_S  0.1

double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

const char *report_size(uint64_t bytes, char *buf, size_t cap)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = (double)bytes;
	unsigned i = 0;

	while (v >= 1024 && i + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		i++;
	}
	if (i == 0)
		snprintf(buf, cap, "%" PRIu64 " bytes", bytes);
	else
		snprintf(buf, cap, v == (double)(uint64_t)v ? "%.0f %s" : "%.1f %s", v, units[i]);
	return buf;
}

/* ---- the summary ---- */

void report_text(FILE *f, const struct report *r)
{
	const struct initiator_counts *c = r->counts;
	char a[32], b[32], src[768], dst[768];
	const struct engine *e = r->engine;
	const char *sep = " ";

	if (!e)
		return;
	fprintf(f, "source       %s\ndestination  %s\n",
		initiator_uri_text(r->src, src, sizeof(src)),
		initiator_uri_text(r->dst, dst, sizeof(dst)));
	if (e->fallback[0])
		fprintf(f, "fallback     %s\n", e->fallback);
	fprintf(f, "time         %.2f s, %s/s\n", r->seconds,
		report_size((uint64_t)((double)(e->offloaded + e->copied) /
				       (r->seconds > 1e-6 ? r->seconds : 1e-6)),
			    a, sizeof(a)));
	fprintf(f, "offloaded    %s (%" PRIu64 " bytes)\n", report_size(e->offloaded, a, sizeof(a)),
		e->offloaded);
	fprintf(f, "by client    %s (%" PRIu64 " bytes)\n", report_size(e->copied, a, sizeof(a)),
		e->copied);
	fprintf(f, "on the wire  %s (%" PRIu64 " bytes sent, %" PRIu64 " received)\n",
		report_size(c->wire_out + c->wire_in, b, sizeof(b)), c->wire_out, c->wire_in);
	fprintf(f, "commands    ");
	for (unsigned i = 0; i < CMD_COUNT; i++)
		if (c->sent[i]) {
			fprintf(f, "%s%s %" PRIu64, sep, scsi_ops[i].name, c->sent[i]);
			sep = ", ";
		}
	fputc('\n', f);
	if (r->strict)
		fprintf(f, "strict       %u violations\n", r->violations);
	if (r->verified == VERIFY_SAME)
		fprintf(f, "verified     the destination holds the same %" PRIu64 " bytes\n",
			e->total);
	else if (r->verified == VERIFY_DIFFERENT)
		fprintf(f, "DIFFERENT    from byte %" PRIu64 " on\n", r->first_difference);
}

static json_t *side_json(const struct initiator_uri *uri, const struct disk *d)
{
	char text[768];

	initiator_uri_text(uri, text, sizeof(text));
	if (!d)
		return json_pack("{s:s}", "uri", text);
	return json_pack("{s:s, s:I, s:i}", "uri", text, "blocks", (json_int_t)d->capacity.blocks,
			 "block_size", (int)d->capacity.block_size);
}

static json_t *commands_json(const struct initiator_counts *c)
{
	json_t *o = json_object();

	for (unsigned i = 0; o && i < CMD_COUNT; i++)
		if (c->sent[i])
			json_object_set_new(o, scsi_ops[i].name,
					    json_integer((json_int_t)c->sent[i]));
	return o;
}

static void add_copy(json_t *o, const struct report *r)
{
	const struct engine *e = r->engine;
	const struct initiator_counts *c = r->counts;

	json_object_set_new(o, "bytes", json_integer((json_int_t)e->total));
	json_object_set_new(o, "seconds", json_real(r->seconds));
	json_object_set_new(o, "bytes_offloaded", json_integer((json_int_t)e->offloaded));
	json_object_set_new(o, "bytes_copied", json_integer((json_int_t)e->copied));
	json_object_set_new(o, "bytes_on_wire",
			    json_pack("{s:I, s:I}", "sent", (json_int_t)c->wire_out, "received",
				      (json_int_t)c->wire_in));
	json_object_set_new(o, "commands", commands_json(c));
	json_object_set_new(o, "fallback", e->fallback[0] ? json_string(e->fallback) : json_null());
	json_object_set_new(o, "violations", r->strict ? json_integer(r->violations) : json_null());
	json_object_set_new(o, "verified",
			    r->verified == VERIFY_NONE ? json_null()
						       : json_boolean(r->verified == VERIFY_SAME));
	if (r->verified == VERIFY_DIFFERENT)
		json_object_set_new(o, "first_difference",
				    json_integer((json_int_t)r->first_difference));
}

int report_json(FILE *f, const struct report *r)
{
	json_t *o = json_object();
	int ret = -ENOMEM;

	if (!o)
		return -ENOMEM;
	json_object_set_new(o, "ok", json_boolean(!r->error));
	if (r->error)
		json_object_set_new(o, "error", json_string(r->error));
	if (r->src)
		json_object_set_new(o, "source",
				    side_json(r->src, r->engine ? r->engine->src.disk : NULL));
	if (r->dst)
		json_object_set_new(o, "destination",
				    side_json(r->dst, r->engine ? r->engine->dst.disk : NULL));
	if (r->engine)
		add_copy(o, r);
	if (json_dumpf(o, f, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0) {
		fputc('\n', f);
		ret = 0;
	}
	json_decref(o);
	return ret;
}

/* ---- progress ---- */

void progress_init(struct progress *p, const char *label)
{
	p->label = label;
	p->started = now_seconds();
	p->drawn = 0;
	p->tty = isatty(STDERR_FILENO);
}

void progress_update(void *ctx, uint64_t done, uint64_t total)
{
	struct progress *p = ctx;
	char bar[BAR_WIDTH + 1], size[32];
	double now, took;
	unsigned n;

	if (!p->tty || total == 0)
		return;
	now = now_seconds();
	if (done < total && now - p->drawn < REDRAW_S)
		return;
	p->drawn = now;
	took = now - p->started;
	n = (unsigned)((double)done / (double)total * BAR_WIDTH);
	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', n > BAR_WIDTH ? BAR_WIDTH : n);
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%s [%s] %3.0f%% %s/s\033[K", p->label, bar,
		100.0 * (double)done / (double)total,
		report_size((uint64_t)((double)done / (took > 1e-3 ? took : 1e-3)), size,
			    sizeof(size)));
}

void progress_done(struct progress *p)
{
	if (p->tty && p->drawn > 0)
		fprintf(stderr, "\r\033[K");
}
