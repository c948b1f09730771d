#include "audit/remap.h"

#include <stdio.h>
#include <string.h>

#include "audit/examination.h"
#include "base/timestamp.h"
#include "base/ulid.h"
#include "reader/events.h"

int
remap_open(struct remap *remap, struct database *database,
    struct findings *findings, const struct settings *settings)
{
	*remap = (struct remap){ .findings = findings, .settings = settings };
	remap->needs_deliveries =
	    database_has(database, "ingest_deliveries") ||
	    database_has(database, "idx_ingest_chain");
	remap->before = query_open(database, EVENT_BEFORE);
	remap->kept = query_open(database, PRUNED_DELIVERY);
	return remap->before == NULL || remap->kept == NULL ? -1 : 0;
}

void
remap_close(struct remap *remap)
{
	query_close(remap->before);
	query_close(remap->kept);
}

/* --- The event against its delivery -------------------------------------- */

/* One way in which one column could have been. */
struct candidate {
	const char *field;
	size_t offset; /* in struct event_columns */
	const char *value;
};

#define COLUMN(member) offsetof(struct event_columns, member)
#define CANDIDATES 16

static const char *
value_of(const struct event_columns *columns, size_t offset)
{
	return *(const char *const *)((const char *)columns + offset);
}

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* `hash` is what the event comes to. */
static void
blame_hash(struct remap *remap, const struct event_row *event,
    enum finding_weight weight, const char *hash)
{
	examination_blame_event(remap, weight, event, "events", "hash",
	    "the event does not come to it", hash, event->hash);
}

/* What each column should be, as the delivery has it or, for the link, the
 * event before.  The timestamp has up to three candidates.  Returns how
 * many. */
static int
list_candidates(const struct examination *x, const char *before_timestamp,
    const char *before_hash, char times[2][TIMESTAMP_SIZE],
    struct candidate list[CANDIDATES])
{
	const struct event *made = &x->conversion.event;
	const struct text *metadata = made->stored_metadata != NULL ?
	    made->stored_metadata : &made->metadata;
	int64_t minted = ulid_time(x->event->columns.id);
	int n = 0;

	if (made->reported.len > 0) {
		timestamp_format(made->time, times[0]);
		list[n++] = (struct candidate){ "timestamp",
			COLUMN(timestamp), times[0] };
	}
	if (minted >= 0) {
		timestamp_format(minted, times[1]);
		list[n++] = (struct candidate){ "timestamp",
			COLUMN(timestamp), times[1] };
	}
	if (before_timestamp != NULL)
		list[n++] = (struct candidate){ "timestamp",
			COLUMN(timestamp), before_timestamp };
	const struct candidate rest[] = {
		{ "prev_hash", COLUMN(prev_hash), before_hash },
		{ "severity", COLUMN(severity), EVENT_SEVERITY },
		{ "session_id", COLUMN(session_id), made->session_id },
		{ "agent_id", COLUMN(agent_id), made->agent_id },
		{ "event_type", COLUMN(event_type), made->type->name },
		{ "payload", COLUMN(payload), text_string(&made->payload) },
		{ "metadata", COLUMN(metadata), text_string(metadata) },
	};
	memcpy(&list[n], rest, sizeof(rest));
	return n + (int)(sizeof(rest) / sizeof(rest[0]));
}

/* The one column that, put right, brings the hash back; or NULL. */
static const struct candidate *
find_changed(const struct event_row *event, const struct candidate *list,
    int count)
{
	char hash[DIGEST_HEX_SIZE];

	for (int i = 0; i < count; i++) {
		struct event_columns columns = event->columns;
		memcpy((char *)&columns + list[i].offset, &list[i].value,
		    sizeof(list[i].value));
		if (event_hash(&columns, hash) == 0 &&
		    strcmp(hash, event->hash) == 0)
			return &list[i];
	}
	return NULL;
}

