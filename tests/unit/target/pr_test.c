/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations, through commands: nexus 0 to 2 are initiators that register with the
 * keys 0xA0 to 0xA2, nexus 3 is a stranger.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "core.h"
#include "pr.h"
#include "pr_state.h"

#define KEY(n)	 (0xA0u + (n))
#define CONFLICT CORE_CONFLICT

static unsigned out_list(struct core *c, unsigned nexus, enum scsi_cmd cmd, const struct pr_out *p,
			 uint8_t scope, uint8_t type)
{
	struct scsi_cdb cdb = cdb_of(cmd);
	uint8_t list[PR_OUT_LEN];

	cdb.pr_scope = scope;
	cdb.pr_type = type;
	cdb.len = PR_OUT_LEN;
	pr_out_encode(p, list);
	return kcq(core_cmd(c, nexus, LUN_A, &cdb, list, sizeof(list)));
}

static unsigned out(struct core *c, unsigned nexus, enum scsi_cmd cmd, uint64_t key,
		    uint64_t sa_key, uint8_t type)
{
	struct pr_out p = { .key = key, .sa_key = sa_key };

	return out_list(c, nexus, cmd, &p, 0, type);
}

static void registers(struct core *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		CU_ASSERT_EQUAL(out(c, i, CMD_PR_OUT_REGISTER, 0, KEY(i), 0), 0);
}

/* Unit attentions pending on LUN_A for @nexus, one after the other as "6xxyy". */
static unsigned ua(struct core *c, unsigned nexus)
{
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);

	return kcq(core_cmd(c, nexus, LUN_A, &tur, NULL, 0));
}

static void check_uas(struct core *c, const unsigned want[CORE_NEXUSES])
{
	for (unsigned i = 0; i < CORE_NEXUSES; i++) {
		CU_ASSERT_EQUAL(ua(c, i), want[i]);
		if (want[i])
			CU_ASSERT_EQUAL(ua(c, i), 0);
	}
}

static const struct reply *pr_in(struct core *c, unsigned nexus, enum scsi_cmd cmd)
{
	struct scsi_cdb cdb = cdb_of(cmd);

	cdb.len = 60000;
	return core_cmd(c, nexus, LUN_A, &cdb, NULL, 0);
}

static unsigned keys(struct core *c, uint32_t *ret_generation)
{
	const struct reply *r = pr_in(c, 3, CMD_PR_IN_READ_KEYS);
	uint32_t len = 0, generation = 0;

	CHECK_GOOD(r);
	CU_ASSERT_TRUE(pr_head_decode(r->in, r->in_len, &generation, &len));
	if (ret_generation)
		*ret_generation = generation;
	return len / 8;
}

static uint32_t generation(struct core *c)
{
	uint32_t g;

	keys(c, &g);
	return g;
}

/* The type that is reserved, and by which key. */
static uint8_t held(struct core *c, uint64_t *ret_key)
{
	const struct reply *r = pr_in(c, 3, CMD_PR_IN_READ_RESERVATION);
	uint8_t type = 0xff;

	CHECK_GOOD(r);
	CU_ASSERT_TRUE(pr_reservation_decode(r->in, r->in_len, &type, ret_key));
	return type;
}

static bool held_by(struct core *c, uint8_t type, uint64_t key)
{
	uint64_t got = 0;

	return held(c, &got) == type && got == key;
}

static const uint8_t six[] = { 1, 3, 5, 6, 7, 8 };
#define for_each_type(t) for (unsigned i_##t = 0, t; i_##t < 6 && ((t = six[i_##t]), true); i_##t++)

/* ---- registering ---- */

