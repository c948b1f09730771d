/* The file as the operator's tool sees it: the only door to SQLite of
 * agentlens-log. */
#ifndef DATABASE_H
#define DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"

struct database;
struct query;

enum database_access {
	DATABASE_READ, /* never writes, not even a table */
	DATABASE_WRITE, /* the file must be there; completes its tables */
	DATABASE_MAKE  /* makes the file too, as the responder would */
};

/*
 * Opens the AgentLens file of -d or the settings.  A table that
 * agentlens-ingest has not made yet is there all the same, and empty; so are
 * all of them in an empty file.  What is no AgentLens file, is of a newer
 * schema, damaged, or not permitted is refused, and not a byte of it changed.
 * Returns NULL, having said why in a sentence; COMMAND_FAILED is the exit.
 */
struct database *database_open(struct context *context,
    enum database_access access);

/* NULL is allowed. */
void database_close(struct database *database);

const char *database_path(const struct database *database);

/* Whether the file itself has this table, view or index. */
bool database_has(struct database *database, const char *name);

/*
 * Begins and ends one view of the file that does not change.  Without, each
 * query has its own from its first step to its reset.  A reader that stays in
 * one for long keeps the write-ahead log from being checkpointed.
 */
int database_begin_reading(struct database *database);
int database_end_reading(struct database *database);

/* Ends it where it may not be open at all; says nothing. */
void database_stop_reading(struct database *database);

/*
 * A write transaction.  Beginning queues with the responders and waits as
 * long as they do, so keep it short: they wait too.  What follows is one
 * moment of all the writers.  Returns 0, or -1 having said why.
 */
int database_begin(struct database *database);
int database_commit(struct database *database);
void database_rollback(struct database *database);

/* Runs statements that give no rows and have no parameters.  Returns 0, or -1
 * having said why. */
int database_run(struct database *database, const char *sql);

/* The number of rows that the last statement changed. */
int64_t database_changes(const struct database *database);

/*
 * Prepares one statement.  Returns NULL, having said why.  Any number may be
 * open at a time; all are to be closed before the database.
 */
struct query *query_open(struct database *database, const char *sql);

/* Values of ?1, ?2 …, borrowed until the reset; a text may be NULL. */
void query_bind_text(struct query *query, int index, const char *text);
void query_bind_number(struct query *query, int index, int64_t number);
void query_bind_bytes(struct query *query, int index, const void *bytes,
    size_t len);

/* Returns 1 with a row, 0 at the end, or -1 having said why. */
int query_step(struct query *query);

/* A statement without rows, run once and reset.  Returns 0 or -1. */
int query_run(struct query *query);

/* Begins anew, with no values bound. */
void query_reset(struct query *query);

/* Columns of the row, from 0, borrowed until the next step.  NULL for NULL;
 * a text ends with a NUL that `len`, which may be NULL, does not count. */
const char *query_text(struct query *query, int column);
const void *query_bytes(struct query *query, int column, size_t *len);
int64_t query_number(struct query *query, int column);
bool query_is_null(struct query *query, int column);

/* Whether the value is kept as text, and its length. */
bool query_is_text(struct query *query, int column, size_t *len);

/* The name of a column, and how many there are. */
const char *query_name(struct query *query, int column);
int query_columns(struct query *query);

/* NULL is allowed. */
void query_close(struct query *query);

/* The version of SQLite in use, as text. */
const char *database_library_version(void);

#endif
