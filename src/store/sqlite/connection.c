#include "store/sqlite/connection.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "store/sqlite/dbfiles.h"

#define NEWER_HINT "its tables are not those that this version knows: " \
    "install a newer agentlens-ingest, or name another file in DB_PATH"
#define UNREADABLE "you may not read it"

/* No request makes SQLite fail: all of these are about the file or the machine,
 * and end when that is repaired. */
static const struct {
	int code; /* its lowest byte */
	struct advice advice;
} failures[] = {
	{ SQLITE_BUSY, { REFUSAL_BUSY, "another program writes the file for "
	    "longer than INGEST_BUSY_MS: end it, or raise that",
	    "another program holds it; try again" } },
	{ SQLITE_LOCKED, { REFUSAL_BUSY, NULL, NULL } },
	{ SQLITE_PROTOCOL, { REFUSAL_BUSY, NULL, NULL } },
	{ SQLITE_FULL, { REFUSAL_UNAVAILABLE, "the disk or this user's quota "
	    "is full: make room, and it goes on by itself",
	    "the disk is full" } },
	{ SQLITE_IOERR, { REFUSAL_UNAVAILABLE, "the disk fails, or is full: "
	    "see the system's log, and make room",
	    "the disk could not be read or written" } },
	{ SQLITE_NOMEM, { REFUSAL_UNAVAILABLE, "memory ran out: lower "
	    "INGEST_THREADS, or raise the limit", NULL } },
	/* sqlite3's .recover would save more, where it is built in. */
	{ SQLITE_CORRUPT, { REFUSAL_UNAVAILABLE, "the file is damaged: copy it "
	    "with its -wal, move both away, and save what can be read: "
	    "sqlite3 COPY '.dump --preserve-rowids' | "
	    "sed 's/^ROLLBACK;.*/COMMIT;/' | sqlite3 SAVED; "
	    "a new one is begun by itself",
	    "it is damaged; take a copy of the file and restore a backup, or "
	    "save what can be read: see agentlens-ingest(8), CAVEATS" } },
	{ SQLITE_NOTADB, { REFUSAL_UNAVAILABLE, "the file is no SQLite "
	    "database: move it away, or name another one in DB_PATH",
	    "it is no SQLite file, or a damaged one" } },
	{ SQLITE_INTERRUPT, { REFUSAL_UNAVAILABLE, "the file is damaged, or "
	    "was made to keep its readers busy: move it away, and restore a "
	    "backup", "reading it takes far longer than its size explains: "
	    "it is damaged, or was made so" } },
	{ SQLITE_TOOBIG, { REFUSAL_UNAVAILABLE, "the file has a value that "
	    "is larger than any that this program writes",
	    "it has a value that is larger than any that agentlens-ingest "
	    "writes" } },
	{ SQLITE_CONSTRAINT, { REFUSAL_UNAVAILABLE, NEWER_HINT, NULL } },
	{ SQLITE_ERROR, { REFUSAL_UNAVAILABLE, NEWER_HINT, NULL } },
	{ SQLITE_SCHEMA, { REFUSAL_UNAVAILABLE, NEWER_HINT, NULL } },
	{ SQLITE_MISMATCH, { REFUSAL_UNAVAILABLE, NEWER_HINT, NULL } },
	{ SQLITE_READONLY, { REFUSAL_UNAVAILABLE, FOLDER_HINT,
	    "you may not write it" } },
	{ SQLITE_CANTOPEN, { REFUSAL_UNAVAILABLE, FOLDER_HINT,
	    UNREADABLE ", or not the log beside it; run this as the user of "
	    "agentlens-ingest" } },
	{ SQLITE_PERM, { REFUSAL_UNAVAILABLE, FOLDER_HINT, UNREADABLE } },
	{ SQLITE_AUTH, { REFUSAL_UNAVAILABLE, FOLDER_HINT, UNREADABLE } },
};

const struct advice *
advice_for(int code)
{
	static const struct advice unknown = { REFUSAL_INTERNAL, NULL, NULL };

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (failures[i].code == (code & 0xff))
			return &failures[i].advice;
	return &unknown;
}

enum refusal_code
advice_code(int code)
{
	return code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE ?
	    REFUSAL_NONE : advice_for(code)->code;
}

/* --- Guarding ------------------------------------------------------------ */

/* After so many steps it is looked whether there were too many. */
#define GUARD_STEPS 1000

/* What statements may do: in any file, for each byte of it, and for each ms
 * that they last.  prune, which does most, takes 0.08 a byte. */
#define STEPS_FREE INT64_C(8000000)
#define STEPS_PER_BYTE 2
#define STEPS_PER_MS 50

/* The largest body that INGEST_MAX_BODY allows, twice. */
#define VALUE_MAX (128 << 20)

/* The bytes that a file takes on its disk: not those of its holes, which cost
 * nothing to make. */
static int64_t
bytes_on_disk(const char *path)
{
	struct stat status;

	return stat(path, &status) != 0 ? 0 : (int64_t)status.st_blocks * 512;
}

/* Called by SQLite after each GUARD_STEPS of a statement.  Returns whether to
 * end it. */
