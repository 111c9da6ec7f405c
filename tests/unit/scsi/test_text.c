/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

static void pairs_in_order(void)
{
	char buf[] = "InitiatorName=iqn.x\0SessionType=Normal\0X-com.a_b@c+d-1=\0A=b=c";
	struct text_pair p;
	size_t pos = 0;

	CU_ASSERT_EQUAL(text_next(buf, sizeof(buf), &pos, &p), 1);
	CU_ASSERT_STRING_EQUAL(p.key, "InitiatorName");
	CU_ASSERT_STRING_EQUAL(p.value, "iqn.x");
	CU_ASSERT_EQUAL(text_next(buf, sizeof(buf), &pos, &p), 1);
	CU_ASSERT_STRING_EQUAL(p.key, "SessionType");
	CU_ASSERT_EQUAL(text_next(buf, sizeof(buf), &pos, &p), 1);
	CU_ASSERT_STRING_EQUAL(p.key, "X-com.a_b@c+d-1");
	CU_ASSERT_STRING_EQUAL(p.value, "");
	CU_ASSERT_EQUAL(text_next(buf, sizeof(buf), &pos, &p), 1);
	CU_ASSERT_STRING_EQUAL(p.value, "b=c");
	CU_ASSERT_EQUAL(text_next(buf, sizeof(buf), &pos, &p), 0);
	CU_ASSERT_EQUAL(text_next(buf, sizeof(buf), &pos, &p), 0);
}

static void stray_nuls(void)
{
	char buf[] = "\0\0A=1\0\0\0B=2\0\0";
	struct text_pair p;
	size_t pos = 0;

	CU_ASSERT_EQUAL(text_next(buf, sizeof(buf), &pos, &p), 1);
	CU_ASSERT_EQUAL(text_next(buf, sizeof(buf), &pos, &p), 1);
	CU_ASSERT_STRING_EQUAL(p.key, "B");
	CU_ASSERT_EQUAL(text_next(buf, sizeof(buf), &pos, &p), 0);
}

static int first(const char *text, size_t len)
{
	char *buf = malloc(len + 1);
	struct text_pair p;
	size_t pos = 0;
	int ret;

	memcpy(buf, text, len);
	ret = text_next(buf, len, &pos, &p);
	free(buf);
	return ret;
}

static void malformed_pairs(void)
{
	char key[128];

	CU_ASSERT_EQUAL(first("", 0), 0);
	CU_ASSERT_EQUAL(first("A=b", 3), -1); /* no final NUL */
	CU_ASSERT_EQUAL(first("Ab", 3), -1);
	CU_ASSERT_EQUAL(first("=b", 3), -1);
	CU_ASSERT_EQUAL(first("1=b", 4), -1);
	CU_ASSERT_EQUAL(first("iSCSIProtocolLevel=1", 21), 1);
	CU_ASSERT_EQUAL(first("X#NodeArchitecture=x", 21), 1);
	CU_ASSERT_EQUAL(first("1=b", 4), -1);
	CU_ASSERT_EQUAL(first("A b=c", 6), -1);
	CU_ASSERT_EQUAL(first("A\xff=c", 5), -1);
	memset(key, 'K', sizeof(key));
	strcpy(key + 63, "=v");
	CU_ASSERT_EQUAL(first(key, 66), 1);
	memset(key, 'K', 64);
	strcpy(key + 64, "=v");
	CU_ASSERT_EQUAL(first(key, 67), -1);
}

static void writing(void)
{
	char buf[64];
	struct writer w = writer(buf, sizeof(buf));

	text_put(&w, "Key", "Value");
	text_putf(&w, "Num", "%d,%s", 7, "x");
	CHECK_BYTES(buf, w.len, "Key=Value\0Num=7,x", 18);
	w = writer(buf, 6);
	memset(buf, 'z', sizeof(buf));
	text_putf(&w, "Key", "%s", "Value");
	CU_ASSERT_EQUAL(w.len, 10);
	CU_ASSERT_EQUAL(buf[6], 'z');
	w = writer(buf, 2);
	text_putf(&w, "Key", "%s", "Value");
	CU_ASSERT_EQUAL(w.len, 10);
	CU_ASSERT_EQUAL(buf[6], 'z');
}

static void numbers(void)
{
	uint64_t v = 5;

	CU_ASSERT_TRUE(text_number("0", 10, &v) && v == 0);
	CU_ASSERT_TRUE(text_number("262144", 0xffffff, &v) && v == 262144);
	CU_ASSERT_TRUE(text_number("0x1fF", 0xffffff, &v) && v == 0x1ff);
	CU_ASSERT_TRUE(text_number("0XA", 10, &v) && v == 10);
	CU_ASSERT_TRUE(text_number("18446744073709551615", UINT64_MAX, &v) && v == UINT64_MAX);
	v = 5;
	CU_ASSERT_FALSE(text_number("18446744073709551616", UINT64_MAX, &v));
	CU_ASSERT_FALSE(text_number("0x10000000000000000", UINT64_MAX, &v));
	CU_ASSERT_FALSE(text_number("11", 10, &v));
	CU_ASSERT_FALSE(text_number("", 10, &v));
	CU_ASSERT_FALSE(text_number("0x", 10, &v));
	CU_ASSERT_FALSE(text_number("-1", 10, &v));
	CU_ASSERT_FALSE(text_number("+1", 10, &v));
	CU_ASSERT_FALSE(text_number(" 1", 10, &v));
	CU_ASSERT_FALSE(text_number("1 ", 10, &v));
	CU_ASSERT_FALSE(text_number("a", 10, &v));
	CU_ASSERT_EQUAL(v, 5);
}

