#include "reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

struct reply_row {
	int status;
	enum log_level level;
	const char *sentence; /* NULL: not an error */
	const char *fields;   /* header fields beyond the common ones */
};

static const struct reply_row rows[REPLY_KINDS] = {
	[REPLY_NONE] = { 500, LOG_ERROR, "Internal error", "" },
	[REPLY_RECORDED] = { 201, LOG_INFO, NULL, "" },
	[REPLY_REPLAYED] = { 201, LOG_INFO, NULL,
	    "Idempotent-Replayed: true\r\n" },
	[REPLY_HEALTHY] = { 200, LOG_DEBUG, NULL, "" },
	[REPLY_NOT_FOUND] = { 404, LOG_INFO, "Not found", "" },
	[REPLY_NOT_POST] = { 405, LOG_INFO, "Method not allowed",
	    "Allow: POST\r\n" },
	[REPLY_NOT_GET] = { 405, LOG_INFO, "Method not allowed",
	    "Allow: GET, HEAD\r\n" },
	[REPLY_BAD_LENGTH] = { 400, LOG_WARN, "Invalid Content-Length", "" },
	[REPLY_WRONG_LENGTH] = { 400, LOG_WARN,
	    "Body does not match Content-Length", "" },
	[REPLY_TOO_LARGE] = { 413, LOG_WARN, "Body is larger than ", "" },
	[REPLY_TOO_SLOW] = { 408, LOG_WARN, "Body was not received within ",
	    "" },
	[REPLY_BAD_JSON] = { 400, LOG_WARN, "Invalid JSON body: ", "" },
	[REPLY_NO_SOURCE] = { 400, LOG_WARN,
	    "Invalid or missing source. Expected source "
	    "agentgate/formbridge/generic, or an X-AgentGate-Signature / "
	    "X-FormBridge-Signature header.", "" },
	[REPLY_NO_SECRET] = { 500, LOG_ERROR,
	    "Webhook secret not configured for source: ", "" },
	[REPLY_BAD_SIGNATURE] = { 401, LOG_WARN,
	    "Invalid webhook signature", "" },
	[REPLY_UNSIGNED_TYPE] = { 401, LOG_WARN, "Event type ", "" },
	[REPLY_NO_EVENT] = { 400, LOG_WARN, "Missing event field", "" },
	[REPLY_NO_DATA] = { 400, LOG_WARN, "Missing or invalid data field",
	    "" },
	[REPLY_UNKNOWN_EVENT] = { 400, LOG_WARN, "Unknown event type ", "" },
	[REPLY_BAD_FIELD] = { 400, LOG_WARN, "Field ", "" },
	[REPLY_KEY_REUSED] = { 422, LOG_WARN,
	    "Idempotency key was used before with another body", "" },
	[REPLY_EXPOSED] = { 500, LOG_ERROR,
	    "Refusing to work inside the document root: ", "" },
	[REPLY_MISCONFIGURED] = { 500, LOG_ERROR,
	    "The settings are not usable; the server's log says why", "" },
	[REPLY_BUSY] = { 503, LOG_ERROR,
	    "The database is busy; send the event again",
	    "Retry-After: 2\r\n" },
	[REPLY_UNAVAILABLE] = { 503, LOG_ERROR,
	    "The database cannot be written; send the event again",
	    "Retry-After: 30\r\n" },
	[REPLY_INTERNAL] = { 500, LOG_ERROR, "Internal error", "" },
};

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

enum reply_kind
reply_set(struct reply *reply, enum reply_kind kind, const char *format, ...)
{
	va_list args;
	size_t len;

	reply->kind = kind;
	va_start(args, format);
	int printed = vsnprintf(reply->detail, sizeof(reply->detail), format,
	    args);
	va_end(args);
	if (printed < (int)sizeof(reply->detail))
		return kind;

	/* A cut must not leave half a character: step back over its trailing
	 * bytes, 10xxxxxx, and its first. */
	len = strlen(reply->detail);
	while (len > 0 && (reply->detail[len - 1] & 0xc0) == 0x80)
		len--;
	if (len > 0 && (reply->detail[len - 1] & 0x80) != 0)
		len--;
	reply->detail[len] = '\0';
	return kind;
}

int
reply_status(enum reply_kind kind)
{
	return rows[kind].status;
}

enum log_level
reply_log_level(enum reply_kind kind)
{
	return rows[kind].level;
}

void
reply_sentence(const struct reply *reply, struct text *out)
{
	text_puts(out, rows[reply->kind].sentence);
	text_puts(out, reply->detail);
}

static void
add_member(struct text *out, const char *name, const char *value)
{
	text_puts(out, ",\"");
	text_puts(out, name);
	text_puts(out, "\":");
	json_write_string(out, value, strlen(value));
}

static void
write_body(const struct reply *reply, struct text *out)
{
	if (reply->kind == REPLY_HEALTHY) {
		text_puts(out, "{\"status\":\"ok\"}");
	} else if (rows[reply->kind].sentence == NULL) {
		text_puts(out, "{\"ok\":true");
		add_member(out, "eventId", reply->event_id);
		add_member(out, "eventType", reply->event_type);
		add_member(out, "sessionId", reply->session_id);
		text_puts(out, "}");
	} else {
		char sentence[2 * REPLY_DETAIL_SIZE], status[32];

		snprintf(sentence, sizeof(sentence), "%s%s",
		    rows[reply->kind].sentence, reply->detail);
		text_puts(out, "{\"error\":");
		json_write_string(out, sentence, strlen(sentence));
		snprintf(status, sizeof(status), ",\"status\":%d}",
		    rows[reply->kind].status);
		text_puts(out, status);
	}
}

void
reply_write(const struct reply *reply, bool with_body, struct text *out)
{
	const struct reply_row *row = &rows[reply->kind];
	char head[256];

	write_body(reply, out);
	snprintf(head, sizeof(head),
	    "Status: %d %s\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n"
	    "%s\r\n",
	    row->status, phrase_of(row->status), out->len, row->fields);
	if (!with_body)
		out->len = 0;
	text_prepend(out, head);
}

#define FALLBACK "{\"error\":\"Internal error" REPLY_NO_MEMORY \
    "\",\"status\":500}"
_Static_assert(sizeof(FALLBACK) - 1 == 76, "its Content-Length");

const char reply_fallback[] =
    "Status: 500 Internal Server Error\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 76\r\n"
    "Cache-Control: no-store\r\n"
    "\r\n"
    FALLBACK;
