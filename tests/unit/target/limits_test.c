/* SPDX-License-Identifier: Apache-2.0 */
/* What tokens may have: in all, over one LUN, of one initiator; at each limit and above. */
#include "core.h"
#include "lu_impl.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define LUN_KEPT 40 /* keeps the data of tokens; 4 MiB of memory */
#define CHUNK	 (64u << 10)
#define IN_CHUNK (CHUNK / 512) /* blocks */

static struct core c;

static void begin(const struct token_config *cfg, uint64_t sidecar_bytes)
{
	const struct bs_config bc = { .path = "mem:kept",
				      .size = CORE_LU_SIZE,
				      .block_size = 512,
				      .sidecar_bytes = sidecar_bytes };
	const struct lu_config lc = { .lun = LUN_KEPT, .block_size = 512, .tpc = lu_tpc_defaults };
	struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);
	struct backstore *bs;
	char err[256] = "";

	core_tokens = cfg;
	core_init(&c, NULL, 0);
	core_tokens = NULL;
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, target_bs_env(c.target), err, sizeof(err)), 0);
	CU_ASSERT_EQUAL_FATAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	core_luns_known(&c);
	for (unsigned n = 0; n < CORE_NEXUSES; n++)
		CHECK_KCQ(core_cmd(&c, n, LUN_KEPT, &tur, NULL, 0), 0x62900);
	for (unsigned lba = 0; lba < 2048; lba += 128)
		core_write(&c, LUN_KEPT, lba, 128, 0x11);
}

/* A token of @nexus over @blocks blocks from @lba on; its key, ASC and ASCQ, and RRTI's. */
static unsigned take(unsigned nexus, unsigned lun, uint64_t lba, uint32_t blocks,
		     uint8_t token[ROD_TOKEN_LEN])
{
	static uint32_t list_id = 1000;
	const struct tpc_range r = { lba, blocks };
	unsigned what = kcq(core_pt(&c, nexus, lun, ++list_id, 0, &r, 1));
	struct tpc_result res;

	CHECK_GOOD(core_rrti(&c, nexus, lun, list_id, 1024, &res));
	CU_ASSERT_EQUAL(res.status, what ? TPC_FAILED : TPC_DONE);
	if (what)
		CU_ASSERT_EQUAL((unsigned)res.sense.key << 16 | sense_asc_ascq(res.sense), what);
	CU_ASSERT_EQUAL(res.token == NULL, what != 0);
	if (res.token)
		memcpy(token, res.token, ROD_TOKEN_LEN);
	return what;
}

/* Copies one block of it to LUN_B. */
static unsigned use(unsigned nexus, const uint8_t *token, bool del)
{
	const struct tpc_range to = { 100, 1 };

	return kcq(core_wut(&c, nexus, LUN_B, 1, token, 0, del, &to, 1));
}

static void tokens_of_a_lun(void)
{
	const struct token_config cfg = { .max_tokens = 100,
					  .max_tombstones = 10,
					  .max_per_lun = 2 };
	uint8_t t[4][ROD_TOKEN_LEN];

	begin(&cfg, 0);
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 8, t[0]), 0);
	CU_ASSERT_EQUAL(take(1, LUN_KEPT, 0, 8, t[1]), 0);
	CU_ASSERT_EQUAL(take(2, LUN_KEPT, 0, 8, t[2]), 0x5550d);
	CU_ASSERT_EQUAL(take(2, LUN_A, 0, 8, t[2]), 0); /* another LUN's business */
	CU_ASSERT_EQUAL(use(3, t[0], true), 0);
	CU_ASSERT_EQUAL(take(2, LUN_KEPT, 0, 8, t[3]), 0);
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 8, t[0]), 0x5550d);
	core_done(&c);
}

