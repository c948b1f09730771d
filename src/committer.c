#include "committer.h"

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "queue.h"
#include "timestamp.h"

/*
 * After STORE_CHECKPOINT_PAGES (4 KiB each) a checkpoint is made beside the
 * commits.  Commits go on meanwhile, so that it never comes to the end of the
 * log: once it is as near to it as CHECKPOINT_REST, or the log has come to
 * CHECKPOINT_PAGES_MAX, the committer makes the rest between two commits.
 * Then the log is written from its beginning again.
 */
#define CHECKPOINT_REST 200
#define CHECKPOINT_PASSES 8
#define CHECKPOINT_PAGES_MAX 8000

#define HEALTH_MS 1000

/* How often a committer that has nothing to do looks for its files. */
#define LOOK_MS 1000

/* How often the files are opened anew for one batch. */
#define OPEN_TRIES 3

/* Jobs that one thread hands to another, the first come first. */
struct line {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t filled;
	struct job *first;
	struct job **last;
	bool closing;
};

struct committer {
	const struct settings *settings;
	bool threaded;
	struct store *store; /* NULL: to be opened */
	struct queue *queue;
	int checkpointed_pages; /* of the log, at the last checkpoint */

	struct line submitted;
	struct line committed;
	pthread_t committing;
	pthread_t finishing;

	pthread_mutex_t health_lock;
	int64_t health_at; /* ms; 0: never */
	enum reply_kind health;

	pthread_mutex_t checkpoint_lock;
	pthread_cond_t checkpoint_due;
	bool checkpoint_wanted;
	bool checkpoint_near; /* to the end of the log */
	bool checkpoint_closing;
	pthread_t checkpointer;

	/* Held for all of a checkpoint.  Only the committer opens and closes
	 * the store, and has none without one of its own. */
	pthread_mutex_t checkpoint_store_lock;
	struct store *checkpoint_store; /* NULL: none yet */
};

