/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token stands for what was there when it was made: the source is overwritten before,
 * during and after the copy, on every kind of storage, and the old data arrives.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "mounts.h"

#define SIZE   (32 * MIB)
#define BLOCKS 16384u /* of the token, 8 MiB */
#define BEFORE 1
#define DURING 2
#define AFTER  3
#define OLD    10
#define DST    11

struct kind {
	const char *fs; /* made for the test; NULL: the test's own directory */
	const char *options;
	bool memory, device;
};

/* Everything between the two sessions of one run. */
struct scene {
	struct mounted fs;
	struct loop loop[2];
	char spec[2][512];
	struct odxd *o;
	struct initiator *in, *other;
};

/* What --lun says of LUN @i. */
static bool place(struct scene *s, const struct kind *k, unsigned i)
{
	static const char *const names[2] = { "src", "dst" };
	/* So slow that writes come in the middle of the copy. */
	const char *slow = i ? ",fault=rate:16M" : "";
	static unsigned files;
	char name[32];

	if (k->memory) {
		snprintf(s->spec[i], sizeof(s->spec[i]), "mem:%s,size=32M%s", names[i], slow);
		return true;
	}
	snprintf(name, sizeof(name), "%s%s%s%u", k->fs ? k->fs : "", k->fs ? "/" : "", names[i],
		 files++);
	if (!k->device) {
		snprintf(s->spec[i], sizeof(s->spec[i]), "%s,size=32M%s%s", tmp_path(name),
			 k->options, slow);
		return true;
	}
	if (!loop_init(&s->loop[i], make_file(names[i], SIZE), 512))
		return false;
	snprintf(s->spec[i], sizeof(s->spec[i]), "%s%s", s->loop[i].path, slow);
	return true;
}

static bool scene_start(struct scene *s, const struct kind *k)
{
	char dir[256];

	memset(s, 0, sizeof(*s));
	snprintf(dir, sizeof(dir), "%s", tmp_path("x"));
	*strrchr(dir, '/') = '\0';
	if (k->fs && !mount_in(&s->fs, dir, k->fs))
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (!place(s, k, i))
			return false;
	s->o = ODXD("--lun", s->spec[0], "--lun", s->spec[1]);
	s->in = login_clear(s->o, 2);
	s->other = login_clear(s->o, 2);
	CU_ASSERT(write_pattern(s->in, 0, 512, 0, BLOCKS * 512, 0, OLD));
	return true;
}

static void scene_end(struct scene *s, const struct kind *k)
{
	initiator_close(s->other);
	initiator_close(s->in);
	odxd_stop(s->o);
	for (unsigned i = 0; k->device && i < 2; i++)
		loop_done(&s->loop[i]);
	if (k->fs)
		mount_done(&s->fs);
}

/* New data over [@lba, @lba + @blocks) of the source, from the other session. */
static void overwrite(struct scene *s, uint64_t lba, uint32_t blocks, unsigned with)
{
	CU_ASSERT(write_pattern(s->other, 0, 512, lba * 512, blocks * 512, lba * 512, with));
}

static bool source_is(struct scene *s, uint64_t lba, uint32_t blocks, unsigned with)
{
	return lun_is(s->other, 0, 512, lba * 512, blocks * 512, lba * 512, with);
}

/* A WUT of all of the token, over which the source is written. */
static void copy_during_writes(struct scene *s, const uint8_t *token)
{
	struct tpc_range to = RANGE(0, BLOCKS);
	uint8_t list[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
			      .list_id = 2,
			      .len = sizeof(list) };
	struct initiator_cmd cmd;

	tpc_wut_encode(list, sizeof(list), false, false, 0, token, &to, 1);
	cmd = initiator_cmd(&c, list, sizeof(list));
	initiator_submit(s->in, 1, &cmd);
	serve_for(s->in, 100);
	CU_ASSERT(cmd.busy);
	overwrite(s, 0, 512, DURING);	   /* what has been copied  */
	overwrite(s, 8000, 1024, DURING);  /* what is being copied  */
	overwrite(s, 15000, 1384, DURING); /* what is copied later */
	initiator_wait(s->in, &cmd);
	CHECK_GOOD(answer_of(&cmd));
}

static void old_data_arrives(const struct kind *k)
{
	const struct tpc_range from = RANGE(0, BLOCKS), again = RANGE(20000, BLOCKS);
	uint8_t token[ROD_TOKEN_LEN];
	struct scene s;

	if (!scene_start(&s, k))
		return;
	CU_ASSERT(take_token(s.in, 0, 1, &from, 1, token));
	overwrite(&s, 1000, 3000, BEFORE);
	copy_during_writes(&s, token);
	CU_ASSERT(lun_is(s.in, 1, 512, 0, BLOCKS * 512, 0, OLD));
	CU_ASSERT(source_is(&s, 0, 512, DURING) && source_is(&s, 512, 488, OLD));
	CU_ASSERT(source_is(&s, 1000, 3000, BEFORE) && source_is(&s, 8000, 1024, DURING));
	/* All of it anew; and the token is what it was. */
	overwrite(&s, 0, BLOCKS, AFTER);
	CHECK_GOOD(wut(s.other, 1, 3, token, 0, &again, 1));
	CU_ASSERT(lun_is(s.in, 1, 512, 20000 * 512, BLOCKS * 512, 0, OLD));
	CU_ASSERT(lun_is(s.in, 1, 512, 0, BLOCKS * 512, 0, OLD));
	CU_ASSERT(source_is(&s, 0, BLOCKS, AFTER));
	scene_end(&s, k);
}

static void in_memory(void)
{
	old_data_arrives(&(struct kind) { .memory = true });
}

static void on_ext4(void)
{
	old_data_arrives(&(struct kind) { .fs = "ext4", .options = "" });
}

static void direct(void)
{
	old_data_arrives(&(struct kind) { .options = ",direct" });
}

static void full(void)
{
	old_data_arrives(&(struct kind) { .options = ",provisioning=full" });
}

static void on_xfs(void)
{
	old_data_arrives(&(struct kind) { .fs = "xfs", .options = "" });
}

static void on_btrfs(void)
{
	old_data_arrives(&(struct kind) { .fs = "btrfs", .options = "" });
}

static void on_a_device(void)
{
	old_data_arrives(&(struct kind) { .device = true });
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "memory: overwritten before, during and after, the old data arrives", in_memory },
		{ "ext4: the same", on_ext4 },
		{ "O_DIRECT: the same", direct },
		{ "a fully provisioned file: the same", full },
		{ "XFS: the same", on_xfs },
		{ "btrfs: the same", on_btrfs },
		{ "a block device: the same", on_a_device },
		TEST_END
	};

	return test_main(argc, argv, "e2e-point-in-time", tests);
}
