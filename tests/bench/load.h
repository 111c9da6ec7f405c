/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odxload: load on an iSCSI target, in steps that are told on standard input, one line
 * each, and answered with one line of JSON.  The same for every target; one thread.
 *
 * A step has lanes: each keeps one command in flight, and says after its end which is
 * the next.  Lanes of one session share it.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <jansson.h>

#include "disk.h"
#include "hist.h"

#define LOAD_MAX_SESSIONS 8 /* initiator_poll serves so many at once */
#define LOAD_MAX_LUNS	  16
#define LOAD_MAX_ARGS	  24

/* The KEY=VALUE words of a step. */
struct args {
	struct {
		const char *key, *value;
		bool used;
	} v[LOAD_MAX_ARGS];
	unsigned n;
};
/* A number, perhaps with K, M or G (powers of 1024), or a fraction; @missing when not there. */
uint64_t args_size(struct args *a, const char *key, uint64_t missing);
double args_real(struct args *a, const char *key, double missing);
const char *args_word(struct args *a, const char *key, const char *missing);

struct load {
	unsigned sessions;
	struct initiator *in[LOAD_MAX_SESSIONS];
	struct {
		bool open;
		struct disk disk;
	} luns[LOAD_MAX_SESSIONS][LOAD_MAX_LUNS];
	struct disk_host host;

	/* Tokens that a "tokens" step kept, ROD_TOKEN_LEN each. */
	uint8_t *tokens;
	uint64_t held;
	uint64_t token_bytes; /* what each stands for */
};
/* The LUN through that session, looked at once; NULL and the reason in @err. */
struct disk *load_disk(struct load *l, unsigned session, unsigned lun, char *err);

struct step;
struct lane {
	struct step *step;
	struct disk *disk;
	unsigned session;
	struct initiator_cmd cmd;
	uint64_t began; /* ns, of cmd */
	uint8_t *buf;	/* the step's, struct step.buf_len bytes */
	uint64_t random, cursor;
	/* token lanes */
	unsigned at; /* in the row of commands */
	uint32_t list_id;
	uint64_t index; /* of the token */
	uint64_t row_began;
};

struct step {
	struct load *load;
	struct lane *lanes;
	unsigned n;
	size_t buf_len;
	uint64_t started, until; /* ns; until 0: no end by time */
	uint64_t limit, issued;	 /* commands, or rows of them; limit 0: none */
	uint64_t retries;
	/* Puts the next command into lane->cmd; false: the lane is through. */
	bool (*next)(struct lane *lane);
	/* It ended well after @ns; may be NULL. */
	void (*ended)(struct lane *lane, uint64_t ns);
	void *ctx; /* the verb's */
	bool stopped;
	char err[INITIATOR_ERR];
};

/* Lanes of @sessions sessions, @depth each, on @lun; false: @s->err.  lanes_done frees. */
bool lanes_init(struct step *s, struct load *l, unsigned sessions, unsigned depth, unsigned lun,
		size_t buf_len);
void lanes_done(struct step *s);
/* Runs all lanes to their end; *ret_ns is how long.  False: @s->err. */
bool lanes_run(struct step *s, uint64_t *ret_ns);
/* The step may begin one more: time and limit allow it. */
bool step_more(struct step *s);
/* Ends the step with this reason; the first one stays. */
__attribute__((format(printf, 2, 3))) void step_fail(struct step *s, const char *fmt, ...);

uint64_t now_ns(void);
uint64_t lane_random(struct lane *lane);
/* Microseconds: n, mean, p50, p90, p99, p999, max. */
json_t *hist_json(const struct hist *h);

/* The verbs: the answer, or NULL and the reason in @err (INITIATOR_ERR bytes). */
json_t *load_io(struct load *l, struct args *a, char *err);
json_t *load_rows(struct load *l, struct args *a, char *err);
json_t *load_tokens(struct load *l, struct args *a, char *err);
json_t *load_wut(struct load *l, struct args *a, char *err);
json_t *load_copy(struct load *l, struct args *a, char *err);

#endif
