/* The way of a delivery through all the steps; the only file that knows them
 * all. */
#ifndef INGEST_H
#define INGEST_H

#include "committer.h"
#include "envelope.h"
#include "event.h"
#include "gateway.h"
#include "mapping.h"
#include "settings.h"

struct ingest {
	const struct settings *settings; /* NULL: they could not be read */
	const char *settings_error;      /* why not; for the log only */
	struct committer *committer;
};

/*
 * Handles one request: every check in the order of the manual, the first
 * failure answers.  A gateway_handler; `context` is a struct ingest, which
 * any number of threads may share.
 */
void ingest_handle(void *context, struct request *request);

/* A body on its way to an event; begins as { 0 }. */
struct conversion {
	struct envelope envelope;
	struct mapping mapping;
	struct event event;
};

/*
 * The steps from a body, an object, to an event that is not sealed yet.  They
 * look at nothing else, so that the same bytes come to the same event at any
 * time.  Returns REPLY_NONE, or the refusal with `reply` set; free the
 * conversion in both cases, and before the body.
 */
enum reply_kind ingest_convert(struct conversion *conversion,
    const struct source *source, struct json_object *body, bool is_signed,
    const char *tenant, struct reply *reply);

void ingest_conversion_free(struct conversion *conversion);

/* The key by which a signed delivery is known again: SHA-256 of the source's
 * name, a NUL and the body.  Returns false when libgcrypt refuses. */
bool ingest_key(const struct source *source, const void *body, size_t len,
    unsigned char key[SIGNATURE_BYTES]);

#endif
