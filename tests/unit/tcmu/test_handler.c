/* SPDX-License-Identifier: Apache-2.0 */
/* handler_odx.so: registration, configuration, identity, sizes, single commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inquiry.h"
#include "rig.h"

static void registered(void)
{
	static const char zeros[sizeof(rig_handler->zero) + sizeof(rig_handler->later)];

	CU_ASSERT_STRING_EQUAL(rig_handler->subtype, "odx");
	CU_ASSERT_EQUAL(rig_handler->nr_threads, 1);
	CU_ASSERT_PTR_NOT_NULL(rig_handler->handle_cmd);
	CU_ASSERT_EQUAL(memcmp(rig_handler->zero, zeros, sizeof(zeros)), 0);
}

static void make_file(const char *name, uint64_t size)
{
	FILE *f = fopen(rig_path(name), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(ftruncate(fileno(f), (off_t)size), 0);
	fclose(f);
}

static void refusals_before(void)
{
	static const struct {
		const char *file, *options, *says; /* NULL file: options is all of it */
	} cases[] = {
		{ "new", "", NULL },
		{ "new", ";block-size=4096;direct;odx.max-ranges=8", NULL },
		{ "there", "", NULL },
		{ "semi\\;colon", ";direct", NULL },
		{ NULL, "odx/mem:x", NULL },
		{ "new", ";block-size=1000", "512 or 4096" },
		{ "new", ";colour=red", "unknown option" },
		{ "new", ";serial=abc", "wwn=" },
		{ "new", ";odx.optimal=0;odx.max-token=0;odx.token-covers=64M", NULL },
		{ "new", ";odx.deadline=0", "deadline" },
		{ "new", ";odx.optimal=2G;odx.max-token=1G", "optimal is above max-token" },
		{ "new", ";odx.default-timeout=601s", "default-timeout is above max-timeout" },
		{ "new", ";answer=83/11:1:1:8/0/0", NULL },
		{ "new", ";answer=83", "answer" },
		{ "empty", "", "empty" },
		{ "no/such/directory", "", "no such directory" },
		{ "", "", "a directory" },
		{ "new", ";read-only", "No such file" },
		{ "new", ",direct", "comma" },
		{ NULL, "odx/", "path is empty" },
		{ NULL, "odx/vol1.img", "absolute path" },
	};

	make_file("there", 1 << 20);
	make_file("empty", 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *cfg = cases[i].file ? rig_cfgstring(cases[i].file, cases[i].options)
						: cases[i].options;
		char *reason = NULL;
		bool ok = rig_handler->check_config(cfg, &reason);

		CU_ASSERT_EQUAL(ok, cases[i].says == NULL);
		if (cases[i].says && (!reason || !strstr(reason, cases[i].says))) {
			printf("%s: %s\n", cfg, reason ? reason : "no reason");
			CU_FAIL("the reason is another one");
		}
		free(reason);
	}
	CU_ASSERT_NOT_EQUAL(access(rig_path("new"), F_OK), 0);
}

static void refusals_of_open(void)
{
	const struct fake_config good = { .cfgstring = rig_cfgstring("o", ""),
					  .serial = RIG_SERIAL,
					  .size = 1 << 20,
					  .block_size = 512,
					  .max_sectors = 128 };
	struct tcmu_device *dev, *other;
	struct fake_config bad = good;

	make_file("o", good.size);
	bad = good;
	bad.size = 0;
	CU_ASSERT_EQUAL(fake_open(&dev, &bad), -EINVAL);
	bad = good;
	bad.cfgstring = rig_cfgstring("o", ";block-size=4096");
	CU_ASSERT_EQUAL(fake_open(&dev, &bad), -EINVAL);
	bad = good;
	bad.size = 2 << 20; /* the file has 1 MiB */
	CU_ASSERT_EQUAL(fake_open(&dev, &bad), -EINVAL);
	bad = good;
	bad.cfgstring = rig_cfgstring("o", ";size=3M");
	CU_ASSERT_EQUAL(fake_open(&dev, &bad), -EINVAL);
	CU_ASSERT_EQUAL(fake_open(&dev, &good), 0);
	CU_ASSERT_EQUAL(fake_open(&other, &good), -EBUSY); /* one file, one LUN */
	fake_remove(dev);
	CU_ASSERT_EQUAL(fake_open(&dev, &good), 0);
	fake_remove(dev);
}

