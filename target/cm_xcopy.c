/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running of EXTENDED COPY.  Segments are judged and copied one after another; the
 * first that fails ends the command, with its number (SPC-4 5.17.7.4).  What a segment
 * reads is what stands there at that moment: a view, not a frozen rod.
 */
#include "cm_xcopy.h"

#include <assert.h>
#include <errno.h>

#include "lu_impl.h"

/* Where the fields that we point at stand in a segment descriptor. */
enum { AT_COUNT = 8, AT_SRC = 4, AT_DST = 6, AT_SRC_LBA = 12, AT_DST_LBA = 20, AT_OFFSETS = 28 };

#define OFFSET_UNIT 512u /* of a source byte offset: no storage has smaller sectors */

static void step(struct cm_op *op);

static struct sense seg_sense(const struct cm_op *op, unsigned asc_ascq, uint16_t field)
{
	return xcopy_sense(asc_ascq, (uint16_t)op->xcopy->number, field);
}

struct lu *cm_xcopy_lu(const struct cm_op *op, uint16_t id, unsigned *ret_asc)
{
	const struct cm_xcopy *x = op->xcopy;
	struct xcopy_cscd cscd;
	struct lu *lu;
	int i;

	if (id == XCOPY_ID_THIS_LU)
		return op->lu;
	i = xcopy_cscd_index(&x->list, id);
	*ret_asc = ASC_UNREACHABLE_COPY_TARGET;
	if (i < 0)
		return NULL;
	*ret_asc = ASC_COPY_TARGET_NOT_REACHABLE;
	lu = x->luns[i] == XCOPY_NO_LUN ? NULL : target_lu(op->lu->target, x->luns[i]);
	if (!lu)
		return NULL;
	cscd = xcopy_cscd_at(&x->list, (unsigned)i);
	*ret_asc = ASC_COPY_TARGET_INCORRECT_TYPE;
	if (cscd.pdt != 0 || (cscd.block_size && cscd.block_size != lu->info.block_size))
		return NULL;
	return lu;
}

static bool pads(const struct cm_op *op, uint16_t id)
{
	const struct xcopy_list *l = &op->xcopy->list;
	int i = id == XCOPY_ID_THIS_LU ? -1 : xcopy_cscd_index(l, id);

	return i >= 0 && xcopy_cscd_at(l, (unsigned)i).pad;
}

/* ---- judging a segment ---- */

static struct sense find_lu(const struct cm_op *op, uint16_t id, uint16_t field, struct lu **ret)
{
	unsigned asc = 0;

	*ret = cm_xcopy_lu(op, id, &asc);
	if (!*ret)
		return seg_sense(op, asc, field);
	if ((*ret)->clear || !sense_is_good(lu_judge_ready(*ret)))
		return seg_sense(op, ASC_THIRD_PARTY_DEVICE_FAILURE, field);
	return sense_good();
}

/* wire-format 8.1 number 20: past the end is A/00/00, and libiscsi takes no other. */
static bool in_range(const struct lu *lu, uint64_t lba, uint64_t blocks)
{
	return lba <= lu->info.blocks && blocks <= lu->info.blocks - lba;
}

static struct sense judge_places(const struct cm_op *op, uint64_t src_blocks, uint64_t dst_blocks)
{
	const struct cm_xcopy *x = op->xcopy;

	if (!in_range(x->src, x->seg.src_lba, src_blocks))
		return seg_sense(op, ASC_NONE, AT_SRC_LBA);
	if (!in_range(x->dst, x->seg.dst_lba, dst_blocks))
		return seg_sense(op, ASC_NONE, AT_DST_LBA);
	return sense_good();
}

enum residue { RESIDUE_KEEP, RESIDUE_DROP, RESIDUE_PAD, RESIDUE_REFUSE };

/* What becomes of bytes that fill no whole block (wire-format 2.6, PAD and CAT). */
static enum residue residue_of(const struct cm_op *op)
{
	const struct xcopy_segment *s = &op->xcopy->seg;
	bool src = pads(op, s->src), dst = pads(op, s->dst);

	if (s->cat)
		return RESIDUE_KEEP;
	if (s->dc) /* it is source data that was read for the last block */
		return src ? RESIDUE_DROP : dst ? RESIDUE_KEEP : RESIDUE_REFUSE;
	return dst ? RESIDUE_PAD : src ? RESIDUE_DROP : RESIDUE_REFUSE;
}

static void keep(struct cm_xcopy *x, struct lu *of, struct byte_range kept)
{
	struct lu *before = x->kept_of;

	if (of)
		of->users++;
	x->kept_of = of;
	x->kept = kept;
	if (before)
		lu_user_gone(before);
}

static void forget_kept(struct cm_xcopy *x)
{
	keep(x, NULL, (struct byte_range) { 0, 0 });
}

/*
 * The last @rest bytes of what the segment reads, which are less than a block, are
 * for the next one.  False: they stand in two places.
 */
