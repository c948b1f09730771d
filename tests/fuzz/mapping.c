/*
 * The way of a body from JSON to the two columns of an event, or to a refusal.
 * A body that begins with "{" names its source itself, as far as it can;
 * else the first byte picks it, and the body follows.
 */
#include "webhook/mapping.h"

#include <stdlib.h>
#include <string.h>

#include "webhook/envelope.h"
#include "webhook/event.h"
#include "agentlens-ingest/reply.h"
#include "base/json.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "fuzz.h"

#define COLUMN_MAX 10240
#define LINE_MAX_BYTES 500

/* Some day of 2026, and the session's last event of the year before. */
#define NOW INT64_C(1790000000000)
#define LAST "2025-12-31T23:59:59.999Z"

#define ID "01J8ZZZZZZZZZZZZZZZZZZZZZZ"

static const char *const not_the_senders[] = { "verifiedAgentId",
	"verifiedAgentMethod", "verifiedOnBehalfOf" };

static const char *
no_header(const void *context, const char *name)
{
	(void)context;
	(void)name;
	return NULL;
}

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if (text_is_control(text))
			return true;
	return false;
}

/* A line of the log is one line, whatever it is about. */
static void
check_line(void *context, const char *line, size_t len)
{
	int *lines = context;

	++*lines;
	fuzz_require(len > 0 && len <= LINE_MAX_BYTES);
	fuzz_require(line[len - 1] == '\n');
	for (size_t i = 0; i + 1 < len; i++)
		fuzz_require(!text_is_control(line + i));
}

static void
require_log(const struct event *event, const char *sentence)
{
	int lines = 0;

	log_set_sink(check_line, &lines);
	log_line(LOG_ERROR, "session", event->session_id, "agent",
	    event->agent_id, "error", sentence, NULL);
	log_set_sink(NULL, NULL);
	fuzz_require(lines == 1);
}

static int
depth_of(const struct text *text)
{
	int depth = 0, deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < text->len; i++) {
		char c = text->data[i];
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!in_string && (c == '}' || c == ']'))
			depth--;
	}
	return deepest;
}

/* A column's text is written the same when it is read; the value is the
 * caller's.  NULL: a string of JSON made it deeper than our reader goes. */
static struct json_object *
require_column(const char *name, const struct text *text)
{
	struct text again = TEXT_EMPTY;
	struct json_object *value;
	struct json_error error;

	fuzz_require(!text->failed && text->len >= 2);
	fuzz_require(text->len <= COLUMN_MAX);
	fuzz_require(strlen(text->data) == text->len);
	fuzz_tell(name, text->data, text->len);
	if (json_read(text->data, text->len, &value, &error) != 0) {
		fuzz_require(depth_of(text) == JSON_DEPTH_MAX + 1);
		return NULL;
	}
	fuzz_require(json_is_object(value));
	json_write(&again, value);
	fuzz_require(again.len == text->len);
	fuzz_require(memcmp(again.data, text->data, text->len) == 0);
	text_free(&again);
	return value;
}

/* What AgentLens takes from metadata is never the sender's to say. */
static void
require_metadata(const struct event *event, const struct source *source,
    const struct envelope *envelope, bool moved)
{
	struct json_object *metadata = require_column("metadata",
	    event->stored_metadata);
	const char *name = json_get_string(metadata, "source");
	const char *told = json_get_string(metadata, "webhookEvent");

	fuzz_require(metadata != NULL);
	fuzz_require(name != NULL && strcmp(name, source->name) == 0);
	fuzz_require(told != NULL && strcmp(told, envelope->event) == 0);
	for (size_t i = 0; i < 3; i++)
		fuzz_require(json_get(metadata, not_the_senders[i]) == NULL);
	fuzz_require((json_get(metadata, "reportedTimestamp") != NULL) ==
	    moved);
	fuzz_require(json_get(metadata, "contextTruncated") == NULL ||
	    json_object_object_length(metadata) == 3 + moved);
	json_object_put(metadata);
}

