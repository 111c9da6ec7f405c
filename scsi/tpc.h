/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Third-party copy with ROD tokens: parameter lists of POPULATE TOKEN and WRITE
 * USING TOKEN, RECEIVE ROD TOKEN INFORMATION data, the ROD token (SBC-4 5.x,
 * SPC-4 6.x, restated in our protocol notes).  Pure, any thread.
 */
#ifndef SCSI_TPC_H
#define SCSI_TPC_H

#include "bytes.h"
#include "inquiry.h"
#include "sense.h"

#define ROD_TOKEN_LEN		       512
#define ROD_TOKEN_LENGTH_FIELD	       0x01f8 /* 504: the token less its first 8 bytes */

#define ROD_TYPE_AUR		       0x00010000u
#define ROD_TYPE_PIT_DEFAULT	       0x00800000u
#define ROD_TYPE_PIT_CHANGE_VULNERABLE 0x00800001u
#define ROD_TYPE_PIT_PERSISTENT	       0x00800002u
#define ROD_TYPE_PIT_ANY	       0x0080ffffu
#define ROD_TYPE_ZERO		       0xffff0001u

#define TPC_PT_HEADER		       16  /* range descriptors of PT start here  */
#define TPC_WUT_HEADER		       536 /* and of WUT here                     */
#define TPC_RANGE_LEN		       16
#define TPC_MAX_RANGES		       1024  /* the most a target may be configured to accept */
#define TPC_MAX_PARAM_LIST	       65535 /* Windows never sends more */

struct tpc_range {
	uint64_t lba;
	uint32_t blocks;
};

/* A decoded list points into the raw bytes; complete descriptors only. */
struct tpc_ranges {
	const uint8_t *raw;
	unsigned n;
	uint16_t pl_off; /* where the first one stands, for field pointers */
};

static inline struct tpc_range tpc_range_at(const struct tpc_ranges *r, unsigned i)
{
	const uint8_t *p = r->raw + (size_t)i * TPC_RANGE_LEN;

	return (struct tpc_range) { .lba = get_be64(p), .blocks = get_be32(p + 8) };
}

struct tpc_pt {
	bool immed, rtv;
	uint32_t timeout;  /* seconds, 0 = default */
	uint32_t rod_type; /* meaningful if rtv    */
	struct tpc_ranges ranges;
};

struct tpc_wut {
	bool immed, del_tkn;
	uint64_t offset;      /* OFFSET INTO ROD, destination blocks    */
	const uint8_t *token; /* 512 bytes inside the list              */
	struct tpc_ranges ranges;
};

/*
 * Structure only: lengths and what section 2.2/2.3 says of header fields.  The
 * fields are judged against limits by tpc_judge_ranges and the copy manager.
 * @len is what was transferred, at least 1.  Errors: 5/1A/00 or 5/26/00 with a
 * field pointer; @ret untouched then.
 */
struct sense tpc_pt_decode(const uint8_t *pl, size_t len, struct tpc_pt *ret);
struct sense tpc_wut_decode(const uint8_t *pl, size_t len, struct tpc_wut *ret);

/*
 * Judges a range list against @limits and the medium: count (5/26/08), overlap
 * (5/26/00), sums (5/26/00), LBA range (5/21/00 with INFORMATION = first invalid
 * LBA), in that order; one function for PT and WUT (wire-format 2.1).  Never
 * wraps.  @scratch has room for TPC_MAX_RANGES ranges.  *ret_blocks: the sum.
 */
struct sense tpc_judge_ranges(const struct tpc_ranges *r, const struct tpc_limits *limits,
			      uint32_t block_size, uint64_t capacity_blocks,
			      struct tpc_range *scratch, uint64_t *ret_blocks);

/* Encoders for initiators: store at most @cap, return the list's full length. */
size_t tpc_pt_encode(uint8_t *pl, size_t cap, bool immed, bool rtv, uint32_t timeout,
		     uint32_t rod_type, const struct tpc_range *ranges, unsigned n);
size_t tpc_wut_encode(uint8_t *pl, size_t cap, bool immed, bool del_tkn, uint64_t offset,
		      const uint8_t token[ROD_TOKEN_LEN], const struct tpc_range *ranges,
		      unsigned n);

