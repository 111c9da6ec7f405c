/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations that outlive the process: through commands, and the file itself. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "pr.h"
#include "pr_store.h"

static char dir[64], file[256];

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/odx-state-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	core_state_dir = dir;
}

/* The one file in the directory; false: there is none. */
static bool find_file(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.') {
			snprintf(file, sizeof(file), "%s/%.180s", dir, e->d_name);
			n++;
		}
	if (d)
		closedir(d);
	CU_ASSERT_TRUE(n <= 1);
	return n == 1;
}

static void remove_dir(void)
{
	if (find_file())
		unlink(file);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
	core_state_dir = NULL;
}

static struct scsi_cdb out_cdb(enum scsi_cmd cmd, uint8_t type)
{
	struct scsi_cdb cdb = cdb_of(cmd);

	cdb.pr_type = type;
	cdb.len = PR_OUT_LEN;
	return cdb;
}

static unsigned out(struct core *c, unsigned nexus, enum scsi_cmd cmd, const struct pr_out *p,
		    uint8_t type)
{
	struct scsi_cdb cdb = out_cdb(cmd, type);
	uint8_t list[PR_OUT_LEN];

	pr_out_encode(p, list);
	return kcq(core_cmd(c, nexus, LUN_A, &cdb, list, sizeof(list)));
}

static unsigned registers(struct core *c, unsigned nexus, uint64_t key, uint64_t sa, bool aptpl)
{
	const struct pr_out p = { .key = key, .sa_key = sa, .aptpl = aptpl };

	return out(c, nexus, CMD_PR_OUT_REGISTER, &p, 0);
}

static const struct reply *pr_in(struct core *c, enum scsi_cmd cmd)
{
	struct scsi_cdb cdb = cdb_of(cmd);

	cdb.len = 4096;
	return core_cmd(c, 3, LUN_A, &cdb, NULL, 0);
}

static unsigned keys(struct core *c, uint32_t *ret_generation)
{
	const struct reply *r = pr_in(c, CMD_PR_IN_READ_KEYS);
	uint32_t len = 0;

	CU_ASSERT_TRUE(pr_head_decode(r->in, r->in_len, ret_generation, &len));
	return len / 8;
}

static bool held_by(struct core *c, uint8_t type, uint64_t key)
{
	const struct reply *r = pr_in(c, CMD_PR_IN_READ_RESERVATION);
	uint8_t got = 0xff;
	uint64_t got_key = 1;

	return pr_reservation_decode(r->in, r->in_len, &got, &got_key) && got == type &&
	       got_key == key;
}

static bool ptpl_active(struct core *c)
{
	const struct reply *r = pr_in(c, CMD_PR_IN_REPORT_CAPABILITIES);
	struct pr_capabilities cap = { 0 };

	CU_ASSERT_TRUE(pr_capabilities_decode(r->in, r->in_len, &cap));
	CU_ASSERT_TRUE(cap.ptpl_c);
	return cap.ptpl_a;
}

static void survives_a_restart(void)
{
	static const uint8_t types[] = { 1, 3, 5, 6, 7, 8 };
	struct scsi_cdb wr = cdb_of(CMD_WRITE_10);
	uint8_t block[512] = { 0 };
	struct core c;
	uint32_t generation;

	wr.blocks = 1;
	for (unsigned i = 0; i < sizeof(types); i++) {
		uint64_t key = types[i] < 7 ? 0xfedcba9876543210 : 0;
		const struct pr_out p = { .key = 0xfedcba9876543210 };

		make_dir();
		core_init(&c, NULL, 0);
		CU_ASSERT_EQUAL(registers(&c, 1, 0, 0x22, true), 0);
		CU_ASSERT_EQUAL(registers(&c, 0, 0, 0xfedcba9876543210, true), 0);
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RESERVE, &p, types[i]), 0);
		core_done(&c);
		core_init(&c, NULL, 0);
		CU_ASSERT_TRUE(held_by(&c, types[i], key));
		CU_ASSERT_EQUAL(keys(&c, &generation), 2);
		CU_ASSERT_EQUAL(generation, 0); /* SPC-4 6.15.2: a power on zeroes it */
		CU_ASSERT_TRUE(ptpl_active(&c));
		CHECK_GOOD(core_cmd(&c, 0, LUN_A, &wr, block, sizeof(block)));
		CU_ASSERT_EQUAL(kcq(core_cmd(&c, 2, LUN_A, &wr, block, sizeof(block))),
				CORE_CONFLICT);
		CHECK_GOOD(core_cmd(&c, 2, LUN_B, &wr, block, sizeof(block)));
		CU_ASSERT_EQUAL(out(&c, 0, CMD_PR_OUT_RELEASE, &p, types[i]), 0);
		core_done(&c);
		core_init(&c, NULL, 0);
		CU_ASSERT_TRUE(held_by(&c, PR_NONE, 0));
		CU_ASSERT_EQUAL(keys(&c, &generation), 2);
		core_done(&c);
		remove_dir();
	}
}