static void register_rules(void)
{
	struct core c;

	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(keys(&c, NULL), 0);
	/* unregistered: the key must be 0; registering nothing is nothing */
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 5, 7, 0), CONFLICT);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(keys(&c, NULL), 0);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 0, 7, 0), 0);
	CU_ASSERT_EQUAL(keys(&c, NULL), 1);
	/* registered: by its own key alone */
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 0, 8, 0), CONFLICT);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 9, 0, 0), CONFLICT);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 7, 8, 0), 0);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RESERVE, 7, 0, 1), CONFLICT);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RESERVE, 8, 0, 1), 0);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 8, 0, 0), 0);
	CU_ASSERT_EQUAL(keys(&c, NULL), 0);
	CU_ASSERT_TRUE(held_by(&c, PR_NONE, 0));
	/* ignoring the key: any is right, 0 takes the registration away */
	CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_REGISTER_AND_IGNORE, 77, 5, 0), 0);
	CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_REGISTER_AND_IGNORE, 78, 6, 0), 0);
	CU_ASSERT_EQUAL(keys(&c, NULL), 1);
	CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_REGISTER_AND_IGNORE, 79, 0, 0), 0);
	CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_REGISTER_AND_IGNORE, 79, 0, 0), 0);
	CU_ASSERT_EQUAL(keys(&c, NULL), 0);
	core_done(&c);
}

static void generation_counts(void)
{
	struct core c;
	uint32_t g;

	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(generation(&c), 0);
	registers(&c, 3);
	CU_ASSERT_EQUAL(generation(&c), 3);
	out(&c, 0, CMD_PR_OUT_REGISTER, 99, 1, 0); /* conflict */
	out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, 1);
	out(&c, 0, CMD_PR_OUT_RELEASE, KEY(0), 0, 1);
	out(&c, 0, CMD_PR_OUT_PREEMPT, KEY(0), 0x1234, 1); /* nobody has that key */
	g = generation(&c);
	CU_ASSERT_EQUAL(g, 3);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_PREEMPT, KEY(0), KEY(1), 1), 0);
	CU_ASSERT_EQUAL(ua(&c, 1), 0x62a05);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_PREEMPT_AND_ABORT, KEY(0), KEY(2), 1), 0);
	CU_ASSERT_EQUAL(generation(&c), g + 2);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER_AND_IGNORE, 0, KEY(0), 0), 0);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_CLEAR, KEY(0), 0, 0), 0);
	CU_ASSERT_EQUAL(generation(&c), g + 4);
	core_done(&c);
}

static void bad_lists(void)
{
	struct pr_out p = { .sa_key = 1 };
	struct scsi_cdb cdb = cdb_of(CMD_PR_OUT_REGISTER);
	uint8_t list[64] = { [15] = 1 };
	struct core c;

	core_init(&c, NULL, 0);
	for (unsigned len = 0; len < sizeof(list); len++) {
		cdb.len = len;
		if (len != PR_OUT_LEN)
			CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, list, len), 0x51a00);
	}
	cdb.len = 48; /* and only 24 of it come */
	CHECK_KCQ(core_cmd(&c, 0, LUN_A, &cdb, list, PR_OUT_LEN), 0x51a00);
	p.spec_i_pt = true;
	CU_ASSERT_EQUAL(out_list(&c, 0, CMD_PR_OUT_REGISTER, &p, 0, 0), 0x52600);
	p.spec_i_pt = false;
	p.all_tg_pt = true;
	CU_ASSERT_EQUAL(out_list(&c, 0, CMD_PR_OUT_REGISTER, &p, 0, 0), 0x52600);
	p.all_tg_pt = false;
	p.aptpl = true; /* there is nowhere to keep it */
	CU_ASSERT_EQUAL(out_list(&c, 0, CMD_PR_OUT_REGISTER_AND_IGNORE, &p, 0, 0), 0x52600);
	CU_ASSERT_EQUAL(keys(&c, NULL), 0);
	registers(&c, 1);
	p = (struct pr_out) { .key = KEY(0) };
	CU_ASSERT_EQUAL(out_list(&c, 0, CMD_PR_OUT_RESERVE, &p, 1, 1), 0x52400);
	for (uint8_t type = 0; type < 16; type++)
		if (!pr_type_valid(type))
			CU_ASSERT_EQUAL(out_list(&c, 0, CMD_PR_OUT_RESERVE, &p, 0, type), 0x52400);
	CU_ASSERT_TRUE(held_by(&c, PR_NONE, 0));
	CHECK_KCQ(core_raw(&c, 0, LUN_A, (const uint8_t[10]) { 0x5f, 7, 0, 0, 0, 0, 0, 0, 24 }, 10,
			   list, 24),
		  0x52400); /* REGISTER AND MOVE */
	core_done(&c);
}

