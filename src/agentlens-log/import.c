/* import: the lines of export into another file, hash by hash. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "database.h"
#include "event.h"
#include "json.h"
#include "output.h"

/* Lines in one transaction, so that the responder waits for a moment only. */
#define BATCH 256
#define NAMES_MAX 16

/* What a line of a table has, in the order of its parameters. */
struct table {
	const char *name;
	const char *sql;
	const char *names[NAMES_MAX]; /* '#': a number, '%': hex */
};

static const struct table tables[] = {
	{ "events", "INSERT INTO events (rowid, id, timestamp, session_id,"
	    " agent_id, event_type, severity, payload, metadata, prev_hash,"
	    " hash, tenant_id, verified_agent_id, pricing_version, org_id,"
	    " project_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
	    " ?11, ?12, ?13, ?14, ?15, ?16)",
	    { "#position", "id", "timestamp", "session_id", "agent_id",
	    "event_type", "severity", "payload", "metadata", "prev_hash",
	    "hash", "tenant_id", "verified_agent_id", "pricing_version",
	    "org_id", "project_id" } },
	{ "ingest_deliveries", "INSERT INTO ingest_deliveries (id, sent_at,"
	    " key, idempotency_key, event_id, reason, source, received_at,"
	    " remote_addr, signature, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
	    " ?7, ?8, ?9, ?10, ?11)",
	    { "#id", "#sent_at", "%key", "%idempotency_key", "event_id",
	    "reason", "source", "received_at", "remote_addr", "signature",
	    "%body" } },
};

#define TABLES ((int)(sizeof(tables) / sizeof(tables[0])))

struct import {
	struct database *database;
	struct query *inserts[TABLES];
	struct query *last; /* the hash of a session's last event */
	struct query *count_session;
	struct query *count_agent;
	struct text bytes[NAMES_MAX]; /* decoded hex */
	int64_t line;
	int64_t rows[TABLES];
};

/* What an event does to the rows of its session and agent: the same as when
 * the responder recorded it. */
static const char count_session[] =
    "INSERT INTO sessions (id, agent_id, started_at, ended_at, status,"
    " event_count, tool_call_count, error_count, llm_call_count, tenant_id,"
    " project_id, last_event_at) VALUES (?1, ?2, ?3, ?6,"
    " coalesce(?5, 'active'), 1, ?7, ?8, ?9, ?4, ?4, ?3)"
    " ON CONFLICT DO UPDATE SET event_count = event_count + 1,"
    " tool_call_count = tool_call_count + excluded.tool_call_count,"
    " error_count = error_count + excluded.error_count,"
    " llm_call_count = llm_call_count + excluded.llm_call_count,"
    " status = coalesce(?5, status), ended_at = coalesce(?6, ended_at),"
    " last_event_at = excluded.last_event_at";
static const char count_agent[] =
    "INSERT INTO agents (id, name, first_seen_at, last_seen_at,"
    " session_count, tenant_id, project_id)"
    " VALUES (?1, ?1, ?2, ?2, ?3, ?4, ?4) ON CONFLICT DO UPDATE SET"
    " last_seen_at = max(last_seen_at, excluded.last_seen_at),"
    " session_count = session_count + excluded.session_count";

/* Returns -1. */
static int
refuse(const struct import *i, const char *why)
{
	complain("line %" PRId64 ": %s; nothing of this line and those after "
	    "it is imported", i->line, why);
	return -1;
}

static int
hex_value(char c)
{
	const char *at = c == '\0' ? NULL : strchr("0123456789abcdef", c);
	return at == NULL ? -1 : (int)(at - "0123456789abcdef");
}

static int
decode(const char *hex, struct text *out)
{
	text_free(out);
	for (; *hex != '\0'; hex += 2) {
		int high = hex_value(hex[0]);
		int low = high < 0 ? -1 : hex_value(hex[1]);
		if (low < 0)
			return -1;
		char byte = (char)(high << 4 | low);
		text_add(out, &byte, 1);
	}
	return out->failed ? -1 : 0;
}

