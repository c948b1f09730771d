/* What an event says, in a sentence. */
#ifndef STORY_H
#define STORY_H

#include "json.h"
#include "output.h"
#include "row.h"
#include "text.h"

/*
 * Appends a sentence about an event: "alice allowed send_email after 42 s:
 * looks good".  `payload` is row_object() of its payload; `after_ms` is the
 * time since the request that it decides, or -1.  The words of the sender are
 * in it as they came, so print it as safe text only.
 */
void story_add(struct text *out, const struct row *row,
    struct json_object *payload, int64_t after_ms);

/* How it is set off on a terminal: what was allowed is green. */
enum output_style story_style(const struct row *row);

/* What an event does to a request for an approval. */
enum story_approval {
	STORY_NO_APPROVAL,
	STORY_ASKS,
	STORY_ALLOWS,
	STORY_REFUSES,
	STORY_EXPIRES
};

enum story_approval story_approval(const struct row *row);

#endif
