/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key negotiation (RFC 7143 6, 13), driven by one table.  Pure: text in, text
 * out, the result in a struct; knows no connection and no clock.  Home thread of
 * whoever owns the struct.
 */
#ifndef TARGET_ISCSI_PARAMS_H
#define TARGET_ISCSI_PARAMS_H

#include "iscsi_pdu.h"
#include "text.h"

/* What we declare and offer. */
#define PARAM_MAX_RECV	   (256u << 10) /* our MaxRecvDataSegmentLength */
#define PARAM_FIRST_BURST  (64u << 10)
#define PARAM_MAX_BURST	   (1u << 20)
#define PARAM_DEFAULT_RECV 8192u /* before anything was declared, both ways */

/* Every key we know.  Order is the order of negotiation and of our answers. */
enum param_id {
	PARAM_INITIATOR_NAME,
	PARAM_INITIATOR_ALIAS,
	PARAM_TARGET_NAME,
	PARAM_SESSION_TYPE,
	PARAM_AUTH_METHOD,
	PARAM_CHAP_A,
	PARAM_CHAP_I,
	PARAM_CHAP_C,
	PARAM_CHAP_N,
	PARAM_CHAP_R,
	PARAM_SEND_TARGETS,
	PARAM_TARGET_ALIAS,
	PARAM_TARGET_ADDRESS,
	PARAM_TARGET_PORTAL_GROUP_TAG,
	PARAM_HEADER_DIGEST,
	PARAM_DATA_DIGEST,
	PARAM_MAX_CONNECTIONS,
	PARAM_INITIAL_R2T,
	PARAM_IMMEDIATE_DATA,
	PARAM_MAX_RECV_DATA_SEGMENT_LENGTH,
	PARAM_MAX_BURST_LENGTH,
	PARAM_FIRST_BURST_LENGTH, /* after the three that it depends on */
	PARAM_DEFAULT_TIME2WAIT,
	PARAM_DEFAULT_TIME2RETAIN,
	PARAM_MAX_OUTSTANDING_R2T,
	PARAM_DATA_PDU_IN_ORDER,
	PARAM_DATA_SEQUENCE_IN_ORDER,
	PARAM_ERROR_RECOVERY_LEVEL,
	PARAM_TASK_REPORTING,
	PARAM_PROTOCOL_LEVEL,
	PARAM_IF_MARKER,
	PARAM_OF_MARKER,
	PARAM_IF_MARK_INT,
	PARAM_OF_MARK_INT,
	PARAM_COUNT
};

/* What was agreed; numbers, booleans as 0 and 1. */
struct iscsi_params {
	uint32_t header_digest, data_digest; /* 1: CRC32C */
	uint32_t max_connections;
	uint32_t initial_r2t, immediate_data;
	uint32_t peer_max_recv; /* the initiator's MaxRecvDataSegmentLength */
	uint32_t max_burst, first_burst;
	uint32_t time2wait, time2retain;
	uint32_t max_r2t;
	uint32_t pdu_in_order, sequence_in_order;
	uint32_t error_recovery_level;
	uint32_t protocol_level;
};

/* One negotiation: a whole login, or one text exchange in full feature phase. */
struct params_nego {
	struct iscsi_params agreed;
	bool discovery;	    /* SessionType=Discovery: many keys are irrelevant */
	bool full_feature;  /* only what may change then                       */
	bool operational;   /* our own declarations may be sent                */
	bool recv_declared; /* our MaxRecvDataSegmentLength has been said      */
	uint64_t seen;	    /* bit per param_id: a key comes once only         */
	/* Values of the text last parsed, inside the caller's buffer; NULL: not there. */
	const char *value[PARAM_COUNT];
};

void params_init(struct params_nego *n);

/*
 * Takes @len bytes of text (changed, and kept pointed to by n->value until the
 * next call) and answers unknown keys into @reply.  False when it is malformed,
 * a key came twice or is the target's to send: an initiator error (login 0200h,
 * Reject otherwise).
 */
bool params_parse(struct params_nego *n, char *text, size_t len, struct writer *reply);

/*
 * Negotiates the operational keys of the text last parsed; declares our own
 * MaxRecvDataSegmentLength once, when n->operational.
 */
void params_negotiate(struct params_nego *n, struct writer *reply);

/* Has the text last parsed any key of the security stage (AuthMethod, CHAP_*)? */
bool params_has_security(const struct params_nego *n);

#endif
