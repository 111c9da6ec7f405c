/* SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "core: %s\n", what);
	abort();
}

const char *core_state_dir;
const char *core_answer;
const struct token_config *core_tokens;

static void add_lu(struct core *c, unsigned lun, const struct lu_tpc_config *tpc)
{
	struct bs_config bc = { .path = "mem:unit", .size = CORE_LU_SIZE, .keep = ROD_KEEP_CANCEL };
	static const char *const faults[CORE_LUNS] = {
		[LUN_SLOW] = "write-delay:50+read-delay:50",
		[LUN_BAD] = "write-error:2M:512",
	};
	struct lu_config lc = { .lun = (uint16_t)lun, .tpc = *tpc };
	struct backstore *bs;
	char err[256] = "";

	lc.removable = lun == LUN_RM;
	lc.state_dir = core_state_dir;
	lc.answer = lun == LUN_A ? core_answer : NULL;
	bc.block_size = lc.block_size = lun == LUN_4K ? 4096 : 512;
	bc.read_only = lc.read_only = lun == LUN_RO;
	bc.fault = faults[lun];
	bc.encrypt = lun == LUN_KEY;
	if (lun == LUN_KEY)
		bc.provisioning = BS_FULL;
	if (bs_open(&bs, &bc, &c->env, err, sizeof(err)) < 0 ||
	    target_add_lu(c->target, bs, &lc, err, sizeof(err)) < 0)
		must(false, err);
}

void core_init(struct core *c, const struct lu_tpc_config *tpc, unsigned max_tokens)
{
	struct target_config tc = { .name = CORE_NAME,
				    .tokens = { .max_tokens = max_tokens ? max_tokens : 1000,
						.max_tombstones = 1000 },
				    .copy = { .chunk = 64 << 10, .window = 4, .copies = 2 } };
	char err[256] = "";
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);

	if (core_tokens)
		tc.tokens = *core_tokens;
	if (max_tokens)
		tc.tokens.max_tokens = max_tokens;

	memset(c, 0, sizeof(*c));
	must(ring_new(&c->env.ring, 64, err, sizeof(err)) == 0, err);
	must(aux_new(&c->env.aux, 1) == 0, "aux");
	must(target_new(&c->target, &tc, &c->env) == 0, "target");
	must(target_add_port_group(c->target, 1) == 0, "port group");
	for (unsigned lun = 0; lun < CORE_LUNS; lun++)
		add_lu(c, lun, tpc ? tpc : &lu_tpc_defaults);
	for (unsigned n = 0; n < CORE_NEXUSES; n++) {
		snprintf(c->nexus[n].initiator, sizeof(c->nexus[n].initiator),
			 "iqn.2001-04.com.example:unit%u,i,0x0123456789a%u", n, n);
		c->nexus[n].rtpi = c->nexus[n].tpgt = 1;
		must(target_nexus_add(c->target, &c->nexus[n]) == 0, "nexus");
		for (unsigned lun = 0; lun < CORE_LUNS; lun++) {
			CHECK_KCQ(core_cmd(c, n, lun, &tur, NULL, 0), 0x62900);
			CHECK_GOOD(core_cmd(c, n, lun, &tur, NULL, 0));
		}
	}
}

void core_done(struct core *c)
{
	for (unsigned n = 0; n < CORE_NEXUSES; n++)
		target_nexus_remove(c->target, &c->nexus[n]);
	CU_ASSERT_EQUAL(target_free(c->target), 0);
	aux_free(c->env.aux);
	ring_free(c->env.ring);
}

void core_luns_known(struct core *c)
{
	struct scsi_cdb cdb = cdb_of(CMD_REPORT_LUNS);

	cdb.len = 16;
	for (unsigned n = 0; n < CORE_NEXUSES; n++)
		CHECK_GOOD(core_cmd(c, n, LUN_A, &cdb, NULL, 0));
}

void core_run_until(struct core *c, const bool *flag)
{
	while (!*flag)
		ring_run(c->env.ring);
}

struct sleeper {
	struct ring_timer timer;
	struct core *c;
	bool over;
};

static void sleep_over(struct ring_timer *t)
{
	struct sleeper *s = (struct sleeper *)t;

	s->over = true;
	ring_stop(s->c->env.ring);
}

void core_sleep(struct core *c, unsigned ms)
{
	struct sleeper s = { .timer.fn = sleep_over, .c = c };

	ring_timer_set(c->env.ring, &s.timer, ms * 1000000ull);
	core_run_until(c, &s.over);
}

static void async_done(struct task *task)
{
	struct core_async *a = (struct core_async *)task;

	a->done = true;
	ring_stop(a->core->env.ring);
}

/* LUN reset: the front end drops the command. */
static void async_abort(struct task *task)
{
	task_end(task);
	async_done(task);
}

