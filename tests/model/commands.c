/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

struct scsi_cdb cdb_of(enum scsi_cmd cmd)
{
	return (struct scsi_cdb) { .op = &scsi_ops[cmd] };
}

struct place place_of(unsigned lun, uint64_t cell)
{
	return (struct place) { (uint16_t)lun, (uint16_t)cell };
}

void pick_place(unsigned lun, unsigned max, unsigned *ret_first, unsigned *ret_n)
{
	unsigned blocks = w.lun[lun].blocks, edge = CHUNK_CELLS / w.lun[lun].per_block;
	unsigned n = 1 + upto(upto(5) ? 12 : upto(6) ? 60 : max), first = upto(blocks);

	if (w.chase.commands && w.chase.lun == lun && upto(2)) {
		first = w.chase.first;
		n = w.chase.n;
	} else if (upto(4) == 0 && edge > 8)
		first = upto(blocks / edge) * edge + edge - 4 + upto(8);
	if (n > max)
		n = max;
	if (first >= blocks)
		first = blocks - 1;
	*ret_first = first;
	*ret_n = n < blocks - first ? n : blocks - first;
}

unsigned pick_ranges(unsigned lun, unsigned max, struct tpc_range *r, unsigned *ret_blocks)
{
	unsigned blocks = w.lun[lun].blocks, total = 0, count = 0, first, len;
	unsigned n = upto(3) ? 1 : upto(16) ? 1 + upto(4) : 1 + upto(MAX_RANGES);
	unsigned share = blocks / n;

	if (n == 1) {
		pick_place(lun, upto(40) ? max : blocks, &first, &len);
		r[0] = (struct tpc_range) { first, len };
		*ret_blocks = len;
		return 1;
	}
	for (unsigned i = 0; i < n && total < max; i++) {
		len = 1 + upto(upto(3) ? 6 : share);
		if (len > share)
			len = share;
		if (len > max - total)
			len = max - total;
		first = i * share + upto(share - len + 1);
		r[count++] = (struct tpc_range) { first, len };
		total += len;
	}
	for (unsigned i = count; i > 1; i--) {
		unsigned k = upto(i);
		struct tpc_range x = r[i - 1];

		r[i - 1] = r[k];
		r[k] = x;
	}
	*ret_blocks = total;
	return count;
}

unsigned trouble_of(unsigned luns)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < w.nluns; i++)
		if (luns & 1u << i)
			sum += w.lun[i].trouble;
	return sum;
}

bool excused(const struct slot *s)
{
	if (w.s->errors || s->task.aborted || trouble_of(s->luns) != s->trouble)
		return true;
	for (unsigned i = 0; i < w.nluns; i++)
		if (s->luns & 1u << i &&
		    (w.lun[i].clearing || w.lun[i].removing || !w.lun[i].there))
			return true;
	return false;
}

bool is_good(const struct slot *s)
{
	return !s->task.aborted && s->task.status == SAM_GOOD;
}

unsigned kcq_of(const struct slot *s)
{
	return (unsigned)s->task.sense.key << 16 | sense_asc_ascq(s->task.sense);
}

void judge_failure(const struct slot *s)
{
	w.failed++;
	if (!excused(s))
		model_wrong("operation %u (%s) on LUN %u ended with status %02x, sense %05x",
			    s->act ? s->act->op : 0, s->cmd->name, s->lun, s->task.status,
			    kcq_of(s));
}

void judge_write(struct slot *s)
{
	unsigned key = s->task.sense.key;

	if (is_good(s)) {
		act_end(s->act, s->act->nwr, IS_OUT);
	} else {
		/* Its first piece: of a later one the earlier ones are there. */
		bool refused = !s->task.aborted && s->task.status == SAM_CHECK_CONDITION &&
			       s->task.data_off == 0 &&
			       (key == KEY_ILLEGAL_REQUEST || key == KEY_NOT_READY);

		judge_failure(s);
		act_end(s->act, 0,
			refused || s->task.status == SAM_TASK_SET_FULL ? IS_OUT : MAY_BE);
	}
	s->act = NULL;
}
