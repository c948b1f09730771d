/* How a delivery is signed: HMAC-SHA256 of its bytes under the secret that it
 * shares with its source, in hex, in a header of its own. */
#ifndef SCHEME_H
#define SCHEME_H

#include <stddef.h>

#include "base/digest.h"

enum scheme_result {
	SCHEME_NO_SECRET, /* there is no secret to check it with */
	SCHEME_GOOD,
	SCHEME_WRONG, /* none of the secrets made it */
	SCHEME_FAILED /* libgcrypt computed no digest: it may be good */
};

/*
 * Reads the value of a signature header: optional white space, optional
 * "sha256=", 64 hex digits in either case.  Anything else, a shorter digest
 * above all, is refused.  Returns 0 or -1.
 */
int scheme_read(const char *header, unsigned char digest[DIGEST_BYTES]);

/* Whether one of the secrets, of which any may be NULL, signed this body with
 * this digest.  Digests are compared in constant time. */
enum scheme_result scheme_check(char *const *secrets, int count,
    const void *body, size_t len, const unsigned char digest[DIGEST_BYTES]);

#endif
