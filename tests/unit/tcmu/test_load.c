/* SPDX-License-Identifier: Apache-2.0 */
/* handler_odx.so under load: many commands, devices that come and go. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

#define COMMANDS 5000u
#define PER_CMD	 8u    /* blocks */
#define READS_AT 0u    /* blocks of which block n is filled with n % 251 */
#define READS	 4096u /* so many */
#define OTHERS	 READS /* from here on WRITE and WRITE USING TOKEN have their own blocks */

/* One of the many: its data and what it must find. */
struct one {
	struct fake_cmd f;
	struct iovec iov;
	enum { DO_READ, DO_WRITE, DO_INQUIRY, DO_PT, DO_WUT, DO_RRTI, KINDS } what;
	uint64_t lba;
	uint8_t data[PER_CMD * 512];
};

static uint8_t mark_of(uint64_t block)
{
	return (uint8_t)(block % 251);
}

static void write_marks(struct tcmu_device *dev)
{
	static uint8_t data[512 * 512];

	for (uint64_t lba = READS_AT; lba < READS_AT + READS; lba += 512) {
		struct scsi_cdb cdb = rig_rw(CMD_WRITE_16, lba, 512);

		for (unsigned i = 0; i < 512; i++)
			memset(data + (size_t)i * 512, mark_of(lba + i), 512);
		CU_ASSERT_EQUAL(rig_run(dev, &cdb, data, sizeof(data)), 0);
	}
}

static void prepare(struct one *o, unsigned n, const uint8_t token[ROD_TOKEN_LEN])
{
	uint64_t own = OTHERS + (uint64_t)(n / KINDS) * 2 * PER_CMD;
	struct scsi_cdb cdb = rig_cdb(CMD_INQUIRY);
	size_t len = sizeof(o->data);

	o->what = n % KINDS;
	memset(o->data, 0xdd, sizeof(o->data));
	switch (o->what) {
	case DO_READ:
		o->lba = READS_AT + (n * 7) % (READS - PER_CMD);
		cdb = rig_rw(CMD_READ_16, o->lba, PER_CMD);
		break;
	case DO_WRITE:
		o->lba = own;
		cdb = rig_rw(CMD_WRITE_16, o->lba, PER_CMD);
		memset(o->data, n % 255 + 1, sizeof(o->data));
		break;
	case DO_WUT:
		o->lba = own + PER_CMD;
		rig_wut(&cdb, o->data, 100000 + n, token, o->lba, PER_CMD);
		len = RIG_WUT_LEN;
		break;
	case DO_PT:
		rig_pt(&cdb, o->data, 200000 + n, READS_AT + n % 1000, PER_CMD);
		len = RIG_PT_LEN;
		break;
	case DO_RRTI: /* of the one token that was asked for before */
		cdb = rig_cdb(CMD_RECEIVE_ROD_TOKEN_INFORMATION);
		cdb.list_id = 1;
		cdb.len = RIG_RRTI_LEN;
		break;
	default:
		cdb.len = 255;
		cdb.evpd = true;
		cdb.page = 0x80;
	}
	scsi_cdb_encode(&cdb, o->f.cdb);
	o->iov = (struct iovec) { o->data, len };
	o->f.iov = &o->iov;
	o->f.niov = 1;
}

static bool right(const struct one *o, const uint8_t token[ROD_TOKEN_LEN])
{
	struct tpc_result res;

	if (rig_kcq(&o->f) != 0)
		return false;
	switch (o->what) {
	case DO_READ:
		for (unsigned i = 0; i < sizeof(o->data); i++)
			if (o->data[i] != mark_of(o->lba + i / 512))
				return false;
		return true;
	case DO_INQUIRY:
		return memcmp(o->data + 4, RIG_SERIAL, strlen(RIG_SERIAL)) == 0;
	case DO_RRTI:
		return tpc_result_decode(o->data, RIG_RRTI_LEN, &res) && res.token &&
		       memcmp(res.token, token, ROD_TOKEN_LEN) == 0;
	default:
		return true;
	}
}

