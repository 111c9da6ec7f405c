/* SPDX-License-Identifier: Apache-2.0 */
#include "initiator.h"

#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iscsi_pdu.h"
#include "libiscsi.h"

#define DEFAULT_NAME	  "iqn.2001-04.com.example:odxcp"
#define DEFAULT_TIMEOUT_S 60
#define TICK_MS		  500 /* libiscsi looks for timeouts only when it is served */

struct initiator {
	struct iscsi_context *ctx;
	unsigned pending;
	bool dead;
	struct initiator_counts counts;
};

/* ---- opening and closing ---- */

/* libiscsi tells the login status only as "...: TEXT(NUMBER)". */
static int login_errno(const char *text)
{
	const char *paren = strrchr(text, '(');
	unsigned status = paren ? (unsigned)strtoul(paren + 1, NULL, 10) : 0;

	switch (status) { /* RFC 7143 11.13.5 */
	case 0x0201:
		return -EACCES;
	case 0x0202:
		return -EPERM;
	case 0x0203:
		return -ENOENT;
	default:
		return -EPROTO;
	}
}

static int setup(struct iscsi_context *c, const struct initiator_uri *uri,
		 const struct initiator_options *opt)
{
	if (iscsi_set_targetname(c, uri->target) ||
	    iscsi_set_session_type(c, ISCSI_SESSION_NORMAL) ||
	    iscsi_set_header_digest(c, opt->header_digest ? ISCSI_HEADER_DIGEST_CRC32C
							  : ISCSI_HEADER_DIGEST_NONE))
		return -1;
	if (uri->user[0] && iscsi_set_initiator_username_pwd(c, uri->user, uri->secret))
		return -1;
	if (uri->target_user[0] &&
	    iscsi_set_target_username_pwd(c, uri->target_user, uri->target_secret))
		return -1;
	if (opt->no_immediate && iscsi_set_immediate_data(c, ISCSI_IMMEDIATE_DATA_NO))
		return -1;
	if (opt->initial_r2t && iscsi_set_initial_r2t(c, ISCSI_INITIAL_R2T_YES))
		return -1;
	if (opt->isid && iscsi_set_isid_random(c, opt->isid & 0xffffff, 0))
		return -1;
	/* A lost connection must be seen, not hidden by a new login. */
	iscsi_set_noautoreconnect(c, 1);
	iscsi_set_timeout(c, opt->timeout_s ? (int)opt->timeout_s : DEFAULT_TIMEOUT_S);
	return 0;
}

int initiator_open(struct initiator **ret, const struct initiator_uri *uri,
		   const struct initiator_options *opt, char *err)
{
	static const struct initiator_options none;
	struct initiator *in = calloc(1, sizeof(*in));
	int r = -EPROTO;

	if (!opt)
		opt = &none;
	if (in)
		in->ctx = iscsi_create_context(opt->name ? opt->name : DEFAULT_NAME);
	if (!in || !in->ctx) {
		snprintf(err, INITIATOR_ERR, "out of memory");
		r = -ENOMEM;
		goto fail;
	}
	if (setup(in->ctx, uri, opt)) {
		snprintf(err, INITIATOR_ERR, "%.200s", iscsi_get_error(in->ctx));
		goto fail;
	}
	if (iscsi_connect_sync(in->ctx, uri->portal)) {
		snprintf(err, INITIATOR_ERR, "cannot connect to %.200s", uri->portal);
		r = -ECONNREFUSED;
		goto fail;
	}
	if (iscsi_login_sync(in->ctx)) {
		r = login_errno(iscsi_get_error(in->ctx));
		if (r == -ENOENT)
			snprintf(err, INITIATOR_ERR, "no target %.120s at %.100s", uri->target,
				 uri->portal);
		else
			snprintf(err, INITIATOR_ERR, "login refused: %.200s",
				 iscsi_get_error(in->ctx));
		goto fail;
	}
	*ret = in;
	return 0;
fail:
	initiator_drop(in);
	return r;
}

void initiator_drop(struct initiator *in)
{
	if (!in)
		return;
	if (in->ctx) {
		if (in->pending)
			iscsi_scsi_cancel_all_tasks(in->ctx);
		iscsi_destroy_context(in->ctx);
	}
	free(in);
}

void initiator_close(struct initiator *in)
{
	if (in && !in->dead)
		iscsi_logout_sync(in->ctx);
	initiator_drop(in);
}

/* ---- commands ---- */

struct initiator_cmd initiator_cmd(const struct scsi_cdb *cdb, void *data, size_t len)
{
	struct initiator_cmd cmd = { .dir = len ? cdb->op->dir : DIR_NONE,
				     .data = data,
				     .len = len };

	cmd.cdb_len = (uint8_t)scsi_cdb_encode(cdb, cmd.cdb);
	return cmd;
}

static void finish(struct initiator_cmd *cmd)
{
	cmd->busy = false;
	cmd->task = NULL;
	cmd->session->pending--;
	if (cmd->done)
		cmd->done(cmd);
}

