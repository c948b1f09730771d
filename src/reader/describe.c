#include "reader/describe.h"

#include <string.h>

#include "reader/describe_sender.h"
#include "reader/humanize.h"
#include "reader/sentence.h"

struct description {
	const char *type;

	/*
	 * {name} is a field of the payload: a string is written as it is, a
	 * number whose name ends in Ms as a time span, anything else as JSON.
	 * {name|other} is the first of the two that is there.  [...] is left
	 * out when a field in it is missing or empty; a missing field
	 * elsewhere is written as a question mark.  {agent} is the agent of
	 * the event, {after} the time since the request.
	 */
	const char *sentence;
	enum describe_tone tone;
	enum describe_approval approval;
};

static const struct description rows[] = {
	{ "session_started",
	    "{agent} began[ as {agentName}][, version {agentVersion}]",
	    TONE_PLAIN, APPROVAL_NO_APPROVAL },
	{ "session_ended",
	    "{agent} ended[: {reason}][, {summary}][, after {totalDurationMs}]",
	    TONE_PLAIN, APPROVAL_NO_APPROVAL },
	{ "tool_call",
	    "{agent} called {toolName|tool}[ of {serverName}]"
	    "[ with {arguments}]",
	    TONE_PLAIN, APPROVAL_NO_APPROVAL },
	{ "tool_response",
	    "{toolName|tool} answered[ after {durationMs}][: {result}]",
	    TONE_PLAIN, APPROVAL_NO_APPROVAL },
	{ "tool_error",
	    "{toolName|tool} failed[ after {durationMs}][: {error}]",
	    TONE_BAD, APPROVAL_NO_APPROVAL },
	{ "approval_requested",
	    "{agent} asked for {action}[, urgency {urgency}][: {params}]",
	    TONE_WARN, APPROVAL_ASKS },
	{ "approval_granted",
	    "{decidedBy} allowed {action}[ after {after}][: {reason}]",
	    TONE_GOOD, APPROVAL_ALLOWS },
	{ "approval_denied",
	    "{decidedBy} refused {action}[ after {after}][: {reason}]",
	    TONE_BAD, APPROVAL_REFUSES },
	{ "approval_expired",
	    "nobody decided on {action}[ within {after}][: {reason}]",
	    TONE_BAD, APPROVAL_EXPIRES },
	{ "form_submitted",
	    "form {formName|formId} was begun[, fields: {fieldCount}]",
	    TONE_PLAIN, APPROVAL_NO_APPROVAL },
	{ "form_completed",
	    "{completedBy} completed form {formId}[ after {durationMs}]",
	    TONE_GOOD, APPROVAL_NO_APPROVAL },
	{ "form_expired",
	    "form {formId} expired[ after {expiredAfterMs}]",
	    TONE_BAD, APPROVAL_NO_APPROVAL },
	{ "cost_tracked",
	    "[{provider} ][{model} ]cost {costUsd} USD[, {totalTokens} tokens]",
	    TONE_PLAIN, APPROVAL_NO_APPROVAL },
	{ "llm_call",
	    "{agent} asked {model}[ of {provider}]",
	    TONE_PLAIN, APPROVAL_NO_APPROVAL },
	{ "llm_response",
	    "{model} answered[ after {latencyMs}][, {costUsd} USD]"
	    "[: {completion}]",
	    TONE_PLAIN, APPROVAL_NO_APPROVAL },
	{ "alert_triggered",
	    "alert {alertName}[: {message}]",
	    TONE_BAD, APPROVAL_NO_APPROVAL },
	{ "alert_resolved",
	    "alert {alertName} is over[, by {resolvedBy}]",
	    TONE_GOOD, APPROVAL_NO_APPROVAL },
	{ "error",
	    "error[ {code}][: {message|error}][: {data}]",
	    TONE_BAD, APPROVAL_NO_APPROVAL },
	{ "custom",
	    "{type}[: {data}]",
	    TONE_PLAIN, APPROVAL_NO_APPROVAL },
	{ 0 }
};

static const struct description *
find_row(const struct event_row *row)
{
	const struct description *r = rows;

	while (r->type != NULL && strcmp(r->type, row->columns.event_type) != 0)
		r++;
	return r;
}

