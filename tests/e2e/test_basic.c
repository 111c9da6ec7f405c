/* SPDX-License-Identifier: Apache-2.0 */
/* Every command that tells or sets something, over iSCSI, against a real odxd. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define SIZE   (16 * MIB)
#define BLOCKS (SIZE / 512)

/* ---- who are you ---- */

static void first_command_unit_attention(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=1M", "--lun", "mem:b,size=1M");
	struct initiator *in = login(o);
	uint8_t buf[255];
	struct scsi_cdb luns = { .op = &scsi_ops[CMD_REPORT_LUNS], .len = sizeof(buf) };

	/* INQUIRY and REPORT LUNS run with it pending (SPC-4 5.14). */
	CHECK_GOOD(inquiry(in, 0, false, 0, buf, sizeof(buf)));
	CHECK_GOOD(command(in, 0, &luns, buf, sizeof(buf)));
	CHECK_SENSE(tur(in, 0), KEY_UNIT_ATTENTION, ASC_POWER_ON_OR_RESET);
	CHECK_GOOD(tur(in, 0));
	/* The other LUN owes its own. */
	CHECK_SENSE(tur(in, 1), KEY_UNIT_ATTENTION, ASC_POWER_ON_OR_RESET);
	CHECK_GOOD(tur(in, 1));
	initiator_close(in);
	odxd_stop(o);
}

static void request_sense(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	struct initiator *other = login(b.o);
	uint8_t buf[252] = { 0 };
	struct scsi_cdb c = { .op = &scsi_ops[CMD_REQUEST_SENSE], .len = sizeof(buf) };
	struct sense s = sense_make(KEY_HARDWARE_ERROR, ASC_INTERNAL_TARGET_FAILURE);

	CHECK_GOOD(command(b.in, 0, &c, buf, sizeof(buf)));
	CU_ASSERT(sense_decode(buf, sizeof(buf), &s));
	CU_ASSERT_EQUAL(s.key, KEY_NO_SENSE);
	/* It takes a pending unit attention along as its data (SPC-4 6.39). */
	CHECK_GOOD(command(other, 0, &c, buf, sizeof(buf)));
	CU_ASSERT(sense_decode(buf, sizeof(buf), &s));
	CU_ASSERT_EQUAL(s.key, KEY_UNIT_ATTENTION);
	CHECK_GOOD(tur(other, 0));
	c.desc = true;
	CHECK_GOOD(command(b.in, 0, &c, buf, sizeof(buf)));
	CU_ASSERT_EQUAL(buf[0] & 0x7f, 0x72);
	initiator_close(other);
	bench_done(&b);
}

static void standard_inquiry(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[255] = { 0 };
	struct inquiry q = { .version = 0 };
	struct answer a = inquiry(b.in, 0, false, 0, buf, sizeof(buf));

	CHECK_GOOD(a);
	CU_ASSERT(a.in_len >= 36);
	CU_ASSERT(inquiry_decode(buf, a.in_len, &q));
	CU_ASSERT_EQUAL(q.qualifier, 0);
	CU_ASSERT_EQUAL(q.type, 0);
	CU_ASSERT_EQUAL(q.version, 6);
	CU_ASSERT(q.tpc);
	CU_ASSERT(q.cmdque);
	CU_ASSERT(!q.removable);
	/* Cut at the allocation length, told as a residual only when longer. */
	a = inquiry(b.in, 0, false, 0, buf, 5);
	CHECK_GOOD(a);
	CU_ASSERT_EQUAL(a.in_len, 5);
	CHECK_GOOD(inquiry(b.in, 0, false, 0, buf, 0));
	/* A page code without EVPD (SPC-4 6.6.1). */
	CHECK_ILLEGAL(raw_command(b.in, 0, "12 00 80 00 FF 00", DIR_IN, buf, 255),
		      ASC_INVALID_FIELD_IN_CDB);
	bench_done(&b);
}

