/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Space that comes and goes: what a real file has allocated, seen from outside,
 * after commands over the wire.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "unmap.h"

#define SIZE (16 * MIB)

static uint64_t allocated(const char *path)
{
	struct stat st = { 0 };

	CU_ASSERT_EQUAL(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static struct answer unmap(struct initiator *in, unsigned lun, uint64_t lba, uint32_t blocks)
{
	struct unmap_range r = { lba, blocks };
	uint8_t list[UNMAP_HEADER_LEN + UNMAP_DESCRIPTOR_LEN];
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_UNMAP], .len = sizeof(list) };

	unmap_encode(list, sizeof(list), &r, 1);
	return command(in, lun, &cdb, list, sizeof(list));
}

/* WRITE SAME(16) of a block of @fill. */
static struct answer write_same(struct initiator *in, uint64_t lba, uint32_t blocks, uint8_t fill,
				bool with_unmap)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_WRITE_SAME_16],
				.lba = lba,
				.blocks = blocks,
				.unmap = with_unmap };
	uint8_t block[512];

	memset(block, fill, sizeof(block));
	return command(in, 0, &cdb, block, sizeof(block));
}

/* The state of the block @lba and how many follow in the same. */
static struct lba_status status(struct initiator *in, uint64_t lba)
{
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_GET_LBA_STATUS], .lba = lba, .len = 24 };
	struct lba_status s = { 0 };
	uint8_t data[24];
	unsigned n = 0;

	CHECK_GOOD(command(in, 0, &cdb, data, sizeof(data)));
	CU_ASSERT_TRUE(lba_status_decode(data, sizeof(data), &s, 1, &n) && n == 1);
	return s;
}

static void flush(struct initiator *in)
{
	CHECK_GOOD(media(in, 0, CMD_SYNCHRONIZE_CACHE_10, 0, 0, NULL, 0));
}

static void unmap_makes_holes_in_the_file(void)
{
	const char *path = make_filled("disk", SIZE, 1);
	struct odxd *o = ODXD("--lun", path);
	struct initiator *in = login_clear(o, 1);
	uint64_t before;
	struct lba_status s;

	flush(in);
	before = allocated(path);
	CU_ASSERT(before >= SIZE);
	CU_ASSERT_EQUAL(status(in, 5).provisioning, LBA_MAPPED);
	CHECK_GOOD(unmap(in, 0, 2048, 8192)); /* 1 MiB to 5 MiB */
	CU_ASSERT(allocated(path) <= before - 4 * MIB);
	CU_ASSERT(file_is(path, 0, MIB, 0, 1));
	CU_ASSERT(file_is_zero(path, MIB, 4 * MIB));
	CU_ASSERT(file_is(path, 5 * MIB, SIZE - 5 * MIB, 5 * MIB, 1));
	s = status(in, 2048);
	CU_ASSERT(s.provisioning == LBA_DEALLOCATED && s.blocks == 8192);
	s = status(in, 0);
	CU_ASSERT(s.provisioning == LBA_MAPPED && s.blocks == 2048);
	/* not whole blocks of the file system: zeros, too */
	CHECK_GOOD(unmap(in, 0, 1, 1));
	CU_ASSERT(lun_is_zero(in, 0, 512, 512, 512));
	CU_ASSERT(lun_is(in, 0, 512, 0, 512, 0, 1));
	CU_ASSERT(lun_is(in, 0, 512, 1024, MIB - 1024, 1024, 1));
	/* WRITE SAME: zeros are kept, with UNMAP given back */
	before = allocated(path);
	CHECK_GOOD(write_same(in, 10240, 8192, 0, false));
	flush(in);
	CU_ASSERT_EQUAL(allocated(path), before);
	CHECK_GOOD(write_same(in, 10240, 8192, 0, true));
	CU_ASSERT(allocated(path) <= before - 4 * MIB);
	CHECK_GOOD(write_same(in, 10240, 8192, 0x77, true));
	flush(in);
	CU_ASSERT(allocated(path) >= before);
	initiator_close(in);
	odxd_stop(o);
}

