/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the iSCSI portal: what its files share.  Everything runs on the ring's
 * thread, but for the sends and receives themselves (reactor.h).
 *
 *   server  portals, limits, targets; owns all connections
 *   conn    a TCP connection: byte stream in (rx.c), PDU queue out (tx.c)
 *   session what a login made: I_T nexus, command window, pool of requests
 *   icmd    a request of the initiator from its first byte to the last byte of
 *           the answer; the pool is fixed, an empty one stops reading
 *
 * Lifetimes.  A request is freed when it is over and nothing holds it (pins: a
 * piece in the logical unit, bytes being received into it, PDUs queued to send).
 * A connection is freed, with its session, when it is closed and no operation in
 * the kernel and no request is left; conn_settle looks whether that is so.
 */
#ifndef TARGET_ISCSI_PRIV_H
#define TARGET_ISCSI_PRIV_H

#include <stddef.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "chap.h"
#include "iscsi_pdu.h"
#include "params.h"
#include "reactor.h"
#include "server.h"
#include "stream.h"

#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#endif

#define PIECE_MAX	(256u << 10) /* memory of one piece of a command's data  */
#define RX_BUFFER	(64u << 10)
#define TX_SLOTS	64	     /* PDUs in one send                           */
#define TX_BATCH	(1u << 20)   /* bytes in one send, about                   */
#define TX_BULK		(256u << 10) /* from here on a send is worth a message there and back */
#define IMMEDIATE_MAX	8	     /* immediate requests at once, per session    */
#define DISCOVERY_DEPTH 4	     /* command window of a discovery session      */
#define ITT_BUCKETS	64
#define MEMORY_WAIT_MS	500 /* unsolicited data with no memory: then TASK SET FULL */
#define STALL_S		30  /* where limits.nop_timeout_s is 0 */
#define DRAIN_S		2   /* from our last byte to the peer's close              */

#define NS_PER_S	1000000000ull
#define NS_PER_MS	1000000ull

/* Sense for what goes wrong in the transport (RFC 7143 11.4.7.2), SPC-4's 49/00. */
enum {
	ASC_UNEXPECTED_UNSOLICITED_DATA = 0x0c0c,
	ASC_INCORRECT_AMOUNT_OF_DATA = 0x0c0d,
	ASC_PROTOCOL_SERVICE_CRC = 0x4705,
	ASC_INVALID_MESSAGE = 0x4900,
};

struct iscsi_conn;
struct iscsi_session;
struct icmd;

/* ---- sending (tx.c) ---- */

struct tx_pdu {
	struct iscsi_pdu pdu; /* data_len is filled in */
	const void *data;     /* stays as it is until the item's sent */
	uint32_t data_len;
};

/* Something to send, one PDU or many; embedded in its owner. */
struct tx_item {
	/* The next PDU, made when it goes out; true: there are more. */
	bool (*next)(struct iscsi_conn *c, struct tx_item *it, struct tx_pdu *ret);
	/* All of it is with the kernel, or the connection is gone.  From the loop. */
	void (*sent)(struct iscsi_conn *c, struct tx_item *it);
	TAILQ_ENTRY(tx_item) link;
	enum { TX_IDLE, TX_QUEUED, TX_STARTED, TX_BATCHED } state;
};
TAILQ_HEAD(tx_list, tx_item);

struct tx_slot {
	uint8_t head[ISCSI_BHS_LEN + 4];
	uint8_t tail[3 + 4];
};

struct tx {
	struct sock_op op;
	struct ring_post start;
	bool due; /* start comes at the end of this turn of the loop: all that is ready by then */
	bool busy;
	struct tx_list queue; /* not all of it in a batch yet  */
	struct tx_list batch; /* ends with the send on its way */
	struct tx_slot slots[TX_SLOTS];
	struct iovec iov[TX_SLOTS * 3];
	unsigned niov, first;
	size_t bytes; /* of the whole batch */
	struct msghdr msg;
	uint64_t progress; /* ring time of the last byte taken, or of the first wait */
};

