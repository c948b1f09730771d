/* The table of events: (source, event) to event type and payload fields. */
#ifndef MAPPING_H
#define MAPPING_H

#include "envelope.h"
#include "event.h"
#include "reply.h"
#include "source.h"
#include "text.h"

struct mapping_row;

struct mapping {
	const struct mapping_row *row;
	const struct event_type *type;
	struct json_object *payload; /* owned */

	/* The request's or submission's id, which links the events of one;
	 * NULL when there is none.  Borrowed from the envelope. */
	const char *correlation_id;

	/* The name of an id that should have been there, for the log. */
	const char *missing_id;
};

/*
 * Finds the row and the event type of an opened envelope.  Returns REPLY_NONE,
 * or the refusal with `reply` set; free the mapping in both cases.
 */
enum reply_kind mapping_find(struct mapping *mapping,
    const struct source *source, const struct envelope *envelope,
    struct reply *reply);

/* Makes the payload from the filled envelope.  Returns REPLY_NONE, or the
 * refusal (a field of the wrong kind) with `reply` set. */
enum reply_kind mapping_apply(struct mapping *mapping,
    const struct envelope *envelope, struct reply *reply);

void mapping_free(struct mapping *mapping);

/* Appends the table as Markdown. */
void mapping_print(struct text *out);

#endif
