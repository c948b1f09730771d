/*
 * sqlite-loop: one thread that does the same SQLite transaction as an event
 * of ours, and nothing else: no web server, no JSON, no signature, no hash.
 *
 * usage: sqlite-loop DATABASE SECONDS full|normal
 *        sqlite-loop --sync FILE COUNT
 *
 * Prints transactions, seconds, and p50 and p99 of one in microseconds.  With
 * --sync: the p50 and p99 of writing a page to a file and syncing it.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/schema.h"

#define SESSIONS 1000
#define SAMPLES_MAX 10000000

enum statement {
	BEGIN,
	LAST_ID,
	FIND_KEY,
	LAST_EVENT,
	INSERT_EVENT,
	COUNT_SESSION,
	COUNT_AGENT,
	INSERT_DELIVERY,
	COMMIT,
	STATEMENTS
};

/* ?1 id, ?2 time, ?3 session, ?4 body, ?5 hash, ?6 key, ?7 time sent. */
static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[LAST_ID] =
	    "SELECT id FROM events WHERE id < '8' ORDER BY id DESC LIMIT 1",
	[FIND_KEY] =
	    "SELECT event_id FROM ingest_deliveries"
	    " INDEXED BY idx_ingest_key WHERE sent_at = ?7 AND key = ?6",
	[LAST_EVENT] =
	    "SELECT timestamp, hash FROM events WHERE tenant_id = 'default'"
	    " AND session_id = ?3 ORDER BY timestamp DESC, id DESC LIMIT 1",
	[INSERT_EVENT] =
	    "INSERT INTO events (id, timestamp, session_id, agent_id,"
	    " event_type, payload, metadata, prev_hash, hash, project_id)"
	    " VALUES (?1, ?2, ?3, 'agent-mailer', 'approval_granted',"
	    " substr(?4, 1, 130), substr(?4, 1, 150), ?5, ?5, 'default')",
	[COUNT_SESSION] =
	    "INSERT INTO sessions (id, agent_id, started_at, event_count,"
	    " project_id, last_event_at) VALUES (?3, 'agent-mailer', ?2, 1,"
	    " 'default', ?2) ON CONFLICT DO UPDATE SET"
	    " event_count = event_count + 1, last_event_at = ?2",
	[COUNT_AGENT] =
	    "INSERT INTO agents (id, name, first_seen_at, last_seen_at,"
	    " project_id) VALUES ('agent-mailer', 'agent-mailer', ?2, ?2,"
	    " 'default') ON CONFLICT DO UPDATE SET last_seen_at = ?2",
	[INSERT_DELIVERY] =
	    "INSERT INTO ingest_deliveries (key, event_id, source,"
	    " received_at, remote_addr, signature, body, sent_at)"
	    " VALUES (?6, ?1, 'agentgate', ?2, '127.0.0.1', ?5, ?4, ?7)",
	[COMMIT] = "COMMIT",
};

static sqlite3 *db;
static sqlite3_stmt *statements[STATEMENTS];

static void
die(const char *what)
{
	fprintf(stderr, "sqlite-loop: %s: %s\n", what,
	    db == NULL ? "failed" : sqlite3_errmsg(db));
	exit(1);
}

static double
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

static void
print_times(float *times, size_t count, double seconds)
{
	qsort(times, count, sizeof(*times), compare);
	printf("%zu %.3f %.1f %.1f\n", count, seconds,
	    (double)times[count / 2], (double)times[count * 99 / 100]);
}

static unsigned long
random_bits(void)
{
	static unsigned long x = 88172645463325252;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void
open_database(const char *path, const char *synchronous)
{
	char pragma[64];

	snprintf(pragma, sizeof(pragma), "PRAGMA synchronous = %s",
	    synchronous);
	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) ||
	    sqlite3_exec(db, pragma, NULL, NULL, NULL) ||
	    sqlite3_exec(db, "PRAGMA cache_size = -4096", NULL, NULL, NULL) ||
	    sqlite3_exec(db, schema_sql, NULL, NULL, NULL))
		die(path);
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(db, sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &statements[i], NULL))
			die(sql[i]);
}

static void
transact(unsigned long n)
{
	static char body[501];
	unsigned long key[4] = { random_bits(), random_bits(), random_bits(),
		random_bits() };
	char id[27], stamp[25], session[32], hash[65];

	memset(body, 'x', sizeof(body) - 1);
	snprintf(id, sizeof(id), "01%024lu", n);
	snprintf(stamp, sizeof(stamp), "2026-01-01T00:00:%02lu.%03luZ",
	    n / 1000 % 60, n % 1000);
	snprintf(session, sizeof(session), "sess_%024lu",
	    n * 2654435761 % SESSIONS);
	snprintf(hash, sizeof(hash), "%016lx%016lx%016lx%016lx", key[0],
	    key[1], key[2], key[3]);

	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_stmt *s = statements[i];
		sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
		sqlite3_bind_text(s, 2, stamp, -1, SQLITE_STATIC);
		sqlite3_bind_text(s, 3, session, -1, SQLITE_STATIC);
		sqlite3_bind_text(s, 4, body, -1, SQLITE_STATIC);
		sqlite3_bind_text(s, 5, hash, -1, SQLITE_STATIC);
		sqlite3_bind_blob(s, 6, key, sizeof(key), SQLITE_STATIC);
		sqlite3_bind_int64(s, 7, (sqlite3_int64)(n / 10));
		int code = sqlite3_step(s);
		if (code != SQLITE_ROW && code != SQLITE_DONE)
			die(sql[i]);
		sqlite3_reset(s);
	}
}

static int
sync_pages(const char *path, long count)
{
	static char page[4096];
	float *times = calloc((size_t)count, sizeof(*times));
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	double start = now_us();

	if (fd < 0 || times == NULL)
		die(path);
	for (long i = 0; i < count; i++) {
		double before = now_us();
		if (pwrite(fd, page, sizeof(page), i * 4096) < 0 ||
		    fdatasync(fd) != 0)
			die(path);
		times[i] = (float)(now_us() - before);
	}
	print_times(times, (size_t)count, (now_us() - start) / 1e6);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "--sync") == 0)
		return sync_pages(argv[2], strtol(argv[3], NULL, 10));
	if (argc != 4) {
		fputs("usage: sqlite-loop DATABASE SECONDS full|normal\n",
		    stderr);
		return 64;
	}
	float *times = calloc(SAMPLES_MAX, sizeof(*times));
	size_t count = 0;

	open_database(argv[1], argv[3]);
	double start = now_us(), end = start + atof(argv[2]) * 1e6, at = start;
	while (at < end && count < SAMPLES_MAX) {
		transact(count);
		double then = at;
		at = now_us();
		times[count++] = (float)(at - then);
	}
	print_times(times, count, (at - start) / 1e6);
	return 0;
}