static void only_when_asked(void)
{
	struct core c;
	uint32_t generation;

	make_dir();
	core_init(&c, NULL, 0);
	CU_ASSERT_FALSE(ptpl_active(&c));
	CU_ASSERT_EQUAL(registers(&c, 0, 0, 1, false), 0);
	CU_ASSERT_FALSE(find_file());
	core_done(&c);
	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(keys(&c, &generation), 0);
	/* the last one who registers decides (SPC-4 5.13.5) */
	CU_ASSERT_EQUAL(registers(&c, 0, 0, 1, true), 0);
	CU_ASSERT_TRUE(find_file());
	CU_ASSERT_EQUAL(registers(&c, 1, 0, 2, false), 0);
	CU_ASSERT_FALSE(find_file());
	CU_ASSERT_FALSE(ptpl_active(&c));
	core_done(&c);
	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(keys(&c, &generation), 0);
	core_done(&c);
	remove_dir();
}

/* A state that cannot be written is no state: the command fails and nothing changed. */
static void not_written_not_done(void)
{
	struct core c;
	uint32_t generation;
	char away[80];

	make_dir();
	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(registers(&c, 0, 0, 1, true), 0);
	snprintf(away, sizeof(away), "%s.away", dir);
	CU_ASSERT_EQUAL(rename(dir, away), 0);
	CU_ASSERT_EQUAL(registers(&c, 1, 0, 2, true), 0x44400);
	CU_ASSERT_EQUAL(registers(&c, 0, 1, 0, false), 0x44400); /* nor removed */
	CU_ASSERT_EQUAL(keys(&c, &generation), 1);
	CU_ASSERT_EQUAL(generation, 1);
	CU_ASSERT_EQUAL(rename(away, dir), 0);
	CU_ASSERT_EQUAL(registers(&c, 1, 0, 2, true), 0);
	CU_ASSERT_EQUAL(keys(&c, &generation), 2);
	core_done(&c);
	remove_dir();
}

/* One after the other, in the order of their arrival, while the first is being written. */
static void they_stand_in_line(void)
{
	static struct core_async a[4];
	struct pr_out p = { .sa_key = 1, .aptpl = true };
	struct scsi_cdb reg = out_cdb(CMD_PR_OUT_REGISTER, 0), clear = out_cdb(CMD_PR_OUT_CLEAR, 0);
	uint8_t list[PR_OUT_LEN];
	struct core c;
	uint32_t generation;

	make_dir();
	core_init(&c, NULL, 0);
	pr_out_encode(&p, list);
	for (unsigned n = 0; n < 3; n++)
		CU_ASSERT_TRUE(core_start(&c, &a[n], n, LUN_A, &reg, list, sizeof(list)));
	p = (struct pr_out) { .key = 1 };
	pr_out_encode(&p, list);
	CU_ASSERT_TRUE(core_start(&c, &a[3], 0, LUN_A, &clear, list, sizeof(list)));
	lu_abort(&a[1].task); /* waits in line: it is not done */
	for (unsigned n = 0; n < 4; n++) {
		core_finish(&a[n]);
		CU_ASSERT_EQUAL(a[n].task.status, n == 1 ? SAM_TASK_ABORTED : SAM_GOOD);
	}
	CU_ASSERT_EQUAL(keys(&c, &generation), 0);
	CU_ASSERT_EQUAL(generation, 3);
	core_done(&c);
	remove_dir();
}

/* ---- the file ---- */