/* libiscsi hands the autosense over as data: two bytes of length, then the sense. */
static void take_sense(struct initiator_cmd *cmd, const struct scsi_task *t)
{
	size_t n;

	if (!t->datain.data || t->datain.size < 2)
		return;
	n = get_be16(t->datain.data);
	if (n > (size_t)t->datain.size - 2)
		n = (size_t)t->datain.size - 2;
	if (n > sizeof(cmd->sense_raw))
		n = sizeof(cmd->sense_raw);
	memcpy(cmd->sense_raw, t->datain.data + 2, n);
	cmd->sense_len = n;
	sense_decode(cmd->sense_raw, n, &cmd->sense);
}

static void on_answer(struct iscsi_context *ctx, int status, void *data, void *private)
{
	struct initiator_cmd *cmd = private;
	struct scsi_task *t = cmd->task;

	(void)ctx;
	(void)data;
	if (status == SCSI_STATUS_CANCELLED) {
		cmd->error = cmd->session->dead ? -ECONNRESET : -ECANCELED;
	} else if (status == SCSI_STATUS_TIMEOUT) {
		cmd->error = -ETIMEDOUT;
	} else if (status < 0 || status > 0xff) {
		cmd->error = -EIO;
	} else {
		cmd->status = (uint8_t)status;
		if (t->residual_status == SCSI_RESIDUAL_UNDERFLOW)
			cmd->residual = (int64_t)t->residual;
		else if (t->residual_status == SCSI_RESIDUAL_OVERFLOW)
			cmd->residual = -(int64_t)t->residual;
		if (status == SAM_CHECK_CONDITION)
			take_sense(cmd, t);
		else if (cmd->dir == DIR_IN)
			cmd->in_len = cmd->residual > 0 && (uint64_t)cmd->residual <= cmd->len
					      ? cmd->len - (size_t)cmd->residual
					      : cmd->len;
	}
	scsi_free_scsi_task(t);
	finish(cmd);
}

static void count(struct initiator *in, const struct initiator_cmd *cmd)
{
	const struct scsi_op *op = scsi_op_find(cmd->cdb[0], cmd->cdb[1], NULL);

	if (op)
		in->counts.sent[op->cmd]++;
	else
		in->counts.other++;
}

void initiator_submit(struct initiator *in, unsigned lun, struct initiator_cmd *cmd)
{
	static const int dirs[] = {
		[DIR_NONE] = SCSI_XFER_NONE, [DIR_IN] = SCSI_XFER_READ, [DIR_OUT] = SCSI_XFER_WRITE
	};
	struct scsi_task *t;

	cmd->error = 0;
	cmd->status = 0;
	cmd->sense = sense_good();
	cmd->sense_len = 0;
	cmd->in_len = 0;
	cmd->residual = 0;
	cmd->session = in;
	cmd->busy = true;
	in->pending++;
	t = in->dead ? NULL
		     : scsi_create_task(cmd->cdb_len, cmd->cdb, dirs[cmd->dir], (int)cmd->len);
	cmd->task = t;
	if (!t)
		goto dead;
	if ((cmd->dir == DIR_IN && scsi_task_add_data_in_buffer(t, (int)cmd->len, cmd->data)) ||
	    (cmd->dir == DIR_OUT && scsi_task_add_data_out_buffer(t, (int)cmd->len, cmd->data)) ||
	    iscsi_scsi_command_async(in->ctx, (int)lun, t, on_answer, NULL, cmd)) {
		scsi_free_scsi_task(t);
		goto dead;
	}
	count(in, cmd);
	return;
dead:
	cmd->error = -ECONNRESET;
	finish(cmd);
}

/* Asks the kernel how much went over the connection; afterwards nobody can. */
static void look_at_wire(struct initiator *in)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int fd = in->ctx ? iscsi_get_fd(in->ctx) : -1;

	memset(&info, 0, sizeof(info));
	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return;
	in->counts.wire_out = info.tcpi_bytes_acked;
	in->counts.wire_in = info.tcpi_bytes_received;
}

/* The connection is gone: everybody who waits must hear it. */
static void died(struct initiator *in)
{
	in->dead = true;
	if (in->pending)
		iscsi_scsi_cancel_all_tasks(in->ctx);
}

static void serve(struct initiator *in, int revents)
{
	if (in->dead)
		return;
	/* libiscsi is about to see that the other end is gone, and to close ours. */
	if (revents & (POLLRDHUP | POLLHUP | POLLERR))
		look_at_wire(in);
	if (iscsi_service(in->ctx, revents) < 0 || iscsi_get_fd(in->ctx) < 0)
		died(in);
}

