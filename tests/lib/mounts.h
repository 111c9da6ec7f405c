/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop devices and file systems made for a test, which need root: without it the test is
 * skipped.
 */
#ifndef TESTS_MOUNTS_H
#define TESTS_MOUNTS_H

#include <stdbool.h>

/*
 * A loop device over @file with sectors of @sector bytes; false (and the test
 * skipped) where that is not allowed.  Goes away with its last close after
 * loop_done.
 */
struct loop {
	int fd;
	char path[32];
};
bool loop_init(struct loop *l, const char *file, unsigned sector);
void loop_done(struct loop *l);
/* Mounts a tmpfs of @bytes at @dir (made); false (and the test skipped) if not allowed. */
bool tmpfs_init(const char *dir, unsigned bytes);
/* A file system without holes or fallocate, likewise; tmpfs_done unmounts it. */
bool ramfs_init(const char *dir);
void tmpfs_done(const char *dir);

/*
 * A new file system of 320 MiB, "xfs", "btrfs" or "ext4", mounted at @dir (made in the
 * directory @scratch, which is the caller's to remove); false (and the test skipped) where
 * that cannot be.
 */
struct mounted {
	struct loop loop;
	char dir[128];
};
bool mount_in(struct mounted *m, const char *scratch, const char *kind);
void mount_done(struct mounted *m);

#endif
