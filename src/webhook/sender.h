/*
 * The deliveries of senders that have a path of their own: from the bytes of
 * a body whose signature is good to what becomes an event.  The row of the
 * sender says everything; see source.h.
 */
#ifndef SENDER_H
#define SENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/json.h"
#include "webhook/source.h"

/* Bytes of a session's, agent's or event's name; a longer one becomes the
 * sender's name, a colon and its SHA-256. */
#define SENDER_NAME_MAX 256

struct sender_delivery {
	const struct source *source;
	source_header_fn *header;
	const void *context; /* its first argument */
	const char *body;
	size_t body_len;
	bool approvals; /* whether they may be made of a signed delivery */
	size_t payload_max; /* bytes of the payload's JSON */
};

struct sender_event {
	const char *type;    /* "custom", or one of an approval */
	struct text name;    /* "github.pull_request.closed" */
	struct text session;
	struct text agent;   /* empty where none is named */
	struct json_object *payload; /* owned */
};

/*
 * Reads the JSON of a body, which may be a form.  Returns 0 with *json, an
 * object that the caller owns; 1 when it is none, with *error; -1 when memory
 * runs out.  *is_fields tells that it was made of a form's fields.
 */
int sender_read(const struct source *source, const char *body, size_t len,
    struct json_object **json, bool *is_fields, struct json_error *error);

/*
 * Makes the event of a body that sender_read() has read, which is changed:
 * what is not kept goes.  Nothing in a body is refused; what is missing has
 * its place taken by something.  Returns 0, or -1 when memory or libgcrypt
 * fails; free the event in both cases.
 */
int sender_convert(const struct sender_delivery *delivery,
    struct json_object *json, bool is_fields, struct sender_event *event);

void sender_event_free(struct sender_event *event);

/* How a delivery is known again. */
enum sender_identity_kind {
	SENDER_IS_NEW,     /* nothing tells: each is an event */
	SENDER_KNOWN_BY_ID, /* the id is signed: other bytes under it are a
	                     * repeat, too; `key` is of both together */
	SENDER_KNOWN_BY_BYTES /* by all that is signed, or by all there is */
};

struct sender_identity {
	enum sender_identity_kind kind;
	unsigned char key[DIGEST_BYTES]; /* of none that is new */

	/* The id.  Of one that is not signed, other bytes under it are worth a
	 * note, never a refusal. */
	bool has_id;
	bool id_is_signed;
	unsigned char id_key[DIGEST_BYTES];
};

/* Finds out how a delivery is known again; call it before sender_convert(),
 * which changes the body.  json may be NULL, for a body that is none.  Returns
 * 0, or -1 when memory or libgcrypt fails. */
int sender_identify(const struct sender_delivery *delivery,
    struct json_object *json, struct sender_identity *identity);

/*
 * The header fields of a row whose values its deliveries need to be checked
 * and mapped again: what is signed, the id and the event's name.  Fills in
 * names of at most SENDER_HEADER_SIZE - 1 bytes; returns how many.
 */
#define SENDER_HEADERS_MAX 4
#define SENDER_HEADER_SIZE 128
int sender_headers(const struct source *source,
    char names[SENDER_HEADERS_MAX][SENDER_HEADER_SIZE]);

#endif
