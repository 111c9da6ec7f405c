/* SPDX-License-Identifier: Apache-2.0 */
#include "iscsi_pdu.h"

#include "field.h"

#define F(m, at, n)	   FIELD(struct iscsi_pdu, m, at, n)
#define B(m, at, shift, n) FIELD_BITS(struct iscsi_pdu, m, at, shift, n)
#define RAW(m, at)	   FIELD_RAW(struct iscsi_pdu, m, at)

#define LUN		   F(lun, 8, 8)
#define REQUEST_SN(u)	   F(u.cmd_sn, 24, 4), F(u.exp_stat_sn, 28, 4)
#define RESPONSE_SN(u)	   F(u.stat_sn, 24, 4), F(u.exp_cmd_sn, 28, 4), F(u.max_cmd_sn, 32, 4)

#define NAMED(name)	   static const struct wire_field name[]

/* Byte 0, TotalAHSLength, DataSegmentLength and the tag: every PDU (RFC 7143 11.2.1). */
NAMED(common) = { B(opcode, 0, 0, 6), B(immediate, 0, 6, 1), F(flags, 1, 1), F(ahs_len, 4, 1),
		  F(data_len, 5, 3),  F(itt, 16, 4),	     FIELD_END };

/* 11.3 to 11.19, one table each */
NAMED(scsi_cmd) = { LUN, F(cmd.edtl, 20, 4), REQUEST_SN(cmd), RAW(cmd.cdb, 32), FIELD_END };
NAMED(scsi_rsp) = { F(rsp.response, 2, 1),     F(rsp.status, 3, 1),
		    F(rsp.snack_tag, 20, 4),   RESPONSE_SN(rsp),
		    F(rsp.exp_data_sn, 36, 4), F(rsp.bidi_residual, 40, 4),
		    F(rsp.residual, 44, 4),    FIELD_END };
NAMED(tmf_req) = { B(tmf.function, 1, 0, 7),
		   LUN,
		   F(tmf.ref_tag, 20, 4),
		   REQUEST_SN(tmf),
		   F(tmf.ref_cmd_sn, 32, 4),
		   F(tmf.exp_data_sn, 36, 4),
		   FIELD_END };
NAMED(tmf_rsp) = { F(tmf_rsp.response, 2, 1), RESPONSE_SN(tmf_rsp), FIELD_END };
NAMED(data_out) = { LUN,
		    F(data_out.ttt, 20, 4),
		    F(data_out.exp_stat_sn, 28, 4),
		    F(data_out.data_sn, 36, 4),
		    F(data_out.offset, 40, 4),
		    FIELD_END };
NAMED(data_in) = { F(data_in.status, 3, 1),    LUN,
		   F(data_in.ttt, 20, 4),      RESPONSE_SN(data_in),
		   F(data_in.data_sn, 36, 4),  F(data_in.offset, 40, 4),
		   F(data_in.residual, 44, 4), FIELD_END };
NAMED(r2t) = { LUN,
	       F(r2t.ttt, 20, 4),
	       RESPONSE_SN(r2t),
	       F(r2t.r2t_sn, 36, 4),
	       F(r2t.offset, 40, 4),
	       F(r2t.length, 44, 4),
	       FIELD_END };
NAMED(async_msg) = { LUN,
		     RESPONSE_SN(async),
		     F(async.event, 36, 1),
		     F(async.vcode, 37, 1),
		     F(async.param1, 38, 2),
		     F(async.param2, 40, 2),
		     F(async.param3, 42, 2),
		     FIELD_END };
NAMED(text_req) = { LUN, F(text.ttt, 20, 4), REQUEST_SN(text), FIELD_END };
NAMED(text_rsp) = { LUN, F(text.ttt, 20, 4), RESPONSE_SN(text), FIELD_END };
NAMED(login_req) = { B(login.csg, 1, 2, 2),	 B(login.nsg, 1, 0, 2), F(login.version_max, 2, 1),
		     F(login.version_min, 3, 1), RAW(login.isid, 8),	F(login.tsih, 14, 2),
		     F(login.cid, 20, 2),	 REQUEST_SN(login),	FIELD_END };
NAMED(login_rsp) = { B(login.csg, 1, 2, 2),
		     B(login.nsg, 1, 0, 2),
		     F(login.version_max, 2, 1),
		     F(login.version_active, 3, 1),
		     RAW(login.isid, 8),
		     F(login.tsih, 14, 2),
		     RESPONSE_SN(login),
		     F(login.status_class, 36, 1),
		     F(login.status_detail, 37, 1),
		     FIELD_END };
NAMED(logout_req) = { B(logout.reason, 1, 0, 7), F(logout.cid, 20, 2), REQUEST_SN(logout),
		      FIELD_END };
NAMED(logout_rsp) = { F(logout.response, 2, 1), RESPONSE_SN(logout), F(logout.time2wait, 40, 2),
		      F(logout.time2retain, 42, 2), FIELD_END };
NAMED(snack) = { B(snack.type, 1, 0, 4),
		 LUN,
		 F(snack.ttt, 20, 4),
		 F(snack.exp_stat_sn, 28, 4),
		 F(snack.beg_run, 40, 4),
		 F(snack.run_length, 44, 4),
		 FIELD_END };
