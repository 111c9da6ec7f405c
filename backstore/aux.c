/* SPDX-License-Identifier: Apache-2.0 */
#include "aux.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct aux {
	pthread_mutex_t lock; /* over all below but the threads */
	pthread_cond_t more, worked;
	struct queue {
		struct aux_job *jobs, **end;
		unsigned working;
	} queues[AUX_KINDS];
	uint64_t submitted;
	bool ending;
	unsigned most_of_kind, most_long; /* constant: jobs that may take long, at once */
	unsigned n;			  /* threads; no business of theirs */
	pthread_t threads[];
};

static void job_done(struct ring_post *post)
{
	struct aux_job *job = (struct aux_job *)((char *)post - offsetof(struct aux_job, post));

	job->done(job);
}

/* May one more thread do this now?  With the lock. */
static bool allowed(const struct aux *aux, enum aux_kind kind)
{
	return kind == AUX_SHORT ||
	       (aux->queues[kind].working < aux->most_of_kind &&
		aux->queues[AUX_GRAFT].working + aux->queues[AUX_KEEP].working < aux->most_long);
}

/* Short ones first, then whichever has waited longest; NULL: none that may be done now. */
static struct queue *choose(struct aux *aux)
{
	struct queue *best = NULL;

	for (enum aux_kind kind = 0; kind < AUX_KINDS; kind++) {
		struct queue *q = &aux->queues[kind];

		if (!q->jobs || !allowed(aux, kind))
			continue;
		if (kind == AUX_SHORT)
			return q;
		if (!best || q->jobs->number < best->jobs->number)
			best = q;
	}
	return best;
}

static bool all_empty(const struct aux *aux)
{
	for (enum aux_kind kind = 0; kind < AUX_KINDS; kind++)
		if (aux->queues[kind].jobs)
			return false;
	return true;
}

/* The next job, or NULL when it is time to end. */
static struct aux_job *take(struct aux *aux)
{
	struct aux_job *job = NULL;
	struct queue *q;

	pthread_mutex_lock(&aux->lock);
	while (!(q = choose(aux)) && !(aux->ending && all_empty(aux)))
		pthread_cond_wait(&aux->more, &aux->lock);
	if (q) {
		job = q->jobs;
		q->jobs = job->next;
		if (!q->jobs)
			q->end = &q->jobs;
		q->working++;
		job->state = AUX_WORKS;
	}
	pthread_mutex_unlock(&aux->lock);
	return job;
}

/* A job is over, and perhaps gone: others of its kind may be done. */
static void release(struct aux *aux, enum aux_kind kind)
{
	pthread_mutex_lock(&aux->lock);
	aux->queues[kind].working--;
	if (aux->ending)
		pthread_cond_broadcast(&aux->more);
	else if (kind != AUX_SHORT)
		pthread_cond_signal(&aux->more);
	pthread_mutex_unlock(&aux->lock);
}

/* Once it is posted the job may be gone. */
static void tell(struct aux *aux, struct aux_job *job)
{
	bool taken;

	pthread_mutex_lock(&aux->lock);
	taken = job->state == AUX_TAKEN;
	job->state = AUX_WORKED;
	if (taken)
		pthread_cond_broadcast(&aux->worked);
	else
		ring_post(job->ring, &job->post);
	pthread_mutex_unlock(&aux->lock);
}

static void *run(void *arg)
{
	struct aux_job *job;

	while ((job = take(arg))) {
		bool told = job->done != NULL;
		enum aux_kind kind = job->kind;

		job->work(job);
		if (told)
			tell(arg, job);
		release(arg, kind);
	}
	return NULL;
}

/* Takes a job out of the queue; with the lock. */
static void unqueue(struct aux *aux, struct aux_job *job)
{
	struct queue *q = &aux->queues[job->kind];
	struct aux_job **at = &q->jobs;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	while (*at)
		at = &(*at)->next;
	q->end = at;
}

void aux_take_back(struct aux *aux, struct aux_job *job)
{
	pthread_mutex_lock(&aux->lock);
	if (job->state == AUX_QUEUED) {
		unqueue(aux, job);
	} else if (job->state == AUX_WORKED) {
		ring_unpost(job->ring, &job->post);
	} else {
		job->state = AUX_TAKEN;
		while (job->state == AUX_TAKEN)
			pthread_cond_wait(&aux->worked, &aux->lock);
	}
	pthread_mutex_unlock(&aux->lock);
}

int aux_new(struct aux **ret, unsigned threads)
{
	struct aux *aux;
	sigset_t all, old;
	int r = 0;

	assert(threads > 0);
	aux = calloc(1, sizeof(*aux) + threads * sizeof(aux->threads[0]));
	if (!aux)
		return -ENOMEM;
	pthread_mutex_init(&aux->lock, NULL);
	pthread_cond_init(&aux->more, NULL);
	pthread_cond_init(&aux->worked, NULL);
	for (enum aux_kind kind = 0; kind < AUX_KINDS; kind++)
		aux->queues[kind].end = &aux->queues[kind].jobs;
	aux->most_of_kind = threads > 1 ? threads / 2 : 1;
	aux->most_long = threads > 1 ? threads - 1 : 1;
	/* Signals are the main thread's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (aux->n < threads && !r) {
		r = pthread_create(&aux->threads[aux->n], NULL, run, aux);
		if (!r)
			aux->n++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		aux_free(aux);
		return -r;
	}
	*ret = aux;
	return 0;
}

void aux_free(struct aux *aux)
{
	if (!aux)
		return;
	pthread_mutex_lock(&aux->lock);
	aux->ending = true;
	pthread_cond_broadcast(&aux->more);
	pthread_mutex_unlock(&aux->lock);
	for (unsigned i = 0; i < aux->n; i++)
		pthread_join(aux->threads[i], NULL);
	pthread_cond_destroy(&aux->more);
	pthread_cond_destroy(&aux->worked);
	pthread_mutex_destroy(&aux->lock);
	free(aux);
}

void aux_submit(struct aux *aux, struct aux_job *job)
{
	struct queue *q = &aux->queues[job->kind];

	job->next = NULL;
	job->state = AUX_QUEUED;
	job->post.fn = job_done;
	pthread_mutex_lock(&aux->lock);
	assert(!aux->ending);
	job->number = aux->submitted++;
	*q->end = job;
	q->end = &job->next;
	pthread_cond_signal(&aux->more);
	pthread_mutex_unlock(&aux->lock);
}
