#include "store/job_queue.h"

#include <time.h>

#include "base/timestamp.h"

void
job_queue_init(struct job_queue *queue)
{
	pthread_condattr_t attributes;

	queue->last = &queue->first;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->filled, &attributes);
	pthread_condattr_destroy(&attributes);
}

void
job_queue_destroy(struct job_queue *queue)
{
	pthread_cond_destroy(&queue->filled);
	pthread_mutex_destroy(&queue->lock);
}

void
job_queue_add(struct job_queue *queue, struct job *jobs)
{
	struct job **last = &jobs->next;

	while (*last != NULL)
		last = &(*last)->next;
	pthread_mutex_lock(&queue->lock);
	bool was_empty = queue->first == NULL;
	*queue->last = jobs;
	queue->last = last;
	pthread_mutex_unlock(&queue->lock);
	/* Only an empty queue is waited for. */
	if (was_empty)
		pthread_cond_signal(&queue->filled);
}

bool
job_queue_wait(struct job_queue *queue, int64_t wait_ms)
{
	int64_t until = timestamp_monotonic() + wait_ms;
	struct timespec end = { until / 1000, until % 1000 * 1000000 };
	int waited = 0;

	pthread_mutex_lock(&queue->lock);
	while (queue->first == NULL && !queue->closing && waited == 0)
		waited = pthread_cond_timedwait(&queue->filled, &queue->lock,
		    &end);
	bool came = queue->first != NULL || queue->closing;
	pthread_mutex_unlock(&queue->lock);
	return came;
}

struct job *
job_queue_take(struct job_queue *queue, long max)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->first == NULL && !queue->closing)
		pthread_cond_wait(&queue->filled, &queue->lock);

	struct job *jobs = queue->first, **end = &jobs;
	for (long n = 0; *end != NULL && n < max; n++)
		end = &(*end)->next;
	queue->first = *end;
	if (queue->first == NULL)
		queue->last = &queue->first;
	*end = NULL;
	pthread_mutex_unlock(&queue->lock);
	return jobs;
}

void
job_queue_close(struct job_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->closing = true;
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
}
