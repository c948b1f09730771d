#include "reader/events.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ulid.h"
#include "reader/humanize.h"

/* An id begins with the time at which it was made, and an event is not later
 * than its id.  But AgentLens stores times of other machines, whose clocks may
 * differ by this much. */
#define CLOCKS_DIFFER_MS INT64_C(86400000)

/* How agentlens-ingest begins an event's metadata. */
static const char source_key[] = "{\"source\":\"";

struct json_object *
event_object(const char *text)
{
	struct json_object *object = NULL;
	struct json_error error;

	if (json_read(text, strlen(text), &object, &error) == 0 &&
	    json_is_object(object))
		return object;
	json_object_put(object);
	return NULL;
}

bool
event_is_webhook(const struct event_row *event)
{
	const char *metadata = event->columns.metadata;

	return strncmp(metadata, source_key, strlen(source_key)) == 0 &&
	    strstr(metadata, "\",\"webhookEvent\":\"") != NULL;
}

const char *
event_source(const struct event_row *event, struct text *out)
{
	const char *metadata = event->columns.metadata;
	const char *name = metadata + strlen(source_key);

	text_truncate(out, 0);
	if (strncmp(metadata, source_key, strlen(source_key)) == 0) {
		/* agentlens-ingest wrote it, so nothing in it is escaped. */
		size_t len = strcspn(name, "\"\\");
		if (name[len] == '"') {
			text_add(out, name, len);
			return text_string(out);
		}
	}
	struct json_object *object = event_object(metadata);
	const char *source = json_get_string(object, "source");
	text_puts(out, source == NULL ? "" : source);
	json_object_put(object);
	return text_string(out);
}

int64_t
event_time(const struct event_row *event, struct json_object *metadata)
{
	struct json_object *reported = json_get(metadata,
	    "reportedTimestamp");
	int64_t ms = -1;

	if (json_is_number(reported)) {
		double number = json_object_get_double(reported);
		if (number >= 0 && number <= (double)TIMESTAMP_MAX)
			ms = (int64_t)number;
	} else if (json_is_string(reported)) {
		ms = humanize_time(json_object_get_string(reported));
	}
	return ms >= 0 && ms <= TIMESTAMP_MAX ? ms :
	    humanize_time(event->columns.timestamp);
}

/* --- Filters ------------------------------------------------------------- */

static struct query *
open_filtered(struct database *database, const struct filter *filter,
    enum statement which)
{
	struct query *query = query_open(database, which);

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

/* The lowest beginning of an id that an event of this time or later can
 * have. */
static const char *
first_id(const char *since, char id[ULID_TIME_SIZE])
{
	int64_t ms = humanize_time(since) - CLOCKS_DIFFER_MS;

	if (*since == '\0' || ms < 0)
		return "";
	ulid_begin(ms, id);
	return id;
}

struct query *
filter_open(struct database *database, const struct filter *filter,
    enum filter_order order)
{
	/* Borrowed by the query. */
	static char lowest[ULID_TIME_SIZE];
	bool back = order == FILTER_NEWEST_FIRST;
	struct query *query = open_filtered(database, filter,
	    filter->session != NULL ? (back ? EVENTS_BY_SESSION_BACK :
	    EVENTS_BY_SESSION) :
	    back ? EVENTS_BY_ID_BACK : EVENTS_BY_ID);

