/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a logical unit says of itself: INQUIRY, VPD pages, READ CAPACITY,
 * REPORT LUNS, REPORT SUPPORTED OPERATION CODES.  Encode for the target, decode
 * for initiators and tests.  Pure, any thread.
 */
#ifndef SCSI_INQUIRY_H
#define SCSI_INQUIRY_H

#include "bytes.h"
#include "opcodes.h"
#include "sense.h"

#define SCSI_NAME_MAX	      223 /* iSCSI name, RFC 7143 4.2.7.2 */

#define INQUIRY_TPGS_IMPLICIT 1

/* The third-party copy limits of VPD 8Fh; sizes in bytes unless said. */
struct tpc_limits {
	uint16_t max_ranges;	  /* MAXIMUM RANGE DESCRIPTORS            */
	uint32_t max_timeout;	  /* MAXIMUM INACTIVITY TIMEOUT, seconds  */
	uint32_t default_timeout; /* DEFAULT INACTIVITY TIMEOUT, seconds  */
	uint64_t max_token_bytes; /* MAXIMUM TOKEN TRANSFER SIZE, bytes here, blocks on the wire */
	uint64_t optimal_bytes;	  /* OPTIMAL TRANSFER COUNT, likewise     */
	uint32_t optimal_granularity; /* OPTIMAL BLOCK ROD LENGTH GRANULARITY, bytes here */
	uint32_t max_copies;	      /* TOTAL and MAXIMUM IDENTIFIED CONCURRENT COPIES */
	uint32_t rod_types[4];	      /* made and accepted, ascending; 0 ends */
	/* The zero token (FFFF0001h, accepted only) is always listed as well. */
};

/* Everything INQUIRY-like answers are made from.  Owned by the caller. */
struct lu_info {
	char vendor[9], product[17], revision[5]; /* C strings, padded on the wire */
	char serial[37];			  /* VPD 80h                      */
	uint8_t naa[16];			  /* NAA designator, 8 or 16 bytes */
	uint8_t naa_len;			  /* 8 (NAA 2h,3h,5h) or 16 (6h)  */
	char target_name[SCSI_NAME_MAX + 1];	  /* iSCSI name; "" when unknown  */
	uint16_t tpgt;				  /* target portal group tag      */
	uint16_t rtpi;				  /* relative target port id; 0: unknown */
	uint32_t block_size;			  /* 512 or 4096                  */
	uint8_t lbppbe;	 /* log2 logical blocks per physical block                */
	uint64_t blocks; /* capacity                                              */
	bool read_only, write_cache, rotational, removable;
	bool lbpme, lbprz;
	uint8_t tpgs; /* standard INQUIRY: INQUIRY_TPGS_*; 0: no asymmetric access */
	bool tpc;     /* third-party copy: 3PC, VPD 8Fh */
	struct tpc_limits limits;
	uint32_t max_transfer_blocks; /* VPD B0h; 0 = no limit reported   */
	uint32_t opt_transfer_blocks; /* VPD B0h OPTIMAL TRANSFER LENGTH  */
	/* More of VPD B0h, in blocks; 0: the command is not there, or there is no limit. */
	uint8_t max_caw_blocks; /* COMPARE AND WRITE                          */
	uint32_t max_unmap_blocks, max_unmap_descriptors;
	uint32_t unmap_granularity, unmap_alignment;
	uint64_t max_write_same_blocks;
	uint32_t max_atomic_blocks, atomic_alignment, atomic_granularity;
	const bool *supported; /* [CMD_COUNT], for RSOC and 8Fh 0001h     */
};

/* Standard INQUIRY data: VERSION 06h, HISUP, 3PC, CMDQUE; decisions.md 15. */
void inquiry_encode(struct writer *w, const struct lu_info *lu);
/* For a LUN that does not exist: qualifier 011b, type 1Fh (SPC-4 6.4.2). */
void inquiry_encode_no_lun(struct writer *w);

