/*
 * Ed25519 (RFC 8032, section 5.1), deterministic, over messages as they are.
 *
 * libgcrypt does the arithmetic.  In front of it stands what it lets pass or
 * does not survive: see ed25519_is_public().
 */
#ifndef ED25519_H
#define ED25519_H

#include <stdbool.h>
#include <stddef.h>

#define ED25519_SEED_BYTES 32
#define ED25519_PUBLIC_BYTES 32
#define ED25519_SIGNATURE_BYTES 64

/* Makes a private key of random bytes of the system.  Returns 0 or -1; the
 * caller wipes the seed. */
int ed25519_generate(unsigned char seed[ED25519_SEED_BYTES]);

/* The public key of a private one.  Returns 0, or -1 when libgcrypt refuses. */
int ed25519_public(const unsigned char seed[ED25519_SEED_BYTES],
    unsigned char public[ED25519_PUBLIC_BYTES]);

/* Signs.  Returns 0, or -1 when libgcrypt refuses or memory runs out. */
int ed25519_sign(const unsigned char seed[ED25519_SEED_BYTES],
    const void *data, size_t len,
    unsigned char signature[ED25519_SIGNATURE_BYTES]);

/*
 * Whether this can be somebody's public key.  Refused are an encoding with
 * y >= p, which is a second way to write a point; the points of small order,
 * under which anybody can sign anything; and y < 2^192, which ends a process
 * with libgcrypt 1.10.1 and which no one will ever draw.  That the point is on
 * the curve is left to ed25519_verify().
 */
bool ed25519_is_public(const unsigned char public[ED25519_PUBLIC_BYTES]);

/*
 * Verifies without the cofactor, as Go and OpenSSL do.  Besides wrong
 * signatures those with S >= L are refused, of which every right one has a
 * twin, and all under a key that is none.  Returns 1 when it is right, 0 when
 * it is not, -1 when memory ran out.
 */
int ed25519_verify(const unsigned char public[ED25519_PUBLIC_BYTES],
    const void *data, size_t len,
    const unsigned char signature[ED25519_SIGNATURE_BYTES]);

#endif