static void identity(void)
{
	struct tcmu_device *dev = rig_open("id", "");
	struct scsi_cdb cdb = rig_cdb(CMD_INQUIRY);
	static const uint8_t want[] = { 0x60, 0x01, 0x40, 0x51, 0xa2, 0xb3, 0xc4, 0xd5,
					0xe6, 0xf7, 0x08, 0x19, 0x2a, 0x3b, 0x4c, 0x5d };
	struct vpd_designator d;
	struct vpd_b0 b0;
	uint8_t buf[512];
	char serial[64];
	size_t pos = 4;
	bool naa = false;

	cdb.evpd = true;
	cdb.len = 255;
	cdb.page = 0x80;
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 255), 0);
	CU_ASSERT_TRUE(vpd_80_decode(buf, 255, serial, sizeof(serial)));
	CU_ASSERT_STRING_EQUAL(serial, RIG_SERIAL);
	cdb.page = 0x83;
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 255), 0);
	while (vpd_83_next(buf, 255, &pos, &d)) {
		CU_ASSERT_EQUAL(d.association, 0); /* the ports are LIO's */
		if (d.type != 3)
			continue;
		naa = true;
		CHECK_BYTES(d.id, d.len, want, sizeof(want));
	}
	CU_ASSERT_TRUE(naa);
	cdb.page = 0xb0;
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 255), 0);
	CU_ASSERT_TRUE(vpd_b0_decode(buf, 255, &b0));
	CU_ASSERT_EQUAL(b0.max_transfer_blocks, 8192);
	fake_remove(dev);
}

static void serial_is(struct tcmu_device *dev, const char *want)
{
	struct scsi_cdb cdb = rig_cdb(CMD_INQUIRY);
	uint8_t buf[255];
	char serial[64] = "";

	cdb.evpd = true;
	cdb.len = 255;
	cdb.page = 0x80;
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 255), 0);
	CU_ASSERT_TRUE(vpd_80_decode(buf, 255, serial, sizeof(serial)));
	CU_ASSERT_STRING_EQUAL(serial, want);
}

/* rtslib tells LIO the serial when the device has been opened. */
static void serial_comes_later(void)
{
	struct fake_config cfg = { .cfgstring = rig_cfgstring("later", ""),
				   .size = 1 << 20,
				   .block_size = 512,
				   .max_sectors = 128 };
	static const char long_one[] = "0123456789-0123456789-0123456789-0123456789";
	static const char *const none[] = { NULL, "", "xyz" };
	struct tcmu_device *dev;
	char stand_in[64] = "";

	CU_ASSERT_EQUAL_FATAL(fake_open(&dev, &cfg), 0);
	fake_serial(dev, "12345678-9abc");
	serial_is(dev, "12345678-9abc");
	fake_serial(dev, "cannot change any more");
	serial_is(dev, "12345678-9abc");
	fake_remove(dev);
	cfg.serial = long_one;
	CU_ASSERT_EQUAL_FATAL(fake_open(&dev, &cfg), 0);
	serial_is(dev, "0123456789-0123456789-0123456789-012");
	fake_remove(dev);
	/* Nobody gave it one. */
	for (size_t i = 0; i < 3; i++) {
		struct scsi_cdb cdb = rig_cdb(CMD_INQUIRY);
		uint8_t buf[255];
		char serial[64];

		cfg.serial = none[i];
		CU_ASSERT_EQUAL_FATAL(fake_open(&dev, &cfg), 0);
		cdb.evpd = true;
		cdb.len = 255;
		cdb.page = 0x80;
		CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 255), 0);
		CU_ASSERT_TRUE(vpd_80_decode(buf, 255, serial, sizeof(serial)));
		CU_ASSERT_EQUAL(strlen(serial), 16);
		CU_ASSERT_TRUE(i == 0 || strcmp(serial, stand_in) == 0);
		strcpy(stand_in, serial);
		fake_remove(dev);
	}
}