static void vpd_list(void)
{
	static const uint8_t want[] = { 0x00, 0x80, 0x83, 0x86, 0x8f, 0xb0, 0xb1, 0xb2 };
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[255] = { 0 };
	struct vpd_list l = { .n = 0 };
	struct answer a = inquiry(b.in, 0, true, 0, buf, sizeof(buf));

	CHECK_GOOD(a);
	CU_ASSERT(vpd_00_decode(buf, a.in_len, &l));
	CU_ASSERT(l.ordered);
	CHECK_BYTES(l.pages, l.n, want, sizeof(want));
	for (unsigned i = 0; i < l.n; i++) {
		a = inquiry(b.in, 0, true, l.pages[i], buf, sizeof(buf));
		CHECK_GOOD(a);
		CU_ASSERT_EQUAL(buf[1], l.pages[i]);
		CU_ASSERT(a.in_len == sizeof(buf) || a.in_len == get_be16(buf + 2) + 4u);
	}
	a = inquiry(b.in, 0, true, 0xc7, buf, sizeof(buf));
	CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT(answer_cdb_ptr("page C7h", a, 2));
	bench_done(&b);
}

static void vpd_identity(void)
{
	struct bench b = bench_start(SIZE, ",serial=E2E-1", NULL);
	uint8_t buf[1024] = { 0 };
	char serial[64] = "";
	struct answer a = inquiry(b.in, 0, true, 0x80, buf, 255);
	struct vpd_designator d;
	size_t pos = 4;
	bool naa = false;

	CHECK_GOOD(a);
	CU_ASSERT(vpd_80_decode(buf, a.in_len, serial, sizeof(serial)));
	CU_ASSERT_STRING_EQUAL(serial, "E2E-1");
	a = inquiry(b.in, 0, true, 0x83, buf, sizeof(buf));
	CHECK_GOOD(a);
	while (vpd_83_next(buf, a.in_len, &pos, &d))
		naa = naa || (d.association == 0 && d.type == 3 && d.code_set == 1 &&
			      (d.len == 8 || d.len == 16));
	CU_ASSERT(naa);
	bench_done(&b);
}

static void vpd_limits(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[1024] = { 0 };
	struct vpd_8f p = { .max_ranges = 0 };
	struct vpd_b0 b0 = { .max_transfer_blocks = 1 };
	struct answer a = inquiry(b.in, 0, true, 0x8f, buf, 255);
	unsigned ours = 0;
	unsigned kept = 0;

	/* Windows' length, then all of it. */
	CHECK_GOOD(a);
	CU_ASSERT(vpd_8f_decode(buf, a.in_len, &p));
	CU_ASSERT(p.windows_ok);
	a = inquiry(b.in, 0, true, 0x8f, buf, sizeof(buf));
	CHECK_GOOD(a);
	CU_ASSERT(a.in_len <= 1020);
	CU_ASSERT(vpd_8f_decode(buf, a.in_len, &p));
	/* decisions.md 14 */
	CU_ASSERT_EQUAL(p.max_ranges, 64);
	CU_ASSERT_EQUAL(p.max_timeout, 600);
	CU_ASSERT_EQUAL(p.default_timeout, 60);
	CU_ASSERT_EQUAL(p.max_token_blocks, 4 * GIB / 512);
	CU_ASSERT_EQUAL(p.optimal_blocks, 256 * MIB / 512);
	for (unsigned i = 0; i < p.ncommands; i++)
		ours += (p.commands[i].opcode == 0x83 &&
			 (p.commands[i].sa == 0x10 || p.commands[i].sa == 0x11)) ||
			(p.commands[i].opcode == 0x84 && p.commands[i].sa == 0x07);
	CU_ASSERT_EQUAL(ours, 3);
	/* Rods are kept when the source is written. */
	for (unsigned i = 0; i < p.nrod_types; i++)
		kept += (p.rod_types[i].type == ROD_TYPE_PIT_DEFAULT ||
			 p.rod_types[i].type == ROD_TYPE_PIT_PERSISTENT) &&
			p.rod_types[i].in && p.rod_types[i].out;
	CU_ASSERT_EQUAL(kept, 2);
	CU_ASSERT_EQUAL(p.remote_tokens, 0);
	a = inquiry(b.in, 0, true, 0xb0, buf, 255);
	CHECK_GOOD(a);
	CU_ASSERT(vpd_b0_decode(buf, a.in_len, &b0));
	CU_ASSERT_EQUAL(b0.max_transfer_blocks, 0); /* decisions.md 11 */
	bench_done(&b);
}

