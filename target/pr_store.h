/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations that outlive the process (APTPL, SPC-4 5.13.5): one JSON file per
 * logical unit, replaced as a whole.  The format is in odxd(8).
 */
#ifndef TARGET_PR_STORE_H
#define TARGET_PR_STORE_H

#include "aux.h"
#include "pr_state.h"

/* Writing a state; embedded in its owner, who keeps it until done. */
struct pr_save {
	void (*done)(struct pr_save *save, int err); /* from the loop; -errno */
	/* the store's */
	struct aux_job job;
	char *path, *text;
	int err;
};

/*
 * Writes @s to @path, or removes the file when the state is not to be kept, on an
 * aux thread; done comes when that is on stable storage.  @s may change meanwhile.
 * -ENOMEM: done does not come.  @lu: what a human knows the logical unit by.
 */
int pr_save_start(struct pr_save *save, struct aux *aux, struct ring *ring, const char *path,
		  const char *lu, const struct pr_state *s);

/*
 * Reads @path into @s, which is initialized and stays empty without a file.  Blocks.
 * -EINVAL when the file is not what pr_save_start writes, or -errno; in @err the
 * reason and what to do.
 */
int pr_load(struct pr_state *s, const char *path, char *err, size_t err_cap);

#endif