static void log_in_as(struct core *c, unsigned n, unsigned name)
{
	struct nexus *nexus = &c->nexus[n];

	target_nexus_remove(c->target, nexus);
	snprintf(nexus->initiator, sizeof(nexus->initiator), "iqn.2001-04.com.example:%u", name);
	CU_ASSERT_EQUAL(target_nexus_add(c->target, nexus), 0);
	CU_ASSERT_EQUAL(ua(c, n), 0x62900);
}

static void registrations_have_a_limit(void)
{
	struct core c;

	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < PR_MAX_REGISTRATIONS; i++) {
		log_in_as(&c, 0, i);
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 0, 5, 0), 0);
	}
	CU_ASSERT_EQUAL(keys(&c, NULL), PR_MAX_REGISTRATIONS);
	log_in_as(&c, 0, PR_MAX_REGISTRATIONS);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 0, 5, 0), 0x55504);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER_AND_IGNORE, 0, 5, 0), 0x55504);
	log_in_as(&c, 0, 7);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 5, 6, 0), 0);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 6, 0, 0), 0);
	log_in_as(&c, 0, PR_MAX_REGISTRATIONS);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 0, 5, 0), 0);
	CHECK_GOOD(pr_in(&c, 0, CMD_PR_IN_READ_FULL_STATUS));
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_PREEMPT, 5, 5, 0), 0); /* all at once, itself too */
	CU_ASSERT_EQUAL(keys(&c, NULL), 0);
	core_done(&c);
}

static void full_status(void)
{
	struct core c;
	struct pr_status s;
	const struct reply *r;

	for_each_type(type)
	{
		size_t pos = 8;
		bool all = type >= 7;

		core_init(&c, NULL, 0);
		c.nexus[1].rtpi = 2;
		registers(&c, 2);
		CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_RESERVE, KEY(1), 0, (uint8_t)type), 0);
		r = pr_in(&c, 3, CMD_PR_IN_READ_FULL_STATUS);
		CHECK_GOOD(r);
		for (unsigned i = 0; i < 2; i++) {
			CU_ASSERT_TRUE_FATAL(pr_full_status_next(r->in, r->in_len, &pos, &s));
			CU_ASSERT_EQUAL(s.key, KEY(i));
			CU_ASSERT_EQUAL(s.holder, all || i == 1);
			CU_ASSERT_EQUAL(s.type, s.holder ? type : 0);
			CU_ASSERT_EQUAL(s.rtpi, i + 1);
			CU_ASSERT_FALSE(s.all_tg_pt);
			CU_ASSERT_STRING_EQUAL(s.initiator, c.nexus[i].initiator);
		}
		CU_ASSERT_FALSE(pr_full_status_next(r->in, r->in_len, &pos, &s));
		CU_ASSERT_TRUE(held_by(&c, (uint8_t)type, all ? 0 : KEY(1)));
		core_done(&c);
	}
}

static void capabilities(void)
{
	struct pr_capabilities cap;
	const struct reply *r;
	struct core c;

	core_init(&c, NULL, 0);
	r = pr_in(&c, 3, CMD_PR_IN_REPORT_CAPABILITIES);
	CU_ASSERT_TRUE_FATAL(pr_capabilities_decode(r->in, r->in_len, &cap));
	CU_ASSERT_TRUE(cap.crh && cap.tmv);
	CU_ASSERT_FALSE(cap.ptpl_c || cap.ptpl_a || cap.sip_c || cap.atp_c);
	CU_ASSERT_EQUAL(cap.allow_commands, 3);
	CU_ASSERT_EQUAL(cap.types, 0x1ea);
	core_done(&c);
}

