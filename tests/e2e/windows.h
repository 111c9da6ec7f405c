/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of Windows' beliefs share: operations that end in each way a copy can
 * end, with what RECEIVE ROD TOKEN INFORMATION says of them.
 */
#ifndef TESTS_E2E_WINDOWS_H
#define TESTS_E2E_WINDOWS_H

#include "client.h"
#include "disk.h"

/*
 * RRTI says @status and @count of operation @id.  Looks only at what Windows looks at:
 * LIO makes every answer as long as its allocation length.
 */
bool result_is(struct initiator *in, unsigned lun, uint32_t id, unsigned status, uint64_t count);
/* The sense in it. */
bool result_sense_is(struct initiator *in, unsigned lun, uint32_t id, unsigned key,
		     unsigned asc_ascq);

/* An operation that has ended, and what is said of it. */
struct ended {
	const char *what;
	uint8_t sa;
	uint64_t asked; /* blocks */
	unsigned status;
	struct rrti q;
};
#define WAYS_TO_END 7
/*
 * PT and WUT done, failed and cut short, and a WUT that was terminated, all from a bench
 * that this makes and ends; asserts that each RRTI was good.
 */
void ways_to_end(struct ended ret[WAYS_TO_END]);

/* ---- a Windows machine with two disks of a target ---- */

struct win {
	struct initiator *in;
	struct disk_host host;
	struct disk disk[2]; /* source, destination */
};
/* Discovers LUNs @first and @first + 1, which must have ODX; no unit attention is left. */
void win_open(struct win *w, const struct odxd *o, unsigned first,
	      const struct initiator_options *opt);
void win_close(struct win *w);
/* Commands sent since win_open. */
uint64_t win_sent(const struct win *w, enum scsi_cmd cmd);
/*
 * Copies the whole source as CopyFile would, and looks at every byte: the data is the
 * same, and @offloaded bytes of it (WIN_ANY: whatever) went by token.  Says what is wrong;
 * may be called on any thread.
 */
#define WIN_ANY UINT64_MAX
bool win_copies(struct win *w, uint64_t offloaded);

#endif
