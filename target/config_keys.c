/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of keys, and how a value becomes a field.
 */
#include "config_keys.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lu_answer.h"
#include "text.h"
#include "tpc.h"

static bool is_portal(const char *value);
static bool is_block_size(const char *value);
static bool is_physical_block(const char *value);
static bool is_power_of_two(const char *value);
static bool is_rate(const char *value);
static bool is_printable(const char *value);
static bool is_answers(const char *value);

static const char *const levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const keeps[] = { "preserve", "cancel", NULL };
static const char *const provisionings[] = { "auto", "thin", "full", NULL };

/* One row; min and max as in struct config_key. */
#define KEY(text, type, member, what, least, most)                        \
	.name = text, .kind = what, .off = offsetof(struct type, member), \
	.width = sizeof(((struct type *)NULL)->member), .min = least, .max = most
#define KEYS_END             \
	{                    \
		.name = NULL \
	}

static const struct config_key chap_keys[] = {
	{ KEY("user", iscsi_chap, user, KEY_BUFFER, 1, 255) },
	/* RFC 7143 9.2.1: not under 96 bits. */
	{ KEY("secret", iscsi_chap, secret, KEY_BUFFER, 12, 255) },
	{ KEY("mutual-user", iscsi_chap, mutual_user, KEY_BUFFER, 1, 255) },
	{ KEY("mutual-secret", iscsi_chap, mutual_secret, KEY_BUFFER, 12, 255) },
	KEYS_END,
};

static const struct config_key limits_keys[] = {
	{ KEY("max-connections", iscsi_limits, max_connections, KEY_COUNT, 1, 65536) },
	{ KEY("max-sessions", iscsi_limits, max_sessions, KEY_COUNT, 1, 65536) },
	{ KEY("queue-depth", iscsi_limits, queue_depth, KEY_COUNT, 1, 4096) },
	{ KEY("login-timeout", iscsi_limits, login_timeout_s, KEY_SECONDS, 1, 3600) },
	{ KEY("nop-interval", iscsi_limits, nop_interval_s, KEY_SECONDS, 0, 86400) },
	{ KEY("nop-timeout", iscsi_limits, nop_timeout_s, KEY_SECONDS, 1, 3600) },
	{ KEY("text-bytes", iscsi_limits, max_text, KEY_SIZE, 8 << 10, 1 << 20) },
	{ KEY("memory", iscsi_limits, arena_bytes, KEY_SIZE, 4 << 20, 1ull << 40) },
	KEYS_END,
};

static const struct config_key tokens_keys[] = {
	{ KEY("max", token_config, max_tokens, KEY_COUNT, 1, 1 << 24) },
	{ KEY("max-per-lun", token_config, max_per_lun, KEY_COUNT, 1, 1 << 24) },
	{ KEY("max-per-initiator", token_config, max_per_initiator, KEY_COUNT, 1, 1 << 24) },
	{ KEY("tombstones", token_config, max_tombstones, KEY_COUNT, 1, 1 << 24) },
	{ KEY("saved", token_config, saved, KEY_SIZE, 64 << 10, 1ull << 50) },
	{ KEY("saved-per-initiator", token_config, saved_per_initiator, KEY_SIZE, 64 << 10,
	      1ull << 50) },
	{ KEY("cloned", token_config, cloned, KEY_SIZE, 4096, 1ull << 60) },
	{ KEY("cloned-per-initiator", token_config, cloned_per_initiator, KEY_SIZE, 4096,
	      1ull << 60) },
	{ KEY("saves", token_config, max_saves, KEY_COUNT, 1, 4096) },
	KEYS_END,
};

static const struct config_key copy_keys[] = {
	{ KEY("chunk", copy_engine_config, chunk, KEY_SIZE, ARENA_MIN_PIECE, ARENA_MAX_PIECE),
	  .check = is_power_of_two, .check_says = "must be a power of two, as \"256K\"" },
	{ KEY("window", copy_engine_config, window, KEY_COUNT, 1, 256) },
	{ KEY("copies", copy_engine_config, copies, KEY_COUNT, 1, 256) },
	{ KEY("rate", copy_engine_config, rate, KEY_SIZE, 0, 1ull << 40), .check = is_rate,
	  .check_says = "must be bytes a second, 1M or more, or 0 for no limit" },
	KEYS_END,
};

