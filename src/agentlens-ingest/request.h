/* A request and its answer (RFC 3875), the same for CGI and FastCGI.  It does
 * not know what the request asks for. */
#ifndef REQUEST_H
#define REQUEST_H

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
 * What follows the endpoint in the request's path, "health" or the name of a
 * sender, without the slashes around it; "" for the endpoint itself, and for
 * what is longer than any name, "?".  That is PATH_INFO; else, for servers that
 * do not split the path, what follows the endpoint's usual path, or the script's
 * name, in the URI.  Where neither is in it, the last step of the URI's path is
 * only a guess, as it may belong to the endpoint: then it returns false.
 */
#define REQUEST_PATH_SIZE 128
bool request_path(const struct request *request, char path[REQUEST_PATH_SIZE]);

/*
 * Reads the body to its end, at most max_len bytes, within timeout_ms in all.
 * A body that is larger is read on and thrown away until the same time, so
 * that every web server passes the answer on.  By FastCGI limit and time are
 * those of the connection, and it was read before.
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

/* Answers with a whole response, in CGI form, and ends the request, which is
 * gone then.  Never waits for a peer of FastCGI. */
void request_answer(struct request *request, const char *response,
    size_t len);

/* --- For CGI and FastCGI ------------------------------------------------- */

/* What reading a body came to. */
enum request_end {
	REQUEST_END_WHOLE,
	REQUEST_END_BROKEN, /* the web server went away */
	REQUEST_END_LATE
};

/* A body that is read. */
struct request_reading {
	long long announced; /* CONTENT_LENGTH, or -1 */
	long long got;       /* bytes, those that are thrown away too */
	size_t max_len;      /* of what is kept */
	int64_t deadline;
	struct text *body;
};

/* What CGI and FastCGI each do in their own way. */
struct request_way {
	const char *(*variable)(const struct request *request,
	    const char *name);
	enum request_end (*read_body)(struct request *request,
	    struct request_reading *reading);
	void (*log)(struct request *request);
	void (*answer)(struct request *request, const char *response,
	    size_t len);
};

/* The first member of what a way has of it. */
struct request {
	const struct request_way *way;
	long long body_bytes; /* how many there were, or were announced */
};

/* CONTENT_LENGTH as a number; -1 when there is none, -2 when it is not one. */
long long request_content_length(const struct request *request);

#endif
