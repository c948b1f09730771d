#include "recheck.h"

#include <stdio.h>
#include <string.h>

#include "ingest.h"
#include "json.h"
#include "reply.h"
#include "source.h"
#include "timestamp.h"
#include "ulid.h"

/* How long after its event, at most, a delivery is kept. */
#define SLACK_MS 60000

enum verdict {
	UNSIGNED,
	GOOD,
	BAD,
	UNKNOWN /* no secret is at hand */
};

/* One delivery under examination. */
struct examination {
	const struct delivery_row *row;
	const struct event_row *event; /* or NULL: refused */
	const struct source *source;
	enum verdict signature;
	bool key_good;
	struct json_object *json;
	struct conversion conversion;
	struct reply reply;
	enum reply_kind kind; /* what the mapping said */
};

int
recheck_open(struct recheck *recheck, struct database *database,
    struct faults *faults, const struct settings *settings)
{
	*recheck = (struct recheck){ .faults = faults, .settings = settings };
	recheck->needs_deliveries =
	    database_has(database, "ingest_deliveries") ||
	    database_has(database, "idx_ingest_chain");
	recheck->before = query_open(database, "SELECT timestamp, hash"
	    " FROM events WHERE tenant_id = ?1 AND session_id = ?2"
	    " AND (timestamp, id) < (?3, ?4)"
	    " ORDER BY timestamp DESC, id DESC LIMIT 1");
	recheck->kept = query_open(database,
	    "SELECT 1 FROM ingest_pruned WHERE delivery_id = ?1");
	return recheck->before == NULL || recheck->kept == NULL ? -1 : 0;
}

void
recheck_close(struct recheck *recheck)
{
	query_close(recheck->before);
	query_close(recheck->kept);
}

/* --- Faults -------------------------------------------------------------- */

static void
add_fault(struct recheck *recheck, enum fault_weight weight,
    const struct event_row *event, const char *table, const char *field,
    const char *reason, const char *expected, const char *found)
{
	faults_add(recheck->faults, &(struct fault){
	    .weight = weight,
	    .tenant_id = event->tenant_id,
	    .session_id = event->columns.session_id,
	    .timestamp = event->columns.timestamp,
	    .event_id = event->columns.id,
	    .table = table,
	    .field = field,
	    .reason = reason,
	    .expected = expected,
	    .found = found,
	});
}

/* Of a delivery: with its event, or by its number where it has none. */
static void
blame_delivery(struct recheck *recheck, const struct examination *x,
    const char *field, const char *what, const char *expected,
    const char *found)
{
	char reason[512];

	snprintf(reason, sizeof(reason), "delivery %lld: %s",
	    (long long)x->row->id, what);
	if (x->event != NULL) {
		add_fault(recheck, FAULT_FIELD, x->event, "ingest_deliveries",
		    field, reason, expected, found);
		return;
	}
	faults_add(recheck->faults, &(struct fault){
	    .weight = FAULT_FIELD, .table = "ingest_deliveries",
	    .field = field, .reason = reason, .expected = expected,
	    .found = found,
	});
}

/* --- The delivery by itself ---------------------------------------------- */

static const struct source *
find_source(const char *name)
{
	for (int i = 0; i < SOURCES; i++)
		if (strcmp(sources[i].name, name) == 0)
			return &sources[i];
	return NULL;
}

static bool
has_key_of(const struct delivery_row *row, const struct source *source)
{
	unsigned char key[SIGNATURE_BYTES];

	return row->key_len == SIGNATURE_BYTES &&
	    ingest_key(source, row->body, row->body_len, key) &&
	    memcmp(key, row->key, SIGNATURE_BYTES) == 0;
}

static enum verdict
check_signature(const struct recheck *recheck, const struct delivery_row *row,
    const struct source *source)
{
	unsigned char digest[SIGNATURE_BYTES], expected[SIGNATURE_BYTES];
	bool tried = false;

	if (row->signature == NULL)
		return UNSIGNED;
	if (signature_decode(row->signature, digest) != 0)
		return BAD;
	for (int i = 0; i < SETTINGS_SECRETS; i++) {
		const char *secret = recheck->settings == NULL ? NULL :
		    recheck->settings->secrets[source->id][i];
		if (secret == NULL || signature_hmac_sha256(secret,
		    strlen(secret), row->body, row->body_len, expected) != 0)
			continue;
		if (signature_equal(digest, expected))
			return GOOD;
		tried = true;
	}
	return tried ? BAD : UNKNOWN;
}