static void a_new_file_is_a_hole_or_all_there(void)
{
	const char *thin = tmp_path("thin"), *full = tmp_path("full");
	char thin_spec[512], full_spec[512];
	struct initiator *in;
	struct capacity cap;
	struct odxd *o;

	snprintf(thin_spec, sizeof(thin_spec), "%s,size=1T", thin);
	snprintf(full_spec, sizeof(full_spec), "%s,size=16M,provisioning=full", full);
	o = ODXD("--lun", full_spec, "--lun", thin_spec);
	in = login_clear(o, 2);
	CU_ASSERT_EQUAL(allocated(thin), 0);
	CU_ASSERT(allocated(full) >= SIZE);
	CHECK_GOOD(read_capacity(in, 1, &cap));
	CU_ASSERT(cap.lbpme && cap.lbprz);
	CHECK_GOOD(read_capacity(in, 0, &cap));
	CU_ASSERT(!cap.lbpme && !cap.lbprz);
	CHECK_ILLEGAL(unmap(in, 0, 0, 8), ASC_INVALID_OPCODE);
	CHECK_ILLEGAL(write_same(in, 0, 8, 0, true), ASC_INVALID_FIELD_IN_CDB);
	CHECK_GOOD(write_same(in, 0, 32768, 0, false));
	flush(in);
	CU_ASSERT(allocated(full) >= SIZE);
	CU_ASSERT_EQUAL(status(in, 0).provisioning, LBA_MAPPED);
	CU_ASSERT_EQUAL(status(in, 0).blocks, 32768);
	/* beyond 4 GiB and 2^32 blocks all the same */
	CHECK_GOOD(unmap(in, 1, 0x7fff0000, 0x10000));
	initiator_close(in);
	odxd_stop(o);
}

static void the_zero_token_gives_space_back(void)
{
	const char *path = make_filled("disk", SIZE, 1);
	struct odxd *o = ODXD("--lun", path);
	struct initiator *in = login_clear(o, 1);
	struct tpc_range r = RANGE(2048, 8192);
	uint8_t token[ROD_TOKEN_LEN] = { 0xff, 0xff, 0x00, 0x01, 0, 0, 0x01, 0xf8 };
	uint64_t before;

	flush(in);
	before = allocated(path);
	CHECK_GOOD(wut(in, 0, 1, token, 0, &r, 1));
	CU_ASSERT(allocated(path) <= before - 4 * MIB);
	CU_ASSERT(file_is_zero(path, MIB, 4 * MIB));
	CU_ASSERT(file_is(path, 5 * MIB, MIB, 5 * MIB, 1));
	initiator_close(in);
	odxd_stop(o);
}

static bool write_mib(struct initiator *in, unsigned mib, unsigned key, unsigned asc)
{
	static uint8_t data[MIB];
	struct answer a;

	memset(data, 0x55, sizeof(data));
	a = media(in, 0, CMD_WRITE_16, mib * (MIB / 512), MIB / 512, data, sizeof(data));
	return asc ? answer_is("write", a, key, asc) : answer_good("write", a);
}

/* A thin LUN larger than the file system under it. */
static void a_full_file_system_is_told_and_unmap_makes_room(void)
{
	const char *dir = tmp_path("small");
	char spec[512], path[256];
	struct initiator *in;
	struct odxd *o;

	if (mkdir(dir, 0700) < 0 || mount("none", dir, "tmpfs", 0, "size=4m") < 0) {
		test_skip("cannot mount a tmpfs here (needs root)");
		return;
	}
	snprintf(path, sizeof(path), "%s/disk", dir);
	snprintf(spec, sizeof(spec), "%s,size=16M", path);
	o = ODXD("--lun", spec);
	in = login_clear(o, 1);
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT(write_mib(in, i, 0, 0));
	CU_ASSERT(write_mib(in, 4, KEY_DATA_PROTECT, ASC_SPACE_ALLOCATION_FAILED));
	CHECK_SENSE(write_same(in, 4 * 2048, 4096, 1, false), KEY_DATA_PROTECT,
		    ASC_SPACE_ALLOCATION_FAILED);
	CU_ASSERT(write_mib(in, 0, 0, 0)); /* what is there can be written again */
	CHECK_GOOD(unmap(in, 0, 2048, 4096));
	CU_ASSERT(write_mib(in, 4, 0, 0));
	CU_ASSERT(lun_is_zero(in, 0, 512, MIB, 2 * MIB));
	initiator_close(in);
	odxd_stop(o);
	/* And a full one is refused at the start, with nothing left behind. */
	unlink(path);
	snprintf(spec, sizeof(spec), "%s,size=16M,provisioning=full", path);
	{
		struct run r = RUN(program("ODXD"), "--portal", "127.0.0.1:0", "--lun", spec);

		CU_ASSERT_EQUAL(r.status, 1);
		CU_ASSERT_PTR_NOT_NULL(strstr(r.err, "no space to create"));
		run_done(&r);
	}
	CU_ASSERT(access(path, F_OK) != 0);
	umount2(dir, MNT_DETACH);
}

