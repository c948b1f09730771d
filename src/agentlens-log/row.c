#include "row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "words.h"

/* An event's time is settled when its id is minted, and never after it but by
 * clocks that differ: AgentLens takes times of other machines. */
#define CLOCKS_DIFFER_MS INT64_C(86400000)

/* How often the whole table of deliveries is searched. */
#define SEARCHES_MAX 4

static const char *
text_of(struct query *query, int column)
{
	const char *text = query_text(query, column);
	return text == NULL ? "" : text;
}

void
row_read(struct query *query, struct row *row)
{
	*row = (struct row){
		.id = text_of(query, 0),
		.timestamp = text_of(query, 1),
		.session = text_of(query, 2),
		.agent = text_of(query, 3),
		.type = text_of(query, 4),
		.severity = text_of(query, 5),
		.payload = text_of(query, 6),
		.metadata = text_of(query, 7),
		.prev_hash = query_text(query, 8),
		.hash = text_of(query, 9),
		.tenant = text_of(query, 10),
		.rowid = query_number(query, 11),
	};
}

void
row_add_json(struct text *out, const struct row *row)
{
	output_json_text(out, "id", row->id);
	output_json_text(out, "timestamp", row->timestamp);
	output_json_text(out, "sessionId", row->session);
	output_json_text(out, "agentId", row->agent);
	output_json_text(out, "eventType", row->type);
	output_json_text(out, "severity", row->severity);
	output_json_raw(out, "payload", row->payload);
	output_json_raw(out, "metadata", row->metadata);
	output_json_text(out, "prevHash", row->prev_hash);
	output_json_text(out, "hash", row->hash);
	output_json_text(out, "tenantId", row->tenant);
}

struct json_object *
row_object(const char *text)
{
	struct json_object *object = NULL;
	struct json_error error;

	if (json_read(text, strlen(text), &object, &error) == 0 &&
	    json_is_object(object))
		return object;
	json_object_put(object);
	return NULL;
}

const char *
row_source(const struct row *row, struct text *out)
{
	static const char begin[] = "{\"source\":\"";
	const char *name = row->metadata + strlen(begin);

	out->len = 0;
	if (strncmp(row->metadata, begin, strlen(begin)) == 0) {
		/* As agentlens-ingest writes it: nothing to be unescaped. */
		size_t len = strcspn(name, "\"\\");
		if (name[len] == '"') {
			text_add(out, name, len);
			return text_string(out);
		}
	}
	struct json_object *metadata = row_object(row->metadata);
	const char *source = json_get_string(metadata, "source");
	text_puts(out, source == NULL ? "" : source);
	json_object_put(metadata);
	return text_string(out);
}

int64_t
row_time(const struct row *row, struct json_object *metadata)
{
	struct json_object *reported = json_get(metadata,
	    "reportedTimestamp");
	int64_t ms = -1;

	if (json_is_number(reported))
		ms = (int64_t)json_object_get_double(reported);
	else if (json_is_string(reported))
		ms = words_time(json_object_get_string(reported));
	return ms >= 0 && ms <= TIMESTAMP_MAX ? ms : words_time(row->timestamp);
}

/* --- Filters ------------------------------------------------------------- */

#define SELECT "SELECT " ROW_COLUMNS " FROM events WHERE "
#define CONDITIONS " AND (?2 IS NULL OR agent_id = ?2)" \
	" AND (?3 IS NULL OR event_type GLOB ?3)" \
	" AND (?4 IS NULL OR timestamp >= ?4)" \
	" AND (?5 IS NULL OR timestamp <= ?5)"

enum statement {
	BY_ID,
	BY_ID_BACK,
	BY_SESSION,
	BY_SESSION_BACK,
	AFTER_ROW,
	AFTER_ID
};

/* ?1 tenant, ?2 agent, ?3 type, ?4 since, ?5 until, ?6 session, ?7 an id or
 * a row. */
static const char *const sql[] = {
	[BY_ID] = SELECT "id >= ?7 AND (?1 IS NULL OR tenant_id = ?1)"
	    CONDITIONS " ORDER BY id",
	[BY_ID_BACK] = SELECT "id >= ?7 AND (?1 IS NULL OR tenant_id = ?1)"
	    CONDITIONS " ORDER BY id DESC",
	[BY_SESSION] = SELECT "tenant_id = ?1 AND session_id = ?6"
	    CONDITIONS " ORDER BY timestamp, id",
	[BY_SESSION_BACK] = SELECT "tenant_id = ?1 AND session_id = ?6"
	    CONDITIONS " ORDER BY timestamp DESC, id DESC",
	[AFTER_ROW] = SELECT "rowid > ?7 AND (?1 IS NULL OR tenant_id = ?1)"
	    " AND (?6 IS NULL OR session_id = ?6)" CONDITIONS
	    " ORDER BY rowid",
	[AFTER_ID] = SELECT "id > ?7 AND (?1 IS NULL OR tenant_id = ?1)"
	    " AND (?6 IS NULL OR session_id = ?6)" CONDITIONS
	    " ORDER BY id",
};

