/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutants of answers: every command comes through lu_submit, and what it is answered comes
 * back through its done.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "lu_impl.h"
#include "mutants.h"

#define OPEN_MAX     1024
#define SLOW_NS	     5000000000ull
#define SLOW_BLOCKS  8192u
#define MAX_BLOCKS   2048u
#define BUSY_ANSWERS 4u

/* A command under way. */
struct open {
	struct ring_timer timer; /* first */
	struct task *task;
	void (*done)(struct task *task);
	uint8_t cdb[16];
	uint64_t asked; /* PT, WUT: blocks */
	bool late;
};
static struct open opened[OPEN_MAX];
static unsigned busy; /* answers that said so */
static bool slow;     /* once is enough */

/* RRTIs that were answered, the last ones. */
static struct kept {
	const struct nexus *nexus;
	uint16_t lun;
	uint32_t list_id;
} kept[256];
static unsigned nkept;

static bool is(const uint8_t *cdb, uint8_t opcode, uint8_t sa)
{
	return cdb[0] == opcode && (cdb[1] & 0x1f) == sa;
}

static bool is_pt(const uint8_t *cdb)
{
	return is(cdb, 0x83, 0x10);
}

static bool is_wut(const uint8_t *cdb)
{
	return is(cdb, 0x83, 0x11);
}

static bool is_rrti(const uint8_t *cdb)
{
	return is(cdb, 0x84, 0x07);
}

static void fail(struct task *t, struct sense s)
{
	t->status = SAM_CHECK_CONDITION;
	t->sense = s;
	t->in_len = 0;
}

/* ---- before: what the target gets to see of the parameter list ---- */

static int by_lba(const void *a, const void *b)
{
	uint64_t x = get_be64(a), y = get_be64(b);

	return x < y ? -1 : x > y;
}

static void set_ranges(uint8_t *pl, unsigned header, unsigned n)
{
	put_be16(pl, (uint16_t)(header - 2 + n * TPC_RANGE_LEN));
	put_be16(pl + header - 2, (uint16_t)(n * TPC_RANGE_LEN));
}

/* One that lies over the one before it: moved behind it. */
static void part_ranges(uint8_t *r, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		uint64_t end = get_be64(r + (i - 1) * TPC_RANGE_LEN) +
			       get_be32(r + (i - 1) * TPC_RANGE_LEN + 8);

		if (get_be64(r + i * TPC_RANGE_LEN) < end)
			put_be64(r + i * TPC_RANGE_LEN, end);
	}
}

static void change_pt(struct task *t, uint8_t *pl, unsigned n)
{
	uint8_t *r = pl + TPC_PT_HEADER;

	if (mutant_is("sorted"))
		qsort(r, n, TPC_RANGE_LEN, by_lba);
	if (mutant_is("overlap-unchecked"))
		part_ranges(r, n);
	for (unsigned i = 0; mutant_is("lba-wraps") && i < n; i++)
		if (get_be64(r + i * TPC_RANGE_LEN) > UINT64_MAX / 2)
			put_be64(r + i * TPC_RANGE_LEN, 0);
	if (mutant_is("ranges-unchecked") && n > 64) {
		set_ranges(pl, TPC_PT_HEADER, 64);
		t->len = TPC_PT_HEADER + 64 * TPC_RANGE_LEN;
	}
	if (mutant_is("timeout-clamped") && get_be32(pl + 4) > t->lu->cfg.tpc.max_timeout_s)
		put_be32(pl + 4, t->lu->cfg.tpc.max_timeout_s);
}

static void change_wut(struct task *t, uint8_t *pl, unsigned n)
{
	uint8_t *last = pl + TPC_WUT_HEADER + (n - 1) * TPC_RANGE_LEN;

	(void)t;
	if (mutant_is("offset-escapes") && pl[8] & 0x80)
		put_be64(pl + 8, 0);
	if (mutant_is("one-range") && n > 1)
		set_ranges(pl, TPC_WUT_HEADER, 1);
	if (mutant_is("one-more"))
		put_be32(last + 8, get_be32(last + 8) + 1);
}

/* How many complete ranges the list has; 0: it is not one to be changed. */
static unsigned ranges_of(const struct task *t, const uint8_t *pl, unsigned header)
{
	unsigned len;

	if (t->len < header + TPC_RANGE_LEN)
		return 0;
	len = get_be16(pl + header - 2);
	return len <= t->len - header && len % TPC_RANGE_LEN == 0 ? len / TPC_RANGE_LEN : 0;
}

