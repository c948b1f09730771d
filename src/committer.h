/* Group commit: deliveries of many requests, one transaction. */
#ifndef COMMITTER_H
#define COMMITTER_H

#include <stdbool.h>

#include "settings.h"
#include "store.h"

struct committer;

/* A delivery to be recorded.  The caller owns it, and leaves it alone until it
 * is done. */
struct job {
	const struct delivery *delivery; /* NULL: only tries to write */

	/*
	 * Called when the outcome stands, and for a recorded delivery only
	 * once it is committed; on another thread where the committer has
	 * some, so it must not wait for anything.  It may free the job.
	 */
	void (*done)(struct job *job);
	void *context; /* for `done` */

	struct outcome outcome;
	struct job *next; /* the committer's */
};

/*
 * Makes a committer over the database of the settings, which it borrows.
 * Threaded, it has a thread that commits for all callers, one on which their
 * jobs are done and one for checkpoints; else each call commits by itself, and
 * calls must not overlap.
 * The database is opened with the first delivery, and again whenever it could
 * not be used, so a fault that is mended needs no restart.
 * Returns NULL when memory or threads run out.
 */
struct committer *committer_open(const struct settings *settings,
    bool threaded);

/*
 * Records a delivery: the outcome says what became of it, and never more than
 * the disk has.  No delay is added to gather a batch.  Waits at most
 * settings->busy_ms for other programs.
 */
void committer_record(struct committer *committer, struct job *job);

/*
 * Whether the database can be written: REPLY_HEALTHY from a write that was
 * taken back within the last second, else the kind of failure.
 */
enum reply_kind committer_health(struct committer *committer);

/* Commits and finishes what waits, closes the database, ends the threads. */
void committer_close(struct committer *committer);

#endif
