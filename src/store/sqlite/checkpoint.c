#include "store/sqlite/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/sqlite/connection.h"

/* The index of the log, https://sqlite.org/walformat.html: the size of the
 * mapping that SQLite uses, and where in it are, as 32-bit numbers of the
 * machine, how many pages the log holds and how many of them are copied. */
#define INDEX_BYTES 32768
#define INDEX_PAGES (16 / 4)
#define INDEX_COPIED (96 / 4)

/* The locks of those who read pages in the log, among those of the index.  The
 * first lock of readers is of those who read the database alone. */
#define READERS_FIRST 4
#define READERS 4

#define READERS_PAUSE_MS 2

/* A byte of the database's file that no program reads or locks. */
#define LOCK_BYTE ((off_t)1 << 62)

struct checkpoint_lock {
	pthread_mutex_t mutex; /* between the threads of this process */
	int fd;
};

struct checkpoint_lock *
checkpoint_lock_open(const char *database)
{
	struct checkpoint_lock *lock = calloc(1, sizeof(*lock));

	if (lock == NULL)
		return NULL;
	lock->fd = open(database, O_RDWR | O_CLOEXEC);
	if (lock->fd < 0) {
		free(lock);
		return NULL;
	}
	pthread_mutex_init(&lock->mutex, NULL);
	return lock;
}

void
checkpoint_lock_close(struct checkpoint_lock *lock)
{
	if (lock == NULL)
		return;
	close(lock->fd);
	pthread_mutex_destroy(&lock->mutex);
	free(lock);
}

/* A lock of the open file, and not of the process: the end of another
 * descriptor of the file does not end it. */
static int
set_lock(int fd, short type)
{
	struct flock range = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = LOCK_BYTE,
		.l_len = 1,
	};

	if (fcntl(fd, F_OFD_SETLK, &range) == 0)
		return 0;
	/* Linux before 3.15, and what imitates it. */
	return errno != EINVAL ? -1 :
	    flock(fd, (type == F_UNLCK ? LOCK_UN : LOCK_EX) | LOCK_NB);
}

/* Takes the lock where it is free.  Returns whether it was. */
static bool
enter(struct database *database)
{
	struct checkpoint_lock *lock = database->checkpoint_lock;

	if (pthread_mutex_trylock(&lock->mutex) != 0)
		return false;
	if (set_lock(lock->fd, F_WRLCK) == 0)
		return true;
	pthread_mutex_unlock(&lock->mutex);
	return false;
}

static void
leave(struct database *database)
{
	set_lock(database->checkpoint_lock->fd, F_UNLCK);
	pthread_mutex_unlock(&database->checkpoint_lock->mutex);
}

static sqlite3_file *
file_of(struct database *database)
{
	sqlite3_file *file = NULL;

	return sqlite3_file_control(database->db, "main",
	    SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK && file != NULL &&
	    file->pMethods != NULL && file->pMethods->iVersion >= 2 ? file :
	    NULL;
}

bool
checkpoint_measure(struct database *database, struct checkpoint_extent *extent)
{
	sqlite3_file *file = file_of(database);
	void volatile *index = NULL;

	if (file == NULL || file->pMethods->xShmMap(file, 0, INDEX_BYTES, 0,
	    &index) != SQLITE_OK || index == NULL)
		return false;
	const volatile uint32_t *numbers = index;
	extent->copied = numbers[INDEX_COPIED];
	extent->pages = numbers[INDEX_PAGES];
	return true;
}

bool
checkpoint_is_read(struct database *database, int wait_ms)
{
	sqlite3_file *file = file_of(database);

	if (file == NULL)
		return true;
	for (;;) {
		if (file->pMethods->xShmLock(file, READERS_FIRST, READERS,
		    SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE) == SQLITE_OK) {
			file->pMethods->xShmLock(file, READERS_FIRST, READERS,
			    SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
			return false;
		}
		if ((wait_ms -= READERS_PAUSE_MS) < 0)
			return true;
		sqlite3_sleep(READERS_PAUSE_MS);
	}
}

/* Runs a checkpoint, the lock being held. */
static enum checkpoint_result
run(struct database *database, enum checkpoint_mode mode,
    struct checkpoint_extent *extent)
{
	static const int modes[] = {
		[CHECKPOINT_PASSIVE] = SQLITE_CHECKPOINT_PASSIVE,
		[CHECKPOINT_FULL] = SQLITE_CHECKPOINT_FULL,
		[CHECKPOINT_TRUNCATE] = SQLITE_CHECKPOINT_TRUNCATE,
	};
	int pages = 0, copied = 0;
	int code = sqlite3_wal_checkpoint_v2(database->db, NULL, modes[mode],
	    &pages, &copied);

	extent->pages = pages < 0 ? 0 : (uint32_t)pages;
	extent->copied = copied < 0 ? 0 : (uint32_t)copied;
	if (code == SQLITE_OK)
		return CHECKPOINT_DONE;
	return advice_code(code) == REFUSAL_BUSY ? CHECKPOINT_BUSY :
	    CHECKPOINT_FAILED;
}

enum checkpoint_result
checkpoint_run(struct database *database, enum checkpoint_mode mode,
    struct checkpoint_extent *extent)
{
	struct checkpoint_extent ignored;
	enum checkpoint_result result = CHECKPOINT_BUSY;

	if (extent == NULL)
		extent = &ignored;
	*extent = (struct checkpoint_extent){ 0 };
#ifdef WITHOUT_GUARD
	/* Of a test only, which shows what the lock keeps away. */
	return run(database, mode, extent);
#endif
	if (!enter(database))
		return CHECKPOINT_ELSEWHERE;
	if (checkpoint_measure(database, extent))
		result = extent->copied >= extent->pages ? CHECKPOINT_WHOLE :
		    run(database, mode, extent);
	leave(database);
	return result;
}
