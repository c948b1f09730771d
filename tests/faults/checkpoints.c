/*
 * Processes that commit to one file, each with two more connections that make
 * one checkpoint after the other beside that, whether one is due or not; for
 * reset.bats, which loads reset.so into this.
 *
 * usage: checkpoints DATABASE PROCESSES MILLISECONDS
 *
 * Prints how many rows were committed and are there, and what integrity_check
 * says.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/timestamp.h"
#include "store/sqlite/checkpoint.h"
#include "store/sqlite/connection.h"

#define WAIT_MS 10000
#define CHECKPOINTERS 2

static struct {
	char *path;
	int processes;
	int64_t deadline;
	struct checkpoint_lock *lock;
	atomic_int *committed; /* by all processes */
} stage;

static sqlite3 *
connect_to_file(void)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(stage.path, &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, WAIT_MS) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA journal_mode = WAL;"
	    "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF;"
	    "CREATE TABLE IF NOT EXISTS t (x)", NULL, NULL, NULL) !=
	    SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", stage.path, sqlite3_errmsg(db));
		exit(1);
	}
	return db;
}

static void
rest(int most_ms)
{
	usleep((useconds_t)(random() % (most_ms * 1000)));
}

static void *
checkpoint_thread(void *unused)
{
	struct database database = { .db = connect_to_file(),
		.path = stage.path, .checkpoint_lock = stage.lock };

	while (timestamp_monotonic() < stage.deadline) {
		checkpoint_run(&database, CHECKPOINT_PASSIVE, NULL);
		rest(5);
	}
	sqlite3_close(database.db);
	return unused;
}

static void
commit_all_the_time(void)
{
	sqlite3 *db = connect_to_file();
	pthread_t threads[CHECKPOINTERS];

	stage.lock = checkpoint_lock_open(stage.path);
	for (int i = 0; i < CHECKPOINTERS; i++)
		pthread_create(&threads[i], NULL, checkpoint_thread, NULL);
	while (timestamp_monotonic() < stage.deadline) {
		if (sqlite3_exec(db, "BEGIN IMMEDIATE; INSERT INTO t"
		    " VALUES (randomblob(30000)); COMMIT", NULL, NULL, NULL) ==
		    SQLITE_OK)
			atomic_fetch_add(stage.committed, 1);
		rest(30 * stage.processes); /* quiet for a while */
	}
	for (int i = 0; i < CHECKPOINTERS; i++)
		pthread_join(threads[i], NULL);
	sqlite3_close(db);
	checkpoint_lock_close(stage.lock);
}

static int
print_row(void *unused, int columns, char **values, char **names)
{
	(void)unused;
	(void)names;
	printf("%s%s\n", values[0], columns > 1 ? values[1] : "");
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc != 4)
		return 64;
	stage.processes = (int)strtol(argv[2], NULL, 10);

	stage.path = argv[1];
	sqlite3_close(connect_to_file());
	stage.committed = mmap(NULL, sizeof(*stage.committed), PROT_READ |
	    PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	stage.deadline = timestamp_monotonic() + strtol(argv[3], NULL, 10);
	for (int i = 0; i < stage.processes; i++)
		if (fork() == 0) {
			srandom((unsigned)getpid());
			commit_all_the_time();
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("committed %d\n", *stage.committed);
	sqlite3 *db = connect_to_file();
	sqlite3_exec(db, "SELECT 'rows ', count(*) FROM t;"
	    "PRAGMA integrity_check(1)", print_row, NULL, NULL);
	sqlite3_close(db);
	return 0;
}
