#include "store/engine.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "store/sqlite/checkpointer.h"
#include "store/sqlite/open.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/wal.h"
#include "store/sqlite/writer_lock.h"

/* The most attempts at opening the files for one transaction. */
#define OPEN_TRIES 3

struct engine {
	const struct settings *settings;
	struct writer *writer; /* NULL: to be opened */
	struct writer_lock *lock;
	struct checkpointer *checkpointer; /* NULL: not threaded */
};

struct engine *
engine_open(const struct settings *settings, bool threaded)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->settings = settings;
	e->lock = writer_lock_open(settings->db_path);
	threaded = threaded &&
	    settings->checkpoint == SETTINGS_CHECKPOINT_INTERNAL;
	e->checkpointer = threaded && e->lock != NULL ?
	    checkpointer_open(settings) : NULL;
	if (e->lock != NULL && (!threaded || e->checkpointer != NULL))
		return e;
	engine_close(e);
	return NULL;
}

static enum refusal_code
ready_writer(struct engine *e)
{
	if (e->writer != NULL)
		return REFUSAL_NONE;
	return writer_open(&e->writer, e->settings, e->checkpointer != NULL ?
	    WRITER_THREADED : WRITER_ALONE);
}

/* Closes a writer whose files are not where they were, and leaves the queue, in
 * which it must be. */
static enum refusal_code
detach(struct engine *e)
{
	checkpointer_release(e->checkpointer);
	enum refusal_code code = wal_detach(e->writer);
	writer_lock_leave(e->lock);
	if (code == REFUSAL_NONE) {
		e->writer = NULL;
		writer_lock_forget(e->lock);
	}
	return code;
}

/* Closes a connection that failed for another reason than another program's
 * lock.  One whose files are gone may hold events that were answered with
 * success: the next transaction closes that, in the queue. */
static void
drop_writer(struct engine *e, enum refusal_code code)
{
	if (code == REFUSAL_NONE || code == REFUSAL_BUSY ||
	    e->writer == NULL || !writer_is_current(e->writer))
		return;
	checkpointer_release(e->checkpointer);
	writer_close(e->writer);
	e->writer = NULL;
}

static enum refusal_code
enter_queue(struct engine *e, int64_t deadline)
{
	/* Without the queue SQLite's own lock still keeps writers apart. */
	if (writer_lock_enter(e->lock, deadline - timestamp_monotonic()) == 0)
		return REFUSAL_NONE;
	log_line(LOG_ERROR, "database", e->settings->db_path, "error",
	    "another process of this program holds the queue", NULL);
	return REFUSAL_BUSY;
}

/* --- Transactions -------------------------------------------------------- */

/* Runs a recording statement that gives no rows. */
static enum refusal_code
run(struct writer *writer, enum statement statement, const char *doing)
{
	return query_run(&writer->queries[statement]) == 0 ? REFUSAL_NONE :
	    connection_log(&writer->database, doing);
}

static bool
in_transaction(const struct writer *writer)
{
	return connection_in_transaction(&writer->database);
}

static void
roll_back(struct writer *writer)
{
	if (in_transaction(writer))
		run(writer, ROLLBACK, "rolling back");
}

/* Reads the highest id of the file, above which this transaction's must be. */
static enum refusal_code
read_last_id(struct writer *writer)
{
	struct query *query = &writer->queries[LAST_ID];
	enum refusal_code code = REFUSAL_NONE;
	char bound[ULID_TIME_SIZE];

	ulid_begin(engine_bound(timestamp_now()), bound);
	query_bind_text(query, 1, bound);
	int step = query_step(query);

	writer->last_id[0] = '\0';
	if (step == 1)
		query_copy_text(query, 0, writer->last_id,
		    sizeof(writer->last_id));
	else if (step < 0)
		code = connection_log(&writer->database,
		    "reading the last id");
	if (!ulid_is_valid(writer->last_id))
		writer->last_id[0] = '\0';
	query_reset(query);
	return code;
}

/* Reads one of the two numbers that tell whether the schema is the one that was
 * checked. */
static enum refusal_code
read_number(struct writer *writer, enum statement statement, int64_t *number)
{
	struct query *query = &writer->queries[statement];
	bool read = query_step(query) == 1;

	*number = read ? query_number(query, 0) : 0;
	enum refusal_code code = read ? REFUSAL_NONE :
	    connection_log(&writer->database,
	    "reading the version of the schema");
	query_reset(query);
	return code;
}

/* Another program may change the schema, or a newer one take the file over, at
 * any time. */
static enum refusal_code
check_schema(struct writer *writer)
{
	int64_t version, cookie;
	enum refusal_code code = read_number(writer, SCHEMA_VERSION, &version);

	if (code == REFUSAL_NONE)
		code = read_number(writer, SCHEMA_COOKIE, &cookie);
	if (code != REFUSAL_NONE || (schema_is_known(version) &&
	    cookie == writer->schema_cookie))
		return code;
	code = schema_check(&writer->database);
	if (code == REFUSAL_NONE)
		writer->schema_cookie = cookie;
	return code;
}

