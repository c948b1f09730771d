/* A connection to a file, the statements prepared on it, and what SQLite's
 * result codes mean: shared by the files of this folder, and by no others. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "store/database.h"
#include "webhook/refusal.h"

struct checkpoint_lock;
struct sqlite3;
struct sqlite3_stmt;

struct query {
	struct database *database;
	struct sqlite3_stmt *statement;
};

struct database {
	struct sqlite3 *db; /* or NULL */
	char *path;
	struct error error;

	/* How much its statements have done, in steps of SQLite's machine,
	 * and since when (ms of timestamp_monotonic()); see
	 * connection_guard(). */
	int64_t steps;
	int64_t since;

	/* What is wrong where SQLite sees no fault, until connection_rest();
	 * else NULL. */
	const char *odd;

	/* For checkpoint_run(); NULL where it is never called. */
	struct checkpoint_lock *checkpoint_lock;

	/* Of a tool that writes beside the responder; else NULL. */
	struct writer_lock *lock;
	bool locked; /* it has its turn */
};

/* What a result code of SQLite means, and what can be done about it. */
struct advice {
	enum refusal_code code; /* for the sender */
	const char *hint;       /* for the responder's operator; or NULL */
	const char *sentence;   /* for the user of a tool; or NULL */
};

#define FOLDER_HINT "the folder of the database must exist and be writable, " \
    "with all files in it, by the user that this program runs as; if that " \
    "folder was replaced, start the program again"

/* The advice for a result code that is a failure. */
const struct advice *advice_for(int code);

/* What a result code means; REFUSAL_NONE for those that are no failure. */
enum refusal_code advice_code(int code);

/*
 * Guards a connection that was just opened against what the file may bring with
 * it: no trigger, no view and no function that the schema names is run, no value
 * is larger than the largest that we write, and its statements end, at the
 * latest when they have done some ten times as much as honest ones do in a file
 * of that size.  Returns a result code.
 */
int connection_guard(struct database *database);

/* Begins to count anew what statements do. */
void connection_rest(struct database *database);

/* Keeps why SQLite's last call failed, for database_error().  Returns -1. */
int connection_fail(struct database *database);

/* Logs why SQLite's last call failed while `doing` something, with a hint for
 * the operator.  Returns what it means for a delivery. */
enum refusal_code connection_log(const struct database *database,
    const char *doing);

/* The database's path without symbolic links, after which SQLite names the log
 * and its index.  Borrowed until the connection is closed. */
const char *connection_file(const struct database *database);

/* Whether a transaction is open. */
bool connection_in_transaction(const struct database *database);

/* Sets how many ms another program's lock is waited for from now on. */
void connection_wait(const struct database *database, int wait_ms);

/* Where the settings leave checkpoints to another program, ends those that
 * SQLite makes by itself, at a commit and at the end of the last connection. */
void connection_leave_log(const struct database *database,
    const struct settings *settings);

/* Runs text with any number of statements.  Returns a result code. */
int connection_run(const struct database *database, const char *text);

/* Runs a pragma and returns whether its answer is `wanted`, in any case. */
bool connection_gives(const struct database *database, const char *pragma,
    const char *wanted);

/* The number in the first column of the first row that a statement gives;
 * INT64_MIN when it gives none.  `parameter` is the value of ?1; NULL when the
 * statement has no parameter. */
int64_t connection_number(const struct database *database, const char *text,
    const char *parameter);

/* Whether the file itself has this table, view or index. */
bool connection_has(const struct database *database, const char *name);

/* Prepares a statement that is kept for long.  Returns a result code. */
int query_prepare(struct query *query, struct database *database,
    enum statement statement);

#endif
