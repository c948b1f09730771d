/* The way in of the FastCGI side, by its loop: bytes of a connection, until a
 * request is there whole and a worker has it. */
#ifndef FCGI_INPUT_H
#define FCGI_INPUT_H

#include "agentlens-ingest/fcgi_server.h"

/* The room that reading a connection the first time takes. */
size_t fcgi_input_room(void);

/* The room that it takes to read on. */
size_t fcgi_input_needed(const struct fcgi_peer *peer);

/* Reads what is there, and has the connection wait for more, or for room, or
 * hands its request over.  Other connections may be closed for it. */
void fcgi_input_read(struct fastcgi *fastcgi, struct fcgi_peer *peer);

/* Takes bytes that were read before. */
void fcgi_input_take(struct fastcgi *fastcgi, struct fcgi_peer *peer,
    const unsigned char *bytes, size_t len);

/* Hands a request over, which need not be whole: its body is late then.  The
 * workers have it when the loop has added all that it gathered. */
void fcgi_input_hand_over(struct fastcgi *fastcgi, struct fcgi_peer *peer);

#endif
