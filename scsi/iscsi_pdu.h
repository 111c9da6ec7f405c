/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iSCSI PDUs: the 48-byte basic header segment, both ways (RFC 7143 11).
 *
 * One struct with a union by opcode; decode judges only what the header itself
 * can show, the session judges sequence and state.  Pure, any thread.
 */
#ifndef SCSI_ISCSI_PDU_H
#define SCSI_ISCSI_PDU_H

#include "bytes.h"

#define ISCSI_BHS_LEN 48
#define ISCSI_PORT    3260
#define ISCSI_NO_TAG  0xffffffffu

enum iscsi_opcode {
	ISCSI_NOP_OUT = 0x00,
	ISCSI_SCSI_CMD = 0x01,
	ISCSI_TMF_REQ = 0x02,
	ISCSI_LOGIN_REQ = 0x03,
	ISCSI_TEXT_REQ = 0x04,
	ISCSI_DATA_OUT = 0x05,
	ISCSI_LOGOUT_REQ = 0x06,
	ISCSI_SNACK_REQ = 0x10,
	ISCSI_NOP_IN = 0x20,
	ISCSI_SCSI_RSP = 0x21,
	ISCSI_TMF_RSP = 0x22,
	ISCSI_LOGIN_RSP = 0x23,
	ISCSI_TEXT_RSP = 0x24,
	ISCSI_DATA_IN = 0x25,
	ISCSI_LOGOUT_RSP = 0x26,
	ISCSI_R2T = 0x31,
	ISCSI_ASYNC = 0x32,
	ISCSI_REJECT = 0x3f,
};

/* byte 1 flags */
#define ISCSI_F_FINAL		0x80
#define ISCSI_CMD_READ		0x40
#define ISCSI_CMD_WRITE		0x20
#define ISCSI_CMD_ATTR		0x07 /* 0 untagged 1 simple 2 ordered 3 head of queue 4 ACA */
#define ISCSI_LOGIN_TRANSIT	0x80
#define ISCSI_F_CONTINUE	0x40 /* login, text */
#define ISCSI_RSP_BIDI_OVERFLOW 0x10
#define ISCSI_RSP_OVERFLOW	0x04
#define ISCSI_RSP_UNDERFLOW	0x02
#define ISCSI_DATA_ACK		0x40
#define ISCSI_DATA_STATUS	0x01

struct iscsi_pdu {
	uint8_t opcode;	   /* enum iscsi_opcode, 6 bits            */
	bool immediate;	   /* I bit                                */
	uint8_t flags;	   /* byte 1, all of it                    */
	uint8_t ahs_len;   /* TotalAHSLength in 4-byte words       */
	uint32_t data_len; /* DataSegmentLength, 24 bits, unpadded */
	uint64_t lun;	   /* 8 bytes as on the wire; login and    */
			   /* others that have none: 0             */
	uint32_t itt;	   /* InitiatorTaskTag                     */
	union {
		struct {
			uint32_t edtl, cmd_sn, exp_stat_sn;
			uint8_t cdb[16];
		} cmd;
		struct {
			uint8_t response, status;
			uint32_t snack_tag, stat_sn, exp_cmd_sn, max_cmd_sn;
			uint32_t exp_data_sn, bidi_residual, residual;
		} rsp;
		struct {
			uint8_t function; /* byte 1 bits 6:0 */
			uint32_t ref_tag, cmd_sn, exp_stat_sn, ref_cmd_sn, exp_data_sn;
		} tmf;
		struct {
			uint8_t response;
			uint32_t stat_sn, exp_cmd_sn, max_cmd_sn;
		} tmf_rsp;
		struct {
			uint32_t ttt, exp_stat_sn, data_sn, offset;
		} data_out;
		struct {
			uint8_t status;
			uint32_t ttt, stat_sn, exp_cmd_sn, max_cmd_sn;
			uint32_t data_sn, offset, residual;
		} data_in;
		struct {
			uint32_t ttt, stat_sn, exp_cmd_sn, max_cmd_sn;
			uint32_t r2t_sn, offset, length;
		} r2t;
		struct {
			uint8_t csg, nsg; /* out of byte 1 */
			uint8_t version_max, version_min, version_active;
			uint8_t isid[6];
			uint16_t tsih, cid;
			uint32_t cmd_sn, exp_stat_sn;		  /* request  */
			uint32_t stat_sn, exp_cmd_sn, max_cmd_sn; /* response */
			uint8_t status_class, status_detail;	  /* response */
		} login;
		struct {
			uint32_t ttt;
			uint32_t cmd_sn, exp_stat_sn;		  /* request  */
			uint32_t stat_sn, exp_cmd_sn, max_cmd_sn; /* response */
		} text;						  /* also NOP-Out and NOP-In */
		struct {
			uint8_t reason, response;
			uint16_t cid;
			uint32_t cmd_sn, exp_stat_sn;
			uint32_t stat_sn, exp_cmd_sn, max_cmd_sn;
			uint16_t time2wait, time2retain;
		} logout;
		struct {
			uint8_t reason;
			uint32_t stat_sn, exp_cmd_sn, max_cmd_sn, data_sn;
		} reject;
		struct {
			uint8_t event, vcode;
			uint32_t stat_sn, exp_cmd_sn, max_cmd_sn;
			uint16_t param1, param2, param3;
		} async;
		struct {
			uint8_t type;
			uint32_t ttt, exp_stat_sn, beg_run, run_length;
		} snack;
	};
};

