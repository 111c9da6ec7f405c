/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations between two hosts, over restarts of odxd, and over its being killed;
 * removable LUNs and LUNs that grow, as an initiator sees them.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "pr.h"

static const struct initiator_options host_a = { .name = "iqn.2001-04.com.example:a", .isid = 1 };
static const struct initiator_options host_b = { .name = "iqn.2001-04.com.example:b", .isid = 1 };

/* A session of that host, its unit attentions taken. */
static struct initiator *host(const struct odxd *o, const struct initiator_options *opt)
{
	struct initiator *in = login_as(o, opt);

	clear_ua(in, 0);
	return in;
}

static bool conflicts(struct answer a)
{
	return a.error == 0 && a.status == SAM_RESERVATION_CONFLICT && a.sense_len == 0;
}

static struct answer transfer(struct initiator *in, enum scsi_cmd cmd)
{
	static uint8_t block[512];

	return media(in, 0, cmd, 7, 1, block, sizeof(block));
}

static bool held_by(struct initiator *in, uint8_t type, uint64_t key)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_PR_IN_READ_RESERVATION], .len = 64 };
	uint8_t data[64], got = 0xff;
	uint64_t got_key = 0;
	struct answer a = command(in, 0, &cdb, data, sizeof(data));

	return answer_good("READ RESERVATION", a) &&
	       pr_reservation_decode(data, a.in_len, &got, &got_key) && got == type &&
	       got_key == key;
}

static void two_hosts(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=16M");
	struct initiator *a = host(o, &host_a), *b = host(o, &host_b);

	CHECK_GOOD(pr_out(a, 0, CMD_PR_OUT_REGISTER, 0, 0xa, 0, false));
	CHECK_GOOD(pr_out(a, 0, CMD_PR_OUT_RESERVE, 0xa, 0, PR_WRITE_EXCLUSIVE, false));
	CHECK_GOOD(transfer(a, CMD_WRITE_10));
	CHECK_GOOD(transfer(b, CMD_READ_10));
	CU_ASSERT(conflicts(transfer(b, CMD_WRITE_10)));
	CU_ASSERT(conflicts(pr_out(b, 0, CMD_PR_OUT_RESERVE, 0, 0, PR_WRITE_EXCLUSIVE, false)));
	/* without a place to keep it */
	CHECK_ILLEGAL(pr_out(b, 0, CMD_PR_OUT_REGISTER, 0, 0xb, 0, true),
		      ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CHECK_GOOD(pr_out(b, 0, CMD_PR_OUT_REGISTER, 0, 0xb, 0, false));
	CHECK_GOOD(
		pr_out(b, 0, CMD_PR_OUT_PREEMPT_AND_ABORT, 0xb, 0xa, PR_EXCLUSIVE_ACCESS, false));
	CHECK_SENSE(tur(a, 0), KEY_UNIT_ATTENTION, ASC_REGISTRATIONS_PREEMPTED);
	CU_ASSERT(conflicts(transfer(a, CMD_READ_10)));
	CHECK_GOOD(transfer(b, CMD_WRITE_10));
	/* the host goes away without a word, and comes back */
	initiator_drop(b);
	CU_ASSERT(conflicts(transfer(a, CMD_READ_10)));
	b = host(o, &host_b);
	CHECK_GOOD(transfer(b, CMD_WRITE_10));
	CHECK_GOOD(pr_out(b, 0, CMD_PR_OUT_CLEAR, 0xb, 0, 0, false));
	CHECK_GOOD(transfer(a, CMD_WRITE_10));
	initiator_close(a);
	initiator_close(b);
	odxd_stop(o);
}

/* A LUN and a directory for its state; the same after a restart. */
static struct odxd *start_with_state(const char *disk)
{
	const char *dir = tmp_path("state");
	char text[1024];
	struct run r = RUN("mkdir", "-p", dir);

	run_done(&r);
	snprintf(text, sizeof(text),
		 "target \"" ODXD_IQN "\" { state-dir = \"%s\" lun 0 { path = \"%s\" } }\n", dir,
		 disk);
	return ODXD("-c", make_text("state.conf", text));
}

static void outlives_odxd(bool killed)
{
	const char *disk = make_file(killed ? "killed.img" : "ended.img", 16 * MIB);
	struct odxd *o = start_with_state(disk);
	struct initiator *a = host(o, &host_a), *b = host(o, &host_b);

	CHECK_GOOD(pr_out(a, 0, CMD_PR_OUT_REGISTER, 0, 0xaaaa, 0, true));
	CHECK_GOOD(pr_out(a, 0, CMD_PR_OUT_RESERVE, 0xaaaa, 0, PR_WRITE_EXCLUSIVE, false));
	CU_ASSERT(conflicts(transfer(b, CMD_WRITE_10)));
	if (killed)
		odxd_kill(o); /* at once: GOOD meant that it is on the disk */
	initiator_drop(a);
	initiator_drop(b);
	odxd_stop(o); /* nothing, if it was killed */
	o = start_with_state(disk);
	a = host(o, &host_a);
	b = host(o, &host_b);
	CU_ASSERT(held_by(b, PR_WRITE_EXCLUSIVE, 0xaaaa));
	CU_ASSERT(conflicts(transfer(b, CMD_WRITE_10)));
	CHECK_GOOD(transfer(a, CMD_WRITE_10));
	CHECK_GOOD(pr_out(a, 0, CMD_PR_OUT_CLEAR, 0xaaaa, 0, 0, false));
	initiator_close(a);
	initiator_close(b);
	odxd_stop(o);
	o = start_with_state(disk);
	b = host(o, &host_b);
	CHECK_GOOD(transfer(b, CMD_WRITE_10));
	CU_ASSERT(held_by(b, PR_NONE, 0));
	initiator_close(b);
	odxd_stop(o);
}

static void restart(void)
{
	outlives_odxd(false);
}

static void killed(void)
{
	outlives_odxd(true);
}

static void damaged_state(void)
{
	const char *disk = make_file("damaged.img", 16 * MIB);
	struct odxd *o = start_with_state(disk);
	struct initiator *a = host(o, &host_a);
	struct run r;
	char script[600];

	CHECK_GOOD(pr_out(a, 0, CMD_PR_OUT_REGISTER, 0, 0xaaaa, 0, true));
	initiator_close(a);
	odxd_stop(o);
	snprintf(script, sizeof(script), "for f in %s/*.json; do echo x > $f; done",
		 tmp_path("state"));
	r = RUN("sh", "-c", script);
	CU_ASSERT_EQUAL(r.status, 0);
	run_done(&r);
	r = RUN(program("ODXD"), "--portal", "127.0.0.1:0", "-c", tmp_path("state.conf"));
	CU_ASSERT_EQUAL(r.status, 1);
	CU_ASSERT_EQUAL(r.err_lines, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.err, "reservations-"));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.err, "remove it"));
	run_done(&r);
	snprintf(script, sizeof(script), "rm %s/*.json", tmp_path("state"));
	r = RUN("sh", "-c", script);
	run_done(&r);
	odxd_stop(start_with_state(disk));
}

