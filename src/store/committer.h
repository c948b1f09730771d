/* Group commit: the deliveries of many requests go into one transaction.  It
 * does not know what recording one does, nor which engine stores it. */
#ifndef COMMITTER_H
#define COMMITTER_H

#include <stdbool.h>

#include "settings.h"
#include "store/job_queue.h"

struct committer;

/*
 * Makes a committer over the database of the settings, which it borrows.
 * Threaded, it has a thread that commits for all callers, and the engine's own;
 * else each call commits by itself, and calls must not overlap.
 * The database is opened with the first delivery, and again whenever it could
 * not be used, so that the program need not be restarted.
 * Returns NULL when memory or threads run out.
 */
struct committer *committer_open(const struct settings *settings,
    bool threaded);

/*
 * Records a delivery.  The outcome says what became of it, once that is on
 * disk.  Nothing is delayed to gather a batch.  Waits for other programs at
 * most settings->busy_ms.
 */
void committer_record(struct committer *committer, struct job *job);

/*
 * Tries to write, for a job without a delivery, and takes it back: its outcome
 * is REFUSAL_NONE, or why the database cannot be written.  An outcome of the
 * last second stands, and the job is done at once.
 */
void committer_probe(struct committer *committer, struct job *job);

/* Commits and finishes what waits, closes the database, ends the threads. */
void committer_close(struct committer *committer);

#endif
