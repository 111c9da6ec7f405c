/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing: what one command does to one LUN. */
#include <string.h>

#include "unmap.h"
#include "world.h"

static unsigned cells_of(unsigned lun, unsigned blocks)
{
	return blocks * w.lun[lun].per_block;
}

/* A place of at most @cells cells for this command, and its act. */
static bool place(struct slot *s, const char *name, unsigned cells, bool atomic)
{
	unsigned max = cells / w.lun[s->lun].per_block;

	pick_place(s->lun, max, &s->first, &s->n);
	s->cdb.lba = s->first;
	s->cdb.blocks = s->n;
	s->act = act_new(name, atomic);
	return s->act != NULL;
}

static struct place nth(const struct slot *s, unsigned i)
{
	return place_of(s->lun, (uint64_t)cells_of(s->lun, s->first) + i);
}

static void observe_all(struct slot *s)
{
	for (unsigned i = 0; i < cells_of(s->lun, s->n); i++)
		act_observe(s->act, nth(s, i));
}

/* New data at @buf for all its cells. */
static void write_all(struct slot *s, uint8_t *buf)
{
	for (unsigned i = 0; i < cells_of(s->lun, s->n); i++) {
		act_write(s->act, nth(s, i), act_content(s->act, i));
		content_fill(buf + (size_t)i * CELL, act_content(s->act, i));
	}
}

/* ---- READ ---- */

void make_read(struct slot *s, unsigned lun, unsigned first, unsigned n)
{
	s->cdb = cdb_of(upto(2) ? CMD_READ_10 : CMD_READ_16);
	s->lun = lun;
	s->first = first;
	s->n = n;
	s->cdb.lba = first;
	s->cdb.blocks = n;
	memset(s->buf, 0xee, (size_t)cells_of(lun, n) * CELL);
	observe_all(s);
}

static bool read_some(struct slot *s)
{
	if (!place(s, "READ", 500, false))
		return false;
	make_read(s, s->lun, s->first, s->n);
	return true;
}

static void judge_read(struct slot *s)
{
	struct watch watch = { .n = 0 };

	if (!is_good(s)) {
		judge_failure(s);
	} else if (s->task.in_len != (size_t)s->act->nobs * CELL) {
		model_wrong("READ is GOOD with %zu bytes", s->task.in_len);
	} else {
		for (unsigned i = 0; i < s->act->nobs; i++)
			act_saw(s->act, i, s->buf + (size_t)i * CELL, &watch);
	}
	act_end(s->act, 0, IS_OUT);
}

/* ---- WRITE and its kin ---- */

static bool write_some(struct slot *s)
{
	static const enum scsi_cmd cmds[] = { CMD_WRITE_10, CMD_WRITE_12, CMD_WRITE_16 };

	s->cdb = cdb_of(cmds[upto(3)]);
	s->cdb.fua = upto(30) == 0;
	s->pieces = upto(12) == 0;
	if (!place(s, "WRITE", 500, !s->pieces))
		return false;
	s->pieces = s->pieces && s->n > 1;
	write_all(s, s->buf);
	return true;
}

static bool write_and_verify(struct slot *s)
{
	s->cdb = cdb_of(CMD_WRITE_AND_VERIFY_16);
	s->cdb.bytchk = (uint8_t)upto(2);
	if (!place(s, "WRITE AND VERIFY", 64, true))
		return false;
	write_all(s, s->buf);
	return true;
}

static bool write_atomic(struct slot *s)
{
	unsigned unit = 8 / w.lun[s->lun].per_block;

	s->cdb = cdb_of(CMD_WRITE_ATOMIC_16);
	if (!w.lun[s->lun].atomic || !place(s, "WRITE ATOMIC", 96, true))
		return false;
	s->cdb.lba = s->first = s->first / unit * unit;
	s->n = (s->n + unit - 1) / unit * unit;
	if (s->n > w.lun[s->lun].blocks - s->first)
		s->n = unit;
	s->cdb.blocks = s->n;
	write_all(s, s->buf);
	return true;
}