/* The first column that is not what the body maps to. */
static const struct candidate *
find_difference(const struct event_row *event, const struct candidate *list,
    int count)
{
	for (int i = 0; i < count; i++)
		if (list[i].offset != COLUMN(timestamp) &&
		    list[i].offset != COLUMN(prev_hash) &&
		    !is_same(value_of(&event->columns, list[i].offset),
		    list[i].value))
			return &list[i];
	return NULL;
}

/* The event does not come to its hash: finds the column that was changed. */
static void
blame_event(struct remap *remap, const struct examination *x,
    const struct candidate *list, int count, const char *hash)
{
	const struct event_row *event = x->event;
	const struct candidate *c = find_changed(event, list, count);

	if (c != NULL) {
		examination_blame_event(remap, FINDING_FIELD, event, "events",
		    c->field, "with another value the event comes to its hash",
		    c->value, value_of(&event->columns, c->offset));
		return;
	}
	c = find_difference(event, list, count);
	if (c != NULL)
		examination_blame_event(remap, FINDING_HASH, event, "events",
		    c->field,
		    "it is not what its delivery maps to, nor does the event "
		    "come to its hash",
		    c->value, value_of(&event->columns, c->offset));
	else
		blame_hash(remap, event, FINDING_FIELD, hash);
}

/* The event comes to its hash, so it is the delivery that was changed. */
static void
blame_mapping(struct remap *remap, const struct examination *x,
    const struct candidate *list, int count)
{
	const struct candidate *c = find_difference(x->event, list, count);
	const char *field = "body";
	char reason[128];

	if (!examination_names_source(x->event, x->row->source))
		field = "source";
	else if (x->key_good)
		field = "event_id";
	snprintf(reason, sizeof(reason), "it maps to another event than its "
	    "own, which has another %s", c == NULL ? "hash" : c->field);
	examination_blame_delivery(remap, x, field, reason, c == NULL ? NULL :
	    value_of(&x->event->columns, c->offset),
	    c == NULL ? NULL : c->value);
}

/* Columns that the hash is not over, and that are the same for all. */
struct constant {
	const char *field;
	const char *expected;
	const char *found;
};

#define CONSTANTS 4

static void
list_constants(const struct event_row *event,
    struct constant columns[CONSTANTS])
{
	const struct constant all[CONSTANTS] = {
		{ "verified_agent_id", NULL, event->verified_agent_id },
		{ "pricing_version", NULL, event->pricing_version },
		{ "org_id", "default", event->org_id },
		{ "project_id", event->tenant_id, event->project_id },
	};
	memcpy(columns, all, sizeof(all));
}

static bool
has_constants(const struct event_row *event)
{
	struct constant columns[CONSTANTS];
	bool same = true;

	list_constants(event, columns);
	for (int i = 0; i < CONSTANTS; i++)
		same &= is_same(columns[i].expected, columns[i].found);
	return same;
}

static void
check_constants(struct remap *remap, const struct examination *x)
{
	const struct event_row *event = x->event;
	struct constant columns[CONSTANTS];

	list_constants(event, columns);
	for (int i = 0; i < CONSTANTS; i++) {
		const char *field = columns[i].field;
		if (is_same(columns[i].expected, columns[i].found))
			continue;
		/* Tenant and project are one value twice; the settings tell
			 * which of the two was changed. */
		if (strcmp(field, "project_id") == 0 && x->source != NULL &&
		    remap->settings != NULL && strcmp(event->project_id,
		    remap->settings->tenants[x->source->id]) == 0)
			examination_blame_event(remap, FINDING_FIELD, event,
			    "events", "tenant_id", "it is not the project",
			    event->project_id, event->tenant_id);
		else
			examination_blame_event(remap, FINDING_FIELD, event,
			    "events", field,
			    "agentlens-ingest writes another value",
			    columns[i].expected, columns[i].found);
	}
}

