#include "webhook/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/timestamp.h"
#include "webhook/field.h"

#define PREVIEW_UNITS 200

/* The agent of an event that names none. */
#define UNKNOWN_AGENT "external"

const struct event_type event_types[] = {
	{ "session_started", EVENT_STARTS, false },
	{ "session_ended", EVENT_ENDS, false },
	{ "tool_call", EVENT_CALLS_TOOL, false },
	{ "tool_response", EVENT_COUNTS, false },
	{ "tool_error", EVENT_FAILS, false },
	{ "approval_requested", EVENT_COUNTS, true },
	{ "approval_granted", EVENT_COUNTS, true },
	{ "approval_denied", EVENT_COUNTS, true },
	{ "approval_expired", EVENT_COUNTS, true },
	{ "form_submitted", EVENT_COUNTS, true },
	{ "form_completed", EVENT_COUNTS, true },
	{ "form_expired", EVENT_COUNTS, true },
	{ "cost_tracked", EVENT_COUNTS, false },
	{ "llm_call", EVENT_COUNTS, false },
	{ "llm_response", EVENT_CALLS_LLM, false },
	{ "alert_triggered", EVENT_COUNTS, false },
	{ "alert_resolved", EVENT_COUNTS, false },
	{ "error", EVENT_COUNTS, false },
	{ "eval_result", EVENT_COUNTS, false },
	{ "human_score", EVENT_COUNTS, false },
	{ "feedback", EVENT_COUNTS, false },
	{ "skill_activated", EVENT_COUNTS, false },
	{ "retrieval", EVENT_COUNTS, false },
	{ "embedding", EVENT_COUNTS, false },
	{ "chain_step", EVENT_COUNTS, false },
	{ "custom", EVENT_COUNTS, false },
	{ NULL, EVENT_COUNTS, false },
};

/* Keys of metadata that a sender's context must not set. */
static const char *const reserved_keys[] = {
	"source",
	"webhookEvent",
	"verifiedAgentId",
	"verifiedAgentMethod",
	"verifiedOnBehalfOf",
	"reportedTimestamp",
	"contextTruncated",
	NULL
};