static const struct config_key odx_keys[] = {
	{ KEY("enabled", lu_tpc_config, enabled, KEY_BOOL, 0, 0) },
	{ KEY("max-ranges", lu_tpc_config, max_ranges, KEY_COUNT, 1, TPC_MAX_RANGES) },
	{ KEY("max-token", lu_tpc_config, max_token_bytes, KEY_SIZE, 0, 1ull << 50) },
	{ KEY("optimal", lu_tpc_config, optimal_bytes, KEY_SIZE, 0, 1ull << 50) },
	{ KEY("token-covers", lu_tpc_config, covers_bytes, KEY_SIZE, 0, 1ull << 50) },
	{ KEY("max-timeout", lu_tpc_config, max_timeout_s, KEY_SECONDS, 1, 7 * 86400) },
	{ KEY("default-timeout", lu_tpc_config, default_timeout_s, KEY_SECONDS, 1, 7 * 86400) },
	{ KEY("deadline", lu_tpc_config, deadline_ms, KEY_MS, 1, 3600 * 1000) },
	{ KEY("results", lu_tpc_config, results_per_nexus, KEY_COUNT, 1, 65536) },
	{ KEY("background", lu_tpc_config, max_background, KEY_COUNT, 1, 1024) },
	KEYS_END,
};

static const struct config_key lun_keys[] = {
	{ KEY("path", config_lun, path, KEY_TEXT, 1, 4095) },
	{ KEY("size", config_lun, size, KEY_SIZE, 0, INT64_MAX) },
	{ KEY("block-size", config_lun, block_size, KEY_SIZE, 512, 4096), .check = is_block_size,
	  .check_says = "must be 512 or 4096" },
	{ KEY("physical-block-size", config_lun, physical_block_size, KEY_SIZE, 0, 1 << 20),
	  .check = is_physical_block, .check_says = "must be a power of two from 512, or 0" },
	{ KEY("read-only", config_lun, read_only, KEY_BOOL, 0, 0) },
	{ KEY("unmap", config_lun, unmap, KEY_BOOL, 0, 0) },
	{ KEY("encrypt", config_lun, encrypt, KEY_BOOL, 0, 0) },
	{ KEY("removable", config_lun, removable, KEY_BOOL, 0, 0) },
	{ KEY("direct", config_lun, direct, KEY_BOOL, 0, 0) },
	{ KEY("provisioning", config_lun, provisioning, KEY_WORD, 0, 0), .words = provisionings,
	  .check_says = "must be auto, thin or full" },
	{ KEY("point-in-time", config_lun, keep, KEY_WORD, 0, 0), .words = keeps,
	  .check_says = "must be preserve or cancel" },
	{ KEY("sidecar", config_lun, sidecar, KEY_TEXT, 1, 4000) },
	{ KEY("sidecar-size", config_lun, sidecar_bytes, KEY_SIZE, 64 << 10, 1ull << 46) },
	{ KEY("clone-size", config_lun, clone_bytes, KEY_SIZE, 0, 1ull << 50) },
	{ KEY("serial", config_lun, serial, KEY_TEXT, 1, 36), .check = is_printable,
	  .check_says = "must be printable ASCII" },
	{ KEY("fault", config_lun, fault, KEY_TEXT, 1, 1024) },
	{ KEY("answer", config_lun, answer, KEY_TEXT, 1, 1024), .check = is_answers,
	  .check_says = "must be OPCODE[/ACTION]:FIRST:COUNT:WHAT, as \"83/11:1:2:2/04/01\"; see "
			"odxd(8)" },
	KEYS_END,
};

static const struct config_key target_keys[] = {
	{ KEY("alias", config_target, alias, KEY_BUFFER, 1, 255) },
	{ KEY("state-dir", config_target, state_dir, KEY_TEXT, 1, 4000) },
	{ KEY("initiators", config_target, initiators, KEY_LIST, 1, 223), .check = iscsi_name_valid,
	  .check_says = "must be an initiator name in lower case, as "
			"\"iqn.1991-05.com.microsoft:host1\"" },
	KEYS_END,
};

static const struct config_key root_keys[] = {
	{ KEY("portals", config, portals, KEY_LIST, 1, 255), .check = is_portal,
	  .check_says = "must be ADDR:PORT or [ADDR6]:PORT, as \"" CONFIG_DEFAULT_PORTAL
			"\", and perhaps a comma and a portal group tag, 1 to 65535" },
	{ KEY("reactors", config, limits.reactors, KEY_COUNT, 0, ISCSI_MAX_REACTORS) },
	{ KEY("multishot-after", config, limits.multishot_after, KEY_COUNT, 0, 1 << 20) },
	{ KEY("log-level", config, log_level, KEY_WORD, 0, 0), .words = levels,
	  .check_says = "must be error, warning, info or debug" },
	KEYS_END,
};

