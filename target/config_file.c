/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file, read by libconfuse with options made from our table of
 * keys.  A value is judged where it stands, so that the message has its line;
 * what must fit together is judged afterwards and has the line of the section's end.
 */
#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_keys.h"
#include "target.h"
#include "text.h"

/* Our mark on an option that the file has set; libconfuse takes "twice" for "the last". */
#define SEEN (1 << 30)

/*
 * libconfuse takes the end of the file for the end of every open section.  A last
 * line of our own tells a whole file from one that was cut off.
 */
#define LAST_KEY  "end-of-file"
#define LAST_LINE "\n" LAST_KEY " = 1\n"

#define MAX_FILE  (1u << 20)

/* libconfuse's error function has no argument for us: where its messages go now. */
static _Thread_local struct {
	const char *path;
	char *err;
	size_t cap;
} reporting;

/* Puts libconfuse's message into our words where they say more. */
static void say(cfg_t *sec, const char *what, char *ret, size_t cap)
{
	static const char unknown[] = "no such option ";

	if (strncmp(what, unknown, sizeof(unknown) - 1) != 0) {
		if (strncmp(what, "found duplicate title", 21) == 0)
			snprintf(ret, cap, "%s in section %s: give each its own", what, sec->name);
		else
			snprintf(ret, cap, "%s", what);
	} else if (strstr(what, "'" LAST_KEY "'")) {
		snprintf(ret, cap, "the file ends inside section %s: a } is missing", sec->name);
	} else {
		snprintf(ret, cap, "unknown key %s in section %s; see odxd.conf.reference",
			 what + sizeof(unknown) - 1, sec->name);
	}
}

