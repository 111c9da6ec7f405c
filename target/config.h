/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What odxd is told: configuration file and command line, as plain structs.
 *
 * Nothing here opens a LUN or a socket: values are judged by themselves and
 * against each other, the rest is judged by whoever uses them.  Every message is
 * one line and names FILE:LINE or the option.  Start-up only, one thread.
 */
#ifndef TARGET_CONFIG_H
#define TARGET_CONFIG_H

#include "copy.h"
#include "iscsi/server.h"
#include "log.h"
#include "lu.h"
#include "token.h"

#define CONFIG_DEFAULT_PORTAL "127.0.0.1:3260"
#define CONFIG_DEFAULT_TARGET "iqn.2001-04.com.example:odx"

struct config_list {
	char **v;
	unsigned n;
};

struct config_lun {
	uint16_t lun;
	char *path;
	uint64_t size; /* bytes; 0: as found */
	uint32_t block_size;
	uint32_t physical_block_size; /* 0: the storage's */
	bool read_only, removable, direct, encrypt, unmap;
	enum bs_provisioning provisioning;
	enum rod_keep keep;
	uint64_t sidecar_bytes, clone_bytes; /* 0: no clones */
	char *sidecar;			     /* NULL: chosen by the backstore */
	char *serial, *fault, *answer;	     /* NULL: derived; none; none */
	struct lu_tpc_config tpc;
};

struct config_target {
	char *name;
	char alias[256];
	char *state_dir; /* NULL: reservations end with the process */
	struct iscsi_chap chap;
	struct config_list initiators; /* empty: everybody */
	struct token_config tokens;    /* target_name is not used */
	struct copy_engine_config copy;
	struct config_lun *luns; /* ascending */
	unsigned nluns;
};

struct config {
	struct config_list portals;
	enum log_level log_level;
	struct iscsi_limits limits;
	struct iscsi_chap discovery_chap;
	struct config_target *targets;
	unsigned ntargets;
};

/* Defaults, no portal, no target.  Undo with config_done. */
void config_init(struct config *cfg);
void config_done(struct config *cfg);

/*
 * Adds what the file says to @cfg, fresh from config_init.  -EINVAL or -ENOMEM, and in
 * @err "FILE:LINE: what is wrong and what is right"; @cfg is then only good for config_done.
 */
int config_load(struct config *cfg, const char *path, char *err, size_t err_cap);

/* A LUN with the defaults and no path.  Undo with config_lun_done. */
void config_lun_init(struct config_lun *lun);
void config_lun_done(struct config_lun *lun);

/*
 * What a LUN's storage is opened with and its logical unit made of, for both front ends;
 * what only they know is theirs to add.  The strings are @lun's.
 */
struct bs_config config_lun_store(const struct config_lun *lun);
struct lu_config config_lun_unit(const struct config_lun *lun);

/*
 * Puts "PATH[,KEY=VALUE]..." into @lun, fresh from config_lun_init or with other
 * defaults; see config_add_lun for the form, in which @sep stands for the comma.  -EINVAL and
 * -ENOMEM with a reason; @lun is then only good for config_lun_done.
 */
int config_parse_lun(struct config_lun *lun, const char *spec, char sep, char *err, size_t err_cap);

/*
 * "--lun": "PATH[,KEY=VALUE]..." where KEY is any key of a lun section (those of its
 * odx section with "odx." in front) and a switch needs no value; a comma or a
 * backslash that is part of a value is written with a backslash before it.  Goes
 * to target @target, which is made when there is none of that name (NULL: the
 * first target, or the default name), under the lowest free number.
 * -EINVAL and -ENOMEM with a reason; @cfg unchanged.
 */
int config_add_lun(struct config *cfg, const char *target, const char *spec, char *err,
		   size_t err_cap);

/* "--portal": the first call drops the portals of the file, @first says it is that one. */
int config_add_portal(struct config *cfg, const char *addr_port, bool first, char *err,
		      size_t err_cap);

/* "--reactors": instead of the file's. */
int config_set_reactors(struct config *cfg, const char *number, char *err, size_t err_cap);

/*
 * The last look: something is served, and somewhere (the default portal is filled
 * in).  -EINVAL with a reason.
 */
int config_finish(struct config *cfg, char *err, size_t err_cap);

/*
 * The names of all keys and sections the file may have, each once, for the test
 * that looks for them in the reference; returns how many there are.
 */
unsigned config_key_names(const char **ret, unsigned cap);

#endif
