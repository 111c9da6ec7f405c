/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pr.h"

#define PIECE (256u << 10) /* bytes of one READ or WRITE */

/* ---- sessions ---- */

struct initiator *login_as(const struct odxd *o, const struct initiator_options *opt)
{
	struct initiator_uri uri;
	struct initiator *in = NULL;
	char err[INITIATOR_ERR];

	if (initiator_uri_parse(odxd_uri(o, 0), &uri, err) || initiator_open(&in, &uri, opt, err)) {
		printf("login failed: %s\n", err);
		CU_FAIL_FATAL("login failed");
	}
	return in;
}

struct initiator *login(const struct odxd *o)
{
	return login_as(o, NULL);
}

int login_result(const char *text, const struct initiator_options *opt)
{
	struct initiator_uri uri;
	struct initiator *in = NULL;
	char err[INITIATOR_ERR];
	int r = initiator_uri_parse(text, &uri, err);

	if (r == 0)
		r = initiator_open(&in, &uri, opt, err);
	if (r)
		printf("  (login to %s: %s)\n", text, err);
	else
		initiator_close(in);
	return r;
}

void clear_ua(struct initiator *in, unsigned lun)
{
	for (unsigned i = 0; i < 8; i++) {
		struct answer a = tur(in, lun);

		if (a.status != SAM_CHECK_CONDITION || a.sense.key != KEY_UNIT_ATTENTION)
			return;
	}
}

void serve_for(struct initiator *in, unsigned ms)
{
	double until = seconds_now() + ms / 1000.0;

	while (seconds_now() < until)
		initiator_poll(&in, 1, 10);
}

struct initiator *login_clear(const struct odxd *o, unsigned nluns)
{
	struct initiator *in = login(o);

	for (unsigned i = 0; i < nluns; i++)
		clear_ua(in, i);
	return in;
}

/* ---- answers ---- */

struct bench bench_start(uint64_t size, const char *src_options, const char *dst_options)
{
	struct bench b = { .src = make_filled("src", size, 1) };
	char spec[2][512];

	snprintf(spec[0], sizeof(spec[0]), "%s%s", b.src, src_options);
	if (dst_options) {
		b.dst = make_filled("dst", size, 2);
		snprintf(spec[1], sizeof(spec[1]), "%s%s", b.dst, dst_options);
		b.o = ODXD("--lun", spec[0], "--lun", spec[1]);
	} else {
		b.o = ODXD("--lun", spec[0]);
	}
	b.in = login_clear(b.o, dst_options ? 2 : 1);
	return b;
}

void bench_done(struct bench *b)
{
	initiator_close(b->in);
	odxd_stop(b->o);
}

struct answer answer_of(const struct initiator_cmd *cmd)
{
	return (struct answer) { .error = cmd->error,
				 .status = cmd->status,
				 .sense = cmd->sense,
				 .sense_len = cmd->sense_len,
				 .in_len = cmd->in_len,
				 .residual = cmd->residual };
}

static void print_answer(const char *what, struct answer a)
{
	if (a.error)
		printf("%s: no answer: %s\n", what, strerror(-a.error));
	else
		printf("%s: status %02x sense %X/%02X/%02X (%s) flags %02x field %u info %llu\n",
		       what, a.status, a.sense.key, a.sense.asc, a.sense.ascq, sense_text(a.sense),
		       a.sense.flags, a.sense.field, (unsigned long long)a.sense.info);
}

bool answer_good(const char *what, struct answer a)
{
	if (a.error == 0 && a.status == SAM_GOOD)
		return true;
	print_answer(what, a);
	return false;
}

bool answer_is(const char *what, struct answer a, unsigned key, unsigned asc_ascq)
{
	if (a.error == 0 && a.status == SAM_CHECK_CONDITION && a.sense.key == key &&
	    sense_asc_ascq(a.sense) == asc_ascq)
		return true;
	print_answer(what, a);
	printf("  expected %X/%02X/%02X\n", key, asc_ascq >> 8, asc_ascq & 0xff);
	return false;
}

bool answer_info(const char *what, struct answer a, uint64_t info)
{
	if ((a.sense.flags & SENSE_INFO) && a.sense.info == info)
		return true;
	print_answer(what, a);
	printf("  expected INFORMATION %llu\n", (unsigned long long)info);
	return false;
}