/* The first error is the cause; what follows is its echo. */
static void report(cfg_t *sec, const char *fmt, va_list ap)
{
	char what[512], words[640];
	int line = sec->line;

	if (!reporting.cap || reporting.err[0])
		return;
	vsnprintf(what, sizeof(what), fmt, ap);
	say(sec, what, words, sizeof(words));
	if (strstr(what, "'" LAST_KEY "'"))
		line--; /* ours is not a line of the file */
	snprintf(reporting.err, reporting.cap, "%s:%d: %s", reporting.path, line, words);
	/* A message is one line, whatever the file holds. */
	for (char *p = reporting.err; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = '?';
}

/* The key named @name in a section named @section, wherever that is in the tree. */
static const struct config_key *find_key(const struct config_section *s, const char *section,
					 const char *name)
{
	const struct config_key *key = NULL;

	if (strcmp(s->name, section) == 0)
		key = config_find_key(s, name);
	for (unsigned i = 0; !key && i < CONFIG_MAX_SUBS && s->subs[i]; i++)
		key = find_key(s->subs[i], section, name);
	return key;
}

static int judge(cfg_t *sec, cfg_opt_t *opt, const char *value, void *result)
{
	const struct config_key *key = find_key(&section_root, sec->name, opt->name);
	char reason[512];

	if (key->kind != KEY_LIST && (opt->flags & SEEN)) {
		cfg_error(sec, "%s is set twice in this section: keep one", opt->name);
		return -1;
	}
	if (config_set(key, value, NULL, reason, sizeof(reason)) < 0) {
		cfg_error(sec, "%s", reason);
		return -1;
	}
	opt->flags |= SEEN;
	*(const char **)result = value; /* libconfuse copies it */
	return 0;
}

static void opts_free(cfg_opt_t *opts)
{
	for (cfg_opt_t *o = opts; o && o->name; o++)
		opts_free(o->subopts);
	free(opts);
}

/* libconfuse's form of our table; it makes its own copy in cfg_init. */
static cfg_opt_t *opts_new(const struct config_section *s)
{
	unsigned n = 0;
	cfg_opt_t *opts;

	for (const struct config_key *k = s->keys; k && k->name; k++)
		n++;
	opts = calloc(n + CONFIG_MAX_SUBS + 2, sizeof(*opts));
	if (!opts)
		return NULL;
	n = 0;
	for (const struct config_key *k = s->keys; k && k->name; k++) {
		cfg_opt_t one = CFG_STR_CB(k->name, NULL, CFGF_NODEFAULT, judge);
		cfg_opt_t list = CFG_STR_LIST_CB(k->name, NULL, CFGF_NODEFAULT, judge);

		opts[n++] = k->kind == KEY_LIST ? list : one;
	}
	if (s == &section_root) {
		cfg_opt_t last = CFG_STR(LAST_KEY, NULL, CFGF_NODEFAULT);

		opts[n++] = last;
	}
	for (unsigned i = 0; i < CONFIG_MAX_SUBS && s->subs[i]; i++) {
		int flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
		cfg_opt_t *sub = opts_new(s->subs[i]);
		cfg_opt_t opt = CFG_SEC(s->subs[i]->name, sub, s->subs[i]->titled ? flags : 0);

		opts[n++] = opt;
		if (!sub) {
			opts_free(opts);
			return NULL;
		}
	}
	return opts;
}

/* Stores what the section says into its struct; what it does not say stays. */
static int store(cfg_t *sec, const struct config_section *s, void *base)
{
	char reason[512];

	for (const struct config_key *k = s->keys; k && k->name; k++) {
		cfg_opt_t *opt = cfg_getopt(sec, k->name);

		for (unsigned i = 0; i < cfg_opt_size(opt); i++)
			if (config_set(k, cfg_opt_getnstr(opt, i), base, reason, sizeof(reason)) <
			    0) {
				cfg_error(sec, "%s", reason);
				return -ENOMEM; /* the value was judged before */
			}
	}
	return 0;
}

static int load_chap(cfg_t *parent, struct iscsi_chap *chap)
{
	cfg_t *sec = cfg_getsec(parent, "chap");
	char reason[256];
	int r = store(sec, &section_chap, chap);

	if (r == 0 && !config_check_chap(chap, reason, sizeof(reason))) {
		cfg_error(sec, "chap: %s", reason);
		return -EINVAL;
	}
	return r;
}

static bool lun_number(const char *title, uint16_t *ret)
{
	char *end;
	unsigned long n = strtoul(title, &end, 10);

	if (title[0] < '0' || title[0] > '9' || *end || n >= TARGET_MAX_LUNS)
		return false;
	*ret = (uint16_t)n;
	return true;
}

static int load_lun(cfg_t *sec, struct config_target *target)
{
	cfg_t *odx = cfg_getsec(sec, "odx");
	struct config_lun lun;
	char reason[256];
	int r = -EINVAL;

	config_lun_init(&lun);
	if (!lun_number(cfg_title(sec), &lun.lun)) {
		cfg_error(sec, "lun \"%s\": the number must be 0 to %d", cfg_title(sec),
			  TARGET_MAX_LUNS - 1);
		goto fail;
	}
	r = store(sec, &section_lun, &lun);
	if (r == 0)
		r = store(odx, &section_odx, &lun.tpc);
	if (r < 0)
		goto fail;
	r = -EINVAL;
	if (!lun.path) {
		cfg_error(sec, "lun %u has no path: add path = \"FILE\"", lun.lun);
		goto fail;
	}
	if (!lu_tpc_check(&lun.tpc, lun.block_size, reason, sizeof(reason))) {
		cfg_error(odx->line > 1 ? odx : sec, "lun %u: odx: %s", lun.lun, reason);
		goto fail;
	}
	r = config_place_lun(target, &lun);
	if (r == 0)
		return 0;
	cfg_error(sec, "lun %u: %s", lun.lun,
		  r == -EEXIST ? "number used twice in this target" : "out of memory");
	r = -EINVAL;
fail:
	config_lun_done(&lun);
	return r;
}

static int load_target(cfg_t *sec, struct config *cfg)
{
	struct config_target *t;
	int r;

	if (!iscsi_name_valid(cfg_title(sec))) {
		cfg_error(sec,
			  "target \"%s\": not an iSCSI name; write it in lower case, as \"%s\"",
			  cfg_title(sec), CONFIG_DEFAULT_TARGET);
		return -EINVAL;
	}
	t = config_new_target(cfg, cfg_title(sec));
	if (!t) {
		cfg_error(sec, "out of memory");
		return -ENOMEM;
	}
	r = store(sec, &section_target, t);
	if (r == 0)
		r = load_chap(sec, &t->chap);
	if (r == 0)
		r = store(cfg_getsec(sec, "tokens"), &section_tokens, &t->tokens);
	if (r == 0)
		r = store(cfg_getsec(sec, "copy"), &section_copy, &t->copy);
	for (unsigned i = 0; r == 0 && i < cfg_size(sec, "lun"); i++)
		r = load_lun(cfg_getnsec(sec, "lun", i), t);
	return r;
}

static int load(cfg_t *root, struct config *cfg)
{
	int r = store(root, &section_root, cfg);

	if (r == 0)
		r = store(cfg_getsec(root, "limits"), &section_limits, &cfg->limits);
	if (r == 0)
		r = load_chap(cfg_getsec(root, "discovery"), &cfg->discovery_chap);
	for (unsigned i = 0; r == 0 && i < cfg_size(root, "target"); i++)
		r = load_target(cfg_getnsec(root, "target", i), cfg);
	return r;
}

/* The whole file and LAST_LINE as a string; NULL and the reason. */
static char *read_file(const char *path, char *err, size_t err_cap)
{
	char *text = malloc(MAX_FILE + sizeof(LAST_LINE));
	FILE *f = fopen(path, "re");
	const char *why = NULL;
	size_t n = 0;

	if (text && f) {
		n = fread(text, 1, MAX_FILE, f);
		if (ferror(f))
			why = strerror(errno);
		else if (n == MAX_FILE)
			why = "larger than 1 MiB";
		else if (memchr(text, '\0', n))
			why = "not a text file";
	} else {
		why = f ? "out of memory" : strerror(errno);
	}
	if (f)
		fclose(f);
	if (why) {
		snprintf(err, err_cap, "%s: cannot read the configuration: %s", path, why);
		free(text);
		return NULL;
	}
	memcpy(text + n, LAST_LINE, sizeof(LAST_LINE));
	return text;
}

static int parse(cfg_t *root, const char *text, struct config *cfg)
{
	if (cfg_parse_buf(root, text) != CFG_SUCCESS)
		return -EINVAL;
	if (!cfg_size(root, LAST_KEY)) {
		cfg_error(root, "the file ends inside a comment or a string");
		return -EINVAL;
	}
	return load(root, cfg);
}

int config_load(struct config *cfg, const char *path, char *err, size_t err_cap)
{
	cfg_opt_t *opts;
	cfg_t *root = NULL;
	char *text;
	int r;

	text = read_file(path, err, err_cap);
	if (!text)
		return -EINVAL;
	opts = opts_new(&section_root);
	if (opts)
		root = cfg_init(opts, CFGF_NONE);
	opts_free(opts);
	if (!root) {
		snprintf(err, err_cap, "%s: out of memory", path);
		free(text);
		return -ENOMEM;
	}
	cfg_set_error_function(root, report);
	err[0] = '\0';
	reporting.path = path;
	reporting.err = err;
	reporting.cap = err_cap;
	r = parse(root, text, cfg);
	reporting.cap = 0;
	if (r < 0 && !err[0])
		snprintf(err, err_cap, "%s: not a configuration file odxd can read", path);
	cfg_free(root);
	free(text);
	return r;
}
