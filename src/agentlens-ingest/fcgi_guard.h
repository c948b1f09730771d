/* What a peer of the FastCGI socket may send (FastCGI Specification 1.0): a
 * guard before the library, which trusts its peers. */
#ifndef FCGI_GUARD_H
#define FCGI_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* All parameters of a request; web servers stop at 64 KiB or before. */
#define FCGI_GUARD_PARAMS_MAX (512 * 1024)

/* The bytes of one connection so far.  All zero in the beginning. */
struct fcgi_guard {
	const char *fault; /* why the connection is to be ended, or NULL */

	unsigned char header[8];
	size_t header_len;
	size_t content; /* bytes of the record still to come */
	size_t padding;

	unsigned id; /* of the request whose parameters are read; 0: none */
	size_t params;

	/* Inside a pair of them: how many bytes of its two lengths are there,
	 * what the lengths are, and what is to come of name and value. */
	unsigned char lengths[8];
	size_t lengths_len;
	size_t rest;
};

/*
 * Looks at the next bytes.  Returns 0; or -1, with the fault, when the library
 * must not see them: management records, whose answer it writes beyond its
 * room (2.4.2), another version, and parameters that are longer than the limit
 * or claim to be, for which it would ask for any amount of memory.
 */
int fcgi_guard_look(struct fcgi_guard *guard, const void *bytes, size_t len);

#endif
