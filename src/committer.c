#include "committer.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "queue.h"
#include "timestamp.h"

/* Pages of the write-ahead log (4 KiB each) after which a checkpoint is made
 * beside the commits; and from which on the committer makes it itself, since a
 * log that is written to all the time is never copied to its end. */
#define CHECKPOINT_PAGES 1000
#define CHECKPOINT_PAGES_MAX 8000

#define HEALTH_MS 1000

/* A caller that waits; lives on the caller's stack. */
struct job {
	const struct delivery *delivery; /* NULL: a probe */
	struct outcome *outcome;
	struct job *next;
	sem_t finished;
};

struct committer {
	const struct settings *settings;
	bool threaded;
	struct store *store; /* NULL: to be opened */
	struct queue *queue;
	int checkpointed_pages; /* of the log, at the last checkpoint */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t filled;
	struct job *first;
	struct job **last;
	bool closing;
	pthread_t thread;

	pthread_mutex_t health_lock;
	int64_t health_at; /* ms; 0: never */
	enum reply_kind health;

	pthread_mutex_t checkpoint_lock;
	pthread_cond_t checkpoint_due;
	bool checkpoint_wanted;
	bool checkpoint_closing;
	pthread_t checkpointer;
};

/* Opens the store, or opens it anew when its file was moved away. */
static enum reply_kind
ready_store(struct committer *c)
{
	if (c->store != NULL && !store_is_current(c->store)) {
		log_line(LOG_WARN, "database", c->settings->db_path,
		    "warning", "moved away or removed; opening it anew", NULL);
		store_close(c->store);
		c->store = NULL;
	}
	if (c->store != NULL)
		return REPLY_NONE;
	return store_open(&c->store, c->settings, c->threaded ?
	    STORE_THREADED_WRITER : STORE_WRITER);
}

/* A connection that failed for another reason than another program's lock is
 * not trusted again. */
static void
drop_store(struct committer *c, enum reply_kind kind)
{
	if (kind == REPLY_NONE || kind == REPLY_BUSY)
		return;
	store_close(c->store);
	c->store = NULL;
}

static enum reply_kind
begin(struct committer *c, int64_t deadline)
{
	enum reply_kind kind = ready_store(c);
	if (kind != REPLY_NONE)
		return kind;

	/* Without the queue SQLite's own lock still keeps writers apart. */
	if (queue_enter(c->queue, deadline - timestamp_monotonic()) != 0) {
		log_line(LOG_ERROR, "database", c->settings->db_path, "error",
		    "another process of this program holds the queue", NULL);
		return REPLY_BUSY;
	}
	int64_t left = deadline - timestamp_monotonic();
	kind = store_begin(c->store, left > 0 ? (int)left : 0);
	if (kind != REPLY_NONE)
		queue_leave(c->queue);
	return kind;
}

/* One transaction for a list of jobs.  Sets their outcomes. */
static void
commit_jobs(struct committer *c, struct job *jobs)
{
	enum reply_kind kind = begin(c, timestamp_monotonic() +
	    c->settings->busy_ms);

	if (kind == REPLY_NONE) {
		for (struct job *j = jobs; j != NULL; j = j->next) {
			if (j->delivery != NULL)
				store_append(c->store, j->delivery,
				    j->outcome);
			else
				j->outcome->kind = store_probe(c->store);
			if (!store_in_transaction(c->store)) {
				kind = j->outcome->kind;
				break;
			}
		}
		if (kind == REPLY_NONE)
			kind = store_commit(c->store);
		queue_leave(c->queue);
	}

	/* A transaction that failed kept nothing of anybody. */
	for (struct job *j = jobs; kind != REPLY_NONE && j != NULL;
	    j = j->next)
		j->outcome->kind = kind;
	drop_store(c, kind);
}

/*
 * Asks for a checkpoint each time the log has grown by a step; once it is
 * copied whole, SQLite writes it from its beginning again.
 */
static void
want_checkpoint(struct committer *c)
{
	int pages = c->store == NULL ? 0 : store_wal_pages(c->store);

	if (pages < c->checkpointed_pages)
		c->checkpointed_pages = 0;
	if (pages < c->checkpointed_pages + CHECKPOINT_PAGES)
		return;
	c->checkpointed_pages = pages;
	if (pages >= CHECKPOINT_PAGES_MAX) {
		store_checkpoint(c->store);
		return;
	}
	pthread_mutex_lock(&c->checkpoint_lock);
	c->checkpoint_wanted = true;
	pthread_cond_signal(&c->checkpoint_due);
	pthread_mutex_unlock(&c->checkpoint_lock);
}

