/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives and deaths of tokens and results: decisions.md 1, 2, 4, 9, 10, 13, each
 * reason of death with its own ASCQ, the token table at its limit and above, the
 * table of results per nexus.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

static const struct tpc_range eight[] = { { 0, 8 } };
static const struct tpc_range to[] = { { 64, 8 } };

/* Two memory LUNs of 4 MiB, LUN 0 with pattern 1; @options for both. */
static struct odxd *start(const char *options)
{
	char a[256], b[256];

	snprintf(a, sizeof(a), "mem:a,size=4M%s", options);
	snprintf(b, sizeof(b), "mem:b,size=4M%s", options);
	return ODXD("--lun", a, "--lun", b);
}

static struct initiator *session(const struct odxd *o)
{
	struct initiator *in = login_clear(o, 2);

	CU_ASSERT(write_pattern(in, 0, 512, 0, MIB, 0, 1));
	return in;
}

static struct answer use(struct initiator *in, const uint8_t *token)
{
	return wut(in, 1, 1000, token, 0, to, 1);
}

static void end(struct odxd *o, struct initiator *in)
{
	initiator_close(in);
	odxd_stop(o);
}

/* ---- decisions.md 1 and 2: results ---- */

static void rejected_result_is_kept(void)
{
	struct odxd *o = start("");
	struct initiator *in = session(o);
	struct tpc_range overlap[] = { { 0, 8 }, { 7, 8 } }, past[] = { { 8191, 2 } };
	uint8_t token[ROD_TOKEN_LEN];

	CHECK_ILLEGAL(pt(in, 0, 1, overlap, 2), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	CU_ASSERT(rrti_is(in, 0, 1, 0x10, TPC_FAILED, 0));
	CU_ASSERT(
		rrti_sense_is(in, 0, 1, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAMETER_LIST));
	CHECK_ILLEGAL(pt(in, 0, 2, past, 1), ASC_LBA_OUT_OF_RANGE);
	CU_ASSERT(rrti_sense_is(in, 0, 2, KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE));
	CU_ASSERT(take_one(in, 0, 3, 0, 8, 0, token));
	token[300] ^= 0x10;
	CU_ASSERT(use(in, token).sense.asc == 0x23);
	CU_ASSERT(rrti_is(in, 1, 1000, 0x11, TPC_FAILED, 0));
	/* A good command under the same identifier replaces it. */
	CHECK_GOOD(pt(in, 0, 1, eight, 1));
	CU_ASSERT(rrti_is(in, 0, 1, 0x10, TPC_DONE, 8));
	end(o, in);
}

static void sense_in_rrti_fits_windows(void)
{
	struct odxd *o = start("");
	struct initiator *in = session(o);
	struct tpc_range overlap[] = { { 0, 8 }, { 7, 8 } };
	struct rrti q;

	CHECK_ILLEGAL(pt(in, 0, 1, overlap, 2), ASC_INVALID_FIELD_IN_PARAMETER_LIST);
	rrti(in, 0, 1, RRTI_ALL, &q);
	CHECK_GOOD(q.answer);
	CU_ASSERT_EQUAL(q.r.sense_field_len, 20);
	CU_ASSERT_EQUAL(q.r.sense_len, 18);
	CU_ASSERT_EQUAL(q.data[32] & 0x7f, 0x70);
	CU_ASSERT_EQUAL(q.r.completion, SAM_CHECK_CONDITION);
	CHECK_GOOD(pt(in, 0, 1, eight, 1));
	rrti(in, 0, 1, DISK_RRTI_PT_LEN, &q);
	CU_ASSERT_EQUAL(q.answer.in_len, 550);
	CU_ASSERT_EQUAL(q.r.sense_field_len, 0);
	CU_ASSERT_EQUAL(q.r.sense_len, 0);
	CU_ASSERT_EQUAL(q.r.completion, SAM_GOOD);
	end(o, in);
}

static void rrti_is_repeatable(void)
{
	struct odxd *o = start("");
	struct initiator *in = session(o);
	struct rrti one, two;

	CHECK_GOOD(pt(in, 0, 0, eight, 1)); /* identifier 0 is an ordinary one */
	rrti(in, 0, 0, RRTI_ALL, &one);
	rrti(in, 0, 0, RRTI_ALL, &two);
	CHECK_GOOD(one.answer);
	CHECK_GOOD(two.answer);
	CHECK_BYTES(one.data, one.answer.in_len, two.data, two.answer.in_len);
	end(o, in);
}

static void results_are_bounded(void)
{
	struct odxd *o = start(",odx.results=4");
	struct initiator *in = session(o);
	struct rrti q;

	for (uint32_t id = 1; id <= 4; id++)
		CHECK_GOOD(pt(in, 0, id, eight, 1));
	for (uint32_t id = 1; id <= 4; id++)
		CU_ASSERT(rrti_is(in, 0, id, 0x10, TPC_DONE, 8));
	/* One more: the oldest finished one goes. */
	CHECK_GOOD(pt(in, 0, 5, eight, 1));
	rrti(in, 0, 1, RRTI_ALL, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	for (uint32_t id = 2; id <= 5; id++)
		CU_ASSERT(rrti_is(in, 0, id, 0x10, TPC_DONE, 8));
	end(o, in);
}

static void results_per_lun_and_nexus(void)
{
	struct odxd *o = start("");
	struct initiator *in = session(o), *other = login_clear(o, 2);
	struct tpc_range r4[] = { { 16, 4 } }, r2[] = { { 16, 2 } };

	/* The same identifier thrice, three results (decisions.md 9). */
	CHECK_GOOD(pt(in, 0, 7, eight, 1));
	CHECK_GOOD(pt(in, 1, 7, r4, 1));
	CHECK_GOOD(pt(other, 0, 7, r2, 1));
	CU_ASSERT(rrti_is(in, 0, 7, 0x10, TPC_DONE, 8));
	CU_ASSERT(rrti_is(in, 1, 7, 0x10, TPC_DONE, 4));
	CU_ASSERT(rrti_is(other, 0, 7, 0x10, TPC_DONE, 2));
	initiator_close(other);
	end(o, in);
}

static void lun_reset_drops_results(void)
{
	struct odxd *o = start("");
	struct initiator *in = session(o);
	uint8_t token[ROD_TOKEN_LEN];
	struct rrti q;

	CU_ASSERT(take_one(in, 0, 1, 0, 8, 0, token));
	CU_ASSERT_EQUAL(initiator_lun_reset(in, 0), 0);
	clear_ua(in, 0);
	rrti(in, 0, 1, RRTI_ALL, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	/* The token lives (decisions.md 10). */
	CHECK_GOOD(use(in, token));
	CU_ASSERT(lun_is(in, 1, 512, 64 * 512, 8 * 512, 0, 1));
	end(o, in);
}

static void nexus_loss_drops_results(void)
{
	struct odxd *o = start("");
	struct initiator_options opt = { .isid = 0x4711 };
	struct initiator *in = login_as(o, &opt);
	uint8_t token[ROD_TOKEN_LEN];
	struct rrti q;

	clear_ua(in, 0);
	clear_ua(in, 1);
	CU_ASSERT(take_one(in, 0, 1, 0, 8, 0, token));
	initiator_close(in);
	in = login_as(o, &opt); /* the same I_T nexus by name */
	clear_ua(in, 0);
	clear_ua(in, 1);
	rrti(in, 0, 1, RRTI_ALL, &q);
	CHECK_ILLEGAL(q.answer, ASC_INVALID_FIELD_IN_CDB);
	CHECK_GOOD(use(in, token));
	end(o, in);
}

/* ---- decisions.md 4: each death has its name ---- */

static void expired(void)
{
	struct odxd *o = start("");
	struct initiator *in = session(o);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_one(in, 0, 1, 0, 8, 1, token));
	CHECK_GOOD(use(in, token));
	usleep(3200 * 1000);
	CHECK_ILLEGAL(use(in, token), ASC_TOKEN_EXPIRED);
	CU_ASSERT(rrti_sense_is(in, 1, 1000, KEY_ILLEGAL_REQUEST, ASC_TOKEN_EXPIRED));
	end(o, in);
}

static void use_keeps_alive(void)
{
	struct odxd *o = start("");
	struct initiator *in = session(o);
	uint8_t token[ROD_TOKEN_LEN];

	/* 2 s of inactivity allowed, 5 s of life with a use every second. */
	CU_ASSERT(take_one(in, 0, 1, 0, 8, 2, token));
	for (unsigned i = 0; i < 5; i++) {
		usleep(1000 * 1000);
		CHECK_GOOD(use(in, token));
	}
	end(o, in);
}

static void cancelled(void)
{
	struct odxd *o = start(",point-in-time=cancel");
	struct initiator *in = session(o);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_one(in, 0, 1, 0, 8, 0, token));
	CU_ASSERT(write_pattern(in, 0, 512, 7 * 512, 512, 0, 9));
	CHECK_ILLEGAL(use(in, token), ASC_TOKEN_CANCELLED);
	CU_ASSERT(rrti_sense_is(in, 1, 1000, KEY_ILLEGAL_REQUEST, ASC_TOKEN_CANCELLED));
	end(o, in);
}

static void deleted(void)
{
	struct odxd *o = start("");
	struct initiator *in = session(o);
	uint8_t token[ROD_TOKEN_LEN];

	CU_ASSERT(take_one(in, 0, 1, 0, 8, 0, token));
	CHECK_GOOD(wut_del(in, 1, 2, token, 0, to, 1));
	CHECK_ILLEGAL(use(in, token), ASC_TOKEN_DELETED);
	/* Refused for the token: nothing to delete. */
	CU_ASSERT(take_one(in, 0, 1, 0, 8, 0, token));
	token[400] ^= 1;
	CU_ASSERT(wut_del(in, 1, 2, token, 0, to, 1).sense.asc == 0x23);
	token[400] ^= 1;
	CHECK_GOOD(use(in, token));
	end(o, in);
}

static void unknown_and_foreign(void)
{
	struct odxd *a = start(""), *b = start("");
	struct initiator *ia = session(a), *ib = session(b);
	uint8_t token[ROD_TOKEN_LEN];
	struct answer got;

	/* Of another process with the same names: never seen here. */
	CU_ASSERT(take_one(ia, 0, 1, 0, 8, 0, token));
	CHECK_ILLEGAL(use(ib, token), ASC_TOKEN_UNKNOWN);
	/* Made by another target device, by its creator's designator. */
	token[16 + 8 + 7] ^= 0x55;
	got = use(ib, token);
	CU_ASSERT_EQUAL(got.sense.key, KEY_ILLEGAL_REQUEST);
	CU_ASSERT_EQUAL(got.sense.asc, 0x23);
	CU_ASSERT(lun_is_zero(ib, 1, 512, 0, MIB));
	end(a, ia);
	end(b, ib);
}

static const char two_targets[] = "portals = {\"127.0.0.1:0\"}\n"
				  "target \"iqn.2001-04.com.example:one\" {\n"
				  "  lun 0 { path = \"mem:a\" size = \"4M\" }\n"
				  "}\n"
				  "target \"iqn.2001-04.com.example:two\" {\n"
				  "  lun 0 { path = \"mem:b\" size = \"4M\" }\n"
				  "}\n";

static void remote_token(void)
{
	struct odxd *o = ODXD("-c", make_text("two.conf", two_targets));
	struct initiator *in[2] = { NULL, NULL };
	static const char *const names[2] = { "iqn.2001-04.com.example:one",
					      "iqn.2001-04.com.example:two" };
	uint8_t token[ROD_TOKEN_LEN];

	for (unsigned i = 0; i < 2; i++) {
		struct initiator_uri uri;
		char err[INITIATOR_ERR];

		CU_ASSERT_EQUAL(initiator_uri_parse(odxd_target_uri(o, names[i], 0), &uri, err), 0);
		CU_ASSERT_EQUAL(initiator_open(&in[i], &uri, NULL, err), 0);
		clear_ua(in[i], 0);
	}
	CU_ASSERT(take_one(in[0], 0, 1, 0, 8, 0, token));
	CHECK_ILLEGAL(wut(in[1], 0, 1, token, 0, to, 1), ASC_TOKEN_REMOTE_UNSUPPORTED);
	initiator_close(in[1]);
	end(o, in[0]);
}

/* ---- limits ---- */

static const char few_tokens[] = "portals = {\"127.0.0.1:0\"}\n"
				 "target \"" ODXD_IQN "\" {\n"
				 "  tokens { max = 3 tombstones = 2 }\n"
				 "  lun 0 { path = \"mem:a\" size = \"4M\" }\n"
				 "  lun 1 { path = \"mem:b\" size = \"4M\" }\n"
				 "}\n";

static void token_table_full(void)
{
	struct odxd *o = ODXD("-c", make_text("few.conf", few_tokens));
	struct initiator *in = session(o);
	uint8_t tokens[4][ROD_TOKEN_LEN];
	struct answer a;

	for (uint32_t i = 0; i < 3; i++)
		CU_ASSERT(take_one(in, 0, i, 100 * i, 8, 0, tokens[i]));
	a = pt(in, 0, 3, eight, 1);
	CHECK_ILLEGAL(a, ASC_INSUFFICIENT_RESOURCES_TOKEN);
	CU_ASSERT(rrti_is(in, 0, 3, 0x10, TPC_FAILED, 0));
	/* The others are as good as before, and one gone makes room for one. */
	for (unsigned i = 0; i < 3; i++)
		CHECK_GOOD(use(in, tokens[i]));
	CHECK_GOOD(wut_del(in, 1, 50, tokens[0], 0, to, 1));
	CU_ASSERT(take_one(in, 0, 4, 0, 8, 0, tokens[3]));
	CHECK_ILLEGAL(pt(in, 0, 5, eight, 1), ASC_INSUFFICIENT_RESOURCES_TOKEN);
	end(o, in);
}

static void tombstones_bounded(void)
{
	struct odxd *o = ODXD("-c", make_text("few.conf", few_tokens));
	struct initiator *in = session(o);
	uint8_t tokens[3][ROD_TOKEN_LEN];

	for (uint32_t i = 0; i < 3; i++) {
		CU_ASSERT(take_one(in, 0, i, 0, 8, 0, tokens[i]));
		CHECK_GOOD(wut_del(in, 1, 50, tokens[i], 0, to, 1));
	}
	/* Two are remembered; of the oldest nobody knows any more. */
	CHECK_ILLEGAL(use(in, tokens[2]), ASC_TOKEN_DELETED);
	CHECK_ILLEGAL(use(in, tokens[1]), ASC_TOKEN_DELETED);
	CHECK_ILLEGAL(use(in, tokens[0]), ASC_TOKEN_UNKNOWN);
	end(o, in);
}

/* ---- decisions.md 13: what a token looks like ---- */

static void token_form(void)
{
	struct odxd *o = start("");
	struct initiator *in = session(o);
	uint8_t a[ROD_TOKEN_LEN], b[ROD_TOKEN_LEN], page[255];
	struct rod_token t = { .type = 0 };
	struct vpd_designator d;
	size_t pos = 4;
	unsigned same = 0;
	struct answer got;

	CU_ASSERT(take_one(in, 0, 1, 0, 8, 0, a));
	CU_ASSERT(take_one(in, 0, 2, 0, 8, 0, b));
	CU_ASSERT(rod_token_decode(a, &t));
	CU_ASSERT_EQUAL(t.type, ROD_TYPE_PIT_DEFAULT);
	CU_ASSERT_EQUAL(t.bytes, 8 * 512);
	CU_ASSERT_EQUAL(t.block_size, 512);
	CU_ASSERT(!rod_token_is_zero(a));
	CU_ASSERT(get_be16(a) != 0xffff);
	/* The creator is LUN 0, by its designator of VPD 83h. */
	got = inquiry(in, 0, true, 0x83, page, sizeof(page));
	CHECK_GOOD(got);
	while (vpd_83_next(page, got.in_len, &pos, &d))
		if (d.type == 3 && d.association == 0)
			CHECK_BYTES(t.naa, t.naa_len, d.id, d.len);
	/* 256 random bytes: about one in 256 alike. */
	for (unsigned i = 256; i < ROD_TOKEN_LEN; i++)
		same += a[i] == b[i];
	CU_ASSERT(same < 12);
	CU_ASSERT(memcmp(a + 8, b + 8, 8) != 0);
	end(o, in);
}

static void unit_attention_and_results(void)
{
	struct odxd *o = start("");
	struct initiator *in = session(o), *other;
	uint8_t token[ROD_TOKEN_LEN];

	/* Another session's LUN reset: told once, and then the LUN works on. */
	CU_ASSERT(take_one(in, 0, 1, 0, 8, 0, token));
	other = login_clear(o, 2);
	CU_ASSERT_EQUAL(initiator_lun_reset(other, 1), 0);
	CHECK_SENSE(use(in, token), KEY_UNIT_ATTENTION, ASC_DEVICE_RESET);
	CHECK_GOOD(use(in, token));
	/* LUN 0 was not reset: its result is there. */
	CU_ASSERT(rrti_is(in, 0, 1, 0x10, TPC_DONE, 8));
	initiator_close(other);
	end(o, in);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "the result of a rejected PT or WUT is kept with its sense",
		  rejected_result_is_kept },
		{ "sense inside RRTI: fixed, 18 bytes in a field of 20, or none",
		  sense_in_rrti_fits_windows },
		{ "RRTI is repeatable, list identifier 0 is ordinary", rrti_is_repeatable },
		{ "results per nexus are bounded, oldest finished out first", results_are_bounded },
		{ "results belong to one LUN and one nexus", results_per_lun_and_nexus },
		{ "LUN RESET drops results, tokens live", lun_reset_drops_results },
		{ "I_T nexus loss drops results, tokens live", nexus_loss_drops_results },
		{ "an expired token is 5/23/07", expired },
		{ "every use restarts the inactivity timer", use_keeps_alive },
		{ "a cancelled token is 5/23/08", cancelled },
		{ "a deleted token is 5/23/09, a refused WUT deletes nothing", deleted },
		{ "a token of another process is 5/23/04", unknown_and_foreign },
		{ "a token of another target is 5/23/02", remote_token },
		{ "the token table at its limit and one above: 5/55/0D", token_table_full },
		{ "tombstones are bounded: the oldest becomes 5/23/04", tombstones_bounded },
		{ "a token names its creator, size and type, and is random", token_form },
		{ "a unit attention on one LUN does not touch another's results",
		  unit_attention_and_results },
		TEST_END
	};

	return test_main(argc, argv, "e2e-token-life", tests);
}
