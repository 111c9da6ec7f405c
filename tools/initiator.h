/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An iSCSI session for tools and tests: the transport below the class driver
 * (disk.h).  It carries raw CDBs, synchronously or several at once, counts them
 * and knows how many bytes really went over the wire.
 *
 * Every function of one session must be called from one thread at a time;
 * different sessions are independent.
 */
#ifndef TOOLS_INITIATOR_H
#define TOOLS_INITIATOR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "cdb.h"
#include "opcodes.h"
#include "sense.h"

#define INITIATOR_ERR 256 /* room for one line of error text */

/* iscsi://[user[%secret]@]host[:port]/target/lun[?target_user=..&target_password=..] */
struct initiator_uri {
	char portal[256]; /* host:port, the port always there */
	char target[256];
	char user[256], secret[256];
	char target_user[256], target_secret[256]; /* mutual CHAP */
	unsigned lun;
};

/* -EINVAL with the reason in @err (INITIATOR_ERR bytes); @ret untouched then. */
int initiator_uri_parse(const char *text, struct initiator_uri *ret, char *err);
/* "iscsi://host:port/target/lun" without credentials; returns @buf. */
const char *initiator_uri_text(const struct initiator_uri *uri, char *buf, size_t cap);

struct initiator_options {
	const char *name;   /* initiator name; NULL: a default              */
	unsigned timeout_s; /* per command; 0: 60                           */
	bool header_digest; /* insist on CRC32C                             */
	bool no_immediate;  /* no immediate data                            */
	bool initial_r2t;   /* no unsolicited data                          */
	uint32_t isid;	    /* not 0: a fixed ISID of the "random" format   */
};

struct initiator;
struct initiator_cmd;
struct iscsi_context;

/* One command: the first block is the caller's, the second the answer. */
struct initiator_cmd {
	uint8_t cdb[16];
	uint8_t cdb_len;
	enum scsi_dir dir;
	void *data; /* data-out, or room for data-in; valid until done */
	size_t len;
	void (*done)(struct initiator_cmd *cmd); /* may be NULL; may submit again */
	void *ctx;				 /* the caller's */

	int error;	    /* 0, or -errno: there was no answer             */
	uint8_t status;	    /* SAM status                                    */
	struct sense sense; /* with CHECK CONDITION                          */
	size_t sense_len;
	uint8_t sense_raw[SENSE_MAX_LEN];
	size_t in_len;	  /* data-in bytes that arrived                    */
	int64_t residual; /* > 0 underflow, < 0 overflow, as the target says */

	bool busy;
	struct initiator *session;
	void *task;
};

/*
 * Logs in to @uri's target.  Errors, with one line in @err (INITIATOR_ERR bytes):
 * -ECONNREFUSED no connection, -ENOENT no such target, -EACCES authentication
 * failed, -EPERM this initiator is not allowed, -EPROTO anything else.
 */
int initiator_open(struct initiator **ret, const struct initiator_uri *uri,
		   const struct initiator_options *opt, char *err);
/* Logs out and frees; nothing may be pending.  NULL is fine. */
void initiator_close(struct initiator *in);
/* Frees and closes the connection as if the host had died. */
void initiator_drop(struct initiator *in);

/* An encoded CDB and its data direction from @cdb; results cleared. */
struct initiator_cmd initiator_cmd(const struct scsi_cdb *cdb, void *data, size_t len);

/* Sends; done comes from initiator_poll (or at once from here when the session is dead). */
void initiator_submit(struct initiator *in, unsigned lun, struct initiator_cmd *cmd);
/* Sends and waits for the answer. */
void initiator_run(struct initiator *in, unsigned lun, struct initiator_cmd *cmd);
/* Waits for @cmd to end, serving the others meanwhile. */
void initiator_wait(struct initiator *in, struct initiator_cmd *cmd);
/*
 * Serves up to @n sessions, waiting at most @timeout_ms for something to happen.
 * The same session may be named twice.
 */
void initiator_poll(struct initiator *const *v, unsigned n, int timeout_ms);
/* Commands sent and not ended. */
unsigned initiator_pending(const struct initiator *in);
/* False once the connection is gone. */
bool initiator_alive(const struct initiator *in);

/*
 * Task management; waits for the response.  Returns the RFC 7143 11.6.1 response
 * code or -errno.  initiator_abort: when that is 0, @cmd has ended, with error
 * -ECANCELED unless its answer came first.  The resets leave commands of this
 * session pending, which the target will not answer any more.
 */
int initiator_abort(struct initiator *in, struct initiator_cmd *cmd);
int initiator_abort_task_set(struct initiator *in, unsigned lun);
int initiator_lun_reset(struct initiator *in, unsigned lun);
int initiator_target_reset(struct initiator *in);
/* A NOP-Out with @len bytes at @data; 0 when the same bytes came back, else -errno. */
int initiator_nop(struct initiator *in, const void *data, size_t len);

struct initiator_counts {
	uint64_t sent[CMD_COUNT]; /* commands, by scsi_ops row       */
	uint64_t other;		  /* commands we have no row for     */
	uint64_t wire_out;	  /* bytes acknowledged by the peer  */
	uint64_t wire_in;	  /* bytes received, iSCSI and login and all */
};
/* Adds this session's counts so far to @sum. */
void initiator_add_counts(struct initiator *in, struct initiator_counts *sum);

/* Who is at the other end; false when the session is dead. */
bool initiator_peer(const struct initiator *in, struct sockaddr_storage *ret);
/* For what this interface lacks; see libiscsi.h. */
struct iscsi_context *initiator_context(struct initiator *in);

#endif
