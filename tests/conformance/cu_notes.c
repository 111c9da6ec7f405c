/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOAD for iscsi-test-cu of libiscsi 1.19.0.
 *
 * It says what the tool keeps to itself: a test that finds that it does not apply
 * calls CU_PASS("... Skipping test"), which CUnit counts as passed and prints
 * nowhere; here each such call becomes a line "[CU_PASS] ...".  Output is by line, so
 * that after a hang one sees how far it came.
 *
 * And it mends two tests that no correct target can pass:
 *
 * LUNResetSimpleAsync looks for the answer to its LOGICAL UNIT RESET right after it
 * queued the request, when no target can have answered.  Here queueing a reset waits
 * for the answer.
 *
 * WriteSame10.UnmapUntilEnd sends WRITE SAME with UNMAP and a block of FFh, and wants
 * zeros: SBC-4 4.7.3.4.4 has such a block written.  Here it is zeros, as in the same
 * test of WRITE SAME(16).
 */
#include <dlfcn.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WAIT_MS		 10000
#define WRITE_SAME_10	 0x41
#define WRITE_SAME_UNMAP 0x08

/* As libcunit 2.1 has it: CU_BOOL is an enum or an int of the same size. */
int CU_assertImplementation(int value, unsigned line, const char *condition, const char *file,
			    const char *function, int fatal);

__attribute__((constructor)) static void by_line(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}

int CU_assertImplementation(int value, unsigned line, const char *condition, const char *file,
			    const char *function, int fatal)
{
	static int (*real)(int, unsigned, const char *, const char *, const char *, int);

	if (!real)
		real = (__typeof__(real))dlsym(RTLD_NEXT, "CU_assertImplementation");
	if (strncmp(condition, "CU_PASS(", 8) == 0)
		printf("    [CU_PASS] %s\n", condition);
	return real(value, line, condition, file, function, fatal);
}

struct waited {
	iscsi_command_cb cb;
	void *private_data;
	bool done;
};

static void on_answer(struct iscsi_context *iscsi, int status, void *data, void *private_data)
{
	struct waited *w = private_data;

	w->cb(iscsi, status, data, w->private_data);
	w->done = true;
}

int iscsi_task_mgmt_async(struct iscsi_context *iscsi, int lun, enum iscsi_task_mgmt_funcs function,
			  uint32_t ritt, uint32_t rcmdsn, iscsi_command_cb cb, void *private_data)
{
	static int (*real)(struct iscsi_context *, int, enum iscsi_task_mgmt_funcs, uint32_t,
			   uint32_t, iscsi_command_cb, void *);
	static struct waited w; /* the answer may come after we gave up */
	int r;

	if (!real)
		real = (__typeof__(real))dlsym(RTLD_NEXT, "iscsi_task_mgmt_async");
	if (function != ISCSI_TM_LUN_RESET)
		return real(iscsi, lun, function, ritt, rcmdsn, cb, private_data);
	w = (struct waited) { .cb = cb, .private_data = private_data };
	r = real(iscsi, lun, function, ritt, rcmdsn, on_answer, &w);
	while (r == 0 && !w.done) {
		struct pollfd p = { .fd = iscsi_get_fd(iscsi),
				    .events = (short)iscsi_which_events(iscsi) };

		if (poll(&p, 1, WAIT_MS) != 1 || iscsi_service(iscsi, p.revents))
			break;
	}
	return r;
}

struct scsi_task *iscsi_scsi_command_sync(struct iscsi_context *iscsi, int lun,
					  struct scsi_task *task, struct iscsi_data *data)
{
	static struct scsi_task *(*real)(struct iscsi_context *, int, struct scsi_task *,
					 struct iscsi_data *);
	const unsigned char *cdb = task->cdb;

	if (!real)
		real = (__typeof__(real))dlsym(RTLD_NEXT, "iscsi_scsi_command_sync");
	if (cdb[0] == WRITE_SAME_10 && cdb[1] & WRITE_SAME_UNMAP && !cdb[7] && !cdb[8])
		for (int i = 0; i < task->iovector_out.niov; i++)
			memset(task->iovector_out.iov[i].iov_base, 0,
			       task->iovector_out.iov[i].iov_len);
	return real(iscsi, lun, task, data);
}
