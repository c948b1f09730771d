#include "store/sqlite/objects.h"

#include <ctype.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/sqlite/connection.h"

/* The room for a name in a sentence; what is longer is cut. */
#define NAME_SIZE 64

/* One row of sqlite_schema. */
struct object {
	const char *type;
	const char *name;
	const char *table; /* of an index or a trigger: what it is on */
	const char *sql;   /* NULL for the index of a constraint */
};

/* One statement of the schema. */
struct statement_text {
	const char *kind; /* "CREATE TABLE ", as SQLite stores it */
	const char *name;
	size_t name_len;
	size_t len; /* from the name to the end, without the semicolon */
};

static const char *const kinds[] = { "CREATE TABLE ", "CREATE INDEX ",
	"CREATE UNIQUE INDEX " };

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* --- Words --------------------------------------------------------------- */

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Copies a name that a file gave, with what cannot be shown replaced. */
static const char *
shown(const char *name, char out[NAME_SIZE])
{
	size_t len = 0;

	for (; *name != '\0' && len < NAME_SIZE - 1; name++, len++)
		out[len] = (char)(*name < ' ' || *name > '~' ? '?' : *name);
	out[len] = '\0';
	return out;
}

/* The first of `words`, which end with NULL, that a text has as a word of its
 * own; NULL when it has none. */
static const char *
find_word(const char *text, const char *const *words)
{
	for (const char *at = text; *at != '\0'; at++) {
		if (!is_word(*at) || (at > text && is_word(at[-1])))
			continue;
		for (const char *const *word = words; *word != NULL; word++) {
			size_t len = strlen(*word);
			if (strncasecmp(at, *word, len) == 0 &&
			    !is_word(at[len]))
				return *word;
		}
	}
	return NULL;
}

/* Whether a statement of the file makes an object of this name: SQLite makes
 * what the text says, whatever the name beside it is. */
static bool
begins_with_name(const char *at, const char *name)
{
	char quote = (char)(*at == '[' ? ']' : *at == '"' || *at == '`' ||
	    *at == '\'' ? *at : '\0');
	size_t len = strlen(name);

	if (quote == '\0')
		return strncmp(at, name, len) == 0 && !is_word(at[len]) &&
		    (unsigned char)at[len] < 0x80 && at[len] != '$';
	/* A name with a quote in it is none of ours. */
	at++;
	return strncmp(at, name, len) == 0 && at[len] == quote &&
	    at[len + 1] != quote;
}

/* --- The statements of the schema ---------------------------------------- */

/* Finds the statement of the schema that makes an object. */
static bool
find_statement(const char *schema, const char *name,
    struct statement_text *found)
{
	static const char unless[] = "IF NOT EXISTS ";

	for (const char *line = schema; line != NULL && *line != '\0';
	    line = strchr(line, '\n') == NULL ? NULL :
	    strchr(line, '\n') + 1) {
		for (size_t i = 0; i < KINDS; i++) {
			const char *at = line + strlen(kinds[i]);
			if (strncmp(line, kinds[i], strlen(kinds[i])) != 0)
				continue;
			at += strncmp(at, unless, strlen(unless)) == 0 ?
			    strlen(unless) : 0;
			*found = (struct statement_text){ kinds[i], at,
				strcspn(at, " \n("), strcspn(at, ";") };
			if (strlen(name) == found->name_len &&
			    strncasecmp(at, name, found->name_len) == 0)
				return true;
		}
	}
	return false;
}

/* Whether SQLite stored this statement. */
static bool
is_stored(const struct statement_text *statement, const char *sql)
{
	size_t len = strlen(statement->kind);

	return sql != NULL && strncmp(sql, statement->kind, len) == 0 &&
	    strncmp(sql + len, statement->name, statement->len) == 0 &&
	    sql[len + statement->len] == '\0';
}

/* The affinity of a declared type, by the rules of SQLite's "Datatypes", 3.1,
 * as a letter. */
