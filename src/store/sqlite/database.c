#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "store/sqlite/checkpoint.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/open.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sql.h"
#include "store/sqlite/wal.h"
#include "store/sqlite/writer_lock.h"

#define WAIT_MS 10000

/* --- Opening ------------------------------------------------------------- */

/* Says what is wrong with a path; SQLite would only say that it is unable to
 * open the file. */
static int
look_at_file(struct database *database, const char *path)
{
	struct stat status;
	/* A FIFO would wait for a writer. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) != 0) {
		error_set(&database->error, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return S_ISREG(status.st_mode) ? 0 :
	    error_set(&database->error, "%s: it is not a file", path);
}

/* Appends an absolute path as a URI (RFC 3986) that SQLite takes. */
static void
write_uri(const char *path, const char *query, struct text *uri)
{
	text_puts(uri, "file:");
	for (; *path != '\0'; path++) {
		if (strchr("%?#", *path) != NULL)
			text_printf(uri, "%%%02x", (unsigned char)*path);
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
	if ((code = connection_guard(database)) != SQLITE_OK)
		return code;
	connection_wait(database, WAIT_MS);
	return connection_run(database, "PRAGMA cache_size = -8192;"
	    "SELECT 1 FROM sqlite_schema");
}

/* Whether there may be a log beside the file that holds something. */
static bool
has_log(const struct database *database)
{
	return dbfiles_wal_bytes(database->path) != 0;
}

/*
 * SQLite makes a log beside the file even to read it, which fails where nothing
 * can be written.  A file without a log in such a folder is opened as
 * immutable: no other program can be writing it either.
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
	return code == SQLITE_OK ? 0 : connection_fail(database);
}

/* In place of SQLite's own checkpoints, which know nothing of our lock. */
static int
checkpoint_at_commit(void *context, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	if (pages >= WAL_CHECKPOINT_PAGES)
		checkpoint_run(context, CHECKPOINT_PASSIVE, NULL);
	return SQLITE_OK;
}

/* Makes and completes the file as the responder does, with the same code, and
 * then connects to it. */
static int
connect_writer(struct database *database, const struct settings *settings)
{
	struct settings mine = *settings;
	struct writer *writer;

	mine.db_path = database->path;
	if (writer_open(&writer, &mine, WRITER_ALONE) != REFUSAL_NONE)
		return error_set(&database->error, "%s: it cannot be written",
		    database->path);
	writer_close(writer);
	if ((database->lock = writer_lock_open(database->path)) == NULL)
		return error_set(&database->error, "out of memory");
	/* Commits are as safe as the responder's.  A file of an older version
	 * may lack a table that the responder does not need. */
	if (connect_to(database, "", SQLITE_OPEN_READWRITE) != SQLITE_OK ||
	    connection_run(database, "PRAGMA synchronous = EXTRA") !=
	    SQLITE_OK)
		return connection_fail(database);
	connection_leave_log(database, settings);
	database->checkpoint_lock = checkpoint_lock_open(database->path);
	if (database->checkpoint_lock == NULL)
		return error_set(&database->error, "%s: %s", database->path,
		    strerror(errno));
	if (settings->checkpoint == SETTINGS_CHECKPOINT_INTERNAL)
		sqlite3_wal_hook(database->db, checkpoint_at_commit, database);
	return schema_complete(database);
}

bool
database_has(struct database *database, const char *name)
{
	return connection_has(database, name);
}

/* Checks an existing file before it is written, since nothing may be made in
 * one that is not AgentLens's or cannot be read. */
static int
check_before_writing(struct database *database)
{
	int result = look_at_file(database, database->path) == 0 &&
	    connect_reader(database) == 0 ? schema_check_kind(database) : -1;

	sqlite3_close(database->db);
	database->db = NULL;
	return result;
}

/* The absolute path, without symbolic links in its folder, of a file that is
 * not there yet; the caller frees it.  NULL with errno set on failure. */
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
open_file(struct database *database, const char *path,
    enum database_access access, const struct settings *settings)
{
	database->path = realpath(path, NULL);
	bool is_there = database->path != NULL;
	if (!is_there && access == DATABASE_MAKE && errno == ENOENT)
		database->path = make_file_name(path);
	if (database->path == NULL)
		return error_set(&database->error, "%s: %s", path,
		    strerror(errno));
	if (access != DATABASE_READ && is_there &&
	    check_before_writing(database) != 0)
		return -1;
	if (access != DATABASE_READ)
		return connect_writer(database, settings);
	return look_at_file(database, path) != 0 ? -1 :
	    connect_reader(database);
}

struct database *
database_open(const char *path, enum database_access access,
    const struct settings *settings, struct error *error)
{
	struct database *database = calloc(1, sizeof(*database));

	if (database == NULL) {
		error_set(error, "out of memory");
	} else if (open_file(database, path, access, settings) != 0 ||
	    schema_stand_in(database) != 0) {
		*error = database->error;
		database_close(database);
		database = NULL;
	}
	return database;
}

void
database_close(struct database *database)
{
	if (database == NULL)
		return;
	if (database->locked)
		writer_lock_leave(database->lock);
	writer_lock_close(database->lock);
	sqlite3_close(database->db);
	checkpoint_lock_close(database->checkpoint_lock);
	free(database->path);
	free(database);
}

const char *
database_path(const struct database *database)
{
	return database->path;
}

const struct error *
database_error(const struct database *database)
{
	return &database->error;
}

int
database_fail(struct database *database, const char *reason)
{
	return error_set(&database->error, "%s: %s", database->path, reason);
}

/* --- Transactions -------------------------------------------------------- */

static int
run(struct database *database, const char *text)
{
	return connection_run(database, text) == SQLITE_OK ? 0 :
	    connection_fail(database);
}

int
database_begin_reading(struct database *database)
{
	return run(database, "BEGIN");
}

int
database_end_reading(struct database *database)
{
	return run(database, sql[COMMIT]);
}

void
database_stop_reading(struct database *database)
{
	/* A rollback would empty the temporary tables, too. */
	if (connection_in_transaction(database))
		connection_run(database, sql[COMMIT]);
}

int
database_begin(struct database *database)
{
	if (writer_lock_enter(database->lock, WAIT_MS) != 0)
		return error_set(&database->error, "%s: other programs are "
		    "writing it all the time; try again", database->path);
	database->locked = true;
	connection_rest(database);
	if (run(database, sql[BEGIN_WRITING]) == 0)
		return 0;
	database_rollback(database);
	return -1;
}

static void
leave_queue(struct database *database)
{
	if (database->locked)
		writer_lock_leave(database->lock);
	database->locked = false;
}

int
database_commit(struct database *database)
{
	int result = run(database, sql[COMMIT]);

	if (result != 0)
		database_rollback(database);
	leave_queue(database);
	return result;
}

void
database_rollback(struct database *database)
{
	if (connection_in_transaction(database))
		connection_run(database, sql[ROLLBACK]);
	leave_queue(database);
}

int
database_run(struct database *database, enum statement statement)
{
	return run(database, sql[statement]);
}

int64_t
database_number(struct database *database, enum statement statement)
{
	int64_t number = connection_number(database, sql[statement], NULL);

	if (number == INT64_MIN)
		connection_fail(database);
	return number;
}

int64_t
database_changes(const struct database *database)
{
	return sqlite3_changes(database->db);
}
