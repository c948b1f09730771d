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

/* Lines in one transaction, and bytes after which it takes no more, so that
 * the responder waits for a moment only. */
#define BATCH 256
#define BATCH_BYTES (1 << 20)
#define NAMES_MAX 16

/* What a line of a table has, in the order of its parameters. */
struct table {
	const char *name;
	const char *sql;
	const char *names[NAMES_MAX]; /* '#': a number, '?': or null, '%': hex */
};

enum {
	EVENTS,
	DELIVERIES,
	PRUNED,
	TABLES
};

static const struct table tables[TABLES] = {
	[EVENTS] = { "events", "INSERT INTO events (rowid, id, timestamp, session_id,"
	    " agent_id, event_type, severity, payload, metadata, prev_hash,"
	    " hash, tenant_id, verified_agent_id, pricing_version, org_id,"
	    " project_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
	    " ?11, ?12, ?13, ?14, ?15, ?16)",
	    { "#position", "id", "timestamp", "session_id", "agent_id",
	    "event_type", "severity", "payload", "metadata", "prev_hash",
	    "hash", "tenant_id", "verified_agent_id", "pricing_version",
	    "org_id", "project_id" } },
	[DELIVERIES] = { "ingest_deliveries", "INSERT INTO ingest_deliveries"
	    " (id, sent_at, key, idempotency_key, event_id, reason, source,"
	    " received_at, remote_addr, signature, body) VALUES (?1, ?2, ?3,"
	    " ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	    { "#id", "#sent_at", "%key", "%idempotency_key", "event_id",
	    "reason", "source", "received_at", "remote_addr", "signature",
	    "%body" } },
	[PRUNED] = { "ingest_pruned", "INSERT INTO ingest_pruned (pruned_at,"
	    " delivery_id, delivery_leaf, position, event_id, tenant_id,"
	    " session_id, prev_hash, hash, event_leaf) VALUES (?1, ?2, ?3,"
	    " ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	    { "pruned_at", "?delivery_id", "%delivery_leaf", "?position",
	    "event_id", "tenant_id", "session_id", "prev_hash", "hash",
	    "%event_leaf" } },
};

struct import {
	struct database *database;
	struct query *inserts[TABLES];
	struct query *last; /* the hash of a session's last event */
	struct query *kept; /* and of the last that prune removed of it */
	struct query *keep;
	struct query *count_session;
	struct query *count_agent;
	struct text bytes[NAMES_MAX]; /* decoded hex */
	char *text; /* the line that is being read */
	size_t text_size;
	int64_t line;
	int64_t first; /* of the batch */
	int64_t rows[TABLES];
};

/* The end of each session's chain of pruned events: its hash, and how many
 * they are from the one that links to nothing. */
static const char begin_kept[] =
    "CREATE TEMP TABLE kept (tenant_id TEXT, session_id TEXT, hash TEXT,"
    " events INTEGER, PRIMARY KEY (tenant_id, session_id)) WITHOUT ROWID;"
    "INSERT INTO kept SELECT tenant_id, session_id, hash, events FROM"
    " (SELECT tenant_id, session_id, hash, count(*) AS events,"
    " max(position) FROM (SELECT *, max(iif(prev_hash IS NULL, position,"
    " NULL)) OVER (PARTITION BY tenant_id, session_id) AS first"
    " FROM ingest_pruned WHERE position IS NOT NULL)"
    " WHERE position >= first GROUP BY tenant_id, session_id)";
static const char keep[] =
    "INSERT INTO kept VALUES (?1, ?2, ?3, 1) ON CONFLICT DO UPDATE SET"
    " events = iif(?4 IS NULL, 1, events + 1), hash = excluded.hash";

/* What an event does to the rows of its session and agent: the same as when
 * the responder recorded it. */
static const char count_session[] =
    "INSERT INTO sessions (id, agent_id, started_at, ended_at, status,"
    " event_count, tool_call_count, error_count, llm_call_count, tenant_id,"
    " project_id, last_event_at) VALUES (?1, ?2, ?3, ?6,"
    " coalesce(?5, 'active'), 1 + ?10, ?7, ?8, ?9, ?4, ?4, ?3)"
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
	complain("line %" PRId64 ": %s; nothing from line %" PRId64 " on is "
	    "imported", i->line, why, i->first);
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
	bool number = *name == '#' || *name == '?', hex = *name == '%';
	struct json_object *value = json_get(json, name + (number || hex));
	const char *text;

	if (number && (value != NULL || *name == '#')) {
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

/* Whether the link is the hash of the session's last event; without one, of
 * the last that prune removed: then *pruned is how many it did. */
static int
check_link(struct import *i, const char *tenant, const char *session,
    const char *link, int64_t *pruned)
{
	struct query *query = i->last;
	const char *last = NULL;
	int step = 0;

	*pruned = 0;
	for (int n = 0; n < 2 && step == 0; n++) {
		query = n == 0 ? i->last : i->kept;
		query_bind_text(query, 1, tenant);
		query_bind_text(query, 2, session);
		if ((step = query_step(query)) == 1)
			last = query_text(query, 0);
		if (step == 1 && n == 1 && link != NULL)
			*pruned = query_number(query, 1);
		if (step != 1)
			query_reset(query);
	}
	/* A session goes on from nothing when prune had removed all of it. */
	bool good = link == NULL ? last == NULL || query == i->kept :
	    last != NULL && strcmp(last, link) == 0;
	query_reset(query);
	if (step < 0)
		return -1;
	return good ? 0 : refuse(i, "the event does not link to the one "
	    "before it in its session");
}

/* The hash and the link, before the event is let in. */
static int
check_event(struct import *i, struct json_object *json, int64_t *pruned)
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
	return check_link(i, tenant, columns.session_id, columns.prev_hash,
	    pruned);
}