static bool accept_raw(struct core *c, struct core_async *a, unsigned nexus, unsigned lun,
		       const uint8_t *cdb, size_t cdb_len)
{
	struct task *t = &a->task;

	memset(t, 0, sizeof(*t));
	a->core = c;
	a->done = false;
	t->nexus = &c->nexus[nexus];
	memcpy(t->cdb, cdb, cdb_len);
	t->cdb_len = (uint8_t)cdb_len;
	t->done = async_done;
	t->on_abort = async_abort;
	return target_accept(c->target, scsi_lun_encode((uint16_t)lun), t);
}

bool core_accept(struct core *c, struct core_async *a, unsigned nexus, unsigned lun,
		 const struct scsi_cdb *cdb)
{
	uint8_t raw[16];
	size_t n = scsi_cdb_encode(cdb, raw);

	return accept_raw(c, a, nexus, lun, raw, n);
}

void core_open(struct core *c, struct core_async *a, unsigned nexus, unsigned lun,
	       const struct scsi_cdb *cdb)
{
	must(core_accept(c, a, nexus, lun, cdb), "a test's command was refused");
}

void core_piece(struct core_async *a, const void *out, uint64_t off, size_t len)
{
	struct task *t = &a->task;

	must(len <= sizeof(a->buf), "a test's piece is too long for the harness");
	memcpy(a->buf, out, len);
	a->vec = (struct iovec) { a->buf, len };
	t->data = &a->vec;
	t->niov = 1;
	t->data_off = off;
	t->len = len;
	a->done = false;
	lu_submit(t);
	core_run_until(a->core, &a->done);
}

static bool start_raw(struct core *c, struct core_async *a, unsigned nexus, unsigned lun,
		      const uint8_t *cdb, size_t cdb_len, const void *out, size_t out_len)
{
	struct task *t = &a->task;

	if (!accept_raw(c, a, nexus, lun, cdb, cdb_len))
		return false;
	t->len = t->data_len;
	if (t->dir == DIR_OUT && t->len > out_len)
		t->len = out_len;
	must(t->len <= sizeof(a->buf), "a test's transfer is too long for the harness");
	if (t->dir == DIR_OUT && t->len)
		memcpy(a->buf, out, t->len);
	a->vec = (struct iovec) { a->buf, t->len };
	t->data = &a->vec;
	t->niov = t->len ? 1 : 0;
	lu_submit(t);
	return true;
}

bool core_start(struct core *c, struct core_async *a, unsigned nexus, unsigned lun,
		const struct scsi_cdb *cdb, const void *out, size_t out_len)
{
	uint8_t raw[16];
	size_t n = scsi_cdb_encode(cdb, raw);

	return start_raw(c, a, nexus, lun, raw, n, out, out_len);
}

void core_finish(struct core_async *a)
{
	core_run_until(a->core, &a->done);
	if (a->task.accepted)
		task_end(&a->task);
}

const struct reply *core_raw(struct core *c, unsigned nexus, unsigned lun, const uint8_t *cdb,
			     size_t cdb_len, const void *out, size_t out_len)
{
	static struct core_async a;
	static struct reply r;

	if (start_raw(c, &a, nexus, lun, cdb, cdb_len, out, out_len))
		core_finish(&a);
	r.status = a.task.status;
	r.sense = a.task.sense;
	r.aborted = a.task.aborted;
	r.in_len = a.task.in_len;
	memcpy(r.in, a.buf, r.in_len);
	return &r;
}

const struct reply *core_cmd(struct core *c, unsigned nexus, unsigned lun,
			     const struct scsi_cdb *cdb, const void *out, size_t out_len)
{
	uint8_t raw[16];
	size_t n = scsi_cdb_encode(cdb, raw);

	return core_raw(c, nexus, lun, raw, n, out, out_len);
}

