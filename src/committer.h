/* Group commit: deliveries of many requests, one transaction. */
#ifndef COMMITTER_H
#define COMMITTER_H

#include <stdbool.h>

#include "settings.h"
#include "store.h"

struct committer;

/*
 * Makes a committer over the database of the settings, which it borrows.
 * Threaded, it has a thread that commits for all callers and one for
 * checkpoints; else each call commits by itself, and calls must not overlap.
 * The database is opened with the first delivery, and again whenever it could
 * not be used, so a fault that is mended needs no restart.
 * Returns NULL when memory or threads run out.
 */
struct committer *committer_open(const struct settings *settings,
    bool threaded);

/*
 * Records a delivery and returns once it is committed, or is not: the outcome
 * says which, and never more than the disk has.  No delay is added to gather a
 * batch.  Waits at most settings->busy_ms for other programs.
 */
void committer_record(struct committer *committer,
    const struct delivery *delivery, struct outcome *outcome);

/*
 * Whether the database can be written: REPLY_HEALTHY from a write that was
 * taken back within the last second, else the kind of failure.
 */
enum reply_kind committer_health(struct committer *committer);

/* Commits what waits, closes the database, ends the threads. */
void committer_close(struct committer *committer);

#endif
