/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The portal: who may log in, digests, task management in the middle of a copy,
 * session reinstatement, pings, and sessions that end badly.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "libiscsi.h"

#define HOST	 "iqn.1991-05.com.microsoft:host1"
#define USER	 "alice"
#define SECRET	 "wonderland-42"
#define T_USER	 "target"
#define T_SECRET "looking-glass-7"

#define ONE_LUN	 "  lun 0 { path = \"mem:a\" size = \"4M\" }\n"
#define CONF(in)                        \
	"portals = {\"127.0.0.1:0\"}\n" \
	"target \"" ODXD_IQN "\" {\n" in ONE_LUN "}\n"

/* iscsi://[login@]portal/IQN/0[?query] */
static int login_with(const struct odxd *o, const char *login, const char *query,
		      const struct initiator_options *opt)
{
	char uri[512];

	snprintf(uri, sizeof(uri), "iscsi://%s%s/" ODXD_IQN "/0%s", login, o->portal, query);
	return login_result(uri, opt);
}

/* ---- logging in ---- */

static void wrong_target(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=1M");

	CU_ASSERT_EQUAL(login_result(odxd_target_uri(o, "iqn.2001-04.com.example:no", 0), NULL),
			-ENOENT);
	CU_ASSERT_EQUAL(login_result(odxd_uri(o, 0), NULL), 0);
	odxd_stop(o);
}

static void chap_one_way(void)
{
	struct odxd *o = ODXD("-c", make_text("chap.conf", CONF("  chap { user = \"" USER
								"\" secret = \"" SECRET "\" }\n")));

	CU_ASSERT_EQUAL(login_with(o, USER "%" SECRET "@", "", NULL), 0);
	CU_ASSERT_EQUAL(login_with(o, USER "%" SECRET "x@", "", NULL), -EACCES);
	CU_ASSERT_EQUAL(login_with(o, "bob%" SECRET "@", "", NULL), -EACCES);
	CU_ASSERT_EQUAL(login_with(o, "", "", NULL), -EACCES);
	CU_ASSERT_EQUAL(login_with(o, USER "%" SECRET "@", "", NULL), 0);
	odxd_stop(o);
}

static void chap_mutual(void)
{
	struct odxd *o = ODXD("-c", make_text("chap.conf",
					      CONF("  chap { user = \"" USER "\" secret = \"" SECRET
						   "\" mutual-user = \"" T_USER
						   "\" mutual-secret = \"" T_SECRET "\" }\n")));

	CU_ASSERT_EQUAL(login_with(o, USER "%" SECRET "@",
				   "?target_user=" T_USER "&target_password=" T_SECRET, NULL),
			0);
	/* The initiator refuses a target that does not know its secret. */
	CU_ASSERT(login_with(o, USER "%" SECRET "@",
			     "?target_user=" T_USER "&target_password=something-else", NULL) != 0);
	/* An initiator need not ask for it. */
	CU_ASSERT_EQUAL(login_with(o, USER "%" SECRET "@", "", NULL), 0);
	CU_ASSERT_EQUAL(login_with(o, "", "", NULL), -EACCES);
	odxd_stop(o);
}

static void allow_list(void)
{
	struct odxd *o =
		ODXD("-c", make_text("acl.conf", CONF("  initiators = {\"" HOST "\", "
						      "\"iqn.2001-04.com.example:other\"}\n")));
	struct initiator_options ok = { .name = HOST }, no = { .name = HOST "2" };

	CU_ASSERT_EQUAL(login_with(o, "", "", &ok), 0);
	CU_ASSERT_EQUAL(login_with(o, "", "", &no), -EPERM);
	CU_ASSERT_EQUAL(login_with(o, "", "", NULL), -EPERM);
	odxd_stop(o);
}

static void session_limit(void)
{
	struct odxd *o =
		ODXD("-c", make_text("limit.conf", "limits { max-sessions = 2 }\n" CONF("")));
	struct initiator *a = login_clear(o, 1), *b = login_clear(o, 1);

	CU_ASSERT_EQUAL(login_with(o, "", "", NULL), -EPROTO);
	CHECK_GOOD(tur(a, 0));
	initiator_close(b);
	CU_ASSERT_EQUAL(login_with(o, "", "", NULL), 0);
	initiator_close(a);
	odxd_stop(o);
}