/* Whether the event was made of a delivery of this source. */
static bool
names_source(const struct event_row *event, const char *source)
{
	const char *named = event->columns.metadata + strlen("{\"source\":\"");
	size_t len = strlen(source);

	return !event_row_is_webhook(event) ||
	    (strncmp(named, source, len) == 0 && named[len] == '"');
}

/* The source whose key this is, when the row names another one. */
static const struct source *
other_source(const struct delivery_row *row)
{
	for (int i = 0; i < SOURCES; i++)
		if (has_key_of(row, &sources[i]))
			return &sources[i];
	return NULL;
}

/* Whether source, key, signature and body belong together; else blames one of
 * them.  `maps` tells that the body comes to the very event it should. */
static bool
check_parts(struct recheck *recheck, const struct examination *x, bool maps)
{
	const struct delivery_row *row = x->row;
	const struct source *other;

	if (x->signature == UNSIGNED) {
		if (row->key == NULL && !x->source->signature_required)
			return true;
		if (row->key == NULL && x->event != NULL &&
		    !names_source(x->event, row->source)) {
			blame_delivery(recheck, x, "source", "it is not that "
			    "of its event", NULL, row->source);
			return false;
		}
		blame_delivery(recheck, x, "signature", row->key != NULL ?
		    "a delivery with a key was signed" :
		    "this source always signs", NULL, NULL);
	} else if (row->key == NULL) {
		blame_delivery(recheck, x, "key",
		    "a signed delivery has one", NULL, NULL);
	} else if (!x->key_good && (other = other_source(row)) != NULL) {
		blame_delivery(recheck, x, "source", "its key is that of "
		    "another source", other->name, row->source);
	} else if (!x->key_good && (x->signature == GOOD ||
	    (x->signature == UNKNOWN && maps))) {
		blame_delivery(recheck, x, "key", "it is not the SHA-256 of "
		    "source and body", NULL, NULL);
	} else if (!x->key_good) {
		blame_delivery(recheck, x, "body", "its SHA-256 is not the "
		    "one that was recorded with it", NULL, NULL);
	} else if (x->signature == BAD) {
		blame_delivery(recheck, x, "signature", "no secret that is "
		    "set made it for this body", NULL, NULL);
	} else {
		return true;
	}
	return false;
}

/* Goes the way from the bytes to the columns; counts nothing. */
static void
open_examination(const struct recheck *recheck, struct examination *x)
{
	struct json_error error;
	const struct delivery_row *row = x->row;

	x->kind = REPLY_BAD_JSON;
	if ((x->source = find_source(row->source)) == NULL)
		return;
	x->signature = check_signature(recheck, row, x->source);
	x->key_good = row->key != NULL && has_key_of(row, x->source);
	if (json_read(row->body, row->body_len, &x->json, &error) != 0 ||
	    !json_is_object(x->json))
		return;
	x->kind = ingest_convert(&x->conversion, x->source, x->json,
	    row->signature != NULL, x->event == NULL ? "" :
	    x->event->tenant_id, &x->reply);
}

static void
count_examination(struct recheck *recheck, const struct examination *x)
{
	if (x->source == NULL)
		return;
	recheck->signed_ += x->signature == GOOD || x->signature == BAD;
	recheck->unchecked += x->signature == UNKNOWN;
	recheck->mapped += json_is_object(x->json);
}

static void
close_examination(struct examination *x)
{
	ingest_conversion_free(&x->conversion);
	json_object_put(x->json);
}

/* Whether prune has a record of this delivery, whose body is gone. */
static int
check_pruned(struct recheck *recheck, const struct examination *x)
{
	query_bind_number(recheck->kept, 1, x->row->id);
	int step = query_step(recheck->kept);
	query_reset(recheck->kept);
	recheck->pruned++;
	if (step == 0)
		blame_delivery(recheck, x, "body", "it is gone, and not by "
		    "prune", NULL, NULL);
	return step < 0 ? -1 : 0;
}

static void
check_sent_at(struct recheck *recheck, const struct examination *x)
{
	char expected[32], found[32];
	int64_t sent_at = envelope_sent_at(x->json);

	if (sent_at == x->row->sent_at)
		return;
	snprintf(expected, sizeof(expected), "%lld", (long long)sent_at);
	snprintf(found, sizeof(found), "%lld", (long long)x->row->sent_at);
	blame_delivery(recheck, x, "sent_at",
	    "it is not the time in the body", expected, found);
}

/* --- Times --------------------------------------------------------------- */

