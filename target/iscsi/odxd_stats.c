/* SPDX-License-Identifier: Apache-2.0 */
/* What SIGUSR1 asks for: the counters of the LUNs, one line for each, and of the portal. */
#include "odxd.h"

#include <stddef.h>

#define COUNTER(name)                                  \
	{                                              \
#name, offsetof(struct lu_stats, name) \
	}

static const struct {
	const char *name;
	size_t at;
} counters[] = {
	COUNTER(commands),	COUNTER(check_conditions), COUNTER(bytes_read),
	COUNTER(bytes_written), COUNTER(populate_tokens),  COUNTER(writes_using_token),
	COUNTER(partial),	COUNTER(bytes_offloaded),  COUNTER(bytes_copied),
	COUNTER(bytes_zeroed),	COUNTER(bytes_grafted),	   COUNTER(extended_copies),
	COUNTER(bytes_xcopied),
};

void odxd_say_portal_stats(FILE *f, const struct iscsi_server *s)
{
	struct iscsi_stats st;

	iscsi_server_stats(s, &st);
	fprintf(f,
		"stats portal: connections=%llu logins=%llu login_failures=%llu commands=%llu "
		"bytes_in=%llu bytes_out=%llu rejects=%llu digest_errors=%llu receives=%llu "
		"multishots=%llu multishot_buffers=%llu\n",
		(unsigned long long)st.connections, (unsigned long long)st.logins,
		(unsigned long long)st.login_failures, (unsigned long long)st.commands,
		(unsigned long long)st.bytes_in, (unsigned long long)st.bytes_out,
		(unsigned long long)st.rejects, (unsigned long long)st.digest_errors,
		(unsigned long long)st.receives, (unsigned long long)st.multishots,
		(unsigned long long)st.multishot_buffers);
	fflush(f);
}

void odxd_say_stats(FILE *f, const struct target *t)
{
	static uint16_t luns[TARGET_MAX_LUNS];
	unsigned n = target_luns(t, luns, TARGET_MAX_LUNS);

	for (unsigned i = 0; i < n; i++) {
		const char *stats = (const char *)lu_stats(target_lu(t, luns[i]));

		fprintf(f, "stats %s/%u:", target_name(t), luns[i]);
		for (unsigned k = 0; k < sizeof(counters) / sizeof(counters[0]); k++) {
			const uint64_t *value = (const void *)(stats + counters[k].at);

			fprintf(f, " %s=%llu", counters[k].name, (unsigned long long)*value);
		}
		fputc('\n', f);
	}
	fflush(f);
}
