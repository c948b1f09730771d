#include "reader/describe.h"

#include <string.h>

#include "reader/humanize.h"

/* Bytes of one value in a sentence; the rest is cut off. */
#define VALUE_MAX 240

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

/* Appends at most VALUE_MAX bytes, cut between characters. */
static void
add_cut(struct text *out, const char *bytes, size_t len)
{
	size_t kept = text_fit(bytes, VALUE_MAX);

	text_add(out, bytes, kept);
	if (kept < len)
		text_puts(out, "…");
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
		add_cut(out, json_object_get_string(value), (size_t)len);
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
		add_cut(out, text_string(&json), json.len);
	text_free(&json);
	return there;
}

struct teller {
	const struct event_row *row;
	struct json_object *payload;
	int64_t after_ms;
	struct text *out;
};

static bool
add_field(const struct teller *t, const char *name, size_t len)
{
	char key[64];

	if (len >= sizeof(key))
		return false;
	memcpy(key, name, len);
	key[len] = '\0';
	if (strcmp(key, "agent") == 0) {
		text_puts(t->out, t->row->columns.agent_id);
		return *t->row->columns.agent_id != '\0';
	}
	if (strcmp(key, "after") == 0) {
		if (t->after_ms >= 0)
			humanize_add_span(t->out, t->after_ms);
		return t->after_ms >= 0;
	}
	struct json_object *value = json_get(t->payload, key);
	const char *type = json_get_string(t->payload, "type");
	/* The fields of a generic delivery are in "data". */
	if (value == NULL && type != NULL && strcmp(type, "generic") == 0)
		value = json_get(json_get(t->payload, "data"), key);
	return add_value(t->out, value, ends_with(name, len, "Ms"));
}

/* Appends the first field of "name|other}" that is there.  Returns what is
 * behind the brace. */
static const char *
add_fields(const struct teller *t, const char *at, bool *there)
{
	const char *end = strchr(at, '}');

	*there = false;
	while (at < end && !*there) {
		size_t len = strcspn(at, "|}");
		*there = add_field(t, at, len);
		at += len + 1;
	}
	return end + 1;
}

/* Appends a sentence up to the next bracket or its end.  Returns where that is,
 * and whether a field on the way was missing. */
static const char *
add_part(const struct teller *t, const char *at, bool in_brackets,
    bool *missing)
{
	*missing = false;
	while (*at != '\0' && *at != '[' && *at != ']') {
		bool there;
		if (*at != '{') {
			text_add(t->out, at++, 1);
			continue;
		}
		at = add_fields(t, at + 1, &there);
		if (!there && !in_brackets)
			text_puts(t->out, "?");
		*missing |= !there;
	}
	return at;
}

static void
tell(const struct teller *t, const char *sentence)
{
	while (*sentence != '\0') {
		bool in_brackets = *sentence == '[', missing;
		size_t before = t->out->len;
		if (in_brackets)
			sentence++;
		sentence = add_part(t, sentence, in_brackets, &missing);
		if (in_brackets && missing)
			text_truncate(t->out, before);
		if (in_brackets && *sentence == ']')
			sentence++;
	}
}

/* Describes a payload that was too long and of which only the beginning is
 * kept.  Returns false when this is none. */
static bool
tell_truncated(const struct teller *t)
{
	struct json_object *data = json_get(t->payload, "data");
	const char *type = json_get_string(t->payload, "type");
	struct json_object *size = json_get(data, "originalSize");

	if (type == NULL || strcmp(type, "_truncated") != 0 || size == NULL)
		return false;
	text_printf(t->out, "%.0f bytes, too long to be kept whole: ",
	    json_object_get_double(size));
	add_value(t->out, json_get(data, "preview"), false);
	return true;
}

void
describe_add(struct text *out, const struct event_row *row,
    struct json_object *payload, int64_t after_ms)
{
	const struct teller teller = { row, payload, after_ms, out };
	const struct description *found = find_row(row);

	if (payload == NULL)
		add_cut(out, row->columns.payload,
		    strlen(row->columns.payload));
	else if (tell_truncated(&teller))
		return;
	else if (found->type != NULL)
		tell(&teller, found->sentence);
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
