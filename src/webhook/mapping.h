/* The table of events: which event type and payload an event of a source
 * becomes.  It knows nothing of time, sessions and hashes. */
#ifndef MAPPING_H
#define MAPPING_H

#include "base/text.h"
#include "webhook/envelope.h"
#include "webhook/event.h"
#include "webhook/refusal.h"
#include "webhook/source.h"

struct mapping_row;

struct mapping {
	const struct mapping_row *row;
	const struct event_type *type;
	struct json_object *payload; /* owned */

	/* The id of the request or submission, which links all events about
	 * it; NULL when there is none.  Borrowed from the envelope. */
	const char *correlation_id;

	/* The name of an id that should have been there, for the log. */
	const char *missing_id;
};

/*
 * Finds the row of the table and the event type for an opened envelope.
 * Returns REFUSAL_NONE, or the code of `refusal`; free the mapping in both
 * cases.
 */
enum refusal_code mapping_find(struct mapping *mapping,
    const struct source *source, const struct envelope *envelope,
    struct refusal *refusal);

/* Makes the payload from the filled envelope.  Returns REFUSAL_NONE, or the
 * code of `refusal` (a field of the wrong kind, say). */
enum refusal_code mapping_apply(struct mapping *mapping,
    const struct envelope *envelope, struct refusal *refusal);

/* Releases the payload; twice is allowed. */
void mapping_free(struct mapping *mapping);

/* Appends the table as Markdown, for the manual and --print-mapping. */
void mapping_print(struct text *out);

#endif
