/* The FastCGI side: one thread that waits for all connections, and workers for
 * requests that are there whole. */
#ifndef FASTCGI_H
#define FASTCGI_H

#include <stdbool.h>
#include <stddef.h>

#include "agentlens-ingest/request.h"

/* Whether this process was handed a listening socket as descriptor 0. */
bool fastcgi_is_served(void);

struct fastcgi_settings {
	int timeout_ms;  /* for parameters, for a body, and for an answer */
	size_t body_max; /* the longest body that is kept */
	long threads;    /* workers */
	request_handler *handler;
	void *context;
	const char *fallback; /* the response when there is no memory for a
	                       * request, 512 bytes at most */
};

struct fastcgi;

/*
 * Begins to serve FastCGI from descriptor 0.
 *
 * No peer holds a thread: connections are read as their bytes come, and a
 * request takes a worker once it is there whole, or once its body is late.  A
 * body of more than 16 KiB takes the one worker for such.  All buffers
 * together hold 32 MiB, or two of the longest bodies; when that, or the number
 * of descriptors, is used up, connections that wait for their peers are closed
 * (fcgi_peers.h), and if that is not enough, new ones wait in the socket.
 *
 * Returns NULL on failure, logged.
 */
struct fastcgi *fastcgi_open(const struct fastcgi_settings *settings);

/* Takes no new connection, and waits until each request that has begun is
 * answered or has come to its time limit. */
void fastcgi_stop(struct fastcgi *fastcgi);

/* Once it was stopped, and nothing answers requests any more. */
void fastcgi_close(struct fastcgi *fastcgi);

/* The version of libfcgi that this was built with, as text: the library does
 * not tell its own. */
const char *fastcgi_library_version(void);

#endif
