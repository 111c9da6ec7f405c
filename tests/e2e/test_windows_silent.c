/* SPDX-License-Identifier: Apache-2.0 */
/*
 * windows-initiator.md 11, "mistakes that make Windows silently fall back": items 1 to 21
 * and 23, as its class driver meets them.  Item 22 is about the host alone (filters,
 * registry, kinds of files): docs/windows.md.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "windows.h"

#define SIZE   (8 * MIB)
#define BLOCKS (SIZE / 512)

/* ---- discovery ---- */

/* Two LUNs of one kind, discovered. */
struct pair {
	struct odxd *o;
	struct win w;
	const char *src, *dst;
};

static void pair_open(struct pair *p, const char *src_options, const char *dst_options)
{
	char spec[2][512];

	p->src = make_filled("src", SIZE, 1);
	p->dst = make_filled("dst", SIZE, 2);
	snprintf(spec[0], sizeof(spec[0]), "%s%s", p->src, src_options);
	snprintf(spec[1], sizeof(spec[1]), "%s%s", p->dst, dst_options);
	p->o = ODXD("--lun", spec[0], "--lun", spec[1]);
	win_open(&p->w, p->o, 0, NULL);
}

static void pair_close(struct pair *p)
{
	win_close(&p->w);
	odxd_stop(p->o);
}

/* All of it goes by token. */
static void check_offload(const char *src_options, const char *dst_options)
{
	struct pair p;

	pair_open(&p, src_options, dst_options);
	CU_ASSERT(win_copies(&p.w, SIZE));
	pair_close(&p);
}

static const struct disk_seen *seen(const struct pair *p, enum disk_step step)
{
	return &p->w.disk[0].seen[step];
}

static void i01(void)
{
	static const char *const kinds[] = {
		"",	   ",provisioning=full", ",unmap=false", ",removable",
		",direct", ",block-size=4096",	 ",read-only"
	};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct pair p;
		const uint8_t *list;

		pair_open(&p, kinds[k], "");
		list = seen(&p, STEP_VPD_00)->data + 3;
		for (unsigned i = 2; i <= list[0]; i++)
			CU_ASSERT(list[i] > list[i - 1]);
		CU_ASSERT_PTR_NOT_NULL(memchr(list + 1, 0x8f, list[0]));
		pair_close(&p);
	}
}

static void i02(void)
{
	struct pair p;

	pair_open(&p, "", "");
	CU_ASSERT_EQUAL(get_be16(seen(&p, STEP_VPD_8F)->data + 4), 0x0000);
	pair_close(&p);
}

static void i03(void)
{
	struct pair p;

	pair_open(&p, "", "");
	CU_ASSERT_EQUAL(get_be16(seen(&p, STEP_VPD_8F)->data + 6), 0x20);
	CU_ASSERT(get_be16(seen(&p, STEP_VPD_8F)->data + 2) >= 0x24);
	pair_close(&p);
}

static void i04(void)
{
	struct pair p;
	uint8_t buf[DISK_VPD_LEN];

	pair_open(&p, "", "");
	for (enum disk_step step = STEP_VPD_00; step <= STEP_VPD_8F; step++) {
		CU_ASSERT(seen(&p, step)->sent);
		CU_ASSERT_EQUAL(seen(&p, step)->nt, NT_SUCCESS);
	}
	/* Every page that is listed. */
	for (unsigned i = 0; i < p.w.disk[0].vpd.n; i++)
		CHECK_GOOD(inquiry(p.w.in, 0, true, p.w.disk[0].vpd.pages[i], buf, sizeof(buf)));
	pair_close(&p);
}

static void i05(void)
{
	static const char *const kinds[] = { "", ",block-size=4096" };

	for (unsigned k = 0; k < 2; k++) {
		struct pair p;
		const struct disk *d = &p.w.disk[0];

		pair_open(&p, kinds[k], kinds[k]);
		CU_ASSERT_EQUAL(d->odx.max_token_blocks * d->capacity.block_size, 4 * GIB);
		CU_ASSERT_EQUAL(disk_pt_cap(d) * d->capacity.block_size, 256 * MIB);
		CU_ASSERT_EQUAL(disk_wut_cap(d) * d->capacity.block_size, 256 * MIB);
		pair_close(&p);
	}
}