static void discovery(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=1M");
	struct iscsi_context *c = iscsi_create_context(HOST);
	struct iscsi_discovery_address *list = NULL;

	CU_ASSERT_EQUAL(iscsi_set_session_type(c, ISCSI_SESSION_DISCOVERY), 0);
	CU_ASSERT_EQUAL(iscsi_connect_sync(c, o->portal), 0);
	CU_ASSERT_EQUAL(iscsi_login_sync(c), 0);
	list = iscsi_discovery_sync(c);
	CU_ASSERT_PTR_NOT_NULL(list);
	if (list) {
		char want[80];

		CU_ASSERT_STRING_EQUAL(list->target_name, ODXD_IQN);
		snprintf(want, sizeof(want), "%s,", o->portal);
		CU_ASSERT(list->portals && strncmp(list->portals->portal, want, strlen(want)) == 0);
		CU_ASSERT_PTR_NULL(list->next);
		iscsi_free_discovery_data(c, list);
	}
	iscsi_logout_sync(c);
	iscsi_destroy_context(c);
	odxd_stop(o);
}

/* ---- ways to move data ---- */

static void move_data(const struct initiator_options *opt)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=16M", "--lun", "mem:b,size=16M");
	struct initiator *in = login_as(o, opt);
	struct tpc_range r = RANGE(0, 8192);
	uint8_t *buf = malloc(4 * MIB), token[ROD_TOKEN_LEN];

	clear_ua(in, 0);
	clear_ua(in, 1);
	pattern_fill(buf, 0, 4 * MIB, 1);
	/* One block, an odd size, and 4 MiB in one command. */
	CHECK_GOOD(media(in, 0, CMD_WRITE_16, 20000, 1, buf, 512));
	CHECK_GOOD(media(in, 0, CMD_WRITE_16, 20001, 333, buf + 512, 333 * 512));
	CHECK_GOOD(media(in, 0, CMD_WRITE_16, 0, 8192, buf, 4 * MIB));
	CU_ASSERT(lun_is(in, 0, 512, 20000 * 512, 334 * 512, 0, 1));
	memset(buf, 0, 4 * MIB);
	CHECK_GOOD(media(in, 0, CMD_READ_16, 0, 8192, buf, 4 * MIB));
	CU_ASSERT(pattern_is("4 MiB", buf, 0, 4 * MIB, 1));
	CU_ASSERT(take_token(in, 0, 1, &r, 1, token));
	CHECK_GOOD(wut(in, 1, 2, token, 0, &r, 1));
	CU_ASSERT(lun_is(in, 1, 512, 0, 4 * MIB, 0, 1));
	free(buf);
	initiator_close(in);
	odxd_stop(o);
}

static void header_digest(void)
{
	struct initiator_options opt = { .header_digest = true };

	move_data(&opt);
}

static void no_immediate_data(void)
{
	struct initiator_options opt = { .no_immediate = true };

	move_data(&opt);
}

static void initial_r2t(void)
{
	struct initiator_options opt = { .initial_r2t = true };

	move_data(&opt);
}

static void r2t_only(void)
{
	struct initiator_options opt = { .no_immediate = true, .initial_r2t = true };

	move_data(&opt);
}

/* ---- task management in the middle of a copy ---- */

/* 16 MiB at 2 MiB/s: eight seconds that no test waits for. */
struct slow {
	struct odxd *o;
	struct initiator *in;
	uint8_t token[ROD_TOKEN_LEN];
	uint8_t list[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct initiator_cmd cmd;
};

static void slow_start(struct slow *s)
{
	struct tpc_range r = RANGE(0, 32768);
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN],
			      .list_id = 5,
			      .len = sizeof(s->list) };

	memset(s, 0, sizeof(*s));
	s->o = ODXD("--lun", "mem:a,size=16M", "--lun",
		    "mem:b,size=16M,fault=rate:2M,odx.deadline=60s");
	s->in = login_clear(s->o, 2);
	CU_ASSERT(write_pattern(s->in, 0, 512, 0, 16 * MIB, 0, 1));
	CU_ASSERT(take_token(s->in, 0, 1, &r, 1, s->token));
	tpc_wut_encode(s->list, sizeof(s->list), false, false, 0, s->token, &r, 1);
	s->cmd = initiator_cmd(&c, s->list, sizeof(s->list));
	initiator_submit(s->in, 1, &s->cmd);
	serve_for(s->in, 300);
	CU_ASSERT(s->cmd.busy);
}

