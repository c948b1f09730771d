/* A request in, a reply out, over FastCGI or CGI (RFC 3875): the only door to
 * libfcgi. */
#ifndef GATEWAY_H
#define GATEWAY_H

#include <stdbool.h>
#include <stddef.h>

#include "reply.h"
#include "text.h"

struct request;

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
 * Returns REPLY_NONE, REPLY_BAD_LENGTH, REPLY_WRONG_LENGTH, REPLY_TOO_LARGE,
 * REPLY_TOO_SLOW or REPLY_INTERNAL with `reply` set.
 */
enum reply_kind request_read_body(struct request *request, size_t max_len,
    int timeout_ms, struct text *body, struct reply *reply);

/*
 * Handles one request, and ends it with request_answer(): at once, or later
 * and on another thread once its body was read.
 */
typedef void gateway_handler(void *context, struct request *request);

/* Sends what this thread logs, until it answers the request, to the web server
 * with it. */
void request_log(struct request *request);

/* Answers with a whole response, in CGI form, and ends the request, which is
 * gone then.  Never waits when the body was read to its end. */
void request_answer(struct request *request, const char *response,
    size_t len);

/* Whether this process was handed a listening socket as descriptor 0. */
bool gateway_is_fastcgi(void);

/* Serves the one request of the environment, which must be answered when the
 * handler returns.  Returns 0, or -1 when the response was not written. */
int gateway_serve_cgi(gateway_handler *handler, void *context);

struct gateway;

/*
 * Makes ready to serve FastCGI from descriptor 0, at most requests_max at
 * once.  Connections whose peer keeps silent for timeout_ms are closed.
 * Returns NULL on failure, logged.
 */
struct gateway *gateway_open(int timeout_ms, long requests_max);

/*
 * Serves requests until gateway_stop().  Any number of threads may be in it;
 * one is needed for each peer that sends slowly or keeps its connection.
 */
void gateway_serve(struct gateway *gateway, gateway_handler *handler,
    void *context);

/* Makes all threads return from gateway_serve() once they have handed on the
 * requests that they have. */
void gateway_stop(struct gateway *gateway);

/* All requests must be answered by then. */
void gateway_close(struct gateway *gateway);

/* The version of libfcgi that this was built with, as text: the library does
 * not tell its own. */
const char *gateway_library_version(void);

#endif
