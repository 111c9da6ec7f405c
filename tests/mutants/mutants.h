/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong target behaviours, one at a time: odxd-mutant is odxd with some functions wrapped
 * at link time (-Wl,--wrap), and behaves like one of these rows when ODX_MUTANT names it.
 * None of it is in odxd itself.
 */
#ifndef TESTS_MUTANTS_H
#define TESTS_MUTANTS_H

#include <stdbool.h>

struct mutant {
	const char *name;
	const char *does;   /* wrong */
	const char *from;   /* WI: our notes on Windows' initiator; else who is known to do it */
	const char *caught; /* the finding of odxcheck that must fail */
	bool warns;	    /* or only warn: a host loses nothing but speed by it */
};

/* Ends with a row without a name. */
extern const struct mutant mutants[];

/* Is it that one which this process is? */
bool mutant_is(const char *name);

#endif
