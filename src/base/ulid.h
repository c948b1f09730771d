/* ULIDs: 48 bits of milliseconds and 80 random bits in 26 characters of
 * Crockford's base 32, which sort as text in the order they were minted
 * (the ULID specification, github.com/ulid/spec).  It does not know what they
 * are the names of. */
#ifndef ULID_H
#define ULID_H

#include <stdbool.h>
#include <stdint.h>

#define ULID_LEN 26
#define ULID_SIZE (ULID_LEN + 1)

/* The characters that tell the time, and a NUL. */
#define ULID_TIME_SIZE 11

/* Whether the text is a ULID in the form that ulid_mint() gives: 26 upper-case
 * characters whose value fits in 128 bits. */
bool ulid_is_valid(const char *text);

/* The milliseconds in a ULID; -1 when the text is not one. */
int64_t ulid_time(const char *text);

/* Writes how ULIDs of the time ms (at least 0) begin: below all of them, and
 * above all of earlier times. */
void ulid_begin(int64_t ms, char out[ULID_TIME_SIZE]);

/*
 * Mints a ULID for the time ms (milliseconds since 1970, at least 0) that is
 * greater than `after`, a ULID or "" for none: when `after` has the same time
 * or a later one, it is counted up by one, as the specification's monotonic
 * generator does.  `out` may be `after`.
 * Returns 0; -1 when the system has no random bytes or the ids are used up.
 */
int ulid_mint(int64_t ms, const char *after, char out[ULID_SIZE]);

#endif
