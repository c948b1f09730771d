/* Checkpoints beside the commits: a thread that copies the write-ahead log into
 * the database over a connection of its own.  It never writes an event. */
#ifndef CHECKPOINTER_H
#define CHECKPOINTER_H

#include "settings.h"
#include "store/sqlite/writer.h"
#include "store/sqlite/writer_lock.h"

struct checkpointer;

/* Starts the thread.  The settings are borrowed until checkpointer_close().
 * Returns NULL when memory or threads run out. */
struct checkpointer *checkpointer_open(const struct settings *settings);

/*
 * To be called by the writer's thread after each commit.  Asks the thread for a
 * checkpoint each time the writer's log has grown by a step; where one has come
 * near the end of the log, copies the rest over the writer's own connection, in
 * the queue of the writers.  `writer` may be NULL, while there is none.
 */
void checkpointer_ask(struct checkpointer *checkpointer,
    struct writer *writer, struct writer_lock *queue);

/*
 * Waits for the end of a checkpoint and closes the connection; NULL is allowed.
 * To be called before a writer is closed: all connections of a process to one
 * file share an index of the log, and while this one was open, the next writer
 * would use that index with another log.
 */
void checkpointer_release(struct checkpointer *checkpointer);

/* Ends the thread; NULL is allowed. */
void checkpointer_close(struct checkpointer *checkpointer);

#endif
