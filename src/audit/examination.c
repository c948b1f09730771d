#include "audit/examination.h"

#include <stdio.h>
#include <string.h>

#include "audit/mark_delivery.h"
#include "base/timestamp.h"
#include "base/ulid.h"
#include "reader/events.h"

void
examination_blame_event(struct remap *remap, enum finding_weight weight,
    const struct event_row *event, const char *table, const char *field,
    const char *reason, const char *expected, const char *found)
{
	findings_add(remap->findings, &(struct finding){
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

void
examination_blame_delivery(struct remap *remap, const struct examination *x,
    const char *field, const char *what, const char *expected,
    const char *found)
{
	char reason[512];

	snprintf(reason, sizeof(reason), "delivery %lld: %s",
	    (long long)x->row->id, what);
	if (x->event != NULL) {
		examination_blame_event(remap, FINDING_FIELD, x->event,
		    "ingest_deliveries", field, reason, expected, found);
		return;
	}
	findings_add(remap->findings, &(struct finding){
	    .weight = FINDING_FIELD, .table = "ingest_deliveries",
	    .field = field, .reason = reason, .expected = expected,
	    .found = found,
	});
}

/* --- The delivery by itself ---------------------------------------------- */

static bool
has_key_of(const struct delivery_row *row, const struct source *source)
{
	unsigned char key[DIGEST_BYTES];

	return row->key.len == DIGEST_BYTES &&
	    delivery_key(source, row->body.data, row->body.len, key) == 0 &&
	    digest_equal(key, row->key.data);
}

bool
examination_names_source(const struct event_row *event, const char *source)
{
	const char *named = event->columns.metadata + strlen("{\"source\":\"");
	size_t len = strlen(source);

	return !event_is_webhook(event) ||
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

bool
examination_check_parts(struct remap *remap, const struct examination *x,
    bool maps)
{
	const struct delivery_row *row = x->row;
	const struct source *other;

	if (x->signature == MARK_UNSIGNED) {
		if (row->key.data == NULL && !x->source->signature_required)
			return true;
		if (row->key.data == NULL && x->event != NULL &&
		    !examination_names_source(x->event, row->source)) {
			examination_blame_delivery(remap, x, "source",
			    "it is not that of its event", NULL,
			    row->source);
			return false;
		}
		examination_blame_delivery(remap, x, "signature",
		    row->key.data != NULL ?
		    "a delivery with a key was signed" :
		    "this source always signs", NULL, NULL);
	} else if (row->key.data == NULL) {
		examination_blame_delivery(remap, x, "key",
		    "a signed delivery has one", NULL, NULL);
	} else if (!x->key_good && (other = other_source(row)) != NULL) {
		examination_blame_delivery(remap, x, "source",
		    "its key is that of another source", other->name,
		    row->source);
	} else if (!x->key_good && (x->signature == MARK_GOOD ||
	    (x->signature == MARK_NOT_CHECKED && maps))) {
		examination_blame_delivery(remap, x, "key",
		    "it is not the SHA-256 of source and body", NULL, NULL);
	} else if (!x->key_good) {
		examination_blame_delivery(remap, x, "body",
		    "its SHA-256 is not the one that was recorded with it",
		    NULL, NULL);
	} else if (x->signature == MARK_WRONG) {
		examination_blame_delivery(remap, x, "signature",
		    "no secret that is set made it for this body", NULL, NULL);
	} else {
		return true;
	}
	return false;
}

void
examination_open(const struct remap *remap, struct examination *x)
{
	struct json_error error;
	const struct delivery_row *row = x->row;

	refusal_set(&x->refusal, REFUSAL_BAD_JSON);
	if ((x->source = source_named(row->source)) == NULL)
		return;
	x->signature = mark_delivery(row, remap->settings);
	x->key_good = row->key.data != NULL && has_key_of(row, x->source);
	if (json_read((const char *)row->body.data, row->body.len, &x->json,
	    &error) != 0 || !json_is_object(x->json))
		return;
	refusal_set(&x->refusal, REFUSAL_NONE);
	delivery_convert(&x->conversion, x->source, x->json,
	    row->signature != NULL, x->event == NULL ? "" :
	    x->event->tenant_id, &x->refusal);
}

void
examination_count(struct remap *remap, const struct examination *x)
{
	if (x->source == NULL)
		return;
	remap->checked += x->signature == MARK_GOOD ||
	    x->signature == MARK_WRONG;
	remap->unchecked += x->signature == MARK_NOT_CHECKED;
	remap->mapped += json_is_object(x->json);
}

void
examination_close(struct examination *x)
{
	conversion_free(&x->conversion);
	json_object_put(x->json);
}

int
examination_check_pruned(struct remap *remap, const struct examination *x)
{
	query_bind_number(remap->kept, 1, x->row->id);
	int step = query_step(remap->kept);
	query_reset(remap->kept);
	remap->pruned++;
	if (step == 0)
		examination_blame_delivery(remap, x, "body",
		    "it is gone, and not by prune", NULL, NULL);
	return step < 0 ? -1 : 0;
}

void
examination_check_sent_at(struct remap *remap, const struct examination *x)
{
	char expected[32], found[32];
	int64_t sent_at = envelope_sent_at(x->json);

	if (sent_at == x->row->sent_at)
		return;
	snprintf(expected, sizeof(expected), "%lld", (long long)sent_at);
	snprintf(found, sizeof(found), "%lld", (long long)x->row->sent_at);
	examination_blame_delivery(remap, x, "sent_at",
	    "it is not the time in the body", expected, found);
}

/* --- Times --------------------------------------------------------------- */

bool
examination_read_received(struct remap *remap, const struct examination *x,
    int64_t *received)
{
	const char *text = x->row->received_at;
	char again[TIMESTAMP_SIZE] = "";

	if (timestamp_parse(text, strlen(text), received) == 0)
		timestamp_format(*received, again);
	if (strcmp(again, text) == 0)
		return true;
	examination_blame_delivery(remap, x, "received_at", "it is no time",
	    NULL, text);
	return false;
}

void
examination_check_received(struct remap *remap, const struct examination *x)
{
	int64_t made = ulid_time(x->event->columns.id), received;

	if (!examination_read_received(remap, x, &received))
		return;
	bool fresh = made > remap->last_id_time;
	if (made >= 0 && received > made + EXAMINATION_SLACK_MS)
		examination_blame_delivery(remap, x, "received_at",
		    "it is later than its event",
		    x->event->columns.timestamp, x->row->received_at);
	else if (fresh && received < made &&
	    received + EXAMINATION_SLACK_MS < remap->last_received)
		examination_blame_delivery(remap, x, "received_at",
		    "it is before the delivery that came before it", NULL,
		    x->row->received_at);
	else
		remap->last_received = received;
	if (made >= 0)
		remap->last_id_time = made;
}
