#include "database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue.h"
#include "schema.h"
#include "store.h"

#define WAIT_MS 10000

/* PRAGMA user_version; AgentLens and agentlens-ingest leave it at 0. */
#define SCHEMA_VERSION 0

struct database {
	sqlite3 *db;
	char *path;
	struct queue *queue; /* of a writer */
	bool queued;
};

struct query {
	struct database *database;
	sqlite3_stmt *statement;
};

/* What the tool reads of AgentLens's tables; the rest of the columns are
 * nobody's business. */
static const char *const needed[] = {
	"SELECT id, timestamp, session_id, agent_id, event_type, severity,"
	" payload, metadata, prev_hash, hash, tenant_id, verified_agent_id,"
	" pricing_version, org_id, project_id FROM events",
	"SELECT id, agent_id, started_at, ended_at, status, event_count,"
	" tool_call_count, error_count, llm_call_count, tenant_id,"
	" last_event_at FROM sessions",
	"SELECT id, sent_at, key, idempotency_key, event_id, reason, source,"
	" received_at, remote_addr, signature, body FROM ingest_deliveries",
	NULL
};

/* A sentence for a result code: what is the matter, and what to do. */
static const char *
advice(int code)
{
	static const struct {
		int code;
		const char *sentence;
	} rows[] = {
		{ SQLITE_CORRUPT, "it is damaged; take a copy of the file and "
		    "restore a backup, or see what sqlite3's .recover saves" },
		{ SQLITE_NOTADB, "it is no SQLite file, or a damaged one" },
		{ SQLITE_PERM, "you may not read it" },
		{ SQLITE_AUTH, "you may not read it" },
		{ SQLITE_READONLY, "you may not write it" },
		{ SQLITE_CANTOPEN, "you may not read it, or not the log "
		    "beside it; run this as the user of agentlens-ingest" },
		{ SQLITE_BUSY, "another program holds it; try again" },
		{ SQLITE_FULL, "the disk is full" },
		{ SQLITE_IOERR, "the disk could not be read or written" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == (code & 0xff))
			return rows[i].sentence;
	return NULL;
}

/* Returns -1. */
static int
fail(const struct database *database)
{
	int code = sqlite3_errcode(database->db);
	const char *sentence = advice(code);

	if (sentence != NULL)
		complain("%s: %s (%s)", database->path, sentence,
		    sqlite3_errmsg(database->db));
	else
		complain("%s: %s", database->path,
		    sqlite3_errmsg(database->db));
	return -1;
}


/* SQLite's own words for these are "unable to open database file". */
static int
look_at_file(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) != 0) {
		complain("%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	if (S_ISREG(status.st_mode))
		return 0;
	complain("%s: it is not a file", path);
	return -1;
}

/* A path, from its root on, as a URI (RFC 3986) that SQLite takes. */
static void
write_uri(const char *path, const char *query, struct text *uri)
{
	char escape[4];

	text_puts(uri, "file:");
	for (; *path != '\0'; path++) {
		snprintf(escape, sizeof(escape), "%%%02x",
		    (unsigned char)*path);
		if (strchr("%?#", *path) != NULL)
			text_puts(uri, escape);
		else
			text_add(uri, path, 1);
	}
	text_puts(uri, query);
}

static int
connect_to(struct database *database, const char *query, int flags)
{
	struct text uri = TEXT_EMPTY;
	int code = SQLITE_NOMEM;

	write_uri(database->path, query, &uri);
	if (!uri.failed)
		code = sqlite3_open_v2(text_string(&uri), &database->db,
		    flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	text_free(&uri);
	if (code != SQLITE_OK)
		return code;
	sqlite3_busy_timeout(database->db, WAIT_MS);
	return sqlite3_exec(database->db, "PRAGMA cache_size = -8192;"
	    "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL);
}

static bool
has_log(const struct database *database)
{
	struct stat status;
	char *path;

	if (asprintf(&path, "%s-wal", database->path) < 0)
		return true;
	bool has = stat(path, &status) == 0 && status.st_size > 0;
	free(path);
	return has;
}

/*
 * A copy where nothing can be written has no log beside it, and SQLite can
 * make none to look into: nobody else can be writing it either, so it may be
 * taken as immutable.
 */
static int
connect_reader(struct database *database)
{
	int code = connect_to(database, "", SQLITE_OPEN_READONLY) & 0xff;

	if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY ||
	    code == SQLITE_IOERR) && !has_log(database)) {
		sqlite3_close(database->db);
		database->db = NULL;
		code = connect_to(database, "?immutable=1",
		    SQLITE_OPEN_READONLY);
	}
	return code == SQLITE_OK ? 0 : fail(database);
}

/* The responder's own room makes and completes the file. */
static int
connect_writer(struct database *database, const struct settings *settings)
{
	struct settings mine = *settings;
	struct store *store;

	mine.db_path = database->path;
	if (store_open(&store, &mine, STORE_WRITER) != REPLY_NONE) {
		complain("%s: it cannot be written", database->path);
		return -1;
	}
	store_close(store);
	if ((database->queue = queue_open(database->path)) == NULL)
		return -1;
	if (connect_to(database, "", SQLITE_OPEN_READWRITE) != SQLITE_OK)
		return fail(database);
	/* As the responder; and a file of before may lack a table of ours
	 * that the responder does without. */
	return database_run(database, "PRAGMA synchronous = EXTRA") == 0 ?
	    database_run(database, schema_sql) : -1;
}

/* INT64_MIN: it cannot be read. */
static int64_t
ask_number(struct database *database, const char *sql, const char *name)
{
	sqlite3_stmt *statement = NULL;
	int64_t number = INT64_MIN;

	if (sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL) ==
	    SQLITE_OK) {
		if (name != NULL)
			sqlite3_bind_text(statement, 1, name, -1,
			    SQLITE_STATIC);
		if (sqlite3_step(statement) == SQLITE_ROW)
			number = sqlite3_column_int64(statement, 0);
	}
	sqlite3_finalize(statement);
	return number;
}