/* The LUN works before the copy would have ended (8 s), and the list identifier is free. */
static void slow_end(struct slow *s)
{
	struct tpc_range r = RANGE(0, 64);
	double start = seconds_now();

	clear_ua(s->in, 0);
	clear_ua(s->in, 1);
	CHECK_GOOD(wut(s->in, 1, 5, s->token, 0, &r, 1));
	CU_ASSERT(rrti_is(s->in, 1, 5, 0x11, TPC_DONE, 64));
	CU_ASSERT(seconds_now() - start < 6.0);
	initiator_close(s->in);
	odxd_stop(s->o);
}

static void abort_task(void)
{
	struct slow s;
	double start;
	struct rrti q;

	slow_start(&s);
	start = seconds_now();
	CU_ASSERT_EQUAL(initiator_abort(s.in, &s.cmd), 0);
	CU_ASSERT(seconds_now() - start < 6.0);
	CU_ASSERT_EQUAL(s.cmd.error, -ECANCELED);
	/* wire-format 7.3: the result is kept, terminated. */
	rrti(s.in, 1, 5, RRTI_ALL, &q);
	CHECK_GOOD(q.answer);
	CU_ASSERT_EQUAL(q.r.status, TPC_TERMINATED);
	CU_ASSERT(q.r.count < 32768);
	slow_end(&s);
}

static void abort_task_set(void)
{
	struct slow s;
	double start;

	slow_start(&s);
	start = seconds_now();
	CU_ASSERT_EQUAL(initiator_abort_task_set(s.in, 1), 0);
	CU_ASSERT(seconds_now() - start < 6.0);
	iscsi_scsi_cancel_all_tasks(initiator_context(s.in));
	CU_ASSERT(!s.cmd.busy);
	slow_end(&s);
}

