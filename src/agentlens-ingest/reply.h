/* The answers: one table of what is said about each refusal, and how an answer
 * is written.  No other file knows HTTP statuses and sentences, and this one
 * does not know why something is refused. */
#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>

#include "base/log.h"
#include "base/text.h"
#include "webhook/refusal.h"
#include "webhook/source.h"

/* No response of reply_write() is longer. */
#define REPLY_BYTES 4096

enum reply_kind {
	REPLY_REFUSED, /* for the reason in `refusal` */
	REPLY_RECORDED,
	REPLY_REPLAYED,
	REPLY_HEALTHY,
	REPLY_HANDSHAKE, /* a sender only asks whether somebody is there */
	REPLY_KINDS
};

struct reply {
	enum reply_kind kind;
	struct refusal refusal;
	const struct source *source; /* or NULL: it is not known */

	/* Of REPLY_RECORDED and REPLY_REPLAYED; borrowed. */
	const char *event_id;
	const char *event_type;
	const char *session_id;

	const char *handshake; /* the JSON of REPLY_HANDSHAKE; borrowed */
};

/* The HTTP status (RFC 9110) and the log level of a reply. */
int reply_status(const struct reply *reply);
enum log_level reply_log_level(const struct reply *reply);

/* Appends the sentence of a refusal; nothing for any other reply. */
void reply_sentence(const struct reply *reply, struct text *out);

/*
 * Writes the whole CGI response (RFC 3875, section 6) to an empty text: header
 * fields, an empty line, and the JSON body unless with_body is false (HEAD).
 */
void reply_write(const struct reply *reply, bool with_body, struct text *out);

/* The whole response when there is no memory for a request. */
extern const char reply_fallback[];

#endif