/* The milliseconds in a ULID, or -1. */
static int64_t
id_time(const char *id)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	int64_t ms = 0;

	if (!ulid_is_valid(id))
		return -1;
	for (int i = 0; i < 10; i++)
		ms = ms << 5 | (strchr(alphabet, id[i]) - alphabet);
	return ms;
}

/* The time of a delivery, as it is written here; else it is blamed. */
static bool
read_received(struct recheck *recheck, const struct examination *x,
    int64_t *received)
{
	const char *text = x->row->received_at;
	char again[TIMESTAMP_SIZE] = "";

	if (timestamp_parse(text, strlen(text), received) == 0)
		timestamp_format(*received, again);
	if (strcmp(again, text) == 0)
		return true;
	blame_delivery(recheck, x, "received_at", "it is no time", NULL,
	    text);
	return false;
}

/*
 * A delivery is kept in the moment in which its event gets its id.  Sooner is
 * one that was refused at first, and then it lies between its neighbours; or
 * one of a time in which the clock was set back, as an id that was counted up
 * tells.
 */
static void
check_received(struct recheck *recheck, const struct examination *x)
{
	int64_t made = id_time(x->event->columns.id), received;

	if (!read_received(recheck, x, &received))
		return;
	bool fresh = made > recheck->last_id_time;
	if (made >= 0 && received > made + SLACK_MS)
		blame_delivery(recheck, x, "received_at", "it is later than "
		    "its event", x->event->columns.timestamp,
		    x->row->received_at);
	else if (fresh && received < made &&
	    received + SLACK_MS < recheck->last_received)
		blame_delivery(recheck, x, "received_at", "it is before the "
		    "delivery that came before it", NULL,
		    x->row->received_at);
	else
		recheck->last_received = received;
	if (made >= 0)
		recheck->last_id_time = made;
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

/* What the columns should be by the delivery, and by the event before. */
static int
list_candidates(const struct examination *x, const char *before_timestamp,
    const char *before_hash, char times[2][TIMESTAMP_SIZE],
    struct candidate list[CANDIDATES])
{
	const struct event *made = &x->conversion.event;
	const struct text *metadata = made->stored_metadata != NULL ?
	    made->stored_metadata : &made->metadata;
	int64_t minted = id_time(x->event->columns.id);
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
	char hash[SIGNATURE_HEX_SIZE];

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

/* The event's columns do not come to its hash: says which cannot be. */
static void
blame_event(struct recheck *recheck, const struct examination *x,
    const struct candidate *list, int count, const char *hash)
{
	const struct event_row *event = x->event;
	const struct candidate *c = find_changed(event, list, count);

	if (c != NULL) {
		add_fault(recheck, FAULT_FIELD, event, "events", c->field,
		    "with another value the event comes to its hash",
		    c->value, value_of(&event->columns, c->offset));
		return;
	}
	c = find_difference(event, list, count);
	if (c != NULL)
		add_fault(recheck, FAULT_HASH, event, "events", c->field,
		    "it is not what its delivery maps to, nor does the event "
		    "come to its hash", c->value,
		    value_of(&event->columns, c->offset));
	else
		add_fault(recheck, FAULT_FIELD, event, "events", "hash",
		    "the event does not come to it", hash, event->hash);
}

/* The event is as it was, and the delivery does not map to it. */
static void
blame_mapping(struct recheck *recheck, const struct examination *x,
    const struct candidate *list, int count)
{
	const struct candidate *c = find_difference(x->event, list, count);
	const char *field = "body";
	char reason[128];

	if (!names_source(x->event, x->row->source))
		field = "source";
	else if (x->key_good)
		field = "event_id";
	snprintf(reason, sizeof(reason), "it maps to another event than its "
	    "own, which has another %s", c == NULL ? "hash" : c->field);
	blame_delivery(recheck, x, field, reason, c == NULL ? NULL :
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
check_constants(struct recheck *recheck, const struct examination *x)
{
	const struct event_row *event = x->event;
	struct constant columns[CONSTANTS];

	list_constants(event, columns);
	for (int i = 0; i < CONSTANTS; i++) {
		const char *field = columns[i].field;
		if (is_same(columns[i].expected, columns[i].found))
			continue;
		/* The two are the same; the settings tell which was. */
		if (strcmp(field, "project_id") == 0 &&
		    recheck->settings != NULL && strcmp(event->project_id,
		    recheck->settings->tenants[x->source->id]) == 0)
			add_fault(recheck, FAULT_FIELD, event, "events",
			    "tenant_id", "it is not the project",
			    event->project_id, event->tenant_id);
		else
			add_fault(recheck, FAULT_FIELD, event, "events",
			    field, "agentlens-ingest writes another value",
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
blame(struct recheck *recheck, struct examination *x, const char *hash,
    bool intact)
{
	const struct event_row *event = x->event;
	struct candidate list[CANDIDATES];
	char times[2][TIMESTAMP_SIZE];
	struct query *before = recheck->before;

	query_bind_text(before, 1, event->tenant_id);
	query_bind_text(before, 2, event->columns.session_id);
	query_bind_text(before, 3, event->columns.timestamp);
	query_bind_text(before, 4, event->columns.id);
	int step = query_step(before);
	int count = list_candidates(x, step == 1 ? query_text(before, 0) :
	    NULL, step == 1 ? query_text(before, 1) : NULL, times, list);
	if (step >= 0 && intact)
		blame_mapping(recheck, x, list, count);
	else if (step >= 0)
		blame_event(recheck, x, list, count, hash);
	query_reset(before);
	return step < 0 ? -1 : 0;
}

/* What the delivery says, when it can be mapped at all. */
static int
compare(struct recheck *recheck, struct examination *x, const char *hash,
    bool intact)
{
	bool maps = x->kind == REPLY_NONE &&
	    (intact ? maps_to_columns(x) : maps_to_hash(x));
	struct text sentence = TEXT_EMPTY;
	int result = 0;

	if (!intact && x->kind == REPLY_NONE)
		return blame(recheck, x, hash, false);
	if (!intact)
		add_fault(recheck, FAULT_HASH, x->event, "events", "hash",
		    "the event does not come to it", hash, x->event->hash);
	if (!check_parts(recheck, x, maps))
		return 0;
	if (x->kind == REPLY_NONE && maps) {
		check_sent_at(recheck, x);
	} else if (x->kind == REPLY_NONE) {
		result = blame(recheck, x, hash, true);
	} else {
		if (x->kind == REPLY_BAD_JSON)
			text_puts(&sentence, "it is no JSON object");
		else
			reply_sentence(&x->reply, &sentence);
		blame_delivery(recheck, x, "body", text_string(&sentence),
		    NULL, NULL);
		text_free(&sentence);
	}
	return result;
}

static int
examine(struct recheck *recheck, const struct entry *entry, const char *hash,
    bool intact)
{
	struct examination x = { .row = entry->delivery,
		.event = &entry->event };
	int result = 0;

	if (x.row->body_len == 0) {
		if (!intact)
			add_fault(recheck, FAULT_HASH, x.event, "events",
			    "hash", "the event does not come to it", hash,
			    x.event->hash);
		return check_pruned(recheck, &x);
	}
	open_examination(recheck, &x);
	count_examination(recheck, &x);
	if (x.source == NULL) {
		blame_delivery(recheck, &x, "source", "there is no such "
		    "source", NULL, x.row->source);
	} else {
		check_constants(recheck, &x);
		result = compare(recheck, &x, hash, intact);
	}
	close_examination(&x);
	return result;
}

/* Whether check_parts() would find nothing, nor anybody else. */
static bool
is_sound(struct examination *x)
{
	bool parts = x->signature == UNSIGNED ? x->row->key == NULL &&
	    !x->source->signature_required : x->key_good &&
	    x->signature != BAD;

	return parts && x->kind == REPLY_NONE &&
	    envelope_sent_at(x->json) == x->row->sent_at &&
	    maps_to_columns(x);
}

enum recheck_look
recheck_look(const struct recheck *recheck, const struct entry *entry)
{
	const struct event_row *event = &entry->event;
	struct examination x = { .row = entry->delivery, .event = event };
	char hash[SIGNATURE_HEX_SIZE];

	if (event->odd != NULL || event_hash(&event->columns, hash) != 0 ||
	    strcmp(hash, event->hash) != 0)
		return RECHECK_DOUBTFUL;
	if (entry->delivery == NULL)
		return recheck->needs_deliveries &&
		    event_row_is_webhook(event) ? RECHECK_DOUBTFUL :
		    RECHECK_ALONE;
	if (entry->delivery->body_len == 0 || !has_constants(event))
		return RECHECK_DOUBTFUL;
	open_examination(recheck, &x);
	enum recheck_look look = x.source == NULL || !is_sound(&x) ?
	    RECHECK_DOUBTFUL : x.signature == GOOD ? RECHECK_SIGNED :
	    x.signature == UNKNOWN ? RECHECK_UNCHECKED : RECHECK_SOUND;
	close_examination(&x);
	return look;
}

void
recheck_order(struct recheck *recheck, const struct entry *entry)
{
	if (entry->delivery != NULL && entry->in_order)
		check_received(recheck, &(struct examination){
		    .row = entry->delivery, .event = &entry->event });
}

static int
find_fault(struct recheck *recheck, const struct entry *entry)
{
	const struct event_row *event = &entry->event;
	char hash[SIGNATURE_HEX_SIZE] = "";

	if (event_hash(&event->columns, hash) != 0)
		return -1;
	bool intact = strcmp(hash, event->hash) == 0;
	if (event->odd != NULL)
		add_fault(recheck, FAULT_FIELD, event, "events", event->odd,
		    "it is not kept as text", NULL, NULL);
	if (entry->delivery != NULL)
		return examine(recheck, entry, hash, intact);

	if (!intact)
		add_fault(recheck, FAULT_HASH, event, "events", "hash",
		    "the event does not come to it", hash, event->hash);
	if (recheck->needs_deliveries && event_row_is_webhook(event))
		add_fault(recheck, intact ? FAULT_FIELD : FAULT_HASH, event,
		    "ingest_deliveries", NULL,
		    "there is no delivery of this event", NULL, NULL);
	return 0;
}

int
recheck_entry(struct recheck *recheck, const struct entry *entry,
    enum recheck_look look)
{
	if (look == RECHECK_DOUBTFUL)
		return find_fault(recheck, entry);
	recheck->mapped += look != RECHECK_ALONE;
	recheck->signed_ += look == RECHECK_SIGNED;
	recheck->unchecked += look == RECHECK_UNCHECKED;
	return 0;
}

/* --- Deliveries without an event ----------------------------------------- */

/* The sentence that the responder gave, and would give again. */
static void
check_reason(struct recheck *recheck, const struct examination *x)
{
	const struct reply reused = { .kind = REPLY_KEY_REUSED };
	struct text sentence = TEXT_EMPTY, other = TEXT_EMPTY;
	const char *reason = x->row->reason == NULL ? "" : x->row->reason;

	reply_sentence(&reused, &other);
	if (x->kind != REPLY_NONE)
		reply_sentence(&x->reply, &sentence);
	if (strcmp(reason, text_string(&other)) == 0 ||
	    (sentence.len > 0 && strcmp(reason, text_string(&sentence)) == 0))
		;
	else if (x->kind == REPLY_NONE &&
	    strncmp(reason, "Unknown event type ",
	    strlen("Unknown event type ")) == 0)
		recheck->known_now++;
	else
		blame_delivery(recheck, x, "reason",
		    "it is not why this body is refused", sentence.len > 0 ?
		    text_string(&sentence) : NULL, reason);
	text_free(&sentence);
	text_free(&other);
}

int
recheck_refused(struct recheck *recheck, const struct delivery_row *row)
{
	struct examination x = { .row = row };
	int64_t received;

	if (read_received(recheck, &x, &received)) {
		if (received > timestamp_now() + SLACK_MS)
			blame_delivery(recheck, &x, "received_at",
			    "it is still to come", NULL, row->received_at);
		else if (received > recheck->last_received)
			recheck->last_received = received;
	}
	if (row->body_len == 0)
		return check_pruned(recheck, &x);
	open_examination(recheck, &x);
	count_examination(recheck, &x);
	if (x.source == NULL) {
		blame_delivery(recheck, &x, "source", "there is no such "
		    "source", NULL, row->source);
	} else if (row->signature == NULL) {
		blame_delivery(recheck, &x, "signature", "what comes "
		    "unsigned and is refused is not kept", NULL, NULL);
	} else if (check_parts(recheck, &x, false)) {
		if (x.kind == REPLY_BAD_JSON && x.json == NULL)
			blame_delivery(recheck, &x, "body",
			    "it is no JSON object", NULL, NULL);
		else
			check_reason(recheck, &x);
		check_sent_at(recheck, &x);
	}
	close_examination(&x);
	return 0;
}

void
recheck_session(const struct delivery_row *row,
    char session_id[EVENT_SESSION_SIZE])
{
	struct examination x = { .row = row };
	struct json_error error;

	*session_id = '\0';
	x.source = find_source(row->source);
	if (x.source != NULL && row->body_len > 0 && json_read(row->body,
	    row->body_len, &x.json, &error) == 0 && json_is_object(x.json) &&
	    ingest_convert(&x.conversion, x.source, x.json,
	    row->signature != NULL, "", &x.reply) == REPLY_NONE &&
	    row->event_id != NULL)
		event_session(&x.conversion.event, row->event_id, session_id);
	close_examination(&x);
}
