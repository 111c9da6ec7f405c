/* SPDX-License-Identifier: Apache-2.0 */
#include "iscsi_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * One for the request being received, a few for Rejects that wait to be sent.
 * With a full window and all immediates in flight there is still a free one
 * after the send queue has moved on, so reading never stops for good.
 */
#define POOL_SPARE 4

static uint16_t new_tsih(struct iscsi_server *s)
{
	do
		s->next_tsih++;
	while (s->next_tsih == 0 || session_has_tsih(s, s->next_tsih));
	return s->next_tsih;
}

int session_new(struct iscsi_session **ret, struct iscsi_server *s, struct iscsi_tgt *tgt,
		uint16_t tpgt, const char *initiator, const uint8_t isid[6])
{
	struct iscsi_session *sess = calloc(1, sizeof(*sess));
	int err;

	if (!sess)
		return -ENOMEM;
	sess->srv = s;
	sess->tgt = tgt;
	sess->depth = tgt ? s->limits.queue_depth : DISCOVERY_DEPTH;
	sess->npool = sess->depth + IMMEDIATE_MAX + POOL_SPARE;
	sess->pool = calloc(sess->npool, sizeof(*sess->pool));
	if (!sess->pool) {
		free(sess);
		return -ENOMEM;
	}
	TAILQ_INIT(&sess->free);
	TAILQ_INIT(&sess->active);
	TAILQ_INIT(&sess->held);
	memory_init(sess);
	for (unsigned i = 0; i < sess->npool; i++)
		TAILQ_INSERT_TAIL(&sess->free, &sess->pool[i], link);
	snprintf(sess->initiator, sizeof(sess->initiator), "%s", initiator);
	memcpy(sess->isid, isid, sizeof(sess->isid));
	/* The initiator port's name (RFC 7143 4.4.1). */
	snprintf(sess->nexus.initiator, sizeof(sess->nexus.initiator),
		 "%.223s,i,0x%02x%02x%02x%02x%02x%02x", initiator, isid[0], isid[1], isid[2],
		 isid[3], isid[4], isid[5]);
	if (tgt) {
		sess->nexus.rtpi = sess->nexus.tpgt = tpgt;
		err = target_nexus_add(tgt->target, &sess->nexus);
		if (err) {
			free(sess->pool);
			free(sess);
			return err;
		}
	}
	sess->tsih = new_tsih(s);
	LIST_INSERT_HEAD(&s->sessions, sess, link);
	s->stats.sessions_now++;
	*ret = sess;
	return 0;
}

void session_free(struct iscsi_session *sess)
{
	if (!sess)
		return;
	assert(TAILQ_EMPTY(&sess->active) && sess->memory_used == 0);
	LIST_REMOVE(sess, link);
	sess->srv->stats.sessions_now--;
	if (sess->tgt)
		target_nexus_remove(sess->tgt->target, &sess->nexus);
	free(sess->pool);
	free(sess);
}

struct iscsi_session *session_find(struct iscsi_server *s, const struct iscsi_tgt *tgt,
				   uint16_t tpgt, const char *initiator, const uint8_t isid[6])
{
	struct iscsi_session *sess;

	/* Through another portal group it is another I_T nexus (RFC 7143 4.4.1). */
	LIST_FOREACH (sess, &s->sessions, link)
		if (sess->tgt == tgt && sess->nexus.tpgt == tpgt &&
		    memcmp(sess->isid, isid, sizeof(sess->isid)) == 0 &&
		    strcmp(sess->initiator, initiator) == 0)
			return sess;
	return NULL;
}

bool session_has_tsih(const struct iscsi_server *s, uint16_t tsih)
{
	const struct iscsi_session *sess;

	LIST_FOREACH (sess, &s->sessions, link)
		if (sess->tsih == tsih)
			return true;
	return false;
}
