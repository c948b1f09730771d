#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/sqlite/connection.h"
#include "store/sqlite/sql.h"

int
query_prepare(struct query *query, struct database *database,
    enum statement statement)
{
	query->database = database;
	/* Those that end before the guard counts are counted so. */
	database->steps += 100;
	return sqlite3_prepare_v3(database->db, sql[statement], -1,
	    SQLITE_PREPARE_PERSISTENT, &query->statement, NULL);
}

struct query *
query_open(struct database *database, enum statement statement)
{
	struct query *query = calloc(1, sizeof(*query));

	if (query == NULL) {
		error_set(&database->error, "out of memory");
		return NULL;
	}
	if (query_prepare(query, database, statement) == SQLITE_OK)
		return query;
	connection_fail(database);
	query_close(query);
	return NULL;
}

void
query_bind_text(struct query *query, int index, const char *text)
{
	sqlite3_bind_text(query->statement, index, text, -1, SQLITE_STATIC);
}

void
query_bind_number(struct query *query, int index, int64_t number)
{
	sqlite3_bind_int64(query->statement, index, number);
}

void
query_bind_bytes(struct query *query, int index, const void *bytes, size_t len)
{
	if (bytes == NULL)
		sqlite3_bind_null(query->statement, index);
	else
		sqlite3_bind_blob64(query->statement, index, bytes, len,
		    SQLITE_STATIC);
}

int
query_step(struct query *query)
{
	switch (sqlite3_step(query->statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return connection_fail(query->database);
	}
}

int
query_run(struct query *query)
{
	int result = query_step(query);

	query_reset(query);
	return result < 0 ? -1 : 0;
}

int
query_run_once(struct query *query)
{
	struct database *database = query->database;

	if (query_run(query) != 0)
		return -1;
	if (sqlite3_changes(database->db) == 1)
		return 0;
	database->odd = "a row was not written, without an error: the file's "
	    "tables are not those that this program makes";
	return error_set(&database->error, "%s: %s", database->path,
	    database->odd);
}

void
query_reset(struct query *query)
{
	sqlite3_reset(query->statement);
	sqlite3_clear_bindings(query->statement);
}

const char *
query_text(struct query *query, int column)
{
	return (const char *)sqlite3_column_text(query->statement, column);
}

const void *
query_bytes(struct query *query, int column, size_t *len)
{
	/* SQLite gives NULL for a value of no bytes, too. */
	const void *bytes = sqlite3_column_blob(query->statement, column);

	*len = (size_t)sqlite3_column_bytes(query->statement, column);
	return bytes == NULL && !query_is_null(query, column) ? "" : bytes;
}

int64_t
query_number(struct query *query, int column)
{
	return sqlite3_column_int64(query->statement, column);
}

bool
query_is_null(struct query *query, int column)
{
	return sqlite3_column_type(query->statement, column) == SQLITE_NULL;
}

bool
query_is_text(struct query *query, int column, size_t *len)
{
	bool text = sqlite3_column_type(query->statement, column) ==
	    SQLITE_TEXT;

	*len = (size_t)sqlite3_column_bytes(query->statement, column);
	return text;
}

void
query_copy_text(struct query *query, int column, char *to, size_t size)
{
	const char *text = query_text(query, column);

	snprintf(to, size, "%s", text == NULL ? "" : text);
}

void
query_close(struct query *query)
{
	if (query == NULL)
		return;
	sqlite3_finalize(query->statement);
	free(query);
}

const char *
database_library_version(void)
{
	return sqlite3_libversion();
}

const char *
database_library_fault(void)
{
	/* Those in which it is mended, from the first to before the next
	 * series. */
	static const int mended[][2] = {
		{ 3044006, 3045000 },
		{ 3050007, 3051000 },
		{ 3051003, INT_MAX },
	};
	int version = sqlite3_libversion_number();

	for (size_t i = 0; i < sizeof(mended) / sizeof(mended[0]); i++)
		if (version >= mended[i][0] && version < mended[i][1])
			return NULL;
	return "it may have the WAL-reset bug (3.7.0 to 3.51.2, mended in "
	    "3.51.3, 3.50.7 and 3.44.6, or by a distribution), which this "
	    "program keeps away from: no other program may run wal_checkpoint "
	    "on the file";
}
