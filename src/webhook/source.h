/*
 * The sources of deliveries: who sends, how each is recognised, with what it
 * signs, and where in its deliveries everything stands.  A row says it all;
 * no code asks for a source's name.  It knows no secrets and no settings.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* Whose ids are for tables that go by them; those from SOURCE_SENDER on have a
 * path of their own, and one's own senders come behind all of these. */
enum source_id {
	SOURCE_AGENTGATE,
	SOURCE_FORMBRIDGE,
	SOURCE_GENERIC,
	SOURCE_GITHUB,
	SOURCE_GITEA,
	SOURCE_GITLAB,
	SOURCE_GITLAB_TOKEN,
	SOURCE_BITBUCKET,
	SOURCE_JIRA,
	SOURCE_STRIPE,
	SOURCE_SLACK,
	SOURCE_STANDARD_WEBHOOKS,
	SOURCE_SVIX,
	SOURCE_OPENAI,
	SOURCE_ANTHROPIC,
	SOURCE_LINEAR,
	SOURCE_SENTRY,
	SOURCE_PAGERDUTY,
	SOURCE_SHOPIFY,
	SOURCE_PADDLE,
	SOURCE_ZOOM,
	SOURCE_GRAFANA,
	SOURCE_ALERTMANAGER,
	SOURCE_LANGFUSE,
	SOURCE_VERCEL,
	SOURCES,
	SOURCE_SENDER = SOURCE_GITHUB
};

enum source_algorithm {
	SOURCE_HMAC_SHA256,
	SOURCE_HMAC_SHA1,
	SOURCE_TOKEN, /* the header is the secret itself */
	SOURCE_ALGORITHMS
};

enum source_encoding {
	SOURCE_HEX, /* in either case */
	SOURCE_BASE64, /* RFC 4648, section 4, with padding */
	SOURCE_ENCODINGS
};

enum source_prefix {
	SOURCE_PREFIX_NEEDED,
	SOURCE_PREFIX_SENT, /* and may be missing */
	SOURCE_PREFIX_TAKEN /* where it is there, but it is not sent */
};

/* How a secret is made a key. */
enum source_key {
	SOURCE_KEY_TEXT, /* its bytes */
	SOURCE_KEY_WHSEC, /* base 64, after "whsec_", which may be missing */
	SOURCE_KEYS
};

/* The names of those without a path, for help and errors. */
#define SOURCE_NAMES "agentgate, formbridge or generic"

#define SOURCE_HEADERS_MAX 4

struct source;

/*
 * What a delivery that only asks for an answer is answered: appends it as
 * JSON and returns true; false for all other deliveries.  `key` is the secret
 * that is set now.
 */
typedef bool source_handshake_fn(struct json_object *body, const char *secret,
    struct text *answer);

/*
 * Whether a body is a step of an approval.  *type becomes the event type and
 * *payload, which the caller owns, its payload; returns false for all other
 * bodies, and when memory runs out.
 */
typedef bool source_approval_fn(struct json_object *body, const char **type,
    struct json_object **payload);

/* The text of a session whose form depends on what the body is about; as the
 * column `session`. */
typedef const char *source_session_fn(struct json_object *body);

struct source {
	enum source_id id; /* or SOURCES and more: a sender of one's own */
	const char *name;  /* as in the body's "source", or in the path */

	/* Of those without a path: header fields that only this product sends,
	 * and what its event names begin with, or NULL. */
	const char *product_headers[SOURCE_HEADERS_MAX];
	const char *event_prefix;

	/* The signature.  The first header field that is there counts. */
	bool signature_required; /* even where no secret is set */
	enum source_algorithm algorithm;
	const char *signature_headers[SOURCE_HEADERS_MAX];
	const char *delimiter; /* between several in one header, or NULL */
	const char *prefix;    /* of each signature, or NULL */
	enum source_prefix prefix_use;
	enum source_encoding encoding;
	const char *signed_text; /* {id} {timestamp} {body}; what stands in
	                          * brackets only if its values are there */
	const char *timestamp;   /* a locator with a unit, or NULL; signed_text
	                          * has it, unless it is in the body */
	long window_s; /* how far the timestamp may lie from now, either way */
	enum source_key key;

	/* A body that is a form instead of JSON. */
	const char *form_field; /* the field whose value is the JSON, or NULL */
	bool form_is_data; /* without that field, its fields are the data */
	bool form_field_is_signed; /* that field alone, decoded, is {body} */

	/* Where in a delivery everything is; see locator.h. */
	const char *delivery_id;
	const char *event;      /* parts of its name */
	const char *fields_event; /* its name when a form's fields are it */
	const char *session;    /* a text with values */
	source_session_fn *session_of; /* that says which text; or NULL */
	const char *metadata;   /* a path to what users may put there */
	const char *agent;
	const char *const *keep; /* what the payload keeps; NULL is all */
	const char *const *drop; /* names that it never keeps, or NULL */

	/* Whoever sets it up there may name its headers; see settings. */
	bool headers_are_settings;

	bool repeats; /* it sends the same bytes again as news */
	const char *changing; /* a member that each sending has anew, or NULL */

	source_handshake_fn *handshake;
	source_approval_fn *approval;
};

/* The table; the first of it in the order of the enum. */
extern const struct source sources[SOURCES];

/* The row of the table with this name, or NULL. */
const struct source *source_named(const char *name);

/* Header fields that name a delivery at the endpoint itself, closed by NULL;
 * the first present counts. */
extern const char *const source_idempotency_headers[];

/* Looks up a header field by its name; NULL when it is absent or empty. */
typedef const char *source_header_fn(const void *context, const char *name);

/*
 * Which source sent this to the endpoint itself: the one that the body's
 * "source" names when it is one of these, else the one of a product header that
 * is present, else the one of the prefix of the event's name.  body_source and
 * event may be NULL.  Returns NULL when none of these tells.
 */
const struct source *source_find(const char *body_source, const char *event,
    source_header_fn *header, const void *context);

/* Whether a row has a path of its own below the endpoint, "/github", which is
 * then the only thing that tells its deliveries; one's own senders have. */
bool source_has_path(const struct source *source);

/* The row of the table that has a path of this name, or NULL. */
const struct source *source_find_path(const char *name);

/* Whether a session begins with the row's name and a colon, as those of its
 * own deliveries do. */
bool source_owns_session(const struct source *source, const char *session);

#endif