/* Whether the body maps to the event's hash, given the stored one's id, time
 * and link.  The time is moved as the responder moved it. */
static bool
maps_to_hash(struct examination *x)
{
	const struct event_columns *columns = &x->event->columns;
	struct event *made = &x->conversion.event;
	int64_t ms;

	return timestamp_parse(columns->timestamp, strlen(columns->timestamp),
	    &ms) == 0 && event_seal(made, columns->id, ms, columns->timestamp,
	    columns->prev_hash) == 0 && strcmp(made->hash, x->event->hash) ==
	    0;
}

/* The same of an event that comes to its hash: with the same columns it is
 * the same hash, which need not be computed once more. */
static bool
maps_to_columns(struct examination *x)
{
	const struct event_columns *columns = &x->event->columns;
	struct event *made = &x->conversion.event;
	int64_t ms;

	return timestamp_parse(columns->timestamp, strlen(columns->timestamp),
	    &ms) == 0 && event_settle(made, columns->id, ms,
	    columns->timestamp) == 0 &&
	    strcmp(made->timestamp, columns->timestamp) == 0 &&
	    strcmp(made->session_id, columns->session_id) == 0 &&
	    strcmp(made->agent_id, columns->agent_id) == 0 &&
	    strcmp(made->type->name, columns->event_type) == 0 &&
	    strcmp(EVENT_SEVERITY, columns->severity) == 0 &&
	    strcmp(text_string(&made->payload), columns->payload) == 0 &&
	    strcmp(text_string(made->stored_metadata), columns->metadata) ==
	    0;
}

static int
blame(struct remap *remap, struct examination *x, const char *hash,
    bool intact)
{
	const struct event_row *event = x->event;
	struct candidate list[CANDIDATES];
	char times[2][TIMESTAMP_SIZE];
	struct query *before = remap->before;

	query_bind_text(before, 1, event->tenant_id);
	query_bind_text(before, 2, event->columns.session_id);
	query_bind_text(before, 3, event->columns.timestamp);
	query_bind_text(before, 4, event->columns.id);
	int step = query_step(before);
	int count = list_candidates(x, step == 1 ? query_text(before, 1) :
	    NULL, step == 1 ? query_text(before, 2) : NULL, times, list);
	if (step >= 0 && intact)
		blame_mapping(remap, x, list, count);
	else if (step >= 0)
		blame_event(remap, x, list, count, hash);
	query_reset(before);
	return step < 0 ? -1 : 0;
}

/* What the delivery says, when it can be mapped at all. */
static int
compare(struct remap *remap, struct examination *x, const char *hash,
    bool intact)
{
	bool maps = x->refusal.code == REFUSAL_NONE &&
	    (intact ? maps_to_columns(x) : maps_to_hash(x));
	struct text sentence = TEXT_EMPTY;
	int result = 0;

	if (!intact && x->refusal.code == REFUSAL_NONE)
		return blame(remap, x, hash, false);
	if (!intact)
		blame_hash(remap, x->event, FINDING_HASH, hash);
	if (!examination_check_parts(remap, x, maps))
		return 0;
	if (x->refusal.code == REFUSAL_NONE && maps) {
		examination_check_sent_at(remap, x);
	} else if (x->refusal.code == REFUSAL_NONE) {
		result = blame(remap, x, hash, true);
	} else {
		text_puts(&sentence, "it is refused: ");
		refusal_write(&x->refusal, &sentence);
		examination_blame_delivery(remap, x, "body",
		    text_string(&sentence), NULL, NULL);
		text_free(&sentence);
	}
	return result;
}

/* Whether a delivery came by a sender's path: it cannot be mapped again, since
 * the headers that its event was made of are not kept. */
