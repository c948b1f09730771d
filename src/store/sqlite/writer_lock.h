/* A lock for the processes that write one database, which get it in the order
 * in which they come.  It is there for fairness only: SQLite's own lock, under
 * which some of many writers starve, is what keeps them apart.  It knows
 * nothing of SQLite. */
#ifndef WRITER_LOCK_H
#define WRITER_LOCK_H

#include <stdint.h>

struct writer_lock;

/*
 * Makes the lock of a database: a SysV semaphore whose key is made from the
 * path, and which the kernel releases for a process that dies; where that
 * cannot be used, a lock on the file "<database>.lock".
 * Returns NULL when memory runs out.
 */
struct writer_lock *writer_lock_open(const char *database);

/*
 * Waits for the lock, at most wait_ms; does nothing where it is held already.
 * Returns 0, or -1 when the time is over.  Where there is neither semaphore nor
 * file, it returns 0 at once.
 */
int writer_lock_enter(struct writer_lock *lock, int64_t wait_ms);

/* Lets the next process have it; does nothing where it is not held. */
void writer_lock_leave(struct writer_lock *lock);

/* Leaves it, and looks for it anew the next time: another file is at the path
 * of the database.  A semaphore that no process uses is removed. */
void writer_lock_forget(struct writer_lock *lock);

/* The same, and releases the memory; NULL is allowed. */
void writer_lock_close(struct writer_lock *lock);

#endif
