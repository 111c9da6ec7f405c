/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 5000

static struct answer last;

/* CRC32C bit by bit, on purpose not the target's library. */
static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
	}
	return crc;
}

static void put_digest(uint8_t *at, uint32_t crc)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(~crc >> (8 * i));
}

void peer_connect_to(struct peer *p, const char *addr_port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	const char *colon = strrchr(addr_port, ':');
	bool bracket = addr_port[0] == '[';
	struct addrinfo *ai = NULL;
	char host[64];
	int one = 1;

	snprintf(host, sizeof(host), "%.*s", (int)(colon - addr_port) - 2 * bracket,
		 addr_port + bracket);
	*p = (struct peer) { .fd = -1, .cmd_sn = 100, .itt = 1000 };
	if (getaddrinfo(host, colon + 1, &hints, &ai) == 0)
		p->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || connect(p->fd, ai->ai_addr, ai->ai_addrlen) < 0) {
		perror("peer");
		abort();
	}
	freeaddrinfo(ai);
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void peer_connect(struct peer *p, const struct rig *r)
{
	peer_connect_to(p, r->address);
}

void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* A peer that was cut off is what some tests want: errors are seen at the next receive. */
void peer_raw(struct peer *p, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		size_t piece = p->cut ? (size_t)rand() % p->cut + 1 : len;
		ssize_t n = send(p->fd, at, piece < len ? piece : len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		if (p->cut)
			sched_yield();
		at += n;
		len -= (size_t)n;
	}
}

void peer_send(struct peer *p, struct iscsi_pdu *pdu, const void *data, size_t len)
{
	static uint8_t buf[ISCSI_BHS_LEN + 4 + (300 << 10) + 8];
	size_t n = ISCSI_BHS_LEN, pad = iscsi_pad((uint32_t)len);

	pdu->data_len = (uint32_t)len;
	iscsi_pdu_encode(pdu, buf);
	if (p->header_digest) {
		put_digest(buf + n, crc32c(~0u, buf, n));
		n += 4;
	}
	if (len > 0) {
		memcpy(buf + n, data, len);
		memset(buf + n + len, 0, pad);
		if (p->data_digest) {
			put_digest(buf + n + len + pad, crc32c(~0u, buf + n, len + pad));
			n += 4;
		}
		n += len + pad;
	}
	peer_raw(p, buf, n);
}

/* False: the end, or nothing for too long. */
static bool receive(struct peer *p, void *dst, size_t len)
{
	char *at = dst;

	while (len > 0) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
		ssize_t n;

		if (poll(&pfd, 1, WAIT_MS) <= 0)
			return false;
		n = recv(p->fd, at, len, 0);
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

const struct answer *peer_recv(struct peer *p)
{
	uint8_t head[ISCSI_BHS_LEN + 4], tail[8];
	size_t n = ISCSI_BHS_LEN + (p->header_digest ? 4 : 0), pad;
	uint8_t digest[4];

	memset(&last.pdu, 0, sizeof(last.pdu));
	last.eof = true;
	last.digests_good = true;
	last.len = 0;
	if (!receive(p, head, n))
		return &last;
	if (p->header_digest) {
		put_digest(digest, crc32c(~0u, head, ISCSI_BHS_LEN));
		last.digests_good = memcmp(digest, head + ISCSI_BHS_LEN, 4) == 0;
	}
	CU_ASSERT(iscsi_pdu_decode(head, &last.pdu));
	last.len = last.pdu.data_len;
	if (last.len >= sizeof(last.data) || !receive(p, last.data, last.len))
		return &last;
	pad = iscsi_pad((uint32_t)last.len);
	if (!receive(p, tail, pad + (p->data_digest && last.len ? 4 : 0)))
		return &last;
	if (p->data_digest && last.len > 0) {
		uint32_t crc = crc32c(~0u, (uint8_t *)last.data, last.len);

		put_digest(digest, crc32c(crc, tail, pad));
		last.digests_good &= memcmp(digest, tail + pad, 4) == 0;
	}
	last.data[last.len] = '\0';
	last.eof = false;
	p->exp_stat_sn = get_be32(head + 24) + 1;
	return &last;
}

bool peer_is_closed(struct peer *p)
{
	for (int i = 0; i < 1000; i++) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
		char buf[4096];

		if (poll(&pfd, 1, WAIT_MS) <= 0)
			return false;
		if (recv(p->fd, buf, sizeof(buf), 0) <= 0)
			return true;
	}
	return false;
}

