/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the configuration as a table, shared by file and command line.
 * Inside config*.c only.
 */
#ifndef TARGET_CONFIG_KEYS_H
#define TARGET_CONFIG_KEYS_H

#include "config.h"

enum key_kind {
	KEY_TEXT,    /* char *, malloc'ed; "" is NULL             */
	KEY_BUFFER,  /* char[256]                                 */
	KEY_BOOL,    /* bool                                      */
	KEY_COUNT,   /* plain number                              */
	KEY_SIZE,    /* bytes, suffix K, M, G or T                */
	KEY_SECONDS, /* duration, whole seconds                   */
	KEY_MS,	     /* duration in milliseconds                  */
	KEY_WORD,    /* an enum from 0 on; @words are its names   */
	KEY_LIST,    /* struct config_list; judged one at a time  */
};

struct config_key {
	const char *name;
	enum key_kind kind;
	size_t off, width;	  /* of the field in its section's struct */
	uint64_t min, max;	  /* numbers: least and most; text: bytes, "" always allowed */
	const char *const *words; /* KEY_WORD; ends with NULL */
	bool (*check)(const char *value); /* NULL: none */
	const char *check_says;		  /* what a value must be for check */
};

#define CONFIG_MAX_SUBS 4

/* One section of the file; sections without a title appear once in their parent. */
struct config_section {
	const char *name;
	bool titled;		       /* any number of them, each with its own title */
	const struct config_key *keys; /* ends with a NULL name; NULL: none */
	const struct config_section *subs[CONFIG_MAX_SUBS];
};

extern const struct config_section section_root, section_limits, section_discovery, section_chap,
	section_target, section_tokens, section_copy, section_lun, section_odx;

/* NULL when @section has no such key. */
const struct config_key *config_find_key(const struct config_section *section, const char *name);

/*
 * Judges @value and stores it into its field of @base (NULL: only judges).
 * -EINVAL, -ENOMEM and in @err "KEY = "VALUE": what it must be".
 */
int config_set(const struct config_key *key, const char *value, void *base, char *err,
	       size_t err_cap);

int config_list_add(struct config_list *list, const char *value);

/* CHAP settings that belong together; false and the reason. */
bool config_check_chap(const struct iscsi_chap *chap, char *err, size_t err_cap);

/*
 * Places @lun (its strings are taken over on success) into @target; -EEXIST for a
 * number in use.
 */
int config_place_lun(struct config_target *target, const struct config_lun *lun);
/* A new target with defaults; NULL: no memory.  Its address holds until the next one. */
struct config_target *config_new_target(struct config *cfg, const char *name);

#endif
