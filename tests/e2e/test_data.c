/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that several sessions send for the same blocks. */
#include <pthread.h>
#include <string.h>

#include "bytes.h"
#include "client.h"

#define ROUNDS 200

/* One session that counts: reads the counter and puts one more in its place. */
struct counter {
	struct initiator *in;
	unsigned lost;	 /* races lost to the other: tried again */
	unsigned errors; /* anything else */
};

static void *count(void *arg)
{
	struct counter *c = arg;
	struct scsi_cdb cw = { .op = &scsi_ops[CMD_COMPARE_AND_WRITE], .lba = 8, .blocks = 1 };
	uint8_t data[2 * 512];

	for (unsigned done = 0; done < ROUNDS && c->errors == 0;) {
		struct answer a = media(c->in, 0, CMD_READ_16, 8, 1, data, 512);

		c->errors += a.error != 0 || a.status != SAM_GOOD;
		memcpy(data + 512, data, 512);
		put_be32(data + 512, get_be32(data) + 1);
		a = command(c->in, 0, &cw, data, sizeof(data));
		if (a.error == 0 && a.status == SAM_GOOD)
			done++;
		else if (a.error == 0 && a.sense.key == KEY_MISCOMPARE)
			c->lost++;
		else
			c->errors++;
	}
	return NULL;
}

static void no_update_is_lost(void)
{
	struct bench b = bench_start(MIB, "", NULL);
	struct counter c[2] = { { .in = b.in }, { .in = login_clear(b.o, 1) } };
	pthread_t threads[2];
	uint8_t block[512] = { 0 };

	CHECK_GOOD(media(b.in, 0, CMD_WRITE_16, 8, 1, block, 512));
	for (unsigned i = 0; i < 2; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, count, &c[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(c[0].errors, 0);
	CU_ASSERT_EQUAL(c[1].errors, 0);
	CHECK_GOOD(media(b.in, 0, CMD_READ_16, 8, 1, block, 512));
	CU_ASSERT_EQUAL(get_be32(block), 2 * ROUNDS);
	initiator_close(c[1].in);
	initiator_close(b.in);
	odxd_stop(b.o);
}

static void data_of_a_wrong_length_is_refused(void)
{
	struct bench b = bench_start(MIB, "", NULL);
	struct scsi_cdb cw = { .op = &scsi_ops[CMD_COMPARE_AND_WRITE], .blocks = 1 };
	uint8_t data[4 * 512] = { 0 };

	CHECK_ILLEGAL(command(b.in, 0, &cw, data, 512), ASC_INVALID_FIELD_IN_COMMAND_IU);
	CHECK_ILLEGAL(command(b.in, 0, &cw, data, 2048), ASC_INVALID_FIELD_IN_COMMAND_IU);
	cw.blocks = 0;
	CHECK_ILLEGAL(command(b.in, 0, &cw, data, 1024), ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT_TRUE(lun_is(b.in, 0, 512, 0, MIB, 0, 1));
	initiator_close(b.in);
	odxd_stop(b.o);
}

/* Its initiator is gone while it runs; the next one finds it running, then done. */
static void a_sanitize_outlives_its_session(void)
{
	struct odxd *o = ODXD("--lun", "mem:,size=4M,fault=rate:2M");
	struct initiator *in = login_clear(o, 1);
	struct scsi_cdb so = { .op = &scsi_ops[CMD_SANITIZE_OVERWRITE], .immed = true, .len = 5 };
	uint8_t list[5] = { 1, 0, 0, 1, 0x5a }, block[512];
	double until = seconds_now() + 20;
	struct answer a;

	CHECK_GOOD(command(in, 0, &so, list, sizeof(list)));
	CHECK_SENSE(tur(in, 0), KEY_NOT_READY, ASC_SANITIZE_IN_PROGRESS);
	initiator_close(in);
	in = login_clear(o, 1);
	CHECK_SENSE(tur(in, 0), KEY_NOT_READY, ASC_SANITIZE_IN_PROGRESS);
	do
		a = tur(in, 0);
	while (a.status != SAM_GOOD && seconds_now() < until);
	CHECK_GOOD(media(in, 0, CMD_READ_16, 8191, 1, block, 512));
	CU_ASSERT(block[0] == 0x5a && block[511] == 0x5a);
	initiator_close(in);
	odxd_stop(o);
}

static void a_target_that_stops_ends_a_sanitize(void)
{
	struct odxd *o = ODXD("--lun", "mem:,size=4M,fault=rate:256K");
	struct initiator *in = login_clear(o, 1);
	struct scsi_cdb so = { .op = &scsi_ops[CMD_SANITIZE_OVERWRITE], .immed = true, .len = 5 };
	uint8_t list[5] = { 1, 0, 0, 1, 0x5a };
	double from;

	CHECK_GOOD(command(in, 0, &so, list, sizeof(list)));
	initiator_close(in);
	from = seconds_now();
	odxd_stop(o); /* it says in the log that the medium is not sanitized */
	CU_ASSERT(seconds_now() - from < 10); /* of 16 s that all of it would take */
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "COMPARE AND WRITE: two sessions count together, no update is lost",
		  no_update_is_lost },
		{ "COMPARE AND WRITE: data of a wrong length is refused",
		  data_of_a_wrong_length_is_refused },
		{ "SANITIZE outlives its session", a_sanitize_outlives_its_session },
		{ "a target that stops ends a SANITIZE", a_target_that_stops_ends_a_sanitize },
		TEST_END,
	};

	return test_main(argc, argv, "e2e/data", tests);
}