static char
affinity(const char *type, size_t len)
{
	static const struct {
		const char *part;
		char letter;
	} rules[] = {
		{ "INT", 'i' }, { "CHAR", 't' }, { "CLOB", 't' },
		{ "TEXT", 't' }, { "BLOB", 'b' }, { "REAL", 'r' },
		{ "FLOA", 'r' }, { "DOUB", 'r' },
	};

	if (len == 0)
		return 'b';
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		for (size_t at = 0; at + strlen(rules[i].part) <= len; at++)
			if (strncasecmp(type + at, rules[i].part,
			    strlen(rules[i].part)) == 0)
				return rules[i].letter;
	return 'n';
}

/* The affinity that a table of the schema gives a column; '\0' when it has no
 * such column.  Each stands in a line of its own. */
static char
our_affinity(const struct statement_text *statement, const char *column)
{
	const char *end = statement->name + statement->len;
	const char *line = statement->name;
	size_t len = strlen(column);

	while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		line++;
		if (*line != '\t' || strncasecmp(line + 1, column, len) != 0 ||
		    line[1 + len] != ' ')
			continue;
		const char *type = line + 1 + len + 1;
		return affinity(type, strcspn(type, " ,\n"));
	}
	return '\0';
}

/* --- Judging ------------------------------------------------------------- */

static int
refuse_object(struct error *found, const struct object *object,
    const char *why)
{
	char name[NAME_SIZE];

	error_set(found, "the %s '%s' of the file %s", object->type,
	    shown(object->name, name), why);
	return 1;
}

/* Checks the columns of a table of AgentLens's that has another text. */
static int
check_columns(const struct database *database, const struct object *object,
    const struct statement_text *ours, struct error *found)
{
	static const char *const rowids[] = { "rowid", "oid", "_rowid_",
		NULL };
	sqlite3_stmt *columns = NULL;
	char name[NAME_SIZE];
	int step, result = 0;

	if (sqlite3_prepare_v2(database->db, "SELECT name, type, hidden FROM"
	    " pragma_table_xinfo(?1)", -1, &columns, NULL) != SQLITE_OK)
		return -1;
	sqlite3_bind_text(columns, 1, object->name, -1, SQLITE_STATIC);
	while (result == 0 && (step = sqlite3_step(columns)) == SQLITE_ROW) {
		const char *column =
		    (const char *)sqlite3_column_text(columns, 0);
		const char *type =
		    (const char *)sqlite3_column_text(columns, 1);
		if (column == NULL || type == NULL)
			break;
		char wanted = our_affinity(ours, column);
		if (sqlite3_column_int(columns, 2) == 0 &&
		    find_word(column, rowids) == NULL && (wanted == '\0' ||
		    wanted == affinity(type, strlen(type))))
			continue;
		error_set(found, "the column '%s' of the file's table %s is "
		    "none that AgentLens or this program makes",
		    shown(column, name), object->name);
		result = 1;
	}
	sqlite3_finalize(columns);
	return result == 0 && step != SQLITE_DONE ? -1 : result;
}

/* What keeps rows out, finds others, or takes for ever, and is in no text of
 * AgentLens's. */
static const char *const swallowing[] = { "CONFLICT", "COLLATE", "GENERATED",
	"AS", NULL };
static const char *const endless[] = { "LIKE", "GLOB", "REGEXP", "MATCH",
	NULL };

static bool
is_agentlens_table(const char *name)
{
	return strcasecmp(name, "events") == 0 ||
	    strcasecmp(name, "sessions") == 0 ||
	    strcasecmp(name, "agents") == 0;
}

