/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "pr.h"

/* The list in a block of exactly its size, so that ASan sees what is read past it. */
static struct sense decode(const uint8_t *list, size_t len, struct pr_out *ret)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct sense s;

	memcpy(copy, list, len);
	s = pr_out_decode(copy, len, ret);
	free(copy);
	return s;
}

static void list_length(void)
{
	uint8_t list[64] = { 0 };
	struct pr_out p = { .key = 77 };

	for (size_t len = 0; len < sizeof(list); len++) {
		struct sense s = decode(list, len, &p);

		CU_ASSERT_EQUAL(sense_is_good(s), len == PR_OUT_LEN);
		if (len < PR_OUT_LEN)
			CU_ASSERT_EQUAL(p.key, 77);
		if (len != PR_OUT_LEN)
			CU_ASSERT_EQUAL(sense_asc_ascq(s), ASC_PARAMETER_LIST_LENGTH_ERROR);
	}
	list[20] = 0x08;
	CU_ASSERT_TRUE(sense_is_good(decode(list, 60, &p)));
	CU_ASSERT_TRUE(p.spec_i_pt);
	CU_ASSERT_FALSE(sense_is_good(decode(list, 23, &p)));
}

static void flags(void)
{
	uint8_t list[PR_OUT_LEN] = { 0 };
	struct pr_out p;

	for (unsigned b = 0; b < 256; b++) {
		list[20] = (uint8_t)b;
		CU_ASSERT_TRUE(sense_is_good(pr_out_decode(list, PR_OUT_LEN, &p)));
		CU_ASSERT_EQUAL(p.spec_i_pt, (b & 8) != 0);
		CU_ASSERT_EQUAL(p.all_tg_pt, (b & 4) != 0);
		CU_ASSERT_EQUAL(p.aptpl, (b & 1) != 0);
	}
}

static void six_types(void)
{
	unsigned valid = 0;

	for (unsigned t = 0; t < 16; t++) {
		valid += pr_type_valid((uint8_t)t);
		CU_ASSERT_FALSE(pr_type_registrants_only((uint8_t)t) &&
				pr_type_all_registrants((uint8_t)t));
	}
	CU_ASSERT_EQUAL(valid, 6);
	CU_ASSERT_FALSE(pr_type_valid(0) || pr_type_valid(2) || pr_type_valid(4));
	CU_ASSERT_FALSE(pr_type_exclusive_access(PR_WRITE_EXCLUSIVE_AR));
	CU_ASSERT_TRUE(pr_type_exclusive_access(PR_EXCLUSIVE_ACCESS_AR));
}

static void truncated_keys_keep_their_length(void)
{
	static const uint64_t two[] = { 1, 2 };
	uint8_t buf[8];
	struct writer w = writer(buf, sizeof(buf));
	uint32_t generation, len;
	uint64_t key;

	pr_keys_encode(&w, 3, two, 2);
	CU_ASSERT_TRUE(pr_head_decode(buf, 8, &generation, &len));
	CU_ASSERT_TRUE(generation == 3 && len == 16);
	CU_ASSERT_FALSE(pr_key_decode(buf, 8, 0, &key));
	CU_ASSERT_FALSE(pr_head_decode(buf, 7, &generation, &len));
}

static void transport_id_is_padded(void)
{
	static char name[300];
	struct pr_status s = { .key = 5, .initiator = name }, got;
	uint8_t buf[512];

	for (size_t n = 1; n < 256; n++) {
		struct writer w = writer(buf, sizeof(buf));
		size_t pos = 8;

		memset(name, 'x', n);
		name[n] = '\0';
		pr_full_status_encode(&w, 0, &s, 1);
		CU_ASSERT_EQUAL(w.len % 4, 0);
		CU_ASSERT_TRUE(get_be16(buf + 34) >= 20 && get_be16(buf + 34) > n);
		CU_ASSERT_EQUAL(get_be32(buf + 28), get_be16(buf + 34) + 4u);
		CU_ASSERT_TRUE_FATAL(pr_full_status_next(buf, w.len, &pos, &got));
		CU_ASSERT_STRING_EQUAL(got.initiator, name);
		CU_ASSERT_EQUAL(pos, w.len);
	}
}

static void malformed_status_ends_the_walk(void)
{
	struct pr_status s = { .initiator = "iqn.2001-04.com.example:a,i,0x1" }, got;
	uint8_t buf[128];
	struct writer w = writer(buf, sizeof(buf));
	size_t pos = 8;

	pr_full_status_encode(&w, 0, &s, 1);
	CU_ASSERT_FALSE(pr_full_status_next(buf, w.len - 1, &pos, &got));
	CU_ASSERT_EQUAL(pos, 8);
	memset(buf + 36, 'x', w.len - 36); /* no NUL */
	CU_ASSERT_TRUE(pr_full_status_next(buf, w.len, &pos, &got));
	CU_ASSERT_PTR_NULL(got.initiator);
	pos = 8;
	buf[32] = 0x44; /* another protocol */
	CU_ASSERT_TRUE(pr_full_status_next(buf, w.len, &pos, &got));
	CU_ASSERT_PTR_NULL(got.initiator);
}

static const struct test tests[] = {
	{ "the basic list has 24 bytes, with TransportIDs more", list_length },
	{ "the three bits of byte 20", flags },
	{ "there are six types", six_types },
	{ "ADDITIONAL LENGTH does not follow the allocation length",
	  truncated_keys_keep_their_length },
	{ "a TransportID ends in NUL, is padded, and has 20 bytes", transport_id_is_padded },
	{ "malformed full status is not read past its end", malformed_status_ends_the_walk },
	TEST_END,
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, "scsi_pr", tests);
}
