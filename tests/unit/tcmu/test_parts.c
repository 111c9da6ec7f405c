/* SPDX-License-Identifier: Apache-2.0 */
/* iov.c, lio.c and wwn.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iov.h"
#include "lio.h"
#include "test.h"
#include "wwn.h"

static void naa_of_a_serial(void)
{
	static const uint8_t uuid[] = { 0x60, 0x01, 0x40, 0x5f, 0xed, 0xcb, 0xa9, 0x87,
					0x65, 0x43, 0x21, 0x0f, 0xed, 0xcb, 0xa9, 0x87 };
	static const uint8_t brief[] = { 0x60, 0x01, 0x40, 0x5a, 0xb0, 0, 0, 0,
					 0,    0,    0,	   0,	 0,    0, 0, 0 };
	uint8_t naa[WWN_NAA_LEN];

	CU_ASSERT_TRUE(wwn_naa("fedcba98-7654-3210-fedc-ba9876543210", naa));
	CHECK_BYTES(naa, sizeof(naa), uuid, sizeof(uuid));
	CU_ASSERT_TRUE(wwn_naa("FEDCBA9876543210fedcba9876543210", naa));
	CHECK_BYTES(naa, sizeof(naa), uuid, sizeof(uuid));
	CU_ASSERT_TRUE(wwn_naa("xA-zb", naa));
	CHECK_BYTES(naa, sizeof(naa), brief, sizeof(brief));
	CU_ASSERT_FALSE(wwn_naa("", naa));
	CU_ASSERT_FALSE(wwn_naa("xyz!", naa));
	CHECK_BYTES(naa, sizeof(naa), brief, sizeof(brief)); /* untouched */
}

static void stand_in(void)
{
	char a[WWN_STAND_IN_LEN + 1], b[WWN_STAND_IN_LEN + 1];
	uint8_t naa[WWN_NAA_LEN];

	wwn_stand_in("/srv/a.img", a);
	wwn_stand_in("/srv/b.img", b);
	CU_ASSERT_EQUAL(strlen(a), WWN_STAND_IN_LEN);
	CU_ASSERT_STRING_NOT_EQUAL(a, b);
	CU_ASSERT_TRUE(wwn_naa(a, naa));
	wwn_stand_in("/srv/a.img", b);
	CU_ASSERT_STRING_EQUAL(a, b);
}

/* lio.c asks it for a device, of which there is none here. */
char *tcmu_dev_get_uio_name(struct tcmu_device *dev)
{
	(void)dev;
	return NULL;
}