/* One name is one initiator: whichever port, whichever session. */
static void tokens_of_an_initiator(void)
{
	const struct token_config cfg = { .max_tokens = 100,
					  .max_tombstones = 10,
					  .max_per_initiator = 2 };
	uint8_t t[4][ROD_TOKEN_LEN];

	begin(&cfg, 0);
	snprintf(c.nexus[1].initiator, sizeof(c.nexus[1].initiator),
		 "iqn.2001-04.com.example:unit0,i,0x0000000000ff");
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 8, t[0]), 0);
	CU_ASSERT_EQUAL(take(1, LUN_A, 0, 8, t[1]), 0);
	CU_ASSERT_EQUAL(take(0, LUN_A, 0, 8, t[2]), 0x5550d);
	CU_ASSERT_EQUAL(take(1, LUN_KEPT, 0, 8, t[2]), 0x5550d);
	/* a name that begins like it is another's */
	snprintf(c.nexus[3].initiator, sizeof(c.nexus[3].initiator),
		 "iqn.2001-04.com.example:unit0x,i,0x0000000000ff");
	CU_ASSERT_EQUAL(take(3, LUN_KEPT, 0, 8, t[2]), 0);
	/* a comma of the name's own does not make it another's, either */
	snprintf(c.nexus[3].initiator, sizeof(c.nexus[3].initiator),
		 "iqn.2001-04.com.example:unit0,i,0x1,i,0x0000000000ff");
	CU_ASSERT_EQUAL(take(3, LUN_KEPT, 0, 8, t[2]), 0);
	/* he goes and comes again: his tokens are still his */
	target_nexus_remove(c.target, &c.nexus[0]);
	CU_ASSERT_EQUAL_FATAL(target_nexus_add(c.target, &c.nexus[0]), 0);
	for (unsigned lun = 0; lun <= LUN_KEPT; lun++) {
		struct scsi_cdb tur = cdb_of(CMD_TEST_UNIT_READY);

		if (target_lu(c.target, (uint16_t)lun))
			CHECK_KCQ(core_cmd(&c, 0, lun, &tur, NULL, 0), 0x62900);
	}
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 8, t[3]), 0x5550d);
	/* who uses a token does not have it: its maker does */
	CU_ASSERT_EQUAL(use(2, t[0], true), 0);
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 8, t[3]), 0);
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 8, t[0]), 0x5550d);
	core_done(&c);
}

/* Only the tokens that find no room are lost, and only his. */
static void saved_for_an_initiator(void)
{
	const struct token_config cfg = { .max_tokens = 100,
					  .max_tombstones = 10,
					  .saved_per_initiator = 2 * CHUNK };
	uint8_t a[3][ROD_TOKEN_LEN], b[ROD_TOKEN_LEN];

	begin(&cfg, 0);
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 3 * IN_CHUNK, a[0]), 0);
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 1, a[1]), 0);
	CU_ASSERT_EQUAL(take(1, LUN_KEPT, IN_CHUNK, 2 * IN_CHUNK, b), 0);
	core_write(&c, LUN_KEPT, 0, 1, 0x22);
	core_write(&c, LUN_KEPT, IN_CHUNK, 1, 0x22);
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 1, a[2]), 0x5550c); /* nothing could be saved */
	CU_ASSERT_EQUAL(use(0, a[0], false), 0);
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 100, 1, 0x11));
	core_write(&c, LUN_KEPT, 2 * IN_CHUNK, 1, 0x22);
	CU_ASSERT_EQUAL(use(0, a[0], false), 0x52308);
	CU_ASSERT_EQUAL(use(0, a[1], false), 0);
	CU_ASSERT_EQUAL(use(1, b, false), 0);
	CU_ASSERT_TRUE(core_holds(&c, LUN_B, 100, 1, 0x11));
	CU_ASSERT_TRUE(core_holds(&c, LUN_KEPT, 2 * IN_CHUNK, 1, 0x22));
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 1, a[2]), 0); /* there is room again */
	core_done(&c);
}

static void saved_in_all(void)
{
	const struct token_config cfg = { .max_tokens = 100,
					  .max_tombstones = 10,
					  .saved = 2 * CHUNK };
	uint8_t a[ROD_TOKEN_LEN], b[ROD_TOKEN_LEN];

	begin(&cfg, 0);
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, 2 * IN_CHUNK, a), 0);
	CU_ASSERT_EQUAL(take(1, LUN_KEPT, 2 * IN_CHUNK, IN_CHUNK, b), 0);
	core_write(&c, LUN_KEPT, 0, 1, 0x22);
	core_write(&c, LUN_KEPT, IN_CHUNK, 1, 0x22);
	CU_ASSERT_EQUAL(use(0, a, false), 0);
	CU_ASSERT_EQUAL(target_bs_env(c.target)->totals->saved.used, 2 * CHUNK);
	core_write(&c, LUN_KEPT, 2 * IN_CHUNK, 1, 0x22);
	CU_ASSERT_EQUAL(use(1, b, false), 0x52308);
	CU_ASSERT_EQUAL(take(1, LUN_KEPT, 0, 1, b), 0x5550c);
	CU_ASSERT_EQUAL(use(0, a, true), 0);
	CU_ASSERT_EQUAL(target_bs_env(c.target)->totals->saved.used, 0);
	CU_ASSERT_EQUAL(take(1, LUN_KEPT, 0, 1, b), 0);
	core_done(&c);
}