static bool
is_senders(const struct remap *remap, const struct delivery_row *row,
    const struct event_row *event)
{
	const struct source *source = source_named(row->source);

	if (source != NULL)
		return source_has_path(source);
	/* One's own senders may have left the settings. */
	return (remap->settings != NULL &&
	    own_senders_find(&remap->settings->own, row->source) != NULL) ||
	    (event != NULL && event_is_webhook(event) &&
	    examination_names_source(event, row->source));
}

/* What can be said of one without its headers. */
static int
examine_senders(struct remap *remap, const struct examination *x,
    const char *hash, bool intact)
{
	remap->unchecked++;
	if (!intact)
		blame_hash(remap, x->event, FINDING_HASH, hash);
	check_constants(remap, x);
	if (!examination_names_source(x->event, x->row->source))
		examination_blame_delivery(remap, x, "source",
		    "it is not that of its event", NULL, x->row->source);
	return 0;
}

static int
examine(struct remap *remap, const struct entry *entry, const char *hash,
    bool intact)
{
	struct examination x = { .row = entry->delivery,
		.event = &entry->event };
	int result = 0;

	if (x.row->body.len == 0) {
		if (!intact)
			blame_hash(remap, x.event, FINDING_HASH, hash);
		return examination_check_pruned(remap, &x);
	}
	if (is_senders(remap, x.row, x.event))
		return examine_senders(remap, &x, hash, intact);
	examination_open(remap, &x);
	examination_count(remap, &x);
	if (x.source == NULL) {
		examination_blame_delivery(remap, &x, "source",
		    "there is no such source", NULL,
		    x.row->source);
	} else {
		check_constants(remap, &x);
		result = compare(remap, &x, hash, intact);
	}
	examination_close(&x);
	return result;
}

/* Whether nothing is wrong with a delivery and its event.  Says no rather than
 * too little: who calls then looks for the finding step by step. */
static bool
is_sound(struct examination *x)
{
	bool parts = x->signature == MARK_UNSIGNED ? x->row->key.data == NULL &&
	    !x->source->signature_required : x->key_good &&
	    x->signature != MARK_WRONG;

	return parts && x->refusal.code == REFUSAL_NONE &&
	    envelope_sent_at(x->json) == x->row->sent_at &&
	    maps_to_columns(x);
}

enum remap_look
remap_look(const struct remap *remap, const struct entry *entry)
{
	const struct event_row *event = &entry->event;
	struct examination x = { .row = entry->delivery, .event = event };
	char hash[DIGEST_HEX_SIZE];

	if (event->odd != NULL || event_hash(&event->columns, hash) != 0 ||
	    strcmp(hash, event->hash) != 0)
		return REMAP_DOUBTFUL;
	if (entry->delivery == NULL)
		return remap->needs_deliveries &&
		    event_is_webhook(event) ? REMAP_DOUBTFUL :
		    REMAP_ALONE;
	if (entry->delivery->body.len == 0 || !has_constants(event))
		return REMAP_DOUBTFUL;
	if (is_senders(remap, entry->delivery, event))
		return examination_names_source(event,
		    entry->delivery->source) ? REMAP_UNCHECKED :
		    REMAP_DOUBTFUL;
	examination_open(remap, &x);
	enum remap_look look = x.source == NULL || !is_sound(&x) ?
	    REMAP_DOUBTFUL : x.signature == MARK_GOOD ? REMAP_SIGNED :
	    x.signature == MARK_NOT_CHECKED ? REMAP_UNCHECKED : REMAP_SOUND;
	examination_close(&x);
	return look;
}

void
remap_order(struct remap *remap, const struct entry *entry)
{
	if (entry->delivery != NULL && entry->in_order)
		examination_check_received(remap, &(struct examination){
		    .row = entry->delivery, .event = &entry->event });
}

