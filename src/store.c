#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"
#include "schema.h"
#include "timestamp.h"

#define PROBE_BYTES 4096

/* A page, with its header in the log. */
#define PAGE_BYTES (4096 + 24)

/* Each time that the log has grown by LOG_STEP bytes, its readers are waited
 * for, so that it can be begun anew. */
#define LOG_STEP (32 * 1024 * 1024)
#define LOG_WAIT_MS 100
#define LEAVE_WAIT_MS 500

/* Before another attempt at beginning a log. */
#define BEGIN_PAUSE_MS 2

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	SAVEPOINT,
	RELEASE,
	ROLLBACK_TO,
	USER_VERSION,
	LAST_ID,
	LAST_EVENT,
	FIND_KEY,
	FIND_IDEMPOTENCY_KEY,
	FIND_EVENT,
	INSERT_EVENT,
	COUNT_SESSION,
	COUNT_AGENT,
	INSERT_DELIVERY,
	ACCEPT_DELIVERY,
	STATEMENTS
};

#define FOLDER_HINT "the folder of the database must exist and be writable, " \
    "with all files in it, by the user that this program runs as; if that " \
    "folder was replaced, start the program again"
#define NEWER_HINT "its tables are not those that this version knows: " \
    "install a newer agentlens-ingest, or name another file in DB_PATH"

/* PRAGMA user_version of the files that are known: neither AgentLens nor this
 * program has set one up to now. */
#define SCHEMA_VERSION 0

/*
 * Inserts name every column and searches their index, so that preparing them
 * shows whether the file has them all.
 */
static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[SAVEPOINT] = "SAVEPOINT one",
	[RELEASE] = "RELEASE one",
	[ROLLBACK_TO] = "ROLLBACK TO one",
	[USER_VERSION] = "PRAGMA user_version",

	/* ULIDs begin with 0 to 7; another program's ids may not be any. */
	[LAST_ID] =
	    "SELECT id FROM events WHERE id < '8' ORDER BY id DESC LIMIT 1",

	/* The order in which AgentLens walks a session's chain. */
	[LAST_EVENT] =
	    "SELECT timestamp, hash FROM events INDEXED BY idx_ingest_chain"
	    " WHERE tenant_id = ?1 AND session_id = ?2"
	    " ORDER BY timestamp DESC, id DESC LIMIT 1",

	[FIND_KEY] =
	    "SELECT id, event_id FROM ingest_deliveries"
	    " INDEXED BY idx_ingest_key WHERE sent_at = ?2 AND key = ?1",
	/* Of a body that was pruned nobody knows better. */
	[FIND_IDEMPOTENCY_KEY] =
	    "SELECT event_id, length(body) = 0 OR body = ?2"
	    " FROM ingest_deliveries"
	    " INDEXED BY idx_ingest_idempotency_key WHERE idempotency_key = ?1",
	[FIND_EVENT] =
	    "SELECT event_type, session_id FROM events WHERE id = ?1",

	[INSERT_EVENT] =
	    "INSERT INTO events (id, timestamp, session_id, agent_id,"
	    " event_type, severity, payload, metadata, prev_hash, hash,"
	    " tenant_id, verified_agent_id, pricing_version, org_id,"
	    " project_id) VALUES (?1, ?2, ?3, ?4, ?5, 'info', ?6, ?7, ?8, ?9,"
	    " ?10, NULL, NULL, 'default', ?10)",

	/* What an event does to its session and agent, as AgentLens does it:
	 * ?5 a new status or NULL, ?6 the end or NULL, ?7 to ?9 counters. */
	[COUNT_SESSION] =
	    "INSERT INTO sessions (id, agent_id, agent_name, started_at,"
	    " ended_at, status, event_count, tool_call_count, error_count,"
	    " total_cost_usd, llm_call_count, total_input_tokens,"
	    " total_output_tokens, tags, tenant_id, org_id, project_id,"
	    " last_event_at) VALUES (?1, ?2, NULL, ?3, ?6,"
	    " coalesce(?5, 'active'), 1, ?7, ?8, 0, ?9, 0, 0, '[]', ?4,"
	    " 'default', ?4, ?3)"
	    " ON CONFLICT DO UPDATE SET event_count = event_count + 1,"
	    " tool_call_count = tool_call_count + excluded.tool_call_count,"
	    " error_count = error_count + excluded.error_count,"
	    " llm_call_count = llm_call_count + excluded.llm_call_count,"
	    " status = coalesce(?5, status),"
	    " ended_at = coalesce(?6, ended_at),"
	    " last_event_at = excluded.last_event_at",
	[COUNT_AGENT] =
	    "INSERT INTO agents (id, name, description, first_seen_at,"
	    " last_seen_at, session_count, tenant_id, org_id, project_id,"
	    " model_override, paused_at, pause_reason) VALUES (?1, ?1, NULL,"
	    " ?2, ?2, ?3, ?4, 'default', ?4, NULL, NULL, NULL)"
	    " ON CONFLICT DO UPDATE SET"
	    " last_seen_at = max(last_seen_at, excluded.last_seen_at),"
	    " session_count = session_count + excluded.session_count",

	[INSERT_DELIVERY] =
	    "INSERT INTO ingest_deliveries (key, idempotency_key, event_id,"
	    " reason, source, received_at, remote_addr, signature, body,"
	    " sent_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",

	/* A delivery refused before, which the mapping knows by now. */
	[ACCEPT_DELIVERY] =
	    "UPDATE ingest_deliveries SET event_id = ?2, reason = NULL,"
	    " idempotency_key = ?3 WHERE id = ?1",
};

static const char *const tables[] = { "events", "sessions", "agents" };

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	char *path;
	struct place place;
	int64_t wal_bytes_tried; /* of the log, when it was last cut short */
	int wal_pages;
	char last_id[ULID_SIZE]; /* the highest in the file, in a transaction */
};

/*
 * What a result code of SQLite means to the sender, and what the operator is
 * to do about it.  No request makes SQLite fail, so that whatever is not
 * listed is about the file too, and passes when that is mended.
 */
