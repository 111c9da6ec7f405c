/* SPDX-License-Identifier: Apache-2.0 */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define MOUNTED_BYTES (320ll << 20)

static void give_up(const char *what, const char *why)
{
	fprintf(stderr, "mounts: %s: %s\n", what, why);
	abort();
}

bool loop_init(struct loop *l, const char *file, unsigned sector)
{
	struct loop_config cfg = { .block_size = sector,
				   .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), n = -1;

	l->fd = -1;
	for (int tries = 0; control >= 0 && tries < 10; tries++) {
		n = ioctl(control, LOOP_CTL_GET_FREE);
		if (n < 0)
			break;
		snprintf(l->path, sizeof(l->path), "/dev/loop%d", n);
		l->fd = open(l->path, O_RDWR | O_CLOEXEC);
		if (l->fd < 0)
			break;
		cfg.fd = (unsigned)open(file, O_RDWR | O_CLOEXEC);
		n = ioctl(l->fd, LOOP_CONFIGURE, &cfg);
		close((int)cfg.fd);
		if (n == 0)
			break;
		close(l->fd);
		l->fd = -1;
		if (errno != EBUSY)
			break;
	}
	if (control >= 0)
		close(control);
	if (l->fd < 0)
		test_skip("no loop devices here (needs root)");
	return l->fd >= 0;
}

void loop_done(struct loop *l)
{
	close(l->fd);
}

bool tmpfs_init(const char *dir, unsigned bytes)
{
	char options[32];

	snprintf(options, sizeof(options), "size=%u", bytes);
	if (mkdir(dir, 0700) == 0 && mount("none", dir, "tmpfs", 0, options) == 0)
		return true;
	test_skip("cannot mount a tmpfs here (needs root)");
	return false;
}

bool ramfs_init(const char *dir)
{
	if (mkdir(dir, 0700) == 0 && mount("none", dir, "ramfs", 0, "") == 0)
		return true;
	test_skip("cannot mount a ramfs here (needs root)");
	return false;
}

void tmpfs_done(const char *dir)
{
	umount2(dir, MNT_DETACH);
}

bool mount_in(struct mounted *m, const char *scratch, const char *kind)
{
	char image[128], command[400], why[128];
	int fd;

	snprintf(m->dir, sizeof(m->dir), "%.100s/%s", scratch, kind);
	snprintf(image, sizeof(image), "%.100s/%s.image", scratch, kind);
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/usr/sbin:/sbin mkfs.%s -q %s >%.100s/mkfs.log 2>&1", kind, image,
		 scratch);
	fd = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, MOUNTED_BYTES) < 0)
		give_up(image, "cannot be made");
	close(fd);
	if (system(command) != 0) {
		snprintf(why, sizeof(why), "mkfs.%s does not work here (not installed?)", kind);
		test_skip(why);
		return false;
	}
	if (!loop_init(&m->loop, image, 512))
		return false;
	if (mkdir(m->dir, 0700) == 0 && mount(m->loop.path, m->dir, kind, 0, NULL) == 0)
		return true;
	snprintf(why, sizeof(why), "cannot mount %s here: %s", kind, strerror(errno));
	test_skip(why);
	loop_done(&m->loop);
	return false;
}

void mount_done(struct mounted *m)
{
	if (umount2(m->dir, 0) < 0)
		give_up(m->dir, "is still in use");
	loop_done(&m->loop);
}
