/* SPDX-License-Identifier: Apache-2.0 */
#include "params.h"

#include <stddef.h>

/* How the result comes from the initiator's value and ours (RFC 7143 6.2). */
enum param_kind {
	KIND_TEXT,     /* a value that others read: names, security, SendTargets */
	KIND_TARGET,   /* only a target sends it                                 */
	KIND_DIGEST,   /* list of None and CRC32C, initiator's preference        */
	KIND_AND,      /* Yes only if both say Yes                               */
	KIND_OR,       /* Yes if one says Yes                                    */
	KIND_MIN,      /* the lesser number                                      */
	KIND_MAX,      /* the greater number                                     */
	KIND_DECLARED, /* a number that is taken, not answered                   */
	KIND_LIST,     /* list with one value that we have                       */
	KIND_NO,       /* obsolete: answered No                                  */
	KIND_REJECT,   /* obsolete: answered Reject                              */
};

#define DISCOVERY_TOO 0x1 /* relevant in discovery sessions          */
#define FULL_FEATURE  0x2 /* may come in full feature phase          */
#define SECURITY      0x4 /* belongs to SecurityNegotiation          */

struct param {
	const char *key;
	enum param_kind kind;
	unsigned flags;
	uint32_t min, max; /* of the initiator's number         */
	uint32_t fallback; /* when nobody says anything         */
	uint32_t ours;	   /* what we put against it            */
	size_t at;	   /* in struct iscsi_params            */
	const char *only;  /* KIND_LIST: the one value we have  */
};

/* Rows: what the value's kind needs, nothing else. */
#define TEXT(name, f)                                        \
	{                                                    \
		.key = name, .kind = KIND_TEXT, .flags = (f) \
	}
#define PLAIN(name, k, f)                              \
	{                                              \
		.key = name, .kind = (k), .flags = (f) \
	}
#define NUMBER(name, k, f, lo, hi, none, our, member)                                          \
	{                                                                                      \
		.key = name, .kind = (k), .flags = (f), .min = (lo), .max = (hi),              \
		.fallback = (none), .ours = (our), .at = offsetof(struct iscsi_params, member) \
	}
#define BOOLEAN(name, k, f, none, our, member) NUMBER(name, k, f, 0, 1, none, our, member)

