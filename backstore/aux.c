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
	struct aux_job *jobs, **jobs_end;
	bool ending;
	unsigned n;
	pthread_t threads[];
};

static void job_done(struct ring_post *post)
{
	struct aux_job *job = (struct aux_job *)((char *)post - offsetof(struct aux_job, post));

	job->done(job);
}

/* The next job, or NULL when it is time to end. */
static struct aux_job *take(struct aux *aux)
{
	struct aux_job *job;

	pthread_mutex_lock(&aux->lock);
	while (!aux->jobs && !aux->ending)
		pthread_cond_wait(&aux->more, &aux->lock);
	job = aux->jobs;
	if (job) {
		aux->jobs = job->next;
		if (!aux->jobs)
			aux->jobs_end = &aux->jobs;
		job->state = AUX_WORKS;
	}
	pthread_mutex_unlock(&aux->lock);
	return job;
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

		job->work(job);
		if (told)
			tell(arg, job);
	}
	return NULL;
}

/* Takes a job out of the queue; with the lock. */
static void unqueue(struct aux *aux, struct aux_job *job)
{
	struct aux_job **at = &aux->jobs;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	while (*at)
		at = &(*at)->next;
	aux->jobs_end = at;
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
	aux->jobs_end = &aux->jobs;
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
	job->next = NULL;
	job->state = AUX_QUEUED;
	job->post.fn = job_done;
	pthread_mutex_lock(&aux->lock);
	assert(!aux->ending);
	*aux->jobs_end = job;
	aux->jobs_end = &job->next;
	pthread_cond_signal(&aux->more);
	pthread_mutex_unlock(&aux->lock);
}