/* ---- reserving ---- */

static void reserve_and_release(void)
{
	struct core c;

	for_each_type(type)
	{
		uint8_t t = (uint8_t)type, other = t == 1 ? 3 : 1;
		bool all = t >= 7;

		core_init(&c, NULL, 0);
		CU_ASSERT_EQUAL(out(&c, 3, CMD_PR_OUT_RESERVE, 0, 0, t), CONFLICT);
		CU_ASSERT_EQUAL(out(&c, 3, CMD_PR_OUT_RELEASE, 0, 0, t), CONFLICT);
		registers(&c, 3);
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RESERVE, KEY(1), 0, t), CONFLICT);
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RELEASE, KEY(0), 0, t), 0); /* nothing */
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, t), 0);
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, t), 0); /* again */
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, other), CONFLICT);
		CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_RESERVE, KEY(1), 0, t), all ? 0 : CONFLICT);
		CU_ASSERT_EQUAL(out(&c, 3, CMD_PR_OUT_RESERVE, 0, 0, t), CONFLICT);
		CU_ASSERT_TRUE(held_by(&c, t, all ? 0 : KEY(0)));
		/* who does not hold it releases nothing, without an error */
		if (!all)
			CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_RELEASE, KEY(1), 0, t), 0);
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RELEASE, KEY(0), 0, other), 0x52604);
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RELEASE, KEY(2), 0, t), CONFLICT);
		CU_ASSERT_TRUE(held_by(&c, t, all ? 0 : KEY(0)));
		CU_ASSERT_EQUAL(out(&c, all ? 1 : 0, CMD_PR_OUT_RELEASE, KEY(all ? 1 : 0), 0, t),
				0);
		CU_ASSERT_TRUE(held_by(&c, PR_NONE, 0));
		CU_ASSERT_EQUAL(keys(&c, NULL), 3);
		core_done(&c);
	}
}

/* SPC-4 5.13.11.2.2, 5.13.11.2.3: 2A/04 for registrants-only and all-registrants types. */
static void release_tells_registrants(void)
{
	static const unsigned none[CORE_NEXUSES];
	struct core c;

	for_each_type(type)
	{
		uint8_t t = (uint8_t)type;
		const unsigned others[] = { 0, 0x62a04, 0x62a04, 0 };

		core_init(&c, NULL, 0);
		registers(&c, 3);
		out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, t);
		check_uas(&c, none);
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RELEASE, KEY(0), 0, t), 0);
		check_uas(&c, t >= 5 ? others : none);
		/* the holder's registration goes, and the reservation unless all hold it */
		out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, t);
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, KEY(0), 0, 0), 0);
		check_uas(&c, t == 5 || t == 6 ? others : none);
		CU_ASSERT_TRUE(held_by(&c, t >= 7 ? t : PR_NONE, 0));
		CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_REGISTER, KEY(1), 0, 0), 0);
		CU_ASSERT_TRUE(held_by(&c, t >= 7 ? t : PR_NONE, 0));
		CU_ASSERT_EQUAL(out(&c, 2, CMD_PR_OUT_REGISTER, KEY(2), 0, 0), 0);
		CU_ASSERT_TRUE(held_by(&c, PR_NONE, 0)); /* with the last registrant */
		check_uas(&c, none);
		core_done(&c);
	}
}

