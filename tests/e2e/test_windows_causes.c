/* SPDX-License-Identifier: Apache-2.0 */
/*
 * windows-initiator.md 5: what this target says by itself, for a true cause each, ends as
 * the document's row says, and the copy is completed with the same data as soon as that
 * can be.  Rows without a cause here are in test_windows_rows.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mode.h"
#include "pr.h"
#include "windows.h"

#define SIZE (4 * MIB)

struct scene {
	struct odxd *o;
	const char *src, *dst;
	struct win w;
	struct initiator *other; /* who makes the trouble */
	/* What is to be offloaded. */
	struct tpc_range ranges[16];
	unsigned n;
	uint64_t offset;
	struct disk_token token;
};

/* A row: how it comes, when, and what Windows makes of it. */
struct cause {
	const char *name;
	const char *src, *dst; /* options of the LUNs */
	bool to_wut;	       /* to WRITE USING TOKEN, else to POPULATE TOKEN  */
	/* Right before that command; and what makes a copy possible again. */
	void (*provoke)(struct scene *s);
	void (*mend)(struct scene *s);
	enum ntstatus nt;
	unsigned tries;
	bool lost; /* nobody could copy it: the data or its place is gone */
};

static const enum scsi_cmd command_of[] = { CMD_POPULATE_TOKEN, CMD_WRITE_USING_TOKEN };

/* ---- trouble ---- */

static void flip_token(struct scene *s)
{
	s->token.token[300] ^= 1;
}

static void wait_for_expiry(struct scene *s)
{
	usleep(3200 * 1000);
}

/* The same data, but written. */
static void write_source(struct scene *s)
{
	CU_ASSERT(write_pattern(s->other, 0, 512, 0, 4096, 0, 1));
}

static void past_the_token(struct scene *s)
{
	s->offset = s->token.blocks;
}

/* A copy in the background of @lun, under the identifier that comes next. */
static void run_next_id(struct scene *s, unsigned lun)
{
	uint8_t token[ROD_TOKEN_LEN], list[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct tpc_range from = RANGE(64, 8), to = RANGE(128, 8);

	CU_ASSERT(take_token(s->w.in, 0, 0x10000, &from, 1, token));
	tpc_wut_encode(list, sizeof(list), true, false, 0, token, &to, 1);
	CHECK_GOOD(send_list(s->w.in, lun, CMD_WRITE_USING_TOKEN, s->w.host.next_list_id, list,
			     sizeof(list)));
}

static void run_next_id_at_source(struct scene *s)
{
	run_next_id(s, 0);
}

static void run_next_id_at_destination(struct scene *s)
{
	run_next_id(s, 1);
}

/* It writes to the source: not while that is copied. */
static void let_it_end(struct scene *s)
{
	double end = seconds_now() + 20;
	struct rrti q;

	do {
		usleep(50000);
		rrti(s->w.in, 0, s->w.host.next_list_id - 1, RRTI_ALL, &q);
		CHECK_GOOD(q.answer);
	} while (q.r.status == TPC_BACKGROUND && seconds_now() < end);
}

static void protect(struct scene *s, bool on)
{
	struct scsi_cdb sense = { .op = &scsi_ops[CMD_MODE_SENSE_6], .page = 0x0a, .len = 192 };
	struct scsi_cdb select = { .op = &scsi_ops[CMD_MODE_SELECT_6], .pf = true, .len = 16 };
	uint8_t buf[192] = { 0 }, list[16] = { 0 };

	CHECK_GOOD(command(s->other, 1, &sense, buf, sizeof(buf)));
	memcpy(list + 4, buf + 4 + buf[3], 12);
	list[4] &= 0x3f;
	list[8] = (uint8_t)((list[8] & ~0x08) | (on ? 0x08 : 0)); /* SWP */
	CHECK_GOOD(command(s->other, 1, &select, list, sizeof(list)));
	clear_ua(s->w.in, 1);
}

static void protect_destination(struct scene *s)
{
	protect(s, true);
}

static void free_destination(struct scene *s)
{
	protect(s, false);
}

static void reserve(struct scene *s, unsigned lun)
{
	CHECK_GOOD(pr_out(s->other, lun, CMD_PR_OUT_REGISTER, 0, 0xa, 0, false));
	CHECK_GOOD(pr_out(s->other, lun, CMD_PR_OUT_RESERVE, 0xa, 0, PR_EXCLUSIVE_ACCESS, false));
}

static void release(struct scene *s, unsigned lun)
{
	CHECK_GOOD(pr_out(s->other, lun, CMD_PR_OUT_CLEAR, 0xa, 0, 0, false));
	clear_ua(s->w.in, lun);
}

static void reserve_source(struct scene *s)
{
	reserve(s, 0);
}

static void release_source(struct scene *s)
{
	release(s, 0);
}

static void reserve_destination(struct scene *s)
{
	reserve(s, 1);
}

static void release_destination(struct scene *s)
{
	release(s, 1);
}

static void start_stop(struct scene *s, bool loej, bool start)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_START_STOP_UNIT],
				.loej = loej,
				.start = start };

	CHECK_GOOD(command(s->other, 0, &cdb, NULL, 0));
	clear_ua(s->w.in, 0);
}

