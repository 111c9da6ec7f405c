/* SPDX-License-Identifier: Apache-2.0 */
/* What SIGUSR1 asks for: the counters of the LUNs, one line for each, and of the portal. */
#include "odxd.h"

#include <stddef.h>

struct counter {
	const char *name;
	size_t at; /* of a uint64_t */
};

#define COUNTER(of, name)                        \
	{                                        \
#name, offsetof(struct of, name) \
	}

static const struct counter lun_counters[] = {
	COUNTER(lu_stats, commands),	    COUNTER(lu_stats, check_conditions),
	COUNTER(lu_stats, bytes_read),	    COUNTER(lu_stats, bytes_written),
	COUNTER(lu_stats, populate_tokens), COUNTER(lu_stats, writes_using_token),
	COUNTER(lu_stats, partial),	    COUNTER(lu_stats, bytes_offloaded),
	COUNTER(lu_stats, bytes_copied),    COUNTER(lu_stats, bytes_zeroed),
	COUNTER(lu_stats, bytes_grafted),   COUNTER(lu_stats, extended_copies),
	COUNTER(lu_stats, bytes_xcopied),   { 0 },
};

static const struct counter portal_counters[] = {
	COUNTER(iscsi_stats, connections),	 COUNTER(iscsi_stats, logins),
	COUNTER(iscsi_stats, login_failures),	 COUNTER(iscsi_stats, commands),
	COUNTER(iscsi_stats, bytes_in),		 COUNTER(iscsi_stats, bytes_out),
	COUNTER(iscsi_stats, rejects),		 COUNTER(iscsi_stats, digest_errors),
	COUNTER(iscsi_stats, receives),		 COUNTER(iscsi_stats, multishots),
	COUNTER(iscsi_stats, multishot_buffers), { 0 },
};

static void say(FILE *f, const void *stats, const struct counter *counters)
{
	for (const struct counter *c = counters; c->name; c++) {
		const uint64_t *value = (const void *)((const char *)stats + c->at);

		fprintf(f, " %s=%llu", c->name, (unsigned long long)*value);
	}
	fputc('\n', f);
}

void odxd_say_portal_stats(FILE *f, const struct iscsi_server *s)
{
	struct iscsi_stats st;

	iscsi_server_stats(s, &st);
	fputs("stats portal:", f);
	say(f, &st, portal_counters);
	fflush(f);
}

void odxd_say_stats(FILE *f, const struct target *t)
{
	static uint16_t luns[TARGET_MAX_LUNS];
	unsigned n = target_luns(t, luns, TARGET_MAX_LUNS);

	for (unsigned i = 0; i < n; i++) {
		fprintf(f, "stats %s/%u:", target_name(t), luns[i]);
		say(f, lu_stats(target_lu(t, luns[i])), lun_counters);
	}
	fflush(f);
}
