/*
 * JSON read strictly and written as ECMAScript writes it: the only door to
 * json-c.  It does not know what the values mean.
 *
 * The values are json-c's.  Its reader and writer are not used, since hashes
 * are over what JSON.stringify(JSON.parse(text)) gives: those of json-c
 * saturate integers beyond 64 bits, end keys at a NUL and print doubles with
 * 17 digits.
 *
 * Two things differ from json-c's own trees: every number is a double, as in
 * ECMAScript; and a NUL inside a key is the two bytes C0 80, which no valid
 * UTF-8 contains, so that keys stay C strings.
 *
 * Of a value that was read, what is empty or a number of one digit may be the
 * same json_object at several places.  So nothing is added to what was read.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "base/text.h"

/* The most arrays and objects inside each other, the outermost included. */
#define JSON_DEPTH_MAX 64

#define JSON_NOWHERE ((size_t)-1)

struct json_error {
	const char *reason; /* static */
	size_t offset;      /* byte at which reading stopped; of what is JSON
	                     * and yet not what is asked for, JSON_NOWHERE */
	bool no_memory;     /* nothing is known about the text */
};

/*
 * Reads one JSON text (RFC 8259): valid UTF-8, a leading byte order mark
 * skipped, nothing but white space after the value, at most JSON_DEPTH_MAX
 * deep.  Of duplicate keys the last wins, in the position of the first; a lone
 * surrogate becomes U+FFFD; a number too large for a double is an error.
 * text[len] must be a NUL, which ends a number that is the whole text.
 *
 * Returns 0 with *value (NULL for JSON's null), which the caller releases with
 * json_object_put(); or -1 with *error.
 */
int json_read(const char *text, size_t len, struct json_object **value,
    struct json_error *error);

/*
 * Appends the value as JSON.stringify() writes it (ECMA-262, 25.5.2 and
 * Number::toString): no white space, integer-like keys first and ascending.
 * The text is a fixed point of JSON.stringify(JSON.parse(text)).
 */
void json_write(struct text *out, struct json_object *value);

/* Appends a string in its quotes; `string` is valid UTF-8, NULs allowed. */
void json_write_string(struct text *out, const char *string, size_t len);

/* The member of an object: NULL when it is absent or null, or when `object`
 * is no object.  Borrowed. */
struct json_object *json_get(struct json_object *object, const char *key);

/* The same, when the member is a string that is neither empty nor has a NUL;
 * else NULL. */
const char *json_get_string(struct json_object *object, const char *key);

/* Whether the value is of this type; a NULL value is of none. */
bool json_is_object(struct json_object *value);
bool json_is_string(struct json_object *value);
bool json_is_number(struct json_object *value);
bool json_is_list(struct json_object *value);

/*
 * A value that is an object, or a string that holds one as JSON text, as some
 * senders encode it.  Returns 0 with a new reference in *object, or NULL there
 * when it is neither; -1 when memory runs out.
 */
int json_as_object(struct json_object *value, struct json_object **object);

/*
 * Adds a member and takes over the reference to `value` in any case.  Returns
 * 0, or -1 when memory ran out (a NULL value counts as that).
 */
int json_add(struct json_object *object, const char *key,
    struct json_object *value);

/* The version of json-c in use, as a static string. */
const char *json_library_version(void);

#endif