const struct config_section section_limits = { .name = "limits", .keys = limits_keys };
const struct config_section section_chap = { .name = "chap", .keys = chap_keys };
const struct config_section section_tokens = { .name = "tokens", .keys = tokens_keys };
const struct config_section section_copy = { .name = "copy", .keys = copy_keys };
const struct config_section section_odx = { .name = "odx", .keys = odx_keys };
const struct config_section section_discovery = { .name = "discovery", .subs = { &section_chap } };
const struct config_section section_lun = {
	.name = "lun", .titled = true, .keys = lun_keys, .subs = { &section_odx }
};
const struct config_section section_target = {
	.name = "target",
	.titled = true,
	.keys = target_keys,
	.subs = { &section_chap, &section_tokens, &section_copy, &section_lun },
};
const struct config_section section_root = {
	.name = "root",
	.keys = root_keys,
	.subs = { &section_limits, &section_discovery, &section_target },
};

const struct config_key *config_find_key(const struct config_section *section, const char *name)
{
	for (const struct config_key *k = section->keys; k && k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static unsigned collect(const struct config_section *s, const char **ret, unsigned cap, unsigned n)
{
	for (const struct config_key *k = s->keys; k && k->name; k++)
		if (n++ < cap)
			ret[n - 1] = k->name;
	for (unsigned i = 0; i < CONFIG_MAX_SUBS && s->subs[i]; i++) {
		if (n++ < cap)
			ret[n - 1] = s->subs[i]->name;
		n = collect(s->subs[i], ret, cap, n);
	}
	return n;
}

unsigned config_key_names(const char **ret, unsigned cap)
{
	return collect(&section_root, ret, cap, 0);
}

static bool is_portal(const char *value)
{
	const char *colon = strrchr(value, ':');
	unsigned long n;
	char *end;

	if (!colon || colon == value || !isdigit((unsigned char)colon[1]))
		return false;
	n = strtoul(colon + 1, &end, 10);
	if (n > 65535)
		return false;
	if (*end != ',')
		return *end == '\0';
	if (!isdigit((unsigned char)end[1]))
		return false;
	n = strtoul(end + 1, &end, 10);
	return *end == '\0' && n >= 1 && n <= 65535;
}

static bool is_answers(const char *value)
{
	return lu_answers_parse(value, NULL);
}

static bool is_printable(const char *value)
{
	for (; *value; value++)
		if (*value < ' ' || *value > '~')
			return false;
	return true;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },	     { "K", 1ull << 10 }, { "M", 1ull << 20 },
	{ "G", 1ull << 30 }, { "T", 1ull << 40 }, { NULL, 0 },
};
static const struct unit second_units[] = {
	{ "s", 1 },
	{ "m", 60 },
	{ "h", 3600 },
	{ NULL, 0 },
};
static const struct unit ms_units[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ NULL, 0 },
};
static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

/* Digits and one of @units; a bare 0 needs no unit. */
static bool parse_number(const char *value, const struct unit *units, uint64_t *ret)
{
	char *end;
	uint64_t n;

	if (!isdigit((unsigned char)*value))
		return false;
	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno)
		return false;
	if (n == 0 && *end == '\0') {
		*ret = 0;
		return true;
	}
	for (; units->name; units++)
		if (strcasecmp(end, units->name) == 0)
			return !__builtin_mul_overflow(n, units->factor, ret);
	return false;
}

static bool is_block_size(const char *value)
{
	uint64_t n = 0;

	return parse_number(value, size_units, &n) && (n == 512 || n == 4096);
}

static bool is_physical_block(const char *value)
{
	uint64_t n = 0;

	return parse_number(value, size_units, &n) && (n == 0 || n >= 512) && (n & (n - 1)) == 0;
}

static bool is_power_of_two(const char *value)
{
	uint64_t n = 0;

	return parse_number(value, size_units, &n) && (n & (n - 1)) == 0;
}

/* Below that not even the first chunks of a few copies end before their deadlines. */
static bool is_rate(const char *value)
{
	uint64_t n = 0;

	return parse_number(value, size_units, &n) && (n == 0 || n >= 1 << 20);
}

static bool parse_bool(const char *value, bool *ret)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(value, words[i]) == 0) {
			*ret = i & 1;
			return true;
		}
	return false;
}