bool peer_is_quiet(struct peer *p, int ms)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	return poll(&pfd, 1, ms) == 0;
}

void peer_login_pdu(struct peer *p, unsigned csg, int nsg, const char *text)
{
	struct iscsi_pdu pdu = { .opcode = ISCSI_LOGIN_REQ,
				 .immediate = true,
				 .itt = 77,
				 .login = { .csg = (uint8_t)csg,
					    .isid = { 0x80, 1, 2, 3, 4, p->isid_tail },
					    .tsih = p->tsih,
					    .cid = 9,
					    .cmd_sn = p->cmd_sn,
					    .exp_stat_sn = p->exp_stat_sn } };
	static char buf[200000];
	size_t len = strlen(text);

	if (nsg >= 0) {
		pdu.flags = ISCSI_LOGIN_TRANSIT;
		pdu.login.nsg = (uint8_t)nsg;
	}
	for (size_t i = 0; i <= len; i++)
		buf[i] = text[i] == '|' ? '\0' : text[i];
	peer_send(p, &pdu, buf, len ? len + 1 : 0);
}

const struct answer *peer_login_step(struct peer *p, unsigned csg, int nsg, const char *text)
{
	peer_login_pdu(p, csg, nsg, text);
	return peer_recv(p);
}

unsigned answer_login_status(const struct answer *a)
{
	if (a->eof || a->pdu.opcode != ISCSI_LOGIN_RSP)
		return 0xffff;
	return (unsigned)a->pdu.login.status_class << 8 | a->pdu.login.status_detail;
}

const char *answer_value(const struct answer *a, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < a->len; i += strlen(a->data + i) + 1)
		if (strncmp(a->data + i, key, n) == 0 && a->data[i + n] == '=')
			return a->data + i + n + 1;
	return NULL;
}

unsigned peer_login(struct peer *p, const struct rig *r, const char *initiator, const char *target,
		    const char *more)
{
	const struct answer *a;
	char text[2048];

	peer_connect(p, r);
	snprintf(text, sizeof(text), "InitiatorName=%s|%s%s%s%s", initiator,
		 target ? "TargetName=" : "SessionType=Discovery", target ? target : "",
		 *more ? "|" : "", more);
	a = peer_login_step(p, 1, 3, text);
	if (!a->eof && a->pdu.login.tsih) {
		const char *value = answer_value(a, "HeaderDigest");

		p->header_digest = value && strcmp(value, "CRC32C") == 0;
		value = answer_value(a, "DataDigest");
		p->data_digest = value && strcmp(value, "CRC32C") == 0;
	}
	return answer_login_status(a);
}

struct iscsi_pdu peer_request(struct peer *p, uint8_t opcode, bool immediate)
{
	struct iscsi_pdu pdu = {
		.opcode = opcode, .immediate = immediate, .flags = ISCSI_F_FINAL, .itt = ++p->itt
	};
	uint32_t sn = immediate ? p->cmd_sn : p->cmd_sn++;

	switch (opcode) {
	case ISCSI_SCSI_CMD:
		pdu.cmd.cmd_sn = sn;
		pdu.cmd.exp_stat_sn = p->exp_stat_sn;
		break;
	case ISCSI_TMF_REQ:
		pdu.tmf.cmd_sn = sn;
		pdu.tmf.exp_stat_sn = p->exp_stat_sn;
		break;
	case ISCSI_LOGOUT_REQ:
		pdu.logout.cmd_sn = sn;
		pdu.logout.exp_stat_sn = p->exp_stat_sn;
		break;
	case ISCSI_SNACK_REQ:
		break;
	default:
		pdu.text.ttt = ISCSI_NO_TAG;
		pdu.text.cmd_sn = sn;
		pdu.text.exp_stat_sn = p->exp_stat_sn;
	}
	return pdu;
}

static struct iscsi_pdu media(struct peer *p, unsigned lun, uint8_t opcode, uint32_t lba,
			      uint16_t blocks, uint32_t block)
{
	struct iscsi_pdu pdu = peer_request(p, ISCSI_SCSI_CMD, false);

	pdu.lun = (uint64_t)lun << 48;
	pdu.cmd.edtl = blocks * block;
	pdu.cmd.cdb[0] = opcode;
	put_be32(pdu.cmd.cdb + 2, lba);
	put_be16(pdu.cmd.cdb + 7, blocks);
	return pdu;
}

