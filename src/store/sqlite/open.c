#include "store/sqlite/open.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/sqlite/checkpoint.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sql.h"
#include "store/sqlite/wal.h"

static char *
folder_of(const char *path)
{
	size_t len = (size_t)(strrchr(path, '/') - path);
	return strndup(path, len == 0 ? 1 : len);
}

/*
 * Finishes a file that was just made.  Sets its mode; its owner, when root made
 * it (by --check, say) in the folder of the user that will write it; and syncs
 * the folder, so that the file survives a power cut from its first commit on.
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

/* Makes the database's file when it is not there, since SQLite would make it
 * with the mode of the umask. */
static enum refusal_code
make_file(const struct settings *settings)
{
	int fd = open(settings->db_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	bool exists = fd < 0 && errno == EEXIST;

	/* SQLite would open a read-only file, and leave a read-only log beside
	 * it. */
	if (exists && faccessat(AT_FDCWD, settings->db_path, W_OK,
	    AT_EACCESS) == 0)
		return REFUSAL_NONE;
	char *folder = folder_of(settings->db_path);
	if (fd < 0) {
		log_line(LOG_ERROR, "folder", folder, "database", exists ?
		    settings->db_path : NULL, "error", strerror(errno), "hint",
		    FOLDER_HINT, NULL);
		free(folder);
		return REFUSAL_UNAVAILABLE;
	}
	if (folder == NULL ||
	    settle_file(fd, folder, (mode_t)settings->file_mode) != 0)
		log_line(LOG_WARN, "folder", folder, "error", strerror(errno),
		    NULL);
	close(fd);
	free(folder);
	return REFUSAL_NONE;
}

static enum refusal_code
set_pragmas(struct writer *writer)
{
	/* The temporary store keeps the pages that a savepoint might need
	 * again; those of a batch would be written to a file. */
	static const char memory[] = "PRAGMA cache_size = -3072;"
	    "PRAGMA temp_store = MEMORY;";
	char limit[64];

	/* SQLite cuts the log to this size when it begins it anew. */
	snprintf(limit, sizeof(limit), "PRAGMA journal_size_limit = %d",
	    WAL_STEP);
	if (connection_run(&writer->database, limit) != SQLITE_OK ||
	    connection_run(&writer->database, memory) != SQLITE_OK)
		return connection_log(&writer->database,
		    "settings of the connection");
	return REFUSAL_NONE;
}

/* To be called once the journal mode is settled, on which it depends. */
static enum refusal_code
set_synchronous(struct writer *writer, const struct settings *settings)
{
	static const char *const synchronous[] = {
		/* With a rollback journal, SQLite's FULL may lose the last
		 * commit in a power cut: it removes the journal, but does not
		 * sync the folder.  With a write-ahead log both are the
		 * same. */
		[SETTINGS_SYNCHRONOUS_FULL] = "PRAGMA synchronous = EXTRA",
		[SETTINGS_SYNCHRONOUS_NORMAL] = "PRAGMA synchronous = NORMAL",
		[SETTINGS_SYNCHRONOUS_EXTRA] = "PRAGMA synchronous = EXTRA",
	};
	const char *pragma = synchronous[settings->synchronous];

	/* Under NORMAL a rollback journal may be torn by a power cut, and
	 * rolling back from it damages the file. */
	if (settings->synchronous == SETTINGS_SYNCHRONOUS_NORMAL &&
	    !connection_gives(&writer->database, "PRAGMA journal_mode", "wal"))
		pragma = "PRAGMA synchronous = FULL";
	return connection_run(&writer->database, pragma) == SQLITE_OK ?
	    REFUSAL_NONE :
	    connection_log(&writer->database, "PRAGMA synchronous");
}

static int
prepare_all(struct writer *writer)
{
	for (int i = 0; i < RECORDING_STATEMENTS; i++) {
		int code = query_prepare(&writer->queries[i],
		    &writer->database, (enum statement)i);
		if (code != SQLITE_OK)
			return code;
	}
	return SQLITE_OK;
}

/* Prepares all statements, and makes the tables only when that fails: usually
 * they are there, and nothing is written. */
static enum refusal_code
prepare(struct writer *writer)
{
	int result = prepare_all(writer);
	enum refusal_code code;

	if (result == SQLITE_OK)
		return REFUSAL_NONE;
	writer_finalize(writer);
	if ((result & 0xff) != SQLITE_ERROR)
		return connection_log(&writer->database, "opening");
	code = schema_make(&writer->database);
	if (code == REFUSAL_NONE && prepare_all(writer) != SQLITE_OK)
		code = connection_log(&writer->database, "preparing");
	return code;
}

static int
note_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
	struct writer *writer = context;
	(void)db;
	(void)name;
	writer->wal_pages = pages;
	return SQLITE_OK;
}

