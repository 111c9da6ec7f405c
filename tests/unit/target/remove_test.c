/* SPDX-License-Identifier: Apache-2.0 */
/* Logical units that go away, or grow, while the target runs. */
#include "core.h"
#include "lu_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct removal {
	struct target_removal r;
	struct core *core;
	bool over;
	int err;
};

static void removed(struct target_removal *r, int err)
{
	struct removal *m = (struct removal *)r;

	m->err = err;
	m->over = true;
	ring_stop(m->core->env.ring);
}

static void start(struct removal *m, struct core *c, uint16_t lun)
{
	*m = (struct removal) { .r = { .lun = lun, .done = removed }, .core = c };
	CU_ASSERT_TRUE(target_remove_lu(c->target, &m->r));
}

static void goes_away(void)
{
	const struct tpc_range one[] = { { 5, 1 } };
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY), luns = cdb_of(CMD_REPORT_LUNS);
	struct bs_config bc = { .path = "mem:new", .size = CORE_LU_SIZE, .block_size = 512 };
	struct lu_config lc = { .lun = LUN_A, .block_size = 512, .tpc = lu_tpc_defaults };
	uint8_t token[ROD_TOKEN_LEN];
	struct backstore *bs;
	struct removal m, none = { .r = { .lun = LUN_A } };
	char err[256] = "";
	struct core c;

	core_init(&c, NULL, 0);
	core_token(&c, LUN_A, one, 1, token);
	start(&m, &c, LUN_A);
	CU_ASSERT_FALSE(target_remove_lu(c.target, &none.r));
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &tur, NULL, 0), 0x52500);
	luns.len = 256;
	CU_ASSERT_EQUAL(get_be32(core_cmd(&c, 0, LUN_B, &luns, NULL, 0)->in), 8 * (CORE_LUNS - 1));
	core_run_until(&c, &m.over);
	CU_ASSERT_EQUAL(m.err, 0);
	CU_ASSERT_PTR_NULL(target_lu(c.target, LUN_A));
	CHECK_KCQ(core_wut(&c, 0, LUN_B, 1, token, 0, false, one, 1), 0x52308);
	/* The number is free for another one, which is new to everybody. */
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, &c.env, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &tur, NULL, 0), 0x62900);
	CHECK_KCQ(core_cmd(&c, 1, LUN_A, &tur, NULL, 0), 0x62900);
	CHECK_KCQ(core_rrti(&c, 0, LUN_A, 0x70, 1024, NULL), 0x52400);
	core_done(&c);
}

static void waits_for_tasks(void)
{
	static struct core_async rd;
	struct scsi_cdb cdb = cdb_of(CMD_READ_16);
	struct bs_config bc = { .path = "mem:new", .size = CORE_LU_SIZE, .block_size = 512 };
	struct lu_config lc = { .lun = LUN_SLOW, .block_size = 512, .tpc = lu_tpc_defaults };
	struct backstore *bs;
	struct removal m;
	char err[256] = "";
	struct core c;

	core_init(&c, NULL, 0);
	cdb.blocks = 1;
	CU_ASSERT_TRUE(core_start(&c, &rd, 0, LUN_SLOW, &cdb, NULL, 0));
	start(&m, &c, LUN_SLOW);
	core_sleep(&c, 10);
	CU_ASSERT_FALSE(m.over);
	/* Its number is still taken. */
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, &c.env, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), -EEXIST);
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	core_finish(&rd);
	CU_ASSERT_EQUAL(rd.task.status, SAM_GOOD);
	core_run_until(&c, &m.over);
	CU_ASSERT_EQUAL(m.err, 0);
	core_done(&c);
}

static void reset_over(struct target_reset *r)
{
	*(bool *)(r + 1) = true;
}

/* What answers the reset means that nothing of the LUN's is under way (SAM-5 7.7). */
static void reset_before_it_goes(void)
{
	static struct core_async rd, other;
	struct scsi_cdb cdb = cdb_of(CMD_READ_16);
	static struct {
		struct target_reset r;
		bool over;
	} reset;
	struct removal m;
	struct core c;

	core_init(&c, NULL, 0);
	cdb.blocks = 1;
	CU_ASSERT_TRUE(core_start(&c, &rd, 0, LUN_SLOW, &cdb, NULL, 0));
	CU_ASSERT_TRUE(core_accept(&c, &other, 0, LUN_A, &cdb));
	reset.over = false;
	reset.r = (struct target_reset) { .nexus = &c.nexus[1],
					  .what = TARGET_RESET,
					  .lun = scsi_lun_encode(LUN_SLOW),
					  .done = reset_over };
	CU_ASSERT_TRUE(target_reset(c.target, &reset.r));
	start(&m, &c, LUN_SLOW);
	/* An aborted task of another LUN ends: that is not what is waited for. */
	lu_abort(&other.task);
	task_end(&other.task);
	core_sleep(&c, 10);
	CU_ASSERT_FALSE(reset.over);
	CU_ASSERT_FALSE(rd.done);
	core_finish(&rd);
	CU_ASSERT_EQUAL(rd.task.status, SAM_TASK_ABORTED);
	core_run_until(&c, &m.over);
	CU_ASSERT_TRUE(reset.over);
	core_done(&c);
}

