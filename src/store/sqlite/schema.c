#include "store/sqlite/schema.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "store/columns.h"
#include "store/schema.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/objects.h"
#include "store/sqlite/sql.h"

/* The highest PRAGMA user_version of files that this program knows: neither it
 * nor AgentLens sets one so far. */
#define KNOWN_VERSION 0

/* The room for a column's name in a message. */
#define COLUMN_SIZE 64

static const char *const agentlens_tables[] = { "events", "sessions",
	"agents" };

#define AGENTLENS_TABLES \
	(sizeof(agentlens_tables) / sizeof(agentlens_tables[0]))

/* Makes a database in memory with all tables of the schema, for comparison.
 * Returns a result code; close the model in any case. */
static int
open_model(sqlite3 **model)
{
	int code = sqlite3_open(":memory:", model);

	return code != SQLITE_OK ? code :
	    sqlite3_exec(*model, schema_sql, NULL, NULL, NULL);
}

static const char *
text_of(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column);
}

/* Adds the columns that a table of the model has and the file's table lacks. */
static int
add_columns(struct database *database, sqlite3 *model, const char *table)
{
	sqlite3_stmt *columns;
	int code;

	code = sqlite3_prepare_v2(model, "SELECT name, type, \"notnull\","
	    " dflt_value FROM pragma_table_info(?1)", -1, &columns, NULL);
	if (code != SQLITE_OK)
		return code;
	sqlite3_bind_text(columns, 1, table, -1, SQLITE_STATIC);
	while (code == SQLITE_OK && sqlite3_step(columns) == SQLITE_ROW) {
		const char *name = text_of(columns, 0);
		const char *fallback = text_of(columns, 3);
		if (sqlite3_table_column_metadata(database->db, NULL, table,
		    name, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK)
			continue;
		char *statement = sqlite3_mprintf(
		    "ALTER TABLE %s ADD COLUMN %s %s%s%s%s", table, name,
		    sqlite3_column_text(columns, 1),
		    sqlite3_column_int(columns, 2) ? " NOT NULL" : "",
		    fallback == NULL ? "" : " DEFAULT ",
		    fallback == NULL ? "" : fallback);
		code = statement == NULL ? SQLITE_NOMEM :
		    sqlite3_exec(database->db, statement, NULL, NULL, NULL);
		sqlite3_free(statement);
	}
	sqlite3_finalize(columns);
	return code;
}

/* Makes the tables of the schema, and completes those that an older AgentLens
 * made. */
static int
make_tables(struct database *database)
{
	/* The columns that are added are filled as AgentLens fills them. */
	static const char fill[] =
	    "UPDATE events SET project_id = tenant_id"
	    " WHERE project_id IS NULL;"
	    "UPDATE sessions SET project_id = tenant_id"
	    " WHERE project_id IS NULL;"
	    "UPDATE agents SET project_id = tenant_id"
	    " WHERE project_id IS NULL;"
	    "UPDATE sessions SET last_event_at = started_at"
	    " WHERE last_event_at IS NULL;";
	sqlite3 *model = NULL;
	int code = open_model(&model);

	for (size_t i = 0; i < AGENTLENS_TABLES && code == SQLITE_OK; i++)
		if (sqlite3_table_column_metadata(database->db, NULL,
		    agentlens_tables[i], NULL, NULL, NULL, NULL, NULL, NULL) ==
		    SQLITE_OK)
			code = add_columns(database, model,
			    agentlens_tables[i]);
	sqlite3_close(model);
	if (code == SQLITE_OK)
		code = connection_run(database, schema_sql);
	if (code == SQLITE_OK)
		code = connection_run(database, fill);
	return code;
}

/*
 * Finds a column that must be filled, but that the statement which fills its
 * table does not name; "" when there is none.  Returns a result code.
 */
static int
find_unknown_column(const struct database *database, char column[COLUMN_SIZE])
{
	static const char find[] =
	    "SELECT name FROM pragma_table_info(?1) WHERE \"notnull\" AND"
	    " dflt_value IS NULL AND pk = 0 AND NOT instr(replace(replace("
	    "replace(?2, '(', ' '), ')', ' '), ',', ' '), ' ' || name || ' ')";
	static const struct {
		const char *table;
		enum statement insert;
	} filled[] = {
		{ "events", INSERT_EVENT },
		{ "sessions", COUNT_SESSION },
		{ "agents", COUNT_AGENT },
		{ "ingest_deliveries", INSERT_DELIVERY },
	};
	sqlite3_stmt *statement = NULL;

	column[0] = '\0';
	int code = sqlite3_prepare_v2(database->db, find, -1, &statement, NULL);
	if (code != SQLITE_OK)
		return code;
	code = SQLITE_DONE;
	for (size_t i = 0; i < sizeof(filled) / sizeof(filled[0]) &&
	    code == SQLITE_DONE; i++) {
		sqlite3_reset(statement);
		sqlite3_bind_text(statement, 1, filled[i].table, -1,
		    SQLITE_STATIC);
		sqlite3_bind_text(statement, 2, sql[filled[i].insert], -1,
		    SQLITE_STATIC);
		code = sqlite3_step(statement);
	}
	if (code == SQLITE_ROW)
		snprintf(column, COLUMN_SIZE, "%s", text_of(statement, 0));
	sqlite3_finalize(statement);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Looks for objects that may not be there. */
static enum refusal_code
check_objects(const struct database *database)
{
	struct error found = { "" };
	int result = objects_check(database, schema_sql, &found);

	if (result < 0)
		return connection_log(database, "reading the schema");
	if (result == 0)
		return REFUSAL_NONE;
	log_line(LOG_ERROR, "database", database->path, "error", found.text,
	    "hint", "nothing is recorded in it: find out who made that, and "
	    "remove it with sqlite3, or name another file in DB_PATH", NULL);
	return REFUSAL_UNAVAILABLE;
}

/*
 * This program would write wrong rows into a file of a newer schema.  Such a
 * file has a higher version, or a column that must be filled and that this
 * program does not know.  Other unknown columns do no harm.
 */
enum refusal_code
schema_check(const struct database *database)
{
	int64_t version = connection_number(database, sql[SCHEMA_VERSION],
	    NULL);
	char column[COLUMN_SIZE] = "";

	if (version == INT64_MIN)
		return connection_log(database,
		    "reading the version of the schema");
	if (find_unknown_column(database, column) != SQLITE_OK)
		return connection_log(database, "reading the columns");
	if (schema_is_known(version) && column[0] == '\0')
		return check_objects(database);
	log_line(LOG_ERROR, "database", database->path, "error",
	    "it is of a newer schema", "reason", column[0] == '\0' ?
	    "its user_version" : "a column that must be filled", "column",
	    column[0] == '\0' ? NULL : column, "hint",
	    advice_for(SQLITE_SCHEMA)->hint, NULL);
	return REFUSAL_UNAVAILABLE;
}

bool
schema_is_known(int64_t version)
{
	return version <= KNOWN_VERSION;
}

enum refusal_code
schema_make(struct database *database)
{
	if (connection_run(database, sql[BEGIN_WRITING]) != SQLITE_OK)
		return connection_log(database, "making the tables");
	if (make_tables(database) == SQLITE_OK &&
	    connection_run(database, sql[COMMIT]) == SQLITE_OK)
		return REFUSAL_NONE;
	enum refusal_code code = connection_log(database,
	    "making the tables");
	connection_run(database, sql[ROLLBACK]);
	return code;
}

int
schema_complete(struct database *database)
{
	return connection_run(database, schema_sql) == SQLITE_OK ? 0 :
	    connection_fail(database);
}

/* --- For readers, who make nothing --------------------------------------- */

/* The columns that are read; a file may have others, and other tables. */
static const char *const needed[] = {
	"SELECT " COLUMNS_EVENTS(COLUMN_NAME) " FROM events",
	"SELECT id, agent_id, started_at, ended_at, status, event_count,"
	" tool_call_count, error_count, llm_call_count, tenant_id,"
	" last_event_at FROM sessions",
	"SELECT " COLUMNS_DELIVERIES(COLUMN_NAME) " FROM ingest_deliveries",
	NULL
};

/* Makes an empty temporary table, as the model has it, for each that the file
 * lacks. */
static int
stand_in(struct database *database, sqlite3 *model)
{
	static const char create[] = "CREATE TABLE ";
	sqlite3_stmt *found = NULL;
	int result = sqlite3_prepare_v2(model, "SELECT name, sql"
	    " FROM sqlite_schema WHERE type = 'table'", -1, &found, NULL) ==
	    SQLITE_OK ? 0 : -1;

	while (result == 0 && sqlite3_step(found) == SQLITE_ROW) {
		const char *name = text_of(found, 0);
		const char *made = text_of(found, 1);
		struct text statement = TEXT_EMPTY;
		if (connection_has(database, name))
			continue;
		text_printf(&statement, "CREATE TEMP TABLE %s",
		    made + strlen(create));
		result = connection_run(database,
		    text_string(&statement)) == SQLITE_OK ? 0 :
		    connection_fail(database);
		text_free(&statement);
	}
	sqlite3_finalize(found);
	return result;
}

static int
stand_in_all(struct database *database)
{
	sqlite3 *model = NULL;
	int result = open_model(&model) == SQLITE_OK ?
	    stand_in(database, model) :
	    error_set(&database->error, "%s", sqlite3_errmsg(model));

	sqlite3_close(model);
	return result;
}

static int
check_columns(struct database *database)
{
	for (const char *const *text = needed; *text != NULL; text++) {
		sqlite3_stmt *statement = NULL;
		int code = sqlite3_prepare_v2(database->db, *text, -1,
		    &statement, NULL);
		sqlite3_finalize(statement);
		if (code == SQLITE_ERROR)
			return error_set(&database->error, "%s: it was made "
			    "by an older AgentLens (%s); agentlens-ingest "
			    "--check completes it", database->path,
			    sqlite3_errmsg(database->db));
		if (code != SQLITE_OK)
			return connection_fail(database);
	}
	return 0;
}

int
schema_check_kind(struct database *database)
{
	int64_t version = connection_number(database, sql[SCHEMA_VERSION],
	    NULL);
	int64_t objects = connection_number(database,
	    "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema)", NULL);
	struct error found = { "" };

	if (version == INT64_MIN || objects < 0)
		return connection_fail(database);
	if (version < 0 || !schema_is_known(version))
		return error_set(&database->error, "%s: its schema has "
		    "version %lld, and this program knows none above %d; use "
		    "a newer one", database->path, (long long)version,
		    KNOWN_VERSION);
	if (objects > 0 && !connection_has(database, "events"))
		return error_set(&database->error, "%s: it is no AgentLens "
		    "file, as it has no table events", database->path);
	switch (objects_check(database, schema_sql, &found)) {
	case 0:
		return 0;
	case 1:
		return error_set(&database->error, "%s: %s; nothing in it is "
		    "believed, and nothing of it is run", database->path,
		    found.text);
	default:
		return connection_fail(database);
	}
}

int
schema_stand_in(struct database *database)
{
	return schema_check_kind(database) == 0 &&
	    stand_in_all(database) == 0 ? check_columns(database) : -1;
}
