/* Records and pairs of the FastCGI Specification 1.0, section 3 and 8: numbers
 * and bytes.  Knows no connection and no library. */
#ifndef FCGI_RECORD_H
#define FCGI_RECORD_H

#include <stddef.h>

#include "base/text.h"

/* Section 8. */
enum fcgi_record_type {
	FCGI_RECORD_BEGIN = 1,
	FCGI_RECORD_ABORT = 2,
	FCGI_RECORD_END = 3,
	FCGI_RECORD_PARAMS = 4,
	FCGI_RECORD_STDIN = 5,
	FCGI_RECORD_STDOUT = 6,
	FCGI_RECORD_GET_VALUES = 9,
	FCGI_RECORD_GET_VALUES_RESULT = 10
};

enum {
	FCGI_RECORD_VERSION = 1,
	FCGI_RECORD_RESPONDER = 1,
	FCGI_RECORD_KEEP = 1,         /* the flag of a BEGIN record */
	FCGI_RECORD_COMPLETE = 0,     /* protocol status of an END record */
	FCGI_RECORD_UNKNOWN_ROLE = 3, /* the same */
	FCGI_RECORD_HEADER_BYTES = 8,
	FCGI_RECORD_BEGIN_BYTES = 8,
	/* Of the content; a multiple of 8 needs no padding. */
	FCGI_RECORD_CONTENT_MAX = 65528
};

/* A name and its value; bytes without a NUL behind them, borrowed. */
struct fcgi_record_pair {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

/* Writes the header of a record of version 1 without padding; `len` is at most
 * FCGI_RECORD_CONTENT_MAX. */
void fcgi_record_head(unsigned char head[FCGI_RECORD_HEADER_BYTES],
    unsigned type, unsigned id, size_t len);

/* Appends a whole record, or, when the content is longer than one can be, as
 * many as it needs.  Without content it appends one that is empty. */
void fcgi_record_add(struct text *out, unsigned type, unsigned id,
    const void *content, size_t len);

/* Appends a pair (section 3.4).  Both lengths must be below 2^31. */
void fcgi_record_add_pair(struct text *out,
    const struct fcgi_record_pair *pair);

/* Appends the record that ends a request. */
void fcgi_record_add_end(struct text *out, unsigned id, unsigned app_status,
    unsigned protocol_status);

/*
 * Takes the pair that begins at *at, and moves *at behind it.
 * Returns 1; 0 when there is none, as *at is `end`; -1 when what is there goes
 * beyond the end.
 */
int fcgi_record_next_pair(const char **at, const char *end,
    struct fcgi_record_pair *pair);

/* Whether the pair's name is this one. */
int fcgi_record_is_named(const struct fcgi_record_pair *pair,
    const char *name);

#endif