static void i06(void)
{
	struct tpc_range r = RANGE(0, 8);
	struct disk_token token;
	char err[INITIATOR_ERR] = "";
	struct pair p;

	pair_open(&p, "", "");
	CU_ASSERT(p.w.disk[0].odx.max_timeout >= 600);
	CU_ASSERT_EQUAL(disk_offload_read(&p.w.disk[0], &r, 1, 600, &token, err), NT_SUCCESS);
	pair_close(&p);
}

static void i07(void)
{
	/* One descriptor for all of it, whatever MAXIMUM TRANSFER LENGTH says. */
	struct tpc_range all = RANGE(0, BLOCKS);
	struct disk_token token;
	char err[INITIATOR_ERR] = "";
	uint64_t done = 0;
	struct pair p;

	pair_open(&p, "", "");
	CU_ASSERT_EQUAL(disk_offload_read(&p.w.disk[0], &all, 1, 0, &token, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(disk_offload_write(&p.w.disk[1], token.token, 0, &all, 1, &done, err),
			NT_SUCCESS);
	CU_ASSERT_EQUAL(done, BLOCKS);
	pair_close(&p);
}

/* ---- POPULATE TOKEN and RECEIVE ROD TOKEN INFORMATION ---- */

/* A read and a write whose identifiers begin with @id; all but the counter is 0. */
static void check_from_id(uint32_t id)
{
	struct pair p;

	pair_open(&p, "", "");
	p.w.host.next_list_id = id;
	CU_ASSERT(win_copies(&p.w, SIZE));
	pair_close(&p);
}

static void i08(void)
{
	check_from_id(0);
}

static void i09(void)
{
	check_from_id(0x01020304);
	check_from_id(UINT32_MAX); /* and 0 comes next */
}

static void i10(void)
{
	/* Cut short by the token, and by the deadline. */
	struct ended e[WAYS_TO_END];
	struct pair p;

	ways_to_end(e);
	for (unsigned i = 0; i < WAYS_TO_END; i++)
		CU_ASSERT(e[i].q.r.status != 0x04 && (e[i].q.r.status & 0xf0) != 0x10);
	pair_open(&p, ",odx.token-covers=1M,odx.optimal=1M", ",fault=rate:8M,odx.deadline=300ms");
	CU_ASSERT(win_copies(&p.w, SIZE));
	pair_close(&p);
}

static void i11(void)
{
	struct ended e[WAYS_TO_END];

	ways_to_end(e);
	for (unsigned i = 0; i < WAYS_TO_END; i++)
		CU_ASSERT(e[i].q.r.descriptors_len == 514 || e[i].q.r.descriptors_len == 0);
	CU_ASSERT_EQUAL(e[0].q.r.descriptors_len, 514);
}

static void i12(void)
{
	struct bench b = bench_start(SIZE, ",odx.token-covers=1M,odx.optimal=1M", "");
	struct tpc_range more = RANGE(0, 2049), to = RANGE(0, 2048);
	struct rrti q;

	/* With sense before it: 18 bytes in a longer field. */
	CHECK_GOOD(pt(b.in, 0, 1, &more, 1));
	rrti(b.in, 0, 1, DISK_RRTI_PT_LEN, &q);
	CHECK_GOOD(q.answer);
	CU_ASSERT(q.data[13] > q.data[14] && q.data[14] > 0);
	CHECK_GOOD(wut(b.in, 1, 2, q.data + 38 + q.data[13], 0, &to, 1));
	CU_ASSERT(file_is(b.dst, 0, MIB, 0, 1));
	bench_done(&b);
}

static void i13(void)
{
	struct tpc_range r = RANGE(0, 100);
	struct disk_token token = { .blocks = 0 };
	char err[INITIATOR_ERR] = "";
	struct pair p;

	pair_open(&p, ",block-size=4096", "");
	CU_ASSERT_EQUAL(disk_offload_read(&p.w.disk[0], &r, 1, 0, &token, err), NT_SUCCESS);
	CU_ASSERT_EQUAL(token.blocks, 100);
	pair_close(&p);
}

static void i14(void)
{
	struct ended e[WAYS_TO_END];

	ways_to_end(e);
	for (unsigned i = 0; i < WAYS_TO_END; i++)
		if (e[i].q.r.status == TPC_FAILED) {
			CU_ASSERT_EQUAL(e[i].q.r.count, 0);
			CU_ASSERT_PTR_NULL(e[i].q.r.token);
		}
}

/* ---- WRITE USING TOKEN ---- */

static void i15(void)
{
	/* Cut by each of the causes; what Windows takes for written is. */
	static const char *const causes[] = { ",fault=rate:8M,odx.deadline=300ms",
					      ",fault=write-error:5M:4K", ",fault=enospc:5M" };

	for (unsigned i = 0; i < 3; i++) {
		struct tpc_range all = RANGE(0, BLOCKS);
		struct disk_token token;
		char err[INITIATOR_ERR] = "";
		uint64_t done = 0;
		struct pair p;

		pair_open(&p, "", causes[i]);
		CU_ASSERT_EQUAL(disk_offload_read(&p.w.disk[0], &all, 1, 0, &token, err),
				NT_SUCCESS);
		CU_ASSERT_EQUAL(disk_offload_write(&p.w.disk[1], token.token, 0, &all, 1, &done,
						   err),
				NT_SUCCESS);
		CU_ASSERT(done > 0 && done < BLOCKS);
		CU_ASSERT(file_is(p.dst, 0, done * 512, 0, 1));
		pair_close(&p);
	}
}

static void i16(void)
{
	struct tpc_range past = RANGE(BLOCKS, 1), r = RANGE(0, 8);
	struct disk_token token;
	char err[INITIATOR_ERR] = "";
	uint64_t done;
	struct pair p;

	pair_open(&p, "", "");
	CU_ASSERT_EQUAL(disk_offload_read(&p.w.disk[0], &r, 1, 0, &token, err), NT_SUCCESS);
	/* The cause, by way of RRTI; without a result it would be an invalid path. */
	CU_ASSERT_EQUAL(disk_offload_write(&p.w.disk[1], token.token, 0, &past, 1, &done, err),
			NT_NONEXISTENT_SECTOR);
	CU_ASSERT_EQUAL(win_sent(&p.w, CMD_RECEIVE_ROD_TOKEN_INFORMATION), 2);
	pair_close(&p);
}

static void i17(void)
{
	struct bench b = bench_start(SIZE, "", ",block-size=4096,fault=rate:8M,odx.deadline=300ms");
	struct tpc_range all = RANGE(0, BLOCKS), to = RANGE(0, BLOCKS / 8);
	uint8_t token[ROD_TOKEN_LEN];
	struct answer a;

	CU_ASSERT(take_token(b.in, 0, 1, &all, 1, token));
	a = wut(b.in, 1, 2, token, 0, &to, 1);
	CHECK_SENSE(a, KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);
	/* Blocks of 4096 bytes, less than were asked for. */
	CU_ASSERT(a.sense.info > 0 && a.sense.info < BLOCKS / 8);
	CU_ASSERT(file_is(b.dst, 0, a.sense.info * 4096, 0, 1));
	bench_done(&b);
}

/* Slow storage under a host that gives up after 10 s, Windows' default. */
static void i18(void)
{
	const struct initiator_options usual = { .timeout_s = 10 };
	struct bench b = bench_start(SIZE, "", ",fault=rate:1M");
	struct engine e;
	char err[INITIATOR_ERR] = "";
	struct win w;

	win_open(&w, b.o, 0, &usual);
	e = (struct engine) { .src = fsctl_lun(&w.disk[0]), .dst = fsctl_lun(&w.disk[1]) };
	CU_ASSERT_EQUAL(engine_copy(&e, err), 0);
	CU_ASSERT_EQUAL(e.offloaded, SIZE);
	CHECK_GOOD(tur(b.in, 1)); /* no reset */
	win_close(&w);
	CU_ASSERT(file_is(b.dst, 0, SIZE, 0, 1));
	bench_done(&b);
}

static void i19(void)
{
	/* All of it takes 8 s: within the 4 s of a DSM write there is room for a command. */
	struct bench b = bench_start(SIZE, "", ",fault=rate:1M");
	struct tpc_range all = RANGE(0, BLOCKS);
	uint8_t token[ROD_TOKEN_LEN];
	double begun;

	CU_ASSERT(take_token(b.in, 0, 1, &all, 1, token));
	begun = seconds_now();
	CHECK_SENSE(wut(b.in, 1, 2, token, 0, &all, 1), KEY_COPY_ABORTED,
		    ASC_COPY_TARGET_DATA_UNDERRUN);
	CU_ASSERT(seconds_now() - begun < (sanitized() ? 8.0 : 4.0));
	bench_done(&b);
}

static void i20(void)
{
	const struct initiator_options host = { .isid = 0x1234 };
	struct pair p;

	pair_open(&p, "", "");
	win_close(&p.w);
	/* The machine boots again, and counts from 0; nothing was ever forgotten. */
	for (unsigned boot = 0; boot < 3; boot++) {
		win_open(&p.w, p.o, 0, &host);
		CU_ASSERT(win_copies(&p.w, SIZE));
		p.w.host.next_list_id = 0;
		CU_ASSERT(win_copies(&p.w, SIZE));
		win_close(&p.w);
	}
	odxd_stop(p.o);
}

static void i21(void)
{
	const char *path[3];
	struct tpc_range r = RANGE(0, 8);
	struct initiator *in;
	struct odxd *o;

	path[0] = make_filled("a", MIB, 1);
	path[1] = make_filled("b", MIB, 2);
	path[2] = make_filled("c", MIB, 3);
	o = ODXD("--lun", path[0], "--lun", path[1], "--lun", path[2]);
	in = login_clear(o, 3);
	for (unsigned i = 0; i < 9; i++) {
		uint8_t token[ROD_TOKEN_LEN];

		CU_ASSERT(take_token(in, i / 3, 2 * i, &r, 1, token));
		CHECK_GOOD(wut(in, i % 3, 2 * i + 1, token, 0, &r, 1));
	}
	initiator_close(in);
	odxd_stop(o);
}

static void i23(void)
{
	/* Windows waits three minutes; the target does not hold a failure against it. */
	struct bench b = bench_start(SIZE, ",odx.optimal=1M", ",answer=83/11:2:1:4/44/00");
	struct win w;

	win_open(&w, b.o, 0, NULL);
	CU_ASSERT(win_copies(&w, MIB));
	CU_ASSERT(win_copies(&w, SIZE));
	win_close(&w);
	bench_done(&b);
}

static void kinds_of_luns(void)
{
	check_offload("", "");
	check_offload(",provisioning=full", ",provisioning=full");
	check_offload(",direct", ",direct");
	check_offload(",point-in-time=cancel", ",unmap=false");
	check_offload(",block-size=4096", ",block-size=4096");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "11 a copy between LUNs of any kind goes by token, all of it", kinds_of_luns },
		{ "11.1 8Fh is listed, and the list is in order, for every kind of LUN", i01 },
		{ "11.2 no other descriptor comes before the token limits", i02 },
		{ "11.3 the descriptor's length is 20h, the page's 24h at least", i03 },
		{ "11.4 an INQUIRY of 255 bytes is good for every page", i04 },
		{ "11.5 MTTS and OTC are not in bytes", i05 },
		{ "11.6 MIAT is not below what applications use", i06 },
		{ "11.7 one descriptor may be larger than MAXIMUM TRANSFER LENGTH", i07 },
		{ "11.8 ROD type, timeout and list identifier 0 are taken", i08 },
		{ "11.9 RRTI finds the list identifier where it stands", i09 },
		{ "11.10 cut short is 03h, never 04h or in progress", i10 },
		{ "11.11 the token descriptors' length is 514", i11 },
		{ "11.12 the token stands behind the sense field, not the sense", i12 },
		{ "11.13 the transfer count is in blocks", i13 },
		{ "11.14 02h comes without token and count", i14 },
		{ "11.15 a WUT done in part is never GOOD", i15 },
		{ "11.16 the result of a failed WUT is kept", i16 },
		{ "11.17 INFORMATION is in blocks, not above what was asked for", i17 },
		{ "11.18 no WUT is slower than the host waits", i18 },
		{ "11.19 no WUT takes more than 4 s", i19 },
		{ "11.20 identifiers used before a reboot are free", i20 },
		{ "11.21 every LUN reaches every other one", i21 },
		{ "11.23 after a failure the next copy is offloaded", i23 },
		TEST_END
	};

	return test_main(argc, argv, "e2e-windows-silent", tests);
}
