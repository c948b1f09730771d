/* HMAC (RFC 2104, RFC 4231), SHA-256 (FIPS 180-4) and the arithmetic of
 * Ed25519: the only door to libgcrypt.  It does not know what is hashed, nor
 * why. */
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

enum digest_algorithm {
	DIGEST_SHA256,
	DIGEST_SHA1 /* for those who sign with nothing better */
};

/* The bytes of an algorithm's digest: at most DIGEST_BYTES. */
size_t digest_size(enum digest_algorithm algorithm);

/* HMAC of the concatenated parts, at most 7, under the key; digest_size()
 * bytes.  Returns 0, or -1 when libgcrypt refuses. */
int digest_hmac(enum digest_algorithm algorithm, const void *key,
    size_t key_len, const struct iovec *parts, int count,
    unsigned char digest[DIGEST_BYTES]);

/* SHA-256 of the concatenated parts, at most 8.  Returns 0, or -1 when
 * libgcrypt refuses. */
int digest_sha256(const struct iovec *parts, int count,
    unsigned char digest[DIGEST_BYTES]);

/*
 * SHA-256 of what comes in pieces.  Returns NULL when memory runs out; adding
 * cannot fail; the end writes the digest, unless it is NULL, and releases it
 * all.  NULL is allowed for `stream`: nothing happens.
 */
struct digest_stream;
struct digest_stream *digest_stream_open(void);
void digest_stream_add(struct digest_stream *stream, const void *data,
    size_t len);
void digest_stream_close(struct digest_stream *stream,
    unsigned char digest[DIGEST_BYTES]);

/*
 * Ed25519 for base/ed25519.h, which says more, and which checks what libgcrypt
 * does not: nobody else calls these.  The first two return 0, or -1 when
 * libgcrypt refuses; the last 1 when the signature is right, 0 when it is
 * wrong or the key is no point, -1 when memory ran out.
 */
int digest_ed25519_public(const unsigned char seed[32],
    unsigned char public[32]);
int digest_ed25519_sign(const unsigned char seed[32], const void *data,
    size_t len, unsigned char signature[64]);
int digest_ed25519_verify(const unsigned char public[32], const void *data,
    size_t len, const unsigned char signature[64]);

/* Compares two digests in a time that does not depend on their bytes. */
bool digest_equal(const unsigned char a[DIGEST_BYTES],
    const unsigned char b[DIGEST_BYTES]);

#endif
