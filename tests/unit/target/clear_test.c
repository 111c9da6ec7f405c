/* SPDX-License-Identifier: Apache-2.0 */
/* FORMAT UNIT and SANITIZE, lu_clear.c; and the small commands beside them. */
#include "core.h"

#include <string.h>

#include "format.h"
#include "pr.h"

#define BLOCKS (CORE_LU_SIZE / 512)

static struct core c;
static uint8_t list[SANITIZE_HEADER_LEN + 512];

static struct scsi_cdb overwrite_cdb(const struct sanitize_overwrite *o)
{
	struct scsi_cdb cdb = cdb_of(CMD_SANITIZE_OVERWRITE);
	struct writer w = writer(list, sizeof(list));

	sanitize_overwrite_encode(&w, o);
	cdb.len = (uint32_t)w.len;
	return cdb;
}

static bool all_is(unsigned lun, uint8_t fill)
{
	for (unsigned lba = 0; lba < BLOCKS; lba += 128)
		if (!core_holds(&c, lun, lba, 128, fill))
			return false;
	return true;
}

/* TEST UNIT READY until it is GOOD; true if the last other answer was @want. */
static bool ready_after(unsigned lun, unsigned want)
{
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	unsigned got, last = 0;

	while ((got = kcq(core_cmd(&c, 1, lun, &tur, NULL, 0))) != 0) {
		last = got;
		core_sleep(&c, 5);
	}
	return last == want;
}

/* ---- FORMAT UNIT ---- */

static void format_makes_zeros_and_cancels_tokens(void)
{
	const struct tpc_range r = { 100, 8 };
	struct scsi_cdb fu = cdb_of(CMD_FORMAT_UNIT);
	uint8_t token[ROD_TOKEN_LEN];

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 0, 128, 7);
	core_write(&c, LUN_A, BLOCKS - 128, 128, 7);
	core_token(&c, LUN_A, &r, 1, token);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &fu, NULL, 0));
	CU_ASSERT_TRUE(all_is(LUN_A, 0));
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, token, 0, false, &r, 1), 0x52308);
	CHECK_KCQ(core_cmd(&c, 0, LUN_RO, &fu, NULL, 0), 0x72700);
	core_done(&c);
}

static void format_lists_are_judged(void)
{
	struct scsi_cdb fu = cdb_of(CMD_FORMAT_UNIT);
	uint8_t header[FORMAT_LONG_LEN] = { 0, 0, 0, 4 };

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 0, 1, 7);
	fu.fmtdata = true;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &fu, header, 4), 0x52600);
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &fu, header, 3), 0x51a00);
	fu.fmtpinfo = 1;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &fu, header, 4), 0x52400);
	CU_ASSERT_TRUE(core_holds(&c, LUN_A, 0, 1, 7));
	core_done(&c);
}

static void format_in_the_background_shows_its_progress(void)
{
	static struct core_async rd;
	struct scsi_cdb fu = cdb_of(CMD_FORMAT_UNIT), rs = cdb_of(CMD_REQUEST_SENSE);
	struct scsi_cdb inq = cdb_of(CMD_INQUIRY), read = cdb_of(CMD_READ_10);
	uint8_t header[FORMAT_LONG_LEN];
	const struct reply *r;
	struct sense s;

	core_init(&c, NULL, 0);
	core_write(&c, LUN_SLOW, 0, 1, 7);
	/* One that runs already: the format waits for it. */
	read.blocks = 1;
	CU_ASSERT_TRUE(core_start(&c, &rd, 1, LUN_SLOW, &read, NULL, 0));
	fu.fmtdata = true;
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &fu, header, format_encode(false, true, header)));
	r = core_cmd(&c, 1, LUN_SLOW, &read, NULL, 0);
	CHECK_KCQ(r, 0x20404);
	CU_ASSERT_TRUE(r->sense.flags & SENSE_PROGRESS);
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &fu, header, 4), 0x20404);
	rs.len = 18;
	r = core_cmd(&c, 0, LUN_SLOW, &rs, NULL, 0);
	CU_ASSERT_TRUE(sense_decode(r->in, r->in_len, &s));
	CU_ASSERT(s.key == KEY_NOT_READY && sense_asc_ascq(s) == ASC_FORMAT_IN_PROGRESS);
	inq.len = 36;
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &inq, NULL, 0));
	core_finish(&rd);
	CU_ASSERT(rd.task.status == SAM_GOOD && rd.buf[0] == 7);
	CU_ASSERT_TRUE(ready_after(LUN_SLOW, 0x20404));
	CU_ASSERT_TRUE(core_holds(&c, LUN_SLOW, 0, 1, 0));
	core_done(&c);
}

