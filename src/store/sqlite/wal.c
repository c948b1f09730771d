#include "store/sqlite/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "store/sqlite/checkpoint.h"

#define PROBE_BYTES 4096

/* A page of the log, with its header there. */
#define PAGE_BYTES (4096 + 24)

#define LOG_WAIT_MS 100
#define DETACH_WAIT_MS 500

/* How long another attempt at beginning a log waits. */
#define BEGIN_PAUSE_MS 2

/*
 * Whether files in the database's folder can be shared in memory, which SQLite
 * needs for a write-ahead log.  SQLite does not check that before it writes
 * into the database that there is such a log.  A file of its own is made for
 * this: closing the database would end the locks of other threads.  errno says
 * why not.
 */
static bool
has_shared_memory(const struct writer *writer)
{
	void *page = MAP_FAILED;
	char *path;
	int saved_errno;

	if (asprintf(&path, "%s.probe-%ld", writer->database.path,
	    (long)getpid()) < 0)
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
 * Begins a write-ahead log.  Where several processes open a new file at once,
 * SQLite refuses all but one of them without waiting, since each is reading it
 * already.
 */
static bool
begin_log(struct writer *writer, int64_t busy_ms)
{
	int64_t deadline = timestamp_monotonic() + busy_ms;

	while (!connection_gives(&writer->database, "PRAGMA journal_mode = WAL",
	    "wal")) {
		if (advice_code(sqlite3_errcode(writer->database.db)) !=
		    REFUSAL_BUSY || timestamp_monotonic() >= deadline)
			return false;
		sqlite3_sleep(BEGIN_PAUSE_MS);
	}
	return true;
}

enum refusal_code
wal_set_journal(struct writer *writer, const struct settings *settings)
{
	if (settings->journal == SETTINGS_JOURNAL_WAL) {
		if (connection_gives(&writer->database, "PRAGMA journal_mode",
		    "wal"))
			return REFUSAL_NONE;
		bool shared = has_shared_memory(writer);
		const char *reason = shared ? NULL : strerror(errno);
		if (shared && begin_log(writer, settings->busy_ms))
			return REFUSAL_NONE;
		if (advice_code(sqlite3_errcode(writer->database.db)) ==
		    REFUSAL_BUSY)
			return connection_log(&writer->database,
			    "journal mode");
		log_line(LOG_WARN, "database", writer->database.path, "warning",
		    "no write-ahead log here, going on with a rollback "
		    "journal; INGEST_JOURNAL=delete ends this warning",
		    "error", reason != NULL ? reason :
		    sqlite3_errmsg(writer->database.db), NULL);
	}
	if (connection_gives(&writer->database, "PRAGMA journal_mode = DELETE",
	    "delete"))
		return REFUSAL_NONE;
	if (settings->journal == SETTINGS_JOURNAL_DELETE &&
	    connection_gives(&writer->database, "PRAGMA journal_mode", "wal")) {
		log_line(LOG_WARN, "database", writer->database.path, "warning",
		    "another program has the database open with a "
		    "write-ahead log, so that stays", NULL);
		return REFUSAL_NONE;
	}
	return connection_log(&writer->database, "journal mode");
}

enum refusal_code
wal_leave(struct writer *writer, const struct settings *settings)
{
	static const char leave[] = "PRAGMA locking_mode = EXCLUSIVE;"
	    "PRAGMA journal_mode = DELETE;"
	    "PRAGMA locking_mode = NORMAL;"
	    "SELECT 1 FROM sqlite_schema";
	enum refusal_code code;

	if (connection_run(&writer->database, "SELECT 1 FROM sqlite_schema") ==
	    SQLITE_OK)
		return REFUSAL_NONE;
	/* The next step would wait as long again. */
	if (advice_code(sqlite3_errcode(writer->database.db)) == REFUSAL_BUSY)
		return connection_log(&writer->database, "opening");
	if (sqlite3_extended_errcode(writer->database.db) !=
	    SQLITE_IOERR_SHMMAP)
		return REFUSAL_NONE;
	sqlite3_close(writer->database.db);
	writer->database.db = NULL;
	code = writer_connect(writer, settings);
	if (code == REFUSAL_NONE &&
	    connection_run(&writer->database, leave) != SQLITE_OK)
		code = connection_log(&writer->database,
		    "leaving the write-ahead log");
	return code;
}

enum refusal_code
wal_note(struct writer *writer)
{
	if (writer->files.files[DBFILES_WAL].expected ||
	    !connection_gives(&writer->database, "PRAGMA journal_mode", "wal"))
		return REFUSAL_NONE;
	connection_run(&writer->database, "SELECT 1 FROM sqlite_schema");
	const char *file = connection_file(&writer->database);
	if (dbfiles_note(&writer->files, file, DBFILES_WAL) == 0 &&
	    dbfiles_note(&writer->files, file, DBFILES_SHM) == 0)
		return REFUSAL_NONE;
	log_line(LOG_WARN, "database", writer->database.path, "warning",
	    "its -wal or -shm was removed while it was opened", NULL);
	return REFUSAL_BUSY;
}

/* Copies the whole log into the database, waiting for readers at most
 * `wait_ms`; CHECKPOINT_FULL does not wait for those of its end. */
static enum checkpoint_result
copy_log(struct writer *writer, enum checkpoint_mode mode, int wait_ms)
{
	if (!writer->files.files[DBFILES_WAL].expected)
		return CHECKPOINT_WHOLE;
	connection_wait(&writer->database, wait_ms);
	return checkpoint_run(&writer->database, mode, NULL);
}

static const char *const states[] = {
	[DBFILES_KEPT] = NULL,
	[DBFILES_MOVED] = "the file was moved away, removed or replaced",
	[DBFILES_MISSING] = "its -wal or -shm was moved away or removed",
	[DBFILES_INDEX_REPLACED] = "its -shm was replaced",
	[DBFILES_LOG_REPLACED] = "its -wal was replaced",
};

/* Logs that a writer is closed, and what may be lost with it. */
static void
log_detached(const struct writer *writer, enum dbfiles_state state, bool copied)
{
	if (!copied && state == DBFILES_LOG_REPLACED)
		log_line(LOG_ERROR, "database", writer->database.path,
		    "error", "its -wal was removed, and another program has "
		    "written a new one: the last events in the old one may "
		    "be lost", "hint", "let the senders send again what was "
		    "delivered last; stop this program before you do that",
		    NULL);
	else
		log_line(LOG_WARN, "database", writer->database.path,
		    "warning", states[state], "hint", "opening it anew; stop "
		    "this program before you do that", NULL);
}

enum refusal_code
wal_detach(struct writer *writer)
{
	const char *file = connection_file(&writer->database);
	enum dbfiles_state state = dbfiles_state(&writer->files,
	    writer->database.path, file);

	if (state == DBFILES_KEPT) {
		writer_close(writer);
		return REFUSAL_NONE;
	}
	/*
	 * Events whose senders were told that they are recorded may be in the
	 * log alone, which this process still has open, with its index and the
	 * file.  But once another program has written the file by another log,
	 * the pages of this one must not be copied into it any more.  A program
	 * that only reads leaves its new log empty.
	 */
	bool usable = state == DBFILES_MOVED || state == DBFILES_MISSING ||
	    dbfiles_wal_bytes(file) == 0;
	/* The log of a file that was moved is not used again. */
	if (usable && copy_log(writer, state == DBFILES_MOVED ?
	    CHECKPOINT_FULL : CHECKPOINT_TRUNCATE, DETACH_WAIT_MS) >
	    CHECKPOINT_WHOLE) {
		log_line(LOG_ERROR, "database", writer->database.path,
		    "error", states[state], "hint", "its last events could "
		    "not be brought into it yet: end the programs that still "
		    "read it, and make room on its disk; if it was removed, "
		    "restart this program", NULL);
		return REFUSAL_UNAVAILABLE;
	}
	if (state == DBFILES_MOVED)
		dbfiles_remove_log(&writer->files, file);
	log_detached(writer, state, usable);
	writer_close(writer);
	return REFUSAL_NONE;
}

/* Whether the log has more than max_bytes in use (its file may be longer), and
 * the next commit would add to them. */
static bool
is_full(struct writer *writer, int64_t max_bytes)
{
	struct checkpoint_extent extent;

	if (!checkpoint_measure(&writer->database, &extent))
		return true;
	return (int64_t)extent.pages * PAGE_BYTES > max_bytes &&
	    (extent.copied < extent.pages ||
	    checkpoint_is_read(&writer->database, LOG_WAIT_MS));
}

static void
log_full(const struct writer *writer, bool external)
{
	log_line(LOG_ERROR, "database", writer->database.path, "error",
	    external ? "its write-ahead log has come to INGEST_MAX_WAL_MB, "
	    "since the program to which INGEST_CHECKPOINT=external leaves its "
	    "checkpoints makes none" : "its write-ahead log has come to "
	    "INGEST_MAX_WAL_MB, since another program has been reading for "
	    "long", "hint", external ? "start that program, or see its log; "
	    "then it goes on by itself" : "end that program (fuser lists who "
	    "has the file open), and it goes on by itself", NULL);
}

enum refusal_code
wal_limit(struct writer *writer, const struct settings *settings)
{
	bool external = settings->checkpoint == SETTINGS_CHECKPOINT_EXTERNAL;
	int64_t max_bytes = (int64_t)settings->max_wal_mb << 20;
	int64_t bytes = dbfiles_wal_bytes(connection_file(&writer->database));
	enum checkpoint_result result = CHECKPOINT_WHOLE;

	if (bytes < WAL_STEP)
		writer->wal_bytes_tried = 0;
	/* A reader that stays is waited for once a step, and each time once the
	 * log is above the limit. */
	if (bytes <= max_bytes &&
	    (external || bytes < writer->wal_bytes_tried + WAL_STEP))
		return REFUSAL_NONE;
	if (!external)
		result = copy_log(writer, CHECKPOINT_TRUNCATE, LOG_WAIT_MS);
	writer->wal_bytes_tried = result < CHECKPOINT_BUSY ? 0 : bytes;
	if (result == CHECKPOINT_DONE || result == CHECKPOINT_ELSEWHERE ||
	    bytes <= max_bytes || !is_full(writer, max_bytes))
		return REFUSAL_NONE;
	log_full(writer, external);
	return REFUSAL_BUSY;
}

int
wal_checkpoint(struct writer *writer)
{
	struct checkpoint_extent extent;

	/* Another program may be writing by another log. */
	if (!writer_is_current(writer))
		return INT_MAX;
	enum checkpoint_result result = checkpoint_run(&writer->database,
	    CHECKPOINT_PASSIVE, &extent);
	if (result == CHECKPOINT_FAILED)
		connection_log(&writer->database, "a checkpoint");
	return result <= CHECKPOINT_WHOLE ?
	    (int)(extent.pages - extent.copied) : INT_MAX;
}
