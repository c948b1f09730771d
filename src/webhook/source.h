/* The table of sources: who sends deliveries, how each is recognised, and in
 * which header it signs.  It knows no secrets and no settings. */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>

enum source_id {
	SOURCE_AGENTGATE,
	SOURCE_FORMBRIDGE,
	SOURCE_GENERIC,
	SOURCES
};

/* Their names, for help and errors. */
#define SOURCE_NAMES "agentgate, formbridge or generic"

#define SOURCE_HEADERS_MAX 4

struct source {
	enum source_id id;
	const char *name; /* as in the body's "source" */

	/* Header fields that carry its signature; the first present counts. */
	const char *signature_headers[SOURCE_HEADERS_MAX];

	const char *signature_prefix; /* what it puts before the digits */

	/* Header fields that only this product sends. */
	const char *product_headers[SOURCE_HEADERS_MAX];

	const char *event_prefix; /* of its event names, or NULL */
	bool signature_required;  /* even where no secret is set */
};

/* The table, in the order of the enum. */
extern const struct source sources[SOURCES];

/* The source of this name, or NULL. */
const struct source *source_named(const char *name);

/* Header fields that name a delivery, closed by NULL; the first present
 * counts. */
extern const char *const source_idempotency_headers[];

/* Looks up a header field by its name; NULL when it is absent or empty. */
typedef const char *source_header_fn(const void *context, const char *name);

/*
 * Which source sent a delivery: the one that the body's "source" names, else
 * the one of a product header that is present, else the one of the prefix of
 * the event's name.  body_source and event may be NULL.  Returns NULL when
 * none of these tells.
 */
const struct source *source_find(const char *body_source, const char *event,
    source_header_fn *header, const void *context);

#endif
