#include "store/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"

struct keyfile {
	int fd;
	unsigned char record[JOURNAL_RECORD_BYTES];
	struct journal read;
};

/* --- Opening -------------------------------------------------------------- */

/* Not to wait for a FIFO's other end. */
#define OPEN_FLAGS (O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static enum keyfile_state
state_of_error(void)
{
	return errno == ENOENT || errno == ENOTDIR ? KEYFILE_NONE :
	    errno == EISDIR || errno == ENXIO || errno == ELOOP ?
	    KEYFILE_DAMAGED : KEYFILE_FAILED;
}

enum keyfile_state
keyfile_open(struct keyfile **file, const char *path)
{
	enum keyfile_state state = KEYFILE_GOOD;
	struct stat status;
	int fd = open(path, O_RDWR | OPEN_FLAGS);

	*file = NULL;
	if (fd == -1 && (errno == EACCES || errno == EROFS ||
	    errno == EPERM)) {
		state = KEYFILE_UNWRITABLE;
		fd = open(path, O_RDONLY | OPEN_FLAGS);
	}
	if (fd == -1)
		return state_of_error();
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
	    status.st_size != JOURNAL_RECORD_BYTES) {
		close(fd);
		return KEYFILE_DAMAGED;
	}
	struct keyfile *opened = secret_alloc(sizeof(*opened));
	if (opened == NULL) {
		close(fd);
		return KEYFILE_FAILED;
	}
	opened->fd = fd;
	*file = opened;
	return state;
}

bool
keyfile_is_current(const struct keyfile *file, const char *path)
{
	struct stat ours, there;

	return fstat(file->fd, &ours) == 0 && stat(path, &there) == 0 &&
	    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

bool
keyfile_is_exposed(const struct keyfile *file)
{
	struct stat status;

	return fstat(file->fd, &status) == 0 &&
	    (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

void
keyfile_close(struct keyfile *file)
{
	if (file == NULL)
		return;
	close(file->fd);
	secret_free(file, sizeof(*file));
}

/* --- The record ----------------------------------------------------------- */

enum keyfile_state
keyfile_read(struct keyfile *file, const unsigned char *id,
    struct journal *journal)
{
	enum keyfile_state state = KEYFILE_GOOD;
	ssize_t got;

	do
		got = pread(file->fd, file->record, sizeof(file->record), 0);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		state = KEYFILE_FAILED;
	else if (got != JOURNAL_RECORD_BYTES ||
	    journal_record_read(&file->read, file->record) != 0)
		state = KEYFILE_DAMAGED;
	else if (id != NULL &&
	    memcmp(id, file->read.id, JOURNAL_ID_BYTES) != 0)
		state = KEYFILE_FOREIGN;
	else
		*journal = file->read;
	explicit_bzero(file->record, sizeof(file->record));
	explicit_bzero(&file->read, sizeof(file->read));
	return state;
}

int
keyfile_write(struct keyfile *file, const struct journal *journal)
{
	ssize_t put = -1;

	errno = EIO;
	if (journal_record_write(journal, file->record) == 0)
		do
			put = pwrite(file->fd, file->record,
			    sizeof(file->record), 0);
		while (put == -1 && errno == EINTR);
	explicit_bzero(file->record, sizeof(file->record));
	if (put >= 0 && put != JOURNAL_RECORD_BYTES)
		errno = ENOSPC;
	return put == JOURNAL_RECORD_BYTES ? 0 : -1;
}

/* The name of a new file is on disk only once its folder is. */
static int
sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd, result;

	if (copy == NULL)
		return -1;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd == -1)
		return -1;
	result = fsync(fd);
	close(fd);
	return result;
}

int
keyfile_make(const char *path, const struct journal *journal)
{
	struct keyfile *file = secret_alloc(sizeof(*file));
	struct stat status;
	int result = -1;

	if (file == NULL)
		return -1;
	file->fd = open(path, O_RDWR | O_CREAT | OPEN_FLAGS, 0600);
	if (file->fd == -1) {
		secret_free(file, sizeof(*file));
		return -1;
	}
	errno = EINVAL;
	if (fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode) &&
	    fchmod(file->fd, 0600) == 0 &&
	    keyfile_write(file, journal) == 0 &&
	    ftruncate(file->fd, JOURNAL_RECORD_BYTES) == 0 &&
	    fsync(file->fd) == 0 && sync_folder(path) == 0)
		result = 0;
	int error = errno;
	keyfile_close(file);
	errno = error;
	return result;
}