static void lun_reset(void)
{
	struct slow s;
	struct initiator *other;
	struct rrti q;

	slow_start(&s);
	other = login_clear(s.o, 2);
	CU_ASSERT_EQUAL(initiator_lun_reset(s.in, 1), 0);
	iscsi_scsi_cancel_all_tasks(initiator_context(s.in));
	CHECK_SENSE(tur(other, 1), KEY_UNIT_ATTENTION, ASC_DEVICE_RESET);
	CHECK_GOOD(tur(other, 0));
	clear_ua(s.in, 1);
	rrti(s.in, 1, 5, RRTI_ALL, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	initiator_close(other);
	slow_end(&s);
}

static void lun_reset_by_another(void)
{
	struct slow s;
	struct initiator *other;

	slow_start(&s);
	other = login_clear(s.o, 2);
	CU_ASSERT_EQUAL(initiator_lun_reset(other, 1), 0);
	/* TAS is 0: the victim hears nothing but the unit attention. */
	serve_for(s.in, 200);
	CU_ASSERT(s.cmd.busy || s.cmd.status == SAM_TASK_ABORTED);
	iscsi_scsi_cancel_all_tasks(initiator_context(s.in));
	CHECK_SENSE(tur(s.in, 1), KEY_UNIT_ATTENTION, ASC_DEVICE_RESET);
	initiator_close(other);
	slow_end(&s);
}

static void target_reset(void)
{
	struct slow s;

	slow_start(&s);
	CU_ASSERT_EQUAL(initiator_target_reset(s.in), 0);
	iscsi_scsi_cancel_all_tasks(initiator_context(s.in));
	slow_end(&s);
}

/* All sessions end with it; the copy, too, and its token works on in a new one. */
static void target_cold_reset(void)
{
	struct initiator *other;
	struct slow s;

	slow_start(&s);
	other = login_clear(s.o, 2);
	CU_ASSERT_EQUAL(iscsi_task_mgmt_target_cold_reset_sync(initiator_context(other)), 0);
	for (unsigned i = 0; i < 50 && (s.cmd.busy || initiator_alive(other)); i++) {
		initiator_poll(&s.in, 1, 50);
		initiator_poll(&other, 1, 50);
	}
	CU_ASSERT(!s.cmd.busy && s.cmd.error < 0);
	CU_ASSERT(!initiator_alive(s.in) && !initiator_alive(other));
	initiator_close(other);
	initiator_close(s.in);
	s.in = login_clear(s.o, 2);
	slow_end(&s);
}

static void reset_unknown_lun(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=1M");
	struct initiator *in = login_clear(o, 1);

	CU_ASSERT_EQUAL(initiator_lun_reset(in, 9), ISCSI_TMR_LUN_DOES_NOT_EXIST);
	CHECK_GOOD(tur(in, 0));
	initiator_close(in);
	odxd_stop(o);
}

static void host_dies_in_mid_copy(void)
{
	struct slow s;

	slow_start(&s);
	initiator_drop(s.in);
	s.in = login_clear(s.o, 2);
	slow_end(&s);
}

static void sigterm_in_mid_copy(void)
{
	struct slow s;
	double start;

	slow_start(&s);
	start = seconds_now();
	odxd_stop(s.o);
	CU_ASSERT(seconds_now() - start < 20);
	initiator_drop(s.in);
}

static void sigterm_with_idle_sessions(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=1M");
	struct initiator *a = login_clear(o, 1), *b = login_clear(o, 1);
	double start = seconds_now();

	odxd_stop(o);
	CU_ASSERT(seconds_now() - start < 10);
	initiator_drop(a);
	initiator_drop(b);
}

/* ---- sessions ---- */

static void reinstatement(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=4M");
	struct initiator_options opt = { .name = HOST, .isid = 0x1234 };
	struct initiator *a = login_as(o, &opt), *b;

	clear_ua(a, 0);
	CHECK_GOOD(tur(a, 0));
	/* The same initiator port again: the old session is over. */
	b = login_as(o, &opt);
	CHECK_SENSE(tur(b, 0), KEY_UNIT_ATTENTION, ASC_POWER_ON_OR_RESET);
	CHECK_GOOD(tur(b, 0));
	for (unsigned i = 0; i < 20 && initiator_alive(a); i++)
		initiator_poll(&a, 1, 100);
	CU_ASSERT(!initiator_alive(a));
	CHECK_GOOD(tur(b, 0));
	initiator_close(a);
	initiator_close(b);
	odxd_stop(o);
}

static void reinstatement_in_mid_copy(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=16M", "--lun",
			      "mem:b,size=16M,fault=rate:2M,odx.deadline=60s");
	struct initiator_options opt = { .name = HOST, .isid = 0x1234 };
	struct initiator *a = login_as(o, &opt), *b;
	struct tpc_range r = RANGE(0, 32768), tiny = RANGE(0, 64);
	uint8_t token[ROD_TOKEN_LEN], list[TPC_WUT_HEADER + TPC_RANGE_LEN];
	struct scsi_cdb c = { .op = &scsi_ops[CMD_WRITE_USING_TOKEN], .len = sizeof(list) };
	struct initiator_cmd cmd;

	clear_ua(a, 0);
	clear_ua(a, 1);
	CU_ASSERT(take_token(a, 0, 1, &r, 1, token));
	tpc_wut_encode(list, sizeof(list), false, false, 0, token, &r, 1);
	cmd = initiator_cmd(&c, list, sizeof(list));
	initiator_submit(a, 1, &cmd);
	serve_for(a, 300);
	b = login_as(o, &opt);
	clear_ua(b, 1);
	CHECK_GOOD(wut(b, 1, 2, token, 0, &tiny, 1));
	initiator_drop(a);
	initiator_close(b);
	odxd_stop(o);
}

static void nop_out(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=1M");
	struct initiator *in = login_clear(o, 1);
	uint8_t ping[400];

	pattern_fill(ping, 0, sizeof(ping), 7);
	CU_ASSERT_EQUAL(initiator_nop(in, "hello", 5), 0);
	CU_ASSERT_EQUAL(initiator_nop(in, ping, sizeof(ping)), 0);
	CU_ASSERT_EQUAL(initiator_nop(in, "", 0), 0);
	initiator_close(in);
	odxd_stop(o);
}