static bool ptr(const char *what, struct answer a, unsigned flag, unsigned byte)
{
	if ((a.sense.flags & flag) && a.sense.field == byte)
		return true;
	print_answer(what, a);
	printf("  expected a pointer to %s byte %u\n", flag == SENSE_FIELD_CDB ? "CDB" : "list",
	       byte);
	return false;
}

bool answer_cdb_ptr(const char *what, struct answer a, unsigned byte)
{
	return ptr(what, a, SENSE_FIELD_CDB, byte);
}

bool answer_pl_ptr(const char *what, struct answer a, unsigned byte)
{
	return ptr(what, a, SENSE_FIELD_PL, byte);
}

/* ---- commands ---- */

static struct answer run_cmd(struct initiator *in, unsigned lun, struct initiator_cmd *cmd)
{
	initiator_run(in, lun, cmd);
	return answer_of(cmd);
}

struct answer command(struct initiator *in, unsigned lun, const struct scsi_cdb *cdb, void *data,
		      size_t len)
{
	struct initiator_cmd cmd = initiator_cmd(cdb, data, len);

	return run_cmd(in, lun, &cmd);
}

struct answer raw_command(struct initiator *in, unsigned lun, const char *hex, enum scsi_dir dir,
			  void *data, size_t len)
{
	struct initiator_cmd cmd = { .dir = dir, .data = data, .len = len };

	cmd.cdb_len = (uint8_t)test_hex(hex, cmd.cdb, sizeof(cmd.cdb));
	return run_cmd(in, lun, &cmd);
}

struct answer tur(struct initiator *in, unsigned lun)
{
	struct scsi_cdb c = { .op = &scsi_ops[CMD_TEST_UNIT_READY] };

	return command(in, lun, &c, NULL, 0);
}

struct answer media(struct initiator *in, unsigned lun, enum scsi_cmd op, uint64_t lba,
		    uint32_t blocks, void *data, size_t len)
{
	struct scsi_cdb c = { .op = &scsi_ops[op], .lba = lba, .blocks = blocks };

	return command(in, lun, &c, data, len);
}

struct answer inquiry(struct initiator *in, unsigned lun, bool evpd, uint8_t page, void *data,
		      uint32_t len)
{
	struct scsi_cdb c = {
		.op = &scsi_ops[CMD_INQUIRY], .evpd = evpd, .page = page, .len = len
	};

	return command(in, lun, &c, data, len);
}

struct answer read_capacity(struct initiator *in, unsigned lun, struct capacity *ret)
{
	uint8_t buf[32] = { 0 };
	struct scsi_cdb c = { .op = &scsi_ops[CMD_READ_CAPACITY_16], .len = sizeof(buf) };
	struct answer a = command(in, lun, &c, buf, sizeof(buf));

	memset(ret, 0, sizeof(*ret));
	if (a.error == 0 && a.status == SAM_GOOD)
		CU_ASSERT(read_capacity_16_decode(buf, a.in_len, ret));
	return a;
}

struct answer pr_out(struct initiator *in, unsigned lun, enum scsi_cmd cmd, uint64_t key,
		     uint64_t sa_key, uint8_t type, bool aptpl)
{
	const struct pr_out p = { .key = key, .sa_key = sa_key, .aptpl = aptpl };
	struct scsi_cdb cdb = { .op = &scsi_ops[cmd], .pr_type = type, .len = PR_OUT_LEN };
	uint8_t list[PR_OUT_LEN];

	pr_out_encode(&p, list);
	return command(in, lun, &cdb, list, sizeof(list));
}

bool read_bytes(struct initiator *in, unsigned lun, uint32_t bs, uint64_t off, void *data,
		size_t len)
{
	uint8_t *p = data;

	while (len > 0) {
		uint32_t n = len < PIECE ? (uint32_t)len : PIECE;
		struct answer a = media(in, lun, CMD_READ_16, off / bs, n / bs, p, n);

		if (!answer_good("READ(16)", a))
			return false;
		p += n;
		off += n;
		len -= n;
	}
	return true;
}

bool write_pattern(struct initiator *in, unsigned lun, uint32_t bs, uint64_t off, size_t len,
		   uint64_t pattern_off, unsigned seed)
{
	uint8_t *buf = malloc(PIECE);
	bool ok = true;

	while (ok && len > 0) {
		uint32_t n = len < PIECE ? (uint32_t)len : PIECE;

		pattern_fill(buf, pattern_off, n, seed);
		ok = answer_good("WRITE(16)",
				 media(in, lun, CMD_WRITE_16, off / bs, n / bs, buf, n));
		off += n;
		pattern_off += n;
		len -= n;
	}
	free(buf);
	return ok;
}