static void rest_is_cleared(void)
{
	struct tcmu_device *dev = rig_open("rest", "");
	struct scsi_cdb cdb = rig_cdb(CMD_INQUIRY);
	uint8_t buf[4096], zeros[4096] = { 0 };
	struct fake_cmd unknown = { .cdb = { 0xc7 } };
	struct iovec iov = { buf, sizeof(buf) };
	struct inquiry inq;

	memset(buf, 0xdd, sizeof(buf));
	cdb.len = 96;
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, sizeof(buf)), 0);
	CU_ASSERT_TRUE(inquiry_decode(buf, 96, &inq));
	CU_ASSERT_STRING_EQUAL(inq.vendor, "ODX");
	CHECK_BYTES(buf + 96, sizeof(buf) - 96, zeros, sizeof(buf) - 96);
	/* Refused after and before it is looked at. */
	memset(buf, 0xdd, sizeof(buf));
	cdb.page = 0x80;
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, sizeof(buf)), 0x52400);
	CHECK_BYTES(buf, sizeof(buf), zeros, sizeof(buf));
	memset(buf, 0xdd, sizeof(buf));
	unknown.iov = &iov;
	unknown.niov = 1;
	fake_submit(dev, &unknown);
	fake_wait(dev, &unknown);
	CU_ASSERT_EQUAL(rig_kcq(&unknown), 0x52000);
	CHECK_BYTES(buf, sizeof(buf), zeros, sizeof(buf));
	/* A READ into more room than it fills. */
	rig_fill(dev, 0, 8, 0x5a);
	memset(buf, 0xdd, sizeof(buf));
	cdb = rig_rw(CMD_READ_16, 0, 4);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, sizeof(buf)), 0);
	CU_ASSERT_EQUAL(buf[2047], 0x5a);
	CHECK_BYTES(buf + 2048, 2048, zeros, 2048);
	fake_remove(dev);
}

static void no_attention_of_our_own(void)
{
	struct tcmu_device *dev = rig_open("ua", "");
	struct scsi_cdb cdb = rig_cdb(CMD_TEST_UNIT_READY);

	CU_ASSERT_EQUAL(rig_run(dev, &cdb, NULL, 0), 0);
	fake_remove(dev);
}

/* Cuts @data into pieces of the lengths in @lens, over and over. */
static size_t cut(uint8_t *data, size_t len, const size_t *lens, size_t nlens, struct iovec *iov)
{
	size_t n = 0;

	for (size_t at = 0; at < len; n++) {
		size_t piece = lens[n % nlens] < len - at ? lens[n % nlens] : len - at;

		iov[n] = (struct iovec) { data + at, piece };
		at += piece;
	}
	return n;
}

/* The same, with a gap between them, so that no two are neighbours. */
static void spread(struct iovec *iov, size_t n, uint8_t *mem, bool in)
{
	for (size_t i = 0; i < n; i++) {
		if (in)
			memcpy(iov[i].iov_base, mem, iov[i].iov_len);
		else
			memcpy(mem, iov[i].iov_base, iov[i].iov_len);
		if (!in)
			iov[i].iov_base = mem;
		mem += iov[i].iov_len + 8;
	}
}

#define SCATTERED (1u << 20)

/* Writes @data scattered, reads it back scattered and compares. */
static void scattered(struct tcmu_device *dev, const size_t *lens, size_t nlens, uint8_t *data)
{
	static struct iovec iov[SCATTERED / 8], back[SCATTERED / 8];
	static uint8_t mem[2 * SCATTERED + 8], got[SCATTERED];
	struct scsi_cdb cdb = rig_rw(CMD_WRITE_16, 7, SCATTERED / 512);
	struct fake_cmd f = { .iov = iov };

	f.niov = cut(data, SCATTERED, lens, nlens, iov);
	spread(iov, f.niov, mem, false);
	scsi_cdb_encode(&cdb, f.cdb);
	fake_submit(dev, &f);
	fake_wait(dev, &f);
	CU_ASSERT_EQUAL(rig_kcq(&f), 0);
	memset(mem, 0, sizeof(mem));
	cdb.op = &scsi_ops[CMD_READ_16];
	scsi_cdb_encode(&cdb, f.cdb);
	fake_submit(dev, &f);
	fake_wait(dev, &f);
	CU_ASSERT_EQUAL(rig_kcq(&f), 0);
	cut(got, SCATTERED, lens, nlens, back);
	spread(back, f.niov, mem, true);
	CHECK_BYTES(got, SCATTERED, data, SCATTERED);
}

