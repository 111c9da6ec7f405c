/* SPDX-License-Identifier: Apache-2.0 */
/* odxload: sessions, the steps on standard input, and the loop that all verbs use. */
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* ---- words ---- */

const char *args_word(struct args *a, const char *key, const char *missing)
{
	for (unsigned i = 0; i < a->n; i++)
		if (strcmp(a->v[i].key, key) == 0) {
			a->v[i].used = true;
			return a->v[i].value;
		}
	return missing;
}

double args_real(struct args *a, const char *key, double missing)
{
	const char *text = args_word(a, key, NULL);

	return text ? strtod(text, NULL) : missing;
}

uint64_t args_size(struct args *a, const char *key, uint64_t missing)
{
	const char *text = args_word(a, key, NULL);
	char *end;
	uint64_t n;

	if (!text)
		return missing;
	n = strtoull(text, &end, 10);
	switch (*end) {
	case 'K':
		return n << 10;
	case 'M':
		return n << 20;
	case 'G':
		return n << 30;
	default:
		return n;
	}
}

/* Cuts @line into verb and KEY=VALUE; false when a word is neither. */
static bool args_parse(char *line, const char **ret_verb, struct args *a)
{
	char *save, *word = strtok_r(line, " \n", &save);

	a->n = 0;
	*ret_verb = word;
	while (word && (word = strtok_r(NULL, " \n", &save))) {
		char *eq = strchr(word, '=');

		if (!eq || a->n == LOAD_MAX_ARGS)
			return false;
		*eq = '\0';
		a->v[a->n].key = word;
		a->v[a->n].value = eq + 1;
		a->v[a->n++].used = false;
	}
	return *ret_verb != NULL;
}

/* ---- time ---- */

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

json_t *hist_json(const struct hist *h)
{
	static const struct {
		const char *name;
		double part;
	} at[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 } };
	json_t *o = json_pack("{s:I, s:f, s:f}", "n", (json_int_t)h->n, "mean",
			      h->n ? (double)h->sum / (double)h->n / 1e3 : 0.0, "max",
			      (double)h->max / 1e3);

	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		json_object_set_new(o, at[i].name, json_real((double)hist_at(h, at[i].part) / 1e3));
	return o;
}

/* ---- sessions and LUNs ---- */

struct disk *load_disk(struct load *l, unsigned session, unsigned lun, char *err)
{
	if (lun >= LOAD_MAX_LUNS) {
		snprintf(err, INITIATOR_ERR, "LUNs are 0 to %u", LOAD_MAX_LUNS - 1);
		return NULL;
	}
	if (!l->luns[session][lun].open &&
	    disk_open(&l->luns[session][lun].disk, l->in[session], lun, &l->host, err))
		return NULL;
	l->luns[session][lun].open = true;
	return &l->luns[session][lun].disk;
}

static bool open_sessions(struct load *l, const char *uri_text, unsigned n, char *err)
{
	struct initiator_uri uri;

	if (initiator_uri_parse(uri_text, &uri, err))
		return false;
	for (; l->sessions < n; l->sessions++) {
		char name[64];
		struct initiator_options opt = { .name = name };

		snprintf(name, sizeof(name), "iqn.2001-04.com.example:load%u", l->sessions);
		if (initiator_open(&l->in[l->sessions], &uri, &opt, err))
			return false;
	}
	return true;
}

/* ---- lanes ---- */

void step_fail(struct step *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->stopped) {
		va_start(ap, fmt);
		vsnprintf(s->err, sizeof(s->err), fmt, ap);
		va_end(ap);
	}
	s->stopped = true;
}

bool step_more(struct step *s)
{
	if (s->stopped || (s->limit && s->issued == s->limit) || (s->until && now_ns() >= s->until))
		return false;
	s->issued++;
	return true;
}

/* xorshift64* */
uint64_t lane_random(struct lane *lane)
{
	uint64_t x = lane->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	lane->random = x;
	return x * 0x2545f4914f6cdd1dull;
}

bool lanes_init(struct step *s, struct load *l, unsigned sessions, unsigned depth, unsigned lun,
		size_t buf_len)
{
	if (sessions == 0 || sessions > l->sessions || depth == 0 || depth > 128) {
		step_fail(s, "sessions: 1 to %u; depth: 1 to 128", l->sessions);
		return false;
	}
	s->load = l;
	s->n = sessions * depth;
	s->buf_len = buf_len;
	s->lanes = calloc(s->n, sizeof(*s->lanes));
	for (unsigned i = 0; s->lanes && i < s->n; i++) {
		struct lane *lane = &s->lanes[i];
		uint64_t word;

		lane->step = s;
		lane->session = i % sessions;
		lane->random = 0x9e3779b97f4a7c15ull * (i + 1) ^ now_ns();
		lane->disk = load_disk(l, lane->session, lun, s->err);
		if (!lane->disk) {
			s->stopped = true;
			return false;
		}
		lane->buf = aligned_alloc(4096, (buf_len + 4095) & ~(size_t)4095);
		if (!lane->buf)
			break;
		for (size_t at = 0; at + 8 <= buf_len; at += 8) {
			word = lane_random(lane);
			memcpy(lane->buf + at, &word, 8);
		}
	}
	if (!s->lanes || !s->lanes[s->n - 1].buf) {
		step_fail(s, "out of memory");
		return false;
	}
	return true;
}