static bool look(struct initiator *in, unsigned lun, uint32_t bs, uint64_t off, size_t len,
		 bool zero, uint64_t pattern_off, unsigned seed)
{
	uint8_t *buf = malloc(PIECE);
	bool ok = true;

	while (ok && len > 0) {
		uint32_t n = len < PIECE ? (uint32_t)len : PIECE;

		ok = read_bytes(in, lun, bs, off, buf, n) &&
		     (zero ? zeros_are("LUN", buf, n)
			   : pattern_is("LUN", buf, pattern_off, n, seed));
		if (!ok)
			printf("  (LUN %u, in the piece at byte %llu)\n", lun,
			       (unsigned long long)off);
		off += n;
		pattern_off += n;
		len -= n;
	}
	free(buf);
	return ok;
}

bool lun_is(struct initiator *in, unsigned lun, uint32_t bs, uint64_t off, size_t len,
	    uint64_t pattern_off, unsigned seed)
{
	return look(in, lun, bs, off, len, false, pattern_off, seed);
}

bool lun_is_zero(struct initiator *in, unsigned lun, uint32_t bs, uint64_t off, size_t len)
{
	return look(in, lun, bs, off, len, true, 0, 0);
}

/* ---- third-party copy ---- */

struct answer send_list(struct initiator *in, unsigned lun, enum scsi_cmd op, uint32_t list_id,
			const uint8_t *list, size_t len)
{
	struct scsi_cdb c = { .op = &scsi_ops[op], .list_id = list_id, .len = (uint32_t)len };

	return command(in, lun, &c, (void *)(uintptr_t)list, len);
}

struct answer pt_timeout(struct initiator *in, unsigned lun, uint32_t list_id, uint32_t timeout,
			 const struct tpc_range *ranges, unsigned n)
{
	uint8_t list[TPC_PT_HEADER + 128 * TPC_RANGE_LEN];
	size_t len = tpc_pt_encode(list, sizeof(list), false, false, timeout, 0, ranges, n);

	return send_list(in, lun, CMD_POPULATE_TOKEN, list_id, list, len);
}

struct answer pt(struct initiator *in, unsigned lun, uint32_t list_id,
		 const struct tpc_range *ranges, unsigned n)
{
	return pt_timeout(in, lun, list_id, 0, ranges, n);
}

static struct answer write_token(struct initiator *in, unsigned lun, uint32_t list_id, bool del,
				 const uint8_t *token, uint64_t offset,
				 const struct tpc_range *ranges, unsigned n)
{
	uint8_t list[TPC_WUT_HEADER + 128 * TPC_RANGE_LEN];
	size_t len = tpc_wut_encode(list, sizeof(list), false, del, offset, token, ranges, n);

	return send_list(in, lun, CMD_WRITE_USING_TOKEN, list_id, list, len);
}

struct answer wut(struct initiator *in, unsigned lun, uint32_t list_id, const uint8_t *token,
		  uint64_t offset, const struct tpc_range *ranges, unsigned n)
{
	return write_token(in, lun, list_id, false, token, offset, ranges, n);
}

struct answer wut_del(struct initiator *in, unsigned lun, uint32_t list_id, const uint8_t *token,
		      uint64_t offset, const struct tpc_range *ranges, unsigned n)
{
	return write_token(in, lun, list_id, true, token, offset, ranges, n);
}

void rrti(struct initiator *in, unsigned lun, uint32_t list_id, uint32_t alloc, struct rrti *ret)
{
	struct scsi_cdb c = { .op = &scsi_ops[CMD_RECEIVE_ROD_TOKEN_INFORMATION],
			      .list_id = list_id,
			      .len = alloc };

	memset(ret, 0, sizeof(*ret));
	ret->answer = command(in, lun, &c, ret->data, alloc);
	if (ret->answer.error == 0 && ret->answer.status == SAM_GOOD)
		ret->decoded = tpc_result_decode(ret->data, ret->answer.in_len, &ret->r);
}

