/* HMAC-SHA256 (RFC 2104, RFC 4231) and SHA-256 (FIPS 180-4): the only door to
 * libgcrypt. */
#ifndef SIGNATURE_H
#define SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#define SIGNATURE_BYTES 32
#define SIGNATURE_HEX_SIZE (2 * SIGNATURE_BYTES + 1)

/*
 * Prepares libgcrypt; call it once, before any thread and any other function
 * here.  Returns 0, or -1 when the library is older than the headers.
 */
int signature_init(void);

/* The version of libgcrypt in use, as text. */
const char *signature_library_version(void);

/* HMAC-SHA256 of the data under the key.  Returns 0, or -1 when libgcrypt
 * refuses (a key too short for its FIPS mode). */
int signature_hmac_sha256(const void *key, size_t key_len, const void *data,
    size_t len, unsigned char digest[SIGNATURE_BYTES]);

/* SHA-256 of the concatenated parts, at most 8.  Returns 0, or -1 when
 * libgcrypt refuses. */
int signature_sha256(const struct iovec *parts, int count,
    unsigned char digest[SIGNATURE_BYTES]);

/*
 * Reads a signature header: optional white space, optional "sha256=", 64 hex
 * digits in either case.  Anything else, a shorter digest above all, is
 * refused.  Returns 0 or -1.
 */
int signature_decode(const char *header, unsigned char digest[SIGNATURE_BYTES]);

/* Compares two digests in a time that does not depend on their bytes. */
bool signature_equal(const unsigned char a[SIGNATURE_BYTES],
    const unsigned char b[SIGNATURE_BYTES]);

/* Writes a digest as 64 lower-case hex digits and a NUL. */
void signature_hex(const unsigned char digest[SIGNATURE_BYTES],
    char out[SIGNATURE_HEX_SIZE]);

#endif