static bool orwrite(struct slot *s)
{
	s->cdb = cdb_of(CMD_ORWRITE_16);
	if (!place(s, "ORWRITE", 96, true))
		return false;
	for (unsigned i = 0; i < cells_of(s->lun, s->n); i++) {
		uint64_t v = act_content(s->act, i) & act_content(s->act, i + LUN_CELLS);

		act_or(s->act, nth(s, i), v);
		content_fill(s->buf + (size_t)i * CELL, v);
	}
	return true;
}

static bool write_same(struct slot *s)
{
	bool thin = w.lun[s->lun].thin, zero = upto(2);
	unsigned per = w.lun[s->lun].per_block;

	s->cdb = cdb_of(CMD_WRITE_SAME_16);
	s->cdb.ndob = zero && upto(2);
	s->cdb.unmap = thin && upto(2);
	if (!place(s, zero ? "WRITE SAME of zeros" : "WRITE SAME", 512, true))
		return false;
	for (unsigned i = 0; i < cells_of(s->lun, s->n); i++)
		act_write(s->act, nth(s, i), zero ? 0 : act_content(s->act, i % per));
	for (unsigned i = 0; i < per; i++)
		content_fill(s->buf + (size_t)i * CELL, zero ? 0 : act_content(s->act, i));
	return true;
}

static bool unmap(struct slot *s)
{
	struct unmap_range u[MAX_RANGES];
	struct tpc_range r[MAX_RANGES];
	unsigned n, blocks, per = w.lun[s->lun].per_block;

	s->cdb = cdb_of(CMD_UNMAP);
	if (!w.lun[s->lun].thin)
		return false;
	n = pick_ranges(s->lun, 600 / per, r, &blocks);
	s->act = act_new("UNMAP", n == 1);
	if (!s->act)
		return false;
	for (unsigned i = 0; i < n; i++) {
		u[i] = (struct unmap_range) { r[i].lba, r[i].blocks };
		for (unsigned k = 0; k < r[i].blocks * per; k++)
			act_write(s->act, place_of(s->lun, r[i].lba * per + k), 0);
	}
	s->cdb.len = (uint32_t)unmap_encode(s->buf, SLOT_BYTES, u, n);
	return true;
}

/* ---- comparing ---- */

/* Data that is likely to be there; rarely not. */
static void guess_all(struct slot *s)
{
	for (unsigned i = 0; i < cells_of(s->lun, s->n); i++) {
		s->compare[i] = upto(200) ? model_guess(nth(s, i)) : act_content(s->act, 3000);
		content_fill(s->buf + (size_t)i * CELL, s->compare[i]);
	}
	observe_all(s);
}

static bool verify(struct slot *s)
{
	s->cdb = cdb_of(upto(2) ? CMD_VERIFY_16 : CMD_VERIFY_10);
	s->cdb.bytchk = 1;
	if (!place(s, "VERIFY", 64, false))
		return false;
	guess_all(s);
	return true;
}

static bool compare_and_write(struct slot *s)
{
	s->cdb = cdb_of(CMD_COMPARE_AND_WRITE);
	if (!place(s, "COMPARE AND WRITE", 32, true))
		return false;
	guess_all(s);
	write_all(s, s->buf + (size_t)cells_of(s->lun, s->n) * CELL);
	return true;
}

/* True: it compared equal.  What it says must be possible. */
static bool compared(const struct slot *s)
{
	unsigned n = s->act->nobs, at = n;

	if (!is_good(s) && (s->task.aborted || kcq_of(s) != 0xe1d00)) {
		judge_failure(s);
		return false;
	}
	if (!is_good(s))
		at = (unsigned)(s->task.sense.info / CELL);
	for (unsigned i = 0; i < at && i < n; i++)
		if (!act_could_see(s->act, i, s->compare[i]))
			model_wrong("operation %u (%s) found cell %u equal, which it was not",
				    s->act->op, s->cmd->name, s->act->obs[i].cell);
	if (at < n && !act_could_differ(s->act, at, s->compare[at]))
		model_wrong("operation %u (%s) found cell %u different, which it was not",
			    s->act->op, s->cmd->name, s->act->obs[at].cell);
	return is_good(s);
}

