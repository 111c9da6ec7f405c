/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files of the directories given: the corpus as a
 * regression test for compilers without libFuzzer, and the count for those with.
 *
 *	replay NAME DIRECTORY...
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static int run_file(const char *path)
{
	struct stat st;
	uint8_t *data;
	size_t size;
	FILE *f = fopen(path, "rb");

	if (!f || fstat(fileno(f), &st) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		if (f)
			fclose(f);
		return -1;
	}
	/* a block of just this size, so that a sanitizer sees the first byte too many */
	size = (size_t)st.st_size;
	data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, f) != size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		free(data);
		fclose(f);
		return -1;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static void run_directory(const char *name, unsigned *passed, unsigned *failed)
{
	DIR *dir = opendir(name);
	struct dirent *e;

	if (!dir) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		++*failed;
		return;
	}
	while ((e = readdir(dir))) {
		char path[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", name, e->d_name);
		if (run_file(path) < 0)
			++*failed;
		else
			++*passed;
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: %s NAME DIRECTORY...\n", argv[0]);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		run_directory(argv[i], &passed, &failed);
	if (passed + failed == 0) {
		fprintf(stderr, "%s: no inputs\n", argv[1]);
		failed = 1;
	}
	printf("%s: %u passed, %u failed, 0 skipped\n", argv[1], passed, failed);
	return failed ? 1 : 0;
}