struct scsi_cdb cdb_of(enum scsi_cmd cmd)
{
	return (struct scsi_cdb) { .op = &scsi_ops[cmd] };
}

void core_write(struct core *c, unsigned lun, uint64_t lba, uint32_t blocks, uint8_t fill)
{
	struct scsi_cdb cdb = cdb_of(CMD_WRITE_16);
	size_t len = (size_t)blocks * (lun == LUN_4K ? 4096 : 512);
	uint8_t *data = malloc(len);

	must(data != NULL, "memory");
	memset(data, fill, len);
	cdb.lba = lba;
	cdb.blocks = blocks;
	CHECK_GOOD(core_cmd(c, 0, lun, &cdb, data, len));
	free(data);
}

bool core_holds(struct core *c, unsigned lun, uint64_t lba, uint32_t blocks, uint8_t fill)
{
	struct scsi_cdb cdb = cdb_of(CMD_READ_16);
	const struct reply *r;

	cdb.lba = lba;
	cdb.blocks = blocks;
	r = core_cmd(c, 0, lun, &cdb, NULL, 0);
	CHECK_GOOD(r);
	if (r->in_len != (size_t)blocks * (lun == LUN_4K ? 4096 : 512))
		return false;
	for (size_t i = 0; i < r->in_len; i++)
		if (r->in[i] != fill)
			return false;
	return true;
}

const struct reply *core_pt(struct core *c, unsigned nexus, unsigned lun, uint32_t list_id,
			    uint32_t timeout, const struct tpc_range *r, unsigned n)
{
	static uint8_t pl[TASK_MAX_PARAM];
	struct scsi_cdb cdb = cdb_of(CMD_POPULATE_TOKEN);

	cdb.list_id = list_id;
	cdb.len = (uint32_t)tpc_pt_encode(pl, sizeof(pl), false, false, timeout, 0, r, n);
	return core_cmd(c, nexus, lun, &cdb, pl, cdb.len);
}

const struct reply *core_wut(struct core *c, unsigned nexus, unsigned lun, uint32_t list_id,
			     const uint8_t *token, uint64_t offset, bool del,
			     const struct tpc_range *r, unsigned n)
{
	static uint8_t pl[TASK_MAX_PARAM];
	struct scsi_cdb cdb = cdb_of(CMD_WRITE_USING_TOKEN);

	cdb.list_id = list_id;
	cdb.len = (uint32_t)tpc_wut_encode(pl, sizeof(pl), false, del, offset, token, r, n);
	return core_cmd(c, nexus, lun, &cdb, pl, cdb.len);
}

const struct reply *core_rrti(struct core *c, unsigned nexus, unsigned lun, uint32_t list_id,
			      uint32_t alloc, struct tpc_result *ret)
{
	struct scsi_cdb cdb = cdb_of(CMD_RECEIVE_ROD_TOKEN_INFORMATION);
	const struct reply *r;

	cdb.list_id = list_id;
	cdb.len = alloc;
	r = core_cmd(c, nexus, lun, &cdb, NULL, 0);
	if (ret && !tpc_result_decode(r->in, r->in_len, ret))
		memset(ret, 0, sizeof(*ret));
	return r;
}

void core_token(struct core *c, unsigned lun, const struct tpc_range *r, unsigned n,
		uint8_t token[ROD_TOKEN_LEN])
{
	struct tpc_result res;

	CHECK_GOOD(core_pt(c, 0, lun, 0x70, 0, r, n));
	CHECK_GOOD(core_rrti(c, 0, lun, 0x70, 1024, &res));
	CU_ASSERT_EQUAL(res.status, TPC_DONE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(res.token);
	memcpy(token, res.token, ROD_TOKEN_LEN);
}

unsigned kcq(const struct reply *r)
{
	if (r->aborted)
		return 0xabab;
	if (r->status == SAM_GOOD)
		return 0;
	if (r->status != SAM_CHECK_CONDITION)
		return (unsigned)r->status << 24;
	return (unsigned)r->sense.key << 16 | sense_asc_ascq(r->sense);
}