const struct event_type *
event_type_find(const char *name)
{
	for (const struct event_type *t = event_types; t->name != NULL; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

/* Sets *id to the first member of the context, of the names closed by NULL,
 * that is a string and not empty; without one, *id stays as it is. */
static enum refusal_code
read_context_id(struct json_object *context, const char *const *names,
    const char **id, struct refusal *refusal)
{
	for (; *names != NULL; names++) {
		struct json_object *value = json_get(context, *names);
		if (value == NULL)
			continue;
		enum refusal_code code = field_check_id(value, *names, refusal);
		if (code != REFUSAL_NONE)
			return code;
		if (json_object_get_string_len(value) == 0)
			continue;
		*id = json_object_get_string(value);
		break;
	}
	return REFUSAL_NONE;
}

static enum refusal_code
correlate(struct event *event, const struct envelope *envelope,
    const char *correlation_id, struct refusal *refusal)
{
	static const char *const session_names[] = { "agentlens_session_id",
		NULL };
	static const char *const agent_names[] = { "agentlens_agent_id",
		"agent_id", "agentId", NULL };
	const char *session = NULL;
	const char *agent = envelope->agent_id != NULL ? envelope->agent_id :
	    UNKNOWN_AGENT;
	enum refusal_code code;

	code = read_context_id(envelope->context, session_names, &session,
	    refusal);
	if (code == REFUSAL_NONE)
		code = read_context_id(envelope->context, agent_names, &agent,
		    refusal);
	if (code != REFUSAL_NONE)
		return code;

	snprintf(event->agent_id, sizeof(event->agent_id), "%s", agent);
	if (session != NULL)
		snprintf(event->session_id, sizeof(event->session_id), "%s",
		    session);
	else if (correlation_id != NULL && *correlation_id != '\0')
		snprintf(event->session_id, sizeof(event->session_id),
		    EVENT_UNLINKED "%s", correlation_id);
	return REFUSAL_NONE;
}

/* The length in bytes of the first PREVIEW_UNITS UTF-16 code units of a text,
 * as AgentLens counts them.  *cut_pair says that the last unit is the
 * first half of a surrogate pair, which has no bytes of its own. */
static size_t
preview_bytes(const struct text *text, bool *cut_pair)
{
	size_t at = 0;
	int units = 0;

	*cut_pair = false;
	while (at < text->len && units < PREVIEW_UNITS) {
		unsigned char c = (unsigned char)text->data[at];
		int wide = c >= 0xf0;
		if (units + wide >= PREVIEW_UNITS) {
			*cut_pair = true;
			break;
		}
		units += 1 + wide;
		at += c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	}
	return at;
}

static void
truncate_payload(struct text *payload)
{
	struct text preview = TEXT_EMPTY, out = TEXT_EMPTY;
	bool cut_pair;

	text_add(&preview, payload->data, preview_bytes(payload, &cut_pair));
	if (cut_pair)
		text_puts(&preview, "\xef\xbf\xbd");
	text_puts(&preview, "...");
	text_printf(&out, "{\"type\":\"_truncated\",\"data\":{"
	    "\"_truncated\":true,\"originalSize\":%zu,\"maxSize\":%d,"
	    "\"preview\":", payload->len, EVENT_COLUMN_MAX);
	json_write_string(&out, text_string(&preview), preview.len);
	text_puts(&out, "}}");

	out.failed |= preview.failed;
	text_free(&preview);
	text_free(payload);
	*payload = out;
}

static bool
is_reserved(const char *key)
{
	for (const char *const *r = reserved_keys; *r != NULL; r++)
		if (strcmp(*r, key) == 0)
			return true;
	return false;
}

static void
write_metadata(struct event *event, const struct source *source,
    const struct envelope *envelope)
{
	struct json_object *metadata = json_object_new_object();
	bool failed = metadata == NULL ||
	    json_add(metadata, "source",
	    json_object_new_string(source->name)) != 0 ||
	    json_add(metadata, "webhookEvent",
	    json_object_new_string(envelope->event)) != 0;

	if (!failed) {
		json_write(&event->short_metadata, metadata);
		/* The member goes in front of the closing brace. */
		text_truncate(&event->short_metadata,
		    event->short_metadata.len - 1);
		text_puts(&event->short_metadata,
		    ",\"contextTruncated\":true}");
	}
	if (!failed && envelope->context != NULL) {
		json_object_object_foreach(envelope->context, key, value) {
			if (!is_reserved(key))
				failed |= json_object_object_add(metadata, key,
				    json_object_get(value)) != 0;
		}
	}
	if (!failed)
		json_write(&event->metadata, metadata);
	event->metadata.failed |= failed;
	json_object_put(metadata);
}

enum refusal_code
event_build(struct event *event, const struct source *source,
    const struct envelope *envelope, const struct event_type *type,
    struct json_object *payload, const char *correlation_id,
    const char *tenant, struct refusal *refusal)
{
	*event = (struct event){ .type = type, .tenant = tenant };

	enum refusal_code code = correlate(event, envelope, correlation_id,
	    refusal);
	if (code != REFUSAL_NONE)
		return code;

	json_write(&event->payload, payload);
	if (event->payload.len > EVENT_COLUMN_MAX)
		truncate_payload(&event->payload);
	write_metadata(event, source, envelope);
	if (envelope->reported != NULL) {
		event->time = envelope->time;
		json_write(&event->reported, envelope->reported);
	}
	if (event->payload.failed || event->metadata.failed ||
	    event->short_metadata.failed || event->reported.failed)
		return refusal_set(refusal, REFUSAL_NO_MEMORY);
	return REFUSAL_NONE;
}

/* Settles the time.  Times are compared as text, since AgentLens orders them
 * so.  *moved says whether it is another than the sender's. */
static int
settle_time(struct event *event, int64_t now, const char *last, bool *moved)
{
	bool reported = event->reported.len > 0;
	int64_t own = reported ? event->time : event->received;
	int64_t time = (reported || own > 0) && own < now ? own : now;
	char text[TIMESTAMP_SIZE];

	timestamp_format(time, text);
	bool before_last = last != NULL && strcmp(text, last) < 0;
	*moved = reported && (time != event->time || before_last);
	free(event->timestamp);
	event->timestamp = strdup(before_last ? last : text);
	return event->timestamp == NULL ? -1 : 0;
}

/* Chooses the metadata that is stored.  The texts that were built stay as they
 * are, so that the event can be sealed again. */
static void
settle_metadata(struct event *event, bool moved)
{
	static const char key[] = ",\"reportedTimestamp\":";
	size_t more = moved ? strlen(key) + event->reported.len : 0;
	const struct text *built =
	    event->metadata.len + more > EVENT_COLUMN_MAX ?
	    &event->short_metadata : &event->metadata;

	event->stored_metadata = built;
	if (!moved)
		return;
	text_free(&event->moved_metadata);
	text_add(&event->moved_metadata, built->data, built->len - 1);
	text_puts(&event->moved_metadata, key);
	text_add(&event->moved_metadata, event->reported.data,
	    event->reported.len);
	text_puts(&event->moved_metadata, "}");
	event->stored_metadata = &event->moved_metadata;
}

static void
add_member(struct text *out, const char *name, const char *value)
{
	text_puts(out, name);
	json_write_string(out, value, strlen(value));
}

int
event_hash(const struct event_columns *event, char hash[DIGEST_HEX_SIZE])
{
	struct text text = TEXT_EMPTY;
	unsigned char digest[DIGEST_BYTES];
	int result = -1;

	add_member(&text, "{\"v\":2,\"id\":", event->id);
	add_member(&text, ",\"timestamp\":", event->timestamp);
	add_member(&text, ",\"sessionId\":", event->session_id);
	add_member(&text, ",\"agentId\":", event->agent_id);
	add_member(&text, ",\"eventType\":", event->event_type);
	add_member(&text, ",\"severity\":", event->severity);
	text_puts(&text, ",\"payload\":");
	text_puts(&text, event->payload);
	text_puts(&text, ",\"metadata\":");
	text_puts(&text, event->metadata);
	if (event->prev_hash != NULL)
		add_member(&text, ",\"prevHash\":", event->prev_hash);
	else
		text_puts(&text, ",\"prevHash\":null");
	text_puts(&text, "}");

	if (!text.failed) {
		const struct iovec part = { text.data, text.len };
		result = digest_sha256(&part, 1, digest);
	}
	if (result == 0)
		hex_write(digest, DIGEST_BYTES, hash);
	text_free(&text);
	return result;
}

struct event_columns
event_columns_of(const struct event *event, const char *prev_hash)
{
	return (struct event_columns){
		.id = event->id,
		.timestamp = event->timestamp,
		.session_id = event->session_id,
		.agent_id = event->agent_id,
		.event_type = event->type->name,
		.severity = EVENT_SEVERITY,
		.payload = text_string(&event->payload),
		.metadata = text_string(event->stored_metadata),
		.prev_hash = prev_hash,
	};
}

void
event_session(const struct event *event, const char *id,
    char session_id[EVENT_SESSION_SIZE])
{
	if (event->session_id[0] == '\0' || event->has_own_session)
		snprintf(session_id, EVENT_SESSION_SIZE, EVENT_UNLINKED "%s", id);
	else if (session_id != event->session_id)
		memcpy(session_id, event->session_id, EVENT_SESSION_SIZE);
}

int
event_settle(struct event *event, const char *id, int64_t now,
    const char *last_timestamp)
{
	bool moved;

	snprintf(event->id, sizeof(event->id), "%s", id);
	event->has_own_session |= event->session_id[0] == '\0';
	event_session(event, id, event->session_id);
	if (settle_time(event, now, last_timestamp, &moved) != 0)
		return -1;
	settle_metadata(event, moved);
	return event->stored_metadata->failed ? -1 : 0;
}

int
event_seal(struct event *event, const char *id, int64_t now,
    const char *last_timestamp, const char *last_hash)
{
	if (event_settle(event, id, now, last_timestamp) != 0)
		return -1;
	const struct event_columns columns = event_columns_of(event,
	    last_hash);
	return event_hash(&columns, event->hash);
}

void
event_free(struct event *event)
{
	text_free(&event->payload);
	text_free(&event->metadata);
	text_free(&event->short_metadata);
	text_free(&event->moved_metadata);
	text_free(&event->reported);
	free(event->timestamp);
	*event = (struct event){ 0 };
}
