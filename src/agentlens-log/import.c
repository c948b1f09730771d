/* agentlens-log import: writes the lines of export into another file, and
 * checks each hash and link. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentlens-log/record.h"
#include "agentlens-log/terminal.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "base/ulid.h"
#include "store/columns.h"
#include "store/record.h"

/* Lines in one transaction, and bytes after which it takes no more lines, so
 * that agentlens-ingest waits only for a moment. */
#define BATCH 256
#define BATCH_BYTES (1 << 20)

#define NUMBER_MAX (INT64_C(1) << 48)

/* At least as many as any table has. */
#define ONE(...) +1
enum { COLUMNS_MAX = 0 COLUMNS_EVENTS(ONE) COLUMNS_DELIVERIES(ONE)
	COLUMNS_PRUNED(ONE) };

static const enum statement inserts[TABLES] = {
	[TABLE_EVENTS] = INSERT_EVENT,
	[TABLE_DELIVERIES] = INSERT_DELIVERY,
	[TABLE_PRUNED] = INSERT_PRUNED,
};

/* Room for a row of any table. */
union row {
	struct event_row event;
	struct delivery_row delivery;
	struct pruned_row pruned;
};

struct import {
	struct context *context;
	struct database *database;
	struct query *inserts[TABLES];
	int64_t bound; /* the latest time that is believed, ms */
	struct query *last; /* the hash of a session's last event */
	struct query *kept; /* the hash of the last that prune removed of it */
	struct query *keep; /* writes the latter */
	struct query *count_session;
	struct query *count_agent;
	struct text bytes[COLUMNS_MAX]; /* decoded hex */
	char *text; /* the line that is being read */
	size_t text_size;
	int64_t line;  /* its number */
	int64_t first; /* that of the first line of the batch */
	int64_t rows[TABLES]; /* imported */
};

/* Returns -1. */
static int
refuse(const struct import *i, const char *why)
{
	return error_set(&i->context->error, "line %" PRId64 ": %s; nothing "
	    "from line %" PRId64 " on is imported", i->line, why, i->first);
}

/* --- A line -------------------------------------------------------------- */

/* Numbers are rows, from 1 on, and times.  A row near the highest that SQLite
 * has would leave no room for those to come. */
static int
take_number(const struct column *column, struct json_object *value,
    int64_t *number)
{
	double given = json_is_number(value) ?
	    json_object_get_double(value) : -1;
	double least = column->type == COLUMN_OPTIONAL_NUMBER ? 1 : 0;

	*number = COLUMN_NO_NUMBER;
	if (value == NULL && column->nullable)
		return 0;
	if (!(given >= least && given <= (double)NUMBER_MAX) ||
	    given != (double)(int64_t)given)
		return -1;
	*number = (int64_t)given;
	return 0;
}

/* Reads a member of the line into the row. */
static int
take(const struct column *column, struct text *decoded,
    struct json_object *json, void *member)
{
	struct json_object *value = json_get(json,
	    columns_export_name(column));
	struct column_bytes *bytes = member;

	if (column->type == COLUMN_NUMBER ||
	    column->type == COLUMN_OPTIONAL_NUMBER)
		return take_number(column, value, member);
	if (value == NULL)
		return 0;
	if (!json_is_string(value))
		return -1;
	const char *text = json_object_get_string(value);
	size_t len = (size_t)json_object_get_string_len(value);
	if (strlen(text) != len)
		return -1;
	if (column->type == COLUMN_TEXT) {
		*(const char **)member = text;
		return 0;
	}
	text_truncate(decoded, 0);
	if (len % 2 != 0 || text_reserve(decoded, len / 2) != 0 ||
	    hex_read(text, (unsigned char *)decoded->data, len / 2) != 0)
		return -1;
	*bytes = (struct column_bytes){ (unsigned char *)decoded->data,
		len / 2 };
	return 0;
}

static int
take_row(struct import *i, enum table_id which, struct json_object *json,
    union row *row)
{
	const struct table *table = &columns_tables[which];

	memset(row, 0, sizeof(*row));
	for (int n = 0; n < table->count; n++)
		if (take(&table->columns[n], &i->bytes[n], json,
		    (char *)row + table->columns[n].offset) != 0)
			return refuse(i, "a member is missing or wrong");
	return 0;
}

/* --- Checks --------------------------------------------------------------- */

/* Checks that an event links to the last one of its session; when the session
 * has none, to the last one that prune removed.  Then *pruned is how many it
 * removed. */
