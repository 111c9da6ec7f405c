/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "test.h"

#define IQN  "iqn.2001-04.com.example:odx"
#define HEAD "target \"" IQN "\" {\n"

static char err[1024];

/* Loads @text as a file; the configuration is the caller's to config_done. */
static int load(struct config *cfg, const char *text)
{
	char path[] = "/tmp/odx-config-XXXXXX";
	int fd = mkstemp(path), r;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_FATAL(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	config_init(cfg);
	memset(err, 0, sizeof(err));
	r = config_load(cfg, path, err, sizeof(err));
	/* Messages are compared without the name, which differs each time. */
	if (strncmp(err, path, strlen(path)) == 0)
		memmove(err, err + strlen(path), sizeof(err) - strlen(path));
	unlink(path);
	return r;
}

/* @text is refused, and the message (less the file's name) begins with @want. */
static bool refused(const char *text, const char *want)
{
	struct config cfg;
	int r = load(&cfg, text);

	config_done(&cfg);
	if (r == -EINVAL && strncmp(err, want, strlen(want)) == 0 && !strchr(err, '\n'))
		return true;
	printf("result %d \"%s\", wanted \"%s\"\n", r, err, want);
	return false;
}

static void test_everything(void)
{
	struct config cfg;
	const struct config_target *t;
	int r = load(
		&cfg,
		"portals = {\"127.0.0.1:0\", \"[::1]:3260,65535\"}\n"
		"log-level = debug reactors = 5 multishot-after = 3\n"
		"limits { max-connections = 7 memory = 32M login-timeout = \"2m\"\n"
		"         nop-interval = 0 }\n"
		"discovery { chap { user = d secret = \"abcdefghijkl\" } }\n" HEAD
		"alias = \"two words\" state-dir = \"/var/lib/odx\"\n"
		"chap { user = \"u\" secret = \"123456789012\"\n"
		"       mutual-user = \"m\" mutual-secret = \"210987654321\" }\n"
		"initiators = {\"iqn.1991-05.com.microsoft:host1\", \"naa.52004567ba64678d\"}\n"
		"tokens { max = 9 tombstones = 8 max-per-lun = 7 max-per-initiator = 6\n"
		"         saved = 5M saved-per-initiator = 4M cloned = 3M\n"
		"         cloned-per-initiator = 2M saves = 1 }\n"
		"copy { chunk = 64K window = 3 copies = 2 }\n"
		"lun 7 { path = \"/b\" block-size = 4096 physical-block-size = 8K read-only = yes "
		"direct = on removable = on provisioning = full\n"
		"        point-in-time = cancel sidecar = \"/s\" sidecar-size = 2M clone-size = 0\n"
		"        serial = \"S 1\" fault = \"short:3\" }\n"
		"lun 2 { path = \"/a\" size = \"20G\"\n"
		"  odx { enabled = false max-ranges = 9 max-token = 1G optimal = 1M\n"
		"        max-timeout = 50s default-timeout = 40s deadline = 1500ms\n"
		"        results = 5 } }\n"
		"}\n");

	CU_ASSERT_EQUAL_FATAL(r, 0);
	CU_ASSERT_EQUAL(cfg.portals.n, 2);
	CU_ASSERT_STRING_EQUAL(cfg.portals.v[1], "[::1]:3260,65535");
	CU_ASSERT_EQUAL(cfg.log_level, LEVEL_DEBUG);
	CU_ASSERT_EQUAL(cfg.limits.max_connections, 7);
	CU_ASSERT_EQUAL(cfg.limits.reactors, 5);
	CU_ASSERT_EQUAL(cfg.limits.multishot_after, 3);
	CU_ASSERT_EQUAL(cfg.limits.max_sessions, iscsi_limits_defaults.max_sessions);
	CU_ASSERT_EQUAL(cfg.limits.arena_bytes, 32u << 20);
	CU_ASSERT_EQUAL(cfg.limits.login_timeout_s, 120);
	CU_ASSERT_EQUAL(cfg.limits.nop_interval_s, 0);
	CU_ASSERT_STRING_EQUAL(cfg.discovery_chap.user, "d");
	CU_ASSERT_EQUAL_FATAL(cfg.ntargets, 1);
	t = &cfg.targets[0];
	CU_ASSERT_STRING_EQUAL(t->name, IQN);
	CU_ASSERT_STRING_EQUAL(t->alias, "two words");
	CU_ASSERT_STRING_EQUAL(t->state_dir, "/var/lib/odx");
	CU_ASSERT_STRING_EQUAL(t->chap.secret, "123456789012");
	CU_ASSERT_STRING_EQUAL(t->chap.mutual_secret, "210987654321");
	CU_ASSERT_EQUAL(t->initiators.n, 2);
	CU_ASSERT_EQUAL(t->tokens.max_tokens, 9);
	CU_ASSERT_EQUAL(t->tokens.max_tombstones, 8);
	CU_ASSERT_EQUAL(t->tokens.max_per_lun, 7);
	CU_ASSERT_EQUAL(t->tokens.max_per_initiator, 6);
	CU_ASSERT_EQUAL(t->tokens.saved, 5u << 20);
	CU_ASSERT_EQUAL(t->tokens.saved_per_initiator, 4u << 20);
	CU_ASSERT_EQUAL(t->tokens.cloned, 3u << 20);
	CU_ASSERT_EQUAL(t->tokens.cloned_per_initiator, 2u << 20);
	CU_ASSERT_EQUAL(t->tokens.max_saves, 1);
	CU_ASSERT_EQUAL(t->copy.chunk, 64u << 10);
	CU_ASSERT_EQUAL(t->copy.window, 3);
	CU_ASSERT_EQUAL(t->copy.copies, 2);
	CU_ASSERT_EQUAL_FATAL(t->nluns, 2);
	CU_ASSERT_EQUAL(t->luns[0].lun, 2);
	CU_ASSERT_EQUAL(t->luns[0].size, 20ull << 30);
	CU_ASSERT_EQUAL(t->luns[0].block_size, 512);
	CU_ASSERT_EQUAL(t->luns[0].physical_block_size, 0);
	CU_ASSERT_EQUAL(t->luns[1].physical_block_size, 8192);
	CU_ASSERT(!t->luns[0].read_only && !t->luns[0].direct && !t->luns[0].serial);
	CU_ASSERT(!t->luns[0].tpc.enabled);
	CU_ASSERT_EQUAL(t->luns[0].tpc.max_ranges, 9);
	CU_ASSERT_EQUAL(t->luns[0].tpc.max_token_bytes, 1u << 30);
	CU_ASSERT_EQUAL(t->luns[0].tpc.optimal_bytes, 1u << 20);
	CU_ASSERT_EQUAL(t->luns[0].tpc.max_timeout_s, 50);
	CU_ASSERT_EQUAL(t->luns[0].tpc.default_timeout_s, 40);
	CU_ASSERT_EQUAL(t->luns[0].tpc.deadline_ms, 1500);
	CU_ASSERT_EQUAL(t->luns[0].tpc.results_per_nexus, 5);
	CU_ASSERT_EQUAL(t->luns[1].lun, 7);
	CU_ASSERT_EQUAL(t->luns[1].block_size, 4096);
	CU_ASSERT(t->luns[1].read_only && t->luns[1].direct);
	CU_ASSERT_EQUAL(t->luns[0].provisioning, BS_AUTO);
	CU_ASSERT(t->luns[0].keep == ROD_KEEP_PRESERVE && t->luns[1].keep == ROD_KEEP_CANCEL);
	CU_ASSERT_PTR_NULL(t->luns[0].sidecar);
	CU_ASSERT_STRING_EQUAL(t->luns[1].sidecar, "/s");
	CU_ASSERT_EQUAL(t->luns[1].sidecar_bytes, 2u << 20);
	CU_ASSERT_EQUAL(t->luns[1].clone_bytes, 0);
	CU_ASSERT_EQUAL(t->luns[1].provisioning, BS_FULL);
	CU_ASSERT_STRING_EQUAL(t->luns[1].serial, "S 1");
	CU_ASSERT_STRING_EQUAL(t->luns[1].fault, "short:3");
	CU_ASSERT_EQUAL(memcmp(&t->luns[1].tpc, &lu_tpc_defaults, sizeof(lu_tpc_defaults)), 0);
	config_done(&cfg);
}

static void test_unknown(void)
{
	CU_ASSERT(refused("bogus = 1\n", ":1: unknown key 'bogus'"));
	CU_ASSERT(refused("\n\nlimits {\n memroy = 1\n}\n", ":4: unknown key 'memroy'"));
	CU_ASSERT(refused("target {\n}\n", ":1: missing title"));
	CU_ASSERT(refused(HEAD "lun 0 { path = x\n\n odx { size = 1 } } }", ":4: unknown key"));
}

static void test_malformed(void)
{
	CU_ASSERT(refused("limits {\n memory = 5X }\n", ":2: memory = \"5X\": must be a size"));
	CU_ASSERT(refused("limits {\n memory = -5 }\n", ":2: memory = \"-5\": must be a size"));
	CU_ASSERT(refused("limits { memory = 99999999999999999999 }\n", ":1: memory"));
	CU_ASSERT(refused("limits { memory = 99999999T }\n", ":1: memory"));
	CU_ASSERT(refused("limits {\n\n login-timeout = 15 }\n", ":3: login-timeout = \"15\""));
	CU_ASSERT(refused("limits { queue-depth = 1K }\n", ":1: queue-depth"));
	CU_ASSERT(refused("log-level = loud\n", ":1: log-level = \"loud\": must be error,"));
	CU_ASSERT(refused("portals = {\"127.0.0.1:0\",\n\"localhost\"}\n", ":2: portals"));
	CU_ASSERT(refused("portals = {\"127.0.0.1:65536\"}\n", ":1: portals"));
	CU_ASSERT(refused("portals = {\"127.0.0.1:3260,0\"}\n", ":1: portals"));
	CU_ASSERT(refused("portals = {\"127.0.0.1:3260,65536\"}\n", ":1: portals"));
	CU_ASSERT(refused("portals = {\"127.0.0.1:3260,\"}\n", ":1: portals"));
	CU_ASSERT(refused("portals = {\"127.0.0.1:3260,1 \"}\n", ":1: portals"));
	CU_ASSERT(refused("limits {\n memory 32M }\n", ":2: missing equal sign"));
	CU_ASSERT(refused(HEAD "lun 0 { path = x read-only = 2 } }", ":2: read-only = \"2\""));
	CU_ASSERT(refused(HEAD "lun 0 { path = x block-size = 1024 } }", ":2: block-size"));
	CU_ASSERT(refused(HEAD "copy { chunk = 96K } }", ":2: chunk = \"96K\": must be a power"));
	CU_ASSERT(refused(HEAD "copy { rate = 1023K } }", ":2: rate = \"1023K\": must be bytes"));
	CU_ASSERT(refused(HEAD "initiators = {\"IQN.x:y\"} }", ":2: initiators"));
	CU_ASSERT(refused("target \"disk\" {}\n", ":1: target \"disk\": not an iSCSI name"));
	CU_ASSERT(refused("target \"IQN.2001-04.com.example:odx\" {}\n", ":1: target"));
}

static void test_range(void)
{
	struct config cfg;

	CU_ASSERT_EQUAL(load(&cfg, "limits { max-sessions = 65536 }"), 0);
	CU_ASSERT_EQUAL(cfg.limits.max_sessions, 65536);
	config_done(&cfg);
	CU_ASSERT(refused("limits { max-sessions = 65537 }",
			  ":1: max-sessions = \"65537\": must be 1 to 65536"));
	CU_ASSERT(refused("limits { max-sessions = 0 }", ":1: max-sessions"));
	CU_ASSERT_EQUAL(load(&cfg, "reactors = 64"), 0);
	CU_ASSERT_EQUAL(cfg.limits.reactors, 64);
	CU_ASSERT_EQUAL(config_set_reactors(&cfg, "65", err, sizeof(err)), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err, "--reactors: reactors = \"65\": must be 0 to 64");
	CU_ASSERT_EQUAL(config_set_reactors(&cfg, "0", err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(cfg.limits.reactors, 0);
	config_done(&cfg);
	CU_ASSERT(refused("reactors = 65", ":1: reactors = \"65\": must be 0 to 64"));
	CU_ASSERT_EQUAL(load(&cfg, HEAD "copy { chunk = 4096 rate = 1M } lun 255 { path = x } }"),
			0);
	CU_ASSERT_EQUAL(cfg.targets[0].copy.rate, 1 << 20);
	config_done(&cfg);
	CU_ASSERT(
		refused(HEAD "copy { chunk = 2048 } }", ":2: chunk = \"2048\": must be 4K to 1M"));
	CU_ASSERT(refused(HEAD "lun 256 { path = x } }", ":2: lun \"256\": the number must be"));
	CU_ASSERT(refused(HEAD "lun one { path = x } }", ":2: lun \"one\""));
	/* VPD 80h holds 36 characters */
	CU_ASSERT_EQUAL(load(&cfg, HEAD "lun 0 { path = x\n"
					"serial = \"123456789012345678901234567890123456\" } }"),
			0);
	config_done(&cfg);
	CU_ASSERT(refused(HEAD "lun 0 { path = x\n"
			       "serial = \"1234567890123456789012345678901234567\" } }",
			  ":3: serial"));
}

static void test_cut_off(void)
{
	CU_ASSERT(refused("limits { memory = 5M", ":1: the file ends inside section limits"));
	CU_ASSERT(refused(HEAD "lun 0 { path = x }", ":2: the file ends inside section target"));
	CU_ASSERT(refused("limits { memory = 5M } /* and", ":"));
	CU_ASSERT(refused("log-level = \"in", ":"));
	CU_ASSERT(refused("portals = {\"127.0.0.1:1\"", ":"));
}

static void test_unreadable(void)
{
	struct config cfg;

	config_init(&cfg);
	CU_ASSERT_EQUAL(config_load(&cfg, "/nonexistent/f", err, sizeof(err)), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err, "/nonexistent/f: cannot read the configuration: "
				    "No such file or directory");
	CU_ASSERT_EQUAL(config_load(&cfg, "/tmp", err, sizeof(err)), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err, "/tmp: cannot read the configuration: Is a directory");
	CU_ASSERT_EQUAL(config_load(&cfg, "/proc/self/exe", err, sizeof(err)), -EINVAL);
	config_done(&cfg);
}

static void test_twice(void)
{
	CU_ASSERT(refused("limits { memory = 5M\n memory = 6M }", ":2: memory is set twice"));
	CU_ASSERT(refused("limits { memory = 5M }\nlimits { memory = 6M }", ":2: memory"));
	CU_ASSERT(refused(HEAD "lun 0 { path = x }\nlun 0 { path = y } }",
			  ":3: found duplicate title '0' in section target: give each"));
	CU_ASSERT(refused(HEAD "lun 0 { path = x }\nlun 00 { path = y } }",
			  ":3: lun 0: number used twice"));
	CU_ASSERT(refused(HEAD "}\n" HEAD "}", ":3: "));
}

static void test_chap(void)
{
	CU_ASSERT(refused(HEAD "chap { user = u secret = \"12345678901\" } }",
			  ":2: secret = \"...\": must have 12 to 255 characters"));
	CU_ASSERT(refused(HEAD "chap { user = u } }", ":2: chap: user and secret belong"));
	CU_ASSERT(refused(HEAD "chap { secret = \"123456789012\" } }", ":2: chap: user and"));
	CU_ASSERT(refused(HEAD "chap { user = u secret = \"123456789012\" mutual-user = m } }",
			  ":2: chap: mutual-user and mutual-secret belong"));
	CU_ASSERT(refused(HEAD "chap { mutual-user = m mutual-secret = \"123456789012\" } }",
			  ":2: chap: mutual-user without user"));
	CU_ASSERT(refused(HEAD "chap { user = u secret = \"123456789012\"\n"
			       "mutual-user = m mutual-secret = \"123456789012\" } }",
			  ":3: chap: secret and mutual-secret are the same"));
	CU_ASSERT(refused("discovery { chap { user = u } }", ":1: chap: user and secret"));
}

static void test_contradiction(void)
{
	CU_ASSERT(refused(HEAD "lun 3 { path = x\n"
			       " odx {\n optimal = 8G\n max-token = 4G\n }\n\n } }",
			  ":6: lun 3: odx: "));
	CU_ASSERT(refused(HEAD "lun 3 { path = x\n"
			       " odx { default-timeout = 601s }\n } }",
			  ":3: lun 3: odx: "));
	CU_ASSERT(refused(HEAD "lun 0 { size = 1M } }", ":2: lun 0 has no path"));
}

static void test_finish(void)
{
	struct config cfg;

	CU_ASSERT_EQUAL(load(&cfg, ""), 0);
	CU_ASSERT_EQUAL(config_finish(&cfg, err, sizeof(err)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "nothing to serve"));
	config_done(&cfg);
	CU_ASSERT_EQUAL(load(&cfg, HEAD "}"), 0);
	CU_ASSERT_EQUAL(config_finish(&cfg, err, sizeof(err)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "has no lun"));
	CU_ASSERT_EQUAL(config_add_lun(&cfg, NULL, "/x", err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(config_finish(&cfg, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(cfg.portals.n, 1);
	CU_ASSERT_STRING_EQUAL(cfg.portals.v[0], "127.0.0.1:3260");
	config_done(&cfg);
}

static void test_lun_option(void)
{
	struct config cfg;
	const struct config_lun *l;

	config_init(&cfg);
	CU_ASSERT_EQUAL(
		config_add_lun(
			&cfg, NULL,
			"/a\\,b\\\\c\\d,size=1G,block-size=4096,read-only,removable,direct,encrypt,"
			"provisioning=thin,serial=x\\,y,fault=short:3+again:2,odx.deadline=1s",
			err, sizeof(err)),
		0);
	CU_ASSERT_EQUAL(config_add_lun(&cfg, NULL, "mem:a=b,size=4K,read-only=false,unmap=no", err,
				       sizeof(err)),
			0);
	CU_ASSERT_EQUAL_FATAL(cfg.ntargets, 1);
	CU_ASSERT_STRING_EQUAL(cfg.targets[0].name, IQN);
	CU_ASSERT_EQUAL_FATAL(cfg.targets[0].nluns, 2);
	l = cfg.targets[0].luns;
	CU_ASSERT_STRING_EQUAL(l[0].path, "/a,b\\c\\d");
	CU_ASSERT_EQUAL(l[0].size, 1u << 30);
	CU_ASSERT_EQUAL(l[0].block_size, 4096);
	CU_ASSERT(l[0].read_only && l[0].removable && l[0].encrypt && l[0].direct &&
		  l[0].provisioning == BS_THIN);
	CU_ASSERT_STRING_EQUAL(l[0].serial, "x,y");
	CU_ASSERT_STRING_EQUAL(l[0].fault, "short:3+again:2");
	CU_ASSERT_EQUAL(l[0].tpc.deadline_ms, 1000);
	CU_ASSERT_STRING_EQUAL(l[1].path, "mem:a=b");
	CU_ASSERT_EQUAL(l[1].lun, 1);
	CU_ASSERT(l[0].unmap && !l[1].unmap);
	CU_ASSERT(!l[1].read_only && !l[1].removable);
	config_done(&cfg);
}

static void test_lun_option_refused(void)
{
	static const struct {
		const char *spec, *want;
	} cases[] = {
		{ "", "--lun : the path is empty" },
		{ ",size=1G", "--lun ,size=1G: the path is empty" },
		{ "x,sise=1G", "--lun x,sise=1G: unknown option \"sise\"" },
		{ "x,", "--lun x,: unknown option \"\"" },
		{ "x,path=y", "--lun x,path=y: unknown option" },
		{ "x,odx.size=1", "--lun x,odx.size=1: unknown option" },
		{ "x,size", "--lun x,size: size needs a value" },
		{ "x,size=", "--lun x,size=: size = \"\": must be a size" },
		{ "x,size=1Q", "--lun x,size=1Q: size = \"1Q\": must be a size" },
		{ "x,provisioning=thick", "--lun x,provisioning=thick: provisioning = \"thick\": "
					  "must be auto, thin or full" },
		{ "x,read-only=maybe", "--lun x,read-only=maybe: read-only" },
		{ "x,block-size=520", "--lun x,block-size=520: block-size" },
		{ "x,physical-block-size=3K", "--lun x,physical-block-size=3K: physical" },
		{ "x,physical-block-size=256", "--lun x,physical-block-size=256: physical" },
		{ "x,odx.optimal=8G", "--lun x,odx.optimal=8G: " },
	};
	struct config cfg;

	config_init(&cfg);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = config_add_lun(&cfg, NULL, cases[i].spec, err, sizeof(err));

		CU_ASSERT_EQUAL(r, -EINVAL);
		if (strncmp(err, cases[i].want, strlen(cases[i].want)))
			printf("\"%s\" instead of \"%s\"\n", err, cases[i].want);
		CU_ASSERT_EQUAL(strncmp(err, cases[i].want, strlen(cases[i].want)), 0);
	}
	CU_ASSERT_EQUAL(config_add_lun(&cfg, "disk", "x", err, sizeof(err)), -EINVAL);
	CU_ASSERT_EQUAL(strncmp(err, "--target disk: ", 15), 0);
	CU_ASSERT_EQUAL(cfg.ntargets, 0);
	config_done(&cfg);
}

static void test_combined(void)
{
	struct config cfg;

	CU_ASSERT_EQUAL(load(&cfg, "portals = {\"127.0.0.1:1\"}\n" HEAD
				   "lun 0 { path = a } lun 2 { path = b } }\n"
				   "target \"iqn.2001-04.com.example:two\" { lun 0 { path = c } }"),
			0);
	CU_ASSERT_EQUAL(config_add_lun(&cfg, NULL, "d", err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(config_add_lun(&cfg, NULL, "e", err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(config_add_lun(&cfg, "iqn.2001-04.com.example:two", "f", err, sizeof(err)),
			0);
	CU_ASSERT_EQUAL(config_add_lun(&cfg, "iqn.2001-04.com.example:new", "g", err, sizeof(err)),
			0);
	CU_ASSERT_EQUAL_FATAL(cfg.ntargets, 3);
	CU_ASSERT_EQUAL_FATAL(cfg.targets[0].nluns, 4);
	CU_ASSERT_STRING_EQUAL(cfg.targets[0].luns[1].path, "d");
	CU_ASSERT_EQUAL(cfg.targets[0].luns[1].lun, 1);
	CU_ASSERT_STRING_EQUAL(cfg.targets[0].luns[3].path, "e");
	CU_ASSERT_EQUAL(cfg.targets[0].luns[3].lun, 3);
	CU_ASSERT_EQUAL(cfg.targets[1].nluns, 2);
	CU_ASSERT_STRING_EQUAL(cfg.targets[2].name, "iqn.2001-04.com.example:new");
	CU_ASSERT_EQUAL(config_add_portal(&cfg, "127.0.0.1", true, err, sizeof(err)), -EINVAL);
	CU_ASSERT_EQUAL(strncmp(err, "--portal: ", 10), 0);
	CU_ASSERT_EQUAL(cfg.portals.n, 1);
	CU_ASSERT_EQUAL(config_add_portal(&cfg, "127.0.0.1:2", true, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(config_add_portal(&cfg, "[::1]:3", false, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL_FATAL(cfg.portals.n, 2);
	CU_ASSERT_STRING_EQUAL(cfg.portals.v[0], "127.0.0.1:2");
	config_done(&cfg);
}

static void test_too_many_luns(void)
{
	struct config cfg;

	config_init(&cfg);
	for (unsigned i = 0; i < 256; i++)
		CU_ASSERT_EQUAL_FATAL(config_add_lun(&cfg, NULL, "x", err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(config_add_lun(&cfg, NULL, "x", err, sizeof(err)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "at most 256 LUNs"));
	config_done(&cfg);
}

static char *read_reference(void)
{
	FILE *f = fopen(CONFIGS "/odxd.conf.reference", "r");
	char *text = calloc(1, 64 << 10);

	CU_ASSERT_FATAL(f && text);
	CU_ASSERT_FATAL(fread(text, 1, (64 << 10) - 1, f) > 0);
	fclose(f);
	return text;
}

/*
 * A commented setting is "#" and the line as it would stand; prose is "# " and
 * text.  Takes the mark off the settings.
 */
static void uncomment(char *text)
{
	char *to = text;

	for (char *line = text; *line;) {
		size_t len = strcspn(line, "\n") + 1;

		if (line[0] == '#' && line[1] != ' ' && line[1] != '\n') {
			line++;
			len--;
		}
		memmove(to, line, len);
		to += len;
		line += len;
	}
	*to = '\0';
}

static void test_reference_is_default(void)
{
	char *text = read_reference();
	struct config cfg;
	int r;

	CU_ASSERT_EQUAL(load(&cfg, text), 0); /* as it stands: nothing set */
	CU_ASSERT_EQUAL(cfg.ntargets, 0);
	config_done(&cfg);
	uncomment(text);
	r = load(&cfg, text);
	if (r < 0)
		printf("%s\n", err);
	free(text);
	CU_ASSERT_EQUAL_FATAL(r, 0);
	CU_ASSERT_EQUAL_FATAL(cfg.portals.n, 1);
	CU_ASSERT_STRING_EQUAL(cfg.portals.v[0], CONFIG_DEFAULT_PORTAL);
	CU_ASSERT_EQUAL(cfg.log_level, LEVEL_WARNING);
	CHECK_BYTES(&cfg.limits, sizeof(cfg.limits), &iscsi_limits_defaults, sizeof(cfg.limits));
	CU_ASSERT_EQUAL_FATAL(cfg.ntargets, 1);
	CU_ASSERT_STRING_EQUAL(cfg.targets[0].name, CONFIG_DEFAULT_TARGET);
	CU_ASSERT_EQUAL(cfg.targets[0].initiators.n, 0);
	CU_ASSERT_EQUAL(cfg.targets[0].tokens.max_tokens, token_defaults.max_tokens);
	CU_ASSERT_EQUAL(cfg.targets[0].tokens.max_tombstones, token_defaults.max_tombstones);
	CU_ASSERT_EQUAL(cfg.targets[0].copy.chunk, copy_engine_defaults.chunk);
	CU_ASSERT_EQUAL(cfg.targets[0].copy.window, copy_engine_defaults.window);
	CU_ASSERT_EQUAL(cfg.targets[0].copy.copies, copy_engine_defaults.copies);
	CU_ASSERT_EQUAL(cfg.targets[0].copy.rate, 0);
	CU_ASSERT_EQUAL_FATAL(cfg.targets[0].nluns, 1);
	CU_ASSERT_EQUAL(cfg.targets[0].luns[0].size, 0);
	CU_ASSERT_EQUAL(cfg.targets[0].luns[0].block_size, 512);
	CHECK_BYTES(&cfg.targets[0].luns[0].tpc, sizeof(lu_tpc_defaults), &lu_tpc_defaults,
		    sizeof(lu_tpc_defaults));
	config_done(&cfg);
}

static void test_reference_is_complete(void)
{
	const char *names[128];
	unsigned n = config_key_names(names, 128);
	char *text = read_reference(), look[64];

	CU_ASSERT_FATAL(n > 30 && n <= 128);
	uncomment(text);
	for (unsigned i = 0; i < n; i++) {
		const char *p = text;
		bool found = false;

		/* NAME at the start of a word, then " =", " {" or a title */
		snprintf(look, sizeof(look), "%s ", names[i]);
		for (; !found && (p = strstr(p, look)); p++) {
			const char *after = p + strlen(look);
			const char *before = p;

			while (before > text && before[-1] == '\t')
				before--;
			found = (before == text || before[-1] == '\n') && strchr("={\"0", *after);
		}
		if (!found)
			printf("%s is missing in the reference\n", names[i]);
		CU_ASSERT(found);
	}
	free(text);
}

static void test_example(void)
{
	struct config cfg;

	config_init(&cfg);
	CU_ASSERT_EQUAL_FATAL(config_load(&cfg, CONFIGS "/two-disks.conf", err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(config_finish(&cfg, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(cfg.targets[0].nluns, 2);
	config_done(&cfg);
}

static const struct test tests[] = {
	{ "every key reaches its field", test_everything },
	{ "an unknown key is refused with file and line", test_unknown },
	{ "a malformed value is refused with file and line", test_malformed },
	{ "a number is taken at its limit and refused one above", test_range },
	{ "a file that was cut off is refused", test_cut_off },
	{ "a file that cannot be read is refused by name", test_unreadable },
	{ "a key, lun or target given twice is refused", test_twice },
	{ "CHAP settings that do not fit together are refused", test_chap },
	{ "limits that contradict each other are refused", test_contradiction },
	{ "nothing to serve is refused; the default portal is filled in", test_finish },
	{ "--lun takes every key, with escaped commas", test_lun_option },
	{ "--lun refuses with the option's name", test_lun_option_refused },
	{ "the command line goes on top of the file", test_combined },
	{ "a target has at most 256 LUNs", test_too_many_luns },
	{ "the reference shows the defaults", test_reference_is_default },
	{ "the reference shows every key", test_reference_is_complete },
	{ "the example with two disks is fine", test_example },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "config", tests);
}
