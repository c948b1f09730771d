#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const suffixes[PLACE_FILES] = {
	[PLACE_DATABASE] = "",
	[PLACE_WAL] = "-wal",
	[PLACE_SHM] = "-shm",
};

/* Without memory of its own: want of it must not look like a file that is
 * gone, when what was committed is there. */
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
place_note(struct place *place, const char *database, enum place_file which)
{
	struct stat status = { .st_dev = 0 };
	int result = look(database, suffixes[which], &status);

	place->files[which].expected = true;
	place->files[which].device = status.st_dev;
	place->files[which].inode = status.st_ino;
	return result;
}

/* Whether the file at the path is the one that was noted. */
static bool
is_same(const struct place *place, enum place_file which,
    const struct stat *status)
{
	return status->st_dev == place->files[which].device &&
	    status->st_ino == place->files[which].inode;
}

/* Whether nothing is at the path.  What could not be found out for another
 * reason, want of memory or a folder that may not be searched, is no sign that
 * a file is gone. */
static bool
is_gone(int error)
{
	return error == ENOENT || error == ENOTDIR;
}

enum place_state
place_state(const struct place *place, const char *database,
    const char *file)
{
	enum place_state state = PLACE_KEPT;

	for (int i = 0; i < PLACE_FILES; i++) {
		struct stat status;
		if (!place->files[i].expected)
			continue;
		bool there = look(i == PLACE_DATABASE ? database : file,
		    suffixes[i], &status) == 0;
		if (there ? is_same(place, (enum place_file)i, &status) :
		    !is_gone(errno))
			continue;
		if (i == PLACE_DATABASE)
			return PLACE_MOVED;
		if (there)
			return i == PLACE_WAL ? PLACE_LOG_REPLACED :
			    PLACE_INDEX_REPLACED;
		state = PLACE_MISSING;
	}
	return state;
}

bool
place_equal(const struct place *a, const struct place *b)
{
	for (int i = 0; i < PLACE_FILES; i++)
		if (a->files[i].expected != b->files[i].expected ||
		    a->files[i].device != b->files[i].device ||
		    a->files[i].inode != b->files[i].inode)
			return false;
	return true;
}

void
place_remove_log(const struct place *place, const char *database)
{
	for (int i = PLACE_WAL; i < PLACE_FILES; i++) {
		struct stat status;
		char *path;
		if (!place->files[i].expected ||
		    look(database, suffixes[i], &status) != 0 ||
		    !is_same(place, (enum place_file)i, &status) ||
		    asprintf(&path, "%s%s", database, suffixes[i]) < 0)
			continue;
		unlink(path);
		free(path);
	}
}

int64_t
place_wal_bytes(const char *database)
{
	struct stat status;

	if (look(database, suffixes[PLACE_WAL], &status) == 0)
		return (int64_t)status.st_size;
	return is_gone(errno) ? 0 : -1;
}

char *
place_forbidden(const char *database)
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