static void eject_source(struct scene *s)
{
	start_stop(s, true, false);
}

static void load_source(struct scene *s)
{
	start_stop(s, true, true);
}

static void stop_source(struct scene *s)
{
	start_stop(s, false, false);
}

static void start_source(struct scene *s)
{
	start_stop(s, false, true);
}

static void format_destination(struct scene *s)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_FORMAT_UNIT], .fmtdata = true, .len = 4 };
	uint8_t list[4] = { 0, 0x02, 0, 0 }; /* IMMED */

	CHECK_GOOD(command(s->other, 1, &cdb, list, sizeof(list)));
}

static void sanitize_destination(struct scene *s)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_SANITIZE_OVERWRITE], .immed = true, .len = 5 };
	uint8_t list[5] = { 0x01, 0, 0, 1, 0 }; /* one zero, over and over */

	CHECK_GOOD(command(s->other, 1, &cdb, list, sizeof(list)));
}

static void wait_for_destination(struct scene *s)
{
	double end = seconds_now() + 30;

	while (tur(s->other, 1).status != SAM_GOOD && seconds_now() < end)
		usleep(50000);
	CHECK_GOOD(tur(s->other, 1));
	clear_ua(s->w.in, 1);
}

static void reset_source(struct scene *s)
{
	CU_ASSERT_EQUAL(initiator_lun_reset(s->other, 0), 0);
}

static void grow_source(struct scene *s)
{
	double end = seconds_now() + 10;

	CU_ASSERT_EQUAL(truncate(s->src, 2 * SIZE), 0);
	while (tur(s->other, 0).status == SAM_GOOD && seconds_now() < end)
		usleep(50000);
}

static void shrink_source(struct scene *s)
{
	uint8_t block[512];

	CU_ASSERT_EQUAL(truncate(s->src, 0), 0);
	/* The first command that meets it is a medium error; from then on there is none. */
	CU_ASSERT_EQUAL(media(s->other, 0, CMD_READ_16, 0, 1, block, 512).status,
			SAM_CHECK_CONDITION);
}

/* As a class driver that does not know the target's limits, or believes old ones. */
static void nine_ranges(struct scene *s)
{
	s->w.disk[0].odx.max_ranges = 64;
	for (s->n = 0; s->n < 9; s->n++)
		s->ranges[s->n] = RANGE(s->n * 16, 8);
}

static void too_much(struct scene *s)
{
	s->ranges[0] = RANGE(0, MIB / 512 + 1);
}

static void past_the_end(struct scene *s)
{
	s->ranges[0] = RANGE(SIZE / 512 - 7, 8);
}

static void other_lun(struct scene *s)
{
	s->w.disk[0].lun = 2;
	clear_ua(s->w.in, 2);
}

