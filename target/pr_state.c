/* SPDX-License-Identifier: Apache-2.0 */
#include "pr_state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void pr_state_init(struct pr_state *s)
{
	*s = (struct pr_state) { .type = PR_NONE };
	TAILQ_INIT(&s->regs);
}

void pr_state_done(struct pr_state *s)
{
	struct pr_reg *reg;

	while ((reg = TAILQ_FIRST(&s->regs))) {
		TAILQ_REMOVE(&s->regs, reg, link);
		free(reg);
	}
	pr_state_init(s);
}

struct pr_reg *pr_add(struct pr_state *s, const char *initiator, uint16_t rtpi, uint64_t key)
{
	struct pr_reg *reg = calloc(1, sizeof(*reg));

	if (!reg)
		return NULL;
	snprintf(reg->initiator, sizeof(reg->initiator), "%s", initiator);
	reg->rtpi = rtpi;
	reg->key = key;
	TAILQ_INSERT_TAIL(&s->regs, reg, link);
	s->n++;
	return reg;
}

int pr_state_copy(struct pr_state *ret, const struct pr_state *s)
{
	const struct pr_reg *reg;

	pr_state_init(ret);
	ret->generation = s->generation;
	ret->type = s->type;
	ret->aptpl = s->aptpl;
	TAILQ_FOREACH (reg, &s->regs, link) {
		struct pr_reg *copy = pr_add(ret, reg->initiator, reg->rtpi, reg->key);

		if (!copy) {
			pr_state_done(ret);
			return -ENOMEM;
		}
		if (s->holder == reg)
			ret->holder = copy;
	}
	return 0;
}

void pr_state_move(struct pr_state *to, struct pr_state *from)
{
	pr_state_done(to);
	TAILQ_CONCAT(&to->regs, &from->regs, link);
	to->n = from->n;
	to->generation = from->generation;
	to->type = from->type;
	to->holder = from->holder;
	to->aptpl = from->aptpl;
	pr_state_init(from);
}

struct pr_reg *pr_find_marked(const struct pr_state *s, const char *initiator, uint16_t rtpi)
{
	struct pr_reg *reg;

	TAILQ_FOREACH (reg, &s->regs, link)
		if (reg->rtpi == rtpi && strcmp(reg->initiator, initiator) == 0)
			return reg;
	return NULL;
}

struct pr_reg *pr_find(const struct pr_state *s, const char *initiator, uint16_t rtpi)
{
	struct pr_reg *reg = pr_find_marked(s, initiator, rtpi);

	return reg && !reg->gone ? reg : NULL;
}

bool pr_holds(const struct pr_state *s, const struct pr_reg *reg)
{
	if (s->type == PR_NONE || !reg)
		return false;
	return pr_type_all_registrants(s->type) || s->holder == reg;
}

bool pr_conflict(const struct pr_state *s, const struct pr_reg *reg, enum scsi_access access)
{
	bool shared = pr_type_registrants_only(s->type) || pr_type_all_registrants(s->type);

	if (s->type == PR_NONE || pr_holds(s, reg) || (shared && reg))
		return false;
	return access == ACCESS_WRITE ||
	       (access == ACCESS_READ && pr_type_exclusive_access(s->type));
}

/* ---- PERSISTENT RESERVE OUT ---- */

static struct pr_verdict good(void)
{
	return (struct pr_verdict) { .status = SAM_GOOD };
}

static struct pr_verdict conflict(void)
{
	return (struct pr_verdict) { .status = SAM_RESERVATION_CONFLICT };
}

static struct pr_verdict refuse(struct sense s)
{
	return (struct pr_verdict) { .status = SAM_CHECK_CONDITION, .sense = s };
}

/* Every registrant but @but that is still there. */
static void tell_all(struct pr_state *s, const struct pr_reg *but, unsigned asc_ascq)
{
	struct pr_reg *reg;

	TAILQ_FOREACH (reg, &s->regs, link)
		if (reg != but && !reg->gone)
			reg->tell = (uint16_t)asc_ascq;
}

static void release(struct pr_state *s)
{
	s->type = PR_NONE;
	s->holder = NULL;
}

static void take(struct pr_state *s, struct pr_reg *self, uint8_t type)
{
	s->type = type;
	s->holder = pr_type_all_registrants(type) ? NULL : self;
}

/* A reservation of all registrants ends with the last of them (SPC-4 5.13.11.2). */
static void remove_reg(struct pr_state *s, struct pr_reg *reg)
{
	assert(!reg->gone);
	reg->gone = true;
	s->n--;
	if (s->n == 0)
		release(s);
}

/* SPC-4 5.13.11.2.3 */
static void unregister(struct pr_state *s, struct pr_reg *self)
{
	bool held = s->holder == self;

	if (held && pr_type_registrants_only(s->type))
		tell_all(s, self, ASC_RESERVATIONS_RELEASED);
	remove_reg(s, self);
	if (held)
		release(s);
}

/* What the parameter list may not ask of us (SPC-4 6.16.3). */
static struct sense judge_flags(const struct pr_request *req)
{
	const unsigned asc = ASC_INVALID_FIELD_IN_PARAMETER_LIST;

	if (req->out.spec_i_pt)
		return sense_pl_bit(asc, 20, 3);
	if (req->out.all_tg_pt)
		return sense_pl_bit(asc, 20, 2);
	if (req->out.aptpl && !req->ptpl)
		return sense_pl_bit(asc, 20, 0);
	return sense_good();
}