static enum refusal_code
begin_transaction(struct writer *writer, int64_t deadline)
{
	int64_t left = deadline - timestamp_monotonic();
	enum refusal_code code;

	connection_wait(&writer->database, left > 0 ? (int)left : 0);
	connection_rest(&writer->database);
	code = run(writer, BEGIN_WRITING, "beginning");
	if (code != REFUSAL_NONE)
		return code;
	/* Another program may have changed the journal mode meanwhile. */
	code = wal_note(writer);
	if (code == REFUSAL_NONE)
		code = check_schema(writer);
	if (code == REFUSAL_NONE)
		code = read_last_id(writer);
	if (code != REFUSAL_NONE)
		roll_back(writer);
	return code;
}

static enum refusal_code
begin_current(struct engine *e, int64_t deadline)
{
	enum refusal_code code = wal_limit(e->writer, e->settings);

	if (code == REFUSAL_NONE)
		code = begin_transaction(e->writer, deadline);
	if (code != REFUSAL_NONE)
		writer_lock_leave(e->lock);
	return code;
}

/* The files are checked in the queue: a file that was moved must not be closed
 * while another process writes it. */
static enum refusal_code
begin(struct engine *e, int64_t deadline)
{
	enum refusal_code code;

	for (int tries = 0; tries < OPEN_TRIES; tries++) {
		if ((code = ready_writer(e)) != REFUSAL_NONE ||
		    (code = enter_queue(e, deadline)) != REFUSAL_NONE)
			return code;
		if (writer_is_current(e->writer))
			return begin_current(e, deadline);
		if ((code = detach(e)) != REFUSAL_NONE)
			return code;
	}
	return REFUSAL_BUSY;
}

enum refusal_code
engine_begin(struct engine *e, int64_t deadline)
{
	enum refusal_code code = begin(e, deadline);

	drop_writer(e, code);
	return code;
}

enum refusal_code
engine_begin_again(struct engine *e, int64_t deadline)
{
	roll_back(e->writer);
	return begin_transaction(e->writer, deadline);
}

/*
 * Whether what was just committed is in the file at the path of the settings:
 * that may have been moved since the transaction began.  Then the sender has
 * to send again.
 */
static enum refusal_code
confirm(const struct engine *e)
{
	if (writer_is_current(e->writer))
		return REFUSAL_NONE;
	log_line(LOG_ERROR, "database", e->settings->db_path, "error",
	    "moved away, removed or replaced in the middle of a commit",
	    "hint", "stop this program before you do that", NULL);
	return REFUSAL_UNAVAILABLE;
}

enum refusal_code
engine_end(struct engine *e, enum refusal_code code)
{
	if (code == REFUSAL_NONE)
		code = run(e->writer, COMMIT, "committing");
	if (code == REFUSAL_NONE)
		code = confirm(e);
	else
		roll_back(e->writer);
	writer_lock_leave(e->lock);
	drop_writer(e, code);
	return code;
}

bool
engine_in_transaction(const struct engine *e)
{
	return in_transaction(e->writer);
}

enum refusal_code
engine_savepoint(struct engine *e)
{
	return run(e->writer, SAVEPOINT, "a savepoint");
}

enum refusal_code
engine_release(struct engine *e)
{
	return run(e->writer, RELEASE, "a savepoint");
}

enum refusal_code
engine_roll_back_to(struct engine *e)
{
	enum refusal_code code = run(e->writer, ROLLBACK_TO,
	    "taking an event back");

	if (code != REFUSAL_NONE)
		roll_back(e->writer);
	return code;
}

struct query *
engine_query(struct engine *e, enum statement statement)
{
	return &e->writer->queries[statement];
}

enum refusal_code
engine_failed(struct engine *e, const char *doing)
{
	return connection_log(&e->writer->database, doing);
}

char *
engine_last_id(struct engine *e)
{
	return e->writer->last_id;
}

/* --- Between transactions ------------------------------------------------ */

void
engine_checkpoint(struct engine *e)
{
	if (e->checkpointer != NULL)
		checkpointer_ask(e->checkpointer, e->writer, e->lock);
}

bool
engine_look(struct engine *e)
{
	if (e->writer == NULL || writer_is_current(e->writer))
		return e->writer != NULL;
	/* The old log must not be found by a process that opens the file which
	 * is there now. */
	if (enter_queue(e, timestamp_monotonic() + e->settings->busy_ms) ==
	    REFUSAL_NONE)
		detach(e);
	/* Where closing it failed, the next transaction does it. */
	return false;
}

void
engine_close(struct engine *e)
{
	if (e == NULL)
		return;
	checkpointer_close(e->checkpointer);
	e->checkpointer = NULL;
	/* A file that was moved may be closed in the queue only. */
	if (e->writer != NULL && !writer_is_current(e->writer))
		enter_queue(e, timestamp_monotonic() + e->settings->busy_ms);
	if (e->writer != NULL && wal_detach(e->writer) != REFUSAL_NONE)
		writer_close(e->writer);
	writer_lock_close(e->lock);
	free(e);
}
