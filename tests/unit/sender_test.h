/* What the unit tests of third-party senders share. */
#ifndef SENDER_TEST_H
#define SENDER_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"
#include "reader/describe_sender.h"
#include "tests/unit/tap.h"
#include "webhook/sender.h"

#define PAYLOAD_MAX 10240

/* Headers as "name", "value", …, NULL. */
__attribute__((unused)) static const char *
list_header(const void *context, const char *name)
{
	const char *const *list = context;

	for (; list != NULL && *list != NULL; list += 2)
		if (strcasecmp(list[0], name) == 0)
			return list[1];
	return NULL;
}

__attribute__((unused)) static struct json_object *
parse(const char *text)
{
	struct json_object *value = NULL;
	struct json_error error;

	if (json_read(text, strlen(text), &value, &error) != 0) {
		printf("Bail out! %s: %s\n", text, error.reason);
		exit(1);
	}
	return value;
}

__attribute__((unused)) static bool
is(struct text *text, const char *expected)
{
	bool same = strcmp(text_string(text), expected) == 0;

	if (!same)
		printf("# '%s' instead of '%s'\n", text_string(text),
		    expected);
	text_free(text);
	return same;
}

__attribute__((unused)) static void
repeat(struct text *out, const char *piece, int times)
{
	while (times-- > 0)
		text_puts(out, piece);
}

/* What is made of a delivery. */
struct made {
	struct text name, session, agent, sentence, payload;
	struct sender_identity identity;
	const char *type;
};

__attribute__((unused)) static void
free_made(struct made *made)
{
	text_free(&made->name);
	text_free(&made->session);
	text_free(&made->agent);
	text_free(&made->sentence);
	text_free(&made->payload);
}

__attribute__((unused)) static struct made
make(const struct source *source, const char *const *headers,
    const char *body, bool approvals)
{
	const struct sender_delivery delivery = { source, list_header,
		headers, body, strlen(body), approvals, PAYLOAD_MAX };
	struct sender_event event;
	struct json_object *json;
	struct json_error error;
	struct made made = { 0 };
	bool is_fields;

	if (sender_read(source, body, strlen(body), &json, &is_fields,
	    &error) != 0 || sender_identify(&delivery, json,
	    &made.identity) != 0 ||
	    sender_convert(&delivery, json, is_fields, &event) != 0) {
		printf("Bail out! %s: %s\n", source->name, body);
		exit(1);
	}
	made.type = event.type;
	text_puts(&made.name, text_string(&event.name));
	text_puts(&made.session, text_string(&event.session));
	text_puts(&made.agent, text_string(&event.agent));
	json_write(&made.payload, event.payload);
	describe_sender_add(&made.sentence, source->name, event.payload);
	sender_event_free(&event);
	json_object_put(json);
	return made;
}

#endif
