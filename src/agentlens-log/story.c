#include "story.h"

#include <string.h>

#include "words.h"

/* Bytes of one value in a sentence. */
#define VALUE_MAX 240

struct story_row {
	const char *type;

	/*
	 * {name} is a field of the payload: a string as it is, a number of a
	 * name in Ms as a time span, anything else as JSON.  Of the two names
	 * in {name|other} the first that is there counts.  What stands in
	 * brackets is left out when a field in it is missing or empty; a
	 * missing field elsewhere is a question mark.  {agent} is the event's
	 * agent, and {after} the time since the request.
	 */
	const char *sentence;
	enum output_style style;
	enum story_approval approval;
};

static const struct story_row rows[] = {
	{ "session_started", "{agent} began[ as {agentName}]"
	    "[, version {agentVersion}]", OUTPUT_PLAIN, 0 },
	{ "session_ended", "{agent} ended[: {reason}][, {summary}]"
	    "[, after {totalDurationMs}]", OUTPUT_PLAIN, 0 },
	{ "tool_call", "{agent} called {toolName|tool}[ of {serverName}]"
	    "[ with {arguments}]", OUTPUT_PLAIN, 0 },
	{ "tool_response", "{toolName|tool} answered[ after {durationMs}]"
	    "[: {result}]", OUTPUT_PLAIN, 0 },
	{ "tool_error", "{toolName|tool} failed[ after {durationMs}][: {error}]",
	    OUTPUT_BAD, 0 },
	{ "approval_requested", "{agent} asked for {action}"
	    "[, urgency {urgency}][: {params}]", OUTPUT_WARN, STORY_ASKS },
	{ "approval_granted", "{decidedBy} allowed {action}[ after {after}]"
	    "[: {reason}]", OUTPUT_GOOD, STORY_ALLOWS },
	{ "approval_denied", "{decidedBy} refused {action}[ after {after}]"
	    "[: {reason}]", OUTPUT_BAD, STORY_REFUSES },
	{ "approval_expired", "nobody decided on {action}[ within {after}]"
	    "[: {reason}]", OUTPUT_BAD, STORY_EXPIRES },
	{ "form_submitted", "form {formName|formId} was begun"
	    "[, fields: {fieldCount}]", OUTPUT_PLAIN, 0 },
	{ "form_completed", "{completedBy} completed form {formId}"
	    "[ after {durationMs}]", OUTPUT_GOOD, 0 },
	{ "form_expired", "form {formId} expired[ after {expiredAfterMs}]",
	    OUTPUT_BAD, 0 },
	{ "cost_tracked", "[{provider} ][{model} ]cost {costUsd} USD"
	    "[, {totalTokens} tokens]", OUTPUT_PLAIN, 0 },
	{ "llm_call", "{agent} asked {model}[ of {provider}]", OUTPUT_PLAIN,
	    0 },
	{ "llm_response", "{model} answered[ after {latencyMs}]"
	    "[, {costUsd} USD][: {completion}]", OUTPUT_PLAIN, 0 },
	{ "alert_triggered", "alert {alertName}[: {message}]", OUTPUT_BAD,
	    0 },
	{ "alert_resolved", "alert {alertName} is over[, by {resolvedBy}]",
	    OUTPUT_GOOD, 0 },
	{ "error", "error[ {code}][: {message|error}][: {data}]", OUTPUT_BAD,
	    0 },
	{ "custom", "{type}[: {data}]", OUTPUT_PLAIN, 0 },
	{ 0 }
};

static const struct story_row *
find_row(const struct row *row)
{
	const struct story_row *r = rows;

	while (r->type != NULL && strcmp(r->type, row->type) != 0)
		r++;
	return r;
}

/* Appends at most VALUE_MAX bytes, cut between characters. */
static void
add_cut(struct text *out, const char *bytes, size_t len)
{
	size_t kept = len;

	if (len > VALUE_MAX) {
		kept = VALUE_MAX;
		while (kept > 0 && (bytes[kept] & 0xc0) == 0x80)
			kept--;
	}
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

/* Appends a value of the payload.  Returns false when there is nothing in
 * it. */
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
			words_add_span(out, (int64_t)ms);
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
	const struct row *row;
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
		text_puts(t->out, t->row->agent);
		return *t->row->agent != '\0';
	}
	if (strcmp(key, "after") == 0) {
		if (t->after_ms >= 0)
			words_add_span(t->out, t->after_ms);
		return t->after_ms >= 0;
	}
	struct json_object *value = json_get(t->payload, key);
	const char *type = json_get_string(t->payload, "type");
	/* A generic delivery's own fields are one step further down. */
	if (value == NULL && type != NULL && strcmp(type, "generic") == 0)
		value = json_get(json_get(t->payload, "data"), key);
	return add_value(t->out, value, ends_with(name, len, "Ms"));
}

/* Appends what stands in the braces, "name|other".  Returns the end. */
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

/* Appends a part of a sentence up to its bracket or end; returns that, with
 * whether a field in it was missing. */
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
		if (in_brackets && missing && t->out->len > before) {
			t->out->len = before;
			t->out->data[before] = '\0';
		}
		if (in_brackets && *sentence == ']')
			sentence++;
	}
}

/* A payload that was too long to be kept whole. */
static bool
tell_truncated(const struct teller *t)
{
	struct json_object *data = json_get(t->payload, "data");
	const char *type = json_get_string(t->payload, "type");
	struct json_object *size = json_get(data, "originalSize");

	if (type == NULL || strcmp(type, "_truncated") != 0 || size == NULL)
		return false;
	words_add(t->out, "%.0f bytes, too long to be kept whole: ",
	    json_object_get_double(size));
	add_value(t->out, json_get(data, "preview"), false);
	return true;
}

void
story_add(struct text *out, const struct row *row,
    struct json_object *payload, int64_t after_ms)
{
	const struct teller teller = { row, payload, after_ms, out };
	const struct story_row *found = find_row(row);

	if (payload == NULL)
		add_cut(out, row->payload, strlen(row->payload));
	else if (tell_truncated(&teller))
		return;
	else if (found->type != NULL)
		tell(&teller, found->sentence);
	else if (!add_value(out, payload, false))
		text_puts(out, row->type);
}

enum output_style
story_style(const struct row *row)
{
	return find_row(row)->style;
}

enum story_approval
story_approval(const struct row *row)
{
	return find_row(row)->approval;
}
