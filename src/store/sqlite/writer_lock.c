#include "store/sqlite/writer_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define POLL_MS 2
#define TRIES 8

struct writer_lock {
	char *database;
	int semaphore; /* -1: none yet */
	int lock_fd;   /* -1: none yet; used where there is no semaphore */
	int entered;
};

struct writer_lock *
writer_lock_open(const char *database)
{
	struct writer_lock *lock = calloc(1, sizeof(*lock));

	if (lock == NULL || (lock->database = strdup(database)) == NULL) {
		free(lock);
		return NULL;
	}
	lock->semaphore = -1;
	lock->lock_fd = -1;
	return lock;
}

/* The database must exist.  Two databases whose keys collide share a lock,
 * which costs them time and nothing else. */
static int
find_semaphore(struct writer_lock *lock)
{
	key_t key = ftok(lock->database, 'A');
	struct semid_ds status = { 0 };
	union {
		int value;
		struct semid_ds *status;
	} argument = { .status = &status };

	if (key != -1)
		lock->semaphore = semget(key, 1, IPC_CREAT | 0600);
	/* Any user of the machine can guess the key, make the semaphore first,
	 * and keep this process waiting. */
	if (lock->semaphore >= 0 &&
	    (semctl(lock->semaphore, 0, IPC_STAT, argument) != 0 ||
	    status.sem_perm.cuid != geteuid() ||
	    (status.sem_perm.mode & 0077) != 0))
		lock->semaphore = -1;
	return lock->semaphore;
}

/* The semaphore is 0 when no process holds it, as it is when new, so that there
 * is nothing to initialise and no race to do so.  Returns 0, -1 when the time
 * is over, or 1 when the semaphore cannot be used. */
static int
enter_semaphore(struct writer_lock *lock, int64_t wait_ms)
{
	struct sembuf operations[] = {
		{ .sem_num = 0, .sem_op = 0 },
		{ .sem_num = 0, .sem_op = 1, .sem_flg = SEM_UNDO },
	};
	struct timespec wait = { wait_ms / 1000, wait_ms % 1000 * 1000000 };

	for (int tries = 0; tries < TRIES; tries++) {
		if (lock->semaphore < 0 && find_semaphore(lock) < 0)
			return 1;
		if (semtimedop(lock->semaphore, operations, 2, &wait) == 0)
			return 0;
		if (errno == EAGAIN)
			return -1;
		/* The process was stopped and continued, say. */
		if (errno == EINTR)
			continue;
		/* Another process removed it: see writer_lock_forget(). */
		lock->semaphore = -1;
	}
	return 1;
}

static int
enter_lock(struct writer_lock *lock, int64_t wait_ms)
{
	static const struct timespec pause = { 0, POLL_MS * 1000000 };
	char *path;

	if (lock->lock_fd < 0 &&
	    asprintf(&path, "%s.lock", lock->database) > 0) {
		lock->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC,
		    0600);
		if (lock->lock_fd < 0)
			log_line(LOG_DEBUG, "lock", path, "error",
			    strerror(errno), NULL);
		free(path);
	}
	if (lock->lock_fd < 0)
		return 0;
	while (flock(lock->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;
		if ((wait_ms -= POLL_MS) < 0)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int
writer_lock_enter(struct writer_lock *lock, int64_t wait_ms)
{
	if (lock->entered)
		return 0;
	if (wait_ms < 0)
		wait_ms = 0;
	int result = enter_semaphore(lock, wait_ms);
	if (result == 1)
		result = enter_lock(lock, wait_ms);
	lock->entered = result == 0;
	return result;
}

void
writer_lock_leave(struct writer_lock *lock)
{
	struct sembuf leave = { .sem_num = 0, .sem_op = -1,
		.sem_flg = SEM_UNDO | IPC_NOWAIT };

	if (!lock->entered)
		return;
	/* Where this fails, the lock is still held, and left the next time. */
	while (lock->semaphore >= 0 && semop(lock->semaphore, &leave, 1) !=
	    0 && errno != EAGAIN && errno != EIDRM && errno != EINVAL)
		if (errno != EINTR)
			return;
	lock->entered = 0;
	if (lock->semaphore < 0 && lock->lock_fd >= 0)
		flock(lock->lock_fd, LOCK_UN);
}

void
writer_lock_forget(struct writer_lock *lock)
{
	/* If it were still held, the next process would wait for this one. */
	writer_lock_leave(lock);
	/* A process that comes between these calls finds the semaphore gone,
	 * and makes another. */
	if (lock->semaphore >= 0 &&
	    semctl(lock->semaphore, 0, GETVAL) == 0 &&
	    semctl(lock->semaphore, 0, GETZCNT) == 0)
		semctl(lock->semaphore, 0, IPC_RMID);
	lock->semaphore = -1;
	if (lock->lock_fd >= 0)
		close(lock->lock_fd);
	lock->lock_fd = -1;
}

void
writer_lock_close(struct writer_lock *lock)
{
	if (lock == NULL)
		return;
	writer_lock_forget(lock);
	free(lock->database);
	free(lock);
}
