/* A FastCGI stream in memory, written anew from what was understood of a
 * request: all that libfcgi ever reads.  Knows no socket and no library. */
#ifndef FCGI_STREAM_H
#define FCGI_STREAM_H

#include <stddef.h>

#include "agentlens-ingest/fcgi_reader.h"
#include "base/text.h"

struct fcgi_stream {
	/* To be read: BEGIN and parameters, then the body in records. */
	struct text head;
	size_t head_read;
	struct text body;
	size_t body_read;
	bool body_ended; /* its last record was begun */
	unsigned char mark[FCGI_RECORD_HEADER_BYTES]; /* of a record of it */
	size_t mark_left;
	size_t record_left;

	unsigned id;
	struct text written;
};

/*
 * Begins a stream from a request whose parameters are whole, and takes its
 * parameters and body out of the reader.  A body that is not whole, or too
 * long, is left out: the stream ends in the middle of it.
 * Returns 0; or -1 when memory ran out.  Free it in both cases.
 */
int fcgi_stream_begin(struct fcgi_stream *stream, struct fcgi_reader *reader);

/* The next bytes, at most len.  Returns their number; 0: there are no more. */
size_t fcgi_stream_read(struct fcgi_stream *stream, void *buffer, size_t len);

/*
 * Releases what is left to be read, and begins a request of the same id without
 * parameters, so that it can be answered in place of the first.  What was
 * written stays.  Returns 0; or -1 when memory ran out.
 */
int fcgi_stream_renew(struct fcgi_stream *stream);

void fcgi_stream_free(struct fcgi_stream *stream);

#endif
