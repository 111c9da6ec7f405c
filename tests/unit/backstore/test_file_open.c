/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static struct fixture fx;

/* Opening must fail with @code and say @words; nothing may be returned. */
static void refused(const struct bs_config *cfg, int code, const char *words)
{
	struct backstore *bs = (struct backstore *)8;
	int r;

	fx.err[0] = '\0';
	r = bs_open(&bs, cfg, &fx.env, fx.err, sizeof(fx.err));
	CU_ASSERT_EQUAL(r, code);
	CU_ASSERT_PTR_EQUAL(bs, (struct backstore *)8);
	if (r != code || !strstr(fx.err, words) || !strstr(fx.err, cfg->path) ||
	    strchr(fx.err, '\n')) {
		printf("wanted %d \"%s\", got %d \"%s\"\n", code, words, r, fx.err);
		CU_FAIL("wrong or unclear error");
	}
}

static const char *file(uint64_t size)
{
	const char *path = fixture_path(&fx, "file");

	make_file(path, size, 1);
	return path;
}

static void bad_files_are_refused_with_what_to_do(void)
{
	struct bs_config cfg = { .block_size = 4096 };

	fixture_init(&fx);
	cfg.path = fixture_path(&fx, "missing");
	refused(&cfg, -ENOENT, "size=SIZE");
	cfg.path = fixture_path(&fx, "no/such/dir");
	cfg.size = MIB;
	refused(&cfg, -ENOENT, "check the path");
	cfg.size = 0;
	cfg.path = fx.dir;
	refused(&cfg, -EINVAL, "a directory");
	cfg.path = "/dev/null";
	refused(&cfg, -EINVAL, "block device");
	cfg.path = fixture_path(&fx, "fifo");
	CU_ASSERT_EQUAL(mkfifo(cfg.path, 0600), 0);
	refused(&cfg, -EINVAL, "block device");
	cfg.path = file(0);
	refused(&cfg, -EINVAL, "is empty");
	cfg.size = MIB;
	refused(&cfg, -EINVAL, "is empty");
	cfg.size = 0;
	cfg.path = file(8192 + 512);
	refused(&cfg, -EINVAL, "block-size=512");
	cfg.path = file(8192 + 5);
	refused(&cfg, -EINVAL, "multiple of the block size");
	fixture_done(&fx);
}

static void size_must_match_a_file_that_exists(void)
{
	struct bs_config cfg = { .block_size = 512, .size = 8192 };
	struct backstore *bs;

	fixture_init(&fx);
	cfg.path = file(4096);
	refused(&cfg, -EINVAL, "4096 bytes, not the 8192");
	cfg.size = 4096;
	bs = must_open(&fx, &cfg);
	CU_ASSERT_EQUAL(bs_size(bs), 4096);
	bs_close(bs);
	cfg.size = 4095;
	refused(&cfg, -EINVAL, "4095 is not a multiple");
	fixture_done(&fx);
}

static void a_full_file_is_created_with_its_space_really_there(void)
{
	struct bs_config cfg = { .block_size = 4096, .size = 4 * MIB, .provisioning = BS_FULL };
	struct backstore *bs;
	unsigned char buf[512] = { 1 }, zero[512] = { 0 };
	struct stat st;

	fixture_init(&fx);
	cfg.path = fixture_path(&fx, "new");
	bs = must_open(&fx, &cfg);
	CU_ASSERT_EQUAL(bs_size(bs), 4 * MIB);
	CU_ASSERT_EQUAL(stat(cfg.path, &st), 0);
	CU_ASSERT(st.st_size == 4 * MIB && st.st_blocks * 512 >= 4 * MIB);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 4 * MIB - 512, buf, 512, 0), 0);
	CHECK_BYTES(buf, 512, zero, 512);
	bs_close(bs);
	bs = must_open(&fx, &cfg); /* a second time: found */
	bs_close(bs);
	fixture_done(&fx);
}

