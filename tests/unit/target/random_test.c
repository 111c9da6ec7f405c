/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command there is, in no order that makes sense, from several initiators at once,
 * with aborts, resets, sessions that end and LUNs that go away in between.  Nobody may
 * be left waiting; what a command answers is looked at elsewhere.
 */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "format.h"
#include "pr.h"
#include "unmap.h"
#include "xcopy.h"

#define SLOTS	 40
#define LUNS	 (CORE_LUNS + 1) /* the last one comes and goes */
#define LUN_GOES CORE_LUNS
#define KEYS	 3
#define RESETS	 4

struct slot {
	struct core_async a; /* first */
	bool used;
	bool waits; /* accepted, its data has not come */
};

struct reset {
	struct target_reset r;
	bool pending;
};

struct removal {
	struct target_removal r;
	bool pending;
};

static struct core c;
static struct slot slots[SLOTS];
static struct reset resets[RESETS];
static struct removal removal;
static uint8_t token[ROD_TOKEN_LEN];
static uint8_t pl[TASK_MAX_PARAM];
static unsigned answers[2]; /* GOOD, other */

static unsigned pick(unsigned n)
{
	return (unsigned)(rand() >> 4) % n;
}

static uint64_t some_lba(void)
{
	static const uint64_t odd[] = { 0, 8191, 8192, 8193, UINT32_MAX, UINT64_MAX };

	return pick(20) ? pick(8) * 8 + (pick(4) ? 0 : pick(8192)) : odd[pick(6)];
}

static uint32_t some_blocks(void)
{
	return pick(20) ? pick(16) : pick(10) ? pick(128) : (uint32_t)rand();
}

/* ---- parameter lists ---- */

static uint32_t ranges_list(bool wut)
{
	struct tpc_range r[3];
	unsigned n = 1 + pick(3);

	for (unsigned i = 0; i < n; i++)
		r[i] = (struct tpc_range) { i * 600 + pick(600), pick(300) };
	if (wut)
		return (uint32_t)tpc_wut_encode(pl, sizeof(pl), pick(3) == 0, pick(9) == 0,
						pick(20), token, r, n);
	return (uint32_t)tpc_pt_encode(pl, sizeof(pl), pick(3) == 0, false, 0, 0, r, n);
}

static uint32_t xcopy_params(bool lid4)
{
	struct xcopy_list l = { .lid4 = lid4,
				.list_id = pick(4),
				.usage = (uint8_t[]) { 0, 2, 3 }[pick(3)],
				.immed = lid4 && pick(2) };
	struct xcopy_cscd cscds[LUNS];
	struct xcopy_segment segs[4];
	unsigned n = 1 + pick(4), ncscds = 0;

	if (l.usage == XCOPY_NO_ID)
		l.list_id = 0;
	for (unsigned i = 0; i < LUNS; i++) {
		const struct lu *lu = target_lu(c.target, (uint16_t)i);
		const struct lu_info *info = lu ? lu_info(lu) : NULL;

		if (info)
			cscds[ncscds++] = (struct xcopy_cscd) { .code_set = 1,
								.designator_type = 3,
								.designator_len = info->naa_len,
								.designator = info->naa,
								.pad = pick(2),
								.block_size = info->block_size };
	}
	for (unsigned i = 0; i < n; i++)
		segs[i] = (struct xcopy_segment) { .type = pick(4) ? XCOPY_BLOCKS : XCOPY_OFFSET,
						   .dc = pick(2),
						   .cat = pick(3) == 0,
						   .src = (uint16_t)(lid4 + pick(ncscds)),
						   .dst = (uint16_t)(lid4 + pick(ncscds)),
						   .src_lba = pick(900),
						   .dst_lba = pick(900),
						   .count = pick(3) ? pick(400) : 4096 * pick(9) };
	return (uint32_t)xcopy_encode(pl, sizeof(pl), &l, cscds, ncscds, segs, n);
}

static uint32_t unmap_params(void)
{
	struct unmap_range r[4];
	unsigned n = pick(5);

	for (unsigned i = 0; i < n; i++)
		r[i] = (struct unmap_range) { pick(8192), pick(9) ? pick(300) : (uint32_t)rand() };
	return (uint32_t)unmap_encode(pl, sizeof(pl), r, n);
}

static uint32_t pr_params(void)
{
	const struct pr_out p = { .key = pick(KEYS), .sa_key = pick(KEYS), .aptpl = pick(2) };

	pr_out_encode(&p, pl);
	return PR_OUT_LEN;
}

static uint32_t overwrite_params(void)
{
	static const uint8_t pattern[] = { 1, 2, 3, 4 };
	const struct sanitize_overwrite o = { .passes = (uint8_t)(1 + pick(2)),
					      .invert = pick(2),
					      .pattern = pattern,
					      .pattern_len = sizeof(pattern) };
	struct writer w = writer(pl, sizeof(pl));

	sanitize_overwrite_encode(&w, &o);
	return (uint32_t)w.len;
}