/* SPC-4 5.13.7 and tables 50, 51 */
static struct pr_verdict do_register(struct pr_state *s, struct pr_reg *self,
				     const struct pr_request *req)
{
	bool ignore = req->cmd == CMD_PR_OUT_REGISTER_AND_IGNORE;
	struct sense bad = judge_flags(req);
	uint64_t key = req->out.sa_key;

	if (!sense_is_good(bad))
		return refuse(bad);
	if (!ignore && req->out.key != (self ? self->key : 0))
		return conflict();
	if (!self && key == 0) {
		s->generation++;
		return good();
	}
	if (!self && s->n >= PR_MAX_REGISTRATIONS)
		return refuse(sense_make(KEY_ILLEGAL_REQUEST, ASC_INSUFFICIENT_REGISTRATIONS));
	if (!self && !pr_add(s, req->initiator, req->rtpi, key))
		return refuse(sense_make(KEY_ABORTED_COMMAND, ASC_INSUFFICIENT_RESOURCES));
	if (self && key == 0)
		unregister(s, self);
	else if (self)
		self->key = key;
	s->aptpl = req->out.aptpl;
	s->generation++;
	return good();
}

static struct sense judge_type(const struct pr_request *req)
{
	if (req->scope != 0) /* LU_SCOPE is the only one (SPC-4 table 52) */
		return sense_cdb_bit(2, 7);
	return pr_type_valid(req->type) ? sense_good() : sense_cdb_bit(2, 3);
}

/* SPC-4 5.13.9 */
static struct pr_verdict do_reserve(struct pr_state *s, struct pr_reg *self,
				    const struct pr_request *req)
{
	struct sense bad = judge_type(req);

	if (!sense_is_good(bad))
		return refuse(bad);
	if (s->type == PR_NONE)
		take(s, self, req->type);
	else if (!pr_holds(s, self) || s->type != req->type)
		return conflict();
	return good();
}

/* SPC-4 5.13.11.2.2 */
static struct pr_verdict do_release(struct pr_state *s, struct pr_reg *self,
				    const struct pr_request *req)
{
	uint8_t type = s->type;

	if (!pr_holds(s, self))
		return good();
	if (req->scope != 0 || req->type != type)
		return refuse(sense_make(KEY_ILLEGAL_REQUEST, ASC_INVALID_RELEASE));
	release(s);
	if (pr_type_registrants_only(type) || pr_type_all_registrants(type))
		tell_all(s, self, ASC_RESERVATIONS_RELEASED);
	return good();
}

/* SPC-4 5.13.11.2.6 */
static struct pr_verdict do_clear(struct pr_state *s, struct pr_reg *self,
				  const struct pr_request *req)
{
	struct pr_reg *reg;

	tell_all(s, self, ASC_RESERVATIONS_PREEMPTED);
	TAILQ_FOREACH (reg, &s->regs, link)
		remove_reg(s, reg);
	s->generation++;
	return good();
}

/*
 * SPC-4 5.13.11.2.4.  With the holder's key, or 0 when all registrants hold it, the
 * reservation changes hands, too, and who sent the command stays registered.
 */
static struct pr_verdict do_preempt(struct pr_state *s, struct pr_reg *self,
				    const struct pr_request *req)
{
	bool shared = pr_type_all_registrants(s->type), found = false;
	uint64_t key = req->out.sa_key;
	bool all = shared && key == 0;
	bool takes = all || (s->holder && s->holder->key == key);
	struct sense bad = takes ? judge_type(req) : sense_good();
	struct pr_reg *reg;

	if (key == 0 && !shared)
		bad = sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, 8);
	if (!sense_is_good(bad))
		return refuse(bad);
	TAILQ_FOREACH (reg, &s->regs, link)
		found |= reg->key == key;
	if (!found && !all)
		return conflict();
	TAILQ_FOREACH (reg, &s->regs, link) {
		if ((!all && reg->key != key) || (takes && reg == self))
			continue;
		if (reg != self)
			reg->tell = ASC_REGISTRATIONS_PREEMPTED;
		remove_reg(s, reg);
	}
	if (takes) {
		if (s->type != req->type)
			tell_all(s, self, ASC_RESERVATIONS_RELEASED);
		take(s, self, req->type);
	}
	s->generation++;
	return good();
}

struct pr_verdict pr_out(struct pr_state *s, const struct pr_request *req)
{
	struct pr_reg *self = pr_find(s, req->initiator, req->rtpi);

	if (req->cmd == CMD_PR_OUT_REGISTER || req->cmd == CMD_PR_OUT_REGISTER_AND_IGNORE)
		return do_register(s, self, req);
	/* All others are for registered nexuses that know their key (SPC-4 table 66). */
	if (!self || self->key != req->out.key)
		return conflict();
	if (req->cmd == CMD_PR_OUT_RESERVE)
		return do_reserve(s, self, req);
	if (req->cmd == CMD_PR_OUT_RELEASE)
		return do_release(s, self, req);
	if (req->cmd == CMD_PR_OUT_CLEAR)
		return do_clear(s, self, req);
	assert(req->cmd == CMD_PR_OUT_PREEMPT || req->cmd == CMD_PR_OUT_PREEMPT_AND_ABORT);
	return do_preempt(s, self, req);
}

void pr_sweep(struct pr_state *s)
{
	struct pr_reg *reg, *next;

	for (reg = TAILQ_FIRST(&s->regs); reg; reg = next) {
		next = TAILQ_NEXT(reg, link);
		reg->tell = 0;
		if (!reg->gone)
			continue;
		TAILQ_REMOVE(&s->regs, reg, link);
		free(reg);
	}
}
