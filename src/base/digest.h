/* HMAC-SHA256 (RFC 2104, RFC 4231) and SHA-256 (FIPS 180-4): the only door to
 * libgcrypt.  It does not know what is hashed, nor why. */
#ifndef DIGEST_H
#define DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#define DIGEST_BYTES 32
#define DIGEST_HEX_SIZE (2 * DIGEST_BYTES + 1)

/*
 * Prepares libgcrypt; call it once, before any thread and any other function
 * here.  Returns 0, or -1 when the library is older than the headers.
 */
int digest_init(void);

/* The version of libgcrypt in use, as a static string. */
const char *digest_library_version(void);

/* HMAC-SHA256 of the data under the key.  Returns 0, or -1 when libgcrypt
 * refuses (a key too short for its FIPS mode). */
int digest_hmac_sha256(const void *key, size_t key_len, const void *data,
    size_t len, unsigned char digest[DIGEST_BYTES]);

/* SHA-256 of the concatenated parts, at most 8.  Returns 0, or -1 when
 * libgcrypt refuses. */
int digest_sha256(const struct iovec *parts, int count,
    unsigned char digest[DIGEST_BYTES]);

/* Compares two digests in a time that does not depend on their bytes. */
bool digest_equal(const unsigned char a[DIGEST_BYTES],
    const unsigned char b[DIGEST_BYTES]);

#endif