static void odx_off(void)
{
	struct bench b = bench_start(SIZE, ",odx.enabled=no", NULL);
	uint8_t buf[255] = { 0 };
	struct inquiry q = { .tpc = true };
	struct tpc_range r = RANGE(0, 8);

	CHECK_GOOD(inquiry(b.in, 0, false, 0, buf, sizeof(buf)));
	CU_ASSERT(inquiry_decode(buf, sizeof(buf), &q));
	CU_ASSERT(!q.tpc);
	CHECK_ILLEGAL(inquiry(b.in, 0, true, 0x8f, buf, 255), ASC_INVALID_FIELD_IN_CDB);
	/* decisions.md 16: the opcodes are as if they were not there. */
	CHECK_ILLEGAL(pt(b.in, 0, 1, &r, 1), ASC_INVALID_OPCODE);
	CHECK_ILLEGAL(raw_command(b.in, 0, "84 07 00 00 00 01 00 00 00 00 00 00 00 FF 00 00",
				  DIR_IN, buf, 255),
		      ASC_INVALID_OPCODE);
	bench_done(&b);
}

static void unsupported_sa(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[64] = { 0 };
	struct answer a = raw_command(b.in, 0, "84 06 00 00 00 00 00 00 00 00 00 00 00 40 00 00",
				      DIR_IN, buf, 64);

	CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT(answer_cdb_ptr("84h/06h", a, 1));
	a = raw_command(b.in, 0, "83 1F 00 00 00 00 00 00 00 00 00 00 00 00 00 00", DIR_NONE, NULL,
			0);
	CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_CDB);
	CHECK_ILLEGAL(raw_command(b.in, 0, "C7 00 00 00 00 00 00 00 00 00", DIR_NONE, NULL, 0),
		      ASC_INVALID_OPCODE);
	bench_done(&b);
}

static void capacity(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=16M", "--lun", "mem:b,size=16M,block-size=4096",
			      "--lun", "mem:c,size=16M,physical-block-size=4K", "--lun",
			      "mem:d,size=16M,block-size=4096,physical-block-size=512");
	struct initiator *in = login_clear(o, 4);
	struct capacity c;
	uint8_t buf[8] = { 0 };
	struct scsi_cdb c10 = { .op = &scsi_ops[CMD_READ_CAPACITY_10] };

	CHECK_GOOD(read_capacity(in, 0, &c));
	CU_ASSERT_EQUAL(c.blocks, BLOCKS);
	CU_ASSERT_EQUAL(c.block_size, 512);
	CHECK_GOOD(read_capacity(in, 1, &c));
	CU_ASSERT_EQUAL(c.blocks, SIZE / 4096);
	CU_ASSERT_EQUAL(c.block_size, 4096);
	CU_ASSERT_EQUAL(c.lbppbe, 0);
	CHECK_GOOD(read_capacity(in, 2, &c));
	CU_ASSERT_EQUAL(c.block_size, 512);
	CU_ASSERT_EQUAL(c.lbppbe, 3);
	/* A physical block cannot be a part of a logical one. */
	CHECK_GOOD(read_capacity(in, 3, &c));
	CU_ASSERT_EQUAL(c.lbppbe, 0);
	CHECK_GOOD(command(in, 0, &c10, buf, sizeof(buf)));
	CU_ASSERT(read_capacity_10_decode(buf, sizeof(buf), &c));
	CU_ASSERT_EQUAL(c.blocks, BLOCKS);
	CU_ASSERT_EQUAL(c.block_size, 512);
	initiator_close(in);
	odxd_stop(o);
}

