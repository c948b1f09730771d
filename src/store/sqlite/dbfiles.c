#include "store/sqlite/dbfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const suffixes[DBFILES_FILES] = {
	[DBFILES_DATABASE] = "",
	[DBFILES_WAL] = "-wal",
	[DBFILES_SHM] = "-shm",
};

/* Takes no memory from the heap: lack of memory must not look like a file that
 * is gone, since what was committed is in it. */
static int
look(const char *database, const char *suffix, struct stat *status)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s%s", database, suffix);

	if (len < 0 || (size_t)len >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return stat(path, status);
}

int
dbfiles_note(struct dbfiles *dbfiles, const char *database,
    enum dbfiles_file which)
{
	struct stat status = { .st_dev = 0 };
	int result = look(database, suffixes[which], &status);

	dbfiles->files[which].expected = true;
	dbfiles->files[which].device = status.st_dev;
	dbfiles->files[which].inode = status.st_ino;
	return result;
}

/* Whether the file at the path is the one that was noted. */
static bool
is_same(const struct dbfiles *dbfiles, enum dbfiles_file which,
    const struct stat *status)
{
	return status->st_dev == dbfiles->files[which].device &&
	    status->st_ino == dbfiles->files[which].inode;
}

/* Whether this error says that nothing is at the path.  Others (lack of memory,
 * a folder that may not be searched) are no sign that a file is gone. */
static bool
is_gone(int error)
{
	return error == ENOENT || error == ENOTDIR;
}

enum dbfiles_state
dbfiles_state(const struct dbfiles *dbfiles, const char *database,
    const char *file)
{
	enum dbfiles_state state = DBFILES_KEPT;

	for (int i = 0; i < DBFILES_FILES; i++) {
		struct stat status;
		if (!dbfiles->files[i].expected)
			continue;
		bool there = look(i == DBFILES_DATABASE ? database : file,
		    suffixes[i], &status) == 0;
		if (there ? is_same(dbfiles, (enum dbfiles_file)i, &status) :
		    !is_gone(errno))
			continue;
		if (i == DBFILES_DATABASE)
			return DBFILES_MOVED;
		if (there)
			return i == DBFILES_WAL ? DBFILES_LOG_REPLACED :
			    DBFILES_INDEX_REPLACED;
		state = DBFILES_MISSING;
	}
	return state;
}

bool
dbfiles_equal(const struct dbfiles *a, const struct dbfiles *b)
{
	for (int i = 0; i < DBFILES_FILES; i++)
		if (a->files[i].expected != b->files[i].expected ||
		    a->files[i].device != b->files[i].device ||
		    a->files[i].inode != b->files[i].inode)
			return false;
	return true;
}

void
dbfiles_remove_log(const struct dbfiles *dbfiles, const char *database)
{
	for (int i = DBFILES_WAL; i < DBFILES_FILES; i++) {
		struct stat status;
		char *path;
		if (!dbfiles->files[i].expected ||
		    look(database, suffixes[i], &status) != 0 ||
		    !is_same(dbfiles, (enum dbfiles_file)i, &status) ||
		    asprintf(&path, "%s%s", database, suffixes[i]) < 0)
			continue;
		unlink(path);
		free(path);
	}
}

int64_t
dbfiles_wal_bytes(const char *database)
{
	struct stat status;

	if (look(database, suffixes[DBFILES_WAL], &status) == 0)
		return (int64_t)status.st_size;
	return is_gone(errno) ? 0 : -1;
}

char *
dbfiles_forbidden(const char *database)
{
	static const char *const all[] = { "", "-wal", "-shm", "-journal" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char *path;
		if (asprintf(&path, "%s%s", database, all[i]) < 0)
			return NULL;
		if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0 &&
		    faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0)
			return path;
		free(path);
	}
	return NULL;
}