static bool
ends_with(const char *name, size_t len, const char *end)
{
	return len >= strlen(end) &&
	    memcmp(name + len - strlen(end), end, strlen(end)) == 0;
}

/* Appends a value of the payload.  Returns false when it is missing or
 * empty. */
static bool
add_value(struct text *out, struct json_object *value, bool is_span)
{
	struct text json = TEXT_EMPTY;
	bool there;

	if (value == NULL)
		return false;
	if (json_is_string(value)) {
		int len = json_object_get_string_len(value);
		sentence_add_cut(out, json_object_get_string(value), (size_t)len);
		return len > 0;
	}
	if (is_span && json_is_number(value)) {
		double ms = json_object_get_double(value);
		if (ms >= 0 && ms < (double)TIMESTAMP_MAX) {
			humanize_add_span(out, (int64_t)ms);
			return true;
		}
	}
	json_write(&json, value);
	there = json.len > 0 && strcmp(text_string(&json), "{}") != 0 &&
	    strcmp(text_string(&json), "[]") != 0;
	if (there)
		sentence_add_cut(out, text_string(&json), json.len);
	text_free(&json);
	return there;
}

struct teller {
	const struct event_row *row;
	struct json_object *payload;
	int64_t after_ms;
};

static bool
add_field(const void *context, const char *name, size_t len,
    struct text *out)
{
	const struct teller *t = context;
	char key[64];

	if (len >= sizeof(key))
		return false;
	memcpy(key, name, len);
	key[len] = '\0';
	if (strcmp(key, "agent") == 0) {
		text_puts(out, t->row->columns.agent_id);
		return *t->row->columns.agent_id != '\0';
	}
	if (strcmp(key, "after") == 0) {
		if (t->after_ms >= 0)
			humanize_add_span(out, t->after_ms);
		return t->after_ms >= 0;
	}
	struct json_object *value = json_get(t->payload, key);
	const char *type = json_get_string(t->payload, "type");
	/* The fields of a generic delivery are in "data". */
	if (value == NULL && type != NULL && strcmp(type, "generic") == 0)
		value = json_get(json_get(t->payload, "data"), key);
	return add_value(out, value, ends_with(name, len, "Ms"));
}

/* Describes a payload that was too long and of which only the beginning is
 * kept.  Returns false when this is none. */
static bool
tell_truncated(struct text *out, struct json_object *payload)
{
	struct json_object *data = json_get(payload, "data");
	const char *type = json_get_string(payload, "type");
	struct json_object *size = json_get(data, "originalSize");

	if (type == NULL || strcmp(type, "_truncated") != 0 || size == NULL)
		return false;
	text_printf(out, "%.0f bytes, too long to be kept whole: ",
	    json_object_get_double(size));
	add_value(out, json_get(data, "preview"), false);
	return true;
}

/* What a sender with a path of its own tells.  The metadata say whose event it
 * is: anybody may write a type into a payload. */
static bool
tell_sender(struct text *out, const struct event_row *row,
    struct json_object *payload)
{
	struct text source = TEXT_EMPTY;
	const char *name = event_source(row, &source);
	bool told = name != NULL && describe_sender_add(out, name, payload);

	text_free(&source);
	return told;
}

void
describe_add(struct text *out, const struct event_row *row,
    struct json_object *payload, int64_t after_ms)
{
	const struct teller teller = { row, payload, after_ms };
	const struct description *found = find_row(row);

	if (payload == NULL)
		sentence_add_cut(out, row->columns.payload,
		    strlen(row->columns.payload));
	else if (tell_truncated(out, payload) ||
	    (strcmp(row->columns.event_type, "custom") == 0 &&
	    tell_sender(out, row, payload)))
		return;
	else if (found->type != NULL)
		sentence_add(out, found->sentence, add_field, &teller);
	else if (!add_value(out, payload, false))
		text_puts(out, row->columns.event_type);
}

enum describe_tone
describe_tone(const struct event_row *row)
{
	return find_row(row)->tone;
}

enum describe_approval
describe_approval(const struct event_row *row)
{
	return find_row(row)->approval;
}