static int
bind(struct import *i, struct query *query, int index, const char *name,
    struct json_object *json)
{
	bool number = *name == '#', hex = *name == '%';
	struct json_object *value = json_get(json, name + (number || hex));
	const char *text;

	if (number) {
		if (!json_is_number(value))
			return -1;
		query_bind_number(query, index,
		    (int64_t)json_object_get_double(value));
		return 0;
	}
	if (value == NULL)
		return 0;
	if (!json_is_string(value))
		return -1;
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return -1;
	if (!hex) {
		query_bind_text(query, index, text);
		return 0;
	}
	if (decode(text, &i->bytes[index - 1]) != 0)
		return -1;
	query_bind_bytes(query, index, text_string(&i->bytes[index - 1]),
	    i->bytes[index - 1].len);
	return 0;
}

static const char *
member(struct json_object *json, const char *name)
{
	struct json_object *value = json_get(json, name);
	return json_is_string(value) ? json_object_get_string(value) : NULL;
}

/* The hash and the link, before the event is let in. */
static int
check_event(struct import *i, struct json_object *json)
{
	const struct event_columns columns = {
		.id = member(json, "id"),
		.timestamp = member(json, "timestamp"),
		.session_id = member(json, "session_id"),
		.agent_id = member(json, "agent_id"),
		.event_type = member(json, "event_type"),
		.severity = member(json, "severity"),
		.payload = member(json, "payload"),
		.metadata = member(json, "metadata"),
		.prev_hash = member(json, "prev_hash"),
	};
	const char *tenant = member(json, "tenant_id");
	const char *hash = member(json, "hash");
	char computed[SIGNATURE_HEX_SIZE] = "";

	if (columns.id == NULL || columns.timestamp == NULL ||
	    columns.session_id == NULL || columns.agent_id == NULL ||
	    columns.event_type == NULL || columns.severity == NULL ||
	    columns.payload == NULL || columns.metadata == NULL ||
	    tenant == NULL || hash == NULL)
		return refuse(i, "the event lacks a column");
	if (event_hash(&columns, computed) != 0 || strcmp(computed, hash) != 0)
		return refuse(i, "the event does not come to its hash");
	query_bind_text(i->last, 1, tenant);
	query_bind_text(i->last, 2, columns.session_id);
	int step = query_step(i->last);
	const char *last = step == 1 ? query_text(i->last, 0) : NULL;
	bool good = last == NULL || columns.prev_hash == NULL ?
	    last == columns.prev_hash : strcmp(last, columns.prev_hash) == 0;
	query_reset(i->last);
	if (step < 0)
		return -1;
	return good ? 0 : refuse(i, "the event does not link to the one "
	    "before it in its session");
}

static int
count(struct import *i, struct json_object *json)
{
	const struct event_type *type =
	    event_type_find(member(json, "event_type"));
	enum event_effect effect = type == NULL ? EVENT_COUNTS : type->effect;
	const char *time = member(json, "timestamp");
	const char *tenant = member(json, "tenant_id");
	struct query *s = i->count_session, *a = i->count_agent;

	query_bind_text(s, 1, member(json, "session_id"));
	query_bind_text(s, 2, member(json, "agent_id"));
	query_bind_text(s, 3, time);
	query_bind_text(s, 4, tenant);
	query_bind_text(s, 5, effect == EVENT_STARTS ? "active" :
	    effect == EVENT_ENDS ? "completed" : NULL);
	query_bind_text(s, 6, effect == EVENT_ENDS ? time : NULL);
	query_bind_number(s, 7, effect == EVENT_CALLS_TOOL);
	query_bind_number(s, 8, effect == EVENT_FAILS);
	query_bind_number(s, 9, effect == EVENT_CALLS_LLM);
	query_bind_text(a, 1, member(json, "agent_id"));
	query_bind_text(a, 2, time);
	query_bind_number(a, 3, effect == EVENT_STARTS);
	query_bind_text(a, 4, tenant);
	return query_run(s) == 0 && query_run(a) == 0 ? 0 : -1;
}

