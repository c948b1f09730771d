/* Base 64 (RFC 4648, section 4), read strictly: what is accepted is exactly
 * what would be written. */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>

#include "base/text.h"

/* Characters for so many bytes, without a NUL. */
#define BASE64_LEN(bytes) (((bytes) + 2) / 3 * 4)

/* Appends the bytes as base 64, padded, without line breaks. */
void base64_write(struct text *out, const void *bytes, size_t len);

/*
 * Reads `len` characters into at most `size` bytes.  Refused are a length that
 * is no multiple of four, any character outside the alphabet (white space and
 * NUL too), padding that is missing, misplaced or too long, and bits behind
 * the last byte that are not zero.  Returns 0 with *bytes_len, or -1, also
 * when the room is too small; `bytes` may be written to in both cases.
 */
int base64_read(const char *text, size_t len, unsigned char *bytes,
    size_t size, size_t *bytes_len);

/* The same, of exactly `size` bytes.  Returns 0 or -1. */
int base64_read_exactly(const char *text, size_t len, unsigned char *bytes,
    size_t size);

#endif
