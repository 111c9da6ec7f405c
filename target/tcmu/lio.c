/* SPDX-License-Identifier: Apache-2.0 */
#include "lio.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define UIO  "/sys/class/uio"
#define CORE "/sys/kernel/config/target/core"

/* The first line of a small file. */
static bool read_line(const char *path, char *ret, size_t cap)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(ret, (int)cap, f);

	if (f)
		fclose(f);
	if (ok)
		ret[strcspn(ret, "\n")] = '\0';
	return ok;
}

static bool write_line(const char *path, const char *line)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fputs(line, f) >= 0;

	if (f && fclose(f) != 0)
		ok = false;
	return ok;
}

bool lio_device_dir(const char *uio_name, char *ret, size_t cap)
{
	unsigned hba;
	int at = 0, n;
	size_t len;

	if (sscanf(uio_name, "tcm-user/%u/%n", &hba, &at) != 1 || at == 0)
		return false;
	len = strcspn(uio_name + at, "/");
	if (len == 0)
		return false;
	n = snprintf(ret, cap, CORE "/user_%u/%.*s", hba, (int)len, uio_name + at);
	return n > 0 && (size_t)n < cap;
}

bool lio_write_cache_of(const char *dir)
{
	char path[PATH_MAX], enabled[8], cache[8];

	snprintf(path, sizeof(path), "%s/enable", dir);
	if (!read_line(path, enabled, sizeof(enabled)))
		return true;
	snprintf(path, sizeof(path), "%s/attrib/emulate_write_cache", dir);
	if (strcmp(enabled, "0") == 0) {
		write_line(path, "1"); /* if not, it is only not told */
		return true;
	}
	return !read_line(path, cache, sizeof(cache)) || strcmp(cache, "0") != 0;
}

bool lio_write_cache(struct tcmu_device *tcmu)
{
	char path[PATH_MAX], name[512], dir[PATH_MAX];

	snprintf(path, sizeof(path), UIO "/%s/name", tcmu_dev_get_uio_name(tcmu));
	return !read_line(path, name, sizeof(name)) || !lio_device_dir(name, dir, sizeof(dir)) ||
	       lio_write_cache_of(dir);
}