static void no_lun(struct scene *s)
{
	s->w.disk[0].lun = 9;
}

static void own_lun(struct scene *s)
{
	s->w.disk[0].lun = 0;
}

static const struct cause causes[] = {
	{ "5/23/05 a token with a flipped bit", "", "", true, flip_token, NULL, NT_INVALID_TOKEN, 1,
	  false },
	{ "5/23/07 an expired token", ",odx.default-timeout=1s", "", true, wait_for_expiry, NULL,
	  NT_INVALID_TOKEN, 1, false },
	{ "5/23/08 a cancelled token", ",point-in-time=cancel", "", true, write_source, NULL,
	  NT_INVALID_TOKEN, 1, false },
	{ "5/26/00 past the token", "", "", true, past_the_token, NULL,
	  NT_INVALID_FIELD_IN_PARAMETER_LIST, 1, false },
	{ "5/00/16 the list identifier of a copy that runs, PT", ",fault=write-delay:1000", "",
	  false, run_next_id_at_source, let_it_end, NT_OPERATION_IN_PROGRESS, 1, false },
	/* RRTI speaks of the one that runs, 12h, which Windows takes for a failure. */
	{ "5/00/16 the list identifier of a copy that runs, WUT", "", ",fault=write-delay:1000",
	  true, run_next_id_at_destination, NULL, NT_UNSUCCESSFUL, 1, false },
	{ "7/27/00 a write-protected destination", "", "", true, protect_destination,
	  free_destination, NT_IO_DEVICE_ERROR, 1, false },
	{ "B/55/03 a full destination", "", ",fault=enospc:0", true, NULL, NULL,
	  NT_INSUFFICIENT_RESOURCES, 1, true },
	{ "3/11/00 a source that cannot be read", ",fault=read-error:0:4K", "", true, NULL, NULL,
	  NT_DEVICE_DATA_ERROR, 1, true },
	{ "3/0C/00 a destination that cannot be written", "", ",fault=write-error:0:4K", true, NULL,
	  NULL, NT_DEVICE_DATA_ERROR, 1, true },
	{ "reservation conflict of PT", "", "", false, reserve_source, release_source,
	  NT_DEVICE_BUSY, 1, false },
	/* There is no result of it, and RRTI is 5/24/00: in Windows that hides the conflict. */
	{ "reservation conflict of WUT", "", "", true, reserve_destination, release_destination,
	  NT_INVALID_INITIATOR_TARGET_PATH, 1, false },
	{ "2/3A/02 no medium", ",removable", "", false, eject_source, load_source,
	  NT_NO_MEDIA_IN_DEVICE, 1, false },
	{ "2/04/02 a stopped unit", "", "", false, stop_source, start_source, NT_DEVICE_NOT_READY,
	  2, false },
	{ "2/04/04 a format in progress", "", ",provisioning=full,fault=write-delay:700", true,
	  format_destination, wait_for_destination, NT_DEVICE_NOT_READY, 1, false },
	{ "2/04/1B a sanitize in progress", "", ",fault=write-delay:700", true,
	  sanitize_destination, wait_for_destination, NT_DEVICE_NOT_READY, 3, false },
	{ "2/04/03 a file that was truncated", "", "", false, shrink_source, NULL,
	  NT_NO_MEDIA_IN_DEVICE, 1, true },
	{ "6/29/03 a reset by another host", "", "", false, reset_source, NULL, NT_SUCCESS, 2,
	  false },
	{ "6/2A/09 a capacity that changed", "", "", false, grow_source, NULL, NT_SUCCESS, 2,
	  false },
	{ "5/26/08 more ranges than the LUN takes", ",odx.max-ranges=8", "", false, nine_ranges,
	  NULL, NT_TOO_MANY_SEGMENT_DESCRIPTORS, 1, false },
	{ "5/26/00 more than a token may have", ",odx.max-token=1M,odx.optimal=1M", "", false,
	  too_much, NULL, NT_INVALID_FIELD_IN_PARAMETER_LIST, 1, false },
	{ "5/21/00 past the end of the LUN", "", "", false, past_the_end, NULL,
	  NT_NONEXISTENT_SECTOR, 1, false },
	{ "5/20/00 a LUN with offload switched off", "", "", false, other_lun, own_lun,
	  NT_INVALID_DEVICE_REQUEST, 1, false },
	{ "5/25/00 no such LUN", "", "", false, no_lun, own_lun, NT_NO_SUCH_DEVICE, 1, false },
};

