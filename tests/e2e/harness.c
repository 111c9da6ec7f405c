/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_S	  30 /* until "ready", sanitizers and slow machines included */
#define STOP_S	  30
#define MAX_ODXDS 8
#define TEXTS	  64

static struct odxd daemons[MAX_ODXDS];
static CU_pTest daemons_of; /* the test that started them */
static char dir[128];

double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool sanitized(void)
{
	const char *v = getenv("ODX_SANITIZED");

	return v && *v == '1';
}

/* A static buffer that lives for the next TEXTS - 1 calls. */
static char *text_buffer(void)
{
	static char texts[TEXTS][768];
	static unsigned n;

	return texts[n++ % TEXTS];
}

/* ---- the directory ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* What we have of an odxd that has ended. */
static void let_go(struct odxd *o)
{
	close(o->out);
	if (o->decoy >= 0)
		close(o->decoy);
}

static void kill_daemons(void)
{
	for (unsigned i = 0; i < MAX_ODXDS; i++) {
		struct odxd *o = &daemons[i];

		if (o->pid <= 0)
			continue;
		kill(o->pid, SIGKILL);
		waitpid(o->pid, NULL, 0);
		let_go(o);
		o->pid = 0;
	}
}

static void at_exit(void)
{
	kill_daemons();
	if (dir[0])
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void on_signal(int sig)
{
	(void)sig;
	exit(1);
}

static void make_dir(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%.80s/odx-e2e-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(dir)) {
		perror(dir);
		exit(2);
	}
	atexit(at_exit);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGPIPE, SIG_IGN);
}

const char *tmp_path(const char *name)
{
	char *buf = text_buffer();

	if (!dir[0])
		make_dir();
	snprintf(buf, 768, "%s/%s", dir, name);
	return buf;
}

/* ---- files and patterns ---- */

static int create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0) {
		perror(path);
		exit(2);
	}
	return fd;
}

const char *make_file(const char *name, uint64_t size)
{
	const char *path = tmp_path(name);
	int fd = create(path);

	if (ftruncate(fd, (off_t)size)) {
		perror(path);
		exit(2);
	}
	close(fd);
	return path;
}

const char *make_filled(const char *name, uint64_t size, unsigned seed)
{
	static uint8_t buf[MIB];
	const char *path = make_file(name, size);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	for (uint64_t off = 0; off < size; off += sizeof(buf)) {
		size_t n = size - off < sizeof(buf) ? (size_t)(size - off) : sizeof(buf);

		pattern_fill(buf, off, n, seed);
		if (pwrite(fd, buf, n, (off_t)off) != (ssize_t)n) {
			perror(path);
			exit(2);
		}
	}
	close(fd);
	return path;
}

const char *make_text(const char *name, const char *text)
{
	const char *path = tmp_path(name);
	int fd = create(path);

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		perror(path);
		exit(2);
	}
	close(fd);
	return path;
}

/* splitmix64: neighbours differ in every byte, so shifted data is seen. */
static uint64_t word_at(uint64_t off, unsigned seed)
{
	uint64_t z = off / 8 + 0x9e3779b97f4a7c15ull * (seed + 1ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

void pattern_fill(void *buf, uint64_t off, size_t len, unsigned seed)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t w = word_at(off + i, seed);

		memcpy(p + i, &w, len - i < 8 ? len - i : 8);
	}
}

bool pattern_is(const char *what, const void *buf, uint64_t off, size_t len, unsigned seed)
{
	const uint8_t *p = buf;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t w = word_at(off + i, seed);
		size_t n = len - i < 8 ? len - i : 8;

		if (memcmp(p + i, &w, n) == 0)
			continue;
		printf("%s: byte %zu of %zu is not what offset %llu of pattern %u holds:\n", what,
		       i, len, (unsigned long long)(off + i), seed);
		return test_same_bytes(what, p + i, n, &w, n);
	}
	return true;
}

bool zeros_are(const char *what, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		if (p[i]) {
			printf("%s: byte %zu of %zu is %02x, not zero\n", what, i, len, p[i]);
			return false;
		}
	return true;
}

/* Looks at a part of a file in pieces; @zero or the pattern. */
static bool look(const char *path, uint64_t file_off, size_t len, bool zero, uint64_t off,
		 unsigned seed)
{
	static uint8_t buf[MIB];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0;

	while (ok && len > 0) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);

		ok = pread(fd, buf, n, (off_t)file_off) == (ssize_t)n &&
		     (zero ? zeros_are(path, buf, n) : pattern_is(path, buf, off, n, seed));
		if (!ok)
			printf("  (in the piece at file offset %llu)\n",
			       (unsigned long long)file_off);
		file_off += n;
		off += n;
		len -= n;
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