/* The source of a copy that runs on another LUN. */
static void source_of_a_copy(void)
{
	static struct core_async slow;
	const struct tpc_range all[] = { { 0, 4096 } };
	struct scsi_cdb cdb = cdb_of(CMD_WRITE_USING_TOKEN);
	uint8_t token[ROD_TOKEN_LEN], pl[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct removal m;
	struct core c;

	core_init(&c, NULL, 0);
	for (unsigned lba = 0; lba < 4096; lba += 128)
		core_write(&c, LUN_A, lba, 128, 0x77);
	core_token(&c, LUN_A, all, 1, token);
	cdb.list_id = 1;
	cdb.len = (uint32_t)tpc_wut_encode(pl, sizeof(pl), false, false, 0, token, all, 1);
	CU_ASSERT_TRUE(core_start(&c, &slow, 0, LUN_SLOW, &cdb, pl, sizeof(pl)));
	core_sleep(&c, 70);
	start(&m, &c, LUN_A);
	core_finish(&slow);
	CU_ASSERT_EQUAL(slow.task.status, SAM_CHECK_CONDITION);
	CU_ASSERT_EQUAL(sense_asc_ascq(slow.task.sense), ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT_TRUE(slow.task.sense.info > 0 && slow.task.sense.info < 4096);
	core_run_until(&c, &m.over);
	core_done(&c);
}

/* SPC-4 6.33: by the LUNs that were there, until REPORT LUNS on any of them. */
static void luns_changed(void)
{
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY), luns = cdb_of(CMD_REPORT_LUNS);
	struct bs_config bc = { .path = "mem:new", .size = CORE_LU_SIZE, .block_size = 512 };
	struct lu_config lc = { .lun = 20, .block_size = 512, .tpc = lu_tpc_defaults };
	struct backstore *bs;
	struct removal m;
	char err[256] = "";
	struct core c;

	core_init(&c, NULL, 0);
	luns.len = 4096;
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, &c.env, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &tur, NULL, 0), 0x63f0e);
	CHECK_KCQ(core_cmd(&c, 0, 20, &tur, NULL, 0), 0x62900);
	CHECK_GOOD(core_cmd(&c, 0, 20, &tur, NULL, 0));
	CHECK_GOOD(core_cmd(&c, 0, LUN_B, &luns, NULL, 0));
	CHECK_GOOD(core_cmd(&c, 0, LUN_RO, &tur, NULL, 0));
	CHECK_KCQ(core_cmd(&c, 1, LUN_RO, &tur, NULL, 0), 0x63f0e);
	CHECK_GOOD(core_cmd(&c, 1, LUN_RO, &tur, NULL, 0));
	start(&m, &c, 20);
	CHECK_KCQ(core_cmd(&c, 1, LUN_RO, &tur, NULL, 0), 0x63f0e);
	core_run_until(&c, &m.over);
	core_done(&c);
}

static uint64_t capacity(struct core *c, unsigned lun)
{
	struct scsi_cdb cdb = cdb_of(CMD_READ_CAPACITY_16);
	const struct reply *r;
	struct capacity cap;

	cdb.len = 32;
	r = core_cmd(c, 0, lun, &cdb, NULL, 0);
	CHECK_GOOD(r);
	CU_ASSERT_TRUE_FATAL(read_capacity_16_decode(r->in, r->in_len, &cap));
	return cap.blocks;
}