static bool has_direct(void)
{
	int fd = open(rig_path("direct"), O_CREAT | O_RDWR | O_DIRECT, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void scattered_data(void)
{
	static const struct {
		size_t lens[4], n;
	} cases[] = {
		{ { 4096 }, 1 },	      /* as LIO's data area: 256 of them */
		{ { 8 }, 1 },		      /* not one block in 64 of them */
		{ { 100, 1, 7000, 513 }, 4 }, /* ends inside blocks */
		{ { SCATTERED - 5, 5 }, 2 },
		{ { 12, 4096, 8, 9000 }, 4 },
	};
	static const char *const options[] = { "", ";direct" };
	static uint8_t data[SCATTERED];

	for (size_t i = 0; i < SCATTERED; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 9));
	/* Not every file system has O_DIRECT. */
	for (size_t o = 0; o < (has_direct() ? 2 : 1); o++) {
		struct tcmu_device *dev = rig_open("scattered", options[o]);

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			scattered(dev, cases[i].lens, cases[i].n, data);
			data[i * 1000]++;
		}
		fake_remove(dev);
	}
}

/* Parameter lists and parameter data, too, may lie in pieces. */
static void scattered_lists(void)
{
	struct tcmu_device *dev = rig_open("lists", "");
	uint8_t pl[RIG_PT_LEN], mem[4 * RIG_RRTI_LEN], buf[RIG_RRTI_LEN];
	static const size_t five[] = { 5 };
	struct iovec iov[RIG_RRTI_LEN];
	struct fake_cmd f = { .iov = iov };
	struct tpc_result res;
	struct scsi_cdb cdb;

	rig_pt(&cdb, pl, 3, 0, 8);
	f.niov = cut(pl, sizeof(pl), five, 1, iov);
	spread(iov, f.niov, mem, false);
	scsi_cdb_encode(&cdb, f.cdb);
	fake_submit(dev, &f);
	fake_wait(dev, &f);
	CU_ASSERT_EQUAL(rig_kcq(&f), 0);
	cdb = rig_cdb(CMD_RECEIVE_ROD_TOKEN_INFORMATION);
	cdb.list_id = 3;
	cdb.len = RIG_RRTI_LEN;
	f.niov = cut(buf, sizeof(buf), five, 1, iov);
	spread(iov, f.niov, mem, false);
	scsi_cdb_encode(&cdb, f.cdb);
	fake_submit(dev, &f);
	fake_wait(dev, &f);
	CU_ASSERT_EQUAL(rig_kcq(&f), 0);
	cut(buf, sizeof(buf), five, 1, iov);
	spread(iov, f.niov, mem, true);
	CU_ASSERT_TRUE(tpc_result_decode(buf, sizeof(buf), &res));
	CU_ASSERT_EQUAL(res.count, 8);
	CU_ASSERT_PTR_NOT_NULL(res.token);
	fake_remove(dev);
}

static void short_data(void)
{
	struct tcmu_device *dev = rig_open("short", "");
	struct scsi_cdb cdb = rig_rw(CMD_WRITE_16, 0, 8);
	uint8_t buf[4096];

	rig_fill(dev, 0, 8, 0x11);
	memset(buf, 0x22, sizeof(buf));
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 2048), 0x52400);
	CU_ASSERT_TRUE(rig_holds(dev, 0, 8, 0x11));
	/* One block that goes everywhere is one block; a parameter list is not nothing. */
	cdb = rig_cdb(CMD_WRITE_SAME_16);
	cdb.blocks = 8;
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 1024), 0x50e03);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 0), 0x52400);
	CU_ASSERT_TRUE(rig_holds(dev, 0, 8, 0x11));
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 512), 0);
	CU_ASSERT_TRUE(rig_holds(dev, 0, 8, 0x22));
	rig_fill(dev, 0, 8, 0x11);
	cdb = rig_cdb(CMD_COMPARE_AND_WRITE); /* of 0 blocks */
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 1024), 0x52400);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 0), 0);
	cdb = rig_cdb(CMD_MODE_SELECT_6);
	cdb.pf = true;
	cdb.len = 24;
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 0), 0x50e03);
	/* A READ fills what there is. */
	cdb = rig_rw(CMD_READ_16, 0, 8);
	memset(buf, 0x22, sizeof(buf));
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 1024), 0);
	CU_ASSERT_EQUAL(buf[1023], 0x11);
	CU_ASSERT_EQUAL(buf[1024], 0x22);
	fake_remove(dev);
}