/* Its data comes after the format has begun: it would come after the zeros. */
static void pieces_of_earlier_writes_are_refused(void)
{
	static struct core_async wr;
	struct scsi_cdb fu = cdb_of(CMD_FORMAT_UNIT), w = cdb_of(CMD_WRITE_10);
	uint8_t header[FORMAT_LONG_LEN], block[512] = { 9 };

	core_init(&c, NULL, 0);
	w.blocks = 2;
	core_open(&c, &wr, 1, LUN_SLOW, &w);
	core_piece(&wr, block, 0, 512);
	CU_ASSERT_EQUAL(wr.task.status, SAM_GOOD);
	fu.fmtdata = true;
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &fu, header, format_encode(false, true, header)));
	core_piece(&wr, block, 512, 512);
	CU_ASSERT_EQUAL(wr.task.status, SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(sense_asc_ascq(wr.task.sense), ASC_FORMAT_IN_PROGRESS);
	task_end(&wr.task);
	CU_ASSERT_TRUE(ready_after(LUN_SLOW, 0x20404));
	CU_ASSERT_TRUE(core_holds(&c, LUN_SLOW, 0, 2, 0));
	core_done(&c);
}

static void an_aborted_format_ends(void)
{
	static struct core_async fmt, rd;
	struct scsi_cdb fu = cdb_of(CMD_FORMAT_UNIT), read = cdb_of(CMD_READ_10);
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	uint64_t start;

	core_init(&c, NULL, 0);
	CU_ASSERT_TRUE(core_start(&c, &fmt, 0, LUN_SLOW, &fu, NULL, 0));
	core_sleep(&c, 5);
	lu_abort(&fmt.task);
	core_finish(&fmt);
	CU_ASSERT_EQUAL(fmt.task.status, SAM_TASK_ABORTED);
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0));
	/* While it waits for another command it ends at once. */
	read.blocks = 1;
	start = ring_now(c.env.ring);
	CU_ASSERT_TRUE(core_start(&c, &rd, 1, LUN_SLOW, &read, NULL, 0));
	CU_ASSERT_TRUE(core_start(&c, &fmt, 0, LUN_SLOW, &fu, NULL, 0));
	core_sleep(&c, 5);
	lu_abort(&fmt.task);
	core_finish(&fmt);
	/* The read takes 50 ms; where we took as long there is nothing to see. */
	CU_ASSERT_TRUE(!rd.done || ring_now(c.env.ring) - start > 45000000);
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0));
	core_finish(&rd);
	/* And before it has heard of anything. */
	CU_ASSERT_TRUE(core_start(&c, &fmt, 0, LUN_SLOW, &fu, NULL, 0));
	lu_abort(&fmt.task);
	core_finish(&fmt);
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0));
	core_done(&c);
}

/*
 * Its end is a message to itself; another command's end, which comes first, must not be
 * taken for it: the message would find no task any more.
 */
static void an_abort_meets_the_end_of_another_command(void)
{
	static struct core_async fmt, rd, inq;
	struct scsi_cdb fu = cdb_of(CMD_FORMAT_UNIT), read = cdb_of(CMD_READ_10);
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY), inquiry = cdb_of(CMD_INQUIRY);

	core_init(&c, NULL, 0);
	/* Before it has begun ... */
	inquiry.len = 36;
	CU_ASSERT_TRUE(core_start(&c, &inq, 1, LUN_A, &inquiry, NULL, 0));
	CU_ASSERT_TRUE(core_start(&c, &fmt, 0, LUN_A, &fu, NULL, 0));
	lu_abort(&fmt.task);
	core_finish(&fmt);
	CU_ASSERT_EQUAL(fmt.task.status, SAM_TASK_ABORTED);
	core_finish(&inq);
	/* ... and while it waits for a third one. */
	read.blocks = 1;
	CU_ASSERT_TRUE(core_start(&c, &rd, 1, LUN_SLOW, &read, NULL, 0));
	CU_ASSERT_TRUE(core_start(&c, &fmt, 0, LUN_SLOW, &fu, NULL, 0));
	core_sleep(&c, 5);
	CU_ASSERT_TRUE(core_start(&c, &inq, 1, LUN_SLOW, &inquiry, NULL, 0));
	lu_abort(&fmt.task);
	core_finish(&fmt);
	CU_ASSERT_EQUAL(fmt.task.status, SAM_TASK_ABORTED);
	core_finish(&inq);
	core_finish(&rd);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &tur, NULL, 0));
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0));
	core_done(&c);
}