static int
find_what_is_wrong(struct remap *remap, const struct entry *entry)
{
	const struct event_row *event = &entry->event;
	char hash[DIGEST_HEX_SIZE] = "";

	if (event_hash(&event->columns, hash) != 0)
		return -1;
	bool intact = strcmp(hash, event->hash) == 0;
	if (event->odd != NULL)
		examination_blame_event(remap, FINDING_FIELD, event, "events",
		    event->odd, "it is not kept as text", NULL, NULL);
	if (entry->delivery != NULL)
		return examine(remap, entry, hash, intact);
	if (!intact)
		blame_hash(remap, event, FINDING_HASH, hash);
	if (remap->needs_deliveries && event_is_webhook(event))
		examination_blame_event(remap,
		    intact ? FINDING_FIELD : FINDING_HASH, event,
		    "ingest_deliveries", NULL,
		    "there is no delivery of this event", NULL, NULL);
	return 0;
}

int
remap_entry(struct remap *remap, const struct entry *entry,
    enum remap_look look)
{
	if (look == REMAP_DOUBTFUL)
		return find_what_is_wrong(remap, entry);
	remap->mapped += look != REMAP_ALONE;
	remap->checked += look == REMAP_SIGNED;
	remap->unchecked += look == REMAP_UNCHECKED;
	return 0;
}

/* --- Deliveries without an event ----------------------------------------- */

/* The code of the refusal that the responder gave, and would give again. */
static void
check_reason(struct remap *remap, const struct examination *x)
{
	const char *reason = x->row->reason == NULL ? "" : x->row->reason;
	enum refusal_code code = refusal_code_of(reason);

	/* Why these were refused was not in the body alone. */
	if (code == REFUSAL_KEY_REUSED || code == REFUSAL_SOURCE_MISMATCH ||
	    code == REFUSAL_NO_SOURCE)
		return;
	if (code != REFUSAL_NONE && code == x->refusal.code)
		return;
	if (code == REFUSAL_UNKNOWN_EVENT && x->refusal.code == REFUSAL_NONE)
		remap->known_now++;
	else
		examination_blame_delivery(remap, x, "reason",
		    "it is not why this body is refused", x->refusal.code ==
		    REFUSAL_NONE ? NULL : refusal_name(x->refusal.code),
		    reason);
}

int
remap_refused(struct remap *remap, const struct delivery_row *row)
{
	struct examination x = { .row = row };
	int64_t received;

	if (examination_read_received(remap, &x, &received)) {
		if (received > timestamp_now() + EXAMINATION_SLACK_MS)
			examination_blame_delivery(remap, &x, "received_at",
			    "it is still to come", NULL, row->received_at);
		else if (received > remap->last_received)
			remap->last_received = received;
	}
	if (row->body.len == 0)
		return examination_check_pruned(remap, &x);
	if (is_senders(remap, row, NULL)) {
		remap->unchecked++;
		return 0;
	}
	examination_open(remap, &x);
	examination_count(remap, &x);
	if (x.source == NULL) {
		examination_blame_delivery(remap, &x, "source",
		    "there is no such source", NULL,
		    row->source);
	} else if (row->signature == NULL) {
		examination_blame_delivery(remap, &x, "signature", "what comes "
		    "unsigned and is refused is not kept", NULL, NULL);
	} else if (examination_check_parts(remap, &x, false)) {
		check_reason(remap, &x);
		examination_check_sent_at(remap, &x);
	}
	examination_close(&x);
	return 0;
}

void
remap_session(const struct delivery_row *row,
    char session_id[EVENT_SESSION_SIZE])
{
	struct examination x = { .row = row };
	struct json_error error;

	*session_id = '\0';
	x.source = source_named(row->source);
	if (x.source != NULL && row->body.len > 0 &&
	    json_read((const char *)row->body.data, row->body.len, &x.json,
	    &error) == 0 && json_is_object(x.json) &&
	    delivery_convert(&x.conversion, x.source, x.json,
	    row->signature != NULL, "", &x.refusal) == REFUSAL_NONE &&
	    row->event_id != NULL)
		event_session(&x.conversion.event, row->event_id, session_id);
	examination_close(&x);
}
