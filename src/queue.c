#include "queue.h"

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

#include "log.h"

#define POLL_MS 2
#define TRIES 8

struct queue {
	char *database;
	int semaphore; /* -1: none yet */
	int lock_fd;   /* -1: none yet; used where there is no semaphore */
	int entered;
};

struct queue *
queue_open(const char *database)
{
	struct queue *queue = calloc(1, sizeof(*queue));

	if (queue == NULL || (queue->database = strdup(database)) == NULL) {
		free(queue);
		return NULL;
	}
	queue->semaphore = -1;
	queue->lock_fd = -1;
	return queue;
}

/* The database must exist by now.  Two databases whose keys collide share a
 * queue, which costs them time and nothing else. */
static int
find_semaphore(struct queue *queue)
{
	key_t key = ftok(queue->database, 'A');
	struct semid_ds status = { 0 };
	union {
		int value;
		struct semid_ds *status;
	} argument = { .status = &status };

	if (key != -1)
		queue->semaphore = semget(key, 1, IPC_CREAT | 0600);
	/* Anybody on the machine can guess the key, make the semaphore first,
	 * and keep us waiting. */
	if (queue->semaphore >= 0 &&
	    (semctl(queue->semaphore, 0, IPC_STAT, argument) != 0 ||
	    status.sem_perm.cuid != geteuid() ||
	    (status.sem_perm.mode & 0077) != 0))
		queue->semaphore = -1;
	return queue->semaphore;
}

/* The semaphore is 0 when nobody is inside, as it is when new, so that there
 * is nothing to initialise and no race to do so.  Returns 0, -1 on a time
 * out, or 1 when the semaphore cannot be used. */
static int
enter_semaphore(struct queue *queue, int64_t wait_ms)
{
	struct sembuf operations[] = {
		{ .sem_num = 0, .sem_op = 0 },
		{ .sem_num = 0, .sem_op = 1, .sem_flg = SEM_UNDO },
	};
	struct timespec wait = { wait_ms / 1000, wait_ms % 1000 * 1000000 };

	for (int tries = 0; tries < TRIES; tries++) {
		if (queue->semaphore < 0 && find_semaphore(queue) < 0)
			return 1;
		if (semtimedop(queue->semaphore, operations, 2, &wait) == 0)
			return 0;
		if (errno == EAGAIN)
			return -1;
		/* Stopped and continued, say. */
		if (errno == EINTR)
			continue;
		/* Another process that left removed it: see
		 * queue_close(). */
		queue->semaphore = -1;
	}
	return 1;
}

static int
enter_lock(struct queue *queue, int64_t wait_ms)
{
	static const struct timespec pause = { 0, POLL_MS * 1000000 };
	char *path;

	if (queue->lock_fd < 0 &&
	    asprintf(&path, "%s.lock", queue->database) > 0) {
		queue->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC,
		    0600);
		if (queue->lock_fd < 0)
			log_line(LOG_DEBUG, "lock", path, "error",
			    strerror(errno), NULL);
		free(path);
	}
	if (queue->lock_fd < 0)
		return 0;
	while (flock(queue->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;
		if ((wait_ms -= POLL_MS) < 0)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int
queue_enter(struct queue *queue, int64_t wait_ms)
{
	if (queue->entered)
		return 0;
	if (wait_ms < 0)
		wait_ms = 0;
	int result = enter_semaphore(queue, wait_ms);
	if (result == 1)
		result = enter_lock(queue, wait_ms);
	queue->entered = result == 0;
	return result;
}

void
queue_leave(struct queue *queue)
{
	struct sembuf leave = { .sem_num = 0, .sem_op = -1,
		.sem_flg = SEM_UNDO | IPC_NOWAIT };

	if (!queue->entered)
		return;
	/* What could not be left is still ours, and left the next time. */
	while (queue->semaphore >= 0 && semop(queue->semaphore, &leave, 1) !=
	    0 && errno != EAGAIN && errno != EIDRM && errno != EINVAL)
		if (errno != EINTR)
			return;
	queue->entered = 0;
	if (queue->semaphore < 0 && queue->lock_fd >= 0)
		flock(queue->lock_fd, LOCK_UN);
}

void
queue_forget(struct queue *queue)
{
	/* Where leaving it failed, whoever comes would wait for this process. */
	queue_leave(queue);
	/* Whoever comes between these calls finds it gone, and makes another. */
	if (queue->semaphore >= 0 &&
	    semctl(queue->semaphore, 0, GETVAL) == 0 &&
	    semctl(queue->semaphore, 0, GETZCNT) == 0)
		semctl(queue->semaphore, 0, IPC_RMID);
	queue->semaphore = -1;
	if (queue->lock_fd >= 0)
		close(queue->lock_fd);
	queue->lock_fd = -1;
}

void
queue_close(struct queue *queue)
{
	if (queue == NULL)
		return;
	queue_forget(queue);
	free(queue->database);
	free(queue);
}