bool
database_has(struct database *database, const char *name)
{
	return ask_number(database, "SELECT count(*) FROM main.sqlite_schema"
	    " WHERE name = ?1", name) > 0;
}

/* Puts an empty table, as the schema has it, in the place of one that the
 * file has not. */
static int
stand_in(struct database *database, sqlite3 *model)
{
	static const char create[] = "CREATE TABLE ";
	sqlite3_stmt *tables = NULL;
	int result = sqlite3_prepare_v2(model, "SELECT name, sql"
	    " FROM sqlite_schema WHERE type = 'table'", -1, &tables, NULL) ==
	    SQLITE_OK ? 0 : -1;

	while (result == 0 && sqlite3_step(tables) == SQLITE_ROW) {
		const char *name = (const char *)
		    sqlite3_column_text(tables, 0);
		const char *sql = (const char *)
		    sqlite3_column_text(tables, 1);
		struct text statement = TEXT_EMPTY;
		if (database_has(database, name))
			continue;
		text_puts(&statement, "CREATE TEMP TABLE ");
		text_puts(&statement, sql + strlen(create));
		result = database_run(database, text_string(&statement));
		text_free(&statement);
	}
	sqlite3_finalize(tables);
	return result;
}

static int
stand_in_all(struct database *database)
{
	sqlite3 *model = NULL;
	int result = -1;

	if (sqlite3_open(":memory:", &model) == SQLITE_OK &&
	    sqlite3_exec(model, schema_sql, NULL, NULL, NULL) == SQLITE_OK)
		result = stand_in(database, model);
	else
		complain("%s", sqlite3_errmsg(model));
	sqlite3_close(model);
	return result;
}

