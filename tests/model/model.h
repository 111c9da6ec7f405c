/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of what the LUNs hold: per cell of 512 bytes the set of contents that are
 * possible now, whatever the target has made of the commands that are under way.
 *
 * A command is an *act*: from act_begin (before lu_submit) to act_end (in its done) it may
 * take effect on the cells that it writes, at any moment; what it observes may be of any
 * moment in between.  Acts that do not overlap in time take effect in their order.  So
 * when an act has succeeded, what ended before it began is not possible any more; what
 * was under way at the same time is.  A token is what POPULATE TOKEN observed; where that
 * is not one content but a choice, the choice is made when a copy of it is first seen,
 * and holds for all other copies.
 *
 * An *atomic* act takes effect on all its cells at once.  Who observes it (a READ, a
 * token) must see all of it or nothing.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include "content.h"

#define MODEL_LUNS  8u
#define LUN_CELLS   2048u /* 1 MiB */
#define MODEL_ACTS  32u
#define SET_MAX	    8u
#define WATCH_MAX   24u
#define IN_FLIGHT   UINT32_MAX
#define MAX_HISTORY 16u

/* A content that operation @op left; @end: when that ended, or IN_FLIGHT.  Its number, or a
 * choice (struct choice) that was not made when it was noted.  op 0: of several. */
struct elem {
	uint64_t v;
	uint32_t op, end;
	/*
	 * It is what an atomic act made of what it had found there: when that had ended.  0 or
	 * IN_FLIGHT: not known.  Sure: @op has happened, whichever of its contents it is.
	 */
	uint32_t base;
	bool sure;
};

struct set {
	uint8_t n;
	bool any;	  /* too many to be kept: anything is possible */
	uint32_t any_end; /* as elem.end */
	struct elem e[SET_MAX];
};

struct place {
	uint16_t lun, cell;
};

/* Of one observer: which atomic acts that were under way it has seen, or seen that not. */
struct watch {
	struct watch *next;
	unsigned n;
	struct {
		uint32_t op;
		bool in;
	} seen[WATCH_MAX];
};

enum derive { MAKES, ORS, COPIES };  /* what it writes: its own; its cells changed; others' */
enum fate { IS_IN, IS_OUT, MAY_BE }; /* of what an act was to write, when it has ended */

struct act {
	bool used, begun;
	const char *name;
	uint32_t op;
	uint32_t start;
	bool atomic;
	enum derive how;
	unsigned nobs, nwr;
	struct place obs[LUN_CELLS], wr[LUN_CELLS];
	struct set pre[LUN_CELLS], out[LUN_CELLS];
	uint64_t ors[LUN_CELLS];
};

struct model_stats {
	unsigned wrong;
	uint64_t cells_seen, unknown; /* of those: where anything was possible */
	uint64_t choices;	      /* token cells that could be either */
	uint64_t whole;		      /* atomic acts that observers have placed */
};
extern struct model_stats model_stats;

void model_init(uint32_t max_ops);
void model_done(void);
/* All cells of a LUN hold @v, and nobody is at work there. */
void model_set_lun(unsigned lun, uint64_t v);
/* A moment, after all before and before all after it. */
uint32_t model_tick(void);
/* One content that is possible there now. */
uint64_t model_guess(struct place p);
/* Is anybody writing there? */
bool model_busy(struct place p);

/* NULL: as many are under way as can be. */
struct act *act_new(const char *name, bool atomic);
void act_observe(struct act *a, struct place p);
void act_write(struct act *a, struct place p, uint64_t v); /* @v may be a token's cell */
void act_or(struct act *a, struct place p, uint64_t v);
void act_copy(struct act *a, struct place from, struct place to);
/* What the act writes as number @i of its own. */
uint64_t act_content(const struct act *a, unsigned i);
void act_begin(struct act *a);
/* Its observation @i could have been @v (bytes at @mem). */
bool act_could_see(const struct act *a, unsigned i, uint64_t v);
/* It could have been something else. */
bool act_could_differ(const struct act *a, unsigned i, uint64_t v);
/* It saw these bytes: must be possible, and is what was so from now on. */
void act_saw(struct act *a, unsigned i, const void *mem, struct watch *w);
/* Atomic: what it wrote as number @wr was written over @v, which it had found as @obs. */
void act_based_on(struct act *a, unsigned wr, unsigned obs, uint64_t v);
/* A token of what it observed. */
void act_freeze(struct act *a, uint64_t *ret_cells);
/* Ends: what it wrote to its first @n cells happened, the rest as @rest says. */
void act_end(struct act *a, unsigned n, enum fate rest);
void act_drop(struct act *a); /* never began */

/* Something is not as it must be; counts, and prints the first few. */
void model_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* model_log.c: what the model keeps of each operation, and how it tells of a cell. */
struct past {
	const char *name;
	uint32_t start, end; /* 0: not (yet) */
	bool atomic;
	uint8_t lun;	     /* writes there; MODEL_LUNS: nowhere */
	uint16_t lo, hi, in; /* the hull of what it writes, and how many cells happened */
};
struct past *past_of(uint32_t op);
uint32_t past_new(const char *name, bool atomic);
void past_init(uint32_t max);
void past_done(void);
/* What the log knows of a cell, the last ones, and of the content that was found there. */
void past_tell(struct place p, const struct set *s, uint64_t found);

/* model_whole.c: the watch over atomic acts. */
void watch_note(struct watch *w, const struct set *s, const struct elem *hit);

#endif