	if (query != NULL && filter->session == NULL)
		query_bind_text(query, 7, first_id(filter->since, lowest));
	return query;
}

struct query *
filter_open_after(struct database *database, const struct filter *filter,
    int64_t rowid, const char *after_id)
{
	struct query *query = open_filtered(database, filter,
	    after_id != NULL ? EVENTS_AFTER_ID : EVENTS_AFTER_ROW);

	if (query != NULL && after_id != NULL)
		query_bind_text(query, 7, after_id);
	else if (query != NULL)
		query_bind_number(query, 7, rowid);
	return query;
}

bool
filter_has_content(const struct filter *filter)
{
	return filter->request != NULL || filter->action != NULL ||
	    filter->decider != NULL || filter->text != NULL;
}

static bool
fits(struct json_object *object, const char *name, const char *pattern)
{
	const char *value = json_get_string(object, name);

	return pattern == NULL || (value != NULL &&
	    fnmatch(pattern, value, 0) == 0);
}

/* Whether one of the names that an id of a request or a submission has in a
 * payload, or in the data of a custom event, has this value. */
static bool
is_about(struct json_object *payload, const char *id)
{
	struct json_object *data = json_get(payload, "data");
	const char *const values[] = {
		json_get_string(payload, "requestId"),
		json_get_string(payload, "submissionId"),
		json_get_string(data, "requestId"),
		json_get_string(data, "submissionId"),
		json_get_string(json_get(data, "request"), "id"),
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (values[i] != NULL && strcmp(values[i], id) == 0)
			return true;
	return false;
}

bool
filter_fits_content(const struct filter *filter, const struct event_row *event)
{
	if (filter->text != NULL &&
	    strcasestr(event->columns.payload, filter->text) == NULL &&
	    strcasestr(event->columns.metadata, filter->text) == NULL)
		return false;
	if (filter->request == NULL && filter->action == NULL &&
	    filter->decider == NULL)
		return true;
	struct json_object *payload = event_object(event->columns.payload);
	bool good = (filter->request == NULL ||
	    is_about(payload, filter->request)) &&
	    fits(payload, "action", filter->action) &&
	    fits(payload, "decidedBy", filter->decider);
	json_object_put(payload);
	return good;
}

int
filter_step(struct query *query, const struct filter *filter,
    struct event_row *event)
{
	struct text source = TEXT_EMPTY;
	int result;

	while ((result = query_step(query)) == 1) {
		event_row_read(event, query);
		if ((filter->source == NULL || strcmp(filter->source,
		    event_source(event, &source)) == 0) &&
		    filter_fits_content(filter, event))
			break;
	}
	text_free(&source);
	return result;
}

enum found
filter_find_tenant(struct database *database, struct filter *filter,
    struct text *tenants)
{
	int step, found = 0;

	if (filter->session == NULL)
		return FOUND_ONE;
	struct query *query = query_open(database, TENANTS_OF_SESSION);
	if (query == NULL)
		return FOUND_FAILED;
	query_bind_text(query, 1, filter->tenant);
	query_bind_text(query, 2, filter->session);
	while ((step = query_step(query)) == 1)
		text_printf(tenants, "%s%s", found++ == 0 ? "" : ", ",
		    query_text(query, 0));
	query_close(query);
	if (step < 0)
		return FOUND_FAILED;
	if (found == 1)
		filter->tenant = text_string(tenants);
	return found > 1 ? FOUND_SEVERAL : (enum found)found;
}

/* --- One event ----------------------------------------------------------- */

/* Whether another event has an id that begins so.  Returns 1, 0 or -1. */
static int
is_ambiguous(struct database *database, const char *id,
    const struct event_row *event)
{
	struct query *query = query_open(database, OTHER_BY_PREFIX);
	int step;

	if (query == NULL)
		return -1;
	query_bind_text(query, 1, id);
	query_bind_text(query, 2, event->columns.id);
	step = query_step(query);
	query_close(query);
	return step;
}

enum found
event_find(struct database *database, const char *id, struct query **query,
    struct event_row *event)
{
	*query = query_open(database, EVENT_BY_PREFIX);
	if (*query == NULL)
		return FOUND_FAILED;
	query_bind_text(*query, 1, id);
	int step = query_step(*query);
	if (step != 1)
		return (enum found)step;
	event_row_read(event, *query);
	if (strcmp(event->columns.id, id) == 0)
		return FOUND_ONE;
	switch (is_ambiguous(database, id, event)) {
	case 0:
		return FOUND_ONE;
	case 1:
		return FOUND_SEVERAL;
	default:
		return FOUND_FAILED;
	}
}

int
event_newest(struct database *database, int64_t *rowid, char **id)
{
	struct query *query = query_open(database, NEWEST_EVENT);
	int step = query == NULL ? -1 : query_step(query);

	*rowid = step == 1 ? query_number(query, 0) : 0;
	*id = step < 0 ? NULL : strdup(step == 1 &&
	    query_text(query, 1) != NULL ? query_text(query, 1) : "");
	query_close(query);
	return *id == NULL ? -1 : step;
}

int
event_is_at(struct database *database, int64_t rowid, const char *id)
{
	struct query *query = query_open(database, EVENT_AT_ROW);

	if (query == NULL)
		return -1;
	query_bind_number(query, 1, rowid);
	int step = query_step(query);
	if (step == 1)
		step = query_text(query, 0) != NULL &&
		    strcmp(query_text(query, 0), id) == 0;
	query_close(query);
	return step;
}

enum found
event_find_pruned(struct database *database, const char *id,
    struct text *pruned_at, struct text *session)
{
	struct query *query = query_open(database, PRUNED_EVENT);

	if (query == NULL)
		return FOUND_FAILED;
	query_bind_text(query, 1, id);
	int step = query_step(query);
	if (step == 1) {
		const char *texts[] = { query_text(query, 0),
			query_text(query, 1) };
		text_puts(pruned_at, texts[0] == NULL ? "" : texts[0]);
		text_puts(session, texts[1] == NULL ? "" : texts[1]);
	}
	query_close(query);
	return (enum found)step;
}

/* --- Sessions ------------------------------------------------------------ */

int
session_extent(struct database *database, const char *tenant,
    const char *session, struct session_extent *extent)
{
	struct query *query = query_open(database, SESSION_EXTENT);

	if (query == NULL)
		return -1;
	query_bind_text(query, 1, tenant);
	query_bind_text(query, 2, session);
	int step = query_step(query);
	if (step == 1) {
		extent->events = query_number(query, 0);
		query_copy_text(query, 1, extent->first,
		    sizeof(extent->first));
		query_copy_text(query, 2, extent->last,
		    sizeof(extent->last));
	}
	query_close(query);
	return step == 1 ? 0 : -1;
}

/* Opens a statement about an event and steps it once; the caller closes it. */
static struct query *
ask(struct database *database, enum statement statement,
    const struct event_row *event, int *step)
{
	struct query *query = query_open(database, statement);

	*step = -1;
	if (query == NULL)
		return NULL;
	query_bind_text(query, 1, event->tenant_id);
	query_bind_text(query, 2, event->columns.session_id);
	query_bind_text(query, 3, event->columns.timestamp);
	query_bind_text(query, 4, event->columns.id);
	*step = query_step(query);
	return query;
}

static int
ask_number(struct database *database, enum statement statement,
    const struct event_row *event, int64_t *number)
{
	int step;
	struct query *query = ask(database, statement, event, &step);

	*number = step == 1 ? query_number(query, 0) : 0;
	query_close(query);
	return step;
}

/* Finds the neighbour of an event, and whether it has `hash` in this column.
 * Without a neighbour *same is whether `hash` is NULL. */
static int
ask_neighbour(struct database *database, enum statement statement,
    const struct event_row *event, int column, const char *hash, char **id,
    bool *same)
{
	int step;
	struct query *query = ask(database, statement, event, &step);

	*same = step == 0 && hash == NULL;
	if (step == 1) {
		const char *theirs = query_text(query, column);
		*id = query_is_null(query, 0) ? NULL :
		    strdup(query_text(query, 0));
		*same = hash != NULL && theirs != NULL &&
		    strcmp(theirs, hash) == 0;
	}
	query_close(query);
	return step;
}

int
session_place_find(struct database *database, const struct event_row *event,
    struct session_place *place)
{
	enum { HASH = 2, PREV_HASH = 3 };
	struct session_extent extent;
	char hash[DIGEST_HEX_SIZE];

	*place = (struct session_place){ 0 };
	place->hash_good = event_hash(&event->columns, hash) == 0 &&
	    strcmp(hash, event->hash) == 0;
	if (session_extent(database, event->tenant_id,
	    event->columns.session_id, &extent) != 0 ||
	    ask_number(database, SESSION_PLACE, event, &place->number) < 0 ||
	    ask_neighbour(database, EVENT_BEFORE, event, HASH,
	    event->columns.prev_hash, &place->previous, &place->linked) < 0 ||
	    ask_neighbour(database, EVENT_BEHIND, event, PREV_HASH,
	    event->hash, &place->next, &place->next_linked) < 0)
		return -1;
	place->count = extent.events;
	place->next_linked |= place->next == NULL;
	return 0;
}

void
session_place_free(struct session_place *place)
{
	free(place->previous);
	free(place->next);
	*place = (struct session_place){ 0 };
}