/* Judges an object that has the name of one of ours. */
static int
check_ours(const struct database *database, const struct object *object,
    const struct statement_text *ours, struct error *found)
{
	char name[NAME_SIZE];

	if (is_stored(ours, object->sql))
		return 0;
	if (strcmp(object->type, "view") == 0) {
		error_set(found, "%s is a view in this file, and must be a "
		    "table", shown(object->name, name));
		return 1;
	}
	if (!is_agentlens_table(object->name) ||
	    strncmp(object->sql, kinds[0], strlen(kinds[0])) != 0)
		return refuse_object(found, object, "is not the one that this "
		    "program makes");
	if (find_word(object->sql, swallowing) != NULL ||
	    find_word(object->sql, endless) != NULL)
		return refuse_object(found, object, "has a rule that AgentLens "
		    "does not make");
	return check_columns(database, object, ours, found);
}

/* Judges an object of another name. */
static int
check_other(const char *schema, const struct object *object,
    struct error *found)
{
	struct statement_text ours;

	if (strcmp(object->type, "index") != 0)
		return 0;
	bool unique = strncmp(object->sql, kinds[1], strlen(kinds[1])) != 0;
	if ((unique && find_statement(schema, object->table, &ours)) ||
	    find_word(object->sql, endless) != NULL)
		return refuse_object(found, object, "is none that AgentLens "
		    "or this program makes");
	return 0;
}

/* Whether an object's text makes what its row says that it is. */
static bool
is_consistent(const struct object *object)
{
	static const struct {
		const char *type, *begin;
	} forms[] = {
		{ "table", "CREATE TABLE " },
		{ "table", "CREATE VIRTUAL TABLE " },
		{ "index", "CREATE INDEX " },
		{ "index", "CREATE UNIQUE INDEX " },
		{ "view", "CREATE VIEW " },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(object->type, forms[i].type) == 0 &&
		    strncmp(object->sql, forms[i].begin,
		    strlen(forms[i].begin)) == 0)
			return begins_with_name(object->sql +
			    strlen(forms[i].begin), object->name);
	return false;
}

static int
check_object(const struct database *database, const char *schema,
    const struct object *object, struct error *found)
{
	char name[NAME_SIZE], table[NAME_SIZE];
	struct statement_text ours;
	bool is_ours = find_statement(schema, object->name, &ours);

	if (strcmp(object->type, "trigger") == 0) {
		error_set(found, "the file has a trigger '%s' on %s",
		    shown(object->name, name), shown(object->table, table));
		return 1;
	}
	/* The index of a PRIMARY KEY or UNIQUE has no text. */
	if (object->sql == NULL && strcmp(object->type, "index") == 0 &&
	    strncmp(object->name, "sqlite_autoindex_",
	    strlen("sqlite_autoindex_")) == 0)
		return 0;
	if (object->sql == NULL || !is_consistent(object))
		return refuse_object(found, object, "is made by a text that "
		    "makes something else");
	return is_ours ? check_ours(database, object, &ours, found) :
	    check_other(schema, object, found);
}

int
objects_check(const struct database *database, const char *schema,
    struct error *found)
{
	sqlite3_stmt *rows = NULL;
	int step = SQLITE_DONE, result = 0;

	if (sqlite3_prepare_v2(database->db, "SELECT type, name, tbl_name, sql"
	    " FROM main.sqlite_schema", -1, &rows, NULL) != SQLITE_OK)
		return -1;
	while (result == 0 && (step = sqlite3_step(rows)) == SQLITE_ROW) {
		const char *texts[4];
		for (int i = 0; i < 4; i++)
			texts[i] = (const char *)sqlite3_column_text(rows, i);
		const struct object object = { texts[0], texts[1], texts[2],
			texts[3] };
		if (object.type == NULL || object.name == NULL ||
		    object.table == NULL) {
			error_set(found, "the file's schema has a row without "
			    "a name");
			result = 1;
		} else {
			result = check_object(database, schema, &object,
			    found);
		}
	}
	sqlite3_finalize(rows);
	return result == 0 && step != SQLITE_DONE ? -1 : result;
}
