/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every end-to-end test needs: a directory of its own, an odxd on a port of
 * the kernel's choice, other programs run with their output caught, and bytes
 * that can be told apart.  Nothing is left behind, also when a test fails: odxds
 * of an earlier test are killed when the next one starts, the directory goes at
 * exit, and an odxd dies with us.
 */
#ifndef TESTS_E2E_HARNESS_H
#define TESTS_E2E_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "initiator.h"
#include "test.h"

#define KIB	 1024ull
#define MIB	 (1024ull * KIB)
#define GIB	 (1024ull * MIB)

#define ODXD_IQN "iqn.2001-04.com.example:odx"
#define MAX_ARGS 64

/* ---- files ---- */

/* "DIR/NAME" in this process's directory; one of a few static buffers. */
const char *tmp_path(const char *name);
/* A sparse file of @size bytes; returns its path, in a buffer as above. */
const char *make_file(const char *name, uint64_t size);
/* The same, filled with the pattern of @seed. */
const char *make_filled(const char *name, uint64_t size, unsigned seed);
/* Text to a file; returns its path. */
const char *make_text(const char *name, const char *text);

/* ---- bytes that can be told apart ---- */

/* Every 8-byte word depends on @seed and its own offset (@off a multiple of 8). */
void pattern_fill(void *buf, uint64_t off, size_t len, unsigned seed);
/* Compares with what pattern_fill(@off, @seed) makes; prints the first difference. */
bool pattern_is(const char *what, const void *buf, uint64_t off, size_t len, unsigned seed);
bool zeros_are(const char *what, const void *buf, size_t len);
/* The same for a part of a file; @file_off is where it stands, @off what it should be. */
bool file_is(const char *path, uint64_t file_off, size_t len, uint64_t off, unsigned seed);
bool file_is_zero(const char *path, uint64_t file_off, size_t len);
/* FNV-1a of a whole file, to see that it did not change. */
uint64_t file_sum(const char *path);

/* ---- programs ---- */

struct run {
	int status; /* exit status, or 128 + signal; 124: killed after @timeout_s */
	char *out, *err;
	unsigned out_lines, err_lines;
};
/* Runs @argv (NULL-terminated, argv[0] looked for in PATH) to its end. */
struct run run_argv(unsigned timeout_s, const char *const argv[]);
#define RUN(...) run_argv(60, (const char *const[]) { __VA_ARGS__, NULL })
void run_done(struct run *r);
/* Sets or (value NULL) removes a variable for the programs that follow. */
void run_env(const char *name, const char *value);

/* Its path is in the environment (set by meson); the test ends when it is not. */
const char *program(const char *env);

/* ---- odxd ---- */

struct odxd {
	pid_t pid;
	int out;	    /* its standard output */
	char err_path[256]; /* its standard error  */
	int decoy;	    /* a connection, or -1 */
	char portal[64];    /* 127.0.0.1:PORT      */
	char said[4096];    /* all lines up to "ready" */
	char name[16];
};

/*
 * Starts odxd with "--portal 127.0.0.1:0" and @args, waits for "ready"; the test
 * ends here when it does not come.  Owned by the harness until stopped.
 */
struct odxd *odxd_start_argv(const char *const args[]);
#define ODXD(...) odxd_start_argv((const char *const[]) { __VA_ARGS__, NULL })
/* SIGTERM, waits; asserts @status and a clean stderr; NULL is fine. */
void odxd_stop_status(struct odxd *o, int status);
void odxd_stop(struct odxd *o); /* status 0 */
/* SIGKILL, and it is gone: odxd_stop of it does nothing. */
void odxd_kill(struct odxd *o);
/* "iscsi://127.0.0.1:PORT/IQN/LUN"; one of a few static buffers. */
const char *odxd_uri(const struct odxd *o, unsigned lun);
const char *odxd_target_uri(const struct odxd *o, const char *iqn, unsigned lun);
/* A counter of a LUN, as SIGUSR1 makes odxd print it; the test ends when it does not. */
uint64_t odxd_counter(struct odxd *o, unsigned lun, const char *name);
/* Resident memory in KiB and open descriptors of the process. */
long odxd_rss_kib(const struct odxd *o);
int odxd_fds(const struct odxd *o);

/* True when what is tested was built with a sanitizer: slower, so tests do less. */
bool sanitized(void);
double seconds_now(void);

#endif