static void sense_arrives(void)
{
	struct tcmu_device *dev = rig_open("sense", ";fault=read-error:1M:4K");
	struct scsi_cdb cdb = rig_rw(CMD_READ_16, RIG_BLOCKS - 1, 2);
	uint8_t buf[4096];

	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 1024), 0x52100);
	cdb = rig_rw(CMD_READ_16, 2048, 8);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, 4096), 0x31100);
	fake_remove(dev);
}

static uint64_t capacity(struct tcmu_device *dev)
{
	struct scsi_cdb cdb = rig_cdb(CMD_READ_CAPACITY_16);
	struct capacity cap;
	uint8_t buf[32];

	cdb.len = sizeof(buf);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, sizeof(buf)), 0);
	CU_ASSERT_TRUE_FATAL(read_capacity_16_decode(buf, sizeof(buf), &cap));
	return cap.blocks;
}

static void new_size(void)
{
	struct tcmulib_cfg_info path = { .type = TCMULIB_CFG_DEV_CFGSTR };
	struct tcmu_device *dev = rig_open("grow", "");
	struct scsi_cdb tur = rig_cdb(CMD_TEST_UNIT_READY);
	char other[] = "odx//tmp/x", same[256];

	CU_ASSERT_EQUAL(fake_resize(dev, 2 * RIG_SIZE), -EINVAL); /* the file has not */
	CU_ASSERT_EQUAL(truncate(rig_path("grow"), 2 * RIG_SIZE), 0);
	CU_ASSERT_EQUAL(fake_resize(dev, 2 * RIG_SIZE + 512), -EINVAL);
	CU_ASSERT_EQUAL(fake_resize(dev, RIG_SIZE / 2), -EINVAL);
	CU_ASSERT_EQUAL(fake_resize(dev, 2 * RIG_SIZE - 1), -EINVAL);
	CU_ASSERT_EQUAL(capacity(dev), RIG_BLOCKS);
	CU_ASSERT_EQUAL(fake_resize(dev, 2 * RIG_SIZE), 0);
	CU_ASSERT_EQUAL(rig_run(dev, &tur, NULL, 0), 0x62a09);
	CU_ASSERT_EQUAL(rig_run(dev, &tur, NULL, 0), 0);
	CU_ASSERT_EQUAL(capacity(dev), 2 * RIG_BLOCKS);
	rig_fill(dev, 2 * RIG_BLOCKS - 8, 8, 0x77);
	CU_ASSERT_TRUE(rig_holds(dev, 2 * RIG_BLOCKS - 8, 8, 0x77));
	path.data.dev_cfgstring = other;
	CU_ASSERT_EQUAL(fake_reconfig(dev, &path), -EOPNOTSUPP);
	snprintf(same, sizeof(same), "%s", tcmu_dev_get_cfgstring(dev));
	path.data.dev_cfgstring = same;
	CU_ASSERT_EQUAL(fake_reconfig(dev, &path), 0);
	fake_remove(dev);
}

/* WCE of the caching page. */
static bool write_cache(struct tcmu_device *dev)
{
	struct scsi_cdb cdb = rig_cdb(CMD_MODE_SENSE_6);
	uint8_t buf[64];

	cdb.page = 0x08;
	cdb.dbd = true;
	cdb.len = sizeof(buf);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, buf, sizeof(buf)), 0);
	CU_ASSERT_EQUAL(buf[4] & 0x3f, 0x08);
	return buf[4 + 2] & 0x04;
}

