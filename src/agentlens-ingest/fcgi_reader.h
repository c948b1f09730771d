/* What a web server sends on a FastCGI connection (FastCGI Specification 1.0),
 * understood once and strictly.  Takes bytes as they come; knows no socket and
 * no library. */
#ifndef FCGI_READER_H
#define FCGI_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "agentlens-ingest/fcgi_record.h"
#include "base/text.h"

/* All parameters of a request, in bytes and in number.  Web servers take 64 KiB
 * of header fields, or less; Apache's limits allow 100 fields of 8 KiB. */
#define FCGI_READER_PARAMS_MAX (512 * 1024)
#define FCGI_READER_PAIRS_MAX 4096

/* What FCGI_GET_VALUES may ask; all that there is to ask takes 50 bytes. */
#define FCGI_READER_VALUES_MAX 512

enum fcgi_reader_phase {
	FCGI_READER_IDLE, /* no request has begun */
	FCGI_READER_PARAMS,
	FCGI_READER_BODY,
	FCGI_READER_ENDED /* all of the request is there */
};

enum fcgi_reader_event {
	FCGI_READER_MORE,    /* all bytes are taken, and more must come */
	FCGI_READER_HEADED,  /* the parameters are whole and good */
	FCGI_READER_WHOLE,   /* the request is there, its last padding too */
	FCGI_READER_ABORTED, /* the web server gave the request up */
	FCGI_READER_ASKED,   /* FCGI_GET_VALUES; the question is `values` */
	FCGI_READER_ROLE,    /* a request for another role than Responder */
	FCGI_READER_DISORDER,
	FCGI_READER_NO_MEMORY
};

/* All zero but for body_max in the beginning. */
struct fcgi_reader {
	size_t body_max;   /* a longer body is counted, not kept */
	const char *fault; /* of a disorder; a constant */

	unsigned char header[FCGI_RECORD_HEADER_BYTES];
	size_t header_len;
	size_t content; /* bytes of the record still to come */
	size_t padding;
	unsigned char begin[FCGI_RECORD_BEGIN_BYTES];

	/* The request. */
	enum fcgi_reader_phase phase;
	unsigned id;
	bool keep;
	struct text params; /* pairs; once they are whole, good ones */
	long long announced; /* CONTENT_LENGTH; -1 when it tells none */
	struct text body;    /* empty when it is longer than body_max */
	size_t body_len;     /* of all that came */

	struct text values;
};

/*
 * Takes bytes up to the next event, and adds their number to *taken.
 *
 * Disorder, after which the connection must be ended: another version, a
 * record that is unknown, or comes where it may not, or is another request's,
 * or has not the length that its kind must have; more parameters than the
 * limits above; a parameter that is longer than what is left of all of them,
 * has no name, "=" in its name, or a NUL.
 *
 * An abort of no request is what a web server and its answer that crossed each
 * other leave behind: it is passed over.
 */
enum fcgi_reader_event fcgi_reader_take(struct fcgi_reader *reader,
    const unsigned char *bytes, size_t len, size_t *taken);

/* Makes it ready for the next request of the connection; what was understood
 * of the last is released. */
void fcgi_reader_next(struct fcgi_reader *reader);

void fcgi_reader_free(struct fcgi_reader *reader);

#endif