void tx_init(struct iscsi_conn *c);
void tx_queue(struct iscsi_conn *c, struct tx_item *it);
/* Takes back what is not on its way yet; false: sent comes.  True: it does not. */
bool tx_cancel(struct iscsi_conn *c, struct tx_item *it);
/* The connection is closed: sent for all that waits, except a running batch. */
void tx_drop(struct iscsi_conn *c);
bool tx_idle(const struct iscsi_conn *c);
/* StatSN for a PDU that carries status; the numbers every PDU carries. */
uint32_t conn_next_stat_sn(struct iscsi_conn *c);
uint32_t conn_exp_cmd_sn(const struct iscsi_conn *c);
uint32_t conn_max_cmd_sn(const struct iscsi_conn *c);

/* ---- receiving (rx.c) ---- */

enum rx_verdict {
	RX_GO,	 /* receive the data segment to rx.dst (NULL: drop it)    */
	RX_WAIT, /* stop reading; rx_resume asks again                    */
	RX_STOP, /* the connection is closed or closing                   */
};

enum rx_state { RX_HEADER, RX_BEGIN, RX_DATA, RX_TAIL };

struct rx {
	struct sock_op op;
	bool busy;    /* a receive is in the kernel */
	bool waiting; /* RX_WAIT                    */
	bool running;
	const uint8_t *buf; /* own, or that of lent */
	size_t head, tail;
	uint8_t *own;
	struct stream stream;
	struct stream_buf *lent;   /* is being read             */
	struct stream_bufs unread; /* came behind it            */
	size_t unread_at;	   /* in the first of them      */
	unsigned small;		   /* receives in a row without long data */
	enum rx_state state;
	uint8_t bhs[ISCSI_BHS_LEN];
	struct iscsi_pdu pdu;
	struct iscsi_ahs ahs; /* where ahs_good */
	bool ahs_good;
	bool known; /* the opcode is one of RFC 7143 */
	uint8_t *dst;
	uint32_t left, crc;
	size_t direct; /* bytes of the running receive that go to dst */
	struct icmd *cmd;
	struct iovec iov[2];
	struct msghdr msg;
	uint64_t progress; /* ring time of the last byte */
};

int rx_init(struct iscsi_conn *c);
void rx_free(struct iscsi_conn *c);
bool rx_idle(const struct iscsi_conn *c); /* nothing in the kernel, nothing being handled */
void rx_run(struct iscsi_conn *c);	  /* handles what is buffered, then receives */
void rx_resume(struct iscsi_conn *c);	  /* after RX_WAIT */
/* A multishot receive is the wrong way: data comes that should go straight to its place. */
void rx_no_multishot(struct iscsi_conn *c);
void rx_closed(struct iscsi_conn *c); /* lets go of what was being received */

/*
 * A whole header is there / its data segment is there too.  By the connection's
 * state these are login.c's or request.c's.
 */
enum rx_verdict login_begin(struct iscsi_conn *c);
void login_end(struct iscsi_conn *c, bool digest_ok);
enum rx_verdict request_begin(struct iscsi_conn *c);
void request_end(struct iscsi_conn *c, bool digest_ok);

/* ---- connections (conn.c) ---- */

enum conn_state {
	CONN_LOGIN,
	CONN_FULL,   /* full feature phase                            */
	CONN_DRAIN,  /* our last word is said: waits for the peer's close */
	CONN_CLOSED, /* waits for what is in flight                   */
};

struct login; /* login.c */

struct iscsi_conn {
	struct iscsi_server *srv;
	struct reactor *reactor; /* sends and receives for it */
	TAILQ_ENTRY(iscsi_conn) link;
	int fd;
	enum conn_state state;
	bool last_word; /* close when the send queue is empty */
	bool deaf;	/* logging out: nothing more is read  */
	char peer[64];	/* "ADDR:PORT", "[ADDR6]:PORT" */
	struct sockaddr_storage local_addr;
	uint16_t tpgt;	     /* of the portal that it came through */
	struct login *login; /* CONN_LOGIN */
	struct iscsi_session *sess;
	struct iscsi_params params;
	uint16_t cid;
	uint32_t stat_sn;
	uint32_t login_cmd_sn; /* before there is a session */
	uint64_t since;	       /* ring time of accept, or of the drain */
	struct rx rx;
	struct tx tx;
	struct ring_timer tick;	  /* once a second: all time limits */
	struct ring_timer memory; /* rx waits for memory so long    */
	struct ring_post settle;
	bool settling;
	struct tx_item control; /* login response, last Reject, asynchronous message */
	struct tx_pdu control_pdu;
	uint8_t control_data[ISCSI_BHS_LEN];
	struct tx_item ping; /* our NOP-In */
	bool ping_open;	     /* sent, no answer yet */
	uint64_t ping_since;
	uint32_t ping_ttt;
	/* text, in login and full feature phase: request and answer */
	char *text;
	size_t text_len;
	uint8_t *reply;
	size_t reply_len, reply_cap, reply_off;
	struct params_nego nego; /* text in full feature phase */
	bool nego_open;
	uint32_t text_ttt;
};

