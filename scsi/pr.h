/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameter data of PERSISTENT RESERVE OUT and IN (SPC-4 6.15, 6.16), and the
 * TransportID of an iSCSI initiator port (SPC-4 7.6.4.6).  Pure, any thread.
 */
#ifndef SCSI_PR_H
#define SCSI_PR_H

#include "bytes.h"
#include "sense.h"

/* TYPE: SPC-4 table 53.  0: not reserved. */
enum pr_type {
	PR_NONE = 0,
	PR_WRITE_EXCLUSIVE = 1,
	PR_EXCLUSIVE_ACCESS = 3,
	PR_WRITE_EXCLUSIVE_RO = 5, /* registrants only */
	PR_EXCLUSIVE_ACCESS_RO = 6,
	PR_WRITE_EXCLUSIVE_AR = 7, /* all registrants  */
	PR_EXCLUSIVE_ACCESS_AR = 8,
};

/* One of the six types? */
bool pr_type_valid(uint8_t type);
/* EXCLUSIVE ACCESS of whichever kind; else WRITE EXCLUSIVE. */
bool pr_type_exclusive_access(uint8_t type);
bool pr_type_registrants_only(uint8_t type);
bool pr_type_all_registrants(uint8_t type);

#define PR_OUT_LEN 24 /* the basic parameter list */

struct pr_out {
	uint64_t key, sa_key; /* RESERVATION KEY, SERVICE ACTION RESERVATION KEY */
	bool spec_i_pt, all_tg_pt, aptpl;
};

/*
 * 5/1A/00 when @len is not that of the basic list; with SPEC_I_PT longer ones are,
 * and only their first 24 bytes are looked at.
 */
struct sense pr_out_decode(const uint8_t *pl, size_t len, struct pr_out *ret);
/* The inverse, without TransportIDs. */
void pr_out_encode(const struct pr_out *p, uint8_t ret[PR_OUT_LEN]);

/* READ KEYS */
void pr_keys_encode(struct writer *w, uint32_t generation, const uint64_t *keys, unsigned n);
/* READ RESERVATION; @type PR_NONE: nothing is reserved.  The scope is the logical unit. */
void pr_reservation_encode(struct writer *w, uint32_t generation, uint8_t type, uint64_t key);

struct pr_capabilities {
	bool crh;		/* RESERVE and RELEASE of registered nexuses do no harm */
	bool sip_c;		/* SPEC_I_PT                                            */
	bool atp_c;		/* ALL_TG_PT                                            */
	bool ptpl_c;		/* reservations can outlive a power loss ...            */
	bool ptpl_a;		/* ... and now would                                    */
	bool tmv;		/* @types is valid                                      */
	uint8_t allow_commands; /* 0..7 */
	uint16_t types;		/* bit TYPE set: that type is there */
};
void pr_capabilities_encode(struct writer *w, const struct pr_capabilities *c);
bool pr_capabilities_decode(const uint8_t *p, size_t len, struct pr_capabilities *ret);

/* One registration in READ FULL STATUS. */
struct pr_status {
	uint64_t key;
	bool holder, all_tg_pt;
	uint8_t type;	       /* of the reservation, if @holder */
	uint16_t rtpi;	       /* RELATIVE TARGET PORT IDENTIFIER */
	const char *initiator; /* port name: "iqn...,i,0x0123456789ab" */
};
/* The list's head is written once, with the length of what follows. */
void pr_full_status_encode(struct writer *w, uint32_t generation, const struct pr_status *list,
			   unsigned n);

/*
 * What all lists of PERSISTENT RESERVE IN begin with; *ret_len: ADDITIONAL LENGTH,
 * which allocation lengths do not change.  False: cut short.
 */
bool pr_head_decode(const uint8_t *p, size_t len, uint32_t *ret_generation, uint32_t *ret_len);
/* The @i-th key; false past the end. */
bool pr_key_decode(const uint8_t *p, size_t len, unsigned i, uint64_t *ret);
/* *ret_type PR_NONE: not reserved.  False: cut short. */
bool pr_reservation_decode(const uint8_t *p, size_t len, uint8_t *ret_type, uint64_t *ret_key);
/*
 * Steps through READ FULL STATUS: *pos starts at 8.  False at the end or on malformed
 * data.  ret->initiator points into the data, or is NULL: no iSCSI TransportID.
 */
bool pr_full_status_next(const uint8_t *p, size_t len, size_t *pos, struct pr_status *ret);

#endif