static bool keep_rest(struct cm_xcopy *x, uint64_t rest)
{
	const struct byte_range *last = &x->from[x->from[1].len ? 1 : 0];

	if (last->len < rest)
		return false;
	keep(x, x->src, (struct byte_range) { last->off + last->len - rest, rest });
	return true;
}

/* 02h, after what was kept: @have bytes of source for @todo bytes of destination. */
static struct sense judge_blocks(struct cm_op *op)
{
	struct cm_xcopy *x = op->xcopy;
	uint32_t sbs = x->src->info.block_size, dbs = x->dst->info.block_size;
	uint64_t kept = x->kept.len, need, blocks, have, todo, rest;
	struct sense s;

	if (kept && x->kept_of != x->src) /* data of two places for one block */
		return seg_sense(op, ASC_UNEXPECTED_INEXACT_SEGMENT, AT_SRC);
	if (x->seg.dc) {
		todo = (uint64_t)x->seg.count * dbs;
		need = todo > kept ? todo - kept : 0;
		blocks = (need + sbs - 1) / sbs;
		have = kept + blocks * sbs;
	} else {
		blocks = x->seg.count;
		have = kept + blocks * sbs;
		todo = have / dbs * dbs;
	}
	rest = have - todo;
	x->from[0] = x->kept;
	x->from[1] = (struct byte_range) { x->seg.src_lba * sbs, blocks * sbs };
	if (rest && residue_of(op) == RESIDUE_REFUSE)
		return seg_sense(op, ASC_UNEXPECTED_INEXACT_SEGMENT, AT_COUNT);
	if (rest && residue_of(op) == RESIDUE_PAD)
		todo += dbs;
	s = judge_places(op, blocks, todo / dbs);
	if (!sense_is_good(s))
		return s;
	if (!rest || residue_of(op) != RESIDUE_KEEP)
		forget_kept(x);
	else if (!keep_rest(x, rest))
		return seg_sense(op, ASC_UNEXPECTED_INEXACT_SEGMENT, AT_COUNT);
	x->to = (struct byte_range) { x->seg.dst_lba * dbs, todo };
	return s;
}

/* 0Ah: whole blocks of the destination, from any sector of the source. */
static struct sense judge_offset(struct cm_op *op)
{
	struct cm_xcopy *x = op->xcopy;
	uint32_t sbs = x->src->info.block_size, dbs = x->dst->info.block_size;
	const struct xcopy_segment *g = &x->seg;

	if (x->kept.len)
		return seg_sense(op, ASC_UNEXPECTED_INEXACT_SEGMENT, AT_SRC);
	if (g->src_off >= sbs || g->dst_off >= dbs)
		return seg_sense(op, ASC_INVALID_FIELD_IN_PARAMETER_LIST,
				 AT_OFFSETS + (g->src_off >= sbs ? 0 : 2));
	if (g->dst_off || g->count % dbs)
		return seg_sense(op, ASC_SEGMENT_GRANULARITY_VIOLATION,
				 g->dst_off ? AT_OFFSETS + 2 : AT_COUNT);
	if (g->src_off % OFFSET_UNIT)
		return seg_sense(op, ASC_SEGMENT_GRANULARITY_VIOLATION, AT_OFFSETS);
	x->from[0].len = 0;
	x->from[1] = (struct byte_range) { g->src_lba * sbs + g->src_off, g->count };
	x->to = (struct byte_range) { g->dst_lba * dbs, g->count };
	return judge_places(op, ((uint64_t)g->src_off + g->count + sbs - 1) / sbs, g->count / dbs);
}

/* Finds out what the current segment reads and writes; nothing: to.len is 0. */
static struct sense judge_segment(struct cm_op *op)
{
	struct cm_xcopy *x = op->xcopy;
	unsigned asc = 0;
	struct sense s;

	x->to.len = 0;
	if (x->seg.type == XCOPY_VERIFY && !x->seg.tur)
		return cm_xcopy_lu(op, x->seg.src, &asc) ? sense_good()
							 : seg_sense(op, asc, AT_SRC);
	s = find_lu(op, x->seg.src, AT_SRC, &x->src);
	if (!sense_is_good(s) || x->seg.type == XCOPY_VERIFY)
		return s;
	s = find_lu(op, x->seg.dst, AT_DST, &x->dst);
	if (!sense_is_good(s))
		return s;
	return x->seg.type == XCOPY_BLOCKS ? judge_blocks(op) : judge_offset(op);
}

/* ---- copying a segment ---- */

static void release(struct cm_xcopy *x)
{
	if (!x->view)
		return;
	rod_unref(x->view);
	x->view = NULL;
	lu_user_gone(x->src);
	lu_user_gone(x->dst);
}

bool cm_xcopy_uses(const struct cm_op *op, const struct lu *lu)
{
	const struct cm_xcopy *x = op->xcopy;

	return x && (x->kept_of == lu || (x->view && (x->src == lu || x->dst == lu)));
}