/* LUN 2 has no ODX. */
static void scene_open(struct scene *s, const char *src_options, const char *dst_options)
{
	char spec[2][512];

	*s = (struct scene) { .src = make_filled("src", SIZE, 1),
			      .dst = make_filled("dst", SIZE, 2),
			      .ranges = { { 0, 8 } },
			      .n = 1 };
	snprintf(spec[0], sizeof(spec[0]), "%s%s", s->src, src_options);
	snprintf(spec[1], sizeof(spec[1]), "%s%s", s->dst, dst_options);
	s->o = ODXD("--lun", spec[0], "--lun", spec[1], "--lun", "mem:x,size=4M,odx.enabled=no");
	win_open(&s->w, s->o, 0, NULL);
	s->other = login_clear(s->o, 2);
}

static bool is_said(struct scene *s, const struct cause *c)
{
	enum scsi_cmd cmd = command_of[c->to_wut];
	char err[INITIATOR_ERR] = "";
	uint64_t before, done;
	enum ntstatus nt = NT_SUCCESS;

	if (c->to_wut)
		nt = disk_offload_read(&s->w.disk[0], s->ranges, s->n, 0, &s->token, err);
	CU_ASSERT_EQUAL(nt, NT_SUCCESS);
	if (c->provoke)
		c->provoke(s);
	before = win_sent(&s->w, cmd);
	if (c->to_wut)
		nt = disk_offload_write(&s->w.disk[1], s->token.token, s->offset, s->ranges, s->n,
					&done, err);
	else
		nt = disk_offload_read(&s->w.disk[0], s->ranges, s->n, 0, &s->token, err);
	if (nt == c->nt && win_sent(&s->w, cmd) - before == c->tries)
		return true;
	printf("%s: %s, not %s, after %llu commands, not %u (%s)\n", c->name, nt_name(nt),
	       nt_name(c->nt), (unsigned long long)(win_sent(&s->w, cmd) - before), c->tries, err);
	return false;
}

static void one_cause(const struct cause *c)
{
	struct scene s;

	scene_open(&s, c->src, c->dst);
	CU_ASSERT(is_said(&s, c));
	if (c->mend)
		c->mend(&s);
	if (!c->lost && !win_copies(&s.w, WIN_ANY)) {
		printf("  (%s)\n", c->name);
		CU_FAIL("the copy was not completed");
	}
	initiator_close(s.other);
	win_close(&s.w);
	odxd_stop_status(s.o, c->provoke == shrink_source ? 3 : 0); /* 3: data was lost */
}

/* The causes whose names begin with @key. */
static void causes_of(const char *key)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (strncmp(causes[i].name, key, strlen(key)) == 0) {
			one_cause(&causes[i]);
			n++;
		}
	CU_ASSERT(n > 0);
}

#define TEST_OF(fn, key)        \
	static void fn(void)    \
	{                       \
		causes_of(key); \
	}
TEST_OF(tokens, "5/23")
TEST_OF(lists, "5/26")
TEST_OF(list_id, "5/00/16")
TEST_OF(end_of_lun, "5/21")
TEST_OF(opcode, "5/20")
TEST_OF(lun, "5/25")
TEST_OF(protection, "7/")
TEST_OF(resources, "B/")
TEST_OF(medium, "3/")
TEST_OF(not_ready, "2/")
TEST_OF(attention, "6/")
TEST_OF(conflict, "reservation")

/*
 * One copy at a time, and there is one already that ends in 4 s; a WUT with 500 ms does
 * not come to its first block.
 */