/*
 * One VPD page: 00 80 83 86 8F(if tpc) B0 B1 B2.  False: page unknown, nothing
 * written.  8Fh: 0000h first, then 0001h, 0004h 0008h 000Ch (if EXTENDED COPY is
 * supported), 0106h 0108h 8001h, at most 1020 bytes.
 */
bool vpd_encode(struct writer *w, uint8_t page, const struct lu_info *lu);

void read_capacity_10_encode(struct writer *w, const struct lu_info *lu);
void read_capacity_16_encode(struct writer *w, const struct lu_info *lu);

/* @luns ascending, below 16384 (peripheral below 256, else flat space addressing). */
void report_luns_encode(struct writer *w, const uint16_t *luns, unsigned n);

/* RSOC for @lu->supported; sense when the options are wrong (SPC-4 6.35). */
struct sense rsoc_encode(struct writer *w, const struct lu_info *lu, uint8_t reporting,
			 uint8_t opcode, uint16_t sa, bool rctd);

/* An 8-byte LUN (SAM-5 4.7): single level, peripheral bus 0, flat space or extended 0. */
bool scsi_lun_decode(uint64_t wire, uint16_t *ret_lun);
uint64_t scsi_lun_encode(uint16_t lun);

/* ---- decoding, for initiators ---- */

struct inquiry {
	uint8_t qualifier, type, version;
	bool removable, tpc, cmdque;
	char vendor[9], product[17], revision[5]; /* trimmed */
};
bool inquiry_decode(const uint8_t *p, size_t len, struct inquiry *ret);

/* Page 00h judged as Windows does: starts with 00h, strictly ascending. */
struct vpd_list {
	uint8_t pages[256];
	unsigned n;
	bool ordered;
};
bool vpd_00_decode(const uint8_t *p, size_t len, struct vpd_list *ret);
bool vpd_80_decode(const uint8_t *p, size_t len, char *ret_serial, size_t cap);

struct vpd_designator {
	uint8_t code_set, association, type, len;
	const uint8_t *id; /* inside the page */
};
/* Steps through page 83h: *pos starts at 4.  False at the end or on malformed data. */
bool vpd_83_next(const uint8_t *p, size_t len, size_t *pos, struct vpd_designator *ret);

/* Page 8Fh.  Sizes as on the wire: blocks. */
struct vpd_8f {
	bool windows_ok; /* first descriptor 0000h, length 20h, page length >= 24h */
	uint16_t max_ranges;
	uint32_t max_timeout, default_timeout;
	uint64_t max_token_blocks, optimal_blocks;
	unsigned ncommands; /* service actions of 83h/84h listed in 0001h */
	struct {
		uint8_t opcode, sa;
	} commands[32];
	unsigned nrod_types;
	struct {
		uint32_t type;
		bool in, out;
	} rod_types[16];
	uint8_t remote_tokens;
	uint16_t granularity_blocks;
	uint64_t max_rod_bytes;
};
bool vpd_8f_decode(const uint8_t *p, size_t len, struct vpd_8f *ret);

struct vpd_b0 {
	uint16_t granularity_blocks;
	uint32_t max_transfer_blocks, opt_transfer_blocks;
};
bool vpd_b0_decode(const uint8_t *p, size_t len, struct vpd_b0 *ret);

/* Page B2h, logical block provisioning; false with fewer than 8 bytes. */
struct vpd_b2 {
	uint8_t threshold_exponent;
	bool lbpu, lbpws, lbpws10, anc_sup, dp;
	uint8_t lbprz; /* three bits */
	uint8_t type;  /* PROVISIONING TYPE: 0 not said, 1 resource, 2 thin */
};
bool vpd_b2_decode(const uint8_t *p, size_t len, struct vpd_b2 *ret);

struct capacity {
	uint64_t blocks;
	uint32_t block_size;
	uint8_t lbppbe;
	bool lbpme, lbprz, prot_en;
};
bool read_capacity_16_decode(const uint8_t *p, size_t len, struct capacity *ret);
bool read_capacity_10_decode(const uint8_t *p, size_t len, struct capacity *ret);

#endif
