/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, in pieces and backwards, copied by the strict initiator: how many commands of which
 * kind it sends for which limits of the target (windows-initiator.md 8, the table), and that
 * the data is right.  The files lie in sparse disks: large ones have data at both ends of
 * every extent, small ones everywhere.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "engine.h"

#define DISK_SIZE (9 * GIB)
#define FULL	  (4 * MIB) /* a file up to this is filled, and compared, as a whole */
#define SAMPLE	  4096u
#define CLUSTER	  4096u

/* The rows of the table: MiB, 0 as on the wire; what a contiguous GiB then takes. */
struct row {
	uint64_t otc, mtts;
	const char *options;
	uint64_t pts, wuts;
};
static const struct row rows[] = {
	{ 0, 0, ",odx.optimal=0,odx.max-token=0", 1, 16 },
	{ 64 * MIB, 64 * MIB, ",odx.optimal=64M,odx.max-token=64M", 16, 16 },
	{ 256 * MIB, 256 * MIB, ",odx.optimal=256M,odx.max-token=256M", 4, 4 },
	{ GIB, 0, ",odx.optimal=1G,odx.max-token=0", 1, 4 },
	{ 0, 128 * MIB, ",odx.optimal=0,odx.max-token=128M", 8, 16 },
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

struct counts {
	uint64_t pts, rrtis, wuts, reads, writes;
};

/* Two disks behind one session, and a file on each. */
struct rig {
	struct odxd *o;
	struct initiator *in;
	struct disk_host host;
	struct disk disks[2];
	int fds[2];
	struct dsm_range *extents[2];
	struct fsctl_file files[2];
	unsigned violations;
};

static void violation(void *ctx, const struct strict_violation *v)
{
	struct rig *r = ctx;

	if (r->violations++ < 10)
		printf("%s: %s (%s)\n", v->name, v->text, v->detail);
}

static void rig_start(struct rig *r, const char *options, const char *dst_options, unsigned bs)
{
	static const char *const names[2] = { "src", "dst" };
	char spec[2][512], err[INITIATOR_ERR];

	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < 2; i++) {
		const char *path = make_file(names[i], DISK_SIZE);

		snprintf(spec[i], sizeof(spec[i]), "%s,block-size=%u,odx.deadline=60s%s%s", path,
			 bs, options, i ? dst_options : "");
		r->fds[i] = open(path, O_RDWR | O_CLOEXEC);
		CU_ASSERT_FATAL(r->fds[i] >= 0);
	}
	r->o = ODXD("--lun", spec[0], "--lun", spec[1]);
	r->in = login(r->o);
	/* The clock must not count: how fast this machine is says nothing here. */
	r->host = (struct disk_host) { .max_seconds = 3600,
				       .strict = { .found = violation, .ctx = r } };
	for (unsigned i = 0; i < 2; i++)
		if (disk_open(&r->disks[i], r->in, i, &r->host, err)) {
			printf("LUN %u: %s\n", i, err);
			CU_FAIL_FATAL("no disk");
		}
}

static void rig_done(struct rig *r)
{
	CU_ASSERT_EQUAL(r->violations, 0);
	initiator_close(r->in);
	odxd_stop(r->o);
	for (unsigned i = 0; i < 2; i++) {
		close(r->fds[i]);
		free(r->extents[i]);
	}
}

/*
 * A file of @size in @n extents of whole clusters, each before the one that it follows: the
 * first is the last on the disk.  Lengths differ; some lie together.
 */
static void lay_out(struct rig *r, unsigned side, uint64_t size, unsigned n)
{
	uint64_t clusters = (size + CLUSTER - 1) / CLUSTER, end = DISK_SIZE, left = clusters;
	struct dsm_range *v = calloc(n, sizeof(*v));

	CU_ASSERT_FATAL(v != NULL && n <= clusters);
	for (unsigned i = 0; i < n; i++) {
		uint64_t mean = left / (n - i), take = mean;

		if (i + 1 == n)
			take = left;
		else if (mean > 2 && i % 3 == 1)
			take = mean - mean / 3;
		v[i].len = take * CLUSTER;
		end -= v[i].len;
		v[i].off = end;
		left -= take;
		if (i % 4 == 3 && end > 2 * CLUSTER + left * CLUSTER)
			end -= CLUSTER; /* a gap now and then */
	}
	free(r->extents[side]);
	r->extents[side] = v;
	r->files[side] = (struct fsctl_file) {
		.disk = &r->disks[side],
		.extents = v,
		.n = n,
		.size = size,
		.valid = side ? 0 : size,
	};
}

