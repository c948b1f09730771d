/* A delivery: what was sent, how it is recognised when it is sent again, and
 * the event that it becomes.  It knows neither requests nor files. */
#ifndef DELIVERY_H
#define DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "webhook/envelope.h"
#include "webhook/event.h"
#include "webhook/mapping.h"
#include "webhook/refusal.h"
#include "webhook/source.h"

/* All that is recorded of one delivery.  Everything is borrowed. */
struct delivery {
	const struct source *source;
	const char *remote_addr; /* or NULL */
	const char *signature;   /* 64 hex digits; NULL unless it was good */
	const void *body;
	size_t body_len;

	int64_t sent_at; /* the time that the body carries, in ms; or 0 */

	/* delivery_key(), of a signed delivery. */
	bool has_key;
	unsigned char key[DIGEST_BYTES];

	/* delivery_idempotency_key(), when a header of
	 * source_idempotency_headers was sent. */
	bool has_idempotency_key;
	unsigned char idempotency_key[DIGEST_BYTES];

	struct event *event; /* NULL: the delivery is refused */
	const char *reason;  /* of refusal_write(), when it is refused */
};

/* The key by which a signed delivery is recognised: SHA-256 of the source's
 * name, a NUL and the body.  Returns 0, or -1 when libgcrypt refuses. */
int delivery_key(const struct source *source, const void *body, size_t len,
    unsigned char key[DIGEST_BYTES]);

/* The key by which the name that a sender gave a delivery is recognised:
 * SHA-256 of the source's name, a NUL, the header's name, a NUL, and the
 * header's value.  Returns 0, or -1 when libgcrypt refuses. */
int delivery_idempotency_key(const struct source *source, const char *header,
    const char *value, unsigned char key[DIGEST_BYTES]);

/* A body on its way to an event; begins as { 0 }. */
struct conversion {
	struct envelope envelope;
	struct mapping mapping;
	struct event event;
};

/*
 * Takes the steps from a body, which is an object, to an event that is not
 * sealed yet.  They depend on nothing but the parameters, so that the same
 * bytes give the same event at any time.  Returns REFUSAL_NONE, or the code of `refusal`;
 * free the conversion in both cases, and before the body.
 */
enum refusal_code delivery_convert(struct conversion *conversion,
    const struct source *source, struct json_object *body, bool is_signed,
    const char *tenant, struct refusal *refusal);

/* The first frees everything; the second everything but the event, which
 * borrows nothing from the body. */
void conversion_free(struct conversion *conversion);
void conversion_free_values(struct conversion *conversion);

#endif
