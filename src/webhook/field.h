/* Checks that a field of a body has the kind that it must have; the refusal
 * names the field.  It does not know which fields there are. */
#ifndef FIELD_H
#define FIELD_H

#include <stdint.h>

#include "base/json.h"
#include "webhook/refusal.h"

#define FIELD_ID_BYTES_MAX 256

/*
 * Each function here takes a value and the name that the sender has for it.
 * Each returns REFUSAL_NONE; or, with `refusal` set, REFUSAL_BAD_FIELD, or
 * REFUSAL_NO_MEMORY from field_read_object().
 */
enum refusal_code field_check_string(struct json_object *value,
    const char *name, struct refusal *refusal);
enum refusal_code field_check_number(struct json_object *value,
    const char *name, struct refusal *refusal);

/* An id: a string of at most FIELD_ID_BYTES_MAX bytes without control
 * characters, and so without a NUL. */
enum refusal_code field_check_id(struct json_object *value, const char *name,
    struct refusal *refusal);

/* An object, or a string that holds one as JSON.  *object is a new reference,
 * or NULL when it is refused. */
enum refusal_code field_read_object(struct json_object *value, const char *name,
    struct json_object **object, struct refusal *refusal);

/* A time: ISO 8601, or a number of milliseconds since 1970, not below 10^11.
 * The refusal says what is wrong with another.  *ms is set only
 * when it is one. */
enum refusal_code field_read_time(struct json_object *value, const char *name,
    int64_t *ms, struct refusal *refusal);

#endif