static void storm(bool lazy)
{
	struct tcmu_device *dev = rig_open("storm", ";odx.results=5000;odx.deadline=300s");
	struct one *all = calloc(COMMANDS, sizeof(*all));
	uint8_t token[ROD_TOKEN_LEN];
	unsigned bad = 0, written = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	write_marks(dev);
	rig_token(dev, 1, READS_AT + 40, PER_CMD, token);
	if (lazy)
		fake_lazy(dev, true);
	else
		fake_gate(dev, true);
	for (unsigned n = 0; n < COMMANDS; n++) {
		prepare(&all[n], n, token);
		fake_submit(dev, &all[n].f);
	}
	fake_drain(dev);
	if (!lazy)
		CU_ASSERT_TRUE(fake_running(dev) > COMMANDS - 10);
	fake_gate(dev, false);
	for (unsigned n = 0; n < COMMANDS; n++) {
		fake_wait(dev, &all[n].f);
		bad += !right(&all[n], token);
	}
	CU_ASSERT_EQUAL(bad, 0);
	fake_lazy(dev, false);
	for (unsigned n = 0; n < COMMANDS; n++) {
		if (all[n].what == DO_WRITE)
			written += rig_holds(dev, all[n].lba, PER_CMD, (uint8_t)(n % 255 + 1));
		for (unsigned b = 0; all[n].what == DO_WUT && b < PER_CMD; b++)
			written += rig_holds(dev, all[n].lba + b, 1, mark_of(40 + b));
	}
	CU_ASSERT_EQUAL(written, (COMMANDS + 4) / KINDS + (COMMANDS + 1) / KINDS * PER_CMD);
	fake_remove(dev);
	free(all);
}

static void five_thousand(void)
{
	storm(false);
}

static void overtaken(void)
{
	storm(true);
}

static void between_devices(void)
{
	struct tcmu_device *a = rig_open("a", ""), *b = rig_open("b", "");
	uint8_t token[ROD_TOKEN_LEN];

	rig_fill(a, 0, 64, 0xa1);
	rig_token(a, 9, 0, 64, token);
	CU_ASSERT_EQUAL(rig_write_token(b, 9, token, 1000, 64), 0);
	CU_ASSERT_TRUE(rig_holds(b, 1000, 64, 0xa1));
	/* The source goes: its tokens are cancelled, the other device goes on. */
	fake_remove(a);
	CU_ASSERT_EQUAL(rig_write_token(b, 10, token, 2000, 64), 0x52308);
	/* And after everything has gone they are unknown. */
	fake_remove(b);
	b = rig_open("b", "");
	CU_ASSERT_EQUAL(rig_write_token(b, 10, token, 2000, 64), 0x52304);
	CU_ASSERT_TRUE(rig_holds(b, 1000, 64, 0xa1));
	fake_remove(b);
}

/* A thread of the kernel's, which lends them to io_uring for a while. */
static bool lent(const char *tid)
{
	char path[300], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%s/comm", tid);
	f = fopen(path, "r");
	if (!f)
		return true; /* gone meanwhile */
	if (!fgets(name, sizeof(name), f))
		name[0] = '\0';
	fclose(f);
	return strncmp(name, "iou-", 4) == 0;
}

struct held {
	unsigned files, threads;
};

static struct held count_held(void)
{
	struct held h = { 0 };
	struct dirent *e;
	DIR *d = opendir("/proc/self/fd");

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	while (readdir(d))
		h.files++;
	closedir(d);
	d = opendir("/proc/self/task");
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	while ((e = readdir(d)))
		h.threads += e->d_name[0] != '.' && !lent(e->d_name);
	closedir(d);
	return h;
}

/* What has ended may be seen in /proc a moment longer. */
static bool back_to(struct held want)
{
	for (unsigned tries = 0; tries < 200; tries++) {
		struct held now = count_held();

		if (now.files == want.files && now.threads == want.threads)
			return true;
		usleep(10000);
	}
	return false;
}

