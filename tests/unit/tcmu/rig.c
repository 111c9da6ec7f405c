/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct tcmur_handler *rig_handler;
static char dir[64];

void rig_init(void)
{
	snprintf(dir, sizeof(dir), "/tmp/odx-tcmu-XXXXXX");
	if (!mkdtemp(dir)) {
		perror(dir);
		exit(1);
	}
	rig_handler = fake_load(HANDLER);
}

void rig_done(void)
{
	char rm[96];

	snprintf(rm, sizeof(rm), "rm -rf %s", dir);
	if (system(rm) != 0)
		perror(rm);
}

static char *next_string(void)
{
	static char strings[8][512];
	static unsigned n;

	return strings[n++ % 8];
}

const char *rig_path(const char *name)
{
	char *s = next_string();

	snprintf(s, 512, "%s/%s", dir, name);
	return s;
}

const char *rig_cfgstring(const char *name, const char *options)
{
	char *s = next_string();

	snprintf(s, 512, "odx/%s/%s%s", dir, name, options);
	return s;
}

struct tcmu_device *rig_open(const char *name, const char *options)
{
	const struct fake_config cfg = { .cfgstring = rig_cfgstring(name, options),
					 .serial = RIG_SERIAL,
					 .size = RIG_SIZE,
					 .block_size = 512,
					 .max_sectors = 8192 };
	struct tcmu_device *dev = NULL;

	CU_ASSERT_EQUAL_FATAL(fake_open(&dev, &cfg), 0);
	return dev;
}

unsigned rig_kcq(const struct fake_cmd *f)
{
	struct sense s;

	CU_ASSERT_EQUAL(f->times, 1);
	if (f->status == TCMU_STS_OK)
		return 0;
	if (f->status != TCMU_STS_PASSTHROUGH_ERR || !sense_decode(f->sense, sizeof(f->sense), &s))
		return 0x1000000u + (unsigned)f->status;
	return (unsigned)s.key << 16 | (unsigned)s.asc << 8 | s.ascq;
}

unsigned rig_run(struct tcmu_device *dev, const struct scsi_cdb *cdb, void *data, size_t len)
{
	struct iovec iov = { data, len };
	struct fake_cmd f = { .iov = &iov, .niov = len ? 1 : 0 };

	scsi_cdb_encode(cdb, f.cdb);
	fake_submit(dev, &f);
	fake_wait(dev, &f);
	return rig_kcq(&f);
}

struct scsi_cdb rig_cdb(enum scsi_cmd cmd)
{
	return (struct scsi_cdb) { .op = &scsi_ops[cmd] };
}

struct scsi_cdb rig_rw(enum scsi_cmd cmd, uint64_t lba, uint32_t blocks)
{
	struct scsi_cdb cdb = rig_cdb(cmd);

	cdb.lba = lba;
	cdb.blocks = blocks;
	return cdb;
}

void rig_fill(struct tcmu_device *dev, uint64_t lba, uint32_t blocks, uint8_t fill)
{
	struct scsi_cdb cdb = rig_rw(CMD_WRITE_16, lba, blocks);
	uint8_t *data = malloc((size_t)blocks * 512);

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	memset(data, fill, (size_t)blocks * 512);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, data, (size_t)blocks * 512), 0);
	free(data);
}

bool rig_holds(struct tcmu_device *dev, uint64_t lba, uint32_t blocks, uint8_t fill)
{
	struct scsi_cdb cdb = rig_rw(CMD_READ_16, lba, blocks);
	size_t len = (size_t)blocks * 512, same = 0;
	uint8_t *data = malloc(len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	memset(data, (uint8_t)~fill, len);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, data, len), 0);
	while (same < len && data[same] == fill)
		same++;
	free(data);
	return same == len;
}

void rig_pt(struct scsi_cdb *cdb, uint8_t pl[RIG_PT_LEN], uint32_t list_id, uint64_t lba,
	    uint32_t blocks)
{
	const struct tpc_range r = { lba, blocks };

	*cdb = rig_cdb(CMD_POPULATE_TOKEN);
	cdb->list_id = list_id;
	cdb->len = (uint32_t)tpc_pt_encode(pl, RIG_PT_LEN, false, false, 0, 0, &r, 1);
}

void rig_wut(struct scsi_cdb *cdb, uint8_t pl[RIG_WUT_LEN], uint32_t list_id,
	     const uint8_t token[ROD_TOKEN_LEN], uint64_t lba, uint32_t blocks)
{
	const struct tpc_range r = { lba, blocks };

	*cdb = rig_cdb(CMD_WRITE_USING_TOKEN);
	cdb->list_id = list_id;
	cdb->len = (uint32_t)tpc_wut_encode(pl, RIG_WUT_LEN, false, false, 0, token, &r, 1);
}

unsigned rig_rrti(struct tcmu_device *dev, uint32_t list_id, uint8_t buf[RIG_RRTI_LEN],
		  struct tpc_result *ret)
{
	struct scsi_cdb cdb = rig_cdb(CMD_RECEIVE_ROD_TOKEN_INFORMATION);
	unsigned end;

	cdb.list_id = list_id;
	cdb.len = RIG_RRTI_LEN;
	end = rig_run(dev, &cdb, buf, RIG_RRTI_LEN);
	if (!tpc_result_decode(buf, RIG_RRTI_LEN, ret))
		memset(ret, 0, sizeof(*ret));
	return end;
}

void rig_token(struct tcmu_device *dev, uint32_t list_id, uint64_t lba, uint32_t blocks,
	       uint8_t token[ROD_TOKEN_LEN])
{
	uint8_t pl[RIG_PT_LEN], buf[RIG_RRTI_LEN];
	struct tpc_result res;
	struct scsi_cdb cdb;

	rig_pt(&cdb, pl, list_id, lba, blocks);
	CU_ASSERT_EQUAL(rig_run(dev, &cdb, pl, sizeof(pl)), 0);
	CU_ASSERT_EQUAL(rig_rrti(dev, list_id, buf, &res), 0);
	CU_ASSERT_EQUAL(res.status, TPC_DONE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(res.token);
	memcpy(token, res.token, ROD_TOKEN_LEN);
}

unsigned rig_write_token(struct tcmu_device *dev, uint32_t list_id,
			 const uint8_t token[ROD_TOKEN_LEN], uint64_t lba, uint32_t blocks)
{
	uint8_t pl[RIG_WUT_LEN];
	struct scsi_cdb cdb;

	rig_wut(&cdb, pl, list_id, token, lba, blocks);
	return rig_run(dev, &cdb, pl, sizeof(pl));
}