static struct query *
open_filtered(struct database *database, const struct filter *filter,
    enum statement which)
{
	struct query *query = query_open(database, sql[which]);

	if (query == NULL)
		return NULL;
	query_bind_text(query, 1, filter->tenant);
	query_bind_text(query, 2, filter->agent);
	query_bind_text(query, 3, filter->type);
	query_bind_text(query, 4, filter->since[0] == '\0' ? NULL :
	    filter->since);
	query_bind_text(query, 5, filter->until[0] == '\0' ? NULL :
	    filter->until);
	query_bind_text(query, 6, filter->session);
	return query;
}

/* The beginning of all ids that were minted at this time or later. */
static const char *
first_id(const char *since, char id[ULID_SIZE])
{
	int64_t ms = words_time(since) - CLOCKS_DIFFER_MS;

	if (*since == '\0' || ms < 0 || ulid_mint(ms, "", id) != 0)
		return "";
	id[10] = '\0';
	return id;
}

struct query *
filter_open(struct database *database, const struct filter *filter,
    enum filter_order order)
{
	/* Borrowed by the query. */
	static char lowest[ULID_SIZE];
	bool back = order == FILTER_NEWEST_FIRST;
	struct query *query = open_filtered(database, filter,
	    filter->session != NULL ? (back ? BY_SESSION_BACK : BY_SESSION) :
	    back ? BY_ID_BACK : BY_ID);

	if (query != NULL && filter->session == NULL)
		query_bind_text(query, 7, first_id(filter->since, lowest));
	return query;
}

struct query *
filter_open_after(struct database *database, const struct filter *filter,
    int64_t rowid, const char *after_id)
{
	struct query *query = open_filtered(database, filter,
	    after_id != NULL ? AFTER_ID : AFTER_ROW);

	if (query != NULL && after_id != NULL)
		query_bind_text(query, 7, after_id);
	else if (query != NULL)
		query_bind_number(query, 7, rowid);
	return query;
}

int
filter_step(struct query *query, const struct filter *filter, struct row *row)
{
	struct text source = TEXT_EMPTY;
	int result;

	while ((result = query_step(query)) == 1) {
		row_read(query, row);
		if (filter->source == NULL || strcmp(filter->source,
		    row_source(row, &source)) == 0)
			break;
	}
	text_free(&source);
	return result;
}

int
filter_find_tenant(struct database *database, struct filter *filter,
    struct text *tenant)
{
	/* From tenant to tenant in the index of the chain, for there are few
	 * of them, and of each whether it has the session. */
	static const char find[] = "WITH RECURSIVE tenants(name) AS ("
	    " SELECT min(tenant_id) FROM events UNION ALL"
	    " SELECT (SELECT min(tenant_id) FROM events"
	    " WHERE tenant_id > tenants.name)"
	    " FROM tenants WHERE tenants.name IS NOT NULL)"
	    " SELECT name FROM tenants WHERE name IS NOT NULL"
	    " AND (?1 IS NULL OR name = ?1) AND EXISTS (SELECT 1 FROM events"
	    " WHERE tenant_id = tenants.name AND session_id = ?2)";
	int step, found = 0;

	if (filter->session == NULL)
		return 1;
	struct query *query = query_open(database, find);
	if (query == NULL)
		return -1;
	query_bind_text(query, 1, filter->tenant);
	query_bind_text(query, 2, filter->session);
	while ((step = query_step(query)) == 1) {
		text_puts(tenant, found++ == 0 ? "" : ", ");
		text_puts(tenant, query_text(query, 0));
	}
	query_close(query);
	if (step < 0)
		return -1;
	if (found == 0)
		complain("there is no session '%s'", filter->session);
	if (found > 1) {
		complain("several tenants have a session '%s': %s; pick one "
		    "with --tenant", filter->session, text_string(tenant));
		return 2;
	}
	if (found == 1)
		filter->tenant = text_string(tenant);
	return found;
}

/* All ids that begin with ?1: the highest character follows. */
#define BEGINS_SO "id < ?1 || char(1114111)"

/* Whether another id than the row's begins so. */
static int
is_ambiguous(struct database *database, const char *id, const struct row *row)
{
	struct query *query = query_open(database, "SELECT 1 FROM events"
	    " WHERE " BEGINS_SO " AND id > ?2 LIMIT 1");
	int step;

	if (query == NULL)
		return -1;
	query_bind_text(query, 1, id);
	query_bind_text(query, 2, row->id);
	step = query_step(query);
	query_close(query);
	return step;
}

int
row_find(struct database *database, const char *id, struct query **query,
    struct row *row)
{
	int step, others;