/* ---- media ---- */

static struct answer start_stop(struct initiator *in, bool start)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_START_STOP_UNIT],
				.loej = true,
				.start = start };

	return command(in, 0, &cdb, NULL, 0);
}

static struct answer prevent(struct initiator *in, uint8_t how)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_PREVENT_ALLOW], .prevent = how };

	return command(in, 0, &cdb, NULL, 0);
}

static void removable(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=16M,removable");
	struct initiator *a = host(o, &host_a), *b = host(o, &host_b);

	CHECK_GOOD(prevent(a, 1));
	CHECK_ILLEGAL(start_stop(b, false), ASC_MEDIUM_REMOVAL_PREVENTED);
	initiator_drop(a); /* and with it what it prevented */
	a = host(o, &host_a);
	CHECK_GOOD(start_stop(b, false));
	CHECK_SENSE(transfer(a, CMD_READ_10), KEY_NOT_READY, ASC_MEDIUM_NOT_PRESENT_TRAY_OPEN);
	CHECK_GOOD(start_stop(b, true));
	CHECK_SENSE(tur(a, 0), KEY_UNIT_ATTENTION, ASC_MEDIUM_MAY_HAVE_CHANGED);
	CHECK_GOOD(transfer(a, CMD_READ_10));
	CHECK_GOOD(transfer(b, CMD_READ_10));
	initiator_close(a);
	initiator_close(b);
	odxd_stop(o);
}

static void grows(void)
{
	const char *disk = make_file("grows.img", 16 * MIB);
	struct odxd *o = ODXD("--lun", disk);
	struct initiator *a = host(o, &host_a);
	double end = seconds_now() + 10;
	struct capacity cap = { 0 };
	struct answer t;

	CU_ASSERT_EQUAL(truncate(disk, 32 * MIB), 0);
	while ((t = tur(a, 0)).status == SAM_GOOD && seconds_now() < end)
		usleep(50000);
	CHECK_SENSE(t, KEY_UNIT_ATTENTION, ASC_CAPACITY_CHANGED);
	CHECK_GOOD(read_capacity(a, 0, &cap));
	CU_ASSERT_EQUAL(cap.blocks, 32 * MIB / 512);
	CU_ASSERT(write_pattern(a, 0, 512, 31 * MIB, 64 * KIB, 0, 5));
	CU_ASSERT(lun_is(a, 0, 512, 31 * MIB, 64 * KIB, 0, 5));
	initiator_close(a);
	odxd_stop(o);
	CU_ASSERT(file_is(disk, 31 * MIB, 64 * KIB, 0, 5));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a host's reservation stops another host, until it is preempted", two_hosts },
		{ "APTPL: a reservation outlives a restart of odxd", restart },
		{ "APTPL: and its being killed right after GOOD", killed },
		{ "a damaged state file keeps odxd from starting", damaged_state },
		{ "a removable LUN: held, ejected, loaded", removable },
		{ "a LUN grows with its file while it is served", grows },
		TEST_END
	};

	return test_main(argc, argv, "e2e-reservations", tests);
}
