/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMMED=1: wire-format 9.2 numbers 24 and 25 over the wire; copies that outlive their
 * session, and an odxd that ends while some run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#define SIZE (8 * MIB)

static const struct tpc_range all[] = { { 0, SIZE / 512 } };

struct scene {
	struct odxd *o;
	struct initiator *in;
	const char *dst;
	uint8_t token[ROD_TOKEN_LEN];
};

/* LUN 1 takes 4 MiB in a second: all of it 2 s. */
static struct scene scene(void)
{
	const char *src = make_filled("src", SIZE, 1);
	struct scene s = { .dst = make_filled("dst", SIZE, 2) };
	char spec[512];

	snprintf(spec, sizeof(spec), "%s,fault=rate:4M", s.dst);
	s.o = ODXD("--lun", src, "--lun", spec);
	s.in = login_clear(s.o, 2);
	CU_ASSERT(take_token(s.in, 0, 1, all, 1, s.token));
	return s;
}

static struct answer wut_immed(struct scene *s, uint32_t id)
{
	uint8_t list[TPC_WUT_HEADER + TPC_RANGE_LEN];

	tpc_wut_encode(list, sizeof(list), true, false, 0, s->token, all, 1);
	return send_list(s->in, 1, CMD_WRITE_USING_TOKEN, id, list, sizeof(list));
}

static struct answer abort_copy(struct initiator *in, unsigned lun, uint32_t id)
{
	struct scsi_cdb c = { .op = &scsi_ops[CMD_COPY_OPERATION_ABORT], .list_id = id };

	return command(in, lun, &c, NULL, 0);
}

static void no_24(void)
{
	struct scene s = scene();
	double begun = seconds_now();
	uint64_t last = 0, grew = 0;
	struct rrti q;

	CHECK_GOOD(wut_immed(&s, 7));
	CU_ASSERT(seconds_now() - begun < 1);
	rrti(s.in, 1, 7, RRTI_ALL, &q);
	CU_ASSERT_EQUAL(q.r.status, TPC_BACKGROUND);
	CU_ASSERT_EQUAL(q.r.delay_ms, 500);
	for (;;) {
		usleep(50000);
		rrti(s.in, 1, 7, RRTI_ALL, &q);
		CHECK_GOOD(q.answer);
		if (q.r.status != TPC_BACKGROUND)
			break;
		CU_ASSERT(q.r.count >= last);
		grew += q.r.count > last;
		last = q.r.count;
	}
	CU_ASSERT(grew >= 3);
	CU_ASSERT(rrti_is(s.in, 1, 7, 0x11, TPC_DONE, SIZE / 512));
	CU_ASSERT(file_is(s.dst, 0, SIZE, 0, 1));
	/* Once more, and it is ended: nothing is written after the answer. */
	CHECK_GOOD(wut_immed(&s, 8));
	usleep(300000);
	CHECK_GOOD(abort_copy(s.in, 1, 8));
	rrti(s.in, 1, 8, RRTI_ALL, &q);
	CU_ASSERT_EQUAL(q.r.status, TPC_TERMINATED);
	CU_ASSERT_EQUAL(q.r.completion, SAM_TASK_ABORTED);
	CHECK_ILLEGAL(abort_copy(s.in, 1, 8), ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT(answer_cdb_ptr("COA", abort_copy(s.in, 1, 9), 2));
	initiator_close(s.in);
	odxd_stop(s.o);
}

static void no_25(void)
{
	struct scene s = scene();
	uint64_t sum;
	struct rrti q;

	CHECK_GOOD(wut_immed(&s, 7));
	usleep(300000);
	CU_ASSERT_EQUAL(initiator_lun_reset(s.in, 1), 0);
	sum = file_sum(s.dst);
	clear_ua(s.in, 1);
	rrti(s.in, 1, 7, RRTI_ALL, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	usleep(500000);
	CU_ASSERT_EQUAL(file_sum(s.dst), sum);
	/* The token is as good as before. */
	CHECK_GOOD(wut(s.in, 1, 7, s.token, 0, all, 1));
	CU_ASSERT(file_is(s.dst, 0, SIZE, 0, 1));
	initiator_close(s.in);
	odxd_stop(s.o);
}

static void outlives_its_session(void)
{
	struct scene s = scene();
	struct rrti q;

	CHECK_GOOD(wut_immed(&s, 7));
	usleep(200000);
	initiator_close(s.in);
	s.in = login_clear(s.o, 2);
	rrti(s.in, 1, 7, RRTI_ALL, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	for (unsigned i = 0; i < 100 && odxd_counter(s.o, 1, "bytes_offloaded") < SIZE; i++)
		usleep(100000);
	CU_ASSERT_EQUAL(odxd_counter(s.o, 1, "bytes_offloaded"), SIZE);
	CU_ASSERT(file_is(s.dst, 0, SIZE, 0, 1));
	initiator_close(s.in);
	odxd_stop(s.o);
}

static void ends_with_odxd(void)
{
	struct scene s = scene();
	double begun;

	for (uint32_t id = 1; id <= 8; id++)
		CHECK_GOOD(wut_immed(&s, id));
	CHECK_SENSE(wut_immed(&s, 9), KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);
	usleep(100000);
	initiator_close(s.in);
	begun = seconds_now();
	odxd_stop(s.o); /* cleanly, and not after all they had to write */
	CU_ASSERT(seconds_now() - begun < 10);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "IMMED=1: 12h, growing counts, 01h; COPY OPERATION ABORT: 60h (9.2 no. 24)",
		  no_24 },
		{ "LUN RESET during a background WUT (9.2 no. 25)", no_25 },
		{ "a background copy outlives its session, its result does not",
		  outlives_its_session },
		{ "as many as allowed and one more; odxd ends cleanly with them", ends_with_odxd },
		TEST_END
	};

	return test_main(argc, argv, "e2e-background", tests);
}