static void clear(void)
{
	static const unsigned want[] = { 0x62a03, 0, 0x62a03, 0 };
	struct core c;

	for_each_type(type)
	{
		core_init(&c, NULL, 0);
		registers(&c, 3);
		out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, (uint8_t)type);
		CU_ASSERT_EQUAL(out(&c, 3, CMD_PR_OUT_CLEAR, 0, 0, 0), CONFLICT);
		CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_CLEAR, KEY(0), 0, 0), CONFLICT);
		CU_ASSERT_EQUAL(keys(&c, NULL), 3);
		CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_CLEAR, KEY(1), 0, 0), 0);
		CU_ASSERT_EQUAL(keys(&c, NULL), 0);
		CU_ASSERT_TRUE(held_by(&c, PR_NONE, 0));
		check_uas(&c, want);
		core_done(&c);
	}
}

/* ---- preempting ---- */

/* Nexus 0 holds it with @type; nexus 1 preempts with @key and @new_type. */
static unsigned preempt(struct core *c, uint8_t type, uint64_t key, uint8_t new_type)
{
	core_init(c, NULL, 0);
	registers(c, 3);
	if (type)
		CU_ASSERT_EQUAL(out(c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, type), 0);
	return out(c, 1, CMD_PR_OUT_PREEMPT, KEY(1), key, new_type);
}

static void preempting_the_holder(void)
{
	static const uint8_t plain[] = { 1, 3, 5, 6 };
	static const unsigned same[] = { 0x62a05, 0, 0, 0 };
	static const unsigned changed[] = { 0x62a05, 0, 0x62a04, 0 };
	struct core c;

	for (unsigned i = 0; i < 4; i++)
		for_each_type(to)
		{
			uint8_t t = (uint8_t)to;

			CU_ASSERT_EQUAL(preempt(&c, plain[i], KEY(0), t), 0);
			CU_ASSERT_TRUE(held_by(&c, t, t >= 7 ? 0 : KEY(1)));
			CU_ASSERT_EQUAL(keys(&c, NULL), 2);
			check_uas(&c, t == plain[i] ? same : changed);
			core_done(&c);
		}
}

static void preempting_a_registration(void)
{
	static const unsigned want[] = { 0, 0, 0x62a05, 0 };
	struct core c;

	for (unsigned i = 0; i <= 6; i++) {
		uint8_t type = i == 6 ? PR_NONE : six[i];

		/* the type is not looked at when no reservation is made */
		CU_ASSERT_EQUAL(preempt(&c, type, KEY(2), 0x0f), 0);
		CU_ASSERT_EQUAL(keys(&c, NULL), 2);
		CU_ASSERT_TRUE(held_by(&c, type, type && type < 7 ? KEY(0) : 0));
		check_uas(&c, want);
		core_done(&c);
	}
}

static void preempting_all_registrants(void)
{
	static const unsigned want[] = { 0x62a05, 0, 0x62a05, 0 };
	struct core c;

	for (uint8_t type = 7; type <= 8; type++) {
		CU_ASSERT_EQUAL(preempt(&c, type, 0, 3), 0);
		CU_ASSERT_TRUE(held_by(&c, 3, KEY(1)));
		CU_ASSERT_EQUAL(keys(&c, NULL), 1);
		check_uas(&c, want);
		core_done(&c);
	}
}

static void preempting_in_vain(void)
{
	struct core c;

	for (unsigned i = 0; i <= 6; i++) {
		uint8_t type = i == 6 ? PR_NONE : six[i];

		CU_ASSERT_EQUAL(preempt(&c, type, 0x1234, 1), CONFLICT);
		CU_ASSERT_EQUAL(out(&c, 3, CMD_PR_OUT_PREEMPT, 0, KEY(0), 1), CONFLICT);
		CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_PREEMPT, KEY(2), KEY(0), 1), CONFLICT);
		if (type < 7)
			CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_PREEMPT, KEY(1), 0, 1), 0x52600);
		if (type && type < 7)
			CU_ASSERT_EQUAL(out(&c, 1, CMD_PR_OUT_PREEMPT, KEY(1), KEY(0), 2), 0x52400);
		CU_ASSERT_EQUAL(keys(&c, NULL), 3);
		CU_ASSERT_TRUE(held_by(&c, type, type && type < 7 ? KEY(0) : 0));
		core_done(&c);
	}
}

