/* Deliveries of third-party senders: a line with the sender's name, lines with
 * header fields, an empty line, and the body. */
#include "webhook/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "webhook/event.h"
#include "webhook/scheme.h"

#define HEADERS_MAX 16
#define SECRET "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQ="
#define TIME "1785600000"
#define NOW INT64_C(1785600000000)

struct headers {
	const char *names[HEADERS_MAX + 3];
	const char *values[HEADERS_MAX + 3];
	int count;
};

static const char *
find_header(const void *context, const char *name)
{
	const struct headers *headers = context;

	for (int i = 0; i < headers->count; i++)
		if (strcasecmp(headers->names[i], name) == 0)
			return headers->values[i];
	return NULL;
}

/* Reads the lines above the body, which are cut up.  Returns the sender. */
static const struct source *
read_head(char **at, struct headers *headers)
{
	const char *name = strsep(at, "\n");
	const struct source *source = source_find_path(name);
	char *line;

	while (*at != NULL && (line = strsep(at, "\n")) != NULL &&
	    *line != '\0' && headers->count < HEADERS_MAX) {
		char *value = strstr(line, ": ");
		if (value == NULL)
			continue;
		*value = '\0';
		headers->names[headers->count] = line;
		headers->values[headers->count++] = value + 2;
	}
	return source != NULL ? source :
	    &sources[SOURCE_SENDER + strlen(name) % (SOURCES -
	    SOURCE_SENDER)];
}

static enum scheme_verdict
verify(const struct source *source, const struct headers *headers,
    const char *body, size_t len, struct scheme_result *result)
{
	const char *const secrets[SCHEME_SECRETS] = { SECRET };
	const struct scheme_delivery delivery = {
		.source = source,
		.header = find_header,
		.context = headers,
		.body = body,
		.body_len = len,
		.secrets = secrets,
		.window_s = 1,
		.now = NOW,
	};

	return scheme_verify(&delivery, result);
}

/* What the row signs, the row takes; and with another byte no more. */
static void
require_own_signature(const struct source *source, char *body, size_t len)
{
	struct text header = TEXT_EMPTY;
	struct scheme_result result;
	char names[SENDER_HEADERS_MAX][SENDER_HEADER_SIZE];
	struct headers own = { .count = 1 };

	/* Of a form of Gitea's a part is signed. */
	if (source->form_field_is_signed || scheme_sign(source, SECRET, TIME,
	    TIME, body, len, &header) != 0)
		return;
	own.names[0] = source->signature_headers[0];
	own.values[0] = text_string(&header);
	int count = sender_headers(source, names);
	for (int i = 0; i < count && i < 3; i++) {
		own.names[own.count] = names[i];
		own.values[own.count++] = TIME;
	}
	fuzz_require(verify(source, &own, body, len, &result) ==
	    SCHEME_GOOD);
	if (len > 0 && source->algorithm != SOURCE_TOKEN) {
		body[len / 2] ^= 1;
		fuzz_require(verify(source, &own, body, len, &result) ==
		    SCHEME_MISMATCH);
		body[len / 2] ^= 1;
	}
	text_free(&header);
}

static void
require_name(const struct text *name)
{
	fuzz_require(name->len <= SENDER_NAME_MAX && !name->failed);
	for (size_t i = 0; i < name->len; i++)
		fuzz_require(!text_is_control(name->data + i));
}

static void
require_event(const struct sender_event *event, const struct source *source)
{
	struct text payload = TEXT_EMPTY, again = TEXT_EMPTY;
	struct json_object *value = NULL;
	struct json_error error;

	require_name(&event->name);
	require_name(&event->session);
	require_name(&event->agent);
	fuzz_require(event->session.len > 0);
	fuzz_require(strncmp(text_string(&event->name), source->name,
	    strlen(source->name)) == 0);
	fuzz_require(event_type_find(event->type) != NULL);
	json_write(&payload, event->payload);
	if (strcmp(event->type, "custom") == 0)
		fuzz_require(payload.len <= EVENT_COLUMN_MAX);
	fuzz_require(json_read(text_string(&payload), payload.len, &value,
	    &error) == 0);
	json_write(&again, value);
	fuzz_require(strcmp(text_string(&payload), text_string(&again)) == 0);
	fuzz_tell("payload", text_string(&payload), payload.len);
	json_object_put(value);
	text_free(&payload);
	text_free(&again);
}

static void
convert(const struct source *source, const struct headers *headers,
    const char *body, size_t len)
{
	const struct sender_delivery delivery = { source, find_header, headers,
		body, len, true, EVENT_COLUMN_MAX };
	struct sender_identity one, two;
	struct sender_event event;
	struct json_object *json;
	struct json_error error;
	struct text answer = TEXT_EMPTY;
	bool is_fields;

	int read = sender_read(source, body, len, &json, &is_fields, &error);
	fuzz_require(sender_identify(&delivery, json, &one) == 0);
	fuzz_require(sender_identify(&delivery, json, &two) == 0);
	fuzz_require(memcmp(&one, &two, sizeof(one)) == 0);
	if (read != 0) {
		fuzz_tell("refused", error.reason, strlen(error.reason));
		return;
	}
	if (source->handshake != NULL)
		source->handshake(json, SECRET, &answer);
	text_free(&answer);
	fuzz_require(sender_convert(&delivery, json, is_fields, &event) == 0);
	require_event(&event, source);
	sender_event_free(&event);
	json_object_put(json);
}

static void
open_target(void)
{
	fuzz_require(digest_init() == 0);
}

static void
run(const unsigned char *data, size_t size)
{
	char *input = fuzz_copy(data, size), *at = input;
	struct headers headers = { .count = 0 };
	struct scheme_result result;
	const struct source *source = read_head(&at, &headers);
	size_t len = at == NULL ? 0 : size - (size_t)(at - input);
	char *body = fuzz_copy((const unsigned char *)(at == NULL ? "" : at),
	    len);

	/* Nobody knows the secret; but a token is what it is. */
	if (source->algorithm != SOURCE_TOKEN)
		fuzz_require(verify(source, &headers, body, len, &result) !=
		    SCHEME_GOOD);
	require_own_signature(source, body, len);
	convert(source, &headers, body, len);
	free(body);
	free(input);
}

const struct fuzz_target fuzz_sender = {
	.name = "sender",
	.open = open_target,
	.run = run,
};