static void a_thin_file_is_created_as_one_hole(void)
{
	struct bs_config cfg = { .block_size = 4096, .size = 1ull << 40 };
	unsigned char buf[512] = { 1 }, zero[512] = { 0 };
	struct backstore *bs;
	struct stat st;

	fixture_init(&fx);
	for (unsigned i = 0; i < 2; i++) { /* left to itself, and asked for */
		cfg.provisioning = i ? BS_THIN : BS_AUTO;
		cfg.path = fixture_path(&fx, i ? "asked" : "auto");
		bs = must_open(&fx, &cfg);
		CU_ASSERT(bs_thin(bs) && bs_size(bs) == 1ull << 40);
		CU_ASSERT_EQUAL(stat(cfg.path, &st), 0);
		CU_ASSERT(st.st_size == 1ll << 40 && st.st_blocks == 0);
		CU_ASSERT_EQUAL(bs_discard_granularity(bs), (uint32_t)st.st_blksize);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, (1ull << 40) - 512, buf, 512, 0), 0);
		CHECK_BYTES(buf, 512, zero, 512);
		bs_close(bs);
	}
	fixture_done(&fx);
}

static void thin_is_what_may_be_written_unless_asked(void)
{
	struct bs_config cfg = { .block_size = 512 };
	struct backstore *bs;
	static const struct {
		enum bs_provisioning asked;
		bool read_only, thin;
	} cases[] = {
		{ BS_AUTO, false, true }, { BS_AUTO, true, false },  { BS_THIN, false, true },
		{ BS_THIN, true, true },  { BS_FULL, false, false },
	};

	fixture_init(&fx);
	for (unsigned i = 0; i < 2 * COUNT(cases); i++) {
		cfg.path = i % 2 ? "mem:x" : file(8192);
		cfg.size = i % 2 ? 8192 : 0;
		cfg.provisioning = cases[i / 2].asked;
		cfg.read_only = cases[i / 2].read_only;
		bs = must_open(&fx, &cfg);
		CU_ASSERT_EQUAL(bs_thin(bs), cases[i / 2].thin);
		bs_close(bs);
	}
	fixture_done(&fx);
}

static void where_space_cannot_be_given_back_thin_is_refused(void)
{
	struct bs_config cfg = { .block_size = 512, .size = MIB };
	unsigned char buf[512] = { 1 }, zero[512] = { 0 };
	struct backstore *bs;
	struct loop loop;
	char dir[128], path[160];

	fixture_init(&fx);
	snprintf(dir, sizeof(dir), "%s", fixture_path(&fx, "mnt"));
	snprintf(path, sizeof(path), "%s/file", dir);
	if (ramfs_init(dir)) {
		cfg.path = path;
		cfg.provisioning = BS_THIN;
		refused(&cfg, -EOPNOTSUPP, "leave out provisioning=thin");
		cfg.provisioning = BS_FULL; /* nor is there space to be reserved */
		refused(&cfg, -EOPNOTSUPP, "leave out provisioning=full");
		CU_ASSERT(access(path, F_OK) < 0 && errno == ENOENT);
		cfg.provisioning = BS_AUTO;
		bs = must_open(&fx, &cfg);
		CU_ASSERT(!bs_thin(bs));
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_WRITE, 512, buf, 512, 0), 0);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_DISCARD, 0, NULL, MIB, 0), 0);
		CU_ASSERT_EQUAL(do_io(&fx, bs, IO_READ, 512, buf, 512, 0), 0);
		CHECK_BYTES(buf, 512, zero, 512);
		CU_ASSERT(bs_stats(bs)->zeroes == 1 && bs_stats(bs)->discards == 0);
		bs_close(bs);
		if (loop_init(&loop, path, 512)) {
			cfg = (struct bs_config) { .path = loop.path,
						   .block_size = 512,
						   .provisioning = BS_THIN };
			refused(&cfg, -EOPNOTSUPP, "the device cannot give space back");
			loop_done(&loop);
		}
		tmpfs_done(dir);
	}
	fixture_done(&fx);
}