static void judge_verify(struct slot *s)
{
	compared(s);
	act_end(s->act, 0, IS_OUT);
}

static void judge_compare_and_write(struct slot *s)
{
	bool miscompare = !s->task.aborted && kcq_of(s) == 0xe1d00;

	if (!compared(s)) {
		act_end(s->act, 0, miscompare ? IS_OUT : MAY_BE);
		return;
	}
	for (unsigned i = 0; i < s->act->nwr; i++)
		act_based_on(s->act, i, i, s->compare[i]);
	act_end(s->act, s->act->nwr, IS_OUT);
}

/* ---- the rest ---- */

/* What is said to be deallocated must read as zeros. */
static bool get_lba_status(struct slot *s)
{
	s->cdb = cdb_of(CMD_GET_LBA_STATUS);
	if (!w.lun[s->lun].thin || !place(s, "GET LBA STATUS", 256, false))
		return false;
	s->cdb.blocks = 0;
	s->cdb.len = LBA_STATUS_HEADER_LEN + LBA_STATUS_LEN * (1 + upto(4));
	observe_all(s);
	return true;
}

static void judge_lba_status(struct slot *s)
{
	struct lba_status st[8];
	unsigned n = 0, per = w.lun[s->lun].per_block;

	if (!is_good(s))
		judge_failure(s);
	else if (!lba_status_decode(s->buf, s->task.in_len, st, COUNT(st), &n))
		model_wrong("GET LBA STATUS is GOOD without an answer");
	for (unsigned i = 0; i < n; i++) {
		if (st[i].provisioning != LBA_DEALLOCATED)
			continue;
		for (uint64_t b = st[i].lba; b < st[i].lba + st[i].blocks; b++)
			for (unsigned k = 0; k < per && b - s->first < s->n; k++)
				if (!act_could_see(s->act, (unsigned)(b - s->first) * per + k, 0))
					model_wrong("LUN %u: block %u is said to be deallocated, "
						    "but has data",
						    s->lun, (unsigned)b);
	}
	act_end(s->act, 0, IS_OUT);
}

static bool synchronize_cache(struct slot *s)
{
	s->cdb = cdb_of(CMD_SYNCHRONIZE_CACHE_10);
	return true;
}

static bool test_unit_ready(struct slot *s)
{
	s->cdb = cdb_of(CMD_TEST_UNIT_READY);
	return true;
}

static void judge_plain(struct slot *s)
{
	if (!is_good(s))
		judge_failure(s);
}

const struct command io_commands[] = {
	{ "READ", 200, read_some, NULL, NULL, judge_read, NULL, NULL },
	{ "WRITE", 200, write_some, NULL, NULL, judge_write, NULL, NULL },
	{ "WRITE AND VERIFY", 15, write_and_verify, NULL, NULL, judge_write, NULL, NULL },
	{ "WRITE ATOMIC", 25, write_atomic, NULL, NULL, judge_write, NULL, NULL },
	{ "ORWRITE", 25, orwrite, NULL, NULL, judge_write, NULL, NULL },
	{ "WRITE SAME", 50, write_same, NULL, NULL, judge_write, NULL, NULL },
	{ "UNMAP", 40, unmap, NULL, NULL, judge_write, NULL, NULL },
	{ "VERIFY", 20, verify, NULL, NULL, judge_verify, NULL, NULL },
	{ "COMPARE AND WRITE", 40, compare_and_write, NULL, NULL, judge_compare_and_write, NULL,
	  NULL },
	{ "GET LBA STATUS", 10, get_lba_status, NULL, NULL, judge_lba_status, NULL, NULL },
	{ "SYNCHRONIZE CACHE", 2, synchronize_cache, NULL, NULL, judge_plain, NULL, NULL },
	{ "TEST UNIT READY", 5, test_unit_ready, NULL, NULL, judge_plain, NULL, NULL },
	{ NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL },
};
const struct command *const read_command = &io_commands[0];
