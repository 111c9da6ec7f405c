/* SPDX-License-Identifier: Apache-2.0 */
/* iscsi:// URIs, judged more strictly than libiscsi does, so that errors are precise. */
#include "initiator.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi_pdu.h"
#include "text.h"

#define SCHEME "iscsi://"

static int bad(char *err, const char *text, const char *why)
{
	snprintf(err, INITIATOR_ERR, "bad URI \"%.80s\": %s; it is iscsi://HOST[:PORT]/TARGET/LUN",
		 text, why);
	return -EINVAL;
}

/* Takes [@from, @to) as a C string; false when it is empty or too long. */
static bool take(char *dst, size_t cap, const char *from, const char *to)
{
	size_t n = (size_t)(to - from);

	if (n == 0 || n >= cap)
		return false;
	memcpy(dst, from, n);
	dst[n] = '\0';
	return true;
}

/* user[%secret] */
static bool take_login(const char *from, const char *to, struct initiator_uri *u)
{
	const char *pct = memchr(from, '%', (size_t)(to - from));

	if (!pct)
		return take(u->user, sizeof(u->user), from, to);
	return take(u->user, sizeof(u->user), from, pct) &&
	       take(u->secret, sizeof(u->secret), pct + 1, to);
}

static bool number(const char *s, unsigned long max, unsigned *ret)
{
	char *end;
	unsigned long v;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	v = strtoul(s, &end, 10);
	if (errno || *end || v > max)
		return false;
	*ret = (unsigned)v;
	return true;
}

/* host, host:port, [v6], [v6]:port; the result always has a port. */
static const char *take_portal(const char *from, const char *to, struct initiator_uri *u)
{
	char text[240];
	char *colon, *host_end;
	unsigned port = ISCSI_PORT;

	if (!take(text, sizeof(text), from, to))
		return "the host is missing or too long";
	host_end = text;
	if (text[0] == '[') {
		host_end = strchr(text, ']');
		if (!host_end)
			return "the ']' of the address is missing";
		host_end++;
	}
	colon = strchr(host_end, ':');
	if (colon) {
		if (colon == text)
			return "the host is missing";
		if (!number(colon + 1, 65535, &port) || port == 0)
			return "the port is not a number from 1 to 65535";
		*colon = '\0';
	} else if (*host_end && host_end != text) {
		return "something other than a port follows the address";
	}
	snprintf(u->portal, sizeof(u->portal), "%s:%u", text, port);
	return NULL;
}

/* target_user=NAME&target_password=SECRET */
static bool take_query(const char *q, struct initiator_uri *u)
{
	static const char user[] = "target_user=", pass[] = "target_password=";

	while (*q) {
		const char *end = strchrnul(q, '&');

		if (strncmp(q, user, sizeof(user) - 1) == 0) {
			if (!take(u->target_user, sizeof(u->target_user), q + sizeof(user) - 1,
				  end))
				return false;
		} else if (strncmp(q, pass, sizeof(pass) - 1) == 0) {
			if (!take(u->target_secret, sizeof(u->target_secret), q + sizeof(pass) - 1,
				  end))
				return false;
		} else {
			return false;
		}
		q = *end ? end + 1 : end;
	}
	return true;
}

int initiator_uri_parse(const char *text, struct initiator_uri *ret, char *err)
{
	struct initiator_uri u = { .lun = 0 };
	char lun[16];
	const char *rest, *slash, *at, *end, *why, *lun_at;

	if (strncmp(text, SCHEME, sizeof(SCHEME) - 1) != 0)
		return bad(err, text, "it does not begin with iscsi://");
	rest = text + sizeof(SCHEME) - 1;
	end = strchrnul(rest, '?');
	if (*end && !take_query(end + 1, &u))
		return bad(err, "...", "after '?' come only target_user= and target_password=");
	slash = memchr(rest, '/', (size_t)(end - rest));
	if (!slash)
		return bad(err, "...", "the target name is missing");
	at = memrchr(rest, '@', (size_t)(slash - rest));
	if (at && !take_login(rest, at, &u))
		return bad(err, "...", "the user or the secret before '@' is empty");
	rest = at ? at + 1 : rest;
	why = take_portal(rest, slash, &u);
	if (why)
		return bad(err, rest, why);
	lun_at = memchr(slash + 1, '/', (size_t)(end - slash - 1));
	if (!lun_at)
		return bad(err, rest, "the LUN is missing");
	if (!take(u.target, sizeof(u.target), slash + 1, lun_at) || !iscsi_name_valid(u.target))
		return bad(err, rest, "the target is not an iSCSI name (iqn., eui. or naa.)");
	if (!take(lun, sizeof(lun), lun_at + 1, end) || !number(lun, 16383, &u.lun))
		return bad(err, rest, "the LUN is not a number from 0 to 16383");
	*ret = u;
	return 0;
}

const char *initiator_uri_text(const struct initiator_uri *uri, char *buf, size_t cap)
{
	snprintf(buf, cap, SCHEME "%s/%s/%u", uri->portal, uri->target, uri->lun);
	return buf;
}