/* COPY OPERATION STATUS (wire-format 3.1) */
enum tpc_status {
	TPC_DONE = 0x01,
	TPC_FAILED = 0x02,
	TPC_PARTIAL = 0x03, /* done without errors, partial ROD token usage */
	TPC_IN_PROGRESS = 0x10,
	TPC_FOREGROUND = 0x11,
	TPC_BACKGROUND = 0x12,
	TPC_TERMINATED = 0x60,
};
#define TPC_UNITS_BYTES	 0x00
#define TPC_UNITS_BLOCKS 0xf1

/* The content of RECEIVE ROD TOKEN INFORMATION and RECEIVE COPY STATUS(LID4) data. */
struct tpc_result {
	uint8_t sa;		  /* RESPONSE TO SERVICE ACTION: of the command    */
	uint8_t status;		  /* enum tpc_status                               */
	uint16_t op_counter;	  /* OPERATION COUNTER                             */
	uint32_t delay_ms;	  /* ESTIMATED STATUS UPDATE DELAY                 */
	uint8_t completion;	  /* EXTENDED COPY COMPLETION STATUS: a SAM status */
	uint8_t units;		  /* F1h; 00h (bytes) for EXTENDED COPY            */
	uint64_t count;		  /* TRANSFER COUNT                                */
	uint16_t segments;	  /* SEGMENTS PROCESSED: 0 for PT/WUT              */
	struct sense sense;	  /* none when sense_is_good                       */
	const uint8_t *token;	  /* 512 bytes or NULL; decode: inside the data    */
	size_t sense_field_len;	  /* decode only: byte 13                          */
	size_t sense_len;	  /* decode only: byte 14                          */
	uint32_t available;	  /* decode only: AVAILABLE DATA                   */
	uint32_t descriptors_len; /* decode only: ROD TOKEN DESCRIPTORS LENGTH   */
	uint16_t token_cscd_id;	  /* decode only                                   */
};
#define TPC_DELAY_FINISHED 0xfffffffeu
#define TPC_RRTI_MAX_LEN   (32 + 20 + 4 + 2 + ROD_TOKEN_LEN)

/* decisions.md 2: sense fixed, 18 bytes in a field of 20. */
void tpc_result_encode(struct writer *w, const struct tpc_result *r);
/* RECEIVE COPY STATUS(LID4): the same without the tokens (wire-format 3.1). */
void tpc_status_encode(struct writer *w, const struct tpc_result *r);
/* Reads either.  False when there are fewer than 32 bytes; fields past the end read as 0/NULL. */
bool tpc_result_decode(const uint8_t *p, size_t len, struct tpc_result *ret);

/* REPORT ALL ROD TOKENS: the header, then this much of each token (wire-format 3.3). */
#define TPC_TOKENS_HEADER    8
#define TPC_TOKENS_ENTRY_LEN 96

/* What goes into a token (wire-format 4.1); the random part is the caller's. */
struct rod_token {
	uint32_t type;
	uint64_t id;	    /* COPY MANAGER ROD TOKEN IDENTIFIER            */
	uint64_t bytes;	    /* NUMBER OF BYTES REPRESENTED                  */
	const uint8_t *naa; /* creator LU's designator                      */
	uint8_t naa_len;    /* 8 or 16                                      */
	uint32_t block_size;
	uint8_t lbppbe;
	bool lbpme, lbprz;
	const char *target_name; /* up to 123 bytes; longer: a digest-free NAA is used */
	const uint8_t *random;	 /* 256 bytes                                    */
};
void rod_token_encode(uint8_t token[ROD_TOKEN_LEN], const struct rod_token *t);
/*
 * Reads type, id, bytes, creator designator (pointers into @token) and block
 * size; target_name and random come back as NULL.  False when the length field
 * is not 01F8h or the creator descriptor is not an E4h NAA/EUI-64 descriptor.
 */
bool rod_token_decode(const uint8_t token[ROD_TOKEN_LEN], struct rod_token *ret);

/* The well-known zero token: type FFFF0001h and length 01F8h, the rest ignored. */
bool rod_token_is_zero(const uint8_t token[ROD_TOKEN_LEN]);
void rod_token_encode_zero(uint8_t token[ROD_TOKEN_LEN]);

#endif
