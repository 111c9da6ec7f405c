/* SPDX-License-Identifier: Apache-2.0 */
/* Mutants of tokens and copies: functions between the parts of the target. */
#include <string.h>

#include "bytes.h"
#include "cbw.h"
#include "lu_impl.h"
#include "mutants.h"

#define MAX_ISSUED   4096
#define IO_UNGUARDED 0x100 /* ours, in struct io and struct copy */

/* What was issued, oldest first; a ring. */
static struct issued {
	uint64_t id, at, ns;
	uint8_t token[ROD_TOKEN_LEN];
} issued[MAX_ISSUED];
static unsigned nissued;

static struct issued *issued_of(const uint8_t *token)
{
	struct rod_token t;

	for (unsigned i = 0; rod_token_decode(token, &t) && i < nissued && i < MAX_ISSUED; i++)
		if (issued[i].id == t.id)
			return &issued[i];
	return NULL;
}

static struct ring *ring_of_mutant;

/* The function itself, and what stands in its place; with the type that it has. */
#define WRAP(name) __typeof__(name) __real_##name, __wrap_##name
WRAP(token_issue);
WRAP(token_acquire);
WRAP(token_release);
WRAP(cbw_pass);
WRAP(copy_start);
WRAP(cm_begin);
WRAP(cm_find);
WRAP(cm_results_drop);
WRAP(target_reset);
WRAP(target_new);

struct sense __wrap_token_issue(struct token_registry *reg, struct rod *rod, struct quota *lun,
				const struct rod_token *proto, uint32_t timeout_s,
				uint8_t ret_token[ROD_TOKEN_LEN])
{
	uint32_t lives = mutant_is("never-expires") ? 100000 : timeout_s;
	struct sense s = __real_token_issue(reg, rod, lun, proto, lives, ret_token);
	struct issued *i = &issued[nissued % MAX_ISSUED];
	struct rod_token t;

	if (!sense_is_good(s) || !rod_token_decode(ret_token, &t))
		return s;
	*i = (struct issued) { .id = t.id, .at = ring_now(ring_of_mutant) };
	i->ns = timeout_s * 1000000000ull;
	memcpy(i->token, ret_token, ROD_TOKEN_LEN);
	nissued++;
	return s;
}

struct sense __wrap_token_acquire(struct token_registry *reg, const uint8_t token[ROD_TOKEN_LEN],
				  struct token_use *ret)
{
	const struct issued *i = issued_of(token);
	uint8_t mine[ROD_TOKEN_LEN];

	memcpy(mine, token, ROD_TOKEN_LEN);
	if (mutant_is("zero-by-type") && get_be32(token) == ROD_TYPE_ZERO)
		rod_token_encode_zero(mine);
	if (i && (mutant_is("token-by-id") || mutant_is("token-guessable")))
		memcpy(mine, i->token, ROD_TOKEN_LEN);
	if (i && mutant_is("use-does-not-count") && ring_now(ring_of_mutant) - i->at > i->ns)
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_TOKEN_EXPIRED);
	return __real_token_acquire(reg, mine, ret);
}

void __wrap_token_release(struct token_registry *reg, struct token_use *use, bool del)
{
	__real_token_release(reg, use, del && !mutant_is("not-deleted"));
}

/* ---- copies ---- */

bool __wrap_cbw_pass(struct cbw *cbw, struct io *io)
{
	return mutant_is("live-data") || io->flags & IO_UNGUARDED || __real_cbw_pass(cbw, io);
}

/* The chunks that it writes are not saved for whom it reads. */
void __wrap_copy_start(struct copy_engine *e, struct copy *c)
{
	if (mutant_is("over-itself") && rod_backstore(c->src) == c->dst) {
		c->flags |= IO_UNGUARDED;
		c->in_order = true;
	}
	if (mutant_is("offset-ignored"))
		c->src_off = 0;
	__real_copy_start(e, c);
}

/* ---- results ---- */

#define MAX_TABLES 256
static struct cm_results *tables[MAX_TABLES];

static struct cm_results **table_of(const struct cm_results *r)
{
	for (unsigned i = 0; i < MAX_TABLES; i++)
		if (tables[i] == r)
			return &tables[i];
	return NULL;
}

void __wrap_cm_results_drop(struct cm_results *r)
{
	struct cm_results **t = table_of(r);

	if (t)
		*t = NULL;
	__real_cm_results_drop(r);
}

/* The latest under that identifier, of whichever initiator. */
struct cm_op *__wrap_cm_find(const struct cm_results *r, uint32_t list_id)
{
	struct cm_op *own = __real_cm_find(r, list_id), *latest = own;

	for (unsigned i = 0; mutant_is("any-nexus") && own && i < MAX_TABLES; i++) {
		struct cm_op *op = tables[i] ? __real_cm_find(tables[i], list_id) : NULL;

		if (op && op->lu == own->lu && op->begun > latest->begun)
			latest = op;
	}
	return latest;
}

struct sense __wrap_cm_begin(struct cm_results *r, unsigned max, const struct cm_request *req,
			     struct cm_op **ret)
{
	const struct cm_op *op = __real_cm_find(r, req->list_id);
	struct cm_results **t = table_of(r) ? NULL : table_of(NULL);

	if (t)
		*t = r;

	if (mutant_is("list-id-once") && op && !op->fetched)
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_OPERATION_IN_PROGRESS);
	return __real_cm_begin(r, max, req, ret);
}

bool __wrap_target_reset(struct target *t, struct target_reset *r)
{
	for (unsigned i = 0; mutant_is("reset-cancels") && i < TARGET_MAX_LUNS; i++) {
		struct lu *lu = target_lu(t, (uint16_t)i);

		if (lu && r->what == TARGET_RESET)
			token_cancel_all(lu->env.tokens, lu->bs);
	}
	return __real_target_reset(t, r);
}

int __wrap_target_new(struct target **ret, const struct target_config *cfg,
		      const struct bs_env *env)
{
	mutant_is(""); /* a name that is wrong ends us here */
	ring_of_mutant = env->ring;
	return __real_target_new(ret, cfg, env);
}
