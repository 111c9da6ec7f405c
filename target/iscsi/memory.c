/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for requests.  A session stands in the arena's line with one request at
 * a time and has at most half of it, so that sessions take turns; within a
 * session first come is first served, but what stops the reading goes first.
 *
 * Nobody waits for memory while holding memory that only he can free, but for a
 * READ's second piece, and the first of those leaves with the peer's reading.
 */
#include "iscsi_priv.h"

#include <assert.h>

static void pump(struct iscsi_session *sess);

static size_t share(const struct iscsi_session *sess)
{
	size_t half = arena_bytes(sess->srv->arena) / 2;

	return half > PIECE_MAX ? half : PIECE_MAX;
}

/* The piece that a waiting request waits for: the one with a length and no memory. */
static struct piece *wanted(struct icmd *cmd)
{
	for (unsigned i = 0; i < 2; i++)
		if (cmd->piece[i].mem_len > 0 && !cmd->piece[i].mem)
			return &cmd->piece[i];
	assert(!"a request waits for memory and has no piece for it");
	return NULL;
}

static void give(struct icmd *cmd, struct piece *p, void *mem)
{
	p->mem = mem;
	cmd->sess->memory_used += p->mem_len;
}

static void granted(struct arena_waiter *w, void *mem)
{
	struct iscsi_session *sess = container_of(w, struct iscsi_session, waiter);
	struct icmd *cmd = TAILQ_FIRST(&sess->memory);

	TAILQ_REMOVE(&sess->memory, cmd, memory);
	cmd->wants_memory = false;
	give(cmd, wanted(cmd), mem);
	pump(sess);
	request_memory(cmd);
}

void memory_init(struct iscsi_session *sess)
{
	TAILQ_INIT(&sess->memory);
	sess->waiter.granted = granted;
}

/* Stands in the arena's line for the first in ours, if the share allows. */
static void pump(struct iscsi_session *sess)
{
	struct icmd *cmd = TAILQ_FIRST(&sess->memory);
	size_t len;

	if (!cmd || sess->waiter.waiting)
		return;
	len = wanted(cmd)->mem_len;
	if (sess->memory_used > 0 && sess->memory_used + len > share(sess))
		return;
	sess->waiter.len = len;
	arena_wait(sess->srv->arena, &sess->waiter);
}

bool memory_get(struct icmd *cmd, unsigned i, size_t len, bool urgent)
{
	struct iscsi_session *sess = cmd->sess;
	struct piece *p = &cmd->piece[i];

	assert(!p->mem && len > 0 && len <= PIECE_MAX);
	if (cmd->wants_memory)
		return false;
	p->mem_len = len;
	if ((TAILQ_EMPTY(&sess->memory) || urgent) &&
	    (sess->memory_used == 0 || sess->memory_used + len <= share(sess))) {
		void *mem = arena_get(sess->srv->arena, len);

		if (mem) {
			give(cmd, p, mem);
			return true;
		}
	}
	cmd->wants_memory = true;
	if (urgent) {
		arena_unwait(sess->srv->arena, &sess->waiter);
		TAILQ_INSERT_HEAD(&sess->memory, cmd, memory);
	} else {
		TAILQ_INSERT_TAIL(&sess->memory, cmd, memory);
	}
	pump(sess);
	return false;
}

void memory_put(struct icmd *cmd, unsigned i)
{
	struct piece *p = &cmd->piece[i];

	if (!p->mem)
		return;
	arena_put(cmd->sess->srv->arena, p->mem, p->mem_len);
	cmd->sess->memory_used -= p->mem_len;
	p->mem = NULL;
	p->mem_len = 0;
	pump(cmd->sess);
}

void memory_cancel(struct icmd *cmd)
{
	struct iscsi_session *sess = cmd->sess;

	if (!cmd->wants_memory)
		return;
	if (cmd == TAILQ_FIRST(&sess->memory))
		arena_unwait(sess->srv->arena, &sess->waiter);
	TAILQ_REMOVE(&sess->memory, cmd, memory);
	cmd->wants_memory = false;
	wanted(cmd)->mem_len = 0;
	pump(sess);
}

enum rx_verdict memory_for_segment(struct iscsi_conn *c, struct icmd *cmd, size_t len)
{
	if (cmd->piece[0].mem || cmd->no_memory)
		return RX_GO;
	if (cmd->wants_memory)
		return RX_WAIT;
	if (memory_get(cmd, 0, len, true))
		return RX_GO;
	ring_timer_set(c->srv->env.ring, &c->memory, MEMORY_WAIT_MS * NS_PER_MS);
	return RX_WAIT;
}
