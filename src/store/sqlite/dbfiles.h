/* The files of a database: whether those that were opened are still at their
 * paths.  It knows them by device and inode only, and never opens them: closing
 * a file ends the locks that SQLite has on it. */
#ifndef DBFILES_H
#define DBFILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum dbfiles_file {
	DBFILES_DATABASE,
	DBFILES_WAL, /* "-wal", the write-ahead log */
	DBFILES_SHM, /* "-shm", its index */
	DBFILES_FILES
};

struct dbfiles {
	struct {
		bool expected; /* it was noted */
		dev_t device;
		ino_t inode;
	} files[DBFILES_FILES];
};

enum dbfiles_state {
	DBFILES_KEPT,
	DBFILES_MOVED,   /* the database is gone, or another is there */
	DBFILES_MISSING, /* log or index is gone, and none is there */
	DBFILES_INDEX_REPLACED, /* another index is there, the log is kept */
	DBFILES_LOG_REPLACED    /* another log is there */
};

/*
 * Notes which file is at its path now.  It is the one that SQLite has open only
 * where that is known to have been opened by this path.  Returns 0, or -1 when
 * there is none; one is expected there all the same.
 */
int dbfiles_note(struct dbfiles *dbfiles, const char *database,
    enum dbfiles_file which);

/* What became of the files that were noted.  `file` is the database's path
 * without symbolic links: log and index lie beside that one.  A file that
 * cannot be looked for now counts as kept. */
enum dbfiles_state dbfiles_state(const struct dbfiles *dbfiles,
    const char *database, const char *file);

/* Whether the same files were noted in both. */
bool dbfiles_equal(const struct dbfiles *a, const struct dbfiles *b);

/* Removes log and index from their paths where they are those that were
 * noted. */
void dbfiles_remove_log(const struct dbfiles *dbfiles, const char *database);

/* The size of the database's log in bytes; 0 without one, -1 when it cannot be
 * looked for. */
int64_t dbfiles_wal_bytes(const char *database);

/*
 * The first file of the database, its log, index or rollback journal, that is
 * there and cannot both be read and written by this user; NULL when there is
 * none.  The caller frees it.
 */
char *dbfiles_forbidden(const char *database);

#endif
