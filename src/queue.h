/* The queue of the processes that write one database: first come, first
 * served.  It is there for fairness only: SQLite's own lock, which starves
 * some of many writers, is what keeps them apart. */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdint.h>

struct queue;

/*
 * Joins the queue of a database: a SysV semaphore named by its path, which
 * the kernel releases for a process that dies; where the system has none, a
 * lock on the file "<database>.lock".
 * Returns NULL when memory runs out.
 */
struct queue *queue_open(const char *database);

/*
 * Waits for its turn, at most wait_ms.  Returns 0, or -1 when the time is
 * over.  Where there is neither semaphore nor lock, it returns 0 at once.
 */
int queue_enter(struct queue *queue, int64_t wait_ms);

/* Lets the next one pass. */
void queue_leave(struct queue *queue);

/* Leaves it, and finds it anew at the next turn: another file is at the path of
 * the database. */
void queue_forget(struct queue *queue);

/* Leaves for good; a semaphore that nobody uses now is removed.  NULL is
 * allowed. */
void queue_close(struct queue *queue);

#endif