int conn_new(struct iscsi_server *s, int fd, uint16_t tpgt);
/* Ends it at once; @why for the log (NULL: said already).  The struct lives until settled. */
void conn_close(struct iscsi_conn *c, const char *why);
/* Nothing more is read; what is queued is sent, then the connection is closed. */
void conn_finish(struct iscsi_conn *c);
/* Rejects what is in rx.bhs as the last word. */
void conn_reject_last(struct iscsi_conn *c, enum iscsi_reject_reason reason, const char *why);
/* Something ended: time to free? */
void conn_settle(struct iscsi_conn *c);
/* "ADDR:PORT" or "[ADDR6]:PORT" */
void conn_print_address(char *dst, size_t cap, const struct sockaddr_storage *ss);
/* "iqn.x at 127.0.0.1:1234" for the log; static. */
const char *conn_who(const struct iscsi_conn *c);

/* ---- login (login.c, login_keys.c) ---- */

int login_new(struct iscsi_conn *c);
void login_free(struct iscsi_conn *c);
/* The session that stood in the way has ended. */
void login_continue(struct iscsi_conn *c);
/* Does it wait for the session that it replaces (@replacing), or for room? */
bool login_waits(const struct iscsi_conn *c, bool replacing);

/* ---- sessions (session.c) ---- */

struct iscsi_tgt {
	LIST_ENTRY(iscsi_tgt) link;
	struct target *target;
	char alias[256];
	struct iscsi_chap chap;
	char **allowed; /* folded to lower case */
	unsigned nallowed;
};

TAILQ_HEAD(icmd_list, icmd);
LIST_HEAD(icmd_bucket, icmd);

struct iscsi_session {
	struct iscsi_server *srv;
	struct iscsi_conn *conn;
	LIST_ENTRY(iscsi_session) link;
	struct iscsi_tgt *tgt; /* NULL: discovery */
	struct nexus nexus;
	char initiator[256];
	uint8_t isid[6];
	uint16_t tsih;
	/* command window: MaxCmdSN = exp_cmd_sn + depth - counted - 1 */
	uint32_t exp_cmd_sn;
	unsigned depth, counted;
	unsigned immediates;
	struct icmd *pool;
	unsigned npool;
	struct icmd_list free, active; /* active: oldest first */
	struct icmd_list held;	       /* ahead of ExpCmdSN, by CmdSN */
	struct icmd_bucket by_itt[ITT_BUCKETS];
	uint64_t seq; /* orders started requests */
	struct icmd *logout;
	/* memory.c */
	struct icmd_list memory; /* requests that wait, in order */
	struct arena_waiter waiter;
	size_t memory_used;
};

/* -errno.  @tgt NULL: discovery. */
int session_new(struct iscsi_session **ret, struct iscsi_server *s, struct iscsi_tgt *tgt,
		uint16_t tpgt, const char *initiator, const uint8_t isid[6]);
void session_free(struct iscsi_session *sess);
/* The session that a login with these would replace, or NULL. */
struct iscsi_session *session_find(struct iscsi_server *s, const struct iscsi_tgt *tgt,
				   uint16_t tpgt, const char *initiator, const uint8_t isid[6]);
bool session_has_tsih(const struct iscsi_server *s, uint16_t tsih);

/* ---- requests (request.c) ---- */

struct request_kind;

/* A part of a command's data, with its memory. */
struct piece {
	struct icmd *cmd;
	uint8_t *mem;
	size_t mem_len;
	uint64_t off;  /* in the command's data            */
	uint32_t len;  /* bytes to send                    */
	uint32_t sent; /* of them are in PDUs              */
	bool last;     /* with status in the last PDU      */
	struct iovec iov;
	struct tx_item tx;
};