static int
check_link(struct import *i, const char *tenant, const char *session,
    const char *link, int64_t *pruned)
{
	struct query *query = i->last;
	const char *last = NULL;
	char bound[TIMESTAMP_SIZE];
	int step = 0;

	*pruned = 0;
	timestamp_format(i->bound, bound);
	for (int n = 0; n < 2 && step == 0; n++) {
		query = n == 0 ? i->last : i->kept;
		query_bind_text(query, 1, tenant);
		query_bind_text(query, 2, session);
		if (n == 0)
			query_bind_text(query, 3, bound);
		if ((step = query_step(query)) == 1)
			last = query_text(query, n == 0 ? 1 : 0);
		if (step == 1 && n == 1 && link != NULL)
			*pruned = query_number(query, 1);
		if (step != 1)
			query_reset(query);
	}
	/* A session may begin anew after prune has removed all of it. */
	bool good = link == NULL ? last == NULL || query == i->kept :
	    last != NULL && strcmp(last, link) == 0;
	query_reset(query);
	if (step < 0)
		return -1;
	return good ? 0 : refuse(i, "the event does not link to the one "
	    "before it in its session");
}

/* Whether the row has all texts that must not be NULL. */
static bool
has_all_texts(enum table_id which, const void *row)
{
	const struct table *table = &columns_tables[which];

	for (int n = 0; n < table->count; n++) {
		const struct column *column = &table->columns[n];
		const void *member = (const char *)row + column->offset;
		if (column->type == COLUMN_TEXT && !column->nullable &&
		    *(const char *const *)member == NULL)
			return false;
	}
	return true;
}

/* Checks a time of a row, and the one in an event's id, if that is a ULID: from
 * one that is far in the future agentlens-ingest could not go on. */
static int
check_time(const struct import *i, const char *timestamp, const char *id)
{
	int64_t ms;

	if (timestamp == NULL || timestamp_parse(timestamp,
	    strlen(timestamp), &ms) != 0)
		return refuse(i, "it has a time that is none");
	if (ms > i->bound || (id != NULL && ulid_time(id) > i->bound))
		return refuse(i, "it is of a time to come");
	return 0;
}

/* Checks the hash and the link of an event. */
static int
check_event(struct import *i, const struct event_row *event, int64_t *pruned)
{
	const struct event_columns *c = &event->columns;
	char computed[DIGEST_HEX_SIZE] = "";

	if (!has_all_texts(TABLE_EVENTS, event))
		return refuse(i, "the event lacks a column");
	if (check_time(i, c->timestamp, c->id) != 0)
		return -1;
	if (event_hash(c, computed) != 0 ||
	    strcmp(computed, event->hash) != 0)
		return refuse(i, "the event does not come to its hash");
	return check_link(i, event->tenant_id, c->session_id, c->prev_hash,
	    pruned);
}

/* Checks what prune has kept of an event, of which only the links are left.  A
 * row for a delivery alone has none. */
static int
check_pruned(struct import *i, const struct pruned_row *row)
{
	if (check_time(i, row->pruned_at, row->event_id) != 0)
		return -1;
	if (row->position == COLUMN_NO_NUMBER)
		return 0;
	if (row->tenant_id == NULL || row->session_id == NULL ||
	    row->hash == NULL)
		return refuse(i, "what was pruned lacks a column");
	query_bind_text(i->kept, 1, row->tenant_id);
	query_bind_text(i->kept, 2, row->session_id);
	int step = query_step(i->kept);
	const char *kept = step == 1 ? query_text(i->kept, 0) : NULL;
	bool good = row->prev_hash == NULL || (kept != NULL &&
	    strcmp(kept, row->prev_hash) == 0);
	query_reset(i->kept);
	if (step < 0)
		return -1;
	if (!good)
		return refuse(i, "what was pruned does not link to what was "
		    "pruned before it");
	query_bind_text(i->keep, 1, row->tenant_id);
	query_bind_text(i->keep, 2, row->session_id);
	query_bind_text(i->keep, 3, row->hash);
	query_bind_text(i->keep, 4, row->prev_hash);
	return query_run(i->keep);
}

/* --- Inserting ----------------------------------------------------------- */