/* Fills in @cdb what belongs to its data-out, which is in pl. */
static void parameters(struct scsi_cdb *cdb)
{
	const struct scsi_op *op = cdb->op;

	for (size_t i = 0; i < 512; i++)
		pl[i] = (uint8_t)(pick(3) ? 0 : pick(256));
	if (op->cmd == CMD_POPULATE_TOKEN || op->cmd == CMD_WRITE_USING_TOKEN)
		cdb->len = ranges_list(op->cmd == CMD_WRITE_USING_TOKEN);
	else if (op->cmd == CMD_EXTENDED_COPY_LID1 || op->cmd == CMD_EXTENDED_COPY_LID4)
		cdb->len = xcopy_params(op->cmd == CMD_EXTENDED_COPY_LID4);
	else if (op->cmd == CMD_UNMAP)
		cdb->len = unmap_params();
	else if (op->opcode == 0x5f)
		cdb->len = pr_params();
	else if (op->cmd == CMD_SANITIZE_OVERWRITE)
		cdb->len = overwrite_params();
	else if (op->cmd == CMD_FORMAT_UNIT && cdb->fmtdata)
		format_encode(cdb->longlist, pick(2), pl);
	else if (op->dir == DIR_OUT)
		memset(pl, (int)pick(4), sizeof(pl));
}

/* ---- what happens ---- */

/* Rarely what takes the medium away, or nothing else would be seen to work. */
static enum scsi_cmd some_command(void)
{
	for (;;) {
		enum scsi_cmd cmd = (enum scsi_cmd)pick(CMD_COUNT);
		uint8_t opcode = scsi_ops[cmd].opcode;
		bool rare = opcode == 0x04 || opcode == 0x48 || opcode == 0x1b || opcode == 0x15 ||
			    opcode == 0x55 || opcode == 0x16;

		if (!rare || pick(6) == 0)
			return cmd;
	}
}

static struct scsi_cdb some_cdb(void)
{
	struct scsi_cdb cdb = cdb_of(some_command());

	cdb.lba = some_lba();
	cdb.blocks = some_blocks();
	cdb.boundary = pick(9) == 0;
	cdb.len = pick(3) ? 1024 : pick(70000);
	cdb.list_id = pick(4);
	cdb.bytchk = (uint8_t)pick(4);
	cdb.immed = pick(2);
	cdb.unmap = pick(2);
	cdb.ndob = pick(3) == 0;
	cdb.fua = pick(4) == 0;
	cdb.pf = true;
	cdb.start = pick(3);
	cdb.loej = pick(2);
	cdb.prevent = (uint8_t)pick(2);
	cdb.ause = pick(2);
	cdb.fmtdata = pick(2);
	cdb.pr_type = (uint8_t)(1 + pick(8));
	cdb.evpd = pick(2);
	cdb.page = (uint8_t)(pick(2) ? 0x80 + pick(64) : pick(64));
	cdb.reporting = (uint8_t)pick(4);
	parameters(&cdb);
	return cdb;
}

/* The front end's part: no more data than the CDB has use for, and no less of some. */
static void send_data(struct slot *s)
{
	struct task *t = &s->a.task;

	t->len = t->dir == DIR_NONE ? 0 : t->data_len;
	if (t->len > sizeof(s->a.buf))
		t->len = sizeof(s->a.buf);
	s->a.vec = (struct iovec) { s->a.buf, t->len };
	t->data = &s->a.vec;
	t->niov = t->len ? 1 : 0;
	s->waits = false;
	lu_submit(t);
}

static void command(struct slot *s)
{
	const struct scsi_cdb cdb = some_cdb();
	unsigned nexus = pick(CORE_NEXUSES), lun = pick(LUNS + 1);

	s->used = core_accept(&c, &s->a, nexus, lun, &cdb);
	if (!s->used)
		return;
	s->waits = true;
	memcpy(s->a.buf, pl, sizeof(s->a.buf));
	if (pick(5))
		send_data(s);
}

static void reap(struct slot *s)
{
	struct task *t = &s->a.task;

	if (!s->used || !s->a.done)
		return;
	if (t->accepted) { /* else a reset came before its data, and it is over */
		answers[t->status != SAM_GOOD]++;
		if (t->status == SAM_GOOD && t->req.op->opcode == 0x84 && t->in_len > 40) {
			struct tpc_result r;

			if (tpc_result_decode(s->a.buf, t->in_len, &r) && r.token)
				memcpy(token, r.token, sizeof(token));
		}
		task_end(t);
	}
	s->used = s->waits = false;
}

static void abort_one(struct slot *s)
{
	if (!s->used || s->a.done)
		return;
	if (s->waits) {
		s->a.task.aborted = true;
		task_end(&s->a.task);
		s->used = s->waits = false;
	} else {
		lu_abort(&s->a.task);
	}
}

