/* A request and its answer (RFC 3875), the same for CGI and FastCGI.  It does
 * not know what the request asks for. */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "webhook/refusal.h"

struct request;

/* --- For the steps ------------------------------------------------------- */

/* A variable of the request: "REQUEST_METHOD", "CONTENT_LENGTH".  NULL when it
 * is absent.  Borrowed until the request ends. */
const char *request_variable(const struct request *request, const char *name);

/* A header field by its name, "X-Webhook-Signature"; NULL when it is absent
 * or empty.  Its first parameter is a struct request, so that it can be
 * handed on as a source_header_fn. */
const char *request_header(const void *request, const char *name);

/*
 * What follows the mount point in the request's path: PATH_INFO, else, for
 * servers that do not split the path, "/health" when the URL's path ends in
 * it.  Never NULL.
 */
const char *request_path(const struct request *request);

/*
 * Reads the body to its end, at most max_len bytes, within timeout_ms in all.
 * A body that is larger is read on and thrown away until the same time, so
 * that every web server passes the answer on.
 * Returns REFUSAL_NONE, REFUSAL_BAD_LENGTH, REFUSAL_WRONG_LENGTH,
 * REFUSAL_TOO_LARGE, REFUSAL_TOO_SLOW or REFUSAL_NO_MEMORY with `refusal` set.
 */
enum refusal_code request_read_body(struct request *request, size_t max_len,
    int timeout_ms, struct text *body, struct refusal *refusal);

/*
 * Handles one request, and ends it with request_answer(): at once, or later
 * and on another thread once its body was read.
 */
typedef void request_handler(void *context, struct request *request);

/* Sends what this thread logs to the web server's log of this request, until
 * the request is answered. */
void request_log(struct request *request);

/* Answers with a whole response, in CGI form, and ends the request, which must
 * not be used any more.  Never waits when the body was read to its end. */
void request_answer(struct request *request, const char *response,
    size_t len);

/* --- For CGI and FastCGI ------------------------------------------------- */

/* The most bytes in a piece of a body, and the size of its buffer. */
#define REQUEST_PIECE_BYTES 16384

/* What reading a piece of the body came to. */
enum request_piece {
	REQUEST_PIECE_DATA,
	REQUEST_PIECE_END,
	REQUEST_PIECE_BROKEN, /* the web server went away */
	REQUEST_PIECE_LATE
};

/* How far the body is read. */
struct request_reading {
	long long announced; /* CONTENT_LENGTH, or -1 */
	long long got;       /* bytes so far */
	int64_t deadline;    /* ms of timestamp_monotonic() */
};

/* What CGI and FastCGI each do in their own way. */
struct request_way {
	const char *(*variable)(const struct request *request,
	    const char *name);

	/* Reads the next piece of the body, before the deadline. */
	enum request_piece (*read)(struct request *request,
	    const struct request_reading *reading, char *buffer, size_t *len);

	/* Ends reading at this time from now on; 0 ends the limit. */
	void (*limit)(struct request *request, int64_t deadline);
	void (*log)(struct request *request);
	void (*answer)(struct request *request, const char *response,
	    size_t len);
};

struct request {
	const struct request_way *way;
	bool body_ended; /* there is no more of the body to be read */
};

/* CONTENT_LENGTH as a number; -1 when there is none, -2 when it is not one. */
long long request_content_length(const struct request *request);

/* Reads the next piece; REQUEST_PIECE_LATE once the deadline is over.  *len is
 * its length, 0 where there is none. */
enum request_piece request_read_piece(struct request *request,
    const struct request_reading *reading, char *buffer, size_t *len);

#endif