void lanes_done(struct step *s)
{
	for (unsigned i = 0; s->lanes && i < s->n; i++)
		free(s->lanes[i].buf);
	free(s->lanes);
}

static void lane_go(struct lane *lane);

static void lane_ended(struct initiator_cmd *cmd)
{
	struct lane *lane = cmd->ctx;
	struct step *s = lane->step;
	unsigned delay_ms;
	enum disk_verdict v = disk_judge(cmd, &delay_ms);
	char text[160];

	if (v == DISK_RETRY && s->retries < 1000) {
		s->retries++;
		initiator_submit(lane->disk->in, lane->disk->lun, cmd);
	} else if (v != DISK_GOOD) {
		step_fail(s, "opcode %02Xh: %s", cmd->cdb[0],
			  disk_error_text(cmd, text, sizeof(text)));
	} else {
		if (s->ended)
			s->ended(lane, now_ns() - lane->began);
		lane_go(lane);
	}
}

static void lane_go(struct lane *lane)
{
	if (lane->step->stopped || !lane->step->next(lane))
		return;
	lane->cmd.done = lane_ended;
	lane->cmd.ctx = lane;
	lane->began = now_ns();
	initiator_submit(lane->disk->in, lane->disk->lun, &lane->cmd);
}

static bool anything_pending(const struct load *l)
{
	for (unsigned i = 0; i < l->sessions; i++)
		if (initiator_pending(l->in[i]))
			return true;
	return false;
}

bool lanes_run(struct step *s, uint64_t *ret_ns)
{
	s->started = now_ns();
	if (s->until)
		s->until += s->started;
	for (unsigned i = 0; i < s->n; i++)
		lane_go(&s->lanes[i]);
	while (anything_pending(s->load))
		initiator_poll(s->load->in, s->load->sessions, -1);
	*ret_ns = now_ns() - s->started;
	return !s->stopped;
}

/* ---- steps ---- */

static const struct {
	const char *name;
	json_t *(*run)(struct load *l, struct args *a, char *err);
} verbs[] = {
	{ "io", load_io },   { "rows", load_rows }, { "tokens", load_tokens },
	{ "wut", load_wut }, { "copy", load_copy },
};

static json_t *run_step(struct load *l, char *line, char *err)
{
	const char *verb;
	struct args a;
	json_t *answer = NULL;
	double cpu = cpu_seconds();

	snprintf(err, INITIATOR_ERR, "a step is VERB KEY=VALUE...: io, rows, tokens, wut, copy");
	if (!args_parse(line, &verb, &a))
		return NULL;
	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verb, verbs[i].name) == 0)
			answer = verbs[i].run(l, &a, err);
	for (unsigned i = 0; answer && i < a.n; i++)
		if (!a.v[i].used) {
			snprintf(err, INITIATOR_ERR, "%s knows no %.40s", verb, a.v[i].key);
			json_decref(answer);
			return NULL;
		}
	if (answer)
		json_object_set_new(answer, "client_cpu", json_real(cpu_seconds() - cpu));
	return answer;
}

static void answer_steps(struct load *l)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		char err[INITIATOR_ERR];
		json_t *answer = run_step(l, line, err);

		if (!answer)
			answer = json_pack("{s:s}", "error", err);
		json_dumpf(answer, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
		putchar('\n');
		fflush(stdout);
		json_decref(answer);
	}
}

int main(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof(*l));
	char err[INITIATOR_ERR] = "out of memory";
	unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
	int status = 0;

	if (argc < 2 || argc > 3 || n == 0 || n > LOAD_MAX_SESSIONS) {
		fprintf(stderr,
			"usage: odxload iscsi://HOST:PORT/TARGET/LUN [SESSIONS (1 to %u)] <STEPS\n",
			LOAD_MAX_SESSIONS);
		free(l);
		return 2;
	}
	if (l && open_sessions(l, argv[1], n, err)) {
		printf("{\"ready\":%u}\n", n);
		fflush(stdout);
		answer_steps(l);
	} else {
		fprintf(stderr, "odxload: %s\n", err);
		status = 1;
	}
	for (unsigned i = 0; l && i < l->sessions; i++)
		initiator_close(l->in[i]);
	if (l)
		free(l->tokens);
	free(l);
	return status;
}