static void change_list(struct open *o, struct task *t)
{
	unsigned header = is_pt(t->cdb) ? TPC_PT_HEADER : TPC_WUT_HEADER, n;
	uint8_t *pl = t->niov ? t->data[0].iov_base : NULL;

	n = pl ? ranges_of(t, pl, header) : 0;
	for (unsigned i = 0; i < n; i++)
		o->asked += get_be32(pl + header + i * TPC_RANGE_LEN + 8);
	if (n > 0 && is_pt(t->cdb))
		change_pt(t, pl, n);
	else if (n > 0)
		change_wut(t, pl, n);
}

/* What is refused although it is right; the target does not get to see it. */
static bool refused(const struct open *o, struct task *t)
{
	const uint8_t *pl = t->niov ? t->data[0].iov_base : NULL;
	struct rod_token tok;

	if (is_pt(t->cdb) && pl && t->len >= TPC_PT_HEADER &&
	    ((mutant_is("large-refused") && o->asked > MAX_BLOCKS) ||
	     (mutant_is("timeout-0-refused") && get_be32(pl + 4) == 0))) {
		task_finish_later(t, sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 4));
		return true;
	}
	if (mutant_is("no-pairs") && is_wut(t->cdb) && pl && t->len > TPC_WUT_HEADER &&
	    rod_token_decode(pl + 16, &tok) &&
	    memcmp(tok.naa, t->lu->info.naa, t->lu->info.naa_len) != 0) {
		task_finish_later(t, sense_pl(ASC_INVALID_TOKEN_OPERATION, 16));
		return true;
	}
	return false;
}

/* ---- after: INQUIRY ---- */

static void change_list_of_pages(struct task *t, uint8_t *p)
{
	unsigned n = get_be16(p + 2), at = 0;

	while (at < n && p[4 + at] != 0x8f)
		at++;
	if (at == n || t->in_len < 4 + n)
		return;
	if (mutant_is("list-disorder")) {
		p[4 + at] = p[3 + at];
		p[3 + at] = 0x8f;
	} else if (mutant_is("list-without-8f")) {
		memmove(p + 4 + at, p + 5 + at, n - at - 1);
		put_be16(p + 2, (uint16_t)(n - 1));
		t->in_len--;
	}
}

static void change_8f(struct task *t, uint8_t *p)
{
	uint32_t size = t->lu->info.block_size;

	if (mutant_is("8f-other-first"))
		put_be16(p + 4, 0x0001);
	else if (mutant_is("8f-descriptor-length"))
		put_be16(p + 6, 0x24);
	else if (mutant_is("8f-short"))
		put_be16(p + 2, 0x20);
	else if (mutant_is("8f-255-refused") && get_be16(t->cdb + 3) == 255)
		fail(t, sense_cdb(3));
	else if (mutant_is("8f-timeout"))
		put_be32(p + 16, 10);
	else if (mutant_is("8f-bytes")) {
		put_be64(p + 24, get_be64(p + 24) * size);
		put_be64(p + 32, get_be64(p + 32) * size);
	}
}

static void change_inquiry(struct task *t)
{
	uint8_t *p = t->niov ? t->data[0].iov_base : NULL;

	if (!p || !(t->cdb[1] & 1) || t->in_len < 40)
		; /* nothing of it that would matter is there */
	else if (t->cdb[2] == 0x8f)
		change_8f(t, p);
	if (p && t->cdb[1] & 1 && t->cdb[2] == 0 && t->in_len > 4)
		change_list_of_pages(t, p);
}

/* ---- after: RRTI ---- */

static struct kept *kept_of(const struct task *t)
{
	uint32_t id = get_be32(t->cdb + 2);

	for (unsigned i = nkept; i > 0 && nkept - i < 256; i--) {
		struct kept *k = &kept[(i - 1) % 256];

		if (k->list_id == id && k->lun == lu_number(t->lu) && k->nexus == t->nexus)
			return k;
	}
	return NULL;
}

static void keep(const struct task *t)
{
	struct kept *k = kept_of(t);

	if (!k)
		k = &kept[nkept++ % 256];
	*k = (struct kept) { .nexus = t->nexus,
			     .lun = lu_number(t->lu),
			     .list_id = get_be32(t->cdb + 2) };
}