static void what_cannot_be_created_leaves_nothing_behind(void)
{
	struct bs_config cfg = { .block_size = 4096, .size = 4 * MIB, .provisioning = BS_FULL };
	char dir[128], path[160];

	fixture_init(&fx);
	snprintf(dir, sizeof(dir), "%s", fixture_path(&fx, "mnt"));
	snprintf(path, sizeof(path), "%s/new", dir);
	cfg.path = path;
	if (tmpfs_init(dir, MIB)) {
		refused(&cfg, -ENOSPC, "no space to create 4194304 bytes (10");
		CU_ASSERT(access(path, F_OK) < 0 && errno == ENOENT);
		cfg.size = 1ull << 63;
		refused(&cfg, -EFBIG, "too large");
		CU_ASSERT(access(path, F_OK) < 0 && errno == ENOENT);
		cfg.size = 4097;
		refused(&cfg, -EINVAL, "multiple");
		CU_ASSERT(access(path, F_OK) < 0 && errno == ENOENT);
		tmpfs_done(dir);
	}
	cfg.path = fixture_path(&fx, "new");
	cfg.size = MIB;
	cfg.read_only = true;
	refused(&cfg, -ENOENT, "no such file");
	fixture_done(&fx);
}

static void a_file_is_served_once_under_whatever_name(void)
{
	struct bs_config cfg = { .block_size = 512 }, ro = { .block_size = 512, .read_only = true };
	struct backstore *bs;

	fixture_init(&fx);
	cfg.path = ro.path = file(4096);
	bs = must_open(&fx, &cfg);
	refused(&cfg, -EBUSY, "already served as");
	refused(&ro, -EBUSY, "already served as");
	ro.path = fixture_path(&fx, "hard");
	CU_ASSERT_EQUAL(link(cfg.path, ro.path), 0);
	refused(&ro, -EBUSY, cfg.path);
	ro.path = fixture_path(&fx, "soft");
	CU_ASSERT_EQUAL(symlink("file", ro.path), 0);
	refused(&ro, -EBUSY, "already served as");
	bs_close(bs);
	bs = must_open(&fx, &ro); /* free again */
	cfg.read_only = true;
	refused(&cfg, -EBUSY, "already served as"); /* also when both only read */
	bs_close(bs);
	fixture_done(&fx);
}

static void a_block_device_is_served_once_under_whatever_node(void)
{
	struct bs_config cfg = { .block_size = 512 },
			 other = { .block_size = 512, .read_only = true };
	struct backstore *bs;
	struct loop loop;
	struct stat st;

	fixture_init(&fx);
	if (loop_init(&loop, file(MIB), 512)) {
		cfg.path = loop.path;
		other.path = fixture_path(&fx, "node");
		CU_ASSERT_EQUAL(stat(loop.path, &st), 0);
		CU_ASSERT_EQUAL(mknod(other.path, S_IFBLK | 0600, st.st_rdev), 0);
		bs = must_open(&fx, &cfg);
		refused(&other, -EBUSY, "already served as /dev/loop");
		bs_close(bs);
		cfg.size = 2 * MIB;
		refused(&cfg, -EINVAL, "1048576 bytes, not the 2097152");
		loop_done(&loop);
	}
	fixture_done(&fx);
}