	*query = query_open(database, SELECT BEGINS_SO " AND id >= ?1"
	    " ORDER BY id LIMIT 1");
	if (*query == NULL)
		return -1;
	query_bind_text(*query, 1, id);
	step = query_step(*query);
	if (step != 1)
		return step;
	row_read(*query, row);
	if (strcmp(row->id, id) == 0)
		return 1;
	others = is_ambiguous(database, id, row);
	if (others == 0)
		return 1;
	if (others < 0)
		return -1;
	complain("several events have ids that begin with '%s'", id);
	return 2;
}

/* --- Deliveries ---------------------------------------------------------- */

#define DELIVERY "SELECT id, event_id, source, received_at, remote_addr," \
	" signature, reason, body FROM ingest_deliveries WHERE "

enum receipts_statement {
	LAST,
	AT_OR_AFTER,
	NUMBERED,
	ANYWHERE,
	RECEIPTS_STATEMENTS
};

static const char *const receipts_sql[RECEIPTS_STATEMENTS] = {
	[LAST] = "SELECT max(id) FROM ingest_deliveries",
	[AT_OR_AFTER] = "SELECT id, event_id FROM ingest_deliveries"
	    " WHERE id >= ?1 AND id <= ?2 AND event_id IS NOT NULL"
	    " ORDER BY id LIMIT 1",
	[NUMBERED] = DELIVERY "id = ?1",
	[ANYWHERE] = DELIVERY "event_id = ?1",
};

struct receipts {
	struct query *queries[RECEIPTS_STATEMENTS];
	struct query *open; /* whose row the caller borrows */
	int64_t next;       /* where the next event's should be */
	int searches;
};

struct receipts *
receipts_open(struct database *database)
{
	struct receipts *receipts = calloc(1, sizeof(*receipts));

	for (int i = 0; receipts != NULL && i < RECEIPTS_STATEMENTS; i++) {
		receipts->queries[i] = query_open(database, receipts_sql[i]);
		if (receipts->queries[i] == NULL) {
			receipts_close(receipts);
			receipts = NULL;
		}
	}
	return receipts;
}

/*
 * The first delivery from `low` to `high` that has an event.  Returns how its
 * event compares with the one that is looked for, as strcmp() does, with its
 * number; 1 when there is none.  Where the table cannot be read the search is
 * to end: 0, with the number -1.
 */
static int
compare_at(struct receipts *receipts, int64_t low, int64_t high,
    const char *event_id, int64_t *number)
{
	struct query *query = receipts->queries[AT_OR_AFTER];
	int result = 1;

	query_bind_number(query, 1, low);
	query_bind_number(query, 2, high);
	int step = query_step(query);
	if (step == 1) {
		*number = query_number(query, 0);
		result = strcmp(text_of(query, 1), event_id);
	} else if (step < 0) {
		*number = -1;
		result = 0;
	}
	query_reset(query);
	return result;
}

/* The number of the event's delivery; 0 when the search goes astray, or -1. */
static int64_t
search(struct receipts *receipts, const char *event_id)
{
	struct query *last = receipts->queries[LAST];
	int64_t low = 1, high = 0, number = 0;

	if (compare_at(receipts, receipts->next, receipts->next + 1, event_id,
	    &number) == 0)
		return number;
	int step = query_step(last);
	if (step == 1)
		high = query_number(last, 0);
	query_reset(last);
	if (step < 0)
		return -1;
	while (low <= high) {
		int64_t middle = low + (high - low) / 2;
		int order = compare_at(receipts, middle, high, event_id,
		    &number);
		if (order == 0)
			return number;
		if (order < 0)
			low = number + 1;
		else
			high = middle - 1;
	}
	return 0;
}

int
receipts_find(struct receipts *receipts, const char *event_id,
    struct delivery_row *row)
{
	if (receipts->open != NULL)
		query_reset(receipts->open);
	receipts->open = NULL;
	int64_t number = search(receipts, event_id);
	if (number < 0)
		return -1;
	if (number == 0 && receipts->searches++ >= SEARCHES_MAX)
		return 0;
	struct query *query = receipts->queries[number != 0 ? NUMBERED :
	    ANYWHERE];

	receipts->open = query;
	if (number != 0)
		query_bind_number(query, 1, number);
	else
		query_bind_text(query, 1, event_id);
	int step = query_step(query);
	if (step != 1)
		return step;
	size_t len;
	const void *body = query_bytes(query, 7, &len);
	*row = (struct delivery_row){
		.number = query_number(query, 0),
		.source = text_of(query, 2),
		.received_at = text_of(query, 3),
		.remote_addr = query_text(query, 4),
		.signature = query_text(query, 5),
		.reason = query_text(query, 6),
		.body = body,
		.body_len = len,
	};
	receipts->next = row->number + 1;
	return 1;
}

void
receipts_close(struct receipts *receipts)
{
	if (receipts == NULL)
		return;
	for (int i = 0; i < RECEIPTS_STATEMENTS; i++)
		query_close(receipts->queries[i]);
	free(receipts);
}