struct icmd {
	struct iscsi_session *sess;
	const struct request_kind *kind;
	TAILQ_ENTRY(icmd) link;	  /* free or active */
	TAILQ_ENTRY(icmd) order;  /* held           */
	TAILQ_ENTRY(icmd) memory; /* waits for memory */
	LIST_ENTRY(icmd) hash;
	unsigned pins;
	bool over;	/* nothing more to do but wait for pins        */
	bool ignored;	/* outside the window: drop it at its end      */
	bool counted;	/* takes a place in the window                 */
	bool hashed;	/* in by_itt                                   */
	bool held;	/* in held                                     */
	bool started;	/* its CmdSN's turn has come                   */
	bool aborted;	/* no response                                 */
	bool answering; /* the response is queued                      */
	bool wants_memory, no_memory;
	uint64_t seq;
	struct iscsi_pdu pdu;
	uint8_t bhs[ISCSI_BHS_LEN]; /* for Reject */
	struct tx_item tx;	    /* the response */
	uint8_t response;	    /* of TMF, logout; reason of Reject */
	struct target_reset reset;
	bool resetting; /* target_reset is under way                   */
	bool waiting;	/* TMF: for aborted tasks to end               */
	/* SCSI commands */
	struct iscsi_ahs ahs;
	bool ahs_good;
	struct task task;
	bool accepted;	  /* task_end is owed                             */
	bool judged;	  /* the header was looked at                     */
	bool running;	  /* a piece is in the logical unit               */
	bool failed;	  /* task.status and sense are final              */
	bool unsolicited; /* unsolicited Data-Out still to come        */
	bool r2t_open;	  /* solicited Data-Out still to come             */
	bool owes;	  /* the initiator owes Data-Out, since:          */
	uint64_t owes_since;
	uint32_t expected; /* bytes that the initiator expects to move */
	uint64_t total;	   /* bytes that move */
	uint64_t next_off; /* first byte of the next piece             */
	uint64_t received; /* data-out bytes here, in order            */
	uint64_t moved;	   /* bytes done                               */
	uint32_t ttt, r2t_sn, r2t_end, data_out_sn;
	uint32_t data_in_sn, burst;
	bool in_done;	       /* no more pieces will be read */
	struct piece *reading; /* data-in: the piece that waits for memory or runs */
	struct tx_item r2t;
	uint8_t sense[2 + SENSE_MAX_LEN];
	struct piece piece[2];
};

struct icmd *icmd_find(struct iscsi_session *sess, uint32_t itt);
/* The request is over: freed when no pin is left. */
void icmd_end(struct icmd *cmd);
void icmd_pin(struct icmd *cmd);
void icmd_unpin(struct icmd *cmd);
/* Its final response is being made: ITT and window place are free again. */
void icmd_answered(struct icmd *cmd);
/* Queues cmd->tx with @next; the request ends when it is sent. */
void icmd_answer(struct icmd *cmd,
		 bool (*next)(struct iscsi_conn *, struct tx_item *, struct tx_pdu *));
/* Turns the request into a Reject. */
void icmd_reject(struct icmd *cmd, enum iscsi_reject_reason reason);
/* A Reject for the PDU being received that is not a request of its own (Data-Out). */
void reject_current(struct iscsi_conn *c, enum iscsi_reject_reason reason);
/* Ends a request from outside: no response. */
void icmd_abort(struct icmd *cmd);
/*
 * @sn counts as received, whatever comes with it later.  False: it is outside the window
 * or here already.
 */
bool request_skip(struct iscsi_session *sess, uint32_t sn);
/* The memory that the request waits for is there: tells its kind. */
void request_memory(struct icmd *cmd);

/* ---- memory (memory.c) ---- */

/*
 * Memory of @len bytes for cmd->piece[@i].  True: it is there.  False: the request
 * waits in its session's line and kind->memory is called when it comes.  @urgent:
 * reading the connection waits for it, so it goes before the others.
 */
bool memory_get(struct icmd *cmd, unsigned i, size_t len, bool urgent);
void memory_put(struct icmd *cmd, unsigned i);
void memory_cancel(struct icmd *cmd);
/*
 * For a request whose data is about to be received: RX_GO when piece[0] has
 * memory, or cmd->no_memory when there was none for MEMORY_WAIT_MS.
 */
enum rx_verdict memory_for_segment(struct iscsi_conn *c, struct icmd *cmd, size_t len);
void memory_init(struct iscsi_session *sess);