/* A new operation under a list identifier: what was fetched is another one's. */
static void forget(const struct task *t)
{
	for (unsigned i = 0; i < nkept && i < 256; i++)
		if (kept[i].list_id == get_be32(t->cdb + 6) && kept[i].nexus == t->nexus &&
		    kept[i].lun == lu_number(t->lu))
			kept[i].list_id = 0xffffffff;
}

static void change_result(struct task *t, uint8_t *p)
{
	size_t token_at = 32u + p[13] + 4;
	bool token = t->in_len >= token_at + 2 + ROD_TOKEN_LEN;

	/* Not for ever: who asks again and again would. */
	if (mutant_is("rrti-busy") && p[5] == TPC_DONE && busy++ < BUSY_ANSWERS)
		p[5] = TPC_FOREGROUND;
	if (mutant_is("rrti-04") && p[5] == TPC_PARTIAL)
		p[5] = 0x04;
	if (mutant_is("rrti-failed") && token)
		p[5] = TPC_FAILED;
	if (mutant_is("rrti-bytes")) {
		p[15] = TPC_UNITS_BYTES;
		put_be64(p + 16, get_be64(p + 16) * t->lu->info.block_size);
	}
	if (mutant_is("rrti-512") && token)
		put_be32(p + token_at - 4, ROD_TOKEN_LEN);
	if (mutant_is("rrti-token-place") && token)
		p[13] = (uint8_t)(p[13] + 20);
	if (mutant_is("token-guessable") && token)
		memset(p + token_at + 2 + 256, 0, 256);
}

static void change_rrti(struct task *t)
{
	uint8_t *p = t->niov ? t->data[0].iov_base : NULL;
	const struct kept *k = kept_of(t);

	if (t->status == SAM_GOOD && p && t->in_len > 0) {
		if ((mutant_is("fetched-once") && k) || mutant_is("rrti-list-id") ||
		    (mutant_is("refusals-forgotten") && t->in_len > 5 && p[5] == TPC_FAILED)) {
			fail(t, sense_cdb(2));
			return;
		}
		keep(t);
		if (t->in_len >= 32)
			change_result(t, p);
	}
}

/* ---- after: WUT ---- */

static void change_wut_answer(const struct open *o, struct task *t)
{
	bool partial = t->status == SAM_CHECK_CONDITION &&
		       sense_asc_ascq(t->sense) == ASC_COPY_TARGET_DATA_UNDERRUN;

	if (!partial)
		return;
	if (mutant_is("good-for-part") || (mutant_is("one-more") && t->sense.info == o->asked)) {
		t->status = SAM_GOOD;
		t->sense = sense_good();
	}
	if (mutant_is("information-bytes"))
		t->sense.info *= t->lu->info.block_size;
	if (mutant_is("underrun-invalid"))
		fail(t, sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 8));
}

/* ---- the seam ---- */

static void give(struct open *o)
{
	struct task *t = o->task;

	o->task = NULL;
	o->done(t);
}

static void late(struct ring_timer *timer)
{
	give((struct open *)timer);
}

static void task_done(struct task *t)
{
	struct open *o = opened;

	while (o->task != t)
		o++;
	t->done = o->done;
	if (t->aborted) {
		give(o);
		return;
	}
	if (t->status == SAM_GOOD && t->cdb[0] == 0x12)
		change_inquiry(t);
	if (is_rrti(t->cdb))
		change_rrti(t);
	if (is_wut(t->cdb))
		change_wut_answer(o, t);
	if (mutant_is("slow") && is_wut(t->cdb) && o->asked >= SLOW_BLOCKS && !slow) {
		slow = true;
		o->timer.fn = late;
		ring_timer_set(t->lu->env.ring, &o->timer, SLOW_NS);
		return;
	}
	give(o);
}

__typeof__(lu_submit) __real_lu_submit, __wrap_lu_submit;
void __wrap_lu_submit(struct task *t)
{
	struct open *o = opened;

	while (o->task)
		if (++o == opened + OPEN_MAX)
			abort();
	*o = (struct open) { .task = t, .done = t->done };
	t->done = task_done;
	if (is_pt(t->cdb) || is_wut(t->cdb)) {
		forget(t);
		change_list(o, t);
		if (refused(o, t)) {
			t->running = true;
			return;
		}
	}
	__real_lu_submit(t);
}
