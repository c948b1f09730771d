#include "agentlens-ingest/reply.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "webhook/field.h"

#define NO_MEMORY ": out of memory; send the event again"

struct reply_row {
	int status;
	enum log_level level;
	const char *fields; /* header fields beyond the common ones */

	/* Of a refusal; else NULL.  {subject}, {rule} and {source} are
	 * replaced by the refusal's. */
	const char *sentence;
};

static const struct reply_row rows[REPLY_KINDS] = {
	[REPLY_RECORDED] = { 201, LOG_INFO, "", NULL },
	[REPLY_REPLAYED] = { 201, LOG_INFO, "Idempotent-Replayed: true\r\n",
	    NULL },
	[REPLY_HEALTHY] = { 200, LOG_DEBUG, "", NULL },
	[REPLY_HANDSHAKE] = { 200, LOG_INFO, "", NULL },
};

static const struct reply_row refusals[REFUSAL_CODES] = {
	[REFUSAL_NONE] = { 500, LOG_ERROR, "", "Internal error" },
	[REFUSAL_NOT_FOUND] = { 404, LOG_INFO, "", "Not found" },
	[REFUSAL_NO_SENDER] = { 404, LOG_WARN, "", "Not found" },
	[REFUSAL_NOT_POST] = { 405, LOG_INFO, "Allow: POST\r\n",
	    "Method not allowed" },
	[REFUSAL_NOT_GET] = { 405, LOG_INFO, "Allow: GET, HEAD\r\n",
	    "Method not allowed" },
	[REFUSAL_BAD_LENGTH] = { 400, LOG_WARN, "", "Invalid Content-Length" },
	[REFUSAL_WRONG_LENGTH] = { 400, LOG_WARN, "",
	    "Body does not match Content-Length" },
	[REFUSAL_TOO_LARGE] = { 413, LOG_WARN, "",
	    "Body is larger than {subject}" },
	[REFUSAL_TOO_SLOW] = { 408, LOG_WARN, "",
	    "Body was not received within {subject}" },
	[REFUSAL_BAD_JSON] = { 400, LOG_WARN, "",
	    "Invalid JSON body: {subject}" },
	[REFUSAL_NO_SOURCE] = { 400, LOG_WARN, "",
	    "Invalid or missing source. Expected source "
	    "agentgate/formbridge/generic, or an X-AgentGate-Signature / "
	    "X-FormBridge-Signature header." },
	[REFUSAL_NO_SECRET] = { 500, LOG_ERROR, "",
	    "Webhook secret not configured for source: {source}" },
	[REFUSAL_BAD_SIGNATURE] = { 401, LOG_WARN, "",
	    "Invalid webhook signature" },
	[REFUSAL_UNSIGNED] = { 401, LOG_WARN, "",
	    "A signed delivery is needed" },
	[REFUSAL_STALE] = { 401, LOG_WARN, "",
	    "Webhook timestamp is outside the window of {subject}" },
	[REFUSAL_SOURCE_MISMATCH] = { 401, LOG_WARN, "",
	    "Invalid webhook signature" },
	[REFUSAL_UNSIGNED_EVENT] = { 401, LOG_WARN, "",
	    "Event '{subject}' needs a signed delivery" },
	[REFUSAL_UNSIGNED_SESSION] = { 401, LOG_WARN, "",
	    "Session '{subject}' needs a signed delivery" },
	[REFUSAL_UNSIGNED_TYPE] = { 401, LOG_WARN, "",
	    "Event type '{subject}' needs a signed delivery" },
	[REFUSAL_NO_EVENT] = { 400, LOG_WARN, "", "Missing event field" },
	[REFUSAL_NO_DATA] = { 400, LOG_WARN, "",
	    "Missing or invalid data field" },
	[REFUSAL_UNKNOWN_EVENT] = { 400, LOG_WARN, "",
	    "Unknown event type '{subject}' for source '{source}'" },
	[REFUSAL_BAD_FIELD] = { 400, LOG_WARN, "", "Field '{subject}' {rule}" },
	[REFUSAL_KEY_REUSED] = { 422, LOG_WARN, "",
	    "Idempotency key was used before with another body" },
	[REFUSAL_EXPOSED] = { 500, LOG_ERROR, "", "Refusing to work inside "
	    "the document root: move the {subject} out" },
	[REFUSAL_MISCONFIGURED] = { 500, LOG_ERROR, "",
	    "The settings are not usable; the server's log says why" },
	[REFUSAL_BUSY] = { 503, LOG_ERROR, "Retry-After: 2\r\n",
	    "The database is busy; send the event again" },
	[REFUSAL_UNAVAILABLE] = { 503, LOG_ERROR, "Retry-After: 30\r\n",
	    "The database cannot be written; send the event again" },
	[REFUSAL_NO_MEMORY] = { 500, LOG_ERROR, "",
	    "Internal error" NO_MEMORY },
	[REFUSAL_NO_DIGEST] = { 500, LOG_ERROR, "",
	    "Internal error: the signature could not be checked" },
	[REFUSAL_INTERNAL] = { 500, LOG_ERROR, "", "Internal error" },
};

