/* Requests of FastCGI: the only door to libfcgi. */
#ifndef FASTCGI_H
#define FASTCGI_H

#include <stdbool.h>

#include "agentlens-ingest/request.h"

/* Whether this process was handed a listening socket as descriptor 0. */
bool fastcgi_is_served(void);

struct fastcgi;

/*
 * Makes ready to serve FastCGI from descriptor 0, at most requests_max at
 * once.  Connections whose peer keeps silent for timeout_ms are closed.
 * Returns NULL on failure, logged.
 */
struct fastcgi *fastcgi_open(int timeout_ms, long requests_max);

/*
 * Serves requests until fastcgi_stop().  Any number of threads may be in it;
 * one is needed for each peer that sends slowly or keeps its connection.
 */
void fastcgi_serve(struct fastcgi *fastcgi, request_handler *handler,
    void *context);

/* Makes all threads return from fastcgi_serve() once they have handed on the
 * requests that they have. */
void fastcgi_stop(struct fastcgi *fastcgi);

/* All requests must be answered by then. */
void fastcgi_close(struct fastcgi *fastcgi);

/* The version of libfcgi that this was built with, as text: the library does
 * not tell its own. */
const char *fastcgi_library_version(void);

#endif
