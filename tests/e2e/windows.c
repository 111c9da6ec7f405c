/* SPDX-License-Identifier: Apache-2.0 */
#include "windows.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "stream.h"

#define SIZE (24 * MIB)
#define ALL  32768u /* blocks of a token, 16 MiB */

static void print_result(uint32_t id, const struct rrti *q)
{
	answer_good("RRTI", q->answer);
	printf("RRTI of %u: status %02x count %llu sense %X/%02X/%02X\n", id, q->r.status,
	       (unsigned long long)q->r.count, q->r.sense.key, q->r.sense.asc, q->r.sense.ascq);
}

bool result_is(struct initiator *in, unsigned lun, uint32_t id, unsigned status, uint64_t count)
{
	struct rrti q;

	rrti(in, lun, id, RRTI_ALL, &q);
	if (q.decoded && q.r.status == status && q.r.count == count)
		return true;
	print_result(id, &q);
	printf("  expected status %02x count %llu\n", status, (unsigned long long)count);
	return false;
}

bool result_sense_is(struct initiator *in, unsigned lun, uint32_t id, unsigned key,
		     unsigned asc_ascq)
{
	struct rrti q;

	rrti(in, lun, id, RRTI_ALL, &q);
	if (q.decoded && q.r.sense.key == key && sense_asc_ascq(q.r.sense) == asc_ascq)
		return true;
	print_result(id, &q);
	printf("  expected sense %X/%02X/%02X\n", key, asc_ascq >> 8, asc_ascq & 0xff);
	return false;
}

static const struct ended ways[WAYS_TO_END] = {
	{ .what = "PT done", .sa = 0x10, .asked = ALL, .status = TPC_DONE },
	{ .what = "PT failed", .sa = 0x10, .asked = 1, .status = TPC_FAILED },
	{ .what = "PT cut short", .sa = 0x10, .asked = ALL + 1, .status = TPC_PARTIAL },
	{ .what = "WUT done", .sa = 0x11, .asked = 8, .status = TPC_DONE },
	{ .what = "WUT failed", .sa = 0x11, .asked = 8, .status = TPC_FAILED },
	{ .what = "WUT cut short", .sa = 0x11, .asked = 8, .status = TPC_PARTIAL },
	{ .what = "WUT terminated", .sa = 0x11, .asked = ALL, .status = TPC_TERMINATED },
};

/* The result of way @i, whose list identifier is 100 + @i. */
static void hear(struct initiator *in, unsigned i, struct ended *ret)
{
	*ret = ways[i];
	rrti(in, ways[i].sa & 1, 100 + i, DISK_RRTI_PT_LEN, &ret->q);
	if (!answer_good(ways[i].what, ret->q.answer) || !ret->q.decoded)
		CU_FAIL("there is no result");
}

void ways_to_end(struct ended ret[WAYS_TO_END])
{
	/* All of a token takes 4 s, and more than may be in flight at once. */
	struct bench b =
		bench_start(SIZE, ",odx.token-covers=16M,odx.optimal=16M", ",fault=rate:4M");
	struct tpc_range all = RANGE(0, ALL), more = RANGE(0, ALL + 1), none = RANGE(SIZE / 512, 1);
	struct tpc_range eight = RANGE(64, 8);
	uint8_t token[ROD_TOKEN_LEN], list[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct scsi_cdb abort = { .op = &scsi_ops[CMD_COPY_OPERATION_ABORT], .list_id = 106 };

	CHECK_GOOD(pt(b.in, 0, 100, &all, 1));
	hear(b.in, 0, &ret[0]);
	memcpy(token, ret[0].q.r.token ? ret[0].q.r.token : ret[0].q.data, sizeof(token));
	CHECK_ILLEGAL(pt(b.in, 0, 101, &none, 1), ASC_LBA_OUT_OF_RANGE);
	hear(b.in, 1, &ret[1]);
	CHECK_GOOD(pt(b.in, 0, 102, &more, 1));
	hear(b.in, 2, &ret[2]);
	CHECK_GOOD(wut(b.in, 1, 103, token, 0, &eight, 1));
	hear(b.in, 3, &ret[3]);
	CHECK_ILLEGAL(wut(b.in, 1, 104, token, ALL, &eight, 1),
		      ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	hear(b.in, 4, &ret[4]);
	CHECK_SENSE(wut(b.in, 1, 105, token, ALL - 4, &eight, 1), KEY_COPY_ABORTED,
		    ASC_COPY_TARGET_DATA_UNDERRUN);
	hear(b.in, 5, &ret[5]);
	tpc_wut_encode(list, sizeof(list), true, false, 0, token, &all, 1);
	CHECK_GOOD(send_list(b.in, 1, CMD_WRITE_USING_TOKEN, 106, list, sizeof(list)));
	CHECK_GOOD(command(b.in, 1, &abort, NULL, 0));
	hear(b.in, 6, &ret[6]);
	bench_done(&b);
}

/* ---- a Windows machine ---- */

void win_open(struct win *w, const struct odxd *o, unsigned first,
	      const struct initiator_options *opt)
{
	char err[INITIATOR_ERR] = "";

	*w = (struct win) { .in = login_as(o, opt) };
	for (unsigned i = 0; i < 2; i++) {
		if (disk_open(&w->disk[i], w->in, first + i, &w->host, err) ||
		    !w->disk[i].has_odx) {
			printf("LUN %u: %s%s\n", first + i, err, w->disk[i].why_no_odx);
			CU_FAIL_FATAL("there is no ODX");
		}
		clear_ua(w->in, first + i);
	}
}

void win_close(struct win *w)
{
	initiator_close(w->in);
	w->in = NULL;
}

uint64_t win_sent(const struct win *w, enum scsi_cmd cmd)
{
	struct initiator_counts c = { .other = 0 };

	initiator_add_counts(w->in, &c);
	return c.sent[cmd];
}

bool win_copies(struct win *w, uint64_t offloaded)
{
	struct engine e = { .src = fsctl_lun(&w->disk[0]), .dst = fsctl_lun(&w->disk[1]) };
	uint64_t differs = 0;
	char err[INITIATOR_ERR] = "";

	if (engine_copy(&e, err) || engine_verify(&e, &differs, err)) {
		printf("copying: %s\n", err);
		return false;
	}
	if (differs == STREAM_SAME && e.offloaded + e.copied == e.total &&
	    (offloaded == WIN_ANY || e.offloaded == offloaded))
		return true;
	printf("offloaded %llu bytes and copied %llu of %llu (%s)", (unsigned long long)e.offloaded,
	       (unsigned long long)e.copied, (unsigned long long)e.total, e.fallback);
	if (differs == STREAM_SAME)
		printf("; %llu were to be offloaded\n", (unsigned long long)offloaded);
	else
		printf("; byte %llu differs\n", (unsigned long long)differs);
	return false;
}