static void reap_all(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		reap(&slots[i]);
}

static void reset_over(struct target_reset *r)
{
	((struct reset *)r)->pending = false;
}

static void reset_some(void)
{
	struct reset *r = &resets[pick(RESETS)];

	if (r->pending)
		return;
	r->r = (struct target_reset) { .nexus = &c.nexus[pick(CORE_NEXUSES)],
				       .what = (enum target_tmf)pick(3),
				       .lun = scsi_lun_encode((uint16_t)pick(LUNS)),
				       .done = reset_over };
	r->r.all = r->r.what == TARGET_RESET && pick(4) == 0;
	r->pending = target_reset(c.target, &r->r);
}

static bool uses(const struct nexus *n)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].used && slots[i].a.task.nexus == n)
			return true;
	for (unsigned i = 0; i < RESETS; i++)
		if (resets[i].pending && resets[i].r.nexus == n)
			return true;
	return false;
}

/* As the iSCSI front end: every task aborted, the nexus goes when they have ended. */
static void end_session(void)
{
	struct nexus *n = &c.nexus[pick(CORE_NEXUSES)];

	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].used && slots[i].a.task.nexus == n)
			abort_one(&slots[i]);
	while (uses(n)) {
		core_sleep(&c, 1);
		reap_all();
	}
	target_nexus_remove(c.target, n);
	CU_ASSERT_EQUAL_FATAL(target_nexus_add(c.target, n), 0);
}

static void removed(struct target_removal *r, int err)
{
	((struct removal *)r)->pending = false;
	CU_ASSERT_EQUAL(err, 0);
}

static void come_or_go(void)
{
	struct lu_config lc = { .lun = LUN_GOES, .block_size = 512, .tpc = lu_tpc_defaults };
	const struct bs_config bc = { .path = "mem:goes",
				      .size = CORE_LU_SIZE,
				      .block_size = 512,
				      .fault = "write-delay:3" };
	struct backstore *bs;
	char err[256];

	if (removal.pending)
		return;
	if (target_lu(c.target, LUN_GOES)) {
		removal.r = (struct target_removal) { .lun = LUN_GOES, .done = removed };
		removal.pending = target_remove_lu(c.target, &removal.r);
		return;
	}
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, &c.env, err, sizeof(err)), 0);
	lc.state_dir = core_state_dir;
	CU_ASSERT_EQUAL_FATAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
}

static void something(void)
{
	unsigned what = pick(200);
	struct slot *s = &slots[pick(SLOTS)];

	if (what < 10)
		abort_one(s);
	else if (what < 12)
		reset_some();
	else if (what == 12)
		end_session();
	else if (what == 13)
		come_or_go();
	else if (s->waits && !s->a.done)
		send_data(s);
	else if (!s->used)
		command(s);
	if (pick(6) == 0)
		core_sleep(&c, 0);
	reap_all();
}

static bool all_is_quiet(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].used)
			return false;
	for (unsigned i = 0; i < RESETS; i++)
		if (resets[i].pending)
			return false;
	return !removal.pending;
}

static void over(struct target_quiet *q)
{
	*(bool *)(q + 1) = true;
}

/* As odxd goes down. */
static void wind_up(void)
{
	struct {
		struct target_quiet q;
		bool over;
	} quiet = { .q.done = over };

	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].waits)
			abort_one(&slots[i]);
	for (unsigned ms = 0; !all_is_quiet() && ms < 20000; ms++) {
		core_sleep(&c, 1);
		reap_all();
	}
	CU_ASSERT_TRUE_FATAL(all_is_quiet());
	target_end_copies(c.target, &quiet.q);
	for (unsigned ms = 0; !quiet.over && ms < 20000; ms++)
		core_sleep(&c, 1);
	CU_ASSERT_TRUE_FATAL(quiet.over);
}

static void round_of(unsigned seed, unsigned steps)
{
	srand(seed);
	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < steps; i++)
		something();
	wind_up();
	core_done(&c);
}

static void anything_at_any_time(void)
{
	char dir[] = "/tmp/odx-random-XXXXXX", remove[64];
	const char *seed = getenv("ODX_SEED"), *rounds = getenv("ODX_ROUNDS");
	unsigned n = rounds ? (unsigned)atoi(rounds) : 4;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	core_state_dir = dir;
	for (unsigned i = 0; i < n; i++)
		round_of((seed ? (unsigned)atoi(seed) : 1) + i, 3000);
	core_state_dir = NULL;
	printf("%u GOOD, %u other\n", answers[0], answers[1]);
	CU_ASSERT(answers[0] > 100 && answers[1] > 100);
	snprintf(remove, sizeof(remove), "rm -r %s", dir);
	CU_ASSERT_EQUAL(system(remove), 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "anything at any time: nobody is left waiting", anything_at_any_time },
		TEST_END,
	};

	return test_main(argc, argv, "random", tests);
}
