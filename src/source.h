/* The sources of deliveries: who sends, how it is recognised, with what it
 * signs. */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>

enum source_id {
	SOURCE_AGENTGATE,
	SOURCE_FORMBRIDGE,
	SOURCE_GENERIC,
	SOURCES
};

#define SOURCE_HEADERS_MAX 4

struct source {
	enum source_id id;
	const char *name; /* as in the body's "source" */

	/* Header fields that carry its signature, the first present counts. */
	const char *signature_headers[SOURCE_HEADERS_MAX];

	/* Header fields that only this product sends. */
	const char *product_headers[SOURCE_HEADERS_MAX];

	const char *event_prefix; /* of its event names, or NULL */
	bool signature_required;  /* even where no secret is set */
};

/* The table, in the order of the enum. */
extern const struct source sources[SOURCES];

/* Header fields that name a delivery, the first present counts. */
extern const char *const source_idempotency_headers[];

/* Looks up a header field by its name; NULL when it is absent or empty. */
typedef const char *source_header_fn(const void *context, const char *name);

/*
 * Which source sent this: the body's "source" when it is one of the table,
 * else a product header that is present, else the prefix of the event's name.
 * body_source and event may be NULL.  Returns NULL when nothing tells.
 */
const struct source *source_find(const char *body_source, const char *event,
    source_header_fn *header, const void *context);

#endif