static void large_capacity(void)
{
	char spec[512];
	struct odxd *o;
	struct initiator *in;
	struct capacity c;
	uint8_t buf[512];

	/* 3 TiB, sparse: more blocks than READ CAPACITY(10) can say. */
	snprintf(spec, sizeof(spec), "%s", make_file("big", 3072 * GIB));
	o = ODXD("--lun", spec);
	in = login_clear(o, 1);
	struct scsi_cdb c10 = { .op = &scsi_ops[CMD_READ_CAPACITY_10] };

	CHECK_GOOD(command(in, 0, &c10, buf, 8));
	CU_ASSERT_EQUAL(get_be32(buf), 0xffffffff);
	CHECK_GOOD(read_capacity(in, 0, &c));
	CU_ASSERT_EQUAL(c.blocks, 3072 * GIB / 512);
	pattern_fill(buf, 0, sizeof(buf), 3);
	CHECK_GOOD(media(in, 0, CMD_WRITE_16, c.blocks - 1, 1, buf, 512));
	CHECK_GOOD(media(in, 0, CMD_READ_16, c.blocks - 1, 1, buf, 512));
	CU_ASSERT(pattern_is("last block", buf, 0, 512, 3));
	CHECK_ILLEGAL(media(in, 0, CMD_READ_16, c.blocks, 1, buf, 512), ASC_LBA_OUT_OF_RANGE);
	initiator_close(in);
	odxd_stop(o);
}

/* ---- modes ---- */

static struct answer mode_sense(struct initiator *in, bool ten, uint8_t pc, uint8_t page, void *buf,
				uint32_t len)
{
	struct scsi_cdb c = { .op = &scsi_ops[ten ? CMD_MODE_SENSE_10 : CMD_MODE_SENSE_6],
			      .pc = pc,
			      .page = page,
			      .dbd = true,
			      .len = len };

	memset(buf, 0, len);
	return command(in, 0, &c, buf, len);
}

static void mode_pages(void)
{
	static const uint8_t pages[] = { 0x01, 0x02, 0x08, 0x0a, 0x1c };
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[192];

	for (unsigned ten = 0; ten < 2; ten++) {
		size_t head = ten ? 8 : 4;

		for (unsigned i = 0; i < sizeof(pages); i++) {
			CHECK_GOOD(mode_sense(b.in, ten, 0, pages[i], buf, sizeof(buf)));
			CU_ASSERT_EQUAL(buf[head] & 0x3f, pages[i]);
			CHECK_GOOD(mode_sense(b.in, ten, 1, pages[i], buf, sizeof(buf)));
			CHECK_GOOD(mode_sense(b.in, ten, 2, pages[i], buf, sizeof(buf)));
			CHECK_ILLEGAL(mode_sense(b.in, ten, 3, pages[i], buf, sizeof(buf)),
				      ASC_SAVING_PARAMETERS_UNSUPPORTED);
		}
		CHECK_GOOD(mode_sense(b.in, ten, 0, 0x3f, buf, sizeof(buf)));
		CU_ASSERT_EQUAL(buf[head] & 0x3f, 0x01);
		/* Device-specific parameter: not write protected. */
		CU_ASSERT_EQUAL(buf[ten ? 3 : 2] & 0x80, 0);
		CHECK_ILLEGAL(mode_sense(b.in, ten, 0, 0x15, buf, sizeof(buf)),
			      ASC_INVALID_FIELD_IN_CDB);
	}
	/* QERR is 0 (Windows sets it to 0 otherwise). */
	CHECK_GOOD(mode_sense(b.in, false, 0, 0x0a, buf, sizeof(buf)));
	CU_ASSERT_EQUAL(buf[4 + 3] & 0x06, 0);
	bench_done(&b);
}

/* MODE SELECT of what MODE SENSE gave, with @byte of the page changed by @flip. */
static struct answer select_changed(struct initiator *in, bool ten, uint8_t page, unsigned byte,
				    uint8_t flip)
{
	uint8_t buf[192];
	struct answer a = mode_sense(in, ten, 0, page, buf, sizeof(buf));
	size_t head = ten ? 8 : 4, len = head + buf[head + 1] + 2u;
	struct scsi_cdb c = { .op = &scsi_ops[ten ? CMD_MODE_SELECT_10 : CMD_MODE_SELECT_6],
			      .pf = true,
			      .len = (uint32_t)len };

	CHECK_GOOD(a);
	/* MODE DATA LENGTH, device-specific parameter and PS are not for SELECT. */
	memset(buf, 0, head);
	buf[head] &= 0x7f;
	buf[head + byte] ^= flip;
	return command(in, 0, &c, buf, len);
}