/* A child that holds a lock of kind @op on @path until killed. */
static pid_t hold_lock(const char *path, int op)
{
	int fds[2], fd;
	char c;
	pid_t pid;

	if (pipe(fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (flock(fd, op) < 0 || write(fds[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	if (read(fds[0], &c, 1) != 1)
		CU_FAIL("the child has no lock");
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static void a_file_locked_by_another_process_is_refused(void)
{
	struct bs_config cfg = { .block_size = 512 };
	struct backstore *bs;
	pid_t pid;

	fixture_init(&fx);
	cfg.path = file(4096);
	pid = hold_lock(cfg.path, LOCK_SH);
	refused(&cfg, -EBUSY, "another process");
	cfg.read_only = true; /* readers share */
	bs = must_open(&fx, &cfg);
	bs_close(bs);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pid = hold_lock(cfg.path, LOCK_EX);
	refused(&cfg, -EBUSY, "another process");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	bs = must_open(&fx, &cfg);
	bs_close(bs);
	fixture_done(&fx);
}

/* As a user who may not, in a child: root may everything. */
static int open_as_nobody(const struct bs_config *cfg, const char *words)
{
	struct backstore *bs;
	int status = 0, r;
	pid_t pid = fork();

	if (pid == 0) {
		if (getuid() == 0 && setuid(65534) < 0)
			_exit(3);
		r = bs_open(&bs, cfg, &fx.env, fx.err, sizeof(fx.err));
		_exit(r == -EACCES && strstr(fx.err, words) ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void permissions_are_told(void)
{
	struct bs_config cfg = { .block_size = 512 };

	fixture_init(&fx);
	CU_ASSERT_EQUAL(chmod(fx.dir, 0755), 0);
	cfg.path = file(4096);
	CU_ASSERT_EQUAL(chmod(cfg.path, 0444), 0);
	CU_ASSERT_EQUAL(open_as_nobody(&cfg, "read-only"), 0);
	CU_ASSERT_EQUAL(chmod(cfg.path, 0), 0);
	cfg.read_only = true;
	CU_ASSERT_EQUAL(open_as_nobody(&cfg, "may read it"), 0);
	CU_ASSERT_EQUAL(chmod(cfg.path, 0600), 0);
	fixture_done(&fx);
}

static void a_bad_fault_is_refused_and_the_file_free_again(void)
{
	struct bs_config cfg = { .block_size = 512, .fault = "nonsense" };
	struct backstore *bs;

	fixture_init(&fx);
	cfg.path = file(4096);
	CU_ASSERT_EQUAL(bs_open(&bs, &cfg, &fx.env, fx.err, sizeof(fx.err)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(fx.err, "nonsense"));
	cfg.fault = NULL;
	bs = must_open(&fx, &cfg);
	bs_close(bs);
	fixture_done(&fx);
}

static void refused_openings_leak_no_descriptor(void)
{
	struct bs_config cfg = { .block_size = 4096 };
	int before, after;

	fixture_init(&fx);
	cfg.path = file(4096 + 512);
	before = dup(0);
	close(before);
	for (unsigned i = 0; i < 10; i++)
		refused(&cfg, -EINVAL, "multiple");
	after = dup(0);
	close(after);
	CU_ASSERT_EQUAL(before, after);
	fixture_done(&fx);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "bad files are refused with what to do", bad_files_are_refused_with_what_to_do },
		{ "size= must match a file that exists", size_must_match_a_file_that_exists },
		{ "a full file is created with its space really there",
		  a_full_file_is_created_with_its_space_really_there },
		{ "a thin file is created as one hole", a_thin_file_is_created_as_one_hole },
		{ "thin is what may be written, unless asked",
		  thin_is_what_may_be_written_unless_asked },
		{ "where space cannot be given back thin is refused",
		  where_space_cannot_be_given_back_thin_is_refused },
		{ "what cannot be created leaves nothing behind",
		  what_cannot_be_created_leaves_nothing_behind },
		{ "a file is served once, under whatever name",
		  a_file_is_served_once_under_whatever_name },
		{ "a block device is served once, under whatever node",
		  a_block_device_is_served_once_under_whatever_node },
		{ "a file locked by another process is refused",
		  a_file_locked_by_another_process_is_refused },
		{ "permissions are told", permissions_are_told },
		{ "a bad fault is refused and the file free again",
		  a_bad_fault_is_refused_and_the_file_free_again },
		{ "refused openings leak no descriptor", refused_openings_leak_no_descriptor },
		TEST_END,
	};

	return test_main(argc, argv, "backstore/file_open", tests);
}
