/* Fields of a body that must have a certain kind, or are a 400 that names
 * them. */
#ifndef FIELD_H
#define FIELD_H

#include <stdint.h>

#include "json.h"
#include "reply.h"

#define FIELD_ID_BYTES_MAX 256

/*
 * Each takes a value that is not null and the name it has for the sender, and
 * returns REPLY_NONE, or REPLY_BAD_FIELD with `reply` set.
 */
enum reply_kind field_check_string(struct json_object *value, const char *name,
    struct reply *reply);
enum reply_kind field_check_number(struct json_object *value, const char *name,
    struct reply *reply);

/* An id: a string of at most FIELD_ID_BYTES_MAX bytes without control
 * characters, and so without a NUL. */
enum reply_kind field_check_id(struct json_object *value, const char *name,
    struct reply *reply);

/* An object, or a string that holds one.  *object is a new reference. */
enum reply_kind field_read_object(struct json_object *value, const char *name,
    struct json_object **object, struct reply *reply);

/* A time: ISO 8601, or a number of milliseconds since 1970. */
enum reply_kind field_read_time(struct json_object *value, const char *name,
    int64_t *ms, struct reply *reply);

#endif