static void thousand_cycles(void)
{
	struct tcmu_device *stays = rig_open("stays", ""), *dev;
	struct held before;

	dev = rig_open("cycle", "");
	fake_remove(dev);
	before = count_held();
	for (unsigned i = 0; i < 800; i++) {
		uint8_t token[ROD_TOKEN_LEN];

		dev = rig_open("cycle", "");
		if (i % 10 == 0) {
			rig_token(dev, i, 0, 8, token);
			CU_ASSERT_EQUAL(rig_write_token(stays, i, token, 0, 8), 0);
		}
		fake_remove(dev);
	}
	CU_ASSERT_TRUE(back_to(before));
	fake_remove(stays);
	/* Now the reactor comes and goes as well. */
	before = count_held();
	for (unsigned i = 0; i < 200; i++) {
		dev = rig_open("cycle", "");
		rig_fill(dev, 0, 1, (uint8_t)i);
		fake_remove(dev);
	}
	CU_ASSERT_TRUE(back_to(before));
}

#define SLOW ";fault=write-delay:30+read-delay:30"

static void close_while_running(void)
{
	struct tcmu_device *a = rig_open("slow-a", SLOW), *b = rig_open("slow-b", SLOW);
	static struct one all[200];
	uint8_t token[ROD_TOKEN_LEN], pl[RIG_WUT_LEN];
	struct iovec iov = { pl, sizeof(pl) };
	struct fake_cmd copy = { .iov = &iov, .niov = 1 };
	struct scsi_cdb cdb;
	unsigned end;

	/* Data, not a hole: that would be zeroed at once. */
	rig_fill(a, 0, RIG_BLOCKS / 2, 0x33);
	rig_token(a, 1, 0, RIG_BLOCKS / 2, token);
	rig_wut(&cdb, pl, 2, token, 0, RIG_BLOCKS / 2);
	scsi_cdb_encode(&cdb, copy.cdb);
	fake_submit(b, &copy);
	for (unsigned n = 0; n < 200; n++) {
		all[n].iov = (struct iovec) { all[n].data, sizeof(all[n].data) };
		all[n].f.iov = &all[n].iov;
		all[n].f.niov = 1;
		cdb = rig_rw(n % 2 ? CMD_READ_16 : CMD_WRITE_16, RIG_BLOCKS / 2 + n * PER_CMD,
			     PER_CMD);
		scsi_cdb_encode(&cdb, all[n].f.cdb);
		fake_submit(a, &all[n].f);
	}
	fake_drain(b);
	/* The source of a running copy: what is still to be read of it is lost. */
	fake_close_now(a);
	for (unsigned n = 0; n < 200; n++)
		CU_ASSERT_EQUAL(rig_kcq(&all[n].f), 0);
	fake_wait(b, &copy);
	end = rig_kcq(&copy);
	CU_ASSERT_TRUE(end == 0xa0d04 || end == 0x52308);
	/* And its destination. */
	a = rig_open("slow-a", SLOW);
	rig_token(a, 1, 0, RIG_BLOCKS / 2, token);
	rig_wut(&cdb, pl, 3, token, 0, RIG_BLOCKS / 2);
	scsi_cdb_encode(&cdb, copy.cdb);
	fake_submit(b, &copy);
	fake_drain(b);
	fake_close_now(b);
	CU_ASSERT_EQUAL(rig_kcq(&copy), 0);
	fake_remove(a);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "5,000 commands of all kinds in flight, every byte right", five_thousand },
		{ "the same when completions overtake the worker", overtaken },
		{ "a token works on the runner's other devices while its own is there",
		  between_devices },
		{ "1,000 devices come and go, no file and no thread is left", thousand_cycles },
		{ "close waits for the commands, also of a copy from or to it",
		  close_while_running },
		TEST_END,
	};
	int status;

	rig_init();
	status = test_main(argc, argv, "tcmu_load", tests);
	rig_done();
	return status;
}
