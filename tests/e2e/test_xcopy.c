/* SPDX-License-Identifier: Apache-2.0 */
/* EXTENDED COPY over the wire, from sessions of our own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "xcopy.h"

#define SIZE (16 * MIB)
#define LIST 256

/* The NAA designator of a LUN, from its VPD page 83h. */
static struct xcopy_cscd cscd(struct initiator *in, unsigned lun, uint8_t page[255])
{
	struct vpd_designator d;
	size_t pos = 4;
	struct answer a = inquiry(in, lun, true, 0x83, page, 255);

	CHECK_GOOD(a);
	while (vpd_83_next(page, a.in_len, &pos, &d))
		if (d.association == 0 && d.type == 3)
			return (struct xcopy_cscd) { .code_set = d.code_set,
						     .designator_type = d.type,
						     .designator_len = d.len,
						     .designator = d.id };
	CU_FAIL("no NAA designator");
	return (struct xcopy_cscd) { .designator = page };
}

struct copy {
	uint8_t list[LIST];
	struct scsi_cdb cdb;
	struct initiator_cmd cmd;
};

/* One segment from LUN 0 to LUN 1. */
static void make(struct copy *c, struct initiator *in, const struct xcopy_list *head, uint64_t from,
		 uint64_t to, uint16_t n)
{
	uint8_t pages[2][255];
	struct xcopy_cscd cscds[2] = { cscd(in, 0, pages[0]), cscd(in, 1, pages[1]) };
	struct xcopy_segment seg = { .type = XCOPY_BLOCKS,
				     .src = head->lid4,
				     .dst = head->lid4 + 1,
				     .src_lba = from,
				     .dst_lba = to,
				     .count = n };

	c->cdb = (struct scsi_cdb) {
		.op = &scsi_ops[head->lid4 ? CMD_EXTENDED_COPY_LID4 : CMD_EXTENDED_COPY_LID1]
	};
	c->cdb.len = (uint32_t)xcopy_encode(c->list, LIST, head, cscds, 2, &seg, 1);
	c->cmd = initiator_cmd(&c->cdb, c->list, c->cdb.len);
}

static struct answer run_copy(struct initiator *in, struct copy *c)
{
	return command(in, 1, &c->cdb, c->list, c->cdb.len);
}

static void both_formats(void)
{
	struct bench b = bench_start(SIZE, "", "");
	struct xcopy_list head = { .list_id = 7 };
	struct copy c;

	make(&c, b.in, &head, 1000, 5000, 3000);
	CHECK_GOOD(run_copy(b.in, &c));
	CU_ASSERT(file_is(b.dst, 5000 * 512, 3000 * 512, 1000 * 512, 1));
	CU_ASSERT(file_is(b.dst, 0, 5000 * 512, 0, 2));
	head = (struct xcopy_list) { .lid4 = true, .list_id = 0x01020304 };
	make(&c, b.in, &head, 0, 20000, 1000);
	CHECK_GOOD(run_copy(b.in, &c));
	CU_ASSERT(file_is(b.dst, 20000 * 512, 1000 * 512, 0, 1));
	CU_ASSERT(file_is(b.dst, 21000 * 512, MIB, 21000 * 512, 2));
	CU_ASSERT_EQUAL(odxd_counter(b.o, 1, "extended_copies"), 2);
	bench_done(&b);
}

/* As qemu-img -C does it, on a disk that takes its time. */
static void eight_in_flight(void)
{
	struct bench b = bench_start(SIZE, "", ",fault=rate:16M");
	struct xcopy_list head = { .list_id = 1, .usage = XCOPY_DISCARD };
	static struct copy c[8];

	for (unsigned i = 0; i < 8; i++) {
		make(&c[i], b.in, &head, i * 4096, i * 4096, 4096);
		initiator_submit(b.in, 1, &c[i].cmd);
	}
	for (unsigned i = 0; i < 8; i++) {
		initiator_wait(b.in, &c[i].cmd);
		CHECK_GOOD(answer_of(&c[i].cmd));
	}
	CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 1));
	CU_ASSERT_EQUAL(odxd_counter(b.o, 1, "bytes_xcopied"), SIZE);
	bench_done(&b);
}

/* No 4 s here: a segment takes as long as it takes, and can be ended. */
static void ended_by_another_command(void)
{
	struct bench b = bench_start(SIZE, "", ",fault=rate:4M");
	struct xcopy_list head = { .list_id = 5 };
	struct scsi_cdb coa = { .op = &scsi_ops[CMD_COPY_OPERATION_ABORT], .list_id = 5 };
	struct copy c;

	make(&c, b.in, &head, 0, 0, 32768);
	initiator_submit(b.in, 1, &c.cmd);
	for (double end = seconds_now() + 0.3; seconds_now() < end;)
		initiator_poll(&b.in, 1, 50);
	CU_ASSERT(c.cmd.busy);
	CHECK_GOOD(command(b.in, 1, &coa, NULL, 0));
	initiator_wait(b.in, &c.cmd);
	CHECK_SENSE(answer_of(&c.cmd), KEY_COPY_ABORTED, ASC_COMMANDS_CLEARED_BY_SERVER);
	CU_ASSERT(file_is(b.dst, 12 * MIB, 4 * MIB, 12 * MIB, 2));
	bench_done(&b);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "EXTENDED COPY with either length of identifier", both_formats },
		{ "eight in flight with one identifier", eight_in_flight },
		{ "COPY OPERATION ABORT of a long one", ended_by_another_command },
		TEST_END
	};

	return test_main(argc, argv, "e2e-xcopy", tests);
}