/* RFC 7143 13, in the order of enum param_id. */
static const struct param table[PARAM_COUNT] = {
	[PARAM_INITIATOR_NAME] = TEXT("InitiatorName", DISCOVERY_TOO),
	[PARAM_INITIATOR_ALIAS] = TEXT("InitiatorAlias", DISCOVERY_TOO | FULL_FEATURE),
	[PARAM_TARGET_NAME] = TEXT("TargetName", DISCOVERY_TOO),
	[PARAM_SESSION_TYPE] = TEXT("SessionType", DISCOVERY_TOO),
	[PARAM_AUTH_METHOD] = TEXT("AuthMethod", DISCOVERY_TOO | SECURITY),
	[PARAM_CHAP_A] = TEXT("CHAP_A", DISCOVERY_TOO | SECURITY),
	[PARAM_CHAP_I] = TEXT("CHAP_I", DISCOVERY_TOO | SECURITY),
	[PARAM_CHAP_C] = TEXT("CHAP_C", DISCOVERY_TOO | SECURITY),
	[PARAM_CHAP_N] = TEXT("CHAP_N", DISCOVERY_TOO | SECURITY),
	[PARAM_CHAP_R] = TEXT("CHAP_R", DISCOVERY_TOO | SECURITY),
	[PARAM_SEND_TARGETS] = TEXT("SendTargets", DISCOVERY_TOO | FULL_FEATURE),
	[PARAM_TARGET_ALIAS] = PLAIN("TargetAlias", KIND_TARGET, DISCOVERY_TOO),
	[PARAM_TARGET_ADDRESS] = PLAIN("TargetAddress", KIND_TARGET, DISCOVERY_TOO),
	[PARAM_TARGET_PORTAL_GROUP_TAG] = PLAIN("TargetPortalGroupTag", KIND_TARGET, DISCOVERY_TOO),
	[PARAM_HEADER_DIGEST] =
		BOOLEAN("HeaderDigest", KIND_DIGEST, DISCOVERY_TOO, 0, 1, header_digest),
	[PARAM_DATA_DIGEST] = BOOLEAN("DataDigest", KIND_DIGEST, DISCOVERY_TOO, 0, 1, data_digest),
	[PARAM_MAX_CONNECTIONS] =
		NUMBER("MaxConnections", KIND_MIN, 0, 1, 65535, 1, 1, max_connections),
	[PARAM_INITIAL_R2T] = BOOLEAN("InitialR2T", KIND_OR, 0, 1, 0, initial_r2t),
	[PARAM_IMMEDIATE_DATA] = BOOLEAN("ImmediateData", KIND_AND, 0, 1, 1, immediate_data),
	[PARAM_MAX_RECV_DATA_SEGMENT_LENGTH] =
		NUMBER("MaxRecvDataSegmentLength", KIND_DECLARED, DISCOVERY_TOO | FULL_FEATURE, 512,
		       0xffffff, PARAM_DEFAULT_RECV, 0, peer_max_recv),
	[PARAM_MAX_BURST_LENGTH] = NUMBER("MaxBurstLength", KIND_MIN, 0, 512, 0xffffff, 262144,
					  PARAM_MAX_BURST, max_burst),
	[PARAM_FIRST_BURST_LENGTH] = NUMBER("FirstBurstLength", KIND_MIN, 0, 512, 0xffffff, 65536,
					    PARAM_FIRST_BURST, first_burst),
	[PARAM_DEFAULT_TIME2WAIT] =
		NUMBER("DefaultTime2Wait", KIND_MAX, DISCOVERY_TOO, 0, 3600, 2, 0, time2wait),
	/* Nothing of a session is kept when its connection is gone. */
	[PARAM_DEFAULT_TIME2RETAIN] =
		NUMBER("DefaultTime2Retain", KIND_MIN, DISCOVERY_TOO, 0, 3600, 20, 0, time2retain),
	[PARAM_MAX_OUTSTANDING_R2T] =
		NUMBER("MaxOutstandingR2T", KIND_MIN, 0, 1, 65535, 1, 1, max_r2t),
	[PARAM_DATA_PDU_IN_ORDER] = BOOLEAN("DataPDUInOrder", KIND_OR, 0, 1, 1, pdu_in_order),
	[PARAM_DATA_SEQUENCE_IN_ORDER] =
		BOOLEAN("DataSequenceInOrder", KIND_OR, 0, 1, 1, sequence_in_order),
	[PARAM_ERROR_RECOVERY_LEVEL] = NUMBER("ErrorRecoveryLevel", KIND_MIN, DISCOVERY_TOO, 0, 2,
					      0, 0, error_recovery_level),
	[PARAM_TASK_REPORTING] = { .key = "TaskReporting", .kind = KIND_LIST, .only = "RFC3720" },
	[PARAM_PROTOCOL_LEVEL] =
		NUMBER("iSCSIProtocolLevel", KIND_MIN, DISCOVERY_TOO, 0, 31, 1, 1, protocol_level),
	/* Obsolete, but never "NotUnderstood" (RFC 7143 13.25). */
	[PARAM_IF_MARKER] = PLAIN("IFMarker", KIND_NO, 0),
	[PARAM_OF_MARKER] = PLAIN("OFMarker", KIND_NO, 0),
	[PARAM_IF_MARK_INT] = PLAIN("IFMarkInt", KIND_REJECT, 0),
	[PARAM_OF_MARK_INT] = PLAIN("OFMarkInt", KIND_REJECT, 0),
};

_Static_assert(PARAM_COUNT <= 64, "params_nego.seen has a bit for each key");

static bool has_number(enum param_kind kind)
{
	return kind >= KIND_DIGEST && kind <= KIND_DECLARED;
}

static uint32_t *field(struct params_nego *n, const struct param *p)
{
	return (uint32_t *)((char *)&n->agreed + p->at);
}

void params_init(struct params_nego *n)
{
	*n = (struct params_nego) { 0 };
	for (unsigned i = 0; i < PARAM_COUNT; i++)
		if (has_number(table[i].kind))
			*field(n, &table[i]) = table[i].fallback;
}

static int find_key(const char *key)
{
	for (int i = 0; i < PARAM_COUNT; i++)
		if (strcmp(key, table[i].key) == 0)
			return i;
	return -1;
}