bool rrti_is(struct initiator *in, unsigned lun, uint32_t list_id, uint8_t sa, unsigned status,
	     uint64_t count)
{
	struct rrti q;
	bool token = sa == scsi_ops[CMD_POPULATE_TOKEN].sa && status != TPC_FAILED;

	rrti(in, lun, list_id, RRTI_ALL, &q);
	if (!answer_good("RRTI", q.answer))
		return false;
	if (q.decoded && q.r.sa == sa && q.r.status == status && q.r.count == count &&
	    q.r.units == TPC_UNITS_BLOCKS && q.r.segments == 0 &&
	    q.r.delay_ms == TPC_DELAY_FINISHED && q.r.available == q.answer.in_len - 4 &&
	    q.r.descriptors_len == (token ? ROD_TOKEN_LEN + 2 : 0) && !q.r.token == !token &&
	    (status == TPC_DONE) == sense_is_good(q.r.sense))
		return true;
	printf("RRTI of %u: sa %02x status %02x count %llu units %02x segments %u delay %x "
	       "available %u of %zu descriptors %u sense %X/%02X/%02X\n",
	       list_id, q.r.sa, q.r.status, (unsigned long long)q.r.count, q.r.units, q.r.segments,
	       q.r.delay_ms, q.r.available, q.answer.in_len, q.r.descriptors_len, q.r.sense.key,
	       q.r.sense.asc, q.r.sense.ascq);
	printf("  expected sa %02x status %02x count %llu\n", sa, status,
	       (unsigned long long)count);
	return false;
}

bool rrti_sense_is(struct initiator *in, unsigned lun, uint32_t list_id, unsigned key,
		   unsigned asc_ascq)
{
	struct rrti q;

	rrti(in, lun, list_id, RRTI_ALL, &q);
	if (!answer_good("RRTI", q.answer))
		return false;
	if (q.r.sense.key == key && sense_asc_ascq(q.r.sense) == asc_ascq &&
	    q.r.completion == SAM_CHECK_CONDITION && q.r.sense_len <= 18 &&
	    q.r.sense_field_len >= q.r.sense_len)
		return true;
	printf("RRTI of %u: completion %02x sense %X/%02X/%02X in %zu of %zu bytes, expected "
	       "%X/%02X/%02X\n",
	       list_id, q.r.completion, q.r.sense.key, q.r.sense.asc, q.r.sense.ascq, q.r.sense_len,
	       q.r.sense_field_len, key, asc_ascq >> 8, asc_ascq & 0xff);
	return false;
}

static bool fetch_token(struct initiator *in, unsigned lun, uint32_t list_id, uint64_t blocks,
			uint8_t token[ROD_TOKEN_LEN])
{
	struct rrti q;

	rrti(in, lun, list_id, RRTI_ALL, &q);
	if (!answer_good("RRTI for the token", q.answer))
		return false;
	if (!q.r.token || q.r.status != TPC_DONE || q.r.count != blocks) {
		printf("RRTI: no complete token: status %02x, %llu of %llu blocks\n", q.r.status,
		       (unsigned long long)q.r.count, (unsigned long long)blocks);
		return false;
	}
	memcpy(token, q.r.token, ROD_TOKEN_LEN);
	return true;
}

bool take_token(struct initiator *in, unsigned lun, uint32_t list_id,
		const struct tpc_range *ranges, unsigned n, uint8_t token[ROD_TOKEN_LEN])
{
	uint64_t blocks = 0;
	bool ok;

	for (unsigned i = 0; i < n; i++)
		blocks += ranges[i].blocks;
	memset(token, 0, ROD_TOKEN_LEN);
	ok = answer_good("POPULATE TOKEN", pt(in, lun, list_id, ranges, n)) &&
	     fetch_token(in, lun, list_id, blocks, token);
	CU_ASSERT(ok);
	return ok;
}

bool take_one(struct initiator *in, unsigned lun, uint32_t list_id, uint64_t lba, uint32_t blocks,
	      uint32_t timeout, uint8_t token[ROD_TOKEN_LEN])
{
	struct tpc_range r = RANGE(lba, blocks);
	bool ok;

	memset(token, 0, ROD_TOKEN_LEN);
	ok = answer_good("POPULATE TOKEN", pt_timeout(in, lun, list_id, timeout, &r, 1)) &&
	     fetch_token(in, lun, list_id, blocks, token);
	CU_ASSERT(ok);
	return ok;
}
