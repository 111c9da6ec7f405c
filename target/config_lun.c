/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One LUN in one string: "PATH[,KEY=VALUE]...", as odxd's --lun; with semicolons as
 * tcmu's cfgstring.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_keys.h"

void config_lun_init(struct config_lun *lun)
{
	*lun = (struct config_lun) { .block_size = 512,
				     .unmap = true,
				     .sidecar_bytes = BS_SIDECAR_BYTES,
				     .clone_bytes = BS_CLONE_BYTES,
				     .tpc = lu_tpc_defaults };
}

void config_lun_done(struct config_lun *lun)
{
	free(lun->path);
	free(lun->serial);
	free(lun->sidecar);
	free(lun->fault);
	free(lun->answer);
}

struct bs_config config_lun_store(const struct config_lun *lun)
{
	return (struct bs_config) {
		.path = lun->path,
		.size = lun->size,
		.block_size = lun->block_size,
		.read_only = lun->read_only,
		.direct = lun->direct,
		.encrypt = lun->encrypt,
		.provisioning = lun->provisioning,
		.fault = lun->fault,
		.keep = lun->keep,
		.sidecar_dir = lun->sidecar,
		.sidecar_bytes = lun->sidecar_bytes,
		.clone_bytes = lun->clone_bytes,
		.no_clones = lun->clone_bytes == 0,
	};
}

struct lu_config config_lun_unit(const struct config_lun *lun)
{
	return (struct lu_config) {
		.lun = lun->lun,
		.block_size = lun->block_size,
		.physical_block_size = lun->physical_block_size,
		.no_unmap = !lun->unmap,
		.serial = lun->serial,
		.read_only = lun->read_only,
		.removable = lun->removable,
		.answer = lun->answer,
		.tpc = lun->tpc,
	};
}

/*
 * Cuts the next part off @*spec at a @sep that has no backslash before it, and takes
 * the backslashes out.  NULL at the end.
 */
static char *next_part(char **spec, char sep)
{
	char *part = *spec, *to = part, *from = part;

	if (!part)
		return NULL;
	while (*from && *from != sep) {
		if (*from == '\\' && (from[1] == sep || from[1] == '\\'))
			from++;
		*to++ = *from++;
	}
	*spec = *from ? from + 1 : NULL;
	*to = '\0';
	return part;
}

static int set_option(struct config_lun *lun, char *part, char sep, char *err, size_t err_cap)
{
	char *value = strchr(part, '=');
	bool odx = strncmp(part, "odx.", 4) == 0;
	const struct config_key *key;

	if (value)
		*value++ = '\0';
	key = odx ? config_find_key(&section_odx, part + 4) : config_find_key(&section_lun, part);
	if (!key || strcmp(part, "path") == 0) {
		snprintf(err, err_cap,
			 "unknown option \"%.100s\"; there are size=, block-size=, "
			 "physical-block-size=, read-only, removable, encrypt, direct, "
			 "provisioning=, unmap=, point-in-time=, sidecar=, sidecar-size=, "
			 "clone-size=, serial=, fault=, answer=, "
			 "odx.KEY=; %s in the path is written \\%c",
			 part, sep == ',' ? "a comma" : "a semicolon", sep);
		return -EINVAL;
	}
	if (!value && key->kind != KEY_BOOL) {
		snprintf(err, err_cap, "%s needs a value: %s=...", part, part);
		return -EINVAL;
	}
	return config_set(key, value ? value : "true", odx ? (void *)&lun->tpc : (void *)lun, err,
			  err_cap);
}

static int parse(struct config_lun *lun, char *spec, char sep, char *err, size_t err_cap)
{
	char *part = next_part(&spec, sep);
	int r;

	if (!*part) {
		snprintf(err, err_cap, "the path is empty: give PATH[%csize=SIZE]...", sep);
		return -EINVAL;
	}
	r = config_set(config_find_key(&section_lun, "path"), part, lun, err, err_cap);
	while (r == 0 && (part = next_part(&spec, sep)))
		r = set_option(lun, part, sep, err, err_cap);
	if (r == 0 && !lu_tpc_check(&lun->tpc, lun->block_size, err, err_cap))
		r = -EINVAL;
	return r;
}

int config_parse_lun(struct config_lun *lun, const char *spec, char sep, char *err, size_t err_cap)
{
	char *copy = strdup(spec);
	int r;

	if (!copy) {
		snprintf(err, err_cap, "out of memory");
		return -ENOMEM;
	}
	r = parse(lun, copy, sep, err, err_cap);
	free(copy);
	return r;
}