/* What is configured for a LUN: sidecar-size. */
static void saved_for_a_lun(void)
{
	const struct token_config cfg = { .max_tokens = 100, .max_tombstones = 10 };
	uint8_t a[ROD_TOKEN_LEN], b[ROD_TOKEN_LEN];

	begin(&cfg, CHUNK);
	CU_ASSERT_EQUAL(take(0, LUN_KEPT, 0, IN_CHUNK, a), 0);
	core_write(&c, LUN_KEPT, 0, 1, 0x22);
	CU_ASSERT_EQUAL(use(0, a, false), 0);
	CU_ASSERT_EQUAL(take(1, LUN_KEPT, 0, 1, b), 0x5550c);
	CU_ASSERT_EQUAL(use(0, a, true), 0);
	CU_ASSERT_EQUAL(take(1, LUN_KEPT, 0, 1, b), 0);
	core_done(&c);
}

static unsigned open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* POPULATE TOKEN with an inactivity timeout, then a write to what it holds. */
static void take_and_write(uint32_t timeout_s, uint8_t token[ROD_TOKEN_LEN])
{
	const struct tpc_range r = { 0, 4 * IN_CHUNK };
	struct tpc_result res;

	CHECK_GOOD(core_pt(&c, 0, LUN_KEPT, 7, timeout_s, &r, 1));
	CHECK_GOOD(core_rrti(&c, 0, LUN_KEPT, 7, 1024, &res));
	CU_ASSERT_PTR_NOT_NULL_FATAL(res.token);
	memcpy(token, res.token, ROD_TOKEN_LEN);
	for (unsigned i = 0; i < 4; i++)
		core_write(&c, LUN_KEPT, i * IN_CHUNK, 1, 0x22);
}

/* As an operator does, or a medium that goes. */
static void cancel_all(void)
{
	struct lu *lu = target_lu(c.target, LUN_KEPT);

	token_cancel_all(lu->env.tokens, lu->bs);
}

enum death { EXPIRED, DELETED, CANCELLED };

/* Memory, room in the sidecar, the sidecar itself. */
static void given_back_at_once(void)
{
	const struct token_config cfg = { .max_tokens = 100, .max_tombstones = 1 };
	const struct bs_totals *totals;
	struct mallinfo2 before = { 0 };
	uint8_t token[ROD_TOKEN_LEN];
	unsigned files = 0;

	begin(&cfg, 0);
	totals = target_bs_env(c.target)->totals;
	for (unsigned round = 0; round < 12; round++) {
		enum death how = round % 3;

		take_and_write(how == EXPIRED ? 1 : 60, token);
		CU_ASSERT_EQUAL(totals->saved.used, 4 * CHUNK);
		if (how == EXPIRED) {
			core_sleep(&c, 1100);
		} else if (how == DELETED) {
			CU_ASSERT_EQUAL(use(0, token, true), 0);
		} else {
			cancel_all();
		}
		CU_ASSERT_EQUAL(totals->saved.used, 0);
		CU_ASSERT_EQUAL(use(0, token, false), how == EXPIRED   ? 0x52307u
						      : how == DELETED ? 0x52309u
								       : 0x52308u);
		core_sleep(&c, 250);
		if (round == 5) { /* what is made once is there */
			before = mallinfo2();
			files = open_files();
		}
	}
	CU_ASSERT_EQUAL(open_files(), files);
	CU_ASSERT(mallinfo2().uordblks <= before.uordblks + 512);
	core_done(&c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "tokens over one LUN: one above the limit is 5/55/0D", tokens_of_a_lun },
		{ "tokens of one initiator name: one above the limit is 5/55/0D",
		  tokens_of_an_initiator },
		{ "data saved for an initiator: above the limit his token is 5/23/08, a new one "
		  "5/55/0C",
		  saved_for_an_initiator },
		{ "data saved in all: above the limit 5/23/08, a new token 5/55/0C", saved_in_all },
		{ "what a token had is given back when it expires, is deleted, is cancelled",
		  given_back_at_once },
		{ "data saved for a LUN: at the limit a new token is 5/55/0C", saved_for_a_lun },
		TEST_END,
	};

	return test_main(argc, argv, "limits", tests);
}
