/* SPDX-License-Identifier: Apache-2.0 */
#include "initiator.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

struct initiator {
	struct bs_owner owner;
	struct quota tokens;
	struct initiators *all;
	UT_hash_handle hh;
	char name[];
};

static struct initiator *of(struct bs_owner *owner)
{
	return (struct initiator *)((char *)owner - offsetof(struct initiator, owner));
}

static void gone(struct bs_owner *owner)
{
	struct initiator *in = of(owner);

	assert(owner->saved.used == 0 && owner->cloned.used == 0 && in->tokens.used == 0);
	HASH_DEL(in->all->by_name, in);
	free(in);
}

static uint64_t limit(uint64_t n)
{
	return n ? n : UINT64_MAX;
}

/* How long the name in a port's is: names may have commas of their own. */
static size_t name_len(const char *port)
{
	const char *end = NULL;

	for (const char *p = strstr(port, ",i,0x"); p; p = strstr(p + 1, ",i,0x"))
		end = p;
	return end ? (size_t)(end - port) : strlen(port);
}

struct bs_owner *initiator_get(struct initiators *all, const char *port)
{
	size_t len = name_len(port);
	struct initiator *in;

	HASH_FIND(hh, all->by_name, port, len, in);
	if (in)
		return bs_owner_ref(&in->owner);
	in = calloc(1, sizeof(*in) + len + 1);
	if (!in)
		return NULL;
	memcpy(in->name, port, len);
	in->owner.saved.limit = limit(all->saved);
	in->owner.cloned.limit = limit(all->cloned);
	in->owner.refs = 1;
	in->owner.gone = gone;
	in->tokens.limit = limit(all->tokens);
	in->all = all;
	HASH_ADD_KEYPTR(hh, all->by_name, in->name, len, in);
	return &in->owner;
}

struct quota *initiator_tokens(struct bs_owner *owner)
{
	return owner ? &of(owner)->tokens : NULL;
}
