/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "test.h"

static void sizes(void)
{
	char b[32];

	CU_ASSERT_STRING_EQUAL(report_size(0, b, sizeof(b)), "0 bytes");
	CU_ASSERT_STRING_EQUAL(report_size(1023, b, sizeof(b)), "1023 bytes");
	CU_ASSERT_STRING_EQUAL(report_size(1024, b, sizeof(b)), "1 KiB");
	CU_ASSERT_STRING_EQUAL(report_size(1536, b, sizeof(b)), "1.5 KiB");
	CU_ASSERT_STRING_EQUAL(report_size(1ull << 30, b, sizeof(b)), "1 GiB");
	CU_ASSERT_STRING_EQUAL(report_size(UINT64_MAX, b, sizeof(b)), "16384 PiB");
}

/* A finished copy of 1 MiB, of which the last 4 KiB went through the client. */
struct sample {
	struct initiator_uri src, dst;
	struct disk sd, dd;
	struct engine engine;
	struct initiator_counts counts;
	struct report report;
};

static void sample(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	strcpy(s->src.portal, "h:1");
	strcpy(s->src.target, "iqn.2001-04.com.example:a");
	s->dst = s->src;
	s->dst.lun = 3;
	strcpy(s->dst.secret, "hush");
	s->sd.capacity = (struct capacity) { .blocks = 2048, .block_size = 512 };
	s->dd.capacity = (struct capacity) { .blocks = 256, .block_size = 4096 };
	s->engine = (struct engine) { .src = { .disk = &s->sd },
				      .dst = { .disk = &s->dd },
				      .total = 1 << 20,
				      .offloaded = (1 << 20) - 4096,
				      .copied = 4096,
				      .fallback = "a \"reason\"" };
	s->counts.sent[CMD_POPULATE_TOKEN] = 1;
	s->counts.sent[CMD_READ_16] = 2;
	s->counts.wire_out = 1000;
	s->counts.wire_in = 2000;
	s->report = (struct report) { .src = &s->src,
				      .dst = &s->dst,
				      .engine = &s->engine,
				      .counts = &s->counts,
				      .seconds = 0.5 };
}

static json_t *parsed(const struct report *r)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	json_t *o;

	CU_ASSERT_EQUAL(report_json(f, r), 0);
	fclose(f);
	CU_ASSERT_PTR_NULL(strstr(text, "hush"));
	o = json_loads(text, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL(o);
	free(text);
	return o;
}

static void as_json(void)
{
	struct sample s;
	json_t *o, *wire, *commands;

	sample(&s);
	s.report.verified = VERIFY_SAME;
	o = parsed(&s.report);
	wire = json_object_get(o, "bytes_on_wire");
	commands = json_object_get(o, "commands");
	CU_ASSERT(json_is_true(json_object_get(o, "ok")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(o, "bytes")), 1 << 20);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(o, "bytes_copied")), 4096);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(wire, "sent")), 1000);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(wire, "received")), 2000);
	CU_ASSERT_EQUAL(json_object_size(commands), 2);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(commands, "READ(16)")), 2);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(o, "fallback")), "a \"reason\"");
	CU_ASSERT(json_is_true(json_object_get(o, "verified")));
	CU_ASSERT_PTR_NULL(json_object_get(o, "first_difference"));
	json_decref(o);
	s.report.verified = VERIFY_DIFFERENT;
	s.report.first_difference = 77;
	s.report.error = "they differ";
	o = parsed(&s.report);
	CU_ASSERT(json_is_false(json_object_get(o, "ok")));
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(o, "error")), "they differ");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(o, "first_difference")), 77);
	json_decref(o);
}

static void failed_before_the_copy(void)
{
	struct report r = { .error = "bad URI" };
	json_t *o = parsed(&r);

	CU_ASSERT(json_is_false(json_object_get(o, "ok")));
	CU_ASSERT_PTR_NULL(json_object_get(o, "source"));
	CU_ASSERT_PTR_NULL(json_object_get(o, "bytes"));
	json_decref(o);
}

static void as_text(void)
{
	struct sample s;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	sample(&s);
	report_text(f, &s.report);
	fclose(f);
	CU_ASSERT(strstr(text, "offloaded    1020 KiB (1044480 bytes)\n") != NULL);
	CU_ASSERT(strstr(text, "by client    4 KiB (4096 bytes)\n") != NULL);
	CU_ASSERT(strstr(text, "(1000 bytes sent, 2000 received)\n") != NULL);
	CU_ASSERT(strstr(text, "commands     POPULATE TOKEN 1, READ(16) 2\n") != NULL);
	CU_ASSERT(strstr(text, "fallback     a \"reason\"\n") != NULL);
	CU_ASSERT_PTR_NULL(strstr(text, "hush"));
	free(text);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { { "sizes for people", sizes },
					     { "the summary as JSON", as_json },
					     { "JSON of a copy that did not begin",
					       failed_before_the_copy },
					     { "the summary as text", as_text },
					     TEST_END };

	return test_main(argc, argv, "tools-report", tests);
}