/* ---- data ---- */

/* Puts @len bytes of the file at @off to the disk, or compares them: the pattern of @seed. */
static bool touch(struct rig *r, unsigned side, uint64_t off, uint64_t len, unsigned seed,
		  bool compare)
{
	static uint8_t buf[FULL + SAMPLE], got[FULL + SAMPLE];
	uint64_t size = r->files[side].size;

	if (off + len > size)
		len = size - off;
	pattern_fill(buf, off, len, seed);
	for (uint64_t done = 0; done < len;) {
		uint64_t at, part = fsctl_map(&r->files[side], off + done, &at);

		if (part > len - done)
			part = len - done;
		if (!compare && pwrite(r->fds[side], buf + done, part, (off_t)at) != (ssize_t)part)
			return false;
		if (compare && pread(r->fds[side], got + done, part, (off_t)at) != (ssize_t)part)
			return false;
		done += part;
	}
	return !compare || test_same_bytes("file", got, len, buf, len);
}

static bool touch_all(struct rig *r, unsigned side, unsigned seed, bool compare)
{
	const struct fsctl_file *f = &r->files[side];
	uint64_t off = 0;

	if (f->size <= FULL)
		return touch(r, side, 0, f->size, seed, compare);
	/* Around every border of the source's extents, and at the end. */
	for (unsigned i = 0; i < r->files[0].n; i++) {
		uint64_t end = off + r->files[0].extents[i].len;

		if (!touch(r, side, off, SAMPLE, seed, compare))
			return false;
		if (end <= f->size && !touch(r, side, end - SAMPLE, SAMPLE, seed, compare))
			return false;
		off = end;
	}
	return touch(r, side, (f->size - SAMPLE) & ~7ull, SAMPLE + 8, seed, compare);
}

/* In the middle of the source's extents is nothing, so nothing must be left of what was there. */
static bool holes(struct rig *r, bool check)
{
	static uint8_t buf[SAMPLE];
	uint64_t off = 0, at;

	for (unsigned i = 0; r->files[0].size > FULL && i < r->files[0].n; i++) {
		uint64_t len = r->files[0].extents[i].len, mid = off + len / 2 / SAMPLE * SAMPLE;

		off += len;
		if (len < 4 * SAMPLE || fsctl_map(&r->files[1], mid, &at) < SAMPLE)
			continue;
		memset(buf, 0x55, sizeof(buf));
		if (!check && pwrite(r->fds[1], buf, SAMPLE, (off_t)at) != SAMPLE)
			return false;
		if (check && (pread(r->fds[1], buf, SAMPLE, (off_t)at) != SAMPLE ||
			      !zeros_are("hole", buf, SAMPLE)))
			return false;
	}
	return true;
}