static const struct {
	int code; /* its lowest byte */
	enum reply_kind kind;
	const char *hint;
} failures[] = {
	{ SQLITE_BUSY, REPLY_BUSY, "another program writes the file for "
	    "longer than INGEST_BUSY_MS: end it, or raise that" },
	{ SQLITE_LOCKED, REPLY_BUSY, NULL },
	{ SQLITE_PROTOCOL, REPLY_BUSY, NULL },
	{ SQLITE_FULL, REPLY_UNAVAILABLE, "the disk or this user's quota is "
	    "full: make room, and it goes on by itself" },
	{ SQLITE_IOERR, REPLY_UNAVAILABLE, "the disk fails, or is full: see "
	    "the system's log, and make room" },
	{ SQLITE_NOMEM, REPLY_UNAVAILABLE, "memory ran out: lower "
	    "INGEST_THREADS, or raise the limit" },
	{ SQLITE_CORRUPT, REPLY_UNAVAILABLE, "the file is damaged: copy it "
	    "with its -wal, move both away, and recover the copy with "
	    "'sqlite3 COPY .recover'; a new one is begun by itself" },
	{ SQLITE_NOTADB, REPLY_UNAVAILABLE, "the file is no SQLite database: "
	    "move it away, or name another one in DB_PATH" },
	{ SQLITE_CONSTRAINT, REPLY_UNAVAILABLE, NEWER_HINT },
	{ SQLITE_ERROR, REPLY_UNAVAILABLE, NEWER_HINT },
	{ SQLITE_SCHEMA, REPLY_UNAVAILABLE, NEWER_HINT },
	{ SQLITE_MISMATCH, REPLY_UNAVAILABLE, NEWER_HINT },
	{ SQLITE_READONLY, REPLY_UNAVAILABLE, FOLDER_HINT },
	{ SQLITE_CANTOPEN, REPLY_UNAVAILABLE, FOLDER_HINT },
	{ SQLITE_PERM, REPLY_UNAVAILABLE, FOLDER_HINT },
	{ SQLITE_AUTH, REPLY_UNAVAILABLE, FOLDER_HINT },
};

/* The hint for a code that is a failure; its kind is set. */
static const char *
hint_for(int code, enum reply_kind *kind)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (failures[i].code == (code & 0xff)) {
			*kind = failures[i].kind;
			return failures[i].hint;
		}
	*kind = REPLY_INTERNAL;
	return NULL;
}

/* The database's path without links, as SQLite names log and index after
 * it. */
static const char *
file_of(const struct store *store)
{
	const char *file = store->db == NULL ? NULL :
	    sqlite3_db_filename(store->db, "main");
	return file == NULL || *file == '\0' ? store->path : file;
}

static enum reply_kind
kind_of(int code)
{
	enum reply_kind kind = REPLY_NONE;

	if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE)
		hint_for(code, &kind);
	return kind;
}

/* Logs what SQLite says now, and returns what it means. */
static enum reply_kind
fail(const struct store *store, const char *doing)
{
	int code = sqlite3_extended_errcode(store->db);
	enum reply_kind kind;
	const char *hint = hint_for(code, &kind);
	char *forbidden = kind == REPLY_UNAVAILABLE ?
	    place_forbidden(file_of(store)) : NULL;

	log_line(LOG_ERROR, "database", store->path, "doing", doing, "error",
	    sqlite3_errmsg(store->db), "code", sqlite3_errstr(code),
	    "forbidden", forbidden, "hint", forbidden != NULL ?
	    "chown it to the user that this program runs as" : hint, NULL);
	free(forbidden);
	return kind;
}

/* Ends the use of a statement. */
static void
finish(struct store *store, enum statement which)
{
	sqlite3_reset(store->statements[which]);
	sqlite3_clear_bindings(store->statements[which]);
}

/* Runs a statement that gives no rows. */
static enum reply_kind
run(struct store *store, enum statement which, const char *doing)
{
	int code = sqlite3_step(store->statements[which]);
	enum reply_kind kind = code == SQLITE_DONE ? REPLY_NONE :
	    fail(store, doing);
	finish(store, which);
	return kind;
}

static void
bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void
bind_key(sqlite3_stmt *statement, int index, bool present,
    const unsigned char key[SIGNATURE_BYTES])
{
	if (present)
		sqlite3_bind_blob(statement, index, key, SIGNATURE_BYTES,
		    SQLITE_STATIC);
}

static void
copy_column(char *to, size_t size, sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);
	snprintf(to, size, "%s", text == NULL ? "" : (const char *)text);
}

static char *
folder_of(const char *path)
{
	size_t len = (size_t)(strrchr(path, '/') - path);
	return strndup(path, len == 0 ? 1 : len);
}

/*
 * Finishes a file that was just made: its mode; its owner, when root made it
 * (by --check, say) in the folder of the user that will write it; and with the
 * folder synced it survives a power cut from its first commit on.
 */
static int
settle_file(int fd, const char *folder, mode_t mode)
{
	struct stat owner;
	int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fchmod(fd, mode);

	if (folder_fd < 0)
		return -1;
	if (geteuid() == 0 && fstat(folder_fd, &owner) == 0 &&
	    fchown(fd, owner.st_uid, owner.st_gid) != 0)
		result = -1;
	/* Some file systems have no sync of a folder: EINVAL. */
	if (fsync(folder_fd) != 0 && errno != EINVAL)
		result = -1;
	close(folder_fd);
	return result;
}

/* Makes the database's file when it is not there: SQLite would make it with
 * the umask's mode. */
