/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands share that keep something while a piece runs.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lu_impl.h"

void *lu_work_new(struct task *task, size_t size)
{
	struct lu *lu = task->lu;

	assert(!task->work);
	if (lu->works >= LU_MAX_WORKS) {
		task_finish_status(task, SAM_TASK_SET_FULL);
		return NULL;
	}
	task->work = malloc(size);
	if (!task->work) {
		task_finish_later(task, sense_from_errno(-ENOMEM, DATA_WRITE));
		return NULL;
	}
	lu->works++;
	return task->work;
}

void lu_work_free(struct task *task)
{
	free(task->work);
	task->work = NULL;
	task->lu->works--;
}

void lu_user_gone(struct lu *lu)
{
	assert(lu->users > 0);
	lu->users--;
	lu_pr_task_ended(lu);
	lu_clear_poll(lu);
}

const uint8_t *iov_at(const struct iovec *iov, unsigned niov, uint64_t pos, size_t *ret_len)
{
	for (unsigned i = 0; i < niov; i++) {
		if (pos < iov[i].iov_len) {
			*ret_len = iov[i].iov_len - (size_t)pos;
			return (const uint8_t *)iov[i].iov_base + pos;
		}
		pos -= iov[i].iov_len;
	}
	*ret_len = 0;
	return NULL;
}

size_t bytes_alike(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t i = 0;

	if (memcmp(a, b, n) == 0)
		return n;
	while (a[i] == b[i])
		i++;
	return i;
}