static void no_progress(void)
{
	static const char text[] = "target \"" ODXD_IQN "\" {\n"
				   "  copy { copies = 1 }\n"
				   "  lun 0 { path = \"mem:a\" size = \"4M\" }\n"
				   "  lun 1 { path = \"mem:b\" size = \"4M\"\n"
				   "          odx { deadline = \"500ms\" } }\n"
				   "  lun 2 { path = \"mem:c\" size = \"4M\" fault = \"rate:1M\"\n"
				   "          odx { deadline = \"20s\" } }\n"
				   "}\n";
	struct odxd *o = ODXD("-c", make_text("line.conf", text));
	struct tpc_range all = RANGE(0, SIZE / 512);
	struct initiator *other = login_clear(o, 3);
	uint8_t list[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN], .len = sizeof(list) };
	struct initiator_cmd first;
	struct disk_token token;
	char err[INITIATOR_ERR];
	uint64_t done;
	struct win w;

	win_open(&w, o, 0, NULL);
	CU_ASSERT(write_pattern(w.in, 0, 512, 0, SIZE, 0, 1));
	CU_ASSERT_EQUAL(disk_offload_read(&w.disk[0], &all, 1, 0, &token, err), NT_SUCCESS);
	tpc_wut_encode(list, sizeof(list), false, false, 0, token.token, &all, 1);
	first = initiator_cmd(&c, list, sizeof(list));
	initiator_submit(other, 2, &first);
	serve_for(other, 200);
	CU_ASSERT(first.busy);
	CU_ASSERT_EQUAL(disk_offload_write(&w.disk[1], token.token, 0, &all, 1, &done, err),
			NT_DATA_OVERRUN);
	CU_ASSERT_EQUAL(win_sent(&w, CMD_WRITE_USING_TOKEN), 1);
	CU_ASSERT(win_copies(&w, WIN_ANY));
	initiator_wait(other, &first);
	CHECK_GOOD(answer_of(&first));
	initiator_close(other);
	win_close(&w);
	odxd_stop(o);
}

static void token_table(void)
{
	static const char text[] = "target \"" ODXD_IQN "\" {\n"
				   "  tokens { max = 1 }\n"
				   "  lun 0 { path = \"mem:a\" size = \"4M\" }\n"
				   "  lun 1 { path = \"mem:b\" size = \"4M\" }\n"
				   "}\n";
	struct odxd *o = ODXD("-c", make_text("one.conf", text));
	struct tpc_range r = RANGE(0, 8);
	struct disk_token token;
	char err[INITIATOR_ERR];
	struct win w;

	win_open(&w, o, 0, NULL);
	CU_ASSERT(write_pattern(w.in, 0, 512, 0, SIZE, 0, 1));
	CU_ASSERT_EQUAL(disk_offload_read(&w.disk[0], &r, 1, 0, &token, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(disk_offload_read(&w.disk[0], &r, 1, 0, &token, err),
			NT_INVALID_DEVICE_REQUEST);
	CU_ASSERT(win_copies(&w, 0));
	win_close(&w);
	odxd_stop(o);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "5/23: tokens that are corrupt, expired, cancelled", tokens },
		{ "5/26: past the token, too many ranges, too much", lists },
		{ "5/00/16: a list identifier in use", list_id },
		{ "5/0D/04: not a block in time", no_progress },
		{ "5/21: past the end of the LUN", end_of_lun },
		{ "5/20: offload switched off", opcode },
		{ "5/25: no such LUN", lun },
		{ "5/55/0D: no room for one more token", token_table },
		{ "7/27: write protected", protection },
		{ "B/55/03: no space", resources },
		{ "3/xx: blocks that cannot be read or written", medium },
		{ "2/xx: no medium, stopped, formatting, sanitizing, truncated", not_ready },
		{ "6/xx: a reset, a capacity that changed: sent again", attention },
		{ "18h: reservations", conflict },
		TEST_END
	};

	return test_main(argc, argv, "e2e-windows-causes", tests);
}
