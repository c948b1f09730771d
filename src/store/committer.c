#include "store/committer.h"

#include <stdlib.h>

#include "base/timestamp.h"

/* How long the outcome of a probe stands, in ms. */
#define HEALTH_MS 1000

/* How often a committer that has nothing to do looks after its files, in ms. */
#define LOOK_MS 1000

struct committer {
	const struct settings *settings;
	bool threaded;
	struct engine *engine;

	struct job_queue submitted;
	pthread_t committing;

	pthread_mutex_t health_lock;
	int64_t health_at; /* ms; 0: never */
	enum refusal_code health;
};

typedef bool append_fn(struct engine *, const struct delivery *,
    struct outcome *);

/* Puts jobs into the open transaction: up to the first that fails, or, where
 * each has a savepoint, all of them.  Returns the last that failed, or NULL. */
static struct job *
append_jobs(struct committer *c, struct job *jobs, append_fn *append)
{
	struct job *failed = NULL;

	for (struct job *j = jobs; j != NULL &&
	    engine_in_transaction(c->engine) &&
	    (failed == NULL || append == record_append_savepoint);
	    j = j->next) {
		if (j->delivery != NULL ?
		    !append(c->engine, j->delivery, &j->outcome) :
		    !record_probe(c->engine, &j->outcome))
			failed = j;
	}
	return failed;
}

/* Fills the open transaction.  A job that fails takes no other with it. */
static enum refusal_code
fill(struct committer *c, struct job *jobs, int64_t deadline)
{
	struct job *failed = append_jobs(c, jobs, record_append);

	if (failed != NULL && engine_in_transaction(c->engine)) {
		enum refusal_code code = engine_begin_again(c->engine,
		    deadline);
		if (code != REFUSAL_NONE)
			return code;
		failed = append_jobs(c, jobs, record_append_savepoint);
	}
	if (failed == NULL || engine_in_transaction(c->engine))
		return REFUSAL_NONE;
	return failed->outcome.refusal;
}

/* One transaction for a list of jobs.  Sets their outcomes. */
static void
commit_jobs(struct committer *c, struct job *jobs)
{
	int64_t deadline = timestamp_monotonic() + c->settings->busy_ms;
	enum refusal_code code = engine_begin(c->engine, deadline);

	if (code == REFUSAL_NONE)
		code = engine_end(c->engine, fill(c, jobs, deadline));
	/* Nothing of a failed transaction is kept, so all its jobs fail. */
	for (struct job *j = jobs; code != REFUSAL_NONE && j != NULL;
	    j = j->next)
		j->outcome = (struct outcome){ .refusal = code };
}

static void
note_health(struct committer *c, enum refusal_code health)
{
	pthread_mutex_lock(&c->health_lock);
	c->health = health;
	c->health_at = timestamp_monotonic();
	pthread_mutex_unlock(&c->health_lock);
}

static void
finish_jobs(struct committer *c, struct job *jobs)
{
	while (jobs != NULL) {
		/* A job may be gone once it is done. */
		struct job *next = jobs->next;
		if (jobs->delivery == NULL)
			note_health(c, jobs->outcome.refusal);
		jobs->done(jobs);
		jobs = next;
	}
}

static void *
commit_thread(void *context)
{
	struct committer *c = context;
	struct job *jobs;

	for (;;) {
		bool look = true;
		while (look && !job_queue_wait(&c->submitted, LOOK_MS))
			look = engine_look(c->engine);
		jobs = job_queue_take(&c->submitted, c->settings->batch);
		if (jobs == NULL)
			break;
		commit_jobs(c, jobs);
		finish_jobs(c, jobs);
		engine_checkpoint(c->engine);
	}
	return NULL;
}

struct committer *
committer_open(const struct settings *settings, bool threaded)
{
	struct committer *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->settings = settings;
	c->threaded = threaded;
	job_queue_init(&c->submitted);
	pthread_mutex_init(&c->health_lock, NULL);
	c->engine = engine_open(settings, threaded);
	if (c->engine == NULL || (threaded && pthread_create(
	    &c->committing, NULL, commit_thread, c) != 0)) {
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
	job->outcome = (struct outcome){ .refusal = REFUSAL_INTERNAL };
	if (c->threaded) {
		job_queue_add(&c->submitted, job);
	} else {
		commit_jobs(c, job);
		finish_jobs(c, job);
	}
}

static bool
know_health(struct committer *c, enum refusal_code *health)
{
	pthread_mutex_lock(&c->health_lock);
	bool known = c->health_at != 0 &&
	    timestamp_monotonic() - c->health_at < HEALTH_MS;
	*health = c->health;
	pthread_mutex_unlock(&c->health_lock);
	return known;
}

void
committer_probe(struct committer *c, struct job *job)
{
	if (know_health(c, &job->outcome.refusal))
		job->done(job);
	else
		committer_record(c, job);
}

void
committer_close(struct committer *c)
{
	if (c->threaded) {
		job_queue_close(&c->submitted);
		pthread_join(c->committing, NULL);
	}
	engine_close(c->engine);
	pthread_mutex_destroy(&c->health_lock);
	job_queue_destroy(&c->submitted);
	free(c);
}