/* Takes at most a batch from the queue; the lock is held. */
static struct job *
take_jobs(struct committer *c)
{
	struct job *jobs = c->first, **end = &jobs;

	for (long n = 0; *end != NULL && n < c->settings->batch; n++)
		end = &(*end)->next;
	c->first = *end;
	if (c->first == NULL)
		c->last = &c->first;
	*end = NULL;
	return jobs;
}

static void *
commit_always(void *context)
{
	struct committer *c = context;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (c->first == NULL && !c->closing)
			pthread_cond_wait(&c->filled, &c->lock);
		struct job *jobs = take_jobs(c);
		if (jobs == NULL)
			break;
		pthread_mutex_unlock(&c->lock);

		commit_jobs(c, jobs);
		while (jobs != NULL) {
			/* The job is gone as soon as its caller wakes. */
			struct job *next = jobs->next;
			sem_post(&jobs->finished);
			jobs = next;
		}
		want_checkpoint(c);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void *
checkpoint_always(void *context)
{
	struct committer *c = context;
	struct store *store = NULL;

	for (;;) {
		pthread_mutex_lock(&c->checkpoint_lock);
		while (!c->checkpoint_wanted && !c->checkpoint_closing)
			pthread_cond_wait(&c->checkpoint_due,
			    &c->checkpoint_lock);
		c->checkpoint_wanted = false;
		bool closing = c->checkpoint_closing;
		pthread_mutex_unlock(&c->checkpoint_lock);
		if (closing)
			break;

		if (store != NULL && !store_is_current(store)) {
			store_close(store);
			store = NULL;
		}
		if (store != NULL || store_open(&store, c->settings,
		    STORE_CHECKPOINTER) == REPLY_NONE)
			store_checkpoint(store);
	}
	store_close(store);
	return NULL;
}

static int
start_threads(struct committer *c)
{
	if (pthread_create(&c->thread, NULL, commit_always, c) != 0)
		return -1;
	if (pthread_create(&c->checkpointer, NULL, checkpoint_always, c) == 0)
		return 0;

	pthread_mutex_lock(&c->lock);
	c->closing = true;
	pthread_cond_signal(&c->filled);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	return -1;
}

struct committer *
committer_open(const struct settings *settings, bool threaded)
{
	struct committer *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->settings = settings;
	c->threaded = threaded;
	c->last = &c->first;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->filled, NULL);
	pthread_mutex_init(&c->health_lock, NULL);
	pthread_mutex_init(&c->checkpoint_lock, NULL);
	pthread_cond_init(&c->checkpoint_due, NULL);
	c->queue = queue_open(settings->db_path);
	if (c->queue == NULL || (threaded && start_threads(c) != 0)) {
		c->threaded = false;
		committer_close(c);
		return NULL;
	}
	return c;
}

static void
submit(struct committer *c, struct job *job)
{
	if (!c->threaded) {
		commit_jobs(c, job);
		return;
	}

	sem_init(&job->finished, 0, 0);
	pthread_mutex_lock(&c->lock);
	bool first = c->first == NULL;
	*c->last = job;
	c->last = &job->next;
	pthread_mutex_unlock(&c->lock);
	/* Only an empty queue is waited for. */
	if (first)
		pthread_cond_signal(&c->filled);
	while (sem_wait(&job->finished) != 0)
		;
	sem_destroy(&job->finished);
}

void
committer_record(struct committer *c, const struct delivery *delivery,
    struct outcome *outcome)
{
	struct job job = { .delivery = delivery, .outcome = outcome };
	submit(c, &job);
}

enum reply_kind
committer_health(struct committer *c)
{
	struct outcome outcome = { .kind = REPLY_INTERNAL };
	struct job job = { .outcome = &outcome };

	pthread_mutex_lock(&c->health_lock);
	if (c->health_at == 0 ||
	    timestamp_monotonic() - c->health_at >= HEALTH_MS) {
		submit(c, &job);
		c->health = outcome.kind == REPLY_NONE ? REPLY_HEALTHY :
		    outcome.kind;
		c->health_at = timestamp_monotonic();
	}
	enum reply_kind health = c->health;
	pthread_mutex_unlock(&c->health_lock);
	return health;
}

void
committer_close(struct committer *c)
{
	if (c->threaded) {
		pthread_mutex_lock(&c->lock);
		c->closing = true;
		pthread_cond_signal(&c->filled);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);

		pthread_mutex_lock(&c->checkpoint_lock);
		c->checkpoint_closing = true;
		pthread_cond_signal(&c->checkpoint_due);
		pthread_mutex_unlock(&c->checkpoint_lock);
		pthread_join(c->checkpointer, NULL);
	}
	store_close(c->store);
	queue_close(c->queue);
	pthread_cond_destroy(&c->checkpoint_due);
	pthread_mutex_destroy(&c->checkpoint_lock);
	pthread_mutex_destroy(&c->health_lock);
	pthread_cond_destroy(&c->filled);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