static void device_dir(void)
{
	static const char *const bad[] = { "",
					   "tcm-user/",
					   "tcm-user/1",
					   "tcm-user/1//odx",
					   "tcm-user/x/vol1/odx",
					   "other/1/vol1/odx" };
	char dir[128] = "as it was", small[40];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(lio_device_dir(bad[i], dir, sizeof(dir)));
	CU_ASSERT_STRING_EQUAL(dir, "as it was");
	CU_ASSERT_TRUE(lio_device_dir("tcm-user/12/vol1/odx//srv/vol1.img", dir, sizeof(dir)));
	CU_ASSERT_STRING_EQUAL(dir, "/sys/kernel/config/target/core/user_12/vol1");
	CU_ASSERT_FALSE(lio_device_dir("tcm-user/12/vol1/odx", small, sizeof(small)));
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

static char first_of(const char *dir, const char *name)
{
	char path[128];
	FILE *f;
	int c;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	c = fgetc(f);
	fclose(f);
	return (char)c;
}

static void write_cache(void)
{
	const char *tmp = getenv("TMPDIR"), attr[] = "attrib/emulate_write_cache";
	char dir[64], path[128];

	snprintf(dir, sizeof(dir), "%s/odx-lio.XXXXXX", tmp ? tmp : "/tmp");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CU_ASSERT_TRUE(lio_write_cache_of(dir)); /* nothing can be known */
	snprintf(path, sizeof(path), "%s/attrib", dir);
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	put_file(dir, "enable", "0\n");
	put_file(dir, attr, "0\n");
	CU_ASSERT_TRUE(lio_write_cache_of(dir));
	CU_ASSERT_EQUAL(first_of(dir, attr), '1');
	put_file(dir, "enable", "1\n");
	CU_ASSERT_TRUE(lio_write_cache_of(dir));
	put_file(dir, attr, "0\n");
	CU_ASSERT_FALSE(lio_write_cache_of(dir));
	CU_ASSERT_EQUAL(first_of(dir, attr), '0');
	snprintf(path, sizeof(path), "rm -r '%s'", dir);
	CU_ASSERT_EQUAL(system(path), 0);
}

static char mem[100];

static void gathers_neighbours(void)
{
	const struct iovec iov[] = { { mem, 10 },      { mem + 10, 0 }, { mem + 10, 20 },
				     { mem + 50, 10 }, { mem + 60, 5 }, { mem + 40, 10 } };
	struct iov_cursor c = iov_cursor(iov, 6);
	struct iovec vec[4];
	unsigned n;

	CU_ASSERT_EQUAL(iov_left(&c), 55);
	CU_ASSERT_EQUAL(iov_gather(&c, 100, vec, 4, &n), 55);
	CU_ASSERT_EQUAL(n, 3);
	CU_ASSERT_PTR_EQUAL(vec[0].iov_base, mem);
	CU_ASSERT_EQUAL(vec[0].iov_len, 30);
	CU_ASSERT_PTR_EQUAL(vec[1].iov_base, mem + 50);
	CU_ASSERT_EQUAL(vec[1].iov_len, 15);
	CU_ASSERT_EQUAL(iov_gather(&c, 100, vec, 2, &n), 45);
	CU_ASSERT_EQUAL(n, 2);
	CU_ASSERT_EQUAL(iov_gather(&c, 35, vec, 4, &n), 35);
	CU_ASSERT_EQUAL(n, 2);
	CU_ASSERT_EQUAL(vec[1].iov_len, 5);
	iov_skip(&c, 12);
	CU_ASSERT_EQUAL(iov_left(&c), 43);
	CU_ASSERT_EQUAL(iov_gather(&c, 3, vec, 4, &n), 3);
	CU_ASSERT_PTR_EQUAL(vec[0].iov_base, mem + 12);
	iov_skip(&c, 43);
	CU_ASSERT_EQUAL(iov_left(&c), 0);
	CU_ASSERT_EQUAL(iov_gather(&c, 100, vec, 4, &n), 0);
	CU_ASSERT_EQUAL(n, 0);
	c = iov_cursor(NULL, 0);
	CU_ASSERT_EQUAL(iov_left(&c), 0);
	CU_ASSERT_EQUAL(iov_gather(&c, 100, vec, 4, &n), 0);
}

static void copies_and_clears(void)
{
	const struct iovec iov[] = { { mem + 2, 3 }, { mem + 10, 4 }, { mem, 2 } };
	struct iov_cursor c = iov_cursor(iov, 3);
	char got[9];

	memset(mem, '.', sizeof(mem));
	iov_write(&c, "abcdefghi", 9);
	CHECK_BYTES(mem, 15, "hiabc.....defg.", 15);
	iov_read(&c, got, 9);
	CHECK_BYTES(got, 9, "abcdefghi", 9);
	iov_skip(&c, 4);
	iov_read(&c, got, 3);
	CHECK_BYTES(got, 3, "efg", 3);
	iov_zero(&c);
	CHECK_BYTES(mem, 15, "\0\0abc.....d\0\0\0.", 15);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "the NAA is 6001405h and the serial's first 25 hexadecimal digits",
		  naa_of_a_serial },
		{ "a stand-in for a serial is the same each time", stand_in },
		{ "a device's directory in configfs, from the name of its uio", device_dir },
		{ "a new device has a write cache, and LIO is told; another what LIO says",
		  write_cache },
		{ "neighbours become one, limits are kept", gathers_neighbours },
		{ "copying and clearing go over all pieces", copies_and_clears },
		TEST_END,
	};

	return test_main(argc, argv, "tcmu_parts", tests);
}
