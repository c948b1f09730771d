/* Describes an event in a sentence. */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include "base/json.h"
#include "base/text.h"
#include "reader/events.h"

/*
 * Appends a sentence about an event: "alice allowed send_email after 42 s:
 * looks good".  `payload` is event_object() of its payload; `after_ms` is the
 * time in ms since the request that it decides, or -1.  What the sender wrote
 * is in it unchanged, control characters too: print it with terminal_add_safe()
 * or the like.
 */
void describe_add(struct text *out, const struct event_row *row,
    struct json_object *payload, int64_t after_ms);

/* How an event is to be marked, by a colour or whatever the program has. */
enum describe_tone {
	TONE_PLAIN,
	TONE_GOOD, /* allowed, done */
	TONE_WARN, /* waiting for somebody */
	TONE_BAD   /* refused, failed */
};

enum describe_tone describe_tone(const struct event_row *row);

/* What an event means for a request for an approval. */
enum describe_approval {
	APPROVAL_NO_APPROVAL,
	APPROVAL_ASKS,
	APPROVAL_ALLOWS,
	APPROVAL_REFUSES,
	APPROVAL_EXPIRES
};

enum describe_approval describe_approval(const struct event_row *row);

#endif
