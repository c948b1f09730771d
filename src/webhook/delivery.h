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
#include "webhook/sender.h"
#include "webhook/source.h"

/* How a delivery was shown to be from its source.  The codes are stored, so they
 * are added and never changed. */
enum delivery_scheme {
	DELIVERY_UNSIGNED,
	DELIVERY_HMAC_SHA256,
	DELIVERY_HMAC_SHA1,
	DELIVERY_TOKEN, /* by the secret itself: whoever read one can send more */
	DELIVERY_SCHEMES
};

/* What is remarkable about a delivery, as bits.  The names are stored. */
enum delivery_note {
	DELIVERY_NOTE_ID_REUSED = 1 /* its id came with other bytes before */
};

/* A header field that signature, mapping or recognition has used, by the name
 * that the table of sources has for it. */
struct delivery_header {
	char name[SENDER_HEADER_SIZE];
	const char *value;
};

/* The headers of sender_headers(), the content type, and the signature's own
 * where a time stands in it. */
#define DELIVERY_HEADERS_MAX (SENDER_HEADERS_MAX + 2)

/* All that is recorded of one delivery.  Everything is borrowed. */
struct delivery {
	const struct source *source;
	const char *remote_addr; /* or NULL */

	enum delivery_scheme scheme;
	int secret; /* the index of the secret that signed */
	unsigned char signature[DIGEST_BYTES]; /* the good one */
	size_t signature_len; /* 0: unsigned, or a token */
	struct delivery_header headers[DELIVERY_HEADERS_MAX];
	int headers_count;
	unsigned notes; /* of enum delivery_note */

	const void *body;
	size_t body_len;

	int64_t sent_at; /* the time that the body carries, in ms; or 0 */

	/* By which the same delivery is known again: delivery_key() of a signed
	 * one, or delivery_identify(). */
	bool has_key;
	unsigned char key[DIGEST_BYTES];

	/* By which its id is: delivery_idempotency_key(), when a header of
	 * source_idempotency_headers was sent, or delivery_identify(). */
	bool has_idempotency_key;
	unsigned char idempotency_key[DIGEST_BYTES];

	/* Whether the id is signed: then other bytes under it are a repeat.
	 * Else they are an event of their own, if they are signed. */
	bool id_is_signed;

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

/* The stored code of a scheme; NULL of DELIVERY_UNSIGNED. */
const char *delivery_scheme_code(enum delivery_scheme scheme);

/* The scheme of a source's good deliveries. */
enum delivery_scheme delivery_scheme_of(const struct source *source);

/*
 * Fills in by what a sender's delivery is known again: key, idempotency_key and
 * id_is_signed.  Call it before delivery_convert_sender(), which changes the
 * body; json is NULL when that is none.  Returns 0, or -1 when memory or
 * libgcrypt fails.
 */
int delivery_identify(struct delivery *delivery,
    const struct sender_delivery *sent, struct json_object *json);

/*
 * Fills in the values of the headers that a sender's delivery needs to be
 * checked and mapped again.  `row` is the one of the table, whose header names
 * settings cannot have changed; content_type may be NULL.  `time` is what stood
 * in the signature header, or "": it becomes the value of that header.
 */
void delivery_keep_headers(struct delivery *delivery,
    const struct sender_delivery *sent, const struct source *row,
    const char *content_type, const char *time);

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

/*
 * The same for a sender that has a path, whose body sender_read() has read and
 * which is changed.  Returns REFUSAL_NONE, or REFUSAL_NO_MEMORY.
 */
enum refusal_code delivery_convert_sender(struct conversion *conversion,
    const struct sender_delivery *sent, struct json_object *json,
    bool is_fields, const char *tenant, struct refusal *refusal);

/*
 * Whether an unsigned delivery claims what only signed ones may: the name of an
 * event of the products, a session that is made for events without one, or one
 * of a sender's.  `is_owned` tells the last of senders of one's own; `context`
 * is its first argument.  It is a rule for what comes in now, and not one of
 * delivery_convert(): what was recorded before there was the rule stays right.
 */
typedef bool delivery_owned_fn(const void *context, const char *session);
enum refusal_code delivery_check_unsigned(const struct conversion *conversion,
    delivery_owned_fn *is_owned, const void *context,
    struct refusal *refusal);

/* The first frees everything; the second everything but the event, which
 * borrows nothing from the body. */
void conversion_free(struct conversion *conversion);
void conversion_free_values(struct conversion *conversion);

#endif