static int
insert(struct import *i, struct json_object *json)
{
	const char *name = json_get_string(json, "table");
	int64_t pruned = 0;
	int which = 0;
	union row row;

	while (which < TABLES && (name == NULL ||
	    strcmp(columns_tables[which].name, name) != 0))
		which++;
	if (which == TABLES)
		return refuse(i, "it is of no table that export writes");
	if (take_row(i, (enum table_id)which, json, &row) != 0 ||
	    (which == TABLE_EVENTS &&
	    check_event(i, &row.event, &pruned) != 0) ||
	    (which == TABLE_DELIVERIES && check_time(i,
	    row.delivery.received_at, NULL) != 0) ||
	    (which == TABLE_PRUNED && check_pruned(i, &row.pruned) != 0))
		return -1;
	columns_bind((enum table_id)which, i->inserts[which], &row);
	if (query_run_once(i->inserts[which]) != 0)
		return refuse(i, "it is there already, or its place is taken");
	i->rows[which]++;
	return which != TABLE_EVENTS ? 0 : record_count(i->count_session,
	    i->count_agent, &row.event.columns, row.event.tenant_id, pruned);
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

/* Reads the lines of a batch.  The file is not locked yet, since the lines may
 * be long in coming.  Returns 1 when there are any, 0 at the end, or -1. */
static int
read_batch(struct import *i, FILE *file, struct text *batch)
{
	ssize_t len = 0;

	text_truncate(batch, 0);
	for (int n = 0; n < BATCH && batch->len < BATCH_BYTES && len >= 0 &&
	    (len = getline(&i->text, &i->text_size, file)) >= 0; n++)
		text_add(batch, i->text, (size_t)len);
	if (!ferror(file) && !batch->failed)
		return batch->len > 0;
	return error_set(&i->context->error, "%s", batch->failed ?
	    "out of memory" : strerror(errno));
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
prepare_queries(struct import *i)
{
	for (int n = 0; n < TABLES; n++)
		if ((i->inserts[n] = query_open(i->database, inserts[n])) ==
		    NULL)
			return -1;
	if (database_run(i->database, BEGIN_KEPT) != 0)
		return -1;
	i->last = query_open(i->database, LAST_EVENT);
	i->kept = query_open(i->database, KEPT_END);
	i->keep = query_open(i->database, KEEP_END);
	i->count_session = query_open(i->database, COUNT_SESSION);
	i->count_agent = query_open(i->database, COUNT_AGENT);
	return i->last == NULL || i->kept == NULL || i->keep == NULL ||
	    i->count_session == NULL || i->count_agent == NULL ? -1 : 0;
}

static void
close_queries(struct import *i)
{
	for (int n = 0; n < TABLES; n++)
		query_close(i->inserts[n]);
	query_close(i->last);
	query_close(i->kept);
	query_close(i->keep);
	query_close(i->count_session);
	query_close(i->count_agent);
}

/* --- The command --------------------------------------------------------- */

struct imported {
	int64_t events;
	int64_t deliveries;
	int64_t pruned; /* rows of what was pruned */
};

static const struct record_field imported_fields[] = {
	RECORD_FIELD("events", RECORD_NUMBER, imported, events),
	RECORD_FIELD("deliveries", RECORD_NUMBER, imported, deliveries),
	RECORD_FIELD("pruned", RECORD_NUMBER, imported, pruned),
	{ 0 }
};

static void
print_imported(const struct context *context, const void *record)
{
	const struct imported *imported = record;

	(void)context;
	printf("imported: %" PRId64 " events, %" PRId64 " deliveries",
	    imported->events, imported->deliveries);
	if (imported->pruned > 0)
		printf(", %" PRId64 " rows of what was pruned",
		    imported->pruned);
	printf("; every hash and link is right\n");
}

static const struct record_type imported_type = {
	.fields = imported_fields,
	.print = print_imported,
};

static const struct option_row options[] = { { 0 } };

static FILE *input; /* from prepare() to run() */

static int
prepare(struct context *context)
{
	const char *path = context->count == 0 ? "-" : context->arguments[0];

	/* Without -d it would be the file that agentlens-ingest writes, which
	 * nobody wants who only forgot it. */
	if (context->path == NULL) {
		warn("import: give the file to import into with -d");
		return EX_USAGE;
	}
	input = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (input != NULL)
		return -1;
	error_set(&context->error, "%s: %s", path, strerror(errno));
	return COMMAND_FAILED;
}

static int
run(struct context *context)
{
	struct import i = { .context = context,
		.database = context->database,
		.bound = engine_bound(timestamp_now()) };
	int result = prepare_queries(&i) == 0 ? import_lines(&i, input) : -1;

	close_queries(&i);
	for (int n = 0; n < COLUMNS_MAX; n++)
		text_free(&i.bytes[n]);
	free(i.text);
	if (input != stdin)
		fclose(input);
	if (result != 0)
		return COMMAND_FAILED;
	const struct imported imported = { i.rows[TABLE_EVENTS],
		i.rows[TABLE_DELIVERIES], i.rows[TABLE_PRUNED] };
	record_print(context, &imported_type, &imported);
	return COMMAND_GOOD;
}

const struct command command_import = {
	.name = "import",
	.usage = "[FILE]",
	.help = "what export wrote, into the file of -d",
	.options = options,
	.arguments_max = 1,
	.access = COMMAND_MAKES,
	.prepare = prepare,
	.run = run,
};
