/* The file as the readers see it, and the few tools that write it beside the
 * responder: connections, statements and their rows.  It knows no rule of
 * recording, and no caller knows SQL. */
#ifndef DATABASE_H
#define DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "settings.h"
#include "store/statements.h"

struct database;
struct query;

enum database_access {
	DATABASE_READ,  /* never writes, not even a missing table */
	DATABASE_WRITE, /* the file must be there; its tables are completed */
	DATABASE_MAKE   /* the file is made too, as the responder would */
};

/*
 * Opens an AgentLens file.  A table that the file lacks is there all the same,
 * and empty.  A file that is not AgentLens's, has a newer schema, is damaged or
 * not permitted is refused, and not a byte of it is changed.  `settings` may be
 * NULL with DATABASE_READ; they are borrowed for this call only.
 * Returns NULL with a sentence in `error`.  Close it with database_close().
 */
struct database *database_open(const char *path,
    enum database_access access, const struct settings *settings,
    struct error *error);

/* Closes it, with all queries closed before; NULL is allowed. */
void database_close(struct database *database);

/* Its path without symbolic links, borrowed. */
const char *database_path(const struct database *database);

/* Why the last call failed: one that returned -1, INT64_MIN or a NULL query.
 * Borrowed. */
const struct error *database_error(const struct database *database);

/* Puts a caller's own reason in the place of that one.  Returns -1. */
int database_fail(struct database *database, const char *reason);

/* Whether the file itself has this table, view or index. */
bool database_has(struct database *database, const char *name);

/*
 * Begin and end a view of the file that does not change.  Otherwise each query
 * has its own, from its first step to its reset.  A view that is held for long
 * keeps the write-ahead log from being checkpointed.
 * Both return 0 or -1.
 */
int database_begin_reading(struct database *database);
int database_end_reading(struct database *database);

/* Ends the view if there is one. */
void database_stop_reading(struct database *database);

/*
 * Copies the file, as the view that is held has it, into an empty file that is
 * there and that nobody else uses; it needs no other file beside it then.
 * Returns 0 or -1.
 */
int database_copy(struct database *database, const char *to);

/*
 * A write transaction.  Beginning one waits in the queue of all programs that
 * write the file, at most 10 seconds, and then as long for SQLite's lock.
 * The others wait for its end, so keep it short.  A commit that fails is rolled back.  Both return 0 or -1.
 */
int database_begin(struct database *database);
int database_commit(struct database *database);
void database_rollback(struct database *database);

/* Runs a statement, or several, that give no rows and have no parameters.
 * Returns 0 or -1. */
int database_run(struct database *database, enum statement statement);

/* The number in the first column of the first row that a statement without
 * parameters gives; INT64_MIN when there is none, or it cannot be read. */
int64_t database_number(struct database *database, enum statement statement);

/* The number of rows that the last statement changed. */
int64_t database_changes(const struct database *database);

/*
 * Prepares a statement.  Any number of queries may be open at a time, also of
 * the same statement.  Returns NULL when it cannot be prepared; close it with
 * query_close() before the database is closed.
 */
struct query *query_open(struct database *database, enum statement statement);

/* Set the parameters ?1, ?2 …, from 1.  A text or bytes are borrowed until the
 * reset, and may be NULL. */
void query_bind_text(struct query *query, int index, const char *text);
void query_bind_number(struct query *query, int index, int64_t number);
void query_bind_bytes(struct query *query, int index, const void *bytes,
    size_t len);

/* Goes to the next row.  Returns 1 with a row, 0 at the end, or -1. */
int query_step(struct query *query);

/* Runs a statement once, without its rows, and resets it.  Returns 0 or -1. */
int query_run(struct query *query);

/* The same for a statement that must change one row: -1 also when it changed
 * none, or several. */
int query_run_once(struct query *query);

/* Makes the query ready to be run again, with all parameters NULL. */
void query_reset(struct query *query);

/* Columns of the row, from 0, borrowed until the next step.  NULL is given as
 * NULL, or as 0 for a number; bytes without any are not NULL. */
const char *query_text(struct query *query, int column);
const void *query_bytes(struct query *query, int column, size_t *len);
int64_t query_number(struct query *query, int column);
bool query_is_null(struct query *query, int column);

/* Whether the value is stored as text, and how many bytes it has. */
bool query_is_text(struct query *query, int column, size_t *len);

/* Copies a text column, "" for NULL, cut to `size` with its NUL. */
void query_copy_text(struct query *query, int column, char *to, size_t size);

/* Releases a query of query_open(); NULL is allowed. */
void query_close(struct query *query);

/* The version of the engine's library in use, as a static string. */
const char *database_library_version(void);

/* A sentence about a bug that this version may have and that the operator must
 * know; NULL when there is none. */
const char *database_library_fault(void);

#endif