NAMED(reject) = { F(reject.reason, 2, 1), RESPONSE_SN(reject), F(reject.data_sn, 36, 4),
		  FIELD_END };

static const struct pdu_kind {
	const char *name;
	const struct wire_field *fields;
} kinds[64] = {
	[ISCSI_NOP_OUT] = { "NOP-Out", text_req },
	[ISCSI_SCSI_CMD] = { "SCSI Command", scsi_cmd },
	[ISCSI_TMF_REQ] = { "Task Management Function Request", tmf_req },
	[ISCSI_LOGIN_REQ] = { "Login Request", login_req },
	[ISCSI_TEXT_REQ] = { "Text Request", text_req },
	[ISCSI_DATA_OUT] = { "SCSI Data-Out", data_out },
	[ISCSI_LOGOUT_REQ] = { "Logout Request", logout_req },
	[ISCSI_SNACK_REQ] = { "SNACK Request", snack },
	[ISCSI_NOP_IN] = { "NOP-In", text_rsp },
	[ISCSI_SCSI_RSP] = { "SCSI Response", scsi_rsp },
	[ISCSI_TMF_RSP] = { "Task Management Function Response", tmf_rsp },
	[ISCSI_LOGIN_RSP] = { "Login Response", login_rsp },
	[ISCSI_TEXT_RSP] = { "Text Response", text_rsp },
	[ISCSI_DATA_IN] = { "SCSI Data-In", data_in },
	[ISCSI_LOGOUT_RSP] = { "Logout Response", logout_rsp },
	[ISCSI_R2T] = { "Ready To Transfer", r2t },
	[ISCSI_ASYNC] = { "Asynchronous Message", async_msg },
	[ISCSI_REJECT] = { "Reject", reject },
};

bool iscsi_pdu_decode(const uint8_t bhs[ISCSI_BHS_LEN], struct iscsi_pdu *ret)
{
	const struct pdu_kind *kind = &kinds[bhs[0] & 0x3f];

	memset(ret, 0, sizeof(*ret));
	fields_decode(common, bhs, ret);
	if (!kind->fields) {
		ret->immediate = false;
		ret->flags = 0;
		return false;
	}
	fields_decode(kind->fields, bhs, ret);
	return true;
}

void iscsi_pdu_encode(const struct iscsi_pdu *pdu, uint8_t bhs[ISCSI_BHS_LEN])
{
	const struct pdu_kind *kind = &kinds[pdu->opcode & 0x3f];

	assert(kind->fields);
	memset(bhs, 0, ISCSI_BHS_LEN);
	fields_encode(common, bhs, pdu);
	fields_encode(kind->fields, bhs, pdu);
}

/* AHSLength counts what follows AHSType, from the reserved byte 3 on, without padding. */
#define AHS_HEAD 3
enum { AHS_EXTENDED_CDB = 1, AHS_BIDI = 2 };
#define AHS_BIDI_LEN 5

static bool put_extended_cdb(const uint8_t *p, size_t n, struct iscsi_ahs *a)
{
	/* At least byte 16 of the CDB; 255 words of additional header bound it above. */
	if (a->cdb_len || n < 2)
		return false;
	a->cdb_len = (uint16_t)(n + 15);
	n--;
	memcpy(a->cdb, p + 1, n < sizeof(a->cdb) ? n : sizeof(a->cdb));
	return true;
}

bool iscsi_ahs_decode(const uint8_t *p, size_t len, struct iscsi_ahs *ret)
{
	struct iscsi_ahs a = { 0 };

	while (len > 0) {
		size_t n, whole;
		uint8_t type;

		if (len < AHS_HEAD + 1)
			return false;
		n = get_be16(p);
		whole = (AHS_HEAD + n + 3) & ~(size_t)3;
		type = p[2] & 0x3f;
		if (whole > len)
			return false;
		if (type == AHS_EXTENDED_CDB) {
			if (!put_extended_cdb(p + AHS_HEAD, n, &a))
				return false;
		} else if (type == AHS_BIDI && n == AHS_BIDI_LEN && !a.bidi) {
			a.bidi = true;
			a.bidi_len = get_be32(p + AHS_HEAD + 1);
		} else {
			return false;
		}
		p += whole;
		len -= whole;
	}
	*ret = a;
	return true;
}

uint8_t iscsi_ahs_encode(const struct iscsi_ahs *ahs, struct writer *w)
{
	size_t start = w->len;

	if (ahs->cdb_len) {
		size_t n = ahs->cdb_len - 16u;

		assert(ahs->cdb_len > 16 && ahs->cdb_len <= ISCSI_CDB_MAX);
		wr_be16(w, (uint16_t)(n + 1));
		wr_u8(w, AHS_EXTENDED_CDB);
		wr_u8(w, 0);
		wr_bytes(w, ahs->cdb, n);
		wr_zero(w, (4 - n % 4) % 4);
	}
	if (ahs->bidi) {
		wr_be16(w, AHS_BIDI_LEN);
		wr_u8(w, AHS_BIDI);
		wr_u8(w, 0);
		wr_be32(w, ahs->bidi_len);
	}
	return (uint8_t)((w->len - start) / 4);
}

const char *iscsi_opcode_name(uint8_t opcode)
{
	const char *name = opcode < 64 ? kinds[opcode].name : NULL;

	return name ? name : "unknown opcode";
}
