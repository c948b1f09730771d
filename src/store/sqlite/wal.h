/* The write-ahead log of a file that is written: begins it, bounds it, copies
 * it, and rescues it when the file is moved.  It does not know what is written.
 */
#ifndef WAL_H
#define WAL_H

#include "store/sqlite/writer.h"

/* Pages of the log after which a checkpoint is due. */
#define WAL_CHECKPOINT_PAGES 1000

/* Each time that the log has grown by WAL_STEP bytes, its readers are waited
 * for, so that it can be begun anew. */
#define WAL_STEP (32 * 1024 * 1024)

/* Sets the journal mode of the settings, or with a warning the one that is
 * possible here.  Returns REFUSAL_NONE, or why not, logged. */
enum refusal_code wal_set_journal(struct writer *writer,
    const struct settings *settings);

/*
 * Turns the log of a database off where the file system has no shared memory,
 * when the file came from another one.  SQLite needs no such memory while it
 * has the file to itself from the first read on.  Connects anew in that case.
 * Returns REFUSAL_NONE, or why not, logged.
 */
enum refusal_code wal_leave(struct writer *writer,
    const struct settings *settings);

/* Notes the log and its index, which are there once something was read.
 * Returns REFUSAL_NONE, or REFUSAL_BUSY, logged, when they were removed. */
enum refusal_code wal_note(struct writer *writer);

/*
 * Copies what a writer's log holds into its file, wherever that is now, and
 * then closes the writer.  To be called in the queue of the writers when its
 * files are not where they were.  Returns REFUSAL_NONE; or
 * REFUSAL_UNAVAILABLE, logged and with the writer still open, when the log
 * cannot be copied yet.
 */
enum refusal_code wal_detach(struct writer *writer);

/*
 * Keeps the log below the limit of the settings: each time that it has grown by
 * WAL_STEP, waits at most a tenth of a second for its readers, to begin it
 * anew; never where checkpoints are left to another program.
 * Returns REFUSAL_NONE, or REFUSAL_BUSY, logged, while it is above the limit
 * and a reader, or that program, keeps it so.
 */
enum refusal_code wal_limit(struct writer *writer,
    const struct settings *settings);

/* Copies what it can of the log into the database, without waiting; nothing
 * when the writer is not current.  Returns how many pages of the log are not
 * copied; INT_MAX when it could not begin. */
int wal_checkpoint(struct writer *writer);

#endif