static void finish(struct cm_op *op, struct sense s)
{
	enum tpc_status status = sense_is_good(s) ? TPC_DONE : TPC_FAILED;

	release(op->xcopy);
	forget_kept(op->xcopy);
	if (sense_is_good(s) && op->xcopy->list.g_sense) {
		s = sense_make(KEY_COMPLETED, ASC_COPY_INFORMATION_AVAILABLE);
		s.flags = SENSE_SEGMENT;
		s.segment = op->result.segments;
	}
	cm_finish(op, status, op->done_bytes, s);
}

/* wire-format 6.3: INFORMATION says how much of the segment is missing, if anything is there. */
static struct sense copy_error(struct cm_op *op, int err)
{
	const struct cm_xcopy *x = op->xcopy;
	bool write = op->copy.write_failed;
	uint32_t dbs = x->dst->info.block_size;
	struct sense s;

	if (err == -ECANCELED)
		return sense_make(KEY_COPY_ABORTED, ASC_COMMANDS_CLEARED_BY_SERVER);
	lu_io_sense(write ? x->dst : x->src, err, write ? DATA_WRITE : DATA_READ);
	s = seg_sense(op, ASC_THIRD_PARTY_DEVICE_FAILURE, write ? AT_DST : AT_SRC);
	if (x->seg_done) {
		s.flags |= SENSE_INFO;
		s.info = (x->to.len - x->seg_done) / dbs;
	}
	return s;
}

static void copy_piece(struct cm_op *op);

static void piece_done(struct copy *c, int err)
{
	struct cm_op *op = (struct cm_op *)((char *)c - offsetof(struct cm_op, copy));
	struct cm_xcopy *x = op->xcopy;

	op->lu->stats.bytes_xcopied += c->written;
	op->done_bytes += c->written;
	op->done_chunks += c->stats.chunks;
	x->seg_done += c->written;
	c->written = c->stats.chunks = 0;
	if (!err && x->stopping && x->seg_done < x->to.len)
		err = -ECANCELED; /* it came too late for this piece */
	if (err) {
		finish(op, copy_error(op, err));
	} else if (x->seg_done < x->to.len) {
		copy_piece(op);
	} else {
		release(x);
		x->number++;
		step(op);
	}
}

/* Backwards: the last chunk that is not copied yet; else all of it. */
static void copy_piece(struct cm_op *op)
{
	struct cm_xcopy *x = op->xcopy;
	uint64_t left = x->to.len - x->seg_done, chunk = copy_engine_chunk(op->lu->env.copies);
	struct copy *c = &op->copy;

	if (!x->backwards || chunk > left)
		chunk = left;
	x->piece = (struct byte_range) { x->to.off + left - chunk, chunk };
	c->src = x->view;
	c->src_off = left - chunk;
	c->dst = x->dst->bs;
	c->to = &x->piece;
	c->n = 1;
	c->flags = x->dst->mode.wce ? 0 : IO_FUA;
	c->dst_block = x->dst->info.block_size;
	c->in_order = x->backwards || (x->src == x->dst && ranges_overlap(x->from, 2, &x->to, 1));
	c->done = piece_done;
	copy_start(op->lu->env.copies, c);
}

/* False: not started; the sense is in *ret. */
static bool copy_segment(struct cm_op *op, struct sense *ret)
{
	struct cm_xcopy *x = op->xcopy;
	bool overlap = x->src == x->dst && ranges_overlap(x->from, 2, &x->to, 1);

	x->backwards = overlap && x->from[1].off < x->to.off;
	if (x->backwards && x->from[0].len) { /* and what was kept comes first */
		*ret = seg_sense(op, ASC_UNEXPECTED_INEXACT_SEGMENT, AT_SRC);
		return false;
	}
	x->view = rod_view(x->src->bs, x->from, 2);
	if (!x->view) {
		*ret = sense_make(KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);
		return false;
	}
	x->src->users++;
	x->dst->users++;
	x->seg_done = 0;
	copy_piece(op);
	return true;
}

/* The next segment, until one has to be waited for. */
static void step(struct cm_op *op)
{
	struct cm_xcopy *x = op->xcopy;
	struct sense s;

	for (;;) {
		op->result.segments = (uint16_t)x->number;
		if (x->stopping) {
			s = sense_make(KEY_COPY_ABORTED, ASC_COMMANDS_CLEARED_BY_SERVER);
			break;
		}
		if (!xcopy_segment_next(&x->list, &x->pos, &x->seg)) {
			s = sense_good();
			break;
		}
		s = judge_segment(op);
		if (!sense_is_good(s))
			break;
		if (x->to.len) {
			if (copy_segment(op, &s))
				return;
			break;
		}
		x->number++;
	}
	finish(op, s);
}

static void begin(struct ring_post *post)
{
	struct cm_xcopy *x = (struct cm_xcopy *)((char *)post - offsetof(struct cm_xcopy, post));

	step(x->op);
}

static void stop(struct cm_op *op)
{
	op->xcopy->stopping = true;
	if (op->xcopy->view)
		copy_cancel(&op->copy);
}

void cm_xcopy(struct cm_op *op)
{
	op->stop = stop;
	op->xcopy->op = op;
	op->xcopy->post.fn = begin;
	ring_post(op->lu->env.ring, &op->xcopy->post);
}