static bool parse_word(const char *value, const char *const *words, uint32_t *ret)
{
	for (uint32_t i = 0; words[i]; i++)
		if (strcasecmp(value, words[i]) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

static const struct kind {
	const struct unit *units; /* NULL: not a number */
	const char *says;
} kinds[] = {
	[KEY_TEXT] = { NULL, NULL },
	[KEY_BUFFER] = { NULL, NULL },
	[KEY_LIST] = { NULL, NULL },
	[KEY_BOOL] = { NULL, "true or false" },
	[KEY_COUNT] = { no_units, "a number" },
	[KEY_SIZE] = { size_units, "a size in bytes, with K, M, G or T after it if you like" },
	[KEY_SECONDS] = { second_units, "a time in seconds or more, as \"15s\" or \"2m\"" },
	[KEY_MS] = { ms_units, "a time, as \"3s\" or \"500ms\"" },
	[KEY_WORD] = { NULL, "one of the words" },
};

static int refuse(const struct config_key *key, const char *value, const char *says, char *err,
		  size_t err_cap)
{
	/* A secret does not belong into a message. */
	if (strstr(key->name, "secret"))
		value = "...";
	snprintf(err, err_cap, "%s = \"%.200s\": %s", key->name, value, says);
	return -EINVAL;
}

/* @n in the words of its kind, for messages. */
static void say_number(const struct config_key *key, uint64_t n, char *ret, size_t cap)
{
	const struct unit *best = NULL;

	for (const struct unit *u = kinds[key->kind].units; u->name; u++)
		if (n % u->factor == 0 && (!best || n >= u->factor))
			best = u;
	snprintf(ret, cap, "%llu%s", (unsigned long long)(best ? n / best->factor : n),
		 best ? best->name : "");
}

static int set_number(const struct config_key *key, const char *value, void *base, char *err,
		      size_t err_cap)
{
	uint64_t n;
	char says[128], least[32], most[32];

	if (!parse_number(value, kinds[key->kind].units, &n)) {
		snprintf(says, sizeof(says), "must be %s", kinds[key->kind].says);
		return refuse(key, value, says, err, err_cap);
	}
	if (n < key->min || n > key->max) {
		say_number(key, key->min, least, sizeof(least));
		say_number(key, key->max, most, sizeof(most));
		snprintf(says, sizeof(says), "must be %s to %s", least, most);
		return refuse(key, value, says, err, err_cap);
	}
	if (base) {
		void *field = (char *)base + key->off;
		uint32_t narrow = (uint32_t)n;

		if (key->width == sizeof(narrow))
			memcpy(field, &narrow, sizeof(narrow));
		else
			memcpy(field, &n, sizeof(n));
	}
	return 0;
}

int config_list_add(struct config_list *list, const char *value)
{
	char **v = reallocarray(list->v, list->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	list->v = v;
	v[list->n] = strdup(value);
	if (!v[list->n])
		return -ENOMEM;
	list->n++;
	return 0;
}

static int store_text(const struct config_key *key, const char *value, void *field)
{
	char *copy = NULL, **text = field;

	if (key->kind == KEY_LIST)
		return config_list_add(field, value);
	if (key->kind == KEY_BUFFER) {
		/* The table's max is below the buffer's size. */
		memcpy(field, value, strlen(value) + 1);
		return 0;
	}
	if (*value) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	free(*text);
	*text = copy;
	return 0;
}

static int set_text(const struct config_key *key, const char *value, void *base, char *err,
		    size_t err_cap)
{
	size_t len = strlen(value);
	char says[128];
	int r;

	if ((len || key->kind == KEY_LIST) && (len < key->min || len > key->max)) {
		snprintf(says, sizeof(says), "must have %llu to %llu characters",
			 (unsigned long long)key->min, (unsigned long long)key->max);
		return refuse(key, value, says, err, err_cap);
	}
	r = base ? store_text(key, value, (char *)base + key->off) : 0;
	if (r < 0)
		snprintf(err, err_cap, "%s: out of memory", key->name);
	return r;
}

int config_set(const struct config_key *key, const char *value, void *base, char *err,
	       size_t err_cap)
{
	uint32_t word;
	bool b;

	if (key->check && *value && !key->check(value))
		return refuse(key, value, key->check_says, err, err_cap);
	if (kinds[key->kind].units)
		return set_number(key, value, base, err, err_cap);
	if (!kinds[key->kind].says)
		return set_text(key, value, base, err, err_cap);
	if (key->kind == KEY_BOOL && !parse_bool(value, &b))
		return refuse(key, value, "must be true or false", err, err_cap);
	if (key->kind == KEY_WORD && !parse_word(value, key->words, &word))
		return refuse(key, value, key->check_says, err, err_cap);
	if (base && key->kind == KEY_BOOL)
		memcpy((char *)base + key->off, &b, sizeof(b));
	else if (base)
		memcpy((char *)base + key->off, &word, key->width);
	return 0;
}
