/* Jobs that threads hand to another thread, in the order in which they come.
 * It does not know what is done with them. */
#ifndef JOB_QUEUE_H
#define JOB_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/record.h"

/* A delivery to be recorded.  The caller owns it, and leaves it alone until it
 * is done. */
struct job {
	const struct delivery *delivery; /* NULL: only tries to write */

	/*
	 * Called when the outcome stands, and for a recorded delivery only
	 * once it is committed; on the thread that commits where there is
	 * one, so it must not wait for anything.  It may free the job.
	 */
	void (*done)(struct job *job);
	void *context; /* for `done` */

	struct outcome outcome;
	struct job *next; /* for the committer and its queues */
};

struct job_queue {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t filled;
	struct job *first;
	struct job **last; /* where the next job is linked */
	bool closing;
};

/* Begins and ends a queue, which is all zero before. */
void job_queue_init(struct job_queue *queue);
void job_queue_destroy(struct job_queue *queue);

/* Adds a list of jobs, linked by `next`; at least one. */
void job_queue_add(struct job_queue *queue, struct job *jobs);

/* Waits at most wait_ms for jobs, or for the queue to be closed.  Returns
 * whether either happened. */
bool job_queue_wait(struct job_queue *queue, int64_t wait_ms);

/* Waits for jobs and takes a list of at most `max`.  Returns NULL once the
 * queue is closed and empty. */
struct job *job_queue_take(struct job_queue *queue, long max);

/* Closes the queue: no jobs may be added any more. */
void job_queue_close(struct job_queue *queue);

#endif