static void prepare(struct rig *r, uint64_t size, unsigned src_extents, unsigned dst_extents)
{
	for (unsigned i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(fallocate(r->fds[i], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
					  (off_t)DISK_SIZE),
				0);
	lay_out(r, 0, size, src_extents);
	lay_out(r, 1, size, dst_extents);
	CU_ASSERT(touch_all(r, 0, 1, false));
	CU_ASSERT(touch_all(r, 1, 2, false));
	CU_ASSERT(holes(r, false));
}

/* ---- the commands ---- */

static struct counts sent(const struct rig *r)
{
	struct initiator_counts c;

	memset(&c, 0, sizeof(c));
	initiator_add_counts(r->in, &c);
	return (struct counts) { .pts = c.sent[CMD_POPULATE_TOKEN],
				 .rrtis = c.sent[CMD_RECEIVE_ROD_TOKEN_INFORMATION],
				 .wuts = c.sent[CMD_WRITE_USING_TOKEN],
				 .reads = c.sent[CMD_READ_16],
				 .writes = c.sent[CMD_WRITE_16] };
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Where a command from @off on ends that may have 64 ranges. */
static uint64_t ranges_end(const struct fsctl_file *f, uint64_t off)
{
	uint64_t end = 0;
	unsigned i = 0;

	while (end + f->extents[i].len <= off)
		end += f->extents[i++].len;
	for (unsigned n = 0; n < 64 && i < f->n; n++)
		end += f->extents[i++].len;
	return end;
}

/* What the limits allow, counted anew: bytes and 64 ranges, both ends. */
static struct counts expected(const struct rig *r, const struct row *row)
{
	uint64_t pt_cap = row->otc ? row->otc : row->mtts ? row->mtts : UINT64_MAX;
	uint64_t wut_cap = least(row->otc ? row->otc : 64 * MIB, 256 * MIB);
	uint64_t size = r->files[0].size;
	struct counts c = { 0 };

	for (uint64_t off = 0; off < size;) {
		uint64_t token = least(pt_cap > size - off ? size : off + pt_cap,
				       least(size, ranges_end(&r->files[0], off)));

		c.pts++;
		while (off < token) {
			uint64_t chunk = least(token, off + 256 * MIB);

			for (; off < chunk; c.wuts++)
				off = least(least(chunk, off + wut_cap),
					    ranges_end(&r->files[1], off));
		}
	}
	c.rrtis = c.pts;
	return c;
}

static bool same_counts(const struct counts *got, const struct counts *want)
{
	if (memcmp(got, want, sizeof(*got)) == 0)
		return true;
	printf("sent %lu PT, %lu RRTI, %lu WUT, %lu READ, %lu WRITE;"
	       " expected %lu, %lu, %lu, %lu, %lu\n",
	       got->pts, got->rrtis, got->wuts, got->reads, got->writes, want->pts, want->rrtis,
	       want->wuts, want->reads, want->writes);
	return false;
}

static struct counts copy(struct rig *r, uint64_t ret_bytes[2])
{
	struct engine e = { .src = r->files[0], .dst = r->files[1] };
	struct counts before = sent(r), after;
	char err[INITIATOR_ERR] = "";

	if (engine_copy(&e, err)) {
		printf("%s\n", err);
		CU_FAIL("the copy failed");
	}
	if (e.fallback[0] && e.src.disk->has_odx && e.dst.disk->has_odx && !e.src.least)
		printf("fallback: %s\n", e.fallback);
	after = sent(r);
	ret_bytes[0] = e.offloaded;
	ret_bytes[1] = e.copied;
	return (struct counts) { .pts = after.pts - before.pts,
				 .rrtis = after.rrtis - before.rrtis,
				 .wuts = after.wuts - before.wuts,
				 .reads = after.reads - before.reads,
				 .writes = after.writes - before.writes };
}

/* ---- tests ---- */

static const struct {
	uint64_t size;
	unsigned src, dst;
} shapes[] = {
	{ 1, 1, 1 }, /* one sector: the size is set below */
	{ 64 * KIB, 16, 3 }, { 3 * MIB + 512 + 100, 65, 64 }, { GIB, 1, 1 },
	{ GIB, 64, 65 },     { GIB + 4096, 500, 1 },	      { 2 * GIB - 4096, 1, 500 },
	{ 8 * GIB, 1, 1 },   { 8 * GIB, 500, 129 },
};
#define NSHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void one_shape(struct rig *r, const struct row *row, unsigned i, unsigned bs)
{
	uint64_t size = i == 0 ? bs : shapes[i].size, bytes[2];
	struct counts got, want;
	bool ok;

	prepare(r, size, shapes[i].src, shapes[i].dst);
	want = expected(r, row);
	if (size == GIB && shapes[i].src == 1) { /* the table itself */
		CU_ASSERT_EQUAL(want.pts, row->pts);
		CU_ASSERT_EQUAL(want.wuts, row->wuts);
	}
	got = copy(r, bytes);
	ok = same_counts(&got, &want) && bytes[0] == size && bytes[1] == 0;
	ok = ok && touch_all(r, 1, 1, true) && holes(r, true);
	/* Nothing outside the file: the gaps and the head of the disk. */
	if (!ok)
		printf("file of %lu bytes, %u and %u extents, blocks of %u, OTC %lu, MTTS %lu\n",
		       size, shapes[i].src, shapes[i].dst, bs, row->otc, row->mtts);
	CU_ASSERT(ok);
}

static void table(unsigned bs)
{
	for (unsigned i = 0; i < NROWS; i++) {
		struct rig r;

		rig_start(&r, rows[i].options, "", bs);
		for (unsigned j = 0; j < NSHAPES; j++)
			one_shape(&r, &rows[i], j, bs);
		rig_done(&r);
	}
}

static void sectors_of_512(void)
{
	table(512);
}

static void sectors_of_4096(void)
{
	table(4096);
}

static void below_a_page(void)
{
	const struct counts plain = { .reads = 1, .writes = 1 };
	struct counts got;
	uint64_t bytes[2];
	struct rig r;

	/* As Windows does it: not worth a token. */
	rig_start(&r, "", "", 512);
	prepare(&r, 512, 1, 1);
	r.files[0].least = r.files[1].least = FSCTL_LEAST;
	got = copy(&r, bytes);
	CU_ASSERT(same_counts(&got, &plain));
	CU_ASSERT_EQUAL(bytes[1], 512);
	CU_ASSERT(touch_all(&r, 1, 1, true));
	rig_done(&r);
}

static void by_read_and_write(void)
{
	struct counts got;
	uint64_t bytes[2];
	struct rig r;

	rig_start(&r, "", ",odx.enabled=no", 512);
	prepare(&r, 3 * MIB + 100, 65, 7);
	got = copy(&r, bytes);
	CU_ASSERT_EQUAL(got.pts + got.wuts, 0);
	CU_ASSERT(got.reads >= 65 && got.reads == got.writes);
	CU_ASSERT_EQUAL(bytes[1], 3 * MIB + 100);
	CU_ASSERT(touch_all(&r, 1, 1, true));
	rig_done(&r);
}

static void valid_data(void)
{
	struct engine e;
	char err[INITIATOR_ERR];
	struct rig r;

	/* What lies behind the valid data of the source is nobody's business. */
	rig_start(&r, "", "", 512);
	prepare(&r, 2 * MIB, 5, 3);
	r.files[0].valid = MIB + 100;
	e = (struct engine) { .src = r.files[0], .dst = r.files[1] };
	CU_ASSERT_EQUAL(engine_copy(&e, err), 0);
	CU_ASSERT_EQUAL(e.offloaded, MIB + 512);
	CU_ASSERT_EQUAL(e.zeros, MIB - 512);
	CU_ASSERT_EQUAL(e.dst.valid, MIB + 512);
	CU_ASSERT(touch(&r, 1, 0, MIB + 512, 1, true));
	CU_ASSERT(touch(&r, 1, MIB + 512, MIB - 512, 2, true));
	rig_done(&r);
}

/* What the target says to each kind of token type. */
static void token_types(void)
{
	static const struct {
		uint8_t type[4];
		enum ntstatus nt;
	} types[] = {
		{ { 0xff, 0xff, 0x00, 0x01 }, NT_SUCCESS }, /* zeros */
		{ { 0xff, 0xff, 0x00, 0x02 }, NT_INVALID_TOKEN },
		{ { 0xff, 0xff, 0xff, 0xff }, NT_INVALID_TOKEN },
		{ { 0x00, 0x80, 0x00, 0x00 }, NT_INVALID_TOKEN }, /* its own, never made */
	};
	struct fsctl_write_in in = { .copy_length = 64 * KIB };
	struct fsctl_write_out out;
	static uint8_t buf[64 * KIB];
	char err[INITIATOR_ERR];
	struct rig r;

	rig_start(&r, "", "", 512);
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		prepare(&r, 64 * KIB, 1, 1);
		rod_token_encode_zero(in.token);
		memcpy(in.token, types[i].type, 4);
		CU_ASSERT_EQUAL(fsctl_offload_write(&r.files[1], &in, &out, err), types[i].nt);
		CU_ASSERT_EQUAL(out.length_written, types[i].nt ? 0 : 64 * KIB);
		CU_ASSERT_EQUAL(pread(r.fds[1], buf, sizeof(buf), (off_t)r.files[1].extents[0].off),
				(ssize_t)sizeof(buf));
		CU_ASSERT(types[i].nt ? pattern_is("kept", buf, 0, sizeof(buf), 2)
				      : zeros_are("zeroed", buf, sizeof(buf)));
	}
	rig_done(&r);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "sectors of 512: the table's commands, 1 sector to 8 GiB, 1 to 500 extents",
		  sectors_of_512 },
		{ "sectors of 4096: the same", sectors_of_4096 },
		{ "a file below a page goes by READ and WRITE", below_a_page },
		{ "files in pieces go by READ and WRITE where there is no offload",
		  by_read_and_write },
		{ "nothing is copied from behind the valid data", valid_data },
		{ "token types: zeros, reserved, the target's own", token_types },
		TEST_END,
	};

	return test_main(argc, argv, "e2e-files", tests);
}