static void read_only_luns_give_nothing_back(void)
{
	const char *path = make_filled("disk", MIB, 1);
	char spec[512];
	struct initiator *in;
	struct odxd *o;

	snprintf(spec, sizeof(spec), "%s,read-only,provisioning=thin", path);
	o = ODXD("--lun", spec);
	in = login_clear(o, 1);
	CHECK_SENSE(unmap(in, 0, 0, 8), KEY_DATA_PROTECT, ASC_WRITE_PROTECTED);
	CHECK_SENSE(write_same(in, 0, 8, 0, true), KEY_DATA_PROTECT, ASC_WRITE_PROTECTED);
	CU_ASSERT_EQUAL(status(in, 0).provisioning, LBA_MAPPED);
	CU_ASSERT(file_is(path, 0, MIB, 0, 1));
	initiator_close(in);
	odxd_stop(o);
}

/* Half a block of data, or two: the command is refused, the medium not touched. */
static void write_same_takes_one_block_of_data_exactly(void)
{
	const char *path = make_filled("disk", MIB, 1);
	struct odxd *o = ODXD("--lun", path);
	struct initiator *in = login_clear(o, 1);
	struct scsi_cdb cdb = { .op = &scsi_ops[CMD_WRITE_SAME_10], .blocks = 8 };
	uint8_t data[1024] = { 0 };

	CU_ASSERT_NOT_EQUAL(command(in, 0, &cdb, data, 256).status, SAM_GOOD);
	CU_ASSERT(file_is(path, 0, MIB, 0, 1));
	CHECK_GOOD(command(in, 0, &cdb, data, 512));
	CU_ASSERT(lun_is_zero(in, 0, 512, 0, 8 * 512));
	initiator_close(in);
	odxd_stop(o);
}

static void a_sparse_copy_writes_its_data_and_no_more(void)
{
	const char *src = make_file("sparse", SIZE), *dst = make_filled("filled", SIZE, 2);
	struct odxd *o = ODXD("--lun", src, "--lun", dst);
	struct initiator *in = login_clear(o, 2);
	struct tpc_range r = RANGE(0, SIZE / 512);
	uint8_t token[ROD_TOKEN_LEN];
	uint64_t zeroed;

	CU_ASSERT(write_pattern(in, 0, 512, 5 * MIB, MIB, 5 * MIB, 1));
	CU_ASSERT(take_token(in, 0, 1, &r, 1, token));
	CHECK_GOOD(wut(in, 1, 2, token, 0, &r, 1));
	/* Every byte came in one of the three ways; of the data none was zeroed. */
	CU_ASSERT_EQUAL(odxd_counter(o, 1, "bytes_offloaded"), SIZE);
	zeroed = odxd_counter(o, 1, "bytes_zeroed");
	CU_ASSERT_EQUAL(zeroed + odxd_counter(o, 1, "bytes_copied") +
				odxd_counter(o, 1, "bytes_grafted"),
			SIZE);
	CU_ASSERT(zeroed >= 14 * MIB && zeroed <= 15 * MIB);
	CU_ASSERT(file_is(dst, 5 * MIB, MIB, 5 * MIB, 1));
	initiator_close(in);
	odxd_stop(o);
	CU_ASSERT(allocated(dst) <= 2 * MIB);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "UNMAP and WRITE SAME make holes in the file", unmap_makes_holes_in_the_file },
		{ "a new file is a hole, or all there", a_new_file_is_a_hole_or_all_there },
		{ "the zero token gives space back", the_zero_token_gives_space_back },
		{ "a sparse copy writes its data and no more",
		  a_sparse_copy_writes_its_data_and_no_more },
		{ "a full file system: 7/27/07, and UNMAP makes room",
		  a_full_file_system_is_told_and_unmap_makes_room },
		{ "a read-only LUN gives nothing back", read_only_luns_give_nothing_back },
		{ "WRITE SAME takes one block of data exactly",
		  write_same_takes_one_block_of_data_exactly },
		TEST_END
	};

	return test_main(argc, argv, "e2e-space", tests);
}