static int
check_columns(struct database *database)
{
	for (const char *const *sql = needed; *sql != NULL; sql++) {
		sqlite3_stmt *statement = NULL;
		int code = sqlite3_prepare_v2(database->db, *sql, -1,
		    &statement, NULL);
		sqlite3_finalize(statement);
		if (code == SQLITE_ERROR) {
			complain("%s: it was made by an older AgentLens (%s); "
			    "agentlens-ingest --check completes it",
			    database->path, sqlite3_errmsg(database->db));
			return -1;
		}
		if (code != SQLITE_OK)
			return fail(database);
	}
	return 0;
}

/* Whether it is a file that this program knows. */
static int
check_kind(struct database *database)
{
	int64_t version = ask_number(database, "PRAGMA user_version", NULL);
	int64_t tables = ask_number(database,
	    "SELECT count(*) FROM main.sqlite_schema", NULL);

	if (version == INT64_MIN || tables < 0)
		return fail(database);
	if (version < 0 || version > SCHEMA_VERSION) {
		complain("%s: its schema has version %lld, and this "
		    "agentlens-log knows none above %d; use a newer one",
		    database->path, (long long)version, SCHEMA_VERSION);
		return -1;
	}
	if (tables > 0 && !database_has(database, "events")) {
		complain("%s: it is no AgentLens file, as it has no table "
		    "events", database->path);
		return -1;
	}
	return 0;
}

static int
check_schema(struct database *database)
{
	return check_kind(database) == 0 && stand_in_all(database) == 0 ?
	    check_columns(database) : -1;
}

/* What is to be written is looked at before: in a file that is another's, or
 * cannot be read, nothing is to be made. */
static int
check_before_writing(struct database *database)
{
	int result = look_at_file(database->path) == 0 &&
	    connect_reader(database) == 0 ? check_kind(database) : -1;

	sqlite3_close(database->db);
	database->db = NULL;
	return result;
}

/* The whole path of a file that is not there yet. */
static char *
make_file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? strdup(".") :
	    strndup(path, (size_t)(slash - path) + 1);
	char *whole = folder == NULL ? NULL : realpath(folder, NULL);
	char *name = NULL;

	if (whole != NULL && asprintf(&name, "%s/%s", whole, slash == NULL ?
	    path : slash + 1) < 0)
		name = NULL;
	free(whole);
	free(folder);
	return name;
}

static int
open_file(struct database *database, struct context *context,
    enum database_access access)
{
	const char *path = context_database(context);
	const struct settings *settings = NULL;

	if (path == NULL)
		return -1;
	if (access != DATABASE_READ &&
	    (settings = context_settings(context, true)) == NULL)
		return -1;
	database->path = realpath(path, NULL);
	bool is_there = database->path != NULL;
	if (!is_there && access == DATABASE_MAKE && errno == ENOENT)
		database->path = make_file_name(path);
	if (database->path == NULL) {
		complain("%s: %s", path, strerror(errno));
		return -1;
	}
	if (access != DATABASE_READ && is_there &&
	    check_before_writing(database) != 0)
		return -1;
	if (access != DATABASE_READ)
		return connect_writer(database, settings);
	return look_at_file(path) == 0 ? connect_reader(database) : -1;
}

struct database *
database_open(struct context *context, enum database_access access)
{
	struct database *database = calloc(1, sizeof(*database));

	if (database == NULL || open_file(database, context, access) != 0 ||
	    check_schema(database) != 0) {
		database_close(database);
		return NULL;
	}
	return database;
}

void
database_close(struct database *database)
{
	if (database == NULL)
		return;
	if (database->queued)
		queue_leave(database->queue);
	queue_close(database->queue);
	sqlite3_close(database->db);
	free(database->path);
	free(database);
}

const char *
database_path(const struct database *database)
{
	return database->path;
}

int
database_begin_reading(struct database *database)
{
	return database_run(database, "BEGIN");
}

int
database_end_reading(struct database *database)
{
	return database_run(database, "COMMIT");
}

void
database_stop_reading(struct database *database)
{
	/* Not a rollback: that would empty the temporary tables too. */
	if (sqlite3_get_autocommit(database->db) == 0)
		sqlite3_exec(database->db, "COMMIT", NULL, NULL, NULL);
}

