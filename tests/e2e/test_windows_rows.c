/* SPDX-License-Identifier: Apache-2.0 */
/*
 * windows-initiator.md 5, row by row: the target says it (the LUN's "answer"), to PT, to
 * RRTI or to WUT, and Windows' class driver must make of it what the row says: NTSTATUS
 * and number of attempts; the copy is completed by READ and WRITE, with the same data.
 * What the target says by itself is in test_windows_causes.c.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "windows.h"

#define SIZE   (4 * MIB)
#define STEPS  4 /* tokens, and WUTs, of such a copy */
#define FAILED 3 /* the first command of its kind that is answered */

/* Section 5 as the document has it; not made from our own table of it. */
static const struct row {
	const char *what; /* as in the key "answer" */
	enum ntstatus nt;
	bool retried;
	unsigned delay_s;
} rows[] = {
	{ "b/55/03", NT_INSUFFICIENT_RESOURCES, false, 0 },
	{ "b/4b/00", NT_IO_DEVICE_ERROR, true, 0 },
	{ "a/0d/02", NT_IO_DEVICE_ERROR, true, 0 },
	{ "a/00/00", NT_IO_DEVICE_ERROR, true, 0 },
	{ "5/00/16", NT_OPERATION_IN_PROGRESS, false, 0 },
	{ "5/08/04", NT_DEVICE_UNREACHABLE, false, 0 },
	{ "5/0d/04", NT_DATA_OVERRUN, false, 0 },
	{ "5/1a/00", NT_DATA_OVERRUN, false, 0 },
	{ "5/20/00", NT_INVALID_DEVICE_REQUEST, false, 0 },
	{ "5/21/00", NT_NONEXISTENT_SECTOR, false, 0 },
	{ "5/23/00", NT_INVALID_TOKEN, false, 0 },
	{ "5/23/0a", NT_INVALID_TOKEN, false, 0 },
	{ "5/24/00", NT_INVALID_INITIATOR_TARGET_PATH, false, 0 },
	{ "5/25/00", NT_NO_SUCH_DEVICE, false, 0 },
	{ "5/26/04", NT_INVALID_OFFSET_ALIGNMENT, false, 0 },
	{ "5/26/08", NT_TOO_MANY_SEGMENT_DESCRIPTORS, false, 0 },
	{ "5/26/00", NT_INVALID_FIELD_IN_PARAMETER_LIST, false, 0 },
	{ "5/55/0d", NT_INVALID_DEVICE_REQUEST, false, 0 },
	{ "6/29/00", NT_IO_DEVICE_ERROR, true, 0 },
	{ "6/2f/00", NT_IO_DEVICE_ERROR, true, 0 },
	{ "6/2a/09", NT_IO_DEVICE_ERROR, true, 1 },
	{ "6/3f/01", NT_IO_DEVICE_ERROR, true, 1 },
	{ "6/3f/03", NT_IO_DEVICE_ERROR, true, 5 },
	{ "6/38/07", NT_IO_DEVICE_ERROR, true, 0 },
	{ "6/38/00", NT_IO_DEVICE_ERROR, false, 0 },
	{ "2/04/01", NT_DEVICE_NOT_READY, true, 10 },
	{ "2/04/07", NT_DEVICE_NOT_READY, true, 10 },
	{ "2/04/14", NT_RETRY, true, 10 },
	{ "2/04/00", NT_DEVICE_NOT_READY, false, 0 },
	{ "2/04/04", NT_DEVICE_NOT_READY, false, 0 },
	{ "2/04/08", NT_DEVICE_NOT_READY, false, 0 },
	{ "2/04/03", NT_NO_MEDIA_IN_DEVICE, false, 0 },
	{ "2/3a/00", NT_NO_MEDIA_IN_DEVICE, false, 0 },
	{ "2/04/02", NT_DEVICE_NOT_READY, true, 0 },
	{ "2/04/0b", NT_DEVICE_NOT_READY, true, 0 },
	{ "3/11/00", NT_DEVICE_DATA_ERROR, false, 0 },
	{ "3/0c/00", NT_DEVICE_DATA_ERROR, false, 0 },
	{ "4/44/00", NT_DEVICE_HARDWARE_ERROR, false, 0 },
	{ "4/08/03", NT_DEVICE_HARDWARE_ERROR, true, 1 },
	{ "7/27/07", NT_DISK_RESOURCES_EXHAUSTED, false, 0 },
	{ "7/27/00", NT_IO_DEVICE_ERROR, false, 0 },
	{ "7/20/02", NT_ACCESS_DENIED, false, 0 },
	{ "8/00/00", NT_NO_DATA_DETECTED, false, 0 },
	{ "0/00/16", NT_IO_DEVICE_ERROR, true, 0 },
	{ "18", NT_DEVICE_BUSY, false, 0 },
	{ "08", NT_DEVICE_NOT_READY, true, 0 },
	{ "28", NT_DEVICE_NOT_READY, true, 0 },
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

/* The commands of an offload, and how often Windows sends each once more. */
static const struct kind {
	const char *name, *code;
	enum scsi_cmd cmd;
	unsigned lun, retries;
} kinds[] = {
	{ "PT", "83/10", CMD_POPULATE_TOKEN, 0, 1 },
	{ "RRTI", "84/07", CMD_RECEIVE_ROD_TOKEN_INFORMATION, 0, 1 },
	{ "WUT", "83/11", CMD_WRITE_USING_TOKEN, 1, 2 },
};
enum { PT, RRTI, WUT };

/* A copy, by a session of its own. */
struct scene {
	pthread_t thread;
	const struct row *row;
	const struct kind *kind;
	struct win w;
	bool ok;
};

static bool same(const struct scene *s, const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return true;
	printf("%s of %s: %s is %llu, not %llu\n", s->row->what, s->kind->name, what,
	       (unsigned long long)got, (unsigned long long)want);
	return false;
}

static bool copies(struct scene *s, uint64_t offloaded)
{
	if (win_copies(&s->w, offloaded))
		return true;
	printf("  (%s of %s)\n", s->row->what, s->kind->name);
	return false;
}

static uint64_t sent(const struct scene *s)
{
	return win_sent(&s->w, s->kind->cmd);
}

static bool is_status(const struct row *row)
{
	return strchr(row->what, '/') == NULL;
}

/* One more command of the kind, alone; a WUT with a good token. */
static enum ntstatus alone(struct scene *s, char *err)
{
	struct tpc_range r = RANGE(0, 8);
	struct disk_token t;
	uint64_t done;
	enum ntstatus nt = disk_offload_read(&s->w.disk[0], &r, 1, 0, &t, err);

	if (s->kind->cmd != CMD_WRITE_USING_TOKEN || nt)
		return nt;
	return disk_offload_write(&s->w.disk[1], t.token, 0, &r, 1, &done, err);
}

/*
 * The NTSTATUS of an offload: of a WUT, what RRTI then says.  Of one that ended with a
 * status and no sense there is no result, and RRTI is 5/24/00: in Windows that hides it.
 */
static enum ntstatus wanted(const struct scene *s)
{
	if (is_status(s->row) && s->kind->cmd == CMD_WRITE_USING_TOKEN)
		return NT_INVALID_INITIATOR_TARGET_PATH;
	return s->row->nt;
}

/* Said to the third command and all after it: half of the copy is offloaded. */
static void for_ever(struct scene *s)
{
	unsigned tries = 1 + (s->row->retried ? s->kind->retries : 0);
	uint64_t before;
	char err[INITIATOR_ERR] = "";
	enum ntstatus nt;

	s->ok = copies(s, (FAILED - 1) * SIZE / STEPS) &&
		same(s, "number", sent(s), FAILED - 1 + tries);
	if (s->row->delay_s > 1)
		return; /* long enough */
	before = sent(s);
	nt = alone(s, err);
	if (nt != wanted(s)) {
		printf("%s of %s: %s, not %s (%s)\n", s->row->what, s->kind->name, nt_name(nt),
		       nt_name(wanted(s)), err);
		s->ok = false;
	}
	s->ok &= same(s, "number alone", sent(s) - before, tries);
}

/* Said once: it is sent again, and all is offloaded; or else it is not. */
static void once(struct scene *s)
{
	bool again = s->row->retried;

	s->ok = copies(s, again ? SIZE : (FAILED - 1) * SIZE / STEPS) &&
		same(s, "number", sent(s), again ? STEPS + 1 : FAILED);
}

/* The options of the copy's LUN @i: the one that is asked says it, @count times. */
static const char *options(const struct row *row, const struct kind *kind, unsigned i,
			   unsigned count)
{
	static char text[2][128];

	snprintf(text[i], sizeof(text[i]), ",odx.optimal=1M,answer=%s:%u:%u:%s", kind->code, FAILED,
		 count, row->what);
	return kind->lun == i ? text[i] : ",odx.optimal=1M";
}

static struct odxd *serve(const struct row *row, const struct kind *kind, unsigned count)
{
	const char *path[2] = { make_filled("src", SIZE, 1), make_filled("dst", SIZE, 2) };
	char spec[2][512];

	for (unsigned i = 0; i < 2; i++)
		snprintf(spec[i], sizeof(spec[i]), "%s%s", path[i], options(row, kind, i, count));
	return ODXD("--lun", spec[0], "--lun", spec[1]);
}

static void one_row(const struct row *row, const struct kind *kind, unsigned count,
		    void (*run)(struct scene *))
{
	struct odxd *o = serve(row, kind, count);
	struct scene s = { .row = row, .kind = kind };

	win_open(&s.w, o, 0, NULL);
	run(&s);
	CU_ASSERT(s.ok);
	win_close(&s.w);
	odxd_stop(o);
}

static void all_rows(const struct kind *kind, unsigned count, void (*run)(struct scene *))
{
	for (unsigned i = 0; i < NROWS; i++)
		if (rows[i].delay_s <= (count ? 0 : 1))
			one_row(&rows[i], kind, count, run);
}

static void pt_for_ever(void)
{
	all_rows(&kinds[PT], 0, for_ever);
}

static void rrti_for_ever(void)
{
	all_rows(&kinds[RRTI], 0, for_ever);
}

static void wut_for_ever(void)
{
	all_rows(&kinds[WUT], 0, for_ever);
}

static void pt_once(void)
{
	all_rows(&kinds[PT], 1, once);
}

static void rrti_once(void)
{
	all_rows(&kinds[RRTI], 1, once);
}

static void wut_once(void)
{
	all_rows(&kinds[WUT], 1, once);
}

/* ---- rows that take their time ---- */

#define SLOW_MAX 16

static void *scene_main(void *arg)
{
	for_ever(arg);
	return NULL;
}

/* The rows with long delays, PT and WUT of each, all at once; memory LUNs. */
static void slow_rows(void)
{
	static struct scene s[SLOW_MAX];
	static char spec[2 * SLOW_MAX][128];
	const char *args[4 * SLOW_MAX + 1] = { NULL };
	unsigned n = 0;
	struct odxd *o;

	for (unsigned i = 0; i < NROWS; i++)
		for (unsigned k = PT; rows[i].delay_s > 1 && k <= WUT; k += WUT - PT)
			s[n++] = (struct scene) { .row = &rows[i], .kind = &kinds[k] };
	CU_ASSERT_FATAL(n > 0 && n <= SLOW_MAX);
	for (unsigned i = 0; i < 2 * n; i++) {
		snprintf(spec[i], sizeof(spec[i]), "mem:%u,size=4M%s", i,
			 options(s[i / 2].row, s[i / 2].kind, i % 2, 0));
		args[2 * i] = "--lun";
		args[2 * i + 1] = spec[i];
	}
	o = odxd_start_argv(args);
	for (unsigned i = 0; i < n; i++) {
		win_open(&s[i].w, o, 2 * i, NULL);
		CU_ASSERT(write_pattern(s[i].w.in, 2 * i, 512, 0, SIZE, 0, i));
	}
	for (unsigned i = 0; i < n; i++)
		pthread_create(&s[i].thread, NULL, scene_main, &s[i]);
	for (unsigned i = 0; i < n; i++) {
		pthread_join(s[i].thread, NULL);
		CU_ASSERT(s[i].ok);
		win_close(&s[i].w);
	}
	odxd_stop(o);
}

/* ---- rows of their own kind ---- */

static void recovered(void)
{
	static const struct row row = { "1/17/01", NT_SUCCESS, false, 0 };

	for (unsigned k = PT; k <= WUT; k += WUT - PT) {
		struct odxd *o = serve(&row, &kinds[k], 0);
		struct scene s = { .row = &row, .kind = &kinds[k] };

		win_open(&s.w, o, 0, NULL);
		CU_ASSERT(copies(&s, SIZE));
		CU_ASSERT(same(&s, "number", sent(&s), STEPS));
		/* Windows asks what such a WUT has written, and believes it. */
		CU_ASSERT(same(&s, "RRTI", win_sent(&s.w, CMD_RECEIVE_ROD_TOKEN_INFORMATION),
			       k == WUT ? STEPS + 2 : STEPS));
		win_close(&s.w);
		odxd_stop(o);
	}
}

/* B/0D/04 without a count is success of nothing: Windows asks, hears 0, and copies itself. */
static void truncated_to_nothing(void)
{
	static const struct row of[] = { { "b/0d/04", NT_UNSUCCESSFUL, false, 0 },
					 { "a/0d/04", NT_UNSUCCESSFUL, false, 0 } };

	for (unsigned i = 0; i < 2; i++) {
		one_row(&of[i], &kinds[PT], 0, for_ever);
		one_row(&of[i], &kinds[WUT], 0, for_ever);
	}
}

/*
 * The one retry of PT and RRTI meets the unit attention of the reset (6/29/03) that comes
 * before it, and the copy goes on by itself; WUT has a second one.
 */
static void no_answer(void)
{
	static const struct row row = { "never", NT_IO_TIMEOUT, true, 1 };
	const struct initiator_options impatient = { .timeout_s = 1 };

	for (unsigned k = PT; k <= WUT; k++) {
		struct odxd *o = serve(&row, &kinds[k], 1);
		struct scene s = { .row = &row, .kind = &kinds[k] };

		win_open(&s.w, o, 0, &impatient);
		CU_ASSERT(copies(&s, k == WUT ? SIZE : (FAILED - 1) * SIZE / STEPS));
		CU_ASSERT(same(&s, "number", sent(&s), k == WUT ? STEPS + 2 : FAILED + 1));
		win_close(&s.w);
		odxd_stop(o);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "5: each row said to PT for ever: its NTSTATUS, its attempts, the data",
		  pt_for_ever },
		{ "5: each row said to RRTI for ever", rrti_for_ever },
		{ "5: each row said to WUT for ever", wut_for_ever },
		{ "5: each row said to PT once: sent again, or not", pt_once },
		{ "5: each row said to RRTI once", rrti_once },
		{ "5: each row said to WUT once", wut_once },
		{ "5: rows that are sent again after 5 and 10 s", slow_rows },
		{ "5: a recovered error is success, and a WUT's count is asked for", recovered },
		{ "5: truncated to nothing ends the offload", truncated_to_nothing },
		{ "5: no answer in time: a reset, and sent again", no_answer },
		TEST_END
	};

	return test_main(argc, argv, "e2e-windows-rows", tests);
}