bool file_is(const char *path, uint64_t file_off, size_t len, uint64_t off, unsigned seed)
{
	return look(path, file_off, len, false, off, seed);
}

bool file_is_zero(const char *path, uint64_t file_off, size_t len)
{
	return look(path, file_off, len, true, 0, 0);
}

uint64_t file_sum(const char *path)
{
	static uint64_t buf[MIB / 8];
	uint64_t sum = 0xcbf29ce484222325ull;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < (n + 7) / 8; i++)
			sum = (sum ^ buf[i]) * 0x100000001b3ull;
	if (fd >= 0)
		close(fd);
	return sum;
}

/* ---- programs ---- */

const char *program(const char *env)
{
	const char *path = getenv(env);

	if (!path || !*path) {
		fprintf(stderr, "%s is not set: run this by meson test\n", env);
		exit(2);
	}
	return path;
}

void run_env(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/* In the child: our death is its death. */
static void become(const char *const argv[], int out, int err)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* The exit status as a shell has it; -1 after @deadline. */
static int wait_until(pid_t pid, double deadline)
{
	int st;

	while (waitpid(pid, &st, WNOHANG) == 0) {
		if (seconds_now() > deadline)
			return -1;
		usleep(2000);
	}
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

static char *slurp(const char *path, unsigned *ret_lines)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(2);
	}
	text = calloc(1, (size_t)st.st_size + 1);
	n = text ? read(fd, text, (size_t)st.st_size) : 0;
	close(fd);
	*ret_lines = 0;
	for (ssize_t i = 0; i < n; i++)
		*ret_lines += text[i] == '\n';
	return text;
}

struct run run_argv(unsigned timeout_s, const char *const argv[])
{
	struct run r = { .status = 0 };
	const char *out_path = tmp_path("run.out"), *err_path = tmp_path("run.err");
	int out = create(out_path), err = create(err_path);
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		become(argv, out, err);
	close(out);
	close(err);
	r.status = wait_until(pid, seconds_now() + timeout_s);
	if (r.status < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		r.status = 124;
		printf("%s: no end after %u s\n", argv[0], timeout_s);
	}
	r.out = slurp(out_path, &r.out_lines);
	r.err = slurp(err_path, &r.err_lines);
	return r;
}

void run_done(struct run *r)
{
	free(r->out);
	free(r->err);
	r->out = r->err = NULL;
}

/* ---- odxd ---- */

static void show_stderr(const struct odxd *o)
{
	unsigned lines;
	char *text = slurp(o->err_path, &lines);

	printf("--- stderr of %s:\n%.8000s---\n", o->name, text ? text : "");
	free(text);
}

/* Sanitizers speak on stderr and may still exit as we asked. */
static bool stderr_clean(const struct odxd *o)
{
	unsigned lines;
	char *text = slurp(o->err_path, &lines);
	bool ok = text && !strstr(text, "Sanitizer") && !strstr(text, "runtime error:");

	free(text);
	return ok;
}

static struct odxd *free_slot(void)
{
	if (daemons_of != CU_get_current_test()) {
		kill_daemons();
		daemons_of = CU_get_current_test();
	}
	for (unsigned i = 0; i < MAX_ODXDS; i++)
		if (daemons[i].pid == 0) {
			memset(&daemons[i], 0, sizeof(daemons[i]));
			snprintf(daemons[i].name, sizeof(daemons[i].name), "odxd%u", i);
			return &daemons[i];
		}
	fprintf(stderr, "more than %d odxds\n", MAX_ODXDS);
	exit(2);
}

/* Reads its lines until "ready"; the first portal is the one we use. */
static bool wait_ready(struct odxd *o)
{
	double deadline = seconds_now() + START_S;
	size_t n = 0;

	while (n + 1 < sizeof(o->said) && seconds_now() < deadline) {
		struct pollfd p = { .fd = o->out, .events = POLLIN };
		const char *at;
		ssize_t got;

		if (poll(&p, 1, 100) <= 0)
			continue;
		got = read(o->out, o->said + n, sizeof(o->said) - 1 - n);
		if (got <= 0)
			return false;
		n += (size_t)got;
		if (!strstr(o->said, "ready\n"))
			continue;
		at = strstr(o->said, "listening on ");
		return at && sscanf(at, "listening on %63[^\n]", o->portal) == 1;
	}
	return false;
}

