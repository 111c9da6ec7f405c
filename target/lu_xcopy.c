/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXTENDED COPY as a command: the list is judged here, as far as it can be before the
 * first segment; cm_xcopy.c carries it out.
 */
#include <stdlib.h>
#include <string.h>

#include "cm_xcopy.h"
#include "lu_impl.h"

/* ---- which LU a CSCD descriptor names ---- */

static bool same_designator(const struct vpd_designator *d, const struct xcopy_cscd *c)
{
	return d->association == 0 && c->association == 0 && d->code_set == c->code_set &&
	       d->type == c->designator_type && d->len == c->designator_len &&
	       memcmp(d->id, c->designator, d->len) == 0;
}

/* VPD 83h of @lu against all descriptors that have no LUN yet. */
static void match_lu(struct cm_xcopy *x, const struct lu *lu)
{
	static _Thread_local uint8_t page[1024]; /* nothing in between waits */
	struct writer w = writer(page, sizeof(page));
	struct vpd_designator d;
	size_t pos = 4;

	vpd_encode(&w, 0x83, &lu->info);
	while (vpd_83_next(page, wr_stored(&w), &pos, &d)) {
		for (unsigned i = 0; i < x->list.ncscds; i++) {
			struct xcopy_cscd c = xcopy_cscd_at(&x->list, i);

			if (x->luns[i] == XCOPY_NO_LUN && same_designator(&d, &c))
				x->luns[i] = lu->cfg.lun;
		}
	}
}

static void match_all(struct cm_xcopy *x, const struct target *t)
{
	static _Thread_local uint16_t luns[TARGET_MAX_LUNS];
	unsigned n = target_luns(t, luns, TARGET_MAX_LUNS);

	for (unsigned i = 0; i < x->list.ncscds; i++)
		x->luns[i] = XCOPY_NO_LUN;
	for (unsigned i = 0; i < n; i++)
		match_lu(x, target_lu(t, luns[i]));
}

/* ---- judging ---- */

/*
 * One segment of those that must not even begin: a destination that may not be
 * written, an LU that somebody else has reserved (wire-format 7.10: the copy manager's
 * commands to it are judged as the initiator's would be).
 */
static struct sense judge_segment(const struct cm_op *op, const struct nexus *by,
				  const struct xcopy_segment *seg, uint16_t number)
{
	unsigned asc = 0;
	const struct lu *src = cm_xcopy_lu(op, seg->src, &asc), *dst;

	if (seg->type == XCOPY_VERIFY)
		return sense_good();
	dst = cm_xcopy_lu(op, seg->dst, &asc);
	if (dst && (dst->cfg.read_only || dst->mode.swp))
		return sense_make(KEY_DATA_PROTECT, ASC_WRITE_PROTECTED);
	if (src && lu_pr_stops(src, by, false))
		return xcopy_sense(ASC_THIRD_PARTY_DEVICE_FAILURE, number, 4);
	if (dst && lu_pr_stops(dst, by, true))
		return xcopy_sense(ASC_THIRD_PARTY_DEVICE_FAILURE, number, 6);
	return sense_good();
}

/* The rest is judged as the segments come, so that those before a bad one are copied. */
static struct sense judge_access(const struct cm_op *op, const struct nexus *by)
{
	const struct cm_xcopy *x = op->xcopy;
	struct sense s = sense_good();
	struct xcopy_segment seg;
	uint16_t number = 0;
	size_t pos = 0;

	while (sense_is_good(s) && xcopy_segment_next(&x->list, &pos, &seg))
		s = judge_segment(op, by, &seg, number++);
	return s;
}

/* The operation's own copy of the list, which outlives the command's data. */
static struct cm_xcopy *xcopy_new(const struct target *t, const struct xcopy_list *list,
				  const uint8_t *pl, size_t len)
{
	struct cm_xcopy *x = calloc(1, sizeof(*x) + len);

	if (!x)
		return NULL;
	memcpy(x->bytes, pl, len);
	x->list = *list;
	x->list.cscds = x->bytes + (list->cscds - pl);
	x->list.segments = x->bytes + (list->segments - pl);
	match_all(x, t);
	return x;
}

static void originate(struct lu *lu, struct task *task, const struct xcopy_list *list,
		      const struct cm_request *req)
{
	struct cm_op *op;
	struct sense s;

	lu->stats.extended_copies++;
	s = cm_begin(lu_results(lu, task), lu->cfg.tpc.results_per_nexus, req, &op);
	if (!sense_is_good(s)) {
		task_finish_later(task, s);
		return;
	}
	op->lu = lu;
	op->result.units = TPC_UNITS_BYTES;
	op->xcopy = xcopy_new(lu->target, list, task->data[0].iov_base, task->len);
	s = op->xcopy ? judge_access(op, task->nexus)
		      : sense_make(KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES);
	if (!sense_is_good(s)) {
		cm_refuse(op, s);
		task_finish_later(task, s);
		return;
	}
	cm_run(op, task, list->immed, cm_xcopy);
}

static void extended_copy(struct lu *lu, struct task *task, bool lid4)
{
	struct cm_request req = { .sa = lid4,
				  .lid1 = !lid4,
				  .now = ring_now(lu->env.ring),
				  .shared = task->nexus->shared };
	struct sense s = sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
	const uint8_t *pl = task->len ? task->data[0].iov_base : NULL;
	struct xcopy_list list;

	if (task->req.len == 0) { /* no operation, and no error (SPC-4 6.4.1) */
		task_finish_later(task, sense_good());
		return;
	}
	if (task->len)
		s = xcopy_decode(pl, task->len, lid4, &list);
	if (!sense_is_good(s)) {
		if (task->len && xcopy_peek_list_id(pl, task->len, lid4, &req.list_id))
			cm_refused(lu_results(lu, task), &req);
		task_finish_later(task, s);
		return;
	}
	if (list.ncscds == 0 && list.nsegments == 0) {
		task_finish_later(task, sense_good());
		return;
	}
	req.list_id = list.list_id;
	req.anonymous = list.usage == XCOPY_NO_ID;
	req.may_yield = !lid4 && list.usage == XCOPY_DISCARD;
	if (req.shared)
		req.digest = lu_digest_list(req.sa, pl, task->len);
	originate(lu, task, &list, &req);
}

static void extended_copy_lid1(struct lu *lu, struct task *task)
{
	extended_copy(lu, task, false);
}

static void extended_copy_lid4(struct lu *lu, struct task *task)
{
	extended_copy(lu, task, true);
}

const lu_handler lu_xcopy_handlers[CMD_COUNT] = {
	[CMD_EXTENDED_COPY_LID1] = extended_copy_lid1,
	[CMD_EXTENDED_COPY_LID4] = extended_copy_lid4,
};