static void grows(void)
{
	char path[] = "/tmp/odx-grow-XXXXXX", err[256];
	int fd = mkstemp(path);
	struct bs_config bc = { .path = path, .block_size = 4096 };
	struct lu_config lc = { .lun = 9, .block_size = 4096, .tpc = lu_tpc_defaults };
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	struct backstore *bs;
	struct core c;

	core_init(&c, NULL, 0);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(ftruncate(fd, 1 << 20), 0);
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, &c.env, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	for (unsigned n = 0; n < 2; n++)
		CHECK_KCQ(core_cmd(&c, n, 9, &tur, NULL, 0), 0x62900);
	/* As it is: nothing to say. */
	CU_ASSERT_EQUAL(target_grow_lu(c.target, 9, 1 << 20, err, sizeof(err)), 0);
	CHECK_GOOD(core_cmd(&c, 0, 9, &tur, NULL, 0));
	/* Not yet so large; smaller; half a block; not there; memory. */
	CU_ASSERT_EQUAL(target_grow_lu(c.target, 9, 2 << 20, err, sizeof(err)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "truncate -s 2097152"));
	CU_ASSERT_EQUAL(ftruncate(fd, (2 << 20) + 512), 0);
	CU_ASSERT_EQUAL(target_grow_lu(c.target, 9, (2 << 20) + 512, err, sizeof(err)), -EINVAL);
	CU_ASSERT_EQUAL(target_grow_lu(c.target, 9, 1 << 19, err, sizeof(err)), -EINVAL);
	CU_ASSERT_EQUAL(target_grow_lu(c.target, 10, 2 << 20, err, sizeof(err)), -ENODEV);
	CU_ASSERT_EQUAL(target_grow_lu(c.target, LUN_A, 2 * CORE_LU_SIZE, err, sizeof(err)),
			-EOPNOTSUPP);
	CU_ASSERT_EQUAL(capacity(&c, 9), 256);
	CU_ASSERT_EQUAL(ftruncate(fd, 2 << 20), 0);
	CU_ASSERT_EQUAL(target_grow_lu(c.target, 9, 2 << 20, err, sizeof(err)), 0);
	for (unsigned n = 0; n < 2; n++) {
		CHECK_KCQ(core_cmd(&c, n, 9, &tur, NULL, 0), 0x62a09);
		CHECK_GOOD(core_cmd(&c, n, 9, &tur, NULL, 0));
	}
	CU_ASSERT_EQUAL(capacity(&c, 9), 512);
	core_done(&c);
	close(fd);
	unlink(path);
}

/* A file that keeps the data of its tokens, its last chunk of 64 KiB half there. */
struct kept {
	struct core c;
	char path[32];
	int fd;
	struct backstore *bs;
	uint8_t token[ROD_TOKEN_LEN];
};
#define KEPT_SIZE ((1u << 20) - (32u << 10))

static void kept_init(struct kept *k)
{
	struct lu_config lc = { .lun = 9, .block_size = 512, .tpc = lu_tpc_defaults };
	const struct tpc_range tail[] = { { KEPT_SIZE / 512 - 80, 80 } };
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	struct bs_config bc = { .path = k->path, .block_size = 512 };
	char err[256] = "";

	core_init(&k->c, NULL, 0);
	strcpy(k->path, "/tmp/odx-kept-XXXXXX");
	k->fd = mkstemp(k->path);
	CU_ASSERT_TRUE_FATAL(k->fd >= 0);
	CU_ASSERT_EQUAL(ftruncate(k->fd, KEPT_SIZE), 0);
	CU_ASSERT_EQUAL_FATAL(bs_open(&k->bs, &bc, target_bs_env(k->c.target), err, sizeof(err)),
			      0);
	CU_ASSERT_EQUAL(target_add_lu(k->c.target, k->bs, &lc, err, sizeof(err)), 0);
	core_luns_known(&k->c);
	CHECK_KCQ(core_cmd(&k->c, 0, 9, &tur, NULL, 0), 0x62900);
	core_write(&k->c, 9, KEPT_SIZE / 512 - 80, 80, 0x11);
	core_token(&k->c, 9, tail, 1, k->token);
	/* One of its chunks is saved, the other is not. */
	core_write(&k->c, 9, KEPT_SIZE / 512 - 80, 1, 0x22);
	CU_ASSERT_TRUE(target_bs_env(k->c.target)->totals->saved.used > 0);
}

static void kept_done(struct kept *k)
{
	core_done(&k->c);
	close(k->fd);
	unlink(k->path);
}

static unsigned use_kept(struct kept *k, bool del)
{
	const struct tpc_range to[] = { { 200, 80 } };

	return kcq(core_wut(&k->c, 0, LUN_B, 1, k->token, 0, del, to, 1));
}

static void grows_under_a_token(void)
{
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	struct kept k;
	char err[256];

	kept_init(&k);
	CU_ASSERT_EQUAL(ftruncate(k.fd, 2 << 20), 0);
	CU_ASSERT_EQUAL(target_grow_lu(k.c.target, 9, 2 << 20, err, sizeof(err)), 0);
	CHECK_KCQ(core_cmd(&k.c, 0, 9, &tur, NULL, 0), 0x62a09);
	/* Both sides of the old end, which lies within a chunk. */
	core_write(&k.c, 9, KEPT_SIZE / 512 - 1, 2, 0x33);
	CU_ASSERT_EQUAL(use_kept(&k, false), 0);
	CU_ASSERT_TRUE(core_holds(&k.c, LUN_B, 200, 80, 0x11));
	CU_ASSERT_TRUE(core_holds(&k.c, 9, KEPT_SIZE / 512 - 1, 2, 0x33));
	CU_ASSERT_EQUAL(use_kept(&k, true), 0);
	CU_ASSERT_EQUAL(target_bs_env(k.c.target)->totals->saved.used, 0);
	kept_done(&k);
}