static int
count_steps(void *context)
{
	struct database *database = context;

	database->steps += GUARD_STEPS;
	if (database->steps < STEPS_FREE)
		return 0;
	int64_t bytes = bytes_on_disk(database->path) +
	    dbfiles_wal_bytes(connection_file(database));
	return database->steps > STEPS_FREE + bytes * STEPS_PER_BYTE +
	    (timestamp_monotonic() - database->since) * STEPS_PER_MS;
}

void
connection_rest(struct database *database)
{
	database->odd = NULL;
	database->steps = 0;
	database->since = timestamp_monotonic();
}

int
connection_guard(struct database *database)
{
	static const struct {
		int option, value;
	} options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
	};
	/* VACUUM attaches a file. */
	static const int limits[][2] = {
		{ SQLITE_LIMIT_LENGTH, VALUE_MAX },
		{ SQLITE_LIMIT_SQL_LENGTH, 1 << 20 },
		{ SQLITE_LIMIT_COLUMN, 200 },
		{ SQLITE_LIMIT_EXPR_DEPTH, 100 },
		{ SQLITE_LIMIT_COMPOUND_SELECT, 20 },
		{ SQLITE_LIMIT_ATTACHED, 1 },
		{ SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000 },
		{ SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		int now = -1;
		int code = sqlite3_db_config(database->db, options[i].option,
		    options[i].value, &now);
		if (code != SQLITE_OK || now != options[i].value)
			return code != SQLITE_OK ? code : SQLITE_ERROR;
	}
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		sqlite3_limit(database->db, limits[i][0], limits[i][1]);
	connection_rest(database);
	sqlite3_progress_handler(database->db, GUARD_STEPS, count_steps,
	    database);
	return connection_run(database, "PRAGMA cell_size_check = ON");
}

/* --- Failing ------------------------------------------------------------- */

int
connection_fail(struct database *database)
{
	int code = sqlite3_errcode(database->db);
	const char *sentence = advice_for(code)->sentence;

	if (sentence != NULL)
		return error_set(&database->error, "%s: %s (%s)",
		    database->path, sentence, sqlite3_errmsg(database->db));
	return error_set(&database->error, "%s: %s", database->path,
	    sqlite3_errmsg(database->db));
}

enum refusal_code
connection_log(const struct database *database, const char *doing)
{
	int code = sqlite3_extended_errcode(database->db);
	const struct advice *advice = advice_for(database->odd == NULL ?
	    code : SQLITE_SCHEMA);
	char *forbidden = advice->code == REFUSAL_UNAVAILABLE ?
	    dbfiles_forbidden(connection_file(database)) : NULL;

	log_line(LOG_ERROR, "database", database->path, "doing", doing,
	    "error", database->odd != NULL ? database->odd :
	    sqlite3_errmsg(database->db), "code", database->odd != NULL ?
	    NULL : sqlite3_errstr(code), "forbidden", forbidden, "hint",
	    forbidden != NULL ? "chown it to the user that this program runs "
	    "as" : advice->hint, NULL);
	free(forbidden);
	return advice->code;
}

const char *
connection_file(const struct database *database)
{
	const char *file = database->db == NULL ? NULL :
	    sqlite3_db_filename(database->db, "main");
	return file == NULL || *file == '\0' ? database->path : file;
}

bool
connection_in_transaction(const struct database *database)
{
	return sqlite3_get_autocommit(database->db) == 0;
}

void
connection_wait(const struct database *database, int wait_ms)
{
	sqlite3_busy_timeout(database->db, wait_ms);
}

void
connection_leave_log(const struct database *database,
    const struct settings *settings)
{
	if (settings->checkpoint == SETTINGS_CHECKPOINT_INTERNAL)
		return;
	sqlite3_wal_autocheckpoint(database->db, 0);
	sqlite3_db_config(database->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
	    NULL);
}

int
connection_run(const struct database *database, const char *text)
{
	return sqlite3_exec(database->db, text, NULL, NULL, NULL);
}

bool
connection_gives(const struct database *database, const char *pragma,
    const char *wanted)
{
	sqlite3_stmt *statement = NULL;
	bool gives = false;

	if (sqlite3_prepare_v2(database->db, pragma, -1, &statement, NULL) ==
	    SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		gives = sqlite3_stricmp(wanted,
		    (const char *)sqlite3_column_text(statement, 0)) == 0;
	sqlite3_finalize(statement);
	return gives;
}

int64_t
connection_number(const struct database *database, const char *text,
    const char *parameter)
{
	sqlite3_stmt *statement = NULL;
	int64_t number = INT64_MIN;

	if (sqlite3_prepare_v2(database->db, text, -1, &statement, NULL) ==
	    SQLITE_OK) {
		if (parameter != NULL)
			sqlite3_bind_text(statement, 1, parameter, -1,
			    SQLITE_STATIC);
		if (sqlite3_step(statement) == SQLITE_ROW)
			number = sqlite3_column_int64(statement, 0);
	}
	sqlite3_finalize(statement);
	return number;
}

bool
connection_has(const struct database *database, const char *name)
{
	/* Not their count, which has no bound in a file that was made so. */
	return connection_number(database,
	    "SELECT 1 FROM main.sqlite_schema WHERE name = ?1 LIMIT 1",
	    name) == 1;
}
