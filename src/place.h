/* The files of a database, at their paths: whether those that were opened are
 * still there. */
#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum place_file {
	PLACE_DATABASE,
	PLACE_WAL, /* "-wal", the write-ahead log */
	PLACE_SHM, /* "-shm", its index */
	PLACE_FILES
};

struct place {
	struct {
		bool expected;
		dev_t device;
		ino_t inode;
	} files[PLACE_FILES];
};

enum place_state {
	PLACE_KEPT,
	PLACE_MOVED,   /* the database is gone, or another is there */
	PLACE_MISSING, /* log or index is gone, and no other is there */
	PLACE_INDEX_REPLACED, /* another index is there, and no other log */
	PLACE_LOG_REPLACED    /* another log is there */
};

/*
 * Notes the file that is at its path now.  To be called once it is open, and
 * to be distrusted unless the file is known to have been opened by that path.
 * Returns 0, or -1 when there is none; it is expected all the same.
 */
int place_note(struct place *place, const char *database,
    enum place_file which);

/* What became of the files that were noted.  `file` is the database without
 * links: log and index lie beside that one.  A file that cannot be looked for
 * now is kept. */
enum place_state place_state(const struct place *place, const char *database,
    const char *file);

/* Whether the same files were noted in both. */
bool place_equal(const struct place *a, const struct place *b);

/* Removes log and index from their paths if they are those that were noted. */
void place_remove_log(const struct place *place, const char *database);

/* The bytes of the log that is there; 0 without one; -1 when it cannot be
 * looked for. */
int64_t place_wal_bytes(const char *database);

/*
 * The first file of the database, its log, index or rollback journal, that is
 * there and cannot both be read and written by this user; NULL when there is
 * none.  The caller frees it.
 */
char *place_forbidden(const char *database);

#endif