/* What odxd prints until it has been silent for a moment. */
static void hear(struct odxd *o, char *ret, size_t cap)
{
	struct pollfd p = { .fd = o->out, .events = POLLIN };
	size_t n = 0;

	for (int wait = 5000; n + 1 < cap && poll(&p, 1, wait) > 0; wait = 100) {
		ssize_t got = read(o->out, ret + n, cap - 1 - n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	ret[n] = '\0';
}

uint64_t odxd_counter(struct odxd *o, unsigned lun, const char *name)
{
	static char said[65536];
	char line[32], word[64];
	unsigned long long value;
	const char *at;

	kill(o->pid, SIGUSR1);
	hear(o, said, sizeof(said));
	snprintf(line, sizeof(line), "/%u:", lun);
	snprintf(word, sizeof(word), " %s=", name);
	at = strstr(said, line);
	at = at ? strstr(at, word) : NULL;
	if (!at || sscanf(at + strlen(word), "%llu", &value) != 1) {
		printf("no counter %s of LUN %u in:\n%s", name, lun, said);
		exit(2);
	}
	return value;
}

/* A connection that says nothing has the first reactor: what a test opens is on another. */
static void take_first_reactor(struct odxd *o)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(strrchr(o->portal, ':') + 1)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	o->decoy = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(o->decoy, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror(o->portal);
		exit(2);
	}
}

struct odxd *odxd_start_argv(const char *const args[])
{
	const char *argv[MAX_ARGS + 6] = { program("ODXD"), "--portal", "127.0.0.1:0" };
	const char *reactors = getenv("ODX_REACTORS");
	struct odxd *o = free_slot();
	unsigned n = 3;
	int out[2], err;

	if (reactors) {
		argv[n++] = "--reactors";
		argv[n++] = reactors;
	}
	for (unsigned i = 0; args[i] && i < MAX_ARGS; i++)
		argv[n++] = args[i];
	snprintf(o->err_path, sizeof(o->err_path), "%s", tmp_path(o->name));
	err = create(o->err_path);
	if (pipe2(out, O_CLOEXEC)) {
		perror("pipe");
		exit(2);
	}
	fflush(stdout);
	o->pid = fork();
	if (o->pid == 0)
		become(argv, out[1], err);
	close(out[1]);
	close(err);
	o->out = out[0];
	o->decoy = -1;
	if (wait_ready(o)) {
		if (reactors && atoi(reactors) > 1)
			take_first_reactor(o);
		return o;
	}
	show_stderr(o);
	kill(o->pid, SIGKILL);
	waitpid(o->pid, NULL, 0);
	let_go(o);
	o->pid = 0;
	CU_FAIL_FATAL("odxd did not get ready");
	return NULL;
}

void odxd_stop_status(struct odxd *o, int status)
{
	int got;
	bool clean;

	if (!o || o->pid == 0)
		return;
	kill(o->pid, SIGTERM);
	got = wait_until(o->pid, seconds_now() + STOP_S);
	if (got < 0) {
		printf("%s does not end after SIGTERM\n", o->name);
		kill(o->pid, SIGKILL);
		waitpid(o->pid, NULL, 0);
	}
	let_go(o);
	o->pid = 0;
	clean = stderr_clean(o);
	if (got != status || !clean) {
		printf("%s ended with status %d, %d expected\n", o->name, got, status);
		show_stderr(o);
	}
	CU_ASSERT_EQUAL(got, status);
	CU_ASSERT(clean);
}

void odxd_stop(struct odxd *o)
{
	odxd_stop_status(o, 0);
}

void odxd_kill(struct odxd *o)
{
	kill(o->pid, SIGKILL);
	waitpid(o->pid, NULL, 0);
	let_go(o);
	o->pid = 0;
}

const char *odxd_target_uri(const struct odxd *o, const char *iqn, unsigned lun)
{
	char *buf = text_buffer();

	snprintf(buf, 768, "iscsi://%s/%s/%u", o->portal, iqn, lun);
	return buf;
}

const char *odxd_uri(const struct odxd *o, unsigned lun)
{
	return odxd_target_uri(o, ODXD_IQN, lun);
}

long odxd_rss_kib(const struct odxd *o)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)o->pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

int odxd_fds(const struct odxd *o)
{
	char path[64];
	int n = -2; /* . and .. */
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)o->pid);
	d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}