static const char *const rules[REFUSAL_RULES] = {
	[REFUSAL_RULE_NONE] = "is wrong",
	[REFUSAL_RULE_STRING] = "must be a string",
	[REFUSAL_RULE_NUMBER] = "must be a number",
	[REFUSAL_RULE_OBJECT] = "must be an object",
	[REFUSAL_RULE_LIST] = "must be a list",
	[REFUSAL_RULE_TIME] =
	    "must be an ISO 8601 date and time, or milliseconds since 1970",
	[REFUSAL_RULE_SECONDS] = "must be in milliseconds since 1970, and "
	    "seems to be in seconds",
	[REFUSAL_RULE_HOUR] = "must have a time of day behind the date, as in "
	    "2026-02-08T10:00:00Z",
	[REFUSAL_RULE_CALENDAR] = "must be a day and a time of day that there "
	    "are",
	[REFUSAL_RULE_YEAR] = "must be in the years 1970 to 9999",
	[REFUSAL_RULE_LENGTH] = "must be at most 256 bytes",
	[REFUSAL_RULE_CONTROL] = "must not have control characters",
	[REFUSAL_RULE_FILLED] = "must not be empty",
	[REFUSAL_RULE_DECISION] = "must be approved or denied",
};
_Static_assert(FIELD_ID_BYTES_MAX == 256, "the sentence of RULE_LENGTH");

static const struct reply_row *
row_of(const struct reply *reply)
{
	return reply->kind == REPLY_REFUSED ?
	    &refusals[reply->refusal.code] : &rows[reply->kind];
}

static const char *
phrase_of(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 413, "Content Too Large" },
		{ 422, "Unprocessable Content" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Error";
}

int
reply_status(const struct reply *reply)
{
	int status = row_of(reply)->status;

	/* Some senders count 200 alone as success. */
	return status == 201 && reply->source != NULL &&
	    source_has_path(reply->source) ? 200 : status;
}

enum log_level
reply_log_level(const struct reply *reply)
{
	return row_of(reply)->level;
}

/* What a name in braces is replaced by. */
static const char *
value_of(const struct reply *reply, const char *name, size_t len)
{
	if (strncmp(name, "subject", len) == 0)
		return reply->refusal.subject;
	if (strncmp(name, "rule", len) == 0)
		return rules[reply->refusal.rule];
	return reply->source == NULL ? "" : reply->source->name;
}

void
reply_sentence(const struct reply *reply, struct text *out)
{
	const char *at = row_of(reply)->sentence;

	while (at != NULL && *at != '\0') {
		size_t len = strcspn(at, "{");
		text_add(out, at, len);
		at += len;
		if (*at == '{') {
			len = strcspn(++at, "}");
			text_puts(out, value_of(reply, at, len));
			at += len + 1;
		}
	}
}

static void
add_member(struct text *out, const char *name, const char *value)
{
	text_printf(out, ",\"%s\":", name);
	json_write_string(out, value, strlen(value));
}

static void
write_body(const struct reply *reply, struct text *out)
{
	struct text sentence = TEXT_EMPTY;

	if (reply->kind == REPLY_HEALTHY) {
		text_puts(out, "{\"status\":\"ok\"}");
	} else if (reply->kind == REPLY_HANDSHAKE) {
		text_puts(out, reply->handshake);
	} else if (reply->kind != REPLY_REFUSED) {
		text_puts(out, "{\"ok\":true");
		add_member(out, "eventId", reply->event_id);
		add_member(out, "eventType", reply->event_type);
		add_member(out, "sessionId", reply->session_id);
		text_puts(out, "}");
	} else {
		reply_sentence(reply, &sentence);
		text_puts(out, "{\"error\":");
		json_write_string(out, text_string(&sentence), sentence.len);
		text_printf(out, ",\"status\":%d}", reply_status(reply));
		out->failed |= sentence.failed;
		text_free(&sentence);
	}
}

void
reply_write(const struct reply *reply, bool with_body, struct text *out)
{
	const struct reply_row *row = row_of(reply);
	int status = reply_status(reply);
	char head[256];

	write_body(reply, out);
	snprintf(head, sizeof(head),
	    "Status: %d %s\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n"
	    "%s\r\n",
	    status, phrase_of(status), out->len, row->fields);
	if (!with_body)
		text_truncate(out, 0);
	text_prepend(out, head);
}

#define FALLBACK "{\"error\":\"Internal error" NO_MEMORY \
    "\",\"status\":500}"
_Static_assert(sizeof(FALLBACK) - 1 == 76, "its Content-Length");

const char reply_fallback[] =
    "Status: 500 Internal Server Error\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 76\r\n"
    "Cache-Control: no-store\r\n"
    "\r\n"
    FALLBACK;
