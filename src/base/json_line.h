/* Writes a JSON object on one line, member by member: {"a":…,"b":…}.  It knows
 * no names of members. */
#ifndef JSON_LINE_H
#define JSON_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Each appends a member.  The text must be empty before the first, which opens
 * the object.  Malformed UTF-8 in a value becomes U+FFFD; a NULL value becomes
 * null.
 */
void json_line_text(struct text *out, const char *name, const char *value);
void json_line_number(struct text *out, const char *name, int64_t value);
void json_line_bool(struct text *out, const char *name, bool value);

/* The same for bytes, as a string of hexadecimal digits. */
void json_line_bytes(struct text *out, const char *name, const void *bytes,
    size_t len);

/* The same for a value that is JSON already, written anew; as a string when
 * it cannot be read as JSON. */
void json_line_raw(struct text *out, const char *name, const char *json);

/* Closes the object, which without a member is {}. */
void json_line_end(struct text *out);

#endif