struct reset {
	struct target_reset r;
	bool done;
};

static void reset_over(struct target_reset *r)
{
	struct reset *x = (struct reset *)r;

	x->done = true;
	ring_stop(c.env.ring);
}

static void reset_lun(unsigned lun)
{
	struct reset x = { .r = { .nexus = &c.nexus[0],
				  .lun = scsi_lun_encode((uint16_t)lun),
				  .done = reset_over } };
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);

	CU_ASSERT_TRUE(target_reset(c.target, &x.r));
	core_run_until(&c, &x.done);
	for (unsigned n = 0; n < 2; n++)
		CHECK_KCQ(core_cmd(&c, n, lun, &tur, NULL, 0), 0x62903);
}

static void a_reset_ends_a_format_in_the_background(void)
{
	struct scsi_cdb fu = cdb_of(CMD_FORMAT_UNIT), tur = cdb_of(CMD_TEST_UNIT_READY);
	uint8_t header[FORMAT_LONG_LEN];

	core_init(&c, NULL, 0);
	fu.fmtdata = true;
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &fu, header, format_encode(false, true, header)));
	reset_lun(LUN_SLOW); /* answered when nothing of it runs any more */
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0));
	core_done(&c);
}

/* PREEMPT AND ABORT waits for what a reset before it has ended: it must hear of that end. */
static void a_preempt_and_abort_waits_for_a_format_that_ends(void)
{
	struct scsi_cdb fu = cdb_of(CMD_FORMAT_UNIT), tur = cdb_of(CMD_TEST_UNIT_READY);
	struct scsi_cdb cdb = cdb_of(CMD_PR_OUT_REGISTER);
	struct reset x = {
		.r = { .nexus = &c.nexus[0], .lun = scsi_lun_encode(LUN_SLOW), .done = reset_over }
	};
	struct pr_out p = { .sa_key = 1 };
	uint8_t header[FORMAT_LONG_LEN], out[PR_OUT_LEN];

	core_init(&c, NULL, 0);
	cdb.len = PR_OUT_LEN;
	pr_out_encode(&p, out);
	CHECK_GOOD(core_cmd(&c, 1, LUN_SLOW, &cdb, out, sizeof(out)));
	fu.fmtdata = true;
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &fu, header, format_encode(false, true, header)));
	core_sleep(&c, 5);
	CU_ASSERT_TRUE(target_reset(c.target, &x.r));
	CHECK_KCQ(core_cmd(&c, 1, LUN_SLOW, &tur, NULL, 0), 0x62903);
	p.key = 1;
	pr_out_encode(&p, out);
	cdb = cdb_of(CMD_PR_OUT_PREEMPT_AND_ABORT);
	cdb.len = PR_OUT_LEN;
	cdb.pr_type = 1;
	CHECK_GOOD(core_cmd(&c, 1, LUN_SLOW, &cdb, out, sizeof(out)));
	core_run_until(&c, &x.done);
	core_done(&c);
}

/* ---- SANITIZE ---- */

static void overwrite_repeats_and_inverts_its_pattern(void)
{
	static const uint8_t pattern[3] = { 1, 2, 3 };
	struct sanitize_overwrite o = { .passes = 1, .pattern = pattern, .pattern_len = 3 };
	struct scsi_cdb so = overwrite_cdb(&o), rd = cdb_of(CMD_READ_10);
	const struct bs_stats *st;
	const struct reply *r;

	core_init(&c, NULL, 0);
	st = bs_stats(lu_backstore(target_lu(c.target, LUN_A)));
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &so, list, so.len));
	CU_ASSERT_EQUAL(st->bytes_written, CORE_LU_SIZE); /* written, not given back */
	rd.lba = BLOCKS - 2;
	rd.blocks = 2;
	r = core_cmd(&c, 0, LUN_A, &rd, NULL, 0);
	for (unsigned i = 0; i < 1024; i++)
		if (r->in[i] != pattern[i % 512 % 3]) /* each block from its start on */
			CU_FAIL("not the pattern");
	o.passes = 2;
	o.invert = true;
	o.pattern_len = 1;
	so = overwrite_cdb(&o);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &so, list, so.len));
	CU_ASSERT_TRUE(all_is(LUN_A, 0xfe));
	CU_ASSERT_EQUAL(st->bytes_written, 3 * CORE_LU_SIZE);
	CHECK_KCQ(core_cmd(&c, 0, LUN_RO, &so, list, so.len), 0x72700);
	core_done(&c);
}

