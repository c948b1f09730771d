/*
 * The one place where a checkpoint is begun: it copies the write-ahead log into
 * the database.  It knows SQLite's files, and not when a checkpoint is due.
 *
 * In SQLite 3.7.0 to 3.51.2 a checkpoint that begins on a log that is copied
 * whole, while a commit of another connection begins that log anew, takes the
 * new log for copied too (https://sqlite.org/wal.html#walresetbug), and later
 * checkpoints skip committed pages.  So each checkpoint of this program holds a
 * lock that is shared with all its other processes, and under that lock begins
 * only on a log that is not copied whole.  Such a log can become whole by a
 * checkpoint alone, and a commit begins anew only one that is whole.
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

struct database;

/* What a log holds, in pages. */
struct checkpoint_extent {
	uint32_t pages;
	uint32_t copied; /* of them, into the database */
};

enum checkpoint_mode {
	CHECKPOINT_PASSIVE,  /* waits for nobody */
	CHECKPOINT_FULL,     /* copies all, waiting for those who read */
	CHECKPOINT_TRUNCATE  /* the same, and empties the log */
};

enum checkpoint_result {
	CHECKPOINT_DONE,
	CHECKPOINT_WHOLE, /* nothing was to be copied, so that none was begun */
	CHECKPOINT_ELSEWHERE, /* another thread or process of ours is at it */
	CHECKPOINT_BUSY,  /* another program reads, writes or checkpoints */
	CHECKPOINT_FAILED /* connection_log() tells why */
};

/* The lock of one process for the checkpoints of one database: a byte of the
 * database's file, so that it is one for all users and goes where the file
 * goes. */
struct checkpoint_lock;

/* Opens the lock; the caller makes sure that the file at this path is the one
 * that its connection has open.  Returns NULL with errno set on failure. */
struct checkpoint_lock *checkpoint_lock_open(const char *database);

/* To be called once all connections of this process to that file are closed:
 * the end of any descriptor of it ends SQLite's locks.  NULL is allowed. */
void checkpoint_lock_close(struct checkpoint_lock *lock);

/*
 * Copies what it can of the log of a database that has one and was read before.
 * With CHECKPOINT_FULL and CHECKPOINT_TRUNCATE the connection's limit says how
 * long others are waited for.  *extent is what the log holds now; it may be
 * NULL.
 */
enum checkpoint_result checkpoint_run(struct database *database,
    enum checkpoint_mode mode, struct checkpoint_extent *extent);

/* What the log holds, in the index that all programs share.  Returns whether it
 * is known. */
bool checkpoint_measure(struct database *database,
    struct checkpoint_extent *extent);

/*
 * Whether the next commit could not begin a log anew that is copied whole,
 * since another connection still reads the pages in it.  Waits for those at
 * most wait_ms.
 */
bool checkpoint_is_read(struct database *database, int wait_ms);

#endif