static void booleans(void)
{
	bool b = false;

	CU_ASSERT_TRUE(text_boolean("Yes", &b) && b);
	CU_ASSERT_TRUE(text_boolean("No", &b) && !b);
	b = true;
	CU_ASSERT_FALSE(text_boolean("yes", &b));
	CU_ASSERT_FALSE(text_boolean("", &b));
	CU_ASSERT_FALSE(text_boolean("Yes,No", &b));
	CU_ASSERT_TRUE(b);
}

static void lists(void)
{
	static const char *const offer[] = { "None", "CRC32C", NULL };
	const char *got = NULL;

	CU_ASSERT_TRUE(text_list_has("CHAP,None", "None"));
	CU_ASSERT_TRUE(text_list_has("None", "None"));
	CU_ASSERT_FALSE(text_list_has("NoneX,XNone", "None"));
	CU_ASSERT_FALSE(text_list_has("", "None"));
	CU_ASSERT_TRUE(text_list_choose("CRC32C,None", offer, &got));
	CU_ASSERT_STRING_EQUAL(got, "CRC32C");
	CU_ASSERT_TRUE(text_list_choose("Foo,None,CRC32C", offer, &got));
	CU_ASSERT_PTR_EQUAL(got, offer[0]);
	CU_ASSERT_FALSE(text_list_choose("Foo,none", offer, &got));
	CU_ASSERT_FALSE(text_list_choose(",", offer, &got));
	CU_ASSERT_PTR_EQUAL(got, offer[0]);
}

static void check_binary(const char *s, const char *hex)
{
	uint8_t got[64], want[64];
	size_t n = test_hex(hex, want, sizeof(want));
	int k = text_binary(s, got, sizeof(got));

	CU_ASSERT_EQUAL_FATAL(k, (int)n);
	CHECK_BYTES(got, n, want, n);
}

static void binary_hex_values(void)
{
	uint8_t b[4] = { 9, 9, 9, 9 };

	check_binary("0x00ffA5", "00 ff a5");
	check_binary("0Xabc", "0a bc");
	CU_ASSERT_EQUAL(text_binary("0x", b, 4), -1);
	CU_ASSERT_EQUAL(text_binary("0x0g", b, 4), -1);
	CU_ASSERT_EQUAL(text_binary("0x0102030405", b, 4), -1);
	CU_ASSERT_EQUAL(text_binary("0x01020304", b, 3), -1);
	CU_ASSERT_EQUAL(text_binary("abcd", b, 4), -1);
	CU_ASSERT_EQUAL(text_binary("", b, 4), -1);
	CU_ASSERT_EQUAL(b[0], 9);
}

static void binary_base64_values(void)
{
	static const char *const bad[] = {
		"0b",	  "0bZg",	"0bZg=",  "0bZ===",    "0bZg==Zg==", "0bZm8=Zg==", "0bZh==",
		"0bZm9=", "0bZm9v!A==", "0b====", "0bZm 9vYg", "0bZg=A",     "0bAAAAAAAA"
	};
	uint8_t b[4] = { 9, 9, 9, 9 };

	check_binary("0bZg==", "66");
	check_binary("0bZm8=", "66 6f");
	check_binary("0BZm9v", "66 6f 6f");
	check_binary("0bZm9vYmFy", "66 6f 6f 62 61 72");
	check_binary("0b+/+/", "fb ff bf");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(text_binary(bad[i], b, 4), -1);
	CU_ASSERT_EQUAL(b[0], 9);
}

static void hex_output(void)
{
	const uint8_t b[] = { 0x00, 0xff, 0xa5 };
	char s[9];

	text_put_hex(s, sizeof(s), b, 3);
	CU_ASSERT_STRING_EQUAL(s, "0x00ffa5");
	text_put_hex(s, 3, b, 0);
	CU_ASSERT_STRING_EQUAL(s, "0x");
}

static void names(void)
{
	static const char *const good[] = {
		"iqn.2001-04.com.example:t1", "iqn.1993-08.org.debian:01:0123456789ab",
		"iqn.2001-04.com.example",    "eui.02004567A425678D",
		"naa.52004567BA64678D",	      "naa.62004567BA64678D0123456789ABCDEF",
	};
	static const char *const bad[] = {
		"",
		"iqn.",
		"iqn.2001-04.",
		"iqn.2001-13.com.x",
		"iqn.2001-4.com",
		"iqn.2001-00.com.x",
		"iqn.2001-04.Com.example",
		"iqn.2001-04.com x",
		"IQN.2001-04.com",
		"iqn.2001-04.com_x",
		"eui.0200",
		"eui.02004567A425678G",
		"naa.52004567BA64678D0",
		"foo.2001-04.com",
		"iqn.2001-04.:x",
		"iqn.200",
	};
	char name[256];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CU_ASSERT_TRUE(iscsi_name_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(iscsi_name_valid(bad[i]));
	memset(name, 'a', sizeof(name));
	memcpy(name, "iqn.2001-04.", 12);
	name[223] = '\0';
	CU_ASSERT_TRUE(iscsi_name_valid(name));
	name[223] = 'a';
	name[224] = '\0';
	CU_ASSERT_FALSE(iscsi_name_valid(name));
}

static const struct test tests[] = {
	{ "pairs come in order", pairs_in_order },
	{ "stray NULs between pairs are skipped", stray_nuls },
	{ "malformed pairs are refused", malformed_pairs },
	{ "pairs are written with their NUL and never past the end", writing },
	{ "numbers are decimal or hex, in range", numbers },
	{ "booleans are Yes or No", booleans },
	{ "lists are searched by whole items, sender's preference first", lists },
	{ "binary values in hex", binary_hex_values },
	{ "binary values in base64 are canonical", binary_base64_values },
	{ "hex output", hex_output },
	{ "iSCSI names", names },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_text", tests);
}