static void sanitize_rules(void)
{
	static const uint8_t zero[1] = { 0 }, odd_sa[10] = { 0x48, 0x04 };
	static const uint8_t crypto[10] = { 0x48, 0x03 }, znr[10] = { 0x48, 0x42 };
	const struct sanitize_overwrite o = { .passes = 1, .pattern = zero, .pattern_len = 1 };
	struct scsi_cdb so = overwrite_cdb(&o), ex = cdb_of(CMD_SANITIZE_EXIT_FAILURE);

	core_init(&c, NULL, 0);
	so.len = 4;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &so, list, 4), 0x52400);
	so.len = 0;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &so, NULL, 0), 0x52400);
	list[0] = 0;
	so.len = 5;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &so, list, 5), 0x52600);
	CHECK_KCQ(core_raw(&c, 0, LUN_A, odd_sa, 10, NULL, 0), 0x52400);
	CHECK_KCQ(core_raw(&c, 0, LUN_A, crypto, 10, NULL, 0), 0x52400); /* no keys here */
	CHECK_KCQ(core_raw(&c, 0, LUN_A, znr, 10, NULL, 0), 0x52400);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &ex, NULL, 0)); /* nothing failed */
	core_done(&c);
}

/* Only storage that encrypts has a key to lose. */
static void crypto_erase_loses_the_key(void)
{
	static const struct bs_config bc = {
		.path = "mem:", .size = CORE_LU_SIZE, .block_size = 512, .encrypt = true
	};
	const struct lu_config lc = { .lun = 20, .block_size = 512, .tpc = lu_tpc_defaults };
	const struct tpc_range r = { 0, 8 };
	struct scsi_cdb ce = cdb_of(CMD_SANITIZE_CRYPTO_ERASE), inq = cdb_of(CMD_INQUIRY);
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	uint8_t token[ROD_TOKEN_LEN];
	struct backstore *bs;
	char err[256];

	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, &c.env, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL_FATAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	core_luns_known(&c);
	for (unsigned tries = 0; tries < 3; tries++)
		core_cmd(&c, 0, 20, &tur, NULL, 0);
	core_write(&c, 20, 0, 128, 7);
	core_token(&c, 20, &r, 1, token);
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &ce, NULL, 0), 0x52400);
	CHECK_GOOD(core_cmd(&c, 0, 20, &ce, NULL, 0));
	CU_ASSERT_FALSE(core_holds(&c, 20, 0, 1, 7));
	CU_ASSERT_FALSE(core_holds(&c, 20, 127, 1, 7));
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, token, 0, false, &r, 1), 0x52308);
	/* WACEREQ: reads work afterwards, and nothing must be written first. */
	inq.evpd = true;
	inq.page = 0xb1;
	inq.len = 64;
	CU_ASSERT_EQUAL(core_cmd(&c, 0, 20, &inq, NULL, 0)->in[7] & 0x30, 0x10);
	CU_ASSERT_EQUAL(core_cmd(&c, 0, LUN_A, &inq, NULL, 0)->in[7] & 0x30, 0);
	core_done(&c);
}

static void sanitize_outlives_its_task_and_resets(void)
{
	static struct core_async san;
	static const uint8_t fill[1] = { 0x5a };
	const struct sanitize_overwrite o = { .passes = 1, .pattern = fill, .pattern_len = 1 };
	struct scsi_cdb so = overwrite_cdb(&o), tur = cdb_of(CMD_TEST_UNIT_READY);
	struct scsi_cdb ss = cdb_of(CMD_START_STOP_UNIT);

	core_init(&c, NULL, 0);
	CU_ASSERT_TRUE(core_start(&c, &san, 0, LUN_SLOW, &so, list, so.len));
	core_sleep(&c, 10);
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0), 0x2041b);
	ss.start = true;
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &ss, NULL, 0), 0x2041b);
	lu_abort(&san.task);
	core_finish(&san);
	CU_ASSERT_EQUAL(san.task.status, SAM_TASK_ABORTED);
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0), 0x2041b);
	reset_lun(LUN_SLOW);
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0), 0x2041b);
	CU_ASSERT_TRUE(ready_after(LUN_SLOW, 0x2041b));
	CU_ASSERT_TRUE(core_holds(&c, LUN_SLOW, BLOCKS - 128, 128, 0x5a));
	core_done(&c);
}