/* ---- SCSI commands (command.c, data_in.c, data_out.c) ---- */

enum rx_verdict command_begin(struct iscsi_conn *c, struct icmd *cmd);
void command_received(struct icmd *cmd, bool digest_ok);
void command_start(struct icmd *cmd);
void command_memory(struct icmd *cmd);
void command_abort(struct icmd *cmd);
/* Goes on with whatever is next. */
void command_advance(struct icmd *cmd);
/* Status and sense are set: task_end, response. */
void command_finish(struct icmd *cmd);
/*
 * It will end with @status and @s, once the data that the initiator still sends
 * is in; the first failure counts.
 */
void command_fail(struct icmd *cmd, uint8_t status, struct sense s);
/* Hands a piece of @len bytes of data at @off to the logical unit. */
void command_submit(struct icmd *cmd, struct piece *p, uint64_t off, uint64_t len);
/* Residual count and flags (RFC 7143 11.4.5). */
uint8_t command_residual(const struct icmd *cmd, uint32_t *ret);

void data_in_advance(struct icmd *cmd);
void data_in_done(struct icmd *cmd); /* a piece is in */

void data_out_advance(struct icmd *cmd);
void data_out_done(struct icmd *cmd); /* a piece is out */
enum rx_verdict data_out_begin(struct iscsi_conn *c);
void data_out_end(struct iscsi_conn *c, bool digest_ok);
/* The initiator owes data from now on, or no more. */
void data_out_owes(struct icmd *cmd, bool owes);

/* ---- the other requests ---- */

void tmf_start(struct icmd *cmd);
/* Some task ended: which task management functions are complete? */
void tmf_poll(struct iscsi_session *sess);
void tmf_abort(struct icmd *cmd);

enum rx_verdict nop_begin(struct iscsi_conn *c, struct icmd *cmd);
void nop_start(struct icmd *cmd);
void nop_ping(struct iscsi_conn *c);
void logout_start(struct icmd *cmd);
void logout_poll(struct iscsi_session *sess);
/* Tells the initiator that the target is going away. */
void async_goodbye(struct iscsi_conn *c);

enum rx_verdict text_begin(struct iscsi_conn *c, struct icmd *cmd);
void text_start(struct icmd *cmd);

/* ---- the server (server.c) ---- */

TAILQ_HEAD(conn_list, iscsi_conn);
LIST_HEAD(session_list, iscsi_session);
LIST_HEAD(tgt_list, iscsi_tgt);

#define MAX_PORTALS TARGET_MAX_PORT_GROUPS

struct portal {
	struct iscsi_server *srv;
	struct sockaddr_storage addr; /* as bound */
	uint16_t tpgt;
	struct ring_op op;
	struct ring_timer retry; /* out of descriptors: try again a little later */
	int fd;
	bool busy;
};

struct iscsi_server {
	struct bs_env env;
	struct iscsi_limits limits;
	struct arena *arena;
	struct reactors *reactors;
	struct iscsi_chap discovery_chap;
	struct portal portals[MAX_PORTALS];
	unsigned nportals;
	struct tgt_list targets;
	struct conn_list conns;
	struct session_list sessions;
	uint16_t next_tsih;
	struct iscsi_stats stats;
	bool stopping;
	struct ring_timer grace;
	struct ring_post stopped;
	bool stop_posted;
	void (*stop_done)(void *ctx);
	void *stop_ctx;
};

/*
 * "ADDR:PORT" of @p for the initiator of @c; false: we cannot know one (a wildcard
 * portal of the other address family).
 */
bool portal_address(const struct portal *p, const struct iscsi_conn *c, char *ret, size_t cap);

struct iscsi_tgt *server_find_target(struct iscsi_server *s, const char *name);
bool server_allows(const struct iscsi_tgt *tgt, const char *initiator);
/* A connection is gone. */
void server_conn_gone(struct iscsi_server *s);

/* Copies @src in lower case (iSCSI names do not tell case); false: too long. */
bool name_fold(char *dst, size_t cap, const char *src);

/* CRC32C as iSCSI digests have it (RFC 7143 13.1), in steps. */
#define DIGEST_INIT 0xffffffffu
uint32_t digest_add(uint32_t crc, const void *p, size_t len);
void digest_put(uint32_t crc, uint8_t ret[4]);

#endif