int
database_begin(struct database *database)
{
	if (queue_enter(database->queue, WAIT_MS) != 0) {
		complain("%s: other programs are writing it all the time; "
		    "try again", database->path);
		return -1;
	}
	database->queued = true;
	if (database_run(database, "BEGIN IMMEDIATE") == 0)
		return 0;
	database_rollback(database);
	return -1;
}

static void
leave_queue(struct database *database)
{
	if (database->queued)
		queue_leave(database->queue);
	database->queued = false;
}

int
database_commit(struct database *database)
{
	int result = database_run(database, "COMMIT");

	if (result != 0)
		database_rollback(database);
	leave_queue(database);
	return result;
}

void
database_rollback(struct database *database)
{
	if (sqlite3_get_autocommit(database->db) == 0)
		sqlite3_exec(database->db, "ROLLBACK", NULL, NULL, NULL);
	leave_queue(database);
}

int
database_run(struct database *database, const char *sql)
{
	return sqlite3_exec(database->db, sql, NULL, NULL, NULL) ==
	    SQLITE_OK ? 0 : fail(database);
}

int64_t
database_changes(const struct database *database)
{
	return sqlite3_changes(database->db);
}

struct query *
query_open(struct database *database, const char *sql)
{
	struct query *query = calloc(1, sizeof(*query));

	if (query == NULL)
		return NULL;
	query->database = database;
	if (sqlite3_prepare_v3(database->db, sql, -1,
	    SQLITE_PREPARE_PERSISTENT, &query->statement, NULL) == SQLITE_OK)
		return query;
	fail(database);
	query_close(query);
	return NULL;
}

void
query_bind_text(struct query *query, int index, const char *text)
{
	sqlite3_bind_text(query->statement, index, text, -1, SQLITE_STATIC);
}

void
query_bind_number(struct query *query, int index, int64_t number)
{
	sqlite3_bind_int64(query->statement, index, number);
}

void
query_bind_bytes(struct query *query, int index, const void *bytes, size_t len)
{
	if (bytes == NULL)
		sqlite3_bind_null(query->statement, index);
	else
		sqlite3_bind_blob64(query->statement, index, bytes, len,
		    SQLITE_STATIC);
}

int
query_step(struct query *query)
{
	switch (sqlite3_step(query->statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return fail(query->database);
	}
}

int
query_run(struct query *query)
{
	int result = query_step(query);

	query_reset(query);
	return result < 0 ? -1 : 0;
}

void
query_reset(struct query *query)
{
	sqlite3_reset(query->statement);
	sqlite3_clear_bindings(query->statement);
}

const char *
query_text(struct query *query, int column)
{
	return (const char *)sqlite3_column_text(query->statement, column);
}

const void *
query_bytes(struct query *query, int column, size_t *len)
{
	/* NULL is also what SQLite gives for no bytes. */
	const void *bytes = sqlite3_column_blob(query->statement, column);

	*len = (size_t)sqlite3_column_bytes(query->statement, column);
	return bytes == NULL && !query_is_null(query, column) ? "" : bytes;
}

int64_t
query_number(struct query *query, int column)
{
	return sqlite3_column_int64(query->statement, column);
}

bool
query_is_null(struct query *query, int column)
{
	return sqlite3_column_type(query->statement, column) == SQLITE_NULL;
}

bool
query_is_text(struct query *query, int column, size_t *len)
{
	bool text = sqlite3_column_type(query->statement, column) ==
	    SQLITE_TEXT;

	*len = (size_t)sqlite3_column_bytes(query->statement, column);
	return text;
}

const char *
query_name(struct query *query, int column)
{
	return sqlite3_column_name(query->statement, column);
}

int
query_columns(struct query *query)
{
	return sqlite3_column_count(query->statement);
}

void
query_close(struct query *query)
{
	if (query == NULL)
		return;
	sqlite3_finalize(query->statement);
	free(query);
}

const char *
database_library_version(void)
{
	return sqlite3_libversion();
}
