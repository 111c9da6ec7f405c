/* SPDX-License-Identifier: Apache-2.0 */
/* docs/mutants.md has the same table; test_mutants.c compares them. */
#include "mutants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
const struct mutant mutants[] = {
	{ "list-disorder", "VPD page 00h: 8Fh stands before 83h", "WI 11.1", "vpd-list-order", false },
	{ "list-without-8f", "VPD page 00h does not name 8Fh", "WI 11.1", "vpd-list-8f", false },
	{ "8f-other-first", "page 8Fh: another descriptor comes before the limits", "WI 11.2", "vpd-8f-first-descriptor", false },
	{ "8f-descriptor-length", "page 8Fh: the limits descriptor says it is 24h long", "WI 11.3", "vpd-8f-descriptor-length", false },
	{ "8f-short", "page 8Fh: PAGE LENGTH 20h", "WI 11.3", "vpd-8f-length", false },
	{ "8f-255-refused", "page 8Fh: 255 bytes are refused, for it is longer", "WI 11.4; QNAP", "vpd-8f-readable", false },
	{ "8f-bytes", "page 8Fh: token and transfer sizes in bytes", "WI 11.5", "limits-units", false },
	{ "8f-timeout", "page 8Fh: the default timeout is above the maximum", "WI 11.6", "limits-timeout", false },
	{ "large-refused", "POPULATE TOKEN of more than 1 MiB is 5/26/00", "WI 11.7", "pt-large", false },
	{ "timeout-0-refused", "POPULATE TOKEN with timeout 0 is 5/26/00", "WI 11.8", "pt-windows", false },
	{ "rrti-list-id", "RRTI looks for the list identifier where PT has it", "WI 11.9", "rrti-answers", false },
	{ "rrti-busy", "RRTI of a finished operation says it runs (11h)", "WI 11.10", "rrti-status", false },
	{ "rrti-04", "RRTI of a truncated WUT says 04h", "WI 11.10", "wut-partial", false },
	{ "rrti-512", "RRTI: descriptors length 200h", "WI 11.11", "rrti-descriptors", false },
	{ "rrti-token-place", "RRTI: a sense field is announced and not there", "WI 11.12", "rrti-token-place", false },
	{ "rrti-bytes", "RRTI: TRANSFER COUNT in bytes, units 0", "WI 11.13", "rrti-units", false },
	{ "rrti-failed", "RRTI: status 02h with a token", "WI 11.14", "rrti-status", false },
	{ "good-for-part", "a truncated WUT is GOOD", "WI 11.15; QUADStor", "wut-past-token", false },
	{ "refusals-forgotten", "no result is kept of what was refused", "WI 11.16", "wut-refused-kept", false },
	{ "information-bytes", "a truncated WUT: INFORMATION in bytes", "WI 11.17", "wut-partial", false },
	{ "slow", "a WUT takes 5 s", "WI 11.18, 11.19", "wut-time", false },
	{ "list-id-once", "a list identifier is refused until its result is fetched", "WI 11.20", "list-id-reuse", false },
	{ "no-pairs", "a token works on its own LUN only", "WI 11.21; QNAP", "token-pair", false },
	{ "live-data", "a token stands for what is there later", "FreeBSD CTL", "token-point-in-time", false },
	{ "over-itself", "a WUT over its own source reads what it wrote", "FreeBSD CTL", "self-overlap", false },
	{ "offset-escapes", "OFFSET INTO ROD with its top bit set is accepted", "FreeBSD CTL", "wut-offset-escape", false },
	{ "underrun-invalid", "a WUT past the end of the token copies, then says 5/24/00", "FreeBSD CTL", "wut-partial", true },
	{ "fetched-once", "RRTI answers once, also if the answer was cut", "FreeBSD CTL", "rrti-again", false },
	{ "not-deleted", "DEL_TKN deletes nothing", "FreeBSD CTL", "token-deleted", false },
	{ "zero-by-type", "the zero token is known by its type; its length is not looked at", "FreeBSD CTL", "zero-token-length", false },
	{ "lba-wraps", "a range whose end wraps at 2^64 is accepted", "QNAP", "pt-lba-wrap", false },
	{ "ranges-unchecked", "more ranges than the limit are accepted", "QNAP", "pt-too-many-ranges", false },
	{ "overlap-unchecked", "ranges of one POPULATE TOKEN may overlap", "QNAP", "pt-overlap", false },
	{ "use-does-not-count", "the inactivity timer runs on while a token is used", "QNAP", "token-kept-by-use", false },
	{ "token-guessable", "a token has nothing that is random", "QNAP, QUADStor", "token-random", false },
	{ "token-by-id", "a token is known by its identifier, the rest is not looked at", "QUADStor", "token-corrupt", false },
	{ "one-range", "only the first range of a WUT is written, the answer is GOOD", "QUADStor", "wut-order", false },
	{ "any-nexus", "a list identifier has one result, whichever initiator asks", "Thur, QUADStor", "list-id-nexus", false },
	{ "timeout-clamped", "a timeout above the maximum is silently made smaller", "Thur", "pt-timeout-above", false },
	{ "never-expires", "tokens live for ever", "WI 10", "token-expires", false },
	{ "sorted", "the ranges of a POPULATE TOKEN are read in the order of their LBAs", "WI 10", "wut-order", false },
	{ "offset-ignored", "OFFSET INTO ROD is ignored", "WI 10", "wut-offset", false },
	{ "one-more", "a WUT writes one block more than it was told", "WI 10", "wut-outside", false },
	{ "reset-cancels", "a LUN RESET cancels all tokens", "WI 10", "token-reset", false },
	{ NULL, NULL, NULL, NULL, false },
};
/* clang-format on */

bool mutant_is(const char *name)
{
	static const struct mutant *me;
	static bool known;

	if (!known) {
		const char *want = getenv("ODX_MUTANT");

		known = true;
		for (const struct mutant *m = mutants; want && *want && m->name; m++)
			if (strcmp(m->name, want) == 0)
				me = m;
		if (want && *want && !me) {
			fprintf(stderr, "odxd-mutant: no mutant %s\n", want);
			exit(2);
		}
	}
	return me && strcmp(me->name, name) == 0;
}