static enum reply_kind
make_file(const struct settings *settings)
{
	int fd = open(settings->db_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	bool exists = fd < 0 && errno == EEXIST;

	/* SQLite would open one that is read-only, and leave a log beside it
	 * that stays so. */
	if (exists && faccessat(AT_FDCWD, settings->db_path, W_OK,
	    AT_EACCESS) == 0)
		return REPLY_NONE;
	char *folder = folder_of(settings->db_path);
	if (fd < 0) {
		log_line(LOG_ERROR, "folder", folder, "database", exists ?
		    settings->db_path : NULL, "error", strerror(errno), "hint",
		    FOLDER_HINT, NULL);
		free(folder);
		return REPLY_UNAVAILABLE;
	}
	if (folder == NULL ||
	    settle_file(fd, folder, (mode_t)settings->file_mode) != 0)
		log_line(LOG_WARN, "folder", folder, "error", strerror(errno),
		    NULL);
	close(fd);
	free(folder);
	return REPLY_NONE;
}

/* Runs a pragma and returns whether its answer is `wanted`. */
static bool
pragma_gives(struct store *store, const char *pragma, const char *wanted)
{
	sqlite3_stmt *statement = NULL;
	bool gives = false;

	if (sqlite3_prepare_v2(store->db, pragma, -1, &statement, NULL) ==
	    SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		gives = sqlite3_stricmp(wanted, (const char *)
		    sqlite3_column_text(statement, 0)) == 0;
	sqlite3_finalize(statement);
	return gives;
}

/*
 * Whether files of the database's folder can be shared in memory, as SQLite
 * needs it for a write-ahead log.  It does not look before it writes into the
 * database that there is such a log.  The database itself is not to be
 * opened for this: closing it would end the locks of other threads.
 */
static bool
has_shared_memory(const struct store *store)
{
	void *page = MAP_FAILED;
	char *path;
	int saved_errno;

	if (asprintf(&path, "%s.probe-%ld", store->path, (long)getpid()) < 0)
		return true;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool tried = fd >= 0 && ftruncate(fd, PROBE_BYTES) == 0;
	if (tried)
		page = mmap(NULL, PROBE_BYTES, PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	saved_errno = errno;
	if (page != MAP_FAILED)
		munmap(page, PROBE_BYTES);
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	free(path);
	errno = saved_errno;
	return !tried || page != MAP_FAILED;
}

/*
 * Begins a write-ahead log.  Where several open a new file at once SQLite
 * refuses all but one of them without waiting, since they read it already.
 */
static bool
begin_log(struct store *store, int64_t busy_ms)
{
	int64_t deadline = timestamp_monotonic() + busy_ms;

	while (!pragma_gives(store, "PRAGMA journal_mode = WAL", "wal")) {
		if (kind_of(sqlite3_errcode(store->db)) != REPLY_BUSY ||
		    timestamp_monotonic() >= deadline)
			return false;
		sqlite3_sleep(BEGIN_PAUSE_MS);
	}
	return true;
}

static enum reply_kind
set_journal(struct store *store, const struct settings *settings)
{
	if (settings->journal == SETTINGS_JOURNAL_WAL) {
		if (pragma_gives(store, "PRAGMA journal_mode", "wal"))
			return REPLY_NONE;
		bool shared = has_shared_memory(store);
		const char *reason = shared ? NULL : strerror(errno);
		if (shared && begin_log(store, settings->busy_ms))
			return REPLY_NONE;
		if (kind_of(sqlite3_errcode(store->db)) == REPLY_BUSY)
			return fail(store, "journal mode");
		log_line(LOG_WARN, "database", store->path, "warning",
		    "no write-ahead log here, going on with a rollback "
		    "journal; INGEST_JOURNAL=delete ends this warning",
		    "error", reason != NULL ? reason :
		    sqlite3_errmsg(store->db), NULL);
	}
	if (pragma_gives(store, "PRAGMA journal_mode = DELETE", "delete"))
		return REPLY_NONE;
	if (settings->journal == SETTINGS_JOURNAL_DELETE &&
	    pragma_gives(store, "PRAGMA journal_mode", "wal")) {
		log_line(LOG_WARN, "database", store->path, "warning",
		    "another program has the database open with a "
		    "write-ahead log, so that stays", NULL);
		return REPLY_NONE;
	}
	return fail(store, "journal mode");
}

static enum reply_kind
set_pragmas(struct store *store)
{
	/* Temporary store is where pages go that a savepoint might need again:
	 * a batch's would be written to a file of their own. */
	static const char memory[] = "PRAGMA cache_size = -3072;"
	    "PRAGMA temp_store = MEMORY;";
	char limit[64];

	/* When the log is begun anew, it is cut to this. */
	snprintf(limit, sizeof(limit), "PRAGMA journal_size_limit = %d",
	    LOG_STEP);

	if (sqlite3_exec(store->db, limit, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->db, memory, NULL, NULL, NULL) != SQLITE_OK)
		return fail(store, "settings of the connection");
	return REPLY_NONE;
}

/* Once the journal mode is settled. */
static enum reply_kind
set_synchronous(struct store *store, const struct settings *settings)
{
	static const char *const synchronous[] = {
		/* With a rollback journal SQLite's FULL loses the last commit
		 * in a power cut: the journal is removed by then, but not the
		 * folder synced.  With a write-ahead log both are the same. */
		[SETTINGS_SYNCHRONOUS_FULL] = "PRAGMA synchronous = EXTRA",
		[SETTINGS_SYNCHRONOUS_NORMAL] = "PRAGMA synchronous = NORMAL",
		[SETTINGS_SYNCHRONOUS_EXTRA] = "PRAGMA synchronous = EXTRA",
	};
	const char *pragma = synchronous[settings->synchronous];

	/* Such a journal may be torn under NORMAL, and what is rolled back
	 * from it is a damaged file. */
	if (settings->synchronous == SETTINGS_SYNCHRONOUS_NORMAL &&
	    !pragma_gives(store, "PRAGMA journal_mode", "wal"))
		pragma = "PRAGMA synchronous = FULL";
	return sqlite3_exec(store->db, pragma, NULL, NULL, NULL) ==
	    SQLITE_OK ? REPLY_NONE : fail(store, "PRAGMA synchronous");
}

static int
prepare_all(struct store *store)
{
	for (int i = 0; i < STATEMENTS; i++) {
		int code = sqlite3_prepare_v3(store->db, sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
		if (code != SQLITE_OK)
			return code;
	}
	return SQLITE_OK;
}

static void
finalize_all(struct store *store)
{
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
}

/* Adds the columns that a table of the model has and the file's lacks. */
static int
add_columns(struct store *store, sqlite3 *model, const char *table)
{
	sqlite3_stmt *columns;
	int code;

	code = sqlite3_prepare_v2(model, "SELECT name, type, \"notnull\","
	    " dflt_value FROM pragma_table_info(?1)", -1, &columns, NULL);
	if (code != SQLITE_OK)
		return code;
	bind_text(columns, 1, table);
	while (code == SQLITE_OK && sqlite3_step(columns) == SQLITE_ROW) {
		const char *name = (const char *)
		    sqlite3_column_text(columns, 0);
		const char *fallback = (const char *)
		    sqlite3_column_text(columns, 3);
		if (sqlite3_table_column_metadata(store->db, NULL, table, name,
		    NULL, NULL, NULL, NULL, NULL) == SQLITE_OK)
			continue;
		char *statement = sqlite3_mprintf(
		    "ALTER TABLE %s ADD COLUMN %s %s%s%s%s", table, name,
		    sqlite3_column_text(columns, 1),
		    sqlite3_column_int(columns, 2) ? " NOT NULL" : "",
		    fallback == NULL ? "" : " DEFAULT ",
		    fallback == NULL ? "" : fallback);
		code = statement == NULL ? SQLITE_NOMEM :
		    sqlite3_exec(store->db, statement, NULL, NULL, NULL);
		sqlite3_free(statement);
	}
	sqlite3_finalize(columns);
	return code;
}

/* Makes the tables, or completes those of an older AgentLens: what a database
 * made anew from the schema has is the model. */
static int
make_tables(struct store *store)
{
	/* As AgentLens fills the columns that it adds. */
	static const char fill[] =
	    "UPDATE events SET project_id = tenant_id"
	    " WHERE project_id IS NULL;"
	    "UPDATE sessions SET project_id = tenant_id"
	    " WHERE project_id IS NULL;"
	    "UPDATE agents SET project_id = tenant_id"
	    " WHERE project_id IS NULL;"
	    "UPDATE sessions SET last_event_at = started_at"
	    " WHERE last_event_at IS NULL;";
	sqlite3 *model = NULL;
	int code = sqlite3_open(":memory:", &model);

	if (code == SQLITE_OK)
		code = sqlite3_exec(model, schema_sql, NULL, NULL, NULL);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) &&
	    code == SQLITE_OK; i++) {
		if (sqlite3_table_column_metadata(store->db, NULL, tables[i],
		    NULL, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK)
			code = add_columns(store, model, tables[i]);
	}
	sqlite3_close(model);
	if (code == SQLITE_OK)
		code = sqlite3_exec(store->db, schema_sql, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(store->db, fill, NULL, NULL, NULL);
	return code;
}

/* A number that a statement with one row gives; -1 when it gives none. */
static int64_t
ask(struct store *store, const char *question)
{
	sqlite3_stmt *statement = NULL;
	int64_t answer = -1;

	if (sqlite3_prepare_v2(store->db, question, -1, &statement, NULL) ==
	    SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		answer = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return answer;
}

/*
 * A column that must be filled and that the statement which fills its table
 * does not name; SQLITE_OK with an empty one when there is none.
 */
static int
find_unknown_column(struct store *store, char column[64])
{
	static const char find[] =
	    "SELECT name FROM pragma_table_info(?1) WHERE \"notnull\" AND"
	    " dflt_value IS NULL AND pk = 0 AND NOT instr(replace(replace("
	    "replace(?2, '(', ' '), ')', ' '), ',', ' '), ' ' || name || ' ')";
	static const struct {
		const char *table;
		enum statement insert;
	} filled[] = {
		{ "events", INSERT_EVENT },
		{ "sessions", COUNT_SESSION },
		{ "agents", COUNT_AGENT },
		{ "ingest_deliveries", INSERT_DELIVERY },
	};
	sqlite3_stmt *statement = NULL;

	column[0] = '\0';
	int code = sqlite3_prepare_v2(store->db, find, -1, &statement, NULL);
	if (code != SQLITE_OK)
		return code;
	code = SQLITE_DONE;
	for (size_t i = 0; i < sizeof(filled) / sizeof(filled[0]) &&
	    code == SQLITE_DONE; i++) {
		sqlite3_reset(statement);
		bind_text(statement, 1, filled[i].table);
		bind_text(statement, 2, sql[filled[i].insert]);
		code = sqlite3_step(statement);
	}
	if (code == SQLITE_ROW)
		copy_column(column, 64, statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/*
 * Refuses a file of a newer schema, in which this program would write wrong
 * rows: it says so itself, by its version; or has a column that must be filled
 * and is not known here.  Other unknown columns do no harm.
 */
static enum reply_kind
check_schema(struct store *store)
{
	int64_t version = ask(store, "PRAGMA user_version");
	char column[64] = "";

	if (version < 0)
		return fail(store, "reading the version of the schema");
	if (find_unknown_column(store, column) != SQLITE_OK)
		return fail(store, "reading the columns");
	if (version <= SCHEMA_VERSION && column[0] == '\0')
		return REPLY_NONE;
	log_line(LOG_ERROR, "database", store->path, "error",
	    "it is of a newer schema", "reason", column[0] == '\0' ?
	    "its user_version" : "a column that must be filled", "column",
	    column[0] == '\0' ? NULL : column, "hint", NEWER_HINT, NULL);
	return REPLY_UNAVAILABLE;
}

static enum reply_kind
prepare(struct store *store)
{
	/* In the usual case the tables are there, and nothing is written. */
	int code = prepare_all(store);
	if (code == SQLITE_OK)
		return REPLY_NONE;
	finalize_all(store);
	if ((code & 0xff) != SQLITE_ERROR)
		return fail(store, "opening");

	if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
	    SQLITE_OK)
		return fail(store, "making the tables");
	if (make_tables(store) != SQLITE_OK ||
	    sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		enum reply_kind kind = fail(store, "making the tables");
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
		return kind;
	}
	return prepare_all(store) == SQLITE_OK ? REPLY_NONE :
	    fail(store, "preparing");
}

static int
note_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
	struct store *store = context;
	(void)db;
	(void)name;
	store->wal_pages = pages;
	return SQLITE_OK;
}

/* As SQLite does by itself, but not what store_checkpoint() leaves. */
static int
checkpoint_at_commit(void *context, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	if (pages >= STORE_CHECKPOINT_PAGES)
		store_checkpoint(context);
	return SQLITE_OK;
}

static enum reply_kind
open_connection(struct store *store, const struct settings *settings)
{
	if (sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return fail(store, "opening");
	sqlite3_busy_timeout(store->db, (int)settings->busy_ms);
	/* What SQLite cannot open to write, for want of a descriptor say, it
	 * opens to read, and such a connection never writes again. */
	if (sqlite3_db_readonly(store->db, "main") == 0)
		return REPLY_NONE;
	log_line(LOG_ERROR, "database", store->path, "doing", "opening",
	    "error", "it can be read only", "hint", FOLDER_HINT, NULL);
	return REPLY_UNAVAILABLE;
}

/*
 * Takes the write-ahead log away from a database that came from elsewhere to
 * a file system without shared memory: with the file to itself from the first
 * read on, SQLite does without that memory.
 */
static enum reply_kind
leave_wal(struct store *store, const struct settings *settings)
{
	static const char leave[] = "PRAGMA locking_mode = EXCLUSIVE;"
	    "PRAGMA journal_mode = DELETE;"
	    "PRAGMA locking_mode = NORMAL;"
	    "SELECT 1 FROM sqlite_schema";
	enum reply_kind kind;

	if (sqlite3_exec(store->db, "SELECT 1 FROM sqlite_schema", NULL, NULL,
	    NULL) == SQLITE_OK)
		return REPLY_NONE;
	/* What comes next would wait as long again. */
	if (kind_of(sqlite3_errcode(store->db)) == REPLY_BUSY)
		return fail(store, "opening");
	if (sqlite3_extended_errcode(store->db) != SQLITE_IOERR_SHMMAP)
		return REPLY_NONE;
	sqlite3_close(store->db);
	store->db = NULL;
	kind = open_connection(store, settings);
	if (kind == REPLY_NONE && sqlite3_exec(store->db, leave, NULL, NULL,
	    NULL) != SQLITE_OK)
		kind = fail(store, "leaving the write-ahead log");
	return kind;
}

/* Notes which file was opened, in case that the path leads to another later. */
static enum reply_kind
note_database(struct store *store)
{
	int moved = 0;

	/* In this order: what was noted is then what was opened. */
	if (place_note(&store->place, store->path, PLACE_DATABASE) == 0 &&
	    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED,
	    &moved) == SQLITE_OK && !moved)
		return REPLY_NONE;
	log_line(LOG_WARN, "database", store->path, "warning",
	    "moved away while it was opened", NULL);
	return REPLY_BUSY;
}

/* Notes the log and its index, which are there once something was read. */
static enum reply_kind
note_log(struct store *store)
{
	if (store->place.files[PLACE_WAL].expected ||
	    !pragma_gives(store, "PRAGMA journal_mode", "wal"))
		return REPLY_NONE;
	ask(store, "SELECT 1 FROM sqlite_schema");
	if (place_note(&store->place, file_of(store), PLACE_WAL) == 0 &&
	    place_note(&store->place, file_of(store), PLACE_SHM) == 0)
		return REPLY_NONE;
	log_line(LOG_WARN, "database", store->path, "warning",
	    "its -wal or -shm was removed while it was opened", NULL);
	return REPLY_BUSY;
}

static enum reply_kind
open_database(struct store *store, const struct settings *settings,
    enum store_role role)
{
	enum reply_kind kind = REPLY_NONE;

	if ((store->path = strdup(settings->db_path)) == NULL)
		return REPLY_INTERNAL;
	if (role != STORE_CHECKPOINTER)
		kind = make_file(settings);
	if (kind != REPLY_NONE)
		return kind;
	if ((kind = open_connection(store, settings)) != REPLY_NONE)
		return kind;
	if ((kind = note_database(store)) != REPLY_NONE)
		return kind;
	if ((kind = leave_wal(store, settings)) != REPLY_NONE ||
	    (kind = set_pragmas(store)) != REPLY_NONE)
		return kind;
	if (role != STORE_CHECKPOINTER &&
	    ((kind = check_schema(store)) != REPLY_NONE ||
	    (kind = set_journal(store, settings)) != REPLY_NONE))
		return kind;
	if ((kind = set_synchronous(store, settings)) != REPLY_NONE)
		return kind;
	if (role == STORE_CHECKPOINTER)
		return note_log(store);
	sqlite3_wal_hook(store->db, role == STORE_THREADED_WRITER ?
	    note_wal_pages : checkpoint_at_commit, store);
	kind = prepare(store);
	return kind != REPLY_NONE ? kind : note_log(store);
}

enum reply_kind
store_open(struct store **opened, const struct settings *settings,
    enum store_role role)
{
	struct store *store = calloc(1, sizeof(*store));
	enum reply_kind kind = store == NULL ? REPLY_INTERNAL :
	    open_database(store, settings, role);

	if (kind != REPLY_NONE) {
		store_close(store);
		store = NULL;
	}
	*opened = store;
	return kind;
}

bool
store_is_current(const struct store *store)
{
	return place_state(&store->place, store->path, file_of(store)) == PLACE_KEPT;
}

bool
store_shares_files(const struct store *a, const struct store *b)
{
	return place_equal(&a->place, &b->place);
}

/*
 * Copies the whole log into the database, waiting for readers at most
 * `wait_ms`; with SQLITE_CHECKPOINT_TRUNCATE also empties it, and with
 * SQLITE_CHECKPOINT_FULL does not wait for readers of its end.  Returns
 * whether it could; *frames is what the log holds otherwise.
 */
static bool
copy_log(struct store *store, int mode, int wait_ms, int *frames)
{
	sqlite3_busy_timeout(store->db, wait_ms);
	*frames = 0;
	return sqlite3_wal_checkpoint_v2(store->db, NULL, mode, frames,
	    NULL) == SQLITE_OK;
}

enum reply_kind
store_leave(struct store *store)
{
	enum place_state state = place_state(&store->place, store->path,
	    file_of(store));
	static const char *const what[] = {
		[PLACE_KEPT] = NULL,
		[PLACE_MOVED] = "the file was moved away, removed or replaced",
		[PLACE_MISSING] = "its -wal or -shm was moved away or removed",
		[PLACE_INDEX_REPLACED] = "its -shm was replaced",
		[PLACE_LOG_REPLACED] = "its -wal was replaced",
	};
	int frames;

	if (state == PLACE_KEPT) {
		store_close(store);
		return REPLY_NONE;
	}
	/*
	 * What was answered with 201 may be in the log alone.  Its descriptor
	 * and its index still lead to the file that was opened.  But once
	 * another program writes by another index, this one's pages are not
	 * for the file any more; a program that only reads leaves a new log
	 * empty.
	 */
	bool ours = state == PLACE_MOVED || state == PLACE_MISSING ||
	    place_wal_bytes(file_of(store)) == 0;
	/* The log of a file that was moved is not used again. */
	if (ours && !copy_log(store, state == PLACE_MOVED ?
	    SQLITE_CHECKPOINT_FULL : SQLITE_CHECKPOINT_TRUNCATE,
	    LEAVE_WAIT_MS, &frames)) {
		log_line(LOG_ERROR, "database", store->path, "error",
		    what[state], "hint", "its last events could not be "
		    "brought into it yet: end the programs that still read "
		    "it, and make room on its disk; if it was removed, "
		    "restart this program", NULL);
		return REPLY_UNAVAILABLE;
	}
	if (state == PLACE_MOVED)
		place_remove_log(&store->place, file_of(store));
	if (!ours && state == PLACE_LOG_REPLACED)
		log_line(LOG_ERROR, "database", store->path, "error", "its "
		    "-wal was removed, and another program has written a new "
		    "one: the last events in the old one may be lost",
		    "hint", "let the senders send again what was delivered "
		    "last; stop this program before you do that", NULL);
	else
		log_line(LOG_WARN, "database", store->path, "warning",
		    what[state], "hint", "opening it anew; stop this program "
		    "before you do that", NULL);
	store_close(store);
	return REPLY_NONE;
}

/* The highest id of the file, above which this transaction's must be. */
static enum reply_kind
read_last_id(struct store *store)
{
	sqlite3_stmt *statement = store->statements[LAST_ID];
	int code = sqlite3_step(statement);
	enum reply_kind kind = REPLY_NONE;

	if (code == SQLITE_ROW)
		copy_column(store->last_id, sizeof(store->last_id), statement,
		    0);
	else if (code == SQLITE_DONE)
		store->last_id[0] = '\0';
	else
		kind = fail(store, "reading the last id");
	if (!ulid_is_valid(store->last_id))
		store->last_id[0] = '\0';
	finish(store, LAST_ID);
	return kind;
}

/* A newer program may take the file over at any time. */
static enum reply_kind
check_version(struct store *store)
{
	sqlite3_stmt *statement = store->statements[USER_VERSION];
	int code = sqlite3_step(statement);
	bool newer = code == SQLITE_ROW &&
	    sqlite3_column_int64(statement, 0) > SCHEMA_VERSION;
	enum reply_kind kind = code == SQLITE_ROW ? REPLY_NONE :
	    fail(store, "reading the version of the schema");

	finish(store, USER_VERSION);
	return newer ? check_schema(store) : kind;
}

enum reply_kind
store_begin(struct store *store, int wait_ms)
{
	enum reply_kind kind;

	sqlite3_busy_timeout(store->db, wait_ms);
	kind = run(store, BEGIN, "beginning");
	if (kind != REPLY_NONE)
		return kind;
	/* Another program may have changed the journal mode meanwhile. */
	if (!store->place.files[PLACE_WAL].expected)
		kind = note_log(store);
	if (kind == REPLY_NONE)
		kind = check_version(store);
	if (kind == REPLY_NONE)
		kind = read_last_id(store);
	if (kind != REPLY_NONE)
		store_rollback(store);
	return kind;
}

enum reply_kind
store_commit(struct store *store)
{
	enum reply_kind kind = run(store, COMMIT, "committing");
	if (kind != REPLY_NONE)
		store_rollback(store);
	return kind;
}

void
store_rollback(struct store *store)
{
	if (store_in_transaction(store))
		run(store, ROLLBACK, "rolling back");
}

bool
store_in_transaction(const struct store *store)
{
	return sqlite3_get_autocommit(store->db) == 0;
}

/* The answer that was given for an event, from its row. */
static enum reply_kind
replay(struct store *store, const struct delivery *delivery,
    struct outcome *outcome)
{
	sqlite3_stmt *statement = store->statements[FIND_EVENT];

	/* It was there, but no memory to read it. */
	if (outcome->event_id[0] == '\0')
		return fail(store, "reading an id");
	bind_text(statement, 1, outcome->event_id);
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		copy_column(outcome->event_type, sizeof(outcome->event_type),
		    statement, 0);
		copy_column(outcome->session_id, sizeof(outcome->session_id),
		    statement, 1);
	} else if (code == SQLITE_DONE && delivery->event != NULL) {
		/* Pruned since.  The same bytes come to the same answer. */
		const struct event *event = delivery->event;
		snprintf(outcome->event_type, sizeof(outcome->event_type),
		    "%s", event->type->name);
		event_session(event, outcome->event_id, outcome->session_id);
	}
	finish(store, FIND_EVENT);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return fail(store, "reading an event");
	return REPLY_REPLAYED;
}

/*
 * Looks for the same delivery, by its bytes.  Returns REPLY_NONE when it is
 * new, or was refused before: then *refused_row is its row, else 0.
 */
static enum reply_kind
find_same_bytes(struct store *store, const struct delivery *delivery,
    sqlite3_int64 *refused_row, struct outcome *outcome)
{
	sqlite3_stmt *statement = store->statements[FIND_KEY];
	bool recorded = false;

	*refused_row = 0;
	if (!delivery->has_key)
		return REPLY_NONE;
	bind_key(statement, 1, true, delivery->key);
	sqlite3_bind_int64(statement, 2, delivery->sent_at);
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		recorded = sqlite3_column_type(statement, 1) != SQLITE_NULL;
		*refused_row = recorded ? 0 :
		    sqlite3_column_int64(statement, 0);
		copy_column(outcome->event_id, sizeof(outcome->event_id),
		    statement, 1);
	}
	finish(store, FIND_KEY);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return fail(store, "looking for a delivery");
	return recorded ? replay(store, delivery, outcome) : REPLY_NONE;
}

/* Looks for a delivery with the same idempotency key. */
static enum reply_kind
find_same_name(struct store *store, const struct delivery *delivery,
    struct outcome *outcome)
{
	sqlite3_stmt *statement = store->statements[FIND_IDEMPOTENCY_KEY];
	bool same_body = false;

	if (!delivery->has_idempotency_key)
		return REPLY_NONE;
	bind_key(statement, 1, true, delivery->idempotency_key);
	sqlite3_bind_blob(statement, 2, delivery->body,
	    (int)delivery->body_len, SQLITE_STATIC);
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		same_body = sqlite3_column_int(statement, 1) != 0;
		copy_column(outcome->event_id, sizeof(outcome->event_id),
		    statement, 0);
	}
	finish(store, FIND_IDEMPOTENCY_KEY);
	if (code == SQLITE_DONE)
		return REPLY_NONE;
	if (code != SQLITE_ROW)
		return fail(store, "looking for an idempotency key");
	return same_body ? replay(store, delivery, outcome) : REPLY_KEY_REUSED;
}

static enum reply_kind
insert_delivery(struct store *store, const struct delivery *delivery,
    const char *event_id, const char *reason)
{
	sqlite3_stmt *statement = store->statements[INSERT_DELIVERY];
	char received_at[TIMESTAMP_SIZE];

	timestamp_format(timestamp_now(), received_at);
	bind_key(statement, 1, delivery->has_key, delivery->key);
	/* The name of a refused delivery stays free for one that is right. */
	bind_key(statement, 2, delivery->has_idempotency_key &&
	    event_id != NULL, delivery->idempotency_key);
	bind_text(statement, 3, event_id);
	bind_text(statement, 4, reason);
	bind_text(statement, 5, delivery->source->name);
	bind_text(statement, 6, received_at);
	bind_text(statement, 7, delivery->remote_addr);
	bind_text(statement, 8, delivery->signature);
	sqlite3_bind_blob(statement, 9, delivery->body,
	    (int)delivery->body_len, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 10, delivery->sent_at);
	return run(store, INSERT_DELIVERY, "keeping a delivery");
}

static enum reply_kind
accept_delivery(struct store *store, const struct delivery *delivery,
    sqlite3_int64 row)
{
	sqlite3_stmt *statement = store->statements[ACCEPT_DELIVERY];

	sqlite3_bind_int64(statement, 1, row);
	bind_text(statement, 2, delivery->event->id);
	bind_key(statement, 3, delivery->has_idempotency_key,
	    delivery->idempotency_key);
	return run(store, ACCEPT_DELIVERY, "accepting a delivery");
}

static enum reply_kind
count_event(struct store *store, const struct event *event)
{
	enum event_effect effect = event->type->effect;
	sqlite3_stmt *session = store->statements[COUNT_SESSION];
	sqlite3_stmt *agent = store->statements[COUNT_AGENT];

	bind_text(session, 1, event->session_id);
	bind_text(session, 2, event->agent_id);
	bind_text(session, 3, event->timestamp);
	bind_text(session, 4, event->tenant);
	bind_text(session, 5, effect == EVENT_STARTS ? "active" :
	    effect == EVENT_ENDS ? "completed" : NULL);
	bind_text(session, 6, effect == EVENT_ENDS ? event->timestamp : NULL);
	sqlite3_bind_int(session, 7, effect == EVENT_CALLS_TOOL);
	sqlite3_bind_int(session, 8, effect == EVENT_FAILS);
	sqlite3_bind_int(session, 9, effect == EVENT_CALLS_LLM);
	enum reply_kind kind = run(store, COUNT_SESSION,
	    "counting in a session");
	if (kind != REPLY_NONE)
		return kind;

	bind_text(agent, 1, event->agent_id);
	bind_text(agent, 2, event->timestamp);
	sqlite3_bind_int(agent, 3, effect == EVENT_STARTS);
	bind_text(agent, 4, event->tenant);
	return run(store, COUNT_AGENT, "counting for an agent");
}

/* Inserts the sealed event with the link to the session's last one. */
static enum reply_kind
insert_event(struct store *store, const struct event *event,
    const char *prev_hash)
{
	sqlite3_stmt *statement = store->statements[INSERT_EVENT];

	bind_text(statement, 1, event->id);
	bind_text(statement, 2, event->timestamp);
	bind_text(statement, 3, event->session_id);
	bind_text(statement, 4, event->agent_id);
	bind_text(statement, 5, event->type->name);
	sqlite3_bind_text(statement, 6, event->payload.data,
	    (int)event->payload.len, SQLITE_STATIC);
	sqlite3_bind_text(statement, 7, event->stored_metadata->data,
	    (int)event->stored_metadata->len, SQLITE_STATIC);
	bind_text(statement, 8, prev_hash);
	bind_text(statement, 9, event->hash);
	bind_text(statement, 10, event->tenant);
	return run(store, INSERT_EVENT, "inserting an event");
}

/* Settles the event against its session's last one and inserts it. */
static enum reply_kind
link_event(struct store *store, struct event *event)
{
	sqlite3_stmt *last = store->statements[LAST_EVENT];
	const char *last_timestamp = NULL, *last_hash = NULL;
	char session_id[EVENT_SESSION_SIZE];
	int64_t now = timestamp_now();
	enum reply_kind kind;

	if (ulid_mint(now, store->last_id, store->last_id) != 0) {
		log_line(LOG_ERROR, "error", "no event id can be made", NULL);
		return REPLY_INTERNAL;
	}
	event_session(event, store->last_id, session_id);
	bind_text(last, 1, event->tenant);
	bind_text(last, 2, session_id);
	int code = sqlite3_step(last);
	if (code == SQLITE_ROW) {
		last_timestamp = (const char *)sqlite3_column_text(last, 0);
		last_hash = (const char *)sqlite3_column_text(last, 1);
	}
	/* Neither column is ever NULL, but there may be no memory for it. */
	if ((code != SQLITE_ROW && code != SQLITE_DONE) ||
	    (code == SQLITE_ROW && (last_timestamp == NULL ||
	    last_hash == NULL)))
		kind = fail(store, "reading the chain");
	else if (event_seal(event, store->last_id, now, last_timestamp,
	    last_hash) != 0)
		kind = REPLY_INTERNAL;
	else
		kind = insert_event(store, event, last_hash);
	finish(store, LAST_EVENT);
	return kind;
}

static enum reply_kind
record(struct store *store, const struct delivery *delivery,
    sqlite3_int64 refused_row, struct outcome *outcome)
{
	struct event *event = delivery->event;
	enum reply_kind kind;

	if ((kind = link_event(store, event)) != REPLY_NONE ||
	    (kind = count_event(store, event)) != REPLY_NONE)
		return kind;
	kind = refused_row != 0 ?
	    accept_delivery(store, delivery, refused_row) :
	    insert_delivery(store, delivery, event->id, NULL);
	if (kind != REPLY_NONE)
		return kind;

	snprintf(outcome->event_id, sizeof(outcome->event_id), "%s",
	    event->id);
	snprintf(outcome->event_type, sizeof(outcome->event_type), "%s",
	    event->type->name);
	snprintf(outcome->session_id, sizeof(outcome->session_id), "%s",
	    event->session_id);
	return REPLY_RECORDED;
}

/* Another body under a name that is taken: a signed one is kept all the
 * same. */
static enum reply_kind
keep_reused(struct store *store, const struct delivery *delivery,
    sqlite3_int64 refused_row)
{
	const struct reply reply = { .kind = REPLY_KEY_REUSED };
	struct text reason = TEXT_EMPTY;
	enum reply_kind kind = REPLY_NONE;

	reply_sentence(&reply, &reason);
	if (reason.failed)
		kind = REPLY_INTERNAL;
	else if (delivery->has_key && refused_row == 0)
		kind = insert_delivery(store, delivery, NULL,
		    text_string(&reason));
	text_free(&reason);
	return kind == REPLY_NONE ? REPLY_KEY_REUSED : kind;
}

static enum reply_kind
append(struct store *store, const struct delivery *delivery,
    struct outcome *outcome)
{
	sqlite3_int64 refused_row;
	enum reply_kind kind;

	kind = find_same_bytes(store, delivery, &refused_row, outcome);
	if (kind != REPLY_NONE)
		return kind;
	if (delivery->event == NULL)
		return refused_row != 0 ? REPLY_NONE :
		    insert_delivery(store, delivery, NULL, delivery->reason);

	kind = find_same_name(store, delivery, outcome);
	if (kind == REPLY_KEY_REUSED)
		return keep_reused(store, delivery, refused_row);
	if (kind != REPLY_NONE)
		return kind;
	return record(store, delivery, refused_row, outcome);
}

bool
store_append(struct store *store, const struct delivery *delivery,
    struct outcome *outcome)
{
	outcome->kind = append(store, delivery, outcome);
	return outcome->kind == REPLY_NONE ||
	    outcome->kind == REPLY_RECORDED ||
	    outcome->kind == REPLY_REPLAYED ||
	    outcome->kind == REPLY_KEY_REUSED;
}

bool
store_append_apart(struct store *store, const struct delivery *delivery,
    struct outcome *outcome)
{
	outcome->kind = run(store, SAVEPOINT, "a savepoint");
	if (outcome->kind != REPLY_NONE)
		return false;
	bool good = store_append(store, delivery, outcome);
	if (!store_in_transaction(store))
		return false;
	if (!good && run(store, ROLLBACK_TO, "taking an event back") !=
	    REPLY_NONE) {
		store_rollback(store);
		return false;
	}
	enum reply_kind released = run(store, RELEASE, "a savepoint");
	if (good && released != REPLY_NONE)
		outcome->kind = released;
	return good && released == REPLY_NONE;
}

bool
store_probe(struct store *store, struct outcome *outcome)
{
	const struct delivery delivery = {
		.source = &sources[SOURCE_GENERIC],
		.body = "",
	};

	outcome->kind = run(store, SAVEPOINT, "a savepoint");
	if (outcome->kind != REPLY_NONE)
		return false;
	outcome->kind = insert_delivery(store, &delivery, NULL, "a probe");
	if (!store_in_transaction(store))
		return false;
	enum reply_kind kind = run(store, ROLLBACK_TO, "taking a probe back");
	if (kind == REPLY_NONE)
		kind = run(store, RELEASE, "a savepoint");
	if (kind != REPLY_NONE)
		outcome->kind = kind;
	return kind == REPLY_NONE;
}

enum reply_kind
store_limit_log(struct store *store, int64_t max_bytes)
{
	int64_t bytes = place_wal_bytes(file_of(store));
	int pages = 0;

	if (bytes < LOG_STEP)
		store->wal_bytes_tried = 0;
	/* A reader that stays is not waited for again and again, unless it
	 * comes to the limit. */
	if (bytes < store->wal_bytes_tried + LOG_STEP && bytes <= max_bytes)
		return REPLY_NONE;
	store->wal_bytes_tried = bytes;
	if (copy_log(store, SQLITE_CHECKPOINT_TRUNCATE, LOG_WAIT_MS,
	    &pages)) {
		store->wal_bytes_tried = 0;
		return REPLY_NONE;
	}
	/* The file may be longer than what is in use of it. */
	if (bytes <= max_bytes || (int64_t)pages * PAGE_BYTES <= max_bytes)
		return REPLY_NONE;
	log_line(LOG_ERROR, "database", store->path, "error", "its "
	    "write-ahead log has come to INGEST_MAX_WAL_MB, since another "
	    "program has been reading for long", "hint", "end that program "
	    "(fuser lists who has the file open), and it goes on by itself",
	    NULL);
	return REPLY_BUSY;
}

int
store_wal_pages(const struct store *store)
{
	return store->wal_pages;
}

int
store_checkpoint(struct store *store)
{
	int pages = 0, copied = 0;

	/* Another program may write by another log by now. */
	if (!store_is_current(store))
		return INT_MAX;
	int code = sqlite3_wal_checkpoint_v2(store->db, NULL,
	    SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
	if (code == SQLITE_OK)
		return pages - copied;
	/* Another program that reads or checkpoints is no fault. */
	if (kind_of(code) != REPLY_BUSY)
		fail(store, "a checkpoint");
	return INT_MAX;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	finalize_all(store);
	/* The last to close a database removes its log and index, by their
	 * paths: those may be another database's by now. */
	if (store->db != NULL && !store_is_current(store))
		sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
		    1, NULL);
	sqlite3_close(store->db);
	free(store->path);
	free(store);
}

const char *
store_library_version(void)
{
	return sqlite3_libversion();
}