static void preempting_oneself(void)
{
	static const unsigned want[] = { 0, 0x62a04, 0x62a04, 0 };
	struct core c;

	core_init(&c, NULL, 0);
	registers(&c, 3);
	out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, 1);
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_PREEMPT, KEY(0), KEY(0), 6), 0); /* a new type */
	CU_ASSERT_TRUE(held_by(&c, 6, KEY(0)));
	CU_ASSERT_EQUAL(keys(&c, NULL), 3);
	check_uas(&c, want);
	CU_ASSERT_EQUAL(out(&c, 2, CMD_PR_OUT_PREEMPT, KEY(2), KEY(2), 1), 0); /* no holder */
	CU_ASSERT_EQUAL(keys(&c, NULL), 2);
	core_done(&c);
}

/* Tasks of the preempted nexus end first and unanswered; those of others go on. */
static void preempt_and_abort(void)
{
	static struct core_async victim, other, mine, pr;
	struct scsi_cdb rd = cdb_of(CMD_READ_10), cdb = cdb_of(CMD_PR_OUT_PREEMPT_AND_ABORT);
	struct pr_out p = { .key = KEY(1), .sa_key = KEY(0) };
	uint8_t list[PR_OUT_LEN];
	struct core c;
	struct scsi_cdb reg = cdb_of(CMD_PR_OUT_REGISTER), tur = cdb_of(CMD_TEST_UNIT_READY);

	core_init(&c, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct pr_out r = { .sa_key = KEY(i) };

		reg.len = PR_OUT_LEN;
		pr_out_encode(&r, list);
		CHECK_GOOD(core_cmd(&c, i, LUN_SLOW, &reg, list, sizeof(list)));
	}
	rd.blocks = 1;
	CU_ASSERT_TRUE(core_start(&c, &victim, 0, LUN_SLOW, &rd, NULL, 0));
	CU_ASSERT_TRUE(core_start(&c, &mine, 1, LUN_SLOW, &rd, NULL, 0));
	CU_ASSERT_TRUE(core_start(&c, &other, 2, LUN_SLOW, &rd, NULL, 0));
	cdb.len = PR_OUT_LEN;
	cdb.pr_type = 1;
	pr_out_encode(&p, list);
	CU_ASSERT_TRUE(core_start(&c, &pr, 1, LUN_SLOW, &cdb, list, sizeof(list)));
	core_sleep(&c, 10);
	CU_ASSERT_FALSE(pr.done); /* the victim still runs */
	core_finish(&victim);
	CU_ASSERT_TRUE(victim.task.aborted);
	CU_ASSERT_EQUAL(victim.task.status, SAM_TASK_ABORTED);
	core_finish(&pr);
	CU_ASSERT_EQUAL(pr.task.status, SAM_GOOD);
	core_finish(&mine);
	core_finish(&other);
	CU_ASSERT_EQUAL(mine.task.status, SAM_GOOD);
	CU_ASSERT_EQUAL(other.task.status, SAM_GOOD);
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0), 0x62a05);
	CHECK_KCQ(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0), 0x62f00);
	CHECK_GOOD(core_cmd(&c, 0, LUN_SLOW, &tur, NULL, 0));
	CHECK_GOOD(core_cmd(&c, 2, LUN_SLOW, &tur, NULL, 0));
	core_done(&c);
}

/* ---- what outlives what ---- */

static unsigned resets_over;

static void reset_over(struct target_reset *r)
{
	resets_over++;
}