static void
line_init(struct line *line)
{
	pthread_condattr_t attributes;

	line->last = &line->first;
	pthread_mutex_init(&line->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&line->filled, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void
line_destroy(struct line *line)
{
	pthread_cond_destroy(&line->filled);
	pthread_mutex_destroy(&line->lock);
}

/* Adds a list of jobs. */
static void
line_add(struct line *line, struct job *jobs)
{
	struct job **last = &jobs->next;

	while (*last != NULL)
		last = &(*last)->next;
	pthread_mutex_lock(&line->lock);
	bool was_empty = line->first == NULL;
	*line->last = jobs;
	line->last = last;
	pthread_mutex_unlock(&line->lock);
	/* Only an empty line is waited for. */
	if (was_empty)
		pthread_cond_signal(&line->filled);
}

/* Waits for jobs or the end, `wait_ms` at most.  Returns whether they came. */
static bool
line_wait(struct line *line, int64_t wait_ms)
{
	int64_t until = timestamp_monotonic() + wait_ms;
	struct timespec end = { until / 1000, until % 1000 * 1000000 };
	int waited = 0;

	pthread_mutex_lock(&line->lock);
	while (line->first == NULL && !line->closing && waited == 0)
		waited = pthread_cond_timedwait(&line->filled, &line->lock,
		    &end);
	bool came = line->first != NULL || line->closing;
	pthread_mutex_unlock(&line->lock);
	return came;
}

/* Waits for jobs and takes a list of at most `max`; NULL at the end. */
static struct job *
line_take(struct line *line, long max)
{
	pthread_mutex_lock(&line->lock);
	while (line->first == NULL && !line->closing)
		pthread_cond_wait(&line->filled, &line->lock);

	struct job *jobs = line->first, **end = &jobs;
	for (long n = 0; *end != NULL && n < max; n++)
		end = &(*end)->next;
	line->first = *end;
	if (line->first == NULL)
		line->last = &line->first;
	*end = NULL;
	pthread_mutex_unlock(&line->lock);
	return jobs;
}

/* Lets line_take() return NULL once the line is empty. */
static void
line_close(struct line *line)
{
	pthread_mutex_lock(&line->lock);
	line->closing = true;
	pthread_cond_signal(&line->filled);
	pthread_mutex_unlock(&line->lock);
}

static enum reply_kind
ready_store(struct committer *c)
{
	if (c->store != NULL)
		return REPLY_NONE;
	return store_open(&c->store, c->settings, c->threaded ?
	    STORE_THREADED_WRITER : STORE_WRITER);
}

/* The connections of a process share an index of the log: one that stays would
 * have the next use it with another log.  Waits for the end of a checkpoint. */
static void
close_checkpoint_store(struct committer *c)
{
	pthread_mutex_lock(&c->checkpoint_store_lock);
	store_close(c->checkpoint_store);
	c->checkpoint_store = NULL;
	pthread_mutex_unlock(&c->checkpoint_store_lock);
}

/* Leaves a store whose files are not where they were, and the queue. */
static enum reply_kind
leave_store(struct committer *c)
{
	close_checkpoint_store(c);
	enum reply_kind kind = store_leave(c->store);
	queue_leave(c->queue);
	if (kind == REPLY_NONE) {
		c->store = NULL;
		queue_forget(c->queue);
	}
	return kind;
}

/* A connection that failed for another reason than another program's lock is
 * not trusted again.  But one whose files are gone may hold what was answered:
 * it is left in the queue, the next time. */
static void
drop_store(struct committer *c, enum reply_kind kind)
{
	if (kind == REPLY_NONE || kind == REPLY_BUSY || c->store == NULL ||
	    !store_is_current(c->store))
		return;
	close_checkpoint_store(c);
	store_close(c->store);
	c->store = NULL;
}

static enum reply_kind
enter_queue(struct committer *c, int64_t deadline)
{
	/* Without the queue SQLite's own lock still keeps writers apart. */
	if (queue_enter(c->queue, deadline - timestamp_monotonic()) == 0)
		return REPLY_NONE;
	log_line(LOG_ERROR, "database", c->settings->db_path, "error",
	    "another process of this program holds the queue", NULL);
	return REPLY_BUSY;
}

static enum reply_kind
begin_current(struct committer *c, int64_t deadline)
{
	enum reply_kind kind = store_limit_log(c->store,
	    (int64_t)c->settings->max_wal_mb << 20);
	int64_t left = deadline - timestamp_monotonic();

	return kind != REPLY_NONE ? kind :
	    store_begin(c->store, left > 0 ? (int)left : 0);
}

/* In the queue when it returns REPLY_NONE.  The files are looked at in it, as
 * leaving one while another process writes would not do. */
static enum reply_kind
begin(struct committer *c, int64_t deadline)
{
	enum reply_kind kind = REPLY_BUSY;

	for (int tries = 0; tries < OPEN_TRIES; tries++) {
		if ((kind = ready_store(c)) != REPLY_NONE ||
		    (kind = enter_queue(c, deadline)) != REPLY_NONE)
			return kind;
		if (store_is_current(c->store)) {
			kind = begin_current(c, deadline);
			if (kind != REPLY_NONE)
				queue_leave(c->queue);
			return kind;
		}
		if ((kind = leave_store(c)) != REPLY_NONE)
			return kind;
	}
	return REPLY_BUSY;
}

/*
 * Whether what was just committed is where it will be looked for: the files
 * may have been taken away since the transaction began.  Then the sender
 * shall send again.
 */
static enum reply_kind
confirm(const struct committer *c)
{
	if (store_is_current(c->store))
		return REPLY_NONE;
	log_line(LOG_ERROR, "database", c->settings->db_path, "error",
	    "moved away, removed or replaced in the middle of a commit",
	    "hint", "stop this program before you do that", NULL);
	return REPLY_UNAVAILABLE;
}

typedef bool append_fn(struct store *, const struct delivery *,
    struct outcome *);

/* Puts jobs into the open transaction, up to one that fails, or, where each
 * stands apart, all of them.  Returns one that failed, or NULL. */
static struct job *
append_jobs(struct committer *c, struct job *jobs, append_fn *append)
{
	struct job *failed = NULL;

	for (struct job *j = jobs; j != NULL && store_in_transaction(c->store)
	    && (failed == NULL || append == store_append_apart);
	    j = j->next) {
		if (j->delivery != NULL ?
		    !append(c->store, j->delivery, &j->outcome) :
		    !store_probe(c->store, &j->outcome))
			failed = j;
	}
	return failed;
}

/* Fills the open transaction.  One that fails by itself fails alone. */
static enum reply_kind
fill(struct committer *c, struct job *jobs, int64_t deadline)
{
	struct job *failed = append_jobs(c, jobs, store_append);

	if (failed != NULL && store_in_transaction(c->store)) {
		int64_t left = deadline - timestamp_monotonic();
		store_rollback(c->store);
		enum reply_kind kind = store_begin(c->store,
		    left > 0 ? (int)left : 0);
		if (kind != REPLY_NONE)
			return kind;
		failed = append_jobs(c, jobs, store_append_apart);
	}
	if (failed == NULL || store_in_transaction(c->store))
		return REPLY_NONE;
	return failed->outcome.kind;
}

/* One transaction for a list of jobs.  Sets their outcomes. */
static void
commit_jobs(struct committer *c, struct job *jobs)
{
	int64_t deadline = timestamp_monotonic() + c->settings->busy_ms;
	enum reply_kind kind = begin(c, deadline);

	if (kind == REPLY_NONE) {
		kind = fill(c, jobs, deadline);
		if (kind == REPLY_NONE)
			kind = store_commit(c->store);
		if (kind == REPLY_NONE)
			kind = confirm(c);
		queue_leave(c->queue);
	}

	/* A transaction that failed kept nothing of anybody. */
	for (struct job *j = jobs; kind != REPLY_NONE && j != NULL;
	    j = j->next)
		j->outcome.kind = kind;
	drop_store(c, kind);
}

/* Opens a store for the checkpointer when it has none.  Only the committer's
 * own log will do: where that was removed just now, opening made another. */
static bool
ready_checkpoint_store(struct committer *c)
{
	if (c->checkpoint_store != NULL)
		return true;
	if (!store_is_current(c->store))
		return false;
	pthread_mutex_lock(&c->checkpoint_store_lock);
	if (store_open(&c->checkpoint_store, c->settings,
	    STORE_CHECKPOINTER) == REPLY_NONE &&
	    !store_shares_files(c->checkpoint_store, c->store)) {
		store_close(c->checkpoint_store);
		c->checkpoint_store = NULL;
	}
	pthread_mutex_unlock(&c->checkpoint_store_lock);
	return c->checkpoint_store != NULL;
}

/*
 * Asks for a checkpoint each time the log has grown by a step, and makes the
 * rest of one.
 */
static void
want_checkpoint(struct committer *c)
{
	int pages = c->store == NULL ? 0 : store_wal_pages(c->store);

	if (pages < c->checkpointed_pages)
		c->checkpointed_pages = 0;
	pthread_mutex_lock(&c->checkpoint_lock);
	bool due = pages >= c->checkpointed_pages +
	    STORE_CHECKPOINT_PAGES;
	bool finish = pages > 0 && (c->checkpoint_near ||
	    (due && pages >= CHECKPOINT_PAGES_MAX));
	c->checkpoint_near = false;
	pthread_mutex_unlock(&c->checkpoint_lock);
	if (due || finish)
		c->checkpointed_pages = pages;
	if (finish) {
		store_checkpoint(c->store);
	} else if (due && ready_checkpoint_store(c)) {
		pthread_mutex_lock(&c->checkpoint_lock);
		c->checkpoint_wanted = true;
		pthread_cond_signal(&c->checkpoint_due);
		pthread_mutex_unlock(&c->checkpoint_lock);
	}
}

static void
finish_jobs(struct job *jobs)
{
	while (jobs != NULL) {
		/* A job may be gone once it is done. */
		struct job *next = jobs->next;
		jobs->done(jobs);
		jobs = next;
	}
}

/*
 * Leaves a store whose files are not where they were, though nothing is to be
 * written: another process that begins would take its log for that of another
 * file, which is there now.  Returns whether to look again.
 */
static bool
look_for_files(struct committer *c)
{
	if (store_is_current(c->store))
		return true;
	if (enter_queue(c, timestamp_monotonic() + c->settings->busy_ms) ==
	    REPLY_NONE)
		leave_store(c);
	/* What could not be left is, with the next jobs. */
	return false;
}

static void *
commit_always(void *context)
{
	struct committer *c = context;
	struct job *jobs;

	for (;;) {
		bool look = c->store != NULL;
		while (look && !line_wait(&c->submitted, LOOK_MS))
			look = look_for_files(c);
		jobs = line_take(&c->submitted, c->settings->batch);
		if (jobs == NULL)
			break;
		commit_jobs(c, jobs);
		line_add(&c->committed, jobs);
		want_checkpoint(c);
	}
	return NULL;
}

/* A thread of its own, so that the next batch is committed meanwhile. */
static void *
finish_always(void *context)
{
	struct committer *c = context;
	struct job *jobs;

	while ((jobs = line_take(&c->committed, LONG_MAX)) != NULL)
		finish_jobs(jobs);
	return NULL;
}

/*
 * Copies the log while it grows: each pass is shorter than the one before, as
 * long as copying is faster than committing.  Returns whether the end is near.
 */
static bool
come_near(struct store *store)
{
	int left = INT_MAX;

	for (int i = 0; i < CHECKPOINT_PASSES && left > CHECKPOINT_REST; i++)
		left = store_checkpoint(store);
	return left <= CHECKPOINT_REST;
}

static void *
checkpoint_always(void *context)
{
	struct committer *c = context;

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

		pthread_mutex_lock(&c->checkpoint_store_lock);
		bool near = c->checkpoint_store != NULL &&
		    come_near(c->checkpoint_store);
		pthread_mutex_unlock(&c->checkpoint_store_lock);

		pthread_mutex_lock(&c->checkpoint_lock);
		c->checkpoint_near = near;
		pthread_mutex_unlock(&c->checkpoint_lock);
	}
	return NULL;
}

static void
stop_checkpointer(struct committer *c)
{
	pthread_mutex_lock(&c->checkpoint_lock);
	c->checkpoint_closing = true;
	pthread_cond_signal(&c->checkpoint_due);
	pthread_mutex_unlock(&c->checkpoint_lock);
	pthread_join(c->checkpointer, NULL);
}

static void
stop_line(struct line *line, pthread_t thread)
{
	line_close(line);
	pthread_join(thread, NULL);
}

static int
start_threads(struct committer *c)
{
	if (pthread_create(&c->checkpointer, NULL, checkpoint_always, c) != 0)
		return -1;
	if (pthread_create(&c->finishing, NULL, finish_always, c) == 0) {
		if (pthread_create(&c->committing, NULL, commit_always, c) ==
		    0)
			return 0;
		stop_line(&c->committed, c->finishing);
	}
	stop_checkpointer(c);
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
	line_init(&c->submitted);
	line_init(&c->committed);
	pthread_mutex_init(&c->health_lock, NULL);
	pthread_mutex_init(&c->checkpoint_lock, NULL);
	pthread_cond_init(&c->checkpoint_due, NULL);
	pthread_mutex_init(&c->checkpoint_store_lock, NULL);
	c->queue = queue_open(settings->db_path);
	if (c->queue == NULL || (threaded && start_threads(c) != 0)) {
		c->threaded = false;
		committer_close(c);
		return NULL;
	}
	return c;
}

void
committer_record(struct committer *c, struct job *job)
{
	job->next = NULL;
	job->outcome = (struct outcome){ .kind = REPLY_INTERNAL };
	if (c->threaded) {
		line_add(&c->submitted, job);
	} else {
		commit_jobs(c, job);
		finish_jobs(job);
	}
}

static void
end_wait(struct job *job)
{
	sem_post(job->context);
}

static enum reply_kind
probe(struct committer *c)
{
	sem_t done;
	struct job job = { .done = end_wait, .context = &done };

	sem_init(&done, 0, 0);
	committer_record(c, &job);
	while (sem_wait(&done) != 0)
		;
	sem_destroy(&done);
	return job.outcome.kind == REPLY_NONE ? REPLY_HEALTHY :
	    job.outcome.kind;
}

enum reply_kind
committer_health(struct committer *c)
{
	pthread_mutex_lock(&c->health_lock);
	if (c->health_at == 0 ||
	    timestamp_monotonic() - c->health_at >= HEALTH_MS) {
		c->health = probe(c);
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
		stop_line(&c->submitted, c->committing);
		stop_line(&c->committed, c->finishing);
		stop_checkpointer(c);
	}
	store_close(c->checkpoint_store);
	/* Leaving one that is not where it was is for the queue only. */
	if (c->store != NULL && !store_is_current(c->store))
		enter_queue(c, timestamp_monotonic() + c->settings->busy_ms);
	if (c->store != NULL && store_leave(c->store) != REPLY_NONE)
		store_close(c->store);
	queue_close(c->queue);
	pthread_mutex_destroy(&c->checkpoint_store_lock);
	pthread_cond_destroy(&c->checkpoint_due);
	pthread_mutex_destroy(&c->checkpoint_lock);
	pthread_mutex_destroy(&c->health_lock);
	line_destroy(&c->committed);
	line_destroy(&c->submitted);
	free(c);
}
