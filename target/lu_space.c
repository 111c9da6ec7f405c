/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logical block provisioning (SBC-4 4.7): UNMAP, WRITE SAME, GET LBA STATUS.  A thin
 * LU gives space back and reads zeros there afterwards (LBPRZ); parts of a file-system
 * block are zeroed and stay mapped.
 */
#include <string.h>

#include "lu_impl.h"
#include "unmap.h"

void lu_space_info(const struct lu *lu, struct lu_info *i)
{
	uint32_t blocks = bs_discard_granularity(lu->bs) / i->block_size;

	i->max_write_same_blocks = LU_MAX_WRITE_SAME / i->block_size;
	i->lbpme = i->lbprz = bs_thin(lu->bs);
	if (!i->lbpme)
		return;
	i->unmap_granularity = blocks ? blocks : 1;
	if (lu->cfg.no_unmap)
		return;
	i->max_unmap_blocks = LU_MAX_UNMAP_BLOCKS;
	i->max_unmap_descriptors = LU_MAX_UNMAP_DESCRIPTORS;
}

/* ---- UNMAP ---- */

static struct sense judge_unmap(const struct lu *lu, const struct task *task,
				struct unmap_list *ret)
{
	const struct unmap_limits limits = {
		.max_descriptors = lu->info.max_unmap_descriptors,
		.max_blocks = lu->info.max_unmap_blocks,
		.capacity = lu->info.blocks,
	};
	struct sense s;

	if (task->req.anchor) /* ANC_SUP=0 */
		return sense_cdb_bit(1, 0);
	if (task->len == 0) /* announced, and nothing of it sent */
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
	s = unmap_decode(task->data[0].iov_base, task->len, ret);
	return sense_is_good(s) ? unmap_judge(ret, &limits) : s;
}

static void unmap(struct lu *lu, struct task *task)
{
	struct byte_range ranges[LU_MAX_UNMAP_DESCRIPTORS];
	uint32_t size = lu->info.block_size;
	struct unmap_list list = { 0 };
	struct sense s = sense_good();

	if (task->req.len > 0 || task->req.anchor)
		s = judge_unmap(lu, task, &list);
	if (!sense_is_good(s)) {
		task_finish_later(task, s);
		return;
	}
	for (unsigned i = 0; i < list.n; i++) {
		struct unmap_range r = unmap_range_at(&list, i);

		ranges[i] = (struct byte_range) { r.lba * size, (uint64_t)r.blocks * size };
	}
	lu_fill(task, IO_DISCARD, NULL, ranges, list.n);
}

/* ---- WRITE SAME ---- */

/* What the CDB alone is refused for; *ret_blocks is how many are meant. */
static struct sense judge_write_same(const struct lu *lu, const struct scsi_cdb *req,
				     uint64_t *ret_blocks)
{
	uint16_t blocks_field = req->op->cdb_len == 16 ? 10 : 7;
	uint64_t blocks = req->blocks;

	if (req->anchor) /* ANC_SUP=0; and nothing to anchor without UNMAP */
		return sense_cdb_bit(1, 4);
	if (req->unmap && !lu->info.lbpme)
		return sense_cdb_bit(1, 3);
	if (blocks == 0) { /* WSNZ=0: all that follows */
		if (req->lba == lu->info.blocks)
			return sense_info(KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, req->lba);
		blocks = lu->info.blocks - req->lba;
	}
	if (blocks > lu->info.max_write_same_blocks)
		return sense_cdb(blocks_field);
	*ret_blocks = blocks;
	return sense_good();
}

static bool all_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/*
 * Blocks are only given back when what was asked for is what they read as then (SBC-4
 * 4.7.3.4.4): zeros.  Other data is written, UNMAP or not.
 */
static void write_same(struct lu *lu, struct task *task)
{
	const struct scsi_cdb *req = &task->req;
	uint32_t size = lu->info.block_size;
	struct byte_range range;
	const uint8_t *block;
	uint64_t blocks = 0;
	struct sense s = judge_write_same(lu, req, &blocks);
	bool zero = req->ndob;

	if (sense_is_good(s) && !req->ndob && task->len < size)
		s = sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_COMMAND_IU);
	if (!sense_is_good(s)) {
		task_finish_later(task, s);
		return;
	}
	block = req->ndob ? NULL : task->data[0].iov_base;
	if (block)
		zero = all_zero(block, size);
	range = (struct byte_range) { req->lba * size, blocks * size };
	lu_fill(task, !zero ? IO_WRITE : req->unmap ? IO_DISCARD : IO_ZERO, block, &range, 1);
}