static void reservations_outlive_sessions_and_resets(void)
{
	struct scsi_cdb rd = cdb_of(CMD_READ_10);
	struct target_reset reset = { .all = true, .done = reset_over };
	struct core c;

	core_init(&c, NULL, 0);
	registers(&c, 2);
	out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, 3);
	target_nexus_remove(c.target, &c.nexus[0]);
	CU_ASSERT_TRUE(held_by(&c, 3, KEY(0)));
	CU_ASSERT_EQUAL(kcq(core_cmd(&c, 1, LUN_A, &rd, NULL, 0)), CONFLICT);
	CU_ASSERT_EQUAL(target_nexus_add(c.target, &c.nexus[0]), 0);
	CU_ASSERT_EQUAL(ua(&c, 0), 0x62900);
	CHECK_GOOD(core_cmd(&c, 0, LUN_A, &rd, NULL, 0));
	CU_ASSERT_TRUE(target_reset(c.target, &reset));
	core_sleep(&c, 1);
	CU_ASSERT_EQUAL(resets_over, 1);
	for (unsigned i = 0; i < CORE_NEXUSES; i++)
		CU_ASSERT_EQUAL(ua(&c, i), 0x62903);
	CU_ASSERT_TRUE(held_by(&c, 3, KEY(0)));
	CU_ASSERT_EQUAL(kcq(core_cmd(&c, 1, LUN_A, &rd, NULL, 0)), CONFLICT);
	/* another port of the same initiator is another nexus */
	target_nexus_remove(c.target, &c.nexus[0]);
	c.nexus[0].rtpi = 2;
	CU_ASSERT_EQUAL(target_nexus_add(c.target, &c.nexus[0]), 0);
	CU_ASSERT_EQUAL(ua(&c, 0), 0x62900);
	CU_ASSERT_EQUAL(kcq(core_cmd(&c, 0, LUN_A, &rd, NULL, 0)), CONFLICT);
	core_done(&c);
}

/* A reservation is of one logical unit. */
static void other_units_are_free(void)
{
	struct scsi_cdb rd = cdb_of(CMD_READ_10);
	struct core c;

	core_init(&c, NULL, 0);
	registers(&c, 1);
	out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, 3);
	CHECK_GOOD(core_cmd(&c, 1, LUN_B, &rd, NULL, 0));
	core_done(&c);
}

/* ---- RESERVE(6), RELEASE(6) ---- */

static unsigned six_byte(struct core *c, unsigned nexus, enum scsi_cmd cmd)
{
	struct scsi_cdb cdb = cdb_of(cmd);

	return kcq(core_cmd(c, nexus, LUN_A, &cdb, NULL, 0));
}

static void reserve_6(void)
{
	struct scsi_cdb inq = cdb_of(CMD_INQUIRY);
	struct target_reset reset = { .lun = LUN_A, .done = reset_over };
	struct core c;

	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(six_byte(&c, 1, CMD_RELEASE_6), 0);
	CU_ASSERT_EQUAL(six_byte(&c, 0, CMD_RESERVE_6), 0);
	CU_ASSERT_EQUAL(six_byte(&c, 0, CMD_RESERVE_6), 0);
	CU_ASSERT_EQUAL(six_byte(&c, 1, CMD_RESERVE_6), CONFLICT);
	CU_ASSERT_EQUAL(six_byte(&c, 1, CMD_RELEASE_6), 0); /* and nothing happens */
	CU_ASSERT_EQUAL(six_byte(&c, 1, CMD_TEST_UNIT_READY), CONFLICT);
	CU_ASSERT_EQUAL(six_byte(&c, 1, CMD_MODE_SENSE_6), CONFLICT);
	CU_ASSERT_EQUAL(six_byte(&c, 1, CMD_READ_CAPACITY_10), 0);
	CHECK_GOOD(core_cmd(&c, 1, LUN_A, &inq, NULL, 0));
	CU_ASSERT_EQUAL(six_byte(&c, 0, CMD_TEST_UNIT_READY), 0);
	/* persistent reservations and this kind exclude each other, for the holder, too */
	CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_REGISTER, 0, 1, 0), CONFLICT);
	CU_ASSERT_EQUAL(kcq(pr_in(&c, 0, CMD_PR_IN_READ_KEYS)), CONFLICT);
	CU_ASSERT_EQUAL(kcq(pr_in(&c, 1, CMD_PR_IN_READ_KEYS)), CONFLICT);
	CU_ASSERT_EQUAL(six_byte(&c, 0, CMD_RELEASE_6), 0);
	CU_ASSERT_EQUAL(six_byte(&c, 1, CMD_RESERVE_6), 0);
	target_nexus_remove(c.target, &c.nexus[1]); /* I_T nexus loss ends it */
	CU_ASSERT_EQUAL(six_byte(&c, 0, CMD_TEST_UNIT_READY), 0);
	CU_ASSERT_EQUAL(target_nexus_add(c.target, &c.nexus[1]), 0);
	CU_ASSERT_EQUAL(ua(&c, 1), 0x62900);
	CU_ASSERT_EQUAL(six_byte(&c, 1, CMD_RESERVE_6), 0);
	resets_over = 0;
	CU_ASSERT_TRUE(target_reset(c.target, &reset)); /* and so does a reset */
	core_sleep(&c, 1);
	CU_ASSERT_EQUAL(resets_over, 1);
	CU_ASSERT_EQUAL(ua(&c, 0), 0x62903);
	CU_ASSERT_EQUAL(six_byte(&c, 0, CMD_RESERVE_6), 0);
	core_done(&c);
}