static void write_text(const char *text)
{
	FILE *f = fopen(file, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

#define HEAD "{\"format\": \"odx-persistent-reservations\", \"version\": 1, \"lun\": \"0\", "
#define REG(name, holder)         \
	"{\"initiator\": \"" name \
	"\", \"port\": 1, \"key\": \"0x00000000000000ab\", \"holder\": " holder "}"

static int load(const char *text, struct pr_state *s, char *err, size_t cap)
{
	snprintf(file, sizeof(file), "%s/x.json", dir);
	write_text(text);
	pr_state_init(s);
	return pr_load(s, file, err, cap);
}

static void damaged_files_are_refused(void)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{}",
		HEAD "\"type\": 1}",
		HEAD "\"type\": 1, \"registrations\": []}",
		HEAD "\"type\": 2, \"registrations\": [" REG("a", "true") "]}",
		HEAD "\"type\": 257, \"registrations\": [" REG("a", "true") "]}",
		HEAD "\"type\": 1, \"registrations\": [" REG("a", "false") "]}",
		HEAD "\"type\": 7, \"registrations\": [" REG("a", "true") "]}",
		HEAD "\"type\": 0, \"registrations\": [" REG("a", "true") "]}",
		HEAD
		"\"type\": 1, \"registrations\": [" REG("a", "true") ", " REG("b", "true") "]}",
		HEAD
		"\"type\": 0, \"registrations\": [" REG("a", "false") ", " REG("a", "false") "]}",
		HEAD "\"type\": 0, \"registrations\": [" REG("", "false") "]}",
		HEAD "\"type\": 0, \"registrations\": [{\"initiator\": \"a\", \"port\": 65536, "
		     "\"key\": \"0x00000000000000ab\", \"holder\": false}]}",
		HEAD "\"type\": 0, \"registrations\": [{\"initiator\": \"a\", \"port\": 1, "
		     "\"key\": \"0x0000000000000000\", \"holder\": false}]}",
		HEAD "\"type\": 0, \"registrations\": [{\"initiator\": \"a\", \"port\": 1, "
		     "\"key\": \"ab\", \"holder\": false}]}",
		HEAD "\"type\": 0, \"type\": 0, \"registrations\": []}",
		HEAD "\"more\": 0, \"type\": 0, \"registrations\": []}",
	};
	char err[512];
	struct pr_state s;

	make_dir();
	CU_ASSERT_EQUAL(load(HEAD "\"type\": 1, \"registrations\": [" REG("a", "true") "]}", &s,
			     err, sizeof(err)),
			0);
	CU_ASSERT_EQUAL(s.type, 1);
	CU_ASSERT_TRUE(s.n == 1 && s.holder && s.holder->key == 0xab && s.aptpl);
	pr_state_done(&s);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = '\0';
		CU_ASSERT_EQUAL(load(bad[i], &s, err, sizeof(err)), -EINVAL);
		CU_ASSERT_TRUE(s.n == 0 && s.type == PR_NONE && TAILQ_EMPTY(&s.regs));
		CU_ASSERT_PTR_NOT_NULL(strstr(err, file));
		CU_ASSERT_PTR_NOT_NULL(strstr(err, "remove it")); /* says what to do */
	}
	remove_dir();
}

static void the_file_has_as_many_as_the_unit(void)
{
	struct pr_state s;
	char err[512], name[32], *text;
	size_t cap = 32 << 10, n;

	make_dir();
	text = malloc(cap);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (unsigned more = 0; more < 2; more++) {
		n = (size_t)snprintf(text, cap, HEAD "\"type\": 0, \"registrations\": [");
		for (unsigned i = 0; i < PR_MAX_REGISTRATIONS + more; i++) {
			snprintf(name, sizeof(name), "i%u", i);
			n += (size_t)snprintf(text + n, cap - n,
					      "%s{\"initiator\": \"%s\", \"port\": 1, \"key\": "
					      "\"0x00000000000000ab\", \"holder\": false}",
					      i ? ", " : "", name);
		}
		snprintf(text + n, cap - n, "]}");
		CU_ASSERT_EQUAL(load(text, &s, err, sizeof(err)), more ? -EINVAL : 0);
		pr_state_done(&s);
	}
	free(text);
	remove_dir();
}

static void a_unit_does_not_start_without_its_reservations(void)
{
	struct bs_config bc = { .path = "mem:x", .size = 1 << 20, .block_size = 512 };
	struct lu_config lc = { .lun = 9, .block_size = 512, .tpc = lu_tpc_defaults };
	struct backstore *bs;
	char err[512] = "";
	struct core c;

	make_dir();
	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL(registers(&c, 0, 0, 1, true), 0);
	core_done(&c);
	CU_ASSERT_TRUE(find_file());
	write_text("broken");
	core_state_dir = NULL;
	core_init(&c, NULL, 0);
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, &c.env, err, sizeof(err)), 0);
	lc.state_dir = "/nonexistent/dir";
	CU_ASSERT_EQUAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "/nonexistent/dir"));
	CU_ASSERT_PTR_NULL(target_lu(c.target, 9));
	lc.state_dir = dir;
	CU_ASSERT_EQUAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), 0);
	core_done(&c);
	core_init(&c, NULL, 0);
	lc.lun = 0; /* whose file it is */
	CU_ASSERT_EQUAL_FATAL(bs_open(&bs, &bc, &c.env, err, sizeof(err)), 0);
	lc.lun = 10;
	lc.serial = lu_info(target_lu(c.target, LUN_A))->serial; /* and so the same name */
	CU_ASSERT_EQUAL(target_add_lu(c.target, bs, &lc, err, sizeof(err)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "remove it"));
	CU_ASSERT_EQUAL(bs_close(bs), 0);
	core_done(&c);
	remove_dir();
}

static const struct test tests[] = {
	{ "APTPL: a restart finds registrations and reservation", survives_a_restart },
	{ "without APTPL nothing is kept, and nothing old comes back", only_when_asked },
	{ "what cannot be written is not done", not_written_not_done },
	{ "PERSISTENT RESERVE OUTs stand in line", they_stand_in_line },
	{ "a damaged file is refused, with what to do", damaged_files_are_refused },
	{ "a file with 64 registrations, and with one more", the_file_has_as_many_as_the_unit },
	{ "a unit does not start without its reservations",
	  a_unit_does_not_start_without_its_reservations },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "pr_store", tests);
}