/* ---- GET LBA STATUS ---- */

/*
 * A walk over the extents from the STARTING LBA on.  Descriptors of one state in a row
 * are one; what is there in part of a block only makes the block mapped.
 */
struct lba_walk {
	struct task *task;
	uint64_t lba; /* the next one */
	unsigned asked;
	struct extent_query query;
	unsigned n, max;
	struct lba_status found[LU_MAX_LBA_STATUS];
};

/* False: no more descriptors. */
static bool walk_add(struct lba_walk *w, uint64_t blocks, enum lba_provisioning state)
{
	while (blocks > 0) {
		struct lba_status *last = w->n ? &w->found[w->n - 1] : NULL;
		uint32_t some;

		if (!last || last->provisioning != state || last->blocks == UINT32_MAX) {
			if (w->n == w->max)
				return false;
			last = &w->found[w->n++];
			*last = (struct lba_status) { .lba = w->lba,
						      .provisioning = (uint8_t)state };
		}
		some = UINT32_MAX - last->blocks;
		if (blocks < some)
			some = (uint32_t)blocks;
		last->blocks += some;
		w->lba += some;
		blocks -= some;
	}
	return true;
}

static void walk_end(struct lba_walk *w)
{
	struct task *task = w->task;
	struct writer out = task_writer(task);

	lba_status_encode(&out, w->found, w->n);
	lu_work_free(task);
	task_finish_data(task, &out);
}

static void walk_step(struct lba_walk *w);

/* Who gets no answer takes the blocks for mapped. */
static void walk_answer(struct extent_query *q, int res)
{
	struct lba_walk *w = (struct lba_walk *)((char *)q - offsetof(struct lba_walk, query));
	uint32_t size = w->task->lu->info.block_size;
	uint64_t len = res < 0 ? q->len : q->ret_len;
	bool more;

	if (res == 0 && q->ret_hole && len >= size)
		more = walk_add(w, len / size, LBA_DEALLOCATED);
	else
		more = walk_add(w, len / size + (len % size != 0), LBA_MAPPED);
	if (more)
		walk_step(w);
	else
		walk_end(w);
}

static void walk_step(struct lba_walk *w)
{
	const struct lu *lu = w->task->lu;
	uint64_t size = lu->info.block_size, left = lu->info.blocks - w->lba;

	if (left == 0 || w->asked == LU_MAX_EXTENTS || w->task->aborted) {
		walk_end(w);
		return;
	}
	w->asked++;
	w->query.off = w->lba * size;
	w->query.len = left * size;
	w->query.done = walk_answer;
	w->query.rough = false;
	bs_extents(lu->bs, &w->query);
}

static void get_lba_status(struct lu *lu, struct task *task)
{
	const struct scsi_cdb *req = &task->req;
	uint32_t room = req->len < LBA_STATUS_HEADER_LEN ? 0 : req->len - LBA_STATUS_HEADER_LEN;
	struct lba_walk *w;

	if (req->lba >= lu->info.blocks) {
		task_finish_later(task,
				  sense_info(KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, req->lba));
		return;
	}
	w = lu_work_new(task, sizeof(*w));
	if (!w)
		return;
	w->task = task;
	w->lba = req->lba;
	w->n = w->asked = 0;
	/* One at least, although it may be cut off. */
	w->max = room / LBA_STATUS_LEN > 1 ? room / LBA_STATUS_LEN : 1;
	if (w->max > LU_MAX_LBA_STATUS)
		w->max = LU_MAX_LBA_STATUS;
	if (lu->info.lbpme) {
		walk_step(w);
		return;
	}
	/* Fully provisioned: all blocks are mapped, whatever the file system keeps of them. */
	walk_add(w, lu->info.blocks - req->lba, LBA_MAPPED);
	walk_end(w);
}

const lu_handler lu_space_handlers[CMD_COUNT] = {
	[CMD_UNMAP] = unmap,
	[CMD_WRITE_SAME_10] = write_same,
	[CMD_WRITE_SAME_16] = write_same,
	[CMD_GET_LBA_STATUS] = get_lba_status,
};