static void idle_connections(void)
{
	struct odxd *o =
		ODXD("-c", make_text("nop.conf",
				     "limits { nop-interval = 1s nop-timeout = 1s }\n" CONF("")));
	struct initiator *lively = login_clear(o, 1), *dead = login_clear(o, 1);

	/* One answers the target's pings, the other does not look. */
	for (double end = seconds_now() + 4; seconds_now() < end;)
		initiator_poll(&lively, 1, 100);
	CU_ASSERT(initiator_alive(lively));
	CHECK_GOOD(tur(lively, 0));
	for (unsigned i = 0; i < 10 && initiator_alive(dead); i++)
		initiator_poll(&dead, 1, 100);
	CU_ASSERT(!initiator_alive(dead));
	initiator_close(dead);
	initiator_close(lively);
	odxd_stop(o);
}

static void several_initiators(void)
{
	struct odxd *o = ODXD("--lun", "mem:a,size=4M");
	struct initiator *in[16];

	for (unsigned i = 0; i < 16; i++)
		in[i] = login_clear(o, 1);
	for (unsigned i = 0; i < 16; i++)
		CU_ASSERT(write_pattern(in[i], 0, 512, i * 64 * KIB, 64 * KIB, 0, i));
	for (unsigned i = 0; i < 16; i++)
		CU_ASSERT(lun_is(in[15 - i], 0, 512, i * 64 * KIB, 64 * KIB, 0, i));
	for (unsigned i = 0; i < 16; i++)
		initiator_close(in[i]);
	odxd_stop(o);
}

static void queue_of_commands(void)
{
	/* More commands than the window is wide: all are answered. */
	struct odxd *o = ODXD("-c", make_text("q.conf", "limits { queue-depth = 4 }\n" CONF("")));
	struct initiator *in = login_clear(o, 1);
	static uint8_t bufs[64][4096];
	struct initiator_cmd cmd[64];

	CU_ASSERT(write_pattern(in, 0, 512, 0, MIB, 0, 1));
	for (unsigned i = 0; i < 64; i++) {
		cmd[i] = disk_read_cmd(i * 8, 8, bufs[i], 4096);
		initiator_submit(in, 0, &cmd[i]);
	}
	for (unsigned i = 0; i < 64; i++) {
		initiator_wait(in, &cmd[i]);
		CHECK_GOOD(answer_of(&cmd[i]));
		CU_ASSERT(pattern_is("queued", bufs[i], i * 4096, 4096, 1));
	}
	initiator_close(in);
	odxd_stop(o);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "a target that does not exist is 0203h", wrong_target },
		{ "CHAP: right, wrong secret, wrong user, none", chap_one_way },
		{ "mutual CHAP: right, wrong target secret, not asked for", chap_mutual },
		{ "the allow-list of initiator names", allow_list },
		{ "sessions above the limit are refused, and only those", session_limit },
		{ "a discovery session lists target and portal", discovery },
		{ "header digests CRC32C", header_digest },
		{ "no immediate data", no_immediate_data },
		{ "InitialR2T=Yes", initial_r2t },
		{ "R2T for every byte", r2t_only },
		{ "ABORT TASK ends a WUT, RRTI says 60h", abort_task },
		{ "ABORT TASK SET ends a WUT", abort_task_set },
		{ "LUN RESET ends a WUT and drops its result, others get 6/29/03", lun_reset },
		{ "LUN RESET by another session", lun_reset_by_another },
		{ "TARGET WARM RESET ends a WUT", target_reset },
		{ "TARGET COLD RESET ends a WUT and all sessions", target_cold_reset },
		{ "LUN RESET of an unknown LUN is answered so", reset_unknown_lun },
		{ "a host that dies in mid copy leaves the LUN usable", host_dies_in_mid_copy },
		{ "SIGTERM in mid copy ends cleanly", sigterm_in_mid_copy },
		{ "SIGTERM with idle sessions ends cleanly", sigterm_with_idle_sessions },
		{ "session reinstatement closes the old session", reinstatement },
		{ "session reinstatement in mid copy", reinstatement_in_mid_copy },
		{ "NOP-Out is answered with its data", nop_out },
		{ "idle connections are pinged, dead ones dropped", idle_connections },
		{ "16 sessions at once", several_initiators },
		{ "64 commands through a window of 4", queue_of_commands },
		TEST_END
	};

	return test_main(argc, argv, "e2e-iscsi", tests);
}
