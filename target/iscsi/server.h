/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The iSCSI portal: listens, logs in, carries commands to targets (RFC 7143,
 * error recovery level 0, one connection per session).  All functions on the ring's
 * thread or before it runs; the threads of limits.reactors only move bytes.
 */
#ifndef TARGET_ISCSI_SERVER_H
#define TARGET_ISCSI_SERVER_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "target.h"

struct iscsi_server;

#define ISCSI_MAX_REACTORS  64
#define ISCSI_AUTO_REACTORS 4

/* Named limits on what peers can make us hold, and what we spend on them. */
struct iscsi_limits {
	unsigned max_connections; /* all, also those not logged in yet; more are closed */
	unsigned max_sessions;	  /* login answered 0302h above it                      */
	unsigned queue_depth;	  /* command window (MaxCmdSN) per session              */
	unsigned login_timeout_s; /* from accept to full feature phase                  */
	unsigned nop_interval_s;  /* idle time before a NOP-In ping; 0: never           */
	unsigned nop_timeout_s;	  /* no answer to it, data owed to us not sent, or data */
				  /* of ours not taken for so long: connection dropped  */
	size_t max_text;	  /* bytes of one text negotiation, all PDUs together   */
	size_t arena_bytes;	  /* data memory for all sessions                       */
	unsigned reactors;	  /* threads that send and receive, the ring's included; */
				  /* 0: iscsi_default_reactors                           */
	unsigned multishot_after; /* receives in a row without long data, then multishot;  */
				  /* 0: never                                              */
	bool all_away;		  /* no connection stays on the ring's own: for tests    */
};
extern const struct iscsi_limits iscsi_limits_defaults;
/* One for each processor that this process may use, at most ISCSI_AUTO_REACTORS. */
unsigned iscsi_default_reactors(void);

struct iscsi_chap {				   /* empty strings: not wanted */
	char user[256], secret[256];		   /* the initiator proves to us     */
	char mutual_user[256], mutual_secret[256]; /* we prove to the initiator    */
};

/* How one target is offered.  Copied by iscsi_server_add_target. */
struct iscsi_target_config {
	struct target *target; /* not taken over; outlives the server */
	char alias[256];       /* TargetAlias; "" none */
	struct iscsi_chap chap;
	const char *const *allowed; /* initiator names; NULL or empty: everybody */
	unsigned nallowed;
};

int iscsi_server_new(struct iscsi_server **ret, const struct bs_env *env,
		     const struct iscsi_limits *limits);
/* After stop's done. */
void iscsi_server_free(struct iscsi_server *s);

int iscsi_server_add_target(struct iscsi_server *s, const struct iscsi_target_config *cfg);
/* CHAP for discovery sessions; NULL: open (the default). */
void iscsi_server_set_discovery_chap(struct iscsi_server *s, const struct iscsi_chap *chap);

/*
 * Listens on "ADDR:PORT" or "[ADDR6]:PORT" (port 0: the kernel chooses), with a
 * portal group tag behind a comma if it is not 1: every target has one target port per
 * group.  Stores the address really bound, without the tag, in @ret_bound
 * (INET6_ADDRSTRLEN + 16 are enough).  -errno with a one-line reason in @err ("port 3260 is in use;
 * ...").
 */
int iscsi_server_listen(struct iscsi_server *s, const char *portal, char *ret_bound,
			size_t bound_cap, char *err, size_t err_cap);

/*
 * Ends cleanly: no new connections or commands, running commands finish and are
 * answered (at most @grace_ms), sessions get an asynchronous logout request or
 * are closed.  @done from the loop when nothing is left.
 */
void iscsi_server_stop(struct iscsi_server *s, unsigned grace_ms, void (*done)(void *ctx),
		       void *ctx);

struct iscsi_stats {
	uint64_t connections, logins, login_failures;
	uint64_t commands, bytes_in, bytes_out; /* on the wire, PDUs and all */
	uint64_t rejects, digest_errors;
	uint64_t receives;			/* single ones                    */
	uint64_t multishots, multishot_buffers; /* multishot ones; what came by them */
	unsigned sessions_now, connections_now;
	unsigned on_reactor[ISCSI_MAX_REACTORS]; /* connections now, of each */
};
void iscsi_server_stats(const struct iscsi_server *s, struct iscsi_stats *ret);

#endif