static int
insert(struct import *i, struct json_object *json)
{
	const char *name = member(json, "table");
	int which = 0;

	while (which < TABLES && (name == NULL ||
	    strcmp(tables[which].name, name) != 0))
		which++;
	if (which == TABLES)
		return refuse(i, "it is of no table that export writes");
	if (which == 0 && check_event(i, json) != 0)
		return -1;
	struct query *query = i->inserts[which];
	for (int n = 0; n < NAMES_MAX && tables[which].names[n] != NULL; n++)
		if (bind(i, query, n + 1, tables[which].names[n], json) != 0) {
			query_reset(query);
			return refuse(i, "a member is missing or wrong");
		}
	if (query_run(query) != 0)
		return refuse(i, "it is there already, or its place is taken");
	i->rows[which]++;
	return which == 0 ? count(i, json) : 0;
}

static int
import_line(struct import *i, const char *line, size_t len)
{
	struct json_object *json = NULL;
	struct json_error error;
	int result;

	if (json_read(line, len, &json, &error) != 0 || !json_is_object(json))
		result = refuse(i, "it is no JSON object");
	else
		result = insert(i, json);
	json_object_put(json);
	return result;
}

static int
import_lines(struct import *i, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len = 0;
	int result = 0;

	while (result == 0 && len >= 0) {
		if (database_begin(i->database) != 0) {
			result = -1;
			break;
		}
		for (int n = 0; n < BATCH && result == 0 &&
		    (len = getline(&line, &size, file)) >= 0; n++) {
			i->line++;
			result = import_line(i, line, (size_t)len);
		}
		if (result == 0)
			result = database_commit(i->database);
		else
			database_rollback(i->database);
	}
	if (ferror(file)) {
		complain("%s", strerror(errno));
		result = -1;
	}
	free(line);
	return result;
}

static int
prepare(struct import *i)
{
	for (int n = 0; n < TABLES; n++)
		if ((i->inserts[n] = query_open(i->database,
		    tables[n].sql)) == NULL)
			return -1;
	i->last = query_open(i->database, "SELECT hash FROM events"
	    " WHERE tenant_id = ?1 AND session_id = ?2"
	    " ORDER BY timestamp DESC, id DESC LIMIT 1");
	i->count_session = query_open(i->database, count_session);
	i->count_agent = query_open(i->database, count_agent);
	return i->last == NULL || i->count_session == NULL ||
	    i->count_agent == NULL ? -1 : 0;
}

static int
import_all(struct context *context, struct database *database, FILE *file)
{
	struct import i = { .database = database };
	struct text line = TEXT_EMPTY;
	int result = prepare(&i) == 0 ? import_lines(&i, file) : -1;

	for (int n = 0; n < TABLES; n++)
		query_close(i.inserts[n]);
	query_close(i.last);
	query_close(i.count_session);
	query_close(i.count_agent);
	for (int n = 0; n < NAMES_MAX; n++)
		text_free(&i.bytes[n]);
	if (result != 0)
		return COMMAND_FAILED;
	if (context->json) {
		output_json_number(&line, "events", i.rows[0]);
		output_json_number(&line, "deliveries", i.rows[1]);
		output_json_end(&line);
	} else {
		printf("imported: %" PRId64 " events, %" PRId64 " deliveries; "
		    "every hash and link is right\n", i.rows[0], i.rows[1]);
	}
	return COMMAND_GOOD;
}

int
import_run(struct context *context, int argc, char **argv)
{
	const struct option_row options[] = { { 0 } };
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count > 1)
		return options_refuse(context);
	/* Not into the file that the responder writes, for want of a word. */
	if (context->database == NULL) {
		complain("import: give the file to import into with -d");
		return EX_USAGE;
	}
	FILE *file = count == 0 || strcmp(arguments[0], "-") == 0 ? stdin :
	    fopen(arguments[0], "re");
	if (file == NULL) {
		complain("%s: %s", arguments[0], strerror(errno));
		return COMMAND_FAILED;
	}
	struct database *database = database_open(context, DATABASE_MAKE);
	code = database == NULL ? COMMAND_FAILED :
	    import_all(context, database, file);
	database_close(database);
	if (file != stdin)
		fclose(file);
	return code;
}