bool params_parse(struct params_nego *n, char *text, size_t len, struct writer *reply)
{
	struct text_pair pair;
	size_t pos = 0;
	int r;

	memset(n->value, 0, sizeof(n->value));
	while ((r = text_next(text, len, &pos, &pair)) > 0) {
		int i = find_key(pair.key);

		if (i < 0) {
			text_put(reply, pair.key, "NotUnderstood");
			continue;
		}
		if (n->seen & UINT64_C(1) << i || table[i].kind == KIND_TARGET)
			return false;
		n->seen |= UINT64_C(1) << i;
		n->value[i] = pair.value;
	}
	return r == 0;
}

bool params_has_security(const struct params_nego *n)
{
	for (unsigned i = 0; i < PARAM_COUNT; i++)
		if (n->value[i] && table[i].flags & SECURITY)
			return true;
	return false;
}

/* RFC 7143 13.14: it says nothing when no unsolicited data may be sent. */
static bool irrelevant(const struct params_nego *n, unsigned id)
{
	if (n->discovery && !(table[id].flags & DISCOVERY_TOO))
		return true;
	return id == PARAM_FIRST_BURST_LENGTH && n->agreed.initial_r2t && !n->agreed.immediate_data;
}

static bool take_digest(const struct param *p, const char *value, uint32_t *ret)
{
	static const char *const offer[] = { "CRC32C", "None", NULL };
	const char *chosen;

	if (!text_list_choose(value, offer, &chosen))
		return false;
	*ret = chosen == offer[0];
	return true;
}

static bool take_boolean(const struct param *p, const char *value, uint32_t *ret)
{
	bool yes;

	if (!text_boolean(value, &yes))
		return false;
	*ret = p->kind == KIND_AND ? yes && p->ours : yes || p->ours;
	return true;
}

static bool take_number(const struct param *p, const char *value, uint32_t *ret)
{
	uint64_t v;

	if (!text_number(value, p->max, &v) || v < p->min)
		return false;
	if (p->kind == KIND_MIN && v > p->ours)
		v = p->ours;
	if (p->kind == KIND_MAX && v < p->ours)
		v = p->ours;
	*ret = (uint32_t)v;
	return true;
}

/* Takes a value that ends in a number or a boolean, and answers. */
static void negotiate_number(struct params_nego *n, unsigned id, struct writer *reply)
{
	const struct param *p = &table[id];
	const char *value = n->value[id];
	uint32_t v;
	bool good;

	if (p->kind == KIND_DIGEST)
		good = take_digest(p, value, &v);
	else if (p->kind == KIND_AND || p->kind == KIND_OR)
		good = take_boolean(p, value, &v);
	else
		good = take_number(p, value, &v);
	if (!good) {
		text_put(reply, p->key, "Reject");
		return;
	}
	/* RFC 7143 13.14: FirstBurstLength does not exceed MaxBurstLength. */
	if (id == PARAM_FIRST_BURST_LENGTH && v > n->agreed.max_burst)
		v = n->agreed.max_burst;
	*field(n, p) = v;
	if (p->kind == KIND_DIGEST)
		text_put(reply, p->key, v ? "CRC32C" : "None");
	else if (p->kind == KIND_AND || p->kind == KIND_OR)
		text_put(reply, p->key, v ? "Yes" : "No");
	else if (p->kind != KIND_DECLARED)
		text_putf(reply, p->key, "%u", v);
}

static void negotiate_one(struct params_nego *n, unsigned id, struct writer *reply)
{
	const struct param *p = &table[id];

	if (n->full_feature && !(p->flags & FULL_FEATURE))
		text_put(reply, p->key, "Reject");
	else if (p->kind == KIND_TEXT)
		return;
	else if (irrelevant(n, id))
		text_put(reply, p->key, "Irrelevant");
	else if (has_number(p->kind))
		negotiate_number(n, id, reply);
	else if (p->kind == KIND_NO)
		text_put(reply, p->key, "No");
	else if (p->kind == KIND_LIST && text_list_has(n->value[id], p->only))
		text_put(reply, p->key, p->only);
	else
		text_put(reply, p->key, "Reject");
}

void params_negotiate(struct params_nego *n, struct writer *reply)
{
	for (unsigned i = 0; i < PARAM_COUNT; i++)
		if (n->value[i])
			negotiate_one(n, i, reply);
	if (n->operational && !n->recv_declared) {
		text_putf(reply, table[PARAM_MAX_RECV_DATA_SEGMENT_LENGTH].key, "%u",
			  PARAM_MAX_RECV);
		n->recv_declared = true;
	}
}