struct ending {
	struct target_quiet q;
	bool done;
};

static void has_ended(struct target_quiet *q)
{
	struct ending *e = (struct ending *)q;

	e->done = true;
	ring_stop(c.env.ring);
}

static void immediate_sanitize_ends_with_the_target(void)
{
	struct ending end = { .q.done = has_ended };
	static const uint8_t zero[1] = { 0 };
	const struct sanitize_overwrite o = { .passes = 31, .pattern = zero, .pattern_len = 1 };
	struct scsi_cdb so = overwrite_cdb(&o), tur = cdb_of(CMD_TEST_UNIT_READY);

	core_init(&c, NULL, 0);
	so.immed = true;
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &so, list, so.len));
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0), 0x2041b);
	target_end_copies(c.target, &end.q);
	core_run_until(&c, &end.done); /* of 6 s that it would take */
	core_done(&c);
}

/* LUN_BAD's block 4096 on cannot be written. */
static void a_failed_sanitize_is_left_by_success_or_by_leave(void)
{
	static const uint8_t zero[1] = { 0 };
	const struct sanitize_overwrite o = { .passes = 1, .pattern = zero, .pattern_len = 1 };
	struct scsi_cdb so = overwrite_cdb(&o), ex = cdb_of(CMD_SANITIZE_EXIT_FAILURE);
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY), inq = cdb_of(CMD_INQUIRY);

	core_init(&c, NULL, 0);
	so.ause = true;
	CHECK_KCQ(core_cmd(&c, 0, LUN_BAD, &so, list, so.len), 0x30c00);
	CHECK_KCQ(core_cmd(&c, 0, LUN_BAD, &tur, NULL, 0), 0x33103);
	inq.len = 36;
	CHECK_GOOD(core_cmd(&c, 0, LUN_BAD, &inq, NULL, 0));
	CHECK_GOOD(core_cmd(&c, 0, LUN_BAD, &ex, NULL, 0));
	CHECK_GOOD(core_cmd(&c, 0, LUN_BAD, &tur, NULL, 0));
	so.ause = false;
	CHECK_KCQ(core_cmd(&c, 0, LUN_BAD, &so, list, so.len), 0x30c00);
	CHECK_KCQ(core_cmd(&c, 0, LUN_BAD, &ex, NULL, 0), 0x33103);
	reset_lun(LUN_BAD);
	CHECK_KCQ(core_cmd(&c, 0, LUN_BAD, &tur, NULL, 0), 0x33103);
	so.ause = true; /* the way out may not be opened afterwards */
	CHECK_KCQ(core_cmd(&c, 0, LUN_BAD, &so, list, so.len), 0x52400);
	core_done(&c);
}

static void erasures_are_offered_where_they_are_honest(void)
{
	const struct tpc_range r = { 0, 8 };
	struct scsi_cdb be = cdb_of(CMD_SANITIZE_BLOCK_ERASE);
	struct scsi_cdb ce = cdb_of(CMD_SANITIZE_CRYPTO_ERASE);
	static const uint8_t b1[6] = { 0x12, 1, 0xb1, 0, 255, 0 };
	uint8_t token[ROD_TOKEN_LEN];

	core_init(&c, NULL, 0);
	core_write(&c, LUN_A, 0, 8, 7);
	core_write(&c, LUN_KEY, 0, 8, 7);
	/* Thin: all blocks are given back and read as zeros, and WABEREQ says they can be read. */
	CU_ASSERT_EQUAL(core_raw(&c, 0, LUN_A, b1, 6, NULL, 0)->in[7], 0x40);
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &ce, NULL, 0), 0x52400);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &be, NULL, 0));
	CU_ASSERT_TRUE(all_is(LUN_A, 0));
	/* Encrypted: the key goes; what was written reads as something else. */
	CU_ASSERT_EQUAL(core_raw(&c, 0, LUN_KEY, b1, 6, NULL, 0)->in[7], 0x10);
	CHECK_KCQ(core_cmd(&c, 0, LUN_KEY, &be, NULL, 0), 0x52400);
	core_token(&c, LUN_KEY, &r, 1, token);
	CHECK_GOOD(core_cmd(&c, 0, LUN_KEY, &ce, NULL, 0));
	CU_ASSERT_FALSE(core_holds(&c, LUN_KEY, 0, 8, 7));
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, token, 0, false, &r, 1), 0x52308);
	core_write(&c, LUN_KEY, 0, 8, 9);
	CU_ASSERT_TRUE(core_holds(&c, LUN_KEY, 0, 8, 9));
	core_done(&c);
}

