#include "store/sqlite/checkpointer.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "store/sqlite/open.h"
#include "store/sqlite/wal.h"

/*
 * A checkpoint is made beside the commits each time the log has grown by
 * WAL_CHECKPOINT_PAGES (4 KiB each).  Commits go on meanwhile, so that it never
 * reaches the end of the log: once it is within REST pages of the end, or the
 * log has PAGES_MAX, the writer copies the rest between two commits, in the
 * queue of the writers.  After that, SQLite writes the log from its beginning
 * again.
 */
#define REST 200
#define PASSES 8
#define PAGES_MAX 8000

/* How long the writer waits for its turn in the queue to copy the rest. */
#define QUEUE_WAIT_MS 100

struct checkpointer {
	const struct settings *settings;
	pthread_t thread;
	int pages; /* of the log, at the last checkpoint; the writer's */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t due;
	bool wanted;
	bool near; /* the last checkpoint came near the end of the log */
	bool closing;

	/* Held during a checkpoint.  Only the writer's thread opens and closes
	 * the connection, which is never open without a writer. */
	pthread_mutex_t connection_lock;
	struct writer *connection; /* NULL while there is none */
};

/* The writer's lock is borrowed. */
static void
close_connection(struct checkpointer *c)
{
	if (c->connection != NULL)
		c->connection->database.checkpoint_lock = NULL;
	writer_close(c->connection);
	c->connection = NULL;
}

/*
 * Copies the log while it grows: each pass is shorter than the one before, as
 * long as copying is faster than committing.  Returns whether the end is near.
 */
static bool
come_near(struct writer *connection)
{
	int left = INT_MAX;

	for (int i = 0; i < PASSES && left > REST; i++)
		left = wal_checkpoint(connection);
	return left <= REST;
}

static void *
checkpoint_thread(void *context)
{
	struct checkpointer *c = context;

	for (;;) {
		pthread_mutex_lock(&c->lock);
		while (!c->wanted && !c->closing)
			pthread_cond_wait(&c->due, &c->lock);
		c->wanted = false;
		bool closing = c->closing;
		pthread_mutex_unlock(&c->lock);
		if (closing)
			break;

		pthread_mutex_lock(&c->connection_lock);
		bool near = c->connection != NULL && come_near(c->connection);
		pthread_mutex_unlock(&c->connection_lock);

		pthread_mutex_lock(&c->lock);
		c->near = near;
		pthread_mutex_unlock(&c->lock);
	}
	return NULL;
}

static void
destroy(struct checkpointer *c)
{
	pthread_mutex_destroy(&c->connection_lock);
	pthread_cond_destroy(&c->due);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct checkpointer *
checkpointer_open(const struct settings *settings)
{
	struct checkpointer *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->settings = settings;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->due, NULL);
	pthread_mutex_init(&c->connection_lock, NULL);
	if (pthread_create(&c->thread, NULL, checkpoint_thread, c) == 0)
		return c;
	destroy(c);
	return NULL;
}

/* Opens a connection when there is none, and returns whether there is one.  It
 * must have the writer's own log: where that was removed just now, opening has
 * made another. */
static bool
connect_to_log(struct checkpointer *c, const struct writer *writer)
{
	if (c->connection != NULL)
		return true;
	if (!writer_is_current(writer))
		return false;
	pthread_mutex_lock(&c->connection_lock);
	if (writer_open(&c->connection, c->settings, WRITER_CHECKPOINTER) ==
	    REFUSAL_NONE && !writer_shares_files(c->connection, writer))
		close_connection(c);
	if (c->connection != NULL && writer != NULL)
		c->connection->database.checkpoint_lock =
		    writer->database.checkpoint_lock;
	pthread_mutex_unlock(&c->connection_lock);
	return c->connection != NULL;
}

/* Copies the rest, while no process commits.  Where another one keeps the
 * queue, that is left to the next time that a checkpoint is due. */
static void
copy_rest(struct writer *writer, struct writer_lock *queue)
{
	if (writer_lock_enter(queue, QUEUE_WAIT_MS) != 0)
		return;
	wal_checkpoint(writer);
	writer_lock_leave(queue);
}

void
checkpointer_ask(struct checkpointer *c, struct writer *writer,
    struct writer_lock *queue)
{
	int pages = writer == NULL ? 0 : writer->wal_pages;

	if (pages < c->pages)
		c->pages = 0;
	pthread_mutex_lock(&c->lock);
	bool due = pages >= c->pages + WAL_CHECKPOINT_PAGES;
	bool finish = pages > 0 && (c->near || (due && pages >= PAGES_MAX));
	c->near = false;
	pthread_mutex_unlock(&c->lock);
	if (due || finish)
		c->pages = pages;
	if (finish) {
		copy_rest(writer, queue);
	} else if (due && connect_to_log(c, writer)) {
		pthread_mutex_lock(&c->lock);
		c->wanted = true;
		pthread_cond_signal(&c->due);
		pthread_mutex_unlock(&c->lock);
	}
}

void
checkpointer_release(struct checkpointer *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->connection_lock);
	close_connection(c);
	pthread_mutex_unlock(&c->connection_lock);
}

void
checkpointer_close(struct checkpointer *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->closing = true;
	pthread_cond_signal(&c->due);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	close_connection(c);
	destroy(c);
}