static void
require_event(struct event *event, const struct source *source,
    const struct envelope *envelope, bool has_last)
{
	const char *last = has_last ? LAST : NULL;
	bool reported = envelope->reported != NULL;
	int64_t time, last_time = -1;

	json_object_put(require_column("payload", &event->payload));
	fuzz_require(event_seal(event, ID, NOW, last, has_last ?
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	    : NULL) == 0);
	fuzz_require(timestamp_parse(event->timestamp,
	    strlen(event->timestamp), &time) == 0);
	if (has_last)
		timestamp_parse(LAST, strlen(LAST), &last_time);
	fuzz_require(time >= last_time && time <= NOW);
	fuzz_require(!reported || event->time < last_time ||
	    event->time > NOW || event->time == time);

	require_metadata(event, source, envelope,
	    reported && event->time != time);
	fuzz_require(event_type_find(event->type->name) == event->type);
	fuzz_require(event->session_id[0] != '\0');
	fuzz_require(event->agent_id[0] != '\0');
	fuzz_require(!has_control(event->session_id));
	fuzz_require(!has_control(event->agent_id));
	fuzz_require(strspn(event->hash, "0123456789abcdef") == 64 &&
	    event->hash[64] == '\0');
	require_log(event, event->type->name);
}

/* A refusal's answer is JSON, and its sentence fits a line of the log. */
static void
require_refusal(const struct refusal *refusal, const struct event *event)
{
	struct reply reply = { .kind = REPLY_REFUSED, .refusal = *refusal };
	struct text sentence = TEXT_EMPTY, response = TEXT_EMPTY;
	struct text reason = TEXT_EMPTY;
	struct json_object *body;
	struct json_error error;

	fuzz_require(reply_status(&reply) == 400);
	reply_sentence(&reply, &sentence);
	reply_write(&reply, true, &response);
	refusal_write(refusal, &reason);
	fuzz_require(refusal_code_of(text_string(&reason)) == refusal->code);
	const char *json = strstr(text_string(&response), "\r\n\r\n");
	fuzz_require(json != NULL);
	fuzz_require(json_read(json + 4, strlen(json + 4), &body, &error) ==
	    0);
	const char *told = json_get_string(body, "error");
	fuzz_require(told != NULL && strcmp(told, text_string(&sentence)) ==
	    0);
	require_log(event, told);
	fuzz_tell("refused", text_string(&sentence), sentence.len);
	json_object_put(body);
	text_free(&sentence);
	text_free(&reason);
	text_free(&response);
}

static const struct source *
pick_source(int first, struct json_object *body)
{
	if (first != '{')
		return &sources[first % SOURCE_SENDER];
	const struct source *source = source_find(
	    json_get_string(body, "source"), json_get_string(body, "event"),
	    no_header, NULL);
	return source != NULL ? source : &sources[SOURCE_FORMBRIDGE];
}

static void
map(const struct source *source, struct json_object *body, bool has_last)
{
	struct refusal refusal = { .code = REFUSAL_NONE };
	struct envelope envelope;
	struct mapping mapping = { .row = NULL };
	struct event event = { .type = NULL };
	enum refusal_code code;

	code = envelope_open(&envelope, source, body, &refusal);
	if (code == REFUSAL_NONE)
		code = mapping_find(&mapping, source, &envelope, &refusal);
	if (code == REFUSAL_NONE)
		code = envelope_fill(&envelope, source, body, &refusal);
	if (code == REFUSAL_NONE)
		code = mapping_apply(&mapping, &envelope, &refusal);
	if (code == REFUSAL_NONE)
		code = event_build(&event, source, &envelope, mapping.type,
		    mapping.payload, mapping.correlation_id, "default",
		    &refusal);
	fuzz_require(code == refusal.code);
	if (code == REFUSAL_NONE)
		require_event(&event, source, &envelope, has_last);
	else
		require_refusal(&refusal, &event);
	event_free(&event);
	mapping_free(&mapping);
	envelope_close(&envelope);
}

static void
run(const unsigned char *data, size_t size)
{
	struct json_object *body;
	struct json_error error;

	if (size < 2)
		return;
	size_t skipped = data[0] != '{';
	char *copy = fuzz_copy(data + skipped, size - skipped);
	if (json_read(copy, size - skipped, &body, &error) == 0) {
		envelope_sent_at(body);
		if (json_is_object(body))
			map(pick_source(data[0], body), body,
			    data[size / 2] % 2 != 0);
		json_object_put(body);
	}
	free(copy);
}

static void
open_target(void)
{
	fuzz_require(digest_init() == 0);
}

const struct fuzz_target fuzz_mapping = {
	.name = "mapping",
	.open = open_target,
	.run = run,
};
