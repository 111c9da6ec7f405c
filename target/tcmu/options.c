/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cfgstring: what it says, and what can be told of it before there is a device.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"

#define PREFIX "odx/" /* the subtype, which LIO puts in front */

int device_options(struct config_lun *lun, const char *cfgstring, char *err, size_t err_cap)
{
	int res;

	/* The kernel takes what comes after it for an option of its own and drops it. */
	if (strchr(cfgstring, ',')) {
		snprintf(err, err_cap,
			 "LIO cuts it off at the comma: put a semicolon before each option, and "
			 "no comma into the path");
		return -EINVAL;
	}
	if (strncmp(cfgstring, PREFIX, strlen(PREFIX)) == 0)
		cfgstring += strlen(PREFIX);
	res = config_parse_lun(lun, cfgstring, ';', err, err_cap);
	if (res < 0)
		return res;
	/* The runner's working directory is nobody's business. */
	if (lun->path[0] != '/' && strncmp(lun->path, "mem:", 4) != 0) {
		snprintf(err, err_cap, "%.200s: give an absolute path, as /srv/vol1.img",
			 lun->path);
		return -EINVAL;
	}
	if (lun->serial) {
		snprintf(err, err_cap,
			 "serial= is not for here: the unit serial is LIO's (wwn= of targetcli)");
		return -EINVAL;
	}
	return 0;
}

static bool directory_there(const char *path, char *err, size_t err_cap)
{
	char copy[4096];
	struct stat st;

	snprintf(copy, sizeof(copy), "%s", path);
	if (stat(dirname(copy), &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	snprintf(err, err_cap, "%.200s: there is no such directory to make the file in", path);
	return false;
}

bool device_possible(const struct config_lun *lun, char *err, size_t err_cap)
{
	struct stat st;

	if (strncmp(lun->path, "mem:", 4) == 0)
		return true;
	if (stat(lun->path, &st) < 0) {
		if (errno == ENOENT && !lun->read_only)
			return directory_there(lun->path, err, err_cap);
		snprintf(err, err_cap, "%.200s: %s", lun->path, strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		snprintf(err, err_cap, "%.200s: is %s: give a regular file or a block device",
			 lun->path, S_ISDIR(st.st_mode) ? "a directory" : "neither file nor disk");
		return false;
	}
	if (access(lun->path, lun->read_only ? R_OK : R_OK | W_OK) < 0) {
		snprintf(err, err_cap, "%.200s: %s", lun->path, strerror(errno));
		return false;
	}
	if (S_ISREG(st.st_mode) && st.st_size == 0) {
		snprintf(err, err_cap,
			 "%.200s: is empty: give one with data, or remove it and have it made",
			 lun->path);
		return false;
	}
	return true;
}
