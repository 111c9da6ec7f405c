/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command, one line: what tests say to a LUN.  Everything goes through the
 * codec of scsi/ and the session of tools/initiator.h; what is malformed on
 * purpose is made by patching an encoded command or list.
 */
#ifndef TESTS_E2E_CLIENT_H
#define TESTS_E2E_CLIENT_H

#include "cdb.h"
#include "disk.h"
#include "harness.h"
#include "inquiry.h"
#include "mode.h"
#include "sense.h"
#include "tpc.h"

/* ---- sessions ---- */

/* Logs in; the test ends here when that fails. */
struct initiator *login(const struct odxd *o);
struct initiator *login_as(const struct odxd *o, const struct initiator_options *opt);
/* Only the error code of a login to @uri, which ends at once when it succeeds. */
int login_result(const char *uri, const struct initiator_options *opt);
/* Takes all unit attentions of @lun. */
void clear_ua(struct initiator *in, unsigned lun);
/* Serves the session for so long: what was submitted is under way by then. */
void serve_for(struct initiator *in, unsigned ms);
/* login() and clear_ua() of LUNs 0.. @nluns - 1. */
struct initiator *login_clear(const struct odxd *o, unsigned nluns);

/*
 * What most tests start with: an odxd, and a session without unit attentions.
 * LUN 0 is the file @src with pattern 1; unless its options are NULL, LUN 1 is the
 * file @dst with pattern 2.  The files can be looked at while they are served.
 */
struct bench {
	struct odxd *o;
	struct initiator *in;
	const char *src, *dst;
};
struct bench bench_start(uint64_t size, const char *src_options, const char *dst_options);
void bench_done(struct bench *b);

/* ---- answers ---- */

struct answer {
	int error; /* as in struct initiator_cmd */
	uint8_t status;
	struct sense sense;
	size_t sense_len;
	size_t in_len;
	int64_t residual;
};

struct answer answer_of(const struct initiator_cmd *cmd);
bool answer_good(const char *what, struct answer a);
bool answer_is(const char *what, struct answer a, unsigned key, unsigned asc_ascq);
bool answer_info(const char *what, struct answer a, uint64_t info);
bool answer_cdb_ptr(const char *what, struct answer a, unsigned byte);
bool answer_pl_ptr(const char *what, struct answer a, unsigned byte);

/* The expression is evaluated once. */
#define CHECK_GOOD(a)		 CU_ASSERT(answer_good(#a, a))
#define CHECK_SENSE(a, key, asc) CU_ASSERT(answer_is(#a, a, key, asc))
#define CHECK_ILLEGAL(a, asc)	 CHECK_SENSE(a, KEY_ILLEGAL_REQUEST, asc)

/* ---- commands ---- */

/* @cdb with @len bytes of data at @data. */
struct answer command(struct initiator *in, unsigned lun, const struct scsi_cdb *cdb, void *data,
		      size_t len);
/* Raw bytes of a CDB, for what the codec would not make. */
struct answer raw_command(struct initiator *in, unsigned lun, const char *hex, enum scsi_dir dir,
			  void *data, size_t len);
struct answer tur(struct initiator *in, unsigned lun);
/* READ, WRITE and VERIFY of any length of CDB; flags of @extra (fua, dpo, bytchk) kept. */
struct answer media(struct initiator *in, unsigned lun, enum scsi_cmd op, uint64_t lba,
		    uint32_t blocks, void *data, size_t len);
struct answer inquiry(struct initiator *in, unsigned lun, bool evpd, uint8_t page, void *data,
		      uint32_t len);
struct answer read_capacity(struct initiator *in, unsigned lun, struct capacity *ret);
/* PERSISTENT RESERVE OUT; @type: enum pr_type of pr.h. */
struct answer pr_out(struct initiator *in, unsigned lun, enum scsi_cmd cmd, uint64_t key,
		     uint64_t sa_key, uint8_t type, bool aptpl);

/* Byte ranges by READ(16)/WRITE(16) in pieces; false (printed) when one fails. */
bool read_bytes(struct initiator *in, unsigned lun, uint32_t bs, uint64_t off, void *data,
		size_t len);
bool write_pattern(struct initiator *in, unsigned lun, uint32_t bs, uint64_t off, size_t len,
		   uint64_t pattern_off, unsigned seed);
/* The range holds pattern @seed from @pattern_off on. */
bool lun_is(struct initiator *in, unsigned lun, uint32_t bs, uint64_t off, size_t len,
	    uint64_t pattern_off, unsigned seed);
bool lun_is_zero(struct initiator *in, unsigned lun, uint32_t bs, uint64_t off, size_t len);

/* ---- third-party copy ---- */

#define RRTI_ALL 1024 /* an allocation length that is always enough */

/* POPULATE TOKEN of @n ranges with defaults for the rest. */
struct answer pt(struct initiator *in, unsigned lun, uint32_t list_id,
		 const struct tpc_range *ranges, unsigned n);
struct answer pt_timeout(struct initiator *in, unsigned lun, uint32_t list_id, uint32_t timeout,
			 const struct tpc_range *ranges, unsigned n);
/* A PT or WUT (by @op) with @len bytes of list, as they are. */
struct answer send_list(struct initiator *in, unsigned lun, enum scsi_cmd op, uint32_t list_id,
			const uint8_t *list, size_t len);
struct answer wut(struct initiator *in, unsigned lun, uint32_t list_id, const uint8_t *token,
		  uint64_t offset, const struct tpc_range *ranges, unsigned n);
struct answer wut_del(struct initiator *in, unsigned lun, uint32_t list_id, const uint8_t *token,
		      uint64_t offset, const struct tpc_range *ranges, unsigned n);

/* RRTI: @data is where the token of @r stands. */
struct rrti {
	struct answer answer;
	bool decoded;
	struct tpc_result r;
	uint8_t data[RRTI_ALL];
};
void rrti(struct initiator *in, unsigned lun, uint32_t list_id, uint32_t alloc, struct rrti *ret);
/* RRTI says @status, @count, RESPONSE TO SERVICE ACTION @sa, and all that never varies. */
bool rrti_is(struct initiator *in, unsigned lun, uint32_t list_id, uint8_t sa, unsigned status,
	     uint64_t count);
/* And the sense in it is @key/@asc_ascq. */
bool rrti_sense_is(struct initiator *in, unsigned lun, uint32_t list_id, unsigned key,
		   unsigned asc_ascq);

/* PT and RRTI: the token of these ranges, complete; false (asserted) when not. */
bool take_token(struct initiator *in, unsigned lun, uint32_t list_id,
		const struct tpc_range *ranges, unsigned n, uint8_t token[ROD_TOKEN_LEN]);
/* The same for one range, with inactivity @timeout. */
bool take_one(struct initiator *in, unsigned lun, uint32_t list_id, uint64_t lba, uint32_t blocks,
	      uint32_t timeout, uint8_t token[ROD_TOKEN_LEN]);

#define RANGE(l, b) ((struct tpc_range) { .lba = (l), .blocks = (b) })

#endif
