/* The way out of the FastCGI side: an answer to its connection, by whoever has
 * finished the request, and what becomes of the connection then. */
#ifndef FCGI_ANSWER_H
#define FCGI_ANSWER_H

#include "agentlens-ingest/fcgi_server.h"

/*
 * Writes what there is of the answer and can be written without waiting; the
 * loop writes the rest.  The connection is kept, or left, or closed after it.
 */
void fcgi_answer_send(struct fastcgi *fastcgi, struct fcgi_peer *peer);

/* Answers the request that has begun with the response for want of memory, and
 * takes none for it.  The connection is not kept. */
void fcgi_answer_fallback(struct fastcgi *fastcgi, struct fcgi_peer *peer);

#endif
