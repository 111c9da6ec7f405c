/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a login as any peer may send it: one byte of flags, then texts of
 * 16-bit length each; keys negotiated, CHAP stepped, as login_keys.c does it.
 */
#include <string.h>

#include "chap.h"
#include "fuzz.h"
#include "params.h"

#define REPLY 8192

static const struct iscsi_chap secrets = { .user = "user",
					   .secret = "secret of twelve",
					   .mutual_user = "target",
					   .mutual_secret = "another secret" };

static void check_agreed(const struct iscsi_params *p)
{
	FUZZ_CHECK(p->header_digest <= 1 && p->data_digest <= 1);
	FUZZ_CHECK(p->initial_r2t <= 1 && p->immediate_data <= 1);
	FUZZ_CHECK(p->max_connections == 1 && p->max_r2t == 1);
	FUZZ_CHECK(p->pdu_in_order == 1 && p->sequence_in_order == 1);
	FUZZ_CHECK(p->error_recovery_level == 0);
	FUZZ_CHECK(p->peer_max_recv >= 512 && p->peer_max_recv <= 0xffffff);
	FUZZ_CHECK(p->max_burst >= 512 && p->max_burst <= PARAM_MAX_BURST);
	FUZZ_CHECK(p->first_burst >= 512 && p->first_burst <= PARAM_FIRST_BURST);
	FUZZ_CHECK(p->time2wait <= 3600 && (p->time2retain == 0 || p->time2retain == 20));
}

/* Every answer is key=value text that ends in NUL. */
static void check_reply(const struct writer *w)
{
	if (w->len > w->cap || w->len == 0)
		return;
	FUZZ_CHECK(w->p[w->len - 1] == '\0');
	for (size_t i = 0; i < w->len; i += strlen((char *)w->p + i) + 1)
		FUZZ_CHECK(strchr((char *)w->p + i, '='));
}

static bool one_text(struct params_nego *n, struct chap *chap, char *text, size_t len)
{
	uint8_t *reply = malloc(REPLY);
	struct writer w = writer(reply, REPLY);
	const char *why = NULL;
	bool good;

	FUZZ_CHECK(reply);
	good = params_parse(n, text, len, &w);
	if (good) {
		const struct chap_keys keys = { .a = n->value[PARAM_CHAP_A],
						.i = n->value[PARAM_CHAP_I],
						.c = n->value[PARAM_CHAP_C],
						.n = n->value[PARAM_CHAP_N],
						.r = n->value[PARAM_CHAP_R] };

		if (params_has_security(n) && !n->value[PARAM_AUTH_METHOD])
			good = chap_step(chap, &keys, &w, &why);
		FUZZ_CHECK(good || why);
		params_negotiate(n, &w);
		check_agreed(&n->agreed);
		check_reply(&w);
		/* Nobody guesses the response to a random challenge. */
		FUZZ_CHECK(chap->state != CHAP_DONE);
	}
	free(reply);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct params_nego nego;
	struct chap chap;
	bool good = true;

	if (size < 1)
		return 0;
	params_init(&nego);
	chap_init(&chap, &secrets);
	nego.discovery = data[0] & 1;
	nego.full_feature = data[0] & 2;
	nego.operational = data[0] & 4;
	for (size_t at = 1; good && at + 2 <= size;) {
		size_t len = (size_t)data[at] << 8 | data[at + 1];
		char *text;

		at += 2;
		if (len > size - at)
			len = size - at;
		text = malloc(len + 1);
		FUZZ_CHECK(text);
		memcpy(text, data + at, len);
		good = one_text(&nego, &chap, text, len);
		free(text);
		at += len;
	}
	return 0;
}
