/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_target.h"

#include <string.h>

#include "test.h"

struct fake_target fake_target;
static uint8_t token[ROD_TOKEN_LEN];

uint64_t fake_target_ms(void)
{
	return fake_target.clock_ms;
}

static struct fake_copy *note(const struct scsi_cdb *cdb, unsigned lun,
			      const struct tpc_ranges *ranges)
{
	struct fake_copy *c = &fake_target.copies[fake_target.n];

	CU_ASSERT_FATAL(fake_target.n < FAKE_COMMANDS && ranges->n <= 64);
	fake_target.n++;
	*c = (struct fake_copy) {
		.op = cdb->op->cmd, .lun = lun, .list_id = cdb->list_id, .n = ranges->n
	};
	for (unsigned i = 0; i < ranges->n; i++) {
		c->ranges[i] = tpc_range_at(ranges, i);
		c->blocks += c->ranges[i].blocks;
	}
	return c;
}

static void pt(const struct scsi_cdb *cdb, unsigned lun, struct initiator_cmd *cmd)
{
	struct fake_copy *c;
	struct tpc_pt list;
	uint64_t count;

	CU_ASSERT_FATAL(sense_is_good(tpc_pt_decode(cmd->data, cmd->len, &list)));
	CU_ASSERT_FALSE(list.immed || list.rtv);
	fake_target.pts++;
	c = note(cdb, lun, &list.ranges);
	c->timeout = list.timeout;
	if (!sense_is_good(fake_target.pt_fail)) {
		fake_sense(cmd, fake_target.pt_fail);
		return;
	}
	count = fake_target.token_blocks && fake_target.token_blocks < c->blocks
			? fake_target.token_blocks
			: c->blocks;
	memset(token, 0x5a, sizeof(token));
	fake_target.last =
		(struct tpc_result) { .sa = 0x10,
				      .status = count < c->blocks ? TPC_PARTIAL : TPC_DONE,
				      .delay_ms = TPC_DELAY_FINISHED,
				      .units = TPC_UNITS_BLOCKS,
				      .count = count,
				      .token = token };
}

static void short_wut(struct initiator_cmd *cmd, uint64_t count)
{
	struct sense s = sense_make(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN);

	if (!fake_target.silent || fake_target.info)
		s = sense_info(KEY_COPY_ABORTED, ASC_COPY_TARGET_DATA_UNDERRUN,
			       fake_target.info ? fake_target.info : count);
	fake_sense(cmd, s);
	if (fake_target.info_not_valid) {
		cmd->sense_raw[0] &= 0x7f;
		cmd->sense.flags = 0;
	}
}

static void wut(const struct scsi_cdb *cdb, unsigned lun, struct initiator_cmd *cmd)
{
	struct fake_copy *c;
	struct tpc_wut list;
	uint64_t count;

	CU_ASSERT_FATAL(sense_is_good(tpc_wut_decode(cmd->data, cmd->len, &list)));
	CU_ASSERT_FALSE(list.immed || list.del_tkn);
	fake_target.wuts++;
	fake_target.clock_ms += fake_target.wut_ms;
	c = note(cdb, lun, &list.ranges);
	c->offset = list.offset;
	memcpy(c->token, list.token, sizeof(c->token));
	fake_target.last = (struct tpc_result) { .sa = 0x11,
						 .status = TPC_FAILED,
						 .delay_ms = TPC_DELAY_FINISHED,
						 .units = TPC_UNITS_BLOCKS,
						 .sense = fake_target.fail };
	if (fake_target.fail_after && fake_target.wuts > fake_target.fail_after) {
		fake_sense(cmd, fake_target.fail);
		return;
	}
	count = fake_target.wut_blocks && fake_target.wut_blocks < c->blocks
			? fake_target.wut_blocks
			: c->blocks;
	fake_target.last.sense = sense_good();
	fake_target.last.count = count;
	fake_target.last.status = count < c->blocks ? TPC_PARTIAL : TPC_DONE;
	if (count < c->blocks)
		short_wut(cmd, count);
}

static void rrti(const struct scsi_cdb *cdb, struct initiator_cmd *cmd)
{
	uint8_t b[TPC_RRTI_MAX_LEN];
	struct writer w = writer(b, sizeof(b));

	fake_target.rrtis++;
	CU_ASSERT_EQUAL(cdb->list_id, fake_target.copies[fake_target.n - 1].list_id);
	tpc_result_encode(&w, &fake_target.last);
	if (fake_target.meddle)
		fake_target.meddle(b, w.len);
	fake_data(cmd, b, w.len);
}

static void answer(unsigned lun, struct initiator_cmd *cmd)
{
	struct scsi_cdb cdb;

	CU_ASSERT_FATAL(sense_is_good(scsi_cdb_decode(cmd->cdb, cmd->cdb_len, &cdb)));
	if (cdb.op->cmd == CMD_POPULATE_TOKEN)
		pt(&cdb, lun, cmd);
	else if (cdb.op->cmd == CMD_WRITE_USING_TOKEN)
		wut(&cdb, lun, cmd);
	else if (cdb.op->cmd == CMD_RECEIVE_ROD_TOKEN_INFORMATION)
		rrti(&cdb, cmd);
}

void fake_target_start(void)
{
	memset(&fake_target, 0, sizeof(fake_target));
	fake_reset(answer);
}
