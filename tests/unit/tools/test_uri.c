/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "initiator.h"
#include "test.h"

static struct initiator_uri good(const char *text)
{
	struct initiator_uri u;
	char err[INITIATOR_ERR] = "";

	memset(&u, 0, sizeof(u));
	if (initiator_uri_parse(text, &u, err)) {
		printf("%s\n", err);
		CU_FAIL("not parsed");
	}
	return u;
}

static void plain(void)
{
	struct initiator_uri u = good("iscsi://192.0.2.1:3270/iqn.2001-04.com.example:odx/7");
	char text[600];

	CU_ASSERT_STRING_EQUAL(u.portal, "192.0.2.1:3270");
	CU_ASSERT_STRING_EQUAL(u.target, "iqn.2001-04.com.example:odx");
	CU_ASSERT_EQUAL(u.lun, 7);
	CU_ASSERT_STRING_EQUAL(u.user, "");
	CU_ASSERT_STRING_EQUAL(initiator_uri_text(&u, text, sizeof(text)),
			       "iscsi://192.0.2.1:3270/iqn.2001-04.com.example:odx/7");
}

static void default_port(void)
{
	struct initiator_uri u = good("iscsi://storage/iqn.2001-04.com.example:odx/0");

	CU_ASSERT_STRING_EQUAL(u.portal, "storage:3260");
	u = good("iscsi://[::1]/iqn.2001-04.com.example:odx/0");
	CU_ASSERT_STRING_EQUAL(u.portal, "[::1]:3260");
	u = good("iscsi://[2001:db8::1]:99/iqn.2001-04.com.example:odx/0");
	CU_ASSERT_STRING_EQUAL(u.portal, "[2001:db8::1]:99");
}

static void credentials(void)
{
	struct initiator_uri u = good("iscsi://al@ice%se@cret%1@host/iqn.2001-04.com.example:x/0"
				      "?target_user=tom&target_password=t%0");
	char text[600];

	CU_ASSERT_STRING_EQUAL(u.user, "al@ice");
	CU_ASSERT_STRING_EQUAL(u.secret, "se@cret%1");
	CU_ASSERT_STRING_EQUAL(u.target_user, "tom");
	CU_ASSERT_STRING_EQUAL(u.target_secret, "t%0");
	/* Not for everybody's eyes. */
	initiator_uri_text(&u, text, sizeof(text));
	CU_ASSERT_PTR_NULL(strstr(text, "cret"));
	CU_ASSERT_PTR_NULL(strstr(text, "ice"));
}

static void malformed(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "iscsi://" },
		{ "iscsi:/host/iqn.2001-04.com.example:x/0", "iscsi://" },
		{ "iscsi://host", "target name is missing" },
		{ "iscsi:///iqn.2001-04.com.example:x/0", "host is missing" },
		{ "iscsi://host:/iqn.2001-04.com.example:x/0", "port" },
		{ "iscsi://host:65536/iqn.2001-04.com.example:x/0", "port" },
		{ "iscsi://[::1/iqn.2001-04.com.example:x/0", "']'" },
		{ "iscsi://[::1]5/iqn.2001-04.com.example:x/0", "follows the address" },
		{ "iscsi://host/disk/0", "iSCSI name" },
		{ "iscsi://host/iqn.2001-04.com.example:x", "LUN is missing" },
		{ "iscsi://host/iqn.2001-04.com.example:x/", "LUN is not" },
		{ "iscsi://host/iqn.2001-04.com.example:x/0/1", "LUN is not" },
		{ "iscsi://host/iqn.2001-04.com.example:x/16384", "LUN is not" },
		{ "iscsi://host/iqn.2001-04.com.example:x/+1", "LUN is not" },
		{ "iscsi://@host/iqn.2001-04.com.example:x/0", "user" },
		{ "iscsi://u%@host/iqn.2001-04.com.example:x/0", "secret" },
		{ "iscsi://host/iqn.2001-04.com.example:x/0?a=b", "target_user" },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct initiator_uri u = { .lun = 4711 };
		char err[INITIATOR_ERR] = "";

		CU_ASSERT(initiator_uri_parse(bad[i].text, &u, err) < 0);
		if (!strstr(err, bad[i].why))
			printf("%s -> %s\n", bad[i].text, err);
		CU_ASSERT(strstr(err, bad[i].why) != NULL);
		CU_ASSERT_PTR_NULL(strchr(err, '\n'));
		CU_ASSERT_EQUAL(u.lun, 4711); /* untouched */
	}
}

static void secrets_stay_out_of_errors(void)
{
	struct initiator_uri u;
	char err[INITIATOR_ERR] = "";

	CU_ASSERT(initiator_uri_parse("iscsi://u%hush@host/iqn.2001-04.com.example:x/zero", &u,
				      err) < 0);
	CU_ASSERT_PTR_NULL(strstr(err, "hush"));
	CU_ASSERT(initiator_uri_parse("iscsi://u%hush@host/x/0?target_user=a", &u, err) < 0);
	CU_ASSERT_PTR_NULL(strstr(err, "hush"));
}

static void overlong(void)
{
	char text[2048] = "iscsi://";
	struct initiator_uri u;
	char err[INITIATOR_ERR];

	memset(text + 8, 'h', 1000);
	strcpy(text + 1008, "/iqn.2001-04.com.example:x/0");
	CU_ASSERT(initiator_uri_parse(text, &u, err) < 0);
	strcpy(text, "iscsi://host/iqn.2001-04.com.example:");
	memset(text + 37, 'x', 1000);
	strcpy(text + 1037, "/0");
	CU_ASSERT(initiator_uri_parse(text, &u, err) < 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "host, port, target, LUN", plain },
		{ "the port defaults to 3260, also with IPv6", default_port },
		{ "credentials are taken and not shown", credentials },
		{ "malformed URIs: a reason, on one line", malformed },
		{ "an error never repeats a secret", secrets_stay_out_of_errors },
		{ "overlong parts are refused", overlong },
		TEST_END
	};

	return test_main(argc, argv, "tools-uri", tests);
}
