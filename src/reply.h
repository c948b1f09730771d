/* The answers: one table of what they are, and how one is written. */
#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>

#include "log.h"
#include "text.h"

/*
 * What a step of a request came to.  0 means: go on.  Everything else is a row
 * of the table in reply.c, which alone knows status, sentence and log level.
 */
enum reply_kind {
	REPLY_NONE,
	REPLY_RECORDED,
	REPLY_REPLAYED,
	REPLY_HEALTHY,
	REPLY_NOT_FOUND,
	REPLY_NOT_POST,
	REPLY_NOT_GET,
	REPLY_BAD_LENGTH,
	REPLY_WRONG_LENGTH,
	REPLY_TOO_LARGE,
	REPLY_TOO_SLOW,
	REPLY_BAD_JSON,
	REPLY_NO_SOURCE,
	REPLY_NO_SECRET,
	REPLY_BAD_SIGNATURE,
	REPLY_UNSIGNED_TYPE,
	REPLY_NO_EVENT,
	REPLY_NO_DATA,
	REPLY_UNKNOWN_EVENT,
	REPLY_BAD_FIELD,
	REPLY_KEY_REUSED,
	REPLY_EXPOSED,
	REPLY_MISCONFIGURED,
	REPLY_BUSY,
	REPLY_UNAVAILABLE,
	REPLY_INTERNAL,
	REPLY_KINDS
};

/* Room for the part of a sentence that differs from answer to answer. */
#define REPLY_DETAIL_SIZE 256

/* What to add to REPLY_INTERNAL when that is the reason. */
#define REPLY_NO_MEMORY ": out of memory; send the event again"

/* No response of reply_write() is longer. */
#define REPLY_BYTES 4096

struct reply {
	enum reply_kind kind;
	char detail[REPLY_DETAIL_SIZE]; /* UTF-8; follows the table's words */

	/* Of REPLY_RECORDED and REPLY_REPLAYED; borrowed. */
	const char *event_id;
	const char *event_type;
	const char *session_id;
};

/*
 * Sets kind and detail, the detail printed and cut to its room between
 * characters.  Returns the kind, so that a step can end with it.
 */
enum reply_kind reply_set(struct reply *reply, enum reply_kind kind,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The HTTP status (RFC 9110) and the log level of a kind. */
int reply_status(enum reply_kind kind);
enum log_level reply_log_level(enum reply_kind kind);

/* Appends the sentence of a refusal: the table's words and the detail. */
void reply_sentence(const struct reply *reply, struct text *out);

/*
 * Writes the whole CGI response (RFC 3875, section 6) to an empty text: header
 * fields, an empty line, and the JSON body unless with_body is false (HEAD).
 */
void reply_write(const struct reply *reply, bool with_body, struct text *out);

/* The response when there is no memory for a request. */
extern const char reply_fallback[];

#endif