/* ---- PRE-FETCH, READ DEFECT DATA ---- */

static void prefetch_is_a_hint(void)
{
	static const enum scsi_cmd cmds[] = { CMD_PRE_FETCH_10, CMD_PRE_FETCH_16 };

	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < 2; i++) {
		struct scsi_cdb pf = cdb_of(cmds[i]);
		const struct reply *r;

		pf.blocks = 8;
		r = core_cmd(&c, 0, LUN_A, &pf, NULL, 0);
		CU_ASSERT_EQUAL(r->status, SAM_GOOD);
		pf.immed = true;
		pf.blocks = 0; /* all the rest */
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &pf, NULL, 0));
		pf.lba = BLOCKS;
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &pf, NULL, 0));
		pf.blocks = 1;
		CHECK_KCQ(core_cmd(&c, 0, LUN_A, &pf, NULL, 0), 0x52100);
	}
	core_done(&c);
}

static void no_defects(void)
{
	struct scsi_cdb rd = cdb_of(CMD_READ_DEFECT_DATA_10);
	const struct reply *r;

	core_init(&c, NULL, 0);
	rd.plist = rd.glist = true;
	rd.defect_format = 4;
	rd.len = 255;
	r = core_cmd(&c, 0, LUN_A, &rd, NULL, 0);
	CHECK_GOOD(r);
	CHECK_BYTES(r->in, r->in_len, "\0\x1c\0\0", 4);
	rd.len = 2;
	CU_ASSERT_EQUAL(core_cmd(&c, 0, LUN_A, &rd, NULL, 0)->in_len, 2);
	rd.defect_format = 7;
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &rd, NULL, 0), 0x52400);
	rd = cdb_of(CMD_READ_DEFECT_DATA_12);
	rd.len = 255;
	CU_ASSERT_EQUAL(core_cmd(&c, 0, LUN_A, &rd, NULL, 0)->in_len, 8);
	core_done(&c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "FORMAT UNIT makes zeros and cancels tokens",
		  format_makes_zeros_and_cancels_tokens },
		{ "FORMAT UNIT: its list is judged before anything is changed",
		  format_lists_are_judged },
		{ "FORMAT UNIT in the background is 2/04/04 with its progress",
		  format_in_the_background_shows_its_progress },
		{ "pieces of earlier writes are refused, not written after it",
		  pieces_of_earlier_writes_are_refused },
		{ "an aborted FORMAT UNIT ends", an_aborted_format_ends },
		{ "an aborted FORMAT UNIT ends once, whatever else ends then",
		  an_abort_meets_the_end_of_another_command },
		{ "a reset ends a FORMAT UNIT in the background",
		  a_reset_ends_a_format_in_the_background },
		{ "a PREEMPT AND ABORT waits for a FORMAT UNIT that ends",
		  a_preempt_and_abort_waits_for_a_format_that_ends },
		{ "SANITIZE overwrite repeats and inverts its pattern",
		  overwrite_repeats_and_inverts_its_pattern },
		{ "SANITIZE: lengths, service actions, ZNR", sanitize_rules },
		{ "SANITIZE, cryptographic erase loses the key", crypto_erase_loses_the_key },
		{ "SANITIZE outlives its task and resets", sanitize_outlives_its_task_and_resets },
		{ "SANITIZE in the background ends with the target",
		  immediate_sanitize_ends_with_the_target },
		{ "a failed SANITIZE is left by success, or by leave given before",
		  a_failed_sanitize_is_left_by_success_or_by_leave },
		{ "block erase where space is given back, cryptographic erase where there is a key",
		  erasures_are_offered_where_they_are_honest },
		{ "PRE-FETCH is a hint, and its range is judged", prefetch_is_a_hint },
		{ "READ DEFECT DATA has none", no_defects },
		TEST_END,
	};

	return test_main(argc, argv, "clear", tests);
}
