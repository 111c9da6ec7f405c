/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the model test plays with: a target with some LUNs, sessions (nexuses), slots in
 * which commands run, and what the player knows of tokens and copy results.  One thread.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "model.h"
#include "mounts.h"
#include "target.h"
#include "test.h"
#include "xcopy.h"

#define NEXUSES	    4u
#define SLOTS	    24u
#define TOKENS	    24u
#define LIST_IDS    6u
#define RESETS	    3u
#define MAX_RANGES  64u
#define CHUNK_CELLS 128u /* what copy before write saves at a time */
#define SLOT_BYTES  (256u << 10)
#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))

struct lun_kind {
	const char *path; /* "mem:", else a file in the scenario's directory; NULL: the last */
	uint32_t block;	  /* 0: 512 */
	bool cancel, full, direct;
	bool goes;  /* is taken away and added again */
	bool stays; /* is never formatted or sanitized */
	const char *fault, *sidecar_fault;
	uint64_t sidecar_bytes;
	uint32_t deadline_ms; /* 0: long */
};

struct scenario {
	const char *name, *fs; /* a file system made for it; NULL: the scratch directory */
	bool errors;	       /* commands may fail, and tokens be cancelled; no data be wrong */
	unsigned ops;
	struct lun_kind lun[MODEL_LUNS + 1];
};

struct mlun {
	const struct lun_kind *k;
	unsigned per_block, blocks; /* cells of a block; blocks */
	bool there, removing, thin, atomic;
	unsigned clearing; /* FORMAT UNIT or SANITIZE under way */
	unsigned trouble;  /* counts what may make commands fail */
	unsigned leaked;   /* tokens whose result was lost, so nobody can delete them */
	uint8_t naa[16], naa_len;
};

enum token_state { T_FREE, T_MAKING, T_UNFETCHED, T_LIVE, T_DEAD };

struct mtoken {
	enum token_state state;
	unsigned lun, nexus, list_id, ncells, users;
	unsigned first, n; /* blocks of its first range */
	uint64_t made;	   /* which one it is of all that were made */
	bool doubtful;	   /* may have been cancelled */
	uint16_t why;	   /* T_DEAD: what is to be said of it */
	uint64_t cells[LUN_CELLS];
	uint8_t bytes[ROD_TOKEN_LEN];
};

/* What RECEIVE ROD TOKEN INFORMATION must say. */
struct result {
	bool known, running, unsure;
	unsigned changes;
	uint8_t sa, status;
	uint64_t count;
	unsigned ncells; /* PT: of its token */
	struct mtoken *token;
	uint64_t made; /* @token is still that one */
};

enum slot_state { S_FREE, S_WAITS, S_RUNS };
struct command;

struct slot {
	struct task task; /* first */
	enum slot_state state;
	const struct command *cmd;
	struct scsi_cdb cdb;
	unsigned nexus, lun, luns; /* luns: a bit for each that it concerns */
	unsigned trouble;	   /* of those, when it began */
	uint32_t started;
	struct act *act;
	struct iovec vec[3];
	uint8_t *buf;
	uint64_t sent; /* of data-out in pieces */
	bool pieces;
	/* commands of their own */
	uint64_t compare[CHUNK_CELLS];
	unsigned first, n;     /* blocks, for who follows */
	struct mtoken *tok;    /* PT, WUT */
	struct result *result; /* PT, WUT, RRTI: under its list identifier */
	unsigned seen_changes; /* RRTI */
	uint64_t asked;	       /* WUT: blocks */
	bool was_dead, del, immed;
	bool background, polling; /* goes on when the task has ended */
	bool follows;		  /* a READ of the same place, or RRTI */
};

struct command {
	const char *name;
	unsigned weight;
	bool (*make)(struct slot *s);  /* false: not now */
	void (*undo)(struct slot *s);  /* it was refused at once, or aborted before it began */
	void (*begin)(struct slot *s); /* right before lu_submit */
	void (*judge)(struct slot *s); /* its task has ended */
	/* While it goes on without a task: makes the command that asks; hears the answer. */
	void (*poll)(struct slot *s);
	void (*polled)(struct slot *s);
};

struct world {
	const struct scenario *s;
	struct bs_env env;
	struct target *target;
	struct nexus nexus[NEXUSES];
	unsigned nluns;
	struct mlun lun[MODEL_LUNS];
	struct slot slots[SLOTS];
	struct mtoken tokens[TOKENS];
	struct result results[MODEL_LUNS][NEXUSES][LIST_IDS];
	/* What a copy has just begun to read: the next few commands go there. */
	struct {
		unsigned lun, first, n, commands;
	} chase;
	uint64_t seed;
	char dir[64];
	struct mounted fs;
	uint64_t begun, good, failed, refused, copies, partial, aborted, resets, tokens_made, stale;
};
extern struct world w;

extern const struct command io_commands[], copy_commands[], clear_commands[];

/* world.c */
bool world_open(const struct scenario *s, uint64_t seed, uint32_t ops);
void world_close(void);
void world_add_lun(unsigned lun);
unsigned upto(unsigned n); /* 0..n-1 */
/* Some free slots of the memory of a scenario: saved and cloned by now. */
void world_tell(void);

/* player.c */
void play(uint32_t ops);
void turn(unsigned n); /* the loop goes round */

/* What commands share: commands.c. */
struct scsi_cdb cdb_of(enum scsi_cmd cmd);
/* A place in a LUN, at most @max blocks; often at the edge of a chunk. */
void pick_place(unsigned lun, unsigned max, unsigned *ret_first, unsigned *ret_n);
/* Ranges of a LUN that do not overlap, in any order, at most @max blocks; how many. */
unsigned pick_ranges(unsigned lun, unsigned max, struct tpc_range *r, unsigned *ret_blocks);
struct place place_of(unsigned lun, uint64_t cell);
unsigned trouble_of(unsigned luns);
/* May it have failed because of something that was done to its LUNs? */
bool excused(const struct slot *s);
/* It has failed: complains unless it may. */
void judge_failure(const struct slot *s);
/* Ends the act of a command that wrote all or, if it failed, perhaps. */
void judge_write(struct slot *s);
bool is_good(const struct slot *s);
unsigned kcq_of(const struct slot *s); /* 0xKAAQQ */

/* commands_copy.c */
void token_lost(struct mtoken *t);
/* All tokens of a LUN: dead, or perhaps. */
void tokens_of_lun(unsigned lun, bool doubtful);
/* Results of a LUN (MODEL_LUNS: all) and nexus (NEXUSES: all) are gone. */
void results_gone(unsigned lun, unsigned nexus);
/* It was ended, and nobody can ask for its outcome. */
void background_lost(struct slot *s);
/* A WUT of all of @t to LUN @lun from its first block on; false: does not fit. */
bool make_whole_wut(struct slot *s, struct mtoken *t, unsigned lun);
extern const struct command *const rrti_command, *const wut_command;
/* commands_io.c: a READ of the given blocks. */
void make_read(struct slot *s, unsigned lun, unsigned first, unsigned n);
extern const struct command *const read_command;
/* commands_clear.c */
bool make_format(struct slot *s, unsigned lun);
/* A command that needs the medium was accepted: a SANITIZE without a task has ended. */
void clears_are_over(unsigned lun);
extern const struct command *const format_command;

#endif