/* The same of what prune has kept of an event: it has no more than the links.
 * What it has kept of a delivery only has none. */
static int
check_pruned(struct import *i, struct json_object *json)
{
	const char *tenant = member(json, "tenant_id");
	const char *session = member(json, "session_id");
	const char *link = member(json, "prev_hash");
	const char *hash = member(json, "hash");

	if (json_get(json, "position") == NULL)
		return 0;
	if (tenant == NULL || session == NULL || hash == NULL)
		return refuse(i, "what was pruned lacks a column");
	query_bind_text(i->kept, 1, tenant);
	query_bind_text(i->kept, 2, session);
	int step = query_step(i->kept);
	bool good = link == NULL || (step == 1 &&
	    strcmp(query_text(i->kept, 0), link) == 0);
	query_reset(i->kept);
	if (step < 0)
		return -1;
	if (!good)
		return refuse(i, "what was pruned does not link to what was "
		    "pruned before it");
	query_bind_text(i->keep, 1, tenant);
	query_bind_text(i->keep, 2, session);
	query_bind_text(i->keep, 3, hash);
	query_bind_text(i->keep, 4, link);
	return query_run(i->keep);
}

static int
count(struct import *i, struct json_object *json, int64_t pruned)
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
	query_bind_number(s, 10, pruned);
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
	int64_t pruned = 0;
	int which = 0;

	while (which < TABLES && (name == NULL ||
	    strcmp(tables[which].name, name) != 0))
		which++;
	if (which == TABLES)
		return refuse(i, "it is of no table that export writes");
	if ((which == EVENTS && check_event(i, json, &pruned) != 0) ||
	    (which == PRUNED && check_pruned(i, json) != 0))
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
	return which == EVENTS ? count(i, json, pruned) : 0;
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

/* Reads the lines of a batch before anything is locked: they may be long in
 * coming.  Returns 1 when there are any, 0 at the end, or -1. */
static int
read_batch(struct import *i, FILE *file, struct text *batch)
{
	ssize_t len = 0;

	batch->len = 0;
	for (int n = 0; n < BATCH && batch->len < BATCH_BYTES && len >= 0 &&
	    (len = getline(&i->text, &i->text_size, file)) >= 0; n++)
		text_add(batch, i->text, (size_t)len);
	if (!ferror(file) && !batch->failed)
		return batch->len > 0;
	complain("%s", batch->failed ? "out of memory" : strerror(errno));
	return -1;
}

static int
import_batch(struct import *i, const struct text *batch)
{
	const char *line = text_string(batch), *end = line + batch->len;
	int result = 0;

	i->first = i->line + 1;
	if (database_begin(i->database) != 0)
		return -1;
	while (result == 0 && line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		const char *next = stop == NULL ? end : stop + 1;
		i->line++;
		result = import_line(i, line, (size_t)(next - line));
		line = next;
	}
	if (result == 0)
		return database_commit(i->database);
	database_rollback(i->database);
	return -1;
}

static int
import_lines(struct import *i, FILE *file)
{
	struct text batch = TEXT_EMPTY;
	int step;

	while ((step = read_batch(i, file, &batch)) == 1)
		if ((step = import_batch(i, &batch)) != 0)
			break;
	text_free(&batch);
	return step;
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
	if (database_run(i->database, begin_kept) != 0)
		return -1;
	i->kept = query_open(i->database, "SELECT hash, events FROM kept"
	    " WHERE tenant_id = ?1 AND session_id = ?2");
	i->keep = query_open(i->database, keep);
	i->count_session = query_open(i->database, count_session);
	i->count_agent = query_open(i->database, count_agent);
	return i->last == NULL || i->kept == NULL || i->keep == NULL ||
	    i->count_session == NULL || i->count_agent == NULL ? -1 : 0;
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
	query_close(i.kept);
	query_close(i.keep);
	query_close(i.count_session);
	query_close(i.count_agent);
	for (int n = 0; n < NAMES_MAX; n++)
		text_free(&i.bytes[n]);
	free(i.text);
	if (result != 0)
		return COMMAND_FAILED;
	if (context->json) {
		output_json_number(&line, "events", i.rows[EVENTS]);
		output_json_number(&line, "deliveries", i.rows[DELIVERIES]);
		output_json_number(&line, "pruned", i.rows[PRUNED]);
		output_json_end(&line);
	} else {
		printf("imported: %" PRId64 " events, %" PRId64 " deliveries",
		    i.rows[EVENTS], i.rows[DELIVERIES]);
		if (i.rows[PRUNED] > 0)
			printf(", %" PRId64 " rows of what was pruned",
			    i.rows[PRUNED]);
		printf("; every hash and link is right\n");
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