/* Checkpoints at a commit as SQLite would by itself, but through
 * wal_checkpoint(), which leaves files alone that were moved. */
static int
checkpoint_at_commit(void *context, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	if (pages >= WAL_CHECKPOINT_PAGES)
		wal_checkpoint(context);
	return SQLITE_OK;
}

/* Notes which file was opened, in case another is at the path later, and opens
 * its lock for checkpoints; a checkpointer borrows the writer's. */
static enum refusal_code
note_database(struct writer *writer, enum writer_role role)
{
	int moved = 0;

	if (role != WRITER_CHECKPOINTER)
		writer->database.checkpoint_lock =
		    checkpoint_lock_open(writer->database.path);
	if (role != WRITER_CHECKPOINTER && errno != ENOENT &&
	    writer->database.checkpoint_lock == NULL) {
		log_line(LOG_ERROR, "database", writer->database.path, "error",
		    strerror(errno), "hint", FOLDER_HINT, NULL);
		return REFUSAL_UNAVAILABLE;
	}
	/* Noted first and asked second: when the file has not moved by then,
	 * the one that was noted is the one that was opened. */
	if ((role == WRITER_CHECKPOINTER ||
	    writer->database.checkpoint_lock != NULL) &&
	    dbfiles_note(&writer->files, writer->database.path,
	    DBFILES_DATABASE) == 0 &&
	    sqlite3_file_control(writer->database.db, "main",
	    SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && !moved)
		return REFUSAL_NONE;
	log_line(LOG_WARN, "database", writer->database.path, "warning",
	    "moved away while it was opened", NULL);
	return REFUSAL_BUSY;
}

static enum refusal_code
open_database(struct writer *writer, const struct settings *settings,
    enum writer_role role)
{
	enum refusal_code code = REFUSAL_NONE;

	if ((writer->database.path = strdup(settings->db_path)) == NULL)
		return REFUSAL_INTERNAL;
	if (role != WRITER_CHECKPOINTER)
		code = make_file(settings);
	if (code != REFUSAL_NONE)
		return code;
	if ((code = writer_connect(writer, settings)) != REFUSAL_NONE)
		return code;
	if ((code = note_database(writer, role)) != REFUSAL_NONE)
		return code;
	if ((code = wal_leave(writer, settings)) != REFUSAL_NONE ||
	    (code = set_pragmas(writer)) != REFUSAL_NONE)
		return code;
	/* Read before the check: what changes in between is seen by the next
	 * transaction. */
	writer->schema_cookie = connection_number(&writer->database,
	    sql[SCHEMA_COOKIE], NULL);
	if (role != WRITER_CHECKPOINTER &&
	    ((code = schema_check(&writer->database)) != REFUSAL_NONE ||
	    (code = wal_set_journal(writer, settings)) != REFUSAL_NONE))
		return code;
	if ((code = set_synchronous(writer, settings)) != REFUSAL_NONE)
		return code;
	if (role == WRITER_CHECKPOINTER)
		return wal_note(writer);
	if (settings->checkpoint == SETTINGS_CHECKPOINT_INTERNAL)
		sqlite3_wal_hook(writer->database.db,
		    role == WRITER_THREADED ? note_wal_pages :
		    checkpoint_at_commit, writer);
	code = prepare(writer);
	return code != REFUSAL_NONE ? code : wal_note(writer);
}

enum refusal_code
writer_open(struct writer **opened, const struct settings *settings,
    enum writer_role role)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	enum refusal_code code = writer == NULL ? REFUSAL_INTERNAL :
	    open_database(writer, settings, role);

	if (code != REFUSAL_NONE) {
		writer_close(writer);
		writer = NULL;
	}
	*opened = writer;
	return code;
}