static void mode_select(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	struct initiator *other = login_clear(b.o, 1);
	struct scsi_cdb past_end = { .op = &scsi_ops[CMD_VERIFY_16], .lba = BLOCKS, .blocks = 1 };
	struct initiator_cmd cmd = initiator_cmd(&past_end, NULL, 0);

	for (unsigned ten = 0; ten < 2; ten++) {
		/* Nothing changed: as Windows does with QERR. */
		CHECK_GOOD(select_changed(b.in, ten, 0x0a, 3, 0));
		CHECK_GOOD(tur(other, 0));
		/* D_SENSE changed: the other nexus hears of it. */
		CHECK_GOOD(select_changed(b.in, ten, 0x0a, 2, 0x04));
		CHECK_SENSE(tur(other, 0), KEY_UNIT_ATTENTION, ASC_MODE_PARAMETERS_CHANGED);
		CHECK_GOOD(tur(b.in, 0));
		/* TST is not changeable. */
		CHECK_ILLEGAL(select_changed(b.in, ten, 0x0a, 2, 0x20),
			      ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	}
	/* D_SENSE was turned on, then off again: fixed format. */
	initiator_run(b.in, 0, &cmd);
	CU_ASSERT_EQUAL(cmd.sense_raw[0] & 0x7f, 0x70);
	CHECK_GOOD(select_changed(b.in, false, 0x0a, 2, 0x04));
	initiator_run(b.in, 0, &cmd);
	CU_ASSERT_EQUAL(cmd.sense_raw[0] & 0x7f, 0x72);
	initiator_close(other);
	bench_done(&b);
}

/* decisions.md 2 and 3: descriptor format for the command, fixed inside RRTI. */
static void descriptor_sense_of_a_copy(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	struct tpc_range from = RANGE(0, 8), to = RANGE(100, 16);
	uint8_t token[ROD_TOKEN_LEN], list[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
			      .list_id = 2,
			      .len = sizeof(list) };
	struct initiator_cmd cmd;
	struct rrti q;

	CHECK_GOOD(select_changed(b.in, false, 0x0a, 2, 0x04));
	CU_ASSERT(take_token(b.in, 0, 1, &from, 1, token));
	tpc_wut_encode(list, sizeof(list), false, false, 0, token, &to, 1);
	cmd = initiator_cmd(&c, list, sizeof(list));
	initiator_run(b.in, 0, &cmd);
	CU_ASSERT_EQUAL(cmd.sense_raw[0] & 0x7f, 0x72);
	CHECK_SENSE(answer_of(&cmd), KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(answer_info("WUT", answer_of(&cmd), 8));
	rrti(b.in, 0, 2, RRTI_ALL, &q);
	CHECK_GOOD(q.answer);
	CU_ASSERT_EQUAL(q.data[32] & 0x7f, 0x70);
	CU_ASSERT_EQUAL(q.r.count, 8);
	bench_done(&b);
}

static void software_write_protect(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[512] = { 0 };

	CHECK_GOOD(select_changed(b.in, false, 0x0a, 4, 0x08));
	CHECK_SENSE(media(b.in, 0, CMD_WRITE_10, 0, 1, buf, 512), KEY_DATA_PROTECT,
		    ASC_WRITE_PROTECTED);
	CHECK_GOOD(select_changed(b.in, false, 0x0a, 4, 0x08));
	CHECK_GOOD(media(b.in, 0, CMD_WRITE_10, 0, 1, buf, 512));
	bench_done(&b);
}

/* ---- lists ---- */

static void report_luns(void)
{
	struct odxd *o =
		ODXD("--lun", "mem:a,size=1M", "--lun", "mem:b,size=1M", "--lun", "mem:c,size=1M");
	struct initiator *in = login_clear(o, 3);
	uint8_t buf[64] = { 0 };
	struct scsi_cdb c = { .op = &scsi_ops[CMD_REPORT_LUNS], .len = sizeof(buf) };
	uint16_t lun = 99;

	CHECK_GOOD(command(in, 0, &c, buf, sizeof(buf)));
	CU_ASSERT_EQUAL(get_be32(buf), 24);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT(scsi_lun_decode(get_be64(buf + 8 + 8 * i), &lun));
		CU_ASSERT_EQUAL(lun, i);
	}
	/* Also through a LUN that is not there (SPC-4 6.33); too short a buffer. */
	memset(buf, 0, sizeof(buf));
	c.len = 16;
	CHECK_GOOD(command(in, 7, &c, buf, 16));
	CU_ASSERT_EQUAL(get_be32(buf), 24);
	/* Below 16 it is cut as well: only SPC (1) devices refused that (SPC-4 6.33). */
	memset(buf, 0, sizeof(buf));
	c.len = 15;
	CHECK_GOOD(command(in, 0, &c, buf, 15));
	CU_ASSERT_EQUAL(get_be32(buf), 24);
	initiator_close(in);
	odxd_stop(o);
}

/* Every row of the table is listed, but @without, which end with CMD_COUNT. */
static void check_listed(struct initiator *in, unsigned lun, const enum scsi_cmd *without)
{
	static uint8_t buf[4096];
	struct scsi_cdb all = { .op = &scsi_ops[CMD_REPORT_SUPPORTED_OPCODES], .len = sizeof(buf) };
	struct answer a = command(in, lun, &all, buf, sizeof(buf));
	bool want[CMD_COUNT], seen[CMD_COUNT] = { false };

	CHECK_GOOD(a);
	for (size_t at = 4; at + 8 <= a.in_len; at += buf[at + 5] & 0x02 ? 20 : 8) {
		const struct scsi_op *op =
			scsi_op_find(buf[at], (uint8_t)get_be16(buf + at + 2), NULL);

		CU_ASSERT_PTR_NOT_NULL_FATAL(op);
		CU_ASSERT(!seen[op->cmd]);
		seen[op->cmd] = true;
		CU_ASSERT_EQUAL(get_be16(buf + at + 6), op->cdb_len);
	}
	memset(want, true, sizeof(want));
	for (; *without != CMD_COUNT; without++)
		want[*without] = false;
	for (unsigned i = 0; i < CMD_COUNT; i++) {
		if (seen[i] != want[i])
			printf("LUN %u: %s is%s listed\n", lun, scsi_ops[i].name,
			       seen[i] ? "" : " not");
		CU_ASSERT_EQUAL(seen[i], want[i]);
	}
}

static void supported_opcodes(void)
{
	static const enum scsi_cmd none[] = { CMD_COUNT };
	static const enum scsi_cmd of_memory[] = {
		CMD_WRITE_ATOMIC_16,	   /* a file's page cache can tear a write */
		CMD_SANITIZE_CRYPTO_ERASE, /* nothing is encrypted                 */
		CMD_PREVENT_ALLOW,	   /* the medium cannot be taken out */
		CMD_COUNT
	};
	static const enum scsi_cmd of_space[] = {
		CMD_WRITE_ATOMIC_16,
		CMD_SANITIZE_CRYPTO_ERASE,
		CMD_PREVENT_ALLOW,
		CMD_UNMAP,		  /* fully provisioned: no space comes back */
		CMD_SANITIZE_BLOCK_ERASE, /* likewise                               */
		CMD_COUNT
	};
	struct bench b = bench_start(SIZE, ",provisioning=thin", ",provisioning=full");
	struct odxd *o = ODXD("--lun", "mem:a,size=16M,provisioning=thin,removable,encrypt");
	struct initiator *in = login_clear(o, 1);
	static uint8_t buf[255];
	struct scsi_cdb all = { .op = &scsi_ops[CMD_REPORT_SUPPORTED_OPCODES], .len = sizeof(buf) };

	check_listed(in, 0, none);
	check_listed(b.in, 0, of_memory);
	check_listed(b.in, 1, of_space);
	initiator_close(in);
	odxd_stop(o);
	/* One command, with its usage bits. */
	all.reporting = 2;
	all.req_opcode = 0x83;
	all.req_sa = 0x11;
	CHECK_GOOD(command(b.in, 0, &all, buf, 255));
	CU_ASSERT_EQUAL(buf[1] & 7, 3);
	CHECK_BYTES(buf + 4, 16, scsi_ops[CMD_WRITE_USING_TOKEN].usage, 16);
	all.reporting = 1; /* an opcode that has service actions */
	CHECK_ILLEGAL(command(b.in, 0, &all, buf, 255), ASC_INVALID_FIELD_IN_CDB);
	bench_done(&b);
}

static void unknown_lun(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[255] = { 0 };
	struct inquiry q = { .type = 0 };
	struct tpc_range r = RANGE(0, 8);

	CHECK_GOOD(inquiry(b.in, 9, false, 0, buf, sizeof(buf)));
	CU_ASSERT(inquiry_decode(buf, sizeof(buf), &q));
	CU_ASSERT_EQUAL(q.qualifier, 3);
	CU_ASSERT_EQUAL(q.type, 0x1f);
	CHECK_ILLEGAL(tur(b.in, 9), ASC_LUN_NOT_SUPPORTED);
	CHECK_ILLEGAL(media(b.in, 9, CMD_READ_10, 0, 0, NULL, 0), ASC_LUN_NOT_SUPPORTED);
	CHECK_ILLEGAL(pt(b.in, 9, 1, &r, 1), ASC_LUN_NOT_SUPPORTED);
	bench_done(&b);
}

static void reserved_bits(void)
{
	struct bench b = bench_start(SIZE, "", NULL);
	uint8_t buf[512];
	struct answer a;

	/* NACA (SAM-5 5.2) and a reserved bit of READ(16)'s byte 1. */
	a = raw_command(b.in, 0, "00 00 00 00 00 04", DIR_NONE, NULL, 0);
	CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT(answer_cdb_ptr("NACA", a, 5));
	a = raw_command(b.in, 0, "00 00 00 01 00 00", DIR_NONE, NULL, 0);
	CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_CDB);
	CU_ASSERT(answer_cdb_ptr("TUR byte 3", a, 3));
	/* Protection information we do not have. */
	a = raw_command(b.in, 0, "88 20 00 00 00 00 00 00 00 00 00 00 00 01 00 00", DIR_IN, buf,
			512);
	CHECK_ILLEGAL(a, ASC_INVALID_FIELD_IN_CDB);
	bench_done(&b);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "the first command of a session gets 6/29/00, once per LUN",
		  first_command_unit_attention },
		{ "REQUEST SENSE: no sense, a pending unit attention, descriptor format",
		  request_sense },
		{ "standard INQUIRY data", standard_inquiry },
		{ "every VPD page is listed in order and can be read", vpd_list },
		{ "VPD 80h and 83h tell serial number and NAA", vpd_identity },
		{ "VPD 8Fh and B0h tell the limits of decisions.md 14 and 11", vpd_limits },
		{ "a LUN with third-party copy off has no trace of it", odx_off },
		{ "unsupported service actions are 5/24/00, opcodes 5/20/00", unsupported_sa },
		{ "READ CAPACITY 10 and 16 for 512 and 4096 byte blocks", capacity },
		{ "a LUN above 2 TiB: FFFFFFFFh in the short form, last block works",
		  large_capacity },
		{ "MODE SENSE 6 and 10: all pages, all page controls", mode_pages },
		{ "MODE SELECT 6 and 10: changeable bits only, others hear of it", mode_select },
		{ "D_SENSE: descriptor sense for a partial WUT, fixed inside RRTI",
		  descriptor_sense_of_a_copy },
		{ "SWP of the control page protects the LUN", software_write_protect },
		{ "REPORT LUNS lists all, through any LUN", report_luns },
		{ "REPORT SUPPORTED OPERATION CODES lists what there is", supported_opcodes },
		{ "a LUN that does not exist: INQUIRY 7Fh, else 5/25/00", unknown_lun },
		{ "NACA, reserved bits and RDPROTECT are 5/24/00 with a pointer", reserved_bits },
		TEST_END
	};

	return test_main(argc, argv, "e2e-basic", tests);
}