void initiator_poll(struct initiator *const *v, unsigned n, int timeout_ms)
{
	struct pollfd p[8];
	bool waiting = false;

	if (n > 8)
		n = 8;
	for (unsigned i = 0; i < n; i++) {
		p[i] = (struct pollfd) { .fd = -1 };
		if (v[i]->dead)
			continue;
		if (iscsi_get_fd(v[i]->ctx) < 0) {
			died(v[i]);
			return;
		}
		p[i].fd = iscsi_get_fd(v[i]->ctx);
		p[i].events = (short)(iscsi_which_events(v[i]->ctx) | POLLRDHUP);
		waiting = true;
	}
	if (!waiting)
		return;
	if (timeout_ms < 0 || timeout_ms > TICK_MS)
		timeout_ms = TICK_MS;
	if (poll(p, n, timeout_ms) < 0)
		return;
	for (unsigned i = 0; i < n; i++)
		if (i == 0 || v[i] != v[i - 1])
			serve(v[i], p[i].revents);
}

void initiator_wait(struct initiator *in, struct initiator_cmd *cmd)
{
	while (cmd->busy)
		initiator_poll(&in, 1, -1);
}

void initiator_run(struct initiator *in, unsigned lun, struct initiator_cmd *cmd)
{
	initiator_submit(in, lun, cmd);
	initiator_wait(in, cmd);
}

unsigned initiator_pending(const struct initiator *in)
{
	return in->pending;
}

bool initiator_alive(const struct initiator *in)
{
	return !in->dead;
}

/* ---- task management and NOP ---- */

struct reply {
	bool over;
	int result;
	const void *want;
	size_t want_len;
};

static int wait_reply(struct initiator *in, struct reply *r, int submitted)
{
	if (submitted)
		return -ECONNRESET;
	while (!r->over && !in->dead)
		initiator_poll(&in, 1, -1);
	if (r->over)
		return r->result;
	/* The callback is still registered with @r: it must not come any more. */
	iscsi_destroy_context(in->ctx);
	in->ctx = NULL;
	return -ECONNRESET;
}

static void on_tmf(struct iscsi_context *ctx, int status, void *data, void *private)
{
	struct reply *r = private;

	(void)ctx;
	r->over = true;
	r->result = status == 0 && data ? (int)*(uint32_t *)data : -EIO;
}

int initiator_abort(struct initiator *in, struct initiator_cmd *cmd)
{
	struct reply r = { .over = false };
	int ret;

	if (in->dead || !cmd->busy)
		return -ESRCH;
	ret = wait_reply(in, &r, iscsi_task_mgmt_abort_task_async(in->ctx, cmd->task, on_tmf, &r));
	/* An aborted task gets no response (RFC 7143 11.5.1): it ends here. */
	if (ret == ISCSI_TMR_FUNC_COMPLETE && cmd->busy)
		iscsi_scsi_cancel_task(in->ctx, cmd->task);
	return ret;
}

int initiator_abort_task_set(struct initiator *in, unsigned lun)
{
	struct reply r = { .over = false };

	if (in->dead)
		return -ECONNRESET;
	return wait_reply(in, &r, iscsi_task_mgmt_abort_task_set_async(in->ctx, lun, on_tmf, &r));
}

int initiator_lun_reset(struct initiator *in, unsigned lun)
{
	struct reply r = { .over = false };

	if (in->dead)
		return -ECONNRESET;
	return wait_reply(in, &r, iscsi_task_mgmt_lun_reset_async(in->ctx, lun, on_tmf, &r));
}

int initiator_target_reset(struct initiator *in)
{
	struct reply r = { .over = false };

	if (in->dead)
		return -ECONNRESET;
	return wait_reply(in, &r, iscsi_task_mgmt_target_warm_reset_async(in->ctx, on_tmf, &r));
}

static void on_nop(struct iscsi_context *ctx, int status, void *data, void *private)
{
	struct reply *r = private;
	struct iscsi_data *d = data;

	(void)ctx;
	r->over = true;
	if (status != 0)
		r->result = -EIO;
	else if (r->want_len &&
		 (!d || d->size < r->want_len || memcmp(d->data, r->want, r->want_len) != 0))
		r->result = -EBADMSG;
}

int initiator_nop(struct initiator *in, const void *data, size_t len)
{
	struct reply r = { .want = data, .want_len = len };

	if (in->dead)
		return -ECONNRESET;
	return wait_reply(in, &r,
			  iscsi_nop_out_async(in->ctx, on_nop, (unsigned char *)(uintptr_t)data,
					      (int)len, &r));
}

/* ---- what the session knows ---- */

void initiator_add_counts(struct initiator *in, struct initiator_counts *sum)
{
	if (!in->dead)
		look_at_wire(in);
	for (unsigned i = 0; i < CMD_COUNT; i++)
		sum->sent[i] += in->counts.sent[i];
	sum->other += in->counts.other;
	sum->wire_out += in->counts.wire_out;
	sum->wire_in += in->counts.wire_in;
}

bool initiator_peer(const struct initiator *in, struct sockaddr_storage *ret)
{
	socklen_t len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return !in->dead && getpeername(iscsi_get_fd(in->ctx), (struct sockaddr *)ret, &len) == 0;
}

struct iscsi_context *initiator_context(struct initiator *in)
{
	return in->ctx;
}
