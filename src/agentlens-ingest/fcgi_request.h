/* A request as libfcgi reads it, from a stream that was written anew: the only
 * door to the library, which never sees a descriptor. */
#ifndef FCGI_REQUEST_H
#define FCGI_REQUEST_H

#include <stdbool.h>

#include "agentlens-ingest/fcgi_reader.h"
#include "agentlens-ingest/request.h"

/* What the library takes for a request beside its parameters and body: its
 * buffers, and what is around them. */
#define FCGI_REQUEST_BYTES (20 * 1024)

/* Readies the library.  Returns 0, or -1. */
int fcgi_request_init(void);

/*
 * Called when the request was answered and is gone, on the thread that did:
 * with the records of the answer, which are the callee's from then on; it must
 * not wait.
 */
typedef void fcgi_request_done(void *context, struct text *records);

/*
 * Makes a request of one that was read up to the end of its parameters, at
 * least, and takes it out of the reader.  A body that has not ended is one
 * that came too slowly.
 * Returns NULL when memory ran out.
 */
struct request *fcgi_request_open(struct fcgi_reader *reader,
    fcgi_request_done *done, void *context);

/* All variables as the library read them, "NAME=value" in their order after
 * one of its own; NULL at the end.  Borrowed. */
char *const *fcgi_request_variables(const struct request *request);

/* The version of libfcgi that this was built with, as text: the library does
 * not tell its own. */
const char *fcgi_request_library_version(void);

#endif