/* SPC-4 5.13.3: CRH=1 */
static void reserve_6_and_registrations(void)
{
	struct core c;

	core_init(&c, NULL, 0);
	registers(&c, 2);
	for (unsigned i = 0; i <= 6; i++) {
		uint8_t type = i == 6 ? PR_NONE : six[i];
		const unsigned want[] = { type ? 0 : CONFLICT, type >= 5 ? 0 : CONFLICT, CONFLICT,
					  CONFLICT };

		if (type)
			CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RESERVE, KEY(0), 0, type), 0);
		for (unsigned n = 0; n < CORE_NEXUSES; n++) {
			CU_ASSERT_EQUAL(six_byte(&c, n, CMD_RESERVE_6), want[n]);
			CU_ASSERT_EQUAL(six_byte(&c, n, CMD_RELEASE_6), want[n]);
		}
		CU_ASSERT_EQUAL(held(&c, &(uint64_t) { 0 }), type); /* untouched */
		if (type)
			out(&c, 0, CMD_PR_OUT_RELEASE, KEY(0), 0, type);
		ua(&c, 1);
	}
	core_done(&c);
}

static const struct test tests[] = {
	{ "registering: who may, with which key", register_rules },
	{ "PRGENERATION counts what changes registrations", generation_counts },
	{ "parameter lists, scopes and types that are refused", bad_lists },
	{ "64 registrations, and not one more", registrations_have_a_limit },
	{ "READ FULL STATUS names ports and holders", full_status },
	{ "REPORT CAPABILITIES", capabilities },
	{ "RESERVE and RELEASE of all six types", reserve_and_release },
	{ "RELEASE and unregistering tell whom SPC-4 names", release_tells_registrants },
	{ "CLEAR tells all other registrants 2A/03", clear },
	{ "PREEMPT of the holder, of each type to each", preempting_the_holder },
	{ "PREEMPT of a registration leaves the reservation", preempting_a_registration },
	{ "PREEMPT with key 0 when all registrants hold it", preempting_all_registrants },
	{ "PREEMPT that is refused changes nothing", preempting_in_vain },
	{ "PREEMPT of oneself", preempting_oneself },
	{ "PREEMPT AND ABORT ends the preempted nexus' tasks first", preempt_and_abort },
	{ "reservations outlive sessions and resets", reservations_outlive_sessions_and_resets },
	{ "a reservation is of one logical unit", other_units_are_free },
	{ "RESERVE(6) and RELEASE(6)", reserve_6 },
	{ "RESERVE(6) where somebody is registered", reserve_6_and_registrations },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "pr", tests);
}
