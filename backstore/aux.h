/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few threads for system calls that io_uring lacks and that may block
 * (lseek SEEK_DATA, FICLONERANGE, copy_file_range).  They own nothing.
 */
#ifndef BACKSTORE_AUX_H
#define BACKSTORE_AUX_H

#include "ring.h"

struct aux;

/*
 * What a job is.  Jobs that may take long never have all threads, and none of their kinds
 * more than half, so that no kind waits behind another; a single thread does them in turn.
 */
enum aux_kind {
	AUX_SHORT, /* somebody may wait: where data is, a file to be made, slots of a sidecar */
	AUX_GRAFT, /* blocks for a copy that waits */
	AUX_KEEP,  /* nobody waits: cloning for a rod, giving a clone's space back */
	AUX_KINDS
};

struct aux_job {
	enum aux_kind kind;
	void (*work)(struct aux_job *job); /* on an aux thread; may block          */
	/*
	 * On @ring's thread, once.  NULL: nobody is told, and the job is work's from its
	 * start, to free.
	 */
	void (*done)(struct aux_job *job);
	struct ring *ring;
	struct ring_post post;					     /* aux's */
	struct aux_job *next;					     /* aux's */
	uint64_t number;					     /* aux's */
	enum { AUX_QUEUED, AUX_WORKS, AUX_WORKED, AUX_TAKEN } state; /* aux's */
};

int aux_new(struct aux **ret, unsigned threads);
/* Ends the threads after their queue is empty.  No job may be submitted any more. */
void aux_free(struct aux *aux);
/* Any thread; @job stays valid until done. */
void aux_submit(struct aux *aux, struct aux_job *job);
/*
 * Takes a job back whose done has not been called: it will not be, and the work is over
 * or was never begun.  Waits for it if it is going on.  On the job's home thread, or
 * when its ring has ended.
 */
void aux_take_back(struct aux *aux, struct aux_job *job);

#endif