static void set_write_cache(void)
{
	struct tcmulib_cfg_info cache = { .type = TCMULIB_CFG_WRITE_CACHE, .data.write_cache = 1 };
	struct tcmu_device *dev = rig_open("cache", "");
	struct scsi_cdb tur = rig_cdb(CMD_TEST_UNIT_READY);

	CU_ASSERT_TRUE(write_cache(dev));
	CU_ASSERT_EQUAL(fake_reconfig(dev, &cache), 0);
	CU_ASSERT_TRUE(write_cache(dev)); /* no news, no unit attention */
	rig_fill(dev, 0, 8, 0x11);
	cache.data.write_cache = 0;
	CU_ASSERT_EQUAL(fake_reconfig(dev, &cache), 0);
	CU_ASSERT_EQUAL(rig_run(dev, &tur, NULL, 0), 0x62a01);
	CU_ASSERT_FALSE(write_cache(dev));
	rig_fill(dev, 8, 8, 0x22);
	CU_ASSERT_TRUE(rig_holds(dev, 0, 8, 0x11));
	CU_ASSERT_TRUE(rig_holds(dev, 8, 8, 0x22));
	cache.data.write_cache = 1;
	CU_ASSERT_EQUAL(fake_reconfig(dev, &cache), 0);
	CU_ASSERT_EQUAL(rig_run(dev, &tur, NULL, 0), 0x62a01);
	CU_ASSERT_TRUE(write_cache(dev));
	fake_remove(dev);
	/* The error of the flush is the error of switching it off. */
	dev = rig_open("cache", ";fault=flush-error");
	cache.data.write_cache = 0;
	CU_ASSERT_EQUAL(fake_reconfig(dev, &cache), -EIO);
	fake_remove(dev);
}

static void ambiguous_results(void)
{
	struct tcmu_device *dev = rig_open("ambiguous", "");
	uint8_t pl[RIG_PT_LEN], buf[RIG_RRTI_LEN];
	struct tpc_result res;
	struct scsi_cdb cdb;

	/* Two hosts, one identifier: neither gets the other's token. */
	rig_pt(&cdb, pl, 5, 0, 8);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, pl, sizeof(pl)), 0);
	rig_pt(&cdb, pl, 5, 100, 8);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, pl, sizeof(pl)), 0);
	CU_ASSERT_EQUAL(rig_rrti(dev, 5, buf, &res), 0x52400);
	CU_ASSERT_EQUAL(rig_rrti(dev, 5, buf, &res), 0x52400);
	/* The same command again is a retry. */
	rig_pt(&cdb, pl, 6, 100, 8);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, pl, sizeof(pl)), 0);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, pl, sizeof(pl)), 0);
	CU_ASSERT_EQUAL(rig_rrti(dev, 6, buf, &res), 0);
	CU_ASSERT_EQUAL(res.status, TPC_DONE);
	fake_remove(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "subtype odx, passthrough only, one worker, nothing else set", registered },
		{ "check_config refuses with the reason, and makes nothing", refusals_before },
		{ "open refuses what does not agree with LIO", refusals_of_open },
		{ "serial and NAA are LIO's, no port is named, the ring's limit is told",
		  identity },
		{ "the serial may come after open; without one there is a stand-in",
		  serial_comes_later },
		{ "what a command does not fill of the buffer is zero", rest_is_cleared },
		{ "no unit attention after open: that is LIO's", no_attention_of_our_own },
		{ "data in hundreds of pieces, however they are cut", scattered_data },
		{ "parameter lists in pieces", scattered_lists },
		{ "less data than the CDB says: WRITE writes nothing, READ fills it", short_data },
		{ "sense reaches the ring", sense_arrives },
		{ "a new size is taken when the file has it, with 6/2A/09 once", new_size },
		{ "emulate_write_cache is WCE, with 6/2A/01 once; off flushes", set_write_cache },
		{ "a result that became ambiguous is never handed out", ambiguous_results },
		TEST_END,
	};
	int status;

	rig_init();
	status = test_main(argc, argv, "tcmu_handler", tests);
	rig_done();
	return status;
}
