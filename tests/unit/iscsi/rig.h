/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real portal on a loopback port with memory LUNs, run by a thread of its own,
 * and a raw initiator that says exactly what a test wants it to say.
 */
#ifndef TESTS_ISCSI_RIG_H
#define TESTS_ISCSI_RIG_H

#include <pthread.h>

#include "iscsi_pdu.h"
#include "server.h"
#include "test.h"
#include "text.h"

#define RIG_TARGET    "iqn.2001-04.com.example:rig"
#define RIG_OTHER     "iqn.2001-04.com.example:other" /* CHAP and an allow-list */
#define RIG_INITIATOR "iqn.2001-04.com.example:tester"
#define RIG_LU_SIZE   (8ull << 20)
#define LUN_DISK      0u /* 512-byte blocks                          */
#define LUN_SLOW      1u /* every read and write takes 300 ms longer */
#define LUN_4K	      2u

struct rig {
	struct bs_env env;
	struct target *target, *other;
	struct iscsi_server *server;
	struct iscsi_limits limits;		 /* change before rig_start */
	const struct iscsi_chap *discovery_chap; /* likewise */
	char address[128];			 /* "127.0.0.1:PORT" */
	unsigned port;
	pthread_t thread;
};

/*
 * Limits as tests like them: small, short times; as many reactors as RIG_REACTORS in the
 * environment says and no connection on the first, or one; and multishot receives after so
 * many small ones as RIG_MULTISHOT says, or none.
 */
void rig_init(struct rig *r);
void rig_start(struct rig *r);
/* Stops with @grace_ms and frees all; everything must be back (asserted inside). */
void rig_stop(struct rig *r, unsigned grace_ms);
/* iscsi_server_listen, on the ring's thread. */
int rig_listen(struct rig *r, const char *addr_port, char bound[128], char err[256]);
struct iscsi_stats rig_stats(struct rig *r);
/* Waits until @now(stats) holds, at most two seconds. */
bool rig_wait(struct rig *r, bool (*now)(const struct iscsi_stats *));

/* ---- the raw initiator ---- */

struct peer {
	int fd;
	uint32_t cmd_sn, exp_stat_sn, itt;
	bool header_digest, data_digest;
	uint8_t isid_tail; /* last byte of the ISID */
	uint16_t tsih;
	size_t cut; /* sends pieces of at most so many bytes, by chance; 0: all in one */
};

/* What came: header and data segment. */
struct answer {
	bool eof; /* nothing came: the connection was closed */
	struct iscsi_pdu pdu;
	bool digests_good;
	size_t len;
	char data[300 << 10];
};

void peer_connect(struct peer *p, const struct rig *r);
void peer_connect_to(struct peer *p, const char *addr_port);
void peer_close(struct peer *p);
void peer_raw(struct peer *p, const void *bytes, size_t len);
/* Sends a PDU; data_len and digests are filled in. */
void peer_send(struct peer *p, struct iscsi_pdu *pdu, const void *data, size_t len);
/* The next PDU; a static answer.  Waits five seconds at most. */
const struct answer *peer_recv(struct peer *p);
/* True if the peer's connection ends, with any PDUs before that ignored. */
bool peer_is_closed(struct peer *p);
/* True if nothing comes for @ms. */
bool peer_is_quiet(struct peer *p, int ms);

/* A login request with @text ("K=V|K=V", '|' ends a pair). */
void peer_login_pdu(struct peer *p, unsigned csg, int nsg, const char *text);
/* The same and its answer. */
const struct answer *peer_login_step(struct peer *p, unsigned csg, int nsg, const char *text);
/* The whole login in one request, straight to full feature phase; the status. */
unsigned peer_login(struct peer *p, const struct rig *r, const char *initiator, const char *target,
		    const char *more);
unsigned answer_login_status(const struct answer *a);
/* The value of @key in an answer's text, or NULL. */
const char *answer_value(const struct answer *a, const char *key);

/* A rig with nothing changed and one peer logged in to LUN_DISK; and its end. */
void rig_session(struct rig *r, struct peer *p, const char *more);
void rig_session_done(struct rig *r, struct peer *p);
/* Waits until all connections are gone by themselves, then stops. */
void rig_end(struct rig *r);

/* Fills in a request of @opcode: ITT, CmdSN (counted unless @immediate). */
struct iscsi_pdu peer_request(struct peer *p, uint8_t opcode, bool immediate);
/* A SCSI command PDU: READ(10)/WRITE(10) of @blocks at @lba, EDTL as it should be. */
struct iscsi_pdu peer_read10(struct peer *p, unsigned lun, uint32_t lba, uint16_t blocks,
			     uint32_t block);
struct iscsi_pdu peer_write10(struct peer *p, unsigned lun, uint32_t lba, uint16_t blocks,
			      uint32_t block);
/* A Data-Out for @cmd. */
void peer_data_out(struct peer *p, const struct iscsi_pdu *cmd, uint32_t ttt, uint32_t data_sn,
		   uint32_t offset, const void *data, size_t len, bool final);
/* What a read brought: all PDUs up to the one with the status. */
struct read_result {
	unsigned pdus, sequences, status; /* status 0xff: the connection ended      */
	uint8_t flags;			  /* of the PDU with the status             */
	uint32_t residual;
	size_t len;
	bool in_order, digests_good;
	unsigned sense;
};
struct read_result peer_read_all(struct peer *p, const struct iscsi_pdu *cmd, uint8_t *buf,
				 size_t cap);
/* TEST UNIT READY until the unit attentions are gone. */
void peer_ready(struct peer *p, unsigned lun);
/* TEST UNIT READY; its status, 0xff when nothing came. */
unsigned peer_tur(struct peer *p, unsigned lun);
/* Sense key, ASC and ASCQ of a SCSI Response as 0xKAAQQ. */
unsigned answer_sense(const struct answer *a);

#endif