/*
 * Decodes a BHS of either direction.  False (only @ret->opcode, itt, ahs_len and
 * data_len set, so that a Reject can be made and the bytes skipped) when the
 * opcode is not one of RFC 7143.
 */
bool iscsi_pdu_decode(const uint8_t bhs[ISCSI_BHS_LEN], struct iscsi_pdu *ret);
void iscsi_pdu_encode(const struct iscsi_pdu *pdu, uint8_t bhs[ISCSI_BHS_LEN]);

/* What additional header segments add to a SCSI Command (RFC 7143 11.2.2). */
#define ISCSI_CDB_MAX 32 /* of an extended CDB; what is beyond is not looked at */

struct iscsi_ahs {
	bool bidi;			 /* a bidirectional command             */
	uint32_t bidi_len;		 /* its Expected Read-Data Length       */
	uint16_t cdb_len;		 /* of an extended CDB, in all; else 0  */
	uint8_t cdb[ISCSI_CDB_MAX - 16]; /* its bytes 16 and up, as many as fit */
};

/*
 * Decodes the additional header segments of a SCSI Command, @len bytes, a multiple of
 * four; none gives a zeroed @ret.  False: an unknown or repeated type, a length that
 * does not fit its type or the segment.
 */
bool iscsi_ahs_decode(const uint8_t *p, size_t len, struct iscsi_ahs *ret);
/* The inverse, for initiators; the words written, for pdu.ahs_len. */
uint8_t iscsi_ahs_encode(const struct iscsi_ahs *ahs, struct writer *w);

const char *iscsi_opcode_name(uint8_t opcode);

static inline uint32_t iscsi_pad(uint32_t len)
{
	return (4 - (len & 3)) & 3;
}

/* Serial number arithmetic (RFC 1982, RFC 7143 4.2.2.1). */
static inline bool iscsi_sn_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

enum iscsi_reject_reason {
	ISCSI_REJECT_DATA_DIGEST = 0x02,
	ISCSI_REJECT_SNACK = 0x03,
	ISCSI_REJECT_PROTOCOL_ERROR = 0x04,
	ISCSI_REJECT_NOT_SUPPORTED = 0x05,
	ISCSI_REJECT_IMMEDIATE = 0x06,
	ISCSI_REJECT_TASK_IN_PROGRESS = 0x07,
	ISCSI_REJECT_INVALID_PDU_FIELD = 0x09,
	ISCSI_REJECT_OUT_OF_RESOURCES = 0x0a,
};

/* Status-Class << 8 | Status-Detail (RFC 7143 11.13.5) */
enum iscsi_login_status {
	ISCSI_LOGIN_OK = 0x0000,
	ISCSI_LOGIN_INITIATOR_ERROR = 0x0200,
	ISCSI_LOGIN_AUTH_FAILED = 0x0201,
	ISCSI_LOGIN_FORBIDDEN = 0x0202,
	ISCSI_LOGIN_NOT_FOUND = 0x0203,
	ISCSI_LOGIN_BAD_VERSION = 0x0205,
	ISCSI_LOGIN_TOO_MANY_CONNECTIONS = 0x0206,
	ISCSI_LOGIN_MISSING_PARAMETER = 0x0207,
	ISCSI_LOGIN_SESSION_TYPE = 0x0209,
	ISCSI_LOGIN_NO_SESSION = 0x020a,
	ISCSI_LOGIN_INVALID_REQUEST = 0x020b,
	ISCSI_LOGIN_TARGET_ERROR = 0x0300,
	ISCSI_LOGIN_UNAVAILABLE = 0x0301,
	ISCSI_LOGIN_OUT_OF_RESOURCES = 0x0302,
};

enum iscsi_tmf {
	ISCSI_TMF_ABORT_TASK = 1,
	ISCSI_TMF_ABORT_TASK_SET = 2,
	ISCSI_TMF_CLEAR_ACA = 3,
	ISCSI_TMF_CLEAR_TASK_SET = 4,
	ISCSI_TMF_LUN_RESET = 5,
	ISCSI_TMF_TARGET_WARM_RESET = 6,
	ISCSI_TMF_TARGET_COLD_RESET = 7,
	ISCSI_TMF_TASK_REASSIGN = 8,
};

enum iscsi_tmf_response {
	ISCSI_TMF_COMPLETE = 0,
	ISCSI_TMF_NO_TASK = 1,
	ISCSI_TMF_NO_LUN = 2,
	ISCSI_TMF_REASSIGN_UNSUPPORTED = 4,
	ISCSI_TMF_NOT_SUPPORTED = 5,
	ISCSI_TMF_REJECTED = 255,
};

#endif