static void shrinks_under_a_token(void)
{
	struct kept k;

	kept_init(&k);
	CU_ASSERT_EQUAL(ftruncate(k.fd, 512 << 10), 0);
	core_sleep(&k.c, 1200);
	CU_ASSERT_EQUAL(use_kept(&k, false), 0x52308);
	CU_ASSERT_EQUAL(target_bs_env(k.c.target)->totals->saved.used, 0);
	kept_done(&k);
}

static void goes_away_under_a_token(void)
{
	struct removal m;
	struct kept k;

	kept_init(&k);
	start(&m, &k.c, 9);
	core_run_until(&k.c, &m.over);
	CU_ASSERT_EQUAL(m.err, 0);
	core_luns_known(&k.c);
	CU_ASSERT_EQUAL(use_kept(&k, false), 0x52308);
	CU_ASSERT_EQUAL(target_bs_env(k.c.target)->totals->saved.used, 0);
	CU_ASSERT_EQUAL(target_bs_env(k.c.target)->totals->cloned.used, 0);
	kept_done(&k);
}

struct quiet {
	struct target_quiet q;
	struct core *c;
	bool over;
};

static void is_quiet(struct target_quiet *q)
{
	struct quiet *e = (struct quiet *)q;

	e->over = true;
	ring_stop(e->c->env.ring);
}

/* The write that wanted it and the token are gone; the chunk is still on its way. */
static void ends_during_a_save(void)
{
	struct lu_config lc = { .lun = 9, .block_size = 512, .tpc = lu_tpc_defaults };
	struct bs_config bc = {
		.path = "mem:", .size = 256 << 10, .block_size = 512, .sidecar_fault = "rate:640K"
	};
	const struct tpc_range all[] = { { 0, 256 } };
	struct scsi_cdb wr = cdb_of(CMD_WRITE_16), tur = cdb_of(CMD_TEST_UNIT_READY);
	struct quiet end = { .q.done = is_quiet };
	uint8_t token[ROD_TOKEN_LEN], data[128 * 512];
	const struct quota *saved, *saves;
	struct backstore *bs;
	struct core_async a;
	struct core c;
	char err[256];

	core_init(&c, NULL, 0);
	end.c = &c;
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, target_bs_env(c.target), err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	core_luns_known(&c);
	CHECK_KCQ(core_cmd(&c, 0, 9, &tur, NULL, 0), 0x62900);
	memset(data, 0x44, sizeof(data));
	core_write(&c, 9, 0, 128, 0x11);
	core_write(&c, 9, 128, 128, 0x11);
	core_token(&c, 9, all, 1, token);
	saved = &target_bs_env(c.target)->totals->saved;
	saves = &target_bs_env(c.target)->totals->saves;
	wr.lba = 64; /* half of each chunk */
	wr.blocks = 128;
	CU_ASSERT_TRUE_FATAL(core_start(&c, &a, 0, 9, &wr, data, sizeof(data)));
	for (unsigned ms = 0; ms < 3000 && saved->used < sizeof(data) * 2; ms++)
		core_sleep(&c, 1);
	token_cancel_all(target_lu(c.target, 9)->env.tokens, bs);
	core_finish(&a);
	CU_ASSERT_TRUE(saves->used > 0);
	target_end_copies(c.target, &end.q);
	core_run_until(&c, &end.over);
	CU_ASSERT_EQUAL(saves->used, 0);
	core_done(&c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a LUN that comes or goes is 6/3F/0E by the others", luns_changed },
		{ "a removed LUN is gone at once, its tokens are 5/23/08, its number free",
		  goes_away },
		{ "removal waits for the tasks that run", waits_for_tasks },
		{ "a reset is over when the tasks are, also of a LUN that goes meanwhile",
		  reset_before_it_goes },
		{ "the source of a running copy: the copy ends with its honest count",
		  source_of_a_copy },
		{ "a LUN grows when its file has: 6/2A/09 for everybody, else a reason", grows },
		{ "a token keeps its data while its LUN grows", grows_under_a_token },
		{ "a LUN that became smaller takes its tokens with it, and what was saved",
		  shrinks_under_a_token },
		{ "so does one that is removed", goes_away_under_a_token },
		{ "the target's end waits for a save that nobody needs any more",
		  ends_during_a_save },
		TEST_END,
	};

	return test_main(argc, argv, "remove", tests);
}