struct iscsi_pdu peer_read10(struct peer *p, unsigned lun, uint32_t lba, uint16_t blocks,
			     uint32_t block)
{
	struct iscsi_pdu pdu = media(p, lun, 0x28, lba, blocks, block);

	pdu.flags |= ISCSI_CMD_READ;
	return pdu;
}

struct iscsi_pdu peer_write10(struct peer *p, unsigned lun, uint32_t lba, uint16_t blocks,
			      uint32_t block)
{
	struct iscsi_pdu pdu = media(p, lun, 0x2a, lba, blocks, block);

	pdu.flags |= ISCSI_CMD_WRITE;
	return pdu;
}

void peer_data_out(struct peer *p, const struct iscsi_pdu *cmd, uint32_t ttt, uint32_t data_sn,
		   uint32_t offset, const void *data, size_t len, bool final)
{
	struct iscsi_pdu pdu = { .opcode = ISCSI_DATA_OUT,
				 .flags = final ? ISCSI_F_FINAL : 0,
				 .lun = cmd->lun,
				 .itt = cmd->itt,
				 .data_out = { .ttt = ttt,
					       .exp_stat_sn = p->exp_stat_sn,
					       .data_sn = data_sn,
					       .offset = offset } };

	peer_send(p, &pdu, data, len);
}

struct read_result peer_read_all(struct peer *p, const struct iscsi_pdu *cmd, uint8_t *buf,
				 size_t cap)
{
	struct read_result r = { .in_order = true, .digests_good = true, .status = 0xff };

	for (;;) {
		const struct answer *a = peer_recv(p);

		if (a->eof)
			return r;
		r.digests_good &= a->digests_good;
		r.in_order &= a->pdu.itt == cmd->itt;
		if (a->pdu.opcode == ISCSI_SCSI_RSP) {
			r.status = a->pdu.rsp.status;
			r.flags = a->pdu.flags;
			r.residual = a->pdu.rsp.residual;
			r.sense = answer_sense(a);
			r.in_order &= a->pdu.rsp.exp_data_sn == r.pdus;
			return r;
		}
		r.in_order &= a->pdu.opcode == ISCSI_DATA_IN && a->pdu.data_in.data_sn == r.pdus &&
			      a->pdu.data_in.offset == r.len && r.len + a->len <= cap;
		if (!r.in_order)
			return r;
		memcpy(buf + r.len, a->data, a->len);
		r.len += a->len;
		r.pdus++;
		r.sequences += a->pdu.flags >> 7;
		if (a->pdu.flags & ISCSI_DATA_STATUS) {
			r.status = a->pdu.data_in.status;
			r.flags = a->pdu.flags;
			r.residual = a->pdu.data_in.residual;
			return r;
		}
	}
}

unsigned peer_tur(struct peer *p, unsigned lun)
{
	struct iscsi_pdu pdu = peer_request(p, ISCSI_SCSI_CMD, false);
	const struct answer *a;

	pdu.lun = (uint64_t)lun << 48;
	peer_send(p, &pdu, NULL, 0);
	a = peer_recv(p);
	if (a->eof || a->pdu.opcode != ISCSI_SCSI_RSP || a->pdu.itt != pdu.itt)
		return 0xff;
	return a->pdu.rsp.status;
}

void peer_ready(struct peer *p, unsigned lun)
{
	for (int i = 0; i < 4; i++)
		if (peer_tur(p, lun) == 0)
			return;
	CU_FAIL("the LUN does not get ready");
}

unsigned answer_sense(const struct answer *a)
{
	const uint8_t *s = (const uint8_t *)a->data;

	if (a->eof || a->pdu.opcode != ISCSI_SCSI_RSP || a->pdu.rsp.status != 2 || a->len < 20 ||
	    get_be16(s) != 18)
		return 0xffffff;
	return (unsigned)(s[4] & 15) << 16 | (unsigned)s[14] << 8 | s[15];
}

void rig_session(struct rig *r, struct peer *p, const char *more)
{
	rig_init(r);
	rig_start(r);
	CU_ASSERT_EQUAL(peer_login(p, r, RIG_INITIATOR, RIG_TARGET, more), 0);
	peer_ready(p, LUN_DISK);
}

static bool no_connections(const struct iscsi_stats *st)
{
	return st->connections_now == 0 && st->sessions_now == 0;
}

void rig_end(struct rig *r)
{
	CU_ASSERT(rig_wait(r, no_connections));
	rig_stop(r, 0);
}

void rig_session_done(struct rig *r, struct peer *p)
{
	peer_close(p);
	rig_end(r);
}
